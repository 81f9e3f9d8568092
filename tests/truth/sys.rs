//! The system calls that the generators make: sockets to the byte, processes, namespaces.
//!
//! Every failure is a panic that names the call: a generator that cannot do what its case says has no truth to
//! tell.

use std::io;
use std::mem::{MaybeUninit, size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use libc::{c_int, c_void, socklen_t};

pub(crate) const TCP_CLOSE: u8 = 7;
pub(crate) const TCP_CLOSE_WAIT: u8 = 8;
pub(crate) const TCP_FIN_WAIT2: u8 = 5;

/// Seconds that any process of a case may live: far more than it takes, an emulated machine included.
pub(crate) const LIFETIME: u32 = 100;

fn done(what: &str, result: c_int) -> c_int {
    assert!(result >= 0, "{what}: {}", io::Error::last_os_error());
    result
}

/// CLOCK_MONOTONIC in ns, the kernel's `bpf_ktime_get_ns`.
pub(crate) fn now() -> u64 {
    // SAFETY: an all-zero timespec is one.
    let mut t: libc::timespec = unsafe { zeroed() };
    // SAFETY: `t` is writable for the call.
    done("clock_gettime", unsafe {
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut t)
    });
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// The network namespace that a socket belongs to, wherever its process is.
pub(crate) fn netns_of(fd: &OwnedFd) -> u64 {
    const SIOCGSKNS: libc::Ioctl = 0x894c;
    // SAFETY: no pointers; it returns a new descriptor.
    let space = unsafe { libc::ioctl(fd.as_raw_fd(), SIOCGSKNS) };
    inode(&own(done("SIOCGSKNS", space)))
}

/// What it returns, and the time before and after.
pub(crate) fn timed<T>(f: impl FnOnce() -> T) -> (T, [u64; 2]) {
    let before = now();
    let result = f();
    (result, [before, now()])
}

/// Looks until it is so. What is waited for is under way already; a minute is an error.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = now() + 60_000_000_000;
    while !so() {
        assert!(now() < end, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_micros(500));
    }
}

struct RawAddr {
    storage: libc::sockaddr_storage,
    len: socklen_t,
}

fn raw_addr(addr: SocketAddr) -> RawAddr {
    // SAFETY: an all-zero sockaddr_storage is one (AF_UNSPEC).
    let mut storage: libc::sockaddr_storage = unsafe { zeroed() };
    let len = match addr {
        SocketAddr::V4(a) => {
            let sin = libc::sockaddr_in {
                sin_family: libc::AF_INET as u16,
                sin_port: a.port().to_be(),
                sin_addr: libc::in_addr {
                    s_addr: u32::from(*a.ip()).to_be(),
                },
                sin_zero: [0; 8],
            };
            // SAFETY: sockaddr_storage is as large and as aligned as every sockaddr.
            unsafe {
                std::ptr::from_mut(&mut storage)
                    .cast::<libc::sockaddr_in>()
                    .write(sin)
            };
            size_of::<libc::sockaddr_in>()
        }
        SocketAddr::V6(a) => {
            let sin6 = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as u16,
                sin6_port: a.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr {
                    s6_addr: a.ip().octets(),
                },
                sin6_scope_id: a.scope_id(),
            };
            // SAFETY: as above.
            unsafe {
                std::ptr::from_mut(&mut storage)
                    .cast::<libc::sockaddr_in6>()
                    .write(sin6)
            };
            size_of::<libc::sockaddr_in6>()
        }
    };
    RawAddr {
        storage,
        len: len as socklen_t,
    }
}

fn addr_of(storage: &libc::sockaddr_storage) -> SocketAddr {
    match c_int::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that it is one, and the storage is large enough.
            let sin = unsafe {
                std::ptr::from_ref(storage)
                    .cast::<libc::sockaddr_in>()
                    .read()
            };
            let ip = Ipv4Addr::from(u32::from_be(sin.sin_addr.s_addr));
            SocketAddr::new(ip.into(), u16::from_be(sin.sin_port))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let sin6 = unsafe {
                std::ptr::from_ref(storage)
                    .cast::<libc::sockaddr_in6>()
                    .read()
            };
            let ip = Ipv6Addr::from(sin6.sin6_addr.s6_addr);
            // what is spoken on the wire
            let ip = ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4);
            SocketAddr::new(ip, u16::from_be(sin6.sin6_port))
        }
        other => panic!("an address of family {other}"),
    }
}

