//! One line for a connection within the host.

use super::*;
use crate::model::local_pairs::comes_first;
use crate::output::export_file::WriterReport;
use crate::testing::sample::Numbers;
use crate::ui::layout::panes::Subject;
use crate::ui::state::screens::Screen;
use crate::ui::state::session_history::ChartHistory;
use crate::ui::theme::Tone;

/// Both ends of the `n`th local connection, open: the client's and the server's.
fn ends(n: u64) -> [Session; 2] {
    let local = |cookie, comm: &str| Session {
        cookie,
        laddr: [127, 0, 0, 1].into(),
        start_ns: 2 * S + n,
        established_ns: 2 * S + n,
        ..open(0, comm, "127.0.0.1", 1000 * n)
    };
    let (client, server) = (local(2 * n + 100, "wrk"), local(2 * n + 101, "nginx"));
    let port = 30_000 + (n % 30_000) as u16;
    [
        Session {
            lport: port,
            rport: 18_080,
            direction: Direction::Out,
            ..client
        },
        Session {
            lport: 18_080,
            rport: port,
            direction: Direction::In,
            ..server
        },
    ]
}

fn closing(session: &Session, second: u64) -> Session {
    Session {
        end_ns: second * S,
        ..ended(session.clone(), Reason::LocalFin)
    }
}

/// Programs and states on the lines of the table.
fn lines(app: &App) -> Vec<String> {
    app.visible(1000)
        .map(|line| {
            let other = line.other.map_or("", |other| other.comm.as_str());
            let session = line.session;
            let state = if session.is_open() { "open" } else { "closed" };
            format!(
                "{} {other} {} {state}",
                session.comm.as_str(),
                session.lport
            )
        })
        .collect()
}

#[test]
fn local_connection_has_one_line_and_the_key_shows_both_ends() {
    let mut app = unused(100, SIZE);
    app.batch(batch_at(
        2,
        ends(1).into_iter().chain([far()]).collect(),
        vec![],
    ));
    // the address says only that it is on this host
    let cells = |title| column(&app, title).contains(&"wrk".to_owned());
    assert!(cells("COMM"), "{:?}", column(&app, "COMM"));
    assert!(column(&app, "RADDR").contains(&"⇄nginx".to_owned()));
    assert_eq!(app.row_count(), 2);
    // as in the table
    assert!(screen(&app, SIZE).contains("open 2"));
    press_and_settle(&mut app, "l");
    assert_eq!(app.row_count(), 3);
    assert!(screen(&app, SIZE).contains("each end has a line"));
    assert!(screen(&app, SIZE).contains("open 3"), "the host's sessions");
    press_and_settle(&mut app, "l");
    assert_eq!(app.row_count(), 2);
    assert!(screen(&app, SIZE).contains("one line, counted once"));
}

#[test]
fn programs_of_a_local_connection_are_whole_in_80_columns() {
    let named = |address: [u8; 4], ours: &str, theirs: &str| {
        let [client, server] = ends(1).map(|s| Session {
            laddr: address.into(),
            raddr: address.into(),
            ..s
        });
        let comm = |s: Session, comm: &str| Session {
            comm: Comm::from(comm),
            ..s
        };
        let mut app = unused(100, SIZE);
        let both = vec![comm(client, ours), comm(server, theirs)];
        app.batch(batch_at(2, both, vec![]));
        let first = |title| column(&app, title).swap_remove(0);
        (first("COMM"), first("RADDR"))
    };
    let cells = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let loopback = [127, 0, 0, 1];
    assert_eq!(
        named(loopback, "postgres", "haproxy1"),
        cells("postgres", "⇄haproxy1")
    );
    assert_eq!(
        named([10, 0, 0, 5], "postgres", "haproxy1"),
        cells("postgres", "⇄haproxy1")
    );
    assert_eq!(named(loopback, "nc", "sh"), cells("nc⇄sh", "127.0.0.1"));
}

