//! Ten instants of mixed traffic: what the dashboard shows when it goes back to them is what a replay of the same run shows.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};

use crate::common::loopback::{Pair, V4, V6, listen, port, session, v6_or_skip};
use crate::common::pty;
use crate::common::requirements::kernel_or_skip;
use crate::harness::{Seen, argv};

/// How long the traffic takes, and its sessions in a second.
const SHORT: (Duration, u64) = (Duration::from_secs(20), 400);
/// Variable with the duration of the long form, `make past`, and its rate.
const LONG: &str = "TCPLIFE_PAST";
const LONG_RATE: u64 = 4000;
/// Time from a baseline to the instant that is compared with it, s. Differences show after ten.
const BASELINE_S: i64 = 12;
/// Time for a screen of so many sessions, on a busy machine.
const SCREEN: Duration = Duration::from_secs(60);

/// Sessions of many kinds, at a rate, from two threads.
struct Traffic {
    is_over: Arc<AtomicBool>,
    made: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
    /// Ports of the servers.
    ports: Vec<u16>,
}

/// Where a thread of the traffic connects to.
struct Servers {
    v4: TcpListener,
    v6: TcpListener,
    /// Nobody listens there, and nobody else can.
    nobody: SocketAddr,
    _bound: OwnedFd,
}

impl Servers {
    fn new() -> Self {
        let bound = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        bind(&bound, &V4).expect("a port");
        let nobody = getsockname(&bound).expect("it is bound");
        Servers {
            v4: listen(V4),
            v6: listen(V6),
            nobody: nobody.try_into().expect("an address"),
            _bound: bound,
        }
    }

    /// Makes the session with this number. Every twentieth is refused, in every other one of stretches that become longer.
    fn make(&self, nth: u64) {
        let bytes = (nth % 7 * 100) as usize;
        match nth % 20 {
            0 if nth.isqrt() / 16 % 2 == 1 => {
                TcpStream::connect(self.nobody).expect_err("nobody listens");
            }
            1..=4 => drop(session(&self.v6, V6, bytes, 10)),
            5 => {
                let pair = Pair::open(&self.v4, V4);
                let at_once = Some(Duration::ZERO);
                set_socket_linger(&pair.server, at_once).expect("it is connected");
                drop(pair);
            }
            _ => drop(session(&self.v4, V4, 10, bytes)),
        }
    }
}

impl Traffic {
    fn start(rate: u64) -> Self {
        const THREADS: u64 = 2;
        let is_over = Arc::new(AtomicBool::new(false));
        let made = Arc::new(AtomicU64::new(0));
        let mut ports = Vec::new();
        let servers = (0..THREADS).map(|_| {
            let servers = Servers::new();
            ports.extend([port(&servers.v4), port(&servers.v6), servers.nobody.port()]);
            servers
        });
        let threads = servers.map(|servers| {
            let (is_over, made) = (Arc::clone(&is_over), Arc::clone(&made));
            std::thread::spawn(move || {
                let mut open: Vec<Pair> = (0..20).map(|_| Pair::open(&servers.v4, V4)).collect();
                let began = Instant::now();
                let mut nth = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let due = began.elapsed().as_micros() as u64 * rate / THREADS / 1_000_000;
                    let some = due.min(nth + 1000);
                    while nth < some {
                        servers.make(nth);
                        nth += 1;
                        made.fetch_add(1, Ordering::Relaxed);
                        // some live long, and move now and then
                        if nth % 10 == 0 {
                            let at = (nth / 10) as usize % open.len();
                            open[at].exchange(50, 500);
                        }
                        if nth % 500 == 0 {
                            open.remove(0).close();
                            open.push(Pair::open(&servers.v4, V4));
                        }
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
            })
        });
        let threads = threads.collect();
        Traffic {
            is_over,
            made,
            threads,
            ports,
        }
    }

    fn stop(self) {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("sessions can be made");
        }
    }
}

