//! Classic text rows: the columns and widths of bcc's tcplife, to the byte.

use std::io::{self, Write};

use jiff::tz::TimeZone;
use unicode_width::UnicodeWidthChar;

use crate::model::batch::Clock;
use crate::model::session::{Age, Evidence, Session};
use crate::output::names::Spelling;
use crate::output::{Sink, Stopwatch, Times, milliseconds};

/// Writes rows of aligned columns.
#[derive(Debug)]
pub struct Text<W> {
    out: W,
    wide: bool,
    names: Spelling,
    stopwatch: Stopwatch,
}

impl<W: Write> Text<W> {
    /// Creates a sink; `wide` has room for IPv6 addresses and whole names.
    pub fn new(out: W, wide: bool, names: Spelling, times: Times, zone: TimeZone) -> Self {
        Text {
            out,
            wide,
            names,
            stopwatch: Stopwatch::new(times, zone),
        }
    }
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
        if self.stopwatch.times.time {
            write!(self.out, "{:<8} ", "TIME")?;
        }
        if self.stopwatch.times.timestamp {
            write!(self.out, "{:<9} ", "TIME(s)")?;
        }
        if self.wide {
            writeln!(
                self.out,
                "{:<5} {:<16.16} {:<2} {:<39} {:<5} {:<39} {:<5} {:>6} {:>6} MS",
                "PID", "COMM", "IP", "LADDR", "LPORT", "RADDR", "RPORT", "TX_KB", "RX_KB"
            )
        } else {
            writeln!(
                self.out,
                "{:<5} {:<10.10} {:<15} {:<5} {:<15} {:<5} {:>5} {:>5} MS",
                "PID", "COMM", "LADDR", "LPORT", "RADDR", "RPORT", "TX_KB", "RX_KB"
            )
        }
    }

    fn session(&mut self, s: &Session, clock: &Clock) -> io::Result<()> {
        let (time, seconds) = self.stopwatch.read(s, clock);
        if let Some(time) = time {
            write!(self.out, "{time:<8} ")?;
        }
        if let Some(seconds) = seconds {
            write!(self.out, "{seconds:<9.6} ")?;
        }
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
        let bound = match s.age {
            Age::LowerBound => "≥",
            Age::Exact | Age::Unknown => "",
        };
        let ms = milliseconds(s).unwrap_or_else(|| "-".into());
        writeln!(self.out, "{bound}{ms}")
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::rendered;

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
