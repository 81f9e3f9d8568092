//! Attaches the program that sees who writes, while few writes run it.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use libbpf_rs::{Btf, Link, MapCore as _, MapFlags, MapMut, ProgramMut};

use crate::collector::kernel::load::attach_tracepoint;
use crate::collector::kernel::skel::{self, types};

/// Minimum time between two counts of the writes.
const COUNT_EVERY: Duration = Duration::from_secs(1);
/// Maximum number of writes per second, of all processes, for which a program runs. One run takes about 0.13 µs from
/// the sender (measured on Linux 6.18 in a virtual machine, with retpolines), so this is 0.3 % of a processor.
const MOST_WRITES: f64 = 20_000.0;

/// Time without that program after there were more.
const WRITES_REST: Duration = Duration::from_secs(30);

/// A tracepoint that shows who writes to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteTracepoint {
    /// `tcp_sendmsg_locked`, for TCP only, while the writer holds the socket's lock.
    Locked,
    /// `sock_send_length`, for sockets of all kinds, after the write.
    Done,
}

impl WriteTracepoint {
    /// Returns the best one that this kernel has: from 6.16 on the first, from 6.3 on the second, before that none.
    pub(super) fn of_this_kernel(types: &Btf<'_>) -> Option<Self> {
        let has = |tracepoint: &str| {
            let name = format!("btf_trace_{tracepoint}");
            types
                .type_by_name::<libbpf_rs::btf::types::Typedef<'_>>(&name)
                .is_some()
        };
        if has("tcp_sendmsg_locked") {
            Some(WriteTracepoint::Locked)
        } else if has("sock_send_length") {
            Some(WriteTracepoint::Done)
        } else {
            None
        }
    }
}

/// The program that sees who writes, attached as long as few writes run it.
pub(super) struct WriteWatch<'a> {
    /// `None`: the kernel has no tracepoint for it.
    program: Option<&'a ProgramMut<'a>>,
    link: Option<Link>,
    counter: &'a MapMut<'a>,
    /// Writes that have been counted, and when.
    counted: (u64, Instant),
}

impl<'a> WriteWatch<'a> {
    pub(super) fn begin(
        progs: &'a skel::TcplifeProgs<'a>,
        counter: &'a MapMut<'a>,
    ) -> anyhow::Result<Self> {
        let mut all = [&progs.on_write, &progs.on_write_done].into_iter();
        let program = all.find(|program| program.autoload());
        let mut watch = WriteWatch {
            program,
            link: program.map(attach_tracepoint).transpose()?,
            counter,
            counted: (0, Instant::now()),
        };
        // libbpf asks for the number of processors the first time, in a file that cannot be read later
        watch.counted.0 = watch.count()?;
        Ok(watch)
    }

    /// Detaches the program for a while if it runs too often, and attaches it again after that.
    pub(super) fn keep_cheap(&mut self, now: Instant) -> anyhow::Result<()> {
        let Some(program) = self.program else {
            return Ok(());
        };
        let passed = now.duration_since(self.counted.1);
        if self.link.is_none() {
            if passed >= WRITES_REST {
                // without it, sessions that are only written to show their listener
                self.link = attach_tracepoint(program).ok();
                self.counted.1 = now;
            }
        } else if passed >= COUNT_EVERY {
            let writes = self.count()?;
            let new = writes.saturating_sub(self.counted.0);
            self.counted = (writes, now);
            if new as f64 > MOST_WRITES * passed.as_secs_f64() {
                self.link = None;
            }
        }
        Ok(())
    }

    /// Returns how often the program has run, on all processors.
    pub(super) fn count(&self) -> anyhow::Result<u64> {
        let counting = "cannot count the runs of a BPF program";
        let key = 0_u32.to_ne_bytes();
        let found = self.counter.lookup_percpu(&key, MapFlags::ANY);
        let values = found.context(counting)?.context(counting)?;
        let read = |value: &Vec<u8>| {
            let at = std::mem::offset_of!(types::followed, writes);
            let writes = value.get(at..).and_then(<[u8]>::first_chunk);
            writes.map_or(0, |bytes| u64::from_ne_bytes(*bytes))
        };
        Ok(values.iter().map(read).sum())
    }
}
