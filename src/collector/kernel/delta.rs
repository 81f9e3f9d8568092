//! Tracks the open sessions from snapshot to snapshot: the kernel reports those that have changed since the previous
//! one in full, and counts the others in cells by their cookies.
//!
//! The cells are compared with the known sessions: what a cell lacks is the cookie of a session that is gone. So nothing
//! is done for a session that has not changed. `snapshots` has the kernel visit them.

use std::collections::hash_map::Entry;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::collector::kernel::process_names::{Owner, ProcessNames};
use crate::model::batch::OpenSnapshot;
use crate::model::session::{Evidence, Session, SessionId, State};

/// Number of cells: `UNCHANGED_CELLS` of tcplife.h.
const CELLS: usize = 4096;
/// Cells that may hold more differences than one before the next snapshot has to include every session in full.
const UNCLEAR_CELLS: usize = CELLS / 8;
/// Snapshots have the numbers from 1 to this.
const LAST_NUMBER: u8 = 127;
/// Snapshots in a row without a session after which it is gone in any case.
const GONE_AFTER: u8 = 8;

/// A number of sessions and the sum of their cookies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    count: i64,
    cookies: u64,
}

impl Tally {
    fn add(&mut self, cookie: u64) {
        self.count += 1;
        self.cookies = self.cookies.wrapping_add(cookie);
    }

    fn remove(&mut self, cookie: u64) {
        self.count -= 1;
        self.cookies = self.cookies.wrapping_sub(cookie);
    }

    fn without(self, other: Tally) -> Tally {
        Tally {
            count: self.count - other.count,
            cookies: self.cookies.wrapping_sub(other.cookies),
        }
    }

    fn with(self, other: Tally) -> Tally {
        Tally {
            count: self.count + other.count,
            cookies: self.cookies.wrapping_add(other.cookies),
        }
    }
}

/// The unchanged sessions of a snapshot, as the kernel counts them.
#[derive(Debug)]
pub struct Cells {
    cells: Vec<Tally>,
    factor: u64,
}

impl Cells {
    /// Takes the number of sessions and the sum of their cookies for each cell. `factor` is that of the snapshot.
    pub fn new(cells: impl Iterator<Item = (u32, u64)>, factor: u64) -> Self {
        let tally = |(count, cookies): (u32, u64)| Tally {
            count: count.into(),
            cookies,
        };
        let mut cells: Vec<Tally> = cells.map(tally).collect();
        cells.resize(CELLS, Tally::default());
        Cells { cells, factor }
    }

    fn cell(&mut self, cookie: u64) -> &mut Tally {
        // as count_unchanged() of snapshot.bpf.h
        let at = cookie.wrapping_mul(self.factor) >> 52;
        &mut self.cells[at as usize % CELLS]
    }

    fn sum(&self) -> Tally {
        self.cells
            .iter()
            .fold(Tally::default(), |sum, t| sum.with(*t))
    }
}

/// A snapshot to take: what the kernel has to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Number that distinguishes it from the ones before: 1 to 127.
    pub number: u8,
    /// Odd factor that leads from a cookie to its cell.
    pub cell_factor: u64,
}

/// Sessions of the last snapshot.
#[derive(Debug, Default)]
pub struct DeltaTracker {
    known: FxHashMap<u64, KnownSession>,
    owners: OwnerTable,
    /// Start times of the known sessions that no process has been seen using.
    unowned: FxHashMap<u64, u64>,
    /// All known sessions.
    all: Tally,
    /// Known sessions that the last snapshots did not contain, with the number of these snapshots.
    missing: FxHashMap<u64, u8>,
    /// The kernel's sessions that were not known.
    strangers: FxHashSet<u64>,
    /// Number of the current snapshot; 0: none was begun.
    number: u8,
    is_taking: bool,
    /// The current one reports every session in full.
    is_whole: bool,
    /// Sessions that it reported in full, without those that have closed since.
    changed: Tally,
    found: Vec<Session>,
    closed: FxHashSet<SessionId>,
    /// Cookies of those that it counted as unchanged and that have closed since.
    closed_unchanged: Vec<u64>,
    is_amiss: bool,
}

