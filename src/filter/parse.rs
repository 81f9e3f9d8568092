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
//!
//! FIELD is a field's word, or that of another tool (`foreign`). A WORD is text to search for, or means a condition
//! (`shorthand`).
//! ```

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

use winnow::Parser;
use winnow::combinator::{cut_err, delimited, opt, repeat, separated};
use winnow::error::{ErrMode, ParserError};
use winnow::stream::{Stateful, Stream, TokenSlice};
use winnow::token::any;

use crate::filter::UidOf;
use crate::filter::adjacent::{error_after_number, pieces};
use crate::filter::diagnostics::{
    expected_after, is_title, missing_term, missing_value, nearest_fields, no_comparison, no_text,
    not_a_term, not_a_value, stray, unclosed_list, unfinished, unknown_field, wrong_operator,
};
use crate::filter::error::{FilterError, quoted};
use crate::filter::expr::{self, Expr, Literal, Op, Term};
use crate::filter::foreign::{
    self, begins_second_word, field_named, field_of_side, foreign_fields,
};
use crate::filter::lex::{Token, TokenKind as Tok, lex};
use crate::filter::literal::{self, Bad, did_you_mean, expected};
use crate::filter::phrases::translated;
use crate::filter::services;
use crate::filter::shorthand::{
    Bare, Meaning, bare, between_slashes, condition, meaning, meant_field, port_or_pid, wildcard,
};
use crate::model::fields::{Field, FieldKind, by_word};

/// Maximum length of a filter in bytes. Anything longer is a list that belongs in a regular expression.
pub const LONGEST: usize = 16 * 1024;
/// Maximum nesting of parentheses: the parser, and every walk over the expression, recurses by them.
const DEEPEST: u32 = 64;
/// Maximum number of regular expressions, as each may take `literal::REGEX_BYTES`.
const MOST_REGEXES: u32 = 32;

/// A misspelled word, and the one that it was taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    pub span: Range<usize>,
    pub word: Cow<'static, str>,
}

/// State shared by all parts of the grammar.
#[derive(Clone, Copy)]
struct Context<'s> {
    text: &'s str,
    users: UidOf,
    mended: &'s RefCell<Vec<Mended>>,
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

/// Parses a filter. Returns the words that were taken for others, too, in order.
pub fn parse(
    text: &str,
    users: UidOf,
    cursor: Option<usize>,
) -> std::result::Result<(Expr, Vec<Mended>), FilterError> {
    check_length(text)?;
    let tokens = translated(lex(text), cursor).map_err(|error| error.of(text))?;
    let mended = RefCell::new(Vec::new());
    let mut input = Stateful {
        input: TokenSlice::new(&tokens),
        state: Context {
            text,
            users,
            mended: &mended,
            cursor,
            depth: 0,
            regexes: 0,
        },
    };
    let expr = filter(&mut input).map_err(|e| match e {
        ErrMode::Cut(error) | ErrMode::Backtrack(error) => error.of(text),
        ErrMode::Incomplete(_) => FilterError::new(0..0, "incomplete").incomplete().of(text),
    })?;
    let mut mended = mended.take();
    mended.sort_by_key(|m| m.span.start);
    // a branch of the grammar that was left may have found it, too
    mended.dedup();
    Ok((expr, mended))
}

/// Notes that a word was taken for another one.
fn mend(token: &Token<'_>, word: &'static str, input: &Input<'_>) {
    let (span, word) = (token.span.clone(), word.into());
    input.state.mended.borrow_mut().push(Mended { span, word });
}

/// Notes that a misspelled word was taken for a field.
fn mend_field(token: &Token<'_>, field: &Field, input: &Input<'_>) {
    if !is_title(&token.text.to_lowercase()) {
        mend(token, field.word, input);
    }
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
        .map(Expr::any)
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
    Ok(Expr::all(parts))
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
        _ => expr.negated(),
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
        Tok::Word => match subject(token, input)? {
            Some((field, words)) => compare(field, words, input),
            None => words(input),
        },
        Tok::Quoted(_) if operator_follows(input) => fail(
            FilterError::new(token.span.clone(), "quoted text is not a field")
                .help("write field names without quotes"),
        ),
        Tok::Quoted(_) | Tok::Pattern => words(input),
        _ => fail(not_a_term(token, previous(input))),
    }
}

