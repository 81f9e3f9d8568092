//! Figures of exactly the sessions that the table shows, kept up to date however many there are.
//!
//! Counts each of them once: the open ones again at each snapshot, the closed ones by the events of the store and a chunk at
//! a time, and takes back those that are evicted. Not for what is counted.

use crate::model::session::Session;
use crate::model::store::{Backfill, Change, Store, StoreEvent};
use crate::ui::state::view_filter::ViewFilter;

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
    /// Of the closed ones.
    pub closed: T,
    /// Those that had closed already when counting began.
    backfill: Backfill,
}

impl<T: Count> Counted<T> {
    /// Counts the open sessions and the newest closed ones; the older ones are counted by [`Counted::work`].
    pub fn new(empty: fn() -> T, store: &Store, view_filter: &ViewFilter) -> Self {
        let mut counted = Counted {
            empty,
            open: empty(),
            closed: empty(),
            backfill: Backfill::new(store, CHUNK),
        };
        counted.recount_open(store, view_filter);
        counted.work(store, view_filter);
        counted
    }

    /// The same of other sessions.
    pub fn restart(&mut self, store: &Store, view_filter: &ViewFilter) {
        *self = Counted::new(self.empty, store, view_filter);
    }

    /// Takes what happened to a session: what has closed is counted, and what is not kept any more is taken back.
    pub fn take(&mut self, event: &StoreEvent<'_>, view_filter: &ViewFilter) {
        match event {
            StoreEvent::Closed(Change {
                at: Some(_),
                now: Some(session),
                ..
            }) if view_filter.shows(session) => self.closed.add(session),
            StoreEvent::Evicted(number, session)
                if self.backfill.has_reached(*number) && view_filter.shows(session) =>
            {
                self.closed.remove(session);
            }
            _ => {}
        }
    }

    /// The open sessions have other figures.
    pub fn recount_open(&mut self, store: &Store, view_filter: &ViewFilter) {
        self.open = (self.empty)();
        for (_, session) in store.open().filter(|(_, s)| view_filter.shows(s)) {
            self.open.add(session);
        }
    }

    /// True while there are closed sessions that have not been counted yet.
    pub fn is_working(&self, store: &Store) -> bool {
        !self.backfill.is_done(store)
    }

    /// Counts some of them.
    pub fn work(&mut self, store: &Store, view_filter: &ViewFilter) {
        let closed = store.closed_in(self.backfill.take_chunk(store));
        for (_, session) in closed.filter(|(_, s)| view_filter.shows(s)) {
            self.closed.add(session);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::filter::Filter;
    use crate::model::batch::Batch;
    use crate::model::session::{Reason, State};
    use crate::testing::sample::closed_session as sample;
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
    fn whole<T: Count>(empty: fn() -> T, store: &Store, view_filter: &ViewFilter) -> Counted<T> {
        let mut counted = Counted::new(empty, store, view_filter);
        while counted.is_working(store) {
            counted.work(store, view_filter);
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
            let view_filter = ViewFilter::new(Filter::parse("rport 80 or rport 81").expect("a filter"));
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
                        store.ingest(batch, |event| {
                            spread.take(&event, &view_filter);
                            failed.take(&event, &view_filter);
                        });
                        spread.recount_open(store, &view_filter);
                        failed.recount_open(store, &view_filter);
                    }
                }
            };
            apply(&mut store, None, (50, 3));
            let mut spread = Counted::new(Spread::default, &store, &view_filter);
            let mut failed = Counted::new(Failed::default, &store, &view_filter);
            for (ended, open, works) in batches {
                apply(&mut store, Some((&mut spread, &mut failed)), (ended, open));
                if works {
                    spread.work(&store, &view_filter);
                    failed.work(&store, &view_filter);
                }
            }
            while spread.is_working(&store) || failed.is_working(&store) {
                spread.work(&store, &view_filter);
                failed.work(&store, &view_filter);
            }
            let anew = whole(Spread::default, &store, &view_filter);
            prop_assert_eq!(spread.closed.counts(), anew.closed.counts());
            prop_assert_eq!(spread.open.counts(), anew.open.counts());
            let anew = whole(Failed::default, &store, &view_filter);
            prop_assert_eq!(failed.closed.counts(), anew.closed.counts());
            let shown = store.open().chain(store.closed()).filter(|(_, s)| view_filter.shows(s)).count();
            let counted = spread.closed.counts()[0].iter().sum::<u64>() + spread.open.counts()[0].iter().sum::<u64>();
            prop_assert_eq!(counted, shown as u64);
        }
    }
}
