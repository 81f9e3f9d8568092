//! Clicks and the wheel, at the positions where a user sees things.

use super::*;
use crate::ui::input::{Mouse, MouseKind};

fn mouse(kind: MouseKind, (column, row): (usize, usize)) -> Mouse {
    let (column, row) = (column as u16, row as u16);
    Mouse { kind, column, row }
}

/// Position of a text on the screen, from a line on.
fn find(app: &App, size: Size, text: &str, from: usize) -> (usize, usize) {
    let terminal = terminal(app, &MONOCHROME, size);
    let buffer = terminal.backend().buffer();
    let wanted: Vec<char> = text.chars().collect();
    for y in from..size.height.into() {
        let line: Vec<&str> = (0..size.width)
            .map(|x| buffer[(x, y as u16)].symbol())
            .collect();
        let found = line.windows(wanted.len()).position(|cells| {
            cells
                .iter()
                .zip(&wanted)
                .all(|(cell, c)| cell.chars().eq([*c]))
        });
        if let Some(x) = found {
            return (x, y);
        }
    }
    panic!("no {text}:\n{}", screen(app, size));
}

fn click(app: &mut App, at: (usize, usize)) -> Option<Effect> {
    app.mouse(mouse(MouseKind::Click, at))
}

fn double_click(app: &mut App, at: (usize, usize)) -> Option<Effect> {
    app.mouse(mouse(MouseKind::Click, at));
    app.mouse(mouse(MouseKind::DoubleClick, at))
}

pub fn click_on(app: &mut App, size: Size, text: &str, from: usize) -> Option<Effect> {
    let at = find(app, size, text, from);
    click(app, at)
}

#[test]
fn click_selects_a_session_and_a_double_click_opens_its_detail() {
    let mut app = app(SIZE);
    click_on(&mut app, SIZE, "postgres", 3);
    assert!(selected_line(&app).contains("postgres"));
    click_on(&mut app, SIZE, "redis", 3);
    assert!(selected_line(&app).contains("redis"));
    let at = find(&app, SIZE, "peer reset", 3);
    double_click(&mut app, at);
    assert_eq!(app.layers.mode(), Mode::Detail);
    assert!(screen(&app, SIZE).contains("redis-server"));
    // the first line, which nobody has chosen, is only selected at first
    press(&mut app, "Esc g");
    click(&mut app, (0, 4));
    assert_eq!((app.layers.mode(), app.position()), (Mode::Table, 1));
    app.click_copies = false;
    click(&mut app, (40, 4));
    assert_eq!(app.layers.mode(), Mode::Detail);
}

#[test]
fn click_on_a_cell_of_the_selected_session_copies_its_exact_value() {
    let mut app = app(SIZE);
    let copies = |app: &mut App, text: &str, value: &str, title: &str| {
        let copied = Effect::Copy(value.into());
        assert_eq!(click_on(app, SIZE, text, 3), None, "{text}: selected only");
        assert_eq!(click_on(app, SIZE, text, 3), Some(copied), "{text}");
        let said = line(app, SIZE, 23);
        assert!(
            said.contains(&format!("sent to the clipboard: {value} ({title})")),
            "{said}"
        );
        if value.len() < 20 {
            assert!(said.contains("; setting: click-copies"), "{said}");
        }
    };
    copies(&mut app, "203.0.113.80", "203.0.113.80", "RADDR");
    // cut in the table
    copies(
        &mut app,
        "2001:db…",
        "2001:db8:1111:2222:3333:4444:5555:6666",
        "RADDR",
    );
    copies(&mut app, "9.9M", "9876543", "TX");
    // a cell without a value
    click_on(&mut app, SIZE, "timed out", 3);
    let (x, _) = find(&app, SIZE, "COMM", 3);
    let (_, y) = find(&app, SIZE, "timed out", 3);
    assert_eq!(click(&mut app, (x, y)), None);
    let said = line(&app, SIZE, 23);
    assert!(said.contains("COMM has no value to copy"), "{said}");
    // the notice covers the keys until it is clicked
    assert_eq!(click(&mut app, (0, 23)), None);
    assert_eq!(click(&mut app, (0, 23)), Some(Effect::Quit));
    app.click_copies = false;
    assert_eq!(click_on(&mut app, SIZE, "postgres", 3), None);
    assert!(selected_line(&app).contains("postgres"));
}

