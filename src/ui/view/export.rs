//! The export prompt: the file name, and below it an error, the question, or the progress.

use ratatui::Frame;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::ui::state::export::{Export, Stage};
use crate::ui::theme::Theme;
use crate::ui::view::prompt::{Below, LineStyles, below, place, typed};

const LABEL: &str = "export to: ";

pub fn draw(export: &Export, theme: &Theme, area: Rect, frame: &mut Frame<'_>) {
    let quiet = |text: &str| (0, text.to_owned(), theme.quiet);
    let (wrong, (x, text, style)) = match &export.stage {
        Stage::Naming(None) => (None, quiet("")),
        Stage::Naming(Some((span, text))) => {
            let cell = place(LABEL, &export.line, span.start, area);
            let text = format!("^ {text}");
            // under the error, if there is room for it
            let fits = cell + text.width() <= area.width.into();
            let cell = if fits { cell } else { 0 };
            (Some(span.clone()), (cell, text, theme.alarm_text))
        }
        Stage::Asking(_) => {
            let text = "The file exists. Replace it? y/n".to_owned();
            (None, (0, text, theme.alarm_text))
        }
        Stage::Writing(_) => (None, quiet("writing; the display is paused …")),
    };
    let styles = LineStyles::plain(theme);
    typed(LABEL, &export.line, wrong, &styles, area, frame);
    below(&Below { x, text, style }, area, frame);
}
