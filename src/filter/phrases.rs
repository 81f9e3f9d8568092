//! Phrases of other tools (tcpdump, Wireshark, ss) that are more than a word for a field, and what they mean here.
//!
//! A phrase is replaced by its meaning before the filter is parsed; errors still point to what was written.

mod no_field;
pub mod table;

use std::net::IpAddr;

use table::Means::{self, Begins, Counts, Is, Nothing, Sizes};
use table::{
    BY_FIELD, BY_SCREEN, BY_TERMS, FILLERS, FUNCTIONS, MEANS, NO_FIELD, NO_FUNCTIONS, NO_PIPES,
    NOUNS, NULLS, PHRASES, PIPED, SUMS, TAILS,
};

use crate::filter::diagnostics::unknown_field;
use crate::filter::error::FilterError;
use crate::filter::expr::Op;
use crate::filter::foreign::{
    any_field_named, by_clock, field_named, field_of_side, foreign_fields, is_operator, spoken,
    vague,
};
use crate::filter::forms::{self, absent, any_value};
use crate::filter::lex::{Token, TokenKind as Tok, lex};
use crate::filter::literal::{self, example, kind_of, operators};
use crate::filter::shorthand::{condition, meaning};
use crate::model::fields::{FieldKind, by_word};
use crate::model::session::Reason;
use crate::text::units::{SIZES, TIMES, scaled};

/// True if a term ends before this token, or with the filter.
pub fn ends_term(next: Option<&Token>) -> bool {
    next.is_none_or(|t| matches!(t.kind, Tok::And | Tok::Or | Tok::Close))
}

/// True for a word that is not in quotes.
pub fn is_word(token: &Token<'_>, word: &str) -> bool {
    !matches!(token.kind, Tok::Quoted(_)) && token.text.eq_ignore_ascii_case(word)
}

/// True for the words of tokens at which a phrase is.
fn is_phrase(words: &[&str], tokens: &[Token<'_>]) -> bool {
    let is_it = |(word, token): (&&str, &Token<'_>)| is_word(token, word);
    words.len() <= tokens.len() && words.iter().zip(tokens).all(is_it)
}

/// True for the words of a phrase that says something.
pub fn begins_phrase(tokens: &[Token<'_>]) -> bool {
    let is_it = |(words, means): &(&[&str], Means)| {
        !matches!(means, Begins("")) && is_phrase(words, tokens)
    };
    PHRASES.iter().any(is_it)
        || tokens
            .first()
            .is_some_and(|first| NOUNS.iter().any(|noun| is_word(first, noun)))
}

/// A token in the place of another one.
pub fn instead<'s>(of: &Token<'s>, kind: Tok, text: &'static str) -> Token<'s> {
    let span = of.span.clone();
    Token { kind, text, span }
}

/// True for a whole number.
fn is_number(token: &Token<'_>) -> bool {
    token.text.bytes().all(|b| b.is_ascii_digit())
}

/// True for a number, with a unit or without.
fn begins_with_digit(token: &Token<'_>) -> bool {
    let text = token.text.trim_start_matches(['"', '\'']);
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// True for a number of bytes with its unit.
fn is_size(token: &Token<'_>) -> bool {
    let has_unit = token.text.ends_with(['b', 'B']);
    has_unit && scaled(token.text, SIZES, None).is_ok()
}

/// The field after a number, as in `10 retransmits` and `1MB sent`, if no value of its own follows.
fn counted<'t, 's>(tokens: &'t [Token<'s>]) -> Option<&'t Token<'s>> {
    let [number, field, rest @ ..] = tokens else {
        return None;
    };
    let named = any_field_named(field.text).filter(|_| field.kind == Tok::Word)?;
    let is_alone = ends_term(rest.first());
    let is_number = begins_with_digit(number) && operators(named).contains(&Op::Ge);
    (is_alone && is_number).then_some(field)
}

/// A value after `or` that may be one more of those before it, with what is before the second of these: `rport 80,81 or 443`.
/// `None`: it is more than a value.
fn one_more<'t, 's>(
    before: &'t [Token<'s>],
    after: &'t [Token<'s>],
) -> Option<(&'t [Token<'s>], &'t Token<'s>)> {
    let [next, rest @ ..] = after else {
        return None;
    };
    let mut before = before;
    while let [start @ .., _, comma, _] = before
        && comma.kind == Tok::Comma
    {
        before = &before[..start.len() + 1];
    }
    let is_more = ends_term(rest.first()) || rest.first().is_some_and(|t| t.kind == Tok::Comma);
    (next.kind == Tok::Word && is_more).then_some((before, next))
}

