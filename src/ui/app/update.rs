//! What each action does to the state.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ratatui::layout::Size;

use crate::filter::{Filter, select};
use crate::host::processes::ProcessInfo;
use crate::model::fields;
use crate::model::fields::Field;
use crate::model::session::Session;
use crate::ui::action::{Action, Mode, Motion, Purpose, moved};
use crate::ui::app::App;
use crate::ui::app::effect::Effect;
use crate::ui::layout::panes;
use crate::ui::layout::panes::{Focus, Subject};
use crate::ui::page;
use crate::ui::state::detail::Detail;
use crate::ui::state::prompt::Prompt;

impl App {
    /// Does what a key asks for.
    pub fn update(&mut self, action: Action) -> Option<Effect> {
        self.notice.clear();
        match action {
            Action::Quit => return Some(Effect::Quit),
            Action::Own => self.toggle_own(),
            Action::Names => self.toggle_names(),
            Action::PortNames => return self.toggle_port_names(),
            Action::Copy => return self.copy(0),
            Action::CopyOther => return self.copy(1),
            Action::Export => self.name_export(),
            Action::Accept | Action::Cancel | Action::Edit(_) | Action::Replace
                if self.export.is_some() =>
            {
                return self.update_export(action);
            }
            Action::Prompt(_) | Action::Edit(_) | Action::Accept | Action::Cancel => {
                return self.update_prompt(action);
            }
            Action::Redraw => return Some(Effect::Redraw),
            Action::Suspend => return Some(Effect::Suspend),
            Action::Help => {
                self.mode = if self.mode == Mode::Help {
                    self.main_mode()
                } else {
                    Mode::Help
                };
                self.help_top = 0;
            }
            Action::Screen(mode) => self.toggle_screen(mode),
            Action::Mark => self.mark(),
            Action::MarkAnew => self.mark_anew(),
            Action::Unmark => self.unmark(),
            Action::NextPane | Action::PreviousPane | Action::Move(_) | Action::Narrow
                if self.screen.as_ref().is_some_and(|s| s.mode() == self.mode) =>
            {
                self.update_screen(action);
            }
            Action::NextPane => self.turn_to(self.focus.step(1)),
            Action::PreviousPane => self.turn_to(self.focus.step(-1)),
            Action::Leave if self.mode == Mode::Detail => {
                self.detail = None;
                self.turn_to(self.focus);
            }
            Action::Columns => return self.update_columns(action),
            Action::Theme => self.look.turn(),
            action if self.mode == Mode::Columns => return self.update_columns(action),
            Action::Leave if self.screen.is_some() => {
                self.screen = None;
                self.turn_to(self.focus);
            }
            Action::Leave => self.turn_to(Focus::Table),
            Action::Open => {
                self.catch_up();
                let session = self.selected().cloned();
                return self.open(session);
            }
            Action::OtherEnd => {
                let other = self.detail.as_ref().and_then(|d| d.other.clone());
                return self.open(other);
            }
            Action::Widen => {
                if self.choice.back() {
                    self.choose();
                }
            }
            Action::Move(motion) if matches!(self.mode, Mode::Help | Mode::Detail) => {
                self.scroll_page(motion);
            }
            Action::Family(family) => {
                self.choice.toggle(family);
                self.choose();
            }
            Action::Scope => {
                self.choice.next_scope();
                self.restart_screen();
                self.restart();
            }
            Action::Freeze if self.frozen.is_none() => self.freeze(),
            Action::Freeze => self.thaw(),
            Action::Follow => self.toggle_following(),
            Action::Pace { longer } => return self.change_pace(longer),
            action => match self.focus {
                Focus::Table => self.update_table(action),
                Focus::Pane(subject) => self.update_pane(subject, action),
            },
        }
        None
    }

    /// What a line that is typed asks for, from its beginning to its end.
    fn update_prompt(&mut self, action: Action) -> Option<Effect> {
        match action {
            Action::Prompt(purpose) => {
                let filter = match purpose {
                    Purpose::Filter => &self.choice.filter,
                    Purpose::Capture => &self.capture_filter,
                };
                self.prompt = Some(Prompt::new(
                    purpose,
                    filter,
                    self.history.clone(),
                    self.uid_of,
                ));
                self.mode = Mode::Prompt;
                self.fit();
            }
            Action::Edit(edit) => {
                if let Some(mut prompt) = self.prompt.take() {
                    let before = prompt.before().clone();
                    prompt.edit(edit, &|field| self.values(field, &before));
                    self.prompt = Some(prompt);
                    self.typed();
                }
            }
            Action::Accept => return self.accept(),
            _ => {
                if let Some(prompt) = self.prompt.take() {
                    if prompt.purpose == Purpose::Filter && *prompt.before() != self.choice.filter {
                        self.choice.filter = prompt.before().clone();
                        self.choose();
                    }
                    self.leave_prompt();
                }
            }
        }
        None
    }

    /// Moves about in what is read: the help, or a session's detail.
    fn scroll_page(&mut self, motion: Motion) {
        let area = self.layout().main;
        let page = usize::from(area.height);
        let scrolled = |top: usize, lines: usize| {
            let last = lines.saturating_sub(page);
            moved(top.min(last), motion, page).min(last)
        };
        if self.mode == Mode::Help {
            let lines = page::help::lines(&self.keymap, area.width);
            self.help_top = scrolled(self.help_top, lines.len());
        } else if let Some(detail) = &mut self.detail {
            let lines = page::detail::lines(detail, &self.store, &self.keymap, &self.names, area);
            detail.top = scrolled(detail.top, lines.len());
        }
    }

