//! Sums by key with a size limit: the keys with the least weight are evicted into one "other" bucket.

use std::hash::{BuildHasher as _, Hash};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

/// Number of places that are remembered.
const RECENT: usize = 64;

pub(crate) trait Sums {
    /// Rank for eviction: the greatest are kept.
    fn weight(&self) -> (bool, u64);
    /// Adds another key's sums to these.
    fn add(&mut self, other: &Self);
}

/// The sums are beside each other, and the table that finds them is small: where most keys are new, this takes less time than
/// a table of sums, of which half is empty.
#[derive(Clone, Debug)]
pub(crate) struct BoundedMap<K, V> {
    /// Places of the kept keys, with their hashes.
    index: HashTable<(u32, u32)>,
    /// `None`: free.
    kept: Vec<Option<(K, V)>>,
    free: Vec<u32>,
    /// Places of keys that were looked up last, each where a hash without a seed puts it and with a part of that hash, and of the
    /// last two: most sessions of a busy host have the keys of others that have just closed. A place may have been given to
    /// another key since.
    recent: [(u32, u32); RECENT],
    last: [u32; 2],
    /// Strangers choose some of the keys, so that the hash has a seed.
    hasher: RandomState,
    other_sums: V,
    evicted: u64,
}

impl<K: Copy + Eq + Ord + Hash, V: Sums + Default> Default for BoundedMap<K, V> {
    fn default() -> Self {
        BoundedMap {
            index: HashTable::default(),
            kept: Vec::new(),
            free: Vec::new(),
            recent: [(0, 0); RECENT],
            last: [0; 2],
            hasher: RandomState::default(),
            other_sums: V::default(),
            evicted: 0,
        }
    }
}

/// Index of a key in [`BoundedMap::recent`], and what tells it from most others there without a look at the sums.
fn recent(key: impl Hash) -> (usize, u32) {
    let hash = FxBuildHasher.hash_one(key);
    (hash as usize % RECENT, (hash >> 32) as u32)
}

/// The table uses the highest bits and the lowest.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

impl<K: Copy + Eq + Ord + Hash, V: Sums + Default> BoundedMap<K, V> {
    fn hash(&self, key: K) -> u32 {
        self.hasher.hash_one(key) as u32
    }

    fn find(&self, hash: u32, key: K) -> Option<usize> {
        let is_it = |(other, at): &(u32, u32)| {
            let found = &self.kept[*at as usize];
            *other == hash && found.as_ref().is_some_and(|(other, _)| *other == key)
        };
        let found = self.index.find(spread(hash), is_it);
        found.map(|(_, at)| *at as usize)
    }

    /// Finds a key among those that were looked up last.
    fn find_recent(&mut self, key: K) -> Option<usize> {
        let is_at = |at: u32| {
            let found = self.kept.get(at as usize).and_then(Option::as_ref);
            found.is_some_and(|(other, _)| *other == key)
        };
        // the ends of connections within the host take turns
        let [last, before] = self.last;
        let at = if is_at(last) {
            return Some(last as usize);
        } else if is_at(before) {
            before
        } else {
            let (recent, tag) = recent(key);
            let (other, at) = self.recent[recent];
            (other == tag && is_at(at)).then_some(at)?
        };
        self.last = [at, last];
        Some(at as usize)
    }

    /// Remembers the place of a key.
    fn remember(&mut self, key: K, at: usize) {
        let (recent, tag) = recent(key);
        self.recent[recent] = (tag, at as u32);
        self.last = [at as u32, self.last[0]];
    }

    /// Returns the sums of a key, inserting it if needed. At twice `keep`, half of the keys are evicted at once, those
    /// with the least weight, so that an insertion stays cheap on average.
    pub(crate) fn entry(&mut self, key: K, keep: usize) -> &mut V {
        let at = self.find_recent(key).unwrap_or_else(|| {
            let at = self.place(key, keep);
            self.remember(key, at);
            at
        });
        &mut self.kept[at].get_or_insert_with(|| (key, V::default())).1
    }

    /// Returns the place of a key, which is a new one if it is not kept.
    fn place(&mut self, key: K, keep: usize) -> usize {
        let hash = self.hash(key);
        match self.find(hash, key) {
            Some(at) => at,
            None => {
                if self.index.len() >= 2 * keep {
                    self.evict(self.index.len() - keep);
                }
                let at = self.free.pop().map_or(self.kept.len(), |at| at as usize);
                if at == self.kept.len() {
                    self.kept.push(None);
                }
                self.index
                    .insert_unique(spread(hash), (hash, at as u32), |(hash, _)| spread(*hash));
                at
            }
        }
    }

