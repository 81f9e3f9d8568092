//! Finds out what the kernel lets BPF programs do, by loading small ones: to load all programs for that takes a tenth of a
//! second.

use std::os::fd::{FromRawFd, OwnedFd};

use libbpf_rs::btf::types::{Func, MemberAttr, Struct};
use libbpf_rs::{Btf, libbpf_sys};
use libbpf_sys::bpf_insn;

/// Rights of BPF programs in a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    pub walk: Walk,
    pub files: FileSocket,
}

impl Features {
    /// The features of a kernel that refuses nothing.
    pub const ALL: Features = Features {
        walk: Walk::Map,
        files: FileSocket::Whole,
    };

    /// Finds out what this kernel permits, and returns as much of it as is wanted.
    pub(super) fn of_this_kernel(types: &Btf<'_>, at_most: Features) -> Self {
        Features {
            walk: match at_most.walk {
                Walk::Map => Walk::of_this_kernel(types),
                Walk::Files => Walk::Files,
            },
            files: match at_most.files {
                FileSocket::Whole => FileSocket::of_this_kernel(types),
                FileSocket::ReadOnly => FileSocket::ReadOnly,
            },
        }
    }
}

/// How a snapshot finds the open sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// In the map of their states.
    Map,
    /// Among the open files of all processes and the sockets of this network namespace, where the kernel refuses iterators
    /// over maps. Sockets of other namespaces that no process holds are not found.
    Files,
}

impl Walk {
    /// Finds out whether the kernel permits iterators over maps.
    fn of_this_kernel(types: &Btf<'_>) -> Self {
        // the kernel's name for what an iterator over these maps calls (include/linux/bpf.h, BPF_ITER_FUNC_PREFIX)
        match try_iterator(types, "bpf_iter_bpf_sk_storage_map", &RETURN_0) {
            Err(libc::EPERM) => Walk::Files,
            // if it is another error, loading says why
            _ => Walk::Map,
        }
    }
}

/// Ways to use the socket of an open file in a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSocket {
    /// Read it, and pass it to helpers.
    Whole,
    /// Read it: the kernel trusts no pointer that was read through another one (seen on Linux 6.18.44).
    ReadOnly,
}

impl FileSocket {
    /// Finds out whether the kernel permits passing the socket of an open file to a helper.
    fn of_this_kernel(types: &Btf<'_>) -> Self {
        /// Offset of the file in struct bpf_iter__task_file, after three members of 8 bytes (kernel/bpf/task_iter.c).
        const FILE: i16 = 24;
        let Some(sk) = offset_of(types, "socket", "sk") else {
            // loading says what is missing
            return FileSocket::Whole;
        };
        let program = [
            &[read_through(1, 1, FILE), skip_unless_null(1)][..],
            &RETURN_0,
            &[call(libbpf_sys::BPF_FUNC_sock_from_file)],
            &[skip_unless_null(0)],
            &RETURN_0,
            &[read_through(1, 0, sk)],
            &[call(libbpf_sys::BPF_FUNC_get_socket_cookie)],
            &RETURN_0,
        ];
        match try_iterator(types, "bpf_iter_task_file", &program.concat()) {
            Err(libc::EACCES) => FileSocket::ReadOnly,
            _ => FileSocket::Whole,
        }
    }
}

/// r0 = 0; exit
const RETURN_0: [bpf_insn; 2] = [
    instruction(libbpf_sys::BPF_ALU64 | libbpf_sys::BPF_MOV | libbpf_sys::BPF_K),
    instruction(libbpf_sys::BPF_JMP | libbpf_sys::BPF_EXIT),
];

const fn instruction(code: u32) -> bpf_insn {
    // SAFETY: it consists of numbers, for which 0 is a value.
    let mut instruction: bpf_insn = unsafe { std::mem::zeroed() };
    instruction.code = code as u8;
    instruction
}

/// Register `to` = the eight bytes at an offset from what register `from` points to.
fn read_through(to: u8, from: u8, offset: i16) -> bpf_insn {
    let mut read = instruction(libbpf_sys::BPF_LDX | libbpf_sys::BPF_MEM | libbpf_sys::BPF_DW);
    read.set_dst_reg(to);
    read.set_src_reg(from);
    read.off = offset;
    read
}

/// Skips [`RETURN_0`], unless a register is null.
fn skip_unless_null(register: u8) -> bpf_insn {
    let mut jump = instruction(libbpf_sys::BPF_JMP | libbpf_sys::BPF_JNE | libbpf_sys::BPF_K);
    jump.set_dst_reg(register);
    jump.off = RETURN_0.len() as i16;
    jump
}

/// Calls a helper, with register 1 as its argument; the result is in register 0.
fn call(helper: u32) -> bpf_insn {
    let mut call = instruction(libbpf_sys::BPF_JMP | libbpf_sys::BPF_CALL);
    call.imm = helper as i32;
    call
}

/// Offset of a member of a kernel structure, bytes.
fn offset_of(types: &Btf<'_>, structure: &str, member: &str) -> Option<i16> {
    let structure = types.type_by_name::<Struct<'_>>(structure)?;
    let member = structure
        .iter()
        .find(|m| m.name.is_some_and(|name| name == member))?;
    match member.attr {
        MemberAttr::Normal { offset } => i16::try_from(offset / 8).ok(),
        MemberAttr::BitField { .. } => None,
    }
}

/// Loads a program of the iterator that calls a kernel function of this name, and unloads it. The error is the kernel's
/// number, or ENOENT if it has no such iterator.
fn try_iterator(types: &Btf<'_>, target: &str, program: &[bpf_insn]) -> Result<(), i32> {
    let target = types.type_by_name::<Func<'_>>(target).ok_or(libc::ENOENT)?;
    let mut options = libbpf_sys::bpf_prog_load_opts {
        sz: size_of::<libbpf_sys::bpf_prog_load_opts>() as libbpf_sys::size_t,
        expected_attach_type: libbpf_sys::BPF_TRACE_ITER,
        attach_btf_id: target.type_id().into(),
        ..Default::default()
    };
    // SAFETY: all that the pointers lead to outlives the call.
    let fd = unsafe {
        libbpf_sys::bpf_prog_load(
            libbpf_sys::BPF_PROG_TYPE_TRACING,
            std::ptr::null(),
            c"GPL".as_ptr(),
            program.as_ptr(),
            program.len() as libbpf_sys::size_t,
            &raw mut options,
        )
    };
    if fd < 0 {
        return Err(-fd);
    }
    // SAFETY: it has just been created, and belongs to nobody else
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    Ok(())
}
