//! seccomp: the system calls that a thread may no longer make. They fail with EPERM.
//!
//! A list of what is forbidden, not of what is allowed: the C library and the kernel add calls that a program makes without
//! knowing them, and an allow-list of yesterday ends the program of tomorrow.

use std::collections::BTreeMap;

use anyhow::Context;
use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
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
    // Landlock knows files that are opened, and not these
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    FCHMODAT2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    SETXATTRAT,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    REMOVEXATTRAT,
    OPEN_TREE_ATTR,
    FILE_SETATTR,
    // signals to others; see `OWN_SIGNALS`
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_send_signal,
];

/// The same on x86-64, which still has the older calls.
#[cfg(target_arch = "x86_64")]
const FORBIDDEN_OLD: &[c_long] = &[
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
    libc::SYS_fork,
    libc::SYS_vfork,
];
#[cfg(not(target_arch = "x86_64"))]
const FORBIDDEN_OLD: &[c_long] = &[];

/// Numbers that the C library's headers may lack; from 424 on they are the same on all architectures
/// (include/uapi/asm-generic/unistd.h).
const FCHMODAT2: c_long = 452;
const SETXATTRAT: c_long = 463;
const REMOVEXATTRAT: c_long = 466;
const OPEN_TREE_ATTR: c_long = 467;
const FILE_SETATTR: c_long = 469;

/// Calls that may signal this process, or ask for another one with signal 0.
const OWN_SIGNALS: [(c_long, u8); 2] = [(libc::SYS_kill, 1), (libc::SYS_tgkill, 2)];

/// Flags of clone(2) that create a namespace (include/uapi/linux/sched.h).
const CLONE_NEW: [i32; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// Commands of bpf(2) that the collector goes on to use (include/uapi/linux/bpf.h): on maps, programs and iterators that exist.
/// Nothing is loaded or created any more.
const BPF_ALLOWED: [u64; 11] = [
    1,  // MAP_LOOKUP_ELEM
    2,  // MAP_UPDATE_ELEM
    3,  // MAP_DELETE_ELEM
    4,  // MAP_GET_NEXT_KEY
    15, // OBJ_GET_INFO_BY_FD
    17, // RAW_TRACEPOINT_OPEN: attaches a program again, see LINK_CREATE
    21, // MAP_LOOKUP_AND_DELETE_ELEM
    24, // MAP_LOOKUP_BATCH
    25, // MAP_LOOKUP_AND_DELETE_BATCH
    28, // LINK_CREATE
    33, // ITER_CREATE
];

/// Commands of ioctl(2) that put keystrokes into a terminal, for the shell to read, or change what its driver does.
const IOCTL_FORBIDDEN: [u64; 3] = [libc::TIOCSTI, 0x541C /* TIOCLINUX */, libc::TIOCSETD];

/// Families of sockets that are used: names are asked for over UDP, and interfaces over a Unix socket that sends nothing.
const FAMILIES: [i32; 3] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6];
/// Types of sockets other than datagrams (include/linux/net.h).
const OTHER_TYPES: [i32; 5] = [
    libc::SOCK_STREAM,
    libc::SOCK_RAW,
    libc::SOCK_RDM,
    libc::SOCK_SEQPACKET,
    10, // SOCK_PACKET
];

/// The bits of a socket's type that are not flags (include/linux/net.h, SOCK_TYPE_MASK).
const SOCKET_TYPE: u64 = 0xf;

/// Number from which on x86-64's calls are those of x32, with the same effects (arch/x86/include/uapi/asm/unistd.h).
#[cfg(target_arch = "x86_64")]
const X32: u32 = 0x4000_0000;

/// Puts the filters into force for the calling thread.
///
/// # Errors
/// If the kernel has no such filters.
pub fn restrict() -> anyhow::Result<()> {
    let invalid = "the filter of system calls is invalid; this is a bug";
    // the arguments of clone3(2) are in memory, where a filter cannot see them; the C library then uses clone(2)
    let clone3 = [(libc::SYS_clone3, vec![])].into();
    for program in [
        compiled(clone3, libc::ENOSYS).context(invalid)?,
        program().context(invalid)?,
    ] {
        apply_filter(&program).context("seccomp(2) refuses the filter")?;
    }
    Ok(())
}

fn program() -> anyhow::Result<BpfProgram> {
    let is = |argument, value| condition(argument, SeccompCmpOp::Eq, value);
    let is_not = |argument, value| condition(argument, SeccompCmpOp::Ne, value);
    let has = |argument, mask, bits| condition(argument, SeccompCmpOp::MaskedEq(mask), bits);
    let any = |conditions: Vec<anyhow::Result<SeccompCondition>>| {
        let rules = conditions.into_iter().map(|c| rule([c]));
        rules.collect::<anyhow::Result<Vec<_>>>()
    };
    let forbidden = FORBIDDEN.iter().chain(FORBIDDEN_OLD);
    let mut calls: BTreeMap<c_long, Vec<SeccompRule>> =
        forbidden.map(|call| (*call, vec![])).collect();
    let bpf = BPF_ALLOWED.map(|command| is_not(0, command));
    calls.insert(libc::SYS_bpf, vec![rule(bpf)?]);
    let ioctls = IOCTL_FORBIDDEN.map(|command| is(1, command));
    calls.insert(libc::SYS_ioctl, any(ioctls.into())?);
    let own = u64::from(std::process::id());
    for (call, signal) in OWN_SIGNALS {
        calls.insert(call, vec![rule([is_not(0, own), is_not(signal, 0)])?]);
    }
    let namespaces = CLONE_NEW.map(|flag| has(0, flag as u64, flag as u64));
    calls.insert(libc::SYS_clone, any(namespaces.into())?);
    let types = OTHER_TYPES.map(|kind| has(1, SOCKET_TYPE, kind as u64));
    let mut sockets = any(types.into())?;
    sockets.push(rule(FAMILIES.map(|family| is_not(0, family as u64)))?);
    calls.insert(libc::SYS_socket, sockets);
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut))]
    let mut program = compiled(calls, libc::EPERM)?;
    #[cfg(target_arch = "x86_64")]
    program.splice(0..0, refuse_from(X32));
    Ok(program)
}

fn compiled(calls: BTreeMap<c_long, Vec<SeccompRule>>, error: i32) -> anyhow::Result<BpfProgram> {
    let filter = SeccompFilter::new(
        calls,
        SeccompAction::Allow,
        SeccompAction::Errno(error.unsigned_abs()),
        std::env::consts::ARCH.try_into()?,
    )?;
    Ok(BpfProgram::try_from(filter)?)
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
fn refuse_from(number: u32) -> [seccompiler::sock_filter; 3] {
    let instruction = |code: u32, jt, jf, k| seccompiler::sock_filter {
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
