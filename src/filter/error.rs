//! Filter errors: the place, what is wrong, and what was expected there.
//!
//! Also formats them, on one line for the prompt and on three for the command line.

use std::fmt;
use std::ops::Range;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::text::sanitize::is_harmful;

/// Maximum width of the filter's text in a report, in cells: with the prefix, a line of 120 cells has room for it.
const SHOWN_CELLS: usize = 100;

/// Beginning of a suggestion.
pub const SUGGESTION: &str = "did you mean ";

/// Beginnings of lists that are too long for a line of the prompt, and where it shows them.
const LISTS: &[(&str, &str)] = &[
    ("use one of ", "Tab after the field lists its values"),
    (" takes one of ", "Tab after the field lists its values"),
    (
        "the fields are ",
        "Tab where a term begins lists the fields",
    ),
];

/// Reason that a text is not a filter.
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

    /// Marks an error that more text could fix.
    pub fn incomplete(mut self) -> Self {
        self.incomplete = true;
        self
    }

    /// Attaches the filter's text. The place is limited to it and to whole characters.
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

    /// The place: a range of bytes of the text, at character boundaries; empty and at the end if something is missing.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The problem, in a few words.
    #[cfg(any(test, feature = "testing"))]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The valid forms or a suggestion, if any.
    #[cfg(any(test, feature = "testing"))]
    pub fn expected(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// True if the text ends too early: it may still become a filter. The prompt then keeps the previous filter, and
    /// need not report what is being typed as an error.
    pub fn is_incomplete(&self) -> bool {
        self.incomplete
    }

    /// Formats three lines for the command line: the text, carets under the place, and what is wrong. A long text is
    /// reduced to the part around the place. Control characters are dots, so that the carets line up and the terminal
    /// is safe.
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

    /// Returns ever shorter versions of the short form, for narrow places: all of it, then without its last clauses, then the
    /// cure without the message, and at last the message. What to write is more useful than what is wrong.
    pub fn forms(&self) -> Vec<String> {
        let whole = self.to_string();
        let shortened = |text: &str, least: usize| {
            let ends = clause_ends(text).into_iter().rev();
            let ends = ends.filter(|end| *end > least);
            ends.map(|end| text[..end].to_owned()).collect::<Vec<_>>()
        };
        let mut forms = vec![whole.clone()];
        forms.extend(shortened(&whole, self.message.len()));
        if let Some(help) = &self.help {
            match self.brief() {
                Some(brief) => forms.extend([format!("{}; {brief}", self.message), brief.into()]),
                None => {
                    forms.push(help.clone());
                    forms.extend(shortened(help, 0));
                }
            }
        }
        forms.push(self.message.clone());
        forms.extend(shortened(&self.message, 0));
        let gist = self
            .message
            .rsplit_once(": ")
            .map(|(gist, _)| gist.to_owned());
        forms.extend(gist);
        forms
    }

    /// A short hint for a long list.
    fn brief(&self) -> Option<&'static str> {
        let help = self.help.as_deref()?;
        let found = LISTS.iter().find(|(list, _)| help.contains(list));
        found.map(|(_, brief)| *brief)
    }

    /// The least that says what to write.
    #[cfg(test)]
    pub fn cure(&self) -> &str {
        let help = self.help.as_deref().unwrap_or(&self.message);
        let end = clause_ends(help).first().copied().unwrap_or(help.len());
        self.brief().unwrap_or(&help[..end])
    }

    /// Returns the part of the text that a report shows: all of it if it is short, otherwise a part that begins shortly
    /// before the place.
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

/// Returns the ends of clauses at which a text can be cut; not within quotes.
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

/// Replaces characters that do not take exactly one cell or move the cursor, so that the carets below point at the right
/// place.
fn dotted(text: &str) -> String {
    let dotted = |c| if is_harmful(c) { '·' } else { c };
    text.chars().map(dotted).collect()
}

/// Quotes a piece of the text for a message: safe for the terminal and short enough for a line.
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
    fn report_puts_carets_under_the_error() {
        assert_eq!(report("port x", 5..6), "port x\n     ^\nwrong");
        assert_eq!(report("port", 4..4), "port\n    ^\nwrong");
        assert_eq!(report("日本 x", 7..8), "日本 x\n     ^\nwrong");
        assert_eq!(report("a\t\x1bx日", 3..7), "a··x日\n   ^^^\nwrong");
        assert_eq!(report("ü", 1..9), "ü\n^\nwrong");
    }

    #[test]
    fn forms_shortened_error_keeps_the_suggestion() {
        let forms = |message: &str, help: &str| FilterError::new(0..0, message).help(help).forms();
        assert_eq!(
            forms(
                "unknown field `prt`",
                "did you mean `port`? To search for the word, quote it"
            ),
            [
                "unknown field `prt`; did you mean `port`? To search for the word, quote it",
                "unknown field `prt`; did you mean `port`?",
                "did you mean `port`? To search for the word, quote it",
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
                "`port` takes a port, 0 to 65535, like `port 443`",
                "`port` takes a port, 0 to 65535",
                "`x` is not a port",
            ]
        );
        assert_eq!(
            forms("unknown field `x`", "the fields are pid comm"),
            [
                "unknown field `x`; the fields are pid comm",
                "unknown field `x`; Tab where a term begins lists the fields",
                "Tab where a term begins lists the fields",
                "unknown field `x`",
            ]
        );
        assert_eq!(FilterError::new(0..0, "`a; b? c`").forms()[0], "`a; b? c`");
    }

    #[test]
    fn report_of_long_filter_shows_the_part_around_the_error() {
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
