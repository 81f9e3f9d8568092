//! Packets that rules of this host have dropped lately, of each kind.

use rustc_hash::FxHashMap;

use crate::model::aggregate::rate_history::RateHistory;
use crate::model::findings::facts::{WINDOW_S, window};
use crate::model::host_state::{DropKey, drop_key};
use crate::model::packet_drop::{DropClass, PacketDrops};
use crate::text::units::S;

/// Packets of one kind: the total of the last snapshot, and the increase in each second.
#[derive(Debug, Default)]
struct Counted {
    total: u64,
    seconds: RateHistory<u64, { WINDOW_S as usize + 2 }>,
}

/// Counts of the kinds that the newest snapshot has.
#[derive(Debug, Default)]
pub(super) struct Firewalled(FxHashMap<DropKey, Counted>);

impl Firewalled {
    /// Takes the drops of a snapshot.
    pub(super) fn take(&mut self, drops: &[PacketDrops]) {
        let mut before = std::mem::take(&mut self.0);
        for drops in drops.iter().filter(|d| d.class() == DropClass::Firewall) {
            let key = drop_key(drops);
            let mut counted = before.remove(&key).unwrap_or_default();
            // a kind that was evicted and came back counts from 0
            let since = drops.packets.checked_sub(counted.total);
            counted
                .seconds
                .add(drops.last_ns / S, since.unwrap_or(drops.packets));
            counted.total = drops.packets;
            self.0.insert(key, counted);
        }
    }

    /// The part of these drops that is within the window; `None`: there is none.
    pub(super) fn recent(&self, drops: &PacketDrops, now_ns: u64) -> Option<PacketDrops> {
        let counted = self.0.get(&drop_key(drops))?;
        let mut seconds = window(now_ns, WINDOW_S).filter(|s| counted.seconds.at(*s) > 0);
        let first_ns = seconds.next()? * S;
        let packets = window(now_ns, WINDOW_S)
            .map(|s| counted.seconds.at(s))
            .sum();
        Some(PacketDrops {
            packets,
            syns: if drops.syns > 0 { packets } else { 0 },
            first_ns: first_ns.max(drops.first_ns),
            ..drops.clone()
        })
    }
}
