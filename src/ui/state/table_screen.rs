//! Screens that list things of the host: one line each, in columns. They can be sorted, searched and scrolled.
//!
//! A screen is a type of line that implements [`TableLine`]: its columns are a table of [`TableColumn`]. The lines are
//! made again with each snapshot; the selection follows its line.

use std::cmp::Ordering;
use std::fmt::Debug;
use std::hash::Hash;

use rustc_hash::FxHashMap;
use unicode_width::UnicodeWidthStr;

use crate::model::fields::FieldKind;
use crate::model::findings::Findings;
use crate::model::host_state::HostState;
use crate::model::port_use::PortUse;
use crate::model::store::Store;
use crate::ui::action::{Mode, Motion};
use crate::ui::layout::fit;
use crate::ui::state::line::Line;
use crate::ui::state::list::List;
use crate::ui::state::names::Names;

/// Everything that lines are made of.
#[derive(Clone, Copy, Debug)]
pub struct LineSources<'a> {
    pub host: &'a HostState,
    pub findings: &'a Findings,
    pub store: &'a Store,
    pub names: &'a Names,
    pub ports: &'a PortUse,
    /// The moment that is shown, ns of boot time.
    pub now_ns: u64,
}

/// Value that lines are sorted by.
#[derive(Clone, Debug, PartialEq)]
pub enum SortKey {
    Number(f64),
    Text(String),
}

impl SortKey {
    fn cmp(&self, other: &SortKey) -> Ordering {
        match (self, other) {
            (SortKey::Number(a), SortKey::Number(b)) => a.total_cmp(b),
            (SortKey::Text(a), SortKey::Text(b)) => a.cmp(b),
            (SortKey::Number(_), SortKey::Text(_)) => Ordering::Less,
            (SortKey::Text(_), SortKey::Number(_)) => Ordering::Greater,
        }
    }
}

/// A column of a screen.
#[derive(Debug)]
pub struct TableColumn<L> {
    /// Its heading.
    pub title: &'static str,
    /// Its meaning, for the help.
    pub help: &'static str,
    pub width: u16,
    /// Additional cells that it can use.
    pub grow: u16,
    /// Order of removal on a narrow screen: the highest number first; 0 always stays.
    pub drop: u8,
    /// Numbers are at the right edge of their column, and the greatest is first when the lines are sorted by them.
    pub is_number: bool,
    /// The way in which a text that does not fit is shortened.
    pub kind: FieldKind,
    /// The text for a cell of this width, which may be a shorter form.
    pub text: fn(&L, &Names, usize) -> String,
    pub sort_key: fn(&L) -> SortKey,
    /// True if the cell stands out.
    pub alarms: fn(&L) -> bool,
}

/// A line of a screen: one thing of the host.
pub trait TableLine: Debug + Sized + 'static {
    /// Identifies the thing as long as it is listed.
    type Key: Copy + Eq + Hash + Debug;

    /// Mode of the screen.
    const MODE: Mode;
    /// Title of the column that the lines are sorted by at first.
    const SORTED_BY: &'static str;
    /// Lines for the remark about the selected thing.
    const REMARK_LINES: u16 = 1;

    fn columns() -> &'static [TableColumn<Self>];

    /// All lines, in the order that equal ones keep.
    fn lines(sources: &LineSources<'_>) -> Vec<Self>;

    /// False for a column that says nothing about any of these lines.
    fn is_needed(_: &TableColumn<Self>, _: &[Self]) -> bool {
        true
    }

    fn key(&self) -> Self::Key;

    /// A filter that matches the sessions of this thing; `None`: it has none.
    fn sessions(&self) -> Option<String>;

    /// Word of the field that its sessions are sorted by, the largest first; `None`: as they were.
    fn sorts_by(&self) -> Option<&'static str> {
        None
    }

    /// The screen that says more about this thing than its sessions, and a text to search for there; `None`: there is
    /// none.
    fn screen(&self) -> Option<(Mode, String)> {
        None
    }

    /// A sentence about this thing, below the lines while it is selected.
    fn remark(&self, names: &Names) -> String;

    /// All lines in one sentence.
    fn summary(lines: &[Self]) -> String;

    /// A reservation about all lines, after their sentence: of what is not known yet.
    fn reservation(_: &LineSources<'_>) -> Option<String> {
        None
    }

    /// The reason why there is no line.
    fn why_empty(sources: &LineSources<'_>) -> String;

    /// A text that leads on from a screen without lines.
    fn instead(_: &LineSources<'_>) -> String {
        String::new()
    }
}

