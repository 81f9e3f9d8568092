//! Keys that change the refresh interval.

use std::time::Duration;

use crate::ui::app::App;
use crate::ui::app::effect::Effect;
use crate::ui::state::interval::RefreshInterval;

impl App {
    /// Sets the initial refresh interval, which the collector already uses.
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = RefreshInterval::new(interval);
        self
    }

    pub fn change_interval(&mut self, longer: bool) -> Option<Effect> {
        self.interval.step(longer);
        Some(Effect::Interval(self.interval.interval))
    }
}
