//! Time from a key to its frame, by kind of key and number of kept sessions, while more sessions arrive. Run with
//! `cargo bench --bench key_latency`; `make bench` checks the worst case against the budget.

use std::time::Duration;

#[path = "common/dashboard.rs"]
mod dashboard;

use dashboard::{ARRIVING, Dashboard, SCRIPTS, SIZE, percentile};

fn main() {
    println!(
        "key to frame, {}x{}, up to {ARRIVING} sessions arriving between keys",
        SIZE.width, SIZE.height
    );
    println!(
        "{:>9} {:>6} {:>28} {:>9} {:>9} {:>9} {:>9}",
        "kept", "open", "keys", "p50 ms", "p99 ms", "worst ms", "whole ms"
    );
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
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
