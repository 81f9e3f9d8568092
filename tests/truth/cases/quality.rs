//! Figures of quality: round trips, retransmits, and bottlenecks.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::net::SendFlags;
use rustix::net::sockopt::set_socket_send_buffer_size;

use super::shared_parts::{HERE, delayed, is_reset};
use crate::generator::{Cx, End, Flag, Net, skip};
use crate::link::Quality;
use crate::sys::{self, TcpInfo};

/// The session is idle, so that TCP_INFO has the final values.
fn as_tcp_info_says(end: &mut End) {
    let info = TcpInfo::of(end.fd());
    end.want("retransmits", info.total_retrans());
    end.want("retransmitted_bytes", info.bytes_retrans());
    end.want("srtt_us", info.rtt());
    end.want("min_rtt_us", info.min_rtt());
    end.want("cwnd", info.cwnd());
    end.want("mss", info.mss());
    end.want("busy_us", info.busy());
    end.want("rwnd_limited_us", info.rwnd_limited());
    end.want("sndbuf_limited_us", info.sndbuf_limited());
}

pub(super) fn round_trip_time(cx: &Cx) {
    let acknowledged = Flag::new();
    cx.two(
        &cx.link(delayed(10)),
        |mut s| {
            for _ in 0..8 {
                s.read(100);
                s.write(100);
            }
            s.acknowledged();
            acknowledged.raise();
            is_reset(s);
        },
        |mut c| {
            for _ in 0..8 {
                c.write(100);
                c.read(100);
            }
            acknowledged.wait_for(1);
            let info = TcpInfo::of(c.fd());
            assert!(
                info.min_rtt() < 40_000,
                "once it was near to what the link imposes"
            );
            as_tcp_info_says(&mut c);
            c.want_between("min_rtt_us", 20_000, info.min_rtt());
            c.want_between("srtt_us", 20_000, info.rtt());
            // the call takes longer than the handshake, as its process must be woken
            let call = (c.begun[1] - c.begun[0]) / 1000;
            c.want_between("connect_us", 20_000, call);
            c.reset("local-reset");
        },
    );
}

/// Sends that many bytes to a peer that reads at once, and compares the figures once they no longer change.
fn transfer(cx: &Cx, net: &Net, bytes: usize, tune: impl Fn(&OwnedFd), check: impl Fn(&TcpInfo)) {
    let read = Flag::new();
    cx.two(
        net,
        |mut s| {
            s.read(bytes);
            read.raise();
            is_reset(s);
        },
        |mut c| {
            tune(c.fd());
            c.write(bytes);
            c.acknowledged();
            read.wait_for(1);
            check(&TcpInfo::of(c.fd()));
            as_tcp_info_says(&mut c);
            c.reset("local-reset");
        },
    );
}

fn as_it_is(_: &OwnedFd) {}

pub(super) fn loss(cx: &Cx) {
    let net = cx.link(Quality {
        delay: Duration::from_millis(1),
        lose_every: Some(97),
        ..HERE
    });
    transfer(cx, &net, 10_000_000, as_it_is, |info| {
        assert!(info.total_retrans() >= 70, "packets were lost");
    });
}

/// Sends that many segments over a link that drops these packets with data. The number of retransmits after timeouts,
/// of fast ones and of probes is known from that.
fn lossy(cx: &Cx, lose: &'static [u32], segments: usize, by_cause: [u64; 3]) {
    const MSS: usize = 1448;
    let net = cx.link(Quality {
        delay: Duration::from_millis(10),
        lose,
        ..HERE
    });
    let read = Flag::new();
    cx.two(
        &net,
        |mut s| {
            s.read(segments * MSS);
            read.raise();
            is_reset(s);
        },
        |mut c| {
            c.write(segments * MSS);
            c.acknowledged();
            read.wait_for(1);
            let info = TcpInfo::of(c.fd());
            assert_eq!(info.mss(), MSS as u64);
            if info.total_retrans() == lose.len() as u64 {
                let causes = ["retrans_timeout", "retrans_fast", "retrans_probe"];
                for (key, n) in causes.into_iter().zip(by_cause) {
                    c.want(key, n);
                }
            } else {
                skip("this machine was too slow: more was retransmitted than was dropped");
            }
            c.reset("local-reset");
        },
    );
}

