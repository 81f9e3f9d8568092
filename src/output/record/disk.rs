//! The thread that writes a recording: to one file, or to the segments of a directory, within limits.
//!
//! An error is tried again every second, so that the recording goes on by itself when there is room again.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use jiff::Timestamp;
use rustix::fs::{fstat, fstatvfs};
use rustix::time::{ClockId, clock_gettime};

use crate::host::broker::{Broker, Segment, began, segment_name};
use crate::host::thread;
use crate::model::fields;
use crate::output::export_file::reason;
use crate::output::record::{Retention, Say, TICK, sync};

/// Maximum number of orders that wait for the disk.
const WAITING: usize = 64;
/// Time for the disk to take the rest at the end.
const PATIENCE: Duration = Duration::from_secs(2);
/// Room that is left on the disk, unless a tenth of it is less.
const KEEP_FREE: u64 = 1_000_000_000;
/// Segments that fill a disk, so that on a small one dropping the oldest helps.
const SEGMENTS_OF_DISK: u64 = 64;
/// Times that a segment's name is tried, a millisecond later each.
const NAMES: i64 = 100;

/// Where a recording goes.
#[derive(Debug)]
pub enum Destination {
    /// A file, or a pipe.
    File(File),
    /// Segments in the directory that the broker knows.
    Segments(Arc<Broker>),
}

/// An order to the thread.
#[derive(Debug)]
pub(super) enum Order {
    Block(Vec<u8>),
    /// The segment is complete, and what follows belongs to another one.
    Next,
}

/// State of the thread, as others see it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Error that has kept it from writing so far.
    pub problem: Option<String>,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Beginning of the oldest segment.
    pub since: Option<Timestamp>,
    /// The current segment is to be ended: it was removed, or nothing else is left to drop.
    pub is_next_due: bool,
    /// Size at which segments are to be ended on this disk.
    pub segment_bytes: Option<u64>,
    /// Nobody reads what is written.
    pub has_no_reader: bool,
}

/// The thread, seen from outside.
#[derive(Debug)]
pub(super) struct Disk {
    orders: Sender<Order>,
    seen: Arc<Mutex<Seen>>,
    /// The run ends: a disk that takes nothing is not tried again.
    is_ending: Arc<AtomicBool>,
    done: Receiver<()>,
}

impl Disk {
    pub fn start(destination: Destination, limits: Retention, say: Say) -> anyhow::Result<Self> {
        let (orders, to_do) = bounded(WAITING);
        let (tx, done) = bounded(1);
        let seen = Arc::new(Mutex::new(Seen::default()));
        let is_ending = Arc::new(AtomicBool::new(false));
        let mut drive = Drive {
            destination,
            limits,
            current: None,
            old: VecDeque::new(),
            has_dropped: false,
            has_vanished: false,
            seen: Arc::clone(&seen),
            is_ending: Arc::clone(&is_ending),
            say,
        };
        drive.find_old();
        thread::spawn("tcplife-disk", move || {
            drive.run(&to_do);
            let _ = tx.send(());
        })?;
        Ok(Disk {
            orders,
            seen,
            is_ending,
            done,
        })
    }

    /// Reads or changes the state of the thread.
    pub fn seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Hands over an order. Returns it if there is no room.
    pub fn give(&self, order: Order) -> Result<(), Order> {
        self.orders
            .try_send(order)
            .map_err(|refused| match refused {
                TrySendError::Full(order) | TrySendError::Disconnected(order) => order,
            })
    }

    /// Waits for the disk, but not for one that takes nothing.
    pub fn finish(self) {
        self.is_ending.store(true, Ordering::Relaxed);
        drop(self.orders);
        let _ = self.done.recv_timeout(PATIENCE);
    }
}

/// A segment that is complete.
#[derive(Debug)]
struct Old {
    name: String,
    bytes: u64,
    /// When it was last written to, s of boot time: the wall clock may step. Negative: before boot.
    written_s: i64,
}

