//! Restoring the terminal in a signal handler, for the signals that end the process at once.
//!
//! All of it is prepared beforehand: a handler may make system calls, but it may neither allocate memory nor wait for a
//! lock.

use std::os::fd::OwnedFd;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, QueueSelector, Termios, tcflush, tcsetattr};
use signal_hook::consts::SIGABRT;

use crate::ui::terminal::job::is_in_foreground;
use crate::ui::terminal::{sequences, writer};

/// The prepared terminal; null: there is nothing to restore.
static PREPARED: AtomicPtr<Prepared> = AtomicPtr::new(ptr::null_mut());

struct Prepared {
    tty: Arc<OwnedFd>,
    settings: Termios,
    leave: &'static str,
}

/// Prepares to restore these settings of the terminal, and to send `leave`.
pub fn prepare(tty: Arc<OwnedFd>, settings: Termios, leave: &'static str) {
    let prepared = Box::new(Prepared {
        tty,
        settings,
        leave,
    });
    replace(Box::into_raw(prepared));
}

/// The terminal is restored.
pub fn disarm() {
    replace(ptr::null_mut());
}

/// Exchanges the prepared terminal, and frees the one before. A handler takes it by an exchange too, so that it is used
/// either there or here.
fn replace(next: *mut Prepared) {
    let before = PREPARED.swap(next, Ordering::AcqRel);
    if !before.is_null() {
        // SAFETY: it is from `prepare`, and whoever exchanges it owns it
        drop(unsafe { Box::from_raw(before) });
    }
}

/// Writes all bytes, or gives up after a while. A frame may be on its way, and the terminal busy with it.
fn write(tty: &OwnedFd, mut bytes: &[u8]) {
    const TRIES: usize = 10;
    const WAIT: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 20_000_000,
    };
    let is_ready =
        |wait: &Timespec| poll(&mut [PollFd::new(tty, PollFlags::OUT)], Some(wait)) == Ok(1);
    for _ in 0..TRIES {
        if !is_ready(&Timespec::default()) {
            // nobody reads it: what waits there makes room
            let _ = tcflush(tty, QueueSelector::OFlush);
        }
        if let Ok(written) = rustix::io::write(tty, bytes) {
            bytes = &bytes[written..];
        }
        if bytes.is_empty() {
            return;
        }
        is_ready(&WAIT);
    }
}

/// Restores the terminal, once. For a signal handler.
pub fn restore(signal: i32) {
    if restore_now() && signal == SIGABRT {
        // the reason went to the screen that is gone now
        let why = b"tcplife: aborted: out of memory, or a bug\n";
        let _ = rustix::io::write(rustix::stdio::stderr(), why);
    }
}

/// Restores the terminal, once; false: it is restored.
pub fn restore_now() -> bool {
    let prepared = PREPARED.swap(ptr::null_mut(), Ordering::AcqRel);
    // SAFETY: it is null, or from `prepare`, and nobody else has it now; a handler frees nothing
    let Some(prepared) = (unsafe { prepared.as_ref() }) else {
        return false;
    };
    writer::silence();
    let tty = &*prepared.tty;
    write(tty, sequences::RESET.as_bytes());
    write(tty, prepared.leave.as_bytes());
    if is_in_foreground(tty) {
        let _ = tcsetattr(tty, OptionalActions::Now, &prepared.settings);
    }
    true
}
