//! The questions of docs/troubleshooting.md and of the help, with the keys given there, on live traffic.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rustix::net::sockopt::{set_socket_linger, set_tcp_user_timeout};
use rustix::net::{AddressFamily, SocketType, socket};
use tcplife::testing::ui::{QUESTIONS, Question, Step};

use crate::common::cgroups;
use crate::common::faults::silent_network;
use crate::common::loopback::{Pair, V4, listen, port};
use crate::common::netns::Netns;
use crate::common::pty;
use crate::common::requirements::{kernel_or_skip, skip, tool_or_skip};
use crate::findings::Refused;
use crate::harness::{Seen, brisk, only};
use crate::listeners::stuck;

/// Most keys of an answer.
const MOST: usize = 6;

/// The question that starts with these words.
fn question(start: &str) -> &'static Question {
    let found = QUESTIONS.iter().find(|q| q.text.starts_with(start));
    found.unwrap_or_else(|| panic!("no question {start}"))
}

impl Seen {
    /// Presses the keys of a step, and waits for the expected text.
    fn ask(&mut self, step: &Step) {
        for key in step.press.split_whitespace() {
            self.press(match key {
                "Enter" => "\r",
                "Tab" => "\t",
                "Shift-Tab" => "\x1b[Z",
                // alone: before another key it would be a part of that one
                "Esc" => "\x1b",
                key => key,
            });
            if key == "Esc" {
                self.wait_for("the page below", |s| s.is_whole());
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        self.press(step.typed);
        self.wait_for(step.shows, |s| s.shows(step.shows));
    }

    /// Presses the keys of all steps to the answer.
    fn ask_all(&mut self, question: &Question) {
        let keys: usize = question.steps.iter().map(Step::count).sum();
        assert!((1..=MOST).contains(&keys), "{}: {keys}", question.text);
        for step in question.steps {
            self.ask(step);
        }
    }

    /// True if a line contains all of these.
    fn has_line(&self, holds: &[&str]) -> bool {
        let lines = self.lines();
        lines.iter().any(|l| holds.iter().all(|h| l.contains(h)))
    }
}

/// The start of this program's name, as much as a narrow column shows.
fn our_name() -> String {
    let comm = std::fs::read_to_string("/proc/self/comm").expect("our name");
    comm.trim()[..4].to_owned()
}

#[test]
fn questions_have_few_keys() {
    for question in QUESTIONS {
        let keys: usize = question.steps.iter().map(Step::count).sum();
        assert!((1..=MOST).contains(&keys), "{}: {keys}", question.text);
    }
}

#[test]
fn questions_about_sessions_are_answered() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    for start in [
        "Who uses the network now?",
        "Why is this transfer slow?",
        "What has changed since the deploy?",
        "Is it slow for all, or for a few?",
        "Which program leaks sessions in close-wait?",
    ] {
        let mut busy = Pair::open(&listener, V4);
        busy.exchange(100_000, 100_000);
        // one whose peer has closed
        let Pair { client, server } = Pair::open(&listener, V4);
        drop(client);
        // one that has closed, with a round trip
        let mut short = Pair::open(&listener, V4);
        short.exchange(10, 10);
        short.close();
        let mut seen = Seen::dashboard(&["-L", &only(&[&listener])]);
        seen.wait_for("both", |s| s.rows().len() >= 2);
        let question = question(start);
        seen.ask_all(question);
        if start.starts_with("Which program leaks") {
            seen.wait_for("only that one", |s| s.rows().len() == 1);
            assert!(seen.has_line(&[&our_name(), "close-wait"]));
        }
        question.further.iter().for_each(|step| seen.ask(step));
        drop((server, busy));
        seen.press("\x1b\x03q\x03");
        seen.ends("q", 0);
    }
}

/// Time that the database takes for an answer.
const SLOW: Duration = Duration::from_millis(200);

#[test]
fn question_about_a_slow_database_is_answered() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let Pair {
        mut client,
        mut server,
    } = Pair::open(&listener, V4);
    let database = std::thread::spawn(move || {
        while matches!(server.read(&mut [0]), Ok(1)) {
            std::thread::sleep(SLOW);
            server.write_all(b"rows").expect("it is connected");
        }
    });
    let stopped = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&stopped);
    let application = std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            client.write_all(b"?").expect("it is connected");
            client.read_exact(&mut [0; 4]).expect("an answer");
        }
    });
    // as its clients see it
    let mut seen = Seen::dashboard(&["-D", &port(&listener).to_string()]);
    seen.wait_for("the session", |s| s.rows().len() == 1);
    let question = question("The database is slow");
    seen.ask_all(question);
    seen.wait_for("the time that it takes", |s| {
        let ms = |text: &str| text.split("ms").next()?.parse::<f64>().ok();
        let is_slow = |text: &str| ms(text).is_some_and(|ms| (200.0..300.0).contains(&ms));
        let lines = s.lines();
        lines.iter().any(|l| l.split("p50 ").any(is_slow))
    });
    question.further.iter().for_each(|step| seen.ask(step));
    seen.wait_for("who takes it", |s| {
        s.shows("the peer takes 2") && s.shows("ms to answer")
    });
    stopped.store(true, Ordering::Relaxed);
    application.join().expect("the application");
    database.join().expect("the database");
    seen.press("\x1b\x03q\x03");
    seen.ends("q", 0);
}