#[derive(Clone, Copy, Debug)]
struct KnownSession {
    start_ns: u64,
    /// Its owner in the table, if it has a name that may change.
    owner: Option<OwnerNumber>,
}

impl DeltaTracker {
    /// Begins a snapshot; `is_whole`: the kernel has been asked to report every session in full.
    pub fn begin_snapshot(&mut self, is_whole: bool) -> Begun {
        self.number = self.number % LAST_NUMBER + 1;
        self.is_taking = true;
        self.is_whole = is_whole;
        self.is_amiss = false;
        self.changed = Tally::default();
        self.found.clear();
        self.closed.clear();
        self.closed_unchanged.clear();
        // the golden ratio's fraction spreads numbers that follow each other
        let cell_factor = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(u64::from(self.number) * 2 + 1);
        Begun {
            number: self.number,
            cell_factor,
        }
    }

    /// Takes a session that the current snapshot has in full, as in its record, and gives its owner the current name.
    pub fn take(&mut self, mut session: Session, names: &ProcessNames) {
        let cookie = session.cookie;
        let owner = Owner::of(&session).map(|owner| self.owners.join(owner, session.end_ns));
        let known = KnownSession {
            start_ns: session.start_ns,
            owner,
        };
        match self.known.insert(cookie, known) {
            Some(before) => self.owners.leave(before.owner),
            None => self.all.add(cookie),
        }
        if is_unowned(&session) {
            self.unowned.insert(cookie, session.start_ns);
        } else if !self.unowned.is_empty() {
            self.unowned.remove(&cookie);
        }
        self.changed.add(cookie);
        names.apply(&mut session);
        self.found.push(session);
    }

    /// Takes note of a session that has closed: the current snapshot must not show it any more. `seen` is what its record
    /// says of the snapshots that contained it.
    pub fn close(&mut self, id: SessionId, seen: u8) {
        // most are too short to be in any snapshot
        if seen == 0 {
            return;
        }
        if self.is_taking && seen >> 1 == self.number {
            if seen & 1 == 1 {
                self.closed_unchanged.push(id.cookie);
            } else {
                self.changed.remove(id.cookie);
                self.closed.insert(id);
            }
        }
        if let Entry::Occupied(known) = self.known.entry(id.cookie)
            && known.get().start_ns == id.start_ns
        {
            let known = known.remove();
            self.left(id.cookie, known);
        }
    }

    fn forget(&mut self, cookie: u64) {
        if let Some(known) = self.known.remove(&cookie) {
            self.left(cookie, known);
        }
    }

    /// Follows the removal of a known session.
    fn left(&mut self, cookie: u64, known: KnownSession) {
        self.all.remove(cookie);
        self.owners.leave(known.owner);
        if !self.unowned.is_empty() {
            self.unowned.remove(&cookie);
        }
    }

    /// Ends a snapshot. `cells` has the sessions that it found unchanged. Every session that closed before must have been
    /// passed to [`DeltaTracker::close`].
    /// `is_unbroken`: each iterator was read in one go, so that it cannot have skipped a session.
    pub fn end_snapshot(&mut self, cells: Cells, is_unbroken: bool) -> OpenSnapshot {
        self.is_taking = false;
        let mut changed = std::mem::take(&mut self.found);
        let closed = std::mem::take(&mut self.closed);
        if !closed.is_empty() {
            changed.retain(|session| !closed.contains(&session.id()));
        }
        let cookies = || changed.iter().map(|s| s.cookie).collect::<FxHashSet<u64>>();
        let gone = if self.is_whole {
            self.keep_only(&cookies());
            Vec::new()
        } else if self.is_complete(&cells) {
            self.missing.clear();
            self.strangers.clear();
            Vec::new()
        } else {
            self.compare(cells, &cookies(), is_unbroken)
        };
        OpenSnapshot {
            changed,
            gone,
            is_whole: self.is_whole,
            ..OpenSnapshot::default()
        }
    }

