//! The lines of a list, between its headings and what is said below it: how many there are, and which one is where.

use ratatui::layout::Rect;

/// What is left to the lines of a list.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    /// Lines of the area above them, with the headings.
    pub above: u16,
    /// And below.
    pub below: u16,
}

impl Lines {
    /// How many there are.
    pub fn count(self, area: Rect) -> usize {
        area.height.saturating_sub(self.above + self.below).into()
    }

    /// Which of them is at a line of the screen, the first one is 0; there may be nothing on it.
    pub fn at(self, area: Rect, row: u16) -> Option<usize> {
        let line = row.checked_sub(area.y + self.above)?.into();
        (line < self.count(area)).then_some(line)
    }
}

/// The sessions: below the headings.
pub const TABLE: Lines = Lines { above: 1, below: 0 };
/// The talkers of a pane: below the headings.
pub const PANE: Lines = Lines { above: 1, below: 0 };
/// The kinds of failures: between the headings and the sums.
pub const FAILURES: Lines = Lines { above: 1, below: 1 };
/// The differences from the baseline: below the sums.
pub const BASELINE: Lines = Lines { above: 4, below: 1 };
