//! Baselines of hosts whose sessions are given one by one: what is found, and what is not.

mod answers;
mod busy_host;
mod local_services;

use super::*;
use crate::model::baseline::stats::ENOUGH;
use crate::model::session::{Direction, Reason, State};
use crate::testing::sample::{closed_session as sample, snapshot_batch};

/// A closed session with a peer, with its start, end and connect time.
fn ended(cookie: u64, peer: u8, from_ms: u64, to_ms: u64, connect_us: u64) -> Session {
    let start_ns = from_ms * 1_000_000;
    Session {
        cookie,
        start_ns,
        established_ns: start_ns + connect_us * 1000,
        end_ns: to_ms * 1_000_000 + connect_us * 1000,
        raddr: [10, 0, 0, peer].into(),
        direction: Direction::Out,
        tx_bytes: 100,
        rx_bytes: 0,
        srtt_us: 400 + (cookie % 7) as u32 * 20,
        ..sample()
    }
}

fn open(session: Session, now_s: u64) -> Session {
    Session {
        state: State::Established,
        reason: Reason::Open,
        end_ns: now_s * S,
        ..session
    }
}

struct Host {
    store: Store,
    talkers: Aggregates,
    baseline: Option<Baseline>,
}

impl Host {
    fn new() -> Self {
        Host {
            store: Store::new(10_000),
            talkers: Aggregates::default(),
            baseline: None,
        }
    }

    fn take_snapshot(&mut self, at_s: u64, open: Vec<Session>, closed: Vec<Session>) {
        let batch = snapshot_batch(at_s * S, open, closed);
        let (talkers, baseline) = (&mut self.talkers, &mut self.baseline);
        self.store.ingest(batch, |event| {
            let Some(change) = event.change() else { return };
            talkers.take(change);
            if let Some(baseline) = baseline {
                baseline.take(change);
            }
        });
        self.talkers.end_snapshot(at_s * S);
        if let Some(baseline) = &mut self.baseline {
            baseline.take_snapshot(at_s * S, true);
            count(baseline, &self.store);
        }
    }

    /// Takes a snapshot each second until the end: the open sessions, and those that have closed since the one before. The baseline
    /// is set on the way.
    fn watched(
        baseline_s: u64,
        end_s: u64,
        mut at: impl FnMut(u64) -> (Vec<Session>, Vec<Session>),
    ) -> Self {
        let mut host = Host::new();
        for now_s in 1..=end_s {
            let (open, closed) = at(now_s);
            host.take_snapshot(now_s, open, closed);
            if now_s == baseline_s {
                host.set_baseline(now_s);
            }
        }
        host
    }

    fn differences(&self) -> Vec<Difference> {
        let baseline = self.baseline.as_ref().expect("a baseline");
        baseline.differences(&self.talkers)
    }

    fn set_baseline(&mut self, at_s: u64) {
        let mut baseline = Baseline::new(S, at_s * S, &self.talkers, &self.store);
        count(&mut baseline, &self.store);
        self.baseline = Some(baseline);
    }

    fn peer_differences(&self) -> Vec<String> {
        let found = self.differences().into_iter();
        let peer = |key: &BaselineKey| match key {
            BaselineKey::Link(link) => Some(link.peer),
            BaselineKey::Group(GroupKey::Peer(peer)) => Some(*peer),
            _ => None,
        };
        let mut found: Vec<_> = found
            .filter_map(|d| Some(format!("{} {:?}", peer(&d.key)?, d.finding)))
            .collect();
        found.sort();
        found
    }
}

fn count(baseline: &mut Baseline, store: &Store) {
    while baseline.is_working(store) {
        baseline.work(store, |_| true);
    }
}

/// Ten sessions per second to one peer, each some milliseconds long.
fn steady(peer: u8, from_s: u64, to_s: u64, connect_us: u64) -> Vec<Session> {
    let cookies = from_s * 10..to_s * 10;
    cookies
        .map(|c| {
            let wobble = c * 7919 % 13;
            let start = c * 100 + wobble;
            let connect_us = connect_us * (10 + wobble) / 16;
            ended(
                c << 8 | u64::from(peer),
                peer,
                start,
                start + 5 + wobble,
                connect_us,
            )
        })
        .collect()
}

