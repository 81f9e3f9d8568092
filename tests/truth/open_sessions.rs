//! Open sessions: every one that `ss` shows, in any network namespace, must be in a snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use tcplife::testing::collector::{
    self, Collector, CollectorConfig, Features, FileSocket, SnapshotPart, Walk,
};
use tcplife::testing::model::{Age, Batch, Evidence, Session, SessionId, SessionRef, State, Store};

use crate::judge::Outcome;
use crate::sys;

/// Returns the network namespaces of all processes, by inode.
fn namespaces() -> BTreeMap<u64, OwnedFd> {
    let mut found = BTreeMap::new();
    for process in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let path = process.path().join("ns/net");
        // processes come and go
        if let Ok(file) = std::fs::File::open(path) {
            let fd = OwnedFd::from(file);
            found.insert(sys::inode(&fd), fd);
        }
    }
    found
}

/// Returns the cookies of the open sessions in a namespace, as `ss` shows them; `held_only`: only those that a process has
/// a descriptor of: not the TCP sockets of MPTCP.
fn ss(space: &OwnedFd, held_only: bool) -> BTreeSet<u64> {
    let mut command = Command::new("ss");
    command.args(["-tanHepiO"]);
    let fd = space.try_clone().expect("dup");
    // SAFETY: setns is one system call, and async-signal-safe.
    unsafe {
        command.pre_exec(move || {
            sys::enter_netns(&fd);
            Ok(())
        });
    }
    let output = command.output().expect("ss");
    let text = String::from_utf8(output.stdout).expect("ASCII");
    let open = |line: &&str| {
        // a SYN-RECV line is a request, not a socket yet; TIME-WAIT is closed
        let over = ["LISTEN", "TIME-WAIT", "SYN-RECV", "UNCONN"];
        // without a process it is a TIME-WAIT bucket already
        let waits =
            line.starts_with("FIN-WAIT-2") && (line.contains("ino:0 ") || !line.contains("ino:"));
        let is_held = line.contains("users:((") && !line.contains("tcp-ulp-mptcp");
        !waits && (is_held || !held_only) && !over.iter().any(|state| line.starts_with(state))
    };
    text.lines()
        .filter(open)
        .map(|line| {
            let cookie = line.split("sk:").nth(1).expect("a cookie");
            let cookie = cookie.split_whitespace().next().expect("a cookie");
            u64::from_str_radix(cookie, 16).expect("hexadecimal")
        })
        .collect()
}

/// Kernels to test with: this one, one that refuses iterators over maps, and one that trusts no socket of an open file
/// either, as far as this one permits more.
pub(crate) const KERNELS: [Features; 3] = [
    Features::ALL,
    Features {
        walk: Walk::Files,
        files: FileSocket::Whole,
    },
    Features {
        walk: Walk::Files,
        files: FileSocket::ReadOnly,
    },
];

/// The name of a check with such a kernel.
fn name_with(check: &str, kernel: Features) -> String {
    match (kernel.walk, kernel.files) {
        (Walk::Map, _) => check.to_owned(),
        (Walk::Files, FileSocket::Whole) => format!("{check}-by-files"),
        (Walk::Files, FileSocket::ReadOnly) => format!("{check}-by-reading"),
    }
}

fn start(kernel: Features) -> Collector {
    let config = CollectorConfig {
        at_most: kernel,
        interval: Some(Duration::from_millis(100)),
        ring_bytes: 1 << 20,
        ..CollectorConfig::for_tests()
    };
    collector::start(config).expect("the collector starts")
}

/// Stops the collector; if it fails, that is wrong too.
fn outcome(name: &str, sessions: usize, mut wrong: Vec<String>, collector: Collector) -> Outcome {
    if let Err(e) = collector.join() {
        wrong.push(format!("{e:#}"));
    }
    Outcome {
        name: name.into(),
        sessions,
        skipped: None,
        wrong,
    }
}

/// A listener, and both ends of a session with it.
fn loopback() -> (TcpListener, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("loopback");
    let server = listener.accept().expect("a client").0;
    (listener, client, server)
}

/// Returns the open sessions of the next snapshot.
fn take_snapshot(collector: &Collector, store: &mut Store) -> Vec<Session> {
    for batch in collector.batches().iter() {
        let is_look = batch.open.is_some();
        store.apply(batch);
        if is_look {
            return store.open().map(|(_, s)| s.clone()).collect();
        }
    }
    panic!("the collector ended");
}

