//! A second process with sessions of its own, which follows orders.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{ChildStderr, ChildStdin, Command, Stdio};

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::common::kept::Kept;
use crate::common::loopback::{Pair, V4, listen, port};

const PUPPET: &str = "TCPLIFE_TEST_PUPPET";

/// Not a test: this program started again, as the puppet. It reads orders from stdin and answers on stderr.
#[test]
fn entry_point() {
    if std::env::var_os(PUPPET).is_none() {
        return;
    }
    let listener = listen(V4);
    let mut stream = None;
    let mut crowd = Vec::new();
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
            ("limit", _) => {
                let limit = Some(number as u64);
                let both = Rlimit {
                    current: limit,
                    maximum: limit,
                };
                setrlimit(Resource::Nofile, both).expect("a lower limit");
            }
            // with itself: two sessions each
            ("crowd", _) => crowd.extend((0..number).map(|_| Pair::open(&listener, V4))),
            ("disperse", _) => crowd.clear(),
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

pub(crate) struct Puppet {
    child: Kept,
    orders: ChildStdin,
    answers: BufReader<ChildStderr>,
}

impl Puppet {
    pub(crate) fn start() -> Puppet {
        let mut child = Command::new(std::env::current_exe().expect("a program"))
            .args(["--exact", "puppet::entry_point", "--nocapture"])
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

    pub(crate) fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Gives an order that the puppet can carry out alone, and returns its answer.
    pub(crate) fn order(&mut self, order: &str) -> u16 {
        self.begin(order);
        self.done(order)
    }

    /// Connects the puppet to this listener: our end, and the puppet's port.
    pub(crate) fn connect(&mut self, listener: &TcpListener) -> (TcpStream, u16) {
        self.order(&format!("connect {}", port(listener)));
        let (ours, peer) = listener.accept().expect("a connection");
        (ours, peer.port())
    }

    /// Makes the puppet send that many bytes to our end.
    pub(crate) fn send(&mut self, ours: &mut TcpStream, count: usize) {
        self.order(&format!("send {count}"));
        ours.read_exact(&mut vec![0; count]).expect("it was sent");
    }

    /// Sends that many bytes from our end to the puppet.
    pub(crate) fn receive(&mut self, ours: &mut TcpStream, count: usize) {
        ours.write_all(&vec![b'x'; count]).expect("it is connected");
        self.order(&format!("receive {count}"));
    }

    /// Closes the puppet's end, then ours.
    pub(crate) fn finish(&mut self, mut ours: TcpStream) {
        self.begin("finish");
        assert_eq!(ours.read(&mut [0]).expect("its FIN"), 0);
        drop(ours);
        self.done("finish");
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
}
