//! The other end of a session, where several network namespaces have the same addresses.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use crate::common::loopback::{Pair, V4, listen, port};
use crate::common::netns::Netns;
use crate::common::pty::{self, Kept};
use crate::common::requirements::{kernel_or_skip, tool_or_skip};
use crate::harness::{Seen, brisk};

/// A session within a namespace, or from one to another, which has sent that many bytes.
fn pair(from: &Netns, to: &Netns, at: &str, dst: &str, bytes: usize) -> Pair {
    let [at, dst]: [SocketAddr; 2] = [at, dst].map(|a| a.parse().expect("an address"));
    let listener = to.run(move || TcpListener::bind(at).expect("a port of its own"));
    let client = from.run(move || TcpStream::connect(dst).expect("a connection"));
    let server = listener.accept().expect("a connection").0;
    let mut pair = Pair { client, server };
    pair.exchange(bytes, 0);
    pair
}

fn namespaces_or_skip() -> bool {
    kernel_or_skip() && tool_or_skip(&["ip", "link"])
}

/// Opens the detail of the one session that a filter leaves, as high as it needs.
fn detail(filter: &str) -> Seen {
    let mut seen = Seen::sized(pty::command(&brisk(&["-f", filter])), 60, 100);
    seen.wait_for("the session", |s| s.rows().len() == 1);
    seen.press("\r");
    seen.wait_for("its other end", |s| {
        s.shows("OTHER END") && !s.shows("searching")
    });
    seen
}

/// Goes back to the table, and quits.
fn leave(mut seen: Seen) {
    seen.press("q");
    seen.wait_for("the table", |s| s.heading().is_some());
    seen.quit();
}

#[test]
fn other_end_on_loopback_is_never_in_another_namespace() {
    if !namespaces_or_skip() {
        return;
    }
    let spaces = [1111, 2222, 3333].map(|bytes| (Netns::new(), bytes));
    let _pairs = spaces
        .each_ref()
        .map(|(netns, bytes)| pair(netns, netns, "[::1]:7177", "[::1]:7177", *bytes));
    for (netns, bytes) in &spaces {
        let filter = format!("rport 7177 netns {}", netns.id());
        let seen = detail(&filter);
        let received = format!("tx 0B, rx {}.{}kB", bytes / 1000, bytes / 100 % 10);
        assert!(seen.shows(&received), "{received}:\n{}", seen.picture());
        assert!(!seen.shows("in network namespace"), "{}", seen.picture());
        leave(seen);
    }
}

#[test]
fn other_end_across_a_link_is_named_with_its_namespace_if_it_is_the_only_one() {
    if !namespaces_or_skip() {
        return;
    }
    let [a, b] = [Netns::new(), Netns::new()];
    a.link(("tl0", "10.77.0.1/24"), &b, ("tl1", "10.77.0.2/24"));
    let _pair = pair(&a, &b, "10.77.0.2:7178", "10.77.0.2:7178", 1500);
    let mut seen = detail(&format!("rport 7178 netns {}", a.id()));
    assert!(seen.shows("Tab shows it"), "{}", seen.picture());
    let there = format!("in network namespace {}", b.id());
    assert!(seen.shows(&there), "{}", seen.picture());
    seen.press("\t");
    seen.wait_for("the other end", |s| {
        s.shows("10.77.0.2:7178 ←") && s.shows(&format!("in network namespace {}", a.id()))
    });
    seen.press("q");
    seen.wait_for("the first end again", |s| {
        s.shows("10.77.0.2:7178  opened by us")
    });
    leave(seen);
}

#[test]
fn other_end_behind_a_translation_between_namespaces_is_said_to_be_translated() {
    if !namespaces_or_skip() || !tool_or_skip(&["unshare", "-n", "iptables", "-t", "nat", "-L"]) {
        return;
    }
    let [a, b] = [Netns::new(), Netns::new()];
    a.link(("tl0", "10.78.0.1/24"), &b, ("tl1", "10.78.0.2/24"));
    a.ip("route add default via 10.78.0.2");
    a.run(|| {
        let rule = "-t nat -A OUTPUT -p tcp --dport 7180 -j DNAT --to-destination 10.78.0.2:7179";
        let status = Command::new("iptables").args(rule.split(' ')).status();
        assert!(status.expect("iptables").success(), "{rule}");
    });
    let _pair = pair(&a, &b, "10.78.0.2:7179", "203.0.113.9:7180", 10);
    let seen = detail(&format!("rport 7180 netns {}", a.id()));
    assert!(
        seen.shows("translated    Tab shows it"),
        "{}",
        seen.picture()
    );
    assert!(seen.shows("10.78.0.2:7179"), "{}", seen.picture());
    leave(seen);
}

/// Two sessions with the same addresses and ports, on two links.
#[test]
fn link_local_session_is_shown_with_its_zone_and_found_by_its_commands() {
    if !namespaces_or_skip() {
        return;
    }
    let [a, b] = [Netns::new(), Netns::new()];
    for (ours, theirs) in [("tl-a0", "tl-b0"), ("tl-a1", "tl-b1")] {
        a.link((ours, "fe80::1/64"), &b, (theirs, "fe80::2/64"));
    }
    let listener = b.run(|| TcpListener::bind("[::]:7183").expect("a port of its own"));
    let _pairs = ["tl-a0", "tl-a1"].map(|interface| {
        let client = a.connect(interface, "[fe80::1]:7182", "[fe80::2]:7183");
        let server = listener.accept().expect("a connection").0;
        Pair { client, server }
    });
    // it knows the names of the namespace that it runs in
    let mut seen = a.run(|| Seen::sized(pty::command(&brisk(&["-D", "7183"])), 60, 140));
    seen.wait_for("both", |s| {
        s.shows("fe80::2%tl-a0") && s.shows("fe80::2%tl-a1")
    });
    seen.press("/interface tl-a1\r");
    seen.wait_for("one of them", |s| s.rows().len() == 1);
    seen.press("\r");
    seen.wait_for("its ends", |s| {
        s.shows("[fe80::1%tl-a1]:7182 → [fe80::2%tl-a1]:7183") && s.shows("COMMANDS")
    });
    let lines = seen.lines();
    let command = |name: &str| {
        let line = lines.iter().find(|l| l.starts_with(name));
        line.expect(name).trim().to_owned()
    };
    assert!(command("tcpdump").contains("-nni tl-a1 "), "{lines:#?}");
    let ss = command("ss").replace("-tinemo", "-tinemoH");
    let output = a.run(move || Command::new("sh").args(["-c", &ss]).output().expect("ss"));
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(found.matches("ESTAB").count(), 1, "{found}");
    assert!(found.contains("%tl-a1"), "{found}");
    // its other end is in the other namespace, where these addresses are two others
    seen.wait_for("its other end", |s| s.shows("not known: "));
    leave(seen);
}

#[test]
fn commands_for_a_process_in_another_namespace_enter_it() {
    if !namespaces_or_skip() || !tool_or_skip(&["bash", "-c", "true"]) {
        return;
    }
    let netns = Netns::new();
    let listener = netns.run(|| listen(V4));
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{}; read -u 3", port(&listener));
    let client = netns.run(move || Command::new("bash").args(["-c", &script]).spawn());
    let client = client.expect("bash can be started");
    let pid = client.id();
    let _client = Kept(Box::new(client));
    let _server = listener.accept().expect("it connects");
    let mut seen = detail(&format!("rport {} netns {}", port(&listener), netns.id()));
    let command = format!("nsenter -t {} -n ss -tinemo", pid);
    seen.wait_for("the command", |s| s.shows(&command));
    leave(seen);
}
