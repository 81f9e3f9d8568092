//! Sums by key with a size limit: the keys with the least weight are evicted into one "other" bucket.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

pub(crate) trait Sums {
    /// Rank for eviction: the greatest are kept.
    fn weight(&self) -> (bool, u64);
    /// Adds another key's sums to these.
    fn add(&mut self, other: &Self);
}

#[derive(Clone, Debug)]
pub(crate) struct BoundedMap<K, V> {
    /// Strangers choose some of the keys, so that the hash has a seed.
    kept: HashMap<K, V, RandomState>,
    other_sums: V,
    evicted: u64,
}

impl<K: Copy + Eq + Ord + Hash, V: Sums + Default> Default for BoundedMap<K, V> {
    fn default() -> Self {
        BoundedMap {
            kept: HashMap::default(),
            other_sums: V::default(),
            evicted: 0,
        }
    }
}

impl<K: Copy + Eq + Ord + Hash, V: Sums + Default> BoundedMap<K, V> {
    /// Returns the sums of a key, inserting it if needed. At twice `keep`, half of the keys are evicted at once, those
    /// with the least weight, so that an insertion stays cheap on average.
    pub(crate) fn entry(&mut self, key: K, keep: usize) -> &mut V {
        if self.kept.len() >= 2 * keep && !self.kept.contains_key(&key) {
            let mut least: Vec<_> = self.kept.iter().map(|(k, v)| (v.weight(), *k)).collect();
            let many = least.len() - keep;
            if many < least.len() {
                least.select_nth_unstable(many);
            }
            for (_, key) in &least[..many] {
                if let Some(sums) = self.kept.remove(key) {
                    self.other_sums.add(&sums);
                    self.evicted += 1;
                }
            }
        }
        self.kept.entry(key).or_default()
    }

    /// Returns the sums that count for a key: its own, or the "other" bucket if it was evicted.
    pub(crate) fn sums_of(&mut self, key: K) -> &mut V {
        self.kept.get_mut(&key).unwrap_or(&mut self.other_sums)
    }

    /// Returns the sums of a key that is kept.
    pub(crate) fn get(&self, key: K) -> Option<&V> {
        self.kept.get(&key)
    }

    /// Iterates over the kept keys, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.kept.iter().map(|(key, sums)| (*key, sums))
    }

    /// Iterates over the kept keys, in no order, to change their sums.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (K, &mut V)> {
        self.kept.iter_mut().map(|(key, sums)| (*key, sums))
    }

    /// Iterates over all sums: those of the kept keys and the "other" bucket.
    pub(crate) fn sums_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.kept
            .values_mut()
            .chain(std::iter::once(&mut self.other_sums))
    }

    /// Removes a key that has nothing to show any more.
    pub(crate) fn forget(&mut self, key: K) {
        self.kept.remove(&key);
    }

    /// Keeps only the keys with these sums.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(&V) -> bool) {
        self.kept.retain(|_, sums| is_kept(sums));
    }

    /// Returns the "other" bucket and the number of evictions.
    pub(crate) fn other(&self) -> (&V, u64) {
        (&self.other_sums, self.evicted)
    }
}
