//! The detail of one session.

use super::*;
use crate::host::process_info::{Presence, ProcessInfo, Program};
use crate::model::turns::{ResponseTimes, ShortTime};
use crate::ui::action::Mode;

fn info(pid: u32) -> ProcessInfo {
    ProcessInfo {
        pid,
        presence: Presence::Shown,
        started_ns: S,
        command: "nginx: worker process".into(),
        program: Program::Path("/usr/sbin/nginx".into()),
        user: Some((33, Some("www-data".into()))),
        descriptors: Some((980, 1024)),
        parents: vec![(22590, "nginx".into()), (1, "systemd".into())],
    }
}

/// The session some seconds later.
fn later(s: u64, session: Session) -> Session {
    Session {
        tx_bytes: session.tx_bytes + (s - 10) * (s - 10) * 40_000,
        rx_bytes: session.rx_bytes + (s - 10) * 300,
        end_ns: s * S,
        busy_ms: (s - 8) as u32 * 700,
        rwnd_limited_ms: (s - 8) as u32 * 600,
        retransmits: 3,
        retransmitted_bytes: 4344,
        mss: 1448,
        ..session
    }
}

/// Opens the busiest session's detail for a while.
pub fn watching(size: Size) -> App {
    let mut app = app(size);
    assert_eq!(looked_up(press(&mut app, "Enter")), Some(22597));
    app.process(info(22597));
    for s in 11..30 {
        app.batch(batch_at(s, vec![later(s, busiest())], vec![]));
    }
    app
}

/// The detail of a session that loses packets, and whose peer reads too slowly.
pub fn losing(size: Size) -> App {
    let mut app = app(size);
    press(&mut app, "Enter");
    for s in 11..30 {
        let lost = (s - 10) as u32;
        let session = Session {
            retrans_timeout: lost / 6,
            retrans_fast: lost / 2 * 4,
            retrans_probe: lost / 5,
            zero_window: match s {
                20..24 => ZeroWindow::Peer,
                _ => ZeroWindow::None,
            },
            ..later(s, busiest())
        };
        app.batch(batch_at(s, vec![session], vec![]));
    }
    app
}

#[test]
fn detail_marks_retransmits_by_cause_and_closed_windows_on_the_time_line() {
    let app = losing(LARGE);
    let shown = screen(&app, LARGE);
    let signs = shown.lines().find(|l| l.contains("  signs"));
    let (_, marks) = signs.and_then(|l| l.split_once('│')).expect("signs");
    assert_eq!(
        marks.trim_matches([' ', '"']),
        "r rpR r r0R00pr R",
        "{shown}"
    );
    for text in [
        "R retransmit after timeout, 0 peer's window 0, r fast retransmit, p tail loss probe",
        "The peer reads too slowly: its window was 0 in 4s of the last 19s",
        "3 segments, 4.3kB, 0.02% of the bytes sent: 3 after timeouts, 36 fast, 3 probes",
    ] {
        assert!(shown.contains(text), "{text}:\n{shown}");
    }
}

#[test]
fn detail_can_be_scrolled_to_its_last_line() {
    let mut app = watching(SIZE);
    press(&mut app, "G");
    let end = screen(&app, SIZE);
    assert!(end.contains("network namespace"), "{end}");
    press(&mut app, "j PgDn j");
    assert!(line(&app, SIZE, 23).contains("this is the bottom; g goes to the top"));
    app.notice.clear();
    assert_eq!(screen(&app, SIZE), end, "there is nothing below the end");
    // and it stays the end where more lines do not fit
    let last = line(&app, SIZE, 22);
    press(&mut app, "G");
    let low = Size { height: 20, ..SIZE };
    app.resize(low);
    app.notice.clear();
    assert_eq!(line(&app, low, 18), last);
    app.resize(SIZE);
    press(&mut app, "k");
    assert_ne!(screen(&app, SIZE), end);
    press(&mut app, "g");
    assert!(screen(&app, SIZE).contains("RATES"));
    let tall = Size {
        width: 80,
        height: 130,
    };
    app.resize(tall);
    insta::assert_snapshot!(screen(&app, tall));
}

