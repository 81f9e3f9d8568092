//! Cost of a session in tcplife itself, from the ring buffer to the screen.

use std::hint::black_box;
use std::io::BufReader;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use crossbeam_channel::{bounded, select};
use ratatui::layout::Size;
use serde_json::{Value, json};
use tcplife::testing::collector::{self, CollectorConfig};
use tcplife::testing::filter::Filter;
use tcplife::testing::model::{Batch, CaptureFilter, OpenSnapshot, Session, State, Store};
use tcplife::testing::sample::BusyHost;
use tcplife::testing::ui::App;

use crate::churn::Load;
use crate::dashboard::{ARRIVING, Dashboard, SCRIPTS, SIZE, percentile};
use crate::table::{Budget, Limit, Spread};
use crate::{Bench, testbed};

/// Closed sessions that the dashboard keeps by default.
const KEEP: usize = 100_000;

pub(crate) fn measure_kernel(bench: &mut Bench) {
    for (what, limit, then) in [
        (
            "CPU per session: drain, decode, store",
            Limit::AtMost(1.0),
            "store",
        ),
        ("the same with top talkers", Limit::None, "talkers"),
    ] {
        bench.step(what, limit, |bench| {
            let load = Load::fastest(bench.times.short);
            let taken = bench.rounds(|| drain(then, load))?;
            Ok(vec![Budget::figure(what, limit, "µs", Spread::of(&taken))])
        });
    }
}

pub(crate) fn measure(bench: &mut Bench) {
    let what = "dashboard's CPU at 50,000 sessions/s, without a kernel";
    bench.step(what, Limit::AtMost(15.0), |bench| {
        let mut dashboard = Dashboard::new(KEEP as u64, 100);
        let percent = bench.rounds(|| Ok(second_of_50_000(&mut dashboard)))?;
        Ok(vec![Budget::figure(
            what,
            Limit::AtMost(15.0),
            "%",
            Spread::of(&percent),
        )])
    });
    let what = "evaluations of a filter of three terms";
    bench.step(what, Limit::AtLeast(20.0), |bench| {
        let mut host = BusyHost::default();
        let sessions: Vec<Session> = (0..10_000)
            .map(|c| host.session(c, State::Closed))
            .collect();
        let filter = Filter::parse("port 443 and rtt > 1ms and retr > 0")?;
        let rates = bench.rounds(|| Ok(tried(&filter, &sessions)))?;
        Ok(vec![Budget::figure(
            what,
            Limit::AtLeast(20.0),
            "M/s",
            Spread::of(&rates),
        )])
    });
}

/// CPU time of a process per session that it ingests from a churn, µs.
fn drain(then: &str, load: Load) -> anyhow::Result<f64> {
    let mut child = testbed::role("drain")?
        .arg(then)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let run = testbed::first_line(&mut child).and_then(|()| load.run());
    child.stdin = None;
    let said = said(child)?;
    run?;
    let sessions = said["sessions"].as_u64().context("no sessions")?;
    let us = said["cpu_us"].as_f64().context("no CPU time")?;
    Ok(us / sessions as f64)
}

/// The JSON that a role prints when it exits.
fn said(mut child: Child) -> anyhow::Result<Value> {
    let out = BufReader::new(child.stdout.take().context("no pipe")?);
    let said = serde_json::from_reader(out).context("what a role says");
    child.wait()?;
    said
}

/// `--role drain store|talkers`: runs the collector and its consumer until stdin is closed.
pub(crate) fn drain_role(arguments: &[String]) -> anyhow::Result<()> {
    testbed::end_after(Duration::from_secs(120));
    let mut store = Store::new(KEEP);
    let mut app = App::new("bench".into(), CaptureFilter::default(), KEEP, SIZE);
    let mut sessions = 0;
    let mut take = |batch: Batch| {
        sessions += batch.closed.len();
        match arguments {
            [then] if then == "talkers" => drop(app.batch(batch)),
            _ => store.apply(batch),
        }
    };
    let collector = collector::start(CollectorConfig {
        ring_bytes: 16 << 20,
        ..CollectorConfig::for_tests()
    })?;
    let before = testbed::cpu_of_this_process()?;
    println!("ready");
    let (end_tx, end) = bounded::<()>(0);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop(end_tx);
    });
    loop {
        select! {
            recv(collector.batches()) -> batch => take(batch?),
            recv(end) -> _ => break,
        }
    }
    collector.request_stop();
    while let Ok(batch) = collector.batches().recv() {
        take(batch);
    }
    let cpu = testbed::cpu_of_this_process()?.saturating_sub(before);
    collector.join()?;
    println!(
        "{}",
        json!({ "sessions": sessions, "cpu_us": cpu.as_secs_f64() * 1e6 })
    );
    Ok(())
}

