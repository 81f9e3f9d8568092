//! The command line: help, version, errors. Where the program cannot start, each missing requirement gets one clear line
//! and the right exit status, and the terminal is left alone.
#![expect(
    clippy::expect_used,
    reason = "a test that cannot go on should say so and fail"
)]

mod common {
    pub(crate) mod copies;
    pub(crate) mod kept;
    pub(crate) mod pty;
    pub(crate) mod requirements;
}
mod doctor;
mod generated;
mod packaging;
mod pipelines;

use std::process::{Command, Output, Stdio};

use ::toml::de::{DeTable, DeValue};
use clap::CommandFactory as _;
use common::copies::copy_for_everybody;
use common::pty::{self, Pty};
use common::requirements::{TCPLIFE, kernel_or_skip, tool_or_skip};

/// Runs a command until it exits, without a terminal.
fn run(argv: &[&str]) -> Output {
    Command::new(argv[0])
        .args(&argv[1..])
        .stdin(Stdio::null())
        .output()
        .expect("the program can be started")
}

fn tcplife(args: &[&str]) -> Output {
    run(&[&[TCPLIFE], args].concat())
}

/// Reads TOML; numbers and dates, which no test asks for, are null.
fn toml(text: &str) -> serde_json::Value {
    fn json(value: &DeValue) -> serde_json::Value {
        match value {
            DeValue::String(text) => text.as_ref().into(),
            DeValue::Boolean(value) => (*value).into(),
            DeValue::Array(values) => values.iter().map(|value| json(value.get_ref())).collect(),
            DeValue::Table(table) => {
                let pair = |(key, value): (&::toml::Spanned<_>, &::toml::Spanned<_>)| {
                    (
                        String::from(AsRef::<str>::as_ref(key.get_ref())),
                        json(value.get_ref()),
                    )
                };
                table.iter().map(pair).collect()
            }
            _ => serde_json::Value::Null,
        }
    }
    let table = DeTable::parse(text).expect("TOML").into_inner();
    json(&DeValue::Table(table))
}

/// Asserts the exit status, an empty stdout, and one line on stderr that contains these words.
fn assert_one_line(what: &str, run: &Output, status: i32, words: &[&str]) {
    let (out, err) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    assert_eq!(run.status.code(), Some(status), "{what}: {err}");
    assert_eq!(out, "", "{what}: on stdout");
    assert!(err.starts_with("tcplife: "), "{what}: {err}");
    assert!(
        err.ends_with('\n') && err.lines().count() == 1,
        "{what}: not one line: {err}"
    );
    for word in words {
        assert!(err.contains(word), "{what}: no `{word}` in: {err}");
    }
}

/// Asserts that it fails on a terminal too, with that line, and changes nothing else on the terminal.
fn assert_terminal_is_left_alone(what: &str, argv: &[&str], env: &[(&str, &str)], words: &[&str]) {
    let mut command = pty::command(argv);
    for (name, value) in env {
        command.env(name, value);
    }
    let mut pty = Pty::start(command, 24, 80);
    let status = pty.wait(|_| ());
    let text = pty.text();
    assert_eq!(status.exit_code(), 1, "{what}: {text}");
    assert!(!text.contains('\x1b'), "{what}: {text:?}");
    assert_eq!(text.matches('\n').count(), 1, "{what}: {text}");
    for word in words {
        assert!(text.contains(word), "{what}: no `{word}` in: {text}");
    }
    assert!(
        pty.is_as_before(),
        "{what}: the terminal's settings were changed"
    );
}

/// Asserts both: in a pipe as JSON, and as the dashboard on a terminal.
fn assert_does_not_start(what: &str, argv: &[&str], words: &[&str]) {
    assert_one_line(what, &run(&[argv, &["-o", "json"]].concat()), 1, words);
    assert_terminal_is_left_alone(what, argv, &[], words);
}

