//! Building blocks of cases: namespaces, processes, and the ends of sessions, which record what they did.
//!
//! An end counts the bytes that it wrote and read, notes the time around every call that begins or ends a
//! session, and writes one JSON line when it is done. `want` in that line has the keys of `tcplife -o json`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, shutdown};
use rustix::process::Pid;
use serde_json::{Value, json};

use crate::link::{self, Quality};
use crate::sys::{self, TcpInfo};

/// Addresses of a case, and the sockets that they are used in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
    /// IPv4 in IPv6 sockets, `::ffff:a.b.c.d`.
    Mapped,
}

/// A counter that all processes of a case share.
#[derive(Clone, Copy)]
pub(crate) struct Flag(pub(crate) &'static AtomicU32);

impl Flag {
    pub(crate) fn new() -> Self {
        Flag(sys::shared_word())
    }
    pub(crate) fn raise(self) {
        sys::raise(self.0);
    }
    /// Waits until it has been raised that often. Many wait at the same time, so they must not poll.
    pub(crate) fn wait_for(self, times: u32) {
        sys::until_raised(self.0, times);
    }
}

/// A case while it runs.
pub(crate) struct Cx {
    family: Family,
    first_port: u16,
    children: RefCell<Vec<(Pid, &'static str)>>,
    all_spaces: RefCell<Vec<OwnedFd>>,
}

/// Where the two sides of a case live: one namespace, or two with a link between them.
pub(crate) struct Net {
    spaces: Vec<OwnedFd>,
    /// The addresses of the client's and the server's side.
    ips: [IpAddr; 2],
    /// Bits that cut the link, see [`link`].
    pub(crate) cut: &'static AtomicU32,
}

impl Net {
    /// A port on the client's side.
    pub(crate) fn client(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ips[0], port)
    }
    /// A port on the server's side.
    pub(crate) fn server(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ips[1], port)
    }
    pub(crate) fn enter_client(&self) {
        sys::enter_netns(&self.spaces[0]);
    }
    pub(crate) fn enter_server(&self) {
        sys::enter_netns(&self.spaces[self.spaces.len() - 1]);
    }
    /// Cuts the link, from now on.
    pub(crate) fn cut(&self, bits: u32) {
        self.cut.store(bits, Ordering::SeqCst);
    }
    /// A listener on the server's side; this process is on the client's side afterwards.
    pub(crate) fn listener(&self, port: u16) -> OwnedFd {
        self.enter_server();
        let fd = listener(self.server(port));
        self.enter_client();
        fd
    }
}

pub(crate) fn listener(addr: SocketAddr) -> OwnedFd {
    let fd = sys::tcp(addr);
    sys::bind(&fd, addr);
    sys::listen(&fd, 64);
    fd
}

pub(crate) fn sysctl(name: &str, value: &str) {
    let path = format!("/proc/sys/net/{name}");
    std::fs::write(&path, value).unwrap_or_else(|e| panic!("{path}: {e}"));
}

pub(crate) fn ip_batch(commands: &str) {
    let mut ip = Command::new("ip")
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("ip: {e}"));
    let mut stdin = ip.stdin.take().expect("piped");
    stdin.write_all(commands.as_bytes()).expect("ip's stdin");
    drop(stdin);
    assert!(
        ip.wait().expect("ip").success(),
        "ip -batch failed:\n{commands}"
    );
}

impl Cx {
    pub(crate) fn new(family: Family, index: usize) -> Self {
        Cx {
            family,
            first_port: 10_000 + u16::try_from(index).expect("few cases") * 16,
            children: RefCell::default(),
            all_spaces: RefCell::default(),
        }
    }

    /// A port that no other case uses.
    pub(crate) fn port(&self, n: u16) -> u16 {
        self.first_port + n
    }

    pub(crate) fn family(&self) -> Family {
        self.family
    }

    fn address(&self, v4: [u8; 4], v6: &str) -> IpAddr {
        let v4 = Ipv4Addr::from(v4);
        match self.family {
            Family::V4 => v4.into(),
            Family::V6 => v6.parse::<Ipv6Addr>().expect(v6).into(),
            Family::Mapped => v4.to_ipv6_mapped().into(),
        }
    }