pub(crate) fn socket(family: c_int, kind: c_int, protocol: c_int) -> OwnedFd {
    try_socket(family, kind, protocol).unwrap_or_else(|e| panic!("socket: {e}"))
}

pub(crate) fn try_socket(family: c_int, kind: c_int, protocol: c_int) -> io::Result<OwnedFd> {
    // SAFETY: no pointers; a descriptor that is returned is ours alone.
    match unsafe { libc::socket(family, kind, protocol) } {
        -1 => Err(io::Error::last_os_error()),
        fd => Ok(own(fd)),
    }
}

/// A TCP socket of the family that can speak to this address. An IPv4 address in an IPv6 socket is written
/// as `::ffff:a.b.c.d`.
pub(crate) fn tcp(addr: SocketAddr) -> OwnedFd {
    let family = if addr.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    socket(family, libc::SOCK_STREAM, 0)
}

fn own(fd: RawFd) -> OwnedFd {
    // SAFETY: the kernel has just made it for us.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

pub(crate) fn bind(fd: &OwnedFd, addr: SocketAddr) {
    setsockopt(fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1);
    let raw = raw_addr(addr);
    // SAFETY: the address is alive and `len` is its length.
    let result = unsafe { libc::bind(fd.as_raw_fd(), (&raw const raw.storage).cast(), raw.len) };
    done("bind", result);
}

/// A multipath TCP socket, if the kernel has them.
pub(crate) fn mptcp() -> io::Result<OwnedFd> {
    const IPPROTO_MPTCP: c_int = 262;
    try_socket(libc::AF_INET, libc::SOCK_STREAM, IPPROTO_MPTCP)
}

pub(crate) fn listen(fd: &OwnedFd, backlog: c_int) {
    // SAFETY: no pointers.
    done("listen", unsafe { libc::listen(fd.as_raw_fd(), backlog) });
}

pub(crate) fn connect(fd: &OwnedFd, addr: SocketAddr) -> io::Result<()> {
    let raw = raw_addr(addr);
    // SAFETY: the address is alive and `len` is its length.
    match unsafe { libc::connect(fd.as_raw_fd(), (&raw const raw.storage).cast(), raw.len) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// connect() to AF_UNSPEC: takes the connection off the socket.
pub(crate) fn disconnect(fd: &OwnedFd) {
    // SAFETY: an all-zero sockaddr is AF_UNSPEC.
    let raw: libc::sockaddr = unsafe { zeroed() };
    // SAFETY: the address is alive and that long.
    let result = unsafe {
        libc::connect(
            fd.as_raw_fd(),
            &raw,
            size_of::<libc::sockaddr>() as socklen_t,
        )
    };
    done("connect(AF_UNSPEC)", result);
}

pub(crate) fn accept(fd: &OwnedFd) -> OwnedFd {
    // SAFETY: no address is asked for.
    let result =
        unsafe { libc::accept(fd.as_raw_fd(), std::ptr::null_mut(), std::ptr::null_mut()) };
    own(done("accept", result))
}

/// `None` if nobody waits; the listener does not block.
pub(crate) fn try_accept(fd: &OwnedFd) -> Option<OwnedFd> {
    // SAFETY: no address is asked for.
    let result =
        unsafe { libc::accept(fd.as_raw_fd(), std::ptr::null_mut(), std::ptr::null_mut()) };
    (result >= 0).then(|| own(result))
}

/// The descriptor itself, in a process that got it by fork and whose parent's owner stays in the parent.
pub(crate) fn take(fd: &OwnedFd) -> OwnedFd {
    own(fd.as_raw_fd())
}

type NameCall = unsafe extern "C" fn(c_int, *mut libc::sockaddr, *mut socklen_t) -> c_int;

fn name(fd: &OwnedFd, call: NameCall) -> io::Result<SocketAddr> {
    // SAFETY: an all-zero sockaddr_storage is one.
    let mut storage: libc::sockaddr_storage = unsafe { zeroed() };
    let mut len = size_of::<libc::sockaddr_storage>() as socklen_t;
    // SAFETY: both are writable, and `len` tells how much.
    match unsafe { call(fd.as_raw_fd(), (&raw mut storage).cast(), &mut len) } {
        0 => Ok(addr_of(&storage)),
        _ => Err(io::Error::last_os_error()),
    }
}

pub(crate) fn local_addr(fd: &OwnedFd) -> SocketAddr {
    name(fd, libc::getsockname).unwrap_or_else(|e| panic!("getsockname: {e}"))
}

pub(crate) fn peer_addr(fd: &OwnedFd) -> io::Result<SocketAddr> {
    name(fd, libc::getpeername)
}

pub(crate) fn setsockopt(fd: &OwnedFd, level: c_int, option: c_int, value: c_int) {
    // SAFETY: the value is alive and that long.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of::<c_int>() as socklen_t,
        )
    };
    done("setsockopt", result);
}

pub(crate) fn tcp_option(fd: &OwnedFd, option: c_int, value: c_int) {
    setsockopt(fd, libc::IPPROTO_TCP, option, value);
}

/// A close is a reset from now on.
pub(crate) fn linger_zero(fd: &OwnedFd) {
    let value = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    // SAFETY: the value is alive and that long.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const value).cast(),
            size_of::<libc::linger>() as socklen_t,
        )
    };
    done("SO_LINGER", result);
}

