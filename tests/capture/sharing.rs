//! Parts of recordings, and redaction: what is handed on is what was chosen, and names nobody.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::common::loopback::{V4, listen, port, session};
use crate::common::requirements::{TCPLIFE, kernel_or_skip};
use crate::common::running::{Running, json};

/// Everything in [`RECORDING`] that names somebody.
const NAMES: &[&str] = &[
    "acme",
    "billing",
    "10.1.2.3",
    "10.1.2.99",
    "203.0.113.77",
    "fd12:3456::7",
    "fe80::aa",
    "4711",
    "4d5f6a7b8c9d",
    "8f3c7a52",
    "hush-5",
    "b0071d",
    "passwd",
];

/// Lines with names in every field that has some.
const RECORDING: &str = r#"{"event":"header","time":"2026-11-30T03:11:00.000000Z","schema":1,"min_reader":1,"version":"0.1.0","host":"db-1.acme.example","boot_id":"b0071d","kernel":"6.18.3-hush-5","command":"tcplife --record /etc/passwd","capture":"pid 4711"}
{"event":"open","time":"2026-11-30T03:11:30.000000Z","pid":7,"comm":"billing-acme","first_comm":"acme-start","uid":4711,"owner":"connect","laddr":"10.1.2.3","lport":40000,"raddr":"203.0.113.77","rport":443,"direction":"out","tx_bytes":10,"rx_bytes":20,"duration_us":1000000,"preexisting":false,"connect_us":1500,"state_before_close":"established","cookie":1,"interface":"vpn-acme","cgroup":"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod8f3c7a52_0d0b_4bd3_9f2c_7f6a1c9b2e11.slice/cri-containerd-4d5f6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091.scope","container_name":"acme-app","pod_name":"acme-pod","namespace":"acme-prod"}
{"event":"clock","time":"2026-11-30T03:12:01.000000Z","snapshot":true,"boot_ns":1796008321000000000,"steps":[[0,0]]}
{"event":"close","time":"2026-11-30T03:12:10.000000Z","pid":8,"comm":"acme-cron","uid":0,"owner":"connect","laddr":"10.1.2.99","lport":40001,"raddr":"10.1.2.3","rport":5432,"direction":"out","tx_bytes":1,"rx_bytes":2,"duration_us":1000,"preexisting":false,"connect_us":200,"state_before_close":"established","reason":"local-fin","retransmits":7,"cookie":2,"cgroup":"/system.slice/acme-cron.service"}
{"event":"close","time":"2026-11-30T03:12:20.000000Z","pid":8,"comm":"acme-cron","uid":0,"owner":"connect","laddr":"fd12:3456::7","lport":40002,"raddr":"fe80::aa","rport":443,"direction":"out","tx_bytes":3,"rx_bytes":4,"duration_us":1000,"preexisting":false,"connect_us":200,"state_before_close":"syn-sent","reason":"refused","cookie":3,"interface":"vpn-acme"}
{"event":"close","time":"2026-11-30T03:13:30.000000Z","pid":7,"comm":"billing-acme","uid":4711,"owner":"connect","laddr":"10.1.2.3","lport":40000,"raddr":"203.0.113.77","rport":443,"direction":"out","tx_bytes":500,"rx_bytes":600,"duration_us":121000000,"preexisting":false,"connect_us":1500,"state_before_close":"established","reason":"remote-reset","cookie":1}
{"event":"close","time":"2026-11-30T03:20:00.000000Z","pid":8,"comm":"acme-cron","uid":0,"owner":"connect","laddr":"127.0.0.1","lport":40003,"raddr":"127.0.0.1","rport":443,"direction":"out","tx_bytes":5,"rx_bytes":6,"duration_us":1000,"preexisting":false,"state_before_close":"established","reason":"local-fin","cookie":4}
"#;

pub(crate) fn run(args: &[&str]) -> Output {
    let run = Command::new(TCPLIFE).args(args).env("TZ", "UTC").output();
    run.expect("tcplife can be started")
}

/// Runs with success; returns stdout.
fn rows(args: &[&str]) -> Vec<Value> {
    let out = run(args);
    let errors = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{errors}");
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    let rows = text.lines().map(json);
    rows.filter(|row| row["event"] != "summary").collect()
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The recording in a folder, and the path of a new one.
fn files(folder: &tempfile::TempDir) -> (PathBuf, PathBuf) {
    let recording = folder.path().join("a.jsonl");
    fs::write(&recording, RECORDING).expect("a file");
    (recording, folder.path().join("b.jsonl.zst"))
}

/// The lines of a recording.
fn lines(path: &Path) -> String {
    let bytes = fs::read(path).expect("a recording");
    let lines = zstd::decode_all(&bytes[..]).expect("frames of zstd");
    String::from_utf8(lines).expect("UTF-8")
}

#[test]
fn cut_has_the_chosen_sessions_whole_and_says_what_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = files(&folder);
    let (from, to) = (text(&from), text(&to));
    let span = [
        "--replay", from, "--from", "03:12", "--to", "03:14", "-f", "port 443",
    ];
    let out = run(&[&span[..], &["--record", to]].concat());
    let errors = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && out.stdout.is_empty(), "{errors}");
    assert!(
        errors.contains("recorded 2 closed sessions to "),
        "{errors}"
    );
    // the same rows as those of the whole, of which that is a part
    let expected = rows(&[&span[..], &["-o", "json"]].concat());
    let cut = rows(&["--replay", to, "-o", "json"]);
    assert_eq!((cut.len(), &cut), (2, &expected));
    let header = json(lines(Path::new(to)).lines().next().expect("a header"));
    assert_eq!(header["host"], "db-1.acme.example");
    assert_eq!(header["cut"], "from 03:12:00, to 03:14:00, port 443");
    // one that is open when the time begins is there in full before its close
    let all = lines(Path::new(to));
    let opened = all.lines().map(json).find(|line| line["event"] == "open");
    assert_eq!(
        opened.map(|line| line["rx_bytes"].clone()),
        Some(20.into()),
        "{all}"
    );
    // what is open at its end is still open
    let early = folder.path().join("c.jsonl.zst");
    let early = text(&early);
    run(&["--replay", from, "--to", "03:12:30", "--record", early]);
    let open = rows(&["--replay", early, "--open", "-o", "json"]);
    assert_eq!((open.len(), &open[0]["lport"]), (1, &40000.into()));
}

