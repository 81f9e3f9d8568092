//! The paused display.

use super::*;
use crate::ui::state::replay_speed::ReplaySpeed;

#[test]
fn freeze_holds_the_table_and_shows_the_number_of_new_sessions() {
    let mut app = app(SIZE);
    press(&mut app, "Space");
    let frozen = column(&app, "COMM");
    let newer = (20..25)
        .map(|c| closed(c, "new", "10.0.0.1", Reason::LocalFin))
        .collect();
    app.batch(batch_at(20, vec![], newer));
    assert_eq!(column(&app, "COMM"), frozen);
    assert!(screen(&app, SIZE).contains("PAUSED, 5 new (Space resumes)"));
    // the paused display can still be explored
    press(&mut app, "6");
    assert_eq!(column(&app, "RADDR").len(), 2);
    press(&mut app, "6 p");
    assert_eq!(
        column(&app, "COMM").iter().filter(|c| *c == "new").count(),
        5
    );
    // those that were missing in one snapshot are gone at the next
    app.batch(batch_at(21, vec![], vec![]));
    assert_eq!(app.store().open_count(), 0);
    assert!(!screen(&app, SIZE).contains("PAUSED"));
}

#[test]
fn rates_after_a_freeze_cover_the_frozen_time() {
    let mut app = app(SIZE);
    let sent = |tx_bytes, second| {
        let session = Session {
            tx_bytes,
            ..busiest()
        };
        batch_at(second, vec![session], vec![])
    };
    let ended = |cookie, taken_ns| Batch {
        taken_ns,
        closed: vec![closed(cookie, "new", "10.0.0.1", Reason::LocalFin)],
        ..Batch::default()
    };
    let live = [
        ended(20, 11 * S),
        sent(5_001_000, 12),
        ended(21, 12 * S + 950_000_000),
    ];
    press(&mut app, "Space");
    live.into_iter().for_each(|batch| {
        app.batch(batch);
    });
    press(&mut app, "Space");
    let rates = |app: &App| {
        let totals = app.store().totals();
        (totals.closed, totals.opened_rate)
    };
    assert_eq!(rates(&app), (8, 0.5));
    app.batch(sent(5_002_000, 13));
    assert_eq!(
        rates(&app),
        (8, 1.0),
        "one in the second since the last snapshot"
    );
    assert_eq!(app.store().totals().tx_rate, 1000.0 + 21_000.0);
    assert_eq!(app.store().totals().rx_rate, 1200.0);
}

#[test]
fn freeze_with_more_closed_sessions_than_kept_counts_all() {
    let after = |is_frozen: bool| {
        let mut app = begun(unused(3, SIZE));
        let space = |app: &mut App| {
            if is_frozen {
                press(app, "Space");
            }
        };
        space(&mut app);
        let opened = |cookie| open(cookie, "new", "10.0.0.1", 1_000_000);
        let ended = |cookie| ended(opened(cookie), Reason::LocalFin);
        let found = std::iter::once(busiest()).chain((20..28).map(opened));
        app.batch(batch_at(11, found.collect(), vec![]));
        let was_open = Session {
            state: State::Closed,
            tx_bytes: 7_000_000,
            ..busiest()
        };
        for closed in [vec![was_open], (20..28).map(ended).collect()] {
            app.batch(Batch {
                taken_ns: 11 * S,
                closed,
                ..Batch::default()
            });
        }
        if is_frozen {
            press(&mut app, "/");
            type_text(&mut app, "comm new or comm nginx");
            settle(&mut app);
            press(&mut app, "Enter");
            space(&mut app);
            press(&mut app, "Backspace");
        }
        app.batch(batch_at(12, vec![], vec![ended(28)]));
        app.batch(batch_at(13, vec![], vec![]));
        settle(&mut app);
        let pane = app
            .panes()
            .pane(crate::ui::layout::panes::Subject::Processes);
        let talkers = pane.rows(app.panes().talkers());
        let sums: Vec<_> = talkers
            .map(|r| {
                (
                    format!("{:?}", r.key),
                    r.talker.open,
                    r.talker.sessions,
                    r.talker.bytes,
                )
            })
            .collect();
        let totals = app.store().totals();
        (
            totals.closed,
            app.store().open_count(),
            column(&app, "COMM"),
            sums,
        )
    };
    let (frozen, live) = (after(true), after(false));
    assert_eq!(frozen, live);
    assert_eq!((live.0, live.2), (16, vec!["new".to_owned(); 3]));
}

#[test]
fn replay_that_takes_its_time_goes_at_the_speed_of_the_keys_and_waits_during_a_pause() {
    let mut app = app(SIZE);
    press(&mut app, ")");
    assert!(screen(&app, SIZE).contains("only --replay-speed shows a recording as it happened"));
    assert_eq!(app.present_speed(), None);
    app.replay_speed = Some(ReplaySpeed(1.0));
    press(&mut app, ") ) (");
    assert!(screen(&app, SIZE).contains("speed 2×; ( slower, ) faster"));
    assert_eq!(app.present_speed(), Some(ReplaySpeed(2.0)));
    press(&mut app, "Space");
    assert_eq!(app.present_speed(), Some(ReplaySpeed(0.0)));
    press(&mut app, ") Space");
    assert_eq!(app.present_speed(), Some(ReplaySpeed(4.0)));
}
