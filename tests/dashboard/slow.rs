//! Slow links: how many bytes go to the terminal, and what happens if it does not take them.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_linger;
use rustix::process::{Signal, kill_process};

use crate::common::loopback::{V4, listen, port, session};
use crate::common::pty::{self, Pty};
use crate::common::requirements::{PATIENCE, TCPLIFE, kernel_or_skip};
use crate::exit::pid_of;
use crate::harness::{Seen, argv, only};

/// Opens and closes sessions as fast as this host can, until asked to stop.
struct Load {
    stop: Arc<AtomicBool>,
    /// Receives a message after [`MANY`] sessions.
    many: Receiver<()>,
    thread: JoinHandle<u64>,
}

/// Sessions that make many frames: two seconds of them on a fast machine.
const MANY: u64 = 20_000;

impl Load {
    fn start(listener: TcpListener) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let (reached, many) = channel();
        let to = SocketAddr::new(V4.ip(), port(&listener));
        let thread = std::thread::spawn(move || {
            let mut count = 0;
            while !stopped.load(Ordering::Relaxed) {
                let client = TcpStream::connect(to).expect("a connection");
                let server = listener.accept().expect("a connection").0;
                // a reset, so that no port is held by TIME_WAIT
                set_socket_linger(&client, Some(Duration::ZERO)).expect("a socket");
                drop(client);
                drop(server);
                count += 1;
                if count == MANY {
                    // a test that does not wait for it has no receiver any more
                    let _ = reached.send(());
                }
            }
            count
        });
        Load { stop, many, thread }
    }

    /// Stops, and returns the number of sessions.
    fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the load")
    }
}

/// Starts a dashboard of 120x40 that shows only the server's ends of sessions with that listener.
pub(crate) fn large(listener: &TcpListener, interval: &str) -> Seen {
    let ports = only(&[listener]);
    let argv = argv(&["-i", interval, "-L", &ports]);
    let mut seen = Seen::sized(pty::command(&argv), 40, 120);
    seen.wait_for("the dashboard", |s| s.is_whole() && s.heading().is_some());
    seen
}

impl Seen {
    /// Bytes per second, over a while.
    fn bytes_per_second(&mut self, seconds: u64) -> usize {
        let before = self.pty.written.len();
        let until = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < until {
            let terminal = &mut self.terminal;
            assert!(self.pty.read(|bytes| terminal.process(bytes)), "it ended");
        }
        (self.pty.written.len() - before) / seconds as usize
    }

    /// Bytes that the program has written, read or not.
    fn sent(&self) -> u64 {
        let io = std::fs::read_to_string(format!("/proc/{}/io", pid_of(self).as_raw_nonzero()));
        let io = io.expect("it runs");
        let sent = io.lines().find_map(|l| l.strip_prefix("wchar: "));
        sent.and_then(|n| n.parse().ok()).expect("a number")
    }

    /// Presses a key that redraws everything, without reading, until nothing goes to the terminal any more.
    pub(crate) fn stall(&mut self) {
        let (mut sent, mut since) = (self.sent(), Instant::now());
        let deadline = Instant::now() + PATIENCE;
        while since.elapsed() < Duration::from_millis(700) {
            assert!(Instant::now() < deadline, "it goes on writing");
            self.press("\x0c");
            std::thread::sleep(Duration::from_millis(10)); // the speed of the typing
            if self.sent() != sent {
                (sent, since) = (self.sent(), Instant::now());
            }
        }
    }
}

#[test]
fn terminal_output_on_idle_host_is_at_most_100_bytes_per_second() {
    if !kernel_or_skip() {
        return;
    }
    let mut seen = large(&listen(V4), "1s");
    let idle = seen.bytes_per_second(5);
    println!("idle: {idle} B/s");
    assert!(idle <= 100, "{idle} B/s");
    // the chart of the host moves until its history is as long as it is
    seen.press("d");
    seen.wait_for("the charts", |s| s.is_whole() && s.shows(" HOST "));
    let idle = seen.bytes_per_second(5);
    println!("idle, with charts: {idle} B/s");
    assert!(idle <= 100, "{idle} B/s");
    seen.press("q");
    seen.wait_for("the table", |s| s.heading().is_some());
    seen.quit();
}

#[test]
fn terminal_output_on_busy_host_stays_within_30_kb_per_second() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut seen = large(&listener, "1s");
    let load = Load::start(listener);
    for keys in ["", "F"] {
        seen.press(keys);
        let busy = seen.bytes_per_second(3);
        println!("busy {keys}: {busy} B/s");
        assert!(busy <= 30_000, "{busy} B/s");
        assert!(busy > 100, "{}", seen.picture());
    }
    println!("{} sessions", load.end());
    seen.quit();
}

/// Afterwards it shows the current state, not a backlog of old frames.
#[test]
fn terminal_that_stalled_shows_current_state_without_backlog() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut seen = large(&listener, "100ms");
    let load = Load::start(listener);
    seen.stall();
    load.many.recv().expect("the load goes on");
    let count = load.end();
    // the last of these keys shows, a few frames later at most
    seen.press("F444466666");
    let before = seen.pty.written.len();
    seen.wait_for("what is so now", |s| {
        s.is_whole()
            && s.shows("following the newest")
            && s.shows("0/0 all  IPv6")
            && s.shows(&format!("closed {count} "))
    });
    let film = seen.pty.written.len() - before;
    println!("{count} sessions; {film} bytes until the picture was of now");
    assert!(film < 40_000, "{film} bytes");
    // a machine that stands still for a moment may cost one
    let mut missed = (2..1000).filter(|n| seen.shows(&format!("  missed {n} ")));
    assert_eq!(missed.next(), None, "{}", seen.picture());
    seen.quit();
}

#[test]
fn dashboard_on_stalled_terminal_exits_on_signal() {
    if !kernel_or_skip() {
        return;
    }
    let mut seen = large(&listen(V4), "1s");
    for signal in [Signal::TERM, Signal::HUP] {
        seen.stall();
        kill_process(pid_of(&seen), signal).expect("it runs");
        let deadline = Instant::now() + PATIENCE;
        while seen
            .pty
            .child
            .0
            .try_wait()
            .expect("a child of ours")
            .is_none()
        {
            assert!(Instant::now() < deadline, "{signal:?}: it goes on");
            std::thread::sleep(Duration::from_millis(5));
        }
        // and a user who comes back has the terminal as before
        seen.ends(&format!("{signal:?}"), 0);
        seen = large(&listen(V4), "1s");
    }
    seen.quit();
}

/// The same for line outputs.
#[test]
fn row_output_to_stalled_terminal_exits_on_signal() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let filter = format!("port {}", port(&listener));
    let command = pty::command(&[TCPLIFE, "-w", "-f", &filter]);
    let mut pty = Pty::start(command, 24, 80);
    let deadline = Instant::now() + PATIENCE;
    while !pty.text().contains("RX_KB MS") {
        assert!(Instant::now() < deadline, "no header: {}", pty.text());
        pty.read(|_| ());
    }
    // a terminal buffers 64 kB, and a row has over a hundred bytes
    for _ in 0..1000 {
        session(&listener, V4, 1, 1);
    }
    let pid = pty.child.0.process_id().expect("it runs");
    let pid = rustix::process::Pid::from_raw(pid as i32).expect("a process id");
    kill_process(pid, Signal::TERM).expect("it runs");
    let status = loop {
        if let Some(status) = pty.child.0.try_wait().expect("a child of ours") {
            break status;
        }
        assert!(Instant::now() < deadline, "it goes on");
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!((status.exit_code(), status.signal()), (0, None));
}
