//! Synthetic sessions for tests and benchmarks.
//!
//! The single place that builds a whole [`Session`], so that a new figure is added here alone. The program itself does
//! not use it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::model::batch::Batch;
use crate::model::cgroup::{Cgroup, ContainerNames};
use crate::model::interface::Interface;
use crate::model::listener::Listener;
use crate::model::packet_drop::{PacketDirection, PacketDrops};
use crate::model::session::{
    Age, Comm, Direction, Evidence, FirstComm, Reason, Session, State, WaitsFor, ZeroWindow,
};
use crate::model::turns::{ResponseTimes, ShortTime, Turns};

/// Returns a closed session, to be changed as needed.
pub fn closed_session() -> Session {
    Session {
        cookie: 0x1001,
        start_ns: 1_000_000_000,
        established_ns: 1_000_050_000,
        close_us: 30,
        end_ns: 1_000_310_000,
        cgroup: Arc::new(Cgroup::new(7, Some("/system.slice/nginx.service".into()))),
        tx_bytes: 1000,
        rx_bytes: 50_000,
        retransmitted_bytes: 0,
        busy_ms: 4,
        rwnd_limited_ms: 0,
        sndbuf_limited_ms: 0,
        unacked_bytes: 0,
        unread_bytes: 0,
        srtt_us: 120,
        min_rtt_us: 20,
        retransmits: 0,
        retrans_timeout: 0,
        retrans_fast: 0,
        retrans_probe: 0,
        cwnd: 10,
        mss: 65483,
        turns: Turns::default(),
        waiting_us: 0,
        pid: 22597,
        uid: 0,
        netns: 4_026_531_840,
        interface: Interface::default(),
        tx_rate: 0.0,
        rx_rate: 0.0,
        lport: 46644,
        rport: 28527,
        laddr: IpAddr::from([127, 0, 0, 1]),
        raddr: IpAddr::from([127, 0, 0, 1]),
        comm: Comm::from("recordProgramStart"),
        first_comm: FirstComm::default(),
        state: State::Closed,
        state_before_close: State::FinWait2,
        reason: Reason::LocalFin,
        owner: Evidence::Connect,
        direction: Direction::Out,
        waits_for: WaitsFor::Nobody,
        age: Age::Exact,
        zero_window: ZeroWindow::None,
    }
}

/// Returns a listener of a web server, to be changed as needed.
pub fn listener() -> Listener {
    Listener {
        cookie: 0x2001,
        netns: 4_026_531_840,
        interface: Interface::default(),
        addr: IpAddr::from([0, 0, 0, 0]),
        port: 80,
        v6_only: false,
        pid: 812,
        comm: Comm::from("nginx"),
        uid: 0,
        queue: 0,
        queue_limit: 511,
        half_open: 0,
        drops: 0,
        established: 0,
        group_size: 0,
        waiting_since_ns: None,
    }
}

/// Returns dropped packets, to be changed as needed.
pub fn packet_drops() -> PacketDrops {
    PacketDrops {
        reason: "NETFILTER_DROP",
        direction: PacketDirection::Out,
        netns: 4_026_531_840,
        local: (IpAddr::from([10, 0, 0, 1]), 40_000).into(),
        remote: (IpAddr::from([10, 0, 0, 9]), 5432).into(),
        packets: 4,
        syns: 4,
        first_ns: 1_000_000_000,
        last_ns: 2_000_000_000,
    }
}

/// Sessions of a busy host: many peers, few services, some thousand processes. They look random and are the same in
/// every run.
#[derive(Clone, Debug)]
pub struct BusyHost {
    numbers: Numbers,
    common: Session,
}

impl Default for BusyHost {
    fn default() -> Self {
        BusyHost {
            numbers: Numbers::from(1),
            common: Session {
                cgroup: Arc::default(),
                busy_ms: 0,
                mss: 1448,
                netns: 1,
                owner: Evidence::Read,
                direction: Direction::In,
                ..closed_session()
            },
        }
    }
}

