//! A report as text, tables and charts, whatever it is written as.

use std::fmt::Display;

use crate::text::sanitize::sanitize;

/// Maximum length of a text, in characters: foreign text may have any.
const LONGEST: usize = 1200;

/// A text of the report. Whatever it is made of, it has no control characters, no invisible ones and none that change the
/// writing direction, and is not too long; each format escapes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(String);

impl<T: Display> From<T> for Words {
    fn from(text: T) -> Self {
        let text = text.to_string();
        let mut shown = text.char_indices();
        Words(match shown.nth(LONGEST) {
            Some((end, _)) => format!("{}…", sanitize(&text[..end])),
            None => sanitize(&text),
        })
    }
}

impl Words {
    /// The text, not escaped for any format.
    pub(super) fn plain(&self) -> &str {
        &self.0
    }
}

/// A report.
#[derive(Debug)]
pub struct Document {
    pub title: Words,
    pub sections: Vec<Section>,
}

/// A section, with its heading.
#[derive(Debug)]
pub struct Section {
    pub title: &'static str,
    pub parts: Vec<Part>,
}

/// A part of a section.
#[derive(Debug)]
pub enum Part {
    Paragraph(Words),
    /// Names and values.
    Facts(Vec<(&'static str, Words)>),
    /// Sums over time, with the same time below all of them.
    Timeline(TimeCharts),
    Bars(BarChart),
    Table(Table),
}

/// Charts of the same span of time.
#[derive(Debug)]
pub struct TimeCharts {
    /// Marks on the axis of time: where they are, from 0 to 1, and their texts.
    pub ticks: Vec<(f64, Words)>,
    pub charts: Vec<TimeChart>,
}

/// One figure over time.
#[derive(Debug)]
pub struct TimeChart {
    pub title: &'static str,
    /// Its greatest value, and when that was.
    pub peak: Words,
    /// Value at the top of the chart.
    pub top: f64,
    /// Text of that value.
    pub top_text: Words,
    /// Values of all parts.
    pub values: Vec<f64>,
    /// The figure counts what should not happen.
    pub is_bad: bool,
}

/// A histogram.
#[derive(Debug)]
pub struct BarChart {
    pub title: &'static str,
    /// Percentiles.
    pub figures: Vec<(&'static str, Words)>,
    /// Number of values in each bucket, and the text of its lower border, if it has one on the axis.
    pub bars: Vec<(u64, Option<Words>)>,
}

/// A table.
#[derive(Debug)]
pub struct Table {
    pub columns: Vec<TableColumn>,
    pub rows: Vec<Vec<Cell>>,
    /// Maximum number of rows where space is scarce.
    pub few: usize,
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct TableColumn {
    pub title: &'static str,
    /// Explanation in one line.
    pub help: Option<&'static str>,
    pub is_number: bool,
    /// Its texts may need several lines.
    pub is_long: bool,
}

/// A cell of a table.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    pub text: Words,
    /// Number to sort by.
    pub rank: Option<u64>,
}

impl<T: Display> From<T> for Cell {
    fn from(text: T) -> Self {
        Cell {
            text: text.into(),
            rank: None,
        }
    }
}

impl Cell {
    /// A number, and its text.
    pub fn ranked(rank: u64, text: impl Display) -> Cell {
        Cell {
            rank: Some(rank),
            ..Cell::from(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_any_text_are_harmless_and_short() {
        let words = Words::from("a\u{202e}b\u{1b}[31m\n");
        assert_eq!(words.plain(), "a?b?[31m?");
        let words = Words::from("é".repeat(65_536));
        assert_eq!(words.plain().chars().count(), LONGEST + 1);
        assert!(words.plain().ends_with('…'));
    }
}
