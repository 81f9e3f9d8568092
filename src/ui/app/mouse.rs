//! The mouse: clicks and the wheel do nothing that keys cannot do.
//!
//! `hit` finds the item under the pointer.

use crate::ui::action::{Action, Motion};
use crate::ui::app::effect::Effect;
use crate::ui::app::hit::{Hit, hit};
use crate::ui::app::{App, Selection};
use crate::ui::input::{Mouse, MouseKind};
use crate::ui::layout::panes::Focus;
use crate::ui::state::list::{WHEEL_LINES, wheeled};

/// The notice about a drag, and about buttons without a meaning.
const DRAGGED: &str =
    "dragging selects nothing; with Shift the terminal selects text, or --no-mouse";
const MIDDLE: &str =
    "the middle button does nothing; with Shift the terminal pastes, into a prompt";
const RIGHT: &str =
    "the right button does nothing; click selects, double click opens, a heading sorts";

impl App {
    fn say_of_button(&mut self, text: &str) -> Option<Effect> {
        self.notice.hint(text.into());
        None
    }

    /// Handles a mouse event.
    pub fn mouse(&mut self, mouse: Mouse) -> Option<Effect> {
        let at = (mouse.column, mouse.row);
        if mouse.kind == MouseKind::Release {
            if self.pressed.take().is_some_and(|pressed| pressed != at) {
                self.notice.hint(DRAGGED.into());
            }
            return None;
        }
        self.pressed =
            matches!(mouse.kind, MouseKind::Click | MouseKind::DoubleClick).then_some(at);
        if self.layers.copied().is_some() {
            return self.update(Action::Back);
        }
        let hit = hit(self, mouse.column, mouse.row);
        match mouse.kind {
            MouseKind::Click => self.click(hit, false),
            MouseKind::DoubleClick => self.click(hit, true),
            MouseKind::WheelDown => self.wheel(hit, true),
            MouseKind::WheelUp => self.wheel(hit, false),
            MouseKind::Middle => self.say_of_button(MIDDLE),
            MouseKind::Right => self.say_of_button(RIGHT),
            MouseKind::Release => None,
        }
    }

    fn click(&mut self, hit: Hit, is_double: bool) -> Option<Effect> {
        match hit {
            Hit::Key(action) => return self.update(action),
            // typed text still belongs to the prompt
            _ if self.layers.is_prompting() => {}
            Hit::Tab(screen) => return self.go_to(screen.mode),
            Hit::Heading(field) => {
                self.turn_to(Focus::Table);
                self.layers.take_sort_menu();
                self.sort_by(field);
            }
            Hit::Row(line, field) => {
                let line = self.top + line;
                if line < self.row_count() {
                    let again = self.layers.focus() == Focus::Table
                        && self.selected == line
                        && self.selection != Selection::Top;
                    self.turn_to(Focus::Table);
                    // a line is selected first, so that a stray click leaves the clipboard alone
                    match again {
                        true if is_double || !self.click_copies => {
                            return self.update(Action::Open);
                        }
                        true => return self.copy_cell(field?),
                        false => self.select(line),
                    }
                }
            }
            Hit::PaneHeading(subject, figure) => {
                self.turn_to(Focus::Pane(subject));
                if let Some(figure) = figure {
                    self.panes.sort_by(subject, figure);
                }
            }
            Hit::Strip(subject) => self.turn_to(Focus::Pane(subject)),
            Hit::PaneRow(subject, line) => {
                let had_keyboard = self.layers.focus() == Focus::Pane(subject);
                self.turn_to(Focus::Pane(subject));
                if self.panes.click(subject, line) && had_keyboard {
                    return self.update(Action::Narrow);
                }
            }
            Hit::LineHeading(column) => self.sort_lines_by(column),
            Hit::Line(line) => {
                if self.click_on_screen(line) {
                    return self.update(Action::Narrow);
                }
            }
            Hit::Notice => self.notice.clear(),
            Hit::Page | Hit::Nothing => {}
        }
        None
    }

    fn wheel(&mut self, hit: Hit, down: bool) -> Option<Effect> {
        match hit {
            Hit::Heading(_) | Hit::Row(..) => {
                let height = self.layout().rows();
                let rows = self.row_count();
                let (top, selected) = wheeled(self.top, self.selected, rows, height, down);
                self.top = top;
                if selected != self.selected {
                    self.select(selected);
                }
                self.keep_screen_line();
            }
            Hit::PaneHeading(subject, _) | Hit::PaneRow(subject, _) => {
                self.panes.wheel(subject, down);
            }
            Hit::LineHeading(_) | Hit::Line(_) => self.wheel_on_screen(down),
            Hit::Page => {
                let motion = if down { Motion::Down } else { Motion::Up };
                for _ in 0..WHEEL_LINES {
                    self.update(Action::Move(motion));
                }
            }
            Hit::Strip(_) | Hit::Key(_) | Hit::Tab(_) | Hit::Notice | Hit::Nothing => {}
        }
        None
    }
}
