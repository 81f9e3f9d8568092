//! The screens that take the table's place: distributions, failures, what is other since the mark.
//!
//! Responsible for what their keys do, and for keeping what is on them up to date. What is not on the screen is not
//! counted.

use crate::model::store::{Event, Store};
use crate::ui::action::Mode;
use crate::ui::state::baseline::Comparison;
use crate::ui::state::distributions::Distributions;
use crate::ui::state::failures::Failures;
use crate::ui::state::view_filter::Choice;

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

    /// Takes what happened to a session.
    pub fn take(&mut self, event: &Event<'_>, choice: &Choice) {
        match self {
            Screen::Distributions(shown) => shown.counted.take(event, choice),
            Screen::Failures(shown) => shown.counted.take(event, choice),
            Screen::Marked(_) => {}
        }
    }

    /// The open sessions have other figures.
    pub fn look(&mut self, store: &Store, choice: &Choice) {
        match self {
            Screen::Distributions(shown) => shown.counted.look(store, choice),
            Screen::Failures(_) | Screen::Marked(_) => {}
        }
    }

    /// Other sessions are meant.
    pub fn restart(&mut self, store: &Store, choice: &Choice) {
        match self {
            Screen::Distributions(shown) => shown.counted.restart(store, choice),
            Screen::Failures(shown) => shown.restart(store, choice),
            Screen::Marked(_) => {}
        }
    }

    /// True while there are sessions to be counted.
    pub fn is_working(&self, store: &Store) -> bool {
        match self {
            Screen::Distributions(shown) => shown.counted.is_working(store),
            Screen::Failures(shown) => shown.counted.is_working(store),
            Screen::Marked(_) => false,
        }
    }

    /// Counts some of them.
    pub fn work(&mut self, store: &Store, choice: &Choice) {
        match self {
            Screen::Distributions(shown) => shown.counted.work(store, choice),
            Screen::Failures(shown) => shown.counted.work(store, choice),
            Screen::Marked(_) => {}
        }
    }
}
