//! Local connections, of which both ends are sessions of this host.
//!
//! Finds the other end of each session as it opens or closes, by a hash of its ends and network namespace. It takes only
//! ends in one namespace that are exactly reversed: `other_end` searches further, for one session.

use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};

use crate::model::interface::Interface;
use crate::model::session::{Direction, Session};
use crate::model::store::{Backfill, Change, SessionRef, Store, StoreEvent};
use crate::ui::state::other_end::are_ends_of_one;

/// Sessions that one step searches for: about a millisecond.
const CHUNK: u64 = 1 << 13;
/// Closed sessions without an other end wait for it until so many more have closed.
const RECENT: u64 = 1 << 15;

/// An event that concerns ends, kept until the store can be read.
#[derive(Clone, Copy, Debug)]
enum Event {
    Opened(u64),
    /// An open session, by its cookie, has closed with this number.
    Closed(u64, u64),
    Vanished(u64),
    Evicted(u64),
}

/// Both ends of each local connection. A kept closed session takes four bytes.
#[derive(Debug)]
pub struct LocalPairs {
    /// Sessions without an other end so far, by the hash of their ends.
    single: FxHashMap<u64, SessionRef>,
    /// Number of single sessions at which those that are gone or too old are removed.
    most_single: usize,
    /// Other ends of open sessions, by cookie.
    open: FxHashMap<u64, SessionRef>,
    /// Distances to the numbers of other ends, of closed sessions; 0: there is none, or it is open.
    closed: VecDeque<i32>,
    /// Number of the first of them.
    first: u64,
    /// Other ends of closed sessions that are still open: their cookies, by number.
    half_closed: FxHashMap<u64, u64>,
    events: Vec<Event>,
    /// Closed sessions for which the other end has changed.
    changed: Vec<u64>,
    /// Sessions that were there before: not searched for yet.
    open_before: Vec<u64>,
    closed_before: Backfill,
}

impl LocalPairs {
    /// Knows no connection yet; [`LocalPairs::work`] finds those between the sessions of the store.
    pub fn new(store: &Store) -> Self {
        let open = store.open().filter_map(|(place, _)| match place {
            SessionRef::Open(cookie) => Some(cookie),
            SessionRef::Closed(_) => None,
        });
        LocalPairs {
            single: FxHashMap::default(),
            most_single: 1 << 17,
            open: FxHashMap::default(),
            closed: VecDeque::new(),
            first: store.closed_numbers().end,
            half_closed: FxHashMap::default(),
            events: Vec::new(),
            changed: Vec::new(),
            open_before: open.collect(),
            closed_before: Backfill::new(store, CHUNK),
        }
    }

    /// True once all sessions that were there before have been searched for.
    pub fn is_whole(&self, store: &Store) -> bool {
        self.open_before.is_empty() && self.closed_before.is_done(store)
    }

    /// Searches for the next sessions that were there before.
    pub fn work(&mut self, store: &Store) {
        if !self.open_before.is_empty() {
            let left = self.open_before.len().saturating_sub(CHUNK as usize);
            for cookie in self.open_before.split_off(left) {
                self.opened(cookie, store);
            }
            return;
        }
        let numbers = self.closed_before.take_chunk(store);
        for number in numbers.rev() {
            self.closed.push_front(0);
            self.first = number;
            if let Some(session) = store.get(SessionRef::Closed(number)) {
                self.search(SessionRef::Closed(number), session, store);
            }
        }
        self.prune(store);
    }

