//! The keys of the dashboard: one row of [`KEYS`] is a key's meaning, its line in the help and its place in the
//! footer.
//!
//! Responsible for which key means what where. Not for what then happens (`app`).

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use tui_input::InputRequest;

use super::app::{Action, Motion};
use super::prompt::{Edit, Purpose};
use crate::capture::Family;

/// Where keys are pressed: the same key may mean something else elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The session table has the keyboard.
    Table,
    /// A talker pane has it.
    Talkers,
    /// One session has the whole screen.
    Detail,
    /// The help lies above it.
    Help,
    /// A filter is being typed: keys that are not in the table are text.
    Prompt,
}

/// One key, as a terminal reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Press {
    code: KeyCode,
    ctrl: bool,
}

/// One row of [`KEYS`].
#[derive(Debug)]
pub struct Key {
    /// Where it is in force.
    pub modes: &'static [Mode],
    /// The keys that do it.
    pub presses: &'static [Press],
    /// What it does.
    pub action: Action,
    /// That in words, for the help.
    pub help: &'static str,
    /// That in one or two words, for the footer; empty: not there.
    pub footer: &'static str,
}

const fn char(c: char) -> Press {
    code(KeyCode::Char(c))
}

const fn code(code: KeyCode) -> Press {
    Press { code, ctrl: false }
}

const fn ctrl(c: char) -> Press {
    Press {
        code: KeyCode::Char(c),
        ctrl: true,
    }
}

const fn key(
    modes: &'static [Mode],
    presses: &'static [Press],
    action: Action,
    footer: &'static str,
    help: &'static str,
) -> Key {
    Key {
        modes,
        presses,
        action,
        help,
        footer,
    }
}

const fn prompt(
    presses: &'static [Press],
    action: Action,
    footer: &'static str,
    help: &'static str,
) -> Key {
    key(&[Mode::Prompt], presses, action, footer, help)
}

const fn edit(presses: &'static [Press], request: InputRequest, help: &'static str) -> Key {
    prompt(presses, Action::Edit(Edit::Request(request)), "", help)
}

const QUIT: &[Press] = &[char('q'), ctrl('c'), code(KeyCode::F(10))];
const DOWN: &[Press] = &[char('j'), code(KeyCode::Down)];
const UP: &[Press] = &[char('k'), code(KeyCode::Up)];
const PAGE_DOWN: &[Press] = &[code(KeyCode::PageDown), ctrl('f')];
const PAGE_UP: &[Press] = &[code(KeyCode::PageUp), ctrl('b')];
const TOP: &[Press] = &[char('g'), code(KeyCode::Home)];
const BOTTOM: &[Press] = &[char('G'), code(KeyCode::End)];

/// The sessions and who talks, on one screen.
const MAIN: &[Mode] = &[Mode::Table, Mode::Talkers];
/// What changes by itself.
const LIVE: &[Mode] = &[Mode::Table, Mode::Talkers, Mode::Detail];
/// What is read, page by page.
const READING: &[Mode] = &[Mode::Detail, Mode::Help];

