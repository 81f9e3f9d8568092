//! Expression tree of a filter, and its text form.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::filter::literal::exactly;
use crate::model::fields::{Field, FieldKind};

/// An expression. Parentheses are kept as nesting, so that the written form is what was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// All of these match; empty: everything.
    All(Vec<Expr>),
    /// At least one of these matches.
    Any(Vec<Expr>),
    Not(Box<Expr>),
    Term(Term),
}

impl Expr {
    /// Matches if all of these do. Parts that match everything are left out. Lower and upper bounds of a number of either end are
    /// a range of one end, `port >= 80 and port <= 90`: as comparisons of their own, each could be met by another end.
    pub fn all(mut parts: Vec<Expr>) -> Expr {
        parts.retain(|part| !part.is_everything());
        let mut found = parts.iter().filter_map(Expr::bounds_of_either);
        if let Some((field, mut range)) = found.next() {
            let mut is_one_field = true;
            for (other, [from, to]) in found {
                is_one_field &= other == field;
                range = [range[0].max(from), range[1].min(to)];
            }
            let [from, to] = range;
            if is_one_field && from > 0 && to < u64::MAX && from <= to {
                let at = parts
                    .iter()
                    .position(|part| part.bounds_of_either().is_some());
                parts.retain(|part| part.bounds_of_either().is_none());
                let range = Expr::equal(field, vec![Literal::Number(from, to)]);
                parts.insert(at.unwrap_or(0), range);
            }
        }
        one_or(parts, Expr::All)
    }

    /// The least and the greatest number that a comparison of either end allows.
    fn bounds_of_either(&self) -> Option<(&'static Field, [u64; 2])> {
        let Expr::Term(Term::Compare { field, op, values }) = self else {
            return None;
        };
        let [Literal::Number(n, _)] = values.as_slice() else {
            return None;
        };
        let bounds = match op {
            Op::Ge => [*n, u64::MAX],
            Op::Gt => [n.checked_add(1)?, u64::MAX],
            Op::Le => [0, *n],
            Op::Lt => [0, n.checked_sub(1)?],
            _ => return None,
        };
        matches!(field.kind, FieldKind::Either(..)).then_some((*field, bounds))
    }

    /// Matches if one of these does.
    pub fn any(parts: Vec<Expr>) -> Expr {
        one_or(parts, Expr::Any)
    }

    /// A field that has one of these values.
    pub fn equal(field: &'static Field, values: Vec<Literal>) -> Expr {
        let op = Op::Eq;
        Expr::Term(Term::Compare { field, op, values })
    }

    /// A field that matches a regular expression.
    pub fn matching(field: &'static Field, pattern: String) -> Expr {
        let (op, values) = (Op::Match, vec![Literal::Regex(pattern)]);
        Expr::Term(Term::Compare { field, op, values })
    }

    pub fn negated(self) -> Expr {
        Expr::Not(Box::new(self))
    }

    /// Gives each term, negated or not.
    fn each_term<'a>(&'a self, take: &mut impl FnMut(&'a Term)) {
        match self {
            Expr::All(parts) | Expr::Any(parts) => parts.iter().for_each(|p| p.each_term(take)),
            Expr::Not(part) => part.each_term(take),
            Expr::Term(term) => take(term),
        }
    }

    /// True if a term is meant, negated or not.
    fn any_term(&self, is_meant: impl Fn(&Term) -> bool) -> bool {
        let mut found = false;
        self.each_term(&mut |term| found |= is_meant(term));
        found
    }

    /// True if a field that is meant is compared.
    pub fn mentions(&self, is_meant: &impl Fn(&Field) -> bool) -> bool {
        self.any_term(|term| match term {
            Term::Compare { field, .. } => is_meant(field),
            Term::Words(_) => false,
        })
    }

    /// True if a term of a field that is meant, or of bare words, is negated.
    pub fn excludes(&self, is_meant: &impl Fn(&Field) -> bool) -> bool {
        match self {
            Expr::All(parts) | Expr::Any(parts) => parts.iter().any(|part| part.excludes(is_meant)),
            Expr::Not(part) => part.has_words() || part.mentions(is_meant),
            Expr::Term(Term::Compare { field, op, .. }) => op.is_negative() && is_meant(field),
            Expr::Term(Term::Words(_)) => false,
        }
    }

    /// True if it says which end of a connection is wanted: a term that names one, and is not negated.
    pub fn chooses_end(&self) -> bool {
        match self {
            Expr::All(parts) | Expr::Any(parts) => parts.iter().any(Expr::chooses_end),
            Expr::Not(_) | Expr::Term(Term::Words(_)) => false,
            Expr::Term(Term::Compare { field, op, .. }) => {
                let is_of_one = !matches!(field.kind, FieldKind::Either(..));
                is_of_one && field.names_an_end() && !op.is_negative()
            }
        }
    }

    fn has_words(&self) -> bool {
        self.any_term(|term| matches!(term, Term::Words(_)))
    }

    /// Gives each bare word.
    pub fn each_word<'a>(&'a self, take: &mut impl FnMut(&'a str)) {
        self.each_term(&mut |term| {
            if let Term::Words(words) = term {
                words.iter().for_each(|word| take(word));
            }
        });
    }

    /// True if a value is this name.
    pub fn has_name(&self, name: &str) -> bool {
        self.any_term(|term| match term {
            Term::Compare { values, .. } => {
                let is_it = |value: &Literal| matches!(value, Literal::Name(n) if *n == name);
                values.iter().any(is_it)
            }
            Term::Words(words) => words.iter().any(|w| w.eq_ignore_ascii_case(name)),
        })
    }

    /// True if a text is compared with a regular expression.
    pub fn has_regex(&self) -> bool {
        self.any_term(|term| matches!(term, Term::Compare { op, .. } if op.takes_regex()))
    }

