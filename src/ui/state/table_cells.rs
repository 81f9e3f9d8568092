//! Cells and columns that the screens of lines have in common.

use crate::model::fields;
use crate::model::fields::FieldKind;
use crate::ui::state::names::Names;
use crate::ui::state::table_screen::{SortKey, TableColumn};

/// Formats a rate for a narrow cell: `-`, `0.4`, `12`, `1.2k`.
pub(super) fn rate(rate: f64) -> String {
    match rate {
        ..=0.0 => "-".into(),
        ..9.95 => format!("{rate:.1}"),
        rate => fields::narrow_bytes(rate.round() as u64),
    }
}

/// Formats a number; `-` for 0.
pub(super) fn count(n: u64) -> String {
    match n {
        0 => "-".into(),
        n => fields::narrow_bytes(n),
    }
}

/// A value to sort by.
pub(super) fn number(n: impl Into<f64>) -> SortKey {
    SortKey::Number(n.into())
}

/// A column of numbers.
pub(super) const fn column<L>(
    title: &'static str,
    help: &'static str,
    (width, grow, drop): (u16, u16, u8),
    text: fn(&L, &Names, usize) -> String,
    sort_key: fn(&L) -> SortKey,
) -> TableColumn<L> {
    TableColumn {
        title,
        help,
        width,
        grow,
        drop,
        is_number: true,
        kind: FieldKind::Count,
        text,
        sort_key,
        alarms: |_| false,
    }
}

/// The same for a column of texts.
pub(super) const fn texts<L>(kind: FieldKind, column: TableColumn<L>) -> TableColumn<L> {
    TableColumn {
        is_number: false,
        kind,
        ..column
    }
}

/// The same for a column whose cells may stand out.
pub(super) const fn alarming<L>(alarms: fn(&L) -> bool, column: TableColumn<L>) -> TableColumn<L> {
    TableColumn { alarms, ..column }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_nothing_is_a_dash() {
        let rates = [0.0, 0.04, 9.94, 9.96, 1234.0].map(rate);
        assert_eq!(rates, ["-", "0.0", "9.9", "10", "1.2k"]);
        assert_eq!([0, 7, 1234].map(count), ["-", "7", "1.2k"]);
    }
}
