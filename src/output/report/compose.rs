//! Says what was gathered: the sections of a report, in the words, units and thresholds of the screens.

use std::cmp::Reverse;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::filter::for_failure::filter_for_failure;
use crate::filter::for_finding::filter_for_finding;
use crate::model::aggregate::figure_table::FIGURES;
use crate::model::aggregate::{Aggregate, GroupBy};
use crate::model::batch::Missed;
use crate::model::failures::{Failure, Tally};
use crate::model::fields;
use crate::model::fields::{Field, FieldKind, Value};
use crate::model::histogram;
use crate::model::histogram::{Histogram, Level};
use crate::model::measures::MEASURES;
use crate::output::report::Origin;
use crate::output::report::document::{
    BarChart, Cell, Document, Part, Section, Table, TableColumn, TimeCharts, Words,
};
use crate::output::report::gathered::{Found, Gathered};
use crate::output::report::notable::{GREATEST, Listed, NEWEST};
use crate::output::report::time_charts::time_charts;

/// Maximum number of findings that are listed, and of kinds of failures.
const LISTED: usize = 50;
/// Number of top talkers of each kind.
const TALKERS: usize = 10;
/// Maximum number of bars of a histogram.
const BARS: usize = 48;

/// Figures of top talkers that are of the whole time, by their titles.
const TALKER_FIGURES: [&str; 6] = ["OPEN", "SESSIONS", "BYTES", "%BYTES", "RESP", "OURRESP"];

/// Fields of the listed sessions, by their words.
const SESSION_FIELDS: [&str; 15] = [
    "comm",
    "pid",
    "direction",
    "laddr",
    "lport",
    "raddr",
    "rport",
    "status",
    "duration",
    "tx",
    "rx",
    "connect",
    "rtt",
    "resp",
    "ourresp",
];

/// Writes times in the zone of the report.
#[derive(Debug)]
pub(super) struct Times<'a> {
    zone: &'a TimeZone,
    /// All times are of one day.
    is_one_day: bool,
}

impl Times<'_> {
    /// A time with its date and its offset from UTC.
    fn whole(&self, at: Timestamp) -> String {
        let at = at.to_zoned(self.zone.clone());
        at.strftime("%F %T %:z").to_string()
    }

    /// A time to the second, with its date where that is not clear.
    pub(super) fn short(&self, at: Timestamp) -> String {
        let format = if self.is_one_day { "%T" } else { "%F %T" };
        let at = at.to_zoned(self.zone.clone());
        at.strftime(format).to_string()
    }

    /// The same to the millisecond.
    fn exact(&self, at: Timestamp) -> String {
        format!(
            "{}.{:03}",
            self.short(at),
            at.subsec_nanosecond().unsigned_abs() / 1_000_000
        )
    }

    /// The time of a mark on an axis whose marks are so many seconds apart.
    pub(super) fn mark(&self, at: Timestamp, apart_s: i64) -> String {
        let format = match apart_s {
            ..60 => "%T",
            60..86_400 => "%H:%M",
            _ => "%F",
        };
        let at = at.to_zoned(self.zone.clone());
        at.strftime(format).to_string()
    }

    /// Offset from UTC at that time, s.
    pub(super) fn offset_s(&self, at: Timestamp) -> i64 {
        self.zone.to_offset(at).seconds().into()
    }
}

/// Composes the report.
pub(super) fn compose(mut gathered: Gathered<'_>, origin: &Origin) -> Document {
    let (first, last) = gathered.span.unwrap_or_default();
    let day = |at: Timestamp| at.to_zoned(origin.zone.clone()).date();
    let times = Times {
        zone: &origin.zone,
        is_one_day: day(first) == day(last),
    };
    let listed = gathered.sums.notable.listed();
    let gathered = &gathered;
    let (found, kinds) = (gathered.found(), by_count(gathered));
    let host = match origin.header.host.as_str() {
        "" => String::new(),
        host => format!(" of {host}"),
    };
    let section = |title, parts| Section { title, parts };
    Document {
        title: Words::from(format!("TCP sessions{host}, {}", times.whole(first))),
        sections: vec![
            section(
                "Summary",
                summary(gathered, (&found, &kinds), origin, &times),
            ),
            section("Findings", findings(gathered, &found, origin, &times)),
            section("Time line", timeline(gathered, &times)),
            section("Failures", failures(gathered, &kinds, &times)),
            section("Top talkers", talkers(gathered)),
            section("Distributions", distributions(gathered)),
            section("Sessions", sessions(gathered, &listed, &times)),
        ],
    }
}

/// Formats a number with its noun: `1 session`, `12,345 sessions`.
fn count(n: u64, what: &str) -> String {
    let text = fields::number(n, what);
    let digits = n.to_string();
    match text.strip_prefix(&digits) {
        Some(rest) => format!("{}{rest}", grouped(n)),
        None => text,
    }
}

