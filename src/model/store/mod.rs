//! The store: the open sessions and the newest closed ones.
//!
//! It keeps them within bounds, computes rates, and keeps totals correct when old sessions are evicted. Order and
//! selection are up to `ui::app`.

use std::num::NonZeroU32;
use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::model::local_pairs::{LocalPairs, are_ends_of_one, key};
use crate::model::session::{Session, SessionId};

mod backfill;
mod change;
mod ingest;
mod kept;
mod open_sessions;
#[cfg(test)]
mod tests;
mod totals;
mod uncounted;

pub use backfill::Backfill;
pub use change::{Change, Moved, PairedEnd, StoreEvent};
use change::{changed, report_change};
pub use ingest::{Ingest, PART};
use kept::Kept;
use open_sessions::BLOCK;
pub use open_sessions::Slot;
use totals::SinceRead;
pub use totals::{HostFigures, HostRates, Totals};
use uncounted::Uncounted;

/// Reference to a session in the store, valid as long as the store keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionRef {
    /// Open session, by its cookie.
    Open(u64),
    /// Closed session, by its sequence number since the start.
    Closed(u64),
}

/// Sessions that came through [`Store::pass`].
#[derive(Debug, Default)]
struct Passed {
    count: u64,
    /// Sessions that are still among the open ones.
    open: FxHashMap<SessionId, Session>,
    /// Sessions that were never open, and have no other end so far, by the hash of their ends.
    single: FxHashMap<u64, Session>,
    /// Number of local connections of which an end is among them.
    connections: u64,
}

/// Never-open sessions that wait for their other end: those of a connection close within milliseconds.
const SINGLE_PASSED: usize = 1 << 13;

/// Open and closed sessions.
#[derive(Debug)]
pub struct Store {
    kept: Kept,
    pairs: LocalPairs,
    /// Number of the last snapshot, from 2 on.
    snapshot: NonZeroU32,
    /// See [`Change::uncounted`].
    uncounted: Uncounted,
    keep: usize,
    passed: Passed,
    /// Sessions that disappear have been missed; false if they may just have left the capture filter.
    counts_vanished: bool,
    totals: Totals,
    /// Time of the last snapshot, ns.
    read_ns: u64,
    since: SinceRead,
}

impl Store {
    /// Creates a store that keeps `keep` closed sessions.
    pub fn new(keep: usize) -> Self {
        Store {
            kept: Kept::default(),
            pairs: LocalPairs::default(),
            snapshot: NonZeroU32::MIN,
            uncounted: Uncounted::default(),
            keep,
            passed: Passed::default(),
            counts_vanished: false,
            totals: Totals::default(),
            read_ns: 0,
            since: SinceRead::default(),
        }
    }

