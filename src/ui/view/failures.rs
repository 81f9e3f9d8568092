//! The failures screen: one line per kind, the recently most frequent first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::model::fields;
use crate::model::fields::FieldKind;
use crate::model::packet_drop::DropClass;
use crate::ui::app::App;
use crate::ui::layout::{fit, list_area};
use crate::ui::state::failures::{FailureRow, Failures, LAST, RATE};
use crate::ui::theme::Theme;
use crate::ui::view::out_of_sight;
use crate::ui::view::table::shorten;

struct FailureColumn {
    title: &'static str,
    width: usize,
    /// Additional cells that it can use.
    grow: usize,
    /// Order of removal on a narrow screen: the highest number first; 0 always stays.
    drop: u8,
    is_number: bool,
    kind: FieldKind,
    text: fn(&App, &Failures, &FailureRow<'_>) -> String,
}

/// Heading of the column for the error that the application got.
const ERRNO: &str = "ERRNO";
/// Heading of the column for packets that this host has dropped.
const DROPPED: &str = "DROPPED";

static COLUMNS: [FailureColumn; 8] = [
    FailureColumn {
        title: "COUNT",
        width: 6,
        grow: 0,
        drop: 2,
        is_number: true,
        kind: FieldKind::Count,
        text: |_, _, row| match row.tally.count {
            n @ ..1_000_000 => n.to_string(),
            n => fields::bytes(n),
        },
    },
    FailureColumn {
        title: RATE,
        width: 4,
        grow: 0,
        drop: 3,
        is_number: true,
        kind: FieldKind::Count,
        text: |_, _, row| match row.rate {
            ..=0.0 => "-".into(),
            ..9.95 => format!("{:.1}", row.rate),
            rate @ ..9999.5 => format!("{rate:.0}"),
            rate => format!("{:.0}k", rate / 1000.0),
        },
    },
    FailureColumn {
        title: LAST,
        width: 5,
        grow: 0,
        drop: 4,
        is_number: true,
        kind: FieldKind::Micros,
        text: |_, failures, row| fields::ago(failures.ago_ns(row.tally)),
    },
    FailureColumn {
        title: "REASON",
        width: 11,
        grow: 0,
        drop: 0,
        is_number: false,
        kind: FieldKind::Text,
        text: |_, _, row| match row.failure {
            Some(failure) => failure.reason.word().into(),
            None => "other".into(),
        },
    },
    FailureColumn {
        title: ERRNO,
        width: 13,
        grow: 0,
        drop: 5,
        is_number: false,
        kind: FieldKind::Text,
        text: |_, _, row| {
            let errno = row.failure.and_then(|f| f.reason.errno());
            errno.unwrap_or("-").into()
        },
    },
    FailureColumn {
        title: DROPPED,
        width: 8,
        grow: 0,
        drop: 3,
        is_number: false,
        kind: FieldKind::Text,
        text: |app, _, row| {
            let drops = app.host_state.drops().unwrap_or_default();
            let cause = row.failure.and_then(|f| f.dropped_here(drops));
            cause.map_or("-", DropClass::word).into()
        },
    },
    FailureColumn {
        title: "DESTINATION",
        width: 15,
        grow: 34,
        drop: 0,
        is_number: false,
        kind: FieldKind::Addr,
        text: |app, _, row| {
            let failure = row.failure.as_ref();
            failure.map_or("-".into(), |f| app.names.destination(f))
        },
    },
    FailureColumn {
        title: "COMM",
        width: 12,
        grow: 3,
        drop: 1,
        is_number: false,
        kind: FieldKind::Text,
        text: |_, _, row| match row.failure {
            Some(failure) => failure.program.to_string(),
            None => "-".into(),
        },
    },
];

/// The columns that fit, with their widths. The one for dropped packets only if there are any.
fn columns(width: usize, has_drops: bool) -> Vec<(&'static FailureColumn, usize)> {
    let needed = |shown: &[&FailureColumn]| shown.iter().map(|c| c.width + 1).sum::<usize>() - 1;
    let fits = |shown: &[&FailureColumn]| needed(shown) <= width;
    let wanted = COLUMNS.iter().filter(|c| match c.title {
        DROPPED => has_drops,
        // the destination needs the room more
        ERRNO => !has_drops || width >= 100,
        _ => true,
    });
    let shown = fit::columns(wanted.collect(), |c| c.drop, fits);
    let mut spare = width.saturating_sub(needed(&shown));
    // the name first: it is short, and most wanted
    let mut grown: Vec<(&FailureColumn, usize)> = shown.into_iter().map(|c| (c, c.width)).collect();
    for (column, width) in grown.iter_mut().rev() {
        let more = column.grow.min(spare);
        spare -= more;
        *width += more;
    }
    grown
}

pub fn draw(shown: &Failures, app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let drops = app.host_state.drops().unwrap_or_default();
    let is_dropped = |row: FailureRow<'_>| row.failure?.dropped_here(drops);
    let has_drops = shown.rows().filter_map(is_dropped).next().is_some();
    let columns = columns(area.width.into(), has_drops);
    let mut lines = area.rows();
    let Some(heading) = lines.next() else { return };
    type Styles<'a> = &'a dyn Fn(&FailureColumn) -> Style;
    let put = |buffer: &mut Buffer,
               line: Rect,
               cells: &mut dyn Iterator<Item = String>,
               style: Styles<'_>| {
        let mut x = 0;
        for ((column, width), text) in columns.iter().zip(cells) {
            let text = shorten(&text, *width, column.kind);
            let text = if column.is_number {
                format!("{text:>width$}")
            } else {
                text
            };
            let room = usize::from(area.width).saturating_sub(x);
            if room > 0 {
                buffer.set_stringn(line.x + x as u16, line.y, text, room, style(column));
            }
            x += width + 1;
        }
    };
    buffer.set_style(heading, theme.heading);
    let sorted = shown.sorted_by();
    let titles = &mut columns.iter().map(|(c, _)| match c.title == sorted {
        true => format!("{}▼", c.title),
        false => c.title.to_owned(),
    });
    let style = |column: &FailureColumn| match column.title == sorted {
        true => theme.heading_sorted,
        false => theme.heading,
    };
    put(buffer, heading, titles, &style);
    for (row, line) in shown
        .rows()
        .zip(lines.by_ref().take(list_area::FAILURES.count(area)))
    {
        let style = match (row.selected, row.rate > 0.0) {
            (true, _) => theme.selected,
            (false, is_recent) => theme.row(is_recent),
        };
        buffer.set_style(line, style);
        let cells = &mut columns.iter().map(|(c, _)| (c.text)(app, shown, &row));
        put(buffer, line, cells, &|_| style);
    }
    if area.height > 1 {
        let (kinds, all, unkept, evicted) = shown.counts();
        let text = match all {
            0 if app.view_filter.is_limited() => "None of the sessions in the table failed.".into(),
            0 => "Nothing has failed so far.".into(),
            _ => {
                let evicted = match evicted {
                    0 => String::new(),
                    n => format!(" and {n} evicted"),
                };
                let old = match unkept {
                    0 => String::new(),
                    n => format!("; sessions of {} not kept", fields::number(n, "failure")),
                };
                let (since_ns, for_ns) = shown.period_ns();
                let since = match since_ns {
                    u64::MAX => String::new(),
                    ns => format!(" since {}, {}", app.time_at(ns), fields::ago(for_ns)),
                };
                format!(
                    "{} of {}{evicted}{since}{old}; /s over {:.0} s",
                    fields::number(all, "failure"),
                    fields::number(kinds as u64, "kind"),
                    shown.seconds()
                )
            }
        };
        let width = area.width.into();
        let hidden = shown.list.hidden(list_area::FAILURES.count(area));
        let text = out_of_sight::marked(&text, hidden, width);
        buffer.set_stringn(area.x, area.bottom() - 1, text, width, theme.quiet);
    }
}
