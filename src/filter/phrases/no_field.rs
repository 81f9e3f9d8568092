//! Comparisons of words that are no fields, by operators that are words: `foo eq bar`. Each word would be searched for.

use super::table::PHRASES;
use super::{is_phrase, is_word};
use crate::filter::diagnostics::unknown_field;
use crate::filter::error::{FilterError, quoted};
use crate::filter::foreign::{
    any_field_named, by_clock, field_named, foreign_fields, is_operator, spoken,
};
use crate::filter::lex::{Token, TokenKind as Tok};
use crate::filter::shorthand::condition;

/// Words for operators that compare numbers, too: before a number, they are about bytes.
const OF_NUMBERS: &[&str] = &["over", "above", "under", "below"];

/// Words for operators that may stand before a condition: `curl is open`.
const BEFORE_CONDITIONS: &[&str] = &["is", "has"];

/// Fails for a word that is no field before an operator and a value.
///
/// # Errors
/// [`FilterError`] that names the nearest field.
pub fn check(tokens: &[Token<'_>]) -> Result<(), FilterError> {
    let [word, rest @ ..] = tokens else {
        return Ok(());
    };
    let (name, joined) = word.text.split_once(':').unwrap_or((word.text, ""));
    let is_before_op = rest.first().is_some_and(|t| matches!(t.kind, Tok::Op(_)));
    if word.kind == Tok::Word
        && let Some(help) = by_clock(name)
        && (is_before_op || !joined.is_empty())
    {
        let span = word.span.start..word.span.start + name.len();
        let message = format!("unknown field {}", quoted(name));
        return Err(FilterError::new(span, message).help(help));
    }
    let is_name = word.kind == Tok::Word && word.text.starts_with(|c: char| c.is_alphabetic());
    if !is_name || any_field_named(word.text).is_some() || is_operator(word.text) {
        return Ok(());
    }
    let may_be_several = foreign_fields(word.text).0.next().is_some();
    let rest = match rest.first() {
        Some(not) if not.kind == Tok::Not => &rest[1..],
        _ => rest,
    };
    let is_compared = match operator(rest) {
        Some((name, value)) if OF_NUMBERS.contains(&name) => may_be_several && is_value(value),
        Some((name, value)) if BEFORE_CONDITIONS.contains(&name) => {
            is_value(value) && !is_status(value)
        }
        Some((_, value)) => is_value(value),
        None => is_list(rest),
    };
    let is_known = || {
        let has_phrase = || PHRASES.iter().any(|(words, _)| is_phrase(words, tokens));
        condition(word.text).is_some() || !may_be_several && has_phrase()
    };
    match is_compared && !is_known() {
        true => Err(unknown_field(word)),
        false => Ok(()),
    }
}

/// The first word of an operator, and the tokens after it.
fn operator<'t, 's>(tokens: &'t [Token<'s>]) -> Option<(&'t str, &'t [Token<'s>])> {
    let words: Vec<&str> = tokens.iter().take(3).map(|t| t.text).collect();
    if let Some((op, count)) = spoken(&words) {
        // of a size: `curl more than 1MB`
        return (!op.starts_with(['<', '>'])).then(|| ("", &tokens[count..]));
    }
    let first = tokens.first().filter(|t| t.kind == Tok::Word)?;
    let name = first.text;
    is_operator(name).then(|| (name, &tokens[1..]))
}

/// True for a list after `in`.
fn is_list(tokens: &[Token<'_>]) -> bool {
    matches!(tokens, [word, open, ..] if is_word(word, "in") && open.kind == Tok::Open)
}

/// True if the tokens begin with a value.
fn is_value(tokens: &[Token<'_>]) -> bool {
    tokens.first().is_some_and(|t| match t.kind {
        Tok::Word => field_named(t.text).is_none(),
        Tok::Quoted(_) | Tok::Pattern => true,
        _ => false,
    })
}

/// True if the tokens begin with a condition or a phrase.
fn is_status(tokens: &[Token<'_>]) -> bool {
    tokens.first().is_some_and(|t| {
        condition(t.text).is_some() || PHRASES.iter().any(|(words, _)| is_phrase(words, tokens))
    })
}