#[test]
fn flag_invalid_value_error_names_flag_value_and_accepted_values() {
    for (args, words) in [
        ("-p x", &["--pid", "'x'", "1 to 4194304"][..]),
        ("-p 0", &["--pid", "'0'", "1 to 4194304"]),
        ("-p 4194305", &["--pid", "'4194305'", "1 to 4194304"]),
        ("-L http", &["--localport", "'http'", "0 to 65535"]),
        ("-L 22,,80", &["--localport", "'22,,80'", "0 to 65535"]),
        ("-L 65536", &["--localport", "'65536'", "0 to 65535"]),
        ("-D 1-", &["--remoteport", "'1-'", "8000-8100"]),
        ("-D 9-8", &["--remoteport", "'9-8'", "is reversed"]),
        (
            "-o xml",
            &["--output", "'xml'", "dashboard, text, csv, json"],
        ),
        (
            "--duration x",
            &["--duration", "'x'", "10s, 1m30s or 500ms"],
        ),
        (
            "--duration=-1s",
            &["--duration", "'-1s'", "10s, 1m30s or 500ms"],
        ),
        (
            "--duration nan",
            &["--duration", "'nan'", "10s, 1m30s or 500ms"],
        ),
        ("--count x", &["--count", "'x'", "1 or more"]),
        ("--count 0", &["--count", "'0'", "1 or more"]),
        ("--interval 0.01", &["--interval", "'0.01'", "100ms to 1h"]),
        (
            "--snapshots 99ms",
            &["--snapshots", "'99ms'", "100ms or more"],
        ),
        (
            "--snapshots 1m -s",
            &["--snapshots has no effect with -o csv: it applies to json"],
        ),
        ("--keep many", &["--keep", "'many'", "0 or more"]),
        ("--keep -1", &["--keep", "'-1'", "0 or more"]),
        ("--count -1", &["--count", "'-1'", "1 or more"]),
        ("-p -1", &["--pid", "'-1'", "1 to 4194304"]),
        ("-L -80", &["--localport", "'-80'", "0 to 65535"]),
        (
            "--interval -1s",
            &["--interval", "'-1s'", "10s, 1m30s or 500ms"],
        ),
        (
            "--duration -1s",
            &["--duration", "'-1s'", "10s, 1m30s or 500ms"],
        ),
        ("--theme pink", &["--theme", "'pink'", "dark, light"]),
        (
            "--ring-size 2Gi",
            &["--ring-size", "'2Gi'", "a size up to 1Gi"],
        ),
        ("--ring-size M", &["--ring-size", "'M'", "a size up to 1Gi"]),
        (
            "--columns radr",
            &[
                "--columns",
                "unknown column `radr`",
                "did you mean `raddr`?",
            ],
        ),
        (
            "--columns comm,xyzzy",
            &["unknown column `xyzzy`", "`--columns help` lists them"],
        ),
        ("--columns comm,,rtt", &["--columns", "a column is missing"]),
        (
            "--columns port",
            &["`port` stands for two columns: `lport` and `rport`"],
        ),
        ("--columns rtt,srtt_us", &["`rtt` is listed twice"]),
        (
            "-o csv --columns comm,rate",
            &["`rate` is only known in the dashboard"],
        ),
        ("--open --duration 1s", &["--open", "--duration"]),
        (
            "--open -o dashboard",
            &["--open has no effect with -o dashboard"],
        ),
    ] {
        let args: Vec<&str> = args.split(' ').collect();
        let words = [words, &["--help"]].concat();
        assert_one_line(&format!("{args:?}"), &tcplife(&args), 2, &words);
    }
}

#[test]
fn ring_size_rounded_up_is_reported_on_stderr() {
    if !kernel_or_skip() {
        return;
    }
    for (size, said) in [
        (
            "100k",
            "tcplife: --ring-size 100k: rounded up to 128Ki, a power of two\n",
        ),
        ("128Ki", ""),
    ] {
        let run = tcplife(&["-o", "json", "--duration", "100ms", "--ring-size", size]);
        assert_eq!(String::from_utf8_lossy(&run.stderr), said);
        assert_eq!(run.status.code(), Some(0), "{size}");
    }
}

