//! Filters that select exactly the sessions that a line of a screen stands for.

use std::net::IpAddr;

use crate::filter::quoted;
use crate::model::aggregate::GroupKey;
use crate::model::cgroup::Workload;
use crate::model::interface::{Interface, ZonedAddr};

/// Returns the filter that selects the sessions of an aggregate, and no others.
pub fn filter_for_group(key: &GroupKey) -> String {
    match key {
        GroupKey::UnknownOwner => "owner unknown".into(),
        // a process without an id is in a PID namespace that /proc does not show
        GroupKey::Process(0, comm) => {
            format!("not pid > 0 and comm {}", quoted(comm.as_str()))
        }
        GroupKey::Process(pid, comm) => format!("pid {pid} and comm {}", quoted(comm.as_str())),
        GroupKey::Program(comm) => format!("comm {}", quoted(comm.as_str())),
        GroupKey::Peer(addr) => filter_for_peer(*addr),
        GroupKey::Subnet(ZonedAddr { addr, zone }) => {
            let plain = ZonedAddr {
                addr: *addr,
                zone: Interface::default(),
            };
            with_zone(format!("raddr {}", GroupKey::Subnet(plain)), *zone)
        }
        GroupKey::Port(port) => format!("service {port}"),
        // no line of a screen stands for these alone: they are counted with those that were evicted
        GroupKey::Workload(Workload::Other) => "container ~ . or unit ~ .".into(),
        // every text matches `.`, and what is missing never does
        GroupKey::Workload(Workload::Unknown) => "container !~ . and unit !~ .".into(),
        GroupKey::Workload(Workload::Container(name)) => {
            format!("container {}", quoted(name.as_str()))
        }
        GroupKey::Workload(Workload::Unit(name)) => format!("unit {}", quoted(name.as_str())),
    }
}

/// Returns the filter that selects the sessions with a peer.
pub fn filter_for_peer(peer: ZonedAddr) -> String {
    with_zone(format!("raddr {}", peer.addr), peer.zone)
}

/// Returns the condition that restricts a filter to a network namespace.
pub fn and_netns(netns: u32) -> String {
    match netns {
        // a kernel without network namespaces has no numbers of them
        0 => String::new(),
        netns => format!(" and netns {netns}"),
    }
}

/// Returns the condition that restricts a filter to the connections that a listener at this address takes.
pub fn and_listened_at(addr: IpAddr) -> String {
    match addr {
        IpAddr::V6(addr) if addr.is_unspecified() => String::new(),
        IpAddr::V4(addr) if addr.is_unspecified() => " and laddr 0.0.0.0/0".into(),
        addr => format!(" and laddr {addr}"),
    }
}

fn with_zone(filter: String, zone: Interface) -> String {
    match zone.name() {
        Some(name) => format!("{filter} and interface {}", quoted(name)),
        None => filter,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::filter::Filter;
    use crate::model::aggregate::GroupBy;
    use crate::model::cgroup::Cgroup;
    use crate::model::session::{Comm, Direction, Evidence, Session};
    use crate::testing::sample::closed_session as sample;

    /// Sessions that share parts of their keys: a pid used again, a name that looks like a filter or like none, a port
    /// of one that is the peer's of another, an address on the other side.
    fn sessions() -> Vec<Session> {
        let names = ["my \"own\" prog", "and", "NGINX", "nginx", "a*", "-", ""];
        let owners = names.iter().enumerate().flat_map(|(i, name)| {
            let owner = |pid, owner| (pid, Comm::from(*name), owner);
            [
                owner(i as u32 / 2, Evidence::Read),
                owner(7, Evidence::Scan),
            ]
        });
        let nobody = (0, Comm::from(""), Evidence::None);
        let owners: Vec<_> = owners.chain([nobody]).collect();
        let addresses = [
            "10.0.0.1",
            "10.0.0.2",
            "10.0.1.1",
            "::1",
            "2001:db8:1:2:3::4",
        ];
        let id = "4d5f6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091";
        let groups = [
            None,
            Some("/".into()),
            Some("/system.slice/nginx.service".into()),
            Some(r"/system.slice/a\x2ab \x22c\x22.service".into()),
            Some(format!("/system.slice/docker-{id}.scope")),
            Some("/lxc.payload.nginx.service".into()),
        ];
        let groups = groups.map(|path| Arc::new(Cgroup::new(1, path)));
        let mut sessions = Vec::new();
        for (i, (pid, comm, owner)) in owners.into_iter().enumerate() {
            for (lport, rport) in [(443, 50_000), (50_000, 443), (443, 443), (80, 443)] {
                for direction in Direction::ALL {
                    let raddr = addresses[(i + sessions.len()) % addresses.len()];
                    let laddr = addresses[sessions.len() % addresses.len()];
                    sessions.push(Session {
                        pid,
                        comm,
                        owner,
                        lport,
                        rport,
                        laddr: laddr.parse().expect("an address"),
                        raddr: raddr.parse().expect("an address"),
                        direction: *direction,
                        cgroup: Arc::clone(&groups[sessions.len() % groups.len()]),
                        ..sample()
                    });
                }
            }
        }
        sessions
    }

    #[test]
    fn filter_of_every_group_matches_exactly_the_sessions_it_counts() {
        let sessions = sessions();
        for by in GroupBy::ALL {
            for one in &sessions {
                let key = by.key(one);
                let text = filter_for_group(&key);
                let filter = Filter::parse(&text).unwrap_or_else(|e| panic!("{}", e.report()));
                for other in &sessions {
                    let is_counted = by.key(other) == key;
                    assert_eq!(filter.matches(other), is_counted, "{text}: {other:?}");
                }
            }
        }
    }

    #[test]
    fn filter_of_link_local_peer_selects_its_interface() {
        let on = |interface: &str| Session {
            interface: Interface::new(interface),
            raddr: "fe80::1".parse().expect("an address"),
            ..sample()
        };
        for by in [GroupBy::Peer, GroupBy::Subnet] {
            let key = by.key(&on("eth 1"));
            assert_ne!(key, by.key(&on("eth2")), "{key}");
            let text = filter_for_group(&key);
            let filter = Filter::parse(&text).expect(&text);
            assert!(filter.matches(&on("eth 1")), "{text}");
            assert!(!filter.matches(&on("eth2")), "{text}");
        }
    }
}
