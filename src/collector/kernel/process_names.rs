//! Current names of the owners of open sessions: a process may rename itself, or execute another program, after the last
//! evidence of it.
//!
//! The kernel's records have the name at the last evidence. This compares it with /proc, for a few processes at each
//! snapshot.

use rustc_hash::FxHashMap;

use crate::host::proc::{Process, TICK_NS};
use crate::model::batch::Clock;
use crate::model::session::{Comm, Evidence, Session};
use crate::text::sanitize::sanitize;

/// Maximum number of processes that are read at a snapshot: bounds the cost on a host with many.
const READ_AT_ONCE: usize = 64;

/// A process as the kernel's records name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    pid: u32,
    comm: Comm,
}

impl Owner {
    /// Returns the owner of a session as in its record, if /proc has a name for it to compare with: that of a kernel
    /// thread has a description appended there.
    pub fn of(session: &Session) -> Option<Owner> {
        let is_process = session.pid != 0 && session.owner != Evidence::Kernel;
        is_process.then_some(Owner {
            pid: session.pid,
            comm: session.comm,
        })
    }
}

/// Processes with open sessions that have another name than in the kernel's records.
#[derive(Debug, Default)]
pub struct ProcessNames {
    renamed: FxHashMap<Owner, Comm>,
    /// The owner that was read last: the next snapshot continues after it.
    last: Option<Owner>,
}

impl ProcessNames {
    /// Gives a session the current name of its owner, besides the one in its record.
    pub fn apply(&self, session: &mut Session) {
        if let Some(now) = Owner::of(session).and_then(|owner| self.renamed.get(&owner)) {
            session.rename_owner(*now);
        }
    }

    /// Reads the names of the next few of these owners, given with the time when each was first seen. Returns true if
    /// a name to show has changed.
    pub fn refresh(&mut self, owners: impl Iterator<Item = (Owner, u64)>, clock: &Clock) -> bool {
        let mut first_seen: FxHashMap<Owner, u64> = FxHashMap::default();
        for (owner, seen_ns) in owners {
            let first = first_seen.entry(owner).or_insert(seen_ns);
            *first = seen_ns.min(*first);
        }
        // without open sessions its id may soon be that of another process
        self.renamed
            .retain(|owner, _| first_seen.contains_key(owner));
        let mut next: Vec<Owner> = first_seen.keys().copied().collect();
        next.sort_unstable_by_key(|owner| (Some(*owner) <= self.last, *owner));
        next.truncate(READ_AT_ONCE);
        self.last = next.last().copied();
        let mut has_changed = false;
        for owner in next {
            let name = current_name(owner.pid, first_seen[&owner], clock);
            let name = name.filter(|name| *name != owner.comm);
            let shown = self.renamed.get(&owner).copied();
            has_changed |= name != shown;
            match name {
                Some(name) => self.renamed.insert(owner, name),
                None => self.renamed.remove(&owner),
            };
        }
        has_changed
    }
}

/// Returns the name of a process; `None` if it has exited: one that started after it was first seen is another process
/// with the same id.
fn current_name(pid: u32, first_seen_ns: u64, clock: &Clock) -> Option<Comm> {
    let stat = Process::new(pid).stat()?;
    let started_ns = clock.of_kernel(stat.started_ticks * TICK_NS);
    (started_ns <= first_seen_ns).then(|| Comm::from(sanitize(&stat.name).as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::closed_session as sample;

    const NOW: u64 = u64::MAX;

    fn of_this_process(comm: &str) -> Session {
        Session {
            pid: std::process::id(),
            comm: Comm::from(comm),
            owner: Evidence::Read,
            ..sample()
        }
    }

    fn owner(session: &Session) -> Owner {
        Owner::of(session).expect("a process")
    }

    fn own_name() -> Comm {
        let stat = Process::own().stat().expect("/proc");
        Comm::from(stat.name.as_str())
    }

    #[test]
    fn name_that_differs_from_proc_is_replaced_in_all_sessions_with_it() {
        let mut names = ProcessNames::default();
        // one that it had before it executed another program, one from in between, and the current one
        let mut sessions = ["shell", "second", own_name().as_str()].map(of_this_process);
        let owners = sessions.each_ref().map(|s| (owner(s), NOW));
        let clock = Clock::default();
        assert!(names.refresh(owners.into_iter(), &clock));
        sessions.iter_mut().for_each(|s| names.apply(s));
        assert_eq!(sessions.each_ref().map(|s| s.comm), [own_name(); 3]);
        let first = sessions.map(|s| s.first_comm.name());
        assert_eq!(first, [Some("shell"), Some("second"), None]);
        assert!(!names.refresh(owners.into_iter(), &clock), "it is known");
    }

    #[test]
    fn name_newer_than_the_last_reading_stays() {
        let mut names = ProcessNames::default();
        let old = of_this_process("first");
        names.refresh([(owner(&old), NOW)].into_iter(), &Clock::default());
        let mut newest = of_this_process("third");
        names.apply(&mut newest);
        assert_eq!(newest.comm, Comm::from("third"));
    }

    #[test]
    fn name_of_another_process_with_the_same_id_is_not_taken() {
        let mut names = ProcessNames::default();
        let mut session = of_this_process("exited");
        // seen before this process was started
        assert!(!names.refresh([(owner(&session), 0)].into_iter(), &Clock::default()));
        names.apply(&mut session);
        assert_eq!(session.comm, Comm::from("exited"));
    }

    #[test]
    fn name_is_forgotten_with_the_last_open_session_of_its_process() {
        let mut names = ProcessNames::default();
        let mut session = of_this_process("exited");
        names.refresh([(owner(&session), NOW)].into_iter(), &Clock::default());
        names.refresh(std::iter::empty(), &Clock::default());
        names.apply(&mut session);
        assert_eq!(session.comm, Comm::from("exited"));
    }

    #[test]
    fn refresh_reads_a_few_processes_at_a_time_and_all_in_turn() {
        let mut names = ProcessNames::default();
        // above the kernel's maximum (PID_MAX_LIMIT), so that none exists
        let comm = Comm::from("x");
        let owners = || (5_000_000..5_000_150).map(|pid| (Owner { pid, comm }, NOW));
        let mut seen = Vec::new();
        for _ in 0..3 {
            assert!(!names.refresh(owners(), &Clock::default()));
            seen.push(names.last.expect("one").pid - 5_000_000);
        }
        assert_eq!(seen, [63, 127, 41]);
    }
}
