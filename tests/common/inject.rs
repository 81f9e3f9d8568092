//! System calls made by the threads of another process, as if its own code made them: by ptrace(2).
//!
//! Tells what a process could do that somebody else has taken over.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::fs::FileExt;
use std::ptr;

use libc::{c_long, c_void, pid_t, user_regs_struct};

/// Encoding of the instruction `syscall`.
const SYSCALL: [u8; 2] = [0x0f, 0x05];
/// Bytes below the stack pointer that belong to the running function (System V ABI, 3.2.2), and some room.
const BELOW_STACK: u64 = 4096;

/// An argument of a system call.
#[derive(Clone, Debug)]
pub(crate) enum Argument {
    Number(u64),
    /// Address of a text with a zero at its end.
    Text(&'static str),
    /// Address of that many zeros.
    Zeros(usize),
}

/// Threads of a process.
pub(crate) fn threads(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let names = threads.map(|t| {
        t.expect("a thread")
            .file_name()
            .to_string_lossy()
            .into_owned()
    });
    names.map(|name| name.parse().expect("a number")).collect()
}

/// Stopped thread.
pub(crate) struct Puppet {
    tid: pid_t,
    memory: File,
    before: user_regs_struct,
}

impl Puppet {
    /// Stops a thread, wherever it is.
    pub(crate) fn stop(pid: u32, tid: u32) -> Puppet {
        let memory = File::options()
            .read(true)
            .write(true)
            .open(format!("/proc/{pid}/mem"));
        let tid = tid as pid_t;
        ptrace(libc::PTRACE_SEIZE, tid, ptr::null_mut());
        ptrace(libc::PTRACE_INTERRUPT, tid, ptr::null_mut());
        wait(tid);
        Puppet {
            tid,
            memory: memory.expect("root may"),
            before: registers(tid),
        }
    }

    /// Address of an instruction `syscall`, if the thread is in a system call.
    pub(crate) fn gate(&self) -> Option<u64> {
        let mut bytes = [0; 2];
        let at = self.before.rip - 2;
        self.memory.read_exact_at(&mut bytes, at).ok()?;
        (bytes == SYSCALL).then_some(at)
    }

    /// Makes the thread execute that system call at `gate`, and returns its result: negative for an error.
    pub(crate) fn call(&self, gate: u64, number: c_long, arguments: &[Argument]) -> i64 {
        let mut registers = self.before;
        let mut at = (self.before.rsp - BELOW_STACK) & !15;
        let mut changed = Vec::new();
        let mut values = [0; 6];
        for (value, argument) in values.iter_mut().zip(arguments) {
            let bytes = match argument {
                Argument::Number(number) => {
                    *value = *number;
                    continue;
                }
                Argument::Text(text) => CString::new(*text).expect("no zero").into_bytes_with_nul(),
                Argument::Zeros(count) => vec![0; *count],
            };
            at -= (bytes.len() as u64 + 15) & !15;
            let mut old = vec![0; bytes.len()];
            self.memory.read_exact_at(&mut old, at).expect("the stack");
            self.memory.write_all_at(&bytes, at).expect("the stack");
            changed.push((at, old));
            *value = at;
        }
        registers.rax = number as u64;
        // not a system call that could be restarted
        registers.orig_rax = u64::MAX;
        registers.rip = gate;
        [
            registers.rdi,
            registers.rsi,
            registers.rdx,
            registers.r10,
            registers.r8,
            registers.r9,
        ] = values;
        set_registers(self.tid, &registers);
        // a signal that has just arrived comes first
        let mut after = registers;
        while after.rip != gate + SYSCALL.len() as u64 {
            ptrace(libc::PTRACE_SINGLESTEP, self.tid, ptr::null_mut());
            wait(self.tid);
            after = self::registers(self.tid);
        }
        for (at, old) in changed {
            self.memory.write_all_at(&old, at).expect("the stack");
        }
        set_registers(self.tid, &self.before);
        after.rax as i64
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        // the program goes on with what it was doing; it may have been killed meanwhile
        // SAFETY: takes numbers only
        unsafe { libc::ptrace(libc::PTRACE_DETACH, self.tid, 0, 0) };
    }
}

fn ptrace(request: libc::c_uint, tid: pid_t, data: *mut c_void) {
    // SAFETY: `data` is null, or points to what the request reads or writes
    let result = unsafe { libc::ptrace(request, tid, ptr::null_mut::<c_void>(), data) };
    assert!(
        result != -1,
        "ptrace {request}: {}",
        io::Error::last_os_error()
    );
}

fn registers(tid: pid_t) -> user_regs_struct {
    let mut registers = MaybeUninit::<user_regs_struct>::uninit();
    ptrace(libc::PTRACE_GETREGS, tid, registers.as_mut_ptr().cast());
    // SAFETY: the kernel has filled it
    unsafe { registers.assume_init() }
}

fn set_registers(tid: pid_t, registers: &user_regs_struct) {
    ptrace(
        libc::PTRACE_SETREGS,
        tid,
        ptr::from_ref(registers).cast_mut().cast(),
    );
}

fn wait(tid: pid_t) {
    let mut status = 0;
    // SAFETY: writes the status
    let stopped = unsafe { libc::waitpid(tid, &mut status, libc::__WALL) };
    assert!(
        stopped == tid && libc::WIFSTOPPED(status),
        "it has ended: {status:x}"
    );
}
