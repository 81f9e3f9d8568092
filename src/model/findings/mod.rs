//! Findings: what is wrong on this host, in sentences with numbers.
//!
//! [`Findings`] is fed with changes of sessions and with snapshots of the host, evaluates [`FINDINGS`] at each snapshot, and
//! keeps which of them hold, since when and how often. It knows no clock: time comes with the snapshots.

use std::collections::{BTreeMap, VecDeque};

use crate::model::capture_filter::CaptureFilter;
use crate::model::fields;
use crate::model::host_state::HostState;
use crate::model::port_use::PortUse;
use crate::model::session::Comm;
use crate::model::store::Change;
use crate::text::units::S;

mod both_ends;
mod facts;
mod firewalled;
mod headline;
mod host_rules;
mod narrow;
mod rules;
mod subject;
mod suspects;
pub mod table;
#[cfg(test)]
mod tests;
pub mod thresholds;
mod usual;

use facts::{Facts, RoundTrips};
use headline::{Candidate, Headline};
use host_rules::{CutOff, Sockets};
pub use narrow::narrow;
pub use subject::{Destination, Subject};
pub use table::FINDINGS;
pub use thresholds::{THRESHOLDS, Thresholds};

/// Time after which a finding ends whose condition no longer holds, ns.
const END_NS: u64 = 10 * S;
/// Maximum number of subjects of one rule at a time.
const SUBJECTS: usize = 20;
/// Number of findings kept after their end.
const ENDED: usize = 50;

/// Weight of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something fails.
    Fault,
    /// Something is slow, or will fail.
    Warning,
}

impl Severity {
    /// Returns its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Fault => "fault",
            Severity::Warning => "warning",
        }
    }

    /// Returns the mark on the screen and before lines of text.
    pub fn mark(self) -> &'static str {
        match self {
            Severity::Fault => "!!",
            Severity::Warning => "!",
        }
    }
}

/// The screen that proves a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The sessions, with this filter; for subjects with a filter of their own, both apply. They are sorted by a field, the largest
    /// first: the program is busy with others that match at times.
    Sessions {
        filter: &'static str,
        sort: &'static str,
    },
    /// The listeners, and their sessions.
    Listeners,
    /// The dropped packets, and the sessions of the subject.
    Drops,
    /// The local ports, and the sessions of the subject.
    Ports,
    /// The help: causes of missed sessions.
    Help,
}

impl Proof {
    /// Returns the text that the screen shows when the line of a finding was opened.
    #[cfg_attr(
        not(any(test, feature = "testing")),
        expect(dead_code, reason = "tests and documents read it")
    )]
    pub fn shows(self) -> String {
        match self {
            Proof::Sessions { filter, .. } => format!("filter: {filter}"),
            Proof::Listeners => "QUEUE".into(),
            Proof::Drops => "REASON".into(),
            Proof::Ports => "T-WAIT".into(),
            Proof::Help => "MISSED SO FAR".into(),
        }
    }

    /// Returns the heading of the column that its sessions are sorted by.
    pub fn sorted_by(self) -> Option<&'static str> {
        match self {
            Proof::Sessions { sort, .. } => Some(fields::by_word(sort)?.column?.title),
            _ => None,
        }
    }

    /// Returns the meaning of that screen.
    pub fn meaning(self) -> String {
        match self {
            Proof::Sessions { .. } => match self.sorted_by() {
                Some(title) => format!("its sessions, sorted by {title}"),
                None => "its sessions".into(),
            },
            Proof::Listeners => "the listeners at its port".into(),
            Proof::Drops => "the packets that were dropped".into(),
            Proof::Ports => "the local ports towards it".into(),
            Proof::Help => "how many, by cause".into(),
        }
    }
}

/// Keys to press, and what they show.
#[derive(Clone, Copy, Debug)]
pub struct ProofStep {
    /// Name of a default key.
    pub press: &'static str,
    /// Text on the screen afterwards.
    #[cfg_attr(
        not(any(test, feature = "testing")),
        expect(dead_code, reason = "tests and documents read it")
    )]
    pub shows: &'static str,
    /// Explanation of what is on the screen.
    pub meaning: &'static str,
}

/// One row of [`FINDINGS`].
pub struct FindingRule {
    /// Its name: in JSON, in the documents.
    pub name: &'static str,
    /// Its heading in the documents and in the help.
    pub title: &'static str,
    pub severity: Severity,
    /// Its threshold, by the name in [`THRESHOLDS`].
    pub threshold: &'static str,
    /// Time for which its condition must have held, s.
    pub hold_s: u64,
    /// Time that it must have watched before its condition can hold, s; `age` comes on top.
    pub watch_s: u64,
    /// Threshold that is an age from which on sessions count, by its name.
    pub age: Option<&'static str>,
    pub proof: Proof,
    /// Further keys, after the one that shows the proof.
    pub further: &'static [ProofStep],
    /// Its meaning.
    pub meaning: &'static str,
    /// Other things that look like it.
    pub similar: &'static str,
    /// The next thing to do.
    pub next: &'static str,
    /// Returns the subjects for which its condition holds.
    check: fn(&Facts, &Sources<'_>) -> Vec<Met>,
}

impl std::fmt::Debug for FindingRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FindingRule({})", self.name)
    }
}

