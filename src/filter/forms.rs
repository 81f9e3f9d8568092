//! Forms of other languages that are more than words: labels in braces, options of lsof, ranges in brackets, the ends after
//! `from` and `to`, and what `no` excludes.

use std::net::IpAddr;

use crate::filter::adjacent::pieces;
use crate::filter::diagnostics::unknown_field;
use crate::filter::error::{FilterError, quoted};
use crate::filter::expr::Op;
use crate::filter::foreign::{
    SUCCESS, any_field_named, field_named, field_of_side, foreign_fields,
};
use crate::filter::lex::{Token, TokenKind as Tok, lex};
use crate::filter::literal::{digits, example, is_begun, kind_of, operators, read};
use crate::filter::phrases::table::{ERRNOS, ERRORS, EXISTS, MISSING, PLURALS, ROLES, UNIT_ENDS};
use crate::filter::phrases::{begins_phrase, ends_term, instead, is_word, phrase};
use crate::filter::services::port_named;
use crate::filter::shorthand::{Bare, bare, is_of_reasons, meaning};
use crate::model::fields::{Field, FieldKind, by_word};
use crate::model::session::{Reason, State};
use crate::text::units::{SIZES, TIMES};

/// Tokens in the place of others, and the number of those.
pub type Instead<'s> = (Vec<Token<'s>>, usize);

/// Takes off what other languages put around and after terms, and joins terms apart by a comma.
pub fn plain(tokens: Vec<Token<'_>>) -> Vec<Token<'_>> {
    let mut all = Vec::with_capacity(tokens.len());
    for token in without_braces(tokens) {
        let is_value = all.last().is_some_and(|t: &Token<'_>| {
            matches!(t.kind, Tok::Op(_) | Tok::Comma) || any_field_named(t.text).is_some()
        });
        match quoted_terms(&token).filter(|_| !is_value) {
            Some(terms) => all.extend(terms),
            None => all.push(match is_value {
                true => token,
                false => without_option(token),
            }),
        }
    }
    if all.len() > 1
        && all
            .last()
            .is_some_and(|t| t.kind == Tok::Word && t.text.trim_matches(';').is_empty())
    {
        all.pop();
    }
    join_thousands(&mut all);
    for at in 1..all.len() {
        if all[at].kind == Tok::Comma && begins_comparison(&all[at + 1..]) {
            all[at] = instead(&all[at], Tok::And, "and");
        }
    }
    all
}

/// Joins the digits of numbers with commas, where no list can be meant: `tx > 1,000,000`.
fn join_thousands(tokens: &mut Vec<Token<'_>>) {
    let is_digits = |t: &Token<'_>, counts: std::ops::RangeInclusive<usize>| {
        counts.contains(&t.text.len()) && t.text.bytes().all(|b| b.is_ascii_digit())
    };
    let mut at = 1;
    while at < tokens.len() {
        let [first, rest @ ..] = &tokens[at..] else {
            return;
        };
        let takes_one = matches!(
            tokens[at - 1].kind,
            Tok::Op(Op::Lt | Op::Le | Op::Gt | Op::Ge)
        );
        let groups = rest.chunks_exact(2).take_while(|pair| {
            let is_apart = pair[0].span.end < pair[1].span.start;
            pair[0].kind == Tok::Comma && is_digits(&pair[1], 3..=3) && !is_apart
        });
        let groups: Vec<&str> = groups.map(|pair| pair[1].text).collect();
        let end = at + 2 * groups.len();
        if takes_one
            && !groups.is_empty()
            && is_digits(first, 1..=3)
            && ends_term(tokens.get(end + 1))
        {
            let kind = Tok::Quoted([first.text, &groups.concat()].concat());
            let span = first.span.start..tokens[end].span.end;
            let whole = Token {
                kind,
                span,
                ..first.clone()
            };
            tokens.splice(at..=end, [whole]);
        }
        at += 1;
    }
}

/// The part of a token from one byte to another.
fn part<'s>(of: &Token<'s>, from: usize, to: usize) -> Token<'s> {
    Token {
        kind: Tok::Word,
        text: &of.text[from..to],
        span: of.span.start + from..of.span.start + to,
    }
}

