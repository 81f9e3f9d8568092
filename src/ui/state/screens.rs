//! Screens shown instead of the table: distributions, failures, comparison with the baseline, things of the host.
//!
//! Only the screen that is shown counts sessions.

use crate::model::store::{Store, StoreEvent};
use crate::ui::action::Mode;
use crate::ui::state::baseline::Comparison;
use crate::ui::state::distributions::Distributions;
use crate::ui::state::failures::{Failures, HostFailures};
use crate::ui::state::table_screen::TableScreen;
use crate::ui::state::view_filter::ViewFilter;

/// A screen instead of the table.
#[derive(Debug)]
pub enum Screen {
    Distributions(Box<Distributions>),
    Failures(Box<Failures>),
    /// Comparison with the baseline.
    Baseline(Box<Comparison>),
    /// Lines for things of the host: listeners.
    Table(Box<dyn TableScreen>),
}

impl Screen {
    pub fn mode(&self) -> Mode {
        match self {
            Screen::Distributions(_) => Mode::Distributions,
            Screen::Failures(_) => Mode::Failures,
            Screen::Baseline(_) => Mode::Baseline,
            Screen::Table(shown) => shown.mode(),
        }
    }

    /// Word of the field by which sessions of the selected line are sorted, the largest first; `None`: as they were.
    pub fn sorts_by(&self) -> Option<&'static str> {
        match self {
            // the last one first: sessions that failed have no rate to sort by
            Screen::Failures(_) => Some("ended"),
            Screen::Table(shown) => shown.sorts_by(),
            Screen::Distributions(_) | Screen::Baseline(_) => None,
        }
    }

    pub fn take(&mut self, event: &StoreEvent<'_>, view_filter: &ViewFilter) {
        match self {
            Screen::Distributions(shown) => shown.counted.take(event, view_filter),
            Screen::Failures(shown) => shown.counted.take(event, view_filter),
            Screen::Baseline(_) | Screen::Table(_) => {}
        }
    }

    /// Counts the open sessions again.
    pub fn recount_open(&mut self, store: &Store, view_filter: &ViewFilter) {
        match self {
            Screen::Distributions(shown) => shown.counted.recount_open(store, view_filter),
            Screen::Failures(_) | Screen::Baseline(_) | Screen::Table(_) => {}
        }
    }

    /// Counts again from the start, for a changed filter.
    pub fn restart(&mut self, store: &Store, view_filter: &ViewFilter, failed: &HostFailures) {
        match self {
            Screen::Distributions(shown) => shown.counted.restart(store, view_filter),
            Screen::Failures(shown) => shown.restart(store, view_filter, failed),
            Screen::Baseline(_) | Screen::Table(_) => {}
        }
    }

    /// True while sessions remain to be counted.
    pub fn is_working(&self, store: &Store) -> bool {
        match self {
            Screen::Distributions(shown) => shown.counted.is_working(store),
            Screen::Failures(shown) => shown.counted.is_working(store),
            Screen::Baseline(shown) => shown.is_working(),
            Screen::Table(_) => false,
        }
    }

    /// Counts the next chunk.
    pub fn work(&mut self, store: &Store, view_filter: &ViewFilter) {
        match self {
            Screen::Distributions(shown) => shown.counted.work(store, view_filter),
            Screen::Failures(shown) => shown.counted.work(store, view_filter),
            Screen::Baseline(_) | Screen::Table(_) => {}
        }
    }
}