/// True if `or` and a number or an address continue the values of the field before it, as in tcpdump: `rport 80 or 443`.
fn continues_values(before: &[Token<'_>], after: &[Token<'_>]) -> bool {
    let Some((before, next)) = one_more(before, after) else {
        return false;
    };
    let field = match before {
        [.., field, op, _] if matches!(op.kind, Tok::Op(Op::Eq | Op::Ne)) => field,
        [.., field, value] if value.kind == Tok::Word => field,
        _ => return false,
    };
    let named = any_field_named(field.text).filter(|_| field.kind == Tok::Word);
    let takes = |field| {
        let is_one = matches!(
            kind_of(field),
            FieldKind::Port | FieldKind::Addr | FieldKind::Id
        );
        is_one && meaning(field, next.text, false, |_| None).is_ok()
    };
    begins_with_digit(next) && named.is_some_and(takes)
}

/// True if `or` and a value continue those before it that `not` or `!=` excludes: `not comm curl or wget`, `not curl or wget`,
/// `state != established or close-wait`.
fn continues_excluded(before: &[Token<'_>], after: &[Token<'_>]) -> bool {
    let Some((before, next)) = one_more(before, after) else {
        return false;
    };
    let is_name = forms::is_name(next);
    let takes = |field: &Token<'_>| {
        let named = any_field_named(field.text).filter(|_| field.kind == Tok::Word);
        named.is_some_and(|named| match kind_of(named) {
            FieldKind::Comm | FieldKind::Text | FieldKind::User => is_name,
            FieldKind::Names(_) => meaning(named, next.text, false, |_| None).is_ok(),
            _ => false,
        })
    };
    let is_not = |token: &Token<'_>| token.kind == Tok::Not;
    match before {
        [.., field, op, _] if op.kind == Tok::Op(Op::Ne) => takes(field),
        [.., not, field, op, _] if is_not(not) && op.kind == Tok::Op(Op::Eq) => takes(field),
        [.., not, field, _] if is_not(not) && takes(field) => true,
        [.., not, word] if is_not(not) => {
            is_name && (matches!(word.kind, Tok::Quoted(_)) || forms::is_name(word))
        }
        _ => false,
    }
}

/// True for a time with its unit.
fn is_time(token: &Token<'_>) -> bool {
    token.kind == Tok::Word && scaled(token.text, TIMES, None).is_ok()
}

/// Place of the first token of the alternatives that the tokens end with, within the same parentheses.
fn start_of_alternatives(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0;
    let opens = tokens.iter().rposition(|token| {
        depth += i32::from(token.kind == Tok::Open) - i32::from(token.kind == Tok::Close);
        depth > 0
    });
    opens.map_or(0, |open| open + 1)
}

/// The reasons or the condition that a phrase means, as a filter.
pub fn phrase(text: &str) -> Option<&'static str> {
    let tokens = lex(text);
    PHRASES.iter().find_map(|(words, means)| match means {
        Is(text) if words.len() == tokens.len() && is_phrase(words, &tokens) => Some(*text),
        _ => None,
    })
}

/// A condition that is compared with yes or no, as the condition or its negation, and the number of its tokens: `failed = true`.
fn with_bool<'s>(tokens: &[Token<'s>]) -> Option<(Vec<Token<'s>>, usize)> {
    let [word, op, value, ..] = tokens else {
        return None;
    };
    condition(word.text).filter(|_| word.kind == Tok::Word)?;
    let is = is_word(op, "is").then(|| instead(op, Tok::Op(Op::Eq), "="));
    let (count, is_negated) = compared(is.as_ref().unwrap_or(op), Some(value))?;
    let not = is_negated.then(|| instead(op, Tok::Not, "not"));
    let term = not.into_iter().chain([word.clone()]).collect();
    (count == 2).then_some((term, 3))
}

/// `FIELD A to B` as a range, and the number of its tokens.
fn from_to<'s>(tokens: &[Token<'s>]) -> Option<(Vec<Token<'s>>, usize)> {
    let [field, rest @ ..] = tokens else {
        return None;
    };
    let op = rest
        .first()
        .filter(|t| t.kind == Tok::Op(Op::Eq) || is_word(t, "from"));
    let rest = &rest[usize::from(op.is_some())..];
    let [from, to, end, ..] = rest else {
        return None;
    };
    if !is_word(to, "to") || ![from, end].iter().all(|t| begins_with_digit(t)) {
        return None;
    }
    let named = any_field_named(field.text).filter(|_| field.kind == Tok::Word)?;
    if !operators(named).contains(&Op::Ge) {
        return None;
    }
    let word = instead(to, Tok::Word, "between");
    let and = instead(to, Tok::And, "and");
    let (term, _) = between(&[field.clone(), word, from.clone(), and, end.clone()])?;
    Some((term, 4 + usize::from(op.is_some())))
}

