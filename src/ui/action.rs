//! What keys ask for, and what the dashboard then asks of those outside.
//!
//! Responsible for what there is to ask for. Not for what then happens: that is `App::update`, and outside the loop.

use std::time::Duration;

use crate::capture::{Capture, Family};
use crate::ui::columns::Sideways;
use crate::ui::export;
use crate::ui::keys::Mode;
use crate::ui::prompt::{Edit, Purpose};

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
pub(in crate::ui) fn moved(from: usize, motion: Motion, page: usize) -> usize {
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
    Pace {
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
    /// The keyboard goes back to the table.
    Leave,
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
    Own,
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
    Mark,
    /// Compare with now.
    MarkAnew,
    /// Forget the mark.
    Unmark,
    /// Draw everything anew.
    Redraw,
    /// Stop as ^Z does.
    Suspend,
    /// End.
    Quit,
}

/// What is to be done outside of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The kernel is to report this from now on.
    Capture(Capture),
    /// The open sessions are to be looked at this often from now on.
    Interval(Duration),
    /// What there is to know of that process is wanted: [`App::process`](super::App::process) takes it.
    LookUp(u32),
    /// The history of filters is another: to be kept for the next run.
    Remember(Vec<String>),
    /// The columns are others: words of fields, to be kept for the next run; none: nothing is chosen.
    KeepColumns(Vec<&'static str>),
    /// What is served at which port is wanted: [`App::services`](super::App::services) takes it.
    Services,
    /// For the terminal's clipboard.
    Copy(String),
    /// To be done with the file that is exported to: [`App::exported`](super::App::exported) takes what it says.
    Export(export::Order),
    /// Draw on a terminal of which nothing is known.
    Redraw,
    /// Give the terminal back to the shell until it continues us.
    Suspend,
    /// End the program.
    Quit,
}
