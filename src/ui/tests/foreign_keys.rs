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
    press(&mut app, "F Esc");
    assert!(screen(&app, SIZE).contains("there is no filter to clear; F stops following"));
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
fn keys_for_the_next_hit_lead_on_from_a_filter() {
    let mut app = app(SIZE);
    let last = |app: &App| line(app, SIZE, 23);
    press(&mut app, "n");
    assert!(!last(&app).contains("next hit"), "{}", last(&app));
    press(&mut app, "n /");
    type_text(&mut app, "comm curl");
    app.key(named("F3"), None);
    let shown = screen(&app, SIZE);
    assert!(shown.contains("F3 is not bound; Enter apply"), "{shown}");
    press(&mut app, "Enter n");
    let said = "addresses are shown as names (n: as numbers, j: next hit of the filter)";
    assert!(last(&app).contains(said), "{}", last(&app));
    press(&mut app, "? F3");
    assert!(last(&app).contains("/ searches the help"), "{}", last(&app));
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
    app.key(KeyPress::new(KeyCode::F(13), false), None);
    assert!(screen(&app, SIZE).contains("F13 is not bound; ? help"));
    for at_s in [20, 21] {
        app.batch(batch_at(at_s, Vec::new(), Vec::new()));
        assert!(screen(&app, SIZE).contains("F13 is not bound"));
    }
    app.batch(batch_at(22, Vec::new(), Vec::new()));
    assert!(!screen(&app, SIZE).contains("F13 is not bound"));
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

/// Keys of vim, less, htop, top, k9s, tmux and nethogs among the sessions, and a part of the answer to each.
const AMONG_SESSIONS: &[(&str, &str)] = &[
    ("Z", "Z is not bound; Space pause, q quit"),
    ("Q", "Q is not bound; q quit"),
    ("^X", "q quit"),
    ("^Q", "q quit"),
    (";", "q quit, / filter, ? help"),
    ("0", "^ scroll to the first column"),
    ("^Y", "k move up a line, ^U move up half a page"),
    ("z", "PgDn move down a page"),
    ("w", "PgDn move down a page"),
    ("J", "PgDn move down a page"),
    ("b", "PgUp move up a page"),
    ("K", "PgUp move up a page"),
    ("*", "/ filter"),
    ("#", "/ filter"),
    ("&", "/ filter"),
    ("|", "/ filter"),
    ("%", "/ filter"),
    ("^S", "/ filter"),
    ("i", "Enter open, / filter"),
    ("O", "/ filter"),
    ("a", "/ filter"),
    ("\\", "/ filter"),
    ("'", "m baseline"),
    ("`", "m baseline"),
    ("~", "m baseline"),
    ("^R", "^L redraw the screen, s sort"),
    ("r", "^L redraw the screen, s sort"),
    ("^G", "^L redraw the screen"),
    ("^O", "Backspace undo"),
    ("^W", "Tab talkers"),
    ("u", "`user NAME` filters by user; Backspace undo, / filter"),
    ("U", "`user NAME` filters by user"),
    ("M", "s sort, I reverse"),
    ("x", "s sort"),
    ("X", "s sort"),
    (
        "F7",
        "tcplife only watches: nothing is killed or reniced here",
    ),
    (
        "F8",
        "tcplife only watches: nothing is killed or reniced here",
    ),
    (
        "^K",
        "tcplife only watches: nothing is killed or reniced here",
    ),
    (
        "Delete",
        "tcplife only watches: nothing is killed or reniced here",
    ),
    ("Y", "y copy, e export"),
    ("Insert", "y copy, e export"),
    ("F11", "s sort, ? help"),
    ("F12", "s sort, ? help"),
    (".", "s sort, ? help"),
    (",", "s sort, ? help"),
    ("Ctrl-←", "Ctrl-← is not bound; ? help"),
];

/// A key by its name, also one that is bound to nothing.
fn named(name: &str) -> KeyPress {
    KeyPress::parse(name).expect(name)
}

#[test]
fn key_of_another_program_names_the_keys_that_do_that_here() {
    for (name, answer) in AMONG_SESSIONS {
        let mut app = app(SIZE);
        app.key(named(name), None);
        let footer = line(&app, SIZE, 23);
        assert!(footer.contains(answer), "{name}: {footer}");
        let all = app.notice.get().map(|(text, _)| text.to_owned());
        assert!(
            all.is_some_and(|text| footer.contains(&text)),
            "{name} is cut: {footer}"
        );
    }
}

#[test]
fn esc_and_a_key_that_come_at_once_are_two_keys_but_in_a_prompt() {
    let mut app = app(SIZE);
    press_and_settle(&mut app, "f");
    app.key(named("Alt-?"), None);
    assert_eq!(app.layers.mode(), Mode::Help);
    app.key(named("Alt-/"), None);
    assert_eq!(app.layers.mode(), Mode::Prompt);
    type_text(&mut app, "comm curl");
    app.key(named("Alt-x"), None);
    let shown = screen(&app, SIZE);
    assert!(shown.contains("Alt-x is not bound"), "{shown}");
    assert!(shown.contains("filter: comm curl"), "{shown}");
}

#[test]
fn key_of_another_program_on_a_screen_names_keys_of_that_screen() {
    for (screens, key, answer) in [
        ("L", "1", "keys take no counts; PgDn move down a page"),
        ("!", "u", "`user NAME` filters by user"),
        ("f", "Z", "Esc back"),
        ("?", "Z", "^C quit"),
        (
            "Enter",
            "^Y",
            "k up, ^U move up half a page, PgUp move up a page",
        ),
    ] {
        let mut app = app(SIZE);
        press_and_settle(&mut app, screens);
        app.key(named(key), None);
        let footer = line(&app, SIZE, 23);
        assert!(footer.contains(answer), "{screens} {key}: {footer}");
    }
}

#[test]
fn keys_of_emacs_move_the_selection() {
    let mut app = app(SIZE);
    press(&mut app, "g");
    let first = app.selected;
    press(&mut app, "^N ^N ^P");
    assert_eq!(app.selected, first + 1);
    press(&mut app, "^V");
    assert!(app.selected > first + 1);
}

#[test]
fn filter_being_typed_wrongly_says_which_filter_the_list_has() {
    let mut app = app(SIZE);
    press(&mut app, "/");
    type_text(&mut app, "comm curl and port 44x");
    let prompt = screen(&app, SIZE);
    assert!(prompt.contains("shown: comm curl and port 44"), "{prompt}");
    press(&mut app, "Esc /");
    type_text(&mut app, "port x");
    let prompt = screen(&app, SIZE);
    assert!(prompt.contains("shown: all sessions"), "{prompt}");
}

#[test]
fn commands_of_vim_and_less_do_what_they_do_there_and_others_run_no_keys() {
    let mut app = app(SIZE);
    press(&mut app, ":");
    type_text(&mut app, "3");
    press(&mut app, "Enter");
    assert_eq!(app.selected, 2);
    press(&mut app, "Enter :");
    type_text(&mut app, "e x");
    press(&mut app, "Enter");
    let shown = screen(&app, SIZE);
    assert!(shown.contains("`e x` is no command; / filters"), "{shown}");
    press(&mut app, "Esc");
    assert_eq!(app.layers.mode(), Mode::Detail, "nothing was exported");
    press(&mut app, ":");
    type_text(&mut app, "sort bytes");
    press(&mut app, "Enter");
    assert_eq!(app.layers.mode(), Mode::Table);
    assert!(line(&app, SIZE, 1).contains("sort: bytes"));
    press(&mut app, ":");
    type_text(&mut app, "sort");
    press(&mut app, "Enter");
    assert_eq!(app.layers.mode(), Mode::SortMenu);
    press(&mut app, "Esc :");
    type_text(&mut app, "q!");
    assert_eq!(press(&mut app, "Enter"), Some(Effect::Quit));
}

#[test]
fn filter_key_on_pages_without_a_filter_goes_to_the_sessions_and_filters_them() {
    for screens in ["Enter", "c", "m m"] {
        let mut app = app(SIZE);
        press_and_settle(&mut app, screens);
        press(&mut app, "/");
        type_text(&mut app, "curl");
        press(&mut app, "Enter");
        assert_eq!(app.layers.mode(), Mode::Table, "{screens}");
        assert_eq!(app.view_filter.filter.source(), "curl", "{screens}");
    }
}

#[test]
fn backspace_undoes_a_family_and_a_scope_as_it_undoes_a_filter() {
    let mut app = app(SIZE);
    let all = app.row_count();
    press(&mut app, "6");
    assert!(app.row_count() < all);
    assert!(line(&app, SIZE, 23).contains("Backspace undo") || app.notice.get().is_some());
    press(&mut app, "Backspace");
    assert_eq!((app.row_count(), app.view_filter.family), (all, None));
    press(&mut app, "o o Backspace");
    assert!(screen(&app, SIZE).contains("only open") || screen(&app, SIZE).contains(" open  "));
    press(&mut app, "Backspace");
    assert_eq!(app.row_count(), all);
}

#[test]
fn counts_before_motions_among_the_sessions_work_as_in_vim() {
    let mut app = app(SIZE);
    type_text(&mut app, "5");
    assert!(screen(&app, SIZE).contains("5: G goes to that line, j and k go so far"));
    press(&mut app, "G");
    assert_eq!(app.selected, 4);
    type_text(&mut app, "3");
    press(&mut app, "k");
    assert_eq!(app.selected, 1);
    type_text(&mut app, "10");
    press(&mut app, "G");
    assert_eq!(app.selected, app.row_count() - 1, "there are fewer");
    // a key that is no motion ends the count, and 4 by itself is a family
    type_text(&mut app, "2");
    press(&mut app, "n n g j");
    assert_eq!(app.selected, 1);
    press(&mut app, "4");
    assert!(app.view_filter.family.is_some());
}

#[test]
fn command_in_the_help_is_typed_there_and_quits() {
    let mut app = app(SIZE);
    press(&mut app, "? :");
    type_text(&mut app, "q");
    assert_eq!(press(&mut app, "Enter"), Some(Effect::Quit));
}

#[test]
fn words_for_both_programs_of_a_connection_are_explained() {
    let mut app = app(SIZE);
    press(&mut app, "/");
    type_text(&mut app, "curl nginx");
    press(&mut app, "Enter");
    settle(&mut app);
    let shown = screen(&app, SIZE);
    assert!(shown.contains("Did you mean curl or nginx?"), "{shown}");
}

#[test]
fn letters_for_down_and_up_move_in_the_sort_menu() {
    let mut app = app(SIZE);
    press(&mut app, "s");
    let before = screen(&app, SIZE);
    press(&mut app, "j");
    assert_eq!(app.layers.mode(), Mode::SortMenu);
    assert_ne!(screen(&app, SIZE), before);
    press(&mut app, "k");
    assert_eq!(screen(&app, SIZE), before);
}
