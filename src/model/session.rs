//! A TCP session as a plain value, and the names of its states, reasons and evidence.
//!
//! `collector` produces sessions; `fields`, `output` and `ui` show them.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};

use crate::model::cgroup::Cgroup;
use crate::model::interface::{Interface, ZonedAddr};
use crate::model::name_table::NameTable;
use crate::model::turns::Turns;
use crate::text::sanitize::sanitize;

/// Defines an enum whose variants have a name that users type and programs read, a word that the dashboard shows instead
/// if the name is no plain word (`=> "…"`), and a one-line explanation.
macro_rules! named_enum {
    (@word $name:literal) => { $name };
    (@word $name:literal $word:literal) => { $word };
    (@help $doc:expr, $name:literal) => { $doc };
    (@help $doc:expr, $name:literal $word:literal) => { concat!($doc, " In a filter: ", $name) };
    ($(#[$meta:meta])* $type:ident {
        $($(#[doc = $doc:literal])+ $variant:ident = $name:literal $(=> $word:literal)?,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $type { $($(#[doc = $doc])+ $variant,)+ }

        impl $type {
            /// All variants, in sort order.
            pub const ALL: &'static [$type] = &[$($type::$variant),+];
            /// The names of all variants, in the same order.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The words that the dashboard shows, in the same order.
            pub const WORDS: &'static [&'static str] = &[$(named_enum!(@word $name $($word)?)),+];

            /// Returns the name that users type and programs read.
            pub fn name(self) -> &'static str {
                Self::NAMES[self as usize]
            }

            /// Returns the word that the dashboard shows.
            pub fn word(self) -> &'static str {
                Self::WORDS[self as usize]
            }

            /// Returns a one-line explanation.
            pub fn help(self) -> &'static str {
                const HELP: &[&str] = &[$(concat!($($doc),+)),+];
                HELP[self as usize].trim_start()
            }

            /// Returns the explanation, and the name if the dashboard shows another word.
            pub fn help_with_name(self) -> &'static str {
                const HELP: &[&str] =
                    &[$(named_enum!(@help concat!($($doc),+), $name $($word)?)),+];
                HELP[self as usize].trim_start()
            }
        }

        // outside of tests, not every enum uses all of these
        const _: (&[$type], [fn($type) -> &'static str; 3]) =
            ($type::ALL, [$type::word, $type::help, $type::help_with_name]);
    };
}

named_enum! {
    /// Where the connection stands: RFC 9293 §3.3.2, with the names of `ss`.
    State {
        /// SYN sent, no answer yet.
        SynSent = "syn-sent",
        /// SYN received, final ACK of the handshake missing.
        SynRecv = "syn-recv",
        /// Both directions are open.
        Established = "established",
        /// We closed; our FIN is not acknowledged yet.
        FinWait1 = "fin-wait-1",
        /// We closed; the peer has not.
        FinWait2 = "fin-wait-2",
        /// The peer closed; we have not.
        CloseWait = "close-wait",
        /// The peer closed, then we did; our FIN is not acknowledged yet.
        LastAck = "last-ack",
        /// Both ends closed at the same time.
        Closing = "closing",
        /// Closed.
        Closed = "closed",
    }
}

named_enum! {
    /// Reason that a session closed.
    Reason {
        /// Still open.
        Open = "-",
        /// We closed it first, with a FIN.
        LocalFin = "local-fin" => "closed",
        /// The peer closed it first, with a FIN.
        RemoteFin = "remote-fin" => "peer closed",
        /// We reset it: unread data, SO_LINGER 0, or a disconnect.
        LocalReset = "local-reset" => "reset by us",
        /// The peer reset it.
        RemoteReset = "remote-reset" => "peer reset",
        /// Nothing listens on the port (ECONNREFUSED).
        Refused = "refused",
        /// No answer to our SYNs (ETIMEDOUT).
        ConnectTimeout = "connect-timeout" => "no answer",
        /// The peer stopped answering (ETIMEDOUT).
        Timeout = "timeout" => "timed out",
        /// The peer is unreachable (EHOSTUNREACH, ENETUNREACH).
        Unreachable = "unreachable",
        /// We gave up connecting before an answer came.
        Cancelled = "cancelled" => "gave up",
        /// No local port was free (EADDRNOTAVAIL); nothing was sent.
        NoPort = "no-port" => "no port",
        /// It waited in the listener's queue and was never accepted.
        NeverAccepted = "never-accepted" => "unaccepted",
        /// Closed in repair mode (TCP_REPAIR), as by a checkpoint: the peer was told nothing.
        Checkpoint = "checkpoint",
        /// Killed from outside, as by `ss -K` (ECONNABORTED).
        Aborted = "aborted",
        /// The kernel does not say why.
        Unknown = "unknown",
    }
}

