//! The cursor: it follows its session, and stays where it is on the screen when that is gone.

use super::*;

/// Line of the cursor on the screen, from the first of the table.
fn cursor(app: &App) -> usize {
    app.selected - app.top
}

/// The port of the peer on the selected line.
fn selected_port(app: &App) -> u16 {
    app.selected().expect("a session").rport
}

/// Open sessions, the busiest first, since the second before.
fn busy(cookies: std::ops::Range<u64>, second: u64) -> Vec<Session> {
    let session = |cookie| Session {
        start_ns: second * S,
        ..open(cookie, "nginx", "10.0.0.1", (200 - cookie) * 1_000_000)
    };
    cookies.map(session).collect()
}

/// A dashboard with many open sessions, each with a rate of its own.
fn busy_app() -> App {
    let mut app = unused(1000, SIZE);
    app.batch(batch_at(1, vec![], vec![]));
    app.batch(batch_at(2, busy(0..60, 1), vec![]));
    app
}

/// The next snapshot, in which all of them have moved as much again, except one that closes and those that have.
fn next(app: &mut App, second: u64, closes: Option<u64>, gone: &[u64]) {
    let moved = |session: Session| Session {
        tx_bytes: session.tx_bytes * second,
        ..session
    };
    let moved = busy(0..60, 1).into_iter().map(moved);
    let (closing, open): (Vec<_>, Vec<_>) = moved
        .filter(|s| !gone.contains(&s.cookie))
        .partition(|s| closes == Some(s.cookie));
    let close = |s| Session {
        end_ns: second * S,
        ..ended(s, Reason::RemoteFin)
    };
    let closed = closing.into_iter().map(close).collect();
    app.batch(batch_at(second, open, closed));
}

fn press_times(app: &mut App, key: &str, times: usize) {
    for _ in 0..times {
        press(app, key);
    }
}

#[test]
fn cursor_on_session_that_closes_stays_on_its_line() {
    for (down, scrolled) in [(3, 0), (40, 25)] {
        let mut app = busy_app();
        next(&mut app, 3, None, &[]);
        press_times(&mut app, "j", down);
        assert_eq!(selected_port(&app), 50_000 + down as u16);
        let before = (app.selected, app.top);
        assert_eq!(before, (down, scrolled), "{down}");
        let cookie = down as u64;
        next(&mut app, 4, Some(cookie), &[]);
        assert_eq!((app.selected, app.top), before);
        assert_eq!(selected_port(&app), 50_001 + cookie as u16, "the next one");
        // one above it closes, and its own session stays open: the lines around it do not move
        next(&mut app, 5, Some(1), &[cookie]);
        assert_eq!(selected_port(&app), 50_001 + cookie as u16);
        assert_eq!(cursor(&app), down - scrolled - usize::from(scrolled == 0));
    }
}

#[test]
fn cursor_on_session_that_closes_at_its_place_follows_it() {
    let mut app = busy_app();
    press(&mut app, "< <");
    assert!(screen(&app, SIZE).contains("sort: tx ↓"));
    next(&mut app, 3, None, &[]);
    press(&mut app, "j j");
    next(&mut app, 4, Some(2), &[]);
    assert_eq!(selected_port(&app), 50_002, "its bytes keep its place");
    assert!(selected_line(&app).contains("peer closed"));
}

#[test]
fn cursor_keys_at_the_moment_of_a_batch_move_by_a_line() {
    let mut app = busy_app();
    next(&mut app, 3, None, &[]);
    press(&mut app, "j j j");
    next(&mut app, 4, Some(3), &[]);
    press(&mut app, "j");
    assert_eq!(selected_port(&app), 50_005);
    next(&mut app, 5, Some(5), &[3]);
    press(&mut app, "k");
    assert_eq!(selected_port(&app), 50_004);
    assert_eq!(app.selected, 3);
}

/// Closed sessions with increasing numbers.
fn closings(cookies: std::ops::Range<u64>, second: u64) -> Batch {
    let session = |cookie| Session {
        end_ns: second * S,
        ..closed(cookie, "curl", "10.0.0.9", Reason::LocalFin)
    };
    batch_at(second, vec![], cookies.map(session).collect())
}

#[test]
fn cursor_on_evicted_session_stays_on_its_line() {
    let mut app = unused(50, SIZE);
    app.batch(closings(0..50, 1));
    // sorted by their bytes the oldest are on top; these are evicted first
    press(&mut app, "< < I");
    let before = column(&app, "RPORT");
    press(&mut app, "g j j j");
    assert_eq!(before[3], selected_port(&app).to_string());
    for (second, evicted) in [(2, 10), (3, 10), (4, 60)] {
        app.batch(closings(100 * second..100 * second + evicted, second));
        assert_eq!((app.selected, app.top, app.row_count()), (3, 0, 50));
    }
    // in the middle of the table: the lines around it stay
    press_times(&mut app, "j", 30);
    let (screen_line, port) = (cursor(&app), selected_port(&app));
    app.batch(closings(900..905, 5));
    assert_eq!((cursor(&app), selected_port(&app)), (screen_line, port));
}

