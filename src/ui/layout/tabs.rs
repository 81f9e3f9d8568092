//! The line of tabs: those that fit, the cells of each, and the purpose of the present screen.

use std::ops::Range;

use unicode_width::UnicodeWidthStr;

use crate::ui::action::Mode;
use crate::ui::keys::Keymap;
use crate::ui::keys::titles::{ScreenTitle, tabs};

/// Cells between two tabs, and at least so many before the purpose.
const GAP: usize = 2;

/// A tab and its cells.
#[derive(Clone, Debug)]
pub struct Tab {
    pub title: &'static ScreenTitle,
    pub name: &'static str,
    /// Name of its key; empty: it has none.
    pub key: String,
    pub cells: Range<usize>,
}

impl Tab {
    /// A tab at the left end of the line.
    fn new(keymap: &Keymap, title: &'static ScreenTitle, is_short: bool) -> Self {
        let action = title.action;
        let key = action.map_or(String::new(), |a| keymap.of(Mode::Table, a));
        let name = if is_short { title.short } else { title.name };
        let key_width = if key.is_empty() { 0 } else { key.width() + 1 };
        Tab {
            title,
            name,
            key,
            cells: 0..key_width + name.width(),
        }
    }
}

/// The line of tabs.
#[derive(Clone, Debug)]
pub struct TabLine {
    pub tabs: Vec<Tab>,
    /// True if there are more tabs on the left and on the right.
    pub more: [bool; 2],
    /// The purpose of the present screen and its first cell, if there is room for it.
    pub purpose: Option<(usize, &'static str)>,
}

impl TabLine {
    /// The tabs that fit `width` cells, among them the present one. Where there is no room for all names, all have short
    /// ones: a tab stays where it is when another screen is shown, so that a second click hits it again.
    pub fn new(
        keymap: &Keymap,
        (title, present): (&'static ScreenTitle, &'static ScreenTitle),
        width: u16,
    ) -> Self {
        let width = usize::from(width);
        let present = tabs().position(|t| t.mode == present.mode).unwrap_or(0);
        let [named, short] = [false, true].map(|is_short| {
            let tabs = tabs().map(|title| Tab::new(keymap, title, is_short));
            tabs.collect::<Vec<_>>()
        });
        let all = 0..named.len();
        let named = if fits(&named, &all, width) {
            named
        } else {
            short
        };
        let shown = window(&named, present, width);
        let more = [shown.start > 0, shown.end < named.len()];
        let mut x = if more[0] { GAP } else { 0 };
        let mut tabs = named[shown].to_vec();
        for tab in &mut tabs {
            tab.cells = x..x + tab.cells.end;
            x = tab.cells.end + GAP;
        }
        let free = width.saturating_sub(x + 1);
        let purpose = title.purposes.into_iter().find(|p| p.width() <= free);
        TabLine {
            tabs,
            more,
            purpose: purpose
                .filter(|_| more == [false; 2])
                .map(|p| (width - p.width(), p)),
        }
    }

    /// The tab at a cell.
    pub fn at(&self, x: usize) -> Option<&'static ScreenTitle> {
        let tab = self.tabs.iter().find(|t| t.cells.contains(&x));
        tab.map(|t| t.title)
    }
}

/// True if these tabs and the signs for others fit.
fn fits(all: &[Tab], shown: &Range<usize>, width: usize) -> bool {
    let signs = usize::from(shown.start > 0) + usize::from(shown.end < all.len());
    let cells = all[shown.clone()].iter().map(|t| t.cells.end + GAP);
    cells.sum::<usize>() + signs * GAP <= width + GAP
}

/// The tabs that fit, around the present one: from the first one on if that is possible.
fn window(all: &[Tab], present: usize, width: usize) -> Range<usize> {
    let fits = |shown: &Range<usize>| fits(all, shown, width);
    let from = (0..=present).find(|from| fits(&(*from..present + 1)));
    let from = from.unwrap_or(present);
    let to = (present + 1..=all.len())
        .rev()
        .find(|to| fits(&(from..*to)));
    from..to.unwrap_or(present + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::keys::titles::TITLES;

    fn line(present: &str, width: u16) -> TabLine {
        let title = TITLES.iter().find(|t| t.name == present);
        let title = title.expect("a screen");
        TabLine::new(&Keymap::default(), (title, title), width)
    }

    fn names(line: &TabLine) -> Vec<&'static str> {
        line.tabs.iter().map(|t| t.title.name).collect()
    }

    #[test]
    fn tabs_with_room_have_the_purpose_at_the_right_end() {
        let line = line("Failures", 200);
        let all: Vec<_> = tabs().map(|t| t.name).collect();
        let shown: Vec<_> = line.tabs.iter().map(|t| t.name).collect();
        assert_eq!(shown, all);
        let (x, purpose) = line.purpose.expect("room");
        assert_eq!((x + purpose.len(), line.more), (200, [false; 2]));
        assert!(line.tabs.last().is_some_and(|t| x >= t.cells.end + 3));
        assert_eq!(line.at(11).map(|t| t.name), Some("Charts"));
        assert_eq!(line.at(9).map(|t| t.name), None, "between two tabs");
    }

    #[test]
    fn tabs_all_fit_80_columns_and_stay_where_they_are() {
        for tab in tabs() {
            let line = line(tab.name, 80);
            assert_eq!(line.more, [false; 2], "{}", tab.name);
            let cells =
                |line: &TabLine| -> Vec<_> { line.tabs.iter().map(|t| t.cells.clone()).collect() };
            assert_eq!(cells(&line), cells(&self::line("Sessions", 80)));
        }
    }

    #[test]
    fn tabs_of_a_narrow_window_include_the_present_one() {
        for tab in tabs() {
            for width in 0..120 {
                let line = line(tab.name, width);
                assert!(names(&line).contains(&tab.name), "{} {width}", tab.name);
                let end = line.tabs.last().map_or(0, |t| t.cells.end);
                assert!(
                    end <= width.into() || line.tabs.len() == 1,
                    "{} {width}",
                    tab.name
                );
            }
        }
        let line = line("Baseline", 30);
        assert_eq!(names(&line), ["Charts", "Failures", "Baseline"]);
        assert_eq!(line.more, [true, true]);
    }
}
