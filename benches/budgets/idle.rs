//! Cost of the dashboard when nothing happens, and its startup time.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::churn::Held;
use crate::table::{Budget, Limit, Spread};
use crate::tools::{Screen, figure};
use crate::{Bench, testbed};

/// Open sessions in the budgets.
pub(crate) const OPEN: u64 = 10_000;

pub(crate) fn measure(bench: &mut Bench) {
    starts(bench, OPEN, "10,000", Limit::None);
    starts(bench, 100_000, "100,000", Limit::AtMost(1000.0));
    let what = "start until all of 10,000 sessions are shown, with 1,000 network namespaces";
    bench.step(what, Limit::AtMost(3000.0), |bench| {
        let _namespaces = testbed::Namespaces::add(1000)?;
        let _held = Held::open(OPEN)?;
        let all = bench.rounds(|| Ok(start(OPEN)?.2.as_secs_f64() * 1e3))?;
        Ok(vec![Budget::figure(
            what,
            Limit::AtMost(3000.0),
            "ms",
            Spread::of(&all),
        )])
    });
    for (open, number, limit) in [
        (OPEN, "10,000", 1.0),
        (100_000, "100,000", 3.0),
        (1_000_000, "1,000,000", 10.0),
    ] {
        let what = format!("CPU with {number} idle sessions open, refreshed every second");
        let limit = Limit::AtMost(limit);
        bench.step(&what, limit, |bench| {
            let _held = Held::open(open)?;
            let screen = start(open)?.0;
            let quiet = bench.rounds(|| watch(&screen, bench.times.quiet))?;
            let percent: Vec<f64> = quiet.iter().map(|q| q.percent).collect();
            drop(screen);
            let ss = testbed::cpu_of_command(Command::new("ss").arg("-tinp"))?;
            let ss = Spread::of(&[ss.as_secs_f64() * 100.0]);
            Ok(vec![
                Budget::figure(&what, limit, "%", Spread::of(&percent)),
                Budget::figure(
                    "the same with `ss -tinp` every second",
                    Limit::None,
                    "%",
                    ss,
                ),
            ])
        });
    }
    bench.step("wake-ups when idle", Limit::AtMost(25.0), |bench| {
        let screen = Screen::tcplife(&[])?;
        let quiet = bench.rounds(|| watch(&screen, bench.times.quiet))?;
        let of = |f: fn(&Quiet) -> f64| Spread::of(&quiet.iter().map(f).collect::<Vec<_>>());
        Ok(vec![
            Budget::figure(
                "wake-ups when idle",
                Limit::AtMost(25.0),
                "/s",
                of(|q| q.wake_ups),
            ),
            Budget::figure(
                "bytes to the terminal when idle, 120×40",
                Limit::AtMost(0.3),
                "kB/s",
                of(|q| q.bytes / 1e3),
            ),
        ])
    });
}

/// Measures starts on a host with `open` sessions, a number that is written so.
fn starts(bench: &mut Bench, open: u64, number: &str, all_limit: Limit) {
    let what = format!("start to the first frame with {number} sessions open");
    let limit = Limit::AtMost(100.0);
    bench.step(&what, limit, |bench| {
        let _held = Held::open(open)?;
        let (mut first, mut all) = (Vec::new(), Vec::new());
        bench.rounds(|| {
            let (_, frame, whole) = start(open)?;
            first.push(frame.as_secs_f64() * 1e3);
            all.push(whole.as_secs_f64() * 1e3);
            Ok(())
        })?;
        Ok(vec![
            Budget::figure(&what, limit, "ms", Spread::of(&first)),
            Budget::figure(
                "start until all of them are shown",
                all_limit,
                "ms",
                Spread::of(&all),
            ),
        ])
    });
}

/// Starts a dashboard on a host with `open` sessions on loopback. Returns it with the time to its first frame, and to the
/// first one that has all of them.
pub(crate) fn start(open: u64) -> anyhow::Result<(Screen, Duration, Duration)> {
    let screen = Screen::tcplife(&[])?;
    let first = screen.first_frame()?;
    // the header counts connections, and both ends of these are here
    let open = open / 2;
    let all = screen.when(|text| figure(text, "open").is_some_and(|n| n >= open))?;
    Ok((screen, first, all))
}

/// Activity of an idle dashboard, per second.
#[derive(Clone, Copy)]
pub(crate) struct Quiet {
    /// User and system time by wall time; includes BPF iterators, which run on its own threads.
    pub(crate) percent: f64,
    wake_ups: f64,
    bytes: f64,
}

/// Measures a dashboard for this long.
pub(crate) fn watch(screen: &Screen, time: Duration) -> anyhow::Result<Quiet> {
    let pid = screen.pid();
    let begin = Instant::now();
    let (cpu, sleeps, bytes) = (
        testbed::cpu_of(pid)?,
        testbed::sleeps_of(pid)?,
        screen.bytes(),
    );
    std::thread::sleep(time);
    let seconds = begin.elapsed().as_secs_f64();
    Ok(Quiet {
        percent: 100.0 * testbed::cpu_of(pid)?.saturating_sub(cpu).as_secs_f64() / seconds,
        wake_ups: (testbed::sleeps_of(pid)? - sleeps) as f64 / seconds,
        bytes: (screen.bytes() - bytes) as f64 / seconds,
    })
}