#[test]
fn baseline_steady_traffic_has_no_differences() {
    let mut host = Host::new();
    host.take_snapshot(1, vec![], vec![]);
    host.take_snapshot(40, vec![], steady(1, 1, 40, 200));
    host.set_baseline(40);
    assert_eq!(host.peer_differences(), [""; 0]);
    for s in 41..80 {
        host.take_snapshot(s, vec![], steady(1, s - 1, s, 200));
        assert_eq!(host.peer_differences(), [""; 0], "{s}");
    }
}

#[test]
fn baseline_with_very_many_new_peers_is_compared_in_parts_and_counts_all_of_them() {
    const NEW: u64 = 3000;
    let mut host = Host::new();
    host.take_snapshot(1, vec![], vec![]);
    host.take_snapshot(40, vec![], steady(1, 1, 40, 200));
    host.set_baseline(40);
    let new = (0..NEW).map(|c| Session {
        raddr: [10, 1, (c >> 8) as u8, c as u8].into(),
        ..open(ended(1 << 40 | c, 1, 41_000, 0, 100), 60)
    });
    host.take_snapshot(60, new.collect(), vec![]);
    let baseline = host.baseline.as_ref().expect("a baseline");
    let mut pass = Comparing::new(baseline);
    let mut parts = 1;
    let differences = loop {
        match baseline.compare_part(&mut pass, &host.talkers) {
            Some(differences) => break differences,
            None => parts += 1,
        }
    };
    assert!(parts > 1);
    let new = differences.found.iter();
    let new: Vec<_> = new
        .filter(|d| d.finding == DifferenceKind::New)
        .map(|d| match d.key {
            BaselineKey::Several(_) => d.also.len(),
            _ => 1 + d.also.len(),
        })
        .collect();
    // a link to each of them, and the peer itself
    let named: usize = new.iter().sum();
    assert_eq!(named + differences.more_new, 2 * NEW as usize);
    assert!(named >= 512, "{named}");
}

#[test]
fn baseline_finds_new_gone_slower_and_failing_peers() {
    let mut host = Host::new();
    host.take_snapshot(1, vec![], vec![]);
    let held = || open(ended(1, 9, 2000, 0, 100), 40);
    let before = [1, 2, 3].map(|peer| steady(peer, 1, 40, 200)).concat();
    host.take_snapshot(40, vec![held()], before);
    host.set_baseline(40);
    let since = worse_since(40);
    // the end of the one that was open is missed, which is certain at the second snapshot
    (41..=42).for_each(|s| host.take_snapshot(s, vec![], vec![]));
    host.take_snapshot(75, vec![open(ended(5, 77, 50_000, 0, 100), 75)], since);
    assert_eq!(
        host.peer_differences(),
        [
            "10.0.0.1 Worse(Connect)",
            "10.0.0.2 Gone",
            "10.0.0.3 Worse(Failed)",
            "10.0.0.77 New",
            "10.0.0.9 Gone",
        ]
    );
    assert_new_rates(&host);
    let baseline = host.baseline.as_ref().expect("a baseline");
    let (before, since) = baseline.overall(BaselineFigure::Failed, &host.talkers);
    // from the first one on, a second after the baseline
    assert_eq!((before, since), (Some(0.0), Some(8.0 / 34.0)));
}

/// Asserts the sessions opened per second before the baseline, and after [`worse_since`].
fn assert_new_rates(host: &Host) {
    let baseline = host.baseline.as_ref().expect("a baseline");
    let (before, since) = baseline.overall(BaselineFigure::New, &host.talkers);
    assert!((before.expect("a rate") - 30.0).abs() < 0.8, "{before:?}");
    assert!((since.expect("a rate") - 20.2).abs() < 0.8, "{since:?}");
}

/// Sessions of the 35 seconds after a baseline: peer 1 has become slow, and peer 3 refuses eight.
fn worse_since(from_s: u64) -> Vec<Session> {
    let refused_ms = from_s * 1000 + 1000;
    let refused = (0..8).map(|c| Session {
        reason: Reason::Refused,
        established_ns: 0,
        srtt_us: 0,
        ..ended(1 << 30 | c, 3, refused_ms, refused_ms, 0)
    });
    let mut since = steady(1, from_s, from_s + 35, 1500);
    since.extend(steady(3, from_s, from_s + 35, 200));
    since.extend(refused);
    since
}

