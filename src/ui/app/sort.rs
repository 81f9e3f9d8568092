//! The sort order of the table, its keys and the sort menu.

use std::ops::ControlFlow::{Break, Continue};

use crate::model::fields;
use crate::model::fields::Field;
use crate::model::session::{Age, Session};
use crate::model::store::Slot;
use crate::ui::action::{Action, Mode, Motion, Sideways};
use crate::ui::app::follow::OPENED;
use crate::ui::app::update::Offer;
use crate::ui::app::{App, Sort};
use crate::ui::keys::KeyPress;
use crate::ui::layout;
use crate::ui::layout::panes::{Focus, Subject};
use crate::ui::state::layers::Layer;
use crate::ui::state::screens::Screen;
use crate::ui::state::sort_menu::SortMenu;
use crate::ui::state::top_talkers::Pane;

impl App {
    /// Sorts by a field; if the table is sorted by it already, reverses the order.
    pub(super) fn sort_by(&mut self, field: &'static Field) {
        let is_again = self.before_following.is_none() && self.sort.field == field;
        self.choose_sort(Sort {
            field,
            inverted: is_again && !self.sort.inverted,
        });
    }

    /// Sorts, and says what would be taken for an order and is none.
    pub(super) fn choose_sort(&mut self, sort: Sort) {
        self.set_sort(sort);
        self.say_if_bounds_are_sorted();
    }

    /// Sorts by the field of a key. The order is reversed only if it was chosen for the sessions that are shown: on others, the key
    /// does what it promises.
    pub(super) fn sort_by_key(&mut self, field: &'static Field, action: Action) {
        let usual = Sort {
            field,
            inverted: false,
        };
        let is_sorted = self.before_following.is_none() && self.sort == usual;
        match self.is_order_chosen {
            true => self.sort_by(field),
            false => self.choose_sort(usual),
        }
        if is_sorted && self.sort == usual {
            let key = self.keymap.of(Mode::Table, action);
            let word = field.word;
            self.notice
                .switched(format!("sorted by {word} as before ({key}: reverse)"));
        }
    }

    /// Sorts by a field, unless the table is sorted by it already.
    pub(super) fn sort_by_other(&mut self, field: &'static Field) {
        if field != self.sort_column() {
            self.sort_by(field);
        }
    }

    /// Reverses the order.
    pub(super) fn invert(&mut self) {
        self.stop_following();
        self.set_sort(Sort {
            inverted: !self.sort.inverted,
            ..self.sort
        });
    }

    pub(super) fn set_sort(&mut self, sort: Sort) {
        self.stop_following();
        self.sort = sort;
        self.is_order_chosen = true;
        self.columns.show_sorted(self.sort_column());
        self.columns.reveal(sort.field, self.size.width);
        // whoever sorts wants to see what is on top
        self.select_top();
        self.restart();
    }

    /// Warns that ages marked `≥` are lower bounds, so that their order is unknown. Those of the sessions that were open before the start
    /// are, and these had the first slots.
    fn say_if_bounds_are_sorted(&mut self) {
        const FIRST: Slot = 1000;
        let is_by_age = self.sort_column().word == "duration";
        let is_bound = |session: &Session| session.age != Age::Exact;
        let mut open = self.store.open_in(0..FIRST).map(|(_, session)| session);
        if is_by_age && open.any(|s| is_bound(s) && self.view_filter.shows(s)) {
            let text = "ages with ≥ are lower bounds: which of these is the oldest is not known";
            self.notice.switched(text.to_owned());
        }
    }

