//! The filter prompt: the typed text, and below it an error or completions.

use std::ops::Range;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::filter::{Completions, Filter, FilterError};
use crate::model::fields;
use crate::model::fields::FieldKind;
use crate::ui::action::Purpose;
use crate::ui::state::line::Line;
use crate::ui::state::prompt::Prompt;
use crate::ui::theme::Theme;
use crate::ui::view::table::shorten;

/// Text below the prompt.
pub struct Below {
    /// Its first cell.
    pub x: usize,
    pub text: String,
    pub style: Style,
}

pub fn draw(prompt: &Prompt, applied: &Filter, theme: &Theme, area: Rect, frame: &mut Frame<'_>) {
    let (label, label_style) = match prompt.purpose {
        Purpose::Filter => ("filter: ", theme.key),
        Purpose::Capture => ("capture only: ", theme.alarm_text),
    };
    let error = prompt.state().err();
    let wrong = error.filter(|e| !e.is_incomplete());
    let width = area.width.into();
    let (x, text) = match (prompt.candidates(), error) {
        (Some((completions, chosen)), _) => (0, candidates(completions, chosen)),
        (None, Some(e)) => error_text(e, place(label, prompt.line(), e.span().start, area), width),
        (None, None) => (0, hint(prompt)),
    };
    let style = if wrong.is_some() {
        theme.alarm_text
    } else {
        theme.quiet
    };
    let wrong = wrong.map(FilterError::span);
    let mut styles = LineStyles::plain(theme);
    styles.label = label_style;
    if prompt.is_selected() {
        styles.text = theme.selected;
    }
    typed(label, prompt.line(), wrong, &styles, area, frame);
    below(&Below { x, text, style }, area, frame);
    if prompt.purpose == Purpose::Filter && error.is_some() {
        let used = label.width() + prompt.text().width() + 1;
        meanwhile(applied, used, theme, area, frame);
    }
}

/// Names the filter that the list has while the typed one is wrong or incomplete, if there is room for it after the text.
fn meanwhile(applied: &Filter, used: usize, theme: &Theme, area: Rect, frame: &mut Frame<'_>) {
    /// Cells between the text that is typed and this one, and the least that says something.
    const GAP: usize = 3;
    const LEAST: usize = 10;
    let text = match applied.is_everything() {
        true => "shown: all sessions".to_owned(),
        false => format!("shown: {}", applied.source().trim()),
    };
    let room = usize::from(area.width).saturating_sub(used + GAP);
    if room >= LEAST && area.height > 0 {
        let text = shorten(&text, room, FieldKind::Text);
        let x = area.right() - text.width() as u16;
        let buffer = frame.buffer_mut();
        buffer.set_stringn(x, area.y, text, room, theme.quiet);
    }
}

/// Says below a valid text what a key would do that nobody would guess.
fn hint(prompt: &Prompt) -> String {
    let selected = match prompt.is_selected() {
        true => "typing replaces it, `and …` adds to it, → edits it, Backspace clears it",
        false => "",
    };
    match (prompt.purpose, prompt.dropped) {
        (Purpose::Capture, Some((0, _))) if prompt.text().trim().is_empty() => {
            "Enter captures every session".into()
        }
        (Purpose::Capture, Some((dropped, is_all))) => {
            let at_least = if is_all { "" } else { "at least " };
            let open = match dropped {
                0 => String::new(),
                n => {
                    let sessions = fields::number(n as u64, "open session");
                    format!("drops {at_least}{sessions}, and ")
                }
            };
            format!("Enter {open}ignores what does not match from then on. Esc keeps all")
        }
        _ => selected.into(),
    }
}

/// Styles of a line being typed.
pub struct LineStyles {
    pub label: Style,
    pub text: Style,
    pub wrong: Style,
}

impl LineStyles {
    pub fn plain(theme: &Theme) -> Self {
        LineStyles {
            label: theme.key,
            text: theme.title,
            wrong: theme.wrong,
        }
    }
}

/// Cell of a position in the text, from the left edge.
pub fn place(label: &str, line: &Line, at: usize, area: Rect) -> usize {
    let label = label.width().min(area.width.into());
    let (left, _) = line.scroll(area.width - label as u16);
    let before = line.text().get(..at).unwrap_or_default();
    label + before.width().saturating_sub(left)
}

/// Draws the prompt with its cursor and marks the error in it.
pub fn typed(
    label: &str,
    typed: &Line,
    wrong: Option<Range<usize>>,
    styles: &LineStyles,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let Some(line) = area.rows().next() else {
        return;
    };
    let label_width = (label.width() as u16).min(line.width);
    let room = line.width - label_width;
    let (left, cursor) = typed.scroll(room);
    let buffer = frame.buffer_mut();
    buffer.set_stringn(line.x, line.y, label, line.width.into(), styles.label);
    let text = from_cell(typed.text(), left);
    let start = line.x + label_width;
    buffer.set_stringn(start, line.y, text, room.into(), styles.text);
    if let Some(wrong) = wrong {
        let cell = |at: usize| {
            let cell = place(label, typed, at, area) as u16;
            cell.clamp(label_width, line.width)
        };
        let (from, to) = (cell(wrong.start), cell(wrong.end));
        let place = Rect::new(line.x + from, line.y, to.saturating_sub(from), 1);
        buffer.set_style(place, styles.wrong);
    }
    frame.set_cursor_position((start + cursor, line.y));
}

