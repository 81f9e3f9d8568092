//! Aggregates: sums of the sessions of each process, program, peer, subnet, port, and container or unit.
//!
//! Kept up to date change by change, within bounds however many keys there are. There is no clock in here: time comes
//! with the sessions and the snapshots. The order on the screen is up to `ui::state::top_talkers`.
//!
//! The sums of a key count a local connection once, even if both its ends have that key: the end that
//! [`leads`], as long as it is there.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::aggregate::bounded_map::{BoundedMap, Sums};
use crate::model::aggregate::rate_history::{HISTORY_S, RateHistory, Spread, cells};
use crate::model::cgroup::Workload;
use crate::model::interface::ZonedAddr;
use crate::model::local_pairs::leads;
use crate::model::session::{Age, Comm, Evidence, Session};
use crate::model::store::{Change, Moved};
use crate::model::turns::ResponseTimes;
use crate::text::units::S;

pub mod bounded_map;
pub mod figure_table;
pub mod rate_history;

/// Minimum number of keys kept for each [`GroupBy`].
const KEEP: usize = 2048;

/// Criterion by which sessions are summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// The owning process.
    Process,
    /// Process name, summed over all processes of that name.
    Program,
    /// The peer's address.
    Peer,
    /// The peer's subnet: /24 or /64.
    Subnet,
    /// The service's port: ours if the peer connected, the peer's if we did.
    Port,
    /// The container, else the unit.
    Workload,
}

impl GroupBy {
    /// All variants, in display order.
    pub const ALL: [GroupBy; 6] = [
        GroupBy::Process,
        GroupBy::Program,
        GroupBy::Peer,
        GroupBy::Subnet,
        GroupBy::Port,
        GroupBy::Workload,
    ];

    /// Returns the heading of its keys.
    pub fn title(self) -> &'static str {
        match self {
            GroupBy::Process => "PROCESS",
            GroupBy::Program => "PROGRAM",
            GroupBy::Peer => "PEER",
            GroupBy::Subnet => "SUBNET",
            GroupBy::Port => "PORT",
            GroupBy::Workload => "UNIT",
        }
    }

    /// Returns the key that a session counts for.
    pub fn key(self, session: &Session) -> GroupKey {
        match self {
            GroupBy::Process | GroupBy::Program if session.owner == Evidence::None => {
                GroupKey::UnknownOwner
            }
            GroupBy::Process => GroupKey::Process(session.pid, session.comm),
            GroupBy::Program => GroupKey::Program(session.comm),
            GroupBy::Peer => GroupKey::Peer(session.remote()),
            GroupBy::Subnet => GroupBy::subnet(session.remote()),
            GroupBy::Port => GroupKey::Port(session.service_port()),
            GroupBy::Workload => GroupKey::Workload(session.cgroup.workload()),
        }
    }

    /// Tells for each variant whether two sessions count for the same key.
    fn shared(a: &Session, b: &Session) -> [bool; GroupBy::ALL.len()] {
        let program = match (a.owner == Evidence::None, b.owner == Evidence::None) {
            (true, true) => true,
            (false, false) => a.comm == b.comm,
            _ => false,
        };
        let process = program && (a.owner == Evidence::None || a.pid == b.pid);
        let (peer, other) = (a.remote(), b.remote());
        let subnet = GroupBy::subnet(peer) == GroupBy::subnet(other);
        let port = a.service_port() == b.service_port();
        let workload = a.cgroup.workload() == b.cgroup.workload();
        [process, program, peer == other, subnet, port, workload]
    }

    /// Returns the subnet of a peer.
    pub fn subnet(peer: ZonedAddr) -> GroupKey {
        let addr = match peer.addr {
            IpAddr::V4(a) => Ipv4Addr::from_bits(a.to_bits() & !0xff).into(),
            IpAddr::V6(a) => Ipv6Addr::from_bits(a.to_bits() >> 64 << 64).into(),
        };
        GroupKey::Subnet(ZonedAddr { addr, ..peer })
    }
}

