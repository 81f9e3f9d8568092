//! Names of network interfaces by index, in the network namespace of this program.

use std::os::fd::OwnedFd;

use rustc_hash::FxHashMap;
use rustix::net::netdevice::{index_to_name, name_to_index};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::host::proc::Process;
use crate::model::interface::Interface;
use crate::text::sanitize::sanitize;

/// A name is looked up again after this time, in ns: an interface may be renamed.
const FRESH_NS: u64 = 1_000_000_000;
/// Maximum number of names remembered.
const MOST: usize = 4096;

/// Interfaces of a network namespace. The default knows none.
#[derive(Debug, Default)]
pub struct Interfaces {
    /// Inode number of the namespace; 0: a kernel without namespaces.
    netns: u64,
    /// A socket in it, to ask for names.
    socket: Option<OwnedFd>,
    known: FxHashMap<u32, Known>,
}

#[derive(Debug)]
struct Known {
    interface: Interface,
    looked_up_ns: u64,
}

/// Returns the index of an interface of this thread's network namespace.
pub fn index_of(name: &str) -> Option<u32> {
    name_to_index(any_socket()?, name).ok()
}

/// A socket, to ask about interfaces.
fn any_socket() -> Option<OwnedFd> {
    let (family, kind) = (AddressFamily::UNIX, SocketType::DGRAM);
    socket_with(family, kind, SocketFlags::CLOEXEC, None).ok()
}

impl Interfaces {
    /// Interfaces of the namespace that the calling thread is in.
    pub fn of_this_namespace() -> Self {
        let netns = Process::own_thread().net_namespace_inode();
        Interfaces {
            netns: netns.unwrap_or(0),
            socket: any_socket(),
            known: FxHashMap::default(),
        }
    }

    /// Returns the interface with that index in a namespace, as seen at `now_ns`. The same index is another interface in
    /// another namespace, so there it has no name.
    pub fn get(&mut self, netns: u32, index: u32, now_ns: u64) -> Interface {
        if index == 0 {
            return Interface::default();
        }
        if u64::from(netns) != self.netns {
            return Interface::new(&index.to_string());
        }
        let known = self.known.get(&index);
        if let Some(known) = known.filter(|k| now_ns < k.looked_up_ns + FRESH_NS) {
            return known.interface;
        }
        let name = self.socket.as_ref();
        let name = name.and_then(|socket| index_to_name(socket, index).ok());
        let interface = match (name, known) {
            (Some(name), _) => Interface::new(&sanitize(&name)),
            // it is gone: its last name is the best one
            (None, Some(known)) => known.interface,
            (None, None) => Interface::new(&index.to_string()),
        };
        if self.known.len() >= MOST {
            self.known.clear();
        }
        let looked_up_ns = now_ns;
        let known = Known {
            interface,
            looked_up_ns,
        };
        self.known.insert(index, known);
        interface
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interface_has_a_name_only_in_our_own_namespace() {
        let mut interfaces = Interfaces::of_this_namespace();
        let Ok(own) = u32::try_from(interfaces.netns) else {
            panic!("{}", interfaces.netns);
        };
        let mut name = |netns, index| interfaces.get(netns, index, 0).name();
        // the first interface of every namespace
        assert_eq!(name(own, 1), Some("lo"));
        assert_eq!(name(own ^ 1, 1), Some("1"));
        assert_eq!(name(own, 0), None);
        assert_eq!(name(own, u32::MAX >> 1), Some("2147483647"));
    }

    #[test]
    fn interface_that_is_gone_keeps_its_name() {
        let mut interfaces = Interfaces::of_this_namespace();
        let own = interfaces.netns as u32;
        assert_eq!(interfaces.get(own, 1, 0).name(), Some("lo"));
        interfaces.socket = None;
        assert_eq!(interfaces.get(own, 1, 5 * FRESH_NS).name(), Some("lo"));
        assert_eq!(interfaces.get(own, 7, 5 * FRESH_NS).name(), Some("7"));
    }
}
