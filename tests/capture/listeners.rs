//! Listening sockets, provoked in network namespaces of their own: what the collector reports of each, compared with
//! `ss` and with the counters of the kernel.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, ipproto, sockopt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tcplife::testing::collector::{self, Collector, CollectorConfig};
use tcplife::testing::model::Listener;

use crate::common::netns::Netns;
use crate::common::requirements::{PATIENCE, kernel_or_skip, tool_or_skip};

/// A collector that reads the listening sockets.
struct Watch(Collector);

impl Watch {
    fn start() -> Watch {
        let config = CollectorConfig {
            interval: Some(Duration::from_millis(50)),
            ..CollectorConfig::for_tests()
        };
        Watch(collector::start(config).expect("the collector starts"))
    }

    /// Waits until the listeners of a namespace are as wanted, sorted by cookie.
    fn until(&self, netns: &Netns, is_wanted: impl Fn(&[Listener]) -> bool) -> Vec<Listener> {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        while let Ok(batch) = self.0.batches().recv_deadline(deadline) {
            let Some(host) = batch.host else { continue };
            let listeners = host.listeners.iter();
            seen = listeners
                .filter(|l| u64::from(l.netns) == netns.id())
                .cloned()
                .collect();
            seen.sort_by_key(|l| l.cookie);
            if is_wanted(&seen) {
                return seen;
            }
        }
        panic!("not so: {seen:#?}");
    }

    /// Waits until the only listener of a namespace is as wanted.
    fn until_one(&self, netns: &Netns, is_wanted: impl Fn(&Listener) -> bool) -> Listener {
        let mut found = self.until(netns, |all| matches!(all, [one] if is_wanted(one)));
        found.remove(0)
    }
}

fn ready() -> bool {
    kernel_or_skip() && tool_or_skip(&["ip", "link"]) && tool_or_skip(&["ss", "-ltn"])
}

/// Description of a listener to make.
#[derive(Clone, Copy)]
struct Made {
    at: &'static str,
    backlog: i32,
    v6_only: bool,
    is_shared: bool,
    interface: Option<&'static str>,
}

impl Made {
    const fn at(at: &'static str, backlog: i32) -> Made {
        Made {
            at,
            backlog,
            v6_only: false,
            is_shared: false,
            interface: None,
        }
    }

    fn listen(self, netns: &Netns) -> TcpListener {
        netns.run(move || {
            let at: SocketAddr = self.at.parse().expect("an address");
            let family = match at {
                SocketAddr::V4(_) => AddressFamily::INET,
                SocketAddr::V6(_) => AddressFamily::INET6,
            };
            let flags = SocketFlags::CLOEXEC;
            let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None);
            let socket = socket.expect("a socket");
            if family == AddressFamily::INET6 {
                sockopt::set_ipv6_v6only(&socket, self.v6_only).expect("an option");
            }
            sockopt::set_socket_reuseport(&socket, self.is_shared).expect("an option");
            if let Some(name) = self.interface {
                bind_to_device(&socket, name);
            }
            rustix::net::bind(&socket, &at).expect("an address of our own");
            rustix::net::listen(&socket, self.backlog).expect("it listens");
            TcpListener::from(socket)
        })
    }
}

fn bind_to_device(socket: &OwnedFd, name: &str) {
    use std::os::fd::AsRawFd;
    // SAFETY: the name has that many bytes.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_BINDTODEVICE,
            name.as_ptr().cast(),
            name.len() as libc::socklen_t,
        )
    };
    assert_eq!(result, 0, "bind to {name}");
}

/// Begins to connect, and does not wait.
fn knock(netns: &Netns, to: SocketAddr) -> OwnedFd {
    netns.run(move || {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let family = match to {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None);
        let socket = socket.expect("a socket");
        let _ = rustix::net::connect(&socket, &to);
        socket
    })
}

/// Runs a command in the namespace, and returns what it prints.
fn output(netns: &Netns, words: &'static [&'static str]) -> String {
    netns.run(move || {
        let output = Command::new(words[0]).args(&words[1..]).output();
        let output = output.expect("it can be started");
        assert!(output.status.success(), "{words:?}");
        String::from_utf8(output.stdout).expect("text")
    })
}

