//! The two header lines: figures of the host, and what the screen shows.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

use crate::model::fields;
use crate::model::fields::FieldKind;
use crate::model::findings::narrow;
use crate::output::record::RecordStatus;
use crate::ui::action::{Action, Mode};
use crate::ui::app::App;
use crate::ui::keys::titles::Coverage;
use crate::ui::layout::Layout;
use crate::ui::state::known_totals::KnownSum;
use crate::ui::state::past::Watch;
use crate::ui::state::view_filter::Scope;
use crate::ui::theme::Theme;
use crate::ui::view::table::shorten;

pub fn draw(app: &App, theme: &Theme, layout: &Layout, buffer: &mut Buffer) {
    host(app, theme, layout.host, buffer);
    view_line(app, theme, layout.view_line, buffer);
    headline(app, theme, layout.headline, buffer);
}

/// Rank of each part of the two lines: where there is no room, the last of this table gives way first, and of equal ones the
/// rightmost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Something was missed or is not kept: what the screen says is incomplete.
    Incomplete,
    /// The screen does not follow the host, or a file is being written.
    Halted,
    /// How many lines there are, of which sessions.
    Shown,
    /// Something is left out because somebody has asked for that.
    LeftOut,
    /// Figures of the host that no other screen says.
    Rates,
    /// The order, the baseline, and what else explains the lines.
    Explains,
    /// The size and reach of a recording, and for how long the past can be read.
    Kept,
    /// The name of the host, which the shell's prompt has, too.
    Host,
    /// Since when talkers are summed up.
    Since,
    /// Defaults, which the help and the settings say.
    Default,
}

