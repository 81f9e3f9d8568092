//! Figures of exactly the sessions in the table, updated incrementally however many there are.
//!
//! Each session is counted once: open ones again at each snapshot, closed ones by store events and one chunk at a
//! time. Evicted ones are subtracted, unless the figures are of all.

use crate::model::count::Count;
use crate::model::local_pairs::comes_first;
use crate::model::session::Session;
use crate::model::store::{Backfill, SessionRef, Slot, Store, StoreEvent};
use crate::ui::state::view_filter::ViewFilter;

/// Sessions counted in one step: a few milliseconds.
const CHUNK: u64 = 1 << 12;

/// Figures of the open and of the closed sessions, and how far counting has come.
#[derive(Clone, Debug)]
pub struct Counted<T> {
    empty: fn() -> T,
    pub open: T,
    pub closed: T,
    /// Sessions that had closed before counting began.
    backfill: Backfill,
    recount: Option<Recount<T>>,
}

/// Open sessions being counted again.
#[derive(Clone, Debug)]
struct Recount<T> {
    open: T,
    /// Slots from this one on are still to be counted.
    next: Slot,
    /// A newer snapshot arrived meanwhile.
    is_stale: bool,
}

impl<T: Count> Counted<T> {
    /// Counts the open sessions and the newest closed ones; the older ones are counted by [`Counted::work`].
    pub fn new(empty: fn() -> T, store: &Store, view_filter: &ViewFilter) -> Self {
        let mut counted = Counted {
            empty,
            open: empty(),
            closed: empty(),
            backfill: Backfill::new(store, CHUNK),
            recount: None,
        };
        counted.recount_open(store, view_filter);
        counted.count_closed(store, view_filter);
        counted
    }

    /// Counts again from the start, for a changed filter.
    pub fn restart(&mut self, store: &Store, view_filter: &ViewFilter) {
        *self = Counted::new(self.empty, store, view_filter);
    }

    /// Adds a closed session, takes note of an evicted one. Of a local connection one end counts: as in the table the one that is
    /// open, then the one that stands for both.
    pub fn take(&mut self, event: &StoreEvent<'_>, view_filter: &ViewFilter) {
        let (number, before, now) = match event {
            StoreEvent::Evicted(number, session, _) => (Some(*number), Some(*session), None),
            event => {
                let Some(change) = event.change() else { return };
                let number = match change.at {
                    Some(SessionRef::Closed(number)) => Some(number),
                    Some(SessionRef::Open(_)) => None,
                    // it closed during a pause, after which counting begins again
                    None if change.now.is_some() => return,
                    None => None,
                };
                (number, change.before, change.now)
            }
        };
        let other = event.other().filter(|_| view_filter.pairs);
        let other_session = other.map(|other| other.session);
        let was = counted::<T>(before, other_session, view_filter);
        let is = counted::<T>(now, other_session, view_filter);
        if number.is_some_and(|number| self.backfill.has_reached(number)) {
            if let Some(session) = before.filter(|_| was.one) {
                match event {
                    StoreEvent::Evicted(..) => self.closed.evict(session),
                    _ => self.closed.remove(session),
                }
            }
            if let Some(session) = now.filter(|_| is.one) {
                self.closed.add(session);
            }
        }
        if let Some(other) = other
            && let Some(SessionRef::Closed(number)) = other.at
            && self.backfill.has_reached(number)
        {
            match (was.other, is.other) {
                (false, true) => self.closed.add(other.session),
                (true, false) => self.closed.retract(other.session),
                _ => {}
            }
        }
    }

    /// Counts the open sessions again: a part of them now, the others by [`Counted::work`].
    pub fn recount_open(&mut self, store: &Store, view_filter: &ViewFilter) {
        match &mut self.recount {
            Some(recount) => recount.is_stale = true,
            None => {
                self.recount = Some(Recount {
                    open: (self.empty)(),
                    next: 0,
                    is_stale: false,
                });
                self.count_open(store, view_filter);
            }
        }
    }

    /// True while some sessions are not counted yet.
    pub fn is_working(&self, store: &Store) -> bool {
        self.recount.is_some() || !self.backfill.is_done(store)
    }

