//! The man page and the completions, in the programs that read them: man, mandoc, and the shells.

use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::common::pty::{self, Pty};
use crate::common::requirements::{PATIENCE, TCPLIFE, tool_or_skip};

/// Returns what `--generate` prints.
fn generated(what: &str) -> String {
    let run = Command::new(TCPLIFE).args(["--generate", what]).output();
    let run = run.expect("the program can be started");
    assert!(run.status.success() && run.stderr.is_empty(), "{run:?}");
    String::from_utf8(run.stdout).expect("UTF-8")
}

/// Writes it to a file of that name.
fn file(folder: &Path, name: &str, what: &str) -> String {
    let file = folder.join(name);
    fs::write(&file, generated(what)).expect("a file");
    file.to_str().expect("UTF-8").to_owned()
}

#[test]
fn man_page_has_no_complaint_from_man_and_mandoc() {
    let folder = tempfile::tempdir().expect("a directory");
    let page = file(folder.path(), "tcplife.8", "man");
    let checks: [&[&str]; 2] = [
        &["mandoc", "-Tlint", "-Wstyle", &page],
        &["man", "--warnings", "-l", "-Tutf8", "-Z", &page],
    ];
    for check in checks {
        if !tool_or_skip(&["sh", "-c", &format!("command -v {}", check[0])]) {
            continue;
        }
        let run = Command::new(check[0])
            .args(&check[1..])
            .env("LC_ALL", "C.UTF-8")
            .output();
        let run = run.expect("the program can be started");
        let complaint = String::from_utf8_lossy(&run.stderr);
        let lint = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && complaint.is_empty(), "{complaint}");
        assert!(check[0] == "man" || lint.is_empty(), "{lint}");
    }
}

#[test]
fn man_page_shows_flags_and_tables() {
    if !tool_or_skip(&["sh", "-c", "command -v mandoc"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let page = file(folder.path(), "tcplife.8", "man");
    let run = Command::new("mandoc").args(["-Tascii", &page]).output();
    let shown = String::from_utf8(run.expect("mandoc").stdout).expect("UTF-8");
    // bold is a letter over itself
    let plain = regex::Regex::new(".\x08").expect("a pattern");
    let shown = plain.replace_all(&shown, "").into_owned();
    for words in [
        "-f, --filter EXPR",
        "srtt_us",
        "close-wait",
        "remote-reset",
        "always-slow-peer",
        "ring_full",
        "~/.config/tcplife/config.toml",
        "NO_COLOR",
        "tcplife -L 22,80",
    ] {
        assert!(shown.contains(words), "no `{words}` in:\n{shown}");
    }
}

/// Words typed, and what the line is after Tab, in every shell.
const TYPED: [(&str, &str); 6] = [
    ("tcplife --snap", "tcplife --snapshots "),
    ("tcplife -o js", "tcplife -o json "),
    (
        "tcplife --columns comm,rad",
        "tcplife --columns comm,raddr ",
    ),
    ("tcplife -f preex", "tcplife -f preexisting "),
    (
        "tcplife -f 'port 443 and reason refu",
        "tcplife -f 'port 443 and reason refused' ",
    ),
    ("tcplife -f \"state syn-s", "tcplife -f \"state syn-sent\" "),
];

/// Types the words of [`TYPED`] in a shell that has loaded the completions.
fn assert_completes(shell: &[&str], load: impl Fn(&str, &str) -> String) {
    if !tool_or_skip(&["sh", "-c", &format!("command -v {}", shell[0])]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let script = file(folder.path(), "completions", shell[0]);
    std::os::unix::fs::symlink(TCPLIFE, folder.path().join("tcplife")).expect("a link");
    let mut command = pty::command(shell);
    command.env("HOME", folder.path());
    let mut pty = Pty::start(command, 24, 100);
    let [rows, columns] = [24, 100].map(|n| NonZero::new(n).expect("a size"));
    let mut screen = vt100::Parser::new(rows, columns, 0);
    let bin = folder.path().to_str().expect("UTF-8").to_owned();
    let mut keys = pty.master.take_writer().expect("a writer");
    let mut type_until = |typed: &str, shown: &str, pty: &mut Pty| {
        std::io::Write::write_all(&mut keys, typed.as_bytes()).expect("a terminal");
        let deadline = Instant::now() + PATIENCE;
        while !screen.screen().contents().contains(shown) {
            let (now, is_open) = (Instant::now(), pty.read(|bytes| screen.process(bytes)));
            let contents = screen.screen().contents();
            assert!(
                is_open && now < deadline,
                "{shell:?}: `{shown}` does not appear after `{typed}`:\n{contents}"
            );
        }
    };
    // the quotes keep the echo of the command apart from what it prints
    type_until(
        &format!("{}; echo load''ed\r", load(&bin, &script)),
        "loaded",
        &mut pty,
    );
    for (nth, (typed, shown)) in TYPED.into_iter().enumerate() {
        type_until(&format!("{typed}\t"), shown.trim_end(), &mut pty);
        // this line is killed, and the next one starts when the screen is empty
        let clear = format!("\u{15}clear; echo clea''red-{nth}\r");
        type_until(&clear, &format!("cleared-{nth}"), &mut pty);
    }
}

#[test]
fn completions_in_bash_complete_flags_columns_and_quoted_filters() {
    assert_completes(&["bash", "--norc", "--noprofile"], |bin, script| {
        format!("PATH={bin}:$PATH; . {script}")
    });
}

#[test]
fn completions_in_zsh_complete_flags_columns_and_quoted_filters() {
    assert_completes(&["zsh", "-f"], |bin, script| {
        format!("PATH={bin}:$PATH; autoload -U compinit; compinit -u -D; . {script}")
    });
}

#[test]
fn completions_in_fish_complete_flags_columns_and_quoted_filters() {
    assert_completes(&["fish", "--no-config"], |bin, script| {
        format!("set PATH {bin} $PATH; . {script}")
    });
}
