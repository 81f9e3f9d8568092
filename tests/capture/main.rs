//! The real program on the real kernel, with sessions of our own: what it prints of them, what its filters let
//! through, and how it ends.
#![expect(
    clippy::expect_used,
    reason = "a test that cannot go on should say so and fail"
)]

#[path = "../common"]
mod common {
    pub(crate) mod host;
    pub(crate) mod net;
    pub(crate) mod running;
}

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::host::{PATIENCE, TCPLIFE, kernel_or_skip, skip, tool_or_skip};
use common::net::{Pair, V4, V6, listen, port, session, v6_or_skip};
use common::running::{Running, json};
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketType, bind, connect, getsockname, socket};
use rustix::process::{Resource, Signal, getrlimit, setrlimit};
use serde_json::Value;

/// A row has to come within 100 ms, on a machine that has nothing else to do. Ours has.
const SOON: Duration = Duration::from_secs(2);

fn me() -> u32 {
    std::process::id()
}

/// The name of the process, which is its first thread's and not the one that tests run on.
fn comm_of(pid: u32) -> String {
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).expect("it runs");
    comm.trim_end().to_owned()
}

// ---- another process, that does as it is told ----------------------------------------------------------------

/// A process of its own with sessions of its own.
struct Puppet {
    child: Kept,
    orders: ChildStdin,
    answers: BufReader<std::process::ChildStderr>,
}

const PUPPET: &str = "TCPLIFE_TEST_PUPPET";

/// Not a test: this program once more, as the other process. Orders come on stdin, and are answered on stderr.
#[test]
fn puppet() {
    if std::env::var_os(PUPPET).is_none() {
        return;
    }
    let listener = listen(V4);
    let mut stream = None;
    for order in std::io::stdin().lines() {
        let order = order.expect("text");
        let (verb, number) = order.split_once(' ').unwrap_or((&order, "0"));
        let number: usize = number.parse().expect("a number");
        let mut answer = 0;
        match (verb, stream.as_mut()) {
            ("port", _) => answer = port(&listener),
            ("connect", _) => {
                let to = SocketAddr::new(V4.ip(), number as u16);
                stream = Some(TcpStream::connect(to).expect("a connection"));
            }
            ("accept", _) => stream = Some(listener.accept().expect("a connection").0),
            ("send", Some(s)) => s.write_all(&vec![b'x'; number]).expect("it is connected"),
            ("receive", Some(s)) => s.read_exact(&mut vec![0; number]).expect("it was sent"),
            ("finish", Some(s)) => {
                s.shutdown(Shutdown::Write).expect("it is connected");
                let _ = s.read(&mut [0]).expect("the peer's FIN");
                stream = None;
            }
            _ => panic!("cannot {order}"),
        }
        eprintln!("{answer}");
    }
}

impl Puppet {
    fn start() -> Puppet {
        let mut child = Command::new(std::env::current_exe().expect("a program"))
            .args(["--exact", "puppet", "--nocapture"])
            .env(PUPPET, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it can be started");
        Puppet {
            orders: child.stdin.take().expect("a pipe"),
            answers: BufReader::new(child.stderr.take().expect("a pipe")),
            child: Kept(child),
        }
    }

    fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Tells it to do something that needs nothing of us meanwhile.
    fn order(&mut self, order: &str) -> u16 {
        self.begin(order);
        self.done(order)
    }

    fn begin(&mut self, order: &str) {
        writeln!(self.orders, "{order}").expect("it runs");
    }

    fn done(&mut self, order: &str) -> u16 {
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("it runs");
        let number = answer.trim().parse();
        number.unwrap_or_else(|_| panic!("{order}: {answer}"))
    }

    /// It ends its session, and we ours.
    fn finish(&mut self, mut ours: TcpStream) {
        self.begin("finish");
        assert_eq!(ours.read(&mut [0]).expect("its FIN"), 0);
        drop(ours);
        self.done("finish");
    }
}

/// A process of ours that goes with the test, however that ends.
struct Kept(Child);

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

// ---- sessions with ports that are known beforehand ----

/// Of an IPv6 socket that speaks IPv4.
const MAPPED: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped()),
    0,
);

/// Listeners on neighbouring ports: below those that the kernel hands out, which connections that are over may hold for
/// a minute.
fn listen_in_a_row<const N: usize>() -> [TcpListener; N] {
    let mut from = 10_000 + (std::process::id() % 1000) as u16 * 20;
    for _ in 0..1000 {
        let at = |i: u16| TcpListener::bind(SocketAddr::new(V4.ip(), from + i));
        let row: Vec<_> = (0..N as u16).map_while(|i| at(i).ok()).collect();
        if let Ok(row) = row.try_into() {
            return row;
        }
        from = 10_000 + (from - 10_000 + N as u16) % 20_000;
    }
    panic!("no {N} free ports in a row");
}

