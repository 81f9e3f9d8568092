//! Columns of the session table: their choice, their order, the horizontal scroll position, and the column chooser.
//!
//! Their widths, and which of them fit, are computed in `layout::table`.

use crate::model::fields;
use crate::model::fields::Field;
use crate::model::store::StoreEvent;
use crate::ui::action::{Motion, Sideways, moved};
use crate::ui::layout::table::{ColumnView, fitting, window};

pub type ColumnList = Vec<&'static Field>;

#[derive(Debug)]
pub struct Columns {
    /// `None`: as many as fit.
    chosen: Option<ColumnList>,
    configured: Option<ColumnList>,
    /// 0: as many columns as fit; n: the n-th step to the right.
    scroll: usize,
    /// True once an IPv6 session was seen; until then every address fits the width of an IPv4 one.
    has_v6: bool,
    /// The column that the table is sorted by, which is always visible.
    sorted: &'static Field,
}

impl Default for Columns {
    fn default() -> Self {
        Columns {
            chosen: None,
            configured: None,
            scroll: 0,
            has_v6: false,
            sorted: fields::busiest(),
        }
    }
}

/// The column chooser.
#[derive(Debug)]
pub struct Chooser {
    /// Every column, with true if it is shown.
    pub rows: Vec<(&'static Field, bool)>,
    pub selected: usize,
    before: Option<ColumnList>,
    /// Choices before each change, the latest last.
    changes: Vec<Choice>,
}

/// A choice to return to.
#[derive(Debug)]
struct Choice {
    chosen: Option<ColumnList>,
    scroll: usize,
    rows: Vec<(&'static Field, bool)>,
    selected: usize,
}

impl Columns {
    /// Uses the configured columns, else those chosen in an earlier run.
    pub fn new(configured: Option<ColumnList>, before: Option<ColumnList>) -> Self {
        Columns {
            chosen: configured.clone().or(before),
            configured,
            ..Columns::default()
        }
    }

    /// The chosen columns; `None`: as many as fit.
    pub fn chosen(&self) -> Option<&[&'static Field]> {
        self.chosen.as_deref()
    }

    /// True if the configuration sets the columns.
    pub fn are_configured(&self) -> bool {
        self.configured.is_some()
    }

    /// Notes whether an IPv6 address appeared.
    pub fn take(&mut self, event: &StoreEvent<'_>) {
        let now = event.change().and_then(|change| change.now);
        self.has_v6 = self.has_v6 || now.is_some_and(|s| s.ip() == 6);
    }

    /// Everything that the table's layout depends on.
    pub fn view(&self) -> ColumnView<'_> {
        ColumnView {
            chosen: self.chosen.as_deref(),
            has_v6: self.has_v6,
            scroll: self.scroll,
            sorted: Some(self.sorted),
        }
    }

    /// Notes the column that the table is sorted by.
    pub fn show_sorted(&mut self, field: &'static Field) {
        self.sorted = field;
    }

    /// The column that the table is sorted by.
    pub fn sorted(&self) -> &'static Field {
        self.sorted
    }

    /// Scrolls the table, which is `width` cells wide.
    /// Scrolls. False if there is nothing more on that side.
    pub fn go(&mut self, to: Sideways, width: u16) -> bool {
        let last = window(self.view(), width).last;
        let now = self.scroll.min(last);
        self.scroll = match to {
            Sideways::Left => now.saturating_sub(1),
            Sideways::Right => (now + 1).min(last),
            Sideways::Start => 0,
            Sideways::End => last,
        };
        self.scroll != now
    }

    /// True if some columns are out of view, or would be after a scroll.
    pub fn is_scrollable(&self, width: u16) -> bool {
        window(self.view(), width).last > 0
    }

    /// Scrolls as little as possible to bring a column into view.
    pub fn reveal(&mut self, field: &Field, width: u16) {
        let last = window(self.view(), width).last;
        let now = self.scroll.min(last);
        let mut places: Vec<usize> = (0..=last).collect();
        places.sort_by_key(|place| place.abs_diff(now));
        for place in places {
            self.scroll = place;
            if window(self.view(), width).shows(field) {
                return;
            }
        }
        self.scroll = now;
    }

    /// Opens the column chooser.
    pub fn chooser(&self, width: u16) -> Chooser {
        Chooser {
            rows: self.rows(width),
            selected: 0,
            before: self.chosen.clone(),
            changes: Vec::new(),
        }
    }

    /// Every column: shown ones in their order, each hidden one after the column that it usually follows.
    fn rows(&self, width: u16) -> Vec<(&'static Field, bool)> {
        let shown = match &self.chosen {
            Some(list) => list.clone(),
            None => fitting(self.view(), width),
        };
        let mut rows: Vec<_> = shown.iter().map(|f| (*f, true)).collect();
        let mut place = 0;
        for (field, _) in fields::columns() {
            match rows.iter().position(|(f, _)| *f == field) {
                Some(at) => place = at + 1,
                None => {
                    rows.insert(place, (field, false));
                    place += 1;
                }
            }
        }
        rows
    }
}

impl Chooser {
    /// Shows or hides the selected column. False if it is the last one, which cannot be hidden.
    pub fn toggle(&mut self, columns: &mut Columns, width: u16) -> bool {
        let others = self.rows.iter().filter(|(_, shown)| *shown).count();
        let (field, shown) = &self.rows[self.selected];
        if *shown && others == 1 {
            return false;
        }
        let (field, shown) = (*field, !*shown);
        self.keep_choice(columns);
        self.rows[self.selected].1 = shown;
        self.apply(columns);
        if shown {
            columns.reveal(field, width);
        }
        true
    }

