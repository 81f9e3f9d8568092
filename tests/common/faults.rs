//! Faults on real sockets, which last until they are dropped.

use std::any::Any;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with};
use tempfile::NamedTempFile;

use super::loopback::Pair;
use super::loopback::V4;
use super::netns::Netns;

/// A configuration with thresholds that need less waiting and fewer sessions, as a file.
pub(crate) struct Configured(NamedTempFile);

impl Configured {
    pub(crate) fn new() -> Configured {
        const THRESHOLDS: &str = "[findings]
close-wait = 5
close-wait-age = 1
fin-wait = 5
fin-wait-age = 1
unread = 1
peer-window = 1
";
        let file = NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), THRESHOLDS).expect("a configuration");
        Configured(file)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.path().to_str().expect("UTF-8")
    }
}

/// A fault's sockets and threads.
#[derive(Default)]
pub(crate) struct Faults {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    kept: Vec<Box<dyn Any>>,
}

impl Faults {
    /// Does something again and again.
    pub(crate) fn every(&mut self, interval: Duration, mut act: impl FnMut() + Send + 'static) {
        let stop = Arc::clone(&self.stop);
        self.threads.push(std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                act();
                std::thread::sleep(interval);
            }
        }));
    }

    /// Keeps sockets open.
    pub(crate) fn keep(&mut self, sockets: impl Any) {
        self.kept.push(Box::new(sockets));
    }

    /// A client that asks a server of its own, whose answers take this long, and pauses after each.
    pub(crate) fn ask(
        &mut self,
        listener: &TcpListener,
        takes: impl Fn() -> Duration + Send + 'static,
        pause: Duration,
    ) {
        self.ask_over(Pair::open(listener, V4), takes, pause);
    }

    /// The same over this connection.
    pub(crate) fn ask_over(
        &mut self,
        Pair {
            mut client,
            mut server,
        }: Pair,
        takes: impl Fn() -> Duration + Send + 'static,
        pause: Duration,
    ) {
        std::thread::spawn(move || {
            while matches!(server.read(&mut [0]), Ok(1)) {
                std::thread::sleep(takes());
                if server.write_all(b"a").is_err() {
                    break;
                }
            }
        });
        self.every(pause, move || {
            let asked = client.write_all(b"q");
            let answered = asked.and_then(|()| client.read_exact(&mut [0]));
            answered.expect("an answer");
        });
    }

    /// Ends what is done again and again.
    pub(crate) fn stop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().expect("no fault panics");
        }
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

pub(crate) fn address(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("it is bound")
}

/// Begins to connect, and does not wait for an answer.
pub(crate) fn begin(to: SocketAddr) -> OwnedFd {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None);
    let socket = socket.expect("a socket");
    // it is in progress, or refused
    let _ = rustix::net::connect(&socket, &to);
    socket
}

/// Creates a listener whose queue has so much room.
pub(crate) fn listener_of(backlog: i32, at: SocketAddr) -> TcpListener {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None);
    let socket = socket.expect("a socket");
    bind(&socket, &at).expect("a port");
    listen(&socket, backlog).expect("a listener");
    socket.into()
}

/// Fills the buffers between both ends, of which the second does not read.
pub(crate) fn fill(sender: &mut TcpStream) {
    sender.set_nonblocking(true).expect("a socket");
    while sender.write(&[0; 65536]).is_ok() {}
}

/// Runs `nft` with this command in a namespace.
pub(crate) fn nft(netns: &Netns, command: &str) {
    let command = command.to_owned();
    netns.run(move || {
        let status = Command::new("nft").arg(&command).status();
        assert!(status.expect("nft").success(), "nft {command}");
    });
}

/// A network namespace in which nobody listens at 10.0.0.9, and nobody answers from 10.1.0.5.
pub(crate) fn silent_network() -> Netns {
    let netns = Netns::new();
    netns.ip("addr add 10.0.0.9/32 dev lo");
    netns.ip("link add near type veth peer name far");
    netns.ip("addr add 10.1.0.1/24 dev near");
    netns.ip("link set near up");
    netns.ip("link set far up");
    netns.ip("neigh add 10.1.0.5 lladdr 02:00:00:00:00:05 dev near");
    netns
}

/// The same network, with a table of rules that drop packets.
pub(crate) fn broken_network(rules: &[&str]) -> Netns {
    let netns = silent_network();
    let table = [
        "add table ip t",
        "add chain ip t out { type filter hook output priority 0; }",
        "add chain ip t in { type filter hook input priority 0; }",
    ];
    table.iter().chain(rules).for_each(|rule| nft(&netns, rule));
    netns
}
