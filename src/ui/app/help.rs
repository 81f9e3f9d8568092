//! Keys of the help.

use std::ops::ControlFlow::{Break, Continue};

use ratatui::layout::Rect;

use crate::ui::action::{Action, Edit, Mode};
use crate::ui::app::App;
use crate::ui::app::update::{Offer, scrolled};
use crate::ui::page::help;
use crate::ui::page::help::{CHAPTERS, Sources};
use crate::ui::state::help::{Help, HelpPosition, step};
use crate::ui::state::layers::Layer;

impl App {
    /// Opens the help on the topmost prompt or menu, or else at the chapter of the topmost screen.
    pub(super) fn open_help(&mut self) {
        let (title, _) = self.layers.present();
        let mode = self.layers.mode();
        let width = page_area(self.layout().main).width;
        let prompt = help::position_of(&self.help_sources(), mode, width);
        let screen = HelpPosition {
            chapter: help::chapter_of(title.mode),
            line: 0,
        };
        self.open_help_at(prompt.unwrap_or(screen));
    }

    /// Opens the help at a line.
    pub(super) fn open_help_at(&mut self, top: HelpPosition) {
        let (about, _) = self.layers.present();
        let help = Help::new(about, top);
        self.layers.push(Layer::Help(Box::new(help)));
        self.adapt_to_layout();
    }

    /// Contents of the help that depend on the run.
    pub fn help_sources(&self) -> Sources<'_> {
        Sources {
            keymap: &self.keymap,
            missed: &self.store.totals().missed,
            in_force: &self.in_force,
            thresholds: &self.findings.thresholds,
        }
    }

    /// Handles an action in the help.
    pub(super) fn update_help(&mut self, action: Action) -> Offer {
        let area = page_area(self.layout().main);
        if action == Action::Help && !matches!(self.layers.top(), Some(Layer::Help(_))) {
            // asked for in the command line, which is above this one
            return Continue(());
        }
        // taken out, because its contents come from the rest of the state
        let Some(mut help) = self.layers.take_help() else {
            return Continue(());
        };
        let mut is_left = false;
        let mut is_still = None;
        let mut is_taken = true;
        let chapter = help.top.chapter;
        match action {
            Action::Move(motion) => {
                let lines = help::lines(&self.help_sources(), chapter, area.width);
                let before = help.top.line;
                help.top.line = scrolled(help.top.line, motion, lines.len(), area);
                if help.top.line == before {
                    is_still = Some((motion, lines.len()));
                }
            }
            Action::NextPane => help.go_to((chapter + 1) % CHAPTERS.len()),
            Action::PreviousPane => help.go_to((chapter + CHAPTERS.len() - 1) % CHAPTERS.len()),
            Action::Chapter(to) if to == chapter && help.top.line == 0 => {
                let name = CHAPTERS[chapter].name;
                self.notice.hint(format!("this is that chapter: {name}"));
            }
            Action::Chapter(to) => help.go_to(to.min(CHAPTERS.len() - 1)),
            Action::Search => help.ask(),
            Action::Hit(_) if help.searched.is_empty() => {
                let key = self.keymap.of(Mode::Help, Action::Search);
                self.notice.say(format!("{key} searches the help"));
            }
            Action::Hit(by) => {
                let from = help.found.unwrap_or(help.top);
                self.find(&mut help, from, by, area);
            }
            Action::Edit(Edit::Request(request)) => {
                if let Some(typing) = &mut help.typing {
                    let fits = typing.line.edit(request);
                    self.say_if_cut(fits);
                    self.search(&mut help, area);
                }
            }
            Action::Accept => help.accept(),
            Action::Cancel => help.cancel(),
            Action::Help | Action::Back => is_left = true,
            _ => is_taken = false,
        }
        if !is_left {
            self.layers.push(Layer::Help(help));
        }
        if let Some((motion, lines)) = is_still {
            self.say_why_still(motion, lines, area);
        }
        self.adapt_to_layout();
        match is_taken {
            true => Break(None),
            false => Continue(()),
        }
    }

    /// Inserts typed or pasted text into the search.
    pub(super) fn type_search(&mut self, text: &str) {
        let area = page_area(self.layout().main);
        let typing = self.layers.help_mut().and_then(|h| h.typing.as_mut());
        let fits = typing.map(|typing| typing.line.insert(text));
        if let Some(fits) = fits
            && let Some(mut help) = self.layers.take_help()
        {
            self.search(&mut help, area);
            self.layers.push(Layer::Help(help));
            self.say_if_cut(fits);
        }
    }

    /// Goes to the first hit of the typed text.
    fn search(&self, help: &mut Help, area: Rect) {
        if let Some(from) = help.typed() {
            let hits = help::hits(&self.help_sources(), &help.searched, area.width);
            help.hits = hits.len();
            let is_hit = hits.contains(&from);
            let first = if is_hit {
                Some(from)
            } else {
                step(&hits, from, 1)
            };
            self.show_hit(help, first, area);
        }
    }

    /// Goes to the hit that is `by` hits after a line.
    fn find(&mut self, help: &mut Help, from: HelpPosition, by: isize, area: Rect) {
        let hits = help::hits(&self.help_sources(), &help.searched, area.width);
        let hit = step(&hits, from, by);
        if hit.is_none() {
            let text = format!("not found in the help: {}", help.searched);
            self.notice.complain(text);
        }
        if hits.len() == 1 && hit == help.found {
            self.notice.hint("this is the only hit".to_owned());
        }
        self.show_hit(help, hit, area);
    }

    /// Scrolls to a hit, with some lines above it.
    fn show_hit(&self, help: &mut Help, hit: Option<HelpPosition>, area: Rect) {
        let Some(hit) = hit else {
            return;
        };
        help.found = Some(hit);
        let lines = help::lines(&self.help_sources(), hit.chapter, area.width);
        let height = usize::from(area.height);
        let last = lines.len().saturating_sub(height);
        help.top = HelpPosition {
            line: hit.line.saturating_sub(height / 3).min(last),
            ..hit
        };
    }
}

/// The lines of a chapter on the screen, below its title.
fn page_area(main: Rect) -> Rect {
    Rect {
        height: main.height.saturating_sub(1),
        ..main
    }
}
