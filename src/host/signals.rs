//! Signals as messages on a channel, so that a signal interrupts only waits.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;

use anyhow::Context;
use crossbeam_channel::{Receiver, unbounded};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use crate::host::proc::Process;
use crate::host::waker::Waker;

/// Delivers signals until it is dropped.
#[derive(Debug)]
pub struct Watch {
    /// Signal numbers, as they arrive.
    pub received: Receiver<i32>,
    waker: Waker,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Starts to catch these signals. A second SIGINT or SIGTERM terminates the process at once, as it would without
    /// this: the first may arrive during something slow.
    ///
    /// # Errors
    /// If the kernel refuses a handler or a thread.
    pub fn new(signals: &[i32]) -> anyhow::Result<Self> {
        for &signal in signals.iter().filter(|&&s| s == SIGINT || s == SIGTERM) {
            let seen = Arc::new(AtomicBool::new(false));
            // in this order: the first signal only sets the flag, after the shutdown has checked it
            signal_hook::flag::register_conditional_shutdown(
                signal,
                128 + signal,
                Arc::clone(&seen),
            )
            .and_then(|_| signal_hook::flag::register(signal, seen))
            .with_context(|| format!("cannot catch signal {signal}"))?;
        }
        let waker = Waker::new()?;
        let mut caught = Signals::new(signals).context("cannot catch signals")?;
        let handle = caught.handle();
        let (tx, received) = unbounded();
        let wakes = waker.clone();
        let thread = std::thread::Builder::new()
            .name("tcplife-signals".into())
            .spawn(move || {
                for signal in caught.forever() {
                    if tx.send(signal).is_err() {
                        break;
                    }
                    wakes.wake();
                }
            })?;
        Ok(Watch {
            received,
            waker,
            handle,
            thread: Some(thread),
        })
    }

    /// Readable from the first signal on, for a wait that includes descriptors.
    pub fn waker(&self) -> &Waker {
        &self.waker
    }
}

/// True if this process ignores the signal, as under nohup. Also true without /proc: the signal is better left alone.
pub fn is_ignored(signal: i32) -> bool {
    let ignored = Process::own().status().ignored_signals;
    ignored.is_none_or(|mask| mask >> (signal - 1) & 1 == 1)
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // it does nothing that could panic, and nobody is left to report to
            let _ = thread.join();
        }
    }
}
