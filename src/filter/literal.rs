//! Parses the values of a filter by the kind of the field: numbers, units, addresses, names and regular expressions.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::time::Duration;

use crate::filter::UidOf;
use crate::filter::error::{SUGGESTION, quoted};
use crate::filter::expr::{Literal, Net, Op, in_quotes};
use crate::filter::foreign::{NO_CLOCK, never, vague};
use crate::filter::phrases::phrase;
use crate::filter::services;
use crate::filter::shorthand::{is_of_reasons, localhost};
use crate::model::fields::{Field, FieldKind, by_word, name_of_word, word_of_name};
use crate::model::session::Comm;
use crate::text::suggest::suggest;
use crate::text::units::{SIZES, TIMES, Unscaled, duration_text, scaled};

/// Maximum size of a compiled regular expression in bytes: enough for a few Unicode classes, and a bound on what a line
/// of text can cost.
pub const REGEX_BYTES: usize = 1 << 20;

/// Error in a value.
#[derive(Debug, PartialEq, Eq)]
pub struct Bad {
    pub message: String,
    pub help: String,
    /// True if it may be the beginning of a value.
    pub partial: bool,
    /// Place within the value, if the error is not about all of it.
    pub at: Option<Range<usize>>,
}

impl Bad {
    pub fn new(message: String, help: impl Into<String>) -> Self {
        Bad {
            message,
            help: help.into(),
            partial: false,
            at: None,
        }
    }

    pub fn partial(mut self, partial: bool) -> Self {
        self.partial = partial;
        self
    }
}

const EQUALITY: &[Op] = &[Op::Eq, Op::Ne];
const ORDER: &[Op] = &[Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge];
const TEXT: &[Op] = &[Op::Eq, Op::Ne, Op::Match, Op::NotMatch];

/// Kind of a field's values; for a field that stands for two others, that of theirs.
pub fn kind_of(field: &Field) -> FieldKind {
    match field.kind {
        FieldKind::Either(one, _) => by_word(one).map_or(field.kind, |f| f.kind),
        kind => kind,
    }
}

/// Operators that a field supports.
pub fn operators(field: &Field) -> &'static [Op] {
    match kind_of(field) {
        FieldKind::Count
        | FieldKind::Id
        | FieldKind::Bytes
        | FieldKind::Rate
        | FieldKind::Micros
        | FieldKind::Moment
        | FieldKind::Port => ORDER,
        FieldKind::Ip | FieldKind::User | FieldKind::Bool | FieldKind::Either(..) => EQUALITY,
        FieldKind::Addr | FieldKind::Text | FieldKind::Comm | FieldKind::Names(_) => TEXT,
    }
}

/// Describes the values that a field takes.
pub fn takes(field: &Field) -> String {
    match kind_of(field) {
        FieldKind::Count => "a number".into(),
        FieldKind::Id => "a number, decimal or 0x…".into(),
        FieldKind::Bytes => "bytes, or a number with k M G T, Ki Mi Gi Ti".into(),
        FieldKind::Rate => "bytes per second, or with k M G T, Ki Mi Gi Ti".into(),
        FieldKind::Micros => "a time with its unit: us ms s m h d".into(),
        FieldKind::Moment => "the time since then with its unit: us ms s m h d".into(),
        FieldKind::Ip => "4 or 6".into(),
        FieldKind::User => "a user name or id".into(),
        FieldKind::Addr => "an address or a network".into(),
        FieldKind::Port => "a port, 0 to 65535 or a name".into(),
        FieldKind::Text => "text".into(),
        FieldKind::Comm => "a process name".into(),
        FieldKind::Names(names) => format!("one of {}", list(names)),
        FieldKind::Bool => "yes or no".into(),
        FieldKind::Either(..) => "a value".into(),
    }
}

/// Like [`takes`], for places where the units are explained elsewhere.
pub fn takes_briefly(field: &Field) -> String {
    match kind_of(field) {
        FieldKind::Bytes => "a size".into(),
        FieldKind::Rate => "a size per second".into(),
        FieldKind::Micros => "a time".into(),
        FieldKind::Moment => "the time since then".into(),
        FieldKind::Bool => "yes or no, true or false; alone: yes".into(),
        _ => takes(field),
    }
}

