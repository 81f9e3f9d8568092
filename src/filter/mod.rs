//! The filter language: a line of text that selects sessions.
//!
//! Parses and evaluates filters, derives the capture filter for the kernel, completes text and documents the language.
//! Independent of kernel and terminal; the prompt is in `ui`, the flags are in `cli`.
//!
//! The words are those of [`FIELDS`](crate::model::fields::FIELDS): a new row there is a new word here.

mod adjacent;
mod complete;
mod diagnostics;
mod error;
mod eval;
mod expr;
pub mod for_difference;
pub mod for_failure;
pub mod for_finding;
pub mod for_group;
mod foreign;
mod forms;
mod help;
mod lex;
mod literal;
mod nearby;
mod parse;
mod phrases;
mod pushdown;
mod satisfiable;
mod services;
mod shorthand;
#[cfg(test)]
mod tests;

use std::str::FromStr;

pub use complete::{Completions, complete};
pub use error::FilterError;
use eval::{IfAtLeast, Node};
use expr::Expr;
#[cfg(any(test, feature = "testing"))]
pub use help::help_markdown;
pub use help::{GRAMMAR, RULES, help_rows, help_text};
pub use lex::is_plain_word;
pub use nearby::readings;
use nearby::{programs_as_ports, texts_as_patterns};
pub use parse::LONGEST;
use parse::Mended;

use crate::model::capture_filter::CaptureFilter;
use crate::model::fields::{Field, FieldKind};
use crate::model::session::Session;

/// Looks up a user's id by name.
pub type UidOf = fn(&str) -> Option<u32>;

/// Lookup that knows no user.
fn no_users(_: &str) -> Option<u32> {
    None
}

/// A parsed filter, for use on any number of sessions.
#[derive(Clone, Debug)]
pub struct Filter {
    source: String,
    /// The text with its misspelled words as they were taken, if there are any.
    mended: Option<String>,
    expr: Expr,
    node: Node,
    /// The sessions that may match, if some have only a lower bound of what is compared.
    possible: Option<Node>,
    /// True if a line that stands for both ends of a connection has a condition on its other end, too.
    is_of_lines: bool,
}