/// Joins the parts that fit, in their order. None is cut: a part of a number is another number.
fn fit(mut parts: Vec<(Rank, Line<'_>)>, width: u16) -> Line<'_> {
    let needed = |parts: &[(Rank, Line<'_>)]| {
        parts
            .iter()
            .map(|(_, part)| part.width() + 2)
            .sum::<usize>()
    };
    while parts.len() > 1 && needed(&parts) > usize::from(width) + 2 {
        remove_least(&mut parts, |(rank, _)| *rank);
    }
    let mut line = Line::default();
    for (_, part) in parts {
        if !line.spans.is_empty() {
            line.push_span("  ");
        }
        line.spans.extend(part.spans);
    }
    line
}

/// Removes the part with the last rank: of equal ones the rightmost.
fn remove_least<P>(parts: &mut Vec<P>, rank: impl Fn(&P) -> Rank) {
    // among equals it finds the last
    if let Some(at) = (0..parts.len()).max_by_key(|i| rank(&parts[*i])) {
        parts.remove(at);
    }
}

/// Cells for the host's name: more of it would take those of the figures.
const WIDEST_HOST: usize = 40;

fn host(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let host = app.store().host_figures(app.view_filter.pairs);
    let rates = host.rates;
    let figure = |name: &'static str, value: String| {
        Line::from(vec![Span::raw(name), Span::styled(value, theme.figure)])
    };
    let [closed, missed] = app.known_sums();
    let known = |known: KnownSum| match known.is_lower_bound {
        true => format!("≥{}", known.sum),
        false => known.sum.to_string(),
    };
    let new = format!("{}/s", short(rates.opened));
    let rate = |sign: &'static str, rate: f64| {
        let rate = fields::byte_rate(rate as u64);
        [Span::raw(sign), Span::styled(rate, theme.figure)]
    };
    let [up, down] = [rate("↑", rates.tx), rate(" ↓", rates.rx)];
    // beside a filter it would be doubtful whose figures these are
    let label = match app.view_filter.is_limited() {
        true => "host: ",
        false => "",
    };
    let mut parts = vec![
        (Rank::Shown, figure("open ", host.open.to_string())),
        (Rank::Shown, figure("closed ", known(closed))),
        (Rank::Rates, figure("new ", new)),
        (Rank::Rates, Line::from_iter(up.into_iter().chain(down))),
    ];
    if missed.sum > 0 {
        let missed = Span::styled(known(missed), theme.alarm);
        let missed = Line::from(vec![Span::raw("missed "), missed]);
        parts.insert(2, (Rank::Incomplete, missed));
    }
    if let Some(status) = &app.recording {
        let rank = match status.is_on && status.problem.is_none() {
            true => Rank::Kept,
            false => Rank::Incomplete,
        };
        parts.push((rank, recording(status, app, theme)));
    }
    if app.has_snapshot() {
        let up = fields::minutes(app.now_ns.saturating_sub(app.started_ns()));
        parts.push((Rank::Explains, figure("up ", up)));
    }
    let reach = app.reach().filter(|_| !app.is_past());
    if let Some((from_ns, to_ns)) = reach.filter(|(from, to)| to - from >= MINUTE_NS) {
        let key = app.keymap.of(Mode::Table, Action::StepInTime(-1));
        let past = figure("past ", fields::minutes(to_ns - from_ns));
        let key = [
            Span::raw(" ("),
            Span::styled(key, theme.key),
            Span::raw(")"),
        ];
        let past = Line::from_iter(past.into_iter().chain(key));
        parts.push((Rank::Kept, past));
    }
    let host = shorten(&app.host, WIDEST_HOST, FieldKind::Text);
    parts.push((Rank::Host, Line::from(Span::styled(host, theme.title))));
    let mut line = fit(parts, area.width.saturating_sub(label.width() as u16));
    line.spans.insert(0, Span::raw(label));
    line.render(area, buffer);
}

/// The recording that is written: its size, and how far back it reaches.
fn recording<'a>(recording: &RecordStatus, app: &App, theme: &Theme) -> Line<'a> {
    let size = fields::size(recording.bytes);
    let text = match app.recorded_ns() {
        _ if !recording.is_on => return Line::from(Span::styled("rec off", theme.alarm)),
        _ if recording.problem.is_some() => {
            return Line::from(Span::styled("rec paused", theme.alarm));
        }
        Some(back_ns) => format!("{size} {}", fields::minutes(back_ns)),
        None => size,
    };
    Line::from(vec![Span::raw("rec "), Span::styled(text, theme.figure)])
}

/// The finding that stands for all, after their number and the key of the screen that lists them.
fn headline(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let Some((count, sentence)) = app.findings.headline() else {
        return;
    };
    let key = app.keymap.of(Mode::Table, Action::Screen(Mode::Findings));
    let (before, after) = match count {
        1 => ("1 finding, ".to_owned(), " for more: "),
        _ => (format!("1 of {count} findings, "), " for all: "),
    };
    let used = before.width() + key.width() + after.width();
    let room = usize::from(area.width).saturating_sub(used);
    let text = shorten(&narrow(sentence, room), room, FieldKind::Text);
    let spans = [
        Span::styled(before, theme.alarm_text),
        Span::styled(key, theme.key),
        Span::styled(after, theme.alarm_text),
        Span::styled(text, theme.alarm_text),
    ];
    Line::from_iter(spans).render(area, buffer);
}

/// Looking back is worth a figure from then on.
const MINUTE_NS: u64 = 60_000_000_000;

/// Formats a rate of events, with a decimal while it is small.
pub fn short(rate: f64) -> String {
    if rate < 10.0 {
        format!("{rate:.1}")
    } else {
        format!("{rate:.0}")
    }
}

/// A part of the second line.
struct Part<'a> {
    rank: Rank,
    label: &'static str,
    text: Cow<'a, str>,
    style: Style,
    /// Minimum width in cells; `cut` shortens a longer text.
    least: usize,
    cut: fn(&str, usize) -> String,
}

