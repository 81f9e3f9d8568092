//! Evaluates an expression on sessions, compiled so that a session costs no allocation and few instructions.
//!
//! `pushdown` determines which part of it the kernel can decide.
//!
//! A missing value never matches a comparison, except with `!=` and `!~`: these negate `=` and `~`,
//! and so match it. For `port` and `addr` either end may match.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

use regex::Regex;

use crate::filter::expr::{Expr, Literal, Net, Op, Term};
use crate::filter::literal::build_regex;
use crate::model::fields::{FIELDS, Field, FieldKind, Value, by_word};
use crate::model::session::{Age, Reason, Session};

/// An expression compiled for evaluation.
#[derive(Clone, Debug)]
pub enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    /// Names an end of a connection: where a line stands for both, either may have the name.
    OfEither(Box<Node>),
    Test(fn(&Session) -> Value<'_>, Check),
    /// Condition on the time since an instant, µs.
    Ago(fn(&Session) -> Value<'_>, Check),
    /// Condition on a duration, which may be a lower bound. It then matches if it does for every greater duration; if it is
    /// negated, for any.
    Lasting(fn(&Session) -> Value<'_>, Check, IfAtLeast),
}

/// Condition on a lower bound: that it matches for certain, or that it may match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfAtLeast {
    Certain,
    Possible,
}

impl IfAtLeast {
    /// The one that the negation of a condition needs.
    fn negated(self) -> Self {
        match self {
            IfAtLeast::Certain => IfAtLeast::Possible,
            IfAtLeast::Possible => IfAtLeast::Certain,
        }
    }
}

/// Condition on a value.
#[derive(Clone, Debug)]
pub enum Check {
    Between(u64, u64),
    /// Sorted, non-overlapping ranges.
    OneOf(Vec<(u64, u64)>),
    Within(Vec<Net>),
    Equals(Vec<String>),
    /// Equal to one of the texts, or beginning with the text that is being typed.
    EqualsOrBegins(Vec<String>, String),
    Is(bool),
    Matches(Regex),
    Contains(Needle),
}

impl Node {
    /// Compiles a parsed expression. A regular expression that has compiled once cannot fail here.
    pub fn new(expr: &Expr, bounds: IfAtLeast) -> Result<Node, regex::Error> {
        let several = |parts: &[Expr]| -> Result<Vec<Node>, regex::Error> {
            let mut nodes: Vec<Node> = parts
                .iter()
                .map(|part| Node::new(part, bounds))
                .collect::<Result<_, _>>()?;
            nodes.sort_by_key(Node::cost); // cheap terms first: they may save an expensive one
            Ok(nodes)
        };
        let of_either = |node| Node::OfEither(Box::new(node));
        Ok(match expr {
            Expr::All(parts) => Node::All(several(parts)?),
            Expr::Any(parts) => Node::Any(several(parts)?),
            Expr::Not(part) => Node::Not(Box::new(Node::new(part, bounds.negated())?)),
            Expr::Term(Term::Words(words)) => {
                of_either(Node::any_of(words.iter().flat_map(|word| {
                    let needle = Needle::new(word);
                    searched(&needle)
                        .map(|f| Node::Test(f.get, Check::Contains(needle.clone())))
                        .chain(shown_as(&needle))
                        .collect::<Vec<_>>()
                })))
            }
            Expr::Term(Term::Compare { field, op, values }) => {
                let check = Check::new(*op, values)?;
                let bounds = match op.is_negative() {
                    true => bounds.negated(),
                    false => bounds,
                };
                let test = |f: &Field| match f.kind {
                    FieldKind::Moment => Node::Ago(f.get, check.clone()),
                    _ if f.has_bounds() => Node::Lasting(f.get, check.clone(), bounds),
                    _ => Node::Test(f.get, check.clone()),
                };
                let node = Node::any_of(
                    ends(field)
                        .chain(name_of(field))
                        .map(test)
                        .chain(shown_like(field, &check)),
                );
                let node = match field.names_an_end() {
                    true => of_either(node),
                    false => node,
                };
                if op.is_negative() {
                    Node::Not(Box::new(node))
                } else {
                    node
                }
            }
        })
    }

    fn any_of(nodes: impl Iterator<Item = Node>) -> Node {
        let mut nodes: Vec<Node> = nodes.collect();
        match nodes.pop() {
            Some(only) if nodes.is_empty() => only,
            last => {
                nodes.extend(last);
                nodes.sort_by_key(Node::cost);
                Node::Any(nodes)
            }
        }
    }

    fn cost(&self) -> u32 {
        match self {
            Node::All(parts) | Node::Any(parts) => parts.iter().map(Node::cost).sum(),
            Node::Not(part) | Node::OfEither(part) => part.cost(),
            Node::Test(_, check) | Node::Ago(_, check) | Node::Lasting(_, check, _) => {
                match check {
                    Check::Between(..) | Check::Is(_) => 1,
                    Check::OneOf(_) | Check::Within(_) => 2,
                    Check::Equals(_) | Check::EqualsOrBegins(..) => 3,
                    Check::Contains(_) => 20,
                    Check::Matches(_) => 40,
                }
            }
        }
    }

    /// True if the session matches at this moment, ns of boot time.
    pub fn matches(&self, session: &Session, now_ns: u64) -> bool {
        match self {
            Node::All(parts) => parts.iter().all(|p| p.matches(session, now_ns)),
            Node::Any(parts) => parts.iter().any(|p| p.matches(session, now_ns)),
            Node::Not(part) => !part.matches(session, now_ns),
            Node::OfEither(part) => part.matches(session, now_ns),
            Node::Test(get, check) => check.fits(get(session)),
            Node::Ago(get, check) => check.fits(match get(session) {
                Value::Uint(ns) => Value::Uint(now_ns.saturating_sub(ns) / 1000),
                other => other,
            }),
            Node::Lasting(get, check, bounds) => match get(session) {
                Value::Uint(least) if session.age == Age::LowerBound => {
                    check.fits_from(least, *bounds)
                }
                known => check.fits(known),
            },
        }
    }

    /// True if a line matches that stands for a session and its other end: a name is that of either of them, and anything
    /// else is of the session.
    pub fn matches_line(&self, session: &Session, other: &Session, now_ns: u64) -> bool {
        let matches = |part: &Node| part.matches_line(session, other, now_ns);
        match self {
            Node::All(parts) => parts.iter().all(matches),
            Node::Any(parts) => parts.iter().any(matches),
            Node::Not(part) => !matches(part),
            Node::OfEither(part) => part.matches(session, now_ns) || part.matches(other, now_ns),
            Node::Test(..) | Node::Ago(..) | Node::Lasting(..) => self.matches(session, now_ns),
        }
    }
}

/// Returns the fields that a field stands for: two for `port` and `addr`, otherwise itself.
pub fn ends(field: &'static Field) -> impl Iterator<Item = &'static Field> {
    let (one, other) = match field.kind {
        FieldKind::Either(one, other) => (by_word(one), by_word(other)),
        _ => (Some(field), None),
    };
    one.into_iter().chain(other)
}

/// Returns the field of the name of what a field has the id of: either is taken.
fn name_of(field: &Field) -> Option<&'static Field> {
    match field.word {
        "container" => by_word("containername"),
        "pod" => by_word("podname"),
        _ => None,
    }
}

/// Returns the fields in which a bare word may be found: `nginx` is not looked for in addresses.
fn searched(needle: &Needle) -> impl Iterator<Item = &'static Field> {
    FIELDS
        .iter()
        .filter(|f| f.is_searched() && (f.kind != FieldKind::Addr || needle.is_like_an_address()))
}

