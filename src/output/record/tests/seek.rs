//! Recordings read from any moment on.

use std::collections::BTreeMap;

use super::*;
use crate::model::recording::{Medium, Played, Player, Reports, Tape, To};
use crate::text::units::S;

/// The sessions at a moment: the open ones by their cookies with the bytes that they have sent, and the closed ones.
#[derive(Clone, Debug, Default, PartialEq)]
struct Moment {
    open: BTreeMap<u64, (u64, u64)>,
    closed: Vec<u64>,
}

impl Moment {
    fn apply(&mut self, batch: &Batch) {
        if let Some(open) = &batch.open {
            if open.is_whole {
                self.open.clear();
            }
            for cookie in &open.gone {
                self.open.remove(cookie);
            }
            let changed = open.changed.iter();
            self.open
                .extend(changed.map(|s| (s.cookie, (s.tx_bytes, s.start_ns))));
        }
        for session in &batch.closed {
            self.open.remove(&session.cookie);
            self.closed.push(session.cookie);
        }
    }
}

/// Batches of seconds 1 to `seconds`, each with a snapshot, and the state after each.
fn history(seconds: u64) -> Vec<(Batch, Moment)> {
    let mut numbers = Numbers::from(5);
    let mut open: BTreeMap<u64, Session> = BTreeMap::new();
    let (mut next, mut moment) = (0, Moment::default());
    let seconds = 1..=seconds;
    let batches = seconds.map(|second| {
        let (mut changed, mut closed) = (Vec::new(), Vec::new());
        for cookie in open.keys().copied().collect::<Vec<_>>() {
            match numbers.below(10) {
                0 => {
                    let session = open.remove(&cookie).expect("it is open");
                    closed.push(Session {
                        state: State::Closed,
                        reason: Reason::LocalFin,
                        end_ns: second * S - numbers.below(S / 2),
                        ..session
                    });
                }
                1..4 => {
                    let session = open.get_mut(&cookie).expect("it is open");
                    session.tx_bytes += 1 + numbers.below(9);
                    session.end_ns = second * S;
                    changed.push(session.clone());
                }
                _ => {}
            }
        }
        for _ in 0..numbers.below(40) {
            next += 1;
            let session = Session {
                cookie: next,
                state: State::Established,
                state_before_close: State::Established,
                reason: Reason::Open,
                start_ns: second * S - 1000,
                established_ns: second * S - 500,
                end_ns: second * S,
                ..closed_session()
            };
            changed.push(session.clone());
            open.insert(next, session);
        }
        let batch = Batch {
            open: Some(OpenSnapshot {
                changed,
                ..OpenSnapshot::default()
            }),
            closed,
            taken_ns: second * S,
            clock: golden_clock(),
            ..Batch::default()
        };
        moment.apply(&batch);
        (batch, moment.clone())
    });
    batches.collect()
}

/// The bytes of a recording with a full state every so many batches.
fn written(batches: &[(Batch, Moment)], full: usize) -> Vec<u8> {
    let mut writer = RecordingWriter::new(header(), golden_clock(), S).expect("memory");
    for (nth, (batch, _)) in batches.iter().enumerate() {
        writer.batch(batch).expect("memory");
        writer.tick().expect("memory");
        if nth % full == full - 1 {
            writer.full().expect("memory");
        }
    }
    writer.end().expect("memory");
    writer.take()
}

fn tape(files: &[Vec<u8>]) -> Tape {
    let media = files.iter().map(|file| Medium::Memory(file[..].into()));
    Tape::open(media.map(|medium| (None, medium))).expect("recordings")
}

