//! Effects of each action on the state.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::ControlFlow::{self, Break, Continue};

use ratatui::layout::{Rect, Size};

use crate::filter::{Filter, LONGEST, for_group};
use crate::host::process_info::ProcessInfo;
use crate::model::batch::Holders;
use crate::model::fields;
use crate::model::fields::Field;
use crate::model::session::{Session, SessionId};
use crate::ui::action::{Action, Edit, Mode, Motion, Purpose, moved};
use crate::ui::app::App;
use crate::ui::app::effect::Effect;
use crate::ui::app::screens::NOT_SELECTED;
use crate::ui::app::toggles::Toggle;
use crate::ui::keys::{KeyCode, KeyPress, explained};
use crate::ui::layout::panes::Focus;
use crate::ui::page;
use crate::ui::state::asked::Asks;
use crate::ui::state::detail::Detail;
use crate::ui::state::layers::Layer;
use crate::ui::state::other_end::OtherEnd;
use crate::ui::state::prompt::Prompt;
use crate::ui::state::view_filter::Choice;

/// Result of offering an action to a layer: taken, perhaps with an effect, or passed down.
pub(super) type Offer = ControlFlow<Option<Effect>>;

impl App {
    /// Carries out an action: the topmost layer takes it or passes it down, finally to the list.
    pub fn update(&mut self, action: Action) -> Option<Effect> {
        let is_confirmed = self.notice.asks(action);
        self.notice.clear();
        if !is_confirmed && self.asks_before(action) {
            return None;
        }
        let toggle = Toggle::of(action).map(|toggle| (toggle, toggle.state(self)));
        let modes: Vec<Mode> = self.layers.modes().collect();
        let taken = modes
            .into_iter()
            .map(|mode| self.offer(mode, action))
            .find_map(ControlFlow::break_value);
        if let Some((toggle, before)) = toggle {
            self.say_switched(toggle, &before);
        }
        taken.flatten()
    }

    /// Handles a key press, which may also type a character.
    pub fn key(&mut self, press: KeyPress, typed: Option<char>) -> Option<Effect> {
        let action = self.command(press);
        if self.counts(typed, action) {
            return None;
        }
        match (action, typed) {
            (Some(Action::Move(motion)), _) if self.count.is_some() => {
                self.move_by_count(motion);
                None
            }
            (Some(action), _) => self.update(action),
            (None, _) if self.layers.copied().is_some() => self.update(Action::Back),
            (None, Some(letter)) if self.layers.mode() == Mode::SortMenu => {
                self.notice.clear();
                self.sort_by_letter(letter, press);
                None
            }
            (None, Some(c)) if self.layers.is_prompting() => {
                self.text(c.encode_utf8(&mut [0; 4]));
                None
            }
            (None, _) if press.has_alt() && !self.layers.is_prompting() => {
                // a slow line brings Esc and the next key at once, and a terminal sends the same for Alt
                let of_esc = self.key(KeyPress::new(KeyCode::Esc, false), None);
                let press = press.with_alt(false);
                of_esc.or_else(|| self.key(press, press.typed()))
            }
            (None, _) => {
                self.explain(press);
                None
            }
        }
    }

    /// Takes a digit of a count among the sessions: the first one unless its key has a meaning of its own. True if it was one.
    fn counts(&mut self, typed: Option<char>, action: Option<Action>) -> bool {
        let digit = typed.and_then(|c| c.to_digit(10));
        let is_first = action.is_none() && digit != Some(0);
        match (digit, self.count) {
            (Some(digit), before)
                if self.layers.mode() == Mode::Table && (before.is_some() || is_first) =>
            {
                let count = before
                    .unwrap_or(0)
                    .saturating_mul(10)
                    .saturating_add(digit as usize);
                self.count = Some(count);
                let [line, down, up] = [Motion::Bottom, Motion::Down, Motion::Up]
                    .map(|motion| self.keymap.of(Mode::Table, Action::Move(motion)));
                let text = format!("{count}: {line} goes to that line, {down} and {up} go so far");
                self.notice.hint(text);
                true
            }
            (_, Some(_)) if !matches!(action, Some(Action::Move(_))) => {
                self.count = None;
                self.notice.clear();
                false
            }
            _ => false,
        }
    }

