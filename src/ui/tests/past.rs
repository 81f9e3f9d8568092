//! Looking back: what is on the screen is as it was, the live state goes on behind it, and Esc goes back to it.

use std::sync::Arc;

use super::*;
use crate::model::batch::Clock;
use crate::model::black_box::{BlackBox, Bounds, Packer};
use crate::model::recording::{Event, Found, Header, RecordingReader, TapeSpan};
use crate::output::black_box::Saver;
use crate::output::export_file::WriterReport;
use crate::output::record::RecordStatus;
use crate::ui::state::export::ExportCommand;
use crate::ui::state::past::{FreezeOn, time_bar};

const BOUNDS: Bounds = Bounds {
    time_ns: Some(600 * S),
    bytes: 64_000_000,
};

/// A dashboard with a black box, and how batches come to both.
struct Watched {
    app: App,
    packer: Packer,
}

impl Watched {
    fn new(size: Size, freeze_on: Option<&str>) -> Self {
        let freeze_on = freeze_on.map(|text| FreezeOn::parse(text, |_| None).expect("a condition"));
        let header = Header {
            host: "web".into(),
            ..Header::default()
        };
        Watched {
            app: unused(1000, size).with_past(BOUNDS, header, freeze_on),
            packer: Packer::new().expect("memory"),
        }
    }

    fn batch(&mut self, batch: Batch) {
        if let Some(frame) = self.packer.batch(&batch).expect("memory") {
            self.app.frame(Arc::new(frame));
        }
        self.app.batch(batch);
        settle(&mut self.app);
    }
}

/// A session that sends 1000 bytes a second from second 10 to 40, and is closed then; at second 50 another one opens.
fn course(size: Size, until: u64) -> Watched {
    let mut watched = Watched::new(size, None);
    for second in 10..=until {
        let first = Session {
            start_ns: 10 * S,
            established_ns: 10 * S,
            end_ns: second.min(40) * S,
            ..open(1, "curl", "198.51.100.7", (second.min(40) - 9) * 1000)
        };
        let second_one = Session {
            start_ns: 50 * S,
            established_ns: 50 * S,
            end_ns: second * S,
            ..open(2, "nginx", "198.51.100.9", 5)
        };
        let is_open = [(first.clone(), second < 40), (second_one, second >= 50)];
        let open = is_open.into_iter().filter(|(_, is)| *is).map(|(s, _)| s);
        let closed = (second == 40).then(|| ended(first, Reason::RemoteReset));
        watched.batch(batch_at(second, open.collect(), Vec::from_iter(closed)));
    }
    watched
}

/// A dashboard that shows the past.
pub fn looking_back(size: Size) -> App {
    let mut app = course(size, 70).app;
    go_to(&mut app, "-40s");
    app
}

fn go_to(app: &mut App, text: &str) {
    press(app, "@");
    type_text(app, text);
    press_and_settle(app, "Enter");
}

#[test]
fn past_shows_sessions_as_they_were_and_escape_goes_back_to_now() {
    let mut app = looking_back(SIZE);
    let text = screen(&app, SIZE);
    assert!(text.contains("PAST 00:00:30  40s ago  Esc now"), "{text}");
    assert_eq!(column(&app, "RPORT"), ["50001"]);
    assert_eq!(column(&app, "STATUS"), ["established"]);
    assert_eq!(app.selected().map(|s| s.tx_bytes), Some(21_000));
    assert!(text.contains("open 1  closed 0"), "{text}");

    press_and_settle(&mut app, "Esc");
    let text = screen(&app, SIZE);
    assert!(!text.contains("PAST"), "{text}");
    assert_eq!(column(&app, "RPORT"), ["50002", "50001"]);
    assert!(text.contains("open 1  closed 1"), "{text}");
}

/// The header's figures of sessions that have closed and that were missed.
fn sums(app: &App) -> String {
    let text = line(app, LARGE, if app.is_past() { 2 } else { 0 });
    let from = text.find("closed ").unwrap_or_else(|| panic!("{text}"));
    let to = text.find("  new ").unwrap_or_else(|| panic!("{text}"));
    text[from..to].to_owned()
}

