//! Events of a recording, and the state that a reader of them has.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::ser::{SerializeMap, Serializer as _};
use serde_json::Value as Json;

use crate::model::batch::{Clock, Gap, Missed};
use crate::model::cgroup::Cgroup;
use crate::model::fields::{CgroupDraft, Draft};
use crate::model::recording::line::Members;
use crate::model::recording::{READER, SCHEMA};
use crate::model::session::{Session, State};
use crate::text::sanitize::sanitize;

/// Origin of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Version of tcplife.
    pub version: String,
    /// Name of the host.
    pub host: String,
    /// Id of the host's boot: boot times of different ones cannot be compared.
    pub boot_id: String,
    /// Release of the kernel.
    pub kernel: String,
    /// Command line of tcplife.
    pub command: String,
    /// The capture filter; empty: everything was recorded.
    pub capture: String,
    /// The part of another recording that it is; empty: it was recorded on the host.
    pub cut: String,
}

/// An event, with what its reader makes of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Header(Header),
    /// A session is open, in full.
    Open(Session),
    /// An open session has changed.
    Update(Session),
    /// A session has closed.
    Close(Session),
    /// An open session is gone, and its close was missed.
    Gone(u64),
    /// Sessions missed since the start.
    Missed(Missed),
    /// The clock was read.
    Clock {
        /// Boot time, ns.
        boot_ns: u64,
        is: ClockIs,
    },
    Gap(Gap),
    /// The recording ends here, as it was meant to.
    End,
}

/// Place of a reading of the clock among the events of open sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockIs {
    /// Anywhere.
    #[default]
    Read,
    /// After all changes of a snapshot.
    AfterSnapshot,
    /// Before all open sessions, in full: no others are open.
    BeforeAllOpen,
}

/// Lines that were not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Events of a later version.
    pub events: u64,
    /// Keys of a later version.
    pub keys: u64,
    /// Lines that are no events, or have values that are none of their keys.
    pub lines: u64,
    /// Changes of sessions whose beginning is not in the recording.
    pub updates: u64,
}

/// The recording needs a later version of tcplife.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it was written by tcplife {version}, and needs a reader of version {needed}; this tcplife reads up to {READER}"
)]
pub struct NeedsNewer {
    version: String,
    needed: u64,
}

/// Events of `-o json` that say nothing about a session.
const OTHERS: [&str; 3] = ["summary", "finding_began", "finding_ended"];

/// Maximum number of open sessions that a reader keeps.
const MOST_OPEN: usize = 1 << 21;
/// Maximum number of control groups that sessions share.
const MOST_CGROUPS: usize = 1 << 14;

/// Reads events. It keeps the open sessions, of which updates have only what changed.
#[derive(Debug, Default)]
pub struct EventReader {
    pub clock: Clock,
    /// Boot time of the last reading of the clock, ns; 0: there was none.
    pub clock_ns: u64,
    pub skipped: Skipped,
    /// Lines that were events.
    pub events: u64,
    /// Closed sessions from before this time, as lines write it, are only taken for gone.
    closes_from: Option<String>,
    open: FxHashMap<u64, Session>,
    cgroups: FxHashMap<CgroupDraft, Arc<Cgroup>>,
}

