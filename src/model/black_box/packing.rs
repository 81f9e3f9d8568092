//! Sessions as bytes of this process: the numbers that differ from those of the last one, as short as they are, and the control
//! group apart.
//!
//! These bytes never leave the process: a file has the lines of recordings instead.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::model::cgroup::Cgroup;
use crate::model::interface::Interface;
use crate::model::session::{
    Age, Comm, Direction, Evidence, FirstComm, Reason, Session, State, WaitsFor, ZeroWindow,
};
use crate::model::turns::{ResponseTimes, Turns};

/// Numbers of a session, except its control group.
const COUNT: usize = 46;
/// The first of these grow from session to session: what is written is by how much.
const GROWING: usize = 2;
/// Room for the bytes of any number: seven bits in each.
const LONGEST_UINT: usize = 10;
/// Room for the bytes of any session.
const LONGEST: usize = (COUNT + 1) * LONGEST_UINT;
/// Value of an age as a byte.
const AGES: [Age; 3] = [Age::Exact, Age::LowerBound, Age::Unknown];

type Numbers = [u64; COUNT];

/// The sessions that were packed or unpacked last, one for each end of a connection: of the next one, only the numbers are
/// written that differ. The sessions of a busy service are mostly alike.
#[derive(Clone, Debug)]
pub(super) struct Known([Numbers; 2]);

impl Default for Known {
    fn default() -> Self {
        Known([[0; COUNT]; 2])
    }
}

/// Bytes being written. The buffer has room for a whole session, so that there is no check for each byte.
struct Out<const ROOM: usize> {
    bytes: [u8; ROOM],
    length: usize,
}

impl<const ROOM: usize> Out<ROOM> {
    fn new() -> Self {
        Out {
            bytes: [0; ROOM],
            length: 0,
        }
    }

    fn byte(&mut self, byte: u8) {
        if let Some(at) = self.bytes.get_mut(self.length) {
            *at = byte;
            self.length += 1;
        }
    }

    /// Seven bits a byte, the lowest first.
    fn uint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }
}

/// The address as two numbers: its lower half, and its upper one.
fn halves(addr: IpAddr) -> [u64; 2] {
    match addr {
        IpAddr::V4(addr) => [addr.to_bits().into(), 0],
        IpAddr::V6(addr) => [addr.to_bits() as u64, (addr.to_bits() >> 64) as u64],
    }
}

fn addr([lower, upper]: [u64; 2], is_v6: bool) -> Option<IpAddr> {
    Some(match is_v6 {
        false => Ipv4Addr::from_bits(u32::try_from(lower).ok()?).into(),
        true => Ipv6Addr::from_bits(u128::from(upper) << 64 | u128::from(lower)).into(),
    })
}

/// The numbers of a session, those that differ most often first.
fn numbers(session: &Session) -> Numbers {
    let Session {
        cookie,
        start_ns,
        established_ns,
        end_ns,
        cgroup: _,
        tx_bytes,
        rx_bytes,
        retransmitted_bytes,
        busy_ms,
        rwnd_limited_ms,
        sndbuf_limited_ms,
        close_us,
        unacked_bytes,
        unread_bytes,
        srtt_us,
        min_rtt_us,
        retransmits,
        retrans_timeout,
        retrans_fast,
        retrans_probe,
        cwnd,
        mss,
        turns,
        waiting_us,
        pid,
        uid,
        netns,
        interface,
        tx_rate,
        rx_rate,
        lport,
        rport,
        laddr,
        raddr,
        comm,
        first_comm,
        state,
        state_before_close,
        reason,
        owner,
        direction,
        waits_for,
        age,
        zero_window,
    } = session;
    let age = AGES.iter().position(|known| known == age).unwrap_or(0) as u8;
    let kinds = [
        *state as u8 | (*state_before_close as u8) << 4,
        *reason as u8 | (*owner as u8) << 4,
        *direction as u8 | (*waits_for as u8) << 2 | age << 4 | (*zero_window as u8) << 6,
        u8::from(laddr.is_ipv6()) | u8::from(raddr.is_ipv6()) << 1,
    ];
    let (ours, theirs) = (halves(*laddr), halves(*raddr));
    let comm = comm.halves();
    let (peer, own) = (turns.peer.codes(), turns.ours.codes());
    [
        *cookie,
        *end_ns,
        // both are before the end, except of what is damaged
        end_ns.wrapping_sub(*start_ns),
        match established_ns {
            0 => 0,
            at => at.wrapping_sub(*start_ns).wrapping_add(1),
        },
        (*lport).into(),
        (*rport).into(),
        (*close_us).into(),
        (*srtt_us).into(),
        (*min_rtt_us).into(),
        theirs[0],
        ours[0],
        *tx_bytes,
        *rx_bytes,
        turns.count.into(),
        turns.first_data_us.into(),
        peer.0.into(),
        peer.1.into(),
        peer.2.into(),
        own.0.into(),
        own.1.into(),
        own.2.into(),
        u32::from_le_bytes(kinds).into(),
        (*pid).into(),
        (*cwnd).into(),
        (*mss).into(),
        comm[0],
        comm[1],
        theirs[1],
        ours[1],
        (*busy_ms).into(),
        (*rwnd_limited_ms).into(),
        (*sndbuf_limited_ms).into(),
        (*unacked_bytes).into(),
        (*unread_bytes).into(),
        *retransmitted_bytes,
        (*retransmits).into(),
        (*retrans_timeout).into(),
        (*retrans_fast).into(),
        (*retrans_probe).into(),
        (*waiting_us).into(),
        (*uid).into(),
        (*netns).into(),
        interface.code().into(),
        first_comm.code().into(),
        // 0 is all zeros
        tx_rate.to_bits().into(),
        rx_rate.to_bits().into(),
    ]
}

