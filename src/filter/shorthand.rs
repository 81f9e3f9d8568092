//! Terms without a field, and values that say more than their field: numbers, addresses with ports, networks, wildcards,
//! and words like `open`.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::filter::UidOf;
use crate::filter::diagnostics::advice;
use crate::filter::error::quoted;
use crate::filter::eval::ends;
use crate::filter::expr::{EVERYTHING, Expr, Literal, Net, Op, Term};
use crate::filter::foreign::{any_field_named, in_packets, never, vague};
use crate::filter::literal::{self, Bad, digits, expected, kind_of};
use crate::filter::phrases::phrase;
use crate::model::fields::{Field, FieldKind, by_word};
use crate::model::session::{Reason, State};

/// Meaning of a field's value: values to compare with, and conditions of their own.
#[derive(Debug, Default)]
pub struct Meaning {
    pub values: Vec<Literal>,
    pub terms: Vec<Expr>,
}

impl Meaning {
    fn term(term: Expr) -> Meaning {
        Meaning {
            terms: vec![term],
            ..Meaning::default()
        }
    }
}

/// A word that stands for a condition.
#[derive(Clone, Copy)]
pub struct Shorthand {
    pub word: &'static str,
    aliases: &'static [&'static str],
    pub help: &'static str,
    condition: fn() -> Option<Expr>,
}

pub const SHORTHANDS: &[Shorthand] = &[
    Shorthand {
        word: "open",
        aliases: &["connected", "active", "alive"],
        help: "not closed yet",
        condition: || Some(is_closed()?.negated()),
    },
    Shorthand {
        word: "closed",
        aliases: &["disconnected"],
        help: "closed, for whatever reason",
        condition: is_closed,
    },
    Shorthand {
        word: "failed",
        aliases: &[],
        help: "closed for a known reason other than a FIN or a checkpoint",
        condition: || {
            let failures = Reason::ALL.iter().filter(|r| r.is_failure());
            named("reason", failures.map(|r| r.name()))
        },
    },
    Shorthand {
        word: "ipv4",
        aliases: &["ip4", "inet", "tcp4", "-4"],
        help: "over IPv4",
        condition: || family(4),
    },
    Shorthand {
        word: "ipv6",
        aliases: &["ip6", "inet6", "tcp6", "-6"],
        help: "over IPv6",
        condition: || family(6),
    },
    Shorthand {
        word: "inbound",
        aliases: &["incoming", "ingress", "accepted"],
        help: "opened by the peer",
        condition: || named("direction", ["in"]),
    },
    Shorthand {
        word: "outbound",
        aliases: &["outgoing", "egress", "initiated"],
        help: "opened by us",
        condition: || named("direction", ["out"]),
    },
    Shorthand {
        word: EVERYTHING,
        aliases: &[],
        help: "every session",
        condition: || Some(Expr::all(Vec::new())),
    },
];

fn named(field: &str, names: impl IntoIterator<Item = &'static str>) -> Option<Expr> {
    let names = names.into_iter().map(Literal::Name).collect();
    Some(Expr::equal(by_word(field)?, names))
}

fn is_closed() -> Option<Expr> {
    named("state", [State::Closed.name()])
}

fn family(version: u64) -> Option<Expr> {
    Some(Expr::equal(
        by_word("ip")?,
        vec![Literal::Number(version, version)],
    ))
}

/// The condition that a word stands for.
pub fn condition(word: &str) -> Option<Expr> {
    let lower = word.to_ascii_lowercase();
    let is_it = |s: &&Shorthand| s.word == lower || s.aliases.contains(&lower.as_str());
    (SHORTHANDS.iter().find(is_it)?.condition)()
}

/// A bare word.
pub enum Bare {
    /// Text to search for.
    Text(String),
    /// Either a port or a process id.
    Number(u64),
    Condition(Expr),
}

