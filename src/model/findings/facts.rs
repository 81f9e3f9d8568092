//! The facts that findings are derived from: recent outcomes of sessions, and the sessions that are in trouble.
//!
//! Kept up to date change by change, within bounds however many subjects there are.

use std::net::IpAddr;
use std::ops::AddAssign;

use rustc_hash::FxHashMap;

use crate::model::aggregate::bounded_map::{BoundedMap, Sums};
use crate::model::aggregate::rate_history::RateHistory;
use crate::model::aggregate::{GroupBy, GroupKey};
use crate::model::findings::both_ends::Served;
use crate::model::findings::firewalled::Firewalled;
use crate::model::findings::subject::{Destination, Subject};
use crate::model::findings::suspects::Suspects;
use crate::model::findings::usual::Responses;
use crate::model::interface::ZonedAddr;
use crate::model::session::{Age, Comm, Direction, Evidence, Reason, Session, State};
use crate::model::store::Change;
use crate::model::turns::{ResponseTimes, Turns, is_poll};
use crate::text::units::S;

/// Minimum number of subjects kept of each kind.
const KEEP: usize = 1024;
/// Seconds that failures count.
pub(super) const WINDOW_S: u64 = 30;
/// Seconds that traffic counts.
pub(super) const TRAFFIC_S: u64 = 10;
/// Seconds without an answer after which the usual response time is forgotten.
const FORGOTTEN_S: u64 = 3600;

/// Outcomes of sessions that we opened to one destination.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Outcomes {
    pub(super) connected: u32,
    pub(super) refused: u32,
    pub(super) unanswered: u32,
    pub(super) unreachable: u32,
    pub(super) no_port: u32,
    /// Established sessions that have closed, and some of the ways in which they did.
    pub(super) closed: u32,
    pub(super) reset: u32,
    pub(super) timed_out: u32,
    pub(super) keepalive: u32,
    /// Sessions of which we saw the whole life, and their sums.
    pub(super) whole: u32,
    pub(super) connect_us: u64,
    pub(super) life_us: u64,
}

impl Outcomes {
    /// Connects that were decided.
    pub(super) fn connects(&self) -> u32 {
        self.connected + self.refused + self.unanswered + self.unreachable
    }
}

impl AddAssign for Outcomes {
    fn add_assign(&mut self, other: Self) {
        self.connected += other.connected;
        self.refused += other.refused;
        self.unanswered += other.unanswered;
        self.unreachable += other.unreachable;
        self.no_port += other.no_port;
        self.closed += other.closed;
        self.reset += other.reset;
        self.timed_out += other.timed_out;
        self.keepalive += other.keepalive;
        self.whole += other.whole;
        self.connect_us += other.connect_us;
        self.life_us += other.life_us;
    }
}

/// Percentage, at most 100.
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    (part as f64 * 100.0 / whole.max(1) as f64).min(100.0)
}

/// Bytes sent to a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sent {
    pub(super) bytes: u64,
    pub(super) retransmitted_bytes: u64,
    pub(super) retransmits: u64,
}

impl Sent {
    /// Retransmitted bytes as a percentage of all bytes sent: acknowledged, unacknowledged, and retransmitted ones.
    pub(super) fn retransmitted_percent(&self) -> f64 {
        percent(
            self.retransmitted_bytes,
            self.bytes + self.retransmitted_bytes,
        )
    }
}

impl AddAssign for Sent {
    fn add_assign(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.retransmitted_bytes += other.retransmitted_bytes;
        self.retransmits += other.retransmits;
    }
}

/// Amounts of the last seconds, and the programs that caused them.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent<T, const N: usize> {
    seconds: RateHistory<T, N>,
    /// The program that caused the last one.
    program: Option<GroupKey>,
    /// Second of the last one that came after one of another program.
    other_s: u64,
    weight: u64,
}

pub(super) type RecentOutcomes = Recent<Outcomes, { WINDOW_S as usize + 2 }>;
pub(super) type RecentlySent = Recent<Sent, { TRAFFIC_S as usize + 2 }>;

impl<T: Copy + Default + PartialEq + AddAssign, const N: usize> Recent<T, N> {
    pub(super) fn add(&mut self, at_ns: u64, amount: T) {
        self.seconds.add(at_ns / S, amount);
        self.weight += 1;
    }

    fn note_program(&mut self, session: &Session) {
        let program = GroupBy::Program.key(session);
        if self.program.is_some_and(|before| before != program) {
            self.other_s = session.end_ns.max(session.established_ns) / S;
        }
        self.program = Some(program);
    }

    /// The program that caused the last amount, if it is known, and true if others caused some of the last `window_s` seconds.
    pub(super) fn program(&self, now_ns: u64, window_s: u64) -> Option<(Comm, bool)> {
        match self.program? {
            GroupKey::Program(comm) if !comm.as_str().is_empty() => Some((
                comm,
                self.other_s > 0 && self.other_s + window_s > now_ns / S,
            )),
            _ => None,
        }
    }

