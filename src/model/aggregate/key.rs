//! Criteria by which sessions are summed up, and the keys of their sums.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::cgroup::Workload;
use crate::model::interface::ZonedAddr;
use crate::model::session::{Comm, Evidence, Session};

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
    pub(super) fn shared(a: &Session, b: &Session) -> [bool; GroupBy::ALL.len()] {
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
