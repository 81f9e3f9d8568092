//! The column chooser: the part of the screen that it covers.

use ratatui::layout::Rect;

/// Area of the chooser: a third of the height stays with the table, unless that is next to nothing.
pub fn area(main: Rect) -> Rect {
    const OF_THE_TABLE: u16 = 4;
    let above = (main.height / 3).max(OF_THE_TABLE);
    let above = if main.height < 2 * OF_THE_TABLE {
        0
    } else {
        above
    };
    Rect {
        y: main.y + above,
        height: main.height - above,
        ..main
    }
}

/// Columns visible at once: one line is the heading.
pub fn page(main: Rect) -> usize {
    area(main).height.saturating_sub(1).into()
}