/// Appends a session, without its control group.
pub(super) fn pack(session: &Session, known: &mut Known, to: &mut Vec<u8>) {
    let numbers = numbers(session);
    let which = usize::from(session.direction == Direction::In);
    let last = &mut known.0[which];
    let mut differ = 0_u64;
    for (i, (number, last)) in numbers.iter().zip(last.iter()).enumerate() {
        differ |= u64::from(number != last) << i;
    }
    let mut out = Out::<LONGEST>::new();
    out.uint(differ << 1 | which as u64);
    while differ != 0 {
        let i = differ.trailing_zeros() as usize;
        differ &= differ - 1;
        out.uint(match i {
            ..GROWING => zigzag(numbers[i].wrapping_sub(last[i])),
            _ => numbers[i],
        });
    }
    *last = numbers;
    to.extend_from_slice(&out.bytes[..out.length]);
}

/// A difference as a number that is small if the difference is.
fn zigzag(difference: u64) -> u64 {
    difference << 1 ^ (difference.cast_signed() >> 63).cast_unsigned()
}

fn unzigzag(number: u64) -> u64 {
    number >> 1 ^ (number & 1).wrapping_neg()
}

/// Bytes being read.
#[derive(Debug)]
pub(super) struct In<'a>(pub(super) &'a [u8]);

impl<'a> In<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn uint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

/// Appends a number, in as few bytes as it takes.
pub(super) fn pack_uint(number: u64, to: &mut Vec<u8>) {
    let mut out = Out::<LONGEST_UINT>::new();
    out.uint(number);
    to.extend_from_slice(&out.bytes[..out.length]);
}

/// Reads a session; `None`: these are not the bytes of one.
pub(super) fn unpack(
    from: &mut In<'_>,
    known: &mut Known,
    cgroup: &Arc<Cgroup>,
) -> Option<Session> {
    let word = from.uint()?;
    let numbers = &mut known.0[usize::from(word & 1 == 1)];
    let mut differ = word >> 1;
    while differ != 0 {
        let i = differ.trailing_zeros() as usize;
        differ &= differ - 1;
        let number = numbers.get_mut(i)?;
        *number = match i {
            ..GROWING => number.wrapping_add(unzigzag(from.uint()?)),
            _ => from.uint()?,
        };
    }
    session(numbers, cgroup)
}

