//! Reads a filter's tokens into an expression.
//!
//! Responsible for the grammar, and for telling what is missing or too much in it. Not for cutting the text into
//! tokens (`lex`), nor for what is within a value (`literal`).
//!
//! ```text
//! filter := [ any ]
//! any    := all ( "or" all )*
//! all    := denied ( [ "and" ] denied )*
//! denied := "not"* ( "(" any ")" | term )
//! term   := FIELD [ OPERATOR ] value ( "," value )*  |  WORD ( "," WORD )*
//! ```

use std::fmt;
use std::ops::Range;

use winnow::Parser;
use winnow::combinator::{cut_err, delimited, opt, preceded, repeat, separated};
use winnow::error::{ErrMode, ParserError};
use winnow::stream::{Stateful, Stream, TokenSlice};
use winnow::token::any;

use super::error::{FilterError, quoted};
use super::expr::{Expr, Literal, Op, Term, in_quotes};
use super::lex::{Kind as Tok, Token, lex};
use super::literal::{self, Bad, Users, did_you_mean};
use super::near::nearest;
use crate::fields::{FIELDS, Field, Kind, by_word};

/// Bytes of a filter at most. Whoever needs more has a list that belongs in a regular expression.
pub(super) const LONGEST: usize = 16 * 1024;
/// Parentheses within parentheses at most: the reader, and every walk over the expression, recurses by them.
const DEEPEST: u32 = 64;
/// Regular expressions at most, as each may take `literal::REGEX_BYTES`.
const MOST_REGEXES: u32 = 32;

/// What every part of the grammar may have to know.
#[derive(Clone, Copy)]
struct Context<'s> {
    text: &'s str,
    users: Users<'s>,
    /// The last word may not be finished.
    typing: bool,
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

/// The place of the next token, or the end.
fn here(input: &Input<'_>) -> Range<usize> {
    let end = input.state.text.len();
    peek(input).map_or(end..end, |t| t.span.clone())
}

/// The next token.
fn peek<'s>(input: &Input<'s>) -> Option<&'s Token<'s>> {
    input.input.peek_token()
}

/// An error that no other branch of the grammar can mend.
fn fail<T>(error: FilterError) -> Result<T> {
    Err(ErrMode::Cut(error))
}

/// Reads a filter.
pub(super) fn parse(
    text: &str,
    users: Users<'_>,
    typing: bool,
) -> std::result::Result<Expr, FilterError> {
    if text.len() > LONGEST {
        let message = format!("the filter is longer than {LONGEST} bytes");
        return Err(FilterError::new(LONGEST..text.len(), message).of(text));
    }
    let tokens = lex(text);
    let mut input = Stateful {
        input: TokenSlice::new(&tokens),
        state: Context {
            text,
            users,
            typing,
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
            FilterError::new(t.span.clone(), "this `)` closes nothing")
                .help("to look for a parenthesis, put it in quotes"),
        ),
    }
}

fn alternatives(input: &mut Input<'_>) -> Result<Expr> {
    separated(1.., all, is(Tok::Or))
        .map(|parts| one_or(parts, Expr::Any))
        .parse_next(input)
}