pub(crate) fn cookie(fd: &OwnedFd) -> u64 {
    let mut value = 0_u64;
    let mut len = size_of::<u64>() as socklen_t;
    // SAFETY: both are writable, and `len` tells how much.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_COOKIE,
            (&raw mut value).cast(),
            &mut len,
        )
    };
    done("SO_COOKIE", result);
    value
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
    pub(crate) fn bytes_retrans(&self) -> u64 {
        self.u64(208)
    }
}

/// Bytes that wait to be read (`FIONREAD`), or to be acknowledged (`TIOCOUTQ`).
pub(crate) fn queued(fd: &OwnedFd, request: libc::Ioctl) -> usize {
    let mut count: c_int = 0;
    // SAFETY: both requests write one int.
    done("ioctl", unsafe {
        libc::ioctl(fd.as_raw_fd(), request, &mut count)
    });
    count as usize
}

/// How much was taken of it.
pub(crate) fn send(fd: &OwnedFd, data: &[u8], flags: c_int) -> io::Result<usize> {
    // SAFETY: the data is alive and that long.
    let sent = unsafe {
        libc::send(
            fd.as_raw_fd(),
            data.as_ptr().cast(),
            data.len(),
            flags | libc::MSG_NOSIGNAL,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// sendto() with MSG_FASTOPEN: connects and hands over the first data at once.
pub(crate) fn send_fast_open(fd: &OwnedFd, data: &[u8], addr: SocketAddr) -> usize {
    let raw = raw_addr(addr);
    // SAFETY: data and address are alive and that long.
    let sent = unsafe {
        libc::sendto(
            fd.as_raw_fd(),
            data.as_ptr().cast(),
            data.len(),
            libc::MSG_FASTOPEN | libc::MSG_NOSIGNAL,
            (&raw const raw.storage).cast(),
            raw.len,
        )
    };
    usize::try_from(sent).unwrap_or_else(|_| panic!("MSG_FASTOPEN: {}", io::Error::last_os_error()))
}

pub(crate) fn recv(fd: &OwnedFd, buffer: &mut [u8], flags: c_int) -> io::Result<usize> {
    // SAFETY: the buffer is writable and that long.
    let got = unsafe {
        libc::recv(
            fd.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            flags,
        )
    };
    usize::try_from(got).map_err(|_| io::Error::last_os_error())
}

pub(crate) fn shutdown(fd: &OwnedFd, how: c_int) {
    // SAFETY: no pointers.
    done("shutdown", unsafe { libc::shutdown(fd.as_raw_fd(), how) });
}

/// Waits for it to be readable or writable or broken.
pub(crate) fn poll(fd: &OwnedFd, events: i16) {
    let mut pollfd = libc::pollfd {
        fd: fd.as_raw_fd(),
        events,
        revents: 0,
    };
    // SAFETY: one pollfd, writable.
    done("poll", unsafe { libc::poll(&mut pollfd, 1, 60_000) });
}

pub(crate) fn nonblocking(fd: &OwnedFd) {
    // SAFETY: no pointers.
    done("fcntl", unsafe {
        libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK)
    });
}

/// Survives an exec.
pub(crate) fn keep_over_exec(fd: &OwnedFd) {
    // SAFETY: no pointers.
    done("fcntl", unsafe {
        libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, 0)
    });
}

pub(crate) fn set_name(name: &str) {
    let mut raw = [0_u8; 16];
    raw[..name.len()].copy_from_slice(name.as_bytes());
    // SAFETY: 16 bytes that end in a zero.
    done("PR_SET_NAME", unsafe {
        libc::prctl(libc::PR_SET_NAME, raw.as_ptr())
    });
}

/// The name of the process, which is its first thread's.
pub(crate) fn process_name() -> String {
    let text = std::fs::read_to_string("/proc/self/comm").expect("/proc/self/comm");
    text.trim_end().to_owned()
}

/// Ends this process if its parent does, or in that many seconds at the latest.
pub(crate) fn mortal(seconds: u32) {
    // SAFETY: no pointers.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        libc::alarm(seconds);
    }
}

