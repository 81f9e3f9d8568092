//! Copying the selection to the terminal's clipboard.

use unicode_width::UnicodeWidthStr;

use crate::filter::for_group;
use crate::host::session_env::Multiplexer;
use crate::model::batch::Clock;
use crate::model::fields;
use crate::model::fields::Field;
use crate::model::session::{Direction, Session};
use crate::model::shell_commands::shell_commands;
use crate::ui::app::App;
use crate::ui::app::effect::Effect;
use crate::ui::layout::panes::Focus;
use crate::ui::page::detail::exact;

/// Maximum bytes of text: xterm and terminals like it stop at 100,000 bytes of encoded text.
const MOST: usize = 74_994;

/// A session on one line, for a ticket: time, owner, both ends, state, and exact figures.
fn line(session: &Session, clock: &Clock) -> String {
    let (ours, theirs) = session.end_texts();
    let arrow = match session.direction {
        Direction::Out => "->",
        Direction::In => "<-",
        Direction::Unknown => "--",
    };
    let cell = |word| fields::by_word(word).map_or(String::new(), |f| fields::cell(f, session));
    format!(
        "{:.3} {} pid {} {ours} {arrow} {theirs} {} after {}, {} sent, {} received, rtt {}, {}, sk:{:x}",
        clock.wall(session.end_ns),
        cell("comm"),
        cell("pid"),
        cell("status"),
        cell("duration"),
        fields::number(session.tx_bytes, "byte"),
        session.rx_bytes,
        cell("rtt"),
        fields::number(session.retransmits.into(), "retransmit"),
        session.cookie,
    )
}

impl App {
    /// The selected session; if its line is that of both ends of a connection, both.
    fn selected_text(&self) -> (&'static str, Option<String>) {
        let Some(selected) = self.selected_line() else {
            return ("the session", None);
        };
        let text = line(selected.session, &self.names.times.clock);
        match selected.other {
            None => ("the session", Some(text)),
            Some(other) => {
                let other = line(other, &self.names.times.clock);
                ("both ends", Some(format!("{text}\n{other}")))
            }
        }
    }

    /// Copies the value of a cell of the selected session, with all its digits.
    pub(super) fn copy_cell(&mut self, field: &Field) -> Option<Effect> {
        let selected = self.selected_line()?;
        let title = field.column.map_or(field.word, |column| column.title);
        let Some(mut value) = exact(field, selected.session, &self.names) else {
            self.notice.hint(format!("{title} has no value to copy"));
            return None;
        };
        if field.word == "comm"
            && let Some(other) = selected.other
        {
            value += &format!("⇄{}", fields::cell(field, other));
        }
        let sent = format!("sent to the clipboard: {value} ({title})");
        let forms = [
            format!("{sent}; double click: open; setting: click-copies"),
            format!("{sent}; setting: click-copies"),
        ];
        let room = self.layout().footer.width.into();
        let whole = forms.into_iter().find(|form| form.width() <= room);
        self.notice.switched(whole.unwrap_or(sent));
        Some(Effect::Copy(value))
    }

    /// Copies the `nth` text that the selection offers, and shows it: the terminal may not permit it.
    pub fn copy(&mut self, nth: usize) -> Option<Effect> {
        let (what, text) = match (self.layers.detail(), self.layers.focus()) {
            (Some(detail), _) => {
                let commands = shell_commands(&detail.session, detail.inside());
                let what = if nth == 0 {
                    "the ss command"
                } else {
                    "the tcpdump command"
                };
                (what, commands.into_iter().nth(nth))
            }
            (None, Focus::Table) => self.selected_text(),
            (None, Focus::Pane(subject)) => {
                let selected = self.panes().pane(subject).selected();
                let filter = selected.map(|key| for_group::filter_for_group(&key));
                ("the filter", filter)
            }
        };
        let Some(text) = text else {
            self.notice.complain("nothing is selected to copy".into());
            return None;
        };
        if text.len() > MOST {
            self.notice.complain(format!(
                "not copied: {} bytes is more than terminals accept",
                text.len()
            ));
            return None;
        }
        // the terminal does not report whether it copied
        let to = match self.session_env.multiplexer {
            None => "the terminal's clipboard",
            Some(Multiplexer::Tmux) => "tmux's clipboard (if its set-clipboard is on)",
            Some(Multiplexer::Screen) => "the terminal's clipboard, through screen",
        };
        let is_line = !text.contains('\n');
        // rather its name than a part of it
        let whole = format!("sent to {to}: {text}");
        self.notice.say(
            match is_line && whole.width() <= self.layout().footer.width.into() {
                true => whole,
                false => format!("sent {what} to {to}"),
            },
        );
        self.layers.show_copied(text.clone());
        Some(Effect::Copy(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::closed_session as sample;

    #[test]
    fn copied_session_is_one_line_of_text() {
        let clock = Clock::fixed(0);
        insta::assert_snapshot!(line(&sample(), &clock));
    }
}
