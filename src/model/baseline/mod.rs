//! A baseline: a moment to compare with, and the sums of the sessions before and since.
//!
//! It keeps both sides' sums, of all sessions and by link, peer, program and port, within bounds, and decides which
//! differences are significant. Their order on the screen is up to `ui`.

mod answers;
mod chance;
mod comparing;
pub mod diff;
mod fold;
pub mod key;
mod parts;
mod sharded;
mod stats;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use answers::{Answered, AnsweringEnd, CountedEnd, Followed};
pub use comparing::{Comparing, Differences};
use diff::WatchedTime;
pub use diff::{BaselineFigure, Difference, DifferenceKind};
use key::{BaselineKey, GROUPS, KEYS, group_by, keys};
use parts::{Keys, Servers, Together};
use rustc_hash::FxHashSet;
use sharded::Sharded;
use stats::{BaselineEntry, SideSums};

use crate::model::aggregate::bounded_map::{BoundedMap, Sums as _};
use crate::model::aggregate::{Aggregates, GroupBy, GroupKey};
use crate::model::local_pairs::leads;
use crate::model::session::{Age, Session, SessionId};
use crate::model::store::{Backfill, Change, SessionRef, Slot, Store};
use crate::text::units::S;

/// Length of the period before the baseline that rates are measured over, s.
pub const RATES_S: u64 = 60;
/// Length of the period before the baseline for losses, s, and for times that are too few in the shorter one: those need many
/// sessions.
pub const TIMES_S: u64 = 600;
/// Minimum number of keys kept for each kind.
const KEEP: usize = 4096;
/// Closed sessions counted at a time: some milliseconds of work.
const CHUNK: u64 = 1 << 13;
/// Open sessions counted at a time: fewer, because none of them can be skipped as too old.
const OPEN_CHUNK: usize = 1 << 11;

/// Minimum time since the baseline for differences, ns: what happens in a few seconds is mostly chance.
pub const EARLY_NS: u64 = 10 * S;

/// Minimum age of an open session for it to be one that is kept open, ns. The key of one that is so at the baseline counts as gone
/// once it has no open session.
const LONG_OPEN_NS: u64 = 10 * S;

/// Sums of the open sessions.
#[derive(Debug, Default)]
struct OpenSums {
    all: SideSums,
    kinds: [Sharded<BaselineKey, SideSums>; KEYS],
    together: Sharded<Keys, Together>,
}

/// Open sessions being counted.
#[derive(Debug, Default)]
struct OpenCount {
    /// Slots from this one on are still to be counted.
    next: Slot,
    open: OpenSums,
    /// A newer snapshot arrived meanwhile.
    is_stale: bool,
}

/// Progress through the sessions that were open at the baseline. Each is counted as it was then, before any change to it
/// applies.
#[derive(Debug, Default)]
struct OpenBefore {
    /// Slots from this one on are still to be counted.
    next: Slot,
    /// Sessions in these slots that were counted before their turn, or opened after the baseline.
    done: FxHashSet<SessionId>,
}

impl OpenBefore {
    /// True if the session in this slot, as it was before a change, is to be counted now.
    fn takes(&mut self, slot: Slot, session: &Session) -> bool {
        slot >= self.next && self.done.insert(session.id())
    }
}

/// Sums of closed sessions that are not shown yet.
#[derive(Debug, Default)]
struct Later {
    all: BaselineEntry,
    kinds: [BoundedMap<BaselineKey, BaselineEntry>; KEYS],
    together: BoundedMap<Keys, Together>,
}

/// How a session that has closed since the baseline counts.
struct Closed<'a> {
    /// Its other end, if that counts for both.
    stand_in: Option<&'a Session>,
    /// Its end was missed, and it counts only as an activity of its keys.
    is_vanished: bool,
    ended_ns: u64,
    opened: bool,
    is_lossy: bool,
    /// It was open at the baseline, and had been for a while.
    was_long_open: bool,
    /// It was kept open until then.
    was_kept: bool,
    /// It was open at the baseline, and turned out to stay so for a while.
    stayed_open: bool,
    answering: AnsweringEnd<'a>,
    answered: Option<Answered>,
}

