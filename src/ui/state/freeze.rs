//! Batches that arrive while the display is paused, kept within bounds.

use std::collections::VecDeque;

use rustc_hash::FxHashSet;

use crate::model::batch::Batch;
use crate::model::session::{Session, SessionId};

#[derive(Debug, Default)]
pub struct Waiting {
    newest: Batch,
    /// Time of the newest snapshot.
    snapshot_ns: u64,
    /// The oldest first; the last `since_snapshot` of them closed after the snapshot.
    closed: VecDeque<Session>,
    since_snapshot: usize,
    /// Sessions that closed meanwhile.
    pub count: u64,
}

impl Waiting {
    /// Keeps the newest snapshot and the newest closed sessions. Returns closed sessions beyond `keep`.
    pub fn take(&mut self, batch: Batch, keep: usize) -> Vec<Session> {
        let ended = batch.closed.len();
        self.count += ended as u64;
        self.closed.extend(batch.closed);
        if batch.open.is_some() {
            (self.snapshot_ns, self.since_snapshot) = (batch.taken_ns, 0);
        } else {
            self.since_snapshot += ended;
        }
        let open = match (self.newest.open.take(), batch.open) {
            (Some(earlier), Some(later)) => Some(later.after(earlier, batch.taken_ns)),
            (earlier, later) => later.or(earlier),
        };
        self.newest = Batch {
            open,
            closed: Vec::new(),
            ..batch
        };
        let over = self.closed.len().saturating_sub(keep.max(1));
        let passed: Vec<Session> = self.closed.drain(..over).collect();
        // the snapshot may still contain them as open
        if let Some(open) = self.newest.open.as_mut().filter(|_| over > 0) {
            let ids: FxHashSet<SessionId> = passed.iter().map(Session::id).collect();
            open.changed.retain(|session| !ids.contains(&session.id()));
        }
        passed
    }

    /// Returns everything that arrived as up to two batches: until the last snapshot, and after it. In a single
    /// batch, the snapshot would appear to be taken just now, and all rates until the next one would be too high.
    pub fn into_batches(mut self) -> impl Iterator<Item = Batch> {
        let until_snapshot = self.closed.len().saturating_sub(self.since_snapshot);
        let after: Vec<Session> = self.closed.drain(until_snapshot..).collect();
        let snapshot = self.newest.open.take().map(|open| Batch {
            open: Some(open),
            closed: std::mem::take(&mut self.closed).into(),
            taken_ns: self.snapshot_ns,
            ..self.newest
        });
        let is_newer = self.newest.taken_ns > self.snapshot_ns || !after.is_empty();
        let rest = is_newer.then(|| Batch {
            closed: self.closed.into_iter().chain(after).collect(),
            ..self.newest
        });
        snapshot.into_iter().chain(rest)
    }
}
