//! The findings of docs/diagnosis.md, provoked, and the keys given there, which lead to the proof of each.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{
    set_socket_keepalive, set_socket_linger, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl,
};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, setrlimit};
use tcplife::testing::model::{FINDINGS, Proof};

use crate::common::faults::{
    Configured, Faults, address, begin, broken_network, fill, listener_of, nft,
};
use crate::common::loopback::{Pair, V4, listen, port, session};
use crate::common::netns::Netns;
use crate::common::pty;
use crate::common::requirements::{kernel_or_skip, tool_or_skip};
use crate::exit::is_stopped;
use crate::harness::{Seen, brisk};

/// Time in which a finding is to be on the screen, on a busy machine.
const REPORTED: Duration = Duration::from_secs(30);
/// Time after which the slow server becomes slow: usual response times take eight seconds.
const USUAL: Duration = Duration::from_secs(12);

/// Findings that are proven here, by the test that does it.
const ON_LOOPBACK: &[&str] = &[
    "refusing",
    "resetting",
    "close-wait-leak",
    "unread",
    "peer-window",
    "fin-wait",
    "orphans",
    "accept-queue-ageing",
    "accept-queue-full",
    "never-accepted",
    "slow-us",
    "always-slow-us",
];
/// Findings of the other end of what is slow on loopback, which are found if that end alone is captured.
const AT_ONE_END: &[&str] = &["slow-peer", "always-slow-peer"];
const IN_A_NAMESPACE: &[&str] = &[
    "keepalive",
    "no-port",
    "ports-low",
    "unanswered",
    "unreachable",
    "firewall",
    "silent",
    "half-open",
    "retransmitting",
    "churn",
    "descriptors",
];
const WITH_A_SMALL_RING: &[&str] = &["missed"];
/// Findings that need a long way with a queue, which no test of the dashboard has.
const NOT_PROVEN: &[&str] = &["send-buffer", "bufferbloat"];

/// A finding that was provoked.
struct Provoked {
    name: &'static str,
    /// A part of its sentence that no other finding has.
    sentence: String,
    /// A port, address or pid in the lines that prove it.
    proof: String,
}

impl Seen {
    /// Goes to the finding, presses the keys of its row, and waits for the expected texts.
    fn prove(&mut self, provoked: &Provoked) {
        let Provoked {
            name,
            sentence,
            proof,
        } = provoked;
        let rule = FINDINGS.iter().find(|rule| rule.name == *name);
        let rule = rule.unwrap_or_else(|| panic!("no finding {name}"));
        self.press("!");
        self.wait_for("the list", |s| s.shows("FINDING"));
        self.press(&format!("/{sentence}\r"));
        self.wait_within(REPORTED, name, |s| {
            s.shows(&format!("{name}: ")) && s.shows("1 of")
        });
        self.press("\r");
        let shows = rule.proof.shows();
        let sorted = rule.proof.sorted_by();
        let sorted = sorted.map(|title| format!("{title}▼"));
        self.wait_for(name, |s| {
            let lines = s.lines();
            let heading = match rule.proof {
                Proof::Sessions { .. } => s.heading(),
                _ => lines.iter().position(|line| line.contains(&shows)),
            };
            // a line below it, and above the panes, has the port, address or pid
            let below = lines.iter().skip(heading.map_or(lines.len(), |at| at + 1));
            let mut list = below.take_while(|line| !line.starts_with("PROCESS ("));
            s.shows(&shows)
                && sorted.iter().all(|text| s.shows(text))
                && list.any(|line| line.contains(proof.as_str()))
        });
        for step in rule.further {
            self.press(match step.press {
                "Enter" => "\r",
                key => key,
            });
            self.wait_for(&format!("{} of {name}", step.shows), |s| {
                s.shows(step.shows)
            });
        }
    }
}

/// This program, started again as one with faults: findings name its pid, and other tests have no part in it.
struct Culprit {
    child: Child,
    /// It exits when this is closed.
    stdin: Option<ChildStdin>,
    provoked: Vec<Provoked>,
}

const CULPRIT: &str = "TCPLIFE_TEST_CULPRIT";

/// Not a test: the program with faults. It names them on stderr, and keeps them until stdin is closed.
#[test]
fn entry_point() {
    let mut faults = Faults::default();
    let provoked = match std::env::var(CULPRIT).as_deref() {
        Ok("loopback") => fail_on_loopback(&mut faults),
        Ok("slow") => answer_slowly(&mut faults).into(),
        Ok("descriptors") => use_up_descriptors(&mut faults),
        _ => return,
    };
    for Provoked {
        name,
        sentence,
        proof,
    } in provoked
    {
        eprintln!("{name}\t{sentence}\t{proof}");
    }
    eprintln!("ready");
    let _ = std::io::stdin().read(&mut [0]);
    std::process::exit(0);
}

