//! A frozen picture: what arrives meanwhile waits.
//!
//! Responsible for keeping that within bounds.

use std::collections::VecDeque;

use crate::collector::Batch;
use crate::session::Session;

/// What arrived while the picture was frozen.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    newest: Batch,
    closed: VecDeque<Session>,
    /// Sessions that ended meanwhile.
    pub(super) count: u64,
}

impl Waiting {
    /// Keeps the newest picture of the open ones and the newest of the finished ones, within bounds.
    pub(super) fn take(&mut self, batch: Batch, keep: usize) {
        self.count += batch.closed.len() as u64;
        self.closed.extend(batch.closed);
        let open = batch.open.or_else(|| self.newest.open.take());
        self.newest = Batch {
            open,
            closed: Vec::new(),
            ..batch
        };
        let over = self.closed.len().saturating_sub(keep.max(1));
        self.closed.drain(..over);
    }

    /// All of it, if anything came.
    pub(super) fn into_batch(self) -> Option<Batch> {
        (self.newest.taken_ns != 0).then(|| Batch {
            closed: self.closed.into(),
            ..self.newest
        })
    }
}
