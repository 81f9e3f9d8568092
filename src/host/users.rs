//! User names from /etc/passwd.
//!
//! The file is read here instead of by the C library, which would load the host's name services into a binary that may
//! be linked statically, and ask the network. Users known only there can be given by number.

use std::collections::HashMap;
use std::path::Path;
use std::sync::LazyLock;

use crate::host::bounded_file::read_regular;
use crate::text::sanitize::sanitize;

const FILE: &str = "/etc/passwd";
/// Maximum size of the file: hundreds of thousands of users.
const LARGEST: u64 = 32 << 20;

/// An entry of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    /// Home directory.
    pub home: String,
}

/// Returns the account of a user id.
pub fn account_of(uid: u32) -> Option<Account> {
    accounts(&passwd()).find(|account| account.uid == uid)
}

/// Returns the account of a user name.
pub fn account_named(name: &str) -> Option<Account> {
    accounts(&passwd()).find(|account| account.name == name)
}

/// Returns the id of a user name.
pub fn uid_of(name: &str) -> Option<u32> {
    find_uid(&passwd(), name)
}

/// Returns the name of a user id.
pub fn name_of(uid: u32) -> Option<String> {
    find_name(&passwd(), uid)
}

/// Like [`name_of`], but reads the file once: for a table that is redrawn many times per second.
pub fn known_name(uid: u32) -> Option<&'static str> {
    static NAMES: LazyLock<HashMap<u32, String>> = LazyLock::new(|| {
        let mut names = HashMap::new();
        for (name, uid) in entries(&passwd()) {
            names.entry(uid).or_insert_with(|| sanitize(name));
        }
        names
    });
    NAMES.get(&uid).map(String::as_str)
}

fn find_uid(passwd: &str, name: &str) -> Option<u32> {
    let mut users = entries(passwd);
    users.find(|(user, _)| *user == name).map(|(_, uid)| uid)
}

fn find_name(passwd: &str, uid: u32) -> Option<String> {
    let mut users = entries(passwd);
    users
        .find(|(_, id)| *id == uid)
        .map(|(name, _)| sanitize(name))
}

/// Returns the file's contents; empty if it cannot be read.
fn passwd() -> String {
    let bytes = read_regular(Path::new(FILE), LARGEST).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Iterates over the names and ids of the users.
fn entries(passwd: &str) -> impl Iterator<Item = (&str, u32)> {
    passwd.lines().filter_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next().filter(|name| !name.is_empty())?;
        let uid = parts.nth(1)?.parse().ok()?;
        Some((name, uid))
    })
}

/// Iterates over the accounts, without those that lack a part.
fn accounts(passwd: &str) -> impl Iterator<Item = Account> {
    passwd.lines().filter_map(|line| {
        let parts: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, home, ..] = parts.as_slice() else {
            return None;
        };
        Some(Account {
            name: sanitize(name),
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            home: (*home).to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_is_found_by_name_and_by_uid() {
        let passwd =
            "root:x:0:0:root:/root:/bin/sh\n\nbad\n:x:7:\nalice:x:1000:1000::/:\nbob:x:no\n";
        assert_eq!(find_uid(passwd, "root"), Some(0));
        assert_eq!(find_uid(passwd, "alice"), Some(1000));
        assert_eq!(find_name(passwd, 1000).as_deref(), Some("alice"));
        assert_eq!(find_name(passwd, 7), None);
        for name in ["bob", "bad", "", "eve", "x"] {
            assert_eq!(find_uid(passwd, name), None, "{name}");
        }
    }

    #[test]
    fn account_has_its_group_and_home_directory() {
        let passwd = "bad:x:1\nalice:x:1000:100:A:/home/alice:/bin/sh\nbob:x:7:no::/:\n";
        let found: Vec<Account> = accounts(passwd).collect();
        let [alice] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!(
            (alice.uid, alice.gid, &*alice.home),
            (1000, 100, "/home/alice")
        );
    }
}