/// A child that runs it and exits. This process has one thread.
pub(crate) fn fork(f: impl FnOnce()) -> i32 {
    // SAFETY: the generators have one thread, so the child may do everything that the parent may.
    let pid = done("fork", unsafe { libc::fork() });
    if pid == 0 {
        mortal(LIFETIME);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
        exit(i32::from(result.is_err()));
    }
    pid
}

pub(crate) fn exit(status: i32) -> ! {
    // SAFETY: no pointers; nothing of the parent's is to be flushed or dropped here.
    unsafe { libc::_exit(status) }
}

/// The status as a shell would tell it.
pub(crate) fn wait(pid: i32) -> i32 {
    let mut status = 0;
    // SAFETY: one int, writable.
    done("waitpid", unsafe { libc::waitpid(pid, &mut status, 0) });
    if libc::WIFEXITED(status) {
        libc::WEXITSTATUS(status)
    } else {
        128 + libc::WTERMSIG(status)
    }
}

pub(crate) fn kill(pid: i32) {
    // SAFETY: no pointers; the child is not waited for yet, so the number is its.
    done("kill", unsafe { libc::kill(pid, libc::SIGKILL) });
}

pub(crate) fn read(fd: RawFd, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the buffer is writable and that long.
    let got = unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), buffer.len()) };
    usize::try_from(got).map_err(|_| io::Error::last_os_error())
}

