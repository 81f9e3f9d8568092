//! Collects sessions from a recording, or from lines of `-o json`, as if they happened now.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use crossbeam_channel::{Sender, bounded};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::collector::{Collector, Orders};
use crate::model::batch::Batch;
use crate::model::capture_filter::CaptureFilter;
use crate::model::fields;
use crate::model::recording::{
    Header, Input, Medium, Named, Played, Player, ReadError, Reports, Skipped, Tape, TapeSpan, To,
};
use crate::text::moment::Moment;

/// Time that rates and findings of the dashboard look back, and some more.
const RECENT: Duration = Duration::from_secs(90);
/// Maximum number of sessions that are read for that: more take too long.
const MOST_RECENT: u64 = 400_000;

/// The same for a moment that somebody waits for: less than a second.
const MOST_FOR_A_MOMENT: u64 = 100_000;
/// Closed sessions that are read for a moment, at least.
const FOR_A_MOMENT: u64 = 10_000;
/// The same for its rows alone, about: more than a screen has.
const FOR_ROWS: u64 = 1000;
/// Closed sessions that are read at once for all of a moment: more take longer than a key may.
const AT_ONCE: u64 = 5000;
/// Least and most time in which these are looked for, ns.
const ROWS_NS: (u64, u64) = (100_000_000, 60_000_000_000);

/// Number of damaged places that are reported one by one.
const REPORTED: u64 = 5;

/// The tempo for a recording that is shown as it happened, from its beginning on.
pub const AS_IT_HAPPENED: Pace = Pace {
    at_once: Duration::ZERO,
    begun: "",
    ended: "The recording is at its end, and time stands still",
};

/// Time without progress after which it is of interest.
const LONG: Duration = Duration::from_secs(2);

/// Tells the user something, once it happens.
pub type Say = Box<dyn Fn(String) + Send>;

/// Recordings to replay.
pub enum Source {
    /// Something that can only be read from its beginning to its end.
    Stream(Input),
    /// Files, and their paths for errors.
    Files(Vec<(PathBuf, File)>),
}

impl Source {
    /// The same files, with numbers instead of their paths, in which somebody may be named.
    pub fn unnamed(self) -> Self {
        let Source::Files(files) = self else {
            return self;
        };
        let numbered = files.into_iter().zip(1..);
        let numbered = numbered.map(|((_, file), nth)| (format!("recording {nth}").into(), file));
        Source::Files(numbered.collect())
    }
}

/// A tempo at which a recording is replayed, so that it looks like a live host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How much of it comes at once; from there on it takes its time.
    pub at_once: Duration,
    /// Message when time begins to pass: one from before would be old by then. Empty: none.
    pub begun: &'static str,
    /// Message at its end.
    pub ended: &'static str,
}

/// Configuration of a replay.
pub struct ReplayConfig {
    pub source: Source,
    /// Sessions that are reported.
    pub capture: CaptureFilter,
    pub reports: Reports,
    /// The collector goes on to exist at the end.
    pub stays: bool,
    /// `None`: all of it comes at once.
    pub pace: Option<Pace>,
    /// Maximum number of closed sessions that are of use; `None`: all are.
    pub keep: Option<u64>,
    /// Beginning and end of the time that is reported.
    pub from: Option<Moment>,
    pub to: Option<Moment>,
    /// Time zone of these.
    pub zone: TimeZone,
    pub say: Say,
    /// Says how far it has come, if that takes its time.
    pub progress: Option<Say>,
}

impl std::fmt::Debug for ReplayConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplayConfig")
            .field("reports", &self.reports)
            .finish_non_exhaustive()
    }
}

/// Facts about a replay that are known once it has started.
#[derive(Debug, Default)]
pub struct ReplayStarted {
    /// Origin of the recording, if it says one.
    pub header: Option<Header>,
    /// The recordings, if one can go to any of their moments.
    pub seekable: Option<SeekableReplay>,
}

