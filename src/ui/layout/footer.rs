//! The footer: the keys that fit, and the cells of each.

use std::ops::Range;

use unicode_width::UnicodeWidthStr;

use crate::ui::action::{Action, Mode};
use crate::ui::keys::{Bound, Keymap};
use crate::ui::layout::tabs::Tab;

/// The state of the screen that the footer depends on.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    pub mode: Mode,
    /// The tabs that are shown, with keys of their own.
    pub tabs: &'a [Tab],
    /// There is a previous filter.
    pub undoable: bool,
    /// A filter, a family, or open or closed sessions only are chosen.
    pub filtered: bool,
    /// There is a screen to go back to.
    pub returns: bool,
    /// There is a search in the help.
    pub searched: bool,
}

/// A key of the footer.
pub struct FooterKey<'a> {
    pub row: &'a Bound,
    pub word: &'static str,
    pub cells: Range<usize>,
}

impl Around<'_> {
    /// True if the footer shows the key.
    fn shows(self, row: &Bound) -> bool {
        let action = row.key.action;
        // it closes the help, which no tab says
        let closes = self.mode == Mode::Help && action == Action::Help;
        let mut tabs = self.tabs.iter();
        let is_on_tab = !closes && tabs.any(|t| t.title.action == Some(action));
        !row.key.footer.is_empty()
            && (self.undoable || action != Action::Widen)
            && (self.filtered || self.returns || action != Action::ClearFilter)
            && (self.searched || !matches!(action, Action::Hit(_)))
            && !is_on_tab
    }

    /// The word beside the key.
    fn word(self, row: &Bound) -> &'static str {
        match row.key.action {
            Action::ClearFilter if self.returns => "back",
            _ => row.key.footer,
        }
    }
}

pub fn keys<'a>(keymap: &'a Keymap, around: Around<'_>, width: u16) -> Vec<FooterKey<'a>> {
    let modes = [around.mode];
    let all = keymap.rows(&modes).filter(|r| around.shows(r));
    let mut x = 0;
    let mut placed = Vec::new();
    for row in all {
        let word = around.word(row);
        let cells = x..x + name(row).width() + 1 + word.width();
        if cells.end > width.into() {
            break;
        }
        x = cells.end + GAP;
        placed.push(FooterKey { row, word, cells });
    }
    placed
}

/// Cells between two keys.
pub const GAP: usize = 2;

pub fn name(row: &Bound) -> String {
    row.presses.first().map(|p| p.name()).unwrap_or_default()
}