pub(crate) fn write(fd: RawFd, data: &[u8]) -> io::Result<usize> {
    // SAFETY: the data is alive and that long.
    let sent = unsafe { libc::write(fd, data.as_ptr().cast(), data.len()) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// A pseudo-terminal: the side to read from, and the one to write to.
pub(crate) fn terminal() -> (OwnedFd, OwnedFd) {
    let (mut ours, mut its) = (0, 0);
    let none = std::ptr::null_mut();
    // SAFETY: two ints, writable; neither name, modes nor size are asked for.
    let result = unsafe { libc::openpty(&mut ours, &mut its, none, none.cast(), none.cast()) };
    done("openpty", result);
    (own(ours), own(its))
}

pub(crate) fn unix_pair() -> (OwnedFd, OwnedFd) {
    let mut fds = [0; 2];
    // SAFETY: two ints, writable.
    done("socketpair", unsafe {
        libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, fds.as_mut_ptr())
    });
    (own(fds[0]), own(fds[1]))
}

#[repr(C, align(8))]
struct Control([u8; 64]);

fn with_control<T>(call: impl FnOnce(&mut libc::msghdr) -> T) -> T {
    let mut byte = [b'x'];
    let mut iov = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    let mut control = Control([0; 64]);
    // SAFETY: an all-zero msghdr is one.
    let mut msg: libc::msghdr = unsafe { zeroed() };
    msg.msg_iov = &mut iov;
    msg.msg_iovlen = 1;
    msg.msg_control = control.0.as_mut_ptr().cast();
    // SAFETY: arithmetic on a constant.
    msg.msg_controllen = unsafe { libc::CMSG_SPACE(size_of::<c_int>() as u32) } as usize;
    call(&mut msg)
}

/// SCM_RIGHTS.
pub(crate) fn send_fd(over: &OwnedFd, fd: &OwnedFd) {
    with_control(|msg| {
        // SAFETY: the control buffer is aligned and large enough for one descriptor.
        let result = unsafe {
            let cmsg = libc::CMSG_FIRSTHDR(msg);
            (*cmsg).cmsg_level = libc::SOL_SOCKET;
            (*cmsg).cmsg_type = libc::SCM_RIGHTS;
            (*cmsg).cmsg_len = libc::CMSG_LEN(size_of::<c_int>() as u32) as usize;
            libc::CMSG_DATA(cmsg)
                .cast::<c_int>()
                .write_unaligned(fd.as_raw_fd());
            libc::sendmsg(over.as_raw_fd(), msg, 0)
        };
        done("sendmsg(SCM_RIGHTS)", result as c_int);
    });
}

pub(crate) fn recv_fd(over: &OwnedFd) -> OwnedFd {
    with_control(|msg| {
        // SAFETY: the buffers of `msg` are writable and as long as it says.
        let got = unsafe { libc::recvmsg(over.as_raw_fd(), msg, 0) };
        done("recvmsg", got as c_int);
        // SAFETY: the kernel has filled in the control message; the descriptor in it is ours.
        unsafe {
            let cmsg = libc::CMSG_FIRSTHDR(msg);
            assert!(!cmsg.is_null(), "no descriptor came");
            own(libc::CMSG_DATA(cmsg).cast::<c_int>().read_unaligned())
        }
    })
}

/// A word that this process and its children share.
pub(crate) fn shared_word() -> &'static AtomicU32 {
    // SAFETY: an anonymous mapping of one page, zeroed, aligned, and never unmapped.
    unsafe {
        let page = libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        assert!(page != libc::MAP_FAILED, "mmap");
        AtomicU32::from_ptr(page.cast())
    }
}

/// A new network namespace around this process; its descriptor.
pub(crate) fn new_netns() -> OwnedFd {
    // SAFETY: no pointers.
    done("unshare(CLONE_NEWNET)", unsafe {
        libc::unshare(libc::CLONE_NEWNET)
    });
    OwnedFd::from(std::fs::File::open("/proc/self/ns/net").expect("/proc/self/ns/net"))
}

pub(crate) fn enter_netns(fd: &impl AsRawFd) {
    // SAFETY: no pointers.
    done("setns", unsafe {
        libc::setns(fd.as_raw_fd(), libc::CLONE_NEWNET)
    });
}

pub(crate) fn inode(fd: &OwnedFd) -> u64 {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: large enough for a stat, which is filled if the call does not fail.
    let stat = unsafe {
        done("fstat", libc::fstat(fd.as_raw_fd(), stat.as_mut_ptr()));
        stat.assume_init()
    };
    stat.st_ino
}

#[repr(C)]
struct IfReq {
    name: [u8; 16],
    flags: i16,
    pad: [u8; 22],
}

fn ifreq(name: &str, flags: c_int) -> IfReq {
    let mut req = IfReq {
        name: [0; 16],
        flags: flags as i16,
        pad: [0; 22],
    };
    req.name[..name.len()].copy_from_slice(name.as_bytes());
    req
}

