//! The system calls that the generators make: sockets to the byte, processes, namespaces.
//!
//! Every failure is a panic that names the call: a generator that cannot do what its case says proves nothing.
//! `libc` is for the calls that rustix does not have: TCP_INFO, SO_TIMESTAMPING and its queue, SIOCGSKNS (whose result is a descriptor), fork, _exit
//! and alarm; and for the numbers and the struct of ioctls.

use std::ffi::{CString, c_int};
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::{MaybeUninit, zeroed};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use rustix::cmsg_space;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::{Errno, FdFlags, Result, fcntl_setfd, ioctl_fionbio};
use rustix::ioctl::{Getter, Opcode, ioctl};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketType, getpeername, getsockname, ipproto, recvmsg,
    sendmsg, socket, sockopt,
};
use rustix::process::{Pid, Signal, WaitOptions, set_parent_process_death_signal, waitpid};
use rustix::thread::{
    LinkNameSpaceType, UnshareFlags, futex, move_into_link_name_space, unshare_unsafe,
};
use rustix::time::{ClockId, clock_gettime};

use crate::link::interface_ioctl;

pub(crate) const TCP_CLOSE: u8 = 7;
pub(crate) const TCP_CLOSE_WAIT: u8 = 8;
pub(crate) const TCP_FIN_WAIT2: u8 = 5;

/// Maximum lifetime of a case's process, in seconds: far more than it takes, even on an emulated machine.
pub(crate) const LIFETIME: u32 = 100;

fn done(what: &str, result: c_int) -> c_int {
    assert!(result >= 0, "{what}: {}", io::Error::last_os_error());
    result
}

// ---- time

/// CLOCK_MONOTONIC in ns, the kernel's `bpf_ktime_get_ns`.
pub(crate) fn now() -> u64 {
    let t = clock_gettime(ClockId::Monotonic);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// Returns the result, and the times before and after.
pub(crate) fn timed<T>(f: impl FnOnce() -> T) -> (T, [u64; 2]) {
    let before = now();
    let result = f();
    (result, [before, now()])
}

/// Waits until the condition holds. It is expected soon; a minute is an error.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = now() + 60_000_000_000;
    while !so() {
        assert!(now() < end, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_micros(500));
    }
}

// ---- sockets

/// A TCP socket of the family that can speak to this address. An IPv4 address in an IPv6 socket is written
/// as `::ffff:a.b.c.d`.
pub(crate) fn tcp(addr: SocketAddr) -> OwnedFd {
    let family = if addr.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    socket(family, SocketType::STREAM, None).expect("socket")
}

pub(crate) fn udp() -> OwnedFd {
    socket(AddressFamily::INET, SocketType::DGRAM, None).expect("socket")
}

/// A multipath TCP socket, if the kernel supports them.
pub(crate) fn mptcp() -> Result<OwnedFd> {
    socket(
        AddressFamily::INET,
        SocketType::STREAM,
        Some(ipproto::MPTCP),
    )
}

pub(crate) fn bind(fd: &OwnedFd, addr: SocketAddr) {
    sockopt::set_socket_reuseaddr(fd, true).expect("SO_REUSEADDR");
    rustix::net::bind(fd, &addr).expect("bind");
}

pub(crate) fn listen(fd: &OwnedFd, backlog: i32) {
    rustix::net::listen(fd, backlog).expect("listen");
}

pub(crate) fn accept(fd: &OwnedFd) -> OwnedFd {
    rustix::net::accept(fd).expect("accept")
}

/// connect() to AF_UNSPEC: disconnects the socket.
pub(crate) fn disconnect(fd: &OwnedFd) {
    rustix::net::connect_unspec(fd).expect("connect(AF_UNSPEC)");
}

pub(crate) fn local_addr(fd: &OwnedFd) -> SocketAddr {
    let addr = getsockname(fd).expect("getsockname");
    addr.try_into().expect("an IP address")
}

pub(crate) fn peer_addr(fd: &OwnedFd) -> SocketAddr {
    let addr = getpeername(fd).expect("getpeername");
    let addr = addr.expect("an address");
    addr.try_into().expect("an IP address")
}

/// Makes the next close a reset.
pub(crate) fn linger_zero(fd: &OwnedFd) {
    sockopt::set_socket_linger(fd, Some(Duration::ZERO)).expect("SO_LINGER");
}

