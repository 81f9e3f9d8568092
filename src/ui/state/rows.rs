//! Lines of the session table: which sessions match, and their order, updated incrementally however many there are.
//!
//! No key, batch or frame ever waits for all sessions. They are filtered and sorted in chunks; each chunk stays as a sorted
//! run, and a line is found across the runs by its rank. Closed sessions do not change. Of the open ones, those that have
//! changed are moved within their run, or the run is sorted again, in parts.

use std::collections::VecDeque;
use std::ops::Range;

use crate::model::session::Session;
use crate::model::store::{Backfill, PART, SessionRef, Slot, Store, StoreEvent};
pub use crate::ui::state::sort_order::{Rank, SortOrder};
use crate::ui::state::view_filter::ViewFilter;

/// Sessions of a run.
const CHUNK: u64 = 1 << 16;
/// Sessions filtered and sorted while a key waits, of the open and of the closed ones: about a millisecond.
const FIRST: u64 = 1 << 12;
/// Sessions filtered and sorted in one step: a few milliseconds.
const STEP: u64 = 1 << 14;
/// Units of [`PART`] for a session that is filtered and sorted.
const TRIED: usize = PART / 2 / STEP as usize;
/// Units of [`PART`] for each step.
const LEAST: usize = 64;
/// Changed sessions of a run that are moved one by one; if there are more, it is sorted again.
const MOVED: usize = 1 << 11;

/// A sorted run of closed sessions, or of open ones. Sort keys are looked up in the store on demand, so that a session
/// takes two bytes here.
#[derive(Clone, Debug)]
struct Run {
    /// Numbers of the sessions that were filtered: of closed ones, or slots of open ones.
    tried: Range<u64>,
    /// Number that offsets are relative to.
    base: u64,
    /// Matching sessions, sorted, as offsets of their numbers.
    sorted: Vec<u16>,
}

/// A session's rank and its number.
type Ranked = (Rank, u64);

impl Run {
    /// A run over the numbers `tried` of the sessions with these ranks, none of them less than `base`, nor a chunk more.
    fn new(base: u64, tried: Range<u64>, ranks: Vec<Ranked>) -> Self {
        let mut run = Run {
            base,
            tried,
            sorted: Vec::new(),
        };
        run.set(ranks);
        run
    }

    fn set(&mut self, mut ranks: Vec<Ranked>) {
        ranks.sort();
        // an offset is less than a chunk
        let offset = |(_, number): &Ranked| (number - self.base) as u16;
        self.sorted = ranks.iter().map(offset).collect();
    }

    /// Adds sorted sessions that are all above or all below those that are there.
    fn extend(&mut self, ranks: &[Ranked], above: bool) {
        let offsets = ranks.iter().map(|(_, number)| (number - self.base) as u16);
        let at = if above { 0 } else { self.sorted.len() };
        self.sorted.splice(at..at, offsets);
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
                sorted.push((edit.number - self.base) as u16);
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
    number: u64,
    /// Number of sessions before it.
    at: usize,
    adds: bool,
}

/// Sessions of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Open,
    Closed,
}

/// The numbers as slots.
fn slots(numbers: &Range<u64>) -> Range<Slot> {
    numbers.start as Slot..numbers.end.min(Slot::MAX.into()) as Slot
}

#[derive(Debug)]
pub struct Rows {
    order: SortOrder,
    /// By slot, contiguous.
    open: Vec<Run>,
    /// A run of open sessions that is being sorted again.
    again: Option<Run>,
    /// The next run of open sessions to bring up to date; `None`: all are.
    stale: Option<usize>,
    /// Newest first, contiguous: together they cover all numbers that `backfill` has handed out.
    runs: VecDeque<Run>,
    /// Closed sessions not filtered yet.
    backfill: Backfill,
    /// The oldest closed session still kept.
    kept_from: u64,
    /// Closed sessions of which the other end has changed, so that the line may be that of the one or of the other.
    changed: Vec<u64>,
    /// The first closed session that was not filtered before the update in progress. It and those after it were filtered
    /// once both ends had changed.
    fresh: u64,
}

impl Rows {
    /// Starts empty; [`Rows::restart`] chooses the sessions.
    pub fn new(order: SortOrder) -> Self {
        Rows {
            order,
            open: Vec::new(),
            again: None,
            stale: None,
            runs: VecDeque::new(),
            backfill: Backfill::default(),
            kept_from: 0,
            changed: Vec::new(),
            fresh: 0,
        }
    }