#[test]
fn detail_says_first_what_is_going_on() {
    let app = watching(SIZE);
    assert!(
        screen(&app, SIZE)
            .contains("Busy: 1.1MB/s out, 300B/s in, limited by the peer's window (60% of 10s)."),
        "{}",
        screen(&app, SIZE)
    );
    let mut failed = super::app(SIZE);
    press(&mut failed, "/");
    type_text(&mut failed, "status refused");
    press(&mut failed, "Enter Enter");
    let shown = screen(&failed, SIZE);
    assert!(shown.contains("Refused: 203.0.113.80:50008"), "{shown}");
}

#[test]
fn detail_charts_show_their_axes_and_where_they_begin() {
    let app = watching(SIZE);
    let shown = screen(&app, SIZE);
    let rates = shown.lines().find(|l| l.contains("RATES, mean over"));
    let titles: Vec<&str> = rates.expect("rates").split_whitespace().collect();
    let expected = "2s 10s 60s max on this page life total".split(' ');
    assert!(
        titles.ends_with(&[&expected.collect::<Vec<_>>()[..], &["\""]].concat()),
        "{titles:?}"
    );
    let axis = shown
        .lines()
        .find(|l| l.contains("└"))
        .expect("a time axis");
    assert!(axis.contains("page opened ├──"), "{axis}");
    assert!(axis.contains("now"), "{axis}");
    assert!(shown.contains("rtt") && shown.contains("120µs┤"), "{shown}");
    assert!(shown.contains("1.5MB/s┤"), "{shown}");
    // it is younger than a minute
    assert_eq!(
        entry(&app, "out").split_whitespace().collect::<Vec<_>>(),
        ["1.4MB/s", "1.1MB/s", "~720.0kB/s", "1.5MB/s", "19.4MB"]
    );
}

#[test]
fn detail_rates_maxima_and_charts_come_from_the_same_whole_seconds() {
    let mut app = unused(100, SIZE);
    let at = |tenths: u64, tx_bytes| Session {
        tx_bytes,
        rx_bytes: 1000,
        srtt_us: 17,
        end_ns: tenths * (S / 10),
        ..busiest()
    };
    let batch = |app: &mut App, tenths: u64, tx_bytes| {
        let now = Batch {
            taken_ns: tenths * (S / 10),
            ..batch_at(tenths / 10, vec![at(tenths, tx_bytes)], vec![])
        };
        app.batch(now);
    };
    let figures = |app: &App| {
        let shown = screen(app, SIZE);
        let axis = shown.lines().filter_map(|l| l.split_once('┤'));
        let tops: Vec<String> = axis
            .map(|(left, _)| left.trim_matches('"').split_whitespace())
            .map(|words| words.collect::<Vec<_>>().join(" "))
            .filter(|left| left != "0")
            .collect();
        let cells = entry(app, "out");
        let cells: Vec<&str> = cells.split_whitespace().collect();
        (cells.join(" "), tops.join(", "))
    };
    batch(&mut app, 89, 10_000);
    batch(&mut app, 99, 13_000);
    press(&mut app, "Enter");
    // what was before is in neither, and a part of a second is no maximum
    batch(&mut app, 109, 13_000);
    let (out, axis) = figures(&app);
    assert_eq!(
        (&*out, &*axis),
        ("~0B/s ~1.5kB/s ~1.5kB/s - 13.0kB", "out -, in -")
    );
    batch(&mut app, 119, 16_000);
    let (out, axis) = figures(&app);
    assert!(out.starts_with("~300B/s ~1.6kB/s ~1.6kB/s 300B/s"), "{out}");
    assert_eq!(axis, "out 300B/s, in 0B/s, rtt 17µs, cwnd 10");
    batch(&mut app, 129, 16_000);
    let (out, axis) = figures(&app);
    assert!(
        out.starts_with("1.5kB/s ~1.5kB/s ~1.5kB/s 2.7kB/s"),
        "{out}"
    );
    assert_eq!(axis, "out 2.7kB/s, in 0B/s, rtt 17µs, cwnd 10");
}