/// A heading and its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacedHeading {
    /// Index of its column.
    pub column: usize,
    pub title: &'static str,
    pub x: u16,
    pub width: u16,
    pub is_number: bool,
    /// The way in which a text that does not fit is shortened.
    pub kind: FieldKind,
    /// True if the lines are sorted by it.
    pub is_sorted: bool,
}

/// A visible line: a text for each heading, and true if it stands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisibleTableLine {
    pub cells: Vec<(String, bool)>,
    pub is_selected: bool,
}

/// Order and search of a screen.
#[derive(Debug)]
pub struct Arrangement {
    /// Index of the sort column.
    pub sort: usize,
    /// Against the column's natural order.
    pub is_inverted: bool,
    /// Only lines that contain this text are shown; empty: all.
    pub searched: String,
    /// The text while it is typed, and the one before.
    typing: Option<(Line, String)>,
}

impl Arrangement {
    /// The line that is being typed.
    pub fn typing(&self) -> Option<&Line> {
        self.typing.as_ref().map(|(line, _)| line)
    }

    /// Starts to type a text to search for, instead of the one before.
    pub fn ask(&mut self) {
        let line = Line::new(String::new());
        self.typing = Some((line, self.searched.clone()));
    }

    /// Changes the line that is being typed. False if there was no room for that.
    pub fn change(&mut self, change: impl FnOnce(&mut Line) -> bool) -> bool {
        let Some((line, _)) = &mut self.typing else {
            return true;
        };
        let fits = change(line);
        self.searched = line.text().trim().to_lowercase();
        fits
    }

    /// Keeps the text.
    pub fn accept(&mut self) {
        self.typing = None;
    }

    /// Returns to the text before.
    pub fn cancel(&mut self) {
        if let Some((_, before)) = self.typing.take() {
            self.searched = before;
        }
    }
}

/// A screen of lines, whatever they are.
pub trait TableScreen: Debug {
    fn mode(&self) -> Mode;

    fn arrangement(&self) -> &Arrangement;

    fn arrangement_mut(&mut self) -> &mut Arrangement;

