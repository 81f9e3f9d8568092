//! The prompt: what is being typed, and below it what is wrong with it or what fits.

use ratatui::Frame;
use ratatui::layout::Rect;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::filter::{Completions, FilterError};
use crate::ui::prompt::{Prompt, Purpose};
use crate::ui::theme::Theme;

pub(super) fn draw(prompt: &Prompt, theme: &Theme, area: Rect, frame: &mut Frame<'_>) {
    let mut lines = area.rows();
    let Some(line) = lines.next() else { return };
    let label = match prompt.purpose {
        Purpose::Filter => "filter: ",
        Purpose::Capture => "capture: ",
    };
    let label_width = (label.len() as u16).min(line.width);
    let room = line.width - label_width;
    let (left, cursor) = prompt.scroll(room);
    let buffer = frame.buffer_mut();
    buffer.set_stringn(line.x, line.y, label, line.width.into(), theme.key);
    let text = from_cell(prompt.text(), left);
    let start = line.x + label_width;
    buffer.set_stringn(start, line.y, text, room.into(), theme.title);

    let error = prompt.state().err();
    let wrong = error.filter(|e| !e.is_incomplete());
    if let Some(error) = wrong {
        let cell = |at: usize| {
            let before = prompt.text().get(..at).unwrap_or_default().width();
            u16::try_from(before.saturating_sub(left)).map_or(room, |c| c.min(room))
        };
        let (from, to) = (cell(error.span().start), cell(error.span().end));
        let place = Rect::new(start + from, line.y, to - from, 1);
        buffer.set_style(place, theme.wrong);
    }
    if let Some(below) = lines.next() {
        let width = usize::from(below.width);
        let (x, message) = match prompt.candidates() {
            Some((completions, chosen)) => (0, candidates(completions, chosen)),
            None => error.map_or_else(Default::default, |e| {
                let before = prompt.text().get(..e.span().start).unwrap_or_default();
                said(
                    e,
                    usize::from(label_width) + before.width().saturating_sub(left),
                    width,
                )
            }),
        };
        let style = if wrong.is_some() {
            theme.alarm_text
        } else {
            theme.quiet
        };
        buffer.set_stringn(below.x + x as u16, below.y, message, width - x, style);
    }
    frame.set_cursor_position((line.x + label_width + cursor, line.y));
}

/// What fits, the one that is in the text in brackets and in sight.
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
        "nothing fits here".into()
    } else {
        names.join("  ")
    }
}

/// What is wrong, under the place if there is room for it, else from the start of the line on; and its cell.
fn said(error: &FilterError, place: usize, width: usize) -> (usize, String) {
    let stays = if error.is_incomplete() {
        "incomplete, the last filter stays: "
    } else {
        ""
    };
    let whole = format!("{stays}{error}");
    let brief = format!("{stays}{}", error.message());
    for text in [&whole, &brief] {
        if place + 2 + text.width() <= width {
            return (place, format!("^ {text}"));
        }
    }
    (0, whole)
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
