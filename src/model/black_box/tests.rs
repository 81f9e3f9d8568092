use std::net::SocketAddr;

use super::*;
use crate::model::batch::{Batch, HostSnapshot, OpenSnapshot};
use crate::model::packet_drop::{PacketDirection, PacketDrops};
use crate::model::session::{Session, State};
use crate::model::store::Store;
use crate::testing::sample::{BusyHost, Numbers, closed_session, listener};
use crate::text::units::S;

const NO_BOUNDS: Bounds = Bounds {
    time_ns: None,
    bytes: usize::MAX,
};

/// A host with a snapshot a second: sessions open, change, close and vanish.
fn course(seconds: u64, per_second: u64) -> Vec<Batch> {
    let mut numbers = Numbers::from(seconds);
    let mut host = BusyHost::default();
    let mut open: Vec<Session> = Vec::new();
    let mut batches = Vec::new();
    for second in 1..=seconds {
        let taken_ns = second * S;
        let at = |mut session: Session| {
            (session.start_ns, session.established_ns) = (taken_ns - S / 4, taken_ns - S / 5);
            session.end_ns = taken_ns;
            session
        };
        let mut snapshot = OpenSnapshot::default();
        let mut closed = Vec::new();
        for i in 0..per_second {
            let cookie = second * 1_000_000 + i;
            match numbers.below(4) {
                0 => {
                    let session = at(host.session(cookie, State::Established));
                    snapshot.changed.push(session.clone());
                    open.push(session);
                }
                1 if !open.is_empty() => {
                    let which = numbers.below(open.len() as u64) as usize;
                    open[which].tx_bytes += 1;
                    open[which].end_ns = taken_ns;
                    let is_new = |s: &Session| s.cookie != open[which].cookie;
                    snapshot.changed.retain(is_new);
                    snapshot.changed.push(open[which].clone());
                }
                2 if !open.is_empty() => {
                    let gone = open.swap_remove(numbers.below(open.len() as u64) as usize);
                    snapshot.changed.retain(|s| s.cookie != gone.cookie);
                    if numbers.below(8) == 0 {
                        snapshot.gone.push(gone.cookie);
                    } else {
                        let (state, end_ns) = (State::Closed, taken_ns);
                        closed.push(Session {
                            state,
                            end_ns,
                            ..gone
                        });
                    }
                }
                _ => closed.push(at(host.session(cookie, State::Closed))),
            }
        }
        let later = closed.split_off(closed.len() / 2);
        let missed = Missed {
            ring_full: second / 10,
            vanished: Some(0),
            ..Missed::default()
        };
        batches.push(Batch {
            closed: later,
            missed,
            taken_ns: taken_ns - S / 2,
            clock: Clock::fixed(7),
            ..Batch::default()
        });
        batches.push(Batch {
            open: Some(snapshot),
            closed,
            host: (second % 3 == 0).then(|| {
                Arc::new(HostSnapshot {
                    taken_ns,
                    listeners: vec![listener()],
                    ..HostSnapshot::default()
                })
            }),
            missed,
            taken_ns,
            clock: Clock::fixed(7),
            ..Batch::default()
        });
    }
    batches
}

fn filled(batches: &[Batch], bounds: Bounds) -> BlackBox {
    let mut packer = Packer::new().expect("memory");
    let mut filled = BlackBox::new(bounds);
    for batch in batches {
        if let Some(frame) = packer.batch(batch).expect("memory") {
            filled.push(Arc::new(frame));
        }
    }
    filled
}

fn played(frames: Vec<Arc<Frame>>) -> Vec<Batch> {
    let mut player = Player::new(frames).expect("memory");
    let mut batches = Vec::new();
    loop {
        let (batch, has_more) = player.next().expect("sound frames");
        batches.extend(batch);
        if !has_more {
            return batches;
        }
    }
}

/// Everything of the open sessions, by cookie, and the number of closed ones.
fn state(batches: impl IntoIterator<Item = Batch>) -> Vec<String> {
    let mut store = Store::new(1 << 20);
    batches.into_iter().for_each(|batch| store.apply(batch));
    let mut open: Vec<&Session> = store.open().map(|(_, session)| session).collect();
    open.sort_by_key(|session| session.cookie);
    open.iter().map(|session| format!("{session:?}")).collect()
}

