//! A report as one page of HTML, which needs neither a network nor a script to be read.
//!
//! All text goes through [`Words`], and is escaped where a template takes it: there is no other way into the page. The page
//! forbids everything but its own style and script.

use std::fmt::Write as _;

use maud::{DOCTYPE, Markup, PreEscaped, Render, html};

use crate::output::report::document::{
    BarChart, Cell, Document, Part, Section, Table, TableColumn, TimeChart, TimeCharts, Words,
};

pub(super) const STYLE: &str = include_str!("page.css");
pub(super) const SCRIPT: &str = include_str!("page.js");
/// The only style and script that a browser takes, by their SHA-256.
const POLICY: &str = concat!(
    "default-src 'none'; base-uri 'none'; form-action 'none'; ",
    "style-src 'sha256-9Tn1VaqQAd7GtrUgou0IISgulz8aFxTr9Nyo8pJIrPA='; ",
    "script-src 'sha256-lpJua6Jb3dht6deeWotkGnMpnzvlDqiwa1dM6s6sWwk='"
);

impl Render for Words {
    fn render_to(&self, buffer: &mut String) {
        self.plain().render_to(buffer);
    }
}

/// Writes the page.
pub(super) fn page(document: &Document) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (document.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (document.title) }
                @for section in &document.sections { (self::section(section)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn section(section: &Section) -> Markup {
    let is_bars = |part: &&Part| matches!(part, Part::Bars(_));
    let is_several = section
        .parts
        .iter()
        .filter(|p| matches!(p, Part::Table(_)))
        .count()
        > 1;
    let bars = section.parts.iter().filter(is_bars);
    html! {
        section {
            h2 { (section.title) }
            @if section.parts.iter().any(|p| is_bars(&p)) {
                div.grid { @for bars in bars { (part(bars)) } }
            }
            div.grid[is_several] {
                @for other in section.parts.iter().filter(|p| !is_bars(p)) { (part(other)) }
            }
        }
    }
}

fn part(part: &Part) -> Markup {
    match part {
        Part::Paragraph(text) => html! { p { (text) } },
        Part::Facts(facts) => html! {
            dl { @for (name, text) in facts { dt { (name) } dd { (text) } } }
        },
        Part::Timeline(charts) => timeline(charts),
        Part::Bars(chart) => bars(chart),
        Part::Table(table) => self::table(table),
    }
}

fn table(table: &Table) -> Markup {
    let class = |column: &TableColumn| column.is_number.then_some("n");
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        @for column in &table.columns {
                            th scope="col" class=[class(column)] title=[column.help] { (column.title) }
                        }
                    }
                }
                tbody {
                    @for row in &table.rows {
                        tr { @for (cell, column) in row.iter().zip(&table.columns) { (td(cell, column)) } }
                    }
                }
            }
        }
    }
}

fn td(cell: &Cell, column: &TableColumn) -> Markup {
    let class = match column {
        column if column.is_number => Some("n"),
        column if column.is_long => Some("w"),
        _ => None,
    };
    html! { td class=[class] data-n=[cell.rank] { (cell.text) } }
}

/// Width and height of a chart of time, without its margins.
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 60.0;
/// Room for the texts of the axis of values.
const LEFT: f64 = 70.0;
/// Room below for the axis of time.
const BELOW: f64 = 16.0;

fn timeline(charts: &TimeCharts) -> Markup {
    html! {
        @for chart in &charts.charts {
            figure {
                figcaption { b { (chart.title) } " " (chart.peak) }
                div.scroll { (time_chart(chart, charts)) }
            }
        }
    }
}

fn time_chart(chart: &TimeChart, charts: &TimeCharts) -> Markup {
    let shape = columns(chart.values.iter().copied(), chart.top, WIDTH, HEIGHT, 0.0);
    let class = if chart.is_bad { "bad" } else { "bar" };
    let ticks = charts
        .ticks
        .iter()
        .map(|(at, text)| (LEFT + at * WIDTH, text));
    html! {
        svg.time role="img" aria-label=(chart.title)
            viewBox={ "0 0 " (LEFT + WIDTH + 30.0) " " (8.0 + HEIGHT + BELOW) } {
            g transform="translate(0 8)" {
                path.axis d={ "M" (LEFT) " 0V" (HEIGHT) "H" (LEFT + WIDTH) "M" (LEFT - 4.0) " 0h4" } {}
                path.grid d={ "M" (LEFT) " 0.5h" (WIDTH) "M" (LEFT) " " (HEIGHT / 2.0) "h" (WIDTH) } {}
                text x=(LEFT - 6.0) y="4" text-anchor="end" { (chart.top_text) }
                text x=(LEFT - 6.0) y=(HEIGHT) text-anchor="end" { "0" }
                @for (x, text) in ticks {
                    path.axis d={ "M" (x) " " (HEIGHT) "v4" } {}
                    text x=(x) y=(HEIGHT + 15.0) text-anchor="middle" { (text) }
                }
                path class=(class) transform={ "translate(" (LEFT) " 0)" } d=(shape) {}
            }
        }
    }
}

/// Height of the bars of a histogram, and the width of the whole.
const BARS_HEIGHT: f64 = 70.0;
const BARS_WIDTH: f64 = 380.0;

fn bars(chart: &BarChart) -> Markup {
    let most = chart.bars.iter().map(|(n, _)| *n).max().unwrap_or(0);
    let values = chart.bars.iter().map(|(n, _)| *n as f64);
    let shape = columns(values, most as f64, BARS_WIDTH, BARS_HEIGHT, 1.0);
    let wide = BARS_WIDTH / chart.bars.len().max(1) as f64;
    let labels = chart.bars.iter().enumerate();
    let labels = labels.filter_map(|(i, (_, text))| Some((i as f64 * wide, text.as_ref()?)));
    html! {
        figure {
            figcaption {
                b { (chart.title) }
                @for (name, text) in &chart.figures { " " span { (name) " " (text) } }
            }
            @if most > 0 {
                svg role="img" aria-label=(chart.title)
                    viewBox={ "-2 0 " (BARS_WIDTH + 30.0) " " (BARS_HEIGHT + BELOW + 2.0) } {
                    path.axis d={ "M0 " (BARS_HEIGHT) "h" (BARS_WIDTH) } {}
                    path.bar d=(shape) {}
                    @for (x, text) in labels {
                        path.axis d={ "M" (rounded(x)) " " (BARS_HEIGHT) "v4" } {}
                        text x=(rounded(x)) y=(BARS_HEIGHT + 15.0) { (text) }
                    }
                }
            }
        }
    }
}

fn rounded(x: f64) -> f64 {
    (x * 100.0).round() / 100.0
}

/// Draws values as columns of equal width, with a gap between them: the data of a path. Values other than 0 can be seen.
fn columns(
    values: impl ExactSizeIterator<Item = f64>,
    top: f64,
    width: f64,
    height: f64,
    gap: f64,
) -> String {
    let each = width / values.len().max(1) as f64;
    let mut path = String::new();
    let visible = values
        .enumerate()
        .filter(|(_, value)| *value > 0.0 && top > 0.0);
    for (i, value) in visible {
        let (x, wide) = (rounded(i as f64 * each), rounded((each - gap).max(0.5)));
        let high = rounded((value / top * height).clamp(1.0, height));
        // writing to a string cannot fail
        let _ = write!(path, "M{x} {height}v-{high}h{wide}v{high}z");
    }
    path
}