/// Key of an aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupKey {
    /// Nobody knows which process or program it is.
    UnknownOwner,
    /// Process id and name.
    Process(u32, Comm),
    /// Process name.
    Program(Comm),
    Peer(ZonedAddr),
    /// First address of the subnet.
    Subnet(ZonedAddr),
    Port(u16),
    Workload(Workload),
}

/// Hashed for each session and criterion, so in few numbers: the variant is a part of one of them.
impl Hash for GroupKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let variant = |number: u64, of: u64| number << 32 | of;
        match self {
            GroupKey::UnknownOwner => state.write_u64(0),
            GroupKey::Process(pid, comm) => {
                state.write_u64(variant(1, u64::from(*pid)));
                comm.hash(state);
            }
            GroupKey::Program(comm) => comm.hash(state),
            GroupKey::Peer(addr) => addr.hash(state),
            GroupKey::Subnet(addr) => {
                state.write_u64(variant(2, 0));
                addr.hash(state);
            }
            GroupKey::Port(port) => state.write_u64(variant(3, u64::from(*port))),
            GroupKey::Workload(workload) => workload.hash(state),
        }
    }
}

impl std::fmt::Display for GroupKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            GroupKey::UnknownOwner => f.write_str("-"),
            GroupKey::Process(pid, comm) => write!(f, "{} {pid}", comm.as_str()),
            GroupKey::Program(comm) => f.write_str(comm.as_str()),
            GroupKey::Peer(addr) => write!(f, "{addr}"),
            GroupKey::Subnet(first) => {
                let bits = if first.addr.is_ipv4() { 24 } else { 64 };
                write!(f, "{first}/{bits}")
            }
            GroupKey::Port(port) => write!(f, "{port}"),
            GroupKey::Workload(Workload::Unknown) => f.write_str("no unit"),
            GroupKey::Workload(Workload::Other) => f.write_str("other units"),
            GroupKey::Workload(Workload::Container(name) | Workload::Unit(name)) => {
                write!(f, "{name}")
            }
        }
    }
}

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
mod tests {
    use super::*;
    use crate::model::session::{Age, Direction, State};
    use crate::model::store::Store;
    use crate::model::turns::{ResponseTimes, ShortTime, Turns};
    use crate::testing::sample::{Numbers, any_session, closed_session as sample, snapshot_batch};

    #[test]
    fn sessions_share_the_keys_that_are_equal() {
        let mut numbers = Numbers::from(5);
        let mut counts = [0; GroupBy::ALL.len()];
        for _ in 0..20_000 {
            let mut session = |cookie| any_session(&mut numbers, cookie, State::Closed);
            let (a, any) = (session(1), session(2));
            // two random sessions have hardly anything in common
            let chosen = numbers.number();
            let has = |bit: u32| chosen >> bit & 1 == 1;
            let b = Session {
                owner: if has(0) { a.owner } else { any.owner },
                pid: if has(1) { a.pid } else { any.pid },
                comm: if has(2) { a.comm } else { any.comm },
                raddr: if has(3) { a.raddr } else { any.raddr },
                interface: if has(4) { a.interface } else { any.interface },
                rport: if has(5) { a.rport } else { any.rport },
                ..any
            };
            let equal = GroupBy::ALL.map(|by| by.key(&a) == by.key(&b));
            assert_eq!(GroupBy::shared(&a, &b), equal, "{a:?} {b:?}");
            for (count, is_equal) in counts.iter_mut().zip(equal) {
                *count += usize::from(is_equal);
            }
        }
        assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
    }

    fn open(cookie: u64, comm: &str, raddr: &str, bytes: u64, end_s: u64) -> Session {
        Session {
            cookie,
            comm: Comm::from(comm),
            pid: comm.len() as u32,
            raddr: raddr.parse().expect("an address"),
            start_ns: S,
            end_ns: end_s * S,
            tx_bytes: bytes,
            rx_bytes: 0,
            state: State::Established,
            direction: Direction::Out,
            rport: 443,
            ..sample()
        }
    }