impl Reason {
    /// True if the session closed for a known reason other than a FIN or a checkpoint.
    pub fn is_failure(self) -> bool {
        !matches!(
            self,
            Reason::Open
                | Reason::LocalFin
                | Reason::RemoteFin
                | Reason::Checkpoint
                | Reason::Unknown
        )
    }

    /// Returns the error that the application got, if it asked: errno(3). If two errors map to one reason, what both
    /// have in common.
    pub fn errno(self) -> Option<&'static str> {
        match self {
            Reason::Refused => Some("ECONNREFUSED"),
            Reason::ConnectTimeout | Reason::Timeout => Some("ETIMEDOUT"),
            Reason::Unreachable => Some("E*UNREACH"),
            Reason::NoPort => Some("EADDRNOTAVAIL"),
            Reason::RemoteReset => Some("ECONNRESET"),
            Reason::Aborted => Some("ECONNABORTED"),
            _ => None,
        }
    }
}

named_enum! {
    /// The side that opened the session.
    Direction {
        /// Not known: open before tcplife started, or the kernel had no memory for its state.
        Unknown = "unknown",
        /// We connected.
        Out = "out",
        /// We accepted.
        In = "in",
    }
}

named_enum! {
    /// The end of an open session that the other one waits for.
    WaitsFor {
        /// Nobody waits: nothing was asked for, or everything was answered.
        Nobody = "-",
        /// We asked, and the peer has not answered.
        Peer = "peer",
        /// The peer asked, and we have not answered.
        Us = "us",
    }
}

named_enum! {
    /// How the owner is known, weakest evidence first.
    Evidence {
        /// Not known.
        None = "unknown",
        /// It listens on the port; no process has used the session yet.
        Listen = "listen",
        /// It is a kernel thread that opened the session or reads from it, and no process is known to hold the socket.
        Kernel = "kernel",
        /// It held the socket when open files were scanned.
        Scan = "scan",
        /// It closed the socket.
        Close = "close",
        /// It wrote to the socket, and no process has read from it.
        Write = "write",
        /// It read from the socket.
        Read = "read",
        /// It opened the connection.
        Connect = "connect",
    }
}

named_enum! {
    /// End that has no room in its receive buffer, so that the other end has to wait.
    ZeroWindow {
        /// Neither end.
        None = "-",
        /// The peer's window is 0, and data waits for it.
        Peer = "peer",
        /// Our window is 0.
        Ours = "ours",
        /// Both windows are 0, and data waits for the peer's.
        Both = "both",
    }
}

impl ZeroWindow {
    /// Returns the ends whose window is 0.
    pub fn new(peer: bool, ours: bool) -> Self {
        match (peer, ours) {
            (false, false) => ZeroWindow::None,
            (true, false) => ZeroWindow::Peer,
            (false, true) => ZeroWindow::Ours,
            (true, true) => ZeroWindow::Both,
        }
    }

    pub fn is_peer(self) -> bool {
        matches!(self, ZeroWindow::Peer | ZeroWindow::Both)
    }

    pub fn is_ours(self) -> bool {
        matches!(self, ZeroWindow::Ours | ZeroWindow::Both)
    }
}

/// Accuracy of a session's age: of its start, and so of its duration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Age {
    /// Its beginning was seen.
    #[default]
    Exact,
    /// It was already open when tcplife started: its real age is unknown and greater.
    LowerBound,
    /// The kernel had no memory to keep its state. It may have been open when tcplife started or not.
    Unknown,
}

/// Process name as the kernel keeps it: at most 15 bytes (`TASK_COMM_LEN` less the terminator), padded with zeros.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Comm([u8; 15]);

