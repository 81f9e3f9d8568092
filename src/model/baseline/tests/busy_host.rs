//! Busy hosts: some dozen ports, several programs at both ends of local connections, and one that stops. The hosts look
//! random and are the same in every run.

use std::collections::HashSet;

use super::{Host, open, sample};
use crate::model::aggregate::GroupKey;
use crate::model::baseline::key::BaselineKey;
use crate::model::baseline::{BaselineFigure, Difference, DifferenceKind};
use crate::model::session::{Comm, Direction, Session};
use crate::testing::sample::Numbers;

fn program(name: &str) -> BaselineKey {
    BaselineKey::Group(GroupKey::Program(Comm::from(name)))
}

/// One connection, in ms since the start of the host.
#[derive(Clone)]
struct Connection {
    client: &'static str,
    /// The program that accepts it; without one it is on another host.
    server: Option<&'static str>,
    port: u16,
    from_ms: u64,
    to_ms: u64,
    cookie: u64,
}

impl Connection {
    /// Its sessions: two if it is within the host.
    fn sessions(&self) -> Vec<Session> {
        let ephemeral = 32_768 + (self.cookie % 28_000) as u16;
        let start_ns = self.from_ms * 1_000_000;
        let peer = match self.server {
            Some(_) => [127, 0, 0, 1],
            None => [10, 0, 0, 9],
        };
        let end = |comm: &str, direction, lport, rport, nth| Session {
            cookie: self.cookie << 1 | nth,
            comm: Comm::from(comm),
            direction,
            lport,
            rport,
            start_ns,
            established_ns: start_ns + 50_000,
            end_ns: self.to_ms * 1_000_000,
            laddr: peer.into(),
            raddr: peer.into(),
            ..sample()
        };
        let connected = end(self.client, Direction::Out, ephemeral, self.port, 0);
        let accepted = self
            .server
            .map(|name| end(name, Direction::In, self.port, ephemeral, 1));
        std::iter::once(connected).chain(accepted).collect()
    }

    fn has(&self, key: &BaselineKey) -> bool {
        match key {
            BaselineKey::Link(link) => {
                link.program.as_str() == self.client && link.port == self.port
            }
            BaselineKey::Group(GroupKey::Port(port)) => *port == self.port,
            BaselineKey::Group(key) | BaselineKey::Several(key) => match key {
                GroupKey::Program(comm) => {
                    comm.as_str() == self.client || Some(comm.as_str()) == self.server
                }
                key => {
                    let sessions = self.sessions();
                    sessions.iter().any(|s| GroupKey::Peer(s.remote()) == *key)
                }
            },
        }
    }
}

/// A host, and what happens to it.
struct Story {
    connections: Vec<Connection>,
    baseline_s: u64,
    stopped: &'static str,
    stop_s: u64,
    is_held: bool,
    /// How long the program ran.
    ran_s: u64,
}

const HELD: [&str; 3] = ["orders", "billing", "search"];
const SHORT: [&str; 2] = ["poller", "cron"];
const SERVERS: [&str; 3] = ["postgres", "redis-server", "nginx"];
/// Ports of each server.
const PORTS: u16 = 20;

impl Story {
    /// Every program has connections on all ports of one server. One stops after the baseline, and a new one opens 48
    /// ports.
    fn new(seed: u64) -> Self {
        let mut numbers = Numbers::from(seed);
        let mut below = |n: u64| numbers.below(n);
        let baseline_s = 20 + below(160);
        let stop_s = baseline_s + 1 + below(12);
        let end_s = stop_s + 300;
        let which = below(5) as usize;
        let is_held = which < HELD.len();
        let stopped = [&HELD[..], &SHORT[..]].concat()[which];
        let mut connections: Vec<Connection> = Vec::new();
        let mut ran_s = 0;
        for name in HELD.into_iter().chain(SHORT) {
            let server = below(4) as usize;
            let first_port = 5000 + 100 * server as u16;
            let server = SERVERS.get(server).copied();
            let lasts = name == stopped;
            let start_s = match HELD.contains(&name) {
                // perhaps only a moment before the baseline
                true => 2 + below(baseline_s - 2),
                false => 2 + below(baseline_s - 18),
            };
            let until_s = if lasts { stop_s } else { end_s };
            if lasts {
                ran_s = stop_s - start_s;
            }
            let mut connect = |port: u16, from_ms, to_ms| {
                connections.push(Connection {
                    client: name,
                    server,
                    port: first_port + port,
                    from_ms,
                    to_ms,
                    cookie: connections.len() as u64 + 1,
                });
            };
            if HELD.contains(&name) {
                for n in 0..2 * PORTS {
                    connect(n % PORTS, start_s * 1000 + below(400), until_s * 1000);
                }
            } else {
                for (n, from_ms) in (start_s * 1000..until_s * 1000).step_by(400).enumerate() {
                    connect(n as u16 % PORTS, from_ms, from_ms + 3 + below(20));
                }
            }
        }
        for port in 0..48 {
            connections.push(Connection {
                client: ["tester", "orders", "poller"][below(3) as usize],
                server: Some("nginx"),
                port: 40_000 + port,
                from_ms: baseline_s * 1000 + below(9000),
                to_ms: end_s * 1000,
                cookie: connections.len() as u64 + 1,
            });
        }
        connections.retain(|c| c.client != stopped || c.to_ms <= stop_s * 1000);
        Story {
            connections,
            baseline_s,
            stopped,
            stop_s,
            is_held,
            ran_s,
        }
    }