    fn closed(session: Session) -> Session {
        Session {
            state: State::Closed,
            ..session
        }
    }

    #[test]
    fn workloads_that_are_not_told_apart_count_for_the_other_bucket() {
        let mut group = Group::default();
        for (key, sessions) in [(Workload::Unknown, 1), (Workload::Other, 2)] {
            group.entry(GroupKey::Workload(key), 8).sessions += sessions;
        }
        let kept: Vec<_> = group.sums.iter().map(|(key, _)| key.to_string()).collect();
        assert_eq!(kept, ["no unit"]);
        assert_eq!(group.sums.other().0.sessions, 2);
    }

    /// A store and its aggregates.
    struct Host(Store, Aggregates);

    impl Host {
        fn new(keep: usize) -> Self {
            Host(Store::new(100), Aggregates::new(keep))
        }

        fn take_snapshot(&mut self, at_s: u64, open: Vec<Session>, closed: Vec<Session>) {
            let batch = snapshot_batch(at_s * S, open, closed);
            self.0.ingest(batch, |event| {
                if let Some(change) = event.change() {
                    self.1.take(change);
                }
            });
            self.1.end_snapshot(at_s * S);
            if self.1.is_inexact() {
                self.1.begin_recount();
                self.1.recount(self.0.open().map(|(_, s)| (s, None)));
                self.1.end_recount();
            }
        }

        /// Returns open sessions, all sessions and bytes of a key.
        fn sums(&self, by: GroupBy, name: &str) -> Option<(u64, u64, u64)> {
            let (_, t) = self.1.of(by).find(|(key, _)| key.to_string() == name)?;
            Some((t.open, t.sessions, t.bytes))
        }

        fn rates(&self, by: GroupBy, name: &str) -> (f64, f64) {
            let found = self.1.of(by).find(|(key, _)| key.to_string() == name);
            let (_, t) = found.expect("a talker");
            (self.1.new_rate(t), self.1.byte_rate(t))
        }
    }

    #[test]
    fn aggregate_sums_match_the_sessions() {
        let mut host = Host::new(100);
        host.take_snapshot(
            10,
            vec![
                open(1, "curl", "10.0.0.1", 100, 10),
                open(2, "curl", "10.0.0.2", 50, 10),
            ],
            vec![closed(open(3, "wget", "10.0.1.1", 7, 9))],
        );
        host.take_snapshot(
            12,
            vec![open(1, "curl", "10.0.0.1", 600, 12)],
            vec![closed(open(2, "curl", "10.0.0.2", 80, 11))],
        );
        for (by, name, sums) in [
            (GroupBy::Process, "curl 4", (1, 2, 680)),
            (GroupBy::Process, "wget 4", (0, 1, 7)),
            (GroupBy::Program, "curl", (1, 2, 680)),
            (GroupBy::Peer, "10.0.0.1", (1, 1, 600)),
            (GroupBy::Peer, "10.0.0.2", (0, 1, 80)),
            (GroupBy::Subnet, "10.0.0.0/24", (1, 2, 680)),
            (GroupBy::Subnet, "10.0.1.0/24", (0, 1, 7)),
            (GroupBy::Port, "443", (1, 3, 687)),
        ] {
            assert_eq!(host.sums(by, name), Some(sums), "{name}");
        }
        assert_eq!(host.rates(GroupBy::Process, "curl 4"), (0.0, 265.0));
        assert_eq!(host.rates(GroupBy::Process, "wget 4"), (0.0, 0.0));
        // nothing moves any more, and the missed session is not open
        host.take_snapshot(13, vec![], vec![]);
        assert_eq!(host.rates(GroupBy::Process, "curl 4"), (0.0, 0.0));
        host.take_snapshot(14, vec![], vec![]);
        assert_eq!(host.sums(GroupBy::Peer, "10.0.0.1"), Some((0, 1, 600)));
    }

