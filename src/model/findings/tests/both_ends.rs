//! Local connections, of which both ends are sessions of this host: one cause is one finding.

use super::*;

/// The end that connects to a database on this host, and the end that the database has accepted.
fn both_ends(cookie: u64) -> [Session; 2] {
    let connected = Session {
        cookie: cookie * 2,
        laddr: addr("127.0.0.1"),
        raddr: addr("127.0.0.1"),
        lport: (40_000 + cookie) as u16,
        ..established(1)
    };
    let accepted = Session {
        cookie: cookie * 2 + 1,
        direction: Direction::In,
        lport: connected.rport,
        rport: connected.lport,
        comm: Comm::from("postgres"),
        pid: 55,
        ..connected.clone()
    };
    [connected, accepted]
}

/// Connections whose ends are changed.
fn pairs(count: u64, change: impl Fn([Session; 2]) -> [Session; 2]) -> Moment {
    of_open((1..=count).flat_map(|cookie| change(both_ends(cookie))))
}

fn told(found: &[Finding]) -> Vec<(&'static str, String)> {
    let told = found.iter().map(|f| (f.rule.name, f.subject.to_string()));
    told.collect()
}

/// All findings that have begun in so many seconds.
fn begun(seconds: u64, scenario: Scenario) -> Vec<Finding> {
    let mut watching = Watching::new();
    let mut begun = Vec::new();
    for s in 0..=seconds {
        watching.second(START_S + s, scenario, s);
        begun.extend(
            watching
                .findings
                .events()
                .iter()
                .filter_map(|event| match event {
                    FindingEvent::Began(finding) => Some(finding.clone()),
                    FindingEvent::Ended(_) => None,
                }),
        );
    }
    begun
}

#[test]
fn slow_local_service_is_one_finding_that_names_its_program() {
    let slow: Scenario = |s, _| {
        let us = if s < 24 { 2000 } else { 900_000 };
        pairs(3, |[connected, accepted]| {
            [
                answered(connected, s, us + 40, 100),
                answered(accepted, s, 150, us),
            ]
        })
    };
    let found = begun(40, slow);
    assert_eq!(told(&found), [("slow-us", ":5432".to_owned())]);
    let sentence = &found[0].sentence;
    assert!(
        sentence.starts_with("postgres answers slowly on port 5432: after"),
        "{sentence}"
    );
    assert_eq!(found[0].program, Some(Comm::from("postgres")));

    let always: Scenario = |s, _| {
        pairs(3, |[connected, accepted]| {
            [
                answered(connected, s, 1_500_000, 200_000),
                answered(accepted, s, 200_000, 1_500_000),
            ]
        })
    };
    let found = begun(40, always);
    assert_eq!(told(&found), [("always-slow-us", ":5432".to_owned())]);
    let sentence = &found[0].sentence;
    assert!(
        sentence.starts_with("postgres takes 1.50s to answer on port 5432"),
        "{sentence}"
    );
}

#[test]
fn slow_way_to_a_local_service_is_a_finding_that_names_the_program_there() {
    let delayed: Scenario = |s, _| {
        let us = if s < 24 { 2000 } else { 900_000 };
        pairs(3, |[connected, accepted]| {
            [
                answered(connected, s, us, 100),
                answered(accepted, s, 150, 1900),
            ]
        })
    };
    let found = begun(40, delayed);
    assert_eq!(told(&found), [("slow-peer", "127.0.0.1:5432".to_owned())]);
    let sentence = &found[0].sentence;
    assert!(
        sentence.starts_with("postgres 127.0.0.1:5432 answers slowly"),
        "{sentence}"
    );
    assert_eq!(found[0].program, Some(Comm::from("postgres")));
}

#[test]
fn slow_service_elsewhere_does_not_belong_to_a_slow_listener_with_its_port() {
    let both: Scenario = |s, _| {
        let us = if s < 24 { 2000 } else { 900_000 };
        let of = |c| {
            let own = Session {
                lport: 5432,
                ..inbound(c + 100)
            };
            [
                answered(established(c), s, us, 100),
                answered(own, s, 150, us),
            ]
        };
        of_open((1..=3).flat_map(of))
    };
    let mut told = told(&begun(40, both));
    told.sort();
    let both = [("slow-peer", "10.0.0.9:5432"), ("slow-us", ":5432")];
    assert_eq!(told, both.map(|(name, subject)| (name, subject.to_owned())));
}