    /// Moves the selected column by `step`. False if it is at the end.
    pub fn shift(&mut self, step: isize, columns: &mut Columns, width: u16) -> bool {
        let from = self.selected;
        let Some(to) = from
            .checked_add_signed(step)
            .filter(|to| *to < self.rows.len())
        else {
            return false;
        };
        self.keep_choice(columns);
        self.rows.swap(from, to);
        self.selected = to;
        let (field, shown) = self.rows[to];
        self.apply(columns);
        if shown {
            columns.reveal(field, width);
        }
        true
    }

    fn apply(&self, columns: &mut Columns) {
        let shown = self.rows.iter().filter(|(_, shown)| *shown);
        columns.chosen = Some(shown.map(|(field, _)| *field).collect());
    }

    /// Keeps the present choice for [`Chooser::undo`].
    fn keep_choice(&mut self, columns: &Columns) {
        self.changes.push(Choice {
            chosen: columns.chosen.clone(),
            scroll: columns.scroll,
            rows: self.rows.clone(),
            selected: self.selected,
        });
    }

    /// True if there is a change to undo.
    pub fn is_undoable(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Undoes the last change since the chooser was opened. False if there is none.
    pub fn undo(&mut self, columns: &mut Columns, width: u16) -> bool {
        let Some(choice) = self.changes.pop() else {
            return false;
        };
        columns.chosen = choice.chosen;
        columns.scroll = choice.scroll;
        self.selected = choice.selected;
        self.rows = match columns.chosen {
            Some(_) => choice.rows,
            // the window may have another width by now
            None => columns.rows(width),
        };
        true
    }

    /// Returns to the configured columns, else to as many as fit. False if they were not changed.
    pub fn reset(&mut self, columns: &mut Columns, width: u16) -> bool {
        let is_changed = columns.chosen != columns.configured;
        if is_changed {
            self.keep_choice(columns);
        }
        columns.chosen = columns.configured.clone();
        columns.scroll = 0;
        self.rows = columns.rows(width);
        is_changed
    }

    pub fn go(&mut self, motion: Motion, page: usize) {
        let last = self.rows.len().saturating_sub(1);
        self.selected = moved(self.selected, motion, page).min(last);
    }

    /// Field words to save for the next run, if the choice changed; empty: nothing is chosen.
    pub fn changed(&self, columns: &Columns) -> Option<Vec<&'static str>> {
        let is_other = columns.configured.is_none() && self.before != columns.chosen;
        let words = columns.chosen.iter().flatten().map(|f| f.word);
        is_other.then(|| words.collect())
    }
}

/// Parses the columns saved by an earlier run. Unknown words (from another version) are ignored.
pub fn kept(text: &str) -> Option<ColumnList> {
    let list: ColumnList = text.split_whitespace().filter_map(by_word).collect();
    (!list.is_empty()).then_some(list)
}

/// The field with this word, if it has a column.
pub fn by_word(word: &str) -> Option<&'static Field> {
    fields::by_word(word).filter(|f| f.column.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&'static Field]) -> String {
        let words: Vec<&str> = list.iter().map(|f| f.word).collect();
        words.join(" ")
    }

    #[test]
    fn chooser_lists_hidden_columns_at_their_default_position() {
        let list = kept("rport tx pid").expect("columns");
        let rows = Columns::new(Some(list), None).rows(80);
        let place = |word| {
            let mut rows = rows.iter();
            rows.position(|(f, _)| f.word == word).expect("a row")
        };
        assert_eq!(rows.len(), fields::columns().count());
        assert_eq!(
            (place("comm"), place("rport") + 1),
            (place("pid") + 1, place("direction"))
        );
        // in the usual order nothing moves
        let usual: ColumnList = fields::columns().map(|(f, _)| f).collect();
        let rows = Columns::default().rows(80);
        assert!(rows.iter().map(|(f, _)| *f).eq(usual));
    }

    #[test]
    fn columns_in_configuration_take_precedence_over_saved_ones() {
        let list = |text| kept(text);
        let mut columns = Columns::new(list("pid tx"), list("rx"));
        assert_eq!(columns.chosen().map(words).as_deref(), Some("pid tx"));
        let mut chooser = columns.chooser(80);
        chooser.toggle(&mut columns, 80);
        assert_eq!(columns.chosen().map(words).as_deref(), Some("tx"));
        assert_eq!(chooser.changed(&columns), None, "it is not kept");
        let mut columns = Columns::new(None, list("rx tx"));
        let mut chooser = columns.chooser(80);
        chooser.reset(&mut columns, 80);
        assert_eq!(chooser.changed(&columns), Some(vec![]), "it is forgotten");
    }

    #[test]
    fn chooser_last_column_cannot_be_removed() {
        let mut columns = Columns::new(kept("pid"), None);
        let mut chooser = columns.chooser(80);
        chooser.toggle(&mut columns, 80);
        assert_eq!(columns.chosen().map(words).as_deref(), Some("pid"));
    }

    #[test]
    fn saved_columns_with_unknown_words_ignore_them() {
        assert_eq!(
            kept("nonsense raddr port").map(|l| words(&l)).as_deref(),
            Some("raddr")
        );
        assert_eq!(kept(" \n"), None);
    }
}