#[test]
fn flags_conflicting_unknown_or_incomplete_are_named_in_error() {
    for (args, words) in [
        ("-4 -6", &["--ipv4", "--ipv6"][..]),
        ("-s -o json", &["--csv", "--output"]),
        ("-o json -t", &["-t", "-o json"]),
        ("-o csv -w", &["-w", "-o csv"]),
        ("-o dashboard --count 1", &["--count", "-o dashboard"]),
        ("-o json --theme dark", &["--theme", "-o json"]),
        ("-o csv --config x.toml", &["--config", "-o csv"]),
        ("--colour", &["--colour"]),
        ("eth0", &["eth0"]),
        ("-p", &["--pid"]),
    ] {
        let args: Vec<&str> = args.split(' ').collect();
        assert_one_line(&format!("{args:?}"), &tcplife(&args), 2, words);
    }
}

#[test]
fn flag_value_not_utf8_fails_with_one_line() {
    use std::os::unix::ffi::OsStrExt;
    let run = Command::new(TCPLIFE)
        .arg("-L")
        .arg(std::ffi::OsStr::from_bytes(b"\xff22"))
        .stdin(Stdio::null())
        .output()
        .expect("tcplife can be started");
    assert_one_line("not UTF-8", &run, 2, &[]);
}

#[test]
fn usage_error_on_terminal_leaves_terminal_unchanged() {
    let mut pty = Pty::start(pty::command(&[TCPLIFE, "-L", "http"]), 24, 80);
    assert_eq!(pty.wait(|_| ()).exit_code(), 2);
    assert!(!pty.text().contains('\x1b'), "{:?}", pty.text());
    assert!(pty.is_as_before());
}

#[test]
fn help_requested_prints_every_flag_to_stdout() {
    let help = |asked: &str| {
        let run = tcplife(&[asked]);
        assert!(run.status.success() && run.stderr.is_empty(), "{asked}");
        String::from_utf8(run.stdout).expect("UTF-8")
    };
    assert_eq!(help("-h"), tcplife::testing::cli::help());
    let long = help("--help");
    let lines: Vec<&str> = long.lines().map(str::trim_start).collect();
    for argument in tcplife::testing::cli::Cli::command().get_arguments() {
        let flag = format!("--{}", argument.get_long().expect("a long flag"));
        let is_there = |line: &&str| {
            let mut words = line.split([' ', ',']);
            line.starts_with('-') && words.any(|w| w == flag)
        };
        assert!(lines.iter().any(is_there), "{flag}:\n{long}");
    }
}

#[test]
fn version_requested_prints_name_and_version_and_in_full_the_build() {
    let line = concat!("tcplife ", env!("CARGO_PKG_VERSION"), "\n");
    let run = tcplife(&["-V"]);
    assert!(run.status.success());
    assert_eq!(String::from_utf8_lossy(&run.stdout), line);
    let run = tcplife(&["--version"]);
    assert!(run.status.success());
    let text = String::from_utf8_lossy(&run.stdout);
    let facts: Vec<&str> = text.lines().filter_map(|l| l.split(": ").next()).collect();
    assert_eq!(
        facts,
        [line.trim_end(), "commit", "date", "target", "linked"]
    );
}

/// `tcplife --help | head -1` is no failure.
#[test]
fn help_into_closed_pipe_exits_successfully() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let run = Command::new(TCPLIFE)
        .arg("--help")
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .expect("tcplife can be started");
    assert!(run.status.success() && run.stderr.is_empty(), "{run:?}");
}

/// Nobody is left to read the error, but the exit status still reports it.
#[test]
fn stderr_closed_does_not_change_exit_status() {
    for (flag, status) in [("--nonsense", 2), ("--output=dashboard", 1)] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let ended = Command::new(TCPLIFE)
            .arg(flag)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(writer)
            .status()
            .expect("tcplife can be started");
        assert_eq!(ended.code(), Some(status), "{flag}");
    }
}

#[test]
fn dashboard_without_terminal_error_suggests_text_output() {
    assert_one_line(
        "-o dashboard",
        &tcplife(&["-o", "dashboard"]),
        1,
        &["terminal", "-o text"],
    );
}

