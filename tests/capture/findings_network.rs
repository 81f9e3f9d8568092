//! Findings that need a network or a limit of their own: links that lose, delay or reject packets, few ports, few
//! descriptors and a small ring buffer.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::net::sockopt::set_socket_send_buffer_size;
use serde_json::Value;
use tcplife::testing::model::FINDINGS;

use crate::bound_sockets::listen_for_flag;
use crate::common::faults::{Configured, Faults};
use crate::common::link::{self, ENDED, Quality};
use crate::common::loopback::Pair;
use crate::common::netns::Netns;
use crate::common::requirements::{kernel_or_skip, tool_or_skip};
use crate::common::running::{Running, json};
use crate::findings::{
    ExpectedFaults, REPORTED, await_all, await_ends, found, name_of, slow_once, us,
};
use crate::missed::overflow;
use crate::puppet::Puppet;

/// Two namespaces with a link between them.
struct Link {
    near: Netns,
    far: Netns,
    /// Third byte of the addresses.
    net: u8,
    cut: Arc<AtomicU32>,
    moves: Option<JoinHandle<()>>,
}

impl Link {
    fn new(net: u8, quality: Quality) -> Link {
        let (near, far) = (Netns::new(), Netns::new());
        let tuns = [(&near, 1), (&far, 2)].map(|(netns, host)| {
            let tun = netns.run(|| link::tun("tl0"));
            netns.ip(&format!("addr add 10.77.{net}.{host}/24 dev tl0"));
            netns.ip("link set tl0 txqlen 5000 up");
            tun
        });
        let cut = Arc::new(AtomicU32::new(0));
        let bits = Arc::clone(&cut);
        let moves = std::thread::spawn(move || link::run(&tuns[0], &tuns[1], quality, &bits));
        Link {
            near,
            far,
            net,
            cut,
            moves: Some(moves),
        }
    }

    /// A port on the far side.
    fn there(&self, port: u16) -> SocketAddr {
        SocketAddr::from(([10, 77, self.net, 2], port))
    }

    /// A server on the far side, as long as the faults last: it runs this for each client, in a thread of its own.
    fn serve(&self, faults: &mut Faults, port: u16, serve: fn(TcpStream)) {
        let at = self.there(port);
        let listener = self.far.run(move || TcpListener::bind(at).expect("a port"));
        listener.set_nonblocking(true).expect("FIONBIO");
        faults.every(Duration::from_millis(1), move || {
            while let Ok((client, _)) = listener.accept() {
                std::thread::spawn(move || serve(client));
            }
        });
    }

    /// Connects from the near side.
    fn connect(&self, port: u16) -> io::Result<TcpStream> {
        let to = self.there(port);
        self.near.run(move || TcpStream::connect(to))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.cut.fetch_or(ENDED, Ordering::SeqCst);
        if let Some(moves) = self.moves.take() {
            let _ = moves.join();
        }
    }
}

/// Reads until the client closes.
fn read_all(mut client: TcpStream) {
    let mut buffer = vec![0; 1 << 16];
    while client.read(&mut buffer).is_ok_and(|n| n > 0) {}
}

/// Answers, and closes.
fn answer(mut client: TcpStream) {
    let _ = client.write_all(b"answer");
}

/// Writes as much as the stream takes, so many bytes at a time, as long as the faults last.
fn stream(faults: &mut Faults, mut to: TcpStream, bytes: usize) {
    let timeout = Some(Duration::from_millis(200));
    to.set_write_timeout(timeout).expect("SO_SNDTIMEO");
    let data = vec![0; bytes];
    faults.every(Duration::ZERO, move || drop(to.write(&data)));
}

fn count(line: &Value, key: &str) -> u64 {
    line["evidence"][key].as_u64().expect(key)
}

fn real(line: &Value, key: &str) -> f64 {
    line["evidence"][key].as_f64().expect(key)
}