impl Culprit {
    fn start(role: &str) -> Culprit {
        let mut child = Command::new(std::env::current_exe().expect("a program"))
            .args(["--exact", "diagnosis::entry_point", "--nocapture"])
            .env(CULPRIT, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut lines = stderr.lines().map(|line| line.expect("text"));
        let mut provoked = Vec::new();
        for line in lines.by_ref().take_while(|line| line != "ready") {
            let mut words = line.split('\t');
            let mut word = || words.next().unwrap_or_else(|| panic!("{line}")).to_owned();
            let name = word();
            provoked.push(Provoked {
                name: ON_LOOPBACK
                    .iter()
                    .chain(AT_ONE_END)
                    .chain(IN_A_NAMESPACE)
                    .find(|known| **known == name)
                    .unwrap_or_else(|| panic!("{line}")),
                sentence: word(),
                proof: word(),
            });
        }
        Culprit {
            stdin: child.stdin.take(),
            child,
            provoked,
        }
    }
}

impl Drop for Culprit {
    fn drop(&mut self) {
        self.stdin = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The names of the findings, in the order in which they are proven.
fn names(provoked: &[Provoked]) -> Vec<&'static str> {
    provoked.iter().map(|p| p.name).collect()
}

#[test]
fn every_finding_is_proven_or_known_not_to_be() {
    let lists = [
        ON_LOOPBACK,
        AT_ONE_END,
        IN_A_NAMESPACE,
        WITH_A_SMALL_RING,
        NOT_PROVEN,
    ];
    for rule in FINDINGS {
        let listed = lists.iter().filter(|list| list.contains(&rule.name));
        assert_eq!(listed.count(), 1, "{}", rule.name);
    }
}

/// Faults of one process on loopback.
fn fail_on_loopback(faults: &mut Faults) -> Vec<Provoked> {
    let pid = std::process::id();
    let mut provoked = Vec::new();
    let mut by_us = |name, does: &str| {
        let sentence = format!("{pid} {does}");
        provoked.push(Provoked {
            name,
            sentence,
            proof: pid.to_string(),
        });
    };
    let leaking = listen(V4);
    let mut leaked = Vec::new();
    faults.every(Duration::from_millis(500), move || {
        leaked.push(Pair::open(&leaking, V4).server);
    });
    let hung = listen(V4);
    let mut asking = Pair::open(&hung, V4);
    asking.exchange(1, 1);
    asking.client.write_all(b"question").expect("connected");
    let mut full = Pair::open(&hung, V4);
    full.exchange(1, 1);
    fill(&mut full.client);
    let halves: Vec<Pair> = (0..6)
        .map(|_| {
            let mut pair = Pair::open(&hung, V4);
            pair.exchange(1, 1);
            pair.client.shutdown(Shutdown::Write).expect("connected");
            pair
        })
        .collect();
    let readers: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut pair = Pair::open(&hung, V4);
            pair.exchange(1, 1);
            fill(&mut pair.client);
            pair.server
        })
        .collect();
    faults.keep((asking, full, halves, readers));
    by_us("unread", "has read nothing for");
    by_us("orphans", "closed");
    by_us("fin-wait", "waits for peers to close");
    by_us("peer-window", "have read nothing for");
    by_us("close-wait-leak", "leaks");