#[test]
fn start_as_ordinary_user_error_names_required_privileges() {
    let words = ["root", "CAP_PERFMON", "CAP_BPF", "sudo", "setcap"];
    if !rustix::process::geteuid().is_root() {
        if !kernel_lets_us_in() {
            assert_does_not_start("as we are", &[TCPLIFE], &words);
        }
        return;
    }
    let nobody = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--inh-caps=-all",
    ];
    if !tool_or_skip(&[&nobody[..], &["true"]].concat()) {
        return;
    }
    let (dir, copy) = copy_for_everybody();
    assert_does_not_start("as nobody", &[&nobody[..], &[&copy]].concat(), &words);
    drop(dir);
}

#[test]
fn demo_as_ordinary_user_prints_rows_of_the_recorded_host_at_once() {
    let nobody = [
        "setpriv",
        "--reuid=65534",
        "--clear-groups",
        "--inh-caps=-all",
    ];
    let (dir, copy) = copy_for_everybody();
    let demo = [&copy, "--demo", "-o", "csv", "-f", "reason refused"];
    let argv = match rustix::process::geteuid().is_root() {
        true if !tool_or_skip(&[&nobody[..], &["true"]].concat()) => return,
        true => [&nobody[..], &demo].concat(),
        false => demo.to_vec(),
    };
    let run = run(&argv);
    drop(dir);
    let (rows, said) = [&run.stdout, &run.stderr]
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .into();
    assert!(run.status.success() && said.is_empty(), "{said}");
    let refused = |row: &&str| row.contains(",prometheus,") && row.contains(",9100,");
    assert!(rows.lines().filter(refused).count() > 10, "{rows}");
}

/// True if tcplife may capture here: as root, or as an ordinary user if the program has file capabilities.
fn kernel_lets_us_in() -> bool {
    tcplife(&["-o", "json", "--duration", "1ms"])
        .status
        .success()
}

#[test]
fn start_as_root_without_capabilities_error_names_missing_ones() {
    let all = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];
    let some = [
        "setpriv",
        "--bounding-set=-sys_admin,-bpf",
        "--inh-caps=-all",
    ];
    if !rustix::process::geteuid().is_root() {
        common::requirements::skip("only root has all capabilities to take away");
        return;
    }
    if !tool_or_skip(&[&all[..], &["true"]].concat()) {
        return;
    }
    assert_does_not_start(
        "no capability",
        &[&all[..], &[TCPLIFE]].concat(),
        &["CAP_PERFMON and CAP_BPF", "--cap-add=BPF"],
    );
    assert_does_not_start(
        "one is missing",
        &[&some[..], &[TCPLIFE]].concat(),
        &["the capability CAP_BPF,", "--cap-add=BPF"],
    );
}

#[test]
fn start_on_kernel_without_btf_error_names_kernel_option() {
    let without = "mount -t tmpfs none /sys/kernel/btf && exec \"$@\"";
    let argv = ["unshare", "-m", "sh", "-c", without, "sh"];
    if !tool_or_skip(&[&argv[..], &["true"]].concat()) {
        return;
    }
    assert_does_not_start(
        "no BTF",
        &[&argv[..], &[TCPLIFE]].concat(),
        &["/sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF"],
    );
}

/// A damaged file, and one that even root may not read.
#[test]
fn start_with_unreadable_btf_error_says_why() {
    let argv = |put: &str| {
        let script = format!("{put} && exec \"$@\"");
        ["unshare", "-m", "sh", "-c", &script, "sh"].map(str::to_owned)
    };
    let damaged = "mount -t tmpfs none /sys/kernel/btf && echo damaged > /sys/kernel/btf/vmlinux";
    let folder = "mount -t tmpfs none /sys/kernel/btf && mkdir /sys/kernel/btf/vmlinux";
    for (put, why) in [(damaged, "damaged"), (folder, "not a regular file")] {
        let argv = argv(put);
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        if !tool_or_skip(&[&argv[..], &["true"]].concat()) {
            return;
        }
        assert_does_not_start(
            why,
            &[&argv[..], &[TCPLIFE]].concat(),
            &["/sys/kernel/btf/vmlinux", why],
        );
    }
}

