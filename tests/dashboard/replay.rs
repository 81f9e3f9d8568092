//! Recordings in the dashboard.

use std::fs;

use crate::common::pty;
use crate::harness::{Seen, argv};

/// Lines of `-o json`: closed sessions with these local ports.
fn lines(ports: &[u16]) -> String {
    let line = |port| {
        format!(
            "{{\"event\":\"close\",\"time\":\"2026-11-30T03:12:00.000001Z\",\"pid\":1,\"comm\":\"curl\",\"owner\":\"connect\",\
             \"laddr\":\"10.0.0.1\",\"lport\":{port},\"raddr\":\"10.0.0.2\",\"rport\":443,\"tx_bytes\":2048,\"rx_bytes\":1024,\
             \"duration_us\":1500,\"reason\":\"refused\"}}\n"
        )
    };
    ports.iter().map(|port| line(*port)).collect()
}

#[test]
fn replay_in_the_dashboard_shows_the_sessions_and_asks_this_host_nothing() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("a.jsonl");
    fs::write(&file, lines(&[1111, 2222])).expect("a file");
    let name = file.to_str().expect("UTF-8");
    let mut seen = Seen::sized(pty::command(&argv(&["--replay", name])), 60, 120);
    seen.wait_for("both sessions", |s| {
        s.shows("1111") && s.shows("2222") && s.shows("recording") && s.shows("closed 2")
    });
    seen.press("\r");
    // process 1 of this host is not that of the recording
    seen.wait_for("the detail", |s| s.shows("not in the recording"));
    seen.press("\x1b");
    seen.wait_for("the list", |s| s.shows("1111") && s.shows("2222"));
    seen.quit();
}

#[test]
fn replay_of_a_foreign_file_leaves_the_terminal_as_it_is() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("passwd");
    fs::write(&file, "root:x:0:0\n").expect("a file");
    let name = file.to_str().expect("UTF-8");
    let mut seen = Seen::start(pty::command(&argv(&["--replay", name])));
    seen.ends("a foreign file", 1);
    assert!(seen.shows("it is no recording"), "{}", seen.picture());
}
