//! Reads the dropped packets that the BPF programs have counted, and the kernel's names of the reasons.

use std::collections::HashMap;
use std::net::SocketAddr;

use anyhow::Context as _;
use libbpf_rs::btf::types::{Enum, FuncProto, Typedef};
use libbpf_rs::{Btf, MapCore as _, MapMut};
use rustc_hash::FxHashMap;

use crate::collector::kernel::decode::addr;
use crate::collector::kernel::iterators::read_map;
use crate::collector::kernel::shared::SharedState;
use crate::collector::kernel::skel::types::{drop_count, drop_direction as Direction, drop_key};
use crate::model::packet_drop::{PacketDirection, PacketDrops, reason_name};

/// Maximum number of kinds of dropped packets that are kept: of more, those without a new packet for the longest time are
/// only counted.
const MOST: usize = 4096;
/// Maps in the kernel: one for packets of sessions, one for all others. A kind may be in both.
const MAPS: usize = 2;
/// The reason of handshakes for whose connection the accept queue has no room.
const LISTEN_OVERFLOW: &str = "TCP_LISTEN_OVERFLOW";
/// The kernel's prefix of the names.
const PREFIX: &str = "SKB_DROP_REASON_";

/// The reasons for which this kernel drops packets.
#[derive(Debug)]
pub(super) struct DropReasons {
    /// Names by number.
    names: FxHashMap<u32, &'static str>,
    /// The number up to which there is no reason.
    pub(super) none: u32,
    /// The number of `NO_SOCKET`.
    pub(super) no_socket: u32,
    /// The event has the receiving socket.
    pub(super) has_receiver: bool,
}

impl DropReasons {
    /// Returns those of the running kernel; `None`: it gives no reasons, as before Linux 5.17.
    pub(super) fn of_this_kernel(types: &Btf<'_>) -> Option<Self> {
        let reasons = types.type_by_name::<Enum<'_>>("skb_drop_reason")?;
        let mut names = FxHashMap::default();
        let (mut none, mut no_socket) = (None, None);
        for member in reasons.iter() {
            let (Some(name), Ok(number)) = (
                member.name.and_then(|name| name.to_str()),
                u32::try_from(member.value),
            ) else {
                continue;
            };
            match name.strip_prefix(PREFIX) {
                Some("NOT_SPECIFIED") => none = Some(number),
                Some(name) => {
                    if name == "NO_SOCKET" {
                        no_socket = Some(number);
                    }
                    names.insert(number, reason_name(name));
                }
                None => {}
            }
        }
        Some(DropReasons {
            names,
            none: none?,
            no_socket: no_socket?,
            has_receiver: arguments(types, "kfree_skb")? > 3,
        })
    }

    fn name(&mut self, number: u32) -> &'static str {
        // those of other parts of the kernel have no names here
        let unnamed = || reason_name(&format!("{}:{}", number >> 16, number & 0xFFFF));
        self.names.entry(number).or_insert_with(unnamed)
    }
}

/// Returns the number of arguments of a tracepoint.
fn arguments(types: &Btf<'_>, tracepoint: &str) -> Option<usize> {
    let name = format!("btf_trace_{tracepoint}");
    let pointer = types.type_by_name::<Typedef<'_>>(&name)?.next_type()?;
    let prototype = FuncProto::try_from(pointer.next_type()?).ok()?;
    // the first one is the program's own
    Some(prototype.len().saturating_sub(1))
}

/// Dropped packets of one kind.
#[derive(Debug)]
struct Kept {
    drops: PacketDrops,
    /// Packets of its entry in each map; 0: it has none there.
    in_kernel: [u64; MAPS],
}

/// The kinds of dropped packets that were read since the start.
#[derive(Debug)]
struct Kinds {
    reasons: DropReasons,
    /// By the bytes of the key, which strangers choose.
    kept: HashMap<Vec<u8>, Kept>,
    /// The last reading found packets that had not been counted before.
    is_moving: bool,
}

impl Kinds {
    /// Takes the newest counts of a kind in a map. Returns whether there were new packets.
    fn take(&mut self, map: usize, key: &[u8], count: &[u8]) -> anyhow::Result<bool> {
        let (raw, count) = (read::<drop_key>(key)?, read::<drop_count>(count)?);
        let reason = match raw.is_refused {
            1 => LISTEN_OVERFLOW,
            _ => self.reasons.name(raw.reason),
        };
        let kept = self.kept.entry(key.to_vec()).or_insert_with(|| Kept {
            drops: packet_drops(&raw, reason, count.first_ns),
            in_kernel: [0; MAPS],
        });
        let Some(in_kernel) = kept.in_kernel.get_mut(map) else {
            return Ok(false);
        };
        let new = count.packets.saturating_sub(*in_kernel);
        *in_kernel = count.packets;
        kept.drops.packets += new;
        if raw.is_syn == 1 {
            kept.drops.syns += new;
        }
        kept.drops.first_ns = kept.drops.first_ns.min(count.first_ns);
        kept.drops.last_ns = kept.drops.last_ns.max(count.last_ns);
        self.is_moving |= new > 0;
        Ok(new > 0)
    }

    /// The entry of a kind is not in this map any more.
    fn removed(&mut self, map: usize, key: &[u8]) {
        let kept = self.kept.get_mut(key);
        if let Some(in_kernel) = kept.and_then(|kept| kept.in_kernel.get_mut(map)) {
            *in_kernel = 0;
        }
    }
}

