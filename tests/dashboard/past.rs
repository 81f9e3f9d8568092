//! Looking back on live traffic, and in what was recorded of it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::loopback::{Pair, V4, listen, port, session};
use crate::common::pty;
use crate::common::requirements::{TCPLIFE, kernel_or_skip};
use crate::harness::{Row, Seen, argv, brisk, only};

impl Seen {
    /// Reads for so long. Ages move on the screen meanwhile.
    pub(crate) fn pass(&mut self, time: Duration) {
        let from = Instant::now();
        self.wait_for("time to pass", |_| from.elapsed() >= time);
    }

    /// Goes to a time that the prompt takes.
    pub(crate) fn go_to(&mut self, time: &str) {
        self.press("@");
        self.wait_for("the prompt", |s| s.shows("go to time: "));
        self.press(&format!("{time}\r"));
        self.wait_for("the past", |s| {
            let is_under_way = ["going to ", "go to time: ", "computing rates"];
            let has_arrived = !is_under_way.iter().any(|sign| s.shows(sign));
            s.lines()[0].contains("PAST ") && has_arrived && s.is_whole()
        });
    }

    pub(crate) fn go_to_now(&mut self) {
        self.press("\x1b");
        self.wait_for("now", |s| !s.lines()[0].contains("PAST "));
    }
}

