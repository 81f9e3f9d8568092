//! Makes the README's pictures: `make picture`.
//!
//! Everything in them is real: a network namespace with a few addresses, processes that talk in it, and the real
//! tcplife in a pseudo-terminal above them. What the terminal shows is written as SVG. Needs root.

#![expect(
    clippy::expect_used,
    reason = "a tool of the project's own: it says what failed and ends"
)]

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use rustix::thread::{UnshareFlags, set_name, unshare_unsafe};

/// How long the traffic lasts at the most, whatever happens.
const TRAFFIC: Duration = Duration::from_secs(25);
const COLUMNS: u16 = 118;
const LINES: u16 = 36;
const OURS: &str = "10.20.0.5";
const OURS_V6: &str = "2001:db8:20::5";

/// (process, listens on, peers' addresses, bytes a request, bytes an answer, requests a second)
type Service = (
    &'static str,
    u16,
    &'static [&'static str],
    usize,
    usize,
    u32,
);
const SERVICES: &[Service] = &[
    (
        "nginx",
        443,
        &[
            "198.51.100.7",
            "198.51.100.34",
            "203.0.113.80",
            "2001:db8:99::1f",
        ],
        900,
        180_000,
        9,
    ),
    ("sshd-session", 22, &["192.0.2.77"], 120, 900, 4),
    (
        "postgres",
        5432,
        &["10.20.0.9", "10.20.0.10"],
        300,
        6_000,
        12,
    ),
    ("redis-server", 6379, &["10.20.0.9"], 60, 90, 20),
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", name, port, answer] => serve(
            name,
            port.parse().expect("a port"),
            answer.parse().expect("a size"),
        ),
        ["talk", name, from, to, request, pause] => talk(
            name,
            from.parse().expect("an address"),
            to.parse().expect("an address and a port"),
            request.parse().expect("a size"),
            Duration::from_millis(pause.parse().expect("milliseconds")),
        ),
        [binary, folder] => pictures(binary, folder),
        _ => panic!("usage: picture TCPLIFE-BINARY FOLDER"),
    }
}