/// Labels without their braces: `{comm="curl",port="443"}`.
fn without_braces(mut tokens: Vec<Token<'_>>) -> Vec<Token<'_>> {
    let [first, op, .., last] = tokens.as_slice() else {
        return tokens;
    };
    let is_label = first.text.len() > 1 && first.text.starts_with('{');
    if !is_label || !matches!(op.kind, Tok::Op(_)) || !last.text.ends_with('}') {
        return tokens;
    }
    if matches!(last.kind, Tok::Quoted(_) | Tok::Unclosed) {
        return tokens;
    }
    tokens[0] = part(first, 1, first.text.len());
    if let Some(last) = tokens.pop()
        && last.text.len() > 1
    {
        let value = part(&last, 0, last.text.len() - 1);
        tokens.push(Token {
            kind: last.kind,
            ..value
        });
    }
    tokens
}

/// Terms that a shell had to be kept from: `'( dport = :443 )'`. A process may be called `(sd-pam)`.
fn quoted_terms<'s>(token: &Token<'s>) -> Option<Vec<Token<'s>>> {
    let Tok::Quoted(text) = &token.kind else {
        return None;
    };
    let within = token.text.get(1..token.text.len() - 1)?;
    if text != within || !within.starts_with('(') || !within.ends_with(')') {
        return None;
    }
    let mut terms = lex(within);
    let has_field = terms.get(1).is_some_and(|t| field_named(t.text).is_some());
    let start = token.span.start + 1;
    for term in &mut terms {
        term.span = term.span.start + start..term.span.end + start;
    }
    (has_field && terms.len() > 3).then_some(terms)
}

/// The end that lsof has after `-i`, without the option: `-iTCP:443`, `-i4TCP@10.0.0.5`, `-i:443`.
fn without_option(token: Token<'_>) -> Token<'_> {
    let lower = token.text.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("-i") else {
        return token;
    };
    let rest = rest.strip_prefix(['4', '6']).unwrap_or(rest);
    let rest = rest.strip_prefix("tcp").unwrap_or(rest);
    let end = rest.strip_prefix('@').unwrap_or(rest);
    let is_end = rest.starts_with('@') || rest.starts_with(':');
    match token.kind == Tok::Word && is_end && end.len() > 1 {
        true => part(&token, token.text.len() - end.len(), token.text.len()),
        false => token,
    }
}

/// True for a field and a value: no part of a list.
fn begins_comparison(tokens: &[Token<'_>]) -> bool {
    let [field, next, ..] = tokens else {
        return false;
    };
    let named = field_named(field.text).filter(|_| field.kind == Tok::Word);
    let is_value = match next.kind {
        Tok::Op(_) | Tok::Quoted(_) => true,
        Tok::Word => field_named(next.text).is_none(),
        _ => false,
    };
    is_value && named.is_some_and(|field| field.kind != FieldKind::Bool)
}

/// `FIELD:[A TO B]` of Lucene as a range or comparisons.
pub fn bracketed<'s>(tokens: &[Token<'s>]) -> Option<Instead<'s>> {
    let [field, equal, from, to, end, ..] = tokens else {
        return None;
    };
    let named = any_field_named(field.text).filter(|_| field.kind == Tok::Word)?;
    let is_range = is_word(to, "to") && from.text.starts_with('[') && end.text.ends_with(']');
    if equal.kind != Tok::Op(Op::Eq) || !is_range || from.text.len() < 2 || end.text.len() < 2 {
        return None;
    }
    let from = part(from, 1, from.text.len());
    let end = part(end, 0, end.text.len() - 1);
    let put = |kind: Tok, text| instead(to, kind, text);
    let bounds = (from.text != "*", end.text != "*");
    if kind_of(named) == FieldKind::Port && bounds == (true, true) {
        return Some((vec![field.clone(), from, put(Tok::Word, "-"), end], 5));
    }
    let least = [field.clone(), put(Tok::Op(Op::Ge), ">="), from];
    let most = [field.clone(), put(Tok::Op(Op::Le), "<="), end];
    let mut term = vec![put(Tok::Open, "(")];
    match bounds {
        (true, true) => {
            term.extend(least);
            term.push(put(Tok::And, "and"));
            term.extend(most);
        }
        (true, false) => term.extend(least),
        (false, true) => term.extend(most),
        (false, false) => return None,
    }
    term.push(put(Tok::Close, ")"));
    Some((term, 5))
}

