//! The line that is typed to answer a question, with what can be typed or what is wrong below it.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::ui::app::App;
use crate::ui::state::asked::{AskedLine, Asks};
use crate::ui::state::command;
use crate::ui::theme::Theme;
use crate::ui::view::prompt::{Below, LineStyles, below, pointed, typed};

pub fn draw(asked: &AskedLine, app: &App, theme: &Theme, area: Rect, frame: &mut Frame<'_>) {
    let (label, hint) = match asked.asks {
        Asks::Command => (":", command::HINT.into()),
        Asks::Time => ("go to time: ", times(asked, app)),
        Asks::FreezeOn => (
            "freeze the black box on: ",
            "2 minutes after a match the past ([) is kept: `reason refused`, `… 50/s`".into(),
        ),
    };
    let (x, text, style) = match &asked.wrong {
        None => (0, hint, theme.quiet),
        Some((span, text)) => {
            let (x, text) = pointed(label, &asked.line, span.start, text, area);
            (x, text, theme.alarm_text)
        }
    };
    let styles = LineStyles::plain(theme);
    let wrong = asked.wrong.as_ref().map(|(span, _)| span.clone());
    typed(label, &asked.line, wrong, &styles, area, frame);
    below(&Below { x, text, style }, area, frame);
}

/// Example times within the kept range, once there is one.
fn times(asked: &AskedLine, app: &App) -> String {
    match app.reach() {
        Some((first_ns, _)) if !asked.examples.is_empty() => {
            let (first, examples) = (app.time_at(first_ns), &asked.examples);
            format!("from {first} on: {examples}; Enter alone: now")
        }
        _ => "03:12, 03:12:40, -5m, yesterday 03:12; Enter alone: now".into(),
    }
}
