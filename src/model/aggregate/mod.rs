//! Aggregates: sums of the sessions of each process, program, peer, subnet, port, and container or unit.
//!
//! Kept up to date change by change, within bounds however many keys there are. There is no clock in here: time comes
//! with the sessions and the snapshots. The order on the screen is up to `ui::state::top_talkers`.
//!
//! The sums of a key count a local connection once, even if both its ends have that key: the end that
//! [`leads`], as long as it is there.

use crate::model::aggregate::bounded_map::{BoundedMap, Sums};
use crate::model::aggregate::rate_history::{HISTORY_S, RateHistory, Spread, cells};
use crate::model::cgroup::Workload;
use crate::model::local_pairs::leads;
use crate::model::session::{Age, Evidence, Session};
use crate::model::store::{Change, Moved};
use crate::model::turns::ResponseTimes;
use crate::text::units::S;

pub mod bounded_map;
pub mod figure_table;
mod key;
pub mod rate_history;

pub use key::{GroupBy, GroupKey};

/// Minimum number of keys kept for each [`GroupBy`].
const KEEP: usize = 2048;

/// Traffic between two snapshots.
#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    new: u64,
    bytes: u64,
}

/// Sum of response times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Responses {
    us: u64,
    turns: u64,
}

impl Responses {
    /// Returns the sums of one session: of the peer, and ours. Turns whose time is not known count as its mean. Only a
    /// server's times are response times: a client's are its pauses before the next request.
    fn of(session: &Session) -> [Responses; 2] {
        let turns = &session.turns;
        let sum = |times: ResponseTimes| match times.mean_us() {
            Some(mean) => {
                let turns = u64::from(turns.count.max(1));
                Responses {
                    us: mean.saturating_mul(turns),
                    turns,
                }
            }
            None => Responses::default(),
        };
        match session.is_client() {
            true => [sum(turns.peer), Responses::default()],
            false => [Responses::default(), sum(turns.ours)],
        }
    }

    fn add(&mut self, other: Responses) {
        self.us = self.us.saturating_add(other.us);
        self.turns += other.turns;
    }

    fn remove(&mut self, other: Responses) {
        self.us = self.us.saturating_sub(other.us);
        self.turns = self.turns.saturating_sub(other.turns);
    }

    /// Mean, µs; 0: there was none.
    pub fn mean_us(&self) -> f64 {
        self.us as f64 / self.turns.max(1) as f64
    }
}

/// Figures of a change that are the same for each key that it counts for.
struct Figures {
    /// Sums of the session as it was, and as it is.
    before: [Responses; 2],
    now: [Responses; 2],
    /// All bytes that have moved.
    moved: Spread,
}

impl Figures {
    fn of(change: &Change<'_>) -> Self {
        let responses =
            |session: Option<&Session>| session.map_or_else(Default::default, Responses::of);
        let to_ns = change.now.map_or(0, |s| s.end_ns);
        let since = change.before.map(|s| s.end_ns);
        let since = since.or(change.now.map(|s| s.start_ns));
        Figures {
            before: responses(change.before),
            now: responses(change.now),
            moved: Spread::new(change.moved as f64, since.unwrap_or(to_ns), to_ns),
        }
    }
}

/// Sums of one key.
#[derive(Clone, Debug, Default)]
pub struct Aggregate {
    pub open: u64,
    /// The same, as far as it has been counted again.
    recounted: u64,
    /// Sessions in total, open and closed.
    pub sessions: u64,
    /// Total bytes, both directions.
    pub bytes: u64,
    /// Part of `bytes` that was sent.
    pub sent: u64,
    /// Response times of the peers, and of our applications.
    pub responses: [Responses; 2],
    /// Traffic of snapshot `snapshot`, and of the one before it.
    flow: Flow,
    flow_before: Flow,
    snapshot: u64,
    /// Bytes of each second. The margin is for the second in progress.
    history: RateHistory<f32, { HISTORY_S + 4 }>,
}

impl Aggregate {
    /// Traffic of the current snapshot.
    fn flow(&mut self, snapshot: u64) -> &mut Flow {
        if self.snapshot != snapshot {
            let is_next = self.snapshot + 1 == snapshot;
            self.flow_before = if is_next { self.flow } else { Flow::default() };
            (self.flow, self.snapshot) = (Flow::default(), snapshot);
        }
        &mut self.flow
    }

