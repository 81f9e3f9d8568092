//! Draws the sort menu over the lower part of the table.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};

use crate::model::fields::FieldKind;
use crate::ui::app::App;
use crate::ui::layout::sort_menu::{CELL, area, grid, top};
use crate::ui::layout::table::window;
use crate::ui::state::sort_menu::SortMenu;
use crate::ui::theme::Theme;
use crate::ui::view::table::{arrow, shorten};

pub fn draw(menu: &SortMenu, app: &App, theme: &Theme, main: Rect, buffer: &mut Buffer) {
    let (columns, lines) = grid(main);
    let area = area(main);
    Clear.render(area, buffer);
    buffer.set_style(area, theme.base);
    let width = usize::from(area.width);
    let heading = "SORT BY: press a letter; that of the sorted column reverses the order";
    if area.height > 0 {
        let heading = format!("{:width$}", shorten(heading, width, FieldKind::Text));
        buffer.set_stringn(area.x, area.y, heading, width, theme.heading);
    }
    let table = window(app.columns.view(), main.width);
    let first = top(main, menu.position()) * columns;
    let entries = menu.rows().skip(first).take(columns * lines);
    for (i, (field, column, selected)) in entries.enumerate() {
        let (x, y) = ((i % columns) as u16 * CELL, (i / columns) as u16);
        let is_sorted = field == app.columns.sorted();
        let sign = if is_sorted { arrow(app) } else { "" };
        let style = match (selected, table.shows(field)) {
            (true, _) => theme.selected,
            (false, true) => theme.base,
            (false, false) => theme.quiet,
        };
        let text = format!("{} {}{sign}", column.letter, column.title);
        let room = CELL.min(area.width.saturating_sub(x)).into();
        buffer.set_stringn(area.x + x, area.y + 1 + y, text, room, style);
    }
    if usize::from(area.height) > lines + 1 {
        let field = menu.selected();
        let help = format!("{}: {}", field.word, field.help);
        let help = shorten(&help, width, FieldKind::Text);
        buffer.set_stringn(area.x, area.bottom() - 1, help, width, theme.quiet);
    }
}