#[test]
fn local_connection_of_which_one_end_closes_keeps_one_line() {
    for first in [0, 1] {
        let mut app = unused(100, SIZE);
        let [client, server] = ends(1);
        app.batch(batch_at(2, vec![client.clone(), server.clone()], vec![]));
        assert_eq!(lines(&app), ["wrk nginx 30001 open"]);
        press(&mut app, "j");
        let both = [client, server];
        let (gone, left) = (&both[first], &both[1 - first]);
        app.batch(batch_at(3, vec![left.clone()], vec![closing(gone, 3)]));
        let open_end = ["nginx wrk 18080 open", "wrk nginx 30001 open"][first];
        assert_eq!(lines(&app), [open_end]);
        assert!(selected_line(&app).contains("⇄"));
        app.batch(batch_at(4, vec![left.clone()], vec![]));
        assert_eq!(lines(&app), [open_end]);
        app.batch(batch_at(5, vec![], vec![closing(left, 5)]));
        assert_eq!(lines(&app), ["wrk nginx 30001 closed"]);
    }
}

#[test]
fn local_connection_whose_other_end_is_evicted_has_a_normal_line() {
    for first in [0, 1] {
        let mut app = unused(2, SIZE);
        let both = ends(1);
        let closed_both = [first, 1 - first].map(|i| closing(&both[i], 2));
        app.batch(batch_at(2, vec![], closed_both.to_vec()));
        assert_eq!(lines(&app), ["wrk nginx 30001 closed"]);
        let newer = closed(90, "curl", "10.0.0.9", Reason::LocalFin);
        app.batch(batch_at(3, vec![], vec![newer]));
        let left = ["nginx  18080 closed", "wrk  30001 closed"][first];
        assert_eq!(lines(&app), ["curl  443 closed", left]);
    }
}

#[test]
fn local_connection_whose_other_end_vanishes_has_a_normal_line() {
    let mut app = unused(100, SIZE);
    let [client, server] = ends(1);
    let vanished = Missed {
        vanished: Some(0),
        ..Missed::default()
    };
    for (second, open) in [
        (2, vec![client, server.clone()]),
        (3, vec![server.clone()]),
        (4, vec![server]),
    ] {
        app.batch(Batch {
            missed: vanished,
            ..batch_at(second, open, vec![])
        });
    }
    assert_eq!(lines(&app), ["nginx  18080 open"]);
}

#[test]
fn local_connection_of_which_one_end_matches_shows_that_end() {
    let mut app = unused(100, SIZE);
    let [client, server] = ends(2);
    let other_closed = closing(&client, 3);
    app.batch(batch_at(
        2,
        [ends(1), [client, server.clone()]].concat(),
        vec![],
    ));
    let open = [ends(1).to_vec(), vec![server]].concat();
    app.batch(batch_at(3, open, vec![other_closed]));
    for (text, shown) in [
        (
            "comm wrk",
            vec!["wrk nginx 30001 open", "wrk nginx 30002 closed"],
        ),
        (
            "comm nginx",
            vec!["nginx wrk 18080 open", "nginx wrk 18080 open"],
        ),
        (
            "port 18080",
            vec!["nginx wrk 18080 open", "wrk nginx 30001 open"],
        ),
        ("comm curl", vec![]),
    ] {
        filter(&mut app, text);
        let mut lines = lines(&app);
        lines.sort_unstable();
        assert_eq!(lines, shown, "{text}");
    }
    press_and_settle(&mut app, "/ ^U Enter o");
    assert_eq!(app.row_count(), 2, "both connections have an open end");
    press_and_settle(&mut app, "o");
    assert_eq!(lines(&app), ["wrk nginx 30002 closed"]);
}

/// Types a filter in the place of the one that is there.
fn filter(app: &mut App, text: &str) {
    press(app, "/ ^U");
    type_text(app, text);
    press_and_settle(app, "Enter");
}

