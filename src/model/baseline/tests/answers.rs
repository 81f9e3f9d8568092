//! Connections that stay open and carry many answers, of a service that becomes slow, and of some that only look so.

use super::{Host, open, sample};
use crate::model::baseline::{BaselineFigure, Difference, DifferenceKind};
use crate::model::session::{Comm, Direction, Reason, Session, State};
use crate::model::turns::{ResponseTimes, ShortTime, Turns};
use crate::text::units::S;

const BASELINE_S: u64 = 60;
const END_S: u64 = 100;

/// Response times of a connection in one second of the host, µs, by the second and the number of the connection.
type Times = fn(u64, u64) -> Vec<u64>;

/// An end that serves, on this host or on the other one, and the pauses until it is asked again.
#[derive(Clone, Copy)]
struct Service {
    direction: Direction,
    pause_us: u64,
}

const DATABASE: Service = Service {
    direction: Direction::Out,
    pause_us: 200_000,
};

/// The kinds of the differences at the end, with the number of answers since the baseline.
fn differences(service: Service, connections: u64, times: Times) -> Vec<(DifferenceKind, u64)> {
    let found = all_differences(service, connections, times).into_iter();
    found.map(|d| (d.finding, d.answers)).collect()
}

fn all_differences(service: Service, connections: u64, times: Times) -> Vec<Difference> {
    let mut all: Vec<Vec<u64>> = vec![Vec::new(); connections as usize];
    let host = Host::watched(BASELINE_S, END_S, |now_s| {
        let sessions = all.iter_mut().zip(0..).map(|(answers, nth)| {
            answers.extend(times(now_s, nth));
            connection(service, nth, answers, now_s)
        });
        (sessions.collect(), vec![])
    });
    host.differences()
}

/// A connection of which each answer so far has taken so long.
fn connection(service: Service, nth: u64, answers: &[u64], now_s: u64) -> Session {
    let of = |times: &[u64]| {
        let short = |us: Option<&u64>| ShortTime::new(us.map_or(0, |us| *us as u32));
        let (max, last) = (short(times.iter().max()), short(times.last()));
        ResponseTimes::new(times.iter().sum(), times.len() as u32, max, last)
    };
    let pauses = vec![service.pause_us; answers.len()];
    let (peer, ours) = match service.direction {
        Direction::In => (of(&pauses), of(answers)),
        _ => (of(answers), of(&pauses)),
    };
    let session = Session {
        cookie: nth + 1,
        comm: Comm::from("app"),
        direction: service.direction,
        start_ns: 1_500_000_000,
        established_ns: 1_500_100_000,
        raddr: [10, 0, 0, 9].into(),
        lport: if service.direction == Direction::In {
            80
        } else {
            40_000 + nth as u16
        },
        rport: if service.direction == Direction::In {
            40_000 + nth as u16
        } else {
            5432
        },
        turns: Turns {
            count: answers.len() as u32,
            peer,
            ours,
            first_data_us: 1,
        },
        ..sample()
    };
    open(session, now_s)
}

fn is_after(s: u64) -> bool {
    s > BASELINE_S
}

