//! Properties of any filter and any session, checked on generated expressions and sessions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::FileFailurePersistence;

use super::*;
use crate::filter::expr::{Expr, Literal, Net, Op, Term};
use crate::filter::literal::{kind_of, operators, real_names};
use crate::model::capture_filter::CaptureFilter;
use crate::model::fields::{FIELDS, Field, FieldKind};
use crate::model::session::{Age, Comm, Direction, Evidence, Reason, Session, State};

/// Few values, so that expressions often match, and the extremes.
const PORTS: &[u16] = &[0, 1, 22, 80, 443, 8080, 65534, 65535];
const NUMBERS: &[u64] = &[0, 1, 4, 6, 7, 8, 22, 443, 1000, 65535, 65536, u64::MAX];
const TEXTS: &[&str] = &[
    "curl",
    "sshd",
    "Web Content",
    "a\"b\\c",
    "",
    "and",
    "port",
    "ä日",
];
const V4: &[[u8; 4]] = &[
    [0; 4],
    [10, 0, 0, 1],
    [10, 0, 0, 2],
    [192, 168, 1, 1],
    [255; 4],
];

fn config(name: &'static str) -> ProptestConfig {
    ProptestConfig {
        cases: 2000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(name))),
        ..ProptestConfig::default()
    }
}

/// True if the field takes `<`, and so ranges.
fn is_ordered(field: &Field) -> bool {
    operators(field).contains(&Op::Lt)
}

fn addr_v4() -> impl Strategy<Value = IpAddr> {
    select(V4).prop_map(|octets| Ipv4Addr::from(octets).into())
}

fn addr_v6() -> impl Strategy<Value = IpAddr> {
    select(&[0_u128, 1, 0xfe80 << 112, (0xfe80 << 112) + 1, u128::MAX][..])
        .prop_map(|bits| Ipv6Addr::from_bits(bits).into())
}

fn net() -> impl Strategy<Value = Literal> {
    let of = |addr: BoxedStrategy<IpAddr>, most: u8| {
        (addr, prop_oneof![Just(0), Just(most), 0..=most])
            .prop_map(|(addr, bits)| Literal::Net(Net::new(addr, bits).expect("a network")))
    };
    prop_oneof![of(addr_v4().boxed(), 32), of(addr_v6().boxed(), 128)]
}

fn number(field: &'static Field) -> BoxedStrategy<Literal> {
    let one = match kind_of(field) {
        FieldKind::Port => select(PORTS).prop_map(u64::from).boxed(),
        FieldKind::Ip => select(&[4, 6][..]).boxed(),
        FieldKind::User => select(&[0_u64, 7, 4_294_967_295][..]).boxed(),
        _ => select(NUMBERS).boxed(),
    };
    if !is_ordered(field) {
        return one.prop_map(|n| Literal::Number(n, n)).boxed();
    }
    (one.clone(), one, any::<bool>())
        .prop_map(|(a, b, range)| match range {
            true => Literal::Number(a.min(b), a.max(b)),
            false => Literal::Number(a, a),
        })
        .boxed()
}

fn literal(field: &'static Field, op: Op) -> BoxedStrategy<Literal> {
    if op.takes_regex() {
        return select(&["^c", "c", "(?i)WEB", "[()]", "^1.*", "a b", "\\d", ""][..])
            .prop_map(|r| Literal::Regex(r.to_owned()))
            .boxed();
    }
    match kind_of(field) {
        FieldKind::Addr => net().boxed(),
        FieldKind::Names(names) => select(real_names(names).collect::<Vec<_>>())
            .prop_map(Literal::Name)
            .boxed(),
        FieldKind::Bool => any::<bool>().prop_map(Literal::Bool).boxed(),
        // a text without digits is refused
        FieldKind::Text if field.word == "pod" => select(&["8f3c", "web 1", "a\"7\\c"][..])
            .prop_map(|t| Literal::Text(t.to_owned()))
            .boxed(),
        FieldKind::Text | FieldKind::Comm => select(TEXTS)
            .prop_map(|t| Literal::Text(t.to_owned()))
            .boxed(),
        _ => number(field),
    }
}

