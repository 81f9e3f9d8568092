//! Detects a space between a number and its unit, or before another number: otherwise `tx > 10 MB` would search for the
//! word `MB`, which nobody means.

use std::net::Ipv4Addr;

use crate::filter::error::{FilterError, quoted};
use crate::filter::expr::{Literal, Op, in_quotes};
use crate::filter::lex::{Token, TokenKind as Tok};
use crate::filter::literal::{did_you_mean, expected, is_unit, kind_of, of_bits, read};
use crate::model::fields::{Field, FieldKind, by_word};

/// Maximum number of pieces that are tried as one value: `10 MB - 20 MB` has five.
const MOST_PIECES: usize = 5;

/// A value written in pieces.
pub struct Pieces {
    /// The value in one word.
    pub whole: String,
    /// Number of following tokens that belong to it.
    pub count: usize,
}

/// Joins a token with following ones if together they are a value without the spaces.
pub fn pieces(field: &'static Field, first: &Token<'_>, following: &[Token<'_>]) -> Option<Pieces> {
    if first.kind != Tok::Word || !first.text.starts_with(is_of_a_number) {
        return None;
    }
    if kind_of(field) == FieldKind::Addr {
        return masked(first, following);
    }
    let has_units = matches!(
        kind_of(field),
        FieldKind::Bytes | FieldKind::Rate | FieldKind::Micros | FieldKind::Moment
    );
    let words = following
        .iter()
        .take(MOST_PIECES - 1)
        .take_while(|t| t.kind == Tok::Word && by_word(&t.text.to_ascii_lowercase()).is_none());
    let mut joined = first.text.to_owned();
    let mut longest = None;
    for (i, word) in words.enumerate() {
        let is_a_range = joined.ends_with('-') || word.text.starts_with('-');
        let are_two_numbers =
            joined.ends_with(is_of_a_number) && word.text.starts_with(is_of_a_number);
        if are_two_numbers || !(has_units || is_a_range) {
            break;
        }
        joined.push_str(word.text);
        let readings = with_both_units(&joined).into_iter().chain([joined.clone()]);
        if let Some(whole) = readings
            .into_iter()
            .find(|text| is_number(field, text) || is_of_bits(field, text))
        {
            longest = Some(Pieces {
                whole,
                count: i + 1,
            });
        }
    }
    longest
}

/// True for bits per second where a rate is needed, which are refused as a whole.
fn is_of_bits(field: &Field, text: &str) -> bool {
    kind_of(field) == FieldKind::Rate && of_bits(text).is_some()
}

/// Joins a network with its mask: `10.0.0.0 mask 255.0.0.0`.
fn masked(addr: &Token<'_>, following: &[Token<'_>]) -> Option<Pieces> {
    let [word, mask, ..] = following else {
        return None;
    };
    let is_mask = ["mask", "netmask"].contains(&word.text.to_ascii_lowercase().as_str());
    let mask = mask.text.parse::<Ipv4Addr>().ok().filter(|_| is_mask)?;
    let bits = mask.to_bits().leading_ones();
    (mask.to_bits().count_ones() == bits).then(|| Pieces {
        whole: format!("{}/{bits}", addr.text),
        count: 2,
    })
}

/// Returns the error for what directly follows a number, if it is not a term of its own: `port 80 90` may be a list, or
/// two conditions.
pub fn error_after_number(
    field: &'static Field,
    op: Op,
    number: &Token<'_>,
    following: &[Token<'_>],
) -> Option<FilterError> {
    let next = following.first()?;
    if next.kind != Tok::Word || !number.text.starts_with(is_of_a_number) {
        return None;
    }
    let takes_several = matches!(op, Op::Eq | Op::Ne);
    if !takes_several && let Some(Pieces { whole, count }) = pieces(field, number, following) {
        let end = following.get(count - 1)?.span.end;
        let message = format!(
            "`{}` takes one value, not the range {}",
            op.symbol(),
            quoted(&whole)
        );
        let error = FilterError::new(next.span.start..end, message);
        return Some(error.help("only = and != take ranges"));
    }
    let in_place = |message| FilterError::new(next.span.clone(), message);
    if next.text == "-" {
        let range = format!("{} -", number.text);
        let message = format!("the range {} has no end", quoted(&range));
        return Some(in_place(message).help("a range looks like `8000-8100`"));
    }
    if is_unit_elsewhere(next.text) || is_unit(next.text) {
        let message = format!("{} is no unit here", quoted(next.text));
        return Some(in_place(message).help(expected(field)));
    }
    if !is_another(field, next.text) {
        return None;
    }
    let message = format!("{} is a number without a field", quoted(next.text));
    let list = format!("{},{}", number.text, next.text);
    let alone = match next.text.bytes().all(|b| b.is_ascii_digit()) {
        true => format!("write `and {}` for a port or process id", next.text),
        false => format!("quote it to search for it: {}", in_quotes(next.text)),
    };
    let help = match takes_several && is_number(field, next.text) {
        true => format!("{} Otherwise {alone}", did_you_mean(&[&list])),
        false => alone,
    };
    Some(in_place(message).help(help))
}

/// True for a unit of other programs: `mbit/s`, `Kbps`.
fn is_unit_elsewhere(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let unit = lower.strip_suffix("/s").unwrap_or(&lower);
    ["bit", "bits", "bps"].iter().any(|end| unit.ends_with(end))
}

/// True for text that can only be meant as a number, and not as part of an address like `10.1`.
fn is_another(field: &'static Field, text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        return !digits.is_empty();
    }
    let is_more_than_digits = |c: char| c.is_ascii_alphabetic() || c == '-';
    digits.starts_with(is_of_a_number)
        && digits.contains(is_more_than_digits)
        && is_number(field, digits)
}

fn is_number(field: &'static Field, text: &str) -> bool {
    matches!(
        read(field, text, false, |_| None).as_deref(),
        Ok([Literal::Number(..)])
    )
}

/// Adds the unit of a range's end to its start: `10-20 MB` means `10MB-20MB`. Without the space, `10-20MB` starts at 10
/// bytes.
fn with_both_units(text: &str) -> Option<String> {
    let (from, to) = text.split_once('-')?;
    let unit = to.trim_start_matches(is_of_a_number);
    (from.ends_with(is_of_a_number) && !unit.is_empty()).then(|| format!("{from}{unit}-{to}"))
}

fn is_of_a_number(c: char) -> bool {
    c.is_ascii_digit() || c == '.'
}