/// Hashed as two numbers, as it is a part of most keys.
impl Hash for Comm {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [lower, upper] = self.halves();
        state.write_u64(lower);
        state.write_u64(upper);
    }
}

impl Comm {
    /// Creates a name from the kernel's bytes. Harmful characters and invalid UTF-8 become `?`: a process chooses its
    /// own name, and it must not be able to drive the reader's terminal.
    pub fn new(raw: [u8; 16]) -> Self {
        const ONES: u128 = u128::from_le_bytes([1; 16]);
        const HIGH: u128 = ONES << 7;
        // most names are plain, and each session has two: all bytes are looked at together
        let word = u128::from_le_bytes(raw);
        // the lowest of these bits is that of the first 0
        let zeros = word.wrapping_sub(ONES) & !word & HIGH;
        let len = (zeros.trailing_zeros() as usize / 8).min(15);
        let name = (1 << (8 * len)) - 1;
        let word = word & name;
        let from_space = (word | HIGH) - ONES * u128::from(b' ');
        let is_delete = (word & !HIGH) + ONES;
        let mut clean = [0; 15];
        if (word | !from_space | is_delete) & HIGH & name == 0 {
            clean.copy_from_slice(&word.to_le_bytes()[..15]);
            return Comm(clean);
        }
        let text = sanitize(&String::from_utf8_lossy(&raw[..len]));
        clean[..text.len()].copy_from_slice(text.as_bytes());
        Comm(clean)
    }

    /// The name as two numbers.
    pub fn halves(&self) -> [u64; 2] {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        let [.., i, j, k, l, m, n, o] = self.0;
        let lower = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        [lower, u64::from_le_bytes([h, i, j, k, l, m, n, o]) >> 8]
    }

    /// Takes what [`Comm::halves`] returned; `None`: it is not a name.
    pub fn from_halves([lower, upper]: [u64; 2]) -> Option<Self> {
        let bytes = (u128::from(upper) << 64 | u128::from(lower)).to_le_bytes();
        let (name, rest) = bytes.split_first_chunk::<15>()?;
        std::str::from_utf8(name).ok()?;
        (rest == [0]).then_some(Comm(*name))
    }

    pub fn as_str(&self) -> &str {
        let len = self.0.iter().position(|&b| b == 0).unwrap_or(self.0.len());
        std::str::from_utf8(&self.0[..len]).unwrap_or_default()
    }
}

impl From<&str> for Comm {
    /// Cuts the name to what the kernel would keep of it.
    fn from(name: &str) -> Self {
        let mut end = name.len().min(15);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        let mut raw = [0; 16];
        raw[..end].copy_from_slice(&name.as_bytes()[..end]);
        Comm::new(raw)
    }
}

impl std::fmt::Debug for Comm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_str().fmt(f)
    }
}

/// First name of an owner that has another one now. The default is none.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FirstComm(u16);

static FIRST_COMMS: LazyLock<NameTable> = LazyLock::new(NameTable::default);

impl FirstComm {
    /// Returns the first name of an owner whose name is `now`: none if it is the same, or empty.
    pub fn new(first: Comm, now: Comm) -> Self {
        if first == now {
            FirstComm::default()
        } else {
            FirstComm(FIRST_COMMS.number(first.as_str()))
        }
    }

    /// Returns the name; `None` if there is none.
    pub fn name(self) -> Option<&'static str> {
        FIRST_COMMS.name(self.0)
    }

    /// Its number in this process, and in no other.
    pub fn code(self) -> u16 {
        self.0
    }

    /// Takes a number that [`FirstComm::code`] returned in this process.
    pub fn from_code(code: u16) -> Self {
        FirstComm(code)
    }
}

impl std::fmt::Debug for FirstComm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FirstComm({:?})", self.name())
    }
}

/// Unique identity of a session. A socket that is connected again keeps its cookie, so the start is part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId {
    /// See [`Session::cookie`].
    pub cookie: u64,
    /// See [`Session::start_ns`].
    pub start_ns: u64,
}

