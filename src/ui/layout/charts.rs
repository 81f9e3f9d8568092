//! Charts as text: sparklines on one line, bar charts on several, and their axes.

use std::cmp::Ordering;
use std::ops::{AddAssign, Range, RangeInclusive};

use crate::model::aggregate::rate_history::RateHistory;
use crate::model::fields;
use crate::text::units::S;

/// Draws a rate history on one line, scaled to its greatest value.
pub fn sparkline(values: &[f32]) -> String {
    bars(values, 1).concat()
}

/// Draws a chart on several lines, from the top down, scaled to its greatest value.
pub fn bars(values: &[f32], lines: usize) -> Vec<String> {
    bars_up_to(greatest(values), values, lines)
}

/// Draws a chart whose top is `most`.
pub fn bars_up_to(most: f32, values: &[f32], lines: usize) -> Vec<String> {
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let eighths = |value: f32| match value.partial_cmp(&0.0) {
        // a value above 0 is always visible, however small
        Some(Ordering::Greater) => ((value / most * (lines * 8) as f32).round() as usize).max(1),
        _ => 0,
    };
    let line = |from: usize| {
        let bar = |value: &f32| BARS[eighths(*value).saturating_sub(from).min(8)];
        values.iter().map(bar).collect()
    };
    (0..lines).rev().map(|i| line(i * 8)).collect()
}

fn greatest(values: &[f32]) -> f32 {
    values.iter().copied().fold(0.0, f32::max)
}

/// The value axis of a chart: what is left of each of its lines, `width` cells wide. The top is `most`, the bottom 0.
pub fn value_axis(name: &str, most: &str, lines: usize, width: usize) -> Vec<String> {
    let room = width.saturating_sub(1);
    let line = |i| match i {
        0 => format!(
            "{name}{most:>0$}┤",
            room.saturating_sub(name.chars().count())
        ),
        _ if i + 1 == lines => format!("{:>room$}┤", 0),
        _ => format!("{:>room$}│", ""),
    };
    (0..lines).map(line).collect()
}

/// The time axis of a chart, in cells of whole seconds. Cells are aligned to the same seconds from frame to frame, so that
/// a chart moves as a whole and does not flicker.
#[derive(Clone, Copy, Debug)]
pub struct TimeAxis {
    /// The first second that the history has as a whole.
    since_s: u64,
    /// The oldest second that a cell may take into account.
    oldest_s: u64,
    /// The second in progress, which is not shown.
    now_s: u64,
    step_s: u64,
    cells: usize,
}

impl TimeAxis {
    /// An axis of so many cells that ends now, for a history that began at `since_ns`: as long as the history is, if that is
    /// within these seconds.
    pub fn new(since_ns: u64, now_ns: u64, cells: usize, length_s: RangeInclusive<u64>) -> Self {
        const STEPS: [u64; 11] = [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30];
        let (since_s, now_s) = (since_ns.div_ceil(S), now_ns / S);
        let longest_s = *length_s.end();
        let watched_s = now_s
            .saturating_sub(since_s)
            .clamp(*length_s.start(), longest_s);
        let length = |step: u64| cells as u64 * step;
        let mut fitting = STEPS
            .into_iter()
            .filter(|step| length(*step) <= longest_s + step);
        let enough = fitting.clone().find(|step| length(*step) >= watched_s);
        TimeAxis {
            since_s,
            oldest_s: since_s.max(now_s.saturating_sub(longest_s)),
            now_s,
            step_s: enough.or_else(|| fitting.next_back()).unwrap_or(1),
            cells,
        }
    }

    /// True if the history has a whole second.
    pub fn has_data(&self) -> bool {
        self.since_s < self.now_s
    }

