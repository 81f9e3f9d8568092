//! Setting, comparing with and clearing a baseline.

use std::sync::Arc;

use anyhow::Context as _;

use crate::model::baseline::Baseline;
use crate::model::fields;
use crate::ui::ComparedRecording;
use crate::ui::action::{Action, Mode};
use crate::ui::app::App;
use crate::ui::app::effect::Effect;
use crate::ui::state::screens::Screen;

impl App {
    /// Sets a baseline; if there is one, shows or leaves the comparison.
    pub fn toggle_baseline(&mut self) -> Option<Effect> {
        if self.baseline.is_some() {
            if matches!(self.layers.screen(), Some(Screen::Baseline(_))) && !self.is_at_end() {
                self.say_that_baseline_is_kept();
            }
            return self.turn_to_screen(Mode::Baseline);
        }
        if self.is_past() {
            self.set_baseline_then();
            return None;
        }
        if self.is_at_end() {
            self.notice.hint(self.earlier_baseline());
            return None;
        }
        self.set_baseline();
        let short = self.baseline.as_ref().filter(|b| b.is_before_short());
        let short = short.map(|b| format!(", with {} before it", fields::seconds(b.before_ns())));
        let set = format!("baseline set{}", short.unwrap_or_default());
        let text = match self.layers.mode() {
            Mode::Baseline => set,
            mode => {
                let key = self.keymap.of(mode, Action::Baseline);
                format!("{set}; press {key} again to compare")
            }
        };
        self.notice.say(text);
        None
    }

    /// Says that the key that set the baseline, and now leaves its screen, sets no new one.
    fn say_that_baseline_is_kept(&mut self) {
        let at = self.time(self.baseline_set);
        let key = |action| self.keymap.of(Mode::Baseline, action);
        let [compare, new] = [Action::Baseline, Action::NewBaseline].map(key);
        let text = format!("the baseline of {at} is kept; {compare}, then {new} replaces it");
        self.notice.switched(text);
    }

    /// Counts a part of what was before the baseline. False if all of that has been counted.
    pub(super) fn count_before_baseline(&mut self) -> bool {
        let own = &self.view_filter.self_traffic;
        let Some(baseline) = &mut self.baseline else {
            return false;
        };
        let is_counting = baseline.is_counting_before(&self.store);
        if is_counting {
            baseline.work(&self.store, |session| !own.is(session));
        }
        is_counting
    }

    /// True at the end of a recording that can be gone through: nothing follows that a baseline here could be compared with.
    pub fn is_at_end(&self) -> bool {
        let is_whole = self.past.seekable.is_some() && self.replay_speed.is_none();
        self.is_replay && is_whole && !self.is_past()
    }

    /// Says how to set a baseline where the end of a recording is compared with it.
    pub fn earlier_baseline(&self) -> String {
        let key = |action| self.keymap.of(Mode::Table, action);
        let [back, time, set, leave] = [
            key(Action::StepInTime(-1)),
            key(Action::GoToTime),
            // where there is a baseline, this one replaces it
            match self.baseline.is_some() {
                true => self.keymap.of(Mode::Baseline, Action::NewBaseline),
                false => key(Action::Baseline),
            },
            key(Action::ClearFilter),
        ];
        format!(
            "Nothing follows: go back with {back} or {time}, press {set} there, then come back with {leave}."
        )
    }

    /// Sets a new baseline.
    pub fn set_baseline(&mut self) {
        let talkers = self.panes.all();
        let baseline = Baseline::new(self.first_ns, self.now_ns, talkers, &self.store);
        self.baseline = Some(Box::new(baseline));
        self.baseline_ns = self.now_ns;
        self.baseline_set = self.names.times.clock.wall(self.now_ns);
        self.update_baseline();
        self.refresh_screen();
    }

