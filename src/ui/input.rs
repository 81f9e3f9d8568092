//! What comes from the terminal, whatever library reads it.

use crate::ui::keys::KeyPress;

/// What was typed, clicked or pasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key, and the character that it types, if it types one.
    Key(KeyPress, Option<char>),
    /// A text that was pasted.
    Paste(String),
    /// A press of the left button, or a turn of the wheel.
    Mouse(Mouse),
    /// The terminal has gone.
    Gone,
}

/// What the mouse did, and at which cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mouse {
    /// What it did.
    pub kind: MouseKind,
    /// Column of the cell, from 0.
    pub column: u16,
    /// Line of the cell, from 0.
    pub row: u16,
}

/// What the mouse did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MouseKind {
    /// The left button was pressed.
    Click,
    /// The wheel was turned away from the user.
    WheelUp,
    /// The wheel was turned towards the user.
    WheelDown,
}
