//! Data that a collector hands to the store: batches of closed sessions, snapshots of the open ones, and the clock to
//! convert their times with.

use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashSet;

use crate::model::listener::Listener;
use crate::model::packet_drop::PacketDrops;
use crate::model::session::{Comm, Session, SessionId};

/// Maximum number of batches that wait for whoever takes them. At that point their source waits too: of the collector, the
/// ring buffer takes the load.
pub const WAITING_BATCHES: usize = 64;

/// Unit of data from the collector to the store.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Snapshot of the open sessions; `None`: none in this batch. A session that closed after the snapshot is still in
    /// it, so apply this before `closed`. Earlier batches have those that closed while it was taken: it does not contain
    /// them.
    pub open: Option<OpenSnapshot>,
    /// Sessions closed since the previous batch.
    pub closed: Vec<Session>,
    /// Listeners and dropped packets of the host; `None`: nothing new in this batch.
    pub host: Option<Arc<HostSnapshot>>,
    /// Sessions missed since the start.
    pub missed: Missed,
    /// Time at which this batch was made, or its snapshot was begun, ns of boot time.
    pub taken_ns: u64,
    /// Converts the sessions' instants to wall-clock time.
    pub clock: Clock,
    /// Events that a recording lacks before this batch.
    pub gaps: Vec<Gap>,
}

/// Events that were not recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gap {
    /// Number of closed sessions and of changes that are not in the recording; 0: it is not known.
    pub events: u64,
    /// Reason, as the kernel words it, or the time.
    pub reason: String,
}

/// Listeners and dropped packets of the host, at one moment. Counters count from the start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostSnapshot {
    /// When it was taken, ns of boot time.
    pub taken_ns: u64,
    /// All listening sockets.
    pub listeners: Vec<Listener>,
    /// True if this kernel does not tell them (before Linux 5.13): `listeners` is empty.
    pub lacks_listeners: bool,
    /// Dropped packets, most recent first; `None`: this kernel gives no reasons (before Linux 5.17), or it is switched off.
    pub drops: Option<Vec<PacketDrops>>,
    /// Dropped packets for which there was no room in `drops`.
    pub drops_not_kept: u64,
}

/// Sessions that were not reported, by cause. One session may be counted by several causes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missed {
    /// They closed while the ring buffer was full.
    pub ring_full: u64,
    /// Transitions for which the kernel did not run the programs, because they were already running on that processor:
    /// an upper bound of the sessions. `None`: the kernel does not say.
    pub not_run: Option<u64>,
    /// The kernel had no memory to keep their state. They are reported when they close, without an owner and an age.
    pub no_memory: u64,
    /// They were open at a snapshot and gone at the next, and no record of their close came. `None`: not known without
    /// snapshots, or if sessions can leave the capture filter. A collector sets 0, and the store counts.
    pub vanished: Option<u64>,
}

impl Missed {
    /// Names of the causes and their meanings, in the order of [`Missed::counts`].
    pub const CAUSES: [(&str, &str); 4] = [
        (
            "ring_full",
            "sessions that closed while the ring buffer was full: an exact number",
        ),
        (
            "not_run",
            "state changes for which the kernel did not run tcplife's programs, because they were already running on that processor: an upper bound of the sessions that are missing or incomplete",
        ),
        (
            "no_memory",
            "sessions for whose state the kernel had no memory: they are reported, without owner and age; a larger net.core.optmem_max helps",
        ),
        (
            "vanished",
            "sessions that were open at a snapshot and gone at the next, with no record of their close; lines take snapshots only with --snapshots and --findings",
        ),
    ];

    /// Returns the number for each of [`Missed::CAUSES`].
    pub fn counts(&self) -> [Option<u64>; 4] {
        let Missed {
            ring_full,
            not_run,
            no_memory,
            vanished,
        } = *self;
        [Some(ring_full), not_run, Some(no_memory), vanished]
    }

    /// Returns the number of sessions that were missed for certain. A session that found the ring full after a
    /// snapshot has also vanished, so these are not added; transitions are no sessions, and a session without memory
    /// is reported all the same.
    pub fn certain(&self) -> u64 {
        self.ring_full.max(self.vanished.unwrap_or(0))
    }
}

