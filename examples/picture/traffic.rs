//! The processes that communicate while a picture is taken: normal work of a small web host, and its failures.
//!
//! Each is this program in another role, under the name of the program that it plays.

use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::thread::set_name;

use crate::network::Network;

/// Maximum duration, whatever happens.
const TRAFFIC: Duration = Duration::from_secs(240);

/// Time from which on one server is slow: after the pictures of usual days.
const LATER: Duration = Duration::from_secs(75);

/// The side on which a process runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Host,
    World,
}

/// A server: its name, its port, and its response time, at first and from [`LATER`] on.
struct Server {
    name: &'static str,
    at: At,
    port: u16,
    thinks: [Duration; 2],
}

/// A client: its peer and its requests. Figures are typical; it is sometimes much less, and sometimes much more.
struct Talk {
    client: &'static str,
    at: At,
    /// `*` is any number, here and in `to`.
    from: &'static str,
    to: &'static str,
    /// Requests on one connection, and the bytes that each is answered with.
    requests: u32,
    answer: u32,
    pause: Duration,
    /// Number of connections at the same time.
    many: u32,
}

/// An answer of this size is a reset.
const RESET: u32 = 0;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[rustfmt::skip]
const SERVERS: &[Server] = &[
    Server { name: "nginx",        at: At::Host,  port: 443,  thinks: [ms(7), ms(7)] },
    Server { name: "sshd-session", at: At::Host,  port: 22,   thinks: [ms(1), ms(1)] },
    Server { name: "redis-server", at: At::Host,  port: 6379, thinks: [ms(0), ms(0)] },
    Server { name: "postgres",     at: At::World, port: 5432, thinks: [ms(4), ms(300)] },
    Server { name: "haproxy",      at: At::World, port: 8443, thinks: [ms(20), ms(20)] },
    Server { name: "caddy",        at: At::World, port: 443,  thinks: [ms(30), ms(30)] },
    Server { name: "postfix",      at: At::World, port: 25,   thinks: [ms(9), ms(9)] },
];

#[rustfmt::skip]
const TALKS: &[Talk] = &[
    Talk { client: "browser",  at: At::World, from: "198.51.100.*",    to: "10.20.0.5:443", requests: 2, answer: 24_000, pause: ms(120), many: 6 },
    Talk { client: "browser",  at: At::World, from: "203.0.113.*",     to: "10.20.0.5:443", requests: 2, answer: 40_000, pause: ms(250), many: 2 },
    Talk { client: "browser",  at: At::World, from: "2001:db8:99::*",  to: "[2001:db8:20::5]:443", requests: 2, answer: 30_000, pause: ms(120), many: 2 },
    Talk { client: "monitor",  at: At::World, from: "192.0.2.9",       to: "10.20.0.5:443", requests: 1, answer: 300, pause: ms(200), many: 1 },
    Talk { client: "wget",     at: At::World, from: "203.0.113.80",    to: "10.20.0.5:443", requests: 4000, answer: 180_000, pause: ms(40), many: 1 },
    Talk { client: "ssh",      at: At::World, from: "192.0.2.77",      to: "10.20.0.5:22", requests: 9000, answer: 700, pause: ms(150), many: 1 },
    Talk { client: "api-worker", at: At::Host, from: "10.20.0.5",      to: "10.20.0.9:5432", requests: 30, answer: 5_000, pause: ms(25), many: 2 },
    Talk { client: "celery",   at: At::Host,  from: "127.0.0.1",       to: "127.0.0.1:6379", requests: 900, answer: 90, pause: ms(15), many: 1 },
    Talk { client: "checkout", at: At::Host,  from: "10.20.0.5",       to: "10.0.0.5:8443", requests: 3, answer: 2_500, pause: ms(90), many: 1 },
    Talk { client: "webhooks", at: At::Host,  from: "10.20.0.5",       to: "198.51.100.*:443", requests: 1, answer: 400, pause: ms(150), many: 1 },
    Talk { client: "webhooks", at: At::Host,  from: "10.20.0.5",       to: "203.0.113.*:443", requests: 1, answer: 400, pause: ms(300), many: 1 },
    // the server rejects it
    Talk { client: "billing-sync", at: At::Host, from: "10.20.0.5",    to: "10.0.0.5:8443", requests: 1, answer: RESET, pause: ms(220), many: 1 },
    Talk { client: "mailer",   at: At::Host,  from: "10.20.0.5",       to: "203.0.113.25:25", requests: 1, answer: RESET, pause: ms(2500), many: 1 },
    Talk { client: "scanner",  at: At::World, from: "192.0.2.*",       to: "10.20.0.5:443", requests: 1, answer: RESET, pause: ms(4000), many: 1 },
    // nothing listens there
    Talk { client: "celery",   at: At::Host,  from: "10.20.0.5",       to: "10.20.0.9:6380", requests: 1, answer: 1, pause: ms(2000), many: 1 },
    Talk { client: "prometheus", at: At::Host, from: "10.20.0.5",      to: "10.20.0.10:9100", requests: 1, answer: 1, pause: ms(700), many: 1 },
    // no such host
    Talk { client: "backup",   at: At::Host,  from: "10.20.0.5",       to: "10.0.0.99:873", requests: 1, answer: 1, pause: ms(900), many: 1 },
];

