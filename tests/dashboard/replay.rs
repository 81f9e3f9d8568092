//! Recordings in the dashboard.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use jiff::Timestamp;

use crate::common::copies::copy_for_everybody;
use crate::common::loopback::{Pair, V4, listen, port, session};
use crate::common::pty;
use crate::common::requirements::{TCPLIFE, kernel_or_skip, tool_or_skip};
use crate::harness::{Seen, argv, brisk, only};

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
fn replay_of_two_boots_shows_the_last_one_and_says_so() {
    let folder = tempfile::tempdir().expect("a directory");
    let write = |name: &str, time: &str, boot: &str, port| {
        let header = format!(
            "{{\"event\":\"header\",\"time\":\"{time}\",\"schema\":1,\"min_reader\":1,\"version\":\"0.2.0\",\
             \"host\":\"db-1\",\"boot_id\":\"{boot}\",\"boot_ns\":5000000000,\"steps\":[]}}\n"
        );
        let rows = lines(&[port]).replace("2026-11-30T03:12:00.000001Z", time);
        let path = folder.path().join(name);
        fs::write(&path, header + &rows).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let first = write("a.jsonl", "2026-11-30T03:12:00.000001Z", "b1", 1111);
    let last = write("b.jsonl", "2026-11-30T04:00:00.000001Z", "b2", 2222);
    let flags = ["--replay", &last, "--replay", &first];
    let start = |flags: &[&str]| {
        let mut command = pty::command(&argv(flags));
        command.env("TZ", "UTC");
        Seen::sized(command, 30, 200)
    };
    let mut seen = start(&flags);
    seen.wait_for("the last boot", |s| s.shows("2222") && s.shows("closed 1"));
    assert!(!seen.shows("1111"), "{}", seen.picture());
    // what the last key did is said first
    seen.press("g");
    seen.wait_for("why there is no more", |s| {
        s.shows(
            "2 boots of the host are recorded; this is the last one, from 2026-11-30 04:00:00 on",
        )
    });
    seen.quit();
    let mut seen = start(&[&flags[..], &["--to", "03:30"]].concat());
    seen.wait_for("the first boot", |s| s.shows("1111") && s.shows("closed 1"));
    assert!(!seen.shows("2222"), "{}", seen.picture());
    seen.quit();
}

#[test]
fn demo_plays_second_by_second_for_a_user_without_rights() {
    if !tool_or_skip(&["setpriv", "--reuid", "54321", "--clear-groups", "true"]) {
        return;
    }
    let (_folder, copy) = copy_for_everybody();
    let flags = ["--reuid", "54321", "--regid", "54321", "--clear-groups"];
    let argv = [&["setpriv"][..], &flags, &[&copy, "--demo"]].concat();
    let mut seen = Seen::sized(pty::command(&argv), 24, 80);
    // at once there is a host with a past
    seen.wait_for("the demo", |s| {
        s.shows("demo: web-3") && s.shows("nginx") && closed(s) > 100
    });
    seen.wait_for("a word about it", |s| s.shows("A demo: a recorded host"));
    let first = closed(&seen);
    seen.wait_for("the next second", |s| closed(s) > first);
    assert!(closed(&seen) < 2 * first, "the rest takes its time");
    seen.press("!");
    seen.wait_for("a finding", |s| {
        s.shows("!!") && s.shows("refuses connections")
    });
    seen.press("\x1b");
    seen.wait_for("the list", |s| s.shows("COMM"));
    seen.quit();
}

/// Returns the number of closed sessions in the header.
fn closed(seen: &Seen) -> u64 {
    let picture = seen.picture();
    let number = picture.split("closed ").nth(1).unwrap_or_default();
    let number = number.split_whitespace().next().unwrap_or_default();
    number.replace(',', "").parse().unwrap_or_default()
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

/// True if the header shows how much is recorded, and how far back.
fn has_recorded(seen: &Seen) -> bool {
    let header = seen.lines()[0].clone();
    let recording = header.split("rec ").nth(1);
    recording.is_some_and(|text| text.split("  ").next().is_some_and(|t| t.ends_with("B 0m")))
}

/// The clients' ports of what a recording shows with these flags.
fn replayed(file: &Path, flags: &[&str]) -> Vec<String> {
    let out = Command::new(TCPLIFE)
        .args(["-o", "csv", "--columns", "rport", "--replay"])
        .arg(file)
        .args(flags)
        .output()
        .expect("tcplife can be started");
    let rows = String::from_utf8(out.stdout).expect("UTF-8");
    rows.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn recording_started_by_a_key_has_what_is_open_and_all_from_then_on() {
    if !kernel_or_skip() {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("a.jsonl.zst");
    fs::write(folder.path().join("there.jsonl.zst"), "").expect("a file");
    let listener = listen(V4);
    let lport = port(&listener);
    let mut command = pty::command(&brisk(&["-L", &only(&[&listener])]));
    command.cwd(folder.path());
    let mut seen = Seen::start(command);
    seen.wait_for("the dashboard", |s| s.shows("Waiting for TCP connections"));
    let before = session(&listener, V4, 10, 10);
    let open = Pair::open(&listener, V4);
    let is_shown = |s: &Seen, rport| s.row(lport, rport).is_some();
    seen.wait_for("what there is before", |s| {
        is_shown(s, before) && is_shown(s, open.client_port())
    });
    seen.press("R");
    seen.wait_for("the prompt", |s| s.shows("record to: tcplife-"));
    seen.press("\x15there.jsonl.zst\r"); // ^U
    seen.wait_for("why not", |s| s.shows("it exists, and is not overwritten"));
    seen.press("\x15a.csv\r");
    seen.wait_for("the ending", |s| s.shows("use .jsonl.zst"));
    seen.press("\x15a.jsonl.zst\r");
    seen.wait_for("that it records", |s| {
        s.shows("recording to a.jsonl.zst; R stops it")
    });
    seen.wait_for("how much", has_recorded);
    let after = session(&listener, V4, 10, 10);
    seen.wait_for("the next session", |s| is_shown(s, after));
    seen.press("R");
    seen.wait_for("that it stopped", |s| {
        s.shows("recording stopped; R starts it again") && s.lines()[0].contains("rec off")
    });
    let meanwhile = session(&listener, V4, 10, 10);
    seen.wait_for("a session of the pause", |s| is_shown(s, meanwhile));
    let ended = |file: &Path| replayed(file, &[]);
    seen.wait_for("its end in the file", |_| {
        ended(&file) == [after.to_string()]
    });
    assert_eq!(
        replayed(&file, &["--open"]),
        [open.client_port().to_string()]
    );
    seen.press("R");
    seen.wait_for("that it goes on", |s| {
        s.shows("recording again") && has_recorded(s)
    });
    let last = session(&listener, V4, 10, 10);
    seen.wait_for("the last session", |s| is_shown(s, last));
    seen.quit();
    assert_eq!(ended(&file), [after, last].map(|port| port.to_string()));
    let mode = fs::metadata(&file).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn recording_of_a_directory_is_in_the_header_and_is_replayed_as_it_was_at_a_moment() {
    if !kernel_or_skip() {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let name = format!("{}/", folder.path().display());
    let listener = listen(V4);
    let to = listener.local_addr().expect("it is bound");
    let mut seen = Seen::dashboard(&["--record", &name, "-L", &only(&[&listener])]);
    let early = session(&listener, to, 10, 10);
    seen.wait_for("what is recorded", |s| {
        has_recorded(s) && s.row(port(&listener), early).is_some()
    });
    let between = Timestamp::now();
    // the next session closes in another second
    let next = Timestamp::from_second(between.as_second() + 2).expect("a time");
    seen.wait_for("the next seconds", |_| Timestamp::now() >= next);
    let late = session(&listener, to, 10, 10);
    seen.wait_for("the next session", |s| {
        s.row(port(&listener), late).is_some()
    });
    seen.quit();
    let shows = |flags: &[&str], rows: &[u16], others: &[u16]| {
        let flags = [&["--replay", &name][..], flags].concat();
        let mut seen = Seen::sized(pty::command(&argv(&flags)), 24, 80);
        seen.wait_for("the recording", |s| {
            let is_there = |client: &u16| s.row(port(&listener), *client).is_some();
            rows.iter().all(is_there) && !others.iter().any(is_there)
        });
        seen.quit();
    };
    shows(&[], &[early, late], &[]);
    shows(&["--to", &between.to_string()], &[early], &[late]);
    shows(&["--from", &next.to_string()], &[late], &[early]);
}