#[test]
fn past_shows_a_session_as_it_was_and_nothing_that_came_later() {
    if !kernel_or_skip() {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let listener = listen(V4);
    let lport = port(&listener);
    let mut command = pty::command(&brisk(&["-L", &only(&[&listener])]));
    command.cwd(folder.path());
    let mut seen = Seen::start(command);
    seen.wait_for("the first moment", |s| {
        s.shows("Waiting for TCP connections")
    });
    let mut first = Pair::open(&listener, V4);
    first.exchange(1000, 2000);
    let a = first.client_port();
    let has = |s: &Seen, rport, title, text: &str| {
        s.row(lport, rport)
            .is_some_and(|row| row.cell(title) == text)
    };
    seen.wait_for("its bytes", |s| has(s, a, "RX", "1.0k"));
    seen.pass(Duration::from_secs(1));
    let middle = jiff::Timestamp::now();
    seen.pass(Duration::from_secs(1));
    first.exchange(9000, 0);
    seen.wait_for("more bytes", |s| has(s, a, "RX", "10.0k"));
    first.close();
    seen.wait_for("its end", |s| has(s, a, "STATUS", "peer closed"));
    let later = Pair::open(&listener, V4);
    let b = later.client_port();
    seen.wait_for("the other one", |s| has(s, b, "STATUS", "established"));

    seen.go_to(&middle.to_string());
    let row = seen.row(lport, a).expect("it was open");
    assert_eq!(row.cell("STATUS"), "established", "{}", seen.picture());
    assert_eq!((row.cell("TX"), row.cell("RX")), ("2.0k", "1.0k"));
    assert!(seen.row(lport, b).is_none(), "{}", seen.picture());
    assert!(seen.shows("open 1  closed 0"), "{}", seen.picture());
    // the same from before it opened, step by step
    seen.press("{");
    seen.wait_for("the beginning", |s| s.rows().is_empty());
    for _ in 0..200 {
        if has(&seen, a, "RX", "1.0k") {
            break;
        }
        let before = seen.pty.written.len();
        seen.press("]");
        seen.wait_for("a step", |s| s.pty.written.len() > before && s.is_whole());
    }
    assert!(has(&seen, a, "RX", "1.0k"), "{}", seen.picture());

    seen.go_to_now();
    seen.wait_for("now", |s| {
        has(s, a, "STATUS", "peer closed") && has(s, b, "STATUS", "established")
    });
    // and all of it can be kept
    seen.press("W\x15a.jsonl.zst\r");
    seen.wait_for("what was done", |s| {
        s.shows("saved 1 closed session: tcplife --replay")
    });
    let file = folder.path().join("a.jsonl.zst");
    let out = Command::new(TCPLIFE)
        .args(["-o", "csv", "--columns", "lport,rport,rx_bytes", "--replay"])
        .arg(&file)
        .output()
        .expect("tcplife can be started");
    let rows = String::from_utf8(out.stdout).expect("UTF-8");
    let row = format!("{lport},{a},10000");
    assert!(rows.lines().any(|line| line == row), "{rows}");
    // or a report of it
    seen.press("W\x15a.html\r");
    seen.wait_for("what was done", |s| {
        s.shows("reported on 1 closed session in a.html")
    });
    let page = fs::read_to_string(folder.path().join("a.html")).expect("a page");
    assert!(
        page.contains("<html") && page.contains(&a.to_string()),
        "{page}"
    );
    // no other file is replaced
    seen.press("W\x15a.html\r");
    seen.wait_for("a question or why not", |s| {
        s.shows("a.html") && s.shows("cannot write") || s.shows("Replace it?")
    });
    seen.press("y");
    seen.wait_for("why not", |s| s.shows("cannot write a.html"));
    seen.press("\x03");
    seen.wait_for("the table", |s| !s.shows("save the black box"));
    drop(later);
    seen.quit();
}

/// The moment shown, and rows of the table, at each of these times of day.
fn tables_at(seen: &mut Seen, times: &[String]) -> Vec<(String, Vec<Row>)> {
    let tables = times.iter().map(|time| {
        seen.go_to(time);
        let shown = seen.lines()[0]
            .split("  ")
            .next()
            .unwrap_or_default()
            .to_owned();
        let mut rows = seen.rows();
        rows.sort_by_key(|row| row.ports);
        (shown, rows)
    });
    tables.collect()
}

#[test]
fn past_at_ten_instants_is_that_of_a_recording_of_the_same_run() {
    if !kernel_or_skip() {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("run.jsonl.zst");
    let name = file.to_str().expect("UTF-8");
    let listener = listen(V4);
    let flags = ["-L", &only(&[&listener]), "--record", name];
    let start = |flags: &[&str]| {
        let mut command = pty::command(&argv(flags));
        command.env("TZ", "UTC");
        let mut seen = Seen::sized(command, 40, 120);
        // from its first moment on
        seen.wait_for("a snapshot", |s| s.heading().is_some() && s.shows("  up "));
        seen
    };
    let mut live = start(&[&["--interval", "200ms"], &flags[..]].concat());
    let mut open: Vec<Pair> = Vec::new();
    // others may use the number of this port, so that counts in the header are not only ours
    let lport = port(&listener);
    let mut closed: Vec<u16> = Vec::new();
    let all_closed = |seen: &Seen, closed: &[u16]| {
        let has_closed = |row: Row| row.cell("STATUS") == "peer closed";
        closed
            .iter()
            .all(|rport| seen.row(lport, *rport).is_some_and(has_closed))
    };
    let mut times = Vec::new();
    for step in 0..10_usize {
        // each moment is other than the one before: one opens, all move, some close
        let mut pair = Pair::open(&listener, V4);
        pair.exchange(100 * step + 1, 0);
        open.push(pair);
        for pair in &mut open {
            pair.exchange(10, 20);
        }
        closed.push(session(&listener, V4, 5, step));
        if step % 3 == 2 {
            let pair = open.remove(0);
            closed.push(pair.client_port());
            pair.close();
        }
        live.wait_for("the next moment", |s| all_closed(s, &closed));
        let now = jiff::Timestamp::now().as_second();
        let at = jiff::Timestamp::from_second(now).expect("a time");
        times.push(at.strftime("%H:%M:%S").to_string());
        // they are given to the second
        live.wait_for("the next second", |_| {
            jiff::Timestamp::now().as_second() > now
        });
    }
    assert_eq!(times.len(), 10);
    // the last of them is in the past only once a later moment is kept
    live.pass(Duration::from_secs(2));
    let as_live = tables_at(&mut live, &times);
    live.go_to_now();
    live.quit();

    let mut replayed = start(&["--replay", name]);
    replayed.wait_for("its end", |s| all_closed(s, &closed));
    let as_replayed = tables_at(&mut replayed, &times);
    for (time, (live, replayed)) in times.iter().zip(as_live.iter().zip(&as_replayed)) {
        assert!(!live.1.is_empty(), "{time}");
        assert_eq!(format!("{live:#?}"), format!("{replayed:#?}"), "{time}");
    }
    let last = as_live.last().expect("ten");
    assert!(
        last.1.len() > as_live[0].1.len() + 8,
        "it is other at each: {last:?}"
    );
    replayed.go_to_now();
    replayed.quit();
}

/// Writes a configuration with this black box.
fn configured(folder: &Path, memory: &str) -> String {
    let file = folder.join("config.toml");
    fs::write(&file, format!("black-box-memory = \"{memory}\"\n")).expect("a file");
    file.to_str().expect("UTF-8").to_owned()
}

#[test]
fn past_of_many_sessions_stays_within_its_memory() {
    if !kernel_or_skip() {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let config = configured(folder.path(), "40kB");
    let listener = listen(V4);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener]), "--config", &config]);
    for _ in 0..15 {
        for _ in 0..100 {
            session(&listener, V4, 10, 20);
        }
        seen.pass(Duration::from_millis(300));
    }
    seen.wait_for("all of them", |s| s.shows("closed 1500"));
    seen.press("W");
    seen.wait_for("the memory", |s| {
        s.lines().iter().any(|line| {
            let size = line
                .split_once(", ")
                .and_then(|(_, rest)| rest.split_once(" in memory"));
            let kilobytes = size.and_then(|(size, _)| size.strip_suffix("kB")?.parse::<f64>().ok());
            kilobytes.is_some_and(|size| (1.0..=40.0).contains(&size))
        }) || s.shows("has nothing yet")
    });
    seen.press("\x03");
    seen.quit();
}

