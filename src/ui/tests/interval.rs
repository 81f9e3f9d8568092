//! The refresh interval.

use std::time::Duration;

use super::*;

#[test]
fn keys_change_the_interval_and_the_second_line_says_so() {
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
        assert!(line(&app, SIZE, 1).contains(said), "{keys}: {said}");
    }
    // also with the display paused, and in a detail
    press(&mut app, "Space +");
    assert!(screen(&app, SIZE).contains("every 500ms"));
    press(&mut app, "Enter +");
    assert!(screen(&app, SIZE).contains("every 1s"));
}

#[test]
fn an_interval_that_was_asked_for_is_said() {
    let app = app(SIZE).with_interval(Duration::from_millis(250));
    assert!(screen(&app, SIZE).contains("every 250ms"));
}