/// `from` and `to` before a port, or before both ends, as the fields of these ends.
pub fn from_and_to<'s>(tokens: &[Token<'s>]) -> Option<Instead<'s>> {
    let (first, is_port) = end_of(tokens)?;
    let second = tokens.get(2..).and_then(end_of);
    match second {
        Some((second, _)) if !is_word(&tokens[0], tokens[2].text) => {
            Some((grouped([first, second].concat()), 4))
        }
        _ => is_port.then_some((first, 2)),
    }
}

/// `A -> B` and `A to B` of a program or an address and the peer as terms; `to` an address and a port.
///
/// # Errors
/// [`FilterError`] for a program as the peer, which is known by its address and port.
pub fn between_ends<'s>(
    tokens: &[Token<'s>],
    cursor: Option<usize>,
) -> Result<Option<Instead<'s>>, FilterError> {
    if let [to, addr, rest @ ..] = tokens
        && is_word(to, "to")
        && let Some(port) = port_of(addr, rest)
    {
        let dst = [instead(to, Tok::Word, "dst"), addr.clone()];
        return Ok(Some((grouped(dst.into_iter().chain(port)), 4)));
    }
    if let [from, name, rest @ ..] = tokens
        && is_word(from, "from")
        && is_program(name)
        && ends_term(rest.first())
    {
        let help = format!("write `comm {} and outbound`", name.text);
        let error = FilterError::new(from.span.clone(), "`from` takes an address").help(help);
        return Err(while_typed(error, name, cursor));
    }
    let (from, joint, to) = match tokens {
        [from, dash, sharp, to, ..] if dash.text == "-" && sharp.text == ">" => (from, 2, to),
        [from, arrow, to, ..] if arrow.text == "→" || is_word(arrow, "to") => (from, 1, to),
        _ => return Ok(None),
    };
    let count = 2 + joint;
    let port = port_of(to, tokens.get(count..).unwrap_or_default());
    let count = count + port.as_ref().map_or(0, |port| port.len());
    let is_of_program = is_program(from);
    if !(is_of_program || is_end(from)) || !ends_term(tokens.get(count)) {
        return Ok(None);
    }
    let put = |text| instead(&tokens[1], Tok::Word, text);
    let field = match (digits::<u16>(to.text), is_end(to)) {
        (Some(_), _) => "rport",
        (None, true) => "dst",
        (None, false) if is_of_program && is_program(to) => {
            let port = port_named(to.text).unwrap_or(443);
            let message = format!("{} is not an address or a port", quoted(to.text));
            let help = format!(
                "write `comm {} and dst port {port}`: the peer has no other name",
                from.text
            );
            let error = FilterError::new(to.span.clone(), message).help(help);
            return Err(while_typed(error, to, cursor));
        }
        _ => return Ok(None),
    };
    let side = match port_named(from.text) {
        _ if !is_of_program => Some(put("src")),
        Some(_) => Some(put("comm")),
        None => None,
    };
    let and = instead(&tokens[1], Tok::And, "and");
    let term = side
        .into_iter()
        .chain([from.clone(), and, put(field), to.clone()])
        .chain(port.into_iter().flatten());
    Ok(Some((grouped(term), count)))
}

/// The field and the number of `port N` after an address.
fn port_of<'s>(addr: &Token<'_>, rest: &[Token<'s>]) -> Option<[Token<'s>; 2]> {
    let [port, number, ..] = rest else {
        return None;
    };
    let is_it = is_word(port, "port")
        && addr.text.parse::<IpAddr>().is_ok()
        && digits::<u16>(number.text).is_some();
    is_it.then(|| [instead(port, Tok::Word, "rport"), number.clone()])
}

/// Tokens in parentheses, so that `not` is about all of them.
pub fn grouped<'s>(tokens: impl IntoIterator<Item = Token<'s>>) -> Vec<Token<'s>> {
    let mut all: Vec<Token<'s>> = tokens.into_iter().collect();
    if let (Some(first), Some(last)) = (all.first().cloned(), all.last().cloned()) {
        all.insert(0, instead(&first, Tok::Open, "("));
        all.push(instead(&last, Tok::Close, ")"));
    }
    all
}

