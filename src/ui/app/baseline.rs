//! Setting a baseline, comparing with it, forgetting it.

use crate::model::baseline::Mark;
use crate::ui::action::{Action, Mode};
use crate::ui::app::App;
use crate::ui::state::screens::Screen;

impl App {
    /// Sets a mark; if there is one, shows what is other since, or leaves that again.
    pub fn mark(&mut self) {
        if self.mark.is_none() {
            self.mark_anew();
            let key = self.keymap.of(self.layers.mode(), Action::Mark);
            self.notice
                .say(format!("marked; {key} again: what is other since"));
        } else {
            self.toggle_screen(Mode::Marked);
        }
    }

    /// From now on the comparison is with now.
    pub fn mark_anew(&mut self) {
        let (talkers, own) = (self.panes.all(), &self.choice.own);
        let mark = Mark::new(self.first_ns, self.now_ns, talkers, &self.store, |s| {
            !own.is(s)
        });
        self.mark = Some(Box::new(mark));
        self.look_since_mark();
        self.refresh_screen();
    }

    /// There is nothing to compare with any more.
    pub fn unmark(&mut self) {
        self.mark = None;
        if matches!(self.layers.screen(), Some(Screen::Marked(_))) {
            self.layers.take_screen();
        }
        self.fit();
    }

    /// The open sessions were looked at, or are to be compared from now on.
    pub fn look_since_mark(&mut self) {
        let is_shown = matches!(self.layers.screen(), Some(Screen::Marked(_)));
        if let Some(mark) = &mut self.mark {
            mark.look(self.now_ns, is_shown.then_some(&self.store));
        }
    }
}
