use std::ops::Range;

use super::*;
use crate::model::batch::{Batch, OpenSnapshot};
use crate::model::session::{Age, State};
use crate::testing::sample::closed_session as sample;
use crate::text::units::S;

fn open(cookie: u64, tx_bytes: u64, end_ns: u64) -> Session {
    Session {
        cookie,
        tx_bytes,
        rx_bytes: 0,
        end_ns,
        state: State::Established,
        ..sample()
    }
}

fn closed(cookie: u64, tx_bytes: u64, end_ns: u64) -> Session {
    Session {
        state: State::Closed,
        ..open(cookie, tx_bytes, end_ns)
    }
}

fn snapshot(at_s: u64, open: Vec<Session>, closed: Vec<Session>) -> Batch {
    Batch {
        taken_ns: at_s * S,
        open: Some(open.into()),
        closed,
        ..Batch::default()
    }
}

#[test]
fn store_rates_count_bytes_since_the_previous_snapshot() {
    let mut store = Store::new(10);
    store.apply(snapshot(10, vec![open(1, 500, 10 * S)], vec![]));
    store.apply(snapshot(12, vec![open(1, 2500, 12 * S)], vec![]));
    let session = store.get(SessionRef::Open(1)).expect("it is open");
    assert_eq!(session.tx_rate, 1000.0);
    assert_eq!(store.totals().tx_rate, 1000.0);
    // it closes with 500 bytes more, which count too
    store.apply(Batch {
        closed: vec![closed(1, 3000, 13 * S)],
        ..Batch::default()
    });
    // one opens and closes between two snapshots, one opens and stays, and one is found late
    store.apply(Batch {
        closed: vec![closed(2, 0, 13 * S)],
        ..Batch::default()
    });
    let found_late = Session {
        age: Age::LowerBound,
        ..open(4, 0, 14 * S)
    };
    store.apply(snapshot(14, vec![open(3, 0, 14 * S), found_late], vec![]));
    assert_eq!(
        (store.totals().tx_rate, store.totals().opened_rate),
        (250.0, 1.0)
    );
    assert_eq!(store.open_count(), 2);
}

#[test]
fn store_preexisting_session_has_no_rate_at_first() {
    let mut store = Store::new(10);
    store.apply(snapshot(1, vec![], vec![]));
    let old = Session {
        age: Age::LowerBound,
        ..open(1, 1 << 40, 2 * S)
    };
    store.apply(snapshot(2, vec![old], vec![]));
    assert_eq!(store.totals().tx_rate, 0.0);
    assert_eq!(
        store.get(SessionRef::Open(1)).expect("it is open").tx_rate,
        0.0
    );
}

#[test]
fn store_session_that_closes_during_the_snapshot_is_closed() {
    let mut store = Store::new(10);
    store.apply(snapshot(1, vec![open(1, 0, S)], vec![closed(1, 0, S)]));
    assert_eq!((store.open_count(), store.totals().closed), (0, 1));
    assert_eq!(store.get(SessionRef::Closed(0)).map(|s| s.cookie), Some(1));
}

#[test]
fn store_bytes_sent_before_the_close_count_once() {
    let mut store = Store::new(10);
    store.apply(snapshot(
        10,
        vec![open(1, 500, 10 * S), open(2, 500, 10 * S)],
        vec![],
    ));
    // one closed before the snapshot and is reported in its batch, the other in a later batch
    store.apply(snapshot(11, vec![], vec![closed(1, 800, 10 * S + S / 2)]));
    assert_eq!(store.totals().tx_rate, 300.0);
    store.apply(Batch {
        closed: vec![closed(2, 900, 10 * S + S / 2)],
        ..Batch::default()
    });
    store.apply(snapshot(12, vec![], vec![]));
    assert_eq!(store.totals().tx_rate, 400.0);
}

#[test]
fn store_unchanged_session_ages_without_an_event() {
    let mut store = Store::new(10);
    store.apply(snapshot(1, vec![open(1, 500, S), open(2, 500, S)], vec![]));
    let gone = |at_s: u64, cookies: &[u64]| Batch {
        taken_ns: at_s * S,
        open: Some(OpenSnapshot {
            gone: cookies.to_vec(),
            ..OpenSnapshot::default()
        }),
        ..Batch::default()
    };
    let mut told = 0;
    store.ingest(gone(2, &[]), |_| told += 1);
    assert_eq!(told, 0);
    let one = store.get(SessionRef::Open(1)).expect("it is open");
    assert_eq!((one.end_ns, one.tx_bytes, one.tx_rate), (2 * S, 500, 0.0));
    // 3 was never reported here, and 2 was skipped: it is still the same session, and open all the time
    store.ingest(gone(5, &[2, 3]), |_| told += 1);
    assert_eq!((store.open_count(), told), (2, 0));
    let again = snapshot(6, vec![open(1, 500, 6 * S), open(2, 700, 6 * S)], vec![]);
    let mut told = Vec::new();
    store.ingest(again, |event| {
        told.extend(event.change().map(|c| (c.moved, c.is_new)));
    });
    assert_eq!(told, [(0, false), (200, false)]);
}