/// The processes that have a descriptor of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// See [`Session::cookie`].
    pub cookie: u64,
    /// Process ids and names, each process once, in the order of their ids.
    pub processes: Vec<(u32, Comm)>,
    /// Inode number of the owner's network namespace, whether the owner holds the session or not.
    pub owner_netns: Option<u32>,
}

/// The open sessions, as the difference to the previous snapshot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpenSnapshot {
    /// Sessions that are new or have changed. For all others that are not gone, only time has passed.
    pub changed: Vec<Session>,
    /// Cookies of sessions that earlier snapshots contained, and that are gone without a record of their close. Some may
    /// be unknown here, because a capture filter kept them back.
    pub gone: Vec<u64>,
    /// True if `changed` has every open session: all others are gone.
    pub is_whole: bool,
    /// The interval between snapshots, if it is longer than requested because of what they cost.
    pub stretched: Option<Duration>,
}

impl OpenSnapshot {
    /// Merges this snapshot onto an earlier one that was not applied yet. `closed`: sessions that have closed since the
    /// earlier one.
    #[must_use]
    pub fn after(
        mut self,
        earlier: OpenSnapshot,
        closed: &FxHashSet<SessionId>,
        now_ns: u64,
    ) -> OpenSnapshot {
        if self.is_whole {
            return self;
        }
        let changed: FxHashSet<u64> = self.changed.iter().map(|s| s.cookie).collect();
        let gone: FxHashSet<u64> = self.gone.iter().copied().collect();
        let mut still = earlier.changed;
        still.retain(|s| {
            let is_newer = changed.contains(&s.cookie) || gone.contains(&s.cookie);
            !is_newer && !closed.contains(&s.id())
        });
        still.iter_mut().for_each(|s| s.advance_idle_to(now_ns));
        self.changed.append(&mut still);
        let gone = earlier.gone.into_iter().filter(|c| !changed.contains(c));
        self.gone.extend(gone);
        self.is_whole = earlier.is_whole;
        self
    }
}

impl OpenSnapshot {
    /// Drops the sessions that are not selected: those that were selected before are gone.
    pub fn keep_only(&mut self, is_selected: impl Fn(&Session) -> bool) {
        let others = self.changed.extract_if(.., |s| !is_selected(s));
        self.gone.extend(others.map(|s| s.cookie));
    }
}

impl From<Vec<Session>> for OpenSnapshot {
    /// Takes these as all open sessions.
    fn from(changed: Vec<Session>) -> Self {
        OpenSnapshot {
            changed,
            is_whole: true,
            ..OpenSnapshot::default()
        }
    }
}

/// Converts boot time to wall-clock time.
///
/// The difference between the two is constant until somebody sets the wall clock. The last steps are kept, so that all
/// sessions of one moment have the same time of day, whenever they are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Wall-clock time at boot time 0, ns since 1970 (UTC), from the given instant on; the newest first. The oldest is
    /// also that of all earlier instants.
    steps: [(u64, i128); Clock::STEPS],
    /// See [`Clock::of_kernel`].
    ahead_ns: i64,
}

impl Clock {
    /// Maximum number of steps kept: the wall clock is rarely set.
    const STEPS: usize = 4;
    /// Differences up to this are taken for inaccuracy of the readings.
    const SAME_NS: u128 = 1_000_000;

    /// Creates a clock that has always been as it is: with this wall-clock time at boot time 0.
    pub fn fixed(epoch_ns: i128) -> Self {
        Clock {
            steps: [(0, epoch_ns); Clock::STEPS],
            ahead_ns: 0,
        }
    }

    /// Creates a clock with these steps, the newest first, as [`Clock::steps`] returns them. Without any it is not set.
    pub fn of_steps(steps: &[(u64, i128)]) -> Self {
        let oldest = steps.last().copied().unwrap_or_default();
        let step = |i| steps.get(i).copied().unwrap_or(oldest);
        Clock {
            steps: std::array::from_fn(step),
            ahead_ns: 0,
        }
    }

