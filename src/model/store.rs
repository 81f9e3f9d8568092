//! The store: the open sessions and the newest closed ones.
//!
//! It keeps them within bounds, computes rates, and keeps totals correct when old sessions are evicted. Order and
//! selection are up to `ui::app`.

use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::ops::{AddAssign, Range};

use rustc_hash::FxHashMap;

use crate::model::batch::{Batch, Missed, OpenSnapshot};
use crate::model::local_pairs::{LocalPairs, are_ends_of_one, key, leads};
use crate::model::session::{Age, Direction, Session, SessionId};

/// Reference to a session in the store, valid as long as the store keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionRef {
    /// Open session, by its cookie.
    Open(u64),
    /// Closed session, by its sequence number since the start.
    Closed(u64),
}

/// Sums over everything seen since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Closed sessions.
    pub closed: u64,
    /// Sessions that were missed. Those that have vanished are counted here.
    pub missed: Missed,
    /// Recently opened sessions per second.
    pub opened_rate: f64,
    /// Recent bytes sent per second.
    pub tx_rate: f64,
    /// Recent bytes received per second. A byte within the host is sent by one session and received by another.
    pub rx_rate: f64,
    /// The same rates with each local connection counted once, as the end that connected sees it.
    pub by_connection: HostRates,
}

/// Recent rates of the host.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HostRates {
    pub opened: f64,
    pub tx: f64,
    pub rx: f64,
}

/// Figures of the host, with local connections counted once or at both ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HostFigures {
    pub open: usize,
    pub closed: u64,
    pub rates: HostRates,
}

/// Event of one session. Code that counts or follows sessions uses these events, and derives nothing from the
/// store that an event has already reported.
#[derive(Clone, Copy, Debug)]
pub enum StoreEvent<'a> {
    /// Seen for the first time, open.
    Opened(Change<'a>),
    /// Open before and still open.
    Updated(Change<'a>),
    /// It has closed.
    Closed(Change<'a>),
    /// It is no longer open and its end was not reported, or it is no longer followed.
    Vanished(Change<'a>),
    /// A closed session was evicted: its number and contents, and its other end.
    Evicted(u64, &'a Session, Option<PairedEnd<'a>>),
}

impl<'a> StoreEvent<'a> {
    /// Returns the change of the session; `None` for an evicted one, which did not change.
    pub fn change(&self) -> Option<&Change<'a>> {
        match self {
            StoreEvent::Opened(c)
            | StoreEvent::Updated(c)
            | StoreEvent::Closed(c)
            | StoreEvent::Vanished(c) => Some(c),
            StoreEvent::Evicted(..) => None,
        }
    }

    /// Returns the other end of the connection: see [`Change::other`].
    pub fn other(&self) -> Option<PairedEnd<'a>> {
        match self {
            StoreEvent::Evicted(_, _, other) => *other,
            event => event.change()?.other,
        }
    }
}

/// The other end of a local connection, as it is now.
#[derive(Clone, Copy, Debug)]
pub struct PairedEnd<'a> {
    /// Its reference in the store; `None`: it closed while the display was paused and is not kept.
    pub at: Option<SessionRef>,
    pub session: &'a Session,
}

/// Bytes by which a change of a session changes those of its connection, as the end that connected sees them. Negative
/// where they replace what the other end had counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ConnectionBytes {
    pub sent: i64,
    pub received: i64,
}

impl ConnectionBytes {
    fn between(more: Moved, less: Moved) -> Self {
        let less_of = |a: u64, b: u64| a.cast_signed().wrapping_sub(b.cast_signed());
        ConnectionBytes {
            sent: less_of(more.tx, less.tx),
            received: less_of(more.rx, less.rx),
        }
    }
}

/// Change of one session.
#[derive(Clone, Copy, Debug, Default)]
pub struct Change<'a> {
    /// Its reference in the store; `None`: it is gone, or it closed while the display was paused and is not kept.
    pub at: Option<SessionRef>,
    /// Its previous snapshot, while open; `None` if it was not known.
    pub before: Option<&'a Session>,
    /// Its current state; `None` if it is gone and its end was missed.
    pub now: Option<&'a Session>,
    /// Bytes moved in between, both directions.
    pub moved: u64,
    /// Part of `moved` that was sent.
    pub sent: u64,
    /// Bytes that a preexisting session had moved when it was first seen: they belong to no interval.
    pub uncounted: u64,
    /// It was opened in between.
    pub is_new: bool,
    /// It was followed before and is followed again: it has already been counted.
    pub is_back: bool,
    /// The other end, if it is a session of this host: it has been reported before this change. Sums that count a
    /// connection once count the end that [`leads`] where both would count.
    pub other: Option<PairedEnd<'a>>,
    /// Bytes moved in between by its connection; by itself, if it is the only end here.
    pub of_connection: ConnectionBytes,
}