    #[test]
    fn aggregate_response_times_are_those_of_all_answers() {
        let answered = |session: Session, turns: u32, mean: u32| {
            let time = ShortTime::new(mean);
            let sum = u64::from(turns) * u64::from(mean);
            Session {
                turns: Turns {
                    count: turns,
                    peer: ResponseTimes::new(sum, turns, time, time),
                    ..Turns::default()
                },
                ..session
            }
        };
        let mut host = Host::new(100);
        let mean = |host: &Host, program: &str| {
            let mut of = host.1.of(GroupBy::Program);
            let found = of.find(|(key, _)| key.to_string() == program);
            found.map(|(_, t)| t.responses.map(|r| r.mean_us()))
        };
        let one = |turns, mean| answered(open(1, "master", "::1", 100, 10), turns, mean);
        host.take_snapshot(10, vec![one(1, 100)], vec![]);
        assert_eq!(mean(&host, "master"), Some([100.0, 0.0]));
        // the data had arrived before, and was read since
        host.take_snapshot(11, vec![one(3, 200)], vec![]);
        assert_eq!(mean(&host, "master"), Some([200.0, 0.0]));
        let other = closed(answered(open(2, "master", "::1", 7, 12), 1, 600));
        host.take_snapshot(12, vec![one(3, 200)], vec![other]);
        assert_eq!(mean(&host, "master"), Some([300.0, 0.0]));
        // its owner is known better
        let moved = answered(open(1, "worker!", "::1", 150, 13), 3, 200);
        host.take_snapshot(13, vec![moved], vec![]);
        assert_eq!(mean(&host, "master"), Some([600.0, 0.0]));
        assert_eq!(mean(&host, "worker!"), Some([200.0, 0.0]));
    }

    #[test]
    fn aggregate_rate_of_new_sessions_is_per_second() {
        let mut host = Host::new(100);
        host.take_snapshot(10, vec![], vec![]);
        let many = |from, to| (from..to).map(|c| closed(open(c, "ab", "::1", 0, 11)));
        host.take_snapshot(12, vec![], many(1, 7).collect());
        assert_eq!(host.rates(GroupBy::Peer, "::1"), (3.0, 0.0));
        host.take_snapshot(14, vec![], many(7, 9).collect());
        assert_eq!(host.rates(GroupBy::Subnet, "::/64"), (1.0, 0.0));
        host.take_snapshot(16, vec![], vec![]);
        assert_eq!(host.rates(GroupBy::Program, "ab"), (0.0, 0.0));
    }

    #[test]
    fn aggregate_session_with_better_known_owner_moves_to_it() {
        let mut host = Host::new(100);
        host.take_snapshot(10, vec![open(1, "master", "::1", 100, 10)], vec![]);
        host.take_snapshot(11, vec![open(1, "worker!", "::1", 150, 11)], vec![]);
        assert_eq!(host.sums(GroupBy::Program, "master"), Some((0, 0, 0)));
        assert_eq!(host.sums(GroupBy::Program, "worker!"), Some((1, 1, 150)));
        assert_eq!(host.rates(GroupBy::Program, "worker!"), (0.0, 50.0));
        // also when it closes
        host.take_snapshot(12, vec![], vec![closed(open(1, "end", "::1", 160, 12))]);
        assert_eq!(host.sums(GroupBy::Program, "worker!"), Some((0, 0, 0)));
        assert_eq!(host.sums(GroupBy::Program, "end"), Some((0, 1, 160)));
        assert_eq!(host.sums(GroupBy::Peer, "::1"), Some((0, 1, 160)));
    }