#[test]
fn past_header_counts_what_had_closed_then_and_not_what_is_unpacked() {
    let mut watched = Watched::new(LARGE, None);
    watched.app.past.black_box = BlackBox::new(Bounds {
        time_ns: Some(60 * S),
        ..BOUNDS
    });
    let mut then = String::new();
    for second in 10..=400 {
        let closed = |i| closed(second * 10 + i, "curl", "10.0.0.9", Reason::LocalFin);
        watched.batch(Batch {
            missed: Missed {
                ring_full: second / 10,
                ..Missed::default()
            },
            ..batch_at(second, vec![], vec![closed(0), closed(1)])
        });
        if second == 370 {
            then = sums(&watched.app);
        }
    }
    assert_eq!(then, "closed 722  missed 37");
    go_to(&mut watched.app, "00:06:10");
    assert!(
        watched.app.store().totals().closed < 722,
        "it is not all unpacked"
    );
    assert_eq!(sums(&watched.app), then);
    // a local connection counts as it does now
    press_and_settle(&mut watched.app, "l");
    assert_eq!(sums(&watched.app), then);
    press_and_settle(&mut watched.app, "[");
    assert_eq!(sums(&watched.app), "closed 720  missed 36");

    // while the display stood still, nobody counted
    press_and_settle(&mut watched.app, "Esc Space");
    for second in 401..=420 {
        let closed = closed(second * 10, "curl", "10.0.0.9", Reason::LocalFin);
        watched.batch(batch_at(second, vec![], vec![closed]));
    }
    press_and_settle(&mut watched.app, "Space");
    go_to(&mut watched.app, "00:06:50");
    assert_eq!(sums(&watched.app), "closed ≥782  missed ≥40");
}

#[test]
fn header_times_have_their_units() {
    let mut app = course(LARGE, 70).app;
    let first = |app: &App, y| line(app, LARGE, y);
    assert!(
        first(&app, 0).contains("  up 1m  past 1m ([)  "),
        "{}",
        first(&app, 0)
    );
    go_to(&mut app, "00:00:30");
    assert!(first(&app, 0).contains("  40s ago  "), "{}", first(&app, 0));
    assert!(
        first(&app, 1).starts_with("\"-1m00s "),
        "{}",
        first(&app, 1)
    );
    assert!(first(&app, 2).contains("  up 0m  "), "{}", first(&app, 2));
}

#[test]
fn past_steps_go_from_snapshot_to_snapshot_and_end_now() {
    let mut app = looking_back(SIZE);
    press_and_settle(&mut app, "[ [");
    assert!(screen(&app, SIZE).contains("PAST 00:00:28"));
    assert_eq!(app.selected().map(|s| s.tx_bytes), Some(19_000));
    press_and_settle(&mut app, "] ] ]");
    assert!(screen(&app, SIZE).contains("PAST 00:00:31"));
    assert_eq!(app.selected().map(|s| s.tx_bytes), Some(22_000));
    // it closes on the way, and the display moves on without being built again
    go_to(&mut app, "00:00:45");
    assert_eq!(column(&app, "STATUS"), ["peer reset"]);
    press_and_settle(&mut app, "}");
    assert!(!app.is_past(), "a minute on is now");
    press_and_settle(&mut app, "{");
    assert!(screen(&app, SIZE).contains("PAST 00:00:10"));
    press_and_settle(&mut app, "[");
    assert!(screen(&app, SIZE).contains("the black box reaches back to 00:00:10"));
}

#[test]
fn past_steps_that_come_faster_than_they_are_built_add_up() {
    let mut app = looking_back(SIZE);
    press(&mut app, "[ [ [");
    assert!(screen(&app, SIZE).contains("going to 00:00:27 …"));
    assert!(
        screen(&app, SIZE).contains("PAST 00:00:30"),
        "until it is there"
    );
    settle(&mut app);
    assert!(screen(&app, SIZE).contains("PAST 00:00:27"));
    assert!(!screen(&app, SIZE).contains("going to"));
}

#[test]
fn past_that_is_on_its_way_is_left_by_escape() {
    let mut app = course(SIZE, 70).app;
    press(&mut app, "{");
    let seen = screen(&app, SIZE);
    assert!(
        seen.contains(" NOW  Esc now  going to 00:00:10 …"),
        "{seen}"
    );
    press(&mut app, "Esc");
    settle(&mut app);
    let seen = screen(&app, SIZE);
    assert!(!app.is_past() && !seen.contains("going to"), "{seen}");
    assert!(seen.contains("this is now"), "{seen}");
}