/// A worker that inherits a session and never uses it is found by a later scan.
pub(crate) fn find_idle_worker(kernel: Features) -> Outcome {
    let collector = start(kernel);
    let (_listener, client, server) = loopback();
    let accepted = OwnedFd::from(server);
    let cookie = sys::cookie(&accepted);
    let copy = accepted.try_clone().expect("dup");
    let mut worker = Command::new(std::env::current_exe().expect("this program"));
    worker.arg("--sit-on-inherited").stdin(Stdio::piped());
    // SAFETY: fcntl is one system call, and async-signal-safe.
    unsafe {
        worker.pre_exec(move || {
            sys::keep_over_exec(&copy);
            Ok(())
        });
    }
    let mut child = worker.spawn().expect("a worker");
    drop((accepted, worker));
    let mut store = Store::new(0);
    let mut owners = Vec::new();
    let end = Instant::now() + Duration::from_secs(20);
    for batch in collector
        .batches()
        .iter()
        .take_while(|_| Instant::now() < end)
    {
        store.apply(batch);
        if let Some(session) = store.get(SessionRef::Open(cookie)) {
            let owner = (session.owner, session.pid);
            if owners.last() != Some(&owner) {
                owners.push(owner);
            }
            if session.owner == Evidence::Scan {
                break;
            }
        }
    }
    let expected = [
        (Evidence::Listen, std::process::id()),
        (Evidence::Scan, child.id()),
    ];
    let mut wrong = Vec::new();
    if owners != expected {
        wrong.push(format!("its owners are {expected:?}, shown {owners:?}"));
    }
    drop(child.stdin.take());
    let _ = child.wait();
    drop(client);
    outcome(
        &name_with("idle-worker-is-found", kernel),
        2,
        wrong,
        collector,
    )
}

/// A snapshot has the sessions that changed since the one before: all of them, and no others.
pub(crate) fn follow_what_changes(kernel: Features) -> Outcome {
    let collector = start(kernel);
    let mut store = Store::new(0);
    let (_listener, mut client, mut server) = loopback();
    let [ours, theirs] =
        [&client, &server].map(|end| sys::cookie(&end.try_clone().expect("dup").into()));
    let mut wrong = Vec::new();
    // the state of both ends once a snapshot reports no change of them
    let mut settled = |what: &str, expected: [(State, u64, u32); 2]| {
        let end = Instant::now() + Duration::from_secs(20);
        for batch in collector.batches().iter() {
            let is_settled = batch.open.as_ref().is_some_and(|open| {
                let is_changed = |s: &Session| [ours, theirs].contains(&s.cookie);
                !open.is_whole && !open.changed.iter().any(is_changed)
            });
            store.apply(batch);
            let ends = [ours, theirs].map(|cookie| store.get(SessionRef::Open(cookie)).cloned());
            if let [Some(ours), Some(theirs)] = ends
                && is_settled
            {
                let seen = [&ours, &theirs].map(|s| (s.state, s.tx_bytes, s.unread_bytes));
                if seen == expected {
                    return Some(ours);
                }
            }
            if Instant::now() > end {
                break;
            }
        }
        wrong.push(format!("{what}: {expected:?} was not shown"));
        None
    };
    use State::{CloseWait, Established, FinWait2};
    settled("idle", [(Established, 0, 0), (Established, 0, 0)]);
    client.write_all(b"x").expect("it is connected");
    settled("written", [(Established, 1, 0), (Established, 0, 1)]);
    server.read_exact(&mut [0]).expect("it was sent");
    settled("read", [(Established, 1, 0), (Established, 0, 0)]);
    client.shutdown(Shutdown::Write).expect("it is connected");
    let closing = [(FinWait2, 1, 0), (CloseWait, 0, 0)];
    let [early, late] = ["shut down", "later"].map(|what| settled(what, closing));
    if let (Some(early), Some(late)) = (early, late) {
        let passed_us = (late.end_ns - early.end_ns) / 1000;
        let closing_us = u64::from(late.close_us - early.close_us);
        if early.close_us == 0 || passed_us == 0 || passed_us.abs_diff(closing_us) > 1 {
            wrong.push(format!(
                "closing for {closing_us} µs more after {passed_us} µs"
            ));
        }
    }
    drop((client, server));
    outcome(
        &name_with("only-changes-are-told", kernel),
        2,
        wrong,
        collector,
    )
}

