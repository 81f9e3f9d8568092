//! Cost of tracing for a busy host: time in the kernel, and effects on its own processes.

use std::time::Duration;

use crate::churn::{self, Load, Talk};
use crate::table::{Budget, Limit, Short, Spread};
use crate::tools::{Lines, Peer, Screen};
use crate::user_cost::busy;
use crate::{Absent, Bench, testbed};

pub(crate) fn measure(bench: &mut Bench) {
    let time = bench.times.short;
    for (what, limit, load) in [
        ("4,000 connections/s", 0.10, Load::paced(time, 4000)),
        ("the fastest churn", 0.15, Load::fastest(time)),
    ] {
        let what = format!("kernel time per session, {what}, relative to libbpf-tools' tcplife");
        let limit = Limit::AtMost(limit);
        bench.step(&what, limit, |bench| {
            let pairs = bench.rounds(|| {
                let ours = kernel_ns(Lines::tcplife("text", &[])?, load)?;
                Ok((ours, kernel_ns(Lines::libbpf_tools()?, load)?))
            })?;
            Ok(vec![Budget::ratio(&what, limit, "ns", &pairs)])
        });
    }
    for (what, limit, talk) in [
        (
            "workload CPU time per connection with an answer, without / with the dashboard",
            Limit::AtLeast(0.97),
            Talk::Answer,
        ),
        // a connection that is only opened and closed cannot hide the cost of following it
        (
            "workload CPU time per bare connection, without / with the dashboard",
            Limit::None,
            Talk::Bare,
        ),
    ] {
        bench.step(what, limit, |bench| own_work(bench, what, limit, talk));
    }
    let what = "iperf3 on loopback, with / without the dashboard";
    let limit = Limit::AtLeast(0.99);
    bench.step(what, limit, |bench| {
        testbed::find("iperf3").ok_or(Absent("iperf3"))?;
        let gigabits = || anyhow::Ok(churn::iperf3(bench.times.short)? / 1e9);
        let pairs = bench.rounds(|| {
            let without = gigabits()?;
            let screen = Screen::tcplife(&[])?;
            let with = gigabits()?;
            drop(screen);
            Ok((with, without))
        })?;
        Ok(vec![Budget::ratio(what, limit, "Gbit/s", &pairs)])
    });
}

/// Run time of all BPF programs of a tool per session.
fn kernel_ns(lines: Lines, load: Load) -> anyhow::Result<f64> {
    let measuring = testbed::RunTimes::measure()?;
    let before = testbed::programs_of(lines.pid())?;
    let made = load.run()?;
    let took = testbed::programs_of(lines.pid())?.saturating_sub(before);
    drop(measuring);
    lines.stop()?;
    Ok(took.as_nanos() as f64 / made.sessions() as f64)
}

/// Load of the dashboard itself during the churn.
#[derive(Clone, Copy)]
struct WatchedTime {
    /// User and system time by wall time.
    cores: f64,
    sessions_per_second: f64,
    bytes_per_second: f64,
}

/// CPU time of the churn's own processes per connection: alone, with the dashboard, with other tools.
fn own_work(bench: &Bench, what: &str, limit: Limit, talk: Talk) -> anyhow::Result<Vec<Budget>> {
    let load = Load {
        talk,
        ..Load::fastest(bench.times.short)
    };
    let mut ours: Vec<(f64, f64)> = Vec::new();
    let mut watched = Vec::new();
    let mut peers = Peer::all();
    if talk == Talk::Bare {
        // those on a terminal are compared with connections of the other kind
        peers.retain(Peer::prints);
    }
    let mut theirs = vec![Vec::new(); peers.len()];
    let alone = || anyhow::Ok(load.run()?.cpu_us_a_connection());
    for _ in 0..bench.rounds {
        // forth and back, so that a drift of the host affects both
        let first = alone()?;
        let (there, one) = with_dashboard(load)?;
        let (back, other) = with_dashboard(load)?;
        let last = alone()?;
        ours.extend([(first, there), (last, back)]);
        watched.extend([one, other]);
        for (peer, pairs) in peers.iter().zip(&mut theirs) {
            let running = peer.start()?;
            let with = alone()?;
            running.stop()?;
            pairs.push((last, with));
        }
    }
    let mut budgets = vec![Budget::ratio(what, limit, "µs", &ours)];
    for (peer, pairs) in peers.iter().zip(theirs) {
        let what = format!("the same with {}", peer.name);
        budgets.push(Budget::ratio(what, Limit::None, "µs", &pairs));
    }
    if talk != Talk::Bare {
        return Ok(budgets);
    }
    let of = |figure: fn(&WatchedTime) -> f64| {
        Spread::of(&watched.iter().map(figure).collect::<Vec<_>>())
    };
    let rate = of(|w| w.sessions_per_second).median;
    let alone: Vec<f64> = ours.iter().map(|(without, _)| *without).collect();
    let connection_us = Spread::of(&alone).median;
    bench.connection_us.set(Some(connection_us));
    budgets.push(Budget::figure(
        format!(
            "the dashboard's CPU at {} sessions/s, scaled to 50,000/s; a bare connection costs {} µs",
            Short(rate),
            Short(connection_us)
        ),
        busy(connection_us),
        "%",
        of(|w| 100.0 * w.cores * 50_000.0 / w.sessions_per_second),
    ));
    budgets.push(Budget::figure(
        "bytes to the terminal at the fastest churn, 120×40",
        Limit::AtMost(30.0),
        "kB/s",
        of(|w| w.bytes_per_second / 1e3),
    ));
    Ok(budgets)
}

fn with_dashboard(load: Load) -> anyhow::Result<(f64, WatchedTime)> {
    let screen = Screen::tcplife(&[])?;
    let (cpu, bytes) = (testbed::cpu_of(screen.pid())?, screen.bytes());
    let made = load.run()?;
    let wall = made.wall.as_secs_f64();
    let seconds = |d: Duration| d.as_secs_f64();
    let watched = WatchedTime {
        cores: seconds(testbed::cpu_of(screen.pid())?.saturating_sub(cpu)) / wall,
        sessions_per_second: made.sessions() as f64 / wall,
        bytes_per_second: (screen.bytes() - bytes) as f64 / wall,
    };
    Ok((made.cpu_us_a_connection(), watched))
}
