//! This process as a job of a shell: stopping, and whether anybody can continue it.

use anyhow::Context;
use rustix::process::{Signal, kill_current_process_group};

use crate::host::proc::Process;

/// Stops the whole job, as ^Z does: sudo and make, which may be part of it, would wait for this process otherwise.
///
/// # Errors
/// If the kernel refuses.
pub fn stop() -> anyhow::Result<()> {
    kill_current_process_group(Signal::STOP).context("cannot stop this process")
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
