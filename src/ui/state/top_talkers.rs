//! The top talkers panes: their lines, order and selection.
//!
//! Lines hold still, so that they can be read: see `still_order`.
//!
//! With a filter, sums are counted separately over the matching sessions still kept, one chunk at a time. The sums
//! themselves are in `crate::model::aggregate`.

use unicode_width::UnicodeWidthStr;

use crate::model::aggregate::figure_table::{AggregateFigure, FIGURES, default_sort};
use crate::model::aggregate::{Aggregate, Aggregates, GroupBy, GroupKey};
use crate::model::session::Session;
use crate::model::store::{Backfill, Change, PairedEnd, SessionRef, Slot, Store};
use crate::ui::action::Motion;
use crate::ui::layout::panes::Subject;
use crate::ui::state::list::List;
use crate::ui::state::still_order::{same, still};
use crate::ui::state::view_filter::ViewFilter;

#[derive(Debug)]
pub struct Pane {
    pub subject: Subject,
    /// Peers by subnet, processes by name.
    pub grouped: bool,
    /// The smallest first.
    pub inverted: bool,
    /// Index of the sort figure in [`FIGURES`].
    sort: usize,
    list: List<GroupKey>,
    /// Cells of the longest name that was visible. It only grows, so that columns do not move to and fro.
    longest: usize,
    /// Time of the snapshot that was shown at the last key or click in it, ns.
    touched_ns: Option<u64>,
    /// The next order is that of the figures, whatever it was before.
    is_exact: bool,
    /// Entries of its line of the strip, in order.
    strip: Vec<GroupKey>,
}

/// Time for which a pane keeps its order after a key or a click in it, ns.
const HOLD_NS: u64 = 5_000_000_000;
/// Maximum number of entries in a line of the strip.
const STRIP: usize = 20;

#[derive(Debug)]
pub struct TalkerRow<'a> {
    /// `None`: all evicted talkers together.
    pub key: Option<GroupKey>,
    pub talker: &'a Aggregate,
    pub selected: bool,
}

impl Pane {
    fn new(subject: Subject) -> Self {
        Pane {
            subject,
            grouped: false,
            inverted: false,
            sort: default_sort(),
            // evicted talkers have their line below the last
            list: List::with_other(),
            longest: 0,
            touched_ns: None,
            is_exact: true,
            strip: Vec::new(),
        }
    }

    pub fn by(&self) -> GroupBy {
        self.subject.by(self.grouped)
    }

