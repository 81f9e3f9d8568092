//! Differences from a baseline that are worth reporting: figures that got worse, what is gone, what is new.

use rustc_hash::FxHashSet;

use crate::model::aggregate::GroupKey;
use crate::model::baseline::answers::AnswerSums;
use crate::model::baseline::chance::{binomial_tail, discovery_limit, student_tail};
use crate::model::baseline::key::BaselineKey;
use crate::model::baseline::stats::{
    BaselineEntry, ENOUGH, LONGER_CONNECT_US, LONGER_WORK_US, SEVERAL, SideSums, Span,
};
use crate::model::fields;
use crate::model::session::Reason;
use crate::text::units::S;

/// Minimum number of sessions on each side for comparing losses.
const ENOUGH_FOR_LOSS: u64 = 20;
/// Minimum number of failures.
const FAILURES: u64 = 5;
/// Minimum number of sessions with losses: a single one of few is already a large share.
const LOSSY: u64 = 3;
/// Minimum increase, as a factor.
const MORE: f64 = 2.0;
/// Minimum number of sessions that were open, for fewer of them to be no chance, and factor by which there are fewer.
const MANY_OPEN: u64 = 10;
const FEWER_OPEN: u64 = 4;
/// Numbers of sessions kept open that are a small pool.
const POOL: std::ops::Range<u64> = 2..MANY_OPEN;
/// Minimum time for which sessions have been opened and none was kept open, for that to be no pause of a pool, ns.
const NONE_KEPT_NS: u64 = 20 * S;
/// Minimum time since the baseline for fewer sessions, s: requests of people and programs come in bursts.
const LONG_FEWER: f64 = 30.0;
/// Minimum traffic, bytes per second.
const HEAVY: f64 = 10_000.0;
/// Minimum time watched on each side for comparing rates, s, and for showing one.
const LONG: f64 = 5.0;
const SHORT: f64 = 1.0;
/// Maximum probability of a difference of one key to be chance: three standard errors.
const CHANCE: f64 = 0.001_35;
/// Maximum share of chance, on average, among the keys that are found to differ in a figure, however many are compared.
/// Also the maximum probability for failures, which are better shown too often than too rarely.
const FALSE_DISCOVERIES: f64 = 0.01;

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
    /// Response time of peers that we have connected to.
    Response,
    /// Our own response time, to peers that have connected to us.
    OurResponse,
    /// Duration of closed sessions.
    Duration,
    /// Sessions opened per second.
    New,
    /// Bytes per second, both directions.
    Bytes,
}

