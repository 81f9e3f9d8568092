//! The talker panes: which talkers they have, in which order, which is selected.
//!
//! Responsible for what the panes show of what the filter selects: with a filter, the sums are those of the sessions
//! that are kept, counted a bit at a time. Not for the sums (`crate::model::aggregate`), nor for what is drawn (`view`).

use crate::model::aggregate::figures::{AggregateFigure, FIGURES, busiest};
use crate::model::aggregate::{Aggregate, Aggregates, GroupBy, GroupKey};
use crate::model::store::{Backfill, Change, Store};
use crate::ui::action::Motion;
use crate::ui::layout::panes::Subject;
use crate::ui::state::list::List;
use crate::ui::state::view_filter::ViewFilter;

/// One pane.
#[derive(Debug)]
pub struct Pane {
    /// What it is about.
    pub subject: Subject,
    /// Peers by network, processes by name.
    pub grouped: bool,
    /// The smallest first.
    pub inverted: bool,
    /// Number of the figure that it is sorted by.
    sort: usize,
    list: List<GroupKey>,
}

/// A line of a pane.
#[derive(Debug)]
pub struct TalkerRow<'a> {
    /// Who; `None`: all of those that were let go.
    pub key: Option<GroupKey>,
    /// The sums.
    pub talker: &'a Aggregate,
    /// It is the selected one.
    pub selected: bool,
}

impl Pane {
    fn new(subject: Subject) -> Self {
        Pane {
            subject,
            grouped: false,
            inverted: false,
            sort: busiest(),
            // those that were let go have their place below the last
            list: List::with_other(),
        }
    }

    fn by(&self) -> GroupBy {
        self.subject.by(self.grouped)
    }

    /// Heading of the names.
    pub fn title(&self) -> &'static str {
        match self.by() {
            GroupBy::Process => "PROCESS",
            GroupBy::Program => "PROGRAM",
            GroupBy::Peer => "PEER",
            GroupBy::Subnet => "SUBNET",
            GroupBy::Port => "PORT",
        }
    }

    /// The figure that it is sorted by.
    pub fn sorted_by(&self) -> &'static AggregateFigure {
        &FIGURES[self.sort]
    }

    /// How many talkers it has, and how many times one was let go.
    pub fn counts(&self, talkers: &Aggregates) -> (usize, u64) {
        (self.list.len(), talkers.other(self.by()).1)
    }

    /// Which line is selected, from 0.
    pub fn position(&self) -> usize {
        self.list.position()
    }

    /// The selected talker.
    pub fn selected(&self) -> Option<GroupKey> {
        self.list.selected()
    }

    /// Lines from the first that is shown on; the last of all is what was let go.
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

    /// Sorts anew.
    fn refresh(&mut self, talkers: &Talkers, height: usize) {
        let figure = self.sorted_by();
        let mut order: Vec<(f64, GroupKey, &Aggregate)> = talkers
            .of(self.by())
            .map(|(key, t)| ((figure.get)(talkers, t), key, t))
            .collect();
        order.sort_unstable_by(|a, b| {
            let figures = if self.inverted {
                a.0.total_cmp(&b.0)
            } else {
                b.0.total_cmp(&a.0)
            };
            // among equals who has most, so that nobody jumps about
            figures
                .then_with(|| b.2.open.cmp(&a.2.open))
                .then_with(|| b.2.bytes.cmp(&a.2.bytes))
                .then_with(|| b.2.sessions.cmp(&a.2.sessions))
                .then_with(|| a.1.cmp(&b.1))
        });
        let order = order.into_iter().map(|(_, key, _)| key).collect();
        self.list.set(order, height);
    }
}

/// What the filter selects is counted apart.
#[derive(Debug)]
struct Narrowed {
    talkers: Talkers,
    backfill: Backfill,
}

/// The three panes, and all that they may have to show.
#[derive(Debug)]
pub struct Panes {
    all: Talkers,
    narrowed: Option<Narrowed>,
    /// Another choice of sessions is to be counted from the beginning; what is there meanwhile is of the choice before.
    restarting: bool,
    panes: [Pane; 3],
    /// Lines of talkers in each.
    heights: [usize; 3],
}

/// Finished sessions that are counted at a time: some milliseconds.
const CHUNK: u64 = 1 << 13;

impl Default for Panes {
    fn default() -> Self {
        Panes {
            all: Aggregates::default(),
            narrowed: None,
            restarting: false,
            panes: Subject::ALL.map(Pane::new),
            heights: [0; 3],
        }
    }
}

impl Panes {
    /// The sums that are shown.
    pub fn talkers(&self) -> &Aggregates {
        self.narrowed.as_ref().map_or(&self.all, |n| &n.talkers)
    }

    /// The sums of all sessions, whatever the filter.
    pub fn all(&self) -> &Aggregates {
        &self.all
    }

    /// A pane.
    pub fn pane(&self, subject: Subject) -> &Pane {
        &self.panes[subject as usize]
    }

    /// Takes in what changed of a session.
    pub fn take(&mut self, change: &Change<'_>, view_filter: &ViewFilter) {
        if let Some(change) = view_filter.self_traffic.without(change) {
            self.all.take(&change);
        }
        if let Some(narrowed) = &mut self.narrowed
            && let Some(change) = change.among(|s| view_filter.selects(s))
        {
            narrowed.talkers.take(&change);
        }
    }

