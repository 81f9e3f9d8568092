//! Records everything that the collector reports, beside whatever shows it.
//!
//! One thread hands each batch on and packs it; another writes to the file. A disk that is full or slow holds up neither the
//! capture nor the display: the recording then has a gap, which it says.

use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

use crate::host::thread;
use crate::model::batch::Batch;
use crate::model::fields;
use crate::model::recording::{Gap, Header};
use crate::output::export_file::reason;

mod writer;

pub use writer::RecordingWriter;

/// Interval of the snapshots of a recording, unless the dashboard beside it has another.
pub const INTERVAL: Duration = Duration::from_secs(1);
/// Time after which everything that happened is in the file.
const TICK: Duration = Duration::from_secs(1);
/// Maximum number of blocks that wait for the disk.
const WAITING_BLOCKS: usize = 64;
/// Maximum number of batches that wait to be shown.
const WAITING_BATCHES: usize = 64;
/// Bytes that are handed to the disk before the second has passed.
const BLOCK: usize = 64 << 10;
/// Time for the disk to take the rest at the end.
const PATIENCE: Duration = Duration::from_secs(2);

/// Tells the user something, once it happens.
pub type Say = Arc<dyn Fn(String) + Send + Sync>;

/// A recording that is being written.
#[derive(Debug)]
pub struct Recorder {
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Starts to record the batches to a file. Returns the batches to be shown.
    ///
    /// # Errors
    /// If the kernel refuses a thread.
    pub fn start(
        file: File,
        header: Header,
        batches: Receiver<Batch>,
        say: Say,
    ) -> anyhow::Result<(Recorder, Receiver<Batch>)> {
        let (shown, to_show) = bounded(WAITING_BATCHES);
        let disk = Disk::start(file, Arc::clone(&say))?;
        let recording = Recording {
            header: Some(header),
            writer: None,
            disk,
            waiting: Vec::new(),
            gap: None,
            say,
        };
        let thread = thread::spawn("tcplife-record", move || {
            recording.run(&batches, Some(shown));
        })?;
        let thread = Some(thread);
        Ok((Recorder { thread }, to_show))
    }
}

impl Drop for Recorder {
    /// Waits until the recording is complete. The collector must have been told to stop.
    fn drop(&mut self) {
        // one that panicked has said so
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// State of the thread that packs.
struct Recording {
    header: Option<Header>,
    /// `None` before the first batch.
    writer: Option<RecordingWriter>,
    disk: Disk,
    /// Bytes that the disk has not taken.
    waiting: Vec<u8>,
    gap: Option<Gap>,
    say: Say,
}

impl Recording {
    fn run(mut self, batches: &Receiver<Batch>, mut shown: Option<Sender<Batch>>) {
        let mut tick = Instant::now() + TICK;
        loop {
            match batches.recv_deadline(tick) {
                Ok(batch) => {
                    // first what somebody waits for; who is gone needs nothing more
                    shown = shown.filter(|shown| shown.send(batch.clone()).is_ok());
                    self.take(&batch);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if Instant::now() >= tick {
                tick = Instant::now() + TICK;
                self.with_writer(|writer| writer.tick());
                self.hand_over(0);
            } else {
                self.hand_over(BLOCK);
            }
        }
        drop(shown);
        if self.gap.is_none() || !self.disk.is_stuck() {
            self.resume();
            self.with_writer(|writer| writer.end());
        }
        self.hand_over(0);
        self.disk.finish();
    }

    fn take(&mut self, batch: &Batch) {
        if let Some(header) = self.header.take() {
            match RecordingWriter::new(header, batch.clock, batch.taken_ns) {
                Ok(writer) => self.writer = Some(writer),
                Err(e) => (self.say)(format!("cannot record: {e}")),
            }
        }
        if self.disk.is_stuck() || !self.waiting.is_empty() {
            let reason = self.disk.problem().unwrap_or_else(|| SLOW.into());
            let (gap, say) = (&mut self.gap, &self.say);
            let Some(writer) = &mut self.writer else {
                return;
            };
            let gap = gap.get_or_insert_with(|| {
                say(format!("recording paused: {reason}. The capture goes on"));
                Gap { events: 0, reason }
            });
            gap.events += writer.pass(batch);
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
        if self.waiting.is_empty()
            && let Some(writer) = &mut self.writer
        {
            if writer.ready() <= most {
                return;
            }
            self.waiting = writer.take();
        }
        if !self.waiting.is_empty() {
            self.waiting = self.disk.write(std::mem::take(&mut self.waiting));
        }
    }
}

/// Reason of a gap without an error.
const SLOW: &str = "the disk is too slow";

/// The thread that writes, seen from outside.
struct Disk {
    blocks: Sender<Vec<u8>>,
    problem: Arc<Mutex<Option<String>>>,
    /// The run ends: a disk that takes nothing is not tried again.
    is_ending: Arc<AtomicBool>,
    done: Receiver<()>,
}

impl Disk {
    fn start(mut file: File, say: Say) -> anyhow::Result<Self> {
        let (blocks, to_write) = bounded::<Vec<u8>>(WAITING_BLOCKS);
        let (tx, done) = bounded(1);
        let problem = Arc::new(Mutex::new(None));
        let current = Arc::clone(&problem);
        let is_ending = Arc::new(AtomicBool::new(false));
        let ending = Arc::clone(&is_ending);
        thread::spawn("tcplife-disk", move || {
            let set = |problem| *current.lock().unwrap_or_else(PoisonError::into_inner) = problem;
            for block in &to_write {
                let mut rest = &block[..];
                while let Err(e) = write_on(&mut file, &mut rest) {
                    set(Some(reason(&e)));
                    if ending.load(Ordering::Relaxed) {
                        say(format!("the recording is incomplete: {}", reason(&e)));
                        return;
                    }
                    std::thread::sleep(TICK);
                }
                set(None);
            }
            if let Err(e) = file.sync_data()
                && e.kind() != io::ErrorKind::InvalidInput
            {
                say(format!("the recording may be incomplete: {}", reason(&e)));
            }
            let _ = tx.send(());
        })?;
        Ok(Disk {
            blocks,
            problem,
            is_ending,
            done,
        })
    }

    /// The last error, if the disk has not taken anything since.
    fn problem(&self) -> Option<String> {
        let problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        problem.clone()
    }

    fn is_stuck(&self) -> bool {
        self.problem().is_some()
    }

    /// Hands over a block. Returns it if there is no room.
    fn write(&self, block: Vec<u8>) -> Vec<u8> {
        match self.blocks.try_send(block) {
            Ok(()) => Vec::new(),
            Err(TrySendError::Full(block) | TrySendError::Disconnected(block)) => block,
        }
    }

    /// Waits for the disk, but not for one that takes nothing.
    fn finish(self) {
        self.is_ending.store(true, Ordering::Relaxed);
        drop(self.blocks);
        let _ = self.done.recv_timeout(PATIENCE);
    }
}

/// Writes what is left of a block.
fn write_on(file: &mut File, rest: &mut &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        match file.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(taken) => *rest = &rest[taken..],
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
