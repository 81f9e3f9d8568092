//! What /proc tells of a process: asked when somebody looks, never for all.
//!
//! Responsible for reading it, and for that nothing in it can drive the reader's terminal: a process chooses its
//! command line.

use std::fs;
use std::io::Read;

use rustix::time::{ClockId, clock_gettime};

use crate::host::users::name_of;
use crate::text::sanitize::clean;

/// Ticks a second of the times in /proc: USER_HZ, part of the kernel's interface, the same on all that BPF runs on.
const USER_HZ: u64 = 100;
/// Parents that are asked for.
const MAX_PARENTS: usize = 16;
/// Bytes of a command line that are read.
const MAX_COMMAND: u64 = 4096;

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
    /// Asks /proc. What cannot be read is missing.
    pub fn look_up(pid: u32) -> ProcessInfo {
        let Some(stat) = stat(pid) else {
            return ProcessInfo {
                pid,
                gone: true,
                ..ProcessInfo::default()
            };
        };
        let netns = |of: &str| fs::read_link(format!("/proc/{of}/ns/net")).ok();
        let theirs = netns(&pid.to_string());
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let exe = fs::read_link(format!("/proc/{pid}/exe")).ok();
        let mut parents = Vec::new();
        let mut parent = stat.parent;
        while parent != 0 && parents.len() < MAX_PARENTS {
            let Some(stat) = self::stat(parent) else {
                break;
            };
            parents.push((parent, stat.name));
            parent = stat.parent;
        }
        ProcessInfo {
            pid,
            gone: false,
            started_ns: monotonic_ns(stat.started_ticks),
            command: command(pid),
            exe: exe.map(|path| clean(&path.to_string_lossy())),
            user: user(&status).map(|uid| (uid, name_of(uid))),
            parents,
            is_elsewhere: theirs.is_some() && theirs != netns("self"),
        }
    }
}

struct Stat {
    name: String,
    parent: u32,
    started_ticks: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let bytes = fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(&String::from_utf8_lossy(&bytes))
}

/// `PID (NAME) STATE PPID …`: the name may have parentheses and spaces in it.
fn parse_stat(text: &str) -> Option<Stat> {
    let (open, close) = (text.find('(')?, text.rfind(')')?);
    let name = text.get(open + 1..close)?;
    let rest: Vec<&str> = text.get(close + 1..)?.split_whitespace().collect();
    Some(Stat {
        name: clean(name),
        parent: rest.get(1)?.parse().ok()?,
        // the 22nd of the line
        started_ticks: rest.get(19)?.parse().ok()?,
    })
}

/// Arguments, with a space between them; those that have a space in them in quotes.
fn command(pid: u32) -> String {
    let mut bytes = Vec::new();
    if let Ok(file) = fs::File::open(format!("/proc/{pid}/cmdline")) {
        // a part of it is better than nothing
        let _ = file.take(MAX_COMMAND).read_to_end(&mut bytes);
    }
    join(&bytes)
}

fn join(bytes: &[u8]) -> String {
    // programs that write their own title leave zeros behind it
    let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |i| i + 1);
    let arguments: Vec<String> = bytes[..end]
        .split(|&b| b == 0)
        .filter(|_| end > 0)
        .map(|arg| clean(&String::from_utf8_lossy(arg)))
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

fn user(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|l| l.strip_prefix("Uid:"))?;
    // real, effective, …: what it may do is the second
    line.split_whitespace().nth(1)?.parse().ok()
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
    fn a_name_may_have_anything_in_it() {
        let line = "42 (a) b (c\u{1b}) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 1 2";
        let stat = parse_stat(line).expect("a process");
        assert_eq!(stat.name, "a) b (c?");
        assert_eq!((stat.parent, stat.started_ticks), (7, 12345));
        for bad in ["", "42", "42 (a", "42 (a) S", ")("] {
            assert!(parse_stat(bad).is_none(), "{bad}");
        }
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
