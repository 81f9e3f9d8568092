//! Parses a filter's tokens into an expression: the grammar, and errors about missing or extra tokens.
//!
//! `lex` splits the text into tokens, `literal` parses a value.
//!
//! ```text
//! filter := [ any ]
//! any    := all ( "or" all )*
//! all    := negated ( [ "and" ] negated )*
//! negated := "not"* ( "(" any ")" | term )
//! term   := FIELD [ OPERATOR ] value ( "," value )*  |  WORD ( "," WORD )*
//! ```

use std::fmt;
use std::ops::Range;

use winnow::Parser;
use winnow::combinator::{cut_err, delimited, opt, preceded, repeat, separated};
use winnow::error::{ErrMode, ParserError};
use winnow::stream::{Stateful, Stream, TokenSlice};
use winnow::token::any;

use crate::filter::UidOf;
use crate::filter::adjacent::{error_after_number, pieces};
use crate::filter::diagnostics::{
    expected_after, missing_term, missing_value, nearest_fields, no_comparison, no_negation,
    not_a_term, not_a_value, stray, unfinished, unknown_field, wrong_operator,
};
use crate::filter::error::{FilterError, quoted};
use crate::filter::expr::{Expr, Literal, Op, Term};
use crate::filter::lex::{Token, TokenKind as Tok, lex};
use crate::filter::literal::{self, Bad, did_you_mean};
use crate::model::fields::{Field, FieldKind, by_word};

/// Maximum length of a filter in bytes. Anything longer is a list that belongs in a regular expression.
pub const LONGEST: usize = 16 * 1024;
/// Maximum nesting of parentheses: the parser, and every walk over the expression, recurses by them.
const DEEPEST: u32 = 64;
/// Maximum number of regular expressions, as each may take `literal::REGEX_BYTES`.
const MOST_REGEXES: u32 = 32;

/// State shared by all parts of the grammar.
#[derive(Clone, Copy)]
struct Context<'s> {
    text: &'s str,
    users: UidOf,
    /// Cursor position while the filter is being typed. The word directly before it may be unfinished.
    cursor: Option<usize>,
    depth: u32,
    regexes: u32,
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "depth {}", self.depth)
    }
}

type Input<'s> = Stateful<TokenSlice<'s, Token<'s>>, Context<'s>>;
type Result<T> = std::result::Result<T, ErrMode<FilterError>>;

impl<'s> ParserError<Input<'s>> for FilterError {
    type Inner = Self;

    fn from_input(input: &Input<'s>) -> Self {
        FilterError::new(here(input), "not expected here")
    }

    fn into_inner(self) -> std::result::Result<Self, Self> {
        Ok(self)
    }
}

/// Place of the next token, or the end.
fn here(input: &Input<'_>) -> Range<usize> {
    let end = input.state.text.len();
    peek(input).map_or(end..end, |t| t.span.clone())
}

/// Returns the next token without consuming it.
fn peek<'s>(input: &Input<'s>) -> Option<&'s Token<'s>> {
    input.input.peek_token()
}

/// Returns the token before the next one.
fn previous<'s>(input: &Input<'s>) -> Option<&'s Token<'s>> {
    input.input.previous_tokens().next()
}

/// Fails with an error that no other branch of the grammar can recover from.
fn fail<T>(error: FilterError) -> Result<T> {
    Err(ErrMode::Cut(error))
}

/// Rejects a text that is longer than [`LONGEST`].
pub fn check_length(text: &str) -> std::result::Result<(), FilterError> {
    if text.len() > LONGEST {
        let message = format!("the filter is longer than {LONGEST} bytes");
        return Err(FilterError::new(LONGEST..text.len(), message).of(text));
    }
    Ok(())
}

/// Parses a filter.
pub fn parse(
    text: &str,
    users: UidOf,
    cursor: Option<usize>,
) -> std::result::Result<Expr, FilterError> {
    check_length(text)?;
    let tokens = lex(text);
    let mut input = Stateful {
        input: TokenSlice::new(&tokens),
        state: Context {
            text,
            users,
            cursor,
            depth: 0,
            regexes: 0,
        },
    };
    filter(&mut input).map_err(|e| match e {
        ErrMode::Cut(error) | ErrMode::Backtrack(error) => error.of(text),
        ErrMode::Incomplete(_) => FilterError::new(0..0, "incomplete").incomplete().of(text),
    })
}

