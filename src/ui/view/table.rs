//! The session table: its visible columns, and their cells.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::model::fields;
use crate::model::fields::{Field, FieldKind};
use crate::model::session::{Reason, Session, State};
use crate::text::wrap::words;
use crate::ui::action::{Action, Mode};
use crate::ui::app::App;
use crate::ui::layout::list_area;
use crate::ui::layout::panes::Focus;
use crate::ui::layout::table::{Shown, window};
use crate::ui::state::view_filter::Scope;
use crate::ui::theme::Theme;

pub fn draw(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let window = window(app.columns.view(), area.width);
    let mut lines = area.rows();
    let Some(heading) = lines.next() else { return };
    buffer.set_style(heading, theme.heading);
    let mut right = window.right;
    for column in &window.shown {
        let sorted = column.field == app.columns.sorted();
        let style = if sorted {
            theme.heading_sorted
        } else {
            theme.heading
        };
        // next to the sign, if there is room for both
        let reaches_the_edge = window.right && column.x + column.width == area.width;
        let cells = column.title.width() + usize::from(sorted);
        let beside = u16::from(reaches_the_edge && cells < column.width.into());
        let title = Shown {
            width: column.width - beside,
            ..*column
        };
        // the order matters more than that there are more columns
        right &= !(sorted && reaches_the_edge && beside == 0);
        let sign = if sorted { arrow(app) } else { "" };
        let text = format!("{}{sign}", column.title);
        put(buffer, heading, &title, &text, style);
    }
    let pair = PairColumns::new(&window.shown);
    let right = right.then(|| area.width.saturating_sub(1));
    for (x, sign) in [(window.left, "‹"), (right, "›")] {
        if let Some(x) = x.filter(|x| *x < area.width) {
            buffer.set_stringn(heading.x + x, heading.y, sign, 1, theme.heading);
        }
    }
    // where there is no room for it, the other cells say that a session failed
    let tells = window.shown.iter().any(|c| c.field.word == "status");
    for (shown, line) in app.visible(list_area::TABLE.count(area)).zip(lines) {
        let session = shown.session;
        let fails = !tells && session.reason.is_failure();
        let selected = shown.is_selected && app.layers.focus() == Focus::Table;
        let style = if selected {
            theme.selected
        } else {
            match fails {
                true => theme.alarm_text,
                false => theme.line(app.tone(&shown)),
            }
        };
        buffer.set_style(line, style);
        for column in &window.shown {
            let style = if selected {
                style
            } else {
                cell_style(column.field, session, theme, style)
            };
            let text = match shown
                .other
                .and_then(|other| pair.cell(app, column, session, other))
            {
                Some(text) => text,
                None => app.names.cell(column.field, session, column.width),
            };
            put(buffer, line, column, &text, style);
        }
        if fails && let Some(first) = window.shown.first() {
            let after = (first.x + first.width).min(area.width.saturating_sub(1));
            buffer.set_stringn(line.x + after, line.y, FAILED, 1, style);
        }
    }
    if app.row_count() == 0 {
        let text = wrapped(&why_empty(app), area.width.into());
        for (text, line) in text.iter().zip(area.rows().skip(2)) {
            buffer.set_stringn(line.x, line.y, text, line.width.into(), theme.quiet);
        }
    }
}

/// Mark of a session that failed, after its first cell, where nothing else says so.
const FAILED: &str = "!";

/// The direction of the order, for the heading of the sorted column.
pub fn arrow(app: &App) -> &'static str {
    if app.is_descending() { "▼" } else { "▲" }
}

