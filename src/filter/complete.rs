//! Completion at the cursor: fields, operators, names, and values from the screen.
//!
//! A pure function of the text. `ui` shows the candidates and lets the user choose one.

use std::ops::Range;

use crate::filter::eval::ends;
use crate::filter::expr::Op;
use crate::filter::foreign::{any_field_named, field_of_side};
use crate::filter::lex::{Token, TokenKind as Tok, is_plain_word, lex};
use crate::filter::literal::{is_begun, kind_of, operators, real_names};
use crate::filter::quoted;
use crate::filter::shorthand::SHORTHANDS;
use crate::model::fields::{FIELDS, Field, FieldKind};

/// A completion candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Text to insert; in quotes if it needs them.
    pub text: String,
    /// Explanation in one line; empty for values.
    pub help: &'static str,
}

/// The candidates, and the place they go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completions {
    /// Range of bytes that a candidate replaces: the word at the cursor, or nothing.
    pub span: Range<usize>,
    /// All candidates, the likeliest first; empty in a regular expression.
    pub candidates: Vec<Candidate>,
}

/// Element that the grammar expects at a place.
#[derive(Clone, Copy)]
pub enum Wants {
    /// A term: at the start, after `and`, `(`…
    Term,
    /// A value or an operator, after a field.
    Comparison(&'static Field),
    /// A value, after an operator or a comma.
    Value(&'static Field),
    /// Another term, or an operator that joins it.
    More(Option<&'static Field>),
    /// Free text that cannot be guessed.
    Anything,
}

/// Completes the text at the cursor, a byte offset. `values` returns a field's values on the screen; it is called for
/// `lport` and `rport` where the text says `port`.
pub fn complete(text: &str, cursor: usize, values: &dyn Fn(&Field) -> Vec<String>) -> Completions {
    let mut cursor = cursor.min(text.len());
    while !text.is_char_boundary(cursor) {
        cursor -= 1;
    }
    let mut tokens = lex(&text[..cursor]);
    let started = tokens.pop_if(|t| t.span.end == cursor && can_grow(&t.kind));
    let wants = tokens.iter().fold(Wants::Term, after);
    let start = started.as_ref().map_or(cursor, |t| t.span.start);
    let prefix = match &started {
        Some(t) if t.kind == Tok::Unclosed => t.text.trim_start_matches(['"', '\'']),
        Some(t) => t.text,
        None => "",
    };
    let word_end = text[start..]
        .char_indices()
        .find(|&(at, c)| start + at >= cursor && !is_plain_word(c.encode_utf8(&mut [0; 4])))
        .map_or(text.len(), |(at, _)| start + at);
    let prefix = prefix.to_lowercase();
    let mut candidates = candidates(wants, prefix.is_empty(), values);
    let may_abbreviate = match wants {
        Wants::Comparison(field) | Wants::Value(field) => {
            matches!(kind_of(field), FieldKind::Names(_)) && !prefix.is_empty()
        }
        _ => false,
    };
    let bare = |c: &Candidate| c.text.trim_start_matches('"').to_lowercase();
    if candidates.iter().any(|c| bare(c).starts_with(&prefix)) || !may_abbreviate {
        candidates.retain(|c| bare(c).starts_with(&prefix));
    } else {
        candidates.retain(|c| is_begun(&bare(c), &prefix));
    }
    Completions {
        span: start..word_end,
        candidates,
    }
}

fn can_grow(kind: &Tok) -> bool {
    matches!(
        kind,
        Tok::Word | Tok::Unclosed | Tok::Pattern | Tok::And | Tok::Or
    ) || *kind == Tok::Not
}

/// Returns what is expected after one more token.
pub fn after(wants: Wants, token: &Token<'_>) -> Wants {
    let field = || any_field_named(token.text);
    match (wants, &token.kind) {
        (Wants::Comparison(side), Tok::Word) if field_of_side(side.word, token.text).is_some() => {
            field_of_side(side.word, token.text).map_or(wants, Wants::Comparison)
        }
        (Wants::Comparison(f) | Wants::Value(f), Tok::Word | Tok::Quoted(_)) => {
            Wants::More(Some(f))
        }
        (Wants::Comparison(_), Tok::Op(op)) if op.takes_regex() => Wants::Anything,
        (Wants::Comparison(f), Tok::Op(_)) => Wants::Value(f),
        (Wants::More(Some(f)), Tok::Comma) => Wants::Value(f),
        (Wants::More(None), Tok::Comma) => Wants::Anything,
        (Wants::Term | Wants::More(_), Tok::Word) => match field() {
            Some(f) => Wants::Comparison(f),
            None => Wants::More(None),
        },
        (_, Tok::Word | Tok::Quoted(_) | Tok::Pattern | Tok::Close) => Wants::More(None),
        (_, Tok::And | Tok::Or | Tok::Not | Tok::Open) => Wants::Term,
        _ => Wants::Anything,
    }
}

fn candidates(
    wants: Wants,
    nothing_typed: bool,
    values: &dyn Fn(&Field) -> Vec<String>,
) -> Vec<Candidate> {
    let candidate = |text: &str, help| Candidate {
        text: text.to_owned(),
        help,
    };
    let fields = || {
        let shorthands = SHORTHANDS.iter().map(|s| candidate(s.word, s.help));
        let fields = FIELDS.iter().map(|f| candidate(f.word, f.help));
        fields.chain(shorthands)
    };
    let not = candidate("not", "negate the next term");
    let joins = [
        candidate("and", "both"),
        candidate("or", "either"),
        not.clone(),
    ];
    match wants {
        Wants::Term => fields().chain([not]).collect(),
        Wants::More(_) => joins.into_iter().chain(fields()).collect(),
        Wants::Value(field) => values_of(field, values),
        Wants::Comparison(field) => {
            let mut all = values_of(field, values);
            if nothing_typed {
                let signs = operators(field).iter();
                all.extend(signs.map(|op| candidate(op.symbol(), meaning(*op))));
            }
            if kind_of(field) == FieldKind::Bool {
                all.extend(joins); // it is already a term
            }
            all
        }
        Wants::Anything => Vec::new(),
    }
}

fn meaning(op: Op) -> &'static str {
    match op {
        Op::Eq => "equal",
        Op::Ne => "not equal",
        Op::Lt => "less than",
        Op::Le => "less or equal",
        Op::Gt => "greater than",
        Op::Ge => "greater or equal",
        Op::Match => "matches a regular expression",
        Op::NotMatch => "does not match a regular expression",
    }
}

/// Values of a field: all possible ones if they are known, otherwise those on the screen.
fn values_of(field: &'static Field, values: &dyn Fn(&Field) -> Vec<String>) -> Vec<Candidate> {
    let fixed = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    let texts: Vec<String> = match kind_of(field) {
        FieldKind::Names(names) => real_names(names).map(str::to_owned).collect(),
        FieldKind::Bool => fixed(&["yes", "no"]),
        FieldKind::Ip => fixed(&["4", "6"]),
        _ => ends(field).flat_map(values).collect(),
    };
    let mut candidates: Vec<Candidate> = Vec::new();
    for text in texts.iter().filter(|t| !t.is_empty() && *t != "-") {
        let text = quoted(text);
        if candidates.iter().all(|c| c.text != text) {
            candidates.push(Candidate { text, help: "" });
        }
    }
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Completes at the `|`; returns the candidates, and the text with the first one inserted.
    fn at(marked: &str) -> (Vec<String>, String) {
        let cursor = marked.find('|').expect("a cursor");
        let text = marked.replacen('|', "", 1);
        let on_screen = |field: &Field| match field.word {
            "comm" => ["curl", "sshd", "Web Content", "curl", "a*b", "-", "and"]
                .map(Into::into)
                .to_vec(),
            "lport" => vec!["22".into()],
            "rport" => vec!["443".into(), "22".into()],
            _ => Vec::new(),
        };
        let found = complete(&text, cursor, &on_screen);
        let all: Vec<String> = found.candidates.into_iter().map(|c| c.text).collect();
        let mut done = text;
        if let Some(first) = all.first() {
            done.replace_range(found.span, first);
        }
        (all, done)
    }

    #[test]
    fn complete_offers_fields_and_keywords() {
        assert_eq!(at("rp|"), (vec!["rport".into()], "rport".into()));
        assert_eq!(at("rtt > 1ms and RP|").1, "rtt > 1ms and rport");
        assert_eq!(at("port 443 a|").0, ["and", "addr"]);
        assert_eq!(at("(c|or 1)").1, "(comm 1)");
        assert_eq!(at("|").0.len(), FIELDS.len() + SHORTHANDS.len() + 1);
        assert_eq!(
            at("curl o|").0,
            ["or", "owner", "ourresp", "ourrespmax", "open", "outbound"]
        );
        assert_eq!(at("(curl) n|").0, ["not", "netns", "namespace"]);
    }

    #[test]
    fn complete_offers_values_on_the_screen() {
        assert_eq!(
            at("comm |").0[..5],
            ["curl", "sshd", "\"Web Content\"", "\"a*b\"", "\"and\""]
        );
        assert_eq!(at("comm |").0[5..], ["=", "!=", "~", "!~"]);
        assert_eq!(at("comm = |").0.len(), 5);
        assert_eq!(at("comm=w|").1, "comm=\"Web Content\"");
        assert_eq!(at("comm \"web|").1, "comm \"Web Content\"");
        assert_eq!(at("port |").0[..2], ["22", "443"]);
        assert_eq!(at("port 443,2|").1, "port 443,22");
        assert_eq!(at("port 4|").0, ["443"]);
    }

    #[test]
    fn complete_offers_names_and_operators() {
        assert_eq!(at("reason ref|").1, "reason refused");
        assert_eq!(at("reason refused,t|").1, "reason refused,timeout");
        assert_eq!(
            at("reason !=re|").0,
            ["remote-fin", "remote-reset", "refused"]
        );
        assert_eq!(at("rtt |").0, ["=", "!=", "<", "<=", ">", ">="]);
        assert_eq!(
            at("adopted |").0,
            ["yes", "no", "=", "!=", "and", "or", "not"]
        );
        assert_eq!(at("reason res|").0, ["local-reset", "remote-reset"]);
        assert_eq!(at("port:4|").1, "port:443");
        assert_eq!(at("src port 2|").1, "src port 22");
        assert_eq!(at("tcp.port == 4|").1, "tcp.port == 443");
        assert!(at("comm ~ cu|").0.is_empty());
        assert!(at("\"done\"|").0.contains(&"and".into()));
    }

    #[test]
    fn complete_at_any_cursor_position_does_not_panic() {
        for text in ["", "ä日", "port ä,", "(((", "comm \"ä", "=~ &", "not not"] {
            for cursor in 0..text.len() + 3 {
                let found = complete(text, cursor, &|_| vec!["ä".into()]);
                assert!(text.get(found.span).is_some(), "{text} at {cursor}");
            }
        }
    }
}
