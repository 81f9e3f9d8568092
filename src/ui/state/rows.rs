//! Lines of the session table: which sessions match, and their order, updated incrementally however many there are.
//!
//! No key, batch or frame ever waits for all sessions. Closed sessions do not change, so they are filtered and sorted
//! once, in chunks; each chunk stays as a sorted run, and a line is found across the runs by its rank. Open sessions
//! are another run, rebuilt at each snapshot.

use std::collections::VecDeque;
use std::ops::Range;

use crate::model::fields;
use crate::model::fields::{Field, FieldKind, Value};
use crate::model::session::Session;
use crate::model::store::{Backfill, SessionRef, Store, StoreEvent};
use crate::ui::state::view_filter::ViewFilter;

/// Closed sessions filtered and sorted in one step: a few milliseconds.
const CHUNK: u64 = 1 << 16;

/// A session's position in the order; smaller is further up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// The sorted field's value, in sort direction.
    key: u128,
    /// Tie-break: open sessions first, then the newest, so that lines do not jump.
    age: u64,
    /// Cookie or number.
    id: u64,
}

impl Rank {
    /// Ranks below all others.
    fn last(id: u64) -> Self {
        Rank {
            key: u128::MAX,
            age: u64::MAX,
            id,
        }
    }
}

/// A sorted run of closed sessions. Sort keys are looked up in the store on demand, so that a session takes two bytes
/// here.
#[derive(Debug)]
struct Run {
    /// Numbers of the sessions that were filtered.
    tried: Range<u64>,
    /// Number that offsets are relative to.
    base: u64,
    /// Matching sessions, sorted, as offsets of their numbers.
    sorted: Vec<u16>,
}

impl Run {
    /// A run over the numbers `tried`, at most a chunk, of the sessions with these ranks.
    fn new(tried: Range<u64>, ranks: Vec<Rank>) -> Self {
        let mut run = Run {
            base: tried.start,
            tried,
            sorted: Vec::new(),
        };
        run.set(ranks);
        run
    }

    fn set(&mut self, mut ranks: Vec<Rank>) {
        ranks.sort();
        // an offset is less than a chunk
        self.sorted = ranks.iter().map(|r| (r.id - self.base) as u16).collect();
    }

    fn number(&self, offset: u16) -> u64 {
        self.base + u64::from(offset)
    }

    /// Adds and removes sessions: positions among those sorted so far, in order.
    fn edit(&mut self, edits: &[Edit]) {
        let mut sorted = Vec::with_capacity(self.sorted.len() + edits.len());
        let mut from = 0;
        for edit in edits {
            sorted.extend_from_slice(&self.sorted[from..edit.at]);
            if edit.adds {
                sorted.push((edit.rank.id - self.base) as u16);
            }
            from = edit.at + usize::from(!edit.adds);
        }
        sorted.extend_from_slice(&self.sorted[from..]);
        self.sorted = sorted;
    }
}

