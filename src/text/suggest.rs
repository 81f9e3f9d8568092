//! Suggestions for a misspelled word: "did you mean".

/// Returns the candidates nearest to a word: one edit away, or two in a longer word. Empty if none is near.
pub(crate) fn suggest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut near: Vec<(usize, &str)> = candidates
        .map(|c| (strsim::osa_distance(word, c), c))
        .filter(|&(distance, c)| distance <= allowance(word).min(allowance(c)))
        .collect();
    near.sort_by_key(|&(distance, _)| distance); // stable: ties keep the order of the table
    let best = near.first().map(|&(distance, _)| distance);
    near.into_iter()
        .take_while(|&(distance, _)| Some(distance) == best)
        .map(|(_, c)| c)
        .take(3)
        .collect()
}

/// Maximum edit distance for a suggestion; 0 for two letters, which could be any other word.
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
    fn suggest_finds_words_within_a_typo_or_two() {
        let near = |word| suggest(word, ["port", "lport", "rport", "reason", "tx"].into_iter());
        assert_eq!(near("prot"), ["port"]);
        assert_eq!(near("sport"), ["port", "lport", "rport"]);
        assert_eq!(near("raeson"), ["reason"]);
        assert_eq!(near("resaon"), ["reason"]);
        assert!(near("ty").is_empty());
        assert!(near("latency").is_empty());
    }
}
