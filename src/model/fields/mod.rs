//! The fields of a session: each one is a column, a sort key, a filter word and a JSON key.
//!
//! Defines the names, kinds and values of all figures, and how a value reads in a narrow cell. `ui` places the cells;
//! the classic fixed rows are in `output::text`.

use std::net::IpAddr;

use crate::model::community_id::CommunityId;
use crate::model::interface::ZonedAddr;
use crate::model::redaction::Redact;
use crate::model::session::{Age, Reason, Session};

mod draft;
mod format;
mod table;

pub use draft::{CgroupDraft, Draft, read_name, read_number, set};
pub use format::{
    ago, binary_size, byte_rate, bytes, grouped, micros, minutes, narrow_bytes, narrow_micros,
    number, round_micros, round_size, seconds, size,
};
pub use table::FIELDS;

/// A field's value for one session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// No value: never measured, or not known.
    Missing,
    /// Whole number, in the unit of the field's [`FieldKind`].
    Uint(u64),
    Addr(IpAddr),
    Text(&'a str),
    /// Text that is computed when somebody needs it.
    CommunityId(CommunityId<'a>),
    Bool(bool),
}

/// Type of a field's values: how they are read, written and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Plain number.
    Count,
    /// Number that identifies something, shown as it is.
    Id,
    /// Number of bytes.
    Bytes,
    Rate,
    /// Time in µs.
    Micros,
    /// Instant in ns of boot time, shown as a time of day; a filter compares the time since then.
    Moment,
    /// IP version: 4 or 6.
    Ip,
    /// User id, which a filter may also give as a user name.
    User,
    Addr,
    Port,
    Text,
    /// Process name, of which the kernel keeps 15 bytes.
    Comm,
    /// One of a few names; `-` among them means none.
    Names(&'static [&'static str]),
    Bool,
    /// Either of two other fields: a filter word without a value of its own.
    Either(&'static str, &'static str),
}

impl FieldKind {
    /// True for numbers, which are right-aligned, so that their magnitudes stand out.
    pub fn is_number(self) -> bool {
        matches!(
            self,
            FieldKind::Count
                | FieldKind::Id
                | FieldKind::Ip
                | FieldKind::Bytes
                | FieldKind::Rate
                | FieldKind::Micros
                | FieldKind::Port
        )
    }
}

/// A field's column in the dashboard's table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub title: &'static str,
    /// Its key in the sort menu.
    pub letter: char,
    /// Minimum width in cells.
    pub width: u16,
    /// Additional cells that it can use.
    pub grow: u16,
    /// Order in which columns disappear when the window is narrow: the highest number goes first; 0 always stays.
    pub drop: u8,
    /// Sorted with the greatest value first, unless the order is inverted.
    pub descending: bool,
    /// Word of the column that gives way first while the table is sorted by this one.
    pub replaces: Option<&'static str>,
}

/// One row of [`FIELDS`].
pub struct Field {
    /// The word in a filter, in the dashboard's help and in the configuration.
    pub word: &'static str,
    /// Other words for it, accepted by filters and the configuration.
    pub aliases: &'static [&'static str],
    /// The JSON key, with its unit; `None`: not in the JSON output.
    pub json: Option<&'static str>,
    /// Explanation in one line.
    pub help: &'static str,
    /// Type of its values.
    pub kind: FieldKind,
    /// Its column in the dashboard, if any.
    pub column: Option<Column>,
    pub get: fn(&Session) -> Value<'_>,
    /// Puts a value that `get` has returned into a session that is being read; `None` if it is no value of this field.
    /// Fields without it follow from others.
    pub read: Option<Read>,
    /// Its replacement in a redacted session.
    pub redact: Redact,
}

