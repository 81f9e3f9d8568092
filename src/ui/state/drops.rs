//! The drops screen: TCP packets that this host's kernel has thrown away, by reason, direction and ends.

use std::net::SocketAddr;

use rustc_hash::FxHashMap;

use crate::model::fields;
use crate::model::fields::FieldKind;
use crate::model::host_state::{DropKey, drop_key};
use crate::model::packet_drop::{DropClass, PacketDirection, PacketDrops};
use crate::model::session::{Comm, Session};
use crate::model::store::Store;
use crate::ui::action::Mode;
use crate::ui::state::names::Names;
use crate::ui::state::table_screen::{LineSources, SortKey, TableColumn, TableLine};

/// Maximum number of closed sessions that are searched for the owner of a dropped packet, the newest first.
const SEARCHED: usize = 100_000;

/// Dropped packets of one kind.
#[derive(Clone, Debug)]
pub struct DropLine {
    pub drops: PacketDrops,
    /// Packets per second.
    pub rate: f64,
    /// Time since the last one, ns.
    pub ago_ns: u64,
    /// Owner of the session, or of the listener on our port.
    pub owner: Option<(u32, Comm)>,
}

impl DropLine {
    fn is_ordinary(&self) -> bool {
        self.drops.class() == DropClass::Ordinary
    }
}

/// Formats an end: `192.0.2.1:443`; without its port where packets of many are counted together.
fn end(end: SocketAddr, names: &Names) -> String {
    let port = match end.port() {
        0 => "*".to_owned(),
        port => names
            .port(port)
            .map_or_else(|| port.to_string(), str::to_owned),
    };
    match end {
        SocketAddr::V4(end) => format!("{}:{port}", end.ip()),
        SocketAddr::V6(end) => format!("[{}]:{port}", end.ip()),
    }
}

/// Formats a rate for a narrow cell: `-`, `0.4`, `12`, `1.2k`.
fn rate(rate: f64) -> String {
    match rate {
        ..=0.0 => "-".into(),
        ..9.95 => format!("{rate:.1}"),
        rate => fields::narrow_bytes(rate.round() as u64),
    }
}

const fn column(
    title: &'static str,
    help: &'static str,
    (width, grow, drop): (u16, u16, u8),
    text: fn(&DropLine, &Names, usize) -> String,
    sort_key: fn(&DropLine) -> SortKey,
) -> TableColumn<DropLine> {
    TableColumn {
        title,
        help,
        width,
        grow,
        drop,
        is_number: true,
        kind: FieldKind::Count,
        text,
        sort_key,
        alarms: |_| false,
    }
}

/// The same for a column of texts.
const fn texts(kind: FieldKind, column: TableColumn<DropLine>) -> TableColumn<DropLine> {
    TableColumn {
        is_number: false,
        kind,
        ..column
    }
}

fn text(text: impl Into<String>) -> SortKey {
    SortKey::Text(text.into())
}

/// Puts ordinary drops last where the most recent or the most frequent are first.
fn failures_first(line: &DropLine, number: f64) -> SortKey {
    SortKey::Number(match line.is_ordinary() {
        true => -1.0 / (1.0 + number),
        false => number,
    })
}

