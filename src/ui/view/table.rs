//! The session table: which columns fit, and their cells.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::fields::{self, Field, Kind};
use crate::session::{Reason, Session};
use crate::ui::app::App;
use crate::ui::talkers::Focus;
use crate::ui::theme::Theme;

/// A column that is on the screen.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// What it shows.
    pub field: &'static Field,
    /// Its heading.
    pub title: &'static str,
    /// Its first cell.
    pub x: u16,
    /// How many cells it has.
    pub width: u16,
}

/// The columns of a table of that width. It depends on nothing else: columns that moved with what the rows happen
/// to hold could not be read.
pub fn columns(width: u16) -> Vec<Shown> {
    let mut chosen: Vec<_> = fields::columns().collect();
    let needed = |chosen: &[(&Field, fields::Column)]| -> u16 {
        chosen
            .iter()
            .map(|(_, c)| c.width + 1)
            .sum::<u16>()
            .saturating_sub(1)
    };
    while needed(&chosen) > width && chosen.len() > 1 {
        let most = chosen.iter().map(|(_, c)| c.drop).max().unwrap_or(0);
        // of those that go first, and of those that always stay, the rightmost goes
        match chosen.iter().rposition(|(_, c)| c.drop == most) {
            Some(i) => drop(chosen.remove(i)),
            None => break,
        }
    }
    let mut spare = width.saturating_sub(needed(&chosen));
    let mut x = 0;
    chosen
        .into_iter()
        .map(|(field, column)| {
            let grown = column.grow.min(spare);
            spare -= grown;
            let shown = Shown {
                field,
                title: column.title,
                x,
                width: column.width + grown,
            };
            x += shown.width + 1;
            shown
        })
        .collect()
}

/// The field whose heading is at a cell of the line; the cell behind a heading belongs to it too.
pub(super) fn heading_at(width: u16, x: u16) -> Option<&'static Field> {
    let columns = columns(width).into_iter();
    columns.rev().find(|c| c.x <= x).map(|c| c.field)
}

pub(super) fn draw(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let columns = columns(area.width);
    let mut lines = area.rows();
    let Some(heading) = lines.next() else { return };
    buffer.set_style(heading, theme.heading);
    for column in &columns {
        let sorted = column.field.word == app.sort.field.word;
        let style = if sorted {
            theme.heading_sorted
        } else {
            theme.heading
        };
        put(buffer, heading, column, column.title, style);
    }
    for ((session, selected), line) in app.visible(area.height.saturating_sub(1).into()).zip(lines)
    {
        let selected = selected && app.focus == Focus::Table;
        let style = if selected {
            theme.selected
        } else {
            theme.row(session.is_open())
        };
        buffer.set_style(line, style);
        for column in &columns {
            let style = if selected {
                style
            } else {
                cell_style(column.field, session, theme, style)
            };
            put(
                buffer,
                line,
                column,
                &fields::cell(column.field, session),
                style,
            );
        }
    }
    if app.row_count() == 0 && area.height > 2 {
        let line = Rect {
            y: area.y + 2,
            height: 1,
            ..area
        };
        let text = "No session matches yet: they appear here as they open.";
        buffer.set_stringn(line.x, line.y, text, line.width.into(), theme.quiet);
    }
}

/// An end that somebody should look at stands out.
fn cell_style(field: &Field, session: &Session, theme: &Theme, style: Style) -> Style {
    use Reason::*;
    match (field.word, session.reason) {
        ("status", LocalReset | Cancelled | Unknown) => theme.warning,
        ("status", Open | LocalFin | RemoteFin) => style,
        ("status", _) => theme.alarm_text,
        ("retr", _) if session.retransmits > 0 => theme.warning,
        _ => style,
    }
}

fn put(buffer: &mut Buffer, line: Rect, column: &Shown, text: &str, style: Style) {
    let room = column.width.min(line.width.saturating_sub(column.x));
    let text = shorten(text, room.into(), column.field.kind);
    let indent = if column.field.kind.is_number() {
        room - (text.width() as u16).min(room)
    } else {
        0
    };
    buffer.set_stringn(line.x + column.x + indent, line.y, text, room.into(), style);
}

/// Cuts a text to a width, with a sign that something is missing. Of an address both ends say most.
pub(super) fn shorten(text: &str, width: usize, kind: Kind) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let tail = if kind == Kind::Addr {
        width.saturating_sub(1) / 2
    } else {
        0
    };
    let head = width.saturating_sub(1 + tail);
    let fitting = |chars: &mut dyn Iterator<Item = char>, room: usize| -> String {
        let mut used = 0;
        chars
            .take_while(|c| {
                used += c.width().unwrap_or(0);
                used <= room
            })
            .collect()
    };
    let end: String = fitting(&mut text.chars().rev(), tail)
        .chars()
        .rev()
        .collect();
    format!("{}…{end}", fitting(&mut text.chars(), head))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(width: u16) -> String {
        columns(width)
            .iter()
            .map(|c| c.title)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn columns_never_reach_over_the_edge() {
        for width in 0..400 {
            let shown = columns(width);
            let end = shown.last().map_or(0, |c| c.x + c.width);
            assert!(end <= width || shown.len() == 1, "{width}: {shown:?}");
            assert!(shown.windows(2).all(|w| w[0].x + w[0].width < w[1].x));
        }
    }

    #[test]
    fn the_columns_that_matter_most_stay() {
        assert_eq!(titles(80), "PID COMM LPORT RADDR RPORT TX RX AGE STATUS");
        assert_eq!(
            titles(120),
            "PID COMM LADDR LPORT RADDR RPORT TX RX RATE AGE STATUS RTT RETR"
        );
        assert_eq!(titles(400).split(' ').count(), fields::columns().count());
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(shorten("connect-timeout", 13, Kind::Text), "connect-time…");
        assert_eq!(
            shorten("2001:db8:1111:2222:3333:4444:5555:6666", 15, Kind::Addr),
            "2001:db…55:6666"
        );
        assert_eq!(shorten("ab", 1, Kind::Text), "…");
        assert_eq!(shorten("日本語", 4, Kind::Text), "日…");
        assert_eq!(shorten("fits", 4, Kind::Text), "fits");
    }
}
