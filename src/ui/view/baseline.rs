//! The comparison screen: sums of all sessions, then differences since the baseline, the worst first.

use std::collections::BTreeSet;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use crate::model::aggregate::GroupKey;
use crate::model::baseline::key::{BaselineKey, Link};
use crate::model::baseline::{Baseline, BaselineFigure, Difference, DifferenceKind, EARLY_NS};
use crate::model::fields;
use crate::model::fields::FieldKind;
use crate::model::session::Reason;
use crate::text::units::S;
use crate::text::wrap::words_in;
use crate::ui::action::{Action, Mode};
use crate::ui::app::App;
use crate::ui::layout::list_area;
use crate::ui::state::baseline::{Comparison, KINDS};
use crate::ui::theme::Theme;
use crate::ui::view::out_of_sight;
use crate::ui::view::table::shorten;

/// Cells of a row label and of a figure in the sums.
const LABEL: usize = 11;
const CELL: usize = 9;
/// Maximum number of other keys, or of ports, that a line names.
const MOST_NAMED: usize = 8;
/// Figures of the sums, in screen order. Not those of answers: a mean of all services tells the share of each, not how fast they are.
const OVERALL: [BaselineFigure; 7] = [
    BaselineFigure::New,
    BaselineFigure::Bytes,
    BaselineFigure::Failed,
    BaselineFigure::Connect,
    BaselineFigure::Rtt,
    BaselineFigure::Lossy,
    BaselineFigure::Duration,
];

pub fn draw(shown: &Comparison, app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let Some(baseline) = &app.baseline else {
        return none_set(app, theme, area, buffer);
    };
    let places = list_area::baseline(area);
    let mut lines = area.rows();
    let mut line = |buffer: &mut Buffer, text: &str, style: Style| {
        if let Some(line) = lines.next() {
            buffer.set_style(line, style);
            buffer.set_stringn(line.x, line.y, text, line.width.into(), style);
        }
    };
    let width = usize::from(area.width);
    for (i, (text, style)) in overall(baseline, app, width)
        .into_iter()
        .zip([theme.heading, theme.closed, theme.figure])
        .enumerate()
    {
        // on a low screen the differences are worth more than the sums
        if i == 0 || places.count(area) > 0 {
            line(buffer, &text, style);
        }
    }
    let rows = || shown.rows().take(places.count(area));
    let widths = widths(
        width,
        |room| {
            let also =
                rows().map(|(difference, _)| also(difference, is_deserted(difference, app), room));
            also.map(|text| text.width()).max().unwrap_or(0)
        },
        || {
            let keys = rows().map(|(difference, _)| key_text(difference).width());
            keys.max().unwrap_or(0)
        },
    );
    let heading = cells(
        ["", "WHO", "FIGURE", "BEFORE", "SINCE", "CHANGE", "ALSO"],
        widths,
    );
    line(buffer, &heading, theme.heading);
    for (difference, selected) in rows() {
        let style = match (selected, difference.finding) {
            (true, _) => theme.selected,
            (false, _) if difference.has_ended() => theme.quiet,
            (false, DifferenceKind::Worse(BaselineFigure::Failed)) => theme.alarm_text,
            (false, DifferenceKind::Worse(_)) => theme.warning,
            (false, DifferenceKind::Quiet) => theme.quiet,
            (false, _) => theme.closed,
        };
        let text = difference_text(difference, is_deserted(difference, app), widths);
        line(buffer, &text, style);
    }
    if area.height > places.above {
        if let Some(texts) = incomparable(baseline, app) {
            for (text, line) in texts.iter().zip(area.rows().skip(places.above.into())) {
                buffer.set_stringn(line.x, line.y, text, line.width.into(), theme.quiet);
            }
            return;
        }
        let text = summary(shown, baseline, app.view_filter.self_traffic.known() > 0);
        let (y, width) = (area.bottom() - 1, area.width.into());
        let hidden = shown.list.hidden(places.count(area));
        let text = out_of_sight::marked(&text, hidden, width);
        buffer.set_stringn(area.x, y, text, width, theme.quiet);
        let room = usize::from(places.below) - 1;
        let remark = shown.selected().map(|difference| {
            let text = remark(difference, is_deserted(difference, app));
            words_in(&text, width, room)
        });
        let y = y - room as u16;
        for (text, y) in remark.unwrap_or_default().iter().zip(y..) {
            let text = shorten(text, width, FieldKind::Text);
            buffer.set_stringn(area.x, y, text, width, theme.base);
        }
        if let Some(text) = meaning_of_since(shown, baseline)
            && shown.rows().count() < places.count(area)
        {
            buffer.set_stringn(area.x, y - 1, text, width, theme.quiet);
        }
        if shown.counts == [0; KINDS] && area.height > places.above + 5 {
            let reasons = [
                "Nothing is worse, gone, fewer, new or grown so far.",
                "A time is worse if 1.5 times as long and 1 ms longer (CONNECT: 0.25 ms), with",
                "10 sessions or answers on each side; a rate or a loss if it has doubled.",
                "Changes that may be chance do not count.",
            ];
            for (text, y) in reasons.into_iter().zip(area.y + places.above + 1..) {
                buffer.set_stringn(area.x, y, text, width, theme.quiet);
            }
        }
    }
}

