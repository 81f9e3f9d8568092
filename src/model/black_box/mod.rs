//! The last minutes of all sessions, packed in memory, so that one can look back.
//!
//! [`Packer`] packs batches into frames, [`BlackBox`] keeps the newest of them within bounds, and [`Player`] unpacks them. Its
//! frames hold batches as they came, in bytes that only this process understands: the lines of recordings are many times as long.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::model::batch::{Clock, Missed};
use crate::model::black_box::host::PackedHost;
use crate::model::cgroup::Cgroup;

mod host;
mod packer;
mod packing;
mod player;

pub use packer::Packer;
pub use player::Player;

/// Beginnings of the records of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    /// The next batch, with the next head.
    Batch,
    /// A new or changed session of its snapshot.
    Changed,
    /// A session that is gone.
    Gone,
    /// A closed session.
    Closed,
}

/// Everything of a batch except its sessions.
#[derive(Clone, Debug)]
struct Head {
    taken_ns: u64,
    clock: Clock,
    missed: Missed,
    host: Option<Arc<PackedHost>>,
    has_snapshot: bool,
    is_whole: bool,
    stretched: Option<Duration>,
}

impl Head {
    /// Bytes of memory that it takes.
    fn size(&self) -> usize {
        size_of::<Head>() + self.host.as_ref().map_or(0, |host| host.size)
    }
}

/// Compressed records.
#[derive(Debug)]
struct Piece {
    bytes: Box<[u8]>,
    /// Length of the records, in bytes.
    length: usize,
    /// Number of its sessions.
    sessions: usize,
    /// The control groups of its sessions.
    cgroups: Box<[Arc<Cgroup>]>,
}

impl Piece {
    fn size(&self) -> usize {
        size_of::<Piece>() + self.bytes.len() + size_of_val(&self.cgroups[..])
    }
}

/// The open sessions before the first batch of a frame.
#[derive(Debug)]
struct FullState {
    heads: Box<[Head]>,
    pieces: Box<[Piece]>,
}

/// Events of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sessions that a snapshot had for the first time.
    pub opened: u64,
    pub closed: u64,
    /// Closed ones that failed.
    pub failed: u64,
    /// Sessions that were certainly missed.
    pub missed: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.opened += other.opened;
        self.closed += other.closed;
        self.failed += other.failed;
        self.missed += other.missed;
    }
}

/// Batches that follow each other; the last one has a snapshot, unless very many sessions closed.
#[derive(Debug)]
pub struct Frame {
    full: Option<FullState>,
    heads: Box<[Head]>,
    pieces: Box<[Piece]>,
    pub counts: Counts,
    /// Time of the last batch before it, or its own end if that is earlier, and of its last batch, ns of boot time.
    pub from_ns: u64,
    pub to_ns: u64,
    size: usize,
}

impl Frame {
    fn new(
        full: Option<FullState>,
        heads: Box<[Head]>,
        pieces: Box<[Piece]>,
        counts: Counts,
        (from_ns, to_ns): (u64, u64),
    ) -> Self {
        let of_full = full.as_ref().map(|full| (&full.heads, &full.pieces));
        let parts = std::iter::once((&heads, &pieces)).chain(of_full);
        let size = parts.map(|(heads, pieces)| {
            let heads = heads.iter().map(Head::size).sum::<usize>();
            heads + pieces.iter().map(Piece::size).sum::<usize>()
        });
        Frame {
            size: size_of::<Frame>() + size.sum::<usize>(),
            full,
            heads,
            pieces,
            counts,
            from_ns,
            to_ns,
        }
    }

    /// True if it ends with a snapshot: the dashboard can show this moment.
    pub fn is_moment(&self) -> bool {
        self.heads.last().is_some_and(|head| head.has_snapshot)
    }

    /// Number of sessions that are unpacked with it.
    fn events(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.sessions as u64).sum()
    }
}

/// Bounds of a [`BlackBox`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How far back it reaches at most, ns; `None`: as far as there is memory.
    pub time_ns: Option<u64>,
    /// Memory that it takes at most, bytes; 0: nothing is kept.
    pub bytes: usize,
}

/// The newest frames, the oldest first. The first one begins with all open sessions.
#[derive(Debug)]
pub struct BlackBox {
    frames: VecDeque<Arc<Frame>>,
    bounds: Bounds,
    bytes: usize,
    /// Nothing more is taken, so that what is there stays.
    pub is_frozen: bool,
}

impl BlackBox {
    /// Creates an empty one.
    pub fn new(bounds: Bounds) -> Self {
        BlackBox {
            frames: VecDeque::new(),
            bounds,
            bytes: 0,
            is_frozen: false,
        }
    }