#[test]
fn black_box_plays_the_batches_that_it_took() {
    let batches = course(30, 300);
    let filled = filled(&batches, NO_BOUNDS);
    let frames = filled.frames_to(u64::MAX, u64::MAX);
    assert_eq!(frames.len(), 30);
    let played = played(frames);
    assert_eq!(played.len(), batches.len());
    for (played, batch) in played.iter().zip(&batches) {
        assert_eq!(played.taken_ns, batch.taken_ns);
        assert!(played.open == batch.open, "at {}", batch.taken_ns);
        assert!(played.closed == batch.closed, "at {}", batch.taken_ns);
        assert_eq!((&played.host, played.missed), (&batch.host, batch.missed));
        assert_eq!(played.clock, batch.clock);
    }
    let counts = filled.frames().fold(Counts::default(), |mut sum, frame| {
        sum += frame.counts;
        sum
    });
    let closed = batches.iter().map(|batch| batch.closed.len() as u64);
    assert_eq!((counts.closed, counts.missed), (closed.sum(), 3));
}

#[test]
fn black_box_started_at_any_full_state_has_the_same_open_sessions() {
    let batches = course(200, 60);
    let filled = filled(&batches, NO_BOUNDS);
    let full = filled.frames().filter(|f| f.full.is_some()).count();
    assert_eq!(full, 4, "one a minute");
    for at_s in [5, 61, 62, 90, 121, 150, 200] {
        let few = filled.frames_to(at_s * S, 1);
        let all = filled.frames_to(at_s * S, u64::MAX);
        assert!(few.len() <= 61 && all.len() as u64 == at_s);
        // a session whose end comes after the full state is still there for a moment
        let few = state(played(few));
        let all = state(batches.iter().filter(|b| b.taken_ns <= at_s * S).cloned());
        for (few, all) in few.iter().zip(&all) {
            assert_eq!(few, all, "at {at_s} s");
        }
        let is_in = few.iter().filter(|session| all.contains(session)).count();
        assert_eq!(
            is_in,
            all.len(),
            "at {at_s} s: {} of {}",
            few.len(),
            all.len()
        );
        assert!(few.len() <= all.len(), "at {at_s} s");
    }
}

#[test]
fn black_box_stays_within_its_bounds() {
    let batches = course(400, 200);
    let time_ns = Some(120 * S);
    let by_time = filled(
        &batches,
        Bounds {
            time_ns,
            ..NO_BOUNDS
        },
    );
    let (from_ns, to_ns) = by_time.reach().expect("moments");
    assert_eq!(to_ns, 400 * S);
    let reach_s = (to_ns - from_ns) / S;
    assert!((119..=181).contains(&reach_s), "{reach_s} s");

    let bytes = 2 << 20;
    let bounds = Bounds {
        time_ns: None,
        bytes,
    };
    let by_size = filled(&batches, bounds);
    assert!(by_size.bytes() <= bytes && by_size.bytes() > bytes / 4);
    let sum: usize = by_size.frames().map(|frame| frame.size).sum();
    assert_eq!(by_size.bytes(), sum);
    let first = by_size.frames().next().expect("frames");
    assert!(first.full.is_some());
    let tiny = filled(
        &batches,
        Bounds {
            time_ns: None,
            bytes: 0,
        },
    );
    assert_eq!((tiny.bytes(), tiny.reach()), (0, None));
}

#[test]
fn black_box_that_is_frozen_keeps_what_it_has() {
    let batches = course(20, 10);
    let mut frozen = filled(&batches[..20], NO_BOUNDS);
    frozen.is_frozen = true;
    let mut packer = Packer::new().expect("memory");
    for batch in &batches {
        if let Some(frame) = packer.batch(batch).expect("memory") {
            frozen.push(Arc::new(frame));
        }
    }
    assert_eq!(frozen.reach(), Some((S, 10 * S)));
    frozen.thaw();
    assert_eq!(frozen.reach(), None);
}