/// A host on which a destination refuses connections.
#[test]
fn question_about_what_is_wrong_is_answered() {
    if !kernel_or_skip() {
        return;
    }
    let refused = Refused::new();
    let port = refused.port.to_string();
    let mut seen = Seen::dashboard(&["-D", &port]);
    seen.wait_for("a finding", |s| s.shows(" finding"));
    let question = question("What is wrong on this host?");
    seen.ask(&question.steps[0]);
    // other tests have findings, too
    seen.press(&format!("/:{port} refuses\r"));
    seen.wait_for("its line", |s| s.shows("1 of") && s.shows("refusing: "));
    seen.ask(&question.steps[1]);
    seen.wait_for("its sessions", |s| {
        s.rows().iter().any(|row| row.cell("RPORT") == port)
    });
    drop(refused);
    seen.quit();
}

#[test]
fn question_about_the_largest_transfer_is_answered() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let [mut small, mut large, mut newest] = [(); 3].map(|()| Pair::open(&listener, V4));
    small.exchange(1000, 1000);
    large.exchange(150_000, 100_000);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener])]);
    seen.wait_for("all three", |s| s.rows().len() == 3);
    // now the busiest by far, but not the largest
    newest.exchange(20_000, 20_000);
    let question = question("Which is the largest transfer");
    seen.ask(&question.steps[0]);
    let largest = large.client_port();
    seen.wait_for("the largest", |s| s.order().first() == Some(&largest));
    seen.ask(&question.steps[1]);
    assert!(seen.shows(&largest.to_string()));
    seen.press("q");
    seen.quit();
}

#[test]
fn question_about_the_longest_lived_is_answered() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener])]);
    let oldest = Pair::open(&listener, V4);
    let port_of_oldest = oldest.client_port();
    seen.wait_for("the oldest", |s| s.rows().len() == 1);
    let mut newer = Pair::open(&listener, V4);
    newer.exchange(100_000, 100_000);
    let mut closed = Pair::open(&listener, V4);
    closed.exchange(10, 10);
    closed.close();
    seen.wait_for("all three", |s| s.rows().len() == 3);
    seen.ask_all(question("Which sessions have lasted longest?"));
    let expected = [port_of_oldest, newer.client_port()];
    seen.wait_for("the open ones, the oldest on top", |s| {
        s.order() == expected
    });
    seen.quit();
}

/// Connects to a port of an address at which no process listens, or from which no answer comes.
fn fail_to_connect(to: SocketAddr) {
    let client = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    set_tcp_user_timeout(&client, 1500).expect("TCP_USER_TIMEOUT");
    assert!(rustix::net::connect(&client, &to).is_err(), "{to}");
}

#[test]
fn question_about_refused_and_timed_out_connections_is_answered() {
    if !kernel_or_skip() || !tool_or_skip(&["ip", "link"]) {
        return;
    }
    let netns = silent_network();
    // the failures of other tests are left out
    let mut seen = Seen::dashboard(&["-D", "5432"]);
    let question = question("What is refused or times out");
    netns.run(|| {
        for _ in 0..20 {
            fail_to_connect("10.0.0.9:5432".parse().expect("an address"));
        }
        fail_to_connect("10.1.0.5:5432".parse().expect("an address"));
    });
    seen.ask(&question.steps[0]);
    let comm = our_name();
    seen.wait_for("both, and the program", |s| {
        s.has_line(&["refused", "10.0.0.9:5432", &comm])
            && s.has_line(&["no answer", "ETIMEDOUT", "10.1.0.5:5432", &comm])
    });
    seen.ask(&question.steps[1]);
    let pid = std::process::id().to_string();
    seen.wait_for("its sessions", |s| {
        s.rows().iter().any(|r| r.cell("PID") == pid)
    });
    seen.quit();
}

