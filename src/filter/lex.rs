//! Splits a filter's text into tokens with their places: words, quoted texts, operators, regular expressions.
//!
//! Any text can be split: nonsense becomes a token of its own, and `parse` reports what is wrong with it.

use std::ops::Range;

use winnow::Parser;
use winnow::combinator::{alt, preceded, repeat};
use winnow::error::EmptyError;
use winnow::stream::{LocatingSlice, Location, Stream};
use winnow::token::{any, take_while};

use crate::filter::expr::Op;
use crate::filter::foreign::any_field_named;
use crate::filter::literal::kind_of;
use crate::model::fields::FieldKind;

type Input<'s> = LocatingSlice<&'s str>;
type Result<T> = std::result::Result<T, EmptyError>;

/// Kind of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Text without spaces and special characters.
    Word,
    /// Text in quotes, without the quotes.
    Quoted(String),
    /// Text whose closing quote is missing.
    Unclosed,
    /// Regular expression without quotes.
    Pattern,
    Op(Op),
    And,
    Or,
    Not,
    Open,
    Close,
    Comma,
    /// Characters that look like an operator.
    Stray,
}

/// A piece of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<'s> {
    pub kind: TokenKind,
    pub text: &'s str,
    pub span: Range<usize>,
}

/// Splits a text into tokens.
pub fn lex(text: &str) -> Vec<Token<'_>> {
    let mut input = LocatingSlice::new(text);
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut in_set = false;
    loop {
        // neither can fail: the first may take nothing, the second takes any character
        let _ = space(&mut input);
        if let Some(kind) = sign(&input, tokens.last()) {
            let start = input.current_token_start();
            let text = input.next_slice(1);
            if let Some(kind) = kind {
                let span = start..start + 1;
                tokens.push(Token { kind, text, span });
            }
            continue;
        }
        if let Some(kind) = border_of_set(&input, tokens.last(), in_set) {
            in_set = kind == TokenKind::Open;
            let start = input.current_token_start();
            let text = input.next_slice(1);
            let span = start..start + 1;
            tokens.push(Token { kind, text, span });
            continue;
        }
        let start = input.checkpoint();
        let previous = tokens.last();
        let after_match =
            matches!(previous, Some(Token { kind: TokenKind::Op(op), .. }) if op.takes_regex());
        let after_field = previous.is_some_and(|t| {
            t.kind == TokenKind::Word && t.span.end == input.current_token_start()
        });
        let rest: &str = input.as_ref();
        let at = input.current_token_start();
        if previous.is_some_and(|t| t.span.end < at && is_colon_of(t, rest)) {
            let text = input.next_slice(1);
            let (kind, span) = (TokenKind::Op(Op::Eq), at..at + 1);
            tokens.push(Token { kind, text, span });
            continue;
        }
        // nothing else begins like a group of a regular expression: `(?i)nginx`, `^(a|b)$`
        let is_pattern = after_match
            || rest.starts_with("(?")
            || rest.starts_with("^(")
            || is_between_slashes(rest);
        let next = match (is_pattern, after_field) {
            (true, _) => alt((quoted, pattern, token))
                .with_taken()
                .parse_next(&mut input),
            (_, true) => alt((colon, token)).with_taken().parse_next(&mut input),
            _ => token.with_taken().parse_next(&mut input),
        };
        let Ok((kind, mut text)) = next else {
            return tokens;
        };
        if kind == TokenKind::Word
            && let Some(field) = field_before_colon(text, previous)
        {
            input.reset(&start);
            text = input.next_slice(field.len());
        }
        if let Some(end) = text
            .find(['}', ']'])
            .filter(|_| in_set && kind == TokenKind::Word)
        {
            input.reset(&start);
            text = input.next_slice(end);
        }
        // a statement of other languages ends
        let word = text.trim_end_matches(';');
        if kind == TokenKind::Word && word != text && !word.is_empty() {
            input.reset(&start);
            text = input.next_slice(word.len());
        }
        let mut end = input.current_token_start();
        // the `or` of grep: `a\|b`
        let rest: &str = input.as_ref();
        if let Some(word) = text.strip_suffix('\\')
            && kind == TokenKind::Word
            && rest.starts_with('|')
        {
            // `a \| b`
            if word.is_empty() && !tokens.is_empty() {
                continue;
            }
            text = word;
            end -= 1;
        }
        let span = end - text.len()..end;
        tokens.push(Token { kind, text, span });
    }
}

