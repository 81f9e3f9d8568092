//! Finds the network namespaces of this host and runs code inside each, on a thread of its own, so that nothing else
//! ever runs in a foreign namespace.

use std::collections::HashSet;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use anyhow::Context;
use rustix::thread::{CapabilitySet, LinkNameSpaceType, move_into_link_name_space};

use crate::host::child::{self, Child};
use crate::host::privileges::{give_up, has};
use crate::host::proc::{Mount, Process};
use crate::host::thread;

/// Where network namespaces are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// Among those of processes, and among the mounts.
    Processes,
    /// Also among those of single threads, and among open descriptors.
    Everywhere,
}

impl Search {
    /// The request to the child for it.
    fn request(self) -> &'static [u8] {
        match self {
            Search::Processes => b"processes",
            Search::Everywhere => b"everywhere",
        }
    }
}

/// A child that may enter other network namespaces, until it has run one iterator in each of them: the main process has
/// given up that right by then.
#[derive(Debug)]
pub struct NamespaceScan(Child);

impl NamespaceScan {
    /// Starts the child; `None`: this process has no right that it could keep. Must be called while this process has a
    /// single thread. `run` is to run the iterator of that link.
    ///
    /// # Errors
    /// If the kernel refuses a process.
    pub fn prepare(run: fn(BorrowedFd<'_>) -> anyhow::Result<()>) -> anyhow::Result<Option<Self>> {
        if !may_enter() {
            return Ok(None);
        }
        // the last two are needed to open the namespaces of other users' processes
        let kept =
            CapabilitySet::SYS_ADMIN | CapabilitySet::SYS_PTRACE | CapabilitySet::DAC_READ_SEARCH;
        let child = child::fork(c"tcplife-netns", |socket| {
            // without a link, the main process has ended
            if let Ok(Some((search, Some(link)))) = child::receive(socket.as_fd()) {
                let search = match search == Search::Everywhere.request() {
                    true => Search::Everywhere,
                    false => Search::Processes,
                };
                let result = give_up(None, kept).map_err(anyhow::Error::from);
                let result = result.and_then(|()| in_each(search, || run(link.as_fd())));
                // if the main process is gone, nobody needs to know
                child::report(&socket, result);
            }
        })?;
        Ok(Some(NamespaceScan(child)))
    }

    /// Has the iterator of that link run in each namespace, and waits for it.
    ///
    /// # Errors
    /// If the child could not run it.
    pub(super) fn run(self, link: BorrowedFd<'_>, search: Search) -> anyhow::Result<()> {
        let running = "cannot scan the other network namespaces";
        child::send(self.0.socket.as_fd(), search.request(), Some(link)).context(running)?;
        self.0.wait_for_report().context(running)
    }
}

/// True if this process may enter other namespaces.
fn may_enter() -> bool {
    has(CapabilitySet::SYS_ADMIN)
}

/// Calls `visit` in this thread's namespace, and in every other that can be found and entered.
///
/// Entering takes CAP_SYS_ADMIN. Without it the others are left out: sessions there are still shown if a process has
/// them open, and when they close.
///
/// # Errors
/// If `visit` fails in this thread's own namespace; errors in other namespaces are ignored, as these may be
/// disappearing.
pub(super) fn in_each(
    search: Search,
    visit: impl Fn() -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    visit()?;
    let others: Vec<File> = others(search)
        .filter_map(|path| File::open(path).ok())
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    std::thread::scope(|scope| {
        let visits = std::thread::Builder::new()
            .name("tcplife-netns".into())
            .spawn_scoped(scope, || {
                for namespace in &others {
                    let kind = Some(LinkNameSpaceType::Network);
                    // to walk the sockets takes as long in a namespace without any
                    let has_sockets = || Process::own_thread().tcp_sockets() != Some(0);
                    if move_into_link_name_space(namespace.as_fd(), kind).is_ok() && has_sockets() {
                        // it may be disappearing
                        let _ = visit();
                    }
                }
            })
            .map_err(thread::refused)
            .context("cannot start a thread to enter the network namespaces")?;
        visits.join().map_err(|_| {
            anyhow::anyhow!("the thread that enters the network namespaces panicked; this is a bug")
        })
    })
}

/// Inode number of the host's PID namespace: a constant of the kernel (include/linux/proc_ns.h, PROC_PID_INIT_INO).
const HOST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// Says which sessions and owners this process cannot find, as far as it can see; `None`: it finds all.
pub fn limits() -> Option<&'static str> {
    let is_hidden = |process: Process| process.net_namespace_inode().is_none();
    // with the host's /proc, the host's PIDs are shown
    if has_own_pids() && Process::own().status().pid_namespaces == 1 {
        Some(
            "in this container, sessions from before the start have no owners, and others no PIDs: start it with --pid=host",
        )
    } else if !may_enter()
        && (others(Search::Processes).next().is_some() || Process::all().any(is_hidden))
    {
        Some(
            "without CAP_SYS_ADMIN, sessions in other network namespaces that no process has open are not shown",
        )
    } else {
        None
    }
}

