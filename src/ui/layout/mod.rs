//! Layout of the screen: arithmetic on areas, used by the state (for the lines of a page) and by the view.

use ratatui::layout::{Constraint, Rect};

pub mod charts;
pub mod column_chooser;
pub mod distributions;
pub mod fit;
pub mod footer;
pub mod list_area;
pub mod panes;
pub mod sort_menu;
pub mod table;
pub mod tabs;

use crate::ui::layout::panes::{Focus, Subject, TalkersBelow};

/// Areas of the parts of the screen.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// The moment of the past that is shown, and the time bar; empty: this is now.
    pub past: Rect,
    /// The first header line: figures of the host.
    pub host: Rect,
    /// The second header line: a description of the view.
    pub view_line: Rect,
    /// The line of findings; empty: there is none, or no room.
    pub headline: Rect,
    /// The tabs of the screens.
    pub tabs: Rect,
    /// The title of a screen whose purpose is not next to the tabs.
    pub title: Rect,
    /// Everything between header, tabs and title above, and the footer below.
    pub main: Rect,
    /// The session table in `main`, including headings.
    pub table: Rect,
    /// The top talkers below it, including headings; empty: not shown.
    pub talkers: [Rect; 4],
    /// A line of top talkers for each subject, below the table; empty: not shown.
    pub strip: Rect,
    /// The prompt, and the text below it.
    pub prompt: Rect,
    pub footer: Rect,
}

impl Layout {
    /// Sessions that the table can show at once.
    pub fn rows(&self) -> usize {
        list_area::TABLE.count(self.table)
    }
}

/// Minimum height for the top talkers.
const HIGH: u16 = 30;
/// Minimum height for the tabs, and for a title.
pub const TABBED: u16 = 16;
const TITLED: u16 = 12;
/// Minimum height for the time bar.
const PAST_HIGH: u16 = 12;
/// Minimum height for the line of findings.
const FOUND: u16 = 8;

/// Minimum height for a strip of top talkers, and its lines.
const HIGH_FOR_STRIP: u16 = 20;
const STRIP: u16 = Subject::MAIN.len() as u16;

/// The parts of a screen, apart from those that each has.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    pub prompting: bool,
    /// It shows the past.
    pub past: bool,
    /// It has a title line, where there is room for one.
    pub titled: bool,
    /// It has a line for findings.
    pub found: bool,
    pub focus: Focus,
    pub below: TalkersBelow,
}

/// Divides the screen. A low screen first loses the tabs, then the title, the footer, the second header line, and the
/// first. The prompt stays as long as there is a line. All panes of top talkers are shown where there is room for them;
/// else only the one that has the keyboard, which leaves a quarter of the lines to the table, or a strip while
/// none has it.
pub fn layout(area: Rect, parts: Parts) -> Layout {
    let Parts {
        prompting,
        past,
        titled,
        found,
        focus,
        below,
    } = parts;

    let line = |from: u16| Constraint::Length((area.height >= from).into());
    let prompt = if prompting { 2.min(area.height) } else { 0 };
    let title = if titled { TITLED } else { u16::MAX };
    let headline = if found { FOUND } else { u16::MAX };
    // whatever else there is no room for, it must not be taken for now
    let past = match (past, area.height) {
        (false, _) => 0,
        (true, PAST_HIGH..) => 2,
        (true, _) => 1,
    };
    let [
        past,
        host,
        view_line,
        headline,
        tabs,
        title,
        main,
        prompt,
        footer,
    ] = ratatui::layout::Layout::vertical([
        Constraint::Length(past),
        line(4 + prompt + past),
        line(5 + prompt + past),
        line(headline),
        line(TABBED),
        line(title),
        Constraint::Fill(1),
        Constraint::Length(prompt),
        line(6 + prompt + past),
    ])
    .areas(area);
    let side_by_side = panes::side_by_side(main, focus)
        .filter(|_| area.height >= HIGH && below != TalkersBelow::Off);
    let has_strip = below == TalkersBelow::Strip && area.height >= HIGH_FOR_STRIP;
    let height = match (side_by_side, focus) {
        (Some(_), _) => main.height / 3,
        (None, Focus::Table) if has_strip => STRIP,
        (None, Focus::Table) => 0,
        // too low for both
        (None, Focus::Pane(_)) if main.height < 6 => main.height,
        (None, Focus::Pane(_)) => main.height - main.height / 4,
    };
    let table = Rect {
        height: main.height - height,
        ..main
    };
    let rest = Rect {
        y: table.bottom(),
        height,
        ..main
    };
    let talkers = match (side_by_side, focus) {
        (Some(areas), _) => areas.map(|a| match a.is_empty() {
            true => a,
            false => Rect {
                y: rest.y,
                height,
                ..a
            },
        }),
        (None, Focus::Pane(subject)) => {
            Subject::ALL.map(|s| if s == subject { rest } else { Rect::ZERO })
        }
        (None, Focus::Table) => [Rect::ZERO; 4],
    };
    let strip = match (side_by_side, focus) {
        (None, Focus::Table) => rest,
        _ => Rect::ZERO,
    };
    Layout {
        past,
        host,
        view_line,
        headline,
        tabs,
        title,
        main,
        table,
        talkers,
        strip,
        prompt,
        footer,
    }
}