/// Queue, limit and address of a listener, as `ss` prints them.
type Line = (u32, u32, String);

/// The listeners of a namespace as `ss` shows them, by cookie.
fn shown_by_ss(netns: &Netns) -> BTreeMap<u64, Line> {
    let text = output(netns, &["ss", "-ltnHeO"]);
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let cookie = words.iter().find_map(|w| w.strip_prefix("sk:"));
        let cookie = u64::from_str_radix(cookie.expect("a cookie"), 16);
        let number = |i: usize| words[i].parse().expect("a number");
        (
            cookie.expect("a number"),
            (number(1), number(2), words[3].to_owned()),
        )
    };
    text.lines().map(line).collect()
}

fn line_of(listener: &Listener) -> Line {
    let Listener { addr, port, .. } = listener;
    let zone = listener.interface.name();
    let zone = zone.map_or_else(String::new, |name| format!("%{name}"));
    let text = match addr {
        std::net::IpAddr::V6(addr) if addr.is_unspecified() && !listener.v6_only => {
            format!("*{zone}:{port}")
        }
        std::net::IpAddr::V6(_) => format!("[{addr}{zone}]:{port}"),
        std::net::IpAddr::V4(_) => format!("{addr}{zone}:{port}"),
    };
    (listener.queue, listener.queue_limit, text)
}

/// A counter of the namespace, as `nstat` reads it.
fn counter(netns: &Netns, name: &'static str) -> u64 {
    let read = || std::fs::read_to_string("/proc/thread-self/net/netstat").expect("it is there");
    let text = netns.run(read);
    let (names, values) = text.split_once('\n').expect("two lines");
    let mut pairs = names.split(' ').zip(values.split([' ', '\n']));
    let found = pairs.find(|(of, _)| *of == name);
    found.expect(name).1.parse().expect("a number")
}

#[test]
fn listeners_of_every_kind_are_those_of_ss() {
    if !ready() {
        return;
    }
    let shared = Made {
        is_shared: true,
        ..Made::at("127.0.0.1:7101", 9)
    };
    let kinds = [
        Made::at("0.0.0.0:7102", 5),
        Made::at("[::]:7103", 6),
        Made {
            v6_only: true,
            ..Made::at("[::]:7104", 7)
        },
        Made::at("[::1]:7105", 8),
        Made {
            interface: Some("lo"),
            ..Made::at("127.0.0.1:7106", 11)
        },
        shared,
        shared,
        shared,
        shared,
    ];
    let netns = Netns::new();
    let other = Netns::new();
    // half of them from before the start
    let mut listeners: Vec<_> = kinds[..5].iter().map(|made| made.listen(&netns)).collect();
    let to = "127.0.0.1:7102".parse().expect("an address");
    let waiting = [knock(&netns, to), knock(&netns, to)];
    let watch = Watch::start();
    listeners.extend(kinds[5..].iter().map(|made| made.listen(&netns)));
    let elsewhere = Made::at("127.0.0.1:7102", 5).listen(&other);
    let expected = shown_by_ss(&netns);
    assert_eq!(expected.len(), kinds.len());
    // an interface has its name in the namespace of the program only
    let plain = |(queue, limit, text): &Line| {
        let text = text.replace("%lo", "%1");
        (*queue, *limit, text)
    };
    let expected: BTreeMap<u64, Line> = expected.iter().map(|(k, v)| (*k, plain(v))).collect();
    let lines = |all: &[Listener]| -> BTreeMap<u64, Line> {
        all.iter().map(|l| (l.cookie, line_of(l))).collect()
    };
    let all = watch.until(&netns, |all| lines(all) == expected);
    let me = std::process::id();
    for listener in &all {
        let size = if listener.port == 7101 { 4 } else { 0 };
        assert_eq!(
            (listener.pid, listener.group_size),
            (me, size),
            "{listener:#?}"
        );
    }
    let elsewhere_port = watch.until_one(&other, |_| true).port;
    assert_eq!(elsewhere_port, 7102);
    drop(elsewhere);
    watch.until(&other, <[Listener]>::is_empty);
    drop((listeners, waiting));
    watch.until(&netns, <[Listener]>::is_empty);
}

