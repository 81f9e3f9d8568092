//! The help, chapter by chapter: every key, column and word, from their tables.

use crate::filter;
use crate::host::sandbox::InForce;
use crate::model::aggregate::figure_table::FIGURES;
use crate::model::batch::Missed;
use crate::model::fields;
use crate::model::findings::{FINDINGS, Thresholds};
use crate::model::session::{Reason, State};
use crate::text::wrap::words;
use crate::ui::action::Mode;
use crate::ui::keys::sections::MOUSE;
use crate::ui::keys::titles::{ScreenTitle, TITLES};
use crate::ui::keys::{HELP_SECTIONS, Keymap};
use crate::ui::page::questions::{Asked, QUESTIONS, keys_to_proof};
use crate::ui::state::drops::DropLine;
use crate::ui::state::findings::FindingLine;
use crate::ui::state::help::HelpPosition;
use crate::ui::state::listeners::ListenerLine;
use crate::ui::state::ports::PortLine;
use crate::ui::state::table_screen::TableLine;

/// A line of a chapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HelpLine {
    /// Heading of a section.
    Heading(String),
    /// A name and its meaning; an empty name continues the previous line.
    Entry(String, String),
    /// A line of a meaning below its name, where there is no room beside it.
    Below(String),
    /// Two keys and their meanings, side by side.
    Pair([(String, &'static str); 2]),
    /// A blank line between two sections.
    Blank,
}

/// One row of [`CHAPTERS`].
pub struct Chapter {
    pub name: &'static str,
    /// Screens on which the help opens with it.
    pub modes: &'static [Mode],
    contents: fn(&Sources<'_>) -> Vec<HelpLine>,
}

/// Contents of the help that depend on the run.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    pub keymap: &'a Keymap,
    pub missed: &'a Missed,
    pub in_force: &'a InForce,
    pub thresholds: &'a Thresholds,
}

/// Every chapter.
pub static CHAPTERS: &[Chapter] = &[
    Chapter {
        name: "Start",
        modes: &[Mode::Table],
        contents: start,
    },
    Chapter {
        name: "Sessions",
        modes: &[],
        contents: |sources| {
            let mut lines = keys(sources, "keys");
            lines.extend(list("MOUSE", MOUSE));
            lines.extend(keys(sources, "export"));
            lines.extend(keys(sources, "past-prompt"));
            lines.extend(keys(sources, "command"));
            lines
        },
    },
    Chapter {
        name: "Top talkers",
        modes: &[Mode::TopTalkers],
        contents: |sources| {
            let mut lines = about(sources, Mode::TopTalkers);
            lines.extend(keys(sources, "talkers"));
            lines.push(heading("FIGURES OF TOP TALKERS, as many as fit"));
            lines.extend(FIGURES.iter().map(|f| entry(f.title, f.help)));
            lines
        },
    },
    Chapter {
        name: "Charts, failures, baseline",
        modes: &[Mode::Distributions, Mode::Failures, Mode::Baseline],
        contents: |sources| {
            let modes = [Mode::Distributions, Mode::Failures, Mode::Baseline];
            let about = modes.map(|mode| about(sources, mode));
            let mut lines = about.concat();
            lines.extend(keys(sources, "screens"));
            lines.extend(list("FIGURES OF CHARTS, FAILURES AND BASELINE", &COUNTED));
            lines
        },
    },
    Chapter {
        name: "Findings",
        modes: &[Mode::Findings],
        contents: |sources| {
            let mut lines = columns_of::<FindingLine>(sources, "COLUMNS OF FINDINGS");
            lines.push(heading("FINDINGS, and what to do next"));
            for rule in FINDINGS {
                let threshold = rule.threshold_text(sources.thresholds);
                lines.push(entry(
                    rule.name,
                    &format!("{}. {}", rule.title, rule.meaning),
                ));
                let keys = keys_to_proof(rule, sources.keymap).into_iter();
                let keys: Vec<String> = keys
                    .map(|(key, meaning)| format!("{key} shows {meaning}"))
                    .collect();
                lines.push(entry("", &format!("Proof: {}.", keys.join("; then "))));
                lines.push(entry("", &format!("Looks like it: {}", rule.similar)));
                lines.push(entry("", &format!("Next: {} ({threshold})", rule.next)));
            }
            lines
        },
    },
    Chapter {
        name: "Listeners",
        modes: &[Mode::Listeners],
        contents: |sources| {
            columns_of::<ListenerLine>(sources, "COLUMNS OF LISTENERS, as many as fit")
        },
    },
    Chapter {
        name: "Drops",
        modes: &[Mode::Drops],
        contents: |sources| columns_of::<DropLine>(sources, "COLUMNS OF DROPS, as many as fit"),
    },
    Chapter {
        name: "Ports",
        modes: &[Mode::Ports],
        contents: |sources| columns_of::<PortLine>(sources, "COLUMNS OF PORTS, as many as fit"),
    },
    Chapter {
        name: "One session",
        modes: &[Mode::Detail],
        contents: |sources| {
            let mut lines = about(sources, Mode::Detail);
            lines.extend(keys(sources, "detail"));
            lines
        },
    },
    Chapter {
        name: "Columns",
        modes: &[Mode::Columns],
        contents: |sources| {
            let mut lines = about(sources, Mode::Columns);
            lines.extend(keys(sources, "columns"));
            lines.extend(keys(sources, "sort-menu"));
            lines.push(heading("COLUMNS, as many as fit unless chosen"));
            lines.extend(fields::columns().map(|(f, c)| entry(c.title, f.help)));
            lines
        },
    },
    Chapter {
        name: "Filters",
        modes: &[Mode::Prompt],
        contents: |sources| {
            let mut lines = list("FILTERS", filter::GRAMMAR);
            lines.push(heading("FILTER FIELDS"));
            lines.extend(filter::help_rows().map(|row| entry(&row.example, row.meaning)));
            lines.extend(keys(sources, "prompt"));
            lines
        },
    },
    Chapter {
        name: "States, reasons, markers",
        modes: &[],
        contents: |_| {
            let mut lines = list("MARKERS AND COLORS", MARKERS);
            lines.push(heading("STATES OF AN OPEN SESSION"));
            lines.extend(State::ALL.iter().map(|s| entry(s.name(), s.help())));
            lines.push(heading("REASONS A SESSION CLOSED"));
            let reasons = Reason::ALL.iter().filter(|&&r| r != Reason::Open);
            lines.extend(reasons.map(|r| entry(r.word(), r.help_with_name())));
            lines
        },
    },
    Chapter {
        name: "Missed, privileges",
        modes: &[],
        contents: |sources| {
            let mut lines = vec![heading("MISSED SO FAR, by cause")];
            let causes = Missed::CAUSES.iter().zip(sources.missed.counts());
            lines.extend(causes.map(|((name, meaning), count)| {
                let count = count.map_or("not known".into(), |n| n.to_string());
                entry(&format!("{} {count}", name.replace('_', " ")), meaning)
            }));
            lines.push(heading("PRIVILEGES in force"));
            let rows = sources.in_force.rows().into_iter().zip(InForce::MEANINGS);
            lines.extend(
                rows.map(|((name, state), meaning)| entry(&format!("{name} {state}"), meaning)),
            );
            lines
        },
    },
];

/// The chapter with the causes of missed sessions.
pub const MISSED: usize = CHAPTERS.len() - 1;

/// Keys of the sessions on the first page: their names in the table of keys (two for one meaning), and their meanings in few words.
const MATTERS: [(&str, &str); 12] = [
    ("filter", "filter, as you type"),
    ("widen", "undo the filter"),
    ("detail", "details of the session"),
    ("next-pane", "top talkers"),
    ("sort-menu", "sort"),
    ("scope", "open, closed or all"),
    ("columns", "choose the columns"),
    ("step-back minute-back", "go back in time"),
    ("pause", "pause the display"),
    ("export", "export to a file"),
    ("ipv4 ipv6", "only IPv4, only IPv6"),
    ("quit", "quit; elsewhere go back"),
];

/// The keys that matter, and the questions.
fn start(sources: &Sources<'_>) -> Vec<HelpLine> {
    let all: Vec<_> = sources.keymap.rows(&[Mode::Table]).collect();
    let cell = |(name, meaning): &(&str, &'static str)| {
        let rows = name
            .split(' ')
            .filter_map(|name| all.iter().find(|r| r.key.name == name));
        let presses: Vec<String> = rows
            .filter_map(|r| Some(r.presses.first()?.name()))
            .collect();
        (presses.join(" "), *meaning)
    };
    let pairs = MATTERS.as_chunks::<2>().0.iter();
    let mut lines: Vec<_> = pairs
        .map(|pair| HelpLine::Pair([cell(&pair[0]), cell(&pair[1])]))
        .collect();
    lines.push(HelpLine::Heading(
        "QUESTIONS, and the keys that answer them".into(),
    ));
    let asked = QUESTIONS.iter().map(|q| (q.text, q.asked(sources.keymap)));
    let asked: Vec<(&str, Asked)> = asked.collect();
    lines.extend(asked.iter().map(|(text, asked)| entry(&asked.keys, text)));
    lines.extend(keys(sources, "help"));
    for (text, asked) in &asked {
        lines.push(heading(text));
        let steps = asked.steps.iter();
        lines.extend(steps.map(|(keys, meaning)| entry(keys, meaning)));
        if !asked.remark.is_empty() {
            lines.push(entry("", &asked.remark));
        }
    }
    lines
}

/// The purpose of a screen of lines, its keys, and its columns below a heading.
fn columns_of<L: TableLine>(sources: &Sources<'_>, title: &str) -> Vec<HelpLine> {
    let mut lines = about(sources, L::MODE);
    lines.extend(keys(sources, "lines"));
    lines.push(heading(title));
    lines.extend(L::columns().iter().map(|c| entry(c.title, c.help)));
    lines
}

/// The name and the purpose of a screen.
fn about(sources: &Sources<'_>, mode: Mode) -> Vec<HelpLine> {
    let title = TITLES.iter().find(|t| t.mode == mode);
    let line = |title: &ScreenTitle| {
        let key = title.action.map(|a| sources.keymap.of(Mode::Table, a));
        let key = key.map_or_else(String::new, |key| format!("{key} "));
        entry(&format!("{key}{}", title.name), title.purposes[0])
    };
    title.into_iter().map(line).collect()
}

/// The keys of a section.
fn keys(sources: &Sources<'_>, section: &str) -> Vec<HelpLine> {
    let mut lines = Vec::new();
    for section in HELP_SECTIONS.iter().filter(|s| s.section == section) {
        lines.push(heading(section.heading));
        let rows = sources.keymap.rows(section.modes);
        let rows = rows.filter(|r| section.lists(r.key));
        lines.extend(rows.map(|r| entry(&r.names(), &section.help_of(r.key))));
    }
    lines
}

fn heading(text: &str) -> HelpLine {
    HelpLine::Heading(text.to_owned())
}

fn entry(name: &str, meaning: &str) -> HelpLine {
    HelpLine::Entry(name.to_owned(), meaning.to_owned())
}

fn list(title: &str, entries: &[(&str, &str)]) -> Vec<HelpLine> {
    let entries = entries.iter().map(|(name, meaning)| entry(name, meaning));
    std::iter::once(heading(title)).chain(entries).collect()
}

/// Signs and styles in the table and around it.
const MARKERS: &[(&str, &str)] = &[
    (
        "≥9.0s",
        "a lower bound: the session was open before tcplife started, and sorts before all whose age is known; of top talkers: earlier sessions were evicted",
    ),
    (
        "…",
        "text cut to fit: Enter shows it in full. After a number of sessions: not all have been filtered yet",
    ),
    ("‹ ›", "more columns, or tabs, on that side"),
    (
        "▼ ▲",
        "sorted by this figure, the greatest or the smallest first; in charts, ▲ is below the selected bar",
    ),
    ("▸", "the chart that has the keyboard"),
    (
        "wrk⇄nginx",
        "both ends of a connection within the host, on one line, which counts once: l shows each end. In a narrow window, the other program is in RADDR, ⇄nginx",
    ),
    ("-", "no value, or not known"),
    (
        "~MINUTE",
        "a history, or a mean like ~10s, that is an estimate until its seconds have passed since the filter was set",
    ),
    (
        "~1.2MB/s",
        "in the detail: a mean over less time than its heading says, because no more is known",
    ),
    (
        "bold",
        "open sessions; closed ones are plain, after they have stood out for three seconds",
    ),
    (
        "reversed",
        "the selected line, and the present tab; with bold: PAUSED and EXPORT, which must not be overlooked",
    ),
    (
        "curl!",
        "a session that failed, where the table has no room for STATUS",
    ),
    (
        "underlined heading",
        "the columns; the sort column is bold, or has another color",
    ),
    (
        "red or bold cells",
        "sessions that failed, and errors; sessions missed, in the header",
    ),
    (
        "yellow or magenta",
        "warnings: other ways to close than a FIN, worse figures of a baseline",
    ),
];

/// Figures on the screens shown instead of the table.
const COUNTED: [(&str, &str); 10] = [
    (
        "charts",
        "the sessions of the table: open ones as they are now, closed ones while they are kept; p50, p90 and p99 within 2.5 %",
    ),
    (
        "failures",
        "the closed sessions of the table, except those that closed with a FIN, in repair mode (checkpoint) or for an unknown reason; /s is their rate over the last 10 s",
    ),
    (
        "baseline",
        "all sessions except self traffic, regardless of the filter. Rates are compared with the minute before the baseline, times (geometric means) too where that minute has 10 of them, else with the ten minutes before it, as losses are, as far as sessions are kept. SINCE has means from the baseline on; those of failures, and of sessions where none were opened before, begin with the first one after it, and answers that became slower are those of the last seconds",
    ),
    (
        "worse",
        "failures per second, or the share of sessions with losses (at least 20 sessions on each side), that have at least doubled; a time that is at least 1.5 times as long and 1 ms longer (a connect time 0.25 ms), with at least 10 sessions on each side, or 10 answers. Changes that may be chance do not count; on average at most one in a hundred of those listed is chance",
    ),
    (
        "grown",
        "sessions or bytes per second that have at least doubled (traffic from 10 kB/s on), or sessions that last at least 1.5 times as long: more, but not bad in itself. If something new brings them, they are in its line",
    ),
    (
        "gone",
        "a program, what it connects to, a peer or a port without a session for at least 10 s and clearly longer than its usual pauses before the baseline",
    ),
    (
        "quiet",
        "one that had sessions open at the baseline and has had none for at least 3 s, but not long enough to be gone",
    ),
    (
        "fewer",
        "one that opens less than half as many sessions per second, where it opened some in every 10 s of the minute before the baseline, or that has at most a quarter of its open sessions left, of 10 or more; from 30 s after the baseline on",
    ),
    (
        "ended 40s ago",
        "failures, or sessions of what is new, of which there have been no more for 10 s, or for three times as long as between them if that is longer; their rate is that from the first to the last one",
    ),
    (
        "curl → 10.0.0.9:80",
        "one difference: the program, and the peer or the program of this host that it connects to. In parentheses: what else most of these sessions have in common. ALSO: the number of answers, and what else is worse for them",
    ),
];

/// Width of a name, and of the gaps around it.
pub const NAME: usize = 24;
const GAPS: usize = 4;
/// Maximum width of a meaning: with its name it takes 80 cells, which are easy to read.
const MEANING: usize = 80 - NAME - GAPS;
/// Minimum width of a meaning beside its name.
const LEAST_MEANING: usize = 20;
/// Cells before a meaning below its name.
pub const INDENT: usize = 4;
/// Width of one half of a pair, and of the key in it.
pub const HALF: usize = 40;
pub const HALF_KEY: usize = 10;

/// The chapter that explains the screen of this mode.
pub fn chapter_of(mode: Mode) -> usize {
    let at = CHAPTERS.iter().position(|c| c.modes.contains(&mode));
    at.unwrap_or(0)
}

/// The heading of the keys of a prompt or a menu, for a screen of this width. The prompt for filters has a chapter.
pub fn position_of(sources: &Sources<'_>, mode: Mode, width: u16) -> Option<HelpPosition> {
    if mode == Mode::Prompt {
        return Some(HelpPosition {
            chapter: chapter_of(mode),
            line: 0,
        });
    }
    let is_titled = TITLES.iter().any(|title| title.mode == mode);
    let mut sections = HELP_SECTIONS.iter().filter(|_| !is_titled);
    let section = sections.find(|section| section.modes.contains(&mode))?;
    (0..CHAPTERS.len()).find_map(|chapter| {
        let is_it =
            |line: &HelpLine| matches!(line, HelpLine::Heading(text) if text == section.heading);
        let lines = lines(sources, chapter, width);
        let line = lines.iter().position(is_it)?;
        Some(HelpPosition { chapter, line })
    })
}

/// The lines of a chapter, for a screen of this width.
pub fn lines(sources: &Sources<'_>, chapter: usize, width: u16) -> Vec<HelpLine> {
    let lines = blocks(sources, chapter, width).into_iter();
    lines.flat_map(|(_, lines)| lines).collect()
}

/// Text of each part of a chapter, and its lines for a width. A part is an entry, or a heading with the line above it.
fn blocks(sources: &Sources<'_>, chapter: usize, width: u16) -> Vec<(String, Vec<HelpLine>)> {
    let width = usize::from(width);
    let contents = (CHAPTERS[chapter].contents)(sources);
    // so that the first page fits a window of 24 lines
    let pairs = contents
        .iter()
        .take_while(|l| matches!(l, HelpLine::Pair(_)));
    let pairs = pairs.count();
    let follows_pair = |i: usize| i == pairs;
    let block = |(i, line): (usize, HelpLine)| {
        let text = text(&line);
        let lines = match line {
            HelpLine::Heading(_) if i > 0 && !follows_pair(i) => vec![HelpLine::Blank, line],
            HelpLine::Pair(pair) if width < 2 * HALF => {
                let entries = pair.map(|(key, text)| HelpLine::Entry(key, text.to_owned()));
                entries
                    .into_iter()
                    .flat_map(|e| wrapped(e, width))
                    .collect()
            }
            line => wrapped(line, width),
        };
        (text, lines)
    };
    contents.into_iter().enumerate().map(block).collect()
}

/// The text of a line, for a search.
fn text(line: &HelpLine) -> String {
    match line {
        HelpLine::Heading(text) | HelpLine::Below(text) => text.clone(),
        HelpLine::Entry(name, meaning) => format!("{name} {meaning}"),
        HelpLine::Pair([(a, b), (c, d)]) => format!("{a} {b} {c} {d}"),
        HelpLine::Blank => String::new(),
    }
}

/// Lines of all chapters at which something begins that contains the text, regardless of case.
pub fn hits(sources: &Sources<'_>, searched: &str, width: u16) -> Vec<HelpPosition> {
    let searched = searched.to_lowercase();
    let mut hits = Vec::new();
    if searched.is_empty() {
        return hits;
    }
    for chapter in 0..CHAPTERS.len() {
        let mut line = 0;
        for (text, lines) in blocks(sources, chapter, width) {
            if text.to_lowercase().contains(&searched) {
                let blank = usize::from(lines.first() == Some(&HelpLine::Blank));
                let line = line + blank;
                hits.push(HelpPosition { chapter, line });
            }
            line += lines.len();
        }
    }
    hits
}

/// Wraps an entry to `width` cells.
fn wrapped(line: HelpLine, width: usize) -> Vec<HelpLine> {
    let HelpLine::Entry(name, meaning) = line else {
        return vec![line];
    };
    let beside = width.saturating_sub(NAME + GAPS).min(MEANING);
    if beside < LEAST_MEANING {
        let parts = words(&meaning, width.saturating_sub(INDENT)).into_iter();
        let parts = parts.map(HelpLine::Below);
        let name = HelpLine::Entry(name, String::new());
        return std::iter::once(name).chain(parts).collect();
    }
    let names = std::iter::once(name).chain(std::iter::repeat(String::new()));
    let lines = names.zip(words(&meaning, beside));
    lines
        .map(|(name, part)| HelpLine::Entry(name, part))
        .collect()
}