/// Recordings of one boot in which one can go to any moment, besides what is replayed of them.
#[derive(Debug)]
pub struct SeekableReplay {
    tape: Tape,
    capture: CaptureFilter,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    /// Their first moment, ns of boot time.
    pub first_ns: u64,
    pub spans: Vec<TapeSpan>,
}

impl SeekableReplay {
    /// Prepares to go through recordings, within these moments. `None`: they have no points from which they can be read.
    pub fn new(
        tape: &Tape,
        capture: CaptureFilter,
        (from, to): (Option<Timestamp>, Option<Timestamp>),
    ) -> Option<Self> {
        let tape = tape.of_boot(to.unwrap_or(Timestamp::MAX));
        if !tape.has_points() {
            return None;
        }
        Some(SeekableReplay {
            capture,
            from,
            to,
            first_ns: tape.first_ns(from)?,
            spans: tape.spans(),
            tape,
        })
    }

    /// True if reading on from one moment to a later one is no more than reading for the rows of that alone.
    pub fn is_near(&self, from_ns: u64, to_ns: u64) -> bool {
        let begins_ns = self.tape.begins_at(To::Boot(self.rows_from(to_ns)), 0);
        let is_early = begins_ns.is_none_or(|begins_ns| begins_ns <= from_ns);
        is_early && self.closed_between(from_ns, to_ns) <= AT_ONCE
    }

    /// Number of sessions that closed between two moments, about.
    fn closed_between(&self, from_ns: u64, to_ns: u64) -> u64 {
        let closed = self.spans.iter().map(|span| {
            let time = |from_ns: u64, to_ns: u64| to_ns.saturating_sub(from_ns) as f64;
            let both = time(from_ns.max(span.from_ns), to_ns.min(span.to_ns));
            span.closed as f64 * both / time(span.from_ns, span.to_ns).max(1.0)
        });
        closed.sum::<f64>() as u64
    }

    /// The instant from which on the last rows before a moment closed, by the rate at which sessions closed then.
    fn rows_from(&self, to_ns: u64) -> u64 {
        let then = self.spans.iter().rev().find(|span| span.from_ns <= to_ns);
        let (least, most) = ROWS_NS;
        let time_ns = then.filter(|span| span.closed > 0).map_or(most, |span| {
            let length_ns = u128::from(span.to_ns.saturating_sub(span.from_ns));
            let time_ns = length_ns * u128::from(FOR_ROWS) / u128::from(span.closed);
            u64::try_from(time_ns).unwrap_or(u64::MAX)
        });
        to_ns.saturating_sub(time_ns.clamp(least, most))
    }

    /// Prepares to play from a moment on, ns of boot time, or from a place before it. `None`: there is no recording.
    ///
    /// # Errors
    /// See [`SeekableReplay::seek`].
    pub fn before(&self, from_ns: u64) -> Result<Option<Passage>, ReadError> {
        let seeked = self.tape.seek(To::Boot(from_ns), 0, Reports::All);
        seeked
            .map(|(player, _)| self.passage(player, true))
            .transpose()
    }

    fn passage(&self, mut player: Player, is_whole: bool) -> Result<Passage, ReadError> {
        // the clock is known from here on
        player.first()?;
        player.set_bounds(self.from, self.to);
        let chosen = Chosen::new(self.capture.clone());
        Ok(Passage {
            player,
            chosen,
            is_whole,
        })
    }

    /// Prepares to play up to a moment, ns of boot time. `None`: there is no recording.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn seek(&self, to_ns: u64, depth: Depth) -> Result<Option<Passage>, ReadError> {
        let at = To::Boot(to_ns);
        let recent = self.tape.closed_before(at, RECENT).min(MOST_FOR_A_MOMENT);
        let whole = recent.max(FOR_A_MOMENT);
        let rows_ns = self.rows_from(to_ns);
        let rows = To::Boot(rows_ns);
        let (few, many) = (self.tape.begins_at(rows, 0), self.tape.begins_at(at, whole));
        let is_short = self.closed_between(many.unwrap_or(0), to_ns) <= AT_ONCE;
        let is_whole = depth == Depth::Whole || few <= many && is_short;
        let seeked = match is_whole {
            true => self.tape.seek(at, whole, Reports::All),
            false => self.tape.seek(rows, 0, Reports::All),
        };
        let Some((player, _)) = seeked else {
            return Ok(None);
        };
        let mut passage = self.passage(player, is_whole)?;
        if !is_whole {
            passage.player.skip_closes_before(rows_ns);
        }
        Ok(Some(passage))
    }
}