    /// The newest second with traffic, by its number.
    pub fn newest_s(&self) -> u64 {
        self.history.newest_s()
    }

    /// Traffic up to the last complete snapshot, while `snapshot` is in progress.
    fn flow_before(&self, snapshot: u64) -> Flow {
        match snapshot.checked_sub(self.snapshot) {
            Some(0) => self.flow_before,
            Some(1) => self.flow,
            _ => Flow::default(),
        }
    }
}

impl Sums for Aggregate {
    /// Keys with open sessions stay; of the others, those with the most traffic.
    fn weight(&self) -> (bool, u64) {
        (self.open > 0, self.bytes + 1000 * self.sessions)
    }

    fn add(&mut self, other: &Aggregate) {
        self.open += other.open;
        self.recounted += other.recounted;
        self.sessions += other.sessions;
        self.bytes += other.bytes;
        self.sent += other.sent;
        for (mine, theirs) in self.responses.iter_mut().zip(other.responses) {
            mine.add(theirs);
        }
        // traffic of earlier snapshots no longer counts
        let snapshot = self.snapshot.max(other.snapshot);
        let flow = if other.snapshot == snapshot {
            other.flow
        } else {
            Flow::default()
        };
        let mine = self.flow(snapshot);
        mine.new += flow.new;
        mine.bytes += flow.bytes;
    }
}

/// Aggregates of one [`GroupBy`].
#[derive(Clone, Debug, Default)]
struct Group {
    sums: BoundedMap<GroupKey, Aggregate>,
    /// Bytes of all keys.
    bytes: u64,
}

impl Group {
    /// Returns the sums of a key, inserting it if needed. Workloads that are not told apart count for the "other" bucket.
    fn entry(&mut self, key: GroupKey, keep: usize) -> &mut Aggregate {
        match key {
            GroupKey::Workload(Workload::Other) => self.sums.sums_of(key),
            _ => self.sums.entry(key, keep),
        }
    }

    fn take(
        &mut self,
        by: GroupBy,
        change: &Change<'_>,
        figures: &Figures,
        keep: usize,
        snapshot: u64,
    ) {
        let before = change.before.map(|s| by.key(s));
        let other = change.other.map(|other| other.session);
        let other_key = other.map(|s| by.key(s));
        let is_other_open = other.is_some_and(Session::is_open);
        let is_shared = |key: GroupKey| other_key == Some(key);
        let stays_open = |key| is_shared(key) && is_other_open;
        let Some(now) = change.now else {
            if let Some(key) = before
                && !stays_open(key)
            {
                let aggregate = self.sums.sums_of(key);
                aggregate.open = aggregate.open.saturating_sub(1);
            }
            return;
        };
        let key = by.key(now);
        let stays = before == Some(key);
        // of a connection with both ends here, the bytes of one
        let counts = match other {
            Some(other) if is_shared(key) => stays && leads(now, other),
            _ => true,
        };
        let mut brought = Moved::default();
        if let (Some(old_key), Some(old)) = (before, change.before)
            && !stays
        {
            // better evidence changed the key: the new key takes over what the old one has counted
            brought = change.uncounted.until(old);
            let old_sums = self.sums.sums_of(old_key);
            if !stays_open(old_key) {
                old_sums.open = old_sums.open.saturating_sub(1);
            }
            for (sum, gone) in old_sums.responses.iter_mut().zip(figures.before) {
                sum.remove(gone);
            }
            // unless it counts there for the other end
            if !is_shared(old_key) {
                old_sums.sessions = old_sums.sessions.saturating_sub(1);
                old_sums.bytes = old_sums.bytes.saturating_sub(brought.both());
                old_sums.sent = old_sums.sent.saturating_sub(brought.tx);
                self.bytes = self.bytes.saturating_sub(brought.both());
            }
        }
        let (moved, sent, brought) = match (counts, is_shared(key)) {
            (true, true) => (change.moved, change.sent, Moved::default()),
            (true, false) => (change.moved, change.sent, brought),
            (false, _) => (0, 0, Moved::default()),
        };
        self.bytes += moved + brought.both();
        let aggregate = if stays {
            self.sums.sums_of(key)
        } else {
            self.entry(key, keep)
        };
        let was_open = stays || stays_open(key);
        match (was_open, now.is_open() || stays_open(key)) {
            (false, true) => aggregate.open += 1,
            (true, false) => aggregate.open = aggregate.open.saturating_sub(1),
            _ => {}
        }
        let is_first = !stays && !is_shared(key);
        aggregate.sessions += u64::from(is_first && !change.is_back);
        aggregate.bytes += moved + brought.both();
        aggregate.sent += sent + brought.tx;
        if !change.is_back {
            let counted = if stays {
                figures.before
            } else {
                Default::default()
            };
            let now = figures.now.into_iter().zip(counted);
            for (sum, (now, counted)) in aggregate.responses.iter_mut().zip(now) {
                sum.remove(counted);
                sum.add(now);
            }
        }
        let flow = aggregate.flow(snapshot);
        flow.new += u64::from(change.is_new && is_first);
        flow.bytes += moved;
        if moved > 0 {
            aggregate.history.add_spread(&figures.moved);
        }
    }
}

