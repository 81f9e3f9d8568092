//! The part of a filter that the kernel decides: what the expression implies about process, namespace, ports and
//! family.
//!
//! The capture filter accepts at least what the expression matches; the whole expression is evaluated on what the
//! kernel reports.

use crate::filter::eval::{ends, ranges};
use crate::filter::expr::{Expr, Literal, Term};
use crate::model::capture_filter::{CaptureFilter, Family, PortSet};
use crate::model::fields::Field;

/// Returns the narrowest capture filter known to accept every match of the expression, or if `negated`, of its
/// negation.
pub fn pushdown(expr: &Expr, negated: bool) -> CaptureFilter {
    match (expr, negated) {
        (Expr::All(parts), false) | (Expr::Any(parts), true) => intersection(parts, negated),
        (Expr::Any(parts), false) | (Expr::All(parts), true) => union(parts, negated),
        (Expr::Not(part), negated) => pushdown(part, !negated),
        (Expr::Term(Term::Words(_)), _) => CaptureFilter::default(),
        (Expr::Term(Term::Compare { field, op, values }), negated) => {
            let negated = negated != op.is_negative();
            let captures = ends(field).map(|end| match values.first() {
                Some(Literal::Number(..)) => by_number(end, &ranges(*op, values), negated),
                Some(Literal::Net(_)) => by_net(end, values, negated),
                _ => CaptureFilter::default(),
            });
            // either end may match; if negated, neither may
            captures
                .reduce(|a, b| match negated {
                    false => a.union(&b),
                    true => a.intersection(&b),
                })
                .unwrap_or_default()
        }
    }
}

/// True if the capture filter of [`pushdown`] is known to accept only matches, so that the kernel decides the whole
/// expression. False if this is not certain: for alternatives (an "or", or a negated "and"), which may accept more, and
/// for more than one condition on "either end", because a capture filter has only one.
pub fn is_whole(expr: &Expr) -> bool {
    demands(expr, false).is_some_and(|of_either_end| of_either_end <= 1)
}

/// Number of conditions on "either end" in what the kernel decides; `None` if it does not decide all.
fn demands(expr: &Expr, negated: bool) -> Option<usize> {
    match (expr, negated) {
        (Expr::All(parts), false) | (Expr::Any(parts), true) => {
            parts.iter().map(|part| demands(part, negated)).sum()
        }
        (Expr::Any(_), false) | (Expr::All(_), true) | (Expr::Term(Term::Words(_)), _) => None,
        (Expr::Not(part), negated) => demands(part, !negated),
        (Expr::Term(Term::Compare { field, op, values }), negated) => {
            let negated = negated != op.is_negative();
            let ranges = ranges(*op, values);
            let is_decided = ends(field).all(|end| match (end.word, &ranges[..]) {
                ("ip" | "rport", _) => true,
                // no comparison matches an unknown port, which is 0 to the kernel
                ("lport", ranges) => negated || ranges.first().is_none_or(|&(from, _)| from > 0),
                ("pid" | "netns", &[(n, to)]) => n == to && n > 0 && !negated,
                _ => false,
            });
            let is_of_either_end = !negated && ends(field).count() > 1;
            is_decided.then_some(usize::from(is_of_either_end))
        }
    }
}

fn intersection(parts: &[Expr], negated: bool) -> CaptureFilter {
    parts.iter().fold(CaptureFilter::default(), |sum, part| {
        sum.intersection(&pushdown(part, negated))
    })
}

fn union(parts: &[Expr], negated: bool) -> CaptureFilter {
    parts.iter().fold(CaptureFilter::nothing(), |sum, part| {
        sum.union(&pushdown(part, negated))
    })
}

fn by_number(field: &Field, ranges: &[(u64, u64)], negated: bool) -> CaptureFilter {
    if ranges.is_empty() && !negated {
        return CaptureFilter::nothing(); // `pid < 0`
    }
    let holds = |n: u64| ranges.iter().any(|&(from, to)| (from..=to).contains(&n)) != negated;
    match (field.word, ranges) {
        // the kernel takes a single one of these, and 0 means any to it
        ("pid" | "netns", &[(n, to)]) if n == to && n > 0 && !negated => {
            let Ok(n) = u32::try_from(n) else {
                return CaptureFilter::nothing();
            };
            let is_pid = field.word == "pid";
            CaptureFilter {
                pid: is_pid.then_some(n),
                netns: (!is_pid).then_some(n),
                ..CaptureFilter::default()
            }
        }
        ("ip", _) => match (holds(4), holds(6)) {
            (true, true) => CaptureFilter::default(),
            (true, false) => family(Family::V4),
            (false, true) => family(Family::V6),
            (false, false) => CaptureFilter::nothing(),
        },
        ("lport", _) => {
            let mut ports = ports(ranges, negated);
            if negated {
                // port 0 is an unknown port, which no comparison matches and so any negation does
                ports = ports.union(&PortSet::from_ranges([(0, 0)]));
            }
            CaptureFilter {
                lports: (!ports.is_everything()).then_some(ports),
                ..CaptureFilter::default()
            }
        }
        ("rport", _) => {
            let ports = ports(ranges, negated);
            CaptureFilter {
                rports: (!ports.is_everything()).then_some(ports),
                ..CaptureFilter::default()
            }
        }
        _ => CaptureFilter::default(),
    }
}

/// Returns the ports in these ranges, or if `negated` those between them.
fn ports(ranges: &[(u64, u64)], negated: bool) -> PortSet {
    let port = |n: u64| u16::try_from(n).unwrap_or(u16::MAX);
    let within = ranges
        .iter()
        .filter(|&&(from, _)| from <= u16::MAX.into())
        .map(|&(from, to)| (port(from), port(to)));
    if !negated {
        return PortSet::from_ranges(within);
    }
    let mut between = Vec::new();
    let mut next = Some(0);
    for (from, to) in within {
        if let (Some(start), Some(end)) = (next, from.checked_sub(1)) {
            between.push((start, end));
        }
        next = to.checked_add(1);
    }
    between.extend(next.map(|start| (start, u16::MAX)));
    PortSet::from_ranges(between)
}

