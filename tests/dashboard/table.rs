//! The dashboard on live traffic: rows, keys, filters.

use std::cell::RefCell;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tcplife::testing::ui::{KEYS, Mode};

use crate::common::loopback::{Pair, V4, V6, listen, port, session, v6_or_skip};
use crate::common::pty;
use crate::common::requirements::kernel_or_skip;
use crate::harness::{Seen, argv, brisk, length, only, words};

#[test]
fn table_live_session_updates_until_it_closes() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener])]);
    assert!(
        seen.shows("Waiting for TCP connections"),
        "{}",
        seen.picture()
    );
    let Pair { client, server } = Pair::open(&listener, V4);
    let rport = client.local_addr().expect("it is connected").port();
    let lport = port(&listener);

    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let generator = std::thread::spawn(move || {
        let (mut client, mut server) = (client, server);
        let mut sent = 0;
        while !stopped.load(Ordering::Relaxed) {
            client.write_all(&[b'x'; 1000]).expect("it is connected");
            server.read_exact(&mut [0; 1000]).expect("it was sent");
            sent += 1000;
            std::thread::sleep(Duration::from_millis(5)); // the rate of the traffic
        }
        Pair { client, server }.close();
        sent
    });
    seen.wait_for("session", |s| s.row(lport, rport).is_some());
    let row = seen.row(lport, rport).expect("it is there");
    assert_eq!(row.cell("PID"), std::process::id().to_string(), "{row:?}");
    assert_eq!(row.cell("STATUS"), "established", "{row:?}");
    assert!(seen.shows("open 1"), "{}", seen.picture());
    // the figures move: five frames, one after the other
    let started = Instant::now();
    for _ in 0..5 {
        let before = seen.row(lport, rport).expect("it is there");
        seen.wait_for("other figures", |s| {
            s.row(lport, rport)
                .is_some_and(|r| r.cell("RX") != before.cell("RX"))
        });
    }
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "five pictures at 200 ms took {:?}",
        started.elapsed()
    );
    stop.store(true, Ordering::Relaxed);
    let sent = generator.join().expect("the generator");
    seen.wait_for("end of the session", |s| {
        s.row(lport, rport)
            .is_some_and(|r| r.cell("STATUS") == "peer closed")
    });
    let row = seen.row(lport, rport).expect("it is there");
    assert_eq!(
        row.cell("RX"),
        tcplife::testing::model::narrow_bytes(sent),
        "{row:?}"
    );
    seen.wait_for("totals", |s| s.shows("open 0") && s.shows("closed 1"));
    seen.quit();
}

#[test]
fn table_preexisting_session_is_shown_with_its_owner() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut pair = Pair::open(&listener, V4);
    pair.exchange(1500, 2500);
    let (lport, rport) = (port(&listener), pair.client_port());
    let mut seen = Seen::dashboard(&["-L", &format!("{lport},{rport}")]);
    seen.press("l");
    seen.wait_for("both ends", |s| {
        s.row(lport, rport).is_some() && s.row(rport, lport).is_some()
    });
    let comm = fs::read_to_string("/proc/self/comm").expect("/proc");
    for (l, r, tx, rx) in [
        (lport, rport, "2.5k", "1.5k"),
        (rport, lport, "1.5k", "2.5k"),
    ] {
        let row = seen.row(l, r).expect("it is there");
        assert_eq!(row.cell("PID"), std::process::id().to_string(), "{row:?}");
        let name = row.cell("COMM").trim_end_matches('…');
        assert!(!name.is_empty() && comm.starts_with(name), "{row:?}");
        assert_eq!((row.cell("TX"), row.cell("RX")), (tx, rx), "{row:?}");
        assert!(row.cell("AGE").starts_with('≥'), "{row:?}");
        assert_eq!(row.cell("STATUS"), "established", "{row:?}");
    }
    pair.close();
    seen.wait_for("end of both", |s| s.shows("closed 2"));
    seen.quit();
}

