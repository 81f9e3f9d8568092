//! Setting a baseline, comparing with it, forgetting it.

use crate::model::baseline::Mark;
use crate::ui::action::{Action, Mode};
use crate::ui::app::App;
use crate::ui::state::screens::Screen;

impl App {
    /// Sets a mark; if there is one, shows what is other since, or leaves that again.
    pub fn toggle_baseline(&mut self) {
        if self.baseline.is_none() {
            self.set_baseline();
            let key = self.keymap.of(self.layers.mode(), Action::Baseline);
            self.notice
                .say(format!("baseline set; press {key} again to compare"));
        } else {
            self.toggle_screen(Mode::Baseline);
        }
    }

    /// From now on the comparison is with now.
    pub fn set_baseline(&mut self) {
        let (talkers, own) = (self.panes.all(), &self.view_filter.self_traffic);
        let mark = Baseline::new(self.first_ns, self.now_ns, talkers, &self.store, |s| {
            !own.is(s)
        });
        self.baseline = Some(Box::new(mark));
        self.update_baseline();
        self.refresh_screen();
    }

    /// There is nothing to compare with any more.
    pub fn clear_baseline(&mut self) {
        self.baseline = None;
        if matches!(self.layers.screen(), Some(Screen::Baseline(_))) {
            self.layers.take_screen();
        }
        self.fit();
    }

    /// The open sessions were looked at, or are to be compared from now on.
    pub fn update_baseline(&mut self) {
        let is_shown = matches!(self.layers.screen(), Some(Screen::Baseline(_)));
        if let Some(mark) = &mut self.baseline {
            mark.take_snapshot(self.now_ns, is_shown.then_some(&self.store));
        }
    }
}