impl Closed<'_> {
    fn count(
        &self,
        session: &Session,
        all: &mut BaselineEntry,
        kinds: &mut [BoundedMap<BaselineKey, BaselineEntry>; KEYS],
        together: &mut BoundedMap<Keys, Together>,
    ) {
        each(all, kinds, session, self.stand_in, |compared, end| {
            compared.ended_ns = compared.ended_ns.max(self.ended_ns);
            if self.was_kept {
                compared.kept_until_ns = compared.kept_until_ns.max(self.ended_ns);
            }
            compared.long_open += u64::from(self.stayed_open);
            if !self.is_vanished {
                compared.failures.take(session);
                let side = &mut compared.ended;
                if self.opened {
                    side.count_opened(session);
                }
                side.failed += u64::from(session.reason.is_failure());
                side.see(session, self.opened, self.is_lossy);
                if let Some(answered) = &self.answered {
                    side.answers.add_since(self.answering, answered, end);
                }
                // those that were there count by their number, not by what most of their life was before
                if !self.was_long_open {
                    side.add_duration(session);
                }
            }
        });
        if !self.is_vanished {
            let sums = together.entry(Keys::of(session), KEEP);
            sums.count_since(session, self.opened, self.is_lossy);
        }
    }
}

/// A moment to compare with.
#[derive(Debug)]
pub struct Baseline {
    at_ns: u64,
    /// Start of the period that rates are measured over, and of that for times and losses.
    rates_ns: u64,
    times_ns: u64,
    all: BaselineEntry,
    kinds: [BoundedMap<BaselineKey, BaselineEntry>; KEYS],
    /// Sums of sessions with the same keys, open ones not included.
    together: BoundedMap<Keys, Together>,
    /// Programs that accept connections within this host.
    servers: Servers,
    later: Option<Box<Later>>,
    /// Sums of the open sessions at the last counted snapshot.
    open: OpenSums,
    /// The count in progress.
    counting: Option<OpenCount>,
    /// Retransmits up to the baseline, for sessions that were open then.
    retransmits: Sharded<SessionId, u32>,
    /// Answers since the baseline of sessions that are open.
    answered: Followed,
    /// Open sessions whose other end had closed, and been counted by itself, before they were known.
    counted_by_other: FxHashSet<SessionId>,
    /// Closed sessions from before the baseline that are still to be counted.
    backfill: Backfill,
    /// Sessions that were open at the baseline and are still to be counted.
    open_before: Option<OpenBefore>,
    now_ns: u64,
    /// Closed sessions that had been evicted by then: they are missing in what was before.
    evicted: u64,
    /// Keys may be reported as new although they were there before.
    is_inexact: bool,
}

impl Baseline {
    /// Sets a baseline now, for data recorded since `first_ns`. Earlier sessions are counted by [`Baseline::work`].
    pub fn new(first_ns: u64, at_ns: u64, talkers: &Aggregates, store: &Store) -> Self {
        let kept = store.closed_numbers();
        // sessions older than the oldest kept one are known only in part
        let known_ns = match store.get(SessionRef::Closed(kept.start)) {
            Some(oldest) if kept.start > 0 => oldest.end_ns.max(first_ns),
            _ => first_ns,
        };
        let since = |s: u64| at_ns.saturating_sub(s * S).max(known_ns).min(at_ns);
        let mut baseline = Baseline {
            rates_ns: since(RATES_S),
            times_ns: since(TIMES_S),
            backfill: Backfill::new(store, CHUNK),
            open_before: Some(OpenBefore::default()),
            evicted: kept.start,
            is_inexact: GROUPS.iter().any(|by| talkers.other(*by).1 > 0),
            ..Baseline::blank(at_ns)
        };
        let past_s = (at_ns.saturating_sub(first_ns) as f64 / S as f64).clamp(1.0, RATES_S as f64);
        let [_, groups @ ..] = &mut baseline.kinds;
        for (by, kind) in GROUPS.into_iter().zip(groups) {
            for (key, talker) in talkers.of(by) {
                let moved: f64 = talkers.history(talker).iter().map(|b| f64::from(*b)).sum();
                let compared = kind.entry(BaselineKey::Group(key), KEEP);
                compared.known = true;
                compared.bytes = talker.bytes;
                compared.byte_rate = moved / past_s;
                if by == GroupBy::Port {
                    baseline.all.byte_rate += compared.byte_rate;
                }
            }
        }
        baseline.all.bytes = talkers.bytes();
        baseline
    }