/// True for a colon that compares what is before it, apart from that: `comm : curl`, `comm :curl`. Ports and addresses may begin
/// with one.
fn is_colon_of(previous: &Token<'_>, rest: &str) -> bool {
    let Some(value) = rest.strip_prefix(':') else {
        return false;
    };
    if previous.kind != TokenKind::Word || value.starts_with(':') {
        return false;
    }
    let takes_colon = |field| matches!(kind_of(field), FieldKind::Port | FieldKind::Addr);
    let is_apart = value.is_empty() || value.starts_with(char::is_whitespace);
    is_apart || any_field_named(previous.text).is_some_and(|field| !takes_colon(field))
}

/// True for a regular expression between slashes with an alternative in it, which would else join two words.
fn is_between_slashes(rest: &str) -> bool {
    let Some(rest) = rest.strip_prefix('/') else {
        return false;
    };
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let within = rest[..end].strip_suffix('/');
    within.is_some_and(|within| within.contains('|') && !within.contains('/'))
}

/// A sign of other languages before a field or an address, with what it means: `+comm:curl` and `-comm:curl` of Lucene,
/// `+curl`, `@port:443`, and `@10.0.0.5` of lsof.
fn sign(input: &Input<'_>, previous: Option<&Token<'_>>) -> Option<Option<TokenKind>> {
    let rest: &str = input.as_ref();
    let is_apart = previous.is_none_or(|t| t.span.end < input.current_token_start());
    let sign = rest
        .chars()
        .next()
        .filter(|c| is_apart && "+-@".contains(*c))?;
    let word = &rest[1..];
    let word = &word[..word.find(is_special).unwrap_or(word.len())];
    let has_field = field_before_colon(word, previous).is_some();
    let host = word.split_once(':').map_or(word, |(host, _)| host);
    match sign {
        '-' => has_field.then_some(Some(TokenKind::Not)),
        // Lucene requires a word by it
        '+' if word.starts_with(char::is_alphabetic) || rest.starts_with("+\"") => Some(None),
        _ => (has_field || host.parse::<std::net::IpAddr>().is_ok()).then_some(None),
    }
}

/// A border of a set of values: `port in {80 443}` of Wireshark, `dport { 80, 443 }` of nft, `port in [80, 443]`. Elsewhere a
/// brace is part of a word.
fn border_of_set(
    input: &Input<'_>,
    previous: Option<&Token<'_>>,
    in_set: bool,
) -> Option<TokenKind> {
    let rest: &str = input.as_ref();
    let is_after_in = previous.is_some_and(|t| t.text.eq_ignore_ascii_case("in"));
    let is_after_field = previous.is_some_and(|t| {
        t.kind == TokenKind::Word && any_field_named(t.text).is_some()
            || matches!(t.kind, TokenKind::Op(Op::Eq | Op::Ne))
    });
    match rest.chars().next()? {
        '{' if is_after_in || is_after_field => Some(TokenKind::Open),
        '[' if is_after_in => Some(TokenKind::Open),
        '}' | ']' if in_set => Some(TokenKind::Close),
        _ => None,
    }
}

/// The field in `port:443`, if the word is of this form and not a value itself.
fn field_before_colon<'s>(word: &'s str, previous: Option<&Token<'_>>) -> Option<&'s str> {
    let is_value = previous.is_some_and(|t| match t.kind {
        TokenKind::Op(_) | TokenKind::Comma => true,
        TokenKind::Word => any_field_named(t.text).is_some_and(|f| f.kind != FieldKind::Bool),
        _ => false,
    });
    let (field, _) = word.split_once(':').filter(|_| !is_value)?;
    any_field_named(field).map(|_| field)
}

/// True for a character that ends a word. A `!` does too, so that `a!=b` needs no spaces.
fn is_special(c: char) -> bool {
    c.is_whitespace() || "()=<>!~,\"'&|".contains(c)
}

/// True if the lexer takes the text as one word that is no keyword.
pub fn is_plain_word(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(is_special)
        && keyword(text) == TokenKind::Word
        && field_before_colon(text, None).is_none()
}

