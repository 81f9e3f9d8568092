//! Events of the terminal, independent of the library that reads them.

use crate::text::color::Rgb;
use crate::ui::keys::KeyPress;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key, and the character that it types, if any.
    Key(KeyPress, Option<char>),
    /// Pasted text.
    Paste(String),
    /// A button or the wheel of the mouse.
    Mouse(Mouse),
    /// The terminal's background, which it was asked for.
    Background(Rgb),
    /// The terminal has answered all that it was asked, as far as it can.
    Answered,
    /// The terminal has gone.
    Gone,
}

/// A mouse event at a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mouse {
    pub kind: MouseKind,
    /// Column of the cell, from 0.
    pub column: u16,
    /// Line of the cell, from 0.
    pub row: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MouseKind {
    /// The left button was pressed.
    Click,
    /// It was pressed for the second time at a cell, soon after the first one.
    DoubleClick,
    /// The left button was released.
    Release,
    /// The middle button was pressed.
    Middle,
    /// The right button was pressed.
    Right,
    /// The wheel was turned away from the user.
    WheelUp,
    /// The wheel was turned towards the user.
    WheelDown,
}
