//! Data that a collector hands to the store: batches of closed sessions, snapshots of the open ones, and the clock to
//! convert their times with.

use rustc_hash::FxHashSet;

use crate::model::session::Session;

/// Unit of data from the collector to the store.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Snapshot of the open sessions; `None`: none in this batch. A session that closed after the snapshot is still in
    /// it, so apply this before `closed`.
    pub open: Option<OpenSnapshot>,
    /// Sessions closed since the previous batch.
    pub closed: Vec<Session>,
    /// Sessions missed since the start: they closed while the ring buffer was full.
    pub missed: u64,
    /// Time at which this batch was made, ns of CLOCK_MONOTONIC.
    pub taken_ns: u64,
    /// Converts the sessions' instants to wall-clock time.
    pub clock: Clock,
}

/// The open sessions, as the difference to the previous snapshot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpenSnapshot {
    /// Sessions that are new or have changed.
    pub changed: Vec<Session>,
    /// Cookies of all others: only time has passed for them. Some may be unknown here, because a capture filter kept
    /// them back.
    pub unchanged: Vec<u64>,
}

impl OpenSnapshot {
    /// Merges this snapshot onto an earlier one that was not applied yet.
    #[must_use]
    pub fn after(mut self, earlier: OpenSnapshot, now_ns: u64) -> OpenSnapshot {
        let unchanged: FxHashSet<u64> = self.unchanged.iter().copied().collect();
        let mut still = earlier.changed;
        still.retain(|session| unchanged.contains(&session.cookie));
        still.iter_mut().for_each(|s| s.advance_idle_to(now_ns));
        let told: FxHashSet<u64> = still.iter().map(|s| s.cookie).collect();
        self.unchanged.retain(|cookie| !told.contains(cookie));
        self.changed.append(&mut still);
        self
    }
}

impl From<Vec<Session>> for OpenSnapshot {
    /// Takes all sessions as new.
    fn from(changed: Vec<Session>) -> Self {
        OpenSnapshot {
            changed,
            unchanged: Vec::new(),
        }
    }
}

/// Offset that converts CLOCK_MONOTONIC to wall-clock time, measured at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Nanoseconds since 1970 (UTC) at monotonic 0.
    pub epoch_ns: i128,
}

impl Clock {
    pub fn now() -> Self {
        use rustix::time::{ClockId, clock_gettime};
        let ns = |t: rustix::time::Timespec| {
            i128::from(t.tv_sec) * 1_000_000_000 + i128::from(t.tv_nsec)
        };
        Clock {
            epoch_ns: ns(clock_gettime(ClockId::Realtime)) - ns(clock_gettime(ClockId::Monotonic)),
        }
    }

    /// Converts a monotonic instant to wall-clock time.
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
    fn snapshot_merged_onto_an_earlier_one_keeps_both_changes() {
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