/// Reproducible pseudo-random numbers.
#[derive(Clone, Debug, Default)]
pub struct Numbers(u64);

impl Numbers {
    /// Creates a sequence from a seed.
    pub fn from(seed: u64) -> Self {
        Numbers(seed)
    }

    /// Returns the next number: splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
    /// 2014).
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = self.0;
        let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Returns the next number, less than `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.number() % n
    }
}

impl BusyHost {
    /// Returns the next session, with this cookie and state. It starts at as many ns as its cookie says.
    pub fn session(&mut self, cookie: u64, state: State) -> Session {
        const COMMS: [&str; 5] = ["nginx", "curl", "postgres", "redis-server", "sshd-session"];
        let n = self.numbers.number();
        let closed = state == State::Closed;
        Session {
            cookie,
            start_ns: cookie,
            established_ns: cookie + 1000,
            close_us: 0,
            end_ns: cookie + 1000 + n % 1_000_000_000,
            tx_bytes: n % 1_000_003,
            rx_bytes: n % 1_000_033,
            srtt_us: (n % 100_003) as u32,
            retransmits: (n % 3) as u32,
            pid: (n % 30_011) as u32,
            turns: turns(n),
            lport: (n >> 16) as u16,
            rport: [443, 80, 22, 5432][(n >> 8) as usize % 4],
            laddr: address(n),
            raddr: address(self.numbers.number()),
            comm: Comm::from(COMMS[(n % 5) as usize]),
            state,
            state_before_close: if closed { State::FinWait2 } else { state },
            reason: if closed {
                Reason::ALL[1 + (n >> 24) as usize % (Reason::ALL.len() - 1)]
            } else {
                Reason::Open
            },
            ..self.common.clone()
        }
    }
}

/// Returns a session with this cookie and state, whose other figures are anything that a session can have: what may be
/// unknown often is, and names have whatever characters.
pub fn any_session(numbers: &mut Numbers, cookie: u64, state: State) -> Session {
    const NAMES: [&str; 8] = [
        "curl",
        "=1+1",
        "a,b \"c\"",
        "tmux: server",
        "\\",
        "日本;-é",
        "-",
        "",
    ];
    let mut n = || numbers.number();
    let of = |all: usize, n: u64| n as usize % all;
    let figure = |n: u64| {
        if n.is_multiple_of(3) {
            0
        } else {
            (n >> 8) as u32 >> (n >> 3 & 31)
        }
    };
    let bytes = |n: u64| {
        if n.is_multiple_of(3) {
            0
        } else {
            n >> (n >> 3 & 63)
        }
    };
    let name = |n: u64| NAMES[of(NAMES.len(), n)];
    let start_ns = 1 + (n() >> 4);
    let connected_ns = start_ns + n() % 1_000_000_000;
    let path = format!("/system.slice/{}.service", name(n()));
    let cgroup = match n() % 4 {
        0 => Cgroup::default(),
        1 => Cgroup::new(n(), Some(path)),
        2 => Cgroup::new(n(), Some(format!("/docker/{:064x}", n()))),
        _ => Cgroup::new(n(), Some(format!("/docker/{:064x}", n()))).named(&ContainerNames {
            container: Some(name(n()).to_owned()),
            pod: (n() % 2 == 0).then(|| name(n()).to_owned()),
            namespace: (n() % 2 == 0).then(|| name(n()).to_owned()),
        }),
    };
    let comm = Comm::from(name(n()));
    let is_closed = state == State::Closed;
    Session {
        cookie,
        start_ns,
        established_ns: if n().is_multiple_of(3) {
            0
        } else {
            connected_ns
        },
        end_ns: connected_ns + (n() >> 16),
        cgroup: Arc::new(cgroup),
        tx_bytes: bytes(n()),
        rx_bytes: bytes(n()),
        retransmitted_bytes: bytes(n()),
        busy_ms: figure(n()),
        rwnd_limited_ms: figure(n()),
        sndbuf_limited_ms: figure(n()),
        close_us: figure(n()),
        unacked_bytes: figure(n()),
        unread_bytes: figure(n()),
        srtt_us: figure(n()),
        min_rtt_us: figure(n()),
        retransmits: figure(n()),
        retrans_timeout: figure(n()),
        retrans_fast: figure(n()),
        retrans_probe: figure(n()),
        cwnd: figure(n()),
        mss: n() as u16,
        turns: turns(n()),
        waiting_us: figure(n()),
        pid: figure(n()),
        uid: figure(n()),
        netns: figure(n()),
        interface: Interface::new(["", "eth0", "7"][of(3, n())]),
        lport: n() as u16 >> (n() & 15),
        rport: n() as u16,
        laddr: address(n()),
        raddr: address(n()),
        first_comm: FirstComm::new(Comm::from(name(n())), comm),
        comm,
        state,
        state_before_close: match is_closed {
            true => State::ALL[of(State::ALL.len() - 1, n())],
            false => state,
        },
        reason: match is_closed {
            true => Reason::ALL[1 + of(Reason::ALL.len() - 1, n())],
            false => Reason::Open,
        },
        owner: Evidence::ALL[of(Evidence::ALL.len(), n())],
        direction: Direction::ALL[of(Direction::ALL.len(), n())],
        waits_for: match is_closed {
            true => WaitsFor::Nobody,
            false => WaitsFor::ALL[of(WaitsFor::ALL.len(), n())],
        },
        age: [Age::Exact, Age::LowerBound, Age::Unknown][of(3, n())],
        zero_window: ZeroWindow::ALL[of(ZeroWindow::ALL.len(), n())],
        ..closed_session()
    }
}

/// Returns what an open session may be at a later snapshot, or with [`State::Closed`] at its close: some figures differ.
pub fn later_session(numbers: &mut Numbers, before: &Session, state: State) -> Session {
    let mut other = any_session(numbers, before.cookie, state);
    macro_rules! keep_most {
        ($($figure:ident)+) => { $(
            if numbers.below(4) != 0 {
                other.$figure.clone_from(&before.$figure);
            }
        )+ };
    }
    keep_most!(
        cgroup tx_bytes rx_bytes retransmitted_bytes busy_ms rwnd_limited_ms sndbuf_limited_ms close_us
        unacked_bytes unread_bytes srtt_us min_rtt_us retransmits retrans_timeout retrans_fast retrans_probe
        cwnd mss turns pid uid netns interface lport rport laddr raddr comm first_comm owner direction age
        zero_window
    );
    other.start_ns = before.start_ns;
    other.established_ns = before.established_ns;
    other.end_ns = before.end_ns + 1000 + numbers.below(1_000_000_000);
    other
}

/// Returns up to 99 turns: three in four sessions have some.
fn turns(n: u64) -> Turns {
    let count = (n >> 40) as u32 % 100;
    let times = |us: u64| {
        let time = ShortTime::new(us as u32);
        ResponseTimes::new(us * u64::from(count), count, time, time)
    };
    match n % 4 {
        0 => Turns::default(),
        _ => Turns {
            count,
            peer: times(1 + (n >> 8) % 100_003),
            ours: times(1 + (n >> 12) % 1009),
            first_data_us: 1 + (n >> 20) as u32 % 10_007,
        },
    }
}

/// Returns one of 65,536 addresses 10.0.x.y, or in one of four cases an IPv6 address.
fn address(n: u64) -> IpAddr {
    match n % 4 {
        0 => Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(n >> 40)).into(),
        _ => Ipv4Addr::from_bits(0x0a00_0000 | (n >> 48) as u32).into(),
    }
}

/// A batch with a snapshot of the open sessions, taken at a time in nanoseconds, and with sessions closed before it.
pub fn snapshot_batch(taken_ns: u64, open: Vec<Session>, closed: Vec<Session>) -> Batch {
    Batch {
        taken_ns,
        open: Some(open.into()),
        closed,
        ..Batch::default()
    }
}
