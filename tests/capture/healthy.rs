//! A busy host on which nothing is wrong: real servers with real loads. Nothing may be found there.
//!
//! It is watched for some seconds with the servers that are installed. `make healthy` watches it for ten minutes under
//! full load, and wants them all.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::kept::Kept;
use crate::common::netns::Netns;
use crate::common::requirements::{kernel_or_skip, skip};
use crate::common::running::{Running, json};
use crate::services::{cluster, serve};

/// Environment variable with the time to watch, such as `10m`; every server must be there then.
const DURATION: &str = "TCPLIFE_HEALTHY";
/// Time to watch without it.
const SHORT: &str = "15s";

/// Time for the start and the exit of tcplife on a host that is as busy as that.
const STARTS: Duration = Duration::from_secs(60);

/// Address of all servers: no other test has it.
const HERE: &str = "10.98.0.1";

/// A server and its clients.
struct Service {
    name: &'static str,
    port: u16,
    /// Commands that show that its programs are installed.
    needs: &'static [&'static [&'static str]],
    start: fn(&mut Host, u16),
}

const SERVICES: &[Service] = &[
    Service {
        name: "nginx with wrk",
        port: 8080,
        needs: &[&["nginx", "-v"], &["sh", "-c", "command -v wrk"]],
        start: nginx,
    },
    Service {
        name: "Redis with redis-benchmark",
        port: 6379,
        needs: &[
            &["redis-server", "--version"],
            &["redis-benchmark", "--version"],
        ],
        start: redis,
    },
    Service {
        name: "iperf3",
        port: 5201,
        needs: &[&["iperf3", "--version"]],
        start: iperf3,
    },
    Service {
        name: "sshd with an idle session",
        port: 2222,
        needs: &[&["sh", "-c", "command -v /usr/sbin/sshd"], &["ssh", "-V"]],
        start: sshd,
    },
    Service {
        name: "PostgreSQL with pgbench",
        port: 5432,
        needs: &[&["pgbench", "--version"], &["id", "-u", "postgres"]],
        start: postgresql,
    },
];

impl Service {
    fn is_installed(&self) -> bool {
        let works = |probe: &&[&str]| {
            let mut command = Command::new(probe[0]);
            let quiet = command.args(&probe[1..]).stdin(Stdio::null());
            quiet.output().is_ok_and(|output| output.status.success())
        };
        self.needs.iter().all(works)
    }
}

/// The host: a network namespace with servers, and clients that come in bursts or stay.
struct Host {
    netns: Netns,
    directory: tempfile::TempDir,
    servers: Vec<Kept>,
    clients: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    /// Length of a burst, s, and the time between two.
    burst_s: u32,
    pause: Duration,
}

impl Host {
    fn new(is_full: bool) -> Host {
        let netns = Netns::new();
        netns.ip(&format!("addr add {HERE}/32 dev lo"));
        Host {
            netns,
            directory: tempfile::tempdir().expect("a directory"),
            servers: Vec::new(),
            clients: Vec::new(),
            stop: Arc::default(),
            burst_s: if is_full { 20 } else { 1 },
            pause: Duration::from_secs(if is_full { 5 } else { 2 }),
        }
    }

    /// Starts a server, and waits until it accepts.
    fn serve(&mut self, mut command: Command, port: u16) {
        let server = self.netns.run(move || serve(&mut command, HERE, port));
        self.servers.push(server);
    }

