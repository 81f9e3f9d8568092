//! Pages that were turned a moment ago: the opposite key leads back to where one was, although the lines have moved since.

use crate::ui::action::Motion;

/// Maximum number of pages to turn back.
const MOST: usize = 64;

/// A position in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TablePosition {
    /// The first visible line.
    pub top: usize,
    pub selected: usize,
    /// The first line is selected, whichever session that is.
    pub is_first: bool,
}

#[derive(Debug, Default)]
pub struct TurnedPages {
    /// Each page, and the position before it, the last one last.
    turned: Vec<(Motion, TablePosition)>,
    /// Time of the last one, ns.
    last_ns: u64,
}

impl TurnedPages {
    /// The position to which a motion leads back, if it undoes the last page. Pages are forgotten at any other motion, and after
    /// so long: then the lines beside the present ones are wanted.
    pub fn turned_back(
        &mut self,
        motion: Motion,
        now_ns: u64,
        known_ns: u64,
    ) -> Option<TablePosition> {
        let opposite = opposite(motion);
        if opposite.is_none() || now_ns.saturating_sub(self.last_ns) > known_ns {
            self.turned.clear();
        }
        self.last_ns = now_ns;
        let last = self.turned.pop_if(|(turned, _)| Some(*turned) == opposite);
        last.map(|(_, before)| before)
    }

    /// Remembers the position before a page.
    pub fn remember(&mut self, motion: Motion, before: TablePosition) {
        if opposite(motion).is_some() {
            let over = (self.turned.len() + 1).saturating_sub(MOST);
            self.turned.drain(..over);
            self.turned.push((motion, before));
        }
    }
}

/// The motion that undoes a page; `None`: it is no page.
fn opposite(motion: Motion) -> Option<Motion> {
    match motion {
        Motion::PageUp => Some(Motion::PageDown),
        Motion::PageDown => Some(Motion::PageUp),
        Motion::HalfUp => Some(Motion::HalfDown),
        Motion::HalfDown => Some(Motion::HalfUp),
        Motion::Up | Motion::Down | Motion::Top | Motion::Bottom => None,
    }
}
