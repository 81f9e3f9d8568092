//! The command line that `:` opens.

use std::ops::ControlFlow::{Break, Continue};

use crate::ui::action::{Action, Edit, Mode};
use crate::ui::app::App;
use crate::ui::app::effect::Effect;
use crate::ui::app::update::Offer;
use crate::ui::state::command::{Command, CommandLine};
use crate::ui::state::layers::Layer;

impl App {
    /// Opens the command line.
    pub(super) fn ask_command(&mut self) {
        self.layers
            .push(Layer::Command(Box::<CommandLine>::default()));
        self.adapt_to_layout();
    }

    /// Handles an action in the command line.
    pub(super) fn update_command(&mut self, action: Action) -> Offer {
        let Some(command) = self.layers.command_mut() else {
            return Continue(());
        };
        match action {
            Action::Edit(Edit::Request(request)) => {
                let fits = command.line.edit(request);
                command.wrong = None;
                self.say_if_cut(fits);
            }
            Action::Accept => match Command::parse(command.line.text()) {
                Ok(command) => {
                    self.close_command();
                    return Break(self.obey(command));
                }
                Err(wrong) => command.wrong = Some(wrong),
            },
            Action::Cancel => self.close_command(),
            _ => return Continue(()),
        }
        Break(None)
    }

    /// Inserts typed or pasted text into the command line.
    pub(super) fn type_command(&mut self, text: &str) {
        if let Some(command) = self.layers.command_mut() {
            let fits = command.line.insert(text);
            command.wrong = None;
            self.say_if_cut(fits);
        }
    }

    fn close_command(&mut self) {
        self.layers.take_command();
        self.adapt_to_layout();
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
            Command::Sort(field) => {
                let effect = self.go_to(Mode::Table);
                self.sort_by_other(field);
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
