//! The prompt: what is being typed, and below it what is wrong with it or what fits.

use ratatui::Frame;
use ratatui::layout::Rect;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::filter::FilterError;
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
    buffer.set_stringn(line.x + label_width, line.y, text, room.into(), theme.title);

    if let Some(below) = lines.next() {
        let (column, message) = message(prompt, left, below.width.into());
        let at = usize::from(label_width) + column;
        // it stands where the place is; if it does not fit there, as far to the right as it does
        let x = at.min(usize::from(below.width).saturating_sub(message.width())) as u16;
        let wrong = prompt.state().is_err_and(|e| !e.is_incomplete());
        let style = if wrong { theme.alarm_text } else { theme.quiet };
        let room = usize::from(below.width - x.min(below.width));
        buffer.set_stringn(below.x + x, below.y, message, room, style);
    }
    frame.set_cursor_position((line.x + label_width + cursor, line.y));
}

/// What there is to say of the text, and the cell of the text that it is about.
fn message(prompt: &Prompt, left: usize, width: usize) -> (usize, String) {
    if let Some((completions, chosen)) = prompt.candidates() {
        let names = completions
            .candidates
            .iter()
            .enumerate()
            .map(|(i, c)| match chosen {
                Some(chosen) if chosen == i => format!("[{}]", c.text),
                // the one that is chosen stays in sight
                Some(chosen) if i < chosen.saturating_sub(2) => String::new(),
                _ => c.text.clone(),
            });
        let names: Vec<String> = names.filter(|n| !n.is_empty()).collect();
        let none = "nothing fits here".to_owned();
        return (
            0,
            if names.is_empty() {
                none
            } else {
                names.join("  ")
            },
        );
    }
    match prompt.state() {
        Ok(_) => (0, String::new()),
        Err(error) => {
            let place = prompt
                .text()
                .get(..error.span().start)
                .unwrap_or_default()
                .width();
            (place.saturating_sub(left), one_line(error, width))
        }
    }
}

/// As much as there is room for; the place is marked in front of it.
fn one_line(error: &FilterError, width: usize) -> String {
    let stays = if error.is_incomplete() {
        "incomplete, the last filter stays: "
    } else {
        ""
    };
    let whole = format!("^ {stays}{error}");
    if whole.width() <= width {
        whole
    } else {
        format!("^ {stays}{}", error.message())
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
