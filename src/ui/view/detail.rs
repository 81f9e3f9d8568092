//! Draws the details of one session.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};
use unicode_width::UnicodeWidthStr;

use crate::ui::app::App;
use crate::ui::page::detail::{DetailLine, NAME, Tone, lines};
use crate::ui::state::detail::Detail;
use crate::ui::theme::Theme;
use crate::ui::view::out_of_sight;

pub fn draw(detail: &Detail, app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let lines = lines(
        detail,
        app.store(),
        &app.host_state,
        &app.keymap,
        &app.names,
        area,
    );
    let top = lines.len().saturating_sub(area.height.into());
    let styled = lines
        .iter()
        .skip(detail.top.min(top))
        .take(area.height.into());
    let text: Vec<Line<'_>> = styled.map(|line| style(line, theme)).collect();
    Paragraph::new(text).render(area, buffer);
    let below = top.saturating_sub(detail.top);
    if below > 0 && area.height > 1 {
        let text = format!(" {}", out_of_sight::mark((0, below)));
        let width = (text.width() as u16).min(area.width);
        let (x, y) = (area.right() - width, area.bottom() - 1);
        buffer.set_stringn(x, y, text, width.into(), theme.quiet);
    }
}

fn style<'a>(line: &'a DetailLine, theme: &Theme) -> Line<'a> {
    let toned = |tone: &Tone| match tone {
        Tone::Plain => Style::new(),
        Tone::Figure => theme.figure,
        Tone::Warning => theme.warning,
    };
    match line {
        DetailLine::Verdict(text, tone) => Line::styled(text, toned(tone)),
        DetailLine::Chart(axis, chart) => Line::from(vec![
            Span::styled(axis, theme.key),
            Span::styled(chart, theme.quiet),
        ]),
        DetailLine::Title(text) => Line::styled(text, theme.figure),
        DetailLine::Heading(text) => Line::styled(text, theme.title),
        DetailLine::Command(text) => Line::raw(text),
        DetailLine::Entry(name, text, tone) => {
            let name = format!("  {name:<0$} ", NAME - 3);
            Line::from(vec![
                Span::styled(name, theme.key),
                Span::styled(text, toned(tone)),
            ])
        }
    }
}
