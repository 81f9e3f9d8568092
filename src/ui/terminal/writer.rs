//! Output to the terminal: a thread that writes, so that nothing else waits for a slow terminal.
//!
//! No key ever waits behind a queue of frames, and the program can exit even if nothing reads its terminal.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use crossbeam_channel::{Receiver, Sender, unbounded};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::termios::{QueueSelector, tcflush};

use crate::host::thread;
use crate::host::waker::Waker;
use crate::output::stdout;
use crate::ui::terminal::sequences::RESET;

/// Time for the terminal to take pending output when the program exits.
const SOON: Duration = Duration::from_secs(1);

/// True once a signal is ending the process, which has restored the terminal: nothing is written any more.
static IS_SILENT: AtomicBool = AtomicBool::new(false);

/// Ends all output, in a signal handler.
pub fn silence() {
    IS_SILENT.store(true, Ordering::Relaxed);
}

/// A handle to the writing thread.
#[derive(Clone, Debug)]
pub struct Out {
    bytes: Sender<Vec<u8>>,
    /// Results of the writes, in order.
    written: Receiver<io::Result<()>>,
    /// Writes not confirmed yet.
    waiting: Arc<AtomicUsize>,
    tty: Arc<OwnedFd>,
    /// Readable once the thread must give up a write that the terminal does not take.
    give_up: Waker,
}

impl Out {
    /// Starts writing to the terminal on stdout.
    ///
    /// # Errors
    /// If the kernel refuses a descriptor or a thread.
    pub fn new() -> anyhow::Result<Self> {
        let tty = Arc::new(stdout::stdout().context("cannot open the terminal")?);
        let give_up = Waker::new()?;
        let (bytes, orders) = unbounded::<Vec<u8>>();
        let (tell, written) = unbounded();
        let fds = (Arc::clone(&tty), give_up.clone());
        // never joined: it may be in a write that nothing reads
        thread::spawn("tcplife-output", move || {
            for bytes in orders {
                // the receiver may be gone; then there is no one to report to
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

    /// The terminal, for the handler of a signal that ends the process.
    pub fn tty(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.tty)
    }

    /// Queues bytes, without waiting.
    pub fn send(&self, bytes: Vec<u8>) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // if the thread has ended, `written` reports it
        let _ = self.bytes.send(bytes);
    }

    /// True if the terminal has taken everything.
    pub fn is_idle(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }

    /// A message for each write, to be passed to [`Out::on_written`].
    pub fn written(&self) -> &Receiver<io::Result<()>> {
        &self.written
    }

    /// Notes that the terminal has taken a write.
    pub fn on_written(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Waits a limited time until everything is written. False if it is not.
    fn wait(&self) -> bool {
        while !self.is_idle() {
            match self.written.recv_timeout(SOON) {
                Ok(_) => self.on_written(),
                Err(_) => return false,
            }
        }
        true
    }

    /// Writes the final bytes. If nothing reads the terminal, its queued output is discarded for them.
    pub fn finish(&self, bytes: &[u8]) {
        if self.wait() {
            self.send(bytes.to_vec());
        } else {
            self.give_up.wake();
            // the thread gives up the stuck frame now
            self.wait();
            let _ = tcflush(&self.tty, QueueSelector::OFlush);
            self.send([RESET.as_bytes(), bytes].concat());
        }
        self.wait();
    }
}

/// Writes all bytes, or gives up if it would block and `give_up` is readable.
fn write(tty: &OwnedFd, give_up: &Waker, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() && !IS_SILENT.load(Ordering::Relaxed) {
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
