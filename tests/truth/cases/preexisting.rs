//! Preexisting sessions and listeners.

use std::net::SocketAddr;

use rustix::event::PollFlags;
use rustix::io::Errno;

use super::shared_parts::{
    HERE, answer_one, ask, ask_often, bound, connect_fails, connect_from, connect_unanswered,
    drain, drop_listener, is_reset, open_with_data, times_out, workers, written_or,
};
use crate::generator::{Cx, End, EndOf, Flag, Net, skip, sysctl};
use crate::link::{CUT_IN, CUT_OUT, Quality};
use crate::sys::{self, Repaired, TcpInfo};

/// A gate at which the processes of a case wait until tcplife runs.
#[derive(Clone, Copy)]
struct Gate {
    standing: Flag,
    go: Flag,
}

impl Gate {
    fn new() -> Gate {
        Gate {
            standing: Flag::new(),
            go: Flag::new(),
        }
    }

    /// Reports that this process is ready, and waits until tcplife runs.
    fn wait(self) {
        self.standing.raise();
        self.go.wait_for(1);
    }

    /// Waits until so many processes are ready, and until tcplife runs.
    fn hold(self, cx: &Cx, standing: u32) {
        self.standing.wait_for(standing);
        cx.hold();
    }

    /// Forks a server, and a client that is given its address. Waits until both are ready, and until tcplife runs.
    fn hold_two(
        self,
        cx: &Cx,
        net: &Net,
        server: impl FnOnce(End),
        client: impl FnOnce(SocketAddr),
    ) {
        let listener = net.listener(cx.port(0));
        cx.fork("tl-server", || server(End::accept(&listener)));
        cx.fork("tl-client", || client(net.server(cx.port(0))));
        self.hold(cx, 2);
    }

    /// Lets the processes continue, and waits until they exit.
    fn go_on(self, cx: &Cx) {
        self.go.raise();
        cx.join();
    }
}

fn from_before(end: &mut End) {
    end.want("preexisting", true);
    end.want("connect_us", serde_json::Value::Null);
}

/// Only the scan knows the owner until it closes.
fn known_by_close(end: &mut End) {
    from_before(end);
    end.want("owner", "close");
}

/// Only the scan knows the owner until it writes.
fn known_by_write(end: &mut End) {
    from_before(end);
    end.want("owner", written_or("close"));
}

fn nobody(end: &mut End) {
    from_before(end);
    end.want("owner", "unknown");
    end.want("pid", serde_json::Value::Null);
    end.want("comm", serde_json::Value::Null);
}

pub(super) fn listener(cx: &Cx) {
    let net = cx.loopback();
    let accepted = Flag::new();
    cx.server(&net, |listener| {
        answer_one(&listener);
        // it does nothing with this one that would show the owner
        let mut s = End::accept(&listener);
        accepted.raise();
        s.want("owner", "listen");
        s.broken();
        s.close_over("remote-reset");
    });
    cx.hold();
    cx.fork("tl-client", || {
        ask(net.server(cx.port(0)));
        let c = End::connect(net.server(cx.port(0)));
        accepted.wait_for(1);
        c.reset("local-reset");
    });
    cx.join();
}

pub(super) fn prefork(cx: &Cx) {
    let net = cx.loopback();
    workers(cx, &net, &["tl-worker"], |listener| {
        answer_one(listener);
        answer_one(listener);
    });
    cx.hold();
    ask_often(cx, &net, 2);
    cx.join();
}

/// The process's socket is an MPTCP socket, and the TCP socket behind it has no descriptor.
pub(super) fn multipath_listener(cx: &Cx) {
    let net = cx.loopback();
    let Ok(fd) = sys::mptcp() else {
        return skip("no MPTCP");
    };
    sys::bind(&fd, net.server(cx.port(0)));
    sys::listen(&fd, 8);
    cx.fork("tl-server", || {
        answer_one(&fd);
        answer_one(&fd);
    });
    cx.hold();
    ask_often(cx, &net, 2);
    cx.join();
}

