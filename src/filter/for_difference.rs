//! Filters that select the sessions that make a difference from a baseline.

use std::collections::BTreeSet;

use crate::filter::for_group::{and_netns, filter_for_group, filter_for_peer};
use crate::model::aggregate::GroupKey;
use crate::model::baseline::key::{BaselineKey, Link};
use crate::model::baseline::{BaselineFigure, Difference, DifferenceKind};

/// Maximum number of links that are selected one by one: with more, their peers are.
const ONE_BY_ONE: usize = 8;
/// Maximum number of peers that a filter lists.
const PEERS: usize = 32;

/// Returns the filter that selects the sessions of a difference: the failed ones if it is about failures, those with
/// a figure if it is about that.
pub fn filter_for_difference(difference: &Difference) -> String {
    let sessions = match &difference.key {
        BaselineKey::Link(link) => filter_for_link(link),
        BaselineKey::Group(key) => filter_for_group(key),
        BaselineKey::Several(program) => filter_for_several(program, difference),
    };
    let condition = match difference.finding {
        // the client has no response time of those that only its server knows
        DifferenceKind::Worse(_) if difference.has_unread => None,
        DifferenceKind::Worse(figure) | DifferenceKind::Grown(figure) => condition(figure),
        DifferenceKind::Gone
        | DifferenceKind::Quiet
        | DifferenceKind::FewerOpen
        | DifferenceKind::NoneKept
        | DifferenceKind::FewerNew
        | DifferenceKind::New => None,
    };
    // the port is last: of a long filter the screen shows the beginning and the end
    let condition = condition.map_or_else(String::new, |c| format!("{c} and "));
    format!("{condition}{sessions}")
}

/// The sessions that have a figure; `None`: all of them.
fn condition(figure: BaselineFigure) -> Option<&'static str> {
    match figure {
        BaselineFigure::Failed => Some("failed"),
        BaselineFigure::Lossy => Some("retransmits > 0"),
        BaselineFigure::Connect => Some("connect > 0"),
        BaselineFigure::Rtt => Some("rtt > 0"),
        BaselineFigure::Response => Some("resp > 0"),
        BaselineFigure::OurResponse => Some("ourresp > 0"),
        BaselineFigure::Duration => Some("closed"),
        BaselineFigure::New | BaselineFigure::Bytes => None,
    }
}

fn filter_for_link(link: &Link) -> String {
    let program = filter_for_group(&GroupKey::Program(link.program));
    format!("{program} and {}", end_of(link))
}

/// Selects the peer's end of a link.
fn end_of(link: &Link) -> String {
    let peer = filter_for_peer(link.peer);
    let netns = link.local_in.map_or_else(String::new, and_netns);
    format!("{peer}{netns} and rport {}", link.port)
}

/// Selects the ports, peers and links of a program that a difference lists.
fn filter_for_several(program: &GroupKey, difference: &Difference) -> String {
    let mut links = Vec::new();
    let (mut peers, mut ports) = (BTreeSet::new(), BTreeSet::new());
    for key in &difference.also {
        match key {
            BaselineKey::Link(link) => links.push(link),
            BaselineKey::Group(GroupKey::Peer(peer)) => {
                peers.insert(*peer);
            }
            BaselineKey::Group(GroupKey::Port(port)) => {
                ports.insert(*port);
            }
            BaselineKey::Group(_) | BaselineKey::Several(_) => {}
        }
    }
    let own = filter_for_group(program);
    let is_server = difference.server == Some(*program);
    if is_server || links.is_empty() && peers.is_empty() {
        ports.extend(links.iter().map(|link| link.port));
        return format!("{own} and service {}", ranges(&ports));
    }
    let is_of_program = |link: &&Link| GroupKey::Program(link.program) == *program;
    if links.len() <= ONE_BY_ONE && links.iter().all(is_of_program) && !links.is_empty() {
        let ends: Vec<String> = links
            .into_iter()
            .map(|l| format!("({})", end_of(l)))
            .collect();
        return format!("{own} and ({})", ends.join(" or "));
    }
    let all: BTreeSet<u16> = links.iter().map(|link| link.port).collect();
    peers.extend(links.iter().map(|link| link.peer));
    let mut text = own;
    if peers.len() <= PEERS {
        let each: Vec<String> = peers.into_iter().map(filter_for_peer).collect();
        text += &format!(" and ({})", each.join(" or "));
    }
    if !all.is_empty() {
        text += &format!(" and rport {}", ranges(&all));
    }
    text
}

