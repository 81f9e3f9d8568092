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
    /// Name of its key; empty: it has none.
    pub key: String,
    pub cells: Range<usize>,
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
    /// The tabs that fit `width` cells, among them the present one.
    pub fn new(
        keymap: &Keymap,
        (title, present): (&'static ScreenTitle, &'static ScreenTitle),
        width: u16,
    ) -> Self {
        let width = usize::from(width);
        let all: Vec<Tab> = tabs()
            .map(|title| {
                let action = title.action;
                let key = action.map_or(String::new(), |a| keymap.of(Mode::Table, a));
                let key_width = if key.is_empty() { 0 } else { key.width() + 1 };
                let cells = 0..key_width + title.name.width();
                Tab { title, key, cells }
            })
            .collect();
        let present = all.iter().position(|t| t.title.mode == present.mode);
        let shown = window(&all, present.unwrap_or(0), width);
        let more = [shown.start > 0, shown.end < all.len()];
        let mut x = if more[0] { GAP } else { 0 };
        let mut tabs = all[shown].to_vec();
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

/// The tabs that fit, around the present one: from the first one on if that is possible.
fn window(all: &[Tab], present: usize, width: usize) -> Range<usize> {
    let fits = |shown: &Range<usize>| {
        let signs = usize::from(shown.start > 0) + usize::from(shown.end < all.len());
        let cells = all[shown.clone()].iter().map(|t| t.cells.end + GAP);
        cells.sum::<usize>() + signs * GAP <= width + GAP
    };
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
        let line = line("Failures", 80);
        assert_eq!(
            names(&line),
            ["Sessions", "Charts", "Failures", "Baseline", "Help"]
        );
        let (x, purpose) = line.purpose.expect("room");
        assert_eq!((x + purpose.len(), line.more), (80, [false; 2]));
        assert!(x >= line.tabs[4].cells.end + 3);
        assert_eq!(line.at(11).map(|t| t.name), Some("Charts"));
        assert_eq!(line.at(9).map(|t| t.name), None, "between two tabs");
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
        assert_eq!(names(&line), ["Failures", "Baseline"]);
        assert_eq!(line.more, [true, true]);
    }
}