/// Says what the figures since the baseline are means of, where one may be taken for that of now, or that what is new may only be
/// rare.
fn meaning_of_since(shown: &Comparison, baseline: &Baseline) -> Option<String> {
    let has = |figures: &[BaselineFigure]| {
        let mut rows = shown.rows();
        rows.any(|(line, _)| {
            figures
                .iter()
                .any(|f| line.finding == DifferenceKind::Worse(*f))
        })
    };
    let times = [BaselineFigure::Connect, BaselineFigure::Rtt];
    let answers = [BaselineFigure::Response, BaselineFigure::OurResponse];
    let has_new = shown
        .rows()
        .any(|(line, _)| line.finding == DifferenceKind::New);
    if has_new && baseline.is_before_short() {
        return Some(format!(
            "Only {} before the baseline are known: what comes less often looks new.",
            fields::seconds(baseline.before_ns())
        ));
    }
    let has_failures = has(&[BaselineFigure::Failed]);
    let has_ended = shown.ended[0] > 0;
    let text = match (has(&times), has(&answers), has_failures) {
        (false, false, false) => return None,
        (true, false, false) => {
            "SINCE is the mean since the baseline; what became slow later is slower now."
        }
        (false, true, false) => {
            "SINCE: RESP is that of the last seconds, or the mean since if that is more."
        }
        (false, false, true) if has_ended => {
            "SINCE: FAILED/s is the mean from the first failure on, to the last if ended."
        }
        (false, false, true) => {
            "SINCE: FAILED/s is the mean since the first failure, not since the baseline."
        }
        (true, true, false) => {
            "SINCE: RESP of the last seconds, or the mean if more; other times are means."
        }
        (true, false, true) => {
            "SINCE: FAILED/s is the mean since the first failure, times since the baseline."
        }
        (_, true, true) => {
            "SINCE: RESP of the last seconds, or mean if more; FAILED/s from the first on."
        }
    };
    Some(text.to_owned())
}

/// Says how to set a baseline where there is none.
fn none_set(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let key = app.keymap.of(Mode::Baseline, Action::Baseline);
    let how = match app.is_at_end() {
        true => app.earlier_baseline(),
        false => format!("{key} sets one: before a deploy, a failover, a change of configuration."),
    };
    let lines = [
        "No baseline is set.".to_owned(),
        how,
        "From then on this screen shows which programs fail or are slower, and with whom,"
            .to_owned(),
        "and what is gone or new, the worst first.".to_owned(),
    ];
    for (text, line) in lines.iter().zip(area.rows()) {
        buffer.set_stringn(line.x, line.y, text, line.width.into(), theme.quiet);
    }
}

