//! The footer: the keys that fit, and the cells of each.

use std::ops::Range;

use unicode_width::UnicodeWidthStr;

use crate::ui::action::{Action, Mode};
use crate::ui::keys::{Bound, HELPED, Keymap};
use crate::ui::layout::tabs::Tab;

/// The state of the screen that the footer depends on.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    pub mode: Mode,
    /// The tabs that are shown, with keys of their own.
    pub tabs: &'a [Tab],
    /// There is a previous filter, or choice of columns.
    pub undoable: bool,
    /// A filter, a family, or open or closed sessions only are chosen.
    pub filtered: bool,
    /// There is a screen to go back to.
    pub returns: bool,
    /// The sessions are those of a line of that screen.
    pub of_a_line: bool,
    /// The past is shown, and going back leads to now.
    pub past: bool,
    /// There is a search in the help.
    pub searched: bool,
}

/// A key of the footer.
pub struct FooterKey<'a> {
    pub row: &'a Bound,
    /// Name of the key, or of two.
    pub name: String,
    pub word: &'static str,
    pub cells: Range<usize>,
}

impl Around<'_> {
    /// True if the footer shows the key.
    fn shows(self, row: &Bound) -> bool {
        let action = row.key.action;
        // it closes the help, which no tab says, and where a line is typed the keys of the tabs are text
        let is_another = self.mode == Mode::Help || HELPED.contains(&self.mode);
        let is_another = is_another && action == Action::Help;
        let mut tabs = self.tabs.iter();
        let is_on_tab = !is_another && tabs.any(|t| t.title.action == Some(action));
        !row.key.footer.is_empty()
            && (self.undoable || !matches!(action, Action::Widen | Action::UndoColumns))
            && (self.filtered || self.returns || self.past || action != Action::ClearFilter)
            && (self.searched || !matches!(action, Action::Hit(_)))
            && !self.goes_back(row)
            && !is_on_tab
    }

    /// True if the key that quits goes back.
    fn goes_back(self, row: &Bound) -> bool {
        let is_letter = row.presses.first().is_some_and(|p| p.is_text());
        self.of_a_line && is_letter && row.key.action == Action::Quit
    }

    /// The word beside the key.
    fn word(self, row: &Bound) -> &'static str {
        match row.key.action {
            Action::ClearFilter if self.returns => "back",
            Action::ClearFilter if self.past => "now",
            _ => row.key.footer,
        }
    }
}

pub fn keys<'a>(keymap: &'a Keymap, around: Around<'_>, width: u16) -> Vec<FooterKey<'a>> {
    let modes = [around.mode];
    let mut all: Vec<&Bound> = keymap.rows(&modes).filter(|r| around.shows(r)).collect();
    if around.tabs.is_empty()
        && let Some(at) = all
            .iter()
            .position(|r| r.key.action == Action::StepScreen(1))
    {
        // nothing else says that there are other screens
        let screens = all.remove(at);
        all.insert(1.min(all.len()), screens);
    }
    let mut x = 0;
    let mut placed = Vec::new();
    for row in all {
        let (name, word) = (name(keymap, row, around), around.word(row));
        let cells = x..x + name.width() + 1 + word.width();
        if cells.end > width.into() {
            break;
        }
        x = cells.end + GAP;
        placed.push(FooterKey {
            row,
            name,
            word,
            cells,
        });
    }
    placed
}

/// Cells between two keys.
pub const GAP: usize = 2;

/// The first key of a row, and the one that quits among the sessions if it means something else here.
fn name(keymap: &Keymap, row: &Bound, around: Around<'_>) -> String {
    let first = row.presses.first().map(|p| p.name()).unwrap_or_default();
    let quit = keymap.of(Mode::Table, Action::Quit);
    let mut others = row.presses.iter().skip(1).map(|p| p.name());
    let mut all = keymap.rows(&[Mode::Table]);
    let is_back = match row.key.action {
        Action::ClearFilter => all.any(|row| around.goes_back(row)),
        Action::Quit => false,
        _ => others.any(|name| name == quit),
    };
    match is_back {
        true => format!("{first}/{quit}"),
        false => first,
    }
}
