//! CSV output: the columns of bcc's `tcplife -s`, or every field.

use std::io::{self, Write};

use jiff::tz::TimeZone;

use crate::model::batch::Clock;
use crate::model::fields::{FIELDS, Value};
use crate::model::session::Session;
use crate::output::json::{event, time};
use crate::output::names::Spelling;
use crate::output::{Sink, Stopwatch, Summary, Times, milliseconds};

/// Writes the classic columns, quoted where needed (RFC 4180).
pub struct Csv<W: Write> {
    out: csv::Writer<W>,
    stopwatch: Stopwatch,
    names: Spelling,
}

impl<W: Write> std::fmt::Debug for Csv<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Csv")
            .field("stopwatch", &self.stopwatch)
            .finish_non_exhaustive()
    }
}

impl<W: Write> Csv<W> {
    /// Creates a sink with the requested time columns.
    pub fn new(out: W, names: Spelling, times: Times, zone: TimeZone) -> Self {
        Csv {
            out: csv::Writer::from_writer(out),
            stopwatch: Stopwatch::new(times, zone),
            names,
        }
    }

    fn write<'a>(&mut self, fields: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
        self.out.write_record(fields).map_err(io_error)
    }
}

/// Returns the underlying writer's error, so that a closed pipe is recognized.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(e) => e,
        other => io::Error::other(format!("cannot write CSV: {other:?}")),
    }
}

impl<W: Write> Sink for Csv<W> {
    fn begin(&mut self) -> io::Result<()> {
        let Times { time, timestamp } = self.stopwatch.times;
        let times = [time.then_some("TIME"), timestamp.then_some("TIME(s)")];
        let columns = [
            "PID", "COMM", "IP", "LADDR", "LPORT", "RADDR", "RPORT", "TX_KB", "RX_KB", "MS",
        ];
        self.write(times.into_iter().flatten().chain(columns))
    }

    fn session(&mut self, s: &Session, clock: &Clock) -> io::Result<()> {
        let (time, seconds) = self.stopwatch.read(s, clock);
        let seconds = seconds.map(|s| format!("{s:.6}"));
        let columns = [
            &s.pid.to_string(),
            &*self.names.in_csv(s.comm.as_str()),
            &s.ip().to_string(),
            &s.laddr.to_string(),
            &s.lport.to_string(),
            &s.raddr.to_string(),
            &s.rport.to_string(),
            &(s.tx_bytes / 1024).to_string(),
            &(s.rx_bytes / 1024).to_string(),
            &milliseconds(s).unwrap_or_default(),
        ];
        let times = [time.as_deref(), seconds.as_deref()];
        self.write(times.into_iter().flatten().chain(columns))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes every field, with the names, units and values of the JSON lines; unknown values are empty. Texts are safe for
/// a spreadsheet: JSON lines have them as they are.
pub struct AllFields<W: Write> {
    out: csv::Writer<W>,
}

impl<W: Write> std::fmt::Debug for AllFields<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AllFields").finish_non_exhaustive()
    }
}

impl<W: Write> AllFields<W> {
    pub fn new(out: W) -> Self {
        AllFields {
            out: csv::Writer::from_writer(out),
        }
    }
}

impl<W: Write> Sink for AllFields<W> {
    fn begin(&mut self) -> io::Result<()> {
        let keys = FIELDS.iter().filter_map(|f| f.json);
        let names = ["event", "time"].into_iter().chain(keys);
        self.out.write_record(names).map_err(io_error)
    }

    fn session(&mut self, session: &Session, clock: &Clock) -> io::Result<()> {
        self.out.write_field(event(session)).map_err(io_error)?;
        let time = time(session, clock);
        self.out.write_field(time).map_err(io_error)?;
        for field in FIELDS.iter().filter(|f| f.json.is_some()) {
            let written = match (field.get)(session) {
                Value::Missing => self.out.write_field(""),
                Value::Uint(n) => self.out.write_field(n.to_string()),
                Value::Addr(a) => self.out.write_field(a.to_string()),
                Value::Text(t) => self.out.write_field(&*Spelling::Safe.in_csv(t)),
                Value::Bool(b) => self.out.write_field(b.to_string()),
            };
            written.map_err(io_error)?;
        }
        // end of the record
        self.out.write_record(None::<&[u8]>).map_err(io_error)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Writes nothing: a reader takes every line for a session.
    fn end(&mut self, _: &Summary) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::cgroup::Cgroup;
    use crate::model::interface::Interface;
    use crate::model::session::Comm;
    use crate::output::tests::{golden_clock, rendered};
    use crate::testing::sample::closed_session;

    #[test]
    fn csv_rows_with_every_field() {
        insta::assert_snapshot!(rendered(|out| Box::new(AllFields::new(out))));
    }

    fn rows(time: bool, timestamp: bool) -> String {
        rendered(|out| {
            Box::new(Csv::new(
                out,
                Spelling::Safe,
                Times { time, timestamp },
                TimeZone::UTC,
            ))
        })
    }

    /// The line of a session with every text that a stranger can choose.
    fn line(sink: &mut dyn Sink, name: &str) {
        let session = Session {
            comm: Comm::from(name),
            cgroup: Arc::new(Cgroup::new(
                7,
                Some(format!("/a;{name}/lxc.payload.{name}")),
            )),
            interface: Interface::new(name),
            ..closed_session()
        };
        sink.session(&session, &golden_clock()).expect("a row");
        sink.flush().expect("memory");
    }

    #[test]
    fn csv_names_that_start_formulas_are_text_unless_exact() {
        for (name, field) in [
            ("=1+1", "'=1+1"),
            ("-1", "'-1"),
            ("@A1", "'@A1"),
            ("a;=1", "a;'=1"),
            ("a=b", "a=b"),
        ] {
            let comm = |names, name| {
                let mut out = Vec::new();
                let mut csv = Csv::new(&mut out, names, Times::default(), TimeZone::UTC);
                line(&mut csv, name);
                drop(csv);
                let row = String::from_utf8(out).expect("UTF-8");
                row.split(',').nth(1).map(str::to_owned)
            };
            assert_eq!(comm(Spelling::Safe, name).as_deref(), Some(field));
            assert_eq!(comm(Spelling::Exact, name).as_deref(), Some(name));
        }
    }

    #[test]
    fn csv_with_every_field_has_no_formula_from_any_source() {
        let mut out = Vec::new();
        let mut csv = AllFields::new(&mut out);
        csv.begin().expect("a header");
        for name in ["=1+1", "+1", "-1", "@A1", "a;=1"] {
            line(&mut csv, name);
        }
        drop(csv);
        let mut reader = csv::Reader::from_reader(&out[..]);
        let keys = reader.headers().expect("a header").clone();
        for record in reader.records() {
            for (key, field) in keys.iter().zip(&record.expect("a row")) {
                let is_formula = |part: &str| part.starts_with(['=', '+', '-', '@']);
                assert!(!field.split(';').any(is_formula), "{key}: {field}");
                let is_chosen = ["comm", "interface", "cgroup", "container"].contains(&key);
                assert_eq!(field.contains('\''), is_chosen, "{key}: {field}");
            }
        }
    }

    #[test]
    fn csv_rows_match_their_snapshot() {
        insta::assert_snapshot!(rows(false, false));
    }

    #[test]
    fn csv_rows_with_both_times() {
        insta::assert_snapshot!(rows(true, true));
    }
}