/// A client's socket whose port is known before it connects.
struct Bound {
    socket: OwnedFd,
    port: u16,
}

impl Bound {
    fn new() -> Bound {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        bind(&socket, &V4).expect("a port");
        let local: SocketAddr = getsockname(&socket)
            .ok()
            .and_then(|a| a.try_into().ok())
            .expect("its address");
        Bound {
            socket,
            port: local.port(),
        }
    }

    fn connect(self, listener: &TcpListener) -> Pair {
        connect(&self.socket, &listener.local_addr().expect("it is bound")).expect("a connection");
        let server = listener.accept().expect("a connection").0;
        Pair {
            client: self.socket.into(),
            server,
        }
    }
}

// ---- rows ----------------------------------------------------------------------------------------------------

/// A row of `-s`.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    pid: u32,
    ip: u8,
    laddr: String,
    lport: u16,
    raddr: String,
    rport: u16,
}

/// Our port and the peer's.
type Ports = (u16, u16);

const CSV_HEADER: &str = "PID,COMM,IP,LADDR,LPORT,RADDR,RPORT,TX_KB,RX_KB,MS";

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.split(',').collect();
    assert_eq!(cells.len(), 10, "{line}");
    Row {
        pid: cells[0].parse().expect(line),
        ip: cells[2].parse().expect(line),
        laddr: cells[3].to_owned(),
        lport: cells[4].parse().expect(line),
        raddr: cells[5].to_owned(),
        rport: cells[6].parse().expect(line),
    }
}

/// All rows that tcplife with these flags prints of some traffic. The traffic says which sessions must be let through,
/// and those are waited for.
fn let_through(flags: &[&str], traffic: impl FnOnce() -> Vec<Ports>) -> Vec<Row> {
    let (mut tcplife, header) = Running::with_header(&[&["-s"], flags].concat());
    assert_eq!(header, CSV_HEADER);
    let mut awaited = traffic();
    let mut rows = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while !awaited.is_empty() {
        assert!(Instant::now() < deadline, "{flags:?}: no {awaited:?}");
        let row = row(&tcplife.line());
        awaited.retain(|&(l, r)| (l, r) != (row.lport, row.rport));
        rows.push(row);
    }
    let ended = tcplife.interrupt();
    assert!(ended.status.success(), "{flags:?}: {}", ended.errors);
    rows.extend(ended.rest.iter().map(|line| row(line)));
    rows
}

/// The ports of those rows that have one of these at our end or the other, sorted.
fn ends(rows: &[Row], ports: &[u16]) -> Vec<Ports> {
    let mut ends: Vec<_> = rows
        .iter()
        .filter(|r| r.pid == me())
        .map(|r| (r.lport, r.rport))
        .filter(|(l, r)| ports.contains(l) || ports.contains(r))
        .collect();
    ends.sort_unstable();
    ends
}

fn sorted(mut ends: Vec<Ports>) -> Vec<Ports> {
    ends.sort_unstable();
    ends
}

// ---- what is printed -----------------------------------------------------------------------------------------

/// `tcplife -o json --duration 5s` while curl fetches from `python3 -m http.server`.
#[test]
fn curl_and_a_web_server_are_two_rows_a_fetch() {
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
    let server_comm = comm_of(server.0.id());

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
        let seen = |r: &Value| {
            [
                "pid",
                "comm",
                "ip",
                "laddr",
                "lport",
                "raddr",
                "rport",
                "direction",
                "tx_bytes",
                "rx_bytes",
            ]
            .map(|key| r[key].clone())
        };
        let there = "127.0.0.1";
        let client = serde_json::json!([
            pid,
            "curl",
            4,
            there,
            local,
            there,
            web,
            "out",
            request,
            header + download
        ]);
        let web_server = serde_json::json!([
            server.0.id(),
            server_comm,
            4,
            there,
            web,
            there,
            local,
            "in",
            header + download,
            request
        ]);
        assert_eq!(serde_json::json!(seen(&rows[0])), client);
        assert_eq!(serde_json::json!(seen(&rows[1])), web_server);
        for row in &rows {
            assert_eq!(
                (&row["event"], &row["age_is_lower_bound"]),
                (&"close".into(), &false.into())
            );
        }
    }
    let ended = tcplife.wait();
    ended.assert_well();
    assert!(started.elapsed() >= Duration::from_secs(5));
    let summary = json(ended.rest.last().expect("a summary"));
    assert_eq!(
        (&summary["event"], &summary["lost"]),
        (&"summary".into(), &0.into())
    );
    assert!(
        ended.rest[..ended.rest.len() - 1]
            .iter()
            .all(|l| json(l)["event"] == "close")
    );

    fs::remove_dir_all(dir).expect("it is ours");
}