/// Ports as a list of values and ranges.
fn ranges(ports: &BTreeSet<u16>) -> String {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for port in ports {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*port) => *last = *port,
            _ => ranges.push((*port, *port)),
        }
    }
    let text = |(first, last): (u16, u16)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    ranges.into_iter().map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;
    use crate::model::session::{Direction, Reason, Session};
    use crate::testing::sample::closed_session as sample;

    fn session(
        comm: &str,
        direction: Direction,
        raddr: &str,
        port: u16,
        reason: Reason,
    ) -> Session {
        let (lport, rport) = match direction {
            Direction::In => (port, 50_000),
            _ => (50_000, port),
        };
        Session {
            comm: comm.into(),
            direction,
            raddr: raddr.parse().expect("an address"),
            lport,
            rport,
            reason,
            ..sample()
        }
    }

    fn sessions() -> Vec<Session> {
        let mut all = Vec::new();
        for comm in ["session-api", "redis"] {
            for direction in [Direction::In, Direction::Out] {
                for raddr in ["127.0.0.1", "10.0.0.9"] {
                    for port in [6379, 6380, 7000] {
                        for reason in [Reason::RemoteReset, Reason::LocalFin] {
                            all.push(session(comm, direction, raddr, port, reason));
                        }
                    }
                }
            }
        }
        all
    }

    fn link(session: &Session) -> BaselineKey {
        let [link, ..] = crate::model::baseline::key::keys(session);
        link.expect("it connected")
    }

    fn selected(difference: &Difference) -> Vec<Session> {
        let text = filter_for_difference(difference);
        let filter = Filter::parse(&text).unwrap_or_else(|e| panic!("{}", e.report()));
        sessions()
            .into_iter()
            .filter(|s| filter.matches(s))
            .collect()
    }

    #[test]
    fn filter_of_failures_of_a_link_matches_exactly_its_failed_sessions() {
        for one in sessions().iter().filter(|s| s.direction == Direction::Out) {
            let failing = DifferenceKind::Worse(BaselineFigure::Failed);
            let found = selected(&Difference::new(link(one), failing));
            let should = Session {
                reason: Reason::RemoteReset,
                ..one.clone()
            };
            assert_eq!(found, [should]);
            let found = selected(&Difference::new(link(one), DifferenceKind::New));
            assert_eq!(found.len(), 2, "{found:?}");
        }
    }

    #[test]
    fn filter_of_several_ports_and_links_matches_exactly_these() {
        let redis = GroupKey::Program("redis".into());
        let of = |also: Vec<BaselineKey>, server| Difference {
            also,
            server,
            ..Difference::new(BaselineKey::Several(redis), DifferenceKind::New)
        };
        let ports = [6379, 6380].map(|port| BaselineKey::Group(GroupKey::Port(port)));
        let difference = of(ports.to_vec(), Some(redis));
        assert_eq!(
            filter_for_difference(&difference),
            "comm redis and service 6379-6380"
        );
        let found = selected(&difference);
        assert!(
            found
                .iter()
                .all(|s| s.service_port() < 7000 && s.comm.as_str() == "redis")
        );
        assert_eq!(found.len(), 16);
        let out = |raddr, port| session("redis", Direction::Out, raddr, port, Reason::LocalFin);
        let links = [out("10.0.0.9", 7000), out("127.0.0.1", 6379)];
        let difference = of(links.iter().map(link).collect(), None);
        let found = selected(&difference);
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(links.iter().all(|link| found.contains(link)));
    }

    #[test]
    fn filter_of_answers_that_a_client_has_not_read_matches_its_sessions() {
        let unread = session("redis", Direction::Out, "127.0.0.1", 7000, Reason::LocalFin);
        let slower = DifferenceKind::Worse(BaselineFigure::Response);
        let found = |has_unread| {
            selected(&Difference {
                has_unread,
                ..Difference::new(link(&unread), slower)
            })
        };
        assert_eq!(found(true).len(), 2);
        assert_eq!(found(false).len(), 0, "none has a response time");
    }

    #[test]
    fn filter_of_every_figure_is_valid() {
        let key = BaselineKey::Group(GroupKey::UnknownOwner);
        for figure in BaselineFigure::ALL {
            selected(&Difference::new(key, DifferenceKind::Worse(figure)));
        }
    }
}