    /// Sum of the last `window_s` seconds, with the one in progress.
    pub(super) fn sum(&self, now_ns: u64, window_s: u64) -> T {
        let mut sum = T::default();
        for s in window(now_ns, window_s) {
            sum += self.seconds.at(s);
        }
        sum
    }

    /// The first and the last second of the window in which `is_meant` holds, ns.
    pub(super) fn extent(
        &self,
        now_ns: u64,
        window_s: u64,
        is_meant: impl Fn(&T) -> bool,
    ) -> Option<(u64, u64)> {
        let mut seconds = window(now_ns, window_s).filter(|s| is_meant(&self.seconds.at(*s)));
        let first = seconds.next()?;
        Some((first * S, seconds.last().unwrap_or(first) * S))
    }

    fn is_past(&self, now_ns: u64) -> bool {
        self.seconds.newest_s() + (N as u64) < now_ns / S
    }
}

fn window(now_ns: u64, window_s: u64) -> std::ops::RangeInclusive<u64> {
    let now_s = now_ns / S;
    now_s.saturating_sub(window_s - 1)..=now_s
}

impl<T: Copy + Default + PartialEq + AddAssign, const N: usize> Sums for Recent<T, N> {
    fn weight(&self) -> (bool, u64) {
        (
            false,
            self.seconds.newest_s() << 20 | self.weight.min(0xf_ffff),
        )
    }

    fn add(&mut self, other: &Self) {
        self.weight += other.weight;
    }
}

/// Open sessions of a process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Opened(pub(super) u64);

impl Sums for Opened {
    fn weight(&self) -> (bool, u64) {
        (self.0 > 0, self.0)
    }

    fn add(&mut self, other: &Self) {
        self.0 += other.0;
    }
}

/// Active sessions of one snapshot that have something in common.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Active {
    pub(super) count: u64,
    /// Sessions of these to which it applies, and the longest of their times, µs.
    pub(super) affected: u64,
    pub(super) longest_us: u32,
}

/// Active sessions of the last complete snapshot and of the one in progress, by subject.
#[derive(Debug)]
pub(super) struct PerSnapshot<K> {
    pub(super) last: FxHashMap<K, Active>,
    current: FxHashMap<K, Active>,
}

impl<K> Default for PerSnapshot<K> {
    fn default() -> Self {
        PerSnapshot {
            last: FxHashMap::default(),
            current: FxHashMap::default(),
        }
    }
}

impl<K: Eq + std::hash::Hash> PerSnapshot<K> {
    fn add(&mut self, key: K, affected_us: Option<u32>) {
        if self.current.len() >= KEEP && !self.current.contains_key(&key) {
            return;
        }
        let active = self.current.entry(key).or_default();
        active.count += 1;
        active.affected += u64::from(affected_us.is_some());
        active.longest_us = active.longest_us.max(affected_us.unwrap_or(0));
    }

    fn settle(&mut self) {
        self.last = std::mem::take(&mut self.current);
    }
}

/// Everything that rules look at.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) now_ns: u64,
    /// The first snapshot.
    begun_ns: Option<u64>,
    pub(super) destinations: BoundedMap<Destination, RecentOutcomes>,
    pub(super) peers: BoundedMap<(ZonedAddr, Direction), RecentlySent>,
    /// Sessions that were never accepted, by namespace and port.
    pub(super) unaccepted: BoundedMap<(u32, u16), Recent<u32, { WINDOW_S as usize + 2 }>>,
    pub(super) processes: BoundedMap<GroupKey, Opened>,
    pub(super) suspects: Suspects,
    /// Sessions with a long round trip, by local address.
    pub(super) delayed: PerSnapshot<IpAddr>,
    /// Sessions limited by their send buffer, by process.
    pub(super) short_buffers: PerSnapshot<GroupKey>,
    /// Sessions missed in each second, and in total.
    pub(super) missed: Recent<u64, { WINDOW_S as usize + 2 }>,
    missed_total: Option<u64>,
    pub(super) firewalled: Firewalled,
    /// Descriptors that a process may have.
    pub(super) descriptor_limit: fn(u32) -> Option<u64>,
    pub(super) round_trips: RoundTrips,
    /// Response times of peers that we connect to, and of listeners of ours.
    pub(super) responses: BoundedMap<Subject, Responses>,
    pub(super) served: Served,
}

/// Limits beyond which a round trip is long.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoundTrips {
    pub(super) delay_us: u32,
}

/// Factor by which a long round trip is longer than the shortest.
const LONG: u32 = 5;
/// Round trip from which on the size of a send buffer matters, µs.
const FAR_US: u32 = 5000;
/// One of so many parts of the time with a full send buffer is often.
const OFTEN: u64 = 20;