impl<'a> Change<'a> {
    /// It is no longer open, and its end is not known.
    fn gone(session: &'a Session, uncounted: u64, other: Option<PairedEnd<'a>>) -> Self {
        Change {
            before: Some(session),
            uncounted,
            other,
            ..Change::default()
        }
    }

    /// The same change of a session that is counted by itself.
    pub fn unpaired(self) -> Self {
        let moved = Moved {
            tx: self.sent,
            rx: self.moved.saturating_sub(self.sent),
        };
        Change {
            other: None,
            of_connection: ConnectionBytes::between(moved, Moved::default()),
            ..self
        }
    }

    /// Restricts the change to the selected sessions; `None` if neither side is selected.
    pub fn among(self, is_meant: impl Fn(&Session) -> bool) -> Option<Self> {
        let before = self.before.filter(|s| is_meant(s));
        let now = self.now.filter(|s| is_meant(s));
        let is_alone = self.other.is_some_and(|other| !is_meant(other.session));
        let change = if is_alone { self.unpaired() } else { self };
        let is_any = before.is_some() || now.is_some();
        is_any.then_some(Change {
            before,
            now,
            ..change
        })
    }
}

/// Bytes moved in an interval, by direction.
#[derive(Clone, Copy, Debug, Default)]
struct Moved {
    tx: u64,
    rx: u64,
}

impl Moved {
    /// Returns the session's bytes beyond these.
    fn until(self, session: &Session) -> Moved {
        Moved {
            tx: session.tx_bytes.saturating_sub(self.tx),
            rx: session.rx_bytes.saturating_sub(self.rx),
        }
    }

    fn both(self) -> u64 {
        self.tx.saturating_add(self.rx)
    }
}

impl From<&Session> for Moved {
    fn from(session: &Session) -> Self {
        Moved::default().until(session)
    }
}

impl AddAssign for Moved {
    fn add_assign(&mut self, other: Moved) {
        self.tx += other.tx;
        self.rx += other.rx;
    }
}

/// True if a session that was not known before has just been opened: one that is older is new only to the store.
fn has_opened(session: &Session) -> bool {
    session.age != Age::LowerBound
}

/// Open session in the store.
#[derive(Debug)]
struct OpenSession {
    session: Session,
    /// The last snapshot that contained it.
    snapshot: u64,
}

/// The sessions that are kept.
#[derive(Debug, Default)]
struct Kept {
    /// By cookie. The kernel counts cookies up, so nobody can provoke hash collisions.
    open: FxHashMap<u64, OpenSession>,
    /// Sessions that were in the snapshot before the last one and not in the last. Their end arrives in the same batch
    /// or soon after; if it has not arrived by the next snapshot, it was missed.
    gone: FxHashMap<u64, Session>,
    closed: VecDeque<Session>,
    /// Number of the next session to close.
    end: u64,
}

impl Kept {
    fn closed_numbers(&self) -> Range<u64> {
        self.end - self.closed.len() as u64..self.end
    }

    fn get(&self, place: SessionRef) -> Option<&Session> {
        match place {
            SessionRef::Open(cookie) => {
                let open = self.open.get(&cookie).map(|open| &open.session);
                open.or_else(|| self.gone.get(&cookie))
            }
            SessionRef::Closed(number) => {
                let first = self.closed_numbers().start;
                self.closed
                    .get(usize::try_from(number.checked_sub(first)?).ok()?)
            }
        }
    }

    /// Removes an open session that has closed. Returns it, and true if its cookie stands for no other open session.
    fn take_away(&mut self, id: SessionId) -> (Option<Session>, bool) {
        match self.open.entry(id.cookie) {
            Entry::Occupied(place) if place.get().session.id() == id => {
                (Some(place.remove().session), true)
            }
            Entry::Occupied(_) => (take_same(&mut self.gone, id), false),
            Entry::Vacant(_) => (take_same(&mut self.gone, id), true),
        }
    }

    /// The session at a place, if it is the other end of this one.
    fn paired(&self, session: &Session, place: Option<SessionRef>) -> Option<PairedEnd<'_>> {
        let other = self.get(place?)?;
        are_ends_of_one(session, other).then_some(PairedEnd {
            at: place,
            session: other,
        })
    }
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