/// Reads a bare word without quotes, which may be all of the filter.
pub fn bare(text: &str, is_all: bool) -> Result<Bare, Bad> {
    let packets = || in_packets(text).map(|why| (why, ""));
    if let Some((why, cure)) = never(text).or_else(packets) {
        let to_look = format!("to search for the word, quote it: \"{text}\"");
        let help = match cure {
            "" => to_look,
            cure => format!("{cure}; {to_look}"),
        };
        return Err(Bad::new(why.into(), help));
    }
    if let Some(condition) = condition(text) {
        return Ok(Bare::Condition(condition));
    }
    if let Some(help) = vague(text) {
        let message = format!("{} selects nothing", quoted(text));
        let help = format!("{help}; to search for the word, quote it: \"{text}\"");
        return Err(Bad::new(message, help).partial(true));
    }
    let flag = text.trim_start_matches('-');
    if flag != text && flag.starts_with(char::is_alphanumeric) {
        let message = format!("{} is a flag elsewhere", quoted(text));
        // no flag, but a word that is excluded
        if flag.len() > 4 && !text.starts_with("--") {
            return Err(Bad::new(message, format!("write `not {flag}`")));
        }
        let instead = match is_all {
            true => "write a term, like `port 443`",
            false => "leave it out",
        };
        let help =
            format!("{instead}; `not {flag}` excludes that word; \"{text}\" is searched for");
        return Err(Bad::new(message, help));
    }
    foreign_form(text, is_all)?;
    let number = text.strip_suffix("/tcp").unwrap_or(text);
    if let Some(n) = digits::<u32>(number) {
        return Ok(Bare::Number(n.into()));
    }
    if let (Some((from, to)), Some(port)) = (text.split_once('-'), by_word("port"))
        && digits::<u16>(from).is_some()
        && (to.is_empty() || digits::<u16>(to).is_some())
    {
        let range = literal::read(port, text, false, |_| None)?;
        return Ok(Bare::Condition(Expr::equal(port, range)));
    }
    let (Some(addr), Some(comm)) = (by_word("addr"), by_word("comm")) else {
        return Ok(Bare::Text(text.to_owned()));
    };
    if let Some(end) = end(addr, text)? {
        return Ok(Bare::Condition(end));
    }
    let is_net = text
        .split_once('/')
        .is_some_and(|(a, bits)| is_like_address(a) && (is_bits(bits) || is_like_address(bits)))
        || text.parse::<IpAddr>().is_ok()
        || (text.ends_with(".*") || text.ends_with(".x")) && literal::nets(addr, text).is_ok()
        || text.eq_ignore_ascii_case(LOCALHOST);
    if is_net {
        let nets = literal::nets(addr, text)?;
        let nets = nets.into_iter().map(Literal::Net).collect();
        return Ok(Bare::Condition(Expr::equal(addr, nets)));
    }
    if let Some(pattern) = as_regex(text) {
        literal::regex(&pattern)?;
        let fields = ["comm", "addr"].into_iter().filter_map(by_word);
        let terms = fields.map(|field| Expr::matching(field, pattern.to_string()));
        return Ok(Bare::Condition(Expr::any(terms.collect())));
    }
    if let Some(bad) = path(text) {
        return Err(bad);
    }
    if text == "*" {
        return Ok(Bare::Condition(Expr::all(Vec::new())));
    }
    if text.contains(WILDCARDS) {
        let is_address = |c: char| c.is_ascii_hexdigit() || ".:*?".contains(c);
        let field = match text.contains(['.', ':']) && text.chars().all(is_address) {
            true => addr,
            false => comm,
        };
        return Ok(Bare::Condition(wildcard(field, text, false)?));
    }
    if let Some((name, port)) = text.split_once(':')
        && name.starts_with(char::is_alphabetic)
        && let (Some(n), Some(port)) = (digits::<u16>(port), by_word("port"))
    {
        let number = vec![Literal::Number(n.into(), n.into())];
        let words = Expr::Term(Term::Words(vec![name.to_owned()]));
        return Ok(Bare::Condition(Expr::all(vec![
            words,
            Expr::equal(port, number),
        ])));
    }
    if text.contains('_')
        && let Some(status) = by_word("status")
        && let Ok(names) = literal::read(status, text, false, |_| None)
    {
        return Ok(Bare::Condition(Expr::equal(status, names)));
    }
    Ok(Bare::Text(text.to_owned()))
}

