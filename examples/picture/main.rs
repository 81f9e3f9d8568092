//! Makes the README's pictures, `make picture`, and the recording of --demo, `make demo`.
//!
//! Everything in them is real: two network namespaces with some distance between them (`network`), processes that
//! communicate in them (`traffic`), and the real tcplife in a pseudo-terminal (`terminal`), which shows only the
//! namespace that plays the host. The terminal's content is written as SVG (`svg`). Needs root.

#![expect(
    clippy::expect_used,
    reason = "a tool of the project's own: it reports what failed and exits"
)]

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

mod network;
mod svg;
mod terminal;
mod traffic;

use network::Network;
use svg::Film;
use terminal::{COLUMNS, Terminal};

/// A picture, and the keys that lead to it from the previous one.
struct Scene {
    file: &'static str,
    keys: &'static str,
    /// Height of the terminal.
    lines: u16,
    /// Minimum time before the picture is taken.
    pause: Duration,
    /// Texts that must all be on the screen before the picture is taken.
    shows: &'static [&'static str],
}

const SCENES: &[Scene] = &[
    Scene {
        file: "dashboard",
        keys: "",
        lines: 46,
        // more than the minute that the rate histories cover
        pause: Duration::from_secs(65),
        shows: &["established", "refused"],
    },
    Scene {
        file: "distributions",
        keys: "d\t",
        lines: 36,
        pause: Duration::from_secs(2),
        shows: &["p99"],
    },
    Scene {
        file: "failures",
        keys: "f",
        lines: 21,
        pause: Duration::from_secs(2),
        shows: &["peer reset", "billing-sync"],
    },
    Scene {
        file: "filter",
        // through the charts
        keys: "qq/raddr 10.0.0.5 and reason remote-reset",
        lines: 36,
        pause: Duration::from_secs(1),
        shows: &["peer reset "],
    },
    Scene {
        file: "detail",
        keys: "\r/\x15raddr 203.0.113.80\r\r",
        lines: 34,
        pause: Duration::from_secs(20),
        shows: &["BOTTLENECK", "page opened"],
    },
    Scene {
        file: "findings",
        keys: "!",
        lines: 20,
        pause: Duration::from_secs(8),
        shows: &[
            "FINDING",
            "refuses connections",
            "does not answer",
            "answers slowly",
        ],
    },
];

/// A part of the moving picture: keys, and the screens that follow.
struct Shot {
    caption: &'static str,
    /// Typed at once up to a line feed, then word by word, with a frame after each.
    keys: &'static str,
    /// Texts that must all be on the screen before the next frame.
    shows: &'static [&'static str],
    /// Frames, and how long each is shown.
    frames: u16,
    seconds: f32,
}

const FILM: &str = "tour";
const FILM_LINES: u16 = 28;
const FILM_COLUMNS: u16 = 100;

/// How long the screen after each typed word is shown.
const WORD: f32 = 0.6;

const SHOTS: &[Shot] = &[
    Shot {
        caption: "tcplife: every TCP session of this host, as it happens",
        keys: "\n",
        shows: &["established", "refused"],
        frames: 4,
        seconds: 1.0,
    },
    Shot {
        caption: "!  What is wrong here?",
        keys: "!\n",
        shows: &["FINDING", "refuses connections", "answers slowly"],
        frames: 1,
        seconds: 4.0,
    },
    Shot {
        caption: "f  What fails, with whom, and why?",
        keys: "f\n",
        shows: &["peer reset", "billing-sync"],
        frames: 1,
        seconds: 4.0,
    },
    Shot {
        caption: "/  Filter as you type",
        keys: "qq\n/raddr 10.0.0.5 and reason remote-reset",
        shows: &["peer reset "],
        frames: 3,
        seconds: 1.0,
    },
    Shot {
        caption: "Enter  One session in full: what limits it?",
        keys: "\r/raddr 203.0.113.80\r\r\n",
        shows: &["BOTTLENECK"],
        frames: 4,
        seconds: 1.0,
    },
    Shot {
        caption: "d  Where does the time go?",
        keys: "q\u{1b}\nd",
        shows: &["p99"],
        frames: 1,
        seconds: 4.0,
    },
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    // a role first: a process in a role must never start more of its kind
    match args[..] {
        _ if traffic::role(&args) => {}
        ["pictures", binary, folder] => pictures(binary, folder),
        ["demo", binary, file] => demo(binary, file),
        _ => panic!(
            "usage: picture pictures TCPLIFE-BINARY FOLDER, or picture demo TCPLIFE-BINARY FILE"
        ),
    }
}

