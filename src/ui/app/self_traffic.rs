//! Keys and surroundings of the traffic that the dashboard itself causes.

use crate::host::session_env::Surroundings;
use crate::ui::app::App;
use crate::ui::state::self_traffic::Own;

impl App {
    /// In these surroundings.
    pub fn within(mut self, surroundings: Surroundings) -> Self {
        self.choice.own = Own::new(&surroundings);
        self.surroundings = surroundings;
        self
    }

    /// Shows or hides what the dashboard itself causes.
    pub fn toggle_own(&mut self) {
        let own = &mut self.choice.own;
        if own.known() == 0 && !own.shown {
            let text = "nothing is hidden: no ssh session that this is used over is known";
            return self.notice.say(text.into());
        }
        own.shown = !own.shown;
        self.choose();
    }
}
