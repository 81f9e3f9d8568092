//! Other readings of a filter that matches nothing: near names, the other end, another kind of number.

use std::ops::Range;

use crate::filter::complete::{Wants, after};
use crate::filter::expr::{Op, in_quotes};
use crate::filter::foreign::any_field_named;
use crate::filter::lex::{Token, TokenKind as Tok, lex};
use crate::filter::literal::{digits, kind_of};
use crate::filter::shorthand::WILDCARDS;
use crate::filter::{quoted, services};
use crate::model::fields::{Field, FieldKind, by_word};
use crate::text::suggest::suggest;

/// Maximum number of readings: each is tried on sessions.
const MOST: usize = 12;

/// Fields whose values a word alone is not searched for in.
const NAMED: &[&str] = &[
    "user",
    "interface",
    "unit",
    "containername",
    "podname",
    "namespace",
    "runtime",
];

/// Returns texts that the filter may have been meant as, the likeliest first. `values` returns a field's values in the
/// known sessions.
pub fn readings(text: &str, values: &dyn Fn(&Field) -> Vec<String>) -> Vec<String> {
    let tokens = lex(text);
    // one term or what another excludes is nearly everything
    let excludes = |t: &Token<'_>| match t.kind {
        Tok::Not => true,
        Tok::Op(op) => op.is_negative(),
        _ => false,
    };
    let may_be_either = !tokens.iter().any(excludes);
    let mut wants = Wants::Term;
    let (mut found, mut either) = (Vec::new(), Vec::new());
    for (i, token) in tokens.iter().enumerate() {
        let next = tokens.get(i + 1);
        let instead = |new: String| {
            let (start, end) = (&text[..token.span.start], &text[token.span.end..]);
            format!("{start}{new}{end}")
        };
        if let Some((name, place)) = program_as_port(&tokens[i..]) {
            let (start, end) = (&text[..place.start], &text[place.end..]);
            found.push(format!("{start}comm {name}{end}"));
        }
        if let Some((term, place)) = text_as_pattern(&tokens[i..]) {
            let (start, end) = (&text[..place.start], &text[place.end..]);
            found.push(format!("{start}{term}{end}"));
        }
        match token.kind {
            Tok::And if !may_be_either => {}
            Tok::And => either.push(instead("or".into())),
            // `port redis` is no process id
            _ if token.text.eq_ignore_ascii_case("port")
                && next.is_some_and(|t| t.text.starts_with(char::is_alphabetic)) => {}
            _ => found.extend(replacements(wants, token, values).into_iter().map(instead)),
        }
        wants = after(wants, token);
    }
    // another value is likelier than another connection of the terms
    found.extend(either);
    found.truncate(MOST);
    found
}

/// The name of a port that a field is compared with, which may be that of a program, and its place with the field.
fn program_as_port<'t>(tokens: &'t [Token<'_>]) -> Option<(&'t str, Range<usize>)> {
    let [field, rest @ ..] = tokens else {
        return None;
    };
    let named = any_field_named(field.text).filter(|_| field.kind == Tok::Word)?;
    let is_equal = rest.first().is_some_and(|t| t.kind == Tok::Op(Op::Eq));
    let value = rest.get(usize::from(is_equal))?;
    let is_name = value.kind == Tok::Word && services::port_named(value.text).is_some();
    let is_port = kind_of(named) == FieldKind::Port;
    (is_port && is_name).then_some((value.text, field.span.start..value.span.end))
}

