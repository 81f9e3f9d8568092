//! A terminal with a user, and the sessions that are to be seen on it.

use std::io::Write;
use std::net::TcpListener;
use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;

use crate::common::loopback::port;
use crate::common::pty::{self, Pty};
use crate::common::requirements::{PATIENCE, TCPLIFE};

/// Returns the command line of a dashboard with these flags.
pub(crate) fn argv<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    [&[TCPLIFE, "-o", "dashboard"], flags].concat()
}

/// Returns that of one that refreshes so often that no test waits for it.
pub(crate) fn brisk<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    argv(&[&["--interval", "200ms"], flags].concat())
}

pub(crate) struct Seen {
    pub(crate) terminal: vt100::Parser,
    pub(crate) keys: Option<Box<dyn Write + Send>>,
    pub(crate) pty: Pty,
}

impl Seen {
    pub(crate) fn start(command: CommandBuilder) -> Seen {
        Seen::sized(command, 24, 80)
    }

    /// Starts the command on a terminal of that size.
    pub(crate) fn sized(command: CommandBuilder, rows: u16, cols: u16) -> Seen {
        Seen::on(Pty::start(command, rows, cols), rows, cols)
    }

    /// Interprets the terminal's output as so many rows and columns.
    pub(crate) fn on(pty: Pty, rows: u16, cols: u16) -> Seen {
        Seen {
            terminal: vt100::Parser::new(length(rows), length(cols), 0),
            keys: Some(pty.master.take_writer().expect("a writer")),
            pty,
        }
    }

    /// Starts the dashboard, and waits for its first frame.
    pub(crate) fn dashboard(flags: &[&str]) -> Seen {
        let mut seen = Seen::start(pty::command(&brisk(flags)));
        seen.wait_for("the dashboard", |s| {
            s.shows("COMM") && s.shows("open ") && !s.shows("Reading the open sessions")
        });
        assert!(seen.terminal.screen().alternate_screen() && seen.terminal.screen().hide_cursor());
        assert!(!seen.pty.is_as_before(), "the terminal is in raw mode now");
        seen
    }

    /// Sends keys, encoded as the terminal does.
    pub(crate) fn press(&mut self, keys: &str) {
        let to = self.keys.as_mut().expect("the terminal is there");
        to.write_all(keys.as_bytes())
            .and_then(|()| to.flush())
            .expect("the terminal is there");
    }

    /// Reads until the screen matches.
    pub(crate) fn wait_for(&mut self, what: &str, is_there: impl Fn(&Seen) -> bool) {
        self.wait_within(PATIENCE, what, is_there);
    }

    /// Reads until the screen matches, for at most that time.
    pub(crate) fn wait_within(
        &mut self,
        time: Duration,
        what: &str,
        is_there: impl Fn(&Seen) -> bool,
    ) {
        let deadline = Instant::now() + time;
        while !is_there(self) {
            assert!(Instant::now() < deadline, "no {what}:\n{}", self.picture());
            let terminal = &mut self.terminal;
            if !self.pty.read(|bytes| terminal.process(bytes)) && !is_there(self) {
                let status = self.pty.wait(|_| ());
                panic!("no {what}: it ended, {status}:\n{}", self.picture());
            }
        }
    }

    /// Waits until it exits with this status, and the terminal is as it was before.
    pub(crate) fn ends(&mut self, how: &str, status: u32) {
        let terminal = &mut self.terminal;
        let ended = self.pty.wait(|bytes| terminal.process(bytes));
        let picture = self.picture();
        assert_eq!(
            (ended.exit_code(), ended.signal()),
            (status, None),
            "{how}:\n{picture}"
        );
        self.gave_the_terminal_back(how);
    }

    /// Quits with the key that quits on any page.
    pub(crate) fn quit(&mut self) {
        self.press("\x03");
        self.ends("^C", 0);
    }

    pub(crate) fn gave_the_terminal_back(&self, how: &str) {
        let screen = self.terminal.screen();
        assert!(!screen.alternate_screen(), "{how}: on the alternate screen");
        assert!(!screen.hide_cursor(), "{how}: without a cursor");
        assert!(self.pty.is_as_before(), "{how}: the settings were changed");
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let (_, width) = self.terminal.screen().size();
        self.terminal.screen().rows(0, width.get()).collect()
    }

    pub(crate) fn picture(&self) -> String {
        self.lines().join("\n")
    }

    pub(crate) fn shows(&self, text: &str) -> bool {
        self.lines().iter().any(|l| l.contains(text))
    }