#[test]
fn table_sort_keys_pressed_reorder_the_rows() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener])]);
    // the most received: the second; the most sent: the third
    let mut pairs: Vec<Pair> = (0..3).map(|_| Pair::open(&listener, V4)).collect();
    for (pair, (there, back)) in pairs
        .iter_mut()
        .zip([(10, 2000), (30_000, 100), (400, 9000)])
    {
        pair.exchange(there, back);
    }
    let [a, b, c] = [0, 1, 2].map(|i: usize| pairs[i].client_port());
    seen.wait_for("all figures", |s| {
        let rx = |p| s.row(port(&listener), p).map(|r| r.cell("RX").to_owned());
        [rx(a), rx(b), rx(c)] == ["10", "30.0k", "400"].map(|t| Some(t.to_owned()))
    });
    let sort_by = |seen: &mut Seen, key: &str, title: &str| {
        for _ in 0..30 {
            if seen.sorted_by().as_deref() == Some(title) {
                return;
            }
            let before = seen.sorted_by();
            seen.press(key);
            seen.wait_for("another sorted heading", |s| s.sorted_by() != before);
        }
        panic!("`{key}` never sorts by {title}:\n{}", seen.picture());
    };
    sort_by(&mut seen, ">", "RX");
    seen.wait_for("order by RX", |s| s.order() == [b, c, a]);
    seen.press("I");
    seen.wait_for("inverted order by RX", |s| s.order() == [a, c, b]);
    sort_by(&mut seen, "S", "TX");
    seen.wait_for("order by TX", |s| s.order() == [c, a, b]);
    sort_by(&mut seen, "<", "RPORT");
    let mut ports = [a, b, c];
    ports.sort_unstable();
    seen.wait_for("order by RPORT", |s| s.order() == ports);
    sort_by(&mut seen, ">", "TX");
    seen.wait_for("order by TX again", |s| s.order() == [c, a, b]);
    seen.quit();
}

#[test]
fn table_family_keys_pressed_show_only_that_family() {
    if !kernel_or_skip() || !v6_or_skip() {
        return;
    }
    let (v4, v6) = (listen(V4), listen(V6));
    let mut seen = Seen::dashboard(&["-L", &only(&[&v4, &v6])]);
    let (four, six) = (Pair::open(&v4, V4), Pair::open(&v6, V6));
    let has = |s: &Seen| {
        [(&v4, &four), (&v6, &six)].map(|(l, p)| s.row(port(l), p.client_port()).is_some())
    };
    seen.wait_for("both", |s| has(s) == [true, true]);
    for (key, what, shown) in [
        ("4", "only IPv4", [true, false]),
        ("4", "both again", [true, true]),
        ("6", "only IPv6", [false, true]),
        ("4", "only IPv4 at once", [true, false]),
        ("6", "only IPv6 at once", [false, true]),
        ("6", "both once more", [true, true]),
    ] {
        seen.press(key);
        seen.wait_for(what, |s| has(s) == shown);
    }
    seen.quit();
}

#[test]
fn table_open_key_pressed_cycles_open_closed_and_all_sessions() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener])]);
    let open = Pair::open(&listener, V4);
    let closed = session(&listener, V4, 1, 1);
    let has = |s: &Seen| [open.client_port(), closed].map(|p| s.row(port(&listener), p).is_some());
    for (key, what, shown) in [
        ("", "all", [true, true]),
        ("o", "only open ones", [true, false]),
        ("o", "only closed ones", [false, true]),
        ("o", "all again", [true, true]),
    ] {
        seen.press(key);
        seen.wait_for(what, |s| has(s) == shown);
    }
    seen.quit();
}

#[test]
fn table_paused_stays_unchanged_and_counts_new_sessions() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener])]);
    let mut open = Pair::open(&listener, V4);
    let rport = open.client_port();
    seen.wait_for("session", |s| s.row(port(&listener), rport).is_some());
    seen.press(" ");
    seen.wait_for("freeze", |s| s.shows("PAUSED"));
    let table = |s: &Seen| s.lines()[s.heading().expect("headings")..].to_vec();
    let before = table(&seen);
    open.exchange(4321, 0);
    for nth in 1..=3 {
        session(&listener, V4, 1, 1);
        seen.wait_for("number of those that wait", |s| {
            s.shows(&format!(", {nth} new"))
        });
        assert_eq!(table(&seen), before);
    }
    // moving the selection still works in it
    seen.press("j");
    seen.press("p");
    seen.wait_for("all that waited", |s| {
        !s.shows("PAUSED")
            && s.rows().len() == 4
            && s.row(port(&listener), rport)
                .is_some_and(|r| r.cell("RX") == "4.3k")
    });
    seen.quit();
}

