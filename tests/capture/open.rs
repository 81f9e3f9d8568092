//! `--open`: the sessions that are open now, and `--columns`: the columns of rows.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json as object;

use crate::bound_sockets::listen_for_flag;
use crate::common::loopback::{Pair, V4, V6, listen, port, session, v6_or_skip};
use crate::common::requirements::{TCPLIFE, kernel_or_skip, tool_or_skip};
use crate::common::running::{Running, json};
use crate::printed_rows::{Ports, assert_has, comm_of, me, sorted};

/// Runs tcplife until it exits by itself, with success. Returns the lines that it prints.
fn lines(flags: &[&str]) -> Vec<String> {
    let ended = Running::start(flags).wait();
    assert!(ended.status.success(), "{flags:?}: {}", ended.errors);
    assert_complete(&ended.errors);
    ended.rest
}

/// Asserts that stderr is empty, but for a notice where the kernel does not find every open session.
fn assert_complete(errors: &str) {
    let mut lines = errors
        .lines()
        .filter(|line| !line.contains("BPF map iterators"));
    assert_eq!(lines.next(), None, "{errors}");
}

/// Ports of each row whose columns are those.
fn ports(rows: &[String], lport: usize, rport: usize) -> Vec<Ports> {
    let port = |cells: &[&str], at: usize| cells[at].parse().expect("a port");
    let cells = rows.iter().map(|row| row.split_whitespace().collect());
    cells
        .map(|cells: Vec<&str>| (port(&cells, lport), port(&cells, rport)))
        .collect()
}

/// The ends of sessions at a listener, as `ss -tn` lists them.
fn listed_by_ss(listener: &TcpListener) -> Vec<Ports> {
    let lport = port(listener);
    let only = format!("sport = :{lport} or dport = :{lport}");
    let ss = Command::new("ss").args(["-Htn", &only]).output();
    let ss = String::from_utf8(ss.expect("ss runs").stdout).expect("text");
    let port = |end: &str| end.rsplit(':').next().and_then(|p| p.parse().ok());
    let ends = ss.lines().map(|line| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        (
            port(cells[3]).expect("a port"),
            port(cells[4]).expect("a port"),
        )
    });
    sorted(ends.collect())
}

#[test]
fn open_prints_the_sessions_that_ss_lists_and_exits() {
    if !kernel_or_skip() || !tool_or_skip(&["ss", "-V"]) {
        return;
    }
    let (listener, lport) = listen_for_flag();
    let mut pairs: Vec<Pair> = (0..5).map(|_| Pair::open(&listener, V4)).collect();
    for (pair, kib) in pairs.iter_mut().zip([1, 2, 3, 4, 300]) {
        pair.exchange(kib * 1024, 0);
    }
    session(&listener, V4, 1, 1); // it is closed
    let filter = format!("port {lport}");
    let rows = lines(&["--open", "-f", &filter]);
    assert_eq!(
        rows[0],
        "PID   COMM       LADDR           LPORT RADDR           RPORT TX_KB RX_KB MS          STATE"
    );
    let is_established = |row: &&String| row.ends_with(" established");
    assert_eq!(rows[1..].iter().filter(is_established).count(), 10);
    let printed = sorted(ports(&rows[1..], 3, 5));
    let established: Vec<Ports> = pairs
        .iter()
        .map(Pair::client_port)
        .flat_map(|client| [(port(&listener), client), (client, port(&listener))])
        .collect();
    assert_eq!(printed, sorted(established));
    let of_ss = listed_by_ss(&listener);
    assert!(printed.iter().all(|ends| of_ss.contains(ends)), "{of_ss:?}");

    // the kernel's flags, and one end only
    for flags in [["-L", &lport], ["-D", &lport]] {
        let rows = lines(&[&["--open", "-4"][..], &flags].concat());
        assert_eq!(rows.len(), 1 + pairs.len(), "{flags:?}: {rows:#?}");
        let pid = me().to_string();
        assert!(rows[1..].iter().all(|row| row.starts_with(&pid)));
    }
    assert_eq!(lines(&["--open", "-6", "-L", &lport]).len(), 1);
    assert_eq!(lines(&["--open", "--count", "2", "-L", &lport]).len(), 3);

    let ended = Running::start(&["--open", "-s", "-L", &lport]).wait();
    let csv = &ended.rest;
    assert!(csv[0].ends_with(",MS,STATE"), "{}", csv[0]);
    // these rows have no mark for it
    let bounds = "5 of 5 sessions were open before the start, for longer than the rows say";
    assert!(ended.errors.contains(bounds), "{}", ended.errors);
    assert!(csv[1..].iter().all(|row| row.ends_with(",established")));
    // they may be younger than an hour, or older
    for filter in ["age < 1h", "age > 1h", "not age > 1h"] {
        let ended = Running::start(&["--open", "-L", &lport, "-f", filter]).wait();
        assert_eq!(ended.rest.len(), 1, "{filter}: {:#?}", ended.rest);
        let undecided = "left out 5 sessions that may match -f: open before the start";
        assert!(
            ended.errors.contains(undecided),
            "{filter}: {}",
            ended.errors
        );
    }

    let rows = lines(&["--open", "-o", "json", "-L", &lport]);
    assert_eq!(rows.len(), 5, "sessions alone: {rows:#?}");
    for row in &rows {
        assert_has(
            &json(row),
            &object!({
                "event": "open", "preexisting": true, "reason": null, "pid": me(), "comm": comm_of(me()),
                "lport": port(&listener), "state_before_close": "established",
            }),
        );
    }
}

