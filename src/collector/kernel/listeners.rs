//! Reads the listening sockets: the kernel side keeps one entry for each, and fills in its figures on demand.

use anyhow::Context as _;
use libbpf_rs::{Btf, Link, MapMut};
use rustc_hash::FxHashSet;

use crate::collector::kernel::decode::{DecodeContext, addr, millis};
use crate::collector::kernel::iterators::{read_map, walk_silent};
use crate::collector::kernel::load::has_function;
use crate::collector::kernel::shared::SharedState;
use crate::collector::kernel::skel::types;
use crate::host::proc::Process;
use crate::model::listener::Listener;
use crate::model::session::Comm;

/// True if programs can walk a map: from Linux 5.13 on.
pub(super) fn can_walk_maps(types: &Btf<'_>) -> bool {
    has_function(types, "bpf_for_each_map_elem")
}

/// The map of the listeners, and the iterator that fills in their figures.
pub(super) struct Listeners<'a> {
    /// `None`: the kernel cannot run it.
    pub(super) link: Option<&'a Link>,
    pub(super) map: &'a MapMut<'a>,
    pub(super) variables: &'a SharedState<'a>,
}

impl Listeners<'_> {
    /// Returns all listening sockets as they are now; `None`: this kernel does not tell.
    pub(super) fn read(
        &self,
        context: &mut DecodeContext,
        now_ns: u64,
    ) -> anyhow::Result<Option<Vec<Listener>>> {
        let Some(link) = self.link else {
            return Ok(None);
        };
        let round = self.variables.begin_listener_round();
        walk_silent(link).context("cannot read the figures of the listening sockets")?;
        let mut found = Vec::new();
        read_map(self.map, &mut |_, bytes| {
            if let Ok(entry) = bytemuck::try_pod_read_unaligned::<types::listener>(bytes)
                // others are gone, and the kernel side was not run when they closed
                && entry.round == round
            {
                found.push(decode(&entry, context, now_ns));
            }
        })
        .context("cannot read the listening sockets")?;
        Ok(Some(found))
    }
}

/// Listeners whose owners have exited: the parent of a daemon, which listens and goes on in a child.
#[derive(Debug, Default)]
pub(super) struct GoneOwners {
    /// The process that was looked at last: the next call continues after it.
    last: u32,
    /// Listeners for which another owner has been looked for, by cookie.
    tried: FxHashSet<u64>,
}

impl GoneOwners {
    /// Processes looked at in one call: bounds the cost on a host with many.
    const AT_ONCE: usize = 8;

    /// Returns a process that listens and has exited, if it is among the next few; each of its listeners makes it so
    /// only once.
    pub(super) fn next(&mut self, listeners: &[Listener]) -> Option<u32> {
        let is_new = |l: &&Listener| l.pid != 0 && !self.tried.contains(&l.cookie);
        let mut pids: Vec<u32> = listeners.iter().filter(is_new).map(|l| l.pid).collect();
        pids.sort_unstable_by_key(|pid| (*pid <= self.last, *pid));
        pids.dedup();
        pids.truncate(GoneOwners::AT_ONCE);
        // a /proc that hides other processes (hidepid) hides the first one, too, and does not tell
        let tells = Process::new(1).stat().is_some();
        let has_exited = |pid: &&u32| tells && Process::new(**pid).stat().is_none();
        let gone = pids.iter().find(has_exited).copied();
        self.last = gone.or(pids.last().copied()).unwrap_or(0);
        let gone = gone?;
        // those that have closed are forgotten
        let cookies = listeners.iter().map(|l| l.cookie);
        let known: FxHashSet<u64> = cookies.collect();
        self.tried.retain(|cookie| known.contains(cookie));
        let its = listeners.iter().filter(|l| l.pid == gone);
        self.tried.extend(its.map(|l| l.cookie));
        Some(gone)
    }
}

fn decode(entry: &types::listener, context: &mut DecodeContext, now_ns: u64) -> Listener {
    let waited_ns = u64::from(millis(entry.waited.into(), context.hz)) * 1_000_000;
    Listener {
        cookie: entry.cookie,
        netns: entry.netns,
        interface: context.interfaces.get(entry.netns, entry.interface, now_ns),
        addr: addr(entry.ip, entry.addr),
        port: entry.port,
        v6_only: entry.v6_only != 0,
        pid: entry.owner.pid,
        comm: Comm::new(entry.owner.comm),
        uid: entry.uid,
        queue: entry.queue,
        queue_limit: entry.queue_limit,
        half_open: entry.half_open,
        drops: entry.drops.into(),
        established: entry.established,
        group_size: entry.group_size,
        waiting_since_ns: (entry.waits != 0 && entry.queue > 0)
            .then(|| now_ns.saturating_sub(waited_ns)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::listener;

    #[test]
    fn gone_owner_is_reported_once_for_each_listener() {
        let here = std::process::id();
        // more than the kernel ever gives
        let at = |cookie, pid| Listener {
            cookie,
            pid,
            ..listener()
        };
        let mut gone = GoneOwners::default();
        let mut all = vec![at(1, here), at(2, u32::MAX), at(3, u32::MAX), at(4, 0)];
        assert_eq!(gone.next(&all), Some(u32::MAX));
        assert_eq!(gone.next(&all), None);
        all.push(at(5, u32::MAX));
        assert_eq!(gone.next(&all), Some(u32::MAX));
        // many others do not hide it
        let mut many: Vec<Listener> = (0..100).map(|i| at(100 + i, here)).collect();
        many.extend((0..30).map(|i| at(300 + i, u32::MAX - 30 + i as u32)));
        let found = (0..40).filter_map(|_| gone.next(&many));
        assert_eq!(found.count(), 30);
    }
}
