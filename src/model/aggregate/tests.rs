use super::*;
use crate::model::session::{Age, Comm, Direction, State};
use crate::model::store::Store;
use crate::model::turns::{ResponseTimes, ShortTime, Turns};
use crate::testing::sample::{Numbers, any_session, closed_session as sample, snapshot_batch};

#[test]
fn sessions_share_the_keys_that_are_equal() {
    let mut numbers = Numbers::from(5);
    let mut counts = [0; GroupBy::ALL.len()];
    for _ in 0..20_000 {
        let mut session = |cookie| any_session(&mut numbers, cookie, State::Closed);
        let (a, any) = (session(1), session(2));
        // two random sessions have hardly anything in common
        let chosen = numbers.number();
        let has = |bit: u32| chosen >> bit & 1 == 1;
        let b = Session {
            owner: if has(0) { a.owner } else { any.owner },
            pid: if has(1) { a.pid } else { any.pid },
            comm: if has(2) { a.comm } else { any.comm },
            raddr: if has(3) { a.raddr } else { any.raddr },
            interface: if has(4) { a.interface } else { any.interface },
            rport: if has(5) { a.rport } else { any.rport },
            ..any
        };
        let equal = GroupBy::ALL.map(|by| by.key(&a) == by.key(&b));
        assert_eq!(GroupBy::shared(&a, &b), equal, "{a:?} {b:?}");
        for (count, is_equal) in counts.iter_mut().zip(equal) {
            *count += usize::from(is_equal);
        }
    }
    assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
}

fn open(cookie: u64, comm: &str, raddr: &str, bytes: u64, end_s: u64) -> Session {
    Session {
        cookie,
        comm: Comm::from(comm),
        pid: comm.len() as u32,
        raddr: raddr.parse().expect("an address"),
        start_ns: S,
        end_ns: end_s * S,
        tx_bytes: bytes,
        rx_bytes: 0,
        state: State::Established,
        direction: Direction::Out,
        rport: 443,
        ..sample()
    }
}

fn closed(session: Session) -> Session {
    Session {
        state: State::Closed,
        ..session
    }
}

#[test]
fn workloads_that_are_not_told_apart_count_for_the_other_bucket() {
    let mut group = Group::default();
    for (key, sessions) in [(Workload::Unknown, 1), (Workload::Other, 2)] {
        group.entry(GroupKey::Workload(key), 8).sessions += sessions;
    }
    let kept: Vec<_> = group.sums.iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(kept, ["no unit"]);
    assert_eq!(group.sums.other().0.sessions, 2);
}

/// A store and its aggregates.
struct Host(Store, Aggregates);

impl Host {
    fn new(keep: usize) -> Self {
        Host(Store::new(100), Aggregates::new(keep))
    }

    fn take_snapshot(&mut self, at_s: u64, open: Vec<Session>, closed: Vec<Session>) {
        let batch = snapshot_batch(at_s * S, open, closed);
        self.0.ingest(batch, |event| {
            if let Some(change) = event.change() {
                self.1.take(change);
            }
        });
        self.1.end_snapshot(at_s * S);
        if self.1.is_inexact() {
            self.1.begin_recount();
            self.1.recount(self.0.open().map(|(_, s)| (s, None)));
            self.1.end_recount();
        }
    }

    /// Returns open sessions, all sessions and bytes of a key.
    fn sums(&self, by: GroupBy, name: &str) -> Option<(u64, u64, u64)> {
        let (_, t) = self.1.of(by).find(|(key, _)| key.to_string() == name)?;
        Some((t.open, t.sessions, t.bytes))
    }

    fn rates(&self, by: GroupBy, name: &str) -> (f64, f64) {
        let found = self.1.of(by).find(|(key, _)| key.to_string() == name);
        let (_, t) = found.expect("a talker");
        (self.1.new_rate(t), self.1.byte_rate(t))
    }
}

