//! The sessions that flags and filters match, and no others.

use std::net::{SocketAddr, TcpStream};

use crate::bound_sockets::{Bound, MAPPED, listen_for_flag, listen_in_a_row};
use crate::common::loopback::{V4, V6, listen, port, session, v6_or_skip};
use crate::common::requirements::kernel_or_skip;
use crate::printed_rows::{Ports, Row, captured, me, ours_at, sorted};
use crate::puppet::Puppet;

/// Opens sessions at listed ports, at ports in a listed range, and at others. `list` formats the flag's value from a
/// range's ends and two single ports; `side` swaps a row's ports if the flag is about the remote one.
fn assert_matches_listed(flag: &str, list: fn([u16; 4]) -> String, side: fn(Ports) -> Ports) {
    if !kernel_or_skip() {
        return;
    }
    let [first, second, third] = listen_in_a_row();
    let (single, other) = (listen(V4), listen(V4));
    let client = Bound::new();
    let [a, b, c] = [&first, &second, &third].map(port);
    let (d, e, f) = (port(&single), port(&other), client.port);
    let listed = [a, b, d, f];
    let (rows, expected) = captured(&[flag, &list(listed)], || {
        session(&third, V4, 1, 1);
        session(&other, V4, 1, 1);
        client.session(&other); // the client's port is listed, the server's is not
        let mut expected = vec![side((f, e))];
        for listener in [&first, &second, &single] {
            let peer = session(listener, V4, 1, 1);
            expected.push(side((port(listener), peer)));
        }
        expected
    });
    assert_eq!(ours_at(&rows, &[a, b, c, d, e, f]), expected);
    let is_listed = |r: &Row| listed.contains(&side(r.ports()).0);
    assert!(rows.iter().all(is_listed), "{rows:?}");
}

#[test]
fn local_ports_listed_and_in_range_match_this_end() {
    assert_matches_listed("-L", |[a, b, d, f]| format!("{d},{a}-{b},{f}"), |ends| ends);
}

#[test]
fn remote_ports_listed_and_in_range_match_other_end() {
    let list = |[a, b, d, f]: [u16; 4]| format!("{a}-{b},{d},{f}");
    assert_matches_listed("-D", list, |(l, r)| (r, l));
}

/// As the client and as the server: each matches its own end of a session, never the other one.
#[test]
fn pid_of_client_and_server_matches_its_own_ends() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut puppet = Puppet::start();
    let theirs = puppet.order("port");
    let pid = puppet.pid();
    let (rows, expected) = captured(&["-p", &pid.to_string()], || {
        session(&listener, V4, 1, 1);

        let (mut ours, peer) = puppet.connect(&listener);
        puppet.send(&mut ours, 5);
        puppet.finish(ours);

        let mut ours = TcpStream::connect(SocketAddr::new(V4.ip(), theirs)).expect("a connection");
        puppet.order("accept");
        puppet.receive(&mut ours, 5);
        let client = ours.local_addr().expect("it is connected").port();
        puppet.finish(ours);
        vec![(peer, port(&listener)), (theirs, client)]
    });
    assert_eq!(sorted(rows.iter().map(Row::ports).collect()), expected);
    assert!(rows.iter().all(|r| r.pid == pid), "{rows:?}");
}

#[test]
fn filter_in_part_or_not_pushed_down_matches_nothing_else() {
    if !kernel_or_skip() {
        return;
    }
    let (one, other) = (listen(V4), listen(V4));
    let (a, b) = (port(&one), port(&other));
    // the kernel decides the ports of the first, and nothing of the second
    for filter in [
        format!("lport {a} and tx >= 2000"),
        format!("port {a},{b} and (lport {a} and tx >= 2kB or rx > 1GB)"),
    ] {
        let (rows, expected) = captured(&["-f", &filter], || {
            session(&one, V4, 1, 1999);
            session(&other, V4, 1, 5000);
            vec![(a, session(&one, V4, 1, 2000))]
        });
        assert_eq!(ours_at(&rows, &[a, b]), expected, "{filter}");
    }
}

/// Over IPv4, IPv6, and IPv4 through IPv6 sockets: at the server's end, at the client's, and at both.
#[test]
fn family_mapped_address_matches_what_is_on_the_wire() {
    if !kernel_or_skip() || !v6_or_skip() {
        return;
    }
    let (v4, v6) = (listen(V4), listen(V6));
    let both: SocketAddr = "[::]:0".parse().expect("an address");
    let both = listen(both);
    let ports = [&v4, &v6, &both].map(port);
    for (flag, ip, loopback) in [("-4", 4, "127.0.0.1"), ("-6", 6, "::1")] {
        let (rows, expected) = captured(&[flag], || {
            let mut expected = Vec::new();
            for (listener, to, speaks) in [
                (&v4, V4, 4),
                (&v4, MAPPED, 4),
                (&both, V4, 4),
                (&both, MAPPED, 4),
                (&v6, V6, 6),
                (&both, V6, 6),
            ] {
                let client = session(listener, to, 1, 1);
                if speaks == ip {
                    expected.extend([(port(listener), client), (client, port(listener))]);
                }
            }
            expected
        });
        assert_eq!(ours_at(&rows, &ports), expected, "{flag}");
        assert!(rows.iter().all(|r| r.ip == ip), "{flag}: {rows:?}");
        let mut ours = rows
            .iter()
            .filter(|r| ports.contains(&r.lport) && r.pid == me());
        assert!(
            ours.all(|r| r.laddr == loopback && r.raddr == loopback),
            "{rows:?}"
        );
    }
}

#[test]
fn flags_combined_narrow_each_other() {
    if !kernel_or_skip() {
        return;
    }
    let (listener, lport) = listen_for_flag();
    let other = listen(V4);
    let client = Bound::new();
    let ports = (port(&listener), client.port);
    let (me, rport) = (me().to_string(), client.port.to_string());
    let (rows, _) = captured(&["-4", "-p", &me, "-L", &lport, "-D", &rport], || {
        session(&listener, V4, 1, 1);
        session(&other, V4, 1, 1);
        client.session(&listener);
        vec![ports]
    });
    assert_eq!(rows.len(), 1, "{rows:?}");
}