fn space<'s>(input: &mut Input<'s>) -> Result<&'s str> {
    take_while(0.., char::is_whitespace).parse_next(input)
}

fn token(input: &mut Input<'_>) -> Result<TokenKind> {
    alt((quoted, operator, punctuation, word)).parse_next(input)
}

fn word(input: &mut Input<'_>) -> Result<TokenKind> {
    take_while(1.., |c| !is_special(c))
        .map(keyword)
        .parse_next(input)
}

fn keyword(word: &str) -> TokenKind {
    [
        ("and", TokenKind::And),
        ("or", TokenKind::Or),
        ("not", TokenKind::Not),
    ]
    .into_iter()
    .find(|(name, _)| word.eq_ignore_ascii_case(name))
    .map_or(TokenKind::Word, |(_, kind)| kind)
}

/// Takes the longest run of operator characters, so that `=~` and `=>` are not two operators each. A `!` that is not
/// part of `!=` or `!~` negates the next term; `!!a` negates twice.
fn operator(input: &mut Input<'_>) -> Result<TokenKind> {
    alt((
        (
            "!",
            take_while(0.., '!'),
            winnow::combinator::not(alt(("=", "~"))),
        )
            .void()
            .value(None),
        take_while(1.., ['=', '<', '>', '~', '!']).map(Some),
    ))
    .map(|run: Option<&str>| match run {
        None => TokenKind::Not,
        Some(run) => op(run).map_or(TokenKind::Stray, TokenKind::Op),
    })
    .parse_next(input)
}

/// The operator of a run of characters, also as other languages write it.
fn op(run: &str) -> Option<Op> {
    Some(match run {
        "=" | "==" | "===" => Op::Eq,
        "!=" | "=!" | "<>" | "!==" => Op::Ne,
        "<" => Op::Lt,
        "<=" | "=<" => Op::Le,
        ">" => Op::Gt,
        ">=" | "=>" => Op::Ge,
        "~" | "=~" | "~=" | "~~" => Op::Match,
        "!~" => Op::NotMatch,
        _ => return None,
    })
}

/// The colon of `port:443`, which may have an operator after it: `tx:>10MB`.
fn colon(input: &mut Input<'_>) -> Result<TokenKind> {
    preceded(':', take_while(0.., ['=', '<', '>', '~', '!']))
        .map(|run: &str| match run {
            "" => TokenKind::Op(Op::Eq),
            run => op(run).map_or(TokenKind::Stray, TokenKind::Op),
        })
        .parse_next(input)
}

fn punctuation(input: &mut Input<'_>) -> Result<TokenKind> {
    alt((
        alt(("&&", "&")).value(TokenKind::And),
        alt(("||", "|")).value(TokenKind::Or),
        "(".value(TokenKind::Open),
        ")".value(TokenKind::Close),
        ",".value(TokenKind::Comma),
    ))
    .parse_next(input)
}

/// In single quotes every character stands for itself. In double quotes `\"` and `\\` stand for the second character,
/// and any other backslash for itself, so that most regular expressions need no second one.
fn quoted(input: &mut Input<'_>) -> Result<TokenKind> {
    let quote = alt(('"', '\'')).parse_next(input)?;
    let mut text = String::new();
    loop {
        let Ok(c) = any::<_, EmptyError>.parse_next(input) else {
            return Ok(TokenKind::Unclosed);
        };
        match c {
            c if c == quote => return Ok(TokenKind::Quoted(text)),
            '\\' if quote == '"' => match input.peek_token() {
                Some(escaped @ ('"' | '\\')) => {
                    text.push(escaped);
                    input.next_token();
                }
                _ => text.push('\\'),
            },
            c => text.push(c),
        }
    }
}

