//! Looking back in recordings, beyond memory: the rows of a moment come first, what is computed of more of it comes later.

use std::sync::LazyLock;

use super::past::save;
use super::*;
use crate::collector::replay::SeekableReplay;
use crate::model::batch::Clock;
use crate::model::black_box::{Bounds, Packer};
use crate::model::recording::{Header, Medium, Tape};
use crate::output::record::RecordingWriter;

/// Seconds of the recording, and sessions that close in each.
const SECONDS: u64 = 60;
const RATE: u64 = 400;

fn batch(second: u64) -> Batch {
    let closed = (0..RATE).map(|nth| Session {
        cookie: second * 1000 + nth,
        start_ns: second * S - 5000,
        established_ns: second * S - 4000,
        end_ns: second * S - 1000,
        ..closed(2 + nth, "curl", "10.0.0.9", Reason::LocalFin)
    });
    let long = Session {
        start_ns: S,
        established_ns: S,
        end_ns: second * S,
        ..open(1, "nginx", "198.51.100.7", second * 100_000_000)
    };
    batch_at(second, vec![long], closed.collect())
}

/// One can begin to read every five seconds.
static RECORDING: LazyLock<Tape> = LazyLock::new(|| {
    let mut writer = RecordingWriter::new(Header::default(), Clock::default(), S).expect("memory");
    for second in 1..=SECONDS {
        writer.batch(&batch(second)).expect("memory");
        writer.tick().expect("memory");
        if second % 5 == 0 {
            writer.full().expect("memory");
        }
    }
    writer.end().expect("memory");
    let medium = Medium::Memory(writer.take().into());
    Tape::open([(None, medium)]).expect("a recording")
});

/// A dashboard at the end of the recording, with its last `kept` seconds in memory.
fn replay(kept: u64) -> App {
    let bounds = Bounds {
        time_ns: None,
        bytes: 64_000_000,
    };
    let mut app = unused(50_000, SIZE).with_past(bounds, Header::default(), None);
    app.is_replay = true;
    app.past.seekable = SeekableReplay::new(&RECORDING, CaptureFilter::default(), (None, None));
    let mut packer = Packer::new().expect("memory");
    for second in SECONDS - kept + 1..=SECONDS {
        let batch = batch(second);
        if let Some(frame) = packer.batch(&batch).expect("memory") {
            app.frame(std::sync::Arc::new(frame));
        }
        app.batch(batch);
        settle(&mut app);
    }
    app
}

/// Goes to a time, up to its rows.
fn go_to_rows(app: &mut App, time: &str) {
    press(app, "@");
    type_text(app, time);
    press(app, "Enter");
    while app.is_settling() {
        app.work();
    }
}

const SIGN: &str = "computing rates, findings …";

#[test]
fn past_of_a_recording_shows_rows_first_and_says_that_the_rest_follows() {
    let mut app = replay(5);
    go_to_rows(&mut app, "00:00:50");
    let text = screen(&app, SIZE);
    assert!(
        text.contains("PAST 00:00:50") && text.contains(SIGN),
        "{text}"
    );
    // all that is open has its figures of then, and the last closed ones are there
    let busiest = app.selected().expect("a row");
    assert_eq!((busiest.cookie, busiest.tx_bytes), (1, 5_000_000_000));
    let few = app.row_count();
    assert!((400..6000).contains(&few), "{few}");
    // keys are answered meanwhile
    press(&mut app, "j");
    let selected = app.selected().map(|s| s.cookie);
    assert_ne!(selected, Some(1));
    settle(&mut app);
    let text = screen(&app, SIZE);
    assert!(
        text.contains("PAST 00:00:50") && !text.contains(SIGN),
        "{text}"
    );
    assert!(app.row_count() > 10_000, "{}", app.row_count());
    assert_eq!(app.selected().map(|s| s.cookie), selected);
    // a step on from there keeps all of it
    press(&mut app, "]");
    while app.is_settling() {
        app.work();
    }
    let text = screen(&app, SIZE);
    assert!(
        text.contains("PAST 00:00:51") && !text.contains(SIGN),
        "{text}"
    );
}

#[test]
fn past_of_a_recording_drops_what_is_computed_for_a_moment_that_was_left() {
    let mut app = replay(5);
    go_to_rows(&mut app, "00:00:50");
    assert!(app.is_completing());
    // far on and far back, before the rest is there
    for (time, sent) in [("00:00:30", 3_000_000_000), ("00:00:52", 5_200_000_000)] {
        go_to_rows(&mut app, time);
        let text = screen(&app, SIZE);
        assert!(text.contains(&format!("PAST {time}")), "{text}");
        assert!(app.row_count() < 6000, "{}", app.row_count());
        assert_eq!(app.selected().map(|s| s.tx_bytes), Some(sent));
    }
    settle(&mut app);
    let text = screen(&app, SIZE);
    assert!(
        text.contains("PAST 00:00:52") && !text.contains(SIGN),
        "{text}"
    );
    go_to_rows(&mut app, "00:00:30");
    press_and_settle(&mut app, "Esc");
    assert!(!app.is_past() && !app.is_working());
}

#[test]
fn baseline_at_the_end_of_a_recording_says_to_set_an_earlier_one() {
    let mut app = replay(20);
    press_and_settle(&mut app, "m");
    let how = "Nothing follows: go back with [ or @, press m there, then come back with Esc.";
    let text = screen(&app, SIZE);
    assert!(text.contains(how), "{text}");
    assert!(app.baseline.is_none());
    // as it says
    go_to_rows(&mut app, "00:00:30");
    for key in ["m", "Esc", "m"] {
        press_and_settle(&mut app, key);
    }
    let text = screen(&app, SIZE);
    assert!(
        text.contains("nothing is worse") && text.contains("before 29s"),
        "{text}"
    );
    // one at the end would replace it, and nothing could be compared with it
    press_and_settle(&mut app, "M");
    let text = screen(&app, SIZE);
    assert!(text.contains(&how.replace("press m", "press M")), "{text}");
    assert!(text.contains("before 29s"), "{text}");
}

#[test]
fn past_of_a_recording_can_be_the_baseline_of_all_other_moments() {
    let mut app = replay(5);
    go_to_rows(&mut app, "00:00:30");
    press(&mut app, "m");
    assert!(screen(&app, SIZE).contains("setting the baseline …"));
    settle(&mut app);
    let text = screen(&app, LARGE);
    assert!(
        text.contains("baseline set at 00:00:30; all other moments are compared with it"),
        "{text}"
    );
    assert!(text.contains("baseline 00:00:30  "), "{text}");
    // now, as far as memory reaches back
    press_and_settle(&mut app, "Esc");
    let baseline = app.baseline.as_ref().expect("a baseline");
    assert_eq!(baseline.ago_ns(), 4 * S);
    assert!(screen(&app, LARGE).contains("baseline 00:00:30  "));
    // another moment of the recording
    go_to_rows(&mut app, "00:00:50");
    settle(&mut app);
    assert!(screen(&app, LARGE).contains("baseline 00:00:30  "));
    let baseline = app.baseline.as_ref().expect("a baseline");
    assert!(baseline.ago_ns() > 10 * S, "{}", baseline.ago_ns());
}

#[test]
fn past_of_a_recording_is_saved_beyond_memory() {
    let mut app = replay(5);
    let bytes = save(&mut app, "a.jsonl.zst from 00:00:20 to 00:00:24");
    assert!(!bytes.is_empty());
    let text = screen(&app, SIZE);
    assert!(text.contains("saved 2,000 closed sessions"), "{text}");
}