/// True if the tokens end with a whole term, after which another one may begin without `and`.
fn ends_with_term(tokens: &[Token<'_>]) -> bool {
    let Some(last) = tokens.last() else {
        return false;
    };
    let is_name =
        any_field_named(last.text).is_some() || foreign_fields(last.text).0.next().is_some();
    match last.kind {
        Tok::Close | Tok::Quoted(_) => true,
        Tok::Word => !is_name && !is_operator(last.text) && !is_word(last, "in"),
        _ => false,
    }
}

/// A field of a status and the words that the dashboard shows for one, as one value: `status = timed out`. Returns the
/// number of tokens, too.
fn shown_status<'s>(tokens: &[Token<'s>]) -> Option<(Vec<Token<'s>>, usize)> {
    let [field, rest @ ..] = tokens else {
        return None;
    };
    let is_status = is_word(field, "status") || is_word(field, "reason");
    let count = rest
        .iter()
        .take_while(|t| matches!(t.kind, Tok::Op(_) | Tok::Not) || is_word(t, "is"))
        .count();
    let words = Reason::ALL.iter().map(|r| r.word());
    let mut words = words.filter(|w| w.contains(' ') && is_status);
    let shown = words.find(|w| is_phrase(&w.split(' ').collect::<Vec<_>>(), &rest[count..]))?;
    let used = shown.split(' ').count();
    let span = rest[count].span.start..rest[count + used - 1].span.end;
    let mut term = tokens[..=count].to_vec();
    term.push(Token {
        kind: Tok::Quoted(shown.to_owned()),
        text: shown,
        span,
    });
    Some((term, 1 + count + used))
}

/// A field and an operator of several words, and the number of tokens: `duration longer than 5s`.
fn spoken_operator<'s>(tokens: &[Token<'s>]) -> Option<(Vec<Token<'s>>, usize)> {
    let [field, rest @ ..] = tokens else {
        return None;
    };
    let named = any_field_named(field.text).filter(|_| field.kind == Tok::Word);
    named.or_else(|| foreign_fields(field.text).0.next())?;
    let words: Vec<&str> = rest.iter().take(3).map(|t| t.text).collect();
    let (op, count) = spoken(&words)?;
    let put = |token: Token<'static>| Token {
        span: rest[0].span.start..rest[count - 1].span.end,
        ..token
    };
    let op = lex(op).into_iter().map(put).collect::<Vec<_>>();
    let (before, after): (Vec<_>, Vec<_>) = op.into_iter().partition(|t| t.kind == Tok::Not);
    let term = before.into_iter().chain([field.clone()]).chain(after);
    Some((term.collect(), 1 + count))
}

/// True if a term may begin after a token.
fn is_before_term(token: &Token<'_>) -> bool {
    matches!(token.kind, Tok::And | Tok::Or | Tok::Not | Tok::Open)
}

/// True if a token may be the last one of a term.
fn is_end_of_term(token: &Token<'_>) -> bool {
    matches!(token.kind, Tok::Word | Tok::Quoted(_) | Tok::Close)
}

/// True for a word that says nothing before the field and the value, or the condition, that follow it.
fn is_filler(tokens: &[Token<'_>]) -> bool {
    let [filler, field, rest @ ..] = tokens else {
        return false;
    };
    let is_one = FILLERS.iter().any(|word| is_word(filler, word));
    let begins_size = || {
        let is_it = |(words, means): &(&[&str], Means)| {
            matches!(means, Sizes(_)) && is_phrase(words, &tokens[1..])
        };
        PHRASES.iter().any(is_it)
    };
    let is_part = |(words, _): &(&[&str], Means)| words.len() > 1 && is_phrase(words, tokens);
    if PHRASES.iter().any(is_part) {
        return false;
    }
    let begins_field = || {
        let is_it = |(words, means): &(&[&str], Means)| {
            matches!(means, Begins(text) if !text.is_empty()) && is_phrase(words, &tokens[1..])
        };
        PHRASES.iter().any(is_it)
    };
    if is_one && begins_size() || is_word(filler, "tcp") && begins_field() {
        return true;
    }
    if !is_one || field.kind != Tok::Word || is_operator(field.text) {
        return false;
    }
    let is_compared = match rest.first().map(|t| &t.kind) {
        Some(Tok::Op(_) | Tok::Quoted(_) | Tok::Pattern) => true,
        Some(Tok::Word) => {
            field_named(rest[0].text).is_none() || field_of_side(field.text, rest[0].text).is_some()
        }
        _ => false,
    };
    any_field_named(field.text).is_some() && is_compared || condition(field.text).is_some()
}

/// True for `select(` of jq.
fn is_selection(tokens: &[Token<'_>]) -> bool {
    matches!(tokens, [word, open, ..] if is_word(word, "select") && open.kind == Tok::Open)
}

/// True for a word right before a parenthesis, which is a function in other languages.
fn is_call(word: &Token<'_>, open: &Token<'_>) -> bool {
    word.kind == Tok::Word
        && open.kind == Tok::Open
        && open.text == "("
        && word.span.end == open.span.start
        && word.text.starts_with(char::is_alphabetic)
        && any_field_named(word.text).is_none()
        && !is_operator(word.text)
        && !word.text.eq_ignore_ascii_case("in")
}

/// True for a value that completes a term.
fn completes(words: &[&str], token: &Token<'_>) -> bool {
    let is_text = matches!(token.kind, Tok::Word | Tok::Quoted(_));
    match words {
        ["ip", "and"] => true,
        ["in"] => token.text.parse::<IpAddr>().is_ok() || token.text.contains('/'),
        // a field of two words
        [_, _, ..] if matches!(token.kind, Tok::Op(_)) => true,
        _ => is_text || matches!(token.kind, Tok::Open | Tok::Not),
    }
}

/// The network that a single number stands for after `net`, as in tcpdump: `net 127`. A number that is being typed may become
/// another one.
fn short_net<'s>(token: &Token<'s>, cursor: Option<usize>) -> Option<Token<'s>> {
    let byte: u8 = token.text.parse().ok()?;
    let is_typed = cursor == Some(token.span.end);
    (token.kind == Tok::Word && is_number(token) && !is_typed).then(|| Token {
        kind: Tok::Quoted(format!("{byte}.0.0.0/8")),
        ..token.clone()
    })
}