fn compare() -> impl Strategy<Value = Expr> {
    // favor what the kernel can decide
    let captured: Vec<&Field> = FIELDS
        .iter()
        .filter(|f| {
            [
                "pid", "netns", "ip", "lport", "rport", "port", "laddr", "raddr", "addr",
            ]
            .contains(&f.word)
        })
        .collect();
    let field = prop_oneof![3 => select(captured), 1 => select(FIELDS.iter().collect::<Vec<_>>())];
    field
        .prop_flat_map(|field| (Just(field), select(operators(field))))
        .prop_flat_map(|(field, op)| {
            let most = if matches!(op, Op::Eq | Op::Ne) { 3 } else { 1 };
            let values = prop::collection::vec(literal(field, op), 1..=most);
            values.prop_map(move |mut values| {
                if most == 1
                    && let Literal::Number(from, _) = values[0]
                {
                    values[0] = Literal::Number(from, from);
                }
                Expr::Term(Term::Compare { field, op, values })
            })
        })
}

fn words() -> impl Strategy<Value = Expr> {
    let word = select(TEXTS).prop_filter("an empty word is none", |t| !t.is_empty());
    prop::collection::vec(word.prop_map(str::to_owned), 1..3)
        .prop_map(|words| Expr::Term(Term::Words(words)))
}

fn expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![6 => compare(), 1 => words()];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::all),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Any),
            inner.prop_map(|e| Expr::Not(Box::new(e))),
        ]
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    expr().prop_map(|expr| Filter::new("", expr).expect("its regular expressions are right"))
}

fn session() -> impl Strategy<Value = Session> {
    let addrs = prop_oneof![(addr_v4(), addr_v4()), (addr_v6(), addr_v6())];
    (
        addrs,
        (select(PORTS), select(PORTS)),
        select(TEXTS),
        select(Evidence::ALL),
        select(&[1_u32, 7, 8, 443][..]),
        (
            select(State::ALL),
            select(Reason::ALL),
            select(Direction::ALL),
        ),
        (select(NUMBERS), select(NUMBERS), any::<bool>()),
    )
        .prop_map(
            |((laddr, raddr), (lport, rport), comm, owner, pid, (state, reason, direction), n)| {
                let mut s = crate::testing::sample::closed_session();
                (s.laddr, s.raddr, s.lport, s.rport) = (laddr, raddr, lport, rport);
                (s.comm, s.owner) = (Comm::from(comm), owner);
                s.pid = if owner == Evidence::None { 0 } else { pid };
                (s.state, s.reason, s.direction) = (state, reason, direction);
                let is_preexisting;
                (s.tx_bytes, s.rx_bytes, is_preexisting) = n;
                s.age = if is_preexisting {
                    Age::LowerBound
                } else {
                    Age::Exact
                };
                s
            },
        )
}

fn capture() -> impl Strategy<Value = CaptureFilter> {
    filter().prop_map(|f| f.capture())
}

proptest! {
    #![proptest_config(config("tests/filter/regressions/capture.txt"))]

    #[test]
    fn capture_filter_accepts_every_session_that_the_filter_matches(f in filter(), s in session()) {
        prop_assert!(!f.matches(&s) || f.capture().accepts(&s), "{}: {}", f.canonical(), f.capture());
    }

    #[test]
    fn closed_session_never_matches_filter_that_only_open_ones_can(f in filter(), s in session()) {
        let reason = if s.reason == Reason::Open { Reason::Unknown } else { s.reason };
        let closed = Session { state: State::Closed, reason, ..s };
        prop_assert!(!f.matches(&closed) || f.can_match_closed(), "{}", f.canonical());
    }

    #[test]
    fn filter_decided_by_the_capture_filter_matches_the_same_sessions(f in filter(), s in session()) {
        let same = f.matches(&s) == f.capture().accepts(&s);
        prop_assert!(!f.is_decided_by_capture() || same, "{}: {}", f.canonical(), f.capture());
    }

    #[test]
    fn capture_intersection_and_union_accept_the_expected_sessions(a in capture(), b in capture(), s in session()) {
        let both = a.accepts(&s) && b.accepts(&s);
        let narrowed = a.intersection(&b);
        prop_assert!(!both || narrowed.accepts(&s), "{} with {}", a, b);
        // only one condition on ports of either end can be kept
        let is_exact = a.ports.is_none() || b.ports.is_none();
        prop_assert!(both || !narrowed.accepts(&s) || !is_exact, "{} with {}", a, b);
        let either = a.accepts(&s) || b.accepts(&s);
        prop_assert!(!either || a.union(&b).accepts(&s), "{} or {}", a, b);
    }
}

