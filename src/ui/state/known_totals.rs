//! Sums over all sessions as they were shown at each snapshot, so that a moment of the past shows them too: what is unpacked for
//! it may be a part of the sessions that had closed by then.

use std::collections::VecDeque;

use crate::model::store::Store;

/// Maximum number of snapshots with known sums: 18 hours of one per second, in three megabytes.
const MOST: usize = 1 << 16;

/// Sums at a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    /// Closed sessions, with a local connection counted once, and at each of its ends.
    by_connection: u64,
    by_end: u64,
    /// Sessions that were certainly missed.
    missed: u64,
}

impl Sums {
    fn of(store: &Store) -> Self {
        let [by_connection, by_end] = [true, false].map(|by| store.host_figures(by).closed);
        Sums {
            by_connection,
            by_end,
            missed: store.totals().missed.certain(),
        }
    }
}

/// A sum, and true if it is a lower bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownSum {
    pub sum: u64,
    pub is_lower_bound: bool,
}

/// The sums at the last snapshots.
#[derive(Debug, Default)]
pub struct KnownTotals {
    /// By the time of the snapshot, ns of boot time.
    known: VecDeque<(u64, Sums)>,
}

impl KnownTotals {
    /// Takes the sums at a snapshot.
    pub fn end_snapshot(&mut self, store: &Store, now_ns: u64) {
        if self.known.len() >= MOST {
            self.known.pop_front();
        }
        self.known.push_back((now_ns, Sums::of(store)));
    }

    /// The sums at a moment: closed sessions and missed ones. `built` was unpacked for it, and is `whole` if it begins at the start.
    pub fn at(
        &self,
        at_ns: u64,
        (built, is_whole): (&Store, bool),
        by_connection: bool,
    ) -> [KnownSum; 2] {
        let after = self.known.partition_point(|(ns, _)| *ns <= at_ns);
        let before = after.checked_sub(1).and_then(|i| self.known.get(i));
        let is_lower_bound = !is_whole && before.is_none_or(|(ns, _)| *ns != at_ns);
        let known = before.map_or_else(Sums::default, |(_, sums)| *sums);
        let built = Sums::of(built);
        let closed = |sums: &Sums| match by_connection {
            true => sums.by_connection,
            false => sums.by_end,
        };
        let sum = |sum: &dyn Fn(&Sums) -> u64| KnownSum {
            sum: sum(&known).max(sum(&built)),
            is_lower_bound,
        };
        [sum(&closed), sum(&|sums| sums.missed)]
    }
}
