//! Redaction: sessions in which everything that names somebody is replaced by something that stands for it.
//!
//! [`FIELDS`] says what is done with each field. With the same key, the same things are replaced by the same ones. Nothing that is
//! written tells the key.

use std::net::IpAddr;
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use rustc_hash::FxHashMap;
use sha2::{Digest as _, Sha256};

use crate::model::cgroup::Cgroup;
use crate::model::fields::{CgroupDraft, Draft, FIELDS};
use crate::model::recording::Header;
use crate::model::redaction::addrs::{AddrMap, CLASSES};
use crate::model::session::Session;

mod addrs;
mod cgroup_path;

/// Redaction of a field.
#[derive(Clone, Copy)]
pub enum Redact {
    /// Kept: it names nobody.
    Keep,
    /// It follows from other fields.
    Follow,
    /// Replaced by something that stands for it.
    Replace(fn(&mut Draft, &mut Redactor)),
}

/// Maximum number of addresses and groups that are kept.
const MOST_KNOWN: usize = 1 << 16;
/// Replaced user ids begin here: no host has such users.
const FIRST_USER: u32 = 1 << 30;

/// Replaces what names somebody.
pub struct Redactor {
    mac: Hmac<Sha256>,
    addrs: AddrMap,
    known: FxHashMap<IpAddr, IpAddr>,
    groups: FxHashMap<CgroupDraft, Arc<Cgroup>>,
}

impl std::fmt::Debug for Redactor {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

impl Redactor {
    /// Minimum length of a key, bytes.
    pub const SHORTEST_KEY: usize = 16;

    /// Creates a redactor with this key.
    pub fn new(key: &[u8]) -> Self {
        let mut block = [0; 64];
        block[..32].copy_from_slice(&Sha256::digest(key));
        let mac = Hmac::<Sha256>::new(&block.into());
        let key = of(&mac, "key of addresses", "");
        Redactor {
            mac,
            addrs: AddrMap::new(&key, CLASSES),
            known: FxHashMap::default(),
            groups: FxHashMap::default(),
        }
    }

    /// Redacts a session.
    pub fn session(&mut self, session: Session) -> Session {
        let mut draft = Draft::of(session);
        for field in FIELDS {
            if let Redact::Replace(replace) = field.redact {
                replace(&mut draft, self);
            }
        }
        draft.finish(|group| {
            if self.groups.len() >= MOST_KNOWN {
                self.groups.clear();
            }
            let group = self.groups.entry(group);
            Arc::clone(group.or_insert_with_key(|draft| Arc::new(draft.clone().into())))
        })
    }

    /// Redacts the origin of a recording. The version of the kernel is kept without what its builder has added.
    pub fn header(&self, header: Header) -> Header {
        let is_version = |c: char| c.is_ascii_digit() || c == '.';
        let kernel = header.kernel.split(|c| !is_version(c)).next();
        let hidden = |text: &str| match text {
            "" => String::new(),
            _ => "redacted".into(),
        };
        Header {
            host: self.name("host", &header.host),
            boot_id: self.name("boot", &header.boot_id),
            kernel: kernel.unwrap_or_default().to_owned(),
            command: hidden(&header.command),
            capture: hidden(&header.capture),
            cut: header.cut,
            version: header.version,
        }
    }

    /// Returns the address that stands for this one. Addresses that have their first bits in common still have as many in
    /// common.
    pub fn addr(&mut self, addr: IpAddr) -> IpAddr {
        if self.known.len() >= MOST_KNOWN {
            self.known.clear();
        }
        let addrs = &self.addrs;
        *self.known.entry(addr).or_insert_with(|| addrs.map(addr))
    }

    /// Returns the name that stands for this one: the prefix and eight digits.
    pub fn name(&self, prefix: &str, name: &str) -> String {
        if name.is_empty() {
            return String::new();
        }
        let [a, b, c, d, ..] = of(&self.mac, prefix, name);
        format!("{prefix}-{:08x}", u32::from_be_bytes([a, b, c, d]))
    }

