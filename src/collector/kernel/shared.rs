//! Memory shared with the BPF programs, read and written while they run.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

use crate::collector::kernel::skel::types;
use crate::model::capture_filter::{CaptureFilter, PortSet};

/// Goal of a walk over all open files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanPass {
    Listeners = 0,
    Sessions = 1,
}

/// The kernel's clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Learned {
    pub jiffies: u64,
    /// CLOCK_MONOTONIC of the initial time namespace.
    pub monotonic_ns: u64,
    /// CLOCK_BOOTTIME of the initial time namespace.
    pub boot_ns: u64,
}

/// The programs' variables: memory that the kernel reads and writes at the same time.
pub struct SharedState<'a>(*mut types::bss, PhantomData<&'a mut types::bss>);

impl<'a> SharedState<'a> {
    pub fn new(bss: &'a mut types::bss) -> Self {
        SharedState(bss, PhantomData)
    }

    /// Tells the programs that no thread walks iter/tcp any more.
    pub fn forget_scanner(&self) {
        // SAFETY: as below; this side only writes it, the programs write it only while a thread walks.
        unsafe { AtomicI32::from_ptr(&raw mut (*self.0).scanner_tid) }.store(0, Ordering::Relaxed);
    }

    /// Acknowledges a wake-up: the ring buffer was drained, and the programs wake this side the next time it fills
    /// beyond `wake_above_bytes`.
    pub fn answer_call(&self) {
        // SAFETY: aligned as a u32 and mapped as long as the skeleton lives; the programs only ever set it to 1.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.0).wakeup_pending) }
            .store(0, Ordering::SeqCst);
    }

    /// Sets whether the next closed session is to wake this side.
    pub fn set_sleeps(&self, sleeps: bool) {
        // SAFETY: aligned as a u32 and mapped as long as the skeleton lives; only this side writes it.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.0).consumer_idle) }
            .store(sleeps.into(), Ordering::SeqCst);
    }

    /// Begins a snapshot: its number, 1 to 127, and the factor that its cells are found with.
    pub fn begin_snapshot(&self, number: u8, factor: u64) {
        // SAFETY: aligned as integers and mapped as long as the skeleton lives. The programs write the cells only while
        // this thread reads an iterator, and they never write the other two.
        unsafe {
            (&raw mut (*self.0).unchanged_sums).write_bytes(0, 1);
            (&raw mut (*self.0).unchanged_counts).write_bytes(0, 1);
            AtomicU64::from_ptr(&raw mut (*self.0).cell_factor).store(factor, Ordering::Relaxed);
            AtomicU32::from_ptr(&raw mut (*self.0).snapshot_records).store(0, Ordering::Relaxed);
            AtomicU32::from_ptr(&raw mut (*self.0).snapshot_number)
                .store(number.into(), Ordering::SeqCst);
        }
    }

    /// Returns the unchanged sessions of the current snapshot: for each cell the number of them, and the sum of their
    /// cookies.
    pub fn unchanged(&self) -> impl Iterator<Item = (u32, u64)> {
        // SAFETY: as in `begin_snapshot`; no reference to what the kernel writes is made
        let (counts, sums): (*const [u32], *const [u64]) = unsafe {
            (
                &raw const (*self.0).unchanged_counts,
                &raw const (*self.0).unchanged_sums,
            )
        };
        let (counts, sums, cells) = (counts.cast::<u32>(), sums.cast::<u64>(), counts.len());
        // one by one: a volatile read of a whole array is an instruction for each element
        // SAFETY: within the arrays, which are as long as each other
        (0..cells).map(move |at| unsafe {
            (counts.add(at).read_volatile(), sums.add(at).read_volatile())
        })
    }

    /// Number of records in the ring buffer for the current snapshot, those that were taken included.
    pub fn snapshot_records(&self) -> u32 {
        // SAFETY: as in `begin_snapshot`
        unsafe { AtomicU32::from_ptr(&raw mut (*self.0).snapshot_records) }.load(Ordering::SeqCst)
    }

    /// Sets how many objects an iterator visits before it returns to this side.
    pub fn set_part(&self, objects: u32) {
        // SAFETY: aligned as a u32 and mapped as long as the skeleton lives; the programs write it only while this thread
        // reads an iterator.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.0).part_left) }
            .store(objects, Ordering::SeqCst);
    }

    /// True if the last part has ended early, because the ring buffer has to be drained.
    pub fn has_part_left(&self) -> bool {
        // SAFETY: as in `set_part`
        unsafe { AtomicU32::from_ptr(&raw mut (*self.0).part_left) }.load(Ordering::SeqCst) != 0
    }

    /// True if a session in another network namespace than this thread's has been seen.
    pub fn has_foreign(&self) -> bool {
        // SAFETY: aligned as a u32 and mapped as long as the skeleton lives; the programs only ever set it to 1.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.0).has_foreign) }.load(Ordering::Relaxed) != 0
    }

