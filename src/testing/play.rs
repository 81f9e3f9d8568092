//! Plays recordings: any bytes, for the fuzzer and for its bounded run among the tests, and large ones in a dashboard.

use std::fs::File;
use std::io::Cursor;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::layout::Size;

use crate::collector::replay::{ReplayConfig, Source, start};
use crate::model::capture_filter::CaptureFilter;

use crate::model::recording::{Medium, Played, Player, Reports, Tape, To};
use crate::ui::app::App;

/// Plays to the end, and from the middle on. Returns the number of closed sessions.
///
/// # Panics
/// If something is played that no recording can hold.
pub fn play_any(bytes: &[u8]) -> usize {
    let mut closed = 0;
    for reports in [Reports::All, Reports::OpenAtEnd] {
        let mut player = Player::of(Cursor::new(bytes.to_vec()), reports);
        closed += play(&mut player, u64::MAX, bytes.len() as u64);
    }
    if let Ok(tape) = Tape::open([(None, Medium::Memory(bytes.into()))]) {
        let first = tape.first().unwrap_or_default();
        let end = tape.end().unwrap_or(Timestamp::MAX);
        tape.has_clock_steps();
        let before = tape.closed_before(To::Wall(end), Duration::from_secs(90));
        let middle = (first.as_nanosecond() + end.as_nanosecond()) / 2;
        for (to, closed) in [
            (middle, 0),
            (middle, 10),
            (end.as_nanosecond(), before.max(1000)),
        ] {
            let to = Timestamp::from_nanosecond(to).unwrap_or(Timestamp::MAX);
            if let Some((mut player, to_ns)) = tape.seek(To::Wall(to), closed, Reports::All) {
                if closed == 10 && player.first().is_ok() {
                    player.skip_closes_before(to_ns);
                }
                play(&mut player, to_ns, bytes.len() as u64);
                play(&mut player, u64::MAX, bytes.len() as u64);
            }
        }
    }
    closed
}

/// Replays a file to its end in a dashboard, from which one can go to any moment of it. Nothing is kept in memory for that.
///
/// # Errors
/// If the file cannot be replayed.
pub fn dashboard_of(file: File, keep: usize, size: Size) -> anyhow::Result<App> {
    let (collector, started) = start(ReplayConfig {
        source: Source::Files(vec![(PathBuf::new(), file)]),
        capture: CaptureFilter::default(),
        reports: Reports::All,
        stays: false,
        pace: None,
        keep: Some(keep as u64),
        from: None,
        to: None,
        zone: TimeZone::UTC,
        say: Box::new(|_| {}),
        progress: None,
    })?;
    let mut app = App::new(String::new(), CaptureFilter::default(), keep, size);
    app.is_replay = true;
    app.past.seekable = started.seekable;
    while let Ok(batch) = collector.batches().recv() {
        app.batch(batch);
        while app.is_working() {
            app.work();
        }
    }
    collector.join()?;
    Ok(app)
}

/// Plays up to a moment, or to what cannot be read.
fn play(player: &mut Player, to_ns: u64, size: u64) -> usize {
    let mut count = 0;
    while let Ok(Some(played)) = player.next(to_ns) {
        match played {
            Played::Batch(batch) => {
                let open = batch.open.iter().flat_map(|open| &open.changed);
                assert!(open.into_iter().all(|session| session.is_open()));
                assert!(batch.closed.iter().all(|session| !session.is_open()));
                count += batch.closed.len();
            }
            Played::Damage { from, to, .. } => assert!(from < to && to <= size, "{from} {to}"),
            _ => {}
        }
    }
    count
}
