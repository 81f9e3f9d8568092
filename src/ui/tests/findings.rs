//! Findings on the screen: the line of the header, which costs nothing without one, the list and its proofs.

use std::net::IpAddr;

use super::*;
use crate::host::session_env::SessionEnv;
use crate::ui::state::self_traffic::SelfTraffic;

/// A dashboard of which a destination refuses a connect each second, and one that is gone by.
pub fn refused(size: Size) -> App {
    let mut app = refusing(size, 12);
    press_and_settle(&mut app, "!");
    app
}

/// The same on the sessions, after so many seconds.
fn refusing(size: Size, seconds: u64) -> App {
    let mut app = unused(1000, size);
    for s in 1..=seconds {
        app.batch(refusal_at(s));
    }
    app
}

/// Two destinations refuse a connect each, in this second.
pub fn refusal_at(s: u64) -> Batch {
    let session = |i: u64| Session {
        reason: Reason::Refused,
        established_ns: 0,
        start_ns: s * 1_000_000_000 - 300_000,
        end_ns: s * 1_000_000_000,
        raddr: IpAddr::from([10, 0, 0, i as u8]),
        rport: 5432,
        laddr: IpAddr::from([10, 0, 0, 1]),
        comm: Comm::from("api"),
        direction: Direction::Out,
        ..closed(s * 10 + i, "api", "10.0.0.9", Reason::Refused)
    };
    batch_at(s, vec![], vec![session(9), session(8)])
}

#[test]
fn findings_line_is_in_the_header_only_while_there_is_one() {
    let mut app = refusing(SIZE, 1);
    let tabs = |app: &App| app.layout().tabs.y;
    assert_eq!(tabs(&app), 2);
    app = refusing(SIZE, 12);
    assert_eq!(tabs(&app), 3);
    let text = line(&app, SIZE, 2);
    assert!(
        text.contains(
            "1 of 2 findings, ! for all: 10.0.0.8:5432 refuses connections: 12 of 12 from api"
        ),
        "{text}"
    );
    // a low window has no room for it
    let low = Size {
        width: 80,
        height: 7,
    };
    assert!(!screen(&refusing(low, 12), low).contains("findings, "));
    // it ends
    for s in 13..60 {
        app.batch(batch_at(s, vec![], vec![]));
    }
    assert_eq!(tabs(&app), 2);
    press_and_settle(&mut app, "!");
    assert!(
        screen(&app, SIZE).contains("It ended"),
        "{}",
        screen(&app, SIZE)
    );
}

#[test]
fn findings_list_has_numbers_threshold_and_what_to_do() {
    for (width, height) in [(80, 24), (40, 24), (120, 40)] {
        let size = Size { width, height };
        let app = refused(size);
        let shown = screen(&app, size).replace(['\n', '"'], " ");
        let words: Vec<&str> = shown.split_whitespace().collect();
        let shown = words.join(" ");
        assert!(shown.contains("10.0.0.8:5432 refuses"), "{shown}");
        for text in ["12 of 12 from api in 11 s", "(threshold: 20 %,"] {
            assert!(shown.contains(text), "{width}: {text}: {shown}");
        }
        // keys of JSON are for programs
        assert!(!shown.contains("share_percent"), "{width}: {shown}");
    }
}

#[test]
fn enter_on_a_finding_shows_its_sessions_whatever_the_filter_was() {
    let mut app = refusing(SIZE, 12);
    press(&mut app, "/");
    type_text(&mut app, "comm nobody");
    press(&mut app, "Enter");
    press_and_settle(&mut app, "! j Enter");
    assert_eq!(app.layers.mode(), Mode::Table);
    assert_eq!(
        app.view_filter.filter.source(),
        "reason refused and raddr 10.0.0.9 and netns 4026531840 and rport 5432"
    );
    assert_eq!(app.row_count(), 12);
    press(&mut app, "Backspace");
    assert_eq!(app.view_filter.filter.source(), "comm nobody");
}

