//! A host of local services that talk to each other on 127.0.0.1, and the comparison with a baseline after a deploy: each
//! cause has one line, which leads to the sessions that make it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use crate::common::loopback::{V4, listen, port};
use crate::common::netns::Netns;
use crate::common::pty;
use crate::common::requirements::{kernel_or_skip, tool_or_skip};
use crate::harness::{Seen, brisk};

const SERVICE: &str = "TCPLIFE_TEST_SERVICE";
/// Time between the requests of a client.
const REQUESTS: Duration = Duration::from_millis(100);
/// Delay that stands for a reset.
const RESET: u64 = u64::MAX;

/// Not a test: this program started again, as a service that reads orders from stdin. It prints its port on stderr.
#[test]
fn entry_point() {
    if std::env::var_os(SERVICE).is_none() {
        return;
    }
    let listener = listen(V4);
    eprintln!("{}", port(&listener));
    let delay_ms = Arc::new(AtomicU64::new(0));
    let delay = Arc::clone(&delay_ms);
    std::thread::spawn(move || serve(&listener, &delay));
    for order in std::io::stdin().lines() {
        let order = order.expect("text");
        let (verb, number) = order.split_once(' ').unwrap_or((&order, "0"));
        let number: u64 = number.parse().expect("a number");
        match verb {
            "ask" => {
                let to = SocketAddr::new(V4.ip(), number as u16);
                std::thread::spawn(move || ask(to));
            }
            "keep" => {
                let to = SocketAddr::new(V4.ip(), number as u16);
                std::thread::spawn(move || keep_asking(to));
            }
            "delay" => delay_ms.store(number, Ordering::Relaxed),
            "reset" => delay_ms.store(RESET, Ordering::Relaxed),
            _ => panic!("cannot {order}"),
        }
    }
}

/// Answers questions, and resets connections instead if it is told to.
fn serve(listener: &TcpListener, delay: &Arc<AtomicU64>) {
    for client in listener.incoming() {
        let mut client = client.expect("a connection");
        let delay = Arc::clone(delay);
        std::thread::spawn(move || {
            while let Ok(1) = client.read(&mut [0]) {
                match delay.load(Ordering::Relaxed) {
                    RESET => {
                        let _ = set_socket_linger(&client, Some(Duration::ZERO));
                        return;
                    }
                    ms => {
                        std::thread::sleep(Duration::from_millis(ms));
                        let _ = client.write_all(b"a");
                    }
                }
            }
        });
    }
}

/// Asks again and again; what fails is of no interest to it.
fn ask(to: SocketAddr) {
    loop {
        if let Ok(mut stream) = TcpStream::connect(to) {
            let asked = stream.write_all(b"q");
            let _ = asked.and_then(|()| stream.read_exact(&mut [0]));
        }
        std::thread::sleep(REQUESTS);
    }
}

/// Asks again and again in one connection.
fn keep_asking(to: SocketAddr) {
    let mut stream = TcpStream::connect(to).expect("a connection");
    while stream.write_all(b"q").is_ok() && stream.read_exact(&mut [0]).is_ok() {
        std::thread::sleep(REQUESTS);
    }
}

/// A process of that name, until it is dropped.
struct Service {
    child: Child,
    orders: ChildStdin,
    port: u16,
    dir: PathBuf,
}

impl Service {
    fn start(netns: &Netns, name: &str) -> Service {
        let dir = std::env::temp_dir().join(format!("tcplife-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a directory");
        let program = dir.join(name);
        let _ = std::fs::remove_file(&program);
        let this = std::env::current_exe().expect("a program");
        std::os::unix::fs::symlink(this, &program).expect("a link");
        let mut child = netns.run(move || {
            Command::new(program)
                .args(["--exact", "local_services::entry_point", "--nocapture"])
                .env(SERVICE, "1")
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("it can be started")
        });
        let mut answers = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut answer = String::new();
        answers.read_line(&mut answer).expect("it runs");
        Service {
            orders: child.stdin.take().expect("a pipe"),
            port: answer.trim().parse().expect("a port"),
            child,
            dir,
        }
    }

    fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").expect("it runs");
    }

