//! The selected line of the session table, and scrolling.

use crate::model::session::{Session, SessionId};
use crate::model::store::{PairedEnd, SessionRef};
use crate::ui::action::Motion;
use crate::ui::app::screens::NOT_SELECTED;
use crate::ui::app::{App, Selection};
use crate::ui::state::list::gone;
use crate::ui::state::turned_pages::{TablePosition, TurnedPages};
use crate::ui::state::view_filter::Selected;

/// A line of the session table.
#[derive(Clone, Copy, Debug)]
pub struct VisibleLine<'a> {
    pub session: &'a Session,
    /// The other end, if the line is that of both.
    pub other: Option<&'a Session>,
    pub is_selected: bool,
}

impl App {
    /// The session on the selected line.
    pub fn selected(&self) -> Option<&Session> {
        self.store.get(self.rows.get(self.selected, &self.store)?)
    }

    pub(super) fn selected_line(&self) -> Option<VisibleLine<'_>> {
        let place = self.rows.get(self.selected, &self.store)?;
        self.line(place, self.selected)
    }

    /// The line of this session, at an index of the table.
    fn line(&self, place: SessionRef, i: usize) -> Option<VisibleLine<'_>> {
        let session = self.store.get(place)?;
        let other = self.other_end(place, session).map(|other| other.session);
        Some(VisibleLine {
            session,
            other,
            is_selected: i == self.selected,
        })
    }

    /// Visible lines.
    pub fn visible(&self, height: usize) -> impl Iterator<Item = VisibleLine<'_>> {
        let lines = self
            .rows
            .window(self.top, &self.store)
            .take(height)
            .zip(self.top..);
        lines.filter_map(|(place, i)| self.line(place, i))
    }

    /// Number of the selected line, from 1; 0 if there is none.
    pub fn position(&self) -> usize {
        if self.rows.is_empty() {
            0
        } else {
            self.selected + 1
        }
    }

    /// Keeps the selection after a batch. It follows its session; but if that has closed and moves away for it, or is
    /// not shown any more, the cursor stays where it is on the screen.
    pub(super) fn follow(&mut self) {
        let line = self.selected.saturating_sub(self.top);
        let is_scrolled = self.top > 0;
        self.turn_to_line();
        if self.selection == Selection::Top {
            self.selected = 0;
        } else if let Some(line) = self.followed_line() {
            self.selected = line;
        } else {
            // among lines that move down, those around it stay
            if let Some((_, rank)) = self.followed.filter(|_| is_scrolled) {
                self.selected = self.rows.lines_before(rank, &self.store);
            }
            self.take_line();
        }
        if is_scrolled {
            self.top = self.selected.saturating_sub(line);
        }
        self.scroll_to_selection();
        self.keep_screen_line();
        self.note_followed();
    }

    /// The line to which the selection follows its session, if it does.
    fn followed_line(&self) -> Option<usize> {
        let (id, place) = self.selection.session()?;
        let session = self.shown(id, place)?;
        let rank = self.rows.rank_of(place, session);
        let line = self.rows.lines_before(rank, &self.store);
        let (before, rank_before) = self.followed?;
        let has_closed = matches!(
            (before, place),
            (SessionRef::Open(_), SessionRef::Closed(_))
        );
        // without its own line
        let stayed = self.rows.lines_before(rank_before, &self.store);
        let stayed = stayed.saturating_sub(usize::from(rank < rank_before));
        (!has_closed || line == stayed).then_some(line)
    }

    /// A session that the table shows.
    fn shown(&self, id: SessionId, place: SessionRef) -> Option<&Session> {
        let session = self.store.get(place).filter(|s| s.id() == id);
        session.filter(|s| self.has_line(place, s))
    }

    /// Selects the other end, if a local connection has its line.
    fn turn_to_line(&mut self) {
        if let Selection::Session(id, place) = self.selection
            && let Some(session) = self.store.get(place).filter(|s| s.id() == id)
            && !self.has_line(place, session)
            && let Some(PairedEnd {
                at: Some(place),
                session: other,
            }) = self.other_end(place, session)
            && self.has_line(place, other)
        {
            self.selection = Selection::Session(other.id(), place);
        }
    }

    /// Keeps the selection on its session and on the screen after the filter or the order has changed. If the filter
    /// hides the session, the next line is selected until it is shown again.
    pub(super) fn follow_restarted(&mut self) {
        self.turned_pages = TurnedPages::default();
        if let Some((id, place)) = self.hidden
            && self.shown(id, place).is_some()
        {
            self.selection = Selection::Session(id, place);
            self.hidden = None;
        }
        self.turn_to_line();
        match self.selection {
            Selection::Top => self.selected = 0,
            Selection::Session(id, place) => {
                let session = self.store.get(place).filter(|s| s.id() == id);
                if let Some(session) = session {
                    self.selected = self.rows.line_of(place, session, &self.store);
                }
                if self.shown(id, place).is_none() {
                    self.hidden = self.hidden.or(session.map(|_| (id, place)));
                    self.take_line();
                }
            }
        }
        self.selected = self.selected.min(self.rows.len().saturating_sub(1));
        self.top = self.selected.saturating_sub(self.screen_line);
        self.scroll_to_selection();
        self.note_followed();
    }

    /// Selects the session that is on the selected line now.
    fn take_line(&mut self) {
        self.selected = self.selected.min(self.rows.len().saturating_sub(1));
        let place = self.rows.get(self.selected, &self.store);
        self.selection = match place.and_then(|p| Some((p, self.store.get(p)?))) {
            Some((place, session)) => Selection::Session(session.id(), place),
            None => Selection::Top,
        };
    }

    fn note_followed(&mut self) {
        let session = self.selection.session();
        self.followed = session.and_then(|(id, place)| {
            let session = self.shown(id, place)?;
            Some((place, self.rows.rank_of(place, session)))
        });
    }

    /// Makes the selection keep its present line of the screen.
    pub(super) fn keep_screen_line(&mut self) {
        self.screen_line = self.selected.saturating_sub(self.top);
    }

    /// The session to select again when the present filter is left: see [`App::select_again`].
    pub(super) fn selected_session(&self) -> Selected {
        self.hidden.or(self.selection.session())
    }

    /// Selects a session again, if it is still there. It may have closed since, but hardly very long ago.
    pub(super) fn select_again(&mut self, selected: Selected) {
        const RECENT: usize = 1 << 14;
        let Some((id, place)) = selected else {
            return self.select_top();
        };
        if let Some(place) = self.find_again(id, place, RECENT) {
            self.hidden = None;
            self.selection = Selection::Session(id, place);
            self.follow_restarted();
        }
    }

    /// Finds a session at the place where it was, or else among as many as this that closed last.
    pub(super) fn find_again(
        &self,
        id: SessionId,
        place: SessionRef,
        most: usize,
    ) -> Option<SessionRef> {
        let is_it = |place: &SessionRef| self.store.get(*place).is_some_and(|s| s.id() == id);
        let recent = self.store.closed().take(most).map(|(place, _)| place);
        std::iter::once(place).chain(recent).find(is_it)
    }

    /// Selects the first line, whichever session that is.
    pub(super) fn select_top(&mut self) {
        self.select(0);
        self.selection = Selection::Top;
        self.followed = None;
    }

    pub(super) fn move_selection(&mut self, motion: Motion) {
        if self.rows.is_empty() {
            self.notice.hint(NOT_SELECTED.into());
        }
        let page = self.layout().rows();
        let before = TablePosition {
            top: self.top,
            selected: self.selected,
            is_first: self.selection == Selection::Top,
        };
        let mut turned = std::mem::take(&mut self.turned_pages);
        let known_ns = self.page_known_ns();
        match (motion, turned.turned_back(motion, self.now_ns, known_ns)) {
            (Motion::Top, _) => self.select_top(),
            (_, Some(to)) => {
                self.top = to.top;
                match to.is_first {
                    true => self.select_top(),
                    false => self.select(to.selected),
                }
            }
            (_, None) => {
                let rows = self.row_count();
                let (top, selected) = gone(self.top, self.selected, motion, rows, page);
                self.top = top;
                self.select(selected);
                if self.top != before.top {
                    turned.remember(motion, before);
                }
            }
        }
        self.turned_pages = turned;
    }

    /// Time for which a page can be turned back to where one was: while one is still turning pages.
    fn page_known_ns(&self) -> u64 {
        /// With a longer interval, the clock of the display is too coarse for that.
        const LEAST_NS: u64 = 2_000_000_000;
        let interval = self.interval.stretched.unwrap_or(self.interval.interval);
        let interval_ns = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        LEAST_NS.max(interval_ns.saturating_mul(2))
    }

    /// Selects the nearest existing line, and follows its session from now on.
    pub fn select(&mut self, line: usize) {
        self.turned_pages = TurnedPages::default();
        self.selected = line;
        self.hidden = None;
        self.take_line();
        self.scroll_to_selection();
        self.keep_screen_line();
        self.note_followed();
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