/// True for a word that may be the name of a program, and nothing else.
fn is_program(token: &Token<'_>) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || "_.-@".contains(c);
    let is_plain = token.text.chars().all(is_plain) && token.text.contains(char::is_alphabetic);
    is_plain && is_name(token) && !is_end(token)
}

/// True for an address, with a port or without.
fn is_end(token: &Token<'_>) -> bool {
    let is_it = |addr| meaning(addr, token.text, false, |_| None).is_ok();
    let has_sign = token.text.contains(['.', ':']);
    token.kind == Tok::Word && has_sign && by_word("addr").is_some_and(is_it)
}

/// A side of both ends as the comparison of each: `src and dst net 10.0.0.0/8`.
pub fn of_both_ends<'s>(tokens: &[Token<'s>]) -> Option<Instead<'s>> {
    let [first, and, second, rest @ ..] = tokens else {
        return None;
    };
    let (what, value) = match rest {
        [what, value, ..] if field_of_side(first.text, what.text).is_some() => (what.text, value),
        [value, ..] => ("host", value),
        [] => return None,
    };
    let count = 4 + usize::from(rest.first()? != value);
    let fields = [first, second].map(|side| field_of_side(side.text, what));
    let [Some(one), Some(other)] = fields else {
        return None;
    };
    let is_value = meaning(one, value.text, false, |_| None).is_ok();
    let put = |kind: Tok, text| instead(first, kind, text);
    let is_it = and.kind == Tok::And && one != other && value.kind == Tok::Word && is_value;
    is_it.then(|| {
        let term = [
            put(Tok::Word, one.word),
            value.clone(),
            put(Tok::And, "and"),
            put(Tok::Word, other.word),
            value.clone(),
        ];
        (grouped(term), count)
    })
}

/// Negated success as failure: `not success`, `success = false`. Without a negation, open sessions may be meant, too.
pub fn unsuccessful<'s>(tokens: &[Token<'s>]) -> Option<Instead<'s>> {
    let is = |t: &Token<'_>, words: &[&str]| words.iter().any(|word| is_word(t, word));
    let is_success = |t: &Token<'_>| is(t, SUCCESS);
    let count = match tokens {
        [not, what, rest @ ..]
            if not.kind == Tok::Not && is_success(what) && ends_term(rest.first()) =>
        {
            2
        }
        [what, op, value, ..] if is_success(what) => match op.kind {
            Tok::Op(Op::Eq) if is(value, &["false", "no", "0"]) => 3,
            Tok::Op(Op::Ne) if is(value, &["true", "yes", "1"]) => 3,
            _ => return None,
        },
        [field, op, what, ..]
            if any_field_named(field.text).is_some_and(is_of_reasons)
                && op.kind == Tok::Op(Op::Ne)
                && is_success(what) =>
        {
            3
        }
        _ => return None,
    };
    Some((vec![instead(&tokens[0], Tok::Word, "failed")], count))
}

/// The field of an end and its value, and true if it is a port.
fn end_of<'s>(tokens: &[Token<'s>]) -> Option<(Vec<Token<'s>>, bool)> {
    let [word, value, ..] = tokens else {
        return None;
    };
    let is_port = digits::<u16>(value.text).is_some();
    let is_address = value.text.parse::<IpAddr>().is_ok();
    if !is_word(word, "from") && !is_word(word, "to") || !(is_port || is_address) {
        return None;
    }
    let field = field_of_side(word.text, if is_port { "port" } else { "addr" })?;
    Some((
        vec![instead(word, Tok::Word, field.word), value.clone()],
        is_port,
    ))
}

/// A comparison whose name may not be that of a field.
struct Comparison<'s> {
    name: &'s str,
    op: Op,
    value: Token<'s>,
    /// Number of its tokens.
    count: usize,
}