    /// Moves the selection so many times, or to the line of that number.
    fn move_by_count(&mut self, motion: Motion) {
        let count = self.count.take().unwrap_or(1);
        self.notice.clear();
        match motion {
            Motion::Top | Motion::Bottom => self.select_line(count),
            Motion::Down => self.select(self.selected.saturating_add(count)),
            Motion::Up => self.select(self.selected.saturating_sub(count)),
            // no further than there are lines
            _ => (0..count.min(self.row_count())).for_each(|_| self.move_selection(motion)),
        }
    }

    /// Selects the line of this number, from 1, or the last one.
    pub(super) fn select_line(&mut self, number: usize) {
        let last = self.row_count().saturating_sub(1);
        self.select(number.saturating_sub(1).min(last));
    }

    /// The action of a key, unless it types a character.
    fn command(&self, press: KeyPress) -> Option<Action> {
        let is_empty = |p: &Prompt| p.text().trim().is_empty();
        let action = self.keymap.lookup(self.layers.mode(), press);
        let is_typed = press.is_text() && !self.layers.prompt().is_some_and(|p| is_empty(p));
        match action {
            // on all other pages it does
            Some(Action::Quit) if press.is_text() && self.are_sessions_of_a_line() => {
                Some(Action::ClearFilter)
            }
            action => action.filter(|a| *a != Action::Language || !is_typed),
        }
    }

    /// Says of a key that it means nothing here, and if it does among the sessions, how to go back to them.
    fn explain(&mut self, press: KeyPress) {
        self.notice.clear();
        let mode = self.layers.mode();
        let name = press.name();
        if mode != Mode::Table
            && !self.layers.is_prompting()
            && self.keymap.lookup(Mode::Table, press).is_some()
        {
            let back = match mode {
                Mode::Help => self.keymap.of(mode, Action::Help),
                _ => self.keymap.of(mode, Action::Back),
            };
            let text = format!("{name} does nothing here; {back} goes back");
            return self.notice.say(text);
        }
        self.notice.hint(explained(press, mode, &self.keymap));
    }

    /// Offers an action to the layer of this mode.
    fn offer(&mut self, mode: Mode, action: Action) -> Offer {
        match mode {
            Mode::Table => Break(self.update_list(action)),
            Mode::TopTalkers => self.update_pane(action),
            Mode::Detail => self.update_detail(action),
            Mode::Columns => self.update_chooser(action),
            Mode::SortMenu => self.update_sort_menu(action),
            Mode::Distributions | Mode::Failures | Mode::Baseline => self.update_screen(action),
            Mode::Findings | Mode::Listeners | Mode::Drops | Mode::Ports | Mode::LineSearch => {
                self.update_lines(action)
            }
            Mode::Help | Mode::Search => self.update_help(action),
            Mode::Prompt => self.update_prompt(action),
            Mode::PastPrompt | Mode::Command => self.update_asked(action),
            Mode::FileName | Mode::Replace | Mode::Writing => self.update_export(action),
            // below the help it stays
            Mode::Copied if self.layers.copied().is_none() => Continue(()),
            Mode::Copied => match action {
                Action::Help => Continue(()),
                action => {
                    self.layers.close_copied();
                    match action {
                        Action::Quit | Action::Suspend => Continue(()),
                        _ => Break(None),
                    }
                }
            },
        }
    }

