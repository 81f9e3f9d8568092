//! Keys that lead back to where one was, and keys that say why they do nothing, on live traffic.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::common::loopback::{Pair, V4, listen, port, session};
use crate::common::requirements::kernel_or_skip;
use crate::harness::{Seen, only};

const ESC: &str = "\x1b";
const F1: &str = "\x1bOP";

/// A dashboard with this many open sessions of a listener.
fn with_pairs(listener: &TcpListener, many: usize) -> (Seen, Vec<Pair>) {
    let mut seen = Seen::dashboard(&["-L", &only(&[listener])]);
    let pairs = (0..many).map(|_| Pair::open(listener, V4)).collect();
    let open = format!("open {many} ");
    seen.wait_for("all of them", |s| s.rows().len() == many && s.shows(&open));
    (seen, pairs)
}

#[test]
fn failed_sessions_have_the_last_one_on_top_whatever_the_order_was() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let closed = port(&listener);
    drop(listener);
    let mut seen = Seen::dashboard(&["-D", &closed.to_string()]);
    for _ in 0..3 {
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, closed)).is_err());
        // ENDED shows whole seconds
        std::thread::sleep(Duration::from_millis(1100));
    }
    seen.wait_for("all of them", |s| s.rows().len() == 3);
    seen.press("BB");
    seen.wait_for("another order", |s| s.shows("sort: bytes ↑"));
    seen.press("fE\r");
    seen.wait_for("the failed sessions by their end", |s| {
        let ended: Vec<String> = s.rows().iter().map(|r| r.cell("ENDED").into()).collect();
        s.shows("ENDED▼") && ended.len() == 3 && ended.is_sorted_by(|a, b| a > b)
    });
    seen.press(ESC);
    seen.wait_for("the failures", |s| s.shows("ERRNO"));
    seen.press(ESC);
    seen.wait_for("the order of before", |s| s.shows("sort: bytes ↑"));
    seen.quit();
}

#[test]
fn esc_leads_back_to_the_page_that_one_came_from() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let (mut seen, _pairs) = with_pairs(&listener, 2);
    seen.press("m");
    seen.wait_for("the baseline", |s| s.shows("baseline set"));
    // F3, and its prompt left without a filter
    for prompt in ["/", "\x1bOR"] {
        seen.press("\r");
        seen.wait_for("the detail", |s| s.shows("BOTTLENECK"));
        seen.press(prompt);
        seen.wait_for("the prompt", |s| {
            s.shows("filter: ") && s.heading().is_some()
        });
        seen.press("comm x");
        seen.wait_for("the text", |s| s.shows("filter: comm x"));
        seen.press(ESC);
        seen.wait_for("the detail again", |s| s.shows("BOTTLENECK"));
        seen.press(ESC);
        seen.wait_for("the sessions", |s| s.rows().len() == 2);
    }
    seen.press("fm");
    seen.wait_for("the comparison", |s| s.shows("since "));
    seen.press(ESC);
    seen.wait_for("the failures", |s| s.shows("Nothing has failed"));
    seen.press("v");
    seen.wait_for("how to go back", |s| {
        s.shows("Baseline; Esc goes back, v goes on")
    });
    seen.press("vq");
    seen.wait_for("the failures again", |s| s.shows("Nothing has failed"));
    seen.press("q");
    seen.wait_for("the sessions", |s| s.rows().len() == 2);
    seen.quit();
}

#[test]
fn esc_that_clears_the_filter_leaves_the_cursor_at_its_session() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let (mut seen, _pairs) = with_pairs(&listener, 3);
    seen.press("Fj");
    seen.wait_for("the second one", |s| s.shows("2/3 all"));
    seen.press("4");
    seen.wait_for("the family", |s| s.shows("2/3 all  IPv4"));
    seen.press(ESC);
    seen.wait_for("both families", |s| {
        s.shows("2/3 all  IPv4+IPv6  sort: age")
    });
    seen.quit();
}

