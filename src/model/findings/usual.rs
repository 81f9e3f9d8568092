//! Response times that are usual, and how far the recent ones are from them.
//!
//! All means are geometric: a few slow answers among many fast ones are usual, and do not make a mean slow.

use crate::model::aggregate::bounded_map::Sums;

/// Seconds that are recent.
const RECENT_S: usize = 5;
/// Seconds with answers from which on the usual time is known.
const KNOWN_S: u32 = 8;
/// Answers from which on the usual time is known.
const KNOWN: u32 = 20;
/// Answers below which the recent time is chance.
const LEAST: u32 = 3;
/// Seconds in which answers count that are slow whatever is usual, and their minimum number.
pub(super) const ALWAYS_S: u64 = 30;
const ALWAYS: u32 = 5;
/// Maximum standard deviation of the logarithms of their times: waits for events differ by more.
const SCATTER: f64 = 1.0;
/// Seconds over which the usual time adapts, and while the recent one is far from it.
const ADAPT_S: f64 = 60.0;
const ADAPT_FAR_S: f64 = 1200.0;

/// Answers of one second.
#[derive(Clone, Copy, Debug, Default)]
struct Answers {
    s: u64,
    count: u32,
    /// Sum of the logarithms of their times.
    logs: f64,
    /// Without those to clients that poll: their number, and the sums of the logarithms and of their squares.
    asked: u32,
    asked_logs: f64,
    asked_squares: f64,
}

/// Response times of one subject.
#[derive(Clone, Debug, Default)]
pub(super) struct Responses {
    /// The newest seconds with answers, the newest last.
    recent: [Answers; RECENT_S],
    /// Mean of the logarithms.
    usual: f64,
    seconds: u32,
    count: u32,
    /// The last second that it has learned from.
    learned_s: u64,
}

impl Responses {
    /// Takes a response time of a second; `is_poll`: the client waits for an event.
    pub(super) fn add(&mut self, s: u64, us: u64, is_poll: bool) {
        let newest = self.recent[RECENT_S - 1].s;
        if s > newest {
            self.recent.rotate_left(1);
            self.recent[RECENT_S - 1] = Answers {
                s,
                ..Answers::default()
            };
        }
        // one that comes late counts as if it were new
        let newest = &mut self.recent[RECENT_S - 1];
        let log = (us.max(1) as f64).ln();
        newest.count += 1;
        newest.logs += log;
        if !is_poll {
            newest.asked += 1;
            newest.asked_logs += log;
            newest.asked_squares += log * log;
        }
    }

    /// Recent answers to clients that do not wait for an event, and their mean time, µs, if there are enough.
    pub(super) fn recent_mean(&self, now_s: u64) -> Option<(u32, f64)> {
        let recent = self.recent.iter().filter(|a| a.s + ALWAYS_S > now_s);
        let sum = recent.fold((0, 0.0, 0.0), |(n, logs, squares), a| {
            (n + a.asked, logs + a.asked_logs, squares + a.asked_squares)
        });
        let (count, logs, squares) = sum;
        let mean = logs / f64::from(count.max(1));
        let variance = squares / f64::from(count.max(1)) - mean * mean;
        (count >= ALWAYS && variance <= SCATTER * SCATTER).then(|| (count, mean.exp()))
    }

    /// Recent answers, their mean time and the usual one, µs, if both are known.
    pub(super) fn compare(&self, now_s: u64) -> Option<(u32, f64, f64)> {
        let is_recent = |a: &&Answers| a.s + RECENT_S as u64 > now_s;
        let recent = self.recent.iter().filter(is_recent);
        let (count, logs) = recent.fold((0, 0.0), |(n, sum), a| (n + a.count, sum + a.logs));
        let is_known = self.seconds >= KNOWN_S && self.count >= KNOWN;
        let mean = (logs / f64::from(count.max(1))).exp();
        (is_known && count >= LEAST).then(|| (count, mean, self.usual.exp()))
    }

    /// True if there are answers of complete seconds to learn from.
    pub(super) fn is_to_learn(&self, now_s: u64) -> bool {
        self.recent.iter().any(|a| self.is_new(a, now_s))
    }

    fn is_new(&self, answers: &Answers, now_s: u64) -> bool {
        answers.count > 0 && (self.learned_s + 1..now_s).contains(&answers.s)
    }

    /// Learns from each complete second, once.
    pub(super) fn settle(&mut self, now_s: u64, is_far: bool) {
        for answers in self.recent {
            if self.is_new(&answers, now_s) {
                self.learned_s = answers.s;
                self.learn(answers, is_far);
            }
        }
    }

    fn learn(&mut self, answers: Answers, is_far: bool) {
        let mean = answers.logs / f64::from(answers.count);
        self.seconds += 1;
        self.count = self.count.saturating_add(answers.count);
        let weight = match is_far {
            true => 1.0 / ADAPT_FAR_S,
            false => (1.0 / f64::from(self.seconds)).max(1.0 / ADAPT_S),
        };
        self.usual += (mean - self.usual) * weight;
    }

    /// Second of the newest answer.
    pub(super) fn newest_s(&self) -> u64 {
        self.recent[RECENT_S - 1].s
    }
}

impl Sums for Responses {
    fn weight(&self) -> (bool, u64) {
        (self.seconds >= KNOWN_S, self.newest_s())
    }

    fn add(&mut self, _: &Self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_compared_once_the_usual_time_is_known() {
        let mut responses = Responses::default();
        for s in 100..120 {
            responses.settle(s, false);
            (0..5).for_each(|_| responses.add(s, 1000, false));
            // one in ten is slow
            if s % 2 == 0 {
                responses.add(s, 500_000, false);
            }
            let known = responses.compare(s).is_some();
            assert_eq!(known, s >= 108, "{s}");
        }
        let (_, recent, usual) = responses.compare(119).expect("it is known");
        assert!(
            (1000.0..2500.0).contains(&usual) && recent < usual * 2.0,
            "{usual}"
        );
        for s in 120..130 {
            responses.settle(s, s > 121);
            (0..5).for_each(|_| responses.add(s, 300_000, false));
        }
        let (_, recent, usual) = responses.compare(129).expect("it is known");
        assert!(recent > usual * 20.0, "{recent} {usual}");
    }

    #[test]
    fn seconds_are_learned_once_however_often_a_snapshot_comes() {
        let (mut often, mut seldom) = (Responses::default(), Responses::default());
        for s in 100..108 {
            (0..5).for_each(|_| often.add(s, 1000, false));
            (0..10).for_each(|_| often.settle(s + 1, false));
        }
        assert_eq!((often.seconds, often.count), (8, 40));
        for s in (100..116).step_by(2) {
            (0..5).for_each(|_| seldom.add(s, 1000, false));
            seldom.settle(s + 2, false);
        }
        assert_eq!((seldom.seconds, seldom.count), (8, 40));
    }
}