/// A session to add to a run or to remove from it.
#[derive(Debug)]
struct Edit {
    rank: Rank,
    /// Number of sessions before it.
    at: usize,
    adds: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct SortOrder {
    pub field: &'static Field,
    /// The greatest first.
    pub descending: bool,
    /// Time of the last snapshot, ns: open sessions are compared by their age at one moment, and not at those at which each
    /// was read, so that they keep their order.
    pub read_ns: u64,
}

impl SortOrder {
    fn rank(&self, place: SessionRef, session: &Session) -> Rank {
        let is_age = self.field.word == "duration" && matches!(place, SessionRef::Open(_));
        let key = sort_key(
            match (fields::shown(self.field, session), self.field.kind) {
                (Value::Uint(_), _) if is_age => {
                    let from = session.end_ns.saturating_sub(session.duration_ns());
                    Value::Uint(self.read_ns.saturating_sub(from) / 1000)
                }
                (Value::Uint(rate), FieldKind::Rate) => Value::Uint(leading(rate)),
                (value, _) => value,
            },
        );
        let key = if self.descending { !key } else { key };
        const FINISHED: u64 = 1 << 63;
        match place {
            SessionRef::Open(id) => Rank {
                key,
                age: (FINISHED - 1).saturating_sub(session.start_ns),
                id,
            },
            SessionRef::Closed(id) => Rank {
                key,
                age: u64::MAX - id.min(FINISHED - 1),
                id,
            },
        }
    }
}

/// Keeps the two leading digits: rates that differ only in later digits are practically equal, and lines that swapped
/// at every snapshot could not be read.
fn leading(rate: u64) -> u64 {
    let unit = 10_u64.pow(rate.checked_ilog10().unwrap_or(0).saturating_sub(1));
    rate / unit * unit
}

/// A number that sorts like the value; missing values come first. Only the first sixteen bytes of a text and all bits
/// but the last of an IPv6 address count; values equal in these are sorted by age.
fn sort_key(value: Value<'_>) -> u128 {
    match value {
        Value::Missing => 0,
        Value::Uint(n) => u128::from(n) + 1,
        Value::Bool(b) => u128::from(b) + 1,
        Value::Addr(std::net::IpAddr::V4(a)) => u128::from(a.to_bits()) + 1,
        Value::Addr(std::net::IpAddr::V6(a)) => a.to_bits() >> 1 | 1 << 127,
        Value::Text(text) => {
            let mut bytes = [0; 16];
            let len = text.len().min(16);
            bytes[..len].copy_from_slice(&text.as_bytes()[..len]);
            u128::from_be_bytes(bytes)
        }
    }
}

#[derive(Debug)]
pub struct Rows {
    order: SortOrder,
    open: Vec<Rank>,
    /// Newest first, contiguous: together they cover all numbers that `backfill` has handed out.
    runs: VecDeque<Run>,
    /// Closed sessions not filtered yet.
    backfill: Backfill,
    /// The oldest closed session still kept.
    kept_from: u64,
    /// Closed sessions of which the other end has changed, so that the line may be that of the one or of the other.
    changed: Vec<u64>,
}

impl Rows {
    /// Starts empty; [`Rows::restart`] chooses the sessions.
    pub fn new(order: SortOrder) -> Self {
        Rows {
            order,
            open: Vec::new(),
            runs: VecDeque::new(),
            backfill: Backfill::default(),
            kept_from: 0,
            changed: Vec::new(),
        }
    }

    /// Sets a new order or filter. Includes the open sessions and the newest closed ones; [`Rows::work`] adds older
    /// ones.
    pub fn restart(&mut self, order: SortOrder, store: &Store, view_filter: &ViewFilter) {
        self.order = order;
        self.runs.clear();
        self.backfill = Backfill::new(store, CHUNK);
        self.changed.clear();
        self.look_at_open(store, view_filter);
        self.work(store, view_filter);
    }

    /// Updates after a change of the store: new figures of open sessions, sessions closed, old ones evicted.
    pub fn refresh(&mut self, store: &Store, view_filter: &ViewFilter) {
        self.look_at_open(store, view_filter);
        let kept = store.closed_numbers();
        // newly closed sessions
        let mut from = self
            .runs
            .front()
            .map_or(self.backfill.next(), |r| r.tried.end)
            .max(kept.start);
        while from < kept.end {
            let room = match self.runs.front() {
                Some(newest) if newest.tried.end == from => {
                    CHUNK.saturating_sub(newest.tried.end - newest.base)
                }
                _ => 0,
            };
            let to = kept.end.min(from + if room == 0 { CHUNK } else { room });
            let mut ranks = self.tried(store, from..to, view_filter);
            match self.runs.pop_front() {
                Some(mut newest) if room > 0 => {
                    newest.tried.end = to;
                    let before = (0..newest.sorted.len()).map(|i| self.rank(&newest, i, store));
                    // two sorted runs: a merge
                    ranks.sort_unstable();
                    newest.set(before.chain(ranks).collect());
                    self.runs.push_front(newest);
                }
                newest => {
                    if let Some(full) = newest {
                        self.runs.push_front(full);
                    }
                    self.runs.push_front(Run::new(from..to, ranks));
                }
            }
            from = to;
        }
        self.look_again(store, view_filter);
    }

