//! Histograms: counts of values on a logarithmic scale, from which values can also be removed.
//!
//! Owns the scales, whose borders are round numbers in natural units, and percentiles with a known error.

use std::sync::LazyLock;

use crate::model::fields;

/// Maximum bucket width relative to its lower border: a value in the middle is off by at most half of this.
const WIDTH: f64 = 0.05;

/// Error of a percentile, as shown.
pub const ERROR: &str = "±2.5 %";

/// Prominence of a border. Each level includes the levels above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Between two visible borders, for percentiles only.
    Inner,
    /// About ten per decade.
    Fine,
    /// 1, 2, 5.
    Coarse,
    /// 1, 10, 100.
    Decade,
}

/// Borders between buckets.
#[derive(Debug)]
pub struct Scale {
    /// Formats a border other than 0.
    label: fn(u64) -> String,
    borders: Vec<u64>,
    levels: Vec<Level>,
}

/// Times, µs.
pub static TIME: LazyLock<Scale> = LazyLock::new(|| {
    let units = [
        1,
        1_000,
        1_000_000,
        60_000_000,
        3_600_000_000,
        86_400_000_000,
    ];
    Scale::new(&units, fields::round_micros)
});

/// Sizes in bytes.
pub static BYTES: LazyLock<Scale> = LazyLock::new(|| {
    let units = [0, 3, 6, 9, 12, 15].map(|power| 10_u64.pow(power));
    Scale::new(&units, fields::round_size)
});

impl Scale {
    fn new(units: &[u64], label: fn(u64) -> String) -> Self {
        /// Borders within a decade, in tenths of its start, about evenly spaced on a logarithmic scale.
        const TENTHS: [u64; 10] = [10, 12, 15, 20, 25, 30, 40, 50, 60, 80];
        /// End of the last unit's range, as a multiple of the unit.
        const LAST: u64 = 1_000;
        let mut shown = vec![(0, Level::Decade)];
        for (i, unit) in units.iter().enumerate() {
            let next = units.get(i + 1).copied().unwrap_or(unit * LAST);
            let decades = (0..).map(|e| 10_u64.pow(e)).take_while(|d| unit * d < next);
            for (decade, tenths) in decades.flat_map(|d| TENTHS.map(|t| (d, t))) {
                let ten_times = unit * decade * tenths;
                let border = ten_times / 10;
                if ten_times % 10 != 0 || border >= next {
                    continue;
                }
                // 50 s is too close to a minute
                let is_apart = border * 3 <= next * 2;
                let level = match tenths {
                    10 if is_apart => Level::Decade,
                    20 | 50 if is_apart => Level::Coarse,
                    _ => Level::Fine,
                };
                shown.push((border, level));
            }
        }
        let (mut borders, mut levels) = (Vec::new(), Vec::new());
        for (i, &(from, level)) in shown.iter().enumerate() {
            let to = shown.get(i + 1).map_or(from, |s| s.0);
            let width = ((from as f64 * WIDTH) as u64).max(1);
            let parts = (to - from).div_ceil(width).max(1);
            for part in 0..parts {
                // rather one bucket too many than one that is a unit too wide
                let border =
                    from + ((u128::from(to - from) * u128::from(part)) / u128::from(parts)) as u64;
                borders.push(border);
                levels.push(if part == 0 { level } else { Level::Inner });
            }
        }
        Scale {
            label,
            borders,
            levels,
        }
    }

    /// Returns the index of a value's bucket.
    fn index(&self, value: u64) -> usize {
        self.borders.partition_point(|b| *b <= value) - 1
    }

    /// Formats a border as one would write it, also in a filter: `0`, `1.5ms`, `20kB`.
    pub fn label(&self, border: u64) -> String {
        match border {
            0 => "0".into(),
            border => (self.label)(border),
        }
    }
}

/// One bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Lower border, inclusive.
    pub from: u64,
    /// Upper border, exclusive; `None`: unbounded.
    pub to: Option<u64>,
    /// Number of values.
    pub count: u64,
    /// Prominence of its lower border.
    pub level: Level,
}

/// Counts of values.
#[derive(Clone, Debug)]
pub struct Histogram {
    scale: &'static Scale,
    counts: Box<[u64]>,
    total: u64,
    greatest: u64,
}

impl Histogram {
    /// Creates an empty histogram.
    pub fn new(scale: &'static Scale) -> Self {
        Histogram {
            scale,
            counts: vec![0; scale.borders.len()].into(),
            total: 0,
            greatest: 0,
        }
    }

