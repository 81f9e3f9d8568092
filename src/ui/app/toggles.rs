//! Keys that switch between states: each notice names the new state, and the key that leads on from it.

use crate::model::capture_filter::Family;
use crate::ui::action::{Action, Mode, Motion};
use crate::ui::app::App;
use crate::ui::layout::panes::Focus;
use crate::ui::state::screens::Screen;
use crate::ui::state::view_filter::Scope;

/// One row of [`TOGGLES`].
#[derive(Debug)]
pub(super) struct Toggle {
    action: Action,
    /// Action of the key that undoes it, or leads to the next state.
    then: Action,
    /// The present state, and what the key does from there.
    state: fn(&App) -> (String, &'static str),
}

/// Every action that switches between states without going anywhere, except in the column chooser: there the mark beside the
/// cursor says it, and the footer has the key.
static TOGGLES: [Toggle; 15] = [
    same(Action::Names, |app| named("addresses", app.names.addresses)),
    same(Action::PortNames, |app| named("ports", app.names.ports)),
    same(Action::Theme, |app| {
        let (now, next) = (app.appearance.theme.name, app.appearance.next_theme().name);
        (format!("theme: {now}"), next)
    }),
    same(Action::LocalPairs, |app| match app.view_filter.pairs {
        true => (
            "local connections: one line, counted once".into(),
            "each end",
        ),
        false => (
            "local connections: each end has a line and counts".into(),
            "one",
        ),
    }),
    same(Action::SelfTraffic, |app| {
        match app.view_filter.self_traffic.shown {
            true => ("self traffic is shown".into(), "hide it"),
            false => ("self traffic is hidden".into(), "show it"),
        }
    }),
    same(Action::Family(Family::V4), |app| {
        family(app, Family::V4, "only IPv4")
    }),
    same(Action::Family(Family::V6), |app| {
        family(app, Family::V6, "only IPv6")
    }),
    same(Action::Scope, |app| match app.view_filter.scope {
        Scope::All => ("open and closed sessions are shown".into(), "only open"),
        Scope::Open => ("only open sessions are shown".into(), "only closed"),
        Scope::Closed => ("only closed sessions are shown".into(), "both"),
    }),
    same(Action::Freeze, |app| match app.paused {
        true => ("the display is paused".into(), "resume"),
        false => ("the display is live".into(), "pause"),
    }),
    same(Action::Follow, |app| match app.is_following() {
        true => ("following the newest session".into(), "stop"),
        false => ("not following the newest session".into(), "follow it"),
    }),
    Toggle {
        action: Action::Interval { longer: true },
        then: Action::Interval { longer: false },
        state: |app| refreshed(app, "more often"),
    },
    Toggle {
        action: Action::Interval { longer: false },
        then: Action::Interval { longer: true },
        state: |app| refreshed(app, "less often"),
    },
    same(Action::Invert, |app| match is_inverted(app) {
        true => ("the order is reversed".into(), "the usual order"),
        false => ("the order is the usual one".into(), "reverse it"),
    }),
    same(Action::LatestFirst, |app| match is_latest_first(app) {
        true => ("what failed last is on top".into(), "what fails most"),
        false => ("what fails most is on top".into(), "what failed last"),
    }),
    same(Action::Group, |app| match is_grouped(app) {
        true => ("entries are grouped".into(), "each by itself"),
        false => ("each entry is by itself".into(), "group them"),
    }),
];

/// A toggle whose own key leads on.
const fn same(action: Action, state: fn(&App) -> (String, &'static str)) -> Toggle {
    Toggle {
        action,
        then: action,
        state,
    }
}

fn named(what: &str, are_named: bool) -> (String, &'static str) {
    match are_named {
        true => (format!("{what} are shown as names"), "as numbers"),
        false => (format!("{what} are shown as numbers"), "as names"),
    }
}

fn family(app: &App, family: Family, only: &'static str) -> (String, &'static str) {
    match app.view_filter.family {
        Some(shown) if shown == family => (format!("{only} is shown"), "both"),
        Some(shown) => (format!("only {} is shown", shown.name()), only),
        None => ("IPv4 and IPv6 are shown".into(), only),
    }
}

fn refreshed(app: &App, then: &'static str) -> (String, &'static str) {
    (format!("refreshed {}", app.interval.text()), then)
}

fn is_inverted(app: &App) -> bool {
    match (app.layers.screen(), app.layers.focus()) {
        (Some(Screen::Table(shown)), _) => shown.arrangement().is_inverted,
        (_, Focus::Pane(subject)) => app.panes.pane(subject).inverted,
        (_, Focus::Table) => app.sort.inverted,
    }
}

fn is_latest_first(app: &App) -> bool {
    matches!(app.layers.screen(), Some(Screen::Failures(shown)) if shown.latest_first)
}

fn is_grouped(app: &App) -> bool {
    match app.layers.focus() {
        Focus::Pane(subject) => app.panes.pane(subject).grouped,
        Focus::Table => false,
    }
}

impl Toggle {
    /// The toggle of an action; `None`: it switches nothing.
    pub(super) fn of(action: Action) -> Option<&'static Toggle> {
        TOGGLES.iter().find(|t| t.action == action)
    }

    /// The present state, in words.
    pub(super) fn state(&self, app: &App) -> String {
        (self.state)(app).0
    }
}

impl App {
    /// Says what a key has switched, and how to go on from there. If it switched nothing, another notice says why.
    pub(super) fn say_switched(&mut self, toggle: &Toggle, before: &str) {
        let (state, then) = (toggle.state)(self);
        if state == before && self.notice.get().is_some() {
            return;
        }
        let key = self.keymap.of(self.layers.mode(), toggle.then);
        let is_name = matches!(toggle.action, Action::Names | Action::PortNames);
        let is_filtered = !self.view_filter.filter.is_everything();
        let next = match is_name && is_filtered && self.layers.mode() == Mode::Table {
            // in vim and less it would have led to the next hit
            true => {
                let down = self.keymap.of(Mode::Table, Action::Move(Motion::Down));
                format!(", {down}: next hit of the filter")
            }
            false => String::new(),
        };
        self.notice
            .switched(format!("{state} ({key}: {then}{next})"));
    }
}