    /// Adds and removes the lines of closed sessions for which the other end has changed.
    fn look_again(&mut self, store: &Store, view_filter: &ViewFilter) {
        let mut numbers = std::mem::take(&mut self.changed);
        if !view_filter.pairs {
            return;
        }
        numbers.sort_unstable();
        numbers.dedup();
        for run in 0..self.runs.len() {
            let tried = &self.runs[run].tried;
            let here = numbers.partition_point(|n| *n < tried.start)
                ..numbers.partition_point(|n| *n < tried.end);
            let mut edits: Vec<Edit> = numbers[here]
                .iter()
                .filter_map(|number| {
                    let place = SessionRef::Closed(*number);
                    let session = store.get(place)?;
                    let rank = self.order.rank(place, session);
                    let list = run + 1;
                    let at = self.before(list, 0..self.len_of(list), rank, store);
                    let is_there = at < self.len_of(list) && self.rank_in(list, at, store) == rank;
                    let adds = view_filter.has_line(place, session, store);
                    (adds != is_there).then_some(Edit { rank, at, adds })
                })
                .collect();
            if !edits.is_empty() {
                edits.sort_unstable_by_key(|e| e.rank);
                self.runs[run].edit(&edits);
            }
        }
    }

    /// Notes evicted sessions; [`Rows::settle`] removes their lines.
    pub fn take(&mut self, event: &StoreEvent<'_>) {
        if let Some(SessionRef::Closed(number)) = event.other().and_then(|other| other.at) {
            self.changed.push(number);
        }
        if let StoreEvent::Evicted(number, ..) = event {
            self.kept_from = number + 1;
        }
    }

    /// Removes evicted sessions, once for all events of a batch.
    pub fn settle(&mut self) {
        let first = self.kept_from;
        while self.runs.back().is_some_and(|r| r.tried.end <= first) {
            self.runs.pop_back();
        }
        if let Some(oldest) = self.runs.back_mut().filter(|r| r.tried.start < first) {
            oldest.tried.start = first;
            let base = oldest.base;
            oldest.sorted.retain(|o| base + u64::from(*o) >= first);
        }
    }

    /// Filters the next chunk of closed sessions. False if there was none left.
    pub fn work(&mut self, store: &Store, view_filter: &ViewFilter) -> bool {
        if self.backfill.is_done(store) {
            return false;
        }
        let tried = self.backfill.take_chunk(store);
        let ranks = self.tried(store, tried.clone(), view_filter);
        self.runs.push_back(Run::new(tried, ranks));
        true
    }

    /// True if some closed sessions have not been filtered yet.
    pub fn is_incomplete(&self, store: &Store) -> bool {
        !self.backfill.is_done(store)
    }

    /// Number of lines so far.
    pub fn len(&self) -> usize {
        (0..self.lists()).map(|list| self.len_of(list)).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, line: usize, store: &Store) -> Option<SessionRef> {
        self.window(line, store).next()
    }

    /// Sessions from a line on.
    pub fn window<'a>(&'a self, line: usize, store: &'a Store) -> impl Iterator<Item = SessionRef> {
        let mut at = self.split(line, store);
        let head = move |list: usize, at: usize| {
            (at < self.len_of(list)).then(|| self.rank_in(list, at, store))
        };
        let mut heads: Vec<Option<Rank>> =
            at.iter().enumerate().map(|(i, at)| head(i, *at)).collect();
        std::iter::from_fn(move || {
            let ranks = heads.iter().enumerate();
            let (list, rank) = ranks
                .filter_map(|(list, rank)| Some((list, (*rank)?)))
                .min_by_key(|(_, rank)| *rank)?;
            at[list] += 1;
            heads[list] = head(list, at[list]);
            Some(if list == 0 {
                SessionRef::Open(rank.id)
            } else {
                SessionRef::Closed(rank.id)
            })
        })
    }

