//! Events of the store, and the changes of sessions that they report.

use std::ops::AddAssign;

use crate::model::local_pairs::leads;
use crate::model::session::{Age, Session};
use crate::model::store::uncounted::Uncounted;
use crate::model::store::{SessionRef, Slot};

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
    pub(super) fn between(more: Moved, less: Moved) -> Self {
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
    /// Its slot among the open sessions, or the one that it had.
    pub slot: Option<Slot>,
    /// Its previous snapshot, while open; `None` if it was not known.
    pub before: Option<&'a Session>,
    /// Its current state; `None` if it is gone and its end was missed.
    pub now: Option<&'a Session>,
    /// Bytes moved in between, both directions.
    pub moved: u64,
    /// Part of `moved` that was sent.
    pub sent: u64,
    /// Bytes that a preexisting session had moved when it was first seen: they belong to no interval.
    pub uncounted: Moved,
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
    pub(super) fn gone(
        session: &'a Session,
        uncounted: Moved,
        other: Option<PairedEnd<'a>>,
    ) -> Self {
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

    /// The other end of a session that changes, or of its other end.
    pub fn other_than(&self, session: &Session) -> Option<&'a Session> {
        let other = self.other?.session;
        match other.id() == session.id() {
            true => self.now.or(self.before),
            false => Some(other),
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
pub struct Moved {
    pub tx: u64,
    pub rx: u64,
}

impl Moved {
    /// Returns the session's bytes beyond these.
    pub fn until(self, session: &Session) -> Moved {
        Moved {
            tx: session.tx_bytes.saturating_sub(self.tx),
            rx: session.rx_bytes.saturating_sub(self.rx),
        }
    }

    pub fn both(self) -> u64 {
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

/// Sets the rates and returns the change. Host-wide rates count from `read_ns` on.
pub(super) fn changed<'a>(
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
        slot: None,
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

pub(super) fn report_change(change: Change<'_>, report: &mut impl FnMut(StoreEvent<'_>)) {
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