#[test]
fn start_in_user_namespace_error_names_it() {
    let argv = ["unshare", "-Ur"];
    if !tool_or_skip(&[&argv[..], &["true"]].concat()) {
        return;
    }
    assert_does_not_start(
        "root of a user namespace",
        &[&argv[..], &[TCPLIFE]].concat(),
        &["user namespace", "on the host"],
    );
}

#[test]
fn start_with_few_descriptors_error_names_the_limit() {
    if !kernel_or_skip() {
        return;
    }
    let limited = |limit| ["sh", "-c", limit, "sh", TCPLIFE];
    assert_does_not_start(
        "10 descriptors",
        &limited("ulimit -n 10; exec \"$@\""),
        &["limit is 10", "ulimit -n"],
    );
    // a soft limit is raised
    let args = ["-o", "json", "--duration", "1ms"];
    let soft = run(&[&limited("ulimit -Sn 10; exec \"$@\"")[..], &args].concat());
    assert!(soft.status.success(), "{soft:?}");
}

#[test]
fn start_without_threads_error_names_the_limits() {
    if !rustix::process::geteuid().is_root() || !kernel_or_skip() {
        return;
    }
    let (dir, copy) = copy_for_everybody();
    if tool_or_skip(&["setcap", "cap_bpf,cap_perfmon+ep", &copy]) {
        let nobody = [
            "setpriv",
            "--reuid=65533",
            "--regid=65533",
            "--clear-groups",
        ];
        let limited = ["prlimit", "--nproc=1", &copy];
        assert_does_not_start(
            "one thread",
            &[&nobody[..], &limited].concat(),
            &["cannot start the ", "ulimit -u", "pids.max"],
        );
    }
    drop(dir);
}

/// No stdout, and one without room, of rows and of texts.
#[test]
fn stdout_closed_or_full_fails_with_one_line() {
    let script = |redirected: &str| format!("exec \"$@\" {redirected}");
    let mut runs = vec!["--help", "--version", "--print-config"];
    if kernel_or_skip() {
        runs.extend([
            "-o text --duration 10ms",
            "-o csv --duration 10ms",
            "-o json --duration 10ms",
        ]);
    }
    for args in runs {
        for (redirected, why) in [(">&-", "it is closed"), (">/dev/full", "No space left")] {
            let script = script(redirected);
            let argv = [&["sh", "-c", &script, "sh", TCPLIFE][..]].concat();
            let argv: Vec<&str> = argv.into_iter().chain(args.split(' ')).collect();
            let words = ["cannot write to stdout", why];
            assert_one_line(&format!("{args} {redirected}"), &run(&argv), 1, &words);
        }
    }
}

