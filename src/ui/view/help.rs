//! Draws the help page.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use crate::ui::app::App;
use crate::ui::page::help::{HelpLine, NAME, lines};
use crate::ui::theme::Theme;

pub fn draw(top: usize, app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let missed = app.store().totals().missed;
    let lines = lines(&app.keymap, &missed, &app.in_force, area.width);
    let last = lines.len().saturating_sub(area.height.into());
    let text: Vec<Line<'_>> = lines
        .into_iter()
        .skip(top.min(last))
        .map(|line| match line {
            HelpLine::Heading(title) => Line::styled(title, theme.title),
            HelpLine::Entry(name, meaning) => Line::from(vec![
                Span::styled(format!("  {name:<NAME$}  "), theme.key),
                Span::raw(meaning),
            ]),
            HelpLine::Blank => Line::default(),
        })
        .collect();
    Paragraph::new(text).render(area, buffer);
}
