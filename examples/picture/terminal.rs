//! The real program in a pseudo-terminal.

use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::svg::svg;

pub(crate) const COLUMNS: u16 = 118;
const LINES: u16 = 36;

fn size(lines: u16, columns: u16) -> PtySize {
    PtySize {
        rows: lines,
        cols: columns,
        ..PtySize::default()
    }
}

fn cells(n: u16) -> NonZero<u16> {
    NonZero::new(n).expect("a size")
}

pub(crate) struct Terminal {
    screen: vt100::Parser,
    output: mpsc::Receiver<Vec<u8>>,
    input: Box<dyn Write + Send>,
    master: Box<dyn portable_pty::MasterPty + Send>,
    _child: Box<dyn portable_pty::Child + Send + Sync>,
    _home: tempfile::TempDir,
}

impl Terminal {
    /// Starts it with the settings of a new user, and with these keys typed ahead.
    pub(crate) fn start(binary: &Path, keys: &str) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let pair = native_pty_system()
            .openpty(size(LINES, COLUMNS))
            .expect("a pseudo-terminal");
        let master = pair.master.as_raw_fd().expect("the terminal's descriptor");
        // SAFETY: it is open as long as the pair.
        let master = unsafe { BorrowedFd::borrow_raw(master) };
        let mut modes = tcgetattr(master).expect("the terminal's modes");
        modes.make_raw(); // keys arrive as they are
        tcsetattr(master, OptionalActions::Now, &modes).expect("setting them");
        let mut input = pair.master.take_writer().expect("the terminal's input");
        input.write_all(keys.as_bytes()).expect("typing");
        let mut command = CommandBuilder::new(binary);
        command.env("TERM", "xterm-256color");
        for name in ["XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
            command.env(name, home.path());
        }
        for name in ["NO_COLOR", "COLORFGBG", "SSH_CONNECTION"] {
            command.env_remove(name);
        }
        let child = pair.slave.spawn_command(command).expect("starting tcplife");
        let mut reader = pair
            .master
            .try_clone_reader()
            .expect("the terminal's output");
        let (tx, output) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 65536];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if tx.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        let screen = vt100::Parser::new(cells(LINES), cells(COLUMNS), 0);
        Terminal {
            screen,
            output,
            input,
            master: pair.master,
            _child: child,
            _home: home,
        }
    }

    pub(crate) fn resize(&mut self, lines: u16, columns: u16) {
        let size = size(lines, columns);
        self.master.resize(size).expect("resizing");
        self.screen
            .screen_mut()
            .set_size(cells(lines), cells(columns));
    }

    /// Processes the program's output for `time`.
    pub(crate) fn show_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Ok(bytes) = self
            .output
            .recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            self.screen.process(&bytes);
        }
    }

    /// Waits until all of these texts are on the screen at once.
    pub(crate) fn wait_for(&mut self, texts: &[&str]) {
        let end = Instant::now() + Duration::from_secs(30);
        while !texts.iter().all(|text| self.shows(text)) {
            assert!(
                Instant::now() < end,
                "not all of {texts:?} on the screen:\n{}",
                self.screen.screen().contents()
            );
            self.show_for(Duration::from_millis(50));
        }
    }

    pub(crate) fn shows(&self, text: &str) -> bool {
        self.screen.screen().contents().contains(text)
    }

    pub(crate) fn keys(&mut self, keys: &str) {
        self.input
            .write_all(keys.as_bytes())
            .and_then(|()| self.input.flush())
            .expect("typing");
        self.show_for(Duration::from_millis(300));
    }

    pub(crate) fn screen(&self) -> &vt100::Screen {
        self.screen.screen()
    }

    pub(crate) fn save(&self, path: &str) {
        std::fs::write(path, svg(self.screen.screen()))
            .unwrap_or_else(|e| panic!("writing {path}: {e}"));
    }
}
