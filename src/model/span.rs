//! A time taken out of batches: what closed in it, and what was open.

use rustc_hash::FxHashSet;

use crate::model::batch::{Batch, OpenSnapshot};
use crate::model::session::SessionId;

/// Time by which a session may come later than the moments after its end, ns.
const LATE_NS: u64 = 2_000_000_000;

/// Takes a time out of batches that begin before it, with all open sessions.
#[derive(Debug)]
pub struct Span {
    from_ns: u64,
    to_ns: u64,
    /// The open sessions before it.
    before: Option<OpenSnapshot>,
}

impl Span {
    /// The time from one instant to another, ns of boot time.
    pub fn new(from_ns: u64, to_ns: u64) -> Self {
        Span {
            from_ns,
            to_ns,
            before: None,
        }
    }

    /// Its first instant, ns of boot time.
    pub fn first_ns(&self) -> u64 {
        self.from_ns
    }

    /// Time of the last batch that is of use, ns of boot time.
    pub fn last_ns(&self) -> u64 {
        self.to_ns.saturating_add(LATE_NS)
    }

    /// Takes the next batch, and returns what of it is in this time.
    pub fn take(&mut self, mut batch: Batch) -> Option<Batch> {
        let closed: FxHashSet<SessionId> = batch.closed.iter().map(|s| s.id()).collect();
        if let Some(before) = &mut self.before {
            before.changed.retain(|s| !closed.contains(&s.id()));
        }
        if batch.taken_ns > self.to_ns {
            batch.open = None;
        } else if let Some(before) = self.before.take() {
            batch.open = Some(match batch.open.take() {
                Some(open) => open.after(before, &closed, batch.taken_ns),
                None => before,
            });
        }
        if batch.taken_ns < self.from_ns {
            self.before = batch.open.take();
        }
        let meant = self.from_ns..=self.to_ns;
        batch.closed.retain(|s| meant.contains(&s.end_ns));
        batch.taken_ns = batch.taken_ns.min(self.to_ns);
        (batch.open.is_some() || !batch.closed.is_empty()).then_some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::session::{Reason, Session, State};
    use crate::testing::sample::closed_session;

    fn session(cookie: u64, state: State, end_ns: u64) -> Session {
        Session {
            cookie,
            state,
            state_before_close: State::Established,
            reason: match state {
                State::Closed => Reason::LocalFin,
                _ => Reason::Open,
            },
            end_ns,
            ..closed_session()
        }
    }

    #[test]
    fn span_has_what_was_open_and_what_closed_in_it() {
        let mut span = Span::new(20, 40);
        let mut take = |taken_ns, open: &[u64], closed: &[u64], is_whole| {
            let of = |cookies: &[u64], state| {
                let all = cookies.iter().map(|c| session(*c, state, taken_ns));
                all.collect::<Vec<_>>()
            };
            let taken = span.take(Batch {
                open: Some(OpenSnapshot {
                    changed: of(open, State::Established),
                    is_whole,
                    ..OpenSnapshot::default()
                }),
                closed: of(closed, State::Closed),
                taken_ns,
                ..Batch::default()
            });
            taken.map(|batch| {
                let cookies = |all: Vec<Session>| {
                    let mut all: Vec<u64> = all.iter().map(|s| s.cookie).collect();
                    all.sort_unstable();
                    all
                };
                let open = batch
                    .open
                    .map(|open| (cookies(open.changed), open.is_whole));
                (open, cookies(batch.closed))
            })
        };
        assert_eq!(take(10, &[1, 2, 3], &[7], true), None);
        assert_eq!(take(15, &[2, 4], &[1], false), None);
        let first = take(20, &[5], &[3], false);
        assert_eq!(first, Some((Some((vec![2, 4, 5], true)), vec![3])));
        let next = take(30, &[2], &[], false);
        assert_eq!(next, Some((Some((vec![2], false)), vec![])));
        assert_eq!(take(50, &[6], &[2], false), None);
    }
}