pub(crate) fn user_timeout(fd: &OwnedFd, ms: u32) {
    sockopt::set_tcp_user_timeout(fd, ms).expect("TCP_USER_TIMEOUT");
}

pub(crate) fn cookie(fd: &OwnedFd) -> u64 {
    sockopt::socket_cookie(fd).expect("SO_COOKIE")
}

/// TCP_INFO, by the offsets of include/uapi/linux/tcp.h.
#[derive(Clone, Copy)]
pub(crate) struct TcpInfo([u8; 256]);

impl TcpInfo {
    pub(crate) fn of(fd: &OwnedFd) -> TcpInfo {
        let mut info = TcpInfo([0; 256]);
        let mut len = 256;
        // SAFETY: both are writable, and `len` tells how much.
        let result = unsafe {
            libc::getsockopt(
                fd.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                info.0.as_mut_ptr().cast(),
                &mut len,
            )
        };
        done("TCP_INFO", result);
        info
    }
    fn u32(&self, at: usize) -> u64 {
        u32::from_ne_bytes([self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]]).into()
    }
    fn u64(&self, at: usize) -> u64 {
        let mut raw = [0; 8];
        raw.copy_from_slice(&self.0[at..at + 8]);
        u64::from_ne_bytes(raw)
    }
    pub(crate) fn state(&self) -> u8 {
        self.0[0]
    }
    pub(crate) fn syn_data(&self) -> bool {
        self.0[5] & 32 != 0
    }
    pub(crate) fn mss(&self) -> u64 {
        self.u32(16)
    }
    pub(crate) fn unacked(&self) -> u64 {
        self.u32(24)
    }
    pub(crate) fn rtt(&self) -> u64 {
        self.u32(68)
    }
    pub(crate) fn cwnd(&self) -> u64 {
        self.u32(80)
    }
    pub(crate) fn total_retrans(&self) -> u64 {
        self.u32(100)
    }
    pub(crate) fn min_rtt(&self) -> u64 {
        self.u32(148)
    }
    pub(crate) fn busy(&self) -> u64 {
        self.u64(168)
    }
    pub(crate) fn rwnd_limited(&self) -> u64 {
        self.u64(176)
    }
    pub(crate) fn sndbuf_limited(&self) -> u64 {
        self.u64(184)
    }
    pub(crate) fn snd_wnd(&self) -> u64 {
        self.u32(228)
    }
    pub(crate) fn bytes_retrans(&self) -> u64 {
        self.u64(208)
    }
}

/// Bytes waiting to be read.
pub(crate) fn unread(fd: &OwnedFd) -> usize {
    rustix::io::ioctl_fionread(fd).expect("FIONREAD") as usize
}

/// Bytes written and not acknowledged yet.
pub(crate) fn unacknowledged(fd: &OwnedFd) -> u64 {
    // SAFETY: the request writes one int.
    let count = unsafe { ioctl(fd, Getter::<{ libc::TIOCOUTQ as Opcode }, c_int>::new()) };
    count.expect("TIOCOUTQ") as u64
}

/// Returns the number of bytes that the socket took.
pub(crate) fn send(fd: &OwnedFd, data: &[u8], flags: SendFlags) -> Result<usize> {
    rustix::net::send(fd, data, flags | SendFlags::NOSIGNAL)
}

pub(crate) fn recv(fd: &OwnedFd, buffer: &mut [u8], flags: RecvFlags) -> Result<usize> {
    rustix::net::recv(fd, buffer, flags).map(|(got, _)| got)
}

/// Waits until it is ready for these events, or broken.
pub(crate) fn poll(fd: &OwnedFd, events: PollFlags) {
    let minute = Timespec {
        tv_sec: 60,
        tv_nsec: 0,
    };
    rustix::event::poll(&mut [PollFd::new(fd, events)], Some(&minute)).expect("poll");
}

pub(crate) fn nonblocking(fd: &OwnedFd) {
    ioctl_fionbio(fd, true).expect("FIONBIO");
}

/// Keeps it open over an exec.
pub(crate) fn keep_over_exec(fd: &OwnedFd) {
    fcntl_setfd(fd, FdFlags::empty()).expect("F_SETFD");
}

pub(crate) fn unix_pair() -> (OwnedFd, OwnedFd) {
    let (a, b) = UnixStream::pair().expect("socketpair");
    (a.into(), b.into())
}

