//! Each rule on synthetic sessions: what makes it a finding within 10 s, and near misses that must not.

use std::net::IpAddr;

use super::*;
use crate::model::batch::{Batch, HostSnapshot, Missed};
use crate::model::capture_filter::Family;
use crate::model::listener::Listener;
use crate::model::packet_drop::{PacketDirection, PacketDrops};
use crate::model::port_use::PortRange;
use crate::model::session::{Comm, Direction, Evidence, Reason, Session, State};
use crate::model::store::Store;
use crate::model::turns::{ResponseTimes, ShortTime, Turns};
use crate::testing::sample;

/// The host in one second.
#[derive(Default)]
struct Moment {
    open: Vec<Session>,
    closed: Vec<Session>,
    listeners: Vec<Listener>,
    drops: Vec<PacketDrops>,
    missed: u64,
}

/// The host at so many seconds since the start of a scenario, at an instant.
type Scenario = fn(u64, u64) -> Moment;

/// Instant of the start, s.
const START_S: u64 = 1000;

fn addr(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A session of 40 s ago to a database on another host.
fn established(cookie: u64) -> Session {
    Session {
        cookie,
        start_ns: (START_S - 40) * S,
        established_ns: (START_S - 40) * S + 300_000,
        end_ns: 0,
        state: State::Established,
        state_before_close: State::Established,
        reason: Reason::Open,
        direction: Direction::Out,
        laddr: addr("10.0.0.1"),
        raddr: addr("10.0.0.9"),
        lport: (40_000 + cookie % 20_000) as u16,
        rport: 5432,
        comm: Comm::from("app"),
        pid: 77,
        close_us: 0,
        tx_bytes: 1000,
        rx_bytes: 1000,
        srtt_us: 500,
        min_rtt_us: 400,
        ..sample::closed_session()
    }
}

fn inbound(cookie: u64) -> Session {
    Session {
        direction: Direction::In,
        lport: 80,
        rport: (50_000 + cookie % 10_000) as u16,
        ..established(cookie)
    }
}

/// A session that began 1 ms ago and closes now.
fn closed(cookie: u64, reason: Reason, now_ns: u64) -> Session {
    Session {
        start_ns: now_ns - 1_000_000,
        established_ns: 0,
        end_ns: now_ns,
        state: State::Closed,
        reason,
        ..established(cookie)
    }
}

/// The same, with a handshake that took a tenth of its life.
fn served(cookie: u64, now_ns: u64) -> Session {
    Session {
        established_ns: now_ns - 900_000,
        ..closed(cookie, Reason::LocalFin, now_ns)
    }
}

fn listener() -> Listener {
    Listener {
        queue: 0,
        queue_limit: 128,
        half_open: 0,
        waiting_since_ns: None,
        ..sample::listener()
    }
}

fn of_closed(closed: Vec<Session>) -> Moment {
    Moment {
        closed,
        ..Moment::default()
    }
}

fn of_open(open: impl Iterator<Item = Session>) -> Moment {
    Moment {
        open: open.collect(),
        ..Moment::default()
    }
}

fn of_listener(listener: Listener) -> Moment {
    Moment {
        listeners: vec![listener],
        ..Moment::default()
    }
}

fn dropped(
    reason: &'static str,
    direction: PacketDirection,
    syns: u64,
    now_ns: u64,
) -> PacketDrops {
    PacketDrops {
        reason,
        direction,
        local: "10.0.0.1:0".parse().expect("an address"),
        remote: "10.0.0.9:5432".parse().expect("an address"),
        packets: syns.max(1),
        syns,
        first_ns: START_S * S,
        last_ns: now_ns,
        ..sample::packet_drops()
    }
}

fn of_drops(drops: PacketDrops) -> Moment {
    Moment {
        drops: vec![drops],
        listeners: vec![listener()],
        ..Moment::default()
    }
}

/// A turn per second, with these response times of the peer and of us.
fn answered(session: Session, s: u64, peer_us: u32, our_us: u32) -> Session {
    let times = |us| ResponseTimes::new(us as u64, 1, ShortTime::new(us), ShortTime::new(us));
    Session {
        turns: Turns {
            count: s as u32,
            peer: times(peer_us),
            ours: times(our_us),
            first_data_us: 1,
        },
        ..session
    }
}

/// So many sessions of which one is closed each second, out of 10.
fn one_in_ten(s: u64, now_ns: u64, reason: Reason) -> Moment {
    let mut all: Vec<Session> = (1..10).map(|i| served(s * 10 + i, now_ns)).collect();
    all.push(closed(s * 10, reason, now_ns));
    of_closed(all)
}

fn half_closed(cookie: u64, state: State, fin_ns: u64, now_ns: u64) -> Session {
    Session {
        state,
        close_us: (now_ns.saturating_sub(fin_ns) / 1000).max(1) as u32,
        ..established(cookie)
    }
}

/// A session over a long way that always has data in flight, with so much of each second limited by the send buffer,
/// ms, and so many bytes in it. The network would take ten segments.
fn short_buffer(s: u64, limited_ms: u32, unacked_bytes: u32) -> Session {
    let seconds = s as u32;
    Session {
        tx_bytes: s * 1_000_000,
        busy_ms: seconds * 1000,
        sndbuf_limited_ms: seconds * limited_ms,
        unacked_bytes,
        cwnd: 10,
        mss: 1448,
        srtt_us: 80_000,
        min_rtt_us: 79_000,
        ..established(1)
    }
}

/// So many open sessions of one kind.
fn many(count: u64, session: impl Fn(u64) -> Session) -> Moment {
    of_open((1..=count).map(session))
}

fn nothing(_: u64, _: u64) -> Moment {
    Moment::default()
}

/// A finding, what makes it one, and near misses.
struct Case {
    name: &'static str,
    subject: &'static str,
    scenario: Scenario,
    near_misses: &'static [(&'static str, Scenario)],
}