#[test]
fn past_goes_on_behind_what_is_shown() {
    let mut watched = course(SIZE, 70);
    go_to(&mut watched.app, "00:00:30");
    let later = |second| {
        let session = Session {
            start_ns: 71 * S,
            established_ns: 71 * S,
            end_ns: second * S,
            ..open(3, "sshd", "198.51.100.3", 7)
        };
        batch_at(second, vec![session], vec![])
    };
    for second in 71..=75 {
        watched.batch(later(second));
    }
    assert_eq!(column(&watched.app, "RPORT"), ["50001"]);
    let text = screen(&watched.app, SIZE);
    assert!(text.contains("45s ago"), "{text}");
    press_and_settle(&mut watched.app, "Esc");
    assert_eq!(column(&watched.app, "RPORT")[0], "50003");
}

#[test]
fn past_takes_filters_orders_and_screens_as_now_does() {
    let mut app = looking_back(SIZE);
    press(&mut app, "/");
    type_text(&mut app, "comm nginx");
    press_and_settle(&mut app, "Enter");
    assert_eq!(app.row_count(), 0, "it is not open yet");
    press_and_settle(&mut app, "d");
    let text = screen(&app, SIZE);
    assert!(
        text.contains("PAST 00:00:30") && text.contains("now: @ Enter"),
        "{text}"
    );
    press_and_settle(&mut app, "Esc");
    press_and_settle(&mut app, "Esc");
    assert!(!app.is_past());
    assert_eq!(column(&app, "RPORT"), ["50002"], "the filter stays");
}

#[test]
fn past_detail_is_that_of_the_moment() {
    let mut app = course(SIZE, 35).app;
    press_and_settle(&mut app, "Enter");
    assert!(
        screen(&app, SIZE).contains("26.0kB"),
        "{}",
        screen(&app, SIZE)
    );
    press_and_settle(&mut app, "[ [ [ [ [");
    assert!(
        screen(&app, SIZE).contains("21.0kB"),
        "{}",
        screen(&app, SIZE)
    );
    go_to(&mut app, "now");
    assert!(screen(&app, SIZE).contains("26.0kB"));
}

#[test]
fn past_findings_are_those_of_the_moment() {
    let mut watched = Watched::new(SIZE, None);
    for second in 10..=80 {
        // as many as the rule asks for, from second 50 on
        let count = if second >= 50 { 20 } else { 0 };
        let refused =
            (0..count).map(|i| closed(second * 100 + i, "curl", "10.0.0.9", Reason::Refused));
        let refused = refused.map(|s| Session {
            direction: Direction::Out,
            rport: 5432,
            end_ns: second * S,
            ..s
        });
        watched.batch(batch_at(second, vec![], refused.collect()));
    }
    assert!(watched.app.findings.is_any());
    go_to(&mut watched.app, "00:00:40");
    assert!(watched.app.is_past() && !watched.app.findings.is_any());
    go_to(&mut watched.app, "00:01:18");
    assert!(watched.app.is_past() && watched.app.findings.is_any());
}

#[test]
fn past_time_that_is_not_there_is_marked_with_what_is_possible() {
    let mut app = course(SIZE, 70).app;
    for (text, wrong) in [
        ("tomorrow", "^ must be a time like 03:12"),
        ("-2m", "the black box reaches from 00:00:10 to 00:01:10"),
        ("1970-01-01 00:02", "is in the future"),
    ] {
        press(&mut app, "@");
        let possible = "from 00:00:10 on: 00:00:40, -30s; Enter alone: now";
        assert!(screen(&app, SIZE).contains(possible));
        type_text(&mut app, text);
        press_and_settle(&mut app, "Enter");
        let shown = screen(&app, SIZE);
        assert!(shown.contains(wrong), "{text}: {shown}");
        assert!(!app.is_past());
        type_text(&mut app, "x");
        assert!(!screen(&app, SIZE).contains(wrong), "typing goes on");
        press(&mut app, "Esc");
    }
    for possible in ["00:00:40", "-30s"] {
        go_to(&mut app, possible);
        let shown = screen(&app, SIZE);
        assert!(shown.contains("PAST 00:00:40"), "{possible}: {shown}");
        press_and_settle(&mut app, "Esc");
    }
    let short = course(SIZE, 22).app;
    assert_eq!(short.example_times(), ["00:00:16", "-5s"]);
    let mut empty = Watched::new(SIZE, None).app;
    press_and_settle(&mut empty, "[");
    assert!(screen(&empty, SIZE).contains("the black box has nothing yet"));
}

