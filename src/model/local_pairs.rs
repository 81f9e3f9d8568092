//! Local connections, of which both ends are sessions of this host.
//!
//! Finds the other end of each session as it opens or closes, by a hash of its ends and network namespace. It takes only
//! ends in one namespace that are exactly reversed: `ui::state::other_end` searches further, for one session.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};

use foldhash::fast::RandomState;
use rustc_hash::{FxHashMap, FxHasher};

use crate::model::interface::{Interface, bits};
use crate::model::session::{Age, Direction, Session};
use crate::model::store::SessionRef;

/// Closed sessions without an other end wait for it until so many more have closed.
const RECENT: u64 = 1 << 15;
/// Number of single sessions at which those that are gone or too old are removed, at least.
const PRUNED: usize = 1 << 17;

/// The lower 48 bits of a word. They keep the map of single sessions small, which has an entry for nearly every open one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Low48([u8; 6]);

impl Hash for Low48 {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64((*self).into());
    }
}

impl From<u64> for Low48 {
    fn from(word: u64) -> Self {
        let [a, b, c, d, e, f, ..] = word.to_le_bytes();
        Low48([a, b, c, d, e, f])
    }
}

impl From<Low48> for u64 {
    fn from(Low48([a, b, c, d, e, f]): Low48) -> Self {
        u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
    }
}

/// A hash of ends in six bytes: a million sessions have two that are equal on one host in five hundred.
fn tag(hash: u64) -> Low48 {
    (hash ^ hash >> 48).into()
}

/// A reference to a session in six bytes: the kernel counts cookies up, and no host gets to the highest of these bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Packed(Low48);

const CLOSED: u64 = 1 << 47;

impl From<SessionRef> for Packed {
    fn from(place: SessionRef) -> Self {
        let word = match place {
            SessionRef::Open(cookie) => cookie & !CLOSED,
            SessionRef::Closed(number) => number | CLOSED,
        };
        Packed(word.into())
    }
}

impl From<Packed> for SessionRef {
    fn from(Packed(place): Packed) -> Self {
        let place = u64::from(place);
        match place & CLOSED {
            0 => SessionRef::Open(place),
            _ => SessionRef::Closed(place & !CLOSED),
        }
    }
}

/// Both ends of each local connection. A kept closed session takes four bytes.
#[derive(Debug, Default)]
pub struct LocalPairs {
    /// Sessions without an other end so far, by the hash of their ends. Strangers choose most of the ends: equal hashes only
    /// hide a connection, but the map must not put many into one place.
    single: HashMap<Low48, Packed, RandomState>,
    /// Number of single sessions after the last time that those that are gone or too old were removed.
    pruned: usize,
    /// Other ends of open sessions, by cookie.
    open: FxHashMap<u64, Packed>,
    /// Distances to the numbers of other ends, of closed sessions; 0: there is none, or it is open.
    closed: VecDeque<i32>,
    /// Number of the first of them.
    first: u64,
    /// Other ends of closed sessions that are still open: their cookies, by number.
    half_closed: FxHashMap<u64, u64>,
    /// Connections of which both ends have closed, and those of which one end closed and was evicted.
    past: u64,
}

impl LocalPairs {
    /// Number of connections with two open ends.
    pub fn with_both_open(&self) -> usize {
        self.open.len().saturating_sub(self.half_closed.len()) / 2
    }

    /// Number of connections of which an end has closed, since the start.
    pub fn with_closed_end(&self) -> u64 {
        self.half_closed.len() as u64 + self.past
    }

    /// Counts connections of which ends closed that are not kept.
    pub fn count_passed(&mut self, connections: u64) {
        self.past += connections;
    }

