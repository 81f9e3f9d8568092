//! Packets that this host drops, provoked in network namespaces of their own: the reason, direction and ends that the
//! collector reports.

use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::ptr::null_mut;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};
use rustix::mm::{MapFlags, ProtFlags, UserfaultfdFlags, mmap_anonymous, userfaultfd};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, ipproto, sockopt};
use tcplife::testing::collector::{self, Collector, CollectorConfig};
use tcplife::testing::model::{DropClass, PacketDirection, PacketDrops};

use crate::common::netns::Netns;
use crate::common::requirements::{kernel_or_skip, tool_or_skip};

/// The longest that a neighbor is asked for, and more.
const PATIENCE: Duration = Duration::from_secs(20);

/// A collector that counts dropped packets. One at a time: each sees those of all tests.
struct Drops(Collector);

impl Drops {
    fn watch() -> Option<Drops> {
        if !kernel_or_skip() {
            return None;
        }
        let config = CollectorConfig {
            interval: Some(Duration::from_millis(50)),
            drops: true,
            ..CollectorConfig::for_tests()
        };
        Some(Drops(
            collector::start(config).expect("the collector starts"),
        ))
    }

    /// Repeats an action until packets are dropped as wanted, in a namespace.
    fn until(
        &self,
        netns: &Netns,
        mut act: impl FnMut(),
        is_wanted: impl Fn(&PacketDrops) -> bool,
    ) -> PacketDrops {
        let end = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        while Instant::now() < end {
            act();
            let due = Instant::now() + Duration::from_millis(300);
            while let Ok(batch) = self.0.batches().recv_deadline(due) {
                let Some(host) = batch.host else { continue };
                let Some(drops) = &host.drops else { continue };
                let here = drops.iter().filter(|d| u64::from(d.netns) == netns.id());
                seen = here.cloned().collect();
                if let Some(found) = seen.iter().find(|d| is_wanted(d)) {
                    return found.clone();
                }
            }
        }
        panic!("no such drop among {seen:#?}");
    }
}

fn iptables(netns: &Netns, rule: &str) {
    filter_by("iptables", netns, rule);
}

/// Adds a rule for both versions of IP.
fn both_iptables(netns: &Netns, rule: &str) {
    for tool in ["iptables", "ip6tables"] {
        filter_by(tool, netns, rule);
    }
}

fn filter_by(tool: &'static str, netns: &Netns, rule: &str) {
    let words: Vec<String> = rule.split(' ').map(str::to_owned).collect();
    netns.run(move || {
        let status = Command::new(tool).arg("-w").args(&words).status();
        assert!(status.expect(tool).success(), "{tool} {words:?}");
    });
}

fn can_filter() -> bool {
    tool_or_skip(&["iptables", "--version"]) && tool_or_skip(&["ip6tables", "--version"])
}

fn end(addr: [u8; 4], port: u16) -> SocketAddr {
    SocketAddrV4::new(Ipv4Addr::from(addr), port).into()
}

/// Begins to connect, from an address if it is given, and does not wait. The connection ends with the socket.
fn connect(netns: &Netns, from: Option<SocketAddr>, to: SocketAddr) -> OwnedFd {
    netns.run(move || {
        let family = match to {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None);
        let socket = socket.expect("a socket");
        if let Some(from) = from {
            rustix::net::bind(&socket, &from).expect("our address");
        }
        let _ = rustix::net::connect(&socket, &to);
        socket
    })
}

fn listen(netns: &Netns, at: SocketAddr) -> TcpListener {
    netns.run(move || TcpListener::bind(at).expect("a port"))
}

fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().expect("it is bound").port()
}

/// Port of a socket on this side.
fn local(socket: impl AsFd) -> u16 {
    let addr = rustix::net::getsockname(socket).expect("its address");
    SocketAddr::try_from(addr).expect("an IP address").port()
}

const LOOPBACK: [u8; 4] = [127, 0, 0, 1];
const LEFT: [u8; 4] = [10, 71, 0, 1];
const RIGHT: [u8; 4] = [10, 71, 0, 2];
const LEFT_6: Ipv6Addr = Ipv6Addr::new(0xfd71, 0, 0, 0, 0, 0, 0, 1);
const RIGHT_6: Ipv6Addr = Ipv6Addr::new(0xfd71, 0, 0, 0, 0, 0, 0, 2);