/// Answers every request of up to 1,000 bytes, one process for all peers, until the traffic is over.
fn serve(name: &str, port: u16, answer: usize) {
    set_name(&std::ffi::CString::new(name).expect("a name")).expect("naming the process");
    let listener = TcpListener::bind(("::", port)).expect("listening");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || {
                let mut stream = stream.expect("a peer");
                let mut request = [0; 1000];
                while let Ok(1..) = stream.read(&mut request) {
                    if stream.write_all(&vec![b'x'; answer]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    std::thread::sleep(TRAFFIC);
}

/// Asks again and again, on one connection for a while and then on the next.
fn talk(name: &str, from: IpAddr, to: SocketAddr, request: usize, pause: Duration) {
    set_name(&std::ffi::CString::new(name).expect("a name")).expect("naming the process");
    let end = Instant::now() + TRAFFIC;
    // some connections last, others come and go
    let requests = if matches!(name, "ssh" | "celery") {
        1000
    } else {
        12
    };
    while Instant::now() < end {
        if let Ok(mut stream) = connect_from(from, to) {
            let mut answer = vec![0; 1 << 20];
            for _ in 0..requests {
                if Instant::now() > end || stream.write_all(&vec![b'?'; request]).is_err() {
                    break;
                }
                std::thread::sleep(pause);
                if !matches!(stream.read(&mut answer), Ok(1..)) {
                    break;
                }
            }
        } else {
            std::thread::sleep(pause * 7);
        }
    }
}

fn connect_from(from: IpAddr, to: SocketAddr) -> std::io::Result<TcpStream> {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let family = if from.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let fd = socket(family, SocketType::STREAM, None)?;
    bind(&fd, &SocketAddr::new(from, 0))?;
    connect(&fd, &to)?;
    Ok(TcpStream::from(fd))
}

fn ip(args: &str) {
    let status = Command::new("ip")
        .args(args.split(' '))
        .status()
        .expect("running ip (package iproute2)");
    assert!(status.success(), "ip {args}: {status}");
}

fn start(args: &[String]) -> Child {
    let own = std::env::current_exe().expect("the path of this program");
    Command::new(own)
        .args(args)
        .spawn()
        .expect("starting a process")
}

fn pictures(binary: &str, folder: &str) {
    // SAFETY: no other thread runs yet.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET | UnshareFlags::NEWUTS) }
        .expect("new namespaces: this needs root");
    rustix::system::sethostname(b"web-3").expect("naming the host");
    ip("link set lo up");
    ip(&format!("addr add {OURS}/32 dev lo"));
    ip(&format!("-6 addr add {OURS_V6}/128 dev lo nodad"));
    let mut processes = Vec::new();
    for (name, port, _, _, answer, _) in SERVICES {
        processes.push(start(
            &["serve", name, &port.to_string(), &answer.to_string()].map(String::from),
        ));
    }
    for peer in SERVICES
        .iter()
        .flat_map(|s| s.2)
        .collect::<std::collections::BTreeSet<_>>()
    {
        let family = if peer.contains(':') {
            "-6 addr add {}/128 dev lo nodad"
        } else {
            "addr add {}/32 dev lo"
        };
        ip(&family.replace("{}", peer));
    }
    // peers talk from a namespace's other addresses, so both ends show: that is what a host's own traffic looks like
    for (name, port, peers, request, _, rate) in SERVICES {
        for peer in *peers {
            let to = if peer.contains(':') {
                format!("[{OURS_V6}]:{port}")
            } else {
                format!("{OURS}:{port}")
            };
            let client = match *name {
                "nginx" => "curl",
                "sshd-session" => "ssh",
                "postgres" => "api-worker",
                _ => "celery",
            };
            let pause = (1000 / rate).to_string();
            processes.push(start(
                &["talk", client, peer, &to, &request.to_string(), &pause].map(String::from),
            ));
        }
    }
    // nobody listens there
    let refused = [
        "talk",
        "prometheus",
        OURS,
        &format!("{OURS}:9100"),
        "10",
        "60",
    ];
    processes.push(start(&refused.map(String::from)));

    let binary = std::fs::canonicalize(binary).unwrap_or_else(|e| panic!("{binary}: {e}"));
    let mut terminal = Terminal::start(&binary);
    terminal.wait_for("established");
    terminal.wait_for("refused");
    terminal.show_for(Duration::from_secs(6));
    terminal.save(&format!("{folder}/dashboard.svg"));
    terminal.keys("q");
    for mut process in processes {
        process
            .kill()
            .and_then(|()| process.wait())
            .expect("ending a process of ours");
    }
}

/// The real program in a pseudo-terminal, and what it shows.
struct Terminal {
    screen: vt100::Parser,
    output: mpsc::Receiver<Vec<u8>>,
    input: Box<dyn Write + Send>,
    _master: Box<dyn portable_pty::MasterPty + Send>,
    _child: Box<dyn portable_pty::Child + Send + Sync>,
}

impl Terminal {
    fn start(binary: &std::path::Path) -> Self {
        let size = PtySize {
            rows: LINES,
            cols: COLUMNS,
            ..PtySize::default()
        };
        let pair = native_pty_system()
            .openpty(size)
            .expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(binary);
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        let child = pair.slave.spawn_command(command).expect("starting tcplife");
        let mut reader = pair
            .master
            .try_clone_reader()
            .expect("the terminal's output");
        let input = pair.master.take_writer().expect("the terminal's input");
        let (tx, output) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 65536];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if tx.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        let cells = |n| std::num::NonZero::new(n).expect("a size");
        let screen = vt100::Parser::new(cells(LINES), cells(COLUMNS), 0);
        Terminal {
            screen,
            output,
            input,
            _master: pair.master,
            _child: child,
        }
    }

    /// Takes what is written until then.
    fn show_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Ok(bytes) = self
            .output
            .recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            self.screen.process(&bytes);
        }
    }

    fn wait_for(&mut self, text: &str) {
        let end = Instant::now() + Duration::from_secs(15);
        while !self.screen.screen().contents().contains(text) {
            assert!(
                Instant::now() < end,
                "no `{text}` on the screen:\n{}",
                self.screen.screen().contents()
            );
            self.show_for(Duration::from_millis(50));
        }
    }

    fn keys(&mut self, keys: &str) {
        self.input
            .write_all(keys.as_bytes())
            .and_then(|()| self.input.flush())
            .expect("typing");
        self.show_for(Duration::from_millis(300));
    }

    fn save(&self, path: &str) {
        std::fs::write(path, svg(self.screen.screen()))
            .unwrap_or_else(|e| panic!("writing {path}: {e}"));
    }
}