#[test]
fn esc_after_enter_on_a_finding_goes_back_with_the_former_filter() {
    let mut app = refusing(SIZE, 12);
    press(&mut app, "/");
    type_text(&mut app, "comm nobody");
    press_and_settle(&mut app, "Enter ! j");
    let before = screen(&app, SIZE);
    for script in [
        "Enter Esc",
        // other screens about these sessions are on the way, and the key of the screen itself leads back
        "Enter f Esc Esc",
        "Enter f d Esc Esc Esc",
        "Enter !",
        "Enter f !",
        "Enter Enter Esc Esc",
    ] {
        press_and_settle(&mut app, script);
        assert_eq!(app.layers.mode(), Mode::Findings, "{script}");
        assert_eq!(app.view_filter.filter.source(), "comm nobody", "{script}");
        assert_eq!(screen(&app, SIZE), before, "{script}");
    }
    press_and_settle(&mut app, "Esc");
    assert_eq!(app.layers.mode(), Mode::Table);
    assert_eq!(app.view_filter.filter.source(), "comm nobody");
}

#[test]
fn first_lines_say_which_figures_are_of_the_filter_and_which_of_the_host() {
    let mut app = refusing(SIZE, 12);
    let first = |app: &App| {
        let lines = (0..5).map(|y| line(app, SIZE, y));
        lines.collect::<Vec<_>>().join("\n")
    };
    for key in ["g", "f", "!"] {
        press_and_settle(&mut app, key);
        let shown = first(&app);
        assert!(
            !shown.contains("host: ") && !shown.contains("filter"),
            "{shown}"
        );
    }
    press_and_settle(&mut app, "Enter");
    let shown = first(&app);
    assert!(shown.contains("host: open 0  closed 24"), "{shown}");
    assert!(
        shown.contains("1/12 all") && shown.contains("  filter: reason"),
        "{shown}"
    );
    for (key, of) in [
        ("f", "Failures of the filter: "),
        ("d", "Charts of the filter: "),
    ] {
        press_and_settle(&mut app, key);
        let shown = first(&app);
        assert!(shown.contains("host: open 0  closed 24"), "{shown}");
        assert!(
            shown.contains("  filter: reason") && shown.contains(of),
            "{shown}"
        );
    }
    for (key, of) in [
        ("L", "Listeners of the whole host: "),
        ("D", "Drops of the whole host: "),
        ("P", "Ports of the whole host: "),
    ] {
        press_and_settle(&mut app, key);
        let shown = first(&app);
        assert!(shown.contains("filter (not here): reason"), "{shown}");
        assert!(shown.contains(of), "{shown}");
    }
    // the family and the scope limit, too
    press_and_settle(&mut app, "Esc Esc Esc Esc Esc Esc Esc Esc");
    assert!(!first(&app).contains("host: "), "{}", first(&app));
    press_and_settle(&mut app, "o");
    assert!(first(&app).contains("host: "), "{}", first(&app));
}

#[test]
fn findings_of_self_traffic_are_none() {
    let mut app = unused(1000, SIZE);
    app.view_filter.self_traffic = SelfTraffic::new(&SessionEnv {
        pid: 4711,
        ..SessionEnv::default()
    });
    for s in 1..12 {
        let session = Session {
            pid: 4711,
            end_ns: s * 1_000_000_000,
            ..closed(s, "tcplife", "10.0.0.9", Reason::Refused)
        };
        app.batch(batch_at(s, vec![], vec![session]));
    }
    assert!(!app.findings.is_any());
}

#[test]
fn findings_column_of_times_is_shown_once_one_has_begun_again() {
    let heading = |app: &App| {
        let shown = screen(app, SIZE);
        let heading = shown.lines().find(|line| line.contains("FINDING"));
        heading.expect("a heading").to_owned()
    };
    let mut app = refused(SIZE);
    assert!(!heading(&app).contains(" N "), "{}", heading(&app));
    // it ends, and begins again
    for s in 13..60 {
        app.batch(batch_at(s, vec![], vec![]));
    }
    for s in 60..75 {
        app.batch(refusal_at(s));
    }
    assert!(heading(&app).contains(" N "), "{}", screen(&app, SIZE));
}

