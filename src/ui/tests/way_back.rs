//! Esc goes back one step, from every page and from every prompt.

use super::*;

/// Every page: its mode, the keys that lead there from the sessions, and its key on other pages.
const PAGES: &[(Mode, &str, &str)] = &[
    (Mode::TopTalkers, "Tab", "F5"),
    (Mode::Detail, "j Enter", "Enter"),
    (Mode::Columns, "c j", "c"),
    (Mode::Distributions, "d Tab →", "d"),
    (Mode::Failures, "f s j", "f"),
    (Mode::Baseline, "m", "m"),
    (Mode::Findings, "!", "!"),
    (Mode::Listeners, "L I", "L"),
    (Mode::Drops, "D", "D"),
    (Mode::Ports, "P", "P"),
    (Mode::Help, "? Tab j", "?"),
];

/// Keys of prompts, questions and menus.
const PROMPTS: [&str; 11] = ["/", "F3", "F4", ":", "C", "e", "@", "W", "T", "s", "F6"];

/// A dashboard with a baseline, and a page of it.
fn page(script: &str) -> App {
    let mut app = screens::web_server(SIZE, 100);
    press_and_settle(&mut app, "m");
    press_and_settle(&mut app, script);
    app
}

/// The screen without its last line.
fn content(app: &App) -> Vec<String> {
    let screen = screen(app, SIZE);
    let lines = screen.lines().map(str::to_owned);
    lines.take(usize::from(SIZE.height) - 1).collect()
}

fn is_bound(app: &App, key: &str) -> bool {
    let press = KeyPress::parse(key).expect(key);
    app.keymap.lookup(app.layers.mode(), press).is_some()
}

#[test]
fn esc_goes_back_to_the_page_on_which_the_key_of_another_one_was_pressed() {
    let mut tried = 0;
    for (mode, script, own) in PAGES {
        for (to, _, key) in PAGES.iter().filter(|p| p.2 != *own) {
            let mut app = page(script);
            assert_eq!(app.layers.mode(), *mode, "{script}");
            let before = content(&app);
            if !is_bound(&app, key) {
                continue;
            }
            press_and_settle(&mut app, key);
            // `Enter` narrows there, and the focus of panes is no page of its own
            if app.layers.mode() != *to || (*mode, *to) == (Mode::Columns, Mode::Table) {
                continue;
            }
            press_and_settle(&mut app, "Esc");
            assert_eq!(app.layers.mode(), *mode, "{mode:?} {key} Esc");
            assert_eq!(content(&app), before, "{mode:?} {key} Esc");
            press_and_settle(&mut app, "Esc");
            assert_eq!(app.layers.mode(), Mode::Table, "{mode:?} {key} Esc Esc");
            tried += 1;
        }
    }
    assert!(tried > 70, "{tried}");
}

#[test]
fn esc_in_a_prompt_goes_back_to_the_page_on_which_it_was_opened() {
    let mut tried = 0;
    for (mode, script, _) in PAGES {
        for key in PROMPTS {
            let mut app = page(script);
            let before = content(&app);
            if !is_bound(&app, key) {
                continue;
            }
            press_and_settle(&mut app, key);
            if app.layers.mode() == *mode {
                continue;
            }
            if app.layers.mode() == Mode::Prompt {
                type_text(&mut app, "comm x");
                settle(&mut app);
            }
            press_and_settle(&mut app, "Esc");
            assert_eq!(app.layers.mode(), *mode, "{mode:?} {key} Esc");
            assert_eq!(content(&app), before, "{mode:?} {key} Esc");
            tried += 1;
        }
    }
    assert!(tried > 45, "{tried}");
}

#[test]
fn esc_goes_back_step_by_step_and_q_does_the_same() {
    for leave in ["Esc", "q"] {
        let mut app = page("j Enter f m L P");
        for mode in [
            Mode::Listeners,
            Mode::Baseline,
            Mode::Failures,
            Mode::Detail,
            Mode::Table,
        ] {
            press_and_settle(&mut app, leave);
            assert_eq!(app.layers.mode(), mode);
        }
    }
}

