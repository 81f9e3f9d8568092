//! Reverse DNS in the background.
//!
//! Addresses are looked up only while they are wanted, few at a time and slowly, so that a host in trouble gets no
//! extra load. One thread waits for all answers and requests; nobody waits for it. The hosts file takes precedence.
//! `ui::state::names` keeps the names.
//!
//! A stub resolver for a single kind of query: UDP to the servers of resolv.conf(5), one after the other. Only a host
//! name in plain ASCII is accepted as a name, whatever a stranger's server sends.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use domain::base::iana::Rcode;
use domain::base::{Message, MessageBuilder, Name, Rtype, ToName};
use domain::rdata::Ptr;
use resolv_conf::ScopedIp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::rand::{GetRandomFlags, getrandom};

use crate::host::bounded_file::read_regular;
use crate::host::interfaces;
use crate::host::thread;
use crate::host::waker::Waker;

/// Port of name servers.
const DNS: u16 = 53;
/// Maximum size of the hosts file: lists of unwanted hosts have megabytes.
const LARGEST_HOSTS: u64 = 64 << 20;
/// Maximum size of resolv.conf.
const LARGEST_CONF: u64 = 1 << 20;
/// Maximum number of queries in flight.
const MOST_AT_A_TIME: usize = 8;
/// Minimum time between two queries.
const QUERY_INTERVAL: Duration = Duration::from_millis(50);
/// Maximum size of a response: without EDNS a server sends no more (RFC 1035 §4.2.1).
const MOST_BYTES: usize = 512;
/// Minimum and maximum time that a name is kept.
const KEPT: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(24 * 3600));
/// Time that a missing name is remembered: negative answers carry a TTL, but seldom a useful one.
const KEPT_NONE: Duration = Duration::from_secs(10 * 60);
/// Time that a name from the hosts file is valid.
const KEPT_FROM_HOSTS: Duration = Duration::from_secs(60);
/// Delay before asking again when nobody answered.
const KEPT_UNANSWERED: Duration = Duration::from_secs(60);

/// Result of a lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub addr: IpAddr,
    /// Its name; `None`: it has none, or nobody answered.
    pub name: Option<Arc<str>>,
    /// Validity of the answer.
    pub ttl: Duration,
}

