//! This process as a job of a shell: stopping, and whether anybody can continue it.

use std::io;

use anyhow::Context;
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, getpgid, getpid, getppid, kill_process, kill_process_group, test_kill_process,
};

use crate::host::broker::Broker;
use crate::host::proc::Process;
use crate::text::sanitize::sanitize;

/// Commands that stop when the one stops that they have started.
const FOLLOWERS: [&str; 4] = ["sudo", "su", "runuser", "nsenter"];

/// Stops the whole job, as ^Z does: sudo and make, which may be part of it, would wait for this process otherwise. The broker
/// does it, which has the rights of the caller.
///
/// # Errors
/// If another process of the job would wait for this one forever, or nobody can stop it.
pub fn stop_by(broker: &Broker) -> anyhow::Result<()> {
    if !broker.stop_job()? {
        kill_process(getpid(), Signal::STOP).context("cannot stop this process")?;
    }
    Ok(())
}

/// The job of this process' parent, for the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParentJob {
    group: Pid,
    /// The parent can be stopped, too.
    pub has_parent: bool,
}

impl ParentJob {
    /// Finds it.
    ///
    /// # Errors
    /// If an ancestor in the job cannot be stopped, and would wait for the others forever.
    pub fn find() -> io::Result<Self> {
        let can_stop =
            |pid: u32| id(pid).is_some_and(|pid| test_kill_process(pid) != Err(Errno::PERM));
        let main = getppid().ok_or(io::ErrorKind::NotFound)?;
        let group = getpgid(Some(main))?;
        let parent = main.as_raw_nonzero().get().unsigned_abs();
        let number = group.as_raw_nonzero().get().unsigned_abs();
        let stat = |pid| Process::new(pid).stat();
        // /proc may hide the processes of others (hidepid): those are taken for the shell
        let mut pid = stat(parent).map_or(0, |main| main.parent);
        while let Some(ancestor) = stat(pid).filter(|ancestor| ancestor.group == number) {
            if !can_stop(pid) && !FOLLOWERS.contains(&&*ancestor.name) {
                let name = sanitize(&ancestor.name);
                return Err(io::Error::other(format!(
                    "{name} {pid} would wait for tcplife, and cannot be stopped"
                )));
            }
            pid = ancestor.parent;
        }
        Ok(ParentJob {
            group,
            has_parent: can_stop(parent),
        })
    }

    /// Stops all of it that this user may stop.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn stop(self) -> io::Result<()> {
        Ok(kill_process_group(self.group, Signal::STOP)?)
    }
}

fn id(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// True if no process outside of this job, but in its session, is a parent of one in it: nobody is left who would bring
/// it to the foreground. Without /proc that is not known.
pub fn is_orphaned() -> bool {
    let Some(own) = Process::own().stat() else {
        return false;
    };
    let mut parent = own.parent;
    // sudo and make are in the job themselves
    while let Some(stat) = Process::new(parent).stat() {
        if stat.session != own.session {
            return true;
        }
        if stat.group != own.group {
            return false;
        }
        parent = stat.parent;
    }
    parent == 0
}
