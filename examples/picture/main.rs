//! Makes the README's pictures: `make picture`.
//!
//! Everything in them is real: two network namespaces with some distance between them (`network`), processes that
//! communicate in them (`traffic`), and the real tcplife in a pseudo-terminal (`terminal`), which shows only the
//! namespace that plays the host. The terminal's content is written as SVG (`svg`). Needs root.

#![expect(
    clippy::expect_used,
    reason = "a tool of the project's own: it reports what failed and exits"
)]

use std::path::Path;
use std::time::Duration;

mod network;
mod svg;
mod terminal;
mod traffic;

use network::Network;
use terminal::Terminal;

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
        keys: "q/raddr 10.0.0.5 and reason remote-reset and ",
        lines: 36,
        pause: Duration::from_secs(1),
        shows: &["peer reset "],
    },
    Scene {
        file: "detail",
        keys: "\r/\x15raddr 203.0.113.80\r\r",
        lines: 27, // without the paths and parents of this program
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

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    // a role first: a process in a role must never start more of its kind
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
            !terminal.shows("missed "),
            "sessions were missed: try again when this machine is quiet"
        );
        terminal.save(&format!("{folder}/{}.svg", scene.file));
    }
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
