//! Constructors of errors about tokens that are misplaced or missing: the wording. `parse` decides when to use them.

use std::ops::Range;

use crate::filter::error::{FilterError, quoted};
use crate::filter::expr::{Op, in_quotes};
use crate::filter::foreign::{
    any_field_named, by_clock, elsewhere, field_named, foreign_fields, vague, words_beginning,
};
use crate::filter::forms::named_with_unit;
use crate::filter::lex::{Token, TokenKind as Tok};
use crate::filter::literal::{did_you_mean, example, expected, kind_of, operators, read};
use crate::model::fields::{FIELDS, Field, FieldKind, by_word, words};
use crate::text::suggest::suggest;

/// The text ends where a term should begin.
pub fn missing_term(end: Range<usize>, previous: Option<&Token<'_>>) -> FilterError {
    let message = match previous {
        Some(t) => format!("expected a term after {}", quoted(t.text)),
        None => "expected a term".into(),
    };
    FilterError::new(end, message)
        .help("a term looks like `port 443`, or is a word to search for")
        .incomplete()
}

/// A token that cannot begin a term.
pub fn not_a_term(token: &Token<'_>, previous: Option<&Token<'_>>) -> FilterError {
    let at = token.span.clone();
    let error = |message: String| FilterError::new(at, message);
    let to_look = format!("to search for it, quote it: {}", in_quotes(token.text));
    match &token.kind {
        Tok::And | Tok::Or => {
            error(format!("expected a term before {}", quoted(token.text))).help(to_look)
        }
        Tok::Close => match previous {
            Some(t) if t.kind == Tok::Open => {
                error("expected a term between the parentheses".into())
            }
            Some(t) => error(format!("expected a term after {}", quoted(t.text)))
                .help("a term looks like `port 443`, or is a word to search for"),
            None => error("unmatched `)`".into()).help(to_look),
        },
        Tok::Op(_) => error(format!("expected a field before {}", quoted(token.text)))
            .help("a comparison looks like `rtt > 50ms`"),
        Tok::Comma => {
            error("expected a value before `,`".into()).help("a list looks like `lport 22,80`")
        }
        Tok::Unclosed => unclosed(token),
        _ => stray(token),
    }
}

/// A text without its closing quote.
pub fn unclosed(token: &Token<'_>) -> FilterError {
    let quote = token.text.chars().next().unwrap_or('"');
    FilterError::new(token.span.clone(), format!("unclosed {quote}"))
        .help(format!("add a closing {quote}"))
        .incomplete()
}

/// A list in parentheses without its end.
pub fn unclosed_list(open: Range<usize>) -> FilterError {
    FilterError::new(open, "unclosed list")
        .help("a list looks like `port in (80, 443)`, or `port 80,443`")
        .incomplete()
}

/// Characters that are no operator.
pub fn stray(token: &Token<'_>) -> FilterError {
    let message = format!("{} is not an operator", quoted(token.text));
    FilterError::new(token.span.clone(), message).help("the operators are = != < <= > >= ~ !~")
}

/// An unknown field before an operator.
pub fn unknown_field(token: &Token<'_>) -> FilterError {
    let word = token.text.to_lowercase();
    let error = FilterError::new(
        token.span.clone(),
        format!("unknown field {}", quoted(token.text)),
    );
    error.help(advice(&word, None))
}

/// Help for a word in lower case that is no field, with the value that follows it after a colon.
pub fn advice(word: &str, value: Option<&str>) -> String {
    let word = word.trim_start_matches('.');
    if let Some(help) = by_clock(word).or_else(|| elsewhere(word)) {
        return help.into();
    }
    if let Some((field, _)) = named_with_unit(word.trim_end_matches(':')) {
        return format!("write `{}`", example(field));
    }
    if let Some((one, other)) = word.split_once(['/', '*', '+', '-'])
        && let (Some(field), Some(_)) = (any_field_named(one), any_field_named(other))
    {
        return format!("a filter does not calculate: write `{}`", example(field));
    }
    // an option elsewhere, or what is excluded
    if let Some(name) = word.strip_prefix('-')
        && field_named(name).is_some()
    {
        return format!("write `{name}`, or `not {name}` to exclude it");
    }
    if word.starts_with(|c: char| !c.is_alphabetic() && !"_.{".contains(c)) {
        return "the field comes first, like `port >= 80`, `src 10.0.0.5`".into();
    }
    let foreign: Vec<&str> = foreign_fields(word).0.map(|f| f.word).collect();
    let near = match foreign.is_empty() {
        true => nearest_fields(word),
        false => foreign,
    };
    let takes = |name: &&str| {
        let read = |value| by_word(name).map(|field| read(field, value, false, |_| Some(0)));
        value.is_none_or(|value| read(value).is_some_and(|read| read.is_ok()))
    };
    let near = near.into_iter().filter(takes).map(|name| match value {
        Some(value) => format!("{name}:{value}"),
        None => name.to_owned(),
    });
    let near: Vec<String> = near.collect();
    if !near.is_empty() {
        return did_you_mean(&near.iter().map(String::as_str).collect::<Vec<_>>());
    }
    vague(word).map_or_else(all_fields, str::to_owned)
}

