//! Recordings read back, whole, damaged and from any moment on.

use std::io::Cursor;
use std::slice::from_ref;

use jiff::tz::TimeZone;

use super::*;
use crate::model::batch::{Clock, OpenSnapshot};
use crate::model::recording::{ClockIs, Event, EventReader, Found, RecordingReader, write_event};
use crate::model::session::{Reason, Session, State};
use crate::output::csv::{AllFields, Csv};
use crate::output::events::Encoder;
use crate::output::json::Json;
use crate::output::names::Spelling;
use crate::output::tests::{golden_clock, golden_sessions};
use crate::output::text::Text;
use crate::output::{Sink, Times};
use crate::testing::sample::{Numbers, any_life, any_session, closed_session};

mod seek;

/// A session, open or closed.
fn any(numbers: &mut Numbers) -> Session {
    let (cookie, state) = (numbers.number(), numbers.below(State::ALL.len() as u64 * 2));
    let state = State::ALL.get(state as usize).copied();
    any_session(numbers, cookie, state.unwrap_or(State::Closed))
}

/// The line with which each frame begins.
fn clock_line(clock: &Clock) -> Vec<u8> {
    let mut line = Vec::new();
    let (boot_ns, is) = (1, ClockIs::Read);
    let event = Event::Clock { boot_ns, is };
    write_event(&mut line, &event, boot_ns, clock).expect("memory");
    line
}

/// The rows of sessions in every format, with all times.
fn rows(sessions: &[Session], clock: &Clock) -> [String; 4] {
    let times = Times {
        time: true,
        timestamp: true,
    };
    let written = |make: &dyn Fn(&mut Vec<u8>) -> Box<dyn Sink + '_>| {
        let mut out = Vec::new();
        let mut sink = make(&mut out);
        for session in sessions {
            sink.session(session, clock).expect("a row");
        }
        sink.flush().expect("memory");
        drop(sink);
        String::from_utf8(out).expect("UTF-8")
    };
    let names = Spelling::Exact;
    [
        written(&|out| Box::new(Json::new(out))),
        written(&|out| Box::new(Text::new(out, true, names, times, TimeZone::UTC))),
        written(&|out| Box::new(Csv::new(out, names, times, TimeZone::UTC).with_states())),
        written(&|out| Box::new(AllFields::new(out))),
    ]
}

/// Reads all events, and the number of damaged places.
fn read(bytes: Vec<u8>) -> (Vec<Event>, usize, Clock) {
    let Ok(mut reader) = RecordingReader::new(Cursor::new(bytes)) else {
        return (Vec::new(), 1, Clock::default());
    };
    let (mut events, mut damaged) = (Vec::new(), 0);
    while let Ok(Some(found)) = reader.next() {
        match found {
            Found::Event(event) => events.push(*event),
            Found::Damage { .. } | Found::CutOff => damaged += 1,
        }
    }
    let skipped = reader.events.skipped;
    let lines = skipped.lines + skipped.updates + skipped.events;
    (events, damaged + lines as usize, reader.events.clock)
}

fn closes(events: &[Event]) -> Vec<Session> {
    let close = |event: &Event| match event {
        Event::Close(session) => Some(session.clone()),
        _ => None,
    };
    events.iter().filter_map(close).collect()
}

fn header() -> Header {
    Header {
        version: "0.1.0".into(),
        host: "db-1".into(),
        boot_id: "b".into(),
        kernel: "6.18".into(),
        command: "tcplife --record f".into(),
        capture: String::new(),
        cut: String::new(),
    }
}

/// The bytes of a recording of these batches, a frame for each.
fn recorded(batches: &[Batch]) -> Vec<u8> {
    let clock = batches[0].clock;
    let mut writer = RecordingWriter::new(header(), clock, 1).expect("memory");
    for batch in batches {
        writer.batch(batch).expect("memory");
        writer.full().expect("memory");
    }
    writer.end().expect("memory");
    writer.take()
}

fn batch(closed: Vec<Session>, clock: Clock) -> Batch {
    Batch {
        taken_ns: closed.iter().map(|s| s.end_ns).max().unwrap_or(1),
        closed,
        clock,
        ..Batch::default()
    }
}