fn grouped(n: u64) -> String {
    fields::grouped(usize::try_from(n).unwrap_or(usize::MAX))
}

fn percent(part: u64, all: u64) -> String {
    format!("{:.1} %", part as f64 * 100.0 / all.max(1) as f64)
}

fn summary(
    gathered: &Gathered<'_>,
    (found, kinds): (&[Found], &Kinds<'_>),
    origin: &Origin,
    times: &Times<'_>,
) -> Vec<Part> {
    let sums = &gathered.sums;
    let (first, last) = gathered.span.unwrap_or_default();
    let length_ns = last.as_nanosecond() - first.as_nanosecond();
    let length = fields::seconds(u64::try_from(length_ns).unwrap_or(0));
    let mut said = format!("In {length}, {} closed", count(sums.closed, "session"));
    said += &match sums.failures {
        0 => ", none of which failed".to_owned(),
        n => format!(
            ", of which {} failed ({})",
            grouped(n),
            percent(n, sums.closed)
        ),
    };
    let open = grouped(sums.open);
    let bytes = fields::size(sums.bytes);
    said += &format!("; {open} still open at the end. {bytes} sent or received.");
    if let Some((failure, tally)) = kinds.first() {
        let (reason, to) = (failure.reason.word(), failure.destination(None));
        let (program, times) = (&failure.program, count(tally.count, "time"));
        said += &format!(" The most frequent failure: {reason}, {to}, {program} ({times}).");
    }
    said += &match found.first() {
        None => " Nothing was found to be wrong.".to_owned(),
        Some((first, _)) => {
            let what = if found.len() == 1 {
                "finding"
            } else {
                "findings, the first"
            };
            let count = if found.len() == 1 {
                "1".into()
            } else {
                grouped(found.len() as u64)
            };
            format!(" {count} {what}: {}.", first.sentence)
        }
    };
    let missed = missed(gathered);
    said += match missed.is_empty() {
        true => " No session was missed.",
        false => " Sessions were missed.",
    };
    let mut facts = vec![
        ("From", times.whole(first).into()),
        ("To", times.whole(last).into()),
    ];
    let mut fact = |name, text: &str| {
        if !text.is_empty() {
            facts.push((name, Words::from(text)));
        }
    };
    let header = &origin.header;
    fact("Host", &header.host);
    fact("Kernel", &header.kernel);
    fact("Filter", origin.filter.trim());
    fact("Recording", &origin.replayed);
    fact(
        "Recorded by",
        &match header.command.as_str() {
            "" => String::new(),
            command => format!("tcplife {}: {command}", header.version),
        },
    );
    fact("Limited to", &header.capture);
    for text in missed {
        fact("Missed", &text);
    }
    for text in &origin.remarks {
        fact("Incomplete", text);
    }
    if sums.has_pairs {
        fact(
            "Counted",
            "each end of a connection within the host, as a session of its own",
        );
    }
    fact(
        "Report by",
        &format!("tcplife {}", env!("CARGO_PKG_VERSION")),
    );
    vec![Part::Paragraph(said.into()), Part::Facts(facts)]
}

/// Numbers of missed sessions, with their causes.
fn missed(gathered: &Gathered<'_>) -> Vec<String> {
    let causes = Missed::CAUSES.iter().zip(gathered.missed());
    let missed = causes.filter_map(|((_, meaning), n)| Some((meaning, n.filter(|n| *n > 0)?)));
    missed
        .map(|(meaning, n)| format!("{} {meaning}", grouped(n)))
        .collect()
}

fn findings(
    gathered: &Gathered<'_>,
    found: &[Found],
    origin: &Origin,
    times: &Times<'_>,
) -> Vec<Part> {
    let mut parts = Vec::new();
    let thresholds = &gathered.engine.findings.thresholds;
    let row = |(finding, clock): &Found| {
        let rank = |at: Timestamp| u64::try_from(at.as_millisecond()).unwrap_or(0);
        let time = |ns: u64| {
            let at = clock.wall(ns);
            Cell::ranked(rank(at), times.short(at))
        };
        let filter = filter_for_finding(finding).unwrap_or_default();
        vec![
            finding.rule.severity.name().into(),
            time(finding.since_ns),
            finding.ended_ns.map_or(Cell::from("-"), time),
            finding.sentence.as_str().into(),
            finding.rule.next.into(),
            finding.rule.title.into(),
            finding.rule.threshold_text(thresholds).into(),
            filter.into(),
        ]
    };
    if found.is_empty() {
        parts.push(Part::Paragraph("Nothing was found to be wrong.".into()));
    } else {
        parts.push(Part::Table(Table {
            columns: vec![
                column("SEVERITY"),
                column("SINCE"),
                column("UNTIL"),
                long("IN NUMBERS"),
                long("NEXT"),
                long("FINDING"),
                long("RULE"),
                long("FILTER"),
            ],
            rows: found.iter().take(LISTED).map(row).collect(),
            few: 10,
        }));
    }
    let left = found.len().saturating_sub(LISTED) as u64 + gathered.findings_not_kept;
    if left > 0 {
        parts.push(Part::Paragraph(
            format!("{} more are not listed.", grouped(left)).into(),
        ));
    }
    if !origin.replayed.is_empty() {
        let text = "A recording has no listeners and no dropped packets: rules on these could not be checked.";
        parts.push(Part::Paragraph(text.into()));
    }
    let remarks = [
        gathered.engine.not_checked(),
        gathered
            .engine
            .not_judged_rules()
            .map(|rules| rules.replacen('n', "N", 1) + "."),
    ];
    for text in remarks.into_iter().flatten() {
        parts.push(Part::Paragraph(text.into()));
    }
    parts
}

fn column(title: &'static str) -> TableColumn {
    TableColumn {
        title,
        help: None,
        is_number: false,
        is_long: false,
    }
}

fn long(title: &'static str) -> TableColumn {
    TableColumn {
        is_long: true,
        ..column(title)
    }
}

fn number(title: &'static str) -> TableColumn {
    TableColumn {
        is_number: true,
        ..column(title)
    }
}

fn timeline(gathered: &Gathered<'_>, times: &Times<'_>) -> Vec<Part> {
    let charts: TimeCharts = time_charts(&gathered.sums.timeline, times);
    let each = fields::round_micros(gathered.sums.timeline.length_s() as u64 * 1_000_000);
    vec![
        Part::Paragraph(format!("Each bar is {each}.").into()),
        Part::Timeline(charts),
    ]
}

/// Kinds of failures, the most frequent first.
type Kinds<'a> = [(Failure, &'a Tally)];

