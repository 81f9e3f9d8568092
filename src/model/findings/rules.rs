//! Conditions of the findings: for each, the subjects for which it holds, with a sentence and numbers.

use std::ops::AddAssign;

use rustc_hash::FxHashMap;

use crate::model::aggregate::{GroupBy, GroupKey};
use crate::model::fields;
use crate::model::findings::facts::{
    Active, Facts, Outcomes, Recent, RecentOutcomes, Sent, TRAFFIC_S, WINDOW_S, percent,
};
use crate::model::findings::suspects::{Plight, Troubled};
use crate::model::findings::usual::{ALWAYS_S, Responses};
use crate::model::findings::{Amount, Destination, Met, Sources, Subject, Thresholds};
use crate::model::interface::ZonedAddr;
use crate::model::port_use::{PortPoolUse, PortUse};
use crate::model::session::{Comm, Direction};
use crate::text::units::S;

/// A time since an instant.
fn time_since(facts: &Facts, since_ns: u64) -> String {
    fields::seconds(facts.now_ns.saturating_sub(since_ns))
}

/// A time for which sessions are in trouble; the least one, if some were before they were seen.
fn for_at_least(time: String, troubled: &Troubled) -> String {
    match troubled.is_older {
        true => format!("at least {time}"),
        false => time,
    }
}

/// The program of sessions, and true if others have some of them, too.
type Program = Option<(Comm, bool)>;

/// The program that connected, after a count: ` from curl`, or ` from curl and others`; nothing if it is not known.
fn from_client(program: Program) -> String {
    and_program("from", program)
}

fn and_program(preposition: &str, program: Program) -> String {
    match program {
        Some((comm, false)) => format!(" {preposition} {}", comm.as_str()),
        Some((comm, true)) => format!(" {preposition} {} and others", comm.as_str()),
        None => String::new(),
    }
}

/// The program of a listener, and what it does; `we` if it is not known.
fn we(facts: &Facts, sources: &Sources<'_>, listener: &Subject, verb: &str) -> String {
    match sources.program(facts, listener) {
        Some(program) => format!("{} {verb}s", program.as_str()),
        None => format!("we {verb}"),
    }
}

/// The port of listeners at whatever address.
fn port(subject: &Subject) -> String {
    subject.to_string().trim_start_matches(':').to_owned()
}

