//! Process details for the detail screen, looked up on demand, never for all processes.
//!
//! A process chooses its name and its command line, so both are sanitized: nothing in them can drive the reader's
//! terminal.

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::host::proc::{Process, TICK_NS};
use crate::host::users::name_of;
use crate::text::sanitize::sanitize;

/// Maximum number of parents looked up.
const MAX_PARENTS: usize = 16;

/// Returns how many descriptors a process may have open.
pub fn descriptor_limit(pid: u32) -> Option<u64> {
    Process::new(pid).descriptor_limit()
}

/// Presence of a process in /proc.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    #[default]
    Shown,
    /// There is such a process, but /proc does not show it: with the mount option hidepid, those of other users.
    Hidden,
    /// No process has this id any more.
    Gone,
    /// The session is of a recording, so a process with this id is another one.
    NotRecorded,
}

/// The program that a process executes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Program {
    /// A kernel thread executes none.
    #[default]
    None,
    /// Its path.
    Path(String),
    /// It has one, and tcplife may not know which.
    Hidden,
}

/// Details of a process at the time of the lookup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessInfo {
    pub pid: u32,
    pub presence: Presence,
    /// Start time, ns of CLOCK_BOOTTIME: a process that started after a session closed is not its owner.
    pub started_ns: u64,
    /// Command line; empty for a kernel thread.
    pub command: String,
    /// Program that it executes.
    pub program: Program,
    /// User id, and name if known.
    pub user: Option<(u32, Option<String>)>,
    /// Number of open descriptors, and how many it may have.
    pub descriptors: Option<(u64, u64)>,
    /// Ids and names of its ancestors, the parent first.
    pub parents: Vec<(u32, String)>,
}

impl ProcessInfo {
    /// Reads /proc. What cannot be read is missing.
    pub fn look_up(pid: u32, program: impl FnOnce(u32) -> io::Result<PathBuf>) -> ProcessInfo {
        let process = Process::new(pid);
        let Some(stat) = process.stat() else {
            return ProcessInfo {
                pid,
                presence: absence(pid),
                ..ProcessInfo::default()
            };
        };
        ProcessInfo {
            pid,
            presence: Presence::Shown,
            started_ns: stat.started_ticks * TICK_NS,
            command: join(&process.command_line()),
            program: match program(pid) {
                Ok(path) => Program::Path(sanitize(&path.to_string_lossy())),
                Err(e) if e.kind() == io::ErrorKind::NotFound => Program::None,
                Err(_) => Program::Hidden,
            },
            user: process.status().uid.map(|uid| (uid, name_of(uid))),
            descriptors: process.open_descriptors().zip(process.descriptor_limit()),
            parents: parents_from(stat.parent),
        }
    }
}

/// Returns the ancestors of a process with their names, its parent first.
pub fn parents(pid: u32) -> Vec<(u32, String)> {
    let stat = Process::new(pid).stat();
    stat.map_or_else(Vec::new, |stat| parents_from(stat.parent))
}

fn parents_from(mut parent: u32) -> Vec<(u32, String)> {
    let mut parents = Vec::new();
    while parent != 0 && parents.len() < MAX_PARENTS {
        let Some(stat) = Process::new(parent).stat() else {
            break;
        };
        parents.push((parent, sanitize(&stat.name)));
        parent = stat.parent;
    }
    parents
}

/// Tells a process that /proc does not show from one that is gone.
fn absence(pid: u32) -> Presence {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    // signal 0 only asks, and /proc has no say in it; not to be allowed to send it is an answer too
    match pid.map(test_kill_process) {
        Some(Ok(()) | Err(Errno::PERM)) => Presence::Hidden,
        _ => Presence::Gone,
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
        let me = ProcessInfo::look_up(std::process::id(), |pid| Process::new(pid).program());
        assert_eq!(me.presence, Presence::Shown);
        assert!(me.command.contains("tcplife"), "{me:?}");
        assert!(
            matches!(me.program, Program::Path(_)) && me.user.is_some() && !me.parents.is_empty()
        );
        assert!(me.started_ns > 0);
    }

    #[test]
    fn process_info_of_exited_process_is_reported_as_gone() {
        // above the kernel's maximum (PID_MAX_LIMIT)
        let gone = ProcessInfo::look_up(5_000_000, |_| panic!("it has none"));
        assert_eq!(gone.presence, Presence::Gone);
        // what /proc does not show is asked of the kernel
        assert_eq!(absence(std::process::id()), Presence::Hidden);
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
