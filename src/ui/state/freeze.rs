//! A frozen picture: what arrives meanwhile waits.
//!
//! Responsible for keeping that within bounds.

use std::collections::VecDeque;

use rustc_hash::FxHashSet;

use crate::model::batch::Batch;
use crate::model::session::{Session, SessionId};

/// What arrived while the picture was frozen.
#[derive(Debug, Default)]
pub struct Waiting {
    newest: Batch,
    /// When the open sessions in it were looked at.
    looked_ns: u64,
    /// The oldest first; the last so many of them ended after that look.
    closed: VecDeque<Session>,
    since_look: usize,
    /// Sessions that ended meanwhile.
    pub count: u64,
}

impl Waiting {
    /// Keeps the newest picture of the open ones and the newest of the finished ones. Returns the finished ones that there
    /// is no room for.
    pub fn take(&mut self, batch: Batch, keep: usize) -> Vec<Session> {
        let ended = batch.closed.len();
        self.count += ended as u64;
        self.closed.extend(batch.closed);
        if batch.open.is_some() {
            (self.looked_ns, self.since_look) = (batch.taken_ns, 0);
        } else {
            self.since_look += ended;
        }
        let open = match (self.newest.open.take(), batch.open) {
            (Some(earlier), Some(look)) => Some(look.after(earlier, batch.taken_ns)),
            (earlier, look) => look.or(earlier),
        };
        self.newest = Batch {
            open,
            closed: Vec::new(),
            ..batch
        };
        let over = self.closed.len().saturating_sub(keep.max(1));
        let passed: Vec<Session> = self.closed.drain(..over).collect();
        // that look may have found them open: they are over
        if let Some(open) = self.newest.open.as_mut().filter(|_| over > 0) {
            let ids: FxHashSet<SessionId> = passed.iter().map(Session::id).collect();
            open.changed.retain(|session| !ids.contains(&session.id()));
        }
        passed
    }

    /// All of it, if anything came: until the last look, and after it. As one batch it would take that look for one
    /// that was made just now, and all rates until the next one would be too high.
    pub fn into_batches(mut self) -> impl Iterator<Item = Batch> {
        let until_look = self.closed.len().saturating_sub(self.since_look);
        let after: Vec<Session> = self.closed.drain(until_look..).collect();
        let look = self.newest.open.take().map(|open| Batch {
            open: Some(open),
            closed: std::mem::take(&mut self.closed).into(),
            taken_ns: self.looked_ns,
            ..self.newest
        });
        let is_newer = self.newest.taken_ns > self.looked_ns || !after.is_empty();
        let rest = is_newer.then(|| Batch {
            closed: self.closed.into_iter().chain(after).collect(),
            ..self.newest
        });
        look.into_iter().chain(rest)
    }
}