    /// Sets a new order or filter. Includes some open sessions and the newest closed ones; [`Rows::work`] adds the others.
    pub fn restart(&mut self, order: SortOrder, store: &Store, view_filter: &ViewFilter) {
        self.order = SortOrder {
            read_ns: store.read_ns(),
            ..order
        };
        self.open.clear();
        (self.again, self.stale) = (None, None);
        self.runs.clear();
        self.backfill = Backfill::new(store, FIRST);
        self.changed.clear();
        self.add_open(FIRST, store, view_filter);
        self.add_closed(store, view_filter);
        self.backfill.set_chunk(STEP);
    }

    /// Forgets which sessions have changed: [`Rows::restart`] follows.
    pub fn forget(&mut self, store: &mut Store) {
        (self.again, self.stale) = (None, None);
        store.forget_touched(0..Slot::MAX);
    }

    /// Updates after a change of the store: new figures of open sessions, sessions closed, old ones evicted.
    pub fn refresh(&mut self, store: &mut Store, view_filter: &ViewFilter) {
        self.begin_refresh();
        let mut room = usize::MAX;
        while !self.refresh_part(store, view_filter, &mut room) {}
    }

    /// Begins to update after a change of the store. The lines of evicted sessions have been removed.
    pub fn begin_refresh(&mut self) {
        (self.again, self.stale) = (None, Some(0));
        self.fresh = self.first_new();
    }

    /// The first of the closed sessions that are newer than those that were filtered.
    fn first_new(&self) -> u64 {
        self.runs
            .front()
            .map_or(self.backfill.next(), |r| r.tried.end)
    }

    /// Updates as much as there is room for, in units of [`PART`]. True once everything is up to date, as far as it was
    /// before.
    pub fn refresh_part(
        &mut self,
        store: &mut Store,
        view_filter: &ViewFilter,
        room: &mut usize,
    ) -> bool {
        self.order.read_ns = store.read_ns();
        while *room > 0 {
            let units = if let Some(run) = self.stale {
                self.refresh_open(run, store, view_filter)
            } else if let Some(tried) = self.add_new(store, view_filter) {
                LEAST + tried * TRIED
            } else {
                self.look_again(store, view_filter);
                return true;
            };
            *room = room.saturating_sub(units);
        }
        false
    }

    /// Brings a run of open sessions up to date, or a step of it. Returns the units that this took.
    fn refresh_open(&mut self, at: usize, store: &mut Store, view_filter: &ViewFilter) -> usize {
        let Some(run) = self.open.get(at) else {
            self.stale = None;
            // slots that no run covers yet are all to be filtered
            let from = self.open_tried();
            store.forget_touched(from..Slot::MAX);
            let was_complete = self
                .open
                .last()
                .is_none_or(|run| run.tried.end % CHUNK == 0);
            if was_complete && self.lacks_open(store) {
                return LEAST + self.add_open(STEP, store, view_filter) * TRIED;
            }
            return LEAST;
        };
        let (base, slots) = (run.base, slots(&run.tried));
        if let Some(mut again) = self.again.take() {
            let to = run.tried.end.min(again.tried.end + STEP);
            let tried = self.extend_open(&mut again, to, store, view_filter);
            if again.tried.end < run.tried.end {
                self.again = Some(again);
                return LEAST + tried * TRIED;
            }
            self.open[at] = again;
            store.forget_touched(slots);
            self.stale = Some(at + 1);
            return LEAST + tried * TRIED;
        }
        let touched: Vec<u64> = store.touched(slots.clone()).map(u64::from).collect();
        // time passes for those that have not changed, too
        if touched.len() > MOVED || view_filter.filter.changes_with_time() {
            self.again = Some(Run::new(base, base..base, Vec::new()));
            return LEAST;
        }
        if !touched.is_empty() {
            self.move_touched(at, &touched, store, view_filter);
            store.forget_touched(slots);
        }
        self.stale = Some(at + 1);
        LEAST + touched.len() * 16
    }