/// Terms without a field, values that say more than their field, and words of other tools.
fn shorthand() -> impl Strategy<Value = String> {
    let addr = prop_oneof![addr_v4(), addr_v6()];
    let forms = select(
        &[
            "P",
            "P,443",
            "P-65535",
            ":P",
            "A:P",
            "*:P",
            "A/8",
            "A%eth1",
            "localhost",
            "10.0.*",
            "src A:P",
            "dst A:P",
            "dst :P",
            "src P",
            "addr A:P,A",
            "addr != A:P",
            "raddr A:P,10.0.0.1:443",
            "src port P",
            "sport = :P",
            "host A",
            "ip A",
            "tcp.port == P",
            "tcp port P",
            "tcp",
            "open",
            "closed",
            "failed",
            "ipv4",
            "ip6",
            "inbound",
            "state open",
            "status open",
            "status closed",
            "state != open",
            "state refused",
            "reason re",
            "reason != fin",
            "status established,re",
            "port not P",
            "port:P",
            "-p P",
            "pid curl",
            "comm c*",
            "comm != c*",
            "cur*",
        ][..],
    );
    (forms, addr, select(PORTS)).prop_map(|(form, addr, port)| {
        let addr = match addr {
            IpAddr::V6(addr) if form.contains("A:") => format!("[{addr}]"),
            addr => addr.to_string(),
        };
        form.replace('A', &addr).replace('P', &port.to_string())
    })
}

