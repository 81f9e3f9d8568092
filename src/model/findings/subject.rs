//! Subjects of findings: destinations, processes, listeners and others.

use std::fmt;
use std::net::IpAddr;

use crate::model::aggregate::GroupKey;
use crate::model::interface::ZonedAddr;
use crate::model::session::Session;

/// An address and a port that sessions of a network namespace connect to: in another namespace it is another end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination {
    /// Inode number of the network namespace of the sessions; 0: not known.
    pub netns: u32,
    pub addr: ZonedAddr,
    pub port: u16,
}

impl Destination {
    /// The peer's end of a session.
    pub fn of(session: &Session) -> Self {
        Destination {
            netns: session.netns,
            addr: session.remote(),
            port: session.rport,
        }
    }

    /// True if both may be the same end: a namespace that is not known may be any.
    pub fn may_be(&self, other: &Destination) -> bool {
        let is_netns = self.netns == other.netns || [self.netns, other.netns].contains(&0);
        is_netns && (self.addr, self.port) == (other.addr, other.port)
    }
}

/// The subject of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// This host.
    Host,
    /// An end that we connect to.
    Destination(Destination),
    /// An address that sessions of a network namespace are with, at whatever port.
    Peer { netns: u32, addr: ZonedAddr },
    /// A process, a peer or a subnet.
    Group(GroupKey),
    /// A listener in a network namespace; without an address if only its port is known.
    Listener {
        netns: u32,
        addr: Option<IpAddr>,
        port: u16,
    },
    /// An address of this host.
    Local(IpAddr),
}

impl Subject {
    /// Inode number of its network namespace; `None`: it is of none, or that is not known.
    pub fn netns(&self) -> Option<u32> {
        let netns = match *self {
            Subject::Destination(Destination { netns, .. })
            | Subject::Peer { netns, .. }
            | Subject::Listener { netns, .. } => netns,
            Subject::Host | Subject::Group(_) | Subject::Local(_) => 0,
        };
        (netns != 0).then_some(netns)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Host => f.write_str("this host"),
            Subject::Destination(to) => f.write_str(&to.addr.with_port(to.port)),
            Subject::Peer { addr, .. } => write!(f, "{addr}"),
            Subject::Group(key) => write!(f, "{key}"),
            Subject::Listener { addr, port, .. } => match addr {
                None => write!(f, ":{port}"),
                Some(addr) if addr.is_unspecified() => write!(f, "*:{port}"),
                Some(addr) => write!(f, "{}", std::net::SocketAddr::new(*addr, *port)),
            },
            Subject::Local(addr) => write!(f, "{addr}"),
        }
    }
}
