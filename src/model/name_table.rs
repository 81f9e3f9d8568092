//! Names that many sessions share: each is kept once, in a table that only grows, and a session has two bytes for it.

use std::sync::{PoisonError, RwLock};

use rustc_hash::FxHashMap;

/// Stands for all names that come when the table is full.
const OTHER: &str = "?";
/// Its number.
const OTHER_NUMBER: u16 = 1;

/// A table of names. Those after the first 65,534 are all `?`: whoever chooses names must not fill the memory.
#[derive(Debug)]
pub struct NameTable(RwLock<Names>);

#[derive(Debug)]
struct Names {
    list: Vec<&'static str>,
    /// Position of each name in the list.
    known: FxHashMap<&'static str, u16>,
}

impl Default for NameTable {
    fn default() -> Self {
        NameTable(RwLock::new(Names {
            list: vec![OTHER],
            known: FxHashMap::from_iter([(OTHER, 0)]),
        }))
    }
}

impl NameTable {
    /// Returns the number of a name, which it gets when it is first seen; 0 for the empty one.
    pub fn number(&self, name: &str) -> u16 {
        if name.is_empty() {
            return 0;
        }
        let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let position = match (names.known.get(name), u16::try_from(names.list.len())) {
            (Some(position), _) => *position,
            (None, Ok(position)) if position < u16::MAX => {
                let name: &'static str = Box::leak(name.into());
                names.list.push(name);
                names.known.insert(name, position);
                position
            }
            (None, _) => 0,
        };
        position + 1
    }

    /// Returns the number of a name if it is for that name alone; `None` for the empty one, and for those that come when the
    /// table is full.
    pub fn own_number(&self, name: &str) -> Option<u16> {
        Some(self.number(name)).filter(|number| *number > OTHER_NUMBER)
    }

    /// Returns the name with this number; `None` for 0.
    pub fn name(&self, number: u16) -> Option<&'static str> {
        let position = number.checked_sub(1)?;
        let names = self.0.read().unwrap_or_else(PoisonError::into_inner);
        names.list.get(usize::from(position)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_table_same_name_has_the_same_number() {
        let table = NameTable::default();
        let [a, b] = ["eth-a", "eth-b"].map(|name| table.number(name));
        assert_ne!(a, b);
        assert_eq!(table.number("eth-a"), a);
        assert_eq!(
            [a, b].map(|n| table.name(n)),
            [Some("eth-a"), Some("eth-b")]
        );
        assert_eq!((table.number(""), table.name(0)), (0, None));
    }

    #[test]
    fn name_table_when_full_has_one_name_for_all_others() {
        let table = NameTable::default();
        let first = table.number("first");
        let numbers: Vec<u16> = (0..70_000).map(|i| table.number(&i.to_string())).collect();
        assert_eq!(table.name(numbers[65_532]), Some("65532"));
        for late in [65_533, 69_999] {
            assert_eq!(table.name(numbers[late]), Some("?"));
        }
        assert_eq!(table.number("first"), first);
        assert_eq!(table.own_number("first"), Some(first));
        for other in ["69999", "?", ""] {
            assert_eq!(table.own_number(other), None, "{other}");
        }
    }
}