#[test]
fn detail_charts_of_a_session_that_closed_end_with_its_close() {
    let mut app = watching(SIZE);
    let last = ended(later(30, busiest()), Reason::LocalFin);
    app.batch(batch_at(30, vec![], vec![last]));
    let axis = |app: &App| {
        let shown = screen(app, SIZE);
        let axis = shown.lines().find(|l| l.contains("└"));
        axis.map(str::to_owned)
    };
    let closed = axis(&app).expect("the charts stay");
    assert!(closed.contains("closed") && !closed.contains("now"));
    app.batch(batch_at(60, vec![], vec![]));
    assert_eq!(axis(&app).as_ref(), Some(&closed), "and do not move");
    // of a session that had closed before the page was opened there are none
    press(&mut app, "Esc G Enter");
    assert_eq!(axis(&app), None);
}

/// The text of an entry of the detail, on one line.
fn entry(app: &App, name: &str) -> String {
    let size = Size::new(400, 100);
    let screen = screen(app, size);
    let line = screen.lines().find(|l| l.contains(&format!("  {name} ")));
    let (_, text) = line.expect(name).split_once(name).expect(name);
    text.trim_matches([' ', '"']).to_owned()
}

/// A session that is busy for this part of each second, from 11 s to 40 s, watched for the last ten of them. Before
/// that it was busy all the time.
fn busy_part(age: Age, per_second_ms: u32) -> App {
    let mut app = unused(100, SIZE);
    let at = |s: u64| Session {
        age,
        srtt_us: 0,
        busy_ms: 8000 + (s as u32 - 10) * per_second_ms,
        tx_bytes: 5_000_000 + s,
        start_ns: 2 * S,
        end_ns: s * S,
        ..busiest()
    };
    app.batch(batch_at(1, vec![], vec![]));
    for s in 10..30 {
        app.batch(batch_at(s, vec![at(s)], vec![]));
    }
    press(&mut app, "Enter");
    for s in 30..=50 {
        app.batch(batch_at(s, vec![at(s)], vec![]));
    }
    app
}

#[test]
fn detail_bottleneck_is_one_sentence_with_the_last_ten_seconds_first() {
    assert_eq!(
        entry(&busy_part(Age::Exact, 0), "limited by"),
        "our application 100% in the last 10s; our application 83%, the network 17% overall. \
         It had nothing to send"
    );
    assert_eq!(
        entry(&busy_part(Age::LowerBound, 500), "limited by"),
        "the network 50%, our application 50% in the last 10s; the network 100% while busy. \
         Data was in flight: check RTT, retransmits and the window"
    );
}

#[test]
fn detail_bottleneck_takes_five_seconds_to_tell() {
    let mut app = unused(100, SIZE);
    let at = |s: u64| Session {
        busy_ms: s as u32 * 570,
        start_ns: 10 * S,
        established_ns: 10 * S,
        end_ns: (10 + s) * S,
        ..busiest()
    };
    app.batch(batch_at(11, vec![at(1)], vec![]));
    press(&mut app, "Enter");
    for s in 2..5 {
        app.batch(batch_at(10 + s, vec![at(s)], vec![]));
        assert_eq!(
            entry(&app, "limited by"),
            "not known: the time is too short to tell"
        );
    }
    for s in 5..7 {
        app.batch(batch_at(10 + s, vec![at(s)], vec![]));
    }
    let limit = entry(&app, "limited by");
    assert!(limit.starts_with("the network 57%"), "{limit}");
    assert!(limit.contains(" overall. "), "{limit}");
}

