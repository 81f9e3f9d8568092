//! What can be said of a session: its fields, which are columns, sort keys, filter words and JSON keys.
//!
//! Responsible for the names, kinds and values of all figures, and for how a value reads in a cell of a few
//! characters. Not for where cells are placed (`ui`), nor for the fixed classic rows (`output::text`).

use std::net::IpAddr;

use crate::model::session::Session;

mod format;
mod table;

pub use format::{binary_size, bytes, micros, number, round_micros, round_size, seconds, size};
pub use table::FIELDS;

/// A field's value for one session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// There is none: never measured, or not known.
    Missing,
    /// A whole number; its unit is the field's [`FieldKind`].
    Uint(u64),
    /// An address.
    Addr(IpAddr),
    /// A name.
    Text(&'a str),
    /// Yes or no.
    Bool(bool),
}

/// What a field's values are, and so how they are read, written and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A plain number.
    Count,
    /// A number that names something: shown as it is.
    Id,
    /// Bytes.
    Bytes,
    /// Bytes a second.
    Rate,
    /// A time in µs.
    Micros,
    /// The IP version: 4 or 6.
    Ip,
    /// A user id, which a filter may give by the user's name.
    User,
    /// An IPv4 or IPv6 address.
    Addr,
    /// A TCP port.
    Port,
    /// Free text.
    Text,
    /// A process's name, of which the kernel keeps 15 bytes.
    Comm,
    /// One of a few names; `-` among them stands for none.
    Names(&'static [&'static str]),
    /// Yes or no.
    Bool,
    /// One of these two other fields, whichever fits: a word of the filter language without a value of its own.
    Either(&'static str, &'static str),
}

impl FieldKind {
    /// Numbers are aligned right, so that their magnitudes can be seen from afar.
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

/// How a field stands in the dashboard's table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its heading.
    pub title: &'static str,
    /// Cells that it needs.
    pub width: u16,
    /// Cells more that it can make use of.
    pub grow: u16,
    /// Which columns go first when the window is narrow: the highest number. 0 stays always.
    pub drop: u8,
    /// Sorted by it, the greatest comes first unless the order is inverted.
    pub descending: bool,
}

/// One row of [`FIELDS`].
pub struct Field {
    /// The word in a filter, in `--help` and in the configuration.
    pub word: &'static str,
    /// Other words for it, which a filter and the configuration take, too.
    pub aliases: &'static [&'static str],
    /// The key in JSON lines, with the unit; `None`: not in there.
    pub json: Option<&'static str>,
    /// What it means, in a line.
    pub help: &'static str,
    /// What its values are.
    pub kind: FieldKind,
    /// Its column in the dashboard; `None`: it has none.
    pub column: Option<Column>,
    /// Its value.
    pub get: fn(&Session) -> Value<'_>,
}

impl Field {
    /// True if a filter's bare word is looked for in it: in who talks with whom, and of the names in `status`, which
    /// says all that the others do of how a session stands. A word like `in` or `close` would be found in the owner's
    /// evidence or the direction of most sessions, and `serv` in every unit, where nobody meant it.
    pub fn is_searched(&self) -> bool {
        match self.kind {
            FieldKind::Comm | FieldKind::Addr => true,
            FieldKind::Names(_) => self.word == "status",
            _ => false,
        }
    }
}

/// A field is its word: there is one row of it.
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

/// The field of that word.
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

/// The field that puts the busiest sessions on top.
pub fn busiest() -> &'static Field {
    let named = FIELDS.iter().find(|f| f.word == "rate");
    named.unwrap_or(&FIELDS[0])
}

/// The fields that have a column.
pub fn columns() -> impl Iterator<Item = (&'static Field, Column)> {
    FIELDS.iter().filter_map(|f| f.column.map(|c| (f, c)))
}

/// What stands before the value if it is only known to be no less: how long a session lasts that began before the start.
pub fn bound(field: &Field, session: &Session) -> &'static str {
    if field.word == "duration" && session.preexisting {
        "≥"
    } else {
        ""
    }
}

/// The value as a cell shows it: short, with its unit, `-` for nothing.
pub fn cell(field: &Field, session: &Session) -> String {
    let value = (field.get)(session);
    match (value, field.kind) {
        (Value::Missing, _) => "-".into(),
        (Value::Uint(n), FieldKind::Bytes) => bytes(n),
        (Value::Uint(0), FieldKind::Rate) => "-".into(),
        (Value::Uint(n), FieldKind::Rate) => bytes(n),
        (Value::Uint(us), FieldKind::Micros) => format!("{}{}", bound(field, session), micros(us)),
        (Value::Uint(n), _) => n.to_string(),
        (Value::Addr(a), _) => a.to_string(),
        (Value::Text(t), _) => t.into(),
        (Value::Bool(b), _) => if b { "yes" } else { "no" }.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::session::Evidence;
    use crate::testing::sample::closed_session as sample;

    #[test]
    fn a_bare_word_of_a_filter_looks_in_what_is_on_the_screen() {
        let words: Vec<&str> = FIELDS
            .iter()
            .filter(|f| f.is_searched())
            .map(|f| f.word)
            .collect();
        assert_eq!(words, ["comm", "laddr", "raddr", "status"]);
    }

    #[test]
    fn a_cell_says_what_is_not_known() {
        let mut s = sample();
        let cell_of = |s: &Session, word| cell(by_word(word).expect("a field"), s);
        assert_eq!(cell_of(&s, "duration"), "260µs");
        s.preexisting = true;
        assert_eq!(cell_of(&s, "duration"), "≥260µs");
        assert_eq!(cell_of(&s, "connect"), "-");
        assert_eq!(
            cell_of(&s, "user"),
            "0",
            "names are for who knows the host's users"
        );
        s.owner = Evidence::None;
        assert_eq!(
            (cell_of(&s, "pid"), cell_of(&s, "comm")),
            ("-".into(), "-".into())
        );
    }
}
