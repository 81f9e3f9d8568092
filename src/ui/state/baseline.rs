//! The comparison screen: differences since the baseline, the worst first, without self traffic.
//!
//! Owns their order and the selection. `crate::model::baseline` decides what counts as a difference.

use crate::model::aggregate::Aggregates;
use crate::model::baseline::key::BaselineKey;
use crate::model::baseline::{
    Baseline, BaselineFigure, Comparing, Difference, DifferenceKind, Differences,
};
use crate::ui::action::Motion;
use crate::ui::state::list::List;

/// Maximum number of lines for gone keys, and for new ones: a server has many clients that come and go.
const MOST: usize = 200;

/// Number of kinds of differences that are counted.
pub const KINDS: usize = 6;

#[derive(Debug, Default)]
pub struct Comparison {
    found: Vec<Difference>,
    pub list: List<(BaselineKey, DifferenceKind)>,
    /// Number of lines of each kind: worse, gone, quiet, fewer, new, and grown; also of those that there are too many of.
    pub counts: [usize; KINDS],
    /// Number of those that have ended: failures, and what was new.
    pub ended: [usize; KINDS],
    /// The comparison in progress.
    comparing: Option<Comparing>,
    /// Figures have changed meanwhile.
    is_stale: bool,
}

impl Comparison {
    /// Compares with the baseline again: as much as a key may wait for, and [`Comparison::work`] the rest.
    pub fn refresh(&mut self, baseline: &Baseline, talkers: &Aggregates, height: usize) {
        match &self.comparing {
            Some(pass) if pass.is_with(baseline) => self.is_stale = true,
            _ => {
                (self.comparing, self.is_stale) = (Some(Comparing::new(baseline)), false);
                self.work(baseline, talkers, height);
            }
        }
    }

    /// True while keys are left to compare.
    pub fn is_working(&self) -> bool {
        self.comparing.is_some()
    }

    /// Gives up the comparison in progress: its baseline was cleared.
    pub fn stop(&mut self) {
        self.comparing = None;
    }

    /// Compares the next keys; after the last one, shows the differences.
    pub fn work(&mut self, baseline: &Baseline, talkers: &Aggregates, height: usize) {
        let Some(pass) = &mut self.comparing else {
            return;
        };
        if let Some(differences) = baseline.compare_part(pass, talkers) {
            let is_stale = std::mem::take(&mut self.is_stale);
            self.comparing = is_stale.then(|| Comparing::new(baseline));
            self.show(differences, height);
        }
    }

    fn show(&mut self, differences: Differences, height: usize) {
        let Differences {
            mut found,
            more_new,
        } = differences;
        found.sort_by(|a, b| {
            let change = |d: &Difference| match d.finding.is_fewer() {
                true => 1.0 / d.ratio(),
                false => d.ratio(),
            };
            let weight = |d: &Difference| (change(d), d.since.or(d.before).unwrap_or(0.0), d.bytes);
            let (mine, theirs) = (weight(a), weight(b));
            urgency(a)
                .cmp(&urgency(b))
                .then_with(|| theirs.0.total_cmp(&mine.0))
                .then_with(|| theirs.1.total_cmp(&mine.1))
                .then_with(|| theirs.2.cmp(&mine.2))
                .then_with(|| a.key.cmp(&b.key))
        });
        (self.counts, self.ended) = ([0; KINDS], [0; KINDS]);
        self.counts[kind(DifferenceKind::New)] = more_new;
        let mut lines = [0; KINDS];
        found.retain(|difference| {
            let kind = kind(difference.finding);
            self.counts[kind] += 1;
            self.ended[kind] += usize::from(difference.has_ended());
            lines[kind] += 1;
            kind == 0 || lines[kind] <= MOST
        });
        let order = found.iter().map(|d| (d.key, d.finding)).collect();
        self.found = found;
        self.list.set(order, height);
    }

    /// Visible lines, each with true if it is selected.
    pub fn rows(&self) -> impl Iterator<Item = (&Difference, bool)> {
        self.list.shown().filter_map(|(line, selected)| {
            let mut found = self.found.iter();
            let difference = found.find(|d| (d.key, d.finding) == line)?;
            Some((difference, selected))
        })
    }

    /// The difference on the selected line.
    pub fn selected(&self) -> Option<&Difference> {
        let line = self.list.selected()?;
        self.found.iter().find(|d| (d.key, d.finding) == line)
    }

    pub fn go(&mut self, motion: Motion, height: usize) {
        self.list.go(motion, height);
    }
}

/// Index of a kind of difference in [`Comparison::counts`].
fn kind(finding: DifferenceKind) -> usize {
    match finding {
        DifferenceKind::Worse(_) => 0,
        DifferenceKind::Gone => 1,
        DifferenceKind::Quiet => 2,
        DifferenceKind::FewerOpen | DifferenceKind::NoneKept | DifferenceKind::FewerNew => 3,
        DifferenceKind::New => 4,
        DifferenceKind::Grown(_) => 5,
    }
}

/// Sort order: failures, then slower or more lossy, then failures that have ended, then gone, then quiet, then fewer, then new,
/// then what was new and has ended, then grown.
fn urgency(difference: &Difference) -> u8 {
    let has_ended = difference.has_ended();
    match difference.finding {
        DifferenceKind::Worse(BaselineFigure::Failed) if !has_ended => 0,
        DifferenceKind::Worse(_) if !has_ended => 1,
        DifferenceKind::Worse(_) => 2,
        DifferenceKind::Gone => 3,
        DifferenceKind::Quiet => 4,
        DifferenceKind::FewerOpen | DifferenceKind::NoneKept | DifferenceKind::FewerNew => 5,
        DifferenceKind::New if !has_ended => 6,
        DifferenceKind::New => 7,
        DifferenceKind::Grown(_) => 8,
    }
}