/// Lists the fields.
pub fn all_fields() -> String {
    let all: Vec<&str> = FIELDS.iter().map(|f| f.word).collect();
    format!("the fields are {}", all.join(" "))
}

/// True for the title of a column or a JSON key, which are no misspelled words.
pub fn is_title(word: &str) -> bool {
    titled(word).is_some()
}

fn titled(word: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|f| {
        f.json == Some(word) || f.column.is_some_and(|c| c.title.eq_ignore_ascii_case(word))
    })
}

/// Returns the fields that a word may mean: by a column's title or a JSON key, or a few letters off.
pub fn nearest_fields(word: &str) -> Vec<&'static str> {
    match titled(word) {
        Some(field) => vec![field.word],
        None => suggest(word, words()),
    }
}

/// A last word that may still become a field or a keyword while it is being typed; `None` for any other word.
pub fn unfinished(token: &Token<'_>) -> Option<FilterError> {
    let lower = token.text.to_lowercase();
    let all = words().chain(["and", "or", "not"]);
    let words = all.filter(|w| w.starts_with(&lower));
    let words: Vec<&str> = words.chain(words_beginning(&lower)).collect();
    (!words.is_empty()).then(|| {
        FilterError::new(
            token.span.clone(),
            format!("{} could become {}", quoted(token.text), words.join(", ")),
        )
        .incomplete()
    })
}

/// The text ends where a value should be.
pub fn missing_value(end: Range<usize>, previous: Option<&Token<'_>>) -> FilterError {
    let previous = quoted(previous.map_or("", |t| t.text));
    FilterError::new(end, format!("expected a value after {previous}")).incomplete()
}

/// Describes what is expected after an operator.
pub fn expected_after(op: Op, field: &Field) -> String {
    match op.takes_regex() {
        true => format!("`{}` takes a regular expression, like `^ab`", op.symbol()),
        false => expected(field),
    }
}

/// A word like `contains` after a field that has no text.
pub fn no_text(field: &Field, word: &Token<'_>) -> FilterError {
    let message = format!(
        "{} compares text, and `{}` is none",
        quoted(word.text),
        field.word
    );
    FilterError::new(word.span.clone(), message).help(expected(field))
}

/// A field without a value. `rest` is true if something follows. While it is being typed, the value may be next.
pub fn no_comparison(field: &Field, word: &Token<'_>, rest: bool, is_typed: bool) -> FilterError {
    let error = FilterError::new(word.span.clone(), expected(field));
    let error = match is_typed && !rest {
        true => error,
        false => error.help(format!(
            "to search for the word, quote it: {}",
            in_quotes(word.text)
        )),
    };
    if rest { error } else { error.incomplete() }
}

/// An operator that the field does not support.
pub fn wrong_operator(field: &Field, op: Op, token: &Token<'_>) -> FilterError {
    let takes: Vec<&str> = operators(field).iter().map(|op| op.symbol()).collect();
    FilterError::new(
        token.span.clone(),
        format!("`{}` cannot be compared with `{}`", field.word, op.symbol()),
    )
    .help(match kind_of(field) {
        FieldKind::Names(names) if names.len() < 5 => expected(field),
        _ => format!("it takes {}, like `{}`", takes.join(" "), example(field)),
    })
}

/// A token where a value should be.
pub fn not_a_value(token: &Token<'_>) -> FilterError {
    match token.kind {
        Tok::And | Tok::Or | Tok::Not => FilterError::new(
            token.span.clone(),
            format!("{} is a keyword, not a value", quoted(token.text)),
        )
        .help(format!(
            "to use it as text, quote it: {}",
            in_quotes(token.text)
        )),
        Tok::Unclosed => unclosed(token),
        Tok::Stray => stray(token),
        _ => FilterError::new(
            token.span.clone(),
            format!("expected a value, not {}", quoted(token.text)),
        ),
    }
}