#[rustfmt::skip]
static CASES: &[Case] = &[
    Case {
        name: "accept-queue-full", subject: "*:80",
        scenario: |_, _| of_listener(Listener { queue: 129, ..listener() }),
        near_misses: &[
            ("one more fits than its limit", |_, _| of_listener(Listener { queue: 128, ..listener() })),
            ("a burst", |s, _| of_listener(Listener { queue: if s % 4 == 0 { 129 } else { 3 }, ..listener() })),
        ],
    },
    Case {
        name: "accept-queue-ageing", subject: "*:80",
        scenario: |_, _| of_listener(Listener { queue: 2, waiting_since_ns: Some(START_S * S), ..listener() }),
        near_misses: &[
            ("each waits for a second", |_, now| of_listener(Listener { queue: 9, waiting_since_ns: Some(now - S), ..listener() })),
        ],
    },
    Case {
        name: "half-open", subject: "*:80",
        scenario: |_, _| of_listener(Listener { half_open: 110, ..listener() }),
        near_misses: &[
            ("a far away crowd", |_, _| of_listener(Listener { half_open: 90, ..listener() })),
            ("a small queue", |_, _| of_listener(Listener { half_open: 5, queue_limit: 5, ..listener() })),
        ],
    },
    Case {
        name: "never-accepted", subject: ":80",
        scenario: |s, now| of_closed(vec![Session { established_ns: now - S, ..closed(s, Reason::NeverAccepted, now) }].into_iter().map(|c| Session { direction: Direction::In, lport: 80, ..c }).collect()),
        near_misses: &[
            ("two at a restart", |s, now| match s {
                3 => of_closed((0..2).map(|i| Session { direction: Direction::In, lport: 80, ..closed(i, Reason::NeverAccepted, now) }).collect()),
                _ => Moment::default(),
            }),
        ],
    },
    Case {
        name: "refusing", subject: "10.0.0.9:5432",
        scenario: |s, now| of_closed(vec![closed(s, Reason::Refused, now)]),
        near_misses: &[
            ("one in ten", |s, now| one_in_ten(s, now, Reason::Refused)),
            ("a burst", |s, now| match s {
                3 => of_closed((0..20).map(|i| closed(i, Reason::Refused, now)).collect()),
                _ => Moment::default(),
            }),
            ("one every 15 s", |s, now| match s % 15 {
                0 => of_closed(vec![closed(s, Reason::Refused, now)]),
                _ => Moment::default(),
            }),
            ("localhost serves on its other address", |s, now| of_closed(vec![
                Session { laddr: addr("::1"), raddr: addr("::1"), ..closed(s * 2, Reason::Refused, now) },
                Session { laddr: addr("127.0.0.1"), raddr: addr("127.0.0.1"), ..served(s * 2 + 1, now) },
            ])),
            ("a scan of ports", |s, now| of_closed((0..100).map(|i| Session { rport: (s * 100 + i) as u16, ..closed(s * 100 + i, Reason::Refused, now) }).collect())),
        ],
    },
    Case {
        name: "unanswered", subject: "10.0.0.9:5432",
        scenario: |_, _| many(3, |c| Session { state: State::SynSent, start_ns: START_S * S, established_ns: 0, ..established(c) }),
        near_misses: &[
            ("two wait", |_, _| many(2, |c| Session { state: State::SynSent, start_ns: START_S * S, established_ns: 0, ..established(c) })),
            ("answers take two seconds", |s, now| many(9, |c| Session { cookie: s / 2 * 10 + c, state: State::SynSent, start_ns: now - (s % 2) * S, established_ns: 0, ..established(c) })),
            ("one in ten gives up", |s, now| {
                let mut moment = one_in_ten(s, now, Reason::Cancelled);
                moment.closed[9].retransmits = 2;
                moment
            }),
            ("the slower of two addresses is given up before a SYN is repeated", |s, now| of_closed(vec![closed(s, Reason::Cancelled, now)])),
        ],
    },
    Case {
        name: "unreachable", subject: "10.0.0.9:5432",
        scenario: |s, now| of_closed(vec![closed(s, Reason::Unreachable, now)]),
        near_misses: &[
            ("one in ten", |s, now| one_in_ten(s, now, Reason::Unreachable)),
            ("two in 30 s", |s, now| match s % 20 {
                0 => of_closed(vec![closed(s, Reason::Unreachable, now)]),
                _ => Moment::default(),
            }),
        ],
    },
    Case {
        name: "resetting", subject: "10.0.0.9:5432",
        scenario: |s, now| of_closed(vec![Session { reason: Reason::RemoteReset, ..served(s, now) }]),
        near_misses: &[
            ("one in ten", |s, now| {
                let mut moment = one_in_ten(s, now, Reason::LocalFin);
                moment.closed[0].reason = Reason::RemoteReset;
                moment
            }),
            ("resets that answer our FIN", |s, now| of_closed(vec![Session { reason: Reason::RemoteReset, state_before_close: State::FinWait1, ..served(s, now) }])),
            ("clients reset", |s, now| of_closed(vec![Session { reason: Reason::RemoteReset, direction: Direction::In, ..served(s, now) }])),
        ],
    },
    Case {
        name: "silent", subject: "10.0.0.9:5432",
        scenario: |s, _| of_open([Session { unacked_bytes: 5000, retransmits: s as u32 / 2, ..established(1) }].into_iter()),
        near_misses: &[
            ("it goes on", |s, _| of_open([Session { unacked_bytes: 5000, retransmits: s as u32, tx_bytes: s * 1000, ..established(1) }].into_iter())),
            ("a client is gone", |s, _| of_open([Session { unacked_bytes: 5000, retransmits: s as u32 / 2, ..inbound(1) }].into_iter())),
        ],
    },
    Case {
        name: "firewall", subject: "10.0.0.9:5432",
        scenario: |_, now| of_drops(dropped("NETFILTER_DROP", PacketDirection::Out, 4, now)),
        near_misses: &[
            ("the internet's noise", |_, now| of_drops(PacketDrops {
                local: "10.0.0.1:80".parse().expect("an address"),
                remote: "198.51.100.7:0".parse().expect("an address"),
                ..dropped("NETFILTER_DROP", PacketDirection::In, 900, now)
            })),
            ("a port on which nobody listens", |_, now| of_drops(PacketDrops {
                local: "10.0.0.1:81".parse().expect("an address"),
                ..dropped("NETFILTER_DROP", PacketDirection::In, 900, now)
            })),
            ("a closed port", |_, now| of_drops(dropped("NO_SOCKET", PacketDirection::In, 900, now))),
            ("two", |_, now| of_drops(dropped("NETFILTER_DROP", PacketDirection::Out, 2, now))),
            ("one every 20 s", |s, now| of_drops(dropped("NETFILTER_DROP", PacketDirection::Out, 1 + s / 20, now - s % 20 * S))),
            ("the listener has another address", |_, now| Moment {
                listeners: vec![Listener { addr: addr("10.0.0.2"), ..listener() }],
                ..of_drops(PacketDrops {
                    local: "10.0.0.1:80".parse().expect("an address"),
                    ..dropped("NETFILTER_DROP", PacketDirection::In, 900, now)
                })
            }),
        ],
    },
    Case {
        name: "slow-peer", subject: "10.0.0.9:5432",
        scenario: |s, _| many(3, |c| answered(established(c), s, if s < 24 { 2000 } else { 900_000 }, 100)),
        near_misses: &[
            ("always slow", |s, _| many(3, |c| answered(established(c), s, 900_000, 100))),
            ("one in five", |s, _| many(5, |c| answered(established(c), s, if s > 12 && c == 1 { 900_000 } else { 2000 }, 100))),
            ("still short", |s, _| many(3, |c| answered(established(c), s, if s < 12 { 200 } else { 50_000 }, 100))),
        ],
    },
    Case {
        name: "slow-us", subject: ":80",
        scenario: |s, _| many(3, |c| answered(inbound(c), s, 100, if s < 24 { 2000 } else { 900_000 })),
        near_misses: &[
            ("clients think for long", |s, _| many(3, |c| answered(inbound(c), s, if s < 12 { 2000 } else { 900_000 }, 100))),
        ],
    },
    Case {
        name: "always-slow-peer", subject: "10.0.0.9:5432",
        scenario: |s, _| many(3, |c| answered(established(c), s, 1_500_000, 200_000)),
        near_misses: &[
            ("under a second", |s, _| many(3, |c| answered(established(c), s, 900_000, 200_000))),
            ("four answers in half a minute", |s, _| many(1, |c| answered(established(c), s / 8 + 1, 1_500_000, 200_000))),
            ("blocking reads with a time limit of 5 s", |s, _| many(9, |c| answered(established(c), (s + c) / 5 + 1, 5_000_000 + (s * 7919 + c * 31) as u32 % 99_000, 300))),
            ("long polling for events", |s, _| many(9, |c| answered(established(c), s, 300_000 << ((s * 7919 + c * 31) % 7), 300))),
            ("a chat that answers most at once", |s, _| many(4, |c| answered(established(c), s, if s % 3 == 0 { 9_000_000 } else { 2000 }, 800_000))),
            ("idle since one slow answer each", |_, _| many(50, |c| answered(established(c), 1, 3_000_000, 100))),
            ("we think for long", |s, _| many(5, |c| answered(established(c), s, 2000, 5_000_000))),
        ],
    },
    Case {
        name: "always-slow-us", subject: ":80",
        scenario: |s, _| many(3, |c| answered(inbound(c), s, 200_000, 1_500_000)),
        near_misses: &[
            ("a person types in a shell", |s, _| many(5, |c| answered(inbound(c), s, 4_000_000, 300))),
            ("blocking reads with a time limit of 1 s", |s, _| many(9, |c| answered(inbound(c), s, 200, 1_000_000 + (s * 7919 + c * 31) as u32 % 99_000))),
        ],
    },
    Case {
        name: "ports-low", subject: "10.0.0.9:5432",
        scenario: |_, _| many(950, |c| Session { pid: 78, ..established(c) }),
        near_misses: &[
            ("half of them", |_, _| many(500, |c| Session { pid: 78, ..established(c) })),
            ("in TIME_WAIT towards loopback", |s, now| match s {
                0..30 => of_closed((s * 33..s * 33 + 33).map(|c| Session {
                    laddr: addr("127.0.0.1"),
                    raddr: addr("127.0.0.1"),
                    established_ns: now - 900_000,
                    pid: 78,
                    ..closed(c, Reason::LocalFin, now)
                }).collect()),
                _ => Moment::default(),
            }),
        ],
    },
    Case {
        name: "keepalive", subject: "10.0.0.9:5432",
        scenario: |s, now| of_closed(vec![Session { unacked_bytes: 0, reason: Reason::Timeout, ..served(s, now) }]),
        near_misses: &[("two", |s, now| match s {
            3 | 4 => of_closed(vec![Session { unacked_bytes: 0, reason: Reason::Timeout, ..served(s, now) }]),
            _ => Moment::default(),
        })],
    },
    Case {
        name: "no-port", subject: "10.0.0.9:5432",
        scenario: |s, now| of_closed(vec![closed(s, Reason::NoPort, now)]),
        near_misses: &[("it gave up once", |s, now| match s {
            3 => of_closed(vec![closed(s, Reason::Cancelled, now)]),
            _ => Moment::default(),
        })],
    },
    Case {
        name: "close-wait-leak", subject: "app 77",
        scenario: |s, now| of_open((0..=s * 2).map(|c| half_closed(c + 1, State::CloseWait, (START_S + c / 2) * S, now))),
        near_misses: &[
            ("a pool after the restart of its server", |_, now| many(20, |c| half_closed(c, State::CloseWait, START_S * S, now))),
            ("few", |s, now| of_open((0..=s.min(8)).map(|c| half_closed(c + 1, State::CloseWait, (START_S + c) * S, now))),),
            ("each for a second", |s, now| of_open((s..s + 50).map(|c| half_closed(c + 1, State::CloseWait, now - S, now)))),
            ("they still send", |s, now| of_open((0..=s * 2).map(|c| Session { tx_bytes: s * 1000, ..half_closed(c + 1, State::CloseWait, (START_S + c / 2) * S, now) }))),
        ],
    },
    Case {
        name: "unread", subject: "app 77",
        scenario: |_, _| of_open([Session { unread_bytes: 300, ..inbound(1) }].into_iter()),
        near_misses: &[
            ("it reads", |s, _| of_open([Session { unread_bytes: 300, rx_bytes: s * 300, ..inbound(1) }].into_iter())),
            ("a ticket that the client never needs", |_, _| of_open([Session { unread_bytes: 500, ..established(1) }].into_iter())),
            ("one of 20", |_, _| many(20, |c| Session { unread_bytes: if c == 1 { 300 } else { 0 }, ..inbound(c) })),
            ("nobody has accepted it", |_, _| Moment {
                listeners: vec![Listener { queue: 1, ..listener() }],
                ..of_open([Session { unread_bytes: 300, owner: Evidence::Listen, ..inbound(1) }].into_iter())
            }),
        ],
    },
    Case {
        name: "peer-window", subject: "app 77",
        scenario: |s, _| of_open([Session { unacked_bytes: 90_000, rwnd_limited_ms: s as u32 * 1000, ..inbound(1) }].into_iter()),
        near_misses: &[
            ("a slow reader", |s, _| of_open([Session { unacked_bytes: 90_000, tx_bytes: 1000 + s, rwnd_limited_ms: s as u32 * 1000, ..inbound(1) }].into_iter())),
            ("one of 20", |s, _| many(20, |c| match c {
                1 => Session { unacked_bytes: 90_000, rwnd_limited_ms: s as u32 * 1000, ..inbound(c) },
                _ => inbound(c),
            })),
        ],
    },
    Case {
        name: "send-buffer", subject: "app 77",
        scenario: |s, _| of_open([Session { tx_bytes: s * 1_000_000, sndbuf_limited_ms: s as u32 * 800, srtt_us: 80_000, min_rtt_us: 79_000, ..established(1) }].into_iter()),
        near_misses: &[
            ("a short way", |s, _| of_open([Session { tx_bytes: s * 1_000_000, sndbuf_limited_ms: s as u32 * 800, ..established(1) }].into_iter())),
            ("a third of the time", |s, _| of_open([short_buffer(s, 300, 100_000)].into_iter())),
            ("hardly ever, and the window has room", |s, _| of_open([short_buffer(s, 30, 5000)].into_iter())),
        ],
    },
    Case {
        name: "fin-wait", subject: "app 77",
        scenario: |_, now| many(60, |c| half_closed(c, State::FinWait2, START_S * S, now)),
        near_misses: &[
            ("fewer", |_, now| many(40, |c| half_closed(c, State::FinWait2, START_S * S, now))),
            ("each for a second", |s, now| of_open((s..s + 60).map(|c| half_closed(c + 1, State::FinWait2, now - S, now)))),
        ],
    },
    Case {
        name: "orphans", subject: "app 77",
        scenario: |_, now| many(3, |c| Session { unacked_bytes: 9000, ..half_closed(c, State::LastAck, START_S * S, now) }),
        near_misses: &[
            ("two", |_, now| many(2, |c| Session { unacked_bytes: 9000, ..half_closed(c, State::LastAck, START_S * S, now) })),
            ("slow peers", |s, now| many(9, |c| Session { unacked_bytes: 9000, tx_bytes: s * 100, ..half_closed(c, State::LastAck, START_S * S, now) })),
        ],
    },
    Case {
        name: "retransmitting", subject: "10.0.0.9",
        scenario: |s, _| of_open([Session { tx_bytes: s * 100_000, retransmits: s as u32 * 7, retransmitted_bytes: s * 10_000, ..established(1) }].into_iter()),
        near_misses: &[
            ("two percent", |s, _| of_open([Session { tx_bytes: s * 1_000_000, retransmits: s as u32 * 14, retransmitted_bytes: s * 20_000, ..established(1) }].into_iter())),
            ("one segment of three", |s, _| of_open([Session { tx_bytes: s * 300, retransmits: s as u32 / 3, retransmitted_bytes: s * 100, ..established(1) }].into_iter())),
            ("one client of many", |s, _| many(20, |c| Session {
                raddr: IpAddr::from([10, 1, c as u8, 1]),
                tx_bytes: s * 100_000,
                retransmits: if c == 1 { s as u32 * 7 } else { 0 },
                retransmitted_bytes: if c == 1 { s * 10_000 } else { 0 },
                ..inbound(c)
            })),
        ],
    },
    Case {
        name: "bufferbloat", subject: "10.0.0.1",
        scenario: |s, _| many(6, |c| Session { tx_bytes: s * 9000, srtt_us: 300_000, min_rtt_us: 20_000, ..established(c) }),
        near_misses: &[
            ("four", |s, _| many(4, |c| Session { tx_bytes: s * 9000, srtt_us: 300_000, min_rtt_us: 20_000, ..established(c) })),
            ("a short queue", |s, _| many(9, |c| Session { tx_bytes: s * 9000, srtt_us: 20_000, min_rtt_us: 400, ..established(c) })),
            ("slow readers", |s, _| many(9, |c| Session { tx_bytes: s * 9000, srtt_us: 300_000, min_rtt_us: 20_000, rwnd_limited_ms: s as u32 * 900, ..established(c) })),
            ("idle", |_, _| many(9, |c| Session { srtt_us: 300_000, min_rtt_us: 20_000, ..established(c) })),
        ],
    },
    Case {
        name: "churn", subject: "10.0.0.9:5432",
        scenario: |s, now| of_closed((0..20).map(|i| Session { start_ns: now - 30_000_000, established_ns: now - 20_000_000, ..served(s * 20 + i, now) }).collect()),
        near_misses: &[
            ("a short way", |s, now| of_closed((0..500).map(|i| Session { established_ns: now - 500_000, ..served(s * 500 + i, now) }).collect())),
            ("five per second", |s, now| of_closed((0..5).map(|i| Session { start_ns: now - 30_000_000, established_ns: now - 20_000_000, ..served(s * 20 + i, now) }).collect())),
            ("kept for a second", |s, now| of_closed((0..20).map(|i| Session { start_ns: now - S, established_ns: now - S + 10_000_000, ..served(s * 20 + i, now) }).collect())),
        ],
    },
    Case {
        name: "descriptors", subject: "app 77",
        scenario: |_, _| many(470, established),
        near_misses: &[
            ("half of them", |_, _| many(270, established)),
            ("a limit that is not known", |_, _| many(470, |c| Session { pid: 79, ..established(c) })),
        ],
    },
    Case {
        name: "missed", subject: "this host",
        scenario: |s, _| Moment { missed: s * 5, ..Moment::default() },
        near_misses: &[("none since the start", |_, _| Moment::default())],
    },
];

