//! Batches that wait for the next refresh, or for the end of a pause, kept within bounds.
//!
//! Nothing on the screen changes while they wait: all that a frame shows is of one moment.

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::model::batch::{Batch, HostSnapshot};
use crate::model::session::{Session, SessionId};

/// Closed sessions that wait for a refresh at most.
const MOST: usize = 1 << 16;

#[derive(Debug, Default)]
pub struct Waiting {
    newest: Batch,
    /// Time of the newest snapshot.
    snapshot_ns: u64,
    /// As they came, the oldest first. The last `since_snapshot` of them came after the snapshot, and `with_snapshot`
    /// before these came with it, so that it may still contain them.
    closed: VecDeque<Vec<Session>>,
    with_snapshot: usize,
    since_snapshot: usize,
    /// Sessions in `closed`.
    held: usize,
    /// Sessions that closed meanwhile.
    pub count: u64,
}

impl Waiting {
    /// Adds a batch. Keeps the newest snapshot and all closed sessions.
    pub fn add(&mut self, batch: Batch) {
        self.held += batch.closed.len();
        self.count += batch.closed.len() as u64;
        let added = usize::from(!batch.closed.is_empty());
        self.closed.extend((added > 0).then_some(batch.closed));
        let since = self.with_snapshot + self.since_snapshot + added;
        if batch.open.is_some() {
            self.snapshot_ns = batch.taken_ns;
            (self.with_snapshot, self.since_snapshot) = (added, 0);
        } else {
            self.since_snapshot += added;
        }
        let open = match (self.newest.open.take(), batch.open) {
            (Some(earlier), Some(later)) => {
                let since = self.closed.iter().rev().take(since).flatten();
                let closed: FxHashSet<SessionId> = since.map(Session::id).collect();
                Some(later.after(earlier, &closed, batch.taken_ns))
            }
            (earlier, later) => later.or(earlier),
        };
        let host = batch.host.or(self.newest.host.take());
        self.newest = Batch {
            open,
            closed: Vec::new(),
            host,
            ..batch
        };
    }

    /// Takes the newest snapshot of the host.
    pub fn take_host(&mut self) -> Option<Arc<HostSnapshot>> {
        self.newest.host.take()
    }

    /// True if a snapshot waits.
    pub fn has_snapshot(&self) -> bool {
        self.newest.open.is_some()
    }

    /// True if no more sessions should wait.
    pub fn is_full(&self) -> bool {
        self.held >= MOST
    }

    /// Returns the oldest closed sessions beyond `keep`, which wait no longer.
    pub fn drain_over(&mut self, keep: usize) -> Vec<Session> {
        let over = self.held.saturating_sub(keep.max(1));
        let mut passed = Vec::with_capacity(over);
        while passed.len() < over {
            let Some(oldest) = self.closed.front_mut() else {
                break;
            };
            let from_it = oldest.len().min(over - passed.len());
            passed.extend(oldest.drain(..from_it));
            if oldest.is_empty() {
                self.closed.pop_front();
            }
        }
        self.held -= passed.len();
        // the snapshot may still contain them as open
        if let Some(open) = self.newest.open.as_mut().filter(|_| over > 0) {
            let ids: FxHashSet<SessionId> = passed.iter().map(Session::id).collect();
            open.changed.retain(|session| !ids.contains(&session.id()));
        }
        passed
    }

    /// Drops the waiting open sessions that are not followed any more.
    pub fn follow_only(&mut self, is_followed: impl Fn(&Session) -> bool) {
        if let Some(open) = &mut self.newest.open {
            open.keep_only(is_followed);
        }
    }

    /// Returns everything that arrived as batches: before the last snapshot, the snapshot, and after it. Sessions stay in
    /// the memory in which they came. In a single batch, the snapshot would appear to be taken just now, and all rates until
    /// the next one would be too high; and sessions that closed before it would be missing in it before their close is known.
    pub fn into_batches(mut self) -> impl Iterator<Item = Batch> {
        let since = self.since_snapshot.min(self.closed.len());
        let after = self.closed.split_off(self.closed.len() - since);
        let with = self.with_snapshot.min(self.closed.len());
        let with = (with > 0).then(|| self.closed.pop_back()).flatten();
        let before = self.closed;
        let open = self.newest.open.take();
        let (newest, snapshot_ns) = (self.newest, self.snapshot_ns);
        let is_newer = newest.taken_ns > snapshot_ns || !after.is_empty();
        // the moment is that of the newest batch, whether a session closed in it or not
        let last = (is_newer && after.is_empty()).then(Vec::new);
        let newest_ns = newest.taken_ns;
        let snapshot = open.map(|open| (Some(open), with.unwrap_or_default(), snapshot_ns));
        let before = before.into_iter().map(move |c| (None, c, snapshot_ns));
        let after = after.into_iter().chain(last);
        let after = after.map(move |c| (None, c, newest_ns));
        let parts = before.chain(snapshot).chain(after);
        parts.map(move |(open, closed, taken_ns)| Batch {
            open,
            closed,
            taken_ns,
            ..newest.clone()
        })
    }
}
