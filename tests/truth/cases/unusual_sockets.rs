//! Sockets that have several sessions, or none.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::process::Command;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketType, connect, ipproto, shutdown, socket,
};

use rustix::net::sockopt::set_socket_reuseaddr;

use super::shared_parts::{answer_one, ask, ask_over, connect_fails, drain, is_reset};
use crate::generator::{Cx, End, EndOf, Flag, Net, established, ip_batch, listener, skip, sysctl};
use crate::sys::{self, Repaired};

pub(super) fn connect_again_after_refusal(cx: &Cx) {
    let net = cx.loopback();
    let (refused, listening) = (Flag::new(), Flag::new());
    cx.fork("tl-server", || {
        refused.wait_for(1);
        let listener = net.listener(cx.port(0));
        listening.raise();
        answer_one(&listener);
    });
    cx.fork("tl-client", || {
        let remote = net.server(cx.port(0));
        let fd = sys::tcp(remote);
        for _ in 0..2 {
            let window = connect_fails(&fd, remote, Errno::CONNREFUSED);
            let local = SocketAddr::new(remote.ip(), sys::local_addr(&fd).port());
            let copy = fd.try_clone().expect("dup");
            End::attempt(copy, local, remote, window).ended("refused", EndOf::Mine(window));
        }
        refused.raise();
        listening.wait_for(1);
        ask_over(End::connect_socket(fd, remote));
    });
    cx.join();
}

pub(super) fn disconnect_and_connect_again(cx: &Cx) {
    let net = cx.loopback();
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || {
        let mut first = End::accept(&listener);
        first.read(100);
        first.write(300);
        is_reset(first);
        answer_one(&listener);
    });
    cx.fork("tl-client", || {
        let remote = net.server(cx.port(0));
        let mut first = End::connect(remote);
        first.write(100);
        first.read(300);
        let fd = first.take_fd();
        let ((), window) = sys::timed(|| sys::disconnect(&fd));
        first.ended("local-reset", EndOf::Mine(window));
        ask_over(End::connect_socket(fd, remote));
    });
    cx.join();
}

pub(super) fn shutdown_and_connect_again(cx: &Cx) {
    let net = cx.loopback();
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || {
        drain(End::accept(&listener));
        answer_one(&listener);
    });
    cx.fork("tl-client", || {
        let remote = net.server(cx.port(0));
        let mut first = End::connect(remote);
        first.write(100);
        first.shutdown_write();
        first.read_to_end();
        first.state_is(sys::TCP_CLOSE);
        let fd = first.take_fd();
        first.ended("local-fin", EndOf::Peers);
        sys::disconnect(&fd);
        ask_over(End::connect_socket(fd, remote));
    });
    cx.join();
}

/// Some kernels let no former listener connect (seen on Linux 6.18.44): that attempt fails at once.
pub(super) fn listener_turned_client(cx: &Cx) {
    let net = cx.loopback();
    let listener_fd = net.listener(cx.port(0));
    cx.fork("tl-server", || answer_one(&listener_fd));
    cx.fork("tl-turned", || {
        let (local, remote) = (net.client(cx.port(1)), net.server(cx.port(0)));
        let fd = listener(local);
        shutdown(&fd, Shutdown::Read).expect("shutdown");
        let (result, window) = sys::timed(|| connect(&fd, &remote));
        if result == Err(Errno::INVAL) {
            let mut refused = End::attempt(fd, local, remote, window);
            refused.want("connect_us", serde_json::Value::Null);
            refused.ended("cancelled", EndOf::Mine(window));
            return ask(remote);
        }
        result.expect("connect");
        ask_over(End::connected(fd, remote, window));
    });
    cx.join();
}

fn listen_mptcp(addr: SocketAddr) -> OwnedFd {
    let fd = sys::mptcp().expect("MPTCP");
    sys::bind(&fd, addr);
    sys::listen(&fd, 8);
    fd
}

/// By decision, each subflow is shown as the TCP session that it is on the wire.
pub(super) fn multipath(cx: &Cx) {
    let net = cx.loopback();
    if sys::mptcp().is_err() {
        return skip("no MPTCP");
    }
    let listening = Flag::new();
    let addr = net.server(cx.port(0));
    cx.fork("tl-server", || {
        let fd = listen_mptcp(addr);
        listening.raise();
        let mut s = End::accept(&fd);
        s.read(100);
        s.write(200);
        s.read_to_end();
        s.want("owner", "listen");
        s.close_mptcp("remote-fin");
    });
    listening.wait_for(1);
    cx.fork("tl-client", || {
        let mut c = End::connect_socket(sys::mptcp().expect("MPTCP"), addr);
        c.write(100);
        c.read(200);
        c.close_mptcp("local-fin");
    });
    cx.join();
}

