//! Names in text rows and CSV. A process chooses its name and a user those of units, so a name must neither move the
//! columns of a row nor be run as a formula by a spreadsheet that opens the file.

use std::borrow::Cow;

/// Spelling of names in rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spelling {
    /// Safe for what reads rows: `awk` and spreadsheets.
    #[default]
    Safe,
    /// The names as they are.
    Exact,
}

impl Spelling {
    /// Returns the name as one column of a text row: one word, whatever it contains.
    pub fn in_text(self, name: &str) -> Cow<'_, str> {
        match self {
            Spelling::Exact => name.into(),
            Spelling::Safe if name.is_empty() => "-".into(),
            Spelling::Safe if name.contains(char::is_whitespace) => {
                name.replace(char::is_whitespace, "␣").into()
            }
            Spelling::Safe => name.into(),
        }
    }

    /// Returns the name as a field of CSV. Quotes do not keep a spreadsheet from running a formula; a `'` before it does.
    pub fn in_csv(self, name: &str) -> Cow<'_, str> {
        if self == Spelling::Exact || !starts_formula(name) && !name.contains(SEPARATORS) {
            return name.into();
        }
        let mut safe = String::with_capacity(name.len() + 1);
        for part in name.split_inclusive(SEPARATORS) {
            if starts_formula(part) {
                safe.push('\'');
            }
            safe.push_str(part);
        }
        safe.into()
    }
}

/// Characters that end a field, besides the comma, which is quoted: a spreadsheet takes the semicolon in countries that
/// write numbers with a comma.
const SEPARATORS: &[char] = &[';', '\t', '\r', '\n'];

/// True if a spreadsheet takes the field for a formula. East Asian ones also know the wide forms of the signs.
fn starts_formula(field: &str) -> bool {
    let signs = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    field.trim_start().starts_with(signs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_name_is_one_word() {
        for (name, word) in [
            ("curl", "curl"),
            ("Web Content", "Web␣Content"),
            (" a  b ", "␣a␣␣b␣"),
            ("a\u{a0}b\u{3000}c", "a␣b␣c"),
            ("", "-"),
        ] {
            assert_eq!(Spelling::Safe.in_text(name), word);
            assert_eq!(Spelling::Exact.in_text(name), name);
        }
    }

    #[test]
    fn csv_name_that_starts_a_formula_is_text() {
        for (name, field) in [
            ("curl", "curl"),
            ("a=b+c-d@e", "a=b+c-d@e"),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("＝1+1", "'＝1+1"),
            ("  =1+1", "'  =1+1"),
            ("\t=1+1", "\t'=1+1"),
            ("\r@A1", "\r'@A1"),
            ("a;=1+1", "a;'=1+1"),
            ("a; -1;b", "a;' -1;b"),
            ("a;b", "a;b"),
            ("'=1", "'=1"),
        ] {
            assert_eq!(Spelling::Safe.in_csv(name), field);
            assert_eq!(Spelling::Exact.in_csv(name), name);
        }
    }
}