#[test]
fn f1_opens_the_help_on_every_prompt_which_keeps_its_text() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let (mut seen, _pairs) = with_pairs(&listener, 1);
    for (key, label, typed, help) in [
        ("/", "filter: ", "comm xy", "Filters   "),
        ("C", "capture only: ", "comm xy", "Filters   "),
        (":", ":", "sort xy", "KEYS IN THE COMMAND LINE"),
        (
            "@",
            "go to time",
            "-5xy",
            "KEYS WHILE A TIME OR A CONDITION",
        ),
        (
            "T",
            "freeze ",
            "reason xy",
            "KEYS WHILE A TIME OR A CONDITION",
        ),
        ("e", "export to: ", "xy", "KEYS DURING AN EXPORT"),
        ("L/", "show lines with: ", "xy", "KEYS IN FINDINGS"),
    ] {
        seen.press(key);
        seen.wait_for(label, |s| s.shows(label));
        seen.press(typed);
        seen.wait_for(typed, |s| s.shows(typed));
        seen.press(F1);
        seen.wait_for(help, |s| s.shows(help));
        seen.press(ESC);
        seen.wait_for("the text again", |s| s.shows(typed) && !s.shows(help));
        seen.press("\x03");
        seen.wait_for("no prompt", |s| !s.shows(typed));
    }
    seen.press("q");
    seen.wait_for("the sessions", |s| s.rows().len() == 1);
    for (key, popup, help) in [
        ("s", "SORT BY", "KEYS IN THE SORT MENU"),
        (
            "y",
            "select it by hand",
            "KEYS DURING AN EXPORT AND AFTER A COPY",
        ),
    ] {
        seen.press(key);
        seen.wait_for(popup, |s| s.shows(popup));
        seen.press(F1);
        seen.wait_for(help, |s| s.shows(help) && !s.shows(popup));
        seen.press(ESC);
        seen.wait_for("it again", |s| s.shows(popup));
        seen.press(ESC);
        seen.wait_for("the sessions", |s| !s.shows(popup));
    }
    seen.quit();
}

#[test]
fn key_that_can_go_no_further_says_so() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let (mut seen, _pairs) = with_pairs(&listener, 1);
    for (keys, says) in [
        ("\x1b[D", "this is the first column; → scrolls right"),
        ("$", "the last column is in view; ^ goes back to the first"),
        ("^?G\x04", "this is the bottom; g goes to the top"),
        ("gk", "this is the top; G goes to the bottom"),
        ("1", "this is that chapter: Start"),
        ("q/\x1b[B", "there is no newer filter in the history"),
        ("\x03PG", "there is no line to select"),
    ] {
        seen.press(keys);
        seen.wait_for(says, |s| s.shows(says));
    }
    seen.press("q");
    seen.wait_for("the sessions", |s| s.rows().len() == 1);
    seen.quit();
}

#[test]
fn page_turned_back_at_once_leads_to_where_the_cursor_was_while_sessions_close() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener])]);
    let close = |count: usize| {
        for _ in 0..count {
            session(&listener, V4, 1, 1);
        }
    };
    let mut closed = 60;
    close(closed);
    seen.wait_for("all of them", |s| s.shows(&format!("/{closed} all")));
    // a page is known for two seconds, which a busy machine may take
    for attempt in 1.. {
        seen.press("gjjj");
        seen.wait_for("the fourth one", |s| s.shows("4/"));
        let began = Instant::now();
        seen.press("\x04");
        close(30);
        closed += 30;
        let all = format!("/{closed} all");
        seen.wait_for("those that closed since", |s| s.shows(&all));
        let below = !seen.shows(&format!(" 4{all}"));
        assert!(below, "{}", seen.picture());
        seen.press("\x15");
        let is_in_time = began.elapsed() < Duration::from_millis(1500);
        // or longer, while figures come less often
        if is_in_time || seen.shows("figures every") || attempt == 10 {
            seen.wait_for("the fourth line", |s| {
                s.lines()[1].starts_with(&format!("4{all}"))
            });
            break;
        }
    }
    seen.quit();
}

#[test]
fn footers_name_what_is_needed_and_keys_of_other_programs_are_explained() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let (mut seen, _pairs) = with_pairs(&listener, 1);
    for (keys, says) in [
        ("f", "Enter narrow  s sort"),
        ("qL", "/ search  s sort"),
        ("q/", "Tab complete  F1 language"),
        ("\x03_", "_ is not bound; ^ scroll to the first column"),
        ("\x14", "^T is not bound; Backspace undo"),
        ("Z", "Z is not bound; Space pause, q quit"),
        ("H", "H shows self traffic; "),
        ("=", "refreshed every 500ms (-: more often)"),
        ("v", "Charts; Esc goes back, v goes on"),
    ] {
        seen.press(keys);
        seen.wait_for(says, |s| s.lines()[23].contains(says));
    }
    seen.press("q");
    seen.wait_for("the sessions", |s| s.rows().len() == 1);
    seen.quit();
}