/// Returns a test for the statuses that the dashboard shows as words with the needle in them, if there are any.
fn shown_as(needle: &Needle) -> Option<Node> {
    let status = by_word("status")?;
    of_reasons(status, |r| r.word() != r.name() && needle.is_in(r.word()))
}

/// Returns a test for the reasons that the dashboard shows as words that a regular expression of a status matches.
fn shown_like(field: &Field, check: &Check) -> Option<Node> {
    let Check::Matches(regex) = check else {
        return None;
    };
    let is_shown = ["status", "reason"].contains(&field.word);
    let test = is_shown.then(|| of_reasons(field, |r| regex.is_match(r.word())));
    test.flatten()
}

/// Returns a test of a field for the reasons that are meant, if there are any.
fn of_reasons(field: &Field, is_meant: impl Fn(&Reason) -> bool) -> Option<Node> {
    let reasons = Reason::ALL.iter().filter(|r| is_meant(r));
    let names: Vec<String> = reasons.map(|r| r.name().to_owned()).collect();
    (!names.is_empty()).then(|| Node::Test(field.get, Check::Equals(names)))
}

/// Returns the numbers that satisfy a comparison, as sorted ranges that do not touch; empty for other values. Negation
/// is up to the caller: for `!=` these are the numbers of `=`.
pub fn ranges(op: Op, values: &[Literal]) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = values
        .iter()
        .filter_map(|v| match v {
            Literal::Number(from, to) => Some((*from, *to)),
            _ => None,
        })
        .filter_map(|(from, to)| match op {
            Op::Lt => Some((0, from.checked_sub(1)?)),
            Op::Le => Some((0, from)),
            Op::Gt => Some((to.checked_add(1)?, u64::MAX)),
            Op::Ge => Some((to, u64::MAX)),
            _ => Some((from, to)),
        })
        .collect();
    ranges.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
    for (from, to) in ranges {
        match joined.last_mut() {
            Some((_, end)) if from <= end.saturating_add(1) => *end = to.max(*end),
            _ => joined.push((from, to)),
        }
    }
    joined
}