#[test]
fn local_connection_is_excluded_by_what_either_end_is() {
    let mut app = unused(100, SIZE);
    let [client, server] = ends(2);
    let closed = closing(&client, 3);
    app.batch(batch_at(
        2,
        [ends(1), [client, server.clone()]].concat(),
        vec![],
    ));
    let open = [ends(1).to_vec(), vec![server]].concat();
    app.batch(batch_at(3, open, vec![closed]));
    let both = vec!["nginx wrk 18080 open", "wrk nginx 30001 open"];
    for (text, shown) in [
        ("not comm wrk", vec![]),
        ("!wrk", vec![]),
        ("comm != nginx", vec![]),
        ("comm !~ ngin", vec![]),
        ("rport != 18080", vec![]),
        ("not lport 30001", vec!["nginx wrk 18080 open"]),
        ("not comm curl", both.clone()),
        // the end that is wanted is said
        (
            "rport 18080 and comm != nginx",
            vec!["wrk nginx 30001 open", "wrk nginx 30002 closed"],
        ),
        ("port 18080 and not nginx", vec![]),
        // how it goes is of one end
        ("not closed", both.clone()),
        (
            "not inbound",
            vec!["wrk nginx 30001 open", "wrk nginx 30002 closed"],
        ),
    ] {
        filter(&mut app, text);
        let mut lines = lines(&app);
        lines.sort_unstable();
        assert_eq!(lines, shown, "{text}");
        let talkers = pane(&app, Subject::Processes);
        assert_eq!(talkers.is_empty(), shown.is_empty(), "{text}: {talkers:?}");
    }
    filter(&mut app, "port 18080 and not nginx");
    let shown = screen(&app, SIZE);
    let said = "The other ends of those that match are excluded: l.";
    assert!(shown.contains(said), "{shown}");
    press_and_settle(&mut app, "l");
    filter(&mut app, "not comm wrk");
    assert_eq!(lines(&app), ["nginx  18080 open", "nginx  18080 open"]);
}

#[test]
fn local_connection_is_exported_and_copied_with_both_ends() {
    let mut app = unused(100, SIZE);
    app.batch(batch_at(2, ends(1).to_vec(), vec![]));
    match press(&mut app, "y") {
        Some(Effect::Copy(text)) => {
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len(), 2, "{text}");
            assert!(lines[0].contains("127.0.0.1:30001 -> 127.0.0.1:18080"));
            assert!(lines[1].contains("127.0.0.1:18080 <- 127.0.0.1:30001"));
        }
        other => panic!("{other:?}"),
    }
    assert!(screen(&app, SIZE).contains("sent both ends to"));
    press(&mut app, "Esc");
    for (text, sessions) in [("port 18080", 2), ("comm nginx", 1)] {
        filter(&mut app, text);
        assert_eq!(app.row_count(), 1);
        press(&mut app, "e Enter");
        app.exported(WriterReport::Ready);
        let block = app.export_block().expect("a block");
        let text = String::from_utf8(block.bytes).expect("UTF-8");
        assert_eq!(text.lines().count(), 1 + sessions, "{text}");
        app.exported(WriterReport::Done);
    }
}

/// The sessions that have a line, found the slow way, without connections of which an end is excluded.
fn expected(app: &App, is_excluded: impl Fn(&Session) -> bool) -> Vec<u64> {
    let all: Vec<&Session> = app
        .store()
        .open()
        .chain(app.store().closed())
        .map(|(_, s)| s)
        .collect();
    let is_other = |a: &Session, b: &Session| (a.lport, a.rport) == (b.rport, b.lport);
    let has_line = |s: &&&Session| {
        let other = all.iter().find(|other| is_other(s, other));
        !is_excluded(s) && !other.is_some_and(|other| comes_first(other, s) || is_excluded(other))
    };
    let mut cookies: Vec<u64> = all.iter().filter(has_line).map(|s| s.cookie).collect();
    cookies.sort_unstable();
    cookies
}

fn shown(app: &App) -> Vec<u64> {
    let mut cookies: Vec<u64> = app.visible(10_000).map(|l| l.session.cookie).collect();
    assert_eq!(cookies.len(), app.row_count());
    cookies.sort_unstable();
    cookies
}

