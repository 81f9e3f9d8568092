//! Folds differences with the same cause: sessions to one peer often are those of one program and one port, too.
//!
//! The grouping that explains a difference best keeps its line; the others are named in it.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::model::aggregate::GroupKey;
use crate::model::aggregate::bounded_map::Sums;
use crate::model::baseline::KINDS;
use crate::model::baseline::diff::{BaselineFigure, Difference, DifferenceKind};
use crate::model::session::{Direction, Session};

/// The keys that a session counts for, one of each of [`KINDS`], and its end of the connection: both ends of a
/// connection within the host are sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Keys {
    groups: [GroupKey; 3],
    is_accepted: bool,
}

impl Keys {
    pub fn of(session: &Session) -> Self {
        Keys {
            groups: KINDS.map(|by| by.key(session)),
            is_accepted: session.direction == Direction::In,
        }
    }
}

/// Number of sessions that connected, and of those that were accepted.
type Ends = [u64; 2];

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
            DifferenceKind::Gone | DifferenceKind::Quiet => self.before,
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

/// Rank of programs, see [`Candidate::rank`].
const PROGRAM: u8 = 1;

/// A difference while it is compared with others of its kind.
struct Candidate {
    difference: Difference,
    /// Its sessions that contribute, and all of them since the baseline.
    part: Ends,
    all: u64,
    /// The one that it is folded into.
    within: Option<usize>,
    /// True if that one is a part of it.
    is_in_part: bool,
}

impl Candidate {
    fn part(&self) -> u64 {
        self.part.iter().sum()
    }

    /// True if most of its sessions are among these. Of connections within the host one end is enough: the program at
    /// the other end is another one.
    fn is_mostly(&self, shared: Ends) -> bool {
        let is_most = |shared: u64, part: u64| shared > 0 && shared as f64 >= part as f64 * MOST;
        let whole = self.part();
        let mut ends = shared.into_iter().zip(self.part);
        is_most(shared.iter().sum(), whole)
            || ends.any(|(shared, part)| 2 * part >= whole && is_most(shared, part))
    }

    /// How clear the difference is: the share of failures or losses, or how much worse the figure is.
    fn clarity(&self) -> f64 {
        match self.difference.finding {
            DifferenceKind::Worse(BaselineFigure::Failed | BaselineFigure::Lossy) => {
                self.part() as f64 / self.all.max(1) as f64
            }
            DifferenceKind::Worse(_) => self.difference.ratio(),
            DifferenceKind::Gone | DifferenceKind::Quiet | DifferenceKind::New => 1.0,
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

    fn rank(&self) -> u8 {
        match self.difference.key {
            GroupKey::Peer(_) | GroupKey::Subnet(_) => 0,
            GroupKey::UnknownOwner | GroupKey::Process(..) | GroupKey::Program(_) => PROGRAM,
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
            part: [0; 2],
            all: 0,
            within: None,
            is_in_part: false,
        })
        .collect();
    let places: HashMap<GroupKey, usize> = all
        .iter()
        .enumerate()
        .map(|(i, c)| (c.difference.key, i))
        .collect();
    let mut shared: HashMap<(usize, usize), Ends> = HashMap::new();
    for (keys, sums) in together {
        let part = sums.part_of(kind);
        let end = usize::from(keys.is_accepted);
        let groups = keys.groups.iter();
        let here: Vec<usize> = groups.filter_map(|k| places.get(k).copied()).collect();
        for (i, place) in here.iter().enumerate() {
            all[*place].part[end] += part;
            all[*place].all += sums.since;
            for other in &here[i + 1..] {
                shared.entry((*place, *other)).or_default()[end] += part;
            }
        }
    }
    // what explains a part of itself, and what a part explains
    let (mut parts, mut wholes) = (Vec::new(), Vec::new());
    for ((a, b), shared) in shared {
        match [a, b].map(|i| all[i].is_mostly(shared)) {
            [true, true] if all[a].is_better_than(&all[b]) => parts.push((a, b)),
            [true, true] => parts.push((b, a)),
            [true, false] if all[a].stands_out_of(&all[b]) => wholes.push((a, b)),
            [true, false] => parts.push((b, a)),
            [false, true] if all[b].stands_out_of(&all[a]) => wholes.push((b, a)),
            [false, true] => parts.push((a, b)),
            [false, false] => {}
        }
    }
    for (by, what) in sorted(wholes, &all) {
        if all[what].within.is_none() {
            (all[what].within, all[what].is_in_part) = (Some(by), true);
        }
    }
    for (by, what) in sorted(parts, &all) {
        // other parts of a whole have nothing to do with the part that explains it
        let is_free = all[what].within.is_none() && !all[by].is_in_part;
        if is_free && root(&all, by) != what {
            all[what].within = Some(by);
        }
    }
    let mut also: HashMap<usize, Vec<usize>> = HashMap::new();
    for i in (0..all.len()).filter(|i| all[*i].within.is_some()) {
        also.entry(root(&all, i)).or_default().push(i);
    }
    for (at, mut within) in also {
        // programs first: they are what people know
        within.sort_unstable_by_key(|i| {
            let candidate = &all[*i];
            let is_program = candidate.rank() == PROGRAM;
            (
                !is_program,
                Reverse(candidate.part()),
                candidate.difference.key,
            )
        });
        all[at].difference.also = within.iter().map(|i| all[*i].difference.key).collect();
    }
    let left = all.into_iter().filter(|c| c.within.is_none());
    left.map(|c| c.difference).collect()
}

/// Sorts pairs of what explains and what is explained: the greatest first, so that what they explain is not taken by
/// lesser ones.
fn sorted(mut pairs: Vec<(usize, usize)>, all: &[Candidate]) -> Vec<(usize, usize)> {
    pairs.sort_unstable_by_key(|(by, what)| {
        let [by, what] = [by, what].map(|i| &all[*i]);
        (Reverse(by.part()), by.difference.key, what.difference.key)
    });
    pairs
}

/// Returns the one that keeps the line of this one.
fn root(all: &[Candidate], mut at: usize) -> usize {
    while let Some(within) = all[at].within {
        at = within;
    }
    at
}

/// Merges differences of the same keys: the worst one names the others. What is gone keeps its line, and so does what
/// concerns another program.
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
        let mut same = same.copied().filter(|at| {
            let there = &merged[*at];
            let keeps_line = [&difference, there].iter().any(|d| d.finding.is_silent());
            let mut programs = mine.iter().filter(|k| is_program(k));
            !keeps_line
                && mine.contains(&there.key)
                && programs.all(|k| there.key == *k || there.also.contains(k))
        });
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

fn is_program(key: &GroupKey) -> bool {
    matches!(key, GroupKey::UnknownOwner | GroupKey::Program(_))
}