    /// Runs a client until the end: again and again, with a pause between, if it exits by itself.
    fn client(&mut self, command: &str) {
        let words: Vec<String> = command.split(' ').map(Into::into).collect();
        let (stop, pause) = (Arc::clone(&self.stop), self.pause);
        let run = move || {
            let is_going_on = || !stop.load(Ordering::Relaxed);
            let wait = Duration::from_millis(50);
            while is_going_on() {
                let mut command = Command::new(&words[0]);
                command.args(&words[1..]).stdin(Stdio::null());
                command.stdout(Stdio::null()).stderr(Stdio::null());
                let mut client = Kept(command.spawn().expect("the client can be started"));
                while is_going_on() && client.exits_within(wait).is_none() {}
                let paused = Instant::now();
                while is_going_on() && paused.elapsed() < pause {
                    std::thread::sleep(wait);
                }
            }
        };
        // a thread is in the namespace of the one that starts it
        self.clients
            .push(self.netns.run(move || std::thread::spawn(run)));
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// Local ports of sessions that are open, or were a minute ago.
    fn served(&self) -> Vec<u16> {
        const ESTABLISHED: &str = "01";
        const TIME_WAIT: &str = "06";
        let read = || std::fs::read_to_string("/proc/thread-self/net/tcp").expect("/proc");
        let sockets = self.netns.run(read);
        let local = |line: &str| {
            let mut cells = line.split_whitespace().skip(1);
            let (local, state) = (cells.next()?, cells.nth(1)?);
            let port = u16::from_str_radix(local.rsplit(':').next()?, 16).ok()?;
            [ESTABLISHED, TIME_WAIT].contains(&state).then_some(port)
        };
        sockets.lines().filter_map(local).collect()
    }

    /// True if a finding is about this host, not about another test.
    fn has(&self, finding: &Value) -> bool {
        let subject = finding["subject"].as_str().unwrap_or_default();
        let is_port = |service: &Service| subject == format!(":{}", service.port);
        let last = subject.rsplit(' ').next().unwrap_or_default();
        let is_process = last.parse::<u32>().is_ok_and(|pid| {
            let namespace = std::fs::read_link(format!("/proc/{pid}/ns/net"));
            let ours = format!("net:[{}]", self.netns.id());
            namespace.is_ok_and(|path| path == Path::new(&ours))
        });
        subject.contains("10.98.0.") || SERVICES.iter().any(is_port) || is_process
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            let _ = client.join();
        }
    }
}

/// Pages over connections that are kept, and over one for each request.
fn nginx(host: &mut Host, port: u16) {
    let here = host.path("");
    std::fs::write(host.path("page"), [b'x'; 5000]).expect("a page");
    let text = format!(
        "daemon off; master_process off; pid {here}/pid; error_log {here}/error.log;
         events {{}}
         http {{ access_log off; client_body_temp_path {here}/a; proxy_temp_path {here}/b;
           fastcgi_temp_path {here}/c; uwsgi_temp_path {here}/d; scgi_temp_path {here}/e;
           server {{ listen {HERE}:{port}; root {here}; }} }}"
    );
    let configuration = host.path("nginx.conf");
    std::fs::write(&configuration, text).expect("a configuration");
    let mut command = Command::new("nginx");
    command.args(["-c", &configuration]);
    host.serve(command, port);
    let burst_s = host.burst_s;
    let page = format!("http://{HERE}:{port}/page");
    host.client(&format!("wrk -t1 -c20 -d{burst_s}s {page}"));
    host.client(&format!(
        "wrk -t1 -c4 -d{burst_s}s -H Connection:close {page}"
    ));
}

/// Questions as fast as they are answered, and a pool that nobody uses.
fn redis(host: &mut Host, port: u16) {
    let mut command = Command::new("redis-server");
    command.args(["--bind", HERE, "--save", "", "--appendonly", "no"]);
    command.args(["--protected-mode", "no", "--port", &port.to_string()]);
    host.serve(command, port);
    let questions = host.burst_s * 50_000;
    let to = format!("redis-benchmark -h {HERE} -p {port}");
    host.client(&format!("{to} -q -c 20 -n {questions} -t get,set,lpush"));
    host.client(&format!("{to} -c 30 -I"));
}

/// A transfer that goes on.
fn iperf3(host: &mut Host, port: u16) {
    let mut command = Command::new("iperf3");
    command.args(["-s", "-B", HERE, "-p", &port.to_string()]);
    host.serve(command, port);
    host.client(&format!("iperf3 -c {HERE} -p {port} -t 86400 -b 200M"));
}

/// A session in which nobody types.
fn sshd(host: &mut Host, port: u16) {
    let [host_key, key] = ["host-key", "key"].map(|name| host.path(name));
    for key in [&host_key, &key] {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f", key])
            .status();
        assert!(made.expect("ssh-keygen").success());
    }
    // it wants that directory, whatever it serves
    std::fs::create_dir_all("/run/sshd").expect("a directory");
    let mut command = Command::new("/usr/sbin/sshd");
    command.args(["-D", "-f", "/dev/null", "-h", &host_key]);
    for option in [
        format!("ListenAddress={HERE}:{port}"),
        format!("AuthorizedKeysFile={key}.pub"),
        "PidFile=none".into(),
        "StrictModes=no".into(),
        "UsePAM=no".into(),
    ] {
        command.args(["-o", &option]);
    }
    host.serve(command, port);
    host.client(&format!(
        "ssh -N -F /dev/null -i {key} -p {port} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes root@{HERE}"
    ));
}

/// Transactions at a rate.
fn postgresql(host: &mut Host, port: u16) {
    let data = host.directory.path().join("postgresql");
    std::fs::create_dir(&data).expect("a directory");
    std::fs::set_permissions(host.directory.path(), open_to_all()).expect("a directory");
    let server = host.netns.run(move || cluster(&data, HERE, port));
    host.servers.push(server);
    let to = format!("pgbench -h {HERE} -p {port} -U postgres");
    let fill = format!("{to} -i -q -s 2 postgres");
    let filled = host.netns.run(move || {
        let mut words = fill.split(' ');
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).env("PGSSLMODE", "disable");
        let begun = Instant::now();
        loop {
            let filled = command.output().expect("pgbench can be started");
            // it listens before it lets anybody in
            let error = String::from_utf8_lossy(&filled.stderr);
            if !error.contains("starting up") || begun.elapsed() > Duration::from_secs(60) {
                return filled;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    assert!(filled.status.success(), "{filled:?}");
    host.client(&format!("{to} -n -c 8 -R 100 -T 86400 postgres"));
    // each transaction over a connection of its own
    host.client(&format!("{to} -n -C -S -c 1 -R 5 -T 86400 postgres"));
}

/// Permissions of a directory that PostgreSQL may enter as another user.
fn open_to_all() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o755)
}

#[test]
fn healthy_busy_host_has_no_finding() {
    if !kernel_or_skip() {
        return;
    }
    let asked = std::env::var(DURATION).ok().filter(|time| !time.is_empty());
    let duration = asked.as_deref().unwrap_or(SHORT);
    let time: jiff::SignedDuration = duration.parse().expect("a time, such as 10m");
    let installed = |s: &&Service| {
        let is_there = s.is_installed();
        assert!(
            is_there || asked.is_none(),
            "{} is not installed: scripts/setup.sh test healthy",
            s.name
        );
        is_there
    };
    let services: Vec<&Service> = SERVICES.iter().filter(installed).collect();
    if services.is_empty() {
        return skip("none of the servers is installed");
    }
    let mut host = Host::new(asked.is_some());
    for service in &services {
        (service.start)(&mut host, service.port);
    }
    let flags = ["--findings", "-o", "json", "--duration", duration];
    let tcplife = Running::start(&flags);
    let ended = tcplife.wait_for(time.unsigned_abs() + STARTS);
    let served = host.served();
    for service in &services {
        let (name, port) = (service.name, service.port);
        assert!(served.contains(&port), "{name}: nobody uses it");
    }
    let lines: Vec<Value> = ended.rest.iter().map(|line| json(line)).collect();
    let found = |line: &&Value| line["finding"] != "missed" && host.has(line);
    let found: Vec<&Value> = lines.iter().filter(found).collect();
    let names: Vec<&str> = services.iter().map(|s| s.name).collect();
    let _ = writeln!(
        std::io::stderr(),
        "healthy host: {duration} of {}: {} found",
        names.join(", "),
        found.len()
    );
    assert!(found.is_empty(), "{found:#?}");
}
