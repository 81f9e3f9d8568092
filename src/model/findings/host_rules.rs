//! Conditions of the findings about listeners and dropped packets.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::model::capture_filter::CaptureFilter;
use crate::model::fields;
use crate::model::findings::facts::{Facts, WINDOW_S, percent};
use crate::model::findings::suspects::Plight;
use crate::model::findings::{Amount, Destination, Met, Sources, Subject, Thresholds};
use crate::model::host_state::HostState;
use crate::model::interface::{Interface, ZonedAddr};
use crate::model::listener::Listener;
use crate::model::packet_drop::{PacketDirection, PacketDrops};
use crate::model::session::{Comm, Direction};
use crate::text::units::S;

/// The sockets that listen on one address: one, or those of an SO_REUSEPORT group.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    pub(super) comm: Option<Comm>,
    /// Figures of the socket with the greatest share of its queue in use.
    queue: u32,
    queue_limit: u32,
    half_open: u32,
    waiting_since_ns: Option<u64>,
    refused_rate: f64,
}

impl Sockets {
    /// Its program and address.
    fn name(&self, subject: &Subject) -> String {
        match self.comm {
            Some(comm) if !comm.as_str().is_empty() => format!("{} {subject}", comm.as_str()),
            _ => subject.to_string(),
        }
    }

    /// A clause about refused connections that follows other figures; empty if none were refused.
    fn refused(&self) -> String {
        match self.refused_rate {
            ..=0.0 => String::new(),
            rate => format!(", {rate:.0} refused/s"),
        }
    }
}

/// The sockets that listen within a capture filter, by address.
pub(super) fn listening(
    host: Option<&HostState>,
    capture: &CaptureFilter,
) -> BTreeMap<Subject, Sockets> {
    let mut all: BTreeMap<Subject, Sockets> = BTreeMap::new();
    let Some(host) = host else { return all };
    let captured = |l: &&Listener| capture.accepts_listener(l);
    for listener in host.listeners().iter().filter(captured) {
        let Listener {
            netns,
            addr,
            port,
            comm,
            queue,
            queue_limit,
            half_open,
            waiting_since_ns,
            ..
        } = *listener;
        let subject = Subject::Listener {
            netns,
            addr: Some(addr),
            port,
        };
        let sockets = all.entry(subject).or_default();
        sockets.comm = sockets.comm.or(Some(comm));
        if queue_share(queue, queue_limit) >= queue_share(sockets.queue, sockets.queue_limit) {
            (sockets.queue, sockets.queue_limit) = (queue, queue_limit);
        }
        sockets.half_open = sockets.half_open.max(half_open);
        sockets.waiting_since_ns = [sockets.waiting_since_ns, waiting_since_ns]
            .into_iter()
            .flatten()
            .min();
        sockets.refused_rate += host.listener_rates(listener).drops;
    }
    all
}

/// Percentage of an accept queue that is in use: the kernel lets in one more than its limit.
fn queue_share(queue: u32, limit: u32) -> f64 {
    percent(queue.into(), u64::from(limit) + 1)
}

/// True if the queue of established connections is as full as the threshold says.
fn is_full(sockets: &Sockets, sources: &Sources<'_>) -> bool {
    let share = queue_share(sockets.queue, sockets.queue_limit);
    sockets.queue > 0 && share >= sources.thresholds.of("accept-queue")
}

fn evidence(facts: &Facts, sockets: &Sockets) -> Vec<(&'static str, Amount)> {
    let mut evidence = vec![
        ("queue", Amount::Count(sockets.queue.into())),
        ("queue_limit", Amount::Count(sockets.queue_limit.into())),
        ("half_open", Amount::Count(sockets.half_open.into())),
        ("refused_per_s", Amount::real(sockets.refused_rate)),
    ];
    if let Some(since_ns) = sockets.waiting_since_ns {
        let s = facts.now_ns.saturating_sub(since_ns) as f64 / S as f64;
        evidence.push(("oldest_s", Amount::real(s)));
    }
    evidence
}

pub(super) fn accept_queue_full(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let met = |(&subject, sockets): (&Subject, &Sockets)| {
        if !is_full(sockets, sources) {
            return None;
        }
        let oldest = sockets.waiting_since_ns.map(|ns| {
            let time = fields::seconds(facts.now_ns.saturating_sub(ns));
            format!(", the oldest for {time}")
        });
        Some(Met {
            subject,
            since_ns: None,
            until_ns: None,
            weight: sockets.queue.into(),
            sentence: format!(
                "accept queue of {} is full: {} of {} wait{}{}",
                sockets.name(&subject),
                sockets.queue,
                sockets.queue_limit,
                oldest.unwrap_or_default(),
                sockets.refused()
            ),
            evidence: evidence(facts, sockets),
        })
    };
    sources.listening.iter().filter_map(met).collect()
}

