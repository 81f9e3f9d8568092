//! Process information from proc(5). The only module that reads /proc.
//!
//! The crate `procfs` (0.18) is not suitable: it fails on a process whose name or arguments are not UTF-8 and on every
//! mount if one of them is not, leaves `\040` in mount points, and drops empty arguments.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::model::port_use::PortRange;

/// Maximum number of bytes read of a command line.
const MAX_COMMAND_LINE: u64 = 4096;

/// The directory of all processes.
pub const ROOT: &str = "/proc";

/// Length of a tick in /proc: 1/USER_HZ, part of the kernel's interface, the same on every architecture that BPF runs
/// on.
pub const TICK_NS: u64 = 10_000_000;

/// A process directory of /proc. What cannot be read (the process has exited, belongs to another user, or /proc is not
/// mounted) is `None` or empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process(PathBuf);

impl Process {
    pub fn own() -> Self {
        Process("/proc/self".into())
    }

    /// The calling thread, which may be in another namespace than its process.
    pub fn own_thread() -> Self {
        Process("/proc/thread-self".into())
    }

    pub fn new(pid: u32) -> Self {
        Process(format!("/proc/{pid}").into())
    }

    /// Iterates over all visible processes.
    pub fn all() -> impl Iterator<Item = Process> {
        let entries = fs::read_dir(ROOT).into_iter().flatten().flatten();
        entries.filter_map(|entry| Some(Process::new(entry.file_name().to_str()?.parse().ok()?)))
    }

    /// Name, parent and start time.
    pub fn stat(&self) -> Option<Stat> {
        Stat::parse(&fs::read(self.0.join("stat")).ok()?)
    }

    /// User, signals and capabilities.
    pub fn status(&self) -> Status {
        Status::parse(&self.read("status"))
    }

    /// Supplementary groups, if its real user has this id.
    pub fn groups_of_user(&self, uid: u32) -> Option<Vec<u32>> {
        groups_of_user(&self.read("status"), uid)
    }

    /// Arguments, each followed by a zero byte, truncated to `MAX_COMMAND_LINE` bytes; empty for a kernel thread.
    pub fn command_line(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Ok(file) = fs::File::open(self.0.join("cmdline")) {
            // a part of it is better than nothing
            let _ = file.take(MAX_COMMAND_LINE).read_to_end(&mut bytes);
        }
        bytes
    }

    /// Path of the program.
    ///
    /// # Errors
    /// If it is a kernel thread or has exited (not found), or this process may not know.
    pub fn program(&self) -> io::Result<PathBuf> {
        fs::read_link(self.0.join("exe"))
    }

    /// The environment at its start.
    pub fn environment(&self) -> Environment {
        Environment(self.read("environ"))
    }

    /// Inode number of its user namespace.
    pub fn user_namespace_inode(&self) -> Option<u64> {
        Some(fs::metadata(self.0.join("ns/user")).ok()?.ino())
    }

    /// Inode number of its PID namespace.
    pub fn pid_namespace_inode(&self) -> Option<u64> {
        Some(fs::metadata(self.0.join("ns/pid")).ok()?.ino())
    }

    /// Inode number of its time namespace.
    pub fn time_namespace_inode(&self) -> Option<u64> {
        Some(fs::metadata(self.0.join("ns/time")).ok()?.ino())
    }

    /// Path of its network namespace.
    pub fn net_namespace(&self) -> PathBuf {
        self.0.join("ns/net")
    }

    /// Inode number of its network namespace.
    pub fn net_namespace_inode(&self) -> Option<u64> {
        let its = fs::metadata(self.net_namespace()).ok();
        its.map(|its| its.ino())
    }

    /// Number of its open descriptors, which everybody may know from Linux 6.2 on.
    pub fn open_descriptors(&self) -> Option<u64> {
        let its = self.0.join("fd");
        let size = fs::metadata(&its).ok()?.len();
        match size {
            0 => Some(fs::read_dir(its).ok()?.count() as u64),
            size => Some(size),
        }
    }

    /// Number of descriptors that it may have open.
    pub fn descriptor_limit(&self) -> Option<u64> {
        let limits = String::from_utf8(self.read("limits")).ok()?;
        descriptor_limit(&limits)
    }

    /// Path of one of its descriptors: opening it opens the same file again.
    pub fn descriptor(&self, fd: u32) -> PathBuf {
        self.0.join(format!("fd/{fd}"))
    }

    /// Iterates over its threads.
    pub fn threads(&self) -> impl Iterator<Item = Process> + use<> {
        let entries = fs::read_dir(self.0.join("task")).into_iter().flatten();
        entries.flatten().map(|entry| Process(entry.path()))
    }

