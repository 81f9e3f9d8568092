//! Takes the snapshots of the open sessions: a part at a time, so that the collector sees to everything else in between,
//! and so rarely that they take no more than their share of a processor.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use libbpf_rs::Link;

use crate::collector::kernel::delta::{Cells, DeltaTracker};
use crate::collector::kernel::features::Walk;
use crate::collector::kernel::iterators::PartialWalk;
use crate::collector::kernel::process_names::ProcessNames;
use crate::collector::kernel::shared::SharedState;
use crate::host::thread;
use crate::model::batch::OpenSnapshot;
use crate::model::session::{Session, SessionId};

/// While a snapshot is taken, its thread rests for this many times as long as it reads.
const REST: u32 = 3;
/// The interval between snapshots is this many times the CPU time of one, so that they take a fortieth of a processor, as
/// long as figures get no older than [`NOT_OLDER`].
const SHARE: u32 = 40;
/// Age of the figures from which on snapshots take a greater share instead of coming even less often.
const NOT_OLDER: Duration = Duration::from_secs(5);
/// The interval is at least this many times the CPU time: a twelfth of a processor is the greatest share.
const GREATEST_SHARE: u32 = 12;

/// How much of a snapshot is read at once.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotPart {
    /// Objects of the kernel that are visited in one system call: sockets, or open files.
    pub objects: u32,
    /// Time after which no more of them are visited.
    pub time: Duration,
}

impl SnapshotPart {
    /// A part that suits a kernel and a number of sessions.
    fn of(walk: Walk, sessions: usize) -> Self {
        let objects = match walk {
            // The kernel finds its place again by counting from the start of a list, and has no more lists than processors.
            // So the parts must not become many.
            Walk::Map => (sessions / 4).clamp(1 << 16, 1 << 18) as u32,
            Walk::Files => 1 << 10,
        };
        SnapshotPart {
            objects,
            time: Duration::from_millis(2),
        }
    }
}

/// Takes snapshots.
pub(super) struct Snapshots<'a> {
    variables: &'a SharedState<'a>,
    /// One after the other they report all open sessions.
    links: &'a [Link],
    walk: Walk,
    /// `None`: what suits the walk.
    part: Option<SnapshotPart>,
    deltas: DeltaTracker,
    /// The one that is being taken.
    reading: Option<Reading>,
    /// When the last one was begun; `None`: the next one is due at once.
    begun_at: Option<Instant>,
    /// The next one includes every session in full.
    is_whole_next: bool,
    pacing: Pacing,
}

/// A snapshot that is being taken.
struct Reading {
    is_whole: bool,
    cell_factor: u64,
    /// Boot time when it was begun, ns.
    begun_ns: u64,
    /// Number of links whose iterators have been begun, and the current one.
    begun: usize,
    walk: Option<PartialWalk>,
    is_read: bool,
    /// Its iterators are to be read in one go, as far as the ring buffer has room.
    is_in_one: bool,
    /// None of them was interrupted so far.
    is_unbroken: bool,
    /// Records taken from the ring buffer.
    taken: u32,
    /// CPU time so far.
    cost: Duration,
    next_at: Instant,
}

impl<'a> Snapshots<'a> {
    pub(super) fn new(
        variables: &'a SharedState<'a>,
        links: &'a [Link],
        walk: Walk,
        part: Option<SnapshotPart>,
    ) -> Self {
        Snapshots {
            variables,
            links,
            walk,
            part,
            deltas: DeltaTracker::default(),
            reading: None,
            begun_at: None,
            // all are new
            is_whole_next: true,
            pacing: Pacing::default(),
        }
    }

    /// The sessions of the snapshots.
    pub(super) fn deltas(&self) -> &DeltaTracker {
        &self.deltas
    }

    /// True while a snapshot is being taken.
    pub(super) fn is_reading(&self) -> bool {
        self.reading.is_some()
    }