    /// What has another meaning in each pane: in the session table …
    fn update_table(&mut self, action: Action) {
        match action {
            Action::Move(motion) => self.move_selection(motion),
            Action::SortNext => self.sort_by_neighbour(1),
            Action::SortPrevious => self.sort_by_neighbour(-1),
            Action::Sideways(to) => self.columns.go(to, self.size.width),
            Action::Invert => {
                self.stop_following();
                self.sort.inverted = !self.sort.inverted;
                self.restart();
            }
            _ => {}
        }
    }

    /// … and in a talker pane.
    fn update_pane(&mut self, subject: Subject, action: Action) {
        match action {
            Action::Move(motion) => self.panes.go(subject, motion),
            Action::SortNext | Action::SortPrevious => {
                let area = self.layout().talkers[subject as usize];
                let shown = panes::figures(subject, area.width);
                let step = if action == Action::SortNext { 1 } else { -1 };
                self.panes.sort(subject, &shown, step);
            }
            Action::Invert => self.panes.invert(subject),
            Action::Group => self.panes.group(subject),
            Action::Narrow => {
                if let Some(key) = self.panes.pane(subject).selected() {
                    self.narrow(&select::of_key(&key));
                }
            }
            _ => {}
        }
    }

    /// Narrows the filter to what another one lets through, too.
    pub fn narrow(&mut self, to: &str) {
        let before = self.choice.filter.clone();
        if let Ok(filter) = before.and(to)
            && self.choice.go(before, filter)
        {
            self.choose();
        }
    }

    /// What is typed in the prompt, or pasted into it. Elsewhere a text means nothing.
    pub fn text(&mut self, text: &str) {
        if let Some(prompt) = &mut self.prompt {
            prompt.insert(text);
            self.typed();
        }
        self.type_export(text);
    }

    /// Applies what has been typed so far; while it is no filter, the last one stays in force.
    fn typed(&mut self) {
        if let Some(prompt) = &self.prompt
            && prompt.purpose == Purpose::Filter
            && let Ok(filter) = prompt.state()
            && *filter != self.choice.filter
        {
            self.choice.filter = filter.clone();
            self.choose();
        }
    }

    /// Takes the prompt's filter; if it is none, the prompt stays and says why.
    fn accept(&mut self) -> Option<Effect> {
        let prompt = self.prompt.as_mut()?;
        // a word that might have become a field is one now
        let filter = prompt.finish()?;
        let mut is_other = false;
        let effect = match prompt.purpose {
            Purpose::Filter => {
                // usually it is in force since its last character was typed
                is_other = filter != self.choice.filter;
                self.choice.go(prompt.before().clone(), filter);
                None
            }
            Purpose::Capture => {
                let capture = self.capture.intersection(&filter.capture());
                // what is not captured is not followed: it would stand there as it was until it ends
                let (store, mut observers) = self.observed();
                store.follow_only(|s| filter.matches(s), |event| observers.take(&event));
                self.capture_filter = filter;
                self.refresh();
                Some(Effect::Capture(capture))
            }
        };
        if let Some(prompt) = self.prompt.take() {
            self.history = prompt.into_history();
        }
        if is_other {
            self.choose();
        }
        self.leave_prompt();
        Some(effect.unwrap_or_else(|| Effect::Remember(self.history.clone())))
    }

    pub fn leave_prompt(&mut self) {
        self.mode = self.main_mode();
        self.fit();
    }

    /// What has the keyboard when nothing lies above the panes.
    pub fn main_mode(&self) -> Mode {
        match (&self.screen, self.focus) {
            _ if self.detail.is_some() => Mode::Detail,
            _ if self.columns.chooser.is_some() => Mode::Columns,
            (Some(screen), _) => screen.mode(),
            (None, Focus::Table) => Mode::Table,
            (None, Focus::Pane(_)) => Mode::Talkers,
        }
    }

    pub fn turn_to(&mut self, focus: Focus) {
        if let Focus::Pane(left) = self.focus
            && self.focus != focus
        {
            self.panes.leave(left);
        }
        self.focus = focus;
        self.mode = self.main_mode();
        self.fit();
    }

    /// The values that a field has among what was shown before the filter was typed, the most frequent first.
    fn values(&self, field: &Field, before: &Filter) -> Vec<String> {
        const ENOUGH: usize = 2000;
        const TRIED: usize = 100_000; // a key's time, when next to nothing is shown
        let sessions = self.store.open().chain(self.store.finished());
        let tried = sessions.take(TRIED);
        let shown = tried.filter(|(_, s)| before.matches(s)).take(ENOUGH);
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (_, session) in shown {
            if (field.get)(session) != fields::Value::Missing {
                *counts
                    .entry(self.names.plain_cell(field, session))
                    .or_default() += 1;
            }
        }
        let mut values: Vec<_> = counts.into_iter().collect();
        values.sort_by_key(|(_, count)| Reverse(*count));
        values.into_iter().map(|(value, _)| value).collect()
    }

    /// Other sessions are meant.
    pub fn choose(&mut self) {
        self.panes.restart(&self.choice);
        self.restart_screen();
        self.restart();
    }

    /// Shows a session by itself.
    fn open(&mut self, session: Option<Session>) -> Option<Effect> {
        self.detail = Some(Detail::new(session?, &self.store));
        self.turn_to(self.focus);
        self.due()
    }

    /// Takes in what was found out about a process.
    pub fn process(&mut self, process: ProcessInfo) {
        if let Some(detail) = &mut self.detail
            && detail.session.pid == process.pid
        {
            detail.process = Some(process);
        }
    }

    /// The terminal has another size.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
        self.fit();
    }
}