    /// The steps that differ, the newest first: boot time from which on each holds, ns, and wall-clock time at boot time 0,
    /// ns since 1970.
    pub fn steps(&self) -> &[(u64, i128)] {
        let mut steps = &self.steps[..];
        while let [first @ .., before, last] = steps
            && before == last
        {
            steps = &steps[..first.len() + 1];
        }
        steps
    }

    /// Sets how far the sessions' boot time is ahead of that of this process, ns: not 0 in a time namespace.
    #[must_use]
    pub fn ahead(self, ahead_ns: i64) -> Self {
        Clock { ahead_ns, ..self }
    }

    /// Converts CLOCK_BOOTTIME of this process to the boot time that sessions have.
    pub fn of_kernel(&self, boot_ns: u64) -> u64 {
        boot_ns.saturating_add_signed(self.ahead_ns)
    }

    /// Takes a reading of both clocks at one moment.
    pub fn set(&mut self, now_ns: u64, wall_ns: i128) {
        let epoch_ns = wall_ns - i128::from(now_ns);
        if self.steps == Clock::default().steps {
            *self = Clock::fixed(epoch_ns).ahead(self.ahead_ns);
        } else if self.steps[0].1.abs_diff(epoch_ns) > Clock::SAME_NS {
            self.steps.rotate_right(1);
            self.steps[0] = (now_ns, epoch_ns);
        }
    }

    /// Converts an instant to wall-clock time.
    pub fn wall(&self, boot_ns: u64) -> jiff::Timestamp {
        let step = self.steps.iter().find(|(from_ns, _)| *from_ns <= boot_ns);
        let (_, epoch_ns) = step.unwrap_or(&self.steps[Clock::STEPS - 1]);
        jiff::Timestamp::from_nanosecond(epoch_ns + i128::from(boot_ns)).unwrap_or_default()
    }

    /// The latest time that the wall clock has shown up to an instant: that before it was set back, if that is later.
    pub fn latest(&self, boot_ns: u64) -> jiff::Timestamp {
        let sets = self.steps().iter().map(|(from_ns, _)| *from_ns);
        let before = sets
            .filter(|ns| *ns <= boot_ns)
            .map(|ns| ns.saturating_sub(1));
        let all = before.chain([boot_ns]).map(|ns| self.wall(ns));
        all.max().unwrap_or_default()
    }

    /// Boot times at which the wall clock had this time, the latest first: several if it was set back, and none if it was set forward
    /// past it.
    pub fn all_boots(&self, wall: jiff::Timestamp) -> Vec<u64> {
        let mut until_ns = u64::MAX;
        let mut found = Vec::new();
        let oldest = self.steps().len() - 1;
        for (nth, (from_ns, epoch_ns)) in self.steps().iter().enumerate() {
            // the oldest is also that of all earlier instants
            let from_ns = if nth == oldest { 0 } else { *from_ns };
            let boot_ns = u64::try_from(wall.as_nanosecond() - epoch_ns).ok();
            found.extend(boot_ns.filter(|ns| (from_ns..until_ns).contains(ns)));
            until_ns = from_ns;
        }
        found
    }

