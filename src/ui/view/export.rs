//! The export prompt: the file name, and below it an error, the question, or the progress.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::model::fields;
use crate::ui::app::App;
use crate::ui::state::export::{Export, FileContent, Stage};
use crate::ui::theme::Theme;
use crate::ui::view::prompt::{Below, LineStyles, below, pointed, typed};

pub fn draw(export: &Export, app: &App, theme: &Theme, area: Rect, frame: &mut Frame<'_>) {
    let label = match export.content {
        FileContent::Table => "export to: ",
        FileContent::Past => "save the black box to: ",
        FileContent::Recording => "record to: ",
    };
    let quiet = |text: &str| (0, text.to_owned(), theme.quiet);
    let (wrong, (x, text, style)) = match &export.stage {
        Stage::Naming(None) => match export.content {
            FileContent::Table => (None, quiet("")),
            FileContent::Past => (None, quiet(&span(app))),
            FileContent::Recording => {
                let text = "everything from now on, whatever the filter is, for --replay";
                (None, quiet(text))
            }
        },
        Stage::Naming(Some((span, text))) => {
            let (x, text) = pointed(label, &export.line, span.start, text, area);
            (Some(span.clone()), (x, text, theme.alarm_text))
        }
        Stage::Asking(_) => {
            let text = "The file exists. Replace it? y/n".to_owned();
            (None, (0, text, theme.alarm_text))
        }
        Stage::Writing(_) if !export.is_of_table() => (None, quiet("writing …")),
        Stage::Writing(_) => (None, quiet("writing; the display is paused …")),
    };
    let styles = LineStyles::plain(theme);
    typed(label, &export.line, wrong, &styles, area, frame);
    below(&Below { x, text, style }, area, frame);
}

/// Says what can be saved.
fn span(app: &App) -> String {
    let black_box = &app.past.black_box;
    let kept = black_box.reach();
    let Some((from_ns, to_ns)) = kept.or(app.reach()) else {
        return String::new();
    };
    let [from, to] = [from_ns, to_ns].map(|at| app.time_at(at));
    let length = fields::seconds(to_ns - from_ns);
    let size = fields::bytes(black_box.bytes() as u64);
    let place = match kept {
        Some(_) => format!("{size}B in memory"),
        None => "read of the recording".into(),
    };
    format!(
        "from {from} to {to} ({length}, {place}); .html and .md: a report; `from 03:10 to 03:20` after the name: a part"
    )
}
