//! The keys of the dashboard: what each means where, what it is called, and which ones do it in this run.
//!
//! Responsible for which key means what where. Not for what then happens (`app`).

mod keymap;
mod places;
mod press;
mod table;

pub use keymap::{Bound, Keymap};
pub use places::{PLACES, Place};
pub use press::{Press, text};
pub use table::KEYS;

use super::app::Action;

/// Where keys are pressed: the same key may mean something else elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The session table has the keyboard.
    Table,
    /// A talker pane has it.
    Talkers,
    /// One session has the whole screen.
    Detail,
    /// Columns are being chosen.
    Columns,
    /// The distributions have it.
    Distributions,
    /// The failures have it.
    Failures,
    /// What is other since the mark has it.
    Marked,
    /// The help lies above it.
    Help,
    /// A filter is being typed: keys that are not in the table are text.
    Prompt,
    /// The name of a file is being typed: likewise.
    FileName,
    /// There is a file of that name.
    Replace,
    /// A file is being written.
    Writing,
}

/// One row of [`KEYS`].
#[derive(Debug, PartialEq)]
pub struct Key {
    /// Its name in the configuration; rows that share it have the same keys.
    pub name: &'static str,
    /// Where it is in force.
    pub modes: &'static [Mode],
    /// The keys that do it, unless the configuration names others.
    pub presses: &'static [Press],
    /// What it does.
    pub action: Action,
    /// That in words, for the help.
    pub help: &'static str,
    /// That in one or two words, for the footer; empty: not there.
    pub footer: &'static str,
}

impl Key {
    /// True if it is in force there.
    pub fn is_in(&self, mode: Mode) -> bool {
        self.modes.contains(&mode)
    }

    /// All of its keys, as the help shows them.
    pub fn names(&self) -> String {
        press::names(self.presses)
    }
}
