//! Process details for the detail screen, looked up on demand, never for all processes.
//!
//! A process chooses its name and its command line, so both are sanitized: nothing in them can drive the reader's
//! terminal.

use crate::host::proc::{Process, TICK_NS};
use crate::host::users::name_of;
use crate::text::sanitize::sanitize;

/// Maximum number of parents looked up.
const MAX_PARENTS: usize = 16;

/// Details of a process at the time of the lookup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessInfo {
    pub pid: u32,
    /// No process has this id any more.
    pub gone: bool,
    /// Start time, ns of CLOCK_BOOTTIME: a process that started after a session closed is not its owner.
    pub started_ns: u64,
    /// Command line; empty for a kernel thread.
    pub command: String,
    /// Path of its executable.
    pub exe: Option<String>,
    /// User id, and name if known.
    pub user: Option<(u32, Option<String>)>,
    /// Ids and names of its ancestors, the parent first.
    pub parents: Vec<(u32, String)>,
    /// Inode number of its network namespace, if that is another one than tcplife's.
    pub other_netns: Option<u64>,
}

impl ProcessInfo {
    /// Reads /proc. What cannot be read is missing.
    pub fn look_up(pid: u32) -> ProcessInfo {
        let process = Process::new(pid);
        let Some(stat) = process.stat() else {
            return ProcessInfo {
                pid,
                gone: true,
                ..ProcessInfo::default()
            };
        };
        let mut parents = Vec::new();
        let mut parent = stat.parent;
        while parent != 0 && parents.len() < MAX_PARENTS {
            let Some(stat) = Process::new(parent).stat() else {
                break;
            };
            parents.push((parent, sanitize(&stat.name)));
            parent = stat.parent;
        }
        ProcessInfo {
            pid,
            gone: false,
            started_ns: stat.started_ticks * TICK_NS,
            command: join(&process.command_line()),
            exe: process.exe().map(|path| sanitize(&path.to_string_lossy())),
            user: process.status().uid.map(|uid| (uid, name_of(uid))),
            parents,
            other_netns: process
                .net_namespace_inode()
                .filter(|its| Process::own().net_namespace_inode() != Some(*its)),
        }
    }
}

/// Joins arguments with spaces, quoting those that contain a space.
fn join(bytes: &[u8]) -> String {
    // programs that write their own title leave zeros after it
    let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |i| i + 1);
    let arguments: Vec<String> = bytes[..end]
        .split(|&b| b == 0)
        .filter(|_| end > 0)
        .map(|arg| sanitize(&String::from_utf8_lossy(arg)))
        .collect();
    match arguments.as_slice() {
        // a title is a single text
        [title] => title.clone(),
        several => several
            .iter()
            .map(|arg| {
                if arg.is_empty() || arg.contains(' ') {
                    format!("'{arg}'")
                } else {
                    arg.clone()
                }
            })
            .collect::<Vec<_>>()
            .join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_info_of_current_process_is_found() {
        let me = ProcessInfo::look_up(std::process::id());
        assert!(!me.gone && me.other_netns.is_none());
        assert!(me.command.contains("tcplife"), "{me:?}");
        assert!(me.exe.is_some() && me.user.is_some() && !me.parents.is_empty());
        assert!(me.started_ns > 0);
    }

    #[test]
    fn process_info_of_exited_process_is_reported_as_gone() {
        // above the kernel's maximum (PID_MAX_LIMIT)
        assert!(ProcessInfo::look_up(5_000_000).gone);
    }

    #[test]
    fn command_line_with_control_characters_is_sanitized() {
        assert_eq!(join(b"curl\0-H\0a: b\0\0"), "curl -H 'a: b'");
        assert_eq!(
            join(b"nginx: worker process\0\0\0"),
            "nginx: worker process"
        );
        assert_eq!(join(b"x\0\x1b[2J\n\xff\0"), "x ?[2J??");
        assert_eq!(join("a\0\u{202e}txt".as_bytes()), "a ?txt");
        assert_eq!(join(b""), "");
    }
}
