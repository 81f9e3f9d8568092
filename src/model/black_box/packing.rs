//! Sessions as bytes of this process: numbers as short as they are, and the control group apart.
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

/// Room for the bytes of any session.
const LONGEST: usize = 512;
/// Room for the bytes of any number: seven bits in each.
const LONGEST_UINT: usize = 10;
/// Value of an age as a byte.
const AGES: [Age; 3] = [Age::Exact, Age::LowerBound, Age::Unknown];

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

    fn bytes(&mut self, bytes: &[u8]) {
        let to = self.length + bytes.len();
        if let Some(at) = self.bytes.get_mut(self.length..to) {
            at.copy_from_slice(bytes);
            self.length = to;
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

    fn addr(&mut self, addr: IpAddr) {
        match addr {
            IpAddr::V4(addr) => self.bytes(&addr.octets()),
            IpAddr::V6(addr) => self.bytes(&addr.octets()),
        }
    }

    fn responses(&mut self, times: &ResponseTimes) {
        let (mean_us, max, last) = times.codes();
        self.uint(mean_us.into());
        self.uint(max.into());
        self.uint(last.into());
    }
}

/// Appends a session, without its control group.
pub(super) fn pack(session: &Session, to: &mut Vec<u8>) {
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
    let mut out = Out::<LONGEST>::new();
    let age = AGES.iter().position(|known| known == age).unwrap_or(0) as u8;
    let is_v6 = [laddr, raddr].map(|addr| u8::from(addr.is_ipv6()));
    out.bytes(&[
        *state as u8 | (*state_before_close as u8) << 4,
        *reason as u8 | (*owner as u8) << 4,
        *direction as u8 | (*waits_for as u8) << 2 | age << 4 | (*zero_window as u8) << 6,
        is_v6[0] | is_v6[1] << 1,
    ]);
    out.addr(*laddr);
    out.addr(*raddr);
    out.uint((*lport).into());
    out.uint((*rport).into());
    let comm = comm.as_str().as_bytes();
    out.byte(comm.len() as u8);
    out.bytes(comm);
    out.uint(*cookie);
    out.uint(*end_ns);
    // both are before the end, except of what is damaged
    out.uint(end_ns.wrapping_sub(*start_ns));
    out.uint(match established_ns {
        0 => 0,
        at => at.wrapping_sub(*start_ns).wrapping_add(1),
    });
    for number in [*tx_bytes, *rx_bytes, *retransmitted_bytes] {
        out.uint(number);
    }
    for number in [
        *busy_ms,
        *rwnd_limited_ms,
        *sndbuf_limited_ms,
        *close_us,
        *unacked_bytes,
        *unread_bytes,
        *srtt_us,
        *min_rtt_us,
        *retransmits,
        *retrans_timeout,
        *retrans_fast,
        *retrans_probe,
        *cwnd,
        u32::from(*mss),
        turns.count,
        turns.first_data_us,
        *waiting_us,
        *pid,
        *uid,
        *netns,
        u32::from(interface.code()),
        u32::from(first_comm.code()),
        // 0 is all zeros
        tx_rate.to_bits(),
        rx_rate.to_bits(),
    ] {
        out.uint(number.into());
    }
    out.responses(&turns.peer);
    out.responses(&turns.ours);
    to.extend_from_slice(&out.bytes[..out.length]);
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

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    fn array<const COUNT: usize>(&mut self) -> Option<[u8; COUNT]> {
        self.bytes(COUNT)?.try_into().ok()
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

    fn short(&mut self) -> Option<u16> {
        u16::try_from(self.uint()?).ok()
    }

    fn number(&mut self) -> Option<u32> {
        u32::try_from(self.uint()?).ok()
    }

    fn addr(&mut self, is_v6: bool) -> Option<IpAddr> {
        Some(match is_v6 {
            false => Ipv4Addr::from(self.array()?).into(),
            true => Ipv6Addr::from(self.array::<16>()?).into(),
        })
    }

    fn responses(&mut self) -> Option<ResponseTimes> {
        let (mean_us, max, last) = (self.number()?, self.short()?, self.short()?);
        Some(ResponseTimes::from_codes(mean_us, max, last))
    }
}

/// Appends a number, in as few bytes as it takes.
pub(super) fn pack_uint(number: u64, to: &mut Vec<u8>) {
    let mut out = Out::<LONGEST_UINT>::new();
    out.uint(number);
    to.extend_from_slice(&out.bytes[..out.length]);
}

/// Reads a session; `None`: these are not the bytes of one.
pub(super) fn unpack(from: &mut In<'_>, cgroup: &Arc<Cgroup>) -> Option<Session> {
    let [states, why, kinds, families] = from.array()?;
    let get = |byte: u8, shift: u32, bits: u32| usize::from(byte >> shift & ((1 << bits) - 1));
    let (laddr, raddr) = (from.addr(families & 1 > 0)?, from.addr(families & 2 > 0)?);
    let (lport, rport) = (from.short()?, from.short()?);
    let length = from.byte()?.into();
    let comm = Comm::from(std::str::from_utf8(from.bytes(length)?).ok()?);
    let (cookie, end_ns) = (from.uint()?, from.uint()?);
    let start_ns = end_ns.wrapping_sub(from.uint()?);
    let established_ns = match from.uint()? {
        0 => 0,
        after => start_ns.wrapping_add(after - 1),
    };
    // members are read in this order
    let (tx_bytes, rx_bytes, retransmitted_bytes) = (from.uint()?, from.uint()?, from.uint()?);
    let busy_ms = from.number()?;
    let rwnd_limited_ms = from.number()?;
    let sndbuf_limited_ms = from.number()?;
    let close_us = from.number()?;
    let unacked_bytes = from.number()?;
    let unread_bytes = from.number()?;
    let srtt_us = from.number()?;
    let min_rtt_us = from.number()?;
    let retransmits = from.number()?;
    let retrans_timeout = from.number()?;
    let retrans_fast = from.number()?;
    let retrans_probe = from.number()?;
    let cwnd = from.number()?;
    let mss = from.short()?;
    let count = from.number()?;
    let first_data_us = from.number()?;
    let waiting_us = from.number()?;
    let (pid, uid, netns) = (from.number()?, from.number()?, from.number()?);
    let interface = Interface::from_code(from.short()?);
    let first_comm = FirstComm::from_code(from.short()?);
    let [tx_rate, rx_rate] = [from.number()?, from.number()?].map(f32::from_bits);
    Some(Session {
        cookie,
        start_ns,
        established_ns,
        end_ns,
        cgroup: Arc::clone(cgroup),
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
        turns: Turns {
            count,
            first_data_us,
            peer: from.responses()?,
            ours: from.responses()?,
        },
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

// each of these has its bits in the first bytes
const _: () = assert!(State::ALL.len() <= 16 && Reason::ALL.len() <= 16);
const _: () = assert!(Evidence::ALL.len() <= 16 && Direction::ALL.len() <= 4);
const _: () = assert!(WaitsFor::ALL.len() <= 4 && ZeroWindow::ALL.len() <= 4);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::{Numbers, any_session};

    #[test]
    fn any_session_is_unpacked_as_it_was() {
        let mut numbers = Numbers::from(3);
        for _ in 0..20_000 {
            let (cookie, state) = (numbers.number(), numbers.below(State::ALL.len() as u64));
            let session = any_session(&mut numbers, cookie, State::ALL[state as usize]);
            let mut bytes = Vec::new();
            pack(&session, &mut bytes);
            let mut from = In(&bytes);
            assert_eq!(unpack(&mut from, &session.cgroup), Some(session));
            assert!(from.0.is_empty());
        }
    }

    #[test]
    fn cut_off_session_is_none() {
        let session = crate::testing::sample::closed_session();
        let mut bytes = Vec::new();
        pack(&session, &mut bytes);
        for length in 0..bytes.len() {
            assert_eq!(unpack(&mut In(&bytes[..length]), &session.cgroup), None);
        }
    }
}
