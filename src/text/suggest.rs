//! What a misspelt word may have meant.

/// The candidates that are nearest to a word, if any is near: a letter off, two in a longer word.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut near: Vec<(usize, &str)> = candidates
        .map(|c| (strsim::osa_distance(word, c), c))
        .filter(|&(distance, c)| distance <= allowance(word).min(allowance(c)))
        .collect();
    near.sort_by_key(|&(distance, _)| distance); // stable: in the order of the table
    let best = near.first().map(|&(distance, _)| distance);
    near.into_iter()
        .take_while(|&(distance, _)| Some(distance) == best)
        .map(|(_, c)| c)
        .take(3)
        .collect()
}

/// Edits with which a word is still itself: none in two letters, where it could be any other.
fn allowance(word: &str) -> usize {
    match word.chars().count() {
        0..3 => 0,
        3..6 => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_is_a_letter_or_two() {
        let near = |word| suggest(word, ["port", "lport", "rport", "reason", "tx"].into_iter());
        assert_eq!(near("prot"), ["port"]);
        assert_eq!(near("sport"), ["port", "lport", "rport"]);
        assert_eq!(near("raeson"), ["reason"]);
        assert_eq!(near("resaon"), ["reason"]);
        assert!(near("ty").is_empty());
        assert!(near("latency").is_empty());
    }
}
