//! The command line.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::ui::state::command::{CommandLine, HINT};
use crate::ui::theme::Theme;
use crate::ui::view::prompt::{Below, LineStyles, below, typed};

/// Draws the command line, with what can be typed or what is wrong below it.
pub fn draw(command: &CommandLine, theme: &Theme, area: Rect, frame: &mut Frame<'_>) {
    let (text, style) = match &command.wrong {
        None => (HINT.into(), theme.quiet),
        Some(wrong) => (wrong.clone(), theme.alarm_text),
    };
    let styles = LineStyles::plain(theme);
    typed(":", &command.line, None, &styles, area, frame);
    below(&Below { x: 0, text, style }, area, frame);
}