/// Says in sentences why there is no row, and what would show some.
fn why_empty(app: &App) -> Vec<String> {
    let is_table = app.layers.mode() == Mode::Table;
    // a prompt has keys of its own
    let key = |action| is_table.then(|| app.keymap.of(Mode::Table, action));
    if !app.has_snapshot() {
        return vec!["Reading the open sessions …".into()];
    }
    if app.waiting().is_some() {
        let resume = key(Action::Freeze).map(|key| format!("{key} resumes."));
        let text = "No session matches while paused.".into();
        return [Some(text), resume].into_iter().flatten().collect();
    }
    if app.rows.is_incomplete(app.store()) {
        return vec!["Searching the closed sessions …".into()];
    }
    let filter = &app.view_filter;
    let own = filter.self_traffic.known();
    let own = (own > 0 && !filter.self_traffic.shown)
        .then(|| key(Action::SelfTraffic))
        .flatten()
        .map(|key| format!("Self traffic is hidden: {key}."));
    let Some(found) = app.no_match() else {
        let waiting = match app.capture.is_everything() && app.capture_filter.is_everything() {
            true => "Waiting for TCP connections …",
            false => "Waiting for TCP connections that the capture filter accepts …",
        };
        return [Some(waiting.into()), own].into_iter().flatten().collect();
    };
    let scope = match filter.scope {
        Scope::All => "",
        Scope::Open => "open ",
        Scope::Closed => "closed ",
    };
    let hidden = found.hidden;
    let source = shorten(
        filter.filter.source().trim(),
        LONGEST_SOURCE,
        FieldKind::Text,
    );
    let matches = match filter.filter.is_everything() {
        true => format!("No {scope}session is shown ({hidden} hidden)."),
        false => format!("No {scope}session matches \"{source}\" ({hidden} hidden)."),
    };
    let with_key = |text: String, action| match key(action) {
        Some(key) => format!("{text}: {key}."),
        None => format!("{text}."),
    };
    let scope = found
        .is_out_of_scope
        .then(|| with_key(format!("Only {scope}ones are shown"), Action::Scope));
    let family = filter.family.filter(|_| found.is_of_other_family);
    let family = family.map(|family| {
        let text = format!("Only {} is shown", family.name());
        with_key(text, Action::Family(family))
    });
    let other_end = found.is_of_other_end.then(|| {
        with_key(
            "The other ends of those that match are excluded".into(),
            Action::LocalPairs,
        )
    });
    let undo = match key(Action::Widen) {
        Some(key) => filter.has_previous().then_some(key),
        None => app
            .layers
            .is_prompting()
            .then(|| app.keymap.of(Mode::Prompt, Action::Cancel)),
    };
    let undo = undo.map(|key| format!("{key}: undo."));
    let meant = found
        .reading
        .as_ref()
        .map(|text| format!("Did you mean {text}?"));
    let searched = filter.filter.searched();
    let searched = (meant.is_none() && other_end.is_none() && !searched.is_empty()).then(|| {
        let words: Vec<String> = searched.iter().map(|word| format!("\"{word}\"")).collect();
        let words = shorten(&words.join(", "), LONGEST_SOURCE, FieldKind::Text);
        format!("Searched for in programs, addresses and STATUS: {words}.")
    });
    // tcp_time_wait() takes over such a socket (net/ipv4/tcp.c, __tcp_close(), Linux 6.18)
    let fin_wait_2 = filter.filter.has_name(State::FinWait2.name()).then(|| {
        "Once its process has closed it, a socket in FIN-WAIT-2 is one in TIME-WAIT: closed here."
            .to_owned()
    });
    let by_regex = filter.filter.has_regex() && meant.is_none();
    let by_regex = by_regex.then(|| "A regular expression is looked for in one field.".to_owned());
    let all = [
        Some(matches),
        scope,
        family,
        undo,
        meant,
        other_end,
        fin_wait_2,
        searched,
        by_regex,
    ];
    all.into_iter().flatten().collect()
}

/// Cells for the filter in the text that says that nothing matches it.
const LONGEST_SOURCE: usize = 28;

/// Puts as many sentences on a line as fit; one that is too long continues on the next line.
fn wrapped(sentences: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for sentence in sentences {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + sentence.width() <= width => {
                line.push(' ');
                line.push_str(sentence);
            }
            _ => lines.extend(words(sentence, width)),
        }
    }
    lines
}