fn all(input: &mut Input<'_>) -> Result<Expr> {
    let first = denied(input)?;
    let next = |input: &mut Input<'_>| {
        let joined = opt(is(Tok::And)).parse_next(input)?.is_some();
        match peek(input).map(|t| &t.kind) {
            None | Some(Tok::Or | Tok::Close) if !joined => {
                Err(ErrMode::Backtrack(FilterError::from_input(input)))
            }
            _ => denied(input),
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

fn denied(input: &mut Input<'_>) -> Result<Expr> {
    let denials: usize = repeat(
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
    Ok(match denials % 2 {
        0 => expr,
        _ => Expr::Not(Box::new(expr)),
    })
}

fn parenthesised(input: &mut Input<'_>) -> Result<Expr> {
    let open = here(input);
    input.state.depth += 1;
    if input.state.depth > DEEPEST {
        let message = format!("more than {DEEPEST} parentheses within each other");
        return fail(FilterError::new(open, message));
    }
    let close = |input: &mut Input<'_>| match input.next_token() {
        Some(t) if t.kind == Tok::Close => Ok(()),
        _ => fail(
            FilterError::new(open.clone(), "this `(` is never closed")
                .help("a `)` is missing")
                .incomplete(),
        ),
    };
    let expr = delimited(any, cut_err(alternatives), close).parse_next(input)?;
    input.state.depth -= 1;
    Ok(expr)
}

fn term(input: &mut Input<'_>) -> Result<Expr> {
    let Some(token) = peek(input) else {
        return fail(missing_term(input));
    };
    match &token.kind {
        Tok::Word => match (field_named(token.text), operator_follows(input)) {
            (Some(field), _) => compare(field, input),
            (None, true) => fail(unknown_field(&token)),
            (None, false) => words(input),
        },
        Tok::Quoted(_) if operator_follows(input) => fail(
            FilterError::new(token.span.clone(), "a text in quotes is no field")
                .help("a field's name stands without quotes"),
        ),
        Tok::Quoted(_) => words(input),
        _ => fail(no_term(&token, input)),
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

fn missing_term(input: &Input<'_>) -> FilterError {
    let end = here(input);
    let message = match input.previous_tokens().next() {
        Some(t) => format!("nothing comes after {}", quoted(t.text)),
        None => "nothing is there".into(),
    };
    FilterError::new(end, message)
        .help("a term is like `port 443`, or a word to look for")
        .incomplete()
}

/// What is wrong with a token where a term should begin.
fn no_term(token: &Token<'_>, input: &Input<'_>) -> FilterError {
    let at = token.span.clone();
    let error = |message: String| FilterError::new(at, message);
    let to_look = format!(
        "to look for it, put it in quotes: {}",
        in_quotes(token.text)
    );
    match &token.kind {
        Tok::And | Tok::Or => {
            error(format!("no term comes before this {}", quoted(token.text))).help(to_look)
        }
        Tok::Close => match input.previous_tokens().next() {
            Some(t) if t.kind == Tok::Open => error("nothing is between the parentheses".into()),
            Some(t) => error(format!("nothing comes after {}", quoted(t.text)))
                .help("a term is like `port 443`, or a word to look for"),
            None => error("this `)` closes nothing".into()).help(to_look),
        },
        Tok::Op(_) => error(format!("no field comes before this {}", quoted(token.text)))
            .help("a comparison is like `rtt > 50ms`"),
        Tok::Comma => error("no value comes before this `,`".into())
            .help("several values are like `lport 22,80`"),
        Tok::Unclosed => unclosed(token),
        _ => stray(token),
    }
}

fn unclosed(token: &Token<'_>) -> FilterError {
    let quote = token.text.chars().next().unwrap_or('"');
    FilterError::new(token.span.clone(), format!("this {quote} is never closed"))
        .help(format!("a {quote} is missing"))
        .incomplete()
}

fn stray(token: &Token<'_>) -> FilterError {
    let error = FilterError::new(
        token.span.clone(),
        format!("{} is no operator", quoted(token.text)),
    );
    let meant = match token.text {
        "&" => "&&",
        "|" => "||",
        "=~" => "~",
        "=!" | "<>" | "!==" => "!=",
        "=<" => "<=",
        "=>" => ">=",
        "===" => "=",
        "~=" | "~~" => "~",
        _ => return error.help("the operators are = != < <= > >= ~ !~"),
    };
    error.help(format!("did you mean `{meant}`?"))
}

fn unknown_field(token: &Token<'_>) -> FilterError {
    let word = token.text.to_lowercase();
    let error = FilterError::new(
        token.span.clone(),
        format!("there is no field {}", quoted(token.text)),
    );
    let near = nearest_fields(&word);
    if !near.is_empty() {
        return error.help(did_you_mean(&near));
    }
    let all: Vec<&str> = FIELDS.iter().map(|f| f.word).collect();
    error.help(format!("the fields are {}", all.join(" ")))
}

/// The fields that a word may have meant: by a column's title or a JSON key, or a few letters off.
fn nearest_fields(word: &str) -> Vec<&'static str> {
    let titled = FIELDS.iter().find(|f| {
        f.json == Some(word) || f.column.is_some_and(|c| c.title.eq_ignore_ascii_case(word))
    });
    match titled {
        Some(field) => vec![field.word],
        None => nearest(word, FIELDS.iter().map(|f| f.word)),
    }
}

/// Bare words: no field is named, the text is looked for.
fn words(input: &mut Input<'_>) -> Result<Expr> {
    let first = peek(input);
    let words: Vec<String> = separated(1.., bare_word, is(Tok::Comma)).parse_next(input)?;
    if let (Some(first), [_]) = (first, words.as_slice()) {
        not_misspelt(&first, input)?;
    }
    Ok(Expr::Term(Term::Words(words)))
}

fn bare_word(input: &mut Input<'_>) -> Result<String> {
    let Some(token) = peek(input) else {
        return fail(missing_value(input));
    };
    let text = match &token.kind {
        Tok::Word => token.text,
        Tok::Quoted(text) if text.is_empty() => {
            return fail(
                FilterError::new(
                    token.span.clone(),
                    "there is nothing to look for in empty quotes",
                )
                .incomplete(),
            );
        }
        Tok::Quoted(text) => text,
        _ => return fail(no_value(&token)),
    };
    if token.kind == Tok::Word {
        literal::no_wildcard("", text).or_else(|bad| fail(told(bad, &token, input)))?;
        if input.state.typing && token.span.end == input.state.text.len() {
            unfinished(&token).map_or(Ok(()), fail)?;
        }
    }
    let text = text.to_owned();
    input.next_token();
    apart(&token, input)?;
    Ok(text)
}

/// What else the word at the end may become while it is being typed.
fn unfinished(token: &Token<'_>) -> Option<FilterError> {
    let lower = token.text.to_lowercase();
    let words = FIELDS.iter().map(|f| f.word).chain(["and", "or", "not"]);
    let become_: Vec<&str> = words.filter(|w| w.starts_with(&lower)).collect();
    (!become_.is_empty()).then(|| {
        FilterError::new(
            token.span.clone(),
            format!("{} may become {}", quoted(token.text), become_.join(", ")),
        )
        .incomplete()
    })
}

/// `reson refused` looks for two words, and that is not what was meant: a word that is nearly a field's, followed by
/// what that field takes, is a mistake and no search.
fn not_misspelt(word: &Token<'_>, input: &Input<'_>) -> Result<()> {
    let (Tok::Word, Some(next)) = (&word.kind, peek(input)) else {
        return Ok(());
    };
    let (value, in_quotes) = match &next.kind {
        Tok::Word if field_named(next.text).is_none() => (next.text, false),
        Tok::Quoted(text) => (text.as_str(), true),
        _ => return Ok(()),
    };
    let near = nearest(&word.text.to_lowercase(), FIELDS.iter().map(|f| f.word));
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
            format!("there is no field {}", quoted(word.text)),
        )
        .help(format!(
            "{} To look for the word, put it in quotes",
            did_you_mean(&fits)
        )),
    )
}

/// A field and what it is held against.
fn compare(field: &'static Field, input: &mut Input<'_>) -> Result<Expr> {
    let word = input
        .next_token()
        .map(|t| t.span.clone())
        .unwrap_or_default();
    let kind = literal::kind_of(field);
    let term = |op, values| Ok(Expr::Term(Term::Compare { field, op, values }));
    let op = match peek(input).map(|t| (&t.kind, t)) {
        Some((Tok::Op(op), token)) => {
            right_operator(field, *op, token)?;
            input.next_token();
            *op
        }
        Some((Tok::Stray, token)) => return fail(stray(token)),
        Some((Tok::Word | Tok::Quoted(_) | Tok::Unclosed, token))
            if kind != Kind::Bool || literal::read(field, token.text, false, &|_| None).is_ok() =>
        {
            Op::Eq
        }
        _ if kind == Kind::Bool => return term(Op::Eq, vec![Literal::Bool(true)]),
        next => {
            let at_end = next.is_none();
            let error = FilterError::new(word.clone(), literal::expected(field));
            return fail(match at_end {
                true => error.incomplete(),
                false => error.help(format!(
                    "to look for the word, put it in quotes: {}",
                    in_quotes(&input.state.text[word])
                )),
            });
        }
    };
    let value = |input: &mut Input<'_>| value(field, op, input);
    if op.takes_regex() || !matches!(op, Op::Eq | Op::Ne) {
        let one = value(input)?;
        if let Some(comma) = peek(input).filter(|t| t.kind == Tok::Comma) {
            let message = format!("`{}` takes one value", op.symbol());
            return fail(
                FilterError::new(comma.span.clone(), message).help("only = and != take several"),
            );
        }
        return term(op, vec![one]);
    }
    let values = (value, repeat(0.., preceded(is(Tok::Comma), value)))
        .map(|(first, rest): (Literal, Vec<Literal>)| [vec![first], rest].concat())
        .parse_next(input)?;
    term(op, values)
}

fn right_operator(field: &Field, op: Op, token: &Token<'_>) -> Result<()> {
    let takes = literal::operators(field);
    if takes.contains(&op) {
        return Ok(());
    }
    let takes: Vec<&str> = takes.iter().map(|op| op.symbol()).collect();
    fail(
        FilterError::new(
            token.span.clone(),
            format!("`{}` cannot be compared with `{}`", field.word, op.symbol()),
        )
        .help(format!(
            "it takes {}, like `{}`",
            takes.join(" "),
            literal::example(field)
        )),
    )
}

fn value(field: &'static Field, op: Op, input: &mut Input<'_>) -> Result<Literal> {
    let Some(token) = peek(input) else {
        let error = missing_value(input);
        return fail(error.help(literal::expected(field)));
    };
    let (text, in_quotes) = match &token.kind {
        Tok::Word | Tok::Pattern => (token.text, false),
        Tok::Quoted(text) => (text.as_str(), true),
        _ => return fail(no_value(&token)),
    };
    let literal = if op.takes_regex() {
        input.state.regexes += 1;
        if input.state.regexes > MOST_REGEXES {
            let message = format!("more than {MOST_REGEXES} regular expressions");
            return fail(FilterError::new(token.span.clone(), message));
        }
        literal::regex(text).map(|()| Literal::Regex(text.to_owned()))
    } else {
        literal::read(field, text, in_quotes, input.state.users)
    };
    let literal = literal.or_else(|bad| fail(told(bad, &token, input)))?;
    if let Literal::Number(from, to) = literal
        && from != to
        && !matches!(op, Op::Eq | Op::Ne)
    {
        let message = format!(
            "`{}` takes one value, and {} is a range",
            op.symbol(),
            quoted(text)
        );
        return fail(
            FilterError::new(token.span.clone(), message).help("only = and != take ranges"),
        );
    }
    input.next_token();
    apart(&token, input)?;
    Ok(literal)
}

/// What `literal` found wrong, in its place in the text.
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

/// A quote within a word would cut it in two terms: `a"b c"` is no way to write one.
fn apart(token: &Token<'_>, input: &Input<'_>) -> Result<()> {
    match peek(input) {
        Some(next)
            if next.span.start == token.span.end
                && matches!(next.kind, Tok::Word | Tok::Quoted(_) | Tok::Unclosed) =>
        {
            fail(
                FilterError::new(next.span.clone(), "a quote begins or ends within a word")
                    .help("quotes go around all of it"),
            )
        }
        _ => Ok(()),
    }
}

fn missing_value(input: &Input<'_>) -> FilterError {
    let after = input.previous_tokens().next();
    FilterError::new(
        here(input),
        format!(
            "no value comes after {}",
            quoted(after.map_or("", |t| t.text))
        ),
    )
    .incomplete()
}

/// What is wrong with a token where a value should be.
fn no_value(token: &Token<'_>) -> FilterError {
    match token.kind {
        Tok::And | Tok::Or | Tok::Not => FilterError::new(
            token.span.clone(),
            format!("{} is no value", quoted(token.text)),
        )
        .help(format!(
            "as a text it stands in quotes: {}",
            in_quotes(token.text)
        )),
        Tok::Unclosed => unclosed(token),
        Tok::Stray => stray(token),
        _ => FilterError::new(
            token.span.clone(),
            format!("a value should be here, and not {}", quoted(token.text)),
        ),
    }
}
