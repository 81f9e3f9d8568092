//! Amounts per second over the last seconds, such as bytes or failures.

use crate::text::units::S;
use std::ops::AddAssign;

/// Seconds of history kept for each aggregate.
pub const HISTORY_S: usize = 60;

/// Amounts of the last `N` seconds, including the one in progress. On a busy host most keys have amounts in one second, or
/// in two that follow each other, and such a history takes room for only these.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RateHistory<T, const N: usize> {
    newest_s: u64,
    /// Amounts of the newest second and of the one before it, while there are no others.
    only: [T; 2],
    /// Amount of each second, at its number modulo `N`.
    ring: Option<Box<[T; N]>>,
}

impl<T: Copy + Default + PartialEq + AddAssign, const N: usize> RateHistory<T, N> {
    /// Adds to a second, by its number. Seconds older than the history are ignored.
    pub fn add(&mut self, s: u64, amount: T) {
        let n = N as u64;
        let Some(ring) = &mut self.ring else {
            let none = T::default();
            let [newest, before] = &mut self.only;
            if s == self.newest_s {
                *newest += amount;
            } else if s + 1 == self.newest_s {
                *before += amount;
            } else if [*newest, *before] == [none; 2] {
                (self.newest_s, *newest) = (s, amount);
            } else if s == self.newest_s + 1 && *before == none {
                (self.newest_s, *before, *newest) = (s, *newest, amount);
            } else {
                let mut ring = Box::new([none; N]);
                ring[(self.newest_s % n) as usize] = *newest;
                ring[(self.newest_s.saturating_sub(1) % n) as usize] += *before;
                self.ring = Some(ring);
                self.add(s, amount);
            }
            return;
        };
        if s > self.newest_s {
            let new = (self.newest_s + 1).max((s + 1).saturating_sub(n));
            (new..=s).for_each(|s| ring[(s % n) as usize] = T::default());
            self.newest_s = s;
        }
        if s + n > self.newest_s {
            ring[(s % n) as usize] += amount;
        }
    }

    /// Returns the amount of a second; 0 if it is not kept.
    pub fn at(&self, s: u64) -> T {
        match &self.ring {
            Some(ring) if s <= self.newest_s && s + N as u64 > self.newest_s => {
                ring[(s % N as u64) as usize]
            }
            None if s == self.newest_s => self.only[0],
            None if s + 1 == self.newest_s => self.only[1],
            _ => T::default(),
        }
    }

    /// Returns the newest second with an amount.
    pub fn newest_s(&self) -> u64 {
        self.newest_s
    }

    /// Adds another history's amounts.
    pub fn merge(&mut self, other: &Self) {
        let first = (other.newest_s + 1).saturating_sub(N as u64);
        for s in first..=other.newest_s {
            let amount = other.at(s);
            if amount != T::default() {
                self.add(s, amount);
            }
        }
    }
}

/// An amount that is spread evenly over a period, by second. It is the same for each history that it is added to.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// The first and the last second; there are none if the last one comes before.
    first: u64,
    last: u64,
    at_first: f32,
    /// In each second between them.
    between: f32,
    at_last: f32,
}

impl Spread {
    /// Spreads an amount; a negative one takes away what was added.
    pub fn new(amount: f64, from_ns: u64, to_ns: u64) -> Self {
        let (first, last) = (from_ns / S, to_ns / S);
        let mut spread = Spread {
            first,
            last,
            at_first: 0.0,
            between: 0.0,
            at_last: amount as f32,
        };
        if first == last {
            return spread;
        }
        if amount == 0.0 || first > last {
            return Spread {
                first: last + 1,
                ..spread
            };
        }
        let per_ns = amount / (to_ns - from_ns) as f64;
        let of = |ns: u64| (per_ns * ns as f64) as f32;
        (spread.at_first, spread.between) = (of((first + 1) * S - from_ns), of(S));
        spread.at_last = of(to_ns - last * S);
        spread
    }
}

impl<const N: usize> RateHistory<f32, N> {
    /// Spreads bytes evenly over a period.
    pub fn spread(&mut self, bytes: u64, from_ns: u64, to_ns: u64) {
        self.spread_change(bytes as f64, from_ns, to_ns);
    }

    /// Spreads an amount evenly over a period; a negative one takes away what was added.
    pub fn spread_change(&mut self, amount: f64, from_ns: u64, to_ns: u64) {
        self.add_spread(&Spread::new(amount, from_ns, to_ns));
    }

    /// Adds what is spread over a period.
    pub fn add_spread(&mut self, spread: &Spread) {
        let &Spread { first, last, .. } = spread;
        if first > last {
            return;
        }
        // the last one first, so that the ring has moved on to it
        self.add(last, spread.at_last);
        let oldest = (last + 1).saturating_sub(N as u64);
        if first < last {
            if first >= oldest {
                self.add(first, spread.at_first);
            }
            self.add_to_each(oldest.max(first + 1), last, spread.between);
        }
    }

