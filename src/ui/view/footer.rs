//! The footer: active keys from the key table, or a notice for a moment.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

use crate::model::fields::FieldKind;
use crate::ui::app::App;
use crate::ui::layout::footer::{FooterKey, GAP};
use crate::ui::theme::Theme;
use crate::ui::view::table::shorten;

pub fn draw(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    if let Some((text, is_alarm)) = app.notice.get() {
        let style = if is_alarm {
            theme.alarm_text
        } else {
            theme.title
        };
        let text = shorten(text, area.width.into(), FieldKind::Text);
        return Line::styled(text, style).render(area, buffer);
    }
    let mut line = Line::default();
    for FooterKey { name, word, .. } in app.footer_keys(area.width) {
        line.push_span(Span::styled(name, theme.key));
        line.push_span(format!(" {word:0$}", word.width() + GAP));
    }
    line.render(area, buffer);
}
