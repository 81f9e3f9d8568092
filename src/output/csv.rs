//! CSV output: the columns of bcc's `tcplife -s`, chosen columns, or every field.

use std::io::{self, Write};

use jiff::tz::TimeZone;

use crate::model::batch::Clock;
use crate::model::session::Session;
use crate::output::columns::{ALL, LineColumn};
use crate::output::names::Spelling;
use crate::output::{Sink, Stopwatch, Summary, Times, milliseconds};

/// Writes the classic columns, quoted where needed (RFC 4180).
pub struct Csv<W: Write> {
    out: csv::Writer<W>,
    stopwatch: Stopwatch,
    names: Spelling,
    states: bool,
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
            states: false,
        }
    }

    /// Adds a column for the state, after those of bcc's tcplife: for sessions that are open.
    #[must_use]
    pub fn with_states(self) -> Self {
        Csv {
            states: true,
            ..self
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
    fn marks_bounds(&self) -> bool {
        false
    }

    fn begin(&mut self) -> io::Result<()> {
        let columns = [
            "PID", "COMM", "IP", "LADDR", "LPORT", "RADDR", "RPORT", "TX_KB", "RX_KB", "MS",
        ];
        let state = self.states.then_some("STATE");
        let times = time_headings(self.stopwatch.times);
        self.write(times.chain(columns).chain(state))
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
        let state = self.states.then_some(s.state.name());
        self.write(times.into_iter().flatten().chain(columns).chain(state))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Iterates over the requested time headings.
fn time_headings(times: Times) -> impl Iterator<Item = &'static str> {
    let Times { time, timestamp } = times;
    [time.then_some("TIME"), timestamp.then_some("TIME(s)")]
        .into_iter()
        .flatten()
}

/// Writes chosen columns, with the names, units and values of the JSON lines; unknown values are empty. Texts are safe
/// for a spreadsheet, unless they are spelled exactly: JSON lines have them as they are.
pub struct CsvColumns<W: Write> {
    out: csv::Writer<W>,
    columns: Vec<LineColumn>,
    stopwatch: Stopwatch,
    names: Spelling,
    field: String,
}

impl<W: Write> std::fmt::Debug for CsvColumns<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CsvColumns")
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

impl<W: Write> CsvColumns<W> {
    /// Creates a sink with the requested time columns before the chosen ones.
    pub fn new(
        out: W,
        columns: Vec<LineColumn>,
        names: Spelling,
        times: Times,
        zone: TimeZone,
    ) -> Self {
        CsvColumns {
            out: csv::Writer::from_writer(out),
            columns,
            stopwatch: Stopwatch::new(times, zone),
            names,
            field: String::new(),
        }
    }
}

impl<W: Write> Sink for CsvColumns<W> {
    fn marks_bounds(&self) -> bool {
        self.columns.iter().any(|c| c.key() == "preexisting")
    }

    fn begin(&mut self) -> io::Result<()> {
        let keys = self.columns.iter().map(|c| c.key());
        let names = time_headings(self.stopwatch.times).chain(keys);
        self.out.write_record(names).map_err(io_error)
    }

    fn session(&mut self, session: &Session, clock: &Clock) -> io::Result<()> {
        let (time, seconds) = self.stopwatch.read(session, clock);
        let seconds = seconds.map(|s| format!("{s:.6}"));
        for time in [time, seconds].into_iter().flatten() {
            self.out.write_field(time).map_err(io_error)?;
        }
        for column in &self.columns {
            self.field.clear();
            column.push_csv(&mut self.field, session, clock, self.names);
            self.out.write_field(&self.field).map_err(io_error)?;
        }
        // end of the record
        self.out.write_record(None::<&[u8]>).map_err(io_error)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes every field to a file.
#[derive(Debug)]
pub struct AllFields<W: Write>(CsvColumns<W>);

impl<W: Write> AllFields<W> {
    pub fn new(out: W) -> Self {
        let (names, times) = (Spelling::Safe, Times::default());
        AllFields(CsvColumns::new(
            out,
            ALL.clone(),
            names,
            times,
            TimeZone::UTC,
        ))
    }
}

impl<W: Write> Sink for AllFields<W> {
    fn begin(&mut self) -> io::Result<()> {
        self.0.begin()
    }

    fn session(&mut self, session: &Session, clock: &Clock) -> io::Result<()> {
        self.0.session(session, clock)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
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
    use crate::model::cgroup::{Cgroup, ContainerNames};
    use crate::model::interface::Interface;
    use crate::model::session::Comm;
    use crate::output::columns::ColumnsFlag;
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
        let names = ContainerNames {
            container: Some(name.to_owned()),
            pod: Some(name.to_owned()),
            namespace: Some(name.to_owned()),
        };
        let session = Session {
            comm: Comm::from(name),
            cgroup: Arc::new(
                Cgroup::new(7, Some(format!("/a;{name}/lxc.payload.{name}"))).named(&names),
            ),
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
                let chosen = ["comm", "interface", "cgroup", "container"];
                let is_chosen =
                    chosen.contains(&key) || key.ends_with("_name") || key == "namespace";
                assert_eq!(field.contains('\''), is_chosen, "{key}: {field}");
            }
        }
    }

    #[test]
    fn csv_of_chosen_columns_has_those_of_the_export() {
        let cells = |csv: &str, keys: &[&str]| -> Vec<Vec<String>> {
            let mut reader = csv::Reader::from_reader(csv.as_bytes());
            let headings = reader.headers().expect("a header").clone();
            let place = |key: &&str| headings.iter().position(|h| h == *key).expect(key);
            let places: Vec<usize> = keys.iter().map(place).collect();
            let rows = reader.records().map(|row| row.expect("a row"));
            rows.map(|row| places.iter().map(|&at| row[at].to_owned()).collect())
                .collect()
        };
        let words = "time,comm,raddr,srtt_us,duration,pod";
        let Ok(ColumnsFlag::These(columns)) = words.parse() else {
            panic!("{words}");
        };
        let chosen = rendered(|out| {
            let (names, times) = (Spelling::Safe, Times::default());
            Box::new(CsvColumns::new(out, columns, names, times, TimeZone::UTC))
        });
        let keys = ["time", "comm", "raddr", "srtt_us", "duration_us", "pod"];
        assert_eq!(chosen.lines().next(), Some(&*keys.join(",")));
        let all = rendered(|out| Box::new(AllFields::new(out)));
        assert_eq!(cells(&chosen, &keys), cells(&all, &keys));
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
