//! A screen that lists things of the host: headings, lines, and two lines of text below them.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::fields;
use crate::text::wrap::words_in;
use crate::ui::app::App;
use crate::ui::layout::list_area;
use crate::ui::state::line::Line;
use crate::ui::state::table_screen::TableScreen;
use crate::ui::theme::Theme;
use crate::ui::view::out_of_sight;
use crate::ui::view::prompt::{Below, LineStyles, below, typed};
use crate::ui::view::table::shorten;

pub fn draw(shown: &dyn TableScreen, app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let headings = shown.headings(area.width);
    let mut lines = area.rows();
    let Some(heading) = lines.next() else { return };
    buffer.set_style(heading, theme.heading);
    let mark = if shown.is_descending() { "▼" } else { "▲" };
    let room = |x: u16, width: u16| usize::from(width.min(area.width.saturating_sub(x)));
    for placed in &headings {
        let (style, mark) = match placed.is_sorted {
            true => (theme.heading_sorted, mark),
            false => (theme.heading, ""),
        };
        let width = usize::from(placed.width);
        let text = format!("{}{mark}", placed.title);
        let text = match placed.is_number {
            true => format!("{text:>width$}"),
            false => text,
        };
        let room = room(placed.x, placed.width);
        if room > 0 {
            buffer.set_stringn(heading.x + placed.x, heading.y, text, room, style);
        }
    }
    let places = list_area::lines(shown.remark_lines(), area);
    let height = places.count(area);
    for (row, line) in shown
        .visible(&headings, &app.names, height)
        .iter()
        .zip(lines.by_ref())
    {
        let style = match row.is_selected {
            true => theme.selected,
            false => theme.base,
        };
        buffer.set_style(line, style);
        for (placed, (text, alarms)) in headings.iter().zip(&row.cells) {
            let width = room(placed.x, placed.width);
            let text = shorten(text, width, placed.kind);
            let text = match placed.is_number {
                true => format!("{text:>width$}"),
                false => text,
            };
            let style = match *alarms && !row.is_selected {
                true => theme.alarm_text,
                false => style,
            };
            let room = room(placed.x, placed.width);
            if room > 0 {
                buffer.set_stringn(line.x + placed.x, line.y, text, room, style);
            }
        }
    }
    let width = usize::from(area.width);
    let [all, selected] = shown.texts(&app.names);
    let searched = &shown.arrangement().searched;
    let all = match (shown.counts(), searched.is_empty()) {
        (_, true) => all,
        ((found, of), false) => {
            format!(
                "{found} of {} with `{searched}`",
                fields::number(of as u64, "line")
            )
        }
    };
    let room = usize::from(places.below) - 1;
    let mut remark = words_in(&selected, width, room);
    remark.resize(room, String::new());
    let remark = remark.into_iter().map(|text| (text, theme.base));
    let texts = remark.chain([(all, theme.quiet)]);
    let rest = area.rows().skip(1 + height).zip(texts);
    for (line, (text, style)) in rest {
        let hidden = match line.y + 1 == area.bottom() {
            true => shown.hidden(height),
            false => (0, 0),
        };
        let text = out_of_sight::marked(&text, hidden, width);
        buffer.set_stringn(line.x, line.y, text, width, style);
    }
}

/// Draws the line with the text that is searched for, and the number of lines that have it.
pub fn search(
    shown: &dyn TableScreen,
    line: &Line,
    theme: &Theme,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    typed(
        "show lines with: ",
        line,
        None,
        &LineStyles::plain(theme),
        area,
        frame,
    );
    let (found, all) = shown.counts();
    let style = match found {
        0 => theme.alarm_text,
        _ => theme.quiet,
    };
    let text = format!("{found} of {}", fields::number(all as u64, "line"));
    below(&Below { x: 0, text, style }, area, frame);
}
