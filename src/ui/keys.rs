//! The keys of the dashboard: one row of [`KEYS`] is a key's meaning, its name in the configuration, its line in the
//! help and its place in the footer.
//!
//! Responsible for which key means what where, and for other keys than the usual ones ([`Keymap`]). Not for what then
//! happens (`app`).

use std::borrow::Cow;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use tui_input::InputRequest;

use super::app::{Action, Motion};
use super::columns::Sideways;
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
    /// Columns are being chosen.
    Columns,
    /// The distributions have it.
    Distributions,
    /// The failures have it.
    Failures,
    /// What is other since the mark has it.
    Marked,
    /// The help lies above it.
    Help,
    /// A filter is being typed: keys that are not in the table are text.
    Prompt,
    /// The name of a file is being typed: likewise.
    FileName,
    /// There is a file of that name.
    Replace,
    /// A file is being written.
    Writing,
}

/// One key, as a terminal reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Press {
    code: KeyCode,
    ctrl: bool,
}

/// One row of [`KEYS`].
#[derive(Debug, PartialEq)]
pub struct Key {
    /// Its name in the configuration; rows that share it have the same keys.
    pub name: &'static str,
    /// Where it is in force.
    pub modes: &'static [Mode],
    /// The keys that do it, unless the configuration names others.
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
    name: &'static str,
    modes: &'static [Mode],
    presses: &'static [Press],
    action: Action,
    footer: &'static str,
    help: &'static str,
) -> Key {
    Key {
        name,
        modes,
        presses,
        action,
        help,
        footer,
    }
}

const fn prompt(
    name: &'static str,
    presses: &'static [Press],
    action: Action,
    footer: &'static str,
    help: &'static str,
) -> Key {
    key(name, &[Mode::Prompt], presses, action, footer, help)
}