pub(super) fn established(cx: &Cx) {
    let net = cx.loopback();
    let (gate, read) = (Gate::new(), Flag::new());
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || {
        let mut s = End::accept(&listener);
        s.read(1000);
        s.write(50_000);
        s.acknowledged();
        s.stands("established", "scan");
        gate.wait();
        s.read_to_end();
        from_before(&mut s);
        s.write(7);
        read.wait_for(1);
        s.close("remote-fin");
    });
    cx.fork("tl-client", || {
        let mut c = End::connect(net.server(cx.port(0)));
        c.write(1000);
        c.read(50_000);
        c.acknowledged();
        c.stands("established", "scan");
        gate.wait();
        c.write(500);
        from_before(&mut c);
        c.want("owner", "read");
        c.shutdown_write();
        c.read(7);
        read.raise();
        c.read_to_end();
        c.close_over("local-fin");
    });
    // a client that only writes: known from the scan until it closes
    cx.fork("tl-quiet", || {
        gate.standing.wait_for(2);
        let own = net.listener(cx.port(1));
        let mut c = End::connect(net.server(cx.port(1)));
        let mut s = End::accept(&own);
        c.write(10);
        s.read(10);
        gate.wait();
        known_by_close(&mut c);
        from_before(&mut s);
        s.want("owner", "scan");
        c.reset("local-reset");
        s.close_over("remote-reset");
    });
    gate.hold(cx, 3);
    gate.go_on(cx);
}

pub(super) fn half_closed(cx: &Cx) {
    let net = cx.loopback();
    let (gate, read) = (Gate::new(), Flag::new());
    let server = |mut s: End| {
        s.read_to_end();
        s.state_is(sys::TCP_CLOSE_WAIT);
        s.stands("close-wait", "scan");
        gate.wait();
        known_by_write(&mut s);
        s.write(3000);
        read.wait_for(1);
        s.close("remote-fin");
    };
    gate.hold_two(cx, &net, server, |addr| {
        let mut c = End::connect(addr);
        c.write(1000);
        c.shutdown_write();
        c.state_is(sys::TCP_FIN_WAIT2);
        c.stands("fin-wait-2", "scan");
        gate.wait();
        from_before(&mut c);
        c.want("owner", "read");
        c.read(3000);
        read.raise();
        c.read_to_end();
        c.close_over("local-fin");
    });
    gate.go_on(cx);
}

pub(super) fn unaccepted(cx: &Cx) {
    let net = cx.loopback();
    let gate = Gate::new();
    cx.server(&net, |listener| {
        gate.wait();
        let mut s = End::accept(&listener);
        from_before(&mut s);
        drain(s);
    });
    cx.fork("tl-client", || {
        let mut c = End::connect(net.server(cx.port(0)));
        c.write(123);
        c.acknowledged();
        gate.wait();
        known_by_close(&mut c);
        c.close("local-fin");
    });
    gate.hold(cx, 2);
    gate.go_on(cx);
}

/// No process ever has a descriptor of it: only the listener's owner is known.
pub(super) fn never_accepted(cx: &Cx) {
    let net = cx.loopback();
    let gate = Gate::new();
    cx.server(&net, |fd| {
        gate.wait();
        let mut child = End::unseen(&fd, net.server(cx.port(0)), net.client(cx.port(1)));
        let window = drop_listener(fd, &mut [&mut child]);
        child.rx = 123;
        from_before(&mut child);
        child.want("owner", "listen");
        child.ended("never-accepted", EndOf::Mine(window));
    });
    cx.fork("tl-client", || {
        let (local, remote) = (net.client(cx.port(1)), net.server(cx.port(0)));
        let mut c = connect_from(local, remote);
        c.write(123);
        c.acknowledged();
        gate.standing.raise();
        from_before(&mut c);
        c.want("owner", "scan");
        is_reset(c);
    });
    gate.hold(cx, 2);
    gate.go_on(cx);
}