impl BaselineFigure {
    /// All variants, the worst first.
    pub const ALL: [BaselineFigure; 9] = [
        BaselineFigure::Failed,
        BaselineFigure::Lossy,
        BaselineFigure::Connect,
        BaselineFigure::Rtt,
        BaselineFigure::Response,
        BaselineFigure::OurResponse,
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
            BaselineFigure::Response => "RESP",
            BaselineFigure::OurResponse => "OURRESP",
            BaselineFigure::Duration => "DURATION",
            BaselineFigure::New => "NEW/s",
            BaselineFigure::Bytes => "B/s",
        }
    }

    /// The answers that it is about; `None`: it is about something else.
    fn answers(self, side: &SideSums) -> Option<&AnswerSums> {
        match self {
            BaselineFigure::Response => Some(&side.answers.peer),
            BaselineFigure::OurResponse => Some(&side.answers.ours),
            _ => None,
        }
    }

    /// Maximum probability of a difference of one key to be chance.
    fn single_limit(self) -> f64 {
        match self {
            BaselineFigure::Failed => FALSE_DISCOVERIES,
            _ => CHANCE,
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
    /// The same, but not yet for longer than its usual pauses.
    Quiet,
    /// It has far fewer sessions open than at the baseline.
    FewerOpen,
    /// It opens more sessions than before, and keeps none open any more.
    NoneKept,
    /// It opens less than half as many sessions per second.
    FewerNew,
    /// It was not there before.
    New,
    /// There is more of something that is not bad in itself: sessions, bytes, or time that sessions last.
    Grown(BaselineFigure),
}

impl DifferenceKind {
    /// Returns the kind of a figure that has increased.
    fn of_increase(figure: BaselineFigure) -> Self {
        match figure {
            BaselineFigure::Failed
            | BaselineFigure::Lossy
            | BaselineFigure::Connect
            | BaselineFigure::Rtt
            | BaselineFigure::Response
            | BaselineFigure::OurResponse => DifferenceKind::Worse(figure),
            BaselineFigure::Duration | BaselineFigure::New | BaselineFigure::Bytes => {
                DifferenceKind::Grown(figure)
            }
        }
    }

    /// True if there is less of something.
    pub fn is_fewer(self) -> bool {
        matches!(
            self,
            DifferenceKind::FewerOpen | DifferenceKind::NoneKept | DifferenceKind::FewerNew
        )
    }

    /// True if the key has no sessions any more.
    pub fn is_silent(self) -> bool {
        matches!(self, DifferenceKind::Gone | DifferenceKind::Quiet)
    }
}

/// One difference from the baseline.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Key that differs.
    pub key: BaselineKey,
    pub finding: DifferenceKind,
    /// The figure before the baseline. If the key is silent, or has fewer sessions: the number of sessions that it had open, or
    /// how many it opened per second.
    pub before: Option<f64>,
    /// The figure since the baseline; 0 of what is gone. For [`DifferenceKind::New`]: the number of its sessions. `None` if the key had
    /// sessions open and is gone.
    pub since: Option<f64>,
    /// Bytes since the baseline.
    pub bytes: u64,
    /// Answers since the baseline, if it is about response times; else 0.
    pub answers: u64,
    /// Some of these are known only to the server of the sessions, which the client has not read.
    pub has_unread: bool,
    /// The reason of most failures since the baseline, if it is about failures.
    pub reason: Option<Reason>,
    /// Other keys that differ for the same sessions; those of a [`BaselineKey::Several`].
    pub also: Vec<BaselineKey>,
    /// Program that accepts its sessions, if both ends are on this host and there is one such program.
    pub server: Option<GroupKey>,
    /// Program whose ports, peers or links it may be counted with: the one that accepts the sessions, else the one that
    /// opens them, if there is one.
    pub owner: Option<GroupKey>,
    /// Other differences of the same keys, each with its increase as a factor.
    pub with: Vec<(DifferenceKind, f64)>,
    /// Sessions opened per second, before the baseline and since, if they are new, or have grown besides.
    pub opened: Option<[f64; 2]>,
    /// Time since the last failure, or since the last session of what is new or silent, ns, if there have been no more for
    /// long enough.
    pub ended_ns: Option<u64>,
}

impl Difference {
    /// Creates a difference of a key without figures.
    pub fn new(key: BaselineKey, finding: DifferenceKind) -> Self {
        Difference {
            key,
            finding,
            before: None,
            since: None,
            bytes: 0,
            answers: 0,
            has_unread: false,
            reason: None,
            also: Vec::new(),
            server: None,
            owner: None,
            with: Vec::new(),
            opened: None,
            ended_ns: None,
        }
    }

    /// Order in which one of several differences of the same sessions keeps its line: the worst first, of what goes on.
    pub(super) fn precedence(&self) -> (bool, bool, DifferenceKind, BaselineKey) {
        let is_worse = matches!(self.finding, DifferenceKind::Worse(_));
        (!is_worse, self.has_ended(), self.finding, self.key)
    }

    /// True if it is about failures, or something new, that have ended.
    pub fn has_ended(&self) -> bool {
        self.ended_ns.is_some() && !self.finding.is_silent()
    }

    /// Takes the sessions opened per second from a difference of the same keys.
    pub(super) fn note_opened(&mut self, other: &Difference) {
        let goes_on = !other.has_ended() || self.has_ended();
        if let DifferenceKind::Grown(BaselineFigure::New) = other.finding {
            self.opened = other
                .since
                .filter(|_| goes_on)
                .map(|since| [other.before.unwrap_or(0.0), since]);
        } else if self.finding != DifferenceKind::New {
            self.opened = self.opened.or(other.opened);
        }
    }

    /// The figure that `before` and `since` are values of; `None`: they are numbers of sessions.
    pub fn figure(&self) -> Option<BaselineFigure> {
        match self.finding {
            DifferenceKind::Worse(figure) | DifferenceKind::Grown(figure) => Some(figure),
            DifferenceKind::FewerNew => Some(BaselineFigure::New),
            DifferenceKind::Gone => self.since.map(|_| BaselineFigure::New),
            DifferenceKind::Quiet
            | DifferenceKind::FewerOpen
            | DifferenceKind::NoneKept
            | DifferenceKind::New => None,
        }
    }

