//! The panes of top talkers: their subjects, their areas, and the figures that fit.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

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
    /// Containers and units.
    Units,
}

impl Subject {
    /// All subjects, from left to right.
    pub const ALL: [Subject; 4] = [
        Subject::Processes,
        Subject::Peers,
        Subject::Ports,
        Subject::Units,
    ];

    /// The subjects of the strip, and of the panes side by side where there is no room for all.
    pub const MAIN: [Subject; 3] = [Subject::Processes, Subject::Peers, Subject::Ports];

    pub fn by(self, grouped: bool) -> GroupBy {
        match (self, grouped) {
            (Subject::Processes, false) => GroupBy::Process,
            (Subject::Processes, true) => GroupBy::Program,
            (Subject::Peers, false) => GroupBy::Peer,
            (Subject::Peers, true) => GroupBy::Subnet,
            (Subject::Ports, _) => GroupBy::Port,
            (Subject::Units, _) => GroupBy::Workload,
        }
    }

    /// Minimum width of the names.
    fn least_name(self) -> u16 {
        match self {
            Subject::Processes | Subject::Peers | Subject::Units => 15,
            Subject::Ports => 8,
        }
    }

    /// Cells that a usual name and the title need.
    fn usual_name(self) -> u16 {
        match self {
            Subject::Processes | Subject::Units => 23,
            Subject::Peers => 19,
            Subject::Ports => 17,
        }
    }
}

/// Top talkers below the sessions while the sessions have the keyboard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TalkersBelow {
    /// The panes where there is room for them, else a strip.
    #[default]
    Strip,
    /// The panes where there is room for them.
    Panes,
    /// None.
    Off,
}

impl TalkersBelow {
    /// All variants, with their names in the configuration.
    pub const NAMED: [(&str, TalkersBelow); 3] = [
        ("strip", TalkersBelow::Strip),
        ("panes", TalkersBelow::Panes),
        ("off", TalkersBelow::Off),
    ];
}

/// Maximum width of the names: the longest address with a zone.
pub const WIDEST_NAME: u16 = 42;

/// The list or pane with the keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    Table,
    Pane(Subject),
}

impl Focus {
    const ALL: [Focus; 5] = [
        Focus::Table,
        Focus::Pane(Subject::Processes),
        Focus::Pane(Subject::Peers),
        Focus::Pane(Subject::Ports),
        Focus::Pane(Subject::Units),
    ];

    /// Moves on by this many positions.
    pub fn step(self, by: isize) -> Focus {
        let now = Focus::ALL.iter().position(|f| *f == self).unwrap_or(0);
        Focus::ALL[(now as isize + by).rem_euclid(Focus::ALL.len() as isize) as usize]
    }
}

/// Minimum width for all panes side by side.
const WIDE: u16 = 160;

/// Areas of the panes side by side, their widths by the needs of their names; an empty one is not shown. In a window that
/// is not wide, the pane that has no room appears once it has the keyboard, and the first one gives way. `None` if they
/// do not fit.
pub fn side_by_side(area: Rect, focus: Focus) -> Option<[Rect; 4]> {
    let shown: &[Subject] = match focus {
        _ if area.width >= WIDE => &Subject::ALL,
        Focus::Pane(Subject::Units) => &Subject::ALL[1..],
        _ => &Subject::MAIN,
    };
    let many = shown.len() as u16;
    let names: u16 = shown.iter().map(|s| s.least_name()).sum();
    let figures = area.width.checked_sub(names + many - 1)? / many;
    let least = FIGURES.iter().filter(|f| f.drop <= 1);
    let mut x = area.x;
    (figures >= cells(least, None)).then(|| {
        Subject::ALL.map(|subject| {
            if !shown.contains(&subject) {
                return Rect::ZERO;
            }
            let width = subject.least_name() + figures;
            let pane = Rect { x, width, ..area };
            x += width + 1;
            pane
        })
    })
}

