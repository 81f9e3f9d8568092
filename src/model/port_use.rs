//! Use of local ports by outgoing sessions: for each source and destination the ports in use, those in TIME_WAIT, and
//! connects that found none free.
//!
//! The kernel tells nobody how many ports are left, but a port of the range can be used once for each source address,
//! destination address and destination port. So the sessions say it. Ports that a process has bound itself are not
//! known here.

use std::ops::RangeInclusive;

use crate::model::aggregate::bounded_map::{BoundedMap, Sums};
use crate::model::aggregate::rate_history::RateHistory;
use crate::model::interface::ZonedAddr;
use crate::model::session::{Direction, Reason, Session, State};
use crate::model::store::Change;
use crate::text::units::S;

/// Minimum number of pools kept.
const KEEP: usize = 1024;
/// Maximum number of ports in TIME_WAIT that are followed, in all pools: as many as the kernel keeps by default
/// (`net.ipv4.tcp_max_tw_buckets`).
const MOST_WAITING: usize = 1 << 18;
/// Time that a port stays in TIME_WAIT: include/net/tcp.h, TCP_TIMEWAIT_LEN.
const TIME_WAIT_S: u64 = 60;
/// Seconds over which rates are computed.
const RATE_S: u64 = 10;

/// Ports that the kernel gives to outgoing sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortRange {
    range: RangeInclusive<u16>,
    /// Parts of the range that it does not give.
    reserved: Vec<RangeInclusive<u16>>,
}

impl Default for PortRange {
    /// The range of a new network namespace.
    fn default() -> Self {
        PortRange {
            range: 32_768..=60_999,
            reserved: Vec::new(),
        }
    }
}

impl PortRange {
    /// Reads the texts of `net.ipv4.ip_local_port_range` and `net.ipv4.ip_local_reserved_ports`.
    pub fn parse(range: &str, reserved: &str) -> Option<Self> {
        let mut ends = range.split_whitespace().map(str::parse);
        let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
        let part = |text: &str| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            Some(first.parse().ok()?..=last.parse().ok()?)
        };
        Some(PortRange {
            range: first..=last,
            reserved: reserved.trim().split(',').filter_map(part).collect(),
        })
    }

    /// Returns the first and the last port.
    pub fn ends(&self) -> (u16, u16) {
        (*self.range.start(), *self.range.end())
    }

    /// True if the kernel may give this port.
    pub fn contains(&self, port: u16) -> bool {
        self.range.contains(&port) && !self.reserved.iter().any(|r| r.contains(&port))
    }

    /// Number of ports.
    pub fn count(&self) -> u32 {
        // the kernel's list has no overlaps
        let within = |r: &RangeInclusive<u16>| {
            let first = (*r.start()).max(*self.range.start());
            let last = (*r.end()).min(*self.range.end());
            (u32::from(last) + 1).saturating_sub(first.into())
        };
        let reserved: u32 = self.reserved.iter().map(within).sum();
        within(&self.range).saturating_sub(reserved)
    }
}

/// A source and a destination: sessions between them need different local ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortPool {
    /// Inode number of the network namespace.
    pub netns: u32,
    pub laddr: ZonedAddr,
    pub raddr: ZonedAddr,
    pub rport: u16,
}

impl PortPool {
    fn of(session: &Session) -> Self {
        PortPool {
            netns: session.netns,
            laddr: session.local(),
            raddr: session.remote(),
            rport: session.rport,
        }
    }
}

/// Number of ports of a page of [`WaitingPorts`].
const PAGE: usize = 1 << 10;

/// Ports in TIME_WAIT, and the second in which each of them closed. A busy client uses all of its range again and again: it
/// takes less memory and time beside each other than in a map.
#[derive(Clone, Debug, Default)]
struct WaitingPorts {
    /// Second after the one in which each port closed; 0: it is not in TIME_WAIT.
    pages: Vec<Option<Box<[u32; PAGE]>>>,
    count: usize,
}