/// One TCP session of this host, open or closed. A connection within the host is two sessions, one for each end.
///
/// Instants are nanoseconds of CLOCK_BOOTTIME in the initial time namespace; [`Clock`](crate::model::batch::Clock)
/// converts them to wall-clock time.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// The kernel's socket cookie, printed by `ss -e` as `sk:`.
    pub cookie: u64,
    /// First SYN sent, or creation by a listener, or first seen.
    pub start_ns: u64,
    /// End of the handshake; 0: never completed, or before tcplife started.
    pub established_ns: u64,
    /// Time of the close; for an open session, of its last snapshot.
    pub end_ns: u64,
    /// Control group of the socket, shared by all sessions in the group.
    pub cgroup: Arc<Cgroup>,
    /// Application bytes that the peer has acknowledged.
    pub tx_bytes: u64,
    /// Application bytes from the peer that arrived in order.
    pub rx_bytes: u64,
    /// Retransmitted bytes.
    pub retransmitted_bytes: u64,
    /// Time with data in flight or waiting, ms: the kernel counts in jiffies, which are not shorter.
    pub busy_ms: u32,
    /// Part of `busy_ms` limited by the peer's receive window.
    pub rwnd_limited_ms: u32,
    /// Part of `busy_ms` limited by our send buffer.
    pub sndbuf_limited_ms: u32,
    /// Time from the first FIN of either end to `end_ns`, µs; 0: no FIN seen. Capped at 71 minutes.
    pub close_us: u32,
    /// Bytes written by the application that the peer never acknowledged.
    pub unacked_bytes: u32,
    /// Bytes received that the application has not read.
    pub unread_bytes: u32,
    /// Smoothed round-trip time, µs; 0: not measured.
    pub srtt_us: u32,
    /// Minimum round-trip time of the last minutes, µs (`net.ipv4.tcp_min_rtt_wlen`); 0: not measured.
    pub min_rtt_us: u32,
    /// Retransmitted segments.
    pub retransmits: u32,
    /// Part of `retransmits` that followed a timeout. As the parts after it, counted while tcplife runs; retransmits that
    /// this host dropped may be in none.
    pub retrans_timeout: u32,
    /// Part of `retransmits` that the peer's acknowledgments asked for.
    pub retrans_fast: u32,
    /// Part of `retransmits` that probed for a lost tail.
    pub retrans_probe: u32,
    /// Congestion window, segments.
    pub cwnd: u32,
    /// Maximum segment size in use, bytes.
    pub mss: u16,
    /// Answers of both ends, and how long they took.
    pub turns: Turns,
    /// Time that the one end has waited for the other, µs; see `waits_for`.
    pub waiting_us: u32,
    /// Process id of the owner; 0: not known.
    pub pid: u32,
    /// User id of the socket.
    pub uid: u32,
    /// Inode number of the network namespace, as printed by `lsns -t net`.
    pub netns: u32,
    /// Interface that the socket is bound to: by its process, or by the kernel because an address is link-local.
    pub interface: Interface,
    /// Bytes sent per second since the previous snapshot; 0 for a closed session.
    pub tx_rate: f32,
    /// Bytes received per second since the previous snapshot; 0 for a closed session.
    pub rx_rate: f32,
    /// Local port.
    pub lport: u16,
    /// The peer's port.
    pub rport: u16,
    /// Local address.
    pub laddr: IpAddr,
    /// The peer's address.
    pub raddr: IpAddr,
    /// Process name of the owner: the last one that is known.
    pub comm: Comm,
    /// Its name at the first evidence of it, if that differs: it has renamed itself or executed another program.
    pub first_comm: FirstComm,
    /// Current state; [`State::Closed`] for a closed session.
    pub state: State,
    /// State before it closed; the same as `state` while it is open.
    pub state_before_close: State,
    /// Reason of the close.
    pub reason: Reason,
    /// Evidence for the owner.
    pub owner: Evidence,
    /// End that opened it.
    pub direction: Direction,
    /// End that the other waits for; nobody for a closed session.
    pub waits_for: WaitsFor,
    /// Accuracy of its age.
    pub age: Age,
    /// End whose receive window is 0, at the last snapshot or at the close.
    pub zero_window: ZeroWindow,
}

impl Session {
    pub fn id(&self) -> SessionId {
        SessionId {
            cookie: self.cookie,
            start_ns: self.start_ns,
        }
    }

    /// Returns the local and the remote address and port.
    pub fn ends(&self) -> (SocketAddr, SocketAddr) {
        (
            SocketAddr::new(self.laddr, self.lport),
            SocketAddr::new(self.raddr, self.rport),
        )
    }

