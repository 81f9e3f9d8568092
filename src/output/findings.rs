//! Findings as lines: all that there were at the end of a run, or beside the sessions as they begin and end.
//!
//! Owns such a run, and what its exit status says.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::time::Duration;

use crossbeam_channel::Receiver;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::filter::for_finding::filter_for_finding;
use crate::model::batch::{Batch, Clock};
use crate::model::fields::seconds;
use crate::model::findings::{
    Amount, Beside, FINDINGS, Finding, FindingEvent, Findings, Proof, Severity, Thresholds,
};
use crate::model::host_state::HostState;
use crate::model::port_use::PortUse;
use crate::model::session::{Comm, Session};
use crate::model::store::{Change, Slot, Store, StoreEvent};
use crate::output::open_events::{OpenEvents, Taken};
use crate::output::stdout::{End, print_to_stderr};
use crate::output::{Limits, Sink, Summary, conclude, follow, write_closed};

/// Interval of the snapshots that findings are derived from.
pub const INTERVAL: Duration = Duration::from_secs(1);
/// Maximum length of a run without --duration.
const LONGEST: Duration = Duration::from_secs(60);
/// Time that a run takes besides what its rules need: the start, and a snapshot that comes late.
const SPARE: Duration = Duration::from_secs(2);

/// Share of the sessions that may be missed: with more, no finding does not mean that nothing is wrong.
const MUCH_MISSED: f64 = 0.01;

/// Result of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    NothingFound,
    Found,
    /// Too much was missed, or there was no snapshot.
    CannotTell,
}

/// Length of a run that is long enough for all rules.
fn enough(thresholds: &Thresholds) -> Duration {
    let needs = FINDINGS.iter().map(|rule| rule.needs_s(thresholds));
    Duration::from_secs(needs.max().unwrap_or(0)).saturating_add(SPARE)
}

/// Order of findings: those that still hold first, then the gravest and the oldest.
pub(super) fn rank(finding: &Finding) -> (bool, Severity, u64) {
    let is_past = finding.ended_ns.is_some();
    (is_past, finding.rule.severity, finding.since_ns)
}

/// Length of a run without --duration: enough for all rules, but a minute at most.
pub fn usual_duration(thresholds: &Thresholds) -> Duration {
    enough(thresholds).min(LONGEST)
}

/// The findings of a run, and the state that they are derived from.
#[derive(Debug)]
pub(super) struct Engine<'a> {
    pub(super) findings: Findings,
    pub(super) store: Store,
    host: HostState,
    ports: PortUse,
    limits: &'a Limits,
    pub(super) clock: Clock,
    has_snapshot: bool,
    /// A finding has begun; that sessions were missed counts apart.
    has_found: bool,
    has_missed: bool,
}

