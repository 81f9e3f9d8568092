//! Sessions that fail: refused and timed-out attempts, children that nobody accepts, broken links, and sessions that
//! `ss` kills.

use std::net::SocketAddr;
use std::process::Command;

use rustix::io::Errno;

use super::shared_parts::{
    HERE, bound, connect_fails, connect_from, connect_unanswered, drain, drop_listener, is_reset,
    keepalive, times_out,
};
use crate::generator::{Cx, End, EndOf, Family, Flag, Net, session_is_over, sysctl};
use crate::link::{CUT_IN, CUT_OUT, Quality};
use crate::sys;

/// A connect() from a known port that fails with that error, and the time that it took.
fn attempt(local: SocketAddr, remote: SocketAddr, error: Errno) -> (End, [u64; 2]) {
    let fd = bound(local, remote);
    let window = connect_fails(&fd, remote, error);
    let mut end = End::attempt(fd, local, remote, window);
    end.want("connect_us", serde_json::Value::Null);
    (end, window)
}

pub(super) fn refused(cx: &Cx) {
    let net = cx.loopback();
    cx.fork("tl-client", || {
        let (local, remote) = (net.client(cx.port(1)), net.server(cx.port(0)));
        let (end, window) = attempt(local, remote, Errno::CONNREFUSED);
        end.ended("refused", EndOf::Mine(window));
    });
    cx.join();
}

pub(super) fn connect_timeout(cx: &Cx) {
    let net = cx.link(HERE);
    net.cut(CUT_IN | CUT_OUT);
    sysctl("ipv4/tcp_syn_retries", "1");
    cx.fork("tl-client", || {
        let (local, remote) = (net.client(cx.port(1)), net.server(cx.port(0)));
        let (mut end, [from, to]) = attempt(local, remote, Errno::TIMEDOUT);
        // it begins with the call and ends with it
        end.begun = [from, from];
        // from Linux 6.5 on some more than tcp_syn_retries says (tcp_syn_linear_timeouts)
        end.want_between("retrans_timeout", 1, 10);
        end.want("retrans_fast", 0);
        end.want("retrans_probe", 0);
        end.ended("connect-timeout", EndOf::Mine([to, to]));
    });
    cx.join();
}

pub(super) fn host_unreachable(cx: &Cx) {
    unreachable(cx, [1, 3], [Errno::HOSTUNREACH; 2]);
}

pub(super) fn network_unreachable(cx: &Cx) {
    unreachable(cx, [0, 0], [Errno::NETUNREACH; 2]);
}

/// A firewall on the way rejects it.
pub(super) fn prohibited(cx: &Cx) {
    unreachable(cx, [13, 1], [Errno::HOSTUNREACH, Errno::ACCESS]);
}

fn unreachable(cx: &Cx, codes: [u8; 2], errors: [Errno; 2]) {
    let net = cx.link(Quality {
        unreachable: Some(codes),
        ..HERE
    });
    let error = errors[usize::from(cx.family() == Family::V6)];
    cx.fork("tl-client", || {
        let (local, remote) = (net.client(cx.port(1)), net.server(cx.port(0)));
        let (end, window) = attempt(local, remote, error);
        end.ended("unreachable", EndOf::Mine(window));
    });
    cx.join();
}

/// No packet, no port, no session.
pub(super) fn no_route(cx: &Cx) {
    cx.loopback();
    let addr = match cx.family() {
        Family::V6 => "[2001:db8::1]:80",
        _ => "192.0.2.1:80",
    };
    let addr: SocketAddr = addr.parse().expect("an address");
    cx.fork("tl-client", || {
        let result = rustix::net::connect(sys::tcp(addr), &addr);
        assert!(matches!(
            result,
            Err(Errno::NETUNREACH | Errno::ADDRNOTAVAIL)
        ));
    });
    cx.join();
}

pub(super) fn connect_cancelled(cx: &Cx) {
    let net = cx.link(HERE);
    net.cut(CUT_IN | CUT_OUT);
    cx.fork("tl-client", || {
        connect_unanswered(cx, &net).close("cancelled")
    });
    cx.join();
}

