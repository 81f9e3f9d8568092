//! Text rows: the columns and widths of bcc's tcplife, to the byte, or chosen columns.

use std::io::{self, Write};

use jiff::tz::TimeZone;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::model::batch::Clock;
use crate::model::session::{Evidence, Session};
use crate::output::columns::{LineColumn, bound};
use crate::output::names::Spelling;
use crate::output::{Sink, Stopwatch, Times, milliseconds};

/// Writes rows of aligned columns.
#[derive(Debug)]
pub struct Text<W> {
    out: W,
    wide: bool,
    names: Spelling,
    stopwatch: Stopwatch,
    states: bool,
}

impl<W: Write> Text<W> {
    /// Creates a sink; `wide` has room for IPv6 addresses and whole names.
    pub fn new(out: W, wide: bool, names: Spelling, times: Times, zone: TimeZone) -> Self {
        Text {
            out,
            wide,
            names,
            stopwatch: Stopwatch::new(times, zone),
            states: false,
        }
    }

    /// Adds a column for the state, after those of bcc's tcplife: for sessions that are open.
    #[must_use]
    pub fn with_states(self) -> Self {
        Text {
            states: true,
            ..self
        }
    }
}

/// Writes the requested time headings.
fn time_headings(out: &mut impl Write, times: Times) -> io::Result<()> {
    if times.time {
        write!(out, "{:<8} ", "TIME")?;
    }
    if times.timestamp {
        write!(out, "{:<9} ", "TIME(s)")?;
    }
    Ok(())
}

/// Writes the requested times of a session.
fn times(
    out: &mut impl Write,
    stopwatch: &mut Stopwatch,
    s: &Session,
    clock: &Clock,
) -> io::Result<()> {
    let (time, seconds) = stopwatch.read(s, clock);
    if let Some(time) = time {
        write!(out, "{time:<8} ")?;
    }
    if let Some(seconds) = seconds {
        write!(out, "{seconds:<9.6} ")?;
    }
    Ok(())
}

/// Cuts or pads a text to this many columns of the terminal.
fn cell(text: &str, width: usize) -> String {
    let mut cell = String::with_capacity(width);
    let mut left = width;
    for c in text.chars() {
        let Some(rest) = left.checked_sub(c.width().unwrap_or(0)) else {
            break;
        };
        cell.push(c);
        left = rest;
    }
    cell.extend(std::iter::repeat_n(' ', left));
    cell
}

impl<W: Write> Sink for Text<W> {
    fn begin(&mut self) -> io::Result<()> {
        time_headings(&mut self.out, self.stopwatch.times)?;
        let ms = if self.states { MS_AND_STATE } else { "MS" };
        if self.wide {
            writeln!(
                self.out,
                "{:<5} {:<16.16} {:<2} {:<39} {:<5} {:<39} {:<5} {:>6} {:>6} {ms}",
                "PID", "COMM", "IP", "LADDR", "LPORT", "RADDR", "RPORT", "TX_KB", "RX_KB"
            )
        } else {
            writeln!(
                self.out,
                "{:<5} {:<10.10} {:<15} {:<5} {:<15} {:<5} {:>5} {:>5} {ms}",
                "PID", "COMM", "LADDR", "LPORT", "RADDR", "RPORT", "TX_KB", "RX_KB"
            )
        }
    }