const CELL_W: f32 = 8.4;
const CELL_H: f32 = 18.0;
const BACKGROUND: &str = "#16181d";
const FOREGROUND: &str = "#d6d8dc";

/// The colours of a terminal of today.
fn colour(colour: vt100::Color, otherwise: &'static str) -> String {
    const SIXTEEN: [&str; 16] = [
        "#16181d", "#e5616b", "#7cbf73", "#d9b45a", "#6ea3e0", "#b98ad9", "#5fb8c4", "#d6d8dc",
        "#6b7079", "#ff7b85", "#98d98f", "#f0cf7a", "#8bbcf5", "#d1a6ee", "#7fd4df", "#ffffff",
    ];
    match colour {
        vt100::Color::Default => otherwise.into(),
        vt100::Color::Idx(i) => SIXTEEN
            .get(usize::from(i))
            .copied()
            .unwrap_or(otherwise)
            .into(),
        vt100::Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
    }
}

fn svg(screen: &vt100::Screen) -> String {
    let (width, height) = (
        f32::from(COLUMNS) * CELL_W + 24.0,
        f32::from(LINES) * CELL_H + 24.0,
    );
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n\
         <g font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"14\" xml:space=\"preserve\">\n"
    );
    for y in 0..LINES {
        let mut x = 0;
        while x < COLUMNS {
            let Some(first) = screen.cell(y, x) else {
                break;
            };
            let style = |c: &vt100::Cell| (c.fgcolor(), c.bgcolor(), c.bold(), c.inverse());
            let from = x;
            let mut text = String::new();
            while let Some(cell) = screen
                .cell(y, x)
                .filter(|c| x < COLUMNS && style(c) == style(first))
            {
                text.push_str(if cell.has_contents() {
                    cell.contents()
                } else {
                    " "
                });
                x += 1;
            }
            let (mut fg, mut bg) = (
                colour(first.fgcolor(), FOREGROUND),
                colour(first.bgcolor(), BACKGROUND),
            );
            if first.inverse() {
                std::mem::swap(&mut fg, &mut bg);
            }
            let (left, top) = (
                12.0 + f32::from(from) * CELL_W,
                12.0 + f32::from(y) * CELL_H,
            );
            let run = f32::from(x - from) * CELL_W;
            if bg != BACKGROUND {
                let _ = writeln!(
                    out,
                    "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{run:.1}\" height=\"{CELL_H}\" fill=\"{bg}\"/>"
                );
            }
            if !text.trim().is_empty() {
                let weight = if first.bold() {
                    " font-weight=\"bold\""
                } else {
                    ""
                };
                let text = text
                    .replace('&', "&amp;")
                    .replace('<', "&lt;")
                    .replace(' ', "\u{a0}");
                let baseline = top + 13.5;
                let _ = writeln!(
                    out,
                    "<text x=\"{left:.1}\" y=\"{baseline:.1}\" textLength=\"{run:.1}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{fg}\"{weight}>{text}</text>"
                );
            }
        }
    }
    out.push_str("</g>\n</svg>\n");
    out
}
