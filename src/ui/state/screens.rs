//! The screens that take the table's place: distributions, failures, what is other since the mark.
//!
//! Responsible for what their keys do, and for keeping what is on them up to date. What is not on the screen is not
//! counted.

use crate::ui::action::Mode;
use crate::ui::state::baseline::Comparison;
use crate::ui::state::distributions::Distributions;
use crate::ui::state::failures::Failures;

/// What is in the table's place.
#[derive(Debug)]
pub enum Screen {
    /// How durations, round-trip times, connect latencies and bytes are distributed.
    Distributions(Box<Distributions>),
    /// What fails.
    Failures(Box<Failures>),
    /// What is other since the mark.
    Marked(Box<Comparison>),
}

impl Screen {
    /// The keys that are in force there.
    pub fn mode(&self) -> Mode {
        match self {
            Screen::Distributions(_) => Mode::Distributions,
            Screen::Failures(_) => Mode::Failures,
            Screen::Marked(_) => Mode::Marked,
        }
    }
}
