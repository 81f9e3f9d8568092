//! Progress through the closed sessions that exist when somebody starts counting.

use std::ops::Range;

use crate::model::store::Store;

/// Iterates over the closed sessions that exist when somebody starts counting: newest first and in chunks, so that
/// nothing waits for all of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backfill {
    /// Sessions from this number on are done or out of scope.
    next: u64,
    chunk: u64,
}

impl Backfill {
    /// Covers all sessions kept now, `chunk` at a time.
    pub fn new(store: &Store, chunk: u64) -> Self {
        Backfill {
            next: store.closed_numbers().end,
            chunk,
        }
    }

    /// Changes how many sessions a chunk has.
    pub fn set_chunk(&mut self, chunk: u64) {
        self.chunk = chunk;
    }

    pub fn is_done(&self, store: &Store) -> bool {
        self.next <= store.closed_numbers().start
    }

    /// Returns the number that the next chunk ends before.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// True if the session of that number has been handed out, or came later.
    pub fn has_reached(&self, number: u64) -> bool {
        self.next <= number
    }

    /// Returns the numbers of the next chunk, for [`Store::closed_in`]; empty when none is left.
    pub fn take_chunk(&mut self, store: &Store) -> Range<u64> {
        let end = self.next;
        self.next = end
            .saturating_sub(self.chunk)
            .max(store.closed_numbers().start)
            .min(end);
        self.next..end
    }
}
