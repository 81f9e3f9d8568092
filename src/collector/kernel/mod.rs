//! Sessions from this host's kernel, by BPF programs.

use std::time::Duration;

use crate::collector::Collector;
use crate::model::capture_filter::CaptureFilter;

mod bpf;
mod decode;
mod delta;
mod netns;
mod preflight;
mod shared;

/// What the collector is to do.
#[derive(Clone, Debug)]
pub struct CollectorConfig {
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

/// Starts to collect the sessions of this host. When it returns, no session that begins from now on is missed.
///
/// # Errors
/// [`preflight::StartError`] if the kernel does not let it, with what would help.
pub fn start(config: CollectorConfig) -> anyhow::Result<Collector> {
    preflight::check()?;
    Collector::spawn("tcplife-bpf", move |tx, orders, ready| {
        bpf::run(&config, tx, orders, ready)
    })
}