/// How much before a moment is read for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Enough for the open sessions and the last closed ones.
    Rows,
    /// Also the time that rates and findings look back at, as far as that is read in less than a second.
    Whole,
}

/// Opens recordings.
fn tape(files: Vec<(PathBuf, File)>) -> anyhow::Result<Tape> {
    let is_single = files.len() == 1;
    let media = files.into_iter().map(|(path, file)| {
        // a file is named where there are several
        let name = (!is_single).then(|| path.display().to_string().into());
        (name, Medium::File(Arc::new(file)))
    });
    Tape::open(media).map_err(|(name, error)| match name {
        Some(name) => anyhow::Error::from(error).context(name.to_string()),
        None => error.into(),
    })
}

/// Takes the recordings of one boot, as times of different boots cannot be compared: the dashboard shows the last one of the time, or
/// the first one if it shows them as they happened. `shown`: at which tempo, and whom to tell; `None`: nobody looks at it.
fn of_one_boot(
    tape: Tape,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
    zone: &TimeZone,
    shown: Option<(Option<Pace>, &Say)>,
) -> anyhow::Result<Tape> {
    let mut boots = tape.boots(from, to);
    if boots.len() < 2 {
        return Ok(boots.pop().unwrap_or(tape));
    }
    let begins = boots.iter().filter_map(Tape::first);
    let begins = begins.map(|at| at.to_zoned(zone.clone()).strftime("%F %T").to_string());
    let begins: Vec<String> = begins.collect();
    let (count, all) = (boots.len(), begins.join(", "));
    let Some((pace, say)) = shown else {
        bail!(
            "the host was booted again while it was recorded, and times of {count} boots cannot be compared. They begin at {all}: choose one with --from and --to"
        );
    };
    let (boot, which, begin) = match pace {
        Some(_) => (boots.swap_remove(0), "first", begins.first()),
        None => (boots.swap_remove(count - 1), "last", begins.last()),
    };
    let begin = begin.map_or("", String::as_str);
    say(format!(
        "{count} boots of the host are recorded; this is the {which} one, from {begin} on; --from and --to choose"
    ));
    Ok(boot)
}

/// Prepares to read recordings up to a moment, or up to their end. What is read first are at least `closed` sessions that closed
/// before it, as far as they have them. Returns also the moment, ns of boot time.
///
/// # Errors
/// If they cannot be read, or are no recordings.
pub fn passage_to(
    files: Vec<(PathBuf, File)>,
    at: Option<Moment>,
    zone: &TimeZone,
    (capture, closed): (CaptureFilter, u64),
) -> anyhow::Result<(Passage, u64)> {
    let tape = tape(files)?;
    let at = match (at, tape.first()) {
        (Some(at), Some(first)) => at.from(first, zone),
        _ => Timestamp::MAX,
    };
    let seeked = tape.seek(To::Wall(at), closed, Reports::All);
    let (player, to_ns) = seeked.context("there is nothing in it")?;
    let passage = Passage {
        player,
        chosen: Chosen::new(capture),
        is_whole: true,
    };
    Ok((passage, to_ns))
}

/// A part of recordings that is read up to any moment, and later on from there.
#[derive(Debug)]
pub struct Passage {
    player: Player,
    chosen: Chosen,
    /// It began as early as [`Depth::Whole`] asks for.
    pub is_whole: bool,
}

impl Passage {
    /// Reports the open sessions at the end of recordings that have no snapshot.
    pub fn end(&mut self) {
        self.player.end();
    }

    /// Wall-clock time of an instant, by the clock as it was last read.
    pub fn wall(&self, boot_ns: u64) -> Timestamp {
        self.player.wall(boot_ns)
    }