/// Resolver thread, which runs until this is dropped.
#[derive(Debug)]
pub struct Resolver {
    wanted: Sender<Vec<IpAddr>>,
    /// Lookup results.
    pub answers: Receiver<Answer>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl Resolver {
    /// Starts with this host's servers and hosts file.
    ///
    /// # Errors
    /// If the kernel refuses a descriptor or a thread.
    pub fn start() -> anyhow::Result<Self> {
        Resolver::with(|| Sources::of(Path::new("/etc")))
    }

    fn with(sources: impl Fn() -> Sources + Send + 'static) -> anyhow::Result<Self> {
        let (wanted, told) = unbounded();
        let (tx, answers) = unbounded();
        let waker = Waker::new()?;
        let woken = waker.clone();
        let thread = thread::spawn("tcplife-names", move || {
            let mut work = Work {
                told,
                answers: tx,
                wanted: Vec::new(),
                questions: Vec::new(),
                next: Instant::now(),
                sources: Sources::default(),
            };
            while work.step(&woken, &sources) {}
        })?;
        Ok(Resolver {
            wanted,
            answers,
            waker,
            thread: Some(thread),
        })
    }

    /// Replaces the set of wanted addresses.
    pub fn set_wanted(&self, addresses: Vec<IpAddr>) {
        // if the thread has exited, addresses stay addresses
        let _ = self.wanted.send(addresses);
        self.waker.wake();
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        // the thread exits when the sender is dropped
        self.wanted = unbounded().0;
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Name servers and hosts file.
#[derive(Clone, Debug, Default)]
struct Sources {
    hosts: HashMap<IpAddr, Arc<str>>,
    servers: Vec<SocketAddr>,
    timeout: Duration,
    /// Maximum number of queries for one address, to one server after the other.
    tries: usize,
}

impl Sources {
    /// Reads the files in `etc`. An unreadable file counts as empty.
    fn of(etc: &Path) -> Self {
        let hosts = read_regular(&etc.join("hosts"), LARGEST_HOSTS).unwrap_or_default();
        let conf = read_regular(&etc.join("resolv.conf"), LARGEST_CONF).unwrap_or_default();
        let (conf, _) = resolv_conf::Config::parse_with_errors(&conf);
        let mut servers: Vec<_> = conf.nameservers.iter().map(server).collect();
        if servers.is_empty() {
            servers.push((Ipv4Addr::LOCALHOST, DNS).into()); // by resolv.conf(5)
        }
        let tries = servers.len() * (conf.attempts.clamp(1, 2) as usize);
        Sources {
            hosts: read_hosts(&String::from_utf8_lossy(&hosts)),
            servers,
            timeout: Duration::from_secs(conf.timeout.clamp(1, 3).into()),
            tries: tries.min(4),
        }
    }
}

/// Returns a server's address. A link-local one needs an interface, which resolv.conf(5) names or numbers after a `%`.
fn server(ip: &ScopedIp) -> SocketAddr {
    let number = |zone: &String| {
        let number = zone.parse::<u32>().ok();
        number.or_else(|| interfaces::index_of(zone))
    };
    match ip {
        ScopedIp::V4(a) => (*a, DNS).into(),
        ScopedIp::V6(a, zone) => {
            let scope = zone.as_ref().and_then(number).unwrap_or(0);
            SocketAddrV6::new(*a, DNS, 0, scope).into()
        }
    }
}

/// Parses hosts(5): the first name of an address is its own, the others are aliases.
fn read_hosts(text: &str) -> HashMap<IpAddr, Arc<str>> {
    let mut hosts = HashMap::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        if let (Some(addr), Some(name)) = (words.next(), words.next())
            && let (Ok(addr), Some(name)) = (addr.parse::<IpAddr>(), host_name(name))
        {
            hosts.entry(addr).or_insert(name);
        }
    }
    hosts
}

/// Accepts a host name: letters, digits, `-`, `_` and dots. Rejects a name whose last label is a number: it looks like
/// an address, possibly on purpose.
fn host_name(text: &str) -> Option<Arc<str>> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let last = text.rsplit('.').next()?;
    let is_number = last.chars().all(|c| c.is_ascii_digit());
    (text.len() <= 253 && text.chars().all(fits) && !is_number).then(|| text.into())
}

/// A query in flight.
struct Question {
    addr: IpAddr,
    id: u16,
    socket: Option<UdpSocket>,
    tried: usize,
    deadline: Instant,
}

/// State of the thread.
struct Work {
    told: Receiver<Vec<IpAddr>>,
    answers: Sender<Answer>,
    wanted: Vec<IpAddr>,
    questions: Vec<Question>,
    /// Earliest time of the next query.
    next: Instant,
    sources: Sources,
}

impl Work {
    /// Does the pending work, then waits. Returns false when nobody wants names any more.
    fn step(&mut self, woken: &Waker, sources: &impl Fn() -> Sources) -> bool {
        loop {
            match self.told.try_recv() {
                Ok(wanted) => self.wanted = wanted,
                Err(e) if e.is_disconnected() => return false,
                Err(_) => break,
            }
        }
        let mut now = Instant::now();
        let asked = |questions: &[Question], addr| questions.iter().any(|q| q.addr == addr);
        self.wanted.retain(|addr| !asked(&self.questions, *addr));
        if !self.wanted.is_empty() && self.questions.is_empty() {
            self.sources = sources(); // the files may have changed
            now = Instant::now();
        }
        self.answer_from_hosts();
        if now >= self.next && self.questions.len() < MOST_AT_A_TIME && !self.wanted.is_empty() {
            let addr = self.wanted.remove(0);
            self.next = now + QUERY_INTERVAL;
            let mut question = Question {
                addr,
                id: 0,
                socket: None,
                tried: 0,
                deadline: now,
            };
            self.ask(&mut question);
            self.questions.push(question);
        }
        let mut waits: Vec<Instant> = self.questions.iter().map(|q| q.deadline).collect();
        if !self.wanted.is_empty() && self.questions.len() < MOST_AT_A_TIME {
            waits.push(self.next);
        }
        self.wait(woken, waits.into_iter().min());
        true
    }

    fn answer_from_hosts(&mut self) {
        let (hosts, answers) = (&self.sources.hosts, &self.answers);
        self.wanted.retain(|addr| {
            let name = hosts.get(addr).cloned();
            if name.is_some() {
                tell(answers, *addr, name.clone(), KEPT_FROM_HOSTS);
            }
            name.is_none()
        });
    }