/// Finds the field that a term is about, and the number of words that name it. `None`: the word is text.
fn subject(word: &Token<'_>, input: &Input<'_>) -> Result<Option<(&'static Field, usize)>> {
    let next = input.get(1);
    let second = next.filter(|t| t.kind == Tok::Word);
    if let Some(field) = second.and_then(|t| field_of_side(word.text, t.text)) {
        return Ok(Some((field, 2)));
    }
    if let Some(field) = field_named(word.text) {
        return Ok(Some((field, 1)));
    }
    let is_compared = second.is_some_and(|t| foreign::operator(t.text).is_some())
        && input.get(2).is_some_and(|t| value_of(t).is_some());
    if word.text.contains('.') && is_compared && foreign_fields(word.text).0.next().is_none() {
        return fail(unknown_field(word));
    }
    let has_operator = operator_follows(input);
    let (foreign, is_certain) = foreign_fields(word.text);
    let foreign: Vec<&'static Field> = foreign.collect();
    let has_value = next.is_some_and(|next| value_of(next).is_some());
    let is_not_in = next.is_some_and(|next| next.kind == Tok::Not)
        && input.get(2).is_some_and(|third| lower(third) == "in");
    let has_list = next.is_some_and(|next| next.kind == Tok::Open)
        && input.get(2).is_some_and(|t| value_of(t).is_some());
    let fits = |field: &&'static Field| next.is_some_and(|next| fits(field, next, input));
    match foreign.as_slice() {
        [field]
            if has_operator
                || is_compared
                || is_certain && (has_value || has_list || is_not_in)
                || fits(field) =>
        {
            return Ok(Some((field, 1)));
        }
        [field] if is_certain && next.is_none() && input.state.cursor.is_some() => {
            return fail(no_comparison(field, word, false, true));
        }
        [_, _, ..] if has_operator || foreign.iter().any(fits) => {
            return fail(unknown_field(word));
        }
        _ => {}
    }
    let near = match foreign::is_clock(word.text) {
        true => Vec::new(),
        false => nearest_fields(&word.text.to_lowercase()),
    };
    let mut near: Vec<&'static Field> = near.into_iter().filter_map(by_word).collect();
    near.dedup();
    // `rto` is no misspelled `rtt`, and `-port` may be an option or a negation
    let is_other = foreign::elsewhere(word.text).is_some()
        || word
            .text
            .strip_prefix('-')
            .is_some_and(|name| field_named(name).is_some());
    if has_operator {
        return match near.as_slice() {
            [field] if !is_other => {
                mend_field(word, field, input);
                Ok(Some((field, 1)))
            }
            _ => fail(unknown_field(word)),
        };
    }
    // one or a few letters off, followed by a value: `reson refused` would search for two words, which nobody means
    if condition(word.text).is_some() || !has_value {
        return Ok(None);
    }
    let near: Vec<&'static Field> = near.into_iter().filter(fits).collect();
    match near.as_slice() {
        [] => Ok(None),
        _ if is_other => fail(unknown_field(word)),
        [field] if field.kind != FieldKind::Text => {
            mend_field(word, field, input);
            Ok(Some((field, 1)))
        }
        near => {
            let words: Vec<&str> = near.iter().map(|f| f.word).collect();
            let help = format!("{} To search for the word, quote it", did_you_mean(&words));
            fail(unknown_field(word).help(help))
        }
    }
}

/// The text of a token that can be a value, and true if it is in quotes.
fn value_of<'t>(token: &'t Token<'_>) -> Option<(&'t str, bool)> {
    match &token.kind {
        Tok::Word if field_named(token.text).is_none() => Some((token.text, false)),
        Tok::Pattern => Some((token.text, false)),
        Tok::Quoted(text) => Some((text.as_str(), true)),
        _ => None,
    }
}

/// True if a token is a value of the field, or may become one while it is being typed.
fn fits(field: &'static Field, token: &Token<'_>, input: &Input<'_>) -> bool {
    let Some((text, in_quotes)) = value_of(token) else {
        return false;
    };
    match meaning(field, text, in_quotes, input.state.users) {
        Ok(_) => true,
        Err(bad) => bad.partial && is_being_typed(token, input),
    }
}

/// True if an operator comes after the next token.
fn operator_follows(input: &Input<'_>) -> bool {
    let next = input.get(1).map(|t| &t.kind);
    matches!(next, Some(Tok::Op(_) | Tok::Stray))
}