#[test]
fn click_on_empty_space_does_nothing() {
    let mut app = app(SIZE);
    press(&mut app, "j j");
    let before = screen(&app, SIZE);
    for at in [
        (10, 0),
        (10, 1),
        (9, 2),
        (10, 15),
        (79, 18),
        (7, 23),
        (500, 500),
    ] {
        assert_eq!(click(&mut app, at), None);
        assert_eq!(screen(&app, SIZE), before, "{at:?}");
    }
}

#[test]
fn click_on_heading_sorts_and_a_second_reverses() {
    for size in [SIZE, LARGE] {
        let shown = crate::ui::layout::table::window(app(size).columns.view(), size.width).shown;
        for column in shown {
            let mut app = app(size);
            if app.sort.field == column.field {
                continue;
            }
            let last = usize::from(column.x + column.width - 1);
            let word = column.title.to_lowercase();
            let descending = column.field.column.is_some_and(|c| c.descending);
            let arrows = if descending {
                ["↓", "↑"]
            } else {
                ["↑", "↓"]
            };
            for (x, arrow) in [usize::from(column.x), last].into_iter().zip(arrows) {
                let said = format!("sort: {word} {arrow}");
                // the sorted column takes cells of others
                let shown = crate::ui::layout::table::window(app.columns.view(), size.width).shown;
                let now = shown.iter().find(|c| c.field == column.field);
                let x = now.map_or(x, |now| {
                    x.clamp(now.x.into(), (now.x + now.width - 1).into())
                });
                click(&mut app, (x, 3));
                assert!(
                    line(&app, size, 1).contains(&said),
                    "{said}:\n{}",
                    screen(&app, size)
                );
            }
        }
    }
}

#[test]
fn click_on_heading_stops_following() {
    let mut app = app(SIZE);
    press(&mut app, "F");
    click_on(&mut app, SIZE, "TX", 2);
    assert!(line(&app, SIZE, 1).contains("sort: tx ↓"));
    press(&mut app, "F F");
    assert!(line(&app, SIZE, 1).contains("sort: tx ↓"));
}

#[test]
fn click_in_top_talkers_pane_moves_the_focus_and_a_second_filters() {
    let mut app = app(LARGE);
    let panes = find(&app, LARGE, "PEER", 3).1;
    click_on(&mut app, LARGE, "203.0.113.80", panes);
    assert_eq!(app.layers.mode(), Mode::TopTalkers);
    assert!(
        !app.view_filter.filter.source().contains("203"),
        "selected only"
    );
    click_on(&mut app, LARGE, "10.0.0.9", panes);
    click_on(&mut app, LARGE, "10.0.0.9", panes);
    assert!(
        line(&app, LARGE, 1).contains("filter: raddr 10.0.0.9"),
        "{}",
        line(&app, LARGE, 1)
    );
    // back to the table by a click, and the other way round
    click(&mut app, (5, 4));
    assert_eq!(app.layers.mode(), Mode::Table);
    click_on(&mut app, LARGE, "PORT", panes);
    assert_eq!(app.layers.mode(), Mode::TopTalkers);
}

#[test]
fn click_on_pane_heading_sorts_the_pane() {
    let mut app = app(LARGE);
    let panes = find(&app, LARGE, "PEER", 3).1;
    let peers = |app: &App| -> Vec<String> {
        let x = find(app, LARGE, "PEER", panes).0;
        let terminal = terminal(app, &MONOCHROME, LARGE);
        let buffer = terminal.backend().buffer();
        let name = |y| {
            (x..x + 15)
                .map(|x| buffer[(x as u16, y as u16)].symbol())
                .collect()
        };
        let names = (panes + 1..39).map(name).map(|n: String| n.trim().into());
        names.filter(|n: &String| !n.is_empty()).collect()
    };
    let before = peers(&app);
    let open = find(&app, LARGE, "OPEN", panes);
    let second = {
        let line: String = line(&app, LARGE, panes);
        assert_eq!(line.matches("OPEN").count(), 3, "{line}");
        let cells: Vec<char> = line.trim_start_matches('"').chars().collect();
        let from = open.0 + 4;
        let text: Vec<char> = "OPEN".chars().collect();
        from + cells[from..]
            .windows(4)
            .position(|w| w == text)
            .expect("the peers' heading")
    };
    click(&mut app, (second, panes));
    let by_open = peers(&app);
    click(&mut app, (second, panes));
    let inverted = peers(&app);
    assert_ne!(by_open, inverted);
    assert_eq!(by_open.len(), before.len());
    press(&mut app, "I");
    assert_eq!(peers(&app), by_open, "the pane has the keyboard");
}