impl Engine<'_> {
    /// Takes a batch, and passes on what the store reports of it, with the change among the selected sessions. Returns true if it had a snapshot, after which there
    /// may be new findings.
    pub(super) fn take(
        &mut self,
        mut batch: Batch,
        is_self: &dyn Fn(&Session) -> bool,
        mut note: impl FnMut(&StoreEvent<'_>, Option<&Change<'_>>),
    ) -> bool {
        let filter = &self.limits.filter;
        let is_meant = |s: &Session| filter.matches(s) && !is_self(s);
        if let Some(host) = batch.host.take() {
            self.host.take(host);
        }
        self.clock = batch.clock;
        let (now_ns, is_snapshot) = (batch.taken_ns, batch.open.is_some());
        let (findings, ports) = (&mut self.findings, &mut self.ports);
        self.store.ingest(batch, |event: StoreEvent<'_>| {
            let change = event.change().and_then(|c| c.among(is_meant));
            note(&event, change.as_ref());
            if let Some(change) = change {
                findings.take(&change);
                ports.take(&change);
            }
        });
        // no lines depend on them
        self.store.forget_touched(0..Slot::MAX);
        if is_snapshot {
            self.has_snapshot = true;
            let missed = self.store.totals().missed.certain();
            // a filter on sessions says nothing about listeners
            let host = filter.is_everything().then_some(&self.host);
            self.ports.settle(now_ns);
            let beside = Beside {
                host,
                ports: Some(&self.ports),
            };
            findings.end_snapshot(now_ns, missed, beside);
            for event in findings.events() {
                if let FindingEvent::Began(finding) = event {
                    let is_missed = finding.rule.name == "missed";
                    self.has_missed |= is_missed;
                    self.has_found |= !is_missed;
                }
            }
        }
        is_snapshot
    }

    fn verdict(&self) -> Verdict {
        match self.has_found {
            true => Verdict::Found,
            false if self.misses_much() || !self.has_snapshot => Verdict::CannotTell,
            false if self.has_missed => Verdict::Found,
            false => Verdict::NothingFound,
        }
    }

    /// The verdict of a run that this error has ended: found is found, although the reader has gone.
    fn verdict_despite(&self, error: anyhow::Error) -> anyhow::Result<Verdict> {
        let io_error = error.downcast_ref::<io::Error>();
        let is_reader_gone = io_error.is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe);
        match is_reader_gone && self.has_found {
            true => Ok(Verdict::Found),
            false => Err(error),
        }
    }

    /// Says why it cannot tell, and what it did not look at, on stderr.
    fn report(&self) {
        if self.verdict() == Verdict::CannotTell {
            print_to_stderr("too many sessions were missed to tell that nothing is wrong");
        }
        let texts = [self.not_checked(), self.not_judged()];
        texts
            .iter()
            .flatten()
            .for_each(|text| print_to_stderr(text));
    }

    fn misses_much(&self) -> bool {
        let totals = self.store.totals();
        let seen = totals.closed + self.store.open_count() as u64;
        totals.missed.certain() as f64 > seen as f64 * MUCH_MISSED
    }

    /// A sentence on rules that need a longer run, and what helps; `None`: it was long enough for all.
    fn not_judged(&self) -> Option<String> {
        let rules = self.not_judged_rules()?;
        let enough = seconds(enough(&self.findings.thresholds).as_nanos() as u64);
        Some(format!("{rules}; `--duration {enough}` judges all"))
    }

    /// The rules that need a longer run; `None`: it was long enough for all.
    pub(super) fn not_judged_rules(&self) -> Option<String> {
        let thresholds = &self.findings.thresholds;
        let rules = self.findings.not_judged();
        // a filter on sessions says nothing about what is not sessions
        let is_everything = self.limits.filter.is_everything();
        let rules = rules
            .filter(|rule| is_everything || !matches!(rule.proof, Proof::Listeners | Proof::Drops));
        let rules = rules.map(|rule| {
            let needs = Duration::from_secs(rule.needs_s(thresholds));
            format!("{} (needs {})", rule.name, seconds(needs.as_nanos() as u64))
        });
        let rules: Vec<String> = rules.collect();
        (!rules.is_empty()).then(|| {
            let watched = seconds(self.findings.watched_ns());
            let rules = rules.join(", ");
            format!("not judged in {watched}: {rules}")
        })
    }

    /// A sentence on parts of the host that could not be checked; `None`: all were.
    pub(super) fn not_checked(&self) -> Option<String> {
        let host = self.host.newest()?;
        if !self.limits.filter.is_everything() {
            return None; // which leaves them out
        }
        let parts = [
            host.lacks_listeners
                .then_some("listeners (Linux 5.13 or later shows them)"),
            host.drops.is_none().then_some(
                "dropped packets (Linux 5.17 or later shows them, unless `drops = false`)",
            ),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| format!("not checked: {}", parts.join(" and ")))
    }
}

/// Form of the output.
#[derive(Debug)]
pub enum Form<'a, W> {
    /// A line of text for each finding, at the end.
    Text(&'a mut W),
    /// An object for each finding, at the end.
    Json(&'a mut W),
}

/// Follows the host until the end of the run, then writes all findings. `is_self` recognizes self traffic.
///
/// # Errors
/// If writing fails, with [`io::ErrorKind::BrokenPipe`] if the reader is gone.
pub fn run_findings<W: Write>(
    batches: &Receiver<Batch>,
    request_stop: &dyn Fn(),
    form: Form<'_, W>,
    end: &End,
    watched: (Findings, PortUse, &Limits),
    is_self: &dyn Fn(&Session) -> bool,
) -> anyhow::Result<Verdict> {
    let mut engine = engine(watched);
    let mut found = Vec::new();
    let followed = follow(batches, request_stop, end, |batch| {
        if engine.take(batch, is_self, |_, _| ()) {
            found.extend(engine.findings.events().iter().filter_map(ended));
        }
        Ok(ControlFlow::Continue(()))
    });
    let written = followed.and_then(|()| {
        found.extend(engine.findings.present().into_iter().map(|(_, f)| f));
        found.sort_by_key(rank);
        Ok(write_all(form, &found, &engine)?)
    });
    if let Err(error) = written {
        return engine.verdict_despite(error);
    }
    engine.report();
    Ok(engine.verdict())
}

/// The finding that has ended.
fn ended(event: &FindingEvent) -> Option<Finding> {
    match event {
        FindingEvent::Ended(finding) => Some(finding.clone()),
        FindingEvent::Began(_) => None,
    }
}

/// Writes all findings of a run.
fn write_all<W: Write>(
    form: Form<'_, W>,
    found: &[Finding],
    engine: &Engine<'_>,
) -> io::Result<()> {
    let thresholds = &engine.findings.thresholds;
    match form {
        Form::Text(out) => {
            for finding in found {
                writeln!(out, "{}", line(finding, thresholds))?;
            }
            out.flush()
        }
        Form::Json(out) => {
            for finding in found {
                write_object(out, finding, &engine.clock, thresholds, None)?;
            }
            out.flush()
        }
    }
}

/// Sessions beside findings.
pub struct Sessions<'a> {
    /// Recognizes self traffic, which has no findings.
    pub is_self: &'a dyn Fn(&Session) -> bool,
    /// Events of open sessions; `None`: closed ones only.
    pub open: Option<OpenEvents>,
}

