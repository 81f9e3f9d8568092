//! The processes that talk while a picture is taken: what a small web host does, and what goes wrong there.
//!
//! Each is this program in another role, with the name of what it plays.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::thread::set_name;

use crate::ip;

/// How long it lasts at the most, whatever happens.
const TRAFFIC: Duration = Duration::from_secs(90);

/// Who asks whom for what.
struct Talk {
    client: &'static str,
    from: &'static str,
    to: &'static str,
    request: usize,
    /// Requests a second, and on one connection.
    rate: u32,
    requests: u32,
}

/// Who answers, where, and with how much.
const SERVERS: &[(&str, u16, usize)] = &[
    ("nginx", 443, 180_000),
    ("sshd-session", 22, 900),
    ("postgres", 5432, 6_000),
    ("redis-server", 6379, 90),
    ("haproxy", 8443, 2_500),
];

/// Requests that are larger than this are answered with a reset.
const TOO_LARGE: usize = 950;

#[rustfmt::skip]
const TALKS: &[Talk] = &[
    Talk { client: "curl", from: "198.51.100.7", to: "10.20.0.5:443", request: 900, rate: 9, requests: 12 },
    Talk { client: "curl", from: "198.51.100.34", to: "10.20.0.5:443", request: 900, rate: 9, requests: 40 },
    Talk { client: "curl", from: "203.0.113.80", to: "10.20.0.5:443", request: 900, rate: 9, requests: 7 },
    Talk { client: "curl", from: "2001:db8:99::1f", to: "[2001:db8:20::5]:443", request: 900, rate: 9, requests: 90 },
    Talk { client: "ssh", from: "192.0.2.77", to: "10.20.0.5:22", request: 120, rate: 4, requests: 1000 },
    Talk { client: "api-worker", from: "10.20.0.9", to: "10.20.0.5:5432", request: 300, rate: 12, requests: 12 },
    Talk { client: "api-worker", from: "10.20.0.10", to: "10.20.0.5:5432", request: 300, rate: 12, requests: 12 },
    Talk { client: "celery", from: "10.20.0.9", to: "10.20.0.5:6379", request: 60, rate: 20, requests: 1000 },
    Talk { client: "checkout", from: "10.20.0.5", to: "10.0.0.5:8443", request: 400, rate: 6, requests: 3 },
    Talk { client: "billing-sync", from: "10.20.0.5", to: "10.0.0.5:8443", request: 980, rate: 3, requests: 1 },
    // nobody listens there
    Talk { client: "prometheus", from: "10.20.0.5", to: "10.20.0.5:9100", request: 10, rate: 2, requests: 1 },
];

/// Plays one of the processes, if these arguments ask for that.
pub(crate) fn role(args: &[&str]) -> bool {
    match args {
        ["serve", name, port, answer] => serve(
            name,
            port.parse().expect("a port"),
            answer.parse().expect("a size"),
        ),
        ["talk", number] => talk(&TALKS[number.parse::<usize>().expect("a number")]),
        _ => return false,
    }
    true
}

/// All processes; they end with this.
pub(crate) struct Traffic(Vec<Child>);

impl Drop for Traffic {
    fn drop(&mut self) {
        for process in &mut self.0 {
            // one that has ended by itself is as good
            let _ = process.kill().and_then(|()| process.wait());
        }
    }
}

/// Starts all of it, in this network namespace.
pub(crate) fn start() -> Traffic {
    ip("link set lo up");
    let host = |end: &str| {
        let end = end.parse::<SocketAddr>().map(|e| e.ip());
        end.expect("an address and a port")
    };
    let from = TALKS.iter().map(|t| t.from.parse().expect("an address"));
    let to = TALKS.iter().map(|t| host(t.to));
    for address in from.chain(to).collect::<BTreeSet<IpAddr>>() {
        match address {
            IpAddr::V4(a) => ip(&format!("addr add {a}/32 dev lo")),
            IpAddr::V6(a) => ip(&format!("-6 addr add {a}/128 dev lo nodad")),
        }
    }
    let mut processes = Vec::new();
    for (name, port, answer) in SERVERS {
        processes.push(run(&[
            "serve",
            name,
            &port.to_string(),
            &answer.to_string(),
        ]));
    }
    for number in 0..TALKS.len() {
        processes.push(run(&["talk", &number.to_string()]));
    }
    Traffic(processes)
}

fn run(args: &[&str]) -> Child {
    let own = std::env::current_exe().expect("the path of this program");
    Command::new(own)
        .args(args)
        .spawn()
        .expect("starting a process")
}

fn play(name: &str) {
    set_name(&std::ffi::CString::new(name).expect("a name")).expect("naming the process");
}

/// Answers every request, one process for all peers, until the traffic is over.
fn serve(name: &str, port: u16, answer: usize) {
    play(name);
    let listener = TcpListener::bind(("::", port)).expect("listening");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || {
                let mut stream = stream.expect("a peer");
                let mut request = [0; 1000];
                while let Ok(n @ 1..) = stream.read(&mut request) {
                    if n > TOO_LARGE {
                        // a close that leaves nothing behind: the peer is reset
                        let at_once = Some(Duration::ZERO);
                        rustix::net::sockopt::set_socket_linger(&stream, at_once)
                            .expect("SO_LINGER");
                        break;
                    }
                    if stream.write_all(&vec![b'x'; answer]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    std::thread::sleep(TRAFFIC);
}

/// Asks again and again, on one connection for a while and then on the next.
fn talk(talk: &Talk) {
    play(talk.client);
    let from = talk.from.parse().expect("an address");
    let to = talk.to.parse().expect("an address and a port");
    let pause = Duration::from_secs(1) / talk.rate;
    let end = Instant::now() + TRAFFIC;
    let mut answer = vec![0; 1 << 20];
    while Instant::now() < end {
        let Ok(mut stream) = connect_from(from, to) else {
            std::thread::sleep(pause);
            continue;
        };
        for _ in 0..talk.requests {
            if Instant::now() > end || stream.write_all(&vec![b'?'; talk.request]).is_err() {
                break;
            }
            std::thread::sleep(pause);
            if !matches!(stream.read(&mut answer), Ok(1..)) {
                break;
            }
        }
    }
}

fn connect_from(from: IpAddr, to: SocketAddr) -> std::io::Result<TcpStream> {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let family = if from.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let fd = socket(family, SocketType::STREAM, None)?;
    bind(&fd, &SocketAddr::new(from, 0))?;
    connect(&fd, &to)?;
    Ok(TcpStream::from(fd))
}
