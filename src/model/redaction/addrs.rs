//! Addresses that stand for others and keep their prefixes: Crypto-PAn (Xu, Fan, Ammar and Moon, 2002), within classes.
//!
//! Each bit of an address is inverted or not, as AES decides from the bits before it, so that two addresses have as many
//! first bits in common as before. The bits that make an address private, link-local or of another class are kept; so are those that an
//! address of no class has in common with one of these, and the next one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};

/// Addresses with a meaning of their own.
pub struct Class {
    net: IpAddr,
    /// Number of bits of the network.
    bits: u32,
    /// True if its addresses say nothing about a host.
    is_kept: bool,
}

const fn v4(net: Ipv4Addr, bits: u32, is_kept: bool) -> Class {
    let net = IpAddr::V4(net);
    Class { net, bits, is_kept }
}

const fn v6(first: u16, bits: u32, is_kept: bool) -> Class {
    let net = IpAddr::V6(Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, 0));
    Class { net, bits, is_kept }
}

/// The classes: none has part of another.
pub const CLASSES: &[Class] = &[
    v4(Ipv4Addr::new(0, 0, 0, 0), 8, true),       // unspecified
    v4(Ipv4Addr::new(10, 0, 0, 0), 8, false),     // private
    v4(Ipv4Addr::new(100, 64, 0, 0), 10, false),  // shared
    v4(Ipv4Addr::new(127, 0, 0, 0), 8, true),     // loopback
    v4(Ipv4Addr::new(169, 254, 0, 0), 16, false), // link-local
    v4(Ipv4Addr::new(172, 16, 0, 0), 12, false),  // private
    v4(Ipv4Addr::new(192, 168, 0, 0), 16, false), // private
    v4(Ipv4Addr::new(224, 0, 0, 0), 4, true),     // multicast
    v4(Ipv4Addr::new(240, 0, 0, 0), 4, true),     // reserved, and broadcast
    v6(0, 127, true),                             // unspecified and loopback
    v6(0xfc00, 7, false),                         // unique local
    v6(0xfe80, 10, false),                        // link-local
    v6(0xff00, 8, true),                          // multicast
];

/// The map of a key.
pub struct AddrMap {
    cipher: Aes128,
    pad: u128,
    classes: &'static [Class],
}

/// An address at the beginning of 128 bits, and its length in bits.
fn bits(addr: IpAddr) -> (u128, u32) {
    match addr {
        IpAddr::V4(addr) => (u128::from(addr.to_bits()) << 96, 32),
        IpAddr::V6(addr) => (addr.to_bits(), 128),
    }
}

impl AddrMap {
    /// Creates a map. The key's halves are that of the cipher, and what the padding is made of.
    pub fn new(key: &[u8; 32], classes: &'static [Class]) -> Self {
        let (mut of_cipher, mut of_pad) = ([0; 16], [0; 16]);
        of_cipher.copy_from_slice(&key[..16]);
        of_pad.copy_from_slice(&key[16..]);
        let cipher = Aes128::new(&of_cipher.into());
        let pad = encrypted(&cipher, u128::from_be_bytes(of_pad));
        AddrMap {
            cipher,
            pad,
            classes,
        }
    }

    /// Returns the address that stands for this one.
    pub fn map(&self, addr: IpAddr) -> IpAddr {
        let (bits, width) = bits(addr);
        let mut mapped = bits;
        for at in self.kept_bits(addr)..width {
            let first = u128::MAX.checked_shl(128 - at).unwrap_or(0);
            let block = bits & first | self.pad & !first;
            let is_inverted = encrypted(&self.cipher, block) >> 127;
            mapped ^= is_inverted << (127 - at);
        }
        match addr {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from_bits((mapped >> 96) as u32)),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from_bits(mapped)),
        }
    }

    /// Number of first bits that must stay.
    fn kept_bits(&self, addr: IpAddr) -> u32 {
        let (addr_bits, width) = bits(addr);
        let mut most = 0;
        for class in self.classes {
            let (net, net_width) = bits(class.net);
            if net_width != width {
                continue;
            }
            let common = (addr_bits ^ net).leading_zeros();
            if common >= class.bits {
                return if class.is_kept { width } else { class.bits };
            }
            most = most.max(common + 1);
        }
        most
    }
}

fn encrypted(cipher: &Aes128, block: u128) -> u128 {
    let mut block = block.to_be_bytes().into();
    cipher.encrypt_block(&mut block);
    u128::from_be_bytes(block.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn addr(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn map_without_classes_is_crypto_pan() {
        let key = [
            21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16, 216, 152, 143,
            131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2,
        ];
        let map = AddrMap::new(&key, &[]);
        // vectors of its reference implementation
        for (from, to) in [
            ("128.11.68.132", "135.242.180.132"),
            ("129.118.74.4", "134.136.186.123"),
            ("130.132.252.244", "133.68.164.234"),
            ("141.223.7.43", "141.167.8.160"),
            ("152.163.225.39", "151.140.114.167"),
            ("192.102.249.13", "252.138.62.131"),
            ("199.217.79.101", "248.38.184.213"),
            ("205.178.38.67", "242.108.198.51"),
        ] {
            assert_eq!(map.map(addr(from)), addr(to), "{from}");
        }
    }

    /// Index of the class of an address.
    fn class(addr: IpAddr) -> Option<usize> {
        let (of, width) = bits(addr);
        CLASSES.iter().position(|class| {
            let (net, net_width) = bits(class.net);
            net_width == width && (of ^ net).leading_zeros() >= class.bits
        })
    }

    #[test]
    fn loopback_and_unspecified_stay_and_others_change_within_their_class() {
        let map = AddrMap::new(&[7; 32], CLASSES);
        for kept in [
            "127.0.0.1",
            "0.0.0.0",
            "::",
            "::1",
            "224.0.0.1",
            "255.255.255.255",
            "ff02::1",
        ] {
            assert_eq!(map.map(addr(kept)), addr(kept));
        }
        for (changed, begins) in [
            ("10.1.2.3", "10."),
            ("192.168.7.9", "192.168."),
            ("169.254.1.1", "169.254."),
            ("fe80::1:2:3", "fe80:"),
            ("fd12:3456::1", "fd"),
        ] {
            let mapped = map.map(addr(changed));
            assert_ne!(mapped, addr(changed));
            assert!(
                mapped.to_string().starts_with(begins) || changed.contains(':'),
                "{mapped}"
            );
            assert_eq!(class(mapped), class(addr(changed)), "{mapped}");
        }
    }

    proptest! {
        #[test]
        fn map_keeps_prefixes_and_classes(one: u128, differ: u128, shift in 0_u32..128, key: [u8; 32]) {
            let map = AddrMap::new(&key, CLASSES);
            // two addresses that have some first bits in common
            let other = one ^ differ.checked_shr(shift).unwrap_or(0);
            for make in [
                |bits: u128| IpAddr::V6(Ipv6Addr::from_bits(bits)),
                |bits: u128| IpAddr::V4(Ipv4Addr::from_bits((bits >> 96) as u32)),
            ] {
                let (a, b) = (make(one), make(other));
                let (to_a, to_b) = (map.map(a), map.map(b));
                let common = |x: IpAddr, y: IpAddr| (bits(x).0 ^ bits(y).0).leading_zeros();
                prop_assert_eq!(common(a, b), common(to_a, to_b), "{} {} {} {}", a, b, to_a, to_b);
                prop_assert_eq!(class(a), class(to_a), "{} {}", a, to_a);
            }
        }
    }
}