    /// Waits for responses and requests, at most until `until`.
    fn wait(&mut self, woken: &Waker, until: Option<Instant>) {
        let mut fds = vec![PollFd::new(woken, PollFlags::IN)];
        let open = self.questions.iter().filter_map(|q| q.socket.as_ref());
        fds.extend(open.map(|socket| PollFd::new(socket, PollFlags::IN)));
        let wait = until.map(|t| t.saturating_duration_since(Instant::now()));
        // poll counts in whole ms: add one, so that it does not return just before
        let wait = wait.and_then(|t| Timespec::try_from(t + Duration::from_millis(1)).ok());
        if poll(&mut fds, wait.as_ref()).is_err() {
            return; // interrupted
        }
        woken.drain();
        let mut going = Vec::new();
        for mut question in std::mem::take(&mut self.questions) {
            match self.resolve(&mut question) {
                Some((name, ttl)) => tell(&self.answers, question.addr, name, ttl),
                None => going.push(question),
            }
        }
        self.questions = going;
    }

    /// Reads the response to a query; `None`: keep waiting.
    fn resolve(&mut self, question: &mut Question) -> Option<(Option<Arc<str>>, Duration)> {
        let mut bytes = [0; MOST_BYTES];
        let received = question.socket.as_ref().map(|s| s.recv(&mut bytes));
        match received {
            Some(Ok(n)) => {
                if let Some(answer) = understood(&bytes[..n], question) {
                    match answer {
                        Said::Name(name, ttl) => return Some((name, ttl)),
                        Said::Refused => question.deadline = Instant::now(),
                    }
                } // otherwise it is not for us
            }
            Some(Err(e)) if e.kind() == std::io::ErrorKind::WouldBlock => {}
            // nothing listens there
            Some(Err(_)) | None => question.deadline = Instant::now(),
        }
        if Instant::now() < question.deadline {
            return None;
        }
        if question.tried >= self.sources.tries {
            return Some((None, KEPT_UNANSWERED));
        }
        self.ask(question);
        None
    }

    /// Queries the next server. A server that cannot be queried counts as not answering.
    fn ask(&self, question: &mut Question) {
        let server = self.sources.servers[question.tried % self.sources.servers.len()];
        question.tried += 1;
        question.deadline = Instant::now() + self.sources.timeout;
        question.socket = None;
        let mut id = [0; 2];
        // this could fail only early at boot, before the kernel has entropy
        let _ = getrandom(&mut id, GetRandomFlags::empty());
        question.id = u16::from_ne_bytes(id);
        let local: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        // a new socket for each query: a new random port, and once connected it accepts packets only from that server
        let sent = UdpSocket::bind(local).and_then(|socket| {
            socket.set_nonblocking(true)?;
            socket.connect(server)?;
            if let Some(bytes) = asking(question.addr, question.id) {
                socket.send(&bytes)?;
            }
            Ok(socket)
        });
        question.socket = sent.ok();
    }
}

fn tell(answers: &Sender<Answer>, addr: IpAddr, name: Option<Arc<str>>, ttl: Duration) {
    // if the receiver is gone, nobody needs names
    let _ = answers.send(Answer { addr, name, ttl });
}

/// Builds the query for an address's name.
fn asking(addr: IpAddr, id: u16) -> Option<Vec<u8>> {
    let name = Name::<Vec<u8>>::reverse_from_addr(addr).ok()?;
    let mut builder = MessageBuilder::new_vec();
    builder.header_mut().set_id(id);
    builder.header_mut().set_rd(true);
    let mut builder = builder.question();
    builder.push((&name, Rtype::PTR)).ok()?;
    Some(builder.finish())
}

/// A server's response.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// The name, or `None` if there is none, and its TTL.
    Name(Option<Arc<str>>, Duration),
    /// This server cannot answer; another may.
    Refused,
}

/// Parses a response; `None` if it does not belong to the query.
fn understood(bytes: &[u8], question: &Question) -> Option<Said> {
    let message = Message::from_octets(bytes).ok()?;
    let header = message.header();
    let asked = message.first_question()?;
    let name = Name::<Vec<u8>>::reverse_from_addr(question.addr).ok()?;
    let is_ours = header.qr()
        && header.id() == question.id
        && asked.qtype() == Rtype::PTR
        && asked.qname().name_eq(&name);
    if !is_ours {
        return None;
    }
    match header.rcode() {
        Rcode::NXDOMAIN => return Some(Said::Name(None, KEPT_NONE)),
        Rcode::NOERROR => {}
        _ => return Some(Said::Refused),
    }
    let records = message.answer().ok()?.limit_to::<Ptr<_>>();
    let mut names: Vec<_> = records
        .flatten()
        .filter_map(|r| Some((host_name(&r.data().ptrdname().to_string())?, r.ttl())))
        .collect();
    // if there are several names, always take the same one
    names.sort();
    Some(match names.into_iter().next() {
        Some((name, ttl)) => {
            let ttl = Duration::from_secs(ttl.as_secs().into());
            Said::Name(Some(name), ttl.clamp(KEPT.0, KEPT.1))
        }
        None => Said::Name(None, KEPT_NONE),
    })
}

