//! The strip of top talkers: a line for each subject, with the busiest of it and their rates.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::model::aggregate::GroupKey;
use crate::model::fields;
use crate::model::fields::FieldKind;
use crate::ui::app::App;
use crate::ui::layout::panes::Subject;
use crate::ui::theme::Theme;
use crate::ui::view::table::shorten;

/// Cells of a line's title.
const TITLE: usize = 8;
/// Cells of the longest address: several addresses say more than a whole one.
const ADDRESS: usize = 21;
const BETWEEN: &str = " · ";

pub fn draw(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    for (subject, line) in Subject::MAIN.into_iter().zip(area.rows()) {
        let (title, busiest) = app.panes().busiest(subject);
        let width = usize::from(line.width);
        buffer.set_stringn(line.x, line.y, title, width, theme.heading);
        let room = width.saturating_sub(TITLE);
        let (text, style) = if !busiest.is_empty() {
            (entries(app, &busiest, room), theme.base)
        } else if app.panes().talkers().has_rates() {
            ("no traffic".into(), theme.quiet)
        } else if app.is_past() {
            // time stands still there: another moment has rates
            let text = "no rates at the first moment of a filter";
            (text.into(), theme.quiet)
        } else {
            ("…".into(), theme.quiet)
        };
        let x = line.x + line.width.min(TITLE as u16);
        buffer.set_stringn(x, line.y, text, room, style);
    }
}

/// As many entries as fit.
fn entries(app: &App, busiest: &[(GroupKey, f64)], room: usize) -> String {
    let mut text = String::new();
    for (key, rate) in busiest {
        let rate = format!(" {}", fields::byte_rate(*rate as u64));
        let name = match key {
            GroupKey::UnknownOwner => "unknown".into(),
            key @ (GroupKey::Peer(_) | GroupKey::Subnet(_)) => {
                let name = app.names.talker(*key, room);
                shorten(&name, ADDRESS, FieldKind::Addr)
            }
            key => app.names.talker(*key, room),
        };
        // the first one in any case
        if text.is_empty() {
            text = shorten(&name, room.saturating_sub(rate.width()), FieldKind::Text) + &rate;
            continue;
        }
        let entry = format!("{BETWEEN}{name}{rate}");
        if text.width() + entry.width() > room {
            break;
        }
        text += &entry;
    }
    text
}