    /// True if it is about a time of sessions, which one that fails at once has not.
    pub(super) fn is_of_times(&self) -> bool {
        match self.finding {
            DifferenceKind::Worse(figure) | DifferenceKind::Grown(figure) => matches!(
                figure,
                BaselineFigure::Connect
                    | BaselineFigure::Rtt
                    | BaselineFigure::Response
                    | BaselineFigure::OurResponse
                    | BaselineFigure::Duration
            ),
            _ => false,
        }
    }

    /// All keys that its line stands for, and the program that accepts its sessions.
    pub(super) fn names(&self) -> Vec<BaselineKey> {
        let also = self.also.iter().copied();
        let server = self.server.map(BaselineKey::Group);
        std::iter::once(self.key)
            .chain(also)
            .chain(server)
            .collect()
    }

    /// The program, the port and the peer of its link, which say nothing more.
    pub fn link_parts(&self) -> [Option<BaselineKey>; 3] {
        let BaselineKey::Link(link) = self.key else {
            return [None; 3];
        };
        let peer = link.local_in.is_none().then_some(GroupKey::Peer(link.peer));
        let parts = [
            Some(GroupKey::Program(link.program)),
            Some(GroupKey::Port(link.port)),
            peer,
        ];
        parts.map(|part| part.map(BaselineKey::Group))
    }

    /// Returns the increase in the unit of the figure.
    pub(super) fn increase(&self) -> f64 {
        self.since.unwrap_or(0.0) - self.before.unwrap_or(0.0)
    }

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
    /// The last snapshot, ns.
    pub now_ns: u64,
}

impl WatchedTime {
    /// Time since the first of some events after the baseline, s: before it nothing had changed yet, and that would make a rate look
    /// smaller. At least a few seconds, in which some events are no rate.
    fn since_first_s(&self, span: Span) -> f64 {
        let first_ns = span.first_ns();
        let since_first_s = first_ns.map(|ns| self.now_ns.saturating_sub(ns) as f64 / S as f64);
        since_first_s.map_or(self.since_s, |s| s.max(LONG).min(self.since_s))
    }

    /// Time since the last of so many events, ns; `None`: they may go on.
    fn ended_ns(&self, span: Span, count: u64) -> Option<u64> {
        let pause_ns = self.now_ns.saturating_sub(span.last_ns());
        (count > 0 && span.is_over_after(pause_ns, count)).then_some(pause_ns)
    }

    /// Time of so many events, s: from the first one on, and to the last one if they have ended.
    fn span_s(&self, span: Span, count: u64) -> f64 {
        match self.ended_ns(span, count) {
            Some(_) => (span.length_ns() as f64 / S as f64).max(SHORT),
            None => self.since_first_s(span),
        }
    }
}

/// Returns a figure before the baseline and since. `bytes` is the total moved by now.
pub fn figure(
    figure: BaselineFigure,
    compared: &BaselineEntry,
    since: &SideSums,
    bytes: u64,
    watched: WatchedTime,
) -> (Option<f64>, Option<f64>) {
    let before = &compared.usual(since);
    let (then_s, now_s) = (watched.before_s, watched.since_s);
    let rate = |n: u64, s: f64| (s >= SHORT).then(|| n as f64 / s);
    let part = |side: &SideSums| (side.seen > 0).then(|| side.lossy as f64 / side.seen as f64);
    match figure {
        BaselineFigure::Failed => (
            rate(before.failed, then_s),
            rate(since.failed, watched.since_first_s(compared.failures.span)),
        ),
        BaselineFigure::New => {
            let since_s = match before.opened {
                0 => watched.span_s(since.opened_in, since.opened),
                _ => now_s,
            };
            (rate(before.opened, then_s), rate(since.opened, since_s))
        }
        BaselineFigure::Lossy => (part(before), part(since)),
        BaselineFigure::Connect => (before.connect.typical(), since.connect.typical()),
        BaselineFigure::Rtt => (before.rtt.typical(), since.rtt.typical()),
        BaselineFigure::Response | BaselineFigure::OurResponse => {
            let [before, since] = [before, since].map(|side| figure.answers(side));
            let before = before.and_then(AnswerSums::typical);
            (before, since.and_then(AnswerSums::at_worst))
        }
        BaselineFigure::Duration => (before.duration.typical(), since.duration.typical()),
        BaselineFigure::Bytes => {
            let moved = bytes.saturating_sub(compared.bytes);
            (Some(compared.byte_rate), rate(moved, now_s))
        }
    }
}