    pub fn scale(&self) -> &'static Scale {
        self.scale
    }

    pub fn add(&mut self, value: u64) {
        self.counts[self.scale.index(value)] += 1;
        self.total += 1;
        self.greatest = self.greatest.max(value);
    }

    /// Removes a value that was added before.
    pub fn remove(&mut self, value: u64) {
        let count = &mut self.counts[self.scale.index(value)];
        if *count > 0 {
            *count -= 1;
            self.total -= 1;
        }
    }

    /// Adds all counts of another histogram of the same scale.
    pub fn merge(&mut self, other: &Histogram) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
        self.greatest = self.greatest.max(other.greatest);
    }

    pub fn count(&self) -> u64 {
        self.total
    }

    /// Returns the value that this share of all values does not exceed (nearest rank), within [`ERROR`]; `None` if
    /// empty.
    pub fn percentile(&self, part: f64) -> Option<u64> {
        let rank = ((part * self.total as f64).ceil() as u64).clamp(1, self.total.max(1));
        let mut before = 0;
        let bucket = self.counts.iter().position(|count| {
            before += count;
            before >= rank
        })?;
        Some(self.middle(bucket).min(self.greatest))
    }

    /// Returns the greatest value: exact as long as none was removed, within twice [`ERROR`] afterwards.
    pub fn max(&self) -> Option<u64> {
        let last = self.counts.iter().rposition(|count| *count > 0)?;
        let is_there = self.scale.index(self.greatest) == last;
        Some(if is_there {
            self.greatest
        } else {
            self.middle(last)
        })
    }

    fn middle(&self, bucket: usize) -> u64 {
        let from = self.scale.borders[bucket];
        let to = self.scale.borders.get(bucket + 1);
        to.map_or(from, |to| from + (to - from - 1) / 2)
    }

    /// Returns the buckets between borders of a level, from the decade of the least value to that of the greatest.
    pub fn buckets(&self, level: Level) -> Vec<Bucket> {
        let is_counted = |count: &u64| *count > 0;
        let (Some(first), Some(last)) = (
            self.counts.iter().position(is_counted),
            self.counts.iter().rposition(is_counted),
        ) else {
            return Vec::new();
        };
        let levels = &self.scale.levels;
        let decade = |i: &usize| levels[*i] == Level::Decade;
        let first = (0..=first).rev().find(decade).unwrap_or(0);
        let end = (last + 1..levels.len()).find(decade);
        let borders: Vec<usize> = (first..end.unwrap_or(levels.len()))
            .filter(|i| levels[*i] >= level)
            .collect();
        let ends = borders.iter().skip(1).copied().map(Some).chain([end]);
        borders
            .iter()
            .zip(ends)
            .map(|(&from, to)| Bucket {
                from: self.scale.borders[from],
                to: to.map(|to| self.scale.borders[to]),
                count: self.counts[from..to.unwrap_or(levels.len())].iter().sum(),
                level: levels[from],
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The percentile by its definition.
    fn exact(values: &[u64], part: f64) -> u64 {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let rank = ((part * values.len() as f64).ceil() as usize).max(1);
        sorted[rank - 1]
    }

    fn within(value: u64, of: u64, error: f64) -> bool {
        (value as f64 - of as f64).abs() <= of as f64 * error + 1e-9
    }

    fn value() -> impl Strategy<Value = u64> {
        // as many values of each magnitude
        (0_u32..47, any::<u64>()).prop_map(|(bits, n)| n % (1 << bits).max(2))
    }

    proptest! {
        #[test]
        fn histogram_percentiles_are_within_the_stated_error(values in prop::collection::vec(value(), 1..400)) {
            for scale in [&*TIME, &*BYTES] {
                let mut histogram = Histogram::new(scale);
                values.iter().for_each(|v| histogram.add(*v));
                for part in [0.0, 0.5, 0.9, 0.99, 1.0] {
                    let (is, should) = (histogram.percentile(part).expect("values"), exact(&values, part));
                    prop_assert!(within(is, should, 0.025), "{part}: {is}, not {should}");
                }
                prop_assert_eq!(histogram.max(), values.iter().max().copied());
                for level in [Level::Fine, Level::Coarse, Level::Decade] {
                    let sum: u64 = histogram.buckets(level).iter().map(|b| b.count).sum();
                    prop_assert_eq!(sum, values.len() as u64);
                }
            }
        }

        #[test]
        fn histogram_removed_values_leave_no_trace(
            stays in prop::collection::vec(value(), 0..100),
            goes in prop::collection::vec(value(), 0..100),
        ) {
            let mut histogram = Histogram::new(&TIME);
            goes.iter().chain(&stays).for_each(|v| histogram.add(*v));
            goes.iter().for_each(|v| histogram.remove(*v));
            let mut other = Histogram::new(&TIME);
            stays.iter().for_each(|v| other.add(*v));
            prop_assert_eq!(&histogram.counts, &other.counts);
            prop_assert_eq!(histogram.count(), other.count());
            match (histogram.max(), stays.iter().max()) {
                (Some(is), Some(should)) => prop_assert!(within(is, *should, 0.05), "{is}, not {should}"),
                (is, should) => prop_assert_eq!(is, should.copied()),
            }
        }
    }

    #[test]
    fn histogram_buckets_are_at_most_five_percent_wide() {
        for scale in [&*TIME, &*BYTES] {
            for pair in scale.borders.windows(2) {
                let width = pair[1] - pair[0];
                assert!(
                    width == 1 || width as f64 <= pair[0] as f64 * 0.0501,
                    "{pair:?}"
                );
            }
            assert!(scale.borders.len() < 1200, "{}", scale.borders.len());
        }
    }

    #[test]
    fn histogram_borders_are_round_and_can_be_used_in_filters() {
        let labels = |scale: &'static Scale, level| {
            let shown = scale.borders.iter().zip(&scale.levels);
            let shown = shown.filter(|(_, l)| **l >= level);
            let labels: Vec<String> = shown.map(|(b, _)| scale.label(*b)).collect();
            labels.join(" ")
        };
        insta::assert_snapshot!(format!(
            "{}\n{}\n{}\n{}",
            labels(&TIME, Level::Decade),
            labels(&TIME, Level::Coarse),
            labels(&TIME, Level::Fine),
            labels(&BYTES, Level::Coarse)
        ));
        for (scale, word) in [(&*TIME, "duration"), (&*BYTES, "bytes")] {
            for (border, level) in scale.borders.iter().zip(&scale.levels) {
                if *level > Level::Inner {
                    let text = format!("{word} < {}", scale.label(*border));
                    assert_eq!(
                        crate::filter::Filter::parse(&text)
                            .map(|f| f.canonical())
                            .ok(),
                        crate::filter::Filter::parse(&format!(
                            "{word} < {border}{}",
                            if word == "duration" { "us" } else { "B" }
                        ))
                        .map(|f| f.canonical())
                        .ok(),
                        "{text}"
                    );
                }
            }
        }
    }
}
