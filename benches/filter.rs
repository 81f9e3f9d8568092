//! Sessions per second that a filter is matched against; the target is 20 million for three terms.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::ItemsCount;
use tcplife::testing::filter::Filter;
use tcplife::testing::model::{Session, State};
use tcplife::testing::sample::BusyHost;

/// Reports allocations: matching a session must make none.
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

fn sessions(count: u64) -> Vec<Session> {
    let mut host = BusyHost::default();
    (0..count)
        .map(|cookie| host.session(cookie, State::Closed))
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