#[test]
fn program_that_does_not_read_is_one_finding_at_its_end() {
    let unread: Scenario = |s, _| {
        pairs(3, |[connected, accepted]| {
            [
                Session {
                    unacked_bytes: 5000,
                    rwnd_limited_ms: s as u32 * 1000,
                    ..connected
                },
                Session {
                    unread_bytes: 90_000,
                    ..accepted
                },
            ]
        })
    };
    assert_eq!(
        told(&begun(20, unread)),
        [("unread", "postgres 55".to_owned())]
    );
    // to another host, nothing else says why
    let window: Scenario = |s, _| {
        many(3, |c| Session {
            unacked_bytes: 5000,
            rwnd_limited_ms: s as u32 * 1000,
            ..established(c)
        })
    };
    assert_eq!(
        told(&begun(20, window)),
        [("peer-window", "app 77".to_owned())]
    );
}

#[test]
fn sessions_that_a_program_does_not_close_are_one_finding_at_its_end() {
    let leak: Scenario = |s, now| {
        let connection = |cookie: u64| {
            // a new one each half second, so that it grows
            let fin_ns = (START_S - 60) * S + cookie * S / 2;
            let [connected, accepted] = both_ends(cookie);
            let close_us = (now.saturating_sub(fin_ns) / 1000).max(1) as u32;
            [
                Session {
                    state: State::FinWait2,
                    close_us,
                    ..connected
                },
                Session {
                    state: State::CloseWait,
                    close_us,
                    ..accepted
                },
            ]
        };
        of_open((1..=60 + s).flat_map(connection))
    };
    let found = begun(50, leak);
    assert_eq!(
        told(&found),
        [("close-wait-leak", "postgres 55".to_owned())]
    );
}

#[test]
fn local_service_that_resets_is_named() {
    let resets: Scenario = |s, now| {
        let ends = both_ends(s);
        let closed = ends.map(|end| Session {
            start_ns: now - 1_000_000,
            established_ns: now - 900_000,
            end_ns: now,
            state: State::Closed,
            reason: match end.direction {
                Direction::In => Reason::LocalReset,
                _ => Reason::RemoteReset,
            },
            ..end
        });
        of_closed(closed.to_vec())
    };
    let found = begun(10, resets);
    assert_eq!(told(&found), [("resetting", "127.0.0.1:5432".to_owned())]);
    let sentence = &found[0].sentence;
    assert!(
        sentence.starts_with("postgres 127.0.0.1:5432 resets sessions"),
        "{sentence}"
    );
}

#[test]
fn listener_names_the_program_at_an_address_that_was_never_reached() {
    let unanswered: Scenario = |_, _| Moment {
        listeners: vec![Listener {
            port: 5432,
            comm: Comm::from("postgres"),
            ..listener()
        }],
        ..many(3, |c| Session {
            laddr: addr("127.0.0.1"),
            raddr: addr("127.0.0.1"),
            state: State::SynSent,
            start_ns: START_S * S,
            established_ns: 0,
            ..established(c)
        })
    };
    let found = begun(12, unanswered);
    assert_eq!(told(&found), [("unanswered", "127.0.0.1:5432".to_owned())]);
    let sentence = &found[0].sentence;
    assert!(
        sentence.starts_with("postgres 127.0.0.1:5432 does not answer"),
        "{sentence}"
    );
    // a full queue is why
    let full: Scenario = |_, _| Moment {
        listeners: vec![Listener {
            port: 5432,
            queue: 129,
            ..listener()
        }],
        ..many(3, |c| Session {
            laddr: addr("127.0.0.1"),
            raddr: addr("127.0.0.1"),
            state: State::SynSent,
            start_ns: START_S * S,
            established_ns: 0,
            ..established(c)
        })
    };
    assert_eq!(
        told(&begun(12, full)),
        [("accept-queue-full", "*:5432".to_owned())]
    );
}