    /// Tells the suite about the namespaces. The suite holds them open, so that their inodes are not reused.
    fn announce(&self, spaces: &[OwnedFd]) {
        let fds: Vec<i32> = spaces.iter().map(AsRawFd::as_raw_fd).collect();
        let copies = spaces.iter().map(|fd| fd.try_clone().expect("dup"));
        self.all_spaces.borrow_mut().extend(copies);
        say(&json!({"pid": std::process::id(), "netns_fds": fds}));
        self.await_suite();
    }

    fn await_suite(&self) {
        let got =
            rustix::io::read(rustix::stdio::stdin(), &mut [0; 1]).expect("a word from the suite");
        assert_eq!(got, 1, "the suite is gone");
    }

    /// All preexisting sessions are ready: waits until tcplife runs.
    pub(crate) fn hold(&self) {
        say(&json!({"ready": true}));
        self.await_suite();
    }

    /// A namespace with nothing but a loopback interface.
    pub(crate) fn loopback(&self) -> Net {
        let spaces = vec![sys::new_netns()];
        sys::loopback_up();
        self.announce(&spaces);
        let ip = self.address([127, 0, 0, 1], "::1");
        Net {
            spaces,
            ips: [ip, ip],
            cut: sys::shared_word(),
        }
    }

    /// Two namespaces and a link of this quality.
    pub(crate) fn link(&self, quality: Quality) -> Net {
        // the process that is the link waits for a processor now and then
        LINK.store(
            quality.delay.as_nanos() as u64 + 20_000_000,
            Ordering::Relaxed,
        );
        let mut tuns = Vec::new();
        let mut spaces = Vec::new();
        for host in [1, 2] {
            spaces.push(sys::new_netns());
            sys::loopback_up();
            tuns.push(link::tun("tl0"));
            ip_batch(&format!(
                "addr add 10.77.0.{host}/24 dev tl0\naddr add fd77::{host}/64 dev tl0 nodad\nlink set tl0 txqlen 5000 up\n"
            ));
        }
        let net = self.two_spaces(spaces);
        self.fork("tl-link", || {
            link::run(&tuns[0], &tuns[1], quality, net.cut)
        });
        net
    }

    /// Two namespaces and a veth pair, `tl0` on both sides.
    pub(crate) fn veth(&self) -> Net {
        let mut spaces = vec![sys::new_netns(), sys::new_netns()];
        // this process is in the second
        sys::loopback_up();
        ip_batch("link add tl0 type veth peer name tl1\n");
        let mover = format!(
            "link set tl1 netns /proc/self/fd/{}\n",
            spaces[0].as_raw_fd()
        );
        sys::keep_over_exec(&spaces[0]);
        ip_batch(&mover);
        let side = |host: u8| {
            format!(
                "addr add 10.77.0.{host}/24 dev tl0\naddr add fd77::{host}/64 dev tl0 nodad\nlink set tl0 up\n"
            )
        };
        ip_batch(&side(2));
        sys::enter_netns(&spaces[0]);
        sys::loopback_up();
        ip_batch(&format!("link set tl1 name tl0\n{}", side(1)));
        spaces.truncate(2);
        self.two_spaces(spaces)
    }

    fn two_spaces(&self, spaces: Vec<OwnedFd>) -> Net {
        self.announce(&spaces);
        let net = Net {
            ips: [
                self.address([10, 77, 0, 1], "fd77::1"),
                self.address([10, 77, 0, 2], "fd77::2"),
            ],
            spaces,
            cut: sys::shared_word(),
        };
        net.enter_client();
        net
    }

    /// A process of that name.
    pub(crate) fn fork(&self, name: &'static str, f: impl FnOnce()) -> Pid {
        let pid = sys::fork(name, || {
            self.children.borrow_mut().clear();
            f();
        });
        self.children.borrow_mut().push((pid, name));
        pid
    }