    /// Reads on up to a moment, ns of boot time. Returns a batch, if there is one, and true if more follows.
    ///
    /// # Errors
    /// If the recordings cannot be read.
    pub fn next(&mut self, to_ns: u64) -> Result<(Option<Batch>, bool), ReadError> {
        let mut batch = match self.player.next(to_ns)? {
            None => return Ok((None, false)),
            Some(Played::Batch(batch)) => *batch,
            Some(_) => return Ok((None, true)),
        };
        self.chosen.choose(&mut batch);
        Ok((Some(batch), true))
    }
}

/// Chooses sessions by the flags that limit what the kernel reports.
#[derive(Debug)]
struct Chosen {
    capture: CaptureFilter,
    /// Cookies of closed sessions that were not chosen: they are no longer open.
    left_out: Vec<u64>,
}

impl Chosen {
    fn new(capture: CaptureFilter) -> Self {
        let left_out = Vec::new();
        Chosen { capture, left_out }
    }

    /// Takes all other sessions out of a batch.
    fn choose(&mut self, batch: &mut Batch) {
        let capture = &self.capture;
        let left_out = batch.closed.extract_if(.., |s| !capture.accepts(s));
        self.left_out.extend(left_out.map(|s| s.cookie));
        if let Some(open) = &mut batch.open {
            open.keep_only(|session| capture.accepts(session));
            open.gone.append(&mut self.left_out);
        }
    }
}

/// Starts to replay.
///
/// # Errors
/// If it cannot be read, or is no recording.
pub fn start(config: ReplayConfig) -> anyhow::Result<(Collector, ReplayStarted)> {
    let (tx, headers) = bounded(1);
    let collector = Collector::spawn("tcplife-replay", move |batches, orders, ready| {
        let (mut replay, started) = Replay::open(config, batches, orders)?;
        // the channel has room for it
        let _ = tx.try_send(started);
        ready();
        replay.run()
    })?;
    let started = headers.try_recv().context("the replay did not start")?;
    Ok((collector, started))
}

/// Bytes that could not be read.
#[derive(Debug, Default)]
struct Damage {
    places: u64,
    bytes: u64,
    /// The last place: in which file, where, and the time before it, while the time after it is not known.
    last: Option<(Named, u64, u64, Option<Timestamp>)>,
}

/// A replay on its way.
struct Replay<'a> {
    player: Player,
    orders: &'a Orders,
    batches: Sender<Batch>,
    chosen: Chosen,
    reports: Reports,
    stays: bool,
    pace: Option<Pace>,
    /// `None` before time begins to pass.
    course: Option<Course>,
    /// The message that it has begun was said.
    is_begun: bool,
    /// Nothing after it is read; `None`: everything is.
    ends: Option<Timestamp>,
    say: Say,
    progress: Option<Say>,
    /// When progress was last said.
    said: Instant,
    damage: Damage,
}

/// How the time of a recording passes.
#[derive(Clone, Copy, Debug)]
struct Course {
    /// A moment, and the time of the recording at it, ns.
    began: Instant,
    began_ns: u64,
    /// Speed since then.
    speed: f64,
    /// Time of the last batch, ns.
    last_ns: u64,
}

impl Course {
    /// Time of the recording now, ns.
    fn now_ns(&self) -> u64 {
        let passed_ns = self.began.elapsed().as_nanos() as f64 * self.speed;
        self.began_ns.saturating_add(passed_ns as u64)
    }

    /// Goes on from that time of the recording.
    fn go_on(&mut self, from_ns: u64, speed: f64) {
        (self.began, self.began_ns, self.speed) = (Instant::now(), from_ns, speed);
    }
}

/// Time between two batches that is not waited for, ns: nothing was recorded in it, or it is that between two boots.
const LONG_GAP_NS: u64 = 10_000_000_000;

/// Nobody wants any more of it.
struct Stopped;