    /// Heading of the name column.
    pub fn title(&self) -> &'static str {
        self.by().title()
    }

    pub fn sorted_by(&self) -> &'static AggregateFigure {
        &FIGURES[self.sort]
    }

    /// Number of talkers, and number of evictions.
    pub fn counts(&self, talkers: &Aggregates) -> (usize, u64) {
        (self.list.len(), talkers.other(self.by()).1)
    }

    /// Cells that the longest name needs.
    pub fn longest(&self) -> u16 {
        self.longest.try_into().unwrap_or(u16::MAX)
    }

    /// Index of the selected line.
    pub fn position(&self) -> usize {
        self.list.position()
    }

    pub fn selected(&self) -> Option<GroupKey> {
        self.list.selected()
    }

    /// Visible lines; the last one of all stands for evicted talkers.
    pub fn rows<'a>(&'a self, talkers: &'a Aggregates) -> impl Iterator<Item = TalkerRow<'a>> {
        let by = self.by();
        let rows = self.list.shown().filter_map(move |(key, selected)| {
            Some(TalkerRow {
                key: Some(key),
                talker: talkers.get(by, key)?,
                selected,
            })
        });
        let (rest, evicted) = talkers.other(by);
        rows.chain((evicted > 0).then_some(TalkerRow {
            key: None,
            talker: rest,
            selected: false,
        }))
    }

    /// Sorts again.
    fn refresh(&mut self, talkers: &Aggregates, height: usize) {
        let (figure, by) = (self.sorted_by(), self.by());
        let mut order: Vec<(f64, u64, GroupKey, &Aggregate)> = talkers
            .of(by)
            .map(|(key, t)| {
                let value = (figure.get)(talkers, by, t);
                // those without this figure: the one that was active last comes first
                let active_s = if value > 0.0 { u64::MAX } else { t.newest_s() };
                (value, active_s, key, t)
            })
            .collect();
        order.sort_unstable_by(|a, b| {
            let figures = if self.inverted {
                a.0.total_cmp(&b.0)
            } else {
                b.0.total_cmp(&a.0)
            };
            // ties: the most active first, so that lines do not jump
            figures
                .then_with(|| b.1.cmp(&a.1))
                .then_with(|| b.3.open.cmp(&a.3.open))
                .then_with(|| b.3.bytes.cmp(&a.3.bytes))
                .then_with(|| b.3.sessions.cmp(&a.3.sessions))
                .then_with(|| a.2.cmp(&b.2))
        });
        let order: Vec<_> = order
            .into_iter()
            .map(|(value, _, key, _)| (value, key))
            .collect();
        let now_ns = talkers.snapshot_ns();
        let is_held = |touched_ns| now_ns.saturating_sub(touched_ns) < HOLD_NS;
        let order = match () {
            () if self.is_exact => order.into_iter().map(|(_, key)| key).collect(),
            () if self.touched_ns.is_some_and(is_held) => same(&order, self.list.order()),
            () => still(order, self.list.order()),
        };
        self.list.set(order, height);
        self.measure(height);
    }

    /// Kind of the entries of its line of the strip: a line has no room for process ids, so that processes are summed up
    /// by program.
    fn strip_by(&self) -> GroupBy {
        match self.by() {
            GroupBy::Process => GroupBy::Program,
            by => by,
        }
    }

    /// Sorts the entries of the strip again: those with traffic.
    fn refresh_strip(&mut self, talkers: &Aggregates) {
        let rates = talkers
            .of(self.strip_by())
            .map(|(key, talker)| (talkers.byte_rate(talker), key));
        let mut busiest: Vec<(f64, GroupKey)> = rates.filter(|(rate, _)| *rate >= 1.0).collect();
        busiest.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let before = match self.is_exact {
            true => &[],
            false => &self.strip[..],
        };
        self.strip = still(busiest, before);
        self.strip.truncate(STRIP);
    }

    /// Makes room for the visible names.
    fn measure(&mut self, height: usize) {
        let shown = self.list.shown().take(height);
        let longest = shown.map(|(key, _)| key.to_string().width()).max();
        self.longest = self.longest.max(longest.unwrap_or(0));
    }
}

/// A session that the filter matches, and its other end, if it matches, too, and a connection counts once.
fn selected<'a>(
    place: SessionRef,
    session: &'a Session,
    store: &'a Store,
    view_filter: &ViewFilter,
) -> Option<(&'a Session, Option<&'a Session>)> {
    if !view_filter.selects(session) {
        return None;
    }
    let other = view_filter.other_end(place, session, store);
    let other = other.map(|other| other.session);
    let selected = other.filter(|other| view_filter.selects(other));
    view_filter
        .allows(session, other)
        .then_some((session, selected))
}

/// Sums of the sessions that the filter matches.
#[derive(Debug)]
struct Narrowed {
    talkers: Aggregates,
    /// Slots of open sessions from this one on are still to be counted; `None`: none are.
    next_open: Option<Slot>,
    /// The same, of those that are counted again.
    next_again: Option<Slot>,
    backfill: Backfill,
    /// Some sessions had been evicted before they could be counted.
    is_lower_bound: bool,
}

/// The panes and their sums.
#[derive(Debug)]
pub struct Panes {
    all: Aggregates,
    /// Slots of open sessions from this one on are still to be counted again for `all`; `None`: none are.
    next_again: Option<Slot>,
    /// The sums of all as they are shown, while `all` goes on in a pause.
    shown: Option<Box<Aggregates>>,
    narrowed: Option<Narrowed>,
    /// A new filter is to be counted from the beginning; until then the sums of the previous one are shown.
    restarting: bool,
    panes: [Pane; 4],
    /// Talker lines in each pane.
    heights: [usize; 4],
    /// The strip is shown.
    has_strip: bool,
}

impl Narrowed {
    /// True if a session that the filter matches has been counted.
    fn has_counted(&self, end: PairedEnd<'_>) -> bool {
        match end.at {
            Some(SessionRef::Closed(number)) => self.backfill.has_reached(number),
            Some(SessionRef::Open(_)) => self.next_open.is_none(),
            None => false,
        }
    }

