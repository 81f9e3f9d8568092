//! Collects sessions from a recording, or from lines of `-o json`, as if they happened now.

use std::io::Read;

use anyhow::Context as _;
use crossbeam_channel::{Sender, bounded};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustc_hash::FxHashSet;

use crate::collector::{Collector, Orders};
use crate::model::batch::{Batch, Clock, Missed, OpenSnapshot};
use crate::model::capture_filter::CaptureFilter;
use crate::model::fields;
use crate::model::recording::{ClockIs, Event, Found, Header, RecordingReader, Skipped};
use crate::model::session::Session;
use crate::text::moment::Moment;

/// Maximum number of sessions in a batch.
const BATCH_SESSIONS: usize = 4096;
/// Number of damaged places that are reported one by one.
const REPORTED: u64 = 5;
/// Time by which rows may come later than those of the moments after theirs, ns.
const LATE_NS: i128 = 2_000_000_000;

/// Sessions that are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// Closed sessions.
    Closed,
    /// Sessions that are open at the end.
    Open,
    /// All, at each moment; the collector goes on to exist at the end.
    Course,
}

/// Tells the user something, once it happens.
pub type Say = Box<dyn Fn(String) + Send>;

/// Configuration of a replay.
pub struct ReplayConfig {
    pub input: Box<dyn Read + Send>,
    /// Sessions that are reported.
    pub capture: CaptureFilter,
    pub wanted: Wants,
    /// Beginning and end of the time that is reported.
    pub from: Option<Moment>,
    pub to: Option<Moment>,
    /// Time zone of these.
    pub zone: TimeZone,
    pub say: Say,
}

impl std::fmt::Debug for ReplayConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplayConfig")
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

/// Starts to replay. Returns the origin of the recording, if it says one.
///
/// # Errors
/// If it cannot be read, or is no recording.
pub fn start(config: ReplayConfig) -> anyhow::Result<(Collector, Option<Header>)> {
    let (tx, headers) = bounded(1);
    let collector = Collector::spawn("tcplife-replay", move |batches, orders, ready| {
        let mut reader = RecordingReader::new(config.input)?;
        let first = reader.next()?;
        let header = match &first {
            Some(Found::Event(event)) => match &**event {
                Event::Header(header) => Some(header.clone()),
                _ => None,
            },
            _ => None,
        };
        // the channel has room for it
        let _ = tx.try_send(header);
        let mut replay = Replay {
            reader,
            orders,
            batches,
            capture: config.capture,
            wanted: config.wanted,
            from: Bound::new(config.from, &config.zone),
            to: Bound::new(config.to, &config.zone),
            say: config.say,
            open: None,
            closed: Vec::new(),
            changed: FxHashSet::default(),
            gone: Vec::new(),
            is_whole_next: true,
            has_snapshot: false,
            missed: Missed::default(),
            clock: Clock::default(),
            now_ns: 0,
            damage: Damage::default(),
        };
        ready();
        replay.run(first)
    })?;
    let header = headers.try_recv().context("the replay did not start")?;
    Ok((collector, header))
}

/// A moment that a flag names, once it is known in which recording.
struct Bound {
    moment: Option<Moment>,
    zone: TimeZone,
    at: Option<Timestamp>,
}

impl Bound {
    fn new(moment: Option<Moment>, zone: &TimeZone) -> Self {
        Bound {
            moment,
            zone: zone.clone(),
            at: None,
        }
    }

    /// Returns the moment in a recording in which this is the first time that is known.
    fn get(&mut self, first: Timestamp) -> Option<Timestamp> {
        let moment = self.moment?;
        Some(
            *self
                .at
                .get_or_insert_with(|| moment.from(first, &self.zone)),
        )
    }
}

/// Bytes that could not be read.
#[derive(Debug, Default)]
struct Damage {
    places: u64,
    bytes: u64,
    /// The last place, and the time before it, while the time after it is not known.
    last: Option<(u64, u64, Option<Timestamp>)>,
}

