//! TCP sessions of our own, on loopback, with byte counts that are known.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};

use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketType, bind, connect, getsockname, socket};

use super::host::skip;

pub(crate) const V4: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
pub(crate) const V6: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::LOCALHOST), 0);
/// Of an IPv6 socket that speaks IPv4.
pub(crate) const MAPPED: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped()),
    0,
);

/// One session, both ends ours.
pub(crate) struct Pair {
    pub(crate) client: TcpStream,
    pub(crate) server: TcpStream,
}

/// A listener on a port that nobody else has.
pub(crate) fn listen(at: SocketAddr) -> TcpListener {
    TcpListener::bind(at).expect("a port to listen on")
}

/// Its port.
pub(crate) fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().expect("it is bound").port()
}

/// Whether IPv6 is there to be tested.
pub(crate) fn v6_or_skip() -> bool {
    let there = TcpListener::bind(V6).is_ok();
    if !there {
        skip("no IPv6 on the loopback device");
    }
    there
}

/// Listeners on neighbouring ports.
pub(crate) fn listen_in_a_row<const N: usize>() -> [TcpListener; N] {
    for _ in 0..1000 {
        let first = listen(V4);
        let from = port(&first);
        let mut row = vec![first];
        for i in 1..N as u16 {
            let Some(next) = from.checked_add(i) else {
                break;
            };
            match TcpListener::bind(SocketAddr::new(V4.ip(), next)) {
                Ok(listener) => row.push(listener),
                Err(_) => break,
            }
        }
        if let Ok(row) = row.try_into() {
            return row;
        }
    }
    panic!("no {N} free ports in a row");
}

/// A client's socket whose port is known before it connects.
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

    pub(crate) fn connect(self, listener: &TcpListener) -> Pair {
        connect(&self.socket, &listener.local_addr().expect("it is bound")).expect("a connection");
        let server = listener.accept().expect("a connection").0;
        Pair {
            client: self.socket.into(),
            server,
        }
    }
}

impl Pair {
    /// Connects to that address, at the listener's port.
    pub(crate) fn open(listener: &TcpListener, mut to: SocketAddr) -> Pair {
        to.set_port(port(listener));
        let client = TcpStream::connect(to).expect("a connection");
        let server = listener.accept().expect("a connection").0;
        Pair { client, server }
    }

    pub(crate) fn client_port(&self) -> u16 {
        self.client.local_addr().expect("it is connected").port()
    }

    /// That many bytes there, and that many back; few enough for the sockets' buffers.
    pub(crate) fn exchange(&mut self, there: usize, back: usize) {
        move_bytes(&mut self.client, &mut self.server, there);
        move_bytes(&mut self.server, &mut self.client, back);
    }

    /// The client closes, then the server. Both sessions are over then.
    pub(crate) fn close(self) {
        let Pair { client, mut server } = self;
        client.shutdown(Shutdown::Write).expect("it is connected");
        drop(client);
        assert_eq!(server.read(&mut [0]).expect("the client's FIN"), 0);
        drop(server);
    }
}

fn move_bytes(from: &mut TcpStream, to: &mut TcpStream, count: usize) {
    from.write_all(&vec![b'x'; count]).expect("it is connected");
    to.read_exact(&mut vec![0; count]).expect("it was sent");
}

/// A whole session; returns the client's port.
pub(crate) fn session(listener: &TcpListener, to: SocketAddr, there: usize, back: usize) -> u16 {
    let mut pair = Pair::open(listener, to);
    let client_port = pair.client_port();
    pair.exchange(there, back);
    pair.close();
    client_port
}