/// Returns the names that a field can have, without the one that means none.
pub fn real_names(names: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    names.iter().copied().filter(|name| *name != "-")
}

fn list(names: &'static [&'static str]) -> String {
    real_names(names).collect::<Vec<_>>().join(", ")
}

/// Returns an example of a term with the field.
pub fn example(field: &Field) -> String {
    let value = match kind_of(field) {
        FieldKind::Count => "> 10",
        FieldKind::Id => "1234",
        FieldKind::Bytes => "> 10MB",
        FieldKind::Rate => "> 1MB",
        FieldKind::Micros => "> 50ms",
        FieldKind::Moment => "< 5m",
        FieldKind::Ip => "6",
        FieldKind::User => "root",
        FieldKind::Addr => "10.0.0.0/8",
        FieldKind::Port => "443",
        FieldKind::Text => "~ ^a",
        FieldKind::Comm => "curl",
        // not the first of many, which may hardly ever occur
        FieldKind::Names(names) => real_names(names).take(3).last().unwrap_or_default(),
        FieldKind::Bool => "yes",
        FieldKind::Either(..) => "",
    };
    format!("{} {value}", field.word)
}

/// Formats `` `rtt` takes a time …, like `rtt > 50ms` ``.
pub fn expected(field: &Field) -> String {
    let takes = takes(field);
    let word = field.word;
    match kind_of(field) {
        FieldKind::Names(_) | FieldKind::Bool | FieldKind::Ip => format!("`{word}` takes {takes}"),
        _ => format!("`{word}` takes {takes}, like `{}`", example(field)),
    }
}

/// Parses a value that a field is compared with: usually one literal, several for a text that abbreviates several names.
pub fn read(
    field: &'static Field,
    text: &str,
    in_quotes: bool,
    users: UidOf,
) -> Result<Vec<Literal>, Bad> {
    let bad = || {
        Bad::new(
            format!("{} is not a value of `{}`", quoted(text), field.word),
            expected(field),
        )
    };
    let one = match kind_of(field) {
        FieldKind::Addr => return Ok(nets(field, text)?.into_iter().map(Literal::Net).collect()),
        FieldKind::Names(names) => {
            let found = abbreviated(field, names, text, in_quotes)?;
            return Ok(found.into_iter().map(Literal::Name).collect());
        }
        FieldKind::Text => Literal::Text(text.to_owned()),
        FieldKind::Comm => Literal::Text(Comm::from(text).as_str().to_owned()),
        FieldKind::Bool => match (
            text.to_ascii_lowercase().as_str(),
            near_bool(text).as_slice(),
        ) {
            ("yes" | "true", _) => Literal::Bool(true),
            ("no" | "false", _) => Literal::Bool(false),
            (_, []) => return Err(bad()),
            // or the beginning of a word that is a term of its own: `preexisting tree` may become `trees`
            (_, near) => return Err(Bad::new(bad().message, did_you_mean(near)).partial(true)),
        },
        FieldKind::User => match digits(text).or_else(|| users(text)) {
            Some(uid) => Literal::Number(uid.into(), uid.into()),
            None => {
                let message = format!("no user {} on this host", quoted(text));
                return Err(Bad::new(message, expected(field)).partial(true));
            }
        },
        FieldKind::Ip => match text {
            "4" => Literal::Number(4, 4),
            "6" => Literal::Number(6, 6),
            _ => return Err(bad()),
        },
        FieldKind::Either(..) => return Err(bad()),
        kind @ (FieldKind::Micros | FieldKind::Moment) => {
            if kind == FieldKind::Micros
                && let Some(time) = with_colons(text)
            {
                let message = format!("{} has no unit", quoted(text));
                let help = format!("write `{time}`; it takes no clock times: {NO_CLOCK}");
                return Err(Bad::new(message, help));
            }
            if is_clock_time(text) {
                let message = format!("{} is a clock time", quoted(text));
                return Err(Bad::new(message, NO_CLOCK));
            }
            range(field, kind, text)?
        }
        kind => range(field, kind, text)?,
    };
    Ok(vec![one])
}