#[test]
fn question_about_the_last_failure_is_answered() {
    if !kernel_or_skip() {
        return;
    }
    // ports at which nobody listens any more
    let [often, last] = [listen(V4), listen(V4)].map(|listener| port(&listener));
    let mut seen = Seen::dashboard(&["-D", &format!("{often},{last}")]);
    let connect = |port: u16| fail_to_connect(SocketAddr::new(V4.ip(), port));
    for _ in 0..20 {
        connect(often);
    }
    seen.wait_for("the frequent ones", |s| s.shows("closed 20"));
    connect(last);
    seen.wait_for("the last one", |s| s.shows("closed 21"));
    let question = question("Which session failed last?");
    seen.ask(&question.steps[0]);
    let place = |s: &Seen, port: u16| {
        let end = format!(":{port} ");
        s.lines().iter().position(|line| line.contains(&end))
    };
    seen.wait_for("the frequent kind on top", |s| {
        place(s, often)
            .zip(place(s, last))
            .is_some_and(|(often, last)| often < last)
    });
    seen.ask(&question.steps[1]);
    seen.wait_for("the last kind on top", |s| {
        place(s, often)
            .zip(place(s, last))
            .is_some_and(|(often, last)| last < often)
    });
    seen.press("g");
    seen.ask(&question.steps[2]);
    let rows = seen.rows();
    assert!(
        rows.len() == 1 && rows[0].cell("RPORT") == last.to_string(),
        "{rows:?}"
    );
    let ended = rows[0].cell("ENDED");
    assert!(
        ended.len() == 8 && ended.matches(':').count() == 2,
        "{ended}"
    );
    // all sessions: the last failure on top, of whatever kind
    seen.press("\x1b");
    seen.wait_for("the failures again", |s| s.shows("Failures: "));
    seen.press("\x1b");
    seen.wait_for("all of them", |s| s.rows().len() > 10);
    assert_eq!(seen.rows()[0].cell("RPORT"), last.to_string());
    seen.quit();
}

#[test]
fn question_about_the_firewall_of_this_host_is_answered() {
    if !kernel_or_skip() || !tool_or_skip(&["iptables", "--version"]) {
        return;
    }
    let netns = Netns::new();
    netns.run(|| {
        let rule = [
            "-w", "-A", "OUTPUT", "-p", "tcp", "--dport", "5433", "-j", "DROP",
        ];
        let status = Command::new("iptables").args(rule).status();
        assert!(status.expect("iptables").success());
    });
    let mut seen = Seen::dashboard(&["-D", "5433"]);
    let to = "127.0.0.1:5433";
    netns.run(move || fail_to_connect(to.parse().expect("an address")));
    seen.press("f");
    seen.wait_for("the failure, and why", |s| {
        s.shows("DROPPED") && s.has_line(&["firewall", to])
    });
    seen.press("q");
    let question = question("Does this host's own firewall");
    seen.ask(&question.steps[0]);
    // other tests provoke drops, too
    seen.press("/5433\r");
    let comm = our_name();
    seen.wait_for("its line", |s| {
        s.has_line(&["firewall (netfilter)", "out", "127.0.0.1:*", to])
    });
    seen.ask(&question.steps[1]);
    seen.wait_for("its session", |s| s.has_line(&[&comm, "5433"]));
    seen.ask(&question.steps[2]);
    seen.wait_for("the sentence", |s| {
        s.shows("dropped by this host's netfilter") && s.shows("(OUTPUT)")
    });
    seen.press("\x1b\x03q\x03");
    seen.ends("q", 0);
}

/// Resets sessions in a network namespace until asked to stop.
fn resets(at: SocketAddr, stop: &mpsc::Receiver<()>) {
    let listener = TcpListener::bind(at).expect("a port of our own");
    while stop.recv_timeout(Duration::from_millis(20)) == Err(mpsc::RecvTimeoutError::Timeout) {
        let mut client = TcpStream::connect(at).expect("a connection");
        let (server, _) = listener.accept().expect("a connection");
        set_socket_linger(&server, Some(Duration::ZERO)).expect("SO_LINGER");
        drop(server);
        assert!(client.read(&mut [0]).is_err(), "it was reset");
    }
}

