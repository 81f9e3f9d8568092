//! A window that is resized while sessions come and go: the picture is complete afterwards, on every screen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};
use tcplife::testing::sample::Numbers;
use tcplife::testing::ui::{KEYS, Mode};

use crate::common::loopback::{Pair, V4, listen, session};
use crate::common::pty;
use crate::common::requirements::{PATIENCE, kernel_or_skip};
use crate::exit::pid_of;
use crate::harness::{Seen, length, only};

/// Keys from the table to a mode, and back; `None`: it is the prompt for a file name, which briefly shows something
/// else.
fn way(mode: Mode) -> Option<(&'static str, &'static str)> {
    Some(match mode {
        Mode::Table => ("", ""),
        Mode::TopTalkers => ("\t", "\x1b[Z"),
        Mode::Detail => ("\r", "q"),
        Mode::Help => ("?", "q"),
        Mode::Search => ("?/wait", "\x03q"),
        Mode::Prompt => ("/\x15comm x or port > 1", "\r"),
        Mode::Columns => ("c", "q"),
        Mode::SortMenu => ("s", "q"),
        Mode::Distributions => ("d", "q"),
        Mode::Failures => ("f", "q"),
        Mode::Baseline => ("mm", "xx"),
        Mode::Findings => ("!", "q"),
        Mode::Drops => ("D", "q"),
        Mode::Listeners => ("L", "q"),
        Mode::Ports => ("P", "q"),
        Mode::LineSearch => ("L/wait", "\x03q"),
        Mode::PastPrompt => ("@-5s", "\x03"),
        Mode::Command => (":sort", "\x03"),
        Mode::FileName => ("e", "\x03"),
        Mode::Copied => ("y", "q"),
        Mode::Replace | Mode::Writing => return None,
    })
}

impl Seen {
    fn resize(&mut self, rows: u16, cols: u16) {
        self.terminal
            .screen_mut()
            .set_size(length(rows), length(cols));
        let size = pty::size(rows, cols);
        self.pty.master.resize(size).expect("the terminal is there");
    }

    /// Reads until nothing has come for so long.
    fn settle(&mut self, quiet: Duration) {
        let deadline = Instant::now() + PATIENCE;
        let (mut written, mut since) = (self.pty.written.len(), Instant::now());
        while since.elapsed() < quiet {
            assert!(
                Instant::now() < deadline,
                "it never settles:\n{}",
                self.picture()
            );
            let terminal = &mut self.terminal;
            assert!(self.pty.read(|bytes| terminal.process(bytes)), "it ended");
            if self.pty.written.len() != written {
                (written, since) = (self.pty.written.len(), Instant::now());
            }
        }
    }

    /// Returns every cell with its appearance; a blank as it looks.
    fn cells(&self) -> Vec<String> {
        let screen = self.terminal.screen();
        let (rows, cols) = screen.size();
        let cell = |y, x| {
            let cell = screen.cell(y, x).expect("a cell");
            let text = if cell.has_contents() {
                cell.contents()
            } else {
                " "
            };
            let ink = text != " ";
            format!(
                "{text} {:?} {:?} {} {} {}",
                if ink {
                    cell.fgcolor()
                } else {
                    vt100::Color::Default
                },
                cell.bgcolor(),
                ink && cell.bold(),
                cell.underline(),
                cell.inverse()
            )
        };
        let line = |y| {
            (0..cols.get())
                .map(|x| cell(y, x))
                .collect::<Vec<_>>()
                .join("|")
        };
        (0..rows.get()).map(line).collect()
    }
}

#[test]
fn screen_after_resize_storm_is_complete_in_every_mode() {
    if !kernel_or_skip() {
        return;
    }
    let mut modes: Vec<Mode> = Vec::new();
    for mode in KEYS.iter().flat_map(|k| k.modes) {
        if !modes.contains(mode) {
            modes.push(*mode);
        }
    }
    let listener = listen(V4);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener])]);
    let mut open: Vec<Pair> = (0..5).map(|_| Pair::open(&listener, V4)).collect();
    seen.wait_for("the sessions", |s| s.rows().len() == 5);
    let numbers = &mut Numbers::from(7);
    for (mode, (rows, cols)) in modes.into_iter().zip(
        [(24, 80), (40, 120), (16, 60), (50, 200), (30, 100)]
            .into_iter()
            .cycle(),
    ) {
        let Some((there, back)) = way(mode) else {
            continue;
        };
        seen.press(there);
        // data moves and sessions close while the size changes every few milliseconds
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let more = listener.try_clone().expect("a listener");
        let traffic = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                session(&more, V4, 100, 100);
                for pair in &mut open {
                    pair.exchange(1000, 10);
                }
                std::thread::sleep(Duration::from_millis(1)); // the rate of the traffic
            }
            open
        });
        for step in 0..60 {
            let size = match step % 20 {
                0 => (1, 1),
                10 => (100, 300),
                _ => (1 + numbers.below(100) as u16, 1 + numbers.below(300) as u16),
            };
            seen.resize(size.0, size.1);
            // some immediately after the previous one, some with a frame or two in between
            for _ in 0..numbers.below(4) {
                let terminal = &mut seen.terminal;
                assert!(seen.pty.read(|bytes| terminal.process(bytes)), "it ended");
            }
        }
        seen.resize(rows, cols);
        stop.store(true, Ordering::Relaxed);
        open = traffic.join().expect("the traffic");
        // paused, so that only its drawing can differ
        seen.press(back);
        seen.wait_for("the table", |s| s.heading().is_some() && s.shows("q quit"));
        seen.press(" ");
        seen.wait_for("freeze", |s| s.shows("PAUSED"));
        seen.press(there);
        seen.settle(Duration::from_millis(300));
        let (before, drawn) = (seen.cells(), seen.pty.written.len());
        kill_process(pid_of(&seen), Signal::CONT).expect("it runs"); // redraws everything, in any mode
        seen.wait_for("all of it again", |s| {
            String::from_utf8_lossy(&s.pty.written[drawn..]).contains("\x1b[2J") && s.is_whole()
        });
        seen.settle(Duration::from_millis(300));
        let after = seen.cells();
        for (y, (before, after)) in before.iter().zip(&after).enumerate() {
            // what had happened before the pause may still arrive, and is counted there
            let is_counting = seen.lines()[y].contains("PAUSED, ");
            assert!(
                before == after || is_counting,
                "{mode:?}, line {y}:\n{before}\n{after}\n{}",
                seen.picture()
            );
        }
        let first = &seen.lines()[0];
        let figures = first.strip_prefix("host: ").unwrap_or(first); // said where there is a filter
        assert!(figures.starts_with("open "), "{}", seen.picture());
        let last = seen.lines()[usize::from(rows) - 1].clone();
        assert!(!last.trim().is_empty(), "no footer:\n{}", seen.picture());
        seen.press(back);
        seen.wait_for("the table", |s| s.heading().is_some() && s.shows("q quit"));
        seen.press(" ");
        seen.wait_for("the end of the freeze", |s| !s.shows("PAUSED"));
    }
    seen.quit();
}