impl Check {
    /// Creates the condition of an operator and its values; negation by `!=` and `!~` is up to the caller.
    pub fn new(op: Op, values: &[Literal]) -> Result<Check, regex::Error> {
        fn all<T>(values: &[Literal], pick: impl Fn(&Literal) -> Option<T>) -> Vec<T> {
            values.iter().filter_map(pick).collect()
        }
        Ok(match values.first() {
            Some(Literal::Net(_)) => Check::Within(all(values, |v| match v {
                Literal::Net(net) => Some(*net),
                _ => None,
            })),
            Some(Literal::Name(_) | Literal::Text(_) | Literal::Beginning(_)) => {
                let texts = all(values, |v| match v {
                    Literal::Name(name) => Some((*name).to_owned()),
                    Literal::Text(text) => Some(text.clone()),
                    _ => None,
                });
                let typed = values.iter().find_map(|v| match v {
                    Literal::Beginning(text) => Some(text.clone()),
                    _ => None,
                });
                match typed {
                    Some(typed) => Check::EqualsOrBegins(texts, typed),
                    None => Check::Equals(texts),
                }
            }
            Some(Literal::Regex(pattern)) => Check::Matches(build_regex(pattern)?),
            Some(Literal::Bool(yes)) if values.iter().all(|v| *v == Literal::Bool(*yes)) => {
                Check::Is(*yes)
            }
            Some(Literal::Bool(_)) => Check::OneOf(vec![(0, 1)]), // `yes,no`: any
            Some(Literal::Number(..)) | None => match ranges(op, values).as_slice() {
                [(from, to)] => Check::Between(*from, *to),
                several => Check::OneOf(several.to_vec()),
            },
        })
    }

    /// True if a number that is at least this matches, for certain or possibly.
    fn fits_from(&self, least: u64, bounds: IfAtLeast) -> bool {
        let fits = |(from, to): (u64, u64)| match bounds {
            IfAtLeast::Certain => from <= least && to == u64::MAX,
            IfAtLeast::Possible => to >= least,
        };
        match self {
            Check::Between(from, to) => fits((*from, *to)),
            Check::OneOf(ranges) => ranges.iter().copied().any(fits),
            _ => false,
        }
    }

