//! The way to the terminal: a thread that writes, so that nobody waits for a terminal that takes its time.
//!
//! Responsible for that a key is never behind a queue of frames, and that the program can end although nobody reads its
//! terminal. Not for what is written.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use crossbeam_channel::{Receiver, Sender, unbounded};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::termios::{QueueSelector, tcflush};

use crate::host::waker::Waker;
use crate::output::stdout;

/// How long the terminal is given to take what is on its way when the program ends.
const SOON: Duration = Duration::from_secs(1);

/// Cancels an escape sequence of which only a part arrived, and all attributes.
const AFRESH: &[u8] = b"\x18\x1b[m";

/// Hands bytes to the terminal.
#[derive(Clone, Debug)]
pub struct Out {
    bytes: Sender<Vec<u8>>,
    /// What became of them, one after the other.
    written: Receiver<io::Result<()>>,
    /// How many are on their way.
    waiting: Arc<AtomicUsize>,
    tty: Arc<OwnedFd>,
    /// Readable from the moment on when nobody waits for the terminal any more.
    give_up: Waker,
}

impl Out {
    /// To the terminal on stdout.
    ///
    /// # Errors
    /// If the kernel refuses a descriptor or a thread.
    pub fn new() -> anyhow::Result<Self> {
        let tty = Arc::new(stdout::stdout().context("cannot open the terminal")?);
        let give_up = Waker::new()?;
        let (bytes, orders) = unbounded::<Vec<u8>>();
        let (tell, written) = unbounded();
        let fds = (Arc::clone(&tty), give_up.clone());
        // it is not waited for: it may be in a write that nobody takes
        std::thread::Builder::new()
            .name("tcplife-output".into())
            .spawn(move || {
                for bytes in orders {
                    // whoever takes it may be gone, and then there is nobody to tell
                    let _ = tell.send(write(&fds.0, &fds.1, &bytes));
                }
            })?;
        Ok(Out {
            bytes,
            written,
            waiting: Arc::default(),
            tty,
            give_up,
        })
    }

    /// Hands it on, without waiting.
    pub fn send(&self, bytes: Vec<u8>) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // a thread that has ended tells so by its end of `written`
        let _ = self.bytes.send(bytes);
    }

    /// True if the terminal has taken all of it.
    pub fn is_idle(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }

    /// A message for each of those that were sent, to be handed to [`Out::on_written`].
    pub fn written(&self) -> &Receiver<io::Result<()>> {
        &self.written
    }

    /// One of them was taken by the terminal.
    pub fn on_written(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Waits until all is written, for a while. False if it is not.
    fn wait(&self) -> bool {
        while !self.is_idle() {
            match self.written.recv_timeout(SOON) {
                Ok(_) => self.on_written(),
                Err(_) => return false,
            }
        }
        true
    }

    /// The last words. If nobody reads the terminal, what lies in its queue is thrown away for them.
    pub fn finish(&self, bytes: &[u8]) {
        if self.wait() {
            self.send(bytes.to_vec());
        } else {
            self.give_up.wake();
            // the frame that is stuck in there is given up now
            self.wait();
            let _ = tcflush(&self.tty, QueueSelector::OFlush);
            self.send([AFRESH, bytes].concat());
        }
        self.wait();
    }
}

/// Writes all of it, or gives up when it would have to wait although nobody waits for it any more.
fn write(tty: &OwnedFd, give_up: &Waker, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(tty, bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let mut fds = [
                    PollFd::new(tty, PollFlags::OUT),
                    PollFd::new(give_up, PollFlags::IN),
                ];
                match poll(&mut fds, None) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(e) => return Err(e.into()),
                }
                if !fds[1].revents().is_empty() {
                    return Ok(());
                }
            }
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}