/// The segment that is written.
#[derive(Debug)]
struct Current {
    /// Empty for a file.
    name: String,
    file: File,
    bytes: u64,
}

/// State of the thread.
struct Drive {
    destination: Destination,
    limits: Retention,
    current: Option<Current>,
    /// The oldest first.
    old: VecDeque<Old>,
    /// It was said that old segments are dropped because the disk is full.
    has_dropped: bool,
    /// It was said that the file was removed.
    has_vanished: bool,
    seen: Arc<Mutex<Seen>>,
    is_ending: Arc<AtomicBool>,
    say: Say,
}

/// Boot time, s.
fn boot_s() -> i64 {
    clock_gettime(ClockId::Boottime).tv_sec
}

impl Drive {
    /// Finds the segments of earlier runs.
    fn find_old(&mut self) {
        let Destination::Segments(broker) = &self.destination else {
            return;
        };
        // a directory that is created with the first segment has none
        let segments = broker.segments().unwrap_or_default();
        let (now_s, boot_s) = (Timestamp::now().as_second(), boot_s());
        let old = segments.into_iter().map(|segment| {
            let Segment {
                name,
                size,
                written_s,
            } = segment;
            let age_s = now_s.saturating_sub(written_s).max(0);
            Old {
                name,
                bytes: size,
                written_s: boot_s - age_s,
            }
        });
        self.old = old.collect();
        self.show();
    }

    fn run(&mut self, orders: &Receiver<Order>) {
        for order in orders {
            let is_done = match order {
                Order::Block(block) => self.write(&block),
                Order::Next => {
                    self.close();
                    true
                }
            };
            if !is_done {
                return;
            }
        }
        self.close();
    }

    /// Ends the current segment.
    fn close(&mut self) {
        let Some(Current { name, file, bytes }) = self.current.take() else {
            return;
        };
        if let Err(e) = sync(&file) {
            (self.say)(format!("the recording may be incomplete: {}", reason(&e)));
        }
        match self.destination {
            // it may be gone on with
            Destination::File(_) => self.current = Some(Current { name, file, bytes }),
            Destination::Segments(_) => self.old.push_back(Old {
                name,
                bytes,
                written_s: boot_s(),
            }),
        }
    }

    /// Writes a block, however long that takes. False: the run ends before.
    fn write(&mut self, block: &[u8]) -> bool {
        let mut rest = block;
        while let Err(e) = self.try_to_write(&mut rest) {
            let is_gone = e.kind() == io::ErrorKind::BrokenPipe;
            self.see(|seen| {
                seen.problem = Some(reason(&e));
                seen.has_no_reader |= is_gone;
            });
            if is_gone {
                return false;
            }
            if self.is_ending.load(Ordering::Relaxed) {
                (self.say)(format!("the recording is incomplete: {}", reason(&e)));
                return false;
            }
            std::thread::sleep(TICK);
        }
        self.see(|seen| seen.problem = None);
        self.show();
        true
    }

