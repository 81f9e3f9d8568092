//! Ground truth: generators make real sessions and record what they did; tcplife must report the same.
//!
//! `cargo test --test truth [NAME...]` runs the cases whose names contain one of the words; `-- --accuracy` also runs
//! libbpf-tools' tcplife beside them and prints how much of each it reports correctly.
//!
//! This file checks that the host allows it, and runs it: tcplife once for all cases, the cases in parallel, each in
//! its own processes and network namespaces (this binary again, `--generate CASE`). `cases` has the cases, `generator`
//! their building blocks, and `judge` compares.

#![expect(
    clippy::expect_used,
    reason = "a test: what cannot be done here fails it"
)]

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use serde_json::Value;
use tcplife::testing::collector::Features;

mod cases;
mod generator;
mod judge;
#[path = "../common/link.rs"]
mod link;
mod open_sessions;
mod reference_tool;
mod sys;
mod uring;

use cases::{CASES, Case, When};
use generator::{Cx, Family};
use judge::{Outcome, Story};
use open_sessions::KERNELS;

/// A case in one of its families.
#[derive(Clone, Copy)]
struct Run {
    index: usize,
    case: &'static Case,
    family: Family,
}

impl Run {
    fn all() -> Vec<Run> {
        let pairs = CASES
            .iter()
            .flat_map(|case| case.families.iter().map(move |&family| (case, family)));
        pairs
            .enumerate()
            .map(|(index, (case, family))| Run {
                index,
                case,
                family,
            })
            .collect()
    }

    fn name(&self) -> String {
        let family = match self.family {
            Family::V4 => "v4",
            Family::V6 => "v6",
            Family::Mapped => "mapped",
        };
        format!("{}/{family}", self.case.name)
    }
}

/// Command line, as `cargo test` or a user writes it.
#[derive(Default)]
struct Arguments {
    list: bool,
    accuracy: bool,
    exact: bool,
    words: Vec<String>,
    skip: Vec<String>,
}

impl Arguments {
    fn read() -> Self {
        let mut arguments = Arguments::default();
        let mut given = std::env::args().skip(1);
        while let Some(argument) = given.next() {
            match argument.as_str() {
                "--list" => arguments.list = true,
                // no case is ignored
                "--ignored" => arguments.skip.push(String::new()),
                "--accuracy" => arguments.accuracy = true,
                "--exact" => arguments.exact = true,
                "--skip" => arguments.skip.extend(given.next()),
                // libtest's, with a value of their own
                "--format" | "--color" | "--test-threads" | "--logfile" | "-Z" => {
                    given.next();
                }
                flag if flag.starts_with('-') => (),
                word => arguments.words.push(word.to_owned()),
            }
        }
        arguments
    }

    fn wants(&self, name: &str) -> bool {
        let fits = |word: &String| {
            if self.exact {
                name == word
            } else {
                name.contains(word.as_str())
            }
        };
        (self.words.is_empty() || self.words.iter().any(fits)) && !self.skip.iter().any(fits)
    }
}

fn main() -> ExitCode {
    let mut given = std::env::args().skip(1);
    match given.next().as_deref() {
        Some("--generate") => return generate(&given.next().expect("a case")),
        Some("--serve-inherited") => {
            let mut number = || given.next()?.parse().ok();
            let fd: i32 = number().expect("a descriptor");
            let has_read = number().and_then(|n| usize::try_from(n).ok());
            // SAFETY: the process before the exec handed it over, and nothing else here knows of it.
            let fd = unsafe { OwnedFd::from_raw_fd(fd) };
            cases::serve_inherited(fd, has_read.expect("a count"));
            return ExitCode::SUCCESS;
        }
        Some("--sit-on-inherited") => {
            sys::mortal(sys::LIFETIME);
            // until the suite closes its side
            let _ = rustix::io::read(rustix::stdio::stdin(), &mut [0; 1]);
            return ExitCode::SUCCESS;
        }
        _ => (),
    }
    let arguments = Arguments::read();
    let runs: Vec<Run> = Run::all()
        .into_iter()
        .filter(|run| arguments.wants(&run.name()))
        .collect();
    if arguments.list {
        for run in &runs {
            println!("{}: test", run.name());
        }
        return ExitCode::SUCCESS;
    }
    if let Some(why) = cannot_run() {
        if std::env::var_os("TCPLIFE_REQUIRE_KERNEL").is_some_and(|v| v == "1") {
            println!(
                "truth: FAILED, because it must run here (TCPLIFE_REQUIRE_KERNEL=1) and cannot: {why}"
            );
            return ExitCode::FAILURE;
        }
        println!("*** truth: SKIPPED, NOTHING WAS TESTED: {why}");
        return ExitCode::SUCCESS;
    }
    if runs.is_empty() {
        println!("truth: 0 passed, 0 failed");
        return ExitCode::SUCCESS;
    }
    // it takes seconds; a run that has not exited by then never will
    sys::mortal(300);
    let failed = suite(&runs, arguments.accuracy);
    let again: Vec<Run> = runs
        .into_iter()
        .filter(|run| failed.contains(&run.name()))
        .collect();
    // The bounds of times come from processes, which a busy machine may hold up. What is wrong stays wrong.
    let failed = if (1..=2).contains(&failed.len()) && again.len() == failed.len() {
        println!("\ntruth: again, with nothing beside it");
        suite(&again, false)
    } else {
        failed
    };
    ExitCode::from(u8::from(!failed.is_empty()))
}

