//! Sums on both sides of a baseline, and comparisons of times.

use crate::model::aggregate::bounded_map::Sums;
use crate::model::baseline::answers::{AnsweringEnd, BothAnswers, CountedEnd};
use crate::model::baseline::chance::student_tail;
use crate::model::session::{Age, Reason, Session};
use crate::text::units::S;

/// Minimum number of sessions on each side for comparing a time.
pub const ENOUGH: u64 = 10;
/// Minimum increase of a time, as a factor.
pub const LONGER: f64 = 1.5;
/// Minimum increase of a connect time, µs: a busy processor alone adds some hundred.
pub const LONGER_CONNECT_US: f64 = 250.0;
/// Minimum increase of a time in which programs have a part, µs: also of a round-trip time, which grows with the load of
/// either host.
pub const LONGER_WORK_US: f64 = 1000.0;

/// Statistics of the logarithms of times: ten times as long weighs as much as a tenth.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeStats {
    count: f64,
    sum: f64,
    squares: f64,
}

impl TimeStats {
    pub fn add(&mut self, us: u64) {
        let log = (us.max(1) as f64).ln();
        self.count += 1.0;
        self.sum += log;
        self.squares += log * log;
    }

    pub fn merge(&mut self, other: &TimeStats) {
        self.count += other.count;
        self.sum += other.sum;
        self.squares += other.squares;
    }

    /// Number of times.
    pub fn count(&self) -> f64 {
        self.count
    }

    /// Sum of the logarithms.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    pub fn mean(&self) -> f64 {
        self.sum / self.count
    }

    /// Geometric mean, µs.
    pub fn typical(&self) -> Option<f64> {
        (self.count > 0.0).then(|| self.mean().exp())
    }

    /// Standard deviation of the logarithms.
    pub fn deviation(&self) -> f64 {
        (self.error() * self.count).sqrt()
    }

    /// Squared standard error of the mean.
    pub fn error(&self) -> f64 {
        let variance = (self.squares - self.sum * self.mean()) / (self.count - 1.0).max(1.0);
        variance.max(0.0) / self.count.max(1.0)
    }

    /// True if these times are noticeably longer: by so many µs or more.
    pub fn are_longer_than(&self, before: &TimeStats, least_us: f64) -> bool {
        let (Some(now), Some(then)) = (self.typical(), before.typical()) else {
            return false;
        };
        now >= then * LONGER && now - then >= least_us
    }

    /// Probability that times of the same kind differ so much by chance (Welch's test on the logarithms); `None`: too
    /// few to tell.
    pub fn chance_of_longer_than(&self, before: &TimeStats) -> Option<f64> {
        let enough = ENOUGH as f64;
        if self.count < enough || before.count < enough {
            return None;
        }
        let (now, then) = (self.error(), before.error());
        let difference = self.mean() - before.mean();
        if now + then <= 0.0 {
            return Some(if difference > 0.0 { 0.0 } else { 1.0 });
        }
        let freedom = (now + then).powi(2)
            / (now.powi(2) / (self.count - 1.0) + then.powi(2) / (before.count - 1.0));
        Some(student_tail(difference / (now + then).sqrt(), freedom))
    }
}

/// Minimum time without another event until such events count as ended, ns.
const ENDED_NS: u64 = 10 * S;

/// Period of some events, from the first to the last one, ns; 0: there were none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    first_ns: u64,
    last_ns: u64,
}

impl Span {
    fn take(&mut self, at_ns: u64) {
        self.merge(&Span {
            first_ns: at_ns,
            last_ns: at_ns,
        });
    }

    fn merge(&mut self, other: &Span) {
        self.first_ns = match (self.first_ns, other.first_ns) {
            (0, first) | (first, 0) => first,
            (mine, theirs) => mine.min(theirs),
        };
        self.last_ns = self.last_ns.max(other.last_ns);
    }

    /// When the first one was, ns.
    pub fn first_ns(&self) -> Option<u64> {
        (self.first_ns > 0).then_some(self.first_ns)
    }

    /// When the last one was, ns.
    pub fn last_ns(&self) -> u64 {
        self.last_ns
    }