/// New keys of which the differences are kept: far more than a screen has lines.
const NEW_KEPT: usize = 512;

/// Differences of all keys, and the tests that they must pass together.
#[derive(Debug, Default)]
pub struct Findings {
    /// Each with the probability that it is chance.
    found: Vec<(Difference, f64)>,
    /// Links that keep no session open any more. They count if they open more than before.
    none_kept: Vec<Difference>,
    /// New keys: those with the most sessions, and the number of others.
    new: Vec<Difference>,
    more_new: usize,
    /// By figure that may have increased.
    tests: [Tests; BaselineFigure::ALL.len()],
    /// Of fewer new sessions.
    fewer: Tests,
}

impl Findings {
    fn find_new(&mut self, difference: Difference) {
        self.new.push(difference);
        if self.new.len() < 2 * NEW_KEPT {
            return;
        }
        let rank = |d: &Difference| (d.since.unwrap_or(0.0), d.bytes);
        self.new.select_nth_unstable_by(NEW_KEPT, |a, b| {
            let (mine, theirs) = (rank(a), rank(b));
            let by_sessions = theirs.0.total_cmp(&mine.0);
            by_sessions
                .then_with(|| theirs.1.cmp(&mine.1))
                .then_with(|| a.key.cmp(&b.key))
        });
        self.new.truncate(NEW_KEPT);
        self.more_new += NEW_KEPT;
    }

    /// Number of new keys without a difference here: there are too many.
    pub fn more_new(&self) -> usize {
        self.more_new
    }

    /// Returns the differences that are significant among as many tests as there were.
    pub fn significant(self) -> Vec<Difference> {
        let (limits, fewer) = (self.tests.map(Tests::limit), self.fewer.limit());
        let is_significant = |(difference, chance): &(Difference, f64)| match difference.finding {
            DifferenceKind::Worse(figure) | DifferenceKind::Grown(figure) => {
                *chance <= limits[figure as usize]
            }
            DifferenceKind::FewerNew => *chance <= fewer,
            DifferenceKind::Gone
            | DifferenceKind::Quiet
            | DifferenceKind::FewerOpen
            | DifferenceKind::NoneKept
            | DifferenceKind::New => true,
        };
        let found = self.found.into_iter().filter(is_significant);
        let mut found: Vec<Difference> = found.map(|(difference, _)| difference).collect();
        let opens_more = |d: &&Difference| d.finding == DifferenceKind::Grown(BaselineFigure::New);
        let more: FxHashSet<BaselineKey> = found.iter().filter(opens_more).map(|d| d.key).collect();
        let none_kept = self.none_kept.into_iter();
        found.extend(none_kept.filter(|d| more.contains(&d.key)));
        found.extend(self.new);
        found
    }
}

/// Tests of one kind: their number, and the small ones of their probabilities.
#[derive(Debug, Default)]
struct Tests {
    number: usize,
    small: Vec<f64>,
}

impl Tests {
    /// Notes a test. True if the probability is at most `limit`, which a single one must meet.
    fn note(&mut self, chance: f64, limit: f64) -> bool {
        self.number += 1;
        if chance <= FALSE_DISCOVERIES {
            self.small.push(chance);
        }
        chance <= limit
    }

    /// The maximum probability at which a difference is significant among all of them.
    fn limit(mut self) -> f64 {
        discovery_limit(&mut self.small, self.number, FALSE_DISCOVERIES)
    }
}

/// A key that is compared: its sums, and what happened since.
pub struct Compared<'a> {
    pub key: BaselineKey,
    pub entry: &'a BaselineEntry,
    pub since: &'a SideSums,
    /// Number of open sessions, and of those that are kept open.
    pub open: u64,
    pub kept: u64,
    /// It may have been there before, in sessions that were evicted.
    pub may_be_known: bool,
    /// Total bytes by now.
    pub bytes: u64,
    /// Times without a session after which the key is quiet, and gone, and how long there has been none, ns.
    pub quiet_after_ns: u64,
    pub gone_after_ns: u64,
    pub pause_ns: u64,
}

