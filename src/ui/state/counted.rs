//! Figures of exactly the sessions that the table shows, kept up to date however many there are.
//!
//! Responsible for that each of them is counted once: the open ones anew at each look, the finished ones a chunk at a
//! time, and those that the store lets go are taken back. Not for what is counted.

use std::ops::Range;

use crate::model::session::Session;
use crate::model::store::{Place, Store};
use crate::ui::state::view_filter::Choice;

/// Finished sessions that are counted at a time: a few milliseconds.
const CHUNK: u64 = 1 << 13;

/// What sessions are counted in.
pub trait Count {
    /// A session is one of them.
    fn add(&mut self, session: &Session);
    /// It is none any more; it is as it was when it was added.
    fn remove(&mut self, session: &Session);
}

/// The counts.
#[derive(Debug)]
pub struct Counted<T> {
    empty: fn() -> T,
    /// Of the open sessions.
    pub open: T,
    /// Of the finished ones.
    pub finished: T,
    /// Numbers of the finished sessions that were tried.
    tried: Range<u64>,
}

impl<T: Count> Counted<T> {
    /// Counts the open sessions and the newest finished ones; the older ones are counted by [`Counted::work`].
    pub fn new(empty: fn() -> T, store: &Store, choice: &Choice) -> Self {
        let end = store.finished_numbers().end;
        let mut counted = Counted {
            empty,
            open: empty(),
            finished: empty(),
            tried: end..end,
        };
        counted.look(store, choice);
        counted.work(store, choice);
        counted
    }

    /// The same of other sessions.
    pub fn restart(&mut self, store: &Store, choice: &Choice) {
        *self = Counted::new(self.empty, store, choice);
    }

    /// Before that many finished sessions come into the store, which keeps so many: what it will let go is taken back.
    pub fn let_go(&mut self, store: &Store, choice: &Choice, coming: usize, keep: usize) {
        let end = store.finished_numbers().end + coming as u64;
        let first = end.saturating_sub(keep as u64).min(self.tried.end);
        for number in self.tried.start..first {
            if let Some(session) = chosen(store, choice, number) {
                self.finished.remove(session);
            }
        }
        self.tried.start = self.tried.start.max(first);
    }

    /// After they have come: the new ones are counted.
    pub fn take(&mut self, store: &Store, choice: &Choice) {
        let kept = store.finished_numbers();
        if self.tried.end < kept.start {
            self.tried = kept.start..kept.start;
        }
        self.count(self.tried.end..kept.end, store, choice);
        self.tried.end = kept.end;
    }

    /// The open sessions have other figures.
    pub fn look(&mut self, store: &Store, choice: &Choice) {
        self.open = (self.empty)();
        for (_, session) in store.open().filter(|(_, s)| choice.shows(s)) {
            self.open.add(session);
        }
    }

    /// True while there are finished sessions that have not been counted yet.
    pub fn is_working(&self, store: &Store) -> bool {
        self.tried.start > store.finished_numbers().start
    }

    /// Counts some of them.
    pub fn work(&mut self, store: &Store, choice: &Choice) {
        let first = store.finished_numbers().start;
        let from = self.tried.start.saturating_sub(CHUNK).max(first);
        self.count(from..self.tried.start, store, choice);
        self.tried.start = self.tried.start.min(from);
    }

    fn count(&mut self, numbers: Range<u64>, store: &Store, choice: &Choice) {
        for number in numbers {
            if let Some(session) = chosen(store, choice, number) {
                self.finished.add(session);
            }
        }
    }
}

fn chosen<'a>(store: &'a Store, choice: &Choice, number: u64) -> Option<&'a Session> {
    let session = store.get(Place::Finished(number));
    session.filter(|s| choice.shows(s))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::filter::Filter;
    use crate::model::batch::Batch;
    use crate::model::session::{Reason, State};
    use crate::testing::sample::finished as sample;
    use crate::ui::state::distributions::Spread;
    use crate::ui::state::failures::Failed;

    fn session(cookie: u64, open: bool) -> Session {
        Session {
            cookie,
            state: if open {
                State::Established
            } else {
                State::Closed
            },
            reason: if open {
                Reason::Open
            } else {
                Reason::ALL[1 + cookie as usize % (Reason::ALL.len() - 1)]
            },
            end_ns: 1_000_050_000 + cookie * 7_000_000,
            tx_bytes: cookie * cookie,
            rport: 80 + (cookie % 3) as u16,
            ..sample()
        }
    }

    /// The same, all at once.
    fn whole<T: Count>(empty: fn() -> T, store: &Store, choice: &Choice) -> Counted<T> {
        let mut counted = Counted::new(empty, store, choice);
        while counted.is_working(store) {
            counted.work(store, choice);
        }
        counted
    }

    proptest! {
        #[test]
        fn counting_as_it_comes_is_counting_all_anew(
            keep in 0_usize..60,
            // how many were finished before, how many end, how many are open, and whether some work is done
            batches in prop::collection::vec((0_u64..40, 0_u64..20, any::<bool>()), 1..12),
        ) {
            let choice = Choice::new(Filter::parse("rport 80 or rport 81").expect("a filter"));
            let mut store = Store::new(keep);
            let mut cookie = 0;
            let mut apply = |store: &mut Store, spread: Option<(&mut Counted<Spread>, &mut Counted<Failed>)>, (ended, open): (u64, u64)| {
                let closed: Vec<Session> = (0..ended).map(|c| session(cookie + c, false)).collect();
                cookie += ended;
                let opened: Vec<Session> = (0..open).map(|c| session(1 << 20 | c, true)).collect();
                let batch = Batch {
                    open: Some(opened.into()),
                    closed,
                    ..Batch::default()
                };
                match spread {
                    None => store.apply(batch),
                    Some((spread, failed)) => {
                        spread.let_go(store, &choice, batch.closed.len(), keep);
                        failed.let_go(store, &choice, batch.closed.len(), keep);
                        store.apply(batch);
                        spread.take(store, &choice);
                        spread.look(store, &choice);
                        failed.take(store, &choice);
                        failed.look(store, &choice);
                    }
                }
            };
            apply(&mut store, None, (50, 3));
            let mut spread = Counted::new(Spread::default, &store, &choice);
            let mut failed = Counted::new(Failed::default, &store, &choice);
            for (ended, open, works) in batches {
                apply(&mut store, Some((&mut spread, &mut failed)), (ended, open));
                if works {
                    spread.work(&store, &choice);
                    failed.work(&store, &choice);
                }
            }
            while spread.is_working(&store) || failed.is_working(&store) {
                spread.work(&store, &choice);
                failed.work(&store, &choice);
            }
            let anew = whole(Spread::default, &store, &choice);
            prop_assert_eq!(spread.finished.counts(), anew.finished.counts());
            prop_assert_eq!(spread.open.counts(), anew.open.counts());
            let anew = whole(Failed::default, &store, &choice);
            prop_assert_eq!(failed.finished.counts(), anew.finished.counts());
            let shown = store.open().chain(store.finished()).filter(|(_, s)| choice.shows(s)).count();
            let counted = spread.finished.counts()[0].iter().sum::<u64>() + spread.open.counts()[0].iter().sum::<u64>();
            prop_assert_eq!(counted, shown as u64);
        }
    }
}