    /// Returns the differences at some times.
    fn differences(&self, at: &[u64]) -> Vec<Vec<Difference>> {
        let mut host = Host::new();
        let mut found = Vec::new();
        for now_s in 1..=*at.last().expect("a time") {
            let (mut now_open, mut now_closed) = (vec![], vec![]);
            for c in self.connections.iter().filter(|c| c.from_ms < now_s * 1000) {
                match c.to_ms {
                    to if to > now_s * 1000 => {
                        now_open.extend(c.sessions().into_iter().map(|s| open(s, now_s)));
                    }
                    to if to > (now_s - 1) * 1000 => now_closed.extend(c.sessions()),
                    _ => {}
                }
            }
            host.take_snapshot(now_s, now_open, now_closed);
            if now_s == self.baseline_s {
                host.set_baseline(now_s);
            }
            if at.contains(&now_s) {
                found.push(host.differences());
            }
        }
        found
    }
}

fn named(difference: &Difference) -> impl Iterator<Item = &BaselineKey> {
    std::iter::once(&difference.key).chain(&difference.also)
}

fn lines(differences: &[Difference]) -> String {
    let line = |d: &Difference| {
        let also: Vec<String> = d.also.iter().map(ToString::to_string).collect();
        format!(
            "{:?} {} ({}) {:?}\n",
            d.finding,
            d.key,
            also.join(", "),
            d.with
        )
    };
    differences.iter().map(line).collect()
}

#[test]
fn baseline_of_a_busy_host_names_the_program_that_stopped_once() {
    for seed in 0..20 {
        let story = Story::new(seed);
        let wait_s = match story.is_held {
            true => 31,
            false => 2 * story.ran_s.max(30) + 25,
        };
        let quiet_s = (story.stop_s + 5).max(story.baseline_s + 10);
        let found = story.differences(&[quiet_s, quiet_s + wait_s]);
        let stopped = program(story.stopped);
        let silent = |found: &[Difference]| -> Vec<DifferenceKind> {
            let all = found.iter().filter(|d| d.finding.is_silent());
            all.filter(|d| named(d).any(|k| *k == stopped))
                .map(|d| d.finding)
                .collect()
        };
        let text = || {
            format!(
                "{seed}: {}\n{}\n{}",
                story.stopped,
                lines(&found[0]),
                lines(&found[1])
            )
        };
        if story.is_held && story.ran_s > 10 {
            assert_eq!(silent(&found[0]).len(), 1, "{}", text());
            assert_eq!(silent(&found[1]), [DifferenceKind::Gone], "{}", text());
        } else if !story.is_held {
            assert_eq!(silent(&found[1]), [DifferenceKind::Gone], "{}", text());
        }
        // nothing is gone that still has connections
        for difference in found[1].iter().filter(|d| d.finding.is_silent()) {
            for key in named(difference) {
                let mut left = story.connections.iter().filter(|c| c.has(key));
                let is_left = left.any(|c| c.to_ms > story.stop_s * 1000);
                assert!(!is_left, "{key}: {}", text());
            }
            // and each port is in the line of a program
            let is_port = |k: &BaselineKey| matches!(k, BaselineKey::Group(GroupKey::Port(_)));
            assert!(!named(difference).all(is_port), "{}", text());
        }
    }
}

