//! One line or two for a connection of which both ends are on this host.

use crate::model::session::Session;
use crate::model::store::{PairedEnd, SessionRef};
use crate::ui::app::App;

impl App {
    /// Gives each local connection one line and counts it once, or does so for each of its ends.
    pub fn pair(&mut self, is_paired: bool) {
        self.view_filter.pairs = is_paired;
        self.choose();
    }

    /// True if a session has a line in the table.
    pub(super) fn has_line(&self, place: SessionRef, session: &Session) -> bool {
        self.view_filter.has_line(place, session, &self.store)
    }

    /// The other end of a session, if both have one line.
    pub(super) fn other_end(&self, place: SessionRef, session: &Session) -> Option<PairedEnd<'_>> {
        self.view_filter.other_end(place, session, &self.store)
    }
}