/// The congestion window, in bytes.
fn congestion_window(session: &Session) -> u64 {
    u64::from(session.cwnd) * u64::from(session.mss)
}

impl Facts {
    pub(super) fn new(descriptor_limit: fn(u32) -> Option<u64>, round_trips: RoundTrips) -> Self {
        Facts {
            now_ns: 0,
            begun_ns: None,
            destinations: BoundedMap::default(),
            peers: BoundedMap::default(),
            unaccepted: BoundedMap::default(),
            processes: BoundedMap::default(),
            suspects: Suspects::default(),
            delayed: PerSnapshot::default(),
            short_buffers: PerSnapshot::default(),
            missed: Recent::default(),
            missed_total: None,
            firewalled: Firewalled::default(),
            descriptor_limit,
            round_trips,
            responses: BoundedMap::default(),
            served: Served::default(),
        }
    }

    /// Begins to evaluate a snapshot.
    pub(super) fn begin_snapshot(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
        self.begun_ns.get_or_insert(now_ns);
    }

    /// Time that was watched, ns.
    pub(super) fn watched_ns(&self) -> u64 {
        let begun_ns = self.begun_ns.unwrap_or(self.now_ns);
        self.now_ns.saturating_sub(begun_ns)
    }

    /// Seconds that were watched before an instant.
    pub(super) fn watched_before_s(&self, ns: u64) -> u64 {
        ns.saturating_sub(self.begun_ns.unwrap_or(ns)) / S
    }

    /// Seconds of a window that were watched.
    pub(super) fn watched_s(&self, window_s: u64) -> u64 {
        (self.watched_ns() / S).clamp(1, window_s)
    }

    /// Applies a change of a session.
    pub(super) fn take(&mut self, change: &Change<'_>) {
        self.suspects.take(change);
        self.served.take(change);
        self.count_open(change);
        let Some(now) = change.now else { return };
        if change.is_back {
            return; // how long it was away, nobody knows
        }
        self.count_outcome(change.before, now);
        // the figures of one that was open before are of an unknown time
        if change.before.is_some() || now.age == Age::Exact {
            self.count_traffic(change, now);
            self.take_response(change.before, now);
        }
    }

    fn count_open(&mut self, change: &Change<'_>) {
        let key = |s: &Session| {
            (s.is_open() && s.owner != Evidence::None).then(|| GroupBy::Process.key(s))
        };
        let (before, now) = (change.before.and_then(key), change.now.and_then(key));
        if before == now {
            return;
        }
        if let Some(before) = before {
            let opened = self.processes.sums_of(before);
            opened.0 = opened.0.saturating_sub(1);
            if opened.0 == 0 {
                self.processes.forget(before);
            }
        }
        if let Some(now) = now {
            self.processes.entry(now, KEEP).0 += 1;
        }
    }

    /// Counts how a connect or a session ended.
    fn count_outcome(&mut self, before: Option<&Session>, now: &Session) {
        if now.reason == Reason::NeverAccepted {
            let recent = self.unaccepted.entry((now.netns, now.lport), KEEP);
            recent.add(now.end_ns, 1);
            recent.note_program(now);
        }
        let was_established = before.is_some_and(|b| b.established_ns != 0);
        let has_connected = now.established_ns != 0 && !was_established;
        if now.direction == Direction::In || now.is_open() && !has_connected {
            return;
        }
        let mut outcomes = Outcomes::default();
        let mut at_ns = now.end_ns;
        let is_established = now.established_ns != 0 || now.age == Age::LowerBound;
        // one that was open before tcplife started did not connect now
        outcomes.connected = u32::from(has_connected && now.age == Age::Exact);
        if !now.is_open() {
            match now.reason {
                Reason::Refused => outcomes.refused = 1,
                Reason::ConnectTimeout => outcomes.unanswered = 1,
                // a client that races two addresses gives up the slower one long before a SYN is repeated
                Reason::Cancelled if now.retransmits > 0 => outcomes.unanswered = 1,
                Reason::NoPort => outcomes.no_port = 1,
                Reason::Unreachable if now.established_ns == 0 => outcomes.unreachable = 1,
                // one that answers our FIN with a reset cuts off nothing
                Reason::RemoteReset if now.state_before_close == State::Established => {
                    outcomes.reset = 1;
                }
                Reason::Timeout if now.unacked_bytes == 0 => outcomes.keepalive = 1,
                Reason::Timeout => outcomes.timed_out = 1,
                _ => {}
            }
            outcomes.closed = u32::from(is_established);
            if let Some(connect_us) = now.connect_us() {
                outcomes.whole = 1;
                outcomes.connect_us = connect_us;
                outcomes.life_us = now.end_ns.saturating_sub(now.start_ns) / 1000;
            }
        } else {
            at_ns = now.established_ns;
        }
        let recent = self.destinations.entry(Destination::of(now), KEEP);
        recent.add(at_ns, outcomes);
        recent.note_program(now);
    }

