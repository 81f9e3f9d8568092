//! One cause that is seen from both ends of local connections: the finding of the end that causes it stays.
//!
//! Owns which findings are seen from which end, and the programs that serve at addresses of this host.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::model::aggregate::GroupKey;
use crate::model::findings::facts::Facts;
use crate::model::findings::host_rules::Sockets;
use crate::model::findings::suspects::Plight;
use crate::model::findings::{Destination, FINDINGS, FindingRule, Met, Subject};
use crate::model::session::{Comm, Direction, Evidence, Session};
use crate::model::store::Change;

/// Maximum number of addresses, and of ports.
const KEEP: usize = 4096;
/// Time that a finding waits for that of its cause, s: the two ends may differ by a snapshot or two.
pub(super) const CAUSE_S: u64 = 3;

/// A finding at the end that suffers, and that of its cause at the other end.
struct SameCause {
    seen: &'static str,
    cause: &'static str,
    /// The trouble of the sessions if processes are the subjects; `None`: destinations and listeners are.
    plight: Option<Plight>,
}

const fn same(seen: &'static str, cause: &'static str, plight: Option<Plight>) -> SameCause {
    SameCause {
        seen,
        cause,
        plight,
    }
}

#[rustfmt::skip]
static SAME_CAUSE: &[SameCause] = &[
    same("slow-peer", "slow-us", None),
    same("slow-peer", "always-slow-us", None),
    same("always-slow-peer", "always-slow-us", None),
    same("always-slow-peer", "slow-us", None),
    same("unanswered", "accept-queue-full", None),
    same("resetting", "never-accepted", None),
    same("peer-window", "unread", Some(Plight::WindowFull)),
    same("orphans", "unread", Some(Plight::Orphan)),
    same("fin-wait", "close-wait-leak", Some(Plight::FinWait)),
];

/// Programs that serve on this host.
#[derive(Debug, Default)]
pub(super) struct Served {
    /// At destinations of sessions whose other end is here, too.
    at: FxHashMap<Destination, Comm>,
    /// On ports of network namespaces.
    on: FxHashMap<(u32, u16), Comm>,
}

impl Served {
    /// Notes who serves at the other end of a session, or who has served it.
    pub(super) fn take(&mut self, change: &Change<'_>) {
        let Some(now) = change.now else { return };
        let other = change.other.map(|other| other.session);
        match (now.direction, other) {
            (Direction::Out, Some(server)) if is_owned(server) => {
                note(&mut self.at, Destination::of(now), server.comm);
            }
            (Direction::In, _) if !now.is_open() => self.take_accepted(now),
            _ => {}
        }
    }

    /// Notes who serves on the port of a session that was accepted.
    pub(super) fn take_accepted(&mut self, session: &Session) {
        if is_owned(session) {
            note(&mut self.on, (session.netns, session.lport), session.comm);
        }
    }

    /// True if a destination is on this host.
    fn is_here(&self, to: &Destination) -> bool {
        to.addr.addr.is_loopback() || self.at.contains_key(to)
    }

    /// The program at a subject, if that is an address or port of this host and it is known.
    pub(super) fn program(
        &self,
        listening: &BTreeMap<Subject, Sockets>,
        subject: &Subject,
    ) -> Option<Comm> {
        let listens = |netns, port| {
            let takes = |other: &&Subject| match **other {
                Subject::Listener {
                    netns: other_netns,
                    port: other_port,
                    ..
                } => (other_netns, other_port) == (netns, port),
                _ => false,
            };
            let mut all = listening.iter().filter(|(other, _)| takes(other));
            all.find_map(|(_, sockets)| sockets.comm)
        };
        let comm = match *subject {
            Subject::Destination(to) if self.is_here(&to) => {
                let known = self
                    .at
                    .get(&to)
                    .or_else(|| self.on.get(&(to.netns, to.port)));
                known.copied().or_else(|| listens(to.netns, to.port))
            }
            Subject::Listener { netns, port, .. } => {
                let known = self.on.get(&(netns, port)).copied();
                known.or_else(|| listens(netns, port))
            }
            _ => None,
        };
        comm.filter(|comm| !comm.as_str().is_empty())
    }
}

fn note<K: Eq + std::hash::Hash>(all: &mut FxHashMap<K, Comm>, key: K, comm: Comm) {
    if all.len() < KEEP || all.contains_key(&key) {
        all.insert(key, comm);
    }
}

/// True if the process of a session is known.
fn is_owned(session: &Session) -> bool {
    !matches!(session.owner, Evidence::None | Evidence::Listen)
}

/// True if a finding at one end has this cause at the other end.
fn is_cause(facts: &Facts, same: &SameCause, seen: &Subject, cause: &Subject) -> bool {
    match (same.plight, *seen, *cause) {
        (None, Subject::Destination(to), Subject::Listener { netns, addr, port }) => {
            let is_addr = addr.is_none_or(|addr| addr.is_unspecified() || addr == to.addr.addr);
            facts.served.is_here(&to) && is_addr && (netns, port) == (to.netns, to.port)
        }
        // of a process that is at both ends, each finding says something else
        (Some(plight), Subject::Group(process), Subject::Group(cause)) => {
            cause != process && other_process(facts, plight, seen) == Some(cause)
        }
        _ => false,
    }
}

/// The process at the other end of all sessions of a subject that suffer, if it is one of this host.
fn other_process(facts: &Facts, plight: Plight, subject: &Subject) -> Option<GroupKey> {
    facts.suspects.get(plight, *subject).other
}

/// Removes what is seen from one end where the finding of its cause holds at the other end. `all` is in the order of
/// [`FINDINGS`].
pub(super) fn keep_causes(all: &mut [Vec<Met>], facts: &Facts) {
    let place = |name: &str| FINDINGS.iter().position(|rule| rule.name == name);
    for same in SAME_CAUSE {
        let (Some(seen), Some(cause)) = (place(same.seen), place(same.cause)) else {
            continue;
        };
        let causes: Vec<Subject> = all[cause].iter().map(|met| met.subject).collect();
        all[seen].retain(|met| {
            let mut causes = causes.iter();
            !causes.any(|cause| is_cause(facts, same, &met.subject, cause))
        });
    }
}

/// Time that a finding waits for that of its cause before it begins, s: 0 if there can be none.
pub(super) fn wait_s(rule: &FindingRule, subject: &Subject, facts: &Facts) -> u64 {
    let mut causes = SAME_CAUSE.iter().filter(|same| same.seen == rule.name);
    let has_cause = causes.any(|same| match (same.plight, subject) {
        (None, Subject::Destination(to)) => facts.served.is_here(to),
        (Some(plight), _) => other_process(facts, plight, subject).is_some(),
        _ => false,
    });
    if has_cause { CAUSE_S } else { 0 }
}

/// True if a finding may have its cause at the other end.
pub(super) fn has_other_end(rule: &FindingRule) -> bool {
    SAME_CAUSE.iter().any(|same| same.seen == rule.name)
}
