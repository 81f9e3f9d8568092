//! The distributions screen: the chart of the host, six histograms, and a description of the selected bar.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use crate::model::histogram::{Histogram, Level};
use crate::model::measures::MEASURES;
use crate::model::store::Store;
use crate::model::{fields, histogram};
use crate::ui::app::App;
use crate::ui::layout::charts::bars;
use crate::ui::layout::distributions::{HOST, areas, buckets};
use crate::ui::state::distributions::Distributions;
use crate::ui::theme::Theme;
use crate::ui::view::host_chart;

pub fn draw(shown: &Distributions, app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let areas = areas(area, shown.selected);
    let is_host = shown.selected == HOST;
    let end = app.names.times.now_text();
    let history = (app.host_history(), end.as_str());
    host_chart::draw(history, is_host, theme, areas[HOST], buffer);
    if is_host && area.height > 0 {
        let text = "without self traffic, such as your ssh session; Tab goes to the histograms";
        buffer.set_stringn(
            area.x,
            area.bottom() - 1,
            text,
            area.width.into(),
            theme.quiet,
        );
    }
    for (which, part) in areas.into_iter().enumerate().take(HOST) {
        if part.height > 0 {
            let histogram = shown.histogram(which);
            chart(shown, which, &histogram, theme, part, buffer);
            if which == shown.selected && area.height > 0 {
                let text = summary_text(shown, &histogram, part.width, app.store());
                let width = area.width.into();
                buffer.set_stringn(area.x, area.bottom() - 1, text, width, theme.quiet);
            }
        }
    }
}

/// One histogram: its figures, its bars, and the axis below them.
fn chart(
    shown: &Distributions,
    which: usize,
    histogram: &Histogram,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let has_keyboard = shown.selected == which;
    let width = usize::from(area.width);
    let mut put = |x: usize, y: u16, text: &str, style: Style| {
        if y < area.bottom() && x < width {
            buffer.set_stringn(area.x + x as u16, y, text, width - x, style);
        }
    };
    let style = if has_keyboard {
        theme.heading_sorted
    } else {
        theme.heading
    };
    let mark = if has_keyboard { "▸" } else { " " };
    let title = format!("{mark}{}", MEASURES[which].title);
    let max = histogram
        .max()
        .map_or(String::new(), |max| text(which, max));
    let sessions = histogram.count();
    let figures = [
        format!("{}  max {max}", fields::number(sessions, "session")),
        format!("{sessions}  max {max}"),
    ];
    let room = width.saturating_sub(title.width() + 1);
    let figures = figures
        .iter()
        .find(|f| f.width() <= room && !max.is_empty());
    let figures = figures.map_or("", String::as_str);
    let gap = width.saturating_sub(title.width() + figures.width());
    put(
        0,
        area.y,
        &format!("{title}{}{figures}", " ".repeat(gap)),
        style,
    );
    let percentiles = percentiles(which, histogram, width);
    if percentiles.is_empty() {
        put(0, area.y + 1, " no session has a value", theme.quiet);
        return;
    }
    put(0, area.y + 1, &percentiles, theme.figure);

    let buckets = buckets(histogram, area.width);
    let selected = shown.bucket(which, &buckets);
    let cells = (width / buckets.len().max(1)).clamp(1, 8);
    let lines = area.height.saturating_sub(4);
    let counts: Vec<f32> = buckets.iter().map(|b| b.count as f32).collect();
    for (line, y) in bars(&counts, lines.into()).iter().zip(area.y + 2..) {
        for (i, bar) in line.chars().enumerate() {
            // bars that are wide enough get a gap
            let bar = bar
                .to_string()
                .repeat(if cells > 2 { cells - 1 } else { cells });
            let is_selected = has_keyboard && i == selected;
            let style = if is_selected { theme.key } else { theme.closed };
            put(i * cells, y, &bar, style);
        }
    }

    let (ruler, labels) = (area.y + 2 + lines, area.y + 3 + lines);
    let scale = histogram.scale();
    let end = buckets.last().and_then(|b| b.to);
    let ends = end.map(|end| (end, Level::Decade));
    let starts = buckets.iter().map(|b| (b.from, b.level));
    let borders: Vec<_> = starts.chain(ends).enumerate().collect();
    for (i, (_, level)) in borders.iter().take(buckets.len()) {
        let tick = if *level == Level::Decade {
            "┴"
        } else {
            "─"
        };
        let line = format!("{tick}{}", "─".repeat(cells - 1));
        put(i * cells, ruler, &line, theme.quiet);
    }
    // the decades first, then the labels that fit between them
    let mut used: Vec<Range<usize>> = Vec::new();
    for level in [Level::Decade, Level::Coarse] {
        for (i, (border, _)) in borders.iter().filter(|(_, b)| b.1 == level) {
            let label = scale.label(*border);
            let at = i * cells..i * cells + label.width();
            let is_free = |other: &Range<usize>| at.end < other.start || other.end < at.start;
            if at.end <= width && used.iter().all(is_free) {
                put(at.start, labels, &label, theme.quiet);
                used.push(at);
            }
        }
    }
    if has_keyboard {
        let middle = if cells > 2 { (cells - 1) / 2 } else { 0 };
        put(selected * cells + middle, ruler, "▲", theme.key);
    }
}