impl EventReader {
    /// Reads a line; `None`: it says nothing that this version knows.
    ///
    /// # Errors
    /// If it is the header of a recording that this version cannot read.
    pub fn read(&mut self, line: &[u8]) -> Result<Option<Event>, NeedsNewer> {
        if let Some(cookie) = self.closed_early(line) {
            self.events += 1;
            self.open.remove(&cookie);
            return Ok(Some(Event::Gone(cookie)));
        }
        let members = Members::parse(line);
        let Some((event, members)) = members.as_ref().and_then(|m| Some((m.text("event")?, m)))
        else {
            self.skipped.lines += 1;
            return Ok(None);
        };
        self.events += 1;
        let event = match event {
            "header" => return self.header(line).map(Some),
            "open" => self.full(members, State::Established).map(|session| {
                self.keep(session.clone());
                Event::Open(session)
            }),
            "close" => self.full(members, State::Closed).map(|session| {
                let is_same = |open: &Session| open.id() == session.id();
                if self.open.get(&session.cookie).is_some_and(is_same) {
                    self.open.remove(&session.cookie);
                }
                Event::Close(session)
            }),
            "update" => match members.number("cookie").map(|c| self.open.get(&c)) {
                None => None,
                Some(None) => {
                    self.skipped.updates += 1;
                    return Ok(None);
                }
                Some(Some(before)) => self.fill(members, Draft::of(before.clone())).map(|now| {
                    self.keep(now.clone());
                    Event::Update(now)
                }),
            },
            "gone" => members.number("cookie").map(|cookie| {
                self.open.remove(&cookie);
                Event::Gone(cookie)
            }),
            "missed" => missed(members).map(Event::Missed),
            "clock" => members.number("boot_ns").map(|boot_ns| {
                self.set_clock(line);
                let is = match () {
                    () if members.is_true("snapshot") => ClockIs::AfterSnapshot,
                    () if members.is_true("all_open") => ClockIs::BeforeAllOpen,
                    () => ClockIs::Read,
                };
                if is == ClockIs::BeforeAllOpen {
                    self.open.clear();
                }
                Event::Clock { boot_ns, is }
            }),
            "gap" => Some(Event::Gap(Gap {
                events: members.number("events").unwrap_or(0),
                reason: sanitize(members.text("reason").unwrap_or_default()),
            })),
            "end" => Some(Event::End),
            other => {
                self.skipped.events += u64::from(!OTHERS.contains(&other));
                return Ok(None);
            }
        };
        self.skipped.lines += u64::from(event.is_none());
        Ok(event)
    }

    /// From here on, takes sessions that closed before an instant only for gone: that is read several times as fast.
    pub fn skip_closes_before(&mut self, boot_ns: u64) {
        self.closes_from = Some(format!("{:.9}", self.clock.wall(boot_ns)));
    }

    /// Cookie of a closed session that is only taken for gone.
    fn closed_early(&self, line: &[u8]) -> Option<u64> {
        let from = self.closes_from.as_ref()?;
        let time = line.strip_prefix(b"{\"event\":\"close\",\"time\":\"")?;
        if time.get(..from.len())? >= from.as_bytes() {
            return None;
        }
        // in a text, the quotes would be escaped
        const KEY: &[u8] = b"\"cookie\":";
        let after = &line[memchr::memmem::find(line, KEY)? + KEY.len()..];
        let digits = after
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        std::str::from_utf8(&after[..digits]).ok()?.parse().ok()
    }

    /// The sessions that are open.
    pub fn open(&self) -> &FxHashMap<u64, Session> {
        &self.open
    }

    /// Forgets the open sessions: another recording begins.
    fn header(&mut self, line: &[u8]) -> Result<Event, NeedsNewer> {
        let json: Json = serde_json::from_slice(line).unwrap_or_default();
        let text = |key: &str| sanitize(json[key].as_str().unwrap_or_default());
        let needed = json["min_reader"].as_u64().unwrap_or(0);
        let version = text("version");
        if needed > READER {
            return Err(NeedsNewer { version, needed });
        }
        self.open.clear();
        self.set_clock(line);
        Ok(Event::Header(Header {
            version,
            host: text("host"),
            boot_id: text("boot_id"),
            kernel: text("kernel"),
            command: text("command"),
            capture: text("capture"),
            cut: text("cut"),
        }))
    }

    fn set_clock(&mut self, line: &[u8]) {
        let json: Json = serde_json::from_slice(line).unwrap_or_default();
        let step = |step: &Json| Some((step[0].as_u64()?, i128::from(step[1].as_i64()?)));
        let steps = json["steps"].as_array();
        let steps: Option<Vec<_>> = steps.and_then(|steps| steps.iter().map(step).collect());
        if let Some(steps) = steps {
            self.clock = Clock::of_steps(&steps);
            self.clock_ns = json["boot_ns"].as_u64().unwrap_or(0);
        }
    }

