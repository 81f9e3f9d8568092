//! The dashboard's state, and how a key or a batch changes it.
//!
//! Responsible for what is shown: which sessions, in which order, which is selected. Knows no terminal and no
//! clock: time comes with the batches, and `view` draws what is here.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use ratatui::layout::{Rect, Size};

use super::choice::Choice;
use super::columns::Columns;
use super::detail::Detail;
use super::export::Export;
use super::freeze::Waiting;
use super::keys::{Keymap, Mode};
use super::names::Names;
use super::notice::Notice;
use super::pace::Pace;
use super::prompt::{Prompt, Purpose};
use super::rows::{Order, Rows};
use super::screens::Screen;
use super::surroundings::Surroundings;
use super::talkers::{Focus, Panes, Subject};
use super::theme::Look;
use super::view;
use crate::capture::Capture;
use crate::collector::Batch;
use crate::fields::{self, Field};
use crate::filter::Filter;
use crate::mark::Mark;
use crate::process::ProcessInfo;
use crate::session::{Clock, Session, SessionId};
use crate::store::{Change, Place, Store};

mod action;

pub(super) use action::moved;
pub use action::{Action, Effect, Motion};

/// The order of the table.
#[derive(Clone, Copy, Debug)]
pub struct Sort {
    /// By this field's column.
    pub field: &'static Field,
    /// Against the column's natural order.
    pub inverted: bool,
}

impl Sort {
    fn order(self) -> Order {
        let descending = self.field.column.is_some_and(|c| c.descending);
        Order {
            field: self.field,
            descending: descending != self.inverted,
        }
    }
}

/// Which line is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// The first one, whichever session that is.
    Top,
    /// This session's, wherever it goes; and where it was last.
    Session(SessionId, Place),
}

/// The state of the dashboard.
#[derive(Debug)]
pub struct App {
    /// Name of this host, shown in the header.
    pub host: String,
    /// What the kernel reports at all, by the flags.
    pub capture: Capture,
    /// What else is captured at all: the kernel decides what it can of it, and the rest is decided here.
    pub capture_filter: Filter,
    /// Which sessions are shown.
    pub choice: Choice,
    /// The line that is being typed.
    pub prompt: Option<Prompt>,
    /// The file that is about to be written.
    pub export: Option<Export>,
    /// What there is to say once.
    pub notice: Notice,
    /// Names of addresses and ports.
    pub names: Names,
    /// What the dashboard runs in.
    pub surroundings: Surroundings,
    history: Vec<String>,
    /// What has the keyboard.
    pub mode: Mode,
    /// What has it when nothing lies above the table.
    pub focus: Focus,
    /// The order of the table.
    pub sort: Sort,
    /// Its columns.
    pub columns: Columns,
    /// What the keys mean.
    pub keymap: Keymap,
    /// What everything looks like.
    pub look: Look,
    /// The order before, while the newest are followed.
    pub(super) before_following: Option<Sort>,
    /// How often the picture is another.
    pub pace: Pace,
    /// First line of the help that is shown.
    pub help_top: usize,
    /// The session that is looked at by itself.
    pub detail: Option<Detail>,
    /// What is in the table's place.
    pub screen: Option<Screen>,
    /// What now is compared with.
    pub mark: Option<Box<Mark>>,
    pub(super) panes: Panes,
    pub(super) store: Store,
    pub(super) keep: usize,
    pub(super) rows: Rows,
    /// Finished sessions when the selected one was looked for last.
    finished: u64,
    pub(super) selection: Selection,
    /// The selected line.
    pub(super) selected: usize,
    /// The first line that is shown.
    pub(super) top: usize,
    pub(super) frozen: Option<Waiting>,
    size: Size,
    pub(super) first_ns: u64,
    pub(super) now_ns: u64,
    pub(super) clock: Clock,
    pub(super) zone: TimeZone,
    pub(super) home: Option<PathBuf>,
}

impl App {
    /// A dashboard on a terminal of that size, that keeps that many finished sessions.
    pub fn new(host: String, capture: Capture, keep: usize, size: Size) -> Self {
        let sort = Sort {
            field: fields::busiest(),
            inverted: false,
        };
        let mut app = App {
            host,
            capture,
            capture_filter: Filter::default(),
            choice: Choice::new(Filter::default()),
            prompt: None,
            export: None,
            notice: Notice::default(),
            names: Names::default(),
            surroundings: Surroundings::default(),
            history: Vec::new(),
            mode: Mode::Table,
            focus: Focus::Table,
            sort,
            columns: Columns::default(),
            keymap: Keymap::default(),
            look: Look::default(),
            before_following: None,
            pace: Pace::new(Pace::DEFAULT),
            help_top: 0,
            detail: None,
            screen: None,
            mark: None,
            panes: Panes::default(),
            store: Store::new(keep),
            keep,
            rows: Rows::new(sort.order()),
            finished: 0,
            selection: Selection::Top,
            selected: 0,
            top: 0,
            frozen: None,
            size,
            first_ns: 0,
            now_ns: 0,
            clock: Clock::default(),
            zone: TimeZone::UTC,
            home: None,
        };
        app.fit();
        app
    }