/// True for a date, a time of day, a time since 1970, and what other languages compute from `now`.
fn is_clock_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let is_date = (0..4).all(is_digit)
        && matches!(bytes.get(4), Some(b'-' | b'/'))
        && is_digit(5)
        && !text[5..].contains(char::is_alphabetic);
    let is_date = is_date || text.len() > 10 && (0..4).all(is_digit) && bytes[10] == b'T';
    let (hour, rest) = text.split_once(':').unwrap_or((text, ""));
    let is_time = is_digits(hour) && rest.starts_with(|c: char| c.is_ascii_digit());
    let is_now = text
        .get(..3)
        .is_some_and(|now| now.eq_ignore_ascii_case("now"));
    let is_epoch = is_digits(text) && (10..=19).contains(&text.len());
    is_date || is_time || is_now || is_epoch
}

/// A time in hours, minutes and seconds, or the last two of these, with its unit: `1:30` is `90s`.
fn with_colons(text: &str) -> Option<String> {
    let parts: Option<Vec<u64>> = text.split(':').map(digits).collect();
    let seconds = match parts?.as_slice() {
        [minutes, seconds @ ..60] => minutes.checked_mul(60)? + seconds,
        [hours @ ..24, minutes @ ..60, seconds @ ..60] => hours * 3600 + minutes * 60 + seconds,
        _ => return None,
    };
    Some(match seconds % 60 {
        0 => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    })
}

/// Words for yes and no.
const BOOLS: &[&str] = &["yes", "no", "true", "false"];

/// Returns the words of `BOOLS` that a word may mean: it is their beginning, or one letter off.
pub fn near_bool(word: &str) -> Vec<&'static str> {
    let lower = word.to_lowercase();
    let begins = |name: &&str| name.starts_with(&lower);
    let begun: Vec<&str> = BOOLS.iter().copied().filter(begins).collect();
    match begun.is_empty() {
        true => suggest(&lower, BOOLS.iter().copied()),
        false => begun,
    }
}

/// Parses a number, or two with a `-` between them.
fn range(field: &Field, kind: FieldKind, text: &str) -> Result<Literal, Bad> {
    let one = |text: &str| number(field, kind, text);
    // a name may have a hyphen
    let is_service = kind == FieldKind::Port && text.starts_with(char::is_alphabetic);
    // Wireshark writes two dots, iptables a colon
    let colon = || text.split_once(':').filter(|_| kind == FieldKind::Port);
    let ends = text
        .split_once('-')
        .or_else(|| text.split_once(".."))
        .or_else(colon);
    let (from, to) = match ends.filter(|_| !is_service) {
        Some((from, "")) if !from.is_empty() => {
            one(from)?;
            let message = format!("the range {} has no end", quoted(text));
            return Err(Bad::new(message, "a range looks like `8000-8100`").partial(true));
        }
        Some((from, to)) if !from.is_empty() => {
            let (low, high) = (one(from)?, one(to)?);
            if low > high {
                let message = format!("the range {} is reversed", quoted(text));
                return Err(Bad::new(message, "put the smaller number first").partial(true));
            }
            (low, high)
        }
        _ => {
            let n = one(text)?;
            (n, n)
        }
    };
    Ok(Literal::Number(from, to))
}

/// True for digits only: `str::parse` would accept `+5` too.
fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Parses a number of digits only.
pub fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok().filter(|_| is_digits(text))
}

/// Greatest number of a kind.
fn greatest(kind: FieldKind) -> u64 {
    match kind {
        FieldKind::Port => u16::MAX.into(),
        _ => u64::MAX,
    }
}

