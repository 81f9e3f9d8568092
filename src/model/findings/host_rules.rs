//! Conditions of the findings about listeners and dropped packets.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::model::aggregate::GroupKey;
use crate::model::fields;
use crate::model::findings::facts::{Facts, WINDOW_S, percent};
use crate::model::findings::suspects::Plight;
use crate::model::findings::{Amount, Met, Sources, Subject, Thresholds};
use crate::model::host_state::HostState;
use crate::model::interface::{Interface, ZonedAddr};
use crate::model::listener::Listener;
use crate::model::packet_drop::{PacketDirection, PacketDrops};
use crate::model::session::Comm;
use crate::text::units::S;

/// The sockets that listen on one address: one, or those of an SO_REUSEPORT group.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    comm: Option<Comm>,
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

/// The sockets that listen, by address.
pub(super) fn listening(host: Option<&HostState>) -> BTreeMap<Subject, Sockets> {
    let mut all: BTreeMap<Subject, Sockets> = BTreeMap::new();
    let Some(host) = host else { return all };
    for listener in host.listeners() {
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

/// The subject of packets that this host's own rules dropped. The internet's noise, which a firewall is for, has none.
fn subject_of_drops(facts: &Facts, host: &HostState, drops: &PacketDrops) -> Option<Subject> {
    let destination = |end: SocketAddr| {
        let addr = ZonedAddr::new(end.ip(), Interface::default());
        Subject::Destination(addr, end.port())
    };
    let PacketDrops { netns, local, .. } = *drops;
    match drops.direction {
        PacketDirection::Out if drops.syns > 0 => Some(destination(drops.remote)),
        PacketDirection::Out => Some(Subject::Group(GroupKey::Peer(ZonedAddr::new(
            drops.remote.ip(),
            Interface::default(),
        )))),
        PacketDirection::Forwarded => {
            (drops.syns > 0 && is_near(local.ip())).then(|| destination(drops.remote))
        }
        PacketDirection::In if drops.syns > 0 => {
            let takes = |l: &Listener| l.takes(netns, local);
            let is_served = is_near(drops.remote.ip()) && host.listeners().iter().any(takes);
            is_served.then_some(Subject::Listener {
                netns,
                addr: None,
                port: local.port(),
            })
        }
        PacketDirection::In => {
            let asked = destination(drops.remote);
            let Subject::Destination(addr, port) = asked else {
                return None;
            };
            let is_ours = facts.destinations.get((addr, port)).is_some()
                || facts.suspects.get(Plight::Unanswered, asked).count > 0
                || facts.suspects.get(Plight::Silent, asked).count > 0;
            is_ours.then_some(asked)
        }
    }
}

/// A subject that rules of this host cut off.
#[derive(Debug)]
pub(super) struct CutOff {
    pub(super) subject: Subject,
    packets: u64,
    syns: u64,
    first_ns: u64,
    last_ns: u64,
    /// The reason and direction of the most packets.
    largest: PacketDrops,
}

/// The subjects that rules of this host cut off now.
pub(super) fn cut_off(
    facts: &Facts,
    host: Option<&HostState>,
    thresholds: &Thresholds,
) -> Vec<CutOff> {
    let Some(host) = host else { return Vec::new() };
    let least = thresholds.of("firewall");
    let mut sums: BTreeMap<_, PacketDrops> = BTreeMap::new();
    let is_recent = |d: &&PacketDrops| d.last_ns + RECENT_NS >= facts.now_ns;
    for drops in host.drops().unwrap_or_default().iter().filter(is_recent) {
        let Some(drops) = facts.firewalled.recent(drops, facts.now_ns) else {
            continue;
        };
        let Some(subject) = subject_of_drops(facts, host, &drops) else {
            continue;
        };
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
            subject => subject.to_string(),
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
