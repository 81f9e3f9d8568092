//! Sockets whose ports are known before they connect.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketType, bind, connect, getsockname, socket};

use crate::common::loopback::{Pair, V4, listen, port};

/// The address of an IPv6 socket that speaks IPv4.
pub(crate) const MAPPED: SocketAddr =
    SocketAddr::new(IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped()), 0);

/// Creates a listener, and returns its port as `-L` takes it.
pub(crate) fn listen_for_flag() -> (TcpListener, String) {
    let listener = listen(V4);
    let only = port(&listener).to_string();
    (listener, only)
}

/// Creates listeners on neighboring ports, below those that the kernel hands out, which closed connections may hold for
/// a minute.
pub(crate) fn listen_in_a_row<const N: usize>() -> [TcpListener; N] {
    let mut from = 10_000 + (std::process::id() % 1000) as u16 * 20;
    for _ in 0..1000 {
        let at = |i: u16| TcpListener::bind(SocketAddr::new(V4.ip(), from + i));
        let row: Vec<_> = (0..N as u16).map_while(|i| at(i).ok()).collect();
        if let Ok(row) = row.try_into() {
            return row;
        }
        from = 10_000 + (from - 10_000 + N as u16) % 20_000;
    }
    panic!("no {N} free ports in a row");
}

/// A client's socket that has a port and is not connected yet.
pub(crate) struct Bound {
    socket: OwnedFd,
    pub(crate) port: u16,
}

impl Bound {
    pub(crate) fn new() -> Bound {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        bind(&socket, &V4).expect("a port");
        let local: SocketAddr = getsockname(&socket)
            .ok()
            .and_then(|a| a.try_into().ok())
            .expect("its address");
        Bound {
            socket,
            port: local.port(),
        }
    }

    /// Exchanges a byte with the listener, and closes.
    pub(crate) fn session(self, listener: &TcpListener) {
        connect(&self.socket, &listener.local_addr().expect("it is bound")).expect("a connection");
        let server = listener.accept().expect("a connection").0;
        let mut pair = Pair {
            client: self.socket.into(),
            server,
        };
        pair.exchange(1, 1);
        pair.close();
    }
}