pub(super) fn accept_queue_ageing(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let least_ns = sources.thresholds.ns("accept-age");
    let met = |(&subject, sockets): (&Subject, &Sockets)| {
        let since_ns = sockets.waiting_since_ns?;
        let waited_ns = facts.now_ns.saturating_sub(since_ns);
        if waited_ns < least_ns || sockets.queue == 0 || is_full(sockets, sources) {
            return None;
        }
        Some(Met {
            subject,
            since_ns: Some(since_ns),
            until_ns: None,
            weight: sockets.queue.into(),
            sentence: format!(
                "{} has accepted nothing for {}: {} in its accept queue",
                sockets.name(&subject),
                fields::seconds(waited_ns),
                fields::number(sockets.queue.into(), "connection")
            ),
            evidence: evidence(facts, sockets),
        })
    };
    sources.listening.iter().filter_map(met).collect()
}

/// Half-open connections below which none is a flood.
const LEAST_HALF_OPEN: u32 = 8;

pub(super) fn half_open(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let least = sources.thresholds.of("half-open");
    let met = |(&subject, sockets): (&Subject, &Sockets)| {
        let share = percent(sockets.half_open.into(), sockets.queue_limit.into());
        if sockets.half_open < LEAST_HALF_OPEN || share < least {
            return None;
        }
        Some(Met {
            subject,
            since_ns: None,
            until_ns: None,
            weight: sockets.half_open.into(),
            sentence: format!(
                "{} has {} handshakes that nobody completes, of {}{}: a SYN flood, or answers get lost",
                sockets.name(&subject),
                sockets.half_open,
                sockets.queue_limit,
                sockets.refused()
            ),
            evidence: evidence(facts, sockets),
        })
    };
    sources.listening.iter().filter_map(met).collect()
}

/// Time for which a drop is recent, ns.
const RECENT_NS: u64 = 10 * S;

/// True if an address is of a network that this host is likely to serve, not of the internet.
fn is_near(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(a) => a.is_private() || a.is_loopback() || a.is_link_local(),
        IpAddr::V6(a) => a.is_loopback() || a.is_unique_local() || a.is_unicast_link_local(),
    }
}

/// True if sessions that we follow have connected to an end, or wait for its answer.
fn is_ours(facts: &Facts, to: Destination) -> bool {
    let suspects = &facts.suspects;
    let is_it = |subject| matches!(subject, Subject::Destination(d) if d.may_be(&to));
    let waits = |plight| match to.netns {
        0 => suspects.of(plight).any(|(subject, _)| is_it(subject)),
        _ => suspects.get(plight, Subject::Destination(to)).count > 0,
    };
    let has_connected = match to.netns {
        0 => facts.destinations.iter().any(|(d, _)| d.may_be(&to)),
        _ => facts.destinations.get(to).is_some(),
    };
    has_connected || waits(Plight::Unanswered) || waits(Plight::Silent)
}

/// True if a process whose sessions alone are captured has sessions with a subject.
fn is_of_process(facts: &Facts, subject: Subject) -> bool {
    match subject {
        Subject::Destination(to) => is_ours(facts, to),
        Subject::Peer { addr, .. } => {
            let sends = |direction: &Direction| facts.peers.get((addr, *direction)).is_some();
            Direction::ALL.iter().any(sends)
        }
        // its listeners alone are captured
        Subject::Listener { .. } => true,
        Subject::Host | Subject::Group(_) | Subject::Local(_) => false,
    }
}

/// The subject of packets that this host's own rules dropped. The internet's noise, which a firewall is for, has none.
fn subject_of_drops(
    facts: &Facts,
    host: &HostState,
    capture: &CaptureFilter,
    drops: &PacketDrops,
) -> Option<Subject> {
    let PacketDrops {
        netns,
        local,
        remote,
        ..
    } = *drops;
    let addr = ZonedAddr::new(remote.ip(), Interface::default());
    let to = Destination {
        netns,
        addr,
        port: remote.port(),
    };
    match drops.direction {
        PacketDirection::Out if drops.syns > 0 => Some(Subject::Destination(to)),
        PacketDirection::Out => Some(Subject::Peer { netns, addr }),
        PacketDirection::Forwarded => {
            (drops.syns > 0 && is_near(local.ip())).then_some(Subject::Destination(to))
        }
        PacketDirection::In if drops.syns > 0 => {
            let takes = |l: &Listener| l.takes(netns, local) && capture.accepts_listener(l);
            let is_served = is_near(remote.ip()) && host.listeners().iter().any(takes);
            is_served.then_some(Subject::Listener {
                netns,
                addr: None,
                port: local.port(),
            })
        }
        PacketDirection::In => is_ours(facts, to).then_some(Subject::Destination(to)),
    }
}