/// The comparison that tokens begin with: `NAME = VALUE`, `NAME:VALUE`, `NAME: VALUE`, `NAME is VALUE`.
fn comparison<'s>(tokens: &[Token<'s>]) -> Option<Comparison<'s>> {
    let [first, rest @ ..] = tokens else {
        return None;
    };
    if first.kind != Tok::Word {
        return None;
    }
    let (name, joined) = first.text.split_once(':').unwrap_or((first.text, ""));
    let (op, value, count) = match rest {
        _ if !joined.is_empty() => {
            let value = part(first, name.len() + 1, first.text.len());
            (Op::Eq, value, 1)
        }
        [value, ..] if name != first.text => (Op::Eq, value.clone(), 2),
        [op, value, ..] => match op.kind {
            Tok::Op(op) => (op, value.clone(), 3),
            _ if is_word(op, "is") => (Op::Eq, value.clone(), 3),
            _ => return None,
        },
        _ => return None,
    };
    let is_value = matches!(value.kind, Tok::Word | Tok::Quoted(_));
    is_value.then_some(Comparison {
        name,
        op,
        value,
        count,
    })
}

/// True if a name is among the words of a table.
fn is_one_of(words: &[&str], name: &str) -> bool {
    words.iter().any(|word| word.eq_ignore_ascii_case(name))
}

/// The name of an error's number.
fn named_errno(number: &str) -> Option<&'static str> {
    let number = number.trim_start_matches('-');
    let found = ERRNOS.iter().find(|(errno, _)| *errno == number);
    found.map(|(_, name)| *name)
}

/// An error that is compared with a reason as the field of reasons: `error = "ETIMEDOUT"`, `errno: ECONNRESET`,
/// `errno ECONNRESET`, `errno = 104`.
pub fn error<'s>(tokens: &[Token<'s>]) -> Option<Instead<'s>> {
    let reason = by_word("reason")?;
    let put = |kind: Tok, text| instead(&tokens[0], kind, text);
    let field = || put(Tok::Word, reason.word);
    let named = |value: &Token<'s>| Token {
        text: named_errno(value.text).unwrap_or(value.text),
        ..value.clone()
    };
    if let Some(found) = comparison(tokens) {
        let found = Comparison {
            value: named(&found.value),
            ..found
        };
        let (text, in_quotes) = match &found.value.kind {
            Tok::Quoted(text) => (text.as_str(), true),
            _ => (found.value.text, false),
        };
        let is_reason = is_one_of(ERRORS, found.name)
            && matches!(found.op, Op::Eq | Op::Ne)
            && text.len() > 2
            && meaning(reason, text, in_quotes, |_| None).is_ok();
        let op = put(Tok::Op(found.op), found.op.symbol());
        return is_reason.then(|| (vec![field(), op, found.value], found.count));
    }
    let [first, value, ..] = tokens else {
        return None;
    };
    let value = &named(value);
    let is_failure = |r: &Reason| r.is_failure() && r.name().eq_ignore_ascii_case(value.text);
    let is_reason = value.kind == Tok::Word
        && (phrase(value.text).is_some() || Reason::ALL.iter().any(is_failure));
    (is_reason && first.kind == Tok::Word && is_one_of(ERRORS, first.text))
        .then(|| (vec![field(), value.clone()], 2))
}

/// The field of a name that ends with a unit which the field takes, and that unit: `bytes_mb`.
pub fn named_with_unit(name: &str) -> Option<(&'static Field, &'static str)> {
    let lower = name.to_ascii_lowercase();
    // a heading of bcc
    if lower == "ms" {
        return by_word("duration").map(|field| (field, "ms"));
    }
    let is_it = |(end, _): &&(&str, &str)| lower.ends_with(end);
    let (end, unit) = *UNIT_ENDS.iter().find(is_it)?;
    let base = name.get(..name.len() - end.len())?;
    let field = any_field_named(base).filter(|_| by_word(&lower).is_none())?;
    let takes_unit = match kind_of(field) {
        FieldKind::Micros | FieldKind::Moment => {
            TIMES.iter().any(|(names, _)| names.contains(&unit))
        }
        FieldKind::Bytes => SIZES.iter().any(|(names, _)| names.contains(&unit)),
        FieldKind::Rate => !TIMES.iter().any(|(names, _)| names.contains(&unit)),
        _ => false,
    };
    takes_unit.then_some((field, unit))
}