impl std::fmt::Debug for Sessions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut f = f.debug_struct("Sessions");
        f.field("open", &self.open).finish_non_exhaustive()
    }
}

/// Writes sessions as they close, with the events of open ones if these are wanted, and findings as they begin and end.
///
/// # Errors
/// Like [`run_findings`].
pub fn run_events(
    batches: &Receiver<Batch>,
    request_stop: &dyn Fn(),
    sink: &mut dyn Sink,
    end: &End,
    watched: (Findings, PortUse, &Limits),
    sessions: Sessions<'_>,
) -> anyhow::Result<Verdict> {
    let limits = watched.2;
    let Sessions { is_self, mut open } = sessions;
    let mut engine = engine(watched);
    let mut summary = Summary::new(limits);
    sink.begin()?;
    sink.flush()?;
    let followed = follow(batches, request_stop, end, |batch| {
        write_closed(sink, &batch, limits, &mut summary, open.as_mut())?;
        let taken = Taken::from(&batch);
        let note = |event: &StoreEvent<'_>, _: Option<&Change<'_>>| {
            open.iter_mut().for_each(|open| open.note(event));
        };
        if engine.take(batch, is_self, note) {
            let thresholds = &engine.findings.thresholds;
            for event in engine.findings.events() {
                sink.finding(event, &engine.clock, thresholds)?;
            }
        }
        if let Some(open) = &mut open {
            open.write(sink, &engine.store, &limits.filter, taken)?;
        }
        summary.missed = engine.store.totals().missed;
        sink.flush()?;
        Ok(ControlFlow::Continue(()))
    });
    let written = followed.and_then(|()| {
        if let Some(open) = &mut open {
            open.conclude(sink, &engine.store, &limits.filter)?;
        }
        conclude(sink, end, summary)
    });
    if let Err(error) = written {
        return engine.verdict_despite(error);
    }
    engine.report();
    Ok(engine.verdict())
}

/// Creates an engine that has seen nothing.
pub(super) fn engine((findings, ports, limits): (Findings, PortUse, &Limits)) -> Engine<'_> {
    Engine {
        findings,
        // closed sessions are taken as they come
        store: Store::new(0),
        host: HostState::default(),
        ports,
        limits,
        clock: Clock::default(),
        has_snapshot: false,
        has_found: false,
        has_missed: false,
    }
}

/// A finding in one line of text.
fn line(finding: &Finding, thresholds: &Thresholds) -> String {
    let Finding {
        rule,
        sentence,
        ended_ns,
        ..
    } = finding;
    let ended = if ended_ns.is_some() { " (ended)" } else { "" };
    let filter = filter_for_finding(finding);
    let filter = filter.map_or_else(String::new, |f| format!("; filter: {f}"));
    format!(
        "{:<2} {}: {sentence}{ended} [{}{filter}]",
        rule.severity.mark(),
        rule.name,
        rule.threshold_text(thresholds)
    )
}

