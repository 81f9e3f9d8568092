//! Events of open sessions, beside the rows of those that close: each open session once, its changes, and which ones a
//! reader can forget.
//!
//! Owns which event a session gets, and when. The store reports what happened; `events` encodes it.

use std::io;

use rustc_hash::FxHashMap;

use crate::filter::Filter;
use crate::model::batch::{Batch, Clock};
use crate::model::session::Session;
use crate::model::store::{Change, SessionRef, Store, StoreEvent};
use crate::output::Sink;
use crate::output::events::{Gone, GoneCause};

/// A batch that the store has taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    clock: Clock,
    at_ns: u64,
    has_snapshot: bool,
}

impl From<&Batch> for Taken {
    fn from(batch: &Batch) -> Self {
        Taken {
            clock: batch.clock,
            at_ns: batch.taken_ns,
            has_snapshot: batch.open.is_some(),
        }
    }
}

/// The open sessions as a reader knows them.
///
/// A reader tells sessions apart by their cookies. A socket that is connected again keeps its cookie, so an event of the
/// new session waits until the end of the old one was written.
#[derive(Debug)]
pub struct OpenEvents {
    /// Snapshots from one round of events to the next.
    every: u32,
    /// Snapshots since the last round.
    snapshots: u32,
    /// Sessions whose `open` was written, and no `close` or `gone` since: their starts, by cookie.
    announced: FxHashMap<u64, u64>,
    /// Open sessions that have changed since the last round, by cookie: as they were at their last event, if they were
    /// announced.
    touched: FxHashMap<u64, Option<Session>>,
    /// Cookies of announced sessions that have vanished.
    vanished: Vec<u64>,
    /// The last batch.
    last: Option<Taken>,
}

impl OpenEvents {
    /// Writes a round of events after the first snapshot, then after so many, and at the end of the run.
    pub fn every(snapshots: u32) -> Self {
        OpenEvents {
            every: snapshots.max(1),
            // the first one is due
            snapshots: snapshots.saturating_sub(1),
            announced: FxHashMap::default(),
            touched: FxHashMap::default(),
            vanished: Vec::new(),
            last: None,
        }
    }

    fn is_announced(&self, session: &Session) -> bool {
        self.announced.get(&session.cookie) == Some(&session.start_ns)
    }

    /// Takes a session off the announced ones. Returns true if it was one.
    fn take_off(&mut self, session: &Session) -> bool {
        let was_announced = self.is_announced(session);
        if was_announced {
            self.announced.remove(&session.cookie);
        }
        was_announced
    }

    /// Notes that the `close` of a session was written.
    pub(super) fn closed(&mut self, session: &Session) {
        self.take_off(session);
    }

    /// Notes the close of a session that does not match. Returns its `gone`, if it was announced.
    pub(super) fn closed_unseen(&mut self, session: &Session) -> Option<Gone> {
        self.take_off(session).then_some(Gone {
            cookie: session.cookie,
            at_ns: session.end_ns,
            cause: GoneCause::Filter,
        })
    }

    /// Notes what the store reports.
    pub(super) fn note(&mut self, event: &StoreEvent<'_>) {
        match event {
            StoreEvent::Opened(change) | StoreEvent::Updated(change) => self.touch(change),
            StoreEvent::Vanished(change) => {
                if let Some(session) = change.before
                    && self.take_off(session)
                {
                    self.vanished.push(session.cookie);
                }
            }
            // seen before, in the batch
            StoreEvent::Closed(_) | StoreEvent::Evicted(..) => {}
        }
    }

    fn touch(&mut self, change: &Change<'_>) {
        let Some(now) = change.now else {
            return;
        };
        let before = change.before.filter(|before| self.is_announced(before));
        let touched = self.touched.entry(now.cookie);
        touched.or_insert_with(|| before.cloned());
    }

    /// Writes what a batch has brought, once the store has taken it.
    ///
    /// # Errors
    /// If writing fails.
    pub(super) fn write(
        &mut self,
        sink: &mut dyn Sink,
        store: &Store,
        filter: &Filter,
        taken: Taken,
    ) -> io::Result<()> {
        self.last = Some(taken);
        for cookie in self.vanished.drain(..) {
            let gone = Gone {
                cookie,
                at_ns: taken.at_ns,
                cause: GoneCause::Vanished,
            };
            sink.gone(&gone, &taken.clock)?;
        }
        self.snapshots += u32::from(taken.has_snapshot);
        if self.snapshots >= self.every {
            self.write_round(sink, store, filter, taken)?;
        }
        Ok(())
    }

