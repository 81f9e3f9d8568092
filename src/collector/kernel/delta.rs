//! Tracks the open sessions from snapshot to snapshot: the kernel reports those that have changed since the previous
//! one in full, and for the others only that they still exist.
//!
//! Also detects when the kernel reports an unknown session as unchanged. `bpf` gets the bytes, `decode` interprets a
//! record.

use rustc_hash::FxHashMap;

use crate::collector::kernel::decode::{BadRecord, DecodeContext, decode};
use crate::collector::kernel::process_names::Owner;
use crate::collector::kernel::skel::types::{session_record, unchanged_session};
use crate::model::batch::OpenSnapshot;
use crate::model::session::{Evidence, Session, State};

/// Sessions of the last snapshot.
#[derive(Debug, Default)]
pub struct DeltaTracker {
    known: FxHashMap<u64, KnownSession>,
    /// Number of snapshots begun.
    snapshot: u64,
    /// Number of sessions in the current one.
    seen: usize,
    found: OpenSnapshot,
    is_amiss: bool,
}

#[derive(Debug)]
struct KnownSession {
    /// The last snapshot that it was in.
    snapshot: u64,
    /// Its index among the changed ones of that snapshot.
    changed: Option<usize>,
    /// Its start time, if no process has been seen using it.
    unowned_ns: Option<u64>,
    /// Its owner, if it has a name that may change, and when it was first seen.
    owner: Option<(Owner, u64)>,
}

impl DeltaTracker {
    /// Begins a snapshot.
    pub fn begin_snapshot(&mut self) {
        self.snapshot += 1;
        self.seen = 0;
        self.is_amiss = false;
        self.found = OpenSnapshot {
            changed: Vec::new(),
            unchanged: Vec::with_capacity(self.known.len()),
        };
    }

    /// Takes output of the iterator and returns how many bytes it has consumed: a record that is cut off at the end
    /// must be passed again when there is more.
    ///
    /// # Errors
    /// If the bytes contain an invalid record.
    pub fn take(&mut self, bytes: &[u8], context: &mut DecodeContext) -> Result<usize, BadRecord> {
        let mut rest = bytes;
        while let Some(first) = rest.first_chunk() {
            let is_unchanged = u64::from_ne_bytes(*first) == 0;
            let size = if is_unchanged {
                size_of::<unchanged_session>()
            } else {
                size_of::<session_record>()
            };
            let Some((item, after)) = rest.split_at_checked(size) else {
                break;
            };
            if is_unchanged {
                self.take_unchanged(item)?;
            } else {
                let session = decode(item, context)?;
                self.take_changed(session, context);
            }
            rest = after;
        }
        Ok(bytes.len() - rest.len())
    }

    fn take_changed(&mut self, mut session: Session, context: &DecodeContext) {
        let owner = Owner::of(&session);
        let known = self.known.get(&session.cookie);
        let before = known.and_then(|k| k.owner);
        // where the kernel reports a session more than once, its last figures count
        let same = known.filter(|k| k.snapshot == self.snapshot);
        self.seen += usize::from(same.is_none());
        let place = same.and_then(|k| k.changed);
        let known = KnownSession {
            snapshot: self.snapshot,
            changed: place.or(Some(self.found.changed.len())),
            unowned_ns: is_unowned(&session).then_some(session.start_ns),
            owner: owner.map(|owner| match before {
                Some((before, seen_ns)) if before == owner => (owner, seen_ns),
                _ => (owner, session.end_ns),
            }),
        };
        self.known.insert(session.cookie, known);
        context.names.apply(&mut session);
        match place.and_then(|at| self.found.changed.get_mut(at)) {
            Some(earlier) => *earlier = session,
            None => self.found.changed.push(session),
        }
    }

    fn take_unchanged(&mut self, item: &[u8]) -> Result<(), BadRecord> {
        let unchanged: unchanged_session =
            bytemuck::try_pod_read_unaligned(item).map_err(|_| BadRecord(item.len()))?;
        match self.known.get_mut(&unchanged.cookie) {
            Some(known) if known.snapshot == self.snapshot => {}
            Some(known) => {
                known.snapshot = self.snapshot;
                known.changed = None;
                self.seen += 1;
                self.found.unchanged.push(unchanged.cookie);
            }
            None => self.is_amiss = true,
        }
        Ok(())
    }

    /// Ends a snapshot.
    pub fn end_snapshot(&mut self) -> OpenSnapshot {
        if self.known.len() > self.seen {
            self.known
                .retain(|_, known| known.snapshot == self.snapshot);
        }
        std::mem::take(&mut self.found)
    }