/// A subject that rules of this host cut off.
#[derive(Debug)]
pub(super) struct CutOff {
    subject: Subject,
    packets: u64,
    syns: u64,
    first_ns: u64,
    last_ns: u64,
    /// Some of the packets were on their way from one host or namespace to another.
    is_forwarded: bool,
    /// The reason and direction of the most packets.
    largest: PacketDrops,
}

impl CutOff {
    /// True if these are packets of sessions with a subject. Those that are forwarded, or whose namespace is not known,
    /// may be of sessions in any namespace.
    pub(super) fn covers(&self, subject: &Subject) -> bool {
        match (self.subject, *subject) {
            (Subject::Destination(cut), Subject::Destination(to)) => {
                let netns = if self.is_forwarded { 0 } else { cut.netns };
                Destination { netns, ..cut }.may_be(&to)
            }
            _ => false,
        }
    }
}

/// The subjects within a capture filter that rules of this host cut off now.
pub(super) fn cut_off(
    facts: &Facts,
    host: Option<&HostState>,
    thresholds: &Thresholds,
    capture: &CaptureFilter,
) -> Vec<CutOff> {
    let Some(host) = host else { return Vec::new() };
    let least = thresholds.of("firewall");
    let mut sums: BTreeMap<_, PacketDrops> = BTreeMap::new();
    let is_recent = |d: &&PacketDrops| d.last_ns + RECENT_NS >= facts.now_ns;
    let captured = |d: &&PacketDrops| capture.accepts_ends(d.netns, d.local, d.remote);
    let all_drops = host.drops().unwrap_or_default().iter();
    for drops in all_drops.filter(is_recent).filter(captured) {
        let Some(drops) = facts.firewalled.recent(drops, facts.now_ns) else {
            continue;
        };
        let Some(subject) = subject_of_drops(facts, host, capture, &drops) else {
            continue;
        };
        if capture.pid.is_some() && !is_of_process(facts, subject) {
            continue;
        }
        sums.entry((subject, drops.reason, drops.direction))
            .and_modify(|sum| {
                sum.packets += drops.packets;
                sum.syns += drops.syns;
                sum.first_ns = sum.first_ns.min(drops.first_ns);
                sum.last_ns = sum.last_ns.max(drops.last_ns);
            })
            .or_insert(drops);
    }
    let mut all: Vec<CutOff> = Vec::new();
    // those of one subject follow each other
    for ((subject, ..), sum) in sums {
        match all.last_mut().filter(|last| last.subject == subject) {
            Some(last) => {
                last.packets += sum.packets;
                last.syns += sum.syns;
                last.first_ns = last.first_ns.min(sum.first_ns);
                last.last_ns = last.last_ns.max(sum.last_ns);
                last.is_forwarded |= sum.direction == PacketDirection::Forwarded;
                if sum.packets > last.largest.packets {
                    last.largest = sum;
                }
            }
            None => all.push(CutOff {
                subject,
                packets: sum.packets,
                syns: sum.syns,
                first_ns: sum.first_ns,
                last_ns: sum.last_ns,
                is_forwarded: sum.direction == PacketDirection::Forwarded,
                largest: sum,
            }),
        }
    }
    all.retain(|cut| cut.packets as f64 >= least);
    all
}

pub(super) fn firewall(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let within_s = facts.watched_s(WINDOW_S);
    let met = |cut: &CutOff| {
        let to = match cut.subject {
            Subject::Listener { port, .. } => format!("clients of port {port}"),
            subject => sources.name(facts, &subject),
        };
        Met {
            subject: cut.subject,
            since_ns: Some(cut.first_ns),
            until_ns: Some(cut.last_ns),
            weight: cut.packets,
            sentence: format!(
                "this host itself cuts off {to}: {} in {within_s} s",
                cut.largest.sentence()
            ),
            evidence: vec![
                ("packets", Amount::Count(cut.packets)),
                ("syns", Amount::Count(cut.syns)),
                ("within_s", Amount::Count(within_s)),
            ],
        }
    };
    sources.cut_off.iter().map(met).collect()
}