    /// Adds the same to each of these seconds, the last one not included. No newer one than the newest is among them.
    fn add_to_each(&mut self, from_s: u64, to_s: u64, amount: f32) {
        let n = N as u64;
        let Some(ring) = &mut self.ring else {
            return (from_s..to_s).for_each(|s| self.add(s, amount));
        };
        let from_s = from_s.max((self.newest_s + 1).saturating_sub(n));
        if from_s >= to_s {
            return;
        }
        // a long session has an amount in each of them, which without a division for each is an addition of vectors
        let (from, to) = ((from_s % n) as usize, (to_s % n) as usize);
        let add = |part: &mut [f32]| part.iter_mut().for_each(|sum| *sum += amount);
        if from < to {
            add(&mut ring[from..to]);
        } else {
            add(&mut ring[from..]);
            add(&mut ring[..to]);
        }
    }
}

/// Averages the last seconds into at most `cells` cells. Cell borders stay aligned to the same seconds, so that a
/// sparkline moves as a whole and does not flicker.
pub fn cells(history: &[f32], end_s: u64, cells: usize) -> Vec<f32> {
    let seconds = history.len().div_ceil(cells.max(1)).max(1) as u64;
    let mut history_cells: Vec<(u64, f32, u32)> = Vec::new();
    let first = (end_s + HISTORY_S as u64).saturating_sub(history.len() as u64);
    for (s, value) in (first..).zip(history) {
        let cell = s / seconds;
        match history_cells.last_mut().filter(|c| c.0 == cell) {
            Some((_, sum, count)) => (*sum, *count) = (*sum + value, *count + 1),
            None => history_cells.push((cell, *value, 1)),
        }
    }
    let over = history_cells.len().saturating_sub(cells);
    let means = history_cells.into_iter().skip(over);
    means.map(|(_, sum, count)| sum / count as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_a_second_later_cover_the_same_seconds() {
        let history = [0.0, 0.0, 6.0, 0.0, 0.0, 3.0];
        assert_eq!(cells(&history, 12, 6), history);
        assert_eq!(cells(&history, 12, 2), [2.0, 1.0]);
        // a second later: the same seconds per cell, and the last cell is not full yet
        let later = [0.0, 6.0, 0.0, 0.0, 3.0, 9.0];
        assert_eq!(cells(&later, 13, 2), [1.0, 9.0]);
        assert_eq!(cells(&later, 13, 3), [3.0, 1.5, 9.0]);
        assert!(cells(&[], 13, 3).is_empty());
    }

    #[test]
    fn spread_has_in_each_second_what_moved_within_it() {
        let all =
            |history: &RateHistory<f32, 8>| (0..24).map(|s| history.at(s)).collect::<Vec<_>>();
        for (from_ms, to_ms) in [
            (2_500, 2_750),
            (2_500, 4_250),
            (9_000, 16_000),
            (1_250, 20_500),
            (20_000, 20_000),
        ] {
            for newest_s in [0, 3, 17, 23] {
                let [mut history, mut expected] = [(); 2].map(|()| {
                    let mut history = RateHistory::<f32, 8>::default();
                    history.add(newest_s, 1.0);
                    history
                });
                let (from, to) = (from_ms * 1_000_000, to_ms * 1_000_000);
                history.spread(4096, from, to);
                let per_ms = 4096.0 / (to_ms - from_ms).max(1) as f64;
                let last = to_ms / 1000;
                for s in ((last + 1).saturating_sub(8)..=last).rev() {
                    let ms = to_ms
                        .min((s + 1) * 1000)
                        .saturating_sub(from_ms.max(s * 1000));
                    let is_at_once = from_ms == to_ms && s == last;
                    let amount = if is_at_once {
                        4096.0
                    } else {
                        per_ms * ms as f64
                    };
                    if amount > 0.0 {
                        expected.add(s, amount as f32);
                    }
                }
                let (found, expected) = (all(&history), all(&expected));
                let near = |(a, b): (&f32, &f32)| (a - b).abs() <= b * 1e-5;
                let is_near = found.iter().zip(&expected).all(near);
                assert!(
                    is_near,
                    "{from_ms} {to_ms} {newest_s}: {found:?} {expected:?}"
                );
            }
        }
    }

    #[test]
    fn rate_history_needs_a_ring_after_one_second_and_drops_the_oldest() {
        let mut history = RateHistory::<u32, 4>::default();
        history.add(10, 1);
        history.add(10, 2);
        assert_eq!((history.at(10), history.ring.is_none()), (3, true));
        [12, 11, 9, 8].into_iter().for_each(|s| history.add(s, 1));
        let amounts: Vec<u32> = (7..14).map(|s| history.at(s)).collect();
        assert_eq!(
            amounts,
            [0, 0, 1, 3, 1, 1, 0],
            "8 is more than three seconds ago"
        );
        history.add(14, 5);
        let amounts: Vec<u32> = (9..16).map(|s| history.at(s)).collect();
        assert_eq!(amounts, [0, 0, 1, 1, 0, 5, 0]);
        let mut sum = RateHistory::default();
        sum.add(13, 7);
        sum.merge(&history);
        let amounts: Vec<u32> = (9..16).map(|s| sum.at(s)).collect();
        assert_eq!(amounts, [0, 0, 1, 1, 7, 5, 0]);
    }
}
