//! The capture filter, which drops what it does not accept.

use super::*;

#[test]
fn capture_filter_applies_only_when_accepted() {
    let mut app = app(SIZE);
    press(&mut app, "C");
    type_text(&mut app, "lport 443 and tx > 10kB");
    assert_eq!(app.row_count(), 9);
    let kernel = CaptureFilter {
        lports: "443".parse().ok(),
        ..CaptureFilter::default()
    };
    assert_eq!(press(&mut app, "Enter"), Some(Effect::Capture(kernel)));
    assert!(screen(&app, SIZE).contains("capture: lport 443 and tx > 10kB [kernel: "));
    // sessions outside the capture filter are not ingested any more
    app.batch(Batch {
        taken_ns: 12 * S,
        ..sessions()
    });
    let tx = column(&app, "TX");
    assert_eq!(app.store().open_count(), 3);
    assert_eq!(
        tx.len(),
        3 + 6 + 2,
        "two of the six closed ones sent more than that"
    );
}

#[test]
fn capture_kernel_part_is_shown_only_if_it_differs() {
    for (filter, said) in [
        ("port 443", "capture: port 443 "),
        ("port 443 or curl", "capture: port 443 or curl "),
        ("ip 4 and curl", "capture: ip 4 and curl [kernel: IPv4]"),
    ] {
        let mut app = app(SIZE);
        press(&mut app, "C");
        type_text(&mut app, filter);
        press(&mut app, "Enter");
        let shown = screen(&app, SIZE);
        let line = shown.lines().nth(1).unwrap_or_default();
        assert!(line.contains(said), "{line}");
        assert_eq!(line.contains("[kernel"), said.contains("[kernel"), "{line}");
    }
}

#[test]
fn capture_narrowed_drops_open_sessions_outside_it() {
    let mut app = app(SIZE);
    press(&mut app, "o C");
    assert_eq!(app.row_count(), 3);
    type_text(&mut app, "tx > 1MB");
    press(&mut app, "Enter");
    assert_eq!(app.row_count(), 2);
    // the kernel reports no changes, and that the one that was dropped is gone
    let kept: Vec<u64> = app.store().open().map(|(_, s)| s.cookie).collect();
    let found = OpenSnapshot {
        gone: [1, 2, 3]
            .into_iter()
            .filter(|c| !kept.contains(c))
            .collect(),
        ..OpenSnapshot::default()
    };
    for second in [12, 13] {
        app.batch(Batch {
            taken_ns: second * S,
            open: Some(found.clone()),
            ..Batch::default()
        });
        assert_eq!((app.row_count(), app.store().open_count()), (2, 2));
    }
}

#[test]
fn capture_widened_does_not_count_sessions_twice() {
    let mut app = app(SIZE);
    let sums = |app: &App| {
        let ports = app.panes().pane(crate::ui::layout::panes::Subject::Ports);
        let rows = ports.rows(app.panes().talkers());
        let mut sums: Vec<_> = rows
            .map(|r| (r.talker.open, r.talker.sessions, r.talker.bytes))
            .collect();
        sums.sort_unstable();
        sums
    };
    let before = sums(&app);
    for filter in ["rport 1", ""] {
        press(&mut app, "C ^U");
        type_text(&mut app, filter);
        press(&mut app, "Enter");
    }
    assert_ne!(sums(&app), before, "none is open");
    app.batch(Batch {
        taken_ns: 12 * S,
        closed: vec![],
        ..sessions()
    });
    assert_eq!(sums(&app), before);
}

#[test]
fn capture_filter_set_at_start_is_shown() {
    let capture = CaptureFilter {
        lports: "22,80".parse().ok(),
        ..CaptureFilter::default()
    };
    let app = App::new("web-3".into(), capture, 2, SIZE);
    assert!(screen(&app, SIZE).contains("capture: lport 22,80"));
}