    /// Handles an action in the list, including those that concern no layer.
    fn update_list(&mut self, action: Action) -> Option<Effect> {
        match action {
            Action::Quit => return Some(Effect::Quit),
            Action::Redraw => return Some(Effect::Redraw),
            Action::Suspend => return Some(Effect::Suspend),
            Action::Help => self.open_help(),
            Action::Prompt(purpose) => self.open_prompt(purpose),
            Action::FilterSessions => return self.filter_sessions(),
            Action::Command => self.ask(Asks::Command, String::new()),
            Action::Export => self.name_export(),
            Action::Columns => self.choose_columns(),
            Action::Screen(mode) => return self.turn_to_screen(mode),
            Action::StepScreen(by) => return self.step_screen(by),
            Action::Baseline => return self.toggle_baseline(),
            Action::NextPane => self.turn_to(Focus::Table.step(1)),
            Action::PreviousPane => self.turn_to(Focus::Table.step(-1)),
            Action::Open => {
                self.forget_other_ends();
                let session = self.selected().cloned();
                if session.is_none() {
                    self.notice.hint(NOT_SELECTED.into());
                }
                return self.open(session);
            }
            Action::Copy => return self.copy(0),
            Action::SelfTraffic => self.toggle_self_traffic(),
            Action::Names => self.toggle_names(),
            Action::PortNames => return self.toggle_port_names(),
            Action::Theme => self.appearance.turn(),
            Action::LocalPairs => self.pair(!self.view_filter.pairs),
            Action::Widen => match self.view_filter.back() {
                Some(selected) => {
                    self.choose();
                    self.select_again(selected);
                }
                None => self.notice.hint("there is no previous filter".into()),
            },
            Action::Family(family) => {
                self.show(self.view_filter.choice().toggled(family));
            }
            Action::Scope => {
                let selected = self.selected_session();
                let next = self.view_filter.choice().with_next_scope();
                self.view_filter.go(selected, next);
                self.restart_screen();
                self.restart();
            }
            Action::Freeze if self.is_past() => {
                let key = self.keymap.of(Mode::Table, Action::ClearFilter);
                let text = format!("time stands still in the past; {key} goes back to now");
                self.notice.hint(text);
            }
            Action::Freeze if !self.paused => self.freeze(),
            Action::Freeze => self.thaw(),
            Action::ReplaySpeed { faster } => self.change_speed(faster),
            Action::Follow => self.toggle_following(),
            Action::Interval { longer } => return self.change_interval(longer),
            Action::Move(motion) => self.move_selection(motion),
            Action::SortNext => self.sort_by_neighbor(1),
            Action::SortPrevious => self.sort_by_neighbor(-1),
            Action::SortMenu => self.open_sort_menu(),
            Action::SortBy(word) => {
                if let Some(field) = fields::by_word(word) {
                    self.sort_by_key(field, action);
                }
            }
            Action::Panes => self.turn_to(Focus::Table.step(1)),
            Action::StepInTime(by) => return self.step_in_time(by),
            Action::Minutes(by) => return self.step_by_minutes(by),
            Action::GoToTime => self.ask_time(),
            Action::SaveBlackBox => self.name_saving(),
            Action::Record => return self.toggle_recording(),
            Action::FreezeOn => return self.ask_freeze_on(),
            Action::ClearFilter if self.returns_to_now() => return self.return_to_now(),
            Action::ClearFilter => match self.go_back() {
                Break(effect) => return effect,
                Continue(()) => self.clear_filter(),
            },
            Action::Kill => self
                .notice
                .hint("tcplife only watches: nothing is killed here".into()),
            Action::Sideways(to) => self.scroll_sideways(to),
            Action::Invert => self.invert(),
            // actions of layers that are not open
            Action::Accept
            | Action::Back
            | Action::Cancel
            | Action::Chapter(_)
            | Action::CopyOther
            | Action::Edit(_)
            | Action::Group
            | Action::Hit(_)
            | Action::LatestFirst
            | Action::Language
            | Action::NewBaseline
            | Action::MoveColumn(_)
            | Action::Narrow
            | Action::OtherEnd
            | Action::Replace
            | Action::ResetColumns
            | Action::UndoColumns
            | Action::Search
            | Action::ToggleColumn
            | Action::ClearBaseline => {}
        }
        None
    }

    /// Handles an action in a pane of top talkers.
    fn update_pane(&mut self, action: Action) -> Offer {
        let focus = self.layers.focus();
        let Focus::Pane(subject) = focus else {
            return Continue(());
        };
        match action {
            Action::Back => self.turn_to(Focus::Table),
            Action::NextPane => self.turn_to(focus.step(1)),
            Action::PreviousPane => self.turn_to(focus.step(-1)),
            Action::Move(_) if self.panes.pane(subject).selected().is_none() => {
                self.notice.hint(NOT_SELECTED.into());
            }
            Action::Move(motion) => self.panes.go(subject, motion),
            Action::SortNext | Action::SortPrevious => {
                let step = if action == Action::SortNext { 1 } else { -1 };
                self.sort_pane(subject, step);
            }
            Action::Invert => self.panes.invert(subject),
            Action::Panes => self.turn_to(Focus::Table),
            Action::Group => {
                if !self.panes.group(subject) {
                    self.notice
                        .hint("only processes and peers are grouped".into());
                }
            }
            Action::Narrow => match self.panes.pane(subject).selected() {
                Some(key) => {
                    if !self.narrow(&for_group::filter_for_group(&key)) {
                        self.notice
                            .hint("the filter selects only that already".into());
                    }
                }
                None => self.notice.hint(NOT_SELECTED.into()),
            },
            _ => return Continue(()),
        }
        Break(None)
    }