/// Rejects forms of other languages that no name of a process has, which would be searched for in vain.
fn foreign_form(text: &str, is_all: bool) -> Result<(), Bad> {
    let to_look = format!("to search for it, quote it: \"{text}\"");
    let bad = |message: &str, help: &str| {
        let message = format!("{} {message}", quoted(text));
        Err(Bad::new(message, format!("{help}; {to_look}")))
    };
    let is_word =
        |w: &str| !w.is_empty() && w.chars().all(|c| c.is_alphanumeric() || "_.-@".contains(c));
    if text.contains("://") {
        return bad(
            "is a URL",
            "write its address and port, like `10.0.0.5:443`",
        );
    }
    if text.starts_with(['{', '}'])
        || text.starts_with('[') && !text.contains([':', '.']) && text.ends_with(']')
    {
        return bad(
            "is in brackets",
            "a term has none: `comm curl and port 443`",
        );
    }
    if text == "+" || text == ";" {
        return bad("joins no terms", "write `and`");
    }
    if ["#", "--", "//"].contains(&text) {
        return bad(
            "begins a comment elsewhere",
            "leave it out, and what follows",
        );
    }
    if let Some(word) = text.strip_prefix(['@', '#', '$', '%', '/'])
        && is_word(word)
    {
        let help = format!("write `{word}`");
        return bad("begins with a sign of other tools", &help);
    }
    if let Some((field, value)) = text.split_once(['#', '/'])
        && any_field_named(field).is_some()
        && is_word(value)
    {
        let help = format!("write `{field} {value}`");
        return bad("joins a field and a value", &help);
    }
    if let Some(word) = text.strip_suffix(':')
        && is_word(word)
        && word.starts_with(char::is_alphabetic)
        && !word.bytes().all(|b| b.is_ascii_hexdigit())
    {
        let message = format!("unknown field {}", quoted(word));
        let to_look = format!("to search for the word, write `{word}`");
        let help = match is_all {
            true => to_look,
            false => format!("{}; {to_look}", advice(&word.to_lowercase(), None)),
        };
        return Err(Bad::new(message, help).partial(true));
    }
    if text == "?" || text == "-" {
        return bad("is no term", "a term looks like `port 443`");
    }
    if let Some((from, to)) = text.split_once('-')
        && from.parse::<IpAddr>().is_ok()
        && to.parse::<IpAddr>().is_ok()
    {
        return bad(
            "is a range of addresses",
            "write a network, like `10.0.0.0/24`",
        );
    }
    let host = text.strip_prefix("*.").unwrap_or(text);
    if let Some((_, domain)) = host.rsplit_once('.')
        && DOMAINS.contains(&domain.to_ascii_lowercase().as_str())
        && is_word(host)
    {
        return bad("is the name of a host", literal::NO_HOSTS);
    }
    if let Some((field, value)) = text.split_once(':')
        && is_word(field)
        && field.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && !value.is_empty()
        && digits::<u16>(value).is_none()
        && text.parse::<IpAddr>().is_err()
        && !field.bytes().all(|b| b.is_ascii_hexdigit())
    {
        if field.eq_ignore_ascii_case("is") && condition(value).is_some() {
            let message = format!("{} is of other tools", quoted(text));
            return Err(Bad::new(message, format!("write `{value}`")));
        }
        let message = format!("unknown field {}", quoted(field));
        let help = advice(&field.to_lowercase(), Some(value));
        let joint = if help.ends_with('?') { " T" } else { "; t" };
        let help = format!("{help}{joint}{}", &to_look[1..]);
        return Err(Bad::new(message, help));
    }
    Ok(())
}

/// Domains by which the name of a host is known from that of a program.
const DOMAINS: &[&str] = &[
    "com", "org", "net", "io", "dev", "edu", "gov", "local", "internal", "lan", "example", "test",
];