    /// Writes what was noted after the last round, at the end of the run.
    ///
    /// # Errors
    /// If writing fails.
    pub(super) fn conclude(
        &mut self,
        sink: &mut dyn Sink,
        store: &Store,
        filter: &Filter,
    ) -> io::Result<()> {
        match self.last {
            Some(taken) if self.snapshots > 0 => self.write_round(sink, store, filter, taken),
            _ => Ok(()),
        }
    }

    /// Writes the events of all open sessions that have changed, in the order of `--open`.
    fn write_round(
        &mut self,
        sink: &mut dyn Sink,
        store: &Store,
        filter: &Filter,
        taken: Taken,
    ) -> io::Result<()> {
        self.snapshots = 0;
        let touched = std::mem::take(&mut self.touched);
        let mut round: Vec<(&Session, Option<&Session>)> = Vec::with_capacity(touched.len());
        // others match a session differently only after something has happened to it
        if filter.changes_with_idleness() {
            let differs = |s: &&Session| filter.matches(s) != self.is_announced(s);
            let all = store.open().map(|(_, session)| session);
            let untouched = all.filter(|s| !touched.contains_key(&s.cookie));
            round.extend(untouched.filter(differs).map(|session| (session, None)));
        }
        round.extend(touched.iter().filter_map(|(cookie, before)| {
            let session = store.get(SessionRef::Open(*cookie))?;
            Some((session, before.as_ref()))
        }));
        round.sort_unstable_by_key(|(s, _)| (s.pid, s.lport, s.raddr, s.rport, s.cookie));
        for (session, before) in round {
            let is_meant = filter.matches(session);
            match self.announced.get(&session.cookie) {
                None if is_meant => {
                    sink.session(session, &taken.clock)?;
                    self.announced.insert(session.cookie, session.start_ns);
                }
                None => {}
                Some(start_ns) if *start_ns != session.start_ns => {
                    self.touched.insert(session.cookie, None);
                }
                Some(_) if !is_meant => {
                    self.announced.remove(&session.cookie);
                    let gone = Gone {
                        cookie: session.cookie,
                        at_ns: session.end_ns,
                        cause: GoneCause::Filter,
                    };
                    sink.gone(&gone, &taken.clock)?;
                }
                Some(_) => {
                    if let Some(before) = before {
                        sink.update(before, session, &taken.clock)?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crossbeam_channel::unbounded;
    use serde_json::Value;

    use super::*;
    use crate::model::batch::{Missed, OpenSnapshot};
    use crate::model::session::{Age, Reason, State};
    use crate::output::json::Json;
    use crate::output::stdout::End;
    use crate::output::{Limits, run};
    use crate::testing::sample::closed_session;
    use crate::text::units::S;

    /// An open session that began at a second, at a snapshot of another.
    fn open(cookie: u64, began_s: u64, at_s: u64, rx_bytes: u64) -> Session {
        Session {
            cookie,
            start_ns: began_s * S,
            established_ns: began_s * S,
            end_ns: at_s * S,
            rx_bytes,
            state: State::Established,
            state_before_close: State::Established,
            reason: Reason::Open,
            age: Age::Exact,
            close_us: 0,
            ..closed_session()
        }
    }

    fn closed(cookie: u64, began_s: u64, at_s: u64, rx_bytes: u64) -> Session {
        Session {
            state: State::Closed,
            reason: Reason::LocalFin,
            ..open(cookie, began_s, at_s, rx_bytes)
        }
    }

    fn batch(at_s: u64, changed: Vec<Session>, gone: Vec<u64>, closed: Vec<Session>) -> Batch {
        Batch {
            open: Some(OpenSnapshot {
                changed,
                gone,
                ..OpenSnapshot::default()
            }),
            missed: Missed {
                vanished: Some(0),
                ..Missed::default()
            },
            ..closes(at_s, closed)
        }
    }

    fn closes(at_s: u64, closed: Vec<Session>) -> Batch {
        Batch {
            closed,
            taken_ns: at_s * S,
            ..Batch::default()
        }
    }

    /// All lines of a run with these batches.
    fn lines(filter: &str, count: Option<u64>, batches: Vec<Batch>) -> Vec<Value> {
        let (tx, rx) = unbounded();
        batches
            .into_iter()
            .for_each(|batch| tx.send(batch).expect("room"));
        drop(tx);
        let limits = Limits {
            filter: Filter::parse(filter).expect(filter),
            count,
            ..Limits::default()
        };
        let mut out = Vec::new();
        let end = End::new(Some(Duration::from_secs(60))).expect("signals");
        let events = Some(OpenEvents::every(1));
        run(&rx, &|| (), &mut Json::new(&mut out), &end, limits, events).expect("memory");
        let text = String::from_utf8(out).expect("UTF-8");
        let parse = |line: &str| serde_json::from_str(line).expect("JSON");
        text.lines().map(parse).collect()
    }

    /// Each event: its name, the cookie, and the bytes or the cause.
    fn events(filter: &str, batches: Vec<Batch>) -> Vec<String> {
        let mut lines = lines(filter, None, batches);
        assert_eq!(lines.pop().expect("a line")["event"], "summary");
        let event = |line: &Value| {
            let (event, cookie) = (line["event"].as_str().expect("it"), &line["cookie"]);
            match event {
                "gone" => format!("gone {cookie} {}", line["cause"].as_str().expect("a cause")),
                _ => format!("{event} {cookie} {}", line["rx_bytes"]),
            }
        };
        lines.iter().map(event).collect()
    }

    #[test]
    fn open_session_is_announced_once_then_updated_then_closed() {
        let batches = vec![
            batch(
                2,
                vec![open(1, 1, 2, 10), open(2, 1, 2, 20)],
                vec![],
                vec![],
            ),
            batch(3, vec![], vec![], vec![]),
            batch(4, vec![open(2, 1, 4, 25)], vec![], vec![]),
            // nothing but time has passed
            batch(5, vec![open(2, 1, 5, 25)], vec![], vec![]),
            closes(5, vec![closed(1, 1, 5, 11)]),
            batch(
                6,
                vec![open(2, 1, 6, 26)],
                vec![],
                vec![closed(3, 5, 6, 30)],
            ),
        ];
        assert_eq!(
            events("", batches),
            [
                "open 1 10",
                "open 2 20",
                "update 2 25",
                "close 1 11",
                "close 3 30",
                "update 2 26"
            ]
        );
    }

    #[test]
    fn open_session_that_closes_after_the_snapshot_has_only_its_close() {
        let batches = vec![batch(
            2,
            vec![open(1, 1, 2, 10)],
            vec![],
            vec![closed(1, 1, 2, 11)],
        )];
        assert_eq!(events("", batches), ["close 1 11"]);
    }

    #[test]
    fn open_session_that_vanishes_is_gone_when_that_is_certain() {
        let batches = vec![
            batch(
                2,
                vec![open(1, 1, 2, 10), open(2, 1, 2, 20)],
                vec![],
                vec![],
            ),
            batch(3, vec![], vec![1, 2], vec![]),
            closes(3, vec![closed(2, 1, 3, 20)]),
            batch(4, vec![], vec![], vec![]),
            batch(5, vec![], vec![], vec![]),
        ];
        let expected = ["open 1 10", "open 2 20", "close 2 20", "gone 1 vanished"];
        assert_eq!(events("", batches.clone()), expected);
        let summary = lines("", None, batches).pop().expect("a summary");
        assert_eq!(summary["missed_by"]["vanished"], 1);
    }

    #[test]
    fn open_session_follows_the_filter() {
        let batches = vec![
            batch(
                2,
                vec![open(1, 1, 2, 10), open(2, 1, 2, 90)],
                vec![],
                vec![],
            ),
            batch(3, vec![open(1, 1, 3, 60)], vec![], vec![]),
            batch(
                4,
                vec![open(1, 1, 4, 70), open(2, 1, 4, 300)],
                vec![],
                vec![],
            ),
            batch(5, vec![open(2, 1, 5, 99)], vec![], vec![]),
            closes(
                6,
                vec![
                    closed(1, 1, 6, 500),
                    closed(2, 1, 6, 99),
                    closed(3, 5, 6, 10),
                ],
            ),
        ];
        assert_eq!(
            events("rx >= 50 and rx < 200", batches),
            [
                "open 2 90",
                "open 1 60",
                "update 1 70",
                "gone 2 filter",
                "open 2 99",
                "gone 1 filter",
                "close 2 99"
            ]
            .map(str::to_owned)
            .to_vec()
        );
    }

    #[test]
    fn idle_session_that_matches_with_time_is_announced() {
        let batches = vec![
            batch(2, vec![open(1, 1, 2, 10)], vec![], vec![]),
            batch(3, vec![], vec![], vec![]),
            batch(6, vec![], vec![], vec![]),
        ];
        assert_eq!(events("age > 4s", batches.clone()), ["open 1 10"]);
        assert_eq!(events("age < 4s", batches), ["open 1 10", "gone 1 filter"]);
    }

    #[test]
    fn rate_of_two_snapshots_decides_a_filter() {
        let batches = vec![
            batch(2, vec![open(1, 1, 2, 10)], vec![], vec![]),
            batch(3, vec![open(1, 1, 3, 5_000_010)], vec![], vec![]),
            batch(4, vec![], vec![], vec![]),
        ];
        assert_eq!(
            events("rate > 1MB", batches),
            ["open 1 5000010", "gone 1 filter"]
        );
    }

    /// Its socket keeps the cookie.
    #[test]
    fn session_connected_again_is_announced_after_the_end_of_the_old_one() {
        let batches = vec![
            batch(2, vec![open(1, 1, 2, 10)], vec![], vec![]),
            // the record of its close comes in the next batch
            batch(4, vec![open(1, 3, 4, 20)], vec![], vec![]),
            closes(4, vec![closed(1, 1, 3, 11)]),
            batch(5, vec![open(1, 3, 5, 30)], vec![], vec![]),
            batch(6, vec![open(1, 3, 6, 40)], vec![], vec![]),
        ];
        assert_eq!(
            events("", batches),
            ["open 1 10", "close 1 11", "open 1 30", "update 1 40"]
        );
    }

    #[test]
    fn count_of_closed_sessions_ends_all_events() {
        let batches = vec![
            batch(
                2,
                vec![open(1, 1, 2, 10)],
                vec![],
                vec![closed(2, 1, 2, 20)],
            ),
            batch(
                3,
                vec![open(1, 1, 3, 11)],
                vec![],
                vec![closed(3, 2, 3, 30), closed(4, 2, 3, 40)],
            ),
            batch(
                4,
                vec![open(1, 1, 4, 12)],
                vec![],
                vec![closed(5, 2, 4, 50)],
            ),
        ];
        let lines = lines("", Some(2), batches);
        let events: Vec<_> = lines.iter().map(|line| line["event"].clone()).collect();
        assert_eq!(events, ["close", "open", "close", "summary"]);
        assert_eq!(lines[3]["sessions"], 2);
    }

    #[test]
    fn rounds_of_several_snapshots_have_the_changes_of_all() {
        let (store, mut open_events, mut out) =
            (&mut Store::new(0), OpenEvents::every(3), Vec::new());
        let mut sink = Json::new(&mut out);
        let filter = Filter::default();
        for second in 2..13 {
            let changed = match second {
                2 | 5 => vec![open(1, 1, second, second)],
                _ => vec![],
            };
            let batch = batch(second, changed, vec![], vec![]);
            let taken = Taken::from(&batch);
            store.ingest(batch, |event| open_events.note(&event));
            open_events
                .write(&mut sink, store, &filter, taken)
                .expect("memory");
        }
        open_events.touched.insert(1, Some(open(1, 1, 12, 4)));
        open_events
            .conclude(&mut sink, store, &filter)
            .expect("memory");
        let text = String::from_utf8(out).expect("UTF-8");
        let events = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"));
        let events: Vec<_> = events
            .map(|e: Value| (e["event"].clone(), e["rx_bytes"].clone()))
            .collect();
        let expected = [("open", 2), ("update", 5), ("update", 5)];
        assert_eq!(
            events,
            expected.map(|(event, bytes)| (event.into(), bytes.into()))
        );
    }
}
