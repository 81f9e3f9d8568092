//! The two lines above everything while a moment of the past is shown: which one, and the time bar.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::model::fields;
use crate::ui::action::{Action, Mode};
use crate::ui::app::App;
use crate::ui::layout::charts::sparkline;
use crate::ui::state::past::time_bar;
use crate::ui::theme::Theme;

/// Draws both lines.
pub fn draw(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let mut lines = area.rows();
    if let Some(line) = lines.next() {
        let text = title(app, line.width.into());
        let text = format!("{text:<0$}", usize::from(line.width));
        buffer.set_stringn(line.x, line.y, text, line.width.into(), theme.alarm);
    }
    if let Some(line) = lines.next() {
        bar(app, theme, line, buffer);
    }
}

/// The moment that is shown, and as many of the keys as fit.
fn title(app: &App, width: usize) -> String {
    let at = app.time_at(app.now_ns);
    let ago = fields::seconds(app.ago_ns());
    let key = |action| app.keymap.of(Mode::Table, action);
    let now = match app.layers.mode() {
        Mode::Table if app.returns_to_now() => format!("{} now", key(Action::ClearFilter)),
        _ => format!("now: {} Enter", key(Action::GoToTime)),
    };
    let to = app.destination();
    let to = to.map(|to_ns| format!("going to {} …", app.time_at(to_ns)));
    let mut text = match to {
        Some(to) if !app.is_past() => format!(" NOW  {now}  {to}"),
        Some(to) => format!(" PAST {at}  {ago} ago  {now}  {to}"),
        None => format!(" PAST {at}  {ago} ago  {now}"),
    };
    if app.is_completing() {
        text += "  computing rates, findings …";
    }
    let pair = |a, b, what| format!("{} {} {what}", key(a), key(b));
    for part in [
        pair(Action::StepInTime(-1), Action::StepInTime(1), "step"),
        pair(Action::Minutes(-1), Action::Minutes(1), "minute"),
        format!("{} time", key(Action::GoToTime)),
        format!("{} save", key(Action::SaveBlackBox)),
    ] {
        if text.width() + 2 + part.width() > width {
            break;
        }
        text += "  ";
        text += &part;
    }
    text
}

/// Sessions that closed per second, with what was missed and not seen; the moment stands out.
fn bar(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let Some((first_ns, last_ns)) = app.reach() else {
        return;
    };
    let left = format!("-{} ", fields::seconds(last_ns - first_ns));
    let right = match app.past.black_box.is_frozen {
        true => " frozen",
        false if app.is_replay => " end",
        false => " now",
    };
    let cells = usize::from(area.width).saturating_sub(left.width() + right.width());
    let seekable = app.past.seekable.as_ref();
    let before = seekable.map_or(&[][..], |seekable| &seekable.spans);
    let (black_box, reach) = (&app.past.black_box, (first_ns, last_ns));
    let (bar, at) = time_bar(black_box, before, reach, app.now_ns, cells);
    let rates: Vec<f32> = bar.iter().map(|cell| cell.rate).collect();
    buffer.set_stringn(area.x, area.y, &left, area.width.into(), theme.quiet);
    let x = area.x + left.width() as u16;
    for (i, (cell, height)) in bar.iter().zip(sparkline(&rates).chars()).enumerate() {
        let (text, style) = match cell {
            cell if cell.is_gap => ('·', theme.quiet),
            cell if cell.has_missed => ('?', theme.alarm_text),
            cell if cell.has_failures => (height, theme.warning),
            // a line without sessions is a line too
            _ if height == ' ' => ('─', theme.quiet),
            _ => (height, theme.open),
        };
        let style = if i == at { theme.selected } else { style };
        let text = if i == at && height == ' ' {
            '│'
        } else {
            text
        };
        buffer.set_stringn(x + i as u16, area.y, text.to_string(), 1, style);
    }
    let x = x + bar.len() as u16;
    buffer.set_stringn(
        x,
        area.y,
        right,
        area.right().saturating_sub(x).into(),
        theme.quiet,
    );
}
