//! The sort menu: the part of the screen that it covers, and its grid.

use ratatui::layout::{Position, Rect};

use crate::model::fields;

/// Cells of an entry: its letter, its title, an arrow, and a gap.
pub const CELL: u16 = 16;

/// Lines of the menu besides its entries: its heading, and the help of the selected entry.
const OTHERS: u16 = 2;

/// Entries beside each other, and visible lines of them.
pub fn grid(main: Rect) -> (usize, usize) {
    let columns = usize::from(main.width / CELL).max(1);
    let lines = fields::columns().count().div_ceil(columns);
    (
        columns,
        lines.min(main.height.saturating_sub(OTHERS).into()),
    )
}

/// Area of the menu, at the bottom, so that the order of the sessions stays visible above it.
pub fn area(main: Rect) -> Rect {
    let (_, lines) = grid(main);
    let height = (lines as u16 + OTHERS).min(main.height);
    Rect {
        y: main.bottom() - height,
        height,
        ..main
    }
}

/// The first visible line of the grid when the entry at this position is selected.
pub fn top(main: Rect, selected: usize) -> usize {
    let (columns, lines) = grid(main);
    (selected / columns).saturating_sub(lines.saturating_sub(1))
}

/// The entry at a cell of the screen.
pub fn entry_at(main: Rect, selected: usize, at: Position) -> Option<usize> {
    let (columns, lines) = grid(main);
    let area = area(main);
    let line = usize::from(at.y.checked_sub(area.y + 1)?);
    let column = usize::from((at.x - area.x) / CELL);
    let entry = (top(main, selected) + line) * columns + column;
    (area.contains(at) && line < lines && column < columns && entry < fields::columns().count())
        .then_some(entry)
}
