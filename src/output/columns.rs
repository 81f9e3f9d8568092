//! Columns of rows: those that `--columns` selects, and all of them, for JSON and exports.
//!
//! Owns their words, headings, keys and values in each format.

use std::borrow::Cow;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::LazyLock;

use jiff::fmt::temporal::DateTimePrinter;

use crate::host::users;
use crate::model::batch::Clock;
use crate::model::community_id::CommunityId;
use crate::model::fields;
use crate::model::fields::{FIELDS, Field, FieldKind, Value};
use crate::model::session::{Age, Session};
use crate::output::names::Spelling;
use crate::text::sanitize::sanitize;
use crate::text::suggest::suggest;

/// A column of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineColumn {
    /// The event that a row reports.
    Event,
    /// Time of the event.
    Time,
    Field(&'static Field),
}

/// A value in a row.
#[derive(Debug, PartialEq)]
pub(super) enum LineValue<'a> {
    Missing,
    Uint(u64),
    Addr(IpAddr),
    Text(Cow<'a, str>),
    CommunityId(CommunityId<'a>),
    Bool(bool),
}

impl LineValue<'_> {
    /// Appends the value, nothing for a missing one, and a text as `spelled`.
    fn push(&self, text: &mut String, spelled: impl Fn(&str) -> Cow<'_, str>) {
        match self {
            LineValue::Missing => {}
            LineValue::Uint(n) => push_number(text, *n),
            LineValue::Addr(IpAddr::V4(addr)) => {
                for (i, byte) in addr.octets().into_iter().enumerate() {
                    if i > 0 {
                        text.push('.');
                    }
                    push_number(text, byte.into());
                }
            }
            LineValue::Addr(addr) => text.push_str(&addr.to_string()),
            LineValue::Text(t) => text.push_str(&spelled(t)),
            // its characters need no spelling
            LineValue::CommunityId(id) => text.push_str(&id.to_string()),
            LineValue::Bool(is) => text.push_str(if *is { "true" } else { "false" }),
        }
    }
}

impl<'a> From<Value<'a>> for LineValue<'a> {
    fn from(value: Value<'a>) -> Self {
        match value {
            Value::Missing => LineValue::Missing,
            Value::Uint(n) => LineValue::Uint(n),
            Value::Addr(a) => LineValue::Addr(a),
            Value::Text(t) => LineValue::Text(t.into()),
            Value::CommunityId(id) => LineValue::CommunityId(id),
            Value::Bool(b) => LineValue::Bool(b),
        }
    }
}

/// Columns of `-o json` and of exports: everything that has a JSON key, in the order of [`FIELDS`].
pub static ALL: LazyLock<Vec<LineColumn>> = LazyLock::new(|| {
    let fields = FIELDS.iter().filter(|f| f.json.is_some());
    [LineColumn::Event, LineColumn::Time]
        .into_iter()
        .chain(fields.map(LineColumn::Field))
        .collect()
});

/// Headings of bcc's tcplife that are no words for a field, and the columns that have their values.
const BCC_HEADINGS: [(&str, &str); 4] = [
    ("tx_kb", "tx"),
    ("rx_kb", "rx"),
    ("ms", "duration"),
    ("time(s)", "time"),
];

/// Returns the event that a session's row reports: its close, or a snapshot of it.
fn event(session: &Session) -> &'static str {
    if session.is_open() { "open" } else { "close" }
}

/// Formats the time of an event, given in ns of boot time: RFC 3339, UTC, µs.
pub(super) fn time_text(at_ns: u64, clock: &Clock) -> String {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
    PRINTER.timestamp_to_string(&clock.wall(at_ns))
}

/// Appends a number. `to_string` would allocate for each of the dozens in a row.
fn push_number(text: &mut String, n: u64) {
    text.push_str(itoa::Buffer::new().format(n));
}

