//! The panes of top talkers: their subjects, their areas, and the figures that fit.

use ratatui::layout::Rect;

use crate::model::aggregate::GroupBy;
use crate::model::aggregate::figure_table::{AggregateFigure, FIGURES};
use crate::ui::layout::fit;

/// The subject of a pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Owners of the sessions.
    Processes,
    Peers,
    Ports,
}

impl Subject {
    /// All subjects, from left to right.
    pub const ALL: [Subject; 3] = [Subject::Processes, Subject::Peers, Subject::Ports];

    pub fn by(self, grouped: bool) -> GroupBy {
        match (self, grouped) {
            (Subject::Processes, false) => GroupBy::Process,
            (Subject::Processes, true) => GroupBy::Program,
            (Subject::Peers, false) => GroupBy::Peer,
            (Subject::Peers, true) => GroupBy::Subnet,
            (Subject::Ports, _) => GroupBy::Port,
        }
    }

    /// Cells that a name needs.
    pub fn name_width(self) -> u16 {
        match self {
            Subject::Processes => 15,
            Subject::Peers => 17,
            Subject::Ports => 6,
        }
    }
}

/// The list or pane with the keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    Table,
    Pane(Subject),
}

impl Focus {
    const ALL: [Focus; 4] = [
        Focus::Table,
        Focus::Pane(Subject::Processes),
        Focus::Pane(Subject::Peers),
        Focus::Pane(Subject::Ports),
    ];

    /// Moves on by this many positions.
    pub fn step(self, by: isize) -> Focus {
        let now = Focus::ALL.iter().position(|f| *f == self).unwrap_or(0);
        Focus::ALL[(now as isize + by).rem_euclid(Focus::ALL.len() as isize) as usize]
    }
}

/// The three panes side by side, their widths by the needs of their names; `None` if they do not fit.
pub fn side_by_side(area: Rect) -> Option<[Rect; 3]> {
    let names: u16 = Subject::ALL.iter().map(|s| s.name_width()).sum();
    let figures = area.width.checked_sub(names + 2)? / 3;
    let least: u16 = FIGURES
        .iter()
        .filter(|f| f.drop <= 1)
        .map(|f| f.width + 1)
        .sum();
    let mut x = area.x;
    (figures >= least).then(|| {
        Subject::ALL.map(|subject| {
            let width = subject.name_width() + figures;
            let pane = Rect { x, width, ..area };
            x += width + 1;
            pane
        })
    })
}

/// Figures that fit in a pane of this width.
pub fn figures(subject: Subject, width: u16) -> Vec<&'static AggregateFigure> {
    let fits = |shown: &[&AggregateFigure]| needed(subject, shown) <= width;
    fit::columns(FIGURES.iter().collect(), |f| f.drop, fits)
}

fn needed(subject: Subject, shown: &[&AggregateFigure]) -> u16 {
    let figures: u16 = shown.iter().map(|f| f.width + 1).sum();
    subject.name_width() + figures
}

/// Widths of the names and of the rate history: spare cells first go to a history of one second per cell, then to the
/// names, up to the longest address.
fn widths(subject: Subject, shown: &[&AggregateFigure], width: u16) -> (u16, u16) {
    const WIDEST_NAME: u16 = 42;
    const WIDEST_COURSE: u16 = 60;
    let mut spare = width.saturating_sub(needed(subject, shown));
    let course = shown.iter().find(|f| f.is_history).map_or(0, |f| f.width);
    let mut share = |now: u16, most: u16| {
        let grown = most.saturating_sub(now).min(spare);
        spare -= grown;
        now + grown
    };
    // first some cells of history, so that its shape is visible; then whole names
    let course = share(course, if course == 0 { 0 } else { 15 });
    let name = share(subject.name_width().min(width), WIDEST_NAME.min(width));
    let course = share(course, if course == 0 { 0 } else { WIDEST_COURSE });
    (name, course)
}

/// A figure, its first cell and its width: after the names, with a cell between each.
pub type Placed = (&'static AggregateFigure, u16, u16);

/// Width of the names in a pane, and positions of the figures.
pub fn placed(subject: Subject, width: u16) -> (u16, Vec<Placed>) {
    let shown = figures(subject, width);
    let (name_width, course_width) = widths(subject, &shown, width);
    let mut x = name_width;
    let place = |figure: &'static AggregateFigure| {
        let width = match figure.is_history {
            true => course_width,
            false => figure.width,
        };
        let placed = (figure, x + 1, width);
        x += width + 1;
        placed
    };
    (name_width, shown.into_iter().map(place).collect())
}

/// The figure whose heading is at a cell of the heading line, or starts right after it.
pub fn figure_at(subject: Subject, width: u16, x: u16) -> Option<&'static AggregateFigure> {
    let (_, placed) = placed(subject, width);
    let here = placed
        .into_iter()
        .find(|(_, at, width)| (at - 1..at + width).contains(&x));
    here.map(|(figure, _, _)| figure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panes_side_by_side_fit_the_width() {
        for width in 0..400 {
            let area = Rect::new(0, 5, width, 10);
            let Some(panes) = side_by_side(area) else {
                assert!(width < 80);
                continue;
            };
            assert!(panes.windows(2).all(|w| w[0].right() + 1 == w[1].x));
            assert!(panes[2].right() <= area.right());
            for (subject, pane) in Subject::ALL.into_iter().zip(panes) {
                let shown = figures(subject, pane.width);
                let (name, course) = widths(subject, &shown, pane.width);
                let used: u16 = shown
                    .iter()
                    .map(|f| 1 + if f.is_history { course } else { f.width })
                    .sum();
                assert!(name + used <= pane.width, "{width}: {subject:?}");
            }
        }
    }

    #[test]
    fn panes_narrow_keep_the_most_important_figures() {
        let titles = |width| -> Vec<&str> {
            let pane = side_by_side(Rect::new(0, 0, width, 10)).map_or(width, |p| p[1].width);
            let shown = figures(Subject::Peers, pane);
            shown.iter().map(|f| f.title).collect()
        };
        assert_eq!(titles(80), ["OPEN", "B/s"]);
        assert_eq!(titles(120), ["OPEN", "NEW/s", "B/s", "60 s"]);
        assert_eq!(titles(200).len(), FIGURES.len());
        assert_eq!(titles(60).len(), 6);
    }

    #[test]
    fn focus_stepping_through_all_panes_returns_to_the_table() {
        let mut focus = Focus::Table;
        for _ in 0..4 {
            let next = focus.step(1);
            assert_eq!(next.step(-1), focus);
            focus = next;
        }
        assert_eq!(focus, Focus::Table);
    }
}