/// The term that a text with signs of a pattern may have been meant as, `comm = "ngin*"`, and its place. As a text, it is what
/// hardly any program is called.
fn text_as_pattern(tokens: &[Token<'_>]) -> Option<(String, Range<usize>)> {
    let [field, rest @ ..] = tokens else {
        return None;
    };
    let named = any_field_named(field.text).filter(|_| field.kind == Tok::Word)?;
    let is_equal = rest.first().is_some_and(|t| t.kind == Tok::Op(Op::Eq));
    let value = rest.get(usize::from(is_equal))?;
    let text = match &value.kind {
        Tok::Word => value.text,
        Tok::Quoted(text) => text,
        _ => return None,
    };
    let is_regex = [".*", ".+", "[", "(", "\\"]
        .iter()
        .any(|sign| text.contains(sign))
        || text.starts_with('^')
        || text.ends_with('$');
    let word = named.word;
    let term = match text {
        _ if !matches!(kind_of(named), FieldKind::Comm | FieldKind::Text) => return None,
        _ if is_regex => format!("{word} ~ {}", in_quotes(text)),
        _ if text.contains('|') => {
            let names: Vec<String> = text.split('|').map(|name| quoted(name.trim())).collect();
            format!("{word} {}", names.join(","))
        }
        _ if text.contains('%') => format!("{word} {}", text.replace('%', "*")),
        _ if text.contains(WILDCARDS) && value.kind != Tok::Word => format!("{word} {text}"),
        _ => return None,
    };
    Some((term, field.span.start..value.span.end))
}

/// Terms that texts with signs of patterns in a filter may have been meant as.
pub fn texts_as_patterns(text: &str) -> Vec<String> {
    let tokens = lex(text);
    let found = (0..tokens.len()).filter_map(|at| text_as_pattern(&tokens[at..]));
    found.map(|(term, _)| term).collect()
}

/// The names of ports in a filter that may be those of programs: `service postgres`.
pub fn programs_as_ports(text: &str) -> Vec<String> {
    let tokens = lex(text);
    let found = (0..tokens.len()).filter_map(|at| program_as_port(&tokens[at..]));
    found.map(|(name, _)| name.to_owned()).collect()
}

/// Texts that a token may have been meant as.
fn replacements(
    wants: Wants,
    token: &Token<'_>,
    values: &dyn Fn(&Field) -> Vec<String>,
) -> Vec<String> {
    let text = match &token.kind {
        Tok::Word => token.text,
        Tok::Quoted(text) => text,
        _ => return Vec::new(),
    };
    let comm = by_word("comm").into_iter();
    match wants {
        Wants::Comparison(field) | Wants::Value(field) => match kind_of(field) {
            FieldKind::Comm | FieldKind::Text => near(text, &values(field)),
            _ => Vec::new(),
        },
        Wants::Term | Wants::More(_) => {
            if let Some(other) = other_field(text) {
                return vec![other.into()];
            }
            if digits::<u8>(text).is_some() {
                return vec![format!("{text}.")]; // part of an address
            }
            let service = services::port_named(text).map(|_| format!("port {text}"));
            let names = comm.flat_map(|comm| near(text, &values(comm)));
            let others = NAMED.iter().filter_map(|word| by_word(word));
            let others = others.filter(|field| values(field).iter().any(|value| value == text));
            let others = others.map(|field| format!("{} {}", field.word, quoted(text)));
            others.chain(names).chain(service).collect()
        }
        Wants::Anything => Vec::new(),
    }
}

/// The field that may have been meant instead of another one.
fn other_field(word: &str) -> Option<&'static str> {
    Some(match by_word(&word.to_ascii_lowercase())?.word {
        "laddr" | "raddr" => "addr",
        "lport" | "rport" | "service" | "pid" => "port",
        "port" => "pid",
        "firstcomm" => "comm",
        _ => return None,
    })
}

/// The names that a text is near to: in other capitals, as a beginning, a letter or two off, or as a part.
fn near(text: &str, names: &[String]) -> Vec<String> {
    let lower = text.to_lowercase();
    let all = || names.iter().filter(|name| *name != text);
    let same = all().filter(|name| name.to_lowercase() == lower);
    // a letter or two are in nearly every name
    let is_long = |least: usize| lower.chars().count() >= least;
    let begun = all().filter(|name| is_long(2) && name.to_lowercase().starts_with(&lower));
    let typo = suggest(text, all().map(String::as_str)).into_iter();
    let part = all().filter(|name| is_long(3) && name.to_lowercase().contains(&lower));
    let ordered = same.chain(begun).map(String::as_str);
    let ordered = ordered.chain(typo).chain(part.map(String::as_str));
    ordered.take(2).map(quoted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_replace_one_word_by_a_likely_one() {
        let names = |field: &Field| match field.word {
            "comm" => vec!["nginx".into(), "Web Content".into(), "sshd".into()],
            "user" => vec!["root".into()],
            "interface" => vec!["eth0".into()],
            _ => Vec::new(),
        };
        for (text, first) in [
            ("comm ngnix", "comm nginx"),
            ("comm ng", "comm nginx"),
            ("comm web", "comm \"Web Content\""),
            ("port 443 and comm NGINX", "pid 443 and comm NGINX"),
            ("ngnix", "nginx"),
            ("127", "127."),
            ("https", "port https"),
            ("root and port 443", "user root and port 443"),
            ("eth0", "interface eth0"),
            ("src 10.0.0.1", "addr 10.0.0.1"),
            ("lport 443", "port 443"),
            ("port 1234", "pid 1234"),
            ("service:postgres", "comm postgres"),
            ("open and rport = redis", "open and comm redis"),
            ("process:\"shop*\"", "comm shop*"),
            ("comm = 'shop.*' and open", "comm ~ \"shop.*\" and open"),
            ("process = shop%", "comm shop*"),
            (
                "comm=\"postgres|Web Content\"",
                "comm postgres,\"Web Content\"",
            ),
        ] {
            let found = readings(text, &names);
            assert_eq!(found.first().map(String::as_str), Some(first), "{text}");
        }
        let both = readings("port 80 and port 443", &names);
        assert!(both.contains(&"port 80 or port 443".into()), "{both:?}");
        assert!(readings("rtt > 1s", &names).is_empty());
        for text in [
            "not comm cron and lport 1ms",
            "rtt > 1s and comm != cron",
            "comm x",
        ] {
            assert!(
                readings(text, &names).iter().all(|r| !r.contains(" or ")),
                "{text}"
            );
        }
    }
}
