//! Conditions of the findings about listeners.

use std::collections::BTreeMap;

use crate::model::fields;
use crate::model::findings::facts::{Facts, S};
use crate::model::findings::rules::percent;
use crate::model::findings::{Amount, Met, Sources, Subject};
use crate::model::listener::Listener;
use crate::model::session::Comm;

/// The sockets that listen on one address: one, or those of an SO_REUSEPORT group.
#[derive(Debug, Default)]
struct Sockets {
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
}

fn sockets(sources: &Sources<'_>) -> BTreeMap<Subject, Sockets> {
    let mut all: BTreeMap<Subject, Sockets> = BTreeMap::new();
    let Some(host) = sources.host else { return all };
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
        let share = |queue: u32, limit: u32| f64::from(queue) / f64::from(limit.max(1));
        if share(queue, queue_limit) >= share(sockets.queue, sockets.queue_limit) {
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

/// True if the queue of established connections is as full as the threshold says.
fn is_full(sockets: &Sockets, sources: &Sources<'_>) -> bool {
    let share = percent(sockets.queue.into(), sockets.queue_limit.into());
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
    let met = |(subject, sockets): (Subject, Sockets)| {
        if !is_full(&sockets, sources) {
            return None;
        }
        let oldest = sockets.waiting_since_ns.map(|ns| {
            let time = fields::seconds(facts.now_ns.saturating_sub(ns));
            format!(", the oldest for {time}")
        });
        let refused = match sockets.refused_rate {
            ..=0.0 => String::new(),
            rate => format!(", {rate:.0} refused/s"),
        };
        Some(Met {
            subject,
            since_ns: None,
            until_ns: None,
            weight: sockets.queue.into(),
            sentence: format!(
                "accept queue of {} is full: {} of {} wait{}{refused}",
                sockets.name(&subject),
                sockets.queue,
                sockets.queue_limit,
                oldest.unwrap_or_default()
            ),
            evidence: evidence(facts, &sockets),
        })
    };
    sockets(sources).into_iter().filter_map(met).collect()
}

pub(super) fn accept_queue_ageing(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let least_ns = sources.thresholds.ns("accept-age");
    let met = |(subject, sockets): (Subject, Sockets)| {
        let since_ns = sockets.waiting_since_ns?;
        let waited_ns = facts.now_ns.saturating_sub(since_ns);
        if waited_ns < least_ns || sockets.queue == 0 || is_full(&sockets, sources) {
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
            evidence: evidence(facts, &sockets),
        })
    };
    sockets(sources).into_iter().filter_map(met).collect()
}

/// Half-open connections below which none is a flood.
const LEAST_HALF_OPEN: u32 = 8;

pub(super) fn half_open(facts: &Facts, sources: &Sources<'_>) -> Vec<Met> {
    let least = sources.thresholds.of("half-open");
    let met = |(subject, sockets): (Subject, Sockets)| {
        let share = percent(sockets.half_open.into(), sockets.queue_limit.into());
        if sockets.half_open < LEAST_HALF_OPEN || share < least {
            return None;
        }
        let refused = match sockets.refused_rate {
            ..=0.0 => String::new(),
            rate => format!(", {rate:.0} refused/s"),
        };
        Some(Met {
            subject,
            since_ns: None,
            until_ns: None,
            weight: sockets.half_open.into(),
            sentence: format!(
                "{} has {} handshakes that nobody completes, of {}{refused}: a SYN flood, or answers get lost",
                sockets.name(&subject),
                sockets.half_open,
                sockets.queue_limit
            ),
            evidence: evidence(facts, &sockets),
        })
    };
    sockets(sources).into_iter().filter_map(met).collect()
}
