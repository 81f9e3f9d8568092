//! Names of addresses and ports, and the dashboard's own traffic.

use std::fs;
use std::net::UdpSocket;
use std::time::Instant;

use crate::common::loopback::{Pair, V4, listen, port};
use crate::common::pty;
use crate::common::requirements::{kernel_or_skip, skip, tool_or_skip};
use crate::harness::{Seen, brisk, only};

/// Address of the test's own name server: servers of resolv.conf(5) have the usual port.
const SERVER: &str = "127.0.53.77";

/// Starts a dashboard with a hosts file, name servers and port names of its own.
fn with_names(ports: &str, resolv_conf: &str, services: &str) -> (Seen, tempfile::TempDir) {
    let etc = tempfile::tempdir().expect("a directory");
    for (name, text) in [
        ("resolv.conf", resolv_conf),
        ("hosts", "192.0.2.1 other\n"),
        ("services", services),
    ] {
        fs::write(etc.path().join(name), text).expect("a file");
    }
    let script = format!(
        "for name in resolv.conf hosts services; do mount --bind {}/$name /etc/$name || exit; done; exec \"$@\"",
        etc.path().display()
    );
    let mut argv = vec!["unshare", "-m", "sh", "-c", &script, "sh"];
    argv.extend(brisk(&["-L", ports]));
    let mut seen = Seen::start(pty::command(&argv));
    seen.wait_for("the dashboard", |s| s.heading().is_some());
    (seen, etc)
}

fn mounts_or_skip() -> bool {
    let there = "for name in resolv.conf hosts services; do mount --bind /etc/$name /etc/$name || exit; done";
    kernel_or_skip() && tool_or_skip(&["unshare", "-m", "sh", "-c", there])
}

/// Answers at this address with this name for every address. Messages are those of RFC 1035 §4.
pub(crate) fn serve(at: &str, name: &'static str) -> bool {
    let Ok(socket) = UdpSocket::bind((at, 53)) else {
        skip("the port of name servers cannot be had");
        return false;
    };
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((n, from)) = socket.recv_from(&mut question) {
            let mut answer = question[..n].to_vec();
            answer[2..8].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1]);
            // the question's name, PTR, IN, 300 s
            answer.extend([0xc0, 12, 0, 12, 0, 1, 0, 0, 1, 44, 0, name.len() as u8 + 2]);
            for label in name.split('.') {
                answer.push(label.len() as u8);
                answer.extend(label.as_bytes());
            }
            answer.push(0);
            let _ = socket.send_to(&answer, from);
        }
    });
    true
}

#[test]
fn names_switched_on_by_keys_replace_addresses_and_ports() {
    if !mounts_or_skip() || !serve(SERVER, "host-1.example") {
        return;
    }
    let Ok(listener) = std::net::TcpListener::bind("127.0.0.1:465") else {
        return skip("port 465 cannot be had");
    };
    let conf = format!("nameserver {SERVER}\n");
    let (mut seen, _etc) = with_names("465", &conf, "submissions 465/tcp\n");
    let pair = Pair::open(&listener, V4);
    let rport = pair.client_port();
    seen.wait_for("the session", |s| s.row(465, rport).is_some());
    let cells = |s: &Seen| {
        let line = s
            .lines()
            .into_iter()
            .find(|l| l.contains(&rport.to_string()));
        line.unwrap_or_default()
    };
    assert!(cells(&seen).contains("127.0.0.1"), "{}", seen.picture());
    seen.press("n");
    seen.wait_for("its name", |s| cells(s).contains("host-1.example"));
    seen.press("\r");
    seen.wait_for("both in the detail", |s| {
        s.shows(&format!("127.0.0.1:465 ← 127.0.0.1:{rport}"))
            && s.shows(&format!("host-1.example:465 ← host-1.example:{rport}"))
    });
    seen.press("N");
    seen.wait_for("the port's name", |s| {
        s.shows(&format!(
            "host-1.example:submissions ← host-1.example:{rport}"
        ))
    });
    seen.press("nN\x1b");
    seen.wait_for("the address, in the table", |s| {
        s.heading().is_some() && cells(s).contains("127.0.0.1")
    });
    seen.quit();
}

#[test]
fn names_without_dns_answer_or_services_entry_stay_numeric() {
    if !mounts_or_skip() {
        return;
    }
    // nobody answers there (RFC 5737), or there is not even a route
    let listener = listen(V4);
    let (mut seen, _etc) = with_names(&only(&[&listener]), "nameserver 192.0.2.53\n", "");
    let pair = Pair::open(&listener, V4);
    let (lport, rport) = (port(&listener), pair.client_port());
    seen.wait_for("the session", |s| s.row(lport, rport).is_some());
    seen.press("n");
    seen.wait_for("that names are on", |s| s.shows("shown as names"));
    let row = seen.row(lport, rport).expect("it is there");
    assert_eq!(row.cell("RADDR"), "127.0.0.1");
    seen.press("N");
    seen.wait_for("that there are no names of ports", |s| {
        s.shows("/etc/services lists no TCP port: ports are shown as numbers")
    });
    let before = Instant::now();
    seen.quit();
    assert!(before.elapsed().as_secs() < 2, "{:?}", before.elapsed());
}

#[test]
fn self_traffic_of_ssh_session_is_hidden_until_requested() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let (ssh, other) = (Pair::open(&listener, V4), Pair::open(&listener, V4));
    let lport = port(&listener);
    let mut command = pty::command(&brisk(&["-L", &only(&[&listener])]));
    let connection = format!("127.0.0.1 {} 127.0.0.1 {lport}", ssh.client_port());
    command.env("SSH_CONNECTION", connection);
    let mut seen = Seen::start(command);
    seen.wait_for("the other one alone", |s| {
        s.rows().len() == 1
            && s.row(lport, other.client_port()).is_some()
            && s.shows("self traffic: 1 hidden")
            && s.shows("open 2")
    });
    seen.press("H");
    seen.wait_for("both", |s| {
        s.row(lport, ssh.client_port()).is_some() && s.shows("self traffic: 1 shown")
    });
    seen.press("H");
    seen.wait_for("one again", |s| s.rows().len() == 1);
    seen.quit();
}
