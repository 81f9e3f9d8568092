//! How the picture keeps up: the refresh interval, and following the newest session.

use std::time::Instant;

use crate::common::loopback::{Pair, V4, listen, port, session};
use crate::common::requirements::{PATIENCE, kernel_or_skip};
use crate::harness::{Seen, only};

#[test]
fn refresh_interval_changed_by_keys_applies_while_running() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener])]);
    let mut pair = Pair::open(&listener, V4);
    seen.wait_for("the session", |s| s.rows().len() == 1);
    assert!(seen.shows("every 200ms"), "{}", seen.picture());
    for said in ["500ms", "1s", "2s", "5s", "10s", "30s", "1m"] {
        seen.press("+");
        seen.wait_for("a longer interval", |s| {
            s.shows(&format!("every {said}")) && s.is_whole()
        });
    }
    // no more snapshots: what moves stays unseen until the interval is short again
    let rport = pair.client_port();
    let rx = |s: &Seen| {
        s.row(port(&listener), rport)
            .map(|r| r.cell("RX").to_owned())
    };
    let before = rx(&seen);
    assert!(before.is_some(), "{}", seen.picture());
    pair.exchange(7000, 0);
    for said in ["30s", "10s"] {
        seen.press("-");
        seen.wait_for("a shorter interval", |s| {
            s.shows(&format!("every {said}")) && s.is_whole()
        });
    }
    let unseen = rx(&seen);
    assert_eq!(unseen, before, "{}", seen.picture());
    seen.press(" ------"); // frozen, and 100ms
    seen.wait_for("freeze", |s| s.shows("PAUSED") && s.shows("every 100ms"));
    seen.press("+p");
    seen.wait_for("the figures", |s| {
        s.shows("every 200ms") && rx(s).as_deref() == Some("7.0k")
    });
    seen.quit();
}

#[test]
fn follow_newest_enabled_keeps_newest_session_on_top() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener])]);
    let mut pairs = Vec::new();
    seen.press("F");
    seen.wait_for("following", |s| s.shows("following the newest"));
    for _ in 0..4 {
        pairs.push(Pair::open(&listener, V4));
        let newest_first: Vec<u16> = pairs.iter().rev().map(Pair::client_port).collect();
        seen.wait_for("the newest on top", |s| s.order() == newest_first);
    }
    // the oldest has moved most: it is on top in the previous order, but not in this one
    pairs[0].exchange(500_000, 0);
    let rport = pairs[0].client_port();
    seen.wait_for("its figures", |s| {
        s.row(port(&listener), rport)
            .is_some_and(|r| r.cell("RX") == "500k")
    });
    assert_eq!(seen.order().last(), Some(&rport), "{}", seen.picture());
    seen.press("F");
    seen.wait_for("the order before", |s| !s.shows("following"));
    seen.quit();
}

/// All that a frame shows is of one moment, also after a key between two refreshes.
#[test]
fn key_between_two_refreshes_shows_nothing_newer_than_the_last_one() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let only = only(&[&listener]);
    let mut seen = Seen::dashboard(&["-L", &only, "--interval", "1h", "--keep", "3"]);
    for _ in 0..10 {
        session(&listener, V4, 10, 10);
    }
    // ten have arrived, of which the header, the table, charts and failures show none
    seen.press(" ");
    // each frame tells how many wait
    let deadline = Instant::now() + PATIENCE;
    let mut scopes = ["open", "closed", "all"].into_iter().cycle();
    while !seen.shows("PAUSED, 10 new") || !seen.shows("0/0 all") {
        assert!(Instant::now() < deadline, "{}", seen.picture());
        seen.press("o");
        let scope = scopes.next().map(|s| format!("0/0 {s}"));
        seen.wait_for("the other sessions", |s| {
            s.is_whole() && scope.as_ref().is_some_and(|text| s.shows(text))
        });
    }
    for (key, what) in [
        ("j", "RADDR"),
        ("d", "DURATION"),
        ("f", "Nothing has failed"),
        // back, step by step
        ("f", "DURATION"),
        ("d", "RADDR"),
    ] {
        seen.press(key);
        seen.wait_for(what, |s| s.is_whole() && s.shows(what));
        assert!(seen.shows("closed 0 "), "{}", seen.picture());
        assert!(!seen.shows("10 sessions"), "{}", seen.picture());
    }
    assert!(seen.rows().is_empty(), "{}", seen.picture());
    seen.press(" ");
    seen.wait_for("everything at once", |s| {
        s.is_whole() && s.shows("closed 10 ")
    });
    assert_eq!(seen.rows().len(), 3, "{}", seen.picture());
    assert!(seen.shows("1/3 all"), "{}", seen.picture());
    seen.quit();
}
