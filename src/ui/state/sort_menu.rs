//! The sort menu: every column with its letter, also those that the table has no room for.

use crate::model::fields;
use crate::model::fields::{Column, Field};

#[derive(Debug)]
pub struct SortMenu {
    at: usize,
}

impl SortMenu {
    /// Opens the menu with this field selected.
    pub fn new(sorted: &Field) -> Self {
        let at = fields::columns().position(|(field, _)| field == sorted);
        SortMenu {
            at: at.unwrap_or(0),
        }
    }

    /// Every column, with true for the selected one.
    pub fn rows(&self) -> impl Iterator<Item = (&'static Field, Column, bool)> {
        let all = fields::columns().enumerate();
        all.map(|(i, (field, column))| (field, column, i == self.at))
    }

    /// Index of the selected column.
    pub fn position(&self) -> usize {
        self.at
    }

    pub fn selected(&self) -> &'static Field {
        let selected = fields::columns().nth(self.at);
        selected.map_or_else(fields::busiest, |(field, _)| field)
    }

    /// The field that this letter stands for; if none does, that of the small letter, so that `A` and `B` are what they are
    /// without the menu.
    pub fn field(letter: char) -> Option<&'static Field> {
        let find = |letter: char| fields::columns().find(|(_, column)| column.letter == letter);
        let found = find(letter).or_else(|| find(letter.to_ascii_lowercase()));
        found.map(|(field, _)| field)
    }

    /// Selects the column this many positions further on, if there is one.
    pub fn go(&mut self, by: isize) {
        if let Some(at) = self.at.checked_add_signed(by)
            && at < fields::columns().count()
        {
            self.at = at;
        }
    }
}
