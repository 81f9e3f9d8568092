//! Draws the state of [`App`] into a frame.
//!
//! A pure function of the state and the area, so that screens can be tested without a terminal. Each module here
//! draws one part.

use ratatui::Frame;

use crate::ui::app::App;
use crate::ui::layout::panes::Subject;
use crate::ui::state::layers::Layer;
use crate::ui::state::screens::Screen;
use crate::ui::theme::Theme;

pub mod asked;
pub mod baseline;
pub mod columns;
pub mod copied;
pub mod detail;
pub mod distributions;
pub mod export;
pub mod failures;
pub mod footer;
pub mod header;
pub mod help;
pub mod host_chart;
pub mod out_of_sight;
pub mod past;
pub mod prompt;
pub mod sort_menu;
pub mod strip;
pub mod table;
pub mod table_screen;
pub mod tabs;
pub mod top_talkers;

/// Draws the whole screen.
pub fn draw(app: &App, theme: &Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    let layout = app.layout_in(area);
    let buffer = frame.buffer_mut();
    buffer.set_style(area, theme.base);
    past::draw(app, theme, layout.past, buffer);
    header::draw(app, theme, &layout, buffer);
    tabs::draw(app, theme, &layout, buffer);
    match app.layers.page() {
        Some(Layer::Detail(shown)) => detail::draw(shown, app, theme, layout.main, buffer),
        Some(Layer::Help(top)) => help::draw(top, app, theme, layout.main, buffer),
        Some(Layer::Screen(Screen::Distributions(shown))) => {
            distributions::draw(shown, app, theme, layout.main, buffer);
        }
        Some(Layer::Screen(Screen::Failures(shown))) => {
            failures::draw(shown, app, theme, layout.main, buffer);
        }
        Some(Layer::Screen(Screen::Baseline(shown))) => {
            baseline::draw(shown, app, theme, layout.main, buffer);
        }
        Some(Layer::Screen(Screen::Table(shown))) => {
            table_screen::draw(shown.as_ref(), app, theme, layout.main, buffer);
        }
        _ => {
            table::draw(app, theme, layout.table, buffer);
            for (subject, area) in Subject::ALL.into_iter().zip(layout.talkers) {
                top_talkers::draw(app, subject, theme, area, buffer);
            }
            strip::draw(app, theme, layout.strip, buffer);
            if let Some(chooser) = app.layers.chooser() {
                columns::draw(chooser, app, theme, layout.main, buffer);
            }
            if let Some(menu) = app.layers.sort_menu() {
                sort_menu::draw(menu, app, theme, layout.main, buffer);
            }
        }
    }
    match app.layers.top() {
        Some(Layer::Help(help)) => {
            if let Some(typing) = &help.typing {
                help::search(help, typing, app, theme, layout.prompt, frame);
            }
        }
        Some(Layer::Prompt(prompt)) => {
            prompt::draw(prompt, &app.view_filter.filter, theme, layout.prompt, frame);
        }
        Some(Layer::Asked(asked)) => asked::draw(asked, app, theme, layout.prompt, frame),
        Some(Layer::Export(export)) => export::draw(export, app, theme, layout.prompt, frame),
        Some(Layer::Screen(Screen::Table(shown))) => {
            if let Some(line) = shown.arrangement().typing() {
                table_screen::search(shown.as_ref(), line, theme, layout.prompt, frame);
            }
        }
        _ => {}
    }
    if let Some(text) = app.layers.copied() {
        copied::draw(text, theme, layout.main, frame.buffer_mut());
    }
    footer::draw(app, theme, layout.footer, frame.buffer_mut());
}
