//! Input of any kind and length: unknown keys, replies of the terminal, pastes, and terminals of any size.

use std::fs;
use std::io::Write;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::io::ioctl_fionbio;
use rustix::process::{Signal, kill_process};

use crate::common::loopback::{V4, listen};
use crate::common::pty::{self, Pty};
use crate::common::requirements::kernel_or_skip;
use crate::exit::pid_of;
use crate::harness::{Seen, argv, only};

/// Sequences that are no key of the dashboard's, some of them cut off.
const UNKNOWN: [&str; 12] = [
    "\x1b[?2026;2$y",
    "\x1b[?997;1n",
    "\x1b[48;24;80;480;800t",
    "\x1b[28$",
    "\x1b[81;16;113;1;0;1_",
    "\x1b]11;rgb:ffff/ffff/ffff\x07",
    "\x1bP1+r544e=787465726d\x1b\\",
    "\x1b_Gi=31;OK\x1b\\",
    "\x1b]11;rgb:ff",
    "\x1b[<0;1",
    "\x1bO",
    "\x1b[200~a paste whose end never comes",
];

#[test]
fn unknown_input_does_not_delay_exit_on_signal_or_duration() {
    if !kernel_or_skip() {
        return;
    }
    let nothing = only(&[&listen(V4)]);
    for (nth, sequence) in UNKNOWN.into_iter().enumerate() {
        // the shown filter proves that the key before the sequence was read
        let mut seen = Seen::dashboard(&["-L", &nothing, "--duration", "1h"]);
        seen.press(&format!("4{sequence}"));
        seen.wait_for("IPv4", |s| s.shows("IPv4"));
        let signal = [Signal::TERM, Signal::HUP, Signal::INT][nth % 3];
        kill_process(pid_of(&seen), signal).expect("it runs");
        seen.ends(&format!("{sequence:?}, {signal:?}"), 0);
    }
    let mut seen = Seen::dashboard(&["-L", &nothing, "--duration", "500ms"]);
    seen.press(UNKNOWN[1]);
    seen.ends("--duration", 0);
}

/// Keys come faster than they are handled, so that the thread that reads them waits for room.
#[test]
fn flood_of_keys_does_not_delay_exit_on_signal_or_duration() {
    if !kernel_or_skip() {
        return;
    }
    let nothing = only(&[&listen(V4)]);
    let rounds: [(&str, &[Signal]); 3] = [
        ("1h", &[Signal::TERM]),
        ("1h", &[Signal::STOP, Signal::TERM, Signal::CONT]),
        ("2s", &[]),
    ];
    for (duration, signals) in rounds {
        let mut seen = Seen::dashboard(&["-L", &nothing, "--duration", duration]);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let mut keys = seen.keys.take().expect("the terminal is there");
        // otherwise a write would wait for a reader, even if none is left
        let fd = seen.pty.master.as_raw_fd().expect("a descriptor");
        // SAFETY: `master` owns the descriptor and outlives the borrow
        ioctl_fionbio(unsafe { BorrowedFd::borrow_raw(fd) }, true).expect("FIONBIO");
        // if the test fails, it ends with the test
        let flood = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                // each ^L redraws everything
                if keys.write(&[0x0c; 4096]).is_err() {
                    std::thread::yield_now();
                }
            }
        });
        let drawn = seen.pty.written.len();
        seen.wait_for("frames", |s| s.pty.written.len() > drawn + 20_000);
        for &signal in signals {
            kill_process(pid_of(&seen), signal).expect("it runs");
        }
        seen.ends(&format!("{duration} {signals:?}"), 0);
        stop.store(true, Ordering::Relaxed);
        flood.join().expect("it does not panic");
    }
}

#[test]
fn replies_of_the_terminal_are_not_typed_into_the_prompt() {
    if !kernel_or_skip() {
        return;
    }
    let mut seen = Seen::dashboard(&["-L", &only(&[&listen(V4)])]);
    let replies: String = UNKNOWN[..8]
        .iter()
        .filter(|s| !s.ends_with('$'))
        .copied()
        .collect();
    seen.press(&format!("{replies}/port{replies} 1{replies}\x1bq"));
    seen.wait_for("the text", |s| s.shows("filter: port 1"));
    // the keypad in application mode, as with Num Lock off
    seen.press("\x1bOp\x1bOM");
    seen.press("?");
    seen.wait_for("the help, and no prompt", |s| s.shows("HELP "));
    seen.press("q");
    seen.wait_for("the filter", |s| s.shows("filter: port 10"));
    seen.quit();
}

