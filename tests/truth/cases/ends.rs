//! Ways to close, by either side, with a FIN or with a reset.

use std::time::Duration;

use super::shared_parts::{delayed, drain, is_reset};
use crate::generator::{Cx, End, EndOf, Flag, Net};
use crate::sys;

pub(super) fn client_closes_first(cx: &Cx) {
    exchange_client_closes(cx, &cx.loopback());
}

fn exchange_client_closes(cx: &Cx, net: &Net) {
    cx.two(
        net,
        |mut s| {
            s.read(1000);
            s.write(50_000);
            drain(s);
        },
        |mut c| {
            c.write(1000);
            c.read(50_000);
            c.close("local-fin");
        },
    );
}

pub(super) fn server_closes_first(cx: &Cx) {
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.read(1000);
            s.write(50_000);
            s.close("local-fin");
        },
        |mut c| {
            c.write(1000);
            drain(c);
        },
    );
}

pub(super) fn veth_closes(cx: &Cx) {
    exchange_client_closes(cx, &cx.veth());
}

pub(super) fn client_resets(cx: &Cx) {
    let acknowledged = Flag::new();
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.read(1000);
            s.write(50_000);
            s.acknowledged();
            acknowledged.raise();
            is_reset(s);
        },
        |mut c| {
            c.write(1000);
            c.read(50_000);
            acknowledged.wait_for(1);
            c.reset("local-reset");
        },
    );
}

pub(super) fn server_resets(cx: &Cx) {
    let acknowledged = Flag::new();
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.read(1000);
            acknowledged.wait_for(1);
            s.reset("local-reset");
        },
        |mut c| {
            c.write(1000);
            c.acknowledged();
            acknowledged.raise();
            is_reset(c);
        },
    );
}

pub(super) fn closed_with_data_unread(cx: &Cx) {
    let acknowledged = Flag::new();
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.read(10);
            s.write(5000);
            s.acknowledged();
            acknowledged.raise();
            is_reset(s);
        },
        |mut c| {
            c.write(10);
            c.arrived(5000);
            acknowledged.wait_for(1);
            c.close("local-reset");
        },
    );
}

/// The first FIN is ours, and the peer's comes much later.
pub(super) fn half_close_by_client(cx: &Cx) {
    const LINGERS_US: u64 = 30_000;
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.read_to_end();
            std::thread::sleep(Duration::from_micros(LINGERS_US));
            s.write(30_000);
            s.want_between("close_us", LINGERS_US, 10_000_000);
            s.close("remote-fin");
        },
        |mut c| {
            c.write(1000);
            c.shutdown_write();
            c.read_to_end();
            c.want_between("close_us", LINGERS_US, 10_000_000);
            c.close_over("local-fin");
        },
    );
}

pub(super) fn half_close_by_server(cx: &Cx) {
    let read = Flag::new();
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.write(30_000);
            s.shutdown_write();
            s.read(1000);
            read.raise();
            s.read_to_end();
            s.close_over("local-fin");
        },
        |mut c| {
            c.read_to_end();
            c.write(1000);
            // the session closes when the FIN comes, whatever is read afterwards
            read.wait_for(1);
            c.close("remote-fin");
        },
    );
}

pub(super) fn shutdown_both(cx: &Cx) {
    let closed = Flag::new();
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.read_to_end();
            s.write(7);
            let window = s.shutdown_write();
            // the descriptor outlives the session
            closed.wait_for(1);
            s.ended("remote-fin", EndOf::Mine(window));
        },
        |mut c| {
            c.write(1000);
            c.shutdown_write();
            c.read_to_end();
            c.state_is(sys::TCP_CLOSE);
            closed.raise();
            c.close_over("local-fin");
        },
    );
}

pub(super) fn nothing_sent(cx: &Cx) {
    cx.two(&cx.loopback(), drain, |c| c.close("local-fin"));
}

pub(super) fn simultaneous_close(cx: &Cx) {
    let now = Flag::new();
    let close = |mut end: End| {
        now.raise();
        now.wait_for(2);
        let [from, to] = end.close_fd();
        // our FIN is acknowledged one round trip later
        let trip = 40_000_000;
        end.ended(
            "local-fin",
            EndOf::Mine([from + trip, to + trip + 20_000_000]),
        );
    };
    cx.two(
        &cx.link(delayed(20)),
        |mut s| {
            s.read(1000);
            s.write(2000);
            s.acknowledged();
            close(s);
        },
        |mut c| {
            c.write(1000);
            c.read(2000);
            close(c);
        },
    );
}

/// Data arrives after our close: our side sends a reset, and notes the same error as if the peer had.
pub(super) fn data_after_close(cx: &Cx) {
    let net = cx.link(delayed(20));
    let read = Flag::new();
    cx.two(
        &net,
        |mut s| {
            s.read(10);
            read.raise();
            let [from, to] = s.close_fd();
            s.ended(
                "local-reset",
                EndOf::Mine([from + 15_000_000, to + 45_000_000]),
            );
        },
        |mut c| {
            c.write(10);
            read.wait_for(1);
            c.write(700);
            c.state_is(sys::TCP_CLOSE);
            let now = sys::now();
            c.unacknowledged(700);
            c.ended("remote-reset", EndOf::Mine([now - 2_000_000, now]));
        },
    );
}

/// Our FIN is queued after data that the peer has no room for. Its data is read, so that the reset is the peer's and
/// not ours for unread data.
pub(super) fn reset_after_shutdown(cx: &Cx) {
    let (full, closed) = (Flag::new(), Flag::new());
    cx.two(
        &cx.loopback(),
        |mut s| {
            full.wait_for(1);
            s.all_has_arrived();
            s.write(8);
            closed.wait_for(1);
            s.reset("local-reset");
        },
        |mut c| {
            let waiting = c.fill_the_other_side();
            c.unacknowledged(waiting);
            c.shutdown_write();
            full.raise();
            c.read(8);
            drop(c.take_fd());
            closed.raise();
            c.ended("remote-reset", EndOf::Peers);
        },
    );
}
