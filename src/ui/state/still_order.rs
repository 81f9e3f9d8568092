//! An order by figures in which lines hold still while they are read: a line passes another one only if its figure is
//! clearly greater.

use std::hash::Hash;

use rustc_hash::FxHashMap;

/// Factor between figures that are clearly different.
const CLEARLY: f64 = 1.5;

/// Changes an order by figures, the first of which leads, to the order before where figures do not differ clearly. New
/// lines follow those that they do not clearly pass. Lines without a figure keep the given order.
pub fn still<K: Copy + Eq + Hash>(order: Vec<(f64, K)>, before: &[K]) -> Vec<K> {
    let places: FxHashMap<K, usize> = before.iter().copied().zip(0..).collect();
    let mut keys = Vec::with_capacity(order.len());
    let mut rest = &order[..];
    while let Some((first, _)) = rest.first() {
        let is_like_first = |(figure, _): &&(f64, K)| {
            let (less, more) = (figure.min(*first), figure.max(*first));
            less > 0.0 && more < less * CLEARLY
        };
        let many = rest.iter().take_while(is_like_first).count().max(1);
        let (alike, others) = rest.split_at(many);
        let from = keys.len();
        keys.extend(alike.iter().map(|(_, key)| *key));
        keys[from..].sort_by_key(|key| places.get(key).copied().unwrap_or(usize::MAX));
        rest = others;
    }
    keys
}

/// The order before, without lines that are gone, and new lines after it.
pub fn same<K: Copy + Eq + Hash>(order: &[(f64, K)], before: &[K]) -> Vec<K> {
    let mut left: FxHashMap<K, usize> = order.iter().map(|(_, key)| *key).zip(0..).collect();
    let stay: Vec<K> = before
        .iter()
        .copied()
        .filter(|key| left.remove(key).is_some())
        .collect();
    let new = order
        .iter()
        .map(|(_, key)| *key)
        .filter(|key| left.contains_key(key));
    stay.iter().copied().chain(new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(figures: &[(f64, char)], before: &str) -> String {
        let mut figures = figures.to_vec();
        figures.sort_by(|a, b| b.0.total_cmp(&a.0));
        let before: Vec<char> = before.chars().collect();
        still(figures, &before).into_iter().collect()
    }

    #[test]
    fn line_passes_another_only_with_a_clearly_greater_figure() {
        assert_eq!(order(&[(10.0, 'a'), (14.0, 'b')], "ab"), "ab");
        assert_eq!(order(&[(10.0, 'a'), (15.0, 'b')], "ab"), "ba");
        // and back only if it is as much smaller
        assert_eq!(order(&[(10.0, 'a'), (14.0, 'b')], "ba"), "ba");
        assert_eq!(order(&[(15.0, 'a'), (10.0, 'b')], "ba"), "ab");
    }

    #[test]
    fn new_line_comes_after_those_that_it_does_not_clearly_pass() {
        let figures = [(100.0, 'a'), (99.0, 'b'), (101.0, 'n'), (10.0, 'c')];
        assert_eq!(order(&figures, "bac"), "banc");
        assert_eq!(order(&[(1.0, 'a'), (9.0, 'n')], "a"), "na");
    }

    #[test]
    fn order_is_never_further_from_the_exact_one_than_that_factor() {
        // each is close to the next, but the last far from the first
        let figures: Vec<(f64, char)> = (0..10)
            .map(|i| (1.4_f64.powi(i), (b'a' + i as u8) as char))
            .collect();
        let shown = order(&figures, "abcdefghij");
        let figure = |c: char| figures.iter().find(|f| f.1 == c).map_or(0.0, |f| f.0);
        let shown: Vec<f64> = shown.chars().map(figure).collect();
        for (i, above) in shown.iter().enumerate() {
            assert!(
                shown[i..].iter().all(|below| *below < above * CLEARLY),
                "{shown:?}"
            );
        }
    }

    #[test]
    fn lines_without_a_figure_keep_the_given_order() {
        assert_eq!(order(&[(1.0, 'a'), (0.0, 'b'), (0.0, 'c')], "cba"), "abc");
    }

    #[test]
    fn same_order_drops_lines_that_are_gone_and_ends_with_new_ones() {
        let order = [(9.0, 'n'), (3.0, 'c'), (2.0, 'a')];
        assert_eq!(same(&order, &['a', 'b', 'c']), ['a', 'c', 'n']);
    }
}