    /// Takes a change of sessions that the filter matches.
    fn take(&mut self, change: &Change<'_>) {
        let is_later = |slot| self.next_open.is_some_and(|next| slot >= next);
        match change.now {
            // as long as it is open, it is counted when its turn comes
            Some(now) if change.slot.is_some_and(is_later) && !now.is_open() => {
                let other = change.other.map(|other| other.session);
                self.talkers.recall(now, change.uncounted, other);
            }
            _ if change.slot.is_some_and(is_later) => {}
            _ => self.talkers.take(change),
        }
    }
}

/// Closed sessions counted in one step, and slots of open ones: a few milliseconds.
const CHUNK: u64 = 1 << 13;

impl Default for Panes {
    fn default() -> Self {
        Panes {
            all: Aggregates::default(),
            next_again: None,
            shown: None,
            narrowed: None,
            restarting: false,
            panes: Subject::ALL.map(Pane::new),
            heights: [0; 4],
            has_strip: false,
        }
    }
}

impl Panes {
    /// The sums shown.
    pub fn talkers(&self) -> &Aggregates {
        Panes::sums(&self.narrowed, &self.shown, &self.all)
    }

    fn sums<'a>(
        narrowed: &'a Option<Narrowed>,
        shown: &'a Option<Box<Aggregates>>,
        all: &'a Aggregates,
    ) -> &'a Aggregates {
        match (narrowed, shown) {
            (Some(narrowed), _) => &narrowed.talkers,
            (None, Some(shown)) => shown,
            (None, None) => all,
        }
    }

    /// True if the sums are lower bounds: they do not include what was evicted before the filter was set.
    pub fn is_lower_bound(&self) -> bool {
        self.narrowed.as_ref().is_some_and(|n| n.is_lower_bound)
    }

    /// Sums of all sessions, whatever the filter.
    pub fn all(&self) -> &Aggregates {
        Panes::sums(&None, &self.shown, &self.all)
    }

    pub fn pane(&self, subject: Subject) -> &Pane {
        &self.panes[subject as usize]
    }

    /// Counts a change, of which `without_own` is the part that is no self traffic.
    pub fn take(
        &mut self,
        change: &Change<'_>,
        without_own: Option<&Change<'_>>,
        view_filter: &ViewFilter,
    ) {
        if let Some(change) = without_own {
            self.all.take(change);
        }
        let Some(narrowed) = &mut self.narrowed else {
            return;
        };
        let is_meant =
            |s: &Session| view_filter.selects(s) && view_filter.allows(s, change.other_than(s));
        // it was counted before it was known that an end that is excluded is here, too
        if change.before.is_none()
            && let Some(other) = change.other
            && view_filter.selects(other.session)
            && !is_meant(other.session)
            && narrowed.has_counted(other)
        {
            narrowed.talkers.retract(other.session);
        }
        if let Some(change) = change.among(is_meant) {
            narrowed.take(&match view_filter.pairs {
                true => change,
                false => change.unpaired(),
            });
        }
    }

    /// Counts a change that is not shown yet, without self traffic. The sums of a filter do not need it: they are counted
    /// again after a pause with more sessions than are kept.
    pub fn pass(&mut self, change: &Change<'_>) {
        self.shown.get_or_insert_with(|| Box::new(self.all.clone()));
        self.all.take(change);
    }

    /// Ends a snapshot.
    pub fn end_snapshot(&mut self, taken_ns: u64) {
        self.all.end_snapshot(taken_ns);
        if let Some(narrowed) = &mut self.narrowed {
            narrowed.talkers.end_snapshot(taken_ns);
        }
    }

    /// Shows the sums as they are now.
    pub fn settle(&mut self, store: &Store, view_filter: &ViewFilter) {
        self.shown = None;
        if self.next_again.is_none() && self.all.is_inexact() {
            self.all.begin_recount();
            self.next_again = Some(0);
        }
        if let Some(narrowed) = &mut self.narrowed
            && narrowed.next_open.or(narrowed.next_again).is_none()
            && narrowed.talkers.is_inexact()
        {
            narrowed.talkers.begin_recount();
            narrowed.next_again = Some(0);
        }
        self.recount(store, view_filter);
        self.refresh();
    }

    /// Counts some open sessions again, if that is to be done.
    fn recount(&mut self, store: &Store, view_filter: &ViewFilter) {
        if let Some(from) = self.next_again {
            let own = &view_filter.self_traffic;
            let other = |s: &Session| {
                let place = SessionRef::Open(s.cookie);
                let other = store.other_end(place, s).map(|other| other.session);
                other.filter(|other| !own.is(other))
            };
            let to = from + CHUNK as Slot;
            let open = store.open_in(from..to).filter(|(_, s)| !own.is(s));
            self.all.recount(open.map(|(_, s)| (s, other(s))));
            self.next_again = (to < store.open_slots()).then_some(to);
            if self.next_again.is_none() {
                self.all.end_recount();
            }
        }
        if let Some(narrowed) = &mut self.narrowed
            && let Some(from) = narrowed.next_again
        {
            let to = from + CHUNK as Slot;
            let open = store.open_in(from..to);
            let open = open.filter_map(|(_, session)| {
                let place = SessionRef::Open(session.cookie);
                selected(place, session, store, view_filter)
            });
            narrowed.talkers.recount(open);
            narrowed.next_again = (to < store.open_slots()).then_some(to);
            if narrowed.next_again.is_none() {
                narrowed.talkers.end_recount();
            }
        }
    }

    /// True while some open sessions are to be counted again.
    fn is_recounting(&self) -> bool {
        let narrowed = self.narrowed.as_ref().and_then(|n| n.next_again);
        self.next_again.or(narrowed).is_some()
    }

    /// Starts over with a changed filter; [`Panes::work`] does the counting, so that no key waits for it.
    pub fn restart(&mut self, view_filter: &ViewFilter) {
        self.restarting = !view_filter.selects_all();
        if !self.restarting || !self.is_visible() {
            self.narrowed = None;
        }
        self.refresh_exactly();
    }

    /// True if any sums are visible; hidden ones are not counted.
    fn is_visible(&self) -> bool {
        self.has_strip || self.heights.iter().any(|height| *height > 0)
    }

    /// True while sessions remain to be counted.
    pub fn is_working(&self, store: &Store) -> bool {
        let left = |n: &Narrowed| n.next_open.is_some() || !n.backfill.is_done(store);
        let is_left = self.restarting || self.narrowed.as_ref().is_some_and(left);
        self.is_recounting() || self.is_visible() && is_left
    }

    /// Counts one part: first the open sessions, then closed ones a chunk at a time.
    pub fn work(&mut self, store: &Store, view_filter: &ViewFilter) {
        if !self.is_working(store) {
            return;
        }
        if self.is_recounting() {
            self.recount(store, view_filter);
            if !self.is_recounting() {
                self.refresh();
            }
            return;
        }
        if std::mem::take(&mut self.restarting) {
            self.narrowed = Some(Narrowed {
                talkers: self.all.emptied(),
                next_open: Some(0),
                next_again: None,
                backfill: Backfill::new(store, CHUNK),
                is_lower_bound: store.closed_numbers().start > 0,
            });
        }
        let Some(narrowed) = &mut self.narrowed else {
            return;
        };
        let mut recall = |place, session: &Session| {
            if let Some((session, other)) = selected(place, session, store, view_filter) {
                let uncounted = store.uncounted(session);
                narrowed.talkers.recall(session, uncounted, other);
            }
        };
        if let Some(from) = narrowed.next_open {
            let to = from + CHUNK as Slot;
            for (_, session) in store.open_in(from..to) {
                recall(SessionRef::Open(session.cookie), session);
            }
            narrowed.next_open = (to < store.open_slots()).then_some(to);
        } else {
            let closed = store.closed_in(narrowed.backfill.take_chunk(store)).rev();
            for (place, session) in closed {
                recall(place, session);
            }
        }
        self.refresh_exactly();
    }

    /// Panes like these, without any sums.
    #[must_use]
    pub fn restarted(&self) -> Self {
        let mut panes = Panes {
            heights: self.heights,
            has_strip: self.has_strip,
            ..Panes::default()
        };
        panes.arrange_as(self);
        panes
    }

    /// Groups and sorts as others do.
    pub fn arrange_as(&mut self, others: &Panes) {
        for (pane, other) in self.panes.iter_mut().zip(&others.panes) {
            (pane.grouped, pane.inverted, pane.sort) = (other.grouped, other.inverted, other.sort);
            pane.longest = pane.longest.max(other.longest);
        }
    }

    /// Sets the number of talker lines in each pane, and whether there is a strip.
    pub fn resize(&mut self, heights: [usize; 4], has_strip: bool) {
        let appears = has_strip && !self.has_strip;
        (self.heights, self.has_strip) = (heights, has_strip);
        let talkers = Panes::sums(&self.narrowed, &self.shown, &self.all);
        for (pane, height) in self.panes.iter_mut().zip(heights) {
            pane.list.scroll(height);
            pane.measure(height);
            if appears {
                pane.refresh_strip(talkers);
            }
        }
    }

    /// The entries of the strip: their heading, and those with traffic and their bytes per second, the busiest first.
    pub fn busiest(&self, subject: Subject) -> (&'static str, Vec<(GroupKey, f64)>) {
        let (talkers, pane) = (self.talkers(), self.pane(subject));
        let by = pane.strip_by();
        let rate = |key| Some((key, talkers.byte_rate(talkers.get(by, key)?)));
        let entries = pane.strip.iter().filter_map(|key| rate(*key));
        (by.title(), entries.collect())
    }

    /// Notes a key or a click in a pane, which keeps its order for a while.
    pub fn touch(&mut self, subject: Subject) {
        let now_ns = self.talkers().snapshot_ns();
        self.panes[subject as usize].touched_ns = Some(now_ns);
    }

    pub fn go(&mut self, subject: Subject, motion: Motion) {
        self.touch(subject);
        let height = self.heights[subject as usize];
        let pane = &mut self.panes[subject as usize];
        pane.list.go(motion, height);
        pane.measure(height);
    }

    /// Shows the top lines again after the keyboard focus has left.
    pub fn leave(&mut self, subject: Subject) {
        let pane = &mut self.panes[subject as usize];
        pane.list.reset();
        pane.touched_ns = None;
        self.refresh();
    }

    /// Groups peers by subnet and processes by name, or shows each by itself again. False if the others cannot be grouped.
    pub fn group(&mut self, subject: Subject) -> bool {
        let pane = &mut self.panes[subject as usize];
        let can_be_grouped = matches!(pane.subject, Subject::Processes | Subject::Peers);
        if can_be_grouped {
            pane.grouped = !pane.grouped;
            pane.longest = 0;
            pane.list.reset();
            pane.is_exact = true;
            self.refresh();
        }
        can_be_grouped
    }

    /// Sorts by the next figure: the one that it is sorted by is always shown.
    pub fn sort(&mut self, subject: Subject, step: isize) {
        let pane = &mut self.panes[subject as usize];
        let next = (pane.sort as isize + step).rem_euclid(FIGURES.len() as isize);
        (pane.sort, pane.inverted) = (next as usize, false);
        pane.is_exact = true;
        self.refresh();
    }

    /// Sorts by this figure, or reverses the order if it is the current one.
    pub fn sort_by(&mut self, subject: Subject, figure: &'static AggregateFigure) {
        let pane = &mut self.panes[subject as usize];
        if pane.sorted_by().title == figure.title {
            pane.inverted = !pane.inverted;
        } else if let Some(i) = FIGURES.iter().position(|f| f.title == figure.title) {
            (pane.sort, pane.inverted) = (i, false);
        }
        pane.is_exact = true;
        self.refresh();
    }

    /// Selects the line at this offset from the first visible one. True if it was selected already.
    pub fn click(&mut self, subject: Subject, line: usize) -> bool {
        self.touch(subject);
        self.panes[subject as usize].list.click(line)
    }

    /// Scrolls; the selection stays visible.
    pub fn wheel(&mut self, subject: Subject, down: bool) {
        self.touch(subject);
        let height = self.heights[subject as usize];
        self.panes[subject as usize].list.wheel(height, down);
    }

    /// Reverses the order.
    pub fn invert(&mut self, subject: Subject) {
        let pane = &mut self.panes[subject as usize];
        pane.inverted = !pane.inverted;
        pane.is_exact = true;
        self.refresh();
    }

    fn refresh(&mut self) {
        let talkers = Panes::sums(&self.narrowed, &self.shown, &self.all);
        for (pane, height) in self.panes.iter_mut().zip(self.heights) {
            pane.refresh(talkers, height);
            if self.has_strip {
                pane.refresh_strip(talkers);
            }
            pane.is_exact = false;
        }
    }

    /// Sorts again in the order of the figures: they are others now.
    fn refresh_exactly(&mut self) {
        self.panes.iter_mut().for_each(|pane| pane.is_exact = true);
        self.refresh();
    }
}