/// A host that is watched.
struct Watching {
    store: Store,
    host: HostState,
    findings: Findings,
    ports: PortUse,
}

impl Watching {
    fn new() -> Self {
        let mut thresholds = Thresholds::default();
        let range = PortRange::parse("40000 40999", "");
        thresholds.set("close-wait-age", 2.0);
        thresholds.set("fin-wait-age", 2.0);
        Watching {
            store: Store::new(0),
            host: HostState::default(),
            findings: Findings::new(thresholds, |pid| (pid == 77).then_some(512)),
            ports: PortUse::new(sample::closed_session().netns, range.expect("a range")),
        }
    }

    /// Takes the host in the next second, and returns the present findings.
    fn second(&mut self, at_s: u64, scenario: Scenario, s: u64) -> Vec<Finding> {
        let now_ns = at_s * S;
        let mut moment = scenario(s, now_ns);
        moment
            .open
            .iter_mut()
            .for_each(|session| session.end_ns = now_ns);
        self.host.take(HostSnapshot {
            taken_ns: now_ns,
            listeners: moment.listeners,
            drops: Some(moment.drops),
            ..HostSnapshot::default()
        });
        let batch = Batch {
            open: Some(moment.open.into()),
            closed: moment.closed,
            missed: Missed {
                ring_full: moment.missed,
                ..Missed::default()
            },
            taken_ns: now_ns,
            ..Batch::default()
        };
        let (findings, ports) = (&mut self.findings, &mut self.ports);
        self.store.ingest(batch, |event| {
            if let Some(change) = event.change() {
                findings.take(change);
                ports.take(change);
            }
        });
        ports.settle(now_ns);
        let missed = self.store.totals().missed.certain();
        let beside = Beside {
            host: Some(&self.host),
            ports: Some(&self.ports),
        };
        findings.end_snapshot(now_ns, missed, beside);
        findings.present().into_iter().map(|(_, f)| f).collect()
    }
}

