//! The listeners screen: every listening socket of the host, in all network namespaces.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustc_hash::FxHashMap;

use crate::filter::for_group::{and_listened_at, and_netns};
use crate::filter::quoted;
use crate::model::fields;
use crate::model::fields::FieldKind;
use crate::model::host_state::ListenerRates;
use crate::model::listener::Listener;
use crate::model::session::{Direction, Session};
use crate::text::units::S;
use crate::ui::action::Mode;
use crate::ui::state::names::Names;
use crate::ui::state::table_cells::{alarming, column, count, number, rate, texts};
use crate::ui::state::table_screen::{LineSources, SortKey, TableColumn, TableLine};

/// A listening socket, and what the sessions say about it.
#[derive(Clone, Debug)]
pub struct ListenerLine {
    pub listener: Listener,
    pub rates: ListenerRates,
    /// Its open sessions; with those of the other sockets of its SO_REUSEPORT group.
    pub open: u64,
    /// Age of the connection that has waited longest for accept(), ns.
    pub oldest_ns: Option<u64>,
}

impl ListenerLine {
    /// True if the next connection does not fit its accept queue: the kernel lets in one more than its limit.
    fn is_full(&self) -> bool {
        self.listener.queue > self.listener.queue_limit
    }

    /// Formats its address as `ss` does: `0.0.0.0%eth1:80`, `[::]:80`, `*:80` for both families; with the name of its
    /// port if there is one.
    fn address(&self, port_name: Option<&str>) -> String {
        let Listener {
            addr,
            port,
            interface,
            ..
        } = self.listener;
        let zone = interface.name().map(|name| format!("%{name}"));
        let zone = zone.unwrap_or_default();
        let port = port_name.map_or_else(|| port.to_string(), str::to_owned);
        match addr {
            IpAddr::V4(_) => format!("{addr}{zone}:{port}"),
            IpAddr::V6(addr) if addr.is_unspecified() && !self.listener.v6_only => {
                format!("*{zone}:{port}")
            }
            IpAddr::V6(_) => format!("[{addr}{zone}]:{port}"),
        }
    }
}

static COLUMNS: [TableColumn<ListenerLine>; 13] = [
    texts(
        FieldKind::Addr,
        column(
            "ADDRESS",
            "address and port that it listens on, with the interface that it is bound to; * is all addresses of IPv4 and IPv6",
            (16, 30, 0),
            |l, names, _| l.address(names.port(l.listener.port)),
            |l| number(l.listener.port),
        ),
    ),
    texts(
        FieldKind::Text,
        column(
            "COMM",
            "program that listens",
            (8, 7, 0),
            |l, _, _| match l.listener.comm.as_str() {
                "" => "-".into(),
                comm => comm.to_owned(),
            },
            |l| SortKey::Text(l.listener.comm.as_str().to_owned()),
        ),
    ),
    column(
        "PID",
        "process that listens; others may have inherited the socket",
        (7, 0, 5),
        |l, _, _| match l.listener.pid {
            0 => "-".into(),
            pid => pid.to_string(),
        },
        |l| number(l.listener.pid),
    ),
    column(
        "OPEN",
        "open sessions of the address, which the sockets of a group share",
        (5, 0, 1),
        |l, _, _| count(l.open),
        |l| number(l.open as f64),
    ),
    column(
        "NEW/s",
        "connections established with this socket per second",
        (5, 0, 2),
        |l, _, _| rate(l.rates.established),
        |l| number(l.rates.established),
    ),
    alarming(
        ListenerLine::is_full,
        column(
            "QUEUE",
            "established connections that no process has accepted yet, and the limit given to listen(2) and by net.core.somaxconn; with one more than that it is full, and the kernel drops SYNs",
            (9, 0, 0),
            |l, _, width| {
                let Listener {
                    queue, queue_limit, ..
                } = l.listener;
                let whole = format!("{queue}/{queue_limit}");
                match whole.len() <= width {
                    true => whole,
                    false => format!(
                        "{}/{}",
                        fields::narrow_bytes(queue.into()),
                        fields::narrow_bytes(queue_limit.into())
                    ),
                }
            },
            |l| number(l.listener.queue),
        ),
    ),
    alarming(
        |l| l.oldest_ns.is_some_and(|ns| ns >= S),
        column(
            "OLDEST",
            "time that the connection at the head of the queue has waited to be accepted",
            (6, 0, 3),
            |l, _, _| {
                l.oldest_ns
                    .map_or_else(|| "-".into(), |ns| fields::micros(ns / 1000))
            },
            |l| number(l.oldest_ns.map_or(-1.0, |ns| ns as f64)),
        ),
    ),
    column(
        "HALF",
        "handshakes that are not complete: SYNs answered, the last packet of the handshake outstanding. With SYN cookies the kernel keeps none",
        (4, 0, 4),
        |l, _, _| count(l.listener.half_open.into()),
        |l| number(l.listener.half_open),
    ),
    alarming(
        |l| l.rates.drops > 0.0,
        column(
            "DROP/s",
            "SYNs and completed handshakes that it has refused per second, mostly because a queue was full",
            (6, 0, 2),
            |l, _, _| rate(l.rates.drops),
            |l| number(l.rates.drops),
        ),
    ),
    column(
        "GROUP",
        "sockets that share its address by SO_REUSEPORT, itself included",
        (5, 0, 6),
        |l, _, _| count(l.listener.group_size.into()),
        |l| number(l.listener.group_size),
    ),
    column(
        "DROPS",
        "all that it has refused since it was made",
        (5, 0, 7),
        |l, _, _| count(l.listener.drops),
        |l| number(l.listener.drops as f64),
    ),
    texts(
        FieldKind::Text,
        column(
            "USER",
            "user of the socket",
            (8, 0, 8),
            |l, names, _| {
                let uid = l.listener.uid;
                (names.user)(uid).map_or_else(|| uid.to_string(), str::to_owned)
            },
            |l| number(l.listener.uid),
        ),
    ),
    texts(
        FieldKind::Text,
        column(
            "NETNS",
            "network namespace, by the inode number that `lsns` and `ip netns` know",
            (10, 0, 9),
            |l, _, _| l.listener.netns.to_string(),
            |l| number(l.listener.netns),
        ),
    ),
];

