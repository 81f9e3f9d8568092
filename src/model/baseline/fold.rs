//! Folds differences with the same cause: sessions to one peer often are those of one program and one port, too.
//!
//! The grouping that explains a difference best keeps its line; the others are named in it.

use std::collections::HashMap;

use crate::model::aggregate::GroupKey;
use crate::model::aggregate::bounded_map::Sums;
use crate::model::baseline::KINDS;
use crate::model::baseline::diff::{BaselineFigure, Difference, DifferenceKind};
use crate::model::session::Session;

/// The keys that a session counts for, one of each of [`KINDS`].
pub type Keys = [GroupKey; 3];

pub fn keys(session: &Session) -> Keys {
    KINDS.map(|by| by.key(session))
}

/// Sums of sessions with the same keys: their part in the differences of each key.
#[derive(Clone, Copy, Debug, Default)]
pub struct Together {
    /// Sessions that count for a key that is gone.
    pub before: u64,
    /// Sessions since the baseline: all, opened ones, failed ones, and those with losses.
    pub since: u64,
    opened: u64,
    failed: u64,
    lossy: u64,
}

impl Together {
    /// Counts a session since the baseline.
    pub fn count_since(&mut self, session: &Session, opened: bool, lossy: bool) {
        self.since += 1;
        self.opened += u64::from(opened);
        self.failed += u64::from(session.reason.is_failure());
        self.lossy += u64::from(lossy);
    }

    /// Sessions that contribute to such a difference.
    fn part_of(&self, kind: DifferenceKind) -> u64 {
        match kind {
            DifferenceKind::Worse(BaselineFigure::Failed) => self.failed,
            DifferenceKind::Worse(BaselineFigure::Lossy) => self.lossy,
            DifferenceKind::Worse(BaselineFigure::New) => self.opened,
            DifferenceKind::Worse(_) | DifferenceKind::New => self.since,
            DifferenceKind::Gone => self.before,
        }
    }
}

impl Sums for Together {
    fn weight(&self) -> (bool, u64) {
        (self.failed + self.lossy > 0, self.before + self.since)
    }

    fn add(&mut self, other: &Together) {
        self.before += other.before;
        self.since += other.since;
        self.opened += other.opened;
        self.failed += other.failed;
        self.lossy += other.lossy;
    }
}

/// Share of a difference's sessions that another one must have, to explain it.
const MOST: f64 = 0.8;
/// Factor by which one difference must be clearer than another to explain it better.
const CLEARER: f64 = 1.1;

/// A difference while it is compared with others of its kind.
struct Candidate {
    difference: Difference,
    /// Its sessions that contribute, and all of them since the baseline.
    part: u64,
    all: u64,
    /// The one that it is folded into.
    within: Option<usize>,
}

impl Candidate {
    /// How clear the difference is: the share of failures or losses, or how much worse the figure is.
    fn clarity(&self) -> f64 {
        match self.difference.finding {
            DifferenceKind::Worse(BaselineFigure::Failed | BaselineFigure::Lossy) => {
                self.part as f64 / self.all.max(1) as f64
            }
            DifferenceKind::Worse(_) => self.difference.ratio(),
            DifferenceKind::Gone | DifferenceKind::New => 1.0,
        }
    }

    /// True if it explains sessions that both share better than the other. If both are as clear, the order of
    /// [`KINDS`] decides, which is that of the keys.
    fn is_better_than(&self, other: &Candidate) -> bool {
        let (mine, theirs) = (self.clarity(), other.clarity());
        match () {
            () if mine > theirs * CLEARER => true,
            () if theirs > mine * CLEARER => false,
            () => self.rank() < other.rank(),
        }
    }

    /// True if this one, a part of the other, explains it: the figure is clearly worse here. Failures and losses are
    /// counted one by one, so that the whole explains its parts.
    fn stands_out_of(&self, whole: &Candidate) -> bool {
        let is_mean = !matches!(
            self.difference.finding,
            DifferenceKind::Worse(BaselineFigure::Failed | BaselineFigure::Lossy)
        );
        is_mean && self.clarity() > whole.clarity() * CLEARER
    }

    fn rank(&self) -> usize {
        match self.difference.key {
            GroupKey::Peer(_) | GroupKey::Subnet(_) => 0,
            GroupKey::UnknownOwner | GroupKey::Process(..) | GroupKey::Program(_) => 1,
            GroupKey::Port(_) => 2,
            GroupKey::Workload(_) => 3,
        }
    }
}

