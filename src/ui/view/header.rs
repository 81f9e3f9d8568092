//! The two lines at the top: the host in numbers, and what is being looked at.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Layout;
use crate::fields;
use crate::ui::app::App;
use crate::ui::choice::Scope;
use crate::ui::theme::Theme;

pub(super) fn draw(app: &App, theme: &Theme, layout: &Layout, buffer: &mut Buffer) {
    host(app, theme, layout.host, buffer);
    looking_at(app, theme, layout.looking_at, buffer);
}

/// Parts of a line, the important ones first: as many as fit, the last of them cut if much of it fits.
fn fit(parts: Vec<Vec<Span<'_>>>, width: u16) -> Line<'_> {
    const MUCH: usize = 12;
    let mut line = Line::default();
    for part in parts {
        let part = Line::from(part);
        let room = usize::from(width).saturating_sub(line.width() + 2);
        if part.width() > room && room < MUCH && !line.spans.is_empty() {
            break;
        }
        if !line.spans.is_empty() {
            line.push_span("  ");
        }
        line.spans.extend(part.spans);
    }
    line
}

fn host(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let totals = app.store().totals();
    let figure = |name: &'static str, value: String| {
        vec![Span::raw(name), Span::styled(value, theme.figure)]
    };
    let lost = if totals.lost == 0 {
        theme.figure
    } else {
        theme.alarm
    };
    let parts = vec![
        vec![Span::styled("tcplife", theme.title)],
        figure("open ", app.store().open_count().to_string()),
        figure("finished ", totals.finished.to_string()),
        vec![
            Span::raw("lost "),
            Span::styled(totals.lost.to_string(), lost),
        ],
        figure("", format!("{}/s", short(totals.finished_rate))),
        figure("", format!("{}B/s", fields::bytes(totals.byte_rate as u64))),
        figure("up ", uptime(app.uptime_s())),
        vec![Span::raw(app.host.as_str())],
    ];
    fit(parts, area.width).render(area, buffer);
}

/// How long it has run, in steps that grow with it: a clock that ticked each second would be all that is ever sent to the
/// terminal of a quiet host.
fn uptime(seconds: u64) -> String {
    match seconds {
        0..10 => format!("{seconds}s"),
        10..60 => format!("{}s", seconds / 10 * 10),
        60..3600 => format!("{}m", seconds / 60),
        _ => fields::micros(seconds * 1_000_000),
    }
}

/// A rate of events: a decimal while it is small.
fn short(rate: f64) -> String {
    if rate < 10.0 {
        format!("{rate:.1}")
    } else {
        format!("{rate:.0}")
    }
}

fn looking_at(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let scope = match app.choice.scope {
        Scope::All => "all",
        Scope::Open => "open",
        Scope::Finished => "finished",
    };
    let order = app.sort.field.column.map_or("", |c| c.title);
    let frozen = app
        .waiting()
        .map(|n| vec![Span::styled(format!(" FROZEN, {n} waiting "), theme.alarm)]);
    let export = app
        .export_percent()
        .map(|n| vec![Span::styled(format!(" EXPORT {n} % "), theme.alarm)]);
    let position = format!(
        "{}/{}{} {scope}",
        app.position(),
        app.row_count(),
        if app.is_working() { "…" } else { "" }
    );
    let order = if app.is_following() {
        "following the newest".into()
    } else {
        format!(
            "by {order}{}",
            if app.sort.inverted { " inverted" } else { "" }
        )
    };
    let own = app.choice.own.said().map(|text| vec![Span::raw(text)]);
    let family = app.choice.family.map(|f| vec![Span::raw(f.name())]);
    let marked = app.mark.as_ref().map(|mark| {
        let ago = fields::seconds(mark.ago_ns());
        vec![Span::raw(format!("marked {ago} ago"))]
    });
    let position = Some(vec![Span::raw(position)]);
    let before: Vec<_> = [export, frozen, position, marked, own, family]
        .into_iter()
        .flatten()
        .collect();
    let used: usize = before.iter().flatten().map(|s| s.width() + 2).sum();
    let filter = (!app.choice.filter.is_everything()).then(|| {
        const LABEL: &str = "filter: ";
        let room = usize::from(area.width).saturating_sub(used + LABEL.len());
        let text = the_end_of(app.choice.filter.source(), room);
        vec![Span::raw(LABEL), Span::styled(text, theme.figure)]
    });
    // a key's effect has to be seen
    let pace = app.pace.said().map(|text| vec![Span::raw(text)]);
    let both = app.choice.family.is_none();
    let after = [
        filter,
        both.then(|| vec![Span::raw("IPv4+IPv6")]),
        Some(vec![Span::raw(order)]),
        pace.clone().filter(|_| app.pace.is_chosen()),
        app.names.said().map(|text| vec![Span::raw(text)]),
        captured(app).map(|text| vec![Span::raw(text)]),
        app.look
            .is_turned
            .then(|| vec![Span::raw(format!("theme {}", app.look.theme.name))]),
        pace.filter(|_| !app.pace.is_chosen()),
    ];
    let parts = before.into_iter().chain(after.into_iter().flatten());
    fit(parts.collect(), area.width)
        .style(theme.quiet)
        .render(area, buffer);
}

/// A text in that many cells; if it is too long its end, which is what was added last.
fn the_end_of(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let mut used = 1;
    let fitting = text.char_indices().rev().take_while(|(_, c)| {
        used += c.width().unwrap_or(0);
        used <= room
    });
    let start = fitting.last().map_or(text.len(), |(at, _)| at);
    format!("…{}", &text[start..])
}

/// What is captured at all, and what of that the kernel decides.
fn captured(app: &App) -> Option<String> {
    let kernel = app.capture.intersection(&app.capture_filter.capture());
    match (kernel.is_everything(), app.capture_filter.is_everything()) {
        (true, true) => None,
        (false, true) => Some(format!("captured: {kernel}")),
        (_, false) => Some(format!(
            "captured: {} [kernel: {kernel}]",
            app.capture_filter.source()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uptime_steps_no_faster_than_it_matters() {
        let said = [0, 9, 10, 19, 59, 60, 119, 3599, 3600, 90_000].map(uptime);
        let want = [
            "0s", "9s", "10s", "10s", "50s", "1m", "1m", "59m", "1h00m", "1d01h",
        ];
        assert_eq!(said, want);
    }
}
