//! Hiding and showing the traffic that the dashboard itself causes.

use crate::host::session_env::SessionEnv;
use crate::ui::action::{Action, Mode};
use crate::ui::app::App;
use crate::ui::state::self_traffic::SelfTraffic;

impl App {
    /// Sets the terminal, multiplexer and ssh connection around the dashboard.
    pub fn within(mut self, session_env: SessionEnv) -> Self {
        self.view_filter.self_traffic = SelfTraffic::new(&session_env);
        self.session_env = session_env;
        self
    }

    /// Shows or hides self traffic.
    pub fn toggle_self_traffic(&mut self) {
        let own = &mut self.view_filter.self_traffic;
        if own.known() == 0 && !own.shown {
            let key = self.keymap.of(Mode::Table, Action::SelfTraffic);
            let text = "self traffic; nothing is hidden: no ssh session of yours was found";
            return self.notice.say(format!("{key} shows {text}"));
        }
        own.shown = !own.shown;
        self.choose();
    }
}
