//! Choosing, moving and scrolling the table's columns.

use super::*;
use crate::model::fields;
use crate::ui::action::Mode;

fn titles(app: &App) -> String {
    let shown = crate::ui::layout::table::window(app.columns.view(), SIZE.width).shown;
    let titles: Vec<&str> = shown.iter().map(|c| c.title).collect();
    titles.join(" ")
}

#[test]
fn chooser_change_is_applied_at_once_and_saved_on_exit() {
    let mut app = app(SIZE);
    press(&mut app, "c");
    assert!(screen(&app, SIZE).contains("as many as fit"));
    press(&mut app, "q A c Space");
    assert_eq!(titles(&app), "COMM LPORT RADDR RPORT TX RX RATE AGE STATUS");
    press(&mut app, "Space J");
    assert_eq!(
        titles(&app),
        "COMM PID LPORT RADDR RPORT TX RX RATE AGE STATUS"
    );
    press(&mut app, "K");
    assert_eq!(
        titles(&app),
        "PID COMM LPORT RADDR RPORT TX RX RATE AGE STATUS"
    );
    press(&mut app, "K k");
    assert_eq!(
        titles(&app),
        "PID COMM LPORT RADDR RPORT TX RX RATE AGE STATUS"
    );
    press(&mut app, "J");
    let kept = press(&mut app, "q");
    let words = [
        "comm", "pid", "lport", "raddr", "rport", "tx", "rx", "rate", "duration", "status",
    ];
    assert_eq!(kept, Some(Effect::KeepColumns(words.into())));
    assert_eq!(app.layers.mode(), Mode::Table);
    assert_eq!(press(&mut app, "c Esc"), None, "it is as it was");
    assert_eq!(
        press(&mut app, "c r c"),
        Some(Effect::KeepColumns(vec![])),
        "nothing is chosen any more"
    );
}

#[test]
fn chooser_says_that_a_change_fixes_the_choice_and_undoes_it() {
    let mut app = app(SIZE);
    let automatic = titles(&app);
    let title = |app: &App| line(app, SIZE, 9);
    let footer = |app: &App| line(app, SIZE, 23);
    press(&mut app, "c");
    assert!(!footer(&app).contains("u undo"), "{}", footer(&app));
    press(&mut app, "u");
    let said = "there is nothing to undo; r restores the default columns";
    assert!(footer(&app).contains(said), "{}", footer(&app));
    let all = fields::columns().count();
    let shown = title(&app);
    assert!(
        shown.contains(&format!(
            "COLUMNS 10 of {all}: as many as fit; Space fixes the choice"
        )),
        "{shown}"
    );
    let below = format!("▼ {} more\"", all - 13);
    assert!(shown.ends_with(&below), "{shown}");
    press(&mut app, "Space j J");
    assert!(title(&app).contains(&format!("COLUMNS 9 of {all}: kept for the next run")));
    assert!(footer(&app).contains("u undo"), "{}", footer(&app));
    press(&mut app, "u");
    assert_eq!(titles(&app), "COMM LPORT RADDR RPORT TX RX RATE AGE STATUS");
    press(&mut app, "u u");
    assert!(app.columns.chosen().is_none(), "as many as fit again");
    assert_eq!(titles(&app), automatic);
    press(&mut app, "Space r");
    assert_eq!(titles(&app), automatic);
    press(&mut app, "u");
    assert_eq!(titles(&app), "COMM LPORT RADDR RPORT TX RX RATE AGE STATUS");
    press(&mut app, "PgDn");
    assert!(title(&app).contains("▲ ") && title(&app).contains(" ▼ "));
    press(&mut app, "G");
    assert!(title(&app).contains("▲ ") && !title(&app).contains('▼'));
    assert_eq!(press(&mut app, "u q"), None, "nothing is left to be kept");
}

#[test]
fn chooser_in_narrow_window_still_counts_the_columns_below() {
    let size = Size::new(30, 12);
    let mut app = app(size);
    press(&mut app, "c");
    let shown = screen(&app, size);
    assert!(
        shown.contains("COLUMNS ") && shown.contains(" more\""),
        "{shown}"
    );
}