#[test]
fn click_on_footer_key_does_what_the_key_does() {
    for (text, mode) in [
        ("c columns", Mode::Columns),
        ("/ filter", Mode::Prompt),
        ("Enter open", Mode::Detail),
    ] {
        let mut app = app(SIZE);
        let (x, y) = find(&app, SIZE, text, 23);
        click(&mut app, (x + text.len() - 1, y));
        assert_eq!(app.layers.mode(), mode, "{text}");
        // and back, by a click too
        let back = if mode == Mode::Prompt { "Esc" } else { "back" };
        click_on(&mut app, SIZE, back, 23);
        assert_eq!(app.layers.mode(), Mode::Table, "{text}");
    }
    let mut app = app(SIZE);
    assert_eq!(click(&mut app, (6, 23)), None, "between two keys");
    assert_eq!(click(&mut app, (0, 23)), Some(Effect::Quit));
}

#[test]
fn click_in_failures_selects_and_a_second_filters() {
    let mut app = app(SIZE);
    press_and_settle(&mut app, "f");
    for text in ["unaccepted", "timed out"] {
        click_on(&mut app, SIZE, text, 3);
        assert!(selected_line(&app).contains(text));
        assert_eq!(app.layers.mode(), Mode::Failures);
    }
    // the heading, the line below the last one, the text at the bottom
    let before = screen(&app, SIZE);
    for y in [3, 15, 22] {
        click(&mut app, (5, y));
        assert_eq!(screen(&app, SIZE), before, "{y}");
    }
    click_on(&mut app, SIZE, "timed out", 3);
    assert_eq!(app.layers.mode(), Mode::Table);
    assert!(app.view_filter.filter.source().contains("timeout"));
    assert_eq!(app.row_count(), 1);
}

#[test]
fn click_in_baseline_comparison_selects_and_a_second_filters() {
    let mut app = app(SIZE);
    press(&mut app, "m m");
    app.batch(batch_at(
        21,
        vec![
            open(20, "new-1", "192.0.2.1", 10),
            open(21, "new-2", "192.0.2.2", 10),
        ],
        vec![],
    ));
    settle(&mut app);
    click_on(&mut app, SIZE, "new-2", 5);
    assert!(selected_line(&app).contains("new-2"));
    click_on(&mut app, SIZE, "new-1", 5);
    assert!(selected_line(&app).contains("new-1"));
    let at = find(&app, SIZE, "new-1", 5);
    wheel(&mut app, true, at);
    wheel(&mut app, false, at);
    assert!(
        selected_line(&app).contains("new-1"),
        "all lines are in sight"
    );
    click(&mut app, at);
    assert_eq!(app.layers.mode(), Mode::Table);
    assert_eq!(app.view_filter.filter.source(), "raddr 192.0.2.1");
}

#[test]
fn click_outside_the_prompt_does_nothing() {
    let mut app = app(SIZE);
    press(&mut app, "/");
    type_text(&mut app, "comm c");
    let before = screen(&app, SIZE);
    for at in [(3, 2), (3, 4), (3, 20), (3, 21)] {
        click(&mut app, at);
        assert_eq!(screen(&app, SIZE), before);
    }
}

fn wheel(app: &mut App, down: bool, at: (usize, usize)) {
    let kind = match down {
        true => MouseKind::WheelDown,
        false => MouseKind::WheelUp,
    };
    assert_eq!(app.mouse(mouse(kind, at)), None);
}