#[test]
fn server_that_stops_accepting_has_a_full_queue_that_ages_and_refuses() {
    if !ready() {
        return;
    }
    let watch = Watch::start();
    let netns = Netns::new();
    let listener = Made::at("127.0.0.1:7111", 2).listen(&netns);
    let to = listener.local_addr().expect("it is bound");
    let boot_ns = || {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
    };
    let began_ns = boot_ns();
    let first = [knock(&netns, to)];
    let head = watch.until_one(&netns, |l| l.queue == 1);
    let seen_ns = boot_ns();
    // as exactly as the kernel's clock ticks
    const TICK_NS: u64 = 20_000_000;
    let since_ns = head.waiting_since_ns.expect("one waits");
    assert!(
        (began_ns - TICK_NS..seen_ns).contains(&since_ns),
        "{began_ns} {since_ns} {seen_ns}"
    );
    // the kernel lets in one more than the limit
    let more: Vec<_> = (0..6).map(|_| knock(&netns, to)).collect();
    let full = watch.until_one(&netns, |l| l.queue == 3 && l.drops >= 4);
    assert_eq!((full.queue_limit, full.established), (2, 3), "{full:#?}");
    let still_ns = full.waiting_since_ns.expect("they wait");
    assert!(
        still_ns.abs_diff(since_ns) < TICK_NS,
        "the first is the oldest"
    );
    // those that did not fit try again, and are refused again
    let overflows = || counter(&netns, "ListenOverflows").max(counter(&netns, "ListenDrops"));
    watch.until_one(&netns, |l| l.drops >= overflows() && overflows() >= 4);
    let accepted: Vec<TcpStream> = (0..3)
        .map(|_| listener.accept().expect("it waits").0)
        .collect();
    drop((first, more));
    let empty = watch.until_one(&netns, |l| l.queue == 0);
    assert_eq!(empty.waiting_since_ns, None);
    drop(accepted);
}