#[test]
fn every_finding_is_found_within_ten_seconds_and_ends_within_a_minute() {
    for rule in FINDINGS {
        assert!(
            CASES.iter().any(|c| c.name == rule.name),
            "no case for {}",
            rule.name
        );
    }
    for case in CASES {
        let mut watching = Watching::new();
        let mut found = Vec::new();
        // response times are compared with those before
        let before = if case.name.starts_with("slow") { 24 } else { 0 };
        for s in 0..before {
            found = watching.second(START_S + s, case.scenario, s);
            assert!(found.is_empty(), "{found:?}");
        }
        for s in before..=before + 10 {
            found = watching.second(START_S + s, case.scenario, s);
        }
        let told: Vec<_> = found
            .iter()
            .map(|f| (f.rule.name, f.subject.to_string()))
            .collect();
        assert_eq!(told, [(case.name, case.subject.to_owned())], "{found:?}");
        let Finding {
            since_ns,
            sentence,
            evidence,
            ..
        } = &found[0];
        assert!(*since_ns >= START_S * S && !sentence.is_empty() && !evidence.is_empty());
        let gone = (1..60).find(|s| {
            let at_s = START_S + before + 10 + s;
            watching.second(at_s, nothing, *s).is_empty()
        });
        assert!(gone.is_some(), "{} stays", case.name);
        assert_eq!(watching.findings.ended().count(), 1);
        // it comes back
        for s in 0..=10 {
            found = watching.second(START_S + 100 + s, case.scenario, s);
        }
        if let [finding] = found.as_slice() {
            assert_eq!(finding.times, 2, "{}", case.name);
        }
    }
}