    /// With a filter from the start, and those that were used before.
    pub fn with_filter(mut self, filter: Filter, history: Vec<String>) -> Self {
        let own = std::mem::take(&mut self.choice.own);
        self.choice = Choice::new(filter);
        self.choice.own = own;
        self.history = history;
        self.panes.restart(&self.choice);
        self
    }

    /// For somebody who lives there, in this time zone.
    pub fn at_home(mut self, home: Option<PathBuf>, zone: TimeZone) -> Self {
        (self.home, self.zone) = (home, zone);
        self
    }

    /// Takes in a batch. True if the picture is another now: once for every look at the open sessions, so that
    /// nothing re-sorts under the reader's eyes in between.
    pub fn batch(&mut self, mut batch: Batch) -> bool {
        if !self.capture_filter.is_everything() {
            let captured = |s: &Session| self.capture_filter.matches(s);
            batch.closed.retain(captured);
            if let Some(open) = &mut batch.open {
                open.changed.retain(captured);
            }
        }
        if self.first_ns == 0 {
            self.first_ns = batch.taken_ns;
        }
        self.columns.look(&batch);
        let looked = batch.open.is_some();
        let changed = looked | self.notice.pass(batch.taken_ns);
        if let Some(waiting) = &mut self.frozen {
            for session in waiting.take(batch, self.keep) {
                self.store.pass(session, |change| {
                    let (mark, detail) = (&mut self.mark, &mut self.detail);
                    tell(&change, &mut self.choice, &mut self.panes, mark, detail);
                });
            }
            return changed;
        }
        (self.now_ns, self.clock) = (batch.taken_ns, batch.clock);
        self.screen_lets_go(&batch);
        let finished = self.store.totals().finished;
        self.choice.own.count_finished(&batch.closed, finished);
        self.store.apply_and_tell(batch, |change| {
            let (mark, detail) = (&mut self.mark, &mut self.detail);
            tell(&change, &mut self.choice, &mut self.panes, mark, detail);
        });
        let first_kept = self.store.finished_numbers().start;
        self.choice.own.let_go(first_kept);
        self.rows.let_go(&self.store);
        if looked {
            if let Some(detail) = &mut self.detail {
                detail.look(&self.store);
            }
            self.panes.look(self.now_ns, &self.store, &self.choice);
            self.look_since_mark();
            self.refresh();
        }
        self.screen_takes(looked);
        changed
    }

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
                self.prompt = Some(Prompt::new(purpose, filter, self.history.clone()));
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
            let lines = view::help::lines(&self.keymap, area.width);
            self.help_top = scrolled(self.help_top, lines.len());
        } else if let Some(detail) = &mut self.detail {
            let lines = view::detail::lines(detail, &self.store, &self.keymap, &self.names, area);
            detail.top = scrolled(detail.top, lines.len());
        }
    }

    /// Batches wait from now on …
    pub(super) fn freeze(&mut self) {
        self.frozen = Some(Waiting::default());
    }

    /// … and come in.
    pub(super) fn thaw(&mut self) {
        if let Some(waiting) = self.frozen.take() {
            let others = self.store.let_go_of_passed();
            for batch in waiting.into_batches() {
                self.batch(batch);
            }
            if others {
                self.choose();
            }
            self.refresh();
        }
    }

    /// The session on the selected line may have ended since the last look: then the lines are made anew.
    pub(super) fn catch_up(&mut self) {
        if self.selected().is_none() {
            self.refresh();
        }
    }

    /// The session on the selected line.
    pub fn selected(&self) -> Option<&Session> {
        self.store.get(self.rows.get(self.selected, &self.store)?)
    }

    /// Shows a session by itself.
    fn open(&mut self, session: Option<Session>) -> Option<Effect> {
        self.detail = Some(Detail::new(session?, &self.store));
        self.turn_to(self.focus);
        self.due()
    }

    /// What is to be done outside because of what came in.
    pub fn due(&mut self) -> Option<Effect> {
        let pid = self.detail.as_mut()?.unknown_process()?;
        Some(Effect::LookUp(pid))
    }

    /// Takes in what was found out about a process.
    pub fn process(&mut self, process: ProcessInfo) {
        if let Some(detail) = &mut self.detail
            && detail.session.pid == process.pid
        {
            detail.process = Some(process);
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
                let shown = view::talkers::figures(subject, area.width);
                let step = if action == Action::SortNext { 1 } else { -1 };
                self.panes.sort(subject, &shown, step);
            }
            Action::Invert => self.panes.invert(subject),
            Action::Group => self.panes.group(subject),
            Action::Narrow => {
                if let Some(key) = self.panes.pane(subject).selected() {
                    self.narrow(&key.filter());
                }
            }
            _ => {}
        }
    }

    /// Narrows the filter to what another one lets through, too.
    pub(super) fn narrow(&mut self, to: &str) {
        let before = self.choice.filter.clone();
        if let Ok(filter) = before.and(to)
            && self.choice.go(before, filter)
        {
            self.choose();
        }
    }

    /// The terminal has another size.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
        self.fit();
    }

    /// Who talks, of what the filter selects.
    pub fn panes(&self) -> &Panes {
        &self.panes
    }

    /// What is known of the sessions.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// How many lines the table has in all.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// True while there are finished sessions that have not been tried yet: [`App::work`] does that.
    pub fn is_working(&self) -> bool {
        let searching = |d: &Detail| d.is_searching(&self.store);
        self.rows.is_incomplete(&self.store)
            || self.panes.is_working(&self.store)
            || self.is_screen_working()
            || self.detail.as_ref().is_some_and(searching)
    }

    /// Tries some more of the finished sessions after the filter or the order has changed.
    pub fn work(&mut self) {
        self.rows.work(&self.store, |s| self.choice.shows(s));
        self.panes.work(&self.store, &self.choice);
        if let Some(detail) = &mut self.detail {
            detail.search(&self.store);
        }
        if self.is_screen_working() {
            self.work_on_screen();
        }
        self.follow();
    }

    /// The sessions of the lines from the first one shown on, and whether each is the selected one.
    pub fn visible(&self, height: usize) -> impl Iterator<Item = (&Session, bool)> {
        let lines = self
            .rows
            .window(self.top, &self.store)
            .take(height)
            .zip(self.top..);
        lines.filter_map(|(place, i)| Some((self.store.get(place)?, i == self.selected)))
    }

    /// Number of the selected line, from 1; 0 when there is none.
    pub fn position(&self) -> usize {
        if self.rows.is_empty() {
            0
        } else {
            self.selected + 1
        }
    }

    /// While the picture is frozen: how many sessions ended meanwhile.
    pub fn waiting(&self) -> Option<u64> {
        let frozen = self.frozen.as_ref().filter(|_| !self.export_holds());
        frozen.map(|w| w.count)
    }

    /// True from the first look at what is open on.
    pub fn has_looked(&self) -> bool {
        self.first_ns != 0
    }

    /// How long the trace has run, s, at the moment that is shown.
    pub fn uptime_s(&self) -> u64 {
        self.now_ns.saturating_sub(self.first_ns) / 1_000_000_000
    }

    /// What is typed in the prompt, or pasted into it. Elsewhere a text means nothing.
    pub fn text(&mut self, text: &str) {
        if let Some(prompt) = &mut self.prompt {
            prompt.insert(text);
            self.typed();
        }
        self.type_export(text);
    }

    /// True while a line is being typed.
    pub fn is_prompting(&self) -> bool {
        self.prompt.is_some() || self.export.is_some()
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
                self.store.follow_only(
                    |s| filter.matches(s),
                    |change| {
                        let (mark, detail) = (&mut self.mark, &mut self.detail);
                        tell(&change, &mut self.choice, &mut self.panes, mark, detail);
                    },
                );
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

    pub(super) fn leave_prompt(&mut self) {
        self.mode = self.main_mode();
        self.fit();
    }

    /// What has the keyboard when nothing lies above the panes.
    pub(super) fn main_mode(&self) -> Mode {
        match (&self.screen, self.focus) {
            _ if self.detail.is_some() => Mode::Detail,
            _ if self.columns.chooser.is_some() => Mode::Columns,
            (Some(screen), _) => screen.mode(),
            (None, Focus::Table) => Mode::Table,
            (None, Focus::Pane(_)) => Mode::Talkers,
        }
    }

    pub(super) fn turn_to(&mut self, focus: Focus) {
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
                *counts.entry(fields::cell(field, session)).or_default() += 1;
            }
        }
        let mut values: Vec<_> = counts.into_iter().collect();
        values.sort_by_key(|(_, count)| Reverse(*count));
        values.into_iter().map(|(value, _)| value).collect()
    }

    pub(super) fn layout(&self) -> view::Layout {
        let area = Rect::new(0, 0, self.size.width, self.size.height);
        view::layout(area, self.is_prompting(), self.focus)
    }

    /// What is on the screen has another size.
    pub(super) fn fit(&mut self) {
        let panes = self.layout().talkers;
        self.panes
            .resize(panes.map(|pane| view::talkers::LINES.count(pane)));
        self.refresh_screen();
        self.scroll_to_selection();
    }

    /// Other sessions are meant.
    pub(super) fn choose(&mut self) {
        self.panes.restart(&self.choice);
        self.restart_screen();
        self.restart();
    }

    /// Chooses and sorts the lines anew.
    pub(super) fn restart(&mut self) {
        let order = self.sort.order();
        self.rows
            .restart(order, &self.store, |s| self.choice.shows(s));
        self.follow();
    }

    /// Takes what has changed in the store into the lines.
    pub(super) fn refresh(&mut self) {
        self.rows.refresh(&self.store, |s| self.choice.shows(s));
        self.follow();
    }

    /// Finds the selected session's line. If it is not shown any more, its line stays selected.
    fn follow(&mut self) {
        let finished = self.store.totals().finished;
        if let Selection::Session(id, place) = self.selection {
            let is_it = |p: &Place| self.store.get(*p).is_some_and(|s| s.id() == id);
            // if it is not where it was, it has ended since
            let ended = (self.finished..finished).rev().map(Place::Finished);
            match std::iter::once(place).chain(ended).find(is_it) {
                Some(place) => {
                    self.selection = Selection::Session(id, place);
                    if let Some(session) = self.store.get(place)
                        && self.choice.shows(session)
                    {
                        self.selected = self.rows.line_of(place, session, &self.store);
                    }
                }
                None => self.select(self.selected),
            }
        }
        self.finished = finished;
        self.selected = self.selected.min(self.rows.len().saturating_sub(1));
        if self.selection == Selection::Top {
            self.selected = 0;
        }
        self.scroll_to_selection();
    }

    fn move_selection(&mut self, motion: Motion) {
        let page = self.layout().rows();
        self.select(moved(self.selected, motion, page));
        if motion == Motion::Top {
            self.selection = Selection::Top;
        }
    }

    /// Selects a line, the nearest that there is, and from now on the session on it.
    pub(super) fn select(&mut self, line: usize) {
        self.selected = line.min(self.rows.len().saturating_sub(1));
        let place = self.rows.get(self.selected, &self.store);
        self.selection = match place.and_then(|p| Some((p, self.store.get(p)?))) {
            Some((place, session)) => Selection::Session(session.id(), place),
            None => Selection::Top,
        };
        self.scroll_to_selection();
    }

    fn scroll_to_selection(&mut self) {
        let height = self.layout().rows().max(1);
        let last_top = self.rows.len().saturating_sub(height);
        self.top = self
            .top
            .min(self.selected)
            .max((self.selected + 1).saturating_sub(height))
            .min(last_top);
    }

    /// By a column that is on the screen, or the one beside it, which is scrolled to then: what one cannot see one does
    /// not sort by. Only the first order of all, the busiest on top, is among them even so.
    fn sort_by_neighbour(&mut self, step: isize) {
        self.stop_following();
        let width = self.size.width;
        let window = view::table::window(&self.columns, width);
        let shown: Vec<_> = window.shown.iter().map(|c| c.field).collect();
        let is_automatic = self.columns.chosen().is_none();
        let mut columns = if is_automatic && self.columns.scroll() == 0 {
            shown.clone() // for the others there is no room, so they are not meant
        } else {
            window.all
        };
        let busiest = fields::busiest();
        let is_hidden = !columns.contains(&busiest);
        if is_hidden {
            columns.push(busiest);
        }
        let is_there = |field| shown.contains(field) || is_hidden && *field == busiest;
        let now = columns.iter().position(|f| *f == self.sort.field);
        let next = match now.filter(|_| is_there(&self.sort.field)) {
            Some(i) => {
                let next = (i as isize + step).rem_euclid(columns.len() as isize);
                columns.get(next as usize)
            }
            None => shown.first(),
        };
        if let Some(&field) = next {
            self.sort = Sort {
                field,
                inverted: false,
            };
            if !(is_hidden && field == busiest) {
                self.columns.reveal(field, width);
            }
        }
        self.restart();
    }
}

/// What changed of a session goes to all that count.
fn tell(
    change: &Change<'_>,
    choice: &mut Choice,
    panes: &mut Panes,
    mark: &mut Option<Box<Mark>>,
    detail: &mut Option<Detail>,
) {
    choice.own.count_open(change);
    panes.take(change, choice);
    if let Some(mark) = mark
        && let Some(change) = choice.own.without(change)
    {
        mark.take(&change);
    }
    if let Some(detail) = detail {
        detail.take(change);
    }
}