/// Says why differences are not listed; `None`: they are.
fn incomparable(baseline: &Baseline, app: &App) -> Option<Vec<String>> {
    let seconds = |ns: u64| ns / S;
    if baseline.is_before_too_short() {
        let before = fields::seconds(baseline.before_ns());
        return Some(vec![
            format!(
                "Only {before} before the baseline are kept: newer sessions have evicted the rest."
            ),
            format!(
                "That is too little to compare with. `--keep` keeps more; {} s are enough.",
                seconds(EARLY_NS)
            ),
        ]);
    }
    let too_early = || {
        format!(
            "Too early: {} s since the baseline; differences show after {} s",
            seconds(baseline.ago_ns()),
            seconds(EARLY_NS)
        )
    };
    let follows = app.is_at_end().then(|| app.earlier_baseline());
    let is_too_early = baseline.is_too_early();
    is_too_early.then(|| std::iter::once(too_early()).chain(follows).collect())
}

/// Sums of all sessions: headings, before, since.
fn overall(baseline: &Baseline, app: &App, width: usize) -> [String; 3] {
    let mut texts = [
        format!("{:LABEL$}", "ALL, means"),
        format!(
            "{:LABEL$}",
            format!("before {}", fields::seconds(baseline.before_ns()))
        ),
        format!(
            "{:LABEL$}",
            format!("since {}", fields::seconds(baseline.ago_ns()))
        ),
    ];
    let fitting = width.saturating_sub(LABEL) / CELL;
    for figure in OVERALL.into_iter().take(fitting) {
        let (before, since) = baseline.overall(figure, app.panes().all());
        let cells = [
            figure.title().to_owned(),
            figure.text(before),
            figure.text(since),
        ];
        for (text, cell) in texts.iter_mut().zip(cells) {
            *text += &format!("{cell:>CELL$}");
        }
    }
    texts
}

/// Text of one difference.
fn difference_text(difference: &Difference, is_deserted: bool, widths: [usize; 7]) -> String {
    let (before, since) = (difference.before, difference.since);
    let count = |n: Option<f64>| n.map_or("-".into(), |n| fields::bytes(n as u64));
    let what = match difference.finding {
        DifferenceKind::Worse(_) => "worse",
        DifferenceKind::Gone => "gone",
        DifferenceKind::Quiet => "quiet",
        DifferenceKind::FewerOpen | DifferenceKind::NoneKept | DifferenceKind::FewerNew => "fewer",
        DifferenceKind::New => "new",
        DifferenceKind::Grown(_) => "grown",
    };
    let (figure, before, since) = match (difference.figure(), difference.finding) {
        (Some(figure), _) => (figure.title(), figure.text(before), figure.text(since)),
        (None, DifferenceKind::New) => ("sessions", "-".into(), count(since)),
        (None, DifferenceKind::NoneKept) => ("kept", count(before), count(since)),
        (None, _) => ("open", count(before), count(since)),
    };
    let times = match difference.finding {
        DifferenceKind::Worse(_) | DifferenceKind::Grown(_) => times(difference.ratio()),
        DifferenceKind::FewerOpen | DifferenceKind::FewerNew => times(difference.ratio()),
        DifferenceKind::Gone
        | DifferenceKind::Quiet
        | DifferenceKind::NoneKept
        | DifferenceKind::New => String::new(),
    };
    let also = also(difference, is_deserted, widths[6]);
    let name = name(difference, widths[1]);
    cells(
        [what, &name, figure, &before, &since, &times, &also],
        widths,
    )
}

/// The line of a difference, uncut.
fn remark(difference: &Difference, is_deserted: bool) -> String {
    let all = usize::MAX;
    let name = name(difference, all);
    let count = |n: Option<f64>| fields::number(n.unwrap_or(0.0) as u64, "session");
    let change = match (difference.figure(), difference.finding) {
        (Some(figure), _) => {
            let [before, since] = [difference.before, difference.since].map(|n| figure.text(n));
            let times = match times(difference.ratio()).as_str() {
                "" => String::new(),
                times => format!(" ({times})"),
            };
            format!("{} {before} → {since}{times}", figure.title())
        }
        (None, DifferenceKind::New) => format!("{}, none before", count(difference.since)),
        (None, DifferenceKind::NoneKept) => {
            format!("{} kept open before, none now", count(difference.before))
        }
        (None, kind) => {
            let now = match difference.since {
                None if kind.is_silent() => "none".to_owned(),
                None => "none now".to_owned(),
                Some(n) => format!("{} now", fields::bytes(n as u64)),
            };
            format!("{} open before, {now}", count(difference.before))
        }
    };
    let also = match also(difference, is_deserted, all).as_str() {
        "" => String::new(),
        // for how long
        also if difference.finding.is_silent() => format!(" {also}"),
        also => format!("; {also}"),
    };
    format!("{name}: {change}{also}")
}