    /// A baseline at a moment before which nothing is known.
    fn blank(at_ns: u64) -> Self {
        Baseline {
            at_ns,
            rates_ns: at_ns,
            times_ns: at_ns,
            all: BaselineEntry::default(),
            kinds: Default::default(),
            together: BoundedMap::default(),
            servers: Servers::default(),
            later: None,
            open: OpenSums::default(),
            counting: None,
            retransmits: Sharded::default(),
            answered: Followed::default(),
            counted_by_other: FxHashSet::default(),
            backfill: Backfill::default(),
            open_before: None,
            now_ns: at_ns,
            evicted: 0,
            is_inexact: false,
        }
    }

    /// The same sums before another moment, at which nothing is known of a store but its open sessions: that of a later run of this
    /// host, or of another one. All of this baseline's sessions must have been counted.
    pub fn placed(&self, at_ns: u64, talkers: &Aggregates, store: &Store) -> Self {
        let mut placed = Baseline {
            rates_ns: at_ns.saturating_sub(self.at_ns - self.rates_ns),
            times_ns: at_ns.saturating_sub(self.at_ns - self.times_ns),
            all: self.all.clone(),
            kinds: self.kinds.clone(),
            together: self.together.clone(),
            servers: self.servers.clone(),
            evicted: self.evicted,
            is_inexact: self.is_inexact,
            ..Baseline::blank(at_ns)
        };
        for (_, session) in store.open() {
            placed.note(session);
        }
        // which of the sessions that are open here have answered there in the last minute is not known
        placed.all.latest.without_answers();
        placed.all.bytes = talkers.bytes();
        for (key, entry) in placed.kinds.iter_mut().flat_map(BoundedMap::iter_mut) {
            entry.latest.without_answers();
            let talker = match key {
                BaselineKey::Group(key) => group_by(&key).and_then(|by| talkers.get(by, key)),
                BaselineKey::Link(_) | BaselineKey::Several(_) => None,
            };
            entry.bytes = talker.map_or(0, |talker| talker.bytes);
        }
        placed
    }

    /// Moves on from sums of a part of the time to those of more of it, at the same moment: these also have bytes of sessions that
    /// closed before that part began. All sessions from before the baseline must have been counted.
    pub fn move_to(&mut self, part: &Aggregates, whole: &Aggregates, is_part: bool) {
        self.is_inexact |= is_part;
        let earlier = |whole: u64, part: u64| whole.saturating_sub(part);
        self.all.bytes += earlier(whole.bytes(), part.bytes());
        let [_, groups @ ..] = &mut self.kinds;
        for (by, kind) in GROUPS.into_iter().zip(groups) {
            for (key, talker) in whole.of(by) {
                let counted = part.get(by, key).map_or(0, |talker| talker.bytes);
                let bytes = earlier(talker.bytes, counted);
                if bytes > 0 {
                    let entry = kind.entry(BaselineKey::Group(key), KEEP);
                    entry.known = true;
                    entry.bytes += bytes;
                }
            }
        }
    }

    /// Time since the baseline at the last snapshot, ns.
    pub fn ago_ns(&self) -> u64 {
        self.now_ns.saturating_sub(self.at_ns)
    }

    /// True if it is too early for differences.
    pub fn is_too_early(&self) -> bool {
        self.ago_ns() < EARLY_NS
    }

    /// True if newer sessions had evicted nearly all of the time before the baseline: what is known of it would mislead.
    pub fn is_before_too_short(&self) -> bool {
        self.evicted > 0 && self.before_ns() < EARLY_NS
    }

    /// True if what comes now and then may not have come in the time before the baseline that is known.
    pub fn is_before_short(&self) -> bool {
        self.before_ns() < RATES_S * S
    }

    /// Time that rates were watched before the baseline, ns.
    pub fn before_ns(&self) -> u64 {
        self.at_ns - self.rates_ns
    }

    /// Number of closed sessions that had been evicted at the baseline.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// True if a key reported as new may have existed long before the baseline.
    pub fn is_inexact(&self) -> bool {
        self.is_inexact || self.kinds.iter().any(|kind| kind.other().1 > 0)
    }