    /// Time from the first to the last one, ns.
    pub fn length_ns(&self) -> u64 {
        self.last_ns.saturating_sub(self.first_ns)
    }

    /// True if so many events have ended: the pause since then is clearly longer than between them.
    pub fn is_over_after(&self, pause_ns: u64, count: u64) -> bool {
        let usual_ns = self.length_ns() / count.saturating_sub(1).max(1);
        pause_ns > ENDED_NS.max(3 * usual_ns)
    }
}

/// Sums on one side of the baseline.
#[derive(Clone, Copy, Debug, Default)]
pub struct SideSums {
    pub opened: u64,
    /// When they were opened; only since the baseline.
    pub opened_in: Span,
    pub failed: u64,
    /// Sessions that are kept open: they have been for a while.
    pub kept: u64,
    /// Sessions with retransmits.
    pub lossy: u64,
    /// All counted sessions.
    pub seen: u64,
    pub rtt: TimeStats,
    pub connect: TimeStats,
    pub duration: TimeStats,
    pub answers: BothAnswers,
}

impl SideSums {
    pub fn merge(&mut self, other: &SideSums) {
        self.opened += other.opened;
        self.opened_in.merge(&other.opened_in);
        self.failed += other.failed;
        self.kept += other.kept;
        self.lossy += other.lossy;
        self.seen += other.seen;
        self.rtt.merge(&other.rtt);
        self.connect.merge(&other.connect);
        self.duration.merge(&other.duration);
        self.answers.merge(&other.answers);
    }

    /// Counts a session that was opened since the baseline.
    pub fn count_opened(&mut self, session: &Session) {
        self.opened += 1;
        self.opened_in.take(session.start_ns);
    }

    /// Counts a session, except its duration and its answers: its connect time if `connects`, and a loss on this side if `lossy`.
    pub fn see(&mut self, session: &Session, connects: bool, lossy: bool) {
        self.seen += 1;
        self.lossy += u64::from(lossy);
        if session.srtt_us != 0 {
            self.rtt.add(session.srtt_us.into());
        }
        if let Some(us) = session.connect_us().filter(|_| connects) {
            self.connect.add(us);
        }
    }

    /// Counts the duration of a closed session.
    pub fn add_duration(&mut self, session: &Session) {
        let lasted = session.established_ns != 0 && session.age == Age::Exact;
        if !session.is_open() && lasted {
            self.duration.add(session.duration_ns() / 1000);
        }
    }
}

/// Times in the last minute before the baseline.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    rtt: TimeStats,
    connect: TimeStats,
    duration: TimeStats,
    answers: BothAnswers,
}

impl Times {
    fn merge(&mut self, other: &Times) {
        self.rtt.merge(&other.rtt);
        self.connect.merge(&other.connect);
        self.duration.merge(&other.duration);
        self.answers.merge(&other.answers);
    }

    /// Forgets the answers.
    pub fn without_answers(&mut self) {
        self.answers = BothAnswers::default();
    }

    /// Counts a session that was open in that minute. Its answers are known to be of that minute only if it `began` in it.
    pub fn add(
        &mut self,
        session: &Session,
        answering: AnsweringEnd<'_>,
        began: bool,
        end: CountedEnd,
    ) {
        let mut side = SideSums::default();
        side.see(session, began, false);
        side.add_duration(session);
        self.rtt.merge(&side.rtt);
        self.connect.merge(&side.connect);
        self.duration.merge(&side.duration);
        if began {
            self.answers.add_before(answering, session.start_ns, end);
        }
    }
}

/// Failures since the baseline: by reason, and when they were.
#[derive(Clone, Copy, Debug, Default)]
pub struct FailuresSince {
    by_reason: [u32; Reason::ALL.len()],
    pub span: Span,
}

impl FailuresSince {
    /// Counts a session that has closed, if it failed.
    pub fn take(&mut self, session: &Session) {
        if session.reason.is_failure() {
            let count = &mut self.by_reason[session.reason as usize];
            *count = count.saturating_add(1);
            self.span.take(session.end_ns);
        }
    }