    /// Converts wall-clock time to the latest boot time that had it, or to that at which the clock was set forward past it. `None`: it
    /// is before boot, or too late.
    pub fn boot(&self, wall: jiff::Timestamp) -> Option<u64> {
        let mut until_ns = u64::MAX;
        for (from_ns, epoch_ns) in &self.steps {
            let boot_ns = u64::try_from(wall.as_nanosecond() - epoch_ns).ok();
            if let Some(boot_ns) = boot_ns.filter(|ns| ns >= from_ns) {
                return Some(boot_ns.min(until_ns));
            }
            until_ns = *from_ns;
        }
        let (_, oldest_ns) = self.steps[Clock::STEPS - 1];
        u64::try_from(wall.as_nanosecond() - oldest_ns).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::closed_session as sample;
    use crate::text::units::S;

    #[test]
    fn snapshot_merged_onto_an_earlier_one_keeps_both_changes() {
        let session = |cookie, tx_bytes, at_s: u64| Session {
            cookie,
            tx_bytes,
            end_ns: at_s * S,
            ..sample()
        };
        let earlier = OpenSnapshot {
            changed: (1..=3).chain([9]).map(|c| session(c, 10 * c, 1)).collect(),
            gone: vec![7, 8],
            ..OpenSnapshot::default()
        };
        // 1 and 4 change, 3 and 5 are gone, 6 is new, 8 is back, 9 has closed
        let later = OpenSnapshot {
            changed: [(1, 11), (4, 40), (6, 60), (8, 80)]
                .map(|(cookie, tx_bytes)| session(cookie, tx_bytes, 2))
                .to_vec(),
            gone: vec![3, 5],
            ..OpenSnapshot::default()
        };
        let closed = FxHashSet::from_iter([session(9, 0, 0).id()]);
        let both = later.after(earlier.clone(), &closed, 2 * S);
        let told = |s: &Session| (s.cookie, s.tx_bytes, s.end_ns / S);
        let changed: Vec<_> = both.changed.iter().map(told).collect();
        let expected = [(1, 11, 2), (4, 40, 2), (6, 60, 2), (8, 80, 2), (2, 20, 2)];
        assert_eq!(changed, expected);
        assert_eq!((both.gone, both.is_whole), (vec![3, 5, 7], false));

        let whole = OpenSnapshot::from(vec![session(6, 60, 2)]);
        let both = whole.clone().after(earlier.clone(), &closed, 2 * S);
        assert_eq!(both, whole, "all others are gone");
        let later = OpenSnapshot {
            gone: vec![6],
            ..earlier.clone()
        };
        let both = later.after(whole, &closed, 2 * S);
        assert_eq!((both.changed, both.is_whole), (earlier.changed, true));
    }

    #[test]
    fn clock_step_does_not_change_times_before_it() {
        let mut clock = Clock::default();
        clock.set(10 * S, 1_000_000 * i128::from(S));
        let early = clock.wall(9 * S);
        assert_eq!(early.as_second(), 999_999);
        // the wall clock is set an hour ahead, then back by a day
        clock.set(20 * S, 1_003_610 * i128::from(S));
        clock.set(30 * S, 917_220 * i128::from(S));
        assert_eq!(clock.wall(9 * S), early);
        assert_eq!(clock.wall(25 * S).as_second(), 1_003_615);
        assert_eq!(clock.wall(31 * S).as_second(), 917_221);
        assert_eq!(clock.boot(clock.wall(31 * S + 1)), Some(31 * S + 1));
        // the clock has this time again later
        let twice = clock.boot(early).expect("a boot time");
        assert!(twice > 30 * S);
        assert_eq!(clock.wall(twice), early);
        assert_eq!(clock.all_boots(early), [twice, 9 * S]);
        // the clock was set forward past this time
        let never = clock.wall(20 * S) - jiff::SignedDuration::from_secs(60);
        let mut forward = Clock::default();
        forward.set(10 * S, 1_000_000 * i128::from(S));
        forward.set(20 * S, 1_003_610 * i128::from(S));
        assert_eq!(forward.boot(never), Some(20 * S));
        assert!(forward.all_boots(never).is_empty());
        assert_eq!(forward.all_boots(early), [9 * S]);
    }

    #[test]
    fn clock_readings_that_differ_by_their_inaccuracy_are_no_step() {
        let mut clock = Clock::fixed(7 * i128::from(S));
        clock.set(20 * S, 27 * i128::from(S) + 900_000);
        assert_eq!(clock, Clock::fixed(7 * i128::from(S)));
    }

    #[test]
    fn missed_sessions_of_two_causes_are_not_added() {
        let missed = Missed {
            ring_full: 5,
            not_run: Some(9),
            no_memory: 3,
            vanished: Some(7),
        };
        assert_eq!(missed.certain(), 7);
        assert_eq!(
            Missed {
                vanished: None,
                ..missed
            }
            .certain(),
            5
        );
    }
}