/// Every classic mode at once over the same two sessions, into pipes, while it runs.
#[test]
fn the_classic_modes_print_their_columns_as_sessions_end() {
    if !kernel_or_skip() {
        return;
    }
    const PLAIN: &str =
        "PID   COMM       LADDR           LPORT RADDR           RPORT TX_KB RX_KB MS";
    let wide = format!(
        "PID   COMM             IP {:<39} LPORT {:<39} RPORT  TX_KB  RX_KB MS",
        "LADDR", "RADDR"
    );
    let listener = listen(V4);
    let lport = port(&listener);
    let only = lport.to_string();
    // flags, header, and which of the seconds and the time of day come first
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
            // how long it lasted
            let (_, decimals) = ms.split_once('.').expect("a decimal point");
            let lasted: f64 = ms.parse().expect("a number");
            assert!(
                decimals.len() == 2 && lasted > 0.0 && lasted < 1e4,
                "{line}"
            );
            // when that was
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
                    let (_, decimals) = time.split_once('.').expect("a decimal point");
                    let since: f64 = time.parse().expect("a number");
                    assert_eq!((decimals.len(), since > 0.0), (6, nth > 0), "{line}");
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

fn seconds_of_day(time: &str) -> u64 {
    let parts: Vec<u64> = time.split(':').map(|n| n.parse().expect(time)).collect();
    assert!(time.len() == 8 && parts.len() == 3, "{time}");
    parts[0] * 3600 + parts[1] * 60 + parts[2]
}

/// What was there before the start: a session with its owner, its bytes and an age that is a lower bound.
#[test]
fn sessions_from_before_the_start_are_whole_when_they_end() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let lport = port(&listener);
    let mut puppet = Puppet::start();
    puppet.order(&format!("connect {lport}"));
    let (mut ours, peer) = listener.accept().expect("a connection");
    puppet.order("send 1000");
    ours.read_exact(&mut [0; 1000]).expect("it was sent");
    ours.write_all(&[b'x'; 3000]).expect("it is connected");
    puppet.order("receive 3000");

    let only = format!("{lport},{}", peer.port());
    let (mut text, _) = Running::with_header(&["-L", &only]);
    let (mut csv, _) = Running::with_header(&["-s", "-L", &only]);
    let mut tcplife = Running::json(&["-L", &only], &listener);
    puppet.order("send 10");
    ours.read_exact(&mut [0; 10]).expect("it was sent");
    ours.write_all(&[b'x'; 30]).expect("it is connected");
    puppet.order("receive 30");
    puppet.finish(ours);

    let is_it = |l: u16, r: u16| [l, r].contains(&peer.port());
    for _ in 0..2 {
        let row =
            tcplife.row_until(|row| row["lport"] == peer.port() || row["rport"] == peer.port());
        assert_eq!(row["age_is_lower_bound"], true, "{row}");
        let (pid, tx, rx) = if row["lport"] == lport {
            (me(), 3030, 1010)
        } else {
            (puppet.pid(), 1010, 3030)
        };
        assert_eq!(row["pid"], pid, "{row}");
        assert_eq!(row["comm"], comm_of(pid), "{row}");
        assert_eq!(
            (&row["tx_bytes"], &row["rx_bytes"]),
            (&tx.into(), &rx.into()),
            "{row}"
        );
    }
    let mut marked = 0;
    while marked < 2 {
        let line = text.line();
        let cells: Vec<&str> = line.split_whitespace().collect();
        let ours = is_it(
            cells[3].parse().expect(&line),
            cells[5].parse().expect(&line),
        );
        assert_eq!(cells[8].starts_with('≥'), ours, "{line}");
        marked += usize::from(ours);
    }
    csv.lines_until(|line| {
        let ms = line.rsplit(',').next().unwrap_or_default();
        assert!(ms.parse::<f64>().is_ok(), "{line}");
        let row = row(line);
        is_it(row.lport, row.rport)
    });

    // a session that begins now, at the listener from before
    let client = session(&listener, V4, 7, 8);
    let row = tcplife.row_until(|row| row["rport"] == client);
    assert_eq!(row["age_is_lower_bound"], false, "{row}");
    assert_eq!(
        (&row["pid"], &row["direction"]),
        (&me().into(), &"in".into()),
        "{row}"
    );
    for tcplife in [text, csv, tcplife] {
        assert!(tcplife.interrupt().status.success());
    }
}