/// Failures of one kind at destinations that we connect to.
struct Kind {
    threshold: &'static str,
    failures: fn(&Outcomes) -> u32,
    attempts: fn(&Outcomes) -> u32,
    /// Name of the failures in the evidence, and of the attempts.
    names: [&'static str; 2],
    sentence: fn(&str, u64, u64, &str) -> String,
}

fn failing(facts: &Facts, sources: &Sources<'_>, kind: &Kind) -> Vec<Met> {
    let thresholds = sources.thresholds;
    let (least, share) = (thresholds.of("least"), thresholds.of(kind.threshold));
    let is_waiting = kind.threshold == "unanswered";
    let within_s = facts.watched_s(WINDOW_S);
    let failing = |to: Destination, recent: Option<&RecentOutcomes>| {
        let subject = Subject::Destination(to);
        let sum = recent
            .map(|r| r.sum(facts.now_ns, WINDOW_S))
            .unwrap_or_default();
        let waiting = match is_waiting {
            true => facts.suspects.get(Plight::Unanswered, subject),
            false => Troubled::default(),
        };
        let failures = u64::from((kind.failures)(&sum)) + waiting.count;
        let attempts = u64::from((kind.attempts)(&sum)) + waiting.count;
        let extent =
            recent.and_then(|r| r.extent(facts.now_ns, WINDOW_S, |o| (kind.failures)(o) > 0));
        let first_ns = extent.map(|(first, _)| first);
        let last_ns = extent.map(|(_, last)| last);
        let is_recent = last_ns.is_some_and(|last| last + TRAFFIC_S * S >= facts.now_ns);
        if (failures as f64) < least
            || percent(failures, attempts) < share
            || !(is_recent || waiting.count > 0)
        {
            return None;
        }
        let since_ns = [first_ns, waiting.oldest_ns].into_iter().flatten().min();
        let until_ns = match waiting.count {
            0 => last_ns,
            _ => None,
        };
        let from = from_client(recent.and_then(|r| r.program(facts.now_ns, WINDOW_S)));
        Some(Met {
            subject,
            since_ns,
            until_ns,
            weight: failures,
            sentence: format!(
                "{} in {within_s} s",
                (kind.sentence)(&sources.name(facts, &subject), failures, attempts, &from)
            ),
            evidence: vec![
                (kind.names[0], Amount::Count(failures)),
                (kind.names[1], Amount::Count(attempts)),
                ("share_percent", Amount::real(percent(failures, attempts))),
                ("within_s", Amount::Count(within_s)),
            ],
        })
    };
    let known = facts.destinations.iter();
    let mut met: Vec<Met> = known.filter_map(|(to, r)| failing(to, Some(r))).collect();
    if is_waiting {
        // nothing has been decided there yet
        for (subject, _) in facts.suspects.of(Plight::Unanswered) {
            if let Subject::Destination(to) = subject
                && facts.destinations.get(to).is_none()
            {
                met.extend(failing(to, None));
            }
        }
    }
    met
}

pub(super) fn refusing(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let kind = Kind {
        threshold: "refusing",
        failures: |o| o.refused,
        attempts: Outcomes::connects,
        names: ["refused", "connects"],
        sentence: |to, n, all, from| format!("{to} refuses connections: {n} of {all}{from}"),
    };
    let mut met = failing(facts, sources, &kind);
    // a name like localhost has two addresses; where nothing listens on the first, the second serves
    met.retain(|met| {
        let Subject::Destination(to) = met.subject else {
            return true;
        };
        let other = Destination {
            addr: ZonedAddr {
                addr: std::net::Ipv4Addr::LOCALHOST.into(),
                ..to.addr
            },
            ..to
        };
        let addr = to.addr.addr;
        let other = facts
            .destinations
            .get(other)
            .filter(|_| addr.is_loopback() && addr.is_ipv6());
        other.is_none_or(|r| r.sum(facts.now_ns, WINDOW_S).connected == 0)
    });
    met
}

pub(super) fn unanswered(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let kind = Kind {
        threshold: "unanswered",
        failures: |o| o.unanswered,
        attempts: Outcomes::connects,
        names: ["unanswered", "connects"],
        sentence: |to, n, all, from| format!("{to} does not answer: {n} of {all} connects{from}"),
    };
    let mut met = failing(facts, sources, &kind);
    // our own firewall is a finding of its own
    met.retain(|m| !sources.cut_off.iter().any(|c| c.covers(&m.subject)));
    met
}

pub(super) fn unreachable(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let kind = Kind {
        threshold: "unreachable",
        failures: |o| o.unreachable,
        attempts: Outcomes::connects,
        names: ["unreachable", "connects"],
        sentence: |to, n, all, from| format!("{to} cannot be reached: {n} of {all} connects{from}"),
    };
    failing(facts, sources, &kind)
}

pub(super) fn resetting(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let kind = Kind {
        threshold: "resetting",
        failures: |o| o.reset,
        attempts: |o| o.closed,
        names: ["reset", "closed"],
        sentence: |to, n, all, from| format!("{to} resets sessions: {n} of {all}{from}"),
    };
    failing(facts, sources, &kind)
}

/// Destinations that have stopped acknowledging, with their open sessions.
pub(super) fn silent(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let met = |(subject, troubled): (Subject, Troubled)| {
        let oldest_ns = troubled.oldest_ns?;
        let time = for_at_least(time_since(facts, oldest_ns), &troubled);
        let sessions = fields::number(troubled.count, "session");
        let bytes = fields::size(troubled.bytes);
        Some(Met {
            subject,
            since_ns: Some(oldest_ns),
            until_ns: None,
            weight: troubled.count,
            sentence: format!(
                "{} has acknowledged nothing for {time}: {sessions}, {bytes} wait",
                sources.name(facts, &subject)
            ),
            evidence: vec![
                ("sessions", Amount::Count(troubled.count)),
                ("unacked_bytes", Amount::Count(troubled.bytes)),
                (
                    "silent_s",
                    Amount::real(facts.now_ns.saturating_sub(oldest_ns) as f64 / 1e9),
                ),
            ],
        })
    };
    facts.suspects.of(Plight::Silent).filter_map(met).collect()
}

/// Counts of the last 30 seconds that are at least so many, by subject.
fn counted<'a, T, const N: usize>(
    facts: &Facts,
    sources: &Sources<'_>,
    threshold: &str,
    all: impl Iterator<Item = (Subject, &'a Recent<T, N>)>,
    count: fn(&T) -> u32,
    name: &'static str,
    sentence: fn(&str, u64, Program) -> String,
) -> Vec<Met>
where
    T: Copy + Default + PartialEq + AddAssign + 'a,
{
    let least = sources.thresholds.of(threshold);
    let within_s = facts.watched_s(WINDOW_S);
    let met = |(subject, recent): (Subject, &Recent<T, N>)| {
        let n = u64::from(count(&recent.sum(facts.now_ns, WINDOW_S)));
        let (first_ns, last_ns) = recent.extent(facts.now_ns, WINDOW_S, |o| count(o) > 0)?;
        if (n as f64) < least {
            return None;
        }
        Some(Met {
            subject,
            since_ns: Some(first_ns),
            until_ns: Some(last_ns),
            weight: n,
            sentence: format!(
                "{} in {within_s} s",
                sentence(
                    &sources.name(facts, &subject),
                    n,
                    recent.program(facts.now_ns, WINDOW_S)
                )
            ),
            evidence: vec![
                (name, Amount::Count(n)),
                ("within_s", Amount::Count(within_s)),
            ],
        })
    };
    all.filter_map(met).collect()
}

/// Destinations, and the recent outcomes at each.
fn destinations(facts: &Facts) -> impl Iterator<Item = (Subject, &RecentOutcomes)> {
    let all = facts.destinations.iter();
    all.map(|(to, recent)| (Subject::Destination(to), recent))
}

pub(super) fn keepalive(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    counted(
        facts,
        sources,
        "keepalive",
        destinations(facts),
        |o| o.keepalive,
        "timed_out",
        |to, n, program| {
            let sessions = fields::number(n, "idle session");
            let from = from_client(program);
            format!("{to} is gone: keep-alive closed {sessions}{from}")
        },
    )
}

pub(super) fn no_port(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    counted(
        facts,
        sources,
        "no-port",
        destinations(facts),
        |o| o.no_port,
        "failed",
        |to, n, program| {
            let from = from_client(program);
            format!("no free local port to connect to {to}: {n} times{from}")
        },
    )
}

pub(super) fn never_accepted(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let ports = facts.unaccepted.iter().map(|((netns, port), recent)| {
        let subject = Subject::Listener {
            netns,
            addr: None,
            port,
        };
        (subject, recent)
    });
    counted(
        facts,
        sources,
        "never-accepted",
        ports,
        |n| *n,
        "never_accepted",
        |name, n, program| {
            let sessions = fields::number(n, "session");
            let port = name.trim_start_matches(':');
            let by = and_program("by", program);
            format!("{sessions} of port {port} were never accepted{by}")
        },
    )
}

/// Processes with sessions in one kind of trouble.
fn troubled(
    facts: &Facts,
    plight: Plight,
    is_enough: impl Fn(&Subject, &Troubled) -> bool,
    sentence: impl Fn(&Subject, &Troubled, &str) -> String,
) -> Vec<Met> {
    let met = |(subject, troubled): (Subject, Troubled)| {
        if !is_enough(&subject, &troubled) {
            return None;
        }
        let oldest_ns = troubled.oldest_ns?;
        let time = for_at_least(time_since(facts, oldest_ns), &troubled);
        let mut evidence = vec![("sessions", Amount::Count(troubled.count))];
        if troubled.bytes > 0 {
            evidence.push(("bytes", Amount::Count(troubled.bytes)));
        }
        let oldest_s = facts.now_ns.saturating_sub(oldest_ns) as f64 / 1e9;
        evidence.push(("oldest_s", Amount::real(oldest_s)));
        Some(Met {
            subject,
            since_ns: Some(oldest_ns),
            until_ns: None,
            weight: troubled.count,
            sentence: sentence(&subject, &troubled, &time),
            evidence,
        })
    };
    facts.suspects.of(plight).filter_map(met).collect()
}

/// Share of a process' open sessions that are in trouble.
fn share_of(facts: &Facts, subject: &Subject, troubled: &Troubled) -> f64 {
    let open = match subject {
        Subject::Group(process) => facts.processes.get(*process).map_or(0, |opened| opened.0),
        _ => 0,
    };
    percent(troubled.count, open.max(troubled.count))
}

/// Time between the first and the last close of a peer, from which on they did not all close at once, ns.
const SPREAD_NS: u64 = 5 * S;
/// So many times the threshold are a leak, however they came about.
const FAR_ABOVE: f64 = 10.0;

pub(super) fn close_wait(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let least = sources.thresholds.of("close-wait");
    let age = fields::seconds(sources.thresholds.ns("close-wait-age"));
    // a pool keeps what a restarted server closed until it is used next; a leak grows
    let is_enough = |_: &Subject, t: &Troubled| {
        let span_ns = t.known_ns.map_or(0, |(first, last)| last - first);
        let count = t.count as f64;
        count >= least && (span_ns >= SPREAD_NS || count >= least * FAR_ABOVE)
    };
    troubled(facts, Plight::CloseWait, is_enough, |process, t, time| {
        let sessions = fields::number(t.count, "session");
        format!(
            "{process} leaks {sessions}, in close-wait for more than {age}: their peers closed them, the first {time} ago"
        )
    })
}

pub(super) fn unread(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let share = sources.thresholds.of("unread");
    let is_enough = |process: &Subject, t: &Troubled| share_of(facts, process, t) >= share;
    troubled(facts, Plight::Unread, is_enough, |process, t, time| {
        let sessions = fields::number(t.count, "session");
        let bytes = fields::size(t.bytes);
        format!("{process} has read nothing for {time} from {sessions}, where {bytes} wait")
    })
}

pub(super) fn peer_window(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let share = sources.thresholds.of("peer-window");
    let is_enough = |process: &Subject, t: &Troubled| share_of(facts, process, t) >= share;
    troubled(facts, Plight::WindowFull, is_enough, |process, t, time| {
        let sessions = fields::number(t.count, "session");
        let bytes = fields::size(t.bytes);
        format!(
            "peers of {process} have read nothing for {time}: {sessions} with a full window, {bytes} wait"
        )
    })
}

pub(super) fn fin_wait(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let least = sources.thresholds.of("fin-wait");
    let is_enough = |_: &Subject, t: &Troubled| t.count as f64 >= least;
    troubled(facts, Plight::FinWait, is_enough, |process, t, time| {
        let sessions = fields::number(t.count, "session");
        format!("{process} waits for peers to close {sessions}, the first for {time}")
    })
}

pub(super) fn orphans(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let least = sources.thresholds.of("orphans");
    let is_enough = |_: &Subject, t: &Troubled| t.count as f64 >= least;
    troubled(facts, Plight::Orphan, is_enough, |process, t, time| {
        let sessions = fields::number(t.count, "session");
        let bytes = fields::size(t.bytes);
        format!(
            "{process} closed {sessions} with {bytes} that peers have not acknowledged for {time}"
        )
    })
}

/// Retransmitted segments below which a share is chance.
const LEAST_LOST: u64 = 10;
/// Peers of a subnet from which on the subnet is the subject.
const PEERS: usize = 3;

pub(super) fn retransmitting(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let least = sources.thresholds.of("retransmitting");
    let within_s = facts.watched_s(TRAFFIC_S);
    let now_ns = facts.now_ns;
    let sums: Vec<_> = facts
        .peers
        .iter()
        .map(|(key, recent)| (key, recent.sum(now_ns, TRAFFIC_S)))
        .collect();
    let all: u64 = sums.iter().map(|(_, sent)| sent.bytes).sum();
    let mut subnets: FxHashMap<GroupKey, Vec<_>> = FxHashMap::default();
    for ((peer, direction), sent) in sums {
        let share = sent.retransmitted_percent();
        if sent.retransmits >= LEAST_LOST && share >= least {
            let subnet = GroupBy::subnet(peer);
            subnets
                .entry(subnet)
                .or_default()
                .push((peer, direction, sent));
        }
    }
    let mut met = Vec::new();
    for (subnet, peers) in subnets {
        let mut add = |subject: Subject, sent: Sent, among: &str| {
            let share = sent.retransmitted_percent();
            met.push(Met {
                subject,
                since_ns: None,
                until_ns: None,
                weight: sent.retransmits,
                sentence: format!(
                    "{share:.0} % of what we send to {subject}{among} is retransmitted: {} in {within_s} s",
                    fields::number(sent.retransmits, "segment")
                ),
                evidence: vec![
                    ("retransmits", Amount::Count(sent.retransmits)),
                    ("retransmitted_bytes", Amount::Count(sent.retransmitted_bytes)),
                    ("sent_bytes", Amount::Count(sent.bytes)),
                    ("share_percent", Amount::real(share)),
                    ("within_s", Amount::Count(within_s)),
                ],
            });
        };
        if peers.len() >= PEERS {
            let mut sum = Sent::default();
            peers.iter().for_each(|(_, _, sent)| sum += *sent);
            let among = format!(" ({})", fields::number(peers.len() as u64, "peer"));
            add(Subject::Group(subnet), sum, &among);
            continue;
        }
        for (peer, direction, sent) in peers {
            // one client on a bad link is its own trouble, unless it is what this host is for
            if direction != Direction::In
                || percent(sent.bytes + sent.retransmitted_bytes, all) >= 10.0
            {
                add(Subject::Group(GroupKey::Peer(peer)), sent, "");
            }
        }
    }
    met
}

pub(super) fn bufferbloat(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let least = sources.thresholds.of("bufferbloat");
    let met = |(addr, active): (&std::net::IpAddr, &Active)| {
        let is_most = active.affected * 2 >= active.count;
        (active.affected as f64 >= least && is_most).then(|| Met {
            subject: Subject::Local(*addr),
            since_ns: None,
            until_ns: None,
            weight: active.affected,
            sentence: format!(
                "{} of {} through {addr} have round trips far above their minimum, up to {}: a queue is full",
                active.affected,
                fields::number(active.count, "active session"),
                fields::micros(active.longest_us.into())
            ),
            evidence: vec![
                ("sessions", Amount::Count(active.affected)),
                ("active_sessions", Amount::Count(active.count)),
                ("longest_rtt_us", Amount::Count(active.longest_us.into())),
            ],
        })
    };
    facts.delayed.last.iter().filter_map(met).collect()
}

pub(super) fn send_buffer(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let least = sources.thresholds.of("send-buffer");
    let met = |(process, active): (&GroupKey, &Active)| {
        // the time of a session is a percentage here
        (active.affected > 0 && f64::from(active.longest_us) >= least).then(|| Met {
            subject: Subject::Group(*process),
            since_ns: None,
            until_ns: None,
            weight: active.affected,
            sentence: format!(
                "{process} could send more: its send buffer limits it {} % of the time",
                active.longest_us.min(100)
            ),
            evidence: vec![
                ("sessions", Amount::Count(active.affected)),
                (
                    "limited_percent",
                    Amount::Count(active.longest_us.min(100).into()),
                ),
            ],
        })
    };
    facts.short_buffers.last.iter().filter_map(met).collect()
}

pub(super) fn ports_low(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let least = sources.thresholds.of("ports-low");
    let met = |used: PortPoolUse| {
        // towards loopback the kernel gives them again after a second (tcp_tw_reuse = 2, its default)
        let waiting = match used.pool.raddr.addr.is_loopback() {
            true => 0,
            false => used.waiting,
        };
        let used = PortPoolUse { waiting, ..used };
        let share = used.share() * 100.0;
        let subject = Subject::Destination(Destination {
            netns: used.pool.netns,
            addr: used.pool.raddr,
            port: used.pool.rport,
        });
        (share >= least).then(|| Met {
            subject,
            since_ns: None,
            until_ns: None,
            weight: (share * 1000.0) as u64,
            sentence: format!(
                "{share:.0} % of the local ports towards {} are in use: {} open, {} in TIME_WAIT, {} free",
                sources.name(facts, &subject),
                used.open,
                used.waiting,
                used.free()
            ),
            evidence: vec![
                ("open", Amount::Count(used.open.into())),
                ("time_wait", Amount::Count(used.waiting.into())),
                ("free", Amount::Count(used.free().into())),
                ("share_percent", Amount::real(share)),
            ],
        })
    };
    let pools = sources.ports.into_iter().flat_map(PortUse::pools);
    // several sources may have the same destination
    let mut fullest: FxHashMap<Subject, Met> = FxHashMap::default();
    for met in pools.filter_map(met) {
        let other = fullest.get(&met.subject);
        if other.is_none_or(|other| other.weight < met.weight) {
            fullest.insert(met.subject, met);
        }
    }
    fullest.into_values().collect()
}

/// Mean time of a connect from which on it matters, µs.
const NOTABLE_US: f64 = 1000.0;

pub(super) fn churn(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let (least, rate) = (
        sources.thresholds.of("churn"),
        sources.thresholds.of("churn-rate"),
    );
    let met = |(to, recent): (Destination, &RecentOutcomes)| {
        let sum = recent.sum(facts.now_ns, TRAFFIC_S);
        let per_second = f64::from(sum.whole) / TRAFFIC_S as f64;
        let share = percent(sum.connect_us, sum.life_us);
        let mean_us = sum.connect_us as f64 / f64::from(sum.whole.max(1));
        if per_second < rate || share < least || mean_us < NOTABLE_US {
            return None;
        }
        let subject = Subject::Destination(to);
        let from = from_client(recent.program(facts.now_ns, TRAFFIC_S));
        let to = sources.name(facts, &subject);
        Some(Met {
            subject,
            since_ns: None,
            until_ns: None,
            weight: sum.whole.into(),
            sentence: format!(
                "{per_second:.0} sessions/s with {to}{from} spend {share:.0} % of their life connecting: nothing keeps them open"
            ),
            evidence: vec![
                ("sessions_per_s", Amount::real(per_second)),
                ("connecting_percent", Amount::real(share)),
                ("connect_mean_us", Amount::Count(mean_us as u64)),
            ],
        })
    };
    facts.destinations.iter().filter_map(met).collect()
}

/// Open sessions from which on the descriptor limit of a process is looked up.
const MANY: u64 = 256;
/// Lookups per snapshot.
const LOOKUPS: usize = 4;

pub(super) fn descriptors(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let least = sources.thresholds.of("descriptors");
    let many = facts
        .processes
        .iter()
        .filter(|(_, opened)| opened.0 >= MANY);
    let mut many: Vec<(u64, GroupKey)> = many.map(|(key, opened)| (opened.0, key)).collect();
    many.sort_unstable_by(|a, b| b.cmp(a));
    let met = |(open, process): (u64, GroupKey)| {
        let GroupKey::Process(pid, _) = process else {
            return None;
        };
        let limit = (facts.descriptor_limit)(pid).filter(|n| *n > 0)?;
        let share = percent(open, limit);
        (share >= least).then(|| Met {
            subject: Subject::Group(process),
            since_ns: None,
            until_ns: None,
            weight: open,
            sentence: format!(
                "{process} is near its limit of {limit} descriptors: {open} are open sessions"
            ),
            evidence: vec![
                ("open_sessions", Amount::Count(open)),
                ("limit", Amount::Count(limit)),
                ("share_percent", Amount::real(share)),
            ],
        })
    };
    many.into_iter().take(LOOKUPS).filter_map(met).collect()
}

pub(super) fn missed(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let least = sources.thresholds.of("missed");
    let within_s = facts.watched_s(WINDOW_S);
    let n = facts.missed.sum(facts.now_ns, WINDOW_S);
    let extent = facts.missed.extent(facts.now_ns, WINDOW_S, |n| *n > 0);
    let Some((first_ns, _)) = extent.filter(|_| n as f64 >= least) else {
        return Vec::new();
    };
    vec![Met {
        subject: Subject::Host,
        since_ns: Some(first_ns),
        until_ns: None,
        weight: n,
        sentence: format!(
            "{} missed in {within_s} s: figures are too low",
            fields::number(n, "session")
        ),
        evidence: vec![
            ("missed", Amount::Count(n)),
            ("within_s", Amount::Count(within_s)),
        ],
    }]
}

/// Recent response times of a subject that are far above its usual ones: how many answers, recent and usual time, µs.
fn slow(facts: &Facts, thresholds: &Thresholds, responses: &Responses) -> Option<(u32, f64, f64)> {
    let (count, recent, usual) = responses.compare(facts.now_ns / S)?;
    let is_slow =
        recent >= usual * thresholds.of("slow") && recent >= thresholds.of("slow-least") * 1000.0;
    is_slow.then_some((count, recent, usual))
}

/// Lets the usual response times adapt, slowly where the recent ones are far from them.
pub(super) fn learn_responses(facts: &mut Facts, thresholds: &Thresholds) {
    let now_s = facts.now_ns / S;
    let of = |(subject, responses): (Subject, &Responses)| {
        (subject, slow(facts, thresholds, responses).is_some())
    };
    let all: Vec<(Subject, bool)> = facts
        .responses
        .iter()
        .filter(|(_, r)| r.is_to_learn(now_s))
        .map(of)
        .collect();
    for (subject, is_far) in all {
        facts.responses.sums_of(subject).settle(now_s, is_far);
    }
}

fn slow_ones(
    facts: &Facts,
    sources: &Sources<'_>,
    is_meant: fn(&Subject) -> bool,
    sentence: impl Fn(&Subject, &str, &str) -> String,
) -> Vec<Met> {
    let met = |(subject, responses): (Subject, &Responses)| {
        let (count, recent, usual) = slow(facts, sources.thresholds, responses)?;
        let text = |us: f64| fields::micros(us as u64);
        Some(Met {
            subject,
            since_ns: None,
            until_ns: None,
            weight: count.into(),
            sentence: sentence(&subject, &text(recent), &text(usual)),
            evidence: vec![
                ("answers", Amount::Count(count.into())),
                ("resp_recent_us", Amount::Count(recent as u64)),
                ("resp_usual_us", Amount::Count(usual as u64)),
                ("factor", Amount::real(recent / usual.max(1.0))),
            ],
        })
    };
    let meant = facts.responses.iter().filter(|(s, _)| is_meant(s));
    meant.filter_map(met).collect()
}

pub(super) fn slow_peer(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let is_meant = |s: &Subject| matches!(s, Subject::Destination(..));
    slow_ones(facts, sources, is_meant, |to, recent, usual| {
        let to = sources.name(facts, to);
        format!("{to} answers slowly: after {recent}, usually {usual}")
    })
}

pub(super) fn slow_us(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let is_meant = |s: &Subject| matches!(s, Subject::Listener { .. });
    slow_ones(facts, sources, is_meant, |subject, recent, usual| {
        let (we_answer, port) = (we(facts, sources, subject, "answer"), port(subject));
        format!("{we_answer} slowly on port {port}: after {recent}, usually {usual}")
    })
}

/// Response times that are slow whatever is usual.
fn always_slow(
    facts: &Facts,
    sources: &Sources<'_>,
    is_meant: fn(&Subject) -> bool,
    sentence: impl Fn(&Subject, &str) -> String,
) -> Vec<Met> {
    let least_us = sources.thresholds.of("slow-always") * 1000.0;
    let within_s = facts.watched_s(ALWAYS_S);
    let met = |(subject, responses): (Subject, &Responses)| {
        let (count, mean) = responses.recent_mean(facts.now_ns / S)?;
        let is_unusual = || slow(facts, sources.thresholds, responses).is_some();
        if mean < least_us || is_unusual() {
            return None;
        }
        let answers = fields::number(count.into(), "answer");
        let sentence = sentence(&subject, &fields::micros(mean as u64));
        Some(Met {
            subject,
            since_ns: None,
            until_ns: None,
            weight: count.into(),
            sentence: format!("{sentence}: {answers} in {within_s} s"),
            evidence: vec![
                ("answers", Amount::Count(count.into())),
                ("resp_recent_us", Amount::Count(mean as u64)),
                ("within_s", Amount::Count(within_s)),
            ],
        })
    };
    let meant = facts.responses.iter().filter(|(s, _)| is_meant(s));
    meant.filter_map(met).collect()
}

pub(super) fn always_slow_peer(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let is_meant = |s: &Subject| matches!(s, Subject::Destination(..));
    always_slow(facts, sources, is_meant, |to, mean| {
        format!("{} takes {mean} to answer", sources.name(facts, to))
    })
}

pub(super) fn always_slow_us(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let is_meant = |s: &Subject| matches!(s, Subject::Listener { .. });
    always_slow(facts, sources, is_meant, |subject, mean| {
        let we_take = we(facts, sources, subject, "take");
        format!("{we_take} {mean} to answer on port {}", port(subject))
    })
}
