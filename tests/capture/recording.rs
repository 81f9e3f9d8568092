//! Recordings: what is recorded is read back as the rows that were printed, whatever happens to the file or the disk.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::common::loopback::{Pair, V4, listen, port, session};
use crate::common::requirements::{PATIENCE, TCPLIFE, kernel_or_skip};
use crate::common::running::{Running, json};

/// User and group without rights.
const NOBODY: u32 = 65_534;

/// Runs `--replay` with these flags, and returns stdout and stderr. A file is read by a user without rights.
pub(crate) fn replay(file: &Path, args: &[&str]) -> (String, String) {
    let mut command = Command::new(TCPLIFE);
    if file.is_dir() {
        command.arg("--replay").arg(file).stdin(Stdio::null());
    } else {
        let recording = fs::File::open(file).expect("a recording");
        command.args(["--replay", "-"]).stdin(recording);
        command.uid(NOBODY).gid(NOBODY);
    }
    let out = command
        .args(args)
        .env("TZ", "UTC")
        .output()
        .expect("tcplife can be started");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let errors = text(out.stderr);
    assert!(out.status.success(), "{errors}");
    (text(out.stdout), errors)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

/// Rows of closed sessions of a listener in a recording.
pub(crate) fn closes(file: &Path, listener: u16) -> Vec<Value> {
    let filter = format!("port {listener}");
    let (out, _) = replay(file, &["-o", "json", "-f", &filter]);
    let rows = out.lines().map(json);
    rows.filter(|row| row["event"] == "close").collect()
}

#[test]
fn replay_prints_the_rows_of_the_live_run_in_every_format() {
    if !kernel_or_skip() {
        return;
    }
    let folder = folder();
    let listener = listen(V4);
    let to = listener.local_addr().expect("it is bound");
    let filter = format!("lport {}", port(&listener));
    for (nth, flags) in [
        &["-o", "text", "-t", "-T"][..],
        &["-o", "text", "-w"],
        &["-o", "csv", "-t", "-T"],
        &["-o", "json"],
        &[
            "-o",
            "csv",
            "--columns",
            "time,comm,user,raddr,rport,status,waiting,srtt_us,container",
        ],
    ]
    .into_iter()
    .enumerate()
    {
        let file = folder.path().join(nth.to_string());
        let name = file.to_str().expect("UTF-8");
        let flags = [flags, &["-f", &filter]].concat();
        let mut live = Running::start(&[&flags[..], &["--record", name]].concat());
        // the rows are printed from the moment on that the first of them is
        let mut rows = vec![];
        let deadline = Instant::now() + PATIENCE;
        while rows.len() < 8 && Instant::now() < deadline {
            session(&listener, to, 1000, 50_000);
            rows.extend(live.lines_within(Duration::from_millis(100)));
        }
        let ended = live.interrupt();
        assert!(ended.status.success(), "{}", ended.errors);
        rows.extend(ended.rest);
        let (out, errors) = replay(&file, &flags);
        let is_row = |line: &&str| !line.contains("\"summary\"");
        let replayed: Vec<&str> = out.lines().filter(is_row).collect();
        rows.retain(|row| is_row(&row.as_str()));
        assert!(rows.len() >= 8, "{rows:?}");
        assert_eq!(replayed, rows, "{flags:?}: {errors}");
        assert_eq!(errors, "");
        let mode = fs::metadata(&file).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn replay_open_prints_the_sessions_that_were_open_at_the_end() {
    if !kernel_or_skip() {
        return;
    }
    let folder = folder();
    let file = folder.path().join("a.jsonl.zst");
    let listener = listen(V4);
    let (ours, filter) = (port(&listener), format!("lport {}", port(&listener)));
    let mut pair = Pair::open(&listener, V4);
    let name = file.to_str().expect("UTF-8");
    let live = Running::start(&["-o", "none", "--record", name]);
    let open = || {
        let (out, _) = replay(&file, &["--open", "-o", "json", "-f", &filter]);
        out.lines().map(json).collect::<Vec<_>>()
    };
    let until = |is_wanted: &dyn Fn(&[Value]) -> bool| {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let rows = if file.metadata().is_ok_and(|f| f.len() > 0) {
                open()
            } else {
                vec![]
            };
            if is_wanted(&rows) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{:?}", open());
    };
    // a recording can be read while it is written
    until(&|rows| {
        rows.iter()
            .any(|row| row["lport"] == ours && row["rx_bytes"] == 0)
    });
    pair.client.write_all(&[b'x'; 4000]).expect("it is open");
    until(&|rows| rows.iter().any(|row| row["rx_bytes"] == 4000));
    drop(pair);
    until(&|rows| rows.is_empty());
    live.interrupt().assert_well();
    assert_eq!(closes(&file, ours).len(), 2);
}

#[test]
fn recording_of_a_killed_run_has_all_rows_but_those_of_the_last_second() {
    if !kernel_or_skip() {
        return;
    }
    let folder = folder();
    let listener = listen(V4);
    let to = listener.local_addr().expect("it is bound");
    let rounds = std::env::var("TCPLIFE_KILLS").ok();
    let rounds = rounds.and_then(|n| n.parse().ok()).unwrap_or(4_u64);
    for nth in 0..rounds {
        let file = folder.path().join(nth.to_string());
        // a file and a directory in turn
        let ending = if nth % 2 == 0 { "" } else { "/" };
        let name = format!("{}{ending}", file.display());
        let only = port(&listener).to_string();
        let live = Running::json(&["--record", &name, "-L", &only], &listener);
        let mut clients = Vec::new();
        let began = Instant::now();
        // at any moment of the second in which the file is written to once
        while began.elapsed() < Duration::from_millis(1500 + 370 * nth % 1100) {
            // each has another size, because a port may be used again
            let bytes = 10 + clients.len();
            let client = session(&listener, to, bytes, 10);
            clients.push((Instant::now(), client, bytes));
            std::thread::sleep(Duration::from_millis(3));
        }
        let killed = Instant::now();
        live.signal(Signal::KILL);
        live.wait();
        let rows = closes(&file, port(&listener));
        // a second until the disk has it, 50 ms in the ring, and a machine that is busy
        let due = clients
            .iter()
            .filter(|(at, ..)| killed - *at > Duration::from_millis(1400));
        for (_, client, bytes) in due {
            let is_its = |row: &&Value| row["rport"] == *client && row["rx_bytes"] == *bytes;
            let ends = rows.iter().filter(is_its).count();
            assert_eq!(ends, 1, "port {client}, {bytes} bytes, of {}", rows.len());
        }
        assert!(!rows.is_empty());
    }
}

#[test]
fn record_to_an_existing_file_fails_and_leaves_it() {
    if !kernel_or_skip() {
        return;
    }
    let folder = folder();
    let file = folder.path().join("a.jsonl.zst");
    fs::write(&file, "precious").expect("a file");
    let name = file.to_str().expect("UTF-8");
    let ended = Running::start(&["-o", "none", "--record", name]).wait();
    assert_eq!(
        (ended.status.code(), ended.errors),
        (
            Some(1),
            format!("tcplife: cannot record to {name}: it exists, and is not overwritten\n")
        )
    );
    assert_eq!(fs::read(&file).expect("a file"), b"precious");
}

#[test]
fn replay_of_a_foreign_file_fails_with_one_line() {
    let folder = folder();
    let file = folder.path().join("passwd");
    for foreign in [
        "root:x:0:0::/root:/bin/bash\n",
        "",
        "{\"a\":1}\n",
        "\u{1f}\u{8b}zip",
    ] {
        fs::write(&file, foreign).expect("a file");
        let name = file.to_str().expect("UTF-8");
        let ended = Running::start(&["-o", "text", "--replay", name]).wait();
        assert_eq!(ended.status.code(), Some(1));
        assert_eq!(ended.errors.lines().count(), 1, "{}", ended.errors);
        assert!(ended.errors.contains("no recording"), "{}", ended.errors);
    }
    let ended = Running::start(&["-o", "text", "--replay", "/nowhere/a"]).wait();
    assert_eq!(
        ended.errors,
        "tcplife: cannot replay /nowhere/a: No such file or directory (os error 2)\n"
    );
}

#[test]
fn replay_of_json_lines_packed_or_plain_prints_their_rows() {
    let row = |port: u16, time: &str| {
        format!(
            "{{\"event\":\"close\",\"time\":\"2026-11-30T{time}.000001Z\",\"pid\":7,\"comm\":\"curl\",\"owner\":\"connect\",\
             \"laddr\":\"10.0.0.1\",\"lport\":{port},\"raddr\":\"10.0.0.2\",\"rport\":443,\"tx_bytes\":2048,\"rx_bytes\":1024,\
             \"duration_us\":1500,\"reason\":\"local-fin\"}}\n"
        )
    };
    let lines = row(1, "03:12:00") + &row(2, "03:12:30") + &row(3, "03:13:00");
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("plain"), &lines).expect("a file");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(lines.as_bytes()).expect("memory");
    fs::write(path("gzip"), gzip.finish().expect("memory")).expect("a file");
    let packed = zstd::encode_all(lines.as_bytes(), 3).expect("memory");
    fs::write(path("zstd"), packed).expect("a file");
    for name in ["plain", "gzip", "zstd"] {
        let all = "7     curl       10.0.0.1        1     10.0.0.2        443       2     1 1.50\n";
        let (out, errors) = replay(&path(name), &["-o", "text"]);
        assert_eq!((out.lines().count(), &*errors), (4, ""), "{name}");
        assert!(out.contains(all), "{name}: {out}");
        let (out, _) = replay(
            &path(name),
            &[
                "-s",
                "-T",
                "--from",
                "03:12:30",
                "--to",
                "2026-11-30T03:12:59Z",
            ],
        );
        let rows: Vec<&str> = out.lines().skip(1).collect();
        assert_eq!(
            rows,
            ["03:12:30,7,curl,4,10.0.0.1,2,10.0.0.2,443,2,1,1.50"],
            "{name}"
        );
    }
}

#[test]
fn recording_to_a_full_disk_pauses_and_the_capture_goes_on() {
    if !kernel_or_skip() {
        return;
    }
    let folder = folder();
    let path = folder.path();
    let mounted = rustix::mount::mount(
        "tmpfs",
        path,
        "tmpfs",
        rustix::mount::MountFlags::empty(),
        Some(c"size=1m"),
    );
    if mounted.is_err() {
        return;
    }
    let filler = path.join("filler");
    let fill = |bytes: usize| fs::write(&filler, vec![1; bytes]);
    // a page is left
    let _ = fill((1 << 20) - 4096);
    let file = path.join("a");
    let name = file.to_str().expect("UTF-8");
    let listener = listen(V4);
    let to = listener.local_addr().expect("it is bound");
    // what others do must not fill the disk
    let only = port(&listener).to_string();
    let mut live = Running::json(&["--record", name, "-L", &only], &listener);
    let mut count = 0;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(4) {
        session(&listener, to, 10, 10);
        count += 1;
        std::thread::sleep(Duration::from_millis(2));
    }
    // there is room again
    fs::remove_file(&filler).expect("it is there");
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        session(&listener, to, 10, 10);
        count += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    let last = session(&listener, to, 10, 10);
    let ours = |row: &Value| row["rport"] == last;
    live.row_until(ours);
    let ended = live.interrupt();
    assert!(ended.status.success());
    let paused = "recording paused: less than 104.9kB of the disk are free. The capture goes on";
    let resumed = "recording resumed: it lacks ";
    let said = |text: &str| ended.errors.lines().filter(|l| l.contains(text)).count();
    assert_eq!((said(paused), said(resumed)), (1, 1), "{}", ended.errors);
    let (_, errors) = replay(&file, &["-o", "json"]);
    assert!(
        errors.contains(" events: less than 104.9kB of the disk are free"),
        "{errors}"
    );
    let rows = closes(&file, port(&listener));
    assert!(
        rows.iter().any(ours) && rows.len() < count,
        "{}",
        rows.len()
    );
    let _ = rustix::mount::unmount(path, rustix::mount::UnmountFlags::DETACH);
}

#[test]
fn record_flags_without_effect_are_refused() {
    for (args, error) in [
        (
            &["-o", "none"][..],
            "-o none shows nothing, and needs --record or --report",
        ),
        (
            &["-o", "none", "--record", "x", "-f", "a"],
            "-f has no effect with -o none",
        ),
        (&["--from", "03:12"], "--replay"),
        (
            &["--replay", "x", "--from", "soon"],
            "must be a time like 03:12",
        ),
        (
            &["--replay", "x", "--record", "y", "-o", "dashboard"],
            "beside rows or -o none",
        ),
        (&["-o", "json", "--record", "-"], "needs -o none"),
        (&["--replay", "x", "-"], "takes no other recording"),
        (&["--record-keep", "1h"], "--record"),
        (
            &["--record", "x", "--record-keep", "1kB"],
            "a size of 1MB or more",
        ),
        (&["--record", "x", "--record-keep", "1h,2h"], "like 24h,1GB"),
    ] {
        let out = Command::new(TCPLIFE)
            .args(args)
            .stdin(Stdio::null())
            .output();
        let out = out.expect("tcplife can be started");
        let errors = String::from_utf8(out.stderr).expect("UTF-8");
        assert_eq!(out.status.code(), Some(2), "{errors}");
        assert!(
            errors.contains(error) && errors.lines().count() == 1,
            "{errors}"
        );
    }
}

/// Sessions at these seconds of boot time, on a host that has been up for ten hours. Its clock is set an hour ahead, then twice an
/// hour back, and it is suspended for ten minutes.
const CLOSED_S: [i64; 13] = [
    36_001, 36_005, 36_009, 36_011, 36_015, 36_019, 36_021, 36_025, 36_029, 36_031, 36_039, 36_641,
    36_650,
];

/// How far the wall clock is set ahead, s.
fn set_ahead(boot_s: i64) -> i64 {
    match boot_s {
        ..36_010 => 0,
        36_010..36_020 => 3600,
        36_020..36_030 => 0,
        _ => -3600,
    }
}

/// A recording of them as lines. The last one was open before the suspend.
fn lines_over_clock_steps() -> String {
    const EPOCH_S: i64 = 1_796_007_600 - 36_000; // 2026-11-30 03:00:00 UTC
    let wall = |boot_s: i64| {
        let time = jiff::Timestamp::from_second(EPOCH_S + boot_s + set_ahead(boot_s));
        format!("{:.9}", time.expect("a time"))
    };
    let clock = |boot_s: i64| {
        let steps = [36_030, 36_020, 36_010, 0]
            .into_iter()
            .filter(|from| *from <= boot_s);
        let steps = steps.map(|from_s| {
            let epoch_s = EPOCH_S + set_ahead(from_s);
            serde_json::json!([from_s * 1_000_000_000, epoch_s * 1_000_000_000])
        });
        let steps: Vec<Value> = steps.collect();
        serde_json::json!({
            "event": "clock", "time": wall(boot_s), "boot_ns": boot_s * 1_000_000_000, "steps": steps, "snapshot": true,
        })
    };
    let mut lines = format!("{}\n", clock(36_000));
    for (cookie, boot_s) in CLOSED_S.into_iter().enumerate() {
        let duration_s = if boot_s == 36_650 { 640 } else { 2 };
        let close = serde_json::json!({
            "event": "close", "time": wall(boot_s), "pid": 7, "comm": "curl", "uid": 0, "owner": "connect",
            "laddr": "10.0.0.1", "lport": boot_s - 30_000, "raddr": "10.0.0.2", "rport": 443, "direction": "out",
            "tx_bytes": 1, "rx_bytes": 1, "duration_us": duration_s * 1_000_000, "preexisting": false, "connect_us": 100,
            "state_before_close": "established", "reason": "local-fin", "cookie": cookie + 1,
            "duration_ns": duration_s * 1_000_000_000_i64, "handshake_ns": 100_000,
        });
        lines += &format!("{}\n{close}\n", clock(boot_s));
    }
    lines
}

#[test]
fn replay_over_clock_steps_and_a_suspend_has_each_session_once_in_order() {
    let folder = folder();
    let (plain, packed) = (folder.path().join("a.jsonl"), folder.path().join("a.zst"));
    fs::write(&plain, lines_over_clock_steps()).expect("a file");
    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let run = |args: &[&str]| {
        let run = Command::new(TCPLIFE).args(args).env("TZ", "UTC").output();
        let out = run.expect("tcplife can be started");
        let errors = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{errors}");
        String::from_utf8(out.stdout).expect("UTF-8")
    };
    run(&["--replay", &path(&plain), "--record", &path(&packed)]);
    let columns = ["-o", "csv", "--columns", "time,lport,duration"];
    for file in [&plain, &packed] {
        let rows = |flags: &[&str]| {
            let file = path(file);
            let out = run(&[&["--replay", &file][..], &columns, flags].concat());
            let rows: Vec<String> = out.lines().skip(1).map(str::to_owned).collect();
            rows
        };
        let all = rows(&[]);
        let cell = |row: &String, nth| row.split(',').nth(nth).expect("a cell").to_owned();
        let ports: Vec<String> = all.iter().map(|row| cell(row, 1)).collect();
        let expected = CLOSED_S.map(|boot_s| (boot_s - 30_000).to_string());
        assert_eq!(ports, expected, "in the order in which they closed");
        // times are those of the clock then, durations have nothing to do with it and include the suspend
        assert_eq!(cell(&all[3], 0), "2026-11-30T04:00:11.000000Z");
        assert_eq!(cell(&all[9], 0), "2026-11-30T02:00:31.000000Z");
        assert_eq!(cell(&all[4], 2), "2000000");
        assert_eq!(cell(&all[12], 2), "640000000");
        for (from, to, expected) in [
            ("03:00:00", "03:00:12", &["6001", "6005", "6009"][..]),
            ("04:00:00", "04:01:00", &["6011", "6015", "6019"]),
            ("03:00:20", "03:00:26", &["6021", "6025"]),
            ("02:00:00", "02:00:36", &["6031"]),
            ("02:10:00", "02:10:45", &["6641"]),
            ("02:10:45", "02:59:00", &["6650"]),
        ] {
            let [from, to] = [from, to].map(|time| format!("2026-11-30T{time}Z"));
            let rows = rows(&["--from", &from, "--to", &to]);
            let ports: Vec<String> = rows.iter().map(|row| cell(row, 1)).collect();
            assert_eq!(ports, expected, "{}: {from} to {to}", file.display());
        }
    }
}

#[test]
fn replay_of_a_later_version_shows_what_it_knows_or_is_refused() {
    let folder = folder();
    let (plain, packed) = (folder.path().join("a.jsonl"), folder.path().join("a.zst"));
    let header = |min_reader: u8| {
        format!(
            "{{\"event\":\"header\",\"time\":\"2026-11-30T03:11:00.000000Z\",\"schema\":7,\"min_reader\":{min_reader},\"version\":\"9.1.0\",\
             \"host\":\"db-1\",\"boot_id\":\"b\",\"moon\":\"full\"}}\n"
        )
    };
    let close = |more: &str| {
        format!(
            "{{\"event\":\"close\",{more}\"time\":\"2026-11-30T03:12:00.000001Z\",\"pid\":7,\"comm\":\"curl\",\"owner\":\"connect\",\
             \"laddr\":\"10.0.0.1\",\"lport\":1,\"raddr\":\"10.0.0.2\",\"rport\":443,\"tx_bytes\":2048,\"rx_bytes\":1024,\
             \"duration_us\":1500,\"reason\":\"local-fin\"}}\n"
        )
    };
    let later = header(1)
        + "{\"event\":\"dream\",\"time\":\"2026-11-30T03:11:30.000000Z\",\"of\":[{}]}\n"
        + &close("\"mood\":{\"a\":[1,2]},");
    fs::write(&plain, &later).expect("a file");
    let bytes = zstd::encode_all(later.as_bytes(), 3).expect("memory");
    fs::write(&packed, bytes).expect("a file");
    let today = folder.path().join("today.jsonl");
    fs::write(&today, close("")).expect("a file");
    let (expected, _) = replay(&today, &["-o", "csv", "-T"]);
    for file in [&plain, &packed] {
        let (rows, errors) = replay(file, &["-o", "csv", "-T"]);
        assert_eq!(rows, expected);
        let lines: Vec<&str> = errors.lines().collect();
        let skipped = [
            "tcplife: skipped 1 event of a kind that this version does not know",
            "tcplife: skipped 1 value with a key that this version does not know",
        ];
        assert_eq!(lines, skipped);
    }
    fs::write(&plain, header(2) + &close("")).expect("a file");
    let name = plain.to_str().expect("UTF-8");
    let ended = Running::start(&["-o", "text", "--replay", name]).wait();
    let expected = format!(
        "tcplife: cannot replay {name}: it was written by tcplife 9.1.0, and needs a reader of version 2; this tcplife reads up to 1\n"
    );
    assert_eq!((ended.status.code(), ended.errors), (Some(1), expected));
}

#[test]
fn findings_of_a_recording_are_those_of_its_time() {
    let out = Command::new(TCPLIFE)
        .args(["--demo", "--findings", "-o", "text"])
        .output()
        .expect("tcplife can be started");
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    assert_eq!(out.status.code(), Some(1), "{text}");
    assert!(text.contains("refuses connections"), "{text}");
}

#[test]
fn cut_to_a_directory_is_refused_before_there_is_one() {
    let folder = folder();
    let file = folder.path().join("a.jsonl");
    fs::write(
        &file,
        "{\"event\":\"close\",\"time\":\"2026-11-30T03:12:00Z\"}\n",
    )
    .expect("a file");
    let there = folder.path().join("there");
    let out = Command::new(TCPLIFE)
        .args(["-o", "none", "--replay"])
        .arg(&file)
        .arg("--record")
        .arg(format!("{}/", there.display()))
        .output()
        .expect("tcplife can be started");
    let errors = String::from_utf8(out.stderr).expect("UTF-8");
    assert_eq!(out.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("a part of a recording goes to a file"),
        "{errors}"
    );
    assert!(!there.exists());
}