    /// The seconds of each cell.
    fn seconds(&self) -> impl Iterator<Item = Range<u64>> {
        let newest = self.now_s.saturating_sub(1) / self.step_s;
        let seconds = move |ago: u64| match newest.checked_sub(ago) {
            Some(cell) => {
                let first = cell * self.step_s;
                first.max(self.oldest_s)..(first + self.step_s).min(self.now_s)
            }
            None => 0..0,
        };
        (0..self.cells as u64).rev().map(seconds)
    }

    /// The mean of each cell.
    pub fn values<const N: usize>(&self, history: &RateHistory<f32, N>) -> Vec<f32> {
        let mean = |seconds: Range<u64>| {
            let count = seconds.end.saturating_sub(seconds.start).max(1);
            let sum: f32 = seconds.map(|s| history.at(s)).sum();
            sum / count as f32
        };
        self.seconds().map(mean).collect()
    }

    /// The sum of each cell.
    pub fn sums<T, const N: usize>(&self, history: &RateHistory<T, N>) -> Vec<T>
    where
        T: Copy + Default + PartialEq + AddAssign,
    {
        let sum = |seconds: Range<u64>| {
            let mut sum = T::default();
            seconds.for_each(|s| sum += history.at(s));
            sum
        };
        self.seconds().map(sum).collect()
    }

    /// The greatest value of a single second, which the value axis reaches: where a cell has several seconds, its mean is
    /// less.
    pub fn greatest<const N: usize>(&self, history: &RateHistory<f32, N>) -> f32 {
        let newest = self.now_s.saturating_sub(1) / self.step_s;
        let first = (newest + 1).saturating_sub(self.cells as u64) * self.step_s;
        let seconds = first.max(self.oldest_s)..self.now_s;
        seconds.map(|s| history.at(s)).fold(0.0, f32::max)
    }