#[test]
fn past_of_a_replay_goes_back_beyond_memory_to_the_beginning() {
    if !kernel_or_skip() {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let config = configured(folder.path(), "8kB");
    let file = folder.path().join("run.jsonl.zst");
    let name = file.to_str().expect("UTF-8");
    let listener = listen(V4);
    let ports = only(&[&listener]);
    let mut seen = Seen::dashboard(&["-L", &ports, "--record", name]);
    let first = session(&listener, V4, 10, 20);
    seen.wait_for("the first one", |s| s.shows("closed 1 "));
    seen.pass(Duration::from_secs(1));
    let early = jiff::Timestamp::now();
    seen.pass(Duration::from_secs(1));
    for _ in 0..15 {
        for _ in 0..100 {
            session(&listener, V4, 10, 20);
        }
        seen.pass(Duration::from_millis(300));
    }
    seen.wait_for("all of them", |s| s.shows("closed 1501 "));
    seen.quit();

    let mut command = pty::command(&argv(&["--replay", name, "--config", &config]));
    command.env("TZ", "UTC");
    let mut seen = Seen::start(command);
    seen.wait_for("its end", |s| s.shows("closed 1501 "));
    // memory does not reach back that far
    seen.press("W");
    seen.wait_for("the memory", |s| {
        s.shows("in memory") || s.shows("read of the recording")
    });
    let early_text = early.strftime("%H:%M:%S").to_string();
    let picture = seen.picture();
    if let Some((_, span)) = picture.split_once("\nfrom ")
        && span.contains("in memory")
    {
        assert!(span[..8] > early_text[..], "{picture}");
    }
    seen.press("\x03");
    seen.go_to(&early.to_string());
    assert!(seen.shows("open 0  closed 1 "), "{}", seen.picture());
    assert!(
        seen.row(port(&listener), first).is_some(),
        "{}",
        seen.picture()
    );
    let closed = |s: &Seen| {
        let line = s
            .lines()
            .into_iter()
            .find(|line| line.contains("  closed "));
        let number = line.and_then(|line| {
            line.split("  closed ")
                .nth(1)?
                .split(' ')
                .next()?
                .parse::<u64>()
                .ok()
        });
        number.unwrap_or_default()
    };
    // on from there, moment by moment
    let mut before = closed(&seen);
    for _ in 0..4 {
        for _ in 0..100 {
            let written = seen.pty.written.len();
            seen.press("]");
            seen.wait_for("a step", |s| {
                s.pty.written.len() > written && s.is_whole() && !s.shows("going to ")
            });
            if closed(&seen) > before {
                break;
            }
        }
        let now = closed(&seen);
        assert!(
            now > before && now < before + 300,
            "{before} {}",
            seen.picture()
        );
        before = now;
    }
    seen.press("[");
    seen.wait_for("the moment before", |s| {
        closed(s) <= before && s.lines()[0].contains("PAST ")
    });
    seen.press("{");
    seen.wait_for("the beginning", |s| {
        s.shows("the recording begins at ") && closed(s) <= 1
    });
    seen.go_to_now();
    seen.wait_for("its end", |s| s.shows("closed 1501 "));
    seen.quit();
}

#[test]
fn replay_at_a_speed_shows_a_recording_as_it_happened() {
    if !kernel_or_skip() {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("run.jsonl.zst");
    let name = file.to_str().expect("UTF-8");
    let listener = listen(V4);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener]), "--record", name]);
    let early = session(&listener, V4, 10, 20);
    seen.wait_for("the first one", |s| s.shows("closed 1 "));
    seen.pass(Duration::from_secs(6));
    let late = session(&listener, V4, 10, 20);
    seen.wait_for("the last one", |s| s.shows("closed 2 "));
    seen.quit();
    let is_shown = |s: &Seen, rport| s.row(port(&listener), rport).is_some();
    let mut seen = Seen::start(pty::command(&argv(&[
        "--replay",
        name,
        "--replay-speed",
        "1",
    ])));
    seen.wait_for("the first one", |s| is_shown(s, early));
    assert!(!is_shown(&seen, late), "{}", seen.picture());
    // it waits while the display is paused
    seen.press(" ");
    seen.wait_for("the pause", |s| s.shows("PAUSED, 0 new"));
    seen.pass(Duration::from_secs(7));
    assert!(seen.shows("PAUSED, 0 new"), "{}", seen.picture());
    seen.press(" ");
    seen.wait_for("its end", |s| !s.shows("PAUSED"));
    assert!(!is_shown(&seen, late), "{}", seen.picture());
    seen.press("))");
    seen.wait_for("the speed", |s| s.shows("speed 4×"));
    seen.wait_for("the end", |s| is_shown(s, late));
    // what the last key did was said first
    seen.press("g");
    seen.wait_for("what stands", |s| s.shows("The recording is at its end"));
    seen.quit();
    // slow as it is, it can be made to come at once
    let flags = ["--replay", name, "--replay-speed", "0.01"];
    let mut seen = Seen::start(pty::command(&argv(&flags)));
    seen.wait_for("the dashboard", |s| s.shows("recording of "));
    seen.press(&")".repeat(20));
    seen.wait_for("the end", |s| is_shown(s, late));
    // what the last key did was said first
    seen.press("g");
    seen.wait_for("what stands", |s| s.shows("The recording is at its end"));
    seen.quit();
}

#[test]
fn past_is_off_without_memory() {
    if !kernel_or_skip() {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let config = configured(folder.path(), "0");
    let mut seen = Seen::dashboard(&["--config", &config]);
    seen.press("[");
    seen.wait_for("why not", |s| s.shows("the black box is switched off"));
    seen.quit();
}

#[test]
fn freeze_on_keeps_a_wrong_condition_out_and_names_its_place() {
    let out = Command::new(TCPLIFE)
        .args(["-o", "dashboard", "--freeze-on", "reason nonsense"])
        .output()
        .expect("tcplife can be started");
    assert_eq!(out.status.code(), Some(2));
    let errors = String::from_utf8(out.stderr).expect("UTF-8");
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!(
        lines[0], "tcplife: invalid condition (--freeze-on):",
        "{errors}"
    );
    assert_eq!(lines[2].find('^'), lines[1].find("nonsense"), "{errors}");
}
