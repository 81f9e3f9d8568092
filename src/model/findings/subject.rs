//! Subjects of findings: destinations, processes, listeners and others.

use std::fmt;
use std::net::IpAddr;

use crate::model::aggregate::GroupKey;
use crate::model::interface::ZonedAddr;

/// The subject of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// This host.
    Host,
    /// An address and a port that we connect to.
    Destination(ZonedAddr, u16),
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

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Host => f.write_str("this host"),
            Subject::Destination(addr, port) => f.write_str(&addr.with_port(*port)),
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