#[test]
fn filter_prompt_each_key_typed_narrows_the_table() {
    if !kernel_or_skip() || !v6_or_skip() {
        return;
    }
    let (one, other, six) = (listen(V4), listen(V4), listen(V6));
    let pairs = [
        Pair::open(&one, V4),
        Pair::open(&other, V4),
        Pair::open(&six, V6),
    ];
    let rport = |i: usize| pairs[i].client_port();
    let all = only(&[&one, &other, &six]);
    let mut seen = Seen::dashboard(&["-L", &all]);
    seen.wait_for("all three", |s| s.rows().len() == 3);
    // both ends of a connection have its ports, and only the server's end is captured
    seen.press("/");
    seen.wait_for("the prompt", |s| s.shows("filter:"));
    let text = format!("port {} or port {}", port(&one), port(&six));
    let (first, second) = text.split_at(text.find(" or").expect("two terms"));
    seen.press(first);
    seen.wait_for("the first one alone", |s| {
        s.rows().len() == 1 && s.row(port(&one), rport(0)).is_some()
    });
    seen.press(second);
    seen.wait_for("two of them", |s| s.rows().len() == 2);
    seen.press(" and rtt >");
    seen.wait_for("what is missing", |s| {
        s.shows("incomplete") && s.rows().len() == 2
    });
    seen.press(" 1h");
    seen.wait_for("only what the part before `or` lets through", |s| {
        s.rows().len() == 1
    });
    seen.press("\x17\x17\x17"); // ^W
    seen.wait_for("two again", |s| s.rows().len() == 2 && !s.shows("rtt"));
    seen.press("\r4");
    seen.wait_for("the filter and IPv4", |s| {
        s.rows().len() == 1 && s.shows("IPv4 ") && !s.shows("IPv4+IPv6")
    });
    seen.press("4/");
    seen.press("\x1b");
    seen.wait_for("what was before the prompt", |s| s.rows().len() == 2);
    seen.press("/\x15"); // ^U
    seen.wait_for("all again", |s| s.rows().len() == 3);
    seen.press("\x1b[A"); // ↑
    seen.wait_for("the filter from the history", |s| s.rows().len() == 2);
    seen.press("\x1b"); // Esc
    seen.wait_for("the table", |s| !s.shows("Enter apply"));
    seen.press("/");
    seen.press("\x1b[200~ and\nport 1\x1b[201~"); // pasted
    seen.wait_for("what was pasted, on one line", |s| s.shows("and port 1"));
    seen.press("\x1b");
    seen.wait_for("the table", |s| !s.shows("Enter apply"));
    seen.quit();
}

#[test]
fn filter_entered_in_one_run_is_in_history_of_the_next() {
    if !kernel_or_skip() {
        return;
    }
    let nothing = only(&[&listen(V4)]);
    let state = std::env::temp_dir().join(format!("tcplife-state-{}", std::process::id()));
    let start = || {
        let mut command = pty::command(&argv(&["-L", &nothing]));
        command.env("XDG_STATE_HOME", &state);
        let mut seen = Seen::start(command);
        seen.wait_for("the dashboard", |s| s.shows("COMM"));
        seen
    };
    let mut first = start();
    first.press("/reason refused\r");
    first.wait_for("the filter", |s| s.shows("filter: reason refused"));
    first.quit();
    let mut second = start();
    second.press("/\x1b[A");
    second.wait_for("the filter of the run before", |s| {
        s.shows("filter: reason refused")
    });
    second.press("\x1b");
    second.wait_for("the table", |s| !s.shows("Enter apply"));
    second.quit();
    std::fs::remove_dir_all(state).expect("cleaning up");
}

