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
pub mod prompt;
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
    /// The line that is being typed, and what there is to say of it.
    pub prompt: Rect,
    /// The keys of where one is.
    pub footer: Rect,
}

impl Panes {
    /// Sessions that the table can show at a time: a line is for the headings.
    pub fn rows(&self) -> usize {
        self.table.height.saturating_sub(1).into()
    }
}

/// Divides the screen. What matters least goes first when it is low: the footer, the second line, the first. The prompt
/// stays as long as there is a line.
pub fn panes(area: Rect, prompting: bool) -> Panes {
    let line = |from: u16| Constraint::Length((area.height >= from).into());
    let prompt = if prompting { 2.min(area.height) } else { 0 };
    let [host, looking_at, table, prompt, footer] = Layout::vertical([
        line(4 + prompt),
        line(5 + prompt),
        Constraint::Fill(1),
        Constraint::Length(prompt),
        line(6 + prompt),
    ])
    .areas(area);
    Panes {
        host,
        looking_at,
        table,
        prompt,
        footer,
    }
}

/// Draws the whole screen.
pub fn draw(app: &App, theme: &Theme, frame: &mut Frame<'_>) {
    let panes = panes(frame.area(), app.prompt.is_some());
    header::draw(app, theme, &panes, frame.buffer_mut());
    match app.mode {
        Mode::Table | Mode::Prompt => table::draw(app, theme, panes.table, frame.buffer_mut()),
        Mode::Help => help::draw(app, theme, panes.table, frame.buffer_mut()),
    }
    if let Some(prompt) = &app.prompt {
        prompt::draw(prompt, theme, panes.prompt, frame);
    }
    footer::draw(app, theme, panes.footer, frame.buffer_mut());
}