/// Aggregates by every [`GroupBy`].
#[derive(Clone, Debug)]
pub struct Aggregates {
    groups: [Group; GroupBy::ALL.len()],
    keep: usize,
    /// Number of the snapshot in progress.
    snapshot: u64,
    /// Time between the last two complete snapshots, s.
    snapshot_s: f64,
    /// Times of the first and of the last complete snapshot, ns.
    first_ns: u64,
    snapshot_ns: u64,
    /// Time of the last complete snapshot when a session was recalled.
    recalled_ns: Option<u64>,
    bytes: u64,
}

impl Default for Aggregates {
    fn default() -> Self {
        Aggregates::new(KEEP)
    }
}

impl Aggregates {
    /// Creates aggregates that keep about `keep` keys of each kind.
    pub fn new(keep: usize) -> Self {
        Aggregates {
            groups: GroupBy::ALL.map(|_| Group::default()),
            keep: keep.max(1),
            snapshot: 1,
            snapshot_s: 0.0,
            first_ns: 0,
            snapshot_ns: 0,
            recalled_ns: None,
            bytes: 0,
        }
    }

    /// Returns empty aggregates that continue with the same snapshot.
    pub fn emptied(&self) -> Self {
        Aggregates {
            snapshot: self.snapshot,
            snapshot_s: self.snapshot_s,
            first_ns: self.first_ns,
            snapshot_ns: self.snapshot_ns,
            ..Aggregates::new(self.keep)
        }
    }

    /// Applies a change of one session.
    pub fn take(&mut self, change: &Change<'_>) {
        // the other parts of the keys never change
        let key = |s: &Session| {
            let is_unknown = s.owner == Evidence::None;
            (s.pid, s.comm, is_unknown, s.direction, s.cgroup.workload())
        };
        if let (Some(before), Some(now)) = (change.before, change.now)
            && change.moved == 0
            && now.is_open()
            && before.turns == now.turns
            && key(before) == key(now)
        {
            return; // most open sessions are idle
        }
        if let (None, Some(now)) = (change.before, change.now) {
            return self.take_new(change, now);
        }
        let counts = match (change.other, change.now) {
            (Some(other), Some(now)) => leads(now, other.session),
            _ => true,
        };
        if counts {
            self.bytes += change.moved;
        }
        let figures = Figures::of(change);
        for (by, group) in GroupBy::ALL.into_iter().zip(&mut self.groups) {
            group.take(by, change, &figures, self.keep, self.snapshot);
        }
    }

    /// Counts a session that was not known before. If its other end is here, that has counted the connection, and what moved
    /// counts only for keys that are not those of the other end.
    fn take_new(&mut self, change: &Change<'_>, now: &Session) {
        let other = change.other.map(|other| other.session);
        let shared = other.map_or([false; GroupBy::ALL.len()], |other| {
            GroupBy::shared(now, other)
        });
        let is_other_open = other.is_some_and(Session::is_open);
        let responses = match change.is_back {
            true => Default::default(),
            false => Responses::of(now),
        };
        let moved = Spread::new(change.moved as f64, now.start_ns, now.end_ns);
        if other.is_none() {
            self.bytes += change.moved;
        }
        for ((by, group), is_shared) in GroupBy::ALL.into_iter().zip(&mut self.groups).zip(shared) {
            let aggregate = group.entry(by.key(now), self.keep);
            aggregate.open += u64::from(now.is_open() && !(is_shared && is_other_open));
            for (sum, now) in aggregate.responses.iter_mut().zip(responses) {
                sum.add(now);
            }
            let flow = aggregate.flow(self.snapshot);
            if is_shared {
                continue;
            }
            flow.new += u64::from(change.is_new);
            flow.bytes += change.moved;
            aggregate.sessions += u64::from(!change.is_back);
            aggregate.bytes += change.moved;
            aggregate.sent += change.sent;
            if change.moved > 0 {
                aggregate.history.add_spread(&moved);
            }
            group.bytes += change.moved;
        }
    }

