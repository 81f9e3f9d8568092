//! The charts of a time line: figures per second, their scales, and the axis of time.

use jiff::Timestamp;

use crate::model::fields;
use crate::model::timeline::{Part, Timeline};
use crate::output::report::compose::Times;
use crate::output::report::document::{TimeChart, TimeCharts, Words};

/// Maximum number of marks on the axis of time.
const MARKS: i64 = 8;
/// Distances between marks, s.
const DISTANCES: [i64; 20] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400,
    604_800, 2_592_000,
];

/// A figure of a time line.
struct Figure {
    title: &'static str,
    /// Value of a part of that length, s.
    get: fn(&Part, f64) -> f64,
    text: fn(f64) -> String,
    is_bad: bool,
    /// Left out if it is 0 all the time.
    is_optional: bool,
}

static FIGURES: [Figure; 5] = [
    Figure {
        title: "Closed sessions per second",
        get: |part, s| part.closed as f64 / s,
        text: per_second,
        is_bad: false,
        is_optional: false,
    },
    Figure {
        title: "Failures per second",
        get: |part, s| part.failed as f64 / s,
        text: per_second,
        is_bad: true,
        is_optional: false,
    },
    Figure {
        title: "Bytes per second",
        get: |part, s| part.bytes / s,
        text: |n| fields::byte_rate(n.round() as u64),
        is_bad: false,
        is_optional: false,
    },
    Figure {
        title: "Open sessions",
        get: |part, _| part.open.unwrap_or(0) as f64,
        text: |n| fields::grouped(n.round() as usize),
        is_bad: false,
        is_optional: true,
    },
    Figure {
        title: "Missed sessions per second",
        get: |part, s| part.missed as f64 / s,
        text: per_second,
        is_bad: true,
        is_optional: true,
    },
];

fn per_second(n: f64) -> String {
    match n {
        0.0 => "0/s".into(),
        ..0.095 => format!("{n:.2}/s"),
        ..9.95 => format!("{n:.1}/s"),
        _ => format!("{}/s", fields::grouped(n.round() as usize)),
    }
}

/// Draws up the charts.
pub(super) fn time_charts(timeline: &Timeline, times: &Times<'_>) -> TimeCharts {
    let parts: Vec<(i64, Part)> = timeline.parts().collect();
    let length_s = timeline.length_s();
    let begin = parts.first().map_or(0, |(at, _)| *at);
    let time = |second: i64| Timestamp::from_second(second).unwrap_or_default();
    let chart = |figure: &Figure| {
        let value = |part: &Part| (figure.get)(part, length_s as f64);
        let values: Vec<f64> = parts.iter().map(|(_, part)| value(part)).collect();
        let mut peak = (0.0, begin);
        for ((at, _), value) in parts.iter().zip(&values) {
            if *value > peak.0 {
                peak = (*value, *at);
            }
        }
        let (value, at) = peak;
        if value == 0.0 && figure.is_optional {
            return None;
        }
        let top = round_up(value);
        let peak = match value {
            0.0 => "none".to_owned(),
            _ => format!(
                "at most {} at {}",
                (figure.text)(value),
                times.short(time(at))
            ),
        };
        Some(TimeChart {
            title: figure.title,
            peak: peak.into(),
            top,
            top_text: (figure.text)(top).into(),
            values,
            is_bad: figure.is_bad,
        })
    };
    let span_s = length_s * parts.len().max(1) as i64;
    let apart_s = DISTANCES.iter().find(|d| span_s / **d <= MARKS);
    let apart_s = apart_s.copied().unwrap_or(span_s);
    // round times of day in the zone
    let offset_s = times.offset_s(time(begin));
    let first = (begin + offset_s).div_euclid(apart_s) * apart_s - offset_s;
    let marks = (0..=MARKS + 1).map(|i| first + i * apart_s);
    let marks = marks.filter(|at| (begin..begin + span_s).contains(at));
    TimeCharts {
        ticks: marks
            .map(|at| {
                let part = (at - begin) as f64 / span_s as f64;
                (part, Words::from(times.mark(time(at), apart_s)))
            })
            .collect(),
        charts: FIGURES.iter().filter_map(chart).collect(),
    }
}

/// Rounds up to 1, 2 or 5 times a power of 10.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    let fits = |step: &f64| *step >= value * 0.999_999;
    steps.into_iter().find(fits).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_of_a_chart_is_round_and_not_below_its_values() {
        for (value, top) in [
            (0.0, 1.0),
            (1.0, 1.0),
            (3.2, 5.0),
            (70.0, 100.0),
            (0.03, 0.05),
            (1e6, 1e6),
        ] {
            assert!(
                (round_up(value) - top).abs() < 1e-9,
                "{value}: {}",
                round_up(value)
            );
        }
    }
}
