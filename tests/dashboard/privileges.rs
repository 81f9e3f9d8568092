//! The table of docs/privileges.md: what works in which setting, as the dashboard and the lines of each setting show it.
//!
//! In each setting an interactive shell is started and tcplife in it, as a user would do it.

use std::cell::Cell;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use rustix::thread::gettid;
use serde_json::Value;

use crate::common::cgroups;
use crate::common::documents::Section;
use crate::common::loopback::{Pair, V4, listen, port};
use crate::common::netns::Netns;
use crate::common::pty;
use crate::common::requirements::{PATIENCE, TCPLIFE, kernel_or_skip, tool_or_skip};
use crate::harness::{Seen, only, titles};
use crate::names::serve;

const DOCUMENT: &str = "docs/privileges.md";
const COMMAND: &str = "cargo test --test dashboard privileges (as root)";

/// The user who calls tcplife: one without an account, that nobody else is on the test machine.
const CALLER: u32 = 54_321;
/// The user of a service, with an account everywhere.
const SERVICE: (u32, &str) = (1, "daemon");
/// Address of the test's own name server.
const NAME_SERVER: &str = "127.0.53.78";
const HOST_NAME: &str = "host-2.example";
const SERVICE_NAME: &str = "tl-test";
const CAPABILITIES: &str = "+bpf,+perfmon";

/// A way to start tcplife.
struct Setting {
    name: &'static str,
    /// Command that executes a shell in other namespaces.
    outer: &'static str,
    /// Command that executes a shell as another user, or with fewer capabilities.
    inner: &'static str,
    /// Variables set for tcplife alone.
    variables: &'static str,
    /// tcplife has capabilities by its file.
    has_file_capabilities: bool,
    /// The shell sees the mounts of the host, which keep the network namespaces of containers.
    sees_mounts: bool,
    /// User whose files are written.
    files_of: u32,
}

const ROOT: Setting = Setting {
    name: "root",
    outer: "",
    inner: "",
    variables: "",
    has_file_capabilities: false,
    sees_mounts: true,
    files_of: 0,
};

const SETTINGS: [Setting; 6] = [
    ROOT,
    Setting {
        name: "sudo",
        variables: "SUDO_UID=54321 SUDO_GID=54321",
        files_of: CALLER,
        ..ROOT
    },
    Setting {
        name: "file capabilities",
        inner: "setpriv --reuid 54321 --regid 54321 --clear-groups",
        has_file_capabilities: true,
        files_of: CALLER,
        ..ROOT
    },
    Setting {
        name: "ambient capabilities",
        inner: "setpriv --reuid 54321 --regid 54321 --clear-groups --inh-caps=+bpf,+perfmon --ambient-caps=+bpf,+perfmon",
        files_of: CALLER,
        ..ROOT
    },
    Setting {
        name: "container, `--pid=host`",
        inner: "setpriv --bounding-set=-all,+bpf,+perfmon",
        sees_mounts: false,
        ..ROOT
    },
    Setting {
        name: "container, its own PIDs",
        outer: "unshare --pid --fork --kill-child --mount-proc",
        inner: "setpriv --bounding-set=-all,+bpf,+perfmon",
        sees_mounts: false,
        ..ROOT
    },
];

/// A process with a session of its own, from before the start.
struct Owner {
    child: Child,
    orders: ChildStdin,
    /// The other end.
    server: TcpStream,
    lport: u16,
}

