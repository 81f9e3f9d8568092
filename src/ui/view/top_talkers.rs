//! The top talkers panes: their positions, the figures that fit, and their lines.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::model::aggregate::GroupKey;
use crate::model::fields::FieldKind;
use crate::ui::app::App;
use crate::ui::layout::charts::sparkline;
use crate::ui::layout::panes::{ESTIMATED, Focus, Subject, placed};
use crate::ui::state::names::Names;
use crate::ui::state::top_talkers::TalkerRow;
use crate::ui::theme::Theme;
use crate::ui::view::table::shorten;

pub fn draw(app: &App, subject: Subject, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let mut lines = area.rows();
    let Some(heading) = lines.next() else { return };
    let (talkers, pane) = (app.panes().talkers(), app.panes().pane(subject));
    let sorted = pane.sorted_by();
    let (name_width, shown) = placed(subject, area.width, app.longest_name(subject), sorted);
    let has_keyboard = app.layers.focus() == Focus::Pane(subject);

    let style = theme.heading;
    buffer.set_style(heading, style);
    let (count, evicted) = pane.counts(talkers);
    let more = if evicted > 0 { "+" } else { "" };
    let place = match pane.position() {
        0 => String::new(),
        line => format!("{}/", line + 1),
    };
    let bound = if app.panes().is_lower_bound() {
        "≥"
    } else {
        ""
    };
    let mark = if pane.inverted { "▲" } else { "▼" };
    let count = format!("{bound}{count}{more}");
    let subjects = pane.title();
    let of = match app.view_filter.is_limited() {
        true => " of the filter",
        false => "",
    };
    let titles = [
        format!("{subjects}{of} ({place}{count})"),
        format!("{subjects} ({place}{count})"),
        format!("{subjects} ({count})"),
    ];
    // a part of a number is another number
    let title = titles.iter().find(|t| t.width() <= name_width.into());
    let title = title.map_or(subjects, String::as_str);
    let title_style = if has_keyboard {
        theme.heading_sorted
    } else {
        style
    };
    buffer.set_stringn(heading.x, heading.y, title, name_width.into(), title_style);
    for &(figure, x, width) in &shown {
        let is_sorted = figure.title == sorted.title;
        let style = if is_sorted {
            theme.heading_sorted
        } else {
            theme.heading
        };
        let estimate = if talkers.is_estimated(figure.seconds) {
            ESTIMATED
        } else {
            ""
        };
        let mark = if is_sorted { mark } else { "" };
        let text = format!("{estimate}{}{mark}", figure.title);
        let text = match figure.is_history {
            true => text,
            false => format!("{text:>0$}", usize::from(width)),
        };
        put(buffer, (area.x + x, heading.y), area, &text, width, style);
    }

    for (row, line) in pane.rows(talkers).zip(lines) {
        let style = match (row.selected && has_keyboard, row.talker.open > 0) {
            (true, _) => theme.selected,
            (false, open) => theme.row(open),
        };
        buffer.set_style(line, style);
        let name = name(&row, evicted, &app.names, name_width.into());
        buffer.set_stringn(line.x, line.y, name, name_width.into(), style);
        for &(figure, x, width) in &shown {
            let text = if figure.is_history {
                sparkline(&talkers.history_cells(row.talker, width.into()))
            } else {
                (figure.text)((figure.get)(talkers, pane.by(), row.talker))
            };
            let text = format!("{text:>0$}", usize::from(width));
            put(buffer, (area.x + x, line.y), area, &text, width, style);
        }
    }
}

/// Draws a figure, as much of it as there is room for.
fn put(
    buffer: &mut Buffer,
    (x, y): (u16, u16),
    area: Rect,
    text: &str,
    width: u16,
    style: ratatui::style::Style,
) {
    let room = area.right().saturating_sub(x).min(width);
    if room > 0 {
        buffer.set_stringn(x, y, text, room.into(), style);
    }
}

/// The name in `width` cells. A process's pid is never cut: it tells processes apart, and is needed for other tools.
fn name(row: &TalkerRow<'_>, evicted: u64, names: &Names, width: usize) -> String {
    match row.key {
        None => shorten(&format!("+{evicted} evicted"), width, FieldKind::Text),
        Some(GroupKey::Process(pid, comm)) => {
            let pid = format!(" {pid}");
            let comm = shorten(
                comm.as_str(),
                width.saturating_sub(pid.width()),
                FieldKind::Text,
            );
            comm + &pid
        }
        Some(key @ (GroupKey::Peer(_) | GroupKey::Subnet(_))) => {
            shorten(&names.talker(key, width), width, FieldKind::Addr)
        }
        Some(key) => shorten(&names.talker(key, width), width, FieldKind::Text),
    }
}