impl Filter {
    /// Parses a filter without user names. An empty text matches everything.
    ///
    /// # Errors
    /// As [`Filter::parse_with`].
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        Filter::parse_with(text, no_users)
    }

    /// Parses a filter. An empty text matches everything.
    ///
    /// # Errors
    /// [`FilterError`], with the place and what was expected there.
    pub fn parse_with(text: &str, users: UidOf) -> Result<Filter, FilterError> {
        Filter::parsed(text, parse::parse(text, users, None)?)
    }

    /// Parses a filter while it is being typed, with the cursor at that byte: the word directly before it may continue.
    /// A bare word that may yet become a field or a keyword is incomplete, so that typing `port 443 and rtt > 1ms` does
    /// not search for `an` or `rt`; and a text that a field is compared with is taken as a beginning, so that typing
    /// `comm curl` shows matches instead of nothing.
    ///
    /// # Errors
    /// As [`Filter::parse`]; [`FilterError::is_incomplete`] tells whether to wait for more.
    pub fn parse_typed(text: &str, cursor: usize, users: UidOf) -> Result<Filter, FilterError> {
        Filter::parsed(text, parse::parse(text, users, Some(cursor))?)
    }

    fn parsed(text: &str, (expr, mended): (Expr, Vec<Mended>)) -> Result<Filter, FilterError> {
        let mut whole = text.to_owned();
        for Mended { span, word } in mended.iter().rev() {
            whole.replace_range(span.clone(), word);
        }
        Ok(Filter {
            mended: (whole != text).then_some(whole),
            ..Filter::new(text, expr)?
        })
    }

    fn new(text: &str, expr: Expr) -> Result<Filter, FilterError> {
        let is_bad = |e: regex::Error| {
            FilterError::new(0..text.len(), format!("bad regular expression: {e}")).of(text)
        };
        Ok(Filter {
            source: text.to_owned(),
            mended: None,
            node: Node::new(&expr, IfAtLeast::Certain).map_err(is_bad)?,
            possible: match expr.mentions(&Field::has_bounds) {
                true => Some(Node::new(&expr, IfAtLeast::Possible).map_err(is_bad)?),
                false => None,
            },
            is_of_lines: expr.excludes(&Field::names_an_end) && !expr.chooses_end(),
            expr,
        })
    }

    /// Combines this filter with another one, as text that fits on one line. Returns the same filter if it already
    /// contains the other.
    ///
    /// # Errors
    /// As [`Filter::parse`] of the other's text.
    pub fn and(&self, other: &str) -> Result<Filter, FilterError> {
        let term = Filter::parse(other)?;
        if self.is_everything() {
            return Ok(term);
        }
        let parts = |expr: &Expr| match expr {
            Expr::All(parts) => parts.clone(),
            expr => vec![expr.clone()],
        };
        let (mine, theirs) = (parts(&self.expr), parts(&term.expr));
        if theirs.iter().all(|part| mine.contains(part)) {
            return Ok(self.clone());
        }
        let bound = |filter: &Filter| match filter.is_alternative() {
            true => format!("({})", filter.source.trim()),
            false => filter.source.trim().to_owned(),
        };
        let source = format!("{} and {}", bound(self), bound(&term));
        // what was typed, read as a whole: a bound of one may be that of a range of the other
        Filter::parse(&source)
    }

    /// True if the session matches when it is reported. Does not allocate.
    pub fn matches(&self, session: &Session) -> bool {
        self.matches_at(session, session.end_ns)
    }

    /// True if the session matches, with the time since its end as of this moment, ns of boot time. Does not allocate.
    pub fn matches_at(&self, session: &Session, now_ns: u64) -> bool {
        self.node.matches(session, now_ns)
    }

    /// True if a rate is compared.
    pub fn has_rate(&self) -> bool {
        self.expr.mentions(&Field::is_rate)
    }

    /// True if the session does not match for certain but may do so: it was open before the start, and only a lower bound of
    /// its duration is known.
    pub fn leaves_undecided(&self, session: &Session) -> bool {
        let may_match = |node: &Node| node.matches(session, session.end_ns);
        self.possible.as_ref().is_some_and(may_match) && !self.matches(session)
    }

    /// True if a matching session may have a line that stands for its other end, too: `not comm curl` and `rport != 443` leave
    /// out connections of which either end is that.
    pub fn allows_line(&self, session: &Session, other: &Session, now_ns: u64) -> bool {
        !self.is_of_lines || self.node.matches_line(session, other, now_ns)
    }

    /// True if it consists of alternatives, which bind more weakly than `and`.
    pub fn is_alternative(&self) -> bool {
        matches!(self.expr, Expr::Any(_))
    }

    /// True if a text is compared with a regular expression.
    pub fn has_regex(&self) -> bool {
        self.expr.has_regex()
    }

    /// True if a name, as of a state, is among its values or words.
    pub fn has_name(&self, name: &str) -> bool {
        self.expr.has_name(name)
    }

    /// The bare words that are searched for as text.
    pub fn searched(&self) -> Vec<&str> {
        let mut words = Vec::new();
        self.expr.each_word(&mut |word| words.push(word));
        words
    }

    /// The names of ports that may be those of programs: `service postgres`.
    pub fn programs_as_ports(&self) -> Vec<String> {
        programs_as_ports(&self.source)
    }

    /// Terms that its texts with signs of patterns may have been meant as: `comm = "ngin*"`.
    pub fn texts_as_patterns(&self) -> Vec<String> {
        texts_as_patterns(&self.source)
    }

    /// True if the time since the end is compared.
    pub fn has_moment(&self) -> bool {
        self.expr.mentions(&|field| field.kind == FieldKind::Moment)
    }

    /// True if an open session may begin or cease to match only because time passes.
    pub fn changes_with_time(&self) -> bool {
        self.expr.mentions(&|field| field.grows_with_time())
    }

    /// True if an open session may begin or cease to match while it does nothing: time passes, and its rates become 0.
    pub fn changes_with_idleness(&self) -> bool {
        self.expr
            .mentions(&|field| field.grows_with_time() || field.is_rate())
    }

    /// True if there is no condition.
    pub fn is_everything(&self) -> bool {
        self.expr == Expr::All(Vec::new())
    }

    /// False if it certainly matches no closed session.
    pub fn can_match_closed(&self) -> bool {
        satisfiable::can_fit_closed(&self.expr)
    }

    /// False if it certainly matches no open session of a first snapshot, which has no rates.
    pub fn can_match_open(&self) -> bool {
        satisfiable::can_fit_open(&self.expr)
    }

    /// False if it certainly matches no open session, of whatever snapshot.
    pub fn can_match_live(&self) -> bool {
        satisfiable::can_fit_live(&self.expr)
    }

    /// The text that was parsed.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text with its misspelled words as they were taken; `None` if there are none.
    pub fn mended(&self) -> Option<&str> {
        self.mended.as_deref()
    }

    /// The filter in its plainest form, with every operator and all quotes; it means the same.
    #[cfg(any(test, feature = "testing"))]
    pub fn canonical(&self) -> String {
        self.expr.to_string()
    }

    /// Pushdown to the kernel: a capture filter that accepts every matching session, and maybe more.
    pub fn capture(&self) -> CaptureFilter {
        pushdown::pushdown(&self.expr, false)
    }

    /// True if [`Filter::capture`] is known to accept nothing but matching sessions.
    pub fn is_decided_by_capture(&self) -> bool {
        pushdown::is_whole(&self.expr)
    }
}

/// Formats a text as a filter's value: as it is, or in quotes if it would otherwise mean something else.
pub fn quoted(text: &str) -> String {
    if lex::is_plain_word(text)
        && !text.contains(shorthand::WILDCARDS)
        && !foreign::is_operator(text)
    {
        text.to_owned()
    } else {
        expr::in_quotes(text)
    }
}

/// Matches everything.
impl Default for Filter {
    fn default() -> Self {
        Filter {
            source: String::new(),
            mended: None,
            expr: Expr::All(Vec::new()),
            node: Node::All(Vec::new()),
            possible: None,
            is_of_lines: false,
        }
    }
}

/// Filters are equal if they mean the same in the same words.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.expr == other.expr
    }
}

impl Eq for Filter {}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Filter::parse(text)
    }
}
