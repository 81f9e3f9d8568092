//! Attempts that must fail in a confined tcplife, made by each of its threads.

use std::fs;

use libc::{EACCES, ENOSYS, EPERM, c_long};

use super::inject::{Argument, Puppet, threads};
use Argument::{Number, Text, Zeros};

/// An attempt, and the error that it must fail with.
struct Attempt {
    what: &'static str,
    number: c_long,
    arguments: Vec<Argument>,
    error: i32,
}

/// Number of execve(2) for programs with 32-bit pointers (arch/x86/entry/syscalls/syscall_64.tbl).
const X32_EXECVE: c_long = 0x4000_0000 + 520;

fn attempts() -> Vec<Attempt> {
    let attempt = |what, number, arguments: &[Argument], error| Attempt {
        what,
        number,
        arguments: arguments.to_vec(),
        error,
    };
    let open = |what, path, flags: i32| {
        let arguments = [
            Number(libc::AT_FDCWD as u64),
            Text(path),
            Number(flags as u64),
            Number(0o600),
        ];
        attempt(what, libc::SYS_openat, &arguments, EACCES)
    };
    let socket = |what, family: i32, kind: i32| {
        let arguments = [Number(family as u64), Number(kind as u64), Number(0)];
        attempt(what, libc::SYS_socket, &arguments, EPERM)
    };
    let create = libc::O_CREAT | libc::O_WRONLY;
    let stream = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
    let bpf = |what, command| {
        attempt(
            what,
            libc::SYS_bpf,
            &[Number(command), Zeros(128), Number(128)],
            EPERM,
        )
    };
    vec![
        open("read /etc/shadow", "/etc/shadow", libc::O_RDONLY),
        open(
            "read a home directory",
            "/root",
            libc::O_RDONLY | libc::O_DIRECTORY,
        ),
        open("read a device", "/dev/null", libc::O_RDONLY),
        open("write in /tmp", "/tmp/tcplife-confined", create),
        open("write in /dev/shm", "/dev/shm/tcplife-confined", create),
        open("write in /etc", "/etc/tcplife-confined", create),
        open(
            "write to a process",
            "/proc/self/oom_score_adj",
            libc::O_WRONLY,
        ),
        attempt(
            "execute a program",
            libc::SYS_execve,
            &[Text("/bin/true"), Number(0), Number(0)],
            EPERM,
        ),
        attempt(
            "execute a program by x32",
            X32_EXECVE,
            &[Text("/bin/true"), Number(0), Number(0)],
            EPERM,
        ),
        socket("open a TCP socket", libc::AF_INET, stream),
        socket("open an IPv6 TCP socket", libc::AF_INET6, stream),
        socket("open a Unix socket", libc::AF_UNIX, stream),
        socket("open a raw socket", libc::AF_INET, libc::SOCK_RAW),
        socket("capture packets", libc::AF_PACKET, libc::SOCK_RAW),
        attempt(
            "trace a process",
            libc::SYS_ptrace,
            &[Number(u64::from(libc::PTRACE_ATTACH)), Number(1)],
            EPERM,
        ),
        bpf("load a BPF program", 5),
        bpf("create a BPF map", 0),
        bpf("open a BPF map by its id", 14),
        attempt(
            "open a performance event",
            libc::SYS_perf_event_open,
            &[
                Zeros(128),
                Number(0),
                Number(0),
                Number(u64::MAX),
                Number(0),
            ],
            EPERM,
        ),
        attempt(
            "enter a namespace",
            libc::SYS_unshare,
            &[Number(libc::CLONE_NEWUSER as u64)],
            EPERM,
        ),
        attempt(
            "mount",
            libc::SYS_mount,
            &[
                Text("none"),
                Text("/tmp"),
                Text("tmpfs"),
                Number(0),
                Number(0),
            ],
            EPERM,
        ),
        attempt(
            "type on the terminal",
            libc::SYS_ioctl,
            &[Number(0), Number(libc::TIOCSTI), Text("x")],
            EPERM,
        ),
        attempt(
            "change the mode of a file",
            libc::SYS_fchmodat,
            &[
                Number(libc::AT_FDCWD as u64),
                Text("/etc/passwd"),
                Number(0o666),
            ],
            EPERM,
        ),
        attempt(
            "kill a process",
            libc::SYS_kill,
            &[Number(1), Number(libc::SIGTERM as u64)],
            EPERM,
        ),
        attempt(
            "create a namespace with a process",
            libc::SYS_clone,
            &[Number((libc::CLONE_NEWUSER | libc::SIGCHLD) as u64)],
            EPERM,
        ),
        attempt(
            "create a process where no filter sees how",
            libc::SYS_clone3,
            &[Zeros(88), Number(88)],
            ENOSYS,
        ),
        socket("talk to the kernel", libc::AF_NETLINK, libc::SOCK_DGRAM),
        attempt(
            "become root",
            libc::SYS_setresuid,
            &[Number(0), Number(0), Number(0)],
            EPERM,
        ),
    ]
}

/// Asserts for each thread that all attempts fail as they should, and that the kernel reports it without privileges as
/// that user.
pub(crate) fn assert_confined(pid: u32, uid: u32) {
    assert_confined_but_for(pid, uid, 0);
}

/// The same for a process that keeps these capabilities.
pub(crate) fn assert_confined_but_for(pid: u32, uid: u32, capabilities: u64) {
    let threads = threads(pid);
    let gate = threads
        .iter()
        .find_map(|tid| Puppet::stop(pid, *tid).gate());
    let gate = gate.expect("a thread waits in a system call");
    for tid in threads {
        let status = fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")).expect("it runs");
        let value = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.expect("the kernel has it")
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let who = value("Name:").concat();
        for key in ["CapInh:", "CapAmb:", "CapBnd:"] {
            assert_eq!(value(key), ["0000000000000000"], "{key} of {who}");
        }
        for key in ["CapEff:", "CapPrm:"] {
            assert_eq!(
                value(key),
                [format!("{capabilities:016x}")],
                "{key} of {who}"
            );
        }
        assert_eq!(value("Uid:"), vec![uid.to_string(); 4], "{who}");
        assert_eq!(value("Groups:"), [""; 0], "{who}");
        assert_eq!(
            (value("NoNewPrivs:"), value("Seccomp:")),
            (vec!["1".into()], vec!["2".into()]),
            "{who}"
        );
        let puppet = Puppet::stop(pid, tid);
        for Attempt {
            what,
            number,
            arguments,
            error,
        } in attempts()
        {
            let result = puppet.call(gate, number, &arguments);
            assert_eq!(result, -i64::from(error), "{who} tried to {what}");
        }
    }
}