#[test]
fn redacted_recording_has_no_name_and_the_same_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = files(&folder);
    let (key, other) = (folder.path().join("key"), folder.path().join("other.zst"));
    fs::write(&key, "hush-5 is the key of this test").expect("a file");
    let keyed = ["--redact", "--redact-key", text(&key)];
    run(&[
        &["--replay", text(&from), "--record", text(&to)],
        &keyed[..],
    ]
    .concat());
    let all = lines(&to);
    for name in NAMES {
        assert!(!all.contains(name), "{name}: {all}");
    }
    let original = rows(&["--replay", text(&from), "-o", "json"]);
    let redacted = rows(&["--replay", text(&to), "-o", "json"]);
    assert_eq!(redacted.len(), original.len());
    for (before, after) in original.iter().zip(&redacted) {
        for same in [
            "time",
            "lport",
            "rport",
            "tx_bytes",
            "duration_us",
            "reason",
            "runtime",
            "pid",
        ] {
            assert_eq!(before[same], after[same], "{same}");
        }
        assert_eq!(
            before["laddr"] == "127.0.0.1",
            after["laddr"] == "127.0.0.1"
        );
    }
    // neighbors are still neighbors, and the ids are those of the new addresses
    let subnet = |row: &Value, key: &str| {
        row[key]
            .as_str()
            .expect("an address")
            .rsplit_once('.')
            .expect("IPv4")
            .0
            .to_owned()
    };
    assert_eq!(subnet(&redacted[0], "laddr"), subnet(&redacted[0], "raddr"));
    assert_eq!(redacted[0]["raddr"], redacted[2]["laddr"]);
    assert!(subnet(&redacted[0], "laddr").starts_with("10."));
    assert_ne!(redacted[0]["community_id"], original[0]["community_id"]);
    // with the same key the same, also as lines at once; with another one not
    let again = rows(&[&["--replay", text(&from), "-o", "json"], &keyed[..]].concat());
    assert_eq!(again, redacted);
    let random = rows(&["--replay", text(&from), "-o", "json", "--redact"]);
    assert_ne!(random[0]["raddr"], redacted[0]["raddr"]);
    // a filter is about the original
    run(&[
        &[
            "--replay",
            text(&from),
            "--record",
            text(&other),
            "-f",
            "raddr 10.1.2.3",
        ],
        &keyed[..],
    ]
    .concat());
    let one = rows(&["--replay", text(&other), "-o", "json"]);
    assert_eq!(one, redacted[..1]);
    assert!(!lines(&other).contains("10.1.2.3"));
}

#[test]
fn redacted_report_has_no_name_not_even_that_of_its_recording() {
    let folder = tempfile::tempdir().expect("a folder");
    // of a user of that name, and damaged
    let from = folder.path().join("billing.jsonl");
    fs::write(&from, format!("{RECORDING}no line of acme\n")).expect("a file");
    for name in ["a.html", "a.md"] {
        let to = folder.path().join(name);
        let out = run(&[
            "--replay",
            text(&from),
            "--redact",
            "-f",
            "not comm billing-nobody",
            "--report",
            text(&to),
        ]);
        let errors = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "{errors}");
        let page = fs::read_to_string(&to).expect("a report");
        for original in NAMES {
            assert!(!page.contains(original), "{name}, {original}: {page}");
        }
        // there is something in it all the same
        for kept in ["p-", "refused", "127.0.0.1", "tcplife"] {
            assert!(page.contains(kept), "{name}, {kept}: {page}");
        }
    }
}

#[test]
fn redacted_lines_of_this_host_have_no_name() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let to = listener.local_addr().expect("it is bound");
    let mut live = Running::json(&["--redact", "-L", &port(&listener).to_string()], &listener);
    let client = session(&listener, to, 10, 10);
    let row = live.row_until(|row| row["rport"] == client);
    let comm = row["comm"].as_str().expect("a name");
    assert!(comm.starts_with("p-") && comm.len() == 10, "{comm}");
    assert_eq!(
        (&row["laddr"], &row["tx_bytes"]),
        (&"127.0.0.1".into(), &10.into())
    );
    live.interrupt().assert_well();
}

#[test]
fn redact_key_that_is_no_key_is_refused_with_help() {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, _) = files(&folder);
    let short = folder.path().join("short");
    fs::write(&short, "123").expect("a file");
    for (key, says) in [
        (text(&short), "has 3 bytes, and needs 16 or more"),
        ("/nowhere/key", "cannot read the key /nowhere/key"),
    ] {
        let out = run(&[
            "--replay",
            text(&from),
            "-o",
            "json",
            "--redact",
            "--redact-key",
            key,
        ]);
        let errors = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(1));
        assert!(
            errors.contains(says) && errors.contains("head -c 32 /dev/urandom"),
            "{errors}"
        );
    }
}