    fn add(&mut self, other: &FailuresSince) {
        for (count, more) in self.by_reason.iter_mut().zip(other.by_reason) {
            *count = count.saturating_add(more);
        }
        self.span.merge(&other.span);
    }

    /// The reason of more than half of them.
    pub fn most(&self) -> Option<Reason> {
        let all: u64 = self.by_reason.iter().copied().map(u64::from).sum();
        let counts = Reason::ALL.iter().zip(self.by_reason);
        let (reason, count) = counts.max_by_key(|(_, count)| *count)?;
        (u64::from(count) * 2 > all).then_some(*reason)
    }
}

/// Sums of one key on both sides.
#[derive(Clone, Debug, Default)]
pub struct BaselineEntry {
    /// True if it was there before the baseline.
    pub known: bool,
    /// Sessions that were open at the baseline and were so for a while.
    pub long_open: u64,
    /// Total bytes at the baseline, and bytes per second before it.
    pub bytes: u64,
    pub byte_rate: f64,
    pub before: SideSums,
    /// Times in the last minute of that.
    pub latest: Times,
    /// Sums of what has closed since.
    pub ended: SideSums,
    pub failures: FailuresSince,
    /// When the key had open sessions before the baseline.
    pub activity: Activity,
    /// When short sessions were opened in the time before the baseline that rates are measured over.
    pub openings: Activity,
    /// Time since the baseline at which a session was last seen to end, ns, and one that had been kept open.
    pub ended_ns: u64,
    pub kept_until_ns: u64,
}

/// Periods of [`PERIOD_NS`] before the baseline with a session open, the latest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Activity(u64);

/// Length of a period of [`Activity`], ns: all of them are more than [`TIMES_S`](super::TIMES_S).
const PERIOD_NS: u64 = 10 * S;

/// Minimum number of periods of a burst that is taken for steady traffic.
const STEADY: u64 = 3;

impl Activity {
    /// Adds a session that was open from `from_ns` to `to_ns` before the baseline.
    pub fn add(&mut self, from_ns: u64, to_ns: u64) {
        let [first, last] = [to_ns, from_ns].map(|ns| (ns / PERIOD_NS).min(63));
        (first..=last).for_each(|period| self.0 |= 1 << period);
    }

    /// True if it has all periods of a time before the baseline that is long enough to tell.
    pub fn is_steady(self, known_ns: u64) -> bool {
        let periods = (known_ns / PERIOD_NS).min(63);
        periods >= STEADY && (0..periods).all(|period| self.0 >> period & 1 == 1)
    }

    /// Returns the pauses in the time known before the baseline. `went_on_ns` is the time that sessions were seen after
    /// it.
    pub fn pauses(self, known_ns: u64, went_on_ns: u64) -> Pauses {
        let periods = known_ns.div_ceil(PERIOD_NS).clamp(1, 64);
        let is_active = |period: &u64| self.0 >> period & 1 == 1;
        let (mut longest, mut pause, mut bursts) = (0, 0, 0);
        for period in 0..periods {
            if is_active(&period) {
                bursts += u64::from(pause > 0 || period == 0);
                pause = 0;
            } else {
                pause += 1;
                longest = longest.max(pause);
            }
        }
        let steady = (0..periods).take_while(is_active).count() as u64;
        let silent = (0..periods).take_while(|p| !is_active(p)).count() as u64;
        let active = (0..periods).filter(is_active).count() as u64;
        let burst_ns = steady * PERIOD_NS + went_on_ns;
        // a pause also covers parts of the periods around it
        let up_to = |pause: u64| Pauses::UpTo((pause + 1) * PERIOD_NS);
        match (longest, bursts) {
            (0, _) => Pauses::None,
            (_, 2) => Pauses::Once((longest + 1) * PERIOD_NS),
            (_, 3..) => up_to(longest),
            // most of the time, with pauses that are too short to see
            _ if active * 5 >= periods * 4 && silent == 0 => Pauses::None,
            _ if active * 5 >= periods * 4 => up_to(silent),
            _ if steady > 0 && burst_ns >= STEADY * PERIOD_NS => Pauses::Perhaps(burst_ns),
            _ => Pauses::Perhaps(known_ns),
        }
    }
}

