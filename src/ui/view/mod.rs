//! The picture: what [`App`] holds, drawn into a frame.
//!
//! Responsible for where things are: a pure function of the state and the area, so that a screen can be tested
//! without a terminal. Each module here draws its part.

use ratatui::Frame;

use crate::ui::action::Mode;
use crate::ui::app::App;
use crate::ui::layout::layout;
use crate::ui::layout::panes::Subject;
use crate::ui::state::screens::Screen;
use crate::ui::theme::Theme;

pub mod baseline;
pub mod columns;
pub mod detail;
pub mod distributions;
pub mod export;
pub mod failures;
pub mod footer;
pub mod header;
pub mod help;
pub mod prompt;
pub mod table;
pub mod top_talkers;

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
        (_, Some(Screen::Marked(shown))) => baseline::draw(shown, app, theme, layout.main, buffer),
        (_, None) => {
            table::draw(app, theme, layout.table, buffer);
            for (subject, area) in Subject::ALL.into_iter().zip(layout.talkers) {
                top_talkers::draw(app, subject, theme, area, buffer);
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
