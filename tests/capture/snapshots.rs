//! `--snapshots`: events of sessions while they live.

use std::collections::HashMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json as object};

use crate::bound_sockets::listen_for_flag;
use crate::common::loopback::{Pair, V4, session};
use crate::common::requirements::{kernel_or_skip, tool_or_skip};
use crate::common::running::{Running, json};
use crate::printed_rows::assert_has;

/// The sessions as a reader of the events knows them.
#[derive(Default)]
struct Reader {
    open: HashMap<u64, Value>,
    closed: Vec<Value>,
    /// All lines.
    lines: Vec<String>,
}

impl Reader {
    fn take(&mut self, line: String) -> Value {
        let event = json(&line);
        self.lines.push(line);
        let cookie = event["cookie"].as_u64().unwrap_or_default();
        match event["event"].as_str() {
            Some("open") => assert_eq!(self.open.insert(cookie, event.clone()), None, "{event}"),
            Some("update") => {
                let known = self.open.get_mut(&cookie).expect("an open session");
                let known = known.as_object_mut().expect("an object");
                known.extend(event.as_object().expect("an object").clone());
            }
            Some("close") => {
                self.open.remove(&cookie);
                self.closed.push(event.clone());
            }
            Some("gone") => assert!(self.open.remove(&cookie).is_some(), "{event}"),
            _ => {}
        }
        event
    }

    /// Takes events up to a wanted one.
    fn until(&mut self, running: &mut Running, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for line in running.lines_until(|line| wanted(&json(line))) {
            last = self.take(line);
        }
        last
    }

    /// Takes what comes until the end of the run, and returns the summary.
    fn end(&mut self, running: Running) -> Value {
        let ended = running.interrupt();
        assert!(ended.status.success(), "{}", ended.errors);
        let mut last = Value::Null;
        for line in ended.rest {
            last = self.take(line);
        }
        assert_eq!(last["event"], "summary");
        last
    }

    /// Bytes of all sessions, in each direction: sent and received.
    fn bytes(&self) -> (u64, u64) {
        let all = || self.open.values().chain(&self.closed);
        let sum = |key: &str| all().map(|s| s[key].as_u64().expect("bytes")).sum();
        (sum("tx_bytes"), sum("rx_bytes"))
    }
}

/// Starts tcplife when that session is open already, and waits until it is announced.
fn started(flags: &[&str], before: &Pair) -> (Running, Reader) {
    let mut running = Running::start(flags);
    let mut reader = Reader::default();
    let client = before.client_port();
    let announced = reader.until(&mut running, |e| e["rport"] == client);
    assert_has(
        &announced,
        &object!({"event": "open", "preexisting": true, "reason": null}),
    );
    (running, reader)
}

/// A listener, its port as a flag has it, and a session that was used.
fn used_session(there: usize, back: usize) -> (TcpListener, String, Pair) {
    let (listener, lport) = listen_for_flag();
    let mut pair = Pair::open(&listener, V4);
    pair.exchange(there, back);
    (listener, lport, pair)
}

#[test]
fn snapshots_count_sessions_while_they_live() {
    if !kernel_or_skip() {
        return;
    }
    let (listener, lport, mut before) = used_session(1000, 100);
    let flags = ["--snapshots", "200ms", "-L", &lport];
    let (mut tcplife, mut reader) = started(&flags, &before);
    assert_eq!(reader.bytes(), (100, 1000));

    // a session that lives for several snapshots
    let mut live = Pair::open(&listener, V4);
    let client = live.client_port();
    live.exchange(5000, 50);
    let announced = reader.until(&mut tcplife, |e| e["rport"] == client);
    assert_has(
        &announced,
        &object!({"event": "open", "preexisting": false}),
    );
    let cookie = &announced["cookie"];
    // the first snapshot may have come before all bytes had
    let mut received = 5000;
    for more in [7, 700, 70_000] {
        live.exchange(more, 1);
        received += more;
        let is_update = |e: &Value| e["event"] == "update" && e["cookie"] == *cookie;
        let update = reader.until(&mut tcplife, |e| is_update(e) && e["rx_bytes"] == received);
        let keys = [
            "laddr",
            "lport",
            "comm",
            "pid",
            "reason",
            "preexisting",
            "mss",
        ];
        assert!(keys.iter().all(|key| update.get(key).is_none()), "{update}");
    }
    before.exchange(11, 1);
    session(&listener, V4, 2000, 20);
    live.close();
    let close = reader.until(&mut tcplife, |e| {
        e["event"] == "close" && e["cookie"] == *cookie
    });
    assert_has(
        &close,
        &object!({"rx_bytes": 75_707, "tx_bytes": 53, "reason": "remote-fin", "rport": client}),
    );
    assert_eq!(
        close.as_object().map(|c| c.len()),
        announced.as_object().map(|a| a.len())
    );

    // the last snapshot is that at the end
    let summary = reader.end(tcplife);
    assert_has(&summary, &object!({"sessions": 2, "missed": 0}));
    assert_eq!(reader.bytes(), (101 + 53 + 20, 1011 + 75_707 + 2000));
    let open: Vec<_> = reader.open.values().map(|s| s["rport"].clone()).collect();
    assert_eq!(open, [before.client_port()]);
}