fn number(field: &Field, kind: FieldKind, text: &str) -> Result<u64, Bad> {
    let bad = |what: &str| Bad::new(format!("{} {what}", quoted(text)), expected(field));
    match kind {
        FieldKind::Bytes | FieldKind::Rate => {
            let whole = text;
            let text = match kind {
                FieldKind::Rate => text
                    .strip_suffix("/s")
                    .or_else(|| Some(&text[..text.strip_suffix("Bps")?.len() + 1]))
                    .unwrap_or(text),
                _ => text,
            };
            if kind == FieldKind::Rate
                && let Some(bytes) = of_bits(whole)
            {
                let message = format!("{} is in bits", quoted(whole));
                let word = field.word;
                let help = format!("`{word}` is in bytes: write `{word} > {bytes}`");
                return Err(Bad::new(message, help));
            }
            let short = with_short_unit(text, SPELLED_SIZES);
            let text = power(text).unwrap_or(short);
            return scaled(&text, SIZES, Some(1)).map_err(|e| unscaled(e, &text, field));
        }
        FieldKind::Micros | FieldKind::Moment => {
            let short = with_short_unit(text, SPELLED);
            return scaled(&short, TIMES, None).map_err(|e| unscaled(e, text, field));
        }
        _ => {}
    }
    let text = match kind {
        FieldKind::Port => text.strip_prefix(':').unwrap_or(text), // as in `ss`
        _ => text,
    };
    if kind == FieldKind::Port
        && let Some(port) = services::port_named(text)
    {
        return Ok(port.into());
    }
    if kind == FieldKind::Id
        && let Some(hex) = text.strip_prefix("0x")
    {
        let number = u64::from_str_radix(hex, 16).ok();
        return number
            .filter(|_| !hex.starts_with('+'))
            .ok_or_else(|| bad("is not a number").partial(hex.is_empty()));
    }
    if field.word == "netns" && text.eq_ignore_ascii_case("host") {
        let help = "`readlink /proc/1/ns/net` prints the number of this host's";
        return Err(Bad::new(format!("{} is not a number", quoted(text)), help));
    }
    let powered = power(text).filter(|_| kind == FieldKind::Count);
    let text = powered.as_deref().unwrap_or(text);
    if !is_digits(text) {
        let what = match kind {
            FieldKind::Port => "is not a port",
            _ => "is not a number",
        };
        let begun = kind == FieldKind::Port && (text.is_empty() || services::is_begun(text));
        let is_name = |c: char| c.is_alphanumeric() || "_-.".contains(c);
        if kind == FieldKind::Port
            && text.starts_with(char::is_alphabetic)
            && text.chars().all(is_name)
            && vague(text).is_none()
        {
            let message = format!("{} is not the name of a port", quoted(text));
            let help = format!(
                "write `comm {text}` for the program; a port looks like `{}`",
                example(field)
            );
            return Err(Bad::new(message, help).partial(begun));
        }
        return Err(bad(what).partial(begun));
    }
    match text.parse::<u64>() {
        Ok(n) if n <= greatest(kind) => Ok(n),
        _ => Err(bad("is too large")),
    }
}

/// A number of bits per second, like `10kbps` or `1Mbit/s`, as bytes with their unit.
pub fn of_bits(text: &str) -> Option<String> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '/');
    let unit = &text[number.len()..];
    let bits = ["bps", "bit/s", "bits/s", "bit", "bits"];
    let prefix = bits.iter().find_map(|bits| unit.strip_suffix(bits))?;
    let scale = match prefix {
        "" => 1.0,
        "k" | "K" => 1e3,
        "m" | "M" => 1e6,
        "g" | "G" => 1e9,
        _ => return None,
    };
    let bytes = number.parse::<f64>().ok().filter(|n| n.is_finite())? * scale / 8.0;
    Some(match bytes {
        1e9.. => format!("{}GB", bytes / 1e9),
        1e6.. => format!("{}MB", bytes / 1e6),
        1e3.. => format!("{}kB", bytes / 1e3),
        _ => format!("{}B", bytes.ceil()),
    })
}

/// Units of time in full, as people write them after a number, and the short ones.
const SPELLED: &[(&[&str], &str)] = &[
    (&["msec", "millisecond", "milliseconds"], "ms"),
    (&["sec", "secs", "second", "seconds"], "s"),
    (&["mins", "minute", "minutes"], "m"),
    (&["hour", "hours"], "h"),
    (&["day", "days"], "d"),
];