/// `ip link set lo up`
pub(crate) fn loopback_up() {
    let fd = socket(libc::AF_INET, libc::SOCK_DGRAM, 0);
    let req = ifreq("lo", libc::IFF_UP | libc::IFF_RUNNING);
    // SAFETY: an ifreq with flags, as SIOCSIFFLAGS reads it.
    done("SIOCSIFFLAGS", unsafe {
        libc::ioctl(fd.as_raw_fd(), libc::SIOCSIFFLAGS, &req)
    });
}

/// A TUN interface in this namespace: what the kernel routes there is read from the descriptor.
pub(crate) fn tun(name: &str) -> OwnedFd {
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun")
        .unwrap_or_else(|e| panic!("/dev/net/tun: {e}"));
    let fd = OwnedFd::from(file);
    let req = ifreq(name, libc::IFF_TUN | libc::IFF_NO_PI);
    // SAFETY: an ifreq with flags, as TUNSETIFF reads it.
    done("TUNSETIFF", unsafe {
        libc::ioctl(fd.as_raw_fd(), libc::TUNSETIFF as libc::Ioctl, &req)
    });
    nonblocking(&fd);
    fd
}

/// Waits for one of these to be readable, at most that long.
pub(crate) fn wait_readable(fds: [&OwnedFd; 2], time: Option<Duration>) {
    let mut polls = fds.map(|fd| libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    });
    let timeout = time.map(|t| libc::timespec {
        tv_sec: t.as_secs() as libc::time_t,
        tv_nsec: t.subsec_nanos().into(),
    });
    let timeout = timeout
        .as_ref()
        .map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: two pollfds, writable; a timeout or none; no signal mask.
    unsafe { libc::ppoll(polls.as_mut_ptr(), 2, timeout, std::ptr::null()) };
}

/// Whether this process may do all that.
pub(crate) fn is_root() -> bool {
    // SAFETY: no pointers.
    unsafe { libc::geteuid() == 0 }
}

/// The smallest io_uring there is: one operation at a time, handed to a kernel worker.
pub(crate) struct Uring {
    fd: OwnedFd,
    sq: *mut u8,
    cq: *mut u8,
    sqes: *mut u8,
    params: UringParams,
}

/// struct io_uring_params of include/uapi/linux/io_uring.h
#[repr(C)]
struct UringParams {
    head: [u32; 10],
    sq_off: [u32; 10],
    cq_off: [u32; 10],
}

impl Uring {
    /// `None` if this kernel has none, or forbids it.
    pub(crate) fn new() -> Option<Uring> {
        let mut params = UringParams {
            head: [0; 10],
            sq_off: [0; 10],
            cq_off: [0; 10],
        };
        // SAFETY: the parameters are writable and zero.
        let fd = unsafe { libc::syscall(libc::SYS_io_uring_setup, 4_u32, &mut params) };
        if fd < 0 {
            return None;
        }
        let fd = own(fd as RawFd);
        let map = |offset: libc::off_t| {
            // SAFETY: a new mapping of the ring's own memory; 4 entries fit a page.
            let at = unsafe {
                libc::mmap(
                    std::ptr::null_mut(),
                    4096,
                    libc::PROT_READ | libc::PROT_WRITE,
                    libc::MAP_SHARED | libc::MAP_POPULATE,
                    fd.as_raw_fd(),
                    offset,
                )
            };
            assert!(at != libc::MAP_FAILED, "mmap of io_uring");
            at.cast::<u8>()
        };
        let (sq, cq, sqes) = (map(0), map(0x800_0000), map(0x1000_0000));
        Some(Uring {
            fd,
            sq,
            cq,
            sqes,
            params,
        })
    }