fn is<'s>(kind: Tok) -> impl Parser<Input<'s>, &'s Token<'s>, ErrMode<FilterError>> {
    any.verify(move |t: &&Token<'_>| t.kind == kind)
}

fn filter(input: &mut Input<'_>) -> Result<Expr> {
    if input.is_empty() {
        return Ok(Expr::All(Vec::new()));
    }
    let expr = alternatives(input)?;
    match peek(input) {
        None => Ok(expr),
        Some(t) => fail(
            FilterError::new(t.span.clone(), "unmatched `)`")
                .help("to search for a parenthesis, quote it"),
        ),
    }
}

fn alternatives(input: &mut Input<'_>) -> Result<Expr> {
    separated(1.., all, is(Tok::Or))
        .map(|parts| one_or(parts, Expr::Any))
        .parse_next(input)
}

fn all(input: &mut Input<'_>) -> Result<Expr> {
    let first = negated(input)?;
    let next = |input: &mut Input<'_>| {
        let joined = opt(is(Tok::And)).parse_next(input)?.is_some();
        match peek(input).map(|t| &t.kind) {
            None | Some(Tok::Or | Tok::Close) if !joined => {
                Err(ErrMode::Backtrack(FilterError::from_input(input)))
            }
            _ => negated(input),
        }
    };
    let mut parts = vec![first];
    let rest: Vec<Expr> = repeat(0.., next).parse_next(input)?;
    parts.extend(rest);
    Ok(one_or(parts, Expr::All))
}

fn one_or(mut parts: Vec<Expr>, several: fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            several(parts)
        }
        None => several(parts),
    }
}

fn negated(input: &mut Input<'_>) -> Result<Expr> {
    let negations: usize = repeat(
        0..,
        is(Tok::Not).map(|t: &Token<'_>| {
            if t.text.starts_with('!') {
                t.text.len()
            } else {
                1
            }
        }),
    )
    .fold(|| 0, |sum, n| sum + n)
    .parse_next(input)?;
    let expr = match peek(input).map(|t| &t.kind) {
        Some(Tok::Open) => parenthesised(input)?,
        _ => term(input)?,
    };
    Ok(match negations % 2 {
        0 => expr,
        _ => Expr::Not(Box::new(expr)),
    })
}

fn parenthesised(input: &mut Input<'_>) -> Result<Expr> {
    let open = here(input);
    input.state.depth += 1;
    if input.state.depth > DEEPEST {
        let message = format!("parentheses are nested more than {DEEPEST} deep");
        return fail(FilterError::new(open, message));
    }
    let close = |input: &mut Input<'_>| match input.next_token() {
        Some(t) if t.kind == Tok::Close => Ok(()),
        _ => fail(
            FilterError::new(open.clone(), "unclosed `(`")
                .help("add a closing `)`")
                .incomplete(),
        ),
    };
    let expr = delimited(any, cut_err(alternatives), close).parse_next(input)?;
    input.state.depth -= 1;
    Ok(expr)
}

fn term(input: &mut Input<'_>) -> Result<Expr> {
    let Some(token) = peek(input) else {
        return fail(missing_term(here(input), previous(input)));
    };
    match &token.kind {
        Tok::Word => match (field_named(token.text), operator_follows(input)) {
            (Some(field), _) => compare(field, token, input),
            (None, true) => fail(unknown_field(token)),
            (None, false) => words(input),
        },
        Tok::Quoted(_) if operator_follows(input) => fail(
            FilterError::new(token.span.clone(), "quoted text is not a field")
                .help("write field names without quotes"),
        ),
        Tok::Quoted(_) => words(input),
        _ => fail(not_a_term(token, previous(input))),
    }
}

fn field_named(word: &str) -> Option<&'static Field> {
    by_word(&word.to_ascii_lowercase())
}

/// True if an operator comes after the next token.
fn operator_follows(input: &Input<'_>) -> bool {
    matches!(
        input.get(1),
        Some(Token {
            kind: Tok::Op(_),
            ..
        })
    ) || input.get(1).is_some_and(|t| looks_like_operator(t))
}

fn looks_like_operator(token: &Token<'_>) -> bool {
    token.kind == Tok::Stray && !["&", "|"].contains(&token.text)
}

/// Parses bare words: text to search for, without a field.
fn words(input: &mut Input<'_>) -> Result<Expr> {
    let first = peek(input);
    let words: Vec<String> = separated(1.., bare_word, is(Tok::Comma)).parse_next(input)?;
    if let (Some(first), [_]) = (first, words.as_slice()) {
        not_misspelt(first, input)?;
    }
    Ok(Expr::Term(Term::Words(words)))
}

