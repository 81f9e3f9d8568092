//! The ports screen.

use super::*;
use crate::model::port_use::{PortRange, PortUse};

/// An outgoing session.
fn outgoing(lport: u16, raddr: &str) -> Session {
    Session {
        lport,
        rport: 5432,
        direction: Direction::Out,
        owner: Evidence::Connect,
        ..open(100 + u64::from(lport) % 1000, "web", raddr, 1000)
    }
}

/// The same, closed by us first.
fn left(lport: u16, raddr: &str) -> Session {
    Session {
        state_before_close: State::FinWait2,
        start_ns: 8 * S,
        end_ns: 9 * S,
        ..ended(outgoing(lport, raddr), Reason::LocalFin)
    }
}

/// A client that has used up its ports towards a database, and another one that has not.
pub fn exhausted(size: Size) -> App {
    const DATABASE: &str = "10.0.0.9";
    let mut app = unused(1000, size);
    let range = PortRange::parse("40000 40049", "").expect("a range");
    app.ports = PortUse::new(sample().netns, range);
    app.batch(batch_at(1, vec![], vec![]));
    let mut used: Vec<Session> = (40_000..40_020).map(|p| outgoing(p, DATABASE)).collect();
    used.push(outgoing(40_020, "203.0.113.80"));
    used.push(Session {
        netns: 7,
        ..outgoing(40_021, "2001:db8::99")
    });
    let mut closed: Vec<Session> = (40_020..40_050).map(|p| left(p, DATABASE)).collect();
    closed.extend((1..=20).map(|i| Session {
        cookie: i,
        lport: 0,
        end_ns: 9 * S,
        ..ended(outgoing(0, DATABASE), Reason::NoPort)
    }));
    app.batch(batch_at(10, used, closed));
    assert_eq!(press(&mut app, "P"), None);
    app.time_wait(Some(31));
    app
}

#[test]
fn ports_that_are_used_up_are_on_top_with_what_took_them() {
    let app = exhausted(SIZE);
    let shown = screen(&app, SIZE);
    let line = |with: &str| {
        let mut lines = shown.lines().skip_while(|l| !l.contains("T-WAIT"));
        let line = lines.find(|l| l.contains(with)).expect(with);
        line.trim_matches('"')
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let cells = line("10.0.0.9:5432 ");
    assert_eq!(cells[2..7], ["20", "30", "0", "█████", "100%"], "{shown}");
    assert_eq!(cells[8], "2.2", "{shown}");
    let first = shown.lines().position(|l| l.contains("10.0.0.9:5432 "));
    let second = shown.lines().position(|l| l.contains("203.0.113.80:5432"));
    assert!(first < second, "{shown}");
    assert!(
        shown.contains("no port left for 2.2 connects/s; most are in TIME_WAIT"),
        "{shown}"
    );
    assert!(
        shown.contains("range 40000-40049: 22 ports used, 30 in TIME_WAIT (kernel: 31)"),
        "{shown}"
    );
    // the range of another namespace is not known
    assert!(
        line("[2001:db8::99]:5432").contains(&"~28231".into()),
        "{shown}"
    );
    let other = line("[2001:db8::99]:5432");
    assert!(other.contains(&"~0%".into()), "{shown}");
    assert!(!other.concat().contains('█'), "{shown}");
}

#[test]
fn ports_enter_shows_the_sessions_of_the_line() {
    let mut app = exhausted(SIZE);
    press_and_settle(&mut app, "Enter");
    assert_eq!(app.layers.mode(), Mode::Table);
    let filter = "direction out and raddr 10.0.0.9 and rport 5432 and laddr 10.0.0.5";
    assert!(app.view_filter.filter.source().starts_with(filter));
    // open ones, those that we closed first, and the attempts
    assert_eq!(app.rows.len(), 70);
}