/// Folds differences of the same kind whose sessions are for the most part those of another one. `together` iterates
/// over the sums of sessions with the same keys.
pub fn fold<'a, I>(differences: Vec<Difference>, together: impl Fn() -> I) -> Vec<Difference>
where
    I: Iterator<Item = (Keys, &'a Together)>,
{
    let mut by_kind: HashMap<DifferenceKind, Vec<Difference>> = HashMap::new();
    for difference in differences {
        let kind = by_kind.entry(difference.finding).or_default();
        kind.push(difference);
    }
    let folded = by_kind
        .into_iter()
        .flat_map(|(kind, differences)| match differences.len() {
            1 => differences,
            _ => fold_kind(kind, differences, together()),
        });
    folded.collect()
}

fn fold_kind<'a>(
    kind: DifferenceKind,
    differences: Vec<Difference>,
    together: impl Iterator<Item = (Keys, &'a Together)>,
) -> Vec<Difference> {
    let mut all: Vec<Candidate> = differences
        .into_iter()
        .map(|difference| Candidate {
            difference,
            part: 0,
            all: 0,
            within: None,
        })
        .collect();
    let places: HashMap<GroupKey, usize> = all
        .iter()
        .enumerate()
        .map(|(i, c)| (c.difference.key, i))
        .collect();
    let mut shared: HashMap<(usize, usize), u64> = HashMap::new();
    for (keys, sums) in together {
        let part = sums.part_of(kind);
        let here: Vec<usize> = keys.iter().filter_map(|k| places.get(k).copied()).collect();
        for (i, place) in here.iter().enumerate() {
            all[*place].part += part;
            all[*place].all += sums.since;
            for other in &here[i + 1..] {
                *shared.entry((*place, *other)).or_default() += part;
            }
        }
    }
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for ((a, b), part) in shared {
        let is_within = |c: &Candidate| part > 0 && part as f64 >= c.part as f64 * MOST;
        pairs.extend(match (is_within(&all[a]), is_within(&all[b])) {
            (true, true) if all[a].is_better_than(&all[b]) => Some((a, b)),
            (true, true) => Some((b, a)),
            (true, false) if all[a].stands_out_of(&all[b]) => Some((a, b)),
            (true, false) => Some((b, a)),
            (false, true) if all[b].stands_out_of(&all[a]) => Some((b, a)),
            (false, true) => Some((a, b)),
            (false, false) => None,
        });
    }
    // the greatest first, so that what they explain is not taken by lesser ones
    pairs.sort_unstable_by_key(|(by, what)| {
        let [by, what] = [by, what].map(|i| &all[*i]);
        (
            std::cmp::Reverse(by.part),
            by.difference.key,
            what.difference.key,
        )
    });
    for (mut by, what) in pairs {
        // what explains one explains those that it explains
        while let Some(within) = all[by].within {
            by = within;
        }
        if by == what || all[what].within.is_some() {
            continue;
        }
        all[what].within = Some(by);
        let mut also = std::mem::take(&mut all[what].difference.also);
        also.insert(0, all[what].difference.key);
        all[by].difference.also.append(&mut also);
    }
    let left = all.into_iter().filter(|c| c.within.is_none());
    left.map(|c| c.difference).collect()
}

/// Merges differences of the same keys: the worst one names the others.
pub fn merge(mut differences: Vec<Difference>) -> Vec<Difference> {
    differences.sort_unstable_by_key(|d| (d.finding, d.key));
    let mut merged: Vec<Difference> = Vec::new();
    let mut places: HashMap<GroupKey, Vec<usize>> = HashMap::new();
    for difference in differences {
        let keys = |d: &Difference| -> Vec<GroupKey> {
            std::iter::once(d.key)
                .chain(d.also.iter().copied())
                .collect()
        };
        let mine = keys(&difference);
        let same = places.get(&difference.key).into_iter().flatten();
        let mut same = same.copied().filter(|at| mine.contains(&merged[*at].key));
        match same.next() {
            Some(at) => {
                let worst = &mut merged[at];
                worst.with.push((difference.finding, difference.ratio()));
                for key in mine {
                    if key != worst.key && !worst.also.contains(&key) {
                        worst.also.push(key);
                        places.entry(key).or_default().push(at);
                    }
                }
            }
            None => {
                for key in mine {
                    places.entry(key).or_default().push(merged.len());
                }
                merged.push(difference);
            }
        }
    }
    merged
}