    /// Evicts the oldest closed session.
    fn evict_oldest(&mut self, report: &mut impl FnMut(StoreEvent<'_>)) {
        let number = self.kept.closed_numbers().start;
        let other = self.pairs.other(SessionRef::Closed(number));
        if let Some(session) = self.kept.closed.front() {
            let other = self.kept.paired(session, other);
            report(StoreEvent::Evicted(number, session, other));
            self.pairs.evicted(number);
            self.uncounted.forget(session);
            self.kept.closed.pop_front();
        }
    }

    /// Returns how many closed sessions are kept.
    pub fn keep_limit(&self) -> usize {
        self.keep
    }

    /// Reports and counts a session that closed while the store is frozen, without keeping it. Nothing else changes
    /// until [`Store::drop_passed`].
    pub fn pass(&mut self, mut session: Session, mut report: impl FnMut(StoreEvent<'_>)) {
        let id = session.id();
        let place = SessionRef::Open(id.cookie);
        let slot = self.kept.open.slot(id.cookie);
        let before = self.kept.open(id);
        let (own, reversed) = key(&session);
        let single = self.passed.single.get(&reversed);
        let single = single.filter(|s| before.is_none() && are_ends_of_one(&session, s));
        let is_second = single.is_some();
        let other = match before {
            Some(_) => {
                let other = self.kept.paired(&session, self.pairs.other(place));
                other.map(|kept| match self.passed.open.get(&kept.session.id()) {
                    Some(session) => PairedEnd { at: None, session },
                    None => kept,
                })
            }
            None => single.map(|session| PairedEnd { at: None, session }),
        };
        let is_first = other.is_some_and(|other| other.session.is_open());
        self.passed.connections += u64::from(is_first || is_second);
        let uncounted = &mut self.uncounted;
        let mut change = changed(&mut session, None, before, other, self.read_ns, uncounted);
        change.slot = slot.filter(|_| before.is_some());
        self.since.add(&change);
        report_change(change, &mut report);
        self.passed.count += 1;
        match before {
            Some(_) => {
                self.passed.open.insert(id, session);
            }
            None => {
                self.uncounted.forget(&session);
                let singles = &mut self.passed.single;
                if is_second {
                    singles.remove(&reversed);
                } else {
                    if singles.len() >= SINGLE_PASSED {
                        singles.clear();
                    }
                    singles.insert(own, session);
                }
            }
        }
    }

    /// Catches up with the passed sessions, if there were any. They are newer than the kept closed sessions and more
    /// than the store keeps, so all kept ones are evicted.
    pub fn drop_passed(&mut self, mut report: impl FnMut(StoreEvent<'_>)) -> bool {
        let passed = std::mem::take(&mut self.passed);
        if passed.count == 0 {
            return false;
        }
        while !self.kept.closed.is_empty() {
            self.evict_oldest(&mut report);
        }
        self.kept.end += passed.count;
        self.totals.closed = self.kept.end;
        self.pairs.count_passed(passed.connections);
        for id in passed.open.into_keys() {
            if let (Some((session, _)), was_open) = self.kept.take_away(id) {
                self.uncounted.forget(&session);
                if was_open {
                    self.pairs.vanished(id.cookie);
                }
            }
        }
        true
    }

    /// Reports an open session that is gone; `is_last`: its cookie stands for no other one.
    fn vanish(
        &mut self,
        session: &Session,
        slot: Option<Slot>,
        is_last: bool,
        report: &mut impl FnMut(StoreEvent<'_>),
    ) {
        let place = SessionRef::Open(session.cookie);
        let other = self.pairs.other(place).filter(|_| is_last);
        let other = self.kept.paired(session, other);
        let uncounted = self.uncounted.of(session);
        report(StoreEvent::Vanished(Change {
            slot,
            ..Change::gone(session, uncounted, other)
        }));
        if let Some(SessionRef::Open(cookie)) = other.and_then(|other| other.at)
            && let Some(slot) = self.kept.open.slot(cookie)
        {
            self.kept.open.touch(slot);
        }
        if is_last {
            self.pairs.vanished(session.cookie);
        }
    }

    /// Keeps following only the selected open sessions.
    pub fn follow_only(
        &mut self,
        is_followed: impl Fn(&Session) -> bool,
        mut report: impl FnMut(StoreEvent<'_>),
    ) {
        let replaced = self.kept.replaced.values().map(|(_, session)| session);
        let left = self.open().map(|(_, session)| session).chain(replaced);
        let left = left.filter(|s| !is_followed(s)).map(Session::id);
        let left: Vec<SessionId> = left.collect();
        for id in left {
            let (Some((session, slot)), is_last) = self.kept.take_away(id) else {
                continue;
            };
            if self.passed.open.contains_key(&id) {
                // its end has been reported
                self.uncounted.forget(&session);
                self.pairs.vanished(id.cookie);
                continue;
            }
            self.vanish(&session, slot, is_last, &mut report);
            self.uncounted.leave(&session);
        }
    }

    /// The other end of a session, if it is a session of this host too.
    pub fn other_end(&self, place: SessionRef, session: &Session) -> Option<PairedEnd<'_>> {
        self.kept.paired(session, self.pairs.other(place))
    }

    /// The host's figures, with a local connection counted once or at each of its ends.
    pub fn host_figures(&self, by_connection: bool) -> HostFigures {
        let (open, closed) = (self.open_count(), self.totals.closed);
        if !by_connection {
            let rates = HostRates {
                opened: self.totals.opened_rate,
                tx: self.totals.tx_rate,
                rx: self.totals.rx_rate,
            };
            return HostFigures {
                open,
                closed,
                rates,
            };
        }
        HostFigures {
            open: open.saturating_sub(self.pairs.with_both_open()),
            closed: closed.saturating_sub(self.pairs.with_closed_end()),
            rates: self.totals.by_connection,
        }
    }

    /// See [`Change::uncounted`].
    pub fn uncounted(&self, session: &Session) -> Moved {
        self.uncounted.of(session)
    }

    pub fn open_count(&self) -> usize {
        self.kept.open.len()
    }

    /// Time of the last snapshot that rates were computed at, ns.
    pub fn read_ns(&self) -> u64 {
        self.read_ns
    }

    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Iterates over the open sessions, in no order: also those that were missing in the last snapshot, until their end
    /// is reported or certain.
    pub fn open(&self) -> impl Iterator<Item = (SessionRef, &Session)> {
        let open = self.open_in(0..self.open_slots());
        open.map(|(_, session)| (SessionRef::Open(session.cookie), session))
    }

    /// Number of slots of open sessions: each session is in one below.
    pub fn open_slots(&self) -> Slot {
        (self.kept.open.blocks() * BLOCK) as Slot
    }

    /// Iterates over the open sessions in these slots.
    pub fn open_in(&self, slots: Range<Slot>) -> impl Iterator<Item = (Slot, &Session)> {
        self.kept.open.within(slots)
    }

    /// Returns the open session in a slot.
    pub fn open_at(&self, slot: Slot) -> Option<&Session> {
        self.kept.open.at(slot)
    }

    /// Slots in which sessions have changed, appeared or disappeared since [`Store::forget_touched`].
    pub fn touched(&self, slots: Range<Slot>) -> impl Iterator<Item = Slot> {
        self.kept.open.touched(slots)
    }

    /// Forgets what was touched, once it has been dealt with. Until then no session gets the slot of another one.
    pub fn forget_touched(&mut self, slots: Range<Slot>) {
        self.kept.open.forget_touched(slots);
    }

    /// Iterates over the kept closed sessions, newest first.
    pub fn closed(&self) -> impl Iterator<Item = (SessionRef, &Session)> {
        (0..self.kept.end)
            .rev()
            .map(SessionRef::Closed)
            .zip(self.kept.closed.iter().rev())
    }

    /// Returns the numbers of the kept closed sessions.
    pub fn closed_numbers(&self) -> Range<u64> {
        self.kept.closed_numbers()
    }

    /// Iterates over the closed sessions with these numbers that are still kept.
    pub fn closed_in(
        &self,
        numbers: Range<u64>,
    ) -> impl DoubleEndedIterator<Item = (SessionRef, &Session)> {
        numbers.filter_map(|number| {
            let at = SessionRef::Closed(number);
            Some((at, self.get(at)?))
        })
    }

    /// Returns the session at a reference, if it is still kept.
    pub fn get(&self, place: SessionRef) -> Option<&Session> {
        self.kept.get(place)
    }
}