/// Replaces phrases by their meanings. `cursor` is the place where the filter is being typed.
///
/// # Errors
/// [`FilterError`] for a phrase by which no session can be selected.
pub fn translated<'s>(
    tokens: Vec<Token<'s>>,
    cursor: Option<usize>,
) -> Result<Vec<Token<'s>>, FilterError> {
    let mut all: Vec<Token<'s>> = Vec::with_capacity(tokens.len());
    let tokens = forms::plain(tokens);
    let mut rest = condition_of_query(&tokens);
    while let [first, others @ ..] = rest {
        let begins = all.last().is_none_or(is_before_term);
        let ends = all.last().is_some_and(is_end_of_term);
        let follows = ends_with_term(&all);
        if first.kind == Tok::Or && first.text == "|" {
            match others.first() {
                Some(next) if PIPED.iter().any(|word| is_word(next, word)) => {
                    let span = first.span.start..next.span.end;
                    return Err(FilterError::new(span, NO_PIPES).help(BY_SCREEN));
                }
                Some(next)
                    if ["where", "filter", "search"]
                        .iter()
                        .any(|w| is_word(next, w))
                        || is_selection(others) =>
                {
                    match all.as_slice() {
                        // a table, or the rows of one
                        [only] if only.kind == Tok::Word => all.clear(),
                        _ => all.push(instead(first, Tok::And, "and")),
                    }
                    rest = &others[1..];
                    continue;
                }
                _ => {}
            }
        }
        if all.is_empty() && is_selection(rest) {
            rest = others;
            continue;
        }
        if first.kind == Tok::Or
            && ends
            && (continues_values(&all, others) || continues_excluded(&all, others))
        {
            all.push(instead(first, Tok::Comma, ","));
            rest = others;
            continue;
        }
        if let Some((term, count)) = all.last().and_then(|field| piped_function(field, rest)) {
            all.extend(term);
            rest = &rest[count..];
            continue;
        }
        if follows
            && is_word(first, "but")
            && others
                .first()
                .is_some_and(|t| matches!(t.kind, Tok::Not | Tok::Word))
        {
            // `a or b but not c`: of both
            let start = start_of_alternatives(&all);
            if all[start..].iter().any(|t| t.kind == Tok::Or) {
                all.insert(start, instead(first, Tok::Open, "("));
                all.push(instead(first, Tok::Close, ")"));
            }
            all.push(instead(first, Tok::And, "and"));
            rest = others;
            continue;
        }
        // a pipe selects among what it gets
        if ends
            && first.kind == Tok::Or
            && first.text == "|"
            && others.first().is_some_and(|t| is_word(t, "grep"))
        {
            all.push(instead(first, Tok::And, "and"));
            rest = &others[1..];
            continue;
        }
        if begins
            && let [not, operator, value, ..] = others
            && any_field_named(first.text).is_some()
            && not.kind == Tok::Not
            && operator.kind == Tok::Word
            && (is_operator(operator.text)
                || is_word(operator, "in") && matches!(value.kind, Tok::Word | Tok::Quoted(_)))
        {
            all.push(instead(not, Tok::Not, "not"));
            all.push(first.clone());
            rest = &others[1..];
            continue;
        }
        if begins
            && let [not, word, ..] = others
            && not.kind == Tok::Not
            && is_word(word, "between")
            && let Some((term, count)) = between(
                &[
                    std::slice::from_ref(first),
                    others[1..].get(..4).unwrap_or_default(),
                ]
                .concat(),
            )
        {
            all.push(instead(not, Tok::Not, "not"));
            all.extend(term);
            rest = &rest[count + 1..];
            continue;
        }
        // ss shows the sessions of either state
        if let [.., field, _] = all.as_slice()
            && ends
            && is_word(first, "state")
            && is_word(field, "state")
            && others.first().is_some_and(|t| t.kind == Tok::Word)
        {
            all.push(instead(first, Tok::Comma, ","));
            rest = others;
            continue;
        }
        if (begins || follows)
            && let Some((term, count)) = null_status(rest)?
                .or(sum_or_mean(rest)?)
                .or(forms::exists(rest, cursor)?)
                .or(forms::between_ends(rest, cursor)?)
        {
            all.extend(term);
            rest = &rest[count..];
            continue;
        }
        if (begins || follows)
            && let Some((term, count)) = forms::error(rest)
                .or_else(|| forms::unsuccessful(rest))
                .or_else(|| forms::of_both_ends(rest))
                .or_else(|| forms::of_role(rest))
                .or_else(|| forms::with_unit(rest))
                .or_else(|| forms::plural(rest))
                .or_else(|| forms::present(rest))
                .or_else(|| with_bool(rest))
                .or_else(|| from_to(rest))
        {
            all.extend(term);
            rest = &rest[count..];
            continue;
        }
        if begins || follows {
            if is_filler(rest) {
                rest = others;
                continue;
            }
            no_field::check(rest)?;
        }
        if (begins || follows)
            && let Some((term, count)) = between(rest)
                .or_else(|| chained(rest))
                .or_else(|| forms::bracketed(rest))
                // `port 80 to 90` is no end
                .or_else(|| {
                    let is_range = all.last().is_some_and(is_number);
                    forms::from_and_to(rest).filter(|_| !is_range)
                })
                .or_else(|| is_null(rest))
                .or_else(|| users(rest))
                .or_else(|| shown_status(rest))
                .or_else(|| spoken_operator(rest))
        {
            all.extend(term);
            rest = &rest[count..];
            continue;
        }
        let is_side = |t: &Token<'_>| field_of_side(t.text, first.text).is_some();
        if (begins || all.last().is_some_and(is_side))
            && is_word(first, "net")
            && let Some(net) = others.first().and_then(|next| short_net(next, cursor))
        {
            all.extend([first.clone(), net]);
            rest = &others[1..];
            continue;
        }
        let found = PHRASES
            .iter()
            .filter(|(words, means)| {
                let is_empty = matches!(means, Begins(""));
                begins || follows && !is_empty || ends && TAILS.contains(&words[0])
            })
            .filter(|(words, _)| is_phrase(words, rest))
            .find(|(words, means)| match (means, rest.get(words.len())) {
                (Begins(_), Some(next)) => completes(words, next),
                (Begins(_), None) => false,
                // no field
                (Counts(..) | Sizes(_), next) => next.is_some_and(begins_with_digit),
                // also a word for a field, before a number
                (Is(_), Some(next)) if is_number(next) => false,
                (Is(_), Some(next)) => compared(next, rest.get(words.len() + 1)).is_some(),
                _ => true,
            });
        let means_other = found.is_some_and(|(words, _)| *words != ["without"]);
        if (begins || follows)
            && !means_other
            && let Some((term, count)) = absent(rest, cursor)?
        {
            all.extend(term);
            rest = &rest[count..];
            continue;
        }
        let Some((words, means)) = found else {
            if (begins || follows)
                && first.kind == Tok::Word
                && NOUNS.iter().any(|noun| is_word(first, noun))
                && cursor != Some(first.span.end)
                && !others.first().is_some_and(|t| matches!(t.kind, Tok::Op(_)))
            {
                let is_alone = ends_term(others.first());
                if is_alone && begins {
                    all.push(instead(first, Tok::Word, "tcp"));
                }
                rest = others;
                continue;
            }
            if let Some(open) = others.first()
                && is_call(first, open)
            {
                let span = first.span.start..open.span.end;
                let help = vague(first.text).unwrap_or(BY_TERMS);
                return Err(FilterError::new(span, NO_FUNCTIONS).help(help));
            }
            if let [open, of, ..] = others
                && first.kind == Tok::Word
                && open.kind == Tok::Open
                && first.span.end == open.span.start
                && field_named(first.text).is_some()
                && field_named(of.text).is_some()
                && let Some(field) = by_word(&format!("{}{}", of.text, first.text))
            {
                let span = first.span.start..of.span.end;
                let help = format!("write `{}`", example(field));
                return Err(FilterError::new(span, NO_FUNCTIONS).help(help));
            }
            all.push(first.clone());
            rest = others;
            continue;
        };
        let span = first.span.start..rest[words.len() - 1].span.end;
        let put = |token: Token<'static>| Token {
            span: span.clone(),
            ..token
        };
        rest = &rest[words.len()..];
        match means {
            Begins(text) => {
                all.extend(lex(text).into_iter().map(put));
                if words.last() == Some(&"net")
                    && let Some(net) = rest.first().and_then(|next| short_net(next, cursor))
                {
                    all.push(net);
                    rest = &rest[1..];
                }
            }
            Is(text) => {
                let compared = rest.first().and_then(|next| compared(next, rest.get(1)));
                let (count, is_negated) = compared.unwrap_or((0, false));
                rest = &rest[count..];
                let not = if is_negated { "not (" } else { "(" };
                let parts = [not, text, ")"].into_iter().flat_map(lex);
                all.extend(parts.map(put));
            }
            Sizes(op) => match rest.first() {
                // `more than 10 retransmits`
                Some(number) if let Some(field) = counted(rest) => {
                    all.push(field.clone());
                    all.extend(lex(op).into_iter().map(put));
                    all.push(number.clone());
                    rest = &rest[2..];
                }
                Some(next) if is_size(next) => {
                    all.extend(lex("bytes").into_iter().chain(lex(op)).map(put));
                }
                next => {
                    let clock = all.last().and_then(|t| by_clock(t.text));
                    let help = match (clock, next) {
                        (Some(help), _) => help.to_owned(),
                        (None, Some(time)) if is_time(time) => {
                            format!("write `duration {op} {}`", time.text)
                        }
                        _ => BY_FIELD.to_owned(),
                    };
                    return Err(FilterError::new(span, NO_FIELD).help(help));
                }
            },
            Nothing(reason, help) | Counts(reason, help) => {
                return Err(FilterError::new(span, *reason).help(*help));
            }
        }
    }
    Ok(all)
}