/// Every key, in the order of the help and of the footer.
pub static KEYS: &[Key] = &[
    key(MAIN, QUIT, Action::Quit, "quit", "quit"),
    key(
        MAIN,
        &[char('?'), char('h'), code(KeyCode::F(1))],
        Action::Help,
        "help",
        "this help",
    ),
    key(
        MAIN,
        &[char('/')],
        Action::Prompt(Purpose::Filter),
        "filter",
        "filter: applied as you type; Esc brings back what was",
    ),
    key(
        MAIN,
        &[char('C')],
        Action::Prompt(Purpose::Capture),
        "",
        "what is captured at all, by the kernel where it can",
    ),
    key(
        &[Mode::Table],
        &[code(KeyCode::Enter)],
        Action::Open,
        "detail",
        "everything about the session",
    ),
    key(
        &[Mode::Talkers],
        &[code(KeyCode::Enter)],
        Action::Narrow,
        "narrow",
        "narrow the filter to this one",
    ),
    key(
        MAIN,
        &[code(KeyCode::Tab)],
        Action::NextPane,
        "talkers",
        "the next pane: sessions, processes, peers, ports",
    ),
    key(
        MAIN,
        &[code(KeyCode::BackTab)],
        Action::PreviousPane,
        "",
        "the pane before",
    ),
    key(
        &[Mode::Table],
        &[code(KeyCode::Backspace)],
        Action::Widen,
        "",
        "back to the filter before",
    ),
    key(
        &[Mode::Talkers],
        &[code(KeyCode::Backspace)],
        Action::Widen,
        "out",
        "back out: to the filter before",
    ),
    key(
        &[Mode::Talkers],
        &[code(KeyCode::Esc)],
        Action::Leave,
        "sessions",
        "back to the sessions",
    ),
    key(
        &[Mode::Talkers],
        &[char('a')],
        Action::Group,
        "all together",
        "peers by subnet, processes by name; again: each",
    ),
    key(
        MAIN,
        DOWN,
        Action::Move(Motion::Down),
        "",
        "a line down; the selection follows what is on it",
    ),
    key(MAIN, UP, Action::Move(Motion::Up), "", "a line up"),
    key(
        MAIN,
        PAGE_DOWN,
        Action::Move(Motion::PageDown),
        "",
        "a page down",
    ),
    key(MAIN, PAGE_UP, Action::Move(Motion::PageUp), "", "a page up"),
    key(
        MAIN,
        &[ctrl('d')],
        Action::Move(Motion::HalfDown),
        "",
        "half a page down",
    ),
    key(
        MAIN,
        &[ctrl('u')],
        Action::Move(Motion::HalfUp),
        "",
        "half a page up",
    ),
    key(
        MAIN,
        TOP,
        Action::Move(Motion::Top),
        "",
        "to the top, and stay there whatever comes",
    ),
    key(
        MAIN,
        BOTTOM,
        Action::Move(Motion::Bottom),
        "",
        "to the bottom",
    ),
    key(
        MAIN,
        &[char('s'), char('>')],
        Action::SortNext,
        "sort",
        "sort by the next column",
    ),
    key(
        MAIN,
        &[char('S'), char('<')],
        Action::SortPrevious,
        "",
        "sort by the previous column",
    ),
    key(
        MAIN,
        &[char('I')],
        Action::Invert,
        "invert",
        "invert the order",
    ),
    key(
        MAIN,
        &[char('4')],
        Action::Family(Family::V4),
        "IPv4",
        "only IPv4; again: both",
    ),
    key(
        MAIN,
        &[char('6')],
        Action::Family(Family::V6),
        "IPv6",
        "only IPv6; again: both",
    ),
    key(
        MAIN,
        &[char('o')],
        Action::Scope,
        "open/finished",
        "all sessions, only open, only finished",
    ),
    key(
        MAIN,
        &[char(' '), char('p')],
        Action::Freeze,
        "freeze",
        "freeze the picture and go on again; the capture never stops",
    ),
    key(
        MAIN,
        &[char('F')],
        Action::Follow,
        "follow",
        "follow the newest session; again: the order before",
    ),
    key(
        LIVE,
        &[char('+'), char('=')],
        Action::Pace { longer: true },
        "",
        "a longer refresh interval: fewer pictures",
    ),
    key(
        LIVE,
        &[char('-')],
        Action::Pace { longer: false },
        "",
        "a shorter refresh interval: more pictures",
    ),
    key(
        MAIN,
        &[ctrl('l')],
        Action::Redraw,
        "",
        "draw the whole screen anew",
    ),
    key(
        MAIN,
        &[ctrl('z')],
        Action::Suspend,
        "",
        "suspend to the shell; `fg` comes back",
    ),
    key(
        &[Mode::Detail],
        &[
            code(KeyCode::Esc),
            char('q'),
            code(KeyCode::Backspace),
            code(KeyCode::Enter),
        ],
        Action::Leave,
        "back",
        "back to the sessions",
    ),
    key(
        &[Mode::Detail],
        &[char('?'), char('h'), code(KeyCode::F(1))],
        Action::Help,
        "help",
        "the help",
    ),
    key(
        &[Mode::Detail],
        &[code(KeyCode::Tab), char('x')],
        Action::OtherEnd,
        "other end",
        "the other end, if it is on this host too",
    ),
    key(
        &[Mode::Detail],
        &[char(' '), char('p')],
        Action::Freeze,
        "freeze",
        "freeze the picture and go on again",
    ),
    key(
        &[Mode::Help],
        &[
            char('q'),
            char('?'),
            char('h'),
            code(KeyCode::F(1)),
            code(KeyCode::Esc),
            code(KeyCode::Enter),
        ],
        Action::Help,
        "back",
        "back to where one was",
    ),
    key(
        READING,
        &[ctrl('c'), code(KeyCode::F(10))],
        Action::Quit,
        "quit",
        "quit",
    ),
    key(
        READING,
        DOWN,
        Action::Move(Motion::Down),
        "down",
        "a line down",
    ),
    key(READING, UP, Action::Move(Motion::Up), "up", "a line up"),
    key(
        READING,
        PAGE_DOWN,
        Action::Move(Motion::PageDown),
        "",
        "a page down",
    ),
    key(
        READING,
        PAGE_UP,
        Action::Move(Motion::PageUp),
        "",
        "a page up",
    ),
    key(READING, TOP, Action::Move(Motion::Top), "", "to the top"),
    key(
        READING,
        BOTTOM,
        Action::Move(Motion::Bottom),
        "",
        "to the bottom",
    ),
    key(
        READING,
        &[ctrl('l')],
        Action::Redraw,
        "",
        "draw the whole screen anew",
    ),
    key(
        READING,
        &[ctrl('z')],
        Action::Suspend,
        "",
        "suspend to the shell; `fg` comes back",
    ),
    prompt(
        &[code(KeyCode::Enter)],
        Action::Accept,
        "apply",
        "take the filter, and keep it in the history",
    ),
    prompt(
        &[code(KeyCode::Esc), ctrl('c')],
        Action::Cancel,
        "cancel",
        "bring back what was",
    ),
    prompt(
        &[code(KeyCode::Tab)],
        Action::Edit(Edit::Complete),
        "complete",
        "complete a field, a name or a value; again: the next",
    ),
    prompt(
        &[code(KeyCode::Up), ctrl('p')],
        Action::Edit(Edit::Older),
        "history",
        "an older filter",
    ),
    prompt(
        &[code(KeyCode::Down), ctrl('n')],
        Action::Edit(Edit::Newer),
        "",
        "a newer filter",
    ),
    edit(
        &[ctrl('u')],
        InputRequest::DeleteFromStart,
        "delete all before the cursor",
    ),
    edit(
        &[ctrl('k')],
        InputRequest::DeleteTillEnd,
        "delete all behind the cursor",
    ),
    edit(
        &[ctrl('w')],
        InputRequest::DeletePrevWord,
        "delete the word before the cursor",
    ),
    edit(
        &[ctrl('y')],
        InputRequest::Yank,
        "insert what was deleted last",
    ),
    edit(
        &[code(KeyCode::Backspace), ctrl('h')],
        InputRequest::DeletePrevChar,
        "delete the character before the cursor",
    ),
    edit(
        &[code(KeyCode::Delete), ctrl('d')],
        InputRequest::DeleteNextChar,
        "delete the character at the cursor",
    ),
    edit(
        &[code(KeyCode::Left), ctrl('b')],
        InputRequest::GoToPrevChar,
        "a character to the left",
    ),
    edit(
        &[code(KeyCode::Right), ctrl('f')],
        InputRequest::GoToNextChar,
        "a character to the right",
    ),
    edit(
        &[code(KeyCode::Home), ctrl('a')],
        InputRequest::GoToStart,
        "to the start",
    ),
    edit(
        &[code(KeyCode::End), ctrl('e')],
        InputRequest::GoToEnd,
        "to the end",
    ),
];

