//! Following the newest session: sorted by start, with the selection kept on top.

use crate::model::fields::{Column, Field, FieldKind, Value};
use crate::model::redaction::Redact;
use crate::ui::app::{App, Selection, Sort};

/// The start of a session: a sort order without a column, because the AGE column shows it better.
pub(super) static OPENED: Field = Field {
    word: "opened",
    aliases: &[],
    json: None,
    help: "when it was opened, the newest first",
    kind: FieldKind::Count,
    column: Some(Column {
        title: "newest",
        letter: 'F',
        width: 0,
        grow: 0,
        drop: 0,
        descending: true,
        replaces: None,
    }),
    get: |s| Value::Uint(s.start_ns),
    read: None,
    redact: Redact::Follow,
};

impl App {
    /// Starts or stops following the newest session. If the selection has left the top, it returns there first.
    pub fn toggle_following(&mut self) {
        if self.is_following() {
            self.stop_following();
        } else {
            let newest = Sort {
                field: &OPENED,
                inverted: false,
            };
            if self.sort.field != &OPENED {
                self.before_following = Some(std::mem::replace(&mut self.sort, newest));
            }
            self.select_top();
        }
        self.columns.show_sorted(self.sort_column());
        self.restart();
    }

    /// Returns to the previous order, if following.
    pub fn stop_following(&mut self) {
        if let Some(before) = self.before_following.take() {
            self.sort = before;
        }
    }

    /// True while the newest session is selected, whichever that is.
    pub fn is_following(&self) -> bool {
        self.before_following.is_some() && self.selection == Selection::Top
    }
}
