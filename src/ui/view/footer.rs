//! The last line: the keys of where one is, from the key table; or for a moment what there is to say.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use crate::ui::app::App;
use crate::ui::theme::Theme;

pub(super) fn draw(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    if let Some((text, is_alarm)) = app.notice.get() {
        let style = if is_alarm {
            theme.alarm_text
        } else {
            theme.title
        };
        return Line::styled(text, style).render(area, buffer);
    }
    let mut line = Line::default();
    let rows = app.keymap.rows(std::slice::from_ref(&app.mode));
    for row in rows.filter(|r| !r.key.footer.is_empty()) {
        let name = row.presses.first().map(|p| p.name()).unwrap_or_default();
        let spans = [
            Span::styled(name, theme.key),
            Span::raw(format!(" {}  ", row.key.footer)),
        ];
        let width: usize = spans.iter().map(Span::width).sum();
        // the last one needs no room behind it
        if line.width() + width > usize::from(area.width) + 2 {
            break;
        }
        line.spans.extend(spans);
    }
    line.render(area, buffer);
}
