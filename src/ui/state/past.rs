//! The past, as far as the black box reaches: its time bar, and the condition on which it freezes.

use std::ops::Range;

use rustc_hash::FxHashSet;

use crate::filter::{Filter, UidOf};
use crate::model::batch::Batch;
use crate::model::black_box::{BlackBox, Counts};
use crate::model::recording::TapeSpan;
use crate::model::session::Session;
use crate::text::units::S;

/// Time that the black box goes on after its condition was met, ns: what follows belongs to the picture.
const GOES_ON_NS: u64 = 120 * S;
/// Time without a snapshot from which it is a gap, ns.
const GAP_NS: u64 = 5 * S;

/// A cell of the time bar.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BarCell {
    /// Sessions that closed, per second.
    pub rate: f32,
    pub has_failures: bool,
    pub has_missed: bool,
    /// There was no snapshot for long.
    pub is_gap: bool,
}

/// Divides the time that can be looked back to into cells: what the black box has, and before that the times between the points of
/// recordings. Returns also the cell of the moment at `at_ns`.
pub fn time_bar(
    black_box: &BlackBox,
    before: &[TapeSpan],
    (from_ns, to_ns): (u64, u64),
    at_ns: u64,
    cells: usize,
) -> (Vec<BarCell>, usize) {
    if cells == 0 {
        return (Vec::new(), 0);
    }
    let length_ns = (to_ns - from_ns).max(1);
    let cell_of = |ns: u64| {
        let after = u128::from(ns.saturating_sub(from_ns)) * cells as u128;
        let cell = usize::try_from(after / u128::from(length_ns)).unwrap_or(cells);
        cell.min(cells - 1)
    };
    let mut counts = vec![Counts::default(); cells];
    let mut bar = vec![BarCell::default(); cells];
    for frame in black_box.frames().filter(|f| f.to_ns > from_ns) {
        let (first, last) = (cell_of(frame.from_ns), cell_of(frame.to_ns));
        counts[last] += frame.counts;
        if frame.to_ns - frame.from_ns.max(from_ns) > GAP_NS {
            // the cells in between have no moment
            for cell in bar.iter_mut().take(last).skip(first + 1) {
                cell.is_gap = true;
            }
        }
    }
    let seconds = length_ns as f32 / cells as f32 / 1e9;
    let kept_ns = black_box.reach().map_or(to_ns, |(first_ns, _)| first_ns);
    let cell_ns = length_ns as f64 / cells as f64;
    for span in before.iter().filter(|span| span.from_ns < kept_ns) {
        // within it, it is not known when
        let until_ns = span.to_ns.min(kept_ns);
        let per_ns = span.closed as f64 / span.to_ns.saturating_sub(span.from_ns).max(1) as f64;
        let [begin, end] = [span.from_ns, until_ns].map(|ns| ns.saturating_sub(from_ns) as f64);
        let (first, last) = (cell_of(span.from_ns), cell_of(until_ns));
        for (i, cell) in bar.iter_mut().enumerate().take(last + 1).skip(first) {
            let from = begin.max(i as f64 * cell_ns);
            let to = end.min((i + 1) as f64 * cell_ns);
            cell.has_failures |= span.failed > 0 && to > from;
            cell.has_missed |= span.missed > 0 && to > from;
            cell.rate += (per_ns * (to - from).max(0.0)) as f32 / seconds;
        }
    }
    for (cell, counts) in bar.iter_mut().zip(counts) {
        cell.rate += counts.closed as f32 / seconds;
        cell.has_failures |= counts.failed > 0;
        cell.has_missed |= counts.missed > 0;
    }
    (bar, cell_of(at_ns))
}

/// Condition on which the black box freezes.
#[derive(Clone, Debug, PartialEq)]
pub struct FreezeOn {
    pub filter: Filter,
    /// Sessions a second that must match: more than this.
    pub most: f64,
}

impl FreezeOn {
    /// Parses `EXPR [N/s]`.
    ///
    /// # Errors
    /// The position of the error, and what is wrong.
    pub fn parse(text: &str, users: UidOf) -> Result<Self, (Range<usize>, String)> {
        let trimmed = text.trim_end();
        let (expression, most) = match trimmed.rsplit_once(char::is_whitespace) {
            Some((before, rate)) if rate.ends_with("/s") => {
                let from = trimmed.len() - rate.len();
                let number = rate.trim_end_matches("/s").parse::<f64>();
                let number = number.ok().filter(|n| n.is_finite() && *n >= 0.0);
                let wrong = "must be a number of sessions a second like 50/s, 0 or more";
                let most = number.ok_or((from..trimmed.len(), wrong.to_owned()))?;
                (before, most)
            }
            _ => (trimmed, 0.0),
        };
        let filter = Filter::parse_with(expression, users).map_err(|e| {
            let text = e.forms().first().cloned();
            (e.span(), text.unwrap_or_else(|| e.to_string()))
        })?;
        if filter.is_everything() {
            let wrong = "must be a condition like `reason refused`, or `reason refused 50/s`";
            return Err((0..text.len(), wrong.into()));
        }
        Ok(FreezeOn { filter, most })
    }
}

impl std::fmt::Display for FreezeOn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let expression = self.filter.source().trim();
        match self.most > 0.0 {
            true => write!(f, "{expression} {}/s", self.most),
            false => f.write_str(expression),
        }
    }
}