const fn edit(
    name: &'static str,
    presses: &'static [Press],
    request: InputRequest,
    help: &'static str,
) -> Key {
    key(
        name,
        TYPING,
        presses,
        Action::Edit(Edit::Request(request)),
        "",
        help,
    )
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
/// What takes the table's place.
const SCREENS: &[Mode] = &[Mode::Distributions, Mode::Failures, Mode::Marked];
/// Those that are about the sessions that are meant.
const COUNTING: &[Mode] = &[Mode::Distributions, Mode::Failures];
/// The sessions, who talks, and what takes their place.
const LOOKING: &[Mode] = &[
    Mode::Table,
    Mode::Talkers,
    Mode::Distributions,
    Mode::Failures,
    Mode::Marked,
];
/// Where one can choose which sessions are meant.
const CHOOSING: &[Mode] = &[
    Mode::Table,
    Mode::Talkers,
    Mode::Distributions,
    Mode::Failures,
];
/// What changes by itself.
const LIVE: &[Mode] = &[
    Mode::Table,
    Mode::Talkers,
    Mode::Distributions,
    Mode::Failures,
    Mode::Marked,
    Mode::Detail,
];
/// What is read, page by page.
const READING: &[Mode] = &[
    Mode::Detail,
    Mode::Distributions,
    Mode::Failures,
    Mode::Marked,
    Mode::Help,
    Mode::Columns,
];

/// A line is typed.
const TYPING: &[Mode] = &[Mode::Prompt, Mode::FileName];

/// Where keys are explained together: one row of [`PLACES`].
#[derive(Debug)]
pub struct Place {
    /// The name of the part of the documents.
    pub section: &'static str,
    /// The heading of the part of the help.
    pub heading: &'static str,
    /// The modes that it is about.
    pub modes: &'static [Mode],
    /// What is in force there too, and is explained elsewhere; none for the first place.
    besides: Option<Mode>,
}

impl Place {
    /// True if the key is explained there.
    pub fn lists(&self, key: &Key) -> bool {
        let elsewhere = self.besides.is_some_and(|m| key.is_in(m));
        !elsewhere && self.modes.iter().any(|m| key.is_in(*m))
    }
}

const fn place(
    section: &'static str,
    heading: &'static str,
    modes: &'static [Mode],
    besides: Option<Mode>,
) -> Place {
    Place {
        section,
        heading,
        modes,
        besides,
    }
}

/// Every place, in the order of the help.
pub static PLACES: &[Place] = &[
    place("keys", "KEYS", &[Mode::Table], None),
    place(
        "talkers",
        "KEYS IN A TALKER PANE, besides those above",
        &[Mode::Talkers],
        Some(Mode::Table),
    ),
    place(
        "screens",
        "KEYS IN DISTRIBUTIONS, FAILURES AND SINCE THE MARK",
        SCREENS,
        Some(Mode::Table),
    ),
    place(
        "detail",
        "KEYS IN A SESSION'S DETAIL",
        &[Mode::Detail],
        Some(Mode::Table),
    ),
    place(
        "columns",
        "KEYS WHILE CHOOSING COLUMNS",
        &[Mode::Columns],
        Some(Mode::Table),
    ),
    place(
        "prompt",
        "KEYS WHILE TYPING A FILTER",
        &[Mode::Prompt],
        Some(Mode::Table),
    ),
    place(
        "export",
        "KEYS WHILE EXPORTING",
        &[Mode::FileName, Mode::Replace, Mode::Writing],
        Some(Mode::Prompt),
    ),
];

/// Every key, in the order of the help and of the footer.
pub static KEYS: &[Key] = &[
    key("quit", MAIN, QUIT, Action::Quit, "quit", "quit"),
    key(
        "leave-screen",
        SCREENS,
        &[code(KeyCode::Esc), char('q')],
        Action::Leave,
        "back",
        "back to the sessions",
    ),
    key(
        "help",
        LOOKING,
        &[char('?'), char('h'), code(KeyCode::F(1))],
        Action::Help,
        "help",
        "this help",
    ),
    key(
        "filter",
        CHOOSING,
        &[char('/')],
        Action::Prompt(Purpose::Filter),
        "filter",
        "filter: applied as you type; Esc brings back what was",
    ),
    key(
        "capture",
        MAIN,
        &[char('C')],
        Action::Prompt(Purpose::Capture),
        "",
        "what is captured at all, by the kernel where it can",
    ),
    key(
        "detail",
        &[Mode::Table],
        &[code(KeyCode::Enter)],
        Action::Open,
        "more",
        "everything about the session",
    ),
    key(
        "narrow",
        &[Mode::Talkers],
        &[code(KeyCode::Enter)],
        Action::Narrow,
        "narrow",
        "narrow the filter to this one",
    ),
    key(
        "narrow",
        SCREENS,
        &[code(KeyCode::Enter)],
        Action::Narrow,
        "narrow",
        "narrow the filter to these, and back to the sessions",
    ),
    key(
        "mark-anew",
        &[Mode::Marked],
        &[char('M')],
        Action::MarkAnew,
        "mark anew",
        "compare with now instead",
    ),
    key(
        "unmark",
        &[Mode::Marked],
        &[char('x')],
        Action::Unmark,
        "forget",
        "forget the mark, and back to the sessions",
    ),
    key(
        "next-pane",
        MAIN,
        &[code(KeyCode::Tab)],
        Action::NextPane,
        "who",
        "the next pane: sessions, processes, peers, ports",
    ),
    key(
        "previous-pane",
        MAIN,
        &[code(KeyCode::BackTab)],
        Action::PreviousPane,
        "",
        "the pane before",
    ),
    key(
        "next-bar",
        &[Mode::Distributions],
        &[code(KeyCode::Right)],
        Action::Move(Motion::Down),
        "next bar",
        "the bar to the right",
    ),
    key(
        "previous-bar",
        &[Mode::Distributions],
        &[code(KeyCode::Left)],
        Action::Move(Motion::Up),
        "",
        "the bar to the left",
    ),
    key(
        "next-pane",
        &[Mode::Distributions],
        &[code(KeyCode::Tab)],
        Action::NextPane,
        "next chart",
        "the next chart",
    ),
    key(
        "previous-pane",
        &[Mode::Distributions],
        &[code(KeyCode::BackTab)],
        Action::PreviousPane,
        "",
        "the chart before",
    ),
    key(
        "widen",
        COUNTING,
        &[code(KeyCode::Backspace)],
        Action::Widen,
        "wider",
        "back to the filter before",
    ),
    key(
        "widen",
        &[Mode::Talkers],
        &[code(KeyCode::Backspace)],
        Action::Widen,
        "out",
        "back out: to the filter before",
    ),
    key(
        "leave-talkers",
        &[Mode::Talkers],
        &[code(KeyCode::Esc)],
        Action::Leave,
        "sessions",
        "back to the sessions",
    ),
    key(
        "group",
        &[Mode::Talkers],
        &[char('a')],
        Action::Group,
        "all together",
        "peers by subnet, processes by name; again: each",
    ),
    key(
        "charts",
        LOOKING,
        &[char('d')],
        Action::Screen(Mode::Distributions),
        "charts",
        "distributions of duration, RTT, connect latency and bytes",
    ),
    key(
        "failures",
        LOOKING,
        &[char('f')],
        Action::Screen(Mode::Failures),
        "fails",
        "failures by reason, destination and program",
    ),
    key(
        "mark",
        LOOKING,
        &[char('m')],
        Action::Mark,
        "mark",
        "mark this moment; again: what is other since",
    ),
    key(
        "sort-next",
        MAIN,
        &[char('s'), char('>')],
        Action::SortNext,
        "sort",
        "sort by the next column",
    ),
    key(
        "sort-previous",
        MAIN,
        &[char('S'), char('<')],
        Action::SortPrevious,
        "",
        "sort by the previous column",
    ),
    key(
        "invert",
        MAIN,
        &[char('I')],
        Action::Invert,
        "invert",
        "invert the order",
    ),
    key(
        "widen",
        &[Mode::Table],
        &[code(KeyCode::Backspace)],
        Action::Widen,
        "",
        "back to the filter before",
    ),
    key(
        "down",
        MAIN,
        DOWN,
        Action::Move(Motion::Down),
        "",
        "a line down; the selection follows what is on it",
    ),
    key("up", MAIN, UP, Action::Move(Motion::Up), "", "a line up"),
    key(
        "page-down",
        MAIN,
        PAGE_DOWN,
        Action::Move(Motion::PageDown),
        "",
        "a page down",
    ),
    key(
        "page-up",
        MAIN,
        PAGE_UP,
        Action::Move(Motion::PageUp),
        "",
        "a page up",
    ),
    key(
        "half-down",
        MAIN,
        &[ctrl('d')],
        Action::Move(Motion::HalfDown),
        "",
        "half a page down",
    ),
    key(
        "half-up",
        MAIN,
        &[ctrl('u')],
        Action::Move(Motion::HalfUp),
        "",
        "half a page up",
    ),
    key(
        "top",
        MAIN,
        TOP,
        Action::Move(Motion::Top),
        "",
        "to the top, and stay there whatever comes",
    ),
    key(
        "bottom",
        MAIN,
        BOTTOM,
        Action::Move(Motion::Bottom),
        "",
        "to the bottom",
    ),
    key(
        "columns",
        MAIN,
        &[char('c')],
        Action::Columns,
        "columns",
        "choose the columns and their order",
    ),
    key(
        "right",
        &[Mode::Table],
        &[code(KeyCode::Right)],
        Action::Sideways(Sideways::Right),
        "",
        "cells as a whole, then columns further on the right",
    ),
    key(
        "left",
        &[Mode::Table],
        &[code(KeyCode::Left)],
        Action::Sideways(Sideways::Left),
        "",
        "back to the columns on the left",
    ),
    key(
        "last-column",
        &[Mode::Table],
        &[char('$'), ctrl('e')],
        Action::Sideways(Sideways::End),
        "",
        "to the last column",
    ),
    key(
        "first-column",
        &[Mode::Table],
        &[char('^'), ctrl('a')],
        Action::Sideways(Sideways::Start),
        "",
        "to the first column",
    ),
    key(
        "ipv4",
        CHOOSING,
        &[char('4')],
        Action::Family(Family::V4),
        "IPv4",
        "only IPv4; again: both",
    ),
    key(
        "ipv6",
        CHOOSING,
        &[char('6')],
        Action::Family(Family::V6),
        "IPv6",
        "only IPv6; again: both",
    ),
    key(
        "scope",
        CHOOSING,
        &[char('o')],
        Action::Scope,
        "open/finished",
        "all sessions, only open, only finished",
    ),
    key(
        "freeze",
        LOOKING,
        &[char(' '), char('p')],
        Action::Freeze,
        "freeze",
        "freeze the picture and go on again; the capture never stops",
    ),
    key(
        "theme",
        MAIN,
        &[char('t')],
        Action::Theme,
        "",
        "the next theme: other colours, or none",
    ),
    key(
        "own",
        MAIN,
        &[char('H')],
        Action::Own,
        "",
        "show what this dashboard causes itself; again: hide it",
    ),
    key(
        "names",
        MAIN,
        &[char('n')],
        Action::Names,
        "names",
        "names of addresses, by reverse DNS; again: addresses",
    ),
    key(
        "port-names",
        MAIN,
        &[char('N')],
        Action::PortNames,
        "",
        "names of the services' ports; again: numbers",
    ),
    key(
        "export",
        MAIN,
        &[char('e')],
        Action::Export,
        "export",
        "export what the table shows: .csv or .json",
    ),
    key(
        "copy",
        &[Mode::Table],
        &[char('y')],
        Action::Copy,
        "copy",
        "copy the session to your terminal's clipboard",
    ),
    key(
        "copy",
        &[Mode::Talkers],
        &[char('y')],
        Action::Copy,
        "copy",
        "copy its filter to your terminal's clipboard",
    ),
    key(
        "follow",
        MAIN,
        &[char('F')],
        Action::Follow,
        "follow",
        "follow the newest session; again: the order before",
    ),
    key(
        "interval-longer",
        LIVE,
        &[char('+'), char('=')],
        Action::Pace { longer: true },
        "",
        "a longer refresh interval: fewer pictures",
    ),
    key(
        "interval-shorter",
        LIVE,
        &[char('-')],
        Action::Pace { longer: false },
        "",
        "a shorter refresh interval: more pictures",
    ),
    key(
        "redraw",
        MAIN,
        &[ctrl('l')],
        Action::Redraw,
        "",
        "draw the whole screen anew",
    ),
    key(
        "suspend",
        MAIN,
        &[ctrl('z')],
        Action::Suspend,
        "",
        "suspend to the shell; `fg` comes back",
    ),
    key(
        "leave-detail",
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
        "help",
        &[Mode::Detail],
        &[char('?'), char('h'), code(KeyCode::F(1))],
        Action::Help,
        "help",
        "the help",
    ),
    key(
        "other-end",
        &[Mode::Detail],
        &[code(KeyCode::Tab), char('x')],
        Action::OtherEnd,
        "other end",
        "the other end, if it is on this host too",
    ),
    key(
        "copy",
        &[Mode::Detail],
        &[char('y')],
        Action::Copy,
        "copy ss",
        "copy the ss command to your terminal's clipboard",
    ),
    key(
        "copy-other",
        &[Mode::Detail],
        &[char('Y')],
        Action::CopyOther,
        "tcpdump",
        "copy the tcpdump command",
    ),
    key(
        "names",
        &[Mode::Detail],
        &[char('n')],
        Action::Names,
        "names",
        "names of addresses; again: addresses alone",
    ),
    key(
        "port-names",
        &[Mode::Detail],
        &[char('N')],
        Action::PortNames,
        "",
        "names of the services' ports; again: numbers alone",
    ),
    key(
        "freeze",
        &[Mode::Detail],
        &[char(' '), char('p')],
        Action::Freeze,
        "freeze",
        "freeze the picture and go on again",
    ),
    key(
        "toggle-column",
        &[Mode::Columns],
        &[char(' '), code(KeyCode::Enter)],
        Action::ToggleColumn,
        "show/hide",
        "show the column, or hide it",
    ),
    key(
        "column-down",
        &[Mode::Columns],
        &[char('J'), char(']'), code(KeyCode::F(8))],
        Action::MoveColumn(1),
        "down",
        "move the column down: to the right in the table",
    ),
    key(
        "column-up",
        &[Mode::Columns],
        &[char('K'), char('['), code(KeyCode::F(7))],
        Action::MoveColumn(-1),
        "up",
        "move the column up: to the left in the table",
    ),
    key(
        "leave-columns",
        &[Mode::Columns],
        &[char('c'), code(KeyCode::Esc), char('q')],
        Action::Leave,
        "back",
        "back to the table; the choice is kept for the next run",
    ),
    key(
        "reset-columns",
        &[Mode::Columns],
        &[char('r')],
        Action::ResetColumns,
        "default",
        "the default: what the configuration says, or what fits",
    ),
    key(
        "help",
        &[Mode::Columns],
        &[char('?'), char('h'), code(KeyCode::F(1))],
        Action::Help,
        "help",
        "the help",
    ),
    key(
        "leave-help",
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
        "quit-reading",
        READING,
        &[ctrl('c'), code(KeyCode::F(10))],
        Action::Quit,
        "quit",
        "quit tcplife",
    ),
    key(
        "down",
        READING,
        DOWN,
        Action::Move(Motion::Down),
        "down",
        "a line down",
    ),
    key(
        "up",
        READING,
        UP,
        Action::Move(Motion::Up),
        "up",
        "a line up",
    ),
    key(
        "page-down",
        READING,
        PAGE_DOWN,
        Action::Move(Motion::PageDown),
        "",
        "a page down",
    ),
    key(
        "page-up",
        READING,
        PAGE_UP,
        Action::Move(Motion::PageUp),
        "",
        "a page up",
    ),
    key(
        "top",
        READING,
        TOP,
        Action::Move(Motion::Top),
        "",
        "to the top",
    ),
    key(
        "bottom",
        READING,
        BOTTOM,
        Action::Move(Motion::Bottom),
        "",
        "to the bottom",
    ),
    key(
        "redraw",
        READING,
        &[ctrl('l')],
        Action::Redraw,
        "",
        "draw the whole screen anew",
    ),
    key(
        "suspend",
        READING,
        &[ctrl('z')],
        Action::Suspend,
        "",
        "suspend to the shell; `fg` comes back",
    ),
    prompt(
        "accept",
        &[code(KeyCode::Enter)],
        Action::Accept,
        "apply",
        "take the filter, and keep it in the history",
    ),
    prompt(
        "cancel",
        &[code(KeyCode::Esc), ctrl('c')],
        Action::Cancel,
        "cancel",
        "bring back what was",
    ),
    prompt(
        "complete",
        &[code(KeyCode::Tab)],
        Action::Edit(Edit::Complete),
        "complete",
        "complete a field, a name or a value; again: the next",
    ),
    prompt(
        "older",
        &[code(KeyCode::Up), ctrl('p')],
        Action::Edit(Edit::Older),
        "history",
        "an older filter",
    ),
    prompt(
        "newer",
        &[code(KeyCode::Down), ctrl('n')],
        Action::Edit(Edit::Newer),
        "",
        "a newer filter",
    ),
    key(
        "accept",
        &[Mode::FileName],
        &[code(KeyCode::Enter)],
        Action::Accept,
        "write",
        "write it: all fields of the sessions of the table, in its order",
    ),
    key(
        "cancel",
        &[Mode::FileName],
        &[code(KeyCode::Esc), ctrl('c')],
        Action::Cancel,
        "cancel",
        "write nothing",
    ),
    key(
        "replace",
        &[Mode::Replace],
        &[char('y')],
        Action::Replace,
        "replace it",
        "replace the file that is there",
    ),
    key(
        "keep-file",
        &[Mode::Replace],
        &[char('n'), code(KeyCode::Esc), ctrl('c')],
        Action::Cancel,
        "another name",
        "let it be, and type another name",
    ),
    key(
        "cancel",
        &[Mode::Writing],
        &[code(KeyCode::Esc), ctrl('c')],
        Action::Cancel,
        "cancel",
        "stop writing; nothing is left of the file",
    ),
    edit(
        "delete-to-start",
        &[ctrl('u')],
        InputRequest::DeleteFromStart,
        "delete all before the cursor",
    ),
    edit(
        "delete-to-end",
        &[ctrl('k')],
        InputRequest::DeleteTillEnd,
        "delete all behind the cursor",
    ),
    edit(
        "delete-word",
        &[ctrl('w')],
        InputRequest::DeletePrevWord,
        "delete the word before the cursor",
    ),
    edit(
        "paste",
        &[ctrl('y')],
        InputRequest::Yank,
        "insert what was deleted last",
    ),
    edit(
        "delete-left",
        &[code(KeyCode::Backspace), ctrl('h')],
        InputRequest::DeletePrevChar,
        "delete the character before the cursor",
    ),
    edit(
        "delete-right",
        &[code(KeyCode::Delete), ctrl('d')],
        InputRequest::DeleteNextChar,
        "delete the character at the cursor",
    ),
    edit(
        "cursor-left",
        &[code(KeyCode::Left), ctrl('b')],
        InputRequest::GoToPrevChar,
        "a character to the left",
    ),
    edit(
        "cursor-right",
        &[code(KeyCode::Right), ctrl('f')],
        InputRequest::GoToNextChar,
        "a character to the right",
    ),
    edit(
        "cursor-start",
        &[code(KeyCode::Home), ctrl('a')],
        InputRequest::GoToStart,
        "to the start",
    ),
    edit(
        "cursor-end",
        &[code(KeyCode::End), ctrl('e')],
        InputRequest::GoToEnd,
        "to the end",
    ),
];

/// A row of [`KEYS`] with the keys that it has in this run.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// The row.
    pub key: &'static Key,
    /// The keys that do it.
    pub presses: Cow<'static, [Press]>,
}

