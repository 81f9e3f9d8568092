//! Line outputs: one line for every session when it closes, for every open session, or for both and their changes,
//! instead of the dashboard.
//!
//! Owns the run: when it ends, when rows are flushed, and the summary. The formats are `text`, `csv` and `json`, their
//! columns `columns`; `open_events` chooses the events of open sessions, and `events` encodes them; `stdout` writes to stdout,
//! `export_file` to the dashboard's export files, `record` to recordings; `report` writes a report at the end of a run.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::time::Duration;

use crossbeam_channel::{Receiver, at, never, select, tick};
use rustc_hash::FxHashSet;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::filter::Filter;
use crate::host::sandbox::InForce;
use crate::host::users::uid_of;
use crate::model::batch::{Batch, Clock, Missed};
use crate::model::fields;
use crate::model::findings::{FindingEvent, Thresholds};
use crate::model::session::{Age, Session, SessionId};
use crate::model::store::Store;
use crate::text::sanitize::sanitize;

pub mod black_box;
pub mod columns;
pub mod csv;
pub mod events;
pub mod export_file;
pub mod findings;
pub mod json;
pub mod names;
pub mod open_events;
pub mod record;
pub mod report;
pub mod stdout;
pub mod text;

use events::Gone;
use open_events::{OpenEvents, Taken};
use stdout::{End, print_to_stderr};

/// An output format for sessions.
pub trait Sink {
    /// True if a row says that its duration is a lower bound.
    fn marks_bounds(&self) -> bool {
        true
    }

    /// Writes what precedes the first row.
    ///
    /// # Errors
    /// If writing fails.
    fn begin(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Writes one session's row.
    ///
    /// # Errors
    /// If writing fails.
    fn session(&mut self, session: &Session, clock: &Clock) -> io::Result<()>;

    /// Writes what has happened to an open session since its previous event, if anything has. Formats of rows have no
    /// place for it.
    ///
    /// # Errors
    /// If writing fails.
    fn update(&mut self, _before: &Session, _now: &Session, _: &Clock) -> io::Result<()> {
        Ok(())
    }

    /// Writes that an open session can be forgotten. Formats of rows have no place for it.
    ///
    /// # Errors
    /// If writing fails.
    fn gone(&mut self, _: &Gone, _: &Clock) -> io::Result<()> {
        Ok(())
    }

    /// Writes a finding that has begun or ended. Formats of rows have no place for it.
    ///
    /// # Errors
    /// If writing fails.
    fn finding(&mut self, _: &FindingEvent, _: &Clock, _: &Thresholds) -> io::Result<()> {
        Ok(())
    }

    /// Flushes all that was written.
    ///
    /// # Errors
    /// If writing fails.
    fn flush(&mut self) -> io::Result<()>;

    /// Writes what follows the last row. Unless a format has a place for it, missed sessions are reported on stderr.
    ///
    /// # Errors
    /// If writing fails.
    fn end(&mut self, summary: &Summary) -> io::Result<()> {
        summary.report_missed();
        Ok(())
    }
}

/// Writes nothing: a recording is all that is wanted.
#[derive(Debug)]
pub struct Nothing;

impl Sink for Nothing {
    fn session(&mut self, _: &Session, _: &Clock) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Summary of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows written.
    pub sessions: u64,
    /// Sessions that were missed.
    pub missed: Missed,
    /// True if the kernel decides the whole filter, so that all missed sessions would have matched.
    pub missed_all_match: bool,
    /// Rows whose duration is a lower bound.
    pub bounds: u64,
    /// Sessions that were left out because only a lower bound of their duration is known.
    pub undecided: u64,
    /// Words of the filter that no session has: bits, by their order in it.
    pub in_vain: u64,
    /// Rows that were not written, because the reader took nothing.
    pub untaken: u64,
    /// Length of the run.
    pub duration: Duration,
    /// Rights that this process has given up; `None` in a file that is not written at the end of a run.
    pub in_force: Option<InForce>,
}

impl Summary {
    /// Says which words were searched for, if there are no rows, or that no session has one.
    fn report_in_vain(&self, filter: &Filter) {
        let is_in_vain = |at: usize| self.sessions == 0 || self.in_vain >> at.min(63) & 1 == 1;
        let words = filter.searched().into_iter().enumerate();
        let words: Vec<&str> = words
            .filter_map(|(at, word)| is_in_vain(at).then_some(word))
            .collect();
        if words.is_empty() {
            return;
        }
        let user = words.iter().find(|word| uid_of(word).is_some());
        let help = user.map_or(String::new(), |user| {
            format!("; the sessions of a user: `user {user}`")
        });
        let found = if self.sessions == 0 {
            ""
        } else {
            ", without a match"
        };
        let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        print_to_stderr(&format!(
            "searched for in programs, addresses and STATUS of open sessions{found}: {}{}",
            sanitize(&words.join(", ")),
            sanitize(&help),
        ));
    }