/// True for an address, or text that can only be meant as one.
fn is_like_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
        || text.contains('.') && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// True for text with a group of a regular expression in front: `(?i)nginx`.
fn has_group(text: &str) -> bool {
    text.starts_with("(?")
}

/// The regular expression that a word can only be meant as: `(?i)ngin`, `^ngin`, `ngin$`, `/ngin/`, `/NGIN/i`, `ngin.*`, `[ng]inx`.
fn as_regex(text: &str) -> Option<Cow<'_, str>> {
    if let Some(within) = between_slashes(text) {
        return Some(within);
    }
    let is_anchored = text.len() > 1 && (text.starts_with('^') || text.ends_with('$'));
    let is_repeated = text.len() > 2
        && [".*", ".+", "\\.", "\\b", "\\d", "\\s", "\\w"]
            .iter()
            .any(|sign| text.contains(sign));
    // an address in brackets has a colon
    let is_class = !text.contains(':')
        && text
            .split_once('[')
            .is_some_and(|(_, rest)| rest.contains(']'));
    (has_group(text) || is_anchored || is_repeated || is_class).then_some(text.into())
}

/// The regular expression between slashes, as `/ngin/` or `/NGIN/i` write it.
pub fn between_slashes(text: &str) -> Option<Cow<'_, str>> {
    let (within, flag) = text.strip_prefix('/')?.rsplit_once('/')?;
    match flag {
        _ if within.is_empty() => None,
        "" => Some(within.into()),
        "i" => Some(format!("(?i){within}").into()),
        _ => None,
    }
}

/// True for the number of a network's bits, or its beginning.
fn is_bits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// The condition of a number alone: a port or a process id.
pub fn port_or_pid(numbers: &[u64]) -> Option<Expr> {
    let of = |word, most: u64| {
        let fitting = numbers.iter().filter(|n| **n <= most);
        let values: Vec<Literal> = fitting.map(|n| Literal::Number(*n, *n)).collect();
        let field = by_word(word).filter(|_| !values.is_empty());
        field.map(|field| Expr::equal(field, values))
    };
    let terms = [of("port", u16::MAX.into()), of("pid", u32::MAX.into())];
    let terms: Vec<Expr> = terms.into_iter().flatten().collect();
    (!terms.is_empty()).then(|| Expr::any(terms))
}

/// Reads a value of a field, with the forms that say more.
pub fn meaning(
    field: &'static Field,
    text: &str,
    in_quotes: bool,
    users: UidOf,
) -> Result<Meaning, Bad> {
    let is_address = kind_of(field) == FieldKind::Addr;
    if is_address && let Some(end) = end(field, text)? {
        return Ok(Meaning::term(end));
    }
    let takes_text = literal::operators(field).contains(&Op::Match);
    if takes_text && has_group(text) && !in_quotes {
        literal::regex(text)?;
        return Ok(Meaning::term(Expr::matching(field, text.to_owned())));
    }
    if takes_text
        && !in_quotes
        && let Some(pattern) = between_slashes(text)
    {
        literal::regex(&pattern)?;
        return Ok(Meaning::term(Expr::matching(field, pattern.into_owned())));
    }
    if kind_of(field) == FieldKind::Comm
        && let Some(bad) = path(text)
    {
        return Err(bad);
    }
    // the name of a workload, as no pod is called: they end in digits and letters at random, or in a number
    let may_be_pod = |c: char| c.is_ascii_digit() || WILDCARDS.contains(&c);
    if field.word == "pod" && !text.contains(may_be_pod) {
        let message = format!(
            "{} is not the uid of a pod, or its whole name",
            quoted(text)
        );
        let help = format!("write `podname ~ {text}`");
        return Err(Bad::new(message, help).partial(true));
    }
    let found = literal::read(field, text, in_quotes, users);
    if found.is_err() && is_of_reasons(field) && phrase(text) == Some("failed") {
        return Ok(Meaning {
            values: Vec::new(),
            terms: condition("failed").into_iter().collect(),
        });
    }
    if found.is_err()
        && let Some(names) = named_by_phrase(field, text)
    {
        return Ok(Meaning {
            values: names,
            terms: Vec::new(),
        });
    }
    if let (Err(_), Some(term)) = (&found, condition_of(field, text)) {
        return Ok(Meaning::term(term));
    }
    let has_wildcard = match kind_of(field) {
        FieldKind::Text | FieldKind::Comm | FieldKind::Names(_) => text.contains(WILDCARDS),
        FieldKind::Addr => text.contains(WILDCARDS) && literal::nets(field, text).is_err(),
        _ => false,
    };
    if has_wildcard && !in_quotes {
        return Ok(Meaning::term(wildcard(field, text, false)?));
    }
    Ok(Meaning {
        values: found?,
        terms: Vec::new(),
    })
}

