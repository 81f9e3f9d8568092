//! The sort menu, and keys that sort at once.

use super::*;

#[test]
fn sort_key_reverses_only_an_order_that_was_chosen_for_these_sessions() {
    let mut app = app(SIZE);
    let order = |app: &App| line(app, SIZE, 1);
    press_and_settle(&mut app, "B");
    assert!(order(&app).contains("sort: bytes ↓"), "{}", order(&app));
    press_and_settle(&mut app, "4 B");
    assert!(order(&app).contains("sort: bytes ↓"), "{}", order(&app));
    let footer = line(&app, SIZE, 23);
    assert!(
        footer.contains("sorted by bytes as before (B: reverse)"),
        "{footer}"
    );
    press_and_settle(&mut app, "B");
    assert!(order(&app).contains("sort: bytes ↑"), "{}", order(&app));
    press_and_settle(&mut app, "4 B");
    assert!(order(&app).contains("sort: bytes ↓"), "{}", order(&app));
    // a command names the order, whatever it was
    press_and_settle(&mut app, "B :");
    assert!(order(&app).contains("sort: bytes ↑"), "{}", order(&app));
    type_text(&mut app, "sort bytes");
    press_and_settle(&mut app, "Enter");
    assert!(order(&app).contains("sort: bytes ↓"), "{}", order(&app));
}
use crate::ui::action::Mode;

/// Presses the key of a letter, which is not in the key table.
fn letter(app: &mut App, letter: char) {
    let press = KeyPress::new(KeyCode::Char(letter), false);
    app.key(press, Some(letter));
}

#[test]
fn sort_menu_letter_sorts_by_its_column_and_again_reverses() {
    let mut app = app(SIZE);
    press(&mut app, "s");
    letter(&mut app, 'x');
    assert_eq!(app.layers.mode(), Mode::Table);
    assert!(
        screen(&app, SIZE).contains("   RX▼"),
        "{}",
        screen(&app, SIZE)
    );
    press(&mut app, "F6");
    letter(&mut app, 'x');
    assert!(screen(&app, SIZE).contains("   RX▲"));
}

#[test]
fn sort_menu_field_without_room_becomes_visible() {
    let mut app = app(SIZE);
    assert!(!screen(&app, SIZE).contains("RETR"));
    press(&mut app, "s");
    assert!(screen(&app, SIZE).contains("e RETR"));
    letter(&mut app, 'e');
    assert!(
        screen(&app, SIZE).contains("RETR▼"),
        "{}",
        screen(&app, SIZE)
    );
}

#[test]
fn sort_menu_arrows_select_and_enter_sorts() {
    let mut app = app(SIZE);
    press(&mut app, "s → ↓ ↑ → Enter");
    assert!(
        screen(&app, SIZE).contains("sort: rx/s ↓"),
        "{}",
        screen(&app, SIZE)
    );
    press(&mut app, "s ↑ ↑ ↑ ↑ ↑ ↑ ↑ ← ← Esc");
    assert!(
        screen(&app, SIZE).contains("sort: rx/s ↓"),
        "Esc changes nothing"
    );
}

#[test]
fn sort_by_age_says_that_lower_bounds_have_no_order() {
    let text = "ages with ≥ are lower bounds";
    let mut app = app(SIZE);
    press(&mut app, "s");
    letter(&mut app, 'b');
    assert!(!screen(&app, SIZE).contains(text));
    press(&mut app, "s");
    letter(&mut app, 'a');
    assert!(screen(&app, SIZE).contains(text), "{}", screen(&app, SIZE));
    let mut app = self::app(SIZE);
    press(&mut app, ":");
    "sort duration".chars().for_each(|c| letter(&mut app, c));
    press(&mut app, "Enter");
    assert!(screen(&app, SIZE).contains(text), "{}", screen(&app, SIZE));
}

