//! Reasons for tcplife to exit, and how it exits.

use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json as object};

use crate::SOON;
use crate::bound_sockets::listen_for_flag;
use crate::common::kept::Kept;
use crate::common::loopback::{V4, listen, port, session};
use crate::common::requirements::{PATIENCE, TCPLIFE, kernel_or_skip};
use crate::common::running::{Running, json};
use crate::missed::wait_until_closed;
use crate::printed_rows::{CSV_HEADER, Row, assert_has};

#[test]
fn count_reached_exits() {
    if !kernel_or_skip() {
        return;
    }
    let (listener, only) = listen_for_flag();
    for format in ["text", "csv"] {
        let flags = ["-o", format, "-L", &only, "--count", "3"];
        let (tcplife, _) = Running::with_header(&flags);
        for _ in 0..5 {
            session(&listener, V4, 1, 1);
        }
        let ended = tcplife.wait();
        ended.assert_well();
        assert_eq!(ended.rest.len(), 3, "{:?}", ended.rest);
    }
}

#[test]
fn duration_over_on_quiet_host_exits() {
    if !kernel_or_skip() {
        return;
    }
    let quiet = port(&listen(V4)).to_string();
    let started = Instant::now();
    let mut ended = Running::start(&["-o", "json", "-L", &quiet, "--duration", "300ms"]).wait();
    assert!(started.elapsed() >= Duration::from_millis(300));
    let summary = ended.take_summary();
    assert!(ended.rest.is_empty(), "{:?}", ended.rest);
    assert_eq!(summary["sessions"], 0);
    assert!(
        summary["duration_us"].as_u64() >= Some(300_000),
        "{summary}"
    );
}

/// Starts tcplife with a pipe that this test reads itself, and reads the header.
fn start_into_pipe(flags: &[&str]) -> (Kept, BufReader<ChildStdout>, String) {
    let mut tcplife = Command::new(TCPLIFE)
        .args(flags)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map(Kept)
        .expect("tcplife can be started");
    let mut reader = BufReader::new(tcplife.0.stdout.take().expect("a pipe"));
    let mut header = String::new();
    reader.read_line(&mut header).expect("text");
    (tcplife, reader, header)
}

/// Waits until it exits, which must be in time and with success. Returns all of stderr.
fn stderr_at_exit(mut tcplife: Kept, time: Duration) -> String {
    let status = tcplife.exits_within(time);
    let status = status.expect("it exits though nobody reads its rows");
    let mut errors = String::new();
    let mut stderr = tcplife.0.stderr.take().expect("a pipe");
    stderr.read_to_string(&mut errors).expect("text");
    assert!(status.success(), "{status}: {errors}");
    errors
}

/// `tcplife | head -1`, before and after a row is written.
#[test]
fn pipe_closed_by_reader_exits_silently() {
    if !kernel_or_skip() {
        return;
    }
    let (listener, only) = listen_for_flag();
    for sessions in [0, 1] {
        let (tcplife, reader, header) = start_into_pipe(&["-o", "text", "-L", &only]);
        assert!(header.starts_with("PID"), "{header}");
        drop(reader);
        for _ in 0..sessions {
            session(&listener, V4, 1, 1);
        }
        assert_eq!(stderr_at_exit(tcplife, SOON), "", "{sessions} sessions");
    }
}

#[test]
fn signal_received_exits_with_summary() {
    if !kernel_or_skip() {
        return;
    }
    let (listener, only) = listen_for_flag();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let tcplife = Running::json(&["-L", &only], &listener);
        // sessions that closed before the signal are reported
        let clients: Vec<u16> = (0..3).map(|_| session(&listener, V4, 1, 1)).collect();
        wait_until_closed(&listener);
        tcplife.signal(signal);
        let mut ended = tcplife.wait();
        let summary = ended.take_summary();
        assert_has(&summary, &object!({"missed": 0}));
        assert!(summary["sessions"].as_u64() >= Some(3), "{summary}");
        let rows: Vec<Value> = ended.rest.iter().map(|l| json(l)).collect();
        for client in clients {
            assert!(
                rows.iter().any(|r| r["rport"] == client),
                "{signal:?}: {rows:#?}"
            );
        }
    }
}

#[test]
fn hangup_ignored_at_start_does_not_exit() {
    if !kernel_or_skip() {
        return;
    }
    let (listener, only) = listen_for_flag();
    let mut tcplife = Running::json_ignoring_hangups(&["-L", &only], &listener);
    tcplife.signal(Signal::HUP);
    let client = session(&listener, V4, 1, 1);
    tcplife.row_until(|row| row["rport"] == client);
    tcplife.interrupt().take_summary();
}

/// `tcplife -s | (sleep 1000)`: the pipe has as many rows as it takes, and stderr reports the number of the others.
#[test]
fn stalled_reader_does_not_delay_exit() {
    if !kernel_or_skip() {
        return;
    }
    for (signal, duration) in [
        (Some(Signal::INT), "1h"),
        (Some(Signal::TERM), "1h"),
        (None, "5s"),
    ] {
        let listener = listen(V4);
        let filter = format!("port {}", port(&listener));
        let flags = ["-s", "-f", &filter, "--duration", duration];
        let (tcplife, reader, header) = start_into_pipe(&flags);
        let started = Instant::now();
        assert_eq!(header.trim_end(), CSV_HEADER);
        // one page is the minimum
        rustix::pipe::fcntl_setpipe_size(reader.get_ref(), 1).expect("it may be smaller");
        // with pages of 4096 bytes, a tenth of them would do
        for _ in 0..1000 {
            session(&listener, V4, 1, 1);
        }
        wait_until_closed(&listener);
        let is_in_time = signal.is_some() || started.elapsed() < Duration::from_secs(5);
        assert!(
            is_in_time,
            "2000 sessions take longer here than the run lasts"
        );
        if let Some(signal) = signal {
            kill_process(Pid::from_child(&tcplife.0), signal).expect("it runs");
        }
        let errors = stderr_at_exit(tcplife, PATIENCE);
        let rows = reader.lines().map(|line| Row::parse(&line.expect("text")));
        let rows: Vec<Row> = rows.collect();
        assert!(!rows.is_empty(), "there was room for some");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        let missing = errors
            .strip_prefix("tcplife: dropped ")
            .and_then(|line| line.split_once(" lines at the end"))
            .and_then(|(number, _)| number.parse::<usize>().ok())
            .unwrap_or_else(|| panic!("{signal:?}: {errors}"));
        // the kernel may miss one in a million
        let sum = rows.len() + missing;
        assert!((1998..=2000).contains(&sum), "{signal:?}: {sum}, {errors}");
    }
}

/// timeout(1) sends it to the program and to its group.
#[test]
fn term_sent_twice_at_once_exits_with_a_summary() {
    if !kernel_or_skip() {
        return;
    }
    let (listener, only) = listen_for_flag();
    let tcplife = Running::json(&["-L", &only], &listener);
    tcplife.signal(Signal::TERM);
    tcplife.signal(Signal::TERM);
    tcplife.wait().take_summary();
}
