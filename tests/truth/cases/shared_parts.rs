//! Parts that many cases share.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{SendFlags, sendto, sockopt};

use crate::generator::{Cx, End, EndOf, Flag, Net};
use crate::link::Quality;
use crate::sys;

pub(super) const HERE: Quality = Quality {
    delay: Duration::ZERO,
    lose_every: None,
    lose: &[],
    rate: None,
    unreachable: None,
};

pub(super) fn delayed(ms: u64) -> Quality {
    Quality {
        delay: Duration::from_millis(ms),
        ..HERE
    }
}

// ---- how a session begins

/// A socket at that address, for a connection to that one.
pub(super) fn bound(local: SocketAddr, remote: SocketAddr) -> OwnedFd {
    let fd = sys::tcp(remote);
    sys::bind(&fd, local);
    fd
}

pub(super) fn connect_from(local: SocketAddr, remote: SocketAddr) -> End {
    End::connect_socket(bound(local, remote), remote)
}

/// A connect() that fails with that error. Returns the time that it took.
pub(super) fn connect_fails(fd: &OwnedFd, remote: SocketAddr, error: Errno) -> [u64; 2] {
    let (result, window) = sys::timed(|| rustix::net::connect(fd, &remote));
    assert_eq!(result, Err(error), "connect");
    window
}

/// A connect that nobody answers and that is not waited for.
pub(super) fn connect_unanswered(cx: &Cx, net: &Net) -> End {
    let (local, remote) = (net.client(cx.port(1)), net.server(cx.port(0)));
    let fd = bound(local, remote);
    sys::nonblocking(&fd);
    let begun = connect_fails(&fd, remote, Errno::INPROGRESS);
    End::attempt(fd, local, remote, begun)
}

/// Connects with TCP fast open, and writes 1000 bytes, in the SYN if the kernel does so.
pub(super) fn open_with_data(addr: SocketAddr) -> End {
    let fd = sys::tcp(addr);
    let fast_open = SendFlags::from_bits_retain(libc::MSG_FASTOPEN as u32);
    let (sent, begun) = sys::timed(|| sendto(&fd, &[b'x'; 1000], fast_open, &addr));
    let sent = sent.expect("MSG_FASTOPEN");
    let mut c = End::connected(fd, addr, begun);
    c.tx = sent as u64;
    c.write(1000 - sent);
    c
}

// ---- how a session closes

/// Reads all that the other side writes, and closes after it.
pub(super) fn drain(mut end: End) {
    end.read_to_end();
    end.close("remote-fin");
}

/// Waits for the other side's reset.
pub(super) fn is_reset(mut end: End) {
    assert_eq!(end.read_error(), Errno::CONNRESET);
    end.close_over("remote-reset");
}

/// Waits for the kernel to give up on the other side.
pub(super) fn times_out(mut end: End) {
    assert_eq!(end.read_error(), Errno::TIMEDOUT);
    end.ended("timeout", EndOf::now());
}

/// Closes the listener and every copy of its descriptor. Returns when that was.
pub(super) fn drop_listener(fd: OwnedFd, ends: &mut [&mut End]) -> [u64; 2] {
    for end in ends {
        drop(end.take_fd());
    }
    sys::timed(|| drop(fd)).1
}

pub(super) fn keepalive(fd: &OwnedFd) {
    let second = Duration::from_secs(1);
    sockopt::set_socket_keepalive(fd, true).expect("SO_KEEPALIVE");
    sockopt::set_tcp_keepidle(fd, second).expect("TCP_KEEPIDLE");
    sockopt::set_tcp_keepintvl(fd, second).expect("TCP_KEEPINTVL");
    sockopt::set_tcp_keepcnt(fd, 1).expect("TCP_KEEPCNT");
}

// ---- workers

/// A process that listens, and its workers of these names, which share the listener.
pub(super) fn workers(cx: &Cx, net: &Net, names: &[&'static str], work: impl Fn(&OwnedFd)) {
    let ready = Flag::new();
    cx.fork("tl-master", || {
        let listener = net.listener(cx.port(0));
        let fork = |name: &&'static str| {
            sys::fork(name, || {
                ready.raise();
                work(&listener);
            })
        };
        let workers: Vec<_> = names.iter().map(fork).collect();
        for worker in workers {
            assert_eq!(sys::wait(worker), 0);
        }
    });
    ready.wait_for(names.len() as u32);
}

/// The evidence of a process that writes and does not read, or that one where the kernel does not show who writes.
pub(super) fn written_or(otherwise: &'static str) -> &'static str {
    if sys::sees_writes() {
        "write"
    } else {
        otherwise
    }
}

// ---- a question of 100 bytes and an answer of 200

pub(super) fn answer(mut s: End) {
    s.read(100);
    s.write(200);
    drain(s);
}

pub(super) fn answer_one(listener: &OwnedFd) {
    answer(End::accept(listener));
}

pub(super) fn ask_over(mut c: End) {
    c.write(100);
    c.read(200);
    c.close("local-fin");
}

pub(super) fn ask(addr: SocketAddr) {
    ask_over(End::connect(addr));
}

pub(super) fn ask_often(cx: &Cx, net: &Net, times: usize) {
    net.enter_client();
    cx.fork("tl-client", || {
        for _ in 0..times {
            ask(net.server(cx.port(0)));
        }
    });
}