#[cfg(test)]
mod tests {
    use domain::base::name::ToLabelIter;

    use super::*;

    /// A test server that answers as instructed.
    struct Server {
        addr: SocketAddr,
        asked: Receiver<IpAddr>,
    }

    /// Returns a name and a TTL; `None`: there is no such name.
    type Names = fn(IpAddr) -> Option<(&'static str, u32)>;

    fn serve(names: Names) -> Server {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let addr = socket.local_addr().expect("it is bound");
        let (tx, asked) = unbounded();
        std::thread::spawn(move || {
            let mut bytes = [0; 512];
            while let Ok((n, from)) = socket.recv_from(&mut bytes) {
                let question = Message::from_octets(&bytes[..n]).expect("a message");
                let name = question.first_question().expect("a question");
                let name: Name<Vec<u8>> = name.qname().to_name();
                let [d, c, b, a] = [0, 1, 2, 3].map(|i| {
                    let label = name.iter_labels().nth(i).expect("a label");
                    label.to_string().parse::<u8>().expect("a number")
                });
                let addr = IpAddr::from([a, b, c, d]);
                if tx.send(addr).is_err() {
                    return;
                }
                let (code, ptr) = match names(addr) {
                    Some(("", _)) => continue, // does not answer
                    Some(("refused", _)) => (Rcode::REFUSED, None),
                    None => (Rcode::NXDOMAIN, None),
                    Some(answer) => (Rcode::NOERROR, Some(answer)),
                };
                let builder = MessageBuilder::new_vec();
                let mut answer = builder.start_answer(&question, code).expect("room");
                if let Some((ptr, ttl)) = ptr {
                    let ptr: Name<Vec<u8>> = ptr.parse().expect("a name");
                    let record = (&name, ttl, Ptr::new(ptr));
                    answer.push(record).expect("room");
                }
                let _ = socket.send_to(&answer.finish(), from);
            }
        });
        Server { addr, asked }
    }

    fn resolver(servers: Vec<SocketAddr>) -> Resolver {
        let hosts = read_hosts("192.0.2.9 printer printer.example # a comment\n::1 localhost\n");
        let sources = Sources {
            hosts,
            tries: servers.len() * 2,
            servers,
            timeout: Duration::from_millis(200),
        };
        Resolver::with(move || sources.clone()).expect("a thread")
    }

    fn addr(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn next(resolver: &Resolver) -> (IpAddr, Option<String>, u64) {
        let answer = resolver.answers.recv_timeout(Duration::from_secs(10));
        let Answer { addr, name, ttl } = answer.expect("an answer");
        (addr, name.map(|n| n.to_string()), ttl.as_secs())
    }

    #[test]
    fn resolver_answers_have_a_bounded_ttl() {
        let server = serve(|a| match a {
            _ if a == addr(1) => Some(("web-1.example.", 300)),
            _ if a == addr(2) => Some(("short.example.", 1)),
            _ => None,
        });
        let resolver = resolver(vec![server.addr]);
        resolver.set_wanted(vec![addr(1), addr(2), addr(3), addr(9)]);
        let mut all: Vec<_> = (0..4).map(|_| next(&resolver)).collect();
        all.sort();
        let name = |n: &str| Some(n.to_owned());
        assert_eq!(
            all,
            [
                (addr(1), name("web-1.example"), 300),
                (addr(2), name("short.example"), KEPT.0.as_secs()),
                (addr(3), None, KEPT_NONE.as_secs()),
                (addr(9), name("printer"), KEPT_FROM_HOSTS.as_secs()),
            ]
        );
        let asked: Vec<IpAddr> = server.asked.try_iter().collect();
        assert_eq!(asked, [addr(1), addr(2), addr(3)], "each once, in order");
    }

    #[test]
    fn resolver_invalid_host_name_becomes_none() {
        let server = serve(|a| {
            let all = [
                "\\027[2J.example.",
                "192.0.2.1.",
                "with\\032space.example.",
                "ok_1-x.example.",
            ];
            match a {
                IpAddr::V4(a) => Some((all[usize::from(a.octets()[3]) % 4], 60)),
                IpAddr::V6(_) => None,
            }
        });
        let resolver = resolver(vec![server.addr]);
        resolver.set_wanted((0..4).map(addr).collect());
        let mut all: Vec<_> = (0..4).map(|_| next(&resolver)).collect();
        all.sort();
        let names: Vec<_> = all.iter().map(|(_, name, _)| name.as_deref()).collect();
        assert_eq!(names, [None, None, None, Some("ok_1-x.example")]);
    }

    #[test]
    fn resolver_without_answer_tries_next_server_and_then_stops() {
        let silent = serve(|_| Some(("", 0)));
        let refuses = serve(|_| Some(("refused", 0)));
        let knows = serve(|_| Some(("found.example.", 60)));
        let one = resolver(vec![silent.addr, refuses.addr, knows.addr]);
        one.set_wanted(vec![addr(1)]);
        assert_eq!(next(&one).1.as_deref(), Some("found.example"));
        let none = resolver(vec![silent.addr]);
        none.set_wanted(vec![addr(1)]);
        assert_eq!(next(&none), (addr(1), None, KEPT_UNANSWERED.as_secs()));
        assert_eq!(silent.asked.try_iter().count(), 3, "twice, not for ever");
        // nothing listens there
        let gone = resolver(vec!["127.0.0.1:1".parse().expect("an address")]);
        gone.set_wanted(vec![addr(1)]);
        assert_eq!(next(&gone).1, None);
    }

    #[test]
    fn resolver_limits_queries_and_drops_addresses_no_longer_wanted() {
        let server = serve(|_| Some(("", 0)));
        let started = Instant::now();
        let resolver = resolver(vec![server.addr]);
        resolver.set_wanted((0..250).map(addr).collect());
        for _ in 0..4 {
            let _ = server.asked.recv_timeout(Duration::from_secs(10));
        }
        assert!(
            started.elapsed() >= QUERY_INTERVAL * 3,
            "{:?}",
            started.elapsed()
        );
        resolver.set_wanted(vec![]);
        // what is in flight is asked once more, and nothing else
        let mut answers = 0;
        while resolver
            .answers
            .recv_timeout(Duration::from_secs(1))
            .is_ok()
        {
            answers += 1;
        }
        assert!((4..=MOST_AT_A_TIME).contains(&answers), "{answers}");
    }

    #[test]
    fn resolver_drop_does_not_wait_for_pending_queries() {
        let server = serve(|_| Some(("", 0)));
        let resolver = resolver(vec![server.addr]);
        resolver.set_wanted(vec![addr(1)]);
        let _ = server.asked.recv_timeout(Duration::from_secs(10));
        let before = Instant::now();
        drop(resolver);
        assert!(before.elapsed() < Duration::from_millis(150));
    }

    #[test]
    fn resolver_sources_are_read_from_hosts_and_resolv_conf() {
        let etc = tempfile::tempdir().expect("a directory");
        let of = |hosts: &str, conf: &str| {
            std::fs::write(etc.path().join("hosts"), hosts).expect("a file");
            std::fs::write(etc.path().join("resolv.conf"), conf).expect("a file");
            Sources::of(etc.path())
        };
        let sources = of(
            "127.0.0.1 localhost\n127.0.0.1 other\nbad\n192.0.2.1 bad!name\n",
            "search example\nnameserver 192.0.2.53\nnameserver 2001:db8::53\nnameserver fe80::1%lo\noptions timeout:30 attempts:1\nnonsense\n",
        );
        assert_eq!(sources.hosts.len(), 1);
        assert_eq!(
            sources
                .hosts
                .get(&IpAddr::from([127, 0, 0, 1]))
                .map(|n| &**n),
            Some("localhost")
        );
        let servers: Vec<String> = sources.servers.iter().map(ToString::to_string).collect();
        let expected = ["192.0.2.53:53", "[2001:db8::53]:53", "[fe80::1%1]:53"];
        assert_eq!(servers, expected);
        assert_eq!((sources.tries, sources.timeout.as_secs()), (3, 3));
        let sources = Sources::of(Path::new("/none"));
        assert_eq!(
            sources.servers,
            ["127.0.0.1:53".parse().expect("an address")]
        );
    }
}
