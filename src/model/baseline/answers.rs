//! Answers before and since a baseline: how many there were, and how long they took.
//!
//! A few connections that stay open carry many answers, so these are compared one by one where there are too few sessions.

use std::borrow::Cow;

use crate::model::baseline::chance::hypergeometric_tail;
use crate::model::baseline::key::is_local;
use crate::model::baseline::sharded::Sharded;
use crate::model::baseline::stats::{ENOUGH, LONGER, TimeStats};
use crate::model::session::{Age, Direction, Session, SessionId};
use crate::model::store::Change;
use crate::model::turns::is_poll;
use crate::text::units::S;

/// Minimum response time that may be a wait for an event, µs: services that answer are faster.
const WAIT_US: u64 = 1_000_000;
/// Maximum standard deviation of the logarithms of such long times: waits for events differ by more.
const SCATTER: f64 = 1.0;
/// One of so many answers is long at least, for a service to be slow: less is a moment at which it stalls.
const MOST_RARE: u64 = 10;
/// Parts of a sum that its rounding may be: the kernel's mean is a whole number of µs.
const ROUNDING: u64 = 16;
/// Time after which an answer counts half for how long answers take at present, s.
const HALF_LIFE_S: f32 = 2.0;
/// Number of usual answers that those at present are taken together with, as few of them may differ by chance.
const USUAL: f32 = 2.0;
/// Maximum share of sessions that are as fast as before among the answers at present, for these to be slower.
const FEW_UNCHANGED: f32 = 0.05;

/// Answers of the end of a session that serves: of the peer if we have connected to it, else ours. What the other end
/// takes is the time that people and programs think.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answers {
    /// All answers, except for waits for events.
    pub count: u32,
    /// Answers whose time is known, the sum of their times, µs, and an upper limit of the longest.
    timed: u32,
    sum_us: u64,
    longest_us: u32,
}

impl Answers {
    /// Answers in the life of a session; `None`: there were none, or who serves is not known.
    fn of(session: &Session) -> Option<Self> {
        let turns = &session.turns;
        let times = match session.direction {
            Direction::Out => turns.peer,
            Direction::In => turns.ours,
            Direction::Unknown => return None,
        };
        let mean_us = times.mean_us()?;
        // what we have answered before the first turn, and after the last one, is none
        let count = turns.count.max(1);
        Some(Answers {
            count,
            timed: count,
            sum_us: mean_us.saturating_mul(count.into()),
            longest_us: short(times.max_us().unwrap_or(mean_us)),
        })
    }

    /// Answers since an earlier reading of a session, or in its life; `None`: there were none.
    fn between(before: Option<&Session>, now: &Session) -> Option<Self> {
        let all = Answers::of(now)?;
        let Some(earlier) = before.and_then(Answers::of) else {
            return Some(all);
        };
        let count = all.count.saturating_sub(earlier.count);
        let sum_us = all.sum_us.saturating_sub(earlier.sum_us);
        if count == 0 {
            return None;
        }
        // that of the last one is exact, while the sums of a long life are not
        if count == 1 || u64::from(all.count) > sum_us / ROUNDING {
            let last_us = answer_us(now)?;
            return Some(Answers {
                count,
                timed: 1,
                sum_us: last_us,
                longest_us: short(last_us),
            });
        }
        let is_new = all.longest_us > earlier.longest_us;
        let limit_us = match is_new {
            true => u32::MAX,
            false => short(sum_us.saturating_add(all.count.into())),
        };
        Some(Answers {
            count,
            timed: count,
            sum_us,
            longest_us: all.longest_us.min(limit_us),
        })
    }

    fn add(&mut self, other: &Answers) {
        self.count = self.count.saturating_add(other.count);
        self.timed = self.timed.saturating_add(other.timed);
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        self.longest_us = self.longest_us.max(other.longest_us);
    }

    /// Mean, µs; `None`: no time is known.
    fn mean_us(&self) -> Option<u64> {
        self.sum_us.checked_div(self.timed.into())
    }

