//! Findings, provoked on real sockets: each is reported within ten seconds, with its evidence, and ends within a minute.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::{Deref, DerefMut};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::net::sockopt::{
    set_socket_keepalive, set_socket_linger, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl,
};
use serde_json::Value;

use crate::common::faults::{
    Configured, Faults, address, begin, broken_network, fill, listener_of, nft,
};
use crate::common::loopback::{Pair, V4, listen, port};
use crate::common::netns::Netns;
use crate::common::requirements::{kernel_or_skip, tool_or_skip};
use crate::common::running::{Running, json};

/// Time in which a finding is to be reported, with a snapshot that came late on a busy machine.
pub(crate) const REPORTED: Duration = Duration::from_secs(12);
/// Time in which it is to end.
const ENDS: Duration = Duration::from_secs(60);

/// Faults, and the findings that are expected of them.
#[derive(Default)]
pub(crate) struct ExpectedFaults {
    faults: Faults,
    /// Findings with their subjects.
    pub(crate) expected: Vec<(&'static str, String)>,
}

impl Deref for ExpectedFaults {
    type Target = Faults;

    fn deref(&self) -> &Faults {
        &self.faults
    }
}

impl DerefMut for ExpectedFaults {
    fn deref_mut(&mut self) -> &mut Faults {
        &mut self.faults
    }
}

impl ExpectedFaults {
    /// Expects a finding.
    pub(crate) fn expect(&mut self, finding: &'static str, subject: impl Into<String>) {
        self.expected.push((finding, subject.into()));
    }

    /// The expected ones of these findings: other tests have faults of the same kinds.
    pub(crate) fn among(&self, begun: Vec<Value>) -> Vec<Value> {
        let is_expected = |line: &Value| {
            let (finding, subject) = name_of(line);
            let mut expected = self.expected.iter();
            expected.any(|(f, s)| *f == finding && *s == subject)
        };
        begun.into_iter().filter(is_expected).collect()
    }
}

pub(crate) fn name_of(line: &Value) -> (String, String) {
    let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
    (text("finding"), text("subject"))
}

/// Reads findings that begin until all that are expected have begun.
pub(crate) fn await_all(
    tcplife: &mut Running,
    faults: &ExpectedFaults,
    within: Duration,
) -> Vec<Value> {
    let started = Instant::now();
    let mut begun: Vec<Value> = Vec::new();
    let is_among = |begun: &[Value], finding: &str, subject: &str| {
        begun
            .iter()
            .any(|line| name_of(line) == (finding.to_owned(), subject.to_owned()))
    };
    loop {
        let missing: Vec<_> = faults
            .expected
            .iter()
            .filter(|(finding, subject)| !is_among(&begun, finding, subject))
            .collect();
        if missing.is_empty() {
            return begun;
        }
        let told: Vec<_> = begun.iter().map(name_of).collect();
        assert!(
            started.elapsed() < within,
            "not found: {missing:?}; found: {told:?}"
        );
        for line in tcplife.lines_within(Duration::from_millis(500)) {
            let line = json(&line);
            if line["event"] == "finding_began" {
                begun.push(line);
            }
        }
    }
}

/// Reads until all of these findings have ended.
pub(crate) fn await_ends(tcplife: &mut Running, mut present: Vec<(&'static str, String)>) {
    let started = Instant::now();
    while !present.is_empty() {
        assert!(started.elapsed() < ENDS, "these stay: {present:?}");
        for line in tcplife.lines_within(Duration::from_millis(500)) {
            let line = json(&line);
            if line["event"] == "finding_ended" {
                let (finding, subject) = name_of(&line);
                present.retain(|(f, s)| *f != finding || *s != subject);
            }
        }
    }
}

/// The finding of that name among those that have begun.
pub(crate) fn found<'a>(begun: &'a [Value], finding: &str) -> &'a Value {
    let line = begun.iter().find(|line| line["finding"] == finding);
    line.unwrap_or_else(|| panic!("no {finding}"))
}

/// The name of this process as a subject.
pub(crate) fn us() -> String {
    let comm = std::fs::read_to_string("/proc/self/comm").expect("our name");
    format!("{} {}", comm.trim(), std::process::id())
}

