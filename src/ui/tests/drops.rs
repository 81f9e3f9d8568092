//! Dropped packets: the screen that lists them, and what the detail of a session and the failures say of them.

use std::net::SocketAddr;
use std::sync::Arc;

use super::*;
use crate::filter::Filter;
use crate::model::batch::HostSnapshot;
use crate::model::packet_drop::{PacketDirection, PacketDrops};

fn dropped(reason: &'static str, local: &str, remote: &str, packets: u64) -> PacketDrops {
    let end = |text: &str| text.parse::<SocketAddr>().expect("an end");
    PacketDrops {
        reason,
        direction: PacketDirection::Out,
        netns: 0,
        local: end(local),
        remote: end(remote),
        packets,
        syns: packets,
        first_ns: 3 * S,
        last_ns: 8 * S,
    }
}

/// Packets that a firewall, a closed port and a missing route have cost, and ordinary ones, at a second of the run.
fn drops(second: u64) -> Vec<PacketDrops> {
    let firewall = |port: u16, packets| PacketDrops {
        last_ns: second * S,
        ..dropped(
            "NETFILTER_DROP",
            &format!("10.0.0.5:{port}"),
            "10.9.9.9:5432",
            packets,
        )
    };
    let incoming = |reason, local: &str, remote: &str, packets| PacketDrops {
        direction: PacketDirection::In,
        ..dropped(reason, local, remote, packets)
    };
    vec![
        firewall(50_021, 4),
        firewall(50_022, 2 * second),
        incoming("NO_SOCKET", "10.0.0.5:23", "192.0.2.66:0", 7),
        PacketDrops {
            syns: 0,
            ..incoming("TCP_OLD_DATA", "10.0.0.5:443", "198.51.100.7:50001", 9000)
        },
        PacketDrops {
            direction: PacketDirection::Forwarded,
            ..dropped("IP_INNOROUTES", "10.0.0.8:0", "203.0.113.1:80", 1)
        },
    ]
}

fn connecting(cookie: u64, lport: u16) -> Session {
    Session {
        lport,
        rport: 5432,
        direction: Direction::Out,
        ..open(cookie, "psql", "10.9.9.9", 0)
    }
}

fn at(second: u64, drops: Option<Vec<PacketDrops>>) -> Batch {
    let failed = ended(connecting(22, 50_022), Reason::ConnectTimeout);
    let closed = if second == 9 { vec![failed] } else { vec![] };
    Batch {
        host: Some(Arc::new(HostSnapshot {
            taken_ns: second * S,
            drops,
            ..HostSnapshot::default()
        })),
        ..batch_at(second, vec![connecting(21, 50_021)], closed)
    }
}

/// A dashboard that has run for 9 s, with the screen.
pub fn dropping(size: Size) -> App {
    let mut app = unused(100, size);
    app.batch(at(9, Some(drops(9))));
    app.batch(at(10, Some(drops(10))));
    press(&mut app, "D");
    app
}

/// The words of the line that starts with these.
fn words(shown: &str, start: &str) -> Vec<String> {
    let mut lines = shown.lines().map(|l| l.trim_matches('"'));
    let line = lines.find(|l| l.starts_with(start)).expect(start);
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn drops_of_a_program_to_a_service_are_one_line_and_ordinary_ones_are_last() {
    let shown = screen(&dropping(LARGE), LARGE);
    assert_eq!(
        words(&shown, "firewall (netfilter)")[2..10],
        [
            "out",
            "10.0.0.5:*",
            "10.9.9.9:5432",
            "psql",
            "24",
            "2.0",
            "24",
            "now"
        ]
    );
    let lines = shown.lines().map(|l| l.trim_matches('"'));
    let lines: Vec<&str> = lines
        .skip_while(|l| !l.starts_with("REASON"))
        .skip(1)
        .collect();
    for (line, start) in lines.iter().zip([
        "firewall (netfilter)",
        "nobody listens",
        "no route",
        "(data known already)",
        " ",
    ]) {
        assert!(line.starts_with(start), "{shown}");
    }
    let text = "24 SYNs were dropped by this host's netfilter (OUTPUT): 10.0.0.5:* → 10.9.9.9:5432";
    assert!(shown.contains(text), "{shown}");
    assert!(
        shown.contains("32 packets dropped, 2.0/s; 9.0k ordinary"),
        "{shown}"
    );
}

#[test]
fn sessions_of_a_drop_are_those_of_its_ends() {
    let mut app = dropping(SIZE);
    press(&mut app, "Enter");
    assert_eq!(app.layers.mode(), Mode::Table);
    let filter: &Filter = &app.view_filter.filter;
    assert!(filter.matches(&connecting(21, 50_021)));
    assert!(!filter.matches(&busiest()));
    // a packet on its way through has no session here
    let mut app = dropping(SIZE);
    press(&mut app, "j j Enter");
    assert_eq!(app.layers.mode(), Mode::Drops);
}

#[test]
fn detail_and_failures_say_what_this_host_dropped() {
    let mut app = dropping(SIZE);
    press(&mut app, "f");
    let shown = screen(&app, SIZE);
    assert!(shown.contains("DROPPED"), "{shown}");
    let is_line = |l: &&str| l.contains("10.9.9.9:5432") && !l.contains("finding");
    let lines = shown.lines().filter(is_line);
    assert!(lines.clone().count() == 1 && lines.clone().all(|l| l.contains("firewall")));
    press(&mut app, "q q o Enter");
    let shown = screen(&app, SIZE);
    let text = "4 of our SYNs were dropped by this host's netfilter (OUTPUT)";
    assert!(shown.contains(text), "{shown}");
}

#[test]
fn unknown_drops_are_not_said_to_be_none() {
    let shown = |drops| {
        let mut app = unused(100, LARGE);
        app.batch(at(9, drops));
        press(&mut app, "D");
        screen(&app, LARGE)
    };
    assert!(shown(Some(vec![])).contains("has dropped no TCP packets"));
    assert!(shown(None).contains("this kernel gives no reasons for dropped packets"));
}
