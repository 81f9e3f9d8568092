//! The last minutes of one session: bytes per second in both directions, its round-trip time, its congestion window, and
//! signs of what makes it slow.

use crate::model::aggregate::rate_history::RateHistory;
use crate::model::session::{Session, ZeroWindow};
use crate::model::slow_signs::SlowSigns;
use crate::text::units::S;

/// Seconds of history that a chart can show.
pub const CHART_S: usize = 300;

/// Seconds that a verdict looks back at.
const LATELY_S: u64 = 60;

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
    /// The last reading.
    last: Session,
    pub tx: RateCourse,
    pub rx: RateCourse,
    /// Mean round-trip time of each second, ns.
    pub rtt: ChartHistory,
    /// Mean congestion window of each second, segments.
    pub cwnd: ChartHistory,
    /// Signs of each second.
    pub signs: RateHistory<SlowSigns, { CHART_S + 1 }>,
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
            last: session.clone(),
            tx: course(),
            rx: course(),
            rtt: ChartHistory::default(),
            cwnd: ChartHistory::default(),
            signs: RateHistory::default(),
        }
    }

    /// Takes the next reading of the session.
    pub fn take(&mut self, session: &Session) {
        let (from_ns, to_ns) = (self.now_ns, session.end_ns);
        if to_ns <= from_ns {
            return;
        }
        let bytes: [fn(&Session) -> u64; 2] = [|s| s.tx_bytes, |s| s.rx_bytes];
        for (course, bytes) in [&mut self.tx, &mut self.rx].into_iter().zip(bytes) {
            let (now, before) = (bytes(session), bytes(&self.last));
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
        let mean = |value: u32, per: u128| {
            let amount = u128::from(value) * u128::from(to_ns - from_ns) / per;
            u64::try_from(amount).unwrap_or(u64::MAX)
        };
        self.rtt
            .spread(mean(session.srtt_us, 1_000_000), from_ns, to_ns);
        // in thousandths, as a mean may be a fraction
        self.cwnd
            .spread(mean(session.cwnd, 1_000_000), from_ns, to_ns);
        self.take_signs(session, from_ns, to_ns);
        self.now_ns = to_ns;
        self.last.clone_from(session);
    }

    fn take_signs(&mut self, session: &Session, from_ns: u64, to_ns: u64) {
        let retransmits = SlowSigns::between(&self.last, session);
        if retransmits != SlowSigns::default() {
            // somewhere in between
            let middle_s = (from_ns + (to_ns - from_ns) / 2) / S;
            self.signs.add(middle_s, retransmits);
        }
        type Closed = fn(ZeroWindow) -> bool;
        type Seconds = fn(&mut SlowSigns) -> &mut u16;
        let windows: [(Closed, Seconds); 2] = [
            (ZeroWindow::is_peer, |signs| &mut signs.peer_window_s),
            (ZeroWindow::is_ours, |signs| &mut signs.our_window_s),
        ];
        for (is_closed, seconds) in windows {
            if !is_closed(session.zero_window) {
                continue;
            }
            // a window that was closed at both readings is taken to have been so in between
            let since_ns = match is_closed(self.last.zero_window) {
                true => from_ns,
                false => to_ns,
            };
            let oldest_s = (to_ns / S).saturating_sub(CHART_S as u64);
            for s in (since_ns / S).max(oldest_s)..=to_ns / S {
                let mut second = SlowSigns::default();
                *seconds(&mut second) = 1;
                if *seconds(&mut self.signs.at(s)) == 0 {
                    self.signs.add(s, second);
                }
            }
        }
    }

    /// The signs of the last minute, or since the history began, and how long that is, ns.
    pub fn lately(&self) -> (SlowSigns, u64) {
        let end_s = self.now_ns / S;
        let first_s = (self.since_ns / S).max(end_s.saturating_sub(LATELY_S - 1));
        let mut sum = SlowSigns::default();
        (first_s..=end_s).for_each(|s| sum += self.signs.at(s));
        (sum, (self.now_ns - self.since_ns).min(LATELY_S * S))
    }

    /// The mean rate of the last whole seconds, at most so many, bytes per second, and true if it is of so many; `None`
    /// before the first whole second.
    pub fn mean(&self, course: &RateCourse, seconds: u64) -> Option<(f32, bool)> {
        let end_s = self.now_ns / S;
        let since_s = self.since_ns.div_ceil(S);
        let first_s = end_s.saturating_sub(seconds).max(since_s);
        let counted = end_s.checked_sub(first_s).filter(|s| *s > 0)?;
        let sum: f32 = (first_s..end_s).map(|s| course.history.at(s)).sum();
        Some((sum / counted as f32, counted == seconds))
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
    fn session_history_keeps_the_signs_of_each_second() {
        let at = |ms, retrans_timeout, retrans_fast, zero_window| Session {
            retrans_timeout,
            retrans_fast,
            zero_window,
            ..at(ms, 0, 17)
        };
        let mut history = SessionHistory::new(&at(5000, 7, 1, ZeroWindow::None));
        history.take(&at(6000, 9, 1, ZeroWindow::Peer));
        history.take(&at(9000, 9, 5, ZeroWindow::Peer));
        history.take(&at(9500, 9, 5, ZeroWindow::Both));
        history.take(&at(70_000, 9, 5, ZeroWindow::None));
        let signs = |timeouts, fast, peer_window_s, our_window_s| SlowSigns {
            timeouts,
            fast,
            probes: 0,
            peer_window_s,
            our_window_s,
        };
        assert_eq!(history.signs.at(5), signs(2, 0, 0, 0));
        assert_eq!(history.signs.at(6), signs(0, 0, 1, 0));
        assert_eq!(history.signs.at(7), signs(0, 4, 1, 0));
        assert_eq!(history.signs.at(9), signs(0, 0, 1, 1));
        // a minute, of which seconds 5 to 10 are no part
        assert_eq!(history.lately(), (SlowSigns::default(), 60 * S));
    }

    #[test]
    fn session_history_has_means_of_what_it_watched_and_no_others() {
        let mut history = SessionHistory::new(&at(5500, 1000, 100));
        assert_eq!(history.mean(&history.tx, 2), None);
        history.take(&at(6000, 2000, 100));
        assert_eq!(
            history.mean(&history.tx, 2),
            None,
            "the first second is not whole"
        );
        history.take(&at(7000, 4000, 100));
        assert_eq!(history.mean(&history.tx, 2), Some((2000.0, false)));
        history.take(&at(8000, 4600, 300));
        assert_eq!(history.mean(&history.tx, 2), Some((1300.0, true)));
        assert_eq!(history.mean(&history.tx, 10), Some((1300.0, false)));
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
