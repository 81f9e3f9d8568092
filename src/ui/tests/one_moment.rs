//! All that a frame shows is of one moment: that of the last snapshot, or of a pause.

use super::*;
use crate::ui::tests::every_screen::SIZES;
use crate::ui::tests::press_and_settle;

/// Keys that open each screen, and some that change nothing on it.
const SCREENS: [&str; 7] = [
    "j k",
    "Tab j k",
    "Tab Tab a j k",
    "Enter j k",
    "d Tab",
    "f j k",
    "m m j k",
];

/// A dashboard that keeps five closed sessions, of more.
fn few_kept(size: Size) -> App {
    begun(unused(5, size))
}

/// Batches since the last snapshot: sessions that are shown as open close, and more close than are kept.
fn between() -> Vec<Batch> {
    let closed_ones = (20..60).map(|c| Session {
        start_ns: 10 * S,
        end_ns: 10 * S + c,
        tx_bytes: 1_000_000,
        ..closed(c, "new", "10.9.9.9", Reason::Refused)
    });
    let mut closed: Vec<Session> = closed_ones.collect();
    closed.insert(30, ended(busiest(), Reason::RemoteReset));
    let batch = |(i, some): (usize, &[Session])| Batch {
        taken_ns: 10 * S + 1 + i as u64,
        closed: some.to_vec(),
        ..Batch::default()
    };
    closed.chunks(7).enumerate().map(batch).collect()
}

/// The open sessions of [`sessions`] that stay open.
fn still_open() -> Vec<Session> {
    let open = sessions().open.map(|open| open.changed).unwrap_or_default();
    open.into_iter()
        .filter(|s| s.id() != busiest().id())
        .collect()
}

/// Figures of the header, the table, the charts and the panes that must agree at any moment.
fn assert_agreement(app: &App) {
    let totals = app.store().totals();
    let kept = app.store().closed_numbers();
    assert_eq!(kept.end, totals.closed);
    let shown = app.store().open_count() + (kept.end - kept.start) as usize;
    assert_eq!(app.row_count(), shown);
    let pane = app
        .panes()
        .pane(crate::ui::layout::panes::Subject::Processes);
    let open: u64 = pane
        .rows(app.panes().talkers())
        .map(|r| r.talker.open)
        .sum();
    let sessions: u64 = pane
        .rows(app.panes().talkers())
        .map(|r| r.talker.sessions)
        .sum();
    assert_eq!(open, app.store().open_count() as u64);
    assert_eq!(sessions, totals.closed + open);
}

#[test]
fn frame_after_a_key_between_two_snapshots_is_of_the_last_one() {
    for (width, height) in SIZES {
        let size = Size { width, height };
        for script in SCREENS {
            for pause in ["", "Space "] {
                let mut app = few_kept(size);
                let mut other = few_kept(size);
                if !pause.is_empty() {
                    press_and_settle(&mut app, "Space");
                    press_and_settle(&mut other, "Space");
                }
                for batch in between() {
                    app.batch(batch);
                }
                press_and_settle(&mut app, script);
                press_and_settle(&mut other, script);
                // the second line says how many wait during a pause
                let said = |app: &App| -> Vec<String> {
                    let screen = screen(app, size);
                    let lines = screen.lines().enumerate();
                    let rest = lines.filter(|(y, _)| pause.is_empty() || *y != 1);
                    rest.map(|(_, line)| line.to_owned()).collect()
                };
                assert_eq!(said(&app), said(&other), "{pause}{script}");
                // also on a screen that was open before
                for batch in between() {
                    app.batch(batch);
                }
                press_and_settle(&mut app, "?");
                press_and_settle(&mut other, "?");
                press_and_settle(&mut app, "Esc");
                press_and_settle(&mut other, "Esc");
                assert_eq!(said(&app), said(&other), "{pause}{script}");
            }
        }
    }
}