#[test]
fn capture_filter_changed_while_running_takes_effect() {
    if !kernel_or_skip() {
        return;
    }
    let (one, other) = (listen(V4), listen(V4));
    let mut seen = Seen::dashboard(&["-L", &only(&[&one, &other])]);
    seen.press(&format!("Clport {}\r", port(&other)));
    seen.wait_for("what is captured", |s| {
        s.shows(&format!(
            "capture: lport {} [kernel: lport {0}]",
            port(&other)
        ))
    });
    let (unseen, shown) = (Pair::open(&one, V4), Pair::open(&other, V4));
    seen.wait_for("the one that is captured", |s| {
        s.row(port(&other), shown.client_port()).is_some()
    });
    assert!(
        seen.row(port(&one), unseen.client_port()).is_none(),
        "{}",
        seen.picture()
    );
    seen.press("C\x15\r");
    seen.wait_for("both", |s| {
        s.row(port(&one), unseen.client_port()).is_some()
    });
    seen.quit();
}

#[test]
fn top_talkers_drill_down_filters_the_table_and_back_undoes_it() {
    if !kernel_or_skip() {
        return;
    }
    let listeners = [listen(V4), listen(V4)];
    let mut seen = Seen::dashboard(&["-L", &only(&[&listeners[0], &listeners[1]])]);
    let mut pairs = [&listeners[0], &listeners[1]].map(|l| Pair::open(l, V4));
    pairs[1].exchange(20_000, 10);
    seen.wait_for("both", |s| s.rows().len() == 2);
    seen.press("\t");
    seen.wait_for("the processes", |s| {
        s.shows("PROCESS (1)") && s.shows(&format!(" {} ", std::process::id()))
    });
    seen.press("\t\t");
    // by sessions and bytes the second is the greater one, whatever its current traffic
    let (lport, rport) = (port(&listeners[1]), pairs[1].client_port());
    seen.wait_for("the ports", |s| s.shows("PORT (2)") && !s.shows("PROCESS"));
    let bytes = |s: &Seen| {
        let line = s.lines().into_iter().find(|l| l.contains("PORT (2)"));
        line.is_some_and(|l| l.contains("BYTES"))
    };
    assert!(bytes(&seen), "{}", seen.picture());
    seen.press("<<<<<"); // by new sessions, by open ones, and round to shares and bytes
    seen.wait_for("the one with more bytes on top", |s| {
        let lines = s.lines();
        let heading = lines.iter().position(|l| l.contains("PORT (2)"));
        heading.is_some_and(|at| lines[at + 1].starts_with(&lport.to_string()))
    });
    seen.press("\r");
    seen.wait_for("only its session", |s| {
        s.shows(&format!("filter: service {lport}")) && s.rows().len() == 1
    });
    assert!(seen.row(lport, rport).is_some(), "{}", seen.picture());
    seen.press("\x7f"); // Backspace
    seen.wait_for("both again", |s| s.rows().len() == 2 && !s.shows("filter:"));
    seen.press("\x1b[Z"); // Shift-Tab
    seen.wait_for("the peers", |s| s.shows("PEER (1)"));
    seen.press("a");
    seen.wait_for("their network", |s| s.shows("127.0.0.0/24"));
    seen.press("\x1b");
    seen.wait_for("the sessions alone", |s| !s.shows("SUBNET ("));
    seen.quit();
}

#[test]
fn strip_shows_who_is_busy_and_a_pane_takes_its_place() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut seen = Seen::dashboard(&["-L", &port(&listener).to_string()]);
    seen.wait_for("the strip", |s| {
        let lines = s.lines();
        let titles = ["PROGRAM", "PEER", "PORT"].map(|t| lines.iter().any(|l| l.starts_with(t)));
        titles == [true; 3]
    });
    let pair = RefCell::new(Pair::open(&listener, V4));
    let busy = |s: &Seen, title: &str, name: &str| {
        pair.borrow_mut().exchange(5000, 10);
        let mut lines = s.lines().into_iter();
        lines.any(|l| l.starts_with(title) && l.contains(&format!(" {name} ")) && l.contains("B/s"))
    };
    let number = port(&listener).to_string();
    seen.wait_for("its port", |s| busy(s, "PORT", &number));
    seen.wait_for("its peer", |s| busy(s, "PEER", "127.0.0.1"));
    seen.wait_for("silence again", |s| s.shows("PORT    no traffic"));
    // the units are the last pane, and have rates over three periods
    seen.press("\x1b[Z"); // Shift-Tab
    seen.wait_for("the units", |s| {
        let heading = s.lines().into_iter().find(|l| l.contains("UNIT (1)"));
        heading.is_some_and(|l| l.contains(" 10s ") && l.contains(" 60s "))
    });
    assert!(!seen.shows("no traffic"), "{}", seen.picture());
    seen.press("\r");
    seen.wait_for("its sessions", |s| {
        (s.shows("filter: unit ") || s.shows("filter: container ")) && s.rows().len() == 1
    });
    seen.press("\x7f\x1b"); // Backspace, Esc
    seen.wait_for("the strip again", |s| {
        s.shows("PORT    no traffic") && !s.shows("filter:")
    });
    seen.quit();
}

