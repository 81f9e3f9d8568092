//! Decides whether a filter can match a closed session at all, or an open one: line outputs write no others.
//!
//! A "no" is certain; a "yes" is a maybe.

use crate::filter::eval::{Check, ends};
use crate::filter::expr::{Expr, Term};
use crate::model::fields::{Field, Value};
use crate::model::session::{Reason, State, WaitsFor};

/// All values that a field can have in some sessions; `None`: any value.
type Values = fn(&Field) -> Option<Vec<Value<'static>>>;

/// Possible results of an expression on some sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outcomes {
    fits: bool,
    never_matches: bool,
}

/// Nothing is known.
const EITHER: Outcomes = Outcomes {
    fits: true,
    never_matches: true,
};

/// False if no closed session can match.
pub fn can_fit_closed(expr: &Expr) -> bool {
    outcomes(expr, values_when_closed).fits
}

/// False if no session in a first snapshot can match.
pub fn can_fit_open(expr: &Expr) -> bool {
    outcomes(expr, values_when_open).fits
}

/// False if no open session can match, in any snapshot.
pub fn can_fit_live(expr: &Expr) -> bool {
    outcomes(expr, values_when_live).fits
}

fn outcomes(expr: &Expr, values_of: Values) -> Outcomes {
    let outcomes = |expr| outcomes(expr, values_of);
    match expr {
        Expr::All(parts) => Outcomes {
            fits: parts.iter().all(|p| outcomes(p).fits),
            never_matches: parts.iter().any(|p| outcomes(p).never_matches),
        },
        Expr::Any(parts) => Outcomes {
            fits: parts.iter().any(|p| outcomes(p).fits),
            never_matches: parts.iter().all(|p| outcomes(p).never_matches),
        },
        Expr::Not(part) => negated(outcomes(part)),
        Expr::Term(Term::Words(_)) => EITHER,
        Expr::Term(Term::Compare { field, op, values }) => {
            let Ok(check) = Check::new(*op, values) else {
                return EITHER;
            };
            let mut found = Outcomes {
                fits: false,
                never_matches: false,
            };
            for field in ends(field) {
                let Some(values) = values_of(field) else {
                    return EITHER;
                };
                found.fits |= values.iter().any(|v| check.fits(*v));
                found.never_matches |= values.iter().any(|v| !check.fits(*v));
            }
            if op.is_negative() {
                negated(found)
            } else {
                found
            }
        }
    }
}

fn negated(outcomes: Outcomes) -> Outcomes {
    Outcomes {
        fits: outcomes.never_matches,
        never_matches: outcomes.fits,
    }
}

/// All values that a field can have in a closed session, for the fields where these are fewer than otherwise.
fn values_when_closed(field: &Field) -> Option<Vec<Value<'static>>> {
    match field.word {
        "state" => Some(vec![Value::Text(State::Closed.name())]),
        "status" | "reason" => {
            let closed = Reason::ALL.iter().filter(|r| **r != Reason::Open);
            Some(closed.map(|r| Value::Text(r.name())).collect())
        }
        "rate" | "txrate" | "rxrate" | "waiting" => Some(vec![Value::Missing]),
        "waitsfor" => Some(vec![Value::Text(WaitsFor::Nobody.name())]),
        _ => None,
    }
}

/// All values that a field can have in an open session before there is a rate, for the fields where these are fewer
/// than otherwise.
fn values_when_open(field: &Field) -> Option<Vec<Value<'static>>> {
    match field.word {
        "state" | "status" => {
            let open = State::ALL.iter().filter(|s| **s != State::Closed);
            Some(open.map(|s| Value::Text(s.name())).collect())
        }
        "reason" | "ended" => Some(vec![Value::Missing]),
        "rate" | "txrate" | "rxrate" => Some(vec![Value::Uint(0)]),
        _ => None,
    }
}