/// Plays one of the processes, if these arguments ask for that.
pub(crate) fn role(args: &[&str]) -> bool {
    let number = |text: &str| text.parse::<usize>().expect("a number");
    match args {
        ["serve", which] => serve(&SERVERS[number(which)]),
        ["talk", which] => talk(&TALKS[number(which)]),
        _ => return false,
    }
    true
}

/// All processes; killed when this is dropped.
pub(crate) struct Traffic(Vec<Child>);

impl Drop for Traffic {
    fn drop(&mut self) {
        for process in &mut self.0 {
            // it may have exited by itself
            let _ = process.kill().and_then(|()| process.wait());
        }
    }
}

/// Starts all processes.
pub(crate) fn start(network: &Network) -> Traffic {
    let start = |name: &str, role: &str, number: usize, at: At| {
        let run = || run(name, &[role, &number.to_string()]);
        match at {
            At::Host => run(),
            At::World => network.in_world(run),
        }
    };
    let servers = SERVERS.iter().enumerate();
    let servers = servers.map(|(number, server)| start(server.name, "serve", number, server.at));
    let talks = TALKS.iter().enumerate();
    let talks = talks.map(|(number, talk)| start(talk.client, "talk", number, talk.at));
    Traffic(servers.chain(talks).collect())
}

fn run(name: &str, args: &[&str]) -> Child {
    let own = std::env::current_exe().expect("the path of this program");
    Command::new(own)
        .arg0(name)
        .args(args)
        .spawn()
        .expect("starting a process")
}

fn play(name: &str) {
    set_name(&std::ffi::CString::new(name).expect("a name")).expect("naming the process");
}

/// A random number from 0 to 1.
fn chance() -> f64 {
    RandomState::new().hash_one(()) as f64 / u64::MAX as f64
}

/// A random factor from an eighth to eight, seldom that far from 1.
fn times() -> f64 {
    8_f64.powf(chance() + chance() + chance() - 1.5)
}

/// Answers all requests, in one process for all peers, until the traffic ends.
fn serve(server: &'static Server) {
    play(server.name);
    let listener = TcpListener::bind(("::", server.port)).expect("listening");
    let started = Instant::now();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a peer");
            std::thread::spawn(move || {
                // a peer that has gone does not concern the others
                let _ = answer(&mut stream, server, started);
            });
        }
    });
    std::thread::sleep(TRAFFIC);
}

/// Answers requests, each of which begins with its own length and that of the answer.
fn answer(stream: &mut TcpStream, server: &Server, started: Instant) -> std::io::Result<()> {
    loop {
        let mut lengths = [[0; 4]; 2];
        stream.read_exact(lengths.as_flattened_mut())?;
        let [request, answer] = lengths.map(u32::from_be_bytes);
        stream.read_exact(&mut vec![0; request as usize])?;
        if answer == RESET {
            // a close that resets the connection
            rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;
            return Ok(());
        }
        let [at_first, later] = server.thinks;
        let is_later = started.elapsed() > LATER;
        let thinks = if is_later { later } else { at_first };
        std::thread::sleep(thinks.mul_f64(times()));
        stream.write_all(&vec![b'x'; answer as usize])?;
    }
}

/// Sends requests, on one connection for a while and then on the next, until the traffic ends.
fn talk(talk: &'static Talk) {
    play(talk.client);
    for _ in 0..talk.many {
        std::thread::spawn(|| {
            loop {
                // peers that are missing or hang up are part of the picture
                let _ = converse(talk);
                std::thread::sleep(talk.pause.mul_f64(times()));
            }
        });
    }
    std::thread::sleep(TRAFFIC);
}

fn converse(talk: &Talk) -> std::io::Result<()> {
    let mut stream = connect(talk)?;
    let requests = (f64::from(talk.requests) * times()).ceil() as u32;
    for _ in 0..requests {
        let request = (300.0 * times()) as u32;
        let answer = (f64::from(talk.answer) * times()) as u32;
        let lengths = [request, answer].map(u32::to_be_bytes);
        stream.write_all(&[lengths.as_flattened(), &vec![b'?'; request as usize]].concat())?;
        stream.read_exact(&mut vec![0; answer.max(1) as usize])?;
        std::thread::sleep(talk.pause.mul_f64(times()));
    }
    Ok(())
}

fn connect(talk: &Talk) -> std::io::Result<TcpStream> {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket, sockopt};
    let any = format!("{:.0}", 1.0 + chance() * 38.0);
    let from: IpAddr = talk.from.replace('*', &any).parse().expect("an address");
    let to = talk.to.replace('*', &any).parse();
    let to: SocketAddr = to.expect("an address and a port");
    let family = if from.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let fd = socket(family, SocketType::STREAM, None)?;
    // gives up on an unresponsive peer before the picture is taken
    sockopt::set_tcp_user_timeout(&fd, 3000)?;
    bind(&fd, &SocketAddr::new(from, 0))?;
    connect(&fd, &to)?;
    Ok(TcpStream::from(fd))
}