/// Parses bare words: text to search for, without a field, and terms of one word.
fn words(input: &mut Input<'_>) -> Result<Expr> {
    let found: Vec<Vec<Bare>> = separated(1.., bare_word, is(Tok::Comma)).parse_next(input)?;
    let (mut texts, mut numbers, mut terms) = (Vec::new(), Vec::new(), Vec::new());
    for one in found.into_iter().flatten() {
        match one {
            Bare::Text(text) => texts.push(text),
            Bare::Number(n) => numbers.push(n),
            Bare::Condition(condition) => terms.push(condition),
        }
    }
    terms.extend(port_or_pid(&numbers));
    if !texts.is_empty() {
        terms.push(Expr::Term(Term::Words(texts)));
    }
    Ok(Expr::any(flattened(terms)))
}

/// Joins alternatives within alternatives.
fn flattened(terms: Vec<Expr>) -> Vec<Expr> {
    let parts = terms.into_iter().map(|term| match term {
        Expr::Any(parts) => parts,
        term => vec![term],
    });
    parts.collect::<Vec<_>>().concat()
}

fn bare_word(input: &mut Input<'_>) -> Result<Vec<Bare>> {
    let Some(token) = peek(input) else {
        return fail(missing_value(here(input), previous(input)));
    };
    let found = match &token.kind {
        Tok::Word | Tok::Pattern => {
            let is_all = input.state.text.trim() == token.text;
            let found = bare(token.text, is_all).or_else(|bad| fail(told(bad, token, input)))?;
            match found {
                Bare::Text(text) => {
                    if is_being_typed(token, input) {
                        unfinished(token).map_or(Ok(()), fail)?;
                    }
                    let port = services::port_named(&text).and_then(service);
                    [Bare::Text(text)].into_iter().chain(port).collect()
                }
                // or the beginning of an address
                Bare::Number(_) if is_being_typed(token, input) => {
                    vec![found, Bare::Text(token.text.to_owned())]
                }
                Bare::Condition(condition) if condition.has_regex() => {
                    count_regex(token, input)?;
                    vec![Bare::Condition(condition)]
                }
                found => vec![found],
            }
        }
        Tok::Quoted(text) if text.is_empty() => {
            return fail(
                FilterError::new(token.span.clone(), "empty quotes: nothing to search for")
                    .incomplete(),
            );
        }
        Tok::Quoted(text) => vec![Bare::Text(text.clone())],
        _ => return fail(not_a_value(token)),
    };
    input.next_token();
    apart(token, input)?;
    Ok(found)
}

/// The port of a service whose name stands alone: its sessions are meant, too.
fn service(port: u16) -> Option<Bare> {
    let value = vec![Literal::Number(port.into(), port.into())];
    by_word("port").map(|field| Bare::Condition(Expr::equal(field, value)))
}

/// True if the word may continue with the next key.
fn is_being_typed(token: &Token<'_>, input: &Input<'_>) -> bool {
    token.kind == Tok::Word && input.state.cursor == Some(token.span.end)
}

/// True while a filter is being typed whose last tokens, at most so many, come next.
fn is_last_typed(tokens: usize, input: &Input<'_>) -> bool {
    input.state.cursor.is_some() && input.input.len() <= tokens
}

/// Limits the number of regular expressions.
fn count_regex(token: &Token<'_>, input: &mut Input<'_>) -> Result<()> {
    input.state.regexes += 1;
    if input.state.regexes > MOST_REGEXES {
        let message = format!("more than {MOST_REGEXES} regular expressions");
        return fail(FilterError::new(token.span.clone(), message));
    }
    Ok(())
}