/// Everything that is compared of an instant.
struct Shown {
    /// The moment, as the first line names it.
    moment: String,
    /// All sessions of the table, each as a line of JSON with all fields.
    sessions: PathBuf,
    /// Top talkers, findings and baseline, below the tabs.
    screens: [String; 3],
}

impl Shown {
    fn sessions(&self) -> BTreeSet<String> {
        let text = fs::read_to_string(&self.sessions).expect("the sessions");
        let is_row = |line: &&str| !line.starts_with("{\"event\":\"summary\"");
        text.lines().filter(is_row).map(str::to_owned).collect()
    }

    /// How another program shows it differently. `is_long`: neither knows all that was before.
    fn differences(&self, other: &Shown, is_long: bool) -> Vec<String> {
        let mut all = Vec::new();
        let mut compare = |what: &str, one: &str, other: &str| {
            if one != other {
                all.push(format!(
                    "{}: {what}:\n{one}\nreplayed:\n{other}",
                    self.moment
                ));
            }
        };
        compare("moment", &self.moment, &other.moment);
        let names = ["talkers", "findings", "baseline"];
        for (name, (one, other)) in names.iter().zip(self.screens.iter().zip(&other.screens)) {
            match is_long {
                true => compare(name, &without_history(one), &without_history(other)),
                false => compare(name, one, other),
            }
        }
        let (one, other) = (self.sessions(), other.sessions());
        let only = |these: &BTreeSet<String>, those| {
            let only: Vec<String> = these.difference(those).cloned().collect();
            format!("{} only here, the first {:?}", only.len(), only.first())
        };
        if one != other {
            all.push(format!(
                "{}: live: {}; replayed: {}",
                self.moment,
                only(&one, &other),
                only(&other, &one)
            ));
        }
        assert!(one.len() > 100, "{}", self.moment);
        all
    }
}

/// A screen without what depends on all that was before: ages of findings, the number of sessions that are not kept, and of top
/// talkers the order of neighbors, which changes rarely, the bars of a minute, and those that are idle.
fn without_history(screen: &str) -> String {
    let mut lines = screen.lines();
    let mut shown: Vec<String> = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with("PROCESS (") {
            shown.extend(busy_talkers(line, lines));
            break;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        shown.push(match words[..] {
            [grave, _, ref rest @ ..] if grave.starts_with('!') => {
                format!("{grave} {}", rest.join(" "))
            }
            _ => {
                let known = line.split("; all sessions, unfiltered;").next();
                known.unwrap_or(line).to_owned()
            }
        });
    }
    shown.join("\n")
}

/// Name and figures of each talker that is not idle, in order, of panes side by side below their headings.
fn busy_talkers<'a>(heading: &str, lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let heading: Vec<char> = heading.chars().collect();
    let is_title = |at: usize| {
        let text: String = heading[at..].iter().take(10).collect();
        ["PROCESS (", "PEER (", "PORT (", "UNIT ("]
            .iter()
            .any(|title| text.starts_with(title))
    };
    let starts: Vec<usize> = (0..heading.len()).filter(|at| is_title(*at)).collect();
    let ends = starts.iter().skip(1).copied().chain([usize::MAX]);
    let panes: Vec<(usize, usize)> = starts.iter().copied().zip(ends).collect();
    let is_bar = |c: char| ('▁'..='█').contains(&c);
    let words = |line: &[char], (start, end): (usize, usize)| {
        let pane: String = line.iter().take(end).skip(start).collect();
        let words = pane
            .split_whitespace()
            .filter(|word| !word.contains(is_bar));
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    let is_figure = |word: &&String| !word.contains("MINUTE");
    // its title is two words
    let figures = panes.iter().map(|pane| {
        words(&heading, *pane)
            .iter()
            .skip(2)
            .filter(is_figure)
            .count()
    });
    let figures: Vec<usize> = figures.collect();
    assert!(
        panes.len() > 1 && figures.iter().all(|n| *n > 1),
        "{heading:?}"
    );
    let mut talkers = Vec::new();
    for line in lines {
        let line: Vec<char> = line.chars().collect();
        for (pane, figures) in panes.iter().zip(&figures) {
            let words = words(&line, *pane);
            let of_talker = words.iter().rev().take(*figures);
            if of_talker
                .clone()
                .any(|figure| figure != "0" && figure != "-")
            {
                talkers.push(words.join(" "));
            }
        }
    }
    talkers.sort_unstable();
    talkers
}