impl FindingRule {
    /// Time that it must watch a fault that was there at the start, to find it for certain, s.
    pub fn needs_s(&self, thresholds: &Thresholds) -> u64 {
        let age_s = self.age.map_or(0.0, |age| thresholds.of(age).ceil()) as u64;
        let cause_s = match both_ends::has_other_end(self) {
            true => both_ends::CAUSE_S,
            false => 0,
        };
        age_s.saturating_add(self.watch_s + self.hold_s + cause_s)
    }

    /// Time since the start in which it cannot tell what has begun since from what was there before, s. `is_dated`: the sessions say
    /// when it began.
    fn doubtful_s(&self, is_dated: bool) -> u64 {
        match (is_dated, self.age) {
            // the beginning of each session is known, unless it was so at the first snapshot
            (true, Some(_)) => 2,
            // the first event that was seen
            (true, None) => facts::TRAFFIC_S,
            (false, _) => facts::TRAFFIC_S + self.watch_s,
        }
    }

    /// The threshold with its unit: `threshold: 20 %, findings.refusing`.
    pub fn threshold_text(&self, thresholds: &Thresholds) -> String {
        let row = THRESHOLDS.iter().find(|t| t.name == self.threshold);
        let unit = row.map_or("", |t| t.unit);
        let gap = if unit.is_empty() { "" } else { " " };
        let value = thresholds.of(self.threshold);
        format!("threshold: {value}{gap}{unit}, findings.{}", self.threshold)
    }
}

/// Sources of rules besides [`Facts`].
#[derive(Debug)]
struct Sources<'a> {
    thresholds: &'a Thresholds,
    /// Listening sockets, by address.
    listening: &'a BTreeMap<Subject, Sockets>,
    /// Subjects that rules of this host cut off.
    cut_off: &'a [CutOff],
    ports: Option<&'a PortUse>,
}

impl Sources<'_> {
    /// The program at a subject of this host, if it is known.
    fn program(&self, facts: &Facts, subject: &Subject) -> Option<Comm> {
        facts.served.program(self.listening, subject)
    }

    /// The subject as sentences name it: with the program at an address of this host.
    fn name(&self, facts: &Facts, subject: &Subject) -> String {
        match (self.program(facts, subject), subject) {
            (Some(program), Subject::Destination(_)) => format!("{} {subject}", program.as_str()),
            _ => subject.to_string(),
        }
    }
}

/// State of the host besides its sessions, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'a> {
    pub host: Option<&'a HostState>,
    pub ports: Option<&'a PortUse>,
}

/// A number of the evidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    Count(u64),
    /// A share, a rate or a factor, rounded to tenths.
    Real(f64),
}

impl Amount {
    fn real(value: f64) -> Self {
        Amount::Real((value * 10.0).round() / 10.0)
    }
}

/// A subject for which a rule's condition holds.
#[derive(Debug)]
struct Met {
    subject: Subject,
    /// Since when it holds, as far as the sessions say; `None`: since it was first seen to hold.
    since_ns: Option<u64>,
    /// When it was last seen to hold; `None`: now.
    until_ns: Option<u64>,
    /// Rank among the subjects of a rule: the greatest are kept if there are too many.
    weight: u64,
    sentence: String,
    evidence: Evidence,
}