    /// The other end of a session.
    pub fn other<'a>(
        &self,
        place: SessionRef,
        session: &Session,
        store: &'a Store,
    ) -> Option<(SessionRef, &'a Session)> {
        let other = self.linked(place)?;
        let found = store.get(other)?;
        are_ends_of_one(session, found).then_some((other, found))
    }

    /// Notes an event until [`LocalPairs::settle`].
    pub fn take(&mut self, event: &StoreEvent<'_>) {
        let cookie = |change: &Change<'_>| change.now.or(change.before).map(|s| s.cookie);
        match event {
            StoreEvent::Opened(change) => self.events.extend(cookie(change).map(Event::Opened)),
            StoreEvent::Closed(change) => {
                if let (Some(cookie), Some(SessionRef::Closed(number))) =
                    (cookie(change), change.at)
                {
                    self.events.push(Event::Closed(cookie, number));
                }
            }
            StoreEvent::Vanished(change) => {
                self.events.extend(cookie(change).map(Event::Vanished));
            }
            StoreEvent::Evicted(number, _) => self.events.push(Event::Evicted(*number)),
            // a filter may match the open end no longer
            StoreEvent::Updated(change) if !self.half_closed.is_empty() => {
                let other = cookie(change).and_then(|cookie| self.open.get(&cookie));
                if let Some(SessionRef::Closed(number)) = other {
                    self.changed.push(*number);
                }
            }
            StoreEvent::Updated(_) => {}
        }
    }

    /// Searches for the sessions of the noted events.
    pub fn settle(&mut self, store: &Store) {
        for event in std::mem::take(&mut self.events) {
            match event {
                Event::Opened(cookie) => {
                    self.unlink(SessionRef::Open(cookie));
                    self.opened(cookie, store);
                }
                Event::Closed(cookie, number) => self.close(cookie, number, store),
                Event::Vanished(cookie) => self.unlink(SessionRef::Open(cookie)),
                Event::Evicted(number) => {
                    self.unlink(SessionRef::Closed(number));
                    if number == self.first && self.closed.pop_front().is_some() {
                        self.first += 1;
                    }
                }
            }
        }
        self.prune(store);
    }

    /// Returns the closed sessions for which the other end has changed since the last call.
    pub fn take_changed(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.changed)
    }

    fn opened(&mut self, cookie: u64, store: &Store) {
        let place = SessionRef::Open(cookie);
        if let Some(session) = store.get(place) {
            self.search(place, session, store);
        }
    }

    fn close(&mut self, cookie: u64, number: u64, store: &Store) {
        if number != self.first + self.closed.len() as u64 {
            // sessions between were never kept
            self.closed.clear();
            self.half_closed.clear();
            self.first = number;
        }
        self.closed.push_back(0);
        let place = SessionRef::Closed(number);
        if let Some(other) = self.open.remove(&cookie) {
            self.link(place, other);
        } else if let Some(session) = store.get(place) {
            if let Entry::Occupied(own) = self.single.entry(key(session).0)
                && *own.get() == SessionRef::Open(cookie)
            {
                own.remove();
            }
            self.search(place, session, store);
        }
    }

    /// Searches for the other end among those without one.
    fn search(&mut self, place: SessionRef, session: &Session, store: &Store) {
        // links may have the same addresses
        if session.interface != Interface::default() {
            return;
        }
        let (own, reversed) = key(session);
        if let Entry::Occupied(found) = self.single.entry(reversed) {
            let other = *found.get();
            if store
                .get(other)
                .is_some_and(|s| are_ends_of_one(session, s))
            {
                found.remove();
                return self.link(place, other);
            }
        }
        self.single.insert(own, place);
    }

    fn linked(&self, place: SessionRef) -> Option<SessionRef> {
        match place {
            SessionRef::Open(cookie) => self.open.get(&cookie).copied(),
            SessionRef::Closed(number) => {
                let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
                match *self.closed.get(at)? {
                    0 => self.half_closed.get(&number).copied().map(SessionRef::Open),
                    distance => number
                        .checked_add_signed(distance.into())
                        .map(SessionRef::Closed),
                }
            }
        }
    }

    fn link(&mut self, a: SessionRef, b: SessionRef) {
        for (place, other) in [(a, b), (b, a)] {
            self.unset(place);
            match (place, other) {
                (SessionRef::Open(cookie), other) => {
                    self.open.insert(cookie, other);
                }
                (SessionRef::Closed(number), SessionRef::Open(cookie)) => {
                    self.half_closed.insert(number, cookie);
                }
                (SessionRef::Closed(number), SessionRef::Closed(other)) => {
                    // sessions further apart than that are never kept
                    let distance = i32::try_from(other.wrapping_sub(number) as i64);
                    self.set_distance(number, distance.unwrap_or(0));
                }
            }
            self.note(place);
        }
    }

    /// Removes both ends of a connection.
    fn unlink(&mut self, place: SessionRef) {
        if let Some(other) = self.linked(place) {
            self.unset(place);
            self.unset(other);
            self.note(other);
        }
    }

    fn unset(&mut self, place: SessionRef) {
        match place {
            SessionRef::Open(cookie) => {
                self.open.remove(&cookie);
            }
            SessionRef::Closed(number) => {
                self.half_closed.remove(&number);
                self.set_distance(number, 0);
            }
        }
    }

    fn set_distance(&mut self, number: u64, distance: i32) {
        let at = number.checked_sub(self.first).map(usize::try_from);
        if let Some(Ok(at)) = at
            && let Some(place) = self.closed.get_mut(at)
        {
            *place = distance;
        }
    }

    fn note(&mut self, place: SessionRef) {
        if let SessionRef::Closed(number) = place {
            self.changed.push(number);
        }
    }

    /// Removes what no session can belong to any more, whenever there is twice as much as after the last time.
    fn prune(&mut self, store: &Store) {
        if self.single.len() < self.most_single {
            return;
        }
        let recent = store.closed_numbers().end.saturating_sub(RECENT);
        // sessions that are still to be searched for closed before this time
        let left = store.get(SessionRef::Closed(self.closed_before.next()));
        let left_ns = left.map_or(0, |s| s.end_ns);
        self.single.retain(|_, place| {
            let session = store.get(*place);
            session.is_some_and(|s| match place {
                SessionRef::Open(_) => true,
                SessionRef::Closed(number) => *number >= recent || s.start_ns <= left_ns,
            })
        });
        self.open
            .retain(|cookie, _| store.get(SessionRef::Open(*cookie)).is_some());
        self.most_single = (2 * self.single.len()).max(1 << 17);
    }
}

/// Hashes of the ends as the session and as its other end have them.
fn key(session: &Session) -> (u64, u64) {
    let (ours, theirs) = session.ends();
    let hash = |ends: (std::net::SocketAddr, std::net::SocketAddr)| {
        let mut hasher = FxHasher::default();
        (session.netns, ends).hash(&mut hasher);
        hasher.finish()
    };
    (hash((ours, theirs)), hash((theirs, ours)))
}

/// True if of two ends that match this one has the line: the one that is open, then the one that connected.
pub fn comes_first(session: &Session, other: &Session) -> bool {
    let rank = |s: &Session| {
        let direction = match s.direction {
            Direction::Out => 0,
            Direction::Unknown => 1,
            Direction::In => 2,
        };
        // a client's port is usually the higher one
        let port = u16::MAX - s.lport;
        (!s.is_open(), direction, port, s.id())
    };
    rank(session) < rank(other)
}
