//! Decodes a kernel record into a [`Session`].
//!
//! Interprets the raw counters of `tcp_sock`: application bytes, the reason of a close, the direction. Pure code; `bpf`
//! gets the records.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::collector::kernel::process_names::ProcessNames;
use crate::collector::kernel::skel::types::{
    age as RawAge, direction as Opened, owner_evidence as Owner, session_record, turns_record,
};
use crate::host::cgroup::Cgroups;
use crate::host::interfaces::Interfaces;
use crate::model::session::{
    Age, Comm, Direction, Evidence, FirstComm, Reason, Session, State, WaitsFor, ZeroWindow,
};
use crate::model::turns::{ResponseTimes, ShortTime, Turns};

/// A record whose length, in bytes, is not that of a [`session_record`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the kernel sent a record of {0} bytes instead of {expected}", expected = size_of::<session_record>())]
pub struct BadRecord(pub usize);

/// Errors that `sk_err` holds: include/uapi/asm-generic/errno.h (the same on every architecture that Linux runs eBPF
/// on, except mips and sparc).
mod errno {
    pub const EACCES: i32 = 13;
    pub const EPIPE: i32 = 32;
    pub const ENONET: i32 = 64;
    pub const EPROTO: i32 = 71;
    pub const ENOPROTOOPT: i32 = 92;
    pub const EOPNOTSUPP: i32 = 95;
    pub const ENETDOWN: i32 = 100;
    pub const ENETUNREACH: i32 = 101;
    pub const ECONNABORTED: i32 = 103;
    pub const ECONNRESET: i32 = 104;
    pub const ETIMEDOUT: i32 = 110;
    pub const ECONNREFUSED: i32 = 111;
    pub const EHOSTDOWN: i32 = 112;
    pub const EHOSTUNREACH: i32 = 113;
}

/// Context that a record does not carry itself.
#[derive(Debug)]
pub struct DecodeContext {
    /// The kernel's jiffies per second.
    pub hz: u32,
    /// Start of tcplife, ns: the age of sessions whose beginning was not seen counts from there.
    pub started_ns: u64,
    /// Control groups of this host.
    pub cgroups: Cgroups,
    /// Current names of owners.
    pub names: ProcessNames,
    /// Network interfaces of this host.
    pub interfaces: Interfaces,
}

/// Minimum round-trip time; 0: not measured. A reconnected socket keeps the value of its previous connection until it
/// measures its own: the kernel does not forget it (net/ipv4/tcp.c, tcp_disconnect).
fn min_rtt_us(r: &session_record) -> u32 {
    let never_spoke = r.established_ns == 0 && age(r.age) == Age::Exact;
    if never_spoke || r.min_rtt_us == u32::MAX {
        0
    } else {
        r.min_rtt_us
    }
}

/// Decodes one record. The owner's name is that of the record.
///
/// # Errors
/// If the length is not that of a record.
pub fn decode(bytes: &[u8], context: &mut DecodeContext) -> Result<Session, BadRecord> {
    if bytes.len() != size_of::<session_record>() {
        return Err(BadRecord(bytes.len()));
    }
    let r: session_record =
        bytemuck::try_pod_read_unaligned(bytes).map_err(|_| BadRecord(bytes.len()))?;
    Ok(session(&r, context))
}

