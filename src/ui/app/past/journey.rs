//! The way to another moment: the state of that moment is built in parts, while keys are answered.

use crate::collector::replay::Passage;
use crate::model::batch::Batch;
use crate::model::black_box::Player;
use crate::ui::app::App;

/// A way to another moment.
#[derive(Debug)]
pub(super) struct Journey {
    pub to_ns: u64,
    pub way: Way,
    /// It goes on to the first moment that there is.
    pub goes_on: bool,
    /// The state that is being built; `None`: the one that is shown moves on.
    pub app: Option<Box<App>>,
    /// Moment on the way at which the baseline is set, ns of boot time.
    pub baseline_ns: Option<u64>,
    /// At its end, the baseline is set there.
    pub sets_baseline: bool,
    pub purpose: Purpose,
}

/// Where the batches up to a moment come from.
#[derive(Debug)]
pub(super) enum Way {
    Kept(Box<Player>),
    Read(Box<Passage>),
}

impl Way {
    /// Returns the next batch up to a moment, if there is one, and true if more follows.
    pub(super) fn next(&mut self, to_ns: u64) -> Result<(Option<Batch>, bool), String> {
        match self {
            Way::Kept(player) => player.next().map_err(|e| e.to_string()),
            Way::Read(passage) => passage.next(to_ns).map_err(|e| e.to_string()),
        }
    }
}

/// Use of the state at the end of a journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Show,
    /// The same moment is shown, built of less: this one replaces it.
    Complete,
    /// Its baseline becomes that of the live state, once it is of the same moment.
    Baseline,
}

impl App {
    /// True while what is to be shown is on its way, or now behind it moves on.
    pub(in crate::ui::app) fn is_travelling(&self) -> bool {
        let live = self.past.live.as_ref();
        self.past.journey.is_some() && !self.is_completing()
            || live.is_some_and(|live| live.is_working())
    }

    /// Goes on with a part of that. False if there is nothing to do.
    pub(in crate::ui::app) fn work_on_past(&mut self) -> bool {
        if let Some(live) = &mut self.past.live
            && live.is_working()
        {
            live.work();
            return true;
        }
        let journey = self.past.journey.take_if(|j| j.purpose == Purpose::Show);
        journey.is_some_and(|journey| self.travel_on(journey))
    }

    /// True while there is something to do for the past that nothing on the screen waits for.
    pub(in crate::ui::app) fn is_working_behind(&self) -> bool {
        // for the frame with the moment of now
        let is_waiting = |j: &Journey| {
            let app = j.app.as_ref();
            let is_now = app.is_some_and(|app| app.now_ns == self.live().now_ns);
            let is_done = matches!(&j.way, Way::Kept(player) if player.is_done());
            is_done && !is_now
        };
        self.is_completing()
            || self
                .past
                .to_baseline
                .as_ref()
                .is_some_and(|j| !is_waiting(j))
    }

    /// Goes on with a part of that.
    pub(in crate::ui::app) fn work_behind(&mut self) {
        let completing = self
            .past
            .journey
            .take_if(|j| j.purpose == Purpose::Complete);
        if let Some(journey) = completing.or_else(|| self.past.to_baseline.take()) {
            self.travel_on(journey);
        }
    }

    /// Goes on with a journey later.
    fn pause(&mut self, journey: Journey) {
        match journey.purpose {
            Purpose::Show | Purpose::Complete => self.past.journey = Some(journey),
            Purpose::Baseline => self.past.to_baseline = Some(journey),
        }
    }

    /// Goes on with a part of a journey. False if there is nothing to do yet.
    fn travel_on(&mut self, mut journey: Journey) -> bool {
        let live_ns = self.live().now_ns;
        let app = journey.app.as_deref_mut().unwrap_or(self);
        if app.is_arriving() {
            app.work();
            self.pause(journey);
            return true;
        }
        if journey
            .baseline_ns
            .take_if(|at| app.now_ns >= *at)
            .is_some()
        {
            app.set_baseline();
        }
        // what was before is counted before sessions close that would take its place
        if app.count_before_baseline() {
            self.pause(journey);
            return true;
        }
        let is_there = match journey.purpose {
            // a moment after the one that was asked for, as there is none before it
            Purpose::Show => journey.goes_on && app.now_ns >= journey.to_ns,
            Purpose::Complete => false,
            Purpose::Baseline => app.now_ns == live_ns && app.baseline.is_some(),
        };
        if !is_there {
            let to_ns = match journey.goes_on {
                true => u64::MAX,
                false => journey.to_ns,
            };
            match journey.way.next(to_ns) {
                Ok((Some(batch), _)) => {
                    app.take_batch(batch);
                    self.pause(journey);
                    return true;
                }
                Ok((None, true)) => {
                    self.pause(journey);
                    return true;
                }
                Ok((None, false)) if journey.purpose == Purpose::Baseline => {
                    self.pause(journey);
                    return false;
                }
                Ok((None, false))
                    if journey.purpose == Purpose::Show
                        && !journey.goes_on
                        && !app.has_snapshot() =>
                {
                    journey.goes_on = true;
                    self.pause(journey);
                    return true;
                }
                Ok((None, false)) => {}
                Err(e) => {
                    self.notice.complain(format!("cannot look back: {e}"));
                    return true;
                }
            }
        }
        self.arrive_at(journey);
        true
    }

    /// Uses what a journey has built.
    fn arrive_at(&mut self, journey: Journey) {
        if journey.purpose == Purpose::Show {
            let is_back = self.is_past() && journey.to_ns < self.now_ns;
            let is_same = journey.app.as_ref().map(|app| app.now_ns) == Some(self.now_ns);
            if is_back && is_same {
                self.say_first_moment();
            }
        }
        if journey.purpose != Purpose::Baseline {
            self.past.passage = match journey.way {
                Way::Read(passage) => Some(passage),
                Way::Kept(_) => None,
            };
        }
        match (journey.purpose, journey.app) {
            (Purpose::Show | Purpose::Complete, Some(app)) => self.arrive_in_past(app),
            (Purpose::Baseline, Some(app)) => self.take_baseline(*app),
            // the state that is shown has moved on
            (_, None) => {}
        }
        if journey.sets_baseline {
            self.set_baseline_then();
        }
        let passage = self.past.passage.as_ref();
        if journey.purpose == Purpose::Show && passage.is_some_and(|p| !p.is_whole) {
            self.complete();
        }
    }

    /// Shows a state that has been built.
    fn arrive_in_past(&mut self, mut built: Box<App>) {
        let selected = self.selected_id();
        let detail = self.close_detail();
        self.exchange(&mut built);
        self.names.times.is_then = true;
        // the state of now is kept, any other one was of the past
        if self.past.live.is_none() {
            built.past.is_hidden = false;
            self.past.live = Some(built);
        }
        self.show_exchanged(selected, detail);
    }
}