/// Watches for the condition, and freezes the black box.
#[derive(Debug)]
pub struct Watch {
    pub on: FreezeOn,
    /// Cookies of open sessions that matched.
    counted: FxHashSet<u64>,
    /// Sessions that matched since the last snapshot, and its time.
    matched: u64,
    since_ns: u64,
    /// When it was met, ns of boot time.
    pub met_ns: Option<u64>,
}

/// Maximum number of open sessions that are known to have been counted.
const MOST_COUNTED: usize = 1 << 16;

impl Watch {
    pub fn new(on: FreezeOn) -> Self {
        Watch {
            on,
            counted: FxHashSet::default(),
            matched: 0,
            since_ns: 0,
            met_ns: None,
        }
    }

    /// Takes a batch. True if the black box is to freeze now.
    pub fn take(&mut self, batch: &Batch) -> bool {
        if let Some(met_ns) = self.met_ns {
            return batch.taken_ns.saturating_sub(met_ns) >= GOES_ON_NS;
        }
        let matches = |session: &&Session| self.on.filter.matches(session);
        for session in batch.closed.iter().filter(matches) {
            self.matched += u64::from(!self.counted.remove(&session.cookie));
        }
        let Some(open) = &batch.open else {
            return false;
        };
        for session in open.changed.iter().filter(matches) {
            if self.counted.len() < MOST_COUNTED {
                self.matched += u64::from(self.counted.insert(session.cookie));
            }
        }
        for cookie in &open.gone {
            self.counted.remove(cookie);
        }
        let seconds = batch.taken_ns.saturating_sub(self.since_ns) as f64 / 1e9;
        // what is open at the start has not happened now
        let is_first = self.since_ns == 0;
        if is_first || seconds >= 0.9 || self.on.most == 0.0 {
            let is_met = !is_first && self.matched as f64 > self.on.most * seconds;
            self.met_ns = is_met.then_some(batch.taken_ns);
            (self.matched, self.since_ns) = (0, batch.taken_ns);
        }
        false
    }

    /// When the black box freezes, ns of boot time, if the condition was met.
    pub fn freezes_at(&self) -> Option<u64> {
        Some(self.met_ns? + GOES_ON_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::session::{Reason, State};
    use crate::testing::sample::closed_session;

    #[test]
    fn freeze_on_has_a_filter_and_a_rate() {
        let parse =
            |text: &str| FreezeOn::parse(text, |_| None).map(|on| (on.to_string(), on.most));
        let ok = |text: &str, most| Ok((text.to_owned(), most));
        assert_eq!(parse("reason refused"), ok("reason refused", 0.0));
        assert_eq!(
            parse("reason refused 50/s "),
            ok("reason refused 50/s", 50.0)
        );
        assert_eq!(
            parse("reason refused and rport 80 0.5/s"),
            ok("reason refused and rport 80 0.5/s", 0.5)
        );
        let wrong = |text: &str| FreezeOn::parse(text, |_| None).expect_err(text).0;
        assert_eq!(wrong("reason refused x/s"), 15..18);
        assert_eq!(wrong("reason refused -1/s"), 15..19);
        assert_eq!(wrong("reason nonsense"), 7..15);
        assert_eq!(wrong(""), 0..0);
    }

    #[test]
    fn watch_freezes_two_minutes_after_its_condition_was_met() {
        let mut watch =
            Watch::new(FreezeOn::parse("reason refused 2/s", |_| None).expect("a condition"));
        let batch = |second: u64, refused: u64| Batch {
            open: Some(Default::default()),
            closed: (0..refused + 5)
                .map(|i| Session {
                    cookie: second * 100 + i,
                    state: State::Closed,
                    reason: match i < refused {
                        true => Reason::Refused,
                        false => Reason::LocalFin,
                    },
                    ..closed_session()
                })
                .collect(),
            taken_ns: second * S,
            ..Batch::default()
        };
        assert!(!watch.take(&batch(10, 9)), "the first snapshot");
        assert!(!watch.take(&batch(11, 2)));
        assert_eq!(watch.met_ns, None);
        assert!(!watch.take(&batch(12, 3)));
        assert_eq!(watch.met_ns, Some(12 * S));
        assert!(!watch.take(&batch(131, 0)));
        assert_eq!(watch.freezes_at(), Some(132 * S));
        assert!(watch.take(&batch(132, 0)));
    }

    #[test]
    fn watch_counts_an_open_session_once() {
        let mut watch = Watch::new(FreezeOn::parse("rport 80 1/s", |_| None).expect("a condition"));
        let session = Session {
            rport: 80,
            state: State::Established,
            ..closed_session()
        };
        let batch = |second: u64, open: bool| Batch {
            open: Some(crate::model::batch::OpenSnapshot {
                changed: Vec::from_iter(open.then(|| session.clone())),
                ..Default::default()
            }),
            closed: Vec::from_iter((!open).then(|| Session {
                state: State::Closed,
                ..session.clone()
            })),
            taken_ns: second * S,
            ..Batch::default()
        };
        for second in 1..9 {
            watch.take(&batch(second, second < 8));
            assert_eq!(watch.met_ns, None, "{second}");
        }
    }
}