    /// Evicts so many keys: those with the least weight, and of equal ones those that come first.
    fn evict(&mut self, many: usize) {
        let mut weights: Vec<_> = self.iter().map(|(_, sums)| sums.weight()).collect();
        if many == 0 || many >= weights.len() {
            return;
        }
        let (less, limit, _) = weights.select_nth_unstable(many);
        let limit = *limit;
        let lighter = less.iter().filter(|weight| **weight < limit).count();
        let as_heavy = self.iter().filter(|(_, sums)| sums.weight() == limit);
        let mut as_heavy: Vec<K> = as_heavy.map(|(key, _)| key).collect();
        let (_, first, _) = as_heavy.select_nth_unstable(many - lighter);
        let kept_from = (limit, *first);
        let mut other_sums = std::mem::take(&mut self.other_sums);
        self.remove_unless(|key, sums| {
            let is_kept = (sums.weight(), key) >= kept_from;
            if !is_kept {
                other_sums.add(sums);
            }
            is_kept
        });
        self.other_sums = other_sums;
        self.evicted += many as u64;
    }

    fn remove_unless(&mut self, mut is_kept: impl FnMut(K, &V) -> bool) {
        for (at, place) in self.kept.iter_mut().enumerate() {
            if place
                .as_ref()
                .is_some_and(|(key, sums)| !is_kept(*key, sums))
            {
                *place = None;
                self.free.push(at as u32);
            }
        }
        let kept = &self.kept;
        self.index.retain(|(_, at)| kept[*at as usize].is_some());
    }

    /// Returns the sums that count for a key: its own, or the "other" bucket if it was evicted.
    pub(crate) fn sums_of(&mut self, key: K) -> &mut V {
        let at = self.find_recent(key).or_else(|| {
            let at = self.find(self.hash(key), key)?;
            self.remember(key, at);
            Some(at)
        });
        match at.and_then(|at| self.kept[at].as_mut()) {
            Some((_, sums)) => sums,
            None => &mut self.other_sums,
        }
    }

    /// Returns the sums of a key that is kept.
    pub(crate) fn get(&self, key: K) -> Option<&V> {
        let at = self.find(self.hash(key), key)?;
        self.kept[at].as_ref().map(|(_, sums)| sums)
    }

    /// Iterates over the kept keys, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.kept.iter().flatten().map(|(key, sums)| (*key, sums))
    }

    /// Iterates over the kept keys, in no order, to change their sums.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (K, &mut V)> {
        let kept = self.kept.iter_mut().flatten();
        kept.map(|(key, sums)| (*key, sums))
    }

    /// Iterates over all sums: those of the kept keys and the "other" bucket.
    pub(crate) fn sums_mut(&mut self) -> impl Iterator<Item = &mut V> {
        let kept = self.kept.iter_mut().flatten().map(|(_, sums)| sums);
        kept.chain(std::iter::once(&mut self.other_sums))
    }

    /// Removes a key that has nothing to show any more.
    pub(crate) fn forget(&mut self, key: K) {
        let hash = self.hash(key);
        if let Some(at) = self.find(hash, key)
            && let Ok(entry) = self
                .index
                .find_entry(spread(hash), |(_, other)| *other as usize == at)
        {
            entry.remove();
            self.kept[at] = None;
            self.free.push(at as u32);
        }
    }

    /// Keeps only the keys with these sums.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(&V) -> bool) {
        self.remove_unless(|_, sums| is_kept(sums));
    }

    /// Returns the "other" bucket and the number of evictions.
    pub(crate) fn other(&self) -> (&V, u64) {
        (&self.other_sums, self.evicted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Sum(u64);

    impl Sums for Sum {
        fn weight(&self) -> (bool, u64) {
            (false, self.0)
        }

        fn add(&mut self, other: &Self) {
            self.0 += other.0;
        }
    }

    fn kept(map: &BoundedMap<u32, Sum>) -> Vec<(u32, u64)> {
        let mut kept: Vec<_> = map.iter().map(|(key, sum)| (key, sum.0)).collect();
        kept.sort_unstable();
        kept
    }

    #[test]
    fn bounded_map_evicts_the_least_and_of_equal_ones_the_first() {
        let mut map: BoundedMap<u32, Sum> = BoundedMap::default();
        for key in (0..8).rev() {
            map.entry(key, 4).0 += if key == 1 { 9 } else { 5 };
        }
        map.entry(3, 4).0 += 1;
        assert_eq!((map.iter().count(), map.other().1), (8, 0));
        map.entry(100, 4).0 += 2;
        assert_eq!(kept(&map), [(1, 9), (3, 6), (6, 5), (7, 5), (100, 2)]);
        assert_eq!((map.other().0.0, map.other().1), (20, 4));
        assert_eq!((map.get(0).is_none(), map.sums_of(0).0), (true, 20));
    }

    #[test]
    fn bounded_map_gives_the_place_of_a_removed_key_to_another() {
        let mut map: BoundedMap<u32, Sum> = BoundedMap::default();
        for round in 0..100 {
            for key in 0..4 {
                map.entry(round * 4 + key, 4).0 += u64::from(key);
            }
            map.forget(round * 4);
            map.forget(round * 4);
            map.retain(|sum| sum.0 > 1);
            let all = [(round * 4 + 2, 2), (round * 4 + 3, 3)];
            assert_eq!(kept(&map), all);
            map.retain(|_| false);
        }
        assert_eq!(map.kept.len(), 4);
    }
}
