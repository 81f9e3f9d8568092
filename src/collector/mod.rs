//! Where sessions come from: a thread that fills a bounded channel with batches.
//!
//! Responsible for the thread's life: that it is ready before anything else starts, that it stops when told to,
//! that what it died of is told. `bpf` talks to the kernel, `decode` understands what the kernel says.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use rustc_hash::FxHashSet;
use rustix::event::{EventfdFlags, eventfd};

use crate::capture::Capture;
use crate::session::{Clock, Session};

mod bpf;
mod decode;
mod looks;
mod namespaces;
mod support;
mod variables;

pub use support::StartError;

/// What the collector is to do.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the kernel reports.
    pub capture: Capture,
    /// How often the open sessions' figures are read; `None`: never.
    pub interval: Option<Duration>,
    /// Ready only when the owners of what was open before are known, which takes a while where much is open. False: ready as
    /// soon as nothing new is missed.
    pub scan_first: bool,
    /// Size of the ring buffer in bytes: a power of two, at least a page.
    pub ring_bytes: u32,
}

/// What the collector hands on at a time.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// What is open; `None`: not looked at this time. What ended is still in here if it ended after the look, so this
    /// goes before `closed`.
    pub open: Option<Look>,
    /// Sessions that ended since the batch before.
    pub closed: Vec<Session>,
    /// Sessions lost since the start: they ended when the ring buffer was full.
    pub lost: u64,
    /// When this batch was made, ns of CLOCK_MONOTONIC.
    pub taken_ns: u64,
    /// To turn the sessions' instants into wall-clock time.
    pub clock: Clock,
}

/// The sessions that are open.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// Those that were not at the look before, or were otherwise.
    pub changed: Vec<Session>,
    /// Cookies of all others: of them only time has passed. Some may never have been told here, as a filter was in the way.
    pub unchanged: Vec<u64>,
}

impl Look {
    /// What this look is after that one, for who has seen neither.
    #[must_use]
    pub fn after(mut self, earlier: Look, now_ns: u64) -> Look {
        let unchanged: FxHashSet<u64> = self.unchanged.iter().copied().collect();
        let mut still = earlier.changed;
        still.retain(|session| unchanged.contains(&session.cookie));
        still.iter_mut().for_each(|s| s.wait_until(now_ns));
        let told: FxHashSet<u64> = still.iter().map(|s| s.cookie).collect();
        self.unchanged.retain(|cookie| !told.contains(cookie));
        self.changed.append(&mut still);
        self
    }
}

impl From<Vec<Session>> for Look {
    /// All of them are new.
    fn from(changed: Vec<Session>) -> Self {
        Look {
            changed,
            unchanged: Vec::new(),
        }
    }
}

/// Batches that may wait. When they do, the collector waits too, and the ring buffer takes the load.
const WAITING_BATCHES: usize = 64;

/// What flows back to the thread: that it is to stop, what it is to capture and how often it is to look from now on.
#[derive(Debug)]
pub struct Orders {
    stop: Arc<AtomicBool>,
    captures: Receiver<Capture>,
    intervals: Receiver<Duration>,
    bell: Arc<OwnedFd>,
}

impl Orders {
    /// Readable when there is an order that was not looked at, or may be.
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// The bell is not readable any more, until the next order. To be called before the orders are looked at.
    pub fn silence(&self) {
        // when it was not rung there is nothing to read
        let _ = rustix::io::read(&self.bell, &mut [0; 8]);
    }

    /// True if the thread is to end.
    pub fn stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The newest capture asked for, if there is one since the last call.
    pub fn capture(&self) -> Option<Capture> {
        self.captures.try_iter().last()
    }

    /// The newest interval asked for, if there is one since the last call.
    pub fn interval(&self) -> Option<Duration> {
        self.intervals.try_iter().last()
    }
}

