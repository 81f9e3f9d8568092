//! The dashboard as a job of an interactive shell: in the background it leaves the terminal alone, and a signal ends it.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::common::loopback::{V4, listen};
use crate::common::pty;
use crate::common::requirements::{TCPLIFE, kernel_or_skip, tool_or_skip};
use crate::exit::is_stopped;
use crate::harness::{Seen, only};

/// An interactive shell on a terminal.
fn shell() -> Seen {
    let mut command = pty::command(&["bash", "--norc", "--noprofile", "--noediting", "-i"]);
    command.env("PS1", "prompt> ");
    command.env("HISTFILE", "/dev/null");
    let mut seen = Seen::start(command);
    seen.wait_for("prompt", |s| s.shows("prompt> "));
    seen
}

fn can_run() -> bool {
    kernel_or_skip() && tool_or_skip(&["bash", "-c", "true"])
}

/// The command line of a dashboard, before it a prefix, after it a suffix.
fn dashboard(prefix: &str, suffix: &str) -> String {
    let nothing = only(&[&listen(V4)]);
    format!("{prefix}'{TCPLIFE}' -o dashboard -L {nothing}{suffix}\r")
}

impl Seen {
    /// The process that the shell has started.
    fn job(&self) -> Option<Pid> {
        let shell = self.pty.child.0.process_id().expect("it runs");
        let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children"));
        let pid = children.expect("the children").trim().parse().ok()?;
        Pid::from_raw(pid)
    }

    /// Starts the dashboard in the foreground, and returns its process.
    fn starts(&mut self) -> Pid {
        self.press(&dashboard("", ""));
        self.wait_for("the dashboard", |s| {
            s.terminal.screen().alternate_screen() && s.heading().is_some()
        });
        self.job().expect("it runs")
    }

    /// Kills the job, and waits until the shell notices.
    fn kills_job(&mut self) {
        self.press("kill %1\r");
        self.wait_for("its end", |s| s.job().is_none_or(is_zombie));
        self.has_jobs("wc -l", 0);
    }

    /// Waits until the shell has noticed that its job is stopped: otherwise `fg` does not continue it.
    fn has_a_stopped_job(&mut self) {
        self.has_jobs("grep -c Stopped", 1);
    }

    /// Waits until the shell counts so many jobs: it notices the end or the stop of one some prompts later.
    fn has_jobs(&mut self, count: &str, wanted: usize) {
        for asked in 1..1000 {
            self.types(
                &format!("echo $(jobs | {count}) jobs at $(({asked} + 0))"),
                &format!(" jobs at {asked}"),
            );
            if self.shows(&format!("{wanted} jobs at {asked}")) {
                return;
            }
        }
        panic!("the shell does not notice: {}", self.picture());
    }

    /// Starts the dashboard in the background, where it stops.
    fn starts_in_background(&mut self) {
        self.press(&dashboard("", " &"));
        self.wait_for("a stop", |s| s.job().is_some_and(is_stopped));
        self.types("jobs", "Stopped");
    }

    /// Types a command and waits for what it prints.
    fn types(&mut self, command: &str, printed: &str) {
        self.press(&format!("{command}\r"));
        self.wait_for(printed, |s| s.lines().iter().any(|l| l.contains(printed)));
    }

    /// Asserts that the shell has its terminal back, as it was, and leaves it.
    fn leaves_shell(&mut self) {
        self.wait_for("a prompt", |s| {
            let lines = s.lines();
            let last = lines.iter().rfind(|line| !line.is_empty());
            !s.terminal.screen().alternate_screen()
                && last.is_some_and(|l| l.trim_end() == "prompt>")
        });
        self.types("echo left $((1 + 1)) job=$(jobs | wc -l)", "left 2 job=0");
        self.press("exit\r");
        self.ends("exit", 0);
    }
}

fn is_zombie(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|stat| stat.contains(") Z "))
}