/// Shorthands joined and negated in every way.
fn shorthands() -> impl Strategy<Value = String> {
    shorthand().prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) or ({b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}

proptest! {
    #![proptest_config(config("tests/filter/regressions/shorthand.txt"))]

    #[test]
    fn capture_filter_accepts_every_session_that_a_shorthand_matches(text in shorthands(), s in session()) {
        let f = Filter::parse(&text).map_err(|e| TestCaseError::fail(e.report()))?;
        prop_assert!(!f.matches(&s) || f.capture().accepts(&s), "{}: {}", text, f.capture());
        let same = f.matches(&s) == f.capture().accepts(&s);
        prop_assert!(!f.is_decided_by_capture() || same, "{}: {}", text, f.capture());
        let reason = if s.reason == Reason::Open { Reason::Unknown } else { s.reason };
        let closed = Session { state: State::Closed, reason, ..s };
        prop_assert!(!f.matches(&closed) || f.can_match_closed(), "{}", text);
        let canonical = f.canonical();
        prop_assert_eq!(&Filter::parse(&canonical).expect("a filter"), &f, "{}", canonical);
    }
}

proptest! {
    #![proptest_config(config("tests/filter/regressions/language.txt"))]

    #[test]
    fn expr_written_and_parsed_is_unchanged(e in expr()) {
        let text = e.to_string();
        match Filter::parse(&text) {
            Ok(read) => prop_assert_eq!(read.expr, e, "{}", text),
            Err(error) => prop_assert!(false, "{}", error.report()),
        }
    }

    #[test]
    fn not_matches_exactly_the_other_sessions(e in expr(), s in session()) {
        let filter = |e: Expr| Filter::new("", e).expect("a filter");
        let (is, not) = (filter(e.clone()), filter(Expr::Not(Box::new(e))));
        // a lower bound may be enough for neither
        let undecided = is.leaves_undecided(&s);
        prop_assert_eq!(undecided, not.leaves_undecided(&s));
        prop_assert_eq!(not.matches(&s), !is.matches(&s) && !undecided);
    }

    #[test]
    fn de_morgan_law_holds(a in expr(), b in expr(), s in session()) {
        // two bounds of either end are one term
        let both = Expr::all(vec![a.clone(), b.clone()]);
        prop_assume!(matches!(both, Expr::All(parts) if parts.len() == 2));
        let matches = |text: String| Filter::parse(&text).expect("a filter").matches(&s);
        prop_assert_eq!(
            matches(format!("not (({a}) and ({b}))")),
            matches(format!("(not ({a})) or not ({b})"))
        );
    }

    #[test]
    fn and_matches_what_both_filters_match(e in expr(), s in session()) {
        let filter = Filter::parse(&e.to_string()).expect("a filter");
        let narrow = filter.and("port 443").expect("a filter");
        let both = filter.matches(&s) && Filter::parse("port 443").expect("a filter").matches(&s);
        prop_assert_eq!(narrow.matches(&s), both, "{}", narrow.source());
        prop_assert_eq!(narrow.and("port 443").expect("a filter"), narrow);
    }

    #[test]
    fn opposite_comparisons_of_a_known_value_match_exactly_one(
        field in select(FIELDS.iter().filter(|f| is_ordered(f)).collect::<Vec<_>>()),
        s in session(),
        n in select(PORTS),
    ) {
        prop_assume!(!matches!(field.kind, FieldKind::Either(..)));
        let has_unit = matches!(field.kind, FieldKind::Micros | FieldKind::Moment);
        let unit = if has_unit { "us" } else { "" };
        let matches = |op: &str| {
            let text = format!("{} {op} {n}{unit}", field.word);
            Filter::parse(&text).expect("a filter").matches(&s)
        };
        let known = (field.get)(&s) != crate::model::fields::Value::Missing;
        if field.is_bound_of(&s) {
            prop_assert!(!matches("<") && !matches("<=") && !matches("="));
            return Ok(());
        }
        prop_assert_eq!(matches("<") ^ matches(">="), known);
        prop_assert_eq!(matches("<=") ^ matches(">"), known);
        prop_assert_eq!(matches("="), matches("<=") && matches(">="));
        prop_assert!(matches("=") ^ matches("!="));
    }
}

#[test]
fn and_source_parses_to_the_same_filter() {
    let parse = |text: &str| Filter::parse(text).expect(text);
    for (first, other, source) in [
        ("port 443", "comm curl", "port 443 and comm curl"),
        (
            "port 1 or port 2",
            "comm curl",
            "(port 1 or port 2) and comm curl",
        ),
        (
            "comm curl",
            "port 1 or port 2",
            "comm curl and (port 1 or port 2)",
        ),
        ("", "port 1 or port 2", "port 1 or port 2"),
        // a bound of one may be that of a range of the other
        (
            "port >= 8000 and port <= 8100",
            "port <= 8050",
            "port >= 8000 and port <= 8100 and port <= 8050",
        ),
        // what is there already is not added, in whatever number of terms
        (
            "tx > 1 and rx > 1 and port 5",
            "port 5 and tx > 1",
            "tx > 1 and rx > 1 and port 5",
        ),
    ] {
        let both = parse(first).and(other).expect(other);
        assert_eq!(both.source(), source);
        assert_eq!(parse(both.source()), both);
    }
    let long = format!("comm {}", "x".repeat(16_370));
    let error = parse(&long).and("port 443").expect_err("it is too long");
    assert!(
        error.report().contains("longer than 16384 bytes"),
        "{}",
        error.report()
    );
}

#[test]
fn only_filters_with_times_and_rates_change_while_nothing_happens() {
    let changes = |text: &str| Filter::parse(text).expect(text).changes_with_idleness();
    assert_eq!(
        ["", "port 443", "nginx", "bytes > 1MB or rtt > 1ms"].map(changes),
        [false; 4]
    );
    assert_eq!(
        ["age > 1h", "not waiting > 1s", "port 443 and rate > 1MB"].map(changes),
        [true; 3]
    );
}
