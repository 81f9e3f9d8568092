//! Filters that select the sessions of a kind of failure.

use crate::filter::for_group::{filter_for_group, filter_for_peer};
use crate::filter::literal::exactly;
use crate::model::failures::Failure;
use crate::model::fields::by_word;

/// Returns the filter that matches exactly these failures.
pub fn filter_for_failure(failure: &Failure) -> String {
    let to = match failure.addr {
        Some(addr) => format!("{} and rport {}", filter_for_peer(addr), failure.port),
        None => format!("lport {}", failure.port),
    };
    let name = failure.reason.name();
    let reason = by_word("reason").map_or(name.to_owned(), |field| exactly(field, name));
    format!(
        "reason {reason} and direction {} and {to} and {}",
        failure.direction.name(),
        filter_for_group(&failure.program)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;
    use crate::model::session::{Direction, Reason};
    use crate::testing::sample::ended_session as failed;

    #[test]
    fn filter_of_failure_matches_exactly_its_sessions() {
        let mut sessions = Vec::new();
        for reason in [
            Reason::Refused,
            Reason::LocalReset,
            Reason::LocalFin,
            Reason::Timeout,
            Reason::ConnectTimeout,
        ] {
            for direction in [Direction::In, Direction::Out, Direction::Unknown] {
                for comm in ["", "a b", "and"] {
                    sessions.push(failed(reason, direction, comm, 2));
                }
            }
        }
        for one in &sessions {
            let Some(failure) = Failure::of(one) else {
                assert_eq!(one.reason, Reason::LocalFin);
                continue;
            };
            let filter = Filter::parse(&filter_for_failure(&failure)).expect("a filter");
            for other in &sessions {
                assert_eq!(
                    filter.matches(other),
                    other == one,
                    "{}",
                    filter_for_failure(&failure)
                );
            }
        }
    }
}
