//! Baselines at a moment of the past.

use crate::model::black_box::{Frame, Player};
use crate::ui::app::App;
use crate::ui::app::past::MOST_SESSIONS;
use crate::ui::app::past::journey::{Journey, Purpose, Way};
use std::sync::Arc;

impl App {
    /// Sets a baseline at the moment of the past that is shown, which now is compared with later.
    pub(in crate::ui::app) fn set_baseline_then(&mut self) {
        if self.is_read(self.now_ns) {
            return self.set_baseline_of_recordings();
        }
        self.reference = None;
        // also if more sessions have closed since than are unpacked for a moment
        let mut frames = self.past.black_box.frames_to(self.now_ns, MOST_SESSIONS);
        let later = self.past.black_box.frames_between(self.now_ns, u64::MAX);
        frames.extend(later);
        self.set_baseline();
        self.past.baseline_ns = Some(self.now_ns);
        let at = self.time_at(self.now_ns);
        let text = format!("baseline set at {at}; back at now it is compared with now");
        self.notice.say(text);
        self.build_baseline(frames, Some(self.now_ns));
    }

    /// Sets a baseline at a moment that memory does not have. What memory has is compared with it, and so is any other moment.
    fn set_baseline_of_recordings(&mut self) {
        if let Some(journey) = &mut self.past.journey
            && journey.purpose == Purpose::Complete
        {
            journey.sets_baseline = true;
            return self.notice.say("setting the baseline …".into());
        }
        let counted = self.counted_baseline();
        let set = self.wall(self.now_ns);
        self.reference = Some(Arc::new((counted, set)));
        self.is_compared = false;
        self.place_reference();
        self.past.baseline_ns = None;
        let text = format!(
            "baseline set at {}; all other moments are compared with it",
            self.time(set)
        );
        self.notice.say(text);
        let frames = self.past.black_box.frames().cloned().collect();
        self.build_baseline(frames, None);
        self.refresh_screen();
    }

    /// Sets out to build the baseline of now from these frames; `at_ns`: its moment, if that is one of theirs.
    fn build_baseline(&mut self, frames: Vec<Arc<Frame>>, at_ns: Option<u64>) {
        match Player::new(frames) {
            Ok(player) => {
                self.past.to_baseline = Some(Journey {
                    to_ns: u64::MAX,
                    way: Way::Kept(Box::new(player)),
                    goes_on: false,
                    app: Some(Box::new(self.blank())),
                    baseline_ns: at_ns,
                    sets_baseline: false,
                    purpose: Purpose::Baseline,
                });
            }
            Err(e) => self
                .notice
                .complain(format!("cannot set a baseline then: {e}")),
        }
    }

    /// Gives a baseline to the state of now.
    pub(super) fn take_baseline(&mut self, mut built: App) {
        let live = self.live_mut();
        if let Some(baseline) = &mut built.baseline {
            let is_shorter = built.first_ns > live.first_ns;
            baseline.move_to(built.panes.all(), live.panes.all(), is_shorter);
        }
        live.baseline = built.baseline;
        live.baseline_set = built.baseline_set;
        live.baseline_ns = built.baseline_ns;
        live.is_compared = true;
        live.update_baseline();
        if !self.is_past() {
            self.refresh_screen();
        }
    }
}