/// Pauses without a session before the baseline, as far as they are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pauses {
    /// There was always a session.
    None,
    /// It came back a single time, after a pause of so many ns.
    Once(u64),
    /// It came back, after pauses of up to so many ns.
    UpTo(u64),
    /// There was a single burst. Its pauses are unknown, perhaps as long as this: as the burst if that lasted until the
    /// baseline or after it, else as all the time that is known.
    Perhaps(u64),
}

/// Minimum time without a session until a key that had one open counts as quiet, ns.
const QUIET_NS: u64 = 3 * S;
/// Minimum time without a session until a key counts as gone, ns.
const GONE_NS: u64 = 10 * S;
/// Maximum time for a key that had a session open at the baseline and has not been seen to come back more than once: a
/// single pause may have been a restart.
const GONE_FOR_GOOD_NS: u64 = 30 * S;
/// Minimum time that is known of a key that always had a session, for it to be gone after [`GONE_NS`].
const LONG_KNOWN_NS: u64 = 60 * S;
/// Minimum number of sessions that show how they follow each other.
pub const SEVERAL: u64 = 3;

impl BaselineEntry {
    /// Sums before the baseline: times are those of its last minute where it has enough of them, as what had changed by then is no
    /// change since.
    pub fn usual(&self, since: &SideSums) -> SideSums {
        let latest = &self.latest;
        let mut sums = self.before;
        let times = [
            (&mut sums.rtt, &latest.rtt),
            (&mut sums.connect, &latest.connect),
            (&mut sums.duration, &latest.duration),
        ];
        for (all, latest) in times {
            if latest.count >= ENOUGH as f64 {
                *all = *latest;
            }
        }
        sums.answers.take_enough(&latest.answers, &since.answers);
        sums
    }

    /// Time without a session after which a key that had sessions open is quiet, ns.
    pub fn quiet_after_ns(&self, known_ns: u64) -> u64 {
        let pause_ns = self.passing_pause_ns(known_ns).unwrap_or(0);
        pause_ns.max(QUIET_NS)
    }

    /// Three times the mean time between its sessions that came and went, or came a moment before the baseline, ns.
    fn passing_pause_ns(&self, known_ns: u64) -> Option<u64> {
        let passing = self.before.seen.saturating_sub(self.long_open);
        (passing >= SEVERAL).then(|| 3 * known_ns / passing)
    }

    /// Time without a session after which the key is gone, in the time known before the baseline, ns: clearly longer than
    /// its usual pauses.
    pub fn gone_after_ns(&self, known_ns: u64, at_ns: u64) -> u64 {
        let went_on_ns = self.ended_ns.saturating_sub(at_ns);
        let pauses = self.activity.pauses(known_ns, went_on_ns);
        let wait_ns = match pauses {
            Pauses::Once(pause) | Pauses::UpTo(pause) | Pauses::Perhaps(pause) => 2 * pause,
            Pauses::None => self.passing_pause_ns(known_ns).unwrap_or(2 * known_ns),
        };
        let longest_ns = match pauses {
            _ if self.long_open == 0 => u64::MAX,
            Pauses::UpTo(_) => u64::MAX,
            Pauses::None if known_ns >= LONG_KNOWN_NS => GONE_NS,
            Pauses::None | Pauses::Once(_) | Pauses::Perhaps(_) => GONE_FOR_GOOD_NS,
        };
        wait_ns.min(longest_ns).max(GONE_NS)
    }
}

impl Sums for BaselineEntry {
    fn weight(&self) -> (bool, u64) {
        let sessions = self.before.seen + self.ended.seen;
        (self.long_open > 0, self.bytes + 1000 * sessions)
    }

