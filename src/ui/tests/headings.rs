//! Headings of columns: at every width, with whatever they are sorted by, there is a space between any two.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::*;
use crate::model::aggregate::figure_table::FIGURES;
use crate::model::fields;
use crate::ui::layout::panes::Subject;
use crate::ui::layout::table::window;
use crate::ui::state::screens::Screen;

/// Widths of terminals.
const WIDTHS: std::ops::RangeInclusive<u16> = 40..=200;

/// The words of a line of headings, which `draw` draws at this width.
fn words(width: u16, draw: impl FnOnce(Rect, &mut Buffer)) -> String {
    let area = Rect::new(0, 0, width, 1);
    let mut buffer = Buffer::empty(area);
    draw(area, &mut buffer);
    let line: String = (0..width).map(|x| buffer[(x, 0)].symbol()).collect();
    let words: Vec<&str> = line.split_whitespace().collect();
    words.join(" ")
}

#[test]
fn headings_of_sessions_are_apart_at_every_width_and_order() {
    for width in WIDTHS {
        let size = Size { width, height: 8 };
        let mut app = app(size);
        for (field, column) in fields::columns() {
            press(&mut app, "s");
            let letter = KeyPress::new(KeyCode::Char(column.letter), false);
            app.key(letter, Some(column.letter));
            assert_eq!(app.columns.sorted(), field);
            let is_descending = app.is_descending();
            let shown = window(app.columns.view(), width).shown;
            let titles = shown.iter().map(|c| match c.field == field {
                true if is_descending => format!("{}▼", c.title),
                true => format!("{}▲", c.title),
                false => c.title.to_owned(),
            });
            let titles: Vec<String> = titles.collect();
            let heading = words(width, |area, buffer| {
                view::table::draw(&app, &MONOCHROME, area, buffer);
            });
            let mut titles = titles.join(" ");
            // the sign that there are more columns may take the last cell
            if let Some(shown) = heading.strip_suffix('›').filter(|h| !h.ends_with(' ')) {
                titles.truncate(shown.len());
            }
            let heading = heading.trim_matches([' ', '‹', '›']);
            assert_eq!(heading, titles, "{width}");
        }
    }
}

#[test]
fn headings_of_screens_are_apart_at_every_width_and_order() {
    type Begin = fn(Size) -> App;
    let screens: [Begin; 4] = [
        listeners::listening,
        drops::dropping,
        ports::exhausted,
        findings::refused,
    ];
    for begin in screens {
        let mut app = begin(Size::new(200, 16));
        for width in WIDTHS {
            let size = Size { width, height: 16 };
            app.resize(size);
            let headings = |app: &App| match app.layers.screen() {
                Some(Screen::Table(shown)) => (shown.headings(width), shown.is_descending()),
                _ => (Vec::new(), false),
            };
            for _ in 0..headings(&app).0.len() {
                press_and_settle(&mut app, ">");
                let (shown, is_descending) = headings(&app);
                let mark = if is_descending { "▼" } else { "▲" };
                let titles = shown.iter().map(|h| match h.is_sorted {
                    true => format!("{}{mark}", h.title),
                    false => h.title.to_owned(),
                });
                let titles: Vec<String> = titles.collect();
                let Some(Screen::Table(screen)) = app.layers.screen() else {
                    panic!("another screen");
                };
                let heading = words(width, |area, buffer| {
                    view::table_screen::draw(&**screen, &app, &MONOCHROME, area, buffer);
                });
                assert_eq!(heading, titles.join(" "), "{width}");
            }
        }
    }
}

#[test]
fn headings_of_top_talkers_are_apart_and_name_the_order_once() {
    let mut app = top_talkers::busy(SIZE);
    press_and_settle(&mut app, "Tab");
    for width in WIDTHS {
        app.resize(Size { width, height: 24 });
        for _ in 0..FIGURES.len() {
            press_and_settle(&mut app, "s");
            let heading = words(width, |area, buffer| {
                view::top_talkers::draw(&app, Subject::Processes, &MONOCHROME, area, buffer);
            });
            let sorted = app.panes().pane(Subject::Processes).sorted_by().title;
            assert_eq!(heading.matches('▼').count(), 1, "{width}: {heading}");
            let mut words = heading.split(' ');
            assert!(
                words.any(|word| word == format!("{sorted}▼")),
                "{width}: {heading}"
            );
            let mut words = heading.split(' ');
            let are_known = words.all(|word| {
                let title = word.trim_matches(['~', '▼']);
                let is_name = word.starts_with("PROCESS") || word.starts_with('(');
                is_name || FIGURES.iter().any(|f| f.title == title)
            });
            assert!(are_known, "{width}: {heading}");
        }
    }
}
