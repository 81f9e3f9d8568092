//! Failures: failed sessions counted by reason, destination and program, within bounds.

use std::net::SocketAddr;

use crate::model::aggregate::bounded_map::{BoundedMap, Sums};
use crate::model::aggregate::rate_history::RateHistory;
use crate::model::aggregate::{GroupBy, GroupKey};
use crate::model::count::Count;
use crate::model::interface::ZonedAddr;
use crate::model::packet_drop::{DropClass, PacketDirection, PacketDrops};
use crate::model::session::{Direction, Reason, Session};
use crate::text::units::S;

/// Minimum number of kinds of failures kept.
const KEEP: usize = 2048;
/// Seconds that count as recent.
pub const RECENT_S: u64 = 10;

/// A kind of failure: sessions that agree in all of these fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Failure {
    pub reason: Reason,
    pub direction: Direction,
    /// The peer's address; `None` if the peer opened the session, because then the local service failed.
    pub addr: Option<ZonedAddr>,
    /// The peer's port, or the local one if the peer opened the session.
    pub port: u16,
    /// The owner's program.
    pub program: GroupKey,
}

impl Failure {
    /// Returns the kind of a session that failed.
    pub fn of(session: &Session) -> Option<Failure> {
        let is_in = session.direction == Direction::In;
        session.reason.is_failure().then_some(Failure {
            reason: session.reason,
            direction: session.direction,
            addr: (!is_in).then_some(session.remote()),
            port: if is_in { session.lport } else { session.rport },
            program: GroupBy::Program.key(session),
        })
    }

    /// Cause for which this host has dropped packets to or from this destination, the most telling one; `None`: it has not.
    pub fn dropped_here(&self, drops: &[PacketDrops]) -> Option<DropClass> {
        let is_destination = |end: SocketAddr| match self.addr {
            Some(addr) => (end.ip(), end.port()) == (addr.addr, self.port),
            None => end.port() == self.port,
        };
        let is_here = |drops: &&PacketDrops| match (drops.direction, self.addr) {
            (PacketDirection::Forwarded, _) => false,
            // of a peer on this host, what was dropped on its side counts, too
            (_, Some(_)) => is_destination(drops.remote) || is_destination(drops.local),
            (_, None) => is_destination(drops.local),
        };
        let classes = drops.iter().filter(is_here).map(PacketDrops::class);
        // that nobody listens is the reason `refused`, too
        let is_news = |c: &DropClass| !matches!(c, DropClass::Ordinary | DropClass::NoListener);
        classes.filter(is_news).min()
    }

    /// The destination, by `name` or else by number: `→ 10.0.0.9:5432`, or for a local service `← :443`.
    pub fn destination(&self, name: Option<String>) -> String {
        match self.addr {
            Some(addr) => {
                let end = || addr.with_port(self.port);
                format!("→ {}", name.unwrap_or_else(end))
            }
            None => format!("← {}", name.unwrap_or_else(|| format!(":{}", self.port))),
        }
    }
}

/// Failures of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    pub count: u64,
    /// Number of these whose sessions are kept.
    pub kept: u64,
    /// Time of the last one, ns.
    pub last_ns: u64,
    /// Failures per second; the current, incomplete second needs an entry too.
    recent: RateHistory<i32, { RECENT_S as usize + 1 }>,
}

impl Tally {
    /// Number of failures in the last [`RECENT_S`] seconds before `now_ns`; if the newest one is later, in as many before it.
    pub fn recent(&self, now_ns: u64) -> u32 {
        let newest = self.recent.newest_s();
        // the current second counts as well: what has just happened matters most
        let first = (now_ns / S + 1).saturating_sub(RECENT_S);
        let seconds = first.max(newest.saturating_sub(RECENT_S))..=newest;
        let sum: i32 = seconds.map(|s| self.recent.at(s)).sum();
        u32::try_from(sum).unwrap_or(0)
    }
}

impl Sums for Tally {
    fn weight(&self) -> (bool, u64) {
        (false, self.count)
    }

    fn add(&mut self, other: &Tally) {
        self.count += other.count;
        self.kept += other.kept;
        self.last_ns = self.last_ns.max(other.last_ns);
        self.recent.merge(&other.recent);
    }
}

/// Failures by kind.
#[derive(Clone, Debug, Default)]
pub struct Failed(
    BoundedMap<Failure, Tally>,
    /// Second of the latest failure.
    u64,
);