#[test]
fn f10_quits_while_a_prompt_is_open() {
    if !kernel_or_skip() {
        return;
    }
    let nothing = only(&[&listen(V4)]);
    for (prompt, shown) in [
        ("/", "filter:"),
        ("C", "capture only:"),
        ("e", "export to:"),
    ] {
        let mut seen = Seen::dashboard(&["-L", &nothing]);
        seen.press(prompt);
        seen.wait_for(shown, |s| s.shows(shown));
        seen.press("\x1b[21~");
        seen.ends(prompt, 0);
    }
}

/// In a terminal with bracketed paste, and in one that sends pasted text as keys.
#[test]
fn paste_of_a_megabyte_is_cut_with_a_word_and_keys_work_on() {
    if !kernel_or_skip() {
        return;
    }
    let text = "port 1 or ".repeat(100_000);
    let pasted = format!("\x1b[200~{text}\x1b[201~");
    let typed = &text[..200_000];
    for (prompt, input) in [
        ("/", &*pasted),
        ("/", typed),
        ("e", &pasted),
        ("C", &pasted),
    ] {
        let mut seen = Seen::dashboard(&["-L", &only(&[&listen(V4)])]);
        seen.press(prompt);
        seen.press(input);
        seen.wait_for("a word", |s| s.shows("room for 16,384 bytes"));
        // delete all of it
        seen.press("\x15x");
        seen.wait_for("the next key", |s| s.shows(": x"));
        seen.press("\x03");
        seen.wait_for("the table", |s| s.heading().is_some() && !s.shows(": x"));
        seen.quit();
    }
}

/// A FIFO that nobody writes, a device without end, and a line of any length.
#[test]
fn saved_files_that_are_none_do_not_hold_up_the_start() {
    if !kernel_or_skip() {
        return;
    }
    let state = tempfile::tempdir().expect("a directory");
    let folder = state.path().join("tcplife");
    fs::create_dir(&folder).expect("a directory");
    let (history, columns) = (folder.join("history"), folder.join("columns"));
    mknodat(CWD, &history, FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
    symlink("/dev/zero", &columns).expect("a link");
    let start = || {
        let nothing = only(&[&listen(V4)]);
        let mut command = pty::command(&argv(&["-L", &nothing]));
        command.env("XDG_STATE_HOME", state.path());
        let mut seen = Seen::start(command);
        seen.wait_for("the dashboard", |s| s.heading().is_some());
        seen
    };
    // accepted filters are not written into them either
    let mut seen = start();
    seen.press("/port 1\r");
    seen.wait_for("the filter", |s| s.shows("port 1"));
    seen.quit();
    let kind = fs::symlink_metadata(&history)
        .expect("the pipe")
        .file_type();
    assert!(std::os::unix::fs::FileTypeExt::is_fifo(&kind));

    fs::remove_file(&history).expect("it is ours");
    fs::write(&history, format!("port 1\n{}\n", "x".repeat(100_000))).expect("a file");
    let mut seen = start();
    seen.press("/\x1b[A");
    seen.wait_for("the filter that fits", |s| s.shows("filter: port 1"));
    seen.press("\x03");
    seen.quit();
}

#[test]
fn terminal_of_any_size_is_drawn_within_a_limit() {
    if !kernel_or_skip() {
        return;
    }
    let nothing = only(&[&listen(V4)]);
    let pty = Pty::start(pty::command(&argv(&["-L", &nothing])), 65535, 65535);
    let mut seen = Seen::on(pty, 24, 80);
    seen.wait_for("a frame", Seen::is_whole);
    let before = seen.pty.written.len();
    seen.pty
        .master
        .resize(pty::size(u16::MAX, 1))
        .expect("a terminal");
    seen.wait_for("another frame", |s| {
        s.pty.written.len() > before && s.is_whole()
    });
    let status = fs::read_to_string(format!("/proc/{}/status", pid_of(&seen).as_raw_nonzero()));
    let status = status.expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|text| text.trim().strip_suffix(" kB"));
    let kilobytes: u64 = peak.expect("a size").parse().expect("a number");
    assert!(kilobytes < 500_000, "{kilobytes} kB");
    seen.press("q");
    seen.ends("q", 0);
}
