//! The refresh interval.

use std::time::Duration;

use super::*;

#[test]
fn interval_changed_by_keys_is_shown_for_some_seconds() {
    let mut app = app(SIZE);
    assert!(!screen(&app, SIZE).contains("every"));
    for (keys, seconds, said) in [
        ("+", 2.0, "every 2s"),
        ("= =", 10.0, "every 10s"),
        ("- - -", 1.0, "every 1s"),
        ("- -", 0.2, "every 200ms"),
    ] {
        let interval = Duration::from_secs_f64(seconds);
        assert_eq!(press(&mut app, keys), Some(Effect::Interval(interval)));
        assert!(screen(&app, SIZE).contains(&format!("refreshed {said}")));
    }
    // also with the display paused, and in a detail
    press(&mut app, "Space +");
    assert!(screen(&app, SIZE).contains("every 500ms"));
    press(&mut app, "Enter +");
    assert!(screen(&app, SIZE).contains("every 1s"));
}

#[test]
fn interval_set_at_start_is_shown() {
    let app = app(SIZE).with_interval(Duration::from_millis(250));
    assert!(screen(&app, SIZE).contains("every 250ms"));
}

#[test]
fn interval_stretched_by_the_cost_of_snapshots_is_shown() {
    let mut app = app(SIZE);
    let mut header = |stretched| {
        app.batch(Batch {
            taken_ns: 11 * S,
            open: Some(OpenSnapshot {
                stretched,
                ..OpenSnapshot::default()
            }),
            ..Batch::default()
        });
        let screen = screen(&app, SIZE);
        screen.lines().nth(1).unwrap_or_default().to_owned()
    };
    assert!(!header(None).contains("every"));
    let stretched = header(Some(Duration::from_secs(4)));
    assert!(stretched.contains("figures every 4s"), "{stretched}");
    assert!(!header(None).contains("every"), "it is cheaper again");
}
