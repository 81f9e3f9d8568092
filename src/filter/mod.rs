//! The filter language: a line of text that says which sessions are meant.
//!
//! Responsible for reading it, for trying sessions, for what the kernel can decide of it, for what completes it and
//! for its own explanation. Knows no kernel and no terminal. Not responsible for the prompt (`ui`) nor for the
//! command line (`cli`).
//!
//! The words are those of [`FIELDS`](crate::model::fields::FIELDS): a new row there is a new word here.

mod adjacent;
mod complete;
mod diagnostics;
mod error;
mod eval;
mod expr;
mod help;
mod lex;
mod literal;
mod parse;
mod pushdown;
mod satisfiable;
pub mod select;
#[cfg(test)]
mod tests;

use std::str::FromStr;

pub use complete::{Completions, complete};
pub use error::FilterError;
use eval::Node;
use expr::Expr;
#[cfg(any(test, feature = "testing"))]
pub use help::help_markdown;
pub use help::{GRAMMAR, help_rows};

use crate::model::capture_filter::CaptureFilter;
use crate::model::session::Session;

/// Finds the id of a user by name.
pub type UidOf = fn(&str) -> Option<u32>;

/// Knows no user.
fn no_users(_: &str) -> Option<u32> {
    None
}

/// Which sessions are meant. Read once, tried on any number.
#[derive(Clone, Debug)]
pub struct Filter {
    source: String,
    expr: Expr,
    node: Node,
}

impl Filter {
    /// Reads a filter that names no user. An empty text means everything.
    ///
    /// # Errors
    /// As [`Filter::parse_with`].
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        Filter::parse_with(text, no_users)
    }

    /// Reads a filter. An empty text means everything.
    ///
    /// # Errors
    /// [`FilterError`], with the place and what was expected there.
    pub fn parse_with(text: &str, users: UidOf) -> Result<Filter, FilterError> {
        Filter::new(text, parse::parse(text, users, None)?)
    }

    /// Reads a filter while it is being typed, with the cursor at that byte: the word that it stands behind may go on.
    /// A bare word that may yet become a field or a keyword is incomplete, so that what is on the way to
    /// `port 443 and rtt > 1ms` does not look for `an` or `rt`; and a text that a field is to equal is the beginning
    /// of one, so that what is on the way to `comm curl` shows that among others and not nothing.
    ///
    /// # Errors
    /// As [`Filter::parse`]; [`FilterError::is_incomplete`] tells whether to wait for more.
    pub fn parse_typed(text: &str, cursor: usize, users: UidOf) -> Result<Filter, FilterError> {
        Filter::new(text, parse::parse(text, users, Some(cursor))?)
    }

    fn new(text: &str, expr: Expr) -> Result<Filter, FilterError> {
        let node = Node::new(&expr).map_err(|e| {
            FilterError::new(0..text.len(), format!("bad regular expression: {e}")).of(text)
        })?;
        Ok(Filter {
            source: text.to_owned(),
            expr,
            node,
        })
    }

    /// Those that also match another filter, in words that stand on one line. The same filter if it says so already.
    ///
    /// # Errors
    /// As [`Filter::parse`] of the other's text.
    pub fn and(&self, other: &str) -> Result<Filter, FilterError> {
        let term = Filter::parse(other)?;
        let is_there = match &self.expr {
            Expr::All(parts) => parts.contains(&term.expr),
            expr => *expr == term.expr,
        };
        if is_there {
            return Ok(self.clone());
        }
        if self.is_everything() {
            return Ok(term);
        }
        let parts = |expr: &Expr| match expr {
            Expr::All(parts) => parts.clone(),
            expr => vec![expr.clone()],
        };
        let both = [parts(&self.expr), parts(&term.expr)].concat();
        let source = self.source.trim();
        let source = match self.expr {
            // weaker than `and`
            Expr::Any(_) => format!("({source}) and {other}"),
            _ => format!("{source} and {other}"),
        };
        Filter::new(&source, Expr::All(both))
    }

    /// True if the session is meant. Takes no memory.
    pub fn matches(&self, session: &Session) -> bool {
        self.node.matches(session)
    }

    /// True if there is no condition.
    pub fn is_everything(&self) -> bool {
        self.expr == Expr::All(Vec::new())
    }

    /// False if no session that is over can be meant, as far as is sure.
    pub fn can_match_closed(&self) -> bool {
        satisfiable::can_fit(&self.expr)
    }

    /// The text that was read.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The filter in its plainest form, with every operator and all quotes; it means the same.
    #[cfg(any(test, feature = "testing"))]
    pub fn canonical(&self) -> String {
        self.expr.to_string()
    }

    /// What the kernel can decide of it: a capture that lets through whatever is meant, and maybe more.
    pub fn capture(&self) -> CaptureFilter {
        pushdown::pushdown(&self.expr, false)
    }

    /// True if [`Filter::capture`] is known to let through nothing that is not meant.
    pub fn is_decided_by_capture(&self) -> bool {
        pushdown::is_whole(&self.expr)
    }
}

/// A text as a filter's value: as it is, or in quotes if it would mean something else so.
pub fn quoted(text: &str) -> String {
    if lex::is_plain_word(text) && !text.contains('*') {
        text.to_owned()
    } else {
        expr::in_quotes(text)
    }
}

/// Everything.
impl Default for Filter {
    fn default() -> Self {
        Filter {
            source: String::new(),
            expr: Expr::All(Vec::new()),
            node: Node::All(Vec::new()),
        }
    }
}

/// Two filters are equal if they mean the same in the same words.
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
