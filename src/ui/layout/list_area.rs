//! Lines of a list between its headings and the text below it: their number, and which one is at a screen line.

use ratatui::layout::Rect;

/// The vertical space of a list's lines.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    /// Lines above them in the area, including headings.
    pub above: u16,
    /// Lines below them.
    pub below: u16,
}

impl Lines {
    /// Number of lines in an area.
    pub fn count(self, area: Rect) -> usize {
        area.height.saturating_sub(self.above + self.below).into()
    }

    /// Index of the line at a screen line, from 0; it may be empty.
    pub fn at(self, area: Rect, row: u16) -> Option<usize> {
        let line = row.checked_sub(area.y + self.above)?.into();
        (line < self.count(area)).then_some(line)
    }
}

/// Sessions: below the headings.
pub const TABLE: Lines = Lines { above: 1, below: 0 };
/// Talkers in a pane: below the headings.
pub const PANE: Lines = Lines { above: 1, below: 0 };
/// Kinds of failures: between headings and sums.
pub const FAILURES: Lines = Lines { above: 1, below: 1 };
/// Differences from the baseline: below the sums, and above the texts about the selected one, if there is room, and about all.
pub fn baseline(area: Rect) -> Lines {
    const ABOVE: u16 = 4;
    const REMARK: u16 = 2;
    let room = area.height.saturating_sub(ABOVE + 1) / 4;
    Lines {
        above: ABOVE,
        below: 1 + room.min(REMARK),
    }
}

/// Things of the host: between headings, and the texts about the selected one, of so many lines if there is room, and about
/// all.
pub fn lines(remark: u16, area: Rect) -> Lines {
    let room = area.height.saturating_sub(2) / 2;
    Lines {
        above: 1,
        below: 1 + remark.min(room.max(1)),
    }
}