#[test]
fn aggregate_sums_match_the_sessions() {
    let mut host = Host::new(100);
    host.take_snapshot(
        10,
        vec![
            open(1, "curl", "10.0.0.1", 100, 10),
            open(2, "curl", "10.0.0.2", 50, 10),
        ],
        vec![closed(open(3, "wget", "10.0.1.1", 7, 9))],
    );
    host.take_snapshot(
        12,
        vec![open(1, "curl", "10.0.0.1", 600, 12)],
        vec![closed(open(2, "curl", "10.0.0.2", 80, 11))],
    );
    for (by, name, sums) in [
        (GroupBy::Process, "curl 4", (1, 2, 680)),
        (GroupBy::Process, "wget 4", (0, 1, 7)),
        (GroupBy::Program, "curl", (1, 2, 680)),
        (GroupBy::Peer, "10.0.0.1", (1, 1, 600)),
        (GroupBy::Peer, "10.0.0.2", (0, 1, 80)),
        (GroupBy::Subnet, "10.0.0.0/24", (1, 2, 680)),
        (GroupBy::Subnet, "10.0.1.0/24", (0, 1, 7)),
        (GroupBy::Port, "443", (1, 3, 687)),
    ] {
        assert_eq!(host.sums(by, name), Some(sums), "{name}");
    }
    assert_eq!(host.rates(GroupBy::Process, "curl 4"), (0.0, 265.0));
    assert_eq!(host.rates(GroupBy::Process, "wget 4"), (0.0, 0.0));
    // nothing moves any more, and the missed session is not open
    host.take_snapshot(13, vec![], vec![]);
    assert_eq!(host.rates(GroupBy::Process, "curl 4"), (0.0, 0.0));
    host.take_snapshot(14, vec![], vec![]);
    assert_eq!(host.sums(GroupBy::Peer, "10.0.0.1"), Some((0, 1, 600)));
}

#[test]
fn aggregate_response_times_are_those_of_all_answers() {
    let answered = |session: Session, turns: u32, mean: u32| {
        let time = ShortTime::new(mean);
        let sum = u64::from(turns) * u64::from(mean);
        Session {
            turns: Turns {
                count: turns,
                peer: ResponseTimes::new(sum, turns, time, time),
                ..Turns::default()
            },
            ..session
        }
    };
    let mut host = Host::new(100);
    let mean = |host: &Host, program: &str| {
        let mut of = host.1.of(GroupBy::Program);
        let found = of.find(|(key, _)| key.to_string() == program);
        found.map(|(_, t)| t.responses.map(|r| r.mean_us()))
    };
    let one = |turns, mean| answered(open(1, "master", "::1", 100, 10), turns, mean);
    host.take_snapshot(10, vec![one(1, 100)], vec![]);
    assert_eq!(mean(&host, "master"), Some([100.0, 0.0]));
    // the data had arrived before, and was read since
    host.take_snapshot(11, vec![one(3, 200)], vec![]);
    assert_eq!(mean(&host, "master"), Some([200.0, 0.0]));
    let other = closed(answered(open(2, "master", "::1", 7, 12), 1, 600));
    host.take_snapshot(12, vec![one(3, 200)], vec![other]);
    assert_eq!(mean(&host, "master"), Some([300.0, 0.0]));
    // its owner is known better
    let moved = answered(open(1, "worker!", "::1", 150, 13), 3, 200);
    host.take_snapshot(13, vec![moved], vec![]);
    assert_eq!(mean(&host, "master"), Some([600.0, 0.0]));
    assert_eq!(mean(&host, "worker!"), Some([200.0, 0.0]));
}

#[test]
fn aggregate_rate_of_new_sessions_is_per_second() {
    let mut host = Host::new(100);
    host.take_snapshot(10, vec![], vec![]);
    let many = |from, to| (from..to).map(|c| closed(open(c, "ab", "::1", 0, 11)));
    host.take_snapshot(12, vec![], many(1, 7).collect());
    assert_eq!(host.rates(GroupBy::Peer, "::1"), (3.0, 0.0));
    host.take_snapshot(14, vec![], many(7, 9).collect());
    assert_eq!(host.rates(GroupBy::Subnet, "::/64"), (1.0, 0.0));
    host.take_snapshot(16, vec![], vec![]);
    assert_eq!(host.rates(GroupBy::Program, "ab"), (0.0, 0.0));
}

#[test]
fn aggregate_session_with_better_known_owner_moves_to_it() {
    let mut host = Host::new(100);
    host.take_snapshot(10, vec![open(1, "master", "::1", 100, 10)], vec![]);
    host.take_snapshot(11, vec![open(1, "worker!", "::1", 150, 11)], vec![]);
    assert_eq!(host.sums(GroupBy::Program, "master"), Some((0, 0, 0)));
    assert_eq!(host.sums(GroupBy::Program, "worker!"), Some((1, 1, 150)));
    assert_eq!(host.rates(GroupBy::Program, "worker!"), (0.0, 50.0));
    // also when it closes
    host.take_snapshot(12, vec![], vec![closed(open(1, "end", "::1", 160, 12))]);
    assert_eq!(host.sums(GroupBy::Program, "worker!"), Some((0, 0, 0)));
    assert_eq!(host.sums(GroupBy::Program, "end"), Some((0, 1, 160)));
    assert_eq!(host.sums(GroupBy::Peer, "::1"), Some((0, 1, 160)));
}