/// The text below the prompt for an error at a position, and its cell: under the error, if there is room for it there.
pub fn pointed(label: &str, line: &Line, at: usize, text: &str, area: Rect) -> (usize, String) {
    let (cell, text) = (place(label, line, at, area), format!("^ {text}"));
    let fits = cell + text.width() <= area.width.into();
    (if fits { cell } else { 0 }, text)
}

/// Draws the text below the prompt.
pub fn below(below: &Below, area: Rect, frame: &mut Frame<'_>) {
    if let Some(line) = area.rows().nth(1) {
        let width = usize::from(line.width).saturating_sub(below.x);
        let x = line.x + below.x as u16;
        let buffer = frame.buffer_mut();
        buffer.set_stringn(x, line.y, cut(&below.text, width), width, below.style);
    }
}

/// Completions; the inserted one is in brackets and kept visible.
fn candidates(completions: &Completions, chosen: Option<usize>) -> String {
    let first = chosen.unwrap_or(0).saturating_sub(2);
    let names: Vec<String> = (first..completions.candidates.len())
        .map(|i| (i, &completions.candidates[i].text))
        .map(|(i, text)| {
            if chosen == Some(i) {
                format!("[{text}]")
            } else {
                text.clone()
            }
        })
        .collect();
    if names.is_empty() {
        "no completions".into()
    } else {
        names.join("  ")
    }
}

/// The error message and its cell: as many clauses as fit, under the error's position if they fit there, else from
/// the start of the line.
fn error_text(error: &FilterError, place: usize, width: usize) -> (usize, String) {
    let leads: &[&str] = if error.is_incomplete() {
        &["incomplete, last filter applies: ", "incomplete: "]
    } else {
        &[""]
    };
    let forms = error.forms();
    let texts = forms
        .iter()
        .flat_map(|form| leads.iter().map(move |lead| format!("{lead}{form}")));
    let mut shortest = String::new();
    for text in texts {
        if place + 2 + text.width() <= width {
            return (place, format!("^ {text}"));
        }
        if text.width() <= width {
            return (0, text);
        }
        shortest = text;
    }
    (0, shortest)
}

/// Cuts a text to as many whole words as fit, with a sign that something is missing.
fn cut(text: &str, width: usize) -> String {
    const SIGN: &str = " …";
    if text.width() <= width {
        return text.to_owned();
    }
    let words = text
        .match_indices(' ')
        .map(|(at, _)| text[..at].trim_end_matches([' ', ',', ';', ':']))
        .take_while(|words| words.width() + SIGN.width() <= width)
        .last();
    match words {
        Some(words) => format!("{words}{SIGN}"),
        None => shorten(text, width, FieldKind::Text),
    }
}

/// The rest of a text from a cell on.
fn from_cell(text: &str, cell: usize) -> &str {
    let mut used = 0;
    let start = text.char_indices().find(|(_, c)| {
        let here = used >= cell;
        used += c.width().unwrap_or(0);
        here
    });
    start.map_or("", |(at, _)| &text[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_fits_with_its_cure_in_80_columns_and_with_its_gist_in_60() {
        let golden = include_str!("../../../tests/filter/errors.txt");
        let texts: Vec<&str> = golden
            .lines()
            .filter_map(|l| l.strip_prefix("> "))
            .collect();
        assert!(texts.len() >= 60);
        for text in texts {
            let typed = Filter::parse_typed(text, text.len(), |_| None).err();
            let entered = Filter::parse(text).err();
            assert!(entered.is_some(), "{text}");
            for error in [typed, entered].into_iter().flatten() {
                for (width, has_cure) in [(80, true), (60, false)] {
                    let area = Rect::new(0, 0, width, 2);
                    let at = place(
                        "filter: ",
                        &Line::new(text.into()),
                        error.span().start,
                        area,
                    );
                    let (cell, shown) = error_text(&error, at, width.into());
                    assert!(cell + shown.width() <= width.into(), "{text}: {shown}");
                    assert!(!has_cure || shown.contains(error.cure()), "{text}: {shown}");
                }
            }
        }
    }

    #[test]
    fn cut_text_ends_with_an_ellipsis() {
        assert_eq!(cut("one of a, bc, d", 15), "one of a, bc, d");
        assert_eq!(cut("one of a, bc, d", 14), "one of a, bc …");
        assert_eq!(cut("one of a, bc, d", 13), "one of a …");
        assert_eq!(cut("one of", 5), "one …");
        assert_eq!(cut("one of", 3), "on…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("one", 0), "…");
    }
}