/// A comparison of a field whose name ends with its unit, with the unit at the number: `rtt_ms > 1`.
pub fn with_unit<'s>(tokens: &[Token<'s>]) -> Option<Instead<'s>> {
    let found = comparison(tokens)?;
    let (field, unit) = named_with_unit(found.name)?;
    let number = match &found.value.kind {
        Tok::Quoted(text) => text.as_str(),
        _ => found.value.text,
    };
    let is_number = number.contains(|c: char| c.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    if !is_number {
        return None;
    }
    let put = |kind: Tok, text| instead(&tokens[0], kind, text);
    let value = Token {
        kind: Tok::Quoted(format!("{number}{unit}")),
        ..found.value
    };
    let op = put(Tok::Op(found.op), found.op.symbol());
    Some((vec![put(Tok::Word, field.word), op, value], found.count))
}

/// A comparison of the client or the server as that of the end which has this role: `client_ip:10.0.0.5`.
pub fn of_role<'s>(tokens: &[Token<'s>]) -> Option<Instead<'s>> {
    let found = comparison(tokens)?;
    let is_it = |(names, _): &&(&[&str], &str)| is_one_of(names, found.name);
    let (_, terms) = ROLES.iter().find(is_it)?;
    let first = &tokens[0];
    // `orig_bytes > 1 MB`
    let rest = tokens.get(found.count..).unwrap_or_default();
    let joined = by_word("bytes").and_then(|bytes| pieces(bytes, &found.value, rest));
    let (value, following) = match joined {
        Some(joined) => {
            let kind = Tok::Quoted(joined.whole);
            (
                Token {
                    kind,
                    ..found.value
                },
                joined.count,
            )
        }
        None => (found.value, 0),
    };
    let mut all = Vec::new();
    for token in lex(terms) {
        match token.text {
            "VALUE" => {
                all.push(instead(first, Tok::Op(found.op), found.op.symbol()));
                all.push(value.clone());
            }
            _ => all.push(instead(first, token.kind, token.text)),
        }
    }
    Some((all, found.count + following))
}

/// A function, or a field of Lucene, that says that a field has a value or has none: `exists(container)`,
/// `_exists_:container`.
///
/// # Errors
/// [`FilterError`] for a field that always has a value, and for an unknown one.
pub fn exists<'s>(
    tokens: &[Token<'s>],
    cursor: Option<usize>,
) -> Result<Option<Instead<'s>>, FilterError> {
    let Some(first) = tokens.first().filter(|t| t.kind == Tok::Word) else {
        return Ok(None);
    };
    let (name, joined) = first.text.split_once(':').unwrap_or((first.text, ""));
    let is_none = is_one_of(MISSING, name);
    if !is_none && !is_one_of(EXISTS, name) {
        return Ok(None);
    }
    let (what, count) = match &tokens[1..] {
        _ if !joined.is_empty() => (part(first, name.len() + 1, first.text.len()), 1),
        [what, ..] if name != first.text => (what.clone(), 2),
        [open, what, close, ..] if open.kind == Tok::Open && close.kind == Tok::Close => {
            (what.clone(), 4)
        }
        // `has retransmits` is above 0
        [what, ..]
            if !is_word(first, "has")
                && ends_term(tokens.get(2))
                && any_field_named(what.text).is_some() =>
        {
            (what.clone(), 2)
        }
        _ => return Ok(None),
    };
    let named = (what.kind == Tok::Word).then(|| any_field_named(what.text));
    let Some(field) = named.flatten() else {
        return match name.eq_ignore_ascii_case("has") && joined.is_empty() {
            true => Ok(None),
            false => Err(while_typed(unknown_field(&what), &what, cursor)),
        };
    };
    let Some((op, every)) = any_value(field) else {
        let message = format!("`{}` always has a value", field.word);
        let help = format!("write `{}`", example(field));
        return Err(FilterError::new(what.span.clone(), message).help(help));
    };
    let put = |kind: Tok, text| instead(&what, kind, text);
    let mut term = vec![
        put(Tok::Word, field.word),
        put(Tok::Op(op), op.symbol()),
        put(Tok::Word, every),
    ];
    if is_none {
        term.insert(0, put(Tok::Not, "not"));
    }
    Ok(Some((term, count)))
}