impl<'a> Part<'a> {
    fn new(rank: Rank, text: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        Part {
            rank,
            label: "",
            least: text.width(),
            text,
            style: Style::default(),
            cut: the_start_of,
        }
    }

    fn whole(&self) -> usize {
        self.label.len() + self.text.width()
    }

    fn styled(self, style: Style) -> Self {
        Part { style, ..self }
    }

    /// A long text that is still useful when cut.
    fn elastic(self, label: &'static str, cut: fn(&str, usize) -> String) -> Self {
        const MUCH: usize = 16;
        let least = label.len() + self.text.width().min(MUCH);
        Part {
            label,
            least,
            cut,
            ..self
        }
    }
}

fn view_line(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let mut parts = view_parts(app, theme, true);
    // nothing that matters gives way to the hint
    let important = parts.iter().filter(|p| p.rank < Rank::Since);
    if important.map(|p| p.whole() + 2).sum::<usize>() > width + 2 {
        parts = view_parts(app, theme, false);
    }
    // nothing is cut to make room for these
    let needed = |parts: &[Part<'_>]| {
        let uncut = parts.iter().any(|p| p.rank >= Rank::Since);
        let cells = |p: &Part<'_>| if uncut { p.whole() } else { p.least };
        parts.iter().map(|p| cells(p) + 2).sum::<usize>()
    };
    while parts.len() > 1 && needed(&parts) > width + 2 {
        remove_least(&mut parts, |part| part.rank);
    }
    let least: usize = parts.iter().map(|p| p.least + 2).sum();
    let mut spare = (width + 2).saturating_sub(least);
    let mut line = Line::default();
    for part in parts {
        let given = part.whole().saturating_sub(part.least).min(spare);
        spare -= given;
        if !line.spans.is_empty() {
            line.push_span("  ");
        }
        line.push_span(part.label);
        let room = part.least + given - part.label.len();
        line.push_span(Span::styled((part.cut)(&part.text, room), part.style));
    }
    line.style(theme.quiet).render(area, buffer);
}

