//! The last line: the keys of where one is, from the key table; or for a moment what there is to say.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

use crate::ui::app::{Action, App};
use crate::ui::keys::{Bound, Keymap, Mode};
use crate::ui::theme::Theme;

/// The keys that fit, and the cells of each.
fn keys(keymap: &Keymap, mode: Mode, width: u16) -> Vec<(&Bound, Range<usize>)> {
    let modes = [mode];
    let all = keymap.rows(&modes).filter(|r| !r.key.footer.is_empty());
    let mut x = 0;
    let mut placed = Vec::new();
    for row in all {
        let cells = x..x + name(row).width() + 1 + row.key.footer.width();
        if cells.end > width.into() {
            break;
        }
        x = cells.end + GAP;
        placed.push((row, cells));
    }
    placed
}

/// Cells between two keys.
const GAP: usize = 2;

fn name(row: &Bound) -> String {
    row.presses.first().map(|p| p.name()).unwrap_or_default()
}

/// What the key does that is at a cell of the line.
pub(super) fn action_at(app: &App, width: u16, x: u16) -> Option<Action> {
    if app.notice.get().is_some() {
        return None; // that is what is there
    }
    let keys = keys(&app.keymap, app.mode, width).into_iter();
    let mut here = keys.filter(|(_, cells)| cells.contains(&x.into()));
    here.next().map(|(row, _)| row.key.action)
}

pub(super) fn draw(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    if let Some((text, is_alarm)) = app.notice.get() {
        let style = if is_alarm {
            theme.alarm_text
        } else {
            theme.title
        };
        return Line::styled(text, style).render(area, buffer);
    }
    let mut line = Line::default();
    for (row, _) in keys(&app.keymap, app.mode, area.width) {
        line.push_span(Span::styled(name(row), theme.key));
        let word = row.key.footer;
        line.push_span(format!(" {word:0$}", word.width() + GAP));
    }
    line.render(area, buffer);
}