    /// True if the value matches, before negation.
    pub fn fits(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Check::Between(from, to), Value::Uint(n)) => (*from..=*to).contains(&n),
            (Check::OneOf(ranges), Value::Uint(n)) => is_in(ranges, n),
            (Check::OneOf(ranges), Value::Bool(yes)) => is_in(ranges, yes.into()),
            (Check::Is(wanted), Value::Bool(yes)) => *wanted == yes,
            (Check::Within(nets), Value::Addr(a)) => nets.iter().any(|net| net.contains(a)),
            (Check::Equals(texts), Value::Text(t)) => texts.iter().any(|text| text == t),
            (Check::EqualsOrBegins(texts, typed), Value::Text(t)) => {
                t.starts_with(typed) || texts.iter().any(|text| text == t)
            }
            (Check::Matches(regex), Value::Text(t)) => regex.is_match(t),
            (Check::Matches(regex), Value::Addr(a)) => regex.is_match(AddrText::new(a).as_str()),
            (Check::Contains(needle), Value::Text(t)) => needle.is_in(t),
            (_, Value::CommunityId(id)) => self.fits(Value::Text(&id.to_string())),
            (Check::Contains(needle), Value::Addr(a)) => {
                needle.may_be_in(a) && needle.is_in_bytes(AddrText::new(a).as_bytes())
            }
            _ => false, // missing
        }
    }
}

fn is_in(ranges: &[(u64, u64)], n: u64) -> bool {
    let after = ranges.partition_point(|&(from, _)| from <= n);
    after
        .checked_sub(1)
        .and_then(|i| ranges.get(i))
        .is_some_and(|&(_, to)| n <= to)
}

/// A bare word: matched anywhere in a text, ignoring case.
#[derive(Clone, Debug)]
pub struct Needle {
    lower: String,
}

impl Needle {
    fn new(word: &str) -> Self {
        Needle {
            lower: word.to_lowercase(),
        }
    }

    /// True if every character can be part of an address.
    fn is_like_an_address(&self) -> bool {
        self.lower
            .bytes()
            .all(|b| b.is_ascii_hexdigit() || b == b'.' || b == b':')
    }

    /// Avoids formatting addresses that cannot match: IPv4 ones have digits and dots only, and IPv6 ones no dots unless
    /// they begin like those that stand for IPv4.
    fn may_be_in(&self, addr: IpAddr) -> bool {
        match addr {
            IpAddr::V4(_) => self.lower.bytes().all(|b| b.is_ascii_digit() || b == b'.'),
            IpAddr::V6(a) => a.segments()[..5] == [0; 5] || !self.lower.contains('.'),
        }
    }

    /// Searches text that has no capitals.
    fn is_in_bytes(&self, text: &[u8]) -> bool {
        text.windows(self.lower.len().max(1))
            .any(|window| window == self.lower.as_bytes())
    }

    fn is_in(&self, text: &str) -> bool {
        let needle = self.lower.as_bytes();
        if self.lower.is_ascii() {
            return text
                .as_bytes()
                .windows(needle.len().max(1)) // the grammar has no empty words
                .any(|window| window.eq_ignore_ascii_case(needle));
        }
        text.char_indices().any(|(at, _)| {
            let mut rest = text[at..].chars().flat_map(char::to_lowercase);
            self.lower.chars().all(|c| rest.next() == Some(c))
        })
    }
}

