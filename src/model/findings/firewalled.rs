//! Packets that rules of this host have dropped lately, of each kind.

use rustc_hash::FxHashMap;

use crate::model::findings::facts::{Recent, WINDOW_S};
use crate::model::host_state::{DropKey, drop_key};
use crate::model::packet_drop::{DropClass, PacketDrops};

/// Packets of one kind: the total at the last snapshot, and the recent increase.
#[derive(Debug, Default)]
struct Counted {
    total: u64,
    recent: Recent<u64, { WINDOW_S as usize + 2 }>,
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
                .recent
                .add(drops.last_ns, since.unwrap_or(drops.packets));
            counted.total = drops.packets;
            self.0.insert(key, counted);
        }
    }

    /// The part of these drops that is within the window; `None`: there is none.
    pub(super) fn recent(&self, drops: &PacketDrops, now_ns: u64) -> Option<PacketDrops> {
        let recent = &self.0.get(&drop_key(drops))?.recent;
        let (first_ns, _) = recent.extent(now_ns, WINDOW_S, |n| *n > 0)?;
        let packets = recent.sum(now_ns, WINDOW_S);
        Some(PacketDrops {
            packets,
            syns: if drops.syns > 0 { packets } else { 0 },
            first_ns: first_ns.max(drops.first_ns),
            ..drops.clone()
        })
    }
}
