//! Reads the listening sockets: the kernel side keeps one entry for each, and fills in its figures on demand.

use anyhow::Context as _;
use libbpf_rs::{Btf, Link, MapMut};

use crate::collector::kernel::decode::{DecodeContext, addr, millis};
use crate::collector::kernel::iterators::{read_map, walk_silent};
use crate::collector::kernel::shared::SharedState;
use crate::collector::kernel::skel::types;
use crate::model::listener::Listener;
use crate::model::session::Comm;

/// True if programs can walk a map: from Linux 5.13 on.
pub(super) fn can_walk_maps(types: &Btf<'_>) -> bool {
    let helper = "bpf_for_each_map_elem";
    types
        .type_by_name::<libbpf_rs::btf::types::Func<'_>>(helper)
        .is_some()
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