/// The acknowledgments of later segments show that one is missing.
pub(super) fn fast_retransmits(cx: &Cx) {
    lossy(cx, &[3, 5], 10, [0, 2, 0]);
}

/// Nothing follows the last segment, so nobody notices: the sender probes.
pub(super) fn probe(cx: &Cx) {
    lossy(cx, &[5], 5, [0, 0, 1]);
}

/// The probe is dropped, too, and then what follows the first timeout.
pub(super) fn timeouts(cx: &Cx) {
    lossy(cx, &[1, 2, 3], 1, [2, 0, 1]);
}

/// The reader has stopped, and its buffer is full.
pub(super) fn zero_window(cx: &Cx) {
    let (full, seen) = (Flag::new(), Flag::new());
    cx.two(
        &cx.link(delayed(1)),
        |mut s| {
            full.wait_for(1);
            s.all_has_arrived();
            s.want("owner", "listen");
            s.want("zero_window", "ours");
            seen.raise();
            s.broken();
            s.close_over("remote-reset");
        },
        |mut c| {
            sys::until("a window of 0", || {
                c.write_until_full();
                TcpInfo::of(c.fd()).snd_wnd() == 0
            });
            let waiting = c.fill_the_other_side();
            full.raise();
            seen.wait_for(1);
            c.unacknowledged(waiting);
            c.want("zero_window", "peer");
            c.reset("local-reset");
        },
    );
}

pub(super) fn rate_limited(cx: &Cx) {
    let net = cx.link(Quality {
        rate: Some(2_000_000),
        ..HERE
    });
    transfer(cx, &net, 600_000, as_it_is, |info| {
        let busy = info.busy();
        assert!(busy > 250_000, "0.3 s at 2 MB/s, not {busy} us");
    });
}

pub(super) fn sndbuf_limited(cx: &Cx) {
    let net = cx.link(delayed(5));
    let small = |fd: &OwnedFd| set_socket_send_buffer_size(fd, 40_000).expect("SO_SNDBUF");
    transfer(cx, &net, 1_000_000, small, |info| {
        if info.sndbuf_limited() == 0 {
            skip("this machine was too slow to fill the buffer");
        }
    });
}

/// The reader starts when the writer has been waiting for a while.
pub(super) fn rwnd_limited(cx: &Cx) {
    const BYTES: usize = 12_000_000;
    let (slow, read) = (Flag::new(), Flag::new());
    cx.two(
        &cx.loopback(),
        |mut s| {
            slow.wait_for(1);
            s.read(BYTES);
            read.raise();
            is_reset(s);
        },
        |mut c| {
            sys::nonblocking(c.fd());
            c.write_until_full();
            if c.tx < BYTES as u64 {
                sys::until("0.2 s of waiting", {
                    let end = sys::now() + 200_000_000;
                    move || sys::now() > end
                });
            }
            slow.raise();
            while c.tx < BYTES as u64 {
                sys::poll(c.fd(), PollFlags::OUT);
                let room = (BYTES as u64 - c.tx).min(65_536) as usize;
                if let Ok(sent) = sys::send(c.fd(), &vec![b'x'; room], SendFlags::empty()) {
                    c.tx += sent as u64;
                }
            }
            c.acknowledged();
            read.wait_for(1);
            let limited = TcpInfo::of(c.fd()).rwnd_limited();
            assert!(limited > 100_000, "the receiver was slow: {limited} us");
            as_tcp_info_says(&mut c);
            c.reset("local-reset");
        },
    );
}