/// Two namespaces, with a link between them.
fn linked() -> (Netns, Netns) {
    let (left, right) = (Netns::new(), Netns::new());
    left.link(("left", "10.71.0.1/24"), &right, ("right", "10.71.0.2/24"));
    left.ip("addr add fd71::1/64 dev left nodad");
    right.ip("addr add fd71::2/64 dev right nodad");
    (left, right)
}

#[test]
fn syn_dropped_by_an_output_rule_has_the_ends_of_its_session() {
    let Some(drops) = Drops::watch().filter(|_| can_filter()) else {
        return;
    };
    let netns = Netns::new();
    both_iptables(&netns, "-A OUTPUT -p tcp --dport 4433 -j DROP");
    for to in [end(LOOPBACK, 4433), (Ipv6Addr::LOCALHOST, 4433).into()] {
        let mut ports = Vec::new();
        let mut sockets = Vec::new();
        let act = || {
            let socket = connect(&netns, None, to);
            ports.push(local(&socket));
            sockets.push(socket);
        };
        let is_wanted = |d: &PacketDrops| d.reason == "NETFILTER_DROP" && d.remote == to;
        let found = drops.until(&netns, act, is_wanted);
        assert_eq!(found.direction, PacketDirection::Out);
        assert_eq!(found.local.ip(), to.ip());
        assert!(ports.contains(&found.local.port()), "{found:?} {ports:?}");
        assert!(found.has_both_ends() && found.syns == found.packets);
        assert_eq!(found.class(), DropClass::Firewall);
        let says = "of our SYNs were dropped by this host's netfilter (OUTPUT)";
        assert!(found.sentence().replace("was", "were").ends_with(says));
    }
}

#[test]
fn syn_dropped_by_an_input_rule_is_counted_by_our_port_and_its_address() {
    let Some(drops) = Drops::watch().filter(|_| can_filter()) else {
        return;
    };
    let netns = Netns::new();
    both_iptables(&netns, "-A INPUT -p tcp -j DROP");
    let any: [SocketAddr; 2] = [end(LOOPBACK, 0), (Ipv6Addr::LOCALHOST, 0).into()];
    for any in any {
        let listener = listen(&netns, any);
        let at = SocketAddr::new(any.ip(), port(&listener));
        let mut sockets = Vec::new();
        let act = || sockets.push(connect(&netns, None, at));
        let found = drops.until(&netns, act, |d| d.packets >= 2 && d.local == at);
        assert_eq!(
            (found.reason, found.direction),
            ("NETFILTER_DROP", PacketDirection::In)
        );
        assert_eq!(found.remote, any);
        assert_eq!(found.syns, found.packets);
    }
}