impl Seen {
    /// The screen below the tabs, and above the line of the keys.
    fn body(&self) -> String {
        let lines = self.lines();
        let tabs = lines.iter().position(|line| line.starts_with("Sessions  "));
        let body = &lines[tabs.map_or(0, |at| at + 1)..lines.len() - 1];
        body.iter()
            .map(|line| line.trim_end().to_owned() + "\n")
            .collect()
    }

    /// Opens a screen, and returns it.
    fn screen(&mut self, key: &str, title: &str) -> String {
        self.press(key);
        self.wait_within(SCREEN, title, |s| s.shows(title) && s.is_whole());
        // its sums may take some parts of work
        let mut body = String::new();
        while std::mem::replace(&mut body, self.body()) != body {
            self.pass(Duration::from_millis(150));
        }
        self.press("\x1b");
        self.wait_within(SCREEN, "the table", |s| !s.shows(title) && s.is_whole());
        body
    }

    /// Sets a baseline at the first time, goes to the second, and shows everything.
    fn shown_at(&mut self, (before, at): (i64, i64), folder: &Path, who: &str) -> Shown {
        let time = |at| {
            let time = Timestamp::from_second(at).expect("a time");
            time.strftime("%H:%M:%S").to_string()
        };
        self.go_to(&time(before));
        let (set, compared) = ("baseline set at ", "what has changed since a moment");
        let replaces = " again replaces the baseline of ";
        let asked = "m again replaces the baseline of ";
        self.press("m");
        self.wait_within(SCREEN, "a baseline", |s| {
            s.shows(set) || s.shows(compared) || s.shows(asked)
        });
        if self.shows(asked) {
            self.press("m");
            self.wait_within(SCREEN, "another baseline", |s| s.shows(set));
        }
        if self.shows(compared) {
            self.press("M");
            self.wait_within(SCREEN, "a question", |s| s.shows(replaces));
            self.press("M");
            self.wait_within(SCREEN, "a new baseline", |s| s.shows(set));
        }
        if self.shows(compared) {
            self.press("\x1b");
            self.wait_within(SCREEN, "the table", |s| !s.shows(compared));
        }
        self.go_to(&time(at));
        let line = self.lines()[0].clone();
        let moment = line
            .trim_start()
            .split("  ")
            .next()
            .unwrap_or_default()
            .to_owned();
        let name = &format!("{who}-{at}.json");
        self.press(&format!("e\x15{name}\r"));
        self.wait_within(SCREEN, "the sessions", |s| {
            s.shows("exported ") && s.shows(name)
        });
        let sessions = folder.join(name);
        eprintln!("{name}, {moment}: {} kB", self.memory());
        Shown {
            moment,
            sessions,
            screens: [
                self.screen("\x1b[15~", "who uses the network now"),
                self.screen("!", "what is wrong on this host"),
                self.screen("m", compared),
            ],
        }
    }

    /// Memory of the program, kB.
    fn memory(&self) -> u64 {
        let pid = self.pty.child.0.process_id().expect("it runs");
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.expect("a number")
    }
}

