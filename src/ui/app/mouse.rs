//! The mouse: what a click and the wheel do.
//!
//! Responsible for nothing that keys cannot do. What is under the pointer `view::hit` knows.

use ratatui::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::app::{Action, App, Effect, Motion, Selection, Sort};
use super::talkers::Focus;
use super::view::hit::{Hit, hit};

/// What it does, for the help.
pub static MOUSE: &[(&str, &str)] = &[
    ("click", "select; once more: open it, or narrow to it"),
    ("click on a heading", "sort by it; again: invert"),
    ("click on a key below", "what the key does"),
    ("wheel", "scroll what is under the pointer"),
    (
        "Shift and the mouse",
        "the terminal's own selection, in most terminals; with --no-mouse it needs no Shift",
    ),
];

/// Lines that the wheel scrolls at a time.
const LINES: usize = 3;

impl App {
    /// Does what the mouse asks for.
    pub fn mouse(&mut self, event: MouseEvent) -> Option<Effect> {
        let hit = hit(self, event.column, event.row);
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => self.click(hit),
            MouseEventKind::ScrollDown => self.wheel(hit, true),
            MouseEventKind::ScrollUp => self.wheel(hit, false),
            _ => None,
        }
    }

    fn click(&mut self, hit: Hit) -> Option<Effect> {
        match hit {
            Hit::Key(action) => return self.update(action),
            // what is typed goes on to belong to the prompt
            _ if self.is_prompting() => {}
            Hit::Heading(field) => {
                self.turn_to(Focus::Table);
                if self.sort.field == field {
                    return self.update(Action::Invert);
                }
                self.stop_following();
                self.sort = Sort {
                    field,
                    inverted: false,
                };
                self.restart();
            }
            Hit::Row(line) => {
                let line = self.top + line;
                if line < self.row_count() {
                    let again = self.focus == Focus::Table
                        && self.selected == line
                        && self.selection != Selection::Top;
                    self.turn_to(Focus::Table);
                    if again {
                        return self.update(Action::Open);
                    }
                    self.select(line);
                }
            }
            Hit::PaneHeading(subject, figure) => {
                self.turn_to(Focus::Pane(subject));
                if let Some(figure) = figure {
                    self.panes.sort_by(subject, figure);
                }
            }
            Hit::PaneRow(subject, line) => {
                let had_keyboard = self.focus == Focus::Pane(subject);
                self.turn_to(Focus::Pane(subject));
                if self.panes.click(subject, line) && had_keyboard {
                    return self.update(Action::Narrow);
                }
            }
            Hit::Line(line) => {
                if self.click_on_screen(line) {
                    return self.update(Action::Narrow);
                }
            }
            Hit::Page | Hit::Nothing => {}
        }
        None
    }

    fn wheel(&mut self, hit: Hit, down: bool) -> Option<Effect> {
        match hit {
            Hit::Heading(_) | Hit::Row(_) => {
                let height = self.layout().rows();
                let rows = self.row_count();
                let (top, selected) = wheeled(self.top, self.selected, rows, height, down);
                self.top = top;
                if selected != self.selected {
                    self.select(selected);
                }
            }
            Hit::PaneHeading(subject, _) | Hit::PaneRow(subject, _) => {
                self.panes.wheel(subject, down);
            }
            Hit::Line(_) => self.wheel_on_screen(down),
            Hit::Page => {
                let motion = if down { Motion::Down } else { Motion::Up };
                for _ in 0..LINES {
                    self.update(Action::Move(motion));
                }
            }
            Hit::Key(_) | Hit::Nothing => {}
        }
        None
    }
}

/// The first line that is shown and the selected one after a turn of the wheel: the selection stays in sight.
pub(super) fn wheeled(
    top: usize,
    selected: usize,
    rows: usize,
    height: usize,
    down: bool,
) -> (usize, usize) {
    let last_top = rows.saturating_sub(height.max(1));
    let top = match down {
        true => (top + LINES).min(last_top),
        false => top.saturating_sub(LINES),
    };
    (top, selected.clamp(top, top + height.max(1) - 1))
}
