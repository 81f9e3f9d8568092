//! The findings screen: what is wrong on this host, and what was.

use std::net::SocketAddr;

use crate::filter::for_finding::filter_for_finding;
use crate::model::fields;
use crate::model::fields::FieldKind;
use crate::model::findings::{Finding, FindingKey, Proof, Severity, Subject, narrow};
use crate::text::units::S;
use crate::ui::action::Mode;
use crate::ui::state::names::Names;
use crate::ui::state::table_cells::{alarming, column, number, texts};
use crate::ui::state::table_screen::{LineSources, SortKey, TableColumn, TableLine};

/// A finding at the moment that is shown.
#[derive(Clone, Debug)]
pub struct FindingLine {
    key: FindingKey,
    finding: Finding,
    /// Its threshold, with the name of the setting.
    threshold: String,
    now_ns: u64,
}

impl FindingLine {
    /// Time since it began, ns.
    fn age_ns(&self) -> u64 {
        self.now_ns.saturating_sub(self.finding.since_ns)
    }

    fn is_present(&self) -> bool {
        self.finding.ended_ns.is_none()
    }
}

/// Heading of the column for how often a finding has begun.
const TIMES: &str = "N";

static COLUMNS: [TableColumn<FindingLine>; 4] = [
    alarming(
        |l| l.is_present() && l.finding.rule.severity == Severity::Fault,
        texts(
            FieldKind::Text,
            column(
                "!",
                "!!: something fails; !: something is slow or will fail; -: it has ended",
                (2, 0, 0),
                |l, _, _| match l.is_present() {
                    true => l.finding.rule.severity.mark().into(),
                    false => "-".into(),
                },
                |l| {
                    let rank = match (l.is_present(), l.finding.rule.severity) {
                        (true, Severity::Fault) => 0,
                        (true, Severity::Warning) => 1,
                        (false, _) => 2,
                    };
                    number(rank)
                },
            ),
        ),
    ),
    texts(
        FieldKind::Micros,
        column(
            "FOR",
            "time since it began (≥: it may have begun before tcplife started), or since it ended",
            (5, 0, 1),
            |l, _, _| {
                let since_ns = l.finding.ended_ns.unwrap_or(l.finding.since_ns);
                let bound = match l.finding.is_preexisting && l.is_present() {
                    true => "≥",
                    false => "",
                };
                match l.now_ns.saturating_sub(since_ns) / S {
                    s @ ..60 => format!("{bound}{s}s"),
                    s @ 60..3600 => format!("{bound}{}m", s / 60),
                    s => format!("{bound}{}h", s / 3600),
                }
            },
            |l| number(l.age_ns() as f64),
        ),
    ),
    texts(
        FieldKind::Count,
        column(
            TIMES,
            "how often it has begun",
            (2, 0, 3),
            |l, _, _| l.finding.times.to_string(),
            |l| number(l.finding.times),
        ),
    ),
    texts(
        FieldKind::Text,
        column(
            "FINDING",
            "its sentence, which is short where there is no room: the lines below have all of it",
            (25, 200, 0),
            |l, _, width| narrow(&l.finding.sentence, width),
            |l| SortKey::Text(l.finding.sentence.clone()),
        ),
    ),
];

impl TableLine for FindingLine {
    type Key = FindingKey;

    const MODE: Mode = Mode::Findings;
    const SORTED_BY: &'static str = "!";
    const REMARK_LINES: u16 = 6;

