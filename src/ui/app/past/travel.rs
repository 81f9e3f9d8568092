//! Going to another moment: where it is, and on which way it is reached.

use crate::collector::replay::{Depth, Passage};
use crate::model::black_box::{Frame, Player};
use crate::model::recording::ReadError;
use crate::text::units::S;
use crate::ui::app::App;
use crate::ui::app::effect::Effect;
use crate::ui::app::past::MOST_SESSIONS;
use crate::ui::app::past::journey::{Journey, Purpose, Way};
use std::sync::Arc;

impl App {
    /// Goes so many moments forward or back.
    pub(in crate::ui::app) fn step_in_time(&mut self, by: isize) -> Option<Effect> {
        let from_ns = self.destination().unwrap_or(self.now_ns);
        if self.is_read(from_ns.saturating_sub(u64::from(by < 0))) {
            return self.step_in_recordings(from_ns, by);
        }
        match self.past.black_box.step(from_ns, by) {
            // the last moment is now
            Some(to_ns) if by > 0 && self.is_last(to_ns) => self.return_to_now(),
            Some(to_ns) => self.travel(to_ns),
            None if by > 0 => self.return_to_now(),
            None => self.say_first_moment(),
        }
    }

    /// Goes a moment forward or back where the moments between are not known.
    fn step_in_recordings(&mut self, from_ns: u64, by: isize) -> Option<Effect> {
        // on the way it is not known yet which moment will be reached
        let is_on_the_way = self.destination().is_some();
        match (by < 0, is_on_the_way) {
            (true, true) => self.go_to_moment(from_ns.saturating_sub(S)),
            (true, false) => self.go_to_moment(from_ns - 1),
            (false, true) => self.go_to_moment(from_ns + S),
            (false, false) => self.travel_in_recordings(from_ns, true),
        }
    }

    /// Goes so many minutes forward or back.
    pub(in crate::ui::app) fn step_by_minutes(&mut self, by: i64) -> Option<Effect> {
        let from_ns = self.destination().unwrap_or(self.now_ns);
        let by_ns = by.saturating_mul(60 * S as i64);
        self.go_to_moment(from_ns.saturating_add_signed(by_ns))
    }

    fn is_last(&self, at_ns: u64) -> bool {
        let last = self.past.black_box.reach().map(|(_, last)| last);
        !self.past.black_box.is_frozen && last.is_none_or(|last| at_ns >= last)
    }

    pub(in crate::ui::app) fn why_empty(&self) -> &'static str {
        match self.past.black_box.is_off() {
            true => "the black box is switched off: black-box-memory in the configuration",
            false => "the black box has nothing yet",
        }
    }

    pub(super) fn say_first_moment(&mut self) -> Option<Effect> {
        let text = match self.reach() {
            Some((first_ns, _)) => {
                let first = self.time_at(first_ns);
                match self.is_read(first_ns) {
                    true => format!("the recording begins at {first}"),
                    false => format!("the black box reaches back to {first}"),
                }
            }
            None => self.why_empty().into(),
        };
        self.notice.hint(text);
        None
    }

    /// Goes to the moment at a time, or to the nearest one that there is.
    pub(super) fn go_to_moment(&mut self, at_ns: u64) -> Option<Effect> {
        if self.is_read(at_ns) {
            let first_ns = self.reach().map_or(0, |(first_ns, _)| first_ns);
            if at_ns < first_ns {
                self.say_first_moment();
            }
            return self.travel_in_recordings(at_ns.max(first_ns), false);
        }
        let Some(to_ns) = self.past.black_box.moment_at(at_ns) else {
            return self.say_first_moment();
        };
        if self.is_last(at_ns) {
            return self.return_to_now();
        }
        if to_ns > at_ns {
            self.say_first_moment();
        }
        self.travel(to_ns)
    }

    /// Sets out for a moment. What is shown stays until it can be shown.
    fn travel(&mut self, to_ns: u64) -> Option<Effect> {
        let is_further = self.is_past() && to_ns > self.now_ns && !self.is_read(self.now_ns);
        let (frames, app) = match is_further {
            true => (self.past.black_box.frames_between(self.now_ns, to_ns), None),
            false => {
                let frames = self.past.black_box.frames_to(to_ns, MOST_SESSIONS);
                (frames, Some(Box::new(self.blank())))
            }
        };
        let baseline_ns = self.baseline_on_the_way(&frames);
        // the state that is shown is not at the beginning of a frame with all open sessions
        let player = match is_further {
            true => Player::after_full(frames),
            false => Player::new(frames),
        };
        match player {
            Ok(player) => {
                self.past.journey = Some(Journey {
                    to_ns,
                    way: Way::Kept(Box::new(player)),
                    goes_on: false,
                    app,
                    baseline_ns,
                    sets_baseline: false,
                    purpose: Purpose::Show,
                });
            }
            Err(e) => self.notice.complain(format!("cannot look back: {e}")),
        }
        None
    }

    /// Sets out for a moment that is read of recordings; `is_next`: the first one after it.
    fn travel_in_recordings(&mut self, to_ns: u64, is_next: bool) -> Option<Effect> {
        let seekable = self.past.seekable.as_ref();
        let is_near = |to_ns| seekable.is_some_and(|s| s.is_near(self.now_ns, to_ns));
        let is_further = self.is_past() && (is_next || to_ns > self.now_ns && is_near(to_ns));
        let passage = self.past.passage.take_if(|_| is_further);
        let (way, app) = match passage {
            Some(passage) => (Ok(Some(passage)), None),
            None => {
                let way = self.seek(to_ns, Depth::Rows);
                (way, Some(Box::new(self.blank())))
            }
        };
        match way {
            Ok(Some(passage)) => {
                // what was on the way does not go on
                self.past.passage = None;
                self.past.journey = Some(Journey {
                    to_ns: to_ns + u64::from(is_next),
                    way: Way::Read(passage),
                    goes_on: is_next,
                    app,
                    baseline_ns: None,
                    sets_baseline: false,
                    purpose: Purpose::Show,
                });
            }
            Ok(None) => {}
            Err(e) => self.notice.complain(format!("cannot look back: {e}")),
        }
        None
    }

    /// A way through recordings to a moment; `None`: there is none.
    fn seek(&self, to_ns: u64, depth: Depth) -> Result<Option<Box<Passage>>, ReadError> {
        let seekable = self.past.seekable.as_ref();
        let way = seekable.map(|seekable| seekable.seek(to_ns, depth));
        Ok(way.transpose()?.flatten().map(Box::new))
    }

    /// Sets out for the moment that is shown again, with all that rates and findings look back at.
    pub(super) fn complete(&mut self) {
        match self.seek(self.now_ns, Depth::Whole) {
            Ok(Some(passage)) => {
                self.past.journey = Some(Journey {
                    to_ns: self.now_ns,
                    way: Way::Read(passage),
                    goes_on: false,
                    app: Some(Box::new(self.blank())),
                    baseline_ns: None,
                    sets_baseline: false,
                    purpose: Purpose::Complete,
                });
            }
            Ok(None) => {}
            Err(e) => self.notice.complain(format!("cannot look back: {e}")),
        }
    }

    /// Moment of the baseline, if these frames have it.
    fn baseline_on_the_way(&self, frames: &[Arc<Frame>]) -> Option<u64> {
        let live = self.live();
        let of_live = live.baseline.is_some().then_some(live.baseline_ns);
        let at_ns = self.past.baseline_ns.or(of_live);
        at_ns.filter(|at_ns| frames.first().is_some_and(|f| f.from_ns <= *at_ns))
    }
}
