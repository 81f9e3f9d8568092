//! Opening, leaving and refreshing the screens shown instead of the table.

use std::ops::ControlFlow::{Break, Continue};

use crate::filter::for_difference::filter_for_difference;
use crate::filter::for_failure::filter_for_failure;
use crate::model::fields;
use crate::model::measures::MEASURES;
use crate::model::session::Session;
use crate::ui::action::{Action, Mode, Purpose};
use crate::ui::app::effect::Effect;
use crate::ui::app::update::Offer;
use crate::ui::app::way_back::{LineStep, MOST_STEPS, OrderBefore, Pages, Step, Way};
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

/// Notice about a key for the selected line where there is none.
pub(super) const NOT_SELECTED: &str = "there is no line to select";

impl App {
    /// Leaves the screen for what its selected line leads to.
    pub(super) fn leave_screen_for<T: Default>(&mut self, show: impl FnOnce(&mut App) -> T) -> T {
        let Some(screen) = self.layers.take_screen() else {
            return T::default();
        };
        let before = self.view_filter.choice();
        let sorted = screen.sorts_by();
        // a screen that it shows has no other way back
        let mut earlier = std::mem::take(&mut self.way_back);
        let shown = show(self);
        let order = sorted.and_then(|word| self.sort_for_line(word));
        let (to, since) = (self.base(), self.view_filter.choice());
        if to != screen.mode() {
            let focus = self.layers.focus();
            let way = Way::Line(Box::new(LineStep {
                before,
                since,
                order,
            }));
            earlier.push(Step::new(Pages::of(screen, focus), to, way));
        }
        self.way_back = earlier;
        self.adapt_to_layout();
        shown
    }

    /// Sorts the sessions of a line by a field, the largest first. Returns the order before, if it was another one.
    fn sort_for_line(&mut self, word: &str) -> Option<OrderBefore> {
        let given = Sort {
            field: fields::by_word(word)?,
            inverted: false,
        };
        if self.sort == given {
            return None;
        }
        let order = OrderBefore {
            sort: self.sort,
            before_following: self.before_following,
            given,
        };
        self.before_following = None;
        self.set_sort(given);
        Some(order)
    }

    /// Returns to the order before, unless another one was chosen since.
    fn sort_as_before(&mut self, order: &OrderBefore) {
        if self.sort == order.given && self.before_following.is_none() {
            self.set_sort(order.sort);
            self.before_following = order.before_following;
        }
    }

    /// Mode of the screen that is shown instead of the sessions, or theirs.
    fn base(&self) -> Mode {
        self.layers.screen().map_or(Mode::Table, Screen::mode)
    }

    /// True if there is a page to go back to from here. After other sessions were chosen, those of a line are not on the way any
    /// more.
    pub(super) fn can_go_back(&self) -> bool {
        let is_left = |step: &Step| self.layers.detail().is_none() && step.way.is_other_end();
        let last = self.way_back.last().filter(|step| !is_left(step));
        last.is_some_and(|step| step.to == self.base() && self.is_open_way(step))
    }

    /// True if the sessions are those of a line of another screen, to which there is a way back.
    pub(super) fn are_sessions_of_a_line(&self) -> bool {
        let last = self.way_back.last();
        let is_line = last.is_some_and(|step| matches!(step.way, Way::Line(_)));
        let is_here = self.layers.mode() == Mode::Table && !self.returns_to_now();
        is_here && is_line && self.can_go_back()
    }

    fn is_open_way(&self, step: &Step) -> bool {
        match &step.way {
            Way::Line(line) => self.view_filter.is_choice(&line.since),
            Way::Key | Way::Tabs | Way::OtherEnd | Way::Prompt => true,
        }
    }

    /// True if a step led to a screen, or to the sessions that it shows.
    fn leads_to(&self, step: &Step, screen: Mode) -> bool {
        [screen, Mode::Table].contains(&step.to) && self.is_open_way(step)
    }

    /// The step on the way back that leads to a screen. Of those by a line, only the last one counts: its sessions may be seen on
    /// any screen.
    fn step_back_to(&self, screen: Mode) -> Option<usize> {
        let mut at = self.base();
        for (i, step) in self.way_back.iter().enumerate().rev() {
            if !self.leads_to(step, at) {
                return None;
            }
            at = step.pages.base();
            if at == screen {
                return Some(i);
            }
            if matches!(step.way, Way::Line(_)) {
                return None;
            }
        }
        None
    }

    /// Opens the details of the other end, or goes back to them.
    pub(super) fn open_other_end(&mut self, other: Option<Session>) -> Option<Effect> {
        let other = other?;
        let is_it = |step: &Step| {
            let detail = step.pages.detail;
            step.way.is_other_end() && detail.is_some_and(|(id, _)| id == other.id())
        };
        if self.way_back.last().is_some_and(is_it) {
            return self.go_back_a_step(true);
        }
        let base = self.base();
        let (pages, _) = self.set_aside();
        self.remember_step(base, Step::new(pages, base, Way::OtherEnd));
        self.open(Some(other))
    }