/// What a key means in a mode.
pub fn lookup(mode: Mode, event: KeyEvent) -> Option<Action> {
    let press = Press {
        code: event.code,
        ctrl: event.modifiers.contains(KeyModifiers::CONTROL),
    };
    KEYS.iter()
        .find(|k| k.is_in(mode) && k.presses.contains(&press))
        .map(|k| k.action)
}

/// The key that does it in a mode, as it is written on it.
pub fn of(mode: Mode, action: Action) -> String {
    let key = KEYS.iter().find(|k| k.is_in(mode) && k.action == action);
    let press = key.and_then(|k| k.presses.first());
    press.map_or_else(String::new, |p| p.name())
}

/// The character that a key types, if it types one.
pub fn text(event: KeyEvent) -> Option<char> {
    let command = KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SUPER;
    match event.code {
        KeyCode::Char(c) if !event.modifiers.intersects(command) => Some(c),
        _ => None,
    }
}

impl Press {
    /// The event that a terminal makes of it.
    pub fn event(self) -> KeyEvent {
        let modifiers = if self.ctrl {
            KeyModifiers::CONTROL
        } else {
            KeyModifiers::NONE
        };
        KeyEvent::new(self.code, modifiers)
    }

    /// The key as it is written on keyboards and in manuals.
    pub fn name(self) -> String {
        match self.code {
            KeyCode::Char(' ') => "Space".into(),
            KeyCode::Char(c) if self.ctrl => format!("^{}", c.to_ascii_uppercase()),
            KeyCode::Char(c) => c.to_string(),
            KeyCode::Down => "↓".into(),
            KeyCode::Up => "↑".into(),
            KeyCode::PageDown => "PgDn".into(),
            KeyCode::PageUp => "PgUp".into(),
            KeyCode::BackTab => "Shift-Tab".into(),
            KeyCode::F(n) => format!("F{n}"),
            other => format!("{other:?}"),
        }
    }
}