fn session(r: &session_record, context: &mut DecodeContext) -> Session {
    let state = state(r.state);
    let (tx_bytes, opened) = sent(r, state);
    let direction = match Opened(r.direction.into()) {
        Opened::DIRECTION_OUT => Direction::Out,
        Opened::DIRECTION_IN => Direction::In,
        _ => opened,
    };
    let evidence = evidence(r.owner);
    let hz = context.hz;
    let millis = |jiffies| millis(jiffies, hz);
    let rx_bytes = received(r);
    let comm = Comm::new(r.comm);
    let mut session = Session {
        cookie: r.cookie,
        start_ns: match (r.start_ns, age(r.age)) {
            (0, Age::Unknown) => r.taken_ns,
            (0, _) => context.started_ns.min(r.taken_ns),
            (start_ns, _) => start_ns,
        },
        established_ns: r.established_ns,
        close_us: close_us(r),
        end_ns: r.taken_ns,
        cgroup: context.cgroups.get(r.cgroup),
        tx_bytes,
        rx_bytes,
        retransmitted_bytes: r.bytes_retrans,
        busy_ms: millis(r.chrono.iter().map(|&j| u64::from(j)).sum()),
        rwnd_limited_ms: millis(r.chrono[1].into()),
        sndbuf_limited_ms: millis(r.chrono[2].into()),
        unacked_bytes: unacked(r, state),
        unread_bytes: unread(r).min(u32::try_from(rx_bytes).unwrap_or(u32::MAX)),
        srtt_us: r.srtt_us >> 3,
        min_rtt_us: min_rtt_us(r),
        retransmits: r.total_retrans,
        retrans_timeout: r.retrans[0],
        retrans_fast: r.retrans[1],
        retrans_probe: r.retrans[2],
        cwnd: r.cwnd,
        // the option that announces it has 16 bits
        mss: u16::try_from(r.mss).unwrap_or(u16::MAX),
        turns: turns(&r.turns),
        waiting_us: 0,
        pid: r.pid,
        uid: r.uid,
        netns: r.netns,
        interface: context.interfaces.get(r.netns, r.interface, r.taken_ns),
        tx_rate: 0.0,
        rx_rate: 0.0,
        lport: r.lport,
        rport: r.rport,
        laddr: addr(r.ip, r.laddr),
        raddr: addr(r.ip, r.raddr),
        comm,
        first_comm: match r.first_comm == r.comm {
            true => FirstComm::default(),
            false => FirstComm::new(Comm::new(r.first_comm), comm),
        },
        state: if r.closed == 1 { State::Closed } else { state },
        state_before_close: state,
        reason: if r.closed == 1 {
            reason(r, state, direction)
        } else {
            Reason::Open
        },
        owner: evidence,
        direction,
        waits_for: WaitsFor::Nobody,
        age: age(r.age),
        zero_window: ZeroWindow::new(r.peer_window_zero == 1, r.our_window_zero == 1),
    };
    let waits_for = waits_for(&session, r.turns.we_spoke_last == 1);
    session.waits_for = waits_for;
    session.waiting_us = match waits_for {
        WaitsFor::Nobody => 0,
        WaitsFor::Peer => millis(r.turns.since_sent.into()).saturating_mul(1000),
        WaitsFor::Us => millis(r.turns.since_received.into()).saturating_mul(1000),
    };
    session
}

/// Sums of response times in `bpf/turns.bpf.h`: µs, and in the lowest bits the number of turns that have none. Returns
/// the sum and the number of turns that have one; `None`: that number is not known.
fn times(packed: u64, turns: u32) -> Option<(u64, u32)> {
    const UNKNOWN_BITS: u32 = 16;
    let unknown = packed as u16;
    // at the greatest number there may be more
    (unknown != u16::MAX).then(|| (packed >> UNKNOWN_BITS, turns.saturating_sub(unknown.into())))
}

fn turns(r: &turns_record) -> Turns {
    let short = ShortTime::from_code;
    let (peer_max, peer_last) = (short(r.peer_max), short(r.peer_last));
    let peer = times(r.peer_times, r.turns)
        .map(|(us, count)| ResponseTimes::new(us, count, peer_max, peer_last));
    let (mut max, mut last) = (short(r.our_max), short(r.our_last));
    let ours = times(r.our_times, r.turns).map(|(mut us, mut count)| {
        // the answer after the last turn, if there was one and its time is known
        if r.answer_us != 0 && r.answer_us != u32::MAX {
            us += u64::from(r.answer_us);
            count += 1;
            last = ShortTime::new(r.answer_us);
            max = max.max(last);
        }
        ResponseTimes::new(us, count, max, last)
    });
    Turns {
        count: r.turns,
        peer: peer.unwrap_or_default(),
        ours: ours.unwrap_or_default(),
        first_data_us: r.first_data_us,
    }
}

