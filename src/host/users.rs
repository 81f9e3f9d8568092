//! Users' names, as /etc/passwd has them.
//!
//! It is read here and not asked of the C library: that would load the host's name services into a binary that may
//! be linked statically, and ask the network. Whoever is only known there can be given by number.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::text::sanitize::sanitize;

/// The id of the user of that name.
pub fn uid_of(name: &str) -> Option<u32> {
    find(&passwd(), name)
}

/// The name of the user of that id.
pub fn name_of(uid: u32) -> Option<String> {
    find_name(&passwd(), uid)
}

/// The same as it was when the first one was asked for: for a table that is drawn many times a second.
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

fn find(passwd: &str, name: &str) -> Option<u32> {
    let mut users = entries(passwd);
    users.find(|(user, _)| *user == name).map(|(_, uid)| uid)
}

fn find_name(passwd: &str, uid: u32) -> Option<String> {
    let mut users = entries(passwd);
    users
        .find(|(_, id)| *id == uid)
        .map(|(name, _)| sanitize(name))
}

/// The file; nothing if it cannot be read.
fn passwd() -> String {
    let bytes = std::fs::read("/etc/passwd").unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Name and id of each user.
fn entries(passwd: &str) -> impl Iterator<Item = (&str, u32)> {
    passwd.lines().filter_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next().filter(|name| !name.is_empty())?;
        let uid = parts.nth(1)?.parse().ok()?;
        Some((name, uid))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name() {
        let passwd =
            "root:x:0:0:root:/root:/bin/sh\n\nbad\n:x:7:\nalice:x:1000:1000::/:\nbob:x:no\n";
        assert_eq!(find(passwd, "root"), Some(0));
        assert_eq!(find(passwd, "alice"), Some(1000));
        assert_eq!(find_name(passwd, 1000).as_deref(), Some("alice"));
        assert_eq!(find_name(passwd, 7), None);
        for name in ["bob", "bad", "", "eve", "x"] {
            assert_eq!(find(passwd, name), None, "{name}");
        }
    }
}