impl Owner {
    /// Starts bash as that user, in that control group; it connects to the listener. Another process holds the session,
    /// too. It gives itself the names that it reads.
    fn start(uid: u32, group: Option<&Path>, listener: &TcpListener) -> Owner {
        let join = group.map_or_else(String::new, |group| {
            format!("echo $$ > '{}/cgroup.procs'; ", group.display())
        });
        let script = format!(
            "exec 3<>/dev/tcp/127.0.0.1/{}; sleep 300 & while read -r name; do printf %s $name > /proc/self/comm; done",
            port(listener)
        );
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(format!(
                "{join}exec setpriv --reuid {uid} --regid {uid} --clear-groups bash -c '{script}'"
            ))
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("sh can be started");
        let (server, client) = listener.accept().expect("bash connects");
        Owner {
            orders: child.stdin.take().expect("a pipe"),
            child,
            server,
            lport: client.port(),
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if let Some(group) = Pid::from_raw(self.child.id() as i32) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// A control group, removed when the test ends.
struct Group(PathBuf);

impl Group {
    /// Creates one where cgroup2 is mounted, and groups can be created.
    fn create() -> Option<Group> {
        let root = cgroups::mount_point()?;
        let group = root.join(format!("tcplife-privileges-{}", std::process::id()));
        fs::create_dir(&group).ok()?;
        Some(Group(group))
    }

    fn name(&self) -> String {
        let name = self.0.file_name().expect("it has one");
        name.to_string_lossy().into_owned()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while fs::remove_dir(&self.0).is_err() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Everything that there is to see, the same in each setting.
struct World {
    folder: tempfile::TempDir,
    listener: TcpListener,
    /// A listener that the dashboard is not started for.
    other: TcpListener,
    /// Owners of root, of the caller and of a service.
    roots: Owner,
    callers: Owner,
    foreign: Owner,
    ssh: Pair,
    /// Another network namespace.
    netns: Netns,
    /// Sessions without a process in there can be seen at all.
    shows_orphans: bool,
    // after its members
    group: Option<Group>,
}

impl World {
    fn new() -> Option<World> {
        let folder = tempfile::tempdir().expect("a directory");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
        for name in ["plain", "capable"] {
            fs::copy(TCPLIFE, folder.path().join(name)).expect("room for a copy of tcplife");
        }
        let capable = folder.path().join("capable");
        let capable = capable.to_str().expect("a path that is text");
        if !tool_or_skip(&["setcap", "cap_bpf,cap_perfmon+ep", capable])
            || !tool_or_skip(&[
                "setpriv",
                &format!("--bounding-set=-all,{CAPABILITIES}"),
                "true",
            ])
            || !tool_or_skip(&[
                "unshare",
                "-m",
                "--pid",
                "--fork",
                "--mount-proc",
                "bash",
                "-c",
                "true",
            ])
            || !tool_or_skip(&["ip", "link"])
            || !serve(NAME_SERVER, HOST_NAME)
        {
            return None;
        }
        // a service has a port that clients are not given
        let listener = (21_000..22_000).find_map(|port| TcpListener::bind((V4.ip(), port)).ok());
        let listener = listener.expect("a free port");
        let write = |name: &str, text: String| {
            fs::write(folder.path().join(name), text).expect("a file");
        };
        write("resolv.conf", format!("nameserver {NAME_SERVER}\n"));
        write("hosts", "192.0.2.1 other\n".into());
        write(
            "services",
            format!("{SERVICE_NAME} {}/tcp\n", port(&listener)),
        );
        write("netns", String::new());
        let netns = Netns::new();
        let group = Group::create();
        Some(World {
            roots: Owner::start(0, None, &listener),
            callers: Owner::start(CALLER, None, &listener),
            foreign: Owner::start(SERVICE.0, group.as_ref().map(|g| &*g.0), &listener),
            ssh: Pair::open(&listener, V4),
            other: listen(V4),
            folder,
            listener,
            netns,
            shows_orphans: false,
            group,
        })
    }

    fn port(&self) -> u16 {
        port(&self.listener)
    }

    /// A session without a process, in the other network namespace: its port and its peer.
    fn orphan(&self) -> (u16, TcpStream) {
        let at = (V4.ip(), self.port());
        self.netns.run(move || {
            let listener = TcpListener::bind(at).expect("a port of its own");
            let mut client = TcpStream::connect(at).expect("a connection");
            let server = listener.accept().expect("a connection").0;
            let port = client.local_addr().expect("it is connected").port();
            client.set_nonblocking(true).expect("it is ours");
            // more than the peer, who reads nothing, takes: the FIN cannot be sent
            while client.write(&[b'x'; 1 << 16]).is_ok() {}
            (port, server)
        })
    }
}

/// A home directory, and an interactive shell in it.
struct Shell {
    home: tempfile::TempDir,
    seen: Seen,
    /// Command line of tcplife, without flags of its own.
    tcplife: String,
}

impl Shell {
    /// Starts one with names of its own in /etc and a /proc with these options.
    fn start(world: &World, setting: &Setting, proc_options: &str) -> Shell {
        let home = tempfile::tempdir().expect("a directory");
        let config = home.path().join(".config/tcplife");
        fs::create_dir_all(&config).expect("it is ours");
        let file = config.join("config.toml");
        let columns =
            "columns = ['pid', 'comm', 'lport', 'raddr', 'rport', 'tx', 'rx', 'status']\n";
        fs::write(&file, columns).expect("it is ours");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("it is ours");
        for path in [&*home.path().join(".config"), &config, &file, home.path()] {
            chown(path, Some(setting.files_of), Some(setting.files_of)).expect("root may");
        }
        let etc = world.folder.path().display();
        let mut script = format!(
            "mount --make-rprivate / && for name in resolv.conf hosts services; do mount --bind {etc}/$name /etc/$name || exit; done; "
        );
        if setting.sees_mounts {
            write!(
                script,
                "mount --bind /proc/{}/task/{}/ns/net {etc}/netns && ",
                std::process::id(),
                world.netns.run(|| gettid().as_raw_nonzero())
            )
            .expect("a text");
        }
        write!(
            script,
            "exec {} sh -c 'mount -t proc -o {proc_options} proc /proc && exec {} bash --norc --noprofile --noediting -i'",
            setting.outer, setting.inner
        )
        .expect("a text");
        let mut command = pty::command(&["unshare", "-m", "sh", "-c", &script]);
        command.cwd(home.path());
        for name in [
            "XDG_CONFIG_HOME",
            "XDG_STATE_HOME",
            "SUDO_UID",
            "SUDO_GID",
            "DOAS_USER",
            "PKEXEC_UID",
            "STY",
        ] {
            command.env_remove(name);
        }
        command.env("HOME", home.path());
        command.env("PS1", "prompt> ");
        command.env("HISTFILE", "/dev/null");
        command.env("TMUX", "/tmp/tmux-0/default,7,0");
        let ssh = format!(
            "127.0.0.1 {} 127.0.0.1 {}",
            world.port(),
            world.ssh.client_port()
        );
        command.env("SSH_CONNECTION", ssh);
        let mut seen = Seen::sized(command, 70, 160);
        seen.wait_for("prompt", |s| s.shows("prompt> "));
        let program = match setting.has_file_capabilities {
            true => "capable",
            false => "plain",
        };
        // as sudo does: the variables of the shell are not those of tcplife
        let tcplife = format!(
            "env -u TMUX -u SSH_CONNECTION {} {etc}/{program}",
            setting.variables
        );
        Shell {
            home,
            seen,
            tcplife,
        }
    }

    fn starts_dashboard(&mut self, ports: &str) {
        self.seen.press(&format!(
            "{} -o dashboard --interval 200ms -D {ports}\r",
            self.tcplife
        ));
        self.seen.wait_for("the dashboard", |s| {
            s.terminal.screen().alternate_screen() && s.heading().is_some()
        });
    }

    /// Waits until one of the two is shown; true for the first.
    fn either(
        &mut self,
        what: &str,
        one: impl Fn(&Seen) -> bool,
        other: impl Fn(&Seen) -> bool,
    ) -> bool {
        let is_first = Cell::new(false);
        self.seen.wait_for(what, |s| {
            is_first.set(one(s));
            is_first.get() || other(s)
        });
        is_first.get()
    }

    /// Leaves the shell, once it has its terminal back.
    fn exits(mut self) {
        self.seen.wait_for("a prompt", |s| {
            let lines = s.lines();
            let last = lines.iter().rfind(|line| !line.is_empty());
            !s.terminal.screen().alternate_screen()
                && last.is_some_and(|l| l.trim_end() == "prompt>")
        });
        self.seen.press("exit\r");
        self.seen.ends("exit", 0);
    }
}

/// Features and how each is in a setting.
#[derive(Debug, Default)]
struct Cells(Vec<(&'static str, Option<String>)>);

impl Cells {
    fn say(&mut self, feature: &'static str, how: &str) {
        self.0.push((feature, Some(how.into())));
    }

    fn is(&mut self, feature: &'static str, works: bool) {
        self.say(feature, if works { "yes" } else { "no" });
    }

    /// It cannot be told on this machine.
    fn skip(&mut self, feature: &'static str) {
        self.0.push((feature, None));
    }
}

fn cells(world: &mut World, setting: &Setting) -> Cells {
    let mut cells = Cells::default();
    lines(world, setting, &mut cells);
    dashboard(world, setting, &mut cells);
    hidden(world, setting, &mut cells);
    cells
}

/// A run of `-o json`: rows and the summary.
fn lines(world: &World, setting: &Setting, cells: &mut Cells) {
    let mut shell = Shell::start(world, setting, "defaults");
    shell.seen.press(&format!(
        "{} -D {} -o json > rows\r",
        shell.tcplife,
        world.port()
    ));
    let file = shell.home.path().join("rows");
    let deadline = Instant::now() + PATIENCE;
    let rows_until = |wanted: &dyn Fn(&Value) -> bool, each: &dyn Fn()| loop {
        each();
        let text = fs::read_to_string(&file).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        let rows = whole
            .lines()
            .map(|l| serde_json::from_str::<Value>(l).expect("JSON"));
        if let Some(row) = rows.into_iter().find(wanted) {
            break row;
        }
        assert!(Instant::now() < deadline, "{}:\n{text}", setting.name);
        std::thread::sleep(Duration::from_millis(10));
    };
    let session = || {
        let mut pair = Pair::open(&world.listener, V4);
        pair.exchange(1000, 3000);
        pair.close();
    };
    let row = rows_until(
        &|row| row["tx_bytes"] == 1000 && row["preexisting"] == false,
        &session,
    );
    assert_eq!(row["rx_bytes"], 3000, "{row}");
    cells.is("new sessions and their bytes", true);
    let owner = match (row["pid"].as_u64(), row["comm"].as_str()) {
        (Some(pid), Some(_)) if pid == u64::from(std::process::id()) => "yes",
        (None, Some(_)) => "name, no PID",
        _ => "no",
    };
    cells.say("their owners", owner);
    shell.seen.press("\x03");
    let summary = rows_until(&|row| row["event"] == "summary", &|| {});
    let sandbox = &summary["sandbox"];
    let user = match sandbox["uid"].as_u64() {
        Some(0) => "root",
        Some(65_534) => "nobody",
        Some(uid) if uid == u64::from(CALLER) => "the caller",
        _ => panic!("{summary}"),
    };
    cells.say("afterwards: user", user);
    let kept = sandbox["capabilities"].as_array().expect("a list");
    let kept: Vec<&str> = kept.iter().filter_map(Value::as_str).collect();
    cells.say(
        "afterwards: capabilities",
        &if kept.is_empty() {
            "none".into()
        } else {
            kept.join(", ")
        },
    );
    let is_restricted = sandbox["no_new_privs"] == true
        && sandbox["seccomp"] == true
        && sandbox["landlock"].as_u64() > Some(0);
    cells.is("afterwards: no_new_privs, Landlock, seccomp", is_restricted);
    shell.exits();
}

fn dashboard(world: &mut World, setting: &Setting, cells: &mut Cells) {
    let to = world.port();
    let (orphan, _peer) = world.orphan();
    let mut shell = Shell::start(world, setting, "defaults");
    shell.starts_dashboard(&only(&[&world.listener, &world.other]));
    let columns = "PID COMM LPORT RADDR RPORT TX RX STATUS RATE";
    let heading = shell
        .seen
        .heading()
        .map(|at| titles(&shell.seen.lines()[at]).join(" "));
    cells.is(
        "configuration",
        heading.is_some_and(|heading| heading == columns),
    );

    let (own, foreign) = match setting.files_of {
        0 => (&mut world.roots, &mut world.foreign),
        _ => (&mut world.callers, &mut world.foreign),
    };
    let lport = foreign.lport;
    shell.seen.wait_for("all of them", |s| {
        !s.shows("Reading the open sessions")
            && s.row(lport, to).is_some()
            && s.row(own.lport, to).is_some()
    });
    let cell = |s: &Seen, title: &str| s.row(lport, to).map(|r| r.cell(title).to_owned());
    let has_pid = cell(&shell.seen, "PID") == Some(foreign.child.id().to_string());
    let has_name = cell(&shell.seen, "COMM").is_some_and(|name| name != "-");
    cells.say(
        "owners of sessions from before the start",
        match (has_pid, has_name) {
            (true, true) => "yes",
            (false, true) => "name, no PID",
            _ if shell.seen.shows("in this container") => "no, said at the start",
            _ => "no",
        },
    );
    let has_orphan = shell.seen.row(orphan, to).is_some();
    let is_announced = shell.seen.shows("without CAP_SYS_ADMIN");
    // a kernel that refuses iterators over maps shows them to nobody
    world.shows_orphans |= has_orphan;
    let orphans =
        "open sessions from before the start that no process holds, in other network namespaces";
    match (world.shows_orphans, has_orphan, is_announced) {
        (false, ..) => cells.skip(orphans),
        (_, true, _) => cells.say(orphans, "yes"),
        (_, _, true) => cells.say(orphans, "no, said at the start"),
        _ => cells.say(orphans, "no"),
    }
    let ssh = world.ssh.client_port();
    let is_hidden = shell.either(
        "the ssh session",
        |s| s.shows("self traffic: 1 hidden"),
        |s| s.row(ssh, to).is_some(),
    );
    cells.is(
        "your ssh session (by the environment of the shell)",
        is_hidden,
    );
    cells.is(
        "figures of open sessions",
        changes_figures(&mut shell, foreign, to),
    );
    cells.is(
        "new name of a process that renames itself",
        renames(&mut shell, foreign, to, "renamed"),
    );

    shell
        .seen
        .press(&format!("C\x15rport {}\r", port(&world.other)));
    let pair = Pair::open(&world.other, V4);
    let client = pair.client_port();
    shell
        .seen
        .wait_for("the session of the new filter alone", |s| {
            s.row(client, port(&world.other)).is_some() && s.rows().len() == 1
        });
    drop(pair);
    shell.seen.press(&format!("C\x15rport {to}\r"));
    cells.is("a new capture filter (`C`)", true);

    shell.shows_only(lport, to);
    shell.seen.press("n");
    shell.seen.wait_for("a name", |s| s.shows(&HOST_NAME[..6]));
    shell.seen.press("n");
    shell.seen.wait_for("its address", |s| {
        cell(s, "RADDR").is_some_and(|addr| addr == "127.0.0.1")
    });
    cells.is("host names (`n`)", true);
    let detail = shell.detail();
    shell.seen.press("N");
    shell
        .seen
        .wait_for("a service's name", |s| s.shows(&format!(":{SERVICE_NAME}")));
    shell.seen.press("N");
    cells.is("service names (`N`)", true);
    let user = format!("{} ({})", SERVICE.1, SERVICE.0);
    let has = |name: &str, text: &str| detail.entry(name).is_some_and(|entry| entry.contains(text));
    let is_described =
        has("command", "read -r name") && has("user", &user) && has("parents", "dashboard");
    cells.is(
        "detail: command line, user and parents of the owner",
        is_described,
    );
    cells.is(
        "detail: all processes that hold the session",
        has("held by", "sleep"),
    );
    match &world.group {
        Some(group) => cells.is("control group", has("cgroup", &group.name())),
        None => cells.skip("control group"),
    }
    cells.say(
        "detail: program of another user's process",
        detail.program(),
    );
    shell.leaves_detail();
    let own_port = own.lport;
    shell.shows_only(own_port, to);
    let program = shell.detail().program();
    cells.say(
        "detail: program of a process of the user who started tcplife",
        program,
    );
    shell.leaves_detail();

    shell.seen.press("e\x15out.csv\r");
    shell
        .seen
        .wait_for("the export", |s| s.shows("exported 1 session to out.csv"));
    let is_theirs = |path: &str| {
        fs::metadata(shell.home.path().join(path)).is_ok_and(|file| file.uid() == setting.files_of)
    };
    cells.is(
        "export (`e`), written as the user who started tcplife",
        is_theirs("out.csv"),
    );
    shell.seen.press("y");
    shell.seen.wait_for("the copy", |s| {
        s.pty.text().contains("\x1b]52;c;") && s.is_whole()
    });
    cells.is("copy (`y`)", true);
    let passes = shell.seen.pty.text().contains("\x1bPtmux;");
    cells.is(
        "copy through the multiplexer that the shell runs in",
        passes,
    );

    shell.seen.press(" \x1a"); // the space closes what is copied
    shell.seen.wait_for("the shell", |s| {
        s.shows("Stopped") && !s.terminal.screen().alternate_screen() && s.pty.is_as_before()
    });
    shell.seen.press("fg\r");
    shell.seen.wait_for("the dashboard", |s| {
        s.terminal.screen().alternate_screen() && s.row(own_port, to).is_some()
    });
    cells.is("suspend (`^Z`) and resume", true);
    shell.leaves_dashboard();
    let history = ".local/state/tcplife/history";
    let is_kept = fs::read_to_string(shell.home.path().join(history))
        .is_ok_and(|lines| lines.contains(&format!("lport {own_port}")));
    let is_theirs = fs::metadata(shell.home.path().join(history))
        .is_ok_and(|file| file.uid() == setting.files_of);
    cells.is(
        "history, kept for the user who started tcplife",
        is_kept && is_theirs,
    );
    shell.exits();
}

/// True if the row of an open session follows what it receives.
fn changes_figures(shell: &mut Shell, owner: &mut Owner, to: u16) -> bool {
    let received = |s: &Seen| s.row(owner.lport, to).map(|r| r.cell("RX").to_owned());
    let before = received(&shell.seen);
    owner
        .server
        .write_all(&[b'x'; 200])
        .expect("it is connected");
    shell.seen.wait_for("its bytes", |s| {
        received(s).is_some_and(|now| Some(now) != before)
    });
    true
}

/// True if a process' new name is shown. Names are read at each snapshot, so after two more it would be.
fn renames(shell: &mut Shell, owner: &mut Owner, to: u16, name: &str) -> bool {
    writeln!(owner.orders, "{name}").expect("it runs");
    let comm = format!("/proc/{}/comm", owner.child.id());
    let deadline = Instant::now() + PATIENCE;
    while fs::read_to_string(&comm).expect("it runs").trim_end() != name {
        assert!(Instant::now() < deadline, "it is not renamed");
        std::thread::yield_now();
    }
    let is_shown = |s: &Seen| {
        s.row(owner.lport, to)
            .is_some_and(|r| r.cell("COMM") == name)
    };
    let lport = owner.lport;
    let is = is_shown(&shell.seen);
    for _ in 0..3 {
        changes_figures(shell, owner, to);
    }
    is || shell
        .seen
        .row(lport, to)
        .is_some_and(|r| r.cell("COMM") == name)
}

/// A /proc that shows each user only their own processes.
fn hidden(world: &mut World, setting: &Setting, cells: &mut Cells) {
    let to = world.port();
    let mut shell = Shell::start(world, setting, "hidepid=2");
    shell.starts_dashboard(&only(&[&world.listener]));
    let foreign = &mut world.foreign;
    let lport = foreign.lport;
    shell.seen.wait_for("all of them", |s| {
        !s.shows("Reading the open sessions") && s.row(lport, to).is_some()
    });
    let is_renamed = renames(&mut shell, foreign, to, "hidden");
    cells.is(
        "`hidepid=2`: new name of another user's process",
        is_renamed,
    );
    shell.shows_only(lport, to);
    let detail = shell.detail();
    let how = match detail.entry("command") {
        Some(text) if text.contains("read -r name") => "yes",
        Some(text) if text.contains("not readable") && text.contains("hidepid") => "no, said there",
        _ => "no",
    };
    cells.say("`hidepid=2`: detail of another user's process", how);
    shell.leaves_detail();
    shell.seen.press("\x1a");
    let is_stopped = shell.either(
        "the shell, or a word",
        |s| s.shows("Stopped") && !s.terminal.screen().alternate_screen(),
        |s| s.shows("not suspended"),
    );
    if is_stopped {
        shell.seen.press("fg\r");
        shell.seen.wait_for("the dashboard", |s| {
            s.terminal.screen().alternate_screen() && s.row(lport, to).is_some()
        });
    }
    let how = if is_stopped { "yes" } else { "no, said there" };
    cells.say("`hidepid=2`: suspend (`^Z`) and resume", how);
    shell.leaves_dashboard();
    shell.exits();
}

/// The lines of a detail screen.
struct Detail(Vec<String>);

impl Detail {
    /// Returns the text of an entry, with the lines that continue it.
    fn entry(&self, name: &str) -> Option<String> {
        let names = |line: &String| line.trim_start().starts_with(&format!("{name} "));
        let at = self.0.iter().position(names)?;
        let first = self.0[at].trim_start().strip_prefix(name)?.trim();
        let continues = |line: &&String| line.starts_with("      ");
        let rest = self.0[at + 1..].iter().take_while(continues);
        let rest = rest.map(|line| line.trim());
        Some(
            std::iter::once(first)
                .chain(rest)
                .collect::<Vec<_>>()
                .join(" "),
        )
    }

    fn program(&self) -> &'static str {
        match self.entry("program") {
            Some(text) if text.starts_with('/') => "yes",
            Some(text) if text.contains("not readable") => "no, said there",
            _ => "no",
        }
    }
}

impl Shell {
    /// Filters the table for one session.
    fn shows_only(&mut self, lport: u16, rport: u16) {
        self.seen.press(&format!("/\x15lport {lport}\r"));
        self.seen.wait_for("one session", |s| {
            s.row(lport, rport).is_some() && s.rows().len() == 1
        });
    }

    /// Opens the detail of the selected session.
    fn detail(&mut self) -> Detail {
        self.seen.press("\r");
        self.seen.wait_for("the detail", |s| {
            s.shows("OWNER")
                && (s.shows("held by") || s.shows("unknown owner"))
                && !s.shows("looking it up")
                && !s.shows("searching")
        });
        Detail(self.seen.lines())
    }

    fn leaves_detail(&mut self) {
        self.seen.press("q");
        self.seen.wait_for("the table", |s| s.heading().is_some());
    }

    fn leaves_dashboard(&mut self) {
        self.seen.press("q");
        self.seen
            .wait_for("the shell", |s| !s.terminal.screen().alternate_screen());
    }
}

#[test]
fn privileges_document_says_what_works_in_each_setting() {
    let is_root = rustix::process::geteuid().is_root();
    assert!(is_root || std::env::var_os("CI").is_none(), "needs root");
    if !is_root || !kernel_or_skip() {
        return;
    }
    let Some(mut world) = World::new() else {
        return;
    };
    let section = Section::read(DOCUMENT, "privileges");
    let columns: Vec<Cells> = SETTINGS
        .iter()
        .map(|setting| cells(&mut world, setting))
        .collect();
    let names = SETTINGS.each_ref().map(|setting| setting.name);
    let mut table = format!(
        "| | {} |\n|---|{}\n",
        names.join(" | "),
        "---|".repeat(names.len())
    );
    for (row, (feature, _)) in columns[0].0.iter().enumerate() {
        // what cannot be told on this machine is as the document says
        let known = section
            .text
            .lines()
            .find_map(|l| l.strip_prefix(&format!("| {feature} | ")));
        let known: Vec<&str> =
            known.map_or(vec![], |l| l.trim_end_matches(" |").split(" | ").collect());
        let cells = columns.iter().enumerate().map(|(column, cells)| {
            assert_eq!(cells.0[row].0, *feature, "each setting has each feature");
            let told = cells.0[row].1.as_deref();
            told.or_else(|| known.get(column).copied()).unwrap_or("?")
        });
        writeln!(
            table,
            "| {feature} | {} |",
            cells.collect::<Vec<_>>().join(" | ")
        )
        .expect("a text");
    }
    section.assert_is(&table, COMMAND);

    let refused = Command::new("unshare")
        .args(["-Ur", TCPLIFE, "-o", "text"])
        .output()
        .expect("unshare");
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0));
    let text = String::from_utf8_lossy(&refused.stderr);
    let text = format!("```console\n$ unshare -Ur tcplife\n{text}```\n");
    Section::read(DOCUMENT, "user-namespace").assert_is(&text, COMMAND);
}
