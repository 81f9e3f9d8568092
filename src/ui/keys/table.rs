//! The key table: one row of [`KEYS`] is a key's meaning, its name in the configuration, its line in the help and its
//! position in the footer.

use tui_input::InputRequest;

use crate::model::capture_filter::Family;
use crate::ui::action::{Action, Edit, Mode, Motion, Purpose, Sideways};
use crate::ui::keys::key_press::{alt, char, code, ctrl};
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
const DOWN: &[KeyPress] = &[char('j'), code(KeyCode::Down), ctrl('n')];
const UP: &[KeyPress] = &[char('k'), code(KeyCode::Up), ctrl('p')];
const PAGE_DOWN: &[KeyPress] = &[code(KeyCode::PageDown), ctrl('f'), ctrl('v')];
const PAGE_UP: &[KeyPress] = &[code(KeyCode::PageUp), ctrl('b')];
const TOP: &[KeyPress] = &[char('g'), code(KeyCode::Home)];
/// Each key is a chapter of the help.
const CHAPTERS: &[KeyPress] = &[
    char('1'),
    char('2'),
    char('3'),
    char('4'),
    char('5'),
    char('6'),
    char('7'),
    char('8'),
    char('9'),
    char('0'),
];
const BOTTOM: &[KeyPress] = &[char('G'), code(KeyCode::End)];

/// Number of modes in several lists.
const fn count(lists: &[&[Mode]]) -> usize {
    let (mut count, mut i) = (0, 0);
    while i < lists.len() {
        count += lists[i].len();
        i += 1;
    }
    count
}

/// The modes of several lists, which are as many.
const fn joined<const COUNT: usize>(lists: &[&[Mode]]) -> [Mode; COUNT] {
    let mut all = [Mode::Table; COUNT];
    let (mut to, mut i) = (0, 0);
    while i < lists.len() {
        let mut from = 0;
        while from < lists[i].len() {
            all[to] = lists[i][from];
            to += 1;
            from += 1;
        }
        i += 1;
    }
    all
}

/// One list of the modes of several.
macro_rules! modes {
    ($($list:expr),+) => {{
        const LISTS: &[&[Mode]] = &[$($list),+];
        const ALL: [Mode; count(LISTS)] = joined(LISTS);
        &ALL
    }};
}

/// The session table and the panes next to it.
const MAIN: &[Mode] = &[Mode::Table, Mode::TopTalkers];
/// Screens that count the sessions of the filter.
const COUNTING: &[Mode] = &[Mode::Distributions, Mode::Failures];
/// Screens shown instead of the table.
pub const SCREENS: &[Mode] = modes!(COUNTING, &[Mode::Baseline]);
/// Screens of lines for things of the host.
pub const LINES: &[Mode] = &[Mode::Findings, Mode::Listeners, Mode::Drops, Mode::Ports];
/// Pages and lists that cover the table, other than screens.
const PAGES: &[Mode] = &[Mode::Detail, Mode::Columns, Mode::Help];
/// The session table, the panes, and the screens shown instead.
const LIST_AND_SCREENS: &[Mode] = modes!(MAIN, SCREENS, LINES);
/// All but prompts.
const UNTYPED: &[Mode] = modes!(LIST_AND_SCREENS, PAGES);
/// Modes in which the filter can be changed.
const FILTERABLE: &[Mode] = modes!(MAIN, COUNTING);
/// Modes whose content changes by itself.
const LIVE: &[Mode] = modes!(LIST_AND_SCREENS, &[Mode::Detail]);
/// Pages of text.
const SCROLLABLE: &[Mode] = modes!(SCREENS, LINES, PAGES);
/// Everything above the list in which `q` goes back instead of exiting.
const LEFT_WITH_Q: &[Mode] = modes!(&[Mode::TopTalkers, Mode::SortMenu], SCROLLABLE);
/// Lists and pages in which half a page is a step.
const HALVED: &[Mode] = modes!(MAIN, SCROLLABLE);
/// Everything in which no line is typed and nothing is asked.
const READING: &[Mode] = modes!(MAIN, SCROLLABLE, &[Mode::SortMenu]);

