//! A running tcplife, and the lines that it prints.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, unbounded};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::kept::Kept;
use super::loopback;
use super::requirements::{PATIENCE, TCPLIFE};

pub(crate) struct Running {
    child: Kept,
    lines: Receiver<String>,
    /// stderr so far.
    errors: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

/// Result of a run.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// Lines on stdout that had not been read.
    pub(crate) rest: Vec<String>,
    /// All of stderr.
    pub(crate) errors: String,
}

impl Ended {
    /// Asserts that it exited with success and wrote nothing to stderr.
    #[track_caller]
    pub(crate) fn assert_well(&self) {
        let is_well = self.status.success() && self.errors.is_empty();
        assert!(is_well, "{}: {}", self.status, self.errors);
    }

    /// Takes the last line, which is the summary if a run of `-o json` ended well.
    #[track_caller]
    pub(crate) fn take_summary(&mut self) -> Value {
        self.assert_well();
        let summary = json(&self.rest.pop().expect("a summary"));
        assert_eq!(summary["event"], "summary", "{summary}");
        summary
    }
}

impl Running {
    pub(crate) fn start(args: &[&str]) -> Running {
        Running::of(Command::new(TCPLIFE).args(args))
    }

    /// Starts it with a command that executes it.
    fn of(command: &mut Command) -> Running {
        Running::spawn(command.stdout(Stdio::piped()))
    }

    /// Starts it with stdout to a file.
    pub(crate) fn start_to(args: &[&str], file: fs::File) -> Running {
        Running::spawn(Command::new(TCPLIFE).args(args).stdout(file))
    }

