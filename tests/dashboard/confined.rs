//! The dashboard without privileges: what it can no longer do, what it still does, and whose files it writes.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::time::Instant;

use rustix::fs::{CWD, Mode, mkfifoat};
use rustix::process::{Pid, Signal, kill_process};

use crate::common::confined::assert_confined;
use crate::common::loopback::{Pair, V4, listen, port, session};
use crate::common::pty;
use crate::common::requirements::{PATIENCE, kernel_or_skip};
use crate::exit::is_stopped;
use crate::harness::{Seen, brisk, only};

/// The user that a process of root becomes.
const NOBODY: u32 = 65_534;
/// A user that nobody else is on the test machine.
const CALLER: u32 = 54_321;

fn can_run() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    assert!(is_root || std::env::var_os("CI").is_none(), "needs root");
    kernel_or_skip() && is_root
}

/// A directory that exports may be written to: the usual temporary ones have hidden names.
fn visible_folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("tcplife").tempdir();
    folder.expect("a directory")
}

fn pid(seen: &Seen) -> u32 {
    seen.pty.child.0.process_id().expect("it runs")
}

#[test]
fn sandbox_every_thread_is_confined_before_and_after_everything_it_does() {
    if !can_run() {
        return;
    }
    let folder = visible_folder();
    let (listener, other) = (listen(V4), listen(V4));
    let mut command = pty::command(&brisk(&["-L", &only(&[&listener, &other])]));
    command.cwd(folder.path());
    let mut seen = Seen::start(command);
    seen.wait_for("the dashboard", |s| s.heading().is_some());
    let pid = pid(&seen);
    assert_confined(pid, NOBODY);

    // names: a thread that resolves them
    seen.press("n");
    let client = session(&listener, V4, 10, 10);
    seen.wait_for("a session", |s| s.row(port(&listener), client).is_some());
    seen.press("e\x15a.csv\r");
    seen.wait_for("the export", |s| s.shows("exported 1 session to a.csv"));
    assert_confined(pid, NOBODY);

    let process = Pid::from_raw(pid as i32).expect("a pid");
    kill_process(process, Signal::TSTP).expect("it runs");
    seen.wait_for("its stop", |_| is_stopped(process));
    kill_process(process, Signal::CONT).expect("it runs");
    seen.wait_for("its screen", |s| {
        s.terminal.screen().alternate_screen() && s.row(port(&listener), client).is_some()
    });
    assert_confined(pid, NOBODY);

    // a new capture filter, figures of an open session, and a session that closes
    seen.press(&format!("C\x15lport {}\r", port(&other)));
    let pair = Pair::open(&other, V4);
    let open = pair.client.local_addr().expect("it is bound").port();
    seen.wait_for("an open session", |s| {
        s.row(port(&other), open)
            .is_some_and(|r| r.cell("STATUS") == "established")
    });
    drop(pair);
    seen.wait_for("its close", |s| {
        s.row(port(&other), open)
            .is_some_and(|r| r.cell("STATUS") != "established")
    });
    assert_confined(pid, NOBODY);
    seen.quit();
}

/// The process that opens files for a dashboard, once it is the only child.
struct Broker(String);

impl Broker {
    fn of(seen: &mut Seen) -> Broker {
        let pid = pid(seen);
        let children = || {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
            let comm = |child: &str| format!("/proc/{child}/comm");
            children
                .expect("it runs")
                .split_whitespace()
                .map(comm)
                .collect::<Vec<_>>()
        };
        let is_broker = Broker::is_there;
        seen.wait_for("its child", |_| children().iter().any(is_broker));
        Broker(children().into_iter().find(is_broker).expect("it runs"))
    }

    fn is_there(comm: &String) -> bool {
        fs::read_to_string(comm).is_ok_and(|name| name == "tcplife-files\n")
    }

    fn assert_exits(&self) {
        let deadline = Instant::now() + PATIENCE;
        while Broker::is_there(&self.0) {
            assert!(Instant::now() < deadline, "tcplife-files stays");
            std::thread::yield_now();
        }
    }
}

#[test]
fn dashboard_killed_while_suspended_leaves_no_process() {
    if !can_run() {
        return;
    }
    let mut seen = Seen::dashboard(&["-L", &only(&[&listen(V4)])]);
    let broker = Broker::of(&mut seen);
    let process = Pid::from_raw(pid(&seen) as i32).expect("a pid");
    kill_process(process, Signal::TSTP).expect("it runs");
    seen.wait_for("its stop", |_| is_stopped(process));
    kill_process(process, Signal::KILL).expect("it is stopped");
    broker.assert_exits();
}

#[test]
fn dashboard_interrupted_while_its_configuration_is_a_silent_pipe_leaves_no_process() {
    if !can_run() {
        return;
    }
    let folder = visible_folder();
    let pipe = folder.path().join("pipe");
    mkfifoat(CWD, &pipe, Mode::RUSR).expect("a pipe");
    let path = pipe.to_string_lossy().into_owned();
    let mut seen = Seen::start(pty::command(&brisk(&["--config", &path])));
    let broker = Broker::of(&mut seen);
    seen.press("\x03");
    let status = seen.pty.wait(|_| ());
    assert!(status.signal().is_some(), "{status}");
    broker.assert_exits();
}