/// See [`Field::read`].
pub type Read = fn(&mut Draft, Value<'_>) -> Option<()>;

impl Field {
    /// True if the value grows while an open session does nothing.
    pub fn grows_with_time(&self) -> bool {
        matches!(self.word, "duration" | "close" | "waiting")
    }

    /// True if some sessions have only a lower bound of the value.
    pub fn has_bounds(&self) -> bool {
        self.word == "duration"
    }

    /// True if the session's value is a lower bound: it was open before the start.
    pub fn is_bound_of(&self, session: &Session) -> bool {
        self.has_bounds() && session.age == Age::LowerBound
    }

    /// True if lines of a recording have the field. The Community ID follows from the addresses and ports, and cannot be
    /// compressed.
    pub fn is_recorded(&self) -> bool {
        self.word != "communityid"
    }

    /// True if the value becomes 0 while an open session does nothing.
    pub fn is_rate(&self) -> bool {
        matches!(self.kind, FieldKind::Rate)
    }

    /// True if the value says whose end of a connection a session is, or where, rather than how it goes.
    pub fn names_an_end(&self) -> bool {
        matches!(
            self.kind,
            FieldKind::Id
                | FieldKind::User
                | FieldKind::Addr
                | FieldKind::Port
                | FieldKind::Text
                | FieldKind::Comm
                | FieldKind::Either(..)
        )
    }

    /// True if a bare word in a filter is searched for in this field: the process name, the addresses and `status`.
    /// `status` includes the names of all states and reasons. Other fields are left out because a word like `in` or
    /// `close` would match the direction or the owner's evidence of most sessions, and `serv` every unit.
    pub fn is_searched(&self) -> bool {
        match self.kind {
            FieldKind::Addr => true,
            FieldKind::Comm => self.word == "comm",
            FieldKind::Names(_) => self.word == "status",
            _ => false,
        }
    }
}

/// A field is identified by its word, which is unique.
impl PartialEq for Field {
    fn eq(&self, other: &Self) -> bool {
        self.word == other.word
    }
}

impl Eq for Field {}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Field({})", self.word)
    }
}

/// Finds a field by its word.
pub fn by_word(word: &str) -> Option<&'static Field> {
    let mut fields = FIELDS.iter();
    fields.find(|f| f.word == word || f.aliases.contains(&word))
}

/// Every word that names a field, aliases included.
pub fn words() -> impl Iterator<Item = &'static str> {
    FIELDS
        .iter()
        .flat_map(|f| std::iter::once(f.word).chain(f.aliases.iter().copied()))
}

/// The field that puts the busiest sessions first.
pub fn busiest() -> &'static Field {
    let named = FIELDS.iter().find(|f| f.word == "rate");
    named.unwrap_or(&FIELDS[0])
}

/// Iterates over the fields that have a column.
pub fn columns() -> impl Iterator<Item = (&'static Field, Column)> {
    FIELDS.iter().filter_map(|f| f.column.map(|c| (f, c)))
}

/// Returns the value as the dashboard shows and sorts it: the word of a status instead of its name.
pub fn shown<'a>(field: &Field, session: &'a Session) -> Value<'a> {
    match field.word {
        "status" => Value::Text(session.status_word()),
        _ => (field.get)(session),
    }
}

/// Returns the name for which the dashboard shows this word (in lower case), if it is one of `names`.
pub fn name_of_word(names: &[&'static str], word: &str) -> Option<&'static str> {
    let reason = Reason::ALL.iter().find(|r| r.word() == word);
    let name = reason.filter(|r| **r != Reason::Open)?.name();
    names.iter().copied().find(|n| *n == name)
}

/// Returns the word that the dashboard shows for this name of a reason, if it is another one.
pub fn word_of_name(name: &str) -> Option<&'static str> {
    let reason = Reason::ALL.iter().find(|r| r.name() == name)?;
    Some(reason.word()).filter(|word| *word != name)
}

/// Prefix of a value that is only a lower bound: the duration of a preexisting session.
pub fn bound(field: &Field, session: &Session) -> &'static str {
    if field.word == "duration" && session.age == Age::LowerBound {
        "≥"
    } else {
        ""
    }
}

/// Text of a value that a session does not have.
pub const MISSING: &str = "-";