    /// The line of a session, or the one that it would have if it were shown.
    pub fn line_of(&self, place: SessionRef, session: &Session, store: &Store) -> usize {
        self.lines_before(self.rank_of(place, session), store)
    }

    /// The session's position in the present order.
    pub fn rank_of(&self, place: SessionRef, session: &Session) -> Rank {
        self.order.rank(place, session)
    }

    /// Number of lines before a position in the present order.
    pub fn lines_before(&self, rank: Rank, store: &Store) -> usize {
        let before = |list| self.before(list, 0..self.len_of(list), rank, store);
        (0..self.lists()).map(before).sum()
    }

    /// Number of lists: the open sessions, then the runs of closed ones.
    fn lists(&self) -> usize {
        1 + self.runs.len()
    }

    fn len_of(&self, list: usize) -> usize {
        match list.checked_sub(1) {
            None => self.open.len(),
            Some(run) => self.runs[run].sorted.len(),
        }
    }

    fn rank_in(&self, list: usize, at: usize, store: &Store) -> Rank {
        match list.checked_sub(1) {
            None => self.open[at],
            Some(run) => self.rank(&self.runs[run], at, store),
        }
    }

    fn rank(&self, run: &Run, at: usize, store: &Store) -> Rank {
        let number = run.number(run.sorted[at]);
        let place = SessionRef::Closed(number);
        // an evicted session is removed before anyone asks for it; if not, it would rank below all others
        store
            .get(place)
            .map_or(Rank::last(number), |s| self.order.rank(place, s))
    }

