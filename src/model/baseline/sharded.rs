//! A map that grows a part at a time. A large map that grows moves all of its entries at once, which with those of a
//! million open sessions takes a tenth of a second, and a key would wait for it.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Number of parts.
const SHARDS: usize = 256;

/// A map in many parts, each of which grows by itself.
#[derive(Clone, Debug)]
pub(super) struct Sharded<K, V> {
    /// None at all as long as the map is empty.
    shards: Vec<HashTable<(K, V)>>,
    /// Strangers choose some of the keys, so that the hash has a seed.
    hasher: RandomState,
}

impl<K, V> Default for Sharded<K, V> {
    fn default() -> Self {
        Sharded {
            shards: Vec::new(),
            hasher: RandomState::default(),
        }
    }
}

/// The part for a hash. All of its bits count: of numbers that follow each other, with some seeds only few bits differ much.
fn shard(hash: u64) -> usize {
    // the golden ratio, as Knuth multiplies (The Art of Computer Programming, volume 3, 6.4)
    const RATIO: u64 = 0x9e37_79b9_7f4a_7c15;
    ((hash ^ hash >> 32).wrapping_mul(RATIO) >> 56) as usize % SHARDS
}

impl<K: Copy + Eq + Hash, V: Default> Sharded<K, V> {
    /// Returns the value of a key, inserting it if needed.
    pub(super) fn entry(&mut self, key: K) -> &mut V {
        if self.shards.is_empty() {
            self.shards.resize_with(SHARDS, HashTable::new);
        }
        let hasher = &self.hasher;
        let hash = hasher.hash_one(key);
        let entry = self.shards[shard(hash)].entry(
            hash,
            |(other, _)| *other == key,
            |(other, _)| hasher.hash_one(other),
        );
        let entry = entry.or_insert_with(|| (key, V::default()));
        &mut entry.into_mut().1
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        let hash = self.hasher.hash_one(key);
        let table = self.shards.get(shard(hash))?;
        let found = table.find(hash, |(other, _)| other == key)?;
        Some(&found.1)
    }

    /// Removes a key. Returns its value.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let hash = self.hasher.hash_one(key);
        let table = self.shards.get_mut(shard(hash))?;
        let entry = table.find_entry(hash, |(other, _)| other == key).ok()?;
        let ((_, value), _) = entry.remove();
        Some(value)
    }

    /// Iterates over a part; `None`: there are not so many.
    pub(super) fn part(&self, part: usize) -> Option<impl Iterator<Item = (K, &V)>> {
        let entries = self.shards.get(part)?.iter();
        Some(entries.map(|(key, value)| (*key, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sharded_map_has_each_key_once_until_it_is_removed() {
        let mut map: Sharded<u64, u64> = Sharded::default();
        let all = |map: &Sharded<u64, u64>| {
            let parts = (0..).map_while(|part| Some(map.part(part)?.map(|(_, n)| *n).collect()));
            parts.collect::<Vec<Vec<u64>>>().concat()
        };
        assert_eq!((map.get(&1), all(&map).len()), (None, 0));
        for key in (0..10_000).chain(0..5_000) {
            *map.entry(key) += 1;
        }
        let count = |map: &Sharded<u64, u64>| all(map).iter().filter(|n| **n == 2).count();
        assert_eq!((all(&map).len(), count(&map)), (10_000, 5_000));
        for key in (0..10_000).step_by(2) {
            assert!(map.remove(&key).is_some());
        }
        assert_eq!(map.remove(&4), None);
        assert_eq!((map.get(&4), map.get(&5)), (None, Some(&2)));
        assert_eq!((all(&map).len(), count(&map)), (5_000, 2_500));
        let parts = map.shards.iter().filter(|table| !table.is_empty());
        assert!(parts.count() > SHARDS / 2, "the hash spreads them");
    }
}