/// Parses what a field is compared with, after the words that name it.
fn compare(field: &'static Field, words: usize, input: &mut Input<'_>) -> Result<Expr> {
    let mut word = None;
    for _ in 0..words {
        word = input.next_token();
    }
    let Some(word) = word else {
        return fail(missing_term(here(input), previous(input)));
    };
    if let Some(term) = with_pattern(field, input)? {
        return Ok(term);
    }
    let op = operator(field, word, input)?;
    let Some((op, is_list)) = op else {
        let yes = vec![Literal::Bool(true)];
        return Ok(Expr::equal(field, yes));
    };
    // an option for a process id, and for priorities and ports elsewhere
    if let Some(next) = peek(input).filter(|t| t.kind == Tok::Word)
        && word.text == "-p"
        && !next.text.starts_with(|c: char| c.is_ascii_digit())
    {
        let message = format!("{} is not a process id", quoted(next.text));
        let help = format!("write `comm {}` for the process of that name", next.text);
        return fail(FilterError::new(next.span.clone(), message).help(help));
    }
    let field = meant(field, op, input);
    if op.takes_regex() || !matches!(op, Op::Eq | Op::Ne) {
        let one = value(field, op, false, input)?;
        if let Some(comma) = peek(input).filter(|t| t.kind == Tok::Comma) {
            let message = format!("`{}` takes one value", op.symbol());
            return fail(
                FilterError::new(comma.span.clone(), message).help("only = and != take lists"),
            );
        }
        let values = one.values;
        return Ok(Expr::Term(Term::Compare { field, op, values }));
    }
    let open = here(input);
    if is_list {
        input.next_token();
    }
    let mut all = value(field, op, is_list, input)?;
    loop {
        match peek(input) {
            Some(t) if t.kind == Tok::Comma || is_list && t.kind == Tok::Or => {
                input.next_token();
            }
            // in a list a space is enough
            Some(t) if is_list && value_of(t).is_some() => {}
            _ => break,
        }
        let is_apart = previous(input).is_some_and(|t| {
            t.kind == Tok::Comma
                && t.span.end < here(input).start
                && peek(input).is_some_and(|next| value_of(next).is_some())
        });
        let next = value(field, op, is_list, input).map_err(|e| match e {
            ErrMode::Cut(error) if is_apart && !error.is_incomplete() => {
                let help = format!(
                    "write `and` before a term: `,` lists values of `{}`",
                    field.word
                );
                ErrMode::Cut(error.help(help))
            }
            e => e,
        })?;
        all.values.extend(next.values);
        all.terms.extend(next.terms);
    }
    if is_list {
        match input.next_token() {
            Some(t) if t.kind == Tok::Close => {}
            _ => return fail(unclosed_list(open)),
        }
    }
    let Meaning { values, mut terms } = all;
    if terms.is_empty() {
        return Ok(Expr::Term(Term::Compare { field, op, values }));
    }
    if !values.is_empty() {
        terms.insert(0, Expr::equal(field, values));
    }
    let any = Expr::any(flattened(terms));
    Ok(if op.is_negative() { any.negated() } else { any })
}

/// Parses `contains` or `like` and the value after it.
fn with_pattern(field: &'static Field, input: &mut Input<'_>) -> Result<Option<Expr>> {
    let takes_text = literal::operators(field).contains(&Op::Match);
    let word = peek(input).filter(|t| t.kind == Tok::Word && takes_text);
    let value = input.get(1).and_then(value_of);
    let pattern = word
        .zip(value)
        .and_then(|(word, (text, _))| foreign::pattern(word.text, text));
    let Some(pattern) = pattern else {
        return Ok(None);
    };
    input.next_token();
    let Some(value) = input.next_token() else {
        return Ok(None);
    };
    count_regex(value, input)?;
    let (text, ignores_case) = pattern;
    let term = wildcard(field, &text, ignores_case).or_else(|bad| fail(told(bad, value, input)))?;
    apart(value, input)?;
    Ok(Some(term))
}

/// Parses an operator, or none before a value; true if the value is a list in parentheses. `None`: the field is a term
/// by itself.
fn operator(
    field: &'static Field,
    word: &Token<'_>,
    input: &mut Input<'_>,
) -> Result<Option<(Op, bool)>> {
    let is_bool = literal::kind_of(field) == FieldKind::Bool;
    let next = peek(input);
    let has_value = input.get(1).is_some_and(|t| value_of(t).is_some());
    match next.map(|t| (&t.kind, t)) {
        Some((Tok::Op(op), token)) if !literal::operators(field).contains(op) => {
            fail(wrong_operator(field, *op, token))
        }
        Some((Tok::Op(op), _)) => {
            let is_open = input.get(1).is_some_and(|t| t.kind == Tok::Open);
            let has_list = is_open && input.get(2).is_some_and(|t| value_of(t).is_some());
            input.next_token();
            Ok(Some((*op, has_list && matches!(op, Op::Eq | Op::Ne))))
        }
        Some((Tok::Open, _)) if !is_bool && has_value => Ok(Some((Op::Eq, true))),
        Some((Tok::Stray, token)) => fail(stray(token)),
        Some((Tok::Word, token)) if !is_bool && operator_word(field, token, input).is_some() => {
            let found = operator_word(field, token, input);
            input.next_token();
            Ok(found)
        }
        Some((Tok::Word, token)) if has_value && foreign::pattern(token.text, "").is_some() => {
            fail(no_text(field, token))
        }
        Some((Tok::Word, token)) if !is_bool && is_negated_word(token, input) => {
            input.next_token();
            input.next_token();
            Ok(Some((Op::Ne, false)))
        }
        Some((Tok::Word | Tok::Pattern | Tok::Quoted(_) | Tok::Unclosed, token))
            if !is_bool || is_meant_as_bool(token, input) =>
        {
            Ok(Some((Op::Eq, false)))
        }
        _ if is_bool => Ok(None),
        Some((Tok::Not, token)) if has_value && ["!", "not"].contains(&lower(token).as_str()) => {
            input.next_token();
            let is_in = peek(input).and_then(|t| operator_word(field, t, input));
            if is_in.is_some() {
                input.next_token();
            }
            Ok(Some((Op::Ne, is_in == Some((Op::Eq, true)))))
        }
        next => {
            let is_typed = input.state.cursor.is_some();
            fail(no_comparison(field, word, next.is_some(), is_typed))
        }
    }
}