/// The keys of this run: those of [`KEYS`], or what the configuration has instead.
#[derive(Clone, Debug, PartialEq)]
pub struct Keymap {
    rows: Vec<Bound>,
}

impl Default for Keymap {
    fn default() -> Self {
        let rows = KEYS.iter().map(|key| Bound {
            key,
            presses: Cow::Borrowed(key.presses),
        });
        Keymap {
            rows: rows.collect(),
        }
    }
}

impl Keymap {
    /// What a key means in a mode.
    pub fn lookup(&self, mode: Mode, event: KeyEvent) -> Option<Action> {
        let press = Press {
            code: event.code,
            ctrl: event.modifiers.contains(KeyModifiers::CONTROL),
        };
        self.rows(&[mode])
            .find(|r| r.presses.contains(&press))
            .map(|r| r.key.action)
    }

    /// The key that does it in a mode, as it is written on it.
    pub fn of(&self, mode: Mode, action: Action) -> String {
        let row = self.rows(&[mode]).find(|r| r.key.action == action);
        let press = row.and_then(|r| r.presses.first());
        press.map_or_else(String::new, |p| p.name())
    }

    /// What is in force in one of these modes, in the order of the help.
    pub fn rows(&self, modes: &[Mode]) -> impl Iterator<Item = &Bound> {
        let rows = self.rows.iter();
        rows.filter(move |r| modes.iter().any(|m| r.key.is_in(*m)))
    }

