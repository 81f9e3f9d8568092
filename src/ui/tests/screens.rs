//! Screens shown instead of the table.

use super::*;
use crate::model::fields;
use crate::model::measures::MEASURES;
use crate::ui::action::{Action, Mode};
use crate::ui::state::screens::Screen;
use crate::ui::tests::press_and_settle;

/// Pseudo-random numbers, the same each time.
fn scattered(n: u64) -> u64 {
    let n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (n ^ n >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 32
}

/// A value around `of`, from a quarter of it to four times as much; sometimes much more.
fn about(n: u64, of: u64) -> u64 {
    let part = |k| scattered(n * 7 + k) % 1000;
    let much = if part(5) > 970 { 30.0 } else { 1.0 };
    let sum = (part(1) + part(2) + part(3) + part(4)) as f64 / 1000.0;
    ((of as f64) * 2_f64.powf(sum * 2.0 - 4.0 + 2.0) * much) as u64
}

/// Sessions of a web server: many short ones of clients, some long ones, and connections to a database, of which some
/// fail.
fn session(n: u64, end_s: u64) -> Session {
    let to_database = n.is_multiple_of(4);
    let dur_us = if n.is_multiple_of(9) {
        about(n, 4_000_000)
    } else {
        about(n, 12_000)
    };
    let connect_us = if to_database { about(n, 180) } else { 0 };
    let end_ns = end_s * S;
    let start_ns = end_ns.saturating_sub((dur_us + connect_us) * 1000);
    let mut session = Session {
        start_ns,
        established_ns: start_ns + connect_us * 1000,
        end_ns,
        tx_bytes: about(n + 1, 40_000),
        rx_bytes: about(n + 2, 700),
        srtt_us: if to_database {
            about(n, 140)
        } else {
            about(n, 25_000)
        } as u32,
        ..closed(
            1000 + n % 10_000,
            "nginx",
            &format!("198.51.100.{}", n % 40),
            Reason::RemoteFin,
        )
    };
    if to_database {
        session.direction = Direction::Out;
        (session.lport, session.rport) = (session.rport, 5432);
        session.raddr = "10.0.0.9".parse().expect("an address");
        session.comm = Comm::from("app-server");
    }
    let fails = |session: Session, reason| Session {
        reason,
        established_ns: 0,
        tx_bytes: 0,
        rx_bytes: 0,
        srtt_us: 0,
        ..session
    };
    match (to_database, n % 37) {
        (true, 4 | 8 | 12) => fails(session, Reason::Refused),
        (true, 16) => fails(session, Reason::ConnectTimeout),
        (_, 21) => Session {
            reason: Reason::RemoteReset,
            ..session
        },
        (false, 22) => fails(session, Reason::NeverAccepted),
        _ => session,
    }
}

/// A dashboard with this many of them, the last at 40 s.
pub fn web_server(size: Size, many: u64) -> App {
    let mut app = unused(100_000, size);
    app.batch(batch_at(1, vec![], vec![]));
    let closed = (0..many).map(|n| session(n, 2 + n * 38 / many));
    app.batch(batch_at(40, vec![busiest(), far()], closed.collect()));
    settle(&mut app);
    app
}

#[test]
fn baseline_set_shows_how_to_compare() {
    for script in ["m", "Tab m", "d m", "f m"] {
        let mut app = web_server(SIZE, 100);
        press_and_settle(&mut app, script);
        let text = "baseline set, with 39s before it; press m again to compare";
        let said = |app: &App| screen(app, SIZE).contains(text);
        assert!(said(&app), "{script}");
        press_and_settle(&mut app, "m");
        assert!(
            !said(&app) && app.layers.mode() == Mode::Baseline,
            "{script}"
        );
    }
}

/// Each histogram's selected bar: the histogram, and the number of sessions in the bar.
fn bars(app: &App) -> Vec<(&'static str, u64)> {
    let Some(Screen::Distributions(shown)) = app.layers.screen() else {
        panic!("no distributions");
    };
    let count = |which| {
        let buckets = crate::ui::layout::distributions::buckets(&shown.histogram(which), 39);
        buckets.iter().map(|b| b.count).sum()
    };
    (0..MEASURES.len())
        .map(|i| (MEASURES[i].word, count(i)))
        .collect()
}

#[test]
fn distributions_count_the_sessions_that_the_table_shows() {
    let mut app = web_server(SIZE, 3000);
    for script in ["d", "4", "6", "6 o", "o", "o"] {
        press_and_settle(&mut app, script);
        assert_eq!(
            bars(&app)[0],
            ("duration", app.row_count() as u64),
            "{script}"
        );
        assert_eq!(bars(&app)[3], ("bytes", app.row_count() as u64), "{script}");
    }
    press_and_settle(&mut app, "/");
    type_text(&mut app, "reason refused");
    settle(&mut app);
    assert_eq!(bars(&app)[0].1, app.row_count() as u64);
    assert_eq!(bars(&app)[1].1, 0, "what was refused has no RTT");
    assert!(screen(&app, SIZE).contains("no session has a value"));
    press_and_settle(&mut app, "Enter");
    assert_eq!(app.layers.mode(), Mode::Distributions);
    let refused = app.row_count();
    // new sessions are counted if they match
    app.batch(batch_at(41, vec![], vec![session(4, 41), session(5, 41)]));
    assert_eq!(
        (bars(&app)[0].1, app.row_count()),
        (refused as u64 + 1, refused + 1)
    );
    press_and_settle(&mut app, "Backspace");
    assert_eq!(bars(&app)[0].1, app.row_count() as u64);
}

#[test]
fn distributions_do_not_count_evicted_sessions() {
    let mut app = unused(50, SIZE);
    let batch =
        |from: u64, to: u64| batch_at(to, vec![], (from..to).map(|n| session(n, n + 2)).collect());
    app.batch(batch(0, 40));
    press_and_settle(&mut app, "d");
    for (from, to) in [(40, 60), (60, 61), (61, 200), (200, 210)] {
        app.batch(batch(from, to));
        assert_eq!((bars(&app)[0].1, app.row_count()), (50, 50));
    }
    assert!(screen(&app, SIZE).contains("160 evicted"));
}

#[test]
fn distributions_enter_filters_to_the_selected_bar() {
    let mut app = web_server(SIZE, 5000);
    for (script, word) in [
        ("d", "duration"),
        ("d Tab →", "rtt"),
        ("d Tab Tab Tab k k", "bytes"),
    ] {
        press_and_settle(&mut app, script);
        let Some(Screen::Distributions(shown)) = app.layers.screen() else {
            panic!("no distributions");
        };
        let which = shown.selected;
        let buckets = crate::ui::layout::distributions::buckets(&shown.histogram(which), 39);
        let many = buckets[shown.bucket(which, &buckets)].count;
        press_and_settle(&mut app, "Enter");
        assert_eq!(app.layers.mode(), Mode::Table);
        assert_eq!(app.row_count() as u64, many);
        let source = app.view_filter.filter.source().to_owned();
        assert!(
            many > 0 && source.starts_with(&format!("{word} >= ")),
            "{source}"
        );
        press_and_settle(&mut app, "Backspace");
        assert_eq!(app.row_count(), 5002);
    }
}

#[test]
fn distributions_selected_bar_is_described_in_words() {
    let mut app = web_server(SIZE, 5000);
    press_and_settle(&mut app, "d");
    press_and_settle(&mut app, "Tab Tab Tab g");
    let at = |app: &App| {
        let screen = screen(app, SIZE);
        let line = screen.lines().find(|l| l.contains("p50…p99 ±2.5 %"));
        line.expect("the selected bar")
            .trim_matches('"')
            .trim_end()
            .to_owned()
    };
    let nothing = app.store().closed().filter(|(_, s)| s.tx_bytes == 0);
    let said = format!("▲ 0 to 1B: {} (", nothing.count());
    assert!(at(&app).starts_with(&said), "{}", at(&app));
    let first = at(&app);
    press_and_settle(&mut app, "→ ←");
    assert_eq!(at(&app), first);
    press_and_settle(&mut app, "G j j");
    assert!(at(&app).contains(", 0% above"), "{}", at(&app));
}

#[test]
fn failures_are_counted_by_kind_and_enter_filters_to_one() {
    let mut app = web_server(SIZE, 5000);
    press_and_settle(&mut app, "f");
    let rows = |app: &App| -> Vec<(String, u64)> {
        let Some(Screen::Failures(shown)) = app.layers.screen() else {
            panic!("no failures");
        };
        let of = |f: crate::model::failures::Failure| {
            format!("{} {}", f.reason.word(), f.destination(None))
        };
        shown
            .rows()
            .map(|r| (r.failure.map_or("rest".into(), of), r.tally.count))
            .collect()
    };
    let all = rows(&app);
    assert!(
        all.iter()
            .any(|(name, _)| name == "refused → 10.0.0.9:5432"),
        "{all:?}"
    );
    assert!(
        all.iter().any(|(name, _)| name == "unaccepted ← :443"),
        "{all:?}"
    );
    for (line, (name, count)) in all.iter().enumerate() {
        press_and_settle(&mut app, if line == 0 { "g" } else { "j" });
        press_and_settle(&mut app, "Enter");
        assert_eq!(app.layers.mode(), Mode::Table);
        assert_eq!(app.row_count() as u64, *count, "{name}");
        press_and_settle(&mut app, "Backspace f");
        (0..line).for_each(|_| press_and_settle(&mut app, "j"));
    }
    // lines are updated, and the selection follows its line
    press_and_settle(&mut app, "g j");
    let selected = |app: &App| match app.layers.screen() {
        Some(Screen::Failures(shown)) => shown.selected().map(|f| f.reason),
        _ => None,
    };
    let before = selected(&app);
    let storm = (0..400).map(|n| Session {
        reason: Reason::Unreachable,
        ..session(n * 4, 41)
    });
    app.batch(batch_at(41, vec![], storm.collect()));
    assert_eq!(rows(&app)[0], ("unreachable → 10.0.0.9:5432".into(), 400));
    assert_eq!(selected(&app), before);
    let shown = screen(&app, SIZE);
    assert!(
        shown.contains("40.0 ") || shown.contains("  40 "),
        "{shown}"
    );
}

#[test]
fn failures_screen_without_failures_shows_so() {
    let mut app = web_server(SIZE, 5000);
    press_and_settle(&mut app, "o f");
    assert!(screen(&app, SIZE).contains("None of the sessions"));
    press_and_settle(&mut app, "Enter j G Esc");
    assert_eq!(app.layers.mode(), Mode::Table);
}

#[test]
fn screens_open_from_each_other_and_close_to_the_table() {
    let mut app = web_server(SIZE, 100);
    for (script, mode) in [
        ("d", Mode::Distributions),
        ("f", Mode::Failures),
        ("d", Mode::Distributions),
        ("? Esc", Mode::Distributions),
        ("/ Esc", Mode::Distributions),
        ("d", Mode::Table),
        ("f f", Mode::Table),
        ("f q", Mode::Table),
        ("Tab d Esc", Mode::TopTalkers),
    ] {
        press_and_settle(&mut app, script);
        assert_eq!(app.layers.mode(), mode, "{script}");
    }
    assert_eq!(
        app.keymap
            .lookup(Mode::Failures, KeyPress::new(KeyCode::Char('c'), true)),
        Some(Action::Quit)
    );
}

#[test]
fn distributions_of_many_sessions_are_counted_in_the_background() {
    let mut app = web_server(SIZE, 60_000);
    super::press(&mut app, "d");
    assert!(app.is_working(), "it is not all done at once");
    let header = screen(&app, SIZE);
    assert!(header.contains("…"), "{header}");
    settle(&mut app);
    assert_eq!(bars(&app)[0].1, 60_002);
    assert!(fields::by_word(MEASURES[0].word).is_some());
}

#[test]
fn screens_at_any_size_do_not_panic() {
    for width in (1..20).chain([25, 40, 49, 50, 59, 80, 130]) {
        for height in 1..20 {
            let size = Size { width, height };
            let mut app = web_server(size, 200);
            for script in ["d G Tab → k", "Tab Tab j", "f G j k", "/"] {
                super::press_and_settle(&mut app, script);
                screen(&app, size);
            }
            app.resize(turned(size));
            super::press_and_settle(&mut app, "Esc d j");
            screen(&app, turned(size));
        }
    }
}

/// The web server with a baseline at 40 s; then its database is slow and refuses, and a new one is used.
pub fn failover(size: Size) -> App {
    let mut app = web_server(size, 5000);
    press_and_settle(&mut app, "m");
    let since = (0..3900).map(|n| {
        let session = session(n, 41 + n / 130);
        let start_ns = session.start_ns.max(40 * S);
        let is_there = session.direction == Direction::Out && session.established_ns != 0;
        let (is_refused, is_slow) = (is_there && n.is_multiple_of(3), is_there && n % 3 > 0);
        Session {
            start_ns,
            established_ns: match (session.established_ns, is_slow) {
                (0, _) => 0,
                _ if is_refused => 0,
                (_, true) => start_ns + 9 * (session.established_ns - session.start_ns),
                _ => start_ns,
            },
            cookie: session.cookie + 100_000,
            reason: if is_refused {
                Reason::Refused
            } else {
                session.reason
            },
            ..session
        }
    });
    let new = Session {
        start_ns: 45 * S,
        direction: Direction::Out,
        ..open(3, "app-server", "10.0.0.10", 70_000)
    };
    // the other client is gone, which is certain at the second snapshot without it
    (41..=42).for_each(|s| {
        app.batch(batch_at(s, vec![busiest()], vec![]));
    });
    app.batch(batch_at(75, vec![busiest(), new], since.collect()));
    app
}

#[test]
fn baseline_can_be_set_compared_moved_and_removed() {
    let mut app = web_server(SIZE, 1000);
    assert!(!screen(&app, SIZE).contains("baseline "));
    press_and_settle(&mut app, "m");
    assert_eq!(app.layers.mode(), Mode::Table);
    assert!(screen(&app, SIZE).contains("baseline 00:00:40"));
    app.batch(batch_at(
        53,
        app.store()
            .open()
            .map(|(_, session)| session.clone())
            .collect(),
        vec![],
    ));
    assert!(screen(&app, SIZE).contains("baseline 00:00:40"));
    press_and_settle(&mut app, "m");
    assert_eq!(app.layers.mode(), Mode::Baseline);
    assert!(screen(&app, SIZE).contains("since 13s"));
    // no client connects to the database any more
    assert!(screen(&app, SIZE).contains("gone  app-server → 10.0.0.9:5432"));
    press_and_settle(&mut app, "M");
    let asked = "M again replaces the baseline of 00:00:40; any other key keeps it";
    assert!(screen(&app, SIZE).contains(asked));
    // the key of another question is no answer to this one
    press_and_settle(&mut app, "x");
    assert!(screen(&app, SIZE).contains("x again clears the baseline"));
    press_and_settle(&mut app, "j M M");
    assert!(screen(&app, SIZE).contains("since 0s"));
    let early = "Too early: 0 s since the baseline; differences show after 10 s";
    assert!(screen(&app, SIZE).contains(early));
    press_and_settle(&mut app, "m");
    assert_eq!(app.layers.mode(), Mode::Table);
    press_and_settle(&mut app, "m d m x");
    assert!(screen(&app, SIZE).contains("baseline "));
    press_and_settle(&mut app, "x");
    assert_eq!(app.layers.mode(), Mode::Table);
    assert!(!screen(&app, SIZE).contains("baseline "));
}

#[test]
fn baseline_rate_of_failures_counts_from_the_first_one_and_names_the_reason() {
    let mut app = unused(1000, SIZE);
    for s in 1..=30 {
        app.batch(batch_at(s, vec![busiest()], vec![]));
    }
    press_and_settle(&mut app, "m");
    // nothing fails for a while
    for s in 31..=50 {
        app.batch(batch_at(s, vec![busiest()], vec![]));
    }
    for s in 51..=70 {
        app.batch(findings::refusal_at(s));
    }
    press_and_settle(&mut app, "m");
    let shown = screen(&app, SIZE);
    let words = |start: &str| {
        let mut lines = shown.lines().map(|l| l.trim_matches('"'));
        let line = lines.rfind(|l| l.starts_with(start)).expect(start);
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    // two a second, in the last twenty of forty
    assert_eq!(words("since 40s")[4], "2.1", "{shown}");
    let worse = words("worse ");
    let figure = worse.iter().position(|w| w == "FAILED/s").expect("it");
    assert_eq!(worse[figure + 1], "0", "{shown}");
    assert_eq!(worse[figure + 2], "2.1", "{shown}");
    assert!(shown.contains(" refused, new"), "{shown}");
    assert!(shown.contains("1 worse, 1 quiet so far;"), "{shown}");
    let said = "SINCE: FAILED/s is the mean since the first failure, not since the baseline.";
    assert!(shown.contains(said), "{shown}");
}

#[test]
fn baseline_enter_on_a_difference_filters_to_its_aggregate() {
    let mut app = failover(SIZE);
    press_and_settle(&mut app, "m");
    let rows = |app: &App| match app.layers.screen() {
        Some(Screen::Baseline(shown)) => {
            let rows = shown.rows().map(|(d, _)| (d.key, d.finding));
            rows.collect::<Vec<_>>()
        }
        _ => panic!("no differences"),
    };
    let found = rows(&app);
    let of = |key: &str| {
        let found = found.iter().filter(|(k, _)| k.to_string() == key);
        found.map(|(_, f)| format!("{f:?}")).collect::<Vec<_>>()
    };
    // the program and the port are those of the same sessions
    let database = "app-server → 10.0.0.9:5432";
    assert_eq!(of(database), ["Worse(Failed)"], "{found:?}");
    for folded in ["app-server", "5432", "10.0.0.9"] {
        assert_eq!(of(folded), [""; 0], "{found:?}");
    }
    let text = screen(&app, SIZE);
    let line = text.lines().find(|l| l.contains(database));
    assert!(line.is_some_and(|l| l.contains("refused … ")), "{text}");
    let wide = Size::new(100, 24);
    let text = screen(&app, wide);
    let line = text.lines().find(|l| l.contains(database));
    assert!(
        line.is_some_and(|l| l.contains("refused, CONNECT ")),
        "{text}"
    );
    assert_eq!(of("app-server → 10.0.0.10:50003"), ["New"], "{found:?}");
    // a comparison covers all sessions, and so does what a line opens
    press_and_settle(&mut app, "m o o 6 /");
    type_text(&mut app, "comm nginx");
    press_and_settle(&mut app, "Enter m g Enter");
    assert_eq!(app.layers.mode(), Mode::Table);
    assert_eq!(
        app.view_filter.filter.source(),
        "failed and comm app-server and raddr 10.0.0.9 and rport 5432"
    );
    assert!(app.row_count() > 0);
    // the filter changes nothing on the screen
    press_and_settle(&mut app, "m");
    assert_eq!(rows(&app), found);
}

#[test]
fn failures_per_second_count_evicted_sessions_too() {
    let mut app = begun(unused(10, SIZE));
    press_and_settle(&mut app, "f");
    for second in 11..40 {
        let refused = |cookie| Session {
            end_ns: second * S,
            ..closed(second * 100 + cookie, "curl", "10.0.0.9", Reason::Refused)
        };
        for some in 0..10 {
            let some = (some * 5..some * 5 + 5).map(refused).collect();
            app.batch(batch_at(second, vec![], some));
        }
    }
    settle(&mut app);
    let Some(Screen::Failures(shown)) = app.layers.screen() else {
        panic!("no failures");
    };
    let row = shown.rows().next().expect("a line");
    assert_eq!(
        (row.tally.count, row.tally.kept, row.rate),
        (1451, 10, 50.0)
    );
}

#[test]
fn host_chart_is_full_when_it_is_opened() {
    let mut app = web_server(SIZE, 5000);
    press_and_settle(&mut app, "d");
    let shown = screen(&app, SIZE);
    let heading = shown.lines().find(|l| l.contains(" HOST  ↑ "));
    let heading = heading.unwrap_or_else(|| panic!("no chart of the host: {shown}"));
    // 5000 sessions in 38 s
    assert!(heading.contains("closed 13"), "{shown}");
    let most = |name| shown.lines().any(|l| l.contains(name) && l.contains("/s┤"));
    for name in ["↑ ", "↓ ", "opened ", "closed ", "failed "] {
        assert!(most(name), "{name}: {shown}");
    }
    assert!(shown.contains("├──") && shown.contains("now"), "{shown}");
    assert!(
        shown.contains("▸DURATION"),
        "the histograms are below: {shown}"
    );
    // selected, it has all the room
    press(&mut app, "Shift-Tab");
    let large = screen(&app, SIZE);
    assert!(
        large.contains("▸HOST") && !large.contains("DURATION"),
        "{large}"
    );
    press(&mut app, "Enter →");
    let chart =
        |shown: &str| -> Vec<String> { shown.lines().take(23).map(str::to_owned).collect() };
    let now = screen(&app, SIZE);
    assert_eq!(chart(&now), chart(&large), "there is no bar to select");
    assert!(now.contains("this chart has no bars to select"), "{now}");
    press(&mut app, "Tab");
    assert_eq!(screen(&app, SIZE), shown);
}

#[test]
fn esc_after_enter_on_a_line_goes_back_to_its_screen() {
    let mut app = web_server(SIZE, 500);
    press(&mut app, "/");
    type_text(&mut app, "lport 443");
    press_and_settle(&mut app, "Enter f j");
    let (before, selected) = (screen(&app, SIZE), selected_line(&app));
    press_and_settle(&mut app, "Enter");
    assert_eq!(app.layers.mode(), Mode::Table);
    assert!(app.view_filter.filter.source().contains("reason"));
    let footer = line(&app, SIZE, 23);
    assert!(footer.contains("Esc/q back"), "{footer}");
    // the detail of a session is on the way
    press_and_settle(&mut app, "Enter Esc Esc");
    assert_eq!(app.layers.mode(), Mode::Failures);
    assert_eq!(app.view_filter.filter.source(), "lport 443");
    assert_eq!(selected_line(&app), selected);
    assert_eq!(screen(&app, SIZE), before);
    press_and_settle(&mut app, "Esc");
    assert_eq!(app.layers.mode(), Mode::Table);
    press_and_settle(&mut app, "Esc");
    assert!(app.view_filter.filter.is_everything());
}

#[test]
fn q_at_the_sessions_of_a_line_goes_back_and_quits_elsewhere() {
    let mut app = web_server(SIZE, 500);
    press_and_settle(&mut app, "f");
    let before = screen(&app, SIZE);
    press_and_settle(&mut app, "Enter");
    assert_eq!(app.layers.mode(), Mode::Table);
    assert_eq!(press(&mut app, "q"), None, "it goes back");
    settle(&mut app);
    assert_eq!(app.layers.mode(), Mode::Failures);
    assert_eq!(screen(&app, SIZE), before);
    assert_eq!(press(&mut app, "q"), None, "it leaves the screen");
    assert_eq!(press(&mut app, "q"), Some(Effect::Quit));
    // another filter is no way back
    press_and_settle(&mut app, "f Enter");
    press(&mut app, "/");
    type_text(&mut app, "comm nginx");
    press_and_settle(&mut app, "Enter");
    let footer = line(&app, SIZE, 23);
    assert!(footer.contains("q quit"), "{footer}");
    assert_eq!(press(&mut app, "q"), Some(Effect::Quit));
}

#[test]
fn esc_after_enter_on_a_difference_goes_back_to_the_baseline() {
    let mut app = failover(SIZE);
    press_and_settle(&mut app, "4 o m j");
    let (before, selected) = (screen(&app, SIZE), selected_line(&app));
    press_and_settle(&mut app, "Enter");
    assert_eq!(app.layers.mode(), Mode::Table);
    press_and_settle(&mut app, "Esc");
    assert_eq!(app.layers.mode(), Mode::Baseline);
    assert_eq!(
        (screen(&app, SIZE), selected_line(&app)),
        (before, selected)
    );
    press(&mut app, "Esc");
    assert!(
        screen(&app, SIZE).contains("open  baseline"),
        "{}",
        screen(&app, SIZE)
    );
}

#[test]
fn esc_after_the_sessions_of_a_line_leads_to_the_first_line_if_that_was_selected() {
    for script in [
        "d G Enter Enter Esc Esc Esc",
        "d Enter j j Enter Esc Esc Esc",
    ] {
        let mut app = web_server(SIZE, 1000);
        let first = selected_line(&app);
        press_and_settle(&mut app, script);
        assert_eq!(app.layers.mode(), Mode::Table);
        assert!(app.view_filter.filter.is_everything(), "{script}");
        assert_eq!((app.selected, selected_line(&app)), (0, first), "{script}");
    }
}

#[test]
fn esc_after_another_filter_clears_it_instead_of_going_back() {
    let mut app = web_server(SIZE, 500);
    press_and_settle(&mut app, "d Enter");
    assert_eq!(app.layers.mode(), Mode::Table);
    press(&mut app, "/");
    type_text(&mut app, "comm nginx");
    press_and_settle(&mut app, "Enter Esc");
    assert_eq!(app.layers.mode(), Mode::Table);
    assert!(app.view_filter.filter.is_everything());
    press_and_settle(&mut app, "d Enter Esc");
    assert_eq!(app.layers.mode(), Mode::Distributions);
}

#[test]
fn enter_on_a_failure_shows_its_sessions_with_the_last_one_on_top_and_esc_restores_the_order() {
    let mut app = app(SIZE);
    press_and_settle(&mut app, "f");
    assert!(screen(&app, SIZE).contains("/s▼"));
    press_and_settle(&mut app, "s");
    let shown = screen(&app, SIZE);
    assert!(shown.contains("LAST▼") && !shown.contains("/s▼"), "{shown}");
    press_and_settle(&mut app, "Enter");
    let shown = screen(&app, SIZE);
    assert!(
        shown.contains("sort: ended ↓") && shown.contains("ENDED▼"),
        "{shown}"
    );
    press_and_settle(&mut app, "Esc Esc");
    let shown = screen(&app, SIZE);
    assert!(shown.contains("sort: rate ↓"), "{shown}");
}

#[test]
fn failures_whose_sessions_were_evicted_still_count_and_say_that_these_are_gone() {
    let mut app = App::new("web-3".into(), CaptureFilter::default(), 20, SIZE);
    let failed = Session {
        reason: Reason::Refused,
        ..closed(1, "orders", "10.0.0.9", Reason::Refused)
    };
    app.batch(batch_at(10, vec![], vec![failed]));
    let others = (2..60).map(|c| closed(c, "web", "10.0.0.1", Reason::LocalFin));
    app.batch(batch_at(11, vec![], others.collect()));
    press_and_settle(&mut app, "f");
    let shown = screen(&app, SIZE);
    assert!(shown.contains("orders"), "{shown}");
    assert!(
        shown.contains("1 failure of 1 kind since 00:00:10, 1s; sessions of 1 failure not kept"),
        "{shown}"
    );
    press_and_settle(&mut app, "Enter");
    assert!(screen(&app, SIZE).contains("its sessions are not kept any more"));
    // with a filter, only what is kept can be found
    press_and_settle(&mut app, "/");
    type_text(&mut app, "comm orders");
    press_and_settle(&mut app, "Enter");
    assert!(screen(&app, SIZE).contains("None of the sessions in the table failed."));
}

#[test]
fn failures_say_since_when_they_count_and_by_what_they_are_sorted() {
    let mut app = unused(1000, SIZE);
    for second in 100..=400 {
        let refused = closed(second, "curl", "10.0.0.9", Reason::Refused);
        let refused = Session {
            end_ns: second * S,
            ..refused
        };
        let refused = (second == 370).then_some(refused);
        app.batch(batch_at(second, vec![], Vec::from_iter(refused)));
    }
    press_and_settle(&mut app, "f");
    let shown = screen(&app, SIZE);
    assert!(
        shown.contains("1 failure of 1 kind since 00:01:40, 5m; "),
        "{shown}"
    );
    assert!(
        shown.contains("/s▼") && shown.contains("sort: /s ↓"),
        "{shown}"
    );
    assert!(shown.contains(" 30s refused "), "{shown}");
    press_and_settle(&mut app, "s");
    let shown = screen(&app, SIZE);
    assert!(
        shown.contains("LAST▼") && shown.contains("sort: last ↓"),
        "{shown}"
    );
    // on the sessions it is their order again
    press_and_settle(&mut app, "Esc");
    assert!(screen(&app, SIZE).contains("sort: rate ↓"));
}
