//! The session table, the lines above it, and keys of the sessions.

use super::*;

/// All reasons for which sessions close.
fn reasons() -> impl Iterator<Item = &'static Reason> {
    Reason::ALL.iter().filter(|r| **r != Reason::Open)
}

/// A table with a session that closed for each of them.
fn with_each_reason() -> App {
    let mut app = unused(100, SIZE);
    let closed = reasons().zip(20..).map(|(r, c)| Session {
        tx_bytes: 123_456,
        ..closed(c, "curl", "10.0.0.9", *r)
    });
    app.batch(batch_at(10, vec![], closed.collect()));
    app
}

#[test]
fn colors_highlight_failures_and_monochrome_has_none() {
    let colors = |theme| {
        let terminal = terminal(&app(SIZE), theme, SIZE);
        let cells = terminal.backend().buffer().content().to_vec();
        cells
            .into_iter()
            .flat_map(|c| [c.fg, c.bg])
            .filter(|c| *c != Color::Reset)
            .collect::<Vec<_>>()
    };
    assert!(colors(&DARK).contains(&Color::Red));
    assert_eq!(colors(&MONOCHROME), []);
}

#[test]
fn table_and_help_at_any_size_do_not_panic() {
    for width in (1..20).chain([25, 40, 59, 80, 100, 130]) {
        for height in 1..12 {
            let size = Size { width, height };
            let mut app = app(size);
            press(&mut app, "G j ^D > S ? G");
            screen(&app, size);
            app.resize(turned(size));
            press(&mut app, "? k");
            screen(&app, turned(size));
        }
    }
}

#[test]
fn table_shows_the_busiest_first_then_the_newest() {
    assert_eq!(
        column(&app(SIZE), "COMM"),
        [
            "nginx",
            "nginx",
            "sshd-se…",
            "-",
            "postgres",
            "日本語…",
            "redis-s…",
            "curl",
            "curl"
        ]
    );
}

#[test]
fn address_families_are_toggled_by_keys() {
    let mut app = app(SIZE);
    press(&mut app, "6");
    assert_eq!(column(&app, "RADDR"), ["2001:db…55:6666", "::1"]);
    press(&mut app, "4");
    assert_eq!(column(&app, "RADDR").len(), 7);
    press(&mut app, "4");
    assert_eq!(column(&app, "RADDR").len(), 9);
}

#[test]
fn open_and_closed_sessions_can_be_shown_separately() {
    let mut app = app(SIZE);
    press(&mut app, "o");
    assert_eq!(column(&app, "STATUS"), ["established"; 3]);
    press(&mut app, "o");
    assert_eq!(column(&app, "STATUS").len(), 6);
    assert!(!column(&app, "STATUS").contains(&"established".to_owned()));
    press(&mut app, "o");
    assert_eq!(column(&app, "STATUS").len(), 9);
}

#[test]
fn sort_keys_use_the_visible_columns_and_reverse() {
    let mut app = app(SIZE);
    assert!(screen(&app, SIZE).contains(" RATE▼ "));
    press(&mut app, "< <");
    assert!(screen(&app, SIZE).contains("sort: tx ↓"));
    assert!(screen(&app, SIZE).contains("   TX▼ "));
    let tx = column(&app, "TX");
    assert_eq!(
        tx,
        [
            "9.9M", "5.0M", "120k", "12.0k", "11.0k", "10.0k", "9.0k", "8.0k", "7.0k"
        ]
    );
    press(&mut app, "I");
    assert_eq!(column(&app, "TX"), tx.into_iter().rev().collect::<Vec<_>>());
    press(&mut app, "S");
    assert!(screen(&app, SIZE).contains("sort: rport ↑"));
    press(&mut app, "< < < < <");
    assert!(
        screen(&app, SIZE).contains("sort: status ↑"),
        "it goes round"
    );
    press(&mut app, "< <");
    assert!(
        screen(&app, SIZE).contains("sort: rate ↓"),
        "the initial order is in reach"
    );
    let first = column(&app, "COMM");
    assert_eq!(first, column(&self::app(SIZE), "COMM"), "as at the start");
    press(&mut app, "> > >");
    assert!(screen(&app, SIZE).contains("sort: pid ↑"));
}

