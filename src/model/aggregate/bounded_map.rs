//! Sums of many, within bounds: those with least to show are let go, and still counted together.
//!
//! Responsible for how many are kept and for what is known of the others. Not for what is summed up.

use std::collections::HashMap;
use std::hash::Hash;

/// What is summed up.
pub(crate) trait Sums {
    /// The greatest are kept.
    fn weight(&self) -> (bool, u64);
    /// Another one's sums come on top.
    fn add(&mut self, other: &Self);
}

/// Sums by key.
#[derive(Debug)]
pub(crate) struct BoundedMap<K, V> {
    kept: HashMap<K, V>,
    other_sums: V,
    evicted: u64,
}

impl<K: Copy + Eq + Ord + Hash, V: Sums + Default> Default for BoundedMap<K, V> {
    fn default() -> Self {
        BoundedMap {
            kept: HashMap::new(),
            other_sums: V::default(),
            evicted: 0,
        }
    }
}

impl<K: Copy + Eq + Ord + Hash, V: Sums + Default> BoundedMap<K, V> {
    /// The sums of that key. When there are twice as many as are kept, half of them is let go at once, so that a new one
    /// costs no more than another: those with the least weight.
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

    /// The sums that those of this key are in: its own, or those of all that were let go.
    pub(crate) fn sums_of(&mut self, key: K) -> &mut V {
        self.kept.get_mut(&key).unwrap_or(&mut self.other_sums)
    }

    /// The same, if it is kept.
    pub(crate) fn get(&self, key: K) -> Option<&V> {
        self.kept.get(&key)
    }

    /// Those that are kept, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.kept.iter().map(|(key, sums)| (*key, sums))
    }

    /// Every sum: of those that are kept, and of the others together.
    pub(crate) fn sums_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.kept
            .values_mut()
            .chain(std::iter::once(&mut self.other_sums))
    }

    /// One has nothing to show any more.
    pub(crate) fn forget(&mut self, key: K) {
        self.kept.remove(&key);
    }

    /// The sums of those that were let go, and how many times one was.
    pub(crate) fn other(&self) -> (&V, u64) {
        (&self.other_sums, self.evicted)
    }
}