    /// Handles an action in a session's detail.
    fn update_detail(&mut self, action: Action) -> Offer {
        let area = self.layout().main;
        let Some(detail) = self.layers.detail_mut() else {
            return Continue(());
        };
        match action {
            Action::Back => return Break(self.go_back_from_detail()),
            Action::Move(motion) => {
                let lines = page::detail::lines(
                    detail,
                    &self.store,
                    &self.host_state,
                    &self.keymap,
                    &self.names,
                    area,
                );
                let last = lines.len().saturating_sub(area.height.into());
                let top = scrolled(detail.top, motion, lines.len(), area);
                let is_still = top == detail.top.min(last);
                detail.top = match motion {
                    Motion::Bottom => usize::MAX,
                    _ => top,
                };
                if is_still {
                    self.say_why_still(motion, lines.len(), area);
                }
            }
            Action::OtherEnd => {
                let other = match detail.other_end(&self.store) {
                    Some(OtherEnd::Session(other) | OtherEnd::Translated(other)) => {
                        Some(other.clone())
                    }
                    found => {
                        let why = match found {
                            None => "the other end is still being searched for",
                            Some(_) => "the other end is not known here",
                        };
                        self.notice.hint(why.into());
                        None
                    }
                };
                return Break(self.open_other_end(other));
            }
            Action::Copy => return Break(self.copy(0)),
            Action::CopyOther => return Break(self.copy(1)),
            _ => return Continue(()),
        }
        Break(None)
    }

    /// Handles an action in the prompt.
    fn update_prompt(&mut self, action: Action) -> Offer {
        match action {
            Action::Edit(edit) => {
                if let Some(mut prompt) = self.layers.take_prompt() {
                    let before = prompt.before().clone();
                    let text = prompt.text().to_owned();
                    let fits = prompt.edit(edit, &|field| self.values(field, &before));
                    match edit {
                        Edit::Older if prompt.text() == text => {
                            self.notice
                                .hint("there is no older filter in the history".into());
                        }
                        Edit::Newer if prompt.text() == text => {
                            self.notice
                                .hint("there is no newer filter in the history".into());
                        }
                        _ => {}
                    }
                    self.layers.push(Layer::Prompt(prompt));
                    self.say_if_cut(fits);
                    self.typed();
                }
            }
            Action::Accept => return Break(self.accept_prompt()),
            Action::Language => self.open_help(),
            Action::Cancel => {
                if let Some(prompt) = self.layers.take_prompt() {
                    if prompt.purpose == Purpose::Filter
                        && *prompt.before() != self.view_filter.filter
                    {
                        self.view_filter.filter = prompt.before().clone();
                        self.choose();
                    }
                    self.adapt_to_layout();
                    return Break(self.return_from_prompt());
                }
            }
            _ => return Continue(()),
        }
        Break(None)
    }

    /// Clears the filter; if there is none, shows both families again, open and closed sessions.
    fn clear_filter(&mut self) {
        let cleared = match self.view_filter.filter.is_everything() {
            true => Choice::all(),
            false => self.view_filter.choice().with(Filter::default()),
        };
        if self.show(cleared) {
            return;
        }
        let key = |action| self.keymap.of(Mode::Table, action);
        let other = match self.is_following() {
            true => format!("{} stops following", key(Action::Follow)),
            false => format!("{} quits", key(Action::Quit)),
        };
        let text = format!("there is no filter to clear; {other}");
        self.notice.hint(text);
    }

    /// Shows other sessions. False if they are the same ones.
    fn show(&mut self, choice: Choice) -> bool {
        let selected = self.selected_session();
        let is_other = self.view_filter.go(selected, choice);
        if is_other {
            self.choose();
        }
        is_other
    }