/// Once the other end is ready: closes while the link is cut, so that data and FIN are not acknowledged.
fn orphaned(gate: Gate, net: &Net, mut end: End, reason: &str) {
    gate.standing.wait_for(1);
    net.cut(CUT_IN | CUT_OUT);
    end.write(1000);
    nobody(&mut end);
    end.close_fd();
    let now = sys::now();
    end.ended(reason, EndOf::Mine([now, now + 60_000_000_000]));
    gate.standing.raise();
}

/// No process has it any more, and its FIN is not acknowledged.
pub(super) fn orphan_fin_wait_1(cx: &Cx) {
    let net = cx.link(HERE);
    let gate = Gate::new();
    let server = |mut s: End| {
        s.read(100);
        gate.wait();
        s.read_to_end();
        from_before(&mut s);
        s.close("remote-fin");
    };
    gate.hold_two(cx, &net, server, |addr| {
        let mut c = End::connect(addr);
        c.write(100);
        c.acknowledged();
        orphaned(gate, &net, c, "local-fin");
    });
    net.cut(0);
    gate.go_on(cx);
}

pub(super) fn orphan_last_ack(cx: &Cx) {
    let net = cx.link(HERE);
    let gate = Gate::new();
    let server = |mut s: End| {
        s.read_to_end();
        orphaned(gate, &net, s, "remote-fin");
    };
    gate.hold_two(cx, &net, server, |addr| {
        let mut c = End::connect(addr);
        c.write(100);
        c.shutdown_write();
        c.state_is(sys::TCP_FIN_WAIT2);
        gate.wait();
        from_before(&mut c);
        // the last data may arrive with the FIN, and then it closes before it is read
        c.any("owner");
        c.read_to_end();
        c.close_over("local-fin");
    });
    net.cut(0);
    gate.go_on(cx);
}

pub(super) fn connecting(cx: &Cx) {
    let net = cx.link(HERE);
    let gate = Gate::new();
    let listener = net.listener(cx.port(0));
    net.cut(CUT_IN | CUT_OUT);
    cx.fork("tl-server", || drain(End::accept(&listener)));
    cx.fork("tl-client", || {
        let remote = net.server(cx.port(0));
        let fd = sys::tcp(remote);
        sys::nonblocking(&fd);
        connect_fails(&fd, remote, Errno::INPROGRESS);
        End::stands_socket(&fd, remote, "syn-sent");
        gate.wait();
        let ((), begun) = sys::timed(|| sys::poll(&fd, PollFlags::OUT));
        let mut c = End::connected(fd, remote, begun);
        c.write(100);
        c.want("preexisting", true);
        c.want("owner", written_or("close"));
        c.close("local-fin");
    });
    gate.hold(cx, 1);
    net.cut(0);
    gate.go_on(cx);
}

/// Accepted, sent over a Unix socket, and not received yet: no process has a descriptor of it.
pub(super) fn in_flight(cx: &Cx) {
    let net = cx.loopback();
    let gate = Gate::new();
    let listener = net.listener(cx.port(0));
    let (to_worker, from_acceptor) = sys::unix_pair();
    cx.fork("tl-worker", || {
        gate.go.wait_for(1);
        let mut s = End::accepted(sys::recv_fd(&from_acceptor));
        from_before(&mut s);
        s.read(100);
        s.write(200);
        s.close("local-fin");
    });
    cx.fork("tl-acceptor", || {
        let fd = sys::accept(&listener);
        sys::send_fd(&to_worker, &fd);
        drop(fd);
        gate.standing.raise();
    });
    cx.fork("tl-client", || {
        let mut c = End::connect(net.server(cx.port(0)));
        gate.wait();
        from_before(&mut c);
        c.want("owner", "read");
        c.write(100);
        drain(c);
    });
    gate.hold(cx, 2);
    gate.go_on(cx);
}

