//! The keys of the dashboard: what each means where, what it is called, and which ones do it in this run.
//!
//! Responsible for which key means what where. Not for what then happens (`app`).

use crate::ui::action::{Action, Mode};

pub mod key_press;
mod keymap;
pub mod sections;
mod table;

pub use key_press::{KeyCode, KeyPress};
pub use keymap::{Bound, Keymap};
pub use sections::HELP_SECTIONS;
pub use table::KEYS;

/// One row of [`KEYS`].
#[derive(Debug, PartialEq)]
pub struct KeyBinding {
    /// Its name in the configuration; rows that share it have the same keys.
    pub name: &'static str,
    /// Where it is in force.
    pub modes: &'static [Mode],
    /// The keys that do it, unless the configuration names others.
    pub presses: &'static [KeyPress],
    /// What it does.
    pub action: Action,
    /// That in words, for the help.
    pub help: &'static str,
    /// That in one or two words, for the footer; empty: not there.
    pub footer: &'static str,
}

impl KeyBinding {
    /// True if it is in force there.
    pub fn is_in(&self, mode: Mode) -> bool {
        self.modes.contains(&mode)
    }

    /// All of its keys, as the help shows them.
    #[cfg(any(test, feature = "testing"))]
    pub fn names(&self) -> String {
        key_press::names(self.presses)
    }
}