/// True if the process ids of this process are not those of the host, as in a container.
pub fn has_own_pids() -> bool {
    let inode = Process::own().pid_namespace_inode();
    inode.is_some_and(|inode| inode != HOST_PID_NAMESPACE)
}

/// Iterates over the namespaces that can be found, each once, without this thread's.
fn others(search: Search) -> impl Iterator<Item = PathBuf> {
    let mut seen = HashSet::new();
    seen.extend(id_of(Process::own_thread().net_namespace()));
    let processes = Process::all().map(|process| process.net_namespace());
    let more = match search {
        Search::Processes => None,
        Search::Everywhere => Some(Process::all().flat_map(|process| {
            let threads = process.threads().map(|thread| thread.net_namespace());
            threads.chain(process.open_net_namespaces())
        })),
    };
    processes
        .chain(more.into_iter().flatten())
        .chain(mounted(Process::own().mounts()))
        .filter(move |path| id_of(path.clone()).is_some_and(|id| seen.insert(id)))
}

/// Device and inode number, which identify a namespace.
fn id_of(path: PathBuf) -> Option<(u64, u64)> {
    let stat = rustix::fs::stat(&path).ok()?;
    Some((stat.st_dev, stat.st_ino))
}

/// Returns the namespaces that `ip netns add` and container runtimes keep by a mount, with or without a process.
fn mounted(mounts: Vec<Mount>) -> Vec<PathBuf> {
    let namespaces = mounts.into_iter().filter(|m| m.root.starts_with("net:["));
    namespaces.map(|m| m.point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_namespaces_are_found_among_the_mounts() {
        let mounts = b"\
22 1 259:0 / / rw,relatime - ext4 /dev/vda rw
91 22 0:4 net:[4026532177] /run/netns/blue rw shared:12 - nsfs nsfs rw
92 22 0:4 mnt:[4026532178] /run/snapd/ns/x.mnt rw - nsfs nsfs rw
93 22 0:4 net:[4026532179] /run/netns/a\\040b rw shared:13 - nsfs nsfs rw
";
        assert_eq!(
            mounted(Mount::parse_all(mounts)),
            [PathBuf::from("/run/netns/blue"), "/run/netns/a b".into()]
        );
        assert_eq!(
            mounted(Mount::parse_all(b"nonsense\n\n")),
            [] as [PathBuf; 0]
        );
    }

    #[test]
    fn in_each_visits_the_current_namespace_first_and_each_once() {
        let own = id_of(Process::own_thread().net_namespace());
        let seen = std::sync::Mutex::new(Vec::new());
        in_each(Search::Everywhere, || {
            let here = id_of(Process::own_thread().net_namespace());
            seen.lock().expect("no panic").push(here);
            Ok(())
        })
        .expect("looked");
        let seen = seen.into_inner().expect("no panic");
        assert_eq!(seen[0], own);
        let distinct: HashSet<_> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len(), "each once");
    }
}
