//! The drops screen: TCP packets that this host's kernel has thrown away, by reason, direction and ends.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;

use crate::filter::for_group::and_netns;
use crate::model::fields;
use crate::model::fields::FieldKind;
use crate::model::host_state::{DropKey, HostState, drop_key};
use crate::model::packet_drop::{DropClass, PacketDirection, PacketDrops};
use crate::model::session::{Comm, Direction};
use crate::model::store::Store;
use crate::ui::action::Mode;
use crate::ui::state::names::Names;
use crate::ui::state::table_cells::{alarming, column, count, rate, texts};
use crate::ui::state::table_screen::{LineSources, SortKey, TableColumn, TableLine};

/// Maximum number of closed sessions that are searched for the owner of a dropped packet, the newest first.
const SEARCHED: usize = 100_000;

/// Dropped packets of one kind: of all sessions of a program between the same two hosts, to or from one service.
#[derive(Clone, Debug)]
pub struct DropLine {
    /// Their sum. The port that differs from session to session is 0.
    pub drops: PacketDrops,
    /// Packets per second.
    pub rate: f64,
    /// Time since the last one, ns.
    pub ago_ns: u64,
    /// Packets of the host that are in no line.
    pub not_listed: u64,
    /// Program of the sessions, or of the listener on our port.
    pub program: Option<Comm>,
}