#[test]
fn aggregate_history_has_the_last_minute_by_second() {
    let mut host = Host::new(100);
    host.take_snapshot(100, vec![open(1, "a", "::1", 0, 100)], vec![]);
    host.take_snapshot(101, vec![open(1, "a", "::1", 30, 101)], vec![]);
    host.take_snapshot(104, vec![open(1, "a", "::1", 330, 104)], vec![]);
    let history = |host: &Host| {
        let (_, t) = host.1.of(GroupBy::Program).next().expect("a talker");
        host.1.history(t).map(|b| b.round() as u32)
    };
    assert_eq!(history(&host)[56..], [30, 100, 100, 100]);
    assert_eq!(history(&host)[..56], [0; 56]);
    host.take_snapshot(130, vec![open(1, "a", "::1", 330, 130)], vec![]);
    assert_eq!(history(&host)[29..35], [0, 30, 100, 100, 100, 0][..]);
    host.take_snapshot(500, vec![open(1, "a", "::1", 331, 500)], vec![]);
    assert!(history(&host).iter().all(|b| *b == 0));
}

#[test]
fn aggregate_mean_rates_cover_their_seconds_or_the_time_watched() {
    let mut host = Host::new(100);
    host.take_snapshot(100, vec![open(1, "a", "::1", 0, 100)], vec![]);
    host.take_snapshot(104, vec![open(1, "a", "::1", 400, 104)], vec![]);
    let rates = |host: &Host| {
        let (_, t) = host.1.of(GroupBy::Program).next().expect("a talker");
        [10, 60].map(|s| host.1.mean_rate(t, s).round() as u64)
    };
    assert_eq!(rates(&host), [100, 100], "watched for 4 s");
    host.take_snapshot(120, vec![open(1, "a", "::1", 400, 120)], vec![]);
    assert_eq!(rates(&host), [0, 20]);
    host.take_snapshot(130, vec![open(1, "a", "::1", 1400, 130)], vec![]);
    assert_eq!(rates(&host), [100, 47]);
    host.take_snapshot(200, vec![open(1, "a", "::1", 1400, 200)], vec![]);
    assert_eq!(rates(&host), [0, 0]);
}

#[test]
fn aggregate_mean_rates_recalled_cover_the_time_in_which_bytes_were_counted() {
    let mut host = Host::new(100);
    let before = |bytes, end_s| Session {
        age: Age::LowerBound,
        ..open(1, "a", "::1", bytes, end_s)
    };
    // it had begun 1,000 seconds before the first snapshot
    for at_s in 1001..=1020 {
        let bytes = 1_000_000 + (at_s - 1001) * 500;
        host.take_snapshot(at_s, vec![before(bytes, at_s)], vec![]);
    }
    let rates = |host: &Host| {
        let (_, t) = host.1.of(GroupBy::Program).next().expect("a talker");
        [10, 60].map(|s| host.1.mean_rate(t, s).round() as u64)
    };
    assert_eq!(rates(&host), [500, 500]);
    let mut again = host.1.emptied();
    let sessions = host.0.open();
    sessions.for_each(|(_, s)| again.recall(s, host.0.uncounted(s), None));
    host.1 = again;
    assert_eq!(rates(&host), [500, 500]);
    // the means are estimates for as many seconds as they cover
    let estimated = |host: &Host| [0, 10, 60].map(|s| host.1.is_estimated(s));
    for (at_s, expected) in [
        (1021, [false, true, true]),
        (1029, [false, true, true]),
        (1030, [false, false, true]),
        (1079, [false, false, true]),
        (1080, [false, false, false]),
    ] {
        host.take_snapshot(at_s, vec![before(1_009_500, at_s)], vec![]);
        assert_eq!(estimated(&host), expected, "{at_s}");
    }
}

