//! What the dashboard itself causes.

use super::*;
use crate::ui::surroundings::{SshConnection, Surroundings};
use crate::ui::talkers::Subject;

/// Used over the ssh session from 192.0.2.77.
pub(super) fn over_ssh(size: Size) -> App {
    let end = |text: &str| text.parse().expect("an address and a port");
    let app = App::new("web-3".into(), Capture::default(), 100, size);
    let mut app = app.within(Surroundings {
        pid: 4711,
        ssh: vec![SshConnection {
            client: end("192.0.2.77:50003"),
            server: end("10.0.0.5:443"),
        }],
        ..Surroundings::default()
    });
    app.batch(Batch {
        taken_ns: S,
        open: Some(vec![]),
        ..Batch::default()
    });
    app.batch(sessions());
    app
}

fn peers(app: &mut App) -> Vec<String> {
    while app.is_working() {
        app.work();
    }
    let rows = app.panes().pane(Subject::Peers).rows(app.panes().talkers());
    let names = rows.filter_map(|r| r.key.map(|k| k.to_string()));
    names.collect()
}

#[test]
fn a_key_shows_it_and_hides_it_again() {
    let size = Size {
        width: 120,
        height: 40,
    };
    let mut app = over_ssh(size);
    let before = peers(&mut app);
    assert_eq!((app.row_count(), app.store().open_count()), (8, 3));
    assert!(!before.contains(&"192.0.2.77".to_owned()));
    press(&mut app, "H");
    assert_eq!(app.row_count(), 9);
    assert!(screen(&app, size).contains("own 1 shown"));
    assert!(peers(&mut app).contains(&"192.0.2.77".to_owned()));
    press(&mut app, "H");
    assert_eq!((app.row_count(), peers(&mut app)), (8, before));
    // a filter that means it does not show it either
    press(&mut app, "/");
    type_text(&mut app, "raddr 192.0.2.77");
    press(&mut app, "Enter");
    assert_eq!(app.row_count(), 0);
    assert!(screen(&app, size).contains("own 1 hidden"));
}

#[test]
fn it_is_counted_until_it_is_let_go() {
    let mut app = over_ssh(SIZE);
    let ended = Session {
        state: State::Closed,
        reason: Reason::RemoteFin,
        start_ns: S,
        ..open(3, "sshd-session", "192.0.2.77", 9_876_543)
    };
    let many = (0..150).map(|c| Session {
        cookie: 100 + c,
        ..closed(9, "curl", "10.0.0.1", Reason::LocalFin)
    });
    app.batch(Batch {
        taken_ns: 11 * S,
        open: Some(vec![]),
        closed: vec![ended],
        ..Batch::default()
    });
    assert!(screen(&app, SIZE).contains("own 1 hidden"));
    app.batch(Batch {
        taken_ns: 12 * S,
        open: Some(vec![]),
        closed: many.collect(),
        ..Batch::default()
    });
    assert!(
        !screen(&app, SIZE).contains("own"),
        "{}",
        screen(&app, SIZE)
    );
    assert_eq!(
        app.store().totals().finished,
        157,
        "totals count everything"
    );
}

#[test]
fn without_an_ssh_session_there_is_nothing_to_show() {
    let mut app = app(SIZE);
    press(&mut app, "H");
    assert!(screen(&app, SIZE).contains("nothing is hidden"));
    assert_eq!(app.row_count(), 9);
}

/// What is asked for: the sums of all sessions are without it, before the mark and since.
#[test]
fn it_is_neither_before_the_mark_nor_since() {
    let mut app = over_ssh(SIZE);
    press(&mut app, "m");
    let more = |tx_bytes, taken_ns| Batch {
        taken_ns,
        open: Some(vec![Session {
            age_is_lower_bound: true,
            srtt_us: 900_000,
            ..open(3, "sshd-session", "192.0.2.77", tx_bytes)
        }]),
        ..Batch::default()
    };
    app.batch(more(19_876_543, 20 * S));
    press(&mut app, "m");
    let shown = screen(&app, SIZE);
    assert!(!shown.contains("192.0.2.77"), "{shown}");
    assert!(shown.contains("of all but our own"), "{shown}");
    let since = shown.lines().find(|l| l.contains("since 10s"));
    let figures: Vec<&str> = since
        .expect("the figures since the mark")
        .split_whitespace()
        .collect();
    assert_eq!(figures[2..7], ["0", "0", "0", "-", "-"], "{shown}");
}