    /// Writes as much of a block as the disk takes. What is full makes room first.
    fn try_to_write(&mut self, rest: &mut &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            let length = rest.len() as u64;
            self.drop_beyond_limits(length);
            let current = self.current()?;
            let room = room(&current.file, length);
            let written = match room {
                Ok(()) => current.file.write(rest),
                Err(full) => Err(full),
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => {
                    current.bytes += taken as u64;
                    *rest = &rest[taken..];
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::StorageFull && self.drop_oldest()? => {
                    if !std::mem::replace(&mut self.has_dropped, true) {
                        let why = reason(&e);
                        (self.say)(format!(
                            "{why}: the oldest segments of the recording make room"
                        ));
                    }
                }
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// The file to write to: a new segment, if there is none.
    fn current(&mut self) -> io::Result<&mut Current> {
        let current = match self.current.take() {
            Some(current) => current,
            None => {
                let (name, file) = match &self.destination {
                    Destination::File(file) => (String::new(), file.try_clone()?),
                    Destination::Segments(broker) => new_segment(broker)?,
                };
                Current {
                    name,
                    file,
                    bytes: 0,
                }
            }
        };
        Ok(self.current.insert(current))
    }

    /// Drops the segments that are too old, and those for which there is no room beside `more` bytes.
    fn drop_beyond_limits(&mut self, more: u64) {
        let now_s = boot_s();
        let too_old = |old: &Old| {
            let keep = self.limits.keep_time?;
            let age_s = u64::try_from(now_s - old.written_s).unwrap_or(0);
            Some(age_s > keep.as_secs())
        };
        let expired = self.old.iter();
        let expired = expired.take_while(|old| too_old(old) == Some(true)).count();
        for _ in 0..expired {
            let _ = self.drop_oldest();
        }
        let Some(keep) = self.limits.keep_bytes else {
            return;
        };
        while self.bytes() + more > keep {
            match self.drop_oldest() {
                Ok(true) => {}
                // the current one is dropped when it has become an old one
                Ok(false) => return self.see(|seen| seen.is_next_due = true),
                Err(_) => return,
            }
        }
    }

    /// Drops the oldest segment. False: there is none but the current one.
    fn drop_oldest(&mut self) -> io::Result<bool> {
        let (Destination::Segments(broker), Some(oldest)) = (&self.destination, self.old.front())
        else {
            return Ok(false);
        };
        match broker.remove_segment(&oldest.name) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            // somebody else has removed it
            _ => {
                self.old.pop_front();
                Ok(true)
            }
        }
    }

    fn bytes(&self) -> u64 {
        let current = self.current.as_ref().map_or(0, |current| current.bytes);
        current + self.old.iter().map(|old| old.bytes).sum::<u64>()
    }

    fn see(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Shows what there is now.
    fn show(&mut self) {
        let current = self.current.as_ref();
        let oldest = self.old.front().map(|old| &old.name);
        let since = oldest.or(current.map(|current| &current.name));
        let since = since.and_then(|name| began(name));
        // one that was removed can still be written to, but that helps nobody
        let is_removed = current.is_some_and(|current| {
            let file = fstat(&current.file);
            file.is_ok_and(|file| file.st_nlink == 0)
        });
        let has_segments = matches!(self.destination, Destination::Segments(_));
        if is_removed && !std::mem::replace(&mut self.has_vanished, true) {
            (self.say)(match has_segments {
                true => "a segment of the recording was removed; it goes on in another one".into(),
                false => "the file of the recording was removed: nothing of it will be left".into(),
            });
        }
        let segment_bytes = current.and_then(|current| {
            let disk = fstatvfs(&current.file).ok()?;
            Some(disk.f_blocks.saturating_mul(disk.f_frsize) / SEGMENTS_OF_DISK)
        });
        let bytes = self.bytes();
        self.see(|seen| {
            (seen.bytes, seen.since) = (bytes, since);
            seen.is_next_due |= is_removed && has_segments;
            seen.segment_bytes = segment_bytes;
        });
    }
}

/// Creates the segment that begins now.
fn new_segment(broker: &Broker) -> io::Result<(String, File)> {
    let now = Timestamp::now();
    for later in 0..NAMES {
        let at = now.checked_add(jiff::SignedDuration::from_millis(later));
        let name = segment_name(at.unwrap_or(now));
        if let Some(file) = broker.new_segment(&name)? {
            return Ok((name, file));
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Fails if the disk is too full for so many bytes more: others need it as well.
fn room(file: &File, bytes: u64) -> io::Result<()> {
    let disk = fstatvfs(file)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let kept = KEEP_FREE.min(disk.f_blocks.saturating_mul(disk.f_frsize) / 10);
    // what is not a disk has no blocks
    if disk.f_blocks == 0 || free >= kept.saturating_add(bytes) {
        return Ok(());
    }
    let kept = fields::round_size(kept);
    let full = format!("less than {kept} of the disk are free");
    Err(io::Error::new(io::ErrorKind::StorageFull, full))
}
