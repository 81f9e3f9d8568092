//! The measured tools: tcplife and its peers, each started as a user would, and ready when returned.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use crossbeam_channel::{Receiver, unbounded};
use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::Absent;
use crate::churn::PORT;
use crate::dashboard::SIZE;
use crate::testbed;

/// Path of the measured program.
const TCPLIFE: &str = env!("CARGO_BIN_EXE_tcplife");
/// Timeout for anything that should be immediate.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A tool that prints rows.
pub(crate) struct Lines {
    child: Child,
    counter: JoinHandle<u64>,
    errors: JoinHandle<String>,
}

pub(crate) struct Printed {
    /// Rows of the churn's sessions.
    pub(crate) rows: u64,
    /// Its stderr.
    pub(crate) errors: String,
}

impl Lines {
    /// Starts tcplife with this output format.
    pub(crate) fn tcplife(format: &str, more: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new(TCPLIFE);
        command.args(["-o", format]).args(more);
        Lines::start(&mut command)
    }

    /// Starts tcplife of libbpf-tools. Into a pipe it prints by the page, which costs it least.
    pub(crate) fn libbpf_tools() -> anyhow::Result<Self> {
        let lines = Lines::spawn(&mut Command::new(libbpf_tools()?))?.0;
        // so its header does not show when it is ready; the run time of its program does
        let _measured = testbed::RunTimes::measure()?;
        let is_ready = || testbed::programs_of(lines.pid()).is_ok_and(|t| !t.is_zero());
        match provoke(is_ready) {
            Ok(()) => Ok(lines),
            Err(e) => Err(e.context(lines.stop()?.errors)),
        }
    }

    /// Starts a tool, which is ready once it prints: some have a header, the others a row once there is a session.
    fn start(command: &mut Command) -> anyhow::Result<Self> {
        let (lines, first) = Lines::spawn(command)?;
        match provoke(|| !first.is_empty()) {
            Ok(()) => Ok(lines),
            Err(e) => Err(e.context(lines.stop()?.errors)),
        }
    }

    fn spawn(command: &mut Command) -> anyhow::Result<(Self, Receiver<()>)> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let out = child.stdout.take().context("no pipe")?;
        let mut complaints = child.stderr.take().context("no pipe")?;
        let (first_tx, first) = unbounded();
        let counter = std::thread::spawn(move || {
            let first = || {
                // the receiver may have given up
                let _ = first_tx.send(());
            };
            count(out, first)
        });
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = complaints.read_to_string(&mut text);
            text
        });
        let lines = Lines {
            child,
            counter,
            errors,
        };
        Ok((lines, first))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Interrupts it, like ^C, and collects the rest of its output.
    pub(crate) fn stop(mut self) -> anyhow::Result<Printed> {
        testbed::interrupt(&mut self.child)?;
        let joined = self.counter.join().ok().zip(self.errors.join().ok());
        let (rows, errors) = joined.context("a thread that reads panicked")?;
        Ok(Printed { rows, errors })
    }
}

/// Makes sessions until `there` is true.
fn provoke(mut there: impl FnMut() -> bool) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if there() {
            return Ok(());
        }
        drop(TcpStream::connect(listener.local_addr()?)?);
        drop(listener.accept()?);
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("it does not show a session")
}

/// Counts rows of the churn: those with its port, as a separate number.
fn count(out: impl Read, first: impl FnOnce()) -> u64 {
    let port = PORT.to_string().into_bytes();
    let is_port = |line: &[u8], at: usize| {
        let end = at + port.len();
        let apart = |byte: Option<&u8>| byte.is_none_or(|b| !b.is_ascii_alphanumeric());
        line[at..end] == port[..] && apart(line[..at].last()) && apart(line.get(end))
    };
    let mut out = BufReader::with_capacity(1 << 20, out);
    let (mut first, mut rows, mut line) = (Some(first), 0, Vec::new());
    loop {
        line.clear();
        match out.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return rows,
            Ok(_) => {}
        }
        if let Some(first) = first.take() {
            first();
        }
        let places = 0..(line.len() + 1).saturating_sub(port.len());
        rows += u64::from(places.into_iter().any(|at| is_port(&line, at)));
    }
}

