//! The line of tabs with the purpose of the present screen, or a line with its title.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use crate::model::fields::FieldKind;
use crate::ui::app::App;
use crate::ui::keys::titles::{Coverage, ScreenTitle};
use crate::ui::layout::Layout;
use crate::ui::theme::Theme;
use crate::ui::view::table::shorten;

pub fn draw(app: &App, theme: &Theme, layout: &Layout, buffer: &mut Buffer) {
    tabs(app, theme, layout.tabs, buffer);
    let (title, _) = app.layers.present();
    let width = usize::from(layout.title.width);
    let of = covered(app, title);
    let forms = title.purposes.map(|p| format!("{}{of}: {p}", title.name));
    let text = forms.iter().find(|f| f.len() <= width);
    let text = shorten(text.unwrap_or(&forms[1]), width, FieldKind::Text);
    Line::styled(text, theme.title).render(layout.title, buffer);
}

/// The sessions that the figures of a screen are of, while a filter makes that a question.
fn covered(app: &App, title: &ScreenTitle) -> &'static str {
    match title.covers {
        _ if !app.view_filter.is_limited() => "",
        Some(Coverage::Filter) => " of the filter",
        Some(Coverage::Host) => " of the whole host",
        None => "",
    }
}

fn tabs(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let line = app.tab_line(area.width);
    let (_, present) = app.layers.present();
    let mut put = |x: usize, text: Line<'_>| {
        if let Some(width) = usize::from(area.width).checked_sub(x)
            && area.height > 0
        {
            buffer.set_line(area.x + x as u16, area.y, &text, width as u16);
        }
    };
    for tab in &line.tabs {
        let is_present = tab.title.mode == present.mode;
        let [key, name] = match is_present {
            true => [theme.selected; 2],
            false => [theme.key, theme.base],
        };
        let gap = if tab.key.is_empty() { "" } else { " " };
        let spans = [
            Span::styled(tab.key.as_str(), key),
            Span::styled(gap, name),
            Span::styled(tab.name, name),
        ];
        put(tab.cells.start, Line::from_iter(spans));
    }
    let [left, right] = line.more;
    if left {
        put(0, Line::styled("‹", theme.quiet));
    }
    if right {
        let end = line.tabs.last().map_or(0, |t| t.cells.end);
        put(end + 1, Line::styled("›", theme.quiet));
    }
    if let Some((x, purpose)) = line.purpose {
        put(x, Line::styled(purpose, theme.quiet));
    }
}
