//! A time line: sums of sessions over a span of any length, in a bounded number of parts.
//!
//! Parts are whole seconds of wall-clock time at first. When there would be too many of them, they are merged into longer
//! ones, whose length is a time that people count in.

use std::collections::BTreeMap;

use crate::text::units::S;

/// Maximum number of parts.
const PARTS: i64 = 600;

/// Lengths of a part, s: each is a multiple of the one before.
const LENGTHS: [i64; 11] = [1, 2, 10, 30, 60, 120, 600, 1800, 3600, 21_600, 86_400];

/// Sums of a part.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Part {
    /// Sessions that closed, including failed ones.
    pub closed: u64,
    /// Sessions that failed.
    pub failed: u64,
    /// Bytes that moved, both directions.
    pub bytes: f64,
    /// Sessions that were missed for certain.
    pub missed: u64,
    /// Maximum number of open sessions; `None`: no snapshot was taken.
    pub open: Option<u64>,
}

impl Part {
    fn merge(&mut self, other: &Part) {
        self.closed += other.closed;
        self.failed += other.failed;
        self.bytes += other.bytes;
        self.missed += other.missed;
        self.open = self.open.max(other.open);
    }
}

/// Sums by time.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// Index in [`LENGTHS`].
    length: usize,
    /// Parts that are not empty, by their number since 1970.
    parts: BTreeMap<i64, Part>,
}

impl Timeline {
    /// Length of a part, s.
    pub fn length_s(&self) -> i64 {
        LENGTHS[self.length]
    }

    /// Returns the part of a time, given in ns since 1970.
    pub fn at(&mut self, wall_ns: i128) -> &mut Part {
        let second = i64::try_from(wall_ns.div_euclid(i128::from(S))).unwrap_or_default();
        loop {
            let number = second.div_euclid(self.length_s());
            let (first, last) = self.ends().unwrap_or((number, number));
            let spanned = last.max(number) - first.min(number);
            if spanned < PARTS {
                return self.parts.entry(number).or_default();
            }
            if self.length + 1 == LENGTHS.len() {
                // a clock that is years off: the nearest part that there is
                let nearest = number.clamp(first, last);
                return self.parts.entry(nearest).or_default();
            }
            self.coarsen();
        }
    }

    /// Adds bytes that moved evenly between two times, given in ns since 1970.
    pub fn spread(&mut self, bytes: u64, from_ns: i128, to_ns: i128) {
        // both ends first, so that the length of the parts is the final one
        self.at(from_ns);
        self.at(to_ns);
        let length_ns = i128::from(self.length_s()) * i128::from(S);
        let whole_ns = (to_ns - from_ns).max(1);
        if whole_ns / length_ns > i128::from(PARTS) {
            // longer than all parts together: a duration that nobody can have seen
            self.at(to_ns).bytes += bytes as f64;
            return;
        }
        let mut at_ns = from_ns;
        loop {
            let end_ns = ((at_ns.div_euclid(length_ns) + 1) * length_ns).min(to_ns);
            let share = match to_ns > from_ns {
                true => (end_ns - at_ns) as f64 / whole_ns as f64,
                false => 1.0,
            };
            self.at(at_ns).bytes += bytes as f64 * share;
            if end_ns >= to_ns {
                break;
            }
            at_ns = end_ns;
        }
    }

    /// Numbers of the first and of the last part.
    fn ends(&self) -> Option<(i64, i64)> {
        let (first, _) = self.parts.first_key_value()?;
        let (last, _) = self.parts.last_key_value()?;
        Some((*first, *last))
    }

    /// Merges the parts into parts of the next length.
    fn coarsen(&mut self) {
        let factor = LENGTHS[self.length + 1] / self.length_s();
        self.length += 1;
        for (number, part) in std::mem::take(&mut self.parts) {
            let merged = self.parts.entry(number.div_euclid(factor)).or_default();
            merged.merge(&part);
        }
    }

    /// Iterates over all parts without a gap, each with its beginning, s since 1970. Sessions that were open stay open where
    /// nothing says otherwise.
    pub fn parts(&self) -> impl Iterator<Item = (i64, Part)> {
        let (first, last) = self.ends().unwrap_or((0, -1));
        let mut open = None;
        (first..=last).map(move |number| {
            let mut part = self.parts.get(&number).copied().unwrap_or_default();
            part.open = part.open.or(open);
            open = part.open;
            (number * self.length_s(), part)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NS: i128 = S as i128;

    #[test]
    fn timeline_of_any_length_has_all_sums_in_a_bounded_number_of_parts() {
        for (span_s, length_s) in [
            (10, 1),
            (590, 1),
            (1000, 2),
            (86_400, 600),
            (1_i64 << 40, 86_400),
        ] {
            let mut timeline = Timeline::default();
            let begin: i64 = 1_764_540_000;
            for i in 0..1000 {
                let at = i128::from(begin + span_s * i / 1000) * NS;
                timeline.at(at).closed += 1;
                timeline.spread(1000, at, at + 3 * NS);
            }
            let parts: Vec<_> = timeline.parts().collect();
            assert!(parts.len() as i64 <= PARTS, "{}", parts.len());
            assert_eq!(timeline.length_s(), length_s, "{span_s}");
            let closed: u64 = parts.iter().map(|(_, p)| p.closed).sum();
            let bytes: f64 = parts.iter().map(|(_, p)| p.bytes).sum();
            assert_eq!((closed, bytes.round()), (1000, 1e6));
        }
    }

    #[test]
    fn timeline_bytes_are_in_the_seconds_in_which_they_moved() {
        let mut timeline = Timeline::default();
        timeline.spread(400, 10 * NS + NS / 2, 12 * NS + NS / 2);
        timeline.spread(7, 14 * NS, 14 * NS);
        let bytes: Vec<_> = timeline.parts().map(|(s, p)| (s, p.bytes)).collect();
        let expected = [(10, 100.0), (11, 200.0), (12, 100.0), (13, 0.0), (14, 7.0)];
        assert_eq!(bytes, expected);
    }

    #[test]
    fn timeline_open_sessions_stay_open_between_two_snapshots() {
        let mut timeline = Timeline::default();
        timeline.at(10 * NS).open = Some(4);
        timeline.at(13 * NS).open = Some(2);
        let open: Vec<_> = timeline.parts().map(|(_, p)| p.open).collect();
        assert_eq!(open, [Some(4), Some(4), Some(4), Some(2)]);
    }
}