/// All parts of the second line, in screen order; with `hint`, the key that resumes a paused display is named.
fn view_parts<'a>(app: &'a App, theme: &Theme, hint: bool) -> Vec<Part<'a>> {
    let scope = match app.view_filter.scope {
        Scope::All => "all",
        Scope::Open => "open",
        Scope::Closed => "closed",
    };
    let export = app.export_percent().map(|n| format!(" EXPORT {n} % "));
    let frozen = app.waiting().map(|n| match hint {
        false => format!(" PAUSED, {n} new "),
        true => {
            let key = app.keymap.of(Mode::Table, Action::Freeze);
            format!(" PAUSED, {n} new ({key} resumes) ")
        }
    });
    let (black_box, watched) = black_box(app);
    let alarms = [export, frozen, black_box].into_iter().flatten();
    let alarms = alarms.map(|text| Part::new(Rank::Halted, text).styled(theme.alarm));
    let (at, all) = (app.position(), app.row_count());
    let working = if app.is_working() { "…" } else { "" };
    let position = format!("{at}/{all}{working} {scope}");
    let baseline = app.baseline.as_ref().map(|_| {
        let text = format!("baseline {}", app.time(app.baseline_set));
        Part::new(Rank::Explains, text)
    });
    let own = app.view_filter.self_traffic.header_text();
    let family = app.view_filter.family.map(|f| f.name());
    let (title, _) = app.layers.present();
    let label = match title.covers {
        Some(Coverage::Host) => "filter (not here): ",
        _ => "filter: ",
    };
    let filter = (!app.view_filter.filter.is_everything()).then(|| {
        Part::new(Rank::LeftOut, app.view_filter.filter.source())
            .styled(theme.figure)
            .elastic(label, both_ends_of)
    });
    let (title, is_descending) = app.shown_order();
    let arrow = if is_descending { "↓" } else { "↑" };
    let is_pane = app.pane_with_keys().is_some();
    let order = match app.is_following() && app.layers.screen().is_none() {
        _ if is_pane => Cow::from(format!("talkers: {title} {arrow}")),
        true => Cow::from("following the newest"),
        false => format!("sort: {} {arrow}", title.to_lowercase()).into(),
    };
    // the bytes of a session count since it began
    let since_ns = Some(app.panes().talkers().first_ns()).filter(|ns| is_pane && *ns > 0);
    let totals = since_ns.map(|ns| format!("totals since {}", app.time_at(ns)));
    let both = family.is_none().then_some("IPv4+IPv6");
    let interval = app.interval.header_text();
    let captured = captured(app).map(|text| {
        let part = Part::new(Rank::LeftOut, text);
        part.elastic("capture: ", the_start_of)
    });
    let mut parts: Vec<Part<'_>> = alarms.collect();
    parts.push(Part::new(Rank::Shown, position));
    let evicted = app.store().closed_numbers().start;
    if evicted > 0 {
        // their number would be one of ends, beside one of lines
        parts.push(Part::new(Rank::Incomplete, "older ones evicted"));
    }
    parts.extend(baseline);
    parts.extend(watched.map(|text| Part::new(Rank::Explains, text)));
    parts.extend(own.map(|text| Part::new(Rank::Explains, text)));
    parts.extend(family.map(|text| Part::new(Rank::LeftOut, text)));
    if !app.view_filter.pairs {
        parts.push(Part::new(Rank::LeftOut, "each end counts"));
    }
    parts.extend(filter);
    parts.extend(both.map(|text| Part::new(Rank::Default, text)));
    parts.push(Part::new(Rank::Explains, order));
    parts.extend(totals.map(|text| Part::new(Rank::Since, text)));
    parts.extend(captured);
    if let Some(speed) = app.replay_speed {
        let text = format!("speed {speed}");
        parts.push(Part::new(Rank::Explains, text));
    }
    let rank = match app.interval.stretched {
        Some(_) => Rank::LeftOut,
        None => Rank::Default,
    };
    parts.extend(interval.map(|text| Part::new(rank, text)));
    parts
}

/// When the black box was or will be frozen, and the condition that it waits for.
fn black_box(app: &App) -> (Option<String>, Option<String>) {
    let past = &app.past;
    let time = |at_ns| app.time_at(at_ns);
    let watch = past.watch.as_ref();
    let met = watch.and_then(Watch::freezes_at);
    match (past.black_box.reach(), met) {
        (Some((from_ns, to_ns)), _) if past.black_box.is_frozen => {
            let key = app.keymap.of(Mode::Table, Action::FreezeOn);
            let (from, to) = (time(from_ns), time(to_ns));
            let text = format!(" frozen: {from} to {to} ({key} thaws) ");
            (Some(text), None)
        }
        (_, Some(at_ns)) => (Some(format!(" freezes at {} ", time(at_ns))), None),
        _ => (None, watch.map(|watch| format!("freezes on {}", watch.on))),
    }
}

/// The start of a text, in `room` cells.
fn the_start_of(text: &str, room: usize) -> String {
    shorten(text, room, FieldKind::Text)
}

/// Both ends of a text, in `room` cells: how a filter begins, and what was added last.
fn both_ends_of(text: &str, room: usize) -> String {
    shorten(text, room, FieldKind::Addr)
}

/// The capture filter, if there is one, and the part of it that the kernel evaluates.
fn captured(app: &App) -> Option<String> {
    let filter = &app.capture_filter;
    let kernel = app.capture.intersection(&filter.capture());
    if filter.is_everything() {
        return (!kernel.is_everything()).then(|| kernel.to_string());
    }
    let decides_all = app.capture.is_everything() && filter.is_decided_by_capture();
    Some(if kernel.is_everything() || decides_all {
        filter.source().to_owned()
    } else {
        format!("{} [kernel: {kernel}]", filter.source())
    })
}
