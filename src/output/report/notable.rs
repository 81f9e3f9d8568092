//! The sessions that a report lists: a bounded number, those that somebody would look for.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use crate::model::fields;
use crate::model::fields::{Field, Value};
use crate::model::measures::{MEASURE_COUNT, MEASURES};
use crate::model::session::{Session, SessionId};

/// Number of failed sessions, and of sessions in total, of which the newest are listed.
pub const NEWEST: usize = 200;
/// Number of sessions with the greatest values of each measure.
pub const GREATEST: usize = 50;

/// A session, and the time of its last figures.
#[derive(Clone, Debug)]
pub struct Listed {
    pub session: Session,
    pub at: Timestamp,
    /// Reasons for which it is listed, the gravest first.
    pub marks: Vec<&'static str>,
}

/// The sessions with the greatest values of a measure.
#[derive(Debug)]
struct Greatest {
    field: Option<&'static Field>,
    /// Up to twice as many as wanted.
    sessions: Vec<(u64, Session, Timestamp)>,
    /// Values below are not wanted any more.
    least: u64,
}

impl Greatest {
    fn offer(&mut self, session: &Session, at: Timestamp) {
        let value = self.field.map(|field| (field.get)(session));
        let Some(Value::Uint(value)) = value else {
            return;
        };
        if value == 0 || value < self.least {
            return;
        }
        self.sessions.push((value, session.clone(), at));
        if self.sessions.len() >= 2 * GREATEST {
            self.truncate();
            self.least = self.sessions.last().map_or(0, |(value, ..)| value + 1);
        }
    }

    fn truncate(&mut self) {
        // of equal values the first ones
        self.sessions.sort_by_key(|(value, ..)| Reverse(*value));
        self.sessions.truncate(GREATEST);
    }
}

/// The sessions worth listing so far.
#[derive(Debug)]
pub struct Notable {
    failed: VecDeque<(Session, Timestamp)>,
    greatest: [Greatest; MEASURE_COUNT],
    newest: VecDeque<(Session, Timestamp)>,
}

impl Default for Notable {
    fn default() -> Self {
        Notable {
            failed: VecDeque::new(),
            greatest: MEASURES.each_ref().map(|measure| Greatest {
                field: fields::by_word(measure.word),
                sessions: Vec::new(),
                least: 0,
            }),
            newest: VecDeque::new(),
        }
    }
}

impl Notable {
    /// Takes a session that has closed, or that is open at the end.
    pub fn offer(&mut self, session: &Session, at: Timestamp) {
        for greatest in &mut self.greatest {
            greatest.offer(session, at);
        }
        if session.reason.is_failure() {
            push(&mut self.failed, session, at);
        }
        push(&mut self.newest, session, at);
    }

    /// Returns the sessions, each once: the failed ones first, then those with the greatest values, then the newest.
    pub fn listed(&mut self) -> Vec<Listed> {
        let mut listed = Vec::new();
        let mut numbers: BTreeMap<SessionId, usize> = BTreeMap::new();
        let mut list = |session: &Session, at: Timestamp, mark: Option<&'static str>| {
            let number = *numbers.entry(session.id()).or_insert_with(|| {
                listed.push(Listed {
                    session: session.clone(),
                    at,
                    marks: Vec::new(),
                });
                listed.len() - 1
            });
            listed[number].marks.extend(mark);
        };
        for (session, at) in self.failed.iter().rev() {
            list(session, *at, Some("failed"));
        }
        for (greatest, measure) in self.greatest.iter_mut().zip(&MEASURES) {
            greatest.truncate();
            for (_, session, at) in &greatest.sessions {
                list(session, *at, Some(measure.word));
            }
        }
        for (session, at) in self.newest.iter().rev() {
            list(session, *at, None);
        }
        listed
    }
}

fn push(sessions: &mut VecDeque<(Session, Timestamp)>, session: &Session, at: Timestamp) {
    if sessions.len() >= NEWEST {
        sessions.pop_front();
    }
    sessions.push_back((session.clone(), at));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::session::Reason;
    use crate::testing::sample::closed_session as sample;

    #[test]
    fn notable_sessions_of_many_are_the_failed_and_the_greatest_each_once() {
        let mut notable = Notable::default();
        for i in 0..20_000_u64 {
            let session = Session {
                cookie: i + 1,
                tx_bytes: (i * 7919) % 20_000,
                rx_bytes: 0,
                reason: match i % 1000 {
                    0 => Reason::Refused,
                    _ => Reason::LocalFin,
                },
                ..sample()
            };
            notable.offer(&session, Timestamp::UNIX_EPOCH);
        }
        let listed = notable.listed();
        let marked = |mark| {
            let with = listed.iter().filter(move |l| l.marks.contains(&mark));
            with.map(|l| &l.session).collect::<Vec<_>>()
        };
        assert_eq!(marked("failed").len(), 20);
        assert_eq!(listed[0].session.cookie, 19_001, "the newest failure first");
        let mut bytes: Vec<u64> = marked("bytes").iter().map(|s| s.tx_bytes).collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (19_950..20_000).collect::<Vec<_>>());
        let cookies: std::collections::BTreeSet<_> =
            listed.iter().map(|l| l.session.cookie).collect();
        assert_eq!(cookies.len(), listed.len());
        assert!(listed.len() <= 2 * NEWEST + MEASURES.len() * GREATEST);
    }
}