    /// Takes the response time of the last turn, if there was one.
    fn take_response(&mut self, before: Option<&Session>, now: &Session) {
        let turns = before.map_or(0, |b| b.turns.count);
        if now.turns.count <= turns {
            return;
        }
        let (subject, end): (_, fn(&Turns) -> [ResponseTimes; 2]) = match now.direction {
            Direction::Out => (Subject::Destination(Destination::of(now)), |turns| {
                [turns.peer, turns.ours]
            }),
            Direction::In => (
                Subject::Listener {
                    netns: now.netns,
                    addr: None,
                    port: now.lport,
                },
                |turns| [turns.ours, turns.peer],
            ),
            Direction::Unknown => return,
        };
        // that of one that has closed is already noted
        if now.direction == Direction::In && now.is_open() {
            self.served.take_accepted(now);
        }
        let [times, pauses] = end(&now.turns);
        if let Some(us) = times.last_us() {
            let before_us = before.and_then(|b| end(&b.turns)[0].last_us());
            let is_poll = is_poll(now.is_open(), before_us, us, pauses.last_us());
            let responses = self.responses.entry(subject, KEEP);
            responses.add(now.end_ns / S, us, is_poll);
        }
    }

    /// Counts what was sent, and what kept it back.
    fn count_traffic(&mut self, change: &Change<'_>, now: &Session) {
        let since = |figure: fn(&Session) -> u64| {
            let before = change.before.map_or(0, figure);
            figure(now).saturating_sub(before)
        };
        let is_sending = change.sent > 0 || since(|s| s.retransmits.into()) > 0;
        let is_connected = now.established_ns != 0 || now.age == Age::LowerBound;
        if is_sending && is_connected {
            let sent = Sent {
                bytes: change.sent,
                retransmitted_bytes: since(|s| s.retransmitted_bytes),
                retransmits: since(|s| s.retransmits.into()),
            };
            let recent = self.peers.entry((now.remote(), now.direction), KEEP);
            recent.add(now.end_ns, sent);
        }
        let Some(before) = change.before.filter(|_| now.state == State::Established) else {
            return;
        };
        let is_local = now.raddr.is_loopback() || now.raddr == now.laddr;
        let passed_ms = now.end_ns.saturating_sub(before.end_ns) / 1_000_000;
        if is_local || change.moved == 0 || passed_ms == 0 {
            return;
        }
        let is_window_full = since(|s| s.rwnd_limited_ms.into()) * 2 > passed_ms;
        if now.min_rtt_us > 0 && !is_window_full {
            let (rtt, best) = (now.srtt_us, now.min_rtt_us);
            let is_long =
                rtt >= best.saturating_mul(LONG) && rtt - best >= self.round_trips.delay_us;
            self.delayed.add(now.laddr, is_long.then_some(rtt));
        }
        if now.owner != Evidence::None {
            let limited_ms = since(|s| s.sndbuf_limited_ms.into());
            // the kernel's clock runs from a write that the full buffer interrupts, so it misses most of the time if a
            // program writes little at a time. Where the window has room for all that the buffer holds, and the buffer
            // is full now and then, nothing else is the limit
            let has_room = u64::from(now.unacked_bytes) < congestion_window(now);
            let is_often_full = limited_ms * OFTEN >= passed_ms;
            let limited_ms = match is_often_full && has_room && !is_window_full {
                true => since(|s| s.busy_ms.into()).max(limited_ms),
                false => limited_ms,
            };
            let percent = (limited_ms * 100 / passed_ms) as u32;
            let is_far = now.srtt_us >= FAR_US;
            let process = GroupBy::Process.key(now);
            self.short_buffers.add(process, is_far.then_some(percent));
        }
    }

    /// Takes the number of sessions missed so far.
    pub(super) fn take_missed(&mut self, total: u64) {
        let before = self.missed_total.replace(total).unwrap_or(0);
        if total > before {
            self.missed.add(self.now_ns, total - before);
        }
    }

    /// Ends a snapshot.
    pub(super) fn end_snapshot(&mut self) {
        self.delayed.settle();
        self.short_buffers.settle();
    }

    /// Forgets subjects of which nothing is recent.
    pub(super) fn forget_past(&mut self) {
        let now_ns = self.now_ns;
        self.destinations.retain(|recent| !recent.is_past(now_ns));
        self.peers.retain(|recent| !recent.is_past(now_ns));
        self.unaccepted.retain(|recent| !recent.is_past(now_ns));
        self.responses
            .retain(|responses| responses.newest_s() + FORGOTTEN_S > now_ns / S);
    }
}
