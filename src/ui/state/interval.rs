//! The refresh interval, and the steps in which keys change it.
//!
//! The collector keeps to it: it takes a snapshot that often.

use std::time::Duration;

use crate::model::fields;

/// Steps, ms.
const STEPS: [u64; 9] = [100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshInterval {
    pub interval: Duration,
    /// The interval at which snapshots come, if it is longer because of what they cost.
    pub stretched: Option<Duration>,
}

impl RefreshInterval {
    pub const DEFAULT: Duration = Duration::from_secs(1);

    pub fn new(interval: Duration) -> Self {
        RefreshInterval {
            interval,
            stretched: None,
        }
    }

    /// Moves to the next longer or shorter step; stays at either end.
    pub fn step(&mut self, longer: bool) {
        let steps = || STEPS.iter().map(|ms| Duration::from_millis(*ms));
        let next = match longer {
            true => steps().find(|s| *s > self.interval),
            false => steps().rev().find(|s| *s < self.interval),
        };
        self.interval = next.unwrap_or(self.interval);
    }

    pub fn text(&self) -> String {
        every(self.interval)
    }

    /// Text for the header, unless it is the default.
    pub fn header_text(&self) -> Option<String> {
        match self.stretched {
            Some(stretched) => Some(format!("figures {}", every(stretched))),
            None => (self.interval != Self::DEFAULT).then(|| self.text()),
        }
    }
}

fn every(interval: Duration) -> String {
    let micros = fields::micros(interval.as_micros() as u64);
    format!("every {}", micros.replace(".00s", "s").replace("m00s", "m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_steps_from_any_value_and_stops_at_the_limits() {
        let mut interval = RefreshInterval::new(Duration::from_millis(700));
        assert_eq!(interval.header_text().as_deref(), Some("every 700ms"));
        interval.step(false);
        assert_eq!(interval.header_text().as_deref(), Some("every 500ms"));
        for _ in 0..5 {
            interval.step(false);
        }
        assert_eq!(interval.header_text().as_deref(), Some("every 100ms"));
        for _ in 0..20 {
            interval.step(true);
        }
        assert_eq!(interval.header_text().as_deref(), Some("every 1m"));
        // longer than any step: it stays, and comes back
        let mut interval = RefreshInterval::new(Duration::from_secs(3600));
        interval.step(true);
        assert_eq!(interval.interval, Duration::from_secs(3600));
        interval.step(false);
        assert_eq!(interval.header_text().as_deref(), Some("every 1m"));
    }

    #[test]
    fn interval_default_is_not_in_the_header() {
        let mut interval = RefreshInterval::new(RefreshInterval::DEFAULT);
        assert_eq!(interval.header_text(), None);
        interval.step(true);
        assert_eq!(interval.header_text().as_deref(), Some("every 2s"));
        interval.step(false);
        assert_eq!(
            (interval.text(), interval.header_text()),
            ("every 1s".into(), None)
        );
    }
}