    /// The open sessions were looked at.
    pub fn take_snapshot(&mut self, taken_ns: u64, store: &Store, view_filter: &ViewFilter) {
        self.all.end_snapshot(taken_ns);
        if self.all.is_inexact() {
            let open = store.open().map(|(_, s)| s);
            self.all
                .recount(open.filter(|s| !view_filter.self_traffic.is(s)));
        }
        if let Some(Narrowed { talkers, .. }) = &mut self.narrowed {
            talkers.end_snapshot(taken_ns);
            if talkers.is_inexact() {
                let open = store.open().map(|(_, s)| s);
                talkers.recount(open.filter(|s| view_filter.selects(s)));
            }
        }
        self.refresh();
    }

    /// Another choice of sessions: counted by [`Panes::work`], so that no key waits for it.
    pub fn restart(&mut self, view_filter: &ViewFilter) {
        self.restarting = !view_filter.selects_all();
        if !self.restarting || !self.is_visible() {
            self.narrowed = None;
        }
        self.refresh();
    }

    /// What nobody sees is not counted.
    fn is_visible(&self) -> bool {
        self.heights.iter().any(|height| *height > 0)
    }

    /// True while there is something to be counted.
    pub fn is_working(&self, store: &Store) -> bool {
        let left = |n: &Narrowed| !n.backfill.is_done(store);
        self.is_visible() && (self.restarting || self.narrowed.as_ref().is_some_and(left))
    }

    /// Counts a part: the open sessions first, then some of the finished ones at a time.
    pub fn work(&mut self, store: &Store, view_filter: &ViewFilter) {
        if !self.is_working(store) {
            return;
        }
        if std::mem::take(&mut self.restarting) {
            let mut talkers = self.all.emptied();
            for (_, session) in store.open().filter(|(_, s)| view_filter.selects(s)) {
                talkers.recall(session, store.uncounted(session));
            }
            self.narrowed = Some(Narrowed {
                talkers,
                backfill: Backfill::new(store, CHUNK),
            });
        } else if let Some(narrowed) = &mut self.narrowed {
            let closed = store.closed_in(narrowed.backfill.take_chunk(store)).rev();
            for (_, session) in closed.filter(|(_, s)| view_filter.selects(s)) {
                narrowed.talkers.recall(session, store.uncounted(session));
            }
        }
        self.refresh();
    }

    /// The panes have that many lines of talkers.
    pub fn resize(&mut self, heights: [usize; 3]) {
        self.heights = heights;
        for (pane, height) in self.panes.iter_mut().zip(heights) {
            pane.list.scroll(height);
        }
    }

    /// Moves the selection.
    pub fn go(&mut self, subject: Subject, motion: Motion) {
        let height = self.heights[subject as usize];
        self.panes[subject as usize].list.go(motion, height);
    }

    /// Nobody moves about in it any more: those on top are shown again.
    pub fn leave(&mut self, subject: Subject) {
        self.panes[subject as usize].list.reset();
        self.refresh();
    }

    /// Each by itself, or peers by network and processes by name. False if there is nothing to group.
    pub fn group(&mut self, subject: Subject) {
        let pane = &mut self.panes[subject as usize];
        pane.grouped = !pane.grouped && pane.subject != Subject::Ports;
        pane.list.reset();
        self.refresh();
    }

    /// Sorts by the next of these figures.
    pub fn sort(&mut self, subject: Subject, shown: &[&'static AggregateFigure], step: isize) {
        let pane = &mut self.panes[subject as usize];
        let now = shown.iter().position(|f| f.title == pane.sorted_by().title);
        let next = now.map_or(0, |i| {
            (i as isize + step).rem_euclid(shown.len().max(1) as isize) as usize
        });
        let next = shown.get(next).map(|f| f.title);
        if let Some(i) = FIGURES.iter().position(|f| Some(f.title) == next) {
            (pane.sort, pane.inverted) = (i, false);
        }
        self.refresh();
    }

    /// Sorts by this figure; if it is sorted by it already, turns the order round.
    pub fn sort_by(&mut self, subject: Subject, figure: &'static AggregateFigure) {
        let pane = &mut self.panes[subject as usize];
        if pane.sorted_by().title == figure.title {
            pane.inverted = !pane.inverted;
        } else if let Some(i) = FIGURES.iter().position(|f| f.title == figure.title) {
            (pane.sort, pane.inverted) = (i, false);
        }
        self.refresh();
    }

    /// Selects what is on a line, the first shown is 0. True if it was chosen already.
    pub fn click(&mut self, subject: Subject, line: usize) -> bool {
        self.panes[subject as usize].list.click(line)
    }

    /// Scrolls; the selection stays in sight.
    pub fn wheel(&mut self, subject: Subject, down: bool) {
        let height = self.heights[subject as usize];
        self.panes[subject as usize].list.wheel(height, down);
    }

    /// Turns the order round.
    pub fn invert(&mut self, subject: Subject) {
        let pane = &mut self.panes[subject as usize];
        pane.inverted = !pane.inverted;
        self.refresh();
    }

    fn refresh(&mut self) {
        let talkers = self.narrowed.as_ref().map_or(&self.all, |n| &n.talkers);
        for (pane, height) in self.panes.iter_mut().zip(self.heights) {
            pane.refresh(talkers, height);
        }
    }
}