    /// The descriptors of network namespaces that it has opened.
    pub fn open_net_namespaces(&self) -> impl Iterator<Item = PathBuf> + use<> {
        let descriptors = fs::read_dir(self.0.join("fd")).into_iter().flatten();
        let paths = descriptors.flatten().map(|entry| entry.path());
        paths.filter(|path| {
            let target = fs::read_link(path).unwrap_or_default();
            target.as_os_str().as_bytes().starts_with(b"net:[")
        })
    }

    /// The mounts that it sees.
    pub fn mounts(&self) -> Vec<Mount> {
        Mount::parse_all(&self.read("mountinfo"))
    }

    /// Sockets in TIME_WAIT in its network namespace.
    pub fn time_wait_sockets(&self) -> Option<u64> {
        socket_count(&self.read("net/sockstat"), "TCP:", "tw")
    }

    /// TCP sockets that have a port in its network namespace, without those in TIME_WAIT.
    pub fn tcp_sockets(&self) -> Option<u64> {
        let v4 = socket_count(&self.read("net/sockstat"), "TCP:", "inuse")?;
        // a kernel without IPv6 has no such file
        let v6 = socket_count(&self.read("net/sockstat6"), "TCP6:", "inuse");
        Some(v4 + v6.unwrap_or(0))
    }

    fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.0.join(file)).unwrap_or_default()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Name as the process chose it: to be sanitized.
    pub name: String,
    /// Process id of the parent.
    pub parent: u32,
    /// Its process group, which a shell calls a job.
    pub group: u32,
    pub session: u32,
    /// Start time, in ticks since boot.
    pub started_ticks: u64,
}

