//! Which sessions are shown, and the way back to what was shown before.
//!
//! Responsible for the choice that the keys make: scope, family, filter. Not for trying the sessions (`rows`).

use crate::filter::Filter;
use crate::model::capture_filter::Family;
use crate::model::session::Session;
use crate::ui::state::self_traffic::Own;

/// Filters that one can go back to.
const TRAIL: usize = 100;

/// Which sessions are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Open and finished ones.
    All,
    /// Open ones.
    Open,
    /// Finished ones.
    Closed,
}

/// Which sessions are shown.
#[derive(Debug)]
pub struct ViewFilter {
    /// Open ones, finished ones, or all.
    pub scope: Scope,
    /// Only this family.
    pub family: Option<Family>,
    /// Only those that match.
    pub filter: Filter,
    /// What the dashboard itself causes is hidden unless asked for.
    pub self_traffic: SelfTraffic,
    /// Filters that were in force before, the last one last.
    trail: Vec<Filter>,
}

impl ViewFilter {
    /// Everything that matches.
    pub fn new(filter: Filter) -> Self {
        ViewFilter {
            scope: Scope::All,
            family: None,
            filter,
            self_traffic: SelfTraffic::default(),
            trail: Vec::new(),
        }
    }

    /// True if it is a line of the table.
    pub fn shows(&self, session: &Session) -> bool {
        let scope = match self.scope {
            Scope::All => true,
            Scope::Open => session.is_open(),
            Scope::Closed => !session.is_open(),
        };
        scope && self.selects(session)
    }

    /// True if it is one of those that are meant, open or finished.
    pub fn selects(&self, session: &Session) -> bool {
        self.family.is_none_or(|f| f.version() == session.ip())
            && self.filter.matches(session)
            && !self.self_traffic.hides(session)
    }

    /// True if every session is meant but those of our own.
    pub fn selects_all(&self) -> bool {
        self.family.is_none() && self.filter.is_everything() && !self.self_traffic.shown
    }

    /// Only this family from now on; again: both.
    pub fn toggle(&mut self, family: Family) {
        self.family = (self.family != Some(family)).then_some(family);
    }

    /// The next scope.
    pub fn next_scope(&mut self) {
        self.scope = match self.scope {
            Scope::All => Scope::Open,
            Scope::Open => Scope::Closed,
            Scope::Closed => Scope::All,
        };
    }

    /// Another filter, after which one can go back to the one before. False if it is the same.
    pub fn go(&mut self, before: Filter, filter: Filter) -> bool {
        let is_other = before != filter;
        if is_other {
            let over = (self.trail.len() + 1).saturating_sub(TRAIL);
            self.trail.drain(..over);
            self.trail.push(before);
        }
        self.filter = filter;
        is_other
    }

    /// The filter before. False if there was none.
    pub fn back(&mut self) -> bool {
        match self.trail.pop() {
            Some(filter) => {
                self.filter = filter;
                true
            }
            None => false,
        }
    }
}