    /// Maximum number of answers that took longer than this, by their sum and their longest.
    fn at_most_longer(&self, us: u64) -> u64 {
        match us >= u64::from(self.longest_us) {
            true => 0,
            false => (self.sum_us / us.max(1)).min(self.timed.into()),
        }
    }

    /// Minimum number of answers that took longer than this, by their sum and their longest.
    fn at_least_longer(&self, us: u64) -> u64 {
        let beyond_us = self
            .sum_us
            .saturating_sub(us.saturating_mul(self.timed.into()));
        let each_us = u64::from(self.longest_us).saturating_sub(us).max(1);
        beyond_us.div_ceil(each_us).min(self.timed.into())
    }

    /// Probability that so many more of these answers are long by chance; `None`: too few to tell. Of each side only the
    /// sum and the longest are known, which limit how many answers are longer than some time.
    fn chance_of_longer_than(&self, before: &Answers) -> Option<f64> {
        let [since, earlier] = [self.timed, before.timed].map(u64::from);
        if since.min(earlier) < ENOUGH {
            return None;
        }
        let chance = |us: u64| {
            let (then, now) = (before.at_most_longer(us), self.at_least_longer(us));
            if now * MOST_RARE < since {
                return 1.0;
            }
            hypergeometric_tail(now, then + now, since, since + earlier)
        };
        let limits = [self.mean_us()? / 2, before.longest_us.into()];
        let [half, longest] = limits.map(chance);
        Some((2.0 * half.min(longest)).min(1.0))
    }
}

/// Answers since an earlier reading of a session, or in its life, and the time of the last one, µs; `None`: there were none, or that was
/// a wait for an event.
fn new_answers(before: Option<&Session>, now: &Session) -> Option<(Answers, u64)> {
    let new = Answers::between(before, now)?;
    let us = answer_us(now)?;
    let before_us = before.and_then(answer_us);
    let is_wait = us >= WAIT_US && is_poll(now.is_open(), before_us, us, pause_us(now));
    (!is_wait).then_some((new, us))
}

/// A time in 32 bits, µs: more than 71 minutes count as 71.
fn short(us: u64) -> u32 {
    u32::try_from(us).unwrap_or(u32::MAX)
}

/// Time of the last answer of the end that serves, µs.
fn answer_us(session: &Session) -> Option<u64> {
    match session.direction {
        Direction::Out => session.turns.peer.last_us(),
        Direction::In => session.turns.ours.last_us(),
        Direction::Unknown => None,
    }
}

/// Time that the other end took to ask again, µs.
fn pause_us(session: &Session) -> Option<u64> {
    match session.direction {
        Direction::Out => session.turns.ours.last_us(),
        Direction::In => session.turns.peer.last_us(),
        Direction::Unknown => None,
    }
}

/// Answers at present: the older they are, the less they count. Hundreds of thousands of keys have them, so the sums are short.
#[derive(Clone, Copy, Debug, Default)]
struct Recent {
    /// Sums at a time, ns: of the weights, and of the logarithms of the times, µs, by their weights.
    weight: f32,
    logs: f32,
    /// The part of the weights that is of sessions about as fast as they were before the baseline.
    unchanged: f32,
    at_ns: u64,
}

impl Recent {
    fn new(answers: &Answers, at_ns: u64) -> Self {
        let us = answers.mean_us().unwrap_or(0).max(1);
        let weight = answers.timed as f32;
        let logs = weight * (us as f32).ln();
        Recent {
            weight,
            logs,
            unchanged: 0.0,
            at_ns,
        }
    }

    fn merge(&mut self, other: &Recent) {
        let at_ns = self.at_ns.max(other.at_ns);
        let part = |sums: &Recent| {
            let age_s = (at_ns - sums.at_ns) as f32 / S as f32;
            (-age_s / HALF_LIFE_S).exp2()
        };
        let (mine, theirs) = (part(self), part(other));
        self.weight = self.weight * mine + other.weight * theirs;
        self.logs = self.logs * mine + other.logs * theirs;
        self.unchanged = self.unchanged * mine + other.unchanged * theirs;
        self.at_ns = at_ns;
    }