#[test]
fn group_by_port_uses_the_port_of_the_service() {
    let port = |direction| {
        GroupBy::Port.key(&Session {
            direction,
            lport: 443,
            rport: 22,
            ..sample()
        })
    };
    assert_eq!(port(Direction::In), GroupKey::Port(443));
    assert_eq!(port(Direction::Out), GroupKey::Port(22));
    assert_eq!(port(Direction::Unknown), GroupKey::Port(22));
}

#[test]
fn aggregates_beyond_the_limit_are_evicted_and_still_counted() {
    let mut host = Host::new(20);
    let peer = |c: u64, bytes| {
        let address = format!("10.{}.{}.1", c / 256, c % 256);
        open(c, "a", &address, bytes, 10)
    };
    let heavy = (0..10).map(|c| closed(peer(c, 1_000_000)));
    let light = (10..500).map(|c| closed(peer(c, 1)));
    let old: Vec<Session> = (500..505).map(|c| peer(c, 0)).collect();
    host.take_snapshot(10, old.clone(), heavy.chain(light).collect());
    host.take_snapshot(11, old, vec![]);
    let kept: Vec<GroupKey> = host.1.of(GroupBy::Peer).map(|(key, _)| key).collect();
    assert!((20..=40).contains(&kept.len()), "{}", kept.len());
    for c in (0..10).chain(500..505) {
        assert!(kept.contains(&GroupBy::Peer.key(&peer(c, 0))), "{c}");
    }
    let (rest, evicted) = host.1.other(GroupBy::Peer);
    assert_eq!(evicted as usize, 505 - kept.len());
    assert_eq!((rest.sessions, rest.bytes), (evicted, evicted));
    let sum: u64 = host.1.of(GroupBy::Peer).map(|(_, t)| t.bytes).sum();
    assert_eq!(sum + rest.bytes, 10_000_490);
}

#[test]
fn open_sessions_of_evicted_aggregates_are_counted_correctly() {
    let mut host = Host::new(4);
    let peer = |c: u64| open(c, "a", &format!("10.0.{c}.1"), c * 1000, 10);
    host.take_snapshot(10, (0..40).map(peer).collect(), vec![]);
    let open = |host: &Host| -> u64 {
        let rest = host.1.other(GroupBy::Peer).0.open;
        host.1.of(GroupBy::Peer).map(|(_, t)| t.open).sum::<u64>() + rest
    };
    assert_eq!(open(&host), 40);
    host.take_snapshot(
        11,
        (10..40).map(peer).collect(),
        (0..10).map(peer).map(closed).collect(),
    );
    assert_eq!(open(&host), 30);
    host.take_snapshot(12, vec![], (10..40).map(peer).map(closed).collect());
    assert_eq!(open(&host), 0);
    assert!(!host.1.is_inexact());
}

#[test]
fn aggregate_recall_restores_sums_rates_and_history() {
    let mut host = Host::new(100);
    let before = |bytes, end_s| Session {
        age: Age::LowerBound,
        ..open(3, "b", "::3", bytes, end_s)
    };
    let first = vec![open(1, "a", "::1", 100, 10), before(5000, 10)];
    host.take_snapshot(10, first, vec![]);
    let ended = closed(open(2, "a", "::1", 800, 9));
    let then = vec![open(1, "a", "::1", 300, 12), before(5070, 12)];
    host.take_snapshot(12, then, vec![ended]);
    assert_eq!(host.sums(GroupBy::Peer, "::3"), Some((1, 1, 70)));
    let mut again = host.1.emptied();
    let sessions = host.0.open().chain(host.0.closed());
    sessions.for_each(|(_, s)| again.recall(s, host.0.uncounted(s), None));
    host.1 = again;
    assert_eq!(host.sums(GroupBy::Peer, "::1"), Some((1, 2, 1100)));
    assert_eq!(host.rates(GroupBy::Peer, "::1"), (0.0, 100.0));
    assert_eq!(host.sums(GroupBy::Peer, "::3"), Some((1, 1, 70)));
    let mut peers = host.1.of(GroupBy::Peer);
    let (_, t) = peers.find(|(_, t)| t.sessions == 2).expect("a talker");
    let sum: f32 = host.1.history(t).iter().sum();
    assert_eq!(sum.round(), 1100.0);
    drop(peers);
    // and continues from there
    host.take_snapshot(13, vec![], vec![closed(open(1, "a", "::1", 350, 13))]);
    assert_eq!(host.sums(GroupBy::Peer, "::1"), Some((0, 2, 1150)));
}
