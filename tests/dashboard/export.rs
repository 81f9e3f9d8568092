//! Output of the dashboard: exported files, and texts for the clipboard.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::common::loopback::{Pair, V4, listen, port, session};
use crate::common::pty;
use crate::common::requirements::kernel_or_skip;
use crate::harness::{Seen, argv, brisk, only};
use crate::mouse::{OFF as MOUSE_OFF, ON as MOUSE_ON};

/// Starts the dashboard in a directory of its own.
fn in_folder(folder: &Path, ports: &str) -> Seen {
    let mut command = pty::command(&brisk(&["-L", ports]));
    command.cwd(folder);
    let mut seen = Seen::start(command);
    seen.wait_for("the dashboard", |s| s.heading().is_some());
    seen
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a directory");
    let mut names: Vec<String> = entries
        .map(|e| e.expect("an entry").file_name().to_string_lossy().into())
        .collect();
    names.sort();
    names
}

#[test]
fn export_of_filtered_table_writes_shown_rows_in_order() {
    if !kernel_or_skip() {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let (one, other) = (listen(V4), listen(V4));
    let mut seen = in_folder(folder.path(), &only(&[&one, &other]));
    let sizes = [(10, 2000), (30_000, 100), (400, 9000)];
    let ports = sizes.map(|(there, back)| session(&one, V4, there, back));
    let open = Pair::open(&one, V4);
    session(&other, V4, 5, 5);
    seen.wait_for("all of them", |s| s.rows().len() == 5);
    seen.press(&format!("/lport {}\r", port(&one)));
    seen.wait_for("those of one listener", |s| s.rows().len() == 4);

    seen.press("e\x15a.json\r"); // ^U
    seen.wait_for("what was done", |s| {
        s.shows("exported 4 sessions to a.json")
    });
    let text = fs::read_to_string(folder.path().join("a.json")).expect("the file");
    let rows: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).expect("an object a line"))
        .collect();
    let shown: Vec<u64> = seen.order().into_iter().map(u64::from).collect();
    let written: Vec<u64> = rows.iter().filter_map(|r| r["rport"].as_u64()).collect();
    assert_eq!(written, shown, "the table's rows in its order");
    for (rport, (there, back)) in ports.into_iter().zip(sizes) {
        let row = rows.iter().find(|r| r["rport"] == rport).expect("a row");
        assert_eq!(
            (&row["rx_bytes"], &row["tx_bytes"]),
            (&there.into(), &back.into())
        );
        assert_eq!(row["event"], "close");
    }
    let row = rows.iter().find(|r| r["rport"] == open.client_port());
    assert_eq!(row.expect("a row")["event"], "open");
    assert_eq!(rows.last().expect("a summary")["sessions"], 4);

    // the other format, by the name that already exists
    seen.press("e");
    seen.wait_for("a name", |s| {
        s.shows("export to: tcplife-") && s.shows(".csv")
    });
    seen.press("\r");
    seen.wait_for("what was done", |s| {
        s.shows("exported 4 sessions to tcplife-")
    });
    let files = names(folder.path());
    assert_eq!(files.len(), 2, "{files:?}");
    let text = fs::read_to_string(folder.path().join(&files[1])).expect("the file");
    assert_eq!(text.lines().count(), 5, "{text}");
    seen.quit();
}

#[test]
fn export_existing_file_is_replaced_only_after_confirmation() {
    if !kernel_or_skip() {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("a.csv");
    fs::write(&path, "event,time,somebody's").expect("a file");
    let listener = listen(V4);
    let mut seen = in_folder(folder.path(), &only(&[&listener]));
    session(&listener, V4, 1, 1);
    seen.wait_for("the session", |s| s.rows().len() == 1);
    seen.press("e\x15a.csv\r"); // ^U
    seen.wait_for("the question", |s| s.shows("Replace it? y/n"));
    seen.press("n");
    seen.wait_for("the name", |s| s.shows("Enter write"));
    assert_eq!(
        fs::read_to_string(&path).expect("a file"),
        "event,time,somebody's"
    );
    seen.press("\r");
    seen.wait_for("the question", |s| s.shows("Replace it? y/n"));
    seen.press("y");
    seen.wait_for("what was done", |s| s.shows("exported 1 session to a.csv"));
    let text = fs::read_to_string(&path).expect("a file");
    assert!(text.starts_with("event,time,pid,comm,"), "{text}");

    for (name, said) in [
        (
            "none/a.csv",
            "cannot write none/a.csv: No such file or directory",
        ),
        ("/proc/a.csv", "cannot write /proc/a.csv: "),
        ("a.txt", "use .csv, or .json or .jsonl"),
    ] {
        seen.press(&format!("e\x15{name}\r"));
        seen.wait_for("what is wrong", |s| s.shows(said));
        seen.press("\x1b");
        seen.wait_for("the table", |s| !s.shows("export to:"));
    }
    assert_eq!(names(folder.path()), ["a.csv"]);
    seen.quit();
}

/// Returns what the terminal was last asked to copy.
pub(crate) fn copied(seen: &Seen) -> Option<String> {
    let written = seen.pty.text();
    let (_, text) = written.rsplit_once("\x1b]52;c;")?;
    let (text, _) = text.split_once("\x1b\\")?;
    // in a multiplexer it comes once more, to be passed through
    let bytes = BASE64_STANDARD
        .decode(text.trim_end_matches('\x1b'))
        .expect("base64");
    Some(String::from_utf8(bytes).expect("UTF-8"))
}

#[test]
fn copy_keys_pressed_send_text_to_terminal_clipboard() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut command = pty::command(&argv(&["-L", &only(&[&listener])]));
    // independent of what the tests run in
    for name in ["TMUX", "STY"] {
        command.env(name, "");
    }
    let mut seen = Seen::start(command);
    let mut pair = Pair::open(&listener, V4);
    pair.exchange(1234, 0);
    let (lport, rport) = (port(&listener), pair.client_port());
    seen.wait_for("the session", |s| {
        s.row(lport, rport).is_some_and(|r| r.cell("RX") == "1.2k")
    });
    let mut copies = |key: &str, parts: &[&str]| {
        seen.press(key);
        let there = |s: &Seen| copied(s).is_some_and(|t| parts.iter().all(|p| t.contains(p)));
        seen.wait_for("what is copied", there);
    };
    let ends = format!("127.0.0.1:{lport} <- 127.0.0.1:{rport} established");
    copies(
        "y",
        &[&ends, " 1234 received", &std::process::id().to_string()],
    );
    copies(" \ry", &[&format!("ss -tinemo src 127.0.0.1:{lport} dst ")]);
    copies(" Y", &["tcpdump -nni any host ", &rport.to_string()]);
    copies(" \x7f\ty", &[&format!("pid {}", std::process::id())]);
    // the text is there to be selected by hand, and the mouse is the terminal's meanwhile
    let filter = copied(&seen).expect("a copy");
    seen.wait_for("the text", |s| {
        s.shows("Any key closes.") && s.lines().iter().any(|l| l.trim_end() == filter)
    });
    let is_released = |s: &Seen| {
        let text = s.pty.text();
        text.rfind(MOUSE_OFF) > text.rfind(MOUSE_ON)
    };
    assert!(is_released(&seen));
    seen.press("x");
    seen.wait_for("the pane", |s| !s.shows("Any key closes.") && s.is_whole());
    assert!(!is_released(&seen));
    seen.press("q");
    seen.wait_for("the list", |s| s.shows("q quit"));
    seen.quit();
}
