//! Two network namespaces, the host's and the world's, connected by a wire with latencies by distance.
//!
//! The wire is a thread for each direction that reads packets from one TUN interface and writes them to the other,
//! because many kernels lack `tc netem`.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

pub(crate) const HOST: &str = "10.20.0.5";
pub(crate) const HOST_V6: &str = "2001:db8:20::5";
const WORLD: &[&str] = &[
    "192.0.2.0/24",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "10.0.0.5/32",
    "10.20.0.8/30",
];

/// Both namespaces; this process starts in the world's and then moves to the host's.
pub(crate) struct Network {
    world: File,
}

impl Network {
    /// Creates the world's namespace, still empty, and enters it.
    pub(crate) fn new() -> Self {
        unshare();
        Network {
            world: File::open("/proc/self/ns/net").expect("this network namespace"),
        }
    }

    /// Leaves the world for the host, and connects them.
    pub(crate) fn go_to_host(&self) {
        let at_world = tun("wan");
        ip("link set lo up");
        ip("link set wan up");
        for network in WORLD {
            ip(&format!("route add local {network} dev lo"));
        }
        ip(&format!("route add {HOST} dev wan"));
        for last in 1..40 {
            let address = Ipv6Addr::new(0x2001, 0xdb8, 0x99, 0, 0, 0, 0, last);
            ip(&format!("-6 addr add {address}/128 dev lo nodad"));
        }
        ip(&format!("-6 route add {HOST_V6} dev wan"));

        unshare();
        rustix::system::sethostname(b"web-3").expect("naming the host");
        let at_host = tun("eth0");
        ip("link set lo up");
        ip("link set eth0 up");
        ip(&format!("addr add {HOST}/32 dev eth0"));
        ip(&format!("-6 addr add {HOST_V6}/128 dev eth0 nodad"));
        ip("route add default dev eth0");
        ip("-6 route add default dev eth0");

        let copy = |file: &File| file.try_clone().expect("a descriptor");
        wire(copy(&at_world), copy(&at_host), Way::ToHost);
        wire(at_host, at_world, Way::FromHost);
    }

    /// Runs `run` in the world.
    pub(crate) fn in_world<T>(&self, run: impl FnOnce() -> T) -> T {
        let host = File::open("/proc/self/ns/net").expect("this network namespace");
        let network = Some(LinkNameSpaceType::Network);
        move_into_link_name_space(self.world.as_fd(), network).expect("entering the world");
        let result = run();
        move_into_link_name_space(host.as_fd(), network).expect("entering the host");
        result
    }
}

/// Number of this network namespace, as tcplife reports it.
pub(crate) fn netns() -> u64 {
    let namespace = std::fs::metadata("/proc/self/ns/net").expect("this network namespace");
    namespace.ino()
}

fn unshare() {
    // SAFETY: no memory and no descriptors are unshared.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET | UnshareFlags::NEWUTS) }
        .expect("new namespaces: this needs root");
}

fn ip(args: &str) {
    let status = Command::new("ip")
        .args(args.split(' '))
        .status()
        .expect("running ip (package iproute2)");
    assert!(status.success(), "ip {args}: {status}");
}

/// A TUN interface in this namespace: packets that the kernel routes there are read from the file.
fn tun(name: &str) -> File {
    let mut options = File::options();
    let file = options.read(true).write(true).open("/dev/net/tun");
    let file = file.unwrap_or_else(|e| panic!("/dev/net/tun: {e}"));
    // SAFETY: a structure of numbers and bytes, for which zeroes are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: an ifreq with a name and flags, as TUNSETIFF reads it.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &request) };
    assert_eq!(
        result,
        0,
        "making {name}: {}",
        std::io::Error::last_os_error()
    );
    file
}

#[derive(Clone, Copy)]
enum Way {
    ToHost,
    FromHost,
}

/// Carries packets until the process exits. Packets between two addresses stay in order, as their delay is always the
/// same.
fn wire(mut from: File, mut to: File, way: Way) {
    let (tx, rx) = mpsc::channel::<(Instant, Vec<u8>)>();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 65536];
        let mut data_packets = 0_u32;
        while let Ok(len) = from.read(&mut buffer) {
            let packet = &buffer[..len];
            let Some(peer) = peer(packet, way) else {
                continue;
            };
            data_packets += u32::from(len > 1000);
            let is_lost = far(peer) && len > 1000 && data_packets.is_multiple_of(150);
            let due = Instant::now() + one_way(peer);
            if !is_lost && tx.send((due, packet.to_vec())).is_err() {
                break;
            }
        }
    });
    std::thread::spawn(move || {
        let mut waiting: Vec<(Instant, Vec<u8>)> = Vec::new();
        loop {
            let next = waiting.iter().map(|(due, _)| *due).min();
            let time = next.map_or(Duration::from_secs(1), |due| {
                due.saturating_duration_since(Instant::now())
            });
            match rx.recv_timeout(time) {
                Ok(packet) => waiting.push(packet),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
            waiting.extend(rx.try_iter());
            let now = Instant::now();
            for (_, packet) in waiting.extract_if(.., |(due, _)| *due <= now) {
                // a full interface drops it, as a real one would
                let _ = to.write(&packet);
            }
        }
    });
}

/// The packet's address in the world.
fn peer(packet: &[u8], way: Way) -> Option<IpAddr> {
    let at = |v4: usize, v6: usize| match packet.first()? >> 4 {
        4 => Some(IpAddr::from(
            <[u8; 4]>::try_from(packet.get(v4..v4 + 4)?).ok()?,
        )),
        _ => Some(IpAddr::from(
            <[u8; 16]>::try_from(packet.get(v6..v6 + 16)?).ok()?,
        )),
    };
    match way {
        Way::ToHost => at(12, 8),
        Way::FromHost => at(16, 24),
    }
}

/// True for peers that occasionally lose a packet.
fn far(peer: IpAddr) -> bool {
    matches!(peer, IpAddr::V4(peer) if peer.octets()[0] == 203)
}

/// Half a round trip: other hosts of the data center are near, clients are at home, and some overseas.
fn one_way(peer: IpAddr) -> Duration {
    let (us, last) = match peer {
        IpAddr::V4(peer) => match peer.octets() {
            [10, 20, _, last] => (90, last),
            [10, _, _, last] => (400, last),
            [203, _, _, last] => (48_000, last),
            [192, _, _, last] => (9_000, last),
            [_, _, _, last] => (6_000, last),
        },
        IpAddr::V6(peer) => (11_000, peer.octets()[15]),
    };
    // from half of that to four times as much, always the same for an address
    let part = f64::from(last.wrapping_mul(167)) / 256.0;
    Duration::from_micros(us).mul_f64(0.5 * 8_f64.powf(part * part))
}