#[test]
fn past_moment_can_be_the_baseline_of_now() {
    let mut watched = course(SIZE, 70);
    go_to(&mut watched.app, "00:00:30");
    press_and_settle(&mut watched.app, "m");
    assert!(screen(&watched.app, SIZE).contains("baseline set at 00:00:30"));
    press_and_settle(&mut watched.app, "Esc");
    let baseline = watched.app.baseline.as_ref().expect("a baseline");
    assert_eq!(baseline.ago_ns(), 40 * S);
    let text = screen(&watched.app, LARGE);
    assert!(text.contains("baseline 00:00:30"), "{text}");
    // and moments after it are compared with it too
    go_to(&mut watched.app, "00:00:50");
    let baseline = watched.app.baseline.as_ref().expect("a baseline");
    assert_eq!(baseline.ago_ns(), 20 * S);
    // a new one there is also that of now
    press_and_settle(&mut watched.app, "m");
    press_and_settle(&mut watched.app, "M");
    let asked = "M again replaces the baseline of 00:00:30";
    assert!(screen(&watched.app, SIZE).contains(asked));
    press_and_settle(&mut watched.app, "M");
    assert!(screen(&watched.app, SIZE).contains("baseline set at 00:00:50"));
    press_and_settle(&mut watched.app, "Esc");
    press_and_settle(&mut watched.app, "Esc");
    let baseline = watched.app.baseline.as_ref().expect("a baseline");
    assert_eq!(baseline.ago_ns(), 20 * S);
    go_to(&mut watched.app, "00:00:20");
    assert!(watched.app.baseline.is_none(), "there was none then");
}

/// Steady traffic from second 10: each second ten sessions of 5 kB close, of which three were refused, and one that stays open moves
/// 20 kB.
fn steady(watched: &mut Watched, seconds: std::ops::RangeInclusive<u64>) {
    for second in seconds {
        let long = Session {
            age: Age::LowerBound,
            start_ns: S,
            established_ns: S,
            end_ns: second * S,
            ..open(1, "backup", "198.51.100.7", second * 20_000)
        };
        let passing = (0..10).map(|i| {
            let reason = match i {
                0..3 => Reason::Refused,
                _ => Reason::LocalFin,
            };
            Session {
                start_ns: second * S - S / 2,
                established_ns: second * S - S / 2,
                end_ns: second * S - S / 4,
                tx_bytes: 5000,
                ..closed(second * 10 + i, "curl", "198.51.100.9", reason)
            }
        });
        watched.batch(batch_at(second, vec![long], passing.collect()));
    }
}

#[test]
fn past_moment_as_the_baseline_of_now_invents_no_change_of_steady_traffic() {
    let mut watched = Watched::new(LARGE, None);
    watched.app.past.black_box = BlackBox::new(Bounds {
        time_ns: Some(60 * S),
        ..BOUNDS
    });
    steady(&mut watched, 10..=20);
    press(&mut watched.app, "m");
    steady(&mut watched, 21..=400);
    press_and_settle(&mut watched.app, "[");
    go_to(&mut watched.app, "-30s");
    press_and_settle(&mut watched.app, "m");
    let text = screen(&watched.app, LARGE);
    let asked = "m again replaces the baseline of 00:00:20; any other key keeps it";
    assert!(text.contains(asked), "{text}");
    press_and_settle(&mut watched.app, "m");
    let text = screen(&watched.app, LARGE);
    assert!(text.contains("baseline set at 00:06:10"), "{text}");
    press_and_settle(&mut watched.app, "Esc");
    steady(&mut watched, 401..=410);
    press_and_settle(&mut watched.app, "m");
    let text = screen(&watched.app, LARGE);
    assert!(
        text.contains("Nothing is worse, gone, fewer, new or grown so far."),
        "{text}"
    );
    let sums = |label: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("\"{label}")));
        line.map(|line| line.split_whitespace().skip(2).take(2).collect::<Vec<_>>())
    };
    assert_eq!(sums("since 40s"), Some(vec!["10", "82.0k"]), "{text}");
    assert_eq!(sums("before 1m00s"), sums("since 40s"), "{text}");
}

