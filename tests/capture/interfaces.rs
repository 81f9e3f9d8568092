//! Sessions over link-local addresses, which mean something on one interface only.

use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use serde_json::{Value, json as object};

use crate::common::loopback::{Pair, V4, listen, port};
use crate::common::netns::Netns;
use crate::common::requirements::{kernel_or_skip, tool_or_skip};
use crate::common::running::Running;
use crate::printed_rows::assert_has;

/// Two sessions that differ in their interface only, each with both ends on this host, and a third without interface.
#[test]
fn interface_tells_apart_sessions_that_differ_in_nothing_else() {
    if !kernel_or_skip() || !tool_or_skip(&["ip", "link"]) {
        return;
    }
    let [a, b] = [Netns::new(), Netns::new()];
    let links = [("tl-a0", "tl-b0"), ("tl-a1", "tl-b1")];
    for (ours, theirs) in links {
        a.link((ours, "fe80::1/64"), &b, (theirs, "fe80::2/64"));
    }
    // it knows the names of the namespace that it runs in
    let (mut all, mut some, ready) = a.run(|| {
        let probe = listen(V4);
        let filter = format!("interface tl-a1 or port {}", port(&probe));
        let all = Running::json(&[], &probe);
        let some = Running::json(&["-f", &filter], &probe);
        (all, some, port(&probe))
    });
    let listener = b.run(|| TcpListener::bind("[::]:7181").expect("a port of its own"));
    let pairs = links.map(|(interface, _)| {
        let client = a.connect(interface, "[fe80::1]:7180", "[fe80::2]:7181");
        let server = listener.accept().expect("a connection").0;
        Pair { client, server }
    });
    pairs.into_iter().for_each(Pair::close);

    let mut rows: Vec<Value> = Vec::new();
    while rows.len() < 4 {
        rows.push(all.row_until(|row| row["lport"] == 7180 || row["lport"] == 7181));
    }
    let interfaces = |lport: u16| {
        let ends = rows.iter().filter(|row| row["lport"] == lport);
        let mut names: Vec<&str> = ends.filter_map(|row| row["interface"].as_str()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(interfaces(7180), ["tl-a0", "tl-a1"]);
    let mut indices = links.map(|(_, theirs)| b.index_of(theirs).to_string());
    indices.sort_unstable();
    assert_eq!(interfaces(7181), indices);
    for row in rows.iter().filter(|row| row["lport"] == 7180) {
        let netns = a.id();
        assert_has(
            row,
            &object!({"laddr": "fe80::1", "raddr": "fe80::2", "netns": netns}),
        );
    }
    let is_ours = |row: &Value| row["lport"] != ready && row["rport"] != ready;
    assert_has(&some.row_until(is_ours), &object!({"interface": "tl-a1"}));
    let rest = some.interrupt().rest;
    let more = rest.iter().map(|line| crate::common::running::json(line));
    assert_eq!(
        more.filter(|row| row["event"] == "close")
            .filter(is_ours)
            .count(),
        0
    );
    all.interrupt();
}

/// rustix does not have this option.
fn bind_to_device(socket: &TcpStream, name: &str) {
    let length = name.len() as libc::socklen_t;
    // SAFETY: the name is readable, and as long as it says
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_BINDTODEVICE,
            name.as_ptr().cast(),
            length,
        )
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn interface_of_session_bound_to_a_device_is_its_name_and_else_null() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut tcplife = Running::json(&[], &listener);
    let free = Pair::open(&listener, V4);
    let bound = Pair::open(&listener, V4);
    bind_to_device(&bound.client, "lo");
    let ports = [free.client_port(), bound.client_port()];
    free.close();
    bound.close();
    for (client, interface) in ports.into_iter().zip([Value::Null, "lo".into()]) {
        let row = tcplife.row_until(|row| row["lport"] == client);
        assert_has(&row, &object!({ "interface": interface }));
    }
    tcplife.interrupt();
}
