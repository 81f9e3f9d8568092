//! The footer: the keys that fit, and the cells of each.

use std::ops::Range;

use unicode_width::UnicodeWidthStr;

use crate::ui::action::{Action, Mode};
use crate::ui::keys::titles::tabs;
use crate::ui::keys::{Bound, Keymap};

/// The state of the screen that the footer depends on.
#[derive(Clone, Copy, Debug)]
pub struct Around {
    pub mode: Mode,
    /// The tabs, which have keys of their own, are shown.
    pub tabbed: bool,
    /// There is a previous filter.
    pub undoable: bool,
    /// There is a filter.
    pub filtered: bool,
    /// There is a search in the help.
    pub searched: bool,
}

impl Around {
    /// True if the footer shows the key.
    fn shows(self, row: &Bound) -> bool {
        let action = row.key.action;
        // it closes the help, which no tab says
        let closes = self.mode == Mode::Help && action == Action::Help;
        let on_tab = || !closes && tabs().any(|t| t.action == Some(action));
        !row.key.footer.is_empty()
            && (self.undoable || action != Action::Widen)
            && (self.filtered || action != Action::ClearFilter)
            && (self.searched || !matches!(action, Action::Hit(_)))
            && !(self.tabbed && on_tab())
    }
}

pub fn keys(keymap: &Keymap, around: Around, width: u16) -> Vec<(&Bound, Range<usize>)> {
    let modes = [around.mode];
    let all = keymap.rows(&modes).filter(|r| around.shows(r));
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
