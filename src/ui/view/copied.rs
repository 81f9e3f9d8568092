//! A copied text, from edge to edge: what is selected with the mouse is the text, and no borders.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};
use unicode_width::UnicodeWidthChar;

use crate::ui::theme::Theme;

/// Text above the copied one: the longest that fits.
const TITLES: [&str; 3] = [
    "Copied, if your terminal permits OSC 52; else select it by hand. Any key closes.",
    "Copied, if OSC 52 is permitted; else select it. Any key closes.",
    "Copied, or select it. Any key closes.",
];

pub fn draw(text: &str, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let lines = lines(text, width);
    // a line below the text separates it from what it covers
    let height = (lines.len() + 2).min(area.height.into()) as u16;
    let area = Rect { height, ..area };
    Clear.render(area, buffer);
    buffer.set_style(area, theme.base);
    let mut rows = area.rows();
    if let Some(row) = rows.next() {
        let title = TITLES.iter().find(|title| title.len() <= width);
        let title = title.unwrap_or(&TITLES[2]);
        buffer.set_style(row, theme.heading);
        buffer.set_stringn(row.x, row.y, title, width, theme.heading);
    }
    // the lines first: a row that is left stays for what follows
    for (line, row) in lines.iter().zip(rows.by_ref()) {
        buffer.set_stringn(row.x, row.y, line, width, theme.figure);
    }
    if let Some(row) = rows.next() {
        buffer.set_stringn(row.x, row.y, "─".repeat(width), width, theme.quiet);
    }
}

/// The text in lines as long as they can be.
fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for c in text.chars() {
        let cells = c.width().unwrap_or(0);
        if used + cells > width {
            lines.push(String::new());
            used = 0;
        }
        used += cells;
        if let Some(line) = lines.last_mut() {
            line.push(c);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copied_text_is_whole_and_in_as_few_lines_as_possible() {
        assert_eq!(lines("", 4), [""]);
        assert_eq!(lines("abcd", 4), ["abcd"]);
        assert_eq!(lines("ab cd ef", 4), ["ab c", "d ef"]);
        assert_eq!(lines("日本語", 5), ["日本", "語"]);
    }
}
