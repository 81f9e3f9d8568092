//! One line or two for a connection of which both ends are on this host.

use crate::model::session::Session;
use crate::model::store::SessionRef;
use crate::ui::app::App;

impl App {
    /// Gives each local connection one line, or each of its ends.
    pub fn pair(&mut self, is_paired: bool) {
        self.rows.pair(is_paired, &self.store);
        self.restart();
    }

    /// Switches between one line and two, and says so.
    pub(super) fn toggle_pairs(&mut self) {
        let is_paired = !self.rows.is_paired();
        self.pair(is_paired);
        let text = match is_paired {
            true => "local connections: one line for both ends",
            false => "local connections: a line for each end",
        };
        self.notice.switched(text.into());
    }

    /// True if a session has a line in the table.
    pub(super) fn has_line(&self, place: SessionRef, session: &Session) -> bool {
        let shows = |s: &Session| self.view_filter.shows(s);
        self.rows.has_line(place, session, &self.store, shows)
    }

    /// The other end of a session, if both have one line.
    pub(super) fn other_end(
        &self,
        place: SessionRef,
        session: &Session,
    ) -> Option<(SessionRef, &Session)> {
        self.rows.other_end(place, session, &self.store)
    }
}
