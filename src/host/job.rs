//! This process as a job of a shell: stopping, and whether anybody can continue it.

use std::io;

use anyhow::Context;
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, getpid, kill_current_process_group, kill_process, test_kill_process,
};

use crate::host::broker::Broker;
use crate::host::proc::Process;
use crate::text::sanitize::sanitize;

/// Commands that stop when the one stops that they have started.
const FOLLOWERS: [&str; 4] = ["sudo", "su", "runuser", "nsenter"];

/// Stops the whole job, as ^Z does: sudo and make, which may be part of it, would wait for this process otherwise.
///
/// # Errors
/// If the kernel refuses.
pub fn stop() -> anyhow::Result<()> {
    kill_current_process_group(Signal::STOP).context("cannot stop this process")
}

/// Stops the whole job from a process that may not: the broker has the rights of the caller.
///
/// # Errors
/// If another process of the job would wait for this one forever, or nobody can stop it.
pub fn stop_by(broker: &Broker) -> anyhow::Result<()> {
    let stopping = "cannot stop the job";
    if !broker.stop_job().context(stopping)? {
        kill_process(getpid(), Signal::STOP).context(stopping)?;
    }
    Ok(())
}

/// True if this process can stop its job with its parent, false if without it.
///
/// # Errors
/// If an ancestor in the job cannot be stopped, and would wait for the others forever.
pub fn can_stop_with_parent() -> io::Result<bool> {
    let stat = |process: Process| process.stat().ok_or(io::ErrorKind::NotFound);
    let own = stat(Process::own())?;
    let can_stop = |pid: u32| {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        pid.is_some_and(|pid| test_kill_process(pid) != Err(Errno::PERM))
    };
    let main = stat(Process::new(own.parent))?;
    let mut pid = main.parent;
    while let Some(ancestor) = Process::new(pid).stat().filter(|s| s.group == own.group) {
        if !can_stop(pid) && !FOLLOWERS.contains(&&*ancestor.name) {
            let name = sanitize(&ancestor.name);
            return Err(io::Error::other(format!(
                "process {pid} ({name}) has started tcplife, is another user's, and would wait for it"
            )));
        }
        pid = ancestor.parent;
    }
    Ok(can_stop(own.parent))
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