    /// True while closed or open sessions are still to be counted.
    pub fn is_working(&self, store: &Store) -> bool {
        self.counting.is_some() || self.is_counting_before(store)
    }

    /// True while sessions from before the baseline are still to be counted.
    pub fn is_counting_before(&self, store: &Store) -> bool {
        self.open_before.is_some() || !self.backfill.is_done(store)
    }

    /// Counts a chunk. Returns true if there is something new to show.
    pub fn work(&mut self, store: &Store, counts: impl Fn(&Session) -> bool) -> bool {
        if let Some(before) = self.open_before.take() {
            self.count_open_before(before, store, counts);
            return false;
        }
        if let Some(counting) = self.counting.take() {
            return self.count_open_since(counting, store, counts);
        }
        let closed = store.closed_in(self.backfill.take_chunk(store)).rev();
        for (place, session) in closed.filter(|(_, s)| counts(s)) {
            let other = store.other_end(place, session).map(|other| other.session);
            self.count_before(session, other);
        }
        !self.is_working(store)
    }

    fn count_open_before(
        &mut self,
        mut before: OpenBefore,
        store: &Store,
        counts: impl Fn(&Session) -> bool,
    ) {
        let end = before.next + OPEN_CHUNK as Slot;
        for (slot, session) in store.open_in(before.next..end).filter(|(_, s)| counts(s)) {
            if before.takes(slot, session) {
                let place = SessionRef::Open(session.cookie);
                let other = store.other_end(place, session).map(|other| other.session);
                self.count_open(session, other);
            }
        }
        before.next = end;
        self.open_before = (end < store.open_slots()).then_some(before);
    }

    /// Notes what a session that was open at the baseline had then.
    fn note(&mut self, session: &Session) {
        if session.retransmits > 0 {
            *self.retransmits.entry(session.id()) = session.retransmits;
        }
        self.answered.note(session, self.began(session));
    }

    /// True if the session opened in the last minute before the baseline.
    fn began(&self, session: &Session) -> bool {
        session.age == Age::Exact && session.start_ns >= self.rates_ns
    }

    /// Counts a session that was open at the baseline, as it was then.
    fn count_open(&mut self, session: &Session, other: Option<&Session>) {
        self.note(session);
        self.count_before(session, other);
    }

    /// Counts the next open sessions. True if they were the last ones.
    fn count_open_since(
        &mut self,
        mut counting: OpenCount,
        store: &Store,
        counts: impl Fn(&Session) -> bool,
    ) -> bool {
        let end = counting.next + OPEN_CHUNK as Slot;
        for (_, session) in store.open_in(counting.next..end).filter(|(_, s)| counts(s)) {
            let is_lossy = self.is_lossy(session);
            let opened = session.start_ns >= self.at_ns && session.age == Age::Exact;
            let OpenSums {
                all,
                kinds,
                together,
            } = &mut counting.open;
            let sums = together.entry(Keys::of(session));
            sums.count_since(session, opened, is_lossy);
            self.servers.take(session);
            let place = SessionRef::Open(session.cookie);
            let other = store.other_end(place, session).map(|other| other.session);
            let is_counted = |_: &&Session| self.counted_by_other.contains(&session.id());
            let stand_in = other.filter(is_counted).or(stand_in(session, other));
            let counted = counted(session, stand_in).into_iter().zip(kinds);
            let sides =
                counted.filter_map(|(key, open)| Some((open.entry(key?), counted_end_of(&key?))));
            let all = stand_in.is_none().then_some((all, CountedEnd::First));
            let answering = AnsweringEnd::of(session, other);
            let answered = self.answered.of(answering, self.at_ns);
            let is_kept = is_kept_open(session, self.now_ns);
            for (side, end) in sides.chain(all) {
                if opened {
                    side.count_opened(session);
                }
                side.see(session, opened, is_lossy);
                side.kept += u64::from(is_kept);
                if let Some(answered) = &answered {
                    side.answers.add_since(answering, answered, end);
                }
            }
        }
        counting.next = end;
        if end < store.open_slots() {
            self.counting = Some(counting);
            return false;
        }
        self.open = counting.open;
        self.counting = counting.is_stale.then(OpenCount::default);
        true
    }

