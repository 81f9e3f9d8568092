//! The picture: what [`App`] holds, drawn into a frame.
//!
//! Responsible for where things are: a pure function of the state and the area, so that a screen can be tested
//! without a terminal. `table`, `header`, `footer` and `help` draw their part.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};

use super::app::App;
use super::keys::Mode;
use super::theme::Theme;

pub mod footer;
pub mod header;
pub mod help;
pub mod table;

/// Where the parts of the screen are. The talker panes will stand between the table and the footer.
#[derive(Clone, Copy, Debug)]
pub struct Panes {
    /// What host, how many, how fast, how long.
    pub host: Rect,
    /// What is being looked at.
    pub looking_at: Rect,
    /// The session table, headings included.
    pub table: Rect,
    /// The keys of where one is.
    pub footer: Rect,
}

impl Panes {
    /// Sessions that the table can show at a time: a line is for the headings.
    pub fn rows(&self) -> usize {
        self.table.height.saturating_sub(1).into()
    }
}

/// Divides the screen. What matters least goes first when it is low: the footer, the second line, the first.
pub fn panes(area: Rect) -> Panes {
    let line = |from: u16| Constraint::Length((area.height >= from).into());
    let [host, looking_at, table, footer] =
        Layout::vertical([line(4), line(5), Constraint::Fill(1), line(6)]).areas(area);
    Panes {
        host,
        looking_at,
        table,
        footer,
    }
}

/// Draws the whole screen.
pub fn draw(app: &App, theme: &Theme, frame: &mut Frame<'_>) {
    let panes = panes(frame.area());
    header::draw(app, theme, &panes, frame.buffer_mut());
    match app.mode {
        Mode::Table => table::draw(app, theme, panes.table, frame.buffer_mut()),
        Mode::Help => help::draw(app, theme, panes.table, frame.buffer_mut()),
    }
    footer::draw(app, theme, panes.footer, frame.buffer_mut());
}