/// Error for the path of a program: a process has its name.
fn path(text: &str) -> Option<Bad> {
    let (_, name) = text.strip_prefix('/')?.rsplit_once('/')?;
    let message = format!("{} is a path", quoted(text));
    let help = format!("only the name of a process is known: write `comm {name}`");
    (!name.is_empty()).then(|| Bad::new(message, help).partial(true))
}

/// True for a field whose values say why a session closed.
pub fn is_of_reasons(field: &Field) -> bool {
    ["status", "reason"].contains(&field.word)
}

/// The reasons that a phrase means as a value: `reason = "connection refused"`.
fn named_by_phrase(field: &'static Field, text: &str) -> Option<Vec<Literal>> {
    let names = phrase(text).filter(|_| is_of_reasons(field))?;
    let names = names.strip_prefix("reason ")?.split(',');
    let read = names.map(|name| literal::read(field, name, false, |_| None).ok());
    Some(read.collect::<Option<Vec<_>>>()?.concat())
}

/// The field that a value was meant for if it is none of this one: `ip 10.0.0.1`, `dst 443`, `state refused`.
pub fn meant_field(
    field: &Field,
    text: &str,
    in_quotes: bool,
    users: UidOf,
) -> Option<&'static Field> {
    let has_digits = text.contains(|c: char| c.is_ascii_digit());
    let starts_with_digit = text.starts_with(|c: char| c.is_ascii_digit());
    let meant = by_word(match field.word {
        "ip" => "addr",
        // a name is refused: tcpdump takes one for a host
        "laddr" if has_digits => "lport",
        "raddr" if has_digits => "rport",
        "addr" if has_digits => "port",
        "uid" | "owner" => "user",
        "state" | "reason" => "status",
        "pid" if !starts_with_digit => "comm",
        _ => return None,
    })?;
    meaning(meant, text, in_quotes, users).ok().map(|_| meant)
}

/// The condition of a word that is no value of its field: `state open`, `direction inbound`.
fn condition_of(field: &Field, text: &str) -> Option<Expr> {
    if field.word == "direction" {
        match text.to_ascii_lowercase().as_str() {
            "server" | "ingress" => return named("direction", ["in"]),
            "client" | "egress" => return named("direction", ["out"]),
            _ => {}
        }
    }
    let condition = condition(text)?;
    let is_of_field = match &condition {
        Expr::Term(Term::Compare { field: own, .. }) => *own == field,
        _ => false,
    };
    let is_of_status = ["state", "status", "reason"].contains(&field.word)
        && ["open", "connected", "closed", "failed"].contains(&text.to_ascii_lowercase().as_str());
    (is_of_field || is_of_status).then_some(condition)
}

const LOCALHOST: &str = "localhost";

/// The addresses of a host's own name: those that stay within it.
pub fn localhost(text: &str) -> Option<Vec<Net>> {
    text.eq_ignore_ascii_case(LOCALHOST).then(|| {
        let v4 = Net::new(Ipv4Addr::LOCALHOST.into(), 8);
        v4.into_iter()
            .chain([Net::host(Ipv6Addr::LOCALHOST.into())])
            .collect()
    })
}