fn cannot_run() -> Option<String> {
    if !geteuid().is_root() {
        return Some("it takes root, for BPF and for network namespaces".into());
    }
    for tool in ["ip", "ss"] {
        if Command::new(tool).arg("-V").output().is_err() {
            return Some(format!("`{tool}` is missing, which iproute2 has"));
        }
    }
    let config = tcplife::testing::collector::CollectorConfig::for_tests();
    match tcplife::testing::collector::start(config) {
        Ok(collector) => collector.join().err().map(|e| format!("{e:#}")),
        Err(e) => Some(format!("{e:#}")),
    }
}

/// Plays one case, in this process and its children.
fn generate(name: &str) -> ExitCode {
    sys::mortal(sys::LIFETIME);
    let run = Run::all().into_iter().find(|run| run.name() == name);
    let run = run.unwrap_or_else(|| panic!("no case {name}"));
    let cx = Cx::new(run.family, run.index);
    (run.case.run)(&cx);
    cx.settle();
    ExitCode::SUCCESS
}

/// A running `tcplife -o json`.
struct Tcplife {
    child: Child,
    rows: Receiver<Value>,
    seen: Vec<Value>,
}

impl Tcplife {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tcplife"))
            .args(["-o", "json"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("tcplife starts");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let (tx, rows) = unbounded();
        std::thread::spawn(move || {
            for line in out.lines() {
                let line = line.expect("tcplife's output");
                let row = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
                if tx.send(row).is_err() {
                    break;
                }
            }
        });
        Tcplife {
            child,
            rows,
            seen: Vec::new(),
        }
    }

    /// Waits until a session made for this purpose is shown: all that closed before are shown by then, too.
    fn probe(&mut self) {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            assert!(Instant::now() < end, "tcplife shows nothing");
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let addr = listener.local_addr().expect("an address");
            drop(TcpStream::connect(addr).expect("loopback"));
            drop(listener.accept());
            let patience = Instant::now() + Duration::from_millis(300);
            while let Ok(row) = self.rows.recv_deadline(patience) {
                let shown = row["lport"] == addr.port();
                self.seen.push(row);
                if shown {
                    return;
                }
            }
        }
    }

    /// Waits until the condition holds, at most that long.
    fn wait_until(&mut self, time: Duration, so: impl Fn(&[Value]) -> bool) {
        let end = Instant::now() + time;
        while !so(&self.seen) {
            match self.rows.recv_deadline(end) {
                Ok(row) => self.seen.push(row),
                Err(_) => return,
            }
        }
    }

    fn stop(mut self) -> Vec<Value> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
        self.seen.extend(self.rows.iter());
        let status = self.child.wait().expect("tcplife ends");
        assert!(status.success(), "tcplife: {status}");
        self.seen
    }
}

/// A message from a case's processes.
enum News {
    /// These sessions are open.
    Ready(Vec<Value>),
    Ended(Box<Story>),
}

/// Runs one case's processes until they exit.
fn play(run: Run, go: &Receiver<()>, news: &Sender<News>) -> Story {
    let mut story = Story::new(run.name());
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--generate", &run.name()])
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a generator");
    let mut stdin = child.stdin.take().expect("piped");
    let mut standing = Vec::new();
    let out = BufReader::new(child.stdout.take().expect("piped"));
    for line in out.lines() {
        let line = line.expect("the generator's output");
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        if let Some(fds) = said["netns_fds"].as_array() {
            for fd in fds {
                let path = format!("/proc/{}/fd/{fd}", said["pid"]);
                let space = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
                story.spaces.push(space.into());
            }
            let _ = stdin.write_all(b"."); // it may have failed, and reports why
        } else if said["ready"] == true {
            let _ = news.send(News::Ready(std::mem::take(&mut standing)));
            let _ = go.recv(); // disconnected when all may continue
            let _ = stdin.write_all(b"."); // it may have failed, and reports why
        } else if said["stands"].is_object() {
            standing.push(said["stands"].clone());
        } else if let Some(why) = said["skipped"].as_str() {
            story.skipped = Some(why.to_owned());
        } else {
            story.told.push(said);
        }
    }
    let mut complaints = String::new();
    let mut stderr = child.stderr.take().expect("piped");
    let _ = stderr.read_to_string(&mut complaints);
    let status = child.wait().expect("the generator ends");
    if !status.success() || !complaints.is_empty() {
        story.broken = Some(format!("{status}: {}", complaints.trim()));
    }
    story
}