/// The dropped packets that were counted since the start.
#[derive(Debug)]
pub(super) struct DropCounts<'a> {
    maps: [&'a MapMut<'a>; MAPS],
    kinds: Kinds,
    /// Packets of kinds that are not kept any more.
    evicted: u64,
}

impl<'a> DropCounts<'a> {
    pub(super) fn new(reasons: DropReasons, maps: [&'a MapMut<'a>; MAPS]) -> Self {
        DropCounts {
            maps,
            kinds: Kinds {
                reasons,
                kept: HashMap::new(),
                is_moving: false,
            },
            evicted: 0,
        }
    }

    /// Reads what was dropped since the last time. Returns all kinds, most recent first, and how many packets are in none
    /// of them.
    pub(super) fn read(
        &mut self,
        variables: &SharedState<'_>,
    ) -> anyhow::Result<(Vec<PacketDrops>, u64)> {
        if variables.take_new_drops() || self.kinds.is_moving {
            self.kinds.is_moving = false;
            for map in 0..MAPS {
                self.read_map(map)?;
            }
            self.evict()?;
        }
        let kept = self.kinds.kept.values();
        let mut drops: Vec<_> = kept.map(|k| k.drops.clone()).collect();
        drops.sort_by_key(|d| std::cmp::Reverse(d.last_ns));
        Ok((drops, variables.drops_not_kept() + self.evicted))
    }

    fn read_map(&mut self, map: usize) -> anyhow::Result<()> {
        let mut entries = Vec::new();
        read_map(self.maps[map], &mut |key, count| {
            entries.push((key.to_vec(), count.to_vec()))
        })
        .context("cannot read the dropped packets")?;
        for (key, count) in entries {
            if !self.kinds.take(map, &key, &count)? {
                self.remove(map, &key)?;
            }
        }
        Ok(())
    }

    /// Removes an entry from a map: its place is needed for others. It may have counted a packet since it was read.
    fn remove(&mut self, map: usize, key: &[u8]) -> anyhow::Result<()> {
        let last = self.maps[map].lookup_and_delete(key);
        if let Some(last) = last.context("cannot remove the count of dropped packets")? {
            self.kinds.take(map, key, &last)?;
        }
        self.kinds.removed(map, key);
        Ok(())
    }

    /// Evicts the kinds without a new packet for the longest time, if there are too many.
    fn evict(&mut self) -> anyhow::Result<()> {
        let kept = &self.kinds.kept;
        let Some(over) = kept.len().checked_sub(MOST).filter(|over| *over > 0) else {
            return Ok(());
        };
        let times = kept.iter().map(|(key, k)| (k.drops.last_ns, key.clone()));
        let mut times: Vec<_> = times.collect();
        times.sort_unstable();
        for (_, key) in times.into_iter().take(over) {
            for map in 0..MAPS {
                self.remove(map, &key)?;
            }
            if let Some(kept) = self.kinds.kept.remove(&key) {
                self.evicted += kept.drops.packets;
            }
        }
        Ok(())
    }
}

/// Reads a key or a value of the maps.
fn read<T: bytemuck::AnyBitPattern>(bytes: &[u8]) -> anyhow::Result<T> {
    bytemuck::try_pod_read_unaligned(bytes)
        .ok()
        .with_context(|| format!("the kernel counts dropped packets in {} bytes", bytes.len()))
}

fn packet_drops(key: &drop_key, reason: &'static str, first_ns: u64) -> PacketDrops {
    PacketDrops {
        reason,
        direction: match Direction(key.direction.into()) {
            Direction::DROP_OUT => PacketDirection::Out,
            Direction::DROP_FORWARDED => PacketDirection::Forwarded,
            _ => PacketDirection::In,
        },
        netns: key.netns,
        local: SocketAddr::new(addr(key.ip, key.laddr), key.lport),
        remote: SocketAddr::new(addr(key.ip, key.raddr), key.rport),
        packets: 0,
        syns: 0,
        first_ns,
        last_ns: first_ns,
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn kind_in_both_maps_is_counted_once_for_each() {
        let reasons = DropReasons {
            names: FxHashMap::default(),
            none: 2,
            no_socket: 3,
            has_receiver: true,
        };
        let mut kinds = Kinds {
            reasons,
            kept: HashMap::new(),
            is_moving: false,
        };
        let mut key = [0; size_of::<drop_key>()];
        key[offset_of!(drop_key, is_syn)] = 1;
        let mut take = |map, packets: u64| {
            let count = [packets, 10, 20].map(u64::to_ne_bytes).concat();
            let is_new = kinds.take(map, &key, &count).unwrap();
            if !is_new {
                kinds.removed(map, &key);
            }
            let drops = &kinds.kept[key.as_slice()].drops;
            assert_eq!(drops.packets, drops.syns);
            (is_new, drops.packets)
        };
        assert_eq!(take(0, 5), (true, 5));
        assert_eq!(take(1, 3), (true, 8));
        assert_eq!(take(0, 5), (false, 8), "removed from the first map only");
        assert_eq!(take(1, 4), (true, 9));
        assert_eq!(take(0, 1), (true, 10), "a new entry");
        assert_eq!(take(1, 4), (false, 10));
    }
}