    /// Geometric mean, µs, with some that take as long as all do.
    fn typical_beside(&self, all_us: f64) -> f64 {
        let logs = self.logs + USUAL * all_us.max(1.0).ln() as f32;
        f64::from(logs / (self.weight + USUAL)).exp()
    }

    /// Geometric mean, µs; `None`: there are too few, or some are of sessions that are as fast as before.
    fn typical_of_changed(&self) -> Option<f64> {
        let is_changed = self.unchanged <= self.weight * FEW_UNCHANGED;
        let is_enough = self.weight >= ENOUGH as f32;
        (is_changed && is_enough).then(|| f64::from(self.logs / self.weight).exp())
    }
}

/// Answers of one session since the baseline.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answered {
    all: Answers,
    recent: Recent,
    /// The last answer of each reading.
    samples: TimeStats,
    /// Mean of its own answers before the baseline, or the last one if that took longer, µs.
    usual_us: Option<u32>,
    /// Its last answer before the baseline, µs, if it had opened before the times that are compared.
    last_before_us: Option<u32>,
}

impl Answered {
    fn add(&mut self, new: &Answers, last_us: u64, at_ns: u64) {
        self.all.add(new);
        self.recent.merge(&Recent::new(new, at_ns));
        self.samples.add(last_us);
    }
}

/// Sessions with answers since the baseline that are still open, and how the others have been until then.
#[derive(Debug, Default)]
pub struct Followed(Sharded<SessionId, Answered>);

impl Followed {
    /// Notes a session that was open at the baseline, as it was then. `began` is true if it had opened in the last minute before.
    pub fn note(&mut self, session: &Session, began: bool) {
        if let Some(before) = Answers::of(session) {
            // a connection that is old and has been slow for a minute is so by its last answer only
            let last_us = answer_us(session);
            let answered = self.0.entry(session.id());
            answered.usual_us = before.mean_us().max(last_us).map(short);
            answered.last_before_us = last_us.filter(|_| !began).map(short);
        }
    }

    /// Applies a change, and returns the answers of a session that has closed. `at_ns` is the time of the baseline.
    pub fn take(&mut self, change: &Change<'_>, at_ns: u64) -> Option<Answered> {
        let Some(now) = change.now else {
            return self.0.remove(&change.before?.id());
        };
        // when it has answered is not known of one that was open before it was seen
        let is_known = change.before.is_some() || now.age == Age::Exact && now.start_ns >= at_ns;
        if is_known
            && !change.is_back
            && let Some((new, us)) = new_answers(change.before, now)
        {
            self.0.entry(now.id()).add(&new, us, now.end_ns);
        }
        match now.is_open() {
            true => None,
            false => self.0.remove(&now.id()),
        }
    }

    /// The answers of an open session since the baseline at a time, ns.
    pub fn of(&self, answering: AnsweringEnd<'_>, at_ns: u64) -> Option<Cow<'_, Answered>> {
        let end = answering.session;
        match self.0.get(&end.id()) {
            Some(answered) => Some(Cow::Borrowed(answered)),
            // it has closed, and all of its answers are later than the baseline
            None if answering.stands_in && end.age == Age::Exact && end.start_ns >= at_ns => {
                let (new, us) = new_answers(None, end)?;
                let mut answered = Answered::default();
                answered.add(&new, us, end.end_ns);
                Some(Cow::Owned(answered))
            }
            None => None,
        }
    }
}

/// The last answer of each of some sessions.
#[derive(Clone, Copy, Debug, Default)]
struct LastAnswers {
    times: TimeStats,
    sum_us: u64,
    longest_us: u32,
}

impl LastAnswers {
    fn add(&mut self, us: u32) {
        self.times.add(us.into());
        self.sum_us = self.sum_us.saturating_add(us.into());
        self.longest_us = self.longest_us.max(us);
    }

    fn merge(&mut self, other: &LastAnswers) {
        self.times.merge(&other.times);
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        self.longest_us = self.longest_us.max(other.longest_us);
    }
}

/// Sums of answers on one side of the baseline.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnswerSums {
    pub all: Answers,
    /// Means of the sessions, and the sum of their logarithms by the number of their answers.
    sessions: TimeStats,
    logs: f64,
    samples: TimeStats,
    recent: Recent,
    /// Answers of sessions that are about as fast as they were before the baseline.
    unchanged: u32,
    /// Answers of sessions that have none from before the baseline.
    of_new: Answers,
    /// The last answers before the baseline of sessions that were open then and have answered since.
    last_before: LastAnswers,
    /// Some are known only to the server of a client that does not read them.
    pub has_unread: bool,
}