    #[test]
    fn aggregate_history_has_the_last_minute_by_second() {
        let mut host = Host::new(100);
        host.take_snapshot(100, vec![open(1, "a", "::1", 0, 100)], vec![]);
        host.take_snapshot(101, vec![open(1, "a", "::1", 30, 101)], vec![]);
        host.take_snapshot(104, vec![open(1, "a", "::1", 330, 104)], vec![]);
        let history = |host: &Host| {
            let (_, t) = host.1.of(GroupBy::Program).next().expect("a talker");
            host.1.history(t).map(|b| b.round() as u32)
        };
        assert_eq!(history(&host)[56..], [30, 100, 100, 100]);
        assert_eq!(history(&host)[..56], [0; 56]);
        host.take_snapshot(130, vec![open(1, "a", "::1", 330, 130)], vec![]);
        assert_eq!(history(&host)[29..35], [0, 30, 100, 100, 100, 0][..]);
        host.take_snapshot(500, vec![open(1, "a", "::1", 331, 500)], vec![]);
        assert!(history(&host).iter().all(|b| *b == 0));
    }

    #[test]
    fn aggregate_mean_rates_cover_their_seconds_or_the_time_watched() {
        let mut host = Host::new(100);
        host.take_snapshot(100, vec![open(1, "a", "::1", 0, 100)], vec![]);
        host.take_snapshot(104, vec![open(1, "a", "::1", 400, 104)], vec![]);
        let rates = |host: &Host| {
            let (_, t) = host.1.of(GroupBy::Program).next().expect("a talker");
            [10, 60].map(|s| host.1.mean_rate(t, s).round() as u64)
        };
        assert_eq!(rates(&host), [100, 100], "watched for 4 s");
        host.take_snapshot(120, vec![open(1, "a", "::1", 400, 120)], vec![]);
        assert_eq!(rates(&host), [0, 20]);
        host.take_snapshot(130, vec![open(1, "a", "::1", 1400, 130)], vec![]);
        assert_eq!(rates(&host), [100, 47]);
        host.take_snapshot(200, vec![open(1, "a", "::1", 1400, 200)], vec![]);
        assert_eq!(rates(&host), [0, 0]);
    }

    #[test]
    fn aggregate_mean_rates_recalled_cover_the_time_in_which_bytes_were_counted() {
        let mut host = Host::new(100);
        let before = |bytes, end_s| Session {
            age: Age::LowerBound,
            ..open(1, "a", "::1", bytes, end_s)
        };
        // it had begun 1,000 seconds before the first snapshot
        for at_s in 1001..=1020 {
            let bytes = 1_000_000 + (at_s - 1001) * 500;
            host.take_snapshot(at_s, vec![before(bytes, at_s)], vec![]);
        }
        let rates = |host: &Host| {
            let (_, t) = host.1.of(GroupBy::Program).next().expect("a talker");
            [10, 60].map(|s| host.1.mean_rate(t, s).round() as u64)
        };
        assert_eq!(rates(&host), [500, 500]);
        let mut again = host.1.emptied();
        let sessions = host.0.open();
        sessions.for_each(|(_, s)| again.recall(s, host.0.uncounted(s), None));
        host.1 = again;
        assert_eq!(rates(&host), [500, 500]);
        // the means are estimates for as many seconds as they cover
        let estimated = |host: &Host| [0, 10, 60].map(|s| host.1.is_estimated(s));
        for (at_s, expected) in [
            (1021, [false, true, true]),
            (1029, [false, true, true]),
            (1030, [false, false, true]),
            (1079, [false, false, true]),
            (1080, [false, false, false]),
        ] {
            host.take_snapshot(at_s, vec![before(1_009_500, at_s)], vec![]);
            assert_eq!(estimated(&host), expected, "{at_s}");
        }
    }

    #[test]
    fn group_by_port_uses_the_port_of_the_service() {
        let port = |direction| {
            GroupBy::Port.key(&Session {
                direction,
                lport: 443,
                rport: 22,
                ..sample()
            })
        };
        assert_eq!(port(Direction::In), GroupKey::Port(443));
        assert_eq!(port(Direction::Out), GroupKey::Port(22));
        assert_eq!(port(Direction::Unknown), GroupKey::Port(22));
    }