impl<'a> Replay<'a> {
    fn open(
        config: ReplayConfig,
        batches: Sender<Batch>,
        orders: &'a Orders,
    ) -> anyhow::Result<(Self, ReplayStarted)> {
        let reports = config.reports;
        let bounds = |first: Option<Timestamp>| {
            let at = |moment: Option<Moment>| Some(moment?.from(first?, &config.zone));
            (at(config.from), at(config.to))
        };
        let (mut player, header, (from, to));
        let mut seekable = None;
        let mut has_steps = false;
        match config.source {
            Source::Stream(input) => {
                player = Player::of(input, reports);
                (from, to) = bounds(player.first()?);
                header = player.origin().cloned();
            }
            Source::Files(files) => {
                let all = tape(files)?;
                (from, to) = bounds(all.first());
                let tape = match reports {
                    Reports::All => {
                        let shown = config.stays.then_some((config.pace, &config.say));
                        of_one_boot(all, (from, to), &config.zone, shown)?
                    }
                    _ => all,
                };
                // rows before a moment are not reported, and of the dashboard those that it does not keep
                let end = To::Wall(to.unwrap_or(Timestamp::MAX));
                has_steps = reports == Reports::Closed && tape.has_clock_steps();
                let seeked = match (from, config.keep) {
                    (_, Some(keep)) if config.pace.is_none() => {
                        let recent = tape.closed_before(end, RECENT).min(MOST_RECENT);
                        tape.seek(end, keep.max(recent), reports)
                    }
                    _ if reports == Reports::OpenAtEnd => tape.seek(end, 0, reports),
                    (Some(from), _) if !has_steps => tape.seek(To::Wall(from), 0, reports),
                    _ => None,
                };
                header = tape.header().cloned();
                if config.keep.is_some() {
                    seekable = SeekableReplay::new(&tape, config.capture.clone(), (from, to));
                }
                player = match seeked {
                    Some((player, _)) => player,
                    None => tape.play(reports),
                };
            }
        }
        // the clock is known from here on
        let first = player.first()?;
        player.set_bounds(from, to);
        // rows of a time are everywhere, or after a step back, if it is before the first one
        let is_before = to.zip(first).is_some_and(|(to, first)| to < first);
        let ends = match has_steps || is_before && reports == Reports::Closed {
            true => None,
            false => to,
        };
        let replay = Replay {
            player,
            orders,
            batches,
            chosen: Chosen::new(config.capture),
            reports,
            stays: config.stays,
            pace: config.pace,
            course: None,
            is_begun: false,
            ends,
            say: config.say,
            progress: config.progress,
            said: Instant::now(),
            damage: Damage::default(),
        };
        Ok((replay, ReplayStarted { header, seekable }))
    }

    fn run(&mut self) -> anyhow::Result<()> {
        while let Some(played) = self.player.next(self.to_ns())? {
            if self.take(played).is_err() {
                return Ok(());
            }
        }
        self.player.end();
        while let Some(played) = self.player.next(u64::MAX)? {
            if self.take(played).is_err() {
                return Ok(());
            }
        }
        self.report_damage(None);
        self.report_skipped();
        if self.reports == Reports::Closed {
            // what was missed, even if no session has closed since
            let last = Batch {
                missed: self.player.missed(),
                taken_ns: self.player.now_ns(),
                clock: self.player.events().clock,
                ..Batch::default()
            };
            let _ = self.batches.send(last);
        }
        if let Some(pace) = self.pace {
            (self.say)(pace.ended.into());
        }
        if self.stays {
            // the dashboard stays at the end
            while !self.orders.stop() {
                self.orders.waker().wait();
                self.orders.waker().drain();
            }
        }
        Ok(())
    }

    /// The end of what is reported, by the clock as it is known so far.
    fn to_ns(&self) -> u64 {
        let ends = self.ends;
        let to_ns = ends.and_then(|ends| self.player.events().clock.boot(ends));
        to_ns.unwrap_or(u64::MAX)
    }

