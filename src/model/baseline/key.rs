//! Keys that sessions are compared by: links, peers, programs and ports.

use std::fmt;

use crate::model::aggregate::{GroupBy, GroupKey};
use crate::model::interface::ZonedAddr;
use crate::model::session::{Comm, Session};

/// Sessions that a program opens to one port of one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    pub program: Comm,
    pub peer: ZonedAddr,
    pub port: u16,
    /// Network namespace of connections within this host, where addresses mean something else in each; `None`: the peer
    /// is another host.
    pub local_in: Option<u32>,
}

impl Link {
    /// Returns the link that a session belongs to; `None`: the peer opened it, or its program is unknown.
    fn of(session: &Session) -> Option<Self> {
        let GroupKey::Program(program) = GroupBy::Program.key(session) else {
            return None;
        };
        session.is_client().then(|| Link {
            program,
            peer: session.remote(),
            port: session.rport,
            local_in: is_local(session).then_some(session.netns),
        })
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = self.peer.with_port(self.port);
        write!(f, "{} → {to}", self.program.as_str())
    }
}

/// Key of sums before and since a baseline, and of a difference between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BaselineKey {
    Link(Link),
    /// A peer, a program or a port.
    Group(GroupKey),
    /// Several links, peers or ports of a program, which the difference lists.
    Several(GroupKey),
}

impl fmt::Display for BaselineKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BaselineKey::Link(link) => write!(f, "{link}"),
            BaselineKey::Group(key) | BaselineKey::Several(key) => write!(f, "{key}"),
        }
    }
}

impl BaselineKey {
    /// True if it stands for a program.
    pub fn is_program(&self) -> bool {
        matches!(
            self,
            BaselineKey::Group(GroupKey::UnknownOwner | GroupKey::Program(_))
        )
    }
}

/// Number of keys that a session may count for.
pub const KEYS: usize = 4;

/// Criteria that sessions are compared by besides links, in the order of [`keys`]. Programs instead of processes: a restart
/// changes the process.
pub const GROUPS: [GroupBy; KEYS - 1] = [GroupBy::Peer, GroupBy::Program, GroupBy::Port];

/// Returns the keys that a session counts for: its link, peer, program and port. An address of this host is no peer:
/// the programs that connect to it have nothing else in common.
pub fn keys(session: &Session) -> [Option<BaselineKey>; KEYS] {
    let [peer, program, port] = GROUPS.map(|by| BaselineKey::Group(by.key(session)));
    [
        Link::of(session).map(BaselineKey::Link),
        (!is_local(session)).then_some(peer),
        Some(program),
        Some(port),
    ]
}

/// True if the session's connection stays within this host.
pub fn is_local(session: &Session) -> bool {
    session.raddr.is_loopback() || session.raddr == session.laddr
}

/// Criterion of a key; `None`: nothing is compared by it.
pub fn group_by(key: &GroupKey) -> Option<GroupBy> {
    match key {
        GroupKey::Peer(_) => Some(GroupBy::Peer),
        GroupKey::UnknownOwner | GroupKey::Program(_) => Some(GroupBy::Program),
        GroupKey::Port(_) => Some(GroupBy::Port),
        GroupKey::Process(..) | GroupKey::Subnet(_) | GroupKey::Workload(_) => None,
    }
}