#[test]
fn open_session_from_before_is_as_old_as_its_last_data_at_least() {
    if !kernel_or_skip() {
        return;
    }
    let (listener, lport) = listen_for_flag();
    let _idle = Pair::open(&listener, V4);
    let mut used = Pair::open(&listener, V4);
    std::thread::sleep(Duration::from_millis(1500));
    used.exchange(1, 1);
    let waited = Instant::now();
    std::thread::sleep(Duration::from_millis(500));
    let rows = lines(&["--open", "-o", "json", "-L", &lport]);
    let mut ages: Vec<u64> = rows
        .iter()
        .map(|row| json(row)["duration_us"].as_u64().expect("an age") / 1000)
        .collect();
    ages.sort_unstable();
    let most = waited.elapsed().as_millis() as u64;
    // jiffies are of 10 ms at most
    assert!((480..=most).contains(&ages[0]), "{ages:?}");
    assert!((1980..=most + 1600).contains(&ages[1]), "{ages:?}");
}

#[test]
fn open_session_closed_by_the_peer_or_over_ipv6_is_printed() {
    if !kernel_or_skip() || !v6_or_skip() {
        return;
    }
    let listener = listen(V6);
    let lport = port(&listener).to_string();
    let Pair { client, server } = Pair::open(&listener, V6);
    drop(client);
    let columns = "laddr,lport,status,state,user";
    let rows = lines(&["--open", "--columns", columns, "-L", &lport]);
    let cells: Vec<Vec<&str>> = rows
        .iter()
        .map(|r| r.split_whitespace().collect())
        .collect();
    assert_eq!(cells[0], ["LADDR", "LPORT", "STATUS", "STATE", "USER"]);
    assert_eq!(
        cells[1],
        ["::1", &lport, "close-wait", "close-wait", "root"]
    );
    assert_eq!(rows.len(), 2);
    drop(server);
    assert_eq!(lines(&["--open", "-p", "4194304"]).len(), 1, "none is fine");
}

#[test]
fn open_into_a_closed_pipe_exits_successfully() {
    if !kernel_or_skip() || !tool_or_skip(&["head", "--version"]) {
        return;
    }
    let listener = listen(V4);
    let _pairs: Vec<Pair> = (0..50).map(|_| Pair::open(&listener, V4)).collect();
    let script = format!("{TCPLIFE} --open; echo status $? >&2");
    let piped = Command::new("sh")
        .args(["-c", &format!("{{ {script}; }} | head -n 1")])
        .output()
        .expect("sh runs");
    let (out, errors) = (
        String::from_utf8_lossy(&piped.stdout),
        String::from_utf8_lossy(&piped.stderr),
    );
    assert!(out.starts_with("PID "), "{out}");
    assert!(errors.ends_with("status 0\n"), "{errors}");
    assert_complete(errors.trim_end_matches("status 0\n"));
}

