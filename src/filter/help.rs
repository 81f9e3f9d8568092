//! Help for the filter language: its words from the table of fields, and the rest in a few lines.
//!
//! The documents and the dashboard's help both come from here, so that neither is a second list.

use crate::filter::literal::{example, operators, takes_briefly};
use crate::model::fields::{FIELDS, FieldKind};
use crate::text::wrap::words;

/// Help on one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelpRow {
    pub word: &'static str,
    /// Other words for the field.
    pub aliases: &'static [&'static str],
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
        aliases: field.aliases,
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
    ("port 443", "a field and a value: the field has this value"),
    (
        "rtt > 50ms",
        "a comparison with `= != < <= > >=`; times need a unit: us ms s m h d",
    ),
    (
        "lport 22,80,8000-8100",
        "a list of values and ranges: any of them",
    ),
    (
        "tx > 10MB",
        "sizes: k M G T are powers of 1000, Ki Mi Gi Ti of 1024",
    ),
    ("raddr 10.0.0.0/8", "a network: all of its addresses"),
    (
        "comm ~ ^ngin",
        "`~` matches a regular expression, `!~` negates it; start it with `(?i)` to ignore case",
    ),
    (
        "port 443 and comm curl",
        "both; `&&`, or nothing at all, means the same",
    ),
    (
        "refused or timeout",
        "either; `||` means the same; `and` binds more tightly",
    ),
    ("not port 22", "negation; `!` means the same"),
    ("(curl or wget) port 443", "parentheses group terms"),
    (
        "curl",
        "a bare word: found in comm, addresses or status, ignoring case",
    ),
    (
        "ssh",
        "the name of a service: its port, here 22, or the text; in quotes only the text",
    ),
    ("443", "a bare number: a port of either end, or the pid"),
    (
        "10.0.0.5:443",
        "an address and a port of the same end; also `[::1]:443` and `:443`",
    ),
    ("10.0.0.0/8", "either end is in the network"),
    ("src 10.0.0.5:443", "the local end; `dst` is the remote one"),
    (
        "open",
        "also `closed`, `failed`, `ipv4`, `ipv6`, `inbound`, `outbound`; `status closed` is that of STATUS",
    ),
    (
        "reason re",
        "part of a name: every reason of which a word begins with it",
    ),
    (
        "comm ngin*",
        "`*` is any text, `?` any character; in quotes they are themselves",
    ),
    (
        "\"port\"",
        "quotes: for text that has spaces or would mean something else",
    ),
];

/// Rules that no example shows; paragraphs are apart by an empty line.
pub const RULES: &str = "\
A missing value (`-` in the table) never matches a comparison, except with `!=` and `!~`: these negate `=` and `~`, so
`reason != refused` matches open sessions too. `port` and `addr` match if either end matches; with `!=`, neither end
may match. Two bounds, `port >= 8000 and port <= 8100`, are a range of one port.
The age of a session from before the start is a lower bound and matches only what is certain: neither `age < 5s` nor
`not age > 5s` shows one of at least a second. A word directly before an operator is always a field, and so is one before a colon: `port:443`.

Where the dashboard shows both ends of a local connection on one line, `not`, `!=` and `!~` leave it out if either end has that
name, address or port: `not comm curl` shows no connection of curl. Not so if the filter says which end it wants:
`rport 443 and not comm nginx` shows the clients of nginx.

What can mean only one thing is done: `prt 443`, `tx > 10 MB`, `reason refusd`, `state refused`. On the command line, a note on stderr says how a
misspelled word of `-f` was read. What may mean several is an error that says what to write. In quotes, a word is text to
search for: `\"443\"`, `\"open\"`.

Words of other tools work where they have one meaning: `host`, `net`, `portrange`, `tcp`, `src port`, `src or dst port`,
`net 10.0.0.0 mask 255.0.0.0`, `port 80 or 443` (as in tcpdump, but `not comm curl or wget` excludes both);
`sport = :443`, `state connected` (ss); `ip.addr == 10.0.0.5`, `tcp.port eq 80`, `tcp.port in {80 443 8000..8100}`,
`tcp.flags.reset == 1` for the reason (Wireshark); `comm in (curl, wget)`,
`comm like '%sql%'`, `<>` (SQL); `comm =~ 'ngin.*'`, in quotes matched with
the whole text (PromQL); `cmd`, `exe`, `proc` (for `comm`). Ports have names: `dport https`.
`reason timeout` is `connect-timeout`, too; in quotes, as in `reason \"timeout\"`, a name is only itself.
Names of hosts are not resolved: `host example.org` is an error. `getent ahosts example.org` prints the addresses to write.

While you type, the word at the cursor is a beginning: `comm cu` shows curl, and `10` also shows addresses with 10 in them. With
Enter the filter means what it says: `comm cu` is the process of that name.

`preexisting` alone means
`preexisting yes`; the word after it starts a new term unless it resembles `yes`, `no`, `true` or `false`.";

/// Returns the complete help as plain text, in lines of at most 100 characters.
pub fn help_text() -> String {
    const WIDTH: usize = 100;
    const FORM: usize = 26;
    let mut text = String::from("FILTERS\n");
    let mut entry = |head: String, meaning: &str| {
        let mut head = head;
        for line in words(meaning, WIDTH - head.chars().count()) {
            let indent = head.chars().count();
            text += &format!("{head}{line}\n");
            head = " ".repeat(indent);
        }
    };
    for (form, meaning) in GRAMMAR {
        entry(format!("  {form:<FORM$} "), meaning);
    }
    entry(String::new(), "");
    for paragraph in RULES.split("\n\n") {
        entry(String::new(), &paragraph.replace('\n', " "));
        entry(String::new(), "");
    }
    entry(String::new(), "FIELDS");
    for (field, row) in FIELDS.iter().zip(help_rows()) {
        let mut meaning = row.meaning.to_owned();
        if let FieldKind::Names(_) = field.kind {
            meaning += &format!(": {}", row.takes);
        }
        if !row.aliases.is_empty() {
            meaning += &format!("; also `{}`", row.aliases.join("`, `"));
        }
        entry(format!("  {:<FORM$} ", row.example), &meaning);
    }
    text
}

/// Returns the complete help as Markdown, for the documents.
#[cfg(any(test, feature = "testing"))]
pub fn help_markdown() -> String {
    use std::fmt::Write;

    let mut text = String::from("| filter | meaning |\n|---|---|\n");
    let cell = |text: &str| text.replace('|', "\\|");
    for (form, meaning) in GRAMMAR {
        let _ = writeln!(text, "| `{}` | {} |", cell(form), cell(meaning)); // a String takes all
    }
    let _ = write!(
        text,
        "\n{RULES}\n\n| field | takes | example | meaning |\n|---|---|---|---|\n"
    );
    for row in help_rows() {
        let names: Vec<String> = [&[row.word][..], row.aliases]
            .concat()
            .iter()
            .map(|word| format!("`{word}`"))
            .collect();
        let _ = writeln!(
            text,
            "| {} | {} | `{}` | {} |",
            names.join(", "),
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
    fn help_text_has_every_field_in_lines_that_fit() {
        let text = help_text();
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
        for field in FIELDS {
            let has = |line: &str| line.trim_start().starts_with(field.word);
            assert!(text.lines().any(has), "{}:\n{text}", field.word);
        }
    }

    #[test]
    fn help_examples_are_valid_filters() {
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