/// Units of size in full, and the short ones.
const SPELLED_SIZES: &[(&[&str], &str)] = &[
    (&["byte", "bytes"], "B"),
    (&["kilobyte", "kilobytes", "kbyte", "kbytes"], "kB"),
    (&["megabyte", "megabytes", "mbyte", "mbytes"], "MB"),
    (&["gigabyte", "gigabytes", "gbyte", "gbytes"], "GB"),
    (&["kibibyte", "kibibytes"], "KiB"),
    (&["mebibyte", "mebibytes"], "MiB"),
    (&["gibibyte", "gibibytes"], "GiB"),
];

/// The whole number that a power of ten stands for: `1e6`.
fn power(text: &str) -> Option<Cow<'static, str>> {
    let (digits, exponent) = text.split_once(['e', 'E'])?;
    let is_it = is_digits(exponent.trim_start_matches('+')) && !digits.is_empty();
    let is_number = digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    let number: f64 = text.parse().ok().filter(|_| is_it && is_number)?;
    (number < 1e18).then(|| format!("{}", number as u64).into())
}

/// True for a unit of size or of time, unless it is a single letter.
pub fn is_unit(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let spelled = SPELLED.iter().chain(SPELLED_SIZES).map(|(words, _)| *words);
    let short = TIMES.iter().chain(SIZES).map(|(words, _)| *words);
    lower.len() > 1
        && spelled
            .chain(short)
            .any(|words| words.contains(&lower.as_str()))
}

/// A number with its unit in short.
fn with_short_unit<'t>(text: &'t str, spelled: &[(&[&str], &str)]) -> Cow<'t, str> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text[number.len()..].to_ascii_lowercase();
    let found = spelled
        .iter()
        .find(|(words, _)| words.contains(&unit.as_str()));
    found.map_or(text.into(), |(_, short)| format!("{number}{short}").into())
}

/// Converts an error about a number and its unit.
fn unscaled(why: Unscaled, text: &str, field: &Field) -> Bad {
    let number = text;
    let text = quoted(text);
    let help = match why {
        Unscaled::NoUnit => with_units(number, field),
        _ => None,
    };
    let (message, partial) = match why {
        Unscaled::NotANumber(partial) => (format!("{text} is not a number with a unit"), partial),
        Unscaled::NoUnit => (format!("{text} has no unit"), true),
        Unscaled::Unit(unit, partial) => {
            (format!("{text}: unknown unit {}", quoted(&unit)), partial)
        }
        Unscaled::Fraction => (format!("{text} is less than the smallest unit"), true),
        Unscaled::TooGreat => (format!("{text} is too large"), false),
    };
    Bad::new(message, help.unwrap_or_else(|| expected(field))).partial(partial)
}

/// Advice for a time without its unit. Fractions are of seconds in other tools.
fn with_units(number: &str, field: &Field) -> Option<String> {
    let is_number = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let number = Some(number).filter(|_| is_number)?;
    let seconds = scaled(&format!("{number}s"), TIMES, None).ok()?;
    let units = match field.word {
        "duration" | "ended" => ["s", "m"],
        _ => ["ms", "s"],
    };
    let written = match seconds {
        ..1_000_000 => format!("`{}`", duration_text(Duration::from_micros(seconds))),
        _ => units.map(|unit| format!("`{number}{unit}`")).join(" or "),
    };
    let word = field.word;
    Some(format!(
        "`{word}` takes a time with its unit: write {written}"
    ))
}

/// Parses an address or a network, also written as `localhost` or `10.0.*`.
pub fn nets(field: &Field, text: &str) -> Result<Vec<Net>, Bad> {
    if let Some(nets) = localhost(text).or_else(|| Some(vec![with_stars(text)?])) {
        return Ok(nets);
    }
    Ok(vec![net(field, text)?])
}

/// Parses an IPv4 network whose last bytes are stars, or are left out, as tcpdump takes them: `10.1.*`, `10.1.x`, `10.1`.
fn with_stars(text: &str) -> Option<Net> {
    let text = &text.replace(".x", ".*");
    let bytes = text.trim_end_matches(".*");
    let count = bytes.split('.').count();
    let stars = (text.len() - bytes.len()) / 2;
    // one number by itself is more likely a port
    if count > 3 || count + stars > 4 || count == 1 && stars == 0 {
        return None;
    }
    let addr = format!("{bytes}{}", ".0".repeat(4 - count));
    Net::new(addr.parse::<Ipv4Addr>().ok()?.into(), 8 * count as u8)
}

