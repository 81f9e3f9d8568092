//! The terminal's background: asked for once, and answered in time, late, in pieces, or never.

use std::fs;
use std::time::{Duration, Instant};

use vt100::Color;

use crate::common::loopback::{V4, listen};
use crate::common::pty;
use crate::common::requirements::kernel_or_skip;
use crate::harness::{Seen, brisk, only};

/// The question for the color, and the one that every terminal answers.
const QUESTION: &str = "\x1b]11;?\x1b\\\x1b[c";

/// Starts the dashboard with these variables, and waits for its first frame.
fn dashboard(flags: &[&str], env: &[(&str, &str)]) -> Seen {
    let nothing = only(&[&listen(V4)]);
    let mut command = pty::command(&brisk(&[&["-L", &nothing], flags].concat()));
    for (name, value) in env {
        command.env(name, value);
    }
    let mut seen = Seen::start(command);
    seen.wait_for("the dashboard", |s| s.is_whole() && s.heading().is_some());
    seen
}

fn times_asked(seen: &Seen) -> usize {
    seen.pty.text().matches(QUESTION).count()
}

/// The background of the heading line, by which the themes differ.
fn heading_color(seen: &Seen) -> Option<Color> {
    let line = u16::try_from(seen.heading()?).ok()?;
    Some(seen.terminal.screen().cell(line, 0)?.bgcolor())
}

fn is_dark(seen: &Seen) -> bool {
    heading_color(seen) == Some(Color::Idx(2))
}

fn is_light(seen: &Seen) -> bool {
    heading_color(seen) == Some(Color::Idx(4))
}

#[test]
fn background_reported_by_the_terminal_chooses_the_theme() {
    if !kernel_or_skip() {
        return;
    }
    for (reply, colorfgbg, light) in [
        ("\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62c", "", true),
        ("\x1b]11;rgb:ff/ff/ff\x07\x1b[?1;2c", "", true),
        ("\x1b]11;rgba:fdfd/f6f6/e3e3/ffff\x1b\\", "", true),
        ("\x1b]11;rgb:0000/0000/0000\x1b\\\x1b[?6c", "0;15", false),
    ] {
        let mut seen = dashboard(&[], &[("COLORFGBG", colorfgbg)]);
        assert!(if light {
            is_dark(&seen)
        } else {
            is_light(&seen)
        });
        // keys before, between and after are keys
        let (first, second) = reply.split_at(9);
        seen.press(&format!("4{first}"));
        seen.wait_for("IPv4", |s| s.shows("IPv4"));
        seen.press(&format!("{second}6"));
        seen.wait_for("IPv6", |s| s.shows("IPv6"));
        seen.wait_for("the theme", if light { is_light } else { is_dark });
        assert_eq!(times_asked(&seen), 1);
        seen.quit();
    }
}

#[test]
fn background_reported_late_or_never_changes_nothing() {
    if !kernel_or_skip() {
        return;
    }
    let mut seen = dashboard(&[], &[]);
    seen.press("4");
    seen.wait_for("IPv4", |s| s.shows("IPv4"));
    // the time in which an answer is taken
    let late = Instant::now() + Duration::from_millis(2100);
    seen.wait_for("the time", |_| Instant::now() > late);
    seen.press("\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62c6");
    seen.wait_for("IPv6", |s| s.shows("IPv6"));
    assert!(is_dark(&seen), "{}", seen.picture());
    assert_eq!(times_asked(&seen), 1);
    seen.quit();
}

#[test]
fn terminal_without_colors_or_with_a_chosen_theme_is_not_asked() {
    if !kernel_or_skip() {
        return;
    }
    for (flags, env) in [
        (&["--theme", "dark"][..], &[][..]),
        (&[], &[("NO_COLOR", "1")]),
        (&[], &[("TERM", "vt220")]),
        (&[], &[("TERM", "linux")]),
    ] {
        let mut seen = dashboard(flags, env);
        seen.quit();
        assert_eq!(times_asked(&seen), 0, "{flags:?} {env:?}");
        assert!(!seen.pty.text().contains("\x1b]11"), "{flags:?} {env:?}");
    }
}

/// A shell reads the terminal after the dashboard: an answer on its way must not be typed there.
#[test]
fn answer_on_its_way_at_the_exit_is_not_typed_into_the_shell() {
    if !kernel_or_skip() {
        return;
    }
    let nothing = only(&[&listen(V4)]);
    let script = r#""$@"; printf 'type: '; read -r line; printf 'typed <%s>\n' "$line""#;
    let program = brisk(&["-L", &nothing]);
    let mut seen = Seen::start(pty::command(
        &[&["sh", "-c", script, "sh"], &program[..]].concat(),
    ));
    seen.wait_for("the dashboard", |s| s.is_whole() && s.heading().is_some());
    seen.press("q");
    seen.wait_for("the end", |s| !s.terminal.screen().alternate_screen());
    seen.press("\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62c");
    seen.wait_for("the shell", |s| s.shows("type:"));
    seen.press("word\r");
    seen.wait_for("the word alone", |s| s.shows("typed <word>"));
}

#[test]
fn own_color_that_is_hard_to_read_is_reported_at_the_start() {
    if !kernel_or_skip() {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("config.toml");
    let text = "theme = 'light'\n[colors]\nclosed = '#eeeeee'\nheading = 'black on #ffaf00'\n";
    fs::write(&file, text).expect("writing");
    let file = file.to_str().expect("UTF-8");
    let mut seen = dashboard(&["--config", file], &[]);
    assert_eq!(heading_color(&seen), Some(Color::Idx(214)));
    // each key ends a notice about this host, if there is one
    seen.press("ggg");
    seen.press("\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62c");
    seen.wait_for("the warning", |s| {
        s.shows("hard to read: color closed = #eeeeee has contrast 1.2 on #ffffff")
    });
    seen.quit();
}