#[test]
fn charts_of_the_past_end_at_its_moment() {
    let mut app = looking_back(SIZE);
    press_and_settle(&mut app, "d");
    let text = screen(&app, LARGE);
    let axis = text.lines().find(|line| line.contains('└'));
    let axis = axis.expect("an axis");
    assert!(axis.contains("00:00:30") && !axis.contains("now"), "{text}");
    press_and_settle(&mut app, "Esc Enter");
    let text = screen(&app, SIZE);
    assert!(
        text.contains("Session: everything about one session "),
        "{text}"
    );
}

#[test]
fn past_is_saved_as_a_recording_of_all_sessions() {
    let mut app = course(SIZE, 70).app;
    press(&mut app, "W");
    let text = screen(&app, SIZE);
    assert!(text.contains("save the black box to: tcplife-19700101-000110.jsonl.zst"));
    assert!(
        text.contains("from 00:00:10 to 00:01:10 (1m00s, "),
        "{text}"
    );
    let Some(Effect::Export(ExportCommand::Begin { replace: false, .. })) =
        press(&mut app, "Enter")
    else {
        panic!("no file is begun");
    };
    assert!(app.export_saver().is_none(), "the file is not open yet");
    app.exported(WriterReport::Ready);
    let saver = app.export_saver().expect("a saver");
    assert!(app.export_saver().is_none(), "only once");
    let bytes = written(&mut app, saver);
    let text = screen(&app, SIZE);
    assert!(
        text.contains("saved 1 closed session: tcplife --replay tcplife-1970"),
        "{text}"
    );

    let mut reader = RecordingReader::new(std::io::Cursor::new(bytes)).expect("a recording");
    let (mut hosts, mut closed, mut ended) = (Vec::new(), Vec::new(), 0);
    while let Some(found) = reader.next().expect("a recording") {
        let Found::Event(event) = found else {
            panic!("damage");
        };
        match *event {
            Event::Header(header) => hosts.push(header.host),
            Event::Close(session) => closed.push((session.rport, session.tx_bytes)),
            Event::End => ended += 1,
            _ => {}
        }
    }
    assert_eq!(
        (hosts, closed, ended),
        (vec!["web".into()], vec![(50_001, 31_000)], 1)
    );
    assert_eq!(reader.events.open().len(), 1);

    press(&mut app, "W ^U");
    type_text(&mut app, "a.csv");
    press(&mut app, "Enter");
    assert!(screen(&app, SIZE).contains("use .jsonl.zst for a recording, .html or .md"));
}

/// Lets a saver write its file to the end, and returns the bytes.
fn written(app: &mut App, mut saver: Saver) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let block = saver.block().expect("memory");
        bytes.extend(block.bytes);
        if block.is_last {
            break;
        }
    }
    app.exported(WriterReport::Done);
    bytes
}

/// Saves the past under a name with times, and returns the bytes of the file.
pub fn save(app: &mut App, name: &str) -> Vec<u8> {
    press(app, "W ^U");
    type_text(app, name);
    let Some(Effect::Export(ExportCommand::Begin { .. })) = press(app, "Enter") else {
        panic!("no file is begun: {}", screen(app, SIZE));
    };
    app.exported(WriterReport::Ready);
    let saver = app.export_saver().expect("a saver");
    written(app, saver)
}

/// The header of a recording, and its numbers of closed and of open sessions.
fn read(bytes: Vec<u8>) -> (String, usize, usize) {
    let mut reader = RecordingReader::new(std::io::Cursor::new(bytes)).expect("a recording");
    let (mut cut, mut closed) = (String::new(), 0);
    while let Some(found) = reader.next().expect("a recording") {
        match found {
            Found::Event(event) => match *event {
                Event::Header(header) => cut = header.cut,
                Event::Close(_) => closed += 1,
                _ => {}
            },
            other => panic!("{other:?}"),
        }
    }
    (cut, closed, reader.events.open().len())
}