    /// Applies a change of a session after the baseline.
    pub fn take(&mut self, change: &Change<'_>) {
        let Some((session, closed)) = self.closed(change) else {
            return;
        };
        let Baseline {
            all,
            kinds,
            together,
            ..
        } = self;
        closed.count(session, all, kinds, together);
        self.retransmits.remove(&session.id());
    }

    /// Applies a change that is not shown yet.
    pub fn pass(&mut self, change: &Change<'_>) {
        if let Some((session, closed)) = self.closed(change) {
            let later = self.later.get_or_insert_default();
            closed.count(
                session,
                &mut later.all,
                &mut later.kinds,
                &mut later.together,
            );
        }
    }

    /// Shows what was passed.
    pub fn settle(&mut self) {
        let Some(later) = self.later.take() else {
            return;
        };
        self.all.add(&later.all);
        for (kind, later) in self.kinds.iter_mut().zip(&later.kinds) {
            for (key, entry) in later.iter() {
                kind.entry(key, KEEP).add(entry);
            }
        }
        for (keys, sums) in later.together.iter() {
            self.together.entry(keys, KEEP).add(sums);
        }
    }

    /// Returns the session if it has closed, and how it counts.
    fn closed<'a>(&mut self, change: &Change<'a>) -> Option<(&'a Session, Closed<'a>)> {
        if let (Some(waiting), Some(slot)) = (&mut self.open_before, change.slot)
            && let Some(session) = change.before.or(change.now)
            && waiting.takes(slot, session)
            && change.before.is_some()
        {
            self.count_open(session, change.other.map(|other| other.session));
        }
        let answered = self.answered.take(change, self.at_ns);
        let other = change.other.map(|other| other.session);
        // an end that closed since the baseline while this one was not known has been counted
        let is_late = change.before.is_none()
            && other.is_some_and(|s| !s.is_open() && s.end_ns >= self.at_ns);
        let session = match (change.now, change.before) {
            (Some(now), _) if now.is_open() => {
                if is_late {
                    self.counted_by_other.insert(now.id());
                }
                return None;
            }
            (Some(now), _) => now,
            (None, before) => before?,
        };
        let ended_ns = change.now.map_or(self.now_ns, |s| s.end_ns);
        self.servers.take(session);
        let was_long_open = self.was_long_open(session);
        let was_open = session.start_ns < self.at_ns && ended_ns > self.at_ns;
        let is_counted = self.counted_by_other.remove(&session.id()) || is_late;
        let stand_in = other.filter(|_| is_counted).or(stand_in(session, other));
        let answering = AnsweringEnd::of(session, other);
        let of_server = || {
            let answered = self.answered.of(answering, self.at_ns);
            answered.map(Cow::into_owned)
        };
        let was_kept = is_kept_open(session, ended_ns);
        let closed = Closed {
            stand_in,
            is_vanished: change.now.is_none(),
            ended_ns,
            was_long_open,
            was_kept,
            stayed_open: was_open && !was_long_open && was_kept,
            opened: session.start_ns >= self.at_ns && session.age == Age::Exact,
            is_lossy: self.is_lossy(session),
            answering,
            answered: answered.or_else(of_server),
        };
        Some((session, closed))
    }

    /// Notes a snapshot of the open sessions, which [`Baseline::work`] counts again only while the differences are shown.
    pub fn take_snapshot(&mut self, now_ns: u64, is_shown: bool) {
        self.now_ns = now_ns;
        match &mut self.counting {
            Some(counting) => counting.is_stale |= is_shown,
            None => self.counting = is_shown.then(OpenCount::default),
        }
    }

    /// True if the session has had retransmits since the baseline.
    fn is_lossy(&self, session: &Session) -> bool {
        let before = self.retransmits.get(&session.id()).copied();
        session.retransmits > before.unwrap_or(0)
    }

    /// True if the session had been open for a while at the baseline.
    fn was_long_open(&self, session: &Session) -> bool {
        session.start_ns < self.at_ns && is_kept_open(session, self.at_ns)
    }

    fn count_before(&mut self, session: &Session, other: Option<&Session>) {
        let stand_in = stand_in(session, other);
        let answering = AnsweringEnd::before(session, other, &self.answered);
        self.servers.take(session);
        if !session.is_open() && session.end_ns < self.times_ns {
            // of links there are no other sums that say so
            if let [Some(link), ..] = keys(session) {
                self.kinds[0].entry(link, KEEP).known = true;
            }
            return;
        }
        let (at, rates, times) = (self.at_ns, self.rates_ns, self.times_ns);
        let is_new = session.age == Age::Exact;
        let opened = is_new && (rates..at).contains(&session.start_ns);
        let failed = session.reason.is_failure() && session.end_ns >= rates;
        let connects = session.start_ns >= times;
        let is_latest = session.is_open() || session.end_ns >= rates;
        let began = self.began(session);
        let is_long_open = session.is_open() && self.was_long_open(session);
        let from_ns = match session.age != Age::Exact {
            true => times,
            false => session.start_ns.max(times),
        };
        let to_ns = if session.is_open() {
            at
        } else {
            session.end_ns
        };
        let [from, to] = [from_ns, to_ns].map(|ns| at.saturating_sub(ns));
        let together = self.together.entry(Keys::of(session), KEEP);
        together.before += u64::from(opened || is_long_open);
        let (all, kinds) = (&mut self.all, &mut self.kinds);
        each(all, kinds, session, stand_in, |compared, end| {
            compared.known = true;
            compared.activity.add(from, to);
            compared.long_open += u64::from(is_long_open);
            if opened && !is_long_open {
                compared.openings.add(from, from);
            }
            let side = &mut compared.before;
            side.opened += u64::from(opened);
            side.failed += u64::from(failed);
            side.see(session, connects, session.retransmits > 0);
            side.answers.add_before(answering, times, end);
            side.add_duration(session);
            if is_latest {
                compared.latest.add(session, answering, began, end);
            }
        });
    }

    /// Returns a figure of all sessions, before the baseline and since.
    pub fn overall(
        &self,
        figure: BaselineFigure,
        talkers: &Aggregates,
    ) -> (Option<f64>, Option<f64>) {
        let mut since = self.all.ended;
        since.merge(&self.open.all);
        diff::figure(figure, &self.all, &since, talkers.bytes(), self.watched())
    }

    fn watched(&self) -> WatchedTime {
        WatchedTime {
            before_s: self.before_ns() as f64 / S as f64,
            since_s: self.ago_ns() as f64 / S as f64,
            now_ns: self.now_ns,
        }
    }
}