    /// Moves the sessions in these slots to their places in a run.
    fn move_touched(
        &mut self,
        at: usize,
        touched: &[u64],
        store: &Store,
        view_filter: &ViewFilter,
    ) {
        let base = self.open[at].base;
        let mut is_touched = vec![false; CHUNK as usize];
        for slot in touched {
            is_touched[(slot - base) as usize] = true;
        }
        self.open[at]
            .sorted
            .retain(|o| !is_touched[usize::from(*o)]);
        let ranks = touched.iter().filter_map(|slot| {
            let session = store.open_at(*slot as Slot)?;
            let place = SessionRef::Open(session.cookie);
            let has_line = view_filter.has_line(place, session, store);
            has_line.then(|| (self.order.rank(place, session), *slot))
        });
        let mut ranks: Vec<Ranked> = ranks.collect();
        ranks.sort_unstable();
        let mut from = 0;
        let mut edits = Vec::with_capacity(ranks.len());
        for (rank, number) in ranks {
            let to = self.len_of(at);
            from = self.before(at, from..to, rank, store);
            edits.push(Edit {
                rank,
                number,
                at: from,
                adds: true,
            });
        }
        if !edits.is_empty() {
            self.open[at].edit(&edits);
        }
    }

    /// The first slot that no run covers.
    fn open_tried(&self) -> Slot {
        self.open.last().map_or(0, |run| run.tried.end as Slot)
    }

    /// True if some open sessions have not been filtered yet.
    fn lacks_open(&self, store: &Store) -> bool {
        self.open_tried() < store.open_slots()
    }

    /// Filters the open sessions in the next `step` slots, or in all that are left of a run. Returns how many these were.
    fn add_open(&mut self, step: u64, store: &Store, view_filter: &ViewFilter) -> usize {
        let from = u64::from(self.open_tried());
        let mut run = match self.open.pop() {
            Some(last) if last.tried.end < last.base + CHUNK => last,
            last => {
                self.open.extend(last);
                Run::new(from, from..from, Vec::new())
            }
        };
        let to = match from + step >= u64::from(store.open_slots()) {
            // slots that will be used are those of touched sessions
            true => run.base + CHUNK,
            false => (from + step).min(run.base + CHUNK),
        };
        let tried = self.extend_open(&mut run, to, store, view_filter);
        self.open.push(run);
        tried
    }

    /// Filters the sessions in the slots up to a number and merges them into a run. Returns how many these were.
    fn extend_open(
        &self,
        run: &mut Run,
        to: u64,
        store: &Store,
        view_filter: &ViewFilter,
    ) -> usize {
        let more = store.open_in(slots(&(run.tried.end..to)));
        let mut tried = 0;
        let more = more.map(|(slot, s)| (slot, SessionRef::Open(s.cookie), s));
        let more = more.inspect(|_| tried += 1);
        let lines = more.filter(|(_, place, s)| view_filter.has_line(*place, s, store));
        let ranks = lines.map(|(slot, place, s)| (self.order.rank(place, s), u64::from(slot)));
        let ranks: Vec<Ranked> = ranks.collect();
        run.tried.end = to;
        self.merge(run, ranks, Kind::Open, store);
        tried
    }

    /// Adds sessions to a run.
    fn merge(&self, run: &mut Run, mut ranks: Vec<Ranked>, kind: Kind, store: &Store) {
        ranks.sort_unstable();
        let ranked = |offset: &u16| {
            let number = run.number(*offset);
            (self.rank(kind, number, store), number)
        };
        let ends = [run.sorted.first(), run.sorted.last()].map(|end| end.map(ranked));
        // those that close are mostly the newest, and then nobody looks at the others
        match (ends, ranks.first(), ranks.last()) {
            ([Some(top), _], _, Some(lowest)) if *lowest < top => run.extend(&ranks, true),
            ([_, Some(bottom)], Some(highest), _) if bottom < *highest => run.extend(&ranks, false),
            ([Some(_), _], Some(_), _) => {
                // two sorted runs: a merge
                let before: Vec<Ranked> = run.sorted.iter().map(ranked).collect();
                run.set(before.into_iter().chain(ranks).collect());
            }
            ([Some(_), _], None, _) => {}
            ([None, _], ..) => run.set(ranks),
        }
    }

