//! The speed of a replay that shows a recording as it happened, and the steps in which keys change it.

/// Fastest and slowest speed that keys go to; beyond the fastest one all comes at once.
const BOUNDS: (f64, f64) = (0.125, 1024.0);

/// How many seconds of the recording pass in a second; infinite: all of it comes at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReplaySpeed(pub f64);

/// The replay waits.
pub const WAITS: ReplaySpeed = ReplaySpeed(0.0);

impl ReplaySpeed {
    /// The next faster or slower one.
    pub fn step(self, is_faster: bool) -> ReplaySpeed {
        let (least, most) = BOUNDS;
        ReplaySpeed(match (is_faster, self.0) {
            (true, times) if times >= most => f64::INFINITY,
            (true, times) => times * 2.0,
            (false, times) if times.is_infinite() => most,
            (false, times) => (times / 2.0).max(least),
        })
    }
}

impl std::fmt::Display for ReplaySpeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.is_infinite() {
            true => f.write_str("max"),
            false => write!(f, "{}×", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replay_speed_goes_in_steps_up_to_all_at_once_and_back() {
        let mut speed = ReplaySpeed(256.0);
        let mut texts = Vec::new();
        for is_faster in [true, true, true, true, false, false] {
            speed = speed.step(is_faster);
            texts.push(speed.to_string());
        }
        assert_eq!(texts, ["512×", "1024×", "max", "max", "1024×", "512×"]);
        let slow = ReplaySpeed(0.5).step(false).step(false).step(false);
        assert_eq!(slow.to_string(), "0.125×");
    }
}
