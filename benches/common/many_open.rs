//! A dashboard with very many open sessions, and keys that come while snapshots of them arrive.

use std::time::{Duration, Instant};

use tcplife::testing::model::{Batch, OpenSnapshot, Session, State};
use tcplife::testing::sample::{BusyHost, Numbers};

use crate::dashboard::{Dashboard, SCRIPTS};
use crate::live_memory::live;

/// Time between snapshots.
const INTERVAL: Duration = Duration::from_secs(1);

/// Operations that matter with many open sessions, and their keys.
const OPEN_SCRIPTS: [(&str, &str); 3] = [
    ("talkers", "tttttt"),
    ("open and closed", "oooooo"),
    // differences are shown after ten seconds
    ("differences", "mmjkjkjkjkjkjkjkjkjkxx"),
];

/// A dashboard, and the open sessions of its host.
pub(crate) struct ManyOpen {
    pub(crate) dashboard: Dashboard,
    /// Memory that the dashboard keeps for the open sessions, bytes.
    pub(crate) bytes: usize,
    open: Vec<Session>,
    random: Numbers,
    taken_ns: u64,
}

impl ManyOpen {
    /// Opens so many sessions, beside `kept` closed ones.
    pub(crate) fn new(kept: u64, open: u64) -> Self {
        let mut host = BusyHost::default();
        let session = |c| {
            let start_ns = 1_000_000_000 + c;
            Session {
                start_ns,
                established_ns: start_ns + 1000,
                ..host.session(1 << 40 | c, State::Established)
            }
        };
        let mut many = ManyOpen {
            open: (0..open).map(session).collect(),
            dashboard: Dashboard::new(kept, 0),
            bytes: 0,
            random: Numbers::from(2),
            taken_ns: 1_000_000_000_000,
        };
        let before = live();
        let first = many.snapshot(100);
        many.dashboard.app.batch(first);
        many.dashboard.work();
        many.bytes = live() - before;
        many
    }

    /// A snapshot in which so many percent of the open sessions have changed.
    fn snapshot(&mut self, percent: u64) -> Batch {
        self.taken_ns += 1_000_000_000;
        let mut found = OpenSnapshot::default();
        for session in &mut self.open {
            if self.random.below(100) < percent {
                session.tx_bytes += 1000 + self.random.below(100_000);
                session.end_ns = self.taken_ns;
                found.changed.push(session.clone());
            }
        }
        Batch {
            taken_ns: self.taken_ns,
            open: Some(found),
            ..Batch::default()
        }
    }

    /// Types all scripts. Returns the times of [`ManyOpen::type_script`] for each.
    pub(crate) fn type_scripts(&mut self, percent: u64) -> Vec<(&'static str, Vec<Duration>)> {
        let scripts = SCRIPTS.into_iter().chain(OPEN_SCRIPTS);
        let typed = scripts.map(|(what, script)| (what, self.type_script(script, percent)));
        typed.collect()
    }

    /// Types a script, each key at some moment after a snapshot has arrived. Returns the times from the key to its frame.
    fn type_script(&mut self, script: &str, percent: u64) -> Vec<Duration> {
        let press = |key| {
            let batch = self.snapshot(percent);
            let at = self.random.below(INTERVAL.as_nanos() as u64);
            let at = Duration::from_nanos(at);
            let app = &mut self.dashboard.app;
            let mut busy = timed(|| {
                app.batch(batch);
            });
            while busy < at && app.is_working() {
                busy += timed(|| app.work());
            }
            // the key waits for the step in progress
            busy.saturating_sub(at) + self.dashboard.press(key).frame
        };
        script.chars().map(press).collect()
    }
}

fn timed(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}