#[test]
fn past_is_saved_for_the_times_after_the_name_of_the_file() {
    let mut app = looking_back(SIZE);
    press(&mut app, "W");
    let text = screen(&app, LARGE);
    // what is around the moment is offered
    let offered = "tcplife-19700101-000030.jsonl.zst from 00:00:10 to 00:01:10";
    assert!(text.contains(offered), "{text}");
    press(&mut app, "Esc");
    let bytes = save(&mut app, "a.jsonl.zst from 00:00:35 to 00:00:45");
    let cut = "from 00:00:35, to 00:00:45".to_owned();
    assert_eq!(read(bytes), (cut, 1, 0));
    let text = screen(&app, SIZE);
    assert!(
        text.contains("saved 1 closed session: tcplife --replay a.jsonl.zst"),
        "{text}"
    );
    let bytes = save(&mut app, "a.jsonl.zst to 00:00:30");
    assert_eq!(read(bytes), ("from 00:00:10, to 00:00:30".into(), 0, 1));
    let page = save(&mut app, "a.md from 00:00:50 to now");
    let page = String::from_utf8(page).expect("UTF-8");
    assert!(
        page.contains("198.51.100.9") && !page.contains("198.51.100.7"),
        "{page}"
    );
    for (name, wrong) in [
        ("a.md from 00:00:50 to 00:00:40", "^ ends before it begins"),
        ("a.md from x", "^ must be a time like 03:12"),
        (
            "a.md to 00:00:01",
            "^ the black box reaches from 00:00:10 to 00:01:10",
        ),
    ] {
        press(&mut app, "W ^U");
        type_text(&mut app, name);
        press(&mut app, "Enter");
        let text = screen(&app, SIZE);
        assert!(text.contains(wrong), "{name}: {text}");
        press(&mut app, "Esc");
    }
}

#[test]
fn past_is_saved_as_a_report_of_the_sessions_of_the_filter() {
    let mut app = course(SIZE, 70).app;
    press(&mut app, "/");
    type_text(&mut app, "comm curl");
    press_and_settle(&mut app, "Enter");
    press(&mut app, "W ^U");
    type_text(&mut app, "a.md");
    let Some(Effect::Export(ExportCommand::Begin { .. })) = press(&mut app, "Enter") else {
        panic!("no file is begun");
    };
    app.exported(WriterReport::Ready);
    let mut saver = app.export_saver().expect("a saver");
    let block = saver.block().expect("memory");
    assert!(block.is_last);
    let text = String::from_utf8(block.bytes).expect("UTF-8");
    for part in ["comm curl", "198.51.100.7", "web", "reset"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("198.51.100.9"), "{text}");
    app.exported(WriterReport::Done);
    let text = screen(&app, SIZE);
    assert!(
        text.contains("reported on 1 closed session in a.md"),
        "{text}"
    );
}

#[test]
fn recording_is_started_and_stopped_by_a_key() {
    let mut app = course(SIZE, 70).app;
    press(&mut app, "R");
    let text = screen(&app, SIZE);
    assert!(
        text.contains("record to: tcplife-19700101-000110.jsonl.zst"),
        "{text}"
    );
    press(&mut app, "^U");
    type_text(&mut app, "a.jsonl.zst");
    let effect = press(&mut app, "Enter");
    assert_eq!(effect, Some(Effect::Record("a.jsonl.zst".into())));
    app.recorded(Err("permission denied".into()));
    let text = screen(&app, SIZE);
    assert!(
        text.contains("cannot record to a.jsonl.zst: permission denied"),
        "{text}"
    );
    press(&mut app, "Enter");
    app.recorded(Ok(RecordStatus {
        is_on: true,
        bytes: 12_000_000,
        since: Some(app.wall(app.now_ns) - jiff::SignedDuration::from_mins(41)),
        ..RecordStatus::default()
    }));
    let text = screen(&app, LARGE);
    assert!(
        text.contains("recording to a.jsonl.zst; R stops it"),
        "{text}"
    );
    assert!(text.contains("rec 12.0MB 41m  "), "{text}");
    assert_eq!(press(&mut app, "R"), Some(Effect::ToggleRecording));
    let text = screen(&app, LARGE);
    assert!(
        text.contains("recording stopped; R starts it again"),
        "{text}"
    );
    assert!(text.contains("rec off"), "{text}");

    let mut app = course(SIZE, 70).app;
    app.is_replay = true;
    assert_eq!(press(&mut app, "R"), None);
    let text = screen(&app, SIZE);
    assert!(
        text.contains("this is a recording; W saves what is kept of it"),
        "{text}"
    );
}

