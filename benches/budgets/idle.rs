//! Cost of the dashboard when nothing happens, and its startup time.

use std::time::{Duration, Instant};

use crate::churn::Held;
use crate::table::{Budget, Limit, Spread};
use crate::tools::{PATIENCE, Screen, figure};
use crate::{Bench, testbed};

/// Open sessions in the budgets.
pub(crate) const OPEN: u64 = 10_000;

pub(crate) fn measure(bench: &mut Bench) {
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

/// Starts a dashboard on a host with `open` sessions on loopback. Returns it with the time to its first frame, and to the
/// first one that has all of them.
pub(crate) fn start(open: u64) -> anyhow::Result<(Screen, Duration, Duration)> {
    let screen = Screen::tcplife(&[])?;
    let first = screen.first_frame()?;
    // the header counts connections, and both ends of these are here
    let open = open / 2;
    let patience = PATIENCE + Duration::from_micros(200 * open);
    let has_all = |text: &str| figure(text, "open").is_some_and(|n| n >= open);
    let all = screen.when_within(patience, has_all)?;
    Ok((screen, first, all))
}

/// Time between the snapshots of a dashboard, as it says itself.
fn interval(screen: &Screen) -> Duration {
    let text = screen.text();
    let every = text.split_once("figures every ");
    let seconds = every.and_then(|(_, rest)| rest.split_once('s')?.0.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1))
}

/// Waits until a dashboard no longer changes the time between its snapshots, of which the first took so long. Returns that.
fn settled_interval(screen: &Screen, first: Duration) -> Duration {
    // the first snapshot has everything, and the next two, which are shorter, decide
    let mut every = Duration::from_secs(1);
    std::thread::sleep(first * 2);
    loop {
        std::thread::sleep(every * 3);
        let now = interval(screen);
        if now <= every {
            return now;
        }
        every = now;
    }
}

/// Measures an idle dashboard, whose first snapshot took so long, for at least this long, and two snapshots. Returns the time
/// between these, too.
pub(crate) fn watch_snapshots(
    screen: &Screen,
    first: Duration,
    least: Duration,
) -> anyhow::Result<(Quiet, Duration)> {
    let every = settled_interval(screen, first);
    Ok((watch(screen, least.max(every * 2))?, every))
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
