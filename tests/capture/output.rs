//! The rows of closed sessions, in every format.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json as object};

use crate::SOON;
use crate::bound_sockets::listen_for_flag;
use crate::common::kept::Kept;
use crate::common::loopback::{Pair, V4, listen, port, session};
use crate::common::requirements::{PATIENCE, kernel_or_skip, tool_or_skip};
use crate::common::running::{Running, json};
use crate::printed_rows::{CSV_HEADER, assert_has, captured, comm_of, me, ours_at};

/// `tcplife -o json --duration 5s` while curl fetches from `python3 -m http.server`.
#[test]
fn json_curl_fetch_prints_one_row_per_end() {
    if !kernel_or_skip()
        || !tool_or_skip(&["curl", "--version"])
        || !tool_or_skip(&["python3", "-c", "import http.server"])
    {
        return;
    }
    let dir = std::env::temp_dir().join(format!("tcplife-web-{}", me()));
    fs::create_dir_all(&dir).expect("a directory");
    fs::write(dir.join("file"), vec![b'x'; 123_456]).expect("room for a file");
    let server = Command::new("python3")
        .args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1"])
        .current_dir(&dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3 can be started");
    let mut server = Kept(server);
    let mut hello = String::new();
    BufReader::new(server.0.stdout.take().expect("a pipe"))
        .read_line(&mut hello)
        .expect("text");
    let web: u16 = hello
        .split_once(" port ")
        .and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok())
        .expect("the port that python3 says it listens on");
    let server_pid = server.0.id();

    let started = Instant::now();
    let mut tcplife = Running::json(&["--duration", "5s"], &listen(V4));
    for _ in 0..2 {
        let curl = Command::new("curl")
            .args(["-sS", "--noproxy", "*", "-o", "/dev/null", "-w"])
            .arg("%{local_port} %{size_request} %{size_header} %{size_download}")
            .arg(format!("http://127.0.0.1:{web}/file"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("curl can be started");
        let pid = curl.id();
        let said = curl.wait_with_output().expect("curl runs").stdout;
        let said = String::from_utf8(said).expect("text");
        let figures: Vec<u64> = said
            .split(' ')
            .map(|n| n.parse().expect("a number"))
            .collect();
        let [local, request, header, download] = figures[..] else {
            panic!("{said}");
        };
        assert_eq!(download, 123_456);

        let mut rows: Vec<Value> = Vec::new();
        while rows.len() < 2 {
            let row = json(&tcplife.line());
            if row["lport"] == local || row["rport"] == local {
                rows.push(row);
            }
        }
        rows.sort_by_key(|r| r["rport"] == local);
        for row in &rows {
            assert_has(
                row,
                &object!({
                    "event": "close", "preexisting": false,
                    "ip": 4, "laddr": "127.0.0.1", "raddr": "127.0.0.1",
                }),
            );
        }
        assert_has(
            &rows[0],
            &object!({
                "pid": pid, "comm": "curl", "lport": local, "rport": web, "direction": "out",
                "tx_bytes": request, "rx_bytes": header + download,
            }),
        );
        assert_has(
            &rows[1],
            &object!({
                "pid": server_pid, "comm": comm_of(server_pid), "lport": web, "rport": local, "direction": "in",
                "tx_bytes": header + download, "rx_bytes": request,
            }),
        );
    }
    let mut ended = tcplife.wait();
    assert!(started.elapsed() >= Duration::from_secs(5));
    assert_has(&ended.take_summary(), &object!({"missed": 0}));
    assert!(ended.rest.iter().all(|l| json(l)["event"] == "close"));

    fs::remove_dir_all(dir).expect("it is ours");
}

/// Every classic mode at once, into pipes, over the same two sessions.
#[test]
fn classic_modes_session_closes_prints_row_at_once() {
    if !kernel_or_skip() {
        return;
    }
    const PLAIN: &str =
        "PID   COMM       LADDR           LPORT RADDR           RPORT TX_KB RX_KB MS";
    let wide = format!(
        "PID   COMM             IP {:<39} LPORT {:<39} RPORT  TX_KB  RX_KB MS",
        "LADDR", "RADDR"
    );
    let (listener, only) = listen_for_flag();
    let lport = port(&listener);
    // flags, header, and the order of the time columns: t is seconds, T the time of day
    let modes = [
        (&[][..], PLAIN.to_owned(), ""),
        (&["-o", "text"], PLAIN.to_owned(), ""),
        (&["-w"], wide.clone(), ""),
        (&["-s"], CSV_HEADER.to_owned(), ""),
        (&["-o", "csv"], CSV_HEADER.to_owned(), ""),
        (&["-t"], format!("TIME(s)   {PLAIN}"), "t"),
        (&["-T"], format!("TIME     {PLAIN}"), "T"),
        (&["-Ttw"], format!("TIME     TIME(s)   {wide}"), "Tt"),
        (&["-stT"], format!("TIME,TIME(s),{CSV_HEADER}"), "Tt"),
    ];
    let mut running: Vec<Running> = modes
        .iter()
        .map(|(flags, header, _)| {
            let flags = [*flags, &["-L", &only]].concat();
            let (running, printed) = Running::with_header(&flags);
            assert_eq!(printed, *header, "{flags:?}");
            running
        })
        .collect();

    let (pid, comm, address) = (me(), comm_of(me()), "127.0.0.1");
    for nth in 0..2 {
        let before = SystemTime::now();
        let rport = session(&listener, V4, 5 * 1024, 12 * 1024 + 1023);
        let end = Instant::now();
        for (tcplife, (flags, header, kinds)) in running.iter_mut().zip(&modes) {
            let line = tcplife.line();
            assert!(end.elapsed() < SOON, "{flags:?}: after {:?}", end.elapsed());
            let columns = if header.ends_with(CSV_HEADER) {
                format!("{pid},{comm},4,{address},{lport},{address},{rport},12,5,")
            } else if header.ends_with(&wide) {
                format!(
                    "{pid:<5} {comm:<16.16} 4  {address:<39} {lport:<5} {address:<39} {rport:<5}     12      5 "
                )
            } else {
                format!(
                    "{pid:<5} {comm:<10.10} {address:<15} {lport:<5} {address:<15} {rport:<5}    12     5 "
                )
            };
            let (times, ms) = line
                .split_once(&columns)
                .unwrap_or_else(|| panic!("{flags:?}: no `{columns}` in `{line}`"));
            let (lasted, decimals) = decimal(ms);
            assert!(decimals == 2 && lasted > 0.0 && lasted < 1e4, "{line}");
            let times: Vec<&str> = times.split([' ', ',']).filter(|t| !t.is_empty()).collect();
            assert_eq!(times.len(), kinds.len(), "{line}");
            for (kind, time) in kinds.chars().zip(times) {
                if kind == 'T' {
                    let day = before.duration_since(UNIX_EPOCH).expect("after 1970");
                    let late = (seconds_of_day(time) + 86_400 - day.as_secs() % 86_400) % 86_400;
                    assert!(
                        late <= PATIENCE.as_secs(),
                        "{line}: {late} s after it began"
                    );
                } else {
                    let (since, decimals) = decimal(time);
                    assert_eq!((decimals, since > 0.0), (6, nth > 0), "{line}");
                }
            }
        }
    }
    for tcplife in running {
        let ended = tcplife.interrupt();
        ended.assert_well();
        assert!(ended.rest.is_empty(), "{:?}", ended.rest);
    }
}

/// Parses a number, and counts its decimals.
fn decimal(text: &str) -> (f64, usize) {
    let (_, decimals) = text.split_once('.').expect("a decimal point");
    (text.parse().expect("a number"), decimals.len())
}

fn seconds_of_day(time: &str) -> u64 {
    let parts: Vec<u64> = time.split(':').map(|n| n.parse().expect(time)).collect();
    assert!(time.len() == 8 && parts.len() == 3, "{time}");
    parts[0] * 3600 + parts[1] * 60 + parts[2]
}

#[test]
fn output_either_side_closing_first_prints_each_end_once() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let lport = port(&listener);
    let (rows, expected) = captured(&["-4"], || {
        let mut ends = Vec::new();
        for nth in 0..20 {
            let mut pair = Pair::open(&listener, V4);
            let client = pair.client_port();
            pair.exchange(nth, nth);
            if nth % 2 == 0 {
                pair.close();
            } else {
                Pair {
                    client: pair.server,
                    server: pair.client,
                }
                .close();
            }
            ends.extend([(lport, client), (client, lport)]);
        }
        ends
    });
    assert_eq!(ours_at(&rows, &[lport]), expected);
}

/// A process chooses its own name, and may choose one that a spreadsheet would run.
#[test]
fn rows_of_process_with_hostile_name_are_harmless_unless_exact() {
    if !kernel_or_skip() || !tool_or_skip(&["bash", "-c", "true"]) {
        return;
    }
    let listener = listen(V4);
    let only = port(&listener).to_string();
    let modes: [(&[&str], &str); 4] = [
        (&[], "=1␣+␣1"),
        (&["--exact-names", "-w"], "=1 + 1"),
        (&["-s"], "'=1 + 1"),
        (&["-s", "--exact-names"], "=1 + 1"),
    ];
    let running: Vec<Running> = modes
        .iter()
        .map(|(flags, _)| Running::with_header(&[&["-D", only.as_str()], *flags].concat()).0)
        .collect();
    let script = format!("echo -n '=1 + 1' > /proc/$$/comm && exec 3<>/dev/tcp/127.0.0.1/{only}");
    let mut client = Command::new("bash")
        .args(["-c", &script])
        .spawn()
        .expect("bash can be started");
    drop(listener.accept().expect("bash connects"));
    client.wait().expect("bash exits");
    for (mut tcplife, (flags, name)) in running.into_iter().zip(modes) {
        let row = tcplife.line();
        let (pid, rest) = row.split_once([' ', ',']).expect("columns");
        assert_eq!(pid, client.id().to_string(), "{row}");
        let rest = rest.trim_start();
        assert!(rest.starts_with(name), "{flags:?}: {row}");
        if flags.is_empty() {
            assert_eq!(row.split_whitespace().count(), 9, "{row}");
        }
        tcplife.interrupt().assert_well();
    }
}
