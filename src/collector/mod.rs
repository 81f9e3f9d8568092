//! Collects sessions on a thread that fills a bounded channel with batches.
//!
//! Owns the thread's life: it is ready before anything else starts, stops when asked to, and its error is reported.
//! `kernel::bpf` talks to the kernel, `kernel::decode` interprets what it reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::host::thread;
use crate::host::waker::Waker;
use crate::model::batch::{Batch, Holders, WAITING_BATCHES};
use crate::model::capture_filter::CaptureFilter;

pub mod demo;
pub mod kernel;
pub mod replay;
pub mod selection;

/// A session whose holders are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub cookie: u64,
    /// The process that owns it, in whatever way; 0: none is known.
    pub pid: u32,
}

/// Orders to the thread: to stop, and its current capture filter and interval.
#[derive(Debug)]
pub struct Orders {
    stop: Arc<AtomicBool>,
    captures: Receiver<CaptureFilter>,
    intervals: Receiver<Duration>,
    wants_all: Arc<AtomicBool>,
    speed: Arc<AtomicU64>,
    wanted: Receiver<Wanted>,
    found: Sender<Holders>,
    waker: Waker,
}

impl Orders {
    /// Readable when there may be a new order. Drain it before checking the orders.
    pub fn waker(&self) -> &Waker {
        &self.waker
    }

    /// True if the thread is to exit.
    pub fn stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Returns the latest requested capture filter, if there is a new one since the last call.
    pub fn capture(&self) -> Option<CaptureFilter> {
        self.captures.try_iter().last()
    }

    /// Returns the latest requested interval, if there is a new one since the last call.
    pub fn interval(&self) -> Option<Duration> {
        self.intervals.try_iter().last()
    }

    /// True if the next snapshot is to have every session in full, and this was not asked since it was requested.
    pub fn wants_all(&self) -> bool {
        self.wants_all.swap(false, Ordering::Relaxed)
    }

    /// Speed at which a recording is replayed: how many of its seconds in a second.
    pub fn speed(&self) -> f64 {
        f64::from_bits(self.speed.load(Ordering::Relaxed))
    }

    /// Returns the session whose holders were requested last, if there is a new request since the last call.
    pub fn holders(&self) -> Option<Wanted> {
        self.wanted.try_iter().last()
    }

    /// Answers the last request.
    pub fn answer(&self, holders: Holders) {
        // a reader that is gone needs no answer
        let _ = self.found.send(holders);
    }
}

/// A thread that sends batches until it is stopped, dropped, or has no more.
#[derive(Debug)]
pub struct Collector {
    batches: Option<Receiver<Batch>>,
    stop: Arc<AtomicBool>,
    captures: Sender<CaptureFilter>,
    intervals: Sender<Duration>,
    wants_all: Arc<AtomicBool>,
    speed: Arc<AtomicU64>,
    wanted: Sender<Wanted>,
    found: Receiver<Holders>,
    waker: Waker,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Drop for Collector {
    /// Lets the thread exit by itself.
    fn drop(&mut self) {
        self.request_stop();
    }
}

impl Collector {
    /// Runs `work` on a thread of that name, with the channel to fill, the orders, and a function to call when it is
    /// ready; only then does this function return.
    ///
    /// # Errors
    /// The error of `work` if it ended before it was ready.
    pub fn spawn<W>(name: &str, work: W) -> anyhow::Result<Self>
    where
        W: FnOnce(Sender<Batch>, &Orders, &dyn Fn()) -> anyhow::Result<()> + Send + 'static,
    {
        let (tx, rx) = bounded(WAITING_BATCHES);
        let (ready_tx, ready_rx) = bounded(1);
        let stop = Arc::new(AtomicBool::new(false));
        let (captures, asked) = unbounded();
        let (intervals, paces) = unbounded();
        let (wanted, requests) = unbounded();
        let (answers, found) = unbounded();
        let wants_all = Arc::new(AtomicBool::new(false));
        let speed = Arc::new(AtomicU64::new(1_f64.to_bits()));
        let waker = Waker::new()?;
        let orders = Orders {
            stop: Arc::clone(&stop),
            captures: asked,
            intervals: paces,
            wants_all: Arc::clone(&wants_all),
            speed: Arc::clone(&speed),
            wanted: requests,
            found: answers,
            waker: waker.clone(),
        };
        let thread = thread::spawn(name, move || {
            // the waiting thread may be gone, and then nobody needs to know
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
            wants_all,
            speed,
            wanted,
            found,
            waker,
            thread: Some(thread),
        };
        match ready_rx.recv() {
            Ok(()) => Ok(collector),
            Err(_) => Err(collector
                .join()
                .err()
                .unwrap_or_else(|| anyhow::anyhow!("the {name} thread exited at once"))),
        }
    }

    /// Receiver of the batches; disconnected when there will be no more.
    pub fn batches(&self) -> &Receiver<Batch> {
        const GONE: &str = "the receiver is only taken by join(), which consumes the collector";
        #[expect(clippy::expect_used, reason = "see GONE")]
        self.batches.as_ref().expect(GONE)
    }

    /// Passes the batches through something that takes them and hands them on.
    ///
    /// # Errors
    /// If `through` fails.
    pub fn pass_through(
        &mut self,
        through: impl FnOnce(Receiver<Batch>) -> anyhow::Result<Receiver<Batch>>,
    ) -> anyhow::Result<()> {
        let batches = self.batches().clone();
        self.batches = Some(through(batches)?);
        Ok(())
    }

    /// Changes what the kernel reports from now on. No session that passes both filters is missed meanwhile.
    pub fn capture(&self, capture: CaptureFilter) {
        // a thread that has exited captures nothing; the closed channel of batches shows it
        let _ = self.captures.send(capture);
        self.waker.wake();
    }

    /// Changes the interval of the snapshots from now on.
    pub fn set_interval(&self, interval: Duration) {
        // as above
        let _ = self.intervals.send(interval);
        self.waker.wake();
    }

    /// Requests that the next snapshot has every session in full.
    pub fn request_all(&self) {
        self.wants_all.store(true, Ordering::Relaxed);
        self.waker.wake();
    }

    /// Changes the speed at which a recording is replayed, if that takes its time; 0: it waits.
    pub fn set_speed(&self, times: f64) {
        self.speed.store(times.to_bits(), Ordering::Relaxed);
        self.waker.wake();
    }

    /// Requests the processes that hold a session; the answer goes to [`Collector::found`].
    pub fn find_holders(&self, wanted: Wanted) {
        // as above
        let _ = self.wanted.send(wanted);
        self.waker.wake();
    }

    /// Receiver of the answers to [`Collector::find_holders`].
    pub fn found(&self) -> &Receiver<Holders> {
        &self.found
    }

    /// Asks the thread to stop: it takes what is waiting in the kernel, sends that, and exits.
    pub fn request_stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.waker.wake();
    }

    /// Stops the thread, whatever it still has to send, and waits for it to exit.
    ///
    /// # Errors
    /// The error that it ended with, including a panic.
    pub fn join(mut self) -> anyhow::Result<()> {
        self.request_stop();
        self.batches = None; // a thread that waits for room in the channel continues, and sees the flag
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(panic)) => {
                let what = panic.downcast_ref::<String>().map(String::as_str);
                let what = what
                    .or_else(|| panic.downcast_ref::<&str>().copied())
                    .unwrap_or("no message");
                Err(anyhow::anyhow!(
                    "the collector panicked; this is a bug: {what}"
                ))
            }
        }
    }
}
