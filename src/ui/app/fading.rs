//! Closed sessions fade: for some seconds one sees which lines have just closed.

use crate::ui::app::App;
use crate::ui::app::selection::VisibleLine;
use crate::ui::theme::Tone;

/// Minimum length of each of the two steps, ns. With a longer interval a step lasts for a frame.
const STEP_NS: u64 = 1_500_000_000;

impl App {
    /// How a line is drawn now. It changes only with what is shown, so that nothing ticks by itself. A local connection has
    /// closed with its last end.
    pub fn tone(&self, line: &VisibleLine<'_>) -> Tone {
        let session = line.session;
        if session.is_open() {
            return Tone::Open;
        }
        let end_ns = line.other.map_or(0, |o| o.end_ns).max(session.end_ns);
        let interval_ns = u64::try_from(self.interval.interval.as_nanos()).unwrap_or(u64::MAX);
        let step_ns = STEP_NS.max(interval_ns);
        match self.now_ns.saturating_sub(end_ns) / step_ns {
            0 => Tone::JustClosed,
            1 => Tone::Fading,
            _ => Tone::Closed,
        }
    }
}
