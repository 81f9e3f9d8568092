//! Keys of the column chooser.

use std::ops::ControlFlow::{Break, Continue};

use crate::ui::action::{Action, Mode, Sideways};
use crate::ui::app::App;
use crate::ui::app::effect::Effect;
use crate::ui::app::update::Offer;
use crate::ui::layout::column_chooser;
use crate::ui::state::layers::Layer;

impl App {
    /// Opens the column chooser.
    pub(super) fn choose_columns(&mut self) {
        let chooser = self.columns.chooser(self.layout().table.width);
        self.layers.push(Layer::Chooser(chooser));
        self.adapt_to_layout();
    }

    /// Scrolls the table horizontally, or says why it does not.
    pub(super) fn scroll_sideways(&mut self, to: Sideways) {
        let is_moved = self.columns.go(to, self.size.width);
        let key = |to| self.keymap.of(Mode::Table, Action::Sideways(to));
        let text = match to {
            _ if !is_moved && !self.columns.is_scrollable(self.size.width) => {
                "all columns are in view".into()
            }
            Sideways::Left | Sideways::Start if !is_moved => {
                let (right, last) = (key(Sideways::Right), key(Sideways::End));
                format!("this is the first column; {right} scrolls right, {last} to the last one")
            }
            Sideways::Right if is_moved => return,
            Sideways::Left | Sideways::Start => return,
            Sideways::Right | Sideways::End => {
                let first = key(Sideways::Start);
                format!("the last column is in view; {first} goes back to the first")
            }
        };
        self.notice.hint(text);
    }

    /// Handles an action in the column chooser.
    pub(super) fn update_chooser(&mut self, action: Action) -> Offer {
        let layout = self.layout();
        let (width, page) = (layout.table.width, column_chooser::page(layout.main));
        let Some(chooser) = self.layers.chooser_mut() else {
            return Continue(());
        };
        let columns = &mut self.columns;
        let default = self.keymap.of(Mode::Columns, Action::ResetColumns);
        let no_change = format!("there is nothing to undo; {default} restores the default columns");
        let (is_done, why_not) = match action {
            Action::ToggleColumn => (chooser.toggle(columns, width), "the last column stays"),
            Action::MoveColumn(step) => (
                chooser.shift(step, columns, width),
                "the column is at the end of the list",
            ),
            Action::ResetColumns => (
                chooser.reset(columns, width),
                "these are the default columns already",
            ),
            Action::UndoColumns => (chooser.undo(columns, width), no_change.as_str()),
            Action::Move(motion) => {
                chooser.go(motion, page);
                return Break(None);
            }
            Action::Back => {
                let words = self.leave_chooser();
                self.adapt_to_layout();
                return Break(words.map(Effect::KeepColumns));
            }
            _ => return Continue(()),
        };
        if !is_done {
            self.notice.hint(why_not.into());
        }
        Break(None)
    }

    /// Closes the column chooser, if it is open. Returns field words to save for the next run, if the choice changed.
    pub fn leave_chooser(&mut self) -> Option<Vec<&'static str>> {
        self.layers.take_chooser()?.changed(&self.columns)
    }
}