/// Names and numbers, with the unit at the end of a name.
pub type Evidence = Vec<(&'static str, Amount)>;

/// A finding, as long as it holds and for a while after.
#[derive(Clone, Debug)]
pub struct Finding {
    pub rule: &'static FindingRule,
    pub subject: Subject,
    pub since_ns: u64,
    /// It was there at the start, or soon after: it may have begun before.
    pub is_preexisting: bool,
    /// `None`: it still holds.
    pub ended_ns: Option<u64>,
    /// How often it has begun.
    pub times: u32,
    pub sentence: String,
    /// Program at the subject, if that is an address or port of this host and it is known.
    pub program: Option<Comm>,
    pub evidence: Evidence,
}

/// Identity of a finding: index of its rule, and its subject.
pub type FindingKey = (usize, Subject);

/// The state of a rule for a subject.
#[derive(Debug)]
struct Watched {
    since_ns: u64,
    /// `since_ns` is so soon after the start that it may have begun before.
    is_preexisting: bool,
    /// When its condition was first seen to hold.
    first_ns: u64,
    /// When its condition held last.
    held_ns: u64,
    /// When it became a finding; `None`: it is none yet.
    begun_ns: Option<u64>,
    times: u32,
    sentence: String,
    program: Option<Comm>,
    evidence: Evidence,
}

impl Watched {
    fn has_begun(&self) -> bool {
        self.begun_ns.is_some()
    }
}

/// A finding that has begun or ended.
#[derive(Clone, Debug)]
pub enum FindingEvent {
    Began(Finding),
    Ended(Finding),
}

/// The engine.
#[derive(Debug)]
pub struct Findings {
    pub thresholds: Thresholds,
    /// The sessions that changes come from. Listeners and dropped packets count if they are surely within it.
    pub capture: CaptureFilter,
    facts: Facts,
    watched: BTreeMap<FindingKey, Watched>,
    /// The newest first.
    ended: VecDeque<(FindingKey, Finding)>,
    events: Vec<FindingEvent>,
    headline: Headline,
}

/// No descriptor limit is known.
fn no_limit(_: u32) -> Option<u64> {
    None
}

impl Default for Findings {
    fn default() -> Self {
        Findings::new(Thresholds::default(), no_limit)
    }
}

impl Findings {
    /// Creates an engine. `descriptor_limit` looks up how many descriptors a process may have.
    pub fn new(thresholds: Thresholds, descriptor_limit: fn(u32) -> Option<u64>) -> Self {
        let round_trips = RoundTrips {
            delay_us: (thresholds.of("bufferbloat-delay") * 1000.0) as u32,
        };
        Findings {
            thresholds,
            capture: CaptureFilter::default(),
            facts: Facts::new(descriptor_limit, round_trips),
            watched: BTreeMap::new(),
            ended: VecDeque::new(),
            events: Vec::new(),
            headline: Headline::default(),
        }
    }

    /// Creates an engine with the same thresholds that knows nothing yet.
    #[must_use]
    pub fn restarted(&self) -> Self {
        Findings {
            capture: self.capture.clone(),
            ..Findings::new(self.thresholds.clone(), self.facts.descriptor_limit)
        }
    }

    /// Applies a change of a session.
    pub fn take(&mut self, change: &Change<'_>) {
        self.facts.take(change);
    }

    /// Evaluates all rules after a snapshot. `missed` is the number of sessions missed so far.
    pub fn end_snapshot(&mut self, now_ns: u64, missed: u64, beside: Beside<'_>) {
        self.facts.begin_snapshot(now_ns);
        self.facts.take_missed(missed);
        self.facts.end_snapshot();
        let listeners = beside.host.and_then(HostState::newest);
        let waiting = listeners.map(|host| {
            let waiting = host.listeners.iter().filter(|l| l.queue > 0);
            waiting.map(|l| (l.netns, l.port)).collect()
        });
        self.facts
            .suspects
            .count(now_ns, &self.thresholds, waiting.as_ref());
        let drops = beside.host.and_then(HostState::drops);
        self.facts.firewalled.take(drops.unwrap_or_default());
        let listening = host_rules::listening(beside.host, &self.capture);
        let cut_off =
            host_rules::cut_off(&self.facts, beside.host, &self.thresholds, &self.capture);
        let own_netns = beside.ports.map_or(0, PortUse::netns);
        self.events.clear();
        let sources = Sources {
            thresholds: &self.thresholds,
            listening: &listening,
            cut_off: &cut_off,
            ports: beside.ports,
        };
        let rules = FINDINGS.iter();
        let mut all: Vec<Vec<Met>> = rules.map(|r| (r.check)(&self.facts, &sources)).collect();
        both_ends::keep_causes(&mut all, &self.facts);
        for (i, mut met) in all.into_iter().enumerate() {
            if met.len() > SUBJECTS {
                met.sort_by_key(|m| {
                    let has_begun = self.watched.get(&(i, m.subject)).map(|w| w.has_begun());
                    std::cmp::Reverse((has_begun, m.weight))
                });
                met.truncate(SUBJECTS);
            }
            for mut met in met {
                let program = self.facts.served.program(&listening, &met.subject);
                let netns = met.subject.netns();
                if let Some(netns) = netns.filter(|n| own_netns != 0 && *n != own_netns) {
                    met.sentence
                        .push_str(&format!(" (network namespace {netns})"));
                }
                self.watch(i, met, program, now_ns);
            }
        }
        self.end_past(now_ns);
        let candidates = self.watched.iter().filter_map(|(key, w)| {
            Some(Candidate {
                key: *key,
                begun_ns: w.begun_ns?,
                since_ns: w.since_ns,
            })
        });
        self.headline
            .choose(&candidates.collect::<Vec<_>>(), now_ns);
        rules::learn_responses(&mut self.facts, &self.thresholds);
        self.facts.forget_past();
    }

    /// Takes that a rule's condition holds for a subject.
    fn watch(&mut self, rule: usize, met: Met, program: Option<Comm>, now_ns: u64) {
        let key = (rule, met.subject);
        let times = self.ended.iter().find(|(k, _)| *k == key);
        let times = times.map_or(0, |(_, f)| f.times);
        let watched = self.watched.entry(key).or_insert_with(|| Watched {
            since_ns: met.since_ns.unwrap_or(now_ns),
            is_preexisting: false,
            first_ns: now_ns,
            held_ns: now_ns,
            begun_ns: None,
            times: times + 1,
            sentence: String::new(),
            program: None,
            evidence: Evidence::new(),
        });
        if !watched.has_begun() {
            let since_ns = met.since_ns.unwrap_or(watched.since_ns);
            watched.since_ns = since_ns;
            let doubtful_s = FINDINGS[rule].doubtful_s(met.since_ns.is_some());
            watched.is_preexisting = self.facts.watched_before_s(since_ns) < doubtful_s;
        }
        watched.held_ns = now_ns;
        watched.sentence = met.sentence;
        watched.program = program;
        watched.evidence = met.evidence;
        let until_ns = met.until_ns.unwrap_or(now_ns);
        let held_ns = until_ns.saturating_sub(watched.since_ns);
        let wait_ns = || both_ends::wait_s(&FINDINGS[rule], &met.subject, &self.facts) * S;
        let has_waited = || now_ns.saturating_sub(watched.first_ns) >= wait_ns();
        if watched.begun_ns.is_none() && held_ns >= FINDINGS[rule].hold_s * S && has_waited() {
            watched.begun_ns = Some(now_ns);
            let finding = finding(key, watched, None);
            self.events.push(FindingEvent::Began(finding));
        }
    }

    /// Ends findings whose condition has not held for a while, and forgets what was too short to be one.
    fn end_past(&mut self, now_ns: u64) {
        let (ended, events) = (&mut self.ended, &mut self.events);
        self.watched.retain(|key, watched| {
            let passed_ns = now_ns.saturating_sub(watched.held_ns);
            if !watched.has_begun() || passed_ns < END_NS {
                return watched.has_begun() || passed_ns == 0;
            }
            let finding = finding(*key, watched, Some(watched.held_ns));
            events.push(FindingEvent::Ended(finding.clone()));
            ended.retain(|(k, _)| k != key);
            ended.push_front((*key, finding));
            ended.truncate(ENDED);
            false
        });
    }

    /// Findings that the last snapshot has begun or ended.
    pub fn events(&self) -> &[FindingEvent] {
        &self.events
    }

    /// Findings that hold now, the gravest and oldest first.
    pub fn present(&self) -> Vec<(FindingKey, Finding)> {
        let begun = self.watched.iter().filter(|(_, w)| w.has_begun());
        let mut present: Vec<_> = begun
            .map(|(key, w)| (*key, finding(*key, w, None)))
            .collect();
        present.sort_by_key(|(key, f)| (f.rule.severity, f.since_ns, *key));
        present
    }

    /// Findings that have ended, the newest first.
    pub fn ended(&self) -> impl Iterator<Item = &(FindingKey, Finding)> {
        self.ended.iter()
    }

    /// True if a finding holds now.
    pub fn is_any(&self) -> bool {
        self.watched.values().any(|w| w.has_begun())
    }

    /// Time watched so far, ns.
    pub fn watched_ns(&self) -> u64 {
        self.facts.watched_ns()
    }

    /// Rules that may have missed what was there all the time, because they need to watch it for longer.
    pub fn not_judged(&self) -> impl Iterator<Item = &'static FindingRule> {
        // snapshots are a second apart, more or less
        let watched_s = (self.watched_ns() + S / 2) / S;
        let rules = FINDINGS.iter();
        rules.filter(move |rule| rule.needs_s(&self.thresholds) > watched_s)
    }

    /// Number of findings that hold now, and the sentence of the one that stands for all.
    pub fn headline(&self) -> Option<(usize, &str)> {
        let chosen = self.watched.get(&self.headline.key()?)?;
        let count = self.watched.values().filter(|w| w.has_begun()).count();
        Some((count, &chosen.sentence))
    }
}

fn finding(key: FindingKey, watched: &Watched, ended_ns: Option<u64>) -> Finding {
    Finding {
        rule: &FINDINGS[key.0],
        subject: key.1,
        since_ns: watched.since_ns,
        is_preexisting: watched.is_preexisting,
        ended_ns,
        times: watched.times,
        sentence: watched.sentence.clone(),
        program: watched.program,
        evidence: watched.evidence.clone(),
    }
}
