//! The picture: what [`App`] holds, drawn into a frame.
//!
//! Responsible for where things are: a pure function of the state and the area, so that a screen can be tested
//! without a terminal. Each module here draws its part.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};

use super::app::App;
use super::keys::Mode;
use super::screens::Screen;
use super::talkers::{Focus, Subject};
use super::theme::Theme;

pub mod columns;
pub mod detail;
pub mod distributions;
pub mod export;
pub mod failures;
mod fit;
pub mod footer;
pub mod header;
pub mod help;
pub mod hit;
pub mod lines;
pub mod mark;
pub mod prompt;
pub mod table;
pub mod talkers;

/// Where the parts of the screen are.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// What host, how many, how fast, how long.
    pub host: Rect,
    /// What is being looked at.
    pub looking_at: Rect,
    /// All between these lines and the footer.
    pub main: Rect,
    /// In there the session table, headings included.
    pub table: Rect,
    /// And below it the talkers, headings included; empty: not shown.
    pub talkers: [Rect; 3],
    /// The line that is being typed, and what there is to say of it.
    pub prompt: Rect,
    /// The keys of where one is.
    pub footer: Rect,
}

impl Layout {
    /// Sessions that the table can show at a time.
    pub fn rows(&self) -> usize {
        table::LINES.count(self.table)
    }
}

/// From this height on there is room for the talkers.
const HIGH: u16 = 30;

/// Divides the screen. What matters least goes first when it is low: the footer, the second line, the first. The prompt
/// stays as long as there is a line. All talkers are shown where there is room for them; else only those that have the
/// keyboard, in the table's lower half.
pub fn layout(area: Rect, prompting: bool, focus: Focus) -> Layout {
    let line = |from: u16| Constraint::Length((area.height >= from).into());
    let prompt = if prompting { 2.min(area.height) } else { 0 };
    let [host, looking_at, main, prompt, footer] = ratatui::layout::Layout::vertical([
        line(4 + prompt),
        line(5 + prompt),
        Constraint::Fill(1),
        Constraint::Length(prompt),
        line(6 + prompt),
    ])
    .areas(area);
    let side_by_side = talkers::side_by_side(main).filter(|_| area.height >= HIGH);
    let height = match (side_by_side, focus) {
        (Some(_), _) => main.height / 3,
        (None, Focus::Table) => 0,
        // too low for both
        (None, Focus::Pane(_)) if main.height < 6 => main.height,
        (None, Focus::Pane(_)) => main.height / 2,
    };
    let table = Rect {
        height: main.height - height,
        ..main
    };
    let below = Rect {
        y: table.bottom(),
        height,
        ..main
    };
    let talkers = match (side_by_side, focus) {
        (Some(areas), _) => areas.map(|a| Rect {
            y: below.y,
            height,
            ..a
        }),
        (None, Focus::Pane(subject)) => {
            Subject::ALL.map(|s| if s == subject { below } else { Rect::ZERO })
        }
        (None, Focus::Table) => [Rect::ZERO; 3],
    };
    Layout {
        host,
        looking_at,
        main,
        table,
        talkers,
        prompt,
        footer,
    }
}

/// Draws the whole screen.
pub fn draw(app: &App, theme: &Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    let layout = layout(area, app.is_prompting(), app.focus);
    frame.buffer_mut().set_style(area, theme.base);
    header::draw(app, theme, &layout, frame.buffer_mut());
    let buffer = frame.buffer_mut();
    match (app.mode, &app.screen) {
        (Mode::Detail, _) => detail::draw(app, theme, layout.main, buffer),
        (Mode::Help, _) => help::draw(app, theme, layout.main, buffer),
        (_, Some(Screen::Distributions(shown))) => {
            distributions::draw(shown, app, theme, layout.main, buffer);
        }
        (_, Some(Screen::Failures(shown))) => {
            failures::draw(shown, app, theme, layout.main, buffer);
        }
        (_, Some(Screen::Marked(shown))) => mark::draw(shown, app, theme, layout.main, buffer),
        (_, None) => {
            table::draw(app, theme, layout.table, buffer);
            for (subject, area) in Subject::ALL.into_iter().zip(layout.talkers) {
                talkers::draw(app, subject, theme, area, buffer);
            }
        }
    }
    if app.mode == Mode::Columns {
        columns::draw(app, theme, layout.main, frame.buffer_mut());
    }
    if let Some(prompt) = &app.prompt {
        prompt::draw(prompt, theme, layout.prompt, frame);
    }
    if let Some(export) = &app.export {
        export::draw(export, theme, layout.prompt, frame);
    }
    footer::draw(app, theme, layout.footer, frame.buffer_mut());
}
