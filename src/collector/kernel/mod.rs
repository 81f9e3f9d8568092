//! Collects sessions from this host's kernel with BPF programs.

use std::time::Duration;

use anyhow::Context;
use crossbeam_channel::bounded;

use crate::collector::Collector;
use crate::host::containers::Namer;
use crate::host::sandbox::{InForce, Sandbox};
use crate::model::capture_filter::CaptureFilter;

mod bpf;
mod decode;
mod delta;
mod drops;
mod features;
mod iterators;
mod listeners;
mod load;
mod netns;
mod preflight;
mod process_names;
mod reader;
mod shared;
mod skel;
mod snapshots;
mod write_watch;

pub use features::Features;
#[cfg(any(test, feature = "testing"))]
pub use features::{FileSocket, Walk};
pub use netns::{NamespaceScan, has_own_pids, limits};
pub use preflight::{BTF, Requirements, StartError};
pub use snapshots::SnapshotPart;

/// Configuration of the collector.
#[derive(Debug)]
pub struct CollectorConfig {
    /// Sessions that the kernel reports.
    pub capture: CaptureFilter,
    /// Interval between snapshots of the open sessions and of the host; `None`: no snapshots.
    pub interval: Option<Duration>,
    /// How much of a snapshot is read at once; `None`: as much as suits this kernel.
    pub part: Option<SnapshotPart>,
    /// Rights of the BPF programs to use, as far as this kernel permits them.
    pub at_most: Features,
    /// If true, ready only when the owners of the preexisting sessions are known, which takes a while if many are open.
    /// If false, ready as soon as nothing new is missed.
    pub scan_first: bool,
    /// Size of the ring buffer in bytes: a power of two, at least a page.
    pub ring_bytes: u32,
    /// Count the packets that the kernel drops.
    pub drops: bool,
    /// Rights that its thread gives up when the programs are attached.
    pub sandbox: Sandbox,
    /// The child that scans the other network namespaces, if there is one.
    pub namespaces: Option<NamespaceScan>,
    /// The child that reads names of containers.
    pub containers: Option<Namer>,
}

#[cfg(any(test, feature = "testing"))]
impl CollectorConfig {
    /// Everything, with a small ring, in a process that keeps all its rights.
    pub fn for_tests() -> Self {
        CollectorConfig {
            capture: CaptureFilter::default(),
            interval: None,
            part: None,
            at_most: Features::ALL,
            scan_first: true,
            ring_bytes: 1 << 16,
            drops: false,
            sandbox: Sandbox::off(),
            namespaces: None,
            containers: None,
        }
    }
}

/// Starts the child that scans the other network namespaces, if this process may enter them. Must precede any thread.
///
/// # Errors
/// If the kernel refuses a process.
pub fn prepare_namespaces() -> anyhow::Result<Option<NamespaceScan>> {
    NamespaceScan::prepare(iterators::run_iterator)
}

/// The collector's thread when it is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// Rights that it has given up.
    pub in_force: InForce,
    /// Snapshots find every open session. False where the kernel refuses iterators over maps: then they do not find the
    /// sockets in other network namespaces that no process holds.
    pub finds_all: bool,
}

/// Starts to collect the sessions of this host. When it returns, no session that begins from now on is missed, and the
/// collector's thread has given up what the sandbox takes.
///
/// # Errors
/// [`preflight::StartError`] if the kernel does not allow it, with what would help.
pub fn start(config: CollectorConfig) -> anyhow::Result<(Collector, Started)> {
    preflight::check()?;
    let (tx, reports) = bounded(1);
    let collector = Collector::spawn("tcplife-bpf", move |batches, orders, ready| {
        let report = |started| {
            // the channel has room for it
            let _ = tx.try_send(started);
            ready();
        };
        bpf::run(config, batches, orders, &report)
    })?;
    let started = reports
        .try_recv()
        .context("the collector did not say how it has started")?;
    Ok((collector, started))
}