impl Stat {
    /// Parses `PID (NAME) STATE PPID PGRP SESSION …`; the name may contain parentheses and spaces.
    fn parse(line: &[u8]) -> Option<Self> {
        let line = String::from_utf8_lossy(line);
        let (open, close) = (line.find('(')?, line.rfind(')')?);
        let name = line.get(open + 1..close)?.to_owned();
        let rest: Vec<&str> = line.get(close + 1..)?.split_whitespace().collect();
        Some(Stat {
            name,
            parent: rest.get(1)?.parse().ok()?,
            group: rest.get(2)?.parse().ok()?,
            session: rest.get(3)?.parse().ok()?,
            // field 22 of the line
            started_ticks: rest.get(19)?.parse().ok()?,
        })
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Effective user id.
    pub uid: Option<u32>,
    /// Bit mask of ignored signals, starting with signal 1.
    pub ignored_signals: Option<u64>,
    /// Bit mask of effective capabilities.
    pub capabilities: Option<u64>,
    /// Bit mask of the capabilities that it, and what it executes, can have at most.
    pub bounding: Option<u64>,
    /// PID namespaces that it is in, from that of this /proc to its own; 0: not known.
    pub pid_namespaces: u32,
}

impl Status {
    fn parse(text: &[u8]) -> Self {
        // the name in here may not be UTF-8
        let text = String::from_utf8_lossy(text);
        let value = |key| text.lines().find_map(|line| line.strip_prefix(key));
        let mask = |key| u64::from_str_radix(value(key)?.trim(), 16).ok();
        Status {
            // real, effective, …
            uid: value("Uid:").and_then(|ids| ids.split_whitespace().nth(1)?.parse().ok()),
            ignored_signals: mask("SigIgn:"),
            capabilities: mask("CapEff:"),
            bounding: mask("CapBnd:"),
            // its id in each of them
            pid_namespaces: value("NSpid:").map_or(0, |ids| ids.split_whitespace().count() as u32),
        }
    }
}

/// Supplementary groups in a status file, if its real user is that one.
fn groups_of_user(status: &[u8], uid: u32) -> Option<Vec<u32>> {
    let text = String::from_utf8_lossy(status);
    let numbers = |key| {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace()
            .map(|id| id.parse().ok())
            .collect::<Option<Vec<u32>>>()
    };
    let is_theirs = numbers("Uid:")?.first() == Some(&uid);
    is_theirs.then(|| numbers("Groups:")).flatten()
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(Vec<u8>);

impl Environment {
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let mut variables = self.0.split(|b| *b == 0);
        variables.find_map(|v| v.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The mounted part of the file system: a directory, or for a namespace `net:[…]` and the like.
    pub root: String,
    /// Directory or file that it is mounted on.
    pub point: PathBuf,
    /// Type of the file system.
    pub kind: String,
    /// Options of the file system, separated by commas.
    pub options: String,
}

/// The group that sees all processes in a /proc that hides them (hidepid), by proc(5), if it has one.
pub fn group_that_sees_all(mounts: &[Mount]) -> Option<u32> {
    let proc = mounts.iter().rfind(|m| m.point == Path::new(ROOT))?;
    let options = || proc.options.split(',');
    let is_hidden = options().any(|o| o.starts_with("hidepid=") && o != "hidepid=off");
    let group = options().find_map(|o| o.strip_prefix("gid=")?.parse().ok());
    group.filter(|_| is_hidden)
}

impl Mount {
    /// Parses a mountinfo file; malformed lines are skipped.
    pub(crate) fn parse_all(mountinfo: &[u8]) -> Vec<Self> {
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mount = |line: &[u8]| {
            let mut words = line.split(|b| *b == b' ');
            let (root, point) = (words.nth(3)?, words.next()?);
            // optional fields, terminated by a `-`
            words.find(|word| *word == b"-")?;
            Some(Mount {
                root: lossy(root),
                point: OsString::from_vec(unescape(point)).into(),
                kind: lossy(words.next()?),
                // after the source
                options: words.nth(1).map(lossy).unwrap_or_default(),
            })
        };
        mountinfo.split(|b| *b == b'\n').filter_map(mount).collect()
    }
}

/// Decodes octal escapes: spaces and the like are written as `\040`, everything else as it is.
fn unescape(mut text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    while let Some((&first, rest)) = text.split_first() {
        let digits = rest.get(..3).and_then(|d| std::str::from_utf8(d).ok());
        let escaped = digits.and_then(|d| u8::from_str_radix(d, 8).ok());
        let (byte, rest) = match escaped.filter(|_| first == b'\\') {
            Some(byte) => (byte, &rest[3..]),
            None => (first, rest),
        };
        plain.push(byte);
        text = rest;
    }
    plain
}

/// Value of a sysctl by its name, like `net.core.optmem_max`; `None`: it cannot be read.
pub fn sysctl(name: &str) -> Option<String> {
    let file = Path::new(ROOT).join("sys").join(name.replace('.', "/"));
    Some(fs::read_to_string(file).ok()?.trim().to_owned())
}

/// Id of this boot of the host; empty if it cannot be read.
pub fn boot_id() -> String {
    let id = fs::read_to_string(Path::new(ROOT).join("sys/kernel/random/boot_id"));
    id.unwrap_or_default().trim().to_owned()
}

/// The ports that the kernel gives to outgoing sessions in the network namespace of this thread.
pub fn local_port_range() -> Option<PortRange> {
    let read = |name| fs::read_to_string(Path::new(ROOT).join("sys/net/ipv4").join(name));
    let reserved = read("ip_local_reserved_ports").unwrap_or_default();
    PortRange::parse(&read("ip_local_port_range").ok()?, &reserved)
}

/// The soft limit of open files in a file `limits`; `None`: there is no limit.
fn descriptor_limit(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|l| l.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A figure of /proc/net/sockstat: of this protocol, by its name.
fn socket_count(sockstat: &[u8], protocol: &str, name: &str) -> Option<u64> {
    let text = std::str::from_utf8(sockstat).ok()?;
    let figures = text.lines().find_map(|line| line.strip_prefix(protocol))?;
    let mut words = figures.split_whitespace();
    words.find(|word| *word == name)?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_of_a_process_are_counted_and_limited() {
        let text = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files\n";
        assert_eq!(descriptor_limit(text), Some(1024));
        assert_eq!(
            descriptor_limit("Max open files  unlimited  unlimited  files\n"),
            None
        );
        let open = Process::own()
            .open_descriptors()
            .expect("it may know its own");
        let limit = Process::own().descriptor_limit().expect("a limit");
        assert!(open > 2 && open <= limit, "{open} of {limit}");
    }

    #[test]
    fn sockets_are_counted_by_protocol() {
        let text =
            b"sockets: used 231\nTCP: inuse 8 orphan 0 tw 17 alloc 11 mem 2\nUDP: inuse 2 mem 1\n";
        let tcp = |name| socket_count(text, "TCP:", name);
        assert_eq!(["tw", "inuse"].map(tcp), [Some(17), Some(8)]);
        assert_eq!(socket_count(b"UDP: inuse 2 tw 3\n", "TCP:", "tw"), None);
        assert!(Process::own().time_wait_sockets().is_some());
        let _listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        assert!(Process::own_thread().tcp_sockets() > Some(0));
        assert!(local_port_range().is_some());
    }
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn process_all_includes_the_current_process() {
        let own = Process::new(std::process::id());
        assert!(Process::all().any(|p| p == own));
        assert_eq!(own.status(), Process::own().status());
        assert!(own.program().is_ok() && !own.command_line().is_empty());
        assert!(!own.mounts().is_empty());
    }

    #[test]
    fn process_that_has_exited_has_no_data() {
        // above the kernel's maximum (PID_MAX_LIMIT)
        let gone = Process::new(5_000_000);
        assert!(gone.stat().is_none() && gone.program().is_err());
        assert_eq!(gone.status(), Status::default());
        assert_eq!(gone.environment().get("PATH"), None);
        assert!(gone.command_line().is_empty() && gone.mounts().is_empty());
    }

    #[test]
    fn stat_name_may_contain_anything() {
        let line =
            b"42 (a) b (c\x1b\xff) S 7 42 43 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 1 2";
        let stat = Stat::parse(line).expect("a process");
        assert_eq!(stat.name, "a) b (c\u{1b}\u{fffd}");
        assert_eq!((stat.parent, stat.started_ticks), (7, 12345));
        assert_eq!((stat.group, stat.session), (42, 43));
        for bad in ["", "42", "42 (a", "42 (a) S", ")("] {
            assert!(Stat::parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn status_with_name_that_is_not_utf8_is_read() {
        let text = b"Name:\ta\xffb\nUid:\t1000\t0\t0\t0\nSigIgn:\t0000000000001001\nCapEff:\t000000c000000000\nNSpid:\t812\t3\n";
        let expected = Status {
            uid: Some(0),
            ignored_signals: Some(1 << 12 | 1),
            capabilities: Some(1 << 38 | 1 << 39),
            bounding: None,
            pid_namespaces: 2,
        };
        assert_eq!(Status::parse(text), expected);
        assert_eq!(Status::parse(b""), Status::default());
        assert_eq!(Status::parse(b"Uid:\nSigIgn: x\n"), Status::default());
    }

    #[test]
    fn group_of_a_hiding_proc_sees_all() {
        let group = |options: &str| {
            let mounts = format!(
                "22 1 0:4 / / rw - ext4 /dev/vda rw\n23 22 0:5 / /proc rw - proc proc {options}"
            );
            group_that_sees_all(&Mount::parse_all(mounts.as_bytes()))
        };
        assert_eq!(group("rw,gid=27,hidepid=invisible"), Some(27));
        for options in [
            "rw",
            "rw,gid=27",
            "rw,hidepid=invisible",
            "rw,gid=27,hidepid=off",
            "rw,gid=x,hidepid=2",
        ] {
            assert_eq!(group(options), None, "{options}");
        }
    }

    #[test]
    fn groups_are_those_of_a_process_of_that_user() {
        let status = b"Name:\ta\xffb\nUid:\t1000\t0\t0\t0\nGroups:\t4 24 1000 \n";
        assert_eq!(groups_of_user(status, 1000), Some(vec![4, 24, 1000]));
        assert_eq!(groups_of_user(status, 0), None, "effective, not real");
        assert_eq!(groups_of_user(b"Uid:\t7\t7\nGroups:\t\n", 7), Some(vec![]));
        assert_eq!(groups_of_user(b"", 0), None);
    }

    #[test]
    fn environment_variables_are_found_by_their_full_name() {
        let environment = Environment(b"XTMUX=1\0TMUX=/tmp/tmux-0/default,7,0\0EMPTY=\0".to_vec());
        assert_eq!(
            environment.get("TMUX"),
            Some(&b"/tmp/tmux-0/default,7,0"[..])
        );
        assert_eq!(environment.get("EMPTY"), Some(&b""[..]));
        assert_eq!(environment.get("TMU"), None);
        assert_eq!(Environment::default().get("TMUX"), None);
    }

    #[test]
    fn mount_points_with_any_bytes_are_read() {
        let mounts = Mount::parse_all(
            b"\n22 1 259:0 / / rw,relatime - ext4 /dev/vda rw\nnonsense\n22 1 259:0 / / rw,relatime ext4\n\
              93 22 0:4 net:[4026532179] /run/netns/a\\040b\\134c rw shared:13 master:1 - nsfs nsfs rw\n\
              94 22 0:4 / /mnt/\xff\\9\\ rw - tmpfs x rw",
        );
        let points: Vec<&[u8]> = mounts
            .iter()
            .map(|m| m.point.as_os_str().as_bytes())
            .collect();
        assert_eq!(points, [&b"/"[..], b"/run/netns/a b\\c", b"/mnt/\xff\\9\\"]);
        assert_eq!(mounts[0].point, Path::new("/"));
        assert_eq!(
            (&*mounts[1].root, &*mounts[1].kind),
            ("net:[4026532179]", "nsfs")
        );
    }
}