#[test]
fn detail_of_a_session_without_an_answer_has_no_window_and_no_bytes() {
    let mut app = unused(100, SIZE);
    let connecting = Session {
        state: State::SynSent,
        state_before_close: State::SynSent,
        established_ns: 0,
        tx_bytes: 0,
        rx_bytes: 0,
        retransmits: 3,
        retransmitted_bytes: 0,
        mss: 524,
        cwnd: 1,
        ..busiest()
    };
    app.batch(batch_at(10, vec![connecting], vec![]));
    press(&mut app, "Enter");
    assert_eq!(entry(&app, "retransmits"), "3 segments");
    assert_eq!(entry(&app, "limited by"), "the missing answer to our SYN");
    let shown = screen(&app, Size::new(120, 60));
    assert!(!shown.contains("  window "), "{shown}");
}

#[test]
fn detail_program_that_cannot_be_read_is_said_on_one_line() {
    let mut app = app(SIZE);
    press(&mut app, "Enter");
    app.process(ProcessInfo {
        program: Program::Hidden,
        ..info(22597)
    });
    let tall = Size::new(80, 60);
    app.resize(tall);
    let shown = screen(&app, tall);
    assert!(shown.contains("program       not readable any more (? PRIVILEGES) "));
}

#[test]
fn detail_connect_before_the_start_says_so_at_both_ends() {
    let connect = |direction, age| {
        let mut app = unused(100, SIZE);
        let session = Session {
            direction,
            age,
            established_ns: 0,
            end_ns: 10 * S,
            ..busiest()
        };
        app.batch(batch_at(10, vec![session], vec![]));
        press(&mut app, "Enter");
        entry(&app, "connect")
    };
    use Direction::{In, Out};
    for direction in [In, Out] {
        let early = connect(direction, Age::LowerBound);
        assert_eq!(early, "before tcplife started");
    }
    assert_eq!(connect(In, Age::Exact), "begun by the peer");
}

#[test]
fn detail_bottleneck_while_busy_is_left_out_for_a_session_that_hardly_was() {
    let mut app = unused(100, SIZE);
    let at = |s: u64| Session {
        age: Age::LowerBound,
        busy_ms: 400,
        end_ns: s * S,
        ..busiest()
    };
    app.batch(batch_at(10, vec![at(10)], vec![]));
    press(&mut app, "Enter");
    let hardly = "hardly anything: it was busy for less than a tenth of its time";
    assert_eq!(entry(&app, "limited by"), hardly);
    app.batch(batch_at(13, vec![at(13)], vec![]));
    assert_eq!(
        entry(&app, "limited by"),
        "nothing in the last 3s: no data was sent or received"
    );
}

#[test]
fn detail_bottleneck_of_a_receiver_points_to_the_sender() {
    let limit = |unread_bytes| {
        let mut app = unused(100, SIZE);
        let at = |s: u64| Session {
            tx_bytes: 120,
            rx_bytes: 1_000_000 * s,
            busy_ms: 0,
            unacked_bytes: 0,
            unread_bytes,
            end_ns: s * S,
            ..busiest()
        };
        app.batch(batch_at(10, vec![at(10)], vec![]));
        press(&mut app, "Enter");
        app.batch(batch_at(13, vec![at(13)], vec![]));
        entry(&app, "limited by")
    };
    let received = "the sender: this end almost only received";
    let sender = "only the sender's end knows its limit (OTHER END)";
    assert_eq!(
        limit(0),
        format!("{received}. All of it was read here; {sender}")
    );
    assert_eq!(
        limit(2_000_000),
        format!("{received}. 2.0MB wait for our application to read. If it keeps up, {sender}")
    );
}