#[test]
fn snapshots_session_between_two_has_only_its_close() {
    if !kernel_or_skip() {
        return;
    }
    let (listener, lport, mut before) = used_session(1, 1);
    let (mut tcplife, mut reader) = started(&["--snapshots", "1h", "-L", &lport], &before);
    let client = session(&listener, V4, 30, 3);
    let event = reader.until(&mut tcplife, |e| e["rport"] == client);
    assert_has(&event, &object!({"event": "close", "rx_bytes": 30}));
    before.exchange(9, 0);
    assert_has(&reader.end(tcplife), &object!({"sessions": 1}));
    assert_eq!(reader.bytes(), (1 + 3, 10 + 30));
    let events: Vec<_> = reader
        .lines
        .iter()
        .map(|line| json(line)["event"].clone())
        .collect();
    assert_eq!(events, ["open", "close", "update", "summary"]);
}

#[test]
fn snapshots_session_that_begins_and_ceases_to_match_is_announced_and_gone() {
    if !kernel_or_skip() {
        return;
    }
    let (_listener, lport, mut pair) = used_session(10, 0);
    let client = pair.client_port();
    let filter = format!("lport {lport} rx >= 1000 state established");
    let mut tcplife = Running::start(&["--snapshots", "100ms", "-f", &filter]);
    let mut reader = Reader::default();
    pair.exchange(990, 0);
    let open = reader.until(&mut tcplife, |e| e["rport"] == client);
    assert_has(&open, &object!({"event": "open", "rx_bytes": 1000}));
    let Pair { client, server } = pair;
    drop(client);
    let gone = reader.until(&mut tcplife, |e| e["event"] == "gone");
    let expected = object!({"event": "gone", "time": gone["time"], "cookie": open["cookie"], "cause": "filter"});
    assert_eq!(gone, expected);
    drop(server);
    assert_has(&reader.end(tcplife), &object!({"sessions": 0}));
    assert!(reader.open.is_empty() && reader.closed.is_empty());
}

#[test]
fn snapshots_with_findings_and_columns_have_both_kinds_of_events() {
    if !kernel_or_skip() {
        return;
    }
    let (_listener, lport, mut pair) = used_session(10, 0);
    let columns = "event,cookie,rport,rx_bytes";
    let flags = [
        "--snapshots",
        "1500ms",
        "--findings",
        "--columns",
        columns,
        "-f",
    ];
    let filter = format!("lport {lport}");
    let mut tcplife = Running::start(&[&flags[..], &[&filter]].concat());
    let client = pair.client_port();
    let open = json(&tcplife.line());
    let cookie = &open["cookie"];
    assert_eq!(
        open,
        object!({"event": "open", "cookie": cookie, "rport": client, "rx_bytes": 10})
    );
    pair.exchange(5, 0);
    let update = json(&tcplife.line());
    let expected =
        object!({"event": "update", "time": update["time"], "cookie": cookie, "rx_bytes": 15});
    assert_eq!(update, expected);
    pair.close();
    let close = json(&tcplife.line());
    assert_eq!(
        close,
        object!({"event": "close", "cookie": cookie, "rport": client, "rx_bytes": 15})
    );
    let ended = tcplife.interrupt();
    assert!(ended.status.success(), "{}", ended.errors);
}

/// The command in the document, as it stands there.
#[test]
fn docs_jq_command_sums_the_bytes_of_open_and_closed_sessions() {
    if !kernel_or_skip() || !tool_or_skip(&["jq", "--version"]) {
        return;
    }
    let (listener, lport, mut before) = used_session(1000, 100);
    let (mut tcplife, mut reader) = started(&["--snapshots", "100ms", "-L", &lport], &before);
    let client = session(&listener, V4, 2000, 20);
    reader.until(&mut tcplife, |e| {
        e["rport"] == client && e["event"] == "close"
    });
    before.exchange(30, 3);
    reader.end(tcplife);

    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lines.md");
    let document = std::fs::read_to_string(document).expect("the document");
    let (_, from) = document
        .split_once("<!-- bytes-by-jq: begin -->\n```sh\n")
        .expect("a command");
    let (command, _) = from
        .split_once("```\n<!-- bytes-by-jq: end -->")
        .expect("its end");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(
        folder.path().join("sessions.jsonl"),
        reader.lines.join("\n"),
    )
    .expect("a file");
    let printed = |command: &str| {
        let mut sh = Command::new("sh");
        sh.args(["-c", command]).current_dir(folder.path());
        let output = sh.output().expect("sh runs");
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        json(&text)
    };
    assert_eq!(
        printed(command),
        object!({"closed": 2020, "open": 1133, "all": 3153})
    );
    // at the time of the first line there was no other
    let first = json(&reader.lines[0])["time"]
        .as_str()
        .expect("a time")
        .to_owned();
    let then = command.replace("\"$(date -u +%FT%TZ)\"", &first);
    assert_eq!(
        printed(&then),
        object!({"closed": 0, "open": 1100, "all": 1100})
    );
}
