//! Starting threads, the reason if the kernel refuses one, and the time that they take.

use std::io;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use anyhow::Context;
use rustix::time::{ClockId, clock_gettime};

/// Starts a thread of that name.
///
/// # Errors
/// If the kernel refuses it.
pub fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> anyhow::Result<JoinHandle<T>> {
    let thread = Builder::new().name(name.to_owned()).spawn(work);
    thread
        .map_err(refused)
        .context(format!("cannot start the thread {name}"))
}

/// Adds what limits threads to the error of one that the kernel refused.
pub fn refused(error: io::Error) -> anyhow::Error {
    let is_limit = error.kind() == io::ErrorKind::WouldBlock;
    let error = anyhow::Error::from(error);
    match is_limit {
        true => error.context(
            "the limit of threads is reached (ulimit -u, or pids.max of the control group)",
        ),
        false => error,
    }
}

/// CPU time of this thread.
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