#[test]
fn sort_menu_unknown_letter_says_so_and_stays() {
    let mut app = app(SIZE);
    press(&mut app, "s");
    letter(&mut app, '7');
    assert!(screen(&app, SIZE).contains("7 is not the letter of a column"));
    letter(&mut app, ' ');
    assert!(screen(&app, SIZE).contains("Space is not the letter of a column"));
    assert_eq!(app.layers.mode(), Mode::SortMenu);
}

#[test]
fn sort_menu_lists_every_letter_at_80x24() {
    let mut app = app(SIZE);
    press(&mut app, "s");
    let shown = screen(&app, SIZE);
    for (_, column) in crate::model::fields::columns() {
        let entry = format!("{} {}", column.letter, column.title);
        assert!(shown.contains(&entry), "{entry}:\n{shown}");
    }
}

#[test]
fn sort_keys_of_duration_and_bytes_sort_at_once() {
    let mut app = app(SIZE);
    press(&mut app, "A");
    assert!(screen(&app, SIZE).contains(" AGE▼"));
    press(&mut app, "A");
    assert!(screen(&app, SIZE).contains(" AGE▲"));
    press(&mut app, "B");
    assert!(
        screen(&app, SIZE).contains("BYTES▼"),
        "{}",
        screen(&app, SIZE)
    );
}

#[test]
fn sort_menu_takes_the_keys_that_sort_without_it() {
    for (key, sorted) in [('A', "AGE▼"), ('B', "BYTES▼"), ('E', "ENDED▼")] {
        let mut app = app(SIZE);
        press(&mut app, "s");
        letter(&mut app, key);
        assert!(screen(&app, SIZE).contains(sorted), "{key}");
    }
}

#[test]
fn sort_key_of_the_end_puts_the_last_failure_on_top_and_open_sessions_last() {
    let mut app = app(SIZE);
    press(&mut app, "E");
    let table = screen(&app, SIZE);
    let lines: Vec<&str> = table.lines().filter(|l| l.contains("00:00:0")).collect();
    let times: Vec<&str> = lines
        .iter()
        .filter_map(|line| {
            line.split_whitespace()
                .find(|word| word.starts_with("00:00:0"))
        })
        .collect();
    assert!(
        times.len() > 3 && times.is_sorted_by(|a, b| a >= b),
        "{table}"
    );
    let at = |text: &str| table.lines().position(|line| line.contains(text));
    assert!(at("established") > at(times[times.len() - 1]), "{table}");
    press(&mut app, "E");
    assert!(screen(&app, SIZE).contains("ENDED▲"));
}

#[test]
fn filter_by_the_time_since_the_end_is_as_of_the_moment_it_was_chosen() {
    let mut app = app(SIZE);
    type_text_in_filter(&mut app, "ended < 4s");
    let shown = app.row_count();
    let all = app.store().closed().count();
    let recent = |(_, s): &(_, &Session)| s.end_ns > app.now_ns - 4 * S;
    assert_eq!(shown, app.store().closed().filter(recent).count());
    assert!(shown > 0 && shown < all, "{shown} of {all}");
    app.batch(batch_at(40, Vec::new(), Vec::new()));
    assert_eq!(app.row_count(), shown, "no line goes because time passes");
}

#[test]
fn end_on_another_day_is_a_date() {
    let mut app = app(SIZE);
    press(&mut app, "E");
    app.batch(batch_at(200_000, Vec::new(), Vec::new()));
    press(&mut app, "E E");
    assert!(
        screen(&app, SIZE).contains("Jan 01"),
        "{}",
        screen(&app, SIZE)
    );
}

/// Applies a filter.
fn type_text_in_filter(app: &mut App, text: &str) {
    press(app, "/");
    type_text(app, text);
    press(app, "Enter");
}

#[test]
fn follow_shows_the_age_with_the_youngest_on_top() {
    let mut app = app(SIZE);
    press(&mut app, "F");
    assert!(
        screen(&app, SIZE).contains("AGE▲"),
        "{}",
        screen(&app, SIZE)
    );
}