#[test]
fn keys_of_the_sessions_on_other_screens_work_or_say_where_they_do() {
    let mut app = app(SIZE);
    press(&mut app, "f");
    let columns = KeyPress::new(KeyCode::Char('c'), false);
    assert_eq!(app.key(columns, Some('c')), None);
    let said = "c does nothing here; Esc goes back";
    assert!(screen(&app, SIZE).contains(said), "{}", screen(&app, SIZE));
    // what has no meaning anywhere stays without one
    app.key(KeyPress::new(KeyCode::Char('~'), false), Some('~'));
    assert!(!screen(&app, SIZE).contains("does nothing here"));
    press(&mut app, "e");
    assert_eq!(app.layers.mode(), Mode::FileName);
    press(&mut app, "Esc C");
    assert_eq!(app.layers.mode(), Mode::Prompt);
    press(&mut app, "Esc");
    assert_eq!(app.layers.mode(), Mode::Failures);
}

#[test]
fn second_line_shows_evicted_sessions_and_the_capture_filter_at_80_columns() {
    let mut app = begun(unused(2, SIZE));
    press(&mut app, "C");
    type_text(&mut app, "port 443");
    press(&mut app, "Enter /");
    type_text(
        &mut app,
        "not comm nobody and not raddr 203.0.113.99 and rx > 0",
    );
    press_and_settle(&mut app, "Enter F");
    let said = line(&app, SIZE, 1);
    assert!(said.contains("capture: port 443"), "{said}");
    assert!(said.contains("filter: not comm n"), "{said}");
    // that sessions are missing comes before what somebody has chosen
    assert!(said.contains("  older ones evicted  "), "{said}");
    press_and_settle(&mut app, "m Esc /");
    type_text(&mut app, "comm nginx and rx > 0");
    press_and_settle(&mut app, "Enter");
    for width in [80, 60, 40] {
        app.resize(Size { width, height: 24 });
        let said = line(&app, Size { width, height: 24 }, 1);
        assert!(said.contains("  older ones evicted"), "{width}: {said}");
    }
}

#[test]
fn header_in_a_narrow_window_keeps_the_number_of_missed_sessions_longest() {
    let mut app = app(SIZE);
    app.batch(Batch {
        missed: Missed {
            ring_full: 12_345,
            ..Missed::default()
        },
        ..batch_at(11, vec![], vec![])
    });
    for width in [80, 40, 30, 20] {
        let size = Size { width, height: 24 };
        app.resize(size);
        let said = line(&app, size, 0);
        assert!(said.contains("missed 12345"), "{width}: {said}");
    }
}

#[test]
fn status_of_any_reason_is_whole_at_80_columns() {
    let app = with_each_reason();
    let mut shown = column(&app, "STATUS");
    shown.sort_unstable();
    let mut words: Vec<&str> = reasons().map(|r| r.word()).collect();
    words.sort_unstable();
    assert_eq!(shown, words);
    for word in ["closed", "peer closed", "peer reset", "no answer"] {
        assert!(words.contains(&word), "{word}");
    }
    assert!(column(&app, "TX").iter().all(|tx| tx == "123k"));
}

#[test]
fn status_word_on_the_screen_can_be_typed_in_a_filter() {
    let mut app = with_each_reason();
    for (filter, shown) in [
        ("status \"peer closed\"", &["peer closed"][..]),
        ("reason closed,refused", &["refused", "closed"]),
        ("status remote-fin", &["peer closed"]),
        ("\"r reset\"", &["peer reset"]),
        ("\"Timed Out\"", &["timed out"]),
    ] {
        press(&mut app, "/ ^U");
        type_text(&mut app, filter);
        press_and_settle(&mut app, "Enter");
        assert_eq!(column(&app, "STATUS"), shown, "{filter}");
    }
}