#[test]
fn findings_of_bad_links_and_low_limits_are_reported_and_end() {
    let has_links =
        || tool_or_skip(&["ip", "link"]) && tool_or_skip(&["test", "-c", "/dev/net/tun"]);
    if !kernel_or_skip() || !has_links() {
        return;
    }
    // beside the others: its end takes longest
    let missed = std::thread::spawn(sessions_missed_are_reported_and_end);
    let configured = Configured::new();
    // tcplife is in the namespace with few ports: it knows the range of its own alone
    let few = Netns::new();
    let (probe, port_of_few) = few.run(|| {
        let at = |port| TcpListener::bind(("127.0.0.1", port)).expect("a port");
        let both = (at(7100), at(7101));
        let range = "/proc/sys/net/ipv4/ip_local_port_range";
        std::fs::write(range, "40000 40011").expect("a range");
        both
    });
    let config = configured.path().to_owned();
    let mut tcplife = few.run(move || Running::json(&["--findings", "--config", &config], &probe));
    let mut faults = ExpectedFaults::default();

    let rejecting = Link::new(
        0,
        Quality {
            unreachable: Some([1, 3]),
            ..Quality::default()
        },
    );
    let nowhere = rejecting.there(7000);
    faults.expect("unreachable", nowhere.to_string());
    let near = Arc::new(rejecting);
    faults.every(Duration::from_millis(400), move || {
        near.near.run(move || drop(TcpStream::connect(nowhere)));
    });

    let lossy = Link::new(
        1,
        Quality {
            delay: Duration::from_millis(2),
            rate: Some(300_000),
            lose_every: Some(8),
            ..Quality::default()
        },
    );
    lossy.serve(&mut faults, 7001, read_all);
    faults.expect("retransmitting", "10.77.1.2");
    stream(
        &mut faults,
        lossy.connect(7001).expect("a connection"),
        16_384,
    );

    let slow = Link::new(
        2,
        Quality {
            delay: Duration::from_millis(5),
            rate: Some(500_000),
            ..Quality::default()
        },
    );
    slow.serve(&mut faults, 7002, read_all);
    faults.expect("bufferbloat", "10.77.2.1");
    // while the queue is empty: so they know how long a round trip takes at best
    let many = [(); 6].map(|()| slow.connect(7002).expect("a connection"));
    for one in many {
        stream(&mut faults, one, 16_384);
    }

    let distant = Link::new(
        3,
        Quality {
            delay: Duration::from_millis(30),
            ..Quality::default()
        },
    );
    distant.serve(&mut faults, 7003, read_all);
    faults.expect("send-buffer", us());
    let short = distant.connect(7003).expect("a connection");
    set_socket_send_buffer_size(&short, 65_536).expect("SO_SNDBUF");
    stream(&mut faults, short, 65_536);

    let remote = Link::new(
        4,
        Quality {
            delay: Duration::from_millis(10),
            ..Quality::default()
        },
    );
    remote.serve(&mut faults, 7004, answer);
    faults.expect("churn", remote.there(7004).to_string());
    faults.every(Duration::ZERO, move || {
        // the server may end first
        let client = remote.connect(7004);
        let _ = client.and_then(|mut client| client.read_to_end(&mut Vec::new()));
    });

    let to = port_of_few.local_addr().expect("it is bound");
    faults.expect("ports-low", to.to_string());
    let connected: Vec<TcpStream> = few.run(move || {
        (0..11)
            .map(|_| TcpStream::connect(to).expect("a connection"))
            .collect()
    });

    let mut crowded = Puppet::start();
    crowded.order("limit 300");
    crowded.order("crowd 140");
    let comm = std::fs::read_to_string(format!("/proc/{}/comm", crowded.pid()));
    let comm = comm.expect("its name");
    faults.expect("descriptors", format!("{} {}", comm.trim(), crowded.pid()));

    let begun = await_all(&mut tcplife, &faults, REPORTED * 2);
    let begun = faults.among(begun);
    let unreachable = found(&begun, "unreachable");
    assert_eq!(unreachable["severity"], "fault");
    assert!(count(unreachable, "unreachable") >= 3, "{unreachable}");
    assert_eq!(
        count(unreachable, "connects"),
        count(unreachable, "unreachable")
    );
    let lossy_peer = found(&begun, "retransmitting");
    assert!(count(lossy_peer, "retransmits") >= 10, "{lossy_peer}");
    let share = real(lossy_peer, "share_percent");
    assert!((5.0..50.0).contains(&share), "one in eight: {lossy_peer}");
    let delayed = found(&begun, "bufferbloat");
    assert!(count(delayed, "sessions") >= 5, "{delayed}");
    assert!(count(delayed, "longest_rtt_us") >= 60_000, "{delayed}");
    let limited = found(&begun, "send-buffer");
    assert!(count(limited, "limited_percent") >= 50, "{limited}");
    let churn = found(&begun, "churn");
    assert!(real(churn, "sessions_per_s") >= 10.0, "{churn}");
    assert!(count(churn, "connect_mean_us") >= 20_000, "{churn}");
    let low = found(&begun, "ports-low");
    let ports = ["open", "time_wait", "free"].map(|key| count(low, key));
    assert_eq!(ports, [11, 0, 1], "{low}");
    let text = low["text"].as_str().expect("a sentence");
    assert!(!text.contains("namespace"), "that of tcplife: {text}");
    let descriptors = found(&begun, "descriptors");
    assert_eq!(count(descriptors, "limit"), 300, "{descriptors}");
    assert_eq!(count(descriptors, "open_sessions"), 280, "{descriptors}");

    faults.stop();
    crowded.order("disperse");
    drop((connected, port_of_few));
    await_ends(&mut tcplife, std::mem::take(&mut faults.expected));
    assert_eq!(tcplife.interrupt().status.code(), Some(1));
    missed.join().expect("missed sessions are reported");
}

