//! Sessions that do not begin with a `connect` to a listener: simultaneous open, self-connect, fast open.

use std::net::SocketAddr;

use super::shared_parts::{bound, connect_from, delayed, drain, open_with_data};
use crate::generator::{Cx, End, EndOf, Flag, skip, sysctl};
use crate::sys::TcpInfo;

pub(super) fn simultaneous_open(cx: &Cx) {
    let net = cx.link(delayed(20));
    let now = Flag::new();
    let (a, b) = (net.client(cx.port(0)), net.server(cx.port(1)));
    let open = |local: SocketAddr, remote: SocketAddr| {
        let fd = bound(local, remote);
        now.raise();
        now.wait_for(2);
        End::connect_socket(fd, remote)
    };
    net.enter_server();
    cx.fork("tl-second", || {
        let mut end = open(b, a);
        end.write(2000);
        end.read_to_end();
        end.link_takes_ms(40);
        end.close("remote-fin");
    });
    net.enter_client();
    cx.fork("tl-first", || {
        let mut end = open(a, b);
        end.write(1000);
        end.read(2000);
        end.acknowledged();
        let window = end.close_fd();
        end.link_takes_ms(20);
        end.ended("local-fin", EndOf::Both(window));
    });
    cx.join();
}

pub(super) fn self_connect(cx: &Cx) {
    let addr = cx.loopback().server(cx.port(0));
    cx.fork("tl-self", || {
        let mut end = connect_from(addr, addr);
        end.write(100);
        end.read(100);
        end.close("local-fin");
    });
    cx.join();
}

pub(super) fn fast_open(cx: &Cx) {
    let net = cx.link(delayed(10));
    net.enter_server();
    // on every listener
    sysctl("ipv4/tcp_fastopen", "1027");
    net.enter_client();
    sysctl("ipv4/tcp_fastopen", "3");
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || {
        for _ in 0..2 {
            // the second is accepted, and read from, before its handshake is complete
            let mut s = End::accept(&listener);
            s.read(1000);
            s.write(500);
            s.read_to_end();
            s.link_takes_ms(20);
            s.close("remote-fin");
        }
    });
    cx.fork("tl-client", || {
        for data_in_syn in [false, true] {
            let mut c = open_with_data(net.server(cx.port(0)));
            c.read(500);
            if data_in_syn && !TcpInfo::of(c.fd()).syn_data() {
                // the kernel stops using fast open for a while when a SYN with data took long
                skip("the kernel put no data into the SYN");
            }
            c.acknowledged();
            c.shutdown_write();
            c.read_to_end();
            c.link_takes_ms(10);
            c.close_over("local-fin");
        }
    });
    cx.join();
}

pub(super) fn fast_open_ignored(cx: &Cx) {
    let net = cx.loopback();
    // data in the SYN without a cookie, to a listener without fast open
    sysctl("ipv4/tcp_fastopen", "5");
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || drain(End::accept(&listener)));
    cx.fork("tl-client", || {
        let c = open_with_data(net.server(cx.port(0)));
        c.acknowledged();
        c.close("local-fin");
    });
    cx.join();
}