/// `sort -n` of the real system, with these keys.
fn sorted_by(rows: &[String], flags: &[&str]) -> Vec<String> {
    let mut sort = Command::new("sort")
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sort can be started");
    let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let mut to = sort.stdin.take().expect("a pipe");
    to.write_all(text.as_bytes()).expect("sort reads");
    drop(to);
    let sorted = sort.wait_with_output().expect("sort runs").stdout;
    let sorted = String::from_utf8(sorted).expect("text");
    sorted.lines().map(str::to_owned).collect()
}

/// The mark of a lower bound must not turn a number into a 0.
#[test]
fn text_ages_of_preexisting_and_new_sessions_are_sorted_by_sort_n() {
    if !kernel_or_skip() || !tool_or_skip(&["sort", "--version"]) {
        return;
    }
    let (listener, lport) = listen_for_flag();
    let before: Vec<Pair> = (0..3).map(|_| Pair::open(&listener, V4)).collect();
    let (mut classic, _) = Running::with_header(&["-L", &lport]);
    let (mut chosen, header) =
        Running::with_header(&["-L", &lport, "--columns", "rx,duration,rtt"]);
    assert_eq!(header, "      RX_B     AGE_MS RTT_MS");
    let quick = session(&listener, V4, 2048, 1);
    for pair in before {
        pair.close();
        // their ages differ
        session(&listener, V4, 1, 1);
    }
    let rows = |running: &mut Running| -> Vec<String> { (0..7).map(|_| running.line()).collect() };
    for (rows, at) in [(rows(&mut classic), 8), (rows(&mut chosen), 1)] {
        let ms = |row: &String| {
            let cell = row
                .split_whitespace()
                .nth(at)
                .expect("a duration")
                .to_owned();
            (
                cell.trim_end_matches('+').parse::<f64>().expect(&cell),
                cell,
            )
        };
        let marked = rows.iter().filter(|row| ms(row).1.ends_with('+'));
        assert_eq!(marked.count(), 3, "{rows:#?}");
        let key = format!("-k{},{}n", at + 1, at + 1);
        let sorted = sorted_by(&rows, &["-b", &key]);
        let ages: Vec<f64> = sorted.iter().map(|row| ms(row).0).collect();
        assert!(ages.is_sorted(), "{sorted:#?}");
        assert!(ms(&sorted[6]).1.ends_with('+'), "{sorted:#?}");
    }
    assert_ne!(quick, 0);
    for running in [classic, chosen] {
        running.interrupt().assert_well();
    }
}

#[test]
fn columns_are_those_of_the_export_in_csv_and_json() {
    if !kernel_or_skip() {
        return;
    }
    let (listener, lport) = listen_for_flag();
    let columns = ["--columns", "Time,comm,dst,rx,reason,connect", "-L", &lport];
    let (mut csv, header) = Running::with_header(&[&columns[..], &["-s"]].concat());
    assert_eq!(header, "time,comm,raddr,rx_bytes,reason,connect_us");
    let (mut timed, header) = Running::with_header(&[&columns[..], &["-stT"]].concat());
    assert_eq!(
        header,
        "TIME,TIME(s),time,comm,raddr,rx_bytes,reason,connect_us"
    );
    let mut lines = Running::json(&["--columns", "lport,rport,rx", "-L", &lport], &listener);
    session(&listener, V4, 12_345, 1);
    let comm = comm_of(me());
    let row = csv
        .lines_until(|row| row.contains("12345"))
        .pop()
        .expect("it");
    let (time, rest) = row.split_once(',').expect("columns");
    assert!(time.ends_with('Z') && time.contains('T'), "{row}");
    assert_eq!(rest, format!("{comm},127.0.0.1,12345,remote-fin,"));
    let row = timed
        .lines_until(|row| row.contains("12345"))
        .pop()
        .expect("it");
    assert_eq!(row.split(',').count(), 8, "{row}");
    let row = lines.row_until(|row| row["rx_bytes"] == 12_345);
    assert_eq!(row.as_object().map(|o| o.len()), Some(3), "{row}");
    assert_eq!(row["lport"], port(&listener));
    for running in [csv, timed, lines] {
        assert!(running.interrupt().status.success());
    }
}
