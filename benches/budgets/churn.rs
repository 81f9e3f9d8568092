//! Sessions as fast as this host can make them, or at a rate: connect and close, on loopback.
//!
//! Clients are threads of one process, servers of another, so that both sides have an owner. The processes are this
//! program again (`--role churn …`): they count their sessions exactly, and the CPU time they took. They exit by
//! themselves, whatever happens.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use serde_json::{Value, json};

use crate::{Absent, testbed};

/// The servers' port. It is in every row of these sessions, and above the ports that the kernel gives to clients,
/// here and in the host's other network namespaces.
pub(crate) const PORT: u16 = 64_000;
/// Client threads, and server threads.
pub(crate) const LANES: u32 = 4;
/// Maximum lead of a client over its server: a listener's queue must never be full, because the kernel then drops
/// handshakes.
const LEAD: u64 = 1024;

/// The traffic to make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) time: Duration,
    /// Connections per second, of all threads; `None`: as many as possible.
    pub(crate) rate: Option<u32>,
    pub(crate) talk: Talk,
}

/// The course of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Talk {
    /// Connected and closed at once, by both sides: nothing waits, and a connection costs its processes as little as
    /// possible.
    Bare,
    /// The same, but the client closes with a reset.
    Reset,
    /// The client sends a request, the server answers and closes: the least that a real connection does.
    Answer,
}

impl Talk {
    const NAMES: [(&str, Talk); 3] = [
        ("bare", Talk::Bare),
        ("reset", Talk::Reset),
        ("answer", Talk::Answer),
    ];

    fn name(self) -> &'static str {
        Talk::NAMES.iter().find(|n| n.1 == self).map_or("", |n| n.0)
    }

    fn of(name: &str) -> anyhow::Result<Self> {
        let found = Talk::NAMES.iter().find(|n| n.0 == name);
        found
            .map(|n| n.1)
            .with_context(|| format!("no talk is called {name}"))
    }
}

impl Load {
    /// As many connections as possible.
    pub(crate) fn fastest(time: Duration) -> Self {
        Load {
            time,
            rate: None,
            talk: Talk::Bare,
        }
    }

    /// This many connections per second.
    pub(crate) fn paced(time: Duration, rate: u32) -> Self {
        Load {
            rate: Some(rate),
            ..Load::fastest(time)
        }
    }

    /// Makes the traffic and waits for its end.
    pub(crate) fn run(self) -> anyhow::Result<Made> {
        self.start()?.wait()
    }

    /// Starts making the traffic.
    pub(crate) fn start(self) -> anyhow::Result<Running> {
        let child = testbed::role("churn")?
            .arg(self.time.as_nanos().to_string())
            .arg(self.rate.unwrap_or(0).to_string())
            .arg(self.talk.name())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the churn")?;
        Ok(Running(child))
    }
}

/// A running churn.
pub(crate) struct Running(Child);

impl Running {
    /// Waits for its end and returns the result.
    pub(crate) fn wait(self) -> anyhow::Result<Made> {
        let output = self.0.wait_with_output()?;
        ensure!(
            output.status.success(),
            "the churn ended: {}",
            output.status
        );
        let said: Value = serde_json::from_slice(&output.stdout).context("the churn's figures")?;
        let figure = |key: &str| said[key].as_u64().with_context(|| format!("no {key}"));
        let made = Made {
            connections: figure("connections")?,
            wall: Duration::from_nanos(figure("wall_ns")?),
            cpu: Duration::from_nanos(figure("cpu_ns")?),
        };
        let (failed, accepted) = (figure("failed")?, figure("accepted")?);
        ensure!(
            failed == 0 && accepted == made.connections,
            "the churn is not what it should be: {} connections, {accepted} accepted, {failed} failed",
            made.connections
        );
        until_over()?;
        Ok(made)
    }
}

/// Waits until the kernel has closed the sessions: the last packets may come after the processes have exited. A
/// socket in TIME_WAIT is not a session any more.
fn until_over() -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !fs::read_to_string("/proc/net/sockstat")?.contains("TCP: inuse 0 ") {
        ensure!(Instant::now() < deadline, "sessions of the churn stay open");
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// The traffic made. Nothing failed, as that would be an error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub(crate) connections: u64,
    pub(crate) wall: Duration,
    /// User and system time of the clients and the servers.
    pub(crate) cpu: Duration,
}

impl Made {
    /// Number of sessions: both ends of each connection.
    pub(crate) fn sessions(&self) -> u64 {
        2 * self.connections
    }

    pub(crate) fn connections_per_second(&self) -> f64 {
        self.connections as f64 / self.wall.as_secs_f64()
    }

