//! The ports screen: local ports that outgoing sessions use, by source and destination.

use crate::filter::for_group::{and_netns, filter_for_peer};
use crate::model::fields;
use crate::model::fields::FieldKind;
use crate::model::port_use::{PortPool, PortPoolUse};
use crate::ui::action::Mode;
use crate::ui::state::names::Names;
use crate::ui::state::table_cells::{alarming, column, number, rate, texts};
use crate::ui::state::table_screen::{LineSources, SortKey, TableColumn, TableLine};

/// Part of the range from which on a pool stands out.
const NEARLY: f64 = 0.8;
/// Cells of the bar of a share, besides the percent.
const BAR: usize = 5;

/// Ports of one source towards one destination.
#[derive(Clone, Debug)]
pub struct PortLine {
    ports: PortPoolUse,
    /// Ports in TIME_WAIT that the kernel counts in the namespace of tcplife.
    kernel_waiting: Option<u64>,
    /// First and last port of the range of that namespace.
    range: (u16, u16),
    /// Number of lines that are not kept, because there are too many.
    evicted: u64,
}

impl PortLine {
    fn is_nearly_exhausted(&self) -> bool {
        self.ports.share() >= NEARLY
    }

    /// `~` before a figure that rests on an assumed range.
    fn about(&self) -> &'static str {
        match self.ports.is_assumed {
            true => "~",
            false => "",
        }
    }

    fn destination(&self, names: &Names) -> String {
        let PortPool { raddr, rport, .. } = self.ports.pool;
        names
            .end(raddr, rport, names.port(rport))
            .unwrap_or_else(|| raddr.with_port(rport))
    }
}

/// Formats a number of ports or connects in full, as long as it fits; `-` for 0.
fn exact(n: impl Into<u64>) -> String {
    match n.into() {
        0 => "-".into(),
        n @ ..100_000 => n.to_string(),
        n => fields::narrow_bytes(n),
    }
}

static COLUMNS: [TableColumn<PortLine>; 10] = [
    texts(
        FieldKind::Addr,
        column(
            "DESTINATION",
            "address and port that the sessions go to",
            (21, 24, 0),
            |l, names, _| l.destination(names),
            |l| {
                SortKey::Text(format!(
                    "{:?}",
                    (l.ports.pool.raddr.addr, l.ports.pool.rport)
                ))
            },
        ),
    ),
    texts(
        FieldKind::Addr,
        column(
            "SOURCE",
            "local address; each one has all ports of the range for each destination",
            (12, 24, 4),
            |l, names, _| {
                let addr = l.ports.pool.laddr;
                let name = names.address(addr);
                name.map_or_else(|| addr.to_string(), str::to_owned)
            },
            |l| SortKey::Text(l.ports.pool.laddr.to_string()),
        ),
    ),
    column(
        "USED",
        "ports of open sessions",
        (5, 0, 2),
        |l, _, _| exact(l.ports.open),
        |l| number(l.ports.open),
    ),
    column(
        "T-WAIT",
        "ports in TIME_WAIT: of sessions that we closed first in the last minute. The kernel gives such a port again only if tcp_tw_reuse allows it: by default on loopback, after a second",
        (6, 0, 3),
        |l, _, _| exact(l.ports.waiting),
        |l| number(l.ports.waiting),
    ),
    alarming(
        PortLine::is_nearly_exhausted,
        column(
            "FREE",
            "ports of ip_local_port_range that are left; ~ in another network namespace, whose range is not known and taken to be that of a new one",
            (6, 0, 1),
            |l, _, _| format!("{}{}", l.about(), l.ports.free()),
            |l| number(l.ports.free()),
        ),
    ),
    alarming(
        PortLine::is_nearly_exhausted,
        column(
            "SHARE",
            "part of the range that is used or in TIME_WAIT",
            (10, 0, 0),
            |l, _, width| {
                let percent = (l.ports.share() * 100.0).floor();
                let cells = (percent / 100.0 * BAR as f64).ceil() as usize;
                let percent = format!("{}{percent:.0}%", l.about());
                match width {
                    ..10 | usize::MAX => percent,
                    _ => format!("{:<BAR$}{percent:>5}", "█".repeat(cells.min(BAR))),
                }
            },
            |l| number(l.ports.share()),
        ),
    ),
    column(
        "NEW/s",
        "outgoing sessions per second: churn without keep-alive uses up ports",
        (5, 0, 3),
        |l, _, _| rate(l.ports.opened_rate),
        |l| number(l.ports.opened_rate),
    ),
    alarming(
        |l| l.ports.failed_rate > 0.0,
        column(
            "FAIL/s",
            "connects per second that found no free port (EADDRNOTAVAIL, reason no-port)",
            (6, 0, 1),
            |l, _, _| rate(l.ports.failed_rate),
            |l| number(l.ports.failed_rate),
        ),
    ),
    column(
        "FAILED",
        "connects that found no free port since the line is there",
        (6, 0, 6),
        |l, _, _| exact(l.ports.failures),
        |l| number(l.ports.failures as f64),
    ),
    texts(
        FieldKind::Text,
        column(
            "NETNS",
            "network namespace, by the inode number that `lsns` and `ip netns` know",
            (10, 0, 7),
            |l, _, _| l.ports.pool.netns.to_string(),
            |l| number(l.ports.pool.netns),
        ),
    ),
];