    fn word(base: *mut u8, offset: u32) -> &'static AtomicU32 {
        // SAFETY: the kernel gave the offset of an aligned word in the mapping, which stays.
        unsafe { AtomicU32::from_ptr(base.add(offset as usize).cast()) }
    }

    fn run(&mut self, opcode: u8, fd: &OwnedFd, addr: *const c_void, len: u32, offset: u64) -> i32 {
        use std::sync::atomic::Ordering::{Acquire, Release};
        const IOSQE_ASYNC: u8 = 1 << 4;
        let mask = Self::word(self.sq, self.params.sq_off[2]).load(Acquire);
        let tail_at = Self::word(self.sq, self.params.sq_off[1]);
        let tail = tail_at.load(Acquire);
        let slot = tail & mask;
        // SAFETY: slot is below the number of entries; an SQE is 64 bytes.
        unsafe {
            let sqe = self.sqes.add(slot as usize * 64);
            sqe.write_bytes(0, 64);
            sqe.write(opcode);
            sqe.add(1).write(IOSQE_ASYNC);
            sqe.add(4).cast::<i32>().write(fd.as_raw_fd());
            sqe.add(8).cast::<u64>().write(offset);
            sqe.add(16).cast::<u64>().write(addr as u64);
            sqe.add(24).cast::<u32>().write(len);
        }
        Self::word(self.sq, self.params.sq_off[6] + slot * 4).store(slot, Release);
        tail_at.store(tail.wrapping_add(1), Release);
        const GETEVENTS: u32 = 1;
        // SAFETY: submits the one entry above, whose buffers the caller keeps until this returns.
        let result = unsafe {
            libc::syscall(
                libc::SYS_io_uring_enter,
                self.fd.as_raw_fd(),
                1_u32,
                1_u32,
                GETEVENTS,
                std::ptr::null::<c_void>(),
                0_usize,
            )
        };
        done("io_uring_enter", result as c_int);
        let head_at = Self::word(self.cq, self.params.cq_off[0]);
        let tail_at = Self::word(self.cq, self.params.cq_off[1]);
        until("a completion", || {
            tail_at.load(Acquire) != head_at.load(Acquire)
        });
        let mask = Self::word(self.cq, self.params.cq_off[2]).load(Acquire);
        let head = head_at.load(Acquire);
        // SAFETY: the kernel has filled this entry: user_data u64, res i32, flags u32.
        let result = unsafe {
            self.cq
                .add(self.params.cq_off[5] as usize + (head & mask) as usize * 16 + 8)
                .cast::<i32>()
                .read()
        };
        head_at.store(head.wrapping_add(1), Release);
        result
    }

    pub(crate) fn connect(&mut self, fd: &OwnedFd, addr: SocketAddr) {
        const IORING_OP_CONNECT: u8 = 16;
        let raw = raw_addr(addr);
        let result = self.run(
            IORING_OP_CONNECT,
            fd,
            (&raw const raw.storage).cast(),
            0,
            raw.len.into(),
        );
        assert_eq!(result, 0, "io_uring connect");
    }

    pub(crate) fn recv(&mut self, fd: &OwnedFd, buffer: &mut [u8]) -> usize {
        const IORING_OP_RECV: u8 = 27;
        let len = buffer.len() as u32;
        let got = self.run(IORING_OP_RECV, fd, buffer.as_mut_ptr().cast(), len, 0);
        usize::try_from(got).expect("io_uring recv")
    }

    pub(crate) fn send(&mut self, fd: &OwnedFd, data: &[u8]) -> usize {
        const IORING_OP_SEND: u8 = 26;
        let sent = self.run(
            IORING_OP_SEND,
            fd,
            data.as_ptr().cast(),
            data.len() as u32,
            0,
        );
        usize::try_from(sent).expect("io_uring send")
    }

    /// Makes the ring hold these descriptors. They live as long as it, whatever is closed.
    pub(crate) fn register(&mut self, fds: &[&OwnedFd]) {
        const IORING_REGISTER_FILES: u32 = 2;
        let raw: Vec<RawFd> = fds.iter().map(|fd| fd.as_raw_fd()).collect();
        // SAFETY: as many ints as it says.
        let result = unsafe {
            libc::syscall(
                libc::SYS_io_uring_register,
                self.fd.as_raw_fd(),
                IORING_REGISTER_FILES,
                raw.as_ptr(),
                raw.len() as u32,
            )
        };
        done("io_uring_register", result as c_int);
    }
}