    /// The column that shows what the table is sorted by.
    pub(super) fn sort_column(&self) -> &'static Field {
        let field = self.sort.field;
        match fields::by_word("duration") {
            Some(duration) if field == &OPENED => duration,
            _ => field,
        }
    }

    /// True if the greatest value of the sort column is on top.
    pub fn is_descending(&self) -> bool {
        // the newest first: the smallest age
        self.sort.order().descending != (self.sort_column() != self.sort.field)
    }

    /// Title of the column that the present screen or pane is sorted by, and true if the greatest is on top.
    pub fn shown_order(&self) -> (&'static str, bool) {
        match (self.layers.screen(), self.pane_with_keys()) {
            (Some(Screen::Failures(shown)), _) => (shown.sorted_by(), true),
            (Some(Screen::Table(shown)), _) => (shown.sorted_by(), shown.is_descending()),
            (None, Some(pane)) => (pane.sorted_by().title, !pane.inverted),
            _ => {
                let column = self.columns.sorted().column;
                (column.map_or("", |c| c.title), self.is_descending())
            }
        }
    }

    /// The pane of top talkers with the keyboard, unless a screen is shown instead.
    pub fn pane_with_keys(&self) -> Option<&Pane> {
        match (self.layers.screen(), self.layers.focus()) {
            (None, Focus::Pane(subject)) => Some(self.panes.pane(subject)),
            _ => None,
        }
    }

    /// Sorts a pane of top talkers by a neighboring figure, and says which one that is.
    pub(super) fn sort_pane(&mut self, subject: Subject, step: isize) {
        self.panes.sort(subject, step);
        let figure = self.panes.pane(subject).sorted_by().title;
        let key = |action| self.keymap.of(Mode::TopTalkers, action);
        let (next, previous) = (key(Action::SortNext), key(Action::SortPrevious));
        self.notice.switched(format!(
            "talkers by {figure} ({next}: by the next figure, {previous}: by the one before)"
        ));
    }

    /// Sorts by the neighboring column and scrolls to it.
    pub(super) fn sort_by_neighbor(&mut self, step: isize) {
        self.stop_following();
        self.columns.show_sorted(self.sort_column());
        let window = layout::table::window(self.columns.view(), self.size.width);
        let shown: Vec<_> = window.shown.iter().map(|c| c.field).collect();
        let is_automatic = self.columns.chosen().is_none();
        let mut columns = if is_automatic && self.columns.view().scroll == 0 {
            shown.clone() // only columns with room count
        } else {
            window.all
        };
        // the initial order stays within reach, even if its column shows only while the table is sorted by it
        let busiest = fields::busiest();
        if !columns.contains(&busiest) {
            let place = |field: &Field| fields::columns().position(|(f, _)| f == field);
            let after = columns.iter().position(|f| place(f) > place(busiest));
            let at = after.filter(|_| is_automatic).unwrap_or(columns.len());
            columns.insert(at, busiest);
        }
        let now = columns.iter().position(|f| *f == self.sort.field);
        let next = match now.filter(|_| shown.contains(&self.sort.field)) {
            Some(i) => {
                let next = (i as isize + step).rem_euclid(columns.len() as isize);
                columns.get(next as usize)
            }
            None => shown.first(),
        };
        if let Some(&field) = next {
            self.set_sort(Sort {
                field,
                inverted: false,
            });
        }
    }

    /// Opens the sort menu.
    pub(super) fn open_sort_menu(&mut self) {
        let menu = SortMenu::new(self.sort_column());
        self.layers.push(Layer::SortMenu(menu));
    }

    /// Handles an action in the sort menu.
    pub(super) fn update_sort_menu(&mut self, action: Action) -> Offer {
        let main = self.layout().main;
        let Some(menu) = self.layers.sort_menu_mut() else {
            return Continue(());
        };
        let (columns, _) = layout::sort_menu::grid(main);
        match action {
            Action::Move(Motion::Up) => menu.go(-(columns as isize)),
            Action::Move(Motion::Down) => menu.go(columns as isize),
            Action::Sideways(Sideways::Left) => menu.go(-1),
            Action::Sideways(Sideways::Right) => menu.go(1),
            Action::Accept => {
                let field = menu.selected();
                self.layers.take_sort_menu();
                self.sort_by_other(field);
            }
            Action::Back => {
                self.layers.take_sort_menu();
            }
            _ => return Continue(()),
        }
        Break(None)
    }

    /// Sorts by the field with this letter, if the sort menu has one.
    pub(super) fn sort_by_letter(&mut self, letter: char, press: KeyPress) {
        match SortMenu::field(letter) {
            Some(field) => {
                self.layers.take_sort_menu();
                self.sort_by(field);
            }
            None => {
                let text = format!("{} is not the letter of a column", press.name());
                self.notice.hint(text);
            }
        }
    }
}