impl WaitingPorts {
    fn insert(&mut self, port: u16, closed_s: u64) {
        let (page, at) = (usize::from(port) / PAGE, usize::from(port) % PAGE);
        if page >= self.pages.len() {
            self.pages.resize(page + 1, None);
        }
        let page = self.pages[page].get_or_insert_with(|| Box::new([0; PAGE]));
        self.count += usize::from(page[at] == 0);
        page[at] = u32::try_from(closed_s + 1).unwrap_or(u32::MAX);
    }

    fn remove(&mut self, port: u16) {
        let (page, at) = (usize::from(port) / PAGE, usize::from(port) % PAGE);
        if let Some(Some(page)) = self.pages.get_mut(page) {
            self.count -= usize::from(page[at] != 0);
            page[at] = 0;
        }
    }

    /// Removes the ports that closed at this second or earlier.
    fn remove_until(&mut self, last_s: u64) {
        let last = u32::try_from(last_s + 1).unwrap_or(u32::MAX);
        self.count = 0;
        for place in &mut self.pages {
            let Some(page) = place else { continue };
            let mut count = 0;
            for after in page.iter_mut() {
                *after = if *after > last { *after } else { 0 };
                count += u32::from(*after != 0);
            }
            self.count += count as usize;
            if count == 0 {
                *place = None;
            }
        }
    }

    fn len(&self) -> usize {
        self.count
    }

    fn is_empty(&self) -> bool {
        self.count == 0
    }
}

#[derive(Clone, Debug, Default)]
struct Ports {
    open: u32,
    waiting: WaitingPorts,
    opened: RateHistory<u32, { RATE_S as usize + 1 }>,
    failed: RateHistory<u32, { RATE_S as usize + 1 }>,
    failures: u64,
}

impl Ports {
    /// True if nothing can be shown any more.
    fn is_idle(&self, now_s: u64) -> bool {
        let is_old = |newest_s| newest_s + TIME_WAIT_S < now_s;
        self.open == 0
            && self.waiting.is_empty()
            && is_old(self.opened.newest_s())
            && is_old(self.failed.newest_s())
    }
}

impl Sums for Ports {
    fn weight(&self) -> (bool, u64) {
        let used = u64::from(self.open) + self.waiting.len() as u64;
        (self.open > 0, used.saturating_add(self.failures))
    }

    fn add(&mut self, other: &Self) {
        self.open += other.open;
        self.failures += other.failures;
    }
}

/// Figures of one pool at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct PortPoolUse {
    pub pool: PortPool,
    /// Ports of open sessions.
    pub open: u32,
    /// Ports in TIME_WAIT: of sessions that we closed first in the last 60 s.
    pub waiting: u32,
    /// Ports in the range.
    pub range: u32,
    /// The range is not known, as the pool is in another namespace: it is taken to be that of a new one.
    pub is_assumed: bool,
    /// Outgoing sessions per second.
    pub opened_rate: f64,
    /// Connects per second that found no free port.
    pub failed_rate: f64,
    /// Connects that found no free port, as long as the pool is listed.
    pub failures: u64,
}

impl PortPoolUse {
    /// Ports that are left.
    pub fn free(&self) -> u32 {
        self.range
            .saturating_sub(self.open)
            .saturating_sub(self.waiting)
    }

    /// Part of the range that is in use or in TIME_WAIT, 0 to 1.
    pub fn share(&self) -> f64 {
        let used = f64::from(self.open) + f64::from(self.waiting);
        (used / f64::from(self.range.max(1))).min(1.0)
    }
}