    #[test]
    fn aggregates_beyond_the_limit_are_evicted_and_still_counted() {
        let mut host = Host::new(20);
        let peer = |c: u64, bytes| {
            let address = format!("10.{}.{}.1", c / 256, c % 256);
            open(c, "a", &address, bytes, 10)
        };
        let heavy = (0..10).map(|c| closed(peer(c, 1_000_000)));
        let light = (10..500).map(|c| closed(peer(c, 1)));
        let old: Vec<Session> = (500..505).map(|c| peer(c, 0)).collect();
        host.take_snapshot(10, old.clone(), heavy.chain(light).collect());
        host.take_snapshot(11, old, vec![]);
        let kept: Vec<GroupKey> = host.1.of(GroupBy::Peer).map(|(key, _)| key).collect();
        assert!((20..=40).contains(&kept.len()), "{}", kept.len());
        for c in (0..10).chain(500..505) {
            assert!(kept.contains(&GroupBy::Peer.key(&peer(c, 0))), "{c}");
        }
        let (rest, evicted) = host.1.other(GroupBy::Peer);
        assert_eq!(evicted as usize, 505 - kept.len());
        assert_eq!((rest.sessions, rest.bytes), (evicted, evicted));
        let sum: u64 = host.1.of(GroupBy::Peer).map(|(_, t)| t.bytes).sum();
        assert_eq!(sum + rest.bytes, 10_000_490);
    }

    #[test]
    fn open_sessions_of_evicted_aggregates_are_counted_correctly() {
        let mut host = Host::new(4);
        let peer = |c: u64| open(c, "a", &format!("10.0.{c}.1"), c * 1000, 10);
        host.take_snapshot(10, (0..40).map(peer).collect(), vec![]);
        let open = |host: &Host| -> u64 {
            let rest = host.1.other(GroupBy::Peer).0.open;
            host.1.of(GroupBy::Peer).map(|(_, t)| t.open).sum::<u64>() + rest
        };
        assert_eq!(open(&host), 40);
        host.take_snapshot(
            11,
            (10..40).map(peer).collect(),
            (0..10).map(peer).map(closed).collect(),
        );
        assert_eq!(open(&host), 30);
        host.take_snapshot(12, vec![], (10..40).map(peer).map(closed).collect());
        assert_eq!(open(&host), 0);
        assert!(!host.1.is_inexact());
    }

    #[test]
    fn aggregate_recall_restores_sums_rates_and_history() {
        let mut host = Host::new(100);
        let before = |bytes, end_s| Session {
            age: Age::LowerBound,
            ..open(3, "b", "::3", bytes, end_s)
        };
        let first = vec![open(1, "a", "::1", 100, 10), before(5000, 10)];
        host.take_snapshot(10, first, vec![]);
        let ended = closed(open(2, "a", "::1", 800, 9));
        let then = vec![open(1, "a", "::1", 300, 12), before(5070, 12)];
        host.take_snapshot(12, then, vec![ended]);
        assert_eq!(host.sums(GroupBy::Peer, "::3"), Some((1, 1, 70)));
        let mut again = host.1.emptied();
        let sessions = host.0.open().chain(host.0.closed());
        sessions.for_each(|(_, s)| again.recall(s, host.0.uncounted(s), None));
        host.1 = again;
        assert_eq!(host.sums(GroupBy::Peer, "::1"), Some((1, 2, 1100)));
        assert_eq!(host.rates(GroupBy::Peer, "::1"), (0.0, 100.0));
        assert_eq!(host.sums(GroupBy::Peer, "::3"), Some((1, 1, 70)));
        let mut peers = host.1.of(GroupBy::Peer);
        let (_, t) = peers.find(|(_, t)| t.sessions == 2).expect("a talker");
        let sum: f32 = host.1.history(t).iter().sum();
        assert_eq!(sum.round(), 1100.0);
        drop(peers);
        // and continues from there
        host.take_snapshot(13, vec![], vec![closed(open(1, "a", "::1", 350, 13))]);
        assert_eq!(host.sums(GroupBy::Peer, "::1"), Some((0, 2, 1150)));
    }
}