/// A replay on its way.
struct Replay<'a> {
    reader: RecordingReader<Box<dyn Read + Send>>,
    orders: &'a Orders,
    batches: Sender<Batch>,
    capture: CaptureFilter,
    wanted: Wants,
    from: Bound,
    to: Bound,
    say: Say,
    /// Snapshot of the next batch, and its time, ns.
    open: Option<(OpenSnapshot, u64)>,
    /// Closed sessions of the next batch.
    closed: Vec<Session>,
    /// Cookies of the open sessions that are new or have changed since the last snapshot.
    changed: FxHashSet<u64>,
    /// Cookies of those that are gone since.
    gone: Vec<u64>,
    /// All sessions that are not open are gone at the next snapshot.
    is_whole_next: bool,
    has_snapshot: bool,
    missed: Missed,
    /// Clock of the sessions in `closed`.
    clock: Clock,
    now_ns: u64,
    damage: Damage,
}

/// Nobody wants any more of it.
struct Stopped;

impl Replay<'_> {
    fn run(&mut self, first: Option<Found>) -> anyhow::Result<()> {
        let mut next = first;
        while let Some(found) = next {
            if self.take(found).is_err() {
                return Ok(());
            }
            if self.is_over() {
                break;
            }
            next = self.reader.next()?;
        }
        let _ = self.end();
        if self.wanted == Wants::Course {
            // the dashboard stays at the end
            while !self.orders.stop() {
                self.orders.waker().wait();
                self.orders.waker().drain();
            }
        }
        Ok(())
    }

    fn wall(&self, boot_ns: u64) -> Timestamp {
        self.reader.events.clock.wall(boot_ns)
    }

    /// True after the end of the time that is reported.
    fn is_over(&mut self) -> bool {
        let now = self.wall(self.now_ns);
        let to = self.to.get(now);
        to.is_some_and(|to| now.as_nanosecond() > to.as_nanosecond() + LATE_NS)
    }

    /// True if that moment is reported.
    fn is_meant(&mut self, at: Timestamp) -> bool {
        let is_after = self.from.get(at).is_none_or(|from| at >= from);
        is_after && self.to.get(at).is_none_or(|to| at <= to)
    }

    fn take(&mut self, found: Found) -> Result<(), Stopped> {
        let event = match found {
            Found::Event(event) => *event,
            Found::Damage { from, to } => {
                self.report_damage(None);
                self.damage.places += 1;
                self.damage.bytes += to - from;
                let before = (self.now_ns > 0).then(|| self.wall(self.now_ns));
                self.damage.last = Some((from, to, before));
                return Ok(());
            }
            Found::CutOff => {
                (self.say)(
                    "the recording was cut off: its last events are not protected by a checksum"
                        .into(),
                );
                return Ok(());
            }
        };
        match event {
            Event::Open(session) | Event::Update(session) => {
                self.advance(session.end_ns);
                self.changed.insert(session.cookie);
            }
            Event::Gone(cookie) => self.gone.push(cookie),
            Event::End => {}
            Event::Close(session) => self.close(session)?,
            Event::Missed(missed) => self.missed = missed,
            Event::Clock { boot_ns, is } => {
                self.is_whole_next |= is == ClockIs::BeforeAllOpen;
                if self.reader.events.clock.steps() != self.clock.steps() {
                    self.send()?;
                    self.clock = self.reader.events.clock;
                }
                self.now_ns = self.now_ns.max(boot_ns);
                let now = self.wall(boot_ns);
                self.report_damage(Some(now));
                let is_snapshot = is == ClockIs::AfterSnapshot;
                if is_snapshot && self.wanted == Wants::Course && self.is_meant(now) {
                    self.send()?;
                    // with the sessions that close until the next one, as at the time
                    self.open = Some((self.snapshot(), boot_ns));
                }
            }
            Event::Gap(gap) => {
                let events = fields::number(gap.events, "event");
                (self.say)(format!("the recording lacks {events}: {}", gap.reason));
            }
            Event::Header(_) => {
                self.send()?;
                self.is_whole_next = true;
                self.has_snapshot = false;
                (self.clock, self.now_ns) = (self.reader.events.clock, 0);
            }
        }
        Ok(())
    }

    fn close(&mut self, session: Session) -> Result<(), Stopped> {
        self.advance(session.end_ns);
        let at = self.wall(session.end_ns);
        self.report_damage(Some(at));
        let is_wanted = self.wanted != Wants::Open && self.capture.accepts(&session);
        if !is_wanted {
            self.gone.push(session.cookie);
        } else if self.is_meant(at) {
            self.closed.push(session);
            if self.closed.len() >= BATCH_SESSIONS {
                self.send()?;
            }
        }
        Ok(())
    }

    fn advance(&mut self, to_ns: u64) {
        self.now_ns = self.now_ns.max(to_ns);
    }

    /// The open sessions, as the difference to the last snapshot.
    fn snapshot(&mut self) -> OpenSnapshot {
        self.has_snapshot = true;
        let open = self.reader.events.open();
        let changed = std::mem::take(&mut self.changed);
        let mut gone = std::mem::take(&mut self.gone);
        let mut snapshot = if std::mem::take(&mut self.is_whole_next) {
            let all: Vec<Session> = open.values().cloned().collect();
            OpenSnapshot::from(all)
        } else {
            gone.retain(|cookie| !open.contains_key(cookie));
            OpenSnapshot {
                changed: changed
                    .iter()
                    .filter_map(|c| open.get(c).cloned())
                    .collect(),
                gone,
                ..OpenSnapshot::default()
            }
        };
        snapshot.keep_only(|session| self.capture.accepts(session));
        snapshot
    }

    /// Sends the sessions that have closed, after a snapshot if there is one.
    fn send(&mut self) -> Result<(), Stopped> {
        if self.closed.is_empty() && self.open.is_none() {
            return Ok(());
        }
        let (open, taken_ns) = self.open.take().unzip();
        let batch = Batch {
            open,
            closed: std::mem::take(&mut self.closed),
            host: None,
            missed: self.missed,
            taken_ns: taken_ns.unwrap_or(self.now_ns),
            clock: self.clock,
        };
        let is_stopped = self.orders.stop() || self.batches.send(batch).is_err();
        if is_stopped { Err(Stopped) } else { Ok(()) }
    }

    /// Sends the rest.
    fn end(&mut self) -> Result<(), Stopped> {
        self.report_damage(None);
        if self.wanted == Wants::Open || self.wanted == Wants::Course && !self.has_snapshot {
            let mut open = self.snapshot();
            for session in &mut open.changed {
                session.advance_idle_to(self.now_ns);
            }
            self.open = Some((open, self.now_ns));
        }
        self.send()?;
        if self.wanted == Wants::Closed {
            // what was missed, even if no session has closed since
            let last = Batch {
                missed: self.missed,
                taken_ns: self.now_ns,
                clock: self.clock,
                ..Batch::default()
            };
            let _ = self.batches.send(last);
        }
        let Skipped {
            events,
            keys,
            lines,
            updates,
        } = self.reader.events.skipped;
        let Damage { places, bytes, .. } = self.damage;
        if places > REPORTED {
            (self.say)(format!("skipped {bytes} bytes in {places} damaged places"));
        }
        for (count, what) in [
            (lines, "line that is no event"),
            (updates, "change of a session whose beginning is missing"),
            (events, "event of a kind that this version does not know"),
            (keys, "value with a key that this version does not know"),
        ] {
            if count > 0 {
                let what = what.replacen(' ', "s ", usize::from(count != 1));
                let what = what.replacen(" is no event", " are no events", usize::from(count != 1));
                (self.say)(format!("skipped {count} {what}"));
            }
        }
        Ok(())
    }

    /// Reports the last damage, once the time after it is known.
    fn report_damage(&mut self, after: Option<Timestamp>) {
        let Some((from, to, before)) = self.damage.last.take() else {
            return;
        };
        if self.damage.places > REPORTED {
            return;
        }
        let time = |time: Timestamp| time.strftime("%FT%TZ").to_string();
        let between = match (before, after) {
            (Some(before), Some(after)) => {
                format!(", between {} and {}", time(before), time(after))
            }
            (Some(before), None) => format!(", after {}", time(before)),
            (None, Some(after)) => format!(", before {}", time(after)),
            (None, None) => String::new(),
        };
        let bytes = fields::number(to - from, "damaged byte");
        (self.say)(format!("skipped {bytes} at offset {from}{between}"));
    }
}
