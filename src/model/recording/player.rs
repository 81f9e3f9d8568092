//! Plays a recording: turns its events into the batches of which it was made, up to any moment.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::Arc;

use jiff::Timestamp;
use rustc_hash::FxHashSet;

use crate::model::batch::{Batch, Clock, Gap, Missed, OpenSnapshot};
use crate::model::recording::{
    ClockIs, Event, EventReader, Found, Header, ReadError, RecordingReader,
};
use crate::model::session::Session;

/// Maximum number of closed sessions in a batch.
const BATCH_SESSIONS: usize = 4096;
/// Number of events after which a player reports that it reads on: a key should not have to wait for more.
const MANY_EVENTS: u64 = 5000;
/// Time by which rows may come later than those of the moments after theirs, ns.
const LATE_NS: u64 = 2_000_000_000;
/// Time between the end of a recording and the beginning of the next one from which something is missing, ns.
const PAUSE_NS: u64 = 5_000_000_000;

/// An input of a player.
pub type Input = Box<dyn Read + Send>;

/// Name of an input, if it needs one.
pub type Named = Option<Arc<str>>;

/// The inputs of a player, in their order: files, or the frames of one from a point on.
pub type Inputs = Box<dyn Iterator<Item = (Named, Input)> + Send>;

/// Result of playing on.
#[derive(Clone, Debug)]
pub enum Played {
    /// To be applied in turn.
    Batch(Box<Batch>),
    /// A recording begins.
    Header,
    /// The recording lacks events.
    Gap(Gap),
    /// Bytes that could not be read: their input and their positions in it.
    Damage { input: Named, from: u64, to: u64 },
    /// Much has been read since the last report, and nothing was to be reported.
    Nothing,
    /// The rest has no checksum, because the end of the file cuts its frame off.
    CutOff,
}

/// Sessions that a player reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reports {
    /// Closed sessions.
    Closed,
    /// Open sessions at the end.
    OpenAtEnd,
    /// All, at each moment.
    All,
}

/// Plays inputs from a point on. It can stop at any moment, and go on later.
///
/// The state at a moment is that of the last snapshot before it, with the sessions that have closed since.
pub struct Player {
    inputs: Inputs,
    reader: Option<RecordingReader<Input>>,
    /// Events, clock and open sessions between two inputs.
    between: EventReader,
    /// Name of the input that is read.
    input: Named,
    reports: Reports,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    ready: VecDeque<Played>,
    /// Read, but after the moment at which the player stopped.
    held: Option<Found>,
    /// Closed sessions, likewise.
    later: Vec<Session>,
    /// Closed sessions of the next batch.
    closed: Vec<Session>,
    /// Cookies of the open sessions that are new or have changed since the last snapshot.
    changed: FxHashSet<u64>,
    /// Cookies of those that are gone since.
    gone: Vec<u64>,
    /// All sessions that are not open are gone at the next snapshot: something was not read, or nothing yet.
    is_uncertain: bool,
    /// Time of the last snapshot that was reported, ns.
    snapshot_ns: Option<u64>,
    /// `changed` before a full state that says nothing new.
    changed_before: Option<FxHashSet<u64>>,
    missed: Missed,
    /// Gaps since the last batch.
    gaps: Vec<Gap>,
    /// Boot of the last header; `None`: there was none.
    boot_id: Option<String>,
    /// Clock of the sessions in `closed`.
    clock: Clock,
    now_ns: u64,
    /// A batch was reported.
    is_begun: bool,
    is_ended: bool,
}

impl std::fmt::Debug for Player {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Player")
            .field("now_ns", &self.now_ns)
            .finish_non_exhaustive()
    }
}