/// Formats a value for a cell: short, with its unit, `-` for none.
pub fn cell(field: &Field, session: &Session) -> String {
    match (shown(field, session), field.kind) {
        (Value::Missing, _) => MISSING.into(),
        (Value::Uint(n), FieldKind::Bytes) => bytes(n),
        (Value::Uint(0), FieldKind::Rate) => "-".into(),
        (Value::Uint(n), FieldKind::Rate) => bytes(n),
        (Value::Uint(us), FieldKind::Micros) => format!("{}{}", bound(field, session), micros(us)),
        (Value::Uint(n), _) => n.to_string(),
        (Value::Addr(a), _) => ZonedAddr::new(a, session.interface).to_string(),
        (Value::Text(t), _) => t.into(),
        (Value::CommunityId(id), _) => id.to_string(),
        (Value::Bool(b), _) => if b { "yes" } else { "no" }.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::session::{Evidence, State, WaitsFor};
    use crate::model::turns::Turns;
    use crate::testing::sample::closed_session as sample;

    #[test]
    fn fields_searched_by_a_bare_word_are_those_on_the_screen() {
        let words: Vec<&str> = FIELDS
            .iter()
            .filter(|f| f.is_searched())
            .map(|f| f.word)
            .collect();
        assert_eq!(words, ["comm", "laddr", "raddr", "status"]);
    }

    #[test]
    fn fields_that_grow_with_time_are_those_that_an_idle_session_changes() {
        let mut words = Vec::new();
        for waits_for in WaitsFor::ALL {
            for busy_ms in [0, 8, 800] {
                let before = Session {
                    state: State::CloseWait,
                    waits_for: *waits_for,
                    busy_ms,
                    rwnd_limited_ms: busy_ms,
                    waiting_us: 7,
                    turns: Turns {
                        count: 3,
                        ..Turns::default()
                    },
                    ..sample()
                };
                let mut after = before.clone();
                after.advance_idle_to(before.end_ns + 3_600_000_000_000);
                let changed = FIELDS
                    .iter()
                    .filter(|f| (f.get)(&before) != (f.get)(&after));
                words.extend(changed.map(|f| f.word));
            }
        }
        words.sort_unstable();
        words.dedup();
        let grow = FIELDS.iter().filter(|f| f.grows_with_time());
        let mut grow: Vec<&str> = grow.map(|f| f.word).collect();
        grow.sort_unstable();
        assert_eq!(words, grow);
    }

    #[test]
    fn rates_are_the_fields_that_become_zero_without_traffic() {
        let with_rates = |tx_rate, rx_rate| Session {
            state: State::Established,
            tx_rate,
            rx_rate,
            ..sample()
        };
        let (busy, idle) = (with_rates(2.0, 1.0), with_rates(0.0, 0.0));
        let changed = FIELDS.iter().filter(|f| (f.get)(&busy) != (f.get)(&idle));
        let rates = FIELDS.iter().filter(|f| f.is_rate());
        let words = |f: &Field| f.word;
        assert_eq!(
            changed.map(words).collect::<Vec<_>>(),
            rates.map(words).collect::<Vec<_>>()
        );
    }

    #[test]
    fn columns_have_letters_of_their_own_that_do_not_close_the_sort_menu() {
        let mut letters: Vec<char> = columns().map(|(_, c)| c.letter).collect();
        assert!(
            letters
                .iter()
                .all(|c| c.is_ascii_alphanumeric() && !"sqjk".contains(*c))
        );
        letters.sort_unstable();
        assert!(letters.windows(2).all(|w| w[0] != w[1]), "{letters:?}");
    }

    #[test]
    fn cell_of_unknown_value_is_a_dash_or_a_lower_bound() {
        let mut s = sample();
        let cell_of = |s: &Session, word| cell(by_word(word).expect("a field"), s);
        assert_eq!(cell_of(&s, "duration"), "260µs");
        s.age = Age::LowerBound;
        assert_eq!(cell_of(&s, "duration"), "≥260µs");
        assert_eq!(cell_of(&s, "connect"), "-");
        assert_eq!(
            cell_of(&s, "user"),
            "0",
            "names take the host's list of users"
        );
        s.owner = Evidence::None;
        assert_eq!(
            (cell_of(&s, "pid"), cell_of(&s, "comm")),
            ("-".into(), "-".into())
        );
    }

    #[test]
    fn field_words_and_json_keys_are_unique_and_have_help() {
        for (i, f) in FIELDS.iter().enumerate() {
            assert!(
                FIELDS[..i].iter().all(|g| g.word != f.word),
                "{} twice",
                f.word
            );
            assert!(
                FIELDS[..i]
                    .iter()
                    .all(|g| g.json.is_none() || g.json != f.json),
                "{:?} twice",
                f.json
            );
            assert!(!f.help.is_empty() && !f.help.ends_with('.'), "{}", f.word);
            assert!(f.word.chars().all(|c| c.is_ascii_lowercase()), "{}", f.word);
            for alias in f.aliases {
                let named = FIELDS
                    .iter()
                    .filter(|g| g.word == *alias || g.aliases.contains(alias));
                assert_eq!(named.count(), 1, "{alias} names one field");
            }
        }
    }

    #[test]
    fn either_field_combines_two_fields_of_the_same_kind() {
        for f in FIELDS {
            if let FieldKind::Either(a, b) = f.kind {
                let kind = |word| by_word(word).expect(word).kind;
                assert_eq!(kind(a), kind(b), "{}", f.word);
                assert!(!matches!(kind(a), FieldKind::Either(..)), "{}", f.word);
                assert!(f.column.is_none() && f.json.is_none(), "{}", f.word);
            }
        }
    }

    #[test]
    fn column_headings_fit_their_columns() {
        for (f, c) in columns() {
            assert!(c.title.len() <= usize::from(c.width), "{}", f.word);
        }
    }
}
