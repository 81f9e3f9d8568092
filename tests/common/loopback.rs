//! TCP sessions of our own, on loopback, with known byte counts.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};

use super::requirements::skip;

pub(crate) const V4: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
pub(crate) const V6: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::LOCALHOST), 0);
/// Both ends of a session.
pub(crate) struct Pair {
    pub(crate) client: TcpStream,
    pub(crate) server: TcpStream,
}

/// Creates a listener on a port that nobody else has.
pub(crate) fn listen(at: SocketAddr) -> TcpListener {
    TcpListener::bind(at).expect("a port to listen on")
}

pub(crate) fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().expect("it is bound").port()
}

/// True if the loopback device has IPv6.
pub(crate) fn v6_or_skip() -> bool {
    let there = TcpListener::bind(V6).is_ok();
    if !there {
        skip("no IPv6 on the loopback device");
    }
    there
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

    /// Sends that many bytes there, and that many back; few enough for the sockets' buffers.
    pub(crate) fn exchange(&mut self, there: usize, back: usize) {
        move_bytes(&mut self.client, &mut self.server, there);
        move_bytes(&mut self.server, &mut self.client, back);
    }

    /// Closes the client's end, then the server's.
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

/// Opens and closes a whole session; returns the client's port.
pub(crate) fn session(listener: &TcpListener, to: SocketAddr, there: usize, back: usize) -> u16 {
    let mut pair = Pair::open(listener, to);
    let client_port = pair.client_port();
    pair.exchange(there, back);
    pair.close();
    client_port
}