/// Words for what a session transfers.
const CONTENT: &[&str] = &["data", "traffic", "bytes", "payload"];

/// `no` or `without` and a word as the comparison or the negation that it means: `no retransmits`, `no ssh`.
///
/// # Errors
/// [`FilterError`] if `no` is before a word that is nothing here: everything would match.
pub fn absent<'s>(
    tokens: &[Token<'s>],
    cursor: Option<usize>,
) -> Result<Option<Instead<'s>>, FilterError> {
    if let [no] = tokens
        && is_word(no, "no")
        && cursor.is_some_and(|cursor| cursor > no.span.end)
    {
        let message = "expected a word after `no`";
        return Err(FilterError::new(no.span.clone(), message).incomplete());
    }
    let [no, what, rest @ ..] = tokens else {
        return Ok(None);
    };
    if !is_word(no, "no") && !is_word(no, "without") {
        return Ok(None);
    }
    let put = |kind: Tok, text| instead(no, kind, text);
    let is_compared = rest.first().is_some_and(|next| match next.kind {
        Tok::Op(_) | Tok::Quoted(_) | Tok::Pattern | Tok::Open | Tok::Stray => true,
        Tok::Word => field_named(next.text).is_none(),
        _ => false,
    });
    let zero = |field: Token<'s>| vec![field, put(Tok::Op(Op::Eq), "="), put(Tok::Word, "0")];
    if CONTENT.iter().any(|word| is_word(what, word)) && !is_compared {
        return Ok(Some((zero(put(Tok::Word, "bytes")), 2)));
    }
    let named = any_field_named(what.text).filter(|_| what.kind == Tok::Word && !is_compared);
    if let Some(field) = named {
        let term = match kind_of(field) {
            FieldKind::Count | FieldKind::Bytes | FieldKind::Rate => Some(zero(what.clone())),
            FieldKind::Port if is_word(what, "port") => {
                let reason = Reason::NoPort.name();
                let words = [put(Tok::Word, "reason"), put(Tok::Word, reason)];
                Some(words.to_vec())
            }
            FieldKind::Port | FieldKind::Bool => None,
            _ => any_value(field).map(|(op, every)| {
                let not = put(Tok::Not, "not");
                vec![
                    not,
                    what.clone(),
                    put(Tok::Op(op), op.symbol()),
                    put(Tok::Word, every),
                ]
            }),
        };
        if let Some(term) = term {
            return Ok(Some((term, 2)));
        }
    }
    if is_word(no, "no") && !is_known(&tokens[1..]) {
        let span = no.span.start..what.span.end;
        let message = format!("{} is no field and no status", quoted(what.text));
        let help = format!("to exclude the word, write `not {}`", what.text);
        let error = FilterError::new(span, message).help(help);
        return Err(while_typed(error, what, cursor));
    }
    Ok(Some((vec![put(Tok::Not, "not")], 1)))
}

/// Words before what a session has.
const HAVING: &[&str] = &["has", "have", "having", "with", "in"];

/// `has` or `in` and a field without a value as the comparison that every value meets, or that is above 0:
/// `with retransmits`, `in container`.
pub fn present<'s>(tokens: &[Token<'s>]) -> Option<Instead<'s>> {
    let [has, what, rest @ ..] = tokens else {
        return None;
    };
    HAVING.iter().find(|word| is_word(has, word))?;
    let field = any_field_named(what.text).filter(|_| what.kind == Tok::Word)?;
    let is_alone = ends_term(rest.first());
    let (op, value) = match kind_of(field) {
        FieldKind::Count | FieldKind::Bytes | FieldKind::Rate => (Op::Gt, "0"),
        FieldKind::Text => (Op::Match, "."),
        _ => return None,
    };
    let put = |kind: Tok, text| instead(has, kind, text);
    let value = put(Tok::Word, value);
    is_alone.then(|| (vec![what.clone(), put(Tok::Op(op), op.symbol()), value], 2))
}

