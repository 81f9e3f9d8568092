//! The store: the open sessions and the newest closed ones.
//!
//! It keeps them within bounds, computes rates, and keeps totals correct when old sessions are evicted. Order and
//! selection are up to `ui::app`.

use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::model::batch::{Batch, OpenSnapshot};
use crate::model::local_pairs::{LocalPairs, are_ends_of_one, key};
use crate::model::session::{Direction, Session, SessionId};

mod backfill;
mod change;
mod kept;
#[cfg(test)]
mod tests;
mod totals;
mod uncounted;

pub use backfill::Backfill;
pub use change::{Change, PairedEnd, StoreEvent};
use change::{changed, report_change};
use kept::{Kept, OpenSession, take_same};
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
    /// Number of snapshots so far.
    snapshot: u64,
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
            snapshot: 0,
            uncounted: Uncounted::default(),
            keep,
            passed: Passed::default(),
            counts_vanished: false,
            totals: Totals::default(),
            read_ns: 0,
            since: SinceRead::default(),
        }
    }

    /// Applies a batch.
    #[cfg(any(test, feature = "testing"))]
    pub fn apply(&mut self, batch: Batch) {
        self.ingest(batch, |_| ());
    }

    /// Applies a batch, and reports it session by session.
    pub fn ingest(&mut self, batch: Batch, mut report: impl FnMut(StoreEvent<'_>)) {
        // none of the counts goes back, but a batch of another source may not know them
        let known = &mut self.totals.missed;
        known.ring_full = known.ring_full.max(batch.missed.ring_full);
        known.not_run = known.not_run.max(batch.missed.not_run);
        known.no_memory = known.no_memory.max(batch.missed.no_memory);
        self.counts_vanished = batch.missed.vanished.is_some();
        let read = batch.open.is_some();
        if let Some(open) = batch.open {
            self.apply_snapshot(open, batch.taken_ns, &mut report);
        }
        for mut session in batch.closed {
            let (old, was_open) = self.kept.take_away(session.id());
            let number = self.kept.end;
            let at = SessionRef::Closed(number);
            let get = |place| self.kept.get(place);
            self.pairs.closed(number, &session, was_open, get);
            self.changed(&mut session, at, old.as_ref(), &mut report);
            (session.tx_rate, session.rx_rate) = (0.0, 0.0);
            self.kept.closed.push_back(session);
            self.kept.end += 1;
            self.totals.closed = self.kept.end;
            if self.kept.closed.len() > self.keep {
                self.evict_oldest(&mut report);
            }
        }
        self.pairs
            .prune(self.kept.end, |place| self.kept.get(place));
        let seconds = batch.taken_ns.saturating_sub(self.read_ns) as f64 / 1e9;
        // over less than about a second the figures would jump
        if read && seconds > 0.9 {
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
            self.read_ns = batch.taken_ns;
        }
    }

    /// Sets the rates, reports the change of a session that is to be kept at `at`, and counts it.
    fn changed(
        &mut self,
        session: &mut Session,
        at: SessionRef,
        before: Option<&Session>,
        report: &mut impl FnMut(StoreEvent<'_>),
    ) {
        let other = self.kept.paired(session, self.pairs.other(at));
        let uncounted = &mut self.uncounted;
        let change = changed(session, Some(at), before, other, self.read_ns, uncounted);
        self.since.add(&change);
        report_change(change, report);
    }

    /// Evicts the oldest closed session.
    fn evict_oldest(&mut self, report: &mut impl FnMut(StoreEvent<'_>)) {
        let number = self.kept.closed_numbers().start;
        let other = self.pairs.other(SessionRef::Closed(number));
        if let Some(session) = self.kept.closed.pop_front() {
            let other = self.kept.paired(&session, other);
            report(StoreEvent::Evicted(number, &session, other));
            self.pairs.evicted(number);
            self.uncounted.forget(&session);
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
        let open = self.kept.open.get(&id.cookie).map(|open| &open.session);
        let mut known = [open, self.kept.gone.get(&id.cookie)].into_iter().flatten();
        let before = known.find(|s| s.id() == id);
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
        let change = changed(&mut session, None, before, other, self.read_ns, uncounted);
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
            if let (Some(session), was_open) = self.kept.take_away(id) {
                self.uncounted.forget(&session);
                if was_open {
                    self.pairs.vanished(id.cookie);
                }
            }
        }
        true
    }

    /// Applies a snapshot. Most sessions have not changed.
    fn apply_snapshot(
        &mut self,
        mut found: OpenSnapshot,
        now_ns: u64,
        report: &mut impl FnMut(StoreEvent<'_>),
    ) {
        self.snapshot += 1;
        let snapshot = self.snapshot;
        let mut replaced: Vec<(u64, Session)> = Vec::new();
        // the end that connected first: its connections then count from its side from the beginning
        found.changed.sort_by_key(|s| s.direction == Direction::In);
        for mut session in found.changed {
            let cookie = session.cookie;
            let at = SessionRef::Open(cookie);
            let old = self.kept.open.remove(&cookie).map(|old| old.session);
            let (before, another) = match old {
                Some(old) if old.id() == session.id() => (Some(old), None),
                another => (take_same(&mut self.kept.gone, session.id()), another),
            };
            if before.is_none() {
                self.pairs.opened(&session, |place| self.kept.get(place));
            }
            self.changed(&mut session, at, before.as_ref(), report);
            replaced.extend(another.map(|old| (cookie, old)));
            let open = OpenSession { session, snapshot };
            self.kept.open.insert(cookie, open);
        }
        if self.counts_vanished {
            let vanished = self.totals.missed.vanished.get_or_insert(0);
            *vanished += self.kept.gone.len() as u64;
        }
        let vanished: Vec<u64> = self.kept.gone.keys().copied().collect();
        for cookie in vanished {
            if let Some(session) = self.kept.gone.remove(&cookie) {
                let is_last = !self.kept.open.contains_key(&cookie);
                self.vanish(&session, is_last, report);
                self.uncounted.forget(&session);
            }
        }
        self.kept.gone.extend(replaced);
        let open = &mut self.kept.open;
        let gone: Vec<OpenSession> = if found.is_whole {
            let others = open.extract_if(|_, open| open.snapshot != snapshot);
            others.map(|(_, open)| open).collect()
        } else {
            let gone = found.gone.iter();
            gone.filter_map(|cookie| open.remove(cookie)).collect()
        };
        for OpenSession { mut session, .. } in gone {
            (session.tx_rate, session.rx_rate) = (0.0, 0.0);
            self.kept.gone.insert(session.cookie, session);
        }
        let others = self.kept.open.values_mut();
        for open in others.filter(|open| open.snapshot != snapshot) {
            open.session.advance_idle_to(now_ns);
        }
    }

    /// Reports an open session that is gone; `is_last`: its cookie stands for no other one.
    fn vanish(
        &mut self,
        session: &Session,
        is_last: bool,
        report: &mut impl FnMut(StoreEvent<'_>),
    ) {
        let place = SessionRef::Open(session.cookie);
        let other = self.pairs.other(place).filter(|_| is_last);
        let other = self.kept.paired(session, other);
        let uncounted = self.uncounted.of(session);
        report(StoreEvent::Vanished(Change::gone(
            session, uncounted, other,
        )));
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
        let open = self.kept.open.values().map(|open| &open.session);
        let left = open.chain(self.kept.gone.values());
        let left = left.filter(|s| !is_followed(s)).map(Session::id);
        let left: Vec<SessionId> = left.collect();
        for id in left {
            let (Some(session), is_last) = self.kept.take_away(id) else {
                continue;
            };
            if self.passed.open.contains_key(&id) {
                // its end has been reported
                self.uncounted.forget(&session);
                self.pairs.vanished(id.cookie);
                continue;
            }
            self.vanish(&session, is_last, &mut report);
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
    pub fn uncounted(&self, session: &Session) -> u64 {
        self.uncounted.of(session)
    }

    pub fn open_count(&self) -> usize {
        self.open().count()
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
        let open = self.kept.open.iter();
        let open = open.map(|(cookie, open)| (cookie, &open.session));
        let gone = self.kept.gone.iter();
        let gone = gone.filter(|(cookie, _)| !self.kept.open.contains_key(cookie));
        let all = open.chain(gone);
        all.map(|(cookie, session)| (SessionRef::Open(*cookie), session))
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
