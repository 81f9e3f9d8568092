//! The help page: every key and every column, from their tables.

use crate::filter;
use crate::host::sandbox::InForce;
use crate::model::aggregate::figure_table::FIGURES;
use crate::model::batch::Missed;
use crate::model::fields;
use crate::model::session::Reason;
use crate::ui::keys::sections::MOUSE;
use crate::ui::keys::{HELP_SECTIONS, Keymap};

/// A line of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HelpLine {
    /// Heading of a section.
    Heading(&'static str),
    /// A name and its meaning; an empty name continues the previous line.
    Entry(String, &'static str),
    /// A blank line between two sections.
    Blank,
}

/// All lines, for a screen of this width.
pub fn lines(keymap: &Keymap, missed: &Missed, in_force: &InForce, width: u16) -> Vec<HelpLine> {
    let meaning = usize::from(width).saturating_sub(NAME + GAPS);
    let meaning = meaning.clamp(LEAST_MEANING, MEANING);
    let contents = contents(keymap, missed, in_force).into_iter();
    contents.flat_map(|line| wrapped(line, meaning)).collect()
}

fn contents(keymap: &Keymap, missed: &Missed, in_force: &InForce) -> Vec<HelpLine> {
    let mut lines = Vec::new();
    for place in HELP_SECTIONS {
        if !lines.is_empty() {
            lines.push(HelpLine::Blank);
        }
        lines.push(HelpLine::Heading(place.heading));
        let rows = keymap.rows(place.modes).filter(|r| place.lists(r.key));
        lines.extend(rows.map(|r| HelpLine::Entry(r.names(), r.key.help)));
    }
    lines.extend([HelpLine::Blank, HelpLine::Heading("MOUSE")]);
    let mouse = MOUSE.iter();
    lines.extend(mouse.map(|(what, meaning)| HelpLine::Entry((*what).into(), meaning)));
    lines.extend([HelpLine::Blank, HelpLine::Heading("FILTERS")]);
    let forms = filter::GRAMMAR.iter();
    lines.extend(forms.map(|(form, meaning)| HelpLine::Entry((*form).into(), meaning)));
    lines.extend([HelpLine::Blank, HelpLine::Heading("FILTER FIELDS")]);
    let rows = filter::help_rows();
    lines.extend(rows.map(|row| HelpLine::Entry(row.example, row.meaning)));
    lines.extend([
        HelpLine::Blank,
        HelpLine::Heading("COLUMNS, as many as fit unless chosen"),
    ]);
    lines.extend(fields::columns().map(|(f, c)| HelpLine::Entry(c.title.into(), f.help)));
    lines.extend([
        HelpLine::Blank,
        HelpLine::Heading("FIGURES OF TOP TALKERS, as many as fit"),
    ]);
    lines.extend(
        FIGURES
            .iter()
            .map(|f| HelpLine::Entry(f.title.into(), f.help)),
    );
    lines.extend([
        HelpLine::Blank,
        HelpLine::Heading("FIGURES OF CHARTS, FAILURES AND BASELINE"),
    ]);
    lines.extend(COUNTED.map(|(name, meaning)| HelpLine::Entry(name.into(), meaning)));
    lines.extend([
        HelpLine::Blank,
        HelpLine::Heading("REASONS A SESSION CLOSED"),
    ]);
    let reasons = Reason::ALL.iter().filter(|&&r| r != Reason::Open);
    lines.extend(reasons.map(|r| HelpLine::Entry(r.word().into(), r.help_with_name())));
    lines.extend([
        HelpLine::Blank,
        HelpLine::Heading("MISSED SO FAR, by cause"),
    ]);
    let causes = Missed::CAUSES.iter().zip(missed.counts());
    lines.extend(causes.map(|((name, meaning), count)| {
        let count = count.map_or("not known".into(), |n| n.to_string());
        HelpLine::Entry(format!("{} {count}", name.replace('_', " ")), meaning)
    }));
    lines.extend([HelpLine::Blank, HelpLine::Heading("PRIVILEGES in force")]);
    let rows = in_force.rows().into_iter().zip(InForce::MEANINGS);
    lines.extend(
        rows.map(|((name, state), meaning)| HelpLine::Entry(format!("{name} {state}"), meaning)),
    );
    lines
}

/// Figures on the screens shown instead of the table.
const COUNTED: [(&str, &str); 6] = [
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
        "all sessions except self traffic, regardless of the filter. Rates are compared with the minute before the baseline, times (geometric means) and losses with the ten minutes before it, as far as sessions are kept",
    ),
    (
        "worse",
        "a time that is at least 1.5 times as long, with at least 10 sessions on each side; a rate, or the share of sessions with losses (at least 20 sessions on each side), that has at least doubled. Changes that may be chance do not count, nor does traffic below 10 kB/s; on average at most one in a hundred of those listed as worse, other than for their traffic, is chance",
    ),
    (
        "gone",
        "a peer, program or port without a session for at least 10 s and twice its longest pause before the baseline",
    ),
    (
        "10.0.0.9 (curl, port 80)",
        "one difference: most of the sessions behind it have this peer, this program and this port; the name before the parentheses explains it best",
    ),
];

/// Width of a name, and of the gaps around it.
pub const NAME: usize = 24;
const GAPS: usize = 4;
/// Maximum width of a meaning: with its name it takes 80 cells, which are easy to read.
const MEANING: usize = 80 - NAME - GAPS;
/// Minimum width of a meaning.
const LEAST_MEANING: usize = 20;

/// Wraps an entry.
fn wrapped(line: HelpLine, meaning: usize) -> Vec<HelpLine> {
    let HelpLine::Entry(mut name, mut rest) = line else {
        return vec![line];
    };
    let mut lines = Vec::new();
    while rest.len() > meaning {
        let spaces = rest.match_indices(' ').map(|(at, _)| at);
        let Some(at) = spaces.take_while(|&at| at <= meaning).last() else {
            break;
        };
        lines.push(HelpLine::Entry(std::mem::take(&mut name), &rest[..at]));
        rest = &rest[at + 1..];
    }
    lines.push(HelpLine::Entry(name, rest));
    lines
}