/// Adds the differences of one key to the findings.
pub fn compare(compared: &Compared<'_>, watched: WatchedTime, findings: &mut Findings) {
    let &Compared { entry, since, .. } = compared;
    let (then_s, now_s) = (watched.before_s, watched.since_s);
    let figure = |figure| {
        let (before, now) = self::figure(figure, entry, since, compared.bytes, watched);
        match figure {
            BaselineFigure::Failed => {
                let failing_s = watched.span_s(entry.failures.span, since.failed);
                (before, now.map(|_| since.failed as f64 / failing_s))
            }
            _ => (before, now),
        }
    };
    let ended_ns = |finding| match finding {
        DifferenceKind::Worse(BaselineFigure::Failed) => {
            watched.ended_ns(entry.failures.span, since.failed)
        }
        DifferenceKind::New => {
            let pause_ns = compared.pause_ns;
            let is_over = since.opened_in.is_over_after(pause_ns, since.opened);
            (compared.open == 0 && is_over).then_some(pause_ns)
        }
        DifferenceKind::Grown(BaselineFigure::New) if entry.before.opened == 0 => {
            watched.ended_ns(since.opened_in, since.opened)
        }
        finding => finding.is_silent().then_some(compared.pause_ns),
    };
    let comes = compared.open == 0 || watched.ended_ns(since.opened_in, since.opened).is_none();
    let difference = |finding, before, now| Difference {
        before,
        since: now,
        bytes: compared.bytes.saturating_sub(entry.bytes),
        reason: match finding {
            DifferenceKind::Worse(BaselineFigure::Failed) => entry.failures.most(),
            _ => None,
        },
        opened: match (finding, figure(BaselineFigure::New)) {
            // of a single one, a rate says nothing, nor of some that stay open
            (DifferenceKind::New, (_, Some(opened))) if since.opened > 1 && comes => {
                Some([0.0, opened])
            }
            _ => None,
        },
        ended_ns: ended_ns(finding),
        ..Difference::new(compared.key, finding)
    };
    let mut find = |finding, before, since| {
        let difference = difference(finding, before, since);
        match finding {
            DifferenceKind::New => findings.find_new(difference),
            _ => findings.found.push((difference, 0.0)),
        }
    };
    if !entry.known {
        if since.seen > 0 && !compared.may_be_known {
            find(DifferenceKind::New, None, Some(since.seen as f64));
        }
        if since.failed >= FAILURES
            && let (before, Some(now)) = figure(BaselineFigure::Failed)
        {
            find(
                DifferenceKind::Worse(BaselineFigure::Failed),
                before,
                Some(now),
            );
        }
        return;
    }
    let expected = entry.before.opened as f64 / then_s.max(SHORT) * now_s;
    // what came once or twice may never have been about to come back
    let is_regular = entry.before.opened >= SEVERAL && expected >= FAILURES as f64;
    let is_gone = compared.pause_ns >= compared.gone_after_ns;
    let mut is_silent = false;
    if compared.open == 0 {
        match entry.long_open {
            0 if is_regular && is_gone => {
                let (before, _) = figure(BaselineFigure::New);
                find(DifferenceKind::Gone, before, Some(0.0));
                is_silent = true;
            }
            // what comes and goes is always quiet for a while
            long_open if long_open > 0 && compared.pause_ns >= compared.quiet_after_ns => {
                let kind = match is_gone {
                    true => DifferenceKind::Gone,
                    false => DifferenceKind::Quiet,
                };
                find(kind, Some(long_open as f64), None);
                is_silent = true;
            }
            _ => {}
        }
    }
    if !is_silent && now_s >= LONG_FEWER {
        let open = compared.open;
        if entry.long_open >= MANY_OPEN && open * FEWER_OPEN <= entry.long_open {
            let (before, since) = (entry.long_open as f64, open as f64);
            let fewer = difference(DifferenceKind::FewerOpen, Some(before), Some(since));
            findings.found.push((fewer, 0.0));
        }
        // those that stay open are opened once
        let came = entry.before.opened.saturating_sub(entry.long_open);
        let expected = came as f64 / then_s.max(SHORT) * now_s;
        if expected >= ENOUGH as f64 && entry.openings.is_steady((then_s * S as f64) as u64) {
            let share = then_s / (then_s + now_s);
            let chance = binomial_tail(came, came + since.opened, share);
            let is_less = (since.opened as f64) * MORE < expected;
            if findings.fewer.note(chance, CHANCE) && is_less {
                let (before, since) = figure(BaselineFigure::New);
                let fewer = difference(DifferenceKind::FewerNew, before, since);
                findings.found.push((fewer, chance));
            }
        }
    }
    if !is_silent && keeps_none(compared, watched.now_ns) {
        let before = entry.long_open as f64;
        let none = difference(DifferenceKind::NoneKept, Some(before), Some(0.0));
        findings.none_kept.push(none);
    }
    let usual = entry.usual(since);
    // its other figures are those of its end
    let compared_figures = BaselineFigure::ALL.into_iter();
    for each in compared_figures.filter(|f| !is_silent || *f == BaselineFigure::Failed) {
        let (before, now) = figure(each);
        let (Some(then), Some(now)) = (before, now) else {
            continue;
        };
        let (old, new) = (&usual, since);
        let answers = each.answers(old).zip(each.answers(new));
        let answers = answers.map(|(old, new)| [old, new]);
        // so many of the events happened since, of which chance has a share by the time watched
        let rate = |old: u64, new: u64, least: u64| {
            let share = now_s / (then_s + now_s);
            (old + new >= least).then(|| binomial_tail(new, old + new, share))
        };
        let long = then_s >= LONG && now_s >= LONG;
        let chance = match each {
            BaselineFigure::Failed => rate(old.failed, new.failed, FAILURES),
            BaselineFigure::New if long => rate(old.opened, new.opened, ENOUGH),
            BaselineFigure::Bytes if long => Some(0.0),
            BaselineFigure::New | BaselineFigure::Bytes => None,
            BaselineFigure::Lossy => {
                let enough = old.seen.min(new.seen) >= ENOUGH_FOR_LOSS;
                enough.then(|| chance_of_loss(old, new))
            }
            BaselineFigure::Connect => new.connect.chance_of_longer_than(&old.connect),
            BaselineFigure::Rtt => new.rtt.chance_of_longer_than(&old.rtt),
            BaselineFigure::Response | BaselineFigure::OurResponse => {
                answers.and_then(|[old, new]| new.chance_of_longer_than(old))
            }
            BaselineFigure::Duration => new.duration.chance_of_longer_than(&old.duration),
        };
        let more = now > 0.0 && now >= then * MORE;
        let is_notable = match each {
            BaselineFigure::Failed => more && new.failed >= FAILURES,
            BaselineFigure::New => more && new.opened >= ENOUGH,
            BaselineFigure::Bytes => more && now >= HEAVY,
            BaselineFigure::Lossy => more && new.lossy >= LOSSY,
            BaselineFigure::Connect => new.connect.are_longer_than(&old.connect, LONGER_CONNECT_US),
            BaselineFigure::Rtt => new.rtt.are_longer_than(&old.rtt, LONGER_WORK_US),
            BaselineFigure::Response | BaselineFigure::OurResponse => {
                answers.is_some_and(|[old, new]| new.are_longer_than(old, LONGER_WORK_US))
            }
            BaselineFigure::Duration => new.duration.are_longer_than(&old.duration, LONGER_WORK_US),
        };
        if let Some(chance) = chance
            && findings.tests[each as usize].note(chance, each.single_limit())
            && is_notable
        {
            let mut increase = difference(DifferenceKind::of_increase(each), before, Some(now));
            if let Some([_, new]) = answers {
                increase.answers = new.all.count.into();
                increase.has_unread = new.has_unread;
            }
            findings.found.push((increase, chance));
        }
    }
}

/// True if a link kept sessions open, a small pool of them, and has kept none open since it opens others.
fn keeps_none(compared: &Compared<'_>, now_ns: u64) -> bool {
    let (entry, opened_in) = (compared.entry, compared.since.opened_in);
    let since_ns = opened_in.first_ns().map(|ns| ns.max(entry.kept_until_ns));
    matches!(compared.key, BaselineKey::Link(_))
        && POOL.contains(&entry.long_open)
        && compared.kept == 0
        && since_ns.is_some_and(|ns| now_ns.saturating_sub(ns) >= NONE_KEPT_NS)
}

/// Probability that a share of losses so much greater is chance.
fn chance_of_loss(old: &SideSums, new: &SideSums) -> f64 {
    let part = |side: &SideSums| side.lossy as f64 / side.seen as f64;
    let all = (old.seen + new.seen) as f64;
    let both = (old.lossy + new.lossy) as f64 / all;
    let counts = 1.0 / old.seen as f64 + 1.0 / new.seen as f64;
    let error = (both * (1.0 - both) * counts).sqrt();
    match error > 0.0 {
        true => student_tail((part(new) - part(old)) / error, all - 2.0),
        false => 1.0,
    }
}
