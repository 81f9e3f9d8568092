//! TCP packets that this host's kernel has thrown away.

use std::net::SocketAddr;

use crate::model::session::Comm;

/// Direction of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PacketDirection {
    /// For this host.
    In,
    /// From this host.
    Out,
    /// From one host to another, through this one.
    Forwarded,
}

/// Packets dropped for one reason between two ends, since tcplife started.
#[derive(Clone, Debug, PartialEq)]
pub struct PacketDrops {
    /// The kernel's name for the reason, without `SKB_DROP_REASON_`: `NETFILTER_DROP`, `NO_SOCKET`.
    pub reason: &'static str,
    /// Direction of the packets.
    pub direction: PacketDirection,
    /// Inode number of the network namespace; 0: not known.
    pub netns: u32,
    /// Our end; of a forwarded packet, its source.
    pub local: SocketAddr,
    /// The peer's end; of a forwarded packet, its destination.
    pub remote: SocketAddr,
    /// Socket cookie of the session; 0: none was found.
    pub cookie: u64,
    /// Owner of the session or listener; 0: not known.
    pub pid: u32,
    /// Its name.
    pub comm: Comm,
    /// Packets dropped.
    pub packets: u64,
    /// Those of them that were the first of a connection: SYN without ACK.
    pub syns: u64,
    /// First and last drop, ns of boot time.
    pub first_ns: u64,
    /// See `first_ns`.
    pub last_ns: u64,
}
