//! The order of the session table: a number for each session, by which lines are compared.

use crate::model::fields;
use crate::model::fields::{Field, FieldKind, Value};
use crate::model::session::Session;
use crate::model::store::SessionRef;

/// A session's position in the order; smaller is further up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// The sorted field's value, in sort direction.
    key: u128,
    /// Tie-break: open sessions first, then the newest, so that lines do not jump.
    age: u64,
    /// Cookie or number.
    pub(super) id: u64,
}

impl Rank {
    /// Ranks below all others.
    pub(super) fn last(id: u64) -> Self {
        Rank {
            key: u128::MAX,
            age: u64::MAX,
            id,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct SortOrder {
    pub field: &'static Field,
    /// The greatest first.
    pub descending: bool,
    /// Time of the last snapshot, ns: open sessions are compared by their age at one moment, and not at those at which each
    /// was read, so that they keep their order.
    pub read_ns: u64,
}

impl SortOrder {
    pub(super) fn rank(&self, place: SessionRef, session: &Session) -> Rank {
        let is_age = self.field.word == "duration" && matches!(place, SessionRef::Open(_));
        let key = sort_key(
            match (fields::shown(self.field, session), self.field.kind) {
                (Value::Uint(_), _) if is_age => {
                    let from = session.end_ns.saturating_sub(session.duration_ns());
                    Value::Uint(self.read_ns.saturating_sub(from) / 1000)
                }
                (Value::Uint(rate), FieldKind::Rate) => Value::Uint(leading(rate)),
                (value, _) => value,
            },
        );
        // it may be greater than any that is known
        let is_bound = !fields::bound(self.field, session).is_empty();
        let key = key | u128::from(is_bound) << 127;
        let key = if self.descending { !key } else { key };
        const FINISHED: u64 = 1 << 63;
        match place {
            SessionRef::Open(id) => Rank {
                key,
                age: (FINISHED - 1).saturating_sub(session.start_ns),
                id,
            },
            SessionRef::Closed(id) => Rank {
                key,
                age: u64::MAX - id.min(FINISHED - 1),
                id,
            },
        }
    }
}

/// Keeps the two leading digits: rates that differ only in later digits are practically equal, and lines that swapped
/// at every snapshot could not be read.
fn leading(rate: u64) -> u64 {
    let unit = 10_u64.pow(rate.checked_ilog10().unwrap_or(0).saturating_sub(1));
    rate / unit * unit
}

/// A number that sorts like the value; missing values come first. Only the first sixteen bytes of a text and all bits
/// but the last of an IPv6 address count; values equal in these are sorted by age.
fn sort_key(value: Value<'_>) -> u128 {
    match value {
        Value::Missing => 0,
        Value::Uint(n) => u128::from(n) + 1,
        Value::Bool(b) => u128::from(b) + 1,
        Value::Addr(std::net::IpAddr::V4(a)) => u128::from(a.to_bits()) + 1,
        Value::Addr(std::net::IpAddr::V6(a)) => a.to_bits() >> 1 | 1 << 127,
        Value::CommunityId(id) => sort_key(Value::Text(&id.to_string())),
        Value::Text(text) => {
            let mut bytes = [0; 16];
            let len = text.len().min(16);
            bytes[..len].copy_from_slice(&text.as_bytes()[..len]);
            u128::from_be_bytes(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::by_word;
    use crate::testing::sample::closed_session as sample;

    #[test]
    fn open_sessions_read_at_different_moments_keep_their_order_by_age() {
        let order = SortOrder {
            field: by_word("duration").expect("a field"),
            descending: true,
            read_ns: 0,
        };
        let read = |cookie: u64, start_ms: u64, end_ms: u64| {
            let session = Session {
                start_ns: start_ms * 1_000_000,
                established_ns: 0,
                end_ns: end_ms * 1_000_000,
                ..sample()
            };
            let order = SortOrder {
                read_ns: 2_000_000_000,
                ..order
            };
            order.rank(SessionRef::Open(cookie), &session)
        };
        // the older one was read a little earlier, so that its duration is the shorter one
        assert!(read(1, 100, 1990) < read(2, 105, 1999));
    }

    #[test]
    fn rates_are_compared_by_their_leading_digits() {
        let digits: Vec<u64> = [0, 7, 42, 99, 105, 5_043_000, u64::MAX].map(leading).into();
        let expected = [0, 7, 42, 99, 100, 5_000_000, 18_000_000_000_000_000_000];
        assert_eq!(digits, expected);
    }

    #[test]
    fn sort_key_orders_values_with_missing_first() {
        let addr = |a: &str| Value::Addr(a.parse().expect("an address"));
        for rising in [
            vec![
                Value::Missing,
                Value::Uint(0),
                Value::Uint(1),
                Value::Uint(u64::MAX),
            ],
            vec![
                Value::Missing,
                addr("0.0.0.0"),
                addr("10.0.0.9"),
                addr("10.0.0.10"),
                addr("::1"),
                addr("fe80::"),
            ],
            vec![
                Value::Missing,
                Value::Text("a"),
                Value::Text("ab"),
                Value::Text("b"),
            ],
            vec![Value::Missing, Value::Bool(false), Value::Bool(true)],
        ] {
            let keys: Vec<u128> = rising.iter().map(|v| sort_key(*v)).collect();
            assert!(keys.windows(2).all(|w| w[0] < w[1]), "{rising:?}: {keys:?}");
        }
    }
}