/// Returns the end that the other waits for: the client has asked and the server has not answered. What arrived and was
/// not read waits for us, whichever end we are.
fn waits_for(session: &Session, we_spoke_last: bool) -> WaitsFor {
    if session.state != State::Established || session.bytes() == 0 {
        WaitsFor::Nobody
    } else if session.unread_bytes > 0 {
        WaitsFor::Us
    } else {
        match (we_spoke_last, session.is_client()) {
            (true, true) if session.unacked_bytes == 0 => WaitsFor::Peer,
            (false, false) => WaitsFor::Us,
            _ => WaitsFor::Nobody,
        }
    }
}

/// Converts jiffies to milliseconds.
pub(super) fn millis(jiffies: u64, hz: u32) -> u32 {
    u32::try_from(jiffies * 1000 / u64::from(hz.max(1))).unwrap_or(u32::MAX)
}

/// Time since the first FIN, µs: at least 1 if there was a FIN.
fn close_us(r: &session_record) -> u32 {
    match r.closing_ns {
        0 => 0,
        at => u32::try_from(r.taken_ns.saturating_sub(at) / 1000)
            .unwrap_or(u32::MAX)
            .max(1),
    }
}

/// See include/net/tcp_states.h.
fn state(raw: u8) -> State {
    match raw {
        1 => State::Established,
        2 => State::SynSent,
        3 => State::SynRecv,
        4 => State::FinWait1,
        5 => State::FinWait2,
        8 => State::CloseWait,
        9 => State::LastAck,
        11 => State::Closing,
        _ => State::Closed,
    }
}

fn evidence(raw: u8) -> Evidence {
    match Owner(raw.into()) {
        Owner::OWNER_LISTEN => Evidence::Listen,
        Owner::OWNER_KERNEL => Evidence::Kernel,
        Owner::OWNER_SCAN => Evidence::Scan,
        Owner::OWNER_CLOSE => Evidence::Close,
        Owner::OWNER_WRITE => Evidence::Write,
        Owner::OWNER_READ => Evidence::Read,
        Owner::OWNER_CONNECT => Evidence::Connect,
        _ => Evidence::None,
    }
}

fn age(raw: u8) -> Age {
    match RawAge(raw.into()) {
        RawAge::AGE_EXACT => Age::Exact,
        RawAge::AGE_LOWER_BOUND => Age::LowerBound,
        _ => Age::Unknown,
    }
}

/// Decodes an address of IP version 4 or 6.
pub(super) fn addr(ip: u8, raw: [u8; 16]) -> IpAddr {
    if ip == 4 {
        Ipv4Addr::new(raw[0], raw[1], raw[2], raw[3]).into()
    } else {
        Ipv6Addr::from(raw).into()
    }
}

/// True if our FIN takes a sequence number, because the application has closed.
fn fin_queued(state: State) -> bool {
    matches!(
        state,
        State::FinWait1 | State::FinWait2 | State::LastAck | State::Closing
    )
}

fn fin_acked(r: &session_record, state: State) -> bool {
    fin_queued(state) && (state == State::FinWait2 || r.snd_una == r.write_seq)
}

/// Returns the application bytes that the peer acknowledged, and the direction, as far as the counters reveal it.
///
/// `bytes_acked` counts what snd_una moved over (net/ipv4/tcp_input.c, tcp_snd_una_update): for an active open also our
/// SYN, and our FIN once it is acknowledged. If the handshake was not seen, the data itself is computed from what was
/// sent; any excess of `bytes_acked` over it can only be a SYN.
fn sent(r: &session_record, state: State) -> (u64, Direction) {
    let fin = u64::from(fin_acked(r, state));
    let acked = r.bytes_acked.saturating_sub(fin);
    match Opened(r.direction.into()) {
        Opened::DIRECTION_OUT => {
            let syn = u64::from(r.no_syn == 0);
            (acked.saturating_sub(syn), Direction::Out)
        }
        Opened::DIRECTION_IN => (acked, Direction::In),
        _ => {
            let fin_on_the_way = fin_queued(state) && fin == 0 && r.snd_nxt == r.write_seq;
            let in_flight =
                u64::from(r.snd_nxt.wrapping_sub(r.snd_una)).saturating_sub(fin_on_the_way.into());
            let data = r
                .bytes_sent
                .saturating_sub(r.bytes_retrans)
                .saturating_sub(in_flight);
            let opened = match acked.checked_sub(data) {
                Some(1) => Direction::Out,
                // neither end of a restored connection has sent a SYN
                Some(0) if r.no_syn == 1 => Direction::Unknown,
                Some(0) => Direction::In,
                _ => Direction::Unknown,
            };
            (
                acked.saturating_sub((opened == Direction::Out).into()),
                opened,
            )
        }
    }
}

