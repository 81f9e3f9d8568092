//! Jumps to moments of a recording, with the keys of the dashboard.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tcplife::testing::play::dashboard_of;
use tcplife::testing::sample::Numbers;
use tcplife::testing::ui::{self, App, DARK, KeyCode, KeyPress};

use crate::dashboard::SIZE;

/// A dashboard of a recording.
pub(crate) struct Jumps {
    app: App,
    terminal: Terminal<TestBackend>,
    numbers: Numbers,
}

impl Jumps {
    /// Replays a recording to its end. `keep`: closed sessions that the dashboard keeps.
    pub(crate) fn new(path: &Path, keep: u64) -> anyhow::Result<Self> {
        let Ok(terminal) = Terminal::new(TestBackend::new(SIZE.width, SIZE.height));
        Ok(Jumps {
            app: dashboard_of(File::open(path)?, keep as usize, SIZE)?,
            terminal,
            numbers: Numbers::from(7),
        })
    }

    fn key(&mut self, code: KeyCode, typed: Option<char>) {
        self.app.key(KeyPress::new(code, false), typed);
    }

    /// Goes to a random moment by its time. Returns the time until the frame with its rows, and until everything is there.
    pub(crate) fn jump(&mut self) -> anyhow::Result<(Duration, Duration)> {
        let (from_ns, to_ns) = self.app.reach().unwrap_or_default();
        let at_ns = from_ns + self.numbers.below((to_ns - from_ns).max(1));
        let time = self.app.wall(at_ns).to_string();
        self.key(KeyCode::Char('@'), Some('@'));
        self.app.text(&time);
        let begun = Instant::now();
        self.key(KeyCode::Enter, None);
        while self.app.is_settling() {
            self.app.work();
        }
        let Ok(_) = self
            .terminal
            .draw(|frame| ui::draw(&self.app, &DARK, frame));
        let rows = begun.elapsed();
        ensure!(
            self.app.is_past() && self.app.row_count() > 0,
            "nothing is shown of {time}"
        );
        while self.app.is_working() {
            self.app.work();
        }
        Ok((rows, begun.elapsed()))
    }
}