    /// Takes note of a closed session: see [`DeltaTracker::close`].
    pub(super) fn close(&mut self, id: SessionId, seen: u8) {
        self.deltas.close(id, seen);
    }

    /// The next snapshot includes every session in full. One that is being taken goes on.
    pub(super) fn request_whole(&mut self) {
        self.is_whole_next = true;
    }

    /// Begins again, at once, with a snapshot that includes every session in full.
    pub(super) fn restart(&mut self) {
        self.reading = None;
        self.begun_at = None;
        self.is_whole_next = true;
    }

    /// Returns the time until something is to be done for a snapshot, if one is to be taken every `interval`.
    pub(super) fn until_next(&self, interval: Duration) -> Duration {
        let now = Instant::now();
        if let Some(reading) = &self.reading {
            return reading.next_at.saturating_duration_since(now);
        }
        let every = self.pacing.stretched(interval).unwrap_or(interval);
        let passed = self.begun_at.map_or(every, |at| now.duration_since(at));
        every.saturating_sub(passed)
    }

    /// Visits the next part of a snapshot, and begins one if none is being taken. The records of changed sessions are in the
    /// ring buffer then.
    pub(super) fn read(&mut self, now_ns: u64) -> anyhow::Result<()> {
        let began = Instant::now();
        let cpu = thread::cpu_time();
        let mut reading = match self.reading.take() {
            Some(reading) => reading,
            None => self.begin(now_ns, began),
        };
        let suitable = || SnapshotPart::of(self.walk, self.deltas.known_count());
        let part = self.part.unwrap_or_else(suitable);
        while !reading.is_read {
            let objects = if reading.is_in_one {
                u32::MAX
            } else {
                part.objects
            };
            self.variables.set_part(objects);
            reading.is_read = !self.read_once(&mut reading)?;
            if began.elapsed() >= part.time || self.variables.has_part_left() {
                break;
            }
        }
        reading.cost += thread::cpu_time().saturating_sub(cpu);
        // the first one, and one with all sessions, are waited for
        let rest = if reading.is_whole { 0 } else { REST };
        reading.next_at = Instant::now() + began.elapsed() * rest;
        self.reading = Some(reading);
        Ok(())
    }

    /// Takes an open session, as its record in the ring buffer has it.
    pub(super) fn take(&mut self, session: Session, names: &ProcessNames) {
        if let Some(reading) = &mut self.reading {
            reading.taken += 1;
            self.deltas.take(session, names);
        }
    }

    /// Adds CPU time that it took to drain the ring buffer while a snapshot is taken.
    pub(super) fn add_cost(&mut self, cost: Duration) {
        if let Some(reading) = &mut self.reading {
            reading.cost += cost;
        }
    }

    /// True if all parts were read and all records taken. A record that another processor is about to complete holds up those
    /// after it.
    pub(super) fn is_complete(&mut self) -> bool {
        let written = self.variables.snapshot_records();
        self.reading.as_mut().is_some_and(|reading| {
            let is_complete = reading.is_read && reading.taken == written;
            if reading.is_read && !is_complete {
                reading.next_at = Instant::now() + Duration::from_millis(1);
            }
            is_complete
        })
    }

    fn begin(&mut self, now_ns: u64, now: Instant) -> Reading {
        let is_whole = std::mem::take(&mut self.is_whole_next);
        if is_whole {
            self.variables.request_full_snapshot();
        }
        let begun = self.deltas.begin_snapshot(is_whole);
        self.variables
            .begin_snapshot(begun.number, begun.cell_factor);
        self.begun_at = Some(now);
        Reading {
            is_whole,
            cell_factor: begun.cell_factor,
            begun_ns: now_ns,
            begun: 0,
            walk: None,
            is_read: false,
            is_in_one: is_whole || self.deltas.has_missing(),
            is_unbroken: true,
            taken: 0,
            cost: Duration::ZERO,
            next_at: now,
        }
    }