/// Opened sessions and moved bytes since rates were computed, at each end and by connection.
#[derive(Debug, Default)]
struct SinceRead {
    opened: u64,
    moved: Moved,
    connections: u64,
    of_connections: ConnectionBytes,
}

impl SinceRead {
    fn add(&mut self, change: &Change<'_>) {
        let opened = |s: &Session| u64::from(change.before.is_none() && has_opened(s));
        let opened = change.now.map_or(0, opened);
        self.opened += opened;
        self.moved += Moved {
            tx: change.sent,
            rx: change.moved - change.sent,
        };
        if change.other.is_none() {
            self.connections += opened;
        }
        self.of_connections.sent += change.of_connection.sent;
        self.of_connections.received += change.of_connection.received;
    }
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

/// Iterates over the closed sessions that exist when somebody starts counting: newest first and in chunks, so that
/// nothing waits for all of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backfill {
    /// Sessions from this number on are done or out of scope.
    next: u64,
    chunk: u64,
}

impl Backfill {
    /// Covers all sessions kept now, `chunk` at a time.
    pub fn new(store: &Store, chunk: u64) -> Self {
        Backfill {
            next: store.closed_numbers().end,
            chunk,
        }
    }

    pub fn is_done(&self, store: &Store) -> bool {
        self.next <= store.closed_numbers().start
    }

    /// Returns the number that the next chunk ends before.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// True if the session of that number has been handed out, or came later.
    pub fn has_reached(&self, number: u64) -> bool {
        self.next <= number
    }

    /// Returns the numbers of the next chunk, for [`Store::closed_in`]; empty when none is left.
    pub fn take_chunk(&mut self, store: &Store) -> Range<u64> {
        let end = self.next;
        self.next = end
            .saturating_sub(self.chunk)
            .max(store.closed_numbers().start)
            .min(end);
        self.next..end
    }
}

/// Removes the session only if it is the same one: an earlier session may have the same cookie.
fn take_same(known: &mut FxHashMap<u64, Session>, id: SessionId) -> Option<Session> {
    match known.entry(id.cookie) {
        Entry::Occupied(place) if place.get().id() == id => Some(place.remove()),
        _ => None,
    }
}

/// Bytes that must not be counted, or not be counted again.
#[derive(Debug, Default)]
struct Uncounted {
    /// Bytes of preexisting sessions when they were first seen.
    before_start: FxHashMap<SessionId, u64>,
    /// Bytes of sessions that are not followed at the moment.
    left: FxHashMap<SessionId, Moved>,
}

impl Uncounted {
    /// Notes a session that is no longer followed.
    fn leave(&mut self, session: &Session) {
        self.left.insert(session.id(), session.into());
    }

    /// Returns the bytes at the time it was left, if it is followed again.
    fn come_back(&mut self, session: &Session) -> Option<Moved> {
        self.left.remove(&session.id())
    }

    /// Returns the uncounted bytes of a preexisting session, which the first call determines.
    fn note(&mut self, session: &Session) -> u64 {
        if session.age == Age::Exact {
            return 0;
        }
        let bytes = || session.bytes();
        *self.before_start.entry(session.id()).or_insert_with(bytes)
    }

    fn of(&self, session: &Session) -> u64 {
        self.before_start.get(&session.id()).copied().unwrap_or(0)
    }

    fn forget(&mut self, session: &Session) {
        if session.age != Age::Exact {
            self.before_start.remove(&session.id());
        }
    }
}

/// Sets the rates and returns the change. Host-wide rates count from `read_ns` on.
fn changed<'a>(
    session: &'a mut Session,
    at: Option<SessionRef>,
    before: Option<&'a Session>,
    other: Option<PairedEnd<'a>>,
    read_ns: u64,
    uncounted: &mut Uncounted,
) -> Change<'a> {
    let since_start = set_rates(session, before);
    let left = match before {
        Some(_) => None,
        None => uncounted.come_back(session),
    };
    let moved = left.map_or(since_start, |had| had.until(session));
    Change {
        at,
        before,
        now: Some(session),
        moved: moved.both(),
        sent: moved.tx,
        uncounted: uncounted.note(session),
        is_new: before.is_none() && left.is_none() && session.age == Age::Exact,
        is_back: left.is_some(),
        other,
        of_connection: of_connection(session, before, other, moved, read_ns),
    }
}