    /// True if the screen shows a complete frame.
    pub(crate) fn is_whole(&self) -> bool {
        self.pty.written.ends_with(b"\x1b[?2026l")
    }

    /// Returns the number of the line with the headings.
    pub(crate) fn heading(&self) -> Option<usize> {
        self.lines()
            .iter()
            .position(|l| l.contains("RADDR") && l.contains("RPORT"))
    }

    /// Returns a session's cells, by heading.
    pub(crate) fn row(&self, lport: u16, rport: u16) -> Option<Row> {
        let rows = self.rows();
        rows.into_iter().find(|r| r.ports == Some((lport, rport)))
    }

    /// Returns the sessions on the screen, from top to bottom.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let lines = self.lines();
        let Some(heading) = self.heading() else {
            return Vec::new();
        };
        let titles = titles(&lines[heading]);
        // the panes of top talkers below them have columns of their own
        let is_pane = |line: &&String| {
            ["PROCESS (", "PROGRAM ("]
                .iter()
                .any(|t| line.starts_with(t))
        };
        lines[heading + 1..]
            .iter()
            .take_while(|line| !is_pane(line))
            .map(|line| Row::new(&titles, line))
            .filter(|r| r.ports.is_some())
            .collect()
    }

    /// Returns the peers' ports of the sessions on the screen, from top to bottom.
    pub(crate) fn order(&self) -> Vec<u16> {
        self.rows()
            .iter()
            .filter_map(|r| r.ports)
            .map(|p| p.1)
            .collect()
    }

    /// Returns the heading that looks different from the others: the sorted column.
    pub(crate) fn sorted_by(&self) -> Option<String> {
        let line = self.heading()?;
        let text: Vec<char> = self.lines()[line].chars().collect();
        let appearance_of = |title: &str| {
            let column = text
                .windows(title.chars().count())
                .position(|w| w.iter().copied().eq(title.chars()))?;
            let cell = self.terminal.screen().cell(line as u16, column as u16)?;
            Some((cell.fgcolor(), cell.bgcolor(), cell.bold()))
        };
        let titles = words(&self.lines()[line]);
        let appearances: Vec<_> = titles.iter().map(|t| appearance_of(t)).collect();
        let alone = |i: &usize| {
            appearances
                .iter()
                .filter(|l| **l == appearances[*i])
                .count()
                == 1
        };
        let sorted = (0..titles.len()).find(alone).map(|i| titles[i].clone());
        sorted.map(|title| title.trim_end_matches(['▼', '▲']).to_owned())
    }
}

/// The titles of a heading line, without the arrow of the sorted one.
pub(crate) fn titles(line: &str) -> Vec<String> {
    let title = |word: String| word.trim_end_matches(['▼', '▲']).to_owned();
    words(line).into_iter().map(title).collect()
}

pub(crate) fn length(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).expect("not zero")
}

pub(crate) fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(Into::into).collect()
}

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    titles: Vec<String>,
    cells: Vec<String>,
    /// Local and remote port.
    pub(crate) ports: Option<(u16, u16)>,
}

impl Row {
    /// Splits a line into its cells. Only a status may consist of several words.
    pub(crate) fn new(titles: &[String], line: &str) -> Row {
        let is_sign = |title: &&String| ["‹", "›"].contains(&title.as_str());
        let titles: Vec<String> = titles.iter().filter(|t| !is_sign(t)).cloned().collect();
        let mut cells = words(line);
        let more = cells.len().saturating_sub(titles.len());
        if let Some(status) = titles.iter().position(|t| t == "STATUS") {
            let status = status..(status + 1 + more).min(cells.len());
            if !status.is_empty() {
                let text = cells[status.clone()].join(" ");
                cells.splice(status, [text]);
            }
        }
        let mut row = Row {
            titles,
            cells,
            ports: None,
        };
        let port = |title| row.cell(title).parse().ok();
        row.ports = port("LPORT").zip(port("RPORT"));
        row
    }

    pub(crate) fn cell(&self, title: &str) -> &str {
        let column = self.titles.iter().position(|t| t == title);
        let cell = column.and_then(|i| self.cells.get(i));
        cell.map_or("", String::as_str)
    }
}

/// Returns a filter for the server's ends of sessions with these listeners, so that each session is one line.
pub(crate) fn only(listeners: &[&TcpListener]) -> String {
    let ports: Vec<String> = listeners.iter().map(|l| port(l).to_string()).collect();
    ports.join(",")
}