/// Part of a second, in %, in which the dashboard ingests 50,000 sessions, batched as by the collector.
fn second_of_50_000(dashboard: &mut Dashboard) -> f64 {
    let batches: Vec<Batch> = (0..20).map(|i| dashboard.batch(2500, i == 19)).collect();
    let start = Instant::now();
    for batch in batches {
        dashboard.app.batch(batch);
    }
    dashboard.work();
    dashboard.draw();
    100.0 * start.elapsed().as_secs_f64()
}

/// Million sessions per second.
fn tried(filter: &Filter, sessions: &[Session]) -> f64 {
    const TIMES: usize = 200;
    let start = Instant::now();
    for _ in 0..TIMES {
        let fits = |s: &&Session| black_box(filter).matches(s);
        black_box(black_box(sessions).iter().filter(fits).count());
    }
    (TIMES * sessions.len()) as f64 / start.elapsed().as_secs_f64() / 1e6
}

/// Response times with this many sessions kept and open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// A frame alone.
    pub(crate) frame_ms: f64,
    /// Maximum time until the complete result of a key was there.
    pub(crate) whole_ms: f64,
}

/// Types every script `times` times.
pub(crate) fn keys(kept: u64, open: u64, times: u32) -> Keys {
    let mut dashboard = Dashboard::new(kept, open);
    let mut answers = Vec::new();
    for (_, script) in SCRIPTS {
        answers.extend(dashboard.type_script(script, times));
    }
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
    let mut frames: Vec<_> = answers.iter().map(|a| a.frame).collect();
    let mut whole: Vec<_> = answers.iter().map(|a| a.whole).collect();
    let mut drawn: Vec<_> = (0..50).map(|_| dashboard.draw()).collect();
    Keys {
        p50_ms: ms(percentile(&mut frames, 50)),
        p99_ms: ms(percentile(&mut frames, 99)),
        frame_ms: ms(percentile(&mut drawn, 50)),
        whole_ms: ms(percentile(&mut whole, 100)),
    }
}

/// Memory for `kept` sessions, bytes: of a process that holds nothing else, including the aggregates.
pub(crate) fn memory(kept: u64) -> anyhow::Result<f64> {
    let child = testbed::role("keep")?
        .arg(kept.to_string())
        .stdout(Stdio::piped())
        .spawn()?;
    let said = said(child)?;
    said["bytes"].as_f64().context("no figure")
}

/// `--role keep N`: holds a dashboard's state with N sessions.
pub(crate) fn keep_role(arguments: &[String]) -> anyhow::Result<()> {
    let [kept] = arguments else {
        bail!("keep takes a number of sessions");
    };
    let kept: u64 = kept.parse()?;
    let mut host = BusyHost::default();
    let mut app = App::new(
        "bench".into(),
        CaptureFilter::default(),
        kept as usize,
        Size::new(80, 24),
    );
    let before = testbed::memory_of_this_process()?;
    let mut left = kept;
    while left > 0 {
        let now = left.min(ARRIVING / 5);
        app.batch(Batch {
            taken_ns: 1,
            open: Some(OpenSnapshot::default()),
            closed: (left - now..left)
                .map(|c| host.session(c, State::Closed))
                .collect(),
            ..Batch::default()
        });
        left -= now;
    }
    while app.is_working() {
        app.work();
    }
    let bytes = testbed::memory_of_this_process()?.saturating_sub(before);
    println!("{}", json!({ "bytes": bytes }));
    drop(app);
    Ok(())
}