/// Use of ports by all outgoing sessions.
#[derive(Debug, Default)]
pub struct PortUse {
    pools: BoundedMap<PortPool, Ports>,
    /// Ports in TIME_WAIT in all pools.
    waiting: usize,
    /// Namespace of `range`; 0: not known.
    netns: u32,
    range: PortRange,
    /// The range that is assumed of other namespaces.
    assumed: PortRange,
    /// Sockets in TIME_WAIT in that namespace, whoever closed them: those of before the start and of incoming sessions,
    /// too.
    pub kernel_waiting: Option<u64>,
    /// First second that was watched.
    first_s: u64,
    /// Second of the last [`PortUse::settle`].
    settled_s: u64,
}

impl PortUse {
    /// For a process in this network namespace, whose range is known.
    pub fn new(netns: u32, range: PortRange) -> Self {
        PortUse {
            netns,
            range,
            ..PortUse::default()
        }
    }

    /// Inode number of the network namespace of this process; 0: not known.
    pub fn netns(&self) -> u32 {
        self.netns
    }

    /// The range of the namespace of this process.
    pub fn range(&self) -> &PortRange {
        &self.range
    }

    /// Second of the last [`PortUse::settle`].
    pub fn settled_s(&self) -> u64 {
        self.settled_s
    }

    fn range_of(&self, netns: u32) -> &PortRange {
        match netns == self.netns {
            true => &self.range,
            false => &self.assumed,
        }
    }

    fn is_in_range(&self, session: &Session) -> bool {
        self.range_of(session.netns).contains(session.lport)
    }

    /// True if the session takes a port from its pool.
    fn uses_port(&self, session: &Session) -> bool {
        session.direction == Direction::Out && self.is_in_range(session)
    }

    /// Takes a change of a session.
    pub fn take(&mut self, change: &Change<'_>) {
        if let (Some(before), Some(now)) = (change.before, change.now)
            && now.is_open()
            && (before.direction, before.lport) == (now.direction, now.lport)
            && PortPool::of(before) == PortPool::of(now)
        {
            return;
        }
        if let Some(before) = change.before.filter(|s| self.uses_port(s)) {
            let ports = self.pools.sums_of(PortPool::of(before));
            ports.open = ports.open.saturating_sub(1);
        }
        let Some(now) = change.now.filter(|s| s.direction == Direction::Out) else {
            return;
        };
        let pool = PortPool::of(now);
        if now.reason == Reason::NoPort {
            let ports = self.pools.entry(pool, KEEP);
            ports.failed.add(now.end_ns / S, 1);
            ports.failures += 1;
            return;
        }
        if !self.is_in_range(now) {
            return;
        }
        let ports = self.pools.entry(pool, KEEP);
        if change.is_new {
            ports.opened.add(now.start_ns / S, 1);
        }
        let waited = ports.waiting.len();
        if now.is_open() {
            ports.open += 1;
        }
        if enters_time_wait(now) {
            if self.waiting < MOST_WAITING {
                ports.waiting.insert(now.lport, now.end_ns / S);
            }
        } else if change.is_new {
            // the kernel has given it again
            ports.waiting.remove(now.lport);
        }
        self.waiting = (self.waiting + ports.waiting.len()).saturating_sub(waited);
    }

    /// Ends TIME_WAIT after a minute, and forgets pools of which nothing is known any more.
    pub fn settle(&mut self, now_ns: u64) {
        let now_s = now_ns / S;
        if self.first_s == 0 {
            self.first_s = now_s;
        }
        if now_s == self.settled_s {
            return;
        }
        self.settled_s = now_s;
        self.waiting = 0;
        let mut idle = Vec::new();
        for (pool, ports) in self.pools.iter_mut() {
            if let Some(last_s) = now_s.checked_sub(TIME_WAIT_S) {
                ports.waiting.remove_until(last_s);
            }
            self.waiting += ports.waiting.len();
            if ports.is_idle(now_s) {
                idle.push(pool);
            }
        }
        for pool in idle {
            self.pools.forget(pool);
        }
    }

