//! Self traffic.

use super::*;
use crate::host::session_env::{SessionEnv, SshConnection};
use crate::ui::layout::panes::Subject;

/// A dashboard used over the ssh session from 192.0.2.77.
pub fn over_ssh(size: Size) -> App {
    let end = |text: &str| text.parse().expect("an address and a port");
    begun(unused(100, size).within(SessionEnv {
        pid: 4711,
        ssh: vec![SshConnection {
            client: end("192.0.2.77:50003"),
            server: end("10.0.0.5:443"),
        }],
        ..SessionEnv::default()
    }))
}

fn peers(app: &mut App) -> Vec<String> {
    settle(app);
    let rows = app.panes().pane(Subject::Peers).rows(app.panes().talkers());
    let names = rows.filter_map(|r| r.key.map(|k| k.to_string()));
    names.collect()
}

#[test]
fn self_traffic_is_toggled_by_a_key() {
    let mut app = over_ssh(LARGE);
    let before = peers(&mut app);
    assert_eq!((app.row_count(), app.store().open_count()), (8, 3));
    assert!(!before.contains(&"192.0.2.77".to_owned()));
    press(&mut app, "H");
    assert_eq!(app.row_count(), 9);
    assert!(screen(&app, LARGE).contains("self traffic: 1 shown"));
    assert!(peers(&mut app).contains(&"192.0.2.77".to_owned()));
    press(&mut app, "H");
    assert_eq!((app.row_count(), peers(&mut app)), (8, before));
    // a filter that matches it does not show it either
    press(&mut app, "/");
    type_text(&mut app, "raddr 192.0.2.77");
    press(&mut app, "Enter");
    assert_eq!(app.row_count(), 0);
    assert!(screen(&app, LARGE).contains("self traffic: 1 hidden"));
}

#[test]
fn self_traffic_count_excludes_evicted_sessions() {
    let mut app = over_ssh(SIZE);
    let ended = Session {
        start_ns: S,
        ..ended(
            open(3, "sshd-session", "192.0.2.77", 9_876_543),
            Reason::RemoteFin,
        )
    };
    let many = (0..150).map(|c| Session {
        cookie: 100 + c,
        ..closed(9, "curl", "10.0.0.1", Reason::LocalFin)
    });
    app.batch(batch_at(11, vec![], vec![ended]));
    assert!(screen(&app, SIZE).contains("self traffic: 1 hidden"));
    app.batch(batch_at(12, vec![], many.collect()));
    assert!(
        !screen(&app, SIZE).contains("own"),
        "{}",
        screen(&app, SIZE)
    );
    assert_eq!(app.store().totals().closed, 157, "totals count everything");
}

#[test]
fn self_traffic_key_without_ssh_session_shows_a_notice() {
    let mut app = app(SIZE);
    press(&mut app, "H");
    assert!(screen(&app, SIZE).contains("H shows self traffic; nothing is hidden: no ssh session"));
    assert_eq!(app.row_count(), 9);
}

/// Self traffic is left out of the sums of all sessions, before the baseline and since.
#[test]
fn self_traffic_is_excluded_before_and_after_the_baseline() {
    let mut app = over_ssh(SIZE);
    press(&mut app, "m");
    let more = Session {
        age: Age::LowerBound,
        srtt_us: 900_000,
        ..open(3, "sshd-session", "192.0.2.77", 19_876_543)
    };
    app.batch(batch_at(20, vec![more], vec![]));
    press(&mut app, "m");
    let shown = screen(&app, SIZE);
    assert!(!shown.contains("192.0.2.77"), "{shown}");
    assert!(shown.contains("all but self traffic"), "{shown}");
    let since = shown.lines().find(|l| l.contains("since 10s"));
    let figures: Vec<&str> = since
        .expect("the figures since the baseline")
        .split_whitespace()
        .collect();
    assert_eq!(figures[2..7], ["0", "0", "0", "-", "-"], "{shown}");
}