fn bare_word(input: &mut Input<'_>) -> Result<String> {
    let Some(token) = peek(input) else {
        return fail(missing_value(here(input), previous(input)));
    };
    let text = match &token.kind {
        Tok::Word => token.text,
        Tok::Quoted(text) if text.is_empty() => {
            return fail(
                FilterError::new(token.span.clone(), "empty quotes: nothing to search for")
                    .incomplete(),
            );
        }
        Tok::Quoted(text) => text,
        _ => return fail(not_a_value(token)),
    };
    if token.kind == Tok::Word {
        literal::bare_word(text).or_else(|bad| fail(told(bad, token, input)))?;
        if is_being_typed(token, input) {
            unfinished(token).map_or(Ok(()), fail)?;
        }
    }
    let text = text.to_owned();
    input.next_token();
    apart(token, input)?;
    Ok(text)
}

/// True if the word may continue with the next key.
fn is_being_typed(token: &Token<'_>, input: &Input<'_>) -> bool {
    token.kind == Tok::Word && input.state.cursor == Some(token.span.end)
}

/// Rejects a likely typo: `reson refused` would search for two words, which nobody means. A word that is nearly a
/// field's, followed by a value that the field takes, is an error.
fn not_misspelt(word: &Token<'_>, input: &Input<'_>) -> Result<()> {
    let (Tok::Word, Some(next)) = (&word.kind, peek(input)) else {
        return Ok(());
    };
    let (value, in_quotes) = match &next.kind {
        Tok::Word if field_named(next.text).is_none() => (next.text, false),
        Tok::Quoted(text) => (text.as_str(), true),
        _ => return Ok(()),
    };
    let near = nearest_fields(&word.text.to_lowercase());
    let fits: Vec<&str> = near
        .into_iter()
        .filter(|w| {
            by_word(w)
                .is_some_and(|f| literal::read(f, value, in_quotes, input.state.users).is_ok())
        })
        .collect();
    if fits.is_empty() {
        return Ok(());
    }
    fail(
        FilterError::new(
            word.span.clone(),
            format!("unknown field {}", quoted(word.text)),
        )
        .help(format!(
            "{} To search for the word, quote it",
            did_you_mean(&fits)
        )),
    )
}

/// Parses a field and what it is compared with.
fn compare(field: &'static Field, word: &Token<'_>, input: &mut Input<'_>) -> Result<Expr> {
    input.next_token();
    let kind = literal::kind_of(field);
    let term = |op, values| Ok(Expr::Term(Term::Compare { field, op, values }));
    let op = match peek(input).map(|t| (&t.kind, t)) {
        Some((Tok::Op(op), token)) if !literal::operators(field).contains(op) => {
            return fail(wrong_operator(field, *op, token));
        }
        Some((Tok::Op(op), _)) => {
            input.next_token();
            *op
        }
        Some((Tok::Stray, token)) => return fail(stray(token)),
        Some((Tok::Word | Tok::Quoted(_) | Tok::Unclosed, token))
            if kind != FieldKind::Bool || is_meant_as_bool(token, input) =>
        {
            Op::Eq
        }
        _ if kind == FieldKind::Bool => return term(Op::Eq, vec![Literal::Bool(true)]),
        Some((Tok::Not, token)) if token.text == "!" => return fail(no_negation(token)),
        next => {
            let is_typed = input.state.cursor.is_some();
            return fail(no_comparison(field, word, next.is_some(), is_typed));
        }
    };
    let value = |input: &mut Input<'_>| value(field, op, input);
    if op.takes_regex() || !matches!(op, Op::Eq | Op::Ne) {
        let one = value(input)?;
        if let Some(comma) = peek(input).filter(|t| t.kind == Tok::Comma) {
            let message = format!("`{}` takes one value", op.symbol());
            return fail(
                FilterError::new(comma.span.clone(), message).help("only = and != take lists"),
            );
        }
        return term(op, vec![one]);
    }
    let values = (value, repeat(0.., preceded(is(Tok::Comma), value)))
        .map(|(first, rest): (Literal, Vec<Literal>)| [vec![first], rest].concat())
        .parse_next(input)?;
    term(op, values)
}

/// True for yes and no, and for words that resemble them: anything else after a field that can stand alone is the next
/// term.
fn is_meant_as_bool(token: &Token<'_>, input: &Input<'_>) -> bool {
    token.kind == Tok::Word
        && field_named(token.text).is_none()
        && !operator_follows(input)
        && !literal::near_bool(token.text).is_empty()
}

