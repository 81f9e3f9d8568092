//! The talker panes: where they are, which figures fit, and their lines.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::fit;
use super::lines::Lines;
use super::table::shorten;
use crate::fields::Kind;
use crate::talkers::Key;
use crate::ui::app::App;
use crate::ui::names::Names;
use crate::ui::talkers::{FIGURES, Figure, Focus, Row, Subject, sparkline};
use crate::ui::theme::Theme;

/// Where the talkers are in a pane: below the headings.
pub const LINES: Lines = Lines { above: 1, below: 0 };

/// The three panes beside each other, each as wide as its names need it; `None` if they do not fit.
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

/// The figures that fit a pane of that width.
pub fn figures(subject: Subject, width: u16) -> Vec<&'static Figure> {
    let fits = |shown: &[&Figure]| needed(subject, shown) <= width;
    fit::columns(FIGURES.iter().collect(), |f| f.drop, fits)
}

fn needed(subject: Subject, shown: &[&Figure]) -> u16 {
    let figures: u16 = shown.iter().map(|f| f.width + 1).sum();
    subject.name_width() + figures
}

/// Cells of the names, and of the course: what is left over goes to a course of a second a cell first, then to the
/// names, up to what the longest address takes.
fn widths(subject: Subject, shown: &[&Figure], width: u16) -> (u16, u16) {
    const WIDEST_NAME: u16 = 42;
    const WIDEST_COURSE: u16 = 60;
    let mut spare = width.saturating_sub(needed(subject, shown));
    let course = shown.iter().find(|f| f.is_course).map_or(0, |f| f.width);
    let mut share = |now: u16, most: u16| {
        let grown = most.saturating_sub(now).min(spare);
        spare -= grown;
        now + grown
    };
    // some for the course, so that its shape can be seen; then names as a whole
    let course = share(course, if course == 0 { 0 } else { 15 });
    let name = share(subject.name_width().min(width), WIDEST_NAME.min(width));
    let course = share(course, if course == 0 { 0 } else { WIDEST_COURSE });
    (name, course)
}

/// A figure, its first cell and how many it has: behind the names, a cell between each.
type Placed = (&'static Figure, u16, u16);

/// How many cells the names have in a pane of that width, and where the figures are.
fn placed(subject: Subject, width: u16) -> (u16, Vec<Placed>) {
    let shown = figures(subject, width);
    let (name_width, course_width) = widths(subject, &shown, width);
    let mut x = name_width;
    let place = |figure: &'static Figure| {
        let width = match figure.is_course {
            true => course_width,
            false => figure.width,
        };
        let placed = (figure, x + 1, width);
        x += width + 1;
        placed
    };
    (name_width, shown.into_iter().map(place).collect())
}

/// The figure whose heading is at a cell of the line, or before which it is.
pub(super) fn figure_at(subject: Subject, width: u16, x: u16) -> Option<&'static Figure> {
    let (_, placed) = placed(subject, width);
    let here = placed
        .into_iter()
        .find(|(_, at, width)| (at - 1..at + width).contains(&x));
    here.map(|(figure, _, _)| figure)
}

pub(super) fn draw(app: &App, subject: Subject, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let mut lines = area.rows();
    let Some(heading) = lines.next() else { return };
    let (talkers, pane) = (app.panes().talkers(), app.panes().pane(subject));
    let (name_width, shown) = placed(subject, area.width);
    let has_keyboard = app.focus == Focus::Pane(subject);

    let style = theme.heading;
    buffer.set_style(heading, style);
    let (count, let_go) = pane.counts(talkers);
    let more = if let_go > 0 { "+" } else { "" };
    let place = match pane.position() {
        0 => String::new(),
        line => format!("{}/", line + 1),
    };
    let title = format!("{} {place}{count}{more}", pane.title());
    let title_style = if has_keyboard {
        theme.heading_sorted
    } else {
        style
    };
    buffer.set_stringn(heading.x, heading.y, title, name_width.into(), title_style);
    for &(figure, x, width) in &shown {
        let style = if figure.title == pane.sorted_by().title {
            theme.heading_sorted
        } else {
            theme.heading
        };
        let text = if figure.is_course {
            figure.title.to_owned()
        } else {
            format!("{:>1$}", figure.title, usize::from(width))
        };
        put(buffer, (area.x + x, heading.y), area, &text, width, style);
    }

    for (row, line) in pane.rows(talkers).zip(lines) {
        let style = match (row.selected && has_keyboard, row.talker.open > 0) {
            (true, _) => theme.selected,
            (false, open) => theme.row(open),
        };
        buffer.set_style(line, style);
        let name = name(&row, let_go, &app.names, name_width.into());
        buffer.set_stringn(line.x, line.y, name, name_width.into(), style);
        for &(figure, x, width) in &shown {
            let text = if figure.is_course {
                sparkline(&talkers.course(row.talker, width.into()))
            } else {
                (figure.text)((figure.get)(talkers, row.talker))
            };
            let text = format!("{text:>0$}", usize::from(width));
            put(buffer, (area.x + x, line.y), area, &text, width, style);
        }
    }
}

/// A figure, as much of it as there is room for.
fn put(
    buffer: &mut Buffer,
    (x, y): (u16, u16),
    area: Rect,
    text: &str,
    width: u16,
    style: ratatui::style::Style,
) {
    let room = area.right().saturating_sub(x).min(width);
    if room > 0 {
        buffer.set_stringn(x, y, text, room.into(), style);
    }
}

/// Who it is, in that many cells. A process's id stays whole: it tells processes apart, and is what one needs.
fn name(row: &Row<'_>, let_go: u64, names: &Names, width: usize) -> String {
    match row.key {
        None => shorten(&format!("+{let_go} let go"), width, Kind::Text),
        Some(Key::Process(pid, comm)) if pid != 0 => {
            let pid = format!(" {pid}");
            let comm = shorten(comm.as_str(), width.saturating_sub(pid.width()), Kind::Text);
            comm + &pid
        }
        Some(key @ (Key::Peer(_) | Key::Subnet(_))) => {
            shorten(&names.talker(key, width), width, Kind::Addr)
        }
        Some(key) => shorten(&names.talker(key, width), width, Kind::Text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panes_share_the_width() {
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
                    .map(|f| 1 + if f.is_course { course } else { f.width })
                    .sum();
                assert!(name + used <= pane.width, "{width}: {subject:?}");
            }
        }
    }

    #[test]
    fn what_matters_most_stays() {
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
}
