//! The tabs: which screens they name, which one is marked, and how to step through them.

use super::*;
use crate::ui::keys::titles::{TITLES, tabs};

/// The marked text in the line of tabs.
fn marked(app: &App, size: Size) -> String {
    let terminal = terminal(app, &MONOCHROME, size);
    let buffer = terminal.backend().buffer();
    let cells = (0..size.width).map(|x| &buffer[(x, 2)]);
    let marked = cells.filter(|c| c.modifier.contains(Modifier::REVERSED));
    marked.map(Cell::symbol).collect()
}

#[test]
fn tabs_step_through_all_screens_and_mark_the_present_one() {
    let mut app = app(SIZE);
    let mut seen = vec![marked(&app, SIZE)];
    for _ in 1..tabs().count() {
        press_and_settle(&mut app, "v");
        seen.push(marked(&app, SIZE));
    }
    let keymap = &app.keymap;
    let expected: Vec<String> = tabs()
        .map(|t| match t.action {
            None => t.short.to_owned(),
            Some(action) => format!("{} {}", keymap.of(Mode::Table, action), t.short),
        })
        .collect();
    assert_eq!(seen, expected);
    for expected in seen.iter().rev().skip(1) {
        press_and_settle(&mut app, "V");
        assert_eq!(marked(&app, SIZE), *expected);
    }
    press(&mut app, "V v");
    assert_eq!(app.layers.mode(), Mode::Table, "it goes round");
}

#[test]
fn tabs_or_a_title_name_the_purpose_of_every_screen() {
    for (script, mode) in [
        ("Enter", Mode::Detail),
        ("d", Mode::Distributions),
        ("f", Mode::Failures),
        ("m m", Mode::Baseline),
        ("!", Mode::Findings),
        ("L", Mode::Listeners),
    ] {
        let title = TITLES.iter().find(|t| t.mode == mode).expect("a title");
        for size in [SIZE, LARGE] {
            let mut app = app(size);
            press_and_settle(&mut app, script);
            assert_eq!(app.layers.mode(), mode);
            let shown = screen(&app, size);
            let has = title.purposes.iter().any(|p| shown.contains(p));
            assert!(has, "{shown}");
        }
    }
}

#[test]
fn tabs_without_room_leave_the_purpose_to_a_title() {
    // too narrow for the purpose; too low for the tabs; too low for anything
    for (width, height, tabbed, titled) in [
        (60, 24, true, true),
        (80, 15, false, true),
        (80, 11, false, false),
    ] {
        let size = Size { width, height };
        let mut app = app(size);
        press_and_settle(&mut app, "f");
        let shown = screen(&app, size);
        assert_eq!(shown.contains("m Base"), tabbed, "{shown}");
        assert_eq!(shown.contains("Failures: what fails"), titled, "{shown}");
        press(&mut app, "f");
        assert!(
            !screen(&app, size).contains("Sessions: "),
            "its headings say it"
        );
    }
}

#[test]
fn tabs_of_a_low_window_are_in_the_footer() {
    let size = Size {
        width: 80,
        height: 15,
    };
    let footer = |size: Size| line(&app(size), size, usize::from(size.height) - 1);
    for key in ["q quit  v screens", "? help", "d charts"] {
        assert!(footer(size).contains(key), "{}", footer(size));
        assert!(!footer(SIZE).contains(key), "{}", footer(SIZE));
    }
    for key in ["Enter open", "c columns", "v screens"] {
        assert!(footer(SIZE).contains(key), "{}", footer(SIZE));
    }
}

#[test]
fn footer_offers_undo_only_with_a_previous_filter() {
    let mut app = app(SIZE);
    let footer = |app: &App| line(app, SIZE, 23);
    assert!(!footer(&app).contains("undo"));
    press(&mut app, "/");
    type_text(&mut app, "curl");
    press(&mut app, "Enter");
    assert!(footer(&app).contains("Backspace undo"), "{}", footer(&app));
    press(&mut app, "f");
    assert!(footer(&app).contains("Backspace undo"), "{}", footer(&app));
    press(&mut app, "Backspace");
    assert!(!footer(&app).contains("undo"));
}

#[test]
fn screen_keys_lead_from_any_page_to_their_screen() {
    for before in ["Enter", "c", "?", "d", "Tab", "Enter ?"] {
        let mut app = app(SIZE);
        press_and_settle(&mut app, before);
        press_and_settle(&mut app, "f");
        assert_eq!(app.layers.mode(), Mode::Failures, "{before}");
        assert!(screen(&app, SIZE).contains("ERRNO"), "{before}");
    }
    // from the help on a screen, its key closes the help only
    let mut app = app(SIZE);
    press_and_settle(&mut app, "f ? f");
    assert_eq!(app.layers.mode(), Mode::Failures);
}

