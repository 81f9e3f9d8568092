//! Wake-up of a thread that waits in poll(2) or epoll(7): an eventfd.
//!
//! A channel wakes only a thread that receives on it; a `Waker` wakes one that waits for descriptors.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// A descriptor that is readable from [`wake`](Self::wake) until [`drain`](Self::drain). Clones share it.
#[derive(Clone, Debug)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    /// Creates one that is not readable yet.
    ///
    /// # Errors
    /// If the kernel has no descriptor left.
    pub fn new() -> anyhow::Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let fd = eventfd(0, flags).context("cannot create an eventfd to wake a thread with")?;
        Ok(Waker(Arc::new(fd)))
    }

    /// Makes it readable.
    pub fn wake(&self) {
        // fails only after 2^64 calls without a drain, and then it is readable
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Waits until it is readable.
    pub fn wait(&self) {
        // an interrupted wait is one that the caller repeats
        let _ = poll(&mut [PollFd::new(self, PollFlags::IN)], None);
    }

    /// Waits until it is readable, for at most that time.
    pub fn wait_for(&self, time: Duration) {
        // a time that is too long for the kernel is forever
        let time = Timespec::try_from(time).ok();
        // an interrupted wait is one that the caller repeats
        let _ = poll(&mut [PollFd::new(self, PollFlags::IN)], time.as_ref());
    }

    /// Makes it unreadable until the next [`wake`](Self::wake). Call this before checking for work: what arrives in
    /// between then wakes again.
    pub fn drain(&self) {
        // there is nothing to read if nobody called `wake`
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn is_readable(waker: &Waker) -> bool {
        let mut fds = [PollFd::new(waker, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default())).expect("poll") == 1
    }

    #[test]
    fn waker_is_readable_from_wake_until_drain() {
        let waker = Waker::new().expect("a descriptor");
        assert!(!is_readable(&waker));
        waker.drain(); // does not wait
        waker.clone().wake();
        waker.wake();
        assert!(is_readable(&waker) && is_readable(&waker));
        waker.drain();
        assert!(!is_readable(&waker), "one drain is enough for two wakes");
    }

    #[test]
    fn waker_waits_no_longer_than_asked() {
        let waker = Waker::new().expect("a descriptor");
        let (started, time) = (Instant::now(), Duration::from_millis(20));
        waker.wait_for(time);
        assert!(started.elapsed() >= time);
        waker.wake();
        waker.wait_for(Duration::from_secs(3600));
        assert!(is_readable(&waker), "the wake ended the wait");
    }

    #[test]
    fn waker_wakes_another_thread_from_poll() {
        let waker = Waker::new().expect("a descriptor");
        let waits = waker.clone();
        let thread = std::thread::spawn(move || {
            poll(&mut [PollFd::new(&waits, PollFlags::IN)], None).expect("poll")
        });
        waker.wake();
        assert_eq!(thread.join().expect("no panic"), 1);
    }
}