/// The part of moved bytes that counts for the connection.
fn of_connection(
    session: &Session,
    before: Option<&Session>,
    other: Option<PairedEnd<'_>>,
    moved: Moved,
    read_ns: u64,
) -> ConnectionBytes {
    let Some(other) = other.map(|other| other.session) else {
        return ConnectionBytes::between(moved, Moved::default());
    };
    let is_counted_now = |s: &Session| s.age == Age::Exact && s.start_ns >= read_ns;
    match () {
        () if !leads(session, other) => ConnectionBytes::default(),
        () if before.is_some() => ConnectionBytes::between(moved, Moved::default()),
        // the other end came first, and was counted from its side
        () if is_counted_now(session) && is_counted_now(other) => {
            ConnectionBytes::between(moved, other.into())
        }
        () => ConnectionBytes::default(),
    }
}

fn report_change(change: Change<'_>, report: &mut impl FnMut(StoreEvent<'_>)) {
    let is_open = change.now.is_some_and(Session::is_open);
    report(match (change.before, is_open) {
        (_, false) => StoreEvent::Closed(change),
        (None, true) => StoreEvent::Opened(change),
        (Some(_), true) => StoreEvent::Updated(change),
    });
}

/// Time that the first rate of a session covers at least, s.
const SHORTEST_S: f32 = 1.0;

