//! Wrapping text for a width in terminal cells.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Splits a text into lines of whole words; a word that is longer than a line is broken.
pub fn words(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut rest = text;
    while rest.width() > width {
        let mut used = 0;
        let fitting = rest.char_indices().find(|(_, c)| {
            used += c.width().unwrap_or(0);
            used > width
        });
        // a wide character never fits a single cell
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let end = fitting.map_or(rest.len(), |(at, _)| at).max(first);
        // a space at which the next line would begin counts too
        let space = rest
            .match_indices(' ')
            .map(|(at, _)| at)
            .take_while(|at| *at <= end)
            .last();
        let (line, next) = match space.filter(|at| *at > 0) {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => rest.split_at(end),
        };
        lines.push(line.to_owned());
        rest = next;
    }
    if !rest.is_empty() || lines.is_empty() {
        lines.push(rest.to_owned());
    }
    lines
}

/// Splits a text into at most so many lines of whole words. The last one has all the rest, however long.
pub fn words_in(text: &str, width: usize, most: usize) -> Vec<String> {
    let mut lines = words(text, width);
    if lines.len() > most {
        let rest = lines.split_off(most.saturating_sub(1)).join(" ");
        lines.push(rest);
    }
    lines.truncate(most);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_text_breaks_at_spaces_if_there_are_any() {
        assert_eq!(words("one two three", 7), ["one two", "three"]);
        assert_eq!(words("one two", 7), ["one two"]);
        assert_eq!(words("abcdefgh ij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(words("日本語", 4), ["日本", "語"]);
        assert_eq!(words("日本", 1), ["日", "本"]);
        assert_eq!(words("", 4), [""]);
        assert_eq!(words("ab", 0), ["a", "b"]);
    }
}
