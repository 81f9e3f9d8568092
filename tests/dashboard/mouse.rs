//! The mouse, as a terminal reports it.

use rustix::process::{Signal, kill_process};

use crate::common::loopback::{Pair, V4, listen, port};
use crate::common::pty;
use crate::common::requirements::kernel_or_skip;
use crate::exit::{is_stopped, pid_of};
use crate::export::copied;
use crate::harness::{Seen, argv, only};

/// Modes requested from the terminal, and no others: motion events would be a waste.
pub(crate) const ON: &str = "\x1b[?1000h\x1b[?1006h";
pub(crate) const OFF: &str = "\x1b[?1006l\x1b[?1000l";

impl Seen {
    /// Presses a button or turns the wheel at a text on the screen.
    fn point_at(&mut self, button: u8, text: &str) {
        let at = self.place(text);
        self.point(button, at);
    }

    /// The column and the line of a text on the screen, from 1.
    fn place(&mut self, text: &str) -> (usize, usize) {
        self.wait_for(text, |s| s.is_whole() && s.shows(text));
        let lines = self.lines();
        let found = lines.iter().enumerate().find_map(|(y, line)| {
            let at = line.find(text)?;
            Some((line[..at].chars().count() + 1, y + 1))
        });
        found.unwrap_or_else(|| panic!("no {text}:\n{}", self.picture()))
    }

    fn point(&mut self, button: u8, (x, y): (usize, usize)) {
        // pressed and released
        self.press(&format!("\x1b[<{button};{x};{y}M\x1b[<{button};{x};{y}m"));
    }

    pub(crate) fn click_on(&mut self, text: &str) {
        self.point_at(0, text);
    }
}

#[test]
fn mouse_without_keyboard_sorts_selects_filters_and_quits() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener])]);
    let mut pairs: Vec<Pair> = (0..3).map(|_| Pair::open(&listener, V4)).collect();
    pairs[1].exchange(30_000, 10);
    let ports: Vec<u16> = pairs.iter().map(Pair::client_port).collect();
    seen.wait_for("all of them", |s| s.rows().len() == 3);
    seen.click_on("   RX ");
    seen.wait_for("order by RX", |s| {
        s.shows("sort: rx ↓") && s.order().first() == Some(&ports[1])
    });
    seen.click_on("  RX▼");
    seen.wait_for("the order inverted", |s| {
        s.shows("sort: rx ↑") && s.order().last() == Some(&ports[1])
    });
    // a click selects a line, and one on a cell of it copies
    let mine = format!(" {} ", ports[1]);
    seen.click_on(&mine);
    seen.wait_for("the selection", |s| s.shows("3/3 all"));
    assert!(!seen.shows("clipboard"), "{}", seen.picture());
    let (x, y) = seen.place(&mine);
    seen.point(0, (x + 2, y));
    let copy = format!("clipboard: {} (RPORT)", ports[1]);
    seen.wait_for("the copy", |s| s.is_whole() && s.shows(&copy));
    assert_eq!(copied(&seen), Some(ports[1].to_string()));
    // a double click opens it
    seen.point(0, (x, y));
    seen.point(0, (x, y));
    let ends = format!("127.0.0.1:{} ← 127.0.0.1:{}", port(&listener), ports[1]);
    seen.wait_for("its detail", |s| s.shows(&ends));
    seen.point_at(65, "RATES"); // the wheel, down
    seen.point_at(65, "PATH");
    seen.wait_for("what is below", |s| !s.shows("RATES"));
    seen.point_at(64, "PATH");
    seen.point_at(64, "PATH");
    seen.wait_for("the beginning", |s| s.shows("RATES"));
    seen.click_on("Esc/q back");
    seen.wait_for("the table", |s| s.heading().is_some());
    seen.click_on("Tab talkers");
    seen.wait_for("the processes", |s| s.shows("PROCESS (1)"));
    let pid = std::process::id().to_string();
    // its line follows the headings of the pane
    let lines = seen.lines();
    let heading = lines.iter().position(|l| l.contains("PROCESS (1)"));
    let row = heading.expect("headings") + 2;
    for _ in 0..2 {
        seen.press(&format!("\x1b[<0;3;{row}M\x1b[<0;3;{row}m"));
    }
    // of the filter there is room for both ends
    let name = format!("filter: pid {pid} and ");
    seen.wait_for("only its sessions", |s| {
        s.lines()[1].contains("filter: ") && s.shows(&name[..18])
    });
    seen.click_on("? Help");
    seen.wait_for("the help", |s| s.shows("HELP "));
    seen.click_on("q back");
    seen.wait_for("the panes again", |s| s.shows("PROCESS (1)"));
    seen.click_on("Esc/q back");
    seen.wait_for("the list", |s| s.shows("q quit"));
    seen.click_on("q quit");
    seen.ends("a click on q", 0);
    let text = seen.pty.text();
    assert!(text.contains(ON) && text.ends_with("\x1b[?25h"), "{text}");
    assert!(text.rfind(OFF) > text.rfind(ON));
    assert!(!text.contains("?1003") && !text.contains("?1002"));
}