    pub(super) fn open_prompt(&mut self, purpose: Purpose) {
        let filter = match purpose {
            Purpose::Filter => &self.view_filter.filter,
            Purpose::Capture => &self.capture_filter,
        };
        let prompt = Prompt::new(purpose, filter, self.history.clone(), self.uid_of);
        self.layers.push(Layer::Prompt(Box::new(prompt)));
        self.count_dropped();
        self.adapt_to_layout();
    }

    /// Adds a condition to the view filter. False if it has it already.
    pub fn narrow(&mut self, to: &str) -> bool {
        match self.view_filter.filter.and(to) {
            Ok(filter) => self.show(self.view_filter.choice().with(filter)),
            Err(_) => {
                self.notice
                    .complain("there is no room for that in the filter".into());
                true
            }
        }
    }

    /// Shows all sessions that a filter matches, whatever the view filter was.
    pub fn show_all_of(&mut self, filter: &str) {
        if let Ok(filter) = Filter::parse(filter) {
            self.show(Choice::all().with(filter));
        }
    }

    /// Inserts typed or pasted text into the prompt. Elsewhere text has no effect.
    pub fn text(&mut self, text: &str) {
        match self.layers.mode() {
            Mode::PastPrompt | Mode::Command => self.type_asked(text),
            Mode::Search => self.type_search(text),
            Mode::LineSearch => self.type_line_search(text),
            Mode::FileName => self.type_export(text),
            Mode::Prompt => {
                if let Some(prompt) = self.layers.prompt_mut() {
                    let fits = prompt.insert(text);
                    self.typed();
                    self.say_if_cut(fits);
                }
            }
            _ => {}
        }
    }

    /// Reports that a line had no room for a text.
    pub(super) fn say_if_cut(&mut self, fits: bool) {
        if !fits {
            let most = fields::grouped(LONGEST);
            let cut = format!("cut: there is room for {most} bytes only");
            self.notice.complain(cut);
        }
    }

    /// True if this key types a character into a prompt.
    pub fn is_text(&self, press: KeyPress) -> bool {
        self.layers.is_prompting() && press.is_text() && self.command(press).is_none()
    }

    /// Applies the text typed so far; while it is not valid, the last valid filter stays in force.
    fn typed(&mut self) {
        self.count_dropped();
        if let Some(prompt) = self.layers.prompt()
            && prompt.purpose == Purpose::Filter
            && let Ok(filter) = prompt.state()
            && *filter != self.view_filter.filter
        {
            self.view_filter.filter = filter.clone();
            self.choose();
        }
    }

    /// Counts the open sessions that the capture filter being typed would drop, among as many as a key has time for.
    fn count_dropped(&mut self) {
        const TRIED: usize = 20_000;
        if let Some(prompt) = self.layers.prompt_mut()
            && prompt.purpose == Purpose::Capture
        {
            let is_all = self.store.open_count() <= TRIED;
            let open = self.store.open().take(TRIED);
            prompt.dropped = prompt.state().ok().map(|filter| {
                let dropped = open.filter(|(_, s)| !filter.matches(s));
                (dropped.count(), is_all)
            });
        }
    }

    /// Accepts the prompt's filter; if it is not valid, the prompt stays open and shows why.
    fn accept_prompt(&mut self) -> Option<Effect> {
        let selected = self.selected_session();
        let prompt = self.layers.prompt_mut()?;
        // an unfinished field name is a word now
        let filter = prompt.finish()?;
        let mut is_other = false;
        let effect = match prompt.purpose {
            Purpose::Filter => {
                // usually in force since its last character was typed
                is_other = filter != self.view_filter.filter;
                self.view_filter.filter = filter;
                let before = self.view_filter.choice().with(prompt.before().clone());
                self.view_filter.remember(before, selected);
                None
            }
            Purpose::Capture => {
                let capture = self.capture.intersection(&filter.capture());
                self.capture_filter = filter.clone();
                let live = self.live_mut();
                live.capture_filter = filter;
                live.findings.capture = capture.clone();
                live.recapture();
                Some(Effect::Capture(capture))
            }
        };
        if let Some(prompt) = self.layers.take_prompt() {
            self.history = prompt.into_history();
        }
        if is_other {
            self.choose();
        }
        self.stay_after_prompt();
        self.adapt_to_layout();
        Some(effect.unwrap_or_else(|| Effect::Remember(self.history.clone())))
    }