impl Player {
    /// Creates a player of these inputs.
    pub fn new(inputs: Inputs, reports: Reports) -> Self {
        Player {
            inputs,
            reader: None,
            between: EventReader::default(),
            input: None,
            reports,
            from: None,
            to: None,
            ready: VecDeque::new(),
            held: None,
            later: Vec::new(),
            closed: Vec::new(),
            changed: FxHashSet::default(),
            gone: Vec::new(),
            is_uncertain: true,
            snapshot_ns: None,
            changed_before: None,
            missed: Missed::default(),
            gaps: Vec::new(),
            boot_id: None,
            clock: Clock::default(),
            now_ns: 0,
            is_begun: false,
            is_ended: false,
        }
    }

    /// Creates a player of one input, from a point of a recording on.
    pub fn of(input: impl Read + Send + 'static, reports: Reports) -> Self {
        let input: Input = Box::new(input);
        Player::new(Box::new(std::iter::once((None, input))), reports)
    }

    /// Reports only sessions that closed between these moments, and snapshots of these.
    pub fn set_bounds(&mut self, from: Option<Timestamp>, to: Option<Timestamp>) {
        (self.from, self.to) = (from, to);
    }

    /// Does not report sessions that closed before an instant, which is faster; after [`Player::first`].
    pub fn skip_closes_before(&mut self, boot_ns: u64) {
        if let Some(reader) = &mut self.reader {
            reader.events.skip_closes_before(boot_ns);
        }
    }

    /// Time of the last event, ns of boot time; 0: there was none.
    pub fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// Number of sessions missed since the start of the recording.
    pub fn missed(&self) -> Missed {
        self.missed
    }

    /// The reader of the events: its clock, its open sessions, and what it has skipped.
    pub fn events(&self) -> &EventReader {
        self.reader
            .as_ref()
            .map_or(&self.between, |reader| &reader.events)
    }

    /// Wall-clock time of an instant.
    pub fn wall(&self, boot_ns: u64) -> Timestamp {
        self.events().clock.wall(boot_ns)
    }

    /// The header with which the input begins, once [`Player::first`] has read it.
    pub fn origin(&self) -> Option<&Header> {
        match self.held.as_ref()? {
            Found::Event(event) => match &**event {
                Event::Header(header) => Some(header),
                _ => None,
            },
            _ => None,
        }
    }

    /// Plays on up to a moment, ns of boot time; `u64::MAX`: the end. `None`: everything up to it has been reported.
    ///
    /// # Errors
    /// If an input cannot be read, or is no recording that this version reads.
    pub fn next(&mut self, to_ns: u64) -> Result<Option<Played>, ReadError> {
        self.take_later(to_ns);
        let first = self.events().events;
        loop {
            if self.events().events > first + MANY_EVENTS && self.ready.is_empty() {
                return Ok(Some(Played::Nothing));
            }
            if let Some(played) = self.ready.pop_front() {
                return Ok(Some(played));
            }
            if self.is_ended {
                return Ok(None);
            }
            let found = match self.held.take() {
                Some(found) => Some(found),
                None => self.read()?,
            };
            match found {
                Some(found) if self.is_after(&found, to_ns) => {
                    self.held = Some(found);
                    self.send();
                    return Ok(self.ready.pop_front());
                }
                Some(found) => self.take(found, to_ns),
                None => self.end(),
            }
        }
    }

    /// Reads the next event, of the next input if one has ended.
    fn read(&mut self) -> Result<Option<Found>, ReadError> {
        loop {
            if let Some(reader) = &mut self.reader {
                if let Some(found) = reader.next()? {
                    return Ok(Some(found));
                }
                let Some(reader) = self.reader.take() else {
                    continue;
                };
                self.between = reader.events;
            }
            let Some((name, input)) = self.inputs.next() else {
                return Ok(None);
            };
            self.input = name;
            let events = std::mem::take(&mut self.between);
            self.reader = Some(RecordingReader::new(input)?.with(events));
        }
    }