/// Path of the tool: its names in Debian and Ubuntu, in Fedora, in older Debians. bcc's tool is called tcplife too,
/// as is this one.
fn libbpf_tools() -> anyhow::Result<PathBuf> {
    let older = Path::new("/usr/sbin/tcplife");
    ["tcplife-libbpf", "bpf-tcplife"]
        .into_iter()
        .find_map(testbed::find)
        .or_else(|| older.is_file().then(|| older.to_owned()))
        .context(Absent("tcplife of libbpf-tools"))
}

/// Output seen by the thread that reads a terminal.
struct Seen {
    parser: vt100::Parser,
    bytes: u64,
    /// Time of the first complete frame, and of the last.
    first: Option<Instant>,
    frame: Option<Instant>,
    ended: bool,
}

/// A tool on a terminal of 120×40.
pub(crate) struct Screen {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    pid: u32,
    keyboard: Box<dyn Write + Send>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    reader: Option<JoinHandle<()>>,
    began: Instant,
    _master: Box<dyn MasterPty + Send>,
}

impl Screen {
    /// Starts the dashboard and waits for its first frame.
    pub(crate) fn tcplife(more: &[&str]) -> anyhow::Result<Self> {
        let screen = Screen::start(&[&[TCPLIFE, "-o", "dashboard"], more].concat())?;
        screen.when(|text| figure(text, "open").is_some())?;
        Ok(screen)
    }

    /// Starts another tool and waits a second.
    pub(crate) fn other(argv: &[&str]) -> anyhow::Result<Self> {
        let screen = Screen::start(argv)?;
        std::thread::sleep(Duration::from_secs(1));
        if screen.seen().ended {
            bail!("{} ended: {}", argv.join(" "), screen.text().trim());
        }
        Ok(screen)
    }

    fn start(argv: &[&str]) -> anyhow::Result<Self> {
        const ROWS: NonZero<u16> = NonZero::new(SIZE.height).unwrap();
        const COLS: NonZero<u16> = NonZero::new(SIZE.width).unwrap();
        let size = PtySize {
            rows: ROWS.get(),
            cols: COLS.get(),
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size)?;
        let mut command = CommandBuilder::from_argv(argv.iter().map(Into::into).collect());
        command.cwd(std::env::current_dir()?);
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        let mut out = pair.master.try_clone_reader()?;
        let keyboard = pair.master.take_writer()?;
        let seen = Seen {
            parser: vt100::Parser::new(ROWS, COLS, 0),
            bytes: 0,
            first: None,
            frame: None,
            ended: false,
        };
        let seen = Arc::new((Mutex::new(seen), Condvar::new()));
        let began = Instant::now();
        let child = pair.slave.spawn_command(command)?;
        let reader = {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || read(out.as_mut(), &seen.0, &seen.1))
        };
        Ok(Screen {
            pid: child.process_id().context("it has no process id")?,
            child,
            keyboard,
            seen,
            reader: Some(reader),
            began,
            _master: pair.master,
        })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn text(&self) -> String {
        self.seen().parser.screen().contents()
    }

    /// Bytes written to the terminal.
    pub(crate) fn bytes(&self) -> u64 {
        self.seen().bytes
    }

    /// Waits for a complete frame that satisfies `shows`. Returns its time since the start.
    pub(crate) fn when(&self, shows: impl Fn(&str) -> bool) -> anyhow::Result<Duration> {
        self.when_within(PATIENCE, shows)
    }