/// Several values of a field after its plural as a list: `ports 80 and 443`.
pub fn plural<'s>(tokens: &[Token<'s>]) -> Option<Instead<'s>> {
    let [first, rest @ ..] = tokens else {
        return None;
    };
    let name = first.text.strip_suffix(':').unwrap_or(first.text);
    let is_it = |(word, _): &&(&str, &str)| word.eq_ignore_ascii_case(name);
    let named = PLURALS
        .iter()
        .find(is_it)
        .filter(|_| first.kind == Tok::Word)?;
    let field = any_field_named(named.1)?;
    let is_value = |at: usize| {
        let is_compared = rest
            .get(at + 1)
            .is_some_and(|t| matches!(t.kind, Tok::Op(_)));
        rest.get(at).is_some_and(|t| match t.kind {
            Tok::Quoted(_) => true,
            Tok::Word => {
                let is_text = matches!(bare(t.text, false), Ok(Bare::Text(_)));
                let takes_text = matches!(kind_of(field), FieldKind::Text | FieldKind::Comm);
                let is_of_field = match takes_text {
                    true => is_text,
                    false => read(field, t.text, false, |_| Some(0)).is_ok(),
                };
                any_field_named(t.text).is_none() && !is_compared && is_of_field
            }
            _ => false,
        })
    };
    if !is_value(0) {
        return None;
    }
    let mut term = vec![instead(first, Tok::Word, field.word), rest[0].clone()];
    let mut at = 1;
    while let Some(joint) = rest.get(at)
        && matches!(joint.kind, Tok::And | Tok::Or | Tok::Comma)
        && is_value(at + 1)
    {
        term.extend([instead(joint, Tok::Comma, ","), rest[at + 1].clone()]);
        at += 2;
    }
    Some((term, at + 1))
}

/// The error of a token, which is not complete while it is being typed.
fn while_typed(error: FilterError, token: &Token<'_>, cursor: Option<usize>) -> FilterError {
    match token.kind == Tok::Word && cursor == Some(token.span.end) {
        true => error.incomplete(),
        false => error,
    }
}

/// The comparison that every value of a field meets.
pub fn any_value(field: &Field) -> Option<(Op, &'static str)> {
    match operators(field) {
        ops if ops.contains(&Op::Match) => Some((Op::Match, ".")),
        ops if ops.contains(&Op::Ge) => Some((Op::Ge, "0")),
        _ => None,
    }
}

/// True for a word that is a name of a program or a service, and no status, field or phrase.
pub fn is_name(token: &Token<'_>) -> bool {
    token.kind == Tok::Word
        && (port_named(token.text).is_some() || !is_known(std::slice::from_ref(token)))
}

/// True for tokens that begin more than a text to search for.
fn is_known(tokens: &[Token<'_>]) -> bool {
    let [what, rest @ ..] = tokens else {
        return false;
    };
    if what.kind != Tok::Word {
        return true;
    }
    let lower = what.text.to_lowercase();
    let names = Reason::ALL.iter().flat_map(|r| [r.name(), r.word()]);
    let mut names = names.chain(State::ALL.iter().map(|s| s.name()));
    let is_text = matches!(bare(what.text, false), Ok(Bare::Text(_)));
    let second = rest.first().map_or("", |t| t.text);
    !is_text
        || port_named(what.text).is_some()
        || any_field_named(what.text).is_some()
        || foreign_fields(what.text).0.next().is_some()
        || field_of_side(what.text, second).is_some()
        || begins_phrase(tokens)
        || names.any(|name| is_begun(&name.to_lowercase(), &lower))
}

#[cfg(test)]
mod tests {
    use crate::filter::Filter;

    #[test]
    fn pattern_in_quotes_after_the_operator_of_promql_is_read_as_the_whole_text() {
        for (text, read) in [
            ("comm=~\"re.*\"", Some("comm ~ \"^(re.*)$\"")),
            ("comm =~ 're' port 1", Some("comm ~ \"^(re)$\" port 1")),
            ("comm =~ \"^re\"", None),
            ("comm =~ re", None),
            ("comm =~ /re/", None),
            ("comm ~ \"re\"", None),
        ] {
            let filter = Filter::parse(text).expect(text);
            assert_eq!(filter.mended(), read, "{text}");
            let again = Filter::parse(read.unwrap_or(text)).expect(text);
            assert_eq!(again, filter, "{text}");
        }
    }
}
