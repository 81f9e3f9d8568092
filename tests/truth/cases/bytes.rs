//! Bytes other than those simply written and read: urgent, unread, unacknowledged.

use rustix::event::PollFlags;
use rustix::net::{RecvFlags, SendFlags, sockopt};

use super::shared_parts::{HERE, drain, keepalive, times_out};
use crate::generator::{Cx, Flag};
use crate::link::{CUT_IN, CUT_OUT};
use crate::sys;

pub(super) fn urgent_data(cx: &Cx) {
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.read(100);
            sys::poll(s.fd(), PollFlags::PRI);
            let got = sys::recv(s.fd(), &mut [0; 1], RecvFlags::OOB).expect("the urgent byte");
            s.read_some(got);
            drain(s);
        },
        |mut c| {
            c.write(100);
            c.tx += sys::send(c.fd(), b"!", SendFlags::OOB).expect("urgent") as u64;
            c.write(100);
            c.close("local-fin");
        },
    );
}

pub(super) fn small_writes(cx: &Cx) {
    cx.two(&cx.loopback(), drain, |mut c| {
        sockopt::set_tcp_nodelay(c.fd(), true).expect("TCP_NODELAY");
        for _ in 0..2000 {
            c.write(1);
        }
        c.close("local-fin");
    });
}

pub(super) fn receiver_full(cx: &Cx) {
    let full = Flag::new();
    let seen = Flag::new();
    cx.two(
        &cx.loopback(),
        |mut s| {
            full.wait_for(1);
            s.all_has_arrived();
            // nobody read: only the owner of the listener is known, which is this process too
            s.want("owner", "listen");
            seen.raise();
            s.broken();
            s.close_over("remote-reset");
        },
        |mut c| {
            let waiting = c.fill_the_other_side();
            full.raise();
            seen.wait_for(1);
            assert!(waiting > 0, "the queue is full");
            c.unacknowledged(waiting);
            c.reset("local-reset");
        },
    );
}

pub(super) fn never_acknowledged(cx: &Cx) {
    let net = cx.link(HERE);
    let (got, gone) = (Flag::new(), Flag::new());
    cx.two(
        &net,
        |mut s| {
            s.read(100);
            keepalive(s.fd());
            got.raise();
            gone.wait_for(1);
            times_out(s);
        },
        |mut c| {
            c.write(100);
            c.acknowledged();
            got.wait_for(1);
            net.cut(CUT_IN | CUT_OUT);
            c.write(10_000);
            c.unacknowledged(10_000);
            gone.raise();
            c.reset("local-reset");
        },
    );
}
