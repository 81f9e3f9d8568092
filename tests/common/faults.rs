//! Faults on real sockets, which last until they are dropped.

use std::any::Any;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with};

use super::netns::Netns;

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
}

impl Drop for Faults {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
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