#[test]
fn detail_of_open_session_updates_until_it_closes() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut pair = Pair::open(&listener, V4);
    let (lport, rport) = (port(&listener), pair.client_port());
    let mut seen = Seen::dashboard(&["-L", &format!("{lport},{rport}")]);
    seen.wait_for("both ends on one line", |s| s.rows().len() == 1);
    seen.press(&format!("/lport {lport}\r"));
    seen.wait_for("the server's end", |s| s.row(lport, rport).is_some());
    seen.press("\r");
    let ends = format!("127.0.0.1:{lport} ← 127.0.0.1:{rport}");
    seen.wait_for("its detail", |s| s.shows(&ends) && s.shows("RATES"));
    pair.exchange(30_000, 7000);
    seen.wait_for("what it received", |s| {
        s.lines()
            .iter()
            .any(|l| l.starts_with("  in ") && l.contains("30.0kB"))
    });
    seen.press("G");
    seen.wait_for("the last figures", |s| s.shows("cgroup"));
    seen.press("g");
    seen.wait_for("the beginning", |s| s.shows(&ends));
    let exe = std::env::current_exe().expect("it runs");
    let exe = exe
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    for _ in 0..20 {
        seen.press("j");
    }
    seen.wait_for("the owner's command line and the other end", |s| {
        let text: String = s.lines().iter().map(|l| l.trim()).collect();
        text.contains(&exe) && s.shows("Tab shows it")
    });
    seen.press("\t");
    let swapped = format!("127.0.0.1:{rport} → 127.0.0.1:{lport}");
    seen.wait_for("the other end", |s| s.shows(&swapped));
    pair.close();
    seen.wait_for("its end", |s| s.shows("  closed  "));
    seen.press("q");
    // where it was scrolled to
    seen.wait_for("the first end again", |s| {
        s.shows("  command  ") && !s.shows("RATES")
    });
    seen.press("q");
    seen.wait_for("the table", |s| s.heading().is_some());
    seen.quit();
}

#[test]
fn filter_of_a_bare_port_shows_its_session_and_one_without_match_says_so() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let pair = Pair::open(&listener, V4);
    let rport = pair.client.local_addr().expect("it is connected").port();
    let lport = port(&listener);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener])]);
    seen.press(&format!("/{rport}\r"));
    seen.wait_for("the session", |s| {
        s.shows(&format!("filter: {rport}")) && s.row(lport, rport).is_some()
    });
    seen.press(&format!("/\x1b[Cand rport {lport}\r"));
    seen.wait_for("why nothing matches", |s| {
        s.shows("No session matches \"") && s.shows("(1 hidden). Backspace: undo.")
    });
    seen.wait_for("what would match", |s| {
        s.shows(&format!("Did you mean {rport} and port {lport}?"))
    });
    seen.press("\x7f");
    seen.wait_for("the session again", |s| s.row(lport, rport).is_some());
    seen.quit();
}