/// Both addresses of a session are of its family.
fn by_net(field: &Field, values: &[Literal], negated: bool) -> CaptureFilter {
    if negated || !["laddr", "raddr"].contains(&field.word) {
        return CaptureFilter::default();
    }
    let is_v4 = |v: &Literal| matches!(v, Literal::Net(net) if net.is_ipv4());
    let v4 = values.iter().filter(|v| is_v4(v)).count();
    match v4 {
        0 => family(Family::V6),
        n if n == values.len() => family(Family::V4),
        _ => CaptureFilter::default(),
    }
}

fn family(family: Family) -> CaptureFilter {
    CaptureFilter {
        family: Some(family),
        ..CaptureFilter::default()
    }
}

#[cfg(test)]
mod tests {
    use crate::filter::Filter;

    #[test]
    fn pushdown_puts_supported_conditions_into_the_capture_filter() {
        let long = "pid 7 and lport 1-1023 and rport >= 1024 and raddr 10.0.0.0/8 and rtt > 1ms";
        for (filter, capture) in [
            ("", "everything"),
            ("pid 7", "pid 7"),
            ("pid 7,8", "everything"),
            ("pid 7 or pid 8", "everything"),
            ("pid 7 or pid 7 and curl", "pid 7"),
            ("pid 7 pid 8", "nothing"),
            ("pid 0", "everything"),
            ("pid 4294967296", "nothing"),
            ("pid > 4", "everything"),
            ("pid < 0", "nothing"),
            ("not pid 7", "everything"),
            ("netns 4026531840", "netns 4026531840"),
            ("netns 0x10 pid 7", "pid 7 and netns 16"),
            ("netns 1,2", "everything"),
            ("netns 1 netns 2", "nothing"),
            ("netns 1 or curl", "everything"),
            ("not netns 1", "everything"),
            ("ip 4", "IPv4"),
            ("ip 4,6", "everything"),
            ("ip != 4", "IPv6"),
            ("ip 4 and ip 6", "nothing"),
            ("raddr 10.0.0.0/8", "IPv4"),
            ("addr fe80::/10", "IPv6"),
            ("addr 10.0.0.1,::1", "everything"),
            ("raddr != 10.0.0.0/8", "everything"),
            ("raddr ::ffff:10.0.0.1", "IPv4"),
            ("lport 22,80,8000-8100", "lport 22,80,8000-8100"),
            ("lport 22 or lport 80", "lport 22,80"),
            ("lport 22 or rport 80", "port 22,80"),
            ("port 22 or rport 80", "port 22,80"),
            ("port 22,80 and port 80", "port 80"),
            ("port 22 and port 80", "port 22"),
            ("port 22 or curl", "everything"),
            ("port 443 and lport 1-99", "lport 1-99 and port 443"),
            ("port > 0", "port 1-65535"),
            ("lport > 1023", "lport 1024-65535"),
            ("lport > 65535", "nothing"),
            ("lport >= 0", "everything"),
            ("rport != 443", "rport 0-442,444-65535"),
            ("not rport 443", "rport 0-442,444-65535"),
            ("not not rport 443", "rport 443"),
            ("not lport >= 1", "lport 0"),
            ("not lport 0-100", "lport 0,101-65535"),
            ("port 443", "port 443"),
            (
                "port != 443",
                "lport 0-442,444-65535 and rport 0-442,444-65535",
            ),
            (
                "not (lport 1-65535 or rport 0-99)",
                "lport 0 and rport 100-65535",
            ),
            ("443", "everything"),
            (":443", "port 443"),
            ("10.0.0.1:443", "IPv4 and port 443"),
            ("dst 10.0.0.1:443", "IPv4 and rport 443"),
            ("addr != 10.0.0.1:443", "everything"),
            ("10.0.0.0/8", "IPv4"),
            ("tcp port 80", "port 80"),
            ("not tcp", "nothing"),
            ("ipv6", "IPv6"),
            ("src port 22", "lport 22"),
            ("open", "everything"),
            ("comm curl", "everything"),
            ("curl and ip 6", "IPv6"),
            ("curl or ip 6", "everything"),
            ("rtt < 0", "nothing"),
            ("rport 443 or rtt < 0", "rport 443"),
            (long, "pid 7 and IPv4 and lport 1-1023 and rport 1024-65535"),
        ] {
            let parsed = Filter::parse(filter).expect(filter);
            assert_eq!(parsed.capture().to_string(), capture, "{filter}");
        }
    }

    #[test]
    fn pushdown_knows_which_filters_the_kernel_decides_completely() {
        for (filter, is_whole) in [
            ("", true),
            ("pid 7 and lport 22,80 and ip 4", true),
            ("netns 4026531840 rport != 443", true),
            ("port != 443", true),
            ("not (lport 1-1023 or rport 443)", true),
            ("port 443", true),
            ("port 443 and lport 1-1023", true),
            ("port 443 and port 80", false),
            ("port 0-99", false),
            ("pid 7,8", false),
            ("not pid 7", false),
            ("pid 7 and curl", false),
            ("lport 22 and rtt > 1ms", false),
            ("raddr 10.0.0.0/8", false),
            ("lport 22 or rport 80", false),
        ] {
            let parsed = Filter::parse(filter).expect(filter);
            assert_eq!(parsed.is_decided_by_capture(), is_whole, "{filter}");
        }
    }
}
