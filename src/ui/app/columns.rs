//! The column chooser's keys.

use crate::ui::action::{Action, moved};
use crate::ui::app::App;
use crate::ui::app::effect::Effect;
use crate::ui::layout::chooser;

impl App {
    /// What a key does on the screen on which columns are chosen.
    pub fn update_columns(&mut self, action: Action) -> Option<Effect> {
        let layout = self.layout();
        let width = layout.table.width;
        match action {
            Action::Columns => {
                self.columns.open(width);
                self.turn_to(self.focus);
            }
            Action::Leave => {
                let words = self.columns.leave();
                self.turn_to(self.focus);
                return words.map(Effect::KeepColumns);
            }
            Action::ToggleColumn => self.columns.toggle(width),
            Action::MoveColumn(step) => self.columns.shift(step, width),
            Action::ResetColumns => self.columns.reset(width),
            Action::Move(motion) => {
                let page = chooser::page(layout.main);
                if let Some(chooser) = &mut self.columns.chooser {
                    let last = chooser.rows.len().saturating_sub(1);
                    chooser.selected = moved(chooser.selected, motion, page).min(last);
                }
            }
            _ => {}
        }
        None
    }
}