impl LineColumn {
    /// Iterates over the columns that can be selected.
    pub fn selectable() -> impl Iterator<Item = LineColumn> {
        let has_value = |f: &&Field| !matches!(f.kind, FieldKind::Either(..));
        [LineColumn::Event, LineColumn::Time]
            .into_iter()
            .chain(FIELDS.iter().filter(has_value).map(LineColumn::Field))
    }

    /// Returns its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            LineColumn::Event => "event",
            LineColumn::Time => "time",
            LineColumn::Field(field) => field.word,
        }
    }

    /// Returns its JSON key, which is also its heading in CSV.
    pub fn key(self) -> &'static str {
        match self {
            LineColumn::Field(Field {
                json: Some(key), ..
            }) => key,
            _ => self.word(),
        }
    }

    /// Returns its meaning, in one line.
    pub fn help(self) -> &'static str {
        match self {
            LineColumn::Event => "kind of the event: close, or open",
            LineColumn::Time => "time of the event, UTC",
            LineColumn::Field(field) => field.help,
        }
    }

    /// Finds a column by its word, another word for it, its JSON key, or a heading of ours or of bcc's, ignoring case.
    fn by_word(word: &str) -> Option<LineColumn> {
        let lower = word.to_ascii_lowercase();
        let bcc = BCC_HEADINGS.iter().find(|(heading, _)| *heading == lower);
        let lower = bcc.map_or(lower.as_str(), |(_, word)| word);
        let by_word = LineColumn::selectable().find(|c| {
            let aliases = match c {
                LineColumn::Field(field) => field.aliases,
                _ => &[],
            };
            c.word() == lower || c.key() == lower || aliases.contains(&lower)
        });
        by_word.or_else(|| {
            let mut all = LineColumn::selectable();
            all.find(|c| c.titles().any(|title| title.eq_ignore_ascii_case(lower)))
        })
    }

    /// Iterates over its headings: in the dashboard and in text.
    fn titles(self) -> impl Iterator<Item = String> {
        let column = match self {
            LineColumn::Field(field) => field.column,
            _ => None,
        };
        let title = column.map(|c| c.title.to_owned());
        title.into_iter().chain([self.heading()])
    }

    /// Returns its kind; `None` for what is no field.
    fn kind(self) -> Option<FieldKind> {
        match self {
            LineColumn::Field(field) => Some(field.kind),
            _ => None,
        }
    }

    /// True if only the dashboard knows it: rates are the difference of two snapshots.
    pub fn is_live(self) -> bool {
        self.kind() == Some(FieldKind::Rate)
    }

    /// Returns its heading in text: that of the dashboard, with the unit of its numbers unless it is in the name (`BYTES`).
    pub fn heading(self) -> String {
        let title = match self {
            LineColumn::Time => return "TIME_UTC".into(),
            LineColumn::Field(Field {
                column: Some(column),
                ..
            }) => column.title.to_owned(),
            _ => self.word().to_ascii_uppercase(),
        };
        match self.kind() {
            Some(FieldKind::Bytes) if !title.ends_with(['B', 'S']) => title + "_B",
            Some(FieldKind::Micros) => title + "_MS",
            Some(FieldKind::Moment) => title + "_UTC",
            _ => title,
        }
    }

    /// Returns its minimum width in text; `wide` has room for every address and name.
    pub fn width(self, wide: bool) -> usize {
        let values = match self {
            LineColumn::Event => 5,
            LineColumn::Time => 27,
            LineColumn::Field(field) => match field.kind {
                FieldKind::Addr if wide => 39,
                FieldKind::Addr => 15,
                FieldKind::Comm => 15,
                FieldKind::Bytes | FieldKind::Micros => 10,
                FieldKind::Moment => LineColumn::Time.width(wide),
                FieldKind::Names(names) => names.iter().map(|n| n.len()).max().unwrap_or(0),
                _ => {
                    let grow = if wide { 1 } else { 0 };
                    let column = field.column.map(|c| c.width + grow * c.grow);
                    column.unwrap_or(5).into()
                }
            },
        };
        values.max(self.heading().len())
    }

    /// True for numbers, which are right-aligned.
    pub fn is_number(self) -> bool {
        self.kind().is_some_and(FieldKind::is_number)
    }

    /// Returns the value of a session.
    pub(super) fn value<'a>(self, session: &'a Session, clock: &Clock) -> LineValue<'a> {
        let field = match self {
            LineColumn::Event => return LineValue::Text(event(session).into()),
            LineColumn::Time => return LineValue::Text(time_text(session.end_ns, clock).into()),
            LineColumn::Field(field) => field,
        };
        match ((field.get)(session), field.kind) {
            (Value::Uint(uid), FieldKind::User) => {
                let name = u32::try_from(uid).ok().and_then(users::known_name);
                LineValue::Text(name.map_or_else(|| uid.to_string().into(), Cow::from))
            }
            (Value::Uint(ns), FieldKind::Moment) => LineValue::Text(time_text(ns, clock).into()),
            (value, _) => value.into(),
        }
    }

    /// Appends the value in text: one word. Numbers are in the unit of the heading, with a `+` after a lower bound.
    pub fn push_text(self, text: &mut String, session: &Session, clock: &Clock, names: Spelling) {
        match (self.value(session, clock), self.kind()) {
            (LineValue::Missing, _) => text.push('-'),
            (LineValue::Uint(us), Some(FieldKind::Micros)) => {
                push_number(text, us / 1000);
                // three digits after the point
                let start = text.len();
                push_number(text, 1000 + us % 1000);
                text.replace_range(start..=start, ".");
                if self.word() == "duration" {
                    text.push_str(bound(session));
                }
            }
            (value, _) => value.push(text, |t| names.in_text(t)),
        }
    }

    /// Appends the value as a field of CSV, as JSON has it; nothing for none.
    pub fn push_csv(self, text: &mut String, session: &Session, clock: &Clock, names: Spelling) {
        self.value(session, clock).push(text, |t| names.in_csv(t));
    }
}