    /// Says, if there are no rows, that the name of a port may be that of a program, and a text a pattern.
    fn report_readings(&self, filter: &Filter) {
        if self.sessions > 0 {
            return;
        }
        for name in filter.programs_as_ports() {
            let name = sanitize(&name);
            print_to_stderr(&format!(
                "no session of the port that `{name}` names; of a program of that name: `comm {name}`"
            ));
        }
        for term in filter.texts_as_patterns() {
            let term = sanitize(&term);
            print_to_stderr(&format!(
                "a text is compared as it is; as a pattern: `{term}`"
            ));
        }
    }

    /// The summary of a run that has written nothing yet.
    fn new(limits: &Limits) -> Self {
        Summary {
            missed_all_match: limits.filter.is_decided_by_capture() && !limits.captures_more,
            in_force: Some(limits.in_force),
            ..Summary::default()
        }
    }
}

impl Summary {
    /// Says what the filter left out because only a lower bound of its duration is known.
    fn report_undecided(&self) {
        if self.undecided > 0 {
            print_to_stderr(&format!(
                "left out {} that may match -f: open before the start, for longer than is known",
                fields::number(self.undecided, "session"),
            ));
        }
    }

    fn report_missed(&self) {
        let missed = fields::number(self.missed.ring_full, "session");
        match (self.missed.ring_full, self.missed_all_match) {
            (0, _) => {}
            (_, true) => print_to_stderr(&format!(
                "missed {missed}: the ring buffer was full. A larger --ring-size helps"
            )),
            (_, false) => print_to_stderr(&format!(
                "missed up to {missed} that match -f: the ring buffer was full, and the filter never saw them. A larger --ring-size helps"
            )),
        }
        if let Some(transitions @ 1..) = self.missed.not_run {
            let transitions = fields::number(transitions, "transition");
            print_to_stderr(&format!(
                "up to {transitions} missed, so that rows may be missing or incomplete: the kernel did not run the BPF programs, which were already running on that processor"
            ));
        }
        if self.missed.no_memory > 0 {
            let sessions = fields::number(self.missed.no_memory, "session");
            print_to_stderr(&format!(
                "{sessions} without owner and age: there was no memory for their state. A larger sysctl net.core.optmem_max helps"
            ));
        }
    }
}

/// Limits of a run: which sessions are written, and how many.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Only sessions that match.
    pub filter: Filter,
    /// Exit after this many rows.
    pub count: Option<u64>,
    /// The kernel reports more than the filter matches, for a recording.
    pub captures_more: bool,
    /// Rights that this process has given up, for the summary.
    pub in_force: InForce,
}