/// Figures shown of the sessions of a listener.
#[derive(Default)]
struct Shown {
    /// The last figures of each, and whether it has closed.
    sessions: BTreeMap<SessionId, (Session, bool)>,
    wrong: Vec<String>,
}

impl Shown {
    /// Takes a batch: no session may be shown twice in it, or with older figures than before, or after its close.
    fn take(&mut self, batch: &Batch, port: u16) {
        let is_ours = |s: &&Session| s.lport == port || s.rport == port;
        let open = batch.open.as_ref();
        let changed = open.map_or(&[][..], |open| &open.changed);
        let mut seen = BTreeSet::new();
        for session in changed.iter().filter(is_ours) {
            if !seen.insert(session.id()) {
                self.wrong.push(format!("twice in a snapshot: {session:?}"));
            }
            self.follow(session);
        }
        for session in batch.closed.iter().filter(is_ours) {
            self.follow(session);
        }
        let gone = open.map_or(&[][..], |open| &open.gone);
        for (id, (session, _)) in &self.sessions {
            let is_missing = open.is_some_and(|open| open.is_whole) && !seen.contains(id);
            if gone.contains(&id.cookie) || (is_missing && session.is_open()) {
                self.wrong.push(format!("open and gone: {session:?}"));
            }
        }
    }

    fn follow(&mut self, session: &Session) {
        let figures = |s: &Session| [s.end_ns, s.tx_bytes, s.rx_bytes];
        let is_closed = !session.is_open();
        if let Some((before, was_closed)) = self.sessions.get(&session.id()) {
            let [now, then] = [session, before].map(figures);
            if *was_closed || now.iter().zip(then).any(|(now, then)| *now < then) {
                self.wrong.push(format!("{session:?} after {before:?}"));
            }
        }
        self.sessions
            .insert(session.id(), (session.clone(), is_closed));
    }
}

/// Sessions that open, change and close between the parts of a snapshot are each shown once, with figures that are never
/// older than those before, and all of them close.
pub(crate) fn change_between_parts(kernel: Features) -> Outcome {
    const LANES: usize = 3;
    const EACH: usize = 150;
    const STANDING: usize = 40;
    let config = CollectorConfig {
        interval: Some(Duration::from_millis(20)),
        part: Some(SnapshotPart {
            objects: 3,
            time: Duration::ZERO,
        }),
        at_most: kernel,
        ring_bytes: 1 << 20,
        ..CollectorConfig::for_tests()
    };
    let collector = collector::start(config).expect("the collector starts");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("bound");
    let turns = Mutex::new(());
    let connect = || {
        // so that each client is accepted by its own thread
        let _turn = turns.lock().expect("no panic");
        let client = TcpStream::connect(addr).expect("loopback");
        (client, listener.accept().expect("a client").0)
    };
    let mut standing: Vec<_> = (0..STANDING).map(|_| connect()).collect();
    let mut shown = Shown::default();
    let end = Instant::now() + Duration::from_secs(60);
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES)
            .map(|lane| {
                let connect = &connect;
                scope.spawn(move || {
                    for turn in 0..EACH {
                        let (mut client, mut server) = connect();
                        for _ in 0..turn % 4 {
                            client.write_all(b"asked").expect("it is connected");
                            server.write_all(b"answered").expect("it is connected");
                            server.read_exact(&mut [0; 1]).expect("it was sent");
                        }
                        // some last for several parts
                        std::thread::sleep(Duration::from_micros(
                            (turn * (lane + 1) * 37 % 5000) as u64,
                        ));
                    }
                })
            })
            .collect();
        let mut turn = 0;
        while lanes.iter().any(|lane| !lane.is_finished()) && Instant::now() < end {
            if let Ok(batch) = collector.batches().recv_timeout(Duration::from_millis(100)) {
                shown.take(&batch, addr.port());
            }
            standing[turn % STANDING]
                .0
                .write_all(b"x")
                .expect("it is connected");
            turn += 1;
        }
    });
    // each of the standing ones is shown with everything that was sent
    let mut sent = BTreeMap::new();
    for (client, server) in &mut standing {
        client.write_all(b"last").expect("it is connected");
        let cookie = sys::cookie(&client.try_clone().expect("dup").into());
        let queued = rustix::io::ioctl_fionread(&*server).expect("FIONREAD");
        sent.insert(cookie, queued);
    }
    let expected = sent.len();
    let is_right = |(session, is_closed): &(Session, bool)| {
        !is_closed && sent.get(&session.cookie) == Some(&session.tx_bytes)
    };
    while shown.sessions.values().filter(|s| is_right(s)).count() < expected {
        // snapshots come less often where they cost much
        match collector.batches().recv_deadline(end) {
            Ok(batch) => shown.take(&batch, addr.port()),
            Err(_) => {
                shown
                    .wrong
                    .push("a standing session has other figures than were sent".into());
                break;
            }
        }
    }
    drop(standing);
    let all = 2 * (LANES * EACH + STANDING);
    let count = |shown: &Shown| {
        shown
            .sessions
            .values()
            .filter(|(_, closed)| *closed)
            .count()
    };
    while count(&shown) < all {
        // snapshots come less often where they cost much
        match collector.batches().recv_deadline(end) {
            Ok(batch) => shown.take(&batch, addr.port()),
            Err(_) => {
                let closed = count(&shown);
                shown
                    .wrong
                    .push(format!("{closed} of {all} sessions have closed"));
                break;
            }
        }
    }
    if shown.sessions.len() != all {
        let sessions = shown.sessions.len();
        shown
            .wrong
            .push(format!("{all} sessions, shown as {sessions}"));
    }
    outcome(
        &name_with("parts-of-a-snapshot", kernel),
        all,
        shown.wrong,
        collector,
    )
}

