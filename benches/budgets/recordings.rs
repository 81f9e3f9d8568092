//! Cost of keeping sessions, in a recording and in the black box, and the time to find a moment in a large recording.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use jiff::Timestamp;
use tcplife::testing::model::{
    Batch, Clock, Header, Medium, OpenSnapshot, Packer, Played, Player, Reports, State, Tape, To,
};
use tcplife::testing::output::RecordingWriter;
use tcplife::testing::sample::BusyHost;

use crate::jumps::Jumps;
use crate::table::{Budget, Limit, Short, Spread};
use crate::{Bench, testbed};

const S: u64 = 1_000_000_000;
/// Sessions that close each second.
const RATE: u64 = 2000;
/// Sessions that stay open.
const OPEN: u64 = 500;
/// Closed sessions that the dashboard keeps.
const KEEP: u64 = 100_000;
/// Moments that are gone to.
const JUMPS: usize = 20;
/// CPU time of a recorded session, and of one in the black box, µs.
const RECORDED: Limit = Limit::AtMost(6.0);
const PACKED: Limit = Limit::AtMost(0.5);

pub(crate) fn measure(bench: &mut Bench) {
    let what = "CPU per session in the black box, without a kernel";
    bench.step(what, PACKED, |bench| {
        let us = bench.rounds(packed_us)?;
        Ok(vec![Budget::figure(what, PACKED, "µs", Spread::of(&us))])
    });
    let what = "CPU per recorded session, without a kernel";
    bench.step(what, RECORDED, |bench| large(bench, what));
}

/// CPU time to pack a session for the black box, µs.
fn packed_us() -> anyhow::Result<f64> {
    const SECONDS: u64 = 5;
    const BUSY: u64 = 50_000;
    let mut host = BusyHost::default();
    let mut packer = Packer::new()?;
    let mut took = Duration::ZERO;
    for second in 1..=SECONDS {
        let batch = second_of(&mut host, second, BUSY);
        let before = testbed::cpu_of_this_process()?;
        packer.batch(&batch)?;
        took += testbed::cpu_of_this_process()?.saturating_sub(before);
    }
    Ok(took.as_secs_f64() * 1e6 / (SECONDS * BUSY) as f64)
}

/// Writes a large recording and reads it: `what` is the row of writing.
fn large(bench: &Bench, what: &str) -> anyhow::Result<Vec<Budget>> {
    let folder = tempfile::tempdir().context("a directory for the recording")?;
    let path = folder.path().join("large.jsonl.zst");
    let count = bench.times.recorded;
    let us = write(&path, count)?;
    let file = File::open(&path)?;
    let bytes = file.metadata()?.len() as f64 / count as f64;
    let medium = Medium::File(Arc::new(file));
    let opened = bench.rounds(|| {
        let begun = Instant::now();
        let tape = open(&medium)?;
        seek_end(&tape)?;
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    })?;
    let mut jumps = Jumps::new(&path, KEEP)?;
    let times = (0..JUMPS).map(|_| jumps.jump());
    let (rows, whole): (Vec<Duration>, Vec<Duration>) = times
        .collect::<anyhow::Result<Vec<_>>>()?
        .into_iter()
        .unzip();
    let slowest_ms = |times: &[Duration]| {
        let slowest = times.iter().max().copied().unwrap_or_default();
        Spread::of(&[slowest.as_secs_f64() * 1e3])
    };
    let number = Short(count as f64);
    let [jumps_ms, whole_ms] = [slowest_ms(&rows), slowest_ms(&whole)];
    let rows = [
        (what.to_owned(), RECORDED, "µs", Spread::of(&[us])),
        (
            "bytes of a recorded session".into(),
            Limit::AtMost(100.0),
            "B",
            Spread::of(&[bytes]),
        ),
        (
            format!("opening a recording of {number} sessions"),
            Limit::AtMost(1000.0),
            "ms",
            Spread::of(&opened),
        ),
        (
            format!("key to the rows of a moment in it, the slowest of {JUMPS}"),
            Limit::AtMost(200.0),
            "ms",
            jumps_ms,
        ),
        (
            "the same until its rates and findings are there".into(),
            Limit::None,
            "ms",
            whole_ms,
        ),
    ];
    let rows = rows.into_iter();
    let rows = rows.map(|(what, limit, unit, figure)| Budget::figure(what, limit, unit, figure));
    Ok(rows.collect())
}

fn open(medium: &Medium) -> anyhow::Result<Tape> {
    let tape = Tape::open([(None, medium.clone())]);
    tape.map_err(|(_, error)| error.into())
}

/// Reads everything that the dashboard keeps at the end.
fn seek_end(tape: &Tape) -> anyhow::Result<()> {
    let found = tape.seek(To::Wall(Timestamp::MAX), KEEP, Reports::All);
    let (mut player, to_ns) = found.context("there is nothing in it")?;
    let mut open = false;
    while let Some(played) = next(&mut player, to_ns)? {
        open |= matches!(played, Played::Batch(batch) if batch.open.is_some());
    }
    ensure!(open, "there is no state at its end");
    Ok(())
}

fn next(player: &mut Player, to_ns: u64) -> anyhow::Result<Option<Played>> {
    Ok(player.next(to_ns)?)
}

/// Writes a recording of a busy host, with a batch each second. Returns the CPU time of packing a session, µs.
fn write(path: &Path, count: u64) -> anyhow::Result<f64> {
    let mut file = File::create(path)?;
    let header = Header {
        host: "db-1".into(),
        ..Header::default()
    };
    let mut writer = RecordingWriter::new(header, clock(), S)?;
    let mut host = BusyHost::default();
    let mut took = Duration::ZERO;
    for second in 1..=count / RATE {
        let batch = second_of(&mut host, second, RATE);
        let before = testbed::cpu_of_this_process()?;
        writer.batch(&batch)?;
        writer.tick()?;
        took += testbed::cpu_of_this_process()?.saturating_sub(before);
        file.write_all(&writer.take())?;
    }
    writer.end()?;
    file.write_all(&writer.take())?;
    Ok(took.as_secs_f64() * 1e6 / count as f64)
}

fn clock() -> Clock {
    Clock::fixed(1_767_397_177_000_000_000)
}

/// The batch of a second in which so many sessions close, and one in ten of the open ones changes.
fn second_of(host: &mut BusyHost, second: u64, rate: u64) -> Batch {
    let at = second * S;
    let open = (0..OPEN).filter(|nth| second == 1 || nth % 10 == second % 10);
    let changed = open.map(|nth| {
        let mut session = host.session(1 + nth, State::Established);
        (session.start_ns, session.established_ns, session.end_ns) = (1 + nth, 2 + nth, at);
        session
    });
    let changed = changed.collect();
    let closed = (0..rate).map(|nth| {
        let mut session = host.session(OPEN + 1 + second * rate + nth, State::Closed);
        session.end_ns = at + nth * 1000;
        session.start_ns = session.end_ns.saturating_sub(5_000_000);
        session.established_ns = session.start_ns + 100_000;
        session
    });
    Batch {
        open: Some(OpenSnapshot {
            changed,
            ..OpenSnapshot::default()
        }),
        closed: closed.collect(),
        taken_ns: at,
        clock: clock(),
        ..Batch::default()
    }
}