    fn session(&mut self, s: &Session, clock: &Clock) -> io::Result<()> {
        times(&mut self.out, &mut self.stopwatch, s, clock)?;
        let comm = match s.owner {
            Evidence::None => "-".into(),
            _ => self.names.in_text(s.comm.as_str()),
        };
        let comm = cell(&comm, if self.wide { 16 } else { 10 });
        let (laddr, raddr) = (s.laddr.to_string(), s.raddr.to_string());
        let (tx_kb, rx_kb) = (s.tx_bytes / 1024, s.rx_bytes / 1024);
        if self.wide {
            write!(
                self.out,
                "{:<5} {comm} {:<2} {laddr:<39} {:<5} {raddr:<39} {:<5} {tx_kb:>6} {rx_kb:>6} ",
                s.pid,
                s.ip(),
                s.lport,
                s.rport
            )?;
        } else {
            write!(
                self.out,
                "{:<5} {comm} {laddr:<15} {:<5} {raddr:<15} {:<5} {tx_kb:>5} {rx_kb:>5} ",
                s.pid, s.lport, s.rport
            )?;
        }
        // bcc has no such rows, so this sign cannot break anything that reads its columns
        let ms = milliseconds(s).map_or_else(|| "-".into(), |ms| ms + bound(s));
        match self.states {
            true => writeln!(self.out, "{ms:<11} {}", s.state.name()),
            false => writeln!(self.out, "{ms}"),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The last two headings if there are states.
const MS_AND_STATE: &str = "MS          STATE";

/// So many spaces, as far as a column is wide.
fn spaces(n: usize) -> &'static str {
    const SPACES: &str = "                                                                ";
    &SPACES[..n.min(SPACES.len())]
}

/// Writes rows of chosen columns. They are aligned as long as the values fit; no value is cut.
#[derive(Debug)]
pub struct TextColumns<W> {
    out: W,
    /// The columns, their minimum widths, and true for those that are right-aligned.
    columns: Vec<(LineColumn, usize, bool)>,
    names: Spelling,
    stopwatch: Stopwatch,
    line: String,
}

impl<W: Write> TextColumns<W> {
    /// Creates a sink; `wide` has room for IPv6 addresses and whole names.
    pub fn new(
        out: W,
        columns: Vec<LineColumn>,
        wide: bool,
        names: Spelling,
        times: Times,
        zone: TimeZone,
    ) -> Self {
        TextColumns {
            out,
            columns: columns
                .iter()
                .map(|c| (*c, c.width(wide), c.is_number()))
                .collect(),
            names,
            stopwatch: Stopwatch::new(times, zone),
            line: String::new(),
        }
    }

    /// Writes the cell of each column, which `push` appends; nothing pads the last one.
    fn row(&mut self, push: impl Fn(LineColumn, &mut String)) -> io::Result<()> {
        let line = &mut self.line;
        line.clear();
        let last = self.columns.len().saturating_sub(1);
        for (i, (column, width, is_number)) in self.columns.iter().enumerate() {
            let start = line.len();
            push(*column, line);
            if i == last {
                continue;
            }
            let cell = &line[start..];
            let taken = match cell.is_ascii() {
                true => cell.len(),
                false => cell.width(),
            };
            let spaces = spaces(width.saturating_sub(taken));
            match is_number {
                true => line.insert_str(start, spaces),
                false => line.push_str(spaces),
            }
            line.push(' ');
        }
        line.push('\n');
        self.out.write_all(line.as_bytes())
    }
}

impl<W: Write> Sink for TextColumns<W> {
    fn begin(&mut self) -> io::Result<()> {
        time_headings(&mut self.out, self.stopwatch.times)?;
        self.row(|column, line| line.push_str(&column.heading()))
    }

    fn session(&mut self, s: &Session, clock: &Clock) -> io::Result<()> {
        times(&mut self.out, &mut self.stopwatch, s, clock)?;
        let names = self.names;
        self.row(|column, line| column.push_text(line, s, clock, names))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::columns::ColumnsFlag;
    use crate::output::tests::rendered;

    fn chosen(words: &str) -> Vec<LineColumn> {
        match words.parse().expect(words) {
            ColumnsFlag::These(columns) => columns,
            ColumnsFlag::Help => panic!("no columns"),
        }
    }

    fn rows_of(words: &str, wide: bool, times: Times) -> String {
        rendered(|out| {
            Box::new(TextColumns::new(
                out,
                chosen(words),
                wide,
                Spelling::Safe,
                times,
                TimeZone::UTC,
            ))
        })
    }

    #[test]
    fn text_rows_of_chosen_columns() {
        let words = "comm,raddr,dport,tx_bytes,rx,rtt,reason,preexisting,duration";
        insta::assert_snapshot!(rows_of(words, false, Times::default()));
    }

    #[test]
    fn text_rows_of_chosen_columns_wide_with_times() {
        let times = Times {
            time: true,
            timestamp: true,
        };
        insta::assert_snapshot!(rows_of("time,event,raddr,unit,status", true, times));
    }

    #[test]
    fn text_rows_of_every_column_are_as_many_words_as_headings() {
        let words: Vec<&str> = crate::output::columns::ALL
            .iter()
            .map(|c| c.word())
            .collect();
        let rows = rows_of(&words.join(","), false, Times::default());
        for row in rows.lines() {
            assert_eq!(row.split_whitespace().count(), words.len(), "{row}");
        }
    }

    #[test]
    fn text_rows_of_open_sessions_have_the_classic_columns_first() {
        let with_states = rendered(|out| {
            let text = Text::new(out, false, Spelling::Safe, Times::default(), TimeZone::UTC);
            Box::new(text.with_states())
        });
        for (row, classic) in with_states.lines().zip(rows(false, false, false).lines()) {
            let (before, state) = row.rsplit_once(' ').expect("two columns");
            assert_eq!(before.trim_end(), classic);
            assert!(["STATE", "closed"].contains(&state), "{row}");
        }
    }

    fn rows(wide: bool, time: bool, timestamp: bool) -> String {
        rendered(|out| {
            Box::new(Text::new(
                out,
                wide,
                Spelling::Safe,
                Times { time, timestamp },
                TimeZone::UTC,
            ))
        })
    }

    #[test]
    fn text_rows_have_the_default_columns() {
        insta::assert_snapshot!(rows(false, false, false));
    }

    #[test]
    fn text_rows_wide_have_the_wide_columns() {
        insta::assert_snapshot!(rows(true, false, false));
    }

    #[test]
    fn text_rows_with_timestamp_have_seconds() {
        insta::assert_snapshot!(rows(false, false, true));
    }

    #[test]
    fn text_rows_with_time_have_the_time_of_day() {
        insta::assert_snapshot!(rows(false, true, false));
    }

    #[test]
    fn text_rows_wide_have_both_times() {
        insta::assert_snapshot!(rows(true, true, true));
    }

    #[test]
    fn text_columns_with_characters_of_any_width_are_aligned() {
        insta::assert_snapshot!(named(
            Spelling::Safe,
            &["curl", "中文", "中文中文中", "a中文中文中文", "e\u{301}tat"]
        ));
    }

    /// A row for each name.
    fn named(names: Spelling, comms: &[&str]) -> String {
        let session = crate::testing::sample::closed_session();
        let mut out = Vec::new();
        let mut text = Text::new(&mut out, false, names, Times::default(), TimeZone::UTC);
        for comm in comms {
            let named = Session {
                comm: crate::model::session::Comm::from(*comm),
                ..session.clone()
            };
            text.session(&named, &Clock::default()).expect("a row");
        }
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn text_name_with_spaces_or_none_is_one_column() {
        let comms = [
            "Web Content",
            "tmux: server",
            " ",
            "",
            "a\u{3000}b\u{a0}c",
            "123456789 b",
        ];
        let rows = named(Spelling::Safe, &comms);
        let columns = |row: &str| row.split_whitespace().count();
        assert!(rows.lines().all(|row| columns(row) == 9), "{rows}");
        // as bcc's tcplife prints them
        let exact = named(Spelling::Exact, &["Web Content", ""]);
        let comm = |row: &str| row[6..16].to_owned();
        let comms: Vec<String> = exact.lines().map(comm).collect();
        assert_eq!(comms, ["Web Conten", "          "]);
    }

    #[test]
    fn text_duration_is_of_whole_microseconds() {
        let mut session = crate::testing::sample::closed_session();
        // 4,999.999 µs are 4,999 µs in JSON
        session.end_ns = session.established_ns + 4_999_999;
        let mut out = Vec::new();
        let mut text = Text::new(
            &mut out,
            false,
            Spelling::Safe,
            Times::default(),
            TimeZone::UTC,
        );
        text.session(&session, &Clock::default()).expect("a row");
        let row = String::from_utf8(out).expect("UTF-8");
        assert!(row.ends_with(" 5.00\n"), "{row}");
        session.end_ns = session.established_ns + 4_994_999;
        assert_eq!(milliseconds(&session).as_deref(), Some("4.99"));
    }

    #[test]
    fn text_time_of_day_is_local() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let local = rendered(|out| {
            Box::new(Text::new(
                out,
                false,
                Spelling::Safe,
                Times {
                    time: true,
                    timestamp: false,
                },
                zone,
            ))
        });
        assert_eq!(local.lines().nth(1).map(|l| &l[..8]), Some("01:39:38"));
    }
}