impl Failed {
    /// Iterates over the kept kinds, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Failure, &Tally)> {
        self.0.iter()
    }

    /// Returns the failures of a kind that is kept.
    pub fn get(&self, failure: Failure) -> Option<&Tally> {
        self.0.get(failure)
    }

    /// Adds the failures that others have counted.
    pub fn merge(&mut self, others: &Failed) {
        for (failure, tally) in others.iter() {
            self.0.entry(failure, KEEP).add(tally);
        }
        self.1 = self.1.max(others.1);
    }

    /// Returns the failures of all evicted kinds, and the number of evictions.
    pub fn other(&self) -> (&Tally, u64) {
        self.0.other()
    }
}

impl Count for Failed {
    /// Of a connection within the host, the end counts that failed: the one that stands for both, if both did.
    fn concerns(session: &Session) -> bool {
        session.reason.is_failure()
    }

    fn add(&mut self, session: &Session) {
        if let Some(failure) = Failure::of(session) {
            let tally = self.0.entry(failure, KEEP);
            tally.count += 1;
            tally.kept += 1;
            tally.last_ns = tally.last_ns.max(session.end_ns);
            self.1 = self.1.max(session.end_ns / S);
            tally.recent.add(session.end_ns / S, 1);
        }
    }

    fn retract(&mut self, session: &Session) {
        if let Some(failure) = Failure::of(session) {
            let recent = &mut self.0.sums_of(failure).recent;
            recent.add(session.end_ns / S, -1);
        }
        self.remove(session);
    }

    fn remove(&mut self, session: &Session) {
        let Some(failure) = Failure::of(session) else {
            return;
        };
        let tally = self.0.sums_of(failure);
        tally.count = tally.count.saturating_sub(1);
        tally.kept = tally.kept.saturating_sub(1);
        // the screen leaves out kinds that neither count nor are recent
        if tally.count == 0 && tally.recent.newest_s() + RECENT_S < self.1 {
            self.0.forget(failure);
        }
    }

    /// A failure counts whether its session is kept or not.
    fn evict(&mut self, session: &Session) {
        if let Some(failure) = Failure::of(session) {
            let tally = self.0.sums_of(failure);
            tally.kept = tally.kept.saturating_sub(1);
        }
    }
}

#[cfg(test)]
impl Failed {
    /// The kept failures of each kind, sorted by failure.
    pub fn counts(&self) -> Vec<(Failure, u64)> {
        let kept = self.0.iter().filter(|(_, t)| t.kept > 0);
        let mut counts: Vec<_> = kept.map(|(f, t)| (f, t.kept)).collect();
        counts.sort_unstable();
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::ended_session as failed;

    #[test]
    fn failures_of_recent_seconds_are_counted_by_second() {
        let mut counted = Failed::default();
        let add = |counted: &mut Failed, s| {
            counted.add(&failed(Reason::Refused, Direction::Out, "a", s));
        };
        [100, 105, 105, 109, 91, 90, 50]
            .into_iter()
            .for_each(|s| add(&mut counted, s));
        let recent = |counted: &Failed, s: u64| {
            let (_, tally) = counted.0.iter().next().expect("a tally");
            tally.recent(s * S)
        };
        assert_eq!(recent(&counted, 109), 4);
        assert_eq!(recent(&counted, 110), 3);
        assert_eq!(recent(&counted, 115), 1);
        assert_eq!(recent(&counted, 300), 0);
        counted.remove(&failed(Reason::Refused, Direction::Out, "a", 50));
        counted.remove(&failed(Reason::Refused, Direction::Out, "a", 105));
        assert_eq!(recent(&counted, 110), 3, "whether it is kept or not");
    }

    #[test]
    fn failures_of_many_kinds_are_bounded_and_all_counted() {
        let mut counted = Failed::default();
        let kind = |i: u64| Session {
            lport: (i % 60_000) as u16,
            reason: Reason::ALL[3 + (i / 60_000) as usize],
            direction: Direction::In,
            ..failed(Reason::Refused, Direction::In, "a", 10)
        };
        (0..100_000).for_each(|i| counted.add(&kind(i)));
        let kept = counted.0.iter().count();
        assert!((KEEP..=2 * KEEP).contains(&kept), "{kept}");
        let (rest, evicted) = counted.0.other();
        assert_eq!((rest.count, rest.recent(10 * S)), (evicted, evicted as u32));
        assert_eq!(kept as u64 + evicted, 100_000);
    }
}