/// Modes in which a line is typed.
const TYPING: &[Mode] = &[
    Mode::Prompt,
    Mode::PastPrompt,
    Mode::Command,
    Mode::FileName,
    Mode::Search,
    Mode::LineSearch,
];

/// Prompts, menus and questions over which the help can be opened.
pub const HELPED: &[Mode] = &[
    Mode::SortMenu,
    Mode::LineSearch,
    Mode::PastPrompt,
    Mode::Command,
    Mode::FileName,
    Mode::Replace,
    Mode::Writing,
    Mode::Copied,
];

/// Prompts, questions and what follows them: ^C cancels them.
const ASKING: &[Mode] = &[
    Mode::Prompt,
    Mode::PastPrompt,
    Mode::Command,
    Mode::FileName,
    Mode::Replace,
    Mode::Writing,
    Mode::Search,
    Mode::LineSearch,
];

/// Names of rows in version 0.1, which the configuration still takes, and their names now.
static FORMER_NAMES: &[(&str, &str)] = &[
    ("mark", "baseline"),
    ("mark-anew", "new-baseline"),
    ("unmark", "clear-baseline"),
    ("own", "self-traffic"),
    ("freeze", "pause"),
];

/// The name of a row, given that or its former one.
pub fn current_name(name: &str) -> &str {
    let former = FORMER_NAMES.iter().find(|(former, _)| *former == name);
    former.map_or(name, |(_, current)| current)
}

