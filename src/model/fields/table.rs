//! All fields: each row of [`FIELDS`] is a column, a sort key, a filter word, a JSON key and its explanation.

use crate::model::community_id::CommunityId;
use crate::model::conn_state;
use crate::model::fields::draft::{addr, milliseconds, owned, read_name, read_number, set, text};
use crate::model::fields::{Column, Field, FieldKind, Value};
use crate::model::interface::Interface;
use crate::model::redaction::Redact;
use crate::model::session::{Age, Comm, Direction, Evidence, Reason, State, WaitsFor, ZeroWindow};

const fn column(
    title: &'static str,
    letter: char,
    width: u16,
    grow: u16,
    drop: u8,
    descending: bool,
) -> Option<Column> {
    Some(Column {
        title,
        letter,
        width,
        grow,
        drop,
        descending,
        replaces: None,
    })
}

/// The same for a column that takes the place of another one while the table is sorted by it.
const fn replacing(column: Option<Column>, word: &'static str) -> Option<Column> {
    match column {
        Some(column) => Some(Column {
            replaces: Some(word),
            ..column
        }),
        None => None,
    }
}

fn text_if(text: Option<&str>) -> Value<'_> {
    text.map_or(Value::Missing, Value::Text)
}

fn some_if(known: bool, value: u64) -> Value<'static> {
    if known {
        Value::Uint(value)
    } else {
        Value::Missing
    }
}

fn some(value: Option<u64>) -> Value<'static> {
    value.map_or(Value::Missing, Value::Uint)
}

/// Number of states of an open session: all but [`State::Closed`], which is the last.
const OPEN_STATES: usize = State::Closed as usize;

/// Possible values of `status`: every state of an open session, then every reason.
const STATUS_NAMES: [&str; OPEN_STATES + Reason::NAMES.len()] = {
    let mut names = [""; OPEN_STATES + Reason::NAMES.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = if i < OPEN_STATES {
            State::NAMES[i]
        } else {
            Reason::NAMES[i - OPEN_STATES]
        };
        i += 1;
    }
    names
};

