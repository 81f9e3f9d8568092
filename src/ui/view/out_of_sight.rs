//! The mark for lines of a list that are out of sight, at the right edge of its line of text.

use unicode_width::UnicodeWidthStr;

use crate::model::fields::FieldKind;
use crate::ui::view::table::shorten;

/// Numbers of lines that are out of sight above and below.
pub fn mark((above, below): (usize, usize)) -> String {
    match (above, below) {
        (0, 0) => String::new(),
        (0, below) => format!("▼ {below} more"),
        (above, 0) => format!("▲ {above} more"),
        (above, below) => format!("▲ {above} ▼ {below} more"),
    }
}

/// A text, shortened to leave room for the mark after it.
pub fn marked(text: &str, hidden: (usize, usize), width: usize) -> String {
    let mark = mark(hidden);
    if mark.is_empty() {
        return shorten(text, width, FieldKind::Text);
    }
    // the mark is short, and nothing else says that there is more
    let room = width.saturating_sub(mark.width() + 1);
    let text = shorten(text, room, FieldKind::Text);
    let gap = width.saturating_sub(text.width() + mark.width());
    format!("{text}{}{mark}", " ".repeat(gap))
}