fn by_count<'a>(gathered: &'a Gathered<'_>) -> Vec<(Failure, &'a Tally)> {
    let mut kinds: Vec<_> = gathered.sums.failed.iter().collect();
    kinds.sort_unstable_by_key(|(failure, tally)| (Reverse(tally.count), *failure));
    kinds
}

fn failures(gathered: &Gathered<'_>, kinds: &Kinds<'_>, times: &Times<'_>) -> Vec<Part> {
    if kinds.is_empty() {
        return vec![Part::Paragraph("No session failed.".into())];
    }
    let clock = gathered.engine.clock;
    let row = |(failure, tally): &(Failure, &Tally)| {
        let last = clock.wall(tally.last_ns);
        vec![
            Cell::ranked(tally.count, grouped(tally.count)),
            failure.reason.word().into(),
            failure.reason.errno().unwrap_or("-").into(),
            failure.destination(None).into(),
            failure.program.into(),
            Cell::ranked(tally.last_ns, times.short(last)),
            filter_for_failure(failure).into(),
        ]
    };
    let mut parts = vec![Part::Table(Table {
        columns: vec![
            number("COUNT"),
            column("REASON"),
            column("ERRNO"),
            column("DESTINATION"),
            column("PROGRAM"),
            column("LAST"),
            long("FILTER"),
        ],
        rows: kinds.iter().take(LISTED).map(row).collect(),
        few: 10,
    })];
    let listed: u64 = kinds.iter().take(LISTED).map(|(_, t)| t.count).sum();
    if listed < gathered.sums.failures {
        let other = grouped(gathered.sums.failures - listed);
        let text = format!("{other} failures of other kinds are not listed.");
        parts.push(Part::Paragraph(text.into()));
    }
    parts
}

fn talkers(gathered: &Gathered<'_>) -> Vec<Part> {
    let aggregates = &gathered.sums.aggregates;
    let figures = || {
        let is_wanted = |title: &str| TALKER_FIGURES.contains(&title);
        FIGURES.iter().filter(move |f| is_wanted(f.title))
    };
    let table = |by: GroupBy| {
        let mut keys: Vec<_> = aggregates.of(by).collect();
        let all = keys.len();
        keys.sort_unstable_by_key(|(key, sums)| (Reverse((sums.bytes, sums.sessions)), *key));
        keys.truncate(TALKERS);
        let row = |name: String, sums: &Aggregate| {
            let figures = figures().map(|figure| {
                let value = (figure.get)(aggregates, by, sums);
                Cell::ranked((value * 1e3) as u64, (figure.text)(value))
            });
            let name = std::iter::once(Cell::from(name));
            name.chain(figures).collect::<Vec<_>>()
        };
        let mut rows: Vec<_> = keys
            .iter()
            .map(|(key, sums)| row(key.to_string(), sums))
            .collect();
        let (_, evicted) = aggregates.other(by);
        let left = (all - keys.len()) as u64 + evicted;
        if left > 0 {
            let empty = figures().map(|_| Cell::default());
            let name = Cell::from(format!("and {} more", grouped(left)));
            rows.push(std::iter::once(name).chain(empty).collect());
        }
        let figures = figures().map(|f| number(f.title));
        Part::Table(Table {
            columns: std::iter::once(column(by.title())).chain(figures).collect(),
            rows,
            few: 5,
        })
    };
    match gathered.sums.closed + gathered.sums.open {
        0 => vec![Part::Paragraph("There was no session.".into())],
        _ => GroupBy::ALL.map(table).into(),
    }
}