/// A pipe that nobody writes, a device without end, and a text that is no zone.
#[test]
fn time_zone_that_is_none_is_reported_and_times_are_utc() {
    if !kernel_or_skip() {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    for tz in [pipe.to_str().expect("text"), "/dev/zero", "Nowhere/City"] {
        let run = |args: &[&str]| {
            let mut command = Command::new(TCPLIFE);
            command.args(args).env("TZ", tz).stdin(Stdio::null());
            command.output().expect("it starts")
        };
        let rows = run(&["-o", "text", "-T", "--duration", "10ms"]);
        let err = String::from_utf8_lossy(&rows.stderr);
        assert!(rows.status.success(), "{tz}: {err}");
        assert_eq!(
            err,
            format!("tcplife: TZ is no time zone: {tz}. Times are in UTC\n")
        );
        // without times nobody needs to know
        let rows = run(&["-o", "json", "--duration", "10ms"]);
        assert!(rows.status.success() && rows.stderr.is_empty(), "{rows:?}");
    }
}

/// As in an image without the files of the time zones.
#[test]
fn time_zone_utc_without_zone_files_is_no_error() {
    if !kernel_or_skip() {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    for tz in ["UTC", "Etc/UTC", "GMT", ""] {
        let mut command = Command::new(TCPLIFE);
        command.args(["-o", "text", "-T", "--duration", "10ms"]);
        command.env("TZ", tz).env("TZDIR", folder.path());
        let rows = command.stdin(Stdio::null()).output().expect("it starts");
        assert!(
            rows.status.success() && rows.stderr.is_empty(),
            "{tz}: {rows:?}"
        );
    }
}

#[test]
fn configuration_without_end_is_refused_and_a_pipe_is_read() {
    let started = |config: &str| {
        let script = format!("exec \"$0\" -o dashboard --config {config}");
        run(&["bash", "-c", &script, TCPLIFE])
    };
    for file in ["/dev/zero", "/dev/urandom"] {
        assert_one_line(file, &started(file), 2, &[file, "larger than"]);
    }
    if tool_or_skip(&["bash", "-c", "true"]) {
        let run = started("<(echo interval = 1)");
        assert_one_line("a pipe", &run, 2, &[":1:12: ", "interval"]);
    }
}

#[test]
fn start_on_old_kernel_error_names_required_version() {
    let argv = ["setarch", "--uname-2.6"];
    if !tool_or_skip(&[&argv[..], &["true"]].concat()) {
        return;
    }
    assert_does_not_start(
        "uname says 2.6",
        &[&argv[..], &[TCPLIFE]].concat(),
        &["Linux 2.6", "too old", "5.12"],
    );
}

#[test]
fn dashboard_on_terminal_without_cursor_control_leaves_it_unchanged() {
    if !kernel_or_skip() {
        return;
    }
    for (term, told) in [("dumb", "TERM is `dumb`."), ("", "TERM is not set.")] {
        assert_terminal_is_left_alone("TERM", &[TCPLIFE], &[("TERM", term)], &[told, "-o text"]);
    }
}

#[test]
fn filter_invalid_error_shows_position_and_suggestion() {
    let output = Command::new(TCPLIFE)
        .args(["-f", "port 80 443", "--duration", "1s"])
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "tcplife: invalid filter (-f):\n  port 80 443\n          ^^^\n  `443` is a number without a field; did you mean \
         `80,443`? Otherwise write `and 443` for a port or process id\n"
    );
}

#[test]
fn filter_that_can_match_no_session_is_usage_error() {
    const EACH_OTHER: &str = "the filter (-f) and the other flags contradict each other";
    for (args, why) in [
        (["-4", "-s", "-f", "ip 6"], EACH_OTHER),
        (["-p1", "-w", "-f", "pid 2"], EACH_OTHER),
        (["-L22", "-s", "-f", "lport 80"], EACH_OTHER),
        (
            ["-4", "-s", "-f", "pid 1 and pid 2"],
            "the filter (-f) contradicts itself",
        ),
    ] {
        let words = ["no session can match: ", why];
        assert_one_line(&format!("{args:?}"), &tcplife(&args), 2, &words);
    }
}

#[test]
fn columns_help_lists_every_column() {
    let run = tcplife(&["--columns", "help"]);
    assert!(run.status.success());
    let list = String::from_utf8(run.stdout).expect("text");
    for (word, heading, key) in [
        ("COLUMN", "TEXT", "CSV, JSON"),
        ("time", "TIME_UTC", "time"),
        ("rx", "RX_B", "rx_bytes"),
        ("rtt", "RTT_MS", "srtt_us"),
        ("state", "STATE", "state"),
        ("rate", "-", "-"),
    ] {
        let row = format!("{word:<13} {heading:<13} {key:<19} ");
        assert!(list.lines().any(|line| line.starts_with(&row)), "{list}");
    }
}

#[test]
fn filter_on_open_sessions_with_row_output_is_refused() {
    for filter in ["state established", "status established", "rate > 1"] {
        for output in ["text", "csv", "json"] {
            assert_one_line(
                filter,
                &tcplife(&["-o", output, "-f", filter]),
                2,
                &[
                    "no session can match",
                    &format!("-o {output}"),
                    "-o dashboard",
                ],
            );
        }
    }
}

#[test]
fn filter_on_closed_sessions_with_open_is_refused() {
    for filter in ["reason refused", "status \"peer closed\""] {
        let words = &["no session can match", "--open", "--duration 10"];
        assert_one_line(filter, &tcplife(&["--open", "-f", filter]), 2, words);
    }
    for filter in ["rate > 1", "rate 0", "port 443 or not txrate > 1"] {
        let words = &["has no rates", "--snapshots 2s -o json"];
        assert_one_line(filter, &tcplife(&["--open", "-f", filter]), 2, words);
    }
}

#[test]
fn filter_that_begins_with_a_hyphen_is_the_value_of_its_flag() {
    let words = &["no session can match", "--open"];
    let args = ["--open", "-f", "-process:postgres reason refused"];
    assert_one_line("-f", &tcplife(&args), 2, words);
}

#[test]
fn filter_on_no_session_at_all_is_refused_with_snapshots() {
    let words = &["no session can match", "open or closed"];
    let args = ["--snapshots", "1s", "-f", "state open reason refused"];
    assert_one_line("--snapshots", &tcplife(&args), 2, words);
}

/// An alias may have flags of the dashboard, and be used in a pipe.
#[test]
fn dashboard_flags_without_a_terminal_are_reported_and_ignored() {
    if !kernel_or_skip() {
        return;
    }
    let args = ["--config", "/nonexistent", "-i", "2s", "--duration", "1ms"];
    let run = tcplife(&args);
    let (out, err) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    assert_eq!(run.status.code(), Some(0), "{err}");
    assert!(out.starts_with("PID "), "{out}");
    let notice = "no effect without a terminal, where the output is text: --interval, --config";
    assert_eq!(err, format!("tcplife: {notice}\n"));
}

#[test]
fn filter_with_a_typo_says_how_it_was_read() {
    if !kernel_or_skip() {
        return;
    }
    let run = tcplife(&[
        "-o",
        "csv",
        "--duration",
        "1ms",
        "-f",
        "prot 443 and reason refusd",
    ]);
    let err = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(0), "{err}");
    assert_eq!(
        err,
        "tcplife: -f: read `prot 443 and reason refusd` as `port 443 and reason refused`\n"
    );
}

