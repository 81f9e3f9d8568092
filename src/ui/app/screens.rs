//! Opening, leaving and refreshing the screens that take the place of the table.

use crate::filter::select;
use crate::ui::action::{Action, Mode};
use crate::ui::app::App;
use crate::ui::layout;
use crate::ui::layout::lines;
use crate::ui::state::distributions::{Distributions, MEASURES};
use crate::ui::state::failures::Failures;
use crate::ui::state::screens::Screen;

impl App {
    /// Opens a screen, or leaves it again.
    pub fn toggle_screen(&mut self, mode: Mode) {
        let is_there = self.screen.as_ref().is_some_and(|s| s.mode() == mode);
        self.screen = match mode {
            _ if is_there => None,
            Mode::Distributions => {
                let distributions = Distributions::new(&self.store, &self.choice);
                Some(Screen::Distributions(Box::new(distributions)))
            }
            Mode::Failures => {
                let failures = Failures::new(&self.store, &self.choice);
                Some(Screen::Failures(Box::new(failures)))
            }
            Mode::Marked => Some(Screen::Marked(Box::default())),
            _ => None,
        };
        self.look_since_mark();
        self.refresh_screen();
        self.turn_to(self.focus);
    }

    /// Does what a key asks for there.
    pub fn update_screen(&mut self, action: Action) {
        let area = self.layout().main;
        let mut narrow = None;
        match (&mut self.screen, action) {
            (Some(Screen::Distributions(shown)), Action::NextPane) => shown.turn(1),
            (Some(Screen::Distributions(shown)), Action::PreviousPane) => shown.turn(-1),
            (Some(Screen::Distributions(shown)), Action::Move(_) | Action::Narrow) => {
                let which = shown.selected;
                let width = layout::distributions::areas(area, which)[which].width;
                let buckets = layout::distributions::buckets(&shown.histogram(which), width);
                if let Action::Move(motion) = action {
                    shown.go(motion, &buckets);
                } else {
                    let bucket = buckets.get(shown.bucket(which, &buckets));
                    narrow = bucket.map(|b| MEASURES[which].filter(b));
                }
            }
            (Some(Screen::Failures(shown)), Action::Move(motion)) => {
                shown.go(motion, lines::FAILURES.count(area));
            }
            (Some(Screen::Failures(shown)), Action::Narrow) => {
                narrow = shown.selected().map(|f| f.filter());
            }
            (Some(Screen::Marked(shown)), Action::Move(motion)) => {
                shown.go(motion, lines::BASELINE.count(area));
            }
            (Some(Screen::Marked(shown)), Action::Narrow) => {
                narrow = shown.selected().map(|key| select::of_key(&key));
            }
            _ => {}
        }
        if let Some(filter) = narrow {
            self.screen = None;
            self.narrow(&filter);
            self.turn_to(self.focus);
        }
    }

    /// Selects what is on a line of it, the first shown is 0. True if it was chosen already.
    pub fn click_on_screen(&mut self, line: usize) -> bool {
        match &mut self.screen {
            Some(Screen::Failures(shown)) => shown.list.click(line),
            Some(Screen::Marked(shown)) => shown.list.click(line),
            Some(Screen::Distributions(_)) | None => false,
        }
    }

    /// Scrolls its lines; the selection stays in sight.
    pub fn wheel_on_screen(&mut self, down: bool) {
        let area = self.layout().main;
        match &mut self.screen {
            Some(Screen::Failures(shown)) => shown.list.wheel(lines::FAILURES.count(area), down),
            Some(Screen::Marked(shown)) => shown.list.wheel(lines::BASELINE.count(area), down),
            Some(Screen::Distributions(_)) | None => {}
        }
    }

    /// Other sessions are meant.
    pub fn restart_screen(&mut self) {
        if let Some(screen) = &mut self.screen {
            screen.restart(&self.store, &self.choice);
        }
        self.refresh_screen();
    }

    /// True while there is something to be counted.
    pub fn is_screen_working(&self) -> bool {
        let mark = self.mark.as_ref();
        mark.is_some_and(|m| m.is_working(&self.store))
            || self
                .screen
                .as_ref()
                .is_some_and(|s| s.is_working(&self.store))
    }

    /// Counts a part.
    pub fn work_on_screen(&mut self) {
        let (store, choice) = (&self.store, &self.choice);
        let mut mark_has_news = false;
        if let Some(mark) = &mut self.mark {
            mark_has_news = mark.work(store, |s| !choice.own.is(s));
        }
        match &mut self.screen {
            // to compare takes longer than to count a part
            Some(Screen::Marked(_)) if !mark_has_news => return,
            Some(screen) => screen.work(store, choice),
            None => {}
        }
        self.refresh_screen();
    }

    /// Puts the lines in order.
    pub fn refresh_screen(&mut self) {
        let area = self.layout().main;
        match (&mut self.screen, &self.mark) {
            (Some(Screen::Failures(shown)), _) => {
                let height = lines::FAILURES.count(area);
                shown.refresh(self.first_ns, self.now_ns, height);
            }
            (Some(Screen::Marked(shown)), Some(mark)) => {
                shown.refresh(mark, self.panes.all(), lines::BASELINE.count(area));
            }
            _ => {}
        }
    }
}
