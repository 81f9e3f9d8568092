//! Figures that count sessions one by one.

use crate::model::session::Session;

/// Figures that sessions can be added to and removed from.
pub trait Count {
    /// True if the figures count such a session.
    fn concerns(_session: &Session) -> bool {
        true
    }
    fn add(&mut self, session: &Session);
    /// Removes a session, which is the same as when it was added.
    fn remove(&mut self, session: &Session);
    /// Takes note that a session is not kept any more.
    fn evict(&mut self, session: &Session) {
        self.remove(session);
    }
    /// Removes a session that does not count any more, because the other end of its connection stands for both.
    fn retract(&mut self, session: &Session) {
        self.remove(session);
    }
}
