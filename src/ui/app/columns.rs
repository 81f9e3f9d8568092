//! The column chooser's keys.

use std::ops::ControlFlow::{Break, Continue};

use crate::ui::action::Action;
use crate::ui::app::App;
use crate::ui::app::effect::Effect;
use crate::ui::app::update::Offer;
use crate::ui::layout::chooser;
use crate::ui::state::layers::Layer;

impl App {
    /// Begins to choose columns.
    pub(super) fn choose_columns(&mut self) {
        let chooser = self.columns.chooser(self.layout().table.width);
        self.layers.push(Layer::Chooser(chooser));
        self.fit();
    }

    /// What a key does while columns are chosen.
    pub(super) fn update_chooser(&mut self, action: Action) -> Offer {
        let layout = self.layout();
        let (width, page) = (layout.table.width, chooser::page(layout.main));
        let Some(chooser) = self.layers.chooser_mut() else {
            return Continue(());
        };
        let columns = &mut self.columns;
        match action {
            Action::ToggleColumn => chooser.toggle(columns, width),
            Action::MoveColumn(step) => chooser.shift(step, columns, width),
            Action::ResetColumns => chooser.reset(columns, width),
            Action::Move(motion) => chooser.go(motion, page),
            Action::Back => {
                let words = self.leave_chooser();
                self.fit();
                return Break(words.map(Effect::KeepColumns));
            }
            _ => return Continue(()),
        }
        Break(None)
    }

    /// Ends choosing, if columns are being chosen. What is to be kept for the next run: words of fields, if they are others
    /// than before.
    pub fn leave_chooser(&mut self) -> Option<Vec<&'static str>> {
        self.layers.take_chooser()?.changed(&self.columns)
    }
}