    fn add(&mut self, other: &BaselineEntry) {
        self.known |= other.known;
        self.long_open += other.long_open;
        self.bytes += other.bytes;
        self.byte_rate += other.byte_rate;
        self.before.merge(&other.before);
        self.latest.merge(&other.latest);
        self.ended.merge(&other.ended);
        self.failures.add(&other.failures);
        self.activity.0 |= other.activity.0;
        self.openings.0 |= other.openings.0;
        self.ended_ns = self.ended_ns.max(other.ended_ns);
        self.kept_until_ns = self.kept_until_ns.max(other.kept_until_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums of a key that had sessions open from and to so many seconds before the baseline.
    fn entry(open: &[(u64, u64)]) -> BaselineEntry {
        let mut entry = BaselineEntry::default();
        for (from, to) in open {
            entry.activity.add(from * S, to * S);
            entry.before.seen += 1;
            entry.long_open += u64::from(*to == 0 && *from >= 10);
        }
        entry
    }

    #[test]
    fn activity_pauses_are_known_only_after_two_bursts() {
        let pauses =
            |open: &[(u64, u64)], known_s: u64| match entry(open).activity.pauses(known_s * S, 0) {
                Pauses::None => (0, "none"),
                Pauses::Once(ns) => (ns / S, "once"),
                Pauses::UpTo(ns) => (ns / S, "up to"),
                Pauses::Perhaps(ns) => (ns / S, "perhaps"),
            };
        assert_eq!(pauses(&[(40, 0)], 40), (0, "none"), "all the time");
        assert_eq!(pauses(&[(3600, 0)], 600), (0, "none"));
        assert_eq!(pauses(&[(125, 121), (65, 61), (5, 1)], 130), (60, "up to"));
        assert_eq!(pauses(&[(65, 61), (25, 21)], 70), (40, "once"));
        assert_eq!(
            pauses(&[(35, 31)], 600),
            (600, "perhaps"),
            "it may have been the only one"
        );
        assert_eq!(
            pauses(&[(35, 0)], 600),
            (40, "perhaps"),
            "steady since it began"
        );
        assert_eq!(pauses(&[], 300), (300, "perhaps"));
    }

    #[test]
    fn entry_is_gone_only_after_its_usual_pause() {
        let gone_after =
            |open: &[(u64, u64)], known_s| entry(open).gone_after_ns(known_s * S, 0) / S;
        let every = |s: usize, long: u64, known_s: u64| -> Vec<(u64, u64)> {
            let starts = (1..known_s).step_by(s);
            starts
                .map(|from| (from, from.saturating_sub(long)))
                .collect()
        };
        for (s, long) in [
            (12, 1),
            (15, 1),
            (19, 1),
            (30, 1),
            (30, 12),
            (60, 15),
            (120, 3),
        ] {
            for known_s in [300, 600] {
                let after = gone_after(&every(s, long, known_s), known_s);
                let pause = s as u64 - long;
                assert!(after > pause * 3 / 2, "every {s} s for {long} s: {after} s");
                assert!(after < s as u64 * 5, "every {s} s for {long} s: {after} s");
            }
        }
        assert_eq!(gone_after(&every(12, 1, 40), 40), 30, "little is known");
        let steady: Vec<(u64, u64)> = (1..400).map(|i| (i / 10, i / 10)).collect();
        assert_eq!(gone_after(&steady, 40), 10, "ten per second");
        // once, and open: nobody knows when it would come back
        assert_eq!(gone_after(&[(600, 0)], 600), 10, "there all the time");
        assert_eq!(gone_after(&[(200, 100), (50, 0)], 600), 30, "restarted");
        let job = [(250, 240), (150, 140), (50, 0)];
        assert_eq!(gone_after(&job, 250), 180, "it comes and goes");
        assert_eq!(gone_after(&[(12, 0)], 12), 24);
        assert_eq!(gone_after(&[(25, 0)], 600), 30);
    }

    #[test]
    fn entry_that_began_before_the_baseline_and_went_on_is_gone_after_as_long() {
        let mut began = entry(&[(9, 9), (8, 8), (7, 7), (1, 1)]);
        assert_eq!(began.gone_after_ns(600 * S, 0) / S, 1200, "a single burst");
        began.ended_ns = 1025 * S;
        assert_eq!(began.gone_after_ns(600 * S, 1000 * S) / S, 70);
    }
}
