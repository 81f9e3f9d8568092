//! Cost of a session in tcplife itself, from the ring buffer to the screen.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, BufReader, BufWriter, Read};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use crossbeam_channel::{bounded, select};
use jiff::tz::TimeZone;
use ratatui::layout::Size;
use serde_json::{Value, json};
use tcplife::testing::collector::{self, CollectorConfig};
use tcplife::testing::filter::Filter;
use tcplife::testing::model::{Batch, CaptureFilter, Clock, OpenSnapshot, Session, State, Store};
use tcplife::testing::output::{
    ALL, Csv, CsvColumns, DeadlineWriter, End, Json, Sink, Spelling, Text, TextColumns, Times,
};
use tcplife::testing::sample::BusyHost;
use tcplife::testing::ui::App;

use crate::churn::Load;
use crate::dashboard::{ARRIVING, Dashboard, SCRIPTS, SIZE, percentile};
use crate::many_open::ManyOpen;
use crate::scaling::MILLION;
use crate::table::{Budget, Limit, Spread};
use crate::{Bench, testbed};

/// CPU time of a bare connection up to which a machine is fast, µs: 17 to 69 were seen.
const FAST_US: f64 = 35.0;
/// CPU of the dashboard at 50,000 sessions per second, % of a core of a fast machine, and of a slow one.
const BUSY: [f64; 2] = [5.0, 10.0];

