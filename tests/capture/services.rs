//! Response times of real servers: Redis, PostgreSQL and nginx, with delays that the test sets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::kept::Kept;
use crate::common::loopback::{V4, listen, port};
use crate::common::requirements::{PATIENCE, kernel_or_skip, tool_or_skip};
use crate::common::running::Running;

/// A port that was free a moment ago.
fn free_port() -> u16 {
    port(&listen(V4))
}

/// Starts a server, and waits until it accepts at that address.
pub(crate) fn serve(command: &mut Command, addr: &str, port: u16) -> Kept {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the server can be started");
    let server = Kept(child);
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect((addr, port)).is_err() {
        assert!(Instant::now() < deadline, "{command:?} accepts nobody");
        std::thread::sleep(Duration::from_millis(10));
    }
    server
}

/// tcplife, for the sessions with these ports.
fn watch(ports: &[u16]) -> (Running, TcpListener) {
    let probe = listen(V4);
    let ports: Vec<String> = ports
        .iter()
        .chain(&[port(&probe)])
        .map(u16::to_string)
        .collect();
    let filter = format!("port {}", ports.join(","));
    (Running::json(&["-f", &filter], &probe), probe)
}

/// The rows that are wanted, in whatever order they come.
fn found<const N: usize>(
    tcplife: &mut Running,
    wanted: [&dyn Fn(&Value) -> bool; N],
) -> [Value; N] {
    let mut rows: [Option<Value>; N] = [const { None }; N];
    while rows.iter().any(Option::is_none) {
        let row = tcplife.row_until(|row| wanted.iter().any(|wanted| wanted(row)));
        let which = wanted.iter().position(|wanted| wanted(&row));
        rows[which.expect("it was wanted")] = Some(row);
    }
    rows.map(|row| row.expect("it was found"))
}

/// Asserts that a time lies between what the server was told to take and what the client has measured, with 1 ms or 5 % to
/// spare.
#[track_caller]
fn assert_took(row: &Value, key: &str, told: Duration, measured: Duration) {
    let us = row[key].as_u64();
    let us = u128::from(us.unwrap_or_else(|| panic!("{key} is null: {row}")));
    let spare = (told.as_micros() / 20).max(1000);
    let range = told.as_micros().saturating_sub(spare)..=measured.as_micros() + spare;
    assert!(range.contains(&us), "{key}: {us}, not in {range:?}: {row}");
}

/// Asserts the same of the server's own time, which may be null where no program sees the first write.
#[track_caller]
fn assert_took_or_null(row: &Value, key: &str, told: Duration, measured: Duration) {
    if !row[key].is_null() {
        assert_took(row, key, told, measured);
    }
}

#[test]
fn responses_of_redis_take_what_debug_sleep_says() {
    if !kernel_or_skip() || !tool_or_skip(&["redis-server", "--version"]) {
        return;
    }
    let port = free_port();
    let (mut tcplife, _probe) = watch(&[port]);
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command.args(["--enable-debug-command", "yes", "--port", &port.to_string()]);
    let _redis = serve(&mut command, "127.0.0.1", port);
    let mut client = TcpStream::connect(("127.0.0.1", port)).expect("redis accepts");
    let ours = client.local_addr().expect("connected").port();
    let mut answers = BufReader::new(client.try_clone().expect("a copy"));
    let mut ask = |query: &str| {
        let asked = Instant::now();
        client.write_all(query.as_bytes()).expect("redis reads");
        let mut line = String::new();
        answers.read_line(&mut line).expect("redis answers");
        assert_eq!(line, "+OK\r\n");
        asked.elapsed()
    };
    let delays = [10, 200, 0].map(Duration::from_millis);
    let measured = delays.map(|delay| ask(&format!("DEBUG SLEEP {}\r\n", delay.as_secs_f64())));
    drop((client, answers));
    let [client, server] = found(
        &mut tcplife,
        [&|row| row["lport"] == ours, &|row| row["rport"] == ours],
    );
    assert_eq!((&client["turns"], &server["turns"]), (&3.into(), &2.into()));
    assert_took(&client, "resp_max_us", delays[1], measured[1]);
    let [told, all] = [&delays, &measured].map(|times| times.iter().sum::<Duration>() / 3);
    assert_took(&client, "resp_mean_us", told, all);
    assert_took_or_null(&server, "ourresp_max_us", delays[1], measured[1]);
    assert_took_or_null(&server, "ourresp_mean_us", told, all);
}

/// A cluster of PostgreSQL in a temporary directory, which does not run as root.
pub(crate) fn cluster(directory: &Path, addr: &str, port: u16) -> Kept {
    let as_postgres = |program: &str| {
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid",
            "postgres",
            "--regid",
            "postgres",
            "--clear-groups",
        ]);
        command.arg(program).env("LC_ALL", "C").current_dir("/");
        command
    };
    let binaries = binaries().expect("checked before");
    std::os::unix::fs::chown(directory, Some(uid("postgres")), None).expect("chown");
    let data = directory.join("data");
    let made = as_postgres(&format!("{binaries}/initdb"))
        .args(["--no-sync", "--auth", "trust", "--pgdata"])
        .arg(&data)
        .output()
        .expect("initdb can be started");
    assert!(made.status.success(), "{made:?}");
    // clients at other addresses of this host than loopback, too
    let mut clients = std::fs::File::options();
    let mut clients = clients
        .append(true)
        .open(data.join("pg_hba.conf"))
        .expect("a file");
    writeln!(clients, "host all all samehost trust").expect("a line");
    let mut server = as_postgres(&format!("{binaries}/postgres"));
    server.arg("-D").arg(&data);
    server.args(["-h", addr, "-F", "-k"]).arg(directory);
    serve(server.args(["-p", &port.to_string()]), addr, port)
}