    /// Makes the lines again.
    fn refresh(&mut self, sources: &LineSources<'_>, height: usize);

    /// Sorts and searches the lines again.
    fn arrange(&mut self, names: &Names, height: usize);

    /// The headings that fit, and their positions.
    fn headings(&self, width: u16) -> Vec<PlacedHeading>;

    /// The visible lines, with a cell for each of these headings.
    fn visible(
        &self,
        headings: &[PlacedHeading],
        names: &Names,
        height: usize,
    ) -> Vec<VisibleTableLine>;

    /// Number of lines that match the search, and of all.
    fn counts(&self) -> (usize, usize);

    /// Numbers of lines above the visible ones and below them.
    fn hidden(&self, height: usize) -> (usize, usize);

    /// Text below the lines: about all of them, and about the selected one.
    fn texts(&self, names: &Names) -> [String; 2];

    /// A filter that matches the sessions of the selected line.
    fn sessions(&self) -> Option<String>;

    /// Word of the field that those sessions are sorted by, the largest first; `None`: as they were.
    fn sorts_by(&self) -> Option<&'static str>;

    /// The screen that says more about the selected line, and a text to search for there.
    fn screen(&self) -> Option<(Mode, String)>;

    /// Lines for the remark about the selected line.
    fn remark_lines(&self) -> u16;

    fn go(&mut self, motion: Motion, height: usize);

    /// Selects the line at this offset from the first visible one. True if it was selected already.
    fn click(&mut self, line: usize) -> bool;

    /// Scrolls; the selection stays visible.
    fn wheel(&mut self, height: usize, down: bool);

    /// Sorts by the next of the columns that fit `width`, or by an earlier one.
    fn sort_next(&mut self, step: isize, width: u16);

    /// Sorts by this column, or reverses the order if the lines are sorted by it already.
    fn sort_by(&mut self, column: usize);

    /// Title of the column that the lines are sorted by.
    fn sorted_by(&self) -> &'static str;

    /// True if the greatest is first.
    fn is_descending(&self) -> bool;
}

/// The lines of a screen.
#[derive(Debug)]
pub struct Lines<L: TableLine> {
    lines: Vec<L>,
    /// Index of each line.
    known: FxHashMap<L::Key, usize>,
    list: List<L::Key>,
    arrangement: Arrangement,
    reservation: Option<String>,
    /// The texts where there is no line at all: why, and what to do instead.
    why_empty: [String; 2],
}

impl<L: TableLine> Default for Lines<L> {
    fn default() -> Self {
        let sorted = |c: &TableColumn<L>| c.title == L::SORTED_BY;
        Lines {
            lines: Vec::new(),
            known: FxHashMap::default(),
            list: List::default(),
            arrangement: Arrangement {
                sort: L::columns().iter().position(sorted).unwrap_or(0),
                is_inverted: false,
                searched: String::new(),
                typing: None,
            },
            reservation: None,
            why_empty: Default::default(),
        }
    }
}

impl<L: TableLine> Lines<L> {
    fn selected(&self) -> Option<&L> {
        let key = self.list.selected()?;
        self.lines.get(*self.known.get(&key)?)
    }

    fn matches(&self, line: &L, names: &Names) -> bool {
        let searched = &self.arrangement.searched;
        let has = |c: &TableColumn<L>| {
            let text = (c.text)(line, names, usize::MAX);
            text.to_lowercase().contains(searched)
        };
        searched.is_empty() || L::columns().iter().any(has)
    }
}

impl<L: TableLine> TableScreen for Lines<L> {
    fn mode(&self) -> Mode {
        L::MODE
    }

    fn arrangement(&self) -> &Arrangement {
        &self.arrangement
    }

    fn arrangement_mut(&mut self) -> &mut Arrangement {
        &mut self.arrangement
    }

    fn refresh(&mut self, sources: &LineSources<'_>, height: usize) {
        self.lines = L::lines(sources);
        self.reservation = L::reservation(sources);
        self.why_empty = match self.lines.is_empty() {
            true => [L::why_empty(sources), L::instead(sources)],
            false => Default::default(),
        };
        let keys = self.lines.iter().enumerate();
        self.known = keys.map(|(i, line)| (line.key(), i)).collect();
        self.arrange(sources.names, height);
    }

    fn arrange(&mut self, names: &Names, height: usize) {
        let Some(column) = L::columns().get(self.arrangement.sort) else {
            return;
        };
        let found = self.lines.iter().filter(|line| self.matches(line, names));
        let mut order: Vec<(SortKey, L::Key)> =
            found.map(|l| ((column.sort_key)(l), l.key())).collect();
        // stable: equal lines keep their order
        match self.is_descending() {
            true => order.sort_by(|a, b| b.0.cmp(&a.0)),
            false => order.sort_by(|a, b| a.0.cmp(&b.0)),
        }
        let order = order.into_iter().map(|(_, key)| key).collect();
        self.list.set(order, height);
    }