/// Writes a finding as an object; with `event`, the name of what has happened to it.
///
/// # Errors
/// If writing fails.
pub(super) fn write_object(
    out: &mut impl Write,
    finding: &Finding,
    clock: &Clock,
    thresholds: &Thresholds,
    event: Option<&str>,
) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::new(&mut *out);
    let mut map = serializer.serialize_map(None)?;
    if let Some(event) = event {
        map.serialize_entry("event", event)?;
    }
    let time = |ns: u64| clock.wall(ns).to_string();
    map.serialize_entry("finding", finding.rule.name)?;
    map.serialize_entry("severity", finding.rule.severity.name())?;
    map.serialize_entry("subject", &finding.subject.to_string())?;
    map.serialize_entry("program", &finding.program.as_ref().map(Comm::as_str))?;
    map.serialize_entry("netns", &finding.subject.netns())?;
    map.serialize_entry("since", &time(finding.since_ns))?;
    map.serialize_entry("ended", &finding.ended_ns.map(time))?;
    map.serialize_entry("times", &finding.times)?;
    map.serialize_entry("text", &finding.sentence)?;
    map.serialize_entry("evidence", &Numbers(finding))?;
    let threshold = finding.rule.threshold;
    map.serialize_entry("threshold", &format!("findings.{threshold}"))?;
    map.serialize_entry("threshold_value", &number(thresholds.of(threshold)))?;
    map.serialize_entry("filter", &filter_for_finding(finding))?;
    SerializeMap::end(map)?;
    out.write_all(b"\n")
}

/// A number, without a fraction if it has none.
fn number(value: f64) -> serde_json::Value {
    match value.fract() == 0.0 && value.abs() < 1e15 {
        true => (value as i64).into(),
        false => value.into(),
    }
}

/// The evidence, as an object.
struct Numbers<'a>(&'a Finding);

impl Serialize for Numbers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = |amount: &Amount| match amount {
            Amount::Count(n) => (*n).into(),
            Amount::Real(n) => number(*n),
        };
        let numbers = self.0.evidence.iter();
        serializer.collect_map(numbers.map(|(name, amount)| (name, value(amount))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;
    use crate::host::sandbox::InForce;
    use crate::model::batch::HostSnapshot;

    fn limits() -> Limits {
        Limits {
            filter: Filter::default(),
            count: None,
            captures_more: false,
            in_force: InForce::default(),
        }
    }

    fn engine_of(limits: &Limits) -> Engine<'_> {
        engine((Findings::default(), PortUse::default(), limits))
    }

    #[test]
    fn verdict_is_kept_although_the_reader_is_gone() {
        let limits = limits();
        let mut engine = engine_of(&limits);
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe).into();
        assert!(engine.verdict_despite(gone()).is_err());
        engine.has_found = true;
        assert_eq!(engine.verdict_despite(gone()).ok(), Some(Verdict::Found));
        assert!(
            engine
                .verdict_despite(anyhow::anyhow!("a full disk"))
                .is_err()
        );
    }

    #[test]
    fn run_too_short_for_a_rule_names_it() {
        let limits = limits();
        let verdict_after = |watched_s: u64, close_wait_age: f64| {
            let mut engine = engine_of(&limits);
            engine
                .findings
                .thresholds
                .set("close-wait-age", close_wait_age);
            for s in 0..=watched_s {
                let batch = Batch {
                    open: Some(Vec::new().into()),
                    taken_ns: (100 + s) * 1_000_000_000,
                    ..Batch::default()
                };
                engine.take(batch, &|_| false, |_, _| ());
            }
            let remark = engine.not_judged().unwrap_or_default();
            (engine.verdict(), remark)
        };
        let (verdict, remark) = verdict_after(9, 30.0);
        assert_eq!(
            verdict,
            Verdict::NothingFound,
            "of the rules that it was long enough for"
        );
        assert!(remark.starts_with("not judged in 9s: "), "{remark}");
        assert!(remark.contains("close-wait-leak (needs 35s)"), "{remark}");
        assert!(!remark.contains("refusing"), "{remark}");
        assert!(
            remark.ends_with("; `--duration 37s` judges all"),
            "{remark}"
        );
        assert_eq!(
            verdict_after(35, 30.0),
            (Verdict::NothingFound, String::new())
        );
        // a threshold of the configuration that needs less waiting
        assert_eq!(
            verdict_after(14, 1.0),
            (Verdict::NothingFound, String::new())
        );
        assert_eq!(
            usual_duration(&Thresholds::default()),
            Duration::from_secs(37)
        );
        let mut patient = Thresholds::default();
        patient.set("close-wait-age", 3600.0);
        assert_eq!(usual_duration(&patient), LONGEST);
    }

    #[test]
    fn parts_of_the_host_that_were_not_checked_are_named() {
        let limits = limits();
        let mut engine = engine_of(&limits);
        let mut remark = |lacks_listeners, drops| {
            engine.host.take(HostSnapshot {
                lacks_listeners,
                drops,
                ..HostSnapshot::default()
            });
            engine.not_checked().unwrap_or_default()
        };
        assert_eq!(remark(false, Some(Vec::new())), "");
        assert!(remark(true, Some(Vec::new())).starts_with("not checked: listeners (Linux 5.13"));
        assert!(remark(true, None).contains(" and dropped packets (Linux 5.17"));
    }
}
