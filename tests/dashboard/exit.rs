//! How the dashboard leaves the terminal: on quit, suspend, hangup, fatal signals and panic.

use std::fs;
use std::io;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tcplife::testing::collector::Collector;
use tcplife::testing::filter::Filter;
use tcplife::testing::host::{Broker, InForce, Places, SessionEnv};
use tcplife::testing::model::CaptureFilter;
use tcplife::testing::ui::{self, Config};

use crate::common::loopback::{V4, listen, port, session};
use crate::common::pty::{self, Kept};
use crate::common::requirements::{TCPLIFE, kernel_or_skip, tool_or_skip};
use crate::harness::{Seen, argv, only};
use crate::slow;

pub(crate) fn pid_of(seen: &Seen) -> Pid {
    let pid = seen.pty.child.0.process_id().expect("it runs");
    Pid::from_raw(pid as i32).expect("a process id")
}

#[test]
fn quit_by_key_signal_or_duration_restores_the_terminal() {
    if !kernel_or_skip() {
        return;
    }
    let nothing = only(&[&listen(V4)]);
    // and what is typed ahead is not lost
    for key in ["q", "\x03", "?\x03", "\x0c\x0cq"] {
        let mut seen = Seen::dashboard(&["-L", &nothing]);
        seen.press(key);
        seen.ends(&format!("{key:?}"), 0);
    }
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut seen = Seen::dashboard(&["-L", &nothing]);
        kill_process(pid_of(&seen), signal).expect("it runs");
        seen.ends(&format!("{signal:?}"), 0);
    }
    let mut seen = Seen::dashboard(&["-L", &nothing, "--duration", "500ms"]);
    seen.ends("--duration", 0);
}

/// True if all threads have stopped.
pub(crate) fn is_stopped(pid: Pid) -> bool {
    let threads = fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())).expect("it runs");
    let has_stopped = |thread: io::Result<fs::DirEntry>| {
        let stat = fs::read_to_string(thread.expect("a thread").path().join("stat"));
        stat.is_ok_and(|stat| stat[stat.rfind(')').expect("a name") + 1..].starts_with(" T"))
    };
    threads.into_iter().all(has_stopped)
}

/// Everything that the terminal was taken with is given back: a dashboard may be suspended often.
#[test]
fn suspend_many_times_keeps_no_descriptor_and_no_thread() {
    if !kernel_or_skip() {
        return;
    }
    let mut seen = Seen::dashboard(&["-L", &only(&[&listen(V4)])]);
    let pid = pid_of(&seen);
    let count = |of: &str| {
        let entries = fs::read_dir(format!("/proc/{}/{of}", pid.as_raw_nonzero()));
        entries.expect("it runs").count()
    };
    let cycle = |seen: &mut Seen| {
        kill_process(pid, Signal::TSTP).expect("it runs");
        seen.wait_for("stop", |s| {
            is_stopped(pid) && !s.terminal.screen().alternate_screen()
        });
        kill_process(pid, Signal::CONT).expect("it is stopped");
        seen.wait_for("dashboard again", |s| {
            s.terminal.screen().alternate_screen() && s.heading().is_some()
        });
    };
    cycle(&mut seen);
    let before = ["fd", "task"].map(count);
    for _ in 0..50 {
        cycle(&mut seen);
    }
    // a thread that was told to end may take a moment
    seen.wait_for("no more than before", |_| {
        ["fd", "task"].map(count) == before
    });
    seen.quit();
}

/// It has a session of its own on its terminal, so that it stops nobody but itself.
#[test]
fn suspend_by_signal_restores_terminal_until_resumed() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener])]);
    let pid = pid_of(&seen);
    // no shell is there that could continue it
    seen.press("\x1a");
    seen.wait_for("the reason", |s| s.shows("not suspended: no shell"));
    for _ in 0..2 {
        kill_process(pid, Signal::TSTP).expect("it runs");
        seen.wait_for("stop", |s| {
            is_stopped(pid) && !s.terminal.screen().alternate_screen()
        });
        seen.gave_the_terminal_back("suspended");
        // what closed meanwhile is there afterwards
        let client = session(&listener, V4, 1, 1);
        kill_process(pid, Signal::CONT).expect("it is stopped");
        seen.wait_for("dashboard again", |s| {
            s.terminal.screen().alternate_screen()
                && s.terminal.screen().hide_cursor()
                && s.row(port(&listener), client).is_some()
        });
        assert!(!seen.pty.is_as_before(), "in raw mode again");
        seen.press("?");
        seen.wait_for("help", |s| s.shows("HELP "));
        seen.press("?");
        seen.wait_for("table", |s| s.heading().is_some());
    }
    seen.quit();
}

