//! Hit testing: the item at a cell of the screen, found with the layout functions that draw it.

use ratatui::layout::Position;

use crate::model::aggregate::figure_table::AggregateFigure;
use crate::model::fields;
use crate::model::fields::Field;
use crate::ui::action::{Action, Mode};
use crate::ui::app::App;
use crate::ui::keys::titles::ScreenTitle;
use crate::ui::layout::panes::Subject;
use crate::ui::layout::{list_area, panes, sort_menu, table};
use crate::ui::state::layers::Layer;
use crate::ui::state::screens::Screen;

/// The item at a cell.
#[derive(Clone, Copy, Debug)]
pub enum Hit {
    /// A heading of the session table, or an entry of the sort menu.
    Heading(&'static Field),
    /// A line of the session table, counted from the first visible one, and the column at the cell; the line may be
    /// empty.
    Row(usize, Option<&'static Field>),
    /// The heading line of a top talkers pane, with the figure at the cell.
    PaneHeading(Subject, Option<&'static AggregateFigure>),
    /// A line of a top talkers pane, counted from the first visible one; it may be empty.
    PaneRow(Subject, usize),
    /// The line of a subject in the strip of top talkers.
    Strip(Subject),
    /// The heading of a column of a screen that lists things of the host.
    LineHeading(usize),
    /// A line of a screen shown instead of the table, counted from the first visible one; it may be empty.
    Line(usize),
    /// A page or a list: the help, a session's detail, charts.
    Page,
    /// A key in the footer, with its action.
    Key(Action),
    /// The tab of this screen.
    Tab(&'static ScreenTitle),
    /// The notice, which covers the keys in the footer.
    Notice,
    /// Nothing that reacts to the mouse.
    Nothing,
}

pub fn hit(app: &App, column: u16, row: u16) -> Hit {
    let layout = app.layout();
    let at = Position::new(column, row);
    if layout.footer.contains(at) && app.notice.get().is_some() {
        return Hit::Notice;
    }
    if layout.footer.contains(at) {
        let action = action_at(app, layout.footer.width, column - layout.footer.x);
        return action.map_or(Hit::Nothing, Hit::Key);
    }
    if let Some(Layer::SortMenu(menu)) = app.layers.top() {
        let entry = sort_menu::entry_at(layout.main, menu.position(), at);
        let field = entry.and_then(|entry| fields::columns().nth(entry));
        return field.map_or(Hit::Nothing, |(field, _)| Hit::Heading(field));
    }
    if layout.headline.contains(at) {
        return Hit::Key(Action::Screen(Mode::Findings));
    }
    if layout.tabs.contains(at) {
        let line = app.tab_line(layout.tabs.width);
        let tab = line.at((column - layout.tabs.x).into());
        return tab.map_or(Hit::Nothing, Hit::Tab);
    }
    let reads = matches!(app.layers.mode(), Mode::Detail | Mode::Help | Mode::Columns);
    if reads || app.layers.screen().is_some() {
        let line = match app.layers.screen() {
            _ if !layout.main.contains(at) => return Hit::Nothing,
            _ if reads => None,
            Some(Screen::Failures(_)) => list_area::FAILURES.at(layout.main, row),
            Some(Screen::Baseline(_)) => list_area::baseline(layout.main).at(layout.main, row),
            Some(Screen::Table(shown)) => {
                match list_area::lines(shown.remark_lines(), layout.main).at(layout.main, row) {
                    None if row == layout.main.y => {
                        let x = column - layout.main.x;
                        let headings = shown.headings(layout.main.width);
                        let mut here = headings
                            .iter()
                            .filter(|h| (h.x..=h.x + h.width).contains(&x));
                        let column = here.next().map(|h| h.column);
                        return column.map_or(Hit::Nothing, Hit::LineHeading);
                    }
                    line => line,
                }
            }
            Some(Screen::Distributions(_)) | None => None,
        };
        return line.map_or(Hit::Page, Hit::Line);
    }
    if layout.table.contains(at) {
        let x = column - layout.table.x;
        let field = table::heading_at(app.columns.view(), layout.table.width, x);
        return match list_area::TABLE.at(layout.table, row) {
            Some(line) => Hit::Row(line, field),
            None => field.map_or(Hit::Nothing, Hit::Heading),
        };
    }
    if layout.strip.contains(at) {
        let line = usize::from(row - layout.strip.y);
        let subject = Subject::MAIN.get(line);
        return subject.map_or(Hit::Nothing, |subject| Hit::Strip(*subject));
    }
    let mut panes = Subject::ALL.into_iter().zip(layout.talkers);
    let Some((subject, area)) = panes.find(|(_, area)| area.contains(at)) else {
        return Hit::Nothing;
    };
    match list_area::PANE.at(area, row) {
        Some(line) => Hit::PaneRow(subject, line),
        None => {
            let sorted = app.panes().pane(subject).sorted_by();
            let (_, placed) = panes::placed(subject, area.width, app.longest_name(subject), sorted);
            let figure = panes::figure_at(&placed, column - area.x);
            Hit::PaneHeading(subject, figure)
        }
    }
}

/// The action of the key at a cell of the footer.
fn action_at(app: &App, width: u16, x: u16) -> Option<Action> {
    let keys = app.footer_keys(width).into_iter();
    let mut here = keys.filter(|key| key.cells.contains(&x.into()));
    here.next().map(|key| key.row.key.action)
}