static COLUMNS: [TableColumn<DropLine>; 11] = [
    TableColumn {
        alarms: |l| l.rate > 0.0 && !l.is_ordinary(),
        ..texts(
            FieldKind::Text,
            column(
                "REASON",
                "why the kernel dropped them; in parentheses what happens on a healthy host, too: those are no failures",
                (18, 6, 0),
                |l, _, _| match l.is_ordinary() {
                    true => format!("({})", l.drops.words()),
                    false => l.drops.words().to_owned(),
                },
                |l| text(l.drops.words()),
            ),
        )
    },
    texts(
        FieldKind::Text,
        column(
            "DIR",
            "direction of the packets: in, out, or forward, from one host to another through this one",
            (7, 0, 3),
            |l, _, _| l.drops.direction.word().into(),
            |l| text(l.drops.direction.word()),
        ),
    ),
    texts(
        FieldKind::Addr,
        column(
            "LOCAL",
            "our end; of forwarded packets their source. *: packets of several ports are counted together",
            (14, 30, 1),
            |l, names, _| end(l.drops.local, names),
            |l| text(format!("{} {:5}", l.drops.local.ip(), l.drops.local.port())),
        ),
    ),
    texts(
        FieldKind::Addr,
        column(
            "PEER",
            "the peer's end; of forwarded packets their destination",
            (14, 30, 0),
            |l, names, _| end(l.drops.remote, names),
            |l| {
                text(format!(
                    "{} {:5}",
                    l.drops.remote.ip(),
                    l.drops.remote.port()
                ))
            },
        ),
    ),
    texts(
        FieldKind::Text,
        column(
            "COMM",
            "program that owns the session, or listens on our port",
            (8, 7, 4),
            |l, _, _| match l.owner {
                Some((_, comm)) if !comm.as_str().is_empty() => comm.as_str().to_owned(),
                _ => "-".into(),
            },
            |l| {
                text(
                    l.owner
                        .map_or_else(String::new, |(_, c)| c.as_str().to_owned()),
                )
            },
        ),
    ),
    column(
        "PACKETS",
        "packets dropped since tcplife started; several that the network card has merged count as one",
        (7, 0, 0),
        |l, _, _| fields::narrow_bytes(l.drops.packets),
        |l| failures_first(l, l.drops.packets as f64),
    ),
    column(
        "PER SEC",
        "packets dropped per second",
        (7, 0, 2),
        |l, _, _| rate(l.rate),
        |l| failures_first(l, l.rate),
    ),
    column(
        "SYNS",
        "those of them that begin a connection",
        (5, 0, 6),
        |l, _, _| match l.drops.syns {
            0 => "-".into(),
            syns => fields::narrow_bytes(syns),
        },
        |l| failures_first(l, l.drops.syns as f64),
    ),
    column(
        "LAST",
        "time since the last one",
        (6, 0, 1),
        |l, _, _| fields::micros(l.ago_ns / 1000),
        |l| failures_first(l, l.drops.last_ns as f64),
    ),
    texts(
        FieldKind::Text,
        column(
            "KERNEL'S NAME",
            "the kernel's name of the reason, as in `dropwatch` and `perf trace`",
            (18, 6, 8),
            |l, _, _| l.drops.reason.into(),
            |l| text(l.drops.reason),
        ),
    ),
    texts(
        FieldKind::Text,
        column(
            "NETNS",
            "network namespace, by the inode number that `lsns` and `ip netns` know",
            (10, 0, 9),
            |l, _, _| match l.drops.netns {
                0 => "-".into(),
                netns => netns.to_string(),
            },
            |l| SortKey::Number(l.drops.netns.into()),
        ),
    ),
];

/// Columns of the screen and their meanings, for the help.
pub fn column_helps() -> impl Iterator<Item = (&'static str, &'static str)> {
    COLUMNS.iter().map(|c| (c.title, c.help))
}

/// The ends of a session.
type Ends = (SocketAddr, SocketAddr);

fn ends_of(session: &Session) -> Ends {
    (
        SocketAddr::new(session.laddr, session.lport),
        SocketAddr::new(session.raddr, session.rport),
    )
}

/// Owners of the sessions that these packets belong to, by the ends.
fn owners(drops: &[PacketDrops], store: &Store) -> FxHashMap<Ends, (u32, Comm)> {
    let of_sessions = drops.iter().filter(|d| d.has_both_ends());
    let mut wanted: FxHashMap<Ends, Vec<&PacketDrops>> = FxHashMap::default();
    for drops in of_sessions {
        let ends = (drops.local, drops.remote);
        wanted.entry(ends).or_default().push(drops);
    }
    let mut found = FxHashMap::default();
    if wanted.is_empty() {
        return found;
    }
    let closed = store.closed().take(SEARCHED);
    for (_, session) in store.open().chain(closed) {
        let ends = ends_of(session);
        let is_of = |drops: &Vec<&PacketDrops>| drops.iter().any(|d| d.is_of(session));
        if wanted.get(&ends).is_some_and(is_of) {
            found.entry(ends).or_insert((session.pid, session.comm));
        }
    }
    found
}