    /// Goes back from the details of a session, to those of its other end if one came from there.
    pub(super) fn go_back_from_detail(&mut self) -> Option<Effect> {
        if self
            .way_back
            .last()
            .is_some_and(|step| step.way.is_other_end())
        {
            return self.go_back_a_step(true);
        }
        self.leave_detail();
        self.adapt_to_layout();
        None
    }

    /// Forgets details that were left in another way.
    pub(super) fn forget_other_ends(&mut self) {
        if self.layers.detail().is_none() {
            while self
                .way_back
                .pop_if(|step| step.way.is_other_end())
                .is_some()
            {}
        }
    }

    /// Goes back a step, with what was shown and selected then.
    pub(super) fn go_back(&mut self) -> Offer {
        self.forget_other_ends();
        match self.can_go_back() {
            true => Break(self.go_back_a_step(true)),
            false => Continue(()),
        }
    }

    /// Goes back a step, or from the screen to the sessions.
    pub(super) fn leave_screen(&mut self) -> Option<Effect> {
        match self.go_back() {
            Break(effect) => effect,
            Continue(()) => {
                self.layers.take_screen();
                self.update_baseline();
                self.adapt_to_layout();
                None
            }
        }
    }

    /// Goes back a step: to all pages, or to the screen below them alone.
    fn go_back_a_step(&mut self, to_all: bool) -> Option<Effect> {
        let Step { pages, way, .. } = self.way_back.pop()?;
        let chosen = self.drop_pages();
        let mut selected = None;
        if let Way::Line(line) = &way {
            selected = self.view_filter.return_to(line.before.clone());
        }
        let looked_up = self.put_back(pages, to_all);
        match &way {
            Way::Line(line) => {
                self.choose();
                if let Some(order) = &line.order {
                    self.sort_as_before(order);
                }
                if let Some(selected) = selected {
                    self.select_again(selected);
                }
            }
            Way::Key | Way::Tabs | Way::OtherEnd | Way::Prompt => self.restart_screen(),
        }
        self.update_baseline();
        self.adapt_to_layout();
        chosen.or(looked_up)
    }

    /// Shows pages that were set aside.
    fn put_back(&mut self, pages: Pages, to_all: bool) -> Option<Effect> {
        self.turn_to(pages.focus);
        if let Some(screen) = pages.screen {
            self.layers.push(Layer::Screen(screen));
        }
        if !to_all {
            return None;
        }
        if let Some((id, top)) = pages.detail {
            self.reopen_detail(id, top);
        }
        if let Some(chooser) = pages.chooser {
            self.layers.push(Layer::Chooser(chooser));
        }
        if let Some(help) = pages.help {
            self.layers.push(Layer::Help(help));
        }
        self.due()
    }

    /// Takes away all that covers the sessions, to be shown again. The effect keeps chosen columns.
    fn set_aside(&mut self) -> (Pages, Option<Effect>) {
        let help = self.layers.take_help();
        while self.layers.take_help().is_some() {}
        let detail = self.layers.detail().map(|shown| (shown.id(), shown.top));
        self.leave_detail();
        self.layers.take_sort_menu();
        let chooser = self.layers.take_chooser();
        let words = chooser.as_ref().and_then(|c| c.changed(&self.columns));
        let pages = Pages {
            focus: self.layers.focus(),
            screen: self.layers.take_screen(),
            detail,
            chooser,
            help,
        };
        (pages, words.map(Effect::KeepColumns))
    }

    /// Takes away all that covers the sessions, for good.
    fn drop_pages(&mut self) -> Option<Effect> {
        self.set_aside().1
    }

    /// Remembers the way from these pages. What leads elsewhere is not on it.
    fn remember_step(&mut self, base: Mode, step: Step) {
        let is_on_the_way = |last: &Step| self.leads_to(last, base);
        if !self.way_back.last().is_none_or(is_on_the_way) {
            self.way_back.clear();
        }
        // a walk along the tabs ends where it began, also at the sessions
        if !step.pages.is_empty() || matches!(step.way, Way::Tabs) {
            let over = (self.way_back.len() + 1).saturating_sub(MOST_STEPS);
            self.way_back.drain(..over);
            self.way_back.push(step);
        }
    }

    /// Shows the screen of this mode, whatever is above the sessions now.
    pub fn go_to(&mut self, mode: Mode) -> Option<Effect> {
        self.go(mode, Way::Key)
    }

    fn go(&mut self, mode: Mode, way: Way) -> Option<Effect> {
        let (_, present) = self.layers.present();
        if mode == present.mode && mode != Mode::Table {
            return None;
        }
        if mode == Mode::Help {
            return self.update(Action::Help);
        }
        if self.layers.prompt().is_some() {
            // the help was opened on it
            self.layers.take_help();
            self.update(Action::Cancel);
        }
        if mode != Mode::Table {
            return self.show_screen(mode, way);
        }
        let effect = self.drop_pages();
        while !self.way_back.is_empty() && !self.can_go_back() {
            self.way_back.pop();
        }
        self.turn_to(Focus::Table);
        self.adapt_to_layout();
        effect
    }