pub(super) fn no_local_port(cx: &Cx) {
    let net = cx.loopback();
    sysctl("ipv4/ip_local_port_range", "40000 40000");
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || drain(End::accept(&listener)));
    cx.fork("tl-client", || {
        let remote = net.server(cx.port(0));
        let first = End::connect(remote);
        let fd = sys::tcp(remote);
        // the one port is taken
        let window = connect_fails(&fd, remote, Errno::ADDRNOTAVAIL);
        let mut second = End::attempt(fd, net.client(0), remote, window);
        second.want("lport", serde_json::Value::Null);
        second.ended("no-port", EndOf::Mine(window));
        first.close("local-fin");
    });
    cx.join();
}

pub(super) fn never_accepted(cx: &Cx) {
    let net = cx.loopback();
    let queued = Flag::new();
    cx.server(&net, |fd| {
        queued.wait_for(1);
        let server = net.server(cx.port(0));
        let mut open = End::unseen(&fd, server, net.client(cx.port(1)));
        let mut closed = End::unseen(&fd, server, net.client(cx.port(2)));
        let window = drop_listener(fd, &mut [&mut open, &mut closed]);
        for (mut child, bytes) in [(open, 100), (closed, 0)] {
            child.rx = bytes;
            child.want("unread_bytes", bytes);
            child.want("owner", "listen");
            child.ended("never-accepted", EndOf::Mine(window));
        }
    });
    cx.fork("tl-client", || {
        let connect = |port| connect_from(net.client(port), net.server(cx.port(0)));
        let mut open = connect(cx.port(1));
        open.write(100);
        open.acknowledged();
        connect(cx.port(2)).close("local-fin");
        // its FIN may be acknowledged a little later; before that, a reset would end it
        session_is_over(cx.port(2));
        queued.raise();
        is_reset(open);
    });
    cx.join();
}

pub(super) fn reset_before_accept(cx: &Cx) {
    let net = cx.loopback();
    let reset = Flag::new();
    cx.server(&net, |fd| {
        reset.wait_for(1);
        let mut child = End::unseen(&fd, net.server(cx.port(0)), net.client(cx.port(1)));
        drop(sys::accept(&fd));
        child.rx = 100;
        child.want("owner", "listen");
        child.ended("remote-reset", EndOf::Peers);
    });
    cx.fork("tl-client", || {
        let (local, remote) = (net.client(cx.port(1)), net.server(cx.port(0)));
        let mut c = connect_from(local, remote);
        c.write(100);
        c.acknowledged();
        c.reset("local-reset");
        reset.raise();
    });
    cx.join();
}

pub(super) fn half_open_peer(cx: &Cx) {
    let net = cx.link(HERE);
    let (cut, gone) = (Flag::new(), Flag::new());
    cx.two(
        &net,
        |mut s| {
            s.read(100);
            cut.wait_for(1);
            s.reset("local-reset");
            gone.raise();
        },
        |mut c| {
            c.write(100);
            c.acknowledged();
            net.cut(CUT_IN | CUT_OUT);
            cut.raise();
            gone.wait_for(1);
            net.cut(0);
            c.write(500);
            let (error, window) = sys::timed(|| c.read_error());
            assert_eq!(error, Errno::CONNRESET);
            c.unacknowledged(500);
            c.ended("remote-reset", EndOf::Mine(window));
        },
    );
}

/// Kills the sessions that match that filter of ss. Returns the time that it took.
fn kill_by_ss(filter: &str) -> [u64; 2] {
    let (output, window) = sys::timed(|| Command::new("ss").args(["-tK", filter]).output());
    let output = output.expect("ss");
    assert!(output.status.success(), "ss -K: {output:?}");
    window
}

pub(super) fn killed_by_ss(cx: &Cx) {
    let read = Flag::new();
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.read(100);
            read.raise();
            is_reset(s);
        },
        |mut c| {
            c.write(100);
            c.acknowledged();
            read.wait_for(1);
            let port = sys::local_addr(c.fd()).port();
            let window = kill_by_ss(&format!("sport = :{port}"));
            assert_eq!(c.read_error(), Errno::CONNABORTED);
            c.ended("aborted", EndOf::Mine(window));
        },
    );
}

