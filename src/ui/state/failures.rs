//! The failures screen: failed connections counted by reason, destination and program, and their recent rates.
//!
//! Owns the counts, their order and the selection.

use std::cmp::Reverse;
use std::net::SocketAddr;

use crate::filter::for_group::{filter_for_group, filter_for_peer};
use crate::model::aggregate::bounded_map::{BoundedMap, Sums};
use crate::model::aggregate::rate_history::RateHistory;
use crate::model::aggregate::{GroupBy, GroupKey};
use crate::model::interface::ZonedAddr;
use crate::model::packet_drop::{DropClass, PacketDirection, PacketDrops};
use crate::model::session::{Direction, Reason, Session};
use crate::model::store::{SessionRef, Store};
use crate::text::units::S;
use crate::ui::action::Motion;
use crate::ui::state::list::List;
use crate::ui::state::tally::{Count, Counted};
use crate::ui::state::view_filter::ViewFilter;

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
    fn of(session: &Session) -> Option<Failure> {
        let is_in = session.direction == Direction::In;
        session.reason.is_failure().then_some(Failure {
            reason: session.reason,
            direction: session.direction,
            addr: (!is_in).then_some(session.remote()),
            port: if is_in { session.lport } else { session.rport },
            program: GroupBy::Program.key(session),
        })
    }

    /// Returns a filter that matches exactly these failures.
    pub fn filter(&self) -> String {
        let to = match self.addr {
            Some(addr) => format!("{} and rport {}", filter_for_peer(addr), self.port),
            None => format!("lport {}", self.port),
        };
        format!(
            "reason {} and direction {} and {to} and {}",
            self.reason.name(),
            self.direction.name(),
            filter_for_group(&self.program)
        )
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
    /// Time of the last one, ns.
    pub last_ns: u64,
    /// Failures per second; the current, incomplete second needs an entry too.
    recent: RateHistory<i32, { RECENT_S as usize + 1 }>,
}

impl Tally {
    /// Number of failures in the last [`RECENT_S`] seconds before `now_ns`.
    fn recent(&self, now_ns: u64) -> u32 {
        let end = now_ns / S;
        // the current second counts as well: what has just happened matters most
        let seconds = (end + 1).saturating_sub(RECENT_S)..=end.max(self.recent.newest_s());
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
        self.last_ns = self.last_ns.max(other.last_ns);
        self.recent.merge(&other.recent);
    }
}

/// Failures by kind.
#[derive(Debug, Default)]
pub struct Failed(
    BoundedMap<Failure, Tally>,
    /// Second of the latest failure.
    u64,
);

impl Count for Failed {
    /// Of a connection within the host, the end counts that failed: the one that stands for both, if both did.
    fn concerns(session: &Session) -> bool {
        session.reason.is_failure()
    }

    fn add(&mut self, session: &Session) {
        if let Some(failure) = Failure::of(session) {
            let tally = self.0.entry(failure, KEEP);
            tally.count += 1;
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
        // recent failures still count after eviction
        tally.count = tally.count.saturating_sub(1);
        // the screen leaves out kinds that are neither kept nor recent
        if tally.count == 0 && tally.recent.newest_s() + RECENT_S < self.1 {
            self.0.forget(failure);
        }
    }
}

#[cfg(test)]
impl Failed {
    /// All tallies, sorted by failure.
    pub fn counts(&self) -> Vec<(Failure, u64)> {
        let kept = self.0.iter().filter(|(_, t)| t.count > 0);
        let mut counts: Vec<_> = kept.map(|(f, t)| (f, t.count)).collect();
        counts.sort_unstable();
        counts
    }
}

#[derive(Debug)]
pub struct FailureRow<'a> {
    /// `None`: all evicted kinds together.
    pub failure: Option<Failure>,
    pub tally: &'a Tally,
    /// Recent failures per second.
    pub rate: f64,
    pub selected: bool,
}

#[derive(Debug)]
pub struct Failures {
    pub counted: Counted<Failed>,
    pub list: List<Failure>,
    now_ns: u64,
    /// All failures since this time are counted.
    since_ns: u64,
}

impl Failures {
    pub fn new(store: &Store, view_filter: &ViewFilter) -> Self {
        Failures {
            counted: Counted::new(Failed::default, store, view_filter),
            list: List::with_other(),
            now_ns: 0,
            since_ns: known_since(store),
        }
    }