/// As many percentiles as fit.
fn percentiles(which: usize, histogram: &Histogram, width: usize) -> String {
    let named: [(&[_], usize); 3] = [
        (
            &[
                (0.5, "p50"),
                (0.75, "p75"),
                (0.9, "p90"),
                (0.99, "p99"),
                (0.999, "p99.9"),
            ],
            11,
        ),
        (&[(0.5, "p50"), (0.9, "p90"), (0.99, "p99")], 10),
        (&[(0.5, "p50"), (0.99, "p99")], 10),
    ];
    let lines = named.map(|(named, cells)| {
        let values = named.iter().filter_map(|(part, name)| {
            let value = text(which, histogram.percentile(*part)?);
            Some(format!(" {:cells$}", format!("{name} {value}")))
        });
        values.collect::<String>()
    });
    let fits = |line: &&String| line.trim_end().width() <= width;
    lines.iter().find(fits).cloned().unwrap_or_default()
}

/// Description of the selected bar and of the screen.
fn summary_text(shown: &Distributions, histogram: &Histogram, width: u16, store: &Store) -> String {
    let buckets = buckets(histogram, width);
    let at = shown.bucket(shown.selected, &buckets);
    let mut parts = Vec::new();
    if let Some(bucket) = buckets.get(at) {
        let scale = histogram.scale();
        let from = scale.label(bucket.from);
        let range = match bucket.to {
            Some(to) => format!("{from} to {}", scale.label(to)),
            None => format!("{from} or more"),
        };
        let below: u64 = buckets[..at].iter().map(|b| b.count).sum();
        let above = histogram.count() - below - bucket.count;
        parts.push(format!(
            "▲ {range}: {} ({}), {} below, {} above",
            bucket.count,
            percent(bucket.count, histogram.count()),
            percent(below, histogram.count()),
            percent(above, histogram.count())
        ));
    }
    parts.push(format!("p50…p99 {}", histogram::ERROR));
    let evicted = store.closed_numbers().start;
    if evicted > 0 {
        parts.push(format!("{evicted} evicted"));
    }
    parts.join("; ")
}

fn percent(part: u64, all: u64) -> String {
    match part as f64 * 100.0 / all.max(1) as f64 {
        0.0 => "0%".into(),
        ..1.0 => "<1%".into(),
        n if part < all => format!("{:.0}%", n.min(99.0)),
        _ => "100%".into(),
    }
}

/// Formats a value of a measure.
fn text(which: usize, value: u64) -> String {
    match MEASURES[which].word {
        "bytes" => fields::size(value),
        _ => fields::micros(value),
    }
}