    /// Gives the keyboard to the list or to a pane.
    pub(super) fn turn_to(&mut self, focus: Focus) {
        if let Some(left) = self.layers.turn_to(focus) {
            self.panes.leave(left);
        }
        if let Focus::Pane(subject) = focus {
            self.panes.touch(subject);
        }
        self.adapt_to_layout();
    }

    /// Values of a field in the sessions of the previous filter, the most frequent first.
    pub(super) fn values(&self, field: &Field, before: &Filter) -> Vec<String> {
        const ENOUGH: usize = 2000;
        const TRIED: usize = 100_000; // limits the time of a key when next to nothing matches
        let sessions = self.store.open().chain(self.store.closed());
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

    /// Applies a changed view filter.
    pub fn choose(&mut self) {
        self.view_filter.chosen_ns = self.now_ns;
        self.is_order_chosen = false;
        self.panes.restart(&self.view_filter);
        self.restart_screen();
        self.restart();
    }

    /// Opens the details of a session.
    pub(super) fn open(&mut self, session: Option<Session>) -> Option<Effect> {
        let session = session?;
        self.leave_detail();
        if !self.reopen_detail(session.id(), 0) {
            let detail = Box::new(Detail::new(session, &self.store));
            self.layers.push(Layer::Detail(detail));
        }
        self.adapt_to_layout();
        self.due()
    }

    /// Opens the details of a session that is still watched. False if it is not.
    pub(super) fn reopen_detail(&mut self, id: SessionId, top: usize) -> bool {
        let at = self.left_details.iter().position(|d| d.id() == id);
        let left = at.map(|at| self.left_details.remove(at).reopened(&self.store));
        let is_watched = left.is_some();
        if let Some(mut detail) = left {
            detail.top = top;
            self.layers.push(Layer::Detail(Box::new(detail)));
        }
        is_watched
    }

    /// Closes the details of a session, and goes on watching it: whoever comes back finds the rates of the meantime.
    pub(super) fn leave_detail(&mut self) {
        /// Sessions that are watched like that.
        const MOST: usize = 8;
        if let Some(detail) = self.layers.take_detail() {
            let over = (self.left_details.len() + 1).saturating_sub(MOST);
            self.left_details.drain(..over);
            self.left_details.push(*detail);
        }
    }

    /// Takes the result of a process lookup.
    pub fn process(&mut self, mut process: ProcessInfo) {
        process.started_ns = self.names.times.clock.of_kernel(process.started_ns);
        if let Some(detail) = self.layers.detail_mut()
            && detail.session.pid == process.pid
        {
            detail.process = Some(process);
        }
    }

    /// Takes the processes that hold a session.
    pub fn holders(&mut self, holders: Holders) {
        let own = self.session_env.netns;
        if let Some(detail) = self.layers.detail_mut()
            && detail.session.cookie == holders.cookie
        {
            detail.holders = holders.processes;
            let is_other = |netns: &u32| own.is_some_and(|own| own != u64::from(*netns));
            detail.other_netns = holders.owner_netns.filter(is_other);
        }
    }

    /// Says why a page of text has not moved.
    pub(super) fn say_why_still(&mut self, motion: Motion, lines: usize, area: Rect) {
        let key = |motion| self.keymap.of(self.layers.mode(), Action::Move(motion));
        let text = match motion {
            _ if lines <= usize::from(area.height) => "the whole page is on the screen".into(),
            Motion::Up | Motion::PageUp | Motion::HalfUp | Motion::Top => {
                format!(
                    "this is the top; {} goes to the bottom",
                    key(Motion::Bottom)
                )
            }
            Motion::Down | Motion::PageDown | Motion::HalfDown | Motion::Bottom => {
                format!("this is the bottom; {} goes to the top", key(Motion::Top))
            }
        };
        self.notice.hint(text);
    }

    pub fn resize(&mut self, size: Size) {
        self.size = size;
        self.adapt_to_layout();
    }
}

/// First visible line of a page of `lines` lines, after a motion.
pub(super) fn scrolled(top: usize, motion: Motion, lines: usize, area: Rect) -> usize {
    let page = usize::from(area.height);
    let last = lines.saturating_sub(page);
    moved(top.min(last), motion, page).min(last)
}