    /// True if nothing at or before that moment follows.
    fn is_after(&self, found: &Found, to_ns: u64) -> bool {
        let Found::Event(event) = found else {
            return false;
        };
        let is_state = self.reports == Reports::OpenAtEnd;
        let late_ns = to_ns.saturating_add(if is_state { 0 } else { LATE_NS });
        match &**event {
            Event::Clock {
                boot_ns,
                is: ClockIs::AfterSnapshot,
            } => *boot_ns > to_ns,
            Event::Clock { boot_ns, .. } => *boot_ns > late_ns,
            Event::Close(session) => session.end_ns > late_ns,
            Event::Open(session) | Event::Update(session) => is_state && session.end_ns > to_ns,
            _ => false,
        }
    }

    fn take(&mut self, found: Found, to_ns: u64) {
        let event = match found {
            Found::Event(event) => *event,
            Found::Damage { from, to } => {
                self.is_uncertain = true;
                let input = self.input.clone();
                self.report(Played::Damage { input, from, to });
                let reason = format!("{} damaged bytes", to - from);
                return self.note(Gap { events: 0, reason });
            }
            Found::CutOff => return self.report(Played::CutOff),
        };
        match event {
            Event::Open(session) | Event::Update(session) => {
                self.now_ns = self.now_ns.max(session.end_ns.min(to_ns));
                if self.reports == Reports::All {
                    self.changed.insert(session.cookie);
                }
            }
            Event::Gone(cookie) => self.gone.push(cookie),
            Event::End => {}
            Event::Close(session) if session.end_ns > to_ns => self.later.push(session),
            Event::Close(session) => self.close(session),
            Event::Missed(missed) => self.missed = missed,
            Event::Clock { boot_ns, is } => {
                if self.events().clock.steps() != self.clock.steps() {
                    self.send();
                    self.clock = self.events().clock;
                }
                self.now_ns = self.now_ns.max(boot_ns);
                if self.reports == Reports::All {
                    self.take_clock(boot_ns, is);
                }
            }
            Event::Gap(gap) => {
                self.is_uncertain = true;
                self.report(Played::Gap(gap.clone()));
                self.note(gap);
            }
            Event::Header(header) => {
                if let Some(gap) = self.pause_before(header) {
                    self.report(Played::Gap(gap.clone()));
                    self.note(gap);
                }
                self.report(Played::Header);
                self.is_uncertain = true;
                self.snapshot_ns = None;
                (self.clock, self.now_ns) = (self.events().clock, 0);
            }
        }
    }

    /// Keeps a gap for the next batch, if the time that is reported has begun.
    fn note(&mut self, gap: Gap) {
        if self.is_meant(self.now_ns) {
            self.gaps.push(gap);
        }
    }

    /// The time without a recording before one that begins with this header, if it is long.
    fn pause_before(&mut self, header: Header) -> Option<Gap> {
        let began_ns = self.events().clock_ns;
        let [ended, began] = [self.clock.wall(self.now_ns), self.wall(began_ns)]
            .map(|at| at.strftime("%FT%TZ").to_string());
        let before = self.boot_id.replace(header.boot_id);
        let is_same_boot = before.is_none_or(|before| Some(before) == self.boot_id);
        let reason = match is_same_boot {
            _ if self.now_ns == 0 || began_ns == 0 => return None,
            false => format!("the host was booted again between {ended} and {began}"),
            true if began_ns.saturating_sub(self.now_ns) < PAUSE_NS => return None,
            true => format!("it was stopped from {ended} to {began}"),
        };
        Some(Gap { events: 0, reason })
    }

