//! Help for the filter language: its words from the table of fields, and the rest in a few lines.
//!
//! The documents and the dashboard's help both come from here, so that neither is a second list.

use crate::filter::literal::{example, operators, takes_briefly};
use crate::model::fields::FIELDS;

/// Help on one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelpRow {
    pub word: &'static str,
    /// Values that it takes.
    pub takes: String,
    /// Operators that it supports.
    pub operators: String,
    /// Example of a term with it.
    pub example: String,
    /// Meaning of the field.
    pub meaning: &'static str,
}

/// Iterates over the help of all fields, in the order of the table.
pub fn help_rows() -> impl Iterator<Item = HelpRow> {
    FIELDS.iter().map(|field| HelpRow {
        word: field.word,
        takes: takes_briefly(field),
        operators: operators(field)
            .iter()
            .map(|op| op.symbol())
            .collect::<Vec<_>>()
            .join(" "),
        example: example(field),
        meaning: field.help,
    })
}

/// Forms of terms and of their combination, and their meaning.
pub const GRAMMAR: &[(&str, &str)] = &[
    ("port 443", "a field and a value: equal"),
    (
        "rtt > 50ms",
        "compared with `= != < <= > >=`; times have a unit: us ms s m h d",
    ),
    ("lport 22,80,8000-8100", "a list: any of them, ranges too"),
    (
        "tx > 10MB",
        "sizes: k M G T are powers of 1000, Ki Mi Gi Ti of 1024",
    ),
    ("raddr 10.0.0.0/8", "all addresses of a network"),
    (
        "comm ~ ^ngin",
        "`~` a regular expression, `!~` its denial; `(?i)` in front of it: in capitals or not",
    ),
    (
        "port 443 and comm curl",
        "both; `&&` or nothing between them is the same",
    ),
    (
        "refused or timeout",
        "either; `||` is the same, and weaker than `and`",
    ),
    ("not port 22", "the contrary; `!` is the same"),
    ("(curl or wget) port 443", "parentheses group"),
    (
        "curl",
        "a bare word is looked for in comm, addresses and status, in capitals or not",
    ),
    (
        "\"port\"",
        "quotes around what has spaces, or would mean something else",
    ),
];

/// Rules that no example shows.
#[cfg(any(test, feature = "testing"))]
const RULES: &str = "\
A figure that a session does not have (`-` in the table) fits no comparison. `!=` and `!~` are `not` before their
opposites, so that `reason != refused` shows what is still open too. Of `port` and `addr` either end may fit, and
with `!=` neither does. A word directly before an operator is always a field, and a word that is a letter off a
field and followed by what that field takes is an error: put it in quotes to look for it. So is a unit or another
number directly behind a number: a value has no spaces in it, and a list has them at its commas only. `adopted` alone
is `adopted yes`, and what stands behind it is the next term unless it is nearly `yes`, `no`, `true` or `false`.";

/// Returns the complete help as Markdown, for the documents.
#[cfg(any(test, feature = "testing"))]
pub fn help_markdown() -> String {
    use std::fmt::Write;

    let mut text = String::from("| filter | means |\n|---|---|\n");
    let cell = |text: &str| text.replace('|', "\\|");
    for (form, meaning) in GRAMMAR {
        let _ = writeln!(text, "| `{}` | {} |", cell(form), cell(meaning)); // a String takes all
    }
    let _ = write!(
        text,
        "\n{RULES}\n\n| field | takes | example | is |\n|---|---|---|---|\n"
    );
    for row in help_rows() {
        let _ = writeln!(
            text,
            "| `{}` | {} | `{}` | {} |",
            row.word,
            cell(&row.takes),
            cell(&row.example),
            cell(row.meaning)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{Filter, UidOf};

    #[test]
    fn every_example_is_a_filter() {
        let users: UidOf = |name| (name == "root").then_some(0);
        for form in help_rows()
            .map(|row| row.example)
            .chain(GRAMMAR.iter().map(|(form, _)| (*form).to_owned()))
        {
            if let Err(e) = Filter::parse_with(&form, users) {
                panic!("{}", e.report());
            }
        }
    }
}