/// The session that has these numbers; `None`: there is none.
fn session(numbers: &Numbers, cgroup: &Arc<Cgroup>) -> Option<Session> {
    let [
        cookie,
        end_ns,
        lasted_ns,
        connected_ns,
        lport,
        rport,
        close_us,
        srtt_us,
        min_rtt_us,
        raddr_lower,
        laddr_lower,
        tx_bytes,
        rx_bytes,
        turns,
        first_data_us,
        peer_mean,
        peer_max,
        peer_last,
        own_mean,
        own_max,
        own_last,
        kinds,
        pid,
        cwnd,
        mss,
        comm_lower,
        comm_upper,
        raddr_upper,
        laddr_upper,
        busy_ms,
        rwnd_limited_ms,
        sndbuf_limited_ms,
        unacked_bytes,
        unread_bytes,
        retransmitted_bytes,
        retransmits,
        retrans_timeout,
        retrans_fast,
        retrans_probe,
        waiting_us,
        uid,
        netns,
        interface,
        first_comm,
        tx_rate,
        rx_rate,
    ] = *numbers;
    let short = |number| u16::try_from(number).ok();
    let number = |number| u32::try_from(number).ok();
    let responses = |mean_us, max, last| {
        Some(ResponseTimes::from_codes(
            number(mean_us)?,
            short(max)?,
            short(last)?,
        ))
    };
    let [states, why, kinds, families] = number(kinds)?.to_le_bytes();
    let get = |byte: u8, shift: u32, bits: u32| usize::from(byte >> shift & ((1 << bits) - 1));
    let start_ns = end_ns.wrapping_sub(lasted_ns);
    Some(Session {
        cookie,
        start_ns,
        established_ns: match connected_ns {
            0 => 0,
            after => start_ns.wrapping_add(after - 1),
        },
        end_ns,
        cgroup: Arc::clone(cgroup),
        tx_bytes,
        rx_bytes,
        retransmitted_bytes,
        busy_ms: number(busy_ms)?,
        rwnd_limited_ms: number(rwnd_limited_ms)?,
        sndbuf_limited_ms: number(sndbuf_limited_ms)?,
        close_us: number(close_us)?,
        unacked_bytes: number(unacked_bytes)?,
        unread_bytes: number(unread_bytes)?,
        srtt_us: number(srtt_us)?,
        min_rtt_us: number(min_rtt_us)?,
        retransmits: number(retransmits)?,
        retrans_timeout: number(retrans_timeout)?,
        retrans_fast: number(retrans_fast)?,
        retrans_probe: number(retrans_probe)?,
        cwnd: number(cwnd)?,
        mss: short(mss)?,
        turns: Turns {
            count: number(turns)?,
            first_data_us: number(first_data_us)?,
            peer: responses(peer_mean, peer_max, peer_last)?,
            ours: responses(own_mean, own_max, own_last)?,
        },
        waiting_us: number(waiting_us)?,
        pid: number(pid)?,
        uid: number(uid)?,
        netns: number(netns)?,
        interface: Interface::from_code(short(interface)?),
        tx_rate: f32::from_bits(number(tx_rate)?),
        rx_rate: f32::from_bits(number(rx_rate)?),
        lport: short(lport)?,
        rport: short(rport)?,
        laddr: addr([laddr_lower, laddr_upper], families & 1 > 0)?,
        raddr: addr([raddr_lower, raddr_upper], families & 2 > 0)?,
        comm: Comm::from_halves([comm_lower, comm_upper])?,
        first_comm: FirstComm::from_code(short(first_comm)?),
        state: *State::ALL.get(get(states, 0, 4))?,
        state_before_close: *State::ALL.get(get(states, 4, 4))?,
        reason: *Reason::ALL.get(get(why, 0, 4))?,
        owner: *Evidence::ALL.get(get(why, 4, 4))?,
        direction: *Direction::ALL.get(get(kinds, 0, 2))?,
        waits_for: *WaitsFor::ALL.get(get(kinds, 2, 2))?,
        age: *AGES.get(get(kinds, 4, 2))?,
        zero_window: *ZeroWindow::ALL.get(get(kinds, 6, 2))?,
    })
}

// each of these has its bits in the number of kinds
const _: () = assert!(State::ALL.len() <= 16 && Reason::ALL.len() <= 16);
const _: () = assert!(Evidence::ALL.len() <= 16 && Direction::ALL.len() <= 4);
const _: () = assert!(WaitsFor::ALL.len() <= 4 && ZeroWindow::ALL.len() <= 4);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample;
    use crate::testing::sample::{any_session, closed_session};

    #[test]
    fn any_session_is_unpacked_as_it_was() {
        let mut random = sample::Numbers::from(3);
        let (mut packed, mut unpacked) = (Known::default(), Known::default());
        for _ in 0..20_000 {
            let (cookie, state) = (random.number(), random.below(State::ALL.len() as u64));
            let session = any_session(&mut random, cookie, State::ALL[state as usize]);
            for (to, from) in [
                (&mut packed, &mut unpacked),
                (&mut Known::default(), &mut Known::default()),
            ] {
                let mut bytes = Vec::new();
                pack(&session, to, &mut bytes);
                let mut read = In(&bytes);
                let found = unpack(&mut read, from, &session.cgroup);
                assert_eq!(found.as_ref(), Some(&session));
                assert!(read.0.is_empty());
            }
        }
    }

    #[test]
    fn session_like_the_last_one_takes_few_bytes() {
        let mut known = Known::default();
        let lengths = [0, 1, 2].map(|later| {
            let mut bytes = Vec::new();
            let session = Session {
                cookie: 0x1001 + later,
                end_ns: 1_000_310_000 + later * 1000,
                ..closed_session()
            };
            pack(&session, &mut known, &mut bytes);
            bytes.len()
        });
        assert!(lengths[0] > 60 && lengths[1] < 16, "{lengths:?}");
    }

    #[test]
    fn cut_off_session_is_none() {
        let session = closed_session();
        let mut bytes = Vec::new();
        pack(&session, &mut Known::default(), &mut bytes);
        for length in 0..bytes.len() {
            let mut from = In(&bytes[..length]);
            let found = unpack(&mut from, &mut Known::default(), &session.cgroup);
            assert_eq!(found, None);
        }
    }
}