/// An increase as a factor; empty: there was nothing before, or is nothing now.
fn times(ratio: f64) -> String {
    match ratio {
        _ if !ratio.is_finite() || ratio <= 0.0 => String::new(),
        ..99.5 => format!("×{ratio:.1}"),
        _ => format!("×{}", fields::bytes(ratio as u64)),
    }
}

/// True if no socket of this host listens any more where the connections of a link are refused. Of the past that is not said:
/// a recording may not have the listeners of that moment.
fn is_deserted(difference: &Difference, app: &App) -> bool {
    let BaselineKey::Link(link) = difference.key else {
        return false;
    };
    let listeners = app.host_state.listeners();
    let is_there = |netns| {
        let mut listeners = listeners.iter();
        listeners.any(|l| l.netns == netns && l.port == link.port)
    };
    let is_now = !app.is_past() && !app.is_replay;
    is_now
        && difference.reason == Some(Reason::Refused)
        && !listeners.is_empty()
        && link.local_in.is_some_and(|netns| !is_there(netns))
}

/// The reason of most failures or the number of answers, and other differences of the same keys: with their factors, or without,
/// or their number, whatever fits. Sessions that are new or more come with their rate, before the number of answers.
fn also(difference: &Difference, is_deserted: bool, width: usize) -> String {
    let answers = match (difference.answers, difference.reason) {
        (0, Some(_)) if is_deserted => Some("no listener".to_owned()),
        (0, reason) => reason.map(|reason| reason.word().to_owned()),
        (1, _) => Some("1 answer".to_owned()),
        (n, _) => Some(format!("{} answers", fields::bytes(n))),
    };
    let rate = |n: f64| BaselineFigure::New.text(Some(n));
    let answers = match (difference.finding, difference.opened) {
        (DifferenceKind::New, Some([_, opened])) => Some(format!("{}/s", rate(opened))),
        _ => answers,
    };
    let is_reason = difference.answers == 0;
    let (answers, ended) = match difference.ended_ns {
        Some(ns) => with_ended(answers, ns, difference.finding),
        None => (answers, Vec::new()),
    };
    let title = |finding: &DifferenceKind| match finding {
        DifferenceKind::Worse(figure) | DifferenceKind::Grown(figure) => figure.title(),
        DifferenceKind::Gone => "gone",
        DifferenceKind::Quiet => "quiet",
        DifferenceKind::FewerOpen => "fewer open",
        DifferenceKind::NoneKept => "none kept",
        DifferenceKind::FewerNew => "fewer NEW/s",
        DifferenceKind::New => "new",
    };
    // its sessions per second are said already
    let is_new = difference.finding == DifferenceKind::New;
    let is_said = |kind| is_new && kind == DifferenceKind::Grown(BaselineFigure::New);
    let with = difference.with.iter();
    let with: Vec<_> = with.filter(|(kind, _)| !is_said(*kind)).collect();
    let opened = difference.opened.map(|[before, since]| {
        let title = BaselineFigure::New.title();
        format!("{title} {}→{}", rate(before), rate(since))
    });
    let whole = with.iter().map(|(finding, ratio)| match finding {
        DifferenceKind::Grown(BaselineFigure::New) if opened.is_some() => {
            opened.clone().unwrap_or_default()
        }
        DifferenceKind::Worse(_) | DifferenceKind::Grown(_) => {
            let text = format!("{} {}", title(finding), times(*ratio));
            text.trim_end().to_owned()
        }
        _ => title(finding).to_owned(),
    });
    let titles = with.iter().map(|(finding, _)| title(finding).to_owned());
    let titles: Vec<String> = titles.collect();
    let joined = |with: &[String], between: &str| {
        let all: Vec<String> = answers.iter().chain(with).cloned().collect();
        all.join(between)
    };
    let more = format!("{} more", with.len());
    let mut texts = vec![
        joined(&whole.collect::<Vec<_>>(), ", "),
        joined(&titles, ", "),
        // has room in a narrow window
        joined(&titles, ","),
    ];
    if let (Some(answers), Some(opened)) = (&answers, &opened)
        && !is_reason
        && !is_new
    {
        // more connections say more than more answers
        let first = [
            format!("{opened}, {answers} …"),
            format!("{opened} …"),
            opened.clone(),
        ];
        texts.splice(1..1, first);
    }
    match &answers {
        Some(reason) if is_reason => texts.extend([
            format!("{reason}, {more}"),
            format!("{reason} …"),
            reason.clone(),
        ]),
        // what else differs at the other end of the same connections says less
        Some(answers) => texts.extend([format!("{answers} …"), answers.clone()]),
        None => texts.extend(opened.clone()),
    }
    texts.extend(ended);
    let mut fitting = texts.into_iter().filter(|t| t.width() <= width);
    fitting.next().unwrap_or(more)
}