fn lower(token: &Token<'_>) -> String {
    token.text.to_ascii_lowercase()
}

/// The operator that a word stands for if a value follows: `port eq 443`, `port in (80, 443)`. True for a list in
/// parentheses.
fn operator_word(field: &'static Field, word: &Token<'_>, input: &Input<'_>) -> Option<(Op, bool)> {
    let next = input.get(1)?;
    if lower(word) == "in" && next.kind == Tok::Open {
        return Some((Op::Eq, true));
    }
    let is_value = value_of(next).is_some();
    // a direction
    let is_name = matches!(literal::kind_of(field), FieldKind::Names(_))
        && literal::read(field, word.text, false, |_| None).is_ok();
    if lower(word) == "in" && is_value && !is_name {
        return Some((Op::Eq, false));
    }
    let op = foreign::operator(word.text).filter(|_| is_value)?;
    literal::operators(field)
        .contains(&op)
        .then_some((op, false))
}

/// True for `is not` before a value.
fn is_negated_word(word: &Token<'_>, input: &Input<'_>) -> bool {
    let is_not = input.get(1).is_some_and(|t| lower(t) == "not");
    lower(word) == "is" && is_not && input.get(2).is_some_and(|t| value_of(t).is_some())
}

/// True unless it is a number greater than a byte, which is a port.
fn may_be_address(text: &str) -> bool {
    literal::digits::<u64>(text).is_none_or(|number| number <= u8::MAX.into())
}

/// The field that the next value is meant for: another one if it is no value of this field.
fn meant(field: &'static Field, op: Op, input: &Input<'_>) -> &'static Field {
    let value = peek(input).filter(|_| matches!(op, Op::Eq | Op::Ne));
    let Some((token, (text, in_quotes))) = value.and_then(|t| Some((t, value_of(t)?))) else {
        return field;
    };
    let users = input.state.users;
    match meaning(field, text, in_quotes, users) {
        Ok(_) => field,
        Err(bad) if bad.partial && is_being_typed(token, input) && may_be_address(text) => field,
        Err(_) => meant_field(field, text, in_quotes, users).unwrap_or(field),
    }
}

/// True for yes and no, and for words that resemble them: anything else after a field that can stand alone is the next
/// term.
fn is_meant_as_bool(token: &Token<'_>, input: &Input<'_>) -> bool {
    token.kind == Tok::Word
        && field_named(token.text).is_none()
        && !operator_follows(input)
        && !literal::near_bool(token.text).is_empty()
}