#[test]
fn session_written_and_read_has_the_same_rows() {
    // in a build with optimizations a million
    let count = if cfg!(debug_assertions) { 20 } else { 1000 };
    let mut numbers = Numbers::from(7);
    // an odd difference between the clocks
    let mut clock = Clock::fixed(1_767_397_177_123_456_789);
    clock.set(100_000_000_000, 1_767_397_377_000_000_001);
    let mut lines = Encoder::of_recordings();
    for round in 0..count {
        let mut sessions: Vec<Session> = (0..1000).map(|_| any(&mut numbers)).collect();
        if round == 0 {
            sessions.extend(golden_sessions());
            sessions.push(closed_session());
        }
        let mut text = clock_line(&clock);
        for session in &sessions {
            let line = lines.row(session, &clock);
            text.extend(line.expect("JSON"));
        }
        let (events, damaged, _) = read(text.clone());
        let again: Vec<Session> = events
            .into_iter()
            .filter_map(|event| match event {
                Event::Open(session) | Event::Close(session) => Some(session),
                Event::Clock { .. } => None,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(damaged, 0);
        let mut rewritten = clock_line(&clock);
        for (before, now) in sessions.iter().zip(&again) {
            let line = lines.row(now, &clock);
            rewritten.extend(line.expect("JSON"));
            if round == 0 {
                assert_eq!(before, now);
            }
        }
        assert_eq!(String::from_utf8(text), String::from_utf8(rewritten));
        assert_eq!(rows(&sessions, &clock), rows(&again, &clock));
    }
}

#[test]
fn line_of_a_session_begins_with_that_of_json_but_for_the_digits_of_its_time() {
    let mut lines = Encoder::of_recordings();
    let mut numbers = Numbers::from(3);
    let clock = golden_clock();
    for session in (0..100).map(|_| any(&mut numbers)) {
        let line = lines.row(&session, &clock).expect("JSON").to_vec();
        let line = String::from_utf8(line).expect("UTF-8");
        let [json, ..] = rows(&[session], &clock);
        let (until, from) = json.trim_end().split_once("Z\"").expect("a time");
        let (exact_until, exact_from) = line.split_once("Z\"").expect("a time");
        assert!(exact_until.starts_with(until), "{line}\n{json}");
        // the one key that recordings leave out is the last
        let (from, _) = from.split_once(",\"community_id\"").expect("it is there");
        assert!(exact_from.starts_with(from), "{line}\n{json}");
    }
}

#[test]
fn updates_read_in_turn_are_the_session_at_each_moment() {
    let mut clock = Clock::fixed(1_767_397_177_123_456_789);
    for seed in 0..2000 {
        // the wall clock is set back and ahead while a session lives, so that it has the same time twice
        let life = any_life(seed);
        let mut lines = Encoder::of_recordings();
        let mut reader = EventReader::default();
        let mut sent = life[0].clone();
        for (at, now) in life.iter().enumerate() {
            let wall = clock.wall(now.start_ns).as_nanosecond();
            if seed % 7 == 0 {
                clock.set(
                    now.start_ns,
                    wall + 100_000_000 * (1 - 2 * (at as i128 % 2)),
                );
            }
            reader.clock = Clock::of_steps(clock.steps());
            let line = match at {
                0 => Some(lines.row(now, &clock)),
                _ if !now.is_open() => Some(lines.row(now, &clock)),
                _ => lines.update(&sent, now, &clock).transpose(),
            };
            let Some(line) = line else {
                continue;
            };
            sent = now.clone();
            match reader.read(line.expect("memory")) {
                Ok(Some(Event::Open(read) | Event::Update(read) | Event::Close(read))) => {
                    let [read_rows, now_rows] = [&read, now].map(|s| rows(from_ref(s), &clock));
                    assert_eq!(read_rows, now_rows);
                    let instants = |s: &Session| [s.start_ns, s.established_ns, s.end_ns];
                    assert_eq!(instants(&read), instants(now), "{seed} {at}");
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(reader.skipped, Default::default());
    }
}

/// Batches of some open sessions that change and close.
fn course() -> Vec<Batch> {
    let mut numbers = Numbers::from(11);
    let clock = golden_clock();
    let open = |cookie: u64, tx_bytes, end_ns| Session {
        cookie,
        tx_bytes,
        end_ns,
        state: State::Established,
        state_before_close: State::Established,
        reason: Reason::Open,
        ..closed_session()
    };
    let mut closed = move || {
        let next = || any_session(&mut numbers, 4096, State::Closed);
        std::iter::repeat_with(next).take(4).collect::<Vec<_>>()
    };
    let snapshot = |changed, closed, taken_ns| Batch {
        open: Some(OpenSnapshot {
            changed,
            ..OpenSnapshot::default()
        }),
        closed,
        taken_ns,
        clock,
        ..Batch::default()
    };
    let s = 1_000_000_000;
    let first = vec![open(1, 10, 2 * s), open(2, 20, 2 * s)];
    vec![
        snapshot(first, closed(), 2 * s),
        snapshot(vec![open(1, 11, 3 * s)], closed(), 3 * s),
        snapshot(vec![open(2, 21, 4 * s)], closed(), 4 * s),
    ]
}

#[test]
fn recording_of_open_and_closed_sessions_is_read_back() {
    let batches = course();
    let (events, damaged, clock) = read(recorded(&batches));
    assert_eq!((damaged, clock), (0, golden_clock()));
    let closed: Vec<Session> = batches.iter().flat_map(|b| b.closed.clone()).collect();
    assert_eq!(closes(&events), closed);
    assert_eq!(events.first(), Some(&Event::Header(header())));
    assert_eq!(events.last(), Some(&Event::End));
    let updates: Vec<(u64, u64)> = events
        .iter()
        .filter_map(|event| match event {
            Event::Update(s) => Some((s.cookie, s.tx_bytes)),
            _ => None,
        })
        .collect();
    assert_eq!(updates, [(1, 11), (2, 21)]);
}

#[test]
fn recording_cut_off_at_any_byte_keeps_what_was_flushed() {
    let batches = course();
    let mut writer = RecordingWriter::new(header(), batches[0].clock, 1).expect("memory");
    let mut bytes = writer.take();
    // lengths of the file, and the number of rows that are in it by then
    let mut flushed = vec![(0, 0), (bytes.len(), 0)];
    let mut all = Vec::new();
    for batch in &batches {
        for session in &batch.closed {
            let one = Batch {
                closed: vec![session.clone()],
                ..self::batch(vec![session.clone()], batch.clock)
            };
            writer.batch(&one).expect("memory");
            writer.tick().expect("memory");
            bytes.extend(writer.take());
            all.push(session.clone());
            flushed.push((bytes.len(), all.len()));
        }
    }
    for cut in 0..=bytes.len() {
        let (events, ..) = read(bytes[..cut].to_vec());
        let rows = closes(&events);
        let least = flushed.iter().rev().find(|(length, _)| *length <= cut);
        let least = least.map_or(0, |(_, rows)| *rows);
        assert!(rows.len() >= least, "{cut}: {} of {least}", rows.len());
        assert_eq!(rows, all[..rows.len()], "{cut}");
    }
    // a file whose last bytes never reached the disk
    let mut zeros = bytes.clone();
    zeros.extend([0; 5000]);
    assert_eq!(closes(&read(zeros).0), all);
}

#[test]
fn recording_with_a_flipped_bit_shows_only_rows_that_are_right_or_says_so() {
    let batches = course();
    let whole = recorded(&batches);
    let all: Vec<Session> = batches.iter().flat_map(|b| b.closed.clone()).collect();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        let (events, damaged, _) = read(bytes);
        let rows = closes(&events);
        assert!(rows.iter().all(|row| all.contains(row)), "{at}");
        assert!(rows.len() == all.len() || damaged > 0, "{at}");
        // a frame has 4 of them
        assert!(rows.len() + 4 >= all.len(), "{at}: {}", rows.len());
    }
}

#[test]
fn recording_with_a_damaged_place_goes_on_after_it() {
    let whole = recorded(&course());
    let count = closes(&read(whole.clone()).0).len();
    let half = whole.len() / 2;
    for junk in [&b"junk"[..], &[0x28, 0xb5, 0x2f, 0xfd], &[0; 3000]] {
        // in the place of bytes, and between them
        for kept in [half, half + 40] {
            let bytes = [&whole[..half], junk, &whole[kept..]].concat();
            let (events, damaged, _) = read(bytes);
            assert!(closes(&events).len() + 4 >= count && damaged > 0);
        }
    }
}

#[test]
fn frame_that_claims_four_gigabytes_is_refused() {
    // a single segment of 4 GB, of one block of repeated bytes
    let frame = [
        &[0x28, 0xb5, 0x2f, 0xfd, 0xa4][..],
        &u32::MAX.to_le_bytes(),
        &[0x02, 0xff, 0xff, b'x'],
    ]
    .concat();
    assert_eq!(read(frame.clone()).0, []);
    let whole = recorded(&course());
    let (events, damaged, _) = read([&whole[..], &frame].concat());
    assert_eq!((closes(&events).len(), damaged), (12, 1));
}

#[test]
fn recording_for_a_later_reader_is_refused_and_later_events_are_skipped() {
    let newer = |line: &str| {
        let mut reader = RecordingReader::new(Cursor::new(line.to_owned())).expect("lines");
        reader.next().map_err(|e| e.to_string())
    };
    let error = newer("{\"event\":\"header\",\"min_reader\":2,\"version\":\"9.0\"}\n");
    assert_eq!(
        error,
        Err("it was written by tcplife 9.0, and needs a reader of version 2; this tcplife reads up to 1".into())
    );
    let mut lines = Encoder::of_recordings();
    let line = lines.row(&closed_session(), &golden_clock()).expect("JSON");
    let line = String::from_utf8(line.to_vec()).expect("UTF-8");
    let later = line.replacen('{', "{\"mood\":[1,{}],", 1);
    let mut text = clock_line(&golden_clock());
    text.extend(format!("{{\"event\":\"dream\"}}\n{later}not JSON\n").into_bytes());
    let mut reader = RecordingReader::new(Cursor::new(text)).expect("lines");
    reader.next().expect("the clock");
    let found = reader.next().expect("it is read");
    let session = Event::Close(closed_session());
    assert_eq!(found, Some(Found::Event(Box::new(session))));
    assert_eq!(reader.next().expect("it is read"), None);
    let skipped = reader.events.skipped;
    assert_eq!((skipped.events, skipped.keys, skipped.lines), (1, 1, 1));
}

/// Files from which the fuzzer starts, which are recordings of every form.
const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/recording");

/// The seeds, as this version writes them.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let batches = course();
    let whole = recorded(&batches);
    let mut again = RecordingWriter::new(header(), batches[0].clock, 1).expect("memory");
    again.batch(&batches[0]).expect("memory");
    again
        .gap(Gap {
            events: 7,
            reason: "No space left on device".into(),
        })
        .expect("memory");
    again.end().expect("memory");
    again.go_on(header()).expect("memory");
    again.batch(&batches[1]).expect("memory");
    again.end().expect("memory");
    let lines = zstd::decode_all(&whole[..]).expect("a recording");
    let lines = String::from_utf8(lines).expect("UTF-8");
    let few: String = lines
        .lines()
        .take(6)
        .map(|line| format!("{line}\n"))
        .collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    io::Write::write_all(&mut gzip, few.as_bytes()).expect("memory");
    vec![
        ("cut-off", whole[..whole.len() / 2].to_vec()),
        ("gzip", gzip.finish().expect("memory")),
        (
            "one-frame",
            zstd::encode_all(few.as_bytes(), 3).expect("memory"),
        ),
        ("lines", few.into_bytes()),
        ("two", again.take()),
        ("whole", whole),
    ]
}

proptest::proptest! {
    #[test]
    fn recording_that_is_changed_anyhow_is_played_without_panic(
        nth in proptest::prelude::any::<proptest::sample::Index>(),
        edits in proptest::collection::vec((proptest::prelude::any::<proptest::sample::Index>(), 0..6_u8, proptest::prelude::any::<u8>()), 0..6),
    ) {
        let seeds = seeds();
        let mut bytes = nth.get(&seeds).1.clone();
        for (at, kind, byte) in edits {
            let at = at.index(bytes.len().max(1));
            match kind {
                _ if bytes.is_empty() => bytes.push(byte),
                0 => bytes[at] = byte,
                1 => bytes[at] ^= 1 << (byte % 8),
                2 => bytes.insert(at, byte),
                3 => drop(bytes.remove(at)),
                4 => bytes.truncate(at),
                _ => {
                    let copy = bytes[at..].iter().take(byte.into()).copied().collect::<Vec<_>>();
                    bytes.splice(at..at, copy);
                }
            }
        }
        crate::testing::play::play_any(&bytes);
    }
}

#[test]
fn seeds_of_the_fuzzer_are_played_without_panic() {
    if std::env::var_os("UPDATE_SEEDS").is_some() {
        for (name, bytes) in seeds() {
            std::fs::write(format!("{SEEDS}/{name}"), bytes).expect("a file");
        }
    }
    let mut closed = 0;
    for file in std::fs::read_dir(SEEDS).expect("seeds") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("a file");
        closed += crate::testing::play::play_any(&bytes);
    }
    assert!(closed > 0);
}
