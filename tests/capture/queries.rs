//! The questions of docs/recordings.md: each tool gives the true answer about one recording.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::common::requirements::{TCPLIFE, tool_or_skip};
use crate::sharing::{run, text};

/// `clickhouse local` where only its Python module is installed.
const CLICKHOUSE: &str = "#!/usr/bin/env python3
import sys, chdb
assert sys.argv[1:3] == ['local', '-q']
sys.stdout.write(str(chdb.query(sys.argv[3])))
";

/// The first cookie, above 2^53: as floating-point numbers, it and its neighbors are the same.
const COOKIES: u64 = (1 << 60) + 1;

/// 2026-11-30 03:12:05 UTC, in seconds since 1970.
const INSTANT: i64 = 1_796_008_325;

/// A session, from which both the recording and the answers are made.
struct Life {
    cookie: u64,
    comm: &'static str,
    raddr: String,
    rport: u16,
    lport: u16,
    outgoing: bool,
    refused: bool,
    unit: Option<&'static str>,
    bytes: (u64, u64),
    retransmits: u64,
    connect_us: u64,
    resp_max_us: Option<u64>,
    /// Seconds since 1970. A session of no duration has no `open` in the recording.
    open_s: i64,
    close_s: i64,
}

/// Sessions of a day and a half. Some last for hours, among them neighbors of which one was open at the instant.
fn lives() -> Vec<Life> {
    let lives = (0..600_u64).map(|i| {
        let open_s = INSTANT - 18 * 3600 + i as i64 * 211;
        let refused = i % 17 == 3;
        let lasts = [0, 0, 0, 40, 9000, 300][(i % 6) as usize];
        Life {
            cookie: COOKIES + i,
            comm: ["curl", "nginx", "billing", "cron"][(i % 4) as usize],
            raddr: format!("10.0.{}.{}", i % 3, 1 + i % 7),
            rport: [443, 5432][(i % 2) as usize],
            lport: 20_000 + i as u16,
            outgoing: i % 5 != 0,
            refused,
            unit: [Some("web.service"), None, Some("cron.service")][(i % 3) as usize],
            bytes: (i * 1000 + 7, i * i),
            retransmits: i * 7919 % 13,
            connect_us: 100 + i * 7919 % 1009,
            resp_max_us: (i % 4 != 1 && !refused).then_some(1000 + i * 104_729 % 5003),
            open_s,
            close_s: open_s + if refused { 0 } else { lasts },
        }
    });
    lives.collect()
}

impl Life {
    /// Its line at a time in seconds since 1970.
    fn line(&self, event: &str, at_s: i64) -> Value {
        let group = self.unit.map(|unit| format!("/system.slice/{unit}"));
        let reason = if self.refused { "refused" } else { "local-fin" };
        let before = if self.refused {
            "syn-sent"
        } else {
            "established"
        };
        let direction = if self.outgoing { "out" } else { "in" };
        let mut line = json!({
            "event": event, "time": wall(at_s), "pid": 7, "comm": self.comm, "uid": 0, "owner": "connect",
            "laddr": "10.9.9.9", "lport": self.lport, "raddr": self.raddr, "rport": self.rport,
            "direction": direction, "tx_bytes": self.bytes.0, "rx_bytes": self.bytes.1,
            "duration_us": (at_s - self.open_s) * 1_000_000 + 5000, "preexisting": false,
            "connect_us": self.connect_us, "state_before_close": before, "turns": 3,
            "resp_mean_us": self.resp_max_us, "resp_max_us": self.resp_max_us,
            "retransmits": self.retransmits, "cookie": self.cookie, "cgroup": group,
        });
        if event == "close" {
            line["reason"] = reason.into();
        }
        line
    }
}

/// A time in the notation of `-o json`.
fn wall(at_s: i64) -> String {
    let time = jiff::Timestamp::from_second(at_s).expect("a time");
    format!("{time:.6}")
}

/// Writes the sessions as a recording.
fn record(lives: &[Life], folder: &Path) {
    let mut lines = Vec::new();
    for life in lives {
        if life.close_s > life.open_s {
            lines.push((life.open_s, life.line("open", life.open_s)));
            // the open sessions are complete up to here
            let (time, boot_ns) = (wall(life.open_s), life.open_s * 1_000_000_000);
            let steps = [[0, 0]];
            let clock = json!({"event": "clock", "time": time, "snapshot": true, "boot_ns": boot_ns, "steps": steps});
            lines.push((life.open_s, clock));
        }
        lines.push((life.close_s, life.line("close", life.close_s)));
    }
    lines.sort_by_key(|(at_s, _)| *at_s);
    let lines: String = lines.iter().map(|(_, line)| format!("{line}\n")).collect();
    let (plain, packed) = (folder.join("a.jsonl"), folder.join("today.jsonl.zst"));
    fs::write(&plain, lines).expect("a file");
    let out = run(&["--replay", text(&plain), "--record", text(&packed)]);
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(errors.contains("recorded 600 closed sessions"), "{errors}");
}

/// Groups sessions by a key.
fn by<K: Ord>(lives: &[Life], key: impl Fn(&Life) -> K) -> BTreeMap<K, Vec<&Life>> {
    let mut groups = BTreeMap::new();
    for life in lives {
        let group: &mut Vec<_> = groups.entry(key(life)).or_default();
        group.push(life);
    }
    groups
}

/// The smallest value that 99 % of them do not exceed.
fn p99(values: impl Iterator<Item = u64>) -> Option<u64> {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    let rank = (values.len() * 99).div_ceil(100);
    values.get(rank.checked_sub(1)?).copied()
}