/// `FIELD between A and B` as a range or two comparisons, and the number of its tokens.
fn between<'s>(tokens: &[Token<'s>]) -> Option<(Vec<Token<'s>>, usize)> {
    let [field, word, from, and, to, ..] = tokens else {
        return None;
    };
    let named = any_field_named(field.text).filter(|_| field.kind == Tok::Word)?;
    if !is_word(word, "between") || and.kind != Tok::And {
        return None;
    }
    let put = |kind: Tok, text| instead(word, kind, text);
    // of one end or the other: two comparisons could be about different ends
    if kind_of(named) == FieldKind::Port {
        let dash = put(Tok::Word, "-");
        let term = [field, from, &dash, to].map(Token::clone);
        return Some((term.to_vec(), 5));
    }
    let term = [
        field.clone(),
        put(Tok::Op(Op::Ge), ">="),
        from.clone(),
        and.clone(),
        field.clone(),
        put(Tok::Op(Op::Le), "<="),
        to.clone(),
    ];
    Some((forms::grouped(term), 5))
}

/// `A < FIELD < B` as two comparisons, and the number of its tokens.
fn chained<'s>(tokens: &[Token<'s>]) -> Option<(Vec<Token<'s>>, usize)> {
    let [low, first, field, second, high, ..] = tokens else {
        return None;
    };
    let turned = match first.kind {
        Tok::Op(Op::Lt) => Op::Gt,
        Tok::Op(Op::Le) => Op::Ge,
        Tok::Op(Op::Gt) => Op::Lt,
        Tok::Op(Op::Ge) => Op::Le,
        _ => return None,
    };
    let named = any_field_named(field.text).filter(|_| field.kind == Tok::Word)?;
    let is_chain = matches!(second.kind, Tok::Op(op) if !op.takes_regex())
        && begins_with_digit(low)
        && begins_with_digit(high)
        && operators(named).contains(&turned);
    let put = |kind: Tok, text| instead(first, kind, text);
    is_chain.then(|| {
        let term = [
            field.clone(),
            put(Tok::Op(turned), turned.symbol()),
            low.clone(),
            put(Tok::And, "and"),
            field.clone(),
            second.clone(),
            high.clone(),
        ];
        (forms::grouped(term), 5)
    })
}

