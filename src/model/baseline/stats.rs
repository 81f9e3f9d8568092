//! Sums on both sides of a baseline, and comparisons of times.

use crate::model::aggregate::bounded_map::Sums;
use crate::model::baseline::chance::student_tail;
use crate::model::session::{Age, Session};

/// Minimum number of sessions on each side for comparing a time.
pub const ENOUGH: u64 = 10;
/// Minimum increase of a time, as a factor; [`LONGER_US`] is the one in µs.
pub const LONGER: f64 = 1.5;
pub const LONGER_US: f64 = 50.0;

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

    /// True if these times are noticeably longer.
    pub fn are_longer_than(&self, before: &TimeStats) -> bool {
        let (Some(now), Some(then)) = (self.typical(), before.typical()) else {
            return false;
        };
        now >= then * LONGER && now - then >= LONGER_US
    }

    /// Probability that times of the same kind differ so much by chance (Welch's test on the logarithms); `None`: too
    /// few to tell.
    pub fn chance_of_longer_than(&self, before: &TimeStats) -> Option<f64> {
        let enough = ENOUGH as f64;
        if self.count < enough || before.count < enough {
            return None;
        }
        let (now, then) = (self.error(), before.error());
        let difference = self.mean() - before.mean();
        if now + then <= 0.0 {
            return Some(if difference > 0.0 { 0.0 } else { 1.0 });
        }
        let freedom = (now + then).powi(2)
            / (now.powi(2) / (self.count - 1.0) + then.powi(2) / (before.count - 1.0));
        Some(student_tail(difference / (now + then).sqrt(), freedom))
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
    /// When the key had open sessions before the baseline.
    pub activity: Activity,
    /// Time since the baseline at which a session was last seen to end, ns.
    pub ended_ns: u64,
}

/// Periods of [`PERIOD_NS`] before the baseline with a session open, the latest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Activity(u64);

/// Length of a period of [`Activity`], ns: all of them are more than [`TIMES_S`](super::TIMES_S).
const PERIOD_NS: u64 = 10_000_000_000;

/// Minimum number of periods of a burst that is taken for steady traffic.
const STEADY: u64 = 3;

impl Activity {
    /// Adds a session that was open from `from_ns` to `to_ns` before the baseline.
    pub fn add(&mut self, from_ns: u64, to_ns: u64) {
        let [first, last] = [to_ns, from_ns].map(|ns| (ns / PERIOD_NS).min(63));
        (first..=last).for_each(|period| self.0 |= 1 << period);
    }

    /// Returns the longest pause in the time known before the baseline, ns. If there was a single burst, nobody knows
    /// how long the pauses are: as long as the burst if that lasted until the baseline, else all of that time.
    pub fn longest_pause_ns(self, known_ns: u64) -> u64 {
        let periods = known_ns.div_ceil(PERIOD_NS).clamp(1, 64);
        let is_active = |period: &u64| self.0 >> period & 1 == 1;
        let (mut longest, mut pause, mut bursts) = (0, 0, 0);
        for period in 0..periods {
            if is_active(&period) {
                bursts += u64::from(pause > 0 || period == 0);
                pause = 0;
            } else {
                pause += 1;
                longest = longest.max(pause);
            }
        }
        let steady = (0..periods).take_while(is_active).count() as u64;
        match (longest, bursts) {
            (0, _) => 0,
            (_, 2..) => longest * PERIOD_NS,
            _ if steady >= STEADY => steady * PERIOD_NS,
            _ => known_ns,
        }
    }
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
        self.activity.0 |= other.activity.0;
        self.ended_ns = self.ended_ns.max(other.ended_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activity_longest_pause_is_known_only_after_two_bursts() {
        const S: u64 = 1_000_000_000;
        let pause = |open: &[(u64, u64)], known_s: u64| {
            let mut activity = Activity::default();
            open.iter()
                .for_each(|(from, to)| activity.add(from * S, to * S));
            activity.longest_pause_ns(known_s * S) / S
        };
        assert_eq!(pause(&[(40, 0)], 40), 0, "all the time");
        assert_eq!(pause(&[(3600, 0)], 600), 0);
        assert_eq!(pause(&[(125, 121), (65, 61), (5, 1)], 130), 50);
        assert_eq!(pause(&[(65, 61), (25, 21)], 70), 30);
        assert_eq!(
            pause(&[(35, 31)], 600),
            600,
            "it may have been the only one"
        );
        assert_eq!(pause(&[(35, 0)], 600), 40, "steady since it began");
        assert_eq!(pause(&[], 300), 300);
    }
}