/// True if a session that is open at a time, ns, has been kept open until then.
fn is_kept_open(session: &Session, at_ns: u64) -> bool {
    session.age != Age::Exact || at_ns.saturating_sub(session.start_ns) >= LONG_OPEN_NS
}

/// The other end of a local connection, if that counts for both.
fn stand_in<'a>(session: &Session, other: Option<&'a Session>) -> Option<&'a Session> {
    other.filter(|other| leads(other, session))
}

/// Calls `count` with each of the sums that a session counts for. Those that its stand-in counts for leave it out.
fn each(
    all: &mut BaselineEntry,
    kinds: &mut [BoundedMap<BaselineKey, BaselineEntry>; KEYS],
    session: &Session,
    stand_in: Option<&Session>,
    mut count: impl FnMut(&mut BaselineEntry, CountedEnd),
) {
    if stand_in.is_none() {
        count(all, CountedEnd::First);
    }
    for (key, kind) in counted(session, stand_in).into_iter().zip(kinds) {
        if let Some(key) = key {
            count(kind.entry(key, KEEP), counted_end_of(&key));
        }
    }
}

/// The end of a connection within this host that the sums of a key count.
fn counted_end_of(key: &BaselineKey) -> CountedEnd {
    match key {
        BaselineKey::Group(GroupKey::Port(_)) => CountedEnd::First,
        _ => CountedEnd::Fixed,
    }
}

/// Keys that a session counts for, without those that its stand-in counts for.
fn counted(session: &Session, stand_in: Option<&Session>) -> [Option<BaselineKey>; KEYS] {
    let mut all = keys(session);
    if let Some(stand_in) = stand_in {
        for (key, other) in all.iter_mut().zip(keys(stand_in)) {
            *key = key.filter(|k| other != Some(*k));
        }
    }
    all
}
