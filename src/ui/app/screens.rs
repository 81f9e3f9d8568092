//! Opening, leaving and refreshing the screens shown instead of the table.

use std::ops::ControlFlow::{Break, Continue};

use crate::filter::for_difference::filter_for_difference;
use crate::filter::for_failure::filter_for_failure;
use crate::model::fields;
use crate::model::measures::MEASURES;
use crate::ui::action::{Action, Mode};
use crate::ui::app::effect::Effect;
use crate::ui::app::update::Offer;
use crate::ui::app::{App, Sort};
use crate::ui::keys::titles::tabs;
use crate::ui::layout;
use crate::ui::layout::list_area;
use crate::ui::layout::panes::Focus;
use crate::ui::state::distributions::Distributions;
use crate::ui::state::drops::DropLine;
use crate::ui::state::failures::Failures;
use crate::ui::state::findings::FindingLine;
use crate::ui::state::layers::Layer;
use crate::ui::state::listeners::ListenerLine;
use crate::ui::state::ports::PortLine;
use crate::ui::state::screens::Screen;
use crate::ui::state::table_screen::{LineSources, Lines};
use crate::ui::state::view_filter::Choice;

/// The order of sessions that failed: there is no rate to sort by.
const FAILED_BY: &str = "ended";

/// Notice about a key for the selected line where there is none.
pub(super) const NOT_SELECTED: &str = "there is no line to select";

/// A screen that was left for the sessions of one of its lines, or for the screen that says more about it.
#[derive(Debug)]
pub(super) struct LeftScreen {
    screen: Screen,
    /// Mode of the sessions or of the screen that `Enter` led to.
    to: Mode,
    /// The choice of sessions before, and since.
    before: Choice,
    since: Choice,
    /// The order before, if the sessions were given another one.
    order: Option<Sort>,
}

/// Maximum number of screens to go back to, one after the other.
const MOST_LEFT: usize = 8;

impl App {
    /// Leaves the screen for what its selected line leads to.
    pub(super) fn leave_screen_for<T: Default>(&mut self, show: impl FnOnce(&mut App) -> T) -> T {
        let Some(screen) = self.layers.take_screen() else {
            return T::default();
        };
        let before = self.view_filter.choice();
        // going to a screen by its own key is another way, which forgets this one
        let mut earlier = std::mem::take(&mut self.left_screens);
        let shown = show(self);
        let order = match screen {
            Screen::Failures(_) => self.sort_failed(),
            _ => None,
        };
        let (to, since) = (self.base(), self.view_filter.choice());
        if to != screen.mode() {
            earlier.drain(..(earlier.len() + 1).saturating_sub(MOST_LEFT));
            earlier.push(LeftScreen {
                screen,
                to,
                before,
                since,
                order,
            });
        }
        self.left_screens = earlier;
        self.adapt_to_layout();
        shown
    }

    /// Sorts sessions that failed by their end, the last one first, if the order is that of the start. Returns that.
    fn sort_failed(&mut self) -> Option<Sort> {
        let before = self.sort;
        let is_first = before.field == fields::busiest() && !before.inverted;
        let ended = fields::by_word(FAILED_BY).filter(|_| is_first)?;
        self.sort_by(ended);
        Some(before)
    }

    /// Mode of the screen that is shown instead of the sessions, or theirs.
    fn base(&self) -> Mode {
        self.layers.screen().map_or(Mode::Table, Screen::mode)
    }

    /// The screen to go back to from the sessions or the screen that it led to, unless other sessions were chosen since.
    pub(super) fn screen_to_return_to(&self) -> Option<Mode> {
        let left = self.left_screens.last();
        let left = left.filter(|l| l.to == self.base() && self.view_filter.is_choice(&l.since));
        left.map(|l| l.screen.mode())
    }

    /// Goes back to the screen that was left, with what was shown and selected then. False if there is none.
    pub(super) fn return_to_screen(&mut self) -> bool {
        let is_here = self.screen_to_return_to().is_some();
        if is_here {
            self.return_to_last();
        }
        is_here
    }

    fn return_to_last(&mut self) {
        let Some(left) = self.left_screens.pop() else {
            return;
        };
        let selected = self.view_filter.return_to(left.before);
        self.layers.take_screen();
        self.layers.push(Layer::Screen(left.screen));
        self.choose();
        if let Some(order) = left.order.filter(|_| self.sort.field.word == FAILED_BY) {
            self.set_sort(order);
        }
        if selected.is_some() {
            self.select_again(selected);
        }
        self.update_baseline();
        self.adapt_to_layout();
    }

    /// Shows the screen of this mode, whatever is above the sessions now.
    pub(super) fn go_to(&mut self, mode: Mode) -> Option<Effect> {
        let (_, present) = self.layers.present();
        if mode == present.mode && mode != Mode::Table {
            return None;
        }
        if mode == Mode::Help {
            return self.update(Action::Help);
        }
        let effect = self.leave_pages();
        let is_shown = |s: &Screen| s.mode() == mode;
        if mode == Mode::Table {
            self.layers.take_screen();
            self.turn_to(Focus::Table);
        } else if !self.layers.screen().is_some_and(is_shown) {
            self.toggle_screen(mode);
        }
        self.adapt_to_layout();
        effect
    }

