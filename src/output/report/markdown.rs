//! A report as Markdown, for a ticket or a chat: words, tables, and the time line as a line of blocks.
//!
//! All text is escaped, so that nothing in it is markup, a link, a mention or a reference.

use crate::output::report::document::{
    BarChart, Document, Part, Section, Table, TimeCharts, Words,
};

/// Width of the time line, in characters.
const CELLS: usize = 60;
/// Heights of a part of it.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Writes the document.
pub(super) fn text(document: &Document) -> String {
    let mut text = format!("# {}\n", escaped(&document.title));
    for section in &document.sections {
        text += &format!("\n## {}\n\n{}", section.title, self::section(section));
    }
    text
}

fn section(section: &Section) -> String {
    let mut text = String::new();
    let bars = section.parts.iter().filter_map(|part| match part {
        Part::Bars(chart) => Some(chart),
        _ => None,
    });
    text += &distributions(&bars.collect::<Vec<_>>());
    for part in &section.parts {
        let part = match part {
            Part::Paragraph(words) => format!("{}\n", escaped(words)),
            Part::Facts(facts) => {
                let fact =
                    |(name, words): &(&str, Words)| format!("* {name}: {}\n", escaped(words));
                facts.iter().map(fact).collect()
            }
            Part::Timeline(charts) => timeline(charts),
            Part::Table(table) => self::table(table),
            Part::Bars(_) => continue,
        };
        if !text.is_empty() {
            text.push('\n');
        }
        text += &part;
    }
    text
}

/// Escapes a text for a paragraph, or for a cell of a table.
fn escaped(words: &Words) -> String {
    let mut text = String::new();
    for c in words.plain().chars() {
        match c {
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '&' => text.push_str("&amp;"),
            // a mention, and a reference to an issue, of nobody and of nothing here
            '@' => text.push_str("&#64;"),
            '#' => text.push_str("&#35;"),
            '|' => text.push_str("&#124;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '!' | '$' => {
                text.push('\\');
                text.push(c);
            }
            _ => text.push(c),
        }
    }
    // an address of the web becomes a link by itself
    text.replace("://", "&#58;//").replace("www.", "www&#46;")
}

fn row<T: AsRef<str>>(cells: impl Iterator<Item = T>) -> String {
    let cells: String = cells.map(|cell| format!(" {} |", cell.as_ref())).collect();
    format!("|{cells}\n")
}

fn table(table: &Table) -> String {
    let mut text = row(table.columns.iter().map(|c| c.title));
    text += &row(table
        .columns
        .iter()
        .map(|c| if c.is_number { "--:" } else { "---" }));
    for cells in table.rows.iter().take(table.few) {
        text += &row(cells.iter().map(|cell| escaped(&cell.text)));
    }
    let left = table.rows.len().saturating_sub(table.few);
    if left > 0 {
        text += &format!(
            "\nThe first {} of {} rows; a report in HTML has all of them.\n",
            table.few,
            table.rows.len()
        );
    }
    text
}

fn timeline(charts: &TimeCharts) -> String {
    let mut text = String::from("```text\n");
    for chart in &charts.charts {
        let values = &chart.values;
        let each = values.len().div_ceil(CELLS).max(1);
        let greatest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        let cells: Vec<f64> = values.chunks(each).map(greatest).collect();
        let top = greatest(&cells);
        let line: String = cells.iter().map(|value| block(*value, top)).collect();
        text += &format!("{}: {}\n▕{line}▏\n", chart.title, chart.peak.plain());
    }
    if let (Some((_, first)), Some((_, last))) = (charts.ticks.first(), charts.ticks.last()) {
        text += &format!("from about {} to about {}\n", first.plain(), last.plain());
    }
    text + "```\n"
}

fn block(value: f64, top: f64) -> char {
    let most = (BLOCKS.len() - 1) as f64;
    let height = match top > 0.0 {
        true => (value / top * most).ceil().clamp(0.0, most),
        false => 0.0,
    };
    BLOCKS.get(height as usize).copied().unwrap_or(' ')
}

/// All histograms as a table of their percentiles.
fn distributions(charts: &[&BarChart]) -> String {
    let Some(first) = charts.first() else {
        return String::new();
    };
    let names = || first.figures.iter().map(|(name, _)| *name);
    let mut text = row(std::iter::once("FIGURE").chain(names()));
    text += &row(std::iter::once("---").chain(names().map(|_| "--:")));
    for chart in charts {
        let figures = chart.figures.iter().map(|(_, words)| escaped(words));
        text += &row(std::iter::once(chart.title.to_owned()).chain(figures));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_of_a_hostile_name_has_no_markup() {
        for (name, text) in [
            ("<script>", "&lt;script&gt;"),
            ("a|b", "a&#124;b"),
            ("`x`", "\\`x\\`"),
            ("[a](http://b)", "\\[a\\](http&#58;//b)"),
            ("![a](b)", "\\!\\[a\\](b)"),
            ("@all #1", "&#64;all &#35;1"),
            ("a\n# b", "a?&#35; b"),
            ("10.0.0.9:443", "10.0.0.9:443"),
        ] {
            assert_eq!(escaped(&Words::from(name)), text);
        }
    }
}