/// All fields, in the order of the dashboard's columns and of the JSON keys.
pub static FIELDS: &[Field] = &[
    Field {
        word: "pid",
        aliases: &[],
        json: Some("pid"),
        help: "process id of the owner",
        kind: FieldKind::Id,
        column: column("PID", 'p', 7, 0, 6, false),
        get: |s| some_if(s.owner != Evidence::None && s.pid != 0, s.pid.into()),
        read: Some(|d, v| set(&mut d.session.pid, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "comm",
        aliases: &["command", "process", "program"],
        json: Some("comm"),
        help: "name of the owning process",
        kind: FieldKind::Comm,
        column: column("COMM", 'c', 8, 7, 0, false),
        get: |s| {
            if s.owner == Evidence::None {
                Value::Missing
            } else {
                Value::Text(s.comm.as_str())
            }
        },
        read: Some(|d, v| {
            set(
                &mut d.session.comm,
                text(v).map(|name| Comm::from(name.unwrap_or_default())),
            )
        }),
        redact: Redact::Replace(|d, r| {
            d.session.comm = Comm::from(&*r.name("p", d.session.comm.as_str()))
        }),
    },
    Field {
        word: "firstcomm",
        aliases: &[],
        json: Some("first_comm"),
        help: "first name of the owning process, if it has another one now",
        kind: FieldKind::Comm,
        column: None,
        get: |s| text_if(s.first_comm.name()),
        read: Some(|d, v| {
            set(
                &mut d.first_comm,
                text(v).map(|name| Some(name.map(Comm::from))),
            )
        }),
        redact: Redact::Replace(|d, r| {
            let first = d.session.first_comm.name();
            d.first_comm = Some(first.map(|first| Comm::from(&*r.name("p", first))));
        }),
    },
    Field {
        word: "uid",
        aliases: &[],
        json: Some("uid"),
        help: "user id of the socket",
        kind: FieldKind::Id,
        column: None,
        get: |s| Value::Uint(s.uid.into()),
        read: Some(|d, v| set(&mut d.session.uid, read_number(v))),
        redact: Redact::Replace(|d, r| d.session.uid = r.user(d.session.uid)),
    },
    Field {
        word: "user",
        aliases: &[],
        json: None,
        help: "user of the socket, name or id",
        kind: FieldKind::User,
        column: column("USER", 'U', 8, 8, 23, false),
        get: |s| Value::Uint(s.uid.into()),
        read: None,
        redact: Redact::Follow,
    },
    Field {
        word: "owner",
        aliases: &[],
        json: Some("owner"),
        help: "evidence for the owner",
        kind: FieldKind::Names(Evidence::NAMES),
        column: column("OWNER", 'O', 7, 0, 16, false),
        get: |s| Value::Text(s.owner.name()),
        read: Some(|d, v| {
            set(
                &mut d.session.owner,
                read_name(v, Evidence::NAMES, Evidence::ALL),
            )
        }),
        redact: Redact::Keep,
    },
    Field {
        word: "ip",
        aliases: &[],
        json: Some("ip"),
        help: "IP version on the wire, 4 or 6",
        kind: FieldKind::Ip,
        column: column("IP", 'v', 2, 0, 24, false),
        get: |s| Value::Uint(s.ip().into()),
        read: None,
        redact: Redact::Follow,
    },
    Field {
        word: "laddr",
        aliases: &["src"],
        json: Some("laddr"),
        help: "local address",
        kind: FieldKind::Addr,
        column: column("LADDR", 'L', 15, 24, 10, false),
        get: |s| Value::Addr(s.laddr),
        read: Some(|d, v| set(&mut d.session.laddr, addr(v))),
        redact: Redact::Replace(|d, r| d.session.laddr = r.addr(d.session.laddr)),
    },
    Field {
        word: "lport",
        aliases: &["sport"],
        json: Some("lport"),
        help: "local port",
        kind: FieldKind::Port,
        column: column("LPORT", 'l', 5, 0, 5, false),
        get: |s| some_if(s.lport != 0, s.lport.into()),
        read: Some(|d, v| set(&mut d.session.lport, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "raddr",
        aliases: &["dst", "peer"],
        json: Some("raddr"),
        help: "remote address",
        kind: FieldKind::Addr,
        column: column("RADDR", 'h', 15, 24, 0, false),
        get: |s| Value::Addr(s.raddr),
        read: Some(|d, v| set(&mut d.session.raddr, addr(v))),
        redact: Redact::Replace(|d, r| d.session.raddr = r.addr(d.session.raddr)),
    },
    Field {
        word: "rport",
        aliases: &["dport"],
        json: Some("rport"),
        help: "remote port",
        kind: FieldKind::Port,
        column: column("RPORT", 'o', 5, 0, 1, false),
        get: |s| Value::Uint(s.rport.into()),
        read: Some(|d, v| set(&mut d.session.rport, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "addr",
        aliases: &[],
        json: None,
        help: "local or remote address",
        kind: FieldKind::Either("laddr", "raddr"),
        column: None,
        get: |_| Value::Missing,
        read: None,
        redact: Redact::Follow,
    },
    Field {
        word: "port",
        aliases: &[],
        json: None,
        help: "local or remote port",
        kind: FieldKind::Either("lport", "rport"),
        column: None,
        get: |_| Value::Missing,
        read: None,
        redact: Redact::Follow,
    },
    Field {
        word: "service",
        aliases: &[],
        json: None,
        help: "port of the service: ours if the peer connected, else the peer's",
        kind: FieldKind::Port,
        column: None,
        get: |s| Value::Uint(s.service_port().into()),
        read: None,
        redact: Redact::Follow,
    },
    Field {
        word: "direction",
        aliases: &[],
        json: Some("direction"),
        help: "opened by us (out) or by the peer (in)",
        kind: FieldKind::Names(Direction::NAMES),
        column: column("DIR", 'D', 7, 0, 12, false),
        get: |s| Value::Text(s.direction.name()),
        read: Some(|d, v| {
            set(
                &mut d.session.direction,
                read_name(v, Direction::NAMES, Direction::ALL),
            )
        }),
        redact: Redact::Keep,
    },
    Field {
        word: "tx",
        aliases: &[],
        json: Some("tx_bytes"),
        help: "bytes sent and acknowledged by the peer",
        kind: FieldKind::Bytes,
        column: column("TX", 't', 5, 1, 3, true),
        get: |s| Value::Uint(s.tx_bytes),
        read: Some(|d, v| set(&mut d.session.tx_bytes, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "rx",
        aliases: &[],
        json: Some("rx_bytes"),
        help: "bytes received from the peer",
        kind: FieldKind::Bytes,
        column: column("RX", 'x', 5, 1, 3, true),
        get: |s| Value::Uint(s.rx_bytes),
        read: Some(|d, v| set(&mut d.session.rx_bytes, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "bytes",
        aliases: &[],
        json: None,
        help: "bytes in both directions, tx plus rx",
        kind: FieldKind::Bytes,
        column: column("BYTES", 'b', 5, 0, 25, true),
        get: |s| Value::Uint(s.bytes()),
        read: None,
        redact: Redact::Follow,
    },
    Field {
        word: "unacked",
        aliases: &[],
        json: Some("unacked_bytes"),
        help: "bytes written but not acknowledged by the peer",
        kind: FieldKind::Bytes,
        column: column("UNACKED", '1', 7, 0, 14, true),
        get: |s| Value::Uint(s.unacked_bytes.into()),
        read: Some(|d, v| set(&mut d.session.unacked_bytes, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "unread",
        aliases: &[],
        json: Some("unread_bytes"),
        help: "bytes received but not read by the application",
        kind: FieldKind::Bytes,
        column: column("UNREAD", 'n', 6, 0, 15, true),
        get: |s| Value::Uint(s.unread_bytes.into()),
        read: Some(|d, v| set(&mut d.session.unread_bytes, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "rate",
        aliases: &[],
        json: None,
        help: "current rate in both directions, bytes per second",
        kind: FieldKind::Rate,
        column: column("RATE", 'r', 5, 1, 7, true),
        get: |s| some_if(s.is_open(), (s.tx_rate + s.rx_rate) as u64),
        read: None,
        redact: Redact::Keep,
    },
    Field {
        word: "txrate",
        aliases: &[],
        json: None,
        help: "current send rate, bytes per second",
        kind: FieldKind::Rate,
        column: column("TX/s", 'T', 6, 0, 17, true),
        get: |s| some_if(s.is_open(), s.tx_rate as u64),
        read: None,
        redact: Redact::Keep,
    },
    Field {
        word: "rxrate",
        aliases: &[],
        json: None,
        help: "current receive rate, bytes per second",
        kind: FieldKind::Rate,
        column: column("RX/s", 'X', 6, 0, 17, true),
        get: |s| some_if(s.is_open(), s.rx_rate as u64),
        read: None,
        redact: Redact::Keep,
    },
    Field {
        word: "duration",
        aliases: &["dur", "age"],
        json: Some("duration_us"),
        help: "duration, or age while open",
        kind: FieldKind::Micros,
        column: column("AGE", 'a', 5, 2, 4, true),
        get: |s| some_if(s.age != Age::Unknown, s.duration_ns() / 1000),
        read: Some(|d, v| set(&mut d.duration_us, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "ended",
        aliases: &["end"],
        json: None, // the time of its event
        help: "time of day at which it closed; in a filter, the time since then",
        kind: FieldKind::Moment,
        // who it was matters more than how long it took
        column: replacing(column("ENDED", 'E', 8, 0, 41, true), "duration"),
        get: |s| some_if(!s.is_open(), s.end_ns),
        read: None,
        redact: Redact::Follow,
    },
    Field {
        word: "preexisting",
        aliases: &["adopted"],
        json: Some("preexisting"),
        help: "open before tcplife started, so its age is a lower bound; unknown if there was no memory for its state",
        kind: FieldKind::Bool,
        column: None,
        get: |s| match s.age {
            Age::Exact => Value::Bool(false),
            Age::LowerBound => Value::Bool(true),
            Age::Unknown => Value::Missing,
        },
        read: Some(|d, v| {
            d.session.age = match v {
                Value::Bool(false) => Age::Exact,
                Value::Bool(true) => Age::LowerBound,
                Value::Missing => Age::Unknown,
                _ => return None,
            };
            Some(())
        }),
        redact: Redact::Keep,
    },
    Field {
        word: "connect",
        aliases: &["conn"],
        json: Some("connect_us"),
        help: "handshake time, of a session that we opened",
        kind: FieldKind::Micros,
        column: column("CONN", 'C', 6, 0, 11, true),
        get: |s| some(s.connect_us()),
        read: Some(|d, v| set(&mut d.connect_us, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "close",
        aliases: &[],
        json: Some("close_us"),
        help: "time from the first FIN until it closed",
        kind: FieldKind::Micros,
        column: column("CLOSE", '0', 6, 0, 23, true),
        get: |s| some_if(s.close_us != 0, s.close_us.into()),
        read: Some(|d, v| set(&mut d.session.close_us, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "status",
        aliases: &[],
        json: None,
        help: "state while open, then the reason it closed",
        kind: FieldKind::Names(&STATUS_NAMES),
        column: column("STATUS", 'S', 11, 0, 2, false),
        get: |s| Value::Text(s.status()),
        read: None,
        redact: Redact::Follow,
    },
    Field {
        word: "state",
        aliases: &[],
        json: None,
        help: "TCP state",
        kind: FieldKind::Names(State::NAMES),
        column: None,
        get: |s| Value::Text(s.state.name()),
        read: None,
        redact: Redact::Follow,
    },
    Field {
        word: "last",
        aliases: &[],
        json: Some("state_before_close"),
        help: "last state before it closed",
        kind: FieldKind::Names(State::NAMES),
        column: column("LAST", 'z', 11, 0, 31, false),
        get: |s| Value::Text(s.state_before_close.name()),
        read: Some(|d, v| {
            set(
                &mut d.session.state_before_close,
                read_name(v, State::NAMES, State::ALL),
            )
        }),
        redact: Redact::Keep,
    },
    Field {
        word: "reason",
        aliases: &[],
        json: Some("reason"),
        help: "reason it closed",
        kind: FieldKind::Names(Reason::NAMES),
        column: None,
        get: |s| {
            if s.is_open() {
                Value::Missing
            } else {
                Value::Text(s.reason.name())
            }
        },
        read: Some(|d, v| {
            d.session.reason = match v {
                Value::Missing => Reason::Open,
                _ => read_name(v, Reason::NAMES, Reason::ALL)?,
            };
            Some(())
        }),
        redact: Redact::Keep,
    },
    Field {
        word: "rtt",
        aliases: &[],
        json: Some("srtt_us"),
        help: "smoothed round-trip time",
        kind: FieldKind::Micros,
        column: column("RTT", 'R', 6, 0, 8, true),
        get: |s| some_if(s.srtt_us != 0, s.srtt_us.into()),
        read: Some(|d, v| set(&mut d.session.srtt_us, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "minrtt",
        aliases: &[],
        json: Some("min_rtt_us"),
        help: "minimum round-trip time",
        kind: FieldKind::Micros,
        column: column("MINRTT", 'M', 6, 0, 13, true),
        get: |s| some_if(s.min_rtt_us != 0, s.min_rtt_us.into()),
        read: Some(|d, v| set(&mut d.session.min_rtt_us, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "turns",
        aliases: &[],
        json: Some("turns"),
        help: "number of answers of the peer: data that arrived after it had acknowledged data of ours",
        kind: FieldKind::Count,
        column: column("TURNS", 'V', 5, 0, 38, true),
        get: |s| some_if(s.age != Age::Unknown, s.turns.count.into()),
        read: Some(|d, v| set(&mut d.session.turns.count, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "resp",
        aliases: &["respmean"],
        json: Some("resp_mean_us"),
        help: "mean response time of the peer, with one round trip",
        kind: FieldKind::Micros,
        column: column("RESP", 'y', 6, 0, 38, true),
        get: |s| some(s.turns.peer.mean_us()),
        read: Some(|d, v| read_number(v).map(|us| d.session.turns.peer.set_mean_us(us))),
        redact: Redact::Keep,
    },
    Field {
        word: "respmax",
        aliases: &[],
        json: Some("resp_max_us"),
        help: "longest response time of the peer",
        kind: FieldKind::Micros,
        column: None,
        get: |s| some(s.turns.peer.max_us()),
        read: Some(|d, v| read_number(v).map(|us| d.session.turns.peer.set_max_us(us))),
        redact: Redact::Keep,
    },
    Field {
        word: "ourresp",
        aliases: &["ourrespmean"],
        json: Some("ourresp_mean_us"),
        help: "mean response time of our application: from the arrival of the peer's data to our answer",
        kind: FieldKind::Micros,
        column: column("OURRESP", 'Q', 7, 0, 39, true),
        get: |s| some(s.turns.ours.mean_us()),
        read: Some(|d, v| read_number(v).map(|us| d.session.turns.ours.set_mean_us(us))),
        redact: Redact::Keep,
    },
    Field {
        word: "ourrespmax",
        aliases: &[],
        json: Some("ourresp_max_us"),
        help: "longest response time of our application",
        kind: FieldKind::Micros,
        column: None,
        get: |s| some(s.turns.ours.max_us()),
        read: Some(|d, v| read_number(v).map(|us| d.session.turns.ours.set_max_us(us))),
        redact: Redact::Keep,
    },
    Field {
        word: "firstdata",
        aliases: &[],
        json: Some("first_data_us"),
        help: "time from the end of the handshake until our application first read data",
        kind: FieldKind::Micros,
        column: column("FIRSTDATA", 'f', 9, 0, 40, true),
        get: |s| some_if(s.turns.first_data_us != 0, s.turns.first_data_us.into()),
        read: Some(|d, v| set(&mut d.session.turns.first_data_us, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "waiting",
        aliases: &[],
        json: None,
        help: "time that one end has waited for the other by now",
        kind: FieldKind::Micros,
        column: column("WAITING", 'i', 7, 0, 39, true),
        get: |s| some_if(s.waits_for != WaitsFor::Nobody, s.waiting_us.into()),
        read: None,
        redact: Redact::Keep,
    },
    Field {
        word: "waitsfor",
        aliases: &[],
        json: None,
        help: "end that the other one waits for by now: the peer or us",
        kind: FieldKind::Names(WaitsFor::NAMES),
        column: None,
        get: |s| Value::Text(s.waits_for.name()),
        read: None,
        redact: Redact::Keep,
    },
    Field {
        word: "retransmits",
        aliases: &["retr"],
        json: Some("retransmits"),
        help: "retransmitted segments",
        kind: FieldKind::Count,
        column: column("RETR", 'e', 5, 0, 9, true),
        get: |s| Value::Uint(s.retransmits.into()),
        read: Some(|d, v| set(&mut d.session.retransmits, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "retranstimeout",
        aliases: &["rtoretransmits"],
        json: Some("retrans_timeout"),
        help: "segments retransmitted after a timeout",
        kind: FieldKind::Count,
        column: None,
        get: |s| some_if(s.age != Age::Unknown, s.retrans_timeout.into()),
        read: Some(|d, v| set(&mut d.session.retrans_timeout, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "retransfast",
        aliases: &["fastretransmits"],
        json: Some("retrans_fast"),
        help: "segments retransmitted because acknowledgments showed that they were lost",
        kind: FieldKind::Count,
        column: None,
        get: |s| some_if(s.age != Age::Unknown, s.retrans_fast.into()),
        read: Some(|d, v| set(&mut d.session.retrans_fast, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "retransprobe",
        aliases: &["proberetransmits"],
        json: Some("retrans_probe"),
        help: "segments retransmitted to probe for a lost tail",
        kind: FieldKind::Count,
        column: None,
        get: |s| some_if(s.age != Age::Unknown, s.retrans_probe.into()),
        read: Some(|d, v| set(&mut d.session.retrans_probe, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "zerowindow",
        aliases: &["zwin"],
        json: Some("zero_window"),
        help: "end whose receive window is 0: peer, ours or both, at the last refresh or the close",
        kind: FieldKind::Names(ZeroWindow::NAMES),
        column: None,
        get: |s| match s.zero_window {
            ZeroWindow::None => Value::Missing,
            zero => Value::Text(zero.name()),
        },
        read: Some(|d, v| {
            d.session.zero_window = match v {
                Value::Missing => ZeroWindow::None,
                _ => read_name(v, ZeroWindow::NAMES, ZeroWindow::ALL)?,
            };
            Some(())
        }),
        redact: Redact::Keep,
    },
    Field {
        word: "retransmitted",
        aliases: &["retrbytes"],
        json: Some("retransmitted_bytes"),
        help: "retransmitted bytes",
        kind: FieldKind::Bytes,
        column: column("RETRB", 'H', 6, 0, 26, true),
        get: |s| Value::Uint(s.retransmitted_bytes),
        read: Some(|d, v| set(&mut d.session.retransmitted_bytes, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "cwnd",
        aliases: &[],
        json: Some("cwnd"),
        help: "congestion window, segments",
        kind: FieldKind::Count,
        column: column("CWND", 'w', 6, 0, 18, true),
        get: |s| Value::Uint(s.cwnd.into()),
        read: Some(|d, v| set(&mut d.session.cwnd, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "mss",
        aliases: &[],
        json: Some("mss"),
        help: "maximum segment size, bytes",
        kind: FieldKind::Count,
        column: column("MSS", 'm', 5, 0, 19, true),
        get: |s| Value::Uint(s.mss.into()),
        read: Some(|d, v| set(&mut d.session.mss, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "busy",
        aliases: &[],
        json: Some("busy_us"),
        help: "time with data in flight or waiting to be sent",
        kind: FieldKind::Micros,
        column: column("BUSY", 'Y', 6, 0, 27, true),
        get: |s| Value::Uint(s.busy_us()),
        read: Some(|d, v| set(&mut d.session.busy_ms, milliseconds(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "rwndlimited",
        aliases: &["rwndlim"],
        json: Some("rwnd_limited_us"),
        help: "time limited by the peer's receive window",
        kind: FieldKind::Micros,
        column: column("RWNDLIM", 'W', 7, 0, 28, true),
        get: |s| Value::Uint(s.rwnd_limited_us()),
        read: Some(|d, v| set(&mut d.session.rwnd_limited_ms, milliseconds(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "sndbuflimited",
        aliases: &["sndlim"],
        json: Some("sndbuf_limited_us"),
        help: "time limited by our send buffer",
        kind: FieldKind::Micros,
        column: column("SNDLIM", 'd', 6, 0, 28, true),
        get: |s| Value::Uint(s.sndbuf_limited_us()),
        read: Some(|d, v| set(&mut d.session.sndbuf_limited_ms, milliseconds(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "cookie",
        aliases: &[],
        json: Some("cookie"),
        help: "socket cookie, printed by `ss -e` as sk:",
        kind: FieldKind::Id,
        column: column("COOKIE", 'K', 8, 12, 33, false),
        get: |s| Value::Uint(s.cookie),
        read: Some(|d, v| set(&mut d.session.cookie, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "netns",
        aliases: &[],
        json: Some("netns"),
        help: "network namespace, as printed by `lsns -t net`",
        kind: FieldKind::Id,
        column: column("NETNS", 'N', 10, 0, 20, false),
        get: |s| Value::Uint(s.netns.into()),
        read: Some(|d, v| set(&mut d.session.netns, read_number(v))),
        redact: Redact::Keep,
    },
    Field {
        word: "interface",
        aliases: &[],
        json: Some("interface"),
        help: "interface that the socket is bound to",
        kind: FieldKind::Text,
        column: column("INTERFACE", 'I', 9, 6, 34, false),
        get: |s| text_if(s.interface.name()),
        read: Some(|d, v| {
            set(
                &mut d.session.interface,
                owned(v).map(|name| Interface::new(&name.unwrap_or_default())),
            )
        }),
        redact: Redact::Replace(|d, r| {
            if let Some(name) = d.session.interface.name().filter(|name| *name != "lo") {
                d.session.interface = Interface::new(&r.name("if", name));
            }
        }),
    },
    Field {
        word: "cgroup",
        aliases: &[],
        json: Some("cgroup"),
        help: "path of the control group (v2)",
        kind: FieldKind::Text,
        column: column("CGROUP", 'G', 20, 60, 32, false),
        get: |s| text_if(s.cgroup.path.as_deref()),
        read: Some(|d, v| set(&mut d.cgroup_mut().path, owned(v))),
        redact: Redact::Replace(|d, r| {
            let path = &mut d.cgroup_mut().path;
            *path = path.take().map(|path| r.cgroup_path(&path));
        }),
    },
    Field {
        word: "container",
        aliases: &[],
        json: Some("container"),
        help: "first twelve characters of the container id",
        kind: FieldKind::Text,
        column: column("CONTAINER", 'g', 12, 0, 21, false),
        get: |s| text_if(s.cgroup.within.container()),
        read: None,
        redact: Redact::Follow,
    },
    Field {
        word: "runtime",
        aliases: &[],
        json: Some("runtime"),
        help: "container runtime: docker, containerd, podman and others",
        kind: FieldKind::Text,
        column: column("RUNTIME", 'Z', 10, 0, 29, false),
        get: |s| text_if(s.cgroup.within.runtime),
        read: None,
        redact: Redact::Follow,
    },
    Field {
        word: "pod",
        aliases: &[],
        json: Some("pod"),
        help: "uid of the Kubernetes pod",
        kind: FieldKind::Text,
        column: column("POD", 'P', 12, 24, 30, false),
        get: |s| text_if(s.cgroup.within.pod.as_deref()),
        read: None,
        redact: Redact::Follow,
    },
    Field {
        word: "containername",
        aliases: &[],
        json: Some("container_name"),
        help: "name of the container",
        kind: FieldKind::Text,
        column: column("CONTAINERNAME", '2', 13, 16, 35, false),
        get: |s| text_if(s.cgroup.names.container.as_deref()),
        read: Some(|d, v| set(&mut d.cgroup_mut().names.container, owned(v))),
        redact: Redact::Replace(|d, r| r.replace_name(&mut d.cgroup_mut().names.container)),
    },
    Field {
        word: "podname",
        aliases: &[],
        json: Some("pod_name"),
        help: "name of the Kubernetes pod",
        kind: FieldKind::Text,
        column: column("PODNAME", 'J', 12, 24, 36, false),
        get: |s| text_if(s.cgroup.names.pod.as_deref()),
        read: Some(|d, v| set(&mut d.cgroup_mut().names.pod, owned(v))),
        redact: Redact::Replace(|d, r| r.replace_name(&mut d.cgroup_mut().names.pod)),
    },
    Field {
        word: "namespace",
        aliases: &[],
        json: Some("namespace"),
        help: "Kubernetes namespace",
        kind: FieldKind::Text,
        column: column("NAMESPACE", 'F', 10, 10, 37, false),
        get: |s| text_if(s.cgroup.names.namespace.as_deref()),
        read: Some(|d, v| set(&mut d.cgroup_mut().names.namespace, owned(v))),
        redact: Redact::Replace(|d, r| r.replace_name(&mut d.cgroup_mut().names.namespace)),
    },
    Field {
        word: "unit",
        aliases: &[],
        json: Some("unit"),
        help: "systemd unit",
        kind: FieldKind::Text,
        column: column("UNIT", 'u', 15, 10, 22, false),
        get: |s| text_if(s.cgroup.within.unit.as_deref()),
        read: None,
        redact: Redact::Follow,
    },
    Field {
        word: "connstate",
        aliases: &["conn_state"],
        json: Some("conn_state"),
        help: "state in Zeek's words: S0, S1, SF, REJ, S2, S3, RSTO, RSTR or OTH",
        kind: FieldKind::Names(&conn_state::NAMES),
        column: None,
        get: |s| text_if(conn_state::conn_state(s)),
        read: None,
        redact: Redact::Follow,
    },
    Field {
        word: "communityid",
        aliases: &["community_id"],
        json: Some("community_id"),
        help: "Community ID of the addresses and ports, version 1 with seed 0",
        kind: FieldKind::Text,
        column: None,
        get: |s| CommunityId::of(s).map_or(Value::Missing, Value::CommunityId),
        read: None,
        redact: Redact::Follow,
    },
];