#[test]
fn findings_on_loopback_are_reported_and_end() {
    if !kernel_or_skip() {
        return;
    }
    let configured = Configured::new();
    let probe = listen(V4);
    let flags = ["--findings", "--config", configured.path()];
    let mut tcplife = Running::json(&flags, &probe);
    let mut faults = ExpectedFaults::default();

    let gone = address(&listen(V4));
    faults.expect("refusing", gone.to_string());
    faults.every(Duration::from_millis(400), move || {
        drop(TcpStream::connect(gone))
    });

    let resetting = listen(V4);
    faults.expect("resetting", address(&resetting).to_string());
    faults.every(Duration::from_millis(400), move || {
        let Pair { mut client, server } = Pair::open(&resetting, V4);
        set_socket_linger(&server, Some(Duration::ZERO)).expect("SO_LINGER");
        drop(server);
        let _ = client.read(&mut [0]);
    });

    let leaking = listen(V4);
    faults.expect("close-wait-leak", us());
    let mut leaked = Vec::new();
    faults.every(Duration::from_millis(500), move || {
        leaked.push(Pair::open(&leaking, V4).server);
    });

    let hung = listen(V4);
    faults.expect("unread", us());
    let mut pair = Pair::open(&hung, V4);
    pair.exchange(1, 1);
    pair.client.write_all(b"question").expect("it is connected");

    let full = listen(V4);
    faults.expect("peer-window", us());
    let mut reader = Pair::open(&full, V4);
    reader.exchange(1, 1);
    fill(&mut reader.client);

    let half = listen(V4);
    faults.expect("fin-wait", us());
    let halves: Vec<Pair> = (0..6)
        .map(|_| {
            let mut pair = Pair::open(&half, V4);
            pair.exchange(1, 1);
            pair.client.shutdown(Shutdown::Write).expect("connected");
            pair
        })
        .collect();

    let orphaned = listen(V4);
    faults.expect("orphans", us());
    let readers: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut pair = Pair::open(&orphaned, V4);
            pair.exchange(1, 1);
            fill(&mut pair.client);
            pair.server
        })
        .collect();

    // a listener that accepts nothing, and one whose queue is full
    let idle = listener_of(50, V4);
    faults.expect("accept-queue-ageing", address(&idle).to_string());
    let waiting = TcpStream::connect(address(&idle)).expect("a connection");
    let small = listener_of(2, V4);
    faults.expect("accept-queue-full", address(&small).to_string());
    let to = address(&small);
    let crowd: Vec<OwnedFd> = (0..6).map(|_| begin(to)).collect();

    // a server that is restarted while clients wait
    let restarted = listener_of(50, V4);
    faults.expect("never-accepted", format!(":{}", port(&restarted)));
    let clients: Vec<OwnedFd> = (0..4).map(|_| begin(address(&restarted))).collect();
    std::thread::sleep(Duration::from_millis(100));
    drop(restarted);

    let begun = await_all(&mut tcplife, &faults, REPORTED * 2);
    let begun = faults.among(begun);
    let refused = found(&begun, "refusing");
    assert_eq!(refused["severity"], "fault");
    assert_eq!(refused["threshold"], "findings.refusing");
    let count = |line: &Value, key: &str| line["evidence"][key].as_u64().expect(key);
    assert!(count(refused, "refused") >= 3, "{refused}");
    assert_eq!(count(refused, "connects"), count(refused, "refused"));
    let netns = std::fs::metadata("/proc/self/ns/net").expect("/proc").ino();
    assert_eq!(refused["netns"], netns);
    let filter = format!(
        "reason refused and raddr 127.0.0.1 and netns {netns} and rport {}",
        gone.port()
    );
    assert_eq!(refused["filter"], filter.as_str());
    let queue = found(&begun, "accept-queue-full");
    assert_eq!(count(queue, "queue_limit"), 2, "{queue}");
    assert!(count(queue, "queue") >= 2, "{queue}");
    assert!(count(found(&begun, "unread"), "bytes") >= 8);
    // other tests of this process may leave some, too
    assert!(count(found(&begun, "orphans"), "sessions") >= 3);
    assert_eq!(
        found(&begun, "never-accepted")["evidence"]["never_accepted"],
        4
    );
    assert!(count(found(&begun, "close-wait-leak"), "sessions") >= 5);
    assert!(count(found(&begun, "fin-wait"), "sessions") >= 5);

    faults.stop();
    drop((
        pair, reader, halves, readers, waiting, idle, crowd, small, clients,
    ));
    // the kernel keeps for a minute what other tests of this process have closed halfway
    let mut expected = std::mem::take(&mut faults.expected);
    expected.retain(|(finding, _)| !matches!(*finding, "fin-wait" | "orphans"));
    await_ends(&mut tcplife, expected);
    // it found something
    assert_eq!(tcplife.interrupt().status.code(), Some(1));
}

