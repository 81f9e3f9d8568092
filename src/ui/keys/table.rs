//! The key table: one row of [`KEYS`] is a key's meaning, its name in the configuration, its line in the help and its
//! position in the footer.

use tui_input::InputRequest;

use crate::model::capture_filter::Family;
use crate::ui::action::{Action, Edit, Mode, Motion, Purpose, Sideways};
use crate::ui::keys::key_press::{char, code, ctrl};
use crate::ui::keys::{KeyBinding, KeyCode, KeyPress};

const fn key(
    name: &'static str,
    modes: &'static [Mode],
    presses: &'static [KeyPress],
    action: Action,
    footer: &'static str,
    help: &'static str,
) -> KeyBinding {
    KeyBinding {
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
    presses: &'static [KeyPress],
    action: Action,
    footer: &'static str,
    help: &'static str,
) -> KeyBinding {
    key(name, &[Mode::Prompt], presses, action, footer, help)
}

const fn edit(
    name: &'static str,
    presses: &'static [KeyPress],
    request: InputRequest,
    help: &'static str,
) -> KeyBinding {
    key(
        name,
        TYPING,
        presses,
        Action::Edit(Edit::Request(request)),
        "",
        help,
    )
}

const QUIT: &[KeyPress] = &[char('q'), ctrl('c'), code(KeyCode::F(10))];
const DOWN: &[KeyPress] = &[char('j'), code(KeyCode::Down)];
const UP: &[KeyPress] = &[char('k'), code(KeyCode::Up)];
const PAGE_DOWN: &[KeyPress] = &[code(KeyCode::PageDown), ctrl('f')];
const PAGE_UP: &[KeyPress] = &[code(KeyCode::PageUp), ctrl('b')];
const TOP: &[KeyPress] = &[char('g'), code(KeyCode::Home)];
const BOTTOM: &[KeyPress] = &[char('G'), code(KeyCode::End)];

/// The session table and the panes next to it.
const MAIN: &[Mode] = &[Mode::Table, Mode::TopTalkers];
/// Screens shown instead of the table.
pub const SCREENS: &[Mode] = &[Mode::Distributions, Mode::Failures, Mode::Baseline];
/// Screens that count the sessions of the filter.
const COUNTING: &[Mode] = &[Mode::Distributions, Mode::Failures];
/// The session table, the panes, and the screens shown instead.
const LOOKING: &[Mode] = &[
    Mode::Table,
    Mode::TopTalkers,
    Mode::Distributions,
    Mode::Failures,
    Mode::Baseline,
];
/// Modes in which the filter can be changed.
const CHOOSING: &[Mode] = &[
    Mode::Table,
    Mode::TopTalkers,
    Mode::Distributions,
    Mode::Failures,
];
/// Modes whose content changes by itself.
const LIVE: &[Mode] = &[
    Mode::Table,
    Mode::TopTalkers,
    Mode::Distributions,
    Mode::Failures,
    Mode::Baseline,
    Mode::Detail,
];
/// Pages of text.
const READING: &[Mode] = &[
    Mode::Detail,
    Mode::Distributions,
    Mode::Failures,
    Mode::Baseline,
    Mode::Help,
    Mode::Columns,
];

/// Everything above the list in which `q` goes back instead of exiting.
const ABOVE: &[Mode] = &[
    Mode::TopTalkers,
    Mode::Detail,
    Mode::Distributions,
    Mode::Failures,
    Mode::Baseline,
    Mode::Help,
    Mode::Columns,
];

/// Modes in which a line is typed.
const TYPING: &[Mode] = &[Mode::Prompt, Mode::FileName];

/// Every key, in the order of the help and of the footer.
#[rustfmt::skip]
pub static KEYS: &[KeyBinding] = &[
    key("quit", &[Mode::Table], QUIT, Action::Quit, "quit", "quit tcplife"),
    key("leave-screen", SCREENS, &[code(KeyCode::Esc), char('q')], Action::Back, "back", "back to the sessions"),
    key("help", LOOKING, &[char('?'), char('h'), code(KeyCode::F(1))], Action::Help, "help", "this help"),
    key("filter", CHOOSING, &[char('/')], Action::Prompt(Purpose::Filter), "filter", "filter: applied as you type; Esc brings back what was"),
    key("capture", MAIN, &[char('C')], Action::Prompt(Purpose::Capture), "", "what is captured at all, by the kernel where it can"),
    key("detail", &[Mode::Table], &[code(KeyCode::Enter)], Action::Open, "more", "everything about the session"),
    key("narrow", &[Mode::TopTalkers], &[code(KeyCode::Enter)], Action::Narrow, "narrow", "narrow the filter to this one"),
    key("narrow", SCREENS, &[code(KeyCode::Enter)], Action::Narrow, "narrow", "narrow the filter to these, and back to the sessions"),
    key("mark-anew", &[Mode::Baseline], &[char('M')], Action::NewBaseline, "mark anew", "compare with now instead"),
    key("unmark", &[Mode::Baseline], &[char('x')], Action::ClearBaseline, "forget", "forget the mark, and back to the sessions"),
    key("next-pane", MAIN, &[code(KeyCode::Tab)], Action::NextPane, "who", "the next pane: sessions, processes, peers, ports"),
    key("previous-pane", MAIN, &[code(KeyCode::BackTab)], Action::PreviousPane, "", "the pane before"),
    key("next-bar", &[Mode::Distributions], &[code(KeyCode::Right)], Action::Move(Motion::Down), "next bar", "the bar to the right"),
    key("previous-bar", &[Mode::Distributions], &[code(KeyCode::Left)], Action::Move(Motion::Up), "", "the bar to the left"),
    key("next-pane", &[Mode::Distributions], &[code(KeyCode::Tab)], Action::NextPane, "next chart", "the next chart"),
    key("previous-pane", &[Mode::Distributions], &[code(KeyCode::BackTab)], Action::PreviousPane, "", "the chart before"),
    key("widen", COUNTING, &[code(KeyCode::Backspace)], Action::Widen, "wider", "back to the filter before"),
    key("widen", &[Mode::TopTalkers], &[code(KeyCode::Backspace)], Action::Widen, "out", "back out: to the filter before"),
    key("leave-talkers", &[Mode::TopTalkers], &[code(KeyCode::Esc), char('q')], Action::Back, "back", "back to the sessions"),
    key("group", &[Mode::TopTalkers], &[char('a')], Action::Group, "all together", "peers by subnet, processes by name; again: each"),
    key("charts", LOOKING, &[char('d')], Action::Screen(Mode::Distributions), "charts", "distributions of duration, RTT, connect latency and bytes"),
    key("failures", LOOKING, &[char('f')], Action::Screen(Mode::Failures), "fails", "failures by reason, destination and program"),
    key("mark", LOOKING, &[char('m')], Action::Baseline, "mark", "mark this moment; again: what is other since"),
    key("sort-next", MAIN, &[char('s'), char('>')], Action::SortNext, "sort", "sort by the next column"),
    key("sort-previous", MAIN, &[char('S'), char('<')], Action::SortPrevious, "", "sort by the previous column"),
    key("invert", MAIN, &[char('I')], Action::Invert, "invert", "invert the order"),
    key("widen", &[Mode::Table], &[code(KeyCode::Backspace)], Action::Widen, "", "back to the filter before"),
    key("down", MAIN, DOWN, Action::Move(Motion::Down), "", "a line down; the selection follows what is on it"),
    key("up", MAIN, UP, Action::Move(Motion::Up), "", "a line up"),
    key("page-down", MAIN, PAGE_DOWN, Action::Move(Motion::PageDown), "", "a page down"),
    key("page-up", MAIN, PAGE_UP, Action::Move(Motion::PageUp), "", "a page up"),
    key("half-down", MAIN, &[ctrl('d')], Action::Move(Motion::HalfDown), "", "half a page down"),
    key("half-up", MAIN, &[ctrl('u')], Action::Move(Motion::HalfUp), "", "half a page up"),
    key("top", MAIN, TOP, Action::Move(Motion::Top), "", "to the top, and stay there whatever comes"),
    key("bottom", MAIN, BOTTOM, Action::Move(Motion::Bottom), "", "to the bottom"),
    key("columns", MAIN, &[char('c')], Action::Columns, "columns", "choose the columns and their order"),
    key("right", &[Mode::Table], &[code(KeyCode::Right)], Action::Sideways(Sideways::Right), "", "cells as a whole, then columns further on the right"),
    key("left", &[Mode::Table], &[code(KeyCode::Left)], Action::Sideways(Sideways::Left), "", "back to the columns on the left"),
    key("last-column", &[Mode::Table], &[char('$'), ctrl('e')], Action::Sideways(Sideways::End), "", "to the last column"),
    key("first-column", &[Mode::Table], &[char('^'), ctrl('a')], Action::Sideways(Sideways::Start), "", "to the first column"),
    key("ipv4", CHOOSING, &[char('4')], Action::Family(Family::V4), "IPv4", "only IPv4; again: both"),
    key("ipv6", CHOOSING, &[char('6')], Action::Family(Family::V6), "IPv6", "only IPv6; again: both"),
    key("scope", CHOOSING, &[char('o')], Action::Scope, "open/finished", "all sessions, only open, only finished"),
    key("freeze", LOOKING, &[char(' '), char('p')], Action::Freeze, "freeze", "freeze the picture and go on again; the capture never stops"),
    key("theme", MAIN, &[char('t')], Action::Theme, "", "the next theme: other colours, or none"),
    key("own", MAIN, &[char('H')], Action::SelfTraffic, "", "show what this dashboard causes itself; again: hide it"),
    key("names", MAIN, &[char('n')], Action::Names, "names", "names of addresses, by reverse DNS; again: addresses"),
    key("port-names", MAIN, &[char('N')], Action::PortNames, "", "names of the services' ports; again: numbers"),
    key("export", MAIN, &[char('e')], Action::Export, "export", "export what the table shows: .csv or .json"),
    key("copy", &[Mode::Table], &[char('y')], Action::Copy, "copy", "copy the session to your terminal's clipboard"),
    key("copy", &[Mode::TopTalkers], &[char('y')], Action::Copy, "copy", "copy its filter to your terminal's clipboard"),
    key("follow", MAIN, &[char('F')], Action::Follow, "follow", "follow the newest session; again: the order before"),
    key("interval-longer", LIVE, &[char('+'), char('=')], Action::Interval { longer: true }, "", "a longer refresh interval: fewer pictures"),
    key("interval-shorter", LIVE, &[char('-')], Action::Interval { longer: false }, "", "a shorter refresh interval: more pictures"),
    key("redraw", MAIN, &[ctrl('l')], Action::Redraw, "", "draw the whole screen anew"),
    key("suspend", MAIN, &[ctrl('z')], Action::Suspend, "", "suspend to the shell; `fg` comes back"),
    key("leave-detail", &[Mode::Detail], &[code(KeyCode::Esc), char('q'), code(KeyCode::Backspace), code(KeyCode::Enter)], Action::Back, "back", "back to the sessions"),
    key("help", &[Mode::Detail], &[char('?'), char('h'), code(KeyCode::F(1))], Action::Help, "help", "the help"),
    key("other-end", &[Mode::Detail], &[code(KeyCode::Tab), char('x')], Action::OtherEnd, "other end", "the other end, if it is on this host too"),
    key("copy", &[Mode::Detail], &[char('y')], Action::Copy, "copy ss", "copy the ss command to your terminal's clipboard"),
    key("copy-other", &[Mode::Detail], &[char('Y')], Action::CopyOther, "tcpdump", "copy the tcpdump command"),
    key("names", &[Mode::Failures, Mode::Detail], &[char('n')], Action::Names, "names", "names of addresses; again: addresses alone"),
    key("port-names", &[Mode::Failures, Mode::Detail], &[char('N')], Action::PortNames, "", "names of the services' ports; again: numbers alone"),
    key("freeze", &[Mode::Detail], &[char(' '), char('p')], Action::Freeze, "freeze", "freeze the picture and go on again"),
    key("toggle-column", &[Mode::Columns], &[char(' '), code(KeyCode::Enter)], Action::ToggleColumn, "show/hide", "show the column, or hide it"),
    key("column-down", &[Mode::Columns], &[char('J'), char(']'), code(KeyCode::F(8))], Action::MoveColumn(1), "move down", "move the column down: to the right in the table"),
    key("column-up", &[Mode::Columns], &[char('K'), char('['), code(KeyCode::F(7))], Action::MoveColumn(-1), "move up", "move the column up: to the left in the table"),
    key("leave-columns", &[Mode::Columns], &[char('c'), code(KeyCode::Esc), char('q')], Action::Back, "back", "back to the table; the choice is kept for the next run"),
    key("reset-columns", &[Mode::Columns], &[char('r')], Action::ResetColumns, "default", "the default: what the configuration says, or what fits"),
    key("help", &[Mode::Columns], &[char('?'), char('h'), code(KeyCode::F(1))], Action::Help, "help", "the help"),
    key("leave-help", &[Mode::Help], &[char('q'), char('?'), char('h'), code(KeyCode::F(1)), code(KeyCode::Esc), code(KeyCode::Enter)], Action::Help, "back", "back to where one was"),
    key("quit-reading", ABOVE, &[ctrl('c'), code(KeyCode::F(10))], Action::Quit, "quit", "quit tcplife"),
    key("down", READING, DOWN, Action::Move(Motion::Down), "down", "a line down"),
    key("up", READING, UP, Action::Move(Motion::Up), "up", "a line up"),
    key("page-down", READING, PAGE_DOWN, Action::Move(Motion::PageDown), "", "a page down"),
    key("page-up", READING, PAGE_UP, Action::Move(Motion::PageUp), "", "a page up"),
    key("top", READING, TOP, Action::Move(Motion::Top), "", "to the top"),
    key("bottom", READING, BOTTOM, Action::Move(Motion::Bottom), "", "to the bottom"),
    key("redraw", READING, &[ctrl('l')], Action::Redraw, "", "draw the whole screen anew"),
    key("suspend", READING, &[ctrl('z')], Action::Suspend, "", "suspend to the shell; `fg` comes back"),
    prompt("accept", &[code(KeyCode::Enter)], Action::Accept, "apply", "take the filter, and keep it in the history"),
    prompt("cancel", &[code(KeyCode::Esc), ctrl('c')], Action::Cancel, "cancel", "bring back what was"),
    prompt("complete", &[code(KeyCode::Tab)], Action::Edit(Edit::Complete), "complete", "complete a field, a name or a value; again: the next"),
    prompt("older", &[code(KeyCode::Up), ctrl('p')], Action::Edit(Edit::Older), "history", "an older filter"),
    prompt("newer", &[code(KeyCode::Down), ctrl('n')], Action::Edit(Edit::Newer), "", "a newer filter"),
    key("accept", &[Mode::FileName], &[code(KeyCode::Enter)], Action::Accept, "write", "write it: all fields of the sessions of the table, in its order"),
    key("cancel", &[Mode::FileName], &[code(KeyCode::Esc), ctrl('c')], Action::Cancel, "cancel", "write nothing"),
    key("replace", &[Mode::Replace], &[char('y')], Action::Replace, "replace it", "replace the file that is there"),
    key("keep-file", &[Mode::Replace], &[char('n'), code(KeyCode::Esc), ctrl('c')], Action::Cancel, "another name", "let it be, and type another name"),
    key("cancel", &[Mode::Writing], &[code(KeyCode::Esc), ctrl('c')], Action::Cancel, "cancel", "stop writing; nothing is left of the file"),
    edit("delete-to-start", &[ctrl('u')], InputRequest::DeleteFromStart, "delete all before the cursor"),
    edit("delete-to-end", &[ctrl('k')], InputRequest::DeleteTillEnd, "delete all behind the cursor"),
    edit("delete-word", &[ctrl('w')], InputRequest::DeletePrevWord, "delete the word before the cursor"),
    edit("paste", &[ctrl('y')], InputRequest::Yank, "insert what was deleted last"),
    edit("delete-left", &[code(KeyCode::Backspace), ctrl('h')], InputRequest::DeletePrevChar, "delete the character before the cursor"),
    edit("delete-right", &[code(KeyCode::Delete), ctrl('d')], InputRequest::DeleteNextChar, "delete the character at the cursor"),
    edit("cursor-left", &[code(KeyCode::Left), ctrl('b')], InputRequest::GoToPrevChar, "a character to the left"),
    edit("cursor-right", &[code(KeyCode::Right), ctrl('f')], InputRequest::GoToNextChar, "a character to the right"),
    edit("cursor-start", &[code(KeyCode::Home), ctrl('a')], InputRequest::GoToStart, "to the start"),
    edit("cursor-end", &[code(KeyCode::End), ctrl('e')], InputRequest::GoToEnd, "to the end"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::keys::Keymap;

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
                assert_eq!(keymap.lookup(*mode, *press), Some(key.action));
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
}