    /// Filters a step of newly closed sessions. Returns how many these were; `None`: none were left.
    fn add_new(&mut self, store: &Store, view_filter: &ViewFilter) -> Option<usize> {
        let kept = store.closed_numbers();
        let from = self.first_new().max(kept.start);
        if from >= kept.end {
            return None;
        }
        let room = match self.runs.front() {
            Some(newest) if newest.tried.end == from => {
                CHUNK.saturating_sub(newest.tried.end - newest.base)
            }
            _ => 0,
        };
        // each step merges those that were there before
        let more = if room == 0 {
            2 * STEP
        } else {
            room.min(2 * STEP)
        };
        let to = kept.end.min(from + more);
        let ranks = self.tried(store, from..to, view_filter);
        let newest = self.runs.pop_front();
        let mut run = match newest {
            Some(newest) if room > 0 => newest,
            newest => {
                if let Some(full) = newest {
                    self.runs.push_front(full);
                }
                Run::new(from, from..from, Vec::new())
            }
        };
        run.tried.end = to;
        self.merge(&mut run, ranks, Kind::Closed, store);
        self.runs.push_front(run);
        Some((to - from) as usize)
    }

    /// Filters the next step of closed sessions.
    fn add_closed(&mut self, store: &Store, view_filter: &ViewFilter) {
        if self.backfill.is_done(store) {
            return;
        }
        let tried = self.backfill.take_chunk(store);
        let ranks = self.tried(store, tried.clone(), view_filter);
        let oldest = self.runs.pop_back();
        let mut run = match oldest {
            Some(oldest) if oldest.tried.start == tried.end && oldest.base <= tried.start => oldest,
            oldest => {
                self.runs.extend(oldest);
                let base = tried.end.saturating_sub(CHUNK);
                Run::new(base, tried.end..tried.end, Vec::new())
            }
        };
        run.tried.start = tried.start;
        self.merge(&mut run, ranks, Kind::Closed, store);
        self.runs.push_back(run);
    }