    /// Searches for the other end of a session that was opened. `get` looks up earlier sessions.
    pub fn opened<'a>(
        &mut self,
        session: &Session,
        get: impl Fn(SessionRef) -> Option<&'a Session>,
    ) {
        let place = SessionRef::Open(session.cookie);
        self.unlink(place);
        self.search(place, session, get);
    }

    /// Takes a session that has closed; `was_open`: it is the one that the cookie of an open session stood for, and was known.
    pub fn closed<'a>(
        &mut self,
        number: u64,
        session: &Session,
        was_open: bool,
        get: impl Fn(SessionRef) -> Option<&'a Session>,
    ) {
        if number != self.first + self.closed.len() as u64 {
            // sessions between were never kept
            self.closed.clear();
            self.half_closed.clear();
            self.first = number;
        }
        self.closed.push_back(0);
        let place = SessionRef::Closed(number);
        let cookie = session.cookie;
        if was_open && let Some(other) = self.open.remove(&cookie) {
            return self.link(place, other.into());
        }
        if was_open
            && let Entry::Occupied(own) = self.single.entry(tag(key(session).0))
            && *own.get() == SessionRef::Open(cookie).into()
        {
            own.remove();
        }
        self.search(place, session, get);
    }

    /// Takes an open session that is gone.
    pub fn vanished(&mut self, cookie: u64) {
        self.unlink(SessionRef::Open(cookie));
    }

    /// Takes the oldest closed session, which was evicted.
    pub fn evicted(&mut self, number: u64) {
        self.past += u64::from(self.half_closed.contains_key(&number));
        self.unlink(SessionRef::Closed(number));
        if number == self.first && self.closed.pop_front().is_some() {
            self.first += 1;
        }
    }

    /// The other end of a session.
    pub fn other(&self, place: SessionRef) -> Option<SessionRef> {
        match place {
            SessionRef::Open(cookie) => self.open.get(&cookie).map(|other| (*other).into()),
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

    /// Removes single sessions that no other end can belong to any more, whenever there are twice as many as after the last
    /// time. `end` is the number of the next session to close.
    pub fn prune<'a>(&mut self, end: u64, get: impl Fn(SessionRef) -> Option<&'a Session>) {
        if self.single.len() < (2 * self.pruned).max(PRUNED) {
            return;
        }
        let recent = end.saturating_sub(RECENT);
        self.single.retain(|_, place| {
            let place = SessionRef::from(*place);
            let is_recent = match place {
                SessionRef::Open(_) => true,
                SessionRef::Closed(number) => number >= recent,
            };
            is_recent && get(place).is_some()
        });
        self.pruned = self.single.len();
    }

    /// Searches for the other end among those without one.
    fn search<'a>(
        &mut self,
        place: SessionRef,
        session: &Session,
        get: impl Fn(SessionRef) -> Option<&'a Session>,
    ) {
        // links may have the same addresses
        if session.interface != Interface::default() {
            return;
        }
        let (own, reversed) = key(session);
        if let Some(found) = self.single.get(&tag(reversed)) {
            let other = SessionRef::from(*found);
            if get(other).is_some_and(|s| are_ends_of_one(session, s)) {
                self.single.remove(&tag(reversed));
                return self.link(place, other);
            }
        }
        self.single.insert(tag(own), place.into());
    }

    fn link(&mut self, a: SessionRef, b: SessionRef) {
        for (place, other) in [(a, b), (b, a)] {
            self.unset(place);
            match (place, other) {
                (SessionRef::Open(cookie), other) => {
                    self.open.insert(cookie, other.into());
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
        }
        let is_past = matches!((a, b), (SessionRef::Closed(_), SessionRef::Closed(_)));
        self.past += u64::from(is_past);
    }

    /// Removes both ends of a connection.
    fn unlink(&mut self, place: SessionRef) {
        if let Some(other) = self.other(place) {
            self.unset(place);
            self.unset(other);
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
}

/// Hashes of the ends as the session and as its other end have them.
pub fn key(session: &Session) -> (u64, u64) {
    let end = |addr, port| {
        let mut hasher = FxHasher::default();
        hasher.write_u128(bits(addr));
        hasher.write_u16(port);
        hasher.finish()
    };
    let ours = end(session.laddr, session.lport);
    let theirs = end(session.raddr, session.rport);
    let hash = |ends: [u64; 2]| {
        let mut hasher = FxHasher::default();
        hasher.write_u32(session.netns);
        ends.into_iter().for_each(|end| hasher.write_u64(end));
        hasher.finish()
    };
    (hash([ours, theirs]), hash([theirs, ours]))
}

/// True if of both ends of a connection this one stands for it: the one that connected, as far as that is known.
pub fn leads(session: &Session, other: &Session) -> bool {
    seniority(session) < seniority(other)
}

/// True if of two ends that match this one has the line: the one that is open, then the one that stands for both.
pub fn comes_first(session: &Session, other: &Session) -> bool {
    let rank = |s: &Session| (!s.is_open(), seniority(s));
    rank(session) < rank(other)
}

fn seniority(session: &Session) -> impl Ord + use<> {
    let direction = match session.direction {
        Direction::Out => 0,
        Direction::Unknown => 1,
        Direction::In => 2,
    };
    // a client's port is usually the higher one
    (direction, u16::MAX - session.lport, session.id())
}

/// True if two sessions are the ends of one connection within a network namespace, as far as they alone can tell.
pub fn are_ends_of_one(a: &Session, b: &Session) -> bool {
    let (ours, theirs) = a.ends();
    let is_exact = a.age == Age::Exact && b.age == Age::Exact;
    a.id() != b.id()
        && a.netns == b.netns
        && b.ends() == (theirs, ours)
        && is_at_the_same_time(a, b)
        && (!is_exact || began_together(a, b))
}

/// One end may close, or be first seen, a little later than the other.
const SLACK_NS: u64 = 1_000_000_000;

/// True if one of the sessions began before the other closed, and the other way round.
pub fn is_at_the_same_time(a: &Session, b: &Session) -> bool {
    let begins_in_time =
        |a: &Session, b: &Session| a.is_open() || b.start_ns <= a.end_ns + SLACK_NS;
    begins_in_time(a, b) && begins_in_time(b, a)
}

/// True if both may have begun with the same handshake.
pub fn began_together(a: &Session, b: &Session) -> bool {
    match (a.age, b.age) {
        (Age::Exact, Age::Exact) => apart_ns(a, b) <= SLACK_NS,
        (Age::LowerBound, Age::LowerBound) => true,
        _ => false,
    }
}

/// Time between the beginnings of two sessions.
pub fn apart_ns(a: &Session, b: &Session) -> u64 {
    let begun = |s: &Session| match s.established_ns {
        0 => s.start_ns,
        at => at,
    };
    begun(a).abs_diff(begun(b))
}
