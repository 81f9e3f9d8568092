//! The dashboard without a kernel and without a terminal: fed with synthetic sessions, driven by keys, timed.

use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Size;
use tcplife::testing::model::{Batch, CaptureFilter, State};
use tcplife::testing::sample::BusyHost;
use tcplife::testing::ui::{self, App, DARK, KeyCode, KeyPress};

/// Terminal size for which the budgets are defined.
pub(crate) const SIZE: Size = Size {
    width: 120,
    height: 40,
};

/// Sessions that close between two keys.
pub(crate) const ARRIVING: u64 = 20_000;

/// An operation, and its keys.
pub(crate) const SCRIPTS: [(&str, &str); 10] = [
    ("filter, key by key", "/port 443 and rtt > 1ms\n"),
    ("word, key by key", "/nginx\n"),
    ("sort", ">>>>>>>>"),
    ("sort, inverted", "IIIIII"),
    ("families", "446644"),
    ("scroll", "GGgGjkGg"),
    ("local connections", "llllll"),
    ("charts", "d4466jkd"),
    ("failures", "f4466jkf"),
    ("since the baseline", "mmjkjkMM"),
];

/// A dashboard and a simulated host.
pub(crate) struct Dashboard {
    pub(crate) app: App,
    terminal: Terminal<TestBackend>,
    host: BusyHost,
    kept: u64,
    open: u64,
    batches: u64,
}

/// Response times of a key.
#[derive(Clone, Copy)]
pub(crate) struct Answer {
    /// Until its frame was drawn.
    pub(crate) frame: Duration,
    /// From then on, until its complete result was there.
    pub(crate) whole: Duration,
}

impl Dashboard {
    /// Starts with `kept` closed sessions and `open` open ones.
    pub(crate) fn new(kept: u64, open: u64) -> Self {
        let Ok(terminal) = Terminal::new(TestBackend::new(SIZE.width, SIZE.height));
        let mut dashboard = Dashboard {
            app: App::new(
                "bench".into(),
                CaptureFilter::default(),
                kept as usize,
                SIZE,
            ),
            terminal,
            host: BusyHost::default(),
            kept,
            open,
            batches: 0,
        };
        // in batches, as from the collector: never all at once
        let mut left = kept;
        while left > 0 {
            let now = left.min(ARRIVING);
            dashboard.arrive(now, left == now);
            dashboard.work();
            left -= now;
        }
        dashboard
    }

    /// Closes `ended` sessions, with or without a snapshot of the open ones.
    pub(crate) fn arrive(&mut self, ended: u64, is_snapshot: bool) {
        let batch = self.batch(ended, is_snapshot);
        self.app.batch(batch);
    }

    /// The batch of [`Dashboard::arrive`].
    pub(crate) fn batch(&mut self, ended: u64, is_snapshot: bool) -> Batch {
        self.batches += 1;
        let host = &mut self.host;
        let open = |c| host.session(1 << 62 | c, State::Established);
        let open = is_snapshot.then(|| (0..self.open).map(open).collect::<Vec<_>>().into());
        let first = self.batches << 32;
        let closed = (first..first + ended)
            .map(|c| self.host.session(c, State::Closed))
            .collect();
        Batch {
            taken_ns: self.batches * 1_000_000_000,
            open,
            closed,
            ..Batch::default()
        }
    }

    pub(crate) fn draw(&mut self) -> Duration {
        let start = Instant::now();
        let Ok(_) = self
            .terminal
            .draw(|frame| ui::draw(&self.app, &DARK, frame));
        start.elapsed()
    }

    /// Completes pending work.
    pub(crate) fn work(&mut self) -> Duration {
        let start = Instant::now();
        while self.app.is_working() {
            self.app.work();
        }
        start.elapsed()
    }

    /// Presses a key; `\n` is Esc, which leaves the prompt as it was.
    pub(crate) fn press(&mut self, key: char) -> Answer {
        let (code, typed) = match key {
            '\n' => (KeyCode::Esc, None),
            c => (KeyCode::Char(c), Some(c)),
        };
        let start = Instant::now();
        self.app.key(KeyPress::new(code, false), typed);
        self.draw();
        let frame = start.elapsed();
        Answer {
            frame,
            whole: self.work(),
        }
    }

    /// Types a script `times` times, while sessions close between the keys.
    pub(crate) fn type_script(&mut self, script: &str, times: u32) -> Vec<Answer> {
        let mut answers = Vec::new();
        for _ in 0..times {
            for key in script.chars() {
                self.arrive(ARRIVING.min(self.kept), true);
                answers.push(self.press(key));
            }
        }
        answers
    }
}

/// The time that `percent` percent of the times do not exceed.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    times
        .get((times.len() * percent / 100).min(last))
        .copied()
        .unwrap_or_default()
}