/// Figures that are more important than whole names.
const BEFORE_NAMES: u8 = 2;

/// Sign before the title of a figure that is partly estimated.
pub const ESTIMATED: &str = "~";

/// True for the figure that a pane is sorted by.
fn is_sorted(figure: &AggregateFigure, sorted: Option<&AggregateFigure>) -> bool {
    sorted.is_some_and(|sorted| sorted.title == figure.title)
}

/// Cells of a figure: the sorted one needs one more for the arrow after its title.
fn cells_of(figure: &AggregateFigure, sorted: Option<&AggregateFigure>) -> u16 {
    let sign = if figure.seconds > 0 { ESTIMATED } else { "" };
    let title = (figure.title.width() + sign.width()) as u16;
    let arrow = u16::from(is_sorted(figure, sorted));
    figure.width.max(title + arrow)
}

/// Figures that fit in a pane of this width, next to names of up to `longest` cells: the sorted one before all others.
pub fn figures(
    subject: Subject,
    width: u16,
    longest: u16,
    sorted: Option<&AggregateFigure>,
) -> Vec<&'static AggregateFigure> {
    let beside = |figure: &AggregateFigure| {
        let beside = figure
            .beside
            .filter(|title| Some(*title) == sorted.map(|s| s.title));
        beside.is_some()
    };
    let drop = |figure: &AggregateFigure| match is_sorted(figure, sorted) {
        true => 0,
        false if beside(figure) => 1,
        false => figure.drop + 1,
    };
    let whole = longest.max(subject.usual_name()).min(WIDEST_NAME);
    let fits = |shown: &[&AggregateFigure]| {
        let is_needed = |f: &&AggregateFigure| drop(f) <= BEFORE_NAMES + 1;
        let name = match shown.iter().all(is_needed) {
            true => subject.least_name(),
            false => whole,
        };
        name + cells(shown.iter().copied(), sorted) <= width
    };
    let fitting = fit::columns(FIGURES.iter().collect(), |f| drop(f), fits);
    let has = |title: &str| fitting.iter().any(|f| f.title == title);
    let is_whole = |f: &&&AggregateFigure| is_sorted(f, sorted) || f.beside.is_none_or(has);
    fitting.iter().filter(is_whole).copied().collect()
}

/// Cells of figures, with one before each.
fn cells<'a>(
    figures: impl Iterator<Item = &'a AggregateFigure>,
    sorted: Option<&AggregateFigure>,
) -> u16 {
    figures.map(|f| cells_of(f, sorted) + 1).sum()
}

/// Widths of the names and of the rate history: spare cells first go to whole names, then to a history of one second
/// per cell.
fn widths(
    subject: Subject,
    shown: &[&AggregateFigure],
    width: u16,
    longest: u16,
    sorted: Option<&AggregateFigure>,
) -> (u16, u16) {
    const WIDEST_HISTORY: u16 = 60;
    let least = subject.least_name();
    let mut spare = width.saturating_sub(least + cells(shown.iter().copied(), sorted));
    let mut share = |now: u16, most: u16| {
        let grown = most.saturating_sub(now).min(spare);
        spare -= grown;
        now + grown
    };
    let whole = longest.max(subject.usual_name()).min(WIDEST_NAME);
    let name = share(least.min(width), whole.min(width));
    let history = shown.iter().find(|f| f.is_history);
    let history = history.map_or(0, |f| cells_of(f, sorted));
    let history = share(history, if history == 0 { 0 } else { WIDEST_HISTORY });
    (name, history)
}