    /// True if the last snapshot reported an unknown session as unchanged: the kernel may skip a session while others
    /// disappear. The next snapshot must then include all sessions in full.
    pub fn is_amiss(&self) -> bool {
        self.is_amiss
    }

    /// Owners of the sessions, and when each was first seen.
    pub fn owners(&self) -> impl Iterator<Item = (Owner, u64)> {
        self.known.values().filter_map(|known| known.owner)
    }

    /// Start times of the sessions that no process has been seen using.
    pub fn unowned(&self) -> impl Iterator<Item = u64> {
        self.known.values().filter_map(|known| known.unowned_ns)
    }
}

/// True if a process may be using the session, but none has been seen using it.
fn is_unowned(session: &Session) -> bool {
    match session.owner {
        Evidence::Listen => true,
        // in other states no process has the session open, so no scan would find one
        Evidence::None => matches!(session.state, State::Established | State::CloseWait),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collector::kernel::process_names::ProcessNames;
    use crate::host::cgroup::Cgroups;
    use crate::host::interfaces::Interfaces;

    /// A record of a session that began at second 1.
    fn told(cookie: u64, tx_bytes: u64, owner: u8) -> Vec<u8> {
        let record = session_record {
            cookie,
            start_ns: 1_000_000_000,
            bytes_acked: tx_bytes,
            owner,
            direction: 2,
            ip: 4,
            state: 1,
            ..bytemuck::Zeroable::zeroed()
        };
        let size = size_of::<session_record>();
        // SAFETY: integers without padding, as tcplife.h asserts.
        unsafe { std::slice::from_raw_parts((&raw const record).cast::<u8>(), size) }.to_vec()
    }

    fn as_before(cookie: u64) -> Vec<u8> {
        [0_u64, cookie].map(u64::to_ne_bytes).concat()
    }

    /// Returns the changed sessions with their bytes, and the unchanged ones.
    fn snapshot(deltas: &mut DeltaTracker, bytes: &[Vec<u8>]) -> (Vec<(u64, u64)>, Vec<u64>) {
        let mut context = DecodeContext {
            hz: 1000,
            started_ns: 0,
            cgroups: Cgroups::none(),
            names: ProcessNames::default(),
            interfaces: Interfaces::default(),
        };
        deltas.begin_snapshot();
        // in pieces, as they may arrive
        let mut waiting = Vec::new();
        for piece in bytes.concat().chunks(7) {
            waiting.extend(piece);
            let done = deltas.take(&waiting, &mut context).expect("records");
            waiting.drain(..done);
        }
        assert_eq!(waiting, [0; 0]);
        let found = deltas.end_snapshot();
        let changed = found.changed.iter().map(|s| (s.cookie, s.tx_bytes));
        (changed.collect(), found.unchanged)
    }

    #[test]
    fn delta_has_changed_sessions_in_full_and_others_by_cookie() {
        let mut deltas = DeltaTracker::default();
        let first = snapshot(&mut deltas, &[told(1, 5, 0), told(2, 6, 0)]);
        assert_eq!(first, (vec![(1, 5), (2, 6)], vec![]));
        let second = snapshot(&mut deltas, &[as_before(2), told(1, 9, 0)]);
        assert_eq!(second, (vec![(1, 9)], vec![2]));
        assert_eq!(snapshot(&mut deltas, &[as_before(1)]), (vec![], vec![1]));
        assert!(!deltas.is_amiss());
    }

    #[test]
    fn delta_unchanged_session_not_in_last_snapshot_is_needed_in_full() {
        let mut deltas = DeltaTracker::default();
        snapshot(&mut deltas, &[told(1, 5, 0), told(3, 5, 0)]);
        snapshot(&mut deltas, &[as_before(1)]);
        assert!(!deltas.is_amiss());
        let third = snapshot(&mut deltas, &[as_before(1), as_before(3)]);
        assert_eq!(third, (vec![], vec![1]));
        assert!(deltas.is_amiss());
        snapshot(&mut deltas, &[told(1, 5, 0), told(3, 5, 0)]);
        assert!(!deltas.is_amiss());
    }

    #[test]
    fn delta_sessions_without_owner_are_kept_while_unchanged() {
        let mut deltas = DeltaTracker::default();
        let unowned = |deltas: &DeltaTracker| deltas.unowned().collect::<Vec<_>>();
        snapshot(&mut deltas, &[told(1, 0, 1), told(2, 0, 4)]);
        assert_eq!(unowned(&deltas), [1_000_000_000]);
        snapshot(&mut deltas, &[as_before(1), as_before(2)]);
        assert_eq!(unowned(&deltas), [1_000_000_000]);
        snapshot(&mut deltas, &[told(1, 0, 2), as_before(2)]);
        assert_eq!(unowned(&deltas), [0; 0]);
    }
}