/// More sessions close than the ring buffer holds.
fn sessions_missed_are_reported_and_end() {
    let (listener, only) = listen_for_flag();
    let flags = ["--findings", "-L", &only, "--ring-size", "4096"];
    let mut tcplife = Running::json(&flags, &listener);
    let mut faults = ExpectedFaults::default();
    faults.expect("missed", "this host");
    overflow(&tcplife, &listener);
    let begun = await_all(&mut tcplife, &faults, REPORTED * 2);
    let missed = found(&begun, "missed");
    assert!(count(missed, "missed") > 0, "{missed}");
    assert!(missed["filter"].is_null(), "{missed}");
    await_ends(&mut tcplife, faults.expected);
    // with so many missed, there may be others
    assert_eq!(tcplife.interrupt().status.code(), Some(2));
}

#[test]
fn services_of_another_namespace_are_slow_for_their_clients_here() {
    if !kernel_or_skip() || !tool_or_skip(&["ip", "link"]) {
        return;
    }
    let configured = Configured::new();
    let probe = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let flags = ["--findings", "--config", configured.path()];
    let mut tcplife = Running::json(&flags, &probe);
    let (near, far) = (Netns::new(), Netns::new());
    near.link(("sl0", "10.78.0.1/24"), &far, ("sl1", "10.78.0.2/24"));
    let there = |port| SocketAddr::from(([10, 78, 0, 2], port));
    let is_slow = Arc::new(AtomicBool::new(false));
    let always = || Duration::from_millis(1200);
    let mut faults = ExpectedFaults::default();
    faults.expect("slow-peer", there(7000).to_string());
    faults.expect("always-slow-peer", there(7001).to_string());
    let bound = move |port| TcpListener::bind(there(port)).expect("a port");
    let [usual, never] = far.run(move || [7000, 7001].map(bound));
    // a connection within one namespace would be reported at the end that serves, alone
    let mut ask = |listener: &TcpListener, takes: Box<dyn Fn() -> Duration + Send>, pause| {
        let listener = listener.try_clone().expect("a descriptor");
        let pair = near.run(move || Pair::open(&listener, there(0)));
        faults.ask_over(pair, takes, Duration::from_millis(pause));
    };
    ask(&usual, Box::new(slow_once(&is_slow)), 50);
    ask(&never, Box::new(always), 150);
    ask(&never, Box::new(always), 150);
    // what is usual is known after eight seconds with answers
    let early = tcplife.lines_within(Duration::from_secs(18));
    let is_early =
        |line: &String| line.contains("\"slow-peer\"") && line.contains("10.78.0.2:7000");
    assert!(!early.iter().any(is_early), "{early:?}");
    is_slow.store(true, Ordering::Relaxed);
    let begun: Vec<Value> = early.iter().map(|line| json(line)).collect();
    faults.expected.retain(|(finding, subject)| {
        !begun
            .iter()
            .any(|line| name_of(line) == ((*finding).to_owned(), subject.clone()))
    });
    await_all(&mut tcplife, &faults, REPORTED * 2);
    faults.stop();
    assert_eq!(tcplife.interrupt().status.code(), Some(1));
}

#[test]
fn every_finding_is_provoked() {
    let sources = [
        include_str!("findings.rs"),
        include_str!("findings_network.rs"),
    ];
    let text: String = sources.concat().split_whitespace().collect();
    for rule in FINDINGS {
        let is_expected = text.contains(&format!("faults.expect(\"{}\",", rule.name));
        assert!(is_expected, "nothing here provokes {}", rule.name);
    }
}