#[test]
fn near_misses_of_every_finding_are_none() {
    for case in CASES {
        assert!(!case.near_misses.is_empty(), "{}", case.name);
        for (name, scenario) in case.near_misses {
            let mut watching = Watching::new();
            for s in 0..40 {
                let found = watching.second(START_S + s, *scenario, s);
                assert!(
                    found.is_empty(),
                    "{}, {name}, after {s} s: {found:?}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn findings_of_many_subjects_are_bounded() {
    let mut watching = Watching::new();
    let scenario: Scenario = |s, now| {
        let at = |i: u64| Session {
            raddr: IpAddr::from([10, 9, (i >> 8) as u8, i as u8]),
            ..closed(s * 10_000 + i, Reason::Refused, now)
        };
        of_closed((0..10_000).map(at).collect())
    };
    let mut found = Vec::new();
    for s in 0..8 {
        found = watching.second(START_S + s, scenario, s);
    }
    assert!(found.len() <= SUBJECTS, "{}", found.len());
    assert!(watching.findings.facts.destinations.iter().count() <= 2048);
}

#[test]
fn retransmits_to_several_peers_of_a_subnet_are_one_finding() {
    let mut watching = Watching::new();
    let scenario: Scenario = |s, _| {
        many(5, |c| Session {
            raddr: IpAddr::from([10, 7, 7, c as u8]),
            tx_bytes: s * 100_000,
            retransmits: s as u32 * 7,
            retransmitted_bytes: s * 10_000,
            ..inbound(c)
        })
    };
    let mut found = Vec::new();
    for s in 0..8 {
        found = watching.second(START_S + s, scenario, s);
    }
    let told: Vec<_> = found.iter().map(|f| f.subject.to_string()).collect();
    assert_eq!(told, ["10.7.7.0/24"]);
    assert!(
        found[0].sentence.contains("(5 peers)"),
        "{}",
        found[0].sentence
    );
}

#[test]
fn threshold_of_the_configuration_decides() {
    let mut watching = Watching::new();
    watching.findings.thresholds.set("refusing", 5.0);
    let mut found = Vec::new();
    for s in 0..8 {
        found = watching.second(START_S + s, |s, now| one_in_ten(s, now, Reason::Refused), s);
    }
    let [finding] = found.as_slice() else {
        panic!("{found:?}");
    };
    let text = finding.rule.threshold_text(&watching.findings.thresholds);
    assert_eq!(text, "threshold: 5 %, findings.refusing");
}

#[test]
fn several_sources_towards_one_destination_are_one_finding_of_the_fullest() {
    let mut watching = Watching::new();
    let scenario: Scenario = |_, _| {
        let of = |last: u8, count: u64| {
            (0..count).map(move |c| Session {
                cookie: u64::from(last) * 10_000 + c,
                laddr: IpAddr::from([10, 0, 0, last]),
                lport: 40_000 + c as u16,
                pid: 78,
                ..established(1)
            })
        };
        of_open(of(1, 920).chain(of(2, 980)).chain(of(3, 940)))
    };
    let mut found = Vec::new();
    for s in 0..4 {
        found = watching.second(START_S + s, scenario, s);
    }
    let [finding] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert!(finding.sentence.contains("980 open"), "{finding:?}");
}

#[test]
fn packets_dropped_for_several_reasons_are_told_by_the_most_frequent() {
    let mut watching = Watching::new();
    let scenario: Scenario = |s, now| Moment {
        drops: vec![
            dropped("TC_EGRESS", PacketDirection::Out, 1 + s, now),
            dropped("NETFILTER_DROP", PacketDirection::Out, 10 + s * 10, now),
        ],
        ..Moment::default()
    };
    let mut found = Vec::new();
    for s in 0..6 {
        found = watching.second(START_S + s, scenario, s);
    }
    let [finding] = found.as_slice() else {
        panic!("{found:?}");
    };
    let sentence = &finding.sentence;
    assert!(
        sentence.ends_with("60 of our SYNs were dropped by this host's netfilter (OUTPUT) in 5 s"),
        "{sentence}"
    );
    assert_eq!(finding.evidence[0], ("packets", Amount::Count(66)));
}

/// The network namespace of synthetic sessions, and of the reader.
fn our_netns() -> u32 {
    sample::closed_session().netns
}

/// The present findings after so many seconds of a scenario.
fn after(watching: &mut Watching, seconds: u64, scenario: Scenario) -> Vec<Finding> {
    let mut found = Vec::new();
    for s in 0..=seconds {
        found = watching.second(START_S + s, scenario, s);
    }
    found
}

#[test]
fn short_send_buffer_of_a_program_that_writes_little_at_a_time_is_found() {
    let scenario: Scenario = |s, _| of_open([short_buffer(s, 100, 5000)].into_iter());
    let found = after(&mut Watching::new(), 8, scenario);
    let [finding] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(finding.rule.name, "send-buffer");
    let percent = ("limited_percent", Amount::Count(100));
    assert_eq!(finding.evidence.last(), Some(&percent));
}

#[test]
fn same_address_in_two_namespaces_is_two_destinations() {
    // half of the connects succeed, all of them in another namespace
    let scenario: Scenario = |s, now| {
        let refused = Session {
            netns: our_netns() + 1,
            ..closed(s * 2, Reason::Refused, now)
        };
        of_closed(vec![refused, served(s * 2 + 1, now)])
    };
    let found = after(&mut Watching::new(), 8, scenario);
    let [finding] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(finding.subject.netns(), Some(our_netns() + 1));
    let name = format!(" in 8 s (network namespace {})", our_netns() + 1);
    assert!(finding.sentence.ends_with(&name), "{}", finding.sentence);
    assert!(finding.sentence.contains("9 of 9"), "{}", finding.sentence);

    let both: Scenario = |s, now| {
        let refused = |i: u64| Session {
            netns: our_netns() + i as u32,
            ..closed(s * 2 + i, Reason::Refused, now)
        };
        of_closed((0..2).map(refused).collect())
    };
    let found = after(&mut Watching::new(), 8, both);
    let mut named: Vec<bool> = found
        .iter()
        .map(|f| f.sentence.contains("namespace"))
        .collect();
    named.sort_unstable();
    assert_eq!(named, [false, true], "ours needs no name: {found:?}");
}

#[test]
fn firewall_of_another_namespace_is_named_and_does_not_hide_what_is_unanswered_here() {
    let scenario: Scenario = |_, now| {
        let waits = |c| Session {
            state: State::SynSent,
            start_ns: START_S * S,
            established_ns: 0,
            ..established(c)
        };
        Moment {
            drops: vec![PacketDrops {
                netns: our_netns() + 1,
                ..dropped("NETFILTER_DROP", PacketDirection::Out, 4, now)
            }],
            ..many(3, waits)
        }
    };
    let found = after(&mut Watching::new(), 8, scenario);
    let told: Vec<_> = found
        .iter()
        .map(|f| (f.rule.name, f.subject.netns()))
        .collect();
    let (ours, other) = (Some(our_netns()), Some(our_netns() + 1));
    assert_eq!(told, [("firewall", other), ("unanswered", ours)]);
    let name = format!("(network namespace {})", our_netns() + 1);
    assert!(found[0].sentence.ends_with(&name), "{}", found[0].sentence);
}

#[test]
fn packets_dropped_on_their_way_through_explain_what_is_unanswered_in_another_namespace() {
    let scenario: Scenario = |_, now| {
        let waits = |c| Session {
            netns: our_netns() + 1,
            state: State::SynSent,
            start_ns: START_S * S,
            established_ns: 0,
            ..established(c)
        };
        Moment {
            drops: vec![dropped(
                "NETFILTER_DROP",
                PacketDirection::Forwarded,
                4,
                now,
            )],
            ..many(3, waits)
        }
    };
    let found = after(&mut Watching::new(), 8, scenario);
    let told: Vec<_> = found.iter().map(|f| f.rule.name).collect();
    assert_eq!(told, ["firewall"]);
}

#[test]
fn packets_after_the_handshake_that_are_dropped_name_the_peer_and_its_namespace() {
    let scenario: Scenario = |s, now| Moment {
        drops: vec![PacketDrops {
            packets: s,
            ..dropped("NETFILTER_DROP", PacketDirection::Out, 0, now)
        }],
        ..Moment::default()
    };
    let found = after(&mut Watching::new(), 8, scenario);
    let [finding] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(finding.subject.to_string(), "10.0.0.9");
    assert_eq!(finding.subject.netns(), Some(our_netns()));
}

#[test]
fn findings_of_the_host_are_limited_by_the_capture_filter() {
    let scenario: Scenario = |s, now| {
        let waiting = Listener {
            queue: 2,
            waiting_since_ns: Some(START_S * S),
            ..listener()
        };
        let connects = Session {
            pid: 77,
            start_ns: now - 3 * S,
            ..closed(s, Reason::ConnectTimeout, now)
        };
        Moment {
            listeners: vec![waiting],
            drops: vec![
                dropped("NETFILTER_DROP", PacketDirection::Out, 4, now),
                PacketDrops {
                    local: "10.0.0.1:80".parse().expect("an end"),
                    remote: "10.0.0.7:0".parse().expect("an end"),
                    ..dropped("NETFILTER_DROP", PacketDirection::In, 4, now)
                },
                PacketDrops {
                    local: "10.0.0.1:40000".parse().expect("an end"),
                    remote: "10.0.0.8:443".parse().expect("an end"),
                    ..dropped("NETFILTER_DROP", PacketDirection::Out, 4, now)
                },
            ],
            ..of_closed(vec![connects])
        }
    };
    let ports = |text: &str| text.parse().ok();
    let all = ["*:80", "10.0.0.8:443", "10.0.0.9:5432", ":80"];
    for (capture, expected) in [
        (CaptureFilter::default(), all.as_slice()),
        (
            CaptureFilter {
                family: Some(Family::V4),
                ..CaptureFilter::default()
            },
            all.as_slice(),
        ),
        (
            CaptureFilter {
                family: Some(Family::V6),
                ..CaptureFilter::default()
            },
            &[],
        ),
        (
            CaptureFilter {
                lports: ports("80"),
                ..CaptureFilter::default()
            },
            &["*:80", ":80"],
        ),
        (
            CaptureFilter {
                rports: ports("443"),
                ..CaptureFilter::default()
            },
            &["10.0.0.8:443"],
        ),
        (
            CaptureFilter {
                pid: Some(listener().pid),
                ..CaptureFilter::default()
            },
            &["*:80", "10.0.0.9:5432", ":80"],
        ),
        (
            CaptureFilter {
                pid: Some(77),
                ..CaptureFilter::default()
            },
            &["10.0.0.9:5432"],
        ),
    ] {
        let mut watching = Watching::new();
        watching.findings.capture = capture.clone();
        let found = after(&mut watching, 8, scenario);
        let of_host = |f: &&Finding| matches!(f.rule.proof, Proof::Drops | Proof::Listeners);
        let mut told: Vec<_> = found
            .iter()
            .filter(of_host)
            .map(|f| f.subject.to_string())
            .collect();
        told.sort();
        assert_eq!(told, expected, "{capture}");
    }
}

#[test]
fn sentence_says_the_time_that_was_watched() {
    let mut watching = Watching::new();
    for s in 0..50 {
        let scenario: Scenario = |s, now| of_closed(vec![closed(s, Reason::Refused, now)]);
        let found = watching.second(START_S + s, scenario, s);
        for finding in found {
            let within = format!(" in {} s", s.clamp(1, 30));
            assert!(finding.sentence.ends_with(&within), "{finding:?}");
            let within = ("within_s", Amount::Count(s.clamp(1, 30)));
            assert_eq!(finding.evidence.last(), Some(&within));
        }
    }
}
