//! The keyboard: a thread that reads the terminal, and that can be stopped at any time.
//!
//! It waits in poll(2) only, for the terminal and a waker: in the mode that the terminal is in, a read returns at once,
//! with or without input. A library that reads whole keys would wait for the rest of one.

use std::io;
use std::os::fd::AsFd;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::bail;
use crossbeam_channel::{Receiver, Sender, bounded, never};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::host::thread;
use crate::host::waker::Waker;
use crate::ui::input::Input;
use crate::ui::terminal::clicks::Clicks;
use crate::ui::terminal::job::is_in_foreground;
use crate::ui::terminal::parser::Parser;
use crate::ui::terminal::query;

/// Maximum number of bytes read at once: the kernel's buffer. As many inputs may wait, so that the keys of one read are
/// handled together.
const READ: usize = 4096;

/// A thread that reads the terminal until it is dropped.
#[derive(Debug)]
pub struct Keyboard {
    /// Input, as it arrives.
    pub received: Receiver<Input>,
    stop: Waker,
    thread: Option<JoinHandle<()>>,
}

impl Keyboard {
    /// Starts reading.
    ///
    /// # Errors
    /// If the kernel refuses a descriptor or a thread.
    pub fn new() -> anyhow::Result<Self> {
        let (tx, received) = bounded(READ);
        let stop = Waker::new()?;
        let stopped = stop.clone();
        let thread = thread::spawn("tcplife-input", move || {
            // the receiver may be gone; then there is no one to report to
            if read_until_stopped(&stopped, &tx).is_err() {
                let _ = tx.send(Input::Gone);
            }
        })?;
        Ok(Keyboard {
            received,
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.stop.wake();
        if let Some(thread) = self.thread.take() {
            // the thread may be waiting for room in the channel: this was its last receiver
            self.received = never();
            let _ = thread.join();
        }
    }
}

/// Passes input on until stopped; an error if the terminal is gone.
fn read_until_stopped(stop: &Waker, tx: &Sender<Input>) -> anyhow::Result<()> {
    let stdin = io::stdin();
    let mut parser = Parser::new();
    let mut clicks = Clicks::default();
    let mut buffer = [0; READ];
    let mut inputs = Vec::new();
    loop {
        match wait(&stdin, stop, parser.patience())? {
            Woken::Stopped => return Ok(()),
            Woken::TimedOut => parser.time_out(&mut inputs),
            Woken::Readable => match rustix::io::read(&stdin, &mut buffer) {
                Ok(count) => parser.advance(&buffer[..count], &mut inputs),
                Err(Errno::INTR | Errno::AGAIN) => {}
                // another job has the terminal now; when this one has it again, it gets a new thread
                Err(Errno::IO) if !is_in_foreground(&stdin) => {
                    wait_for(&mut [PollFd::new(stop, PollFlags::IN)], None)?;
                    return Ok(());
                }
                Err(e) => return Err(e.into()),
            },
        }
        let now = Instant::now();
        for input in inputs.drain(..).filter_map(query::take) {
            tx.send(clicks.take(input, now))?;
        }
    }
}

enum Woken {
    Stopped,
    TimedOut,
    Readable,
}

/// Waits for input, or to be stopped; an error if the terminal is gone. That is checked here, because a read would return
/// nothing, at once, forever.
fn wait(stdin: impl AsFd, stop: &Waker, patience: Option<Duration>) -> anyhow::Result<Woken> {
    let mut fds = [
        PollFd::new(&stdin, PollFlags::IN),
        PollFd::new(stop, PollFlags::IN),
    ];
    if !wait_for(&mut fds, patience)? {
        return Ok(Woken::TimedOut);
    }
    match (fds[0].revents(), fds[1].revents()) {
        (_, stopped) if !stopped.is_empty() => Ok(Woken::Stopped),
        (PollFlags::IN, _) => Ok(Woken::Readable),
        _ => bail!("the terminal is gone"),
    }
}

/// False if nothing came in time.
pub fn wait_for(fds: &mut [PollFd<'_>], patience: Option<Duration>) -> anyhow::Result<bool> {
    let timeout = patience.map(Timespec::try_from).transpose()?;
    loop {
        match poll(fds, timeout.as_ref()) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}
