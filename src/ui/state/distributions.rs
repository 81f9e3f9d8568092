//! The distributions screen: histograms of duration, round-trip time, connect latency, bytes and response times of the
//! sessions in the table. The chart of the host above them is in `host_history`.
//!
//! Owns the selection. The measures are in `crate::model::measures`, scales and percentiles in `crate::model::histogram`.

use crate::model::histogram::{Bucket, Histogram};
use crate::model::measures::Spread;
use crate::model::store::Store;
use crate::ui::action::{Motion, moved};
use crate::ui::layout::distributions::HOST;
use crate::ui::state::tally::Counted;
use crate::ui::state::view_filter::ViewFilter;

#[derive(Debug)]
pub struct Distributions {
    pub counted: Counted<Spread>,
    /// The histogram that has the keyboard, or [`HOST`].
    pub selected: usize,
    /// A value in the selected bucket of each: the buckets depend on the screen's width. `None`: the fullest bucket.
    chosen: [Option<u64>; HOST],
}

impl Distributions {
    pub fn new(store: &Store, view_filter: &ViewFilter) -> Self {
        Distributions {
            counted: Counted::new(Spread::default, store, view_filter),
            selected: 0,
            chosen: [None; HOST],
        }
    }

    /// The histogram of open and closed sessions together.
    pub fn histogram(&self, which: usize) -> Histogram {
        let mut histogram = self.counted.closed.histogram(which).clone();
        histogram.merge(self.counted.open.histogram(which));
        histogram
    }

    /// Index of the selected bucket.
    pub fn bucket(&self, which: usize, buckets: &[Bucket]) -> usize {
        match self.chosen[which] {
            Some(value) => {
                let above = buckets.partition_point(|b| b.from <= value);
                above.saturating_sub(1)
            }
            None => {
                let fullest = (0..buckets.len()).rev().max_by_key(|i| buckets[*i].count);
                fullest.unwrap_or(0)
            }
        }
    }

    /// Moves the keyboard focus to another chart.
    pub fn turn(&mut self, by: isize) {
        let many = HOST as isize + 1;
        self.selected = (self.selected as isize + by).rem_euclid(many) as usize;
    }

    /// Moves the selection within the buckets.
    pub fn go(&mut self, motion: Motion, buckets: &[Bucket]) {
        /// Buckets in a page.
        const PAGE: usize = 3;
        let to = moved(self.bucket(self.selected, buckets), motion, PAGE);
        let to = to.min(buckets.len().saturating_sub(1));
        self.chosen[self.selected] = buckets.get(to).map(|b| b.from);
    }
}
