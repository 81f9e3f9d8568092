//! JSON lines: one object per session, with the keys of [`FIELDS`], and one for the run.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::host::sandbox::InForce;
use crate::model::batch::{Clock, Missed};
use crate::model::fields::{FIELDS, Value};
use crate::model::session::Session;
use crate::output::{Sink, Summary};

/// Writes one object per line.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
}

impl<W: Write> Json<W> {
    pub fn new(out: W) -> Self {
        Json { out }
    }
}

/// Returns the event that a session's row reports: its close, or a snapshot of it.
pub fn event(session: &Session) -> &'static str {
    if session.is_open() { "open" } else { "close" }
}

/// Returns the time of the event: RFC 3339, UTC, µs.
pub fn time(session: &Session, clock: &Clock) -> String {
    format!("{:.6}", clock.wall(session.end_ns))
}

/// Writes a session as one object, without a newline.
///
/// # Errors
/// If writing fails.
pub fn write_session(out: impl Write, session: &Session, clock: &Clock) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::new(out);
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("event", event(session))?;
    map.serialize_entry("time", &time(session, clock))?;
    for field in FIELDS {
        let Some(key) = field.json else { continue };
        match (field.get)(session) {
            Value::Missing => map.serialize_entry(key, &())?,
            Value::Uint(n) => map.serialize_entry(key, &n)?,
            Value::Addr(a) => map.serialize_entry(key, &a)?,
            Value::Text(t) => map.serialize_entry(key, t)?,
            Value::Bool(b) => map.serialize_entry(key, &b)?,
        }
    }
    SerializeMap::end(map)?;
    Ok(())
}

impl<W: Write> Sink for Json<W> {
    fn session(&mut self, session: &Session, clock: &Clock) -> io::Result<()> {
        write_session(&mut self.out, session, clock)?;
        self.out.write_all(b"\n")
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn end(&mut self, summary: &Summary) -> io::Result<()> {
        if summary.untaken > 0 {
            summary.report_missed(); // on stderr: the reader of stdout takes nothing
            return Ok(());
        }
        let mut serializer = serde_json::Serializer::new(&mut self.out);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("event", "summary")?;
        map.serialize_entry("sessions", &summary.sessions)?;
        map.serialize_entry("missed", &summary.missed.certain())?;
        map.serialize_entry("missed_by", &ByCause(&summary.missed))?;
        let duration_us = u64::try_from(summary.duration.as_micros()).unwrap_or(u64::MAX);
        map.serialize_entry("duration_us", &duration_us)?;
        if let Some(in_force) = &summary.in_force {
            map.serialize_entry("sandbox", &Sandbox(in_force))?;
        }
        SerializeMap::end(map)?;
        self.out.write_all(b"\n")
    }
}

/// The rights that the process has given up, as an object.
struct Sandbox<'a>(&'a InForce);

impl Serialize for Sandbox<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let InForce {
            mode,
            uid,
            no_new_privs,
            landlock,
            seccomp,
            ..
        } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("mode", mode.name())?;
        map.serialize_entry("uid", uid)?;
        map.serialize_entry("capabilities", &self.0.capability_names())?;
        map.serialize_entry("no_new_privs", no_new_privs)?;
        map.serialize_entry("landlock", landlock)?;
        map.serialize_entry("seccomp", seccomp)?;
        SerializeMap::end(map)
    }
}

/// Counts of missed sessions, as an object with a key for each cause.
struct ByCause<'a>(&'a Missed);

impl Serialize for ByCause<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = Missed::CAUSES.map(|(name, _)| name);
        serializer.collect_map(names.into_iter().zip(self.0.counts()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::rendered;

    #[test]
    fn json_rows_match_their_snapshot() {
        insta::assert_snapshot!(rendered(|out| Box::new(Json::new(out))));
    }
}
