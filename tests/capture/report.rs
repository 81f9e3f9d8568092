//! Reports: the counts, bytes and names of real sessions on one page, from a recording and from a live run.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use crate::common::loopback::{V4, listen, port, session};
use crate::common::requirements::kernel_or_skip;
use crate::common::running::Running;
use crate::sharing::{run, text};

#[test]
fn report_of_a_recording_has_the_true_counts_bytes_and_names() {
    if !kernel_or_skip() {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("a.jsonl.zst");
    let listener = listen(V4);
    let to = listener.local_addr().expect("it is bound");
    let refusing = listen(V4);
    let nobody = refusing.local_addr().expect("it is bound");
    drop(refusing);
    let live = Running::json(&["--record", text(&file)], &listener);
    for _ in 0..5 {
        session(&listener, to, 1000, 50_000);
    }
    for _ in 0..3 {
        TcpStream::connect(nobody).expect_err("nobody listens");
    }
    live.interrupt().assert_well();
    // sessions of the start, by which the test knows that it watches, are left out
    let filter = format!(
        "rport {} and bytes > 50000 or rport {}",
        port(&listener),
        nobody.port()
    );
    let report = |flags: &[&str], ending: &str| {
        let path = folder.path().join(format!("{}.{ending}", flags.len()));
        let args = ["--replay", text(&file), "--report", text(&path)];
        let out = run(&[&args, flags].concat());
        let errors = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success() && out.stdout.is_empty(), "{errors}");
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::read_to_string(&path).expect("a report")
    };
    let said = "8 sessions closed, of which 3 failed (37.5 %); 0 still open at the end. 255.0kB sent or received.";
    let refused = format!("→ {nobody}");
    for ending in ["html", "md"] {
        let text = report(&["-f", &filter], ending);
        for said in [said, &refused, "ECONNREFUSED", "No session was missed."] {
            assert!(text.contains(said), "{ending}: {said}: {text}");
        }
    }
    // a time in which nothing happened
    let empty = report(
        &[
            "--from",
            "2001-01-01T00:00:00Z",
            "--to",
            "2001-01-02T00:00:00Z",
        ],
        "md",
    );
    assert!(empty.contains("0 sessions closed"), "{empty}");
    // stdout takes one, too
    let out = run(&["--replay", text(&file), "-f", &filter, "--report", "-.md"]);
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    assert!(
        text.starts_with("# TCP sessions of ") && text.contains(said),
        "{text}"
    );
}

#[test]
fn report_to_an_existing_file_fails_and_leaves_it() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("a.jsonl");
    fs::write(&file, "{\"event\":\"summary\"}\n").expect("a file");
    let report = folder.path().join("a.html");
    fs::write(&report, "precious").expect("a file");
    let out = run(&["--replay", text(&file), "--report", text(&report)]);
    let errors = String::from_utf8_lossy(&out.stderr);
    let expected = format!(
        "tcplife: cannot write the report to {}: it exists, and is not overwritten\n",
        text(&report)
    );
    assert_eq!((out.status.code(), &*errors), (Some(1), &*expected));
    assert_eq!(fs::read(&report).expect("a file"), b"precious");
}

#[test]
fn report_of_a_live_run_has_the_sessions_of_its_time() {
    if !kernel_or_skip() {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("now.html");
    let listener = listen(V4);
    let to = listener.local_addr().expect("it is bound");
    let only = format!("rport {}", port(&listener));
    let live = Running::start(&["--report", text(&path), "--duration", "4s", "-f", &only]);
    let mut clients = Vec::new();
    while !path.exists() && clients.len() < 4000 {
        clients.push(session(&listener, to, 10, 10));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // some kernels refuse iterators over maps, which is said
    let ended = live.wait();
    assert!(ended.status.success(), "{}", ended.errors);
    let text = fs::read_to_string(&path).expect("a report");
    let newest = clients.iter().rev().skip(5).take(5);
    assert!(text.contains("Nothing was found to be wrong."), "{text}");
    assert!(
        newest
            .clone()
            .any(|port| text.contains(&format!(">{port}</td>"))),
        "{text}"
    );
}
