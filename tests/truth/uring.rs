//! A minimal io_uring: one operation at a time, handed to a kernel worker.

use std::ffi::c_void;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::ptr::null_mut;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};

use rustix::io_uring::{
    IORING_OFF_CQ_RING, IORING_OFF_SQ_RING, IORING_OFF_SQES, IoringEnterFlags, IoringOp,
    IoringRegisterOp, IoringSqeFlags, addr_or_splice_off_in_union, io_uring_cqe, io_uring_enter,
    io_uring_params, io_uring_ptr, io_uring_register, io_uring_setup, io_uring_sqe, len_union,
    off_or_addr2_union,
};
use rustix::mm::{MapFlags, ProtFlags, mmap};
use rustix::net::addr::SocketAddrArg;

use crate::sys;

pub(crate) struct Uring {
    fd: OwnedFd,
    sq: *mut c_void,
    cq: *mut c_void,
    sqes: *mut io_uring_sqe,
    params: io_uring_params,
}

impl Uring {
    /// `None` if this kernel has none, or forbids it.
    pub(crate) fn new() -> Option<Uring> {
        let mut params = io_uring_params::default();
        // SAFETY: the ring is not used but by `run`.
        let fd = unsafe { io_uring_setup(4, &mut params) }.ok()?;
        let map = |offset| {
            let protection = ProtFlags::READ | ProtFlags::WRITE;
            let flags = MapFlags::SHARED | MapFlags::POPULATE;
            // SAFETY: a new mapping of the ring's own memory; 4 entries fit a page.
            unsafe { mmap(null_mut(), 4096, protection, flags, &fd, offset) }.expect("mmap")
        };
        let (sq, cq) = (map(IORING_OFF_SQ_RING), map(IORING_OFF_CQ_RING));
        let sqes = map(IORING_OFF_SQES).cast();
        Some(Uring {
            fd,
            sq,
            cq,
            sqes,
            params,
        })
    }

    fn word(base: *mut c_void, offset: u32) -> &'static AtomicU32 {
        // SAFETY: the kernel gave the offset of an aligned word in the mapping, which stays.
        unsafe { AtomicU32::from_ptr(base.byte_add(offset as usize).cast()) }
    }

    fn run(
        &mut self,
        opcode: IoringOp,
        fd: &OwnedFd,
        addr: *mut c_void,
        len: u32,
        offset: u64,
    ) -> i32 {
        let sqe = io_uring_sqe {
            opcode,
            flags: IoringSqeFlags::ASYNC,
            fd: fd.as_raw_fd(),
            off_or_addr2: off_or_addr2_union { off: offset },
            addr_or_splice_off_in: addr_or_splice_off_in_union {
                addr: io_uring_ptr::new(addr),
            },
            len: len_union { len },
            ..Default::default()
        };
        let (sq, cq) = (self.params.sq_off, self.params.cq_off);
        let tail_at = Self::word(self.sq, sq.tail);
        let tail = tail_at.load(Acquire);
        let slot = tail & Self::word(self.sq, sq.ring_mask).load(Acquire);
        // SAFETY: slot is below the number of entries.
        unsafe { self.sqes.add(slot as usize).write(sqe) };
        Self::word(self.sq, sq.array + slot * 4).store(slot, Release);
        tail_at.store(tail.wrapping_add(1), Release);
        // SAFETY: submits the one entry above, whose buffers the caller keeps until this returns.
        unsafe { io_uring_enter(&self.fd, 1, 1, IoringEnterFlags::GETEVENTS) }
            .expect("io_uring_enter");
        let head_at = Self::word(self.cq, cq.head);
        let tail_at = Self::word(self.cq, cq.tail);
        sys::until("a completion", || {
            tail_at.load(Acquire) != head_at.load(Acquire)
        });
        let head = head_at.load(Acquire);
        let slot = head & Self::word(self.cq, cq.ring_mask).load(Acquire);
        // SAFETY: the kernel has filled this entry.
        let result = unsafe {
            let cqes = self.cq.byte_add(cq.cqes as usize).cast::<io_uring_cqe>();
            (*cqes.add(slot as usize)).res
        };
        head_at.store(head.wrapping_add(1), Release);
        result
    }

    pub(crate) fn connect(&mut self, fd: &OwnedFd, addr: SocketAddr) {
        // SAFETY: the address lives until `run` has returned, and is only read.
        let result = unsafe {
            addr.with_sockaddr(|addr, len| {
                let addr = addr.cast_mut().cast();
                self.run(IoringOp::Connect, fd, addr, 0, len.into())
            })
        };
        assert_eq!(result, 0, "io_uring connect");
    }

    pub(crate) fn recv(&mut self, fd: &OwnedFd, buffer: &mut [u8]) -> usize {
        let len = buffer.len() as u32;
        let got = self.run(IoringOp::Recv, fd, buffer.as_mut_ptr().cast(), len, 0);
        usize::try_from(got).expect("io_uring recv")
    }

    pub(crate) fn send(&mut self, fd: &OwnedFd, data: &[u8]) -> usize {
        let (addr, len) = (data.as_ptr().cast_mut().cast(), data.len() as u32);
        let sent = self.run(IoringOp::Send, fd, addr, len, 0);
        usize::try_from(sent).expect("io_uring send")
    }

    /// Registers these descriptors with the ring, which keeps them open, whatever is closed.
    pub(crate) fn register(&mut self, fds: &[&OwnedFd]) {
        let raw: Vec<RawFd> = fds.iter().map(|fd| fd.as_raw_fd()).collect();
        let (at, len) = (raw.as_ptr().cast(), raw.len() as u32);
        // SAFETY: as many descriptors as it says.
        unsafe { io_uring_register(&self.fd, IoringRegisterOp::RegisterFiles, at, len) }
            .expect("io_uring_register");
    }
}
