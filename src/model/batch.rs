//! What a collector hands to the store: batches of closed sessions, snapshots of the open ones, and the clock to read
//! their times with.

use rustc_hash::FxHashSet;

use crate::model::session::Session;

/// What the collector hands on at a time.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// What is open; `None`: not looked at this time. What ended is still in here if it ended after the look, so this
    /// goes before `closed`.
    pub open: Option<OpenSnapshot>,
    /// Sessions that ended since the batch before.
    pub closed: Vec<Session>,
    /// Sessions lost since the start: they ended when the ring buffer was full.
    pub missed: u64,
    /// When this batch was made, ns of CLOCK_MONOTONIC.
    pub taken_ns: u64,
    /// To turn the sessions' instants into wall-clock time.
    pub clock: Clock,
}

/// The sessions that are open.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpenSnapshot {
    /// Those that were not at the look before, or were otherwise.
    pub changed: Vec<Session>,
    /// Cookies of all others: of them only time has passed. Some may never have been told here, as a filter was in the way.
    pub unchanged: Vec<u64>,
}

impl OpenSnapshot {
    /// What this look is after that one, for who has seen neither.
    #[must_use]
    pub fn after(mut self, earlier: OpenSnapshot, now_ns: u64) -> OpenSnapshot {
        let unchanged: FxHashSet<u64> = self.unchanged.iter().copied().collect();
        let mut still = earlier.changed;
        still.retain(|session| unchanged.contains(&session.cookie));
        still.iter_mut().for_each(|s| s.wait_until(now_ns));
        let told: FxHashSet<u64> = still.iter().map(|s| s.cookie).collect();
        self.unchanged.retain(|cookie| !told.contains(cookie));
        self.changed.append(&mut still);
        self
    }
}

impl From<Vec<Session>> for OpenSnapshot {
    /// All of them are new.
    fn from(changed: Vec<Session>) -> Self {
        OpenSnapshot {
            changed,
            unchanged: Vec::new(),
        }
    }
}

/// What turns CLOCK_MONOTONIC into wall-clock time, as it was at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Nanoseconds since 1970 (UTC) at monotonic 0.
    pub epoch_ns: i128,
}

impl Clock {
    /// Reads both clocks.
    pub fn now() -> Self {
        use rustix::time::{ClockId, clock_gettime};
        let ns = |t: rustix::time::Timespec| {
            i128::from(t.tv_sec) * 1_000_000_000 + i128::from(t.tv_nsec)
        };
        Clock {
            epoch_ns: ns(clock_gettime(ClockId::Realtime)) - ns(clock_gettime(ClockId::Monotonic)),
        }
    }

    /// The wall-clock time of a monotonic instant.
    pub fn wall(&self, monotonic_ns: u64) -> jiff::Timestamp {
        jiff::Timestamp::from_nanosecond(self.epoch_ns + i128::from(monotonic_ns))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::closed_session as sample;

    const S: u64 = 1_000_000_000;

    #[test]
    fn two_looks_become_one() {
        let session = |cookie, tx_bytes, at_s: u64| Session {
            cookie,
            tx_bytes,
            end_ns: at_s * S,
            ..sample()
        };
        let earlier = OpenSnapshot {
            changed: vec![session(1, 10, 1), session(2, 20, 1), session(3, 30, 1)],
            unchanged: vec![4, 5],
        };
        // 1 and 4 change, 3 and 5 are gone, 6 is new
        let later = OpenSnapshot {
            changed: vec![session(1, 11, 2), session(4, 40, 2), session(6, 60, 2)],
            unchanged: vec![2],
        };
        let both = later.after(earlier, 2 * S);
        let told = |s: &Session| (s.cookie, s.tx_bytes, s.end_ns / S);
        let changed: Vec<_> = both.changed.iter().map(told).collect();
        assert_eq!(changed, [(1, 11, 2), (4, 40, 2), (6, 60, 2), (2, 20, 2)]);
        assert_eq!(both.unchanged, [0; 0]);
    }
}
