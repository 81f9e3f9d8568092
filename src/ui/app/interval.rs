//! The keys that change the refresh interval.

use std::time::Duration;

use crate::ui::app::App;
use crate::ui::app::effect::Effect;
use crate::ui::state::interval::Pace;

impl App {
    /// With a refresh interval that the collector keeps to from the start.
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = RefreshInterval::new(interval);
        self
    }

    /// A longer or shorter interval.
    pub fn change_interval(&mut self, longer: bool) -> Option<Effect> {
        self.interval.step(longer);
        Some(Effect::Interval(self.interval.interval))
    }
}