#[test]
fn wheel_scrolls_what_is_under_the_pointer() {
    let mut app = unused(1000, LARGE);
    let many = (1..200).map(|c| {
        let peer = format!("10.0.{}.{}", c / 100, 1 + c % 100);
        closed(c, "curl", &peer, Reason::LocalFin)
    });
    app.batch(batch_at(10, vec![], many.collect()));
    let (x, panes) = find(&app, LARGE, "PEER", 3);
    let (table, peers) = (line(&app, LARGE, 4), line(&app, LARGE, panes + 1));
    let fourth = line(&app, LARGE, 7);
    wheel(&mut app, true, (5, 10));
    assert_eq!(line(&app, LARGE, 4), fourth);
    assert_eq!(line(&app, LARGE, panes + 1), peers, "the panes stay");
    assert_eq!(app.position(), 4, "the selection stays in sight");
    wheel(&mut app, false, (5, 10));
    wheel(&mut app, false, (5, 10));
    assert_eq!(line(&app, LARGE, 4), table);
    for _ in 0..200 {
        wheel(&mut app, true, (5, 10));
    }
    assert_eq!(app.row_count(), 199);
    assert!(
        line(&app, LARGE, panes - 1).contains("curl"),
        "the last line is the last one"
    );
    // a pane that does not have the keyboard
    let fourth = line(&app, LARGE, panes + 4);
    wheel(&mut app, true, (x, panes + 2));
    let moved = line(&app, LARGE, panes + 1);
    let name = |line: &str| -> String { line.chars().skip(x + 1).take(15).collect() };
    assert_eq!(name(&moved), name(&fourth));
    assert_eq!(app.layers.mode(), Mode::Table);
    wheel(&mut app, false, (x, panes));
    assert_eq!(line(&app, LARGE, panes + 1), peers);
    // a page of text
    press(&mut app, "?");
    let fourth = line(&app, LARGE, 7);
    wheel(&mut app, true, (5, 10));
    assert_eq!(line(&app, LARGE, 4), fourth);
}

/// Nothing is drawn at one position and found at another, and no click panics.
#[test]
fn mouse_at_any_position_and_size_does_not_panic() {
    for (width, height) in [(1, 1), (5, 3), (20, 8), (60, 16), (80, 24), (120, 40)] {
        let size = Size { width, height };
        for script in ["", "Tab", "?", "Enter", "/", "c", "d", "f", "m m", "e", "y"] {
            let mut app = app(size);
            if !script.is_empty() {
                press(&mut app, script);
            }
            for y in (0..height).step_by(2) {
                for x in (0..width).step_by(3) {
                    let at = (x.into(), y.into());
                    wheel(&mut app, true, at);
                    click(&mut app, at);
                    wheel(&mut app, false, at);
                }
            }
            screen(&app, size);
        }
    }
}

#[test]
fn click_on_tab_goes_to_its_screen() {
    let mut app = app(SIZE);
    press(&mut app, "Enter");
    for (text, mode) in [
        ("d Charts", Mode::Distributions),
        ("m Base", Mode::Baseline),
        ("f Fail", Mode::Failures),
        ("Help", Mode::Help),
        ("Sessions", Mode::Table),
    ] {
        let (x, y) = find(&app, SIZE, text, 2);
        assert_eq!(y, 2, "{text}");
        for _ in 0..2 {
            click(&mut app, (x + text.len() - 1, y));
            assert_eq!(
                app.layers.mode(),
                mode,
                "{text}: a second click stays there"
            );
        }
    }
    // the purpose is no tab
    click(&mut app, (79, 2));
    assert_eq!(app.layers.mode(), Mode::Table);
    press(&mut app, "/");
    click_on(&mut app, SIZE, "Charts", 2);
    assert_eq!(
        app.layers.mode(),
        Mode::Prompt,
        "typed text belongs to the prompt"
    );
}

#[test]
fn buttons_without_a_meaning_and_a_drag_say_so_for_two_seconds() {
    let mut app = app(SIZE);
    let at = (5, 6);
    for (kind, says) in [
        (
            MouseKind::Right,
            "the right button does nothing; click selects",
        ),
        (
            MouseKind::Middle,
            "the middle button does nothing; with Shift the terminal pastes",
        ),
    ] {
        app.mouse(mouse(kind, at));
        let footer = line(&app, SIZE, 23);
        assert!(footer.contains(says), "{footer}");
    }
    click(&mut app, at);
    app.mouse(mouse(MouseKind::Release, at));
    assert!(
        !line(&app, SIZE, 23).contains("dragging"),
        "a click is none"
    );
    click(&mut app, at);
    app.mouse(mouse(MouseKind::Release, (20, 9)));
    let footer = line(&app, SIZE, 23);
    assert!(
        footer.contains("dragging selects nothing; with Shift the terminal selects text"),
        "{footer}"
    );
    app.batch(batch_at(20, Vec::new(), Vec::new()));
    app.batch(batch_at(22, Vec::new(), Vec::new()));
    assert!(!line(&app, SIZE, 23).contains("dragging"));
}
