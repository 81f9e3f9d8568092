//! Sums on both sides of a baseline, and significance tests for times.

use crate::model::aggregate::bounded_map::Sums;
use crate::model::session::{Age, Session};

/// Minimum number of sessions on each side for comparing a time.
pub const ENOUGH: u64 = 10;
/// Minimum increase of a time, as a factor; [`LONGER_US`] is the one in µs.
pub const LONGER: f64 = 1.5;
pub const LONGER_US: f64 = 50.0;
/// Standard errors that a difference must have, so that one in a thousand is chance.
pub const SIGNIFICANT_SIGMAS: f64 = 3.0;

/// Statistics of the logarithms of times: ten times as long weighs as much as a tenth.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeStats {
    count: f64,
    sum: f64,
    squares: f64,
}

impl TimeStats {
    pub fn add(&mut self, us: u64) {
        let log = (us.max(1) as f64).ln();
        self.count += 1.0;
        self.sum += log;
        self.squares += log * log;
    }

    pub fn merge(&mut self, other: &TimeStats) {
        self.count += other.count;
        self.sum += other.sum;
        self.squares += other.squares;
    }

    pub fn mean(&self) -> f64 {
        self.sum / self.count
    }

    /// Geometric mean, µs.
    pub fn typical(&self) -> Option<f64> {
        (self.count > 0.0).then(|| self.mean().exp())
    }

    /// Squared standard error of the mean.
    pub fn error(&self) -> f64 {
        let variance = (self.squares - self.sum * self.mean()) / (self.count - 1.0).max(1.0);
        variance.max(0.0) / self.count.max(1.0)
    }

    /// True if these times are significantly and noticeably longer (Welch's test on the logarithms).
    pub fn are_longer_than(&self, before: &TimeStats) -> bool {
        let enough = ENOUGH as f64;
        let (Some(now), Some(then)) = (self.typical(), before.typical()) else {
            return false;
        };
        let difference = self.mean() - before.mean();
        self.count >= enough
            && before.count >= enough
            && now >= then * LONGER
            && now - then >= LONGER_US
            && difference >= SIGNIFICANT_SIGMAS * (self.error() + before.error()).sqrt()
    }
}

/// Sums on one side of the baseline.
#[derive(Clone, Copy, Debug, Default)]
pub struct SideSums {
    pub opened: u64,
    pub failed: u64,
    /// Sessions with retransmits.
    pub lossy: u64,
    /// All counted sessions.
    pub seen: u64,
    pub rtt: TimeStats,
    pub connect: TimeStats,
    pub duration: TimeStats,
}

impl SideSums {
    pub fn merge(&mut self, other: &SideSums) {
        self.opened += other.opened;
        self.failed += other.failed;
        self.lossy += other.lossy;
        self.seen += other.seen;
        self.rtt.merge(&other.rtt);
        self.connect.merge(&other.connect);
        self.duration.merge(&other.duration);
    }

    /// Counts a session: its connect time if `connects`, and a loss on this side if `lossy`.
    pub fn see(&mut self, session: &Session, connects: bool, lossy: bool) {
        self.seen += 1;
        self.lossy += u64::from(lossy);
        if session.srtt_us != 0 {
            self.rtt.add(session.srtt_us.into());
        }
        if let Some(us) = session.connect_us().filter(|_| connects) {
            self.connect.add(us);
        }
        let lasted = session.established_ns != 0 && session.age == Age::Exact;
        if !session.is_open() && lasted {
            self.duration.add(session.duration_ns() / 1000);
        }
    }
}

/// Sums of one key on both sides.
#[derive(Clone, Debug, Default)]
pub struct BaselineEntry {
    /// True if it was there before the baseline.
    pub known: bool,
    /// Sessions that were open at the baseline and had been for a while.
    pub long_open: u64,
    /// Total bytes at the baseline, and bytes per second before it.
    pub bytes: u64,
    pub byte_rate: f64,
    pub before: SideSums,
    /// Sums of what has closed since.
    pub ended: SideSums,
}

impl Sums for BaselineEntry {
    fn weight(&self) -> (bool, u64) {
        let sessions = self.before.seen + self.ended.seen;
        (self.long_open > 0, self.bytes + 1000 * sessions)
    }

    fn add(&mut self, other: &BaselineEntry) {
        self.known |= other.known;
        self.long_open += other.long_open;
        self.bytes += other.bytes;
        self.byte_rate += other.byte_rate;
        self.before.merge(&other.before);
        self.ended.merge(&other.ended);
    }
}