fn net(field: &Field, text: &str) -> Result<Net, Bad> {
    let message = format!("{} is not an address", quoted(text));
    let bare = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .unwrap_or(text);
    let (addr, bits) = match bare.split_once('/') {
        Some((addr, bits)) => (addr, Some(bits)),
        None => (bare, None),
    };
    let Ok(addr) = addr.parse::<IpAddr>() else {
        let begun = bare
            .chars()
            .all(|c| c.is_ascii_hexdigit() || ".:[".contains(c));
        let side = match field.word {
            "laddr" => "src port",
            "raddr" => "dst port",
            _ => "port",
        };
        let help = match services::port_named(bare) {
            Some(port) => {
                format!("write `{side} {bare}` for port {port}, or `comm {bare}` for the process")
            }
            None if is_like_host(bare) => NO_HOSTS.to_owned(),
            None => expected(field),
        };
        return Err(Bad::new(message, help).partial(begun));
    };
    let Some(bits) = bits else {
        return Ok(Net::host(addr));
    };
    let most = if addr.is_ipv4() { 32 } else { 128 };
    let mask = bits.parse::<Ipv4Addr>().map(Ipv4Addr::to_bits);
    let mask = mask
        .ok()
        .filter(|m| addr.is_ipv4() && m.count_ones() == m.leading_ones());
    mask.map(|mask| mask.leading_ones() as u8)
        .or_else(|| digits(bits))
        .and_then(|bits| Net::new(addr, bits))
        .ok_or_else(|| {
            let message = format!("{} is not a network", quoted(text));
            Bad::new(
                message,
                format!("the prefix length is 0 to {most}, like `{addr}/{most}`"),
            )
            .partial(bits.is_empty())
        })
}

/// Help for the name of a host where an address should be.
pub const NO_HOSTS: &str = "names are not resolved: write an address";

/// True for text like the name of a host.
pub fn is_like_host(text: &str) -> bool {
    text.contains('.') && text.contains(|c: char| c.is_alphabetic() && !c.is_ascii_hexdigit())
}

/// True if a text begins a name, or one of its parts: `res` begins `local-reset`.
pub fn is_begun(name: &str, text: &str) -> bool {
    let parts = name
        .match_indices(['-', ' '])
        .map(|(at, _)| &name[at + 1..]);
    !text.is_empty()
        && [name]
            .into_iter()
            .chain(parts)
            .any(|part| part.starts_with(text))
}

/// The other names that end with one, as `connect-timeout` does with `timeout`: without quotes, it stands for them, too.
fn others_of_kind<'n>(
    field: &Field,
    name: &'n str,
) -> impl Iterator<Item = &'static str> + use<'n> {
    let names = match kind_of(field) {
        FieldKind::Names(names) => names,
        _ => &[],
    };
    let ends = move |n: &&str| n.strip_suffix(name).is_some_and(|n| n.ends_with('-'));
    real_names(names).filter(ends)
}

/// A name as a value that stands for no other one.
pub fn exactly(field: &Field, name: &str) -> String {
    match others_of_kind(field, name).next() {
        Some(_) => in_quotes(name),
        None => name.to_owned(),
    }
}