    /// Waits for all processes but the link, which ends with this one.
    pub(crate) fn join(&self) {
        let children = self.children.take();
        for &(pid, name) in children.iter().filter(|c| c.1 != "tl-link") {
            let status = sys::wait(pid);
            // a victim is killed on purpose
            assert!(
                status == 0 || name == "tl-victim",
                "{name} ended with {status}"
            );
        }
    }

    /// A server process with a listener of its own: it owns its sessions as long as nothing better is known.
    pub(crate) fn server(&self, net: &Net, f: impl FnOnce(OwnedFd)) {
        let listening = Flag::new();
        self.fork("tl-server", || {
            let listener = net.listener(self.port(0));
            listening.raise();
            f(listener);
        });
        listening.wait_for(1);
    }

    /// A server process and a client process that is connected to it, each with its end.
    pub(crate) fn two(&self, net: &Net, server: impl FnOnce(End), client: impl FnOnce(End)) {
        self.server(net, |listener| {
            net.enter_server();
            server(End::accept(&listener));
        });
        self.fork("tl-client", || {
            client(End::connect(net.server(self.port(0))));
        });
        self.join();
    }

    /// Waits until every session in these namespaces is closed: they need the link until then.
    pub(crate) fn settle(&self) {
        for space in self.all_spaces.borrow().iter() {
            sys::enter_netns(space);
            sys::until("the last session's end", || sessions().is_empty());
        }
    }
}

/// The local ports of the open sessions in this namespace.
pub(crate) fn sessions() -> Vec<u16> {
    const FIN_WAIT_2: &str = "05";
    const TIME_WAIT: &str = "06";
    const LISTEN: &str = "0A";
    let mut ports = Vec::new();
    for table in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
        let text = std::fs::read_to_string(table).expect(table);
        for line in text.lines().skip(1) {
            let mut words = line.split_whitespace().skip(1);
            let local = words.next().expect("a local address");
            let state = words.nth(1).expect("a state");
            // a socket that waits for the peer's FIN without a process is a TIME_WAIT bucket already
            let waits = state == FIN_WAIT_2 && words.nth(5) == Some("0");
            if state != TIME_WAIT && state != LISTEN && !waits {
                let port = local.rsplit(':').next().expect("a port");
                ports.push(u16::from_str_radix(port, 16).expect("hexadecimal"));
            }
        }
    }
    ports
}

/// The local and remote addresses of the established IPv4 connections in this namespace.
pub(crate) fn established() -> Vec<(SocketAddr, SocketAddr)> {
    const ESTABLISHED: &str = "01";
    let addr = |word: &str| -> SocketAddr {
        let (ip, port) = word.split_once(':').expect("an address and a port");
        let ip = u32::from_str_radix(ip, 16).expect("hexadecimal");
        let port = u16::from_str_radix(port, 16).expect("hexadecimal");
        (Ipv4Addr::from(ip.to_ne_bytes()), port).into()
    };
    let text = std::fs::read_to_string("/proc/self/net/tcp").expect("/proc/self/net/tcp");
    let rows = text.lines().skip(1);
    rows.map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words[3] == ESTABLISHED)
        .map(|words| (addr(words[1]), addr(words[2])))
        .collect()
}

/// Waits until the session of that local port is closed.
pub(crate) fn session_is_over(port: u16) {
    sys::until("a session's end", || !sessions().contains(&port));
}

/// Delay in ns until the other side learns of an event: for this process and its children.
static LINK: AtomicU64 = AtomicU64::new(0);

fn say(value: &Value) {
    let line = format!("{value}\n");
    let sent = rustix::io::write(rustix::stdio::stdout(), line.as_bytes()).expect("stdout");
    assert_eq!(sent, line.len(), "a pipe takes a short line whole");
}

/// Reports that this host does not support the case.
pub(crate) fn skip(why: &str) {
    say(&json!({"skipped": why}));
}

/// When the session closes, as this end knows it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndOf {
    /// Between these.
    Mine([u64; 2]),
    /// When the peer's end closes.
    Peers,
    /// Between these, or later, but not later than the peer's end.
    Both([u64; 2]),
}

impl EndOf {
    pub(crate) fn now() -> EndOf {
        let now = sys::now();
        EndOf::Mine([now, now])
    }