/// Reads one end of a connection: an address with a port or an interface, or a port alone: `10.0.0.1:443`, `[::1]:443`,
/// `fe80::1%eth0`, `:443`. `None` for other text.
fn end(field: &'static Field, text: &str) -> Result<Option<Expr>, Bad> {
    let (host, port) = match split_port(text) {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let (addr, zone) = match bare.split_once('%') {
        Some((addr, zone)) => (addr, Some(zone)),
        None => (bare, None),
    };
    if port.is_none() && zone.is_none() {
        return Ok(None);
    }
    let is_any = ["", "*", "any", EVERYTHING].contains(&addr.to_ascii_lowercase().as_str());
    let nets = match (is_any, addr.parse(), localhost(addr)) {
        (true, ..) if zone.is_none() => None,
        (_, Ok(addr), _) => Some(vec![Net::host(addr)]),
        (_, _, Some(nets)) => Some(nets),
        _ if literal::is_like_host(addr) && port.is_some() => {
            let message = format!("{} is not an address", quoted(addr));
            return Err(Bad::new(message, literal::NO_HOSTS));
        }
        _ => return Ok(None),
    };
    let Some(port_field) = by_word(&field.word.replace("addr", "port")) else {
        return Ok(None);
    };
    let ports = match port {
        // as ss prints any
        Some("*") => None,
        Some("") => {
            let message = format!("{} has no port", quoted(text));
            return Err(Bad::new(message, expected(port_field)).partial(true));
        }
        Some(port) => Some(literal::read(port_field, port, false, |_| None)?),
        None => None,
    };
    let zone = match zone {
        Some("") => {
            let message = format!("{} has no interface", quoted(text));
            return Err(Bad::new(message, "an interface looks like `%eth0`").partial(true));
        }
        Some(zone) => by_word("interface")
            .map(|field| Expr::equal(field, vec![Literal::Text(zone.to_owned())])),
        None => None,
    };
    let (Some(nets), Some(ports)) = (&nets, &ports) else {
        let nets =
            nets.map(|nets| Expr::equal(field, nets.into_iter().map(Literal::Net).collect()));
        let ports = ports.map(|ports| Expr::equal(port_field, ports));
        return Ok(Some(Expr::all(
            nets.into_iter().chain(zone).chain(ports).collect(),
        )));
    };
    // address and port of the same end
    let nets: Vec<Literal> = nets.iter().copied().map(Literal::Net).collect();
    let both = ends(field).zip(ends(port_field)).map(|(addr, port)| {
        Expr::all(vec![
            Expr::equal(addr, nets.clone()),
            Expr::equal(port, ports.clone()),
        ])
    });
    let both = Expr::any(both.collect());
    Ok(Some(Expr::all([both].into_iter().chain(zone).collect())))
}

/// Splits an address and a port: at the colon, or the last of four dots, as tcpdump writes it.
fn split_port(text: &str) -> Option<(&str, &str)> {
    if let Some((host, port)) = text.rsplit_once(':') {
        let is_bracketed = host.starts_with('[') && host.ends_with(']');
        return (is_bracketed || !host.contains(':')).then_some((host, port));
    }
    let (host, port) = text.rsplit_once('.')?;
    (host.parse::<Ipv4Addr>().is_ok() && port != "*").then_some((host, port))
}

/// Signs for any text, and for any character.
pub const WILDCARDS: [char; 2] = ['*', '?'];

/// The condition of a text with wildcards.
pub fn wildcard(field: &'static Field, text: &str, ignores_case: bool) -> Result<Expr, Bad> {
    let escaped = regex::escape(text).replace("\\*", ".*").replace("\\?", ".");
    let pattern = format!("^{escaped}$");
    let pattern = pattern.trim_end_matches(".*$").trim_start_matches("^.*");
    let flags = if ignores_case { "(?i)" } else { "" };
    let pattern = format!("{flags}{pattern}");
    literal::regex(&pattern)?;
    Ok(Expr::matching(field, pattern))
}