/// The checksum of the Internet protocols.
fn checksum(words: &[u8]) -> u16 {
    let words = words.chunks(2).map(|w| {
        let word = [w[0], w.get(1).copied().unwrap_or(0)];
        u32::from(u16::from_be_bytes(word))
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// A SYN that claims to come from another host, which is not there.
fn forged_syn(from: Ipv4Addr, to: Ipv4Addr, sport: u16, dport: u16) -> Vec<u8> {
    let mut tcp = Vec::new();
    tcp.extend(sport.to_be_bytes());
    tcp.extend(dport.to_be_bytes());
    tcp.extend([0, 0, 0, 1, 0, 0, 0, 0]);
    // five words, SYN, a window
    tcp.extend([5 << 4, 2, 0xff, 0xff, 0, 0, 0, 0]);
    let mut pseudo = [from.octets(), to.octets()].concat();
    pseudo.extend([0, 6, 0, tcp.len() as u8]);
    pseudo.extend(&tcp);
    tcp[16..18].copy_from_slice(&checksum(&pseudo).to_be_bytes());
    let mut packet = vec![0x45, 0, 0, 20 + tcp.len() as u8, 0, 1, 0, 0, 64, 6, 0, 0];
    packet.extend(from.octets());
    packet.extend(to.octets());
    let sum = checksum(&packet);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(tcp);
    packet
}

/// Sends that many of them from one address.
fn flood(netns: &Netns, from: Ipv4Addr, to: (Ipv4Addr, u16), count: u16) {
    netns.run(move || {
        let flags = SocketFlags::CLOEXEC;
        let raw = rustix::net::socket_with(
            AddressFamily::INET,
            SocketType::RAW,
            flags,
            Some(ipproto::RAW),
        );
        let raw = raw.expect("a raw socket");
        let at = SocketAddr::from((to.0, 0));
        for i in 0..count {
            let packet = forged_syn(from, to.0, 20_000 + i, to.1);
            rustix::net::sendto(raw.as_fd(), &packet, SendFlags::empty(), &at).expect("sent");
        }
    });
}

#[test]
fn syn_flood_fills_the_half_open_queue_and_with_cookies_refuses_nothing() {
    if !ready() {
        return;
    }
    let watch = Watch::start();
    let [netns, peer] = [Netns::new(), Netns::new()];
    netns.link(("tl0", "10.73.0.1/24"), &peer, ("tl1", "10.73.0.2/24"));
    let set_cookies = |on: &'static str| {
        let write = move || std::fs::write("/proc/sys/net/ipv4/tcp_syncookies", on);
        netns.run(write).expect("a setting of the namespace");
    };
    let here = Ipv4Addr::new(10, 73, 0, 1);
    let listener = Made::at("10.73.0.1:7121", 8).listen(&netns);
    // with cookies, which are on by default
    set_cookies("1");
    flood(&netns, Ipv4Addr::new(10, 73, 0, 77), (here, 7121), 60);
    let flooded = watch.until_one(&netns, |l| l.half_open == 9);
    let sent = counter(&netns, "SyncookiesSent");
    assert_eq!(
        (sent, flooded.drops, flooded.queue),
        (51, 0, 0),
        "{flooded:#?}"
    );
    // and without
    set_cookies("0");
    flood(&netns, Ipv4Addr::new(10, 73, 0, 78), (here, 7121), 60);
    let refused = watch.until_one(&netns, |l| l.drops > 0);
    let drops = counter(&netns, "ListenDrops");
    assert!(drops >= 50, "{drops}");
    assert!(refused.drops <= drops, "{refused:#?}");
    watch.until_one(&netns, |l| l.drops == drops);
    drop(listener);
}

#[test]
fn shared_port_shows_the_share_of_each_socket() {
    if !ready() {
        return;
    }
    const CONNECTIONS: u64 = 64;
    let watch = Watch::start();
    let netns = Netns::new();
    let shared = Made {
        is_shared: true,
        ..Made::at("127.0.0.1:7131", 128)
    };
    let listeners: Vec<TcpListener> = (0..4).map(|_| shared.listen(&netns)).collect();
    let to = "127.0.0.1:7131".parse().expect("an address");
    let clients: Vec<_> = (0..CONNECTIONS).map(|_| knock(&netns, to)).collect();
    let sum = |all: &[Listener]| all.iter().map(|l| l.established).sum::<u64>();
    let all = watch.until(&netns, |all| sum(all) == CONNECTIONS);
    for listener in &all {
        assert_eq!(u64::from(listener.queue), listener.established, "{all:#?}");
        assert_eq!(listener.group_size, 4);
    }
    drop((listeners, clients));
}

#[test]
fn listeners_by_the_thousand_are_all_found() {
    const MANY: usize = 3000;
    if !ready() {
        return;
    }
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).expect("up to the hard limit");
    let netns = Netns::new();
    let before: Vec<TcpListener> = (0..MANY / 2)
        .map(|_| Made::at("127.0.0.1:0", 1).listen(&netns))
        .collect();
    let watch = Watch::start();
    let after: Vec<TcpListener> = (0..MANY / 2)
        .map(|_| Made::at("127.0.0.1:0", 1).listen(&netns))
        .collect();
    watch.until(&netns, |all| all.len() == MANY);
    drop((before, after));
    watch.until(&netns, <[Listener]>::is_empty);
}

/// Listens, and goes on in a child.
const DAEMON: &str = "
import os, socket, sys
s = socket.create_server(('127.0.0.1', 7161))
child = os.fork()
if child:
    print(child, flush=True)
    os._exit(0)
sys.stdin.read()
";

#[test]
fn listener_of_a_daemon_belongs_to_the_child_that_goes_on() {
    if !ready() || !tool_or_skip(&["python3", "-c", ""]) {
        return;
    }
    let watch = Watch::start();
    let netns = Netns::new();
    let mut parent = netns.run(|| {
        let mut python = Command::new("python3");
        python.args(["-c", DAEMON]);
        let python = python.stdin(Stdio::piped()).stdout(Stdio::piped());
        python.spawn().expect("python starts")
    });
    let until_told_to_exit = parent.stdin.take();
    let mut child = String::new();
    let mut told = BufReader::new(parent.stdout.take().expect("a pipe"));
    told.read_line(&mut child).expect("its child");
    let child: u32 = child.trim().parse().expect("a number");
    // before it is waited for, it still has an entry in /proc
    parent.wait().expect("it exits");
    watch.until_one(&netns, |l| l.pid == child);
    drop(until_told_to_exit);
    watch.until(&netns, <[Listener]>::is_empty);
}