/// The condition of a query: what follows `where` after `select … from …`.
fn condition_of_query<'t, 's>(tokens: &'t [Token<'s>]) -> &'t [Token<'s>] {
    let is_query = tokens.first().is_some_and(|t| is_word(t, "select"));
    let at = tokens.iter().position(|t| is_query && is_word(t, "where"));
    at.map_or(tokens, |at| &tokens[at + 1..])
}

/// `FIELD is null` or `is not null` as a comparison that every value meets, and the number of its tokens.
fn is_null<'s>(tokens: &[Token<'s>]) -> Option<(Vec<Token<'s>>, usize)> {
    let [field, is, rest @ ..] = tokens else {
        return None;
    };
    let named = any_field_named(field.text).filter(|_| field.kind == Tok::Word)?;
    let is_negated = rest.first().is_some_and(|t| t.kind == Tok::Not);
    let null = rest.get(usize::from(is_negated))?;
    let (op, every) = any_value(named)?;
    if !is_word(is, "is") || !NULLS.iter().any(|word| is_word(null, word)) {
        return None;
    }
    let put = |kind: Tok, text| instead(is, kind, text);
    let mut term = vec![
        field.clone(),
        put(Tok::Op(op), op.symbol()),
        put(Tok::Word, every),
    ];
    if !is_negated {
        term.insert(0, put(Tok::Not, "not"));
    }
    Some((term, 3 + usize::from(is_negated)))
}