/// CPU of the dashboard at 50,000 sessions per second on a machine where a bare connection costs its processes so much.
pub(crate) fn busy(connection_us: f64) -> Limit {
    let [fast, slow] = BUSY;
    Limit::AtMost(if connection_us <= FAST_US { fast } else { slow })
}

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
    // where that was not measured, the machine counts as a fast one
    let limit = busy(bench.connection_us.get().unwrap_or_default());
    bench.step(what, limit, |bench| {
        let mut dashboard = Dashboard::new(KEEP as u64, 100);
        let percent = bench.rounds(|| second_of_50_000(&mut dashboard))?;
        Ok(vec![Budget::figure(what, limit, "%", Spread::of(&percent))])
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

/// Keys and memory with many open sessions, of which one in a hundred changes in each snapshot.
pub(crate) fn measure_many_open(bench: &mut Bench) {
    for (number, open, limit_ms) in [("100,000", 100_000, 16.0), ("a million", MILLION, 30.0)] {
        if open == MILLION && !bench.times.has_million {
            continue;
        }
        let what = format!("key to frame, {number} open, p99");
        bench.step(&what, Limit::AtMost(limit_ms), |_| {
            let mut host = ManyOpen::new(10_000, open);
            // once: with a million it takes minutes
            let typed = host.type_scripts(1).into_iter();
            let mut frames: Vec<Duration> = typed.flat_map(|(_, frames)| frames).collect();
            let p99_ms = percentile(&mut frames, 99).as_secs_f64() * 1e3;
            Ok(vec![
                Budget::figure(&what, Limit::AtMost(limit_ms), "ms", Spread::of(&[p99_ms])),
                Budget::figure(
                    format!("memory per open session, {number} open"),
                    Limit::AtMost(300.0),
                    "B",
                    Spread::of(&[host.bytes as f64 / open as f64]),
                ),
            ])
        });
    }
}

/// Rows per second that each output must reach, in thousands.
const ROWS: f64 = 200.0;

/// Creates an output that writes to `out`.
type Output = for<'a> fn(BufWriter<DeadlineWriter<'a>>) -> Box<dyn Sink + 'a>;

/// Outputs by name, with their usual columns and with all.
const OUTPUTS: [(&str, Output); 5] = [
    ("text", |out| {
        Box::new(Text::new(out, false, SAFE, NO_TIMES, TimeZone::UTC))
    }),
    ("CSV", |out| {
        Box::new(Csv::new(out, SAFE, NO_TIMES, TimeZone::UTC))
    }),
    ("JSON", |out| Box::new(Json::new(out))),
    ("text with all columns", |out| {
        let columns = ALL.clone();
        Box::new(TextColumns::new(
            out,
            columns,
            false,
            SAFE,
            NO_TIMES,
            TimeZone::UTC,
        ))
    }),
    ("CSV with all columns", |out| {
        Box::new(CsvColumns::new(
            out,
            ALL.clone(),
            SAFE,
            NO_TIMES,
            TimeZone::UTC,
        ))
    }),
];
const SAFE: Spelling = Spelling::Safe;
const NO_TIMES: Times = Times {
    time: false,
    timestamp: false,
};

/// Rows of the outputs, to a device that takes everything and to a program that reads a pipe.
pub(crate) fn measure_rows(bench: &mut Bench) {
    for (name, output) in OUTPUTS {
        for (to, target) in [("/dev/null", null as Target), ("a pipe", read_pipe)] {
            let what = format!("rows of {name} to {to}");
            bench.step(&what, Limit::AtLeast(ROWS), |bench| {
                let rates = bench.rounds(|| written(output, target))?;
                let limit = Limit::AtLeast(ROWS);
                Ok(vec![Budget::figure(
                    &what,
                    limit,
                    "k/s",
                    Spread::of(&rates),
                )])
            });
        }
    }
}

/// Returns what takes rows, and the thread that reads them, if one must.
type Target = fn() -> anyhow::Result<(OwnedFd, Option<JoinHandle<io::Result<()>>>)>;

fn null() -> anyhow::Result<(OwnedFd, Option<JoinHandle<io::Result<()>>>)> {
    let null = File::options().write(true).open("/dev/null")?;
    Ok((null.into(), None))
}

fn read_pipe() -> anyhow::Result<(OwnedFd, Option<JoinHandle<io::Result<()>>>)> {
    let (mut reader, writer) = io::pipe()?;
    let reading = std::thread::spawn(move || {
        let mut bytes = vec![0; 64 << 10];
        while reader.read(&mut bytes)? > 0 {}
        Ok(())
    });
    Ok((writer.into(), Some(reading)))
}

/// Thousands of rows per second, written in batches like those of the collector.
fn written(output: Output, target: Target) -> anyhow::Result<f64> {
    const BATCHES: usize = 25;
    let mut host = BusyHost::default();
    let batch: Vec<Session> = (0..4096).map(|c| host.session(c, State::Closed)).collect();
    let clock = Clock::fixed(1_767_397_178_000_000_000);
    let end = End::new(None)?;
    let (out, reading) = target()?;
    let mut sink = output(BufWriter::new(DeadlineWriter::new(out, &end)));
    let start = Instant::now();
    sink.begin()?;
    for _ in 0..BATCHES {
        for session in &batch {
            sink.session(session, &clock)?;
        }
        sink.flush()?;
    }
    drop(sink);
    if let Some(reading) = reading {
        reading.join().map_err(|_| anyhow!("the reader failed"))??;
    }
    Ok((BATCHES * batch.len()) as f64 / start.elapsed().as_secs_f64() / 1e3)
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
            [then] if then == "talkers" => {
                app.batch(batch);
                while app.is_working() {
                    app.work();
                }
            }
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

/// CPU time, in % of a second, in which the dashboard ingests 50,000 sessions, batched as by the collector.
fn second_of_50_000(dashboard: &mut Dashboard) -> anyhow::Result<f64> {
    let batches: Vec<Batch> = (0..20).map(|i| dashboard.batch(2500, i == 19)).collect();
    let before = testbed::cpu_of_this_process()?;
    for batch in batches {
        dashboard.app.batch(batch);
        dashboard.work();
    }
    dashboard.draw();
    let cpu = testbed::cpu_of_this_process()?.saturating_sub(before);
    Ok(100.0 * cpu.as_secs_f64())
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
        while app.is_working() {
            app.work();
        }
    }
    let bytes = testbed::memory_of_this_process()?.saturating_sub(before);
    println!("{}", json!({ "bytes": bytes }));
    drop(app);
    Ok(())
}
