//! The last minutes of one session: bytes per second in both directions, and its round-trip time.

use crate::model::aggregate::rate_history::RateHistory;
use crate::model::session::Session;

/// Seconds of history that a chart can show.
pub const CHART_S: usize = 300;
/// One second, ns.
const S: u64 = 1_000_000_000;

/// Amounts of the seconds that a chart can show, and of the one in progress.
pub type ChartHistory = RateHistory<f32, { CHART_S + 1 }>;

/// One direction of a session.
#[derive(Debug)]
pub struct RateCourse {
    pub history: ChartHistory,
    /// The greatest amount of a whole second since the history began; `None` until it has one.
    pub max: Option<f32>,
}

#[derive(Debug)]
pub struct SessionHistory {
    /// Its beginning, ns.
    pub since_ns: u64,
    /// Time of the last reading, ns.
    pub now_ns: u64,
    bytes: [u64; 2],
    pub tx: RateCourse,
    pub rx: RateCourse,
    /// Mean round-trip time of each second, ns.
    pub rtt: ChartHistory,
}

impl SessionHistory {
    pub fn new(session: &Session) -> Self {
        let course = || RateCourse {
            history: ChartHistory::default(),
            max: None,
        };
        SessionHistory {
            since_ns: session.end_ns,
            now_ns: session.end_ns,
            bytes: [session.tx_bytes, session.rx_bytes],
            tx: course(),
            rx: course(),
            rtt: ChartHistory::default(),
        }
    }

    /// Takes the next reading of the session.
    pub fn take(&mut self, session: &Session) {
        let (from_ns, to_ns) = (self.now_ns, session.end_ns);
        if to_ns <= from_ns {
            return;
        }
        let bytes = [session.tx_bytes, session.rx_bytes];
        for (course, (now, before)) in [&mut self.tx, &mut self.rx]
            .into_iter()
            .zip(bytes.into_iter().zip(self.bytes))
        {
            let moved = now.saturating_sub(before);
            course.history.spread(moved, from_ns, to_ns);
            // neither the second in progress nor that in which the history began is whole
            let since = self.since_ns.div_ceil(S);
            let first = (from_ns / S).max(since);
            let first = first.max((to_ns / S).saturating_sub(CHART_S as u64));
            let rates = (first..to_ns / S).map(|s| course.history.at(s));
            course.max = rates.chain(course.max).reduce(f32::max);
        }
        // spread like an amount of so much per second, the amount of a second is its mean
        let rtt = u128::from(session.srtt_us) * u128::from(to_ns - from_ns) / 1_000_000;
        let rtt = u64::try_from(rtt).unwrap_or(u64::MAX);
        self.rtt.spread(rtt, from_ns, to_ns);
        (self.now_ns, self.bytes) = (to_ns, bytes);
    }

    /// The mean rate of the last seconds, bytes per second; `None` if the history is shorter.
    pub fn mean(&self, course: &RateCourse, seconds: u64) -> Option<f32> {
        let end_s = self.now_ns / S;
        let first_s = end_s.checked_sub(seconds)?;
        let sum: f32 = (first_s..end_s).map(|s| course.history.at(s)).sum();
        (first_s >= self.since_ns.div_ceil(S)).then(|| sum / seconds as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::closed_session as sample;

    fn at(ms: u64, tx_bytes: u64, srtt_us: u32) -> Session {
        Session {
            end_ns: ms * 1_000_000,
            tx_bytes,
            srtt_us,
            tx_rate: 3.0,
            ..sample()
        }
    }

    #[test]
    fn session_history_has_no_maximum_before_a_whole_second() {
        let mut history = SessionHistory::new(&at(5900, 1000, 17));
        assert_eq!(history.tx.max, None);
        history.take(&at(6900, 91_000, 17));
        assert_eq!(history.tx.max, None, "9000 bytes of a tenth of a second");
        history.take(&at(7900, 91_000, 17));
        assert_eq!(history.tx.max, Some(81_000.0));
    }

    #[test]
    fn session_history_has_means_of_what_it_watched_and_no_others() {
        let mut history = SessionHistory::new(&at(5500, 1000, 100));
        assert_eq!(history.mean(&history.tx, 2), None);
        history.take(&at(6000, 2000, 100));
        history.take(&at(7000, 4000, 100));
        assert_eq!(
            history.mean(&history.tx, 2),
            None,
            "the first second is not whole"
        );
        history.take(&at(8000, 4600, 300));
        assert_eq!(history.mean(&history.tx, 2), Some(1300.0));
        assert_eq!(history.tx.max, Some(2000.0));
        assert_eq!(history.rx.max, Some(0.0));
        assert_eq!(
            (history.rtt.at(6), history.rtt.at(7)),
            (100_000.0, 300_000.0)
        );
        // an old reading, as of a session that closed before the last snapshot
        history.take(&at(7900, 5000, 300));
        assert_eq!(history.now_ns, 8000 * 1_000_000);
    }
}
