//! Differences from a baseline that are worth reporting: figures that got worse, what is gone, what is new.

use crate::model::aggregate::GroupKey;
use crate::model::baseline::stats::{BaselineEntry, ENOUGH, SIGNIFICANT_SIGMAS, SideSums};
use crate::model::fields;

/// Minimum number of sessions on each side for comparing losses.
const ENOUGH_FOR_LOSS: u64 = 20;
/// Minimum number of failures.
const FAILURES: u64 = 5;
/// Minimum number of sessions with losses: a single one of few is already a large share.
const LOSSY: u64 = 3;
/// Minimum increase, as a factor.
const MORE: f64 = 2.0;
/// Minimum traffic, bytes per second.
const HEAVY: f64 = 10_000.0;
/// Minimum time watched on each side for comparing rates, s.
const LONG: f64 = 5.0;

/// Figure that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BaselineFigure {
    /// Failures per second.
    Failed,
    /// Share of sessions with retransmits.
    Lossy,
    /// Connect latency.
    Connect,
    /// Smoothed round-trip time.
    Rtt,
    /// Duration of closed sessions.
    Duration,
    /// Sessions opened per second.
    New,
    /// Bytes per second, both directions.
    Bytes,
}

impl BaselineFigure {
    /// All variants, the worst first.
    pub const ALL: [BaselineFigure; 7] = [
        BaselineFigure::Failed,
        BaselineFigure::Lossy,
        BaselineFigure::Connect,
        BaselineFigure::Rtt,
        BaselineFigure::Duration,
        BaselineFigure::New,
        BaselineFigure::Bytes,
    ];

    pub fn title(self) -> &'static str {
        match self {
            BaselineFigure::Failed => "FAILED/s",
            BaselineFigure::Lossy => "LOSSY",
            BaselineFigure::Connect => "CONNECT",
            BaselineFigure::Rtt => "RTT",
            BaselineFigure::Duration => "DURATION",
            BaselineFigure::New => "NEW/s",
            BaselineFigure::Bytes => "B/s",
        }
    }

    /// Formats a value in at most seven characters.
    pub fn text(self, value: Option<f64>) -> String {
        match (self, value) {
            (_, None) => "-".into(),
            (BaselineFigure::Failed | BaselineFigure::New, Some(n)) => match n {
                ..=0.0 => "0".into(),
                ..0.095 => format!("{n:.2}"),
                ..9.95 => format!("{n:.1}"),
                _ => fields::bytes(n.round() as u64),
            },
            (BaselineFigure::Lossy, Some(part)) => format!("{:.0}%", part * 100.0),
            (BaselineFigure::Bytes, Some(n)) => fields::bytes(n.round() as u64),
            (_, Some(us)) => fields::micros(us.round() as u64),
        }
    }
}

/// Kind of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DifferenceKind {
    /// A figure is worse than before.
    Worse(BaselineFigure),
    /// The key has no open sessions left, and opens none.
    Gone,
    /// It was not there before.
    New,
}

/// One difference from the baseline.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// Key that differs.
    pub key: GroupKey,
    pub finding: DifferenceKind,
    /// The figure before the baseline. For [`DifferenceKind::Gone`]: the number of sessions that the key had open, or
    /// how many it opened per second.
    pub before: Option<f64>,
    /// The figure since the baseline. For [`DifferenceKind::New`]: the number of its sessions. `None` if the key had
    /// sessions open and is gone.
    pub since: Option<f64>,
    /// For [`DifferenceKind::New`]: bytes since the baseline.
    pub bytes: u64,
}

impl Difference {
    /// Returns the increase as a factor.
    pub fn ratio(&self) -> f64 {
        match (self.before, self.since) {
            (Some(before), Some(since)) if before > 0.0 => since / before,
            (_, since) => since.map_or(1.0, |_| f64::INFINITY),
        }
    }
}

/// Time watched on both sides of the baseline, s.
#[derive(Clone, Copy, Debug)]
pub struct WatchedTime {
    pub before_s: f64,
    pub since_s: f64,
}

