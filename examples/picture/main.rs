//! Makes the README's pictures: `make picture`.
//!
//! Everything in them is real: two network namespaces with some distance between them (`network`), processes that talk in
//! them (`traffic`), and the real tcplife in a pseudo-terminal above them (`terminal`), which shows the namespace that plays
//! the host and nothing else. What the terminal shows is written as SVG (`svg`). Needs root.

#![expect(
    clippy::expect_used,
    reason = "a tool of the project's own: it says what failed and ends"
)]

use std::path::Path;
use std::time::Duration;

mod network;
mod svg;
mod terminal;
mod traffic;

use network::Network;
use terminal::Terminal;

/// A picture, and the way to it from the one before.
struct Scene {
    file: &'static str,
    keys: &'static str,
    /// How high the terminal is.
    lines: u16,
    /// It is looked at for so long,
    pause: Duration,
    /// and the picture is taken when all of this is on the screen.
    shows: &'static [&'static str],
}

const SCENES: &[Scene] = &[
    Scene {
        file: "dashboard",
        keys: "",
        lines: 36,
        // more than the minute that the talkers remember
        pause: Duration::from_secs(65),
        shows: &["established", "remote-reset", "refused"],
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
        shows: &["remote-reset", "billing-sync"],
    },
    Scene {
        file: "filter",
        keys: "q/raddr 10.0.0.5 and reason remote-reset and ",
        lines: 36,
        pause: Duration::from_secs(1),
        shows: &["remote-reset "],
    },
    Scene {
        file: "detail",
        keys: "\r/\x15raddr 203.0.113.80\r\r",
        lines: 21, // without the paths and parents of this program
        pause: Duration::from_secs(20),
        shows: &["BOTTLENECK", "Both directions are open"],
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
    let binary = std::fs::canonicalize(binary).unwrap_or_else(|e| panic!("{binary}: {e}"));
    let network = Network::new();
    network.go_to_host();
    let mut terminal = quiet(&binary);
    let _traffic = traffic::start(&network);
    for scene in SCENES {
        terminal.resize(scene.lines);
        terminal.keys(scene.keys);
        terminal.show_for(scene.pause);
        terminal.wait_for(scene.shows);
        // other processes' sessions are not shown, but they go through the same buffer
        assert!(
            terminal.shows("missed 0 "),
            "sessions were missed: try again when this machine is quiet"
        );
        terminal.save(&format!("{folder}/{}.svg", scene.file));
    }
}

/// tcplife, which shows what happens in this network namespace alone: other processes of this machine are in no picture.
fn quiet(binary: &Path) -> Terminal {
    for _ in 0..20 {
        let keys = format!("Cnetns {}\r", network::netns());
        let mut terminal = Terminal::start(binary, &keys);
        terminal.wait_for(&["capture: netns"]);
        // what was seen before that would stay
        if terminal.shows("closed 0 ") && terminal.shows("PROCESS 0 ") {
            return terminal;
        }
    }
    panic!("there are sessions on this machine all the time: try again when it is quiet");
}