#[test]
fn help_scrolled_through_lists_every_key() {
    if !kernel_or_skip() {
        return;
    }
    let nothing = only(&[&listen(V4)]);
    let mut seen = Seen::dashboard(&["-L", &nothing]);
    seen.press("?");
    seen.wait_for("help", |s| {
        s.is_whole() && s.shows("HELP ") && !s.shows("Waiting for TCP")
    });
    seen.press("2");
    seen.wait_for("its chapter", |s| s.is_whole() && s.shows("HELP 2/"));
    let mut missing: Vec<(String, &str)> = KEYS
        .iter()
        .filter(|k| k.is_in(Mode::Table))
        .map(|k| (k.names(), k.help))
        .collect();
    let mut shown = Vec::new();
    for _ in 0..20 {
        // a key's description may take two lines, on two pages
        let lines = seen.lines();
        let title = lines.iter().position(|l| l.starts_with("HELP "));
        let page = title.expect("its title") + 1..lines.len() - 1;
        shown.extend(lines[page].iter().flat_map(|l| words(l)));
        let shown = shown.join(" ");
        missing.retain(|(names, help)| !shown.contains(&format!("{names} {help}")));
        if missing.is_empty() {
            break;
        }
        let page = |s: &Seen| s.lines()[2..].to_vec(); // the preceding lines change by themselves
        let before = page(&seen);
        seen.press("\x1b[6~"); // PgDn
        seen.wait_for("next page, whole", |s| s.is_whole() && page(s) != before);
    }
    assert!(missing.is_empty(), "{missing:?} are not in the help");
    seen.press("\x1b"); // Esc, alone
    seen.wait_for("table again", |s| s.heading().is_some());
    seen.press("\x1bOP"); // F1
    seen.wait_for("help again", |s| s.shows("HELP "));
    seen.press("q");
    seen.wait_for("table once more", |s| s.heading().is_some());
    seen.press("\x1b[21~"); // F10
    seen.ends("F10", 0);
}

#[test]
fn selection_when_sessions_are_added_stays_on_its_session() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener])]);
    let pairs: Vec<Pair> = (0..3).map(|_| Pair::open(&listener, V4)).collect();
    seen.wait_for("all of them", |s| s.rows().len() == pairs.len());
    let selected = |s: &Seen| {
        let (height, _) = s.terminal.screen().size();
        let reversed = |y| s.terminal.screen().cell(y, 0).is_some_and(|c| c.inverse());
        let heading = s.heading()? as u16;
        (heading + 1..height.get())
            .find(|&y| reversed(y))
            .and_then(|y| s.order().get(usize::from(y - heading - 1)).copied())
    };
    seen.wait_for("selection at the top", |s| {
        selected(s).is_some() && selected(s) == s.order().first().copied()
    });
    seen.press("j");
    seen.wait_for("selection one below", |s| {
        selected(s) == s.order().get(1).copied()
    });
    let mine = selected(&seen);
    let before = seen.order();
    session(&listener, V4, 1, 1);
    let newest = Pair::open(&listener, V4);
    seen.wait_for("two more", |s| s.rows().len() == before.len() + 2);
    assert_eq!(selected(&seen), mine, "{}", seen.picture());
    drop(newest);
    seen.quit();
}

#[test]
fn selection_when_its_session_closes_stays_on_its_line() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener])]);
    let mut pairs: Vec<Pair> = (0..3).map(|_| Pair::open(&listener, V4)).collect();
    seen.wait_for("all of them", |s| s.rows().len() == pairs.len());
    let line = |s: &Seen| {
        let heading = s.heading()? as u16;
        let (height, _) = s.terminal.screen().size();
        let reversed = |y| s.terminal.screen().cell(y, 0).is_some_and(|c| c.inverse());
        (heading + 1..height.get())
            .find(|&y| reversed(y))
            .map(|y| usize::from(y - heading - 1))
    };
    seen.press("j");
    seen.wait_for("the second line", |s| line(s) == Some(1));
    let mine = seen.order()[1];
    let at = pairs.iter().position(|p| p.client_port() == mine);
    pairs.remove(at.expect("one of them")).close();
    seen.wait_for("it below those that are open", |s| {
        s.order().len() == 3 && s.order()[2] == mine
    });
    assert_eq!(line(&seen), Some(1), "{}", seen.picture());
    seen.quit();
}

