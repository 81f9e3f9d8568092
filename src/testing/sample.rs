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
use crate::text::units::S;

/// Returns a session that closed in this way at a second, of a process of this name; empty: of nobody.
pub fn ended_session(reason: Reason, direction: Direction, comm: &str, end_s: u64) -> Session {
    Session {
        reason,
        direction,
        comm: Comm::from(comm),
        owner: match comm {
            "" => Evidence::None,
            _ => Evidence::Connect,
        },
        end_ns: end_s * S,
        ..closed_session()
    }
}

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

/// Returns a session with this cookie and state, whose other figures are anything that the kernel may report: what may be
/// unknown often is, and names have whatever characters.
pub fn any_session(numbers: &mut Numbers, cookie: u64, state: State) -> Session {
    const TEXTS: [&str; 10] = [
        "curl",
        "Web Content",
        "=1+1",
        "a,b \"c\"",
        "tmux: server",
        "ünï",
        "\\",
        "日本;-é",
        "-",
        "",
    ];
    const PATHS: [&str; 4] = [
        "/system.slice/nginx.service",
        "/system.slice/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope",
        "/machine.slice/machine-a\\x2db.scope",
        "/",
    ];
    fn one<T: Copy>(numbers: &mut Numbers, of: &[T]) -> T {
        of[numbers.below(of.len() as u64) as usize]
    }
    // as many small numbers as large ones
    fn any(numbers: &mut Numbers) -> u64 {
        numbers.number() >> numbers.below(64)
    }
    fn any32(numbers: &mut Numbers) -> u32 {
        match numbers.below(3) {
            0 => 0,
            _ => numbers.number() as u32 >> numbers.below(32),
        }
    }
    fn times(numbers: &mut Numbers) -> ResponseTimes {
        let short = |us| ShortTime::new(us);
        match numbers.below(3) {
            0 => ResponseTimes::default(),
            _ => {
                let (mean, more) = (any32(numbers) | 1, any32(numbers));
                let max = short(mean.saturating_add(more));
                ResponseTimes::new(mean.into(), 1, max, short(any32(numbers)))
            }
        }
    }
    let n = numbers;
    let is_open = state != State::Closed;
    let age = one(n, &[Age::Exact, Age::Exact, Age::LowerBound, Age::Unknown]);
    let is_known = age != Age::Unknown;
    let known = |n: u32| if is_known { n } else { 0 };
    let owner = one(n, Evidence::ALL);
    let has_owner = owner != Evidence::None;
    let comm = Comm::from(if has_owner { one(n, &TEXTS) } else { "" });
    let first = Comm::from(one(n, &TEXTS));
    // as little as 2500 days
    let start_ns = n.below(216_000_000_000_000_000);
    let established_ns = match n.below(4) {
        0 => 0,
        _ => start_ns + n.below(3_000_000_000),
    };
    let end_ns = start_ns.max(established_ns) + (any(n) >> 10);
    let state_before_close = match is_open {
        true => state,
        false => one(n, &State::ALL[..State::Closed as usize]),
    };
    let is_waiting = is_open && n.below(2) == 0;
    let is_v4 = n.below(2) == 0;
    let path = (n.below(4) > 0).then(|| one(n, &PATHS).to_owned());
    let names = ContainerNames {
        container: (n.below(2) == 0).then(|| one(n, &TEXTS).to_owned()),
        pod: (n.below(2) == 0).then(|| one(n, &TEXTS).to_owned()),
        namespace: (n.below(2) == 0).then(|| one(n, &TEXTS).to_owned()),
    };
    Session {
        cookie,
        start_ns,
        established_ns,
        end_ns,
        cgroup: Arc::new(Cgroup::new(any(n), path).named(&names)),
        tx_bytes: any(n),
        rx_bytes: any(n),
        retransmitted_bytes: any(n),
        busy_ms: any32(n),
        rwnd_limited_ms: any32(n),
        sndbuf_limited_ms: any32(n),
        close_us: any32(n),
        unacked_bytes: any32(n),
        unread_bytes: any32(n),
        srtt_us: any32(n),
        min_rtt_us: any32(n),
        retransmits: any32(n),
        retrans_timeout: known(any32(n)),
        retrans_fast: known(any32(n)),
        retrans_probe: known(any32(n)),
        cwnd: any32(n),
        mss: n.number() as u16,
        turns: Turns {
            count: known(any32(n)),
            peer: times(n),
            ours: times(n),
            first_data_us: any32(n),
        },
        waiting_us: if is_waiting { any32(n) } else { 0 },
        pid: if has_owner { any32(n) } else { 0 },
        uid: any32(n),
        netns: any32(n),
        interface: Interface::new(one(n, &["", "eth0", "wg0", "12"])),
        tx_rate: 0.0,
        rx_rate: 0.0,
        lport: n.number() as u16,
        rport: n.number() as u16,
        laddr: any_address(n, is_v4),
        raddr: any_address(n, is_v4),
        comm,
        first_comm: if has_owner {
            FirstComm::new(first, comm)
        } else {
            FirstComm::default()
        },
        state,
        state_before_close,
        reason: if is_open {
            Reason::Open
        } else {
            one(n, &Reason::ALL[1..])
        },
        owner,
        direction: one(n, Direction::ALL),
        waits_for: if is_waiting {
            one(n, &WaitsFor::ALL[1..])
        } else {
            WaitsFor::Nobody
        },
        age,
        zero_window: one(n, ZeroWindow::ALL),
    }
}

