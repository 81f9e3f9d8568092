//! The host in the frames of a black box: what has not changed since the snapshot before is there once.

use std::hash::Hash;
use std::net::SocketAddr;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::model::batch::HostSnapshot;
use crate::model::listener::Listener;
use crate::model::packet_drop::{PacketDirection, PacketDrops};

/// A [`HostSnapshot`] that shares its entries with the ones before and after.
#[derive(Debug)]
pub(super) struct PackedHost {
    taken_ns: u64,
    listeners: Box<[Arc<Listener>]>,
    lacks_listeners: bool,
    drops: Option<Box<[Arc<PacketDrops>]>>,
    drops_not_kept: u64,
    /// Bytes of memory that it takes in addition to the one before.
    pub(super) size: usize,
}

impl PackedHost {
    /// Returns it as it was.
    pub(super) fn unpack(&self) -> HostSnapshot {
        HostSnapshot {
            taken_ns: self.taken_ns,
            listeners: unpack(&self.listeners),
            lacks_listeners: self.lacks_listeners,
            drops: self.drops.as_ref().map(|drops| unpack(drops)),
            drops_not_kept: self.drops_not_kept,
        }
    }
}

fn unpack<T: Clone>(shared: &[Arc<T>]) -> Vec<T> {
    shared.iter().map(|entry| T::clone(entry)).collect()
}

/// Packs snapshots that follow each other.
#[derive(Debug, Default)]
pub(super) struct HostPacker {
    listeners: Shared<u64, Listener>,
    drops: Shared<DropsKey, PacketDrops>,
    /// The last snapshot.
    pub(super) last: Option<Arc<PackedHost>>,
}

/// Identity of an entry of dropped packets.
type DropsKey = (&'static str, PacketDirection, u32, SocketAddr, SocketAddr);

impl HostPacker {
    pub(super) fn pack(&mut self, snapshot: &HostSnapshot) -> Arc<PackedHost> {
        let (listeners, listeners_size) = self.listeners.share(&snapshot.listeners, |l| l.cookie);
        let key = |d: &PacketDrops| (d.reason, d.direction, d.netns, d.local, d.remote);
        let drops = snapshot.drops.as_ref();
        let (drops, drops_size) = drops.map(|drops| self.drops.share(drops, key)).unzip();
        let packed = Arc::new(PackedHost {
            taken_ns: snapshot.taken_ns,
            listeners,
            lacks_listeners: snapshot.lacks_listeners,
            drops,
            drops_not_kept: snapshot.drops_not_kept,
            size: size_of::<PackedHost>() + listeners_size + drops_size.unwrap_or(0),
        });
        self.last = Some(Arc::clone(&packed));
        packed
    }
}

/// The entries of the last snapshot, by what identifies them.
#[derive(Debug)]
struct Shared<K, T>(FxHashMap<K, Arc<T>>);

impl<K, T> Default for Shared<K, T> {
    fn default() -> Self {
        Shared(FxHashMap::default())
    }
}

impl<K: Eq + Hash, T: Clone + PartialEq> Shared<K, T> {
    /// Returns the entries, the same ones as before where they have not changed, and the memory that they take in addition.
    fn share(&mut self, entries: &[T], key: impl Fn(&T) -> K) -> (Box<[Arc<T>]>, usize) {
        let mut size = entries.len() * size_of::<Arc<T>>();
        let mut kept = FxHashMap::with_capacity_and_hasher(entries.len(), Default::default());
        let shared = entries.iter().map(|entry| {
            let key = key(entry);
            let before = self.0.remove(&key).filter(|before| **before == *entry);
            let shared = before.unwrap_or_else(|| {
                // with the two counters of an Arc
                size += size_of::<T>() + 2 * size_of::<usize>();
                Arc::new(entry.clone())
            });
            kept.insert(key, Arc::clone(&shared));
            shared
        });
        let shared = shared.collect();
        self.0 = kept;
        (shared, size)
    }
}