#[test]
fn findings_of_a_broken_network_are_reported_and_end() {
    if !kernel_or_skip()
        || !tool_or_skip(&["ip", "link"])
        || !tool_or_skip(&["nft", "list", "tables"])
    {
        return;
    }
    let configured = Configured::new();
    let netns = broken_network(&[]);
    let probe = listen(V4);
    let flags = ["--findings", "--config", configured.path()];
    let mut tcplife = Running::json(&flags, &probe);
    // another one that captures only some of the sessions
    let only = format!("{},7005", port(&probe));
    let mut limited = Running::json(&[&flags[..], &["-L", &only]].concat(), &probe);
    let mut faults = ExpectedFaults::default();
    let addr = |text: &str| -> SocketAddr { text.parse().expect("an address") };

    // whoever has this address does not answer
    let silent = addr("10.1.0.5:7001");
    faults.expect("unanswered", silent.to_string());
    let unanswered: Vec<OwnedFd> = netns.run(move || (0..3).map(|_| begin(silent)).collect());

    // our own firewall
    let cut_off = addr("10.1.0.5:7002");
    nft(&netns, "add rule ip t out tcp dport 7002 drop");
    faults.expect("firewall", cut_off.to_string());
    let dropped: Vec<OwnedFd> = netns.run(move || (0..3).map(|_| begin(cut_off)).collect());

    // sessions that lose their way
    let bind_at = |netns: &Netns, at: &str| {
        let at = addr(at);
        netns.run(move || TcpListener::bind(at).expect("a port"))
    };
    let lost = bind_at(&netns, "10.0.0.9:7003");
    let (mut client, server) = {
        let to = address(&lost);
        netns.run(move || {
            let client = TcpStream::connect(to).expect("a connection");
            (client, lost.accept().expect("a connection").0)
        })
    };
    nft(
        &netns,
        "add rule ip t in tcp dport 7003 tcp flags & syn == 0 drop",
    );
    faults.expect("silent", "10.0.0.9:7003");
    client.write_all(b"question").expect("it is connected");

    // peers that are gone, found by keep-alive
    let asleep = bind_at(&netns, "10.0.0.9:7004");
    let idle: Vec<(TcpStream, TcpStream)> = netns.run(move || {
        let pair = |_| {
            let client = TcpStream::connect(address(&asleep)).expect("a connection");
            let server = asleep.accept().expect("a connection").0;
            (client, server)
        };
        (0..4).map(pair).collect()
    });
    nft(&netns, "add rule ip t in tcp dport 7004 drop");
    faults.expect("keepalive", "10.0.0.9:7004");
    for (client, _) in &idle {
        set_tcp_keepidle(client, Duration::from_secs(1)).expect("TCP_KEEPIDLE");
        set_tcp_keepintvl(client, Duration::from_secs(1)).expect("TCP_KEEPINTVL");
        set_tcp_keepcnt(client, 1).expect("TCP_KEEPCNT");
        set_socket_keepalive(client, true).expect("SO_KEEPALIVE");
    }

    // clients whose handshakes never complete
    let at = addr("10.0.0.9:7005");
    let flooded = netns.run(move || listener_of(8, at));
    nft(&netns, "add rule ip t in tcp sport 7005 drop");
    faults.expect("half-open", "10.0.0.9:7005");
    let flood: Vec<OwnedFd> = netns.run(move || {
        (0..20)
            .map(|_| begin("10.0.0.9:7005".parse().expect("an address")))
            .collect()
    });

    // no port is left
    netns.run(|| {
        let range = "/proc/sys/net/ipv4/ip_local_port_range";
        std::fs::write(range, "40000 40009").expect("a range");
    });
    let few = bind_at(&netns, "10.0.0.9:7006");
    faults.expect("no-port", "10.0.0.9:7006");
    let many: Vec<OwnedFd> = netns.run(move || (0..12).map(|_| begin(address(&few))).collect());

    let begun = await_all(&mut tcplife, &faults, REPORTED * 2);
    let mut of_port = ExpectedFaults::default();
    of_port.expect("half-open", "10.0.0.9:7005");
    let of_port = await_all(&mut limited, &of_port, REPORTED);
    drop(limited);
    let subject = |line: &Value| {
        line["subject"]
            .as_str()
            .is_some_and(|s| s.ends_with(":7005"))
    };
    assert!(of_port.iter().all(subject), "{of_port:?}");
    let ours = faults.among(begun.clone());
    let firewall = found(&ours, "firewall");
    let text = firewall["text"].as_str().expect("a sentence");
    assert!(text.contains("netfilter (OUTPUT)"), "{text}");
    let name = format!(" (network namespace {})", netns.id());
    assert!(text.ends_with(&name), "{text}");
    let told: Vec<_> = begun.iter().map(name_of).collect();
    let dropped_is_unanswered = ("unanswered".to_owned(), cut_off.to_string());
    assert!(!told.contains(&dropped_is_unanswered), "{told:?}");
    assert_eq!(found(&ours, "unanswered")["evidence"]["unanswered"], 3);
    assert_eq!(found(&ours, "no-port")["evidence"]["failed"], 2);

    drop((
        unanswered, dropped, client, server, idle, flooded, flood, many,
    ));
    drop(netns);
    await_ends(&mut tcplife, std::mem::take(&mut faults.expected));
    assert_eq!(tcplife.interrupt().status.code(), Some(1));
}