/// A regular expression without quotes: up to a space, a `&&` or `||`, or a parenthesis that closes more than it opened
/// and so belongs to the filter. In a class like `[()]` these have no special meaning.
fn pattern<'s>(input: &mut Input<'s>) -> Result<TokenKind> {
    let rest: &'s str = input.as_ref();
    let mut depth = 0_usize;
    let mut in_class = false;
    let mut escaped = false;
    let end = rest.char_indices().find(|&(at, c)| {
        if c.is_whitespace() {
            return true;
        }
        if std::mem::take(&mut escaped) {
            return false;
        }
        match c {
            '\\' => escaped = true,
            ']' => in_class = false,
            '[' => in_class = true,
            _ if in_class => {}
            '(' => depth += 1,
            ')' if depth == 0 => return true,
            ')' => depth -= 1,
            '&' | '|' if depth == 0 => return rest[at + 1..].starts_with(c),
            _ => {}
        }
        false
    });
    let length = end.map_or(rest.len(), |(at, _)| at);
    if length == 0 {
        return Err(EmptyError);
    }
    repeat::<_, _, (), _, _>(rest[..length].chars().count(), any)
        .value(TokenKind::Pattern)
        .parse_next(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(String, TokenKind)> {
        let tokens = lex(text);
        let mut end = 0;
        for t in &tokens {
            assert_eq!(&text[t.span.clone()], t.text, "{text}");
            assert!(text[end..t.span.start].trim().is_empty(), "{text}");
            end = t.span.end;
        }
        assert!(text[end..].trim().is_empty(), "{text}");
        tokens
            .into_iter()
            .map(|t| (t.text.into(), t.kind))
            .collect()
    }

    fn texts(text: &str) -> Vec<String> {
        cut(text).into_iter().map(|(t, _)| t).collect()
    }

    #[test]
    fn operators_without_spaces_are_separate_tokens() {
        assert_eq!(texts("rtt>50ms"), ["rtt", ">", "50ms"]);
        assert_eq!(texts("a!=b"), ["a", "!=", "b"]);
        assert_eq!(texts("!!a"), ["!!", "a"]);
        assert_eq!(texts("(a)or(b)"), ["(", "a", ")", "or", "(", "b", ")"]);
        assert_eq!(texts("raddr fe80::/10"), ["raddr", "fe80::/10"]);
        assert_eq!(texts("lport 22,80-90"), ["lport", "22", ",", "80-90"]);
    }

    #[test]
    fn keywords_and_their_symbols_are_the_same_token() {
        for text in ["and", "AND", "&&"] {
            assert_eq!(cut(text)[0].1, TokenKind::And);
        }
        assert_eq!(cut("Or || not ! android").len(), 5);
        assert_eq!(cut("android")[0].1, TokenKind::Word);
    }

    #[test]
    fn unknown_operators_are_stray_tokens() {
        for text in ["=~~", "><", "!!=", "!=!="] {
            assert_eq!(cut(text), [(text.into(), TokenKind::Stray)]);
        }
    }

    #[test]
    fn quoted_text_ends_at_the_closing_quote() {
        let text = |t: &str| match cut(t).as_slice() {
            [(_, TokenKind::Quoted(text))] => text.clone(),
            other => panic!("{t}: {other:?}"),
        };
        assert_eq!(text(r#""a b""#), "a b");
        assert_eq!(text(r#""a \"b\" \\ \d""#), r#"a "b" \ \d"#);
        assert_eq!(text(r"'a \' "), r"a \");
        assert_eq!(text("''"), "");
        assert_eq!(cut("'a\""), [("'a\"".into(), TokenKind::Unclosed)]);
        assert_eq!(cut(r#""a\""#)[0].1, TokenKind::Unclosed);
    }

    #[test]
    fn pattern_ends_where_the_filter_continues() {
        for (text, pattern) in [
            ("comm ~ ^ngin", "^ngin"),
            ("comm ~ ^(a|b) x", "^(a|b)"),
            ("(comm ~ ^(a|b))", "^(a|b)"),
            ("comm ~ [()]+)", "[()]+"),
            (r"comm ~ \(x)", r"\(x"),
            ("comm ~ a{2,3}", "a{2,3}"),
            ("comm ~ a||b", "a"),
            ("comm ~ a&&b", "a"),
            ("comm ~ a|b", "a|b"),
            ("comm ~ and", "and"),
            ("comm !~ =x", "=x"),
        ] {
            assert_eq!(
                cut(text)
                    .into_iter()
                    .find(|(_, kind)| *kind == TokenKind::Pattern),
                Some((pattern.into(), TokenKind::Pattern)),
                "{text}"
            );
        }
        assert_eq!(cut("comm ~ 'a b'")[2].1, TokenKind::Quoted("a b".into()));
        assert_eq!(cut("comm ~ )")[2].1, TokenKind::Close);
        assert_eq!(cut("comm ~").len(), 2);
    }
}