#[test]
fn lines_of_local_connections_are_the_same_found_one_by_one_and_all_at_once() {
    for seed in 0..30 {
        let mut numbers = Numbers::from(seed);
        let mut app = unused(20 + 10 * seed as usize, SIZE);
        let mut open: Vec<Session> = Vec::new();
        let mut next = 1;
        let is_filtered = seed % 2 == 1;
        if is_filtered {
            filter(&mut app, "lport != 30003,30006,30009,30012");
        }
        let is_excluded =
            |s: &Session| is_filtered && [30_003, 30_006, 30_009, 30_012].contains(&s.lport);
        for second in 2..30 {
            let mut closed = Vec::new();
            for _ in 0..numbers.below(8) {
                let both = ends(next);
                next += 1;
                match numbers.below(6) {
                    // never seen open
                    0 => closed.extend(both.iter().map(|s| closing(s, second))),
                    // one end is never seen
                    1 => open.push(both[0].clone()),
                    _ => open.extend(both),
                }
            }
            let (gone, left): (Vec<_>, Vec<_>) =
                open.into_iter().partition(|_| numbers.below(4) == 0);
            open = left;
            // some vanish
            closed.extend(
                gone.iter()
                    .filter(|_| numbers.below(10) > 0)
                    .map(|s| closing(s, second)),
            );
            app.batch(batch_at(second, open.clone(), closed));
            assert_eq!(
                shown(&app),
                expected(&app, is_excluded),
                "{seed} at {second}"
            );
            if second % 7 == 0 && !is_filtered {
                press_and_settle(&mut app, "l");
                assert_eq!(
                    app.row_count(),
                    app.store().open_count() + app.store().closed().count()
                );
                press_and_settle(&mut app, "l");
                assert_eq!(
                    shown(&app),
                    expected(&app, is_excluded),
                    "{seed} at {second}, again"
                );
            }
        }
    }
}

#[test]
fn local_connections_among_many_sessions_are_counted_again_in_steps() {
    let mut app = unused(1 << 20, Size::new(120, 40));
    fn ends_at(n: u64) -> [Session; 2] {
        // every port is used more than once
        ends(n).map(|s| Session {
            start_ns: n / 10_000 * S,
            established_ns: n / 10_000 * S,
            ..s
        })
    }
    for second in 2..6 {
        let both = (second * 10_000..second * 10_000 + 10_000).flat_map(ends_at);
        let closed: Vec<Session> = both.map(|s| closing(&s, second)).collect();
        app.batch(batch_at(second, ends(1).to_vec(), closed));
    }
    for lines in [80_002, 40_001] {
        press(&mut app, "l");
        let mut steps = 0;
        while app.is_working() {
            app.work();
            steps += 1;
        }
        assert!(steps >= 1, "{steps}");
        assert_eq!(app.row_count(), lines);
        assert_eq!(pane(&app, Subject::Ports)[0].1[1], lines as u64);
    }
}

/// A local connection of two processes in one unit, whose client received `bytes` and sent a hundredth of that.
fn transfer(n: u64, bytes: u64) -> [Session; 2] {
    let [client, server] = ends(n);
    [
        Session {
            pid: 11,
            tx_bytes: bytes / 100,
            rx_bytes: bytes,
            ..client
        },
        Session {
            pid: 22,
            tx_bytes: bytes,
            rx_bytes: bytes / 100,
            ..server
        },
    ]
}

fn read_at(session: &Session, second: u64) -> Session {
    Session {
        end_ns: second * S,
        ..session.clone()
    }
}

/// Open sessions, sessions, bytes and bytes per second of each line of a pane.
fn pane(app: &App, subject: Subject) -> Vec<(String, [u64; 4])> {
    let (talkers, pane) = (app.panes().talkers(), app.panes().pane(subject));
    let rows = pane.rows(talkers).filter_map(|row| {
        let t = row.talker;
        let rate = talkers.byte_rate(t).round() as u64;
        Some((row.key?.to_string(), [t.open, t.sessions, t.bytes, rate]))
    });
    rows.collect()
}

fn line(name: &str, figures: [u64; 4]) -> (String, [u64; 4]) {
    (name.into(), figures)
}