/// Numbers that look random, and are the same in every run.
fn scattered(s: u64, nth: u64, i: u64) -> u64 {
    let n = (s * 7919 + nth * 104_729 + i * 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (n ^ n >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40
}

#[test]
fn baseline_slow_service_on_few_connections_is_one_line_with_its_answers() {
    let slow: Times = |s, nth| {
        let us = if is_after(s) { 210_000 } else { 2000 };
        (0..4)
            .map(|i| us + us * (scattered(s, nth, i) % 100) / 200)
            .collect()
    };
    let worse = DifferenceKind::Worse;
    for connections in [1, 3, 9] {
        let found = differences(DATABASE, connections, slow);
        let answers = connections * 4 * (END_S - BASELINE_S);
        assert_eq!(found, [(worse(BaselineFigure::Response), answers)]);
        let own = Service {
            direction: Direction::In,
            ..DATABASE
        };
        let found = differences(own, connections, slow);
        assert_eq!(found, [(worse(BaselineFigure::OurResponse), answers)]);
    }
}

#[test]
fn baseline_service_that_becomes_slow_later_is_as_slow_as_it_is_now() {
    // the first twenty of forty seconds since the baseline are as before
    let slow: Times = |s, _| vec![if s > 80 { 150_000 } else { 2500 }; 4];
    let found = all_differences(DATABASE, 3, slow);
    let [found] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(found.before.map(f64::round), Some(2500.0));
    let since = found.since.expect("a time");
    assert!((110_000.0..150_000.0).contains(&since), "{since}");
    // and back to normal: then it is the mean that is worse
    let was_slow: Times = |s, _| vec![if (61..80).contains(&s) { 150_000 } else { 2500 }; 4];
    let found = all_differences(DATABASE, 3, was_slow);
    let since: Vec<_> = found.iter().filter_map(|d| d.since).collect();
    assert!(
        since.iter().all(|us| (10_000.0..100_000.0).contains(us)) && !since.is_empty(),
        "{found:?}"
    );
}

#[test]
fn baseline_set_long_before_a_pool_is_given_up_shows_what_each_connection_takes_soon_after() {
    // three connections for five minutes, then one for each question, and a slow service
    const GIVEN_UP_S: u64 = 360;
    const END_S: u64 = GIVEN_UP_S + 12;
    let pooled = |nth: u64, now_s: u64| {
        let answers: Vec<u64> = (1..now_s.min(GIVEN_UP_S))
            .flat_map(|s| (0..4).map(move |i| 2000 + scattered(s, nth, i) % 400))
            .collect();
        connection(DATABASE, nth, &answers, now_s)
    };
    let host = Host::watched(BASELINE_S, END_S, |now_s| match now_s {
        ..GIVEN_UP_S => ((0..3).map(|nth| pooled(nth, now_s)).collect(), vec![]),
        _ => {
            let pool = (0..3).filter(|_| now_s == GIVEN_UP_S);
            let pool = pool.map(|nth| pooled(nth, now_s));
            let each = (0..13).map(|i| {
                let nth = 100 + now_s * 13 + i;
                let start_ns = (now_s - 1) * S + i;
                Session {
                    start_ns,
                    established_ns: start_ns + 100_000,
                    ..connection(
                        DATABASE,
                        nth,
                        &[33_000 + scattered(now_s, nth, i) % 900],
                        now_s,
                    )
                }
            });
            let close = |s: Session| Session {
                state: State::Closed,
                reason: Reason::LocalFin,
                ..s
            };
            (vec![], pool.chain(each).map(close).collect())
        }
    });
    let found = host.differences();
    let slower = DifferenceKind::Worse(BaselineFigure::Response);
    let line = found.iter().find(|d| d.finding == slower);
    let since = line.and_then(|d| d.since).expect("a slower service");
    assert!((28_000.0..34_000.0).contains(&since), "{since}: {found:?}");
}

/// The differences at the end of a service that answers once on each connection, which then stays open. A connection opens
/// `every_s`; the service is slow from 160 s on, and after the baseline takes so many µs.
fn of_idle_connections(
    every_s: u64,
    baseline_s: u64,
    is_closing: bool,
    us: u64,
) -> Vec<Difference> {
    let host = Host::watched(baseline_s, baseline_s + 40, |now_s| {
        let began = (1..now_s).step_by(every_s as usize).zip(0..);
        let sessions = began.map(|(began_s, nth)| {
            let us = match began_s {
                ..160 => 2000,
                _ if began_s < baseline_s => 36_000,
                _ => us,
            };
            let start_ns = began_s * S + nth % 7;
            Session {
                start_ns,
                established_ns: start_ns + 100_000,
                close_us: match is_closing {
                    true => ((now_s - began_s) * 1_000_000 - 100_000) as u32,
                    false => 0,
                },
                ..connection(DATABASE, nth, &[us + nth % 11], now_s)
            }
        });
        (sessions.collect(), vec![])
    });
    host.differences()
}

#[test]
fn baseline_after_a_service_became_slow_leaves_out_what_idle_connections_were_told_before() {
    for (every_s, baseline_s, is_closing) in [(2, 400, true), (2, 400, false), (12, 1000, true)] {
        let found = |us| of_idle_connections(every_s, baseline_s, is_closing, us);
        let unchanged = found(36_000);
        assert!(unchanged.is_empty(), "{every_s}: {unchanged:?}");
        if every_s == 2 {
            let slower = found(90_000);
            let [line] = &slower[..] else {
                panic!("{slower:?}")
            };
            let before = line.before.expect("a time before");
            assert!((35_900.0..36_100.0).contains(&before), "{before}");
        }
    }
}

#[test]
fn baseline_ten_answers_on_each_side_of_one_connection_are_enough() {
    let few: Times = |s, _| match s {
        51..=60 => vec![2000 + s],
        71..=80 => vec![210_000 + s * 100],
        _ => vec![],
    };
    let found = differences(DATABASE, 1, few);
    assert_eq!(
        found,
        [(DifferenceKind::Worse(BaselineFigure::Response), 10)]
    );
    let fewer: Times = |s, _| match s {
        51..=60 => vec![2000 + s],
        72..=80 => vec![210_000 + s * 100],
        _ => vec![],
    };
    assert_eq!(differences(DATABASE, 1, fewer), []);
}

#[test]
fn baseline_service_that_was_slow_once_long_ago_is_slower_than_before() {
    // one answer of a long life took longer than all since
    let warmed: Times = |s, nth| {
        let us = if is_after(s) { 210_000 } else { 2000 };
        let first = (s == 2).then_some(1_500_000);
        first
            .into_iter()
            .chain((0..4).map(|i| us + scattered(s, nth, i) % 500))
            .collect()
    };
    let found = differences(DATABASE, 3, warmed);
    assert!(
        matches!(
            found.as_slice(),
            [(DifferenceKind::Worse(BaselineFigure::Response), _)]
        ),
        "{found:?}"
    );
    // of a million answers, the mean alone does not tell what a few of them took
    let busy: Times = |s, _| vec![if is_after(s) { 60_000 } else { 1000 }; 2000];
    let found = differences(DATABASE, 1, busy);
    assert!(
        matches!(
            found.as_slice(),
            [(DifferenceKind::Worse(BaselineFigure::Response), _)]
        ),
        "{found:?}"
    );
}

#[test]
fn baseline_near_misses_of_a_slow_service_are_none() {
    let own = Service {
        direction: Direction::In,
        ..DATABASE
    };
    let waiting = Service {
        pause_us: 300,
        ..DATABASE
    };
    let near_misses: &[(&str, Service, Times)] = &[
        ("as before", DATABASE, |s, nth| {
            (0..4).map(|i| 2000 + scattered(s, nth, i) % 3000).collect()
        }),
        ("fast and slow questions as before", DATABASE, |s, nth| {
            let us = |i| {
                if scattered(s, nth, i).is_multiple_of(20) {
                    900_000
                } else {
                    1000
                }
            };
            (0..6).map(us).collect()
        }),
        (
            "slow since long before, after a longer time of being fast",
            DATABASE,
            |s, nth| {
                let us = if s > BASELINE_S - 30 { 350_000 } else { 2000 };
                let each_s = if s > BASELINE_S - 30 { 2 } else { 40 };
                (0..each_s)
                    .map(|i| us + scattered(s, nth, i) % 2000)
                    .collect()
            },
        ),
        (
            "a connection for reports goes on, others pause",
            DATABASE,
            |s, nth| match (nth, is_after(s)) {
                (0, _) => vec![500_000 + scattered(s, nth, 0) % 90_000],
                (_, false) => vec![1000; 5],
                (_, true) => vec![],
            },
        ),
        ("one stall of all connections", DATABASE, |s, nth| match s {
            70 => vec![2_500_000 + nth],
            _ => vec![1000 + scattered(s, nth, 0) % 500; 3],
        }),
        ("few answers before", DATABASE, |s, nth| match s {
            58..=60 if nth < 3 => vec![1000],
            61.. => vec![400_000; 2],
            _ => vec![],
        }),
        (
            "a few milliseconds less than noticeable",
            DATABASE,
            |s, _| vec![if is_after(s) { 1400 } else { 500 }; 5],
        ),
        (
            "clients think for long",
            Service { pause_us: 0, ..own },
            |s, nth| vec![2000 + scattered(s, nth, 0) % 500],
        ),
        (
            "blocking reads of a queue that is empty now",
            waiting,
            |s, nth| match (is_after(s), (s + nth) % 5) {
                (false, _) => vec![1000; 10],
                (true, 0) => vec![5_000_000 + scattered(s, nth, 0) % 99_000],
                (true, _) => vec![],
            },
        ),
        (
            "long polling for events that are rare now",
            waiting,
            |s, nth| match is_after(s) {
                false => vec![100_000; 8],
                true => vec![1_000_000 << (scattered(s, nth, 0) % 6)],
            },
        ),
    ];
    for (name, service, times) in near_misses {
        for connections in [1, 3, 8] {
            let found = differences(*service, connections, *times);
            let slower = |d: &&(DifferenceKind, u64)| matches!(d.0, DifferenceKind::Worse(_));
            assert_eq!(
                found.iter().find(slower),
                None,
                "{name}, {connections} connections"
            );
        }
    }
}

#[test]
fn baseline_chance_makes_no_service_slow() {
    // heavy tails: one answer in thirty takes a hundred times as long, on few connections, with few answers before
    let mut found = 0;
    for seed in 0..200_u64 {
        let mut answers: Vec<u64> = Vec::new();
        let host = Host::watched(BASELINE_S, END_S, |now_s| {
            let us = match scattered(now_s, seed, 3) {
                n if n.is_multiple_of(30) => 300_000,
                n => 2000 + n % 1000,
            };
            if now_s > 45 {
                answers.push(us);
            }
            let open = vec![connection(DATABASE, 0, &answers, now_s)];
            (open, vec![])
        });
        found += host.differences().len();
    }
    assert_eq!(found, 0);
}
