//! `--doctor`: with all rights, without, in a user namespace, on a kernel that lacks something, and beside another program
//! of the same name.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use crate::common::copies::copy_for_everybody;
use crate::common::requirements::{TCPLIFE, kernel_or_skip, tool_or_skip};
use crate::run;

/// Returns the row of a check, with the lines that belong to it.
fn row<'a>(report: &'a str, name: &str) -> Vec<&'a str> {
    let starts = |line: &&str| line.get(9..).is_some_and(|l| l.starts_with(name));
    let mut lines = report.lines().skip_while(|line| !starts(line));
    let first = lines
        .next()
        .unwrap_or_else(|| panic!("no row {name}:\n{report}"));
    let more = lines.take_while(|line| line.starts_with("    "));
    [first].into_iter().chain(more).collect()
}

/// Asserts the exit status, and that the row says so.
fn assert_row(run: &Output, status: i32, name: &str, outcome: &str, words: &[&str]) {
    let report = String::from_utf8_lossy(&run.stdout);
    let errors = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(status), "{report}{errors}");
    let row = row(&report, name).join("\n");
    assert!(row.starts_with(outcome), "not {outcome}: {row}");
    for word in words {
        assert!(row.contains(word), "no `{word}` in: {row}");
    }
}

#[test]
fn doctor_with_all_rights_measures_a_session_and_exits_with_0() {
    if !kernel_or_skip() {
        return;
    }
    let run = run(&[TCPLIFE, "--doctor"]);
    assert_row(&run, 0, "programs", "ok", &["loaded and attached in"]);
    // some kernels permit no iterators over maps
    let report = String::from_utf8_lossy(&run.stdout);
    let is_limited = row(&report, "open session")[0].starts_with("limited");
    let (outcome, remark) = match is_limited {
        true => ("limited", "the kernel refuses iterators over maps"),
        false => ("ok", "in a snapshot after"),
    };
    assert_row(&run, 0, "open session", outcome, &[remark]);
    let pid = "1234 bytes out, 4321 in, local-fin, pid";
    assert_row(&run, 0, "closed session", "ok", &[pid]);
    let text = String::from_utf8_lossy(&run.stdout);
    let verdict = text.lines().last().expect("a line");
    assert!(verdict.starts_with("tcplife works on this host"), "{text}");
}

#[test]
fn doctor_json_has_an_object_for_each_check_and_a_summary() {
    let run = run(&[TCPLIFE, "--doctor", "-o", "json"]);
    let text = String::from_utf8_lossy(&run.stdout);
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let (summary, checks) = lines.split_last().expect("lines");
    assert!(checks.iter().all(|check| check["event"] == "check"));
    let failed = checks.iter().any(|check| check["outcome"] == "failed");
    assert_eq!(summary["ok"], !failed, "{text}");
    assert_eq!(run.status.code(), Some(i32::from(failed)), "{text}");
}

#[test]
fn doctor_as_ordinary_user_says_what_is_missing_and_exits_with_1() {
    let nobody = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    let (_folder, copy) = copy_for_everybody();
    if !tool_or_skip(&[&nobody[..], &[&copy, "-V"]].concat()) {
        return;
    }
    let run = run(&[&nobody[..], &[&copy, "--doctor"]].concat());
    let command = "$ sudo tcplife --doctor";
    assert_row(&run, 1, "rights", "failed", &["without CAP_BPF", command]);
    assert_row(&run, 1, "programs", "failed", &["not attached"]);
    assert_row(&run, 1, "closed session", "failed", &["not tried"]);
}

#[test]
fn doctor_in_a_user_namespace_says_so() {
    if !tool_or_skip(&["unshare", "-Ur", "true"]) {
        return;
    }
    let run = run(&["unshare", "-Ur", TCPLIFE, "--doctor"]);
    let words = ["another than the host's", "Run tcplife outside of it"];
    assert_row(&run, 1, "user namespace", "failed", &words);
}

#[test]
fn doctor_without_type_information_names_the_kernel_option() {
    if !tool_or_skip(&["unshare", "-m", "true"]) {
        return;
    }
    let hidden = "mount -t tmpfs none /sys/kernel/btf && exec \"$0\" --doctor";
    let run = run(&["unshare", "-m", "sh", "-c", hidden, TCPLIFE]);
    assert_row(&run, 1, "types", "failed", &["CONFIG_DEBUG_INFO_BTF"]);
}

#[test]
fn doctor_without_loopback_interface_says_how_to_start_it() {
    if !kernel_or_skip() || !tool_or_skip(&["unshare", "-n", "true"]) {
        return;
    }
    let run = run(&["unshare", "-n", TCPLIFE, "--doctor"]);
    let words = ["cannot make a session", "$ ip link set lo up"];
    assert_row(&run, 1, "closed session", "failed", &words);
}

#[test]
fn doctor_names_another_tcplife_that_comes_first_and_a_wrong_configuration() {
    let folder = tempfile::tempdir().expect("a directory");
    let [other, own] = ["other", "own"].map(|name| folder.path().join(name));
    for folder in [&other, &own] {
        fs::create_dir(folder).expect("a directory");
    }
    let program = other.join("tcplife");
    fs::write(&program, "#!/bin/sh\n").expect("a file");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
    std::os::unix::fs::symlink(TCPLIFE, own.join("tcplife")).expect("a link");
    let config = folder.path().join("config.toml");
    fs::write(&config, "interval = \"soon\"\n").expect("a file");
    let run = Command::new(TCPLIFE)
        .arg("--doctor")
        .arg("--config")
        .arg(&config)
        .env(
            "PATH",
            std::env::join_paths([&other, &own]).expect("a list"),
        )
        .stdin(Stdio::null())
        .output()
        .expect("the program can be started");
    let status = run.status.code().expect("a status");
    let first = format!("{} comes first", program.display());
    assert_row(&run, status, "PATH", "limited", &[&first]);
    assert_row(
        &run,
        status,
        "configuration",
        "limited",
        &["interval", "$ tcplife --print-config"],
    );
}
