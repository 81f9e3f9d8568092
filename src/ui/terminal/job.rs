//! Job control: the shell decides which of its jobs has the terminal.
//!
//! The kernel stops a job in the background that reads the terminal or sets it, and does so again each time that it is
//! continued: a signal that the program catches would then never end it. So the dashboard asks first, and touches the
//! terminal only in the foreground.

use std::io;
use std::os::fd::AsFd;

use anyhow::{Context, bail};
use rustix::io::Errno;
use rustix::termios::{tcdrain, tcgetpgrp};
use signal_hook::consts::{SIGTTIN, SIGTTOU};

use crate::host::signals::{ignore, is_ignored};
use crate::output::stdout::print_to_stderr;

/// True if the terminal is this job's. Without job control nobody takes it away.
pub fn is_in_foreground(tty: impl AsFd) -> bool {
    // SAFETY: takes nothing and always succeeds. The function of rustix must not be called where the group is outside of
    // this pid namespace, and its number 0.
    let own = unsafe { libc::getpgrp() };
    tcgetpgrp(tty).map_or(true, |group| group.as_raw_nonzero().get() == own)
}

/// Waits until this job has the terminal: stopped, like every job in the background that needs it. Nothing is loaded
/// yet, and every signal has its usual effect.
///
/// # Errors
/// If no shell can bring it to the foreground.
pub fn await_foreground() -> anyhow::Result<()> {
    const NEEDS: &str = "the dashboard needs the terminal, which another job is using. Start it in the foreground (with \
                         timeout(1): --foreground), or use -o text";
    let stdin = io::stdin();
    let mut has_said = false;
    while !is_in_foreground(&stdin) {
        if is_ignored(SIGTTOU) {
            bail!(NEEDS);
        }
        if !std::mem::replace(&mut has_said, true) {
            print_to_stderr(
                "stopped: another job is using the terminal. `fg` continues (with timeout(1): --foreground)",
            );
        }
        // the kernel stops the job here, and the call does not return until it has the terminal
        match tcdrain(&stdin) {
            Err(Errno::INTR) => {}
            // it is not stopped: the signal is blocked
            Ok(()) if !is_in_foreground(&stdin) => bail!(NEEDS),
            Ok(()) => {}
            Err(e) => return Err(e).context(NEEDS),
        }
    }
    Ok(())
}

/// From now on the kernel no longer stops this process for using the terminal in the background: a read fails, anything
/// else succeeds. The shell may take the terminal away right after [`is_in_foreground`] has returned.
///
/// # Errors
/// If the kernel refuses.
pub fn ignore_background_stops() -> anyhow::Result<()> {
    ignore(SIGTTIN)?;
    ignore(SIGTTOU)
}
