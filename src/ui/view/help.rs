//! The help: every key, and every column, from their tables.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use crate::fields;
use crate::session::Reason;
use crate::ui::app::App;
use crate::ui::keys::{KEYS, Mode};
use crate::ui::theme::Theme;

/// A line of the help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HelpLine {
    /// What the lines below are about.
    Heading(&'static str),
    /// A name and what it means.
    Entry(String, &'static str),
    /// Room between two parts.
    Blank,
}

/// The whole of it.
pub fn lines() -> Vec<HelpLine> {
    let keys = KEYS.iter().filter(|k| k.mode == Mode::Table);
    let mut lines = vec![HelpLine::Heading("KEYS")];
    lines.extend(keys.map(|k| HelpLine::Entry(k.names(), k.help)));
    lines.extend([
        HelpLine::Blank,
        HelpLine::Heading("COLUMNS, as many as fit"),
    ]);
    lines.extend(fields::columns().map(|(f, c)| HelpLine::Entry(c.title.into(), f.help)));
    lines.extend([HelpLine::Blank, HelpLine::Heading("WHY A SESSION ENDED")]);
    let reasons = Reason::ALL.iter().filter(|&&r| r != Reason::Open);
    lines.extend(reasons.map(|r| HelpLine::Entry(r.name().into(), r.help())));
    lines
}

pub(super) fn draw(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let text: Vec<Line<'_>> = lines()
        .into_iter()
        .skip(app.help_top)
        .map(|line| match line {
            HelpLine::Heading(title) => Line::styled(title, theme.title),
            HelpLine::Entry(name, meaning) => Line::from(vec![
                Span::styled(format!("  {name:<16} "), theme.key),
                Span::raw(meaning),
            ]),
            HelpLine::Blank => Line::default(),
        })
        .collect();
    Paragraph::new(text).render(area, buffer);
}