    /// Every row, in the order of [`KEYS`].
    pub fn all(&self) -> &[Bound] {
        &self.rows
    }

    /// Gives the rows of that name other keys.
    pub fn bind(&mut self, name: &str, presses: &[Press]) {
        for row in self.rows.iter_mut().filter(|r| r.key.name == name) {
            row.presses = Cow::Owned(presses.to_vec());
        }
    }

    /// A key that would mean two things in one mode, and the names of both.
    pub fn conflict(&self) -> Option<(Press, &'static str, &'static str)> {
        let rows = self.rows.iter().enumerate();
        rows.flat_map(|(i, b)| self.rows[..i].iter().map(move |a| (a, b)))
            .filter(|(a, b)| a.key.modes.iter().any(|m| b.key.is_in(*m)))
            .find_map(|(a, b)| {
                let both = a.presses.iter().find(|p| b.presses.contains(p))?;
                Some((*both, a.key.name, b.key.name))
            })
    }
}

impl Bound {
    /// All of its keys, as the help shows them.
    pub fn names(&self) -> String {
        names(&self.presses)
    }
}

fn names(presses: &[Press]) -> String {
    let names: Vec<String> = presses.iter().map(|p| p.name()).collect();
    names.join(" ")
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

    /// The key of that name, as [`Press::name`] writes it or in plain letters: `a`, `^A`, `F1`, `PgDn`, `Left`.
    pub fn parse(text: &str) -> Option<Press> {
        let mut chars = text.chars();
        match (chars.next()?, chars.next(), chars.next()) {
            (c, None, _) if !c.is_control() => {
                let arrow = match c {
                    '↑' => KeyCode::Up,
                    '↓' => KeyCode::Down,
                    '←' => KeyCode::Left,
                    '→' => KeyCode::Right,
                    c => KeyCode::Char(c),
                };
                return Some(code(arrow));
            }
            // terminals send the same for these
            ('^', Some('i' | 'I'), None) => return Some(code(KeyCode::Tab)),
            ('^', Some('m' | 'M'), None) => return Some(code(KeyCode::Enter)),
            ('^', Some(c), None) if c.is_ascii_alphabetic() => {
                return Some(ctrl(c.to_ascii_lowercase()));
            }
            _ => {}
        }
        let function = text.strip_prefix(['F', 'f']).map(str::parse);
        if let Some(Ok(n @ 1..=12)) = function {
            return Some(code(KeyCode::F(n)));
        }
        let mut named = NAMED.iter();
        named
            .find(|(name, _)| name.eq_ignore_ascii_case(text))
            .map(|(_, key)| code(*key))
    }

    /// True if it is a character, which a prompt takes as text.
    pub fn is_text(self) -> bool {
        matches!(self.code, KeyCode::Char(_)) && !self.ctrl
    }

    /// The key as it is written on keyboards and in manuals.
    pub fn name(self) -> String {
        match self.code {
            KeyCode::Char(' ') => "Space".into(),
            KeyCode::Char(c) if self.ctrl => format!("^{}", c.to_ascii_uppercase()),
            KeyCode::Char(c) => c.to_string(),
            KeyCode::Down => "↓".into(),
            KeyCode::Up => "↑".into(),
            KeyCode::Left => "←".into(),
            KeyCode::Right => "→".into(),
            KeyCode::PageDown => "PgDn".into(),
            KeyCode::PageUp => "PgUp".into(),
            KeyCode::BackTab => "Shift-Tab".into(),
            KeyCode::F(n) => format!("F{n}"),
            other => format!("{other:?}"),
        }
    }
}