/// A remark and how long ago its failures or sessions ended, and shorter texts for a narrow window.
fn with_ended(
    remark: Option<String>,
    ns: u64,
    finding: DifferenceKind,
) -> (Option<String>, Vec<String>) {
    let time = fields::seconds(ns);
    if finding.is_silent() {
        return (Some(format!("for {time}")), Vec::new());
    }
    let ended = format!("ended {time} ago");
    let whole = remark.iter().chain(Some(&ended)).cloned();
    let whole = whole.collect::<Vec<_>>().join(", ");
    // the reason still matters, a rate does not
    let reason = remark.filter(|_| finding != DifferenceKind::New);
    let shorter = reason.map(|reason| format!("{reason}, ended"));
    let shorter = shorter.into_iter().chain([ended, "ended".to_owned()]);
    (Some(whole), shorter.collect())
}

/// The key, and what else differs for the same sessions: as much as fits.
fn name(difference: &Difference, width: usize) -> String {
    let key = key_text(difference);
    let also = also_named(difference, width == usize::MAX);
    let is_link = |key: &BaselineKey| matches!(key, BaselineKey::Link(_));
    let is_client =
        matches!(difference.key, BaselineKey::Several(_)) && difference.also.iter().all(is_link);
    let is_program =
        matches!(difference.key, BaselineKey::Several(_)) || difference.key.is_program();
    let with = |count: usize| {
        let mut named: Vec<String> = also.iter().take(count).cloned().collect();
        if also.len() > count {
            named.push(format!("{} more", also.len() - count));
        }
        let named = named.join(", ");
        // its ports or peers, or those that it connects to, unless other programs are among them
        match is_program && named.starts_with("port") {
            true if is_client => format!("{key} → {named}"),
            true => format!("{key} {named}"),
            false => format!("{key} ({named})"),
        }
    };
    match also.len().min(MOST_NAMED) {
        0 => key,
        most => {
            let mut fitting = (1..=most).rev().map(with).filter(|t| t.width() <= width);
            fitting.next().unwrap_or_else(|| match difference.key {
                // what fails with whom is worth more than a part of it and the rest
                BaselineKey::Link(_) => key.clone(),
                _ => with(1),
            })
        }
    }
}

/// The key: of a link within this host the program that accepts says more than the address.
fn key_text(difference: &Difference) -> String {
    match &difference.key {
        BaselineKey::Link(link) => {
            format!("{} → {}", link.program.as_str(), end_text(link, difference))
        }
        BaselineKey::Group(GroupKey::Port(port)) => match difference.server {
            Some(server) => format!("{} {port}", group_text(&server)),
            None => format!("port {port}"),
        },
        BaselineKey::Group(key) => group_text(key),
        BaselineKey::Several(program) => group_text(program),
    }
}