    fn keep(&mut self, session: Session) {
        if self.open.len() < MOST_OPEN || self.open.contains_key(&session.cookie) {
            self.open.insert(session.cookie, session);
        }
    }

    /// Reads a line that has all of a session.
    fn full(&mut self, members: &Members<'_>, state: State) -> Option<Session> {
        let session = self.fill(members, Draft::new(state))?;
        // an open session in the state of a closed one would be neither
        ((session.state == State::Closed) == (state == State::Closed)).then_some(session)
    }

    fn fill(&mut self, members: &Members<'_>, mut draft: Draft) -> Option<Session> {
        self.skipped.keys += members.fill(&mut draft, &self.clock)?;
        let session = draft.finish(|draft| {
            if self.cgroups.len() >= MOST_CGROUPS {
                self.cgroups.clear();
            }
            let group = self.cgroups.entry(draft);
            Arc::clone(group.or_insert_with_key(|draft| Arc::new(draft.clone().into())))
        });
        Some(session)
    }
}

fn missed(members: &Members<'_>) -> Option<Missed> {
    Some(Missed {
        ring_full: members.number("ring_full")?,
        not_run: members.number("not_run"),
        no_memory: members.number("no_memory")?,
        vanished: members.number("vanished"),
    })
}

/// Appends the line of an event that is about no session. `boot_ns`: its time.
///
/// # Errors
/// If a value cannot be written as JSON, which is a bug.
pub fn write_event(
    line: &mut Vec<u8>,
    event: &Event,
    boot_ns: u64,
    clock: &Clock,
) -> serde_json::Result<()> {
    let mut serializer = serde_json::Serializer::new(&mut *line);
    let mut map = serializer.serialize_map(None)?;
    {
        let name = match event {
            Event::Header(_) => "header",
            Event::Missed(_) => "missed",
            Event::Clock { .. } => "clock",
            Event::Gap(_) => "gap",
            _ => "end",
        };
        map.serialize_entry("event", name)?;
        map.serialize_entry("time", &format!("{:.6}", clock.wall(boot_ns)))?;
        match event {
            Event::Header(header) => {
                map.serialize_entry("schema", &SCHEMA)?;
                map.serialize_entry("min_reader", &READER)?;
                map.serialize_entry("version", &header.version)?;
                map.serialize_entry("host", &header.host)?;
                map.serialize_entry("boot_id", &header.boot_id)?;
                map.serialize_entry("kernel", &header.kernel)?;
                map.serialize_entry("command", &header.command)?;
                map.serialize_entry("capture", &header.capture)?;
                if !header.cut.is_empty() {
                    map.serialize_entry("cut", &header.cut)?;
                }
            }
            Event::Missed(missed) => {
                for ((name, _), count) in Missed::CAUSES.iter().zip(missed.counts()) {
                    map.serialize_entry(name, &count)?;
                }
            }
            Event::Clock { is, .. } => match is {
                ClockIs::Read => {}
                ClockIs::AfterSnapshot => map.serialize_entry("snapshot", &true)?,
                ClockIs::BeforeAllOpen => map.serialize_entry("all_open", &true)?,
            },
            Event::Gap(gap) => {
                map.serialize_entry("events", &gap.events)?;
                map.serialize_entry("reason", &gap.reason)?;
            }
            _ => {}
        }
        if matches!(event, Event::Header(_) | Event::Clock { .. }) {
            map.serialize_entry("boot_ns", &boot_ns)?;
            let steps = clock.steps().iter();
            // until the year 2262
            let steps = steps.map(|(from, epoch)| (*from, i64::try_from(*epoch).unwrap_or(0)));
            map.serialize_entry("steps", &steps.collect::<Vec<_>>())?;
        }
    }
    SerializeMap::end(map)?;
    line.push(b'\n');
    Ok(())
}
