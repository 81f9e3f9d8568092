//! The listeners screen: its lines, their order, the search, and the sessions of a line.

use std::sync::Arc;

use super::*;
use crate::filter::Filter;
use crate::model::batch::HostSnapshot;
use crate::model::interface::Interface;
use crate::model::listener::Listener;
use crate::testing::sample::listener;

/// Listeners of a web server whose database has stopped accepting, at a second of the run.
fn listeners(second: u64) -> Vec<Listener> {
    let at = |cookie, addr: &str, port, pid, comm: &str| Listener {
        cookie,
        addr: addr.parse().expect("an address"),
        port,
        pid,
        comm: Comm::from(comm),
        ..listener()
    };
    let member = |cookie| Listener {
        group_size: 2,
        established: 100 * second * cookie,
        ..at(cookie, "10.0.0.5", 443, 812, "nginx")
    };
    vec![
        member(1),
        member(2),
        Listener {
            queue: 129,
            queue_limit: 128,
            drops: 40 * second,
            half_open: 3,
            waiting_since_ns: Some(2 * S),
            ..at(3, "::", 5432, 77, "postgres")
        },
        Listener {
            queue: 2,
            queue_limit: 4096,
            waiting_since_ns: Some(second * S - 3_000_000),
            ..at(4, "127.0.0.1", 6379, 90, "redis-server")
        },
        Listener {
            interface: Interface::new("eth1"),
            ..at(5, "0.0.0.0", 22, 1, "sshd")
        },
        Listener {
            v6_only: true,
            netns: 4_026_532_177,
            ..at(6, "::", 8080, 0, "")
        },
    ]
}

fn at(second: u64) -> Batch {
    let session = |cookie, lport: u16| Session {
        lport,
        ..open(cookie, "nginx", "198.51.100.7", 1000)
    };
    let local = Session {
        lport: 443,
        laddr: "10.9.9.9".parse().expect("an address"),
        ..open(15, "nginx", "198.51.100.7", 1000)
    };
    let open = vec![session(11, 443), session(12, 443), session(13, 5432), local];
    Batch {
        host: Some(Arc::new(HostSnapshot {
            taken_ns: second * S,
            listeners: listeners(second),
            ..HostSnapshot::default()
        })),
        ..batch_at(second, open, vec![])
    }
}

/// A dashboard that has run for 9 s, with this screen.
pub fn listening(size: Size) -> App {
    let mut app = unused(100, size);
    app.batch(at(9));
    app.batch(at(10));
    press(&mut app, "L");
    app
}

/// The first words of the lines.
fn addresses(app: &App) -> Vec<String> {
    let shown = screen(app, SIZE);
    let lines = shown.lines().map(|l| l.trim_matches('"'));
    let lines = lines.skip_while(|l| !l.starts_with("ADDRESS")).skip(1);
    let lines = lines.take_while(|l| !l.trim().is_empty());
    let first = |l: &str| l.split_whitespace().next().map(str::to_owned);
    lines.filter_map(first).collect()
}

