//! Keys on the screens that list things of the host.

use std::ops::ControlFlow::{Break, Continue};

use crate::ui::action::{Action, Edit, Mode};
use crate::ui::app::App;
use crate::ui::app::effect::Effect;
use crate::ui::app::screens::NOT_SELECTED;
use crate::ui::app::update::Offer;
use crate::ui::layout::list_area;
use crate::ui::page::help;
use crate::ui::state::help::HelpPosition;
use crate::ui::state::line::Line;
use crate::ui::state::screens::Screen;

impl App {
    /// Handles an action on a screen of lines, or in the line that is typed on it.
    pub(super) fn update_lines(&mut self, action: Action) -> Offer {
        let area = self.layout().main;
        // its search is then that of the line
        let is_proof = self.came_by_line();
        let Some(Screen::Table(shown)) = self.layers.screen_mut() else {
            return Continue(());
        };
        let height = list_area::lines(shown.remark_lines(), area).count(area);
        let is_typing = shown.arrangement().typing().is_some();
        match action {
            Action::Edit(Edit::Request(request)) if is_typing => {
                self.change_line_search(|line| line.edit(request));
                return Break(None);
            }
            Action::Accept if is_typing => shown.arrangement_mut().accept(),
            Action::Cancel if is_typing => shown.arrangement_mut().cancel(),
            _ if is_typing => return Continue(()),
            Action::Search => shown.arrangement_mut().ask(),
            Action::Back if !is_proof && !shown.arrangement().searched.is_empty() => {
                shown.arrangement_mut().searched.clear();
            }
            Action::Back => return Break(self.leave_screen()),
            Action::Move(_) if shown.counts().0 == 0 => {
                self.notice.hint(NOT_SELECTED.into());
                return Break(None);
            }
            Action::Move(motion) => {
                shown.go(motion, height);
                return Break(None);
            }
            Action::SortNext => shown.sort_next(1, area.width),
            Action::SortPrevious => shown.sort_next(-1, area.width),
            Action::Invert => {
                let arrangement = shown.arrangement_mut();
                arrangement.is_inverted = !arrangement.is_inverted;
            }
            Action::Narrow => {
                if let Some((mode, searched)) = shown.screen() {
                    return Break(self.show_proof(mode, searched));
                }
                match shown.sessions() {
                    Some(filter) => {
                        self.leave_screen_for(|app| app.show_all_of(&filter));
                        self.adapt_to_layout();
                    }
                    None => self
                        .notice
                        .hint("there are no sessions to go to here".into()),
                }
            }
            _ => return Continue(()),
        }
        self.arrange_lines();
        Break(None)
    }

    /// Goes to the screen that says more about the selected line, with the lines that have a text. The help is no screen to
    /// go back from: it is above this one.
    fn show_proof(&mut self, mode: Mode, searched: String) -> Option<Effect> {
        if mode == Mode::Help {
            self.open_help_at(HelpPosition {
                chapter: help::MISSED,
                line: 0,
            });
            return None;
        }
        self.leave_screen_for(|app| {
            let effect = app.go_to(mode);
            if let Some(Screen::Table(shown)) = app.layers.screen_mut() {
                shown.arrangement_mut().searched = searched;
            }
            effect
        })
    }

    /// Sorts and searches the lines again, as they are.
    fn arrange_lines(&mut self) {
        let area = self.layout().main;
        if let Some(Screen::Table(shown)) = self.layers.screen_mut() {
            let height = list_area::lines(shown.remark_lines(), area).count(area);
            shown.arrange(&self.names, height);
        }
    }

    /// Sorts by this column, or reverses the order.
    pub(super) fn sort_lines_by(&mut self, column: usize) {
        if let Some(Screen::Table(shown)) = self.layers.screen_mut() {
            shown.sort_by(column);
        }
        self.arrange_lines();
    }

    /// Inserts typed or pasted text into the search.
    pub(super) fn type_line_search(&mut self, text: &str) {
        self.change_line_search(|line| line.insert(text));
    }

    fn change_line_search(&mut self, change: impl FnOnce(&mut Line) -> bool) {
        if let Some(Screen::Table(shown)) = self.layers.screen_mut()
            && shown.arrangement().typing().is_some()
        {
            let fits = shown.arrangement_mut().change(change);
            self.arrange_lines();
            self.say_if_cut(fits);
        }
    }
}
