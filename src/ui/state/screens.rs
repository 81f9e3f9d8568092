//! Screens shown instead of the table: distributions, failures, comparison with the baseline.
//!
//! Only the screen that is shown counts sessions.

use crate::model::store::{Store, StoreEvent};
use crate::ui::action::Mode;
use crate::ui::state::baseline::Comparison;
use crate::ui::state::distributions::Distributions;
use crate::ui::state::failures::Failures;
use crate::ui::state::view_filter::ViewFilter;

/// A screen instead of the table.
#[derive(Debug)]
pub enum Screen {
    Distributions(Box<Distributions>),
    Failures(Box<Failures>),
    /// Comparison with the baseline.
    Baseline(Box<Comparison>),
}

impl Screen {
    pub fn mode(&self) -> Mode {
        match self {
            Screen::Distributions(_) => Mode::Distributions,
            Screen::Failures(_) => Mode::Failures,
            Screen::Baseline(_) => Mode::Baseline,
        }
    }

    pub fn take(&mut self, event: &StoreEvent<'_>, view_filter: &ViewFilter) {
        match self {
            Screen::Distributions(shown) => shown.counted.take(event, view_filter),
            Screen::Failures(shown) => shown.counted.take(event, view_filter),
            Screen::Baseline(_) => {}
        }
    }

    /// Counts the open sessions again.
    pub fn recount_open(&mut self, store: &Store, view_filter: &ViewFilter) {
        match self {
            Screen::Distributions(shown) => shown.counted.recount_open(store, view_filter),
            Screen::Failures(_) | Screen::Baseline(_) => {}
        }
    }

    /// Counts again from the start, for a changed filter.
    pub fn restart(&mut self, store: &Store, view_filter: &ViewFilter) {
        match self {
            Screen::Distributions(shown) => shown.counted.restart(store, view_filter),
            Screen::Failures(shown) => shown.restart(store, view_filter),
            Screen::Baseline(_) => {}
        }
    }

    /// True while sessions remain to be counted.
    pub fn is_working(&self, store: &Store) -> bool {
        match self {
            Screen::Distributions(shown) => shown.counted.is_working(store),
            Screen::Failures(shown) => shown.counted.is_working(store),
            Screen::Baseline(_) => false,
        }
    }

    /// Counts the next chunk.
    pub fn work(&mut self, store: &Store, view_filter: &ViewFilter) {
        match self {
            Screen::Distributions(shown) => shown.counted.work(store, view_filter),
            Screen::Failures(shown) => shown.counted.work(store, view_filter),
            Screen::Baseline(_) => {}
        }
    }
}
