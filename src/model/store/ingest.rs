//! Ingesting batches, in parts: a snapshot of a busy host has hundred thousands of changes, and no key waits for all of them.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::ops::Range;
use std::vec;

use crate::model::batch::Batch;
use crate::model::session::{Direction, Session};
use crate::model::store::change::{changed, report_change};
use crate::model::store::open_sessions::{Mark, Slot};
use crate::model::store::{HostRates, SessionRef, Store, StoreEvent};

/// Work for one part: a few milliseconds, in units of about 0.1 µs.
pub const PART: usize = 1 << 16;
/// Units that a change takes, with all that it changes elsewhere.
const CHANGE: usize = 16;
/// Units that a block of open sessions takes at the end of a snapshot.
const SETTLED: usize = 1 << 9;

/// A batch that is being ingested: see [`Store::ingest_part`].
#[derive(Debug)]
pub struct Ingest {
    taken_ns: u64,
    /// New or changed sessions of a snapshot that are left.
    changed: vec::IntoIter<Session>,
    /// Accepted sessions that are new. The end that connected comes first: its connections then count from its side from the
    /// beginning.
    accepted: VecDeque<Session>,
    gone: vec::IntoIter<u64>,
    is_snapshot: bool,
    is_whole: bool,
    /// Sessions that were missing in the snapshot before are still to be gone through.
    has_missing: bool,
    missing: vec::IntoIter<Slot>,
    vanished: vec::IntoIter<Session>,
    /// Blocks of open sessions that are still to be settled.
    blocks: Range<usize>,
    /// Closed sessions that are left.
    closed: vec::IntoIter<Session>,
}

impl Store {
    /// Applies a batch.
    #[cfg(any(test, feature = "testing"))]
    pub fn apply(&mut self, batch: Batch) {
        self.ingest(batch, |_| ());
    }

