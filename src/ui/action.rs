//! Actions that keys and clicks ask for.

use tui_input::InputRequest;

use crate::model::capture_filter::Family;

/// A motion of the selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// A line up.
    Up,
    /// A line down.
    Down,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// Half a page up.
    HalfUp,
    /// Half a page down.
    HalfDown,
    /// To the first line.
    Top,
    /// To the last line.
    Bottom,
}

/// Position after a motion.
pub fn moved(from: usize, motion: Motion, page: usize) -> usize {
    match motion {
        Motion::Up => from.saturating_sub(1),
        Motion::Down => from.saturating_add(1),
        Motion::PageUp => from.saturating_sub(page),
        Motion::PageDown => from.saturating_add(page),
        Motion::HalfUp => from.saturating_sub(page / 2),
        Motion::HalfDown => from.saturating_add(page / 2),
        Motion::Top => 0,
        Motion::Bottom => usize::MAX,
    }
}

/// An action that a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Move the selection, or scroll.
    Move(Motion),
    /// Show this family only, or both again.
    Family(Family),
    /// Cycle through all, open and closed sessions.
    Scope,
    /// Sort by the column to the right.
    SortNext,
    /// Sort by the column to the left.
    SortPrevious,
    /// Reverse the sort order.
    Invert,
    /// Open the sort menu.
    SortMenu,
    /// Sort by the field of this word; again: reverse the order.
    SortBy(&'static str),
    /// Show the kinds of failures with the latest first, or with the most frequent first again.
    LatestFirst,
    /// Go to the top talkers.
    Panes,
    /// Clear the filter.
    ClearFilter,
    /// Say that nothing is killed here.
    Kill,
    /// Choose columns.
    Columns,
    /// Show or hide the selected column.
    ToggleColumn,
    /// Move the selected column by this many positions.
    MoveColumn(isize),
    /// Reset the columns to the default.
    ResetColumns,
    /// Undo the last change in the column chooser.
    UndoColumns,
    /// Scroll the table horizontally.
    Sideways(Sideways),
    /// Switch to the next theme.
    Theme,
    /// Follow the newest session, or return to the previous order.
    Follow,
    /// Lengthen or shorten the refresh interval.
    Interval {
        /// Lengthen it; else shorten it.
        longer: bool,
    },
    /// Pause or resume the display.
    Freeze,
    /// Show or leave the help.
    Help,
    /// Show the help on filters.
    Language,
    /// Go to a chapter of the help; the position of the key says which one.
    Chapter(usize),
    /// Type a text to search for: in the help, or in the lines of a screen.
    Search,
    /// Go to the hit this many hits further on.
    Hit(isize),
    /// Move the keyboard focus to the next pane.
    NextPane,
    /// Move the keyboard focus to the previous pane.
    PreviousPane,
    /// Leave the topmost layer.
    Back,
    /// Group peers by subnet and processes by name, or show each by itself.
    Group,
    /// Narrow the filter to the selected entry.
    Narrow,
    /// Return to the previous filter.
    Widen,
    /// Open the details of the selected session.
    Open,
    /// Go to the session's other end.
    OtherEnd,
    /// Open the prompt.
    Prompt(Purpose),
    /// Go to the sessions and open the prompt for the filter.
    FilterSessions,
    /// Type a command.
    Command,
    /// Show or hide self traffic.
    SelfTraffic,
    /// Show addresses by name or as numbers.
    Names,
    /// Show ports by name or as numbers.
    PortNames,
    /// Show local connections on one line or each of their ends.
    LocalPairs,
    /// Copy the selection to the terminal's clipboard.
    Copy,
    /// Copy the alternative text of the selection.
    CopyOther,
    /// Open the prompt for an export file name.
    Export,
    /// Replace the existing file.
    Replace,
    /// Edit the line.
    Edit(Edit),
    /// Accept the line.
    Accept,
    /// Discard the line.
    Cancel,
    /// Open or leave the screen of this mode.
    Screen(Mode),
    /// Go to the screen this many tabs to the right.
    StepScreen(isize),
    /// Set a baseline; if there is one, show or leave the comparison with it.
    Baseline,
    /// Set a new baseline.
    NewBaseline,
    /// Clear the baseline.
    ClearBaseline,
    /// Go so many snapshots forward or back in time.
    StepInTime(isize),
    /// Go so many minutes forward or back in time.
    Minutes(i64),
    /// Type a time to go to.
    GoToTime,
    /// Save the black box as a recording.
    SaveBlackBox,
    /// Replay faster or slower.
    ReplaySpeed { faster: bool },
    /// Start or stop to record.
    Record,
    /// Type a condition on which the black box freezes, or thaw it.
    FreezeOn,
    /// Redraw the screen.
    Redraw,
    /// Suspend, like ^Z.
    Suspend,
    /// Exit.
    Quit,
}

/// A horizontal scroll of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sideways {
    /// A column to the left.
    Left,
    /// A column to the right.
    Right,
    /// To the first column.
    Start,
    /// To the last column.
    End,
}

/// The filter that the prompt edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The view filter: applied while typing.
    Filter,
    /// The capture filter: applied when accepted.
    Capture,
}

/// A change to the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// A change that the input widget makes.
    Request(InputRequest),
    /// Recall an older line of the history.
    Older,
    /// Recall a newer line of the history.
    Newer,
    /// Complete at the cursor; again: the next candidate.
    Complete,
}

/// The context of a key press, which decides what the key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The session table has the keyboard.
    Table,
    /// A pane of top talkers has the keyboard.
    TopTalkers,
    /// Details of one session.
    Detail,
    /// The column chooser.
    Columns,
    /// The sort menu: letters choose a column.
    SortMenu,
    /// The distributions screen.
    Distributions,
    /// The failures screen.
    Failures,
    /// Comparison with the baseline.
    Baseline,
    /// The listeners screen.
    Listeners,
    /// The ports screen.
    Ports,
    /// The findings screen.
    Findings,
    /// The drops screen.
    Drops,
    /// A text that lines of a screen must contain is being typed: unbound keys are text.
    LineSearch,
    Help,
    /// A text to search for in the help is being typed: unbound keys are text.
    Search,
    /// A filter is being typed: unbound keys are text.
    Prompt,
    /// A time or a condition is being typed: unbound keys are text.
    PastPrompt,
    /// A command is being typed: unbound keys are text.
    Command,
    /// A file name is being typed: unbound keys are text.
    FileName,
    /// A file of that name exists.
    Replace,
    /// A file is being written.
    Writing,
    /// A copied text is shown.
    Copied,
}