/// The true answers, in the order of the questions.
fn answers(lives: &[Life]) -> Vec<Vec<Value>> {
    let prefix = |life: &Life, length| wall(life.close_s)[..length].to_owned();
    let groups = by(lives, |life| (prefix(life, 13), life.raddr.clone()));
    let mut peers: Vec<_> = groups
        .into_iter()
        .map(|((hour, raddr), group)| {
            (
                hour,
                std::cmp::Reverse(group.iter().map(|l| l.retransmits).sum::<u64>()),
                raddr,
            )
        })
        .collect();
    peers.sort();
    let peers = peers.into_iter().map(|(hour, retransmits, raddr)| {
        json!({"hour": hour, "raddr": raddr, "retransmits": retransmits.0})
    });

    let groups = by(lives, |life| (life.raddr.clone(), life.rport));
    let slow = groups.into_iter().filter_map(|((raddr, rport), group)| {
        let out: Vec<_> = group.iter().filter(|life| life.outgoing).collect();
        let connect = p99(out.iter().map(|life| life.connect_us))?;
        let response = p99(out.iter().filter_map(|life| life.resp_max_us));
        Some(
            json!({"raddr": raddr, "rport": rport, "connect_us": connect, "resp_max_us": response}),
        )
    });

    let groups = by(lives, |life| (life.comm, life.raddr.clone(), life.rport));
    let refused = groups
        .into_iter()
        .filter_map(|((comm, raddr, rport), group)| {
            let times = group.iter().filter(|life| life.refused).count();
            (times > 0)
                .then(|| json!({"comm": comm, "raddr": raddr, "rport": rport, "times": times}))
        });

    let is_open = |life: &&Life| life.open_s < INSTANT && life.close_s > INSTANT;
    let mut open: Vec<_> = lives.iter().filter(is_open).collect();
    open.sort_by_key(|life| (life.comm, &life.raddr, life.rport, life.lport));
    let open = open.into_iter().map(|life| {
        json!({"comm": life.comm, "raddr": life.raddr, "rport": life.rport, "lport": life.lport})
    });

    let groups = by(lives, |life| (prefix(life, 10), life.unit));
    let days = groups.into_iter().map(|((day, unit), group)| {
        let bytes: u64 = group.iter().map(|life| life.bytes.0 + life.bytes.1).sum();
        json!({"day": day, "unit": unit, "bytes": bytes})
    });
    vec![
        peers.collect(),
        slow.collect(),
        refused.collect(),
        open.collect(),
        days.collect(),
    ]
}

/// Runs the commands of a tool as they stand in the document, the `nth` of each question. `probe` shows that it is here.
fn assert_answers(nth: usize, probe: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let program = Path::new(TCPLIFE).parent().expect("a folder");
    // where `scripts/setup.sh test` installs what no distribution has
    let installed = program.with_file_name("query-tools").join("bin");
    let path = std::env::var("PATH").unwrap_or_default();
    let path = [text(&installed), text(program), &path, text(folder.path())].join(":");
    let shim = folder.path().join("clickhouse");
    fs::write(&shim, CLICKHOUSE).expect("a file");
    fs::set_permissions(&shim, fs::Permissions::from_mode(0o755)).expect("it is there");
    if !tool_or_skip(&[&["env", &format!("PATH={path}")], probe].concat()) {
        return;
    }
    let lives = lives();
    record(&lives, folder.path());
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recordings.md");
    let document = fs::read_to_string(document).expect("the document");
    let (_, from) = document
        .split_once("<!-- queries: begin -->")
        .expect("queries");
    let (queries, _) = from.split_once("<!-- queries: end -->").expect("their end");
    let questions: Vec<&str> = queries.split("### ").skip(1).collect();
    let answers = answers(&lives);
    assert_eq!(questions.len(), answers.len());
    for (question, answer) in questions.iter().zip(&answers) {
        let commands: Vec<&str> = question.split("```sh\n").skip(1).collect();
        assert_eq!(commands.len(), 4, "{question}");
        let command = commands[nth].split("```").next().expect("a command");
        assert!(command.contains(probe[0]), "{command}");
        let mut sh = Command::new("sh");
        sh.args(["-c", command]).current_dir(folder.path());
        let out = sh.env("PATH", &path).env("TZ", "UTC").output();
        let out = out.expect("sh runs");
        let errors = String::from_utf8_lossy(&out.stderr);
        let printed = String::from_utf8_lossy(&out.stdout);
        let rows: Result<Vec<Value>, _> = printed.lines().map(serde_json::from_str).collect();
        let rows = rows.unwrap_or_else(|_| panic!("{command}: {printed}{errors}"));
        let wrong = rows.iter().zip(answer).find(|(row, right)| row != right);
        assert_eq!(wrong, None, "{command}: {errors}");
        assert_eq!(rows.len(), answer.len(), "{command}: {errors}");
        assert!(answer.len() > 1, "{question}");
    }
}

#[test]
fn docs_queries_in_jq_answer_their_questions() {
    assert_answers(0, &["jq", "--version"]);
}

#[test]
fn docs_queries_in_duckdb_answer_their_questions() {
    assert_answers(1, &["duckdb", "--version"]);
}

#[test]
fn docs_queries_in_polars_answer_their_questions() {
    assert_answers(2, &["python3", "-c", "import polars"]);
}

#[test]
fn docs_queries_in_clickhouse_answer_their_questions() {
    assert_answers(3, &["clickhouse", "local", "-q", "SELECT 1"]);
}