fn value(field: &'static Field, op: Op, input: &mut Input<'_>) -> Result<Literal> {
    let Some(token) = peek(input) else {
        let error = missing_value(here(input), previous(input));
        return fail(error.help(expected_after(op, field)));
    };
    let (text, in_quotes) = match &token.kind {
        Tok::Word | Tok::Pattern => (token.text, false),
        Tok::Quoted(text) => (text.as_str(), true),
        Tok::Op(_) | Tok::Comma | Tok::Open | Tok::Close => {
            return fail(not_a_value(token).help(expected_after(op, field)));
        }
        _ => return fail(not_a_value(token)),
    };
    let literal = if op.takes_regex() {
        input.state.regexes += 1;
        if input.state.regexes > MOST_REGEXES {
            let message = format!("more than {MOST_REGEXES} regular expressions");
            return fail(FilterError::new(token.span.clone(), message));
        }
        if token.kind == Tok::Pattern && text.ends_with(',') {
            let end = token.span.end;
            let message = format!("`{}` takes one value", op.symbol());
            return fail(
                FilterError::new(end - 1..end, message)
                    .help("for several, write `~ ^(a|b)`; quote a literal `,`"),
            );
        }
        literal::regex(text).map(|()| Literal::Regex(text.to_owned()))
    } else {
        literal::read(field, text, in_quotes, input.state.users)
    };
    let in_pieces = |error: FilterError, input: &Input<'_>| {
        let following = input.get(1..).unwrap_or_default();
        // a range would be wrong here too
        let fits = |whole: &str| matches!(op, Op::Eq | Op::Ne) || !whole.contains('-');
        match pieces(field, token, following).filter(|p| fits(&p.whole)) {
            Some(pieces) => error.help(did_you_mean(&[&pieces.whole])),
            None => error,
        }
    };
    let literal = match literal.or_else(|bad| fail(in_pieces(told(bad, token, input), input)))? {
        Literal::Text(text) if op == Op::Eq && is_being_typed(token, input) => {
            Literal::Beginning(text)
        }
        literal => literal,
    };
    if let Literal::Number(from, to) = literal
        && from != to
        && !matches!(op, Op::Eq | Op::Ne)
    {
        let message = format!(
            "`{}` takes one value, not the range {}",
            op.symbol(),
            quoted(text)
        );
        return fail(
            FilterError::new(token.span.clone(), message).help("only = and != take ranges"),
        );
    }
    input.next_token();
    apart(token, input)?;
    if matches!(literal, Literal::Number(..)) {
        alone(field, op, token, input)?;
    }
    Ok(literal)
}

/// Rejects `tx > 10 MB`, which would be a number and a word to search for.
fn alone(field: &'static Field, op: Op, number: &Token<'_>, input: &Input<'_>) -> Result<()> {
    let Some(error) = error_after_number(field, op, number, &input.input) else {
        return Ok(());
    };
    // an unfinished word may yet become a term
    let is_unfinished = peek(input).is_some_and(|next| is_being_typed(next, input));
    fail(if is_unfinished {
        error.incomplete()
    } else {
        error
    })
}

/// Places an error of `literal` in the text.
fn told(bad: Bad, token: &Token<'_>, input: &Input<'_>) -> FilterError {
    let span = match (&token.kind, bad.at) {
        (Tok::Quoted(text), Some(at)) if text.len() + 2 == token.text.len() => {
            token.span.start + 1 + at.start..token.span.start + 1 + at.end
        }
        (Tok::Word | Tok::Pattern, Some(at)) => {
            token.span.start + at.start..token.span.start + at.end
        }
        _ => token.span.clone(),
    };
    let error = FilterError::new(span, bad.message).help(bad.help);
    let open_ended = !matches!(token.kind, Tok::Quoted(_));
    if bad.partial && open_ended && token.span.end == input.state.text.len() {
        error.incomplete()
    } else {
        error
    }
}

/// Rejects a quote within a word, such as `a"b c"`, which would split it in two terms.
fn apart(token: &Token<'_>, input: &Input<'_>) -> Result<()> {
    match peek(input) {
        Some(next)
            if next.span.start == token.span.end
                && matches!(next.kind, Tok::Word | Tok::Quoted(_) | Tok::Unclosed) =>
        {
            fail(
                FilterError::new(next.span.clone(), "a quote begins or ends inside a word")
                    .help("quote the whole word"),
            )
        }
        _ => Ok(()),
    }
}
