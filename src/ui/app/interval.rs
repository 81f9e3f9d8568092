//! Keys that change the refresh interval and the speed of a replay, and pause both.

use std::time::Duration;

use crate::ui::action::{Action, Mode};
use crate::ui::app::App;
use crate::ui::app::effect::Effect;
use crate::ui::state::interval::RefreshInterval;
use crate::ui::state::replay_speed::{ReplaySpeed, WAITS};

impl App {
    /// Sets the initial refresh interval, which the collector already uses.
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = RefreshInterval::new(interval);
        self
    }

    /// Speed of the replay at present, if it takes its time: it waits while the display is paused.
    pub fn present_speed(&self) -> Option<ReplaySpeed> {
        let speed = self.replay_speed?;
        Some(if self.live().paused { WAITS } else { speed })
    }

    /// Replays faster or slower.
    pub(super) fn change_speed(&mut self, is_faster: bool) {
        let Some(speed) = self.replay_speed else {
            let text = "only --replay-speed shows a recording as it happened, at any speed";
            return self.notice.hint(text.into());
        };
        let speed = speed.step(is_faster);
        self.replay_speed = Some(speed);
        let [slower, faster] = [false, true].map(|faster| {
            let action = Action::ReplaySpeed { faster };
            self.keymap.of(Mode::Table, action)
        });
        let text = format!("speed {speed}; {slower} slower, {faster} faster");
        self.notice.say(text);
    }

    pub fn change_interval(&mut self, longer: bool) -> Option<Effect> {
        self.interval.step(longer);
        Some(Effect::Interval(self.interval.interval))
    }
}
