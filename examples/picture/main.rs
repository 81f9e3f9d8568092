//! Makes the README's pictures: `make picture`.
//!
//! Everything in them is real: a network namespace with a few addresses, processes that talk in it (`traffic`), and the
//! real tcplife in a pseudo-terminal above them (`terminal`). What the terminal shows is written as SVG (`svg`). Needs root.

#![expect(
    clippy::expect_used,
    reason = "a tool of the project's own: it says what failed and ends"
)]

use std::process::Command;
use std::time::Duration;

use rustix::thread::{UnshareFlags, unshare_unsafe};

mod svg;
mod terminal;
mod traffic;

use terminal::Terminal;

/// A picture, and the way to it from the one before.
struct Scene {
    file: &'static str,
    keys: &'static str,
    /// What is on the screen when it is there.
    shows: &'static [&'static str],
    /// It is looked at for so long before the picture is taken.
    pause: Duration,
}

const SCENES: &[Scene] = &[
    Scene {
        file: "dashboard",
        keys: "",
        shows: &["established", "refused", "remote-reset"],
        pause: Duration::from_secs(8),
    },
    Scene {
        file: "filter",
        keys: "/raddr 10.0.0.5 reason re",
        shows: &["remote-reset"],
        pause: Duration::from_secs(1),
    },
    Scene {
        file: "detail",
        keys: "\x1b\x15/nginx established\r\r",
        shows: &["WHAT LIMITS"],
        pause: Duration::from_secs(6),
    },
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    // a role first: what plays one must never start more of its kind
    match args[..] {
        _ if traffic::role(&args) => {}
        ["pictures", binary, folder] => pictures(binary, folder),
        _ => panic!("usage: picture pictures TCPLIFE-BINARY FOLDER"),
    }
}

fn pictures(binary: &str, folder: &str) {
    // SAFETY: no other thread runs yet.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET | UnshareFlags::NEWUTS) }
        .expect("new namespaces: this needs root");
    rustix::system::sethostname(b"web-3").expect("naming the host");
    let _traffic = traffic::start();
    let binary = std::fs::canonicalize(binary).unwrap_or_else(|e| panic!("{binary}: {e}"));
    let mut terminal = Terminal::start(&binary);
    for scene in SCENES {
        terminal.keys(scene.keys);
        for text in scene.shows {
            terminal.wait_for(text);
        }
        terminal.show_for(scene.pause);
        terminal.save(&format!("{folder}/{}.svg", scene.file));
    }
}

fn ip(args: &str) {
    let status = Command::new("ip")
        .args(args.split(' '))
        .status()
        .expect("running ip (package iproute2)");
    assert!(status.success(), "ip {args}: {status}");
}
