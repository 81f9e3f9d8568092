//! The sessions that the store keeps, open and closed.

use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::model::local_pairs::are_ends_of_one;
use crate::model::session::{Session, SessionId};
use crate::model::store::SessionRef;
use crate::model::store::change::PairedEnd;

/// Open session in the store.
#[derive(Debug)]
pub(super) struct OpenSession {
    pub(super) session: Session,
    /// The last snapshot that contained it.
    pub(super) snapshot: u64,
}

/// The sessions that are kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// By cookie. The kernel counts cookies up, so nobody can provoke hash collisions.
    pub(super) open: FxHashMap<u64, OpenSession>,
    /// Sessions that were in the snapshot before the last one and not in the last. Their end arrives in the same batch
    /// or soon after; if it has not arrived by the next snapshot, it was missed.
    pub(super) gone: FxHashMap<u64, Session>,
    pub(super) closed: VecDeque<Session>,
    /// Number of the next session to close.
    pub(super) end: u64,
}

impl Kept {
    pub(super) fn closed_numbers(&self) -> Range<u64> {
        self.end - self.closed.len() as u64..self.end
    }

    pub(super) fn get(&self, place: SessionRef) -> Option<&Session> {
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
    pub(super) fn take_away(&mut self, id: SessionId) -> (Option<Session>, bool) {
        match self.open.entry(id.cookie) {
            Entry::Occupied(place) if place.get().session.id() == id => {
                (Some(place.remove().session), true)
            }
            Entry::Occupied(_) => (take_same(&mut self.gone, id), false),
            Entry::Vacant(_) => (take_same(&mut self.gone, id), true),
        }
    }

    /// The session at a place, if it is the other end of this one.
    pub(super) fn paired(
        &self,
        session: &Session,
        place: Option<SessionRef>,
    ) -> Option<PairedEnd<'_>> {
        let other = self.get(place?)?;
        are_ends_of_one(session, other).then_some(PairedEnd {
            at: place,
            session: other,
        })
    }
}

/// Removes the session only if it is the same one: an earlier session may have the same cookie.
pub(super) fn take_same(known: &mut FxHashMap<u64, Session>, id: SessionId) -> Option<Session> {
    match known.entry(id.cookie) {
        Entry::Occupied(place) if place.get().id() == id => Some(place.remove()),
        _ => None,
    }
}
