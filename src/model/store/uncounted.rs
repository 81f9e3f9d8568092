//! Bytes of sessions that belong to no interval.

use rustc_hash::FxHashMap;

use crate::model::session::{Age, Session, SessionId};
use crate::model::store::change::Moved;

/// Bytes that must not be counted, or not be counted again.
#[derive(Debug, Default)]
pub(super) struct Uncounted {
    /// Bytes of preexisting sessions when they were first seen.
    before_start: FxHashMap<SessionId, Moved>,
    /// Bytes of sessions that are not followed at the moment.
    left: FxHashMap<SessionId, Moved>,
}

impl Uncounted {
    /// Notes a session that is no longer followed.
    pub(super) fn leave(&mut self, session: &Session) {
        self.left.insert(session.id(), session.into());
    }

    /// Returns the bytes at the time it was left, if it is followed again.
    pub(super) fn come_back(&mut self, session: &Session) -> Option<Moved> {
        self.left.remove(&session.id())
    }

    /// Returns the uncounted bytes of a preexisting session, which the first call determines.
    pub(super) fn note(&mut self, session: &Session) -> Moved {
        if session.age == Age::Exact {
            return Moved::default();
        }
        let bytes = || session.into();
        *self.before_start.entry(session.id()).or_insert_with(bytes)
    }

    pub(super) fn of(&self, session: &Session) -> Moved {
        let bytes = self.before_start.get(&session.id());
        bytes.copied().unwrap_or_default()
    }

    pub(super) fn forget(&mut self, session: &Session) {
        if session.age != Age::Exact {
            self.before_start.remove(&session.id());
        }
    }
}
