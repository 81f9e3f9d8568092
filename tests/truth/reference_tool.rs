//! The same sessions through libbpf-tools' tcplife, for comparison.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use serde_json::Value;

use crate::judge::Story;

/// Where Debian has it; other builds of that name are found on the PATH.
const PROGRAMS: [&str; 2] = ["/usr/sbin/tcplife", "tcplife"];

/// A row that it printed.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pid: u64,
    ports: (u64, u64),
    /// TX and RX in KB, as printed.
    kb: [String; 2],
}

/// A pseudo-terminal: the side to read from, and the one to write to.
fn terminal() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = openpt(flags)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let its = ioctl_tiocgptpeer(&ours, flags)?;
    Ok((ours, its))
}

/// A running tcplife from libbpf-tools.
pub(crate) struct Peer {
    child: Child,
    rows: Receiver<Row>,
}

impl Peer {
    /// Starts it. Fails with the reason if there is none to compare with.
    pub(crate) fn start() -> Result<Self, String> {
        let mut last = String::new();
        for program in PROGRAMS {
            match Self::start_program(program) {
                Ok(peer) => return Ok(peer),
                Err(e) => last = e,
            }
        }
        Err(last)
    }

    fn start_program(program: &str) -> Result<Self, String> {
        // it prints line by line on a terminal, and by the page into a pipe
        let (ours, its) = terminal().map_err(|e| format!("no terminal: {e}"))?;
        let mut command = Command::new(program);
        command.arg("-w").stdout(its).stderr(Stdio::null());
        // it needs tracefs, which not every host has mounted: it gets a private one
        // SAFETY: system calls on constant strings, async-signal-safe.
        unsafe {
            command.pre_exec(|| {
                unshare_unsafe(UnshareFlags::NEWNS)?;
                let private = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
                let _ = mount_change(c"/", private);
                let (at, none) = (c"/sys/kernel/tracing", MountFlags::empty());
                let _ = mount(c"tracefs", at, c"tracefs", none, None);
                Ok(())
            });
        }
        let mut child = command
            .spawn()
            .map_err(|e| format!("{program}: {e} (Debian has it in libbpf-tools)"))?;
        drop(command); // and with it this process's copy of the terminal
        let out = BufReader::new(File::from(ours));
        let (tx, rows) = unbounded();
        let (ready_tx, ready) = unbounded();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                // printed once it is attached
                if line.starts_with("PID") {
                    let _ = ready_tx.send(());
                } else if let Some(row) = parse(&line) {
                    let _ = tx.send(row);
                }
            }
        });
        if ready.recv_timeout(Duration::from_secs(20)).is_err() {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("{program} does not start here"));
        }
        Ok(Peer { child, rows })
    }

    /// Stops it when it prints nothing more, and returns all rows.
    pub(crate) fn stop(mut self) -> Result<Vec<Row>, String> {
        let mut rows = Vec::new();
        while let Ok(row) = self.rows.recv_timeout(Duration::from_millis(500)) {
            rows.push(row);
        }
        kill_process(Pid::from_child(&self.child), Signal::INT).map_err(|e| e.to_string())?;
        rows.extend(self.rows.iter());
        self.child.wait().map_err(|e| e.to_string())?;
        Ok(rows)
    }
}

/// `PID COMM IP LADDR LPORT RADDR RPORT TX_KB RX_KB MS`; a name may hold spaces.
fn parse(line: &str) -> Option<Row> {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    let _ms = words.pop()?;
    let rx = words.pop()?.to_owned();
    let tx = words.pop()?.to_owned();
    let rport = words.pop()?.parse().ok()?;
    let _raddr = words.pop()?;
    let lport = words.pop()?.parse().ok()?;
    Some(Row {
        pid: words.first()?.parse().ok()?,
        ports: (lport, rport),
        kb: [tx, rx],
    })
}

fn kb(bytes: &Value) -> String {
    format!("{:.2}", bytes.as_u64().unwrap_or(0) as f64 / 1024.0)
}

#[derive(Default)]
struct Score {
    shown: usize,
    owner: usize,
    bytes: usize,
}

/// Prints how much each reports correctly. Ports distinguish sessions: no two cases share a listener's port.
pub(crate) fn print_comparison(stories: &[Story], rows: &[Value], theirs: &[Row]) {
    let mut of_ports: BTreeMap<(u64, u64), Vec<&Row>> = BTreeMap::new();
    for row in theirs {
        of_ports.entry(row.ports).or_default().push(row);
    }
    let mut groups = [Group::default(), Group::default()];
    for story in stories {
        for (told, row) in story.pairs(rows) {
            let want = &told["want"];
            // which subflow carries the bytes is up to the kernel
            if want["tx_bytes"].is_null() {
                continue;
            }
            let group = &mut groups[usize::from(want["preexisting"] == true)];
            group.total += 1;
            if let Some(row) = row {
                group.ours.shown += 1;
                group.ours.owner += usize::from(row["pid"] == want["pid"]);
                let same = |key: &str| kb(&row[key]) == kb(&want[key]);
                group.ours.bytes += usize::from(same("tx_bytes") && same("rx_bytes"));
            }
            let port = |key: &str| want[key].as_u64().unwrap_or(0);
            let found = of_ports.get_mut(&(port("lport"), port("rport")));
            if let Some(row) = found.and_then(|r| (!r.is_empty()).then(|| r.remove(0))) {
                group.theirs.shown += 1;
                // it cannot report that a session has no owner any more
                let nobody = want["pid"].is_null() && row.pid == 0;
                group.theirs.owner += usize::from(want["pid"] == row.pid || nobody);
                let same = row.kb == [kb(&want["tx_bytes"]), kb(&want["rx_bytes"])];
                group.theirs.bytes += usize::from(same);
            }
        }
    }
    let [during, before] = groups;
    println!("\nThe same sessions in both at once; bytes as KB with two decimals:");
    during.print("begun while they looked");
    before.print("open before they started");
}

/// Sessions of one kind.
#[derive(Default)]
struct Group {
    total: usize,
    ours: Score,
    theirs: Score,
}

impl Group {
    fn print(&self, kind: &str) {
        let total = self.total;
        println!(
            "\n{:<40} {:>14} {:>16} {:>16}",
            format!("{total} {kind}"),
            "shown",
            "right process",
            "right bytes"
        );
        for (name, score) in [
            ("tcplife (this one)", &self.ours),
            ("tcplife of libbpf-tools", &self.theirs),
        ] {
            let cell = |n: usize| {
                let percent = 100.0 * n as f64 / total.max(1) as f64;
                format!("{n} ({percent:.1} %)")
            };
            println!(
                "{name:<40} {:>14} {:>16} {:>16}",
                cell(score.shown),
                cell(score.owner),
                cell(score.bytes)
            );
        }
    }
}
