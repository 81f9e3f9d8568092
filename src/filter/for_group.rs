//! Filters that select exactly the sessions that a line of a screen stands for.

use crate::filter::quoted;
use crate::model::aggregate::GroupKey;
use crate::model::interface::{Interface, ZonedAddr};

/// Returns the filter that selects the sessions of an aggregate.
pub fn filter_for_group(key: &GroupKey) -> String {
    match key {
        GroupKey::Process(0, _) => "owner unknown".into(),
        GroupKey::Process(pid, _) => format!("pid {pid}"),
        GroupKey::Program(comm) if comm.as_str().is_empty() => "owner unknown".into(),
        GroupKey::Program(comm) => format!("comm {}", quoted(comm.as_str())),
        GroupKey::Peer(addr) => filter_for_peer(*addr),
        GroupKey::Subnet(ZonedAddr { addr, zone }) => {
            let plain = ZonedAddr {
                addr: *addr,
                zone: Interface::default(),
            };
            with_zone(format!("raddr {}", GroupKey::Subnet(plain)), *zone)
        }
        GroupKey::Port(port) => format!("port {port}"),
    }
}

/// Returns the filter that selects the sessions with a peer.
pub fn filter_for_peer(peer: ZonedAddr) -> String {
    with_zone(format!("raddr {}", peer.addr), peer.zone)
}

fn with_zone(filter: String, zone: Interface) -> String {
    match zone.name() {
        Some(name) => format!("{filter} and interface {}", quoted(name)),
        None => filter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;
    use crate::model::aggregate::GroupBy;
    use crate::model::session::{Comm, Evidence, Session};
    use crate::testing::sample::closed_session as sample;

    fn open(comm: &str, raddr: &str) -> Session {
        Session {
            comm: Comm::from(comm),
            pid: comm.len() as u32,
            raddr: raddr.parse().expect("an address"),
            ..sample()
        }
    }

    #[test]
    fn filter_of_aggregate_matches_its_sessions() {
        let nobody = Session {
            owner: Evidence::None,
            pid: 0,
            comm: Comm::from(""),
            ..open("", "10.0.0.1")
        };
        for session in [
            open("my \"own\" prog", "10.0.0.1"),
            open("and", "2001:db8:1:2:3::4"),
            nobody,
        ] {
            for by in GroupBy::ALL {
                let text = filter_for_group(&by.key(&session));
                let filter = Filter::parse(&text);
                assert!(filter.is_ok_and(|f| f.matches(&session)), "{text}");
            }
        }
    }

    #[test]
    fn filter_of_link_local_peer_selects_its_interface() {
        let on = |interface: &str| Session {
            interface: Interface::new(interface),
            ..open("curl", "fe80::1")
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

    #[test]
    fn filter_of_peer_excludes_sessions_with_its_address_on_our_side() {
        let ours = |laddr: &str| Session {
            laddr: laddr.parse().expect("an address"),
            ..open("curl", "10.0.9.1")
        };
        for (by, laddr) in [
            (GroupBy::Peer, "10.0.0.1"),
            (GroupBy::Subnet, "2001:db8:1:2:3::4"),
        ] {
            let text = filter_for_group(&by.key(&open("curl", laddr)));
            let filter = Filter::parse(&text);
            assert!(filter.is_ok_and(|f| !f.matches(&ours(laddr))), "{text}");
        }
    }
}
