//! Turns batches into the bytes of a recording.

use std::io;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::model::batch::{Batch, Clock, Gap, Missed, OpenSnapshot};
use crate::model::recording::{ClockIs, Event, FrameWriter, Header, Index, Point, write_event};
use crate::model::session::Session;
use crate::output::events::{Encoder, Gone, GoneCause};

/// Events after which all open sessions are written again, so that reading can begin there; more if so many are open that
/// they would be most of the recording.
const EVENTS_TO_FULL: u64 = 50_000;

/// Writes a recording. It keeps the open sessions as they were last written.
#[derive(Debug)]
pub struct RecordingWriter {
    frames: FrameWriter,
    lines: Encoder,
    line: Vec<u8>,
    open: FxHashMap<u64, Session>,
    /// Cookies of sessions that were no longer open at the last snapshot. Their records may still follow; by the next one
    /// they have been missed.
    leaving: Vec<u64>,
    clock: Clock,
    missed: Missed,
    /// Time of the last batch, ns of boot time.
    now_ns: u64,
    /// Time of the last snapshot, ns; 0: there was none.
    snapshot_ns: u64,
    /// Events since all open sessions were written.
    events: u64,
    /// Number of sessions that have closed, and of those that failed.
    closed: u64,
    failed: u64,
    index: Index,
}