/// Sends a descriptor with SCM_RIGHTS.
pub(crate) fn send_fd(over: &OwnedFd, fd: &OwnedFd) {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = [fd.as_fd()];
    assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
    sendmsg(
        over,
        &[IoSlice::new(b"x")],
        &mut control,
        SendFlags::empty(),
    )
    .expect("sendmsg");
}

pub(crate) fn recv_fd(over: &OwnedFd) -> OwnedFd {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut into = [IoSliceMut::new(&mut byte)];
    recvmsg(over, &mut into, &mut control, RecvFlags::empty()).expect("recvmsg");
    let mut fds = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    fds.next()
        .and_then(|mut fds| fds.next())
        .expect("a descriptor")
}

// ---- times of packets

/// Times that the processes of a case share, ns of CLOCK_MONOTONIC.
#[derive(Clone, Copy)]
pub(crate) struct SharedTimes(&'static [AtomicU64; SharedTimes::COUNT]);

impl SharedTimes {
    const COUNT: usize = 4096;

    pub(crate) fn new() -> Self {
        // SAFETY: an anonymous mapping of that size, zeroed, aligned, and never unmapped.
        let times = unsafe {
            let protection = ProtFlags::READ | ProtFlags::WRITE;
            let size = size_of::<[AtomicU64; SharedTimes::COUNT]>();
            let pages = mmap_anonymous(null_mut(), size, protection, MapFlags::SHARED);
            &*pages.expect("mmap").cast()
        };
        SharedTimes(times)
    }

    pub(crate) fn set(self, at: usize, ns: u64) {
        self.0[at].store(ns, Ordering::SeqCst);
    }

    pub(crate) fn get(self, at: usize) -> u64 {
        self.0[at].load(Ordering::SeqCst)
    }
}

/// The times at which the kernel hands packets of a socket to their interface: SO_TIMESTAMPING.
pub(crate) struct SendTimes {
    /// Bytes sent since it was switched on.
    bytes: u32,
}

impl SendTimes {
    pub(crate) fn of(fd: &OwnedFd) -> Self {
        let flags = libc::SOF_TIMESTAMPING_TX_SOFTWARE
            | libc::SOF_TIMESTAMPING_SOFTWARE
            | libc::SOF_TIMESTAMPING_OPT_ID
            | libc::SOF_TIMESTAMPING_OPT_TSONLY;
        // SAFETY: the option is an int, which outlives the call.
        let result = unsafe {
            libc::setsockopt(
                fd.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_TIMESTAMPING,
                (&raw const flags).cast(),
                size_of::<u32>() as u32,
            )
        };
        done("SO_TIMESTAMPING", result);
        SendTimes { bytes: 0 }
    }

    /// Returns when the last of so many bytes was sent that have just been written, ns of CLOCK_MONOTONIC.
    pub(crate) fn of_last_byte(&mut self, fd: &OwnedFd, written: usize) -> u64 {
        self.bytes += written as u32;
        loop {
            // ready for an error: a time is waiting
            poll(fd, PollFlags::empty());
            if let Some((at, ns)) = Self::next(fd)
                && at + 1 == self.bytes
            {
                let clock = clock_gettime(ClockId::Realtime);
                let ahead = clock.tv_sec as u64 * 1_000_000_000 + clock.tv_nsec as u64 - now();
                return ns - ahead;
            }
        }
    }

    /// The next time in the queue: the number of its last byte, and the time, ns of CLOCK_REALTIME.
    fn next(fd: &OwnedFd) -> Option<(u32, u64)> {
        let mut control = [0_u64; 32];
        // SAFETY: all zeros is a valid msghdr.
        let mut message: libc::msghdr = unsafe { zeroed() };
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control);
        let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
        // SAFETY: the message has room for what it says, and outlives the call.
        if unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, flags) } < 0 {
            return None;
        }
        let (mut at, mut ns) = (None, None);
        // SAFETY: the kernel has filled the message, and the headers and data are in `control`.
        unsafe {
            let mut header = libc::CMSG_FIRSTHDR(&raw const message);
            while let Some(one) = header.as_ref() {
                let data = libc::CMSG_DATA(header);
                match (one.cmsg_level, one.cmsg_type) {
                    (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING) => {
                        let time = data.cast::<libc::timespec>().read_unaligned();
                        ns = Some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64);
                    }
                    (libc::SOL_IP, libc::IP_RECVERR) | (libc::SOL_IPV6, libc::IPV6_RECVERR) => {
                        let error = data.cast::<libc::sock_extended_err>().read_unaligned();
                        at = Some(error.ee_data);
                    }
                    _ => {}
                }
                header = libc::CMSG_NXTHDR(&raw const message, header);
            }
        }
        Some((at?, ns?))
    }
}