/// Highlights a close that deserves attention.
fn cell_style(field: &Field, session: &Session, theme: &Theme, style: Style) -> Style {
    use Reason::*;
    match (field.word, session.reason) {
        ("status", LocalReset | Cancelled | Unknown) => theme.warning,
        ("status", reason) if reason.is_failure() => theme.alarm_text,
        ("retransmits", _) if session.retransmits > 0 => theme.warning,
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

/// Columns that name the programs of a local connection.
struct PairColumns {
    comm: Option<(&'static Field, usize)>,
    has_raddr: bool,
}

impl PairColumns {
    fn new(shown: &[Shown]) -> Self {
        let comm = shown.iter().find(|c| c.field.word == "comm");
        PairColumns {
            comm: comm.map(|c| (c.field, c.width.into())),
            has_raddr: shown.iter().any(|c| c.field.word == "raddr"),
        }
    }

    /// The cell of a column that names programs; `None`: it is as for any session. Where COMM has no room for both names, the
    /// program at the other end takes the cell of its address, if that says only that it is on this host.
    fn cell(
        &self,
        app: &App,
        column: &Shown,
        session: &Session,
        other: &Session,
    ) -> Option<String> {
        let is_raddr = column.field.word == "raddr";
        let (comm, width) = self
            .comm
            .filter(|_| is_raddr || column.field.word == "comm")?;
        let names = [session, other].map(|s| app.names.plain_cell(comm, s));
        let is_same = session.laddr == session.raddr || session.raddr.is_loopback();
        let fits = names[0].width() + BETWEEN.width() + names[1].width() <= width;
        let [ours, theirs] = &names;
        match (is_raddr, !fits && is_same && self.has_raddr) {
            (true, true) => Some(format!("{BETWEEN}{theirs}")),
            (true, false) => None,
            (false, true) => Some(ours.clone()),
            (false, false) => Some(both(&names, width)),
        }
    }
}

/// Sign between the programs at both ends of a connection.
const BETWEEN: &str = "⇄";

/// The programs at both ends of a local connection. If there is not enough room, each gets half of it, and two of the same
/// name are named once.
fn both([ours, theirs]: &[String; 2], width: usize) -> String {
    if ours == theirs && ours == fields::MISSING {
        return ours.clone();
    }
    let room = width.saturating_sub(BETWEEN.width());
    if ours == theirs && 2 * ours.width() > room {
        return format!("{BETWEEN}{ours}");
    }
    let half = room / 2;
    let first = ours
        .width()
        .min(half.max(room.saturating_sub(theirs.width())));
    let cut = |text: &str, room| shorten(text, room, FieldKind::Comm);
    let ours = cut(ours, first);
    let theirs = cut(theirs, room.saturating_sub(ours.width()));
    format!("{ours}{BETWEEN}{theirs}")
}

/// Cuts a text to a width, with a sign that something is missing. Both ends of an address are kept, as they say most.
pub fn shorten(text: &str, width: usize, kind: FieldKind) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let tail = if kind == FieldKind::Addr {
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

    #[test]
    fn programs_at_both_ends_share_the_width() {
        let both = |ours: &str, theirs: &str, width| both(&[ours.into(), theirs.into()], width);
        assert_eq!(both("wrk", "nginx", 15), "wrk⇄nginx");
        assert_eq!(both("wrk", "nginx", 8), "wrk⇄ngi…");
        assert_eq!(both("postgres", "sh", 8), "post…⇄sh");
        assert_eq!(both("postgres", "redis-server", 8), "po…⇄red…");
        assert_eq!(both("python3", "python3", 8), "⇄python3");
        assert_eq!(both("sh", "sh", 8), "sh⇄sh");
        assert_eq!(both("日本語", "-", 8), "日本語⇄-");
        assert_eq!(both("-", "-", 8), "-");
    }

    #[test]
    fn sentences_are_wrapped_between_them_or_between_words() {
        let wrapped = |width| {
            let sentences = ["No session.".into(), "Esc: undo.".into(), "What?".into()];
            wrapped(&sentences, width).join("|")
        };
        assert_eq!(wrapped(80), "No session. Esc: undo. What?");
        assert_eq!(wrapped(16), "No session.|Esc: undo. What?");
        assert_eq!(wrapped(11), "No session.|Esc: undo.|What?");
        assert_eq!(wrapped(8), "No|session.|Esc:|undo.|What?");
    }

    #[test]
    fn shortened_cell_has_an_ellipsis() {
        assert_eq!(
            shorten("connect-timeout", 13, FieldKind::Text),
            "connect-time…"
        );
        assert_eq!(
            shorten(
                "2001:db8:1111:2222:3333:4444:5555:6666",
                15,
                FieldKind::Addr
            ),
            "2001:db…55:6666"
        );
        assert_eq!(shorten("ab", 1, FieldKind::Text), "…");
        assert_eq!(shorten("日本語", 4, FieldKind::Text), "日…");
        assert_eq!(shorten("fits", 4, FieldKind::Text), "fits");
    }
}