impl RecordingWriter {
    /// Begins a recording.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn new(header: Header, clock: Clock, now_ns: u64) -> io::Result<Self> {
        let mut writer = RecordingWriter {
            frames: FrameWriter::new()?,
            lines: Encoder::of_recordings(),
            line: Vec::new(),
            open: FxHashMap::default(),
            leaving: Vec::new(),
            clock,
            missed: Missed::default(),
            now_ns,
            snapshot_ns: 0,
            events: 0,
            closed: 0,
            failed: 0,
            index: Index::default(),
        };
        writer.begin(header)?;
        writer.mark_full();
        Ok(writer)
    }

    fn begin(&mut self, header: Header) -> io::Result<()> {
        self.event(&Event::Header(header))?;
        // a frame of its own, so that damage elsewhere does not cost it
        self.frames.end()
    }

    /// Begins another recording in the same file, after the end of one. It begins with all open sessions.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn go_on(&mut self, header: Header) -> io::Result<()> {
        self.begin(header)?;
        if self.missed != Missed::default() {
            self.event(&Event::Missed(self.missed))?;
        }
        self.full()
    }

    /// Begins another recording in another file, likewise. The bytes of the last one must have been taken.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn restart(&mut self, header: Header) -> io::Result<()> {
        self.frames.restart();
        self.index = Index::default();
        (self.closed, self.failed) = (0, 0);
        self.go_on(header)
    }

    /// Adds a batch.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn batch(&mut self, batch: &Batch) -> io::Result<()> {
        self.now_ns = batch.taken_ns;
        if batch.clock.steps() != self.clock.steps() {
            self.clock = batch.clock;
            self.clock_event(ClockIs::Read)?;
        }
        for gap in &batch.gaps {
            self.gap(gap.clone())?;
        }
        if batch.missed != self.missed {
            self.missed = batch.missed;
            self.event(&Event::Missed(self.missed))?;
        }
        if let Some(open) = &batch.open {
            self.snapshot(open)?;
        }
        for session in &batch.closed {
            self.begin_frame()?;
            let line = self.lines.row(session, &self.clock)?;
            self.frames.write(line)?;
            self.closed += 1;
            self.failed += u64::from(session.reason.is_failure());
            self.events += 1;
            if let Some(open) = self.open.get(&session.cookie)
                && open.id() == session.id()
            {
                self.open.remove(&session.cookie);
            }
        }
        if self.events >= EVENTS_TO_FULL.max(2 * self.open.len() as u64) {
            self.full()?;
        }
        Ok(())
    }

    fn snapshot(&mut self, open: &OpenSnapshot) -> io::Result<()> {
        for cookie in self.take_snapshot_of(open) {
            self.begin_frame()?;
            let gone = Gone {
                cookie,
                at_ns: self.now_ns,
                cause: GoneCause::Vanished,
            };
            self.frames.write(self.lines.gone(&gone, &self.clock)?)?;
        }
        for session in &open.changed {
            self.begin_frame()?;
            let before = self.open.get(&session.cookie);
            let before = before.filter(|before| before.id() == session.id());
            let line = match before {
                Some(before) => self.lines.update(before, session, &self.clock)?,
                None => Some(self.lines.row(session, &self.clock)?),
            };
            if let Some(line) = line {
                self.frames.write(line)?;
                self.events += 1;
                self.open.insert(session.cookie, session.clone());
            }
        }
        self.snapshot_ns = self.now_ns;
        self.clock_event(ClockIs::AfterSnapshot)
    }

    /// Takes out the sessions that are gone, and returns their cookies.
    fn take_snapshot_of(&mut self, snapshot: &OpenSnapshot) -> Vec<u64> {
        let there: FxHashSet<u64> = snapshot.changed.iter().map(|s| s.cookie).collect();
        let mut gone = std::mem::take(&mut self.leaving);
        gone.retain(|cookie| !there.contains(cookie) && self.open.remove(cookie).is_some());
        self.leaving = match snapshot.is_whole {
            true => self.open.keys().copied().collect(),
            false => snapshot.gone.clone(),
        };
        self.leaving.retain(|cookie| !there.contains(cookie));
        gone
    }

    /// Notes events that were not added.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn gap(&mut self, gap: Gap) -> io::Result<()> {
        self.event(&Event::Gap(gap))
    }

    /// Takes a batch's sessions without writing them, while nothing can be written. Returns the number of events that the
    /// recording lacks.
    pub fn pass(&mut self, batch: &Batch) -> u64 {
        self.now_ns = batch.taken_ns;
        self.clock = batch.clock;
        let mut count = batch.closed.len() as u64;
        if let Some(open) = &batch.open {
            count += open.changed.len() as u64;
            self.snapshot_ns = self.now_ns;
            self.take_snapshot_of(open);
            let changed = open.changed.iter().cloned();
            self.open.extend(changed.map(|s| (s.cookie, s)));
        }
        for session in &batch.closed {
            self.open.remove(&session.cookie);
        }
        count
    }

    /// Writes all open sessions again, at the beginning of a frame. A reader takes all others for gone.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn full(&mut self) -> io::Result<()> {
        self.frames.end()?;
        self.mark_full();
        self.clock_event(ClockIs::BeforeAllOpen)?;
        for session in self.open.values() {
            if self.frames.is_between() {
                self.line.clear();
                let clock = clock(self.now_ns, ClockIs::Read);
                write_event(&mut self.line, &clock, self.now_ns, &self.clock)?;
                self.frames.write(&self.line)?;
            }
            let line = self.lines.row(session, &self.clock)?;
            self.frames.write(line)?;
        }
        // the state is complete here; a reader of everything has had this snapshot before
        if self.snapshot_ns > 0 {
            self.line.clear();
            let at_ns = self.snapshot_ns;
            let clock = clock(at_ns, ClockIs::AfterSnapshot);
            write_event(&mut self.line, &clock, at_ns, &self.clock)?;
            self.frames.write(&self.line)?;
        }
        self.events = 0;
        Ok(())
    }

    /// Makes everything readable that was added; to be called every second.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn tick(&mut self) -> io::Result<()> {
        self.frames.tick()
    }

    /// Ends the recording with its index.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn end(&mut self) -> io::Result<()> {
        self.event(&Event::End)?;
        self.frames.end()?;
        self.index.end = Some(self.point());
        self.frames.skippable(&self.index.encode());
        Ok(())
    }

    /// Position in the file at which the next byte is written.
    pub fn position(&self) -> u64 {
        self.frames.position()
    }

    /// Number of bytes that are ready for the file.
    pub fn ready(&self) -> usize {
        self.frames.ready()
    }

    /// Takes the bytes that are ready for the file.
    pub fn take(&mut self) -> Vec<u8> {
        self.frames.take()
    }

    /// Marks a place from which one can read on.
    fn mark_full(&mut self) {
        let point = self.point();
        self.frames.skippable(&point.encode());
        self.index.points.push(point);
    }

    fn point(&self) -> Point {
        Point {
            offset: self.frames.position(),
            boot_ns: self.now_ns,
            wall: self.clock.wall(self.now_ns),
            closed: self.closed,
            failed: self.failed,
            missed: self.missed.certain(),
        }
    }

    /// Writes the clock at the beginning of a frame, so that it can be read without the others.
    fn begin_frame(&mut self) -> io::Result<()> {
        if self.frames.is_between() {
            self.clock_event(ClockIs::Read)?;
        }
        Ok(())
    }

    fn clock_event(&mut self, is: ClockIs) -> io::Result<()> {
        self.write(&clock(self.now_ns, is))
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        if !matches!(event, Event::Header(_)) {
            self.begin_frame()?;
        }
        self.write(event)
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        self.line.clear();
        write_event(&mut self.line, event, self.now_ns, &self.clock)?;
        self.frames.write(&self.line)
    }
}

fn clock(boot_ns: u64, is: ClockIs) -> Event {
    Event::Clock { boot_ns, is }
}
