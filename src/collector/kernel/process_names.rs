//! Current names of the owners of open sessions: a process may rename itself, or execute another program, after the last
//! evidence of it.
//!
//! Names that are already known come from the kernel's records. This reads /proc, for a few processes at each snapshot.

use rustc_hash::FxHashMap;

use crate::host::proc::{Process, Stat, TICK_NS};
use crate::model::batch::Clock;
use crate::model::session::{Comm, Evidence, Session};
use crate::text::sanitize::sanitize;

/// Maximum number of processes that are read at a snapshot: bounds the cost on a host with many.
const READ_AT_ONCE: usize = 64;

/// Processes that have another name than in the kernel's records.
#[derive(Debug, Default)]
pub struct ProcessNames {
    renamed: FxHashMap<u32, Renamed>,
    /// The process that was read last: the next snapshot continues after it.
    last: u32,
}

#[derive(Debug)]
struct Renamed {
    started_ns: u64,
    comm: Comm,
}

impl ProcessNames {
    /// Gives a session the current name of its owner.
    pub fn apply(&self, session: &mut Session) {
        let renamed = self.renamed.get(&session.pid);
        // one that started after the session may be another process with the same id
        if let Some(renamed) = renamed.filter(|r| r.started_ns <= session.start_ns) {
            session.comm = renamed.comm;
        }
    }

    /// Reads the names of the next few of these processes, given with their known names. Returns true if any of them
    /// has another one now.
    pub fn refresh(&mut self, owners: impl Iterator<Item = (u32, Comm)>, clock: &Clock) -> bool {
        let mut owners: Vec<(u32, Comm)> =
            owners.collect::<FxHashMap<_, _>>().into_iter().collect();
        owners.sort_unstable_by_key(|(pid, _)| (*pid <= self.last, *pid));
        owners.truncate(READ_AT_ONCE);
        self.last = owners.last().map_or(0, |(pid, _)| *pid);
        let mut has_changed = false;
        for (pid, known) in owners {
            let Some(stat) = Process::new(pid).stat() else {
                self.renamed.remove(&pid);
                continue;
            };
            let now = renamed(&stat, clock);
            if now.comm != known {
                has_changed = true;
                self.renamed.insert(pid, now);
            }
        }
        has_changed
    }
}

fn renamed(stat: &Stat, clock: &Clock) -> Renamed {
    Renamed {
        started_ns: clock.of_kernel(stat.started_ticks * TICK_NS),
        comm: Comm::from(sanitize(&stat.name).as_str()),
    }
}

/// Returns the owner of a session and its name, if /proc has a name for it to compare with: that of a kernel thread has
/// a description appended there.
pub fn owner_of(session: &Session) -> Option<(u32, Comm)> {
    let is_process = session.pid != 0 && session.owner != Evidence::Kernel;
    is_process.then_some((session.pid, session.comm))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::closed_session as sample;

    #[test]
    fn name_that_differs_from_proc_is_replaced() {
        let mut names = ProcessNames::default();
        let me = std::process::id();
        let mut session = Session {
            pid: me,
            comm: Comm::from("before-exec"),
            start_ns: u64::MAX,
            owner: Evidence::Read,
            ..sample()
        };
        assert!(names.refresh(owner_of(&session).into_iter(), &Clock::default()));
        names.apply(&mut session);
        let own = Process::own().stat().expect("/proc").name;
        assert_eq!(session.comm, Comm::from(own.as_str()));
        assert!(
            !names.refresh(owner_of(&session).into_iter(), &Clock::default()),
            "it is known now"
        );
        // older than this process: its owner was another one with the same id
        let mut old = Session {
            comm: Comm::from("before-exec"),
            start_ns: 0,
            ..session.clone()
        };
        names.apply(&mut old);
        assert_eq!(old.comm, Comm::from("before-exec"));
    }

    #[test]
    fn refresh_reads_a_few_processes_at_a_time_and_all_in_turn() {
        let mut names = ProcessNames::default();
        // above the kernel's maximum (PID_MAX_LIMIT), so that none exists
        let owners = || (5_000_000..5_000_150_u32).map(|pid| (pid, Comm::from("x")));
        let mut seen = Vec::new();
        for _ in 0..3 {
            assert!(!names.refresh(owners(), &Clock::default()));
            seen.push(names.last - 5_000_000);
        }
        assert_eq!(seen, [63, 127, 41]);
    }
}
