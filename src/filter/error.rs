//! What is wrong with a filter: the place, what it is, and what was expected there.
//!
//! Responsible for how an error reads, on one line in the prompt and on three on the command line. Not for
//! finding it (`parse`, `literal`).

use std::fmt;
use std::ops::Range;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::text::sanitize::is_harmful;

/// Cells of the filter's text that a report shows at most: with what comes before it on a line of 120.
const SHOWN_CELLS: usize = 100;

/// How a suggestion begins.
pub const SUGGESTION: &str = "did you mean ";

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    text: String,
    span: Range<usize>,
    message: String,
    help: Option<String>,
    incomplete: bool,
}

impl FilterError {
    pub fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        FilterError {
            text: String::new(),
            span,
            message: dotted(&message.into()),
            help: None,
            incomplete: false,
        }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(dotted(&help.into()));
        self
    }

    /// More text could make it right.
    pub fn incomplete(mut self) -> Self {
        self.incomplete = true;
        self
    }

    /// In this text. The place is kept within it and on whole characters.
    pub fn of(mut self, text: &str) -> Self {
        let whole = |mut at: usize| {
            at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        self.span = whole(self.span.start)..whole(self.span.end.max(self.span.start));
        self.text = text.to_owned();
        self
    }

    /// The place: a range of bytes of the text, at character boundaries; empty at the end if something is missing.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// What is wrong, in a few words.
    #[cfg(any(test, feature = "testing"))]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What was expected, if more can be said.
    #[cfg(any(test, feature = "testing"))]
    pub fn expected(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// True if the text ends too early: what there is of it may become a filter. The prompt then stays with the
    /// filter before it, and need not call what is being typed wrong.
    pub fn is_incomplete(&self) -> bool {
        self.incomplete
    }

    /// Three lines for the command line: the text, carets under the place, and what is wrong. Of a long text the
    /// part around the place. Control characters are dots, so that the carets stand right and the terminal is safe.
    pub fn report(&self) -> String {
        let window = self.window();
        let before = dotted(&self.text[window.start..self.span.start]);
        let place = dotted(&self.text[self.span.start..self.span.end.min(window.end)]);
        let after = dotted(&self.text[self.span.end.min(window.end)..window.end]);
        let (cut_left, cut_right) = (window.start > 0, window.end < self.text.len());
        format!(
            "{left}{before}{place}{after}{right}\n{space}{carets}\n{self}",
            left = if cut_left { "…" } else { "" },
            right = if cut_right { "…" } else { "" },
            space = " ".repeat(before.width() + usize::from(cut_left)),
            carets = "^".repeat(place.width().max(1)),
        )
    }

    /// The short form in ever fewer words, for where it has no room: first all of it, then without its last clause, and
    /// so on. A suggestion says more than what it is a suggestion for, and so is there alone too.
    pub fn forms(&self) -> Vec<String> {
        let whole = self.to_string();
        let mut forms = vec![whole.clone()];
        let mut suggestion = self.help.as_deref().filter(|h| h.starts_with(SUGGESTION));
        for end in clause_ends(&whole).into_iter().rev() {
            if end <= self.message.len()
                && let Some(help) = suggestion.take()
            {
                let end = clause_ends(help).first().copied();
                forms.push(help[..end.unwrap_or(help.len())].to_owned());
            }
            forms.push(whole[..end].to_owned());
        }
        forms
    }

    /// The part of the text that a report shows: all of it if it is short, else from a bit before the place on.
    fn window(&self) -> Range<usize> {
        let width = |c: char| c.width().unwrap_or(1);
        if self.text.chars().map(width).sum::<usize>() <= SHOWN_CELLS {
            return 0..self.text.len();
        }
        let mut cells = 0;
        let start = self.text[..self.span.start]
            .char_indices()
            .rev()
            .take_while(|&(_, c)| {
                cells += width(c);
                cells <= SHOWN_CELLS / 2
            })
            .last()
            .map_or(self.span.start, |(at, _)| at);
        let mut cells = 0;
        let end = self.text[start..]
            .char_indices()
            .find(|&(_, c)| {
                cells += width(c);
                cells > SHOWN_CELLS
            })
            .map_or(self.text.len(), |(at, _)| start + at);
        start..end.max(self.span.start)
    }
}

/// Where clauses end after which a text can be left; not within what it quotes.
fn clause_ends(text: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut in_quote = false;
    for (at, c) in text.char_indices() {
        let rest = &text[at..];
        match c {
            '`' => in_quote = !in_quote,
            _ if in_quote => {}
            '?' if rest.starts_with("? ") => ends.push(at + 1),
            ';' if rest.starts_with("; ") => ends.push(at),
            ',' if rest.starts_with(", like `") => ends.push(at),
            _ => {}
        }
    }
    ends
}

/// The short form, on one line.
impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FilterError {}

/// Without what takes no cell, or more than one, or moves the cursor: a mark below points at a place.
fn dotted(text: &str) -> String {
    let dotted = |c| if is_harmful(c) { '·' } else { c };
    text.chars().map(dotted).collect()
}

/// A piece of the text as a message quotes it: safe for the terminal and not too long for a line.
pub fn quoted(piece: &str) -> String {
    const MOST: usize = 32;
    let mut short: String = dotted(piece).chars().take(MOST).collect();
    if piece.chars().count() > MOST {
        short.push('…');
    }
    format!("`{short}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str, span: Range<usize>) -> String {
        FilterError::new(span, "wrong").of(text).report()
    }

    #[test]
    fn carets_stand_under_the_place() {
        assert_eq!(report("port x", 5..6), "port x\n     ^\nwrong");
        assert_eq!(report("port", 4..4), "port\n    ^\nwrong");
        assert_eq!(report("日本 x", 7..8), "日本 x\n     ^\nwrong");
        assert_eq!(report("a\t\x1bx日", 3..7), "a··x日\n   ^^^\nwrong");
        assert_eq!(report("ü", 1..9), "ü\n^\nwrong");
    }

    #[test]
    fn in_fewer_words_it_keeps_the_suggestion() {
        let forms = |message: &str, help: &str| FilterError::new(0..0, message).help(help).forms();
        assert_eq!(
            forms(
                "unknown field `prt`",
                "did you mean `port`? To search for the word, quote it"
            ),
            [
                "unknown field `prt`; did you mean `port`? To search for the word, quote it",
                "unknown field `prt`; did you mean `port`?",
                "did you mean `port`?",
                "unknown field `prt`",
            ]
        );
        assert_eq!(
            forms(
                "`x` is not a port",
                "`port` takes a port, 0 to 65535, like `port 443`"
            ),
            [
                "`x` is not a port; `port` takes a port, 0 to 65535, like `port 443`",
                "`x` is not a port; `port` takes a port, 0 to 65535",
                "`x` is not a port",
            ]
        );
        assert_eq!(FilterError::new(0..0, "`a; b? c`").forms(), ["`a; b? c`"]);
    }

    #[test]
    fn of_a_long_text_the_part_around_the_place_is_shown() {
        let text = format!("{}port{}", "x".repeat(500), "日".repeat(500));
        let lines: Vec<String> = report(&text, 500..504).lines().map(Into::into).collect();
        assert_eq!(
            lines[0],
            format!("…{}port{}…", "x".repeat(50), "日".repeat(23))
        );
        assert_eq!(lines[1], format!("{}^^^^", " ".repeat(51)));
        let lines: Vec<String> = report(&text, 0..1500).lines().map(Into::into).collect();
        assert_eq!(lines[0], format!("{}…", "x".repeat(100)));
        assert_eq!(lines[1], "^".repeat(100));
    }
}