/// Runs the cases, prints the results, and returns the names of those that failed.
fn suite(runs: &[Run], accuracy: bool) -> Vec<String> {
    // a panic on any thread ends the run at once: other threads may wait for what will never come
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        report(info);
        std::process::exit(101);
    }));
    let begun = Instant::now();
    let (before, during): (Vec<Run>, Vec<Run>) =
        runs.iter().partition(|run| run.case.when == When::Before);
    let (news_tx, news) = unbounded();
    let (go_tx, go) = bounded::<()>(0);
    let mut stories = Vec::new();
    let mut live: Vec<Outcome> = Vec::new();

    std::thread::scope(|scope| {
        // in parallel, as they wait for long
        let checks: [fn(Features) -> Outcome; 3] = [
            open_sessions::find_idle_worker,
            open_sessions::follow_what_changes,
            open_sessions::change_between_parts,
        ];
        let both = |check: fn(Features) -> Outcome| {
            KERNELS.map(|kernel| scope.spawn(move || check(kernel)))
        };
        let checks = (!before.is_empty() && !accuracy).then(|| checks.map(both));
        for &run in &before {
            let (news_tx, go) = (news_tx.clone(), go.clone());
            scope.spawn(move || {
                let story = play(run, &go, &news_tx);
                let _ = news_tx.send(News::Ended(Box::new(story)));
            });
        }
        let (mut ready, mut standing) = (0, Vec::new());
        while ready + stories.len() < before.len() {
            match news.recv().expect("news") {
                News::Ready(sessions) => {
                    ready += 1;
                    standing.extend(sessions);
                }
                News::Ended(story) => stories.push(*story),
            }
        }

        let mut tcplife = Tcplife::start();
        tcplife.probe();
        let peer = accuracy.then(reference_tool::Peer::start);
        if !before.is_empty() && !accuracy {
            live.extend(KERNELS.map(|kernel| open_sessions::compare_with_ss(&standing, kernel)));
        }
        drop(go_tx);

        let queue: Mutex<VecDeque<Run>> = Mutex::new(during.iter().copied().collect());
        std::thread::scope(|workers| {
            for _ in 0..8 {
                let (news_tx, go, queue) = (news_tx.clone(), go.clone(), &queue);
                workers.spawn(move || {
                    loop {
                        let next = queue.lock().expect("no worker panics").pop_front();
                        let Some(run) = next else { return };
                        let story = play(run, &go, &news_tx);
                        let _ = news_tx.send(News::Ended(Box::new(story)));
                    }
                });
            }
        });
        while stories.len() < runs.len() {
            if let News::Ended(story) = news.recv().expect("news") {
                stories.push(*story);
            }
        }
        // some sessions are closed by a timer, long after their processes have exited
        tcplife.wait_until(Duration::from_secs(10), |rows| {
            stories.iter().all(|story| story.is_complete(rows))
        });
        tcplife.probe();
        let rows = tcplife.stop();
        let order = |story: &Story| runs.iter().position(|run| run.name() == story.name);
        stories.sort_by_key(order);
        let theirs = peer.map(|peer| peer.and_then(reference_tool::Peer::stop));
        let checks = checks.into_iter().flatten().flatten();
        live.extend(checks.map(|check| check.join().expect("no panic")));
        finish(&stories, &rows, std::mem::take(&mut live), theirs, begun)
    })
}

fn finish(
    stories: &[Story],
    rows: &[Value],
    live: Vec<Outcome>,
    theirs: Option<Result<Vec<reference_tool::Row>, String>>,
    begun: Instant,
) -> Vec<String> {
    let mut outcomes: Vec<Outcome> = stories.iter().map(|story| story.judge(rows)).collect();
    outcomes.extend(live);
    outcomes.push(judge::nothing_lost(rows));
    println!("{:<44} {:>8}  result", "case", "sessions");
    for outcome in &outcomes {
        let result = match (&outcome.skipped, outcome.wrong.is_empty()) {
            (Some(why), true) => format!("skipped: {why}"),
            (None, true) => "ok".into(),
            (_, false) => "FAILED".into(),
        };
        println!("{:<44} {:>8}  {result}", outcome.name, outcome.sessions);
    }
    for outcome in outcomes.iter().filter(|o| !o.wrong.is_empty()) {
        println!("\n---- {}", outcome.name);
        for line in &outcome.wrong {
            println!("  {line}");
        }
    }
    match theirs {
        None => (),
        Some(Err(why)) => println!("\naccuracy: SKIPPED the comparison: {why}"),
        Some(Ok(theirs)) => reference_tool::print_comparison(stories, rows, &theirs),
    }
    let failed = outcomes.iter().filter(|o| !o.wrong.is_empty());
    let failed: Vec<String> = failed.map(|outcome| outcome.name.clone()).collect();
    let passed = outcomes.len() - failed.len();
    println!("\n{:.1} s", begun.elapsed().as_secs_f64());
    println!("truth: {passed} passed, {} failed", failed.len());
    failed
}
