//! Child processes that no failed test leaves behind.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// A child process that is killed when the test ends, even if the test fails.
pub(crate) struct Kept(pub(crate) Child);

impl Kept {
    /// Returns its exit status, if it exits within that time.
    pub(crate) fn exits_within(&mut self, time: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + time;
        loop {
            let status = self.0.try_wait().expect("a child of ours");
            if status.is_some() || Instant::now() > deadline {
                return status;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
