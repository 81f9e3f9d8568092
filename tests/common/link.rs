//! A link between two namespaces that drops, delays and rejects exactly the packets it is told to.
//!
//! A process reads packets from one TUN interface and writes them to the other. `tc netem` would be less work, but it
//! drops at random, and many kernels lack the module. Here it is known which packet was dropped.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ffi::c_int;
use std::fs::OpenOptions;
use std::mem::zeroed;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{ioctl_fionbio, read, write};
use rustix::ioctl::{Opcode, Updater, ioctl};
use rustix::time::{ClockId, clock_gettime};

/// Drops what goes from the first namespace to the second.
pub(crate) const CUT_OUT: u32 = 1;
/// Drops what goes from the second to the first.
pub(crate) const CUT_IN: u32 = 2;
/// Ends the link.
pub(crate) const ENDED: u32 = 4;

/// The longest time until an end of the link takes effect.
const CHECKED: Duration = Duration::from_millis(100);

/// How a link treats packets.
#[derive(Clone, Copy, Default)]
pub(crate) struct Quality {
    /// Delay in each direction.
    pub(crate) delay: Duration,
    /// Drops every nth packet with data from the first namespace.
    pub(crate) lose_every: Option<u32>,
    /// Drops these packets with data from the first namespace, counted from 1.
    pub(crate) lose: &'static [u32],
    /// Bytes per second, from the first namespace.
    pub(crate) rate: Option<u64>,
    /// Answers every packet from the first namespace with ICMP, "destination unreachable", with these codes for ICMP
    /// and ICMPv6.
    pub(crate) unreachable: Option<[u8; 2]>,
}

/// CLOCK_MONOTONIC in ns.
fn now() -> u64 {
    let t = clock_gettime(ClockId::Monotonic);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// An ioctl that takes the name and the flags of an interface.
pub(crate) fn interface_ioctl<const REQUEST: Opcode>(fd: &OwnedFd, name: &str, flags: c_int) {
    // SAFETY: all zeros are a valid ifreq.
    let mut request: libc::ifreq = unsafe { zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as _;
    }
    request.ifr_ifru.ifru_flags = flags as _;
    // SAFETY: the callers' requests read and write an ifreq with flags.
    unsafe { ioctl(fd, Updater::<REQUEST, _>::new(&mut request)) }.expect(name);
}

/// A TUN interface in this namespace: what the kernel routes there can be read from the descriptor.
pub(crate) fn tun(name: &str) -> OwnedFd {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).open("/dev/net/tun");
    let fd = OwnedFd::from(file.expect("/dev/net/tun"));
    let flags = libc::IFF_TUN | libc::IFF_NO_PI;
    interface_ioctl::<{ libc::TUNSETIFF as Opcode }>(&fd, name, flags);
    ioctl_fionbio(&fd, true).expect("FIONBIO");
    fd
}

/// Moves packets until its process exits, or the link is to end.
pub(crate) fn run(a: &OwnedFd, b: &OwnedFd, quality: Quality, cut: &AtomicU32) {
    let mut waiting = BinaryHeap::new();
    let mut order = 0_u64;
    let mut data_packets = 0_u32;
    let mut free_at = 0_u64;
    let mut buffer = vec![0; 65536];
    while cut.load(Ordering::SeqCst) & ENDED == 0 {
        let mut idle = true;
        for (from, out) in [(a, true), (b, false)] {
            while let Ok(len) = read(from, &mut buffer[..]) {
                idle = false;
                let packet = &buffer[..len];
                let cut_here = if out { CUT_OUT } else { CUT_IN };
                if cut.load(Ordering::SeqCst) & cut_here != 0 {
                    continue;
                }
                let Some(data) = tcp_data(packet) else {
                    continue;
                };
                if let (true, Some(codes)) = (out, quality.unreachable) {
                    let _ = write(a, &icmp_unreachable(packet, codes));
                    continue;
                }
                if out && data > 0 {
                    data_packets += 1;
                    if quality
                        .lose_every
                        .is_some_and(|n| data_packets.is_multiple_of(n))
                        || quality.lose.contains(&data_packets)
                    {
                        continue;
                    }
                }
                let mut due = now() + quality.delay.as_nanos() as u64;
                if let (true, Some(rate)) = (out, quality.rate) {
                    free_at = free_at.max(now()) + len as u64 * 1_000_000_000 / rate;
                    due = free_at + quality.delay.as_nanos() as u64;
                }
                order += 1;
                waiting.push(Reverse((due, order, out, packet.to_vec())));
            }
        }
        while let Some(Reverse((due, ..))) = waiting.peek() {
            if *due > now() {
                break;
            }
            if let Some(Reverse((_, _, out, packet))) = waiting.pop() {
                let _ = write(if out { b } else { a }, &packet);
            }
        }
        if idle {
            let left = waiting
                .peek()
                .map(|Reverse((due, ..))| Duration::from_nanos(due.saturating_sub(now())));
            let left = left.unwrap_or(CHECKED).min(CHECKED);
            let left = Timespec::try_from(left).expect("a short time");
            let mut ends = [a, b].map(|fd| PollFd::new(fd, PollFlags::IN));
            let _ = poll(&mut ends, Some(&left));
        }
    }
}

/// Bytes of data in a TCP packet; `None` for other protocols.
fn tcp_data(packet: &[u8]) -> Option<usize> {
    let (header, total, protocol) = match packet.first()? >> 4 {
        4 => (
            usize::from(packet[0] & 15) * 4,
            usize::from(u16::from_be_bytes([packet[2], packet[3]])),
            packet[9],
        ),
        _ => (
            40,
            40 + usize::from(u16::from_be_bytes([packet[4], packet[5]])),
            packet[6],
        ),
    };
    if protocol != 6 {
        return None;
    }
    let tcp = usize::from(packet.get(header + 12)? >> 4) * 4;
    total.checked_sub(header + tcp)
}

fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let bytes: Vec<u8> = parts.concat();
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|c| u32::from(c[0]) << 8 | c.get(1).map_or(0, |&b| b.into()))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

/// The answer of a router that does not forward the packet: RFC 792 type 3, RFC 4443 type 1.
fn icmp_unreachable(packet: &[u8], codes: [u8; 2]) -> Vec<u8> {
    if packet[0] >> 4 == 4 {
        let quoted = &packet[..packet.len().min(28)];
        let mut icmp = [&[3, codes[0], 0, 0, 0, 0, 0, 0], quoted].concat();
        let sum = checksum(&[&icmp]);
        icmp[2..4].copy_from_slice(&sum);
        let total = (20 + icmp.len()) as u16;
        let mut ip = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0, 10, 77, 0, 254];
        ip[2..4].copy_from_slice(&total.to_be_bytes());
        ip.extend_from_slice(&packet[12..16]);
        let sum = checksum(&[&ip]);
        ip[10..12].copy_from_slice(&sum);
        [ip, icmp].concat()
    } else {
        let quoted = &packet[..packet.len().min(1000)];
        let mut icmp = [&[1, codes[1], 0, 0, 0, 0, 0, 0], quoted].concat();
        let router: [u8; 16] = [0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe];
        let len = (icmp.len() as u32).to_be_bytes();
        let sum = checksum(&[&router, &packet[8..24], &len, &[0, 0, 0, 58], &icmp]);
        icmp[2..4].copy_from_slice(&sum);
        let mut ip = vec![0x60, 0, 0, 0, len[2], len[3], 58, 64];
        ip.extend_from_slice(&router);
        ip.extend_from_slice(&packet[8..24]);
        [ip, icmp].concat()
    }
}
