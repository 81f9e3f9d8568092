//! The view filter (scope, family and filter expression) and the trail of previous ones.
//!
//! The sessions are filtered in `rows`.

use crate::filter::Filter;
use crate::model::capture_filter::Family;
use crate::model::local_pairs::comes_first;
use crate::model::session::{Session, SessionId};
use crate::model::store::{PairedEnd, SessionRef, Store};
use crate::ui::state::self_traffic::SelfTraffic;

/// The session of the selected line; `None`: the first line, whichever that is.
pub type Selected = Option<(SessionId, SessionRef)>;

/// Maximum length of the trail.
const TRAIL: usize = 100;

/// Open sessions, closed ones, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    All,
    Open,
    Closed,
}

/// Scope, family and filter of a [`ViewFilter`].
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    scope: Scope,
    family: Option<Family>,
    filter: Filter,
}

/// The sessions to show.
#[derive(Debug)]
pub struct ViewFilter {
    pub scope: Scope,
    /// `None`: both.
    pub family: Option<Family>,
    pub filter: Filter,
    /// Moment at which the filter was chosen, ns: the time since the end of a session is as of then, so that no line has to
    /// go because time passes.
    pub chosen_ns: u64,
    /// Hidden unless asked for.
    pub self_traffic: SelfTraffic,
    /// A connection of which both ends are on this host has one line, and counts once.
    pub pairs: bool,
    /// Previous choices, the newest last, each with the session that was selected.
    trail: Vec<(Choice, Selected)>,
}

impl ViewFilter {
    /// Shows all sessions that match the filter.
    pub fn new(filter: Filter) -> Self {
        ViewFilter {
            scope: Scope::All,
            family: None,
            filter,
            chosen_ns: 0,
            self_traffic: SelfTraffic::default(),
            pairs: true,
            trail: Vec::new(),
        }
    }

    /// The same choice without a trail; `self_traffic` has counted nothing yet.
    #[must_use]
    pub fn restarted(&self, mut self_traffic: SelfTraffic) -> Self {
        self_traffic.shown = self.self_traffic.shown;
        ViewFilter {
            scope: self.scope,
            family: self.family,
            filter: self.filter.clone(),
            chosen_ns: self.chosen_ns,
            self_traffic,
            pairs: self.pairs,
            trail: Vec::new(),
        }
    }

    /// True if the table shows this session.
    pub fn shows(&self, session: &Session) -> bool {
        self.is_in_scope(session) && self.selects(session)
    }

    /// True if the scope includes this session.
    pub fn is_in_scope(&self, session: &Session) -> bool {
        match self.scope {
            Scope::All => true,
            Scope::Open => session.is_open(),
            Scope::Closed => !session.is_open(),
        }
    }

    /// True if the session is of a family that is shown.
    pub fn is_of_family(&self, session: &Session) -> bool {
        self.family.is_none_or(|f| f.version() == session.ip())
    }

    /// True if the session matches, open or closed.
    pub fn selects(&self, session: &Session) -> bool {
        self.is_of_family(session)
            && self.filter.matches_at(session, self.chosen_ns)
            && !self.self_traffic.hides(session)
    }

    /// True if a session that matches may be shown and counted beside its other end, which the filter may exclude.
    pub fn allows(&self, session: &Session, other: Option<&Session>) -> bool {
        !self.pairs
            || other.is_none_or(|other| self.filter.allows_line(session, other, self.chosen_ns))
    }

    /// True if every session matches, except self traffic, and a connection counts once: the sums of all are those.
    pub fn selects_all(&self) -> bool {
        self.family.is_none()
            && self.filter.is_everything()
            && !self.self_traffic.shown
            && self.pairs
    }

    /// The other end of a session, if both have one line.
    pub fn other_end<'a>(
        &self,
        place: SessionRef,
        session: &Session,
        store: &'a Store,
    ) -> Option<PairedEnd<'a>> {
        self.pairs.then(|| store.other_end(place, session))?
    }

    /// True if a session has a line: it is shown, and so is no end that comes before it.
    pub fn has_line(&self, place: SessionRef, session: &Session, store: &Store) -> bool {
        if !self.shows(session) {
            return false;
        }
        let other = self.other_end(place, session, store);
        let other = other.map(|other| other.session);
        let comes_before = |other: &Session| comes_first(other, session) && self.shows(other);
        !other.is_some_and(comes_before) && self.allows(session, other)
    }

    /// True if a filter, a family or open or closed sessions only are chosen.
    pub fn is_limited(&self) -> bool {
        !self.filter.is_everything() || self.family.is_some() || self.scope != Scope::All
    }

    /// Shows other sessions, and remembers what was shown, with the session that was selected. False if it is the same.
    pub fn go(&mut self, selected: Selected, to: Choice) -> bool {
        let before = self.choice();
        self.set(to);
        self.remember(before, selected)
    }

    /// Remembers what was shown before the present choice, and the session that was selected then. False if it is the same.
    pub fn remember(&mut self, before: Choice, selected: Selected) -> bool {
        let is_other = !self.is_choice(&before);
        if is_other {
            let over = (self.trail.len() + 1).saturating_sub(TRAIL);
            self.trail.drain(..over);
            self.trail.push((before, selected));
        }
        is_other
    }

    /// The present choice.
    pub fn choice(&self) -> Choice {
        Choice {
            scope: self.scope,
            family: self.family,
            filter: self.filter.clone(),
        }
    }

    /// True if this is what is shown now.
    pub fn is_choice(&self, choice: &Choice) -> bool {
        self.scope == choice.scope && self.family == choice.family && self.filter == choice.filter
    }

    /// Shows what was shown before. Returns what was selected then; `None`: that was not the previous choice.
    pub fn return_to(&mut self, before: Choice) -> Option<Selected> {
        let is_last = self.trail.last().is_some_and(|(c, _)| *c == before);
        let selected = match is_last && !self.is_choice(&before) {
            true => self.trail.pop().map(|(_, selected)| selected),
            false => None,
        };
        self.set(before);
        selected
    }

    /// True if there is a previous choice.
    pub fn has_previous(&self) -> bool {
        !self.trail.is_empty()
    }

    /// Returns to the previous choice, and what was selected then. `None` if there was none.
    pub fn back(&mut self) -> Option<Selected> {
        let (before, selected) = self.trail.pop()?;
        self.set(before);
        Some(selected)
    }

    fn set(&mut self, choice: Choice) {
        (self.scope, self.family, self.filter) = (choice.scope, choice.family, choice.filter);
    }
}

impl Choice {
    /// Every session, open or closed, of both families.
    pub fn all() -> Self {
        Choice {
            scope: Scope::All,
            family: None,
            filter: Filter::default(),
        }
    }

    /// The same scope and family with another filter.
    #[must_use]
    pub fn with(self, filter: Filter) -> Self {
        Choice { filter, ..self }
    }

    /// This family only, or both again.
    #[must_use]
    pub fn toggled(mut self, family: Family) -> Self {
        self.family = (self.family != Some(family)).then_some(family);
        self
    }

    /// The next scope.
    #[must_use]
    pub fn with_next_scope(mut self) -> Self {
        self.scope = match self.scope {
            Scope::All => Scope::Open,
            Scope::Open => Scope::Closed,
            Scope::Closed => Scope::All,
        };
        self
    }
}