    /// Number of entries of a list before a rank, if it is known to be within `part`.
    fn before(&self, list: usize, part: Range<usize>, rank: Rank, store: &Store) -> usize {
        let (mut from, mut to) = (part.start, part.end);
        while from < to {
            let middle = from + (to - from) / 2;
            if self.rank_in(list, middle, store) < rank {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        from
    }

    fn look_at_open(&mut self, store: &Store, view_filter: &ViewFilter) {
        let mut ranks = std::mem::take(&mut self.open);
        ranks.clear();
        self.order.read_ns = store.read_ns();
        let open = store.open();
        let lines = open.filter(|(place, s)| view_filter.has_line(*place, s, store));
        ranks.extend(lines.map(|(place, s)| self.order.rank(place, s)));
        ranks.sort_unstable();
        self.open = ranks;
    }

    fn tried(&self, store: &Store, numbers: Range<u64>, view_filter: &ViewFilter) -> Vec<Rank> {
        store
            .closed_in(numbers)
            .filter(|(place, s)| view_filter.has_line(*place, s, store))
            .map(|(place, s)| self.order.rank(place, s))
            .collect()
    }

    /// Number of entries of each list before a line, found by halving the longest remaining part.
    fn split(&self, line: usize, store: &Store) -> Vec<usize> {
        let mut from = vec![0; self.lists()];
        let mut to: Vec<usize> = (0..self.lists()).map(|list| self.len_of(list)).collect();
        loop {
            let rest = |i: &usize| to[*i] - from[*i];
            let Some(longest) = (0..to.len()).max_by_key(rest).filter(|i| rest(i) > 0) else {
                return from;
            };
            let middle = from[longest] + rest(&longest) / 2;
            let pivot = self.rank_in(longest, middle, store);
            let before: Vec<usize> = (0..to.len())
                .map(|list| self.before(list, from[list]..to[list], pivot, store))
                .collect();
            let rank: usize = before.iter().sum();
            if rank == line {
                return before;
            }
            if rank < line {
                from = before;
                from[longest] += 1; // the pivot itself is before the line too
            } else {
                to = before;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;
    use crate::model::batch::Batch;
    use crate::model::fields::by_word;
    use crate::model::session::{Comm, State};
    use crate::testing::sample::closed_session as sample;

    #[test]
    fn open_sessions_read_at_different_moments_keep_their_order_by_age() {
        let order = order("duration", true);
        let read = |cookie: u64, start_ms: u64, end_ms: u64| {
            let session = Session {
                start_ns: start_ms * 1_000_000,
                established_ns: 0,
                end_ns: end_ms * 1_000_000,
                ..sample()
            };
            let order = SortOrder {
                read_ns: 2_000_000_000,
                ..order
            };
            order.rank(SessionRef::Open(cookie), &session)
        };
        // the older one was read a little earlier, so that its duration is the shorter one
        assert!(read(1, 100, 1990) < read(2, 105, 1999));
    }

    fn order(word: &str, descending: bool) -> SortOrder {
        SortOrder {
            field: by_word(word).expect("a field"),
            descending,
            read_ns: 0,
        }
    }

    /// Pseudo-random numbers, the same each time.
    fn scattered(n: u64) -> u64 {
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40
    }

    fn session(cookie: u64, state: State) -> Session {
        Session {
            cookie,
            state,
            start_ns: cookie,
            tx_bytes: scattered(cookie) % 5000,
            comm: Comm::from(["nginx", "curl", "sshd"][(scattered(cookie) % 3) as usize]),
            ..sample()
        }
    }

    fn batch(open: Range<u64>, closed: Range<u64>) -> Batch {
        let opened: Vec<Session> = open.map(|c| session(c, State::Established)).collect();
        Batch {
            open: Some(opened.into()),
            closed: closed.map(|c| session(c, State::Closed)).collect(),
            ..Batch::default()
        }
    }

    /// Ingests a batch like the dashboard does.
    fn ingest(store: &mut Store, rows: &mut Rows, batch: Batch) {
        store.ingest(batch, |event| rows.take(&event));
        rows.settle();
    }

    /// The expected order, computed the slow way.
    fn sorted(
        store: &Store,
        order: SortOrder,
        shows: impl Fn(&Session) -> bool,
    ) -> Vec<SessionRef> {
        let mut all: Vec<_> = store
            .open()
            .chain(store.closed())
            .filter(|(_, s)| shows(s))
            .collect();
        all.sort_by_key(|(place, s)| order.rank(*place, s));
        all.into_iter().map(|(place, _)| place).collect()
    }

    fn everything() -> ViewFilter {
        ViewFilter::new(Filter::default())
    }

    fn all(rows: &Rows, store: &Store) -> Vec<SessionRef> {
        rows.window(0, store).collect()
    }

    #[test]
    fn rows_with_nearly_equal_rates_keep_their_order() {
        let digits: Vec<u64> = [0, 7, 42, 99, 105, 5_043_000, u64::MAX].map(leading).into();
        let expected = [0, 7, 42, 99, 100, 5_000_000, 18_000_000_000_000_000_000];
        assert_eq!(digits, expected);
        let busy = |cookie, tx_rate| Session {
            tx_rate,
            rx_rate: 0.0,
            ..session(cookie, State::Established)
        };
        let order = order("rate", true);
        let rank = |cookie, rate| order.rank(SessionRef::Open(cookie), &busy(cookie, rate));
        for (first, second) in [(5.04e6, 5.01e6), (5.01e6, 5.04e6)] {
            assert!(rank(2, first) < rank(1, second), "the newer one, as before");
        }
        assert!(rank(1, 5.1e6) < rank(2, 5.0e6));
    }

    #[test]
    fn rows_match_a_full_sort() {
        let mut store = Store::new(150_000);
        let mut rows = Rows::new(order("tx", true));
        let view_filter = ViewFilter::new(Filter::parse("comm != curl").expect("a filter"));
        let shows = |s: &Session| view_filter.shows(s);
        rows.restart(order("tx", true), &store, &view_filter);
        for (i, order) in [order("tx", true), order("comm", false), order("tx", false)]
            .into_iter()
            .enumerate()
        {
            let i = i as u64;
            // more than a chunk at once, a few, then so many that old ones are evicted
            for closed in [0..70_000, 70_000..70_010, 70_010..140_000] {
                let open = 1_000_000..1_000_000 + 50 * i;
                let closed = closed.start + i * 140_000..closed.end + i * 140_000;
                ingest(&mut store, &mut rows, batch(open, closed));
                rows.refresh(&store, &view_filter);
            }
            assert_eq!(rows.len(), sorted(&store, rows.order, shows).len());
            rows.restart(order, &store, &view_filter);
            while rows.work(&store, &view_filter) {}
            assert!(!rows.is_incomplete(&store));
            let want = sorted(&store, order, shows);
            assert_eq!(all(&rows, &store), want);
            for line in [
                0,
                1,
                7,
                want.len() / 3,
                want.len() - 1,
                want.len(),
                want.len() + 5,
            ] {
                assert_eq!(
                    rows.get(line, &store),
                    want.get(line).copied(),
                    "line {line} of {}",
                    want.len()
                );
            }
        }
    }

    #[test]
    fn rows_after_restart_show_the_newest_first_and_the_rest_later() {
        let mut store = Store::new(usize::MAX);
        store.apply(batch(0..0, 0..200_000));
        let mut rows = Rows::new(order("tx", true));
        rows.restart(order("duration", true), &store, &everything());
        assert_eq!(rows.len() as u64, CHUNK);
        assert!(rows.is_incomplete(&store));
        assert_eq!(rows.get(0, &store), Some(SessionRef::Closed(199_999)));
        // new ones arrive meanwhile
        ingest(&mut store, &mut rows, batch(0..0, 200_000..200_100));
        rows.refresh(&store, &everything());
        assert_eq!(rows.get(0, &store), Some(SessionRef::Closed(200_099)));
        while rows.work(&store, &everything()) {}
        assert_eq!(rows.len(), 200_100);
        assert_eq!(
            all(&rows, &store),
            sorted(&store, order("duration", true), |_| true)
        );
    }

    #[test]
    fn line_of_session_is_where_it_is_shown() {
        let mut store = Store::new(usize::MAX);
        store.apply(batch(500_000..500_020, 0..70_000));
        let order = order("tx", true);
        let mut rows = Rows::new(order);
        rows.restart(order, &store, &everything());
        while rows.work(&store, &everything()) {}
        for place in [
            SessionRef::Open(500_007),
            SessionRef::Closed(0),
            SessionRef::Closed(69_999),
            SessionRef::Closed(33_333),
        ] {
            let line = rows.line_of(place, store.get(place).expect("a session"), &store);
            assert_eq!(rows.get(line, &store), Some(place));
        }
    }

    #[test]
    fn sort_key_orders_values_with_missing_first() {
        let addr = |a: &str| Value::Addr(a.parse().expect("an address"));
        for rising in [
            vec![
                Value::Missing,
                Value::Uint(0),
                Value::Uint(1),
                Value::Uint(u64::MAX),
            ],
            vec![
                Value::Missing,
                addr("0.0.0.0"),
                addr("10.0.0.9"),
                addr("10.0.0.10"),
                addr("::1"),
                addr("fe80::"),
            ],
            vec![
                Value::Missing,
                Value::Text("a"),
                Value::Text("ab"),
                Value::Text("b"),
            ],
            vec![Value::Missing, Value::Bool(false), Value::Bool(true)],
        ] {
            let keys: Vec<u128> = rising.iter().map(|v| sort_key(*v)).collect();
            assert!(keys.windows(2).all(|w| w[0] < w[1]), "{rising:?}: {keys:?}");
        }
    }
}
