//! Keys of the dashboard: their meaning in each mode, their names, and the bindings of this run.
//!
//! The actions themselves are in `app`.

use crate::ui::action::{Action, Mode};

mod foreign;
pub mod key_press;
mod keymap;
pub mod sections;
mod table;
pub mod titles;

pub use foreign::explained;
pub use key_press::{KeyCode, KeyPress};
pub use keymap::{Bound, Keymap};
pub use sections::HELP_SECTIONS;
pub use table::{HELPED, KEYS, current_name};

/// One row of [`KEYS`].
#[derive(Debug, PartialEq)]
pub struct KeyBinding {
    /// Its name in the configuration; rows with the same name share their keys.
    pub name: &'static str,
    /// Modes in which it is active.
    pub modes: &'static [Mode],
    /// Default keys.
    pub presses: &'static [KeyPress],
    pub action: Action,
    /// Description for the help.
    pub help: &'static str,
    /// One or two words for the footer; empty: not shown there.
    pub footer: &'static str,
}

impl KeyBinding {
    /// True if it is active in this mode.
    pub fn is_in(&self, mode: Mode) -> bool {
        self.modes.contains(&mode)
    }

    /// All of its keys, as the help shows them.
    pub fn names(&self) -> String {
        key_press::names(self.presses)
    }
}
