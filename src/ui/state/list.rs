//! Selection and scroll position of a list whose order changes while it is read.

use crate::ui::action::{Motion, moved};

/// Lines that one wheel step scrolls.
pub const WHEEL_LINES: usize = 3;

/// Lines, identified by keys.
#[derive(Debug)]
pub struct List<K> {
    order: Vec<K>,
    /// The selected key, wherever it moves; `None`: the first line, whichever that is.
    chosen: Option<K>,
    /// The key that was chosen before its line was gone, until another one is.
    lost: Option<K>,
    selected: usize,
    top: usize,
    /// Additional lines below the last one.
    below: usize,
}

impl<K> Default for List<K> {
    fn default() -> Self {
        List {
            order: Vec::new(),
            chosen: None,
            lost: None,
            selected: 0,
            top: 0,
            below: 0,
        }
    }
}

impl<K: Copy + PartialEq> List<K> {
    /// A list with one additional line below the last one.
    pub fn with_other() -> Self {
        List {
            below: 1,
            ..List::default()
        }
    }

    /// All keys, in order.
    pub fn order(&self) -> &[K] {
        &self.order
    }

    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn selected(&self) -> Option<K> {
        self.order.get(self.selected).copied()
    }

    /// Index of the selected line.
    pub fn position(&self) -> usize {
        self.selected
    }

    /// Numbers of lines above the visible ones and below them, at a height of this many lines.
    pub fn hidden(&self, height: usize) -> (usize, usize) {
        let below = self.order.len().saturating_sub(self.top + height);
        (self.top, below)
    }

    /// Visible lines, each with true if it is selected.
    pub fn shown(&self) -> impl Iterator<Item = (K, bool)> {
        let lines = self.order.iter().enumerate().skip(self.top);
        lines.map(|(i, key)| (*key, i == self.selected))
    }

    /// Sets a new order. The selection follows its line; while the line is gone, its position stays selected.
    pub fn set(&mut self, order: Vec<K>, height: usize) {
        self.order = order;
        if let Some(lost) = self.lost.filter(|key| self.order.contains(key)) {
            (self.chosen, self.lost) = (Some(lost), None);
        }
        let last = self.order.len().saturating_sub(1);
        self.selected = match self.chosen {
            None => 0,
            Some(key) => match self.order.iter().position(|k| *k == key) {
                Some(line) => line,
                None => {
                    let line = self.selected.min(last);
                    self.lost = self.lost.or(Some(key));
                    self.chosen = self.order.get(line).copied();
                    line
                }
            },
        };
        self.scroll(height);
    }

    /// Returns to the first line.
    pub fn reset(&mut self) {
        (self.chosen, self.lost) = (None, None);
    }

    /// Scrolls for a height of this many lines.
    pub fn scroll(&mut self, height: usize) {
        let height = height.max(1);
        let last_top = (self.order.len() + self.below).saturating_sub(height);
        self.top = self
            .top
            .min(self.selected)
            .max((self.selected + 1).saturating_sub(height))
            .min(last_top);
        if self.selected + 1 == self.order.len() {
            self.top = last_top.min(self.selected);
        }
    }

    /// Selects the line at this offset from the first visible one. True if it was selected already.
    pub fn click(&mut self, line: usize) -> bool {
        let line = self.top + line;
        let key = self.order.get(line).copied();
        let again = key.is_some() && self.chosen == key;
        if key.is_some() {
            (self.selected, self.chosen, self.lost) = (line, key, None);
        }
        again
    }

    /// Scrolls; the selection stays visible.
    pub fn wheel(&mut self, height: usize, down: bool) {
        let rows = self.order.len() + self.below;
        let (top, selected) = wheeled(self.top, self.selected, rows, height, down);
        if selected != self.selected {
            self.selected = selected.min(self.order.len().saturating_sub(1));
            (self.chosen, self.lost) = (self.selected(), None);
        }
        self.top = top;
        self.scroll(height);
    }

    pub fn go(&mut self, motion: Motion, height: usize) {
        let last = self.order.len().saturating_sub(1);
        let rows = self.order.len() + self.below;
        (self.top, self.selected) = gone(self.top, self.selected, motion, rows, height);
        self.selected = self.selected.min(last);
        self.lost = None;
        self.chosen = match motion {
            Motion::Top => None,
            _ => self.selected(),
        };
        self.scroll(height);
    }
}

/// First visible line and selected line after a motion: a page turns the lines under the cursor, which keeps its line of the
/// screen, and at the first and the last page moves it there. The caller keeps the selection among the lines.
pub fn gone(
    top: usize,
    selected: usize,
    motion: Motion,
    rows: usize,
    height: usize,
) -> (usize, usize) {
    let is_page = matches!(
        motion,
        Motion::PageUp | Motion::PageDown | Motion::HalfUp | Motion::HalfDown
    );
    let top = match is_page {
        true => moved(top, motion, height).min(rows.saturating_sub(height.max(1))),
        false => top,
    };
    (top, moved(selected, motion, height))
}

/// First visible line and selected line after a wheel step; the selection stays visible.
pub fn wheeled(
    top: usize,
    selected: usize,
    rows: usize,
    height: usize,
    down: bool,
) -> (usize, usize) {
    let last_top = rows.saturating_sub(height.max(1));
    let top = match down {
        true => (top + WHEEL_LINES).min(last_top),
        false => top.saturating_sub(WHEEL_LINES),
    };
    (top, selected.clamp(top, top + height.max(1) - 1))
}
