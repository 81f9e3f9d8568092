//! What is at a place of the screen: asked of the same functions that draw it.

use ratatui::layout::Position;

use crate::model::aggregate::figures::AggregateFigure;
use crate::model::fields::Field;
use crate::ui::action::{Action, Mode};
use crate::ui::app::App;
use crate::ui::layout::panes::Subject;
use crate::ui::layout::{footer, lines, panes, table};
use crate::ui::state::screens::Screen;

/// What is at a place.
#[derive(Clone, Copy, Debug)]
pub enum Hit {
    /// A heading of the session table.
    Heading(&'static Field),
    /// A line of the session table, the first one shown is 0; there may be no session on it.
    Row(usize),
    /// The headings of a talker pane, and there that of a figure.
    PaneHeading(Subject, Option<&'static AggregateFigure>),
    /// A line of a talker pane, the first one shown is 0; there may be no talker on it.
    PaneRow(Subject, usize),
    /// A line of what takes the table's place, the first one shown is 0; there may be nothing on it.
    Line(usize),
    /// What is read, or gone through line by line: the help, a session's detail, charts.
    Page,
    /// A key of the footer, and what it does.
    Key(Action),
    /// Nothing that the mouse could do something with.
    Nothing,
}

/// What is at a cell of the screen.
pub fn hit(app: &App, column: u16, row: u16) -> Hit {
    let layout = app.layout();
    let at = Position::new(column, row);
    if layout.footer.contains(at) {
        let action = action_at(app, layout.footer.width, column - layout.footer.x);
        return action.map_or(Hit::Nothing, Hit::Key);
    }
    let reads = matches!(app.layers.mode(), Mode::Detail | Mode::Help | Mode::Columns);
    if reads || app.layers.screen().is_some() {
        let line = match app.layers.screen() {
            _ if !layout.main.contains(at) => return Hit::Nothing,
            _ if reads => None,
            Some(Screen::Failures(_)) => lines::FAILURES.at(layout.main, row),
            Some(Screen::Baseline(_)) => lines::BASELINE.at(layout.main, row),
            Some(Screen::Distributions(_)) | None => None,
        };
        return line.map_or(Hit::Page, Hit::Line);
    }
    if layout.table.contains(at) {
        return match lines::TABLE.at(layout.table, row) {
            Some(line) => Hit::Row(line),
            None => table::heading_at(
                app.columns.view(),
                layout.table.width,
                column - layout.table.x,
            )
            .map_or(Hit::Nothing, Hit::Heading),
        };
    }
    let mut panes = Subject::ALL.into_iter().zip(layout.talkers);
    let Some((subject, area)) = panes.find(|(_, area)| area.contains(at)) else {
        return Hit::Nothing;
    };
    match lines::PANE.at(area, row) {
        Some(line) => Hit::PaneRow(subject, line),
        None => {
            let figure = panes::figure_at(subject, area.width, column - area.x);
            Hit::PaneHeading(subject, figure)
        }
    }
}

/// What the key does that is at a cell of the line.
fn action_at(app: &App, width: u16, x: u16) -> Option<Action> {
    if app.notice.get().is_some() {
        return None; // that is what is there
    }
    let keys = footer::keys(&app.keymap, app.layers.mode(), width).into_iter();
    let mut here = keys.filter(|(_, cells)| cells.contains(&x.into()));
    here.next().map(|(row, _)| row.key.action)
}