/// Application bytes from the peer: `bytes_received` also counts its FIN (net/ipv4/tcp_input.c, tcp_rcv_nxt_update).
fn received(r: &session_record) -> u64 {
    r.bytes_received.saturating_sub(r.fin_received.into())
}

/// Bytes that the application wrote and that were never acknowledged, in flight or still queued.
fn unacked(r: &session_record, state: State) -> u32 {
    let outstanding = r.write_seq.wrapping_sub(r.snd_una);
    match state {
        // Before the handshake only fast open carries data; otherwise the sequence numbers mean nothing yet.
        State::SynSent if r.bytes_sent == 0 => 0,
        State::SynSent => outstanding.saturating_sub(1),
        _ => outstanding.saturating_sub((fin_queued(state) && !fin_acked(r, state)).into()),
    }
}

/// Bytes waiting for the application; the peer's FIN waits after them until it is read.
fn unread(r: &session_record) -> u32 {
    r.unread.saturating_sub(r.fin_received.into())
}

/// Reason for the close: `sk_err` shows what the network did, and the previous state shows which end closed first.
fn reason(r: &session_record, state: State, direction: Direction) -> Reason {
    use errno::*;
    let connecting =
        state == State::SynSent || (state == State::SynRecv && direction == Direction::Out);
    match r.err {
        ECONNABORTED => return Reason::Aborted,
        ECONNRESET if r.data_after_close == 1 => return Reason::LocalReset,
        ECONNRESET | EPIPE => return Reason::RemoteReset,
        ETIMEDOUT if connecting => return Reason::ConnectTimeout,
        ETIMEDOUT => return Reason::Timeout,
        ECONNREFUSED if connecting => return Reason::Refused,
        // other ICMP errors: "prohibited", and the errnos to which net/ipv4/icmp.c and net/ipv6/icmp.c map the rest
        EACCES | ENONET | EPROTO | ENOPROTOOPT | EOPNOTSUPP if connecting => {
            return Reason::Unreachable;
        }
        _ => {}
    }
    let in_order = match state {
        // no process and no error: the kernel has replaced the socket with a TIME_WAIT bucket
        State::FinWait2 if r.fin_received == 1 || r.orphan == 1 => Some(Reason::LocalFin),
        State::Closing if fin_acked(r, state) => Some(Reason::LocalFin),
        State::LastAck if fin_acked(r, state) => Some(Reason::RemoteFin),
        _ => None,
    };
    match (in_order, r.err) {
        (Some(reason), _) => reason,
        (None, ENETDOWN | ENETUNREACH | EHOSTDOWN | EHOSTUNREACH) => Reason::Unreachable,
        (None, 0) if r.repair == 1 => Reason::Checkpoint,
        (None, 0) if connecting && r.lport == 0 => Reason::NoPort,
        (None, 0) if connecting => Reason::Cancelled,
        (None, 0) if r.accepted == 0 => Reason::NeverAccepted,
        (None, 0) => Reason::LocalReset,
        (None, _) => Reason::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(started_ns: u64) -> DecodeContext {
        DecodeContext {
            hz: 250,
            started_ns,
            cgroups: Cgroups::none(),
            names: ProcessNames::default(),
            interfaces: Interfaces::default(),
        }
    }

    fn record() -> session_record {
        session_record {
            taken_ns: 2_000,
            start_ns: 1_000,
            established_ns: 1_500,
            closing_ns: 0,
            ip: 4,
            closed: 1,
            laddr: *b"\x7f\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0",
            lport: 80,
            owner: Evidence::Read as u8,
            accepted: 1,
            ..Default::default()
        }
    }

    fn out(r: session_record) -> session_record {
        session_record {
            direction: 1,
            owner: Evidence::Connect as u8,
            ..r
        }
    }

    fn incoming(r: session_record) -> session_record {
        session_record { direction: 2, ..r }
    }

    /// 1,000 bytes sent and 50,000 received: the counters as measured on Linux 6.18.
    #[test]
    fn byte_counts_exclude_syn_and_fin() {
        let closed_first = |r| session_record {
            state: 5,
            fin_received: 1,
            ..r
        };
        let closed_last = |r| session_record {
            state: 9,
            fin_received: 1,
            ..r
        };
        let reset = |r| session_record { state: 1, ..r };
        for (name, r, acked, received, tx, rx) in [
            (
                "client closes first",
                closed_first(out(record())),
                1002,
                50_001,
                1000,
                50_000,
            ),
            (
                "server closes first",
                closed_last(out(record())),
                1002,
                50_001,
                1000,
                50_000,
            ),
            ("reset", reset(out(record())), 1001, 50_000, 1000, 50_000),
            (
                "passive side",
                closed_last(incoming(record())),
                50_001,
                1001,
                50_000,
                1000,
            ),
            (
                "over 4 GiB",
                closed_last(incoming(record())),
                0x2_0000_0001,
                0x3_0000_0001,
                0x2_0000_0000,
                0x3_0000_0000,
            ),
            ("nothing sent", closed_last(out(record())), 2, 1, 0, 0),
            (
                "never established",
                session_record {
                    state: 2,
                    err: 111,
                    ..out(record())
                },
                0,
                0,
                0,
                0,
            ),
        ] {
            let s = session(
                &session_record {
                    bytes_acked: acked,
                    bytes_received: received,
                    ..r
                },
                &mut context(0),
            );
            assert_eq!((s.tx_bytes, s.rx_bytes), (tx, rx), "{name}");
        }
    }

    #[test]
    fn direction_without_observed_handshake_is_derived_from_counters() {
        let r = session_record {
            state: 1,
            bytes_sent: 1500,
            bytes_retrans: 500,
            snd_una: 10,
            snd_nxt: 110,
            ..record()
        };
        let active = session(
            &session_record {
                bytes_acked: 901,
                ..r
            },
            &mut context(0),
        );
        assert_eq!((active.tx_bytes, active.direction), (900, Direction::Out));
        let passive = session(
            &session_record {
                bytes_acked: 900,
                ..r
            },
            &mut context(0),
        );
        assert_eq!((passive.tx_bytes, passive.direction), (900, Direction::In));
        let odd = session(
            &session_record {
                bytes_acked: 950,
                ..r
            },
            &mut context(0),
        );
        assert_eq!((odd.tx_bytes, odd.direction), (950, Direction::Unknown));
        // our FIN is in flight: neither data nor acknowledged
        let closing = session_record {
            state: 4,
            write_seq: 110,
            snd_nxt: 110,
            bytes_acked: 902,
            ..r
        };
        assert_eq!(session(&closing, &mut context(0)).direction, Direction::Out);
    }

    #[test]
    fn unacked_bytes_exclude_syn_and_fin() {
        let unacked = |state, snd_una, write_seq, bytes_sent| {
            session(
                &session_record {
                    state,
                    snd_una,
                    write_seq,
                    bytes_sent,
                    ..out(record())
                },
                &mut context(0),
            )
            .unacked_bytes
        };
        assert_eq!(unacked(1, 100, 350, 250), 250);
        assert_eq!(unacked(4, 100, 351, 250), 250, "a FIN is queued");
        assert_eq!(unacked(5, 351, 351, 250), 0);
        assert_eq!(unacked(1, u32::MAX, 9, 10), 10, "sequence numbers wrap");
        assert_eq!(unacked(2, 100, 101, 0), 0, "a SYN is not data");
        assert_eq!(
            unacked(2, 0, 7_654_321, 0),
            0,
            "no sequence number chosen yet"
        );
        assert_eq!(unacked(2, 100, 111, 10), 10, "fast open");
    }

    #[test]
    fn close_reason_is_derived_from_state_and_error() {
        use Reason::*;
        let est = session_record {
            state: 1,
            ..out(record())
        };
        let listen = session_record {
            owner: Evidence::Listen as u8,
            ..incoming(record())
        };
        let waiting = session_record {
            accepted: 0,
            ..listen
        };
        for (want, r) in [
            (LocalReset, est),
            (RemoteReset, session_record { err: 104, ..est }),
            (Timeout, session_record { err: 110, ..est }),
            (Aborted, session_record { err: 103, ..est }),
            (Unreachable, session_record { err: 113, ..est }),
            (Unknown, session_record { err: 71, ..est }),
            (
                Refused,
                session_record {
                    state: 2,
                    err: 111,
                    ..est
                },
            ),
            (
                ConnectTimeout,
                session_record {
                    state: 2,
                    err: 110,
                    ..est
                },
            ),
            (
                Unreachable,
                session_record {
                    state: 2,
                    err: 101,
                    ..est
                },
            ),
            (
                Unreachable,
                session_record {
                    state: 2,
                    err: 13,
                    ..est
                },
            ),
            (Cancelled, session_record { state: 2, ..est }),
            (
                NoPort,
                session_record {
                    state: 2,
                    lport: 0,
                    ..est
                },
            ),
            (
                LocalFin,
                session_record {
                    state: 5,
                    orphan: 1,
                    ..est
                },
            ),
            (
                LocalFin,
                session_record {
                    state: 5,
                    fin_received: 1,
                    ..est
                },
            ),
            (LocalReset, session_record { state: 5, ..est }),
            (LocalFin, session_record { state: 11, ..est }),
            (RemoteFin, session_record { state: 9, ..est }),
            // a router's soft error does not undo an orderly close
            (
                RemoteFin,
                session_record {
                    state: 9,
                    err: 113,
                    ..est
                },
            ),
            (
                LocalReset,
                session_record {
                    state: 9,
                    write_seq: 5,
                    ..est
                },
            ),
            (
                RemoteReset,
                session_record {
                    state: 8,
                    err: 32,
                    ..est
                },
            ),
            (LocalReset, session_record { state: 8, ..est }),
            // the peer sent data to a process that had closed
            (
                LocalReset,
                session_record {
                    state: 4,
                    err: 104,
                    data_after_close: 1,
                    ..est
                },
            ),
            (
                NeverAccepted,
                session_record {
                    state: 1,
                    ..waiting
                },
            ),
            (
                NeverAccepted,
                session_record {
                    state: 8,
                    ..waiting
                },
            ),
            // accepted, and killed before it read: the listener is the best known owner all the same
            (LocalReset, session_record { state: 1, ..listen }),
            (
                Checkpoint,
                session_record {
                    state: 1,
                    repair: 1,
                    ..est
                },
            ),
            (
                RemoteReset,
                session_record {
                    state: 1,
                    err: 104,
                    ..listen
                },
            ),
        ] {
            assert_eq!(
                session(&r, &mut context(0)).reason,
                want,
                "state {} err {}",
                r.state,
                r.err
            );
        }
    }

    #[test]
    fn duration_of_preexisting_session_counts_from_tool_start() {
        let r = session_record {
            start_ns: 0,
            established_ns: 0,
            age: 1,
            taken_ns: 5_000,
            ..record()
        };
        let s = session(&r, &mut context(1_000));
        assert_eq!((s.duration_ns(), s.age), (4_000, Age::LowerBound));
    }

    #[test]
    fn kernel_times_are_converted_to_microseconds_and_milliseconds() {
        let r = session_record {
            srtt_us: 800,
            min_rtt_us: u32::MAX,
            chrono: [10, 20, 30],
            ..record()
        };
        let s = session(&r, &mut context(0));
        assert_eq!((s.srtt_us, s.min_rtt_us), (100, 0));
        let min_rtt_of = |established_ns, age| {
            let r = session_record {
                established_ns,
                age,
                min_rtt_us: 7,
                ..record()
            };
            session(&r, &mut context(0)).min_rtt_us
        };
        assert_eq!((min_rtt_of(1, 0), min_rtt_of(0, 1)), (7, 7));
        assert_eq!(min_rtt_of(0, 0), 0, "of a connection before");
        assert_eq!(
            (s.busy_ms, s.rwnd_limited_ms, s.sndbuf_limited_ms),
            (240, 80, 120)
        );
    }

    #[test]
    fn response_times_count_the_last_answer_and_leave_out_what_is_not_known() {
        let record = |turns| session_record { turns, ..record() };
        let turns = turns_record {
            turns: 4,
            peer_times: 3000 << 16 | 1,
            our_times: 400 << 16 | 2,
            answer_us: 500,
            peer_max: 2000,
            peer_last: 100,
            our_max: 300,
            our_last: 100,
            ..Default::default()
        };
        let figures = |turns| {
            let s = session(&record(turns), &mut context(0));
            [s.turns.peer, s.turns.ours].map(|t| (t.mean_us(), t.max_us(), t.last_us()))
        };
        let peer = (Some(1000), Some(2000), Some(100));
        assert_eq!(figures(turns), [peer, (Some(300), Some(500), Some(500))]);
        let unknown = turns_record {
            answer_us: u32::MAX,
            ..turns
        };
        assert_eq!(figures(unknown), [peer, (Some(200), Some(300), Some(100))]);
        let too_many = turns_record {
            turns: 1 << 20,
            peer_times: 3000 << 16 | 0xffff,
            our_times: 400 << 16 | 0xffff,
            ..turns
        };
        assert_eq!(figures(too_many), [(None, None, None); 2]);
    }

    #[test]
    fn client_waits_for_the_peer_and_server_answers_it() {
        let waits = |direction: fn(session_record) -> session_record,
                     we_spoke_last,
                     change: fn(&mut session_record)| {
            let mut r = session_record {
                state: 1,
                closed: 0,
                bytes_acked: 11,
                bytes_received: 10,
                turns: turns_record {
                    since_sent: 250,
                    since_received: 500,
                    we_spoke_last,
                    ..Default::default()
                },
                ..direction(record())
            };
            change(&mut r);
            let s = session(&r, &mut context(0));
            (s.waits_for, s.waiting_us)
        };
        assert_eq!(waits(out, 1, |_| ()), (WaitsFor::Peer, 1_000_000));
        assert_eq!(
            waits(out, 0, |_| ()),
            (WaitsFor::Nobody, 0),
            "it has its answer"
        );
        assert_eq!(waits(incoming, 0, |_| ()), (WaitsFor::Us, 2_000_000));
        assert_eq!(
            waits(incoming, 1, |_| ()),
            (WaitsFor::Nobody, 0),
            "it has answered"
        );
        assert_eq!(waits(out, 0, |r| r.unread = 5), (WaitsFor::Us, 2_000_000));
        assert_eq!(
            waits(out, 1, |r| r.write_seq = 5),
            (WaitsFor::Nobody, 0),
            "it is still sending"
        );
        assert_eq!(waits(out, 1, |r| r.closed = 1), (WaitsFor::Nobody, 0));
        assert_eq!(
            waits(out, 1, |r| (r.bytes_acked, r.bytes_received) = (1, 0)),
            (WaitsFor::Nobody, 0)
        );
    }

    #[test]
    fn decode_record_of_wrong_length_is_an_error() {
        assert_eq!(decode(&[0; 17], &mut context(0)), Err(BadRecord(17)));
        assert_eq!(
            BadRecord(17).to_string(),
            format!(
                "the kernel sent a record of 17 bytes instead of {}",
                size_of::<session_record>()
            )
        );
    }
}
