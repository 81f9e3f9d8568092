//! The screen of what is other since the mark: the worst first. What the dashboard causes itself does not count.
//!
//! Responsible for the order of the differences and for which is selected. Not for what is a difference
//! (`crate::mark`), nor for what is drawn (`view::mark`).

use super::app::{Action, App, Motion};
use super::keys::Mode;
use super::list::List;
use super::screens::Screen;
use crate::mark::{Difference, Figure, Finding, Mark};
use crate::talkers::{Key, Talkers};

/// Lines of what is gone, and of what is new: a server has many clients that come and go.
const MOST: usize = 200;

/// The screen.
#[derive(Debug, Default)]
pub struct Comparison {
    found: Vec<Difference>,
    pub(super) list: List<(Key, Finding)>,
    /// How many figures are worse, how many talkers are gone, how many new.
    pub counts: [usize; 3],
}

impl Comparison {
    /// Compares anew.
    pub(super) fn refresh(&mut self, mark: &Mark, talkers: &Talkers, height: usize) {
        let mut found = mark.differences(talkers);
        found.sort_by(|a, b| {
            let weight = |d: &Difference| (d.ratio(), d.since.or(d.before).unwrap_or(0.0), d.bytes);
            let (mine, theirs) = (weight(a), weight(b));
            urgency(a.finding)
                .cmp(&urgency(b.finding))
                .then_with(|| theirs.0.total_cmp(&mine.0))
                .then_with(|| theirs.1.total_cmp(&mine.1))
                .then_with(|| theirs.2.cmp(&mine.2))
                .then_with(|| a.key.cmp(&b.key))
        });
        self.counts = [0; 3];
        found.retain(|difference| {
            let kind = match difference.finding {
                Finding::Worse(_) => 0,
                Finding::Gone => 1,
                Finding::New => 2,
            };
            self.counts[kind] += 1;
            kind == 0 || self.counts[kind] <= MOST
        });
        let order = found.iter().map(|d| (d.key, d.finding)).collect();
        self.found = found;
        self.list.set(order, height);
    }

    /// Lines from the first that is shown on, and whether each is the selected one.
    pub fn rows(&self) -> impl Iterator<Item = (&Difference, bool)> {
        self.list.shown().filter_map(|(line, selected)| {
            let mut found = self.found.iter();
            let difference = found.find(|d| (d.key, d.finding) == line)?;
            Some((difference, selected))
        })
    }

    /// Whom the selected line is about.
    pub fn selected(&self) -> Option<Key> {
        self.list.selected().map(|(key, _)| key)
    }

    /// Moves the selection.
    pub(super) fn go(&mut self, motion: Motion, height: usize) {
        self.list.go(motion, height);
    }
}

/// What is read first: what fails, what takes longer, what is more, who is gone, who is new.
fn urgency(finding: Finding) -> u8 {
    match finding {
        Finding::Worse(Figure::Failed) => 0,
        Finding::Worse(Figure::Lossy | Figure::Connect | Figure::Rtt | Figure::Duration) => 1,
        Finding::Worse(Figure::New | Figure::Bytes) => 2,
        Finding::Gone => 3,
        Finding::New => 4,
    }
}

impl App {
    /// Sets a mark; if there is one, shows what is other since, or leaves that again.
    pub(super) fn mark(&mut self) {
        if self.mark.is_none() {
            self.mark_anew();
            let key = self.keymap.of(self.mode, Action::Mark);
            self.notice
                .say(format!("marked; {key} again: what is other since"));
        } else {
            self.toggle_screen(Mode::Marked);
        }
    }

    /// From now on the comparison is with now.
    pub(super) fn mark_anew(&mut self) {
        let (talkers, own) = (self.panes.all(), &self.choice.own);
        let mark = Mark::new(self.first_ns, self.now_ns, talkers, &self.store, |s| {
            !own.is(s)
        });
        self.mark = Some(Box::new(mark));
        self.look_since_mark();
        self.refresh_screen();
    }

    /// There is nothing to compare with any more.
    pub(super) fn unmark(&mut self) {
        self.mark = None;
        if matches!(self.screen, Some(Screen::Marked(_))) {
            self.screen = None;
        }
        self.turn_to(self.focus);
    }

    /// The open sessions were looked at, or are to be compared from now on.
    pub(super) fn look_since_mark(&mut self) {
        let is_shown = matches!(self.screen, Some(Screen::Marked(_)));
        if let Some(mark) = &mut self.mark {
            mark.look(self.now_ns, is_shown.then_some(&self.store));
        }
    }
}