#[test]
fn question_about_resets_leads_to_the_process() {
    if !kernel_or_skip() || !tool_or_skip(&["ip", "link"]) {
        return;
    }
    let netns = Netns::new();
    netns.ip("addr add 10.0.0.5/32 dev lo");
    let mut seen = Seen::dashboard(&["-D", "8443"]);
    let (stop, stopped) = mpsc::channel();
    let traffic = std::thread::spawn(move || {
        netns.run(move || resets("10.0.0.5:8443".parse().expect("an address"), &stopped));
    });
    let question = question("Which process opens connections that get reset?");
    seen.ask(&question.steps[0]);
    let comm = our_name();
    let answer = ["peer reset", "10.0.0.5:8443", &comm];
    seen.wait_for("the program", |s| s.has_line(&answer));
    seen.ask(&question.steps[1]);
    let pid = std::process::id().to_string();
    seen.wait_for("the process", |s| {
        s.rows().iter().any(|r| r.cell("PID") == pid)
    });
    drop(stop);
    seen.quit();
    traffic.join().expect("the traffic");
}

#[test]
fn question_about_a_subnet_is_answered() {
    if !kernel_or_skip() || !tool_or_skip(&["ip", "link"]) {
        return;
    }
    let netns = Netns::new();
    netns.ip("addr add 10.9.8.7/32 dev lo");
    let (listener, pairs) = netns.run(|| {
        let at = SocketAddr::new("10.9.8.7".parse().expect("an address"), 0);
        let listener = listen(at);
        let pairs = [(); 3].map(|()| Pair::open(&listener, at));
        (listener, pairs)
    });
    let mut seen = Seen::dashboard(&["-D", &port(&listener).to_string()]);
    seen.wait_for("all three", |s| s.rows().len() == 3);
    let question = question("Who talks to this subnet?");
    seen.ask(&question.steps[0]);
    seen.wait_for("the subnet", |s| s.shows("10.9.8.0/24"));
    seen.ask(&question.steps[1]);
    seen.wait_for("its sessions", |s| s.rows().len() == 3);
    question.further.iter().for_each(|step| seen.ask(step));
    let pid = std::process::id().to_string();
    let comm = our_name();
    seen.wait_for("the process", |s| s.has_line(&[&comm, &pid, " 3 "]));
    drop(pairs);
    seen.press("q");
    seen.quit();
}

/// Connects from a namespace with a range of 50 ports until none is left. 20 of them are in TIME_WAIT then.
fn use_up_ports(netns: &Netns, at: SocketAddr) -> Vec<Pair> {
    let listener = netns.run(move || listen(at));
    let to = listener.local_addr().expect("it is bound");
    let connect = move || TcpStream::connect(to);
    let mut pairs: Vec<Pair> = Vec::new();
    for _ in 0..50 {
        let client = netns.run(connect).expect("a port is left");
        let server = listener.accept().expect("a connection").0;
        pairs.push(Pair { client, server });
    }
    for pair in pairs.drain(..20) {
        pair.close();
    }
    for _ in 0..5 {
        let failed = netns.run(connect).map(|_| ()).expect_err("no port is left");
        assert_eq!(failed.kind(), std::io::ErrorKind::AddrNotAvailable);
    }
    pairs
}

#[test]
fn question_about_exhausted_ports_is_answered() {
    if !kernel_or_skip() || !tool_or_skip(&["ip", "link"]) {
        return;
    }
    let netns = Netns::new();
    netns.ip("addr add 10.5.0.1/32 dev lo");
    netns.run(|| {
        let set = |name: &str, value| std::fs::write(format!("/proc/sys/net/ipv4/{name}"), value);
        set("ip_local_port_range", "40000 40059").expect("sysctl");
        set("ip_local_reserved_ports", "40010-40019").expect("sysctl");
        set("tcp_tw_reuse", "0").expect("sysctl");
    });
    // it knows the range of the namespace that it runs in
    let mut seen = netns.run(|| Seen::sized(pty::command(&brisk(&[])), 24, 80));
    seen.wait_for("the dashboard", |s| s.shows("open "));
    let at: SocketAddr = "10.5.0.1:7190".parse().expect("an address");
    let pairs = use_up_ports(&netns, at);
    let question = question("Are the local ports nearly exhausted?");
    seen.ask(&question.steps[0]);
    seen.wait_for("its figures", |s| {
        s.has_line(&["10.5.0.1:7190", " 30 ", " 20 ", " 0 ", "100%"])
            && s.shows("no port left for")
            && s.shows("range 40000-40059")
    });
    seen.wait_for("as many in TIME_WAIT as the kernel counts", |s| {
        // other namespaces may have some, too
        s.shows(" in TIME_WAIT (") && s.shows("kernel: 20)")
    });
    seen.ask(&question.steps[1]);
    let pid = std::process::id().to_string();
    seen.wait_for("its sessions", |s| {
        s.rows().iter().any(|r| r.cell("PID") == pid)
    });
    drop(pairs);
    seen.quit();
}