impl AnswerSums {
    pub fn merge(&mut self, other: &AnswerSums) {
        self.all.add(&other.all);
        self.sessions.merge(&other.sessions);
        self.logs += other.logs;
        self.samples.merge(&other.samples);
        self.recent.merge(&other.recent);
        self.unchanged = self.unchanged.saturating_add(other.unchanged);
        self.of_new.add(&other.of_new);
        self.last_before.merge(&other.last_before);
        self.has_unread |= other.has_unread;
    }

    fn add(&mut self, answers: &Answers) {
        self.all.add(answers);
        if let Some(mean_us) = answers.mean_us() {
            self.sessions.add(mean_us);
            self.logs += f64::from(answers.timed) * (mean_us.max(1) as f64).ln();
        }
    }

    /// Adds one answer of each of some sessions.
    fn add_last(&mut self, last: &LastAnswers) {
        let count = last.times.count() as u32;
        self.all.add(&Answers {
            count,
            timed: count,
            sum_us: last.sum_us,
            longest_us: last.longest_us,
        });
        self.sessions.merge(&last.times);
        self.logs += last.times.sum();
    }

    /// Geometric mean, by the means of the sessions, µs.
    pub fn typical(&self) -> Option<f64> {
        (self.all.timed > 0).then(|| (self.logs / f64::from(self.all.timed)).exp())
    }

    /// Geometric mean at present if it is longer than that of all, else that of all, µs: what became slow on the way is as slow as it
    /// is now.
    pub fn at_worst(&self) -> Option<f64> {
        let all = self.typical();
        all.map(|all| all.max(self.recent.typical_beside(all)))
    }

    /// True if answers take noticeably longer, by so many µs or more, all since the baseline or those at present, and not only because
    /// sessions answer more that have always been slow, or wait for events.
    pub fn are_longer_than(&self, before: &AnswerSums, least_us: f64) -> bool {
        let (Some(all), Some(then)) = (self.typical(), before.typical()) else {
            return false;
        };
        let is_longer = |us: f64| {
            let is_wait = us >= WAIT_US as f64 && self.samples.deviation() > SCATTER;
            us >= then * LONGER && us - then >= least_us && !is_wait
        };
        // a moment at which all connections stall makes few answers long, which a geometric mean hardly shows
        let usually = self.samples.typical().unwrap_or(all);
        let are_all = is_longer(all) && usually >= then * LONGER;
        are_all && u64::from(self.unchanged) * 2 < u64::from(self.all.timed)
            || self.recent.typical_of_changed().is_some_and(is_longer)
    }

    /// Probability that answers of the same kind differ so much by chance; `None`: too few to tell. Answers of one session
    /// have something in common, so sessions are compared if there are enough.
    pub fn chance_of_longer_than(&self, before: &AnswerSums) -> Option<f64> {
        let of_sessions = self.sessions.chance_of_longer_than(&before.sessions);
        of_sessions.or_else(|| {
            let chance = |answers: &Answers| answers.chance_of_longer_than(&before.all);
            // those of a pool that was given up a moment ago outnumber the others for long
            match (chance(&self.all), chance(&self.of_new)) {
                (Some(all), Some(new)) if self.of_new.count < self.all.count => {
                    Some((2.0 * all.min(new)).min(1.0))
                }
                (all, _) => all,
            }
        })
    }
}

/// The end of a connection within this host that sums count: of each connection one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedEnd {
    /// Always the same end: the end that belongs to a program, or the end that connects.
    Fixed,
    /// The end that is known first. Its answers count as those of a peer, so that they are of one kind.
    First,
}

/// The end of a connection whose answers count for a session. A client that does not read the answers knows none of them: if its
/// server is on this host, that knows them.
#[derive(Clone, Copy, Debug)]
pub struct AnsweringEnd<'a> {
    session: &'a Session,
    stands_in: bool,
}