    /// Counts again from the start, for a changed filter.
    pub fn restart(&mut self, store: &Store, view_filter: &ViewFilter) {
        self.counted.restart(store, view_filter);
        self.since_ns = known_since(store);
    }

    /// Sorts by the magnitude of recent failures, then by all failures. The run began at `first_ns`.
    pub fn refresh(&mut self, first_ns: u64, now_ns: u64, height: usize) {
        (self.now_ns, self.since_ns) = (now_ns, self.since_ns.max(first_ns));
        let tallies = self.counted.closed.0.iter();
        let mut order: Vec<_> = tallies
            .filter(|(_, t)| t.recent(now_ns) > 0 || t.count > 0)
            .map(|(failure, t)| (Reverse((magnitude(t.recent(now_ns)), t.count)), failure))
            .collect();
        order.sort_unstable();
        self.list
            .set(order.into_iter().map(|(_, f)| f).collect(), height);
    }

    pub fn go(&mut self, motion: Motion, height: usize) {
        self.list.go(motion, height);
    }

    /// The selected kind.
    pub fn selected(&self) -> Option<Failure> {
        self.list.selected()
    }

    /// Number of kinds, of failures in total, and of evicted kinds.
    pub fn counts(&self) -> (usize, u64, u64) {
        let (rest, evicted) = self.counted.closed.0.other();
        let kept = self.counted.closed.0.iter();
        let all = kept.map(|(_, t)| t.count).sum::<u64>() + rest.count;
        (self.list.len(), all, evicted)
    }

    /// Length of the recent period in seconds, shorter if the sessions of its beginning were not counted.
    pub fn seconds(&self) -> f64 {
        let known = self.now_ns.saturating_sub(self.since_ns) as f64 / S as f64;
        known.clamp(1.0, RECENT_S as f64)
    }

    /// Time since the last failure of a kind, ns.
    pub fn ago_ns(&self, tally: &Tally) -> u64 {
        self.now_ns.saturating_sub(tally.last_ns)
    }

    /// Visible lines; the last one of all stands for evicted kinds.
    pub fn rows(&self) -> impl Iterator<Item = FailureRow<'_>> {
        let failed = &self.counted.closed.0;
        let rate = |tally: &Tally| f64::from(tally.recent(self.now_ns)) / self.seconds();
        let rows = self.list.shown().filter_map(move |(failure, selected)| {
            let tally = failed.get(failure)?;
            Some(FailureRow {
                failure: Some(failure),
                tally,
                rate: rate(tally),
                selected,
            })
        });
        let (rest, evicted) = failed.other();
        rows.chain((evicted > 0).then(|| FailureRow {
            failure: None,
            tally: rest,
            rate: rate(rest),
            selected: false,
        }))
    }
}

/// The magnitude of a number, in powers of four: lines whose rates differ by less keep their order, and can be read.
fn magnitude(n: u32) -> u32 {
    n.checked_ilog2().map_or(0, |log| 1 + log / 2)
}

/// Time since which every closed session is kept: the start, unless some were evicted.
fn known_since(store: &Store) -> u64 {
    match store.closed_numbers().start {
        0 => 0,
        oldest => store
            .get(SessionRef::Closed(oldest))
            .map_or(u64::MAX, |s| s.end_ns),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;
    use crate::model::session::{Comm, Evidence};
    use crate::testing::sample::closed_session as sample;

    fn failed(reason: Reason, direction: Direction, comm: &str, end_s: u64) -> Session {
        Session {
            reason,
            direction,
            comm: Comm::from(comm),
            owner: if comm.is_empty() {
                Evidence::None
            } else {
                Evidence::Connect
            },
            end_ns: end_s * S,
            ..sample()
        }
    }

    #[test]
    fn filter_of_failure_matches_exactly_its_sessions() {
        let mut sessions = Vec::new();
        for reason in [Reason::Refused, Reason::LocalReset, Reason::LocalFin] {
            for direction in [Direction::In, Direction::Out, Direction::Unknown] {
                for comm in ["", "a b", "and"] {
                    sessions.push(failed(reason, direction, comm, 2));
                }
            }
        }
        for one in &sessions {
            let Some(failure) = Failure::of(one) else {
                assert_eq!(one.reason, Reason::LocalFin);
                continue;
            };
            let filter = Filter::parse(&failure.filter()).expect("a filter");
            for other in &sessions {
                assert_eq!(filter.matches(other), other == one, "{}", failure.filter());
            }
        }
    }

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
