//! Sessions that were open before tcplife started.

use std::fs;
use std::net::TcpStream;

use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json as object;

use crate::bound_sockets::listen_for_flag;
use crate::common::loopback::{V4, listen, port, session};
use crate::common::requirements::kernel_or_skip;
use crate::common::running::Running;
use crate::printed_rows::{Row, assert_has, comm_of, me};
use crate::puppet::Puppet;

#[test]
fn preexisting_session_closes_is_reported_whole() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let lport = port(&listener);
    let mut puppet = Puppet::start();
    let (mut ours, peer) = puppet.connect(&listener);
    puppet.send(&mut ours, 1000);
    puppet.receive(&mut ours, 3000);

    let only = format!("{lport},{peer}");
    let (mut text, _) = Running::with_header(&["-L", &only]);
    let (mut csv, _) = Running::with_header(&["-s", "-L", &only]);
    let mut tcplife = Running::json(&["-L", &only], &listener);
    puppet.send(&mut ours, 10);
    puppet.receive(&mut ours, 30);
    puppet.finish(ours);

    for _ in 0..2 {
        let row = tcplife.row_until(|row| row["lport"] == peer || row["rport"] == peer);
        let (pid, tx, rx) = if row["lport"] == lport {
            (me(), 3030, 1010)
        } else {
            (puppet.pid(), 1010, 3030)
        };
        assert_has(
            &row,
            &object!({
                "preexisting": true, "pid": pid, "comm": comm_of(pid), "tx_bytes": tx, "rx_bytes": rx,
            }),
        );
    }
    let mut marked = 0;
    while marked < 2 {
        let line = text.line();
        let cells: Vec<&str> = line.split_whitespace().collect();
        let ports: [u16; 2] = [cells[3], cells[5]].map(|cell| cell.parse().expect(&line));
        let is_preexisting = ports.contains(&peer);
        assert_eq!(cells[8].ends_with('+'), is_preexisting, "{line}");
        marked += usize::from(is_preexisting);
    }
    csv.lines_until(|line| {
        let ms = line.rsplit(',').next().unwrap_or_default();
        assert!(ms.parse::<f64>().is_ok(), "{line}");
        let row = Row::parse(line);
        [row.lport, row.rport].contains(&peer)
    });

    // a session that begins now, at the preexisting listener
    let client = session(&listener, V4, 7, 8);
    let row = tcplife.row_until(|row| row["rport"] == client);
    let expected = object!({"preexisting": false, "pid": me(), "direction": "in"});
    assert_has(&row, &expected);
    for tcplife in [text, csv, tcplife] {
        assert!(tcplife.interrupt().status.success());
    }
}

/// No process has a descriptor of a session that waits to be accepted: only its listener leads to its owner.
#[test]
fn preexisting_full_accept_queue_belongs_to_listener() {
    if !kernel_or_skip() {
        return;
    }
    let largest = fs::read_to_string("/proc/sys/net/core/somaxconn").expect("there is a limit");
    // 4096 is the kernel's default
    let limit: usize = largest.trim().parse::<usize>().expect(&largest).min(4096);
    let mut descriptors = getrlimit(Resource::Nofile);
    descriptors.current = descriptors.maximum;
    setrlimit(Resource::Nofile, descriptors).expect("up to the maximum is always allowed");

    let (listener, only) = listen_for_flag();
    let lport = port(&listener);
    // listening again makes the queue longer; it holds one more than its limit
    rustix::net::listen(&listener, limit as i32).expect("it is bound");
    let _waiting: Vec<TcpStream> = (0..=limit)
        .map(|_| TcpStream::connect((V4.ip(), lport)).expect("there is room"))
        .collect();
    let (tcplife, _) = Running::with_header(&["-s", "-L", &only]);
    drop(listener);

    let ended = tcplife.interrupt();
    ended.assert_well();
    let rows: Vec<Row> = ended.rest.iter().map(|line| Row::parse(line)).collect();
    assert_eq!(rows.len(), limit + 1);
    for row in rows {
        assert_eq!((row.lport, row.pid), (lport, me()));
    }
}