#[test]
fn baseline_of_a_busy_host_has_lines_of_related_owners_only() {
    for seed in 0..20 {
        let story = Story::new(seed);
        let now_s = story.stop_s + 31;
        for difference in story.differences(&[now_s]).concat() {
            let key = difference.key;
            let of_key: Vec<&Connection> =
                story.connections.iter().filter(|c| c.has(&key)).collect();
            let programs = difference.also.iter().filter(|k| k.is_program());
            for program in programs {
                let is_related = of_key.iter().any(|c| c.has(program));
                assert!(is_related, "{seed}: {program} in the line of {key}");
            }
            let unique: HashSet<&BaselineKey> = named(&difference).collect();
            assert_eq!(unique.len(), 1 + difference.also.len(), "{seed}: {key}");
        }
    }
}

#[test]
fn baseline_new_ports_of_a_busy_host_are_one_line() {
    for seed in 0..20 {
        let story = Story::new(seed);
        let found = story.differences(&[story.stop_s + 31]).concat();
        let is_new = |d: &&Difference| d.finding == DifferenceKind::New;
        let of_ports = found.iter().filter(is_new).filter(|d| {
            let new = |k: &BaselineKey| matches!(k, BaselineKey::Group(GroupKey::Port(40_000..)));
            named(d).any(new)
        });
        let of_ports: Vec<_> = of_ports.collect();
        // those that the new program alone uses are in its line
        assert!(of_ports.len() <= 2, "{seed}: {}", lines(&found));
        let nginx = GroupKey::Program(Comm::from("nginx"));
        // it may be new, too
        let nginx = [BaselineKey::Several(nginx), BaselineKey::Group(nginx)];
        assert!(
            of_ports.iter().any(|d| nginx.contains(&d.key)),
            "{seed}: {}",
            lines(&found)
        );
    }
}

#[test]
fn baseline_durations_of_sessions_that_were_open_do_not_count() {
    let mut story = Story::new(1);
    story.connections.retain(|c| HELD.contains(&c.client));
    story.connections.iter_mut().for_each(|c| c.from_ms = 2000);
    // closed ones of the same server, short before and since
    let server = story.connections[0].clone();
    for from_ms in (3000..(story.baseline_s + 40) * 1000).step_by(250) {
        story.connections.push(Connection {
            client: "poller",
            from_ms,
            to_ms: from_ms + 5,
            cookie: story.connections.len() as u64 + 1,
            ..server.clone()
        });
    }
    let stop_ms = (story.baseline_s + 3) * 1000;
    let held = |c: &&mut Connection| c.client == server.client;
    story
        .connections
        .iter_mut()
        .filter(held)
        .for_each(|c| c.to_ms = stop_ms);
    let found = story.differences(&[story.baseline_s + 35]).concat();
    let longer = DifferenceKind::Grown(BaselineFigure::Duration);
    assert!(
        found.iter().all(|d| d.finding != longer),
        "{}",
        lines(&found)
    );
}

#[test]
fn baseline_with_more_ports_than_it_keeps_names_the_program_that_stopped() {
    let mut story = Story::new(1);
    story.connections.clear();
    let (baseline_ms, stop_ms) = (story.baseline_s * 1000, story.stop_s * 1000);
    let orders =
        (0..2 * PORTS).map(|n| ("orders", Some("postgres"), 5000 + n % PORTS, 2000, stop_ms));
    let short = |n: u16| {
        let from_ms = 3000 + u64::from(n) % (baseline_ms - 4000);
        ("scanner", None, 10_000 + n, from_ms, from_ms + 5)
    };
    for (client, server, port, from_ms, to_ms) in orders.chain((0..9000).map(short)) {
        story.connections.push(Connection {
            client,
            server,
            port,
            from_ms,
            to_ms,
            cookie: story.connections.len() as u64 + 1,
        });
    }
    let found = story.differences(&[story.stop_s + 31]).concat();
    let stopped = program("orders");
    let named: Vec<_> = found
        .iter()
        .filter(|d| named(d).any(|k| *k == stopped))
        .collect();
    let lines = lines(&found);
    let [line] = named.as_slice() else {
        panic!("{lines}");
    };
    assert_eq!(line.finding, DifferenceKind::Gone, "{lines}");
    let ports = line
        .also
        .iter()
        .filter(|k| matches!(k, BaselineKey::Group(GroupKey::Port(_))));
    assert_eq!(ports.count(), usize::from(PORTS), "{lines}");
}
