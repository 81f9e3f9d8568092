//! Listening sockets of the host, as a snapshot shows them.

use std::net::IpAddr;

use crate::model::interface::Interface;
use crate::model::session::Comm;

/// A listening socket at the moment of a snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// The kernel's socket cookie, printed by `ss -e` as `sk:`.
    pub cookie: u64,
    /// Inode number of its network namespace.
    pub netns: u32,
    /// Interface that it is bound to.
    pub interface: Interface,
    /// Address that it listens on; unspecified: all.
    pub addr: IpAddr,
    /// Port that it listens on.
    pub port: u16,
    /// It accepts IPv6 only: IPV6_V6ONLY.
    pub v6_only: bool,
    /// Process that listens; 0: not known.
    pub pid: u32,
    /// Its name.
    pub comm: Comm,
    /// User id of the socket.
    pub uid: u32,
    /// Established connections that no process has accepted yet: Recv-Q of `ss -l`.
    pub queue: u32,
    /// Maximum of `queue`, as given to listen(2) and limited by `net.core.somaxconn`: Send-Q of `ss -l`. The kernel
    /// lets in one more.
    pub queue_limit: u32,
    /// Handshakes that are not complete.
    pub half_open: u32,
    /// Packets that it has refused since it was made: overflows of its queues (`sk_drops`).
    pub drops: u64,
    /// Connections established with it since tcplife started.
    pub established: u64,
    /// Sockets of its SO_REUSEPORT group, itself included; 0: it is in none.
    pub group_size: u16,
    /// When the connection that has waited longest for accept() was established, ns of boot time; `None`: none waits,
    /// or it is not known.
    pub waiting_since_ns: Option<u64>,
}
