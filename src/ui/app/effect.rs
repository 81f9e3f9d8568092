//! Effects: operations outside of the state, carried out by the event loop.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::capture_filter::CaptureFilter;
use crate::ui::state::export;

/// An operation outside of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Set the capture filter in the kernel.
    Capture(CaptureFilter),
    /// Take snapshots at this interval.
    Interval(Duration),
    /// Look up this process, and the holders of the session with this cookie; the results go to
    /// [`App::process`](super::App::process) and [`App::holders`](super::App::holders).
    LookUp(u32, u64),
    /// Ask the kernel for the number of sockets in TIME_WAIT; it goes to [`App::time_wait`](super::App::time_wait).
    TimeWait,
    /// Save the filter history for the next run.
    Remember(Vec<String>),
    /// Save the chosen columns, as field words, for the next run; empty: nothing is chosen.
    KeepColumns(Vec<&'static str>),
    /// Load service names; they go to [`App::services`](super::App::services).
    Services,
    /// Copy to the terminal's clipboard.
    Copy(String),
    /// Carry out a command on the export file; reports go to [`App::exported`](super::App::exported).
    Export(export::ExportCommand),
    /// Record to a new file of that name; the result goes to [`App::recorded`](super::App::recorded).
    Record(PathBuf),
    /// Switch the recording off if it is on, and on if it is off.
    ToggleRecording,
    /// Redraw on a terminal in an unknown state.
    Redraw,
    /// Give the terminal back to the shell, and stop.
    Suspend,
    /// The same, at the request of another process, which can continue this one.
    Stop,
    /// The shell has continued this process: take the terminal again, if it is this job's.
    Resume,
    /// Exit.
    Quit,
}
