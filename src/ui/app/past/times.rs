//! Typed texts about the past: times, and the condition on which the black box freezes.

use crate::text::moment;
use crate::text::units::S;
use crate::ui::app::App;
use crate::ui::app::asked::{CarryOut, LineError};
use crate::ui::app::effect::Effect;
use crate::ui::state::asked::Asks;
use crate::ui::state::past::{FreezeOn, Watch};
use jiff::Timestamp;

/// Time before and after a moment of the past that is offered to be saved, ns.
const AROUND_NS: u64 = 120 * S;

impl App {
    /// Opens the prompt for a time.
    pub(in crate::ui::app) fn ask_time(&mut self) {
        self.ask(Asks::Time, String::new());
    }

    /// Opens the prompt for a condition; thaws the black box if it is frozen.
    pub(in crate::ui::app) fn ask_freeze_on(&mut self) -> Option<Effect> {
        if self.past.black_box.is_frozen {
            let effect = self.is_past().then(|| self.return_to_now()).flatten();
            self.past.black_box.thaw();
            self.past.watch = None;
            self.notice.say("the black box goes on, from now".into());
            return effect;
        }
        let text = self.past.watch.as_ref().map(|watch| watch.on.to_string());
        self.ask(Asks::FreezeOn, text.unwrap_or_default());
        None
    }

    /// The effect of a typed condition.
    pub(in crate::ui::app) fn condition_of(&self, text: &str) -> Result<CarryOut, LineError> {
        if text.trim().is_empty() {
            return Ok(Box::new(|app| {
                if app.past.watch.take().is_some() {
                    app.notice.say("the black box does not freeze".into());
                }
                None
            }));
        }
        let on = FreezeOn::parse(text, self.uid_of)?;
        Ok(Box::new(move |app| {
            let text = format!("the black box freezes 2 minutes after `{on}`");
            app.notice.say(text);
            app.past.watch = Some(Watch::new(on));
            None
        }))
    }

    /// The effect of a typed time.
    pub(in crate::ui::app) fn time_of(&self, text: &str) -> Result<CarryOut, LineError> {
        let to_ns = self.time_to_go(text)?;
        let remark = self.remark_on_clock(text);
        Ok(Box::new(move |app| {
            let effect = app.go_to_moment(to_ns);
            if let Some(remark) = remark {
                app.notice.say(remark);
            }
            effect
        }))
    }

    /// The wall-clock time of a text, and true if it asks for the first time that the clock had it.
    fn wall_of(&self, text: &str) -> Result<(Timestamp, bool), LineError> {
        let first = moment::without_first(text);
        let text = first.unwrap_or(text);
        let live = self.live();
        let now = match text.trim() {
            "" | "now" => self.wall(live.now_ns),
            ago if ago.starts_with('-') => self.wall(live.now_ns),
            _ => live.names.times.clock.latest(live.now_ns),
        };
        let at = moment::looking_back(text, now, &self.names.times.zone)?;
        Ok((at, first.is_some()))
    }

    /// Times that can be typed now, each in another form.
    pub fn example_times(&self) -> Vec<String> {
        const AGO_NS: u64 = 1800 * S;
        let reach = self.reach();
        let between = reach.map(|(first_ns, last_ns)| {
            let back_ns = (last_ns.saturating_sub(first_ns) / 2).min(AGO_NS);
            self.time_at(last_ns - back_ns)
        });
        let is_there = |text: &&str| self.time_to_go(text).is_ok();
        let ago = ["-5m", "-30s", "-5s"].into_iter().find(is_there);
        let yesterday = Some("yesterday 03:12").filter(is_there);
        let others = ago.into_iter().chain(yesterday).map(str::to_owned);
        between.into_iter().chain(others).collect()
    }

    /// The boot time that a text means, ns. An error says what is possible.
    pub(super) fn time_to_go(&self, text: &str) -> Result<u64, LineError> {
        let (at, is_first) = self.wall_of(text)?;
        let now = self.wall(self.live().now_ns);
        let all = || 0..text.len();
        let Some((first_ns, _)) = self.reach() else {
            return Err((all(), self.why_empty().into()));
        };
        let clock = &self.live().names.times.clock;
        if at > clock.latest(self.live().now_ns) {
            return Err((all(), "is in the future".into()));
        }
        let boots = self.boots_of(at);
        let at_ns = match is_first {
            true => boots.last(),
            false => boots.first(),
        };
        let at_ns = at_ns.copied().or_else(|| clock.boot(at));
        let at_ns = at_ns.unwrap_or(0);
        // times of day are shown and typed to the second
        let whole_ns = match text.trim_start().starts_with('-') {
            true => 1,
            false => S,
        };
        if at_ns + whole_ns <= first_ns {
            let [first, now] = [self.wall(first_ns), now].map(|at| self.time(at));
            let what = match self.is_read(first_ns) {
                true => "the recording",
                false => "the black box",
            };
            let text = format!("{what} reaches from {first} to {now}");
            return Err((all(), text));
        }
        Ok(at_ns + whole_ns - 1)
    }

    /// Boot times up to now at which the clock had a time, the latest first, ns.
    fn boots_of(&self, at: Timestamp) -> Vec<u64> {
        let live = self.live();
        let mut boots = live.names.times.clock.all_boots(at);
        boots.retain(|ns| *ns <= live.now_ns);
        boots
    }

    /// Remark on a text whose time the clock had more or less than once.
    fn remark_on_clock(&self, text: &str) -> Option<String> {
        let (at, is_first) = self.wall_of(text).ok()?;
        let (first_ns, _) = self.reach()?;
        let boots = self.boots_of(at);
        let times = boots.iter().filter(|ns| **ns + S > first_ns).count();
        let time = self.time(at);
        match times {
            0 if boots.is_empty() => Some(format!(
                "the clock was set forward past {time}: this is the moment at which it was"
            )),
            2.. if is_first => Some(format!(
                "the clock was set back, and had {time} {times} times: this is the first one"
            )),
            2.. => Some(format!(
                "the clock was set back, and had {time} {times} times: this is the last one; `{time} {}` is the first",
                moment::FIRST
            )),
            _ => None,
        }
    }

    /// Times around a moment, as the prompt for a file takes them, as far as there is something.
    pub(in crate::ui::app) fn times_around(&self, at_ns: u64) -> String {
        let Some((first_ns, last_ns)) = self.reach() else {
            return String::new();
        };
        let zone = &self.names.times.zone;
        let today = self.wall(self.live().now_ns).to_zoned(zone.clone()).date();
        let text = |ns: u64| {
            let at = self
                .wall(ns.clamp(first_ns, last_ns))
                .to_zoned(zone.clone());
            let form = if at.date() == today { "%T" } else { "%F %T" };
            at.strftime(form).to_string()
        };
        let (from, to) = (at_ns.saturating_sub(AROUND_NS), at_ns + AROUND_NS);
        format!(" from {} to {}", text(from), text(to))
    }
}
