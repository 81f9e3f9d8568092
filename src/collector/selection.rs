//! Passes batches on with only some of their sessions, and redacted if that is wanted.
//!
//! An open session is chosen from the first moment on at which the filter matches it, and then stays whole: with all of its changes
//! and its close.

use crossbeam_channel::{Receiver, bounded};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::filter::Filter;
use crate::host::thread;
use crate::model::batch::{Batch, OpenSnapshot, WAITING_BATCHES};
use crate::model::redaction::Redactor;
use crate::model::session::{Session, SessionId};

/// The choice of sessions.
#[derive(Debug)]
pub struct Selection {
    filter: Filter,
    redactor: Option<Redactor>,
    /// Open sessions that are chosen, by their cookies.
    chosen: FxHashMap<u64, SessionId>,
    /// Cookies of those that were no longer open at the last snapshot. Their records may still follow up to the next one.
    leaving: Vec<u64>,
}

impl Selection {
    /// Chooses the sessions that match, and redacts them.
    pub fn new(filter: Filter, redactor: Option<Redactor>) -> Self {
        Selection {
            filter,
            redactor,
            chosen: FxHashMap::default(),
            leaving: Vec::new(),
        }
    }

    /// Starts to take batches. Returns those to pass on.
    ///
    /// # Errors
    /// If the kernel refuses a thread.
    pub fn start(mut self, batches: Receiver<Batch>) -> anyhow::Result<Receiver<Batch>> {
        let (tx, chosen) = bounded(WAITING_BATCHES);
        thread::spawn("tcplife-select", move || {
            for batch in batches {
                if tx.send(self.take(batch)).is_err() {
                    return;
                }
            }
        })?;
        Ok(chosen)
    }

    /// Takes a batch. What it says about the host names more than sessions, and is left out if these are redacted.
    fn take(&mut self, batch: Batch) -> Batch {
        let is_redacted = self.redactor.is_some();
        Batch {
            open: batch.open.map(|open| self.open(open)),
            closed: self.closed(batch.closed),
            host: batch.host.filter(|_| !is_redacted),
            ..batch
        }
    }

    fn open(&mut self, mut open: OpenSnapshot) -> OpenSnapshot {
        if !self.filter.is_everything() {
            let there: FxHashSet<u64> = open.changed.iter().map(|s| s.cookie).collect();
            for cookie in self.leaving.iter().filter(|c| !there.contains(c)) {
                self.chosen.remove(cookie);
            }
            self.leaving.clone_from(&open.gone);
            open.changed.retain(|session| {
                let is_chosen = self.is_chosen(session) || self.filter.matches(session);
                if is_chosen {
                    self.chosen.insert(session.cookie, session.id());
                }
                is_chosen
            });
            if open.is_whole {
                let there = open.changed.iter().map(|s| (s.cookie, s.id()));
                self.chosen = there.collect();
            }
        }
        open.changed = self.redacted(open.changed);
        open
    }

    fn closed(&mut self, mut closed: Vec<Session>) -> Vec<Session> {
        if !self.filter.is_everything() {
            closed.retain(|session| {
                let is_chosen = self.is_chosen(session);
                if is_chosen {
                    self.chosen.remove(&session.cookie);
                }
                is_chosen || self.filter.matches(session)
            });
        }
        self.redacted(closed)
    }

    fn is_chosen(&self, session: &Session) -> bool {
        self.chosen.get(&session.cookie) == Some(&session.id())
    }

    fn redacted(&mut self, sessions: Vec<Session>) -> Vec<Session> {
        match &mut self.redactor {
            Some(redactor) => sessions.into_iter().map(|s| redactor.session(s)).collect(),
            None => sessions,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::session::{Reason, State};
    use crate::testing::sample::closed_session;

    fn session(cookie: u64, tx_bytes: u64, state: State) -> Session {
        Session {
            cookie,
            tx_bytes,
            state,
            state_before_close: State::Established,
            reason: match state {
                State::Closed => Reason::LocalFin,
                _ => Reason::Open,
            },
            ..closed_session()
        }
    }

    #[test]
    fn session_that_matched_once_stays_with_its_changes_and_its_close() {
        let filter = Filter::parse("tx > 100").expect("a filter");
        let mut selection = Selection::new(filter, None);
        let mut cookies = |open: &[(u64, u64)], closed: &[(u64, u64)]| {
            let all = |of: &[(u64, u64)], state| {
                let session = |&(cookie, tx): &(u64, u64)| session(cookie, tx, state);
                of.iter().map(session).collect::<Vec<_>>()
            };
            let batch = selection.take(Batch {
                open: Some(OpenSnapshot {
                    changed: all(open, State::Established),
                    ..OpenSnapshot::default()
                }),
                closed: all(closed, State::Closed),
                ..Batch::default()
            });
            let cookies = |all: &[Session]| all.iter().map(|s| s.cookie).collect::<Vec<_>>();
            let open = batch.open.expect("a snapshot");
            (cookies(&open.changed), cookies(&batch.closed))
        };
        assert_eq!(cookies(&[(1, 10), (2, 200)], &[]), (vec![2], vec![]));
        assert_eq!(
            cookies(&[(1, 101), (2, 0)], &[(3, 5), (4, 500)]),
            (vec![1, 2], vec![4])
        );
        assert_eq!(cookies(&[], &[(1, 0), (2, 0)]), (vec![], vec![1, 2]));
        assert_eq!(cookies(&[(1, 0)], &[(2, 0)]), (vec![], vec![]));
    }

    #[test]
    fn session_whose_close_was_missed_is_dropped_a_snapshot_later() {
        let filter = Filter::parse("tx > 100").expect("a filter");
        let mut selection = Selection::new(filter, None);
        let mut snapshot = |changed: Vec<Session>, gone: Vec<u64>| {
            let open = OpenSnapshot {
                changed,
                gone,
                ..OpenSnapshot::default()
            };
            selection.open(open);
            selection.chosen.len()
        };
        let one = |cookie| vec![session(cookie, 200, State::Established)];
        assert_eq!(snapshot(one(1), vec![]), 1);
        assert_eq!(snapshot(one(2), vec![1]), 2, "its record may follow");
        assert_eq!(snapshot(vec![], vec![]), 1);
    }

    #[test]
    fn redacted_batch_has_no_original_address_and_nothing_of_the_host() {
        let redactor = Redactor::new(b"0123456789abcdef");
        let mut selection = Selection::new(Filter::default(), Some(redactor));
        let batch = selection.take(Batch {
            closed: vec![closed_session()],
            host: Some(Default::default()),
            ..Batch::default()
        });
        assert_eq!((batch.closed.len(), batch.host), (1, None));
        assert_ne!(batch.closed[0].comm, closed_session().comm);
    }
}