    /// The same, for what takes longer.
    pub(crate) fn when_within(
        &self,
        patience: Duration,
        shows: impl Fn(&str) -> bool,
    ) -> anyhow::Result<Duration> {
        let deadline = Instant::now() + patience;
        let mut seen = self.seen();
        loop {
            let text = seen.parser.screen().contents();
            if let Some(at) = seen.frame.filter(|_| shows(&text)) {
                return Ok(at - self.began);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || seen.ended {
                bail!("what is waited for is not on the screen:\n{text}");
            }
            let waited = self.seen.1.wait_timeout(seen, left);
            seen = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Time from the start to the first complete frame.
    pub(crate) fn first_frame(&self) -> anyhow::Result<Duration> {
        let first = self.seen().first.context("no frame yet")?;
        Ok(first - self.began)
    }

    pub(crate) fn press(&mut self, keys: &str) -> anyhow::Result<()> {
        self.keyboard.write_all(keys.as_bytes())?;
        Ok(self.keyboard.flush()?)
    }

    /// A figure of the dashboard's header, once it no longer changes.
    pub(crate) fn settled(&self, name: &str) -> anyhow::Result<u64> {
        let mut last = None;
        for _ in 0..20 {
            let now = figure(&self.text(), name);
            if now.is_some() && now == last {
                return now.context("a figure");
            }
            last = now;
            // longer than the refresh interval
            std::thread::sleep(Duration::from_millis(1300));
        }
        bail!("`{name}` does not settle: {last:?}");
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_raw(self.pid as i32);
        if let (Some(pid), Ok(None)) = (pid, self.child.try_wait()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
            let deadline = Instant::now() + Duration::from_secs(2);
            while matches!(self.child.try_wait(), Ok(None)) {
                if Instant::now() > deadline {
                    let _ = self.child.kill();
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// Reads a terminal until no process has it open any more.
fn read(out: &mut dyn Read, seen: &Mutex<Seen>, news: &Condvar) {
    /// End of a synchronized update, which the dashboard writes after each frame.
    const FRAME_ENDS: &[u8] = b"\x1b[?2026l";
    let mut buffer = vec![0; 1 << 16];
    loop {
        let taken = out.read(&mut buffer).unwrap_or(0);
        let at = Instant::now();
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let chunk = &buffer[..taken];
        seen.parser.process(chunk);
        seen.bytes += taken as u64;
        if chunk.ends_with(FRAME_ENDS) {
            seen.first.get_or_insert(at);
            seen.frame = Some(at);
        } else {
            seen.frame = None;
        }
        seen.ended = taken == 0;
        news.notify_all();
        if taken == 0 {
            return;
        }
    }
}

/// A figure of the dashboard's header, by its name.
pub(crate) fn figure(text: &str, name: &str) -> Option<u64> {
    let mut words = text.lines().next()?.split_whitespace();
    words.find(|w| *w == name)?;
    words.next()?.parse().ok()
}

/// Another tool that shows network traffic.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// Command line on a terminal; empty: libbpf-tools' tcplife, which prints.
    argv: Vec<String>,
}

/// A running peer.
pub(crate) enum Running {
    Lines(Lines),
    Screen(Box<Screen>),
}

impl Peer {
    /// The installed peers, set to watch loopback without name lookups.
    pub(crate) fn all() -> Vec<Self> {
        const ON_A_TERMINAL: [(&str, &[&str]); 3] = [
            ("nethogs", &["-a", "lo"]),
            ("bandwhich", &["-n", "-i", "lo"]),
            ("rustnet", &["-i", "lo"]),
        ];
        let mut peers = Vec::new();
        if libbpf_tools().is_ok() {
            peers.push(Peer {
                name: "libbpf-tools' tcplife",
                argv: Vec::new(),
            });
        }
        for (name, arguments) in ON_A_TERMINAL {
            let Some(path) = testbed::find(name) else {
                eprintln!("    skipped beside it: {name}, which is not here");
                continue;
            };
            let mut argv = vec![path.to_string_lossy().into_owned()];
            argv.extend(arguments.iter().map(|&a| a.to_owned()));
            peers.push(Peer { name, argv });
        }
        peers
    }

    /// True if it prints, instead of showing a screen.
    pub(crate) fn prints(&self) -> bool {
        self.argv.is_empty()
    }

    /// Starts it and waits until it is ready.
    pub(crate) fn start(&self) -> anyhow::Result<Running> {
        if self.prints() {
            return Ok(Running::Lines(Lines::libbpf_tools()?));
        }
        let argv: Vec<&str> = self.argv.iter().map(String::as_str).collect();
        Ok(Running::Screen(Box::new(Screen::other(&argv)?)))
    }
}

impl Running {
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        match self {
            Running::Lines(lines) => drop(lines.stop()?),
            Running::Screen(screen) => drop(screen),
        }
        Ok(())
    }
}
