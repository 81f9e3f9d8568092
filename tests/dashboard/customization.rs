//! Customizing the dashboard: flags, columns, themes, keys, and the file that keeps them.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::common::loopback::{Pair, V4, V6, listen, port, v6_or_skip};
use crate::common::pty::{self, Pty};
use crate::common::requirements::{TCPLIFE, kernel_or_skip};
use crate::harness::{Seen, argv, brisk, only, titles};

/// A directory for a user's files, which is deleted with it.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Home {
        let home = std::env::temp_dir().join(format!("tcplife-{name}-{}", std::process::id()));
        fs::create_dir_all(home.join("tcplife")).expect("a folder");
        Home(home)
    }

    fn configure(&self, text: &str) -> String {
        let file = self.0.join("tcplife/config.toml");
        fs::write(&file, text).expect("writing");
        file.to_str().expect("a path that is text").to_owned()
    }

    /// Starts the dashboard of this user.
    fn dashboard(&self, flags: &[&str], env: &[(&str, &str)]) -> Seen {
        let mut command = pty::command(&brisk(flags));
        for name in ["XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
            command.env(name, &self.0);
        }
        for (name, value) in env {
            command.env(name, value);
        }
        let mut seen = Seen::start(command);
        seen.wait_for("the dashboard", |s| s.is_whole() && s.shows("open "));
        seen
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn headings(seen: &Seen) -> Vec<String> {
    seen.lines().get(3).map(|l| titles(l)).unwrap_or_default()
}

fn shows_column(seen: &Seen, title: &str) -> bool {
    headings(seen).iter().any(|t| t == title)
}

#[test]
fn columns_chosen_with_keys_are_kept_for_the_next_run() {
    if !kernel_or_skip() {
        return;
    }
    let home = Home::new("columns");
    let nothing = only(&[&listen(V4)]);
    let mut first = home.dashboard(&["-L", &nothing], &[]);
    assert!(shows_column(&first, "PID") && !shows_column(&first, "USER"));
    first.press("c");
    first.wait_for("the columns", |s| {
        s.shows("[x] PID") && s.shows("Space show/hide")
    });
    first.press(" ");
    first.wait_for("the table without it", |s| {
        s.shows("[ ] PID") && headings(s)[0] == "COMM"
    });
    first.press("jjJ ");
    first.wait_for("a column more", |s| shows_column(s, "USER"));
    let chosen = headings(&first);
    first.press("\x1b");
    first.wait_for("the table", |s| !s.shows("[ ] PID"));
    first.quit();

    let mut second = home.dashboard(&["-L", &nothing], &[]);
    second.wait_for("the same columns", |s| headings(s) == chosen);
    second.press("cr");
    second.wait_for("the usual columns", |s| headings(s)[0] == "PID");
    second.press("\x03"); // also without leaving the screen
    second.ends("^C", 0);

    let mut third = home.dashboard(&["-L", &nothing], &[]);
    assert_eq!(headings(&third)[0], "PID");
    third.quit();
}

#[test]
fn columns_in_configuration_take_precedence_over_saved_ones() {
    if !kernel_or_skip() {
        return;
    }
    let home = Home::new("configured");
    let nothing = only(&[&listen(V4)]);
    home.configure("columns = ['raddr', 'mss', 'comm']\n");
    fs::write(home.0.join("tcplife/columns"), "tx rx\n").expect("writing");
    let mut seen = home.dashboard(&["-L", &nothing], &[]);
    assert_eq!(headings(&seen), ["RADDR", "MSS", "COMM", "RATE"]);
    seen.quit();
}

#[test]
fn columns_flag_takes_precedence_and_is_for_one_run() {
    if !kernel_or_skip() {
        return;
    }
    let home = Home::new("columns-flag");
    let nothing = only(&[&listen(V4)]);
    home.configure("columns = ['raddr', 'mss', 'comm']\n");
    let mut seen = home.dashboard(&["-L", &nothing, "--columns", "comm,dport,rtt,status"], &[]);
    assert_eq!(headings(&seen), ["COMM", "RPORT", "RTT", "STATUS", "RATE"]);
    seen.press("c");
    seen.wait_for("the chooser", |s| s.shows("for this run only"));
    seen.press(" ");
    seen.wait_for("a column more", |s| headings(s)[0] == "PID");
    seen.press("u");
    seen.wait_for("the change undone", |s| headings(s)[0] == "COMM");
    seen.press("q");
    seen.wait_for("the table", |s| !s.shows("for this run only"));
    seen.quit();
    assert!(!home.0.join("tcplife/columns").exists());

    let mut pty = Pty::start(pty::command(&argv(&["--columns", "comm,uid"])), 24, 80);
    assert_eq!(pty.wait(|_| ()).exit_code(), 2);
    assert!(
        pty.text().contains("the dashboard has no column `uid`"),
        "{}",
        pty.text()
    );
}

/// Everything that tcplife 0.1 wrote for a user: `--print-config`, and the columns and filters of a run.
#[test]
fn files_written_by_version_0_1_are_still_accepted() {
    if !kernel_or_skip() {
        return;
    }
    let home = Home::new("files-of-0.1");
    home.configure(include_str!("../data/config-0.1.toml"));
    let state = |name: &str, text: &str| {
        fs::write(home.0.join("tcplife").join(name), text).expect("writing");
    };
    state(
        "columns",
        "comm rport dur conn adopted retr retrbytes status\n",
    );
    state("history", "lport 1\nretr > 0 or adopted yes\n");
    let mut seen = home.dashboard(&["-L", &only(&[&listen(V4)])], &[]);
    assert_eq!(
        headings(&seen),
        [
            "COMM", "RPORT", "AGE", "CONN", "RETR", "RETRB", "STATUS", "RATE"
        ]
    );
    seen.press("/\x10\r"); // ^P: the newest filter of the history
    seen.wait_for("the filter", |s| {
        s.shows("filter: retr > 0 or adopted yes") && s.is_whole()
    });
    seen.press("?");
    seen.wait_for("the help", |s| s.shows("HELP "));
    seen.press("q");
    seen.wait_for("the table", |s| shows_column(s, "RETRB"));
    seen.press("q");
    seen.ends("q", 0);
}

#[test]
fn table_wider_than_terminal_scrolls_sideways() {
    if !kernel_or_skip() || !v6_or_skip() {
        return;
    }
    let home = Home::new("sideways");
    let listener = listen(V6);
    let mut seen = home.dashboard(&["-L", &only(&[&listener])], &[]);
    let pair = Pair::open(&listener, V6);
    seen.wait_for("the session", |s| {
        s.row(port(&listener), pair.client_port()).is_some()
    });
    let home_titles = headings(&seen);
    assert_eq!(home_titles.last().map(String::as_str), Some("›"));
    seen.press("\x1b[C"); // →
    seen.wait_for("a column that did not fit", |s| {
        let mut shown = headings(s).into_iter();
        shown.any(|title| title != "‹" && !home_titles.contains(&title))
    });
    seen.press("\x1b[C");
    seen.wait_for("the sign for what is on the left", |s| shows_column(s, "‹"));
    seen.press("$");
    seen.wait_for("the last column", |s| {
        shows_column(s, "UNIT") && !shows_column(s, "›")
    });
    seen.press(">");
    seen.wait_for("order by what is on the screen", |s| s.shows("sort: "));
    seen.press("\x1b[D"); // ←
    seen.wait_for("a column back", |s| shows_column(s, "›"));
    seen.press("^");
    seen.wait_for("the beginning", |s| headings(s) == home_titles);
    seen.quit();
}

#[test]
fn keys_in_configuration_work_and_are_shown() {
    if !kernel_or_skip() {
        return;
    }
    let home = Home::new("keys");
    home.configure("[keys]\nhelp = ['z']\nquit = ['Q', '^C']\n");
    let mut seen = home.dashboard(&["-L", &only(&[&listen(V4)])], &[]);
    // a key ends a notice about this host, if there is one
    seen.press("\x0c\x0c");
    seen.wait_for("the keys", |s| s.shows("Q quit") && s.shows("z Help"));
    seen.press("q?z2");
    seen.wait_for("the help", |s| s.shows("  Q ^C ") && s.shows("  z  "));
    seen.press("\x1b");
    seen.wait_for("the table", |s| s.heading().is_some());
    seen.press("Q");
    seen.ends("Q", 0);
}

#[test]
fn configuration_invalid_is_reported_before_terminal_is_changed() {
    let home = Home::new("wrong");
    let file = home.configure("keep = 10\n\n[keys]\nsort-nxt = 's'\n");
    for flags in [&[][..], &["--config", &file]] {
        let mut command = pty::command(&argv(flags));
        command.env("XDG_CONFIG_HOME", &home.0);
        let mut seen = Seen::start(command);
        seen.ends("a wrong configuration", 2);
        let text = seen.pty.text();
        assert!(!text.contains('\x1b'), "{text}");
        let wrong = format!(
            "tcplife: {file}:4:1: sort-nxt: unknown action `sort-nxt`; did you mean `sort-next`?\r\n"
        );
        assert_eq!(text, wrong);
    }
    let mut command = pty::command(&argv(&["--config", "/nonexistent.toml"]));
    command.env("XDG_CONFIG_HOME", &home.0);
    let mut seen = Seen::start(command);
    seen.ends("no such configuration", 2);
    let text = seen.pty.text();
    assert!(
        text.contains("/nonexistent.toml") && text.lines().count() == 1,
        "{text}"
    );
}

#[test]
fn print_config_output_is_accepted_as_configuration() {
    let printed = Command::new(TCPLIFE)
        .arg("--print-config")
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    assert!(printed.status.success() && printed.stderr.is_empty());
    let text = String::from_utf8(printed.stdout).expect("UTF-8");
    assert!(text.contains("\nsort-menu = [\"s\", \"F6\"]"), "{text}");
    if !kernel_or_skip() {
        return;
    }
    let home = Home::new("printed");
    home.configure(&text);
    let nothing = only(&[&listen(V4)]);
    let mut seen = home.dashboard(&["-L", &nothing], &[]);
    // a key ends a notice about this host, if there is one
    seen.press("\x0c\x0c");
    seen.wait_for("the keys", |s| s.shows("q quit  / filter"));
    seen.quit();
}

/// Returns the colors of the headings: text and background.
fn cell_colors(seen: &Seen) -> (vt100::Color, vt100::Color) {
    let cell = seen.terminal.screen().cell(3, 79).expect("it is there");
    (cell.fgcolor(), cell.bgcolor())
}

#[test]
fn theme_from_flag_environment_configuration_or_key_sets_colors() {
    use vt100::Color::{Default, Idx};
    if !kernel_or_skip() {
        return;
    }
    let home = Home::new("themes");
    home.configure("theme = 'colour-blind'\n");
    let nothing = only(&[&listen(V4)]);
    let linux = ("TERM", "linux");
    for (flags, env, expected) in [
        (&[][..], &[][..], (Idx(16), Idx(74))),
        (&[], &[linux], (Idx(0), Idx(6))),
        (
            &[],
            &[linux, ("COLORTERM", "truecolor")],
            (Idx(16), Idx(74)),
        ),
        (&[], &[("NO_COLOR", "1")], (Default, Default)),
        (
            &["--theme", "light"],
            &[("NO_COLOR", "1")],
            (Idx(7), Idx(4)),
        ),
    ] {
        let mut seen = home.dashboard(&[&["-L", &nothing], flags].concat(), env);
        assert_eq!(cell_colors(&seen), expected, "{flags:?} {env:?}");
        seen.press("t");
        seen.wait_for("another theme", |s| {
            s.shows("theme: ") && cell_colors(s) != expected
        });
        seen.quit();
    }
}

/// Like a serial console, which does not know how large it is.
#[test]
fn terminal_without_size_uses_environment_or_80x24() {
    if !kernel_or_skip() {
        return;
    }
    for (said, rows, cols) in [(None, 24, 80), (Some(("16", "60")), 16, 60)] {
        let mut command = pty::command(&brisk(&[]));
        for name in ["LINES", "COLUMNS"] {
            command.env_remove(name);
        }
        if let Some((lines, columns)) = said {
            command.env("LINES", lines);
            command.env("COLUMNS", columns);
        }
        let mut seen = Seen::on(Pty::start(command, 0, 0), rows, cols);
        seen.wait_for("a footer on the last line", |s| {
            let lines = s.lines();
            lines.len() == usize::from(rows) && lines[lines.len() - 1].starts_with("q quit")
        });
    }
}

#[test]
fn ring_size_rounded_up_is_reported_on_screen() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener]), "--ring-size", "100k"]);
    seen.wait_for("the notice", |s| {
        s.shows("--ring-size 100k: rounded up to 128Ki, a power of two")
    });
    seen.quit();
}

#[test]
fn first_start_points_to_the_help_once() {
    if !kernel_or_skip() {
        return;
    }
    let home = Home::new("first-start");
    let nothing = only(&[&listen(V4)]);
    let hint = "First time here? ? shows the keys that matter";
    let mut seen = home.dashboard(&["-L", &nothing], &[]);
    // a key ends a notice about this host, if there is one
    if !seen.shows(hint) {
        seen.press("\x0c");
    }
    seen.wait_for("the hint", |s| s.shows(hint));
    seen.press("?");
    seen.wait_for("the help", |s| s.shows("HELP 1/") && !s.shows(hint));
    seen.press("q");
    seen.wait_for("the sessions", |s| !s.shows("HELP 1/"));
    seen.quit();
    let mut seen = home.dashboard(&["-L", &nothing], &[]);
    assert!(!seen.shows("First time"));
    seen.press("\x0c");
    seen.wait_for("the keys", |s| s.shows("q quit"));
    seen.quit();
    // where nothing can be remembered, it is not repeated at each start
    let mut seen = home.dashboard(&["-L", &nothing], &[("XDG_STATE_HOME", "/dev/null")]);
    seen.press("\x0c");
    seen.wait_for("the keys", |s| s.shows("q quit"));
    seen.quit();
}