#[test]
fn cursor_in_the_middle_stays_while_sessions_arrive_above() {
    let mut app = unused(10_000, SIZE);
    app.batch(closings(0..500, 1));
    press_times(&mut app, "PgDn", 3);
    let (screen_line, before) = (cursor(&app), column(&app, "RPORT"));
    for second in 2..6 {
        app.batch(closings(1000 * second..1000 * second + 70, second));
        assert_eq!(cursor(&app), screen_line);
        assert_eq!(column(&app, "RPORT"), before, "the same lines");
    }
    // at the top the newest are shown
    press(&mut app, "g j j");
    let port = selected_port(&app);
    app.batch(closings(9000..9005, 7));
    assert_eq!((app.top, app.selected, selected_port(&app)), (0, 7, port));
}

#[test]
fn cursor_on_session_hidden_by_a_filter_stays_and_returns() {
    let mut app = unused(10_000, SIZE);
    app.batch(closings(0..500, 1));
    press_times(&mut app, "PgDn", 3);
    press(&mut app, "k k k");
    let before = (app.selected, app.top, selected_port(&app));
    press(&mut app, "/");
    type_text(&mut app, &format!("not rport {}", before.2));
    settle(&mut app);
    assert_eq!((app.selected, app.top), (before.0, before.1));
    assert_eq!(selected_port(&app), before.2 - 1, "the line after it");
    type_text(&mut app, " and rport 1");
    assert_eq!(app.row_count(), 0);
    press_and_settle(&mut app, "Esc");
    assert_eq!((app.selected, app.top, selected_port(&app)), before);
    // open sessions only: there is none
    press_and_settle(&mut app, "o");
    assert_eq!(app.row_count(), 0);
    press_and_settle(&mut app, "o o");
    assert_eq!((app.selected, app.top, selected_port(&app)), before);
    // having moved, the cursor stays with the session that it moved to
    press(&mut app, "/");
    type_text(&mut app, &format!("not rport {}", before.2));
    press_and_settle(&mut app, "Enter j");
    let moved = selected_port(&app);
    press_and_settle(&mut app, "/ ^U Enter");
    assert_eq!(selected_port(&app), moved);
}

#[test]
fn cursor_goes_to_the_top_of_another_order() {
    let mut app = unused(10_000, SIZE);
    app.batch(closings(0..500, 1));
    press_times(&mut app, "PgDn", 5);
    for key in [">", "A", "I", "S"] {
        press_and_settle(&mut app, "PgDn");
        assert!(app.selected > 0);
        press_and_settle(&mut app, key);
        assert_eq!((app.selected, app.top), (0, 0), "{key}");
    }
}

#[test]
fn cursor_after_a_pause_is_where_it_was() {
    // the session closes meanwhile
    let mut app = busy_app();
    next(&mut app, 3, None, &[]);
    press(&mut app, "j j j Space");
    next(&mut app, 4, Some(3), &[]);
    assert_eq!((app.selected, selected_port(&app)), (3, 50_003));
    press_and_settle(&mut app, "Space");
    assert_eq!((app.selected, selected_port(&app)), (3, 50_004));
    // it is evicted meanwhile, with all others
    let mut app = unused(50, SIZE);
    app.batch(closings(0..50, 1));
    press(&mut app, "j j j Space");
    app.batch(closings(100..250, 2));
    press_and_settle(&mut app, "Space");
    assert_eq!((app.selected, app.top, app.row_count()), (3, 0, 50));
    assert_eq!(selected_port(&app), 50_246);
}

#[test]
fn cursor_that_follows_the_newest_stays_at_the_top() {
    let mut app = unused(10_000, SIZE);
    app.batch(closings(0..500, 1));
    press_times(&mut app, "PgDn", 2);
    press(&mut app, "F");
    for second in 2..5 {
        app.batch(closings(1000 * second..1000 * second + 30, second));
        assert_eq!((app.selected, app.top), (0, 0));
    }
    press_and_settle(&mut app, "/");
    type_text(&mut app, "rport > 1");
    press_and_settle(&mut app, "Esc");
    assert_eq!((app.selected, app.top), (0, 0));
    assert!(app.is_following());
}

#[test]
fn lines_that_have_just_closed_fade_with_the_snapshots() {
    let mut app = unused(100, SIZE);
    app.batch(batch_at(1, vec![], vec![]));
    let session = Session {
        end_ns: 2 * S - S / 10,
        ..closed(1, "curl", "10.0.0.9", Reason::LocalFin)
    };
    app.batch(batch_at(
        2,
        vec![open(2, "nginx", "10.0.0.1", 1)],
        vec![session],
    ));
    let style = |app: &App| terminal(app, &DARK, SIZE).backend().buffer()[(10, 5)].style();
    let same = |style: Style, wanted: Style| {
        assert_eq!(
            (style.fg.filter(|c| *c != Color::Reset), style.add_modifier),
            (wanted.fg, wanted.add_modifier)
        );
    };
    for (second, wanted) in [
        (2, DARK.just_closed),
        (3, DARK.just_closed),
        (4, DARK.fading),
        (5, DARK.closed),
        (6, DARK.closed),
    ] {
        app.batch(batch_at(
            second,
            vec![open(2, "nginx", "10.0.0.1", 1)],
            vec![],
        ));
        same(style(&app), wanted);
    }
}