#[test]
fn packet_dropped_on_its_way_through_is_forwarded() {
    let Some(drops) = Drops::watch().filter(|_| can_filter()) else {
        return;
    };
    let (left, router) = linked();
    let right = Netns::new();
    router.link(("far", "10.72.0.1/24"), &right, ("right", "10.72.0.2/24"));
    left.ip("route add default via 10.71.0.2");
    router.run(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").expect("a router"));
    iptables(&router, "-P FORWARD DROP");
    let to = end([10, 72, 0, 2], 80);
    let mut sockets = Vec::new();
    let act = || sockets.push(connect(&left, None, to));
    let found = drops.until(&router, act, |_| true);
    assert_eq!(
        (found.reason, found.direction),
        ("NETFILTER_DROP", PacketDirection::Forwarded)
    );
    assert_eq!((found.local, found.remote), (end(LEFT, 0), to));
}

#[test]
fn syn_to_a_closed_port_finds_no_listener() {
    let Some(drops) = Drops::watch() else {
        return;
    };
    let (left, right) = linked();
    let v6: (SocketAddr, SocketAddr) = ((RIGHT_6, 81).into(), (LEFT_6, 0).into());
    for (to, from) in [(end(RIGHT, 81), end(LEFT, 0)), v6] {
        let mut sockets = Vec::new();
        let act = || sockets.push(connect(&left, None, to));
        let found = drops.until(&right, act, |d| d.local == to);
        assert_eq!(
            (found.reason, found.direction),
            ("NO_SOCKET", PacketDirection::In)
        );
        assert_eq!(found.remote, from);
        assert_eq!(found.class(), DropClass::NoListener);
    }
}

/// A sender without a route drops IPv6 packets for no reason that the kernel names: only a router says so.
#[test]
fn packet_of_ipv6_for_which_a_router_has_no_route_is_forwarded() {
    let Some(drops) = Drops::watch() else {
        return;
    };
    let (left, router) = linked();
    router.run(|| std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").expect("a router"));
    left.ip("-6 route add default via fd71::2");
    let to = SocketAddr::from((Ipv6Addr::new(0xfd72, 0, 0, 0, 0, 0, 0, 2), 80));
    let mut sockets = Vec::new();
    let act = || sockets.push(connect(&left, None, to));
    let found = drops.until(&router, act, |d| d.remote == to);
    assert_eq!(
        (found.reason, found.direction),
        ("IP_INNOROUTES", PacketDirection::Forwarded)
    );
    assert_eq!(found.local, (LEFT_6, 0).into());
    assert_eq!(found.class(), DropClass::Routing);
}

#[test]
fn packet_without_a_route_has_the_ends_of_its_session() {
    let Some(drops) = Drops::watch() else {
        return;
    };
    let (left, right) = linked();
    let listener = listen(&right, end(RIGHT, 0));
    let to = end(RIGHT, port(&listener));
    let mut client = left.run(move || TcpStream::connect(to).expect("a connection"));
    left.ip("route del 10.71.0.0/24");
    left.ip("route flush cache");
    let from = client.local_addr().expect("its address");
    let act = || client.write_all(b"x").expect("it is queued");
    let found = drops.until(&left, act, |d| d.reason == "IP_OUTNOROUTES");
    assert_eq!((found.local, found.remote), (from, to));
    assert_eq!((found.direction, found.syns), (PacketDirection::Out, 0));
    assert_eq!(found.class(), DropClass::Routing);
}

#[test]
fn packet_of_a_dual_stack_socket_has_the_ends_that_its_session_has() {
    let Some(drops) = Drops::watch() else {
        return;
    };
    let (left, right) = linked();
    let listener = listen(&right, end(RIGHT, 0));
    let to = end(RIGHT, port(&listener));
    let client = left.run(move || {
        let socket = rustix::net::socket(AddressFamily::INET6, SocketType::STREAM, None);
        let socket = socket.expect("a socket");
        let mapped = Ipv4Addr::from(RIGHT).to_ipv6_mapped();
        let mapped = SocketAddr::new(mapped.into(), to.port());
        rustix::net::connect(&socket, &mapped).expect("a connection");
        socket
    });
    left.ip("route del 10.71.0.0/24");
    left.ip("route flush cache");
    let from = end(LEFT, local(&client));
    let act = || assert_eq!(rustix::io::write(&client, b"x"), Ok(1));
    let found = drops.until(&left, act, |d| d.reason == "IP_OUTNOROUTES");
    assert_eq!((found.local, found.remote), (from, to));
}

#[test]
fn syn_to_a_neighbor_that_does_not_answer_says_so() {
    let Some(drops) = Drops::watch() else {
        return;
    };
    let (left, _right) = linked();
    let to = end([10, 71, 0, 9], 80);
    let mut sockets = Vec::new();
    let act = || sockets.push(connect(&left, None, to));
    let found = drops.until(&left, act, |d| d.reason == "NEIGH_FAILED");
    assert_eq!((found.remote, found.direction), (to, PacketDirection::Out));
    assert!(found.has_both_ends() && found.syns > 0, "{found:?}");
}

#[test]
fn handshake_that_finds_the_accept_queue_full_is_dropped_for_it() {
    let Some(drops) = Drops::watch().filter(|_| can_filter()) else {
        return;
    };
    let (left, right) = linked();
    let listener = right.run(|| {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None);
        let socket = socket.expect("a socket");
        rustix::net::bind(&socket, &end(RIGHT, 0)).expect("a port");
        rustix::net::listen(&socket, 0).expect("a queue");
        socket
    });
    let to = end(RIGHT, local(&listener));
    // the kernel gives no reason for a SYN that finds the queue full, so the handshakes are to be complete after all SYNs
    let acks = "OUTPUT -p tcp --tcp-flags SYN,ACK ACK -j DROP";
    let mut sockets = Vec::new();
    let act = || {
        iptables(&left, &format!("-A {acks}"));
        let three = [(); 3].map(|()| connect(&left, None, to));
        iptables(&left, &format!("-D {acks}"));
        // data acknowledges the handshake, too
        for socket in &three {
            let _ = rustix::io::write(socket, b"x");
        }
        sockets.extend(three);
    };
    let found = drops.until(&right, act, |d| d.class() == DropClass::QueueFull);
    assert_eq!((found.local, found.direction), (to, PacketDirection::In));
}

#[test]
fn data_beyond_the_receive_buffer_is_dropped_for_it() {
    let Some(drops) = Drops::watch() else {
        return;
    };
    let (left, right) = linked();
    let listener = listen(&right, end(RIGHT, 0));
    let to = end(RIGHT, port(&listener));
    let mut client = left.run(move || TcpStream::connect(to).expect("a connection"));
    let from = client.local_addr().expect("its address");
    let server = listener.accept().expect("a client").0;
    // after the window was announced
    sockopt::set_socket_recv_buffer_size(&server, 1).expect("a small buffer");
    client.set_nonblocking(true).expect("a socket");
    let data = vec![0; 1 << 20];
    let act = || drop(client.write(&data));
    let found = drops.until(&right, act, |d| d.class() == DropClass::BufferFull);
    assert_eq!((found.local, found.remote), (to, from));
    assert_eq!(found.direction, PacketDirection::In);
}

/// A page of memory that whoever reads it waits for, in the kernel, too, until this is dropped.
struct Withheld {
    page: &'static [u8],
    /// Has a message when somebody waits: userfaultfd(2).
    waits: OwnedFd,
}

impl Withheld {
    const SIZE: usize = 4096;

    fn new() -> Withheld {
        const API: u8 = 0xaa;
        const MISSING: u64 = 1;
        // SAFETY: it handles faults of the page that is registered next, and of no other memory.
        let waits = unsafe { userfaultfd(UserfaultfdFlags::CLOEXEC) }.expect("userfaultfd");
        // `struct uffdio_api`: its version, features, and what it can do
        let mut api = [u64::from(API), 0, 0];
        // SAFETY: the request reads and writes a structure of that size.
        let agreed = unsafe {
            const AGREE: Opcode = opcode::read_write::<[u64; 3]>(API, 0x3f);
            ioctl(&waits, Updater::<AGREE, _>::new(&mut api))
        };
        agreed.expect("UFFDIO_API");
        // SAFETY: an anonymous mapping of that size, zeroed, and never unmapped.
        let page: &'static [u8] = unsafe {
            let protection = ProtFlags::READ | ProtFlags::WRITE;
            let page = mmap_anonymous(null_mut(), Self::SIZE, protection, MapFlags::PRIVATE);
            std::slice::from_raw_parts(page.expect("mmap").cast(), Self::SIZE)
        };
        // `struct uffdio_register`: start, length, mode, and what it can do there
        let mut range = [page.as_ptr() as u64, Self::SIZE as u64, MISSING, 0];
        // SAFETY: the request reads and writes a structure of that size.
        let registered = unsafe {
            const REGISTER: Opcode = opcode::read_write::<[u64; 4]>(API, 0);
            ioctl(&waits, Updater::<REGISTER, _>::new(&mut range))
        };
        registered.expect("UFFDIO_REGISTER");
        Withheld { page, waits }
    }

    /// Waits until somebody reads it.
    fn await_reader(&self) {
        let soon = Timespec {
            tv_sec: 10,
            tv_nsec: 0,
        };
        let mut ready = [PollFd::new(&self.waits, PollFlags::IN)];
        let ready = poll(&mut ready, Some(&soon)).expect("poll");
        assert_eq!(ready, 1, "nobody reads it");
    }
}