    fn spawn(command: &mut Command) -> Running {
        let mut child = command
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("tcplife can be started");
        let (tx, lines) = unbounded();
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if tx.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let errors = Arc::new(Mutex::new(String::new()));
        let so_far = Arc::clone(&errors);
        let reader = std::thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).expect("UTF-8") > 0 {
                so_far.lock().expect("no panic").push_str(&line);
                line.clear();
            }
        });
        Running {
            child: Kept(child),
            lines,
            errors,
            reader: Some(reader),
        }
    }

    /// Waits until it has written that to stderr.
    #[track_caller]
    pub(crate) fn error_until(&self, wanted: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let errors = self.errors.lock().expect("no panic").clone();
            if errors.contains(wanted) {
                return;
            }
            assert!(Instant::now() < deadline, "no {wanted:?} in {errors:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts it with flags that print a header, and waits for the header: from then on it misses nothing.
    pub(crate) fn with_header(args: &[&str]) -> (Running, String) {
        let mut running = Running::start(args);
        let header = running.line();
        (running, header)
    }

    /// Starts it with `-o json`, which has no header. When it reports a session of ours, it is ready. The flags must
    /// match sessions of that listener.
    pub(crate) fn json(args: &[&str], probe: &TcpListener) -> Running {
        let running = Running::start(&[&["-o", "json"], args].concat());
        running.once_ready(probe)
    }

    /// Like [`Running::json`], with hangups ignored, as nohup starts it.
    pub(crate) fn json_ignoring_hangups(args: &[&str], probe: &TcpListener) -> Running {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "trap '' HUP; exec \"$@\"",
            "sh",
            TCPLIFE,
            "-o",
            "json",
        ]);
        Running::of(command.args(args)).once_ready(probe)
    }

    /// Like [`Running::json`], executed by that command: in other namespaces, say.
    pub(crate) fn json_by(command: &[&str], args: &[&str], probe: &TcpListener) -> Running {
        let mut by = Command::new(command[0]);
        by.args(&command[1..]).args([TCPLIFE, "-o", "json"]);
        Running::of(by.args(args)).once_ready(probe)
    }

    /// Its pid.
    pub(crate) fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Pid of the only child of the command that was started: of tcplife, if the command forks.
    pub(crate) fn child_of_command(&self) -> u32 {
        let id = self.child.0.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let children = children.expect("/proc");
        children.trim().parse().expect("one child")
    }

    fn once_ready(mut self, probe: &TcpListener) -> Running {
        let port = loopback::port(probe);
        let to = probe.local_addr().expect("it is bound");
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let client = loopback::session(probe, to, 1, 1);
            let next = Instant::now() + Duration::from_millis(200);
            while let Some(line) = self.line_before(next) {
                let row = json(&line);
                if row["lport"] == port && row["rport"] == client {
                    return self;
                }
            }
        }
        panic!("tcplife reports nothing: {}", self.end().errors);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child.0), signal).expect("it runs");
    }

    /// Stops it with a signal, so that nothing empties the ring, and waits until it has stopped.
    pub(crate) fn hold(&self) {
        self.signal(Signal::STOP);
        let deadline = Instant::now() + PATIENCE;
        let threads = format!("/proc/{}/task", self.child.0.id());
        while fs::read_dir(&threads)
            .expect("it runs")
            .any(|t| state(&t.expect("a thread").path().join("stat")) != Some('T'))
        {
            assert!(Instant::now() < deadline, "it does not stop");
            std::thread::yield_now();
        }
    }

    /// Returns the next line.
    pub(crate) fn line(&mut self) -> String {
        match self.line_before(Instant::now() + PATIENCE) {
            Some(line) => line,
            None => panic!("no line comes: {}", self.end().errors),
        }
    }

    /// Returns the next line, if one comes before the deadline.
    fn line_before(&mut self, deadline: Instant) -> Option<String> {
        match self.lines.recv_deadline(deadline) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("it ended: {}", self.end().errors),
        }
    }

    /// Returns the next lines, up to a wanted one.
    pub(crate) fn lines_until(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = Vec::new();
        while !lines.last().is_some_and(|l: &String| wanted(l)) {
            match self.line_before(deadline) {
                Some(line) => lines.push(line),
                None => panic!("the line that is waited for is not among these: {lines:#?}"),
            }
        }
        lines
    }

    /// Returns the lines of the next while.
    pub(crate) fn lines_within(&mut self, time: Duration) -> Vec<String> {
        let deadline = Instant::now() + time;
        let mut lines = Vec::new();
        while let Some(line) = self.line_before(deadline) {
            lines.push(line);
        }
        lines
    }

    /// Returns the next wanted row of `-o json`.
    pub(crate) fn row_until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let lines = self.lines_until(|line| wanted(&json(line)));
        json(lines.last().expect("the row that was waited for"))
    }

    /// Interrupts it, and waits until it exits.
    pub(crate) fn interrupt(self) -> Ended {
        self.signal(Signal::INT);
        self.wait()
    }

    /// Waits until it exits by itself.
    pub(crate) fn wait(self) -> Ended {
        self.wait_for(PATIENCE)
    }

    /// Waits that long until it exits by itself.
    pub(crate) fn wait_for(mut self, time: Duration) -> Ended {
        self.end_within(time)
    }

    fn end(&mut self) -> Ended {
        self.end_within(PATIENCE)
    }

    fn end_within(&mut self, time: Duration) -> Ended {
        let Some(status) = self.child.exits_within(time) else {
            let rest: Vec<String> = self.lines.try_iter().collect();
            panic!("tcplife does not exit; its last lines: {rest:#?}");
        };
        let rest = self.lines.iter().collect();
        // everything is read when the process is gone
        let _ = self.reader.take().map(JoinHandle::join);
        let errors = std::mem::take(&mut *self.errors.lock().expect("no panic"));
        Ended {
            status,
            rest,
            errors,
        }
    }
}

/// The state letter of a /proc stat file.
fn state(stat: &std::path::Path) -> Option<char> {
    let text = fs::read_to_string(stat).ok()?;
    text[text.rfind(')')? + 1..].trim_start().chars().next()
}

pub(crate) fn json(line: &str) -> Value {
    match serde_json::from_str(line) {
        Ok(value) => value,
        Err(e) => panic!("not JSON, {e}: {line}"),
    }
}