/// The kernel opens further subflows for whoever has the MPTCP socket: in a kernel thread if the address was known before
/// the connection, and in the process that runs `ip` if it is added to an open connection.
pub(super) fn multipath_joined(cx: &Cx) {
    let net = cx.veth();
    let limits = Command::new("ip").args(["mptcp", "limits"]).output();
    if sys::mptcp().is_err() || !limits.is_ok_and(|ip| ip.status.success()) {
        return skip("no MPTCP, or an `ip` without it");
    }
    let (early, late) = (Ipv4Addr::new(10, 77, 0, 11), Ipv4Addr::new(10, 77, 0, 12));
    let add = |ip: Ipv4Addr| ip_batch(&format!("mptcp endpoint add {ip} dev tl0 subflow\n"));
    for enter in [Net::enter_server, Net::enter_client] {
        enter(&net);
        ip_batch("mptcp limits set subflow 4\n");
    }
    ip_batch(&format!(
        "addr add {early}/24 dev tl0\naddr add {late}/24 dev tl0\n"
    ));
    add(early);
    let (listening, connected, joined) = (Flag::new(), Flag::new(), Flag::new());
    let addr = net.server(cx.port(0));
    // which of them carries the bytes, and which closes first, is up to the kernel
    let close = |mut subflow: End, owner: &str| {
        for key in ["tx_bytes", "rx_bytes", "unacked_bytes", "reason"] {
            subflow.any(key);
        }
        subflow.want("owner", owner);
        subflow.close_mptcp("any");
    };
    cx.fork("tl-server", || {
        net.enter_server();
        let fd = listen_mptcp(addr);
        listening.raise();
        let mut s = End::accept(&fd);
        s.read(100);
        joined.wait_for(1);
        let subflows = [early, late].map(|ip| {
            let copy = s.fd().try_clone().expect("dup");
            End::unseen(&copy, addr, connection_of(ip).1)
        });
        s.write(200);
        s.read_to_end();
        for subflow in subflows {
            close(subflow, "listen");
        }
        for key in ["tx_bytes", "rx_bytes", "unacked_bytes"] {
            s.any(key);
        }
        s.want("owner", "listen");
        s.close_mptcp("remote-fin");
    });
    listening.wait_for(1);
    cx.fork("tl-client", || {
        let mut c = End::connect_socket(sys::mptcp().expect("MPTCP"), addr);
        let subflow = |ip, since| {
            let local = connection_of(ip).0;
            let copy = c.fd().try_clone().expect("dup");
            End::attempt(copy, local, addr, [since, sys::now()])
        };
        // another address may join once data has been acknowledged
        sys::send(c.fd(), &[b'x'; 100], SendFlags::empty()).expect("send");
        let first = subflow(early, c.begun[0]);
        let since = sys::now();
        connected.raise();
        let second = subflow(late, since);
        joined.raise();
        c.read(200);
        for subflow in [first, second] {
            close(subflow, "connect");
        }
        for key in ["tx_bytes", "rx_bytes", "unacked_bytes"] {
            c.any(key);
        }
        c.close_mptcp("local-fin");
    });
    connected.wait_for(1);
    add(late);
    cx.join();
}

/// Waits for a connection of this client's address, and returns both of its addresses, this side's first.
fn connection_of(client: Ipv4Addr) -> (SocketAddr, SocketAddr) {
    let mut found = None;
    sys::until("a subflow", || {
        found = established()
            .into_iter()
            .find(|(local, remote)| [local.ip(), remote.ip()].contains(&client.into()));
        found.is_some()
    });
    found.expect("it was waited for")
}

pub(super) fn other_protocols(cx: &Cx) {
    let net = cx.loopback();
    cx.fork("tl-udp", || {
        let addr = net.server(cx.port(0));
        let (receiver, sender) = (sys::udp(), sys::udp());
        sys::bind(&receiver, addr);
        connect(&sender, &addr).expect("UDP");
        for (from, to) in [(sender, receiver), sys::unix_pair()] {
            sys::send(&from, b"hello", SendFlags::empty()).expect("a datagram");
            sys::recv(&to, &mut [0; 8], RecvFlags::empty()).expect("a datagram");
        }
        // few kernels have it
        let sctp = Some(ipproto::SCTP);
        if let Ok(sctp) = socket(AddressFamily::INET, SocketType::STREAM, sctp) {
            let _ = connect(&sctp, &addr);
        }
        // a TCP socket that never does anything
        drop(sys::tcp(addr));
    });
    cx.join();
}

/// The kernel has no memory for the state of a session: nothing false is shown of it, and the listener works.
pub(super) fn little_option_memory(cx: &Cx) {
    let net = cx.loopback();
    let unknown = |end: &mut End| {
        for key in ["pid", "comm", "preexisting", "duration_us", "connect_us"] {
            end.want(key, serde_json::Value::Null);
        }
        end.want("owner", "unknown");
    };
    let listener = net.listener(cx.port(0));
    // in this network namespace only, from Linux 6.7 on
    if !std::path::Path::new("/proc/sys/net/core/optmem_max").exists() {
        return skip("net.core.optmem_max is one for all network namespaces");
    }
    sysctl("core/optmem_max", "100");
    cx.fork("tl-server", || {
        let mut s = End::accept(&listener);
        s.read(100);
        s.write(200);
        unknown(&mut s);
        drain(s);
    });
    cx.fork("tl-client", || {
        let mut c = End::connect(net.server(cx.port(0)));
        c.write(100);
        c.read(200);
        unknown(&mut c);
        c.close("local-fin");
    });
    cx.join();
}

/// A connection that is taken down in repair mode, and set up again from its sequence numbers, as CRIU does.
pub(super) fn checkpoint(cx: &Cx) {
    let net = cx.loopback();
    let restored = Flag::new();
    cx.server(&net, |listener| {
        let mut s = End::accept(&listener);
        s.read(40);
        restored.wait_for(1);
        s.read(60);
        s.write(9);
        drain(s);
    });
    cx.fork("tl-client", || {
        let (local, remote) = (net.client(cx.port(1)), net.server(cx.port(0)));
        let fd = sys::tcp(remote);
        set_socket_reuseaddr(&fd, true).expect("SO_REUSEADDR");
        sys::bind(&fd, local);
        let mut first = End::connect_socket(fd, remote);
        first.write(40);
        first.acknowledged();
        let saved = Repaired::save(first.fd());
        first.close("checkpoint");

        let fd = sys::tcp(remote);
        set_socket_reuseaddr(&fd, true).expect("SO_REUSEADDR");
        let begun = saved.restore(&fd, local, remote);
        let mut second = End::connected(fd, remote, begun);
        restored.raise();
        second.write(60);
        second.read(9);
        second.close("local-fin");
    });
    cx.join();
}
