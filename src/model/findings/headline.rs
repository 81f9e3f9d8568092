//! The finding that stands for all where there is room for one.

use std::cmp::Reverse;

use crate::model::findings::{FINDINGS, FindingKey, Severity};
use crate::text::units::S;

/// Time for which a finding is news: it goes before graver ones that have been there for longer, ns.
const NEWS_NS: u64 = 60 * S;
/// Time for which the chosen one stays, unless it ends or a graver one begins, ns: long enough to be read.
const STAYS_NS: u64 = 5 * S;

/// A finding that holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub key: FindingKey,
    /// When it was found, ns.
    pub begun_ns: u64,
    /// Since when it holds, ns.
    pub since_ns: u64,
}

impl Candidate {
    fn severity(&self) -> Severity {
        FINDINGS[self.key.0].severity
    }
}

/// The chosen finding.
#[derive(Debug, Default)]
pub(super) struct Headline {
    /// It, and when it was chosen, ns.
    chosen: Option<(FindingKey, u64)>,
}

impl Headline {
    /// Chooses one of the findings that hold: of those that have just begun, or else of all, the gravest and of these the newest.
    pub fn choose(&mut self, candidates: &[Candidate], now_ns: u64) {
        let is_old = |c: &Candidate| now_ns.saturating_sub(c.begun_ns) >= NEWS_NS;
        let rank = |c: &&Candidate| {
            let newest = (Reverse(c.begun_ns), Reverse(c.since_ns));
            (is_old(c), c.severity(), newest, c.key)
        };
        let Some(first) = candidates.iter().min_by_key(rank) else {
            self.chosen = None;
            return;
        };
        let shown = self.chosen.and_then(|(key, chosen_ns)| {
            let shown = candidates.iter().find(|c| c.key == key)?;
            Some((shown, chosen_ns))
        });
        if let Some((shown, chosen_ns)) = shown {
            let is_read = now_ns.saturating_sub(chosen_ns) >= STAYS_NS;
            let is_graver = first.severity() < shown.severity();
            if first.key == shown.key || !(is_read || is_graver) {
                return;
            }
        }
        self.chosen = Some((first.key, now_ns));
    }

    pub fn key(&self) -> Option<FindingKey> {
        self.chosen.map(|(key, _)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::findings::Subject;

    #[test]
    fn headline_is_what_has_just_begun_and_holds_still_long_enough_to_be_read() {
        let rule = |severity| {
            let found = FINDINGS.iter().position(|rule| rule.severity == severity);
            found.expect("a rule of each severity")
        };
        let (fault, warning) = (rule(Severity::Fault), rule(Severity::Warning));
        let begun = |rule, at_s: u64| Candidate {
            key: (rule, Subject::Host),
            begun_ns: at_s * S,
            since_ns: at_s * S,
        };
        let mut headline = Headline::default();
        let mut at = |now_s: u64, candidates: &[Candidate]| {
            headline.choose(candidates, now_s * S);
            headline.key().map(|(rule, _)| rule)
        };
        assert_eq!(at(100, &[]), None);
        let old = begun(fault, 100);
        assert_eq!(at(100, &[old]), Some(fault));
        // what is less grave is news only once the fault is none any more
        let deploy = begun(warning, 150);
        assert_eq!(at(150, &[old, deploy]), Some(fault));
        assert_eq!(at(170, &[old, deploy]), Some(warning));
        assert_eq!(at(209, &[old, deploy]), Some(warning));
        // and then the gravest stands again
        assert_eq!(at(211, &[old, deploy]), Some(fault));
        // the next one waits until this one can be read, a fault does not
        let next = begun(warning, 213);
        assert_eq!(at(213, &[old, next]), Some(fault));
        assert_eq!(at(216, &[old, next]), Some(warning));
        let second = FINDINGS.iter().rposition(|r| r.severity == Severity::Fault);
        let second = second.expect("a rule");
        assert_ne!(second, fault);
        assert_eq!(at(217, &[old, next, begun(second, 217)]), Some(second));
        // it ends
        assert_eq!(at(218, &[old, next]), Some(warning));
        assert_eq!(at(219, &[]), None);
    }
}