/// Every key, in the order of the help and of the footer.
#[rustfmt::skip]
pub static KEYS: &[KeyBinding] = &[
    key("quit", &[Mode::Table], QUIT, Action::Quit, "quit", "quit tcplife; the letter goes back from the sessions of a line"),
    key("leave-screen", SCREENS, &[code(KeyCode::Esc), char('q')], Action::Back, "back", "go back one step: to the page before, at last to the sessions"),
    key("leave-screen", LINES, &[code(KeyCode::Esc), char('q')], Action::Back, "back", "show all lines again, then go back one step"),
    key("leave-detail", &[Mode::Detail], &[code(KeyCode::Esc), char('q'), code(KeyCode::Backspace), code(KeyCode::Enter)], Action::Back, "back", "go back one step: to the sessions, or to the other end"),
    key("leave-help", &[Mode::Help], &[char('q'), char('?'), char('h'), code(KeyCode::F(1)), code(KeyCode::Esc)], Action::Help, "back", "go back"),
    key("next-chapter", &[Mode::Help], &[code(KeyCode::Right), code(KeyCode::Tab)], Action::NextPane, "next chapter", "go to the next chapter"),
    key("previous-chapter", &[Mode::Help], &[code(KeyCode::Left), code(KeyCode::BackTab)], Action::PreviousPane, "previous", "go to the previous chapter"),
    key("chapter", &[Mode::Help], CHAPTERS, Action::Chapter(0), "", "go to this chapter"),
    key("search", &[Mode::Help], &[char('/')], Action::Search, "search", "search all chapters as you type"),
    key("next-hit", &[Mode::Help], &[char('n'), code(KeyCode::Enter), code(KeyCode::F(3))], Action::Hit(1), "next hit", "go to the next hit of the search"),
    key("previous-hit", &[Mode::Help], &[char('N')], Action::Hit(-1), "", "go to the previous hit of the search"),
    key("help", LIST_AND_SCREENS, &[char('?'), char('h'), code(KeyCode::F(1))], Action::Help, "help", "show the help"),
    key("filter", FILTERABLE, &[char('/'), code(KeyCode::F(3)), code(KeyCode::F(4))], Action::Prompt(Purpose::Filter), "filter", "filter as you type: replaces the filter; `and …` adds to it, → edits it"),
    key("filter-sessions", &[Mode::Detail, Mode::Columns, Mode::Baseline], &[char('/'), code(KeyCode::F(3)), code(KeyCode::F(4))], Action::FilterSessions, "", "go to the sessions and filter them; Esc comes back"),
    key("command", READING, &[char(':')], Action::Command, "", "type a command of vim or less: :q, :120 goes to a line"),
    key("capture", FILTERABLE, &[char('C')], Action::Prompt(Purpose::Capture), "", "set the capture filter: what does not match is not followed"),
    key("widen", &[Mode::Table], &[code(KeyCode::Backspace)], Action::Widen, "undo", "go back to the previous filter, family and scope"),
    key("clear-filter", &[Mode::Table], &[code(KeyCode::Esc)], Action::ClearFilter, "clear", "clear the filter, again: family and scope; after Enter on a screen: back"),
    key("detail", &[Mode::Table], &[code(KeyCode::Enter)], Action::Open, "open", "show the details of the session"),
    key("sort-menu", &[Mode::Table], &[char('s'), code(KeyCode::F(6))], Action::SortMenu, "sort", "sort by a column from a menu, in which each has a letter"),
    key("narrow", &[Mode::TopTalkers], &[code(KeyCode::Enter)], Action::Narrow, "narrow", "narrow the filter to the selected entry"),
    key("narrow", SCREENS, &[code(KeyCode::Enter)], Action::Narrow, "narrow", "narrow the filter to the selection and show the sessions"),
    key("latest-first", &[Mode::Failures], &[char('s'), char('E'), code(KeyCode::F(6))], Action::LatestFirst, "sort", "show what failed last on top; press again for what fails most"),
    key("narrow", LINES, &[code(KeyCode::Enter)], Action::Narrow, "sessions", "show the sessions of the selected line, whatever the filter was, or the screen that proves a finding"),
    key("search-lines", LINES, &[char('/'), code(KeyCode::F(3)), code(KeyCode::F(4))], Action::Search, "search", "show only lines that contain a text, as you type"),
    key("sort-figure", LINES, &[char('s'), code(KeyCode::F(6))], Action::SortNext, "sort", "sort by the next column"),
    key("sort-next", LINES, &[char('>')], Action::SortNext, "", "sort by the next column"),
    key("sort-previous", LINES, &[char('S'), char('<')], Action::SortPrevious, "", "sort by the previous column"),
    key("invert", LINES, &[char('I')], Action::Invert, "reverse", "reverse the sort order"),
    key("new-baseline", &[Mode::Baseline], &[char('M')], Action::NewBaseline, "new baseline", "replace the baseline with a new one"),
    key("clear-baseline", &[Mode::Baseline], &[char('x')], Action::ClearBaseline, "clear", "clear the baseline, once it is pressed twice, and go back one step"),
    key("talkers", MAIN, &[code(KeyCode::F(5))], Action::Panes, "", "go to the top talkers, or back"),
    key("next-pane", &[Mode::Table], &[code(KeyCode::Tab)], Action::NextPane, "talkers", "go to the next pane: sessions, processes, peers, ports, units"),
    key("next-pane", &[Mode::TopTalkers], &[code(KeyCode::Tab)], Action::NextPane, "next", "go to the next pane: sessions, processes, peers, ports, units"),
    key("previous-pane", MAIN, &[code(KeyCode::BackTab)], Action::PreviousPane, "", "go to the previous pane"),
    key("next-bar", &[Mode::Distributions], &[code(KeyCode::Right)], Action::Move(Motion::Down), "next bar", "select the next bar"),
    key("previous-bar", &[Mode::Distributions], &[code(KeyCode::Left)], Action::Move(Motion::Up), "", "select the previous bar"),
    key("next-pane", &[Mode::Distributions], &[code(KeyCode::Tab)], Action::NextPane, "next chart", "go to the next chart"),
    key("previous-pane", &[Mode::Distributions], &[code(KeyCode::BackTab)], Action::PreviousPane, "", "go to the previous chart"),
    key("widen", COUNTING, &[code(KeyCode::Backspace)], Action::Widen, "undo", "go back to the previous filter, family and scope"),
    key("widen", &[Mode::TopTalkers], &[code(KeyCode::Backspace)], Action::Widen, "undo", "go back to the previous filter, family and scope"),
    key("leave-talkers", &[Mode::TopTalkers], &[code(KeyCode::Esc), char('q')], Action::Back, "back", "go back to the sessions"),
    key("group", &[Mode::TopTalkers], &[char('a')], Action::Group, "group", "group peers by subnet and processes by name; press again to undo"),
    key("charts", UNTYPED, &[char('d')], Action::Screen(Mode::Distributions), "charts", "show the last minutes, and distributions of duration, RTT, connect, bytes"),
    key("failures", UNTYPED, &[char('f')], Action::Screen(Mode::Failures), "failures", "show failures by reason, destination and program"),
    key("baseline", UNTYPED, &[char('m')], Action::Baseline, "baseline", "set a baseline; press again to compare"),
    key("findings", UNTYPED, &[char('!')], Action::Screen(Mode::Findings), "findings", "show what is wrong: findings, with numbers and proof"),
    key("listeners", UNTYPED, &[char('L')], Action::Screen(Mode::Listeners), "listeners", "show the listening sockets, their queues and what they refuse"),
    key("drops", UNTYPED, &[char('D')], Action::Screen(Mode::Drops), "drops", "show the packets that this host has dropped, and why"),
    key("ports", UNTYPED, &[char('P')], Action::Screen(Mode::Ports), "ports", "show the local ports that outgoing sessions use, and how many are left"),
    key("columns", &[Mode::Table], &[char('c'), code(KeyCode::F(2))], Action::Columns, "columns", "choose the columns and their order"),
    key("columns", &[Mode::TopTalkers], &[char('c'), code(KeyCode::F(2))], Action::Columns, "", "choose the columns of the sessions"),
    key("next-screen", LIST_AND_SCREENS, &[char('v')], Action::StepScreen(1), "screens", "go to the next screen, in the order of the tabs"),
    key("previous-screen", LIST_AND_SCREENS, &[char('V')], Action::StepScreen(-1), "", "go to the previous screen"),
    key("sort-figure", &[Mode::TopTalkers], &[char('s'), code(KeyCode::F(6))], Action::SortNext, "sort", "sort by the next figure"),
    key("sort-by-duration", &[Mode::Table], &[char('A')], Action::SortBy("duration"), "", "sort by age; press again to reverse"),
    key("sort-by-end", &[Mode::Table], &[char('E')], Action::SortBy("ended"), "", "sort by the time of the close, the last one first; press again to reverse"),
    key("sort-by-bytes", &[Mode::Table], &[char('B')], Action::SortBy("bytes"), "", "sort by bytes in both directions; press again to reverse"),
    key("sort-next", MAIN, &[char('>')], Action::SortNext, "", "sort by the next column"),
    key("sort-previous", MAIN, &[char('S'), char('<')], Action::SortPrevious, "", "sort by the previous column"),
    key("invert", MAIN, &[char('I')], Action::Invert, "reverse", "reverse the sort order"),
    key("down", MAIN, DOWN, Action::Move(Motion::Down), "", "move down a line; the selection follows its entry"),
    key("up", MAIN, UP, Action::Move(Motion::Up), "", "move up a line"),
    key("page-down", MAIN, PAGE_DOWN, Action::Move(Motion::PageDown), "", "move down a page"),
    key("page-up", MAIN, PAGE_UP, Action::Move(Motion::PageUp), "", "move up a page"),
    key("next-page", &[Mode::Help], &[char(' ')], Action::Move(Motion::PageDown), "", "move down a page"),
    key("previous-page", &[Mode::Help], &[char('b')], Action::Move(Motion::PageUp), "", "move up a page"),
    key("half-down", HALVED, &[ctrl('d')], Action::Move(Motion::HalfDown), "", "move down half a page"),
    key("half-up", HALVED, &[ctrl('u')], Action::Move(Motion::HalfUp), "", "move up half a page"),
    key("top", MAIN, TOP, Action::Move(Motion::Top), "", "go to the top and stay there as entries arrive"),
    key("bottom", MAIN, BOTTOM, Action::Move(Motion::Bottom), "", "go to the bottom"),
    key("right", &[Mode::Table], &[code(KeyCode::Right)], Action::Sideways(Sideways::Right), "", "scroll right to columns that did not fit"),
    key("left", &[Mode::Table], &[code(KeyCode::Left)], Action::Sideways(Sideways::Left), "", "scroll left"),
    key("last-column", &[Mode::Table], &[char('$'), ctrl('e')], Action::Sideways(Sideways::End), "", "scroll to the last column"),
    key("first-column", &[Mode::Table], &[char('^'), ctrl('a')], Action::Sideways(Sideways::Start), "", "scroll to the first column"),
    key("ipv4", FILTERABLE, &[char('4')], Action::Family(Family::V4), "IPv4", "show only IPv4; press again for both"),
    key("ipv6", FILTERABLE, &[char('6')], Action::Family(Family::V6), "IPv6", "show only IPv6; press again for both"),
    key("scope", FILTERABLE, &[char('o')], Action::Scope, "open/closed", "cycle through all, open and closed sessions"),
    key("pause", LIST_AND_SCREENS, &[char(' '), char('p')], Action::Freeze, "pause", "pause or resume the display; capture continues, a replay waits"),
    key("step-back", LIVE, &[char('[')], Action::StepInTime(-1), "", "go a step back in time; Esc among the sessions goes back to now"),
    key("step-forward", LIVE, &[char(']')], Action::StepInTime(1), "", "go a step forward in time"),
    key("minute-back", LIVE, &[char('{')], Action::Minutes(-1), "", "go a minute back in time"),
    key("minute-forward", LIVE, &[char('}')], Action::Minutes(1), "", "go a minute forward in time"),
    key("go-to-time", LIVE, &[char('@')], Action::GoToTime, "", "go to a time, like 03:12, -5m or yesterday 03:12"),
    key("save-black-box", LIVE, &[char('W')], Action::SaveBlackBox, "", "save the black box as a recording, or as a report"),
    key("replay-slower", LIVE, &[char('(')], Action::ReplaySpeed { faster: false }, "", "with --replay-speed: replay half as fast"),
    key("replay-faster", LIVE, &[char(')')], Action::ReplaySpeed { faster: true }, "", "with --replay-speed: replay twice as fast"),
    key("record", LIVE, &[char('R')], Action::Record, "", "record everything to a file; press again to stop"),
    key("freeze-on", LIVE, &[char('T')], Action::FreezeOn, "", "freeze the black box on a condition; press again to thaw it"),
    key("theme", MAIN, &[char('t')], Action::Theme, "", "switch to the next theme"),
    key("self-traffic", MAIN, &[char('H')], Action::SelfTraffic, "", "show or hide self traffic: tcplife and your ssh session"),
    key("local-pairs", MAIN, &[char('l')], Action::LocalPairs, "", "show local connections on one line or each of their ends"),
    key("names", MAIN, &[char('n')], Action::Names, "names", "show addresses as names, by reverse DNS; press again to undo"),
    key("port-names", MAIN, &[char('N')], Action::PortNames, "", "show ports as service names; press again to undo"),
    key("export", FILTERABLE, &[char('e')], Action::Export, "export", "export the sessions of the table as .csv or .json"),
    key("copy", &[Mode::Table], &[char('y')], Action::Copy, "copy", "copy the session to the terminal's clipboard"),
    key("copy", &[Mode::TopTalkers], &[char('y')], Action::Copy, "copy", "copy the entry's filter to the terminal's clipboard"),
    key("follow", MAIN, &[char('F')], Action::Follow, "follow", "follow the newest session; press again to stop"),
    key("interval-longer", LIVE, &[char('+'), char('=')], Action::Interval { longer: true }, "", "refresh less often"),
    key("interval-shorter", LIVE, &[char('-')], Action::Interval { longer: false }, "", "refresh more often"),
    key("kill", LIVE, &[code(KeyCode::F(9))], Action::Kill, "", "nothing: tcplife only watches"),
    key("redraw", READING, &[ctrl('l')], Action::Redraw, "", "redraw the screen"),
    key("suspend", READING, &[ctrl('z')], Action::Suspend, "", "suspend to the shell; `fg` resumes"),
    key("help", &[Mode::Detail], &[char('?'), char('h'), code(KeyCode::F(1))], Action::Help, "help", "show the help"),
    key("other-end", &[Mode::Detail], &[code(KeyCode::Tab), char('x')], Action::OtherEnd, "other end", "show the other end, if it is known"),
    key("copy", &[Mode::Detail], &[char('y')], Action::Copy, "copy ss", "copy the ss command to the terminal's clipboard"),
    key("copy-other", &[Mode::Detail], &[char('Y')], Action::CopyOther, "tcpdump", "copy the tcpdump command to the terminal's clipboard"),
    key("names", &[Mode::Failures, Mode::Detail], &[char('n')], Action::Names, "names", "show addresses as names; press again to undo"),
    key("port-names", &[Mode::Failures, Mode::Detail], &[char('N')], Action::PortNames, "", "show ports as service names; press again to undo"),
    key("pause", &[Mode::Detail], &[char(' '), char('p')], Action::Freeze, "pause", "pause or resume the display"),
    key("toggle-column", &[Mode::Columns], &[char(' ')], Action::ToggleColumn, "show/hide", "show or hide the column"),
    key("column-down", &[Mode::Columns], &[char('J'), char(']'), code(KeyCode::F(8))], Action::MoveColumn(1), "move down", "move the column down (right in the table)"),
    key("column-up", &[Mode::Columns], &[char('K'), char('['), code(KeyCode::F(7))], Action::MoveColumn(-1), "move up", "move the column up (left in the table)"),
    key("leave-columns", &[Mode::Columns], &[char('c'), code(KeyCode::Enter), code(KeyCode::Esc), char('q')], Action::Back, "back", "go back to the table and keep the choice"),
    key("reset-columns", &[Mode::Columns], &[char('r')], Action::ResetColumns, "default", "reset to the configured columns, or to as many as fit"),
    key("undo-columns", &[Mode::Columns], &[char('u')], Action::UndoColumns, "undo", "undo the last change; press again for the one before"),
    key("help", &[Mode::Columns], &[char('?'), char('h'), code(KeyCode::F(1))], Action::Help, "help", "show the help"),
    key("choose-sort", &[Mode::SortMenu], &[code(KeyCode::Enter)], Action::Accept, "sort", "sort by the selected column; a letter does that at once"),
    key("leave-sort-menu", &[Mode::SortMenu], &[code(KeyCode::Esc), char('s'), char('q'), code(KeyCode::F(6))], Action::Back, "back", "close the menu"),
    key("entry-down", &[Mode::SortMenu], &[code(KeyCode::Down), char('j')], Action::Move(Motion::Down), "down", "move down a line"),
    key("entry-up", &[Mode::SortMenu], &[code(KeyCode::Up), char('k')], Action::Move(Motion::Up), "up", "move up a line"),
    key("right", &[Mode::SortMenu], &[code(KeyCode::Right)], Action::Sideways(Sideways::Right), "right", "move right"),
    key("left", &[Mode::SortMenu], &[code(KeyCode::Left)], Action::Sideways(Sideways::Left), "left", "move left"),
    key("next-screen", &[Mode::Detail, Mode::Columns, Mode::Help], &[char('v')], Action::StepScreen(1), "screens", "go to the next screen"),
    key("previous-screen", &[Mode::Detail, Mode::Columns, Mode::Help], &[char('V')], Action::StepScreen(-1), "", "go to the previous screen"),
    key("quit-reading", LEFT_WITH_Q, &[ctrl('c'), code(KeyCode::F(10))], Action::Quit, "quit", "quit tcplife"),
    key("down", SCROLLABLE, DOWN, Action::Move(Motion::Down), "down", "move down a line"),
    key("up", SCROLLABLE, UP, Action::Move(Motion::Up), "up", "move up a line"),
    key("page-down", SCROLLABLE, PAGE_DOWN, Action::Move(Motion::PageDown), "", "move down a page"),
    key("page-up", SCROLLABLE, PAGE_UP, Action::Move(Motion::PageUp), "", "move up a page"),
    key("top", SCROLLABLE, TOP, Action::Move(Motion::Top), "", "go to the top"),
    key("bottom", SCROLLABLE, BOTTOM, Action::Move(Motion::Bottom), "", "go to the bottom"),
    prompt("accept", &[code(KeyCode::Enter)], Action::Accept, "apply", "apply the filter and add it to the history"),
    prompt("cancel", &[code(KeyCode::Esc), ctrl('c')], Action::Cancel, "cancel", "restore the previous filter"),
    prompt("complete", &[code(KeyCode::Tab)], Action::Edit(Edit::Complete), "complete", "complete a field, name or value; press again for the next"),
    prompt("language", &[code(KeyCode::F(1)), char('?')], Action::Language, "language", "explain the filter language; ? only while nothing is typed"),
    prompt("older", &[code(KeyCode::Up), ctrl('p')], Action::Edit(Edit::Older), "history", "recall the previous filter in the history"),
    prompt("newer", &[code(KeyCode::Down), ctrl('n')], Action::Edit(Edit::Newer), "", "recall the next filter in the history"),
    key("accept", &[Mode::PastPrompt], &[code(KeyCode::Enter)], Action::Accept, "apply", "go to the time, or set the condition"),
    key("cancel", &[Mode::PastPrompt], &[code(KeyCode::Esc), ctrl('c')], Action::Cancel, "cancel", "stay where you are"),
    key("accept", &[Mode::Command], &[code(KeyCode::Enter)], Action::Accept, "do it", "carry out the command"),
    key("cancel", &[Mode::Command], &[code(KeyCode::Esc), ctrl('c')], Action::Cancel, "cancel", "close the command line"),
    key("accept", &[Mode::FileName], &[code(KeyCode::Enter)], Action::Accept, "write", "write all fields of the table's sessions, in table order"),
    key("cancel", &[Mode::FileName], &[code(KeyCode::Esc), ctrl('c')], Action::Cancel, "cancel", "cancel the export"),
    key("accept", &[Mode::Search], &[code(KeyCode::Enter)], Action::Accept, "keep", "stay at the hit and keep the marks"),
    key("cancel", &[Mode::Search], &[code(KeyCode::Esc), ctrl('c')], Action::Cancel, "cancel", "go back to where the search began"),
    key("accept", &[Mode::LineSearch], &[code(KeyCode::Enter)], Action::Accept, "keep", "keep showing only these lines"),
    key("cancel", &[Mode::LineSearch], &[code(KeyCode::Esc), ctrl('c')], Action::Cancel, "cancel", "show the lines that were shown before"),
    key("replace", &[Mode::Replace], &[char('y')], Action::Replace, "replace", "replace the existing file"),
    key("keep-file", &[Mode::Replace], &[char('n'), code(KeyCode::Esc), ctrl('c')], Action::Cancel, "another name", "keep the existing file and enter another name"),
    key("cancel", &[Mode::Writing], &[code(KeyCode::Esc), ctrl('c')], Action::Cancel, "cancel", "while writing: cancel and remove the partial file"),
    key("help-typing", HELPED, &[code(KeyCode::F(1))], Action::Help, "help", "show the help; what was typed stays"),
    key("keep-search", &[Mode::Search], &[code(KeyCode::F(1))], Action::Accept, "", "stay at the hit, for the keys of the help"),
    key("close-copied", &[Mode::Copied], &[code(KeyCode::Esc), char('q'), code(KeyCode::Enter), char(' ')], Action::Back, "close", "close the copied text; any other key does so too"),
    key("quit-reading", &[Mode::Copied], &[ctrl('c'), code(KeyCode::F(10))], Action::Quit, "quit", "quit tcplife"),
    key("suspend", &[Mode::Copied], &[ctrl('z')], Action::Suspend, "", "suspend to the shell; `fg` resumes"),
    edit("delete-to-start", &[ctrl('u')], InputRequest::DeleteFromStart, "delete to the start of the line"),
    edit("delete-to-end", &[ctrl('k')], InputRequest::DeleteTillEnd, "delete to the end of the line"),
    edit("delete-word", &[ctrl('w'), alt(KeyCode::Backspace)], InputRequest::DeletePrevWord, "delete the word before the cursor"),
    edit("delete-next-word", &[alt(KeyCode::Char('d'))], InputRequest::DeleteNextWord, "delete the word after the cursor"),
    edit("paste", &[ctrl('y')], InputRequest::Yank, "insert the text deleted last"),
    edit("delete-left", &[code(KeyCode::Backspace), ctrl('h')], InputRequest::DeletePrevChar, "delete the character before the cursor"),
    edit("delete-right", &[code(KeyCode::Delete), ctrl('d')], InputRequest::DeleteNextChar, "delete the character at the cursor"),
    edit("cursor-left", &[code(KeyCode::Left), ctrl('b')], InputRequest::GoToPrevChar, "move left one character"),
    edit("cursor-right", &[code(KeyCode::Right), ctrl('f')], InputRequest::GoToNextChar, "move right one character"),
    edit("word-left", &[alt(KeyCode::Char('b')), alt(KeyCode::Left), KeyPress::new(KeyCode::Left, true)], InputRequest::GoToPrevWord, "move left one word"),
    edit("word-right", &[alt(KeyCode::Char('f')), alt(KeyCode::Right), KeyPress::new(KeyCode::Right, true)], InputRequest::GoToNextWord, "move right one word"),
    edit("cursor-start", &[code(KeyCode::Home), ctrl('a')], InputRequest::GoToStart, "go to the start of the line"),
    edit("cursor-end", &[code(KeyCode::End), ctrl('e')], InputRequest::GoToEnd, "go to the end of the line"),
    key("quit-typing", ASKING, &[code(KeyCode::F(10))], Action::Quit, "", "quit tcplife"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::keys::Keymap;

    #[test]
    fn keys_all_have_help_and_trigger_their_action() {
        let keymap = Keymap::default();
        for key in KEYS {
            assert!(!key.presses.is_empty() && !key.help.is_empty(), "{key:?}");
            for (press, mode) in key
                .presses
                .iter()
                .flat_map(|p| key.modes.iter().map(move |m| (p, m)))
            {
                let action = keymap.lookup(*mode, *press);
                match key.action {
                    // the key says which one
                    Action::Chapter(_) => assert!(matches!(action, Some(Action::Chapter(_)))),
                    other => assert_eq!(action, Some(other)),
                }
            }
        }
    }

    #[test]
    fn keys_of_the_same_name_have_the_same_presses_and_action() {
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
