//! JSON lines: one object per session, with a key for each column, and one for the run.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::host::sandbox::InForce;
use crate::model::batch::{Clock, Missed};
use crate::model::findings::{FindingEvent, Thresholds};
use crate::model::session::Session;
use crate::output::columns::{ALL, LineColumn};
use crate::output::events::{Encoder, Gone};
use crate::output::findings::write_object;
use crate::output::{Sink, Summary};

/// Writes one object per line.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
    events: Encoder,
}

impl<W: Write> Json<W> {
    /// Creates a sink with all columns.
    pub fn new(out: W) -> Self {
        Json::of(out, &ALL)
    }

    /// Creates a sink with these columns.
    pub fn of(out: W, columns: &[LineColumn]) -> Self {
        Json {
            out,
            events: Encoder::of(columns),
        }
    }
}

impl<W: Write> Sink for Json<W> {
    fn session(&mut self, session: &Session, clock: &Clock) -> io::Result<()> {
        self.out.write_all(self.events.row(session, clock)?)
    }

    fn update(&mut self, before: &Session, now: &Session, clock: &Clock) -> io::Result<()> {
        match self.events.update(before, now, clock)? {
            Some(line) => self.out.write_all(line),
            None => Ok(()),
        }
    }

    fn gone(&mut self, gone: &Gone, clock: &Clock) -> io::Result<()> {
        self.out.write_all(self.events.gone(gone, clock)?)
    }

    fn finding(
        &mut self,
        event: &FindingEvent,
        clock: &Clock,
        thresholds: &Thresholds,
    ) -> io::Result<()> {
        let (finding, name) = match event {
            FindingEvent::Began(finding) => (finding, "finding_began"),
            FindingEvent::Ended(finding) => (finding, "finding_ended"),
        };
        write_object(&mut self.out, finding, clock, thresholds, Some(name))
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
        let for_containers = self.0.container_capability_names();
        map.serialize_entry("container_names", &for_containers)?;
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
    use crate::output::columns::ColumnsFlag;
    use crate::output::tests::rendered;

    #[test]
    fn json_rows_match_their_snapshot() {
        insta::assert_snapshot!(rendered(|out| Box::new(Json::new(out))));
    }

    #[test]
    fn json_rows_of_chosen_columns_have_only_their_keys() {
        let Ok(ColumnsFlag::These(columns)) = "comm,rtt,preexisting,status".parse() else {
            panic!("columns");
        };
        let rows = rendered(|out| Box::new(Json::of(out, &columns)));
        let mut rows = rows.lines();
        assert_eq!(
            rows.next(),
            Some(
                r#"{"comm":"recordProgramSt","srtt_us":120,"preexisting":false,"status":"local-fin"}"#
            )
        );
        assert!(rows.last().is_some_and(|row| row.contains("summary")));
    }
}
