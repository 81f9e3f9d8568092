//! Collects sessions from this host's kernel with BPF programs.

use std::time::Duration;

use crate::collector::Collector;
use crate::model::capture_filter::CaptureFilter;

mod bpf;
mod decode;
mod delta;
mod netns;
mod preflight;
mod process_names;
mod shared;

pub use netns::has_hidden_namespaces;

/// Configuration of the collector.
#[derive(Clone, Debug)]
pub struct CollectorConfig {
    /// Sessions that the kernel reports.
    pub capture: CaptureFilter,
    /// Interval between snapshots of the open sessions; `None`: no snapshots.
    pub interval: Option<Duration>,
    /// If true, ready only when the owners of the preexisting sessions are known, which takes a while if many are open.
    /// If false, ready as soon as nothing new is missed.
    pub scan_first: bool,
    /// Size of the ring buffer in bytes: a power of two, at least a page.
    pub ring_bytes: u32,
}

/// Starts to collect the sessions of this host. When it returns, no session that begins from now on is missed.
///
/// # Errors
/// [`preflight::StartError`] if the kernel does not allow it, with what would help.
pub fn start(config: CollectorConfig) -> anyhow::Result<Collector> {
    preflight::check()?;
    Collector::spawn("tcplife-bpf", move |tx, orders, ready| {
        bpf::run(&config, tx, orders, ready)
    })
}
