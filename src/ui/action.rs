//! What keys and clicks ask for.

use tui_input::InputRequest;

use crate::model::capture_filter::Family;

/// How far a key moves the selection.
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

/// Where a key moves to.
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

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Move the selection, or scroll.
    Move(Motion),
    /// Only this family, or both again.
    Family(Family),
    /// The next of all, open, finished.
    Scope,
    /// Sort by the column to the right.
    SortNext,
    /// Sort by the column to the left.
    SortPrevious,
    /// Turn the order round.
    Invert,
    /// Choose the columns.
    Columns,
    /// Show the selected column, or do not.
    ToggleColumn,
    /// Move the selected column by so many.
    MoveColumn(isize),
    /// The columns that are there unless others are chosen.
    ResetColumns,
    /// Scroll the table to the side.
    Sideways(Sideways),
    /// The next theme.
    Theme,
    /// Follow the newest session, or go back to the order before.
    Follow,
    /// A longer refresh interval, or a shorter one.
    Interval {
        /// Longer.
        longer: bool,
    },
    /// Hold the picture, or let it go.
    Freeze,
    /// Show or leave the help.
    Help,
    /// The keyboard goes to the next pane.
    NextPane,
    /// The keyboard goes to the pane before.
    PreviousPane,
    /// Back: leave the topmost layer.
    Back,
    /// Peers by network, processes by name, or each by itself.
    Group,
    /// Narrow the filter to the selected talker.
    Narrow,
    /// Back to the filter before.
    Widen,
    /// Everything about the selected session.
    Open,
    /// The session's other end.
    OtherEnd,
    /// Begin to type a filter.
    Prompt(Purpose),
    /// Show or hide what the dashboard itself causes.
    SelfTraffic,
    /// Addresses by name, or as they are.
    Names,
    /// Ports by name, or as they are.
    PortNames,
    /// Copy what is selected to the terminal's clipboard.
    Copy,
    /// Copy the other thing that there is.
    CopyOther,
    /// Begin to type the name of a file for what the table shows.
    Export,
    /// The file that is there may be replaced.
    Replace,
    /// Change what is being typed.
    Edit(Edit),
    /// Take what was typed.
    Accept,
    /// Forget what was typed.
    Cancel,
    /// Open the screen with these keys, or leave it.
    Screen(Mode),
    /// Set a mark to compare with; if there is one, show what is other since, or leave that.
    Baseline,
    /// Compare with now.
    NewBaseline,
    /// Forget the mark.
    ClearBaseline,
    /// Draw everything anew.
    Redraw,
    /// Stop as ^Z does.
    Suspend,
    /// End.
    Quit,
}

/// Where a key scrolls the table.
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

/// What the line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Which sessions are shown: applied as one types.
    Filter,
    /// What the kernel reports at all: applied when it is accepted.
    Capture,
}

/// A change to the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// As the widget knows it.
    Request(InputRequest),
    /// An older line of the history.
    Older,
    /// A newer line of the history.
    Newer,
    /// What fits at the cursor; again: the next that fits.
    Complete,
}

/// Where keys are pressed: the same key may mean something else elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The session table has the keyboard.
    Table,
    /// A talker pane has it.
    TopTalkers,
    /// One session has the whole screen.
    Detail,
    /// Columns are being chosen.
    Columns,
    /// The distributions have it.
    Distributions,
    /// The failures have it.
    Failures,
    /// What is other since the mark has it.
    Baseline,
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