/// The peer's end of a link.
fn end_text(link: &Link, difference: &Difference) -> String {
    match difference.server {
        Some(server) => format!("{} {}", group_text(&server), link.port),
        None => link.peer.with_port(link.port),
    }
}

fn group_text(key: &GroupKey) -> String {
    match key {
        GroupKey::Port(port) => format!("port {port}"),
        GroupKey::UnknownOwner => "unknown owner".into(),
        key => key.to_string(),
    }
}

/// Texts of the other keys, without what the key itself says: programs, then ports, then peers. Several ports are named if all
/// of the text has room, else they are a range.
fn also_named(difference: &Difference, is_whole: bool) -> Vec<String> {
    let parts = difference.link_parts();
    let server = difference.server.map(BaselineKey::Group);
    let own_port = match difference.key {
        BaselineKey::Link(link) => Some(link.port),
        BaselineKey::Group(GroupKey::Port(port)) => Some(port),
        BaselineKey::Group(_) | BaselineKey::Several(_) => None,
    };
    let is_said = |key: &BaselineKey| {
        let is_server = own_port.is_some() && server == Some(*key);
        is_server || parts.contains(&Some(*key)) || *key == difference.key
    };
    let (mut programs, mut ports, mut peers) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for key in difference.also.iter().filter(|key| !is_said(key)) {
        match key {
            BaselineKey::Group(GroupKey::Port(port)) => {
                ports.insert(*port);
            }
            BaselineKey::Group(GroupKey::Peer(peer)) => {
                peers.insert(peer.to_string());
            }
            BaselineKey::Link(link) => {
                ports.insert(link.port);
                if link.local_in.is_none() {
                    peers.insert(link.peer.to_string());
                }
            }
            BaselineKey::Group(key) | BaselineKey::Several(key) => programs.push(group_text(key)),
        }
    }
    ports.retain(|port| Some(*port) != own_port);
    let ports = match (ports.first(), ports.last(), ports.len()) {
        (Some(port), _, 1) => Some(format!("port {port}")),
        (_, _, 2..=MOST_NAMED) if is_whole => {
            let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
            Some(format!("ports {}", ports.join(", ")))
        }
        (Some(first), Some(last), count) => Some(format!("ports {first}–{last} ({count})")),
        _ => None,
    };
    programs.into_iter().chain(ports).chain(peers).collect()
}

/// Widths of the cells of a line: the name, then the last one, takes the remaining width. Of the name's, the last one takes what it
/// uses of a few cells more, and the keys do not need.
fn widths(width: usize, used: impl Fn(usize) -> usize, keys: impl Fn() -> usize) -> [usize; 7] {
    const WIDEST_NAME: usize = 42;
    const NARROW: usize = 7;
    /// Enough for `refused, 2 more`.
    const ALSO: usize = 15;
    let [what, figure, before, since, change, also] = [5, 8, 7, 7, 6, 12];
    let others = what + figure + before + since + change + also + 6;
    let name = width.saturating_sub(others).clamp(NARROW, WIDEST_NAME);
    let also = also + width.saturating_sub(others + name);
    let lacking = used(ALSO.max(also)).saturating_sub(also);
    let taken = lacking.min(name.saturating_sub(keys().max(NARROW)));
    [
        what,
        name - taken,
        figure,
        before,
        since,
        change,
        also + taken,
    ]
}

/// Cells of a line.
fn cells(texts: [&str; 7], widths: [usize; 7]) -> String {
    let mut line = String::new();
    for (i, (text, cell)) in texts.into_iter().zip(widths).enumerate() {
        let kind = match i {
            // of several names the first says most
            1 if !text.contains(' ') => FieldKind::Addr,
            _ => FieldKind::Text,
        };
        let text = shorten(text, cell, kind);
        let pad = " ".repeat(cell - text.width().min(cell));
        let is_number = (3..6).contains(&i);
        line += &if is_number {
            format!("{pad}{text} ")
        } else {
            format!("{text}{pad} ")
        };
    }
    line
}