/// Parses a value, in a list or alone.
fn value(field: &'static Field, op: Op, in_list: bool, input: &mut Input<'_>) -> Result<Meaning> {
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
    if op.takes_regex() {
        count_regex(token, input)?;
        if token.kind == Tok::Pattern && text.ends_with(',') {
            let end = token.span.end;
            let message = format!("`{}` takes one value", op.symbol());
            return fail(
                FilterError::new(end - 1..end, message)
                    .help("for several, write `~ ^(a|b)`; quote a literal `,`"),
            );
        }
        let mut pattern = between_slashes(text).unwrap_or(text.into());
        let whole = input.state.text;
        let is_promql = whole.contains("=~") || whole.trim_start().starts_with('{');
        let is_anchored = |t: &&Token<'_>| t.text == "=~" || t.text == "!~" && is_promql;
        let operator = previous(input).filter(|t| in_quotes && is_anchored(t));
        if let Some(operator) = operator
            && !text.starts_with('^')
            && !text.ends_with('$')
        {
            pattern = format!("^({text})$").into();
            let is_apart = input.state.text[..operator.span.start].ends_with(char::is_whitespace);
            let space = if is_apart { "" } else { " " };
            let word = format!("{space}{} {}", op.symbol(), expr::in_quotes(&pattern)).into();
            let span = operator.span.start..token.span.end;
            input.state.mended.borrow_mut().push(Mended { span, word });
        }
        literal::regex(&pattern).or_else(|bad| fail(told(bad, token, input)))?;
        input.next_token();
        apart(token, input)?;
        let values = vec![Literal::Regex(pattern.into_owned())];
        let terms = Vec::new();
        return Ok(Meaning { values, terms });
    }
    let takes_several = matches!(op, Op::Eq | Op::Ne);
    // a range would be wrong for another operator
    let pieces = pieces(field, token, input.get(1..).unwrap_or_default())
        .filter(|pieces| takes_several || !pieces.whole.contains('-'));
    let (text, following) = match &pieces {
        Some(pieces) => (pieces.whole.as_str(), pieces.count),
        None => (text, 0),
    };
    let found = meaning(field, text, in_quotes, input.state.users);
    let mut found = found.or_else(|bad| {
        let may_be_port = is_being_typed(token, input) && begins_second_word(field, text);
        let may_have_unit = bad.partial && is_last_typed(1, input) && !in_quotes;
        let is_begun = is_being_typed(token, input)
            && literal::kind_of(field) == FieldKind::Addr
            && meant_field(field, text, in_quotes, input.state.users).is_some();
        let error = match is_begun {
            true => FilterError::new(
                token.span.clone(),
                format!("{} could become an address", quoted(text)),
            )
            .incomplete(),
            false if is_other_field(field, token) => FilterError::new(
                token.span.clone(),
                format!("{} is a field, where a value is needed", quoted(text)),
            )
            .help(expected(field)),
            false => told(bad, token, input),
        };
        fail(match may_be_port || may_have_unit {
            true => error.incomplete(),
            false => error,
        })
    })?;
    for literal in &mut found.values {
        match literal {
            Literal::Text(text) if op == Op::Eq && is_being_typed(token, input) => {
                *literal = Literal::Beginning(std::mem::take(text));
            }
            Literal::Number(from, to) if from != to && !takes_several => {
                let message = format!(
                    "`{}` takes one value, not the range {}",
                    op.symbol(),
                    quoted(text)
                );
                return fail(
                    FilterError::new(token.span.clone(), message).help("only = and != take ranges"),
                );
            }
            _ => {}
        }
    }
    let patterns = found.terms.iter().filter(|term| term.has_regex()).count();
    for _ in 0..patterns {
        count_regex(token, input)?;
    }
    let mut last = token;
    for _ in 0..=following {
        last = input.next_token().unwrap_or(last);
    }
    apart(last, input)?;
    if !in_quotes && let Some(name) = literal::mended_name(field, text) {
        mend(token, name, input);
    }
    if !in_list && matches!(found.values.as_slice(), [Literal::Number(..)]) {
        alone(field, op, last, input)?;
    }
    Ok(found)
}

/// True for a field with a number as the value of another one: `rtt > minrtt`.
fn is_other_field(field: &Field, value: &Token<'_>) -> bool {
    let takes_number = literal::operators(field).contains(&Op::Ge);
    let other = field_named(value.text).filter(|_| value.kind == Tok::Word);
    takes_number && other.is_some_and(|other| literal::operators(other).contains(&Op::Ge))
}

/// Rejects what directly follows a number and is no term of its own, like the second one in `port 80 90`.
fn alone(field: &'static Field, op: Op, number: &Token<'_>, input: &Input<'_>) -> Result<()> {
    let Some(error) = error_after_number(field, op, number, &input.input) else {
        return Ok(());
    };
    // an unfinished word may yet become a term, or `80 -` a range
    let may_be_term = peek(input).is_some_and(|next| is_being_typed(next, input));
    let may_be_range = peek(input).is_some_and(|next| next.text == "-") && is_last_typed(2, input);
    fail(if may_be_term || may_be_range {
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
        Some(next) if next.text.starts_with(';') => {
            let error = FilterError::new(next.span.clone(), "`;` joins no terms");
            fail(error.help("write `and`"))
        }
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
