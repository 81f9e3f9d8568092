//! How long it takes to open a large recording, and to find a moment in it: `cargo bench --bench replay`.
//!
//! `TCPLIFE_SESSIONS` is the number of sessions, ten million by default. `TCPLIFE_RECORDING` keeps the recording under that path.
#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot go on should say so and fail"
)]

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tcplife::testing::model::{
    Batch, Clock, Header, Medium, OpenSnapshot, Played, Player, Reports, State, Tape,
};
use tcplife::testing::output::RecordingWriter;
use tcplife::testing::sample::BusyHost;

const S: u64 = 1_000_000_000;
/// Sessions that close each second.
const RATE: u64 = 2000;
/// Sessions that stay open.
const OPEN: u64 = 500;
/// Longest time from opening the recording to everything that the dashboard keeps at its end.
const FIRST: Duration = Duration::from_secs(1);
/// Longest time to find a moment.
const SEEK: Duration = Duration::from_millis(200);
/// Closed sessions that the dashboard keeps.
const KEEP: u64 = 100_000;

fn variable<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

fn main() {
    let count: u64 = variable("TCPLIFE_SESSIONS").unwrap_or(10_000_000);
    let folder = tempfile::tempdir().expect("a directory");
    let kept: Option<PathBuf> = variable("TCPLIFE_RECORDING");
    let path = kept.unwrap_or_else(|| folder.path().join("large.jsonl.zst"));
    if !path.exists() {
        write(&path, count);
    }
    let file = File::open(&path).expect("a recording");
    let bytes = file.metadata().expect("a file").len();
    println!(
        "{count} sessions, {bytes} bytes, {:.1} bytes a session",
        bytes as f64 / count as f64
    );
    let medium = Medium::File(Arc::new(file));
    let began = Instant::now();
    let open = || Tape::open([(None, medium.clone())]).expect("a recording");
    let tape = open();
    println!("open with its index: {:.1?}", began.elapsed());
    let first = first_batch(&tape, KEEP);
    println!("first batch at the end: {first:.1?}");
    let whole = seek(&tape, Timestamp::MAX, KEEP);
    println!("{KEEP} sessions at the end: {whole:.1?}");
    let (from, to) = (tape.first().expect("a time"), tape.end().expect("a time"));
    let mut times: Vec<Duration> = (0..50_i32)
        .map(|nth| seek(&tape, from + to.duration_since(from) * nth / 50, 0))
        .collect();
    times.sort();
    println!("seek: median {:.1?}, longest {:.1?}", times[25], times[49]);
    assert!(whole <= FIRST, "{whole:?} is more than {FIRST:?}");
    assert!(times[49] <= SEEK, "{:?} is more than {SEEK:?}", times[49]);
}

/// Time to the state at a moment.
fn seek(tape: &Tape, to: Timestamp, closed: u64) -> Duration {
    let began = Instant::now();
    let (mut player, to_ns) = tape.seek(to, closed, Reports::All).expect("a recording");
    let mut open = false;
    while let Some(played) = next(&mut player, to_ns) {
        open |= matches!(played, Played::Batch(batch) if batch.open.is_some());
    }
    assert!(
        open || to.duration_since(tape.first().expect("a time")) < SignedDuration::from_secs(2)
    );
    began.elapsed()
}

fn first_batch(tape: &Tape, closed: u64) -> Duration {
    let began = Instant::now();
    let (mut player, to_ns) = tape
        .seek(Timestamp::MAX, closed, Reports::All)
        .expect("a recording");
    next(&mut player, to_ns);
    began.elapsed()
}

fn next(player: &mut Player, to_ns: u64) -> Option<Played> {
    player.next(to_ns).expect("it is read")
}

/// Writes a recording of a busy host, with a batch each second.
fn write(path: &std::path::Path, count: u64) {
    let mut file = File::create(path).expect("a file");
    let clock = Clock::fixed(1_767_397_177_000_000_000);
    let header = Header {
        host: "db-1".into(),
        ..Header::default()
    };
    let mut writer = RecordingWriter::new(header, clock, S).expect("memory");
    let mut host = BusyHost::default();
    let began = Instant::now();
    let mut packing = Duration::ZERO;
    for second in 1..=count / RATE {
        let at = second * S;
        let open = (0..OPEN).filter(|nth| second == 1 || nth % 10 == second % 10);
        let changed = open.map(|nth| {
            let mut session = host.session(1 + nth, State::Established);
            (session.start_ns, session.established_ns, session.end_ns) = (1 + nth, 2 + nth, at);
            session
        });
        let changed = changed.collect();
        let closed = (0..RATE).map(|nth| {
            let mut session = host.session(OPEN + 1 + second * RATE + nth, State::Closed);
            session.end_ns = at + nth * 1000;
            session.start_ns = session.end_ns.saturating_sub(5_000_000);
            session.established_ns = session.start_ns + 100_000;
            session
        });
        let closed = closed.collect();
        let batch = Batch {
            open: Some(OpenSnapshot {
                changed,
                ..OpenSnapshot::default()
            }),
            closed,
            taken_ns: at,
            clock,
            ..Batch::default()
        };
        let packed = Instant::now();
        writer.batch(&batch).expect("memory");
        writer.tick().expect("memory");
        packing += packed.elapsed();
        file.write_all(&writer.take()).expect("room");
    }
    writer.end().expect("memory");
    file.write_all(&writer.take()).expect("room");
    println!(
        "written in {:.1?}, {:.2?} of packing a session",
        began.elapsed(),
        packing / u32::try_from(count).expect("a number")
    );
}