/// Sign after a duration that is only a lower bound. After the number, because `sort -n` takes a number with a sign
/// before it for 0.
pub fn bound(session: &Session) -> &'static str {
    match session.age {
        Age::LowerBound => "+",
        Age::Exact | Age::Unknown => "",
    }
}

/// Value of `--columns`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnsFlag {
    /// List all columns.
    Help,
    These(Vec<LineColumn>),
}

impl FromStr for ColumnsFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "help" {
            return Ok(ColumnsFlag::Help);
        }
        let mut columns = Vec::new();
        for word in text.split(',').map(str::trim) {
            let column = LineColumn::by_word(word).ok_or_else(|| unknown(word))?;
            if columns.contains(&column) {
                return Err(format!("`{}` is listed twice", column.word()));
            }
            columns.push(column);
        }
        Ok(ColumnsFlag::These(columns))
    }
}

fn unknown(word: &str) -> String {
    let lower = word.to_ascii_lowercase();
    let words = ["event", "time"].into_iter().chain(fields::words());
    let hint = match suggest(&lower, words).as_slice() {
        [] => "`--columns help` lists them".to_owned(),
        near => format!("did you mean `{}`?", near.join("` or `")),
    };
    match word {
        "" => format!("a column is missing: use a list like comm,raddr,rtt; {hint}"),
        "addr" | "port" => format!("`{word}` stands for two columns: `l{word}` and `r{word}`"),
        _ => format!("unknown column `{}`; {hint}", sanitize(word)),
    }
}

/// Returns a table of all columns, one a line.
pub fn list() -> String {
    let mut text = format!(
        "{:<13} {:<13} {:<19} MEANING\n",
        "COLUMN", "TEXT", "CSV, JSON"
    );
    for column in LineColumn::selectable() {
        let (word, heading, key) = (column.word(), column.heading(), column.key());
        let (heading, key) = match column.is_live() {
            true => ("-", "-"), // dashboard only
            false => (&*heading, key),
        };
        text += &format!("{word:<13} {heading:<13} {key:<19} {}\n", column.help());
    }
    text
}