impl Key {
    /// True if it is in force there.
    pub fn is_in(&self, mode: Mode) -> bool {
        self.modes.contains(&mode)
    }

    /// All of its keys, as the help shows them.
    pub fn names(&self) -> String {
        self.presses
            .iter()
            .map(|p| p.name())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_in_one_mode() {
        for (i, a) in KEYS.iter().enumerate() {
            for b in &KEYS[..i] {
                let both = a.presses.iter().find(|p| b.presses.contains(p));
                assert!(
                    !a.modes.iter().any(|m| b.is_in(*m)) || both.is_none(),
                    "{both:?}: {a:?} and {b:?}"
                );
            }
        }
    }

    #[test]
    fn every_key_is_explained_and_reachable() {
        for key in KEYS {
            assert!(!key.presses.is_empty() && !key.help.is_empty(), "{key:?}");
            for (press, mode) in key
                .presses
                .iter()
                .flat_map(|p| key.modes.iter().map(move |m| (p, m)))
            {
                assert_eq!(lookup(*mode, press.event()), Some(key.action));
            }
        }
    }

    #[test]
    fn one_can_leave_every_mode() {
        for (mode, action) in [
            (Mode::Table, Action::Quit),
            (Mode::Talkers, Action::Quit),
            (Mode::Detail, Action::Quit),
            (Mode::Help, Action::Quit),
            (Mode::Prompt, Action::Cancel),
        ] {
            let quit = lookup(
                mode,
                KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL),
            );
            assert_eq!(quit, Some(action), "{mode:?}");
        }
    }
}