#[test]
fn key_of_a_page_on_the_way_leads_back_to_it_and_its_own_key_a_step_back() {
    for (script, mode) in [
        ("f m L f", Mode::Failures),
        ("f m L f Esc", Mode::Table),
        ("f m m", Mode::Failures),
        ("f m f f", Mode::Table),
        ("d f d", Mode::Distributions),
        ("f ? f", Mode::Failures),
        ("f ? f Esc", Mode::Table),
        ("f m x x", Mode::Failures),
        // a walk along the tabs is one step
        ("f v v v Esc", Mode::Failures),
        ("f v V Esc", Mode::Table),
        ("v v v Esc", Mode::Table),
        ("j Enter v v Esc", Mode::Detail),
        // the sessions of a line, pages on them, and back to the line
        ("m f Enter Enter d m Esc", Mode::Distributions),
        ("m f Enter Enter d m Esc Esc", Mode::Detail),
        ("m f Enter Enter d m Esc Esc Esc", Mode::Table),
        ("m f Enter Enter d m Esc Esc Esc Esc", Mode::Failures),
        ("m f Enter Enter d m Esc Esc Esc Esc Esc", Mode::Baseline),
        ("m f Enter d f", Mode::Failures),
        // a family that was chosen on the way
        ("f d 4 Esc", Mode::Failures),
        // a search of lines is a step
        ("m L / Enter Esc", Mode::Baseline),
    ] {
        let app = page(script);
        assert_eq!(app.layers.mode(), mode, "{script}");
    }
    let mut app = page("m L /");
    type_text(&mut app, "x");
    press_and_settle(&mut app, "Enter Esc");
    assert_eq!(app.layers.mode(), Mode::Listeners, "all lines first");
    press_and_settle(&mut app, "Esc");
    assert_eq!(app.layers.mode(), Mode::Baseline);
}

#[test]
fn filter_from_a_page_stays_at_the_sessions() {
    let mut app = page("m /");
    type_text(&mut app, "comm nginx");
    press_and_settle(&mut app, "Enter");
    assert_eq!(app.layers.mode(), Mode::Table);
    press_and_settle(&mut app, "Esc");
    assert_eq!(app.layers.mode(), Mode::Table, "the filter is cleared");
    assert!(app.view_filter.filter.is_everything());
}

#[test]
fn step_along_the_tabs_says_where_it_led_and_how_to_go_back() {
    let mut app = app(SIZE);
    press_and_settle(&mut app, "v");
    let footer = line(&app, SIZE, 23);
    assert!(
        footer.contains("Charts; Esc goes back, v goes on"),
        "{footer}"
    );
    press_and_settle(&mut app, "V");
    let footer = line(&app, SIZE, 23);
    assert!(footer.contains("Sessions; V goes on"), "{footer}");
}

#[test]
fn failed_sessions_are_sorted_by_their_end_whatever_the_order_was() {
    for (order, before) in [
        ("B", "bytes ↓"),
        ("B B", "bytes ↑"),
        ("I", "rate ↑"),
        ("E E", "ended ↑"),
    ] {
        let mut app = app(SIZE);
        press_and_settle(&mut app, order);
        press_and_settle(&mut app, "f E Enter");
        let shown = line(&app, SIZE, 1);
        assert!(shown.contains("sort: ended ↓"), "{order}: {shown}");
        press_and_settle(&mut app, "Esc Esc");
        let shown = line(&app, SIZE, 1);
        assert!(
            shown.contains(&format!("sort: {before}")),
            "{order}: {shown}"
        );
    }
    let mut app = app(SIZE);
    press_and_settle(&mut app, "F f Enter Esc Esc");
    assert!(app.is_following(), "{}", line(&app, SIZE, 1));
    // an order that was chosen since stays
    press_and_settle(&mut app, "f Enter B Esc Esc");
    assert!(line(&app, SIZE, 1).contains("sort: bytes ↓"));
}

#[test]
fn esc_that_clears_the_filter_keeps_the_selected_session() {
    let mut app = app(SIZE);
    press_and_settle(&mut app, "F j j 4");
    let selected = selected_line(&app);
    press_and_settle(&mut app, "Esc");
    assert_eq!(selected_line(&app), selected);
    assert!(!app.is_following());
    // one that the filter hides is selected again
    press_and_settle(&mut app, "g j");
    let selected = selected_line(&app);
    press(&mut app, "/");
    type_text(&mut app, "comm xyzzy");
    press_and_settle(&mut app, "Enter Esc");
    assert_eq!(selected_line(&app), selected);
}
