//! Time from a key to its frame, by kind of key and number of sessions, while more sessions or snapshots arrive. Run with
//! `cargo bench --bench key_latency`, or with `-- open` for the part with many open sessions; `make bench` checks the worst
//! case against the budget.

use std::collections::BTreeMap;
use std::time::Duration;

#[path = "common/dashboard.rs"]
mod dashboard;

#[path = "common/live_memory.rs"]
mod live_memory;
#[path = "common/many_open.rs"]
mod many_open;

use dashboard::{ARRIVING, Dashboard, SCRIPTS, SIZE, percentile};
use live_memory::Counting;
use many_open::ManyOpen;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    if !std::env::args().any(|arg| arg == "open") {
        closed();
    }
    open();
}

fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1e3
}

/// Many open sessions, of which a part changes in each snapshot.
fn open() {
    println!("key to frame, at any moment after a snapshot has arrived; one arrives each second");
    println!(
        "{:>9} {:>9} {:>28} {:>9} {:>9} {:>9}",
        "open", "changed", "keys", "p50 ms", "p99 ms", "worst ms"
    );
    for (open, percent, times) in [
        (100_000, 1, 3),
        (100_000, 100, 1),
        (1_000_000, 1, 1),
        (1_000_000, 100, 1),
    ] {
        let mut host = ManyOpen::new(10_000, open);
        let (mut all, mut by_script) = (Vec::new(), BTreeMap::new());
        let print = |what, frames: &mut Vec<Duration>| {
            let [p50, p99, worst] = [50, 99, 100].map(|p| ms(percentile(frames, p)));
            println!("{open:>9} {percent:>8}% {what:>28} {p50:>9.2} {p99:>9.2} {worst:>9.2}");
        };
        for (what, frames) in (0..times).flat_map(|_| host.type_scripts(percent)) {
            let of_script: &mut Vec<Duration> = by_script.entry(what).or_default();
            of_script.extend(&frames);
            all.extend(frames);
        }
        for (what, mut frames) in by_script {
            print(what, &mut frames);
        }
        print("any", &mut all);
        println!(
            "{open:>9} {percent:>8}% {:>28} {:>9.0}",
            "bytes of memory a session",
            host.bytes as f64 / open as f64
        );
    }
}

/// Many closed sessions.
fn closed() {
    println!(
        "key to frame, {}x{}, up to {ARRIVING} sessions arriving between keys",
        SIZE.width, SIZE.height
    );
    println!(
        "{:>9} {:>6} {:>28} {:>9} {:>9} {:>9} {:>9}",
        "kept", "open", "keys", "p50 ms", "p99 ms", "worst ms", "whole ms"
    );
    for (kept, open) in [(10_000, 100), (100_000, 1_000), (1_000_000, 10_000)] {
        let mut dashboard = Dashboard::new(kept, open);
        for (what, script) in SCRIPTS {
            let answers = dashboard.type_script(script, 15);
            let mut frames: Vec<_> = answers.iter().map(|a| a.frame).collect();
            let mut whole: Vec<_> = answers.iter().map(|a| a.whole).collect();
            println!(
                "{kept:>9} {open:>6} {what:>28} {:>9.2} {:>9.2} {:>9.2} {:>9.2}",
                ms(percentile(&mut frames, 50)),
                ms(percentile(&mut frames, 99)),
                ms(percentile(&mut frames, 100)),
                ms(percentile(&mut whole, 100))
            );
        }
    }
}