#[test]
fn black_box_freezes_after_its_condition_and_is_thawed_by_a_key() {
    let mut watched = Watched::new(SIZE, Some("reason refused 1/s"));
    assert!(screen(&watched.app, LARGE).contains("freezes on reason refused 1/s"));
    for second in 10..=400 {
        let count = if second == 100 { 5 } else { 0 };
        let refused =
            (0..count).map(|i| closed(second * 100 + i, "curl", "10.0.0.9", Reason::Refused));
        watched.batch(batch_at(second, vec![], refused.collect()));
        if second == 150 {
            assert!(screen(&watched.app, SIZE).contains("freezes at 00:03:40"));
        }
    }
    let text = screen(&watched.app, SIZE);
    assert!(text.contains("frozen: 00:00:10 to 00:03:40"), "{text}");
    go_to(&mut watched.app, "00:01:40");
    assert_eq!(watched.app.row_count(), 5);
    press_and_settle(&mut watched.app, "T");
    assert!(!watched.app.is_past());
    assert!(!screen(&watched.app, SIZE).contains("frozen"));

    press(&mut watched.app, "T");
    type_text(&mut watched.app, "reason nonsense");
    press(&mut watched.app, "Enter");
    assert!(
        screen(&watched.app, SIZE).contains("^ "),
        "{}",
        screen(&watched.app, SIZE)
    );
    press(&mut watched.app, "^U");
    type_text(&mut watched.app, "reason refused");
    press(&mut watched.app, "Enter");
    assert!(screen(&watched.app, LARGE).contains("the black box freezes 2 minutes after"));
}

#[test]
fn past_while_paused_ends_the_pause_when_it_goes_back_to_now() {
    let mut watched = course(SIZE, 60);
    press(&mut watched.app, "Space");
    watched.batch(batch_at(61, vec![], vec![]));
    press_and_settle(&mut watched.app, "[ [");
    assert!(watched.app.is_past());
    press_and_settle(&mut watched.app, "Space");
    assert!(screen(&watched.app, SIZE).contains("time stands still in the past"));
    press_and_settle(&mut watched.app, "Esc");
    assert!(!watched.app.paused && !watched.app.is_past());
}

#[test]
fn time_bar_stands_records_that_are_newer_than_the_snapshot_after_them() {
    let mut watched = course(SIZE, 20);
    // so many that they fill a frame
    let closed = (0..20_000).map(|i| closed(1000 + i % 5000, "curl", "10.0.0.9", Reason::LocalFin));
    watched.batch(Batch {
        taken_ns: 22 * S,
        closed: closed.collect(),
        ..Batch::default()
    });
    watched.batch(batch_at(21, vec![], vec![]));
    let frames = watched.app.past.black_box.frames();
    assert!(frames.rev().nth(1).is_some_and(|f| f.to_ns == 22 * S));
    go_to(&mut watched.app, "-1s");
    assert!(screen(&watched.app, SIZE).contains(" PAST 00:00:"));
}

#[test]
fn time_bar_has_failures_and_gaps_at_their_places() {
    let mut watched = Watched::new(SIZE, None);
    for second in (10..=40).chain(100..=130) {
        let count = if second == 20 { 9 } else { 1 };
        let reason = match second {
            120 => Reason::Refused,
            _ => Reason::LocalFin,
        };
        let closed = (0..count).map(|i| closed(second * 100 + i, "curl", "10.0.0.9", reason));
        watched.batch(batch_at(second, vec![], closed.collect()));
    }
    let (black_box, reach) = (&watched.app.past.black_box, (10 * S, 130 * S));
    let (bar, at) = time_bar(black_box, &[], reach, 100 * S, 12);
    assert_eq!(bar.len(), 12);
    let gaps: Vec<usize> = (0..12).filter(|i| bar[*i].is_gap).collect();
    assert_eq!(gaps, [4, 5, 6, 7, 8]);
    let failures: Vec<usize> = (0..12).filter(|i| bar[*i].has_failures).collect();
    assert_eq!((failures, at), (vec![11], 9));
    assert!(bar[1].rate > bar[0].rate);
}