#[test]
fn snapshot_and_end_of_a_pause_move_everything_on_at_once() {
    for pause in [false, true] {
        let mut app = few_kept(LARGE);
        assert_agreement(&app);
        if pause {
            press(&mut app, "Space");
        }
        between().into_iter().for_each(|batch| {
            app.batch(batch);
        });
        assert_agreement(&app);
        assert_eq!(app.store().totals().closed, 6);
        match pause {
            true => press_and_settle(&mut app, "Space"),
            false => {
                app.batch(batch_at(11, still_open(), vec![]));
            }
        }
        assert_eq!(app.store().totals().closed, 6 + 41, "{pause}");
        assert_agreement(&app);
        app.batch(batch_at(12, still_open(), vec![]));
        assert_agreement(&app);
    }
}

#[test]
fn more_sessions_than_can_wait_for_a_snapshot_move_everything_on() {
    let mut app = few_kept(LARGE);
    let many = |from: u64| Batch {
        taken_ns: 10 * S + from,
        closed: (from..from + 10_000)
            .map(|c| closed(c % 10_000, "new", "10.9.9.9", Reason::LocalFin))
            .collect(),
        ..Batch::default()
    };
    let moves = |i: u64| {
        let shown = app.batch(many(i * 10_000));
        let moves = app.is_arriving();
        assert!(
            !(shown && moves),
            "what arrives part by part is not shown yet"
        );
        settle(&mut app);
        moves
    };
    let moves: Vec<bool> = (1..10).map(moves).collect();
    assert_eq!(moves.iter().filter(|moves| **moves).count(), 1, "{moves:?}");
    assert_eq!(app.store().totals().closed, 6 + 70_000);
    assert_agreement(&app);
}

#[test]
fn session_whose_close_waits_is_not_counted_twice() {
    for pause in [false, true] {
        let mut app = few_kept(LARGE);
        // it is missing in a snapshot before its close is known
        app.batch(batch_at(11, still_open(), vec![]));
        if pause {
            press(&mut app, "Space");
        }
        app.batch(busiest_ended_since(Reason::RemoteReset));
        app.batch(batch_at(12, still_open(), vec![]));
        if pause {
            press_and_settle(&mut app, "Space");
        }
        app.batch(batch_at(13, still_open(), vec![]));
        let peers = app.panes().pane(crate::ui::layout::panes::Subject::Peers);
        let mut rows = peers.rows(app.panes().talkers());
        let row = rows.find(|r| r.key.is_some_and(|k| k.to_string() == "198.51.100.7"));
        let sums = row.map(|r| (r.talker.open, r.talker.sessions));
        assert_eq!(sums, Some((0, 1)), "{pause}");
    }
}

#[test]
fn detail_of_session_that_closed_during_a_pause_shows_it_afterwards() {
    let mut app = few_kept(SIZE);
    press_and_settle(&mut app, "Enter Space");
    for batch in between() {
        app.batch(batch);
    }
    assert!(screen(&app, SIZE).contains("  established  "));
    press_and_settle(&mut app, "Space");
    assert!(screen(&app, SIZE).contains("  peer reset  "));
}

#[test]
fn capture_filter_set_during_a_pause_applies_after_it() {
    let mut app = few_kept(SIZE);
    press(&mut app, "Space");
    let before = column(&app, "COMM");
    press(&mut app, "C");
    type_text(&mut app, "tx > 1MB");
    press(&mut app, "Enter");
    assert_eq!(column(&app, "COMM"), before, "the picture stays");
    assert!(line(&app, SIZE, 1).contains("capture: tx > 1MB"));
    app.batch(batch_at(
        11,
        [still_open(), vec![busiest()]].concat(),
        vec![],
    ));
    press_and_settle(&mut app, "Space");
    assert_eq!(app.store().open_count(), 2, "the third one is not captured");
    assert_eq!(app.row_count(), 2 + 5);
}