#[test]
fn black_box_finds_moments() {
    let filled = filled(&course(10, 5), NO_BOUNDS);
    assert_eq!(filled.moment_at(5 * S + 1), Some(5 * S));
    assert_eq!(filled.moment_at(0), Some(S), "the first one");
    assert_eq!(filled.moment_at(u64::MAX), Some(10 * S));
    assert_eq!(filled.step(5 * S, -1), Some(4 * S));
    assert_eq!(filled.step(5 * S, 2), Some(7 * S));
    assert_eq!(filled.step(10 * S, 1), None);
    assert_eq!(filled.step(S, -1), None);
    let between = filled.frames_between(5 * S, 7 * S);
    let ends: Vec<u64> = between.iter().map(|frame| frame.to_ns / S).collect();
    assert_eq!(ends, [6, 7]);
}

#[test]
fn batch_of_more_sessions_than_a_piece_is_played_whole() {
    let session = |cookie| Session {
        cookie,
        state: State::Established,
        ..closed_session()
    };
    let batch = Batch {
        open: Some(OpenSnapshot::from(
            (1..20_000).map(session).collect::<Vec<_>>(),
        )),
        taken_ns: S,
        ..Batch::default()
    };
    let filled = filled(std::slice::from_ref(&batch), NO_BOUNDS);
    let frames = filled.frames_to(S, u64::MAX);
    assert!(frames[0].pieces.len() > 5);
    let played = played(frames);
    assert_eq!((played.len(), &played[0].open), (1, &batch.open));
}

#[test]
fn moment_has_the_closed_sessions_that_came_while_its_snapshot_was_taken() {
    let mut host = BusyHost::default();
    let mut closed = |second: u64, count: u64| {
        let cookies = second * 1_000_000..second * 1_000_000 + count;
        let sessions = cookies.map(|cookie| host.session(cookie, State::Closed));
        sessions.collect::<Vec<_>>()
    };
    let batches = (1..=4).flat_map(|second| {
        // so many that they are a frame without a snapshot, which is newer than the snapshot after it
        let many = Batch {
            closed: closed(second, 10_000),
            taken_ns: second * S + 50,
            ..Batch::default()
        };
        let snapshot = Batch {
            open: Some(OpenSnapshot::default()),
            taken_ns: second * S,
            ..Batch::default()
        };
        [many, snapshot]
    });
    let filled = filled(&batches.collect::<Vec<_>>(), NO_BOUNDS);
    let count = |frames| -> usize { played(frames).iter().map(|b| b.closed.len()).sum() };
    for second in 1..=4 {
        let at_ns = filled.moment_at(second * S).expect("a moment");
        assert_eq!(at_ns, second * S);
        let closed = count(filled.frames_to(at_ns, u64::MAX));
        assert_eq!(closed, second as usize * 10_000, "{second}");
        let next = count(filled.frames_between(at_ns, at_ns + S));
        assert_eq!(next, if second < 4 { 10_000 } else { 0 }, "{second}");
    }
}

/// Kinds of dropped packets, as many as a host keeps, of which one counts on each second.
fn host_with_drops(second: u64) -> HostSnapshot {
    let drops = (0..4096).map(|port| PacketDrops {
        reason: "NO_SOCKET",
        direction: PacketDirection::In,
        netns: 7,
        local: SocketAddr::from(([10, 0, 0, 1], port)),
        remote: SocketAddr::from(([10, 0, 0, 2], 0)),
        packets: if u64::from(port) < second { 2 } else { 1 },
        syns: 1,
        first_ns: 1,
        last_ns: 2,
    });
    HostSnapshot {
        taken_ns: second * S,
        listeners: vec![listener()],
        drops: Some(drops.collect()),
        ..HostSnapshot::default()
    }
}

#[test]
fn black_box_keeps_once_what_does_not_change_of_the_host() {
    let batch = |second: u64| Batch {
        open: Some(OpenSnapshot::default()),
        host: Some(Arc::new(host_with_drops(second))),
        taken_ns: second * S,
        ..Batch::default()
    };
    let batches: Vec<Batch> = (1..=50).map(batch).collect();
    let filled = filled(&batches, NO_BOUNDS);
    let played = played(filled.frames_to(u64::MAX, u64::MAX));
    assert_eq!(played.len(), batches.len());
    for (played, batch) in played.iter().zip(&batches) {
        assert!(played.host == batch.host, "at {}", batch.taken_ns);
    }
    // a pointer for each kind and moment, and the kinds themselves
    let most = 4096 * (50 + 3) * size_of::<usize>() + 2 * 4096 * size_of::<PacketDrops>();
    assert!(filled.bytes() < most, "{} bytes", filled.bytes());
}