#[test]
fn store_events_cover_a_session_from_opened_to_evicted() {
    let mut store = Store::new(1);
    let events = |store: &mut Store, batch| {
        let mut events = Vec::new();
        store.ingest(batch, |event| {
            events.push(match event {
                StoreEvent::Opened(c) => format!("opened {:?}", c.at),
                StoreEvent::Updated(c) => format!("updated {:?}", c.at),
                StoreEvent::Closed(c) => format!("closed {:?}", c.at),
                StoreEvent::Vanished(c) => format!("vanished {:?}", c.at),
                StoreEvent::Evicted(number, s, _) => format!("evicted {number}: {}", s.cookie),
            });
        });
        events
    };
    let first = snapshot(1, vec![open(7, 0, S), open(8, 0, S)], vec![]);
    let opened = ["opened Some(Open(7))", "opened Some(Open(8))"];
    assert_eq!(events(&mut store, first), opened);
    let second = snapshot(2, vec![open(7, 1, 2 * S)], vec![closed(8, 5, 2 * S)]);
    let closed_one = ["updated Some(Open(7))", "closed Some(Closed(0))"];
    assert_eq!(events(&mut store, second), closed_one);
    // 9 was never seen open; 7 is gone, which is certain at the next snapshot
    let third = snapshot(3, vec![], vec![closed(9, 5, 3 * S)]);
    let evicted = ["closed Some(Closed(1))", "evicted 0: 8"];
    assert_eq!(events(&mut store, third), evicted);
    assert_eq!(
        events(&mut store, snapshot(4, vec![], vec![])),
        ["vanished None"]
    );
    // what is passed while frozen has no place in the store, and takes the places of all others
    let mut passed = Vec::new();
    store.pass(closed(10, 5, 4 * S), |event| {
        passed.extend(event.change().map(|c| c.at));
    });
    assert_eq!(passed, [None]);
    let mut evicted = Vec::new();
    assert!(store.drop_passed(|event| match event {
        StoreEvent::Evicted(number, session, _) => evicted.push((number, session.cookie)),
        other => panic!("{other:?}"),
    }));
    assert_eq!((evicted, store.totals().closed), (vec![(1, 9)], 3));
}

#[test]
fn backfill_returns_each_earlier_session_once_newest_first() {
    let mut store = Store::new(6);
    let batch =
        |cookies: Range<u64>| snapshot(1, vec![], cookies.map(|c| closed(c, 0, S)).collect());
    store.apply(batch(0..6));
    let mut backfill = Backfill::new(&store, 2);
    assert_eq!(backfill.take_chunk(&store), 4..6);
    // what comes later is not handed out, nor what is evicted meanwhile
    store.apply(batch(6..9));
    assert!(backfill.has_reached(6) && backfill.has_reached(4) && !backfill.has_reached(3));
    assert_eq!(backfill.take_chunk(&store), 3..4);
    assert!(backfill.is_done(&store));
    assert_eq!(backfill.take_chunk(&store), 3..3);
    let cookies = store.closed_in(0..100).rev().map(|(_, s)| s.cookie);
    assert_eq!(cookies.collect::<Vec<_>>(), [8, 7, 6, 5, 4, 3]);
}

#[test]
fn store_reports_every_change_once() {
    let mut store = Store::new(10);
    let mut told = Vec::new();
    let mut apply = |batch| {
        told.clear();
        store.ingest(batch, |event| {
            let cookie = |s: Option<&Session>| s.map(|s| s.cookie);
            let told_of = |c: &Change<'_>| (cookie(c.before), cookie(c.now), c.moved, c.is_new);
            told.extend(event.change().map(told_of));
        });
        told.clone()
    };
    let opened = apply(snapshot(1, vec![open(1, 5, S), open(2, 0, S)], vec![]));
    assert_eq!(opened, [(None, Some(1), 5, true), (None, Some(2), 0, true)]);
    let ended = apply(snapshot(2, vec![], vec![closed(1, 7, S)]));
    assert_eq!(ended, [(Some(1), Some(1), 2, false)]);
    // how the other one closed was missed
    assert_eq!(
        apply(snapshot(3, vec![], vec![])),
        [(Some(2), None, 0, false)]
    );
    assert_eq!(apply(snapshot(4, vec![], vec![])), []);
    // likewise, and its socket has connected again
    apply(snapshot(5, vec![open(3, 0, 5 * S)], vec![]));
    apply(snapshot(6, vec![], vec![]));
    let again = Session {
        start_ns: 6 * S,
        ..open(3, 0, 7 * S)
    };
    let told = apply(snapshot(7, vec![again], vec![]));
    let (new, vanished) = ((None, Some(3), 0, true), (Some(3), None, 0, false));
    assert_eq!(told, [new, vanished]);
}

#[test]
fn store_socket_that_connects_again_is_a_new_session() {
    let mut store = Store::new(10);
    let again = Session {
        start_ns: 2 * S,
        ..open(1, 7, 3 * S)
    };
    store.apply(snapshot(1, vec![open(1, 500, S)], vec![]));
    store.apply(snapshot(
        3,
        vec![again.clone()],
        vec![closed(1, 600, 2 * S)],
    ));
    let id = |place| store.get(place).map(Session::id);
    assert_eq!(id(SessionRef::Open(1)), Some(again.id()));
    assert_eq!(id(SessionRef::Closed(0)), Some(closed(1, 600, 2 * S).id()));
}

#[test]
fn store_evicts_the_oldest_and_still_counts_them() {
    let mut store = Store::new(2);
    let batch = |n| Batch {
        closed: (0..n).map(|c| closed(c, 0, S)).collect(),
        ..Batch::default()
    };
    store.apply(batch(5));
    assert_eq!(store.totals().closed, 5);
    let kept: Vec<SessionRef> = store.closed().map(|(place, _)| place).collect();
    assert_eq!(kept, [SessionRef::Closed(4), SessionRef::Closed(3)]);
    assert_eq!(store.get(SessionRef::Closed(3)).map(|s| s.cookie), Some(3));
    assert_eq!(store.get(SessionRef::Closed(2)), None);
    assert_eq!(store.get(SessionRef::Closed(5)), None);
}
