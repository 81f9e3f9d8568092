//! Sessions that found the ring buffer full: how they are counted and reported, and which sessions take no room in it.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::time::Instant;

use rustix::process::Signal;

use crate::bound_sockets::{listen_for_flag, listen_in_a_row};
use crate::common::loopback::{V4, listen, port, session};
use crate::common::netns::Netns;
use crate::common::requirements::{PATIENCE, kernel_or_skip, skip, tool_or_skip};
use crate::common::running::{Running, json};
use crate::printed_rows::{captured, ours_at};

/// More sessions than the smallest ring holds.
const SESSIONS: usize = 60;

/// The listener's end of a session closes a moment after the last `close`: when its FIN is acknowledged.
pub(crate) fn wait_until_closed(listener: &TcpListener) {
    const LISTEN: &str = "0A";
    let local = format!("0100007F:{:04X}", port(listener));
    let deadline = Instant::now() + PATIENCE;
    loop {
        // of this thread's network namespace
        let sockets = fs::read_to_string("/proc/thread-self/net/tcp").expect("/proc");
        let closed = sockets
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .all(|cells| cells[1] != local || cells[3] == LISTEN);
        if closed {
            return;
        }
        assert!(Instant::now() < deadline, "sessions stay open: {sockets}");
        std::thread::yield_now();
    }
}

/// Closes [`SESSIONS`] sessions while tcplife is stopped and nothing empties its ring. Returns the clients' ports.
pub(crate) fn overflow(tcplife: &Running, listener: &TcpListener) -> Vec<u16> {
    tcplife.hold();
    let clients = (0..SESSIONS).map(|_| session(listener, V4, 1, 1)).collect();
    wait_until_closed(listener);
    tcplife.signal(Signal::CONT);
    clients
}

/// Returns the number of missing rows after an overflow, and what stderr reports about them.
fn missed(flags: &[&str], listener: &TcpListener) -> (usize, String) {
    let (mut tcplife, _) = Running::with_header(flags);
    overflow(&tcplife, listener);
    tcplife.line();
    let ended = tcplife.interrupt();
    assert!(ended.status.success());
    (SESSIONS - 1 - ended.rest.len(), ended.errors)
}

#[test]
fn ring_full_summary_counts_missed_exactly() {
    if !kernel_or_skip() {
        return;
    }
    let (listener, only) = listen_for_flag();
    let mut tcplife = Running::json(&["-L", &only, "--ring-size", "4096"], &listener);
    let clients = overflow(&tcplife, &listener);
    let is_one = |line: &str| clients.iter().any(|c| json(line)["rport"] == *c);
    // once the first of them is printed, the ring is empty again
    let mut lines = tcplife.lines_until(is_one);
    let mut ended = tcplife.interrupt();
    let summary = ended.take_summary();
    lines.extend(ended.rest);
    let rows = lines.iter().filter(|l| is_one(l)).count();
    let lost = summary["missed"].as_u64().expect("a number") as usize;
    assert!(rows > 0 && lost > 0, "{rows} rows, {summary}");
    assert_eq!(rows + lost, SESSIONS, "{summary}");
}

#[test]
fn ring_full_stderr_counts_missed_and_names_remedy() {
    if !kernel_or_skip() {
        return;
    }
    let (listener, only) = listen_for_flag();
    for format in ["text", "csv"] {
        let (missing, errors) = missed(
            &["-o", format, "-L", &only, "--ring-size", "4Ki"],
            &listener,
        );
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert!(
            errors.contains(&format!(" {missing} sessions")) && errors.contains("--ring-size"),
            "{missing} of them are missing: {errors}"
        );
    }
}

/// Only user space knows `tx`, so it is unknown which of the missed sessions would have matched.
#[test]
fn ring_full_before_filter_stderr_says_up_to() {
    if !kernel_or_skip() {
        return;
    }
    let (listener, only) = listen_for_flag();
    let flags = ["-s", "-L", &only, "-f", "tx > 0", "--ring-size", "4Ki"];
    let (lost, errors) = missed(&flags, &listener);
    assert_eq!(
        errors,
        format!(
            "tcplife: missed up to {lost} sessions that match -f: the ring buffer was full, and the filter never saw \
             them. A larger --ring-size helps\n"
        )
    );
}

/// The kernel decides namespaces and ports itself.
#[test]
fn ring_sessions_that_do_not_match_take_no_room() {
    if !kernel_or_skip() {
        return;
    }
    let [listener, other] = listen_in_a_row();
    let ours = fs::metadata("/proc/self/ns/net").expect("/proc").ino();
    let (lport, not_there) = (port(&listener), port(&other));
    for (matching, other) in [
        (format!("netns {ours}"), format!("netns {}", ours + 1)),
        (format!("port {lport}"), format!("port {not_there}")),
    ] {
        let (rows, _) = captured(&["-f", &matching], || {
            vec![(lport, session(&listener, V4, 1, 1))]
        });
        assert_eq!(ours_at(&rows, &[lport]).len(), 2, "both ends: {matching}");
        let flags = ["-o", "csv", "-f", &other, "--ring-size", "4096"];
        let (tcplife, _) = Running::with_header(&flags);
        overflow(&tcplife, &listener);
        let ended = tcplife.interrupt();
        ended.assert_well();
        assert_eq!(ended.rest.len(), 0, "{other}");
    }
}

/// Every session of a network namespace where the kernel has no memory for its state has a row, and is counted once.
#[test]
fn no_memory_counts_each_row_without_state_once() {
    const CLIENTS: usize = 20;
    if !kernel_or_skip() || !tool_or_skip(&["unshare", "-n", "true"]) {
        return;
    }
    let netns = Netns::new();
    // of a network namespace of its own from Linux 6.7 on
    if !netns.run(|| fs::write("/proc/sys/net/core/optmem_max", "100").is_ok()) {
        return skip("net.core.optmem_max is one for all network namespaces");
    }
    let ours = format!("netns {}", netns.id());
    let (lines, summary, text) = netns.run(move || {
        let listener = listen(V4);
        let (mut text, _) = Running::with_header(&["-o", "text", "-f", &ours]);
        let tcplife = Running::json(&["-f", &ours], &listener);
        for _ in 0..CLIENTS {
            session(&listener, V4, 1, 1);
        }
        wait_until_closed(&listener);
        let mut ended = tcplife.interrupt();
        let summary = ended.take_summary();
        // at least those, after the header
        (0..2 * CLIENTS).for_each(|_| drop(text.line()));
        (ended.rest, summary, text.interrupt())
    });
    assert!(lines.len() >= 2 * CLIENTS, "{summary}");
    for row in lines.iter().map(|line| json(line)) {
        assert_eq!(row["owner"], "unknown", "{row}");
        assert!(
            row["pid"].is_null() && row["duration_us"].is_null(),
            "{row}"
        );
    }
    // of all rows: those of the start have been read
    assert_eq!(summary["missed_by"]["no_memory"], summary["sessions"]);
    assert_eq!(summary["missed"], 0, "they are reported: {summary}");
    let rows = 2 * CLIENTS + text.rest.len();
    assert!(
        text.errors
            .starts_with(&format!("tcplife: {rows} sessions without owner and age"))
            && text.errors.contains("net.core.optmem_max"),
        "{rows} rows: {}",
        text.errors
    );
}
