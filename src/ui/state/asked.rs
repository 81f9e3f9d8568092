//! A line that is typed to answer one question: a command, a time, or a condition.

use std::ops::Range;

use crate::ui::action::Mode;
use crate::ui::state::line::Line;

/// The answer that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// A command, as in vim and less.
    Command,
    /// A time to go to.
    Time,
    /// A condition on which the black box freezes.
    FreezeOn,
}

/// An answer being typed.
#[derive(Debug)]
pub struct AskedLine {
    pub asks: Asks,
    pub line: Line,
    /// Examples of what may be typed. They are those of the moment at which the line was opened, so that they do not change while
    /// they are read. Empty: there are none.
    pub examples: String,
    /// An error in the text, and its position.
    pub wrong: Option<(Range<usize>, String)>,
}

impl AskedLine {
    pub fn new(asks: Asks, text: String, examples: String) -> Self {
        AskedLine {
            asks,
            line: Line::new(text),
            examples,
            wrong: None,
        }
    }

    /// Active keys while it is typed.
    pub fn mode(&self) -> Mode {
        match self.asks {
            Asks::Command => Mode::Command,
            Asks::Time | Asks::FreezeOn => Mode::PastPrompt,
        }
    }
}