/// Finds the names that a text stands for: the one that it is, else all that it begins, else the one that it is nearly.
fn abbreviated(
    field: &Field,
    names: &'static [&'static str],
    text: &str,
    in_quotes: bool,
) -> Result<Vec<&'static str>, Bad> {
    let lower = text.to_lowercase().replace(['_', ' '], "-");
    let word = || name_of_word(names, &text.to_lowercase());
    let all = || real_names(names);
    if let Some(name) = all().find(|n| n.eq_ignore_ascii_case(&lower)) {
        let others = others_of_kind(field, name).filter(|_| !in_quotes);
        return Ok([name].into_iter().chain(others).collect());
    }
    if let Some(name) = word() {
        return Ok(vec![name]);
    }
    // names of others have capitals, and the numbers of states are none of these
    let is_number = text.bytes().all(|b| b.is_ascii_digit());
    let begun = all().filter(|_| !is_number).filter(|n| {
        let is_shown_so = word_of_name(n).is_some_and(|word| is_begun(word, &lower));
        is_shown_so || is_begun(&n.to_lowercase(), &lower)
    });
    let begun: Vec<&str> = begun.collect();
    if !begun.is_empty() && !in_quotes {
        return Ok(begun);
    }
    let message = format!("{} is not a value of `{}`", quoted(text), field.word);
    if let Some((why, cure)) = never(text) {
        let help = match cure {
            "" => why.to_owned(),
            cure => format!("{why}: {cure}"),
        };
        return Err(Bad::new(message, help));
    }
    let within: Vec<&str> = all()
        .filter(|n| lower.len() > 2 && n.contains(&lower))
        .collect();
    let near = match within.is_empty() {
        true => suggest(&lower, all()),
        false => within,
    };
    // `ETIMEDOUT` is no misspelled `timeout`
    let is_phrase = || is_of_reasons(field) && phrase(text).is_some();
    match near.as_slice() {
        [] => {
            let meant = vague(text).filter(|_| is_of_reasons(field));
            let help = meant.map_or_else(|| format!("use one of {}", list(names)), str::to_owned);
            Err(Bad::new(message, help))
        }
        [only] if !in_quotes && !is_phrase() => Ok(vec![only]),
        near => Err(Bad::new(message, did_you_mean(near))),
    }
}

/// The name that a misspelled one was taken for.
pub fn mended_name(field: &Field, text: &str) -> Option<&'static str> {
    let FieldKind::Names(names) = kind_of(field) else {
        return None;
    };
    let lower = text.to_lowercase().replace('_', "-");
    let found = abbreviated(field, names, text, false).ok()?;
    let [only] = found.as_slice() else {
        return None;
    };
    let is_meant = only.to_lowercase().contains(&lower)
        || name_of_word(names, &text.to_lowercase()).is_some()
        || word_of_name(only).is_some_and(|word| is_begun(word, &lower));
    (!is_meant).then_some(only)
}

/// Formats `` did you mean `a`, `b` or `c`? ``
pub fn did_you_mean(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    match names.split_last() {
        Some((last, [])) => format!("{SUGGESTION}{last}?"),
        Some((last, rest)) => format!("{SUGGESTION}{} or {last}?", rest.join(", ")),
        None => String::new(),
    }
}

/// Checks a regular expression.
pub fn regex(pattern: &str) -> Result<(), Bad> {
    let help = "escape literal special characters with `\\`";
    let parsed = regex_syntax::ast::parse::ParserBuilder::new()
        .nest_limit(50)
        .build()
        .parse(pattern);
    if let Err(e) = parsed {
        use regex_syntax::ast::ErrorKind as E;
        let mut bad = Bad::new(format!("bad regular expression: {}", e.kind()), help);
        bad.at = Some(e.span().start.offset..e.span().end.offset);
        bad.partial = matches!(
            e.kind(),
            E::ClassUnclosed
                | E::GroupUnclosed
                | E::GroupNameUnexpectedEof
                | E::FlagUnexpectedEof
                | E::EscapeUnexpectedEof
                | E::RepetitionCountUnclosed
        );
        return Err(bad);
    }
    match build_regex(pattern) {
        Ok(_) => Ok(()),
        Err(regex::Error::CompiledTooBig(_)) => Err(Bad::new(
            "the regular expression is too large".into(),
            "nested repetitions multiply",
        )),
        // valid syntax with an invalid meaning: an unknown Unicode class
        Err(_) => Err(Bad::new(
            "bad regular expression: unknown class".into(),
            help,
        )),
    }
}

pub fn build_regex(pattern: &str) -> Result<regex::Regex, regex::Error> {
    regex::RegexBuilder::new(pattern)
        .size_limit(REGEX_BYTES)
        .dfa_size_limit(REGEX_BYTES)
        .nest_limit(50)
        .build()
}