/// A status or a condition before `is null` or `is not null` as the condition or its negation, and the number of its tokens:
/// `error is not null`.
///
/// # Errors
/// [`FilterError`] for a word that is no field: it would be searched for.
fn null_status<'s>(tokens: &[Token<'s>]) -> Result<Option<(Vec<Token<'s>>, usize)>, FilterError> {
    let [what, is, rest @ ..] = tokens else {
        return Ok(None);
    };
    let is_not = rest.first().is_some_and(|t| t.kind == Tok::Not);
    let null = rest.get(usize::from(is_not));
    let is_null = null.is_some_and(|null| NULLS.iter().any(|word| is_word(null, word)));
    if what.kind != Tok::Word || !is_word(is, "is") || !is_null {
        return Ok(None);
    }
    if let Some(field) = any_field_named(what.text) {
        return match any_value(field) {
            Some(_) => Ok(None),
            None => {
                let message = format!("`{}` always has a value", field.word);
                let help = format!("write `{}`", example(field));
                Err(FilterError::new(what.span.clone(), message).help(help))
            }
        };
    }
    let phrase = PHRASES.iter().find_map(|(words, means)| match means {
        Is(text) if is_phrase(words, std::slice::from_ref(what)) => Some(lex(text)),
        _ => None,
    });
    let named = || {
        let status = by_word("status")?;
        literal::read(status, what.text, false, |_| None).ok()?;
        Some(vec![instead(what, Tok::Word, "status"), what.clone()])
    };
    let known = phrase
        .or_else(|| condition(what.text).map(|_| vec![what.clone()]))
        .or_else(named);
    let Some(known) = known else {
        return Err(unknown_field(what));
    };
    let open = instead(what, Tok::Open, "(");
    let close = instead(what, Tok::Close, ")");
    let not = (!is_not).then(|| instead(what, Tok::Not, "not"));
    let known = known.into_iter().map(|token| Token {
        span: what.span.clone(),
        ..token
    });
    let term = not.into_iter().chain([open]).chain(known).chain([close]);
    Ok(Some((term.collect(), 3 + usize::from(is_not))))
}

/// A function of jq of the field before it as a comparison, `| contains("x")`, and the number of its tokens.
fn piped_function<'s>(field: &Token<'s>, tokens: &[Token<'s>]) -> Option<(Vec<Token<'s>>, usize)> {
    let [pipe, function, open, value, close, ..] = tokens else {
        return None;
    };
    let is_call = pipe.kind == Tok::Or
        && pipe.text == "|"
        && open.kind == Tok::Open
        && matches!(value.kind, Tok::Quoted(_))
        && close.kind == Tok::Close;
    let is_text = field.kind == Tok::Word
        && field_named(field.text).is_some_and(|field| operators(field).contains(&Op::Match));
    if !is_call || !is_text {
        return None;
    }
    let (_, op) = FUNCTIONS.iter().find(|(name, _)| is_word(function, name))?;
    let op = lex(op).into_iter().map(|token| Token {
        span: function.span.clone(),
        ..token
    });
    Some((op.chain([value.clone()]).collect(), 5))
}