    /// The line below the chart, with times before `end`, which is now or another moment. It starts where the history does,
    /// and `beginning`, left of that, says what that was.
    pub fn line(&self, beginning: &str, end: &str) -> String {
        const TICKS_S: [u64; 4] = [10, 30, 60, 120];
        /// Minimum distance of two times, cells.
        const APART: u64 = 9;
        let newest = self.now_s.saturating_sub(1) / self.step_s;
        let watched = (newest + 1).saturating_sub(self.since_s / self.step_s);
        let first = self.cells.saturating_sub(watched as usize);
        let mut line: Vec<char> = (0..self.cells)
            .map(|i| if i < first { ' ' } else { '─' })
            .collect();
        // where something was put already, nothing else is
        let mut used = vec![false; self.cells];
        let mut put = |at: usize, text: &str| {
            let cells = at..at + text.chars().count();
            let around = cells.start.saturating_sub(1)..(cells.end + 1).min(self.cells);
            if cells.end <= self.cells && !used[around].contains(&true) {
                used[cells.clone()].fill(true);
                line[cells]
                    .iter_mut()
                    .zip(text.chars())
                    .for_each(|(cell, c)| *cell = c);
            }
        };
        put(self.cells.saturating_sub(end.chars().count()), end);
        if let Some(last) = first.checked_sub(1).filter(|_| first < self.cells) {
            let all = format!("{beginning} ├");
            let width = all.chars().count();
            match first.checked_sub(width) {
                Some(at) => put(at, &all),
                None => put(last, "├"),
            }
        }
        let far = |tick: &&u64| **tick / self.step_s >= APART;
        let tick_s = TICKS_S.iter().find(far).copied().unwrap_or(TICKS_S[3]);
        for ago_s in (1..).map(|n| n * tick_s) {
            let ago = (ago_s / self.step_s) as usize;
            let Some(at) = self.cells.checked_sub(ago) else {
                break;
            };
            put(at, &format!("-{}", fields::round_micros(ago_s * 1_000_000)));
        }
        line.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparkline_is_scaled_to_its_maximum() {
        assert_eq!(sparkline(&[0.0, 1.0, 4.0, 8.0]), " ▁▄█");
        assert_eq!(sparkline(&[1e9, 0.001, 0.0]), "█▁ ");
        assert_eq!(sparkline(&[0.0, 0.0]), "  ");
        assert_eq!(sparkline(&[]), "");
        assert_eq!(bars(&[0.0, 1.0, 8.0, 16.0], 2), ["   █", " ▁██"]);
    }

    #[test]
    fn value_axis_has_the_maximum_at_the_top_and_zero_at_the_bottom() {
        assert_eq!(value_axis("out", "1.5MB/s", 1, 13), ["out  1.5MB/s┤"]);
        let lines = value_axis("out", "1.5MB/s", 3, 13);
        assert_eq!(lines, ["out  1.5MB/s┤", "            │", "           0┤"]);
        assert!(value_axis("out", "1.5MB/s", 0, 13).is_empty());
    }

    #[test]
    fn time_axis_cells_a_second_later_cover_the_same_seconds() {
        let mut history = RateHistory::<f32, 301>::default();
        (300..320).for_each(|s| history.add(s, s as f32));
        let at = |now_s| TimeAxis::new(0, now_s * S + 7, 150, 0..=300);
        let (now, later) = (at(310).values(&history), at(311).values(&history));
        assert_eq!(now.len(), 150);
        assert_eq!(now[144..], [0.0, 300.5, 302.5, 304.5, 306.5, 308.5]);
        // the newest cell is not full yet
        assert_eq!(later[144..], [300.5, 302.5, 304.5, 306.5, 308.5, 310.0]);
    }

    #[test]
    fn time_axis_of_several_seconds_a_cell_reaches_the_greatest_second() {
        let mut history = RateHistory::<f32, 301>::default();
        (0..200).for_each(|s| history.add(s, 10.0));
        history.add(150, 70.0);
        let axis = TimeAxis::new(0, 200 * S, 50, 0..=240);
        let values = axis.values(&history);
        let most = axis.greatest(&history);
        assert_eq!((greatest(&values), most), (27.5, 80.0));
        assert_eq!(bars_up_to(most, &values, 1)[0].matches('▃').count(), 1);
        // as far as it is shown
        let later = TimeAxis::new(0, 199 * S, 10, 0..=40);
        assert_eq!(later.greatest(&history), 10.0);
    }

    #[test]
    fn time_axis_leaves_out_the_part_of_a_second_in_which_the_history_began() {
        let mut history = RateHistory::<f32, 301>::default();
        history.add(10, 27.0);
        history.add(11, 3000.0);
        let axis = |now_s| TimeAxis::new(10 * S + 990_000_000, now_s * S, 4, 0..=240);
        assert!(!axis(11).has_data());
        assert_eq!(axis(11).values(&history), [0.0; 4]);
        assert_eq!(axis(12).values(&history), [0.0, 0.0, 0.0, 3000.0]);
        assert_eq!(axis(12).greatest(&history), 3000.0);
    }

    #[test]
    fn time_axis_shows_times_and_where_the_history_begins() {
        let line = |since_s: u64, cells| {
            TimeAxis::new(since_s * S, 1000 * S, cells, 0..=300).line("opened", "now")
        };
        assert_eq!(
            line(0, 60),
            "-5m─────────-4m─────────-3m─────────-2m─────────-1m──────now"
        );
        let begun = line(970, 60);
        assert!(
            begun.ends_with("opened ├──────────-20s──────-10s───now"),
            "{begun}"
        );
        assert_eq!(line(0, 0), "");
        assert_eq!(line(999, 2), "├─");
    }

    #[test]
    fn time_axis_of_any_width_fits_it() {
        for cells in 0..400 {
            for since_s in [0, 700, 990, 1000] {
                let axis = TimeAxis::new(since_s * S, 1000 * S, cells, 0..=300);
                assert_eq!(axis.line("opened", "closed").chars().count(), cells);
                assert_eq!(
                    axis.values(&RateHistory::<f32, 301>::default()).len(),
                    cells
                );
            }
        }
    }
}
