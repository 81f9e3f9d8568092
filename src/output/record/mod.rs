//! Records everything that the collector reports, beside whatever shows it.
//!
//! One thread hands each batch on and packs it; another writes to the disk. A disk that is full or slow holds up neither the
//! capture nor the display: the recording then has a gap, which it says. `cut` writes recordings of replays.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, after, bounded, select};
use jiff::Timestamp;
use signal_hook::consts::SIGUSR1;

use crate::host::signals::Watch;
use crate::host::thread;
use crate::model::batch::{Batch, Gap, WAITING_BATCHES};
use crate::model::fields;
use crate::model::recording::Header;

mod cut;
mod disk;
#[cfg(test)]
mod tests;
mod writer;

pub use cut::{Cut, CutSize};
pub use disk::Destination;
use disk::{Disk, Order};
pub use writer::RecordingWriter;

/// Interval of the snapshots of a recording, unless the dashboard beside it has another.
pub const INTERVAL: Duration = Duration::from_secs(1);
/// Time after which everything that happened is in the file.
const TICK: Duration = Duration::from_secs(1);
/// Bytes that are handed to the disk before the second has passed.
const BLOCK: usize = 64 << 10;
/// Number of segments that fill the limit of bytes, so that dropping the oldest is a small step.
const SEGMENTS: u64 = 16;
/// Greatest and least size at which a segment is ended, in bytes.
const SEGMENT_BYTES: (u64, u64) = (64 << 10, 64 << 20);
/// Longest and shortest time after which it is ended.
const SEGMENT_TIME: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(3600));
/// Segments in the time that is kept.
const SEGMENTS_OF_TIME: u32 = 24;

/// Tells the user something, once it happens.
pub type Say = Arc<dyn Fn(String) + Send + Sync>;

/// Retention of what is kept of a recording in segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Time after which a segment is dropped.
    pub keep_time: Option<Duration>,
    /// Bytes of all segments.
    pub keep_bytes: Option<u64>,
}

impl Retention {
    /// Size at which a segment is ended; `disk`: on this disk.
    fn segment_bytes(&self, disk: Option<u64>) -> u64 {
        let (least, most) = SEGMENT_BYTES;
        let kept = self.keep_bytes.map(|keep| keep / SEGMENTS);
        let wanted = kept.into_iter().chain(disk).min();
        wanted.map_or(most, |bytes| bytes.clamp(least, most))
    }

    /// Time after which it is ended.
    fn segment_time(&self) -> Duration {
        let (least, most) = SEGMENT_TIME;
        self.keep_time
            .map_or(most, |keep| (keep / SEGMENTS_OF_TIME).clamp(least, most))
    }
}

/// State of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordStatus {
    /// True while it is switched on.
    pub is_on: bool,
    /// Reason for which nothing is recorded at the moment.
    pub problem: Option<String>,
    /// Bytes that it takes.
    pub bytes: u64,
    /// Beginning of what it has.
    pub since: Option<Timestamp>,
    /// Number of events that it lacks.
    pub lost: u64,
}

/// Switches a recording on and off, and shows its state.
#[derive(Clone, Debug)]
pub struct RecordControl {
    is_on: Arc<AtomicBool>,
    status: Arc<Mutex<RecordStatus>>,
}

impl RecordControl {
    /// Switches the recording on if it is off, and off if it is on, from the next batch on.
    pub fn toggle(&self) {
        self.is_on.fetch_xor(true, Ordering::Relaxed);
    }

    /// Its state, at most a second old.
    pub fn status(&self) -> RecordStatus {
        let status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        RecordStatus {
            is_on: self.is_on.load(Ordering::Relaxed),
            ..status.clone()
        }
    }
}

/// A recording that is being written.
#[derive(Debug)]
pub struct Recorder {
    thread: Option<JoinHandle<()>>,
    pub control: RecordControl,
}

impl Recorder {
    /// Starts to record the batches. Returns the batches to be shown. SIGUSR1 switches the recording off and on.
    ///
    /// # Errors
    /// If the kernel refuses a thread, or to catch the signal.
    pub fn start(
        destination: Destination,
        limits: Retention,
        header: Header,
        batches: Receiver<Batch>,
        say: Say,
    ) -> anyhow::Result<(Recorder, Receiver<Batch>)> {
        let (shown, to_show) = bounded(WAITING_BATCHES);
        let shown = Some(shown);
        let recorder = Recorder::begin(destination, limits, header, (batches, shown), say)?;
        Ok((recorder, to_show))
    }