    /// True if there is no condition.
    pub fn is_everything(&self) -> bool {
        matches!(self, Expr::All(parts) if parts.is_empty())
    }
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term {
    /// One or more bare words, at least one of which must be found.
    Words(Vec<String>),
    /// A field compared with one or more values.
    Compare {
        field: &'static Field,
        op: Op,
        values: Vec<Literal>,
    },
}

/// Value of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// Inclusive range. Times are µs.
    Number(u64, u64),
    Net(Net),
    Name(&'static str),
    Text(String),
    /// Text that is still being typed.
    Beginning(String),
    Bool(bool),
    Regex(String),
}

/// Operators of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Match,
    NotMatch,
}

impl Op {
    /// The operator as written.
    pub fn symbol(self) -> &'static str {
        match self {
            Op::Eq => "=",
            Op::Ne => "!=",
            Op::Lt => "<",
            Op::Le => "<=",
            Op::Gt => ">",
            Op::Ge => ">=",
            Op::Match => "~",
            Op::NotMatch => "!~",
        }
    }

    /// True if it negates another operator: `=` or `~`.
    pub fn is_negative(self) -> bool {
        matches!(self, Op::Ne | Op::NotMatch)
    }

    /// True if its value is a regular expression.
    pub fn takes_regex(self) -> bool {
        matches!(self, Op::Match | Op::NotMatch)
    }
}

/// An address, or a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    addr: IpAddr,
    bits: u8,
}

impl Net {
    /// Creates the network of an address. Bits beyond the prefix are dropped, and an IPv4-mapped address becomes IPv4,
    /// as in a session. `None` if the family has fewer bits.
    pub fn new(addr: IpAddr, bits: u8) -> Option<Net> {
        match addr {
            IpAddr::V4(a) if bits <= 32 => Some(Net {
                addr: Ipv4Addr::from_bits(a.to_bits() & mask_v4(bits)).into(),
                bits,
            }),
            IpAddr::V6(a) if bits <= 128 => match (a.to_ipv4_mapped(), bits.checked_sub(96)) {
                (Some(v4), Some(bits)) => Net::new(v4.into(), bits),
                _ => Some(Net {
                    addr: Ipv6Addr::from_bits(a.to_bits() & mask_v6(bits)).into(),
                    bits,
                }),
            },
            _ => None,
        }
    }

    /// A single address.
    pub fn host(addr: IpAddr) -> Net {
        let addr = addr.to_canonical();
        let bits = if addr.is_ipv4() { 32 } else { 128 };
        Net { addr, bits }
    }

    pub fn is_ipv4(self) -> bool {
        self.addr.is_ipv4()
    }

    pub fn contains(self, other: IpAddr) -> bool {
        match (self.addr, other) {
            (IpAddr::V4(net), IpAddr::V4(a)) => a.to_bits() & mask_v4(self.bits) == net.to_bits(),
            (IpAddr::V6(net), IpAddr::V6(a)) => a.to_bits() & mask_v6(self.bits) == net.to_bits(),
            _ => false,
        }
    }
}

fn mask_v4(bits: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0)
}

fn mask_v6(bits: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.addr)?;
        if *self == Net::host(self.addr) {
            Ok(())
        } else {
            write!(f, "/{}", self.bits)
        }
    }
}

/// The word for every session: all of them are of TCP.
pub const EVERYTHING: &str = "tcp";

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, parts: &[Expr], word: &str| {
            for (i, part) in parts.iter().enumerate() {
                f.write_str(if i > 0 { word } else { "" })?;
                match part {
                    Expr::All(_) | Expr::Any(_) if !part.is_everything() => write!(f, "({part})")?,
                    _ => write!(f, "{part}")?,
                }
            }
            Ok(())
        };
        match self {
            Expr::All(parts) if parts.is_empty() => f.write_str(EVERYTHING),
            Expr::All(parts) => list(f, parts, " and "),
            Expr::Any(parts) => list(f, parts, " or "),
            Expr::Not(part) => match **part {
                Expr::Term(_) => write!(f, "not {part}"),
                Expr::All(ref parts) if parts.is_empty() => write!(f, "not {part}"),
                _ => write!(f, "not ({part})"),
            },
            Expr::Term(term) => write!(f, "{term}"),
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let comma = |i| if i > 0 { "," } else { "" };
        match self {
            Term::Words(words) => words
                .iter()
                .enumerate()
                .try_for_each(|(i, w)| write!(f, "{}{}", comma(i), in_quotes(w))),
            Term::Compare { field, op, values } => {
                write!(f, "{} {} ", field.word, op.symbol())?;
                values.iter().enumerate().try_for_each(|(i, v)| {
                    f.write_str(comma(i))?;
                    v.write(f, field)
                })
            }
        }
    }
}

impl Literal {
    fn write(&self, f: &mut fmt::Formatter<'_>, field: &Field) -> fmt::Result {
        let unit = match field.kind {
            FieldKind::Micros | FieldKind::Moment => "us",
            _ => "",
        };
        match self {
            Literal::Number(from, to) if from == to => write!(f, "{from}{unit}"),
            Literal::Number(from, to) => write!(f, "{from}{unit}-{to}{unit}"),
            Literal::Net(net) => write!(f, "{net}"),
            Literal::Name(name) => f.write_str(&exactly(field, name)),
            Literal::Bool(yes) => f.write_str(if *yes { "yes" } else { "no" }),
            Literal::Text(text) | Literal::Beginning(text) | Literal::Regex(text) => {
                f.write_str(&in_quotes(text))
            }
        }
    }
}

/// Puts a text in double quotes, escaping the two characters that would end them early.
pub fn in_quotes(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