/// Nobody has a descriptor of what waits to be accepted: only its listener leads to it.
#[test]
fn what_waits_in_a_full_queue_from_before_the_start_is_its_listeners() {
    if !kernel_or_skip() {
        return;
    }
    let largest = fs::read_to_string("/proc/sys/net/core/somaxconn").expect("there is a limit");
    // 4096 is the kernel's default
    let limit: usize = largest.trim().parse::<usize>().expect(&largest).min(4096);
    let mut descriptors = getrlimit(Resource::Nofile);
    descriptors.current = descriptors.maximum;
    setrlimit(Resource::Nofile, descriptors).expect("up to the maximum anybody may");

    let listener = listen(V4);
    let lport = port(&listener);
    // again, with a longer queue, which holds one more than its limit
    rustix::net::listen(&listener, limit as i32).expect("it is bound");
    let _waiting: Vec<TcpStream> = (0..=limit)
        .map(|_| TcpStream::connect((V4.ip(), lport)).expect("there is room"))
        .collect();
    let (tcplife, _) = Running::with_header(&["-s", "-L", &lport.to_string()]);
    drop(listener);

    let ended = tcplife.interrupt();
    ended.assert_well();
    let rows: Vec<Row> = ended.rest.iter().map(|line| row(line)).collect();
    assert_eq!(rows.len(), limit + 1);
    for row in rows {
        assert_eq!((row.lport, row.pid), (lport, me()));
    }
}

// ---- what the filters let through ----------------------------------------------------------------------------

/// Ports that are listed, two that are a range, and others: `list` writes the first, and `side` puts the port that the
/// flag is about before the one of the other side, or back.
fn listed_and_in_range(flag: &str, list: fn([u16; 4]) -> String, side: fn(Ports) -> Ports) {
    let [first, second, third] = listen_in_a_row();
    let (single, other) = (listen(V4), listen(V4));
    let client = Bound::new();
    let [a, b, c] = [port(&first), port(&second), port(&third)];
    let (d, e, f) = (port(&single), port(&other), client.port);
    let listed = [a, b, d, f];
    let mut expected = Vec::new();
    let rows = let_through(&[flag, &list(listed)], || {
        session(&third, V4, 1, 1);
        session(&other, V4, 1, 1);
        let mut pair = client.connect(&other); // the client's port is listed, the server's is not
        pair.exchange(1, 1);
        pair.close();
        expected.push(side((f, e)));
        for listener in [&first, &second, &single] {
            let peer = session(listener, V4, 1, 1);
            expected.push(side((port(listener), peer)));
        }
        expected.clone()
    });
    assert_eq!(ends(&rows, &[a, b, c, d, e, f]), sorted(expected));
    let is_listed = |r: &Row| listed.contains(&side((r.lport, r.rport)).0);
    assert!(rows.iter().all(is_listed), "{rows:?}");
}

#[test]
fn local_ports_let_through_what_is_listed_and_in_range() {
    if kernel_or_skip() {
        listed_and_in_range("-L", |[a, b, d, f]| format!("{d},{a}-{b},{f}"), |ends| ends);
    }
}

#[test]
fn remote_ports_let_through_what_is_listed_and_in_range() {
    if kernel_or_skip() {
        let list = |[a, b, d, f]: [u16; 4]| format!("{a}-{b},{d},{f}");
        listed_and_in_range("-D", list, |(l, r)| (r, l));
    }
}

/// As the client and as the server: its own end of each, and never the other end.
#[test]
fn a_pid_lets_through_what_that_process_owns() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut puppet = Puppet::start();
    let theirs = puppet.order("port");
    let pid = puppet.pid();
    let mut expected = Vec::new();
    let rows = let_through(&["-p", &pid.to_string()], || {
        session(&listener, V4, 1, 1);

        puppet.order(&format!("connect {}", port(&listener)));
        let (mut ours, peer) = listener.accept().expect("a connection");
        puppet.order("send 5");
        ours.read_exact(&mut [0; 5]).expect("it was sent");
        puppet.finish(ours);
        expected.push((peer.port(), port(&listener)));

        let mut ours = TcpStream::connect(SocketAddr::new(V4.ip(), theirs)).expect("a connection");
        puppet.order("accept");
        ours.write_all(b"12345").expect("it is connected");
        puppet.order("receive 5");
        expected.push((theirs, ours.local_addr().expect("it is connected").port()));
        puppet.finish(ours);
        expected.clone()
    });
    let let_through: Vec<_> = rows.iter().map(|r| (r.lport, r.rport)).collect();
    assert_eq!(sorted(let_through), sorted(expected));
    assert!(rows.iter().all(|r| r.pid == pid), "{rows:?}");
}