#[test]
fn page_keys_turn_the_page_under_the_cursor() {
    let mut app = busy_app();
    let page = app.layout().rows();
    press_times(&mut app, "j", 3);
    let first = |app: &App| line(app, SIZE, usize::from(app.layout().table.y) + 1);
    let before = first(&app);
    press(&mut app, "PgDn");
    assert_eq!((app.top, cursor(&app)), (page, 3));
    assert_ne!(first(&app), before, "at the first press");
    press(&mut app, "^D");
    assert_eq!((app.top, cursor(&app)), (page + page / 2, 3));
    press(&mut app, "^U PgUp");
    assert_eq!((app.top, cursor(&app)), (0, 3));
    // the ends are reached, too
    press(&mut app, "PgUp");
    assert_eq!((app.top, app.position()), (0, 1));
    press_times(&mut app, "PgDn", 10);
    assert_eq!((app.top, app.position()), (60 - page, 60));
}

#[test]
fn page_turned_back_at_once_leads_to_where_the_cursor_was() {
    for (forth, back) in [("^D", "^U"), ("PgDn", "PgUp"), ("^D ^D PgDn", "PgUp ^U ^U")] {
        let mut app = unused(10_000, SIZE);
        app.batch(closings(0..500, 1));
        press_times(&mut app, "j", 3);
        press(&mut app, forth);
        // the session that it follows sinks
        app.batch(closings(1000..1070, 2));
        press(&mut app, back);
        assert_eq!((app.top, app.selected), (0, 3), "{forth} {back}");
        // then the lines before the present ones are wanted
        press(&mut app, forth);
        for second in 3..7 {
            app.batch(closings(1000 * second..1000 * second + 70, second));
        }
        press(&mut app, back);
        assert!(app.top > 250, "{}", app.top);
    }
    // the first line is selected again, whichever session that is
    let mut app = unused(10_000, SIZE);
    app.batch(closings(0..500, 1));
    press(&mut app, "^D ^U");
    app.batch(closings(1000..1070, 2));
    assert_eq!((app.top, app.selected), (0, 0));
    // at an end there is no page to turn back
    press(&mut app, "j j j PgUp PgDn");
    assert_eq!(app.top, app.layout().rows());
    // another motion in between
    press(&mut app, "g j j j PgDn j PgUp");
    assert_eq!((app.top, app.selected), (0, 4));
}

#[test]
fn selection_follows_its_session_when_lines_move() {
    let mut app = app(SIZE);
    press(&mut app, "j j j");
    let line = selected_line(&app);
    assert!(line.contains(" timed out"), "{line}");
    // three newer ones arrive above it
    let newer = (20..23).map(|c| Session {
        end_ns: 30 * S,
        ..closed(c, "new", "10.0.0.1", Reason::LocalFin)
    });
    app.batch(Batch {
        taken_ns: 31 * S,
        closed: newer.collect(),
        ..sessions()
    });
    assert_eq!(selected_line(&app), line);
}

#[test]
fn selection_on_top_stays_on_top() {
    let mut app = app(SIZE);
    press(&mut app, "j g");
    let busier = open(40, "iperf3", "10.0.0.1", u64::from(u32::MAX));
    app.batch(batch_at(11, vec![busier], vec![]));
    assert!(selected_line(&app).contains("iperf3"));
}

#[test]
fn selection_of_evicted_session_stays_on_its_line() {
    let mut app = unused(2, SIZE);
    let three = |from: u64| {
        let closed = (from..from + 3)
            .map(|c| closed(c, "curl", "10.0.0.1", Reason::LocalFin))
            .collect();
        batch_at(from, vec![], closed)
    };
    app.batch(three(1));
    press(&mut app, "G");
    assert_eq!(app.position(), 2);
    app.batch(three(20));
    assert_eq!((app.position(), app.row_count()), (2, 2));
    selected_line(&app);
}

#[test]
fn selection_is_restored_after_narrowing_and_back() {
    let mut app = app(SIZE);
    press(&mut app, "j j j");
    let line = selected_line(&app);
    press(&mut app, "/");
    type_text(&mut app, "comm curl");
    press(&mut app, "Enter j");
    assert!(selected_line(&app).contains("curl"));
    press(&mut app, "Backspace");
    assert_eq!(selected_line(&app), line);
    // the same for a pane: the keys on its lines
    press(&mut app, "Tab Tab j j");
    let peer = |app: &App| {
        let pane = app.panes().pane(crate::ui::layout::panes::Subject::Peers);
        pane.selected().map(|key| key.to_string())
    };
    let selected = peer(&app);
    press(&mut app, "/");
    type_text(&mut app, "comm curl");
    settle(&mut app);
    assert_ne!(peer(&app), selected);
    press(&mut app, "Esc");
    settle(&mut app);
    assert_eq!(peer(&app), selected);
}