    /// Shows the screen this many tabs to the right, after the last one the first.
    pub(super) fn step_screen(&mut self, by: isize) -> Option<Effect> {
        let modes: Vec<Mode> = tabs().map(|t| t.mode).collect();
        let (_, present) = self.layers.present();
        let at = modes.iter().position(|m| *m == present.mode)?;
        let next = (at as isize + by).rem_euclid(modes.len() as isize);
        self.go_to(modes[next as usize])
    }

    /// Opens the screen of this mode, or leaves it if it is on top.
    pub(super) fn turn_to_screen(&mut self, mode: Mode) -> Option<Effect> {
        let (_, present) = self.layers.present();
        if present.mode != mode {
            return self.go_to(mode);
        }
        self.toggle_screen(mode);
        None
    }

    /// Leaves everything that covers the sessions or the screen instead of them.
    fn leave_pages(&mut self) -> Option<Effect> {
        self.layers.take_help();
        if self.layers.prompt().is_some() {
            // the help was opened on it
            self.update(Action::Cancel);
        }
        self.leave_detail();
        self.leave_chooser().map(Effect::KeepColumns)
    }

    /// Opens a screen instead of any other, or leaves it again.
    pub fn toggle_screen(&mut self, mode: Mode) {
        // another screen about the same sessions is a detour on the way back
        let is_on_the_way = |l: &&LeftScreen| {
            [self.base(), Mode::Table].contains(&l.to) && self.view_filter.is_choice(&l.since)
        };
        match self.left_screens.last().filter(is_on_the_way) {
            // the key of the screen that one came from leads back to it
            Some(left) if left.screen.mode() == mode => return self.return_to_last(),
            Some(left) if left.to == Mode::Table => {}
            _ => self.left_screens.clear(),
        }
        let before = self.layers.take_screen().map(|screen| screen.mode());
        let screen = match mode {
            _ if before == Some(mode) => None,
            Mode::Distributions => {
                let distributions = Distributions::new(&self.store, &self.view_filter);
                Some(Screen::Distributions(Box::new(distributions)))
            }
            Mode::Failures => {
                let failures = Failures::new(&self.store, &self.view_filter, &self.failed);
                Some(Screen::Failures(Box::new(failures)))
            }
            Mode::Baseline => Some(Screen::Baseline(Box::default())),
            Mode::Ports => Some(Screen::Table(Box::<Lines<PortLine>>::default())),
            Mode::Findings => Some(Screen::Table(Box::<Lines<FindingLine>>::default())),
            Mode::Listeners => Some(Screen::Table(Box::<Lines<ListenerLine>>::default())),
            Mode::Drops => Some(Screen::Table(Box::<Lines<DropLine>>::default())),
            _ => None,
        };
        if let Some(screen) = screen {
            self.layers.push(Layer::Screen(screen));
        }
        self.update_baseline();
        self.adapt_to_layout();
    }

    /// Handles an action on a screen.
    pub(super) fn update_screen(&mut self, action: Action) -> Offer {
        let area = self.layout().main;
        let Some(screen) = self.layers.screen_mut() else {
            return Continue(());
        };
        let narrow = match (screen, action) {
            (_, Action::Back) => {
                if !self.return_to_screen() {
                    self.layers.take_screen();
                    self.adapt_to_layout();
                }
                return Break(None);
            }
            (Screen::Distributions(shown), Action::NextPane) => {
                shown.turn(1);
                None
            }
            (Screen::Distributions(shown), Action::PreviousPane) => {
                shown.turn(-1);
                None
            }
            (Screen::Distributions(shown), Action::Move(_) | Action::Narrow)
                if shown.selected == layout::distributions::HOST =>
            {
                let next = self.keymap.of(Mode::Distributions, Action::NextPane);
                self.notice.hint(format!(
                    "this chart has no bars to select; {next} goes to the next one"
                ));
                return Break(None);
            }
            (Screen::Distributions(shown), Action::Move(_) | Action::Narrow) => {
                let which = shown.selected;
                let width = layout::distributions::areas(area, which)[which].width;
                let buckets = layout::distributions::buckets(&shown.histogram(which), width);
                if let Action::Move(motion) = action {
                    shown.go(motion, &buckets);
                    None
                } else {
                    let bucket = buckets.get(shown.bucket(which, &buckets));
                    if bucket.is_none() {
                        self.notice.hint(NOT_SELECTED.into());
                    }
                    bucket.map(|b| MEASURES[which].filter(b))
                }
            }
            (Screen::Failures(shown), Action::Move(motion)) => {
                shown.go(motion, list_area::FAILURES.count(area));
                None
            }
            (Screen::Failures(shown), Action::Narrow) => match shown.selected() {
                Some(failure) if shown.is_gone(failure) => {
                    let text =
                        "its sessions are not kept any more: they were evicted by newer ones";
                    self.notice.hint(text.into());
                    None
                }
                Some(failure) => Some(filter_for_failure(&failure)),
                None => {
                    self.notice.hint(NOT_SELECTED.into());
                    None
                }
            },
            (Screen::Baseline(shown), Action::Move(motion)) => {
                shown.go(motion, list_area::BASELINE.count(area));
                None
            }
            (Screen::Baseline(shown), Action::Narrow) => {
                match shown.selected().map(filter_for_difference) {
                    // a comparison covers all sessions, whatever the filter was
                    Some(filter) => self.leave_screen_for(|app| app.show_all_of(&filter)),
                    None => self.notice.hint(NOT_SELECTED.into()),
                }
                None
            }
            (Screen::Failures(shown), Action::LatestFirst) => {
                shown.latest_first = !shown.latest_first;
                self.refresh_screen();
                None
            }
            (Screen::Baseline(_), Action::NewBaseline) => {
                match self.is_past() {
                    true => self.set_baseline_then(),
                    false => self.set_baseline(),
                }
                None
            }
            (Screen::Baseline(_), Action::ClearBaseline) => {
                self.clear_baseline();
                None
            }
            _ => return Continue(()),
        };
        if let Some(filter) = narrow {
            self.leave_screen_for(|app| app.narrow(&filter));
        }
        Break(None)
    }