/// An address in a namespace.
type ListeningAt = (u32, IpAddr, u16);

/// The listener that a session belongs to: the one of its address, else the one of all addresses.
fn listening_at(
    session: &Session,
    is_listening: impl Fn(&ListeningAt) -> bool,
) -> Option<ListeningAt> {
    let at = |addr| (session.netns, addr, session.lport);
    let any = match session.laddr {
        IpAddr::V4(_) => Some(Ipv4Addr::UNSPECIFIED.into()),
        IpAddr::V6(_) => None,
    };
    let candidates = [Some(session.laddr), any, Some(Ipv6Addr::UNSPECIFIED.into())];
    let mut candidates = candidates.into_iter().flatten().map(at);
    candidates.find(is_listening)
}

impl TableLine for ListenerLine {
    type Key = u64;

    const MODE: Mode = Mode::Listeners;
    const SORTED_BY: &'static str = "QUEUE";

    fn columns() -> &'static [TableColumn<Self>] {
        &COLUMNS
    }

    fn lines(sources: &LineSources<'_>) -> Vec<Self> {
        let at = |l: &Listener| (l.netns, l.addr, l.port);
        let listeners = sources.host.listeners();
        let mut open: FxHashMap<ListeningAt, u64> = listeners.iter().map(|l| (at(l), 0)).collect();
        let sessions = sources.store.open().map(|(_, session)| session);
        for session in sessions.filter(|s| s.direction != Direction::Out) {
            if let Some(at) = listening_at(session, |at| open.contains_key(at)) {
                *open.entry(at).or_default() += 1;
            }
        }
        let line = |listener: &Listener| ListenerLine {
            rates: sources.host.listener_rates(listener),
            open: open.get(&at(listener)).copied().unwrap_or(0),
            oldest_ns: listener
                .waiting_since_ns
                .map(|since_ns| sources.host.taken_ns().saturating_sub(since_ns)),
            listener: listener.clone(),
        };
        let mut lines: Vec<ListenerLine> = listeners.iter().map(line).collect();
        lines.sort_by_key(|l| {
            let Listener {
                port,
                addr,
                netns,
                cookie,
                ..
            } = l.listener;
            (port, addr, netns, cookie)
        });
        lines
    }

    fn key(&self) -> u64 {
        self.listener.cookie
    }

    fn sessions(&self) -> Option<String> {
        let Listener {
            netns,
            addr,
            port,
            interface,
            ..
        } = self.listener;
        let (addr, netns) = (and_listened_at(addr), and_netns(netns));
        let interface = interface.name().map(quoted);
        let interface = interface.map_or_else(String::new, |i| format!(" and interface {i}"));
        Some(format!("lport {port}{addr}{interface}{netns}"))
    }

    fn remark(&self, names: &Names) -> String {
        let address = self.address(names.port(self.listener.port));
        let Listener {
            queue, half_open, ..
        } = self.listener;
        let waited = self.oldest_ns.map(|ns| fields::micros(ns / 1000));
        let waited = waited.map_or_else(String::new, |t| format!(", the first for {t}"));
        let drops = match self.rates.drops {
            ..=0.0 => String::new(),
            drops => format!("; drops {}/s", rate(drops)),
        };
        let state = match (queue, half_open) {
            _ if self.is_full() => format!("accept queue full: {queue} wait{waited}"),
            (1.., _) => format!("{queue} wait to be accepted{waited}"),
            (0, 1..) => format!(
                "{} not complete",
                fields::number(half_open.into(), "handshake")
            ),
            (0, 0) => "nothing waits".into(),
        };
        format!("{address}: {state}{drops}")
    }

    fn summary(lines: &[Self]) -> String {
        let waiting: u64 = lines.iter().map(|l| u64::from(l.listener.queue)).sum();
        let full = lines.iter().filter(|l| l.is_full()).count();
        let drops: f64 = lines.iter().map(|l| l.rates.drops).sum();
        let new: f64 = lines.iter().map(|l| l.rates.established).sum();
        let full = match full {
            0 => String::new(),
            n => format!("; {} full", fields::number(n as u64, "queue")),
        };
        format!(
            "{}: {} new/s, {} waiting, {} dropped/s{full}",
            fields::number(lines.len() as u64, "listener"),
            rate(new).replace('-', "0"),
            fields::number(waiting, "connection"),
            rate(drops).replace('-', "0")
        )
    }

    fn why_empty(sources: &LineSources<'_>) -> String {
        match sources.host.newest() {
            Some(host) if host.lacks_listeners => {
                "This kernel does not tell which sockets listen: Linux 5.13 does.".into()
            }
            Some(_) => "No socket listens.".into(),
            None => "Reading the listening sockets …".into(),
        }
    }
}