#[test]
fn baseline_of_another_run_finds_the_same_in_this_one() {
    let mut then = Host::new();
    then.take_snapshot(1, vec![], vec![]);
    let held = |cookie, at_s| open(ended(cookie, 9, 2000, 0, 100), at_s);
    let before = [1, 2, 3].map(|peer| steady(peer, 1, 40, 200)).concat();
    then.take_snapshot(40, vec![held(1, 40)], before);
    then.set_baseline(40);
    let then = then.baseline.expect("a baseline");
    // this one was started long after, and has another connection that is open for long
    let mut host = Host::new();
    host.take_snapshot(500, vec![held(2, 500)], vec![]);
    host.baseline = Some(then.placed(500 * S, &host.talkers, &host.store));
    let since = worse_since(500);
    let newer = open(ended(5, 77, 510_000, 0, 100), 535);
    host.take_snapshot(535, vec![held(2, 535), newer], since);
    assert_eq!(
        host.peer_differences(),
        [
            "10.0.0.1 Worse(Connect)",
            "10.0.0.2 Gone",
            "10.0.0.3 Worse(Failed)",
            "10.0.0.77 New",
        ]
    );
    assert_new_rates(&host);
}

#[test]
fn baseline_traffic_in_bursts_is_gone_only_after_a_longer_pause() {
    let mut host = Host::new();
    host.take_snapshot(1, vec![], vec![]);
    let burst = |peer, s| steady(peer, s, s + 2, 200);
    // one peer every half a minute, another one once, and a third all the time
    let bursts = [5, 35, 65, 95].map(|s| burst(1, s)).concat();
    let before = [bursts, burst(2, 85), steady(3, 1, 100, 200)].concat();
    host.take_snapshot(100, vec![], before);
    host.set_baseline(100);
    let mut since = 100;
    let mut later = |host: &mut Host, s| {
        host.take_snapshot(s, vec![], steady(3, since, s, 200));
        since = s;
        host.peer_differences()
    };
    for s in [110, 130] {
        assert_eq!(later(&mut host, s), [""; 0], "{s}");
    }
    assert_eq!(later(&mut host, 170), ["10.0.0.1 Gone"]);
    assert_eq!(later(&mut host, 400), ["10.0.0.1 Gone", "10.0.0.2 Gone"]);
}

