//! Draws the help: the title of the chapter, its lines, and the search.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

use crate::model::fields;
use crate::model::fields::FieldKind;
use crate::ui::action::{Action, Mode};
use crate::ui::app::App;
use crate::ui::page::help::{CHAPTERS, HALF, HALF_KEY, HelpLine, INDENT, NAME, lines};
use crate::ui::state::help::{Help, HelpPosition, Typing};
use crate::ui::theme::Theme;
use crate::ui::view::prompt::{Below, LineStyles, below, typed};
use crate::ui::view::table::shorten;

pub fn draw(help: &Help, app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let mut rows = area.rows();
    if let Some(row) = rows.next() {
        title(help, theme, row, buffer);
    }
    let chapter = help.top.chapter;
    let lines = lines(&app.help_sources(), chapter, area.width);
    let height = usize::from(area.height).saturating_sub(1);
    let top = help.top.line.min(lines.len().saturating_sub(height));
    for ((i, line), row) in lines.iter().enumerate().skip(top).zip(rows) {
        let is_found = help.found == Some(HelpPosition { chapter, line: i });
        let mark = match is_found {
            true => theme.selected,
            false => theme.heading_sorted,
        };
        let mut spans = Vec::new();
        for (text, style) in styled(line, theme) {
            spans.extend(marked(text, style, &help.searched, mark));
        }
        Line::from(spans).render(row, buffer);
    }
}

/// The number and the name of the chapter; where there is room for them the names of its neighbors.
fn title(help: &Help, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let (chapter, count) = (help.top.chapter, CHAPTERS.len());
    let name = |at: usize| CHAPTERS[at % count].name;
    let purpose = match help.about.mode {
        Mode::Table if chapter == 0 => format!(": {}", help.about.purposes[0]),
        _ => String::new(),
    };
    let screen = match chapter {
        0 if !purpose.is_empty() => help.about.name,
        at => name(at),
    };
    let text = format!("HELP {}/{count}  {screen}{purpose}", chapter + 1);
    let others = format!("← {}  {} →", name(chapter + count - 1), name(chapter + 1));
    let width = usize::from(area.width);
    buffer.set_style(area, theme.heading);
    let text = match width.checked_sub(text.width() + others.width()) {
        Some(gap @ 2..) => format!("{text}{}{others}", " ".repeat(gap)),
        _ => shorten(&text, width, FieldKind::Text),
    };
    buffer.set_stringn(area.x, area.y, text, width, theme.heading);
}

/// The parts of a line, and their styles.
fn styled<'a>(line: &'a HelpLine, theme: &Theme) -> Vec<(String, Style)> {
    let half = |(key, meaning): &'a (String, &'static str)| {
        let room = HALF - HALF_KEY - 2;
        [
            (format!("  {key:<HALF_KEY$}"), theme.key),
            (format!("{meaning:<room$}"), Style::new()),
        ]
    };
    match line {
        HelpLine::Heading(text) => vec![(text.clone(), theme.title)],
        HelpLine::Entry(name, meaning) => vec![
            (format!("  {name:<NAME$}  "), theme.key),
            (meaning.clone(), Style::new()),
        ],
        HelpLine::Below(text) => vec![(format!("{:INDENT$}{text}", ""), Style::new())],
        HelpLine::Pair(pair) => pair.iter().flat_map(half).collect(),
        HelpLine::Blank => Vec::new(),
    }
}

/// Marks the text searched for.
fn marked(text: String, style: Style, searched: &str, mark: Style) -> Vec<Span<'static>> {
    let (bytes, needle) = (text.as_bytes(), searched.as_bytes());
    let mut spans = Vec::new();
    let mut from = 0;
    if !needle.is_empty() {
        let found = |from: usize| {
            let mut rest = bytes[from..].windows(needle.len());
            rest.position(|part| part.eq_ignore_ascii_case(needle))
        };
        while let Some(at) = found(from).map(|at| from + at) {
            let end = at + needle.len();
            spans.push(Span::styled(text[from..at].to_owned(), style));
            spans.push(Span::styled(text[at..end].to_owned(), mark));
            from = end;
        }
    }
    spans.push(Span::styled(text[from..].to_owned(), style));
    spans
}

/// Draws the search line, and the number of hits below it.
pub fn search(
    help: &Help,
    typing: &Typing,
    app: &App,
    theme: &Theme,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let styles = LineStyles::plain(theme);
    typed("search: ", &typing.line, None, &styles, area, frame);
    let (text, style) = match (help.hits as u64, help.searched.is_empty()) {
        (_, true) => ("in all chapters".to_owned(), theme.quiet),
        (0, false) => ("not found".to_owned(), theme.alarm_text),
        (count, false) => {
            let key = app.keymap.of(Mode::Help, Action::Hit(1));
            let text = format!(
                "{}; Enter, then {key} for the next",
                fields::number(count, "hit")
            );
            (text, theme.quiet)
        }
    };
    below(&Below { x: 0, text, style }, area, frame);
}