/// Preexisting sessions that do not change: tcplife and ss must show the same.
pub(crate) fn compare_with_ss(standing: &[Value], kernel: Features) -> Outcome {
    let collector = start(kernel);
    let mut store = Store::new(0);
    let shown = take_snapshot(&collector, &mut store);
    // a kernel that refuses iterators over maps: what no process holds is not found in other namespaces
    let held_only = store.totals().missed.vanished.is_none();
    let theirs: Vec<(u64, BTreeSet<u64>, BTreeSet<u64>)> = namespaces()
        .iter()
        .map(|(&inode, space)| (inode, ss(space, held_only), ss(space, held_only)))
        .collect();
    // the host's own sessions come and go meanwhile: only those count that were there before and after
    let waiting = collector.batches().len();
    let waiting = collector.batches().iter().take(waiting);
    waiting.for_each(|batch| store.apply(batch));
    let later = take_snapshot(&collector, &mut store);
    let of = |sessions: &[Session], inode: u64| -> BTreeSet<u64> {
        let here = sessions.iter().filter(|s| u64::from(s.netns) == inode);
        here.map(|s| s.cookie).collect()
    };
    let mut wrong = Vec::new();
    let mut sessions = 0;
    for (inode, first, second) in &theirs {
        sessions += first.len();
        let (before, after) = (of(&shown, *inode), of(&later, *inode));
        for cookie in first & second {
            if !before.contains(&cookie) && !after.contains(&cookie) {
                wrong.push(format!(
                    "netns {inode}: sk:{cookie:x} is open and not shown"
                ));
            }
        }
        for cookie in &before & &after {
            if !first.contains(&cookie) && !second.contains(&cookie) {
                wrong.push(format!(
                    "netns {inode}: sk:{cookie:x} is shown and not open"
                ));
            }
        }
    }
    for want in standing {
        let Some(s) = shown.iter().find(|s| want["cookie"] == s.cookie) else {
            wrong.push(format!("is open and not shown: {want}"));
            continue;
        };
        let figures = json!({
            "netns": s.netns, "cookie": s.cookie, "pid": s.pid, "tx": s.tx_bytes, "rx": s.rx_bytes,
            "state": s.state.name(), "owner": s.owner.name(),
        });
        if figures != *want {
            wrong.push(format!("it is {want}, shown {figures}"));
        }
        if s.age != Age::LowerBound {
            wrong.push(format!("its age is a lower bound: {want}"));
        }
    }
    outcome(
        &name_with("open-as-ss-shows", kernel),
        sessions,
        wrong,
        collector,
    )
}