    /// Requests that the next snapshot include every open session in full, changed or not.
    pub fn request_full_snapshot(&self) {
        // SAFETY: aligned as a u32 and mapped as long as the skeleton lives; only this side writes it.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.0).snapshot_gen) }
            .fetch_add(1, Ordering::Relaxed);
    }

    /// Number of sessions that found the ring buffer full.
    pub fn ring_full(&self) -> u64 {
        // SAFETY: aligned as a u64 and mapped as long as the skeleton lives; the kernel side adds atomically, and this
        // side only reads it, through this.
        unsafe { AtomicU64::from_ptr(&raw mut (*self.0).ring_full) }.load(Ordering::Relaxed)
    }

    /// Number of sessions for which the kernel had no memory to keep their state.
    pub fn no_memory(&self) -> u64 {
        // SAFETY: as for `ring_full`.
        unsafe { AtomicU64::from_ptr(&raw mut (*self.0).no_memory) }.load(Ordering::Relaxed)
    }

    /// Number of transitions that the second program handled because the first was not run.
    pub fn made_good(&self) -> u64 {
        // SAFETY: as for `ring_full`.
        unsafe { AtomicU64::from_ptr(&raw mut (*self.0).made_good) }.load(Ordering::Relaxed)
    }

    /// Number of dropped packets for which their map had no room.
    pub fn drops_not_kept(&self) -> u64 {
        // SAFETY: as for `ring_full`.
        unsafe { AtomicU64::from_ptr(&raw mut (*self.0).drops_not_kept) }.load(Ordering::Relaxed)
    }

    /// Returns whether packets were dropped since the last call.
    pub fn take_new_drops(&self) -> bool {
        // SAFETY: aligned as a u32 and mapped as long as the skeleton lives; the programs only ever set it to 1.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.0).has_new_drops) }.swap(0, Ordering::SeqCst)
            != 0
    }

    /// Sets how many PID namespaces the one of this process is below that of its /proc.
    pub fn set_proc_depth(&self, depth: u32) {
        // SAFETY: aligned as a u32 and mapped as long as the skeleton lives; only this side writes it.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.0).proc_depth) }
            .store(depth, Ordering::SeqCst);
    }

    /// Sets the length of a jiffy.
    pub fn set_jiffy_us(&self, us: u32) {
        // SAFETY: aligned as a u32 and mapped as long as the skeleton lives; only this side writes it.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.0).jiffy_us) }.store(us, Ordering::SeqCst);
    }

    /// Returns what `learn_reader` has found.
    pub fn learned(&self) -> Learned {
        // SAFETY: aligned as a u64 and mapped as long as the skeleton lives; the program writes them once.
        let read = |value: *mut u64| unsafe { AtomicU64::from_ptr(value) }.load(Ordering::SeqCst);
        // SAFETY: the pointer is valid as long as the skeleton lives, and only addresses are taken here.
        unsafe {
            Learned {
                jiffies: read(&raw mut (*self.0).learn_jiffies),
                monotonic_ns: read(&raw mut (*self.0).learn_ns),
                boot_ns: read(&raw mut (*self.0).learn_boot_ns),
            }
        }
    }

    /// Sets the session whose holders the next walk of `find_holders` finds, and a process that it reports, too.
    pub fn set_wanted(&self, cookie: u64, pid: u32) {
        // SAFETY: as above
        unsafe { AtomicU64::from_ptr(&raw mut (*self.0).wanted_cookie) }
            .store(cookie, Ordering::Relaxed);
        // SAFETY: as above
        unsafe { AtomicU32::from_ptr(&raw mut (*self.0).wanted_pid) }.store(pid, Ordering::Relaxed);
    }

    /// Begins another round of reading the listeners. Returns its number.
    pub fn begin_listener_round(&self) -> u32 {
        // SAFETY: aligned as a u32 and mapped as long as the skeleton lives; only this side writes it.
        let round = unsafe { AtomicU32::from_ptr(&raw mut (*self.0).listener_round) };
        // an entry whose figures were never read has 0
        let next = round.load(Ordering::Relaxed).wrapping_add(1).max(1);
        round.store(next, Ordering::SeqCst);
        next
    }

    /// Sets the process whose listeners get another owner from the next scan; 0: none.
    pub fn set_gone_owner(&self, pid: u32) {
        // SAFETY: aligned as a u32 and mapped as long as the skeleton lives; only this side writes it.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.0).gone_owner) }.store(pid, Ordering::SeqCst);
    }

    /// Sets what the next walk over all open files is to find.
    pub fn set_scan_pass(&self, pass: ScanPass) {
        // SAFETY: aligned as a u32 and mapped as long as the skeleton lives; only this side writes it.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.0).scan_pass) }
            .store(pass as u32, Ordering::SeqCst);
    }

    /// Activates another filter: writes the inactive one of the two, then switches. A program that runs at that
    /// moment still uses the previous one.
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

/// Converts a filter to `capture_filter` of tcplife.h.
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
    fn kernel_filter_encodes_ports_as_bits() {
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