    /// Adds a frame, and drops the oldest ones that are out of bounds.
    pub fn push(&mut self, frame: Arc<Frame>) {
        if self.is_frozen || self.frames.is_empty() && frame.full.is_none() {
            return;
        }
        self.bytes += frame.size;
        let to_ns = frame.to_ns;
        self.frames.push_back(frame);
        loop {
            // one can begin only with all open sessions
            let next = self.frames.iter().skip(1).position(|f| f.full.is_some());
            let too_old = |time_ns: u64| {
                let next = next.and_then(|next| self.frames.get(next + 1));
                next.is_some_and(|next| to_ns.saturating_sub(next.from_ns) >= time_ns)
            };
            if self.bytes <= self.bounds.bytes && !self.bounds.time_ns.is_some_and(too_old) {
                break;
            }
            let dropped = next.map_or(self.frames.len(), |next| next + 1);
            for frame in self.frames.drain(..dropped) {
                self.bytes = self.bytes.saturating_sub(frame.size);
            }
            if self.frames.is_empty() {
                break;
            }
        }
    }

    /// Goes on to take frames. What was there is dropped, as it would have no connection to what follows.
    pub fn thaw(&mut self) {
        self.is_frozen = false;
        self.frames.clear();
        self.bytes = 0;
    }

    /// True if nothing is ever kept.
    pub fn is_off(&self) -> bool {
        self.bounds.bytes == 0
    }

    /// Memory that it takes, bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// All frames, the oldest first.
    pub fn frames(&self) -> impl DoubleEndedIterator<Item = &Arc<Frame>> + ExactSizeIterator {
        self.frames.iter()
    }

    /// The frames that end with a moment that can be shown.
    fn moments(&self) -> impl DoubleEndedIterator<Item = &Arc<Frame>> {
        self.frames.iter().filter(|f| f.is_moment())
    }

    /// First and last moment that can be shown, ns of boot time; the last is not before the first.
    pub fn reach(&self) -> Option<(u64, u64)> {
        let mut moments = self.moments();
        let first = moments.next()?.to_ns;
        let last = moments.next_back().map_or(first, |last| last.to_ns);
        // records are taken beside snapshots, and may be newer than the one after them
        Some((first, last.max(first)))
    }

    /// The last moment that is not after `at_ns`, or else the first one.
    pub fn moment_at(&self, at_ns: u64) -> Option<u64> {
        let at = self.moments().rev().find(|f| f.to_ns <= at_ns);
        let at = at.or_else(|| self.moments().next());
        at.map(|frame| frame.to_ns)
    }

    /// The moment this many after the one at `at_ns`; `None`: there is none.
    pub fn step(&self, at_ns: u64, by: isize) -> Option<u64> {
        let steps = by.unsigned_abs().checked_sub(1)?;
        let found = match by > 0 {
            true => self.moments().filter(|f| f.to_ns > at_ns).nth(steps),
            false => self.moments().rev().filter(|f| f.to_ns < at_ns).nth(steps),
        };
        found.map(|frame| frame.to_ns)
    }

    /// The frames to unpack for the moment at `at_ns`: from the first one if `most` sessions are enough for that, else from
    /// the first one from which they are. The last ones before the moment are always among them.
    pub fn frames_to(&self, at_ns: u64, most: u64) -> Vec<Arc<Frame>> {
        let end = self.end_of(at_ns);
        let mut from = None;
        let mut events = 0;
        for (i, frame) in self.frames.iter().enumerate().take(end).rev() {
            events += frame.events();
            if events > most && from.is_some() {
                break;
            }
            if frame.full.is_some() {
                from = Some(i);
            }
        }
        let from = from.unwrap_or(0);
        self.frames.range(from..end.max(from)).cloned().collect()
    }

    /// The frames after one moment up to another.
    pub fn frames_between(&self, after_ns: u64, to_ns: u64) -> Vec<Arc<Frame>> {
        let (from, to) = (self.end_of(after_ns), self.end_of(to_ns));
        self.frames.range(from..to.max(from)).cloned().collect()
    }

    /// Number of the frames up to the last moment that is not after `at_ns`; `u64::MAX`: all. A frame that ends without a snapshot
    /// may be newer than the snapshot after it.
    fn end_of(&self, at_ns: u64) -> usize {
        if at_ns == u64::MAX {
            return self.frames.len();
        }
        let is_before = |f: &Arc<Frame>| f.is_moment() && f.to_ns <= at_ns;
        self.frames.iter().rposition(is_before).map_or(0, |i| i + 1)
    }
}

#[cfg(test)]
mod tests;