/// Every octet of an IPv4 address followed by a dot, and its length.
static OCTETS: [([u8; 4], u8); 256] = {
    let mut all = [([0; 4], 0); 256];
    let mut n = 0_u8;
    loop {
        let digits = [b'0' + n / 100, b'0' + n / 10 % 10, b'0' + n % 10];
        all[n as usize] = match n {
            0..10 => ([digits[2], b'.', 0, 0], 2),
            10..100 => ([digits[1], digits[2], b'.', 0], 3),
            100.. => ([digits[0], digits[1], digits[2], b'.'], 4),
        };
        if n == u8::MAX {
            break all;
        }
        n += 1;
    }
};

/// An address as text, on the stack.
struct AddrText {
    bytes: [u8; 46], // INET6_ADDRSTRLEN
    len: usize,
}

impl AddrText {
    fn new(addr: IpAddr) -> Self {
        let mut text = AddrText {
            bytes: [0; 46],
            len: 0,
        };
        match addr {
            IpAddr::V4(addr) => text.write_v4(addr),
            // it fits: nothing is longer than what the buffer was made for
            IpAddr::V6(addr) => write!(text, "{addr}").unwrap_or_default(),
        }
        text
    }

    /// Several times faster than the formatter, and most addresses are IPv4.
    fn write_v4(&mut self, addr: Ipv4Addr) {
        for octet in addr.octets() {
            let (text, len) = OCTETS[usize::from(octet)];
            // always all four bytes: the excess is overwritten
            self.bytes[self.len..self.len + 4].copy_from_slice(&text);
            self.len += usize::from(len);
        }
        self.len -= 1; // the last dot
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl Write for AddrText {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        text.bytes().for_each(|b| self.push(b));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addr_text_matches_standard_formatting() {
        for addr in [
            "0.0.0.0",
            "255.255.255.255",
            "10.9.99.100",
            "::",
            "fe80::1",
            "::1.2.3.4",
            "2001:db8:1111:2222:3333:4444:5555:6666",
        ] {
            let addr: IpAddr = addr.parse().expect(addr);
            assert_eq!(AddrText::new(addr).as_str(), addr.to_string());
        }
        for n in 0..=255 {
            let addr = IpAddr::from([n, 255 - n, n, n]);
            assert_eq!(AddrText::new(addr).as_str(), addr.to_string());
        }
    }

    #[test]
    fn needle_matches_regardless_of_case() {
        let is_in = |word, text| Needle::new(word).is_in(text);
        assert!(is_in("CURL", "libcurl"));
        assert!(is_in("curl", "CURL"));
        assert!(!is_in("curl", "cur"));
        assert!(is_in("ÄÖ", "xäöx"));
        assert!(!is_in("äx", "ä"));
        assert!(is_in("日", "x日"));
    }

    #[test]
    fn needle_is_searched_only_in_addresses_that_can_contain_it() {
        let may = |word, addr: &str| Needle::new(word).may_be_in(addr.parse().expect(addr));
        assert!(may("10.", "10.0.0.1"));
        assert!(!may("10:", "10.0.0.1"));
        assert!(!may("a1", "10.0.0.1"));
        assert!(may("a1", "fe80::a1"));
        assert!(may("1.2", "::1.2.3.4"));
        assert!(may("::1", "::1.2.3.4"));
        assert!(!may("1.2", "fe80::1.2.3.4"));
    }

    #[test]
    fn ranges_adjacent_are_joined() {
        let n = |from, to| Literal::Number(from, to);
        let of = |op, values: &[Literal]| ranges(op, values);
        assert_eq!(
            of(Op::Eq, &[n(5, 9), n(1, 4), n(20, 30)]),
            [(1, 9), (20, 30)]
        );
        assert_eq!(of(Op::Lt, &[n(0, 0)]), []);
        assert_eq!(of(Op::Gt, &[n(u64::MAX, u64::MAX)]), []);
        assert_eq!(of(Op::Gt, &[n(7, 7)]), [(8, u64::MAX)]);
        assert!(is_in(&[(1, 9), (20, 30)], 20) && !is_in(&[(1, 9), (20, 30)], 10));
        assert!(!is_in(&[(1, 9)], 0) && !is_in(&[], 0));
    }
}