#[test]
fn mouse_disabled_by_flag_is_never_requested_from_terminal() {
    if !kernel_or_skip() {
        return;
    }
    let nothing = only(&[&listen(V4)]);
    let mut seen = Seen::dashboard(&["-L", &nothing, "--no-mouse"]);
    seen.press("?q");
    // handled before the signal
    seen.press("4");
    seen.wait_for("the keys", |s| s.shows("IPv4 ") && !s.shows("IPv4+IPv6"));
    let pid = pid_of(&seen);
    kill_process(pid, Signal::TSTP).expect("it runs");
    seen.wait_for("stop", |_| is_stopped(pid));
    kill_process(pid, Signal::CONT).expect("it is stopped");
    seen.wait_for("the dashboard", |s| {
        s.terminal.screen().alternate_screen() && s.heading().is_some()
    });
    seen.quit();
    let text = seen.pty.text();
    assert!(!text.contains("?1000") && !text.contains("?1006"), "{text}");
}

#[test]
fn mouse_while_suspended_is_released_to_the_shell() {
    if !kernel_or_skip() {
        return;
    }
    let nothing = only(&[&listen(V4)]);
    let mut seen = Seen::start(pty::command(&argv(&["-L", &nothing])));
    seen.wait_for("the dashboard", |s| s.heading().is_some());
    let pid = pid_of(&seen);
    let count = |s: &Seen, what: &str| s.pty.text().matches(what).count();
    assert_eq!((count(&seen, ON), count(&seen, OFF)), (1, 0));
    kill_process(pid, Signal::TSTP).expect("it runs");
    seen.wait_for("stop", |s| {
        is_stopped(pid) && !s.terminal.screen().alternate_screen()
    });
    assert_eq!((count(&seen, ON), count(&seen, OFF)), (1, 1));
    kill_process(pid, Signal::CONT).expect("it is stopped");
    seen.wait_for("the dashboard", |s| s.terminal.screen().alternate_screen());
    assert_eq!((count(&seen, ON), count(&seen, OFF)), (2, 1));
    seen.quit();
    assert_eq!((count(&seen, ON), count(&seen, OFF)), (2, 2));
}

#[test]
fn mouse_clicks_on_failure_filter_the_table() {
    if !kernel_or_skip() {
        return;
    }
    let closed = listen(V4);
    let refused = port(&closed);
    drop(closed);
    let mut seen = Seen::dashboard(&["-D", &refused.to_string()]);
    for _ in 0..3 {
        assert!(std::net::TcpStream::connect(("127.0.0.1", refused)).is_err());
    }
    seen.wait_for("all of them", |s| s.rows().len() == 3);
    seen.click_on("f Fail");
    for _ in 0..2 {
        seen.click_on("ECONNREFUSED");
    }
    seen.wait_for("only these", |s| {
        s.shows("filter: reason refuse") && s.rows().len() == 3
    });
    seen.quit();
}