impl<'a> AnsweringEnd<'a> {
    /// The end for a session with such another end.
    pub fn of(session: &'a Session, other: Option<&'a Session>) -> Self {
        let is_client = is_local(session) && session.direction == Direction::Out;
        let server = other.filter(|other| other.direction == Direction::In);
        match server {
            Some(server) if is_client && Answers::of(session).is_none() => AnsweringEnd {
                session: server,
                stands_in: true,
            },
            _ => AnsweringEnd::own(session),
        }
    }

    /// The session itself.
    fn own(session: &'a Session) -> Self {
        AnsweringEnd {
            session,
            stands_in: false,
        }
    }

    /// The end for a session before the baseline: without the server's answers if it has given some since.
    pub fn before(session: &'a Session, other: Option<&'a Session>, since: &Followed) -> Self {
        let end = AnsweringEnd::of(session, other);
        let answered = since.0.get(&end.session.id());
        match end.stands_in && answered.is_some_and(|answered| answered.all.count > 0) {
            true => AnsweringEnd::own(session),
            false => end,
        }
    }
}

/// Answers on one side: of peers that we have connected to, and ours.
#[derive(Clone, Copy, Debug, Default)]
pub struct BothAnswers {
    pub peer: AnswerSums,
    pub ours: AnswerSums,
}

impl BothAnswers {
    pub fn merge(&mut self, other: &BothAnswers) {
        self.peer.merge(&other.peer);
        self.ours.merge(&other.ours);
    }

    fn end(&mut self, answering: AnsweringEnd<'_>, end: CountedEnd) -> &mut AnswerSums {
        match (answering.session.direction, end) {
            _ if answering.stands_in => &mut self.peer,
            // whichever end is known first
            (Direction::In, CountedEnd::First) if is_local(answering.session) => &mut self.peer,
            (Direction::In, _) => &mut self.ours,
            (Direction::Out | Direction::Unknown, _) => &mut self.peer,
        }
    }

    /// Adds a session before the baseline, unless all of its answers are from before this time, ns.
    pub fn add_before(&mut self, answering: AnsweringEnd<'_>, from_ns: u64, end: CountedEnd) {
        let session = answering.session;
        let closing_ns = u64::from(session.close_us) * 1000;
        let is_old = closing_ns > 0 && session.end_ns.saturating_sub(closing_ns) < from_ns;
        if let Some(answers) = Answers::of(session).filter(|_| !is_old) {
            self.end(answering, end).add(&answers);
        }
    }

    /// Takes those of the last minute before the baseline where sessions that began in it have enough. Of those that are older, and
    /// have answered `since`, the last answer belongs to them: else many sessions of another kind would look slower.
    pub fn take_enough(&mut self, latest: &BothAnswers, since: &BothAnswers) {
        let ends = [
            (&mut self.peer, &latest.peer, &since.peer),
            (&mut self.ours, &latest.ours, &since.ours),
        ];
        for (all, latest, since) in ends {
            if u64::from(latest.all.timed) >= ENOUGH {
                *all = *latest;
                all.add_last(&since.last_before);
            }
        }
    }

    /// Adds the answers of a session since the baseline.
    pub fn add_since(&mut self, answering: AnsweringEnd<'_>, answered: &Answered, end: CountedEnd) {
        let sums = self.end(answering, end);
        sums.has_unread |= answering.stands_in;
        sums.add(&answered.all);
        sums.samples.merge(&answered.samples);
        let mut recent = answered.recent;
        if let Some(us) = answered.last_before_us
            && answered.all.count > 0
        {
            sums.last_before.add(us);
        }
        if answered.usual_us.is_none() {
            sums.of_new.add(&answered.all);
        }
        if let (Some(now), Some(usual)) = (answered.all.mean_us(), answered.usual_us)
            && (now as f64) < f64::from(usual) * LONGER
        {
            sums.unchanged = sums.unchanged.saturating_add(answered.all.timed);
            recent.unchanged = recent.weight;
        }
        sums.recent.merge(&recent);
    }
}