/// Returns what an open session may be at a later snapshot, or with [`State::Closed`] at its close: some figures differ.
fn later_session(numbers: &mut Numbers, before: &Session, state: State) -> Session {
    let mut other = loop {
        let other = any_session(numbers, before.cookie, state);
        if other.age == before.age {
            break other;
        }
    };
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
        cwnd mss turns uid netns interface lport rport laddr raddr direction zero_window
    );
    if numbers.below(4) != 0 {
        (other.owner, other.pid) = (before.owner, before.pid);
        (other.comm, other.first_comm) = (before.comm, before.first_comm);
    }
    other.start_ns = before.start_ns;
    other.established_ns = before.established_ns;
    other.end_ns = before.end_ns + 1000 + numbers.below(1_000_000_000);
    other
}

/// Returns a session at some moments while it is open, some of which differ only by their time, and at its close.
pub fn any_life(seed: u64) -> Vec<Session> {
    let mut numbers = Numbers::from(seed);
    let state =
        |numbers: &mut Numbers| State::ALL[numbers.below(State::ALL.len() as u64 - 1) as usize];
    let first = state(&mut numbers);
    let mut life = vec![any_session(&mut numbers, 1 + seed % 1000, first)];
    for _ in 0..numbers.below(6) {
        let before = &life[life.len() - 1];
        let mut idle = before.clone();
        idle.advance_idle_to(idle.end_ns + numbers.below(1_000_000_000));
        let next = match numbers.below(3) {
            0 => idle,
            _ => {
                let next = state(&mut numbers);
                later_session(&mut numbers, before, next)
            }
        };
        life.push(next);
    }
    let last = later_session(&mut numbers, &life[life.len() - 1], State::Closed);
    life.push(last);
    life
}

/// Returns any address: of IPv6 also those that contain one of IPv4.
fn any_address(n: &mut Numbers, is_v4: bool) -> IpAddr {
    match (is_v4, n.below(3)) {
        (true, _) => Ipv4Addr::from_bits(n.number() as u32).into(),
        (_, 0) => Ipv4Addr::from_bits(n.number() as u32)
            .to_ipv6_mapped()
            .into(),
        (_, 1) => Ipv6Addr::from_bits(0xfe80 << 112 | u128::from(n.number() >> 32)).into(),
        _ => Ipv6Addr::from_bits(u128::from(n.number()) << 64 | u128::from(n.number())).into(),
    }
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
