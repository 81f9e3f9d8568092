//! A process as the detail of a session shows it: asked for when somebody looks, never for all.
//!
//! A process chooses its name and its command line: nothing of them can drive the reader's terminal.

use rustix::time::{ClockId, clock_gettime};

use crate::host::proc::Process;
use crate::host::users::name_of;
use crate::text::sanitize::sanitize;

/// Ticks per second of the times in /proc: USER_HZ, part of the kernel's interface, the same on all that BPF runs on.
const USER_HZ: u64 = 100;
/// Parents that are looked up.
const MAX_PARENTS: usize = 16;

/// A process, at the moment that it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessInfo {
    /// Its id.
    pub pid: u32,
    /// There is none of this id any more.
    pub gone: bool,
    /// When it started, ns of CLOCK_MONOTONIC: one that started after a session's end is not its owner.
    pub started_ns: u64,
    /// The command line; empty: a thread of the kernel's.
    pub command: String,
    /// The file that it runs.
    pub exe: Option<String>,
    /// Its user: id, and name if there is one.
    pub user: Option<(u32, Option<String>)>,
    /// Its parent, that one's parent, and so on: ids and names.
    pub parents: Vec<(u32, String)>,
    /// It is in another network namespace than we are.
    pub is_elsewhere: bool,
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
        let netns = |of: &Process| std::fs::read_link(of.net_namespace()).ok();
        let theirs = netns(&process);
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
            started_ns: monotonic_ns(stat.started_ticks),
            command: join(&process.command_line()),
            exe: process.exe().map(|path| sanitize(&path.to_string_lossy())),
            user: process.status().uid.map(|uid| (uid, name_of(uid))),
            parents,
            is_elsewhere: theirs.is_some() && theirs != netns(&Process::own()),
        }
    }
}

/// Arguments, with a space between them; those that have a space in them in quotes.
fn join(bytes: &[u8]) -> String {
    // programs that write their own title leave zeros behind it
    let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |i| i + 1);
    let arguments: Vec<String> = bytes[..end]
        .split(|&b| b == 0)
        .filter(|_| end > 0)
        .map(|arg| sanitize(&String::from_utf8_lossy(arg)))
        .collect();
    match arguments.as_slice() {
        // a title is one text
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

/// /proc counts from the boot on, the time that the host slept included.
fn monotonic_ns(ticks: u64) -> u64 {
    let ns = |clock| {
        let t = clock_gettime(clock);
        t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
    };
    let slept = ns(ClockId::Boottime).saturating_sub(ns(ClockId::Monotonic));
    (ticks * (1_000_000_000 / USER_HZ)).saturating_sub(slept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_finds_itself() {
        let me = ProcessInfo::look_up(std::process::id());
        assert!(!me.gone && !me.is_elsewhere);
        assert!(me.command.contains("tcplife"), "{me:?}");
        assert!(me.exe.is_some() && me.user.is_some() && !me.parents.is_empty());
        assert!(me.started_ns > 0);
    }

    #[test]
    fn one_that_is_gone_is_said_to_be() {
        // above what the kernel gives (PID_MAX_LIMIT)
        assert!(ProcessInfo::look_up(5_000_000).gone);
    }

    #[test]
    fn a_command_line_cannot_drive_the_terminal() {
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