    /// CPU time of the churn's own processes per connection, µs.
    pub(crate) fn cpu_us_a_connection(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.connections as f64
    }
}

/// State shared by a client and its server, in a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Lane {
    accepted: AtomicU64,
    /// Total connections of the client; [`u64::MAX`]: not known yet.
    total: AtomicU64,
}

/// `--role churn NANOSECONDS RATE TALK`: the clients, with the servers as a child.
pub(crate) fn role(arguments: &[String]) -> anyhow::Result<()> {
    let [nanoseconds, rate, talk] = arguments else {
        bail!("churn takes the time in ns, the rate and the talk");
    };
    let time = Duration::from_nanos(nanoseconds.parse()?);
    let rate: u32 = rate.parse()?;
    let talk = Talk::of(talk)?;
    testbed::end_after(time + Duration::from_secs(30));
    let lanes: &'static [Lane] = testbed::shared(LANES as usize)?;
    for lane in lanes {
        lane.total.store(u64::MAX, Ordering::Relaxed);
    }
    let listeners = (0..LANES).map(listen).collect::<anyhow::Result<Vec<_>>>()?;

    let limit = time + Duration::from_secs(30);
    let servers = testbed::fork(|| {
        testbed::end_after(limit);
        std::thread::scope(|scope| {
            for (listener, lane) in listeners.iter().zip(lanes) {
                scope.spawn(move || serve(listener, lane, talk));
            }
        });
    })?;
    let begin = Instant::now();
    let cpu_before = testbed::cpu_of_this_process()?;
    let clients: Vec<_> = (0..LANES)
        .zip(lanes)
        .map(|(number, lane)| {
            let plan = Plan {
                to: address(number),
                end: begin + time,
                pause: (rate > 0).then(|| Duration::from_secs(1) * LANES / rate),
                talk,
            };
            std::thread::spawn(move || plan.connect(lane))
        })
        .collect();
    let (mut connections, mut failed) = (0, 0);
    for client in clients {
        let Ok((made, not)) = client.join() else {
            bail!("a client panicked");
        };
        connections += made;
        failed += not;
    }
    let wall = begin.elapsed();
    let cpu = testbed::cpu_of_this_process()?.saturating_sub(cpu_before) + servers.wait()?;
    let accepted: u64 = lanes
        .iter()
        .map(|l| l.accepted.load(Ordering::Relaxed))
        .sum();
    println!(
        "{}",
        json!({
            "connections": connections,
            "failed": failed,
            "accepted": accepted,
            "wall_ns": wall.as_nanos() as u64,
            "cpu_ns": cpu.as_nanos() as u64,
        })
    );
    Ok(())
}

/// Each lane has an address of its own, so that none runs out of ports: a port in TIME_WAIT is not reused for a
/// second (`net.ipv4.tcp_tw_reuse`).
fn address(lane: u32) -> SocketAddrV4 {
    let host = Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + lane);
    SocketAddrV4::new(host, PORT)
}

fn listen(lane: u32) -> anyhow::Result<OwnedFd> {
    let fd = socket()?;
    sockopt::set_socket_reuseaddr(&fd, true)?;
    // so that the server regularly checks whether to exit
    sockopt::set_socket_timeout(&fd, Timeout::Recv, Some(Duration::from_millis(20)))?;
    let to = address(lane);
    rustix::net::bind(&fd, &to).with_context(|| format!("cannot bind {to}"))?;
    rustix::net::listen(&fd, 2 * LEAD as i32)?;
    Ok(fd)
}

fn socket() -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)
}

/// Accepts and closes until all connections are done.
fn serve(listener: &OwnedFd, lane: &Lane, talk: Talk) {
    let mut accepted = 0;
    let mut buffer = [0; 1000];
    while accepted < lane.total.load(Ordering::Relaxed) {
        match rustix::net::accept_with(listener, SocketFlags::CLOEXEC) {
            Ok(fd) => {
                if talk == Talk::Answer {
                    // the listener's timeout is inherited, and a client may be late
                    let asked = loop {
                        match rustix::io::read(&fd, &mut buffer) {
                            Err(Errno::AGAIN | Errno::INTR) => {}
                            asked => break asked,
                        }
                    };
                    // a client that has gone needs no answer
                    let _ = asked.and_then(|_| rustix::io::write(&fd, &buffer));
                }
                drop(fd);
                accepted += 1;
                lane.accepted.store(accepted, Ordering::Relaxed);
            }
            Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => {}
            Err(e) => {
                eprintln!("accept: {e}");
                return; // the sessions missing show it
            }
        }
    }
}