    /// True if the snapshot contained the known sessions and no others.
    fn is_complete(&self, cells: &Cells) -> bool {
        let mut found = cells.sum();
        for cookie in &self.closed_unchanged {
            found.remove(*cookie);
        }
        found == self.all.without(self.changed)
    }

    fn keep_only(&mut self, changed: &FxHashSet<u64>) {
        self.missing.clear();
        self.strangers.clear();
        if self.known.len() > changed.len() {
            let others = self.known.keys().filter(|c| !changed.contains(c));
            for cookie in others.copied().collect::<Vec<_>>() {
                self.forget(cookie);
            }
        }
    }

    /// Returns the sessions that are gone. One is gone if two snapshots in a row did not contain it, the second of them
    /// unbroken: an iterator that goes on after a break may skip a session while others disappear, and a session may be
    /// closing, with its record not drained yet.
    fn compare(
        &mut self,
        mut cells: Cells,
        changed: &FxHashSet<u64>,
        is_unbroken: bool,
    ) -> Vec<u64> {
        let expected = self.known.keys().filter(|c| !changed.contains(c));
        for cookie in expected.chain(&self.closed_unchanged) {
            cells.cell(*cookie).remove(*cookie);
        }
        let (mut missing, mut strangers) = (FxHashSet::default(), FxHashSet::default());
        let mut unclear = 0;
        for difference in &cells.cells {
            let lacks = difference.cookies.wrapping_neg();
            match difference.count {
                0 if difference.cookies == 0 => {}
                -1 if self.known.contains_key(&lacks) => _ = missing.insert(lacks),
                1 => _ = strangers.insert(difference.cookies),
                _ => unclear += 1,
            }
        }
        let is_stranger = strangers.iter().any(|c| self.strangers.contains(c));
        self.is_amiss = is_stranger || unclear > UNCLEAR_CELLS;
        self.strangers = strangers;
        // those that share a cell are told apart by the next snapshot, which has other cells
        let mut gone = Vec::new();
        for (cookie, times) in std::mem::take(&mut self.missing) {
            let is_unclear = *cells.cell(cookie) != Tally::default();
            if !missing.remove(&cookie) {
                if is_unclear && self.known.contains_key(&cookie) {
                    self.missing.insert(cookie, times);
                }
            } else if is_unbroken || times >= GONE_AFTER {
                gone.push(cookie);
            } else {
                self.missing.insert(cookie, times + 1);
            }
        }
        self.missing
            .extend(missing.into_iter().map(|cookie| (cookie, 1)));
        gone.iter().for_each(|cookie| self.forget(*cookie));
        gone
    }

    /// True if the last snapshot contained sessions that are not known, or lacked too many to tell which. The next snapshot
    /// must then include all sessions in full.
    pub fn is_amiss(&self) -> bool {
        self.is_amiss
    }

