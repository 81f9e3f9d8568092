//! The footer: the keys that fit, and the cells of each.

use std::ops::Range;

use unicode_width::UnicodeWidthStr;

use crate::ui::action::{Action, Mode};
use crate::ui::keys::{Bound, Keymap};

/// The keys of a mode that fit, each with its cells; `has_effect` leaves out those that would do nothing now.
pub fn keys(
    keymap: &Keymap,
    mode: Mode,
    width: u16,
    has_effect: impl Fn(Action) -> bool,
) -> Vec<(&Bound, Range<usize>)> {
    let modes = [mode];
    let is_shown = |r: &&Bound| !r.key.footer.is_empty() && has_effect(r.key.action);
    let all = keymap.rows(&modes).filter(is_shown);
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
pub const GAP: usize = 2;

pub fn name(row: &Bound) -> String {
    row.presses.first().map(|p| p.name()).unwrap_or_default()
}