#[test]
fn listeners_have_the_fullest_queue_on_top_and_their_rates() {
    let app = listening(SIZE);
    assert_eq!(
        addresses(&app),
        [
            "*:5432",
            "127.0.0.1:6379",
            "0.0.0.0%eth1:22",
            "10.0.0.5:443",
            "10.0.0.5:443",
            "[::]:8080"
        ]
    );
    let low = Size::new(80, 11);
    let mut scrolled = listening(low);
    let last = |app: &App| line(app, low, 9);
    assert!(
        last(&scrolled).ends_with("▼ 1 more\""),
        "{}",
        last(&scrolled)
    );
    press(&mut scrolled, "G");
    assert!(
        last(&scrolled).ends_with("▲ 1 more\""),
        "{}",
        last(&scrolled)
    );
    let shown = screen(&app, SIZE);
    assert!(!shown.contains(" more"), "{shown}");
    let line = |start: &str| {
        let mut lines = shown.lines().map(|l| l.trim_matches('"'));
        lines
            .find(|l| l.starts_with(start))
            .expect(start)
            .to_owned()
    };
    let words = |start| -> Vec<String> {
        let line = line(start);
        line.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(
        words("*:5432"),
        [
            "*:5432", "postgres", "77", "1", "-", "129/128", "8.00s", "3", "40", "-"
        ]
    );
    assert_eq!(
        words("10.0.0.5:443"),
        [
            "10.0.0.5:443",
            "nginx",
            "812",
            "2",
            "100",
            "0/511",
            "-",
            "-",
            "-",
            "2"
        ],
        "the sessions of the group, but the connections of the socket"
    );
    assert!(line("*:5432: accept queue full").contains("129 wait"));
    assert!(
        line("6 listeners: 300 new/s")
            .contains("131 connections waiting, 40 dropped/s; 1 queue full")
    );
}

#[test]
fn listeners_are_sorted_by_keys_and_by_a_click_on_a_heading() {
    let mut app = listening(SIZE);
    press(&mut app, "I");
    assert_eq!(addresses(&app).last().map(String::as_str), Some("*:5432"));
    // by age, by address and back
    press(&mut app, "s");
    assert_eq!(addresses(&app)[0], "*:5432");
    let mut seen = Vec::new();
    for _ in 0..4 {
        press(&mut app, "<");
        seen.push(addresses(&app)[0].clone());
    }
    assert_eq!(
        seen,
        ["*:5432", "10.0.0.5:443", "10.0.0.5:443", "10.0.0.5:443"],
        "the queue, connections per second, open sessions, process ids"
    );
    for (times, first) in [(1, "0.0.0.0%eth1:22"), (2, "[::]:8080")] {
        let mut app = listening(SIZE);
        for _ in 0..times {
            mouse::click_on(&mut app, SIZE, "ADDRESS", 3);
        }
        assert_eq!(addresses(&app)[0], first, "by port");
    }
}

#[test]
fn listeners_search_leaves_lines_with_the_text_until_it_is_left() {
    let mut app = listening(SIZE);
    press(&mut app, "/");
    type_text(&mut app, "NGIN");
    assert_eq!(addresses(&app), ["10.0.0.5:443"; 2]);
    assert!(screen(&app, SIZE).contains("2 of 6 lines"));
    press(&mut app, "Esc");
    assert_eq!(addresses(&app).len(), 6, "as before");
    press(&mut app, "/");
    type_text(&mut app, "redis");
    press(&mut app, "Enter");
    assert_eq!(app.layers.mode(), Mode::Listeners);
    assert_eq!(addresses(&app), ["127.0.0.1:6379"]);
    press(&mut app, "Esc");
    assert_eq!(
        (addresses(&app).len(), app.layers.mode()),
        (6, Mode::Listeners)
    );
    press(&mut app, "Esc");
    assert_eq!(app.layers.mode(), Mode::Table);
}

#[test]
fn listeners_enter_shows_exactly_the_sessions_of_the_line() {
    let mut app = listening(SIZE);
    press(&mut app, "/");
    type_text(&mut app, "nginx");
    press(&mut app, "Enter Enter");
    settle(&mut app);
    assert_eq!(app.layers.mode(), Mode::Table);
    assert_eq!(app.row_count(), 2, "{}", screen(&app, SIZE));
    assert!(screen(&app, SIZE).contains("filter: lport 443 and laddr"));
    // its key leads back to it, with what was shown there
    press_and_settle(&mut app, "L");
    assert!(app.view_filter.filter.is_everything());
    press_and_settle(&mut app, "Esc g Enter");
    assert_eq!(app.row_count(), 1);
    press_and_settle(&mut app, "Backspace");
    assert!(app.view_filter.filter.is_everything());
}

#[test]
fn listeners_every_filter_is_valid() {
    let mut app = listening(SIZE);
    for _ in 0..6 {
        let Some(crate::ui::state::screens::Screen::Table(shown)) = app.layers.screen() else {
            panic!("another screen");
        };
        let filter = shown.sessions().expect("a filter");
        Filter::parse(&filter).unwrap_or_else(|e| panic!("{filter}: {e}"));
        press(&mut app, "j");
    }
}

#[test]
fn listeners_stay_as_they_are_while_paused() {
    let mut app = listening(SIZE);
    press(&mut app, "j Space");
    let before = addresses(&app);
    let mut later = at(20);
    if let Some(host) = &mut later.host {
        Arc::make_mut(host).listeners.remove(2);
    }
    app.batch(later);
    // the newest snapshot counts, whatever came since
    app.batch(Batch {
        taken_ns: 21 * S,
        ..Batch::default()
    });
    assert_eq!(addresses(&app), before);
    press(&mut app, "Space");
    assert_eq!(addresses(&app).len(), 5);
    assert!(
        selected_line(&app).contains("127.0.0.1:6379"),
        "the line that was selected"
    );
}

#[test]
fn listeners_where_the_kernel_tells_none_say_so() {
    let mut app = unused(100, SIZE);
    app.batch(batch_at(1, vec![], vec![]));
    press(&mut app, "L");
    assert!(screen(&app, SIZE).contains("Reading the listening sockets"));
    let host = HostSnapshot {
        taken_ns: 2 * S,
        lacks_listeners: true,
        ..HostSnapshot::default()
    };
    app.batch(Batch {
        host: Some(host.into()),
        ..batch_at(2, vec![], vec![])
    });
    assert!(screen(&app, SIZE).contains("Linux 5.13"));
}