    /// Selects the line at this offset from the first visible one. True if it was selected already.
    pub fn click_on_screen(&mut self, line: usize) -> bool {
        match self.layers.screen_mut() {
            Some(Screen::Failures(shown)) => shown.list.click(line),
            Some(Screen::Baseline(shown)) => shown.list.click(line),
            Some(Screen::Table(shown)) => shown.click(line),
            Some(Screen::Distributions(_)) | None => false,
        }
    }

    /// Scrolls the lines; the selection stays visible.
    pub fn wheel_on_screen(&mut self, down: bool) {
        let area = self.layout().main;
        match self.layers.screen_mut() {
            Some(Screen::Failures(shown)) => {
                shown.list.wheel(list_area::FAILURES.count(area), down)
            }
            Some(Screen::Baseline(shown)) => {
                shown.list.wheel(list_area::BASELINE.count(area), down)
            }
            Some(Screen::Table(shown)) => {
                let lines = list_area::lines(shown.remark_lines(), area);
                shown.wheel(lines.count(area), down);
            }
            Some(Screen::Distributions(_)) | None => {}
        }
    }

    /// Counts again from the start, for a changed filter.
    pub fn restart_screen(&mut self) {
        if let Some(screen) = self.layers.screen_mut() {
            screen.restart(&self.store, &self.view_filter, &self.failed);
        }
        self.refresh_screen();
    }

    /// True while sessions remain to be counted.
    pub fn is_screen_working(&self) -> bool {
        let baseline = self.baseline.as_ref();
        baseline.is_some_and(|b| b.is_working(&self.store))
            || self
                .layers
                .screen()
                .is_some_and(|s| s.is_working(&self.store))
    }

    /// Counts the next chunk.
    pub fn work_on_screen(&mut self) {
        let area = self.layout().main;
        let (store, view_filter) = (&self.store, &self.view_filter);
        if let Some(Screen::Baseline(shown)) = self.layers.screen_mut()
            && shown.is_working()
        {
            let height = list_area::BASELINE.count(area);
            match &self.baseline {
                Some(baseline) => shown.work(baseline, self.panes.all(), height),
                None => shown.stop(),
            }
            return;
        }
        let mut baseline_has_news = false;
        if let Some(baseline) = &mut self.baseline {
            baseline_has_news = baseline.work(store, |s| !view_filter.self_traffic.is(s));
        }
        match self.layers.screen_mut() {
            // comparing takes longer than counting a chunk
            Some(Screen::Baseline(_)) if !baseline_has_news => return,
            Some(screen) => screen.work(store, view_filter),
            None => {}
        }
        self.refresh_screen();
    }

    /// Sorts the lines again.
    pub fn refresh_screen(&mut self) {
        let area = self.layout().main;
        match (self.layers.screen_mut(), &self.baseline) {
            (Some(Screen::Failures(shown)), _) => {
                let height = list_area::FAILURES.count(area);
                shown.refresh(self.first_ns, self.now_ns, height);
            }
            (Some(Screen::Baseline(shown)), Some(baseline)) => {
                shown.refresh(baseline, self.panes.all(), list_area::BASELINE.count(area));
            }
            (Some(Screen::Table(shown)), _) => {
                let sources = LineSources {
                    host: &self.host_state,
                    findings: &self.findings,
                    store: &self.store,
                    names: &self.names,
                    ports: &self.ports,
                    now_ns: self.now_ns,
                };
                let lines = list_area::lines(shown.remark_lines(), area);
                shown.refresh(&sources, lines.count(area));
            }
            _ => {}
        }
    }
}