impl TableLine for DropLine {
    type Key = DropKey;

    const MODE: Mode = Mode::Drops;
    const SORTED_BY: &'static str = "PACKETS";

    fn columns() -> &'static [TableColumn<Self>] {
        &COLUMNS
    }

    fn lines(sources: &LineSources<'_>) -> Vec<Self> {
        let drops = sources.host.drops().unwrap_or_default();
        let owners = owners(drops, sources.store);
        let listener = |d: &PacketDrops| {
            let mut on_port = sources.host.listeners().iter().filter(|l| {
                let is_addr = l.addr.is_unspecified() || l.addr == d.local.ip();
                l.port == d.local.port() && is_addr && (l.netns == d.netns || d.netns == 0)
            });
            let is_in = d.direction == PacketDirection::In && d.local.port() != 0;
            on_port.next().filter(|_| is_in).map(|l| (l.pid, l.comm))
        };
        let line = |d: &PacketDrops| DropLine {
            rate: sources.host.drop_rate(d),
            ago_ns: sources.host.taken_ns().saturating_sub(d.last_ns),
            owner: owners
                .get(&(d.local, d.remote))
                .copied()
                .or_else(|| listener(d)),
            drops: d.clone(),
        };
        let mut lines: Vec<DropLine> = drops.iter().map(line).collect();
        lines.sort_by_key(|l| drop_key(&l.drops));
        lines
    }

    fn key(&self) -> DropKey {
        drop_key(&self.drops)
    }

    fn sessions(&self) -> Option<String> {
        let PacketDrops {
            direction,
            local,
            remote,
            netns,
            ..
        } = self.drops;
        if direction == PacketDirection::Forwarded {
            return None;
        }
        let end = |addr: &str, port: &str, end: SocketAddr| match end.port() {
            0 => format!("{addr} {}", end.ip()),
            number => format!("{addr} {} and {port} {number}", end.ip()),
        };
        let netns = match netns {
            0 => String::new(),
            netns => format!(" and netns {netns}"),
        };
        Some(format!(
            "{} and {}{netns}",
            end("laddr", "lport", local),
            end("raddr", "rport", remote)
        ))
    }

    fn remark(&self, names: &Names) -> String {
        let PacketDrops {
            direction,
            local,
            remote,
            ..
        } = self.drops;
        let (from, to) = match direction {
            PacketDirection::In => (remote, local),
            PacketDirection::Out | PacketDirection::Forwarded => (local, remote),
        };
        let ordinary = match self.is_ordinary() {
            true => "; that happens on a healthy host, too",
            false => "",
        };
        format!(
            "{} → {}: {}{ordinary}",
            end(from, names),
            end(to, names),
            self.drops.outcome()
        )
    }

    fn summary(lines: &[Self]) -> String {
        let sum = |is_ordinary: bool| {
            let lines = lines.iter().filter(|l| l.is_ordinary() == is_ordinary);
            lines.map(|l| l.drops.packets).sum::<u64>()
        };
        let rate_now: f64 = lines
            .iter()
            .filter(|l| !l.is_ordinary())
            .map(|l| l.rate)
            .sum();
        let ordinary = match sum(true) {
            0 => String::new(),
            n => format!("; {} ordinary", fields::narrow_bytes(n)),
        };
        format!(
            "{} dropped, {}/s{ordinary}",
            fields::number(sum(false), "packet"),
            rate(rate_now).replace('-', "0")
        )
    }

    fn why_empty(sources: &LineSources<'_>) -> String {
        match sources.host.newest() {
            Some(host) if host.drops.is_some() => {
                "This host has dropped no TCP packets since tcplife started.".into()
            }
            Some(_) => "Not known: this kernel gives no reasons for dropped packets (before Linux 5.17), or `drops = false` is set.".into(),
            None => "Reading the dropped packets …".into(),
        }
    }
}