    let mut at = |name, to: SocketAddr, sentence: String| {
        provoked.push(Provoked {
            name,
            sentence,
            proof: to.port().to_string(),
        });
    };
    let gone = address(&listen(V4));
    at("refusing", gone, format!("{gone} refuses"));
    faults.every(Duration::from_millis(400), move || {
        drop(TcpStream::connect(gone));
    });
    let resetting = listen(V4);
    let to = address(&resetting);
    at("resetting", to, format!("{to} resets"));
    faults.every(Duration::from_millis(400), move || {
        let Pair { mut client, server } = Pair::open(&resetting, V4);
        set_socket_linger(&server, Some(Duration::ZERO)).expect("SO_LINGER");
        drop(server);
        let _ = client.read(&mut [0]);
    });
    let idle = listener_of(50, V4);
    let to = address(&idle);
    at(
        "accept-queue-ageing",
        to,
        format!("{to} has accepted nothing"),
    );
    let small = listener_of(2, V4);
    let to = address(&small);
    at("accept-queue-full", to, format!("{to} is full"));
    let crowd: Vec<_> = (0..6).map(|_| begin(to)).collect();
    let waiting = TcpStream::connect(address(&idle)).expect("a connection");
    faults.keep((idle, small, crowd, waiting));
    // a server that is restarted while clients wait
    let restarted = listener_of(50, V4);
    let to = address(&restarted);
    at(
        "never-accepted",
        to,
        format!("of port {} were never", to.port()),
    );
    let clients: Vec<_> = (0..4).map(|_| TcpStream::connect(to)).collect();
    drop(restarted);
    drop(clients);
    let [slow, always] = answer_slowly(faults);
    provoked.push(Provoked {
        name: "slow-us",
        sentence: format!("slowly on port {}:", slow.proof),
        proof: slow.proof,
    });
    provoked.push(Provoked {
        name: "always-slow-us",
        sentence: format!("to answer on port {}", always.proof),
        proof: always.proof,
    });
    provoked
}

/// A server that answers at once and becomes slow, and one that takes more than a second for each answer: what their
/// clients see.
fn answer_slowly(faults: &mut Faults) -> [Provoked; 2] {
    let started = Instant::now();
    let slow = serve(faults, move || match started.elapsed() > USUAL {
        true => Duration::from_millis(400),
        false => Duration::from_millis(5),
    });
    let always = serve(faults, || Duration::from_millis(1200));
    let [name, always_name] = [AT_ONE_END[0], AT_ONE_END[1]];
    [
        Provoked {
            name,
            sentence: format!("{slow} answers slowly"),
            proof: slow.port().to_string(),
        },
        Provoked {
            name: always_name,
            sentence: format!("{always} takes"),
            proof: always.port().to_string(),
        },
    ]
}

/// A server whose answers take this long, and two clients. Returns its address.
fn serve(faults: &mut Faults, takes: impl Fn() -> Duration + Clone + Send + 'static) -> SocketAddr {
    let server = listen(V4);
    let to = address(&server);
    for _ in 0..2 {
        // a client that asks again sooner waits for events
        faults.ask(&server, takes.clone(), Duration::from_millis(80));
    }
    faults.keep(server);
    to
}

#[test]
fn keys_lead_to_the_proof_of_findings_on_loopback() {
    if !kernel_or_skip() {
        return;
    }
    let configured = Configured::new();
    let path = configured.path();
    let mut seen = Seen::sized(pty::command(&brisk(&["--config", path])), 40, 220);
    seen.wait_for("the dashboard", |s| s.shows("open "));
    let mut culprit = Culprit::start("loopback");
    let order = |p: &Provoked| ON_LOOPBACK.iter().position(|name| *name == p.name);
    culprit.provoked.sort_by_key(order);
    assert_eq!(names(&culprit.provoked), ON_LOOPBACK);
    for provoked in &culprit.provoked {
        seen.prove(provoked);
    }
    seen.press("\x03");
    seen.ends("^C", 0);
}

#[test]
fn keys_lead_to_the_proof_of_a_slow_destination() {
    if !kernel_or_skip() {
        return;
    }
    let configured = Configured::new();
    let path = configured.path();
    let culprit = Culprit::start("slow");
    let ports: Vec<&str> = culprit.provoked.iter().map(|p| p.proof.as_str()).collect();
    let ports = ports.join(",");
    let flags = brisk(&["--config", path, "-D", &ports]);
    let mut seen = Seen::sized(pty::command(&flags), 40, 220);
    seen.wait_for("the dashboard", |s| s.shows("open "));
    assert_eq!(names(&culprit.provoked), AT_ONE_END);
    for provoked in &culprit.provoked {
        seen.prove(provoked);
    }
    seen.press("\x03");
    seen.ends("^C", 0);
}

/// A process with sessions for nearly all of its descriptors.
fn use_up_descriptors(faults: &mut Faults) -> Vec<Provoked> {
    let pid = std::process::id();
    let limit = Rlimit {
        current: Some(310),
        maximum: Some(310),
    };
    setrlimit(Resource::Nofile, limit).expect("a lower limit");
    let listener = listen(V4);
    let pairs: Vec<Pair> = (0..144).map(|_| Pair::open(&listener, V4)).collect();
    faults.keep(pairs);
    vec![Provoked {
        name: "descriptors",
        sentence: format!("{pid} is near its limit"),
        proof: pid.to_string(),
    }]
}

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// A session within a namespace.
fn pair_at(netns: &Netns, listener: TcpListener) -> Pair {
    netns.run(move || {
        let client = TcpStream::connect(address(&listener)).expect("a connection");
        let server = listener.accept().expect("a connection").0;
        Pair { client, server }
    })
}