fn distributions(gathered: &Gathered<'_>) -> Vec<Part> {
    let mut parts = Vec::new();
    for (which, measure) in MEASURES.iter().enumerate() {
        let histogram = gathered.sums.spread.histogram(which);
        let kind = fields::by_word(measure.word).map(|f| f.kind);
        let text = |value: u64| match kind {
            Some(FieldKind::Bytes) => fields::size(value),
            _ => fields::micros(value),
        };
        let percentile = |part| histogram.percentile(part).map_or("-".into(), text);
        let figures = [
            ("sessions", grouped(histogram.count())),
            ("p50", percentile(0.5)),
            ("p90", percentile(0.9)),
            ("p99", percentile(0.99)),
            ("max", histogram.max().map_or("-".into(), text)),
        ];
        parts.push(Part::Bars(BarChart {
            title: measure.title,
            figures: figures.map(|(name, text)| (name, text.into())).into(),
            bars: bars(histogram),
        }));
    }
    let error = histogram::ERROR;
    let text = format!("Of each session its last or total value; p50, p90 and p99 within {error}.");
    parts.push(Part::Paragraph(text.into()));
    parts
}

/// Bars of the finest buckets of which there are not too many.
fn bars(histogram: &Histogram) -> Vec<(u64, Option<Words>)> {
    let levels = [Level::Fine, Level::Coarse, Level::Decade];
    let mut buckets = levels.map(|level| histogram.buckets(level)).into_iter();
    let buckets = buckets.find(|buckets| buckets.len() <= BARS);
    let label = |border: u64| Words::from(histogram.scale().label(border));
    let buckets = buckets.unwrap_or_default().into_iter();
    let bar = buckets.map(|b| (b.count, (b.level == Level::Decade).then(|| label(b.from))));
    bar.collect()
}

fn sessions(gathered: &Gathered<'_>, listed: &[Listed], times: &Times<'_>) -> Vec<Part> {
    let fields = SESSION_FIELDS.map(fields::by_word);
    let fields = || fields.iter().copied().flatten();
    let heading = |field: &'static Field| TableColumn {
        title: field.column.map_or(field.word, |c| c.title),
        help: Some(field.help),
        is_number: field.kind.is_number(),
        is_long: false,
    };
    let row = |listed: &Listed| {
        let session = &listed.session;
        let cell = |field: &'static Field| match fields::shown(field, session) {
            Value::Uint(n) => Cell::ranked(n, fields::cell(field, session)),
            _ => fields::cell(field, session).into(),
        };
        let rank = u64::try_from(listed.at.as_microsecond()).unwrap_or(0);
        let time = Cell::ranked(rank, times.exact(listed.at));
        let marks = Cell::from(listed.marks.join(" "));
        [time, marks]
            .into_iter()
            .chain(fields().map(cell))
            .collect()
    };
    let all = gathered.sums.closed + gathered.sums.open;
    let text = if all <= listed.len() as u64 {
        format!("All {} are listed.", count(all, "session"))
    } else {
        format!(
            "{} of {} are listed: the newest {NEWEST} that failed, the {GREATEST} with the greatest value of each distribution, \
             and the newest {NEWEST}.",
            grouped(listed.len() as u64),
            count(all, "session")
        )
    };
    let text = format!(
        "{text} TIME is when a session closed, or the end for one that is open; NOTABLE says what it is listed for."
    );
    let named = [
        TableColumn {
            help: Some("when it closed, or the end for one that is open"),
            ..column("TIME")
        },
        TableColumn {
            help: Some(
                "reason that it is listed for: it failed, or has one of the greatest values",
            ),
            ..column("NOTABLE")
        },
    ];
    vec![
        Part::Paragraph(text.into()),
        Part::Table(Table {
            columns: named.into_iter().chain(fields().map(heading)).collect(),
            rows: listed.iter().map(row).collect(),
            few: 20,
        }),
    ]
}