fn summary(shown: &Comparison, baseline: &Baseline, without_own: bool) -> String {
    let [worse, gone, quiet, fewer, new, grown] = shown.counts;
    let more = match baseline.is_inexact() {
        true => " new (or known before, but evicted)",
        false => " new",
    };
    let of = match without_own {
        true => "all but self traffic, unfiltered",
        false => "all sessions, unfiltered",
    };
    let evicted = match baseline.evicted() {
        0 => String::new(),
        n => format!("; {} evicted before", fields::number(n, "session")),
    };
    let [worse_ended, _, _, _, new_ended, _] = shown.ended;
    let ended = |n| match n {
        0 => String::new(),
        n => format!(" ({n} ended)"),
    };
    let worse = match worse {
        0 => "nothing is worse".to_owned(),
        n => format!("{n} worse{}", ended(worse_ended)),
    };
    let others = [
        (gone, " gone", 0),
        (quiet, " quiet so far", 0),
        (fewer, " fewer", 0),
        (new, more, new_ended),
        (grown, " grown", 0),
    ];
    let others = others.into_iter().filter(|(count, ..)| *count > 0);
    let others = others.map(|(n, what, of_them)| format!(", {n}{what}{}", ended(of_them)));
    let others: String = others.collect();
    format!("{worse}{others}; {of}{evicted}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baseline_also_reads_as_words_in_any_width() {
        let (gone, new) = ((DifferenceKind::Gone, 1.0), (DifferenceKind::New, 1.0));
        let slow = |ratio| (DifferenceKind::Worse(BaselineFigure::Response), ratio);
        let text = |reason, answers, with: &[(DifferenceKind, f64)], is_deserted, width| {
            let difference = Difference {
                reason,
                answers,
                with: with.to_vec(),
                ..Difference::new(BaselineKey::Group(GroupKey::Port(80)), DifferenceKind::New)
            };
            also(&difference, is_deserted, width)
        };
        let refused = |with: &[_], width| text(Some(Reason::Refused), 0, with, false, width);
        assert_eq!(refused(&[], 12), "refused");
        assert_eq!(refused(&[new], 12), "refused, new");
        assert_eq!(refused(&[gone], 15), "refused, gone");
        assert_eq!(refused(&[gone], 12), "refused,gone");
        assert_eq!(refused(&[slow(9.0)], 18), "refused, RESP ×9.0");
        assert_eq!(refused(&[slow(f64::INFINITY)], 18), "refused, RESP");
        assert_eq!(refused(&[new, gone], 18), "refused, new, gone");
        assert_eq!(refused(&[new, gone], 15), "refused, 2 more");
        assert_eq!(refused(&[new, gone], 12), "refused …");
        assert_eq!(refused(&[new, gone], 8), "refused");
        let deserted = |with: &[_], width| text(Some(Reason::Refused), 0, with, true, width);
        assert_eq!(deserted(&[], 12), "no listener");
        assert_eq!(deserted(&[new], 12), "no listener");
        assert_eq!(deserted(&[gone], 17), "no listener, gone");
        let answers = |with: &[_], width| text(None, 340, with, false, width);
        assert_eq!(answers(&[slow(2.0)], 12), "340 answers");
        assert_eq!(answers(&[slow(2.0)], 13), "340 answers …");
        assert_eq!(answers(&[slow(2.0)], 23), "340 answers, RESP ×2.0");
        let pool = |width| {
            let figure = DifferenceKind::Grown(BaselineFigure::New);
            let difference = Difference {
                answers: 789,
                with: vec![(figure, f64::INFINITY), slow(2.0)],
                opened: Some([0.0, 13.2]),
                ..Difference::new(BaselineKey::Group(GroupKey::Port(80)), slow(2.0).0)
            };
            also(&difference, false, width)
        };
        assert_eq!(pool(34), "789 answers, NEW/s 0→13, RESP ×2.0");
        assert_eq!(pool(25), "NEW/s 0→13, 789 answers …");
        assert_eq!(pool(12), "NEW/s 0→13 …");
        assert_eq!(pool(10), "NEW/s 0→13");
        let several = Difference {
            opened: Some([0.0, 12.4]),
            ..Difference::new(BaselineKey::Group(GroupKey::Port(80)), DifferenceKind::New)
        };
        assert_eq!(also(&several, false, 12), "12/s");
        let ended = |reason, with: &[_], width| {
            let difference = Difference {
                reason,
                with: with.to_vec(),
                ended_ns: Some(40 * S),
                ..Difference::new(BaselineKey::Group(GroupKey::Port(80)), slow(2.0).0)
            };
            also(&difference, false, width)
        };
        let refused = Some(Reason::Refused);
        assert_eq!(ended(refused, &[new], 27), "refused, ended 40s ago, new");
        assert_eq!(ended(refused, &[new], 24), "refused, ended 40s ago …");
        assert_eq!(ended(refused, &[new], 15), "refused, ended");
        assert_eq!(ended(refused, &[], 12), "ended");
        assert_eq!(ended(None, &[], 13), "ended 40s ago");
        let several_ended = Difference {
            ended_ns: Some(100 * S),
            ..several
        };
        assert_eq!(also(&several_ended, false, 21), "12/s, ended 1m40s ago");
        assert_eq!(also(&several_ended, false, 15), "ended 1m40s ago");
        let silent = Difference {
            ended_ns: Some(40 * S),
            ..Difference::new(BaselineKey::Group(GroupKey::Port(80)), gone.0)
        };
        assert_eq!(also(&silent, false, 12), "for 40s");
        let other = |with: &[_], width| text(None, 0, with, false, width);
        assert_eq!(other(&[], 12), "");
        assert_eq!(other(&[slow(2.0), new], 14), "RESP ×2.0, new");
        assert_eq!(other(&[slow(2.0), new, gone], 12), "3 more");
    }

    #[test]
    fn baseline_line_is_below_the_list_uncut() {
        let port = BaselineKey::Group(GroupKey::Port(80));
        let text = |finding: DifferenceKind, before, since, with: &[(DifferenceKind, f64)]| {
            let difference = Difference {
                before,
                since,
                with: with.to_vec(),
                ended_ns: finding.is_silent().then_some(13 * S),
                ..Difference::new(port, finding)
            };
            remark(&difference, false)
        };
        let slow = |ratio| (DifferenceKind::Worse(BaselineFigure::Response), ratio);
        let failed = DifferenceKind::Worse(BaselineFigure::Failed);
        assert_eq!(
            text(failed, Some(4.3), Some(12.0), &[slow(9.0)]),
            "port 80: FAILED/s 4.3 → 12 (×2.8); RESP ×9.0"
        );
        assert_eq!(
            text(failed, None, Some(12.0), &[]),
            "port 80: FAILED/s - → 12"
        );
        assert_eq!(
            text(DifferenceKind::Gone, Some(1.0), None, &[]),
            "port 80: 1 session open before, none for 13s"
        );
        assert_eq!(
            text(DifferenceKind::NoneKept, Some(3.0), Some(0.0), &[]),
            "port 80: 3 sessions kept open before, none now"
        );
        assert_eq!(
            text(DifferenceKind::Gone, Some(8.0), Some(0.0), &[]),
            "port 80: NEW/s 8.0 → 0 for 13s"
        );
        assert_eq!(
            text(DifferenceKind::New, None, Some(7.0), &[]),
            "port 80: 7 sessions, none before"
        );
        let ports = |ports: std::ops::Range<u16>| {
            let also = ports.map(|port| BaselineKey::Group(GroupKey::Port(port)));
            let program = BaselineKey::Several(GroupKey::Program("api".into()));
            let difference = Difference {
                also: also.collect(),
                before: Some(4.0),
                ended_ns: Some(13 * S),
                ..Difference::new(program, DifferenceKind::Gone)
            };
            (name(&difference, 40), remark(&difference, false))
        };
        let (short, whole) = ports(80..83);
        assert_eq!(short, "api ports 80–82 (3)");
        assert_eq!(
            whole,
            "api ports 80, 81, 82: 4 sessions open before, none for 13s"
        );
        let many = ports(80..120).1;
        assert!(many.starts_with("api ports 80–119 (40):"), "{many}");
    }
}