#[test]
fn chooser_added_column_that_does_not_fit_is_scrolled_into_view() {
    let mut app = app(SIZE);
    press(&mut app, "c G Space"); // the last one
    let last = app.columns.chosen().and_then(|list| list.last().copied());
    let last = last.and_then(|f| f.column).map_or("", |c| c.title);
    assert!(titles(&app).ends_with(last), "{}", titles(&app));
    press(&mut app, "q");
    assert!(screen(&app, SIZE).contains(" ‹ "));
    press(&mut app, "^");
    assert!(titles(&app).starts_with("PID COMM"));
    press(&mut app, "$");
    assert!(titles(&app).ends_with(last), "{}", titles(&app));
}

#[test]
fn columns_scrolled_right_bring_others_into_view_at_the_first_press() {
    let mut app = app(SIZE);
    let heading = |app: &App| line(app, SIZE, 3);
    assert!(heading(&app).ends_with("›\""), "{}", heading(&app));
    press(&mut app, "A");
    let before = titles(&app);
    press(&mut app, "→");
    let now = titles(&app);
    let new = now.split(' ').find(|title| !before.contains(title));
    assert!(new.is_some(), "{now} after {before}");
    assert!(heading(&app).contains("PID ‹ "), "{}", heading(&app));
    press(&mut app, "$");
    assert!(!heading(&app).contains('›'), "{}", heading(&app));
    press(&mut app, "←");
    assert!(heading(&app).contains('›'), "{}", heading(&app));
}

#[test]
fn sort_keys_use_the_columns_scrolled_into_view() {
    let mut app = app(SIZE);
    press(&mut app, "A → → → →");
    assert_eq!(titles(&app), "PID RATE AGE STATUS USER OWNER IP LADDR DIR");
    press(&mut app, "< < < < <");
    assert!(screen(&app, SIZE).contains("sort: raddr ↑"));
    assert!(titles(&app).contains("RADDR"), "{}", titles(&app));
    press(&mut app, "< < <");
    assert!(screen(&app, SIZE).contains("sort: pid ↑"));
    press(&mut app, "→ <");
    assert!(screen(&app, SIZE).contains("sort: unit ↑"), "it goes round");
    assert!(titles(&app).contains("UNIT"), "{}", titles(&app));
}

#[test]
fn help_closed_returns_to_the_column_chooser() {
    let mut app = app(SIZE);
    press(&mut app, "c ?");
    assert!(screen(&app, SIZE).contains("KEYS"));
    press(&mut app, "q");
    assert_eq!(app.layers.mode(), Mode::Columns);
}

#[test]
fn rebound_keys_are_shown_in_footer_and_help() {
    let size = Size { height: 60, ..SIZE };
    let mut app = app(size);
    let key = |name| keys::KeyPress::parse(name).expect("a key");
    app.keymap.bind("columns", &[key("F8"), key("^O")]);
    app.keymap.bind("filter", &[key("f")]);
    let shown = screen(&app, size);
    assert!(
        shown.contains("f filter") && !shown.contains("/ filter"),
        "{shown}"
    );
    press(&mut app, "F8 Esc ^O q ?");
    let shown = screen(&app, size);
    assert!(shown.contains(" F8        choose"), "{shown}");
    assert!(shown.contains(" f         filter"), "{shown}");
    press(&mut app, "2");
    let shown = screen(&app, size);
    assert!(shown.contains(" F8 ^O "), "{shown}");
    press(&mut app, "q f");
    assert_eq!(app.layers.mode(), Mode::Prompt);
}

#[test]
fn failed_sessions_are_marked_where_there_is_no_room_for_their_status() {
    // the tabs have the key of the findings
    let marks = |shown: &str| {
        shown
            .lines()
            .skip(3)
            .collect::<String>()
            .matches('!')
            .count()
    };
    for width in [20, 30, 40] {
        let size = Size { width, height: 24 };
        let app = app(size);
        let shown = screen(&app, size);
        assert!(!shown.contains("STATUS"), "{shown}");
        let red = |theme| {
            let terminal = terminal(&app, theme, size);
            let cells = terminal.backend().buffer().content().to_vec();
            cells.into_iter().filter(|c| c.fg == Color::Red).count()
        };
        assert!(red(&DARK) > 4 * 10, "{width}");
        assert_eq!(marks(&shown), 5, "{width}: {shown}");
    }
    assert_eq!(marks(&screen(&app(SIZE), SIZE)), 0);
}