#[test]
fn past_of_mixed_traffic_at_ten_instants_is_that_of_its_recording() {
    if !kernel_or_skip() || !v6_or_skip() {
        return;
    }
    let long = std::env::var(LONG).ok();
    let (lasts, rate) = match &long {
        None => SHORT,
        Some(text) => {
            let span: jiff::SignedDuration = text.parse().expect("a duration like 5m");
            (span.unsigned_abs(), LONG_RATE)
        }
    };
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("run.jsonl.zst");
    let name = file.to_str().expect("UTF-8");
    // five minutes of it do not fit into the 64 MB of the default
    let config = folder.path().join("config.toml");
    fs::write(&config, "black-box-memory = \"256MB\"\n").expect("a file");
    let start = |flags: &[&str]| {
        let flags = [&["--config", config.to_str().expect("UTF-8")], flags].concat();
        let mut command = pty::command(&argv(&flags));
        command.env("TZ", "UTC");
        command.cwd(folder.path());
        let mut seen = Seen::sized(command, 50, 160);
        seen.wait_within(SCREEN, "the sessions", |s| {
            s.heading().is_some() && s.shows("  up ")
        });
        seen
    };
    let traffic = Traffic::start(rate);
    // one end of each
    let ports: Vec<String> = traffic.ports.iter().map(u16::to_string).collect();
    let mut live = start(&["--record", name, "-D", &ports.join(",")]);
    let mut instants = Vec::new();
    let began = Instant::now();
    for nth in 1..=11 {
        let due = lasts * nth / 11;
        live.wait_within(lasts + SCREEN, "the next instant", |_| {
            began.elapsed() >= due
        });
        instants.push(Timestamp::now().as_second() - 1);
    }
    let made = traffic.made.load(Ordering::Relaxed);
    traffic.stop();
    live.wait_within(SCREEN, "the end", |s| s.shows("open 0  closed "));
    eprintln!("{made} sessions, {} kB", live.memory());
    // each with the moment of its baseline
    let first = instants.remove(0);
    let instants: Vec<(i64, i64)> = instants
        .into_iter()
        .map(|at| (first.max(at - BASELINE_S), at))
        .collect();
    let show = |seen: &mut Seen, who: &str, instants: &[(i64, i64)]| -> Vec<Shown> {
        let shown = instants
            .iter()
            .map(|instant| seen.shown_at(*instant, folder.path(), who));
        let shown = shown.collect();
        seen.go_to_now();
        shown
    };
    let as_live = show(&mut live, "live", &instants);
    live.quit();
    let bytes = file.metadata().expect("it is there").len();
    eprintln!("{bytes} bytes recorded");
    let mut differences = Vec::new();
    // a replay reaches back by as many sessions as it keeps, so it must begin near to what it is to show
    let together = if long.is_some() { 1 } else { instants.len() };
    for (instants, as_live) in instants.chunks(together).zip(as_live.chunks(together)) {
        let (_, last) = instants.last().expect("one at least");
        let end = Timestamp::from_second(last + 3).expect("a time");
        let mut replayed = start(&["--replay", name, "--to", &end.to_string()]);
        // it has been read when nothing moves any more
        let mut written = 0;
        while std::mem::replace(&mut written, replayed.pty.written.len()) != written {
            replayed.pass(Duration::from_secs(1));
        }
        let as_replayed = show(&mut replayed, "replay", instants);
        replayed.quit();
        for (live, replayed) in as_live.iter().zip(&as_replayed) {
            differences.extend(live.differences(replayed, long.is_some()));
            fs::remove_file(&live.sessions).expect("it is there");
            fs::remove_file(&replayed.sessions).expect("it is there");
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    // there is something to compare on each screen
    let [talkers, findings, baseline] = [0, 1, 2].map(|screen| {
        let screens: BTreeSet<_> = as_live.iter().map(|shown| &shown.screens[screen]).collect();
        assert!(screens.len() > 5, "{screens:#?}");
        screens.into_iter().cloned().collect::<String>()
    });
    assert!(talkers.contains("PROCESS ("), "{talkers}");
    assert!(findings.contains("refuses connections"), "{findings}");
    assert!(baseline.contains("FAILED/s"), "{baseline}");
}
