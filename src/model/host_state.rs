//! The host beside its sessions: listeners and dropped packets as they are now, and their rates per second.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::model::batch::HostSnapshot;
use crate::model::listener::Listener;
use crate::model::packet_drop::{PacketDirection, PacketDrops};

/// Minimum time that a rate is taken over, ns.
const RATE_NS: u64 = 1_000_000_000;

/// Counters of a listener, at one moment.
#[derive(Clone, Copy, Debug)]
struct ListenerCounts {
    established: u64,
    drops: u64,
}

/// Counts of what happened to a listener per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ListenerRates {
    /// Connections established.
    pub established: f64,
    /// Packets that it has refused.
    pub drops: f64,
}

/// Identity of a kind of dropped packets: everything but its counts; SYNs are never counted with other packets.
pub type DropKey = (
    &'static str,
    PacketDirection,
    u32,
    SocketAddr,
    SocketAddr,
    bool,
);

pub fn drop_key(drops: &PacketDrops) -> DropKey {
    (
        drops.reason,
        drops.direction,
        drops.netns,
        drops.local,
        drops.remote,
        drops.syns > 0,
    )
}

/// Counters at one moment, by what they count.
#[derive(Clone, Debug, Default)]
struct Counts {
    taken_ns: u64,
    listeners: FxHashMap<u64, ListenerCounts>,
    /// Strangers choose the keys.
    drops: HashMap<DropKey, u64>,
}

impl Counts {
    fn of(snapshot: &HostSnapshot) -> Self {
        let listeners = snapshot.listeners.iter().map(|l| {
            let counts = ListenerCounts {
                established: l.established,
                drops: l.drops,
            };
            (l.cookie, counts)
        });
        let drops = snapshot.drops.iter().flatten();
        Counts {
            taken_ns: snapshot.taken_ns,
            listeners: listeners.collect(),
            drops: drops.map(|d| (drop_key(d), d.packets)).collect(),
        }
    }
}

/// The newest snapshot of the host, and the counters of an earlier one.
#[derive(Clone, Debug, Default)]
pub struct HostState {
    newest: Option<Arc<HostSnapshot>>,
    /// Counters at least a second before the newest, if there was a snapshot then; else those of the first snapshot.
    before: Option<Counts>,
    /// Counters after `before`, which replace it when they are old enough.
    next: Option<Counts>,
}

impl HostState {
    /// Takes a newer snapshot.
    pub fn take(&mut self, snapshot: impl Into<Arc<HostSnapshot>>) {
        let snapshot = snapshot.into();
        let is_due = |c: &Counts| snapshot.taken_ns.saturating_sub(c.taken_ns) >= RATE_NS;
        if self.before.is_none() {
            self.before = Some(Counts::of(&snapshot));
        } else if self.next.as_ref().is_some_and(is_due) {
            self.before = self.next.take();
        }
        if self.next.is_none() {
            self.next = Some(Counts::of(&snapshot));
        }
        self.newest = Some(snapshot);
    }

    /// The newest snapshot; `None`: there was none yet.
    pub fn newest(&self) -> Option<&HostSnapshot> {
        self.newest.as_deref()
    }

    /// Listening sockets.
    pub fn listeners(&self) -> &[Listener] {
        self.newest.as_ref().map_or(&[], |s| &s.listeners)
    }

    /// Dropped packets; `None`: not known.
    pub fn drops(&self) -> Option<&[PacketDrops]> {
        self.newest.as_ref()?.drops.as_deref()
    }

    /// Time of the newest snapshot, ns of boot time.
    pub fn taken_ns(&self) -> u64 {
        self.newest.as_ref().map_or(0, |s| s.taken_ns)
    }

    /// Rates of a listener of the newest snapshot.
    pub fn listener_rates(&self, listener: &Listener) -> ListenerRates {
        let Some((before, seconds)) = self.since() else {
            return ListenerRates::default();
        };
        // a new listener has counted from 0
        let counts = before.listeners.get(&listener.cookie);
        let rate = |now: u64, then: fn(&ListenerCounts) -> u64| {
            now.saturating_sub(counts.map_or(0, then)) as f64 / seconds
        };
        ListenerRates {
            established: rate(listener.established, |c| c.established),
            drops: rate(listener.drops, |c| c.drops),
        }
    }

    /// Packets per second of a kind of dropped packets of the newest snapshot.
    pub fn drop_rate(&self, drops: &PacketDrops) -> f64 {
        let Some((before, seconds)) = self.since() else {
            return 0.0;
        };
        // what was not there has counted from 0
        let then = before.drops.get(&drop_key(drops)).copied().unwrap_or(0);
        drops.packets.saturating_sub(then) as f64 / seconds
    }

    /// The earlier counters, and the seconds that have passed since.
    fn since(&self) -> Option<(&Counts, f64)> {
        let before = self.before.as_ref()?;
        let ns = self.taken_ns().saturating_sub(before.taken_ns);
        (ns > 0).then(|| (before, ns as f64 / 1e9))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample;
    use crate::text::units::S;

    fn at(taken_ns: u64, established: u64, drops: u64) -> HostSnapshot {
        HostSnapshot {
            taken_ns,
            listeners: vec![Listener {
                established,
                drops,
                ..sample::listener()
            }],
            ..HostSnapshot::default()
        }
    }

    #[test]
    fn rates_are_taken_over_at_least_a_second() {
        let mut host = HostState::default();
        let rates = |host: &HostState| {
            let rates = host.listener_rates(&host.listeners()[0]);
            (rates.established, rates.drops)
        };
        host.take(at(10 * S, 100, 7));
        assert_eq!(rates(&host), (0.0, 0.0), "nothing to compare with yet");
        for tenth in 1..=10 {
            host.take(at(10 * S + tenth * S / 10, 100 + tenth, 7));
        }
        assert_eq!(rates(&host), (10.0, 0.0));
        host.take(at(13 * S, 410, 37));
        assert_eq!(rates(&host), (150.0, 15.0), "over two seconds");
        host.take(at(14 * S, 410, 37));
        host.take(at(15 * S, 410, 37));
        assert_eq!(rates(&host), (0.0, 0.0));
    }

    #[test]
    fn new_listener_counts_from_zero() {
        let mut host = HostState::default();
        host.take(HostSnapshot {
            taken_ns: 10 * S,
            ..HostSnapshot::default()
        });
        host.take(at(12 * S, 40, 0));
        let rates = host.listener_rates(&host.listeners()[0]);
        assert_eq!(rates.established, 20.0);
    }
}