/// Over IPv4, IPv6, and IPv4 through IPv6 sockets: at the server's end, at the client's, and at both.
#[test]
fn a_filter_lets_through_what_it_says_and_nothing_else() {
    if !kernel_or_skip() {
        return;
    }
    let (one, other) = (listen(V4), listen(V4));
    let (a, b) = (port(&one), port(&other));
    // the kernel can decide the ports of the first, nothing of the second
    for filter in [
        format!("lport {a} and tx >= 2000"),
        format!("port {a},{b} and (lport {a} and tx >= 2kB or rx > 1GB)"),
    ] {
        let mut expected = Vec::new();
        let rows = let_through(&["-f", &filter], || {
            session(&one, V4, 1, 1999);
            session(&other, V4, 1, 5000);
            expected.push((a, session(&one, V4, 1, 2000)));
            expected.clone()
        });
        assert_eq!(ends(&rows, &[a, b]), sorted(expected), "{filter}");
    }
}

#[test]
fn a_family_lets_through_what_it_speaks_on_the_wire() {
    if !kernel_or_skip() || !v6_or_skip() {
        return;
    }
    let (v4, v6) = (listen(V4), listen(V6));
    let both: SocketAddr = "[::]:0".parse().expect("an address");
    let both = listen(both);
    let ports = [port(&v4), port(&v6), port(&both)];
    for (flag, ip) in [("-4", 4), ("-6", 6)] {
        let mut expected = Vec::new();
        let rows = let_through(&[flag], || {
            for (listener, to, speaks) in [
                (&v4, V4, 4),
                (&v4, MAPPED, 4),
                (&both, V4, 4),
                (&both, MAPPED, 4),
                (&v6, V6, 6),
                (&both, V6, 6),
            ] {
                let client = session(listener, to, 1, 1);
                if speaks == ip {
                    expected.extend([(port(listener), client), (client, port(listener))]);
                }
            }
            expected.clone()
        });
        assert_eq!(ends(&rows, &ports), sorted(expected), "{flag}");
        assert!(rows.iter().all(|r| r.ip == ip), "{flag}: {rows:?}");
        let loopback = if ip == 4 { "127.0.0.1" } else { "::1" };
        let ours = rows
            .iter()
            .filter(|r| ports.contains(&r.lport) && r.pid == me());
        assert!(
            ours.clone()
                .all(|r| r.laddr == loopback && r.raddr == loopback),
            "{rows:?}"
        );
    }
}

#[test]
fn filters_narrow_each_other() {
    if !kernel_or_skip() {
        return;
    }
    let (listener, other) = (listen(V4), listen(V4));
    let client = Bound::new();
    let (l, r) = (port(&listener), client.port);
    let (me, lport, rport) = (me().to_string(), l.to_string(), r.to_string());
    let rows = let_through(&["-4", "-p", &me, "-L", &lport, "-D", &rport], || {
        session(&listener, V4, 1, 1);
        session(&other, V4, 1, 1);
        let mut pair = client.connect(&listener);
        pair.exchange(1, 1);
        pair.close();
        vec![(l, r)]
    });
    assert_eq!(rows.len(), 1, "{rows:?}");
}

// ---- how it ends ---------------------------------------------------------------------------------------------

#[test]
fn a_count_ends_the_run_after_so_many_rows() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let only = port(&listener).to_string();
    for format in ["text", "csv"] {
        let flags = ["-o", format, "-L", &only, "--count", "3"];
        let (tcplife, _) = Running::with_header(&flags);
        for _ in 0..5 {
            session(&listener, V4, 1, 1);
        }
        let ended = tcplife.wait();
        ended.assert_well();
        assert_eq!(ended.rest.len(), 3, "{:?}", ended.rest);
    }
}

