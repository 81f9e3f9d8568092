//! Each rule on synthetic sessions: what makes it a finding within 10 s, and near misses that must not.

mod both_ends;
mod cases;
mod packets;

use std::net::IpAddr;

use super::*;
use crate::model::batch::{Batch, HostSnapshot, Missed};
use crate::model::capture_filter::Family;
use crate::model::listener::Listener;
use crate::model::packet_drop::{PacketDirection, PacketDrops};
use crate::model::port_use::PortRange;
use crate::model::session::{Comm, Direction, Evidence, Reason, Session, State};
use crate::model::store::Store;
use crate::model::turns::{ResponseTimes, ShortTime, Turns};
use crate::testing::sample;

/// The host in one second.
#[derive(Default)]
struct Moment {
    open: Vec<Session>,
    closed: Vec<Session>,
    listeners: Vec<Listener>,
    drops: Vec<PacketDrops>,
    missed: u64,
}

/// The host at so many seconds since the start of a scenario, at an instant.
type Scenario = fn(u64, u64) -> Moment;

/// Instant of the start, s.
const START_S: u64 = 1000;

fn addr(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A session of 40 s ago to a database on another host.
fn established(cookie: u64) -> Session {
    Session {
        cookie,
        start_ns: (START_S - 40) * S,
        established_ns: (START_S - 40) * S + 300_000,
        end_ns: 0,
        state: State::Established,
        state_before_close: State::Established,
        reason: Reason::Open,
        direction: Direction::Out,
        laddr: addr("10.0.0.1"),
        raddr: addr("10.0.0.9"),
        lport: (40_000 + cookie % 20_000) as u16,
        rport: 5432,
        comm: Comm::from("app"),
        pid: 77,
        close_us: 0,
        tx_bytes: 1000,
        rx_bytes: 1000,
        srtt_us: 500,
        min_rtt_us: 400,
        ..sample::closed_session()
    }
}

fn inbound(cookie: u64) -> Session {
    Session {
        direction: Direction::In,
        lport: 80,
        rport: (50_000 + cookie % 10_000) as u16,
        ..established(cookie)
    }
}

/// A session that began 1 ms ago and closes now.
fn closed(cookie: u64, reason: Reason, now_ns: u64) -> Session {
    Session {
        start_ns: now_ns - 1_000_000,
        established_ns: 0,
        end_ns: now_ns,
        state: State::Closed,
        reason,
        ..established(cookie)
    }
}

/// The same, with a handshake that took a tenth of its life.
fn served(cookie: u64, now_ns: u64) -> Session {
    Session {
        established_ns: now_ns - 900_000,
        ..closed(cookie, Reason::LocalFin, now_ns)
    }
}

fn listener() -> Listener {
    Listener {
        queue: 0,
        queue_limit: 128,
        half_open: 0,
        waiting_since_ns: None,
        ..sample::listener()
    }
}

fn of_closed(closed: Vec<Session>) -> Moment {
    Moment {
        closed,
        ..Moment::default()
    }
}

fn of_open(open: impl Iterator<Item = Session>) -> Moment {
    Moment {
        open: open.collect(),
        ..Moment::default()
    }
}

fn of_listener(listener: Listener) -> Moment {
    Moment {
        listeners: vec![listener],
        ..Moment::default()
    }
}

fn dropped(
    reason: &'static str,
    direction: PacketDirection,
    syns: u64,
    now_ns: u64,
) -> PacketDrops {
    PacketDrops {
        reason,
        direction,
        local: "10.0.0.1:0".parse().expect("an address"),
        remote: "10.0.0.9:5432".parse().expect("an address"),
        packets: syns.max(1),
        syns,
        first_ns: START_S * S,
        last_ns: now_ns,
        ..sample::packet_drops()
    }
}

fn of_drops(drops: PacketDrops) -> Moment {
    Moment {
        drops: vec![drops],
        listeners: vec![listener()],
        ..Moment::default()
    }
}

/// A turn per second, with these response times of the peer and of us.
fn answered(session: Session, s: u64, peer_us: u32, our_us: u32) -> Session {
    let times = |us| ResponseTimes::new(us as u64, 1, ShortTime::new(us), ShortTime::new(us));
    Session {
        turns: Turns {
            count: s as u32,
            peer: times(peer_us),
            ours: times(our_us),
            first_data_us: 1,
        },
        ..session
    }
}

/// So many sessions of which one is closed each second, out of 10.
fn one_in_ten(s: u64, now_ns: u64, reason: Reason) -> Moment {
    let mut all: Vec<Session> = (1..10).map(|i| served(s * 10 + i, now_ns)).collect();
    all.push(closed(s * 10, reason, now_ns));
    of_closed(all)
}

fn half_closed(cookie: u64, state: State, fin_ns: u64, now_ns: u64) -> Session {
    Session {
        state,
        close_us: (now_ns.saturating_sub(fin_ns) / 1000).max(1) as u32,
        ..established(cookie)
    }
}

/// A session over a long way that always has data in flight, with so much of each second limited by the send buffer,
/// ms, and so many bytes in it. The network would take ten segments.
fn short_buffer(s: u64, limited_ms: u32, unacked_bytes: u32) -> Session {
    let seconds = s as u32;
    Session {
        tx_bytes: s * 1_000_000,
        busy_ms: seconds * 1000,
        sndbuf_limited_ms: seconds * limited_ms,
        unacked_bytes,
        cwnd: 10,
        mss: 1448,
        srtt_us: 80_000,
        min_rtt_us: 79_000,
        ..established(1)
    }
}

/// So many open sessions of one kind.
fn many(count: u64, session: impl Fn(u64) -> Session) -> Moment {
    of_open((1..=count).map(session))
}

fn nothing(_: u64, _: u64) -> Moment {
    Moment::default()
}

/// A host that is watched.
struct Watching {
    store: Store,
    host: HostState,
    findings: Findings,
    ports: PortUse,
}

impl Watching {
    fn new() -> Self {
        let mut thresholds = Thresholds::default();
        let range = PortRange::parse("40000 40999", "");
        thresholds.set("close-wait-age", 2.0);
        thresholds.set("fin-wait-age", 2.0);
        Watching {
            store: Store::new(0),
            host: HostState::default(),
            findings: Findings::new(thresholds, |pid| (pid == 77).then_some(512)),
            ports: PortUse::new(sample::closed_session().netns, range.expect("a range")),
        }
    }

    /// Takes the host in the next second, and returns the present findings.
    fn second(&mut self, at_s: u64, scenario: Scenario, s: u64) -> Vec<Finding> {
        let now_ns = at_s * S;
        let mut moment = scenario(s, now_ns);
        moment
            .open
            .iter_mut()
            .for_each(|session| session.end_ns = now_ns);
        self.host.take(HostSnapshot {
            taken_ns: now_ns,
            listeners: moment.listeners,
            drops: Some(moment.drops),
            ..HostSnapshot::default()
        });
        let batch = Batch {
            open: Some(moment.open.into()),
            closed: moment.closed,
            missed: Missed {
                ring_full: moment.missed,
                ..Missed::default()
            },
            taken_ns: now_ns,
            ..Batch::default()
        };
        let (findings, ports) = (&mut self.findings, &mut self.ports);
        self.store.ingest(batch, |event| {
            if let Some(change) = event.change() {
                findings.take(change);
                ports.take(change);
            }
        });
        ports.settle(now_ns);
        let missed = self.store.totals().missed.certain();
        let beside = Beside {
            host: Some(&self.host),
            ports: Some(&self.ports),
        };
        findings.end_snapshot(now_ns, missed, beside);
        findings.present().into_iter().map(|(_, f)| f).collect()
    }
}

/// The network namespace of synthetic sessions, and of the reader.
fn our_netns() -> u32 {
    sample::closed_session().netns
}

/// The present findings after so many seconds of a scenario.
fn after(watching: &mut Watching, seconds: u64, scenario: Scenario) -> Vec<Finding> {
    let mut found = Vec::new();
    for s in 0..=seconds {
        found = watching.second(START_S + s, scenario, s);
    }
    found
}

#[test]
fn findings_of_many_subjects_are_bounded() {
    let mut watching = Watching::new();
    let scenario: Scenario = |s, now| {
        let at = |i: u64| Session {
            raddr: IpAddr::from([10, 9, (i >> 8) as u8, i as u8]),
            ..closed(s * 10_000 + i, Reason::Refused, now)
        };
        of_closed((0..10_000).map(at).collect())
    };
    let mut found = Vec::new();
    for s in 0..8 {
        found = watching.second(START_S + s, scenario, s);
    }
    assert!(found.len() <= SUBJECTS, "{}", found.len());
    assert!(watching.findings.facts.destinations.iter().count() <= 2048);
}

#[test]
fn retransmits_to_several_peers_of_a_subnet_are_one_finding() {
    let mut watching = Watching::new();
    let scenario: Scenario = |s, _| {
        many(5, |c| Session {
            raddr: IpAddr::from([10, 7, 7, c as u8]),
            tx_bytes: s * 100_000,
            retransmits: s as u32 * 7,
            retransmitted_bytes: s * 10_000,
            ..inbound(c)
        })
    };
    let mut found = Vec::new();
    for s in 0..8 {
        found = watching.second(START_S + s, scenario, s);
    }
    let told: Vec<_> = found.iter().map(|f| f.subject.to_string()).collect();
    assert_eq!(told, ["10.7.7.0/24"]);
    assert!(
        found[0].sentence.contains("(5 peers)"),
        "{}",
        found[0].sentence
    );
}

#[test]
fn threshold_of_the_configuration_decides() {
    let mut watching = Watching::new();
    watching.findings.thresholds.set("refusing", 5.0);
    let mut found = Vec::new();
    for s in 0..8 {
        found = watching.second(START_S + s, |s, now| one_in_ten(s, now, Reason::Refused), s);
    }
    let [finding] = found.as_slice() else {
        panic!("{found:?}");
    };
    let text = finding.rule.threshold_text(&watching.findings.thresholds);
    assert_eq!(text, "threshold: 5 %, findings.refusing");
}

#[test]
fn several_sources_towards_one_destination_are_one_finding_of_the_fullest() {
    let mut watching = Watching::new();
    let scenario: Scenario = |_, _| {
        let of = |last: u8, count: u64| {
            (0..count).map(move |c| Session {
                cookie: u64::from(last) * 10_000 + c,
                laddr: IpAddr::from([10, 0, 0, last]),
                lport: 40_000 + c as u16,
                pid: 78,
                ..established(1)
            })
        };
        of_open(of(1, 920).chain(of(2, 980)).chain(of(3, 940)))
    };
    let mut found = Vec::new();
    for s in 0..4 {
        found = watching.second(START_S + s, scenario, s);
    }
    let [finding] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert!(finding.sentence.contains("980 open"), "{finding:?}");
}

#[test]
fn short_send_buffer_of_a_program_that_writes_little_at_a_time_is_found() {
    let scenario: Scenario = |s, _| of_open([short_buffer(s, 100, 5000)].into_iter());
    let found = after(&mut Watching::new(), 8, scenario);
    let [finding] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(finding.rule.name, "send-buffer");
    let percent = ("limited_percent", Amount::Count(100));
    assert_eq!(finding.evidence.last(), Some(&percent));
}

#[test]
fn same_address_in_two_namespaces_is_two_destinations() {
    // half of the connects succeed, all of them in another namespace
    let scenario: Scenario = |s, now| {
        let refused = Session {
            netns: our_netns() + 1,
            ..closed(s * 2, Reason::Refused, now)
        };
        of_closed(vec![refused, served(s * 2 + 1, now)])
    };
    let found = after(&mut Watching::new(), 8, scenario);
    let [finding] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(finding.subject.netns(), Some(our_netns() + 1));
    let name = format!(" in 8 s (network namespace {})", our_netns() + 1);
    assert!(finding.sentence.ends_with(&name), "{}", finding.sentence);
    assert!(finding.sentence.contains("9 of 9"), "{}", finding.sentence);

    let both: Scenario = |s, now| {
        let refused = |i: u64| Session {
            netns: our_netns() + i as u32,
            ..closed(s * 2 + i, Reason::Refused, now)
        };
        of_closed((0..2).map(refused).collect())
    };
    let found = after(&mut Watching::new(), 8, both);
    let mut named: Vec<bool> = found
        .iter()
        .map(|f| f.sentence.contains("namespace"))
        .collect();
    named.sort_unstable();
    assert_eq!(named, [false, true], "ours needs no name: {found:?}");
}

#[test]
fn sentence_says_the_time_that_was_watched() {
    let mut watching = Watching::new();
    for s in 0..50 {
        let scenario: Scenario = |s, now| of_closed(vec![closed(s, Reason::Refused, now)]);
        let found = watching.second(START_S + s, scenario, s);
        for finding in found {
            let within = format!(" in {} s", s.clamp(1, 30));
            assert!(finding.sentence.ends_with(&within), "{finding:?}");
            let within = ("within_s", Amount::Count(s.clamp(1, 30)));
            assert_eq!(finding.evidence.last(), Some(&within));
        }
    }
}
