//! Everything that a report says, gathered batch by batch within bounded memory.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::aggregate::Aggregates;
use crate::model::batch::{Batch, Clock, Missed};
use crate::model::count::Count as _;
use crate::model::failures::Failed;
use crate::model::findings::{Finding, FindingEvent, Subject};
use crate::model::measures::Spread;
use crate::model::session::Session;
use crate::model::store::{Change, StoreEvent};
use crate::model::timeline::Timeline;
use crate::output::Limits;
use crate::output::findings::{Engine, rank};
use crate::output::report::notable::Notable;

/// Maximum number of findings that are kept after their end.
const ENDED: usize = 200;

/// A finding, and the clock of the time when it was found.
pub type Found = (Finding, Clock);

/// Sums of sessions. Each end of a connection within the host counts as a session of its own, as in rows.
#[derive(Debug, Default)]
pub struct Sums {
    pub timeline: Timeline,
    pub aggregates: Aggregates,
    pub failed: Failed,
    pub spread: Spread,
    pub notable: Notable,
    /// Sessions that closed.
    pub closed: u64,
    /// Sessions that failed.
    pub failures: u64,
    /// Sessions that are open now.
    pub open: u64,
    /// Bytes that have moved, both directions.
    pub bytes: u64,
    /// True if there was a session whose other end is one too.
    pub has_pairs: bool,
}

/// The state of a run, and what it has seen.
#[derive(Debug)]
pub struct Gathered<'a> {
    pub engine: Engine<'a>,
    limits: &'a Limits,
    /// Sessions missed before the first batch do not count.
    starts_in_between: bool,
    pub sums: Sums,
    /// Times of the first and of the last batch.
    pub span: Option<(Timestamp, Timestamp)>,
    missed_before: Option<Missed>,
    ended: BTreeMap<(&'static str, Subject), Found>,
    /// Findings that have ended and were not kept.
    pub findings_not_kept: u64,
}

impl<'a> Gathered<'a> {
    /// Starts with nothing. `starts_in_between`: sessions that were missed before the first batch are not counted.
    pub fn new(engine: Engine<'a>, limits: &'a Limits, starts_in_between: bool) -> Self {
        Gathered {
            engine,
            limits,
            starts_in_between,
            sums: Sums::default(),
            span: None,
            missed_before: None,
            ended: BTreeMap::new(),
            findings_not_kept: 0,
        }
    }

    /// Takes a batch. `is_self` recognizes self traffic.
    pub fn take(&mut self, batch: Batch, is_self: &dyn Fn(&Session) -> bool) {
        let clock = batch.clock;
        let (taken_ns, has_snapshot) = (batch.taken_ns, batch.open.is_some());
        let first_closed = batch.closed.iter().map(|s| s.end_ns).min();
        let began = clock.wall(first_closed.unwrap_or(taken_ns).min(taken_ns));
        let taken = clock.wall(taken_ns);
        let (first, last) = self.span.get_or_insert((began, taken));
        *last = taken.max(*last);
        let first = *first;
        let missed_so_far = self.engine.store.totals().missed.certain();
        let sums = &mut self.sums;
        let has_findings = self.engine.take(batch, is_self, |event, change| {
            if let Some(change) = change {
                sums.has_pairs |= change.other.is_some();
                sums.take(event, &change.unpaired(), &clock, first);
            }
        });
        let missed = self.engine.store.totals().missed;
        let starts_in_between = self.starts_in_between;
        let is_first = self.missed_before.is_none();
        self.missed_before.get_or_insert(match starts_in_between {
            true => missed,
            false => Missed::default(),
        });
        let part = self.sums.timeline.at(taken.as_nanosecond());
        if has_snapshot {
            part.open = part.open.max(Some(self.sums.open));
        }
        if !(is_first && starts_in_between) {
            part.missed += missed.certain().saturating_sub(missed_so_far);
        }
        if has_findings {
            self.keep_ended(clock);
        }
    }

    fn keep_ended(&mut self, clock: Clock) {
        for event in self.engine.findings.events() {
            let FindingEvent::Ended(finding) = event else {
                continue;
            };
            let key = (finding.rule.name, finding.subject);
            if self.ended.len() < ENDED || self.ended.contains_key(&key) {
                self.ended.insert(key, (finding.clone(), clock));
            } else {
                self.findings_not_kept += 1;
            }
        }
    }

    /// Counts the sessions that are open at the end. To be called once.
    pub fn conclude(&mut self, is_self: &dyn Fn(&Session) -> bool) {
        let clock = self.engine.clock;
        let filter = &self.limits.filter;
        let open = || {
            let open = self.engine.store.open().map(|(_, session)| session);
            open.filter(|s| filter.matches(s) && !is_self(s))
        };
        let sums = &mut self.sums;
        for session in open() {
            sums.spread.add(session);
            sums.notable.offer(session, clock.wall(session.end_ns));
        }
        sums.aggregates.begin_recount();
        sums.aggregates.recount(open().map(|s| (s, None)));
        sums.aggregates.end_recount();
    }

    /// All findings: those that still hold first, then the gravest and the oldest.
    pub fn found(&self) -> Vec<Found> {
        let clock = self.engine.clock;
        let present = self.engine.findings.present().into_iter();
        let present = present.map(|(_, finding)| (finding, clock));
        let mut found: Vec<Found> = present.chain(self.ended.values().cloned()).collect();
        found.sort_by_key(|(finding, _)| rank(finding));
        found
    }

    /// Sessions that were missed, for each of [`Missed::CAUSES`].
    pub fn missed(&self) -> [Option<u64>; 4] {
        let before = self.missed_before.unwrap_or_default().counts();
        let mut missed = self.engine.store.totals().missed.counts();
        for (missed, before) in missed.iter_mut().zip(before) {
            *missed = missed.map(|n| n.saturating_sub(before.unwrap_or(0)));
        }
        missed
    }
}

impl Sums {
    /// Counts the change of a session. Bytes count for the time from `first` on.
    fn take(
        &mut self,
        event: &StoreEvent<'_>,
        change: &Change<'_>,
        clock: &Clock,
        first: Timestamp,
    ) {
        self.aggregates.take(change);
        let was_open = change.before.is_some();
        let is_open = change.now.is_some_and(Session::is_open);
        self.open = (self.open + u64::from(is_open)).saturating_sub(was_open.into());
        let Some(session) = change.now else { return };
        let at = clock.wall(session.end_ns);
        if change.moved > 0 {
            self.bytes += change.moved;
            let since = change.before.map_or(session.start_ns, |s| s.end_ns);
            let from = clock.wall(since).max(first).min(at);
            self.timeline
                .spread(change.moved, from.as_nanosecond(), at.as_nanosecond());
        }
        if !matches!(event, StoreEvent::Closed(_)) {
            return;
        }
        let has_failed = session.reason.is_failure();
        self.closed += 1;
        self.failures += u64::from(has_failed);
        let part = self.timeline.at(at.as_nanosecond());
        part.closed += 1;
        part.failed += u64::from(has_failed);
        self.failed.add(session);
        self.spread.add(session);
        self.notable.offer(session, at);
    }
}