#[test]
fn a_duration_ends_the_run_on_a_quiet_host_too() {
    if !kernel_or_skip() {
        return;
    }
    let quiet = port(&listen(V4)).to_string();
    let started = Instant::now();
    let ended = Running::start(&["-o", "json", "-L", &quiet, "--duration", "300ms"]).wait();
    assert!(started.elapsed() >= Duration::from_millis(300));
    ended.assert_well();
    let [summary] = &ended.rest[..] else {
        panic!("{:?}", ended.rest);
    };
    let summary = json(summary);
    assert_eq!(
        (&summary["event"], &summary["sessions"]),
        (&"summary".into(), &0.into())
    );
    assert!(
        summary["duration_us"].as_u64() >= Some(300_000),
        "{summary}"
    );
}

/// Stops reading after the header, as `head -1` does, and returns how tcplife ended.
fn leave_after_the_header(only: &str, traffic: impl FnOnce()) -> std::process::Output {
    let mut tcplife = Command::new(TCPLIFE)
        .args(["-o", "text", "-L", only])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tcplife can be started");
    let mut stdout = BufReader::new(tcplife.stdout.take().expect("a pipe"));
    let mut header = String::new();
    stdout.read_line(&mut header).expect("text");
    assert!(header.starts_with("PID"), "{header}");
    drop(stdout);
    traffic();
    let closed = Instant::now();
    while tcplife.try_wait().expect("a child of ours").is_none() {
        if closed.elapsed() > SOON {
            let _ = tcplife.kill();
            panic!("it goes on though nobody reads it any more");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    tcplife.wait_with_output().expect("a child of ours")
}

#[test]
fn a_closed_pipe_ends_it_without_a_word() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let only = port(&listener).to_string();
    let quiet = leave_after_the_header(&only, || ());
    assert!(
        quiet.status.success() && quiet.stderr.is_empty(),
        "{quiet:?}"
    );
    let busy = leave_after_the_header(&only, || {
        session(&listener, V4, 1, 1);
    });
    assert!(busy.status.success() && busy.stderr.is_empty(), "{busy:?}");
}

#[test]
fn signals_end_it_with_a_summary() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let only = port(&listener).to_string();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let tcplife = Running::json(&["-L", &only], &listener);
        // what ended before the signal is not forgotten
        let clients: Vec<u16> = (0..3).map(|_| session(&listener, V4, 1, 1)).collect();
        wait_until_over(&listener);
        tcplife.signal(signal);
        let ended = tcplife.wait();
        ended.assert_well();
        let rows: Vec<Value> = ended.rest.iter().map(|l| json(l)).collect();
        for client in clients {
            assert!(
                rows.iter().any(|r| r["rport"] == client),
                "{signal:?}: {rows:#?}"
            );
        }
        let summary = rows.last().expect("a summary");
        assert_eq!(
            (&summary["event"], &summary["lost"]),
            (&"summary".into(), &0.into())
        );
        assert!(summary["sessions"].as_u64() >= Some(3), "{summary}");
    }
}

#[test]
fn a_hangup_that_was_ignored_at_the_start_ends_nothing() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let only = port(&listener).to_string();
    let mut tcplife = Running::json_ignoring_hangups(&["-L", &only], &listener);
    tcplife.signal(Signal::HUP);
    let client = session(&listener, V4, 1, 1);
    tcplife.row_until(|row| row["rport"] == client);
    let ended = tcplife.interrupt();
    ended.assert_well();
    let summary = json(ended.rest.last().expect("a summary"));
    assert_eq!(summary["event"], "summary");
}

