//! Following the newest session.

use super::*;

/// Sets the second in which a session was opened.
fn at(second: u64, session: Session) -> Session {
    Session {
        start_ns: second * S,
        end_ns: 60 * S,
        ..session
    }
}

fn second_line(app: &App) -> String {
    line(app, SIZE, 1)
}

fn dashboard() -> App {
    let mut app = unused(100, SIZE);
    app.batch(batch_at(
        20,
        vec![at(3, open(1, "third", "10.0.0.1", 500))],
        vec![
            at(4, closed(2, "newest", "10.0.0.1", Reason::LocalFin)),
            at(1, closed(3, "first", "10.0.0.1", Reason::LocalFin)),
            at(2, closed(4, "second", "fe80::1", Reason::LocalFin)),
        ],
    ));
    app
}

#[test]
fn follow_keeps_the_newest_session_on_top_and_selected() {
    let mut app = dashboard();
    press(&mut app, "j j F");
    assert_eq!(
        column(&app, "COMM"),
        ["newest", "third", "second", "first"],
        "open or closed"
    );
    assert!(second_line(&app).contains("following the newest"));
    app.batch(batch_at(
        30,
        vec![
            at(21, open(5, "newer", "10.0.0.1", 1)),
            at(3, open(1, "third", "10.0.0.1", 9_000_000)),
        ],
        vec![],
    ));
    assert!(selected_line(&app).contains("newer"));
    // a session filtered out is not followed
    press(&mut app, "6");
    assert_eq!(column(&app, "COMM"), ["second"]);
    press(&mut app, "6");
    // moving to another session stops following; F follows again
    press(&mut app, "j");
    assert!(selected_line(&app).contains("newest"));
    assert!(second_line(&app).contains("sort: age ↑"));
    press(&mut app, "F");
    assert!(selected_line(&app).contains("newer"));
    assert!(second_line(&app).contains("following the newest"));
}

#[test]
fn follow_switched_off_restores_the_previous_order() {
    let mut app = dashboard();
    press(&mut app, "< <");
    let before = column(&app, "COMM");
    assert!(second_line(&app).contains("sort: tx ↓"));
    press(&mut app, "F F");
    assert!(second_line(&app).contains("sort: tx ↓"));
    assert_eq!(column(&app, "COMM"), before);
    press(&mut app, "F >");
    assert!(
        second_line(&app).contains("sort: rx ↓"),
        "the column next to the one before"
    );
    press(&mut app, "S F I");
    assert!(second_line(&app).contains("sort: tx ↑"));
    press(&mut app, "F g F");
    assert!(
        second_line(&app).contains("sort: tx ↑"),
        "g alone does not end it"
    );
}