#[test]
fn table_local_connection_has_one_line_or_two() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let flag = |rport: u16| format!("{},{rport}", port(&listener));
    let mut pair = Pair::open(&listener, V4);
    pair.exchange(1500, 2500);
    let (lport, rport) = (port(&listener), pair.client_port());
    let mut seen = Seen::sized(pty::command(&brisk(&["-L", &flag(rport)])), 24, 120);
    let one_line = |s: &Seen| s.rows().len() == 1 && s.shows("⇄") && s.shows("1/1 all");
    seen.wait_for("one line, which counts once", |s| {
        one_line(s) && s.shows("open 1 ")
    });
    seen.press("l");
    seen.wait_for("both ends", |s| {
        let is_each = s.row(lport, rport).is_some() && s.row(rport, lport).is_some();
        is_each && !s.shows("⇄") && s.shows("open 2 ")
    });
    seen.press("l");
    seen.wait_for("one line again", one_line);
    // one that matches only one end shows that
    seen.press(&format!("/lport {lport}\r"));
    seen.wait_for("the server's end", |s| {
        let row = s.row(lport, rport);
        one_line(s) && row.is_some_and(|r| r.cell("RX") == "1.5k")
    });
    pair.close();
    seen.wait_for("its close", |s| one_line(s) && s.shows("closed 1 "));
    seen.quit();
}

/// Lines of a pane of top talkers: their words.
fn pane(seen: &Seen, title: &str) -> Vec<Vec<String>> {
    let lines: Vec<Vec<char>> = seen.lines().iter().map(|l| l.chars().collect()).collect();
    let title: Vec<char> = title.chars().collect();
    let starts = |line: &[char]| line.windows(title.len()).position(|w| w == title);
    let found = lines.iter().enumerate();
    let mut found = found.filter_map(|(y, line)| Some((y, starts(line)?)));
    let Some((y, x)) = found.next_back() else {
        return Vec::new();
    };
    // each pane ends with this column
    let heading = &lines[y];
    let last: Vec<char> = "%BYTES".chars().collect();
    let end = heading[x..].windows(last.len()).position(|w| w == last);
    let end = end.map_or(heading.len(), |at| x + at + last.len());
    let cells = |line: &Vec<char>| -> String {
        let to = end.min(line.len());
        line.get(x..to).unwrap_or_default().iter().collect()
    };
    let below = lines[y + 1..].iter().map(|line| words(&cells(line)));
    below.take_while(|words| words.len() > 3).collect()
}

/// A connection within the host, of known bytes, is one thing wherever it is counted.
#[test]
fn table_header_and_panes_agree_on_a_local_connection() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let Pair { mut client, server } = Pair::open(&listener, V4);
    let rport = client.local_addr().expect("it is connected").port();
    let flag = format!("{},{rport}", port(&listener));
    let mut seen = Seen::sized(pty::command(&brisk(&["-L", &flag])), 40, 600);
    seen.wait_for("the connection", |s| s.shows("⇄") || s.rows().len() == 1);
    let mut reader = Command::new("cat")
        .stdin(OwnedFd::from(server))
        .stdout(Stdio::null())
        .spawn()
        .expect("cat can be started");
    client
        .write_all(&vec![b'x'; 5_000_000])
        .expect("it is read");
    let is_once = |line: &[String]| {
        // what each end has sent and received differs
        let [.., sessions, bytes, _, _, _] = line else {
            return false;
        };
        (sessions.as_str(), bytes.as_str()) == ("1", "5.0M")
    };
    seen.wait_for("the same figures everywhere", |s| {
        let rows = s.rows();
        let [row] = &rows[..] else { return false };
        let panes = ["PROCESS (2", "PEER (1", "PORT (1"].map(|title| pane(s, title));
        let [processes, peers, ports] = &panes;
        let names = |lines: &[Vec<String>]| lines.iter().map(|l| l[0].clone()).collect::<Vec<_>>();
        row.cell("TX") == "5.0M"
            && s.shows("open 1 ")
            && s.shows("⇄cat")
            && processes.len() == 2
            && names(processes).contains(&"cat".to_owned())
            && names(peers) == ["127.0.0.1"]
            && names(ports) == [port(&listener).to_string()]
            && panes.iter().flatten().all(|line| is_once(line))
    });
    // each end by itself
    seen.press("l");
    seen.wait_for("twice of it", |s| {
        let ports = pane(s, "PORT (1");
        let ends = ports.first().map(|line| line[line.len() - 5..].join(" "));
        s.rows().len() == 2
            && ends.as_deref() == Some("2 10.0M 5.0M 5.0M 100%")
            && s.shows("open 2 ")
    });
    seen.press("l");
    drop(client);
    assert!(reader.wait().expect("it exits").success());
    seen.wait_for("its close", |s| s.shows("closed 1 ") && s.rows().len() == 1);
    seen.quit();
}

