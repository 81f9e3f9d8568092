//! A case of each finding: what makes it one within 10 s, and near misses that must not.

use super::*;

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