#[test]
fn local_connection_counts_once_in_every_sum() {
    for server_first in [false, true] {
        let size = Size::new(120, 40);
        let mut app = unused(100, size);
        app.batch(batch_at(1, vec![], vec![]));
        let now = |bytes, second| {
            let mut both = transfer(1, bytes).map(|s| read_at(&s, second));
            if server_first {
                both.reverse();
            }
            both.to_vec()
        };
        app.batch(batch_at(3, now(10_000, 3), vec![]));
        app.batch(batch_at(4, now(1_010_000, 4), vec![]));
        let per_second = 1_000_000 + 10_000;
        let all = 1_010_000 + 10_100;
        let once = [1, 1, all, per_second];
        let figures = app.store().host_figures(true);
        assert_eq!((figures.open, figures.closed), (1, 0));
        let rates = figures.rates;
        assert_eq!((rates.tx, rates.rx), (10_000.0, 1_000_000.0));
        assert_eq!(pane(&app, Subject::Ports), [line("18080", once)]);
        assert_eq!(pane(&app, Subject::Peers), [line("127.0.0.1", once)]);
        let units = pane(&app, Subject::Units);
        assert_eq!(units.len(), 1, "{units:?}");
        assert_eq!(units[0].1, once, "both ends are in one unit");
        let mut processes = pane(&app, Subject::Processes);
        processes.sort_unstable();
        assert_eq!(processes, [line("nginx 22", once), line("wrk 11", once)]);
        // each end by itself, as before
        press_and_settle(&mut app, "l");
        let twice = [2, 2, 2 * all, 2 * per_second];
        assert_eq!(pane(&app, Subject::Ports), [line("18080", twice)]);
        let figures = app.store().host_figures(false);
        assert_eq!((figures.open, figures.rates.tx), (2, 1_010_000.0));
        press_and_settle(&mut app, "l");
        assert_eq!(pane(&app, Subject::Ports), [line("18080", once)]);
        // a filter that both ends match, and one that one of them does
        for (filter, lines) in [("port 18080", vec!["18080"]), ("comm nginx", vec!["18080"])] {
            press(&mut app, "/ ^U");
            type_text(&mut app, filter);
            press_and_settle(&mut app, "Enter");
            let ports = pane(&app, Subject::Ports);
            let names: Vec<&str> = ports.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, lines);
            assert_eq!(ports[0].1[..3], once[..3], "{filter}");
        }
        press_and_settle(&mut app, "/ ^U Enter");
        // half of it closes, then the rest
        let [client, server] = transfer(1, 1_010_000);
        app.batch(batch_at(
            5,
            vec![read_at(&server, 5)],
            vec![closing(&client, 5)],
        ));
        let figures = app.store().host_figures(true);
        assert_eq!((figures.open, figures.closed), (1, 0), "an end is open");
        assert_eq!(pane(&app, Subject::Ports)[0].1[..3], [1, 1, all]);
        app.batch(batch_at(6, vec![], vec![closing(&server, 6)]));
        let figures = app.store().host_figures(true);
        assert_eq!((figures.open, figures.closed), (0, 1));
        assert_eq!(pane(&app, Subject::Ports)[0].1[..3], [0, 1, all]);
        let chart = &app.host_history();
        let sum = |h: &ChartHistory| (0..7).map(|s| h.at(s)).sum::<f32>().round();
        assert_eq!((sum(&chart.opened), sum(&chart.closed)), (1.0, 1.0));
        assert_eq!((sum(&chart.tx), sum(&chart.rx)), (10_100.0, 1_010_000.0));
    }
}