    /// Starts to record batches, which are handed on if somebody takes them.
    fn begin(
        destination: Destination,
        limits: Retention,
        header: Header,
        (batches, shown): (Receiver<Batch>, Option<Sender<Batch>>),
        say: Say,
    ) -> anyhow::Result<Recorder> {
        let signals = Watch::new(&[SIGUSR1])?;
        let has_segments = matches!(destination, Destination::Segments(_));
        let disk = Disk::start(destination, limits, Arc::clone(&say))?;
        let control = RecordControl {
            is_on: Arc::new(AtomicBool::new(true)),
            status: Arc::default(),
        };
        let recording = Recording {
            header,
            writer: None,
            disk,
            waiting: VecDeque::new(),
            gap: None,
            say,
            control: control.clone(),
            is_on: true,
            limits: has_segments.then_some(limits),
            began: Instant::now(),
            first: None,
            lost: 0,
        };
        let thread = thread::spawn("tcplife-record", move || {
            recording.run(&batches, shown, &signals);
        })?;
        let thread = Some(thread);
        Ok(Recorder { thread, control })
    }
}

impl Drop for Recorder {
    /// Waits until the recording is complete. The collector must have been told to stop.
    fn drop(&mut self) {
        // one that panicked has said so
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A recording that begins while a run is on its way. It gets its batches from whom they are shown by.
#[derive(Debug)]
pub struct LateRecorder {
    /// The first member, as the recorder waits for its end.
    batches: Sender<Batch>,
    /// It has had a snapshot of all open sessions.
    has_all: bool,
    recorder: Recorder,
}

impl LateRecorder {
    /// Starts to record to a file, from the next snapshot with all open sessions on.
    ///
    /// # Errors
    /// See [`Recorder::start`].
    pub fn start(file: File, header: Header, say: Say) -> anyhow::Result<Self> {
        let (batches, to_record) = bounded(WAITING_BATCHES);
        let (destination, limits) = (Destination::File(file), Retention::default());
        let batches_in = (to_record, None);
        Ok(LateRecorder {
            batches,
            has_all: false,
            recorder: Recorder::begin(destination, limits, header, batches_in, say)?,
        })
    }

    /// Its switch.
    pub fn control(&self) -> &RecordControl {
        &self.recorder.control
    }

    /// Records a batch.
    pub fn batch(&mut self, batch: &Batch) {
        self.has_all |= batch.open.as_ref().is_some_and(|open| open.is_whole);
        if self.has_all {
            // a thread that panicked has said so
            let _ = self.batches.send(batch.clone());
        }
    }
}

/// State of the thread that packs.
struct Recording {
    header: Header,
    /// `None` before the first batch.
    writer: Option<RecordingWriter>,
    disk: Disk,
    /// Orders that the disk has not taken.
    waiting: VecDeque<Order>,
    gap: Option<Gap>,
    say: Say,
    control: RecordControl,
    /// It is switched on, and what is in the file is not ended.
    is_on: bool,
    /// Retention of the segments; `None`: there is a single file.
    limits: Option<Retention>,
    /// When the segment began.
    began: Instant,
    /// Time of the first batch.
    first: Option<Timestamp>,
    /// See [`RecordStatus::lost`].
    lost: u64,
}

impl Recording {
    fn run(mut self, batches: &Receiver<Batch>, mut shown: Option<Sender<Batch>>, signals: &Watch) {
        let mut tick = Instant::now() + TICK;
        loop {
            select! {
                recv(batches) -> batch => match batch {
                    Ok(batch) => {
                        // first what somebody waits for; who is gone needs nothing more
                        shown = shown.filter(|shown| shown.send(batch.clone()).is_ok());
                        self.switch();
                        self.take(&batch);
                    }
                    Err(_) => break,
                },
                recv(signals.received) -> _ => {
                    self.control.toggle();
                    if self.switch() {
                        (self.say)(match self.is_on {
                            true => "recording again".into(),
                            false => "recording stopped; SIGUSR1 starts it again".into(),
                        });
                    }
                }
                recv(after(tick.saturating_duration_since(Instant::now()))) -> _ => {}
            }
            if self.disk.seen(|seen| seen.has_no_reader) {
                break;
            }
            if Instant::now() >= tick {
                tick = Instant::now() + TICK;
                self.switch();
                self.with_writer(|writer| writer.tick());
                self.hand_over(0);
                self.show();
            } else {
                self.hand_over(BLOCK);
            }
            self.next_segment();
        }
        drop(shown);
        if self.is_on && (self.gap.is_none() || !self.is_stuck()) {
            self.resume();
            self.with_writer(|writer| writer.end());
        }
        self.hand_over(0);
        self.disk.finish();
    }

    fn is_stuck(&self) -> bool {
        self.disk.seen(|seen| seen.problem.is_some())
    }

    fn take(&mut self, batch: &Batch) {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let header = self.header.clone();
                self.first = Some(batch.clock.wall(batch.taken_ns));
                match RecordingWriter::new(header, batch.clock, batch.taken_ns) {
                    Ok(writer) => self.writer.insert(writer),
                    Err(e) => return (self.say)(format!("cannot record: {e}")),
                }
            }
        };
        if !self.is_on {
            writer.pass(batch);
            return;
        }
        let problem = self.disk.seen(|seen| seen.problem.clone());
        if problem.is_some() || !self.waiting.is_empty() {
            let reason = problem.unwrap_or_else(|| SLOW.into());
            let say = &self.say;
            let gap = self.gap.get_or_insert_with(|| {
                say(format!("recording paused: {reason}. The capture goes on"));
                Gap { events: 0, reason }
            });
            let events = writer.pass(batch);
            gap.events += events;
            self.lost += events;
            return;
        }
        self.resume();
        self.with_writer(|writer| writer.batch(batch));
    }