/// Faults of a network.
fn fail_in(netns: &Arc<Netns>, faults: &mut Faults) -> Vec<Provoked> {
    let mut provoked = Vec::new();
    let mut at = |name, to: &str, sentence: &str| {
        provoked.push(Provoked {
            name,
            sentence: sentence.replace("{}", to),
            proof: addr(to).port().to_string(),
        });
    };
    let bind_at = |at: &str| {
        let at = addr(at);
        netns.run(move || TcpListener::bind(at).expect("a port"))
    };

    // peers that are gone, found by keep-alive
    at("keepalive", "10.0.0.9:7004", "{} is gone");
    let asleep = bind_at("10.0.0.9:7004");
    let idle: Vec<Pair> = (0..4)
        .map(|_| pair_at(netns, asleep.try_clone().expect("a copy")))
        .collect();
    nft(netns, "add rule ip t in tcp dport 7004 drop");
    for Pair { client, .. } in &idle {
        set_tcp_keepidle(client, Duration::from_secs(1)).expect("TCP_KEEPIDLE");
        set_tcp_keepintvl(client, Duration::from_secs(1)).expect("TCP_KEEPINTVL");
        set_tcp_keepcnt(client, 1).expect("TCP_KEEPCNT");
        set_socket_keepalive(client, true).expect("SO_KEEPALIVE");
    }
    faults.keep((asleep, idle));

    // whoever has this address does not answer, and our own firewall
    at("unanswered", "10.1.0.5:7001", "{} does not answer");
    at("firewall", "10.1.0.5:7002", "cuts off {}");
    let begun: Vec<_> = netns.run(|| {
        let both = ["10.1.0.5:7001", "10.1.0.5:7002"].map(addr);
        both.into_iter().cycle().take(6).map(begin).collect()
    });
    faults.keep(begun);
    let inside = Arc::clone(netns);
    faults.every(Duration::from_secs(1), move || {
        let dropped = inside.run(|| begin(addr("10.1.0.5:7002")));
        std::thread::sleep(Duration::from_millis(100));
        drop(dropped);
    });
    at("unreachable", "10.0.0.9:7010", "{} cannot be reached");
    let inside = Arc::clone(netns);
    faults.every(Duration::from_millis(400), move || {
        let failed = inside.run(|| TcpStream::connect(addr("10.0.0.9:7010")).err());
        assert!(failed.is_some(), "it cannot be reached");
    });

    // sessions that lose their way
    at("silent", "10.0.0.9:7003", "{} has acknowledged nothing");
    let mut lost = pair_at(netns, bind_at("10.0.0.9:7003"));
    nft(
        netns,
        "add rule ip t in tcp dport 7003 tcp flags & syn == 0 drop",
    );
    lost.client.write_all(b"question").expect("it is connected");
    faults.keep(lost);

    // clients whose handshakes never complete
    at("half-open", "10.0.0.9:7005", "{} has");
    let flooded = netns.run(|| listener_of(8, addr("10.0.0.9:7005")));
    let flood: Vec<_> = netns.run(|| (0..20).map(|_| begin(addr("10.0.0.9:7005"))).collect());
    faults.keep((flooded, flood));

    // a way on which packets get lost
    let lossy = bind_at("10.0.0.9:7011");
    provoked.push(Provoked {
        name: "retransmitting",
        sentence: "send to 10.0.0.9".into(),
        proof: "7011".into(),
    });
    let Pair {
        mut client,
        mut server,
    } = pair_at(netns, lossy);
    server
        .set_read_timeout(Some(Duration::from_millis(500)))
        .expect("a timeout");
    client
        .set_write_timeout(Some(Duration::from_millis(500)))
        .expect("a timeout");
    faults.every(Duration::ZERO, move || {
        let _ = server.read(&mut [0; 65536]);
    });
    faults.every(Duration::from_millis(20), move || {
        let _ = client.write(&[0; 30_000]);
    });

    // sessions that are short, where connecting takes long
    provoked.push(Provoked {
        name: "churn",
        sentence: "% of their life connecting".into(),
        proof: "7012".into(),
    });
    let short = bind_at("10.0.0.9:7012");
    short.set_nonblocking(true).expect("a listener");
    faults.every(
        Duration::from_millis(10),
        move || {
            while short.accept().is_ok() {}
        },
    );
    for _ in 0..24 {
        let to = addr("10.0.0.9:7012");
        let socket = Arc::clone(netns);
        faults.every(Duration::from_millis(100), move || {
            // connected here, so that the others of the namespace need not wait
            let client = socket.run(move || begin(to));
            let mut writes = [rustix::event::PollFd::new(
                &client,
                rustix::event::PollFlags::OUT,
            )];
            let wait = rustix::event::Timespec {
                tv_sec: 2,
                tv_nsec: 0,
            };
            let _ = rustix::event::poll(&mut writes, Some(&wait));
        });
    }
    provoked
}