/// `tcplife -s | (sleep 1000)`: what fits into the pipe is there, and one is told of the rest.
#[test]
fn a_reader_that_stops_reading_does_not_hold_up_the_end() {
    if !kernel_or_skip() {
        return;
    }
    for (signal, duration) in [
        (Some(Signal::INT), "1h"),
        (Some(Signal::TERM), "1h"),
        (None, "2s"),
    ] {
        let listener = listen(V4);
        let filter = format!("port {}", port(&listener));
        let mut tcplife = Command::new(TCPLIFE)
            .args(["-s", "-f", &filter, "--duration", duration])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map(Kept)
            .expect("tcplife can be started");
        let pipe = tcplife.0.stdout.take().expect("a pipe");
        // one page is the least
        rustix::pipe::fcntl_setpipe_size(&pipe, 1).expect("it may be smaller");
        let mut reader = BufReader::new(pipe);
        let mut header = String::new();
        reader.read_line(&mut header).expect("text");
        assert_eq!(header.trim_end(), CSV_HEADER);
        // a tenth of them would do, where a page has 4096 bytes
        for _ in 0..1000 {
            session(&listener, V4, 1, 1);
        }
        wait_until_over(&listener);
        if let Some(signal) = signal {
            let pid = rustix::process::Pid::from_child(&tcplife.0);
            rustix::process::kill_process(pid, signal).expect("it runs");
        }
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = tcplife.0.try_wait().expect("a child of ours") {
                break status;
            }
            assert!(Instant::now() < deadline, "{signal:?}: it waits");
            std::thread::sleep(Duration::from_millis(2));
        };
        assert!(status.success(), "{signal:?}: {status}");
        let mut errors = String::new();
        let mut stderr = tcplife.0.stderr.take().expect("a pipe");
        stderr.read_to_string(&mut errors).expect("text");
        let rows: Vec<Row> = reader
            .lines()
            .map(|line| row(&line.expect("text")))
            .collect();
        assert!(!rows.is_empty(), "there was room for some");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        let missing = errors
            .strip_prefix("tcplife: ")
            .and_then(|line| line.split_once(" lines are missing at the end"))
            .and_then(|(number, _)| number.parse::<usize>().ok())
            .unwrap_or_else(|| panic!("{signal:?}: {errors}"));
        // of one in a million the kernel does not tell; and the time may be over before all sessions are
        let all = if signal.is_some() {
            1998
        } else {
            rows.len() + 1
        }..=2000;
        let sum = rows.len() + missing;
        assert!(all.contains(&sum), "{signal:?}: {sum}, {errors}");
    }
}

/// The listener's end of a session is over a moment after the last `close`: when its FIN is acknowledged.
fn wait_until_over(listener: &TcpListener) {
    const LISTEN: &str = "0A";
    let local = format!("0100007F:{:04X}", port(listener));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let sockets = fs::read_to_string("/proc/net/tcp").expect("/proc");
        let over = sockets
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .all(|cells| cells[1] != local || cells[3] == LISTEN);
        if over {
            return;
        }
        assert!(Instant::now() < deadline, "sessions stay open: {sockets}");
        std::thread::yield_now();
    }
}

/// More sessions than the smallest ring takes end while nobody empties it.
fn overflow(tcplife: &Running, listener: &TcpListener) -> Vec<u16> {
    tcplife.hold();
    let clients = (0..60).map(|_| session(listener, V4, 1, 1)).collect();
    wait_until_over(listener);
    tcplife.signal(Signal::CONT);
    clients
}

#[test]
fn what_is_lost_is_counted_exactly() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let only = port(&listener).to_string();
    let mut tcplife = Running::json(&["-L", &only, "--ring-size", "4096"], &listener);
    let clients = overflow(&tcplife, &listener);
    let is_one = |line: &str| clients.iter().any(|c| json(line)["rport"] == *c);
    // the ring is empty again when the first of them is there
    let mut lines = tcplife.lines_until(is_one);
    let ended = tcplife.interrupt();
    ended.assert_well();
    lines.extend(ended.rest);
    let summary = json(&lines.pop().expect("a summary"));
    let rows = lines.iter().filter(|l| is_one(l)).count();
    let lost = summary["lost"].as_u64().expect("a number");
    assert!(rows > 0 && lost > 0, "{rows} rows, {summary}");
    assert_eq!(rows as u64 + lost, 60, "{summary}");
}

#[test]
fn what_is_lost_is_told_beside_the_rows() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let only = port(&listener).to_string();
    for format in ["text", "csv"] {
        let flags = ["-o", format, "-L", &only, "--ring-size", "4K"];
        let (mut tcplife, _) = Running::with_header(&flags);
        overflow(&tcplife, &listener);
        tcplife.line();
        let ended = tcplife.interrupt();
        assert!(ended.status.success());
        let missing = 60 - 1 - ended.rest.len();
        assert_eq!(ended.errors.lines().count(), 1, "{}", ended.errors);
        assert!(
            ended.errors.contains(&format!(" {missing} sessions"))
                && ended.errors.contains("--ring-size"),
            "{missing} of them are missing: {}",
            ended.errors
        );
    }
}

/// `tx` is known to user space only: the kernel cannot tell which of the lost ones it would have let through.
#[test]
fn what_is_lost_before_the_filter_is_asked_may_not_be_missing() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let only = port(&listener).to_string();
    let flags = ["-s", "-L", &only, "-f", "tx > 0", "--ring-size", "4K"];
    let (mut tcplife, _) = Running::with_header(&flags);
    overflow(&tcplife, &listener);
    tcplife.line();
    let ended = tcplife.interrupt();
    assert!(ended.status.success());
    let lost = 60 - 1 - ended.rest.len();
    assert_eq!(
        ended.errors,
        format!(
            "tcplife: up to {lost} sessions that match -f are missing above: {lost} ended while the ring buffer was \
             full, before the filter was asked. A greater --ring-size helps\n"
        )
    );
}