/// Plays up to a moment, and applies that.
fn play(player: &mut Player, to_ns: u64, moment: &mut Moment) {
    while let Some(played) = player.next(to_ns).expect("it is read") {
        match played {
            Played::Batch(batch) => moment.apply(&batch),
            Played::Header => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn state_at_any_moment_is_that_of_the_batches_up_to_it() {
    let batches = history(30);
    let file = written(&batches, 10);
    // with the index, and without it
    let unended = file[..file.len() - 60].to_vec();
    for file in [file, unended] {
        let tape = tape(&[file]);
        for (batch, then) in &batches {
            let at = golden_clock().wall(batch.taken_ns);
            for closed in [0, 100] {
                let (mut player, to_ns) = tape
                    .seek(To::Wall(at), closed, Reports::All)
                    .expect("a recording");
                assert_eq!(to_ns, batch.taken_ns);
                let mut moment = Moment::default();
                play(&mut player, to_ns, &mut moment);
                assert_eq!(moment.open, then.open, "{at}");
                // the newest closed sessions, and as many as were asked for
                assert!(then.closed.ends_with(&moment.closed), "{at}");
                let least = usize::try_from(closed).unwrap_or(usize::MAX);
                let least = least.min(then.closed.len());
                assert!(
                    moment.closed.len() >= least,
                    "{at}: {}",
                    moment.closed.len()
                );
            }
        }
    }
}

#[test]
fn sessions_are_reported_with_the_moment_that_they_came_with() {
    let session = |cookie, state, end_ns| Session {
        cookie,
        state,
        start_ns: S / 2,
        established_ns: S / 2,
        end_ns,
        ..closed_session()
    };
    let snapshot = |at_ns, changed: &[u64]| {
        let changed = changed.iter();
        let changed = changed.map(|cookie| Session {
            state_before_close: State::Established,
            reason: Reason::Open,
            ..session(*cookie, State::Established, at_ns)
        });
        Batch {
            open: Some(OpenSnapshot {
                changed: changed.collect(),
                ..OpenSnapshot::default()
            }),
            taken_ns: at_ns,
            clock: golden_clock(),
            ..Batch::default()
        }
    };
    let closes = |at_ns, cookie, end_ns| Batch {
        closed: vec![session(cookie, State::Closed, end_ns)],
        taken_ns: at_ns,
        clock: golden_clock(),
        ..Batch::default()
    };
    let batches = [
        snapshot(S, &[1, 2, 3]),
        closes(3 * S / 2, 1, 5 * S / 4),
        // it closed while the second snapshot was read, and is no longer in it
        closes(2 * S + 500, 2, 2 * S + 300),
        snapshot(2 * S, &[3]),
        // its record came late
        closes(2 * S + 900, 3, 2 * S - 1),
        snapshot(3 * S, &[]),
    ];
    let mut writer = RecordingWriter::new(header(), golden_clock(), S).expect("memory");
    for batch in &batches {
        writer.batch(batch).expect("memory");
        writer.tick().expect("memory");
    }
    writer.end().expect("memory");
    let mut player = tape(&[writer.take()]).play(Reports::All);
    let (mut moment, mut moments) = (Moment::default(), Vec::new());
    while let Some(played) = player.next(u64::MAX).expect("it is read") {
        let Played::Batch(batch) = played else {
            continue;
        };
        moment.apply(&batch);
        if batch.open.is_some() {
            let open: Vec<u64> = moment.open.keys().copied().collect();
            moments.push((batch.taken_ns, open, moment.closed.clone()));
        }
    }
    let expected = [
        (S, vec![1, 2, 3], vec![]),
        (2 * S, vec![3], vec![1, 2]),
        (3 * S, vec![], vec![1, 2, 3]),
    ];
    assert_eq!(moments, expected);
}

#[test]
fn player_that_stops_and_goes_on_shows_each_moment() {
    let batches = history(40);
    let tape = tape(&[written(&batches, 7)]);
    let at = golden_clock().wall(9 * S + 1);
    let (mut player, _) = tape
        .seek(To::Wall(at), 0, Reports::All)
        .expect("a recording");
    let mut moment = Moment::default();
    for nth in 9..=40_usize {
        // and moments between two snapshots
        for ns in [0, S / 3, S - 1] {
            play(&mut player, nth as u64 * S + ns, &mut moment);
            let (_, then) = &batches[nth - 1];
            assert_eq!(moment.open, then.open, "{nth}");
            assert!(then.closed.ends_with(&moment.closed), "{nth}");
        }
    }
    play(&mut player, u64::MAX, &mut moment);
    assert_eq!(moment.open, batches[39].1.open);
}

#[test]
fn recordings_of_one_boot_are_one_tape_in_whatever_order() {
    let batches = history(60);
    let files: Vec<Vec<u8>> = batches
        .chunks(20)
        .map(|part| {
            let mut moment = Moment::default();
            let mut writer =
                RecordingWriter::new(header(), golden_clock(), part[0].0.taken_ns).expect("memory");
            for (nth, (batch, then)) in part.iter().enumerate() {
                let mut batch = batch.clone();
                moment.apply(&batch);
                // each begins with all open sessions
                if nth == 0 {
                    let known: Vec<u64> = moment.open.keys().copied().collect();
                    let missing = then.open.keys().filter(|c| !known.contains(c));
                    let open = batch.open.as_mut().expect("a snapshot");
                    open.changed.extend(missing.map(|cookie| Session {
                        cookie: *cookie,
                        tx_bytes: then.open[cookie].0,
                        start_ns: then.open[cookie].1,
                        state: State::Established,
                        state_before_close: State::Established,
                        reason: Reason::Open,
                        ..closed_session()
                    }));
                }
                writer.batch(&batch).expect("memory");
                writer.tick().expect("memory");
            }
            writer.end().expect("memory");
            writer.take()
        })
        .collect();
    let tape = tape(&[files[2].clone(), files[0].clone(), files[1].clone()]);
    let mut moment = Moment::default();
    play(&mut tape.play(Reports::All), u64::MAX, &mut moment);
    assert_eq!(moment.closed, batches[59].1.closed);
    assert_eq!(moment.open, batches[59].1.open);
    let at = golden_clock().wall(45 * S);
    let (mut player, to_ns) = tape
        .seek(To::Wall(at), u64::MAX, Reports::All)
        .expect("recordings");
    let mut moment = Moment::default();
    play(&mut player, to_ns, &mut moment);
    assert_eq!(moment.closed, batches[44].1.closed);
}

#[test]
fn replay_begins_at_the_time_of_the_first_batch() {
    let clock = golden_clock();
    let closed = |end_ns| Session {
        end_ns,
        ..closed_session()
    };
    let batch = |end_ns: &[u64], taken_ns, open| Batch {
        closed: end_ns.iter().map(|end_ns| closed(*end_ns)).collect(),
        open,
        taken_ns,
        clock,
        ..Batch::default()
    };
    let bytes = recorded(&[
        batch(&[2 * S - 50, 2 * S - 40], 2 * S, None),
        batch(&[2 * S + 30, 2 * S + 40], 2 * S + 50, None),
        batch(&[], 3 * S, Some(OpenSnapshot::default())),
    ]);
    let mut player = Player::of(Cursor::new(bytes), Reports::All);
    let mut batches = Vec::new();
    while let Some(played) = player.next(u64::MAX).expect("it is read") {
        if let Played::Batch(batch) = played {
            batches.push((batch.taken_ns, batch.closed.len(), batch.open.is_some()));
        }
    }
    assert_eq!(batches[0], (2 * S, 2, false), "{batches:?}");
    let closed: usize = batches.iter().map(|(_, closed, _)| closed).sum();
    assert_eq!((closed, batches.last()), (4, Some(&(3 * S, 0, true))));
}