#[test]
fn chosen_columns_are_kept_when_another_screen_is_opened() {
    let mut app = app(SIZE);
    press(&mut app, "c Space");
    assert!(matches!(press(&mut app, "v"), Some(Effect::KeepColumns(_))));
    assert_eq!(app.layers.mode(), Mode::Distributions);
}

#[test]
fn baseline_screen_without_a_baseline_says_how_to_set_one() {
    let mut app = app(SIZE);
    press_and_settle(&mut app, "v v v");
    assert_eq!(app.layers.mode(), Mode::Baseline);
    assert!(screen(&app, SIZE).contains("m sets one"));
    press_and_settle(&mut app, "m");
    assert!(screen(&app, SIZE).contains("since 0s"), "it stays there");
    press_and_settle(&mut app, "x");
    assert!(
        screen(&app, SIZE).contains("x again clears the baseline for good; any other key keeps it")
    );
    press_and_settle(&mut app, "j x");
    assert_eq!(app.layers.mode(), Mode::Baseline, "another key has kept it");
    press_and_settle(&mut app, "x");
    assert_eq!(app.layers.mode(), Mode::Table);
}

#[test]
fn narrow_low_window_has_tabs_or_names_the_key_of_the_screens() {
    let small = Size::new(60, 18);
    let app = app(small);
    let tabs = line(&app, small, 2);
    assert!(tabs.contains("Sessions  d Charts  f Fail"), "{tabs}");
    let lower = Size::new(60, 14);
    let app = super::app(lower);
    let shown = screen(&app, lower);
    assert!(!shown.contains("d Charts"), "{shown}");
    let footer = shown.lines().last().unwrap_or_default();
    assert!(footer.contains("q quit  v screens  "), "{footer}");
}

#[test]
fn footer_of_80_columns_has_the_keys_that_a_newcomer_needs() {
    for (script, keys) in [
        (
            "g",
            "q quit|/ filter|Enter open|s sort|Tab talkers|c columns|v screens",
        ),
        (
            "Tab",
            "/ filter|Enter narrow|Tab next|Esc/q back|a group|s sort",
        ),
        (
            "Enter",
            "Esc/q back|Tab other end|y copy ss|Y tcpdump|n names|v screens",
        ),
        (
            "c",
            "Space show/hide|J move down|K move up|c/q back|r default",
        ),
        (
            "d",
            "Esc/q back|/ filter|Enter narrow|→ next bar|Tab next chart",
        ),
        ("f", "Esc/q back|/ filter|Enter narrow|s sort|v screens"),
        (
            "m m",
            "Esc/q back|Enter narrow|M new baseline|x clear|v screens",
        ),
        (
            "!",
            "Esc/q back|Enter sessions|/ search|s sort|I reverse|v screens",
        ),
        (
            "L",
            "Esc/q back|Enter sessions|/ search|s sort|I reverse|v screens",
        ),
        (
            "D",
            "Esc/q back|Enter sessions|/ search|s sort|I reverse|v screens",
        ),
        (
            "P",
            "Esc/q back|Enter sessions|/ search|s sort|I reverse|v screens",
        ),
        ("?", "q back|→ next chapter|← previous|/ search|^C quit"),
        ("s", "Enter sort|Esc/q back|↓ down|↑ up|F1 help"),
        (
            "/",
            "Enter apply|Esc cancel|Tab complete|F1 language|↑ history",
        ),
        (":", "Enter do it|Esc cancel|F1 help"),
        ("e", "Enter write|Esc cancel|F1 help"),
    ] {
        // with a filter to undo
        for before in ["g", "o o"] {
            let mut app = app(SIZE);
            press_and_settle(&mut app, before);
            press_and_settle(&mut app, script);
            while app.notice.get().is_some() {
                app.notice.clear();
            }
            let footer = line(&app, SIZE, 23);
            // its own keys give way to it
            let undo = ["Tab", "g", "d", "f"].contains(&script) && before != "g";
            let keys: Vec<&str> = keys.split('|').collect();
            let shown = match (undo, script) {
                (false, _) => keys.len(),
                (true, "g") => keys.len() - 2,
                (true, _) => keys.len() - 1,
            };
            for key in &keys[..shown] {
                assert!(footer.contains(key), "{script}, {key}: {footer}");
            }
            assert!(
                !undo || footer.contains("Backspace undo"),
                "{script}: {footer}"
            );
        }
    }
}

#[test]
fn footer_names_q_where_it_goes_back_instead_of_quitting() {
    for (script, says) in [
        ("Enter", "Esc/q back"),
        ("f", "Esc/q back"),
        ("!", "Esc/q back"),
        ("Tab", "Esc/q back"),
        ("g", "q quit"),
        ("/", "Esc cancel"),
    ] {
        let mut app = app(SIZE);
        press_and_settle(&mut app, script);
        let footer = line(&app, SIZE, 23);
        assert!(footer.contains(says), "{script}: {footer}");
    }
}