/// A control group of a container, and a process in it that has connected.
struct Container {
    group: PathBuf,
    client: Child,
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
        let _ = std::fs::remove_dir(&self.group);
    }
}

#[test]
fn question_about_a_container_is_answered() {
    if !kernel_or_skip() || !tool_or_skip(&["bash", "-c", "true"]) {
        return;
    }
    let id = format!(
        "{:064x}",
        0x00da_7a00_0000_u64 + u64::from(std::process::id())
    );
    let root = cgroups::mount_point();
    let group = root.map(|root| root.join(format!("docker-{id}.scope")));
    let Some(group) = group.filter(|group| std::fs::create_dir(group).is_ok()) else {
        skip("no control groups (v2) can be made here");
        return;
    };
    let listener = listen(V4);
    let script = format!(
        "echo $$ > '{}/cgroup.procs' && exec 3<>/dev/tcp/127.0.0.1/{} && while ! read -n 1 -t 0.1 -u 3; do echo >&3; done",
        group.display(),
        port(&listener)
    );
    let client = Command::new("bash").args(["-c", &script]).spawn();
    let container = Container {
        group,
        client: client.expect("bash can be started"),
    };
    let server = listener.accept().expect("bash connects").0;
    // one of this test, which is in no container or in another one
    let pair = Pair::open(&listener, V4);
    let mut seen = Seen::dashboard(&["-D", &port(&listener).to_string()]);
    seen.wait_for("both", |s| s.rows().len() == 2);
    let question = question("Which traffic is that of a container?");
    seen.ask(&question.steps[0]);
    seen.wait_for("the container on top", |s| {
        let lines = s.lines();
        let heading = lines.iter().position(|l| l.starts_with("UNIT ("));
        heading.is_some_and(|at| lines[at + 1].starts_with(&id[..12]))
    });
    seen.ask(&question.steps[1]);
    let pid = container.client.id().to_string();
    let full = format!("filter: container {}", &id[..12]);
    seen.wait_for("its sessions", |s| {
        s.shows(&full) && s.rows().len() == 1 && s.rows()[0].cell("PID") == pid
    });
    drop((server, pair));
    seen.press("\x03");
    seen.quit();
}

#[test]
fn question_about_a_while_ago_is_answered() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let pair = Pair::open(&listener, V4);
    let (lport, rport) = (port(&listener), pair.client_port());
    let mut seen = Seen::dashboard(&["-L", &lport.to_string()]);
    // it was open that long ago, and is not any more
    let opened = Instant::now();
    seen.wait_for("some seconds", |s| {
        opened.elapsed() >= Duration::from_secs(7) && s.row(lport, rport).is_some()
    });
    pair.close();
    let status = |s: &Seen| s.row(lport, rport).map(|row| row.cell("STATUS").to_owned());
    seen.wait_for("its end", |s| {
        status(s).is_some_and(|status| status != "established")
    });
    let question = question("What happened a while ago");
    seen.ask_all(question);
    seen.wait_for("it was open", |s| {
        status(s).as_deref() == Some("established")
    });
    seen.ask(&question.further[0]);
    seen.ask(&question.further[1]);
    seen.wait_for("now", |s| {
        !s.shows("PAST ") && status(s).is_some_and(|status| status != "established")
    });
    seen.quit();
}

#[test]
fn question_about_a_server_that_does_not_accept_is_answered() {
    if !kernel_or_skip() || !tool_or_skip(&["ip", "link"]) {
        return;
    }
    // more than any other server of this host
    let netns = Netns::new();
    let _stuck = stuck(&netns, "127.0.0.1:7151", 200, 205);
    // sessions that no process has accepted are found in its own namespace on every kernel
    let mut seen = netns.run(|| Seen::dashboard(&[]));
    let question = question("Which server does not accept");
    seen.ask(&question.steps[0]);
    seen.wait_for("ours on top", |s| {
        s.has_line(&["127.0.0.1:7151: accept queue full"])
    });
    seen.ask(&question.steps[1]);
    seen.wait_for("its sessions", |s| s.shows("7151") && !s.rows().is_empty());
    seen.quit();
}