    /// Takes a snapshot where the recording has one.
    fn take_clock(&mut self, boot_ns: u64, is: ClockIs) {
        match is {
            ClockIs::BeforeAllOpen if !self.is_uncertain => {
                self.changed_before = Some(self.changed.clone());
            }
            ClockIs::AfterSnapshot => {
                let is_known = !self.is_uncertain && self.snapshot_ns == Some(boot_ns);
                match self.changed_before.take() {
                    Some(changed) if is_known => self.changed = changed,
                    _ if self.is_meant(boot_ns) => {
                        self.send_snapshot(boot_ns);
                        self.snapshot_ns = Some(boot_ns);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, session: Session) {
        // the first batch is from when the watching began, which rates count from
        if !self.is_begun && session.end_ns > self.now_ns {
            self.send();
        }
        self.now_ns = self.now_ns.max(session.end_ns);
        if self.reports == Reports::OpenAtEnd || !self.is_meant(session.end_ns) {
            self.gone.push(session.cookie);
            return;
        }
        self.closed.push(session);
        if self.closed.len() >= BATCH_SESSIONS {
            self.send();
        }
    }

    /// Reports the sessions that had closed after the moment at which the player stopped.
    fn take_later(&mut self, to_ns: u64) {
        if self.later.iter().any(|session| session.end_ns <= to_ns) {
            let due = self.later.extract_if(.., |s| s.end_ns <= to_ns);
            for session in due.collect::<Vec<_>>() {
                self.close(session);
            }
        }
    }

    /// True if that moment is reported.
    fn is_meant(&self, boot_ns: u64) -> bool {
        if self.from.is_none() && self.to.is_none() {
            return true;
        }
        let at = self.wall(boot_ns);
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at <= to)
    }

    /// The open sessions, as the difference to the last snapshot.
    fn snapshot(&mut self, at_ns: u64) -> OpenSnapshot {
        let changed = std::mem::take(&mut self.changed);
        let mut gone = std::mem::take(&mut self.gone);
        let is_whole = std::mem::take(&mut self.is_uncertain);
        let open = self.events().open();
        if is_whole {
            let mut all: Vec<Session> = open.values().cloned().collect();
            all.iter_mut().for_each(|s| s.advance_idle_to(at_ns));
            return OpenSnapshot::from(all);
        }
        gone.retain(|cookie| !open.contains_key(cookie));
        let changed = changed.iter().filter_map(|c| open.get(c).cloned());
        OpenSnapshot {
            changed: changed.collect(),
            gone,
            ..OpenSnapshot::default()
        }
    }

    fn report(&mut self, played: Played) {
        self.send();
        self.ready.push_back(played);
    }

    /// Reports the sessions that have closed.
    fn send(&mut self) {
        if !self.closed.is_empty() {
            self.send_batch(None, self.now_ns);
        }
    }

    /// Reports the open sessions, after those that had closed until then: as the batches came at the time, so that both show the
    /// same moment.
    fn send_snapshot(&mut self, at_ns: u64) {
        self.send();
        let open = self.snapshot(at_ns);
        self.send_batch(Some(open), at_ns);
    }

    fn send_batch(&mut self, open: Option<OpenSnapshot>, taken_ns: u64) {
        let batch = Batch {
            open,
            closed: std::mem::take(&mut self.closed),
            host: None,
            missed: self.missed,
            taken_ns,
            clock: self.clock,
            gaps: std::mem::take(&mut self.gaps),
        };
        self.is_begun = true;
        self.ready.push_back(Played::Batch(Box::new(batch)));
    }

    /// Reads up to the first event. Returns its time; `None`: there is none, or it says none.
    ///
    /// # Errors
    /// See [`Player::next`].
    pub fn first(&mut self) -> Result<Option<Timestamp>, ReadError> {
        if self.held.is_none() {
            self.held = self.read()?;
        }
        let Some(Found::Event(event)) = &self.held else {
            return Ok(None);
        };
        let boot_ns = match &**event {
            Event::Open(session) | Event::Update(session) | Event::Close(session) => session.end_ns,
            _ => self.events().clock_ns,
        };
        Ok((boot_ns > 0).then(|| self.wall(boot_ns)))
    }

    /// Reports what it has read as if the recording ended here.
    pub fn end(&mut self) {
        if self.is_ended {
            return;
        }
        if self.held.is_none() {
            self.take_later(u64::MAX);
        }
        let has_none = self.reports == Reports::All && self.snapshot_ns.is_none();
        if self.reports == Reports::OpenAtEnd || has_none {
            self.send_snapshot(self.now_ns);
        }
        self.send();
        self.is_ended = true;
    }
}