#[test]
fn local_connection_that_was_never_seen_open_counts_once_from_the_side_of_its_client() {
    for server_first in [false, true] {
        let mut app = unused(100, SIZE);
        app.batch(batch_at(2, vec![], vec![]));
        let mut both = transfer(1, 10_000).map(|s| closing(&s, 3));
        if server_first {
            both.reverse();
        }
        app.batch(batch_at(4, vec![], both.to_vec()));
        let figures = app.store().host_figures(true);
        assert_eq!((figures.open, figures.closed), (0, 1));
        let rates = figures.rates;
        assert_eq!((rates.opened, rates.tx, rates.rx), (0.5, 50.0, 5000.0));
        let once = [0, 1, 10_100, 5050];
        assert_eq!(pane(&app, Subject::Ports), [line("18080", once)]);
        let chart = app.host_history();
        let sum = |h: &ChartHistory| (0..5).map(|s| h.at(s)).sum::<f32>().round();
        assert_eq!((sum(&chart.opened), sum(&chart.closed)), (1.0, 1.0));
        assert_eq!((sum(&chart.tx), sum(&chart.rx)), (100.0, 10_000.0));
    }
}

#[test]
fn process_connected_to_itself_counts_that_connection_once() {
    let mut app = unused(100, Size::new(120, 40));
    let both = transfer(1, 1000).map(|s| Session {
        pid: 7,
        comm: Comm::from("java"),
        ..s
    });
    app.batch(batch_at(2, both.to_vec(), vec![]));
    let processes = pane(&app, Subject::Processes);
    assert_eq!(processes.len(), 1);
    assert_eq!(processes[0].1[..3], [1, 1, 1010]);
}

#[test]
fn failure_of_a_local_connection_counts_once() {
    let mut app = unused(100, Size::new(120, 40));
    app.batch(batch_at(1, vec![], vec![]));
    let [client, server] = transfer(1, 1000).map(|s| closing(&s, 2));
    let reset = [
        Session {
            reason: Reason::RemoteReset,
            ..client
        },
        Session {
            reason: Reason::LocalReset,
            ..server
        },
    ];
    press(&mut app, "f");
    app.batch(batch_at(3, vec![], reset.to_vec()));
    let text = screen(&app, Size::new(120, 40));
    assert!(text.contains("1 failure"), "{text}");
    let failed = &app.host_history().failed;
    assert_eq!((0..4).map(|s| failed.at(s)).sum::<f32>(), 1.0);
}

/// Sums that are kept up to date and sums that are counted again, of a random host.
#[test]
fn sums_of_local_connections_are_the_same_kept_up_to_date_and_counted_again() {
    for seed in 0..20 {
        let mut numbers = Numbers::from(seed);
        let mut app = unused(10_000, Size::new(160, 50));
        let mut excluding = unused(10_000, Size::new(160, 50));
        let excluded = "lport != 30002,30003,30005,30007,30011";
        filter(&mut excluding, excluded);
        let mut open: Vec<Session> = Vec::new();
        let mut next = 1;
        for second in 2..20 {
            let mut closed = Vec::new();
            for _ in 0..numbers.below(6) {
                let mut both = ends(next).map(|s| read_at(&s, second));
                next += 1;
                if numbers.below(2) == 0 {
                    both.reverse();
                }
                match numbers.below(5) {
                    0 => closed.extend(both.iter().map(|s| closing(s, second))),
                    1 => open.push(both[0].clone()),
                    _ => open.extend(both),
                }
            }
            let (gone, left): (Vec<_>, Vec<_>) =
                open.into_iter().partition(|_| numbers.below(4) == 0);
            open = left;
            closed.extend(gone.iter().map(|s| closing(s, second)));
            excluding.batch(batch_at(second, open.clone(), closed.clone()));
            app.batch(batch_at(second, open.clone(), closed));
        }
        let sums = |app: &App| {
            Subject::ALL.map(|subject| {
                let mut lines = pane(app, subject);
                lines.iter_mut().for_each(|(_, figures)| figures[3] = 0);
                lines.sort_unstable();
                lines
            })
        };
        let all = sums(&app);
        let lines = app.row_count() as u64;
        let figures = app.store().host_figures(true);
        assert_eq!(figures.open as u64 + figures.closed, lines, "{seed}");
        assert_eq!(
            app.visible(10_000).filter(|l| l.session.is_open()).count(),
            figures.open
        );
        let [_, _, ports, _] = &all;
        assert_eq!(ports[0].1[0], figures.open as u64, "{seed}");
        assert_eq!(ports[0].1[1], lines, "{seed}");
        // a filter that matches everything
        filter(&mut app, "port > 0");
        assert_eq!(all, sums(&app), "{seed}");
        filter(&mut app, excluded);
        assert_eq!(sums(&excluding), sums(&app), "{seed}");
    }
}

