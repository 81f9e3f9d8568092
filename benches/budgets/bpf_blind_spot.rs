//! Counts state changes of sessions for which the kernel runs no BPF program at all.
//!
//! Some kernels run none while the current task belongs to process 1, such as those of some micro-VMs, whose process
//! 1 is the host's agent. Softirq work on top of it is then invisible to every BPF tool; ftrace does see it and
//! counts it here. A session with such a state change may be missing, so the count is the noise of missed sessions.
//! Where programs do run in process 1, it is a handful.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::churn::PORT;

/// The ends whose state changes count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    Both,
    Servers,
}

/// Counts until dropped.
pub(crate) struct Blind(PathBuf);

impl Blind {
    /// Starts counting. The filter tests the task first, as it hardly ever matches.
    pub(crate) fn count(ends: Ends) -> anyhow::Result<Self> {
        let instance = format!("instances/tcplife-bench-{}", std::process::id());
        let instance = Path::new("/sys/kernel/tracing").join(instance);
        fs::create_dir(&instance).with_context(|| format!("cannot make {}", instance.display()))?;
        let blind = Blind(instance);
        let mut tasks = Vec::new();
        for task in fs::read_dir("/proc/1/task")? {
            tasks.push(format!("common_pid=={}", task?.file_name().display()));
        }
        let port = match ends {
            Ends::Both => format!("(sport=={PORT}||dport=={PORT})"),
            Ends::Servers => format!("sport=={PORT}"),
        };
        let filter = format!("({})&&{port}", tasks.join("||"));
        let event = blind.0.join("events/sock/inet_sock_set_state");
        fs::write(event.join("filter"), &filter)
            .with_context(|| format!("ftrace does not take the filter {filter}"))?;
        fs::write(event.join("enable"), "1").context("cannot enable the tracepoint")?;
        Ok(blind)
    }

    /// The count so far.
    pub(crate) fn missed(&self) -> anyhow::Result<u64> {
        let mut sum = 0;
        for cpu in fs::read_dir(self.0.join("per_cpu"))? {
            let stats = fs::read_to_string(cpu?.path().join("stats"))?;
            let counted = ["entries: ", "overrun: "].map(|name| {
                let figure = stats.lines().find_map(|l| l.strip_prefix(name));
                figure.and_then(|f| f.trim().parse::<u64>().ok())
            });
            sum += counted.into_iter().flatten().sum::<u64>();
        }
        Ok(sum)
    }
}

impl Drop for Blind {
    fn drop(&mut self) {
        // a trace left running would only cost time
        let _ = fs::write(self.0.join("events/enable"), "0");
        let _ = fs::remove_dir(&self.0);
    }
}