    fn ask(&mut self, other: &Service) {
        self.order(&format!("ask {}", other.port));
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// The lines of the differences.
fn differences(seen: &Seen) -> Vec<String> {
    let lines = seen.lines().into_iter();
    let lines = lines.skip_while(|l| !l.contains("WHO")).skip(1);
    lines.take_while(|l| !l.trim().is_empty()).collect()
}

#[test]
fn baseline_of_local_services_has_a_line_for_each_cause_and_enter_shows_its_sessions() {
    if !kernel_or_skip() || !tool_or_skip(&["ip", "link"]) {
        return;
    }
    let netns = Netns::new();
    let start = |name| Service::start(&netns, name);
    let [mut redis, mailer, mut search] = ["redis", "mailer", "search"].map(start);
    let [mut web, mut session_api, mut cart] = ["web", "session-api", "cart"].map(start);
    let cache = start("cache");
    session_api.ask(&redis);
    cart.ask(&mailer);
    web.ask(&search);
    web.ask(&session_api);
    web.ask(&cart);
    cart.ask(&cache);
    let mut seen = Seen::sized(pty::command(&brisk(&[])), 40, 140);
    seen.wait_for("the dashboard", |s| s.shows("COMM") && s.shows("open "));
    seen.press(&format!("Cnetns {}\r", netns.id()));
    // enough sessions to compare with
    let kept = |s: &Seen| {
        let line = s.lines().into_iter().find(|l| l.contains("closed "))?;
        let (_, count) = line.split_once("closed ")?;
        count
            .split_whitespace()
            .next()?
            .replace(',', "")
            .parse::<u32>()
            .ok()
    };
    seen.wait_for("traffic", |s| kept(s).is_some_and(|n| n > 400));
    seen.press("mm");
    seen.wait_for("patience", |s| {
        (4..10).any(|ago| s.shows(&format!("Too early: {ago} s")))
    });
    redis.order("reset");
    search.order("delay 80");
    let to_mailer = mailer.port;
    drop(mailer);
    let mut report = start("report");
    report.ask(&cache);
    report.ask(&cache);
    seen.wait_for("no more patience", |s| s.shows(" worse, "));
    let causes = [
        format!("session-api → redis {}", redis.port),
        format!("cart → mailer {to_mailer}"),
        format!("web → search {}", search.port),
        format!("report → cache {}", cache.port),
    ];
    seen.wait_for("a line for each cause", |s| {
        causes.iter().all(|cause| s.shows(cause))
    });
    // who has stopped is known after a while
    seen.wait_for("what is gone", |s| {
        differences(s)
            .iter()
            .any(|l| l.contains(&causes[1]) && l.contains("gone"))
    });
    let lines = differences(&seen);
    let picture = seen.picture();
    assert_eq!(lines.len(), causes.len(), "{picture}");
    let place = |cause: &str| lines.iter().position(|l| l.contains(cause)).expect(cause);
    let places = [0, 1, 2, 3].map(|i| place(&causes[i]));
    assert!(
        places[0] < 2 && places[1] < 2,
        "failures come first:\n{picture}"
    );
    assert_eq!(places[2..], [2, 3], "{picture}");
    let kind = |at: usize| lines[at].split_whitespace().next();
    assert_eq!(
        [0, 1, 2, 3].map(kind),
        [Some("worse"), Some("worse"), Some("worse"), Some("new")],
        "{picture}"
    );
    assert!(lines[places[0]].contains("FAILED/s"), "{picture}");
    assert!(lines[2].contains(" RESP "), "{picture}");
    // the sum agrees with the lines, which name the reason, and that nobody listens
    let refused = &lines[place(&causes[1])];
    assert!(refused.contains("no listener, gone"), "{picture}");
    assert!(picture.contains("3 worse, 1 new;"), "{picture}");
    // exactly what fails
    seen.click_on("session-api → redis");
    seen.press("\r");
    seen.wait_for("its failures", |s| {
        s.heading().is_some()
            && s.shows("filter: failed and comm session-api")
            && s.rows().len() > 10
            && s.is_whole()
    });
    let rows = seen.rows();
    for row in &rows {
        assert_eq!(row.ports.map(|p| p.1), Some(redis.port), "{row:?}");
        assert!(row.cell("STATUS").contains("reset"), "{row:?}");
    }
    seen.press("\x1b");
    seen.wait_for("the comparison again", |s| s.shows(&causes[0]));
    drop((redis, web, session_api, cart, search, cache, report));
    seen.press("\x03");
    seen.ends("^C", 0);
}

#[test]
fn baseline_service_that_becomes_slow_on_three_kept_connections_has_a_line_and_enter_shows_them() {
    if !kernel_or_skip() || !tool_or_skip(&["ip", "link"]) {
        return;
    }
    let netns = Netns::new();
    let mut postgres = Service::start(&netns, "postgres");
    let mut app = Service::start(&netns, "app");
    let keep = format!("keep {}", postgres.port);
    (0..3).for_each(|_| app.order(&keep));
    let mut seen = Seen::sized(pty::command(&brisk(&[])), 24, 80);
    seen.wait_for("the dashboard", |s| s.shows("COMM") && s.shows("open "));
    seen.press(&format!("Cnetns {}\r", netns.id()));
    seen.wait_for("three connections", |s| s.shows("open 3"));
    // enough answers to compare with
    seen.press("/turns > 20\r");
    seen.wait_for("many answers", |s| {
        s.shows("filter: turns > 20") && s.rows().len() == 3
    });
    seen.press("mm");
    seen.wait_for("patience", |s| {
        (4..10).any(|ago| s.shows(&format!("Too early: {ago} s")))
    });
    postgres.order("delay 200");
    let service = format!("app → postgres {}", postgres.port);
    seen.wait_for("the slow service", |s| s.shows(&service));
    seen.wait_for("its answers", |s| {
        let lines = differences(s);
        lines.len() == 1 && lines[0].starts_with("worse") && lines[0].contains(" answers")
    });
    let line = differences(&seen).concat();
    assert!(line.contains(" RESP "), "{line}");
    seen.press("\r");
    seen.wait_for("its connections", |s| {
        s.heading().is_some() && s.rows().len() == 3 && s.is_whole()
    });
    for row in seen.rows() {
        assert_eq!(row.ports.map(|p| p.1), Some(postgres.port), "{row:?}");
    }
    drop((postgres, app));
    seen.press("\x03");
    seen.ends("^C", 0);
}