    /// Counts the next open and closed sessions.
    pub fn work(&mut self, store: &Store, view_filter: &ViewFilter) {
        self.count_open(store, view_filter);
        self.count_closed(store, view_filter);
    }

    fn count_open(&mut self, store: &Store, view_filter: &ViewFilter) {
        let Some(mut recount) = self.recount.take() else {
            return;
        };
        let slots = recount.next..recount.next + CHUNK as Slot;
        let is_meant = |s: &Session| T::concerns(s) && view_filter.shows(s);
        for (_, session) in store.open_in(slots.clone()).filter(|(_, s)| is_meant(s)) {
            let place = SessionRef::Open(session.cookie);
            let other = view_filter.other_end(place, session, store);
            let other = other.map(|other| other.session);
            let is_other = |other: &Session| comes_first(other, session) && is_meant(other);
            if !other.is_some_and(is_other) && view_filter.allows(session, other) {
                recount.open.add(session);
            }
        }
        recount.next = slots.end;
        if recount.next < store.open_slots() {
            self.recount = Some(recount);
            return;
        }
        self.open = recount.open;
        self.recount = recount.is_stale.then(|| Recount {
            open: (self.empty)(),
            next: 0,
            is_stale: false,
        });
    }

    fn count_closed(&mut self, store: &Store, view_filter: &ViewFilter) {
        let closed = store.closed_in(self.backfill.take_chunk(store));
        for (place, session) in closed {
            let other = view_filter.other_end(place, session, store);
            let other = other.map(|other| other.session);
            if counted::<T>(Some(session), other, view_filter).one {
                self.closed.add(session);
            }
        }
    }
}

/// The ends of a connection that count among the closed sessions.
#[derive(Clone, Copy, Debug)]
struct CountedEnds {
    one: bool,
    other: bool,
}

fn counted<T: Count>(
    one: Option<&Session>,
    other: Option<&Session>,
    view_filter: &ViewFilter,
) -> CountedEnds {
    let is_meant =
        |s: &Session, other| T::concerns(s) && view_filter.shows(s) && view_filter.allows(s, other);
    let (one, other) = (
        one.filter(|s| is_meant(s, other)),
        other.filter(|s| is_meant(s, one)),
    );
    let closed = |s: Option<&Session>| s.is_some_and(|s| !s.is_open());
    match (one, other) {
        (Some(a), Some(b)) => CountedEnds {
            one: !a.is_open() && comes_first(a, b),
            other: !b.is_open() && comes_first(b, a),
        },
        _ => CountedEnds {
            one: closed(one),
            other: closed(other),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::filter::Filter;
    use crate::model::batch::Batch;
    use crate::model::failures::Failed;
    use crate::model::measures::Spread;
    use crate::model::session::{Reason, State};
    use crate::testing::sample::closed_session as sample;

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

    /// Counts all sessions at once.
    fn whole<T: Count>(empty: fn() -> T, store: &Store, view_filter: &ViewFilter) -> Counted<T> {
        let mut counted = Counted::new(empty, store, view_filter);
        while counted.is_working(store) {
            counted.work(store, view_filter);
        }
        counted
    }

    proptest! {
        #[test]
        fn counted_incrementally_equals_a_full_recount(
            keep in 0_usize..60,
            // sessions closed before, sessions closing, open sessions, and whether to count a chunk
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
            let recounted = whole(Spread::default, &store, &view_filter);
            prop_assert_eq!(spread.closed.counts(), recounted.closed.counts());
            prop_assert_eq!(spread.open.counts(), recounted.open.counts());
            let recounted = whole(Failed::default, &store, &view_filter);
            prop_assert_eq!(failed.closed.counts(), recounted.closed.counts());
            let shown = store.open().chain(store.closed()).filter(|(_, s)| view_filter.shows(s)).count();
            let counted = spread.closed.counts()[0].iter().sum::<u64>() + spread.open.counts()[0].iter().sum::<u64>();
            prop_assert_eq!(counted, shown as u64);
        }
    }
}
