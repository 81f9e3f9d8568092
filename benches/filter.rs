//! Sessions a second that a filter tries; the target is 20 million for three terms.

use std::hint::black_box;
use std::net::IpAddr;

use divan::Bencher;
use divan::counter::ItemsCount;
use tcplife::filter::Filter;
use tcplife::session::{Comm, Direction, Evidence, Reason, Session, State};

/// Shows allocations, of which trying a session is to make none.
#[global_allocator]
static ALLOC: divan::AllocProfiler = divan::AllocProfiler::system();

#[expect(
    clippy::expect_used,
    reason = "a bench of a wrong filter has nothing to measure"
)]
fn filter(text: &str) -> Filter {
    Filter::parse(text).expect("a filter")
}

fn main() {
    divan::main();
}

/// Sessions of a busy host: some of many peers, few ports, few processes.
fn sessions(count: u32) -> Vec<Session> {
    const COMMS: [&str; 5] = ["curl", "nginx", "postgres", "sshd", "Web Content"];
    const PORTS: [u16; 5] = [443, 80, 5432, 22, 8080];
    (0..count)
        .map(|i| {
            let mixed = i.wrapping_mul(2_654_435_761); // Knuth's multiplicative hash: no branch can learn it
            let pick = (mixed >> 16) as usize % COMMS.len();
            Session {
                cookie: i.into(),
                start_ns: 1_000_000_000,
                established_ns: 1_001_000_000,
                close_us: 0,
                end_ns: 2_000_000_000 + u64::from(mixed),
                cgroup: std::sync::Arc::default(),
                tx_bytes: u64::from(mixed >> 4),
                rx_bytes: u64::from(mixed >> 8),
                retransmitted_bytes: 0,
                busy_us: 0,
                rwnd_limited_us: 0,
                sndbuf_limited_us: 0,
                unacked_bytes: 0,
                unread_bytes: 0,
                srtt_us: mixed >> 20,
                min_rtt_us: 10,
                retransmits: mixed >> 28,
                cwnd: 10,
                mss: 1448,
                pid: 1000 + mixed % 50,
                uid: 0,
                netns: 1,
                tx_rate: 0.0,
                rx_rate: 0.0,
                lport: 32_768 + (i % 20_000) as u16,
                rport: PORTS[pick],
                laddr: IpAddr::from([10, 0, 0, 5]),
                raddr: if i % 4 == 0 {
                    IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, (i >> 16) as u16, i as u16])
                } else {
                    IpAddr::from([10, (mixed >> 16) as u8, (mixed >> 8) as u8, mixed as u8])
                },
                comm: Comm::from(COMMS[pick]),
                state: State::Closed,
                state_before_close: State::FinWait2,
                reason: Reason::ALL[1 + (mixed >> 24) as usize % (Reason::ALL.len() - 1)],
                owner: Evidence::Connect,
                direction: Direction::Out,
                age_is_lower_bound: false,
            }
        })
        .collect()
}

#[divan::bench(args = [
    "port 443 and rtt > 1ms and retr > 0",
    "raddr 10.0.0.0/8 and rport 80,443 and tx > 10MB",
    "comm curl and reason refused,timeout and dur > 2s",
    "lport 22,80,8000-8100 or not ip 4 or pid 1007",
    "comm ~ ^(curl|nginx)$ and port 443 and rtt > 1ms",
    "curl",
    "10.1.",
    "comm ~ ^(curl|nginx)$",
])]
fn matches(bencher: Bencher<'_, '_>, text: &str) {
    let sessions = sessions(10_000);
    let filter = filter(text);
    bencher
        .counter(ItemsCount::new(sessions.len()))
        .bench_local(|| {
            let fit = |s: &&Session| black_box(&filter).matches(s);
            black_box(&sessions).iter().filter(fit).count()
        });
}

/// A million kept sessions, which do not fit any cache.
#[divan::bench(sample_count = 10)]
fn a_million(bencher: Bencher<'_, '_>) {
    let sessions = sessions(1_000_000);
    let filter = filter("port 443 and rtt > 1ms and retr > 0");
    bencher
        .counter(ItemsCount::new(sessions.len()))
        .bench_local(|| {
            let fit = |s: &&Session| black_box(&filter).matches(s);
            black_box(&sessions).iter().filter(fit).count()
        });
}

#[divan::bench]
fn parse() -> Filter {
    let text = black_box("port 443 and (comm curl,wget or raddr 10.0.0.0/8) and rtt > 1ms");
    filter(text)
}
