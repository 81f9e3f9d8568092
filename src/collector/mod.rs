//! Where sessions come from: a thread that fills a bounded channel with batches.
//!
//! Responsible for the thread's life: that it is ready before anything else starts, that it stops when told to,
//! that what it died of is told. `bpf` talks to the kernel, `decode` understands what the kernel says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::host::waker::Waker;
use crate::model::batch::Batch;
use crate::model::capture_filter::CaptureFilter;

pub mod kernel;

/// Batches that may wait. When they do, the collector waits too, and the ring buffer takes the load.
const WAITING_BATCHES: usize = 64;

/// What flows back to the thread: that it is to stop, what it is to capture and how often it is to look from now on.
#[derive(Debug)]
pub struct Orders {
    stop: Arc<AtomicBool>,
    captures: Receiver<CaptureFilter>,
    intervals: Receiver<Duration>,
    waker: Waker,
}

impl Orders {
    /// Readable when there is an order that was not looked at, or may be. To be drained before the orders are looked at.
    pub fn waker(&self) -> &Waker {
        &self.waker
    }

    /// True if the thread is to end.
    pub fn stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The newest capture asked for, if there is one since the last call.
    pub fn capture(&self) -> Option<CaptureFilter> {
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
    captures: Sender<CaptureFilter>,
    intervals: Sender<Duration>,
    waker: Waker,
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
        let waker = Waker::new()?;
        let orders = Orders {
            stop: Arc::clone(&stop),
            captures: asked,
            intervals: paces,
            waker: waker.clone(),
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
            waker,
            thread,
        };
        match ready_rx.recv() {
            Ok(()) => Ok(collector),
            Err(_) => Err(collector
                .join()
                .err()
                .unwrap_or_else(|| anyhow::anyhow!("the {name} thread exited at once"))),
        }
    }

    /// The batches; it is disconnected when there will be no more.
    pub fn batches(&self) -> &Receiver<Batch> {
        const GONE: &str = "the receiver is only taken by join(), which consumes the collector";
        #[expect(clippy::expect_used, reason = "see GONE")]
        self.batches.as_ref().expect(GONE)
    }

    /// Narrows or widens what the kernel reports, from now on. Nothing that passes both filters is lost meanwhile.
    pub fn capture(&self, capture: CaptureFilter) {
        // a thread that has ended captures nothing; the closed channel of batches tells
        let _ = self.captures.send(capture);
        self.waker.wake();
    }

    /// Changes how often the open sessions' figures are read, from now on.
    pub fn set_interval(&self, interval: Duration) {
        // as above
        let _ = self.intervals.send(interval);
        self.waker.wake();
    }

    /// Tells the thread to stop: it takes what is waiting in the kernel, sends that, and ends.
    pub fn request_stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.waker.wake();
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
                    "the collector panicked; this is a bug: {what}"
                ))
            }
        }
    }
}