    fn columns() -> &'static [TableColumn<Self>] {
        &COLUMNS
    }

    fn lines(sources: &LineSources<'_>) -> Vec<Self> {
        let findings = sources.findings;
        let present = findings.present();
        let is_present = |key: &FindingKey| present.iter().any(|(k, _)| k == key);
        let ended = findings.ended().filter(|(key, _)| !is_present(key));
        let line = |(key, finding): &(FindingKey, Finding)| FindingLine {
            key: *key,
            finding: finding.clone(),
            threshold: finding.rule.threshold_text(&findings.thresholds),
            now_ns: sources.now_ns,
        };
        present.iter().map(line).chain(ended.map(line)).collect()
    }

    /// Most findings have begun once.
    fn is_needed(column: &TableColumn<Self>, lines: &[Self]) -> bool {
        column.title != TIMES || lines.iter().any(|line| line.finding.times > 1)
    }

    fn key(&self) -> FindingKey {
        self.key
    }

    fn sessions(&self) -> Option<String> {
        filter_for_finding(&self.finding)
    }

    fn sorts_by(&self) -> Option<&'static str> {
        match self.finding.rule.proof {
            Proof::Sessions { sort, .. } => Some(sort),
            _ => None,
        }
    }

    fn screen(&self) -> Option<(Mode, String)> {
        match (self.finding.rule.proof, self.finding.subject) {
            (Proof::Listeners, Subject::Listener { port, .. }) => {
                Some((Mode::Listeners, format!(":{port}")))
            }
            // that screen has addresses and ports in columns of their own
            (Proof::Drops, Subject::Destination(to)) => Some((Mode::Drops, to.addr.to_string())),
            (Proof::Drops, Subject::Listener { port, .. }) => {
                Some((Mode::Drops, format!(":{port}")))
            }
            (Proof::Drops, subject) => Some((Mode::Drops, subject.to_string())),
            (Proof::Ports, subject) => Some((Mode::Ports, subject.to_string())),
            (Proof::Help, _) => Some((Mode::Help, String::new())),
            _ => None,
        }
    }

    fn remark(&self, _: &Names) -> String {
        let Finding {
            rule,
            sentence,
            times,
            ..
        } = &self.finding;
        let times = match times {
            1 => String::new(),
            n => format!(" It has begun {n} times."),
        };
        let ended = match self.finding.ended_ns {
            None => String::new(),
            Some(ns) => {
                let ago = fields::seconds(self.now_ns.saturating_sub(ns));
                format!(" It ended {ago} ago.")
            }
        };
        format!(
            "{}: {sentence} ({}).{ended}{times} {}",
            rule.name, self.threshold, rule.next
        )
    }

    fn summary(lines: &[Self]) -> String {
        let present = lines.iter().filter(|l| l.is_present()).count();
        let ended = lines.len() - present;
        let present = match present {
            0 => "nothing is wrong now".into(),
            n => fields::number(n as u64, "finding"),
        };
        match ended {
            0 => present,
            n => format!("{present}; {n} ended"),
        }
    }

    fn reservation(sources: &LineSources<'_>) -> Option<String> {
        let findings = sources.findings;
        let needs = findings
            .not_judged()
            .map(|r| r.needs_s(&findings.thresholds));
        let needs: Vec<u64> = needs.collect();
        let left_s = needs
            .iter()
            .max()?
            .saturating_sub(findings.watched_ns() / S);
        let rules = fields::number(needs.len() as u64, "more rule");
        Some(format!("{rules} can tell in {left_s} s"))
    }

    fn why_empty(sources: &LineSources<'_>) -> String {
        match (sources.now_ns, Self::reservation(sources)) {
            (0, _) => "Reading the open sessions …".into(),
            (_, Some(text)) => format!("Nothing is wrong so far; {text}."),
            _ => "Nothing is wrong, as far as these rules can tell; ? lists them.".into(),
        }
    }

    fn instead(sources: &LineSources<'_>) -> String {
        if sources.now_ns == 0 {
            return String::new();
        }
        let longest = sources.findings.thresholds.of("slow-always") / 1000.0;
        let looks = format!(
            "It looks for what fails, waits, is cut off or is slower than usual, and for answers that always take over {longest} s."
        );
        match slowest(sources) {
            None => looks,
            Some(slowest) => format!(
                "{looks} Slowest answers now: {slowest}. All, in the sessions: {} (we asked), {} (we answered).",
                sorted_by("resp"),
                sorted_by("ourresp")
            ),
        }
    }
}

/// Open sessions that are looked at for the slowest answers.
const LOOKED_AT: usize = 10_000;

/// The service whose answers take the longest on average, of the open sessions: `pgsim 400ms`.
fn slowest(sources: &LineSources<'_>) -> Option<String> {
    let open = sources.store.open().take(LOOKED_AT);
    let times = open.flat_map(|(place, session)| {
        let turns = &session.turns;
        let times = [(false, &turns.peer), (true, &turns.ours)];
        times.map(|(is_ours, times)| Some((times.mean_us()?, is_ours, place, session)))
    });
    let (mean_us, is_ours, place, session) = times.flatten().max_by_key(|(us, ..)| *us)?;
    let other = || sources.store.other_end(place, session);
    let service = match is_ours {
        true => format!("{} :{}", session.comm.as_str(), session.lport),
        false => match other().filter(|other| !other.session.comm.as_str().is_empty()) {
            Some(other) => format!("{} :{}", other.session.comm.as_str(), session.rport),
            None => SocketAddr::new(session.raddr, session.rport).to_string(),
        },
    };
    Some(format!("{service} {}", fields::micros(mean_us)))
}

/// The keys that sort the sessions by a field, and its heading: `s y RESP▼`.
fn sorted_by(word: &str) -> String {
    let column = fields::by_word(word).and_then(|field| field.column);
    column.map_or_else(String::new, |c| format!("s {} {}▼", c.letter, c.title))
}