/// A figure, its first cell and its width: after the names, with a cell between each.
pub type Placed = (&'static AggregateFigure, u16, u16);

/// Width of the names in a pane, and positions of the figures, next to names of up to `longest` cells.
pub fn placed(
    subject: Subject,
    width: u16,
    longest: u16,
    sorted: &AggregateFigure,
) -> (u16, Vec<Placed>) {
    let sorted = Some(sorted);
    let shown = figures(subject, width, longest, sorted);
    let (name_width, history_width) = widths(subject, &shown, width, longest, sorted);
    let mut x = name_width;
    let place = |figure: &'static AggregateFigure| {
        let width = match figure.is_history {
            true => history_width,
            false => cells_of(figure, sorted),
        };
        let placed = (figure, x + 1, width);
        x += width + 1;
        placed
    };
    (name_width, shown.into_iter().map(place).collect())
}

/// The figure whose heading is at a cell of the heading line, or starts right after it.
pub fn figure_at(placed: &[Placed], x: u16) -> Option<&'static AggregateFigure> {
    let mut placed = placed.iter();
    let here = placed.find(|(_, at, width)| (at - 1..at + width).contains(&x));
    here.map(|(figure, _, _)| *figure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panes_side_by_side_fit_the_width() {
        for (width, focus) in (0..400).flat_map(|w| Focus::ALL.map(|f| (w, f))) {
            let area = Rect::new(0, 5, width, 10);
            let Some(panes) = side_by_side(area, focus) else {
                assert!(width < 87);
                continue;
            };
            let shown: Vec<Rect> = panes.into_iter().filter(|p| !p.is_empty()).collect();
            assert_eq!(shown.len(), if width < 160 { 3 } else { 4 });
            assert!(shown.windows(2).all(|w| w[0].right() + 1 == w[1].x));
            assert!(shown[shown.len() - 1].right() <= area.right());
            if let Focus::Pane(subject) = focus {
                assert!(!panes[subject as usize].is_empty(), "{width}: {focus:?}");
            }
            let all = Subject::ALL.into_iter().zip(panes);
            for (subject, pane) in all.filter(|(_, pane)| !pane.is_empty()) {
                for longest in [0, 15, 39, 100] {
                    for sorted in FIGURES {
                        let (name, shown) = placed(subject, pane.width, longest, sorted);
                        assert!(shown.iter().any(|(f, ..)| is_sorted(f, Some(sorted))));
                        let end = shown.last().map_or(name, |(_, x, width)| x + width);
                        assert!(end <= pane.width, "{width}: {subject:?}: {}", sorted.title);
                    }
                }
            }
        }
    }

    #[test]
    fn panes_narrow_keep_the_most_important_figures() {
        let titles = |width, longest| -> Vec<&str> {
            let pane = side_by_side(Rect::new(0, 0, width, 10), Focus::Table);
            let pane = pane.map_or(width, |p| p[1].width);
            let shown = figures(Subject::Peers, pane, longest, None);
            shown.iter().map(|f| f.title).collect()
        };
        assert_eq!(titles(80, 15), ["OPEN", "B/s"]);
        assert_eq!(titles(120, 15), ["OPEN", "B/s", "MINUTE"]);
        assert_eq!(titles(150, 15), ["OPEN", "B/s", "10s", "MINUTE"]);
        assert_eq!(titles(160, 15), ["OPEN", "B/s", "MINUTE"]);
        // a pane alone
        let titles = |longest| -> Vec<&str> {
            let shown = figures(Subject::Peers, 80, longest, None);
            shown.iter().map(|f| f.title).collect()
        };
        let all = [
            "OPEN", "NEW/s", "B/s", "10s", "60s", "MINUTE", "BYTES", "RESP",
        ];
        assert_eq!(titles(15), all);
        assert_eq!(
            titles(38),
            ["OPEN", "NEW/s", "B/s", "10s", "60s", "MINUTE"],
            "addresses are whole before there are sums"
        );
    }

    #[test]
    fn focus_stepping_through_all_panes_returns_to_the_table() {
        let mut focus = Focus::Table;
        for _ in 0..5 {
            let next = focus.step(1);
            assert_eq!(next.step(-1), focus);
            focus = next;
        }
        assert_eq!(focus, Focus::Table);
    }
}