    /// Goes on after a gap: with the gap, and with everything that is open.
    fn resume(&mut self) {
        if let Some(gap) = self.gap.take() {
            let events = fields::number(gap.events, "event");
            (self.say)(format!("recording resumed: it lacks {events}"));
            self.with_writer(|writer| {
                writer.gap(gap)?;
                writer.full()
            });
        }
    }

    /// Ends the recording if it was switched off, and goes on with another one if it was switched on. True if it was either.
    fn switch(&mut self) -> bool {
        let is_wanted = self.control.is_on.load(Ordering::Relaxed);
        if is_wanted == self.is_on {
            return false;
        }
        self.is_on = is_wanted;
        if is_wanted {
            self.begin_again();
        } else {
            self.gap = None;
            self.with_writer(|writer| writer.end());
            self.hand_over(0);
        }
        true
    }

    /// Ends a segment that is large or old enough, or was removed.
    fn next_segment(&mut self) {
        let (Some(limits), Some(writer), true) = (self.limits, &self.writer, self.is_on) else {
            return;
        };
        let (is_due, of_disk) = self
            .disk
            .seen(|seen| (seen.is_next_due, seen.segment_bytes));
        let is_due = is_due
            || writer.position() >= limits.segment_bytes(of_disk)
            || self.began.elapsed() >= limits.segment_time();
        if !is_due || !self.waiting.is_empty() || self.is_stuck() {
            return;
        }
        self.with_writer(|writer| writer.end());
        self.begin_again();
    }

    /// Begins another recording after the end of one: in another segment, or in the same file.
    fn begin_again(&mut self) {
        let header = self.header.clone();
        self.hand_over(0);
        self.began = Instant::now();
        if self.limits.is_some() {
            self.disk.seen(|seen| seen.is_next_due = false);
            self.waiting.push_back(Order::Next);
            self.with_writer(|writer| writer.restart(header));
        } else {
            self.with_writer(|writer| writer.go_on(header));
        }
        self.hand_over(0);
    }

    fn with_writer(&mut self, work: impl FnOnce(&mut RecordingWriter) -> io::Result<()>) {
        if let Some(writer) = &mut self.writer
            && let Err(e) = work(writer)
        {
            (self.say)(format!("recording ended: {e}"));
            self.writer = None;
        }
    }

    /// Hands bytes to the disk, if there are more than `most`.
    fn hand_over(&mut self, most: usize) {
        if let Some(writer) = &mut self.writer
            && writer.ready() > most
        {
            self.waiting.push_back(Order::Block(writer.take()));
        }
        while let Some(order) = self.waiting.pop_front() {
            if let Err(order) = self.disk.give(order) {
                return self.waiting.push_front(order);
            }
        }
    }

    fn show(&self) {
        let (problem, bytes, since) = self
            .disk
            .seen(|seen| (seen.problem.clone(), seen.bytes, seen.since));
        let status = RecordStatus {
            is_on: self.is_on,
            problem,
            bytes,
            since: since.or(self.first),
            lost: self.lost,
        };
        let shown = self.control.status.lock();
        *shown.unwrap_or_else(PoisonError::into_inner) = status;
    }
}

/// Reason of a gap without an error.
const SLOW: &str = "the disk is too slow";

/// Waits until a file is on the disk. A pipe has nothing to wait for.
fn sync(file: &File) -> io::Result<()> {
    file.sync_data().or_else(|e| match e.kind() {
        io::ErrorKind::InvalidInput => Ok(()),
        _ => Err(e),
    })
}