/// A session whose owner changes leaves `-p` without closing: it was not missed, and which did vanish is not known.
#[test]
fn session_that_leaves_the_pid_filter_is_not_missed() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let (me, port) = (std::process::id().to_string(), only(&[&listener]));
    for (flags, vanished) in [
        (&["-L", &port, "-p", &me][..], "vanished not known"),
        (&["-L", &port], "vanished 0"),
    ] {
        let mut seen = Seen::sized(pty::command(&brisk(flags)), 150, 120);
        seen.wait_for("the dashboard", |s| s.heading().is_some());
        // without it tcplife cannot tell which sessions have vanished
        let vanished = match seen.shows("no BPF map iterators") {
            true => "vanished not known",
            false => vanished,
        };
        let Pair { mut client, server } = Pair::open(&listener, V4);
        let is_mine = |s: &Seen| s.rows().iter().filter(|r| r.cell("PID") == me).count();
        seen.wait_for("the session", |s| is_mine(s) == 1);
        // whoever reads from an accepted session is its owner
        let reader = Command::new("head")
            .args(["-c", "1"])
            .stdin(OwnedFd::from(server.try_clone().expect("dup")))
            .stdout(Stdio::null())
            .spawn();
        client.write_all(b"x").expect("it is connected");
        let status = reader.expect("head can be started").wait();
        assert!(status.expect("it exits").success());
        seen.wait_for("another owner", |s| is_mine(s) == 0);
        assert!(!seen.shows("missed"), "{}", seen.picture());
        // the causes are at the end of the help
        // the last chapter is the one before the first
        seen.press("?\x1b[Z");
        seen.wait_for(vanished, |s| s.shows(vanished));
        seen.press("?");
        seen.quit();
    }
}

#[test]
fn screen_resized_to_any_size_is_redrawn_completely() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener])]);
    let pairs: Vec<Pair> = (0..3).map(|_| Pair::open(&listener, V4)).collect();
    let ports: Vec<u16> = pairs.iter().map(Pair::client_port).collect();
    seen.wait_for("all sessions", |s| s.rows().len() == 3);
    for (rows, cols) in [(10, 40), (1, 1), (2, 200), (50, 200), (5, 20), (24, 80)] {
        let drawn = seen.pty.written.len();
        seen.terminal
            .screen_mut()
            .set_size(length(rows), length(cols));
        seen.pty
            .master
            .resize(pty::size(rows, cols))
            .expect("the terminal is there");
        // a frame of the new size clears the screen first
        seen.wait_for("frame of the new size", |s| {
            String::from_utf8_lossy(&s.pty.written[drawn..]).contains("\x1b[2J")
        });
        if rows < 10 || cols < 40 {
            continue;
        }
        seen.wait_for("whole table", |s| {
            let lines = s.lines();
            s.heading().is_some()
                && lines[0].starts_with("open ")
                && lines[rows as usize - 1].contains("quit")
                && ports
                    .iter()
                    .all(|p| s.picture().matches(&p.to_string()).count() >= 1)
        });
        // what is on the screen is what would be drawn on an empty one
        let still = |s: &Seen| -> Vec<String> {
            let from = s.heading().expect("headings");
            // the notice of a key ends with the next one
            s.lines()[from..rows as usize - 1]
                .iter()
                .map(|l| words(l).join(" "))
                .collect()
        };
        seen.press(" ");
        seen.wait_for("freeze", |s| s.shows("PAUSED"));
        let (before, drawn) = (still(&seen), seen.pty.written.len());
        seen.press("\x0c"); // ^L
        seen.wait_for("the same picture", |s| {
            String::from_utf8_lossy(&s.pty.written[drawn..]).contains("\x1b[2J")
                && s.heading().is_some()
                && still(s) == before
        });
        seen.press(" ");
        seen.wait_for("the end of the freeze", |s| !s.shows("PAUSED"));
    }
    seen.quit();
}