    /// Shows the screen this many tabs to the right, after the last one the first.
    pub(super) fn step_screen(&mut self, by: isize) -> Option<Effect> {
        let modes: Vec<Mode> = tabs().map(|t| t.mode).collect();
        let (_, present) = self.layers.present();
        let at = modes.iter().position(|m| *m == present.mode)?;
        let next = (at as isize + by).rem_euclid(modes.len() as isize);
        let effect = self.go(modes[next as usize], Way::Tabs);
        self.say_where(by);
        effect
    }

    /// Says which screen a step along the tabs has led to, and which keys lead on and back.
    fn say_where(&mut self, by: isize) {
        let (_, present) = self.layers.present();
        let key = |action| self.keymap.of(self.layers.mode(), action);
        let on = key(Action::StepScreen(by));
        let text = match present.mode {
            Mode::Table => format!("{}; {on} goes on", present.name),
            Mode::Help => format!(
                "{}; {} goes back, {on} goes on",
                present.name,
                key(Action::Help)
            ),
            _ => format!(
                "{}; {} goes back, {on} goes on",
                present.name,
                key(Action::Back)
            ),
        };
        self.notice.switched(text);
    }

    /// Opens the screen of this mode, or leaves it if it is on top.
    pub(super) fn turn_to_screen(&mut self, mode: Mode) -> Option<Effect> {
        let (_, present) = self.layers.present();
        match present.mode == mode {
            true => self.leave_screen(),
            false => self.go_to(mode),
        }
    }

    /// Goes to the sessions to filter them, until the prompt is left.
    pub(super) fn filter_sessions(&mut self) -> Option<Effect> {
        let base = self.base();
        let (pages, effect) = self.set_aside();
        self.turn_to(Focus::Table);
        self.remember_step(base, Step::new(pages, Mode::Table, Way::Prompt));
        self.open_prompt(Purpose::Filter);
        effect
    }

    /// True if `Enter` on a line of another page has led here.
    pub(super) fn came_by_line(&self) -> bool {
        let last = self.way_back.last();
        self.can_go_back() && last.is_some_and(|step| matches!(step.way, Way::Line(_)))
    }

    /// Goes back to the page on which the prompt was opened, if that is not on the screen.
    pub(super) fn return_from_prompt(&mut self) -> Option<Effect> {
        self.came_by_prompt().then(|| self.go_back_a_step(true))?
    }

    /// Stays at the sessions, whichever page the prompt was opened on.
    pub(super) fn stay_after_prompt(&mut self) {
        if self.came_by_prompt() {
            self.way_back.clear();
        }
    }

    fn came_by_prompt(&self) -> bool {
        let last = self.way_back.last();
        last.is_some_and(|step| matches!(step.way, Way::Prompt))
    }

    /// Shows a screen instead of any other.
    fn show_screen(&mut self, mode: Mode, way: Way) -> Option<Effect> {
        let base = self.base();
        if base == mode {
            // below the help
            let (pages, effect) = self.set_aside();
            let only = Pages {
                detail: None,
                chooser: None,
                help: None,
                ..pages
            };
            self.put_back(only, true);
            self.adapt_to_layout();
            return effect;
        }
        if let Some(at) = self.step_back_to(mode) {
            // the key of the screen that one came from leads back to it
            self.way_back.truncate(at + 1);
            return self.go_back_a_step(false);
        }
        let (pages, effect) = self.set_aside();
        let last = self.way_back.last_mut();
        match last.filter(|step| matches!((&step.way, &way), (Way::Tabs, Way::Tabs))) {
            // a walk along the tabs is one step
            Some(step) if step.to == base => step.to = mode,
            _ => {
                let help = pages.help.filter(|_| matches!(way, Way::Key));
                let pages = Pages { help, ..pages };
                self.remember_step(base, Step::new(pages, mode, way));
            }
        }
        let screen = match mode {
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
        effect
    }

    /// Handles an action on a screen.
    pub(super) fn update_screen(&mut self, action: Action) -> Offer {
        let area = self.layout().main;
        let Some(screen) = self.layers.screen_mut() else {
            return Continue(());
        };
        let narrow = match (screen, action) {
            (_, Action::Back) => return Break(self.leave_screen()),
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
                if let Action::Move(motion) = action
                    && !buckets.is_empty()
                {
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
            (Screen::Failures(shown), Action::Move(_)) if shown.selected().is_none() => {
                self.notice.hint(NOT_SELECTED.into());
                None
            }
            (Screen::Baseline(shown), Action::Move(_)) if shown.selected().is_none() => {
                self.notice.hint(NOT_SELECTED.into());
                None
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
                shown.go(motion, list_area::baseline(area).count(area));
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
                    false if self.is_at_end() => self.notice.hint(self.earlier_baseline()),
                    false => self.set_baseline(),
                }
                None
            }
            (Screen::Baseline(_), Action::ClearBaseline) => return Break(self.clear_baseline()),
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
            Some(Screen::Baseline(shown)) => shown
                .list
                .wheel(list_area::baseline(area).count(area), down),
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
            let height = list_area::baseline(area).count(area);
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
                shown.refresh(
                    baseline,
                    self.panes.all(),
                    list_area::baseline(area).count(area),
                );
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