#[test]
fn status_column_sorts_by_the_words_that_it_shows() {
    let mut app = with_each_reason();
    for _ in 0..30 {
        if app.sort.field.word != "status" {
            press_and_settle(&mut app, ">");
        }
    }
    assert!(column(&app, "STATUS").is_sorted());
}

#[test]
fn second_line_at_any_width_shows_the_most_important_parts() {
    let said = |width, keys: &str| {
        let size = Size { width, height: 24 };
        let mut app = app(size);
        press(&mut app, "/");
        type_text(
            &mut app,
            "not comm nobody and not raddr 203.0.113.99 and rx > 0",
        );
        press(&mut app, "Enter");
        press(&mut app, keys);
        line(&app, size, 1).trim_matches(['"', ' ']).to_owned()
    };
    insta::assert_snapshot!(
        [40, 60, 80, 100, 120]
            .map(|width| ["g", "F", "I 4 Space", "m t n + 4"]
                .map(|keys| said(width, keys))
                .join("\n"))
            .join("\n\n")
    );
}

#[test]
fn missed_sessions_are_shown_on_red() {
    let mut app = app(SIZE);
    app.batch(Batch {
        taken_ns: 11 * S,
        missed: Missed {
            ring_full: 17,
            ..Missed::default()
        },
        open: Some(OpenSnapshot::default()),
        ..Batch::default()
    });
    assert!(screen(&app, SIZE).contains("missed 17"));
    let terminal = terminal(&app, &DARK, SIZE);
    assert!((0..80).any(|x| terminal.backend().buffer()[(x, 0)].bg == Color::Red));
}

#[test]
fn table_without_sessions_shows_why_it_is_empty() {
    let mut app = unused(2, SIZE);
    assert!(screen(&app, SIZE).contains("Reading the open sessions"));
    app.batch(batch_at(1, vec![], vec![]));
    assert!(screen(&app, SIZE).contains("Waiting for TCP connections …"));
    press(&mut app, "/");
    type_text(&mut app, "port 443");
    press(&mut app, "Enter");
    assert!(screen(&app, SIZE).contains("Waiting for TCP connections …"));
    press(&mut app, "Space");
    assert!(screen(&app, SIZE).contains("No session matches while paused. Space resumes."));
}

#[test]
fn keys_redraw_suspend_and_quit_have_their_effects() {
    let mut app = app(SIZE);
    assert_eq!(press(&mut app, "^L"), Some(Effect::Redraw));
    assert_eq!(press(&mut app, "^Z"), Some(Effect::Suspend));
    assert_eq!(press(&mut app, "? q"), None, "q leaves the help only");
    assert_eq!(press(&mut app, "q"), Some(Effect::Quit));
}

#[test]
fn ages_that_are_lower_bounds_come_before_all_that_are_known() {
    let mut app = unused(1000, SIZE);
    app.batch(batch_at(1, vec![], vec![]));
    let bound = |session| Session {
        age: Age::LowerBound,
        ..session
    };
    let since = |session, start_s: u64, end_s: u64| Session {
        start_ns: start_s * S,
        established_ns: start_s * S,
        end_ns: end_s * S,
        ..session
    };
    let closed = |cookie| closed(cookie, "curl", "10.0.0.9", Reason::LocalFin);
    app.batch(batch_at(
        60,
        vec![
            since(open(1, "new", "10.0.0.9", 5), 10, 60),
            bound(since(open(2, "old", "10.0.0.9", 5), 2, 60)),
        ],
        vec![bound(since(closed(3), 2, 5)), since(closed(4), 3, 58)],
    ));
    settle(&mut app);
    press_and_settle(&mut app, "A");
    assert_eq!(column(&app, "AGE"), ["≥58s", "≥3.0s", "55.0s", "50.0s"]);
    press_and_settle(&mut app, "I");
    assert_eq!(column(&app, "AGE"), ["50.0s", "55.0s", "≥3.0s", "≥58s"]);
}