/// Data in a SYN from before the start: the direction must be right all the same.
pub(super) fn fast_open(cx: &Cx) {
    let net = cx.loopback();
    // no cookies: the first SYN carries data, and every listener takes it
    sysctl("ipv4/tcp_fastopen", "1543");
    let gate = Gate::new();
    let server = |mut s: End| {
        s.read(1000);
        s.write(20);
        s.acknowledged();
        s.stands("established", "scan");
        gate.wait();
        from_before(&mut s);
        drain(s);
    };
    gate.hold_two(cx, &net, server, |addr| {
        let mut c = open_with_data(addr);
        c.read(20);
        assert!(TcpInfo::of(c.fd()).syn_data(), "data in the SYN");
        c.acknowledged();
        c.stands("established", "scan");
        gate.wait();
        c.write(100);
        known_by_write(&mut c);
        c.close("local-fin");
    });
    gate.go_on(cx);
}

/// The SYN's data was ignored and retransmitted: it must neither count twice nor hide the direction.
pub(super) fn fast_open_ignored(cx: &Cx) {
    let net = cx.loopback();
    sysctl("ipv4/tcp_fastopen", "5");
    let gate = Gate::new();
    let server = |mut s: End| {
        s.read(1000);
        s.stands("established", "scan");
        gate.wait();
        known_by_close(&mut s);
        drain(s);
    };
    gate.hold_two(cx, &net, server, |addr| {
        let mut c = open_with_data(addr);
        c.acknowledged();
        c.stands("established", "scan");
        gate.wait();
        known_by_close(&mut c);
        c.close("local-fin");
    });
    gate.go_on(cx);
}

/// Segments that were retransmitted before the start are in the counters, and are no data.
pub(super) fn retransmitted(cx: &Cx) {
    let quality = Quality {
        lose_every: Some(9),
        ..HERE
    };
    let net = cx.link(quality);
    let gate = Gate::new();
    let server = |mut s: End| {
        s.read(300_000);
        s.stands("established", "scan");
        gate.wait();
        from_before(&mut s);
        drain(s);
    };
    gate.hold_two(cx, &net, server, |addr| {
        let mut c = End::connect(addr);
        c.write(300_000);
        c.acknowledged();
        let before = TcpInfo::of(c.fd()).total_retrans();
        assert!(before > 10, "packets were lost");
        c.stands("established", "scan");
        gate.wait();
        c.write(200_000);
        c.acknowledged();
        known_by_write(&mut c);
        c.want_between("retransmits", TcpInfo::of(c.fd()).total_retrans(), 1000);
        // only what was retransmitted since the start has a known cause
        c.want_between(
            "retrans_fast",
            1,
            TcpInfo::of(c.fd()).total_retrans() - before,
        );
        c.close("local-fin");
    });
    gate.go_on(cx);
}

/// A connect that is in progress at the start has a direction, although it never completes.
pub(super) fn connect_cancelled(cx: &Cx) {
    let net = cx.link(HERE);
    let gate = Gate::new();
    net.cut(CUT_IN | CUT_OUT);
    cx.fork("tl-client", || {
        let mut c = connect_unanswered(cx, &net);
        gate.wait();
        known_by_close(&mut c);
        c.close("cancelled");
    });
    gate.hold(cx, 1);
    gate.go_on(cx);
}

/// A client that resets its session when tcplife runs.
fn reset_when_running(cx: &Cx, net: &Net, gate: Gate) {
    let mut c = End::connect(net.server(cx.port(0)));
    c.write(10);
    gate.wait();
    known_by_close(&mut c);
    c.reset("local-reset");
}

/// A child has inherited the descriptor, and does nothing with it.
pub(super) fn inherited(cx: &Cx) {
    let net = cx.loopback();
    let (gate, over) = (Gate::new(), Flag::new());
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || {
        let mut s = End::accept(&listener);
        s.read(10);
        let heir = sys::fork("tl-heir", || over.wait_for(1));
        gate.wait();
        from_before(&mut s);
        s.want("owner", "scan");
        s.broken();
        s.close_over("remote-reset");
        over.raise();
        assert_eq!(sys::wait(heir), 0);
    });
    cx.fork("tl-client", || reset_when_running(cx, &net, gate));
    gate.hold(cx, 2);
    gate.go_on(cx);
}

