//! The filter language: a line of text that says which sessions are meant.
//!
//! Responsible for reading it, for trying sessions, for what the kernel can decide of it, for what completes it and
//! for its own explanation. Knows no kernel and no terminal. Not responsible for the prompt (`ui`) nor for the
//! command line (`cli`).
//!
//! The words are those of [`FIELDS`](crate::fields::FIELDS): a new row there is a new word here.

mod behind;
mod complete;
mod error;
mod eval;
mod expr;
mod finished;
mod help;
mod implied;
mod lex;
mod literal;
mod parse;
#[cfg(test)]
mod tests;
mod units;
mod wrong;

use std::str::FromStr;

pub use complete::{Candidate, Completions, complete};
pub use error::FilterError;
pub use help::{GRAMMAR, HelpRow, help_markdown, help_rows};

use crate::capture::Capture;
use crate::session::Session;
use eval::Node;
use expr::Expr;

/// Which sessions are meant. Read once, tried on any number.
#[derive(Clone, Debug)]
pub struct Filter {
    source: String,
    expr: Expr,
    node: Node,
}

impl Filter {
    /// Reads a filter. An empty text means everything.
    ///
    /// # Errors
    /// [`FilterError`], with the place and what was expected there.
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        Filter::parse_with(text, &crate::users::uid_of)
    }

    /// Reads a filter, with another way to find the ids of users.
    ///
    /// # Errors
    /// As [`Filter::parse`].
    pub fn parse_with(
        text: &str,
        users: &dyn Fn(&str) -> Option<u32>,
    ) -> Result<Filter, FilterError> {
        Filter::new(text, parse::parse(text, users, None)?)
    }

    /// Reads a filter while it is being typed, with the cursor at that byte: the word that it stands behind may go on.
    /// A bare word that may yet become a field or a keyword is incomplete, so that what is on the way to
    /// `port 443 and rtt > 1ms` does not look for `an` or `rt`; and a text that a field is to equal is the beginning
    /// of one, so that what is on the way to `comm curl` shows that among others and not nothing.
    ///
    /// # Errors
    /// As [`Filter::parse`]; [`FilterError::is_incomplete`] tells whether to wait for more.
    pub fn parse_typed(text: &str, cursor: usize) -> Result<Filter, FilterError> {
        Filter::new(
            text,
            parse::parse(text, &crate::users::uid_of, Some(cursor))?,
        )
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
        let said = match &self.expr {
            Expr::All(parts) => parts.contains(&term.expr),
            expr => *expr == term.expr,
        };
        let source = self.source.trim();
        match self.expr {
            _ if said => Ok(self.clone()),
            _ if self.is_everything() => Ok(term),
            // weaker than `and`
            Expr::Any(_) => Filter::parse(&format!("({source}) and {other}")),
            _ => Filter::parse(&format!("{source} and {other}")),
        }
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
    pub fn can_fit_finished(&self) -> bool {
        finished::can_fit(&self.expr)
    }

    /// The text that was read.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The filter in its plainest form, with every operator and all quotes; it means the same.
    pub fn canonical(&self) -> String {
        self.expr.to_string()
    }

    /// What the kernel can decide of it: a capture that lets through whatever is meant, and maybe more.
    pub fn capture(&self) -> Capture {
        implied::implied(&self.expr, false)
    }

    /// True if [`Filter::capture`] is known to let through nothing that is not meant.
    pub fn is_decided_by_capture(&self) -> bool {
        implied::is_whole(&self.expr)
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