/// Time from the start of the traffic to the start of the recording, and of the recording to its end: one server gets
/// slow in between.
const WARM_UP: Duration = Duration::from_secs(40);
const DEMO: &str = "75s";

/// Maximum size of the recording, bytes: each copy of the program has it.
const DEMO_SIZE: usize = 150_000;

/// Records the host's namespace, without a trace of this machine: the header has the command, which therefore names no
/// path, and the kernel and the boot, which are replaced.
fn demo(binary: &str, file: &str) {
    let binary = std::fs::canonicalize(binary).unwrap_or_else(|e| panic!("{binary}: {e}"));
    let network = Network::new();
    network.go_to_host();
    let folder = tempfile::tempdir().expect("a folder");
    let tcplife = |args: &[&str]| {
        let mut command = Command::new(&binary);
        command.arg0("tcplife").args(args);
        let status = command.current_dir(&folder).status();
        let status = status.expect("running tcplife");
        assert!(status.success(), "tcplife {}: {status}", args.join(" "));
    };
    let _traffic = traffic::start(&network);
    std::thread::sleep(WARM_UP);
    let (whole, part) = ("all.zst", "demo.zst");
    tcplife(&["-o", "none", "--record", whole, "--duration", DEMO]);
    let only = format!("netns {}", network::netns());
    tcplife(&["--replay", whole, "--record", part, "-f", &only]);
    let recording = std::fs::read(folder.path().join(part)).expect("the recording");
    let lines = zstd::decode_all(&recording[..]).expect("frames of zstd");
    let mut lines = String::from_utf8(lines).expect("lines of JSON");
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("its boot");
    let kernel = rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned();
    for (ours, instead) in [(boot.trim(), "web-3"), (&kernel, "6.12.0")] {
        lines = lines.replace(ours, instead);
    }
    // one frame: nobody seeks in it. Its window is no larger than its content, as the size is known
    let packed = zstd::bulk::compress(lines.as_bytes(), 22).expect("a frame of zstd");
    let size = packed.len();
    assert!(
        size <= DEMO_SIZE,
        "{size} bytes are more than {DEMO_SIZE}: record less"
    );
    std::fs::write(file, packed).unwrap_or_else(|e| panic!("{file}: {e}"));
}

fn pictures(binary: &str, folder: &str) {
    let binary = std::fs::canonicalize(binary).unwrap_or_else(|e| panic!("{binary}: {e}"));
    let network = Network::new();
    network.go_to_host();
    let mut terminal = quiet(&binary);
    let mut tour = quiet(&binary);
    let _traffic = traffic::start(&network);
    for scene in SCENES {
        terminal.resize(scene.lines, COLUMNS);
        terminal.keys(scene.keys);
        terminal.show_for(scene.pause);
        terminal.wait_for(scene.shows);
        // other processes' sessions are not shown, but they go through the same buffer
        assert!(
            !terminal.shows("missed "),
            "sessions were missed: try again when this machine is quiet"
        );
        terminal.save(&format!("{folder}/{}.svg", scene.file));
    }
    let film = film(&mut tour).svg();
    std::fs::write(format!("{folder}/{FILM}.svg"), film).expect("writing the moving picture");
}

/// Plays the shots.
fn film(terminal: &mut Terminal) -> Film {
    let mut film = Film::default();
    terminal.resize(FILM_LINES, FILM_COLUMNS);
    for shot in SHOTS {
        let (at_once, typed) = shot.keys.rsplit_once('\n').unwrap_or(("", shot.keys));
        terminal.keys(at_once);
        for word in typed.split_inclusive(' ') {
            terminal.keys(word);
            film.add(terminal.screen(), shot.caption, WORD);
        }
        for _ in 0..shot.frames {
            terminal.show_for(Duration::from_secs(1));
            terminal.wait_for(shot.shows);
            film.add(terminal.screen(), shot.caption, shot.seconds);
        }
    }
    film
}

/// Starts tcplife for this network namespace only: no picture shows other processes of this machine.
fn quiet(binary: &Path) -> Terminal {
    for _ in 0..20 {
        let keys = format!("Cnetns {}\r", network::netns());
        let mut terminal = Terminal::start(binary, &keys);
        terminal.wait_for(&["capture: netns"]);
        // sessions seen before that would stay
        if terminal.shows("closed 0 ") && terminal.shows("PROCESS (0)") {
            return terminal;
        }
    }
    panic!("there are sessions on this machine all the time: try again when it is quiet");
}
