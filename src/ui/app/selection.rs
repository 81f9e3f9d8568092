//! The selected line of the session table, and scrolling.

use crate::model::session::Session;
use crate::model::store::SessionRef;
use crate::ui::action::{Motion, moved};
use crate::ui::app::{App, Selection};
use crate::ui::state::view_filter::Selected;

impl App {
    /// The session on the selected line.
    pub fn selected(&self) -> Option<&Session> {
        self.store.get(self.rows.get(self.selected, &self.store)?)
    }

    /// Visible sessions, each with true if it is selected.
    pub fn visible(&self, height: usize) -> impl Iterator<Item = (&Session, bool)> {
        let lines = self
            .rows
            .window(self.top, &self.store)
            .take(height)
            .zip(self.top..);
        lines.filter_map(|(place, i)| Some((self.store.get(place)?, i == self.selected)))
    }

    /// Number of the selected line, from 1; 0 if there is none.
    pub fn position(&self) -> usize {
        if self.rows.is_empty() {
            0
        } else {
            self.selected + 1
        }
    }

    /// Finds the selected session's line. If it is not shown any more, its line stays selected.
    pub(super) fn follow(&mut self) {
        let closed = self.store.totals().closed;
        if let Selection::Session(id, place) = self.selection {
            let is_it = |p: &SessionRef| self.store.get(*p).is_some_and(|s| s.id() == id);
            // if it moved, it has closed since
            let ended = (self.closed_when_followed..closed)
                .rev()
                .map(SessionRef::Closed);
            match std::iter::once(place).chain(ended).find(is_it) {
                Some(place) => {
                    self.selection = Selection::Session(id, place);
                    if let Some(session) = self.store.get(place)
                        && self.view_filter.shows(session)
                    {
                        self.selected = self.rows.line_of(place, session, &self.store);
                    }
                }
                None => self.select(self.selected),
            }
        }
        self.closed_when_followed = closed;
        self.selected = self.selected.min(self.rows.len().saturating_sub(1));
        if self.selection == Selection::Top {
            self.selected = 0;
        }
        self.scroll_to_selection();
    }

    /// The selected session, for [`App::select_again`].
    pub(super) fn selected_session(&self) -> Selected {
        match self.selection {
            Selection::Top => None,
            Selection::Session(id, place) => Some((id, place)),
        }
    }

    /// Selects a session again, if it is still there. It may have closed since, but hardly very long ago.
    pub(super) fn select_again(&mut self, selected: Selected) {
        const RECENT: usize = 1 << 14;
        let Some((id, place)) = selected else {
            self.selection = Selection::Top;
            return self.follow();
        };
        let is_it = |p: &SessionRef| self.store.get(*p).is_some_and(|s| s.id() == id);
        let recent = self.store.closed().take(RECENT).map(|(place, _)| place);
        let found = std::iter::once(place).chain(recent).find(is_it);
        if let Some(place) = found {
            self.selection = Selection::Session(id, place);
            self.follow();
        }
    }

    pub(super) fn move_selection(&mut self, motion: Motion) {
        let page = self.layout().rows();
        self.select(moved(self.selected, motion, page));
        if motion == Motion::Top {
            self.selection = Selection::Top;
        }
    }

    /// Selects the nearest existing line, and follows its session from now on.
    pub fn select(&mut self, line: usize) {
        self.selected = line.min(self.rows.len().saturating_sub(1));
        let place = self.rows.get(self.selected, &self.store);
        self.selection = match place.and_then(|p| Some((p, self.store.get(p)?))) {
            Some((place, session)) => Selection::Session(session.id(), place),
            None => Selection::Top,
        };
        self.scroll_to_selection();
    }

    pub(super) fn scroll_to_selection(&mut self) {
        let height = self.layout().rows().max(1);
        let last_top = self.rows.len().saturating_sub(height);
        self.top = self
            .top
            .min(self.selected)
            .max((self.selected + 1).saturating_sub(height))
            .min(last_top);
    }

    /// Number of lines in the table.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }
}
