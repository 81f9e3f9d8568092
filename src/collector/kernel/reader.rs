//! This process as the kernel sees it: its clocks, and its place among the namespaces.

use anyhow::Context as _;
use libbpf_rs::IterOpts;
use rustix::time::{ClockId, clock_gettime};

use crate::collector::kernel::iterators::{attach_iterator, walk_silent};
use crate::collector::kernel::shared::SharedState;
use crate::collector::kernel::skel;
use crate::host::proc::Process;

/// This process as the kernel sees it: its clock, and its place among the namespaces.
pub(super) struct Reader {
    /// The kernel's jiffies per second.
    pub(super) hz: u32,
    /// Time that the kernel's boot time is ahead of that of this process, ns: not 0 in a time namespace.
    pub(super) ahead_ns: i64,
}

impl Reader {
    /// Runs a program that sees both sides. Must precede everything that records a process or a time.
    pub(super) fn learn(
        progs: &skel::TcplifeProgs<'_>,
        variables: &SharedState<'_>,
    ) -> anyhow::Result<Self> {
        variables.set_proc_depth(Process::own().status().pid_namespaces.saturating_sub(1));
        let link = attach_iterator(&progs.learn_reader, IterOpts::None)?;
        let before_ns = boot_ns();
        walk_silent(&link).context("cannot learn the kernel's time")?;
        let after_ns = boot_ns();
        let learned = variables.learned();
        let ahead_ns = learned.boot_ns as i64 - (before_ns + (after_ns - before_ns) / 2) as i64;
        let hz = jiffies_per_second(learned.jiffies, learned.monotonic_ns);
        variables.set_jiffy_us(1_000_000 / hz);
        Ok(Reader {
            hz,
            // outside a time namespace the difference is that of two readings of one clock
            ahead_ns: if ahead_ns.unsigned_abs() <= after_ns - before_ns {
                0
            } else {
                ahead_ns
            },
        })
    }

    /// The kernel's boot time, ns.
    pub(super) fn now_ns(&self) -> u64 {
        boot_ns().saturating_add_signed(self.ahead_ns)
    }
}

/// This process' CLOCK_BOOTTIME, ns.
pub(super) fn boot_ns() -> u64 {
    clock_ns(ClockId::Boottime) as u64
}

pub(super) fn clock_ns(clock: ClockId) -> i128 {
    let time = clock_gettime(clock);
    i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
}

/// Reads boot time and wall-clock time of one moment; `None`: this thread was interrupted each time.
pub(super) fn both_clocks() -> Option<(u64, i128)> {
    const TRIES: usize = 5;
    const APART_NS: u64 = 50_000;
    (0..TRIES).find_map(|_| {
        let before_ns = boot_ns();
        let wall_ns = clock_ns(ClockId::Realtime);
        (boot_ns() - before_ns <= APART_NS).then_some((before_ns, wall_ns))
    })
}

/// Derives CONFIG_HZ from one moment on both clocks: jiffies begin five minutes before they wrap at 32 bits
/// (include/linux/jiffies.h, INITIAL_JIFFIES), and one of the possible rates fits the time since boot best.
pub(super) fn jiffies_per_second(jiffies: u64, monotonic_ns: u64) -> u32 {
    const RATES: [u32; 8] = [100, 250, 300, 1000, 24, 48, 512, 1024];
    let uptime = monotonic_ns as f64 / 1e9;
    let error = |hz: u32| {
        let begin = f64::from(u32::MAX) + 1.0 - 300.0 * f64::from(hz);
        ((jiffies as f64 - begin) / f64::from(hz) - uptime).abs()
    };
    RATES
        .into_iter()
        .min_by(|a, b| error(*a).total_cmp(&error(*b)))
        .unwrap_or(250)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tick_rate_at_any_uptime_is_found() {
        for hz in [100, 250, 300, 1000] {
            for uptime in [1_u64, 60, 86_400, 86_400 * 400] {
                let jiffies = (1 << 32) - 300 * u64::from(hz) + uptime * u64::from(hz);
                assert_eq!(
                    jiffies_per_second(jiffies, uptime * 1_000_000_000),
                    hz,
                    "after {uptime} s"
                );
            }
        }
    }
}