#[test]
fn filter_of_rows_says_what_time_and_program_cannot_match() {
    if !kernel_or_skip() {
        return;
    }
    let said = |filter| {
        let run = tcplife(&["-o", "csv", "--duration", "1ms", "-f", filter]);
        let err = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(0), "{err}");
        err
    };
    assert_eq!(
        said("comm no-such and ended < 1s"),
        "tcplife: -f: `ended` is 0 here, as a row is written when its session closes: `ended < 5m` matches all closed ones, \
         `ended > 5m` none\n"
    );
    assert_eq!(
        said("service:postgres and comm no-such"),
        "tcplife: no session of the port that `postgres` names; of a program of that name: `comm postgres`\n"
    );
    assert_eq!(
        said("process:\"no-such*\""),
        "tcplife: a text is compared as it is; as a pattern: `comm no-such*`\n"
    );
}

#[test]
fn columns_accept_headings_of_bcc_and_of_the_dashboard() {
    if !kernel_or_skip() {
        return;
    }
    let columns = "pid,COMM,tx_kb,RX_KB,ms,retr,srtt_us,AGE_MS";
    let run = tcplife(&["-o", "csv", "--duration", "1ms", "--columns", columns]);
    assert_one_line("twice", &run, 2, &["`duration` is listed twice"]);
    let columns = columns.trim_end_matches(",AGE_MS");
    let run = tcplife(&["-o", "csv", "--duration", "1ms", "--columns", columns]);
    let (out, err) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    let heading = "pid,comm,tx_bytes,rx_bytes,duration_us,retransmits,srtt_us";
    assert_eq!(out.lines().next(), Some(heading), "{err}");
}
