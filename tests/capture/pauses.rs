//! Recordings with times in which nothing was recorded: stopped ones, those of several boots, and parts of such ones.

use std::fs;
use std::path::{Path, PathBuf};

use crate::sharing::{run, text};

/// Lines of a recording that begins at this second of a boot, with a session that closes five seconds later.
fn recording(boot: &str, boot_s: i64, epoch_s: i64, lport: u16) -> String {
    let wall = |boot_s: i64| {
        let time = jiff::Timestamp::from_second(epoch_s + boot_s).expect("a time");
        format!("{time:.9}")
    };
    let clock = |boot_s: i64| {
        let (boot_ns, epoch_ns) = (boot_s * 1_000_000_000, epoch_s * 1_000_000_000);
        format!(
            r#""time":"{}","boot_ns":{boot_ns},"steps":[[0,{epoch_ns}]]"#,
            wall(boot_s)
        )
    };
    let (begin, end) = (clock(boot_s), clock(boot_s + 5));
    let time = wall(boot_s + 5);
    format!(
        r#"{{"event":"header",{begin},"schema":1,"min_reader":1,"version":"0.2.0","host":"db-1","boot_id":"{boot}","kernel":"6.18.3","command":"tcplife","capture":""}}
{{"event":"clock",{begin},"snapshot":true}}
{{"event":"close","time":"{time}","pid":8,"comm":"cron","uid":0,"owner":"connect","laddr":"10.0.0.1","lport":{lport},"raddr":"10.0.0.2","rport":443,"direction":"out","tx_bytes":1,"rx_bytes":2,"duration_us":1000,"preexisting":false,"connect_us":200,"state_before_close":"established","reason":"local-fin","cookie":{lport}}}
{{"event":"clock",{end},"snapshot":true}}
"#
    )
}

/// 2026-11-30T03:00:00Z.
const EPOCH_S: i64 = 1_796_007_600;

fn written(folder: &Path, name: &str, lines: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, lines).expect("a file");
    path
}

/// Local ports of the rows, and the errors.
fn ports(args: &[&str]) -> (Vec<String>, String) {
    let out = run(&[&["-o", "csv", "--columns", "lport"], args].concat());
    let errors = String::from_utf8(out.stderr).expect("UTF-8");
    assert!(out.status.success(), "{errors}");
    let rows = String::from_utf8(out.stdout).expect("UTF-8");
    (rows.lines().skip(1).map(str::to_owned).collect(), errors)
}

#[test]
fn recordings_of_two_boots_are_replayed_in_order_and_say_where_the_host_was_booted() {
    let folder = tempfile::tempdir().expect("a folder");
    // up for longer before the second boot than after it
    let first = written(
        folder.path(),
        "a.jsonl",
        &recording("b1", 5000, EPOCH_S - 5000, 1001),
    );
    let second = written(
        folder.path(),
        "b.jsonl",
        &recording("b2", 100, EPOCH_S + 3500, 1002),
    );
    let both = ["--replay", text(&second), "--replay", text(&first)];
    let (rows, errors) = ports(&both);
    assert_eq!(rows, ["1001", "1002"]);
    assert!(
        errors.contains(
            "the host was booted again between 2026-11-30T03:00:05Z and 2026-11-30T04:00:00Z"
        ),
        "{errors}"
    );
    // figures of a time need times that can be compared
    let report = folder.path().join("a.md");
    let args = [&both[..], &["--report", text(&report)]].concat();
    let out = run(&args);
    let errors = String::from_utf8(out.stderr).expect("UTF-8");
    assert_eq!(out.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("times of 2 boots cannot be compared. They begin at 2026-11-30 03:00:00, 2026-11-30 04:00:00: choose one with --from and --to"),
        "{errors}"
    );
    for (span, port) in [(["--from", "04:00"], "1002"), (["--to", "03:30"], "1001")] {
        let report = folder.path().join(format!("{port}.md"));
        let out = run(&[&both[..], &span, &["--report", text(&report)]].concat());
        let errors = String::from_utf8(out.stderr).expect("UTF-8");
        assert!(out.status.success(), "{errors}");
        let page = fs::read_to_string(&report).expect("a report");
        let other = if port == "1001" { "1002" } else { "1001" };
        assert!(page.contains(port) && !page.contains(other), "{page}");
    }
}

#[test]
fn cut_of_a_recording_that_was_stopped_says_when() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = recording("b1", 100, EPOCH_S, 1001)
        + r#"{"event":"end","time":"2026-11-30T03:01:45.000000000Z"}"#
        + "\n"
        + &recording("b1", 400, EPOCH_S, 1002);
    let whole = written(folder.path(), "a.jsonl", &lines);
    let cut = folder.path().join("b.jsonl.zst");
    let (rows, errors) = ports(&["--replay", text(&whole)]);
    assert_eq!(rows, ["1001", "1002"]);
    let gap =
        "the recording has a gap: it was stopped from 2026-11-30T03:01:45Z to 2026-11-30T03:06:40Z";
    assert!(errors.contains(gap), "{errors}");
    let out = run(&["--replay", text(&whole), "--record", text(&cut)]);
    assert!(out.status.success());
    // a recording of its own, which knows of it
    let (rows, errors) = ports(&["--replay", text(&cut)]);
    assert_eq!(rows, ["1001", "1002"]);
    assert!(errors.contains(gap), "{errors}");
    // a part that begins after it does not
    let late = folder.path().join("c.jsonl.zst");
    let args = [
        "--replay",
        text(&whole),
        "--from",
        "03:06:42",
        "--record",
        text(&late),
    ];
    assert!(run(&args).status.success());
    let (rows, errors) = ports(&["--replay", text(&late)]);
    assert_eq!(rows, ["1002"]);
    assert!(!errors.contains("gap"), "{errors}");
}