/// As a user does it: ^Z, the shell's prompt, `fg`.
#[test]
fn suspend_then_fg_in_shell_returns_to_the_dashboard() {
    if !kernel_or_skip() || !tool_or_skip(&["bash", "-c", "true"]) {
        return;
    }
    let nothing = only(&[&listen(V4)]);
    let mut command = pty::command(&["bash", "--norc", "--noprofile", "--noediting", "-i"]);
    command.env("PS1", "prompt> ");
    command.env("HISTFILE", "/dev/null");
    let mut seen = Seen::start(command);
    seen.wait_for("prompt", |s| s.shows("prompt> "));
    seen.press(&format!("'{TCPLIFE}' -o dashboard -L {nothing}\r"));
    seen.wait_for("dashboard", |s| {
        s.terminal.screen().alternate_screen() && s.heading().is_some()
    });
    seen.press("\x1a");
    seen.wait_for("prompt", |s| {
        !s.terminal.screen().alternate_screen()
            && s.shows("Stopped")
            && !s.terminal.screen().hide_cursor()
    });
    seen.press("fg\r");
    seen.wait_for("dashboard", |s| {
        s.terminal.screen().alternate_screen() && s.heading().is_some()
    });
    seen.press("q");
    seen.wait_for("prompt", |s| {
        !s.terminal.screen().alternate_screen()
            && s.lines()
                .iter()
                .rfind(|l| !l.is_empty())
                .is_some_and(|l| l.trim_end() == "prompt>")
    });
    seen.press("echo status=$?\r");
    seen.wait_for("status", |s| s.lines().iter().any(|l| l == "status=0"));
    seen.press("exit\r");
    seen.ends("exit", 0);
}

