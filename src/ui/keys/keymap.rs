//! The key bindings of this run: those of [`KEYS`], or configured ones.

use std::borrow::Cow;

use crate::ui::action::{Action, Mode};
use crate::ui::keys::{KEYS, KeyBinding, KeyPress, key_press};

/// A row of [`KEYS`] with its keys in this run.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    pub key: &'static KeyBinding,
    pub presses: Cow<'static, [KeyPress]>,
}

/// All rows of [`KEYS`], each with its keys in this run.
#[derive(Clone, Debug, PartialEq)]
pub struct Keymap {
    rows: Vec<Bound>,
}

impl Default for Keymap {
    fn default() -> Self {
        let rows = KEYS.iter().map(|key| Bound {
            key,
            presses: Cow::Borrowed(key.presses),
        });
        Keymap {
            rows: rows.collect(),
        }
    }
}

impl Keymap {
    /// The action of a key in a mode.
    pub fn lookup(&self, mode: Mode, press: KeyPress) -> Option<Action> {
        let row = |r: &Bound| {
            let at = r.presses.iter().position(|p| *p == press)?;
            Some(match r.key.action {
                Action::Chapter(_) => Action::Chapter(at),
                action => action,
            })
        };
        self.rows(&[mode]).find_map(row)
    }

    /// Name of the key for an action in a mode.
    pub fn of(&self, mode: Mode, action: Action) -> String {
        let row = self.rows(&[mode]).find(|r| r.key.action == action);
        let press = row.and_then(|r| r.presses.first());
        press.map_or_else(String::new, |p| p.name())
    }

    /// The key for an action in a mode, and what it does in few words; `None`: it has none there.
    pub fn in_words(&self, mode: Mode, action: Action) -> Option<String> {
        let row = self.rows(&[mode]).find(|r| r.key.action == action)?;
        let key = row.presses.first()?.name();
        let text = match row.key.footer {
            "" => row
                .key
                .help
                .split([';', ',', ':'])
                .next()
                .unwrap_or_default(),
            footer => footer,
        };
        Some(format!("{key} {text}"))
    }

    /// Rows that are active in one of these modes, in the order of the help.
    pub fn rows(&self, modes: &[Mode]) -> impl Iterator<Item = &Bound> {
        let rows = self.rows.iter();
        rows.filter(move |r| modes.iter().any(|m| r.key.is_in(*m)))
    }

    /// Every row, in the order of [`KEYS`].
    pub fn all(&self) -> &[Bound] {
        &self.rows
    }

    /// Binds all rows of this name to other keys.
    pub fn bind(&mut self, name: &str, presses: &[KeyPress]) {
        for row in self.rows.iter_mut().filter(|r| r.key.name == name) {
            row.presses = Cow::Owned(presses.to_vec());
        }
    }

    /// Removes a key from the rows of that name. False if it is their only one.
    pub fn unbind(&mut self, name: &str, press: KeyPress) -> bool {
        let mut rows = self.rows.iter_mut().filter(|r| r.key.name == name);
        rows.all(|row| {
            let others: Vec<KeyPress> = row
                .presses
                .iter()
                .copied()
                .filter(|p| *p != press)
                .collect();
            let is_enough = !others.is_empty();
            if is_enough {
                row.presses = Cow::Owned(others);
            }
            is_enough
        })
    }

    /// A key with two meanings in one mode, and the names of both.
    pub fn conflict(&self) -> Option<(KeyPress, &'static str, &'static str)> {
        let rows = self.rows.iter().enumerate();
        rows.flat_map(|(i, b)| self.rows[..i].iter().map(move |a| (a, b)))
            .filter(|(a, b)| a.key.modes.iter().any(|m| b.key.is_in(*m)))
            .find_map(|(a, b)| {
                let both = a.presses.iter().find(|p| b.presses.contains(p))?;
                Some((*both, a.key.name, b.key.name))
            })
    }
}

impl Bound {
    /// All of its keys, as the help shows them.
    pub fn names(&self) -> String {
        key_press::names(&self.presses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::keys::KeyCode;
    use crate::ui::keys::key_press::{char, code, ctrl};

    #[test]
    fn keymap_default_has_no_conflict() {
        assert_eq!(Keymap::default().conflict(), None);
    }

    #[test]
    fn keymap_conflict_names_the_key_and_both_actions() {
        let mut keymap = Keymap::default();
        keymap.bind("invert", &[char('x'), char('c')]);
        assert_eq!(
            keymap.conflict(),
            Some((char('c'), "columns", "invert")),
            "x is free where it means something else in another mode only"
        );
    }

    #[test]
    fn keymap_every_mode_can_be_left_with_ctrl_c_and_quit_with_f10() {
        for (mode, action) in [
            (Mode::Table, Action::Quit),
            (Mode::TopTalkers, Action::Quit),
            (Mode::Detail, Action::Quit),
            (Mode::Distributions, Action::Quit),
            (Mode::Failures, Action::Quit),
            (Mode::Baseline, Action::Quit),
            (Mode::Help, Action::Quit),
            (Mode::Columns, Action::Quit),
            (Mode::SortMenu, Action::Quit),
            (Mode::Search, Action::Cancel),
            (Mode::Prompt, Action::Cancel),
            (Mode::FileName, Action::Cancel),
            (Mode::Replace, Action::Cancel),
            (Mode::Writing, Action::Cancel),
        ] {
            let quit = Keymap::default().lookup(mode, ctrl('c'));
            assert_eq!(quit, Some(action), "{mode:?}");
            let f10 = Keymap::default().lookup(mode, code(KeyCode::F(10)));
            assert_eq!(f10, Some(Action::Quit), "{mode:?}");
        }
    }
}
