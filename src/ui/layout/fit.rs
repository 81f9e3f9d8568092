//! Removes columns that do not fit a narrow screen.

/// Columns that fit. Those with the highest `drop` are removed first, and among equals the rightmost; one always stays.
pub fn columns<C>(
    mut columns: Vec<C>,
    drop: impl Fn(&C) -> u8,
    fits: impl Fn(&[C]) -> bool,
) -> Vec<C> {
    while columns.len() > 1
        && !fits(&columns)
        // among equals it finds the last
        && let Some(goes) = (0..columns.len()).max_by_key(|&i| drop(&columns[i]))
    {
        columns.remove(goes);
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fit_drops_the_least_important_columns_and_keeps_one() {
        let fitting = |room: usize| -> String {
            let all = vec![('a', 0), ('b', 2), ('c', 1), ('d', 2), ('e', 0)];
            let fitting = columns(all, |c| c.1, |shown| shown.len() <= room);
            fitting.iter().map(|c| c.0).collect()
        };
        assert_eq!(
            [5, 4, 3, 2, 1, 0].map(fitting),
            ["abcde", "abce", "ace", "ae", "a", "a"]
        );
    }
}