/// Namespaces and ports are the kernel's to decide of: what is not asked for takes no room.
#[test]
fn sessions_that_are_not_asked_for_fill_no_ring() {
    if !kernel_or_skip() {
        return;
    }
    let [listener, other] = listen_in_a_row();
    let ours = fs::metadata("/proc/self/ns/net").expect("/proc").ino();
    let (lport, not_there) = (port(&listener), port(&other));
    for (asked_for, not_asked_for) in [
        (format!("netns {ours}"), format!("netns {}", ours + 1)),
        (format!("port {lport}"), format!("port {not_there}")),
    ] {
        let rows = let_through(&["-f", &asked_for], || {
            vec![(lport, session(&listener, V4, 1, 1))]
        });
        assert_eq!(ends(&rows, &[lport]).len(), 2, "both ends: {asked_for}");
        let flags = ["-o", "csv", "-f", &not_asked_for, "--ring-size", "4096"];
        let (tcplife, _) = Running::with_header(&flags);
        overflow(&tcplife, &listener);
        let ended = tcplife.interrupt();
        ended.assert_well();
        assert_eq!(ended.rest.len(), 0, "{not_asked_for}");
    }
}

/// The two ends of a session are two rows, whichever of them closes first, and nothing else is.
#[test]
fn every_session_is_there_once() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let lport = port(&listener);
    let rows = let_through(&["-4"], || {
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
    let ends = ends(&rows, &[lport]);
    assert_eq!(ends.len(), 40);
    assert!(ends.windows(2).all(|w| w[0] != w[1]), "{ends:?}");
}

/// A control group that is removed when the test is over.
struct Group(PathBuf);

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
        if let Some(parent) = self.0.parent() {
            let _ = fs::remove_dir(parent);
        }
    }
}

/// Where cgroup2 is mounted, and can be written to.
fn cgroups() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let root = mounts.lines().find_map(|l| {
        let words: Vec<&str> = l.split(' ').collect();
        (words.get(2) == Some(&"cgroup2")).then(|| PathBuf::from(words[1]))
    })?;
    let group = root.join(format!("tcplife-test-{}", std::process::id()));
    let writable = fs::create_dir(&group).is_ok();
    let _ = fs::remove_dir(&group);
    writable.then_some(root)
}

#[test]
fn a_container_is_told_by_its_control_group() {
    if !kernel_or_skip() || !tool_or_skip(&["bash", "-c", "true"]) {
        return;
    }
    let Some(root) = cgroups() else {
        skip("no control groups (v2) that can be made here");
        return;
    };
    let id = format!(
        "{:064x}",
        0x00c0_ffee_0000_0000_u64 + u64::from(std::process::id())
    );
    let probe = listen(V4);
    let mut tcplife = Running::json(&[], &probe);
    // made after the start, as containers are
    let group = Group(root.join("docker").join(&id));
    fs::create_dir_all(&group.0).expect("a control group");
    let script = format!(
        "echo $$ > '{}/cgroup.procs' && exec 3<>/dev/tcp/127.0.0.1/{} && read -n 1 -u 3",
        group.0.display(),
        port(&probe)
    );
    let mut client = Command::new("bash")
        .args(["-c", &script])
        .spawn()
        .expect("bash can be started");
    let server = probe.accept().expect("bash connects").0;
    let rport = server.peer_addr().expect("it is connected").port();
    drop(server);
    client.wait().expect("bash ends");

    let row = tcplife.row_until(|row| row["lport"] == rport && row["rport"] == port(&probe));
    assert_eq!(row["container"], id[..12], "{row}");
    assert_eq!(row["runtime"], "docker", "{row}");
    assert_eq!(row["cgroup"], format!("/docker/{id}"), "{row}");
    // ours is where this test runs, which is no such container
    let pair = Pair::open(&probe, V4);
    let ours = pair.client_port();
    pair.close();
    let row = tcplife.row_until(|row| row["lport"] == ours);
    assert_ne!(row["container"], id[..12], "{row}");
    assert!(
        Path::new(&format!(
            "{}{}",
            root.display(),
            row["cgroup"].as_str().expect("a path")
        ))
        .is_dir()
    );
    tcplife.interrupt();
}
