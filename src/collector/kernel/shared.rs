//! The variables that the programs and the collector have in common.
//!
//! Responsible for reading and writing them while the other side does. Not for when (`bpf`).

use std::marker::PhantomData;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

use crate::collector::kernel::bpf::types;
use crate::model::capture_filter::{CaptureFilter, PortSet};

/// The variables of the programs: memory that the kernel reads and writes at the same time.
pub struct SharedState<'a>(*mut types::bss, PhantomData<&'a mut types::bss>);

impl<'a> SharedState<'a> {
    pub fn new(bss: &'a mut types::bss) -> Self {
        SharedState(bss, PhantomData)
    }

    /// No thread walks iter/tcp any more.
    pub fn forget_scanner(&self) {
        // SAFETY: as below; this side only writes it, the programs write it while a thread walks only.
        unsafe { AtomicI32::from_ptr(&raw mut (*self.0).scanner_tid) }.store(0, Ordering::Relaxed);
    }

    /// This side has emptied the ring buffer: it is to be called when it has filled up once more.
    pub fn answer_call(&self) {
        // SAFETY: aligned as a u32 and mapped as long as the skeleton lives; the programs only ever set it to 1.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.0).wakeup_pending) }
            .store(0, Ordering::SeqCst);
    }

    /// Whether the next session that ends is to wake this side.
    pub fn set_sleeps(&self, sleeps: bool) {
        // SAFETY: aligned as a u32 and mapped as long as the skeleton lives; only this side writes it.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.0).consumer_idle) }
            .store(sleeps.into(), Ordering::SeqCst);
    }

    /// Every open session is to be told of at the next look, changed or not.
    pub fn request_full_snapshot(&self) {
        // SAFETY: aligned as a u32 and mapped as long as the skeleton lives; only this side writes it.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.0).snapshot_gen) }
            .fetch_add(1, Ordering::Relaxed);
    }

    /// Sessions that found the ring buffer full.
    pub fn missed(&self) -> u64 {
        // SAFETY: aligned as a u64 and mapped as long as the skeleton lives; the kernel side adds atomically, and on
        // this side it is only read, through this.
        unsafe { AtomicU64::from_ptr(&raw mut (*self.0).ring_full) }.load(Ordering::Relaxed)
    }

    /// Puts another filter in force: the one that is not is written, then it is. A program that is running meanwhile
    /// keeps to the one that it began with.
    pub fn set_filter(&self, capture: &CaptureFilter) {
        // SAFETY: aligned as a u32 and mapped as long as the skeleton lives; only this side writes it.
        let in_force = unsafe { AtomicU32::from_ptr(&raw mut (*self.0).active_filter) };
        let next = (in_force.load(Ordering::Relaxed) + 1) & 1;
        // SAFETY: `next` is 0 or 1, and no program reads that filter until the store below.
        unsafe {
            (&raw mut (*self.0).filters[next as usize]).write_volatile(kernel_filter(capture))
        };
        in_force.store(next, Ordering::Release);
    }
}

/// The same words as `capture_filter` of tcplife.h.
pub fn kernel_filter(capture: &CaptureFilter) -> types::capture_filter {
    let bits = |set: &Option<PortSet>| {
        let mut words = [0_u64; 1024];
        for port in set.iter().flat_map(|s| s.ranges()).flatten() {
            words[usize::from(port) / 64] |= 1 << (port % 64);
        }
        words
    };
    types::capture_filter {
        pid: capture.pid.unwrap_or(0),
        netns: capture.netns.unwrap_or(0),
        ip: capture.family.map_or(0, |f| f.version()),
        by_lport: capture.lports.is_some().into(),
        by_rport: capture.rports.is_some().into(),
        by_port: capture.ports.is_some().into(),
        pad: [0; 4],
        lports: bits(&capture.lports),
        rports: bits(&capture.rports),
        ports: bits(&capture.ports),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_become_bits() {
        let capture = CaptureFilter {
            lports: "0,22,64-65,65535".parse().ok(),
            ..CaptureFilter::default()
        };
        let filter = kernel_filter(&capture);
        assert_eq!((filter.by_lport, filter.by_rport), (1, 0));
        assert_eq!(
            (filter.lports[0], filter.lports[1], filter.lports[1023]),
            (1 << 22 | 1, 0b11, 1 << 63)
        );
        assert_eq!(filter.lports.iter().map(|w| w.count_ones()).sum::<u32>(), 5);
    }
}