    /// Counts a session that was not counted when it changed: its bytes, except [`Change::uncounted`], count as if they
    /// had moved evenly over its life, as far as that was watched. Its other end counts, too, or has been counted.
    pub fn recall(&mut self, session: &Session, uncounted: Moved, other: Option<&Session>) {
        let counted = uncounted.until(session);
        let bytes = counted.both();
        let rate = f64::from(session.tx_rate + session.rx_rate);
        let stands_for_other = other.is_none_or(|other| leads(session, other));
        if stands_for_other {
            self.bytes += bytes;
        }
        self.recalled_ns = Some(self.snapshot_ns);
        let responses = Responses::of(session);
        let moved = Spread::new(bytes as f64, self.counted_from_ns(session), session.end_ns);
        for (by, group) in GroupBy::ALL.into_iter().zip(&mut self.groups) {
            let key = by.key(session);
            let shared = other.filter(|other| by.key(other) == key);
            if shared.is_some() && !stands_for_other {
                continue;
            }
            group.bytes += bytes;
            let aggregate = group.entry(key, self.keep);
            let is_open = session.is_open() || shared.is_some_and(Session::is_open);
            aggregate.open += u64::from(is_open);
            aggregate.sessions += 1;
            aggregate.bytes += bytes;
            aggregate.sent += counted.tx;
            for (sum, now) in aggregate.responses.iter_mut().zip(responses) {
                sum.add(now);
            }
            aggregate.flow(self.snapshot);
            aggregate.flow_before.bytes += (rate * self.snapshot_s) as u64;
            if bytes > 0 {
                aggregate.history.add_spread(&moved);
            }
        }
    }

    /// Time from which the bytes of a session were counted: those of a preexisting one since the first snapshot.
    fn counted_from_ns(&self, session: &Session) -> u64 {
        match session.age {
            Age::Exact => session.start_ns,
            _ => session.start_ns.max(self.first_ns.min(session.end_ns)),
        }
    }

    /// Takes back a session that has just been counted and does not count after all. Its rates end with the snapshot.
    pub fn retract(&mut self, session: &Session) {
        // what a preexisting session had moved does not count
        let (bytes, sent) = match session.age {
            Age::Exact => (session.bytes(), session.tx_bytes),
            _ => (0, 0),
        };
        self.bytes = self.bytes.saturating_sub(bytes);
        for (by, group) in GroupBy::ALL.into_iter().zip(&mut self.groups) {
            group.bytes = group.bytes.saturating_sub(bytes);
            let sums = group.sums.sums_of(by.key(session));
            sums.open = sums.open.saturating_sub(session.is_open().into());
            sums.sessions = sums.sessions.saturating_sub(1);
            sums.bytes = sums.bytes.saturating_sub(bytes);
            sums.sent = sums.sent.saturating_sub(sent);
            for (sum, gone) in sums.responses.iter_mut().zip(Responses::of(session)) {
                sum.remove(gone);
            }
        }
    }

    /// Ends a snapshot of the open sessions: rates are what moved since the one before.
    pub fn end_snapshot(&mut self, taken_ns: u64) {
        self.snapshot_s = match self.snapshot_ns {
            0 => 0.0,
            before => taken_ns.saturating_sub(before) as f64 / S as f64,
        };
        if self.first_ns == 0 {
            self.first_ns = taken_ns;
        }
        self.snapshot_ns = taken_ns;
        self.snapshot += 1;
    }

    /// True if keys with open sessions were evicted: [`Aggregates::begin_recount`] then corrects the numbers of open
    /// sessions.
    pub fn is_inexact(&self) -> bool {
        self.groups.iter().any(|b| b.sums.other().0.open > 0)
    }

    /// Begins to count the open sessions again.
    pub fn begin_recount(&mut self) {
        for group in &mut self.groups {
            group.sums.sums_mut().for_each(|t| t.recounted = 0);
        }
    }

