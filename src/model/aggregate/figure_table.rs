//! The figures of top talkers: each row of [`FIGURES`] is a column of the panes, a sort key and its explanation.

use crate::model::aggregate::rate_history::HISTORY_S;
use crate::model::aggregate::{Aggregate, Aggregates, GroupBy};
use crate::model::fields;

/// Figure of an aggregate: one row of [`FIGURES`].
#[derive(Debug)]
pub struct AggregateFigure {
    pub title: &'static str,
    /// Explanation in one line.
    pub help: &'static str,
    /// Width in cells.
    pub width: u16,
    /// Order in which columns disappear when the pane is narrow: the highest number goes first; 0 always stays.
    pub drop: u8,
    /// True if it is drawn as a sparkline over time.
    pub is_history: bool,
    /// Number of the last seconds that it covers; 0: it is of one snapshot, or of the whole run.
    pub seconds: u64,
    /// Title of the figure that it is always shown with.
    pub beside: Option<&'static str>,
    pub get: fn(&Aggregates, GroupBy, &Aggregate) -> f64,
    /// Formats the value.
    pub text: fn(f64) -> String,
}

/// All figures, from left to right.
pub static FIGURES: &[AggregateFigure] = &[
    AggregateFigure {
        title: "OPEN",
        help: "open sessions",
        width: 5,
        drop: 1,
        is_history: false,
        seconds: 0,
        beside: None,
        get: |_, _, t| t.open as f64,
        text: count,
    },
    AggregateFigure {
        title: "NEW/s",
        help: "new sessions per second",
        width: 5,
        drop: 4,
        is_history: false,
        seconds: 0,
        beside: None,
        get: |talkers, _, t| talkers.new_rate(t),
        text: |n| match n {
            ..=0.0 => "-".into(),
            ..10.0 => format!("{n:.1}"),
            _ => count(n),
        },
    },
    AggregateFigure {
        title: "B/s",
        help: "bytes per second, both directions, over the last interval",
        width: 6,
        drop: 0,
        is_history: false,
        seconds: 0,
        beside: None,
        get: |talkers, _, t| talkers.byte_rate(t),
        text: rate,
    },
    AggregateFigure {
        title: "10s",
        help: "the same, over the last 10 seconds",
        width: 6,
        drop: 3,
        is_history: false,
        seconds: 10,
        beside: None,
        get: |talkers, _, t| talkers.mean_rate(t, 10),
        text: rate,
    },
    AggregateFigure {
        title: "60s",
        help: "the same, over the last minute, or since the start if that is less",
        width: 6,
        drop: 3,
        is_history: false,
        seconds: 60,
        beside: None,
        get: |talkers, _, t| talkers.mean_rate(t, 60),
        text: rate,
    },
    AggregateFigure {
        title: "MINUTE",
        help: "bytes over the last minute; each entry has its own scale; `~`, as before 10s and 60s: some of its seconds are before the last change of the filter, and a session's bytes are spread evenly over the time in which they were counted",
        width: 7,
        drop: 2,
        is_history: true,
        seconds: HISTORY_S as u64,
        beside: None,
        get: |talkers, _, t| talkers.history(t).iter().map(|b| f64::from(*b)).sum(),
        text: count,
    },
    AggregateFigure {
        title: "SESSIONS",
        help: "sessions since tcplife started",
        width: 8,
        drop: 8,
        is_history: false,
        seconds: 0,
        beside: None,
        get: |_, _, t| t.sessions as f64,
        text: count,
    },
    AggregateFigure {
        title: "BYTES",
        help: "bytes in total, both directions, since tcplife started (TX and RX of a session: in its life)",
        width: 6,
        drop: 5,
        is_history: false,
        seconds: 0,
        beside: None,
        get: |_, _, t| t.bytes as f64,
        text: count,
    },
    AggregateFigure {
        title: "TX",
        help: "bytes sent since tcplife started, as the end sees it that is listed; of a connection that counts once, as the end that connected sees it",
        width: 6,
        drop: 7,
        is_history: false,
        seconds: 0,
        beside: Some("RX"),
        get: |_, _, t| t.sent as f64,
        text: count,
    },
    AggregateFigure {
        title: "RX",
        help: "bytes received, likewise",
        width: 6,
        drop: 7,
        is_history: false,
        seconds: 0,
        beside: Some("TX"),
        get: |_, _, t| t.bytes.saturating_sub(t.sent) as f64,
        text: count,
    },
    AggregateFigure {
        title: "%BYTES",
        help: "share of BYTES: of the bytes of all entries together, since tcplife started",
        width: 6,
        drop: 9,
        is_history: false,
        seconds: 0,
        beside: None,
        get: Aggregates::share,
        text: |n| match n * 100.0 {
            0.0 => "-".into(),
            ..1.0 => "<1%".into(),
            percent => format!("{percent:.0}%"),
        },
    },
    AggregateFigure {
        title: "RESP",
        help: "mean response time of servers that we have connected to, over all of their answers since tcplife started",
        width: 6,
        drop: 6,
        is_history: false,
        seconds: 0,
        beside: None,
        get: |_, _, t| t.responses[0].mean_us(),
        text: time,
    },
    AggregateFigure {
        title: "OURRESP",
        help: "mean response time of our servers, over all of their answers since tcplife started",
        width: 7,
        drop: 10,
        is_history: false,
        seconds: 0,
        beside: None,
        get: |_, _, t| t.responses[1].mean_us(),
        text: time,
    },
];

/// Formats a number in at most six characters.
fn count(n: f64) -> String {
    fields::bytes(n.round() as u64)
}

/// Formats bytes per second.
fn rate(n: f64) -> String {
    if n < 1.0 { "-".into() } else { count(n) }
}

/// Formats a time in µs.
fn time(us: f64) -> String {
    match us {
        ..=0.0 => "-".into(),
        _ => fields::micros(us.ceil() as u64),
    }
}

/// Index of the figure to sort by at first.
pub fn default_sort() -> usize {
    FIGURES.iter().position(|f| f.drop == 0).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_fit_their_columns_and_have_help() {
        for figure in FIGURES {
            assert!(figure.title.len() <= figure.width.into(), "{figure:?}");
            assert!(!figure.help.is_empty() && !figure.help.ends_with('.'));
            for value in [0.0, 0.004, 0.5, 9.96, 999.5, 1e6, 1e18] {
                let value = if figure.title == "%BYTES" {
                    f64::min(value, 1.0)
                } else {
                    value
                };
                // more new sessions per second than any host can have
                if figure.title == "NEW/s" && value > 1e6 {
                    continue;
                }
                // longer than any session
                if figure.title.ends_with("RESP") && value > 1e12 {
                    continue;
                }
                let text = (figure.text)(value);
                assert!(
                    text.chars().count() <= usize::from(figure.width.max(6)),
                    "{}: {text}",
                    figure.title
                );
            }
        }
    }
}