/// A segment with data that continues nothing.
fn stray_segment(from: SocketAddrV4, to: SocketAddrV4, number: u32) -> Vec<u8> {
    const ACK: u8 = 16;
    let mut segment = vec![0; 20 + 1000];
    segment[..2].copy_from_slice(&from.port().to_be_bytes());
    segment[2..4].copy_from_slice(&to.port().to_be_bytes());
    segment[4..8].copy_from_slice(&number.wrapping_mul(100_000).to_be_bytes());
    segment[12..14].copy_from_slice(&[5 << 4, ACK]);
    let length = (segment.len() as u16).to_be_bytes();
    let pseudo = [&from.ip().octets()[..], &to.ip().octets(), &[0, 6], &length].concat();
    let words = pseudo.chunks(2).chain(segment.chunks(2));
    let mut sum: u32 = words.map(|w| u32::from(w[0]) << 8 | u32::from(w[1])).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    segment[16..18].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    segment
}

#[test]
fn packets_for_a_socket_in_use_that_its_backlog_has_no_room_for_are_dropped_for_it() {
    let Some(drops) = Drops::watch() else {
        return;
    };
    let (left, right) = linked();
    let listener = listen(&right, end(RIGHT, 0));
    let at = SocketAddrV4::new(RIGHT.into(), port(&listener));
    let client = left.run(move || TcpStream::connect(at).expect("a connection"));
    let from = SocketAddrV4::new(LEFT.into(), local(&client));
    let server = listener.accept().expect("a client").0;
    sockopt::set_socket_recv_buffer_size(&server, 1).expect("a small buffer");
    sockopt::set_socket_send_buffer_size(&server, 1).expect("a small buffer");
    let raw = left.run(|| {
        let tcp = Some(ipproto::TCP);
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::RAW, tcp);
        socket.expect("a raw socket")
    });
    // a process that writes has locked its socket while the kernel copies the data
    let withheld = Withheld::new();
    let page = withheld.page;
    let writes = std::thread::spawn(move || rustix::io::write(&server, page));
    withheld.await_reader();
    let act = || {
        for number in 0..200 {
            let segment = stray_segment(from, at, number);
            let _ = rustix::net::sendto(&raw, &segment, SendFlags::DONTWAIT, &SocketAddr::V4(at));
        }
    };
    let found = drops.until(&right, act, |d| d.reason == "SOCKET_BACKLOG");
    assert_eq!((found.local, found.remote), (at.into(), from.into()));
    assert_eq!((found.direction, found.syns), (PacketDirection::In, 0));
    assert_eq!(found.class(), DropClass::QueueFull);
    drop(withheld);
    assert!(writes.join().expect("it does not panic").is_ok());
}