    /// Counts some of the open sessions again, each given with its other end.
    pub fn recount<'a>(&mut self, open: impl Iterator<Item = (&'a Session, Option<&'a Session>)>) {
        for (session, other) in open {
            let counted = other.filter(|other| other.is_open() && leads(other, session));
            for (by, group) in GroupBy::ALL.into_iter().zip(&mut self.groups) {
                let key = by.key(session);
                if counted.is_none_or(|other| by.key(other) != key) {
                    group.sums.sums_of(key).recounted += 1;
                }
            }
        }
    }

    /// Shows the numbers of open sessions that were counted again.
    pub fn end_recount(&mut self) {
        for group in &mut self.groups {
            group.sums.sums_mut().for_each(|t| t.open = t.recounted);
        }
    }

    fn group(&self, by: GroupBy) -> &BoundedMap<GroupKey, Aggregate> {
        &self.groups[by as usize].sums
    }

    /// Iterates over the aggregates of one kind, in no order.
    pub fn of(&self, by: GroupBy) -> impl Iterator<Item = (GroupKey, &Aggregate)> {
        self.group(by).iter()
    }

    /// Returns the aggregate of a key.
    pub fn get(&self, by: GroupBy, key: GroupKey) -> Option<&Aggregate> {
        self.group(by).get(key)
    }

    /// Returns the sums of the evicted keys and the number of evictions.
    pub fn other(&self, by: GroupBy) -> (&Aggregate, u64) {
        self.group(by).other()
    }

    /// Time of the first complete snapshot, ns; 0: there was none.
    pub fn first_ns(&self) -> u64 {
        self.first_ns
    }

    /// Time of the last complete snapshot, ns.
    pub fn snapshot_ns(&self) -> u64 {
        self.snapshot_ns
    }

    /// Bytes of all sessions, each local connection counted once.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes per second at the last snapshot.
    pub fn byte_rate(&self, aggregate: &Aggregate) -> f64 {
        self.per_second(aggregate.flow_before(self.snapshot).bytes)
    }

    /// Bytes per second over the last so many complete seconds, or since the first snapshot if that is less.
    pub fn mean_rate(&self, aggregate: &Aggregate, seconds: u64) -> f64 {
        let end = self.snapshot_ns / S;
        let watched = (end - self.first_ns / S).clamp(1, seconds);
        let counted = end.saturating_sub(seconds)..end;
        let bytes = counted.map(|s| f64::from(aggregate.history.at(s)));
        bytes.sum::<f64>() / watched as f64
    }

    /// New sessions per second at the last snapshot.
    pub fn new_rate(&self, aggregate: &Aggregate) -> f64 {
        self.per_second(aggregate.flow_before(self.snapshot).new)
    }

    fn per_second(&self, count: u64) -> f64 {
        if self.snapshot_s > 0.0 {
            count as f64 / self.snapshot_s
        } else {
            0.0
        }
    }

    /// Share of the bytes of all keys of the kind, from 0 to 1.
    pub fn share(&self, by: GroupBy, aggregate: &Aggregate) -> f64 {
        aggregate.bytes as f64 / self.groups[by as usize].bytes.max(1) as f64
    }

    /// Bytes per second over the last minute, in at most `width` cells.
    pub fn history_cells(&self, aggregate: &Aggregate, width: usize) -> Vec<f32> {
        cells(&self.history(aggregate), self.snapshot_ns / S, width)
    }

    /// False until the first snapshot after sessions were recalled: of those that closed before it is not known when they moved
    /// their bytes.
    pub fn has_rates(&self) -> bool {
        self.recalled_ns
            .is_none_or(|recalled_ns| self.snapshot_ns > recalled_ns)
    }

    /// True if the last so many seconds are an estimate: they go back to before sessions were recalled, and the bytes of
    /// these are spread evenly over the time in which they were counted.
    pub fn is_estimated(&self, seconds: u64) -> bool {
        self.recalled_ns
            .is_some_and(|recalled_ns| self.snapshot_ns < recalled_ns + seconds * S)
    }

    /// Bytes of each of the last complete seconds at the last snapshot, the oldest first.
    pub fn history(&self, aggregate: &Aggregate) -> [f32; HISTORY_S] {
        let end = self.snapshot_ns / S;
        let mut history = [0.0; HISTORY_S];
        for (i, bytes) in history.iter_mut().enumerate() {
            let s = (end + i as u64).checked_sub(HISTORY_S as u64);
            *bytes = s.map_or(0.0, |s| aggregate.history.at(s));
        }
        history
    }
}

#[cfg(test)]
mod tests;