/// Time that an answer takes: short until the switch is set.
pub(crate) fn slow_once(is_slow: &Arc<AtomicBool>) -> impl Fn() -> Duration + Send + 'static {
    let is_slow = Arc::clone(is_slow);
    move || match is_slow.load(Ordering::Relaxed) {
        true => Duration::from_millis(400),
        false => Duration::from_millis(5),
    }
}

#[test]
fn slow_answers_are_reported_once_at_the_end_that_is_slow_and_end() {
    if !kernel_or_skip() {
        return;
    }
    let configured = Configured::new();
    let probe = listen(V4);
    let flags = ["--findings", "--config", configured.path()];
    let mut tcplife = Running::json(&flags, &probe);
    let server = listen(V4);
    let to = address(&server);
    let is_slow = Arc::new(AtomicBool::new(false));
    let mut faults = ExpectedFaults::default();
    faults.expect("slow-us", format!(":{}", to.port()));
    for _ in 0..2 {
        faults.ask(&server, slow_once(&is_slow), Duration::from_millis(50));
    }
    faults.keep(server);
    // what is usual is known after eight seconds with answers
    let early = tcplife.lines_within(Duration::from_secs(18));
    let is_ours = |line: &String| {
        let subject = name_of(&json(line)).1;
        faults.expected.contains(&("slow-us", subject))
    };
    assert!(!early.iter().any(is_ours), "{early:?}");
    is_slow.store(true, Ordering::Relaxed);
    let begun = await_all(&mut tcplife, &faults, REPORTED * 2);
    let line = found(&begun, "slow-us");
    let recent = line["evidence"]["resp_recent_us"].as_u64();
    assert!(recent.is_some_and(|us| us > 100_000), "{recent:?}");
    let program = line["program"].as_str().expect("its program");
    let text = line["text"].as_str().expect("a sentence");
    assert!(
        text.starts_with(&format!("{program} answers slowly on port {}", to.port())),
        "{text}"
    );
    // its clients see the same
    let more = tcplife.lines_within(Duration::from_secs(5));
    let all = begun.into_iter().chain(more.iter().map(|line| json(line)));
    let twice: Vec<Value> = all
        .filter(|line| line["subject"] == to.to_string())
        .collect();
    assert!(twice.is_empty(), "{twice:?}");
    is_slow.store(false, Ordering::Relaxed);
    await_ends(&mut tcplife, std::mem::take(&mut faults.expected));
    faults.stop();
    assert_eq!(tcplife.interrupt().status.code(), Some(1));
}

#[test]
fn service_that_is_slow_from_its_first_answer_is_reported_and_a_poll_is_not() {
    if !kernel_or_skip() {
        return;
    }
    let configured = Configured::new();
    let probe = listen(V4);
    let flags = ["--findings", "--config", configured.path()];
    let mut tcplife = Running::json(&flags, &probe);
    let mut faults = ExpectedFaults::default();
    let (slow, polled) = (listen(V4), listen(V4));
    faults.expect("always-slow-us", format!(":{}", port(&slow)));
    for _ in 0..4 {
        let answers = || Duration::from_millis(1200);
        faults.ask(&slow, answers, Duration::from_millis(150));
        // it asks again at once, and always waits for the time limit
        let limit = || Duration::from_millis(1500);
        faults.ask(&polled, limit, Duration::ZERO);
    }
    let begun = await_all(&mut tcplife, &faults, REPORTED * 2);
    let line = found(&begun, "always-slow-us");
    let text = line["text"].as_str().expect("a sentence");
    assert!(
        text.contains(" takes 1.2") && text.contains(&port(&slow).to_string()),
        "{text}"
    );
    let more = tcplife.lines_within(Duration::from_secs(5));
    let none = [
        address(&slow).to_string(),
        address(&polled).to_string(),
        format!(":{}", port(&polled)),
    ];
    let all = begun.into_iter().chain(more.iter().map(|line| json(line)));
    let twice_or_polls: Vec<Value> = all.filter(|line| none.contains(&name_of(line).1)).collect();
    assert!(twice_or_polls.is_empty(), "{twice_or_polls:?}");
    faults.stop();
    assert_eq!(tcplife.interrupt().status.code(), Some(1));
}

