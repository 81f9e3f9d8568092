//! Listening sockets of the host, as a snapshot shows them.

use std::net::{IpAddr, SocketAddr};

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

impl Listener {
    /// True if it takes connections to this end in a network namespace; 0: not known.
    pub fn takes(&self, netns: u32, to: SocketAddr) -> bool {
        let is_family = match self.addr {
            IpAddr::V4(_) => to.is_ipv4(),
            IpAddr::V6(_) => to.is_ipv6() || !self.v6_only,
        };
        let is_addr = self.addr.is_unspecified() && is_family || self.addr == to.ip();
        is_addr && self.port == to.port() && [0, self.netns].contains(&netns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample;

    #[test]
    fn listener_takes_connections_to_its_namespace_address_and_port() {
        let takes = |addr: &str, v6_only, netns, to: &str| {
            let listener = Listener {
                netns: 7,
                addr: addr.parse().expect("an address"),
                port: 80,
                v6_only,
                ..sample::listener()
            };
            listener.takes(netns, to.parse().expect("an end"))
        };
        assert!(takes("0.0.0.0", false, 7, "10.0.0.1:80"));
        assert!(takes("0.0.0.0", false, 0, "10.0.0.1:80"));
        assert!(takes("::", false, 7, "10.0.0.1:80"));
        assert!(takes("10.0.0.1", false, 7, "10.0.0.1:80"));
        assert!(!takes("::", true, 7, "10.0.0.1:80"));
        assert!(!takes("0.0.0.0", false, 7, "[fd00::1]:80"));
        assert!(!takes("0.0.0.0", false, 8, "10.0.0.1:80"));
        assert!(!takes("0.0.0.0", false, 7, "10.0.0.1:81"));
        assert!(!takes("10.0.0.2", false, 7, "10.0.0.1:80"));
    }
}