fn uid(user: &str) -> u32 {
    let id = Command::new("id").args(["-u", user]).output().expect("id");
    let text = String::from_utf8_lossy(&id.stdout);
    text.trim().parse().expect("the user exists")
}

/// The directory with PostgreSQL's programs; on Debian it is in no PATH.
fn binaries() -> Option<String> {
    let find = "ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1 | grep . || dirname \"$(command -v initdb)\"";
    let found = Command::new("sh").args(["-c", find]).output().ok()?;
    let text = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    Path::new(&text).join("initdb").exists().then_some(text)
}

#[test]
fn responses_of_postgresql_take_what_pg_sleep_says() {
    let is_there = |probe: &str| tool_or_skip(&["sh", "-c", probe]);
    if !kernel_or_skip()
        || !is_there("ls /usr/lib/postgresql/*/bin/initdb || command -v initdb")
        || !is_there("psql --version && id -u postgres")
    {
        return;
    }
    let port = free_port();
    let directory = tempfile::tempdir().expect("a directory");
    let _postgres = cluster(directory.path(), "127.0.0.1", port);
    let (mut tcplife, _probe) = watch(&[port]);
    let queries = [
        "SELECT pg_sleep(0)",
        "SELECT pg_sleep(0.2)",
        "SELECT pg_sleep(0.01)",
    ];
    let mut psql = Command::new("psql");
    psql.args([
        "-h",
        "127.0.0.1",
        "-p",
        &port.to_string(),
        "-U",
        "postgres",
        "-At",
    ]);
    for query in ["\\timing on"].iter().chain(&queries) {
        psql.args(["-c", query]);
    }
    psql.env("PGSSLMODE", "disable")
        .env("PGGSSENCMODE", "disable");
    let begun = Instant::now();
    let ran = psql.output().expect("psql can be started");
    let whole = begun.elapsed();
    assert!(ran.status.success(), "{ran:?}");
    let text = String::from_utf8_lossy(&ran.stdout);
    let times: Vec<f64> = text
        .lines()
        .filter_map(|line| line.strip_prefix("Time: ")?.split(' ').next()?.parse().ok())
        .collect();
    let [_, slow, _] = times[..] else {
        panic!("three times: {text}")
    };
    let (told, measured) = (
        Duration::from_millis(200),
        Duration::from_secs_f64(slow / 1e3),
    );
    // the first connection to the server asked for nothing
    let asked = |row: &Value| row["turns"].as_u64() > Some(0);
    let [row, server] = found(
        &mut tcplife,
        [&|row| row["rport"] == port && asked(row), &|row| {
            row["lport"] == port && asked(row)
        }],
    );
    // the greeting, and the queries
    assert!(row["turns"].as_u64() >= Some(4), "{row}");
    assert_took(&row, "resp_max_us", told, measured);
    assert_took(&row, "first_data_us", Duration::ZERO, whole);
    assert_took_or_null(&server, "ourresp_max_us", told, measured);
}

#[test]
fn responses_of_nginx_take_as_long_as_what_it_waits_for() {
    if !kernel_or_skip() || !tool_or_skip(&["nginx", "-v"]) {
        return;
    }
    const DELAY: Duration = Duration::from_millis(150);
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    let (front, backend) = (free_port(), listen(V4));
    let behind = port(&backend);
    let directory = tempfile::tempdir().expect("a directory");
    let configuration = directory.path().join("nginx.conf");
    let here = directory.path().display();
    let text = format!(
        "daemon off; master_process off; pid {here}/pid; error_log {here}/error.log;
         events {{}}
         http {{ access_log off; client_body_temp_path {here}/a; proxy_temp_path {here}/b;
           fastcgi_temp_path {here}/c; uwsgi_temp_path {here}/d; scgi_temp_path {here}/e;
           server {{ listen 127.0.0.1:{front}; location / {{ proxy_pass http://127.0.0.1:{behind}; }} }} }}"
    );
    std::fs::write(&configuration, text).expect("a configuration");
    let mut command = Command::new("nginx");
    command.arg("-c").arg(&configuration);
    let _nginx = serve(&mut command, "127.0.0.1", front);
    let (mut tcplife, _probe) = watch(&[front, behind]);
    let server = std::thread::spawn(move || {
        let mut stream = backend.accept().expect("nginx connects").0;
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).expect("a request") > 0);
        std::thread::sleep(DELAY);
        stream.write_all(ANSWER).expect("nginx reads");
    });
    let mut client = TcpStream::connect(("127.0.0.1", front)).expect("nginx accepts");
    let asked = Instant::now();
    let request = b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
    client.write_all(request).expect("nginx reads");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("nginx answers");
    let measured = asked.elapsed();
    assert!(answer.ends_with("ok"), "{answer}");
    server.join().expect("no panic");
    drop(client);
    let was_read = |row: &Value| row["rx_bytes"].as_u64() > Some(0);
    let [client, nginx, upstream] = found(
        &mut tcplife,
        [
            &|row| row["rport"] == front && was_read(row),
            &|row| row["lport"] == front && was_read(row),
            &|row| row["rport"] == behind,
        ],
    );
    assert_took(&client, "resp_mean_us", DELAY, measured);
    assert_took_or_null(&nginx, "ourresp_mean_us", DELAY, measured);
    assert_took(&upstream, "resp_mean_us", DELAY, measured);
}