/// All values that a field can have in an open session, for the fields where these are fewer than otherwise.
fn values_when_live(field: &Field) -> Option<Vec<Value<'static>>> {
    match field.word {
        "rate" | "txrate" | "rxrate" => None,
        _ => values_when_open(field),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;
    use crate::model::fields::by_word;
    use crate::model::session::Session;
    use crate::testing::sample::closed_session as sample;

    #[test]
    fn can_match_closed_is_false_if_only_open_sessions_can_match() {
        for (filter, can) in [
            ("", true),
            ("state established", false),
            ("status established", false),
            ("state closed", true),
            ("status refused", true),
            ("status established,refused", true),
            ("status ~ ^(syn|fin)-", false),
            ("status ~ fin", true),
            ("state != closed", false),
            ("not state closed", false),
            ("reason !~ .", false),
            ("reason != refused", true),
            ("rate > 1", false),
            ("rate >= 0", false),
            ("waiting > 1s", false),
            ("waitsfor peer", false),
            ("waitsfor != us", true),
            ("rate != 5", true),
            ("not rate > 1MB", true),
            ("port 443 and txrate > 1", false),
            ("port 443 or txrate > 1", true),
            ("rxrate > 1 or state syn-sent", false),
            ("not (rate > 1 or curl)", true),
            ("not (not rate > 1 and not state last-ack)", false),
            ("open", false),
            ("closed", true),
            ("failed", true),
            ("state open or port 443", true),
            ("status open", false),
            ("state esta", false),
            ("reason re", true),
            ("not tcp", false),
            ("established", true),
            ("last established", true),
        ] {
            let parsed = Filter::parse(filter).expect(filter);
            assert_eq!(parsed.can_match_closed(), can, "{filter}");
        }
    }

    #[test]
    fn can_match_open_is_false_if_only_closed_sessions_can_match() {
        for (filter, can) in [
            ("", true),
            ("state established", true),
            ("status established,refused", true),
            ("status refused", false),
            ("status closed", false),
            ("state closed", false),
            ("reason refused", false),
            ("reason != refused", true),
            ("port 443 and reason ~ reset", false),
            ("port 443 or reason ~ reset", true),
            ("not reason refused", true),
            ("rate > 1MB", false),
            ("rate >= 0", true),
            ("preexisting", true),
            ("refused", true),
        ] {
            let parsed = Filter::parse(filter).expect(filter);
            assert_eq!(parsed.can_match_open(), can, "{filter}");
        }
    }

    #[test]
    fn can_match_live_is_false_if_only_closed_sessions_can_match_with_rates_known() {
        for (filter, can) in [
            ("", true),
            ("rate > 1MB", true),
            ("rate > 1MB and state established", true),
            ("rate > 1MB and reason refused", false),
            ("state established reason refused", false),
            ("state closed", false),
        ] {
            let parsed = Filter::parse(filter).expect(filter);
            assert_eq!(parsed.can_match_live(), can, "{filter}");
        }
    }

    #[test]
    fn open_values_include_every_value_that_the_fields_return() {
        for state in State::ALL.iter().filter(|s| **s != State::Closed) {
            let open = Session {
                state: *state,
                reason: Reason::Open,
                ..sample()
            };
            for word in ["state", "status", "reason", "rate", "txrate", "rxrate"] {
                let field = by_word(word).expect("a field");
                let values = values_when_open(field).expect("they are known");
                assert!(values.contains(&(field.get)(&open)), "{word}: {state:?}");
            }
        }
    }

    #[test]
    fn closed_values_include_every_value_that_the_fields_return() {
        for reason in Reason::ALL.iter().filter(|r| **r != Reason::Open) {
            let closed = Session {
                state: State::Closed,
                reason: *reason,
                ..sample()
            };
            for word in ["state", "status", "reason", "rate", "txrate", "rxrate"] {
                let field = by_word(word).expect("a field");
                let values = values_when_closed(field).expect("they are known");
                assert!(values.contains(&(field.get)(&closed)), "{word}: {reason:?}");
            }
        }
    }
}
