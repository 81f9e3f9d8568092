//! Which columns the session table has, in which order, and the screen on which they are chosen.
//!
//! Responsible for the choice and for how far the table is scrolled sideways. Not for how wide columns are and which
//! of them fit (`view::table`).

use crate::model::fields;
use crate::model::fields::Field;
use crate::model::store::Event;
use crate::ui::action::{Motion, Sideways, moved};
use crate::ui::layout::table::{ColumnView, fitting, window};

/// Fields with a column, in the order of the table.
pub type ColumnList = Vec<&'static Field>;

/// The columns of the session table.
#[derive(Debug, Default)]
pub struct Columns {
    /// Those that were chosen; `None`: as many as fit.
    chosen: Option<ColumnList>,
    /// Those that the configuration has.
    configured: Option<ColumnList>,
    /// 0: as the window has room; n: as wide as they are, without the n-1 that come after the first.
    scroll: usize,
    /// True from the first IPv6 session on: before, no address is longer than those of IPv4.
    has_v6: bool,
}

/// The screen on which columns are chosen.
#[derive(Debug)]
pub struct Chooser {
    /// Every column, and whether it is shown.
    pub rows: Vec<(&'static Field, bool)>,
    /// The selected line.
    pub selected: usize,
    before: Option<ColumnList>,
}

impl Columns {
    /// Those of the configuration, else those that were chosen in an earlier run.
    pub fn new(configured: Option<ColumnList>, before: Option<ColumnList>) -> Self {
        Columns {
            chosen: configured.clone().or(before),
            configured,
            ..Columns::default()
        }
    }

    /// Those that were chosen; `None`: as many as fit.
    pub fn chosen(&self) -> Option<&[&'static Field]> {
        self.chosen.as_deref()
    }

    /// True if the configuration says which columns there are at the start.
    pub fn are_configured(&self) -> bool {
        self.configured.is_some()
    }

    /// Takes what happened to a session: which kinds of addresses there are.
    pub fn take(&mut self, event: &StoreEvent<'_>) {
        let now = event.change().and_then(|change| change.now);
        self.has_v6 = self.has_v6 || now.is_some_and(|s| s.ip() == 6);
    }

    /// What the layout of the table depends on.
    pub fn view(&self) -> ColumnView<'_> {
        ColumnView {
            chosen: self.chosen.as_deref(),
            has_v6: self.has_v6,
            scroll: self.scroll,
        }
    }

    /// Scrolls the table of that width.
    pub fn go(&mut self, to: Sideways, width: u16) {
        let last = window(self.view(), width).last;
        let now = self.scroll.min(last);
        self.scroll = match to {
            Sideways::Left => now.saturating_sub(1),
            Sideways::Right => (now + 1).min(last),
            Sideways::Start => 0,
            Sideways::End => last,
        };
    }

    /// Scrolls as little as it takes to have that column on the screen.
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

    /// The screen on which they are chosen.
    pub fn chooser(&self, width: u16) -> Chooser {
        Chooser {
            rows: self.rows(width),
            selected: 0,
            before: self.chosen.clone(),
        }
    }

    /// Every column: those that are shown in their order, and each of the others behind the one that it usually follows.
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
    /// Shows the selected column, or does not; the last one stays.
    pub fn toggle(&mut self, columns: &mut Columns, width: u16) {
        let others = self.rows.iter().filter(|(_, shown)| *shown).count();
        let (field, shown) = &mut self.rows[self.selected];
        if *shown && others == 1 {
            return;
        }
        *shown = !*shown;
        let (field, shown) = (*field, *shown);
        self.apply(columns);
        if shown {
            columns.reveal(field, width);
        }
    }

    /// Moves the selected column.
    pub fn shift(&mut self, step: isize, columns: &mut Columns, width: u16) {
        let from = self.selected;
        let Some(to) = from
            .checked_add_signed(step)
            .filter(|to| *to < self.rows.len())
        else {
            return;
        };
        self.rows.swap(from, to);
        self.selected = to;
        let (field, shown) = self.rows[to];
        self.apply(columns);
        if shown {
            columns.reveal(field, width);
        }
    }

    fn apply(&self, columns: &mut Columns) {
        let shown = self.rows.iter().filter(|(_, shown)| *shown);
        columns.chosen = Some(shown.map(|(field, _)| *field).collect());
    }

    /// What the configuration has, else as many as fit.
    pub fn reset(&mut self, columns: &mut Columns, width: u16) {
        columns.chosen = columns.configured.clone();
        columns.scroll = 0;
        self.rows = columns.rows(width);
    }

    /// Moves the selection.
    pub fn go(&mut self, motion: Motion, page: usize) {
        let last = self.rows.len().saturating_sub(1);
        self.selected = moved(self.selected, motion, page).min(last);
    }

    /// What is to be kept for the next run, if that is another choice than before: words of fields; none: nothing was
    /// chosen.
    pub fn changed(&self, columns: &Columns) -> Option<Vec<&'static str>> {
        let is_other = columns.configured.is_none() && self.before != columns.chosen;
        let words = columns.chosen.iter().flatten().map(|f| f.word);
        is_other.then(|| words.collect())
    }
}

/// The columns that an earlier run kept. Words that are none (of another version) are left out.
pub fn kept(text: &str) -> Option<ColumnList> {
    let list: ColumnList = text.split_whitespace().filter_map(by_word).collect();
    (!list.is_empty()).then_some(list)
}

/// The field of that word, if it has a column.
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
    fn what_is_not_shown_stands_where_it_usually_is() {
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
        // in the usual order nothing is anywhere else
        let usual: ColumnList = fields::columns().map(|(f, _)| f).collect();
        let rows = Columns::default().rows(80);
        assert!(rows.iter().map(|(f, _)| *f).eq(usual));
    }

    #[test]
    fn the_configuration_is_stronger_than_what_was_chosen_before() {
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
    fn the_last_column_stays() {
        let mut columns = Columns::new(kept("pid"), None);
        let mut chooser = columns.chooser(80);
        chooser.toggle(&mut columns, 80);
        assert_eq!(columns.chosen().map(words).as_deref(), Some("pid"));
    }

    #[test]
    fn words_of_other_versions_are_left_out() {
        assert_eq!(
            kept("nonsense raddr port").map(|l| words(&l)).as_deref(),
            Some("raddr")
        );
        assert_eq!(kept(" \n"), None);
    }
}