    fn headings(&self, width: u16) -> Vec<PlacedHeading> {
        let all = L::columns().iter().enumerate();
        let all = all.filter(|(_, column)| L::is_needed(column, &self.lines));
        // with room for the arrow after the title of the sorted one
        let least = |(i, c): &(usize, &TableColumn<L>)| match *i == self.arrangement.sort {
            true => c.width.max(c.title.width() as u16 + 1),
            false => c.width,
        };
        let needed =
            |shown: &[(usize, &TableColumn<L>)]| shown.iter().map(|c| least(c) + 1).sum::<u16>();
        let fits = |shown: &[(usize, &TableColumn<L>)]| needed(shown) <= width + 1;
        // the sort column stays, so that the order can be understood
        let drop = |(i, c): &(usize, &TableColumn<L>)| match *i == self.arrangement.sort {
            true => 0,
            false => c.drop,
        };
        let shown = fit::columns(all.collect(), drop, fits);
        let mut spare = (width + 1).saturating_sub(needed(&shown));
        let mut grown: Vec<_> = shown.into_iter().map(|c| (c, 0)).collect();
        // names on the right first: they are short, and most wanted
        for ((_, column), more) in grown.iter_mut().rev() {
            *more = column.grow.min(spare);
            spare -= *more;
        }
        let mut x = 0;
        let place = |((i, column), more): ((usize, &TableColumn<L>), u16)| {
            let placed = PlacedHeading {
                column: i,
                title: column.title,
                x,
                width: least(&(i, column)) + more,
                is_number: column.is_number,
                kind: column.kind,
                is_sorted: i == self.arrangement.sort,
            };
            x += placed.width + 1;
            placed
        };
        grown.into_iter().map(place).collect()
    }

    fn visible(
        &self,
        headings: &[PlacedHeading],
        names: &Names,
        height: usize,
    ) -> Vec<VisibleTableLine> {
        let shown = self.list.shown().take(height);
        let line = |(key, is_selected): (L::Key, bool)| {
            let line = self.lines.get(*self.known.get(&key)?)?;
            let cells = headings.iter().filter_map(|heading| {
                let column = L::columns().get(heading.column)?;
                let text = (column.text)(line, names, heading.width.into());
                Some((text, (column.alarms)(line)))
            });
            Some(VisibleTableLine {
                cells: cells.collect(),
                is_selected,
            })
        };
        shown.filter_map(line).collect()
    }

    fn counts(&self) -> (usize, usize) {
        (self.list.len(), self.lines.len())
    }

    fn hidden(&self, height: usize) -> (usize, usize) {
        self.list.hidden(height)
    }

    fn texts(&self, names: &Names) -> [String; 2] {
        if self.lines.is_empty() {
            return self.why_empty.clone();
        }
        let reservation = self.reservation.iter().map(|text| format!("; {text}"));
        let all = L::summary(&self.lines) + &reservation.collect::<String>();
        let selected = self.selected().map(|line| line.remark(names));
        [all, selected.unwrap_or_default()]
    }

    fn sessions(&self) -> Option<String> {
        self.selected()?.sessions()
    }

    fn sorts_by(&self) -> Option<&'static str> {
        self.selected()?.sorts_by()
    }

    fn screen(&self) -> Option<(Mode, String)> {
        self.selected()?.screen()
    }

    fn remark_lines(&self) -> u16 {
        L::REMARK_LINES
    }

    fn go(&mut self, motion: Motion, height: usize) {
        self.list.go(motion, height);
    }

    fn click(&mut self, line: usize) -> bool {
        self.list.click(line)
    }

    fn wheel(&mut self, height: usize, down: bool) {
        self.list.wheel(height, down);
    }

    fn sort_next(&mut self, step: isize, width: u16) {
        let shown = self.headings(width);
        let now = shown.iter().position(|h| h.is_sorted);
        let next = now.map_or(0, |i| {
            (i as isize + step).rem_euclid(shown.len().max(1) as isize) as usize
        });
        if let Some(heading) = shown.get(next) {
            (self.arrangement.sort, self.arrangement.is_inverted) = (heading.column, false);
        }
    }

    fn sort_by(&mut self, column: usize) {
        let arrangement = &mut self.arrangement;
        let again = arrangement.sort == column;
        arrangement.is_inverted = again && !arrangement.is_inverted;
        arrangement.sort = column;
    }

    fn sorted_by(&self) -> &'static str {
        let column = L::columns().get(self.arrangement.sort);
        column.map_or("", |column| column.title)
    }

    fn is_descending(&self) -> bool {
        let column = L::columns().get(self.arrangement.sort);
        column.is_some_and(|c| c.is_number) != self.arrangement.is_inverted
    }
}
