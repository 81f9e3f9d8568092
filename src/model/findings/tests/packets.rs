//! Findings of packets that this host drops, and of what lies beside its sessions.

use super::*;

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
