//! The screens that take the table's place: distributions, failures, what is other since the mark.
//!
//! Responsible for what their keys do, and for keeping what is on them up to date. What is not on the screen is not
//! counted.

use crate::model::store::{Store, StoreEvent};
use crate::ui::action::Mode;
use crate::ui::state::baseline::Comparison;
use crate::ui::state::distributions::Distributions;
use crate::ui::state::failures::Failures;
use crate::ui::state::view_filter::ViewFilter;

/// What is in the table's place.
#[derive(Debug)]
pub enum Screen {
    /// How durations, round-trip times, connect latencies and bytes are distributed.
    Distributions(Box<Distributions>),
    /// What fails.
    Failures(Box<Failures>),
    /// What is other since the mark.
    Baseline(Box<Comparison>),
}

impl Screen {
    /// The keys that are in force there.
    pub fn mode(&self) -> Mode {
        match self {
            Screen::Distributions(_) => Mode::Distributions,
            Screen::Failures(_) => Mode::Failures,
            Screen::Baseline(_) => Mode::Baseline,
        }
    }

    /// Takes what happened to a session.
    pub fn take(&mut self, event: &StoreEvent<'_>, view_filter: &ViewFilter) {
        match self {
            Screen::Distributions(shown) => shown.counted.take(event, view_filter),
            Screen::Failures(shown) => shown.counted.take(event, view_filter),
            Screen::Baseline(_) => {}
        }
    }

    /// The open sessions have other figures.
    pub fn recount_open(&mut self, store: &Store, view_filter: &ViewFilter) {
        match self {
            Screen::Distributions(shown) => shown.counted.recount_open(store, view_filter),
            Screen::Failures(_) | Screen::Baseline(_) => {}
        }
    }

    /// Other sessions are meant.
    pub fn restart(&mut self, store: &Store, view_filter: &ViewFilter) {
        match self {
            Screen::Distributions(shown) => shown.counted.restart(store, view_filter),
            Screen::Failures(shown) => shown.restart(store, view_filter),
            Screen::Baseline(_) => {}
        }
    }

    /// True while there are sessions to be counted.
    pub fn is_working(&self, store: &Store) -> bool {
        match self {
            Screen::Distributions(shown) => shown.counted.is_working(store),
            Screen::Failures(shown) => shown.counted.is_working(store),
            Screen::Baseline(_) => false,
        }
    }

    /// Counts some of them.
    pub fn work(&mut self, store: &Store, view_filter: &ViewFilter) {
        match self {
            Screen::Distributions(shown) => shown.counted.work(store, view_filter),
            Screen::Failures(shown) => shown.counted.work(store, view_filter),
            Screen::Baseline(_) => {}
        }
    }
}