/// Sets the rates since the previous figures and returns the bytes moved since. Bytes that a preexisting session moved
/// before it was first seen belong to no interval.
fn set_rates(session: &mut Session, before: Option<&Session>) -> Moved {
    let (moved, since_ns) = match before {
        Some(b) => (Moved::from(b).until(session), b.end_ns),
        None if session.age != Age::Exact => (Moved::default(), session.start_ns),
        None => (Moved::from(&*session), session.start_ns),
    };
    let seconds = session.end_ns.saturating_sub(since_ns) as f32 / 1e9;
    // over the first milliseconds of a session, a rate would be that of a moment
    let seconds = match before {
        Some(_) => seconds,
        None => seconds.max(SHORTEST_S),
    };
    if seconds > 0.0 {
        session.tx_rate = moved.tx as f32 / seconds;
        session.rx_rate = moved.rx as f32 / seconds;
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::session::State;
    use crate::testing::sample::closed_session as sample;
    use crate::text::units::S;

    fn open(cookie: u64, tx_bytes: u64, end_ns: u64) -> Session {
        Session {
            cookie,
            tx_bytes,
            rx_bytes: 0,
            end_ns,
            state: State::Established,
            ..sample()
        }
    }

    fn closed(cookie: u64, tx_bytes: u64, end_ns: u64) -> Session {
        Session {
            state: State::Closed,
            ..open(cookie, tx_bytes, end_ns)
        }
    }

    fn snapshot(at_s: u64, open: Vec<Session>, closed: Vec<Session>) -> Batch {
        Batch {
            taken_ns: at_s * S,
            open: Some(open.into()),
            closed,
            ..Batch::default()
        }
    }

    #[test]
    fn store_rates_count_bytes_since_the_previous_snapshot() {
        let mut store = Store::new(10);
        store.apply(snapshot(10, vec![open(1, 500, 10 * S)], vec![]));
        store.apply(snapshot(12, vec![open(1, 2500, 12 * S)], vec![]));
        let session = store.get(SessionRef::Open(1)).expect("it is open");
        assert_eq!(session.tx_rate, 1000.0);
        assert_eq!(store.totals().tx_rate, 1000.0);
        // it closes with 500 bytes more, which count too
        store.apply(Batch {
            closed: vec![closed(1, 3000, 13 * S)],
            ..Batch::default()
        });
        // one opens and closes between two snapshots, one opens and stays, and one is found late
        store.apply(Batch {
            closed: vec![closed(2, 0, 13 * S)],
            ..Batch::default()
        });
        let found_late = Session {
            age: Age::LowerBound,
            ..open(4, 0, 14 * S)
        };
        store.apply(snapshot(14, vec![open(3, 0, 14 * S), found_late], vec![]));
        assert_eq!(
            (store.totals().tx_rate, store.totals().opened_rate),
            (250.0, 1.0)
        );
        assert_eq!(store.open_count(), 2);
    }

    #[test]
    fn store_preexisting_session_has_no_rate_at_first() {
        let mut store = Store::new(10);
        store.apply(snapshot(1, vec![], vec![]));
        let old = Session {
            age: Age::LowerBound,
            ..open(1, 1 << 40, 2 * S)
        };
        store.apply(snapshot(2, vec![old], vec![]));
        assert_eq!(store.totals().tx_rate, 0.0);
        assert_eq!(
            store.get(SessionRef::Open(1)).expect("it is open").tx_rate,
            0.0
        );
    }

    #[test]
    fn store_session_that_closes_during_the_snapshot_is_closed() {
        let mut store = Store::new(10);
        store.apply(snapshot(1, vec![open(1, 0, S)], vec![closed(1, 0, S)]));
        assert_eq!((store.open_count(), store.totals().closed), (0, 1));
        assert_eq!(store.get(SessionRef::Closed(0)).map(|s| s.cookie), Some(1));
    }

    #[test]
    fn store_bytes_sent_before_the_close_count_once() {
        let mut store = Store::new(10);
        store.apply(snapshot(
            10,
            vec![open(1, 500, 10 * S), open(2, 500, 10 * S)],
            vec![],
        ));
        // one closed before the snapshot and is reported in its batch, the other in a later batch
        store.apply(snapshot(11, vec![], vec![closed(1, 800, 10 * S + S / 2)]));
        assert_eq!(store.totals().tx_rate, 300.0);
        store.apply(Batch {
            closed: vec![closed(2, 900, 10 * S + S / 2)],
            ..Batch::default()
        });
        store.apply(snapshot(12, vec![], vec![]));
        assert_eq!(store.totals().tx_rate, 400.0);
    }

    #[test]
    fn store_unchanged_session_ages_without_an_event() {
        let mut store = Store::new(10);
        store.apply(snapshot(1, vec![open(1, 500, S), open(2, 500, S)], vec![]));
        let gone = |at_s: u64, cookies: &[u64]| Batch {
            taken_ns: at_s * S,
            open: Some(OpenSnapshot {
                gone: cookies.to_vec(),
                ..OpenSnapshot::default()
            }),
            ..Batch::default()
        };
        let mut told = 0;
        store.ingest(gone(2, &[]), |_| told += 1);
        assert_eq!(told, 0);
        let one = store.get(SessionRef::Open(1)).expect("it is open");
        assert_eq!((one.end_ns, one.tx_bytes, one.tx_rate), (2 * S, 500, 0.0));
        // 3 was never reported here, and 2 was skipped: it is still the same session, and open all the time
        store.ingest(gone(5, &[2, 3]), |_| told += 1);
        assert_eq!((store.open_count(), told), (2, 0));
        let again = snapshot(6, vec![open(1, 500, 6 * S), open(2, 700, 6 * S)], vec![]);
        let mut told = Vec::new();
        store.ingest(again, |event| {
            told.extend(event.change().map(|c| (c.moved, c.is_new)));
        });
        assert_eq!(told, [(0, false), (200, false)]);
    }

    #[test]
    fn store_events_cover_a_session_from_opened_to_evicted() {
        let mut store = Store::new(1);
        let events = |store: &mut Store, batch| {
            let mut events = Vec::new();
            store.ingest(batch, |event| {
                events.push(match event {
                    StoreEvent::Opened(c) => format!("opened {:?}", c.at),
                    StoreEvent::Updated(c) => format!("updated {:?}", c.at),
                    StoreEvent::Closed(c) => format!("closed {:?}", c.at),
                    StoreEvent::Vanished(c) => format!("vanished {:?}", c.at),
                    StoreEvent::Evicted(number, s, _) => format!("evicted {number}: {}", s.cookie),
                });
            });
            events
        };
        let first = snapshot(1, vec![open(7, 0, S), open(8, 0, S)], vec![]);
        let opened = ["opened Some(Open(7))", "opened Some(Open(8))"];
        assert_eq!(events(&mut store, first), opened);
        let second = snapshot(2, vec![open(7, 1, 2 * S)], vec![closed(8, 5, 2 * S)]);
        let closed_one = ["updated Some(Open(7))", "closed Some(Closed(0))"];
        assert_eq!(events(&mut store, second), closed_one);
        // 9 was never seen open; 7 is gone, which is certain at the next snapshot
        let third = snapshot(3, vec![], vec![closed(9, 5, 3 * S)]);
        let evicted = ["closed Some(Closed(1))", "evicted 0: 8"];
        assert_eq!(events(&mut store, third), evicted);
        assert_eq!(
            events(&mut store, snapshot(4, vec![], vec![])),
            ["vanished None"]
        );
        // what is passed while frozen has no place in the store, and takes the places of all others
        let mut passed = Vec::new();
        store.pass(closed(10, 5, 4 * S), |event| {
            passed.extend(event.change().map(|c| c.at));
        });
        assert_eq!(passed, [None]);
        let mut evicted = Vec::new();
        assert!(store.drop_passed(|event| match event {
            StoreEvent::Evicted(number, session, _) => evicted.push((number, session.cookie)),
            other => panic!("{other:?}"),
        }));
        assert_eq!((evicted, store.totals().closed), (vec![(1, 9)], 3));
    }

    #[test]
    fn backfill_returns_each_earlier_session_once_newest_first() {
        let mut store = Store::new(6);
        let batch =
            |cookies: Range<u64>| snapshot(1, vec![], cookies.map(|c| closed(c, 0, S)).collect());
        store.apply(batch(0..6));
        let mut backfill = Backfill::new(&store, 2);
        assert_eq!(backfill.take_chunk(&store), 4..6);
        // what comes later is not handed out, nor what is evicted meanwhile
        store.apply(batch(6..9));
        assert!(backfill.has_reached(6) && backfill.has_reached(4) && !backfill.has_reached(3));
        assert_eq!(backfill.take_chunk(&store), 3..4);
        assert!(backfill.is_done(&store));
        assert_eq!(backfill.take_chunk(&store), 3..3);
        let cookies = store.closed_in(0..100).rev().map(|(_, s)| s.cookie);
        assert_eq!(cookies.collect::<Vec<_>>(), [8, 7, 6, 5, 4, 3]);
    }

    #[test]
    fn store_reports_every_change_once() {
        let mut store = Store::new(10);
        let mut told = Vec::new();
        let mut apply = |batch| {
            told.clear();
            store.ingest(batch, |event| {
                let cookie = |s: Option<&Session>| s.map(|s| s.cookie);
                let told_of = |c: &Change<'_>| (cookie(c.before), cookie(c.now), c.moved, c.is_new);
                told.extend(event.change().map(told_of));
            });
            told.clone()
        };
        let opened = apply(snapshot(1, vec![open(1, 5, S), open(2, 0, S)], vec![]));
        assert_eq!(opened, [(None, Some(1), 5, true), (None, Some(2), 0, true)]);
        let ended = apply(snapshot(2, vec![], vec![closed(1, 7, S)]));
        assert_eq!(ended, [(Some(1), Some(1), 2, false)]);
        // how the other one closed was missed
        assert_eq!(
            apply(snapshot(3, vec![], vec![])),
            [(Some(2), None, 0, false)]
        );
        assert_eq!(apply(snapshot(4, vec![], vec![])), []);
        // likewise, and its socket has connected again
        apply(snapshot(5, vec![open(3, 0, 5 * S)], vec![]));
        apply(snapshot(6, vec![], vec![]));
        let again = Session {
            start_ns: 6 * S,
            ..open(3, 0, 7 * S)
        };
        let told = apply(snapshot(7, vec![again], vec![]));
        let (new, vanished) = ((None, Some(3), 0, true), (Some(3), None, 0, false));
        assert_eq!(told, [new, vanished]);
    }

    #[test]
    fn store_socket_that_connects_again_is_a_new_session() {
        let mut store = Store::new(10);
        let again = Session {
            start_ns: 2 * S,
            ..open(1, 7, 3 * S)
        };
        store.apply(snapshot(1, vec![open(1, 500, S)], vec![]));
        store.apply(snapshot(
            3,
            vec![again.clone()],
            vec![closed(1, 600, 2 * S)],
        ));
        let id = |place| store.get(place).map(Session::id);
        assert_eq!(id(SessionRef::Open(1)), Some(again.id()));
        assert_eq!(id(SessionRef::Closed(0)), Some(closed(1, 600, 2 * S).id()));
    }

    #[test]
    fn store_evicts_the_oldest_and_still_counts_them() {
        let mut store = Store::new(2);
        let batch = |n| Batch {
            closed: (0..n).map(|c| closed(c, 0, S)).collect(),
            ..Batch::default()
        };
        store.apply(batch(5));
        assert_eq!(store.totals().closed, 5);
        let kept: Vec<SessionRef> = store.closed().map(|(place, _)| place).collect();
        assert_eq!(kept, [SessionRef::Closed(4), SessionRef::Closed(3)]);
        assert_eq!(store.get(SessionRef::Closed(3)).map(|s| s.cookie), Some(3));
        assert_eq!(store.get(SessionRef::Closed(2)), None);
        assert_eq!(store.get(SessionRef::Closed(5)), None);
    }
}
