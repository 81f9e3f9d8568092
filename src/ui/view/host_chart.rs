//! The chart of this host over the last minutes: bytes sent and received, sessions opened, closed and failed per second.

use std::ops::RangeInclusive;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use crate::model::fields;
use crate::ui::layout::charts::{TimeAxis, bars_up_to, value_axis};
use crate::ui::state::host_history::HostHistory;
use crate::ui::state::session_history::{CHART_S, ChartHistory};
use crate::ui::theme::Theme;
use crate::ui::view::header::short;

/// Width of the value axis.
const AXIS: u16 = 16;
/// Seconds that it shows: at first not so few that it moves with each second.
const LENGTH_S: RangeInclusive<u64> = 120..=CHART_S as u64;
/// Minimum width for bytes and sessions side by side.
const WIDE: u16 = 60;

/// One figure of the chart.
struct Series<'a> {
    name: &'static str,
    history: &'a ChartHistory,
    text: fn(f32) -> String,
    style: Style,
}

/// Draws the chart, which ends at the moment of that name; `is_selected`: it has the keyboard, and all the room.
pub fn draw(
    (history, end): (&HostHistory, &str),
    is_selected: bool,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let bytes = |rate: f32| fields::byte_rate(rate.round() as u64);
    let count = |rate: f32| format!("{}/s", short(rate.into()));
    let series = |name, history, text, style| Series {
        name,
        history,
        text,
        style,
    };
    let all = [
        series("↑", &history.tx, bytes as fn(f32) -> String, theme.quiet),
        series("↓", &history.rx, bytes, theme.quiet),
        series("opened", &history.opened, count, theme.quiet),
        series("closed", &history.closed, count, theme.quiet),
        series("failed", &history.failed, count, theme.warning),
    ];
    let mut lines = area.rows();
    let Some(heading) = lines.next() else { return };
    title(&all, history, is_selected, theme, heading, buffer);
    let below = Rect {
        y: area.y + 1,
        height: area.height - 1,
        ..area
    };
    if is_selected || area.width < WIDE {
        stacked(&all, (history, end), theme, below, buffer);
    } else {
        let width = (area.width - 1) / 2;
        let [bytes, sessions] = [0, width + 1].map(|x| Rect {
            x: area.x + x,
            width,
            ..below
        });
        stacked(&all[..2], (history, end), theme, bytes, buffer);
        stacked(&all[2..], (history, end), theme, sessions, buffer);
    }
}

/// The heading, with the figures of the last second as far as they fit.
fn title(
    all: &[Series<'_>],
    history: &HostHistory,
    is_selected: bool,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let (mark, style) = match is_selected {
        true => ("▸", theme.heading_sorted),
        false => (" ", theme.heading),
    };
    let mut text = format!("{mark}HOST");
    let last = (history.now_ns / 1_000_000_000).saturating_sub(1);
    for series in all {
        let now = (series.text)(series.history.at(last));
        let figure = format!("  {} {now}", series.name);
        if text.width() + figure.width() > area.width.into() {
            break;
        }
        text += &figure;
    }
    let text = format!("{text:<0$}", usize::from(area.width));
    buffer.set_stringn(area.x, area.y, text, area.width.into(), style);
}

/// Figures below each other, above one time axis.
fn stacked(
    all: &[Series<'_>],
    (history, end): (&HostHistory, &str),
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let Some(cells) = area.width.checked_sub(AXIS).filter(|cells| *cells > 0) else {
        return;
    };
    let axis = TimeAxis::new(history.since_ns, history.now_ns, cells.into(), LENGTH_S);
    let mut y = area.y;
    let mut put = |y: u16, left: &str, right: &str, style: Style| {
        buffer.set_stringn(area.x, y, left, AXIS.into(), theme.key);
        buffer.set_stringn(area.x + AXIS, y, right, cells.into(), style);
    };
    let room = usize::from(area.height.saturating_sub(1));
    let shown = all.len().min(room);
    for (i, series) in all.iter().take(shown).enumerate() {
        // the first ones get the lines that remain
        let lines = room / shown + usize::from(i < room % shown);
        let values = axis.values(series.history);
        let most = axis.greatest(series.history);
        let left = value_axis(series.name, &(series.text)(most), lines, AXIS.into());
        for (left, bars) in left.iter().zip(bars_up_to(most, &values, lines)) {
            put(y, left, &bars, series.style);
            y += 1;
        }
    }
    if y < area.bottom() {
        let line = axis.line("started", end);
        put(y, &format!("{:>1$}", "└", AXIS.into()), &line, theme.quiet);
    }
}