    /// Compares all that is shown with a moment of a recording.
    ///
    /// # Errors
    /// If the recording cannot be read.
    pub fn compare_with(&mut self, compared: ComparedRecording) -> anyhow::Result<()> {
        let ComparedRecording {
            mut passage,
            to_ns,
            file,
        } = compared;
        let mut then = self.blank();
        let trying = || format!("cannot compare with {file}");
        let mut has_ended = false;
        loop {
            match passage.next(to_ns).with_context(trying)? {
                (Some(batch), _) => {
                    then.take_batch(batch);
                    while then.is_arriving() {
                        then.work();
                    }
                }
                (None, true) => {}
                (None, false) if then.has_snapshot() || has_ended => break,
                // one without snapshots has a state only at its end
                (None, false) => {
                    passage.end();
                    has_ended = true;
                }
            }
        }
        if !then.has_snapshot() {
            anyhow::bail!("{}: it has nothing up to that time", trying());
        }
        let baseline = then.counted_baseline();
        let at = passage.wall(then.now_ns);
        let key = self.keymap.of(Mode::Table, Action::Baseline);
        let text = format!("compared with {file} at {}; {key} shows it", then.time(at));
        self.notice.say_next(text);
        self.reference = Some(Arc::new((baseline, at)));
        Ok(())
    }

    /// A baseline of the present moment that has counted all sessions before it.
    pub(super) fn counted_baseline(&self) -> Baseline {
        let talkers = self.panes.all();
        let mut baseline = Baseline::new(self.first_ns, self.now_ns, talkers, &self.store);
        let own = &self.view_filter.self_traffic;
        while baseline.is_working(&self.store) {
            baseline.work(&self.store, |session| !own.is(session));
        }
        baseline
    }

    /// Sets the baseline of a recording at the first moment that there is.
    pub(super) fn place_reference(&mut self) {
        if let Some(reference) = &self.reference
            && !std::mem::replace(&mut self.is_compared, true)
        {
            let (baseline, set) = &**reference;
            let placed = baseline.placed(self.now_ns, self.panes.all(), &self.store);
            self.baseline = Some(Box::new(placed));
            self.baseline_set = *set;
            // no way to another moment leads past it
            self.baseline_ns = u64::MAX;
        }
    }

    /// Asks to press the key again before a baseline is lost, since it cannot be had back. False if the action leaves it.
    pub(super) fn asks_before(&mut self, action: Action) -> bool {
        let live = self.live();
        let shown = self.baseline.is_some().then_some(self.baseline_set);
        // that of now, which a moment of the past before it does not show
        let hidden = self.is_past() && live.baseline.is_some();
        let hidden = hidden.then_some(live.baseline_set);
        let lost = match action {
            Action::ClearBaseline => [shown, None],
            Action::Baseline if shown.is_none() => [hidden, None],
            Action::NewBaseline if !self.is_at_end() => {
                let other = hidden.filter(|hidden| Some(*hidden) != shown);
                [shown, other]
            }
            _ => return false,
        };
        let lost = lost.into_iter().flatten().map(|set| self.time(set));
        let lost = lost.collect::<Vec<_>>().join(" and ");
        if lost.is_empty() {
            return false;
        }
        let key = self.keymap.of(self.layers.mode(), action);
        let does = match action {
            Action::ClearBaseline => "clears the baseline for good".to_owned(),
            _ => format!("replaces the baseline of {lost}"),
        };
        let text = format!("{key} again {does}; any other key keeps it");
        self.notice.ask(action, text);
        true
    }

    /// Clears the baseline, and leaves the comparison.
    pub fn clear_baseline(&mut self) -> Option<Effect> {
        self.baseline = None;
        self.reference = None;
        match self.layers.screen() {
            Some(Screen::Baseline(_)) => self.leave_screen(),
            _ => None,
        }
    }

    /// Updates the comparison after a snapshot, or when it opens.
    pub fn update_baseline(&mut self) {
        let is_shown = matches!(self.layers.screen(), Some(Screen::Baseline(_)));
        if let Some(baseline) = &mut self.baseline {
            baseline.take_snapshot(self.now_ns, is_shown);
        }
    }
}