#[test]
fn dashboard_started_in_background_waits_for_fg() {
    if !can_run() {
        return;
    }
    let mut seen = shell();
    seen.starts_in_background();
    assert!(seen.shows("another job is using the terminal"));
    // it has neither taken the terminal nor its keys
    seen.types("echo typed $((1 + 1))", "typed 2");
    assert!(
        !seen.pty.text().contains("\x1b[?1049h"),
        "{}",
        seen.picture()
    );
    seen.press("fg\r");
    seen.wait_for("the dashboard", |s| {
        s.terminal.screen().alternate_screen() && s.heading().is_some()
    });
    seen.press("q");
    seen.leaves_shell();
}

#[test]
fn dashboard_in_background_ends_on_kill() {
    if !can_run() {
        return;
    }
    // never in the foreground
    let mut seen = shell();
    seen.starts_in_background();
    seen.kills_job();
    seen.leaves_shell();
    // suspended
    let mut seen = shell();
    seen.starts();
    seen.press("\x1a");
    seen.wait_for("the shell", |s| s.shows("Stopped"));
    seen.kills_job();
    seen.leaves_shell();
    // stopped without warning, so that it still has the terminal, and continued in the background
    let mut seen = shell();
    let pid = seen.starts();
    kill_process(pid, Signal::STOP).expect("it runs");
    seen.wait_for("the shell", |s| s.shows("Stopped"));
    seen.types("bg", "&");
    seen.wait_for("another stop", |_| is_stopped(pid));
    // a shell that does not know of it would not continue the job to end it
    seen.has_a_stopped_job();
    seen.types("jobs", "Stopped");
    seen.kills_job();
    seen.leaves_shell();
}

#[test]
fn dashboard_under_timeout_ends_in_time() {
    if !can_run() {
        return;
    }
    let mut seen = shell();
    // of a script: in an interactive shell, timeout is a job itself, in the foreground
    seen.press(&dashboard("sh -c \"timeout 1 ", "; echo status=\\$?\""));
    seen.wait_for("a word", |s| s.shows("--foreground"));
    seen.wait_for("the status", |s| {
        s.lines().iter().any(|l| l == "status=124")
    });
    seen.leaves_shell();
}

#[test]
fn dashboard_continued_in_background_leaves_keys_to_the_shell() {
    if !can_run() {
        return;
    }
    let mut seen = shell();
    let pid = seen.starts();
    kill_process(pid, Signal::STOP).expect("it runs");
    seen.wait_for("the shell", |s| s.shows("Stopped"));
    kill_process(pid, Signal::CONT).expect("it is there");
    for nth in 0..5 {
        seen.types(
            &format!("echo typed $(({nth} + 1))"),
            &format!("typed {}", nth + 1),
        );
    }
    seen.wait_for("another stop", |_| is_stopped(pid));
    seen.has_a_stopped_job();
    seen.press("fg\r");
    seen.wait_for("the dashboard", |s| s.is_whole() && s.heading().is_some());
    seen.press("?");
    seen.wait_for("the help", |s| s.shows("HELP "));
    seen.press("qq");
    seen.wait_for("the shell", |s| !s.terminal.screen().alternate_screen());
    seen.leaves_shell();
}

/// It is nobody's job any more, and ends instead of waiting forever with its programs loaded.
#[test]
fn dashboard_in_background_ends_when_the_terminal_is_closed() {
    if !can_run() {
        return;
    }
    for how in [Signal::TSTP, Signal::STOP] {
        let mut seen = shell();
        let pid = seen.starts();
        kill_process(pid, how).expect("it runs");
        seen.wait_for("the shell", |s| s.shows("Stopped"));
        drop(seen.keys.take());
        let Seen { pty, .. } = seen;
        let child = pty.child;
        drop((pty.master, pty.reader));
        let deadline = std::time::Instant::now() + crate::common::requirements::PATIENCE;
        while rustix::process::test_kill_process(pid).is_ok() {
            assert!(std::time::Instant::now() < deadline, "{how:?}: it goes on");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        drop(child);
    }
}
