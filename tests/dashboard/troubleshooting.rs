//! The questions of docs/troubleshooting.md, with the keys given there, on live traffic.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::common::loopback::{Pair, V4, listen};
use crate::common::requirements::{kernel_or_skip, tool_or_skip};
use crate::harness::{Seen, only};

/// Keys to press, and the text on the screen afterwards.
struct Step {
    keys: Vec<String>,
    shows: String,
}

/// Returns the parts of a page in backquotes.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(Into::into).collect()
}

/// Returns the steps of the tables under a heading.
fn steps(question: &str) -> Vec<Step> {
    let page = include_str!("../../docs/troubleshooting.md");
    let heading = format!("## {question}\n");
    let (_, part) = page.split_once(&heading).expect("the question");
    let part = part.split("\n## ").next().unwrap_or_default();
    let rows = part.lines().filter(|l| l.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        Step {
            keys: quoted(cells[1]),
            shows: quoted(cells[2]).concat(),
        }
    })
    .collect()
}

impl Seen {
    /// Presses the keys and waits for the expected text; returns the number of keys.
    fn ask(&mut self, steps: &[Step]) -> usize {
        let mut count = 0;
        for step in steps {
            for key in &step.keys {
                self.press(match key.as_str() {
                    "Enter" => "\r",
                    "Tab" => "\t",
                    key => key,
                });
                count += 1;
            }
            self.wait_for(&step.shows, |s| s.shows(&step.shows));
        }
        count
    }
}

/// A network namespace with this address, in which a thread resets a session that another one has opened, until asked
/// to stop.
fn resets(at: &'static str, stop: mpsc::Receiver<()>) {
    // SAFETY: only the namespace changes, for this thread and what it starts
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.expect("a network namespace");
    for args in [
        &["link", "set", "lo", "up"][..],
        &["addr", "add", at, "dev", "lo"],
    ] {
        let status = Command::new("ip").args(args).status().expect("ip");
        assert!(status.success(), "ip {args:?}");
    }
    let to = SocketAddr::new(at.parse().expect("an address"), 8443);
    let listener = TcpListener::bind(to).expect("a port of our own");
    while stop.recv_timeout(Duration::from_millis(20)) == Err(mpsc::RecvTimeoutError::Timeout) {
        let mut client = TcpStream::connect(to).expect("a connection");
        let (server, _) = listener.accept().expect("a connection");
        rustix::net::sockopt::set_socket_linger(&server, Some(Duration::ZERO)).expect("SO_LINGER");
        drop(server);
        assert!(client.read(&mut [0]).is_err(), "it was reset");
    }
}

#[test]
fn troubleshooting_keys_for_resets_lead_to_the_process() {
    if !kernel_or_skip() || !tool_or_skip(&["ip", "link"]) {
        return;
    }
    let (stop, stopped) = mpsc::channel();
    let traffic = std::thread::spawn(|| resets("10.0.0.5", stopped));
    // it shows everything: other tests' sessions are there too
    let mut seen = Seen::dashboard(&[]);
    let steps = steps("Which process opens connections to 10.0.0.5 that get reset?");
    let keys = seen.ask(&steps[..2]);
    assert!(keys <= 10, "{keys} keys");
    let comm = std::fs::read_to_string("/proc/self/comm").expect("our name");
    let answers = |s: &Seen| {
        let line = s.lines().into_iter().find(|l| l.contains("reset by peer"));
        line.is_some_and(|l| l.contains("10.0.0.5:8443") && l.contains(&comm.trim()[..8]))
    };
    seen.wait_for("the program", answers);
    seen.ask(&steps[2..]);
    let pid = std::process::id().to_string();
    seen.wait_for("the process", |s| {
        s.rows().iter().any(|r| r.cell("PID") == pid)
    });
    drop(stop);
    seen.quit();
    traffic.join().expect("the traffic");
}

#[test]
fn troubleshooting_keys_for_other_questions_show_the_answer() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    for question in [
        "Who uses the network now?",
        "Why is this transfer slow?",
        "What has changed since the deploy?",
        "Is it slow for all, or for a few?",
        "Which program does not close what its peers have closed?",
    ] {
        let mut busy = Pair::open(&listener, V4);
        busy.exchange(100_000, 100_000);
        // one whose peer has closed
        let Pair { client, server } = Pair::open(&listener, V4);
        drop(client);
        let mut seen = Seen::dashboard(&["-L", &only(&[&listener])]);
        seen.wait_for("both", |s| s.rows().len() == 2);
        let keys = seen.ask(&steps(question));
        assert!((1..=10).contains(&keys), "{question}: {keys} keys");
        drop((server, busy));
        seen.press("\x1b\x03q\x03");
        seen.ends("q", 0);
    }
}