impl TableLine for PortLine {
    type Key = PortPool;

    const MODE: Mode = Mode::Ports;
    const SORTED_BY: &'static str = "SHARE";

    fn columns() -> &'static [TableColumn<Self>] {
        &COLUMNS
    }

    fn lines(sources: &LineSources<'_>) -> Vec<Self> {
        let line = |ports| PortLine {
            ports,
            kernel_waiting: sources.ports.kernel_waiting,
            evicted: sources.ports.evicted(),
            range: sources.ports.range().ends(),
        };
        let mut lines: Vec<PortLine> = sources.ports.pools().map(line).collect();
        lines.sort_by_key(|l| l.ports.pool);
        lines
    }

    fn key(&self) -> PortPool {
        self.ports.pool
    }

    fn sessions(&self) -> Option<String> {
        let PortPool {
            netns,
            laddr,
            raddr,
            rport,
        } = self.ports.pool;
        Some(format!(
            "direction out and {} and rport {rport} and laddr {}{}",
            filter_for_peer(raddr),
            laddr.addr,
            and_netns(netns)
        ))
    }

    fn remark(&self, names: &Names) -> String {
        let PortPoolUse {
            range, failed_rate, ..
        } = self.ports;
        let (free, about) = (self.ports.free(), self.about());
        let left = match self.ports.failed_rate {
            ..=0.0 => format!("{about}{free} of {about}{range} ports are left"),
            _ => format!("no port left for {} connects/s", rate(failed_rate)),
        };
        let why = match (self.ports.waiting > self.ports.open, self.ports.share()) {
            (_, ..0.5) => "",
            (true, _) => "; most are in TIME_WAIT",
            (false, _) => "; most are of open sessions",
        };
        format!("{}: {left}{why}", self.destination(names))
    }

    fn summary(lines: &[Self]) -> String {
        let [used, waiting] = [
            lines.iter().map(|l| u64::from(l.ports.open)).sum::<u64>(),
            lines.iter().map(|l| u64::from(l.ports.waiting)).sum(),
        ];
        let (range, kernel) = match lines.first() {
            Some(PortLine {
                range: (first, last),
                kernel_waiting,
                ..
            }) => {
                // the kernel tells of the namespace of tcplife only
                let here = lines.iter().filter(|l| !l.ports.is_assumed);
                let here: u64 = here.map(|l| u64::from(l.ports.waiting)).sum();
                let kernel = kernel_waiting.map(|n| match here == waiting {
                    true => format!(" (kernel: {n})"),
                    false => format!(" ({here} here, kernel: {n})"),
                });
                (
                    format!("range {first}-{last}: "),
                    kernel.unwrap_or_default(),
                )
            }
            None => (String::new(), String::new()),
        };
        let destinations = fields::number(lines.len() as u64, "destination");
        let not_kept = match lines.first().map_or(0, |line| line.evicted) {
            0 => String::new(),
            1 => ", and 1 more is not kept".into(),
            evicted => format!(", and {evicted} more are not kept"),
        };
        format!(
            "{range}{used} ports used, {waiting} in TIME_WAIT{kernel}; {destinations}{not_kept}"
        )
    }

    fn why_empty(_: &LineSources<'_>) -> String {
        "No outgoing session uses a port that the kernel chose.".into()
    }
}