/// The process that kills it is not its owner, even if no other is known.
pub(super) fn killed_by_ss_unread(cx: &Cx) {
    let accepted = Flag::new();
    cx.two(
        &cx.loopback(),
        |mut s| {
            accepted.raise();
            let port = sys::peer_addr(s.fd()).port();
            s.arrived(100);
            let window = kill_by_ss(&format!("dport = :{port}"));
            s.want("owner", "listen");
            s.ended("aborted", EndOf::Mine(window));
        },
        |mut c| {
            c.write(100);
            accepted.wait_for(1);
            is_reset(c);
        },
    );
}

/// The client's end closes first, unnoticed by the server's end, which is reset afterwards.
fn outlived(cx: &Cx, net: &Net, client: impl FnOnce(End)) {
    let over = Flag::new();
    cx.two(
        net,
        |mut s| {
            s.read(100);
            over.wait_for(1);
            s.reset("local-reset");
        },
        |mut c| {
            c.write(100);
            c.acknowledged();
            client(c);
            over.raise();
        },
    );
}

pub(super) fn keepalive_timeout(cx: &Cx) {
    let net = cx.link(HERE);
    outlived(cx, &net, |c| {
        keepalive(c.fd());
        net.cut(CUT_IN | CUT_OUT);
        times_out(c);
    });
}

pub(super) fn retransmission_timeout(cx: &Cx) {
    let net = cx.link(HERE);
    outlived(cx, &net, |mut c| {
        sys::user_timeout(c.fd(), 700);
        net.cut(CUT_IN | CUT_OUT);
        c.write(1000);
        c.unacknowledged(1000);
        c.want_between("retransmits", 1, 10);
        times_out(c);
    });
}

pub(super) fn link_down(cx: &Cx) {
    let net = cx.veth();
    let (down, over) = (Flag::new(), Flag::new());
    cx.two(
        &net,
        |mut s| {
            s.read(100);
            let status = Command::new("ip")
                .args(["link", "set", "tl0", "down"])
                .status();
            assert!(status.expect("ip").success());
            down.raise();
            over.wait_for(1);
            s.reset("local-reset");
        },
        |mut c| {
            c.write(100);
            c.acknowledged();
            down.wait_for(1);
            sys::user_timeout(c.fd(), 700);
            c.write(1000);
            let reason = match c.read_error() {
                Errno::TIMEDOUT => "timeout",
                // when ARP gets no answer
                Errno::HOSTUNREACH => "unreachable",
                other => panic!("error {other}"),
            };
            let end = EndOf::now();
            c.unacknowledged(1000);
            c.ended(reason, end);
            over.raise();
        },
    );
}

pub(super) fn orphan_timeout(cx: &Cx) {
    let net = cx.link(HERE);
    sysctl("ipv4/tcp_orphan_retries", "2");
    outlived(cx, &net, |mut c| {
        net.cut(CUT_IN | CUT_OUT);
        c.write(1000);
        let fd = c.take_fd();
        let ((), window) = sys::timed(|| {
            drop(fd);
            session_is_over(c.local_port());
        });
        c.unacknowledged(1000);
        c.ended("timeout", EndOf::Mine(window));
    });
}

/// Accepted, and reset before anybody used it: it was taken from the queue all the same.
pub(super) fn reset_after_accept(cx: &Cx) {
    let net = cx.loopback();
    let accepted = Flag::new();
    cx.server(&net, |listener| {
        let mut s = End::accept(&listener);
        accepted.raise();
        s.broken();
        s.want("owner", "listen");
        s.close_over("remote-reset");
    });
    cx.fork("tl-client", || {
        let c = End::connect(net.server(cx.port(0)));
        accepted.wait_for(1);
        c.reset("local-reset");
    });
    cx.join();
}

/// Accepted, sent over a Unix socket that nobody reads, and closed with that by the kernel.
pub(super) fn lost_in_flight(cx: &Cx) {
    let net = cx.loopback();
    cx.server(&net, |listener| {
        let mut s = End::accept(&listener);
        s.read(100);
        let (to, from) = sys::unix_pair();
        sys::send_fd(&to, s.fd());
        drop(s.take_fd());
        drop(to);
        let ((), window) = sys::timed(|| drop(from));
        s.want("owner", "read");
        s.ended("local-fin", EndOf::Both(window));
    });
    cx.fork("tl-client", || {
        let mut c = End::connect(net.server(cx.port(0)));
        c.write(100);
        drain(c);
    });
    cx.join();
}
