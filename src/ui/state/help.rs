//! The help: the chapter and the lines that it shows, and the search in it.
//!
//! The chapters themselves are in `page`.

use crate::ui::keys::titles::ScreenTitle;
use crate::ui::state::line::Line;

/// A line of the help.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct HelpPosition {
    /// Index of the chapter.
    pub chapter: usize,
    /// Index of the line in it.
    pub line: usize,
}

#[derive(Debug)]
pub struct Help {
    /// The screen that it was opened on.
    pub about: &'static ScreenTitle,
    /// The first visible line.
    pub top: HelpPosition,
    /// The text searched for; empty: none.
    pub searched: String,
    /// Number of hits of that text.
    pub hits: usize,
    /// The line that was found last.
    pub found: Option<HelpPosition>,
    pub typing: Option<Typing>,
}

/// A search that is being typed.
#[derive(Debug)]
pub struct Typing {
    pub line: Line,
    /// The first visible line, and the text searched for before.
    before: (HelpPosition, String),
}

impl Help {
    /// Opens it at a line.
    pub fn new(about: &'static ScreenTitle, top: HelpPosition) -> Self {
        Help {
            about,
            top,
            searched: String::new(),
            hits: 0,
            found: None,
            typing: None,
        }
    }

    /// Goes to the first line of a chapter.
    pub fn go_to(&mut self, chapter: usize) {
        self.top = HelpPosition { chapter, line: 0 };
    }

    /// Starts to type a search.
    pub fn ask(&mut self) {
        let before = (self.top, std::mem::take(&mut self.searched));
        let line = Line::new(String::new());
        self.typing = Some(Typing { line, before });
        self.found = None;
    }

    /// Keeps the search and its marks.
    pub fn accept(&mut self) {
        self.typing = None;
    }

    /// Returns to the lines and the search before.
    pub fn cancel(&mut self) {
        if let Some(typing) = self.typing.take() {
            (self.top, self.searched) = typing.before;
            self.found = None;
        }
    }

    /// Takes the changed line. Returns where to search from.
    pub fn typed(&mut self) -> Option<HelpPosition> {
        let typing = self.typing.as_ref()?;
        self.searched = typing.line.text().trim().to_owned();
        (self.top, self.found) = (typing.before.0, None);
        Some(self.top)
    }
}

/// The hit that is `by` positions after a line, after the last one the first. The hits are in order.
pub fn step(hits: &[HelpPosition], from: HelpPosition, by: isize) -> Option<HelpPosition> {
    let before = hits.partition_point(|hit| *hit < from) as isize;
    let is_on_one = hits.get(before as usize) == Some(&from);
    let at = match by {
        1.. => before + by - isize::from(!is_on_one),
        _ => before + by,
    };
    let count = hits.len() as isize;
    (count > 0).then(|| hits[at.rem_euclid(count) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_goes_to_the_next_hit_and_round() {
        let at = |line| HelpPosition { chapter: 1, line };
        let hits = [at(3), at(7), at(9)];
        let to = |from, by| step(&hits, at(from), by).map(|hit| hit.line);
        assert_eq!([to(0, 1), to(3, 1), to(4, 1)], [Some(3), Some(7), Some(7)]);
        assert_eq!([to(9, 1), to(10, 1)], [Some(3), Some(3)]);
        assert_eq!([to(9, -1), to(8, -1)], [Some(7), Some(7)]);
        assert_eq!([to(3, -1), to(0, -1)], [Some(9), Some(9)]);
        assert_eq!(step(&[], at(0), 1), None);
    }
}
