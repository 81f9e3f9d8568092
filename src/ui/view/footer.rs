//! The last line: the keys of where one is, from the key table.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

use crate::ui::app::App;
use crate::ui::keys::{KEYS, Key, Mode};
use crate::ui::theme::Theme;

/// The keys that fit, and the cells of each.
fn keys(mode: Mode, width: u16) -> Vec<(&'static Key, Range<usize>)> {
    let all = KEYS
        .iter()
        .filter(|k| k.is_in(mode) && !k.footer.is_empty());
    let mut x = 0;
    let placed = all.map(|key| {
        let start = x;
        x += name(key).width() + 1 + key.footer.width() + GAP;
        (key, start..x - GAP)
    });
    placed
        .take_while(|(_, cells)| cells.end <= width.into())
        .collect()
}

/// Cells between two keys.
const GAP: usize = 2;

fn name(key: &Key) -> String {
    key.presses.first().map(|p| p.name()).unwrap_or_default()
}

/// The key that is at a cell of the line.
pub(super) fn key_at(mode: Mode, width: u16, x: u16) -> Option<&'static Key> {
    let keys = keys(mode, width).into_iter();
    let mut here = keys.filter(|(_, cells)| cells.contains(&x.into()));
    here.next().map(|(key, _)| key)
}

pub(super) fn draw(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let mut line = Line::default();
    for (key, _) in keys(app.mode, area.width) {
        line.push_span(Span::styled(name(key), theme.key));
        line.push_span(format!(" {:1$}", key.footer, key.footer.width() + GAP));
    }
    line.render(area, buffer);
}
