//! What is to be done outside of the state, by the event loop.

use std::time::Duration;

use crate::model::capture_filter::CaptureFilter;
use crate::ui::state::export;

/// What is to be done outside of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The kernel is to report this from now on.
    Capture(CaptureFilter),
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
    Export(export::ExportCommand),
    /// Draw on a terminal of which nothing is known.
    Redraw,
    /// Give the terminal back to the shell until it continues us.
    Suspend,
    /// End the program.
    Quit,
}
