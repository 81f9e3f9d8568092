//! Keys that people know from htop, less and vim.

use super::*;
use crate::ui::action::Mode;

#[test]
fn esc_in_the_list_clears_the_filter_and_backspace_brings_it_back() {
    let mut app = app(SIZE);
    press(&mut app, "/");
    type_text(&mut app, "comm curl");
    press(&mut app, "Enter");
    let footer = line(&app, SIZE, 23);
    assert!(
        footer.contains("Backspace undo") && footer.contains("Esc clear"),
        "{footer}"
    );
    press(&mut app, "Esc");
    assert_eq!(app.row_count(), 9);
    assert!(!line(&app, SIZE, 23).contains("Esc clear"));
    press(&mut app, "Backspace");
    assert_eq!(app.view_filter.filter.source(), "comm curl");
    press(&mut app, "Esc 4 o Esc");
    assert!(screen(&app, SIZE).contains("1/9 all  IPv4+IPv6"));
    press(&mut app, "Esc");
    assert!(screen(&app, SIZE).contains("there is no filter to clear; q quits"));
}

#[test]
fn filter_key_selects_the_filter_so_that_typing_replaces_it() {
    let mut app = app(SIZE);
    press(&mut app, "F3");
    type_text(&mut app, "comm curl");
    press(&mut app, "Enter F4");
    assert!(
        screen(&app, SIZE)
            .contains("typing replaces it, `and …` adds to it, → edits it, Backspace clears it")
    );
    type_text(&mut app, "reason refused");
    press(&mut app, "Enter");
    assert_eq!(app.view_filter.filter.source(), "reason refused");
    press(&mut app, "/ Esc");
    assert_eq!(app.view_filter.filter.source(), "reason refused");
    press(&mut app, "/ Backspace");
    assert_eq!(app.row_count(), 9, "an empty filter shows everything");
    press(&mut app, "Esc");
    assert_eq!(app.view_filter.filter.source(), "reason refused");
}

#[test]
fn function_keys_do_what_they_do_in_htop() {
    let mut app = app(SIZE);
    for (key, mode) in [
        ("F1", Mode::Help),
        ("F2", Mode::Columns),
        ("F3", Mode::Prompt),
        ("F4", Mode::Prompt),
        ("F5", Mode::TopTalkers),
        ("F6", Mode::SortMenu),
    ] {
        press(&mut app, key);
        assert_eq!(app.layers.mode(), mode, "{key}");
        press(&mut app, "Esc");
        assert_eq!(app.layers.mode(), Mode::Table, "{key}");
    }
    press(&mut app, "F5 F5");
    assert_eq!(app.layers.mode(), Mode::Table);
    press(&mut app, "F9");
    assert!(screen(&app, SIZE).contains("nothing is killed here"));
    assert_eq!(press(&mut app, "F10"), Some(Effect::Quit));
}

#[test]
fn key_without_a_meaning_says_so_for_two_seconds() {
    let mut app = app(SIZE);
    app.key(KeyPress::new(KeyCode::F(8), false), None);
    assert!(screen(&app, SIZE).contains("F8 is not bound; ? help"));
    for at_s in [20, 21] {
        app.batch(batch_at(at_s, Vec::new(), Vec::new()));
        assert!(screen(&app, SIZE).contains("F8 is not bound"));
    }
    app.batch(batch_at(22, Vec::new(), Vec::new()));
    assert!(!screen(&app, SIZE).contains("F8 is not bound"));
}

#[test]
fn capture_prompt_says_how_many_open_sessions_it_drops() {
    let mut app = app(SIZE);
    press(&mut app, "C");
    assert!(screen(&app, SIZE).contains("Enter captures every session"));
    type_text(&mut app, "comm nginx");
    let shown = screen(&app, SIZE);
    assert!(shown.contains("capture only: comm nginx"), "{shown}");
    assert!(
        shown.contains("Enter drops 1 open session, and ignores"),
        "{shown}"
    );
}