#[test]
fn packet_from_an_address_without_a_way_back_fails_the_reverse_path_filter() {
    let Some(drops) = Drops::watch() else {
        return;
    };
    let (left, right) = linked();
    left.ip("addr add 10.99.0.1/32 dev left");
    right.run(|| {
        for interface in ["all", "right"] {
            let file = format!("/proc/sys/net/ipv4/conf/{interface}/rp_filter");
            std::fs::write(file, "1").expect("a filter");
        }
    });
    let from = end([10, 99, 0, 1], 0);
    // the neighbors know each other, which they could not learn with that address
    let mut sockets = vec![connect(&left, None, end(RIGHT, 82))];
    let act = || sockets.push(connect(&left, Some(from), end(RIGHT, 82)));
    let found = drops.until(&right, act, |d| d.reason == "IP_RPFILTER");
    assert_eq!((found.local, found.remote), (end(RIGHT, 82), from));
    assert_eq!(found.class(), DropClass::Routing);
}

#[test]
fn packet_with_a_wrong_checksum_is_a_bad_one() {
    let Some(drops) = Drops::watch() else {
        return;
    };
    let (left, right) = linked();
    let listener = listen(&right, end(RIGHT, 0));
    let to = end(RIGHT, port(&listener));
    let socket = left.run(move || {
        let tcp = Some(ipproto::TCP);
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::RAW, tcp);
        socket.expect("a raw socket")
    });
    let mut syn = [0; 20];
    syn[..2].copy_from_slice(&4321_u16.to_be_bytes());
    syn[2..4].copy_from_slice(&to.port().to_be_bytes());
    syn[12..14].copy_from_slice(&[5 << 4, 2]);
    syn[16..18].copy_from_slice(&[0x12, 0x34]);
    let act = || {
        rustix::net::sendto(&socket, &syn, SendFlags::empty(), &to).expect("sent");
    };
    let found = drops.until(&right, act, |d| d.reason == "TCP_CSUM");
    assert_eq!((found.local, found.remote), (to, end(LEFT, 0)));
    assert_eq!(found.class(), DropClass::BadPacket);
}

#[test]
fn closed_sessions_in_order_are_no_failures() {
    let Some(drops) = Drops::watch() else {
        return;
    };
    let netns = Netns::new();
    let listener = listen(&netns, end(LOOPBACK, 0));
    let at = end(LOOPBACK, port(&listener));
    for _ in 0..200 {
        let client = netns.run(move || TcpStream::connect(at).expect("a connection"));
        let server = listener.accept().expect("a client").0;
        (&client).write_all(b"request").expect("it is sent");
        // unread data: a reset
        drop((server, client));
    }
    // the last one
    let act = || drop(connect(&netns, None, end(LOOPBACK, 9)));
    drops.until(&netns, act, |d| d.local.port() == 9);
    static SEEN: Mutex<Vec<PacketDrops>> = Mutex::new(Vec::new());
    drops.until(
        &netns,
        || (),
        |d| {
            SEEN.lock().expect("a list").push(d.clone());
            d.local.port() == 9
        },
    );
    let seen = SEEN.lock().expect("a list");
    let failures = seen
        .iter()
        .filter(|d| d.class() != DropClass::Ordinary && d.local.port() != 9);
    assert_eq!(failures.count(), 0, "{seen:#?}");
}