#[test]
fn findings_of_a_short_run_say_what_it_could_not_judge() {
    if !kernel_or_skip() {
        return;
    }
    let netns = Netns::new();
    let filter = format!("netns {}", netns.id());
    let flags = [
        "--findings",
        "-o",
        "json",
        "--duration",
        "3s",
        "-f",
        &filter,
    ];
    let ended = Running::start(&flags).wait_for(Duration::from_secs(30));
    assert_eq!(ended.status.code(), Some(0), "{}", ended.errors);
    assert!(ended.rest.is_empty(), "{:?}", ended.rest);
    let last = ended.errors.lines().last().unwrap_or_default();
    assert!(
        last.contains("not judged in ") && last.contains("close-wait-leak (needs 35s)"),
        "{last}"
    );
    assert!(last.ends_with("; `--duration 37s` judges all"), "{last}");
    // thresholds that need less waiting
    let configured = Configured::new();
    let quick = [
        "--config",
        configured.path(),
        "--findings",
        "--duration",
        "16s",
        "-f",
        &filter,
    ];
    let ended = Running::start(&quick).wait_for(Duration::from_secs(40));
    assert_eq!(ended.status.code(), Some(0), "{}", ended.errors);
    assert!(!ended.errors.contains("not judged"), "{}", ended.errors);
}

#[test]
fn healthy_traffic_has_no_finding() {
    if !kernel_or_skip() {
        return;
    }
    let configured = Configured::new();
    let stop = Arc::new(AtomicBool::new(false));
    // short sessions, a stream, questions and answers, and idle sessions, all in a namespace of their own
    let netns = Netns::new();
    let id = netns.id();
    let short = netns.run(|| listen(V4));
    let stream = netns.run(|| listen(V4));
    let idle = netns.run(|| listen(V4));
    let (to_short, to_stream, to_idle) = (address(&short), address(&stream), address(&idle));
    let kept = netns.run(move || {
        let pair = |_| (TcpStream::connect(to_idle), idle.accept());
        (0..10).map(pair).collect::<Vec<_>>()
    });
    let (mut sender, mut reader) = netns.run(move || {
        let sender = TcpStream::connect(to_stream).expect("a connection");
        (sender, stream.accept().expect("a connection").0)
    });
    let running = Arc::clone(&stop);
    let writes = std::thread::spawn(move || {
        while !running.load(Ordering::Relaxed) {
            sender.write_all(&[0; 65536]).expect("it is read");
        }
    });
    let reads = std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 20];
        while reader.read(&mut buffer).is_ok_and(|n| n > 0) {}
    });
    let serves = std::thread::spawn(move || {
        for client in short.incoming() {
            let mut client = client.expect("a connection");
            let mut question = [0; 64];
            match client.read(&mut question).expect("a question") {
                1 => break,
                _ => client.write_all(&[0; 2000]).expect("it is read"),
            }
        }
    });
    let running = Arc::clone(&stop);
    let churn = std::thread::spawn(move || {
        netns.run(move || {
            while !running.load(Ordering::Relaxed) {
                let mut client = TcpStream::connect(to_short).expect("a connection");
                client.write_all(&[0; 64]).expect("it is connected");
                let mut answer = Vec::new();
                client.read_to_end(&mut answer).expect("an answer");
            }
            let mut last = TcpStream::connect(to_short).expect("a connection");
            last.write_all(b"q").expect("it is connected");
        });
    });
    let filter = format!("netns {id}");
    let flags = [
        "--findings",
        "--config",
        configured.path(),
        "--duration",
        "15s",
        "-o",
        "json",
        "-f",
        &filter,
    ];
    let ended = Running::start(&flags).wait_for(Duration::from_secs(30));
    stop.store(true, Ordering::Relaxed);
    for thread in [writes, churn, reads, serves] {
        thread.join().expect("healthy traffic");
    }
    drop(kept);
    let others = ended
        .rest
        .iter()
        .filter(|line| json(line)["finding"] != "missed");
    assert_eq!(others.count(), 0, "{:?}", ended.rest);
    // sessions for which the kernel ran no program are a finding, too
    let is_missed = !ended.rest.is_empty();
    let is_found = ended.status.code() == Some(1);
    assert_eq!(is_found, is_missed, "{}", ended.errors);
}
