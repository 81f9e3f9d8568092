//! Makes foreign text harmless, such as process names, user names, paths and file contents, so that nothing in it can
//! drive a terminal or break a line of output. Quoting is up to each output.

/// True for a character that moves the cursor, ends a line, changes the writing direction, or is invisible.
pub fn is_harmful(c: char) -> bool {
    let is_unseen = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}');
    c.is_control() || is_unseen || c == char::REPLACEMENT_CHARACTER
}

/// Replaces each harmful character with `?`.
pub fn sanitize(text: &str) -> String {
    let harmless = |c| if is_harmful(c) { '?' } else { c };
    text.chars().map(harmless).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sanitize_replaces_control_and_invisible_characters() {
        assert_eq!(
            sanitize("a\x1b[2J\nb\u{9b}31m\u{202e}c\u{200b}d\u{fffd}é\u{61c}\u{e0041}"),
            "a?[2J?b?31m?c?d?é??"
        );
    }
}