    /// True if sessions were missing in the last snapshot. The next one should be unbroken.
    pub fn has_missing(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Number of known sessions.
    pub fn known_count(&self) -> usize {
        self.known.len()
    }

    /// Owners of the sessions, and when each was first seen.
    pub fn owners(&self) -> impl Iterator<Item = (Owner, u64)> {
        self.owners.iter()
    }

    /// Start times of the sessions that no process has been seen using.
    pub fn unowned(&self) -> impl Iterator<Item = u64> {
        self.unowned.values().copied()
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

/// Place of an owner in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct OwnerNumber(u32);

/// The owners of the known sessions.
#[derive(Debug, Default)]
struct OwnerTable {
    numbers: FxHashMap<Owner, OwnerNumber>,
    entries: Vec<OwnerEntry>,
    free: Vec<OwnerNumber>,
}

#[derive(Debug)]
struct OwnerEntry {
    owner: Owner,
    /// When it was first seen.
    seen_ns: u64,
    /// Sessions that it owns.
    sessions: u32,
}

impl OwnerTable {
    /// Adds a session of an owner.
    fn join(&mut self, owner: Owner, seen_ns: u64) -> OwnerNumber {
        let number = *self.numbers.entry(owner).or_insert_with(|| {
            let entry = OwnerEntry {
                owner,
                seen_ns,
                sessions: 0,
            };
            match self.free.pop() {
                Some(number) => {
                    self.entries[number.0 as usize] = entry;
                    number
                }
                None => {
                    self.entries.push(entry);
                    OwnerNumber(self.entries.len() as u32 - 1)
                }
            }
        });
        self.entries[number.0 as usize].sessions += 1;
        number
    }

    /// Removes a session of an owner.
    fn leave(&mut self, number: Option<OwnerNumber>) {
        let Some(number) = number else {
            return;
        };
        let entry = &mut self.entries[number.0 as usize];
        entry.sessions -= 1;
        if entry.sessions == 0 {
            self.numbers.remove(&entry.owner);
            self.free.push(number);
        }
    }

    fn iter(&self) -> impl Iterator<Item = (Owner, u64)> {
        let of = |number: &OwnerNumber| &self.entries[number.0 as usize];
        let entries = self.numbers.values().map(of);
        entries.map(|entry| (entry.owner, entry.seen_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_NS: u64 = 1_000_000_000;

    /// A session that began at second 1.
    fn session(cookie: u64, tx_bytes: u64, owner: Evidence) -> Session {
        Session {
            cookie,
            start_ns: START_NS,
            tx_bytes,
            owner,
            state: State::Established,
            ..crate::testing::sample::closed_session()
        }
    }

    /// The kernel's side, and the tracker.
    #[derive(Default)]
    struct Kernel {
        deltas: DeltaTracker,
        begun: Option<Begun>,
        unchanged: Vec<u64>,
        is_unbroken: bool,
    }

    impl Kernel {
        fn begin(&mut self, is_whole: bool) {
            self.begun = Some(self.deltas.begin_snapshot(is_whole));
            self.unchanged.clear();
        }

        fn number(&self) -> u8 {
            self.begun.expect("one was begun").number
        }

        /// Visits changed sessions, with their bytes.
        fn visit(&mut self, changed: &[(u64, u64)]) {
            for (cookie, tx_bytes) in changed {
                self.visit_owned(*cookie, *tx_bytes, Evidence::Read);
            }
        }

        fn visit_owned(&mut self, cookie: u64, tx_bytes: u64, owner: Evidence) {
            let session = session(cookie, tx_bytes, owner);
            self.deltas.take(session, &ProcessNames::default());
        }

        fn count(&mut self, unchanged: &[u64]) {
            self.unchanged.extend(unchanged);
        }

        /// Closes a session that this snapshot contained, changed or not, or not yet.
        fn close(&mut self, cookie: u64, seen: Option<bool>) {
            let number = self.number();
            let seen = match seen {
                Some(is_unchanged) => number << 1 | u8::from(is_unchanged),
                None => (number - 1) << 1,
            };
            let start_ns = START_NS;
            self.deltas.close(SessionId { cookie, start_ns }, seen);
        }

        /// Returns the changed sessions with their bytes, and those that are gone.
        fn end(&mut self) -> (Vec<(u64, u64)>, Vec<u64>) {
            let factor = self.begun.expect("one was begun").cell_factor;
            let mut cells = Cells::new(std::iter::empty(), factor);
            for cookie in &self.unchanged {
                cells.cell(*cookie).add(*cookie);
            }
            let found = self.deltas.end_snapshot(cells, self.is_unbroken);
            let changed = found.changed.iter().map(|s| (s.cookie, s.tx_bytes));
            let mut gone = found.gone;
            gone.sort_unstable();
            (changed.collect(), gone)
        }

        fn snapshot(
            &mut self,
            changed: &[(u64, u64)],
            unchanged: &[u64],
        ) -> (Vec<(u64, u64)>, Vec<u64>) {
            self.begin(false);
            self.visit(changed);
            self.count(unchanged);
            self.end()
        }
    }

    #[test]
    fn delta_has_changed_sessions_alone() {
        let mut kernel = Kernel::default();
        let first = kernel.snapshot(&[(1, 5), (2, 6)], &[]);
        assert_eq!(first, (vec![(1, 5), (2, 6)], vec![]));
        assert_eq!(kernel.snapshot(&[(1, 9)], &[2]), (vec![(1, 9)], vec![]));
        assert_eq!(kernel.snapshot(&[], &[1, 2]), (vec![], vec![]));
        assert!(!kernel.deltas.is_amiss());
    }

    #[test]
    fn delta_session_missing_twice_in_a_row_is_gone() {
        let mut kernel = Kernel::default();
        let all: Vec<(u64, u64)> = (1..=2000).map(|c| (c, 0)).collect();
        kernel.snapshot(&all, &[]);
        let but = |gone: &[u64]| {
            (1..=2000)
                .filter(|c| !gone.contains(c))
                .collect::<Vec<u64>>()
        };
        assert_eq!(kernel.snapshot(&[], &but(&[3, 7])).1, [0; 0]);
        // 7 was skipped, and 3 may have been skipped twice
        assert_eq!(kernel.snapshot(&[], &but(&[3, 8])).1, [0; 0]);
        assert!(kernel.deltas.has_missing());
        kernel.is_unbroken = true;
        assert_eq!(kernel.snapshot(&[], &but(&[3])).1, [3]);
        assert!(!kernel.deltas.has_missing());
        assert_eq!(kernel.snapshot(&[], &but(&[3])).1, [0; 0]);
        assert_eq!(kernel.snapshot(&[], &but(&[3])).1, [0; 0]);
        assert!(!kernel.deltas.is_amiss());
    }

    #[test]
    fn delta_sessions_missing_in_shared_cells_are_told_apart() {
        let mut kernel = Kernel::default();
        let all: Vec<(u64, u64)> = (1..=20_000).map(|c| (c * 7, 0)).collect();
        kernel.snapshot(&all, &[]);
        kernel.is_unbroken = true;
        let gone: Vec<u64> = (1..=300).map(|c| c * 7 * 31).collect();
        let left: Vec<u64> = all
            .iter()
            .map(|s| s.0)
            .filter(|c| !gone.contains(c))
            .collect();
        let mut found = Vec::new();
        let mut snapshots = 0;
        while found.len() < gone.len() && snapshots < 10 {
            found.extend(kernel.snapshot(&[], &left).1);
            assert!(!kernel.deltas.is_amiss());
            snapshots += 1;
        }
        found.sort_unstable();
        assert_eq!(found, gone, "after {snapshots}");
    }

    #[test]
    fn delta_more_missing_than_cells_tell_needs_all_in_full() {
        let mut kernel = Kernel::default();
        let all: Vec<(u64, u64)> = (1..=20_000).map(|c| (c, 0)).collect();
        kernel.snapshot(&all, &[]);
        assert_eq!(kernel.snapshot(&[], &[1, 2, 3]).1, [0; 0]);
        assert!(kernel.deltas.is_amiss());
        kernel.begin(true);
        kernel.visit(&[(1, 0), (2, 0)]);
        kernel.end();
        assert!(!kernel.deltas.is_amiss());
        assert_eq!(kernel.snapshot(&[], &[1, 2]), (vec![], vec![]));
        assert_eq!(kernel.deltas.known.len(), 2);
    }

    #[test]
    fn delta_unknown_session_is_needed_in_full() {
        let mut kernel = Kernel::default();
        kernel.snapshot(&[(1, 5)], &[]);
        kernel.snapshot(&[], &[1, 3]);
        assert!(!kernel.deltas.is_amiss(), "it may just have closed");
        kernel.snapshot(&[], &[1]);
        kernel.snapshot(&[], &[1, 3]);
        assert!(!kernel.deltas.is_amiss());
        kernel.snapshot(&[], &[1, 3]);
        assert!(kernel.deltas.is_amiss());
    }

    #[test]
    fn delta_session_closed_while_the_snapshot_is_taken_is_not_shown_any_more() {
        let mut kernel = Kernel::default();
        kernel.snapshot(&[(1, 5), (2, 5), (3, 5), (4, 5)], &[]);
        kernel.begin(false);
        kernel.visit(&[(1, 6), (5, 1)]);
        kernel.count(&[2, 4]);
        kernel.close(1, Some(false));
        kernel.close(2, Some(true));
        kernel.close(3, None);
        kernel.close(5, Some(false));
        assert!(kernel.deltas.is_complete(&{
            let factor = kernel.begun.expect("one was begun").cell_factor;
            let mut cells = Cells::new(std::iter::empty(), factor);
            for cookie in [2, 4] {
                cells.cell(cookie).add(cookie);
            }
            cells
        }));
        assert_eq!(kernel.end(), (vec![], vec![]));
        assert_eq!(kernel.snapshot(&[], &[4]), (vec![], vec![]));
        assert_eq!(kernel.deltas.known.len(), 1);
    }

    #[test]
    fn delta_socket_connected_again_is_another_session() {
        let mut kernel = Kernel::default();
        kernel.snapshot(&[(1, 5)], &[]);
        kernel.begin(false);
        kernel.visit(&[(1, 6)]);
        // the record of the close of an earlier session arrives after the new session was visited
        let earlier = SessionId {
            cookie: 1,
            start_ns: START_NS - 1,
        };
        kernel.deltas.close(earlier, (kernel.number() - 1) << 1);
        assert_eq!(kernel.end(), (vec![(1, 6)], vec![]));
        assert_eq!(kernel.snapshot(&[], &[1]), (vec![], vec![]));
        assert_eq!(kernel.snapshot(&[], &[1]), (vec![], vec![]));
    }

    #[test]
    fn delta_sessions_without_owner_are_kept_while_unchanged() {
        let mut kernel = Kernel::default();
        let unowned = |kernel: &Kernel| kernel.deltas.unowned().collect::<Vec<_>>();
        kernel.begin(true);
        kernel.visit_owned(1, 0, Evidence::Listen);
        kernel.visit_owned(2, 0, Evidence::Close);
        kernel.end();
        assert_eq!(unowned(&kernel), [START_NS]);
        kernel.snapshot(&[], &[1, 2]);
        assert_eq!(unowned(&kernel), [START_NS]);
        kernel.begin(false);
        kernel.visit_owned(1, 0, Evidence::Kernel);
        kernel.count(&[2]);
        kernel.end();
        assert_eq!(unowned(&kernel), [0; 0]);
    }

    #[test]
    fn owner_is_forgotten_with_its_last_session() {
        let mut owners = OwnerTable::default();
        let owner = |pid| {
            let session = Session {
                pid,
                ..crate::testing::sample::closed_session()
            };
            Owner::of(&session).expect("a process")
        };
        let (first, second) = (owners.join(owner(1), 10), owners.join(owner(1), 20));
        assert_eq!(owners.iter().collect::<Vec<_>>(), [(owner(1), 10)]);
        owners.leave(Some(first));
        assert_eq!(owners.iter().count(), 1);
        owners.leave(Some(second));
        assert_eq!(owners.iter().count(), 0);
        let again = owners.join(owner(2), 30);
        assert_eq!((again, owners.entries.len()), (first, 1));
    }
}
