//! The line that is typed to answer a question: opening it, typing, and what the answer does.

use std::ops::ControlFlow::{Break, Continue};
use std::ops::Range;

use crate::ui::action::{Action, Edit};
use crate::ui::app::App;
use crate::ui::app::effect::Effect;
use crate::ui::app::update::Offer;
use crate::ui::state::asked::{AskedLine, Asks};
use crate::ui::state::layers::Layer;

/// An error in the text, and its position.
pub(super) type LineError = (Range<usize>, String);

impl App {
    /// Opens the line, with this text in it.
    pub(super) fn ask(&mut self, asks: Asks, text: String) {
        let examples = match asks {
            Asks::Time => self.example_times().join(", "),
            Asks::Command | Asks::FreezeOn => String::new(),
        };
        let line = AskedLine::new(asks, text, examples);
        self.layers.push(Layer::Asked(Box::new(line)));
        self.adapt_to_layout();
    }

    /// Handles an action while it is typed.
    pub(super) fn update_asked(&mut self, action: Action) -> Offer {
        let Some(asked) = self.layers.asked_mut() else {
            return Continue(());
        };
        match action {
            Action::Edit(Edit::Request(request)) => {
                let fits = asked.line.edit(request);
                asked.wrong = None;
                self.say_if_cut(fits);
            }
            Action::Accept => {
                let (asks, text) = (asked.asks, asked.line.text().to_owned());
                return Break(self.answer(asks, &text));
            }
            Action::Cancel => self.close_asked(),
            _ => return Continue(()),
        }
        Break(None)
    }

    /// Inserts typed or pasted text.
    pub(super) fn type_asked(&mut self, text: &str) {
        if let Some(asked) = self.layers.asked_mut() {
            let fits = asked.line.insert(text);
            asked.wrong = None;
            self.say_if_cut(fits);
        }
    }

    fn close_asked(&mut self) {
        self.layers.take_asked();
        self.adapt_to_layout();
    }

    /// Carries out an answer, or says what is wrong in it.
    fn answer(&mut self, asks: Asks, text: &str) -> Option<Effect> {
        let result = match asks {
            Asks::Command => self.command_of(text),
            Asks::Time => self.time_of(text),
            Asks::FreezeOn => self.condition_of(text),
        };
        match result {
            Ok(carry_out) => {
                self.close_asked();
                carry_out(self)
            }
            Err(wrong) => {
                if let Some(asked) = self.layers.asked_mut() {
                    asked.wrong = Some(wrong);
                }
                None
            }
        }
    }
}

/// The effect of an answer, once the line is closed.
pub(super) type CarryOut = Box<dyn FnOnce(&mut App) -> Option<Effect>>;