    fn take(&mut self, played: Played) -> Result<(), Stopped> {
        self.say_progress();
        match played {
            Played::Nothing if self.orders.stop() => return Err(Stopped),
            Played::Nothing => {}
            Played::Batch(batch) => return self.send(*batch),
            Played::Header => {}
            Played::Gap(gap) => {
                let reason = gap.reason;
                (self.say)(match gap.events {
                    0 => format!("the recording has a gap: {reason}"),
                    events => {
                        let events = fields::number(events, "event");
                        format!("the recording lacks {events}: {reason}")
                    }
                });
            }
            Played::Damage { input, from, to } => {
                self.report_damage(None);
                self.damage.places += 1;
                self.damage.bytes += to - from;
                self.damage.last = Some((input, from, to, self.now()));
            }
            Played::CutOff => {
                (self.say)(
                    "the recording was cut off: its last events are not protected by a checksum"
                        .into(),
                );
            }
        }
        Ok(())
    }

    fn say_progress(&mut self) {
        if let (Some(say), Some(now)) = (&self.progress, self.now())
            && self.said.elapsed() >= LONG
        {
            self.said = Instant::now();
            say(format!(
                "reading the recording: {} so far",
                now.strftime("%FT%TZ")
            ));
        }
    }

    fn now(&self) -> Option<Timestamp> {
        let now_ns = self.player.now_ns();
        (now_ns > 0).then(|| self.player.wall(now_ns))
    }

    /// Sends a batch, without the sessions that are not wanted.
    fn send(&mut self, mut batch: Batch) -> Result<(), Stopped> {
        self.report_damage(Some(batch.clock.wall(batch.taken_ns)));
        self.chosen.choose(&mut batch);
        if batch.open.is_none() && batch.closed.is_empty() {
            return Ok(());
        }
        self.wait_until(batch.taken_ns);
        let is_stopped = self.orders.stop() || self.batches.send(batch).is_err();
        if is_stopped { Err(Stopped) } else { Ok(()) }
    }

    /// Waits until what was taken at that time is due, or until nobody wants it any more.
    fn wait_until(&mut self, taken_ns: u64) {
        let Some(pace) = self.pace else {
            return;
        };
        let at_once_ns = u64::try_from(pace.at_once.as_nanos()).unwrap_or(u64::MAX);
        let course = self.course.get_or_insert_with(|| Course {
            began: Instant::now(),
            began_ns: taken_ns.saturating_add(at_once_ns),
            speed: self.orders.speed(),
            last_ns: taken_ns,
        });
        let is_gap = taken_ns.abs_diff(course.last_ns) > LONG_GAP_NS;
        course.last_ns = taken_ns;
        if is_gap && taken_ns.abs_diff(course.now_ns()) > LONG_GAP_NS {
            course.go_on(taken_ns, course.speed);
        }
        while !self.orders.stop() {
            let speed = self.orders.speed();
            if speed.is_infinite() {
                return course.go_on(taken_ns, speed);
            }
            if speed != course.speed {
                let from_ns = match course.speed.is_infinite() {
                    true => taken_ns,
                    false => course.now_ns(),
                };
                course.go_on(from_ns, speed);
            }
            let rest_ns = taken_ns.saturating_sub(course.now_ns());
            if rest_ns == 0 {
                return;
            }
            if !std::mem::replace(&mut self.is_begun, true) && !pace.begun.is_empty() {
                (self.say)(pace.begun.into());
            }
            match speed > 0.0 {
                true => {
                    let rest = Duration::from_nanos((rest_ns as f64 / speed).ceil() as u64);
                    self.orders.waker().wait_for(rest);
                }
                false => self.orders.waker().wait(),
            }
            self.orders.waker().drain();
        }
    }

    fn report_skipped(&self) {
        let Skipped {
            events,
            keys,
            lines,
            updates,
        } = self.player.events().skipped;
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
    }

    /// Reports the last damage, once the time after it is known.
    fn report_damage(&mut self, after: Option<Timestamp>) {
        let Some((input, from, to, before)) = self.damage.last.take() else {
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
        let of = input.map_or_else(String::new, |name| format!(" of {name}"));
        (self.say)(format!("skipped {bytes} at offset {from}{of}{between}"));
    }
}
