//! Where the parts of the screen are: arithmetic on areas, used by the state (how many lines a page has) and by the view.

use ratatui::layout::{Constraint, Rect};

pub mod bars;
pub mod chooser;
pub mod distributions;
pub mod fit;
pub mod footer;
pub mod lines;
pub mod panes;
pub mod table;

use crate::ui::layout::panes::{Focus, Subject};

/// Where the parts of the screen are.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// What host, how many, how fast, how long.
    pub host: Rect,
    /// What is being looked at.
    pub looking_at: Rect,
    /// All between these lines and the footer.
    pub main: Rect,
    /// In there the session table, headings included.
    pub table: Rect,
    /// And below it the talkers, headings included; empty: not shown.
    pub talkers: [Rect; 3],
    /// The line that is being typed, and what there is to say of it.
    pub prompt: Rect,
    /// The keys of where one is.
    pub footer: Rect,
}

impl Layout {
    /// Sessions that the table can show at a time.
    pub fn rows(&self) -> usize {
        lines::TABLE.count(self.table)
    }
}

/// From this height on there is room for the talkers.
const HIGH: u16 = 30;

/// Divides the screen. What matters least goes first when it is low: the footer, the second line, the first. The prompt
/// stays as long as there is a line. All talkers are shown where there is room for them; else only those that have the
/// keyboard, in the table's lower half.
pub fn layout(area: Rect, prompting: bool, focus: Focus) -> Layout {
    let line = |from: u16| Constraint::Length((area.height >= from).into());
    let prompt = if prompting { 2.min(area.height) } else { 0 };
    let [host, looking_at, main, prompt, footer] = ratatui::layout::Layout::vertical([
        line(4 + prompt),
        line(5 + prompt),
        Constraint::Fill(1),
        Constraint::Length(prompt),
        line(6 + prompt),
    ])
    .areas(area);
    let side_by_side = panes::side_by_side(main).filter(|_| area.height >= HIGH);
    let height = match (side_by_side, focus) {
        (Some(_), _) => main.height / 3,
        (None, Focus::Table) => 0,
        // too low for both
        (None, Focus::Pane(_)) if main.height < 6 => main.height,
        (None, Focus::Pane(_)) => main.height / 2,
    };
    let table = Rect {
        height: main.height - height,
        ..main
    };
    let below = Rect {
        y: table.bottom(),
        height,
        ..main
    };
    let talkers = match (side_by_side, focus) {
        (Some(areas), _) => areas.map(|a| Rect {
            y: below.y,
            height,
            ..a
        }),
        (None, Focus::Pane(subject)) => {
            Subject::ALL.map(|s| if s == subject { below } else { Rect::ZERO })
        }
        (None, Focus::Table) => [Rect::ZERO; 3],
    };
    Layout {
        host,
        looking_at,
        main,
        table,
        talkers,
        prompt,
        footer,
    }
}