/// The oldest of its holders does not hold the listener of its port: it is not the owner.
pub(super) fn inherited_with_listener(cx: &Cx) {
    let net = cx.loopback();
    let (gate, over) = (Gate::new(), Flag::new());
    cx.fork("tl-starter", || {
        // it has a copy of what its child accepts, as a supervisor may that passes descriptors on
        let (to_server, from_starter) = sys::unix_pair();
        let server = sys::fork("tl-server", || {
            let listener = net.listener(cx.port(0));
            gate.standing.raise();
            let mut s = End::accept(&listener);
            sys::send_fd(&to_server, s.fd());
            s.read(10);
            gate.wait();
            from_before(&mut s);
            s.want("owner", "scan");
            s.broken();
            s.close_over("remote-reset");
            over.raise();
        });
        let copy = sys::recv_fd(&from_starter);
        over.wait_for(1);
        drop(copy);
        assert_eq!(sys::wait(server), 0);
    });
    cx.fork("tl-client", || {
        gate.standing.wait_for(1);
        reset_when_running(cx, &net, gate);
    });
    gate.hold(cx, 3);
    gate.go_on(cx);
}

/// Data acknowledged before the start shows the direction; data in flight at the end must not hide it.
pub(super) fn dies_in_flight(cx: &Cx) {
    let net = cx.link(HERE);
    let (gate, over) = (Gate::new(), Flag::new());
    let server = |mut s: End| {
        s.read(5);
        gate.wait();
        over.wait_for(1);
        known_by_close(&mut s);
        s.reset("local-reset");
    };
    gate.hold_two(cx, &net, server, |addr| {
        let mut c = End::connect(addr);
        c.write(5);
        c.acknowledged();
        gate.wait();
        sys::user_timeout(c.fd(), 700);
        net.cut(CUT_IN | CUT_OUT);
        c.write(50);
        c.unacknowledged(50);
        c.want_between("retransmits", 1, 10);
        from_before(&mut c);
        c.want("owner", written_or("scan"));
        times_out(c);
        over.raise();
    });
    gate.go_on(cx);
}

/// Both ends of an MPTCP connection: the processes hold MPTCP sockets, and nobody the TCP sockets.
pub(super) fn multipath(cx: &Cx) {
    let net = cx.loopback();
    let gate = Gate::new();
    let Ok(listener) = sys::mptcp() else {
        return skip("no MPTCP");
    };
    let addr = net.server(cx.port(0));
    sys::bind(&listener, addr);
    sys::listen(&listener, 8);
    cx.fork("tl-server", || {
        let mut s = End::accept(&listener);
        s.read(100);
        gate.wait();
        from_before(&mut s);
        s.want("owner", "scan");
        s.read_to_end();
        s.close_mptcp("remote-fin");
    });
    cx.fork("tl-client", || {
        let mut c = End::connect_socket(sys::mptcp().expect("MPTCP, as before"), addr);
        c.write(100);
        gate.wait();
        from_before(&mut c);
        c.want("owner", "scan");
        c.close_mptcp("local-fin");
    });
    gate.hold(cx, 2);
    gate.go_on(cx);
}

/// A connection that was restored before the start: neither end has sent a SYN, so nothing shows who opened it.
pub(super) fn restored(cx: &Cx) {
    let net = cx.loopback();
    let gate = Gate::new();
    let server = |mut s: End| {
        s.read(40);
        gate.wait();
        from_before(&mut s);
        drain(s);
    };
    gate.hold_two(cx, &net, server, |remote| {
        let local = net.client(cx.port(1));
        let fd = bound(local, remote);
        let mut first = End::connect_socket(fd, remote);
        first.write(40);
        first.acknowledged();
        let saved = Repaired::save(first.fd());
        drop(first.take_fd());
        let fd = sys::tcp(remote);
        let begun = saved.restore(&fd, local, remote);
        let mut second = End::connected(fd, remote, begun);
        gate.wait();
        known_by_write(&mut second);
        second.want("direction", "unknown");
        second.write(60);
        second.close("local-fin");
    });
    gate.go_on(cx);
}
