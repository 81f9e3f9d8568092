//! Comparing with a baseline, part by part: a host may have hundreds of thousands of keys.

use crate::model::aggregate::{Aggregates, GroupKey};
use crate::model::baseline::Baseline;
use crate::model::baseline::diff::{self, Compared, Difference, Findings};
use crate::model::baseline::fold::{fold, merge};
use crate::model::baseline::key::{BaselineKey, group_by};
use crate::model::baseline::parts::{Keys, Parts, Together};
use crate::model::baseline::stats::{BaselineEntry, SideSums};

/// Keys compared in one step: a few milliseconds.
const COMPARED: usize = 1 << 12;

/// Progress through all keys, which are compared part by part: see [`Baseline::compare_part`]. What changes meanwhile is compared as
/// it is when its turn comes.
#[derive(Debug)]
pub struct Comparing {
    /// The moment of the baseline.
    at_ns: u64,
    stage: Stage,
    /// The next kind of keys, and the next part of their sums: those of closed sessions, then each part of the open ones.
    table: usize,
    part: usize,
}

#[derive(Debug)]
enum Stage {
    /// Compares keys.
    Keys(Box<Findings>),
    /// Sums up the sessions of those that differ.
    Parts {
        found: Vec<Difference>,
        more_new: usize,
        parts: Parts,
    },
}

impl Comparing {
    pub fn new(baseline: &Baseline) -> Self {
        Comparing {
            at_ns: baseline.at_ns,
            stage: Stage::Keys(Box::default()),
            table: 0,
            part: 0,
        }
    }

    /// True if it compares with this baseline.
    pub fn is_with(&self, baseline: &Baseline) -> bool {
        self.at_ns == baseline.at_ns
    }
}

/// Differences from a baseline.
#[derive(Debug, Default)]
pub struct Differences {
    pub found: Vec<Difference>,
    /// Number of new keys that are not among them, as there are too many.
    pub more_new: usize,
}

impl Baseline {
    /// Returns all significant differences: see [`Baseline::compare_part`].
    #[cfg(test)]
    pub(super) fn differences(&self, talkers: &Aggregates) -> Vec<Difference> {
        let mut pass = Comparing::new(self);
        loop {
            if let Some(differences) = self.compare_part(&mut pass, talkers) {
                return differences.found;
            }
        }
    }

    /// Compares the next keys. Once all are compared, returns all significant differences, in no order, each cause once; none
    /// while it is too early.
    pub fn compare_part(&self, pass: &mut Comparing, talkers: &Aggregates) -> Option<Differences> {
        if self.is_too_early() || self.is_before_too_short() {
            return Some(Differences::default());
        }
        let mut left = COMPARED;
        while left > 0 {
            match &mut pass.stage {
                Stage::Keys(findings) => {
                    let Some((kind, open)) = self
                        .kinds
                        .get(pass.table)
                        .zip(self.open.kinds.get(pass.table))
                    else {
                        let findings = std::mem::take(findings);
                        let more_new = findings.more_new();
                        let found = findings.significant();
                        let parts = Parts::of(&found);
                        (pass.stage, pass.table) = (
                            Stage::Parts {
                                found,
                                more_new,
                                parts,
                            },
                            0,
                        );
                        continue;
                    };
                    let nothing = BaselineEntry::default();
                    let mut compare = |key, entry| {
                        left = left.saturating_sub(1);
                        self.compare(key, entry, open.get(&key), talkers, findings);
                    };
                    match pass.part.checked_sub(1).map(|part| open.part(part)) {
                        None => kind.iter().for_each(|(key, entry)| compare(key, entry)),
                        Some(Some(part)) => {
                            // keys with only open sessions have no sums yet
                            let unseen = part.filter(|(key, _)| kind.get(*key).is_none());
                            unseen.for_each(|(key, _)| compare(key, &nothing));
                        }
                        Some(None) => {
                            (pass.table, pass.part) = (pass.table + 1, 0);
                            continue;
                        }
                    }
                }
                Stage::Parts {
                    found,
                    more_new,
                    parts,
                } => {
                    let mut add = |(keys, sums): (Keys, &Together)| {
                        left = left.saturating_sub(1);
                        parts.add(&keys, sums, &self.servers);
                    };
                    match pass
                        .part
                        .checked_sub(1)
                        .map(|part| self.open.together.part(part))
                    {
                        None => self.together.iter().for_each(&mut add),
                        Some(Some(part)) => part.for_each(&mut add),
                        Some(None) => {
                            let (found, parts) = (std::mem::take(found), std::mem::take(parts));
                            return Some(Differences {
                                found: merge(fold(found, parts)),
                                more_new: *more_new,
                            });
                        }
                    }
                }
            }
            pass.part += 1;
        }
        None
    }

    /// Adds the differences of a key to the findings. `open` has the sums of its open sessions.
    fn compare(
        &self,
        key: BaselineKey,
        entry: &BaselineEntry,
        open: Option<&SideSums>,
        talkers: &Aggregates,
        findings: &mut Findings,
    ) {
        let mut since = entry.ended;
        if let Some(open) = open {
            since.merge(open);
        }
        let group = match key {
            // an address of this host has bytes, but is no peer
            BaselineKey::Group(GroupKey::Peer(_)) if entry.before.seen + since.seen == 0 => return,
            BaselineKey::Group(key) => Some(key),
            BaselineKey::Link(_) | BaselineKey::Several(_) => None,
        };
        let known_ns = self.at_ns.saturating_sub(self.times_ns);
        let bytes = group.and_then(|key| talkers.get(group_by(&key)?, key));
        let compared = Compared {
            key,
            entry,
            since: &since,
            open: open.map_or(0, |sums| sums.seen),
            kept: open.map_or(0, |sums| sums.kept),
            may_be_known: group.is_none() && self.evicted > 0,
            bytes: bytes.map_or(entry.bytes, |t| t.bytes),
            quiet_after_ns: entry.quiet_after_ns(known_ns),
            gone_after_ns: entry.gone_after_ns(known_ns, self.at_ns),
            pause_ns: self.now_ns.saturating_sub(entry.ended_ns.max(self.at_ns)),
        };
        diff::compare(&compared, self.watched(), findings);
    }
}