/// Returns a figure before the baseline and since. `bytes` is the total moved by now.
pub fn figure(
    figure: BaselineFigure,
    compared: &BaselineEntry,
    since: &SideSums,
    bytes: u64,
    watched: WatchedTime,
) -> (Option<f64>, Option<f64>) {
    let before = &compared.before;
    let (then_s, now_s) = (watched.before_s, watched.since_s);
    let rate = |n: u64, s: f64| (s > 0.0).then(|| n as f64 / s);
    let part = |side: &SideSums| (side.seen > 0).then(|| side.lossy as f64 / side.seen as f64);
    match figure {
        BaselineFigure::Failed => (rate(before.failed, then_s), rate(since.failed, now_s)),
        BaselineFigure::New => (rate(before.opened, then_s), rate(since.opened, now_s)),
        BaselineFigure::Lossy => (part(before), part(since)),
        BaselineFigure::Connect => (before.connect.typical(), since.connect.typical()),
        BaselineFigure::Rtt => (before.rtt.typical(), since.rtt.typical()),
        BaselineFigure::Duration => (before.duration.typical(), since.duration.typical()),
        BaselineFigure::Bytes => {
            let moved = bytes.saturating_sub(compared.bytes);
            (Some(compared.byte_rate), rate(moved, now_s))
        }
    }
}

/// Appends the significant differences of one key to `found`.
pub fn compare(
    key: GroupKey,
    compared: &BaselineEntry,
    since: &SideSums,
    has_open: bool,
    bytes: u64,
    watched: WatchedTime,
    found: &mut Vec<Difference>,
) {
    let (then_s, now_s) = (watched.before_s, watched.since_s);
    let mut find = |finding, before, since| {
        found.push(Difference {
            key,
            finding,
            before,
            since,
            bytes: bytes.saturating_sub(compared.bytes),
        });
    };
    if !compared.known {
        if since.seen > 0 {
            find(DifferenceKind::New, None, Some(since.seen as f64));
        }
        if since.failed >= FAILURES {
            let (before, since) =
                self::figure(BaselineFigure::Failed, compared, since, bytes, watched);
            find(DifferenceKind::Worse(BaselineFigure::Failed), before, since);
        }
        return;
    }
    let expected = compared.before.opened as f64 / then_s.max(1.0) * now_s;
    let was_there = compared.long_open > 0 || expected >= FAILURES as f64;
    if was_there && !has_open && since.opened == 0 {
        match compared.long_open {
            0 => {
                let (before, since) =
                    self::figure(BaselineFigure::New, compared, since, bytes, watched);
                find(DifferenceKind::Gone, before, since);
            }
            long_open => find(DifferenceKind::Gone, Some(long_open as f64), None),
        }
    }
    for figure in BaselineFigure::ALL {
        let (before, now) = self::figure(figure, compared, since, bytes, watched);
        let (Some(then), Some(now)) = (before, now) else {
            continue;
        };
        let more = now > 0.0 && now >= then * MORE;
        let (old, new) = (&compared.before, since);
        let is_worse = match figure {
            // the variance of a random (Poisson) count is its mean
            BaselineFigure::Failed => {
                let error = old.failed as f64 / then_s.powi(2) + new.failed as f64 / now_s.powi(2);
                more && new.failed >= FAILURES && now - then >= 2.0 * error.sqrt()
            }
            BaselineFigure::New => {
                let error = old.opened as f64 / then_s.powi(2) + new.opened as f64 / now_s.powi(2);
                let long = then_s >= LONG && now_s >= LONG;
                more && long
                    && new.opened >= ENOUGH
                    && now - then >= SIGNIFICANT_SIGMAS * error.sqrt()
            }
            BaselineFigure::Bytes => more && now >= HEAVY && then_s >= LONG && now_s >= LONG,
            BaselineFigure::Lossy => {
                let both = (old.lossy + new.lossy) as f64 / (old.seen + new.seen).max(1) as f64;
                let counts = 1.0 / old.seen.max(1) as f64 + 1.0 / new.seen.max(1) as f64;
                let error = (both * (1.0 - both) * counts).sqrt();
                let enough = old.seen.min(new.seen) >= ENOUGH_FOR_LOSS && new.lossy >= LOSSY;
                more && enough && now - then >= SIGNIFICANT_SIGMAS * error
            }
            BaselineFigure::Connect => new.connect.are_longer_than(&old.connect),
            BaselineFigure::Rtt => new.rtt.are_longer_than(&old.rtt),
            BaselineFigure::Duration => new.duration.are_longer_than(&old.duration),
        };
        if is_worse {
            find(DifferenceKind::Worse(figure), before, Some(now));
        }
    }
}