#[test]
fn sandbox_help_says_what_is_in_force() {
    if !can_run() {
        return;
    }
    let mut seen = Seen::dashboard(&["-L", &only(&[&listen(V4)])]);
    // the last chapter is the one before the first
    seen.press("?\x1b[ZG");
    seen.wait_for("the privileges", |s| {
        ["user nobody", "capabilities none", "seccomp yes"]
            .iter()
            .all(|text| s.shows(text))
    });
    seen.press("q");
    seen.quit();
}

/// Starts the dashboard as sudo does for that user, in a directory.
fn under_sudo(home: &Path, folder: &Path, flags: &[&str]) -> Seen {
    let mut command = pty::command(&brisk(flags));
    command.cwd(folder);
    command.env("HOME", home);
    command.env("SUDO_UID", CALLER.to_string());
    command.env("SUDO_GID", CALLER.to_string());
    command.env_remove("XDG_CONFIG_HOME");
    command.env_remove("XDG_STATE_HOME");
    Seen::sized(command, 24, 120)
}

fn owned_by(uid: u32) -> tempfile::TempDir {
    let folder = visible_folder();
    chown(folder.path(), Some(uid), Some(uid)).expect("root may");
    folder
}

#[test]
fn export_under_sudo_writes_only_what_the_caller_may_write() {
    if !can_run() {
        return;
    }
    let (home, own, foreign) = (owned_by(CALLER), owned_by(CALLER), owned_by(0));
    let listener = listen(V4);
    let mut seen = under_sudo(home.path(), own.path(), &["-L", &only(&[&listener])]);
    seen.wait_for("the dashboard", |s| s.heading().is_some());
    assert_confined(pid(&seen), CALLER);
    session(&listener, V4, 10, 10);
    seen.wait_for("a session", |s| s.rows().len() == 1);

    seen.press("e\x15a.csv\r");
    seen.wait_for("the export", |s| s.shows("exported 1 session to a.csv"));
    let file = fs::metadata(own.path().join("a.csv")).expect("the file");
    assert_eq!(
        (file.uid(), file.gid(), file.mode() & 0o777),
        (CALLER, CALLER, 0o600)
    );

    let forbidden = foreign.path().join("b.csv");
    seen.press(&format!("e\x15{}\r", forbidden.display()));
    seen.wait_for("the refusal", |s| {
        s.shows("permission denied to uid 54321 (sudo)")
    });
    assert!(!forbidden.exists());
    seen.press("\x1b");
    seen.wait_for("the table", |s| !s.shows("export to"));

    // root's file in the caller's directory, which the caller could delete, but not write to
    let roots = own.path().join("c.csv");
    fs::write(&roots, "root's").expect("root may");
    seen.press("e\x15c.csv\r");
    seen.wait_for("the refusal", |s| s.shows("denied"));
    assert_eq!(fs::read_to_string(&roots).expect("the file"), "root's");
    seen.press("\x1b");
    seen.wait_for("the table", |s| !s.shows("export to"));

    let (target, link) = (foreign.path().join("target"), own.path().join("d.csv"));
    fs::write(&target, "precious").expect("root may");
    symlink(&target, &link).expect("root may");
    seen.press("e\x15d.csv\r");
    seen.wait_for("a question", |s| s.shows("exists"));
    seen.press("y");
    seen.wait_for("the export", |s| s.shows("exported 1 session to d.csv"));
    assert_eq!(fs::read_to_string(&target).expect("the target"), "precious");
    assert!(fs::symlink_metadata(&link).expect("the file").is_file());
    seen.quit();
}

#[test]
fn history_under_sudo_is_kept_in_directories_of_the_caller() {
    if !can_run() {
        return;
    }
    let home = owned_by(CALLER);
    let mut seen = under_sudo(home.path(), home.path(), &[]);
    seen.wait_for("the dashboard", |s| s.heading().is_some());
    seen.press("/port 9\r");
    seen.wait_for("the filter", |s| s.shows("port 9"));
    seen.quit();
    for path in [
        "",
        ".local",
        ".local/state",
        ".local/state/tcplife",
        ".local/state/tcplife/history",
    ] {
        let found = fs::metadata(home.path().join(path)).expect("it was made");
        assert_eq!(found.uid(), CALLER, "{path}");
    }
}

#[test]
fn config_that_the_caller_may_not_read_tells_nothing() {
    if !can_run() {
        return;
    }
    let home = owned_by(CALLER);
    let secret = home.path().join("secret.toml");
    fs::write(&secret, "hunter2 = 1").expect("root may");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("root may");
    let path = secret.to_string_lossy().into_owned();
    let mut seen = under_sudo(home.path(), home.path(), &["--config", &path]);
    let status = seen.pty.wait(|_| ());
    let text = seen.pty.text();
    assert_eq!(status.exit_code(), 2, "{text}");
    assert!(
        text.contains("permission denied") && !text.contains("hunter2"),
        "{text}"
    );
}
