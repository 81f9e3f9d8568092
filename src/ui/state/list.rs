//! A list that is sorted anew while somebody reads it.
//!
//! Responsible for which line is selected and which are shown. Not for the order.

use crate::ui::action::{Motion, moved};

/// Lines that the wheel scrolls at a time.
pub const WHEEL_LINES: usize = 3;

/// The lines of a list, by what tells them apart.
#[derive(Debug)]
pub struct List<K> {
    order: Vec<K>,
    /// The selected one, wherever it goes; `None`: the first, whichever that is.
    chosen: Option<K>,
    selected: usize,
    top: usize,
    /// Lines below the last one that have their place, too.
    below: usize,
}

impl<K> Default for List<K> {
    fn default() -> Self {
        List {
            order: Vec::new(),
            chosen: None,
            selected: 0,
            top: 0,
            below: 0,
        }
    }
}

impl<K: Copy + PartialEq> List<K> {
    /// With a line below the last one.
    pub fn with_other() -> Self {
        List {
            below: 1,
            ..List::default()
        }
    }

    /// How many lines it has.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// The selected one.
    pub fn selected(&self) -> Option<K> {
        self.order.get(self.selected).copied()
    }

    /// Which line that is, from 0.
    pub fn position(&self) -> usize {
        self.selected
    }

    /// Those from the first that is shown on, and whether each is the selected one.
    pub fn shown(&self) -> impl Iterator<Item = (K, bool)> {
        let lines = self.order.iter().enumerate().skip(self.top);
        lines.map(|(i, key)| (*key, i == self.selected))
    }

    /// Another order. The selection follows its line; if that is not there any more, its place stays selected.
    pub fn set(&mut self, order: Vec<K>, height: usize) {
        self.order = order;
        let last = self.order.len().saturating_sub(1);
        self.selected = match self.chosen {
            None => 0,
            Some(key) => match self.order.iter().position(|k| *k == key) {
                Some(line) => line,
                None => {
                    let line = self.selected.min(last);
                    self.chosen = self.order.get(line).copied();
                    line
                }
            },
        };
        self.scroll(height);
    }

    /// Back to the first line.
    pub fn reset(&mut self) {
        self.chosen = None;
    }

    /// There is room for that many lines.
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

    /// Selects what is on a line, the first shown is 0. True if it was chosen already.
    pub fn click(&mut self, line: usize) -> bool {
        let line = self.top + line;
        let key = self.order.get(line).copied();
        let again = key.is_some() && self.chosen == key;
        if key.is_some() {
            (self.selected, self.chosen) = (line, key);
        }
        again
    }

    /// Scrolls; the selection stays in sight.
    pub fn wheel(&mut self, height: usize, down: bool) {
        let rows = self.order.len() + self.below;
        let (top, selected) = wheeled(self.top, self.selected, rows, height, down);
        if selected != self.selected {
            self.selected = selected.min(self.order.len().saturating_sub(1));
            self.chosen = self.selected();
        }
        self.top = top;
        self.scroll(height);
    }

    /// Moves the selection.
    pub fn go(&mut self, motion: Motion, height: usize) {
        let last = self.order.len().saturating_sub(1);
        self.selected = moved(self.selected, motion, height).min(last);
        self.chosen = match motion {
            Motion::Top => None,
            _ => self.selected(),
        };
        self.scroll(height);
    }
}

/// The first line that is shown and the selected one after a turn of the wheel: the selection stays in sight.
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
