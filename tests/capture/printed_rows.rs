//! Rows that tcplife prints, and their expected contents.

use std::fs;
use std::time::Instant;

use serde_json::Value;

use crate::common::requirements::PATIENCE;
use crate::common::running::Running;

pub(crate) const CSV_HEADER: &str = "PID,COMM,IP,LADDR,LPORT,RADDR,RPORT,TX_KB,RX_KB,MS";

/// A row of `-s`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) pid: u32,
    pub(crate) ip: u8,
    pub(crate) laddr: String,
    pub(crate) lport: u16,
    pub(crate) raddr: String,
    pub(crate) rport: u16,
}

/// Local and remote port.
pub(crate) type Ports = (u16, u16);

impl Row {
    pub(crate) fn parse(line: &str) -> Row {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells.len(), 10, "{line}");
        Row {
            pid: cells[0].parse().expect(line),
            ip: cells[2].parse().expect(line),
            laddr: cells[3].to_owned(),
            lport: cells[4].parse().expect(line),
            raddr: cells[5].to_owned(),
            rport: cells[6].parse().expect(line),
        }
    }

    pub(crate) fn ports(&self) -> Ports {
        (self.lport, self.rport)
    }
}

pub(crate) fn me() -> u32 {
    std::process::id()
}

/// Returns the name of a process, which is that of its first thread; tests run on others.
pub(crate) fn comm_of(pid: u32) -> String {
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).expect("it runs");
    comm.trim_end().to_owned()
}

/// Returns every row that tcplife prints with these flags while the traffic runs. The traffic returns the sessions that
/// must match: they are waited for, and returned sorted.
pub(crate) fn captured(
    flags: &[&str],
    traffic: impl FnOnce() -> Vec<Ports>,
) -> (Vec<Row>, Vec<Ports>) {
    let (mut tcplife, header) = Running::with_header(&[&["-s"], flags].concat());
    assert_eq!(header, CSV_HEADER);
    let expected = sorted(traffic());
    let mut awaited = expected.clone();
    let mut rows = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while !awaited.is_empty() {
        assert!(Instant::now() < deadline, "{flags:?}: no {awaited:?}");
        let row = Row::parse(&tcplife.line());
        awaited.retain(|ports| *ports != row.ports());
        rows.push(row);
    }
    let ended = tcplife.interrupt();
    assert!(ended.status.success(), "{flags:?}: {}", ended.errors);
    rows.extend(ended.rest.iter().map(|line| Row::parse(line)));
    (rows, expected)
}

/// Returns our rows that have one of these ports at either end, as sorted ports.
pub(crate) fn ours_at(rows: &[Row], ports: &[u16]) -> Vec<Ports> {
    let ours = rows.iter().filter(|r| r.pid == me()).map(Row::ports);
    sorted(
        ours.filter(|(l, r)| ports.contains(l) || ports.contains(r))
            .collect(),
    )
}

pub(crate) fn sorted(mut ports: Vec<Ports>) -> Vec<Ports> {
    ports.sort_unstable();
    ports
}

/// Asserts that a row of `-o json` has these keys with these values.
#[track_caller]
pub(crate) fn assert_has(row: &Value, expected: &Value) {
    for (key, value) in expected.as_object().expect("an object") {
        assert_eq!(row[key], *value, "{key} in {row}");
    }
}
