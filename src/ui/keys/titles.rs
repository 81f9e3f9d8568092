//! Screens: their names, their tabs and their purposes.

use crate::ui::action::{Action, Mode};

/// One row of [`TITLES`].
#[derive(Debug)]
pub struct ScreenTitle {
    /// Its name, on its tab and in titles.
    pub name: &'static str,
    /// Its name on its tab where there is no room for all names.
    pub short: &'static str,
    /// Mode in which it is on the screen.
    pub mode: Mode,
    /// True if it has a tab; else it belongs to the tab of the sessions.
    pub has_tab: bool,
    /// Action whose key is on the tab; `None`: going back leads there.
    pub action: Option<Action>,
    /// Its purpose, in more words and in fewer.
    pub purposes: [&'static str; 2],
    /// The sessions that its figures are of; `None`: it has none.
    pub covers: Option<Coverage>,
}

/// The sessions that the figures of a screen are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// The sessions that the filter selects, as in the table.
    Filter,
    /// All of this host, whatever the filter is.
    Host,
}

const FILTER: Option<Coverage> = Some(Coverage::Filter);
const HOST: Option<Coverage> = Some(Coverage::Host);

/// Every screen, in the order of the tabs.
#[rustfmt::skip]
pub static TITLES: &[ScreenTitle] = &[
    tab("Sessions", "Sessions", Mode::Table, FILTER, None, ["every TCP session, open and closed", "sessions, open and closed"]),
    part("Top talkers", Mode::TopTalkers, FILTER, ["who uses the network now: processes, peers, ports, units", "who uses the network now"]),
    part("Session", Mode::Detail, None, ["everything about one session", "one session"]),
    part("Columns", Mode::Columns, None, ["choose the columns of the table and their order", "choose columns, their order"]),
    tab("Charts", "Charts", Mode::Distributions, FILTER, Some(Action::Screen(Mode::Distributions)), ["the last minutes, and where the time goes", "where the time goes"]),
    tab("Failures", "Fail", Mode::Failures, FILTER, Some(Action::Screen(Mode::Failures)), ["what fails: reason, destination and program", "what fails, and for whom"]),
    tab("Baseline", "Base", Mode::Baseline, HOST, Some(Action::Baseline), ["what has changed since a moment that you set", "what has changed"]),
    tab("Findings", "Find", Mode::Findings, HOST, Some(Action::Screen(Mode::Findings)), ["what is wrong on this host, since when, and the proof", "what is wrong, with proof"]),
    tab("Listeners", "Listen", Mode::Listeners, HOST, Some(Action::Screen(Mode::Listeners)), ["every listening socket: its queue, what it accepts and drops", "queues of listening sockets"]),
    tab("Drops", "Drops", Mode::Drops, HOST, Some(Action::Screen(Mode::Drops)), ["packets that this host has dropped, and why", "packets dropped by this host"]),
    tab("Ports", "Ports", Mode::Ports, HOST, Some(Action::Screen(Mode::Ports)), ["local ports of outgoing sessions: used, in TIME_WAIT, free", "ports of outgoing sessions"]),
    tab("Help", "Help", Mode::Help, None, Some(Action::Help), ["keys, questions, and the meaning of everything shown", "keys and meanings"]),
];

const fn tab(
    name: &'static str,
    short: &'static str,
    mode: Mode,
    covers: Option<Coverage>,
    action: Option<Action>,
    purposes: [&'static str; 2],
) -> ScreenTitle {
    ScreenTitle {
        name,
        short,
        mode,
        has_tab: true,
        action,
        purposes,
        covers,
    }
}

/// A screen that belongs to the sessions.
const fn part(
    name: &'static str,
    mode: Mode,
    covers: Option<Coverage>,
    purposes: [&'static str; 2],
) -> ScreenTitle {
    ScreenTitle {
        name,
        short: name,
        mode,
        has_tab: false,
        action: None,
        purposes,
        covers,
    }
}

/// Screens that have a tab.
pub fn tabs() -> impl DoubleEndedIterator<Item = &'static ScreenTitle> + Clone {
    TITLES.iter().filter(|t| t.has_tab)
}

/// The title of the topmost of these layers that has one, and the tab that it belongs to; the topmost is first.
pub fn present(modes: impl Iterator<Item = Mode>) -> (&'static ScreenTitle, &'static ScreenTitle) {
    let of = |mode| match mode {
        Mode::Search => Mode::Help,
        mode => mode,
    };
    let mut titles = modes.filter_map(|mode| TITLES.iter().find(|t| t.mode == of(mode)));
    let sessions = &TITLES[0];
    let title = titles.next().unwrap_or(sessions);
    let tab = match title.has_tab {
        true => title,
        false => titles.find(|t| t.has_tab).unwrap_or(sessions),
    };
    (title, tab)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn present_title_is_that_of_the_topmost_screen() {
        let names = |modes: &[Mode]| {
            let (title, tab) = present(modes.iter().copied());
            (title.name, tab.name)
        };
        assert_eq!(names(&[Mode::Table]), ("Sessions", "Sessions"));
        assert_eq!(
            names(&[Mode::Prompt, Mode::Failures, Mode::Table]),
            ("Failures", "Failures")
        );
        assert_eq!(
            names(&[Mode::Detail, Mode::TopTalkers, Mode::Table]),
            ("Session", "Sessions")
        );
        assert_eq!(
            names(&[Mode::Help, Mode::Failures, Mode::Table]),
            ("Help", "Help")
        );
    }
}