// ---- processes

pub(crate) fn set_name(name: &str) {
    let name = CString::new(name).expect("a name without a zero");
    rustix::thread::set_name(&name).expect("PR_SET_NAME");
}

/// The name of the process, which is its first thread's.
pub(crate) fn process_name() -> String {
    let text = std::fs::read_to_string("/proc/self/comm").expect("/proc/self/comm");
    text.trim_end().to_owned()
}

/// True if the kernel has a tracepoint that shows who writes: Linux 6.3, or 6.16 for TCP alone.
pub(crate) fn sees_writes() -> bool {
    let types = std::fs::read("/sys/kernel/btf/vmlinux").expect("the kernel's types");
    ["tcp_sendmsg_locked", "sock_send_length"]
        .iter()
        .any(|tracepoint| {
            let name = format!("\0btf_trace_{tracepoint}\0");
            types.windows(name.len()).any(|w| w == name.as_bytes())
        })
}

/// Terminates this process when its parent exits, or after that many seconds at the latest.
pub(crate) fn mortal(seconds: u32) {
    set_parent_process_death_signal(Some(Signal::KILL)).expect("PR_SET_PDEATHSIG");
    // SAFETY: no pointers.
    unsafe { libc::alarm(seconds) };
}

/// Forks a child of that name that runs `f` and exits. This process has one thread.
pub(crate) fn fork(name: &str, f: impl FnOnce()) -> Pid {
    // SAFETY: the generators have one thread, so the child may do everything that the parent may.
    let pid = done("fork", unsafe { libc::fork() });
    if let Some(pid) = Pid::from_raw(pid) {
        return pid;
    }
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        mortal(LIFETIME);
        set_name(name);
        f();
    }));
    // SAFETY: no pointers; nothing of the parent's is to be flushed or dropped here.
    unsafe { libc::_exit(i32::from(result.is_err())) }
}

/// The exit status as a shell would report it.
pub(crate) fn wait(pid: Pid) -> i32 {
    let waited = waitpid(Some(pid), WaitOptions::empty()).expect("waitpid");
    let (_, status) = waited.expect("a child that has ended");
    let signal = || 128 + status.terminating_signal().expect("exited or killed");
    status.exit_status().unwrap_or_else(signal)
}

/// A word of memory shared by this process and its children.
pub(crate) fn shared_word() -> &'static AtomicU32 {
    // SAFETY: an anonymous mapping of one page, zeroed, aligned, and never unmapped.
    unsafe {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let page = mmap_anonymous(null_mut(), 4096, protection, MapFlags::SHARED);
        AtomicU32::from_ptr(page.expect("mmap").cast())
    }
}

/// Adds one to a shared word, and wakes the processes that wait for it.
pub(crate) fn raise(word: &AtomicU32) {
    word.fetch_add(1, Ordering::SeqCst);
    futex::wake(word, futex::Flags::empty(), i32::MAX as u32).expect("FUTEX_WAKE");
}

/// Sleeps until a shared word is that large. A minute is an error, as in [`until`].
pub(crate) fn until_raised(word: &AtomicU32, times: u32) {
    let minute = Timespec {
        tv_sec: 60,
        tv_nsec: 0,
    };
    loop {
        let now = word.load(Ordering::SeqCst);
        if now >= times {
            return;
        }
        match futex::wait(word, futex::Flags::empty(), now, Some(&minute)) {
            Ok(()) | Err(Errno::AGAIN | Errno::INTR) => (),
            Err(e) => panic!("waited in vain for another process of the case: {e}"),
        }
    }
}

// ---- network namespaces

/// Creates a network namespace for this process; returns its descriptor.
pub(crate) fn new_netns() -> OwnedFd {
    // SAFETY: the table of descriptors stays shared.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.expect("unshare(CLONE_NEWNET)");
    File::open("/proc/self/ns/net")
        .expect("/proc/self/ns/net")
        .into()
}