#[test]
fn line_of_a_local_connection_fades_from_the_close_of_its_last_end() {
    let mut app = unused(100, SIZE);
    let [client, server] = ends(1);
    app.batch(batch_at(2, vec![client.clone(), server.clone()], vec![]));
    app.batch(batch_at(3, vec![server.clone()], vec![closing(&client, 3)]));
    let tone = |app: &App| app.tone(&app.visible(1).next().expect("a line"));
    assert_eq!(tone(&app), Tone::Open);
    app.batch(batch_at(9, vec![], vec![closing(&server, 9)]));
    assert_eq!(tone(&app), Tone::JustClosed);
    app.batch(batch_at(11, vec![], vec![]));
    assert_eq!(tone(&app), Tone::Fading);
    app.batch(batch_at(12, vec![], vec![]));
    assert_eq!(tone(&app), Tone::Closed);
}

#[test]
fn local_connections_that_close_in_a_long_pause_count_once() {
    let size = Size::new(120, 40);
    let mut app = unused(10, size);
    let known = |n| transfer(n, 1000).map(|s| read_at(&s, 2));
    app.batch(batch_at(2, [known(1), known(2)].concat(), vec![]));
    press(&mut app, "Space");
    let [client, server] = known(1);
    let mut closed = vec![closing(&client, 3), closing(&server, 3)];
    // one end of this connection stays open
    closed.push(closing(&known(2)[0], 3));
    closed.extend((10..60).flat_map(|n| transfer(n, 1000).map(|s| closing(&s, 4))));
    for some in closed.chunks(9) {
        app.batch(batch_at(5, vec![known(2)[1].clone()], some.to_vec()));
    }
    press_and_settle(&mut app, "Space");
    let figures = app.store().host_figures(true);
    assert_eq!((figures.open, figures.closed), (1, 51));
    let ports = pane(&app, Subject::Ports);
    assert_eq!(ports[0].1[..3], [1, 52, 52 * 1010], "{ports:?}");
    app.batch(batch_at(6, vec![], vec![closing(&known(2)[1], 6)]));
    let figures = app.store().host_figures(true);
    assert_eq!((figures.open, figures.closed), (0, 52));
    assert_eq!(pane(&app, Subject::Ports)[0].1[..2], [0, 52]);
}

#[test]
fn failure_of_both_ends_counts_once_and_leaves_no_rate_at_the_other() {
    let mut app = unused(100, SIZE);
    app.batch(batch_at(1, vec![], vec![]));
    let [client, server] = ends(1);
    app.batch(batch_at(12, vec![client.clone(), server.clone()], vec![]));
    press_and_settle(&mut app, "f");
    let reset = |session: &Session, reason| Session {
        end_ns: 14 * S,
        ..ended(session.clone(), reason)
    };
    // the end that resets closes first
    app.batch(batch_at(
        14,
        vec![client.clone()],
        vec![reset(&server, Reason::LocalReset)],
    ));
    app.batch(batch_at(
        15,
        vec![],
        vec![reset(&client, Reason::RemoteReset)],
    ));
    settle(&mut app);
    let Some(Screen::Failures(shown)) = app.layers.screen() else {
        panic!("no failures");
    };
    let rows: Vec<_> = shown
        .rows()
        .map(|r| (r.failure.map(|f| f.reason), r.tally.count))
        .collect();
    assert_eq!(rows, [(Some(Reason::RemoteReset), 1)]);
}

#[test]
fn local_connection_of_unknown_owners_has_no_programs() {
    let mut app = unused(100, SIZE);
    let unknown = ends(1).map(|end| Session {
        owner: Evidence::None,
        pid: 0,
        comm: Comm::from(""),
        ..end
    });
    app.batch(batch_at(2, unknown.into(), vec![]));
    assert_eq!(column(&app, "COMM"), ["-"]);
}