/// Takes all ports of a namespace that are left.
fn use_up_ports(netns: &Arc<Netns>, faults: &mut Faults) -> Vec<Provoked> {
    let to = addr("10.0.0.9:7006");
    let few = netns.run(move || TcpListener::bind(to).expect("a port"));
    let many: Vec<_> = netns.run(move || (0..12).map(|_| begin(to)).collect());
    faults.keep((few, many));
    let inside = Arc::clone(netns);
    faults.every(Duration::from_secs(1), move || {
        drop(inside.run(move || begin(to)));
    });
    [
        ("no-port", "free local port to connect to {}"),
        ("ports-low", "local ports towards {}"),
    ]
    .map(|(name, sentence)| Provoked {
        name,
        sentence: sentence.replace("{}", &to.to_string()),
        proof: to.port().to_string(),
    })
    .into()
}

#[test]
fn keys_lead_to_the_proof_of_findings_of_a_network() {
    if !kernel_or_skip()
        || !tool_or_skip(&["ip", "link"])
        || !tool_or_skip(&["nft", "list", "tables"])
    {
        return;
    }
    let configured = Configured::new();
    let path = configured.path().to_owned();
    let netns = Arc::new(broken_network(&[
        "add rule ip t out tcp dport 7002 drop",
        "add rule ip t in tcp dport 7010 reject with icmp type host-unreachable",
        "add rule ip t in tcp sport 7005 drop",
        // every tenth packet with data, and every other SYN
        "add rule ip t in tcp dport 7011 meta length > 1000 numgen inc mod 10 == 0 drop",
        "add rule ip t in tcp dport 7012 tcp flags & (syn | ack) == syn numgen inc mod 2 == 0 drop",
    ]));
    // its own range, so that the other faults leave the ports of the last one alone
    let few = Arc::new(Netns::new());
    few.ip("addr add 10.0.0.9/32 dev lo");
    few.run(|| {
        let range = "/proc/sys/net/ipv4/ip_local_port_range";
        std::fs::write(range, "40000 40009").expect("a range");
    });
    // it knows the range of the namespace that it runs in
    let mut seen =
        few.run(move || Seen::sized(pty::command(&brisk(&["--config", &path])), 40, 220));
    seen.wait_for("the dashboard", |s| s.shows("open "));
    let mut faults = Faults::default();
    let mut culprit = Culprit::start("descriptors");
    let mut provoked = fail_in(&netns, &mut faults);
    provoked.extend(use_up_ports(&few, &mut faults));
    provoked.append(&mut culprit.provoked);
    let order = |p: &Provoked| IN_A_NAMESPACE.iter().position(|name| *name == p.name);
    provoked.sort_by_key(order);
    assert_eq!(names(&provoked), IN_A_NAMESPACE);
    for provoked in &provoked {
        seen.prove(provoked);
    }
    seen.press("\x03");
    seen.ends("^C", 0);
    faults.stop();
}

#[test]
fn keys_lead_to_the_causes_of_missed_sessions() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let only = port(&listener).to_string();
    let flags = ["-L", &only, "--ring-size", "4096"];
    let mut seen = Seen::sized(pty::command(&brisk(&flags)), 40, 220);
    seen.wait_for("the dashboard", |s| s.shows("open "));
    let pid = seen.pty.child.0.process_id().expect("it runs");
    let pid = Pid::from_raw(pid as i32).expect("a pid");
    kill_process(pid, Signal::STOP).expect("it runs");
    seen.wait_for("stop", |_| is_stopped(pid));
    for _ in 0..60 {
        session(&listener, V4, 1, 1);
    }
    kill_process(pid, Signal::CONT).expect("it runs");
    // keys that arrive while it resumes are dropped
    seen.wait_for("the count of the header", |s| s.shows("  missed "));
    seen.prove(&Provoked {
        name: WITH_A_SMALL_RING[0],
        sentence: "missed in".into(),
        proof: String::new(),
    });
    seen.press("\x03");
    seen.ends("^C", 0);
}