impl Limits {
    /// Decides if the run goes on after these rows.
    fn after(&self, summary: &Summary) -> ControlFlow<()> {
        match self.count {
            Some(count) if summary.sessions >= count => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Writes the sessions of all batches until the end of the run, `count` rows, or until the reader of stdout is gone; with
/// `open`, the events of open sessions after each snapshot, too. A reader that takes nothing does not delay the end: see
/// [`DeadlineWriter`](stdout::DeadlineWriter).
///
/// # Errors
/// If writing fails, with [`io::ErrorKind::BrokenPipe`] if the reader is gone.
pub fn run(
    batches: &Receiver<Batch>,
    request_stop: &dyn Fn(),
    sink: &mut dyn Sink,
    end: &End,
    limits: Limits,
    mut open: Option<OpenEvents>,
) -> anyhow::Result<()> {
    let mut summary = Summary::new(&limits);
    // closed sessions are taken as they come
    let mut store = Store::new(0);
    sink.begin()?;
    sink.flush()?;
    follow(batches, request_stop, end, |batch| {
        write_closed(sink, &batch, &limits, &mut summary, open.as_mut())?;
        if let Some(open) = &mut open {
            let taken = Taken::from(&batch);
            store.ingest(batch, |event| open.note(&event));
            summary.missed = store.totals().missed;
            if limits.after(&summary).is_continue() {
                open.write(sink, &store, &limits.filter, taken)?;
            }
        } else {
            summary.missed = batch.missed;
        }
        sink.flush()?;
        Ok(limits.after(&summary))
    })?;
    summary.report_readings(&limits.filter);
    conclude(sink, end, summary)
}

/// Passes all batches until the end of the run, or until one is the last that is wanted. Sessions that closed before are
/// still on their way then, with the number of missed ones: their batches are passed too.
fn follow(
    batches: &Receiver<Batch>,
    request_stop: &dyn Fn(),
    end: &End,
    mut take: impl FnMut(Batch) -> io::Result<ControlFlow<()>>,
) -> anyhow::Result<()> {
    let deadline = end.at.map_or_else(never, at);
    let reader_check = tick(Duration::from_millis(250));
    let mut result = loop {
        select! {
            recv(batches) -> batch => match batch.map(&mut take) {
                Ok(Ok(ControlFlow::Continue(()))) => {},
                Ok(Ok(ControlFlow::Break(()))) | Err(_) => break Ok(()),
                Ok(Err(error)) => break Err(error),
            },
            recv(end.signals.received) -> _ => break Ok(()),
            recv(deadline) -> _ => break Ok(()),
            recv(reader_check) -> _ => if end.has_reader && reader_is_gone() {
                break Err(io::Error::from(io::ErrorKind::BrokenPipe));
            },
        }
    };
    request_stop();
    // the collector cannot exit before it has passed its last batch
    while let Ok(batch) = batches.recv_timeout(LAST_BATCH) {
        if result.is_ok() {
            result = take(batch).map(|_| ());
        }
    }
    Ok(result?)
}

/// Time for the collector to send its next batch, once it is to stop.
const LAST_BATCH: Duration = Duration::from_secs(5);

/// Writes the sessions that are open now, sorted by process, local port and peer.
///
/// # Errors
/// Like [`run`].
pub fn run_open(
    batches: &Receiver<Batch>,
    request_stop: &dyn Fn(),
    sink: &mut dyn Sink,
    end: &End,
    limits: Limits,
) -> anyhow::Result<()> {
    let reader_check = tick(Duration::from_millis(250));
    let mut summary = Summary::new(&limits);
    sink.begin()?;
    sink.flush()?;
    loop {
        select! {
            recv(batches) -> batch => {
                let Ok(batch) = batch else { break };
                summary.missed = batch.missed;
                if batch.open.is_some() {
                    write_open(sink, batch, &limits, &mut summary)?;
                    break;
                }
            },
            recv(end.signals.received) -> _ => break,
            recv(reader_check) -> _ => if reader_is_gone() {
                return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
            },
        }
    }
    request_stop();
    while let Ok(batch) = batches.recv_timeout(LAST_BATCH) {
        summary.missed = batch.missed;
    }
    // it takes a second snapshot to see that one has vanished
    summary.missed.vanished = None;
    // rows alone, in every format: `jq -s` and the like take each line for a session
    summary.report_missed();
    if summary.bounds > 0 && !sink.marks_bounds() {
        print_to_stderr(&format!(
            "{} of {} were open before the start, for longer than the rows say; the column `preexisting` marks them",
            summary.bounds,
            fields::number(summary.sessions, "session"),
        ));
    }
    summary.report_undecided();
    summary.report_in_vain(&limits.filter);
    summary.report_readings(&limits.filter);
    finish(sink, end)
}

/// Writes the sessions of a batch's snapshot.
fn write_open(
    sink: &mut dyn Sink,
    batch: Batch,
    limits: &Limits,
    summary: &mut Summary,
) -> io::Result<()> {
    let mut open = batch.open.unwrap_or_default().changed;
    // they have closed since the snapshot
    let closed: FxHashSet<SessionId> = batch.closed.iter().map(Session::id).collect();
    let is_undecided =
        |s: &&Session| limits.filter.leaves_undecided(s) && !closed.contains(&s.id());
    summary.undecided += open.iter().filter(is_undecided).count() as u64;
    for (at, word) in limits.filter.searched().into_iter().enumerate().take(63) {
        let is_found = Filter::parse(&format!("\"{word}\""))
            .map_or(true, |filter| open.iter().any(|s| filter.matches(s)));
        summary.in_vain |= u64::from(!is_found) << at;
    }
    open.retain(|s| limits.filter.matches(s) && !closed.contains(&s.id()));
    open.sort_by_key(|s| (s.pid, s.lport, s.raddr, s.rport, s.cookie));
    let most = limits
        .count
        .map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    for session in open.iter().take(most) {
        sink.session(session, &batch.clock)?;
        summary.sessions += 1;
        summary.bounds += u64::from(session.age == Age::LowerBound);
    }
    sink.flush()
}

/// Writes what follows the last row.
fn conclude(sink: &mut dyn Sink, end: &End, mut summary: Summary) -> anyhow::Result<()> {
    summary.duration = end.started.elapsed();
    summary.untaken = end.untaken();
    sink.end(&summary)?;
    summary.report_undecided();
    finish(sink, end)
}

/// Flushes the last row, and reports rows that the reader has not taken.
fn finish(sink: &mut dyn Sink, end: &End) -> anyhow::Result<()> {
    sink.flush()?;
    if end.untaken() > 0 {
        print_to_stderr(&format!(
            "dropped {} at the end: the reader of stdout accepted nothing for a second",
            fields::number(end.untaken(), "line")
        ));
    }
    Ok(())
}

/// Writes the sessions of a batch that have closed. Those that were announced as open and do not match are gone.
fn write_closed(
    sink: &mut dyn Sink,
    batch: &Batch,
    limits: &Limits,
    summary: &mut Summary,
    mut open: Option<&mut OpenEvents>,
) -> io::Result<()> {
    for session in &batch.closed {
        if limits.after(summary).is_break() {
            break;
        }
        let open = open.as_deref_mut();
        if limits.filter.matches(session) {
            sink.session(session, &batch.clock)?;
            summary.sessions += 1;
            open.into_iter().for_each(|open| open.closed(session));
            continue;
        }
        summary.undecided += u64::from(limits.filter.leaves_undecided(session));
        if let Some(gone) = open.and_then(|open| open.closed_unseen(session)) {
            sink.gone(&gone, &batch.clock)?;
        }
    }
    Ok(())
}

/// Detects that head has exited in `tcplife | head` on a quiet host, where no row is written that would fail.
fn reader_is_gone() -> bool {
    let stdout = io::stdout();
    let mut fds = [PollFd::from_borrowed_fd(stdout.as_fd(), PollFlags::empty())];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut fds, Some(&now)).is_ok()
        && fds[0]
            .revents()
            .intersects(PollFlags::ERR | PollFlags::NVAL)
}

/// Time columns that `-T` and `-t` put before the others of a classic row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// `-T`: local time of day.
    pub time: bool,
    /// `-t`: seconds since the first row.
    pub timestamp: bool,
}

/// The values of [`Times`], row by row.
#[derive(Debug)]
struct Stopwatch {
    times: Times,
    zone: jiff::tz::TimeZone,
    first_ns: Option<u64>,
}

impl Stopwatch {
    fn new(times: Times, zone: jiff::tz::TimeZone) -> Self {
        Stopwatch {
            times,
            zone,
            first_ns: None,
        }
    }