    /// Applies a batch, and reports it session by session.
    pub fn ingest(&mut self, batch: Batch, mut report: impl FnMut(StoreEvent<'_>)) {
        let mut ingest = self.begin(batch);
        let mut room = usize::MAX;
        while !self.ingest_part(&mut ingest, &mut room, &mut report) {}
    }

    /// Begins to apply a batch. The one before must have been applied wholly.
    pub fn begin(&mut self, batch: Batch) -> Ingest {
        // none of the counts goes back, but a batch of another source may not know them
        let known = &mut self.totals.missed;
        known.ring_full = known.ring_full.max(batch.missed.ring_full);
        known.not_run = known.not_run.max(batch.missed.not_run);
        known.no_memory = known.no_memory.max(batch.missed.no_memory);
        self.counts_vanished = batch.missed.vanished.is_some();
        let is_snapshot = batch.open.is_some();
        if self.counts_vanished && is_snapshot {
            self.totals.missed.vanished.get_or_insert(0);
        }
        let next = self.snapshot.checked_add(u32::from(is_snapshot));
        self.snapshot = next.unwrap_or(NonZeroU32::MIN);
        let open = batch.open.unwrap_or_default();
        Ingest {
            taken_ns: batch.taken_ns,
            changed: open.changed.into_iter(),
            accepted: VecDeque::new(),
            gone: open.gone.into_iter(),
            is_snapshot,
            is_whole: open.is_whole,
            has_missing: is_snapshot,
            missing: Vec::new().into_iter(),
            vanished: Vec::new().into_iter(),
            blocks: 0..0,
            closed: batch.closed.into_iter(),
        }
    }

    /// Applies as much of a batch as there is room for, in units of [`PART`], and reports it session by session. True when
    /// nothing is left.
    pub fn ingest_part(
        &mut self,
        ingest: &mut Ingest,
        room: &mut usize,
        report: &mut impl FnMut(StoreEvent<'_>),
    ) -> bool {
        while *room > 0 {
            let units = if let Some(session) = ingest.changed.next() {
                if let Some(later) = self.take_open(session, true, report) {
                    ingest.accepted.push_back(later);
                }
                CHANGE
            } else if let Some(session) = ingest.accepted.pop_front() {
                self.take_open(session, false, report);
                CHANGE
            } else if std::mem::take(&mut ingest.has_missing) {
                let snapshot = self.snapshot.get();
                let replaced = &mut self.kept.replaced;
                let vanished = replaced.extract_if(|_, (last, _)| *last != snapshot);
                let vanished: Vec<Session> = vanished.map(|(_, (_, session))| session).collect();
                ingest.vanished = vanished.into_iter();
                ingest.missing = std::mem::take(&mut self.kept.missing).into_iter();
                ingest.blocks = 0..self.kept.open.blocks();
                CHANGE
            } else if let Some(session) = ingest.vanished.next() {
                self.take_vanished(&session, None, report);
                CHANGE
            } else if let Some(slot) = ingest.missing.next() {
                let session = self.kept.open.at(slot);
                let session = session.filter(|_| self.kept.open.is_missing(slot));
                let cookie = session.map(|s| s.cookie);
                if let Some(session) = cookie.and_then(|cookie| self.kept.open.remove(cookie)) {
                    self.take_vanished(&session, Some(slot), report);
                }
                CHANGE
            } else if let Some(cookie) = ingest.gone.next() {
                let slot = self.kept.open.slot(cookie);
                let slot = slot.filter(|slot| self.kept.open.lose(*slot));
                self.kept.missing.extend(slot);
                1
            } else if let Some(block) = ingest.blocks.next() {
                let kept = &mut self.kept;
                let (snapshot, now_ns, is_whole) =
                    (self.snapshot, ingest.taken_ns, ingest.is_whole);
                let missing = &mut kept.missing;
                kept.open.settle(block, snapshot, now_ns, is_whole, missing);
                SETTLED
            } else if let Some(session) = ingest.closed.as_mut_slice().first_mut() {
                self.count_closed(session, report);
                // it is moved once
                let session = ingest.closed.next();
                session
                    .into_iter()
                    .for_each(|session| self.keep_closed(session, report));
                CHANGE
            } else {
                self.finish(ingest);
                return true;
            };
            *room = room.saturating_sub(units);
        }
        false
    }

    fn finish(&mut self, ingest: &Ingest) {
        self.pairs
            .prune(self.kept.end, |place| self.kept.get(place));
        let seconds = ingest.taken_ns.saturating_sub(self.read_ns) as f64 / 1e9;
        // over less than about a second the figures would jump
        if ingest.is_snapshot && seconds > 0.9 {
            let since = std::mem::take(&mut self.since);
            if self.read_ns != 0 {
                self.totals.opened_rate = since.opened as f64 / seconds;
                self.totals.tx_rate = since.moved.tx as f64 / seconds;
                self.totals.rx_rate = since.moved.rx as f64 / seconds;
                let rate = |bytes: i64| bytes.max(0) as f64 / seconds;
                self.totals.by_connection = HostRates {
                    opened: since.connections as f64 / seconds,
                    tx: rate(since.of_connections.sent),
                    rx: rate(since.of_connections.received),
                };
            }
            self.read_ns = ingest.taken_ns;
        }
    }

    /// Takes a session of a snapshot that is new or has changed. Returns an accepted one that is new, if these come later.
    fn take_open(
        &mut self,
        mut session: Session,
        accepted_later: bool,
        report: &mut impl FnMut(StoreEvent<'_>),
    ) -> Option<Session> {
        let (cookie, mark) = (session.cookie, Mark::Changed(self.snapshot));
        let at = SessionRef::Open(cookie);
        let slot = self.kept.open.slot(cookie);
        let is_same = |slot: &Slot| {
            let known = self.kept.open.at(*slot);
            known.is_some_and(|known| known.id() == session.id())
        };
        if let Some(slot) = slot.filter(is_same) {
            let before = self.kept.open.take(slot);
            self.changed(&mut session, at, before.as_ref(), Some(slot), report);
            self.kept.open.put(slot, session, mark);
            return None;
        }
        if accepted_later && session.direction == Direction::In {
            return Some(session);
        }
        if let Some(slot) = slot {
            // its socket has connected again; unless it had been missing before, its end may still be reported
            let was_missing = self.kept.open.is_missing(slot);
            let last = self.snapshot.get() - u32::from(was_missing);
            if let Some(old) = self.kept.open.remove(cookie) {
                self.kept.replaced.insert(old.id(), (last, old));
            }
        }
        self.pairs.opened(&session, |place| self.kept.get(place));
        let slot = self.kept.open.insert(session, mark);
        if let Some(mut session) = self.kept.open.take(slot) {
            self.changed(&mut session, at, None, Some(slot), report);
            self.kept.open.put(slot, session, mark);
        }
        None
    }

    /// Reports an open session whose end was missed.
    fn take_vanished(
        &mut self,
        session: &Session,
        slot: Option<Slot>,
        report: &mut impl FnMut(StoreEvent<'_>),
    ) {
        if self.counts_vanished {
            *self.totals.missed.vanished.get_or_insert(0) += 1;
        }
        self.vanish(session, slot, slot.is_some(), report);
        self.uncounted.forget(session);
    }

    /// Reports a session that has closed.
    fn count_closed(&mut self, session: &mut Session, report: &mut impl FnMut(StoreEvent<'_>)) {
        let (old, was_open) = self.kept.take_away(session.id());
        let number = self.kept.end;
        let at = SessionRef::Closed(number);
        let get = |place| self.kept.get(place);
        let was_known = was_open && old.is_some();
        self.pairs.closed(number, session, was_known, get);
        let slot = old.as_ref().and_then(|(_, slot)| *slot);
        let old = old.as_ref().map(|(old, _)| old);
        self.changed(session, at, old, slot, report);
        (session.tx_rate, session.rx_rate) = (0.0, 0.0);
    }

    /// Keeps it, and evicts the oldest one if these are too many.
    fn keep_closed(&mut self, session: Session, report: &mut impl FnMut(StoreEvent<'_>)) {
        self.kept.close(session, self.keep);
        self.totals.closed = self.kept.end;
        if self.kept.closed.len() > self.keep {
            self.evict_oldest(report);
        }
    }

    /// Sets the rates, reports the change of a session that is to be kept at `at`, and counts it.
    fn changed(
        &mut self,
        session: &mut Session,
        at: SessionRef,
        before: Option<&Session>,
        slot: Option<Slot>,
        report: &mut impl FnMut(StoreEvent<'_>),
    ) {
        let other = self.kept.paired(session, self.pairs.other(at));
        let other_place = other.and_then(|other| other.at);
        let uncounted = &mut self.uncounted;
        let mut change = changed(session, Some(at), before, other, self.read_ns, uncounted);
        change.slot = slot;
        self.since.add(&change);
        report_change(change, report);
        // the line of a connection may be that of the other end now
        if let Some(SessionRef::Open(cookie)) = other_place
            && let Some(slot) = self.kept.open.slot(cookie)
        {
            self.kept.open.touch(slot);
        }
    }
}