#[test]
fn detail_round_trip_is_remarked_upon_only_where_it_is_slow() {
    let said = |srtt_us, min_rtt_us| {
        let mut app = unused(100, SIZE);
        let session = Session {
            srtt_us,
            min_rtt_us,
            ..busiest()
        };
        app.batch(batch_at(10, vec![session], vec![]));
        press(&mut app, "Enter");
        entry(&app, "round trip")
    };
    // loopback, a healthy network, one that wobbles, and queues
    assert_eq!(said(330, 10), "330µs now, 10µs min");
    assert_eq!(said(999, 3), "999µs now, 3µs min");
    assert_eq!(said(58_000, 20_000), "58.0ms now, 20.0ms min");
    let queues = "times the minimum, queues or a busy peer";
    assert_eq!(
        said(77_000, 20_000),
        format!("77.0ms now, 20.0ms min: 4 {queues}")
    );
    assert_eq!(said(1000, 300), format!("1.0ms now, 300µs min: 3 {queues}"));
}

#[test]
fn detail_follows_its_session_until_it_is_closed() {
    let mut app = watching(SIZE);
    let last = later(30, busiest());
    let closing = Session {
        state: State::CloseWait,
        ..last.clone()
    };
    app.batch(batch_at(30, vec![closing], vec![]));
    assert!(screen(&app, SIZE).contains("close-wait"));
    let ended = Session {
        end_ns: 31 * S + S / 2,
        close_us: 1_500_000,
        ..ended(last, Reason::RemoteReset)
    };
    app.batch(batch_at(32, vec![], vec![ended]));
    let shown = screen(&app, SIZE);
    for text in [
        "peer reset",
        "Reset by the peer after 29.50s",
        "close 1.50s",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    // and has the name to filter by, too
    assert!(entry(&app, "status").starts_with("peer reset "));
    assert!(entry(&app, "reason").starts_with("remote-reset "));
    // and keeps it, even if the table has evicted it
    let others = (100..300).map(|c| closed(c, "curl", "10.0.0.9", Reason::LocalFin));
    app.batch(batch_at(33, vec![], others.collect()));
    assert!(screen(&app, SIZE).contains("peer reset"));
    press(&mut app, "Esc");
    assert_eq!(app.layers.mode(), Mode::Table);
}

#[test]
fn detail_of_session_with_missed_record_shows_so() {
    let mut app = watching(SIZE);
    app.batch(batch_at(30, vec![], vec![]));
    app.batch(batch_at(31, vec![], vec![]));
    assert!(screen(&app, SIZE).contains("its record was missed"));
}

#[test]
fn detail_key_switches_to_the_other_end() {
    let mut app = app(SIZE);
    let client = Session {
        laddr: [127, 0, 0, 1].into(),
        raddr: [127, 0, 0, 1].into(),
        lport: 40_000,
        rport: 5432,
        pid: 71,
        tx_bytes: 100_000_000,
        ..open(50, "psql", "127.0.0.1", 0)
    };
    let server = Session {
        cookie: 51,
        lport: 5432,
        rport: 40_000,
        pid: 72,
        tx_bytes: 10,
        comm: Comm::from("postgres"),
        ..client.clone()
    };
    app.batch(batch_at(11, vec![client, server], vec![]));
    assert_eq!(looked_up(press(&mut app, "Enter")), Some(71));
    assert!(screen(&app, SIZE).contains("psql 71  established"));
    assert_eq!(looked_up(press(&mut app, "Tab")), Some(72));
    let shown = screen(&app, SIZE);
    assert!(shown.contains("postgres 72  established"), "{shown}");
    app.process(info(71)); // the answer to the first request, late
    assert!(!screen(&app, SIZE).contains("nginx: worker"));
    press(&mut app, "x");
    assert!(screen(&app, SIZE).contains("psql 71  established"));
    press(&mut app, "q");
    assert_eq!(app.layers.mode(), Mode::Table);
}

#[test]
fn detail_left_goes_on_watching_its_session() {
    let mut app = app(SIZE);
    let ends = |s: u64| {
        let client = Session {
            laddr: [127, 0, 0, 1].into(),
            raddr: [127, 0, 0, 1].into(),
            lport: 40_000,
            rport: 5432,
            pid: 71,
            busy_ms: (s * s * 20) as u32,
            tx_bytes: s * s * 100_000,
            end_ns: s * S,
            ..open(50, "psql", "127.0.0.1", 0)
        };
        let server = Session {
            cookie: 51,
            lport: 5432,
            rport: 40_000,
            pid: 72,
            tx_bytes: 10 * s,
            comm: Comm::from("postgres"),
            ..client.clone()
        };
        batch_at(s, vec![client, server], vec![])
    };
    app.batch(ends(11));
    press(&mut app, "Enter");
    (12..30).for_each(|s| {
        app.batch(ends(s));
    });
    let watched = |app: &App| {
        let shown = entry(app, "out");
        (shown, entry(app, "limited by"))
    };
    // on the other end, then on the sessions
    for script in ["Tab", "Tab Esc"] {
        press(&mut app, script);
    }
    app.batch(ends(30));
    press(&mut app, "Enter");
    let (out, limit) = watched(&app);
    assert!(!out.starts_with('~'), "{out}");
    assert!(limit.contains(" in the last 10s"), "{limit}");
    let axis = screen(&app, SIZE);
    assert!(axis.contains("psql 71"), "{axis}");
    // Esc goes back one step, and the key of the other end is no further one
    let shown = |app: &App| app.layers.detail().map(|detail| detail.id());
    let ours = shown(&app);
    press_and_settle(&mut app, "Tab");
    assert!(shown(&app).is_some() && shown(&app) != ours);
    press_and_settle(&mut app, "Esc");
    assert_eq!(shown(&app), ours);
    press_and_settle(&mut app, "Tab");
    press_and_settle(&mut app, "Tab Esc");
    assert_eq!(app.layers.mode(), Mode::Table);
    press_and_settle(&mut app, "Enter");
    press_and_settle(&mut app, "Tab f Esc Esc");
    assert_eq!(shown(&app), ours);
    press(&mut app, "Esc");
    assert_eq!(app.layers.mode(), Mode::Table);
    press(&mut app, "Enter");
    // what closed meanwhile has its end
    press_and_settle(&mut app, "Tab");
    let Batch { open: found, .. } = ends(31);
    let closed = found.into_iter().flat_map(|f| f.changed);
    let closed = closed.map(|s| ended(s, Reason::LocalFin)).collect();
    app.batch(batch_at(31, vec![], closed));
    settle(&mut app);
    press_and_settle(&mut app, "Tab");
    let shown = screen(&app, SIZE);
    assert!(shown.contains("psql 71  closed"), "{shown}");
    assert!(shown.contains("out ") && shown.contains("┤"), "{shown}");
}

#[test]
fn detail_names_the_period_of_each_figure() {
    let answered = |age| {
        let size = Size::new(100, 40);
        let mut app = unused(100, size);
        let mut session = Session { age, ..busiest() };
        session.turns.count = 3;
        let [max, last] = [3000, 1000].map(ShortTime::new);
        session.turns.peer = ResponseTimes::new(6000, 3, max, last);
        app.batch(batch_at(10, vec![session], vec![]));
        press(&mut app, "Enter");
        let large = screen(&app, size);
        app.resize(SIZE);
        (large, screen(&app, SIZE))
    };
    let (large, small) = answered(Age::Exact);
    assert!(large.contains("ANSWERS, in its whole life"), "{large}");
    assert!(
        small.contains("peer after 2.0ms on average, in its whole life"),
        "{small}"
    );
    assert!(small.contains("life total"), "{small}");
    let (large, small) = answered(Age::LowerBound);
    assert!(large.contains("ANSWERS, since tcplife started"), "{large}");
    assert!(
        small.contains("on average, since tcplife started"),
        "{small}"
    );
}

#[test]
fn detail_new_owner_is_requested_once() {
    let mut app = watching(SIZE);
    assert_eq!(app.due(), None);
    let worker = Session {
        pid: 99,
        ..later(31, busiest())
    };
    app.batch(batch_at(31, vec![worker], vec![]));
    assert_eq!(looked_up(app.due()), Some(99));
    assert_eq!(app.due(), None);
}

#[test]
fn detail_process_that_reused_the_pid_is_not_the_owner() {
    let mut app = app(SIZE);
    press(&mut app, "G Enter");
    app.process(ProcessInfo {
        started_ns: 100 * S,
        ..info(22597)
    });
    let tall = Size {
        width: 80,
        height: 60,
    };
    app.resize(tall);
    assert!(screen(&app, tall).contains("another one has its pid now"));
}

#[test]
fn detail_returns_after_help_and_freeze() {
    let mut app = watching(SIZE);
    press(&mut app, "? q");
    assert_eq!(app.layers.mode(), Mode::Detail);
    press(&mut app, "Space");
    let frozen = screen(&app, SIZE);
    app.batch(batch_at(40, vec![later(40, busiest())], vec![]));
    assert_eq!(screen(&app, SIZE), frozen);
    press(&mut app, "Space");
    assert_ne!(screen(&app, SIZE), frozen);
}

#[test]
fn detail_without_a_session_does_not_open() {
    let mut app = unused(2, SIZE);
    assert_eq!(press(&mut app, "Enter"), None);
    assert_eq!(app.layers.mode(), Mode::Table);
}

#[test]
fn detail_at_any_size_does_not_panic() {
    for width in (1..20).chain([25, 40, 59, 80, 100, 130]) {
        for height in (1..12).chain([29, 30, 31]) {
            let size = Size { width, height };
            let mut app = watching(size);
            screen(&app, size);
            press(&mut app, "G j PgUp");
            screen(&app, size);
            app.resize(turned(size));
            screen(&app, turned(size));
            press(&mut app, "k Esc");
        }
    }
}

fn looked_up(effect: Option<Effect>) -> Option<u32> {
    match effect {
        Some(Effect::LookUp(pid, _)) => Some(pid),
        _ => None,
    }
}

#[test]
fn detail_names_all_holders_if_there_are_several() {
    let size = Size::new(120, 60);
    let mut app = app(size);
    press(&mut app, "Enter");
    let cookie = busiest().cookie;
    let holders = |processes| Holders {
        cookie,
        processes,
        ..Holders::default()
    };
    app.holders(holders(vec![(22597, Comm::from("curl"))]));
    assert!(!screen(&app, size).contains("held by"));
    let heir = (22600, Comm::from("sleep"));
    app.holders(holders(vec![
        (22597, Comm::from("curl")),
        heir,
        (0, Comm::from("far")),
    ]));
    let shown = screen(&app, size);
    assert!(
        shown.contains("held by       curl 22597, sleep 22600, far (in another PID namespace)"),
        "{shown}"
    );
    // of a session that was left meanwhile
    app.holders(Holders {
        cookie: cookie + 1,
        ..Holders::default()
    });
    assert!(screen(&app, size).contains("held by"));
}

#[test]
fn detail_says_of_data_that_nobody_reads_why_no_answer_is_known() {
    let shown = |unread_bytes| {
        let mut app = app(Size::new(120, 60));
        press(&mut app, "Enter");
        let session = Session {
            unread_bytes,
            ..busiest()
        };
        app.batch(batch_at(11, vec![session], vec![]));
        screen(&app, Size::new(120, 60))
    };
    let read = shown(0);
    assert!(read.contains("none: nothing was answered"), "{read}");
    let unread = shown(3000);
    let text = "none: an answer counts once it is read, and 3.0kB wait for that";
    assert!(unread.contains(text), "{unread}");
}