impl DropLine {
    /// Adds packets of the same kind.
    fn add(&mut self, other: &DropLine) {
        let (sum, more) = (&mut self.drops, &other.drops);
        sum.packets += more.packets;
        sum.syns += more.syns;
        sum.first_ns = sum.first_ns.min(more.first_ns);
        sum.last_ns = sum.last_ns.max(more.last_ns);
        self.rate += other.rate;
        self.ago_ns = self.ago_ns.min(other.ago_ns);
    }

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
    alarming(
        |l| l.rate > 0.0 && !l.is_ordinary(),
        texts(
            FieldKind::Text,
            column(
                "REASON",
                "why the kernel dropped them; in parentheses what happens on a healthy host, too: those are no failures",
                (20, 4, 0),
                |l, _, _| match l.is_ordinary() {
                    true => format!("({})", l.drops.words()),
                    false => l.drops.words().to_owned(),
                },
                |l| text(l.drops.words()),
            ),
        ),
    ),
    texts(
        FieldKind::Text,
        column(
            "DIR",
            "direction of the packets: in, out, or fwd, from one host to another through this one",
            (3, 0, 3),
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
            "program that owns the sessions, or listens on our port",
            (8, 7, 4),
            |l, _, _| match l.program {
                Some(comm) if !comm.as_str().is_empty() => comm.as_str().to_owned(),
                _ => "-".into(),
            },
            |l| {
                text(
                    l.program
                        .map_or_else(String::new, |c| c.as_str().to_owned()),
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
        |l, _, _| count(l.drops.syns),
        |l| failures_first(l, l.drops.syns as f64),
    ),
    column(
        "LAST",
        "time since the last one",
        (4, 0, 1),
        |l, _, _| fields::ago(l.ago_ns),
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

/// The ends of a session.
type Ends = (SocketAddr, SocketAddr);

/// A session that packets belong to: its program, and who opened it.
type Owner = (Comm, Direction);

/// Owners of the sessions that these packets belong to, by the ends.
fn owners(drops: &[PacketDrops], store: &Store) -> HashMap<Ends, Owner> {
    let of_sessions = drops.iter().filter(|d| d.has_both_ends());
    // strangers choose the keys
    let mut wanted: HashMap<Ends, Vec<&PacketDrops>> = HashMap::new();
    for drops in of_sessions {
        let ends = (drops.local, drops.remote);
        wanted.entry(ends).or_default().push(drops);
    }
    let mut found = HashMap::new();
    if wanted.is_empty() {
        return found;
    }
    // most sessions have other ports, which are faster to look up
    let ports = wanted
        .keys()
        .map(|(ours, theirs)| (ours.port(), theirs.port()));
    let ports: HashSet<(u16, u16)> = ports.collect();
    let closed = store.closed().take(SEARCHED);
    let sessions = store.open().chain(closed).map(|(_, session)| session);
    for session in sessions.filter(|s| ports.contains(&(s.lport, s.rport))) {
        let ends = session.ends();
        let is_of = |drops: &Vec<&PacketDrops>| drops.iter().any(|d| d.is_of(session));
        if wanted.get(&ends).is_some_and(is_of) {
            found.insert(ends, (session.comm, session.direction));
            wanted.remove(&ends);
            if wanted.is_empty() {
                break;
            }
        }
    }
    found
}

/// Leaves out the port that differs from session to session.
fn service_ends(drops: &PacketDrops, owner: Option<&Owner>) -> Ends {
    let PacketDrops { local, remote, .. } = *drops;
    let any = |end: SocketAddr| SocketAddr::new(end.ip(), 0);
    let is_out = match owner {
        Some((_, Direction::Out)) => true,
        Some((_, Direction::In)) => false,
        // services have lower ports than those that the kernel gives
        Some((_, Direction::Unknown)) | None => local.port() > remote.port(),
    };
    match (drops.has_both_ends(), is_out) {
        (true, true) => (any(local), remote),
        (true, false) => (local, any(remote)),
        (false, _) => (local, remote),
    }
}

/// The listener that packets for this host were for.
fn listener_of(drops: &PacketDrops, host: &HostState) -> Option<Comm> {
    let PacketDrops { local, netns, .. } = *drops;
    let is_in = drops.direction == PacketDirection::In && local.port() != 0;
    let mut listeners = host.listeners().iter().filter(|l| l.takes(netns, local));
    listeners.next().filter(|_| is_in).map(|l| l.comm)
}

impl TableLine for DropLine {
    /// Identifies the sum; the cause distinguishes packets without a socket that begin a connection from late ones.
    type Key = (DropKey, DropClass, Option<Comm>);

    const MODE: Mode = Mode::Drops;
    const SORTED_BY: &'static str = "PACKETS";

    fn columns() -> &'static [TableColumn<Self>] {
        &COLUMNS
    }

    fn lines(sources: &LineSources<'_>) -> Vec<Self> {
        let all = sources.host.drops().unwrap_or_default();
        let owners = owners(all, sources.store);
        let mut sums: BTreeMap<_, DropLine> = BTreeMap::new();
        for drops in all {
            let owner = owners.get(&(drops.local, drops.remote));
            let (local, remote) = service_ends(drops, owner);
            let program = owner.map(|(comm, _)| *comm);
            let program = program.or_else(|| listener_of(drops, sources.host));
            let line = DropLine {
                rate: sources.host.drop_rate(drops),
                ago_ns: sources.host.taken_ns().saturating_sub(drops.last_ns),
                not_listed: sources.host.newest().map_or(0, |h| h.drops_not_kept),
                program,
                drops: PacketDrops {
                    local,
                    remote,
                    ..drops.clone()
                },
            };
            match sums.entry(line.key()) {
                Entry::Vacant(entry) => drop(entry.insert(line)),
                Entry::Occupied(mut entry) => entry.get_mut().add(&line),
            }
        }
        sums.into_values().collect()
    }

    fn key(&self) -> Self::Key {
        let class = self.drops.class();
        let of_syns = PacketDrops {
            syns: 0,
            ..self.drops.clone()
        };
        (drop_key(&of_syns), class, self.program)
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
        let session = |ours, theirs| {
            let (ours, theirs) = (end("laddr", "lport", ours), end("raddr", "rport", theirs));
            format!("{ours} and {theirs}")
        };
        let netns = and_netns(netns);
        // the other end may be on this host, too, in whatever namespace
        Some(format!(
            "({}{netns}) or ({})",
            session(local, remote),
            session(remote, local)
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
            "{}{ordinary}: {} → {}",
            self.drops.outcome(),
            end(from, names),
            end(to, names)
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
        let not_listed = match lines.first().map_or(0, |l| l.not_listed) {
            0 => String::new(),
            n => format!("; {} more of too many kinds", fields::narrow_bytes(n)),
        };
        format!(
            "{} dropped, {}/s{ordinary}{not_listed}",
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
