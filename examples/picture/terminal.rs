//! The real program in a pseudo-terminal, and what it shows.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use crate::svg::svg;

const COLUMNS: u16 = 118;
const LINES: u16 = 36;

/// The real program in a pseudo-terminal, and what it shows.
pub(crate) struct Terminal {
    screen: vt100::Parser,
    output: mpsc::Receiver<Vec<u8>>,
    input: Box<dyn Write + Send>,
    _master: Box<dyn portable_pty::MasterPty + Send>,
    _child: Box<dyn portable_pty::Child + Send + Sync>,
}

impl Terminal {
    pub(crate) fn start(binary: &Path) -> Self {
        let size = PtySize {
            rows: LINES,
            cols: COLUMNS,
            ..PtySize::default()
        };
        let pair = native_pty_system()
            .openpty(size)
            .expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(binary);
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        let child = pair.slave.spawn_command(command).expect("starting tcplife");
        let mut reader = pair
            .master
            .try_clone_reader()
            .expect("the terminal's output");
        let input = pair.master.take_writer().expect("the terminal's input");
        let (tx, output) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 65536];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if tx.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        let cells = |n| std::num::NonZero::new(n).expect("a size");
        let screen = vt100::Parser::new(cells(LINES), cells(COLUMNS), 0);
        Terminal {
            screen,
            output,
            input,
            _master: pair.master,
            _child: child,
        }
    }

    /// Takes what is written until then.
    pub(crate) fn show_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Ok(bytes) = self
            .output
            .recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            self.screen.process(&bytes);
        }
    }

    pub(crate) fn wait_for(&mut self, text: &str) {
        let end = Instant::now() + Duration::from_secs(15);
        while !self.screen.screen().contents().contains(text) {
            assert!(
                Instant::now() < end,
                "no `{text}` on the screen:\n{}",
                self.screen.screen().contents()
            );
            self.show_for(Duration::from_millis(50));
        }
    }

    pub(crate) fn keys(&mut self, keys: &str) {
        self.input
            .write_all(keys.as_bytes())
            .and_then(|()| self.input.flush())
            .expect("typing");
        self.show_for(Duration::from_millis(300));
    }

    pub(crate) fn save(&self, path: &str) {
        std::fs::write(path, svg(self.screen.screen()))
            .unwrap_or_else(|e| panic!("writing {path}: {e}"));
    }
}