    /// Adds and removes the lines of closed sessions for which the other end has changed.
    fn look_again(&mut self, store: &Store, view_filter: &ViewFilter) {
        let mut numbers = std::mem::take(&mut self.changed);
        if !view_filter.pairs {
            return;
        }
        numbers.retain(|n| *n < self.fresh);
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
                    let list = self.open.len() + run;
                    let at = self.before(list, 0..self.len_of(list), rank, store);
                    let is_there = at < self.len_of(list) && self.rank_in(list, at, store) == rank;
                    let adds = view_filter.has_line(place, session, store);
                    (adds != is_there).then_some(Edit {
                        rank,
                        number: *number,
                        at,
                        adds,
                    })
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

    /// Filters the next open and the next closed sessions.
    pub fn work(&mut self, store: &Store, view_filter: &ViewFilter) {
        if self.lacks_open(store) {
            self.add_open(STEP, store, view_filter);
        } else {
            self.add_closed(store, view_filter);
        }
    }

    /// True if some sessions have not been filtered yet.
    pub fn is_incomplete(&self, store: &Store) -> bool {
        self.lacks_open(store) || !self.backfill.is_done(store)
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
            Some(match self.list(list).0 {
                Kind::Open => SessionRef::Open(rank.id),
                Kind::Closed => SessionRef::Closed(rank.id),
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

    /// Number of lists: the runs of open sessions, then those of closed ones.
    fn lists(&self) -> usize {
        self.open.len() + self.runs.len()
    }

    fn list(&self, list: usize) -> (Kind, &Run) {
        match self.open.get(list) {
            Some(run) => (Kind::Open, run),
            None => (Kind::Closed, &self.runs[list - self.open.len()]),
        }
    }

    fn len_of(&self, list: usize) -> usize {
        self.list(list).1.sorted.len()
    }

    fn rank_in(&self, list: usize, at: usize, store: &Store) -> Rank {
        let (kind, run) = self.list(list);
        self.rank(kind, run.number(run.sorted[at]), store)
    }

    fn rank(&self, kind: Kind, number: u64, store: &Store) -> Rank {
        let found = match kind {
            Kind::Open => {
                let session = store.open_at(number as Slot);
                session.map(|s| (SessionRef::Open(s.cookie), s))
            }
            Kind::Closed => {
                let place = SessionRef::Closed(number);
                store.get(place).map(|s| (place, s))
            }
        };
        // a session that is gone is removed when the lines are brought up to date; until then it ranks below all others
        let gone = match kind {
            Kind::Open => u64::MAX,
            Kind::Closed => number,
        };
        found.map_or(Rank::last(gone), |(place, s)| self.order.rank(place, s))
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

    fn tried(&self, store: &Store, numbers: Range<u64>, view_filter: &ViewFilter) -> Vec<Ranked> {
        store
            .closed_in(numbers.clone())
            .filter(|(place, s)| view_filter.has_line(*place, s, store))
            .map(|(place, s)| self.order.rank(place, s))
            .map(|rank| (rank, rank.id))
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
    use crate::model::batch::{Batch, OpenSnapshot};
    use crate::model::fields::by_word;
    use crate::model::session::{Comm, State};
    use crate::testing::sample::closed_session as sample;
    use crate::text::units::S;

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

    fn work(rows: &mut Rows, store: &Store, view_filter: &ViewFilter) {
        while rows.is_incomplete(store) {
            rows.work(store, view_filter);
        }
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
                rows.refresh(&mut store, &view_filter);
            }
            assert_eq!(rows.len(), sorted(&store, rows.order, shows).len());
            rows.restart(order, &store, &view_filter);
            work(&mut rows, &store, &view_filter);
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

    /// Opens and closes sessions, changes others, and compares the lines after each snapshot.
    #[test]
    fn rows_of_open_sessions_that_change_match_a_full_sort() {
        let mut store = Store::new(1000);
        let view_filter = ViewFilter::new(Filter::parse("comm != curl").expect("a filter"));
        let mut rows = Rows::new(order("tx", true));
        let open = |store: &mut Store, rows: &mut Rows, cookies: Range<u64>, more: u64| {
            let changed = cookies.map(|c| Session {
                tx_bytes: scattered(c + more) % 5000,
                ..session(c, State::Established)
            });
            let batch = Batch {
                open: Some(OpenSnapshot {
                    changed: changed.collect(),
                    ..OpenSnapshot::default()
                }),
                ..Batch::default()
            };
            ingest(store, rows, batch);
            rows.refresh(store, &view_filter);
            assert!(!rows.is_incomplete(store));
            let want = sorted(store, rows.order, |s| view_filter.shows(s));
            assert_eq!(all(rows, store), want);
        };
        open(&mut store, &mut rows, 0..3000, 0);
        open(&mut store, &mut rows, 100..150, 7);
        open(&mut store, &mut rows, 0..2500, 9);
        // those that close leave their slots to others
        let closed = Batch {
            closed: (50..900).map(|c| session(c, State::Closed)).collect(),
            ..Batch::default()
        };
        ingest(&mut store, &mut rows, closed);
        rows.refresh(&mut store, &view_filter);
        open(&mut store, &mut rows, 3000..3700, 1);
        assert_eq!(store.open_count(), 2850);
        open(&mut store, &mut rows, 2990..3010, 3);
    }

    #[test]
    fn rows_of_a_filter_on_age_appear_when_time_passes() {
        let mut store = Store::new(10);
        let view_filter = ViewFilter::new(Filter::parse("duration > 5s").expect("a filter"));
        let mut rows = Rows::new(order("tx", true));
        for (at_s, lines) in [(4, 0), (5, 0), (7, 1)] {
            let idle = Session {
                start_ns: S,
                established_ns: S,
                end_ns: 4 * S,
                ..session(1, State::Established)
            };
            let batch = Batch {
                taken_ns: at_s * S,
                open: Some(OpenSnapshot {
                    changed: if at_s == 4 { vec![idle] } else { Vec::new() },
                    ..OpenSnapshot::default()
                }),
                ..Batch::default()
            };
            ingest(&mut store, &mut rows, batch);
            rows.refresh(&mut store, &view_filter);
            assert_eq!(rows.len(), lines, "after {at_s} s");
        }
    }

    #[test]
    fn rows_after_restart_show_the_newest_first_and_the_rest_later() {
        let mut store = Store::new(usize::MAX);
        store.apply(batch(0..0, 0..200_000));
        let mut rows = Rows::new(order("tx", true));
        rows.restart(order("duration", true), &store, &everything());
        assert_eq!(rows.len() as u64, FIRST);
        assert!(rows.is_incomplete(&store));
        assert_eq!(rows.get(0, &store), Some(SessionRef::Closed(199_999)));
        // new ones arrive meanwhile
        ingest(&mut store, &mut rows, batch(0..0, 200_000..200_100));
        rows.refresh(&mut store, &everything());
        assert_eq!(rows.get(0, &store), Some(SessionRef::Closed(200_099)));
        work(&mut rows, &store, &everything());
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
        work(&mut rows, &store, &everything());
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
}