/// ssh was cut off: with a SIGHUP, without it, and where it is ignored.
#[test]
fn terminal_closed_with_or_without_hangup_exits_successfully() {
    if !kernel_or_skip() {
        return;
    }
    let nothing = only(&[&listen(V4)]);
    let dashboard = argv(&["-L", &nothing]);
    let ignoring = [
        &["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"],
        &dashboard[..],
    ]
    .concat();
    for (how, argv, is_controlled) in [
        ("a hangup", &dashboard[..], true),
        ("no signal", &dashboard[..], false),
        ("a hangup that is ignored", &ignoring[..], true),
    ] {
        let mut command = pty::command(argv);
        command.set_controlling_tty(is_controlled);
        let mut seen = Seen::start(command);
        seen.wait_for("dashboard", |s| s.heading().is_some());
        let mut child = seen.hang_up();
        // a second, and one more for a machine that is busy with other tests; so it cannot have spun for long
        let deadline = Instant::now() + Duration::from_secs(2);
        loop {
            if let Some(status) = child.0.try_wait().expect("a child of ours") {
                assert_eq!((status.exit_code(), status.signal()), (0, None), "{how}");
                break;
            }
            if Instant::now() > deadline {
                panic!("{how}: it goes on without a terminal");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
impl Seen {
    /// Closes the terminal. Only the process is left.
    fn hang_up(self) -> Kept {
        self.pty.child
    }
}

/// Sends a signal by its name, because some have none in the libraries.
fn send(signal: &str, to: Pid) {
    let status = Command::new("kill")
        .args([&format!("-{signal}"), &to.as_raw_nonzero().to_string()])
        .status();
    assert!(status.expect("kill").success(), "{signal}");
}

#[test]
fn fatal_signal_restores_the_terminal_and_kills_as_usual() {
    if !kernel_or_skip() {
        return;
    }
    let nothing = only(&[&listen(V4)]);
    for signal in [
        "QUIT", "ABRT", "SEGV", "BUS", "USR1", "ALRM", "XCPU", "SYS", "PWR", "RTMIN",
    ] {
        let mut seen = Seen::dashboard(&["-L", &nothing]);
        send(signal, pid_of(&seen));
        let terminal = &mut seen.terminal;
        let status = seen.pty.wait(|bytes| terminal.process(bytes));
        assert!(status.signal().is_some(), "{signal}: {status}");
        seen.gave_the_terminal_back(signal);
        assert_eq!(seen.shows("aborted"), signal == "ABRT", "{signal}");
    }
    // but not one that is ignored
    let ignoring = ["sh", "-c", "trap '' USR1; exec \"$@\"", "sh"];
    let mut seen = Seen::start(pty::command(
        &[&ignoring[..], &argv(&["-L", &nothing])].concat(),
    ));
    seen.wait_for("dashboard", |s| s.heading().is_some());
    send("USR1", pid_of(&seen));
    seen.press("?");
    seen.wait_for("help", |s| s.shows("HELP "));
    seen.press("qq");
    seen.ends("q", 0);
}

/// The first has to wait for a terminal that nobody reads; the second does not.
#[test]
fn second_term_signal_exits_at_once_and_restores_the_terminal() {
    if !kernel_or_skip() {
        return;
    }
    for signal in [Signal::TERM, Signal::INT] {
        let mut seen = slow::large(&listen(V4), "1s");
        seen.stall();
        // one that follows at once is taken for the first
        while seen
            .pty
            .child
            .0
            .try_wait()
            .expect("a child of ours")
            .is_none()
        {
            std::thread::sleep(Duration::from_millis(5));
            let _ = kill_process(pid_of(&seen), signal);
        }
        let code = 128 + signal.as_raw();
        seen.ends(&format!("{signal:?} twice"), code.unsigned_abs());
    }
}

const ROLE: &str = "TCPLIFE_TEST_ROLE";

/// Not a test: this program started again, as a dashboard that panics, on a terminal.
#[test]
fn panicking_dashboard_entry_point() {
    let dashboard = |collector| {
        let options = ui::Options {
            capture: CaptureFilter::default(),
            filter: Filter::default(),
            config: Config::default(),
            theme: None,
            duration: None,
            starts_with_findings: false,
            zone: jiff::tz::TimeZone::UTC,
            notice: None,
            broker: Broker::in_this_process(Places::default())
                .expect("a thread")
                .into(),
            home: None,
            session_env: SessionEnv::default(),
            in_force: InForce::default(),
            reports: crossbeam_channel::never(),
            report: None,
            seekable: None,
            compared: None,
            replayed: None,
            frames: crossbeam_channel::never(),
            freeze_on: None,
            origin: Default::default(),
            recording: None,
        };
        if let Err(error) = ui::run(collector, options) {
            eprintln!("tcplife: {error:#}");
            std::process::exit(1);
        }
    };
    match std::env::var(ROLE).as_deref() {
        Ok("ui") => {
            let _screen = ui::TerminalGuard::take(true).expect("a terminal");
            panic!("boom");
        }
        Ok("memory") => {
            let _screen = taken_terminal();
            std::alloc::handle_alloc_error(std::alloc::Layout::new::<[u8; 1000]>());
        }
        Ok("stack") => {
            let _screen = taken_terminal();
            println!("{}", overflow(1));
        }
        Ok("collector") => {
            let collector = Collector::spawn("x", |_tx, _stop, ready| {
                ready();
                panic!("boom")
            });
            dashboard(collector.expect("it was ready"));
        }
        Ok("failure") => {
            let collector = Collector::spawn("x", |_tx, _stop, ready| {
                ready();
                anyhow::bail!("boom")
            });
            dashboard(collector.expect("it was ready"));
        }
        _ => {}
    }
}

/// Takes the terminal, and waits until it shows.
fn taken_terminal() -> ui::TerminalGuard {
    let screen = ui::TerminalGuard::take(true).expect("a terminal");
    let written = screen.written().recv().expect("it writes");
    written.expect("the terminal is there");
    screen
}

/// Never returns: its stack overflows.
fn overflow(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 1000]);
    match frame[999] {
        0 => 0,
        _ => overflow(depth + 1) + frame[0],
    }
}

#[test]
fn abort_restores_terminal_and_shows_message() {
    let program = std::env::current_exe().expect("a program");
    let program = program.to_str().expect("a path that is text");
    for (role, message) in [
        ("memory", "out of memory"),
        ("stack", "overflowed its stack"),
    ] {
        let mut command = pty::command(&[
            program,
            "--exact",
            "exit::panicking_dashboard_entry_point",
            "--nocapture",
        ]);
        command.env(ROLE, role);
        let mut seen = Seen::start(command);
        let terminal = &mut seen.terminal;
        let status = seen.pty.wait(|bytes| terminal.process(bytes));
        assert!(status.signal().is_some(), "{role}: {status}");
        assert!(seen.pty.text().contains("\x1b[?1049h"), "{role}");
        seen.gave_the_terminal_back(role);
        assert!(seen.shows(message), "{role}:\n{}", seen.picture());
    }
}

#[test]
fn panic_or_failure_restores_terminal_and_shows_message() {
    let program = std::env::current_exe().expect("a program");
    let program = program.to_str().expect("a path that is text");
    for (role, status) in [("ui", 101), ("collector", 1), ("failure", 1)] {
        let argv = [
            program,
            "--exact",
            "exit::panicking_dashboard_entry_point",
            "--nocapture",
        ];
        let mut command = pty::command(&argv);
        command.env(ROLE, role);
        command.env("RUST_BACKTRACE", "0");
        let mut seen = Seen::start(command);
        seen.ends(role, status);
        assert!(
            seen.pty.text().contains("\x1b[?1049h"),
            "{role}: it never had the terminal"
        );
        assert!(seen.shows("boom"), "{role}:\n{}", seen.picture());
    }
}
