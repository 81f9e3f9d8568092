//! The commands that `:` asks for.

use crate::ui::action::{Action, Mode};
use crate::ui::app::asked::{CarryOut, LineError};
use crate::ui::app::effect::Effect;
use crate::ui::app::{App, Sort};
use crate::ui::state::command::Command;

impl App {
    /// The effect of a command. An error says why the text is none.
    pub(super) fn command_of(&self, text: &str) -> Result<CarryOut, LineError> {
        let command = Command::parse(text).map_err(|wrong| (0..text.len(), wrong))?;
        Ok(Box::new(move |app| app.obey(command)))
    }

    fn obey(&mut self, command: Command) -> Option<Effect> {
        match command {
            Command::Quit => Some(Effect::Quit),
            Command::Help if self.layers.help().is_some() => None,
            Command::Help => self.update(Action::Help),
            Command::Nothing => None,
            Command::Export => {
                let effect = self.go_to(Mode::Table);
                self.name_export();
                effect
            }
            Command::SortMenu => {
                let effect = self.go_to(Mode::Table);
                self.update(Action::SortMenu);
                effect
            }
            Command::Sort(field) => {
                let effect = self.go_to(Mode::Table);
                self.choose_sort(Sort {
                    field,
                    inverted: false,
                });
                effect
            }
            Command::Line(line) => {
                let effect = self.go_to(Mode::Table);
                self.select_line(line);
                effect
            }
        }
    }
}