#[test]
fn finding_in_a_small_window_keeps_the_program() {
    let size = Size::new(60, 18);
    let shown = screen(&refused(size), size);
    let row = shown.lines().find(|line| line.contains("!! "));
    let row = row.unwrap_or_else(|| panic!("{shown}"));
    assert!(
        row.contains("10.0.0.8:5432 refuses connections from api"),
        "{shown}"
    );
    let size = Size::new(40, 18);
    let shown = screen(&refused(size), size);
    assert!(shown.contains(" from api "), "{shown}");
}

#[test]
fn findings_screen_without_any_says_what_it_looks_for_and_who_answers_slowly() {
    let mut app = unused(1000, SIZE);
    for second in 1..=60 {
        let mut asked = Session {
            direction: Direction::Out,
            rport: 5432,
            ..open(1, "api", "10.0.0.9", 900)
        };
        asked.turns.count = 10;
        asked.turns.peer.set_mean_us(400_000);
        app.batch(batch_at(second, vec![asked], vec![]));
    }
    press_and_settle(&mut app, "!");
    let shown = screen(&app, SIZE);
    for text in [
        "Nothing is wrong, as far as these rules can tell",
        "It looks for what fails, waits, is cut off",
        "Slowest answers now: 10.0.0.9:5432 400ms.",
        "All, in the sessions: s y RESP▼ (we asked), s Q OURRESP▼ (we answered).",
    ] {
        let words = shown.replace(['\n', '"'], " ");
        let words: Vec<&str> = words.split_whitespace().collect();
        assert!(words.join(" ").contains(text), "{text}: {shown}");
    }
}

#[test]
fn finding_that_may_have_begun_before_the_start_has_a_lower_bound() {
    let mut app = refused(SIZE);
    assert!(screen(&app, SIZE).contains("!! ≥11s  10.0.0.8:5432 refuses"));
    // after a while without failures it is known when they begin
    app = unused(1000, SIZE);
    for s in 1..=20 {
        app.batch(batch_at(s, vec![], vec![]));
    }
    for s in 21..=32 {
        app.batch(refusal_at(s));
    }
    press_and_settle(&mut app, "!");
    let shown = screen(&app, SIZE);
    assert!(shown.contains("!! 11s   10.0.0.8:5432 refuses"), "{shown}");
}

#[test]
fn leak_that_was_there_at_the_start_is_at_least_as_old_as_tcplife() {
    let leaking = |s: u64| {
        let left = |i: u64| Session {
            state: State::CloseWait,
            state_before_close: State::CloseWait,
            age: Age::LowerBound,
            direction: Direction::Out,
            end_ns: s * S,
            ..open(100 + i, "scraper", "10.0.0.9", 300)
        };
        // one more each second, whose FIN is seen
        let leaked = |i: u64| Session {
            age: Age::Exact,
            start_ns: (5 + i) * S,
            close_us: ((s - 6 - i) * 1_000_000) as u32,
            ..left(50 + i)
        };
        let known = (0..s.saturating_sub(6)).map(leaked);
        batch_at(s, (0..40).map(left).chain(known).collect(), vec![])
    };
    let mut app = unused(1000, SIZE);
    for s in 5..=90 {
        app.batch(leaking(s));
    }
    press_and_settle(&mut app, "!");
    let shown = screen(&app, SIZE).replace(['\n', '"'], " ");
    let words: Vec<&str> = shown.split_whitespace().collect();
    let shown = words.join(" ");
    assert!(shown.contains("! ≥1m scraper"), "{shown}");
    assert!(shown.contains("the first at least 1m25s ago"), "{shown}");
}