    /// Returns the local address with its zone.
    pub fn local(&self) -> ZonedAddr {
        ZonedAddr::new(self.laddr, self.interface)
    }

    /// Returns the peer's address with its zone.
    pub fn remote(&self) -> ZonedAddr {
        ZonedAddr::new(self.raddr, self.interface)
    }

    /// Returns both ends as text, the local one first, with the zones of their addresses.
    pub fn end_texts(&self) -> (String, String) {
        let (local, remote) = (self.local(), self.remote());
        (local.with_port(self.lport), remote.with_port(self.rport))
    }

    /// Returns the IP version on the wire, 4 or 6.
    pub fn ip(&self) -> u8 {
        if self.laddr.is_ipv4() { 4 } else { 6 }
    }

    /// Gives the owner the name that it has now, and keeps its first one.
    pub fn rename_owner(&mut self, now: Comm) {
        let first = self.first_comm.name().map_or(self.comm, Comm::from);
        self.first_comm = FirstComm::new(first, now);
        self.comm = now;
    }

    pub fn is_open(&self) -> bool {
        self.state != State::Closed
    }

    /// Returns the name of its state while it is open, then of the reason it closed.
    pub fn status(&self) -> &'static str {
        if self.is_open() {
            self.state.name()
        } else {
            self.reason.name()
        }
    }

    /// Returns the word that the dashboard shows for its status.
    pub fn status_word(&self) -> &'static str {
        if self.is_open() {
            self.state.word()
        } else {
            self.reason.word()
        }
    }

    /// Returns the port of the service: ours if the peer connected, the peer's if we did. If nobody knows who
    /// connected, the lower one: services have low ports, clients get high ones.
    pub fn service_port(&self) -> u16 {
        match self.direction {
            Direction::In => self.lport,
            Direction::Out => self.rport,
            Direction::Unknown => self.lport.min(self.rport),
        }
    }

    /// True if we asked and the peer answered: we opened it, or the peer's port looks like that of the service.
    pub fn is_client(&self) -> bool {
        match self.direction {
            Direction::Out => true,
            Direction::In => false,
            Direction::Unknown => self.rport < self.lport,
        }
    }

    /// Returns its duration, ns: from the end of the handshake, or from its start if there was none.
    pub fn duration_ns(&self) -> u64 {
        let from = if self.established_ns == 0 {
            self.start_ns
        } else {
            self.established_ns
        };
        self.end_ns.saturating_sub(from)
    }

    /// Advances the time of an open session that has not changed to `now_ns`.
    pub fn advance_idle_to(&mut self, now_ns: u64) {
        let passed_ns = now_ns.saturating_sub(self.end_ns);
        self.end_ns += passed_ns;
        let passed_us = u32::try_from(passed_ns / 1000).unwrap_or(u32::MAX);
        if self.close_us != 0 {
            self.close_us = self.close_us.saturating_add(passed_us);
        }
        if self.waits_for != WaitsFor::Nobody {
            self.waiting_us = self.waiting_us.saturating_add(passed_us);
        }
        (self.tx_rate, self.rx_rate) = (0.0, 0.0);
    }

    /// Returns how long the handshake took, µs; only for a session that we opened while tcplife was running.
    pub fn connect_us(&self) -> Option<u64> {
        (self.direction == Direction::Out && self.established_ns != 0 && self.age == Age::Exact)
            .then(|| self.established_ns.saturating_sub(self.start_ns) / 1000)
    }

    /// Returns all bytes moved, both directions.
    pub fn bytes(&self) -> u64 {
        self.tx_bytes.saturating_add(self.rx_bytes)
    }

    /// [`Session::busy_ms`] in µs, the unit in which all times are shown.
    pub fn busy_us(&self) -> u64 {
        u64::from(self.busy_ms) * 1000
    }

    /// [`Session::rwnd_limited_ms`] in µs.
    pub fn rwnd_limited_us(&self) -> u64 {
        u64::from(self.rwnd_limited_ms) * 1000
    }

    /// [`Session::sndbuf_limited_ms`] in µs.
    pub fn sndbuf_limited_us(&self) -> u64 {
        u64::from(self.sndbuf_limited_ms) * 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::closed_session as sample;

    #[test]
    fn session_takes_232_bytes() {
        assert_eq!(std::mem::size_of::<Session>(), 232);
    }

    #[test]
    fn comm_ends_before_the_first_zero_and_keeps_plain_characters() {
        for (place, byte) in (0..16).flat_map(|place| (0..=u8::MAX).map(move |b| (place, b))) {
            let mut raw = *b"abcdefgh\0jklmno\0";
            raw[place] = byte;
            let end = raw.iter().position(|b| *b == 0).unwrap_or(15).min(15);
            let plain = raw[..end].iter().all(|b| matches!(b, b' '..=b'~'));
            let comm = Comm::new(raw);
            match std::str::from_utf8(&raw[..end]) {
                Ok(text) if plain => assert_eq!(comm.as_str(), text),
                _ => assert!(comm.as_str().contains('?'), "{raw:?}"),
            }
            assert_eq!(Comm::from_halves(comm.halves()), Some(comm));
        }
    }

    #[test]
    fn comm_with_control_characters_is_sanitized() {
        assert_eq!(
            Comm::new(*b"a\x1b[31mred\n\0\0\0\0\0\0").as_str(),
            "a?[31mred?"
        );
        assert_eq!(
            Comm::new(*b"\xff\xfe name\0\0\0\0\0\0\0\0\0").as_str(),
            "?? name"
        );
        assert_eq!(Comm::from("recordProgramStart").as_str(), "recordProgramSt");
        // as long as the kernel keeps, each byte invalid: the result is no longer than the input
        assert_eq!(Comm::new([0xff; 16]).as_str(), "?".repeat(15));
    }

    #[test]
    fn first_comm_is_kept_until_the_owner_has_that_name_again() {
        let mut s = sample();
        let steps = [
            ("second", Some("recordProgramSt")),
            ("third", Some("recordProgramSt")),
            ("recordProgramSt", None),
            ("fourth", Some("recordProgramSt")),
        ];
        for (name, first) in steps {
            s.rename_owner(Comm::from(name));
            assert_eq!((s.comm.as_str(), s.first_comm.name()), (name, first));
        }
    }

    #[test]
    fn duration_starts_at_the_end_of_the_handshake() {
        let mut s = sample();
        assert_eq!(s.duration_ns(), 260_000);
        assert_eq!(s.connect_us(), Some(50));
        s.established_ns = 0;
        assert_eq!(s.duration_ns(), 310_000);
        assert_eq!(s.connect_us(), None);
    }

    #[test]
    fn wait_until_advances_the_duration_and_the_time_since_the_fin() {
        let mut open = Session {
            end_ns: 5_000_000_000,
            close_us: 0,
            tx_rate: 7.0,
            ..sample()
        };
        open.advance_idle_to(6_500_000_000);
        assert_eq!((open.end_ns, open.close_us), (6_500_000_000, 0));
        assert_eq!(open.tx_rate, 0.0);
        open.close_us = 1;
        open.advance_idle_to(6_501_000_000);
        assert_eq!(open.close_us, 1001);
        // the kernel's clock was read a little later than ours
        open.advance_idle_to(6_500_000_000);
        assert_eq!((open.end_ns, open.close_us), (6_501_000_000, 1001));
    }

    #[test]
    fn reason_names_are_unique_and_have_help() {
        for (i, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(
                Reason::NAMES.iter().position(|n| *n == reason.name()),
                Some(i)
            );
            assert!(reason.help().ends_with('.'), "{:?}", reason.help());
        }
    }

    #[test]
    fn reason_words_are_unique_and_plain() {
        for (i, word) in Reason::WORDS.iter().enumerate() {
            assert_eq!(Reason::WORDS.iter().position(|w| w == word), Some(i));
            assert!(*word == "-" || !word.contains('-'), "{word}");
        }
        assert_eq!(Reason::RemoteFin.word(), "peer closed");
        assert_eq!(
            Reason::RemoteFin.help_with_name(),
            "The peer closed it first, with a FIN. In a filter: remote-fin"
        );
        assert_eq!(
            Reason::Refused.help_with_name(),
            "Nothing listens on the port (ECONNREFUSED)."
        );
    }
}