#[test]
fn time_bar_spans_a_recording_that_memory_has_only_the_end_of() {
    let mut watched = Watched::new(SIZE, None);
    for second in 100..=120 {
        let closed = closed(second, "curl", "10.0.0.9", Reason::LocalFin);
        watched.batch(batch_at(second, vec![], vec![closed]));
    }
    let span = |from, to, closed| TapeSpan {
        from_ns: from * S,
        to_ns: to * S,
        closed,
        failed: u64::from(from == 0),
        missed: u64::from(from == 30),
    };
    // the last one is half in memory
    let before = [span(0, 30, 60), span(30, 60, 0), span(90, 110, 20)];
    let black_box = &watched.app.past.black_box;
    let (bar, at) = time_bar(black_box, &before, (0, 120 * S), 35 * S, 12);
    let rates: Vec<f32> = bar.iter().map(|cell| cell.rate).collect();
    assert_eq!(at, 3);
    let failed: Vec<usize> = (0..12).filter(|i| bar[*i].has_failures).collect();
    assert_eq!(failed, [0, 1, 2]);
    let missed: Vec<usize> = (0..12).filter(|i| bar[*i].has_missed).collect();
    assert_eq!(missed, [3, 4, 5]);
    assert!(rates[..3].iter().all(|rate| *rate >= 1.5), "{rates:?}");
    assert!(rates[4..9].iter().all(|rate| *rate < 0.1), "{rates:?}");
    assert!((0.9..=1.6).contains(&rates[11]), "{rates:?}");
}

/// Wall-clock time at boot time 0.
const HOUR_NS: i128 = 3_600_000_000_000;

/// The course, with the clock set by so many seconds at second 45.
fn course_with_step(by_s: i64) -> Watched {
    let mut watched = Watched::new(SIZE, None);
    let mut clock = Clock::fixed(HOUR_NS);
    for second in 10..=70 {
        if second == 45 {
            clock.set(45 * S, HOUR_NS + i128::from(45 + by_s) * i128::from(S));
        }
        let session = Session {
            start_ns: 10 * S,
            established_ns: 10 * S,
            end_ns: second * S,
            ..open(1, "curl", "198.51.100.7", second * 1000)
        };
        watched.batch(Batch {
            clock,
            ..batch_at(second, vec![session], vec![])
        });
    }
    watched
}

#[test]
fn past_time_that_the_clock_had_twice_is_the_last_one_and_says_so() {
    // 0:15 to 0:45 came twice: it is 0:40 now
    let mut app = course_with_step(-30).app;
    let sent = |app: &App| app.selected().map(|s| s.tx_bytes);
    go_to(&mut app, "01:00:20");
    let text = screen(&app, LARGE);
    let remark = "the clock was set back, and had 01:00:20 2 times: this is the last one; `01:00:20 first` is the first";
    assert!(text.contains(remark), "{text}");
    assert!(text.contains("PAST 01:00:20"), "{text}");
    assert_eq!(sent(&app), Some(50_000));
    go_to(&mut app, "01:00:20 first");
    let text = screen(&app, LARGE);
    assert!(
        text.contains("01:00:20 2 times: this is the first one"),
        "{text}"
    );
    assert!(text.contains("PAST 01:00:20"), "{text}");
    assert_eq!(sent(&app), Some(20_000));
    // only before the step, and later than now
    go_to(&mut app, "01:00:42");
    assert_eq!(sent(&app), Some(42_000));
    assert!(!screen(&app, LARGE).contains("the clock was set"));
    go_to(&mut app, "-5s");
    assert_eq!(sent(&app), Some(65_000));
}

#[test]
fn past_time_that_the_clock_never_had_is_that_at_which_it_was_set_and_says_so() {
    let mut app = course_with_step(30).app;
    go_to(&mut app, "01:01:00");
    let text = screen(&app, LARGE);
    let remark = "the clock was set forward past 01:01:00: this is the moment at which it was";
    assert!(text.contains(remark), "{text}");
    assert_eq!(app.selected().map(|s| s.tx_bytes), Some(45_000));
}
