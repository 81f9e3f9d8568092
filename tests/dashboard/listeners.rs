//! The listeners screen on live sockets.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::common::netns::Netns;
use crate::common::requirements::{kernel_or_skip, tool_or_skip};
use crate::harness::Seen;

/// A server in a namespace that accepts nothing, with that many clients.
pub(crate) fn stuck(netns: &Netns, at: &str, backlog: i32, clients: usize) -> Stuck {
    let at: SocketAddr = at.parse().expect("an address");
    netns.run(move || {
        let socket = || {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let socket =
                rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None);
            socket.expect("a socket")
        };
        let listener = socket();
        rustix::net::bind(&listener, &at).expect("an address of our own");
        rustix::net::listen(&listener, backlog).expect("it listens");
        let clients = (0..clients).map(|_| {
            let client = socket();
            // it does not wait for an answer
            let _ = rustix::net::connect(&client, &at);
            client
        });
        Stuck {
            clients: clients.collect(),
            listener: listener.into(),
        }
    })
}

pub(crate) struct Stuck {
    pub(crate) listener: TcpListener,
    pub(crate) clients: Vec<OwnedFd>,
}

#[test]
fn listener_of_another_namespace_shows_its_queue_and_its_sessions() {
    if !kernel_or_skip() || !tool_or_skip(&["ip", "link"]) {
        return;
    }
    let netns = Netns::new();
    let stuck = stuck(&netns, "127.0.0.1:7141", 3, 6);
    let mut seen = Seen::dashboard(&[]);
    seen.press("L");
    seen.wait_for("the screen", |s| {
        s.shows("ADDRESS") && s.shows("listeners:")
    });
    seen.press("/127.0.0.1:7141\r");
    seen.wait_for("a full queue", |s| {
        s.shows("127.0.0.1:7141") && s.shows(" 4/3 ") && s.shows("accept queue full: 4 wait")
    });
    // accepting makes room
    for _ in 0..4 {
        drop(stuck.listener.accept().expect("it waits"));
    }
    drop(stuck.clients);
    seen.wait_for("an empty queue", |s| {
        s.shows(" 0/3 ") && s.shows("nothing waits")
    });
    seen.press("\r");
    seen.wait_for("its sessions", |s| {
        s.shows("filter: lport 7141") && s.heading().is_some()
    });
    drop(stuck.listener);
    seen.quit();
}