    /// Now, or later, but not later than the peer's end.
    pub(crate) fn from_now() -> EndOf {
        let now = sys::now();
        EndOf::Both([now, now])
    }
}

/// One end of a session.
pub(crate) struct End {
    fd: Option<OwnedFd>,
    local: SocketAddr,
    remote: SocketAddr,
    out: bool,
    pub(crate) begun: [u64; 2],
    /// Bytes that this side's applications wrote; those that were never acknowledged come off.
    pub(crate) tx: u64,
    /// Bytes that came from the other side.
    pub(crate) rx: u64,
    has_read: bool,
    has_written: bool,
    want: BTreeMap<&'static str, Value>,
    ranges: BTreeMap<&'static str, [u64; 2]>,
    ranges_or_null: BTreeMap<&'static str, [u64; 2]>,
    any: Vec<&'static str>,
    slack: u64,
}

fn unmapped(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

impl End {
    fn new(fd: OwnedFd, local: SocketAddr, remote: SocketAddr, out: bool, begun: [u64; 2]) -> Self {
        let mut end = End {
            want: BTreeMap::new(),
            ranges: BTreeMap::new(),
            ranges_or_null: BTreeMap::new(),
            any: Vec::new(),
            slack: LINK.load(Ordering::Relaxed),
            local: unmapped(local),
            remote: unmapped(remote),
            out,
            begun,
            tx: 0,
            rx: 0,
            has_read: false,
            has_written: false,
            fd: None,
        };
        end.want("netns", sys::netns_of(&fd));
        end.want("cookie", sys::cookie(&fd));
        end.fd = Some(fd);
        end
    }

    pub(crate) fn connect(remote: SocketAddr) -> End {
        Self::connect_socket(sys::tcp(remote), remote)
    }

    pub(crate) fn connect_socket(fd: OwnedFd, remote: SocketAddr) -> End {
        let (result, begun) = sys::timed(|| rustix::net::connect(&fd, &remote));
        result.unwrap_or_else(|e| panic!("connect to {remote}: {e}"));
        Self::connected(fd, remote, begun)
    }

    /// A socket that was connected in some other way.
    pub(crate) fn connected(fd: OwnedFd, remote: SocketAddr, begun: [u64; 2]) -> End {
        let local = sys::local_addr(&fd);
        End::new(fd, local, remote, true, begun)
    }

    /// A socket that was, or is to be, never connected: the session begins in that time.
    pub(crate) fn attempt(
        fd: OwnedFd,
        local: SocketAddr,
        remote: SocketAddr,
        begun: [u64; 2],
    ) -> End {
        End::new(fd, local, remote, true, begun)
    }

    pub(crate) fn accept(listener: &OwnedFd) -> End {
        Self::accepted(sys::accept(listener))
    }

    pub(crate) fn accepted(fd: OwnedFd) -> End {
        let local = sys::local_addr(&fd);
        let remote = sys::peer_addr(&fd);
        // some time before: when the handshake was over, or with fast open later
        End::new(fd, local, remote, false, [0, sys::now()])
    }

    /// An end that no process ever has a descriptor of: a child that is never accepted.
    pub(crate) fn unseen(like: &OwnedFd, local: SocketAddr, remote: SocketAddr) -> End {
        let copy = like.try_clone().expect("dup");
        let mut end = End::new(copy, local, remote, false, [0; 2]);
        end.want.remove("cookie");
        end
    }

    pub(crate) fn fd(&self) -> &OwnedFd {
        self.fd.as_ref().expect("open until it is ended")
    }

    pub(crate) fn take_fd(&mut self) -> OwnedFd {
        self.fd.take().expect("open until it is ended")
    }

    /// tcplife must report this value.
    pub(crate) fn want(&mut self, key: &'static str, value: impl Into<Value>) {
        self.want.insert(key, value.into());
    }

    /// The session closes that much later than the call that closes it.
    pub(crate) fn link_takes_ms(&mut self, ms: u64) {
        self.slack = LINK.load(Ordering::Relaxed) + ms * 1_000_000;
    }

    /// Any value that tcplife reports is correct.
    pub(crate) fn any(&mut self, key: &'static str) {
        self.any.push(key);
    }

    /// tcplife must report a value between these.
    pub(crate) fn want_between(&mut self, key: &'static str, low: u64, high: u64) {
        self.ranges.insert(key, [low, high]);
    }

    /// The same, or null.
    pub(crate) fn want_between_or_null(&mut self, key: &'static str, low: u64, high: u64) {
        self.ranges_or_null.insert(key, [low, high]);
    }

    /// Writes that many bytes, all of them.
    pub(crate) fn write(&mut self, count: usize) {
        let data = vec![b'x'; count.min(256 * 1024)];
        let mut left = count;
        while left > 0 {
            let some = &data[..left.min(data.len())];
            let sent = sys::send(self.fd(), some, SendFlags::empty())
                .unwrap_or_else(|e| panic!("send: {e}"));
            left -= sent;
            self.wrote(sent);
        }
    }

    pub(crate) fn wrote(&mut self, sent: usize) {
        self.tx += sent as u64;
        self.has_written = true;
    }

    /// That many of the written bytes never reached the other side.
    pub(crate) fn unacknowledged(&mut self, bytes: u64) {
        self.tx -= bytes;
        self.want("unacked_bytes", bytes);
    }

    /// Writes until the socket's buffer is full.
    pub(crate) fn write_until_full(&mut self) {
        let data = vec![b'x'; 64 * 1024];
        while let Ok(sent) = sys::send(self.fd(), &data, SendFlags::DONTWAIT) {
            self.wrote(sent);
        }
    }

    /// Writes until the other side, which does not read, has no room left. Returns the bytes that it did not take.
    pub(crate) fn fill_the_other_side(&mut self) -> u64 {
        self.write_until_full();
        sys::until("nothing on its way", || {
            TcpInfo::of(self.fd()).unacked() == 0
        });
        sys::unacknowledged(self.fd())
    }

    /// Reads that many bytes, no more.
    pub(crate) fn read(&mut self, count: usize) {
        let mut buffer = vec![0; count.min(256 * 1024)];
        let mut left = count;
        while left > 0 {
            let room = left.min(buffer.len());
            let got = sys::recv(self.fd(), &mut buffer[..room], RecvFlags::empty())
                .unwrap_or_else(|e| panic!("recv: {e}"));
            assert!(got > 0, "the peer closed, {left} bytes early");
            left -= got;
            self.read_some(got);
        }
    }

    pub(crate) fn read_some(&mut self, got: usize) {
        self.rx += got as u64;
        self.has_read = true;
    }

    /// Reads until the peer's end of data.
    pub(crate) fn read_to_end(&mut self) {
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let got = sys::recv(self.fd(), &mut buffer, RecvFlags::empty());
            match got.unwrap_or_else(|e| panic!("recv: {e}")) {
                0 => return,
                got => self.read_some(got),
            }
        }
    }

    /// Waits until the peer or the network breaks the session, and returns the error.
    pub(crate) fn read_error(&mut self) -> Errno {
        sys::recv(self.fd(), &mut [0; 1], RecvFlags::empty()).expect_err("the session has closed")
    }

    /// Waits until the session is broken, without reading.
    pub(crate) fn broken(&self) {
        sys::poll(self.fd(), PollFlags::empty());
    }

    /// Waits for that much to have arrived, without reading.
    pub(crate) fn arrived(&mut self, count: usize) {
        sys::until("data", || sys::unread(self.fd()) >= count);
        self.rx += count as u64;
        self.want("unread_bytes", count);
    }

    /// All data has arrived, and stays unread.
    pub(crate) fn all_has_arrived(&mut self) {
        self.arrived(sys::unread(self.fd()));
    }

    /// Waits for everything that was written to be acknowledged, which may take a delayed acknowledgement.
    pub(crate) fn acknowledged(&self) {
        sys::until("acknowledgements", || sys::unacknowledged(self.fd()) == 0);
    }

    pub(crate) fn local_port(&self) -> u16 {
        self.local.port()
    }

    pub(crate) fn state_is(&self, state: u8) {
        sys::until("a TCP state", || TcpInfo::of(self.fd()).state() == state);
    }

    pub(crate) fn shutdown_write(&self) -> [u64; 2] {
        let (done, window) = sys::timed(|| shutdown(self.fd(), Shutdown::Write));
        done.expect("shutdown");
        window
    }

    /// A preexisting session that does not change until it has been compared with a snapshot.
    pub(crate) fn stands(&self, state: &str, owner: &str) {
        let netns = sys::netns_of(self.fd());
        say(&json!({"stands": {
            "netns": netns, "cookie": sys::cookie(self.fd()), "pid": std::process::id(),
            "tx": self.tx, "rx": self.rx, "state": state, "owner": owner,
        }}));
    }

    /// The same for a socket that is not connected yet.
    pub(crate) fn stands_socket(fd: &OwnedFd, remote: SocketAddr, state: &str) {
        let copy = fd.try_clone().expect("dup");
        Self::connected(copy, remote, [0; 2]).stands(state, "scan");
    }

    /// Closes the descriptor, and returns the time around it.
    pub(crate) fn close_fd(&mut self) -> [u64; 2] {
        let fd = self.take_fd();
        sys::timed(|| drop(fd)).1
    }

    /// Closes the descriptor, which closes the session: at once, or for the end that closes first
    /// when its FIN is acknowledged, at the latest when the peer closes.
    pub(crate) fn close(mut self, reason: &str) {
        let window = self.close_fd();
        let is_first = reason == "local-fin";
        let end = if is_first { EndOf::Both } else { EndOf::Mine };
        self.ended(reason, end(window));
    }

    /// Closes a session that the peer has closed before.
    pub(crate) fn close_over(mut self, reason: &str) {
        drop(self.fd.take());
        self.ended(reason, EndOf::Peers);
    }

    /// An MPTCP socket closes its subflow later, when the other side has reported its end of data.
    pub(crate) fn close_mptcp(mut self, reason: &str) {
        let [from, to] = self.close_fd();
        // the program's socket is not the TCP socket
        self.want.remove("cookie");
        self.ended(reason, EndOf::Mine([from, to + 2_000_000_000]));
    }

    pub(crate) fn reset(self, reason: &str) {
        sys::linger_zero(self.fd());
        self.close(reason);
    }

    /// Records what this end did.
    pub(crate) fn ended(mut self, reason: &str, end: EndOf) {
        let evidence = match (self.out, self.has_read) {
            (true, _) => "connect",
            (false, true) => "read",
            (false, false) if self.has_written && sys::sees_writes() => "write",
            (false, false) => "close",
        };
        let direction = if self.out { "out" } else { "in" };
        let facts: [(&'static str, Value); 14] = [
            ("pid", std::process::id().into()),
            ("comm", sys::process_name().into()),
            ("first_comm", Value::Null),
            ("owner", evidence.into()),
            ("laddr", self.local.ip().to_string().into()),
            ("lport", self.local.port().into()),
            ("raddr", self.remote.ip().to_string().into()),
            ("rport", self.remote.port().into()),
            ("ip", if self.local.is_ipv4() { 4 } else { 6 }.into()),
            ("direction", direction.into()),
            ("tx_bytes", self.tx.into()),
            ("rx_bytes", self.rx.into()),
            ("unacked_bytes", 0.into()),
            ("preexisting", false.into()),
        ];
        for (key, value) in facts {
            self.want.entry(key).or_insert(value);
        }
        self.want("reason", reason);
        for key in &self.any {
            self.want.remove(key);
            self.ranges.remove(key);
        }
        let (rule, window) = match end {
            EndOf::Mine(w) => ("mine", Some(w)),
            EndOf::Peers => ("peers", None),
            EndOf::Both(w) => ("both", Some(w)),
        };
        say(&json!({
            "want": self.want, "between": self.ranges,
            "between_or_null": self.ranges_or_null, "begun": self.begun, "rule": rule, "end": window, "slack": self.slack,
        }));
    }
}