/// A thread that sends batches until it is stopped, dropped, or has no more.
#[derive(Debug)]
pub struct Collector {
    batches: Option<Receiver<Batch>>,
    stop: Arc<AtomicBool>,
    captures: Sender<Capture>,
    intervals: Sender<Duration>,
    bell: Arc<OwnedFd>,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Collector {
    /// Runs `work` on a thread of that name. It is handed the channel to fill, what it is told from outside,
    /// and a function to call when it is ready; this function returns then.
    ///
    /// # Errors
    /// What `work` returned if it ended without having been ready.
    pub fn spawn<W>(name: &str, work: W) -> anyhow::Result<Self>
    where
        W: FnOnce(Sender<Batch>, &Orders, &dyn Fn()) -> anyhow::Result<()> + Send + 'static,
    {
        let (tx, rx) = bounded(WAITING_BATCHES);
        let (ready_tx, ready_rx) = bounded(1);
        let stop = Arc::new(AtomicBool::new(false));
        let (captures, asked) = unbounded();
        let (intervals, paces) = unbounded();
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let bell = Arc::new(bell.context("cannot make an eventfd")?);
        let orders = Orders {
            stop: Arc::clone(&stop),
            captures: asked,
            intervals: paces,
            bell: Arc::clone(&bell),
        };
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                // whoever waits may be gone, and then there is nobody to tell
                let ready = || {
                    let _ = ready_tx.try_send(());
                };
                work(tx, &orders, &ready)
            })?;
        let collector = Collector {
            batches: Some(rx),
            stop,
            captures,
            intervals,
            bell,
            thread,
        };
        match ready_rx.recv() {
            Ok(()) => Ok(collector),
            Err(_) => Err(collector
                .join()
                .err()
                .unwrap_or_else(|| anyhow::anyhow!("the {name} thread ended at once"))),
        }
    }

    /// The batches; it is disconnected when there will be no more.
    pub fn batches(&self) -> &Receiver<Batch> {
        const GONE: &str = "the receiver is only taken by join(), which consumes the collector";
        #[expect(clippy::expect_used, reason = "see GONE")]
        self.batches.as_ref().expect(GONE)
    }

    /// Narrows or widens what the kernel reports, from now on. Nothing that passes both filters is lost meanwhile.
    pub fn capture(&self, capture: Capture) {
        // a thread that has ended captures nothing; the closed channel of batches tells
        let _ = self.captures.send(capture);
        self.ring();
    }

    /// Changes how often the open sessions' figures are read, from now on.
    pub fn look_every(&self, interval: Duration) {
        // as above
        let _ = self.intervals.send(interval);
        self.ring();
    }

    /// Tells the thread to stop: it takes what is waiting in the kernel, sends that, and ends.
    pub fn request_stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.ring();
    }

    fn ring(&self) {
        // it fails only when it has been rung 2^64 times and nobody listens
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }

    /// Stops the thread, whatever it still has to send, and waits for its end.
    ///
    /// # Errors
    /// What it ended of, a panic too, if not of being stopped.
    pub fn join(mut self) -> anyhow::Result<()> {
        self.request_stop();
        self.batches = None; // a thread that waits for room in the channel goes on, and sees the flag
        match self.thread.join() {
            Ok(result) => result,
            Err(panic) => {
                let what = panic.downcast_ref::<String>().map(String::as_str);
                let what = what
                    .or_else(|| panic.downcast_ref::<&str>().copied())
                    .unwrap_or("no message");
                Err(anyhow::anyhow!(
                    "the collector panicked, which is a bug: {what}"
                ))
            }
        }
    }
}

/// Starts to collect the sessions of this host. When it returns, no session that begins from now on is missed.
///
/// # Errors
/// [`StartError`] if the kernel does not let it, with what would help.
pub fn start(config: Config) -> anyhow::Result<Collector> {
    support::check()?;
    Collector::spawn("tcplife-bpf", move |tx, orders, ready| {
        bpf::run(&config, tx, orders, ready)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::finished as sample;

    const S: u64 = 1_000_000_000;

    #[test]
    fn two_looks_become_one() {
        let session = |cookie, tx_bytes, at_s: u64| Session {
            cookie,
            tx_bytes,
            end_ns: at_s * S,
            ..sample()
        };
        let earlier = Look {
            changed: vec![session(1, 10, 1), session(2, 20, 1), session(3, 30, 1)],
            unchanged: vec![4, 5],
        };
        // 1 and 4 change, 3 and 5 are gone, 6 is new
        let later = Look {
            changed: vec![session(1, 11, 2), session(4, 40, 2), session(6, 60, 2)],
            unchanged: vec![2],
        };
        let both = later.after(earlier, 2 * S);
        let told = |s: &Session| (s.cookie, s.tx_bytes, s.end_ns / S);
        let changed: Vec<_> = both.changed.iter().map(told).collect();
        assert_eq!(changed, [(1, 11, 2), (4, 40, 2), (6, 60, 2), (2, 20, 2)]);
        assert_eq!(both.unchanged, [0; 0]);
    }
}
