//! The failures screen: failed connections counted by reason, destination and program, and their recent rates.
//!
//! Owns their order and the selection. The counts are in `crate::model::failures`: without a filter those of all sessions since the
//! start, with one those of the kept ones and all since.

use std::cmp::Reverse;

use crate::filter::Filter;
use crate::model::count::Count;
use crate::model::failures::{Failed, Failure, RECENT_S, Tally};
use crate::model::store::{Change, SessionRef, Store, StoreEvent};
use crate::text::units::S;
use crate::ui::action::Motion;
use crate::ui::state::list::List;
use crate::ui::state::tally::Counted;
use crate::ui::state::view_filter::ViewFilter;

/// Heading of the column for recent failures per second.
pub const RATE: &str = "/s";
/// Heading of the column for the time since the last failure.
pub const LAST: &str = "LAST";

#[derive(Debug)]
pub struct FailureRow<'a> {
    /// `None`: all evicted kinds together.
    pub failure: Option<Failure>,
    pub tally: &'a Tally,
    /// Recent failures per second.
    pub rate: f64,
    pub selected: bool,
}

#[derive(Debug)]
pub struct Failures {
    pub counted: Counted<Failed>,
    pub list: List<Failure>,
    /// The kind that failed last is on top, instead of the one that fails most.
    pub latest_first: bool,
    now_ns: u64,
    /// All failures since this time are counted.
    since_ns: u64,
}

/// Failures of all sessions since the start, whether they are still kept or not: who asks at nine what failed at three wants
/// them all.
#[derive(Debug)]
pub struct HostFailures {
    counted: Counted<Failed>,
    everything: ViewFilter,
    /// Failures that the display does not show yet.
    passed: Option<Failed>,
}

impl HostFailures {
    /// Counts from now on: `store` is empty.
    pub fn new(store: &Store) -> Self {
        let everything = ViewFilter::new(Filter::default());
        HostFailures {
            counted: Counted::new(Failed::default, store, &everything),
            everything,
            passed: None,
        }
    }

    pub fn take(&mut self, event: &StoreEvent<'_>) {
        if let Some(passed) = self.passed.take() {
            self.counted.closed.merge(&passed);
        }
        self.counted.take(event, &self.everything);
    }

    /// Counts a session that is not kept, as it closed while the display was paused for long.
    pub fn pass(&mut self, change: &Change<'_>) {
        if let Some(session) = change.now.filter(|s| s.reason.is_failure()) {
            let passed = self.passed.get_or_insert_default();
            passed.add(session);
            passed.evict(session);
        }
    }

    /// The failures that the table selects, if these are all.
    fn of(&self, view_filter: &ViewFilter) -> Option<Counted<Failed>> {
        let is_all = view_filter.selects_all() && !view_filter.is_limited();
        is_all.then(|| self.counted.clone())
    }
}

impl Failures {
    pub fn new(store: &Store, view_filter: &ViewFilter, all: &HostFailures) -> Self {
        let of_all = all.of(view_filter);
        Failures {
            since_ns: of_all.as_ref().map_or_else(|| known_since(store), |_| 0),
            counted: of_all.unwrap_or_else(|| Counted::new(Failed::default, store, view_filter)),
            list: List::with_other(),
            latest_first: false,
            now_ns: 0,
        }
    }

    /// Counts again from the start, for a changed filter.
    pub fn restart(&mut self, store: &Store, view_filter: &ViewFilter, all: &HostFailures) {
        let Failures {
            counted, since_ns, ..
        } = Failures::new(store, view_filter, all);
        (self.counted, self.since_ns) = (counted, since_ns);
    }

    /// Sorts by the magnitude of recent failures, then by all failures, or by the last failure. The run began at `first_ns`.
    pub fn refresh(&mut self, first_ns: u64, now_ns: u64, height: usize) {
        (self.now_ns, self.since_ns) = (now_ns, self.since_ns.max(first_ns));
        let tallies = self.counted.closed.iter();
        let mut order: Vec<_> = tallies
            .filter(|(_, t)| t.recent(now_ns) > 0 || t.count > 0)
            .map(|(failure, t)| {
                let key = match self.latest_first {
                    true => (0, t.last_ns),
                    false => (magnitude(t.recent(now_ns)), t.count),
                };
                (Reverse(key), failure)
            })
            .collect();
        order.sort_unstable();
        self.list
            .set(order.into_iter().map(|(_, f)| f).collect(), height);
    }

    pub fn go(&mut self, motion: Motion, height: usize) {
        self.list.go(motion, height);
    }

    /// Heading of the column that the kinds are sorted by.
    pub fn sorted_by(&self) -> &'static str {
        match self.latest_first {
            true => LAST,
            false => RATE,
        }
    }

    /// The selected kind.
    pub fn selected(&self) -> Option<Failure> {
        self.list.selected()
    }

    /// Number of kinds, of failures in total, of those whose sessions are not kept any more, and of evicted kinds.
    pub fn counts(&self) -> (usize, u64, u64, u64) {
        let (rest, evicted) = self.counted.closed.other();
        let (mut all, mut kept) = (rest.count, rest.kept);
        for (_, tally) in self.counted.closed.iter() {
            all += tally.count;
            kept += tally.kept;
        }
        (self.list.len(), all, all.saturating_sub(kept), evicted)
    }

    /// True if none of the sessions of this kind is kept.
    pub fn is_gone(&self, failure: Failure) -> bool {
        let tally = self.counted.closed.get(failure);
        tally.is_none_or(|tally| tally.kept == 0)
    }

    /// Length of the recent period in seconds, shorter if the sessions of its beginning were not counted.
    pub fn seconds(&self) -> f64 {
        let known = self.now_ns.saturating_sub(self.since_ns) as f64 / S as f64;
        known.clamp(1.0, RECENT_S as f64)
    }

    /// Time since which failures are counted, ns of boot time, and its length.
    pub fn period_ns(&self) -> (u64, u64) {
        (self.since_ns, self.now_ns.saturating_sub(self.since_ns))
    }

    /// Time since the last failure of a kind, ns.
    pub fn ago_ns(&self, tally: &Tally) -> u64 {
        self.now_ns.saturating_sub(tally.last_ns)
    }

    /// Visible lines; the last one of all stands for evicted kinds.
    pub fn rows(&self) -> impl Iterator<Item = FailureRow<'_>> {
        let failed = &self.counted.closed;
        let rate = |tally: &Tally| f64::from(tally.recent(self.now_ns)) / self.seconds();
        let rows = self.list.shown().filter_map(move |(failure, selected)| {
            let tally = failed.get(failure)?;
            Some(FailureRow {
                failure: Some(failure),
                tally,
                rate: rate(tally),
                selected,
            })
        });
        let (rest, evicted) = failed.other();
        rows.chain((evicted > 0).then(|| FailureRow {
            failure: None,
            tally: rest,
            rate: rate(rest),
            selected: false,
        }))
    }
}

/// The magnitude of a number, in powers of four: lines whose rates differ by less keep their order, and can be read.
fn magnitude(n: u32) -> u32 {
    n.checked_ilog2().map_or(0, |log| 1 + log / 2)
}

/// Time since which every closed session is kept: the start, unless some were evicted.
fn known_since(store: &Store) -> u64 {
    match store.closed_numbers().start {
        0 => 0,
        oldest => store
            .get(SessionRef::Closed(oldest))
            .map_or(u64::MAX, |s| s.end_ns),
    }
}