#[test]
fn baseline_noise_of_thousands_of_peers_is_no_difference() {
    let mut host = Host::new();
    host.store = Store::new(200_000);
    // times spread over two orders of magnitude, a dozen on each side for each of two thousand peers
    let session = |peer: u64, n: u64, from_s: u64| {
        let scattered = |k: u64| {
            let n = (peer * 7919 + n * 104_729 + k * 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            ((n ^ n >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f64 / 2_f64.powi(24)
        };
        let sum: f64 = (0..12).map(scattered).sum();
        let connect_us = (1000.0 * (sum - 6.0).exp()) as u64;
        let start_ms = from_s * 1000 + n * 2900;
        Session {
            raddr: std::net::IpAddr::from([10, 1, (peer >> 8) as u8, peer as u8]),
            srtt_us: connect_us as u32,
            ..ended(peer << 20 | n << 1, 0, start_ms, start_ms + 5, connect_us)
        }
    };
    let all = |from_s: u64, n: std::ops::Range<u64>| -> Vec<Session> {
        let each = (0..2000).flat_map(|peer| n.clone().map(move |n| (peer, n)));
        each.map(|(peer, n)| session(peer, n, from_s)).collect()
    };
    host.take_snapshot(1, vec![], vec![]);
    host.take_snapshot(40, vec![], all(2, 0..12));
    host.set_baseline(40);
    let mut since = all(5, 12..24);
    host.take_snapshot(76, vec![], since.clone());
    assert_eq!(host.peer_differences(), [""; 0]);
    // one that is slow indeed is found among them all
    for s in since
        .iter_mut()
        .filter(|s| s.raddr == std::net::IpAddr::from([10, 1, 0, 7]))
    {
        s.cookie += 1;
        s.srtt_us *= 60;
    }
    since.retain(|s| s.cookie & 1 == 1);
    host.take_snapshot(78, vec![], [since.clone(), since].concat());
    assert_eq!(host.peer_differences(), ["10.1.0.7 Worse(Rtt)"]);
}

#[test]
fn baseline_rtt_is_worse_only_if_it_grows_by_a_millisecond() {
    let differences = |then_us: u32, now_us: u32| {
        let mut host = Host::new();
        let all = |cookie: u64, from_s: u64, srtt_us: u32| -> Vec<Session> {
            let session = |n: u64| Session {
                srtt_us: srtt_us + n as u32 % 3,
                ..ended(
                    cookie + n,
                    0,
                    (from_s + n) * 1000,
                    (from_s + n) * 1000 + 5,
                    100,
                )
            };
            (0..30).map(session).collect()
        };
        host.take_snapshot(1, vec![], vec![]);
        host.take_snapshot(40, vec![], all(0, 2, then_us));
        host.set_baseline(40);
        host.take_snapshot(76, vec![], all(1000, 42, now_us));
        host.peer_differences().len()
    };
    // within one host, of which the load has grown
    assert_eq!(differences(7, 732), 0);
    assert_eq!(differences(200, 1_100), 0);
    assert_eq!(differences(200, 1_300), 1);
    assert_eq!(differences(10_000, 16_000), 1);
}

#[test]
fn baseline_rates_over_milliseconds_are_not_shown() {
    let mut host = Host::new();
    host.store = Store::new(2);
    host.take_snapshot(1, vec![], vec![]);
    host.take_snapshot(40, vec![], steady(1, 1, 40, 200));
    host.set_baseline(40);
    host.take_snapshot(50, vec![], steady(1, 40, 50, 200));
    let baseline = host.baseline.as_ref().expect("a baseline");
    let (before, since) = baseline.overall(BaselineFigure::New, &host.talkers);
    assert_eq!(before, None, "what is kept covers a tenth of a second");
    assert!((since.expect("a rate") - 10.0).abs() < 0.5, "{since:?}");
    assert_eq!(baseline.evicted(), 388);
    assert_eq!(host.peer_differences(), [""; 0]);
}

#[test]
fn baseline_too_few_sessions_are_no_regression() {
    let mut host = Host::new();
    host.take_snapshot(1, vec![], vec![]);
    host.take_snapshot(40, vec![], steady(1, 1, 40, 200));
    host.set_baseline(40);
    let mut slow = steady(1, 40, 42, 1500);
    slow.truncate(ENOUGH as usize - 1);
    host.take_snapshot(50, vec![], slow);
    assert_eq!(host.peer_differences(), [""; 0]);
}

#[test]
fn baseline_program_stopped_a_moment_after_it_is_gone() {
    let mut host = Host::new();
    host.take_snapshot(1, vec![], vec![]);
    host.take_snapshot(40, vec![], steady(1, 1, 40, 200));
    host.set_baseline(40);
    host.take_snapshot(42, vec![], steady(1, 40, 41, 200));
    assert_eq!(host.peer_differences(), [""; 0]);
    host.take_snapshot(60, vec![], vec![]);
    assert_eq!(host.peer_differences(), ["10.0.0.1 Gone"]);
}

#[test]
fn baseline_losses_before_it_do_not_count() {
    let mut host = Host::new();
    let lossy = |n: u32, s| -> Vec<Session> {
        let sessions = (0..40).map(|c| Session {
            retransmits: n,
            ..open(ended(c, 1, 1000, 0, 200), s)
        });
        sessions.collect()
    };
    host.take_snapshot(1, vec![], vec![]);
    host.take_snapshot(40, lossy(0, 40), vec![]);
    host.set_baseline(40);
    host.take_snapshot(50, lossy(3, 50), vec![]);
    assert_eq!(host.peer_differences(), ["10.0.0.1 Worse(Lossy)"]);
    // after another baseline these losses are old
    host.set_baseline(50);
    host.take_snapshot(60, lossy(3, 60), vec![]);
    assert_eq!(host.peer_differences(), [""; 0]);
}

/// A session of a program to a peer's port, that fails.
fn failing(cookie: u64, program: &str, peer: u8, port: u16, at_ms: u64) -> Session {
    Session {
        comm: program.into(),
        rport: port,
        reason: Reason::Refused,
        established_ns: 0,
        srtt_us: 0,
        ..ended(1 << 40 | cookie, peer, at_ms, at_ms, 0)
    }
}

/// The lines that these sessions make after steady traffic of another program to peers 1 to 9.
fn lines_after(since: Vec<Session>) -> Vec<String> {
    let mut host = Host::new();
    host.take_snapshot(1, vec![], vec![]);
    let before = |from, to| (1..10).flat_map(move |peer| steady(peer, from, to, 200));
    host.take_snapshot(40, vec![], before(1, 40).collect());
    host.set_baseline(40);
    let since = before(40, 60).chain(since).collect();
    host.take_snapshot(60, vec![], since);
    let found = host.differences().into_iter();
    let mut lines: Vec<String> = found
        .map(|mut d| {
            d.also.sort();
            let also: Vec<String> = d.also.iter().map(ToString::to_string).collect();
            let with: Vec<_> = d
                .with
                .iter()
                .map(|(kind, _)| format!("+{kind:?}"))
                .collect();
            let text = format!("{:?} {} ({})", d.finding, d.key, also.join(", "));
            format!("{text} {}", with.join(" ")).trim_end().to_owned()
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn baseline_failures_of_one_cause_are_one_line() {
    let at = |n: u64| 41_000 + n * 700;
    let all = |one: &dyn Fn(u64) -> Session| -> Vec<String> {
        let lines = lines_after((0..24).map(one).collect());
        // what else the line names has its own test
        let shortened = lines
            .iter()
            .map(|l| l.split(" (").next().unwrap_or(l).to_owned());
        let with = lines
            .iter()
            .map(|l| l.rsplit(')').next().unwrap_or_default());
        shortened
            .zip(with)
            .map(|(line, with)| line + with)
            .collect()
    };
    // a program that cannot reach its database
    let lines = all(&|n| failing(n, "app", 1, 5432, at(n)));
    assert_eq!(lines, ["Worse(Failed) app → 10.0.0.1:5432 +New"]);
    // two programs and the same database
    let lines = all(&|n| failing(n, ["app", "cron"][n as usize % 2], 1, 5432, at(n)));
    assert_eq!(lines, ["Worse(Failed) 5432 +New"]);
    // a program and the parts of its database
    let lines = all(&|n| failing(n, "app", 1 + n as u8 % 3, 5432, at(n)));
    assert_eq!(lines, ["Worse(Failed) app +New"]);
    // one that fails with its database and, less, with something else on that host
    let lines = all(&|n| failing(n, "app", 1, if n % 4 > 0 { 5432 } else { 80 }, at(n)));
    assert_eq!(lines, ["Worse(Failed) app +New"]);
    // a new host of a program that connects to others too
    let lines = all(&|n| failing(n, "recordProgramStart", 77, 28527, at(n)));
    assert_eq!(
        lines,
        ["Worse(Failed) recordProgramSt → 10.0.0.77:28527 +New"]
    );
    // one of its hosts refuses, and it tries again and again
    let again = |n| failing(n, "recordProgramStart", 1, 28527, 41_000 + n * 50);
    let lines = lines_after((0..300).map(again).collect());
    assert_eq!(
        lines,
        [
            "Worse(Failed) recordProgramSt → 10.0.0.1:28527 (recordProgramSt, 10.0.0.1, 28527) +Grown(New)"
        ]
    );
}

#[test]
fn baseline_unrelated_failures_with_one_peer_are_lines_of_their_own() {
    // two programs fail with services of one host, which serves others well
    let one = |n: u64| match n % 2 {
        0 => failing(n, "app", 1, 5432, 41_000 + n * 300),
        _ => failing(n, "cron", 1, 80, 41_000 + n * 300),
    };
    let lines = lines_after((0..40).map(one).collect());
    let failing = |line: &&String| line.starts_with("Worse(Failed)");
    let keys = lines
        .iter()
        .filter(failing)
        .filter_map(|l| l.split(" (").next());
    assert_eq!(
        keys.collect::<Vec<_>>(),
        [
            "Worse(Failed) app → 10.0.0.1:5432",
            "Worse(Failed) cron → 10.0.0.1:80"
        ],
        "{lines:?}"
    );
}

#[test]
fn baseline_too_early_has_no_differences() {
    let mut host = Host::new();
    host.take_snapshot(1, vec![], vec![]);
    host.take_snapshot(40, vec![], steady(1, 1, 40, 200));
    host.set_baseline(40);
    let new = (0..20).map(|n| failing(n, "app", 77, 80, 41_000 + n));
    host.take_snapshot(44, vec![], new.collect());
    assert_eq!(host.peer_differences(), [""; 0]);
    let baseline = host.baseline.as_ref().expect("a baseline");
    assert!(baseline.is_too_early());
    host.take_snapshot(50, vec![], steady(1, 40, 50, 200));
    assert_eq!(host.peer_differences(), ["10.0.0.77 Worse(Failed)"]);
}