/// A word for a sum or a mean before a field that is compared: nothing, or the field of that mean, and the number of tokens.
///
/// # Errors
/// [`FilterError`] if a session has a single such value.
fn sum_or_mean<'s>(tokens: &[Token<'s>]) -> Result<Option<(Vec<Token<'s>>, usize)>, FilterError> {
    let [word, compared, op, ..] = tokens else {
        return Ok(None);
    };
    if compared.kind != Tok::Word || !matches!(op.kind, Tok::Op(_)) {
        return Ok(None);
    }
    let Some(field) = any_field_named(compared.text) else {
        return Ok(None);
    };
    let is_sum = SUMS.iter().any(|sum| is_word(word, sum));
    let is_mean = MEANS.iter().any(|mean| is_word(word, mean));
    let has_sum = matches!(
        kind_of(field),
        FieldKind::Bytes | FieldKind::Count | FieldKind::Rate
    );
    if is_sum && has_sum {
        return Ok(Some((Vec::new(), 1)));
    }
    if !is_sum && !is_mean {
        return Ok(None);
    }
    let mean = word.text.to_ascii_lowercase();
    let own = [
        format!("{mean}{}", field.word),
        format!("{}{mean}", field.word),
    ];
    if is_mean && let Some(own) = own.iter().find_map(|word| by_word(word)) {
        return Ok(Some((vec![instead(word, Tok::Word, own.word)], 2)));
    }
    let span = word.span.start..compared.span.end;
    let help = format!("a session has one: write `{}`", example(field));
    Err(FilterError::new(span, NO_FUNCTIONS).help(help))
}

/// The first process of a list as `ss -p` prints it, `users:(("nginx",pid=814,fd=6),…)`, by its pid, and the number of tokens.
fn users<'s>(tokens: &[Token<'s>]) -> Option<(Vec<Token<'s>>, usize)> {
    let [users, first, second, name, comma, pid, equals, number, ..] = tokens else {
        return None;
    };
    let is_list = users.text == "users:"
        && [first, second].iter().all(|t| t.kind == Tok::Open)
        && matches!(name.kind, Tok::Quoted(_))
        // before a field, it joins terms
        && matches!(comma.kind, Tok::Comma | Tok::And)
        && pid.text == "pid";
    if !is_list {
        return None;
    }
    let mut depth = 0;
    let end = tokens.iter().position(|token| {
        depth += i32::from(token.kind == Tok::Open) - i32::from(token.kind == Tok::Close);
        token.kind == Tok::Close && depth == 0
    })?;
    Some((vec![pid.clone(), equals.clone(), number.clone()], end + 1))
}

/// Number of the tokens after a condition that compare it with yes or no, and true if it is no. `None`: with something else.
fn compared(next: &Token<'_>, value: Option<&Token<'_>>) -> Option<(usize, bool)> {
    let Tok::Op(op) = &next.kind else {
        return Some((0, false));
    };
    let is_yes = match value?.text.to_ascii_lowercase().as_str() {
        "1" | "true" => true,
        "0" | "false" => false,
        _ => return None,
    };
    match op {
        Op::Eq => Some((2, !is_yes)),
        Op::Ne => Some((2, is_yes)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;

    #[test]
    fn phrases_mean_valid_filters_and_longer_ones_come_first() {
        for (i, (words, means)) in PHRASES.iter().enumerate() {
            let text = words.join(" ");
            let value = match means {
                Begins(begins) if begins.starts_with("bytes") => " 100".into(),
                Begins(begins) if begins.ends_with("rate >") => " 100".into(),
                Begins(begins) if begins.starts_with("duration") => " 5m".into(),
                Begins("uid" | "user") => " 1000".into(),
                Begins(begins) if begins.ends_with("state") => " established".into(),
                Begins("" | "ipv4 and") => " curl".into(),
                Begins(begins) => by_word(begins).map_or(" 10.0.0.5".into(), |field| {
                    example(field)[field.word.len()..].to_owned()
                }),
                Counts(..) | Sizes(_) => " 10".into(),
                Is(_) | Nothing(..) => String::new(),
            };
            let filter = Filter::parse(&format!("{text}{value}"));
            let is_refused = matches!(means, Nothing(..) | Counts(..) | Sizes(_));
            assert_eq!(filter.is_err(), is_refused, "{text}: {filter:?}");
            for (longer, _) in &PHRASES[i + 1..] {
                assert!(!longer.starts_with(words), "{longer:?} after {words:?}");
            }
        }
    }

    #[test]
    fn phrases_have_every_error_and_every_status_of_several_words() {
        for reason in Reason::ALL {
            // `no port` may as well begin `no port 22`
            let words = [
                reason.errno(),
                Some(reason.word()).filter(|w| w.contains(' ')),
            ];
            for text in words
                .into_iter()
                .flatten()
                .filter(|text| *text != "no port")
            {
                let filter = Filter::parse(text).expect(text).canonical();
                let is_meant = filter.starts_with("reason = ") && filter.contains(reason.name());
                assert!(is_meant, "{text}: {filter}");
            }
        }
    }

    #[test]
    fn phrase_is_no_phrase_in_quotes_or_as_a_value() {
        for text in [
            "\"rst\"",
            "comm rst",
            "comm = less",
            "less",
            "greater",
            "comm fin,rst",
        ] {
            let filter = Filter::parse(text).expect(text);
            assert!(!filter.canonical().contains("reason"), "{text}");
            assert!(!filter.canonical().contains("bytes"), "{text}");
        }
    }
}