    /// Replaces a name of a container or of something around it, if there is one.
    pub fn replace_name(&self, name: &mut Option<String>) {
        if let Some(name) = name {
            *name = self.name("n", name);
        }
    }

    /// Returns the user that stands for this one. Root stays root.
    pub fn user(&self, uid: u32) -> u32 {
        if uid == 0 {
            return 0;
        }
        let [a, b, c, d, ..] = of(&self.mac, "user", &uid.to_string());
        FIRST_USER | u32::from_be_bytes([a, b, c, d]) >> 2
    }

    /// Returns the path of a control group that stands for this one: what it says about runtimes and kinds of units stays.
    pub fn cgroup_path(&self, path: &str) -> String {
        cgroup_path::redact(path, self)
    }

    /// Returns hexadecimal digits in the place of others, of which there may be 64.
    fn hex(&self, id: &str) -> String {
        let digits: String = id.chars().filter(char::is_ascii_hexdigit).collect();
        let bytes = of(&self.mac, "id", &digits.to_ascii_lowercase());
        let mut new = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let digit = |n: u8| char::from_digit(n.into(), 16);
        let digits = id.chars().map(|c| match c.is_ascii_hexdigit() {
            true => new.next().and_then(digit).unwrap_or('0'),
            false => c,
        });
        digits.collect()
    }
}

/// Returns bytes that stand for a text. The same text of another kind has others.
fn of(mac: &Hmac<Sha256>, kind: &str, text: &str) -> [u8; 32] {
    let mut mac = mac.clone();
    mac.update(kind.as_bytes());
    mac.update(&[0]);
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::Value;
    use crate::testing::sample::{Numbers, any_session};

    #[test]
    fn redaction_has_the_same_result_with_the_same_key_only() {
        let mut numbers = Numbers::from(1);
        let [mut one, mut same, mut other] = [
            b"0123456789abcdef",
            b"0123456789abcdef",
            b"0123456789abcdeg",
        ]
        .map(|key| Redactor::new(key));
        let (mut count, mut differ) = (0, 0);
        for cookie in 0..500 {
            let session = any_session(&mut numbers, cookie, crate::model::session::State::Closed);
            let redacted = one.session(session.clone());
            assert_eq!(redacted, same.session(session.clone()));
            count += 1;
            differ += usize::from(redacted != other.session(session));
        }
        assert!(differ > count * 9 / 10, "{differ}");
    }

    #[test]
    fn redaction_keeps_every_value_that_is_kept_and_replaces_texts() {
        let mut numbers = Numbers::from(2);
        let mut redactor = Redactor::new(b"0123456789abcdef");
        for cookie in 0..500 {
            let session = any_session(&mut numbers, cookie, crate::model::session::State::Closed);
            let redacted = redactor.session(session.clone());
            for field in FIELDS {
                let (before, after) = ((field.get)(&session), (field.get)(&redacted));
                match (field.redact, before) {
                    (Redact::Keep, _) => assert_eq!(before, after, "{}", field.word),
                    (Redact::Replace(_), Value::Text(text)) if !["", "/", "lo"].contains(&text) => {
                        assert_ne!(before, after, "{}", field.word);
                    }
                    _ => {}
                }
                let is_missing = [before, after].map(|value| value == Value::Missing);
                assert_eq!(is_missing[0], is_missing[1], "{}", field.word);
            }
        }
    }

    #[test]
    fn redacted_header_says_nothing_about_the_host() {
        let header = Header {
            version: "0.1.0".into(),
            host: "db-1.example.com".into(),
            boot_id: "2d053da9".into(),
            kernel: "6.18.3-acme".into(),
            command: "tcplife -p 77".into(),
            capture: "pid 77".into(),
            cut: "from 03:12".into(),
        };
        let redacted = Redactor::new(b"0123456789abcdef").header(header);
        assert_eq!(
            (&*redacted.kernel, &*redacted.command, &*redacted.capture),
            ("6.18.3", "redacted", "redacted")
        );
        assert!(redacted.host.starts_with("host-") && redacted.boot_id.starts_with("boot-"));
    }
}