    /// Runs the current iterator once; false: none of them has more.
    fn read_once(&mut self, reading: &mut Reading) -> anyhow::Result<bool> {
        const TAKING: &str = "cannot take a snapshot of the open sessions";
        let walk = match &mut reading.walk {
            Some(walk) => walk,
            None => {
                // the second iterator finds the sessions of other network namespaces
                let is_needed = reading.begun == 0 || self.variables.has_foreign();
                let Some(link) = self.links.get(reading.begun).filter(|_| is_needed) else {
                    return Ok(false);
                };
                reading.begun += 1;
                reading
                    .walk
                    .insert(PartialWalk::begin(link).context(TAKING)?)
            }
        };
        if walk.run_part().context(TAKING)? {
            reading.is_unbroken = false;
        } else {
            reading.walk = None;
            self.variables.set_part(0);
        }
        Ok(true)
    }

    /// Ends a snapshot that is complete. Returns it with the boot time when it was begun, ns. Every session that
    /// closed before must have been passed to [`Snapshots::close`].
    pub(super) fn end(&mut self, interval: Duration) -> Option<(OpenSnapshot, u64)> {
        let reading = self.reading.take()?;
        let cpu = thread::cpu_time();
        let cells = Cells::new(self.variables.unchanged(), reading.cell_factor);
        let mut open = self.deltas.end_snapshot(cells, reading.is_unbroken);
        if self.deltas.is_amiss() {
            self.is_whole_next = true;
        }
        let cost = reading.cost + thread::cpu_time().saturating_sub(cpu);
        self.pacing.add(cost);
        open.stretched = self.pacing.stretched(interval);
        Some((open, reading.begun_ns))
    }
}

/// Keeps the cost of snapshots within their share of a processor.
#[derive(Debug, Default)]
struct Pacing {
    /// CPU time of the last snapshot.
    last: Duration,
    /// The interval that snapshots need to have.
    needed: Duration,
}

impl Pacing {
    /// Takes the CPU time of a snapshot. One that is more expensive than the one before it and the one after it, as the first
    /// is, does not count.
    fn add(&mut self, cost: Duration) {
        let steady = cost.min(self.last);
        let needed = (steady * SHARE).min(NOT_OLDER).max(steady * GREATEST_SHARE);
        self.last = cost;
        // a little less is no reason to go back and forth
        if needed > self.needed || needed < self.needed * 4 / 5 {
            self.needed = needed;
        }
    }

    /// Returns the interval between snapshots if it is longer than this one: a multiple of it.
    fn stretched(&self, interval: Duration) -> Option<Duration> {
        let every = self.needed.div_duration_f64(interval).ceil() as u32;
        (every > 1).then(|| interval * every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_is_stretched_to_the_share_of_two_snapshots_in_a_row() {
        let mut pacing = Pacing::default();
        let second = Duration::from_secs(1);
        let mut after = |cost_ms| {
            pacing.add(Duration::from_millis(cost_ms));
            pacing.stretched(second).map_or(1, |s| s.as_secs())
        };
        assert_eq!(after(400), 1, "the first has all sessions in full");
        assert_eq!(after(20), 1);
        assert_eq!(after(22), 1);
        assert_eq!([after(65), after(60)], [1, 3]);
        assert_eq!([after(70), after(75)], [3, 3]);
        assert_eq!([after(60), after(65)], [3, 3], "hardly cheaper");
        assert_eq!([after(42), after(38)], [2, 2]);
        assert_eq!([after(5), after(5)], [1, 1]);
    }

    #[test]
    fn interval_beyond_five_seconds_takes_a_greater_share_first() {
        let second = Duration::from_secs(1);
        let stretched = |cost_ms| {
            let mut pacing = Pacing::default();
            pacing.add(Duration::from_millis(cost_ms));
            pacing.add(Duration::from_millis(cost_ms));
            pacing.stretched(second).map_or(1, |s| s.as_secs())
        };
        let seconds = [100, 200, 410, 420, 800].map(stretched);
        assert_eq!(seconds, [4, 5, 5, 6, 10]);
    }
}