pub(crate) fn enter_netns(fd: &OwnedFd) {
    move_into_link_name_space(fd.as_fd(), Some(LinkNameSpaceType::Network)).expect("setns");
}

/// The network namespace that a socket belongs to, wherever its process is.
pub(crate) fn netns_of(fd: &OwnedFd) -> u64 {
    const SIOCGSKNS: libc::Ioctl = 0x894c;
    // SAFETY: no pointers.
    let space = done("SIOCGSKNS", unsafe {
        libc::ioctl(fd.as_raw_fd(), SIOCGSKNS)
    });
    // SAFETY: the kernel has just made the descriptor for us.
    inode(&unsafe { OwnedFd::from_raw_fd(space) })
}

pub(crate) fn inode(fd: &OwnedFd) -> u64 {
    rustix::fs::fstat(fd).expect("fstat").st_ino
}

/// `ip link set lo up`
pub(crate) fn loopback_up() {
    let flags = libc::IFF_UP | libc::IFF_RUNNING;
    interface_ioctl::<{ libc::SIOCSIFFLAGS as Opcode }>(&udp(), "lo", flags);
}

/// State of a connection that is taken down in repair mode: tcp(7), and Documentation of CRIU's libsoccr.
pub(crate) struct Repaired {
    sent: u32,
    received: u32,
    /// `struct tcp_repair_window`
    window: [u32; 5],
}

impl Repaired {
    const OFF: i32 = 0;
    const ON: i32 = 1;
    const RECEIVE_QUEUE: i32 = 1;
    const SEND_QUEUE: i32 = 2;

    /// Puts the socket into repair mode, where closing it sends nothing.
    pub(crate) fn save(fd: &OwnedFd) -> Repaired {
        set_tcp(fd, libc::TCP_REPAIR, &Self::ON);
        let sequence = |queue: i32| -> u32 {
            set_tcp(fd, libc::TCP_REPAIR_QUEUE, &queue);
            get_tcp(fd, libc::TCP_QUEUE_SEQ)
        };
        Repaired {
            sent: sequence(Self::SEND_QUEUE),
            received: sequence(Self::RECEIVE_QUEUE),
            window: get_tcp(fd, libc::TCP_REPAIR_WINDOW),
        }
    }

    /// Connects a new socket without a word to the peer. Returns when that was.
    pub(crate) fn restore(&self, fd: &OwnedFd, local: SocketAddr, remote: SocketAddr) -> [u64; 2] {
        set_tcp(fd, libc::TCP_REPAIR, &Self::ON);
        bind(fd, local);
        set_tcp(fd, libc::TCP_REPAIR_QUEUE, &Self::SEND_QUEUE);
        set_tcp(fd, libc::TCP_QUEUE_SEQ, &self.sent);
        set_tcp(fd, libc::TCP_REPAIR_QUEUE, &Self::RECEIVE_QUEUE);
        set_tcp(fd, libc::TCP_QUEUE_SEQ, &self.received);
        let (result, begun) = timed(|| rustix::net::connect(fd, &remote));
        result.expect("connect in repair mode");
        set_tcp(fd, libc::TCP_REPAIR_WINDOW, &self.window);
        set_tcp(fd, libc::TCP_REPAIR, &Self::OFF);
        begun
    }
}

fn set_tcp<T>(fd: &OwnedFd, option: i32, value: &T) {
    let size = size_of::<T>() as libc::socklen_t;
    let value = std::ptr::from_ref(value).cast();
    // SAFETY: `value` has `size` bytes.
    let result =
        unsafe { libc::setsockopt(fd.as_raw_fd(), libc::IPPROTO_TCP, option, value, size) };
    assert_eq!(
        result,
        0,
        "setsockopt {option}: {}",
        std::io::Error::last_os_error()
    );
}

fn get_tcp<T: Default>(fd: &OwnedFd, option: i32) -> T {
    let mut value = T::default();
    let mut size = size_of::<T>() as libc::socklen_t;
    let place = std::ptr::from_mut(&mut value).cast();
    // SAFETY: `value` has `size` bytes; it consists of integers.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::IPPROTO_TCP,
            option,
            place,
            &raw mut size,
        )
    };
    assert_eq!(
        result,
        0,
        "getsockopt {option}: {}",
        std::io::Error::last_os_error()
    );
    value
}