    /// Figures of each pool, in no order.
    pub fn pools(&self) -> impl Iterator<Item = PortPoolUse> {
        let now_s = self.settled_s;
        let seconds = now_s.saturating_sub(self.first_s).clamp(1, RATE_S);
        let rate = move |history: &RateHistory<u32, { RATE_S as usize + 1 }>| {
            let sum: u32 = (now_s - seconds.min(now_s)..now_s)
                .map(|s| history.at(s))
                .sum();
            f64::from(sum) / seconds as f64
        };
        self.pools.iter().map(move |(pool, ports)| PortPoolUse {
            pool,
            open: ports.open,
            waiting: u32::try_from(ports.waiting.len()).unwrap_or(u32::MAX),
            range: self.range_of(pool.netns).count(),
            is_assumed: pool.netns != self.netns,
            opened_rate: rate(&ports.opened),
            failed_rate: rate(&ports.failed),
            failures: ports.failures,
        })
    }

    /// Number of pools that were evicted because there were too many.
    pub fn evicted(&self) -> u64 {
        self.pools.other().1
    }
}

/// True if the kernel keeps the port of a closed session for a minute: we closed first, in order.
fn enters_time_wait(session: &Session) -> bool {
    session.reason == Reason::LocalFin
        && matches!(session.state_before_close, State::FinWait2 | State::Closing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::batch::{Batch, OpenSnapshot};
    use crate::model::store::Store;
    use crate::testing::sample::closed_session as sample;

    fn range() -> PortRange {
        PortRange::parse("40000\t40049\n", "40010-40019,50000\n").expect("a range")
    }

    fn open(lport: u16, start_s: u64) -> Session {
        Session {
            cookie: lport.into(),
            start_ns: start_s * S,
            end_ns: start_s * S,
            netns: 7,
            lport,
            laddr: [10, 0, 0, 1].into(),
            raddr: [10, 0, 0, 2].into(),
            rport: 5432,
            state: State::Established,
            state_before_close: State::Established,
            reason: Reason::Open,
            ..sample()
        }
    }

    fn closed(lport: u16, start_s: u64, end_s: u64, reason: Reason) -> Session {
        Session {
            end_ns: end_s * S,
            state: State::Closed,
            state_before_close: match reason {
                Reason::LocalFin => State::FinWait2,
                _ => State::Established,
            },
            reason,
            ..open(lport, start_s)
        }
    }

    struct Watched {
        store: Store,
        ports: PortUse,
    }

    impl Watched {
        fn new() -> Self {
            Watched {
                store: Store::new(1000),
                ports: PortUse::new(7, range()),
            }
        }

        fn at(&mut self, s: u64, open: Vec<Session>, closed: Vec<Session>) {
            let batch = Batch {
                open: Some(OpenSnapshot::from(open)),
                closed,
                taken_ns: s * S,
                ..Batch::default()
            };
            let ports = &mut self.ports;
            self.store.ingest(batch, |event| {
                if let Some(change) = event.change() {
                    ports.take(change);
                }
            });
            self.ports.settle(s * S);
        }

        /// Open ports, those in TIME_WAIT, and free ones.
        fn figures(&self) -> Option<(u32, u32, u32)> {
            let pool = self.ports.pools().next()?;
            Some((pool.open, pool.waiting, pool.free()))
        }
    }

    #[test]
    fn port_range_leaves_out_reserved_ports() {
        let range = range();
        assert_eq!((range.count(), range.ends()), (40, (40_000, 40_049)));
        assert!(range.contains(40_009) && !range.contains(40_010) && !range.contains(50_000));
        assert_eq!(PortRange::default().count(), 28_232);
        assert_eq!(
            PortRange::parse("1 65535", "\n").map(|r| r.count()),
            Some(65_535)
        );
        for wrong in ["", "40000", "a b", "1 99999"] {
            assert_eq!(PortRange::parse(wrong, ""), None, "{wrong}");
        }
    }

    #[test]
    fn port_stays_in_time_wait_for_a_minute_after_we_close_first() {
        let mut watched = Watched::new();
        watched.at(
            10,
            vec![open(40_000, 9), open(40_001, 9), open(40_002, 9)],
            vec![],
        );
        assert_eq!(watched.figures(), Some((3, 0, 37)));
        let ended = vec![
            closed(40_000, 9, 11, Reason::LocalFin),
            closed(40_001, 9, 11, Reason::RemoteFin),
            // opened and closed in between
            closed(40_003, 11, 11, Reason::LocalFin),
        ];
        watched.at(12, vec![open(40_002, 9)], ended);
        assert_eq!(watched.figures(), Some((1, 2, 37)));
        watched.at(70, vec![open(40_002, 9)], vec![]);
        assert_eq!(watched.figures(), Some((1, 2, 37)));
        watched.at(71, vec![open(40_002, 9)], vec![]);
        assert_eq!(watched.figures(), Some((1, 0, 39)));
    }

    #[test]
    fn port_that_is_used_again_leaves_time_wait() {
        let mut watched = Watched::new();
        watched.at(12, vec![], vec![closed(40_000, 9, 11, Reason::LocalFin)]);
        watched.at(14, vec![open(40_000, 13)], vec![]);
        assert_eq!(watched.figures(), Some((1, 0, 39)));
        watched.at(15, vec![], vec![closed(40_000, 13, 14, Reason::LocalReset)]);
        assert_eq!(watched.figures(), Some((0, 0, 40)));
    }

    #[test]
    fn port_outside_the_range_and_incoming_sessions_take_none() {
        let mut watched = Watched::new();
        let incoming = Session {
            direction: Direction::In,
            ..open(40_000, 9)
        };
        watched.at(10, vec![incoming, open(1234, 9)], vec![]);
        assert_eq!(watched.figures(), None);
    }

    #[test]
    fn pool_of_each_destination_has_ports_of_its_own() {
        let mut watched = Watched::new();
        let elsewhere = Session {
            cookie: 1,
            rport: 80,
            ..open(40_000, 9)
        };
        watched.at(10, vec![open(40_000, 9), elsewhere], vec![]);
        let open: Vec<u32> = watched.ports.pools().map(|p| p.open).collect();
        assert_eq!(open, [1, 1]);
    }

    #[test]
    fn pool_of_another_namespace_has_an_assumed_range() {
        let mut watched = Watched::new();
        let elsewhere = Session {
            netns: 8,
            ..open(40_000, 9)
        };
        watched.at(10, vec![elsewhere], vec![]);
        let pool = watched.ports.pools().next().expect("a pool");
        assert_eq!((pool.is_assumed, pool.free()), (true, 28_231));
    }

    #[test]
    fn connects_without_a_port_are_counted_and_forgotten_after_a_minute() {
        let mut watched = Watched::new();
        watched.at(10, vec![], vec![]);
        let failed = |s| closed(0, s, s, Reason::NoPort);
        watched.at(
            20,
            vec![],
            vec![failed(14), failed(15), failed(19), failed(20)],
        );
        let pool = watched.ports.pools().next().expect("a pool");
        assert_eq!((pool.failures, pool.failed_rate), (4, 0.3));
        watched.at(80, vec![], vec![]);
        assert_eq!(watched.ports.pools().count(), 1);
        watched.at(81, vec![], vec![]);
        assert_eq!(watched.ports.pools().count(), 0);
    }

    #[test]
    fn pools_and_ports_are_bounded() {
        let mut watched = Watched::new();
        let session = |i: u32| Session {
            raddr: std::net::Ipv4Addr::from_bits(i).into(),
            ..closed(40_000, 9, 11, Reason::LocalFin)
        };
        watched.at(12, vec![], (0..10_000).map(session).collect());
        let kept = watched.ports.pools().count();
        assert!((KEEP..=2 * KEEP).contains(&kept), "{kept}");
        assert_eq!(kept as u64 + watched.ports.evicted(), 10_000);
    }
}
