//! Where control groups (v2) are.

use std::fs;
use std::path::PathBuf;

/// Mount point of cgroup2.
pub(crate) fn mount_point() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|l| {
        let words: Vec<&str> = l.split(' ').collect();
        (words.get(2) == Some(&"cgroup2")).then(|| PathBuf::from(words[1]))
    })
}
