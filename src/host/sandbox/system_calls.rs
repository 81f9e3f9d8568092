//! seccomp: the system calls that a thread may no longer make. They fail with EPERM.
//!
//! A list of what is forbidden, not of what is allowed: the C library and the kernel add calls that a program makes without
//! knowing them, and an allow-list of yesterday ends the program of tomorrow.

use std::collections::BTreeMap;

use anyhow::Context;
use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter, sock_filter,
};

/// Calls that the program never makes once it runs: to start programs, to look into other processes, to change the system.
const FORBIDDEN: &[c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_perf_event_open,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_userfaultfd,
    libc::SYS_fanotify_init,
    libc::SYS_open_by_handle_at,
    libc::SYS_acct,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_personality,
];

/// Commands of bpf(2) that the collector goes on to use (include/uapi/linux/bpf.h): on maps, programs and iterators that exist.
/// Nothing is loaded or created any more.
const BPF_ALLOWED: [u64; 8] = [
    1,  // MAP_LOOKUP_ELEM
    2,  // MAP_UPDATE_ELEM
    3,  // MAP_DELETE_ELEM
    4,  // MAP_GET_NEXT_KEY
    15, // OBJ_GET_INFO_BY_FD
    17, // RAW_TRACEPOINT_OPEN: attaches a program again, see LINK_CREATE
    28, // LINK_CREATE
    33, // ITER_CREATE
];

/// Commands of ioctl(2) that put keystrokes into a terminal, for the shell to read.
const IOCTL_FORBIDDEN: [u64; 2] = [libc::TIOCSTI, 0x541C /* TIOCLINUX */];

/// The bits of a socket's type that are not flags (include/linux/net.h, SOCK_TYPE_MASK).
const SOCKET_TYPE: u64 = 0xf;

/// Number from which on x86-64's calls are those of x32, with the same effects (arch/x86/include/uapi/asm/unistd.h).
#[cfg(target_arch = "x86_64")]
const X32: u32 = 0x4000_0000;

/// Puts the filter into force for the calling thread.
///
/// # Errors
/// If the kernel has no such filters.
pub fn restrict() -> anyhow::Result<()> {
    let program = program().context("the filter of system calls is invalid; this is a bug")?;
    apply_filter(&program).context("seccomp(2) refuses the filter")
}

fn program() -> anyhow::Result<BpfProgram> {
    let is = |argument, value| condition(argument, SeccompCmpOp::Eq, value);
    let is_not = |argument, value| condition(argument, SeccompCmpOp::Ne, value);
    let is_type = |kind: i32| condition(1, SeccompCmpOp::MaskedEq(SOCKET_TYPE), kind as u64);
    let any = |conditions: Vec<anyhow::Result<SeccompCondition>>| {
        let rules = conditions.into_iter().map(|c| rule([c]));
        rules.collect::<anyhow::Result<Vec<_>>>()
    };
    let mut calls: BTreeMap<c_long, Vec<SeccompRule>> =
        FORBIDDEN.iter().map(|call| (*call, vec![])).collect();
    calls.insert(
        libc::SYS_bpf,
        vec![rule(BPF_ALLOWED.map(|command| is_not(0, command)))?],
    );
    let stdin = IOCTL_FORBIDDEN.map(|command| is(1, command));
    calls.insert(libc::SYS_ioctl, any(stdin.into())?);
    // names are asked for over UDP, and interfaces over a socket that sends nothing
    let sockets = vec![
        is_type(libc::SOCK_STREAM),
        is_type(libc::SOCK_RAW),
        is(0, libc::AF_PACKET as u64),
        is(0, libc::AF_VSOCK as u64),
    ];
    calls.insert(libc::SYS_socket, any(sockets)?);
    let filter = SeccompFilter::new(
        calls,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM as u32),
        std::env::consts::ARCH.try_into()?,
    )?;
    let mut program = BpfProgram::try_from(filter)?;
    #[cfg(target_arch = "x86_64")]
    program.splice(0..0, refuse_from(X32));
    Ok(program)
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> anyhow::Result<SeccompCondition> {
    // the kernel takes 32 bits of each of these arguments
    let length = SeccompCmpArgLen::Dword;
    Ok(SeccompCondition::new(argument, length, operator, value)?)
}

fn rule(
    conditions: impl IntoIterator<Item = anyhow::Result<SeccompCondition>>,
) -> anyhow::Result<SeccompRule> {
    let conditions = conditions.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    Ok(SeccompRule::new(conditions)?)
}

/// Instructions that refuse all calls with that number or a higher one, to precede others.
#[cfg(target_arch = "x86_64")]
fn refuse_from(number: u32) -> [sock_filter; 3] {
    let instruction = |code: u32, jt, jf, k| sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    [
        // the number is the first member of struct seccomp_data
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, number),
        instruction(
            libc::BPF_RET | libc::BPF_K,
            0,
            0,
            libc::SECCOMP_RET_ERRNO | libc::EPERM as u32,
        ),
    ]
}
