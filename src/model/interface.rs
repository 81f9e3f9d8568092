//! Network interfaces that sockets are bound to, and addresses that mean something on one interface only.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::LazyLock;

use crate::model::name_table::NameTable;

/// An interface, by its name, or where that is not known by its index. The default is none.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interface(u16);

static NAMES: LazyLock<NameTable> = LazyLock::new(NameTable::default);

impl Interface {
    /// Returns the interface of that name; empty: none.
    pub fn new(name: &str) -> Self {
        Interface(NAMES.number(name))
    }

    /// Its name or index; `None` for no interface.
    pub fn name(self) -> Option<&'static str> {
        NAMES.name(self.0)
    }

    /// Its number in this process, and in no other.
    pub fn code(self) -> u16 {
        self.0
    }

    /// Takes a number that [`Interface::code`] returned in this process.
    pub fn from_code(code: u16) -> Self {
        Interface(code)
    }
}

impl fmt::Debug for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Interface({:?})", self.name())
    }
}

/// An address, with its zone (RFC 4007) if it is link-local: each link of a host may have the same address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ZonedAddr {
    pub addr: IpAddr,
    /// Its zone; none for other addresses.
    pub zone: Interface,
}

impl Hash for ZonedAddr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(bits(self.addr));
        self.zone.hash(state);
    }
}

/// An address as a number, to be hashed: of IPv4 as it is mapped to IPv6.
pub fn bits(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(addr) => addr.to_ipv6_mapped().to_bits(),
        IpAddr::V6(addr) => addr.to_bits(),
    }
}

impl ZonedAddr {
    /// Creates the address of a socket that is bound to this interface.
    pub fn new(addr: IpAddr, interface: Interface) -> Self {
        let has_zone = matches!(addr, IpAddr::V6(a) if a.is_unicast_link_local());
        let zone = if has_zone {
            interface
        } else {
            Interface::default()
        };
        ZonedAddr { addr, zone }
    }

    /// Formats it with a port: `10.0.0.1:80`, `[fe80::1%eth1]:80`.
    pub fn with_port(self, port: u16) -> String {
        match self.addr {
            IpAddr::V4(_) => format!("{self}:{port}"),
            IpAddr::V6(_) => format!("[{self}]:{port}"),
        }
    }
}

impl fmt::Display for ZonedAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.zone.name() {
            Some(name) => write!(f, "{}%{name}", self.addr),
            None => write!(f, "{}", self.addr),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zoned_addr_has_a_zone_only_if_it_is_link_local() {
        let eth1 = Interface::new("eth1");
        for (addr, text, end) in [
            ("fe80::1", "fe80::1%eth1", "[fe80::1%eth1]:80"),
            ("2001:db8::1", "2001:db8::1", "[2001:db8::1]:80"),
            ("::1", "::1", "[::1]:80"),
            ("169.254.0.1", "169.254.0.1", "169.254.0.1:80"),
        ] {
            let zoned = ZonedAddr::new(addr.parse().expect(addr), eth1);
            assert_eq!(zoned.to_string(), text);
            assert_eq!(zoned.with_port(80), end);
        }
        let unbound = ZonedAddr::new("fe80::1".parse().expect("it"), Interface::default());
        assert_eq!(unbound.to_string(), "fe80::1");
    }
}