/// The task of a client.
#[derive(Clone, Copy)]
struct Plan {
    to: SocketAddrV4,
    end: Instant,
    pause: Option<Duration>,
    talk: Talk,
}

impl Plan {
    /// Connects and closes until the end. Returns the numbers of successes and failures.
    fn connect(self, lane: &Lane) -> (u64, u64) {
        let (mut made, mut failed) = (0_u64, 0);
        let mut next = Instant::now();
        loop {
            let now = Instant::now();
            if now >= self.end || failed > 100 {
                break;
            }
            if let Some(pause) = self.pause {
                // a late client catches up
                std::thread::sleep(next.saturating_duration_since(now));
                next += pause;
            }
            match self.session() {
                Ok(()) => made += 1,
                Err(e) => {
                    if failed == 0 {
                        eprintln!("a connection to {}: {e}", self.to);
                    }
                    failed += 1;
                }
            }
            // a connection that failed here may have been accepted there
            while made.saturating_sub(lane.accepted.load(Ordering::Relaxed)) > LEAD {
                std::thread::sleep(Duration::from_micros(100));
            }
        }
        lane.total.store(made, Ordering::Relaxed);
        (made, failed)
    }

    fn session(self) -> rustix::io::Result<()> {
        let fd = socket()?;
        rustix::net::connect(&fd, &self.to)?;
        match self.talk {
            Talk::Bare => {}
            Talk::Reset => sockopt::set_socket_linger(&fd, Some(Duration::ZERO))?,
            Talk::Answer => {
                let mut buffer = [0; 1000];
                rustix::io::write(&fd, &buffer[..100])?;
                while rustix::io::read(&fd, &mut buffer)? > 0 {}
            }
        }
        Ok(())
    }
}

/// `--role hold N LANE`: holds N idle sessions on the loopback address of that lane, with both ends here, until stdin is
/// closed.
pub(crate) fn hold_role(arguments: &[String]) -> anyhow::Result<()> {
    let [sessions, lane] = arguments else {
        bail!("hold takes a number of sessions and a lane");
    };
    let sessions: u64 = sessions.parse()?;
    let lane: u32 = lane.parse()?;
    testbed::end_after(Duration::from_secs(900));
    testbed::allow_descriptors(sessions + 100)?;
    let listener = listen(lane)?;
    let mut ends = Vec::new();
    for _ in 0..sessions / 2 {
        let client = socket()?;
        rustix::net::connect(&client, &address(lane))?;
        ends.push(client);
        ends.push(rustix::net::accept_with(&listener, SocketFlags::CLOEXEC)?);
    }
    println!("ready");
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}

/// Idle sessions, held until dropped by processes that have an address each.
pub(crate) struct Held(Vec<Child>);

impl Held {
    /// Sessions of a process: fewer than it may have descriptors, and than an address has ports.
    const OF_ONE: u64 = 19_000;
    /// Memory that a session takes, with both the kernel's part and that of tcplife, bytes.
    const MEMORY: u64 = 8_000;

    pub(crate) fn open(sessions: u64) -> anyhow::Result<Self> {
        if testbed::available_memory()? < sessions * Held::MEMORY {
            return Err(Absent("memory for that many sessions").into());
        }
        let mut held = Held(Vec::new());
        let mut left = sessions;
        for lane in 0.. {
            let of_this = left.min(Held::OF_ONE);
            if of_this == 0 {
                break;
            }
            left -= of_this;
            let child = testbed::role("hold")?
                .args([of_this.to_string(), lane.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()?;
            held.0.push(child);
        }
        for child in &mut held.0 {
            testbed::first_line(child).context("cannot open the idle sessions")?;
        }
        Ok(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for child in &mut self.0 {
            child.stdin = None;
        }
        for child in &mut self.0 {
            let _ = child.wait();
        }
    }
}

/// Throughput of iperf3 over loopback, bits per second.
pub(crate) fn iperf3(time: Duration) -> anyhow::Result<f64> {
    let mut server = Command::new("iperf3")
        .args(["-s", "-1", "-B", "127.0.0.1", "--forceflush"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start iperf3")?;
    let ready = testbed::line_with(&mut server, "listening");
    let seconds = format!("{:.0}", time.as_secs_f64().max(1.0));
    let run = ready.and_then(|()| {
        let mut client = Command::new("iperf3");
        client.args(["-c", "127.0.0.1", "-J", "-t", &seconds]);
        Ok(client.output()?)
    });
    let _ = server.kill();
    server.wait()?;
    let said: Value = serde_json::from_slice(&run?.stdout).context("what iperf3 says")?;
    let rate = &said["end"]["sum_received"]["bits_per_second"];
    rate.as_f64().with_context(|| format!("iperf3: {said}"))
}
