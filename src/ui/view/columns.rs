//! The column chooser: drawn over the lower part of the table, so that changes are visible above it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use crate::ui::action::{Action, Mode};
use crate::ui::app::App;
use crate::ui::layout::column_chooser::{area, page};
use crate::ui::state::columns::Chooser;
use crate::ui::theme::Theme;
use crate::ui::view::out_of_sight;

pub fn draw(chooser: &Chooser, app: &App, theme: &Theme, main: Rect, buffer: &mut Buffer) {
    let area = area(main);
    Clear.render(area, buffer);
    buffer.set_style(area, theme.base);
    let mut lines = area.rows();
    let Some(heading) = lines.next() else { return };
    buffer.set_style(heading, theme.heading);
    let shown = chooser.rows.iter().filter(|(_, shown)| *shown).count();
    let (all, how) = (chooser.rows.len(), how(app));
    let height = page(main);
    let top = chooser
        .selected
        .saturating_sub(height / 2)
        .min(all.saturating_sub(height));
    let hidden = (top, all.saturating_sub(top + height));
    let width = usize::from(heading.width);
    let title = format!("COLUMNS {shown} of {all}{how}");
    let line = out_of_sight::marked(&title, hidden, width);
    buffer.set_stringn(heading.x, heading.y, line, width, theme.heading);

    for ((i, (field, shown)), line) in chooser.rows.iter().enumerate().skip(top).zip(lines) {
        let style = match (i == chooser.selected, shown) {
            (true, _) => theme.selected,
            (false, shown) => theme.row(*shown),
        };
        let mark = if *shown { "[x]" } else { "[ ]" };
        let title = field.column.map_or("", |c| c.title);
        buffer.set_style(line, style);
        Line::from(vec![
            Span::raw(format!("{mark} {title:<10} ")),
            Span::raw(field.help),
        ])
        .style(style)
        .render(line, buffer);
    }
}

/// Origin of the current choice, and how long it lasts.
fn how(app: &App) -> String {
    let key = |action| app.keymap.of(Mode::Columns, action);
    match (app.columns.chosen(), app.columns.are_configured()) {
        (None, _) => {
            let toggle = key(Action::ToggleColumn);
            format!(": as many as fit; {toggle} fixes the choice")
        }
        (Some(_), false) => ": kept for the next run".into(),
        (Some(_), true) => ": for this run only".into(),
    }
}
