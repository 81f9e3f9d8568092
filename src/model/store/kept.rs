//! The sessions that the store keeps, open and closed.

use std::collections::VecDeque;
use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::model::local_pairs::are_ends_of_one;
use crate::model::session::{Session, SessionId};
use crate::model::store::SessionRef;
use crate::model::store::change::PairedEnd;
use crate::model::store::open_sessions::{OpenSessions, Slot};

/// The sessions that are kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Also those that were in the snapshot before the last one and not in the last. Their end arrives in the same batch or
    /// soon after; if it has not arrived by the next snapshot, it was missed.
    pub(super) open: OpenSessions,
    /// Slots of sessions that were not in the last snapshot; some may have closed since.
    pub(super) missing: Vec<Slot>,
    /// Open sessions whose cookie stands for a later one, and the number of the last snapshot in which it did not.
    pub(super) replaced: FxHashMap<SessionId, (u32, Session)>,
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
            SessionRef::Open(cookie) => self.open.get(cookie),
            SessionRef::Closed(number) => {
                let first = self.closed_numbers().start;
                self.closed
                    .get(usize::try_from(number.checked_sub(first)?).ok()?)
            }
        }
    }

    /// The open session with this identity.
    pub(super) fn open(&self, id: SessionId) -> Option<&Session> {
        let open = self.open.get(id.cookie).filter(|s| s.id() == id);
        open.or_else(|| self.replaced.get(&id).map(|(_, session)| session))
    }

    /// Removes an open session that has closed. Returns it with its slot, and true if its cookie stands for no other open
    /// session.
    pub(super) fn take_away(&mut self, id: SessionId) -> (Option<(Session, Option<Slot>)>, bool) {
        let slot = self.open.slot(id.cookie);
        let is_it = |slot: &Slot| self.open.at(*slot).is_some_and(|s| s.id() == id);
        match slot.filter(is_it) {
            Some(_) => {
                let session = self.open.remove(id.cookie);
                (session.map(|session| (session, slot)), true)
            }
            None => {
                // most sessions that close were never seen open
                let replaced = match self.replaced.is_empty() {
                    true => None,
                    false => self.replaced.remove(&id),
                };
                (replaced.map(|(_, session)| (session, None)), slot.is_none())
            }
        }
    }

    /// Adds a session that has closed, with room for `keep` and one more.
    pub(super) fn close(&mut self, session: Session, keep: usize) {
        if self.closed.len() == self.closed.capacity() {
            // twice as much, but not more than is ever used
            let more = self.closed.len().max(64);
            let most = keep.saturating_add(1).saturating_sub(self.closed.len());
            self.closed.reserve_exact(more.min(most).max(1));
        }
        self.closed.push_back(session);
        self.end += 1;
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