/// Keys that have a name of their own in the configuration, besides the one that is written on them.
const NAMED: [(&str, KeyCode); 16] = [
    ("Space", KeyCode::Char(' ')),
    ("Enter", KeyCode::Enter),
    ("Tab", KeyCode::Tab),
    ("Shift-Tab", KeyCode::BackTab),
    ("Esc", KeyCode::Esc),
    ("Backspace", KeyCode::Backspace),
    ("Delete", KeyCode::Delete),
    ("Insert", KeyCode::Insert),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("PgUp", KeyCode::PageUp),
    ("PgDn", KeyCode::PageDown),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
];

impl Key {
    /// True if it is in force there.
    pub fn is_in(&self, mode: Mode) -> bool {
        self.modes.contains(&mode)
    }

    /// All of its keys, as the help shows them.
    pub fn names(&self) -> String {
        names(self.presses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_in_one_mode() {
        assert_eq!(Keymap::default().conflict(), None);
    }

    #[test]
    fn a_conflict_names_the_key_and_both_meanings() {
        let mut keymap = Keymap::default();
        keymap.bind("invert", &[char('x'), char('c')]);
        assert_eq!(
            keymap.conflict(),
            Some((char('c'), "invert", "columns")),
            "x is free where it means something else in another mode only"
        );
    }

    #[test]
    fn every_key_is_explained_and_reachable() {
        let keymap = Keymap::default();
        for key in KEYS {
            assert!(!key.presses.is_empty() && !key.help.is_empty(), "{key:?}");
            for (press, mode) in key
                .presses
                .iter()
                .flat_map(|p| key.modes.iter().map(move |m| (p, m)))
            {
                assert_eq!(keymap.lookup(*mode, press.event()), Some(key.action));
            }
        }
    }

    #[test]
    fn a_name_stands_for_the_same_keys_wherever_it_is() {
        for (i, a) in KEYS.iter().enumerate() {
            let mut letters = a.name.chars();
            assert!(letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            for b in KEYS[..i].iter().filter(|b| b.name == a.name) {
                assert_eq!(a.presses, b.presses, "{}", a.name);
                assert_eq!(a.action, b.action, "{}", a.name);
            }
        }
    }

    #[test]
    fn keys_can_be_written_as_they_are_shown() {
        for press in KEYS.iter().flat_map(|k| k.presses) {
            assert_eq!(Press::parse(&press.name()), Some(*press));
        }
        assert_eq!(Press::parse("pgdn"), Some(code(KeyCode::PageDown)));
        assert_eq!(Press::parse("left"), Some(code(KeyCode::Left)));
        assert_eq!(Press::parse("^i"), Some(code(KeyCode::Tab)));
        assert_eq!(Press::parse("^"), Some(char('^')));
        for wrong in ["", "ab", "^1", "^^", "F0", "F13", "Ctrl", "\n", "\u{7f}"] {
            assert_eq!(Press::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn one_can_leave_every_mode() {
        for (mode, action) in [
            (Mode::Table, Action::Quit),
            (Mode::Talkers, Action::Quit),
            (Mode::Detail, Action::Quit),
            (Mode::Distributions, Action::Quit),
            (Mode::Failures, Action::Quit),
            (Mode::Marked, Action::Quit),
            (Mode::Help, Action::Quit),
            (Mode::Columns, Action::Quit),
            (Mode::Prompt, Action::Cancel),
            (Mode::FileName, Action::Cancel),
            (Mode::Replace, Action::Cancel),
            (Mode::Writing, Action::Cancel),
        ] {
            let quit = Keymap::default().lookup(
                mode,
                KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL),
            );
            assert_eq!(quit, Some(action), "{mode:?}");
        }
    }
}