    /// Returns the time of day and the seconds, if requested.
    fn read(&mut self, session: &Session, clock: &Clock) -> (Option<String>, Option<f64>) {
        let first = *self.first_ns.get_or_insert(session.end_ns);
        let time = self.times.time.then(|| {
            clock
                .wall(session.end_ns)
                .to_zoned(self.zone.clone())
                .strftime("%H:%M:%S")
                .to_string()
        });
        // in whole microseconds, as JSON has them; rows of two CPUs may be slightly out of order
        let us = |ns: u64| (ns / 1000) as f64;
        let seconds = (us(session.end_ns) - us(first)) / 1e6;
        (time, self.times.timestamp.then_some(seconds))
    }
}

/// Returns the duration for the column MS, if it is known, from whole microseconds as JSON has them: a session reads the
/// same wherever it is printed.
fn milliseconds(session: &Session) -> Option<String> {
    let is_known = session.age != Age::Unknown;
    is_known.then(|| format!("{:.2}", (session.duration_ns() / 1000) as f64 / 1e3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::session::{Age, Comm, Evidence};
    use crate::testing::sample::closed_session as sample;

    /// Sessions of the golden files, chosen to challenge the columns.
    pub fn golden_sessions() -> Vec<Session> {
        let plain = sample();
        let server = Session {
            pid: 3277,
            comm: Comm::from("redis-server"),
            lport: plain.rport,
            rport: plain.lport,
            end_ns: plain.end_ns + 59_000,
            ..plain.clone()
        };
        let v6 = Session {
            laddr: "fe80::8a3:9dff:fed5:6b19".parse().expect("an address"),
            raddr: "2001:db8:1111:2222:3333:4444:5555:6666"
                .parse()
                .expect("an address"),
            tx_bytes: 10_500_333,
            rx_bytes: 1023,
            end_ns: plain.established_ns + 3_066_790_000,
            ..plain.clone()
        };
        let comma = Session {
            pid: 4_194_304,
            comm: Comm::from("a,b \"c\""),
            tx_bytes: 5_000_000_000_000,
            rx_bytes: 1024,
            end_ns: v6.end_ns + 1_000_000_000,
            ..plain.clone()
        };
        let before = Session {
            owner: Evidence::None,
            pid: 0,
            comm: Comm::from(""),
            established_ns: 0,
            age: Age::LowerBound,
            end_ns: comma.end_ns + 1,
            ..plain.clone()
        };
        vec![plain, server, v6, comma, before]
    }

    /// 2026-01-02 23:39:38 UTC at monotonic 1 s.
    pub fn golden_clock() -> Clock {
        Clock::fixed((1_767_397_178 - 1) * 1_000_000_000)
    }

    pub fn rendered(make: impl FnOnce(&mut Vec<u8>) -> Box<dyn Sink + '_>) -> String {
        let mut out = Vec::new();
        {
            let mut sink = make(&mut out);
            sink.begin().expect("a header");
            for session in golden_sessions() {
                sink.session(&session, &golden_clock()).expect("a row");
            }
            let summary = Summary {
                sessions: 5,
                duration: Duration::from_millis(4500),
                ..Summary::default()
            };
            sink.end(&summary)
                .and_then(|()| sink.flush())
                .expect("an end");
        }
        String::from_utf8(out).expect("UTF-8")
    }
}
