//! Lines of a recording: what they have besides those of `-o json`, and a line back to a session.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::model::batch::Clock;
use crate::model::fields::{Draft, FIELDS, FieldKind, Read, Value, read_name, read_number, set};
use crate::model::session::{Session, WaitsFor};

/// A value that lines of `-o json` do not have, so that every row of a session can be written again.
#[derive(Debug)]
pub struct Besides {
    pub key: &'static str,
    pub get: fn(&Session, &Clock) -> Value<'static>,
    pub read: Read,
    pub in_updates: InUpdates,
}

/// When an update has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InUpdates {
    /// If it differs from the previous event's.
    Changed,
    /// Likewise, and while it grows because time passes; there is no update for the sake of that.
    Growing,
    /// If the session has begun, or its handshake has ended, at another instant than in the previous event.
    OtherStart,
    /// If it is known: it is about the event.
    OfEvent,
}

/// Values after those of `-o json`. The instants of a session follow from the event's time, to a nanosecond, and these.
pub static BESIDES: &[Besides] = &[
    Besides {
        key: "end_ns",
        get: |s, clock| match clock.boot(clock.wall(s.end_ns)) {
            Some(ns) if ns == s.end_ns => Value::Missing,
            // the wall clock has had this time twice
            _ => Value::Uint(s.end_ns),
        },
        read: |d, v| set(&mut d.end_ns, some_number(v)),
        in_updates: InUpdates::OfEvent,
    },
    Besides {
        key: "duration_ns",
        get: |s, _| match s.established_ns {
            0 => Value::Uint(s.end_ns.wrapping_sub(s.start_ns)),
            from => Value::Uint(s.end_ns.wrapping_sub(from)),
        },
        read: |d, v| set(&mut d.duration_ns, some_number(v)),
        in_updates: InUpdates::OtherStart,
    },
    Besides {
        key: "handshake_ns",
        get: |s, _| match s.established_ns {
            0 => Value::Missing,
            to => Value::Uint(to.wrapping_sub(s.start_ns)),
        },
        read: |d, v| set(&mut d.handshake_ns, some_number(v)),
        in_updates: InUpdates::OtherStart,
    },
    Besides {
        key: "cgroup_id",
        get: |s, _| some(s.cgroup.id),
        read: |d, v| set(&mut d.cgroup_mut().id, read_number(v)),
        in_updates: InUpdates::Changed,
    },
    Besides {
        key: "resp_last_us",
        get: |s, _| s.turns.peer.last_us().map_or(Value::Missing, Value::Uint),
        read: |d, v| read_number(v).map(|us| d.session.turns.peer.set_last_us(us)),
        in_updates: InUpdates::Changed,
    },
    Besides {
        key: "ourresp_last_us",
        get: |s, _| s.turns.ours.last_us().map_or(Value::Missing, Value::Uint),
        read: |d, v| read_number(v).map(|us| d.session.turns.ours.set_last_us(us)),
        in_updates: InUpdates::Changed,
    },
    Besides {
        key: "waits_for",
        get: |s, _| match s.waits_for {
            WaitsFor::Nobody => Value::Missing,
            end => Value::Text(end.name()),
        },
        read: |d, v| {
            d.session.waits_for = match v {
                Value::Missing => WaitsFor::Nobody,
                _ => read_name(v, WaitsFor::NAMES, WaitsFor::ALL)?,
            };
            Some(())
        },
        in_updates: InUpdates::Changed,
    },
    Besides {
        key: "waiting_us",
        get: |s, _| some(s.waiting_us.into()),
        read: |d, v| set(&mut d.session.waiting_us, read_number(v)),
        in_updates: InUpdates::Growing,
    },
];

fn some(n: u64) -> Value<'static> {
    match n {
        0 => Value::Missing,
        n => Value::Uint(n),
    }
}

/// Reads a number, which may be missing.
fn some_number(value: Value<'_>) -> Option<Option<u64>> {
    match value {
        Value::Missing => Some(None),
        value => read_number(value).map(Some),
    }
}

/// A value in a line; arrays and objects are only known to be there.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Uint(u64),
    Text(Cow<'a, str>),
    Nested,
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Scalar<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Null)
            }
            fn visit_bool<E>(self, b: bool) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Bool(b))
            }
            fn visit_u64<E>(self, n: u64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Uint(n))
            }
            // no value of ours is negative or has a fraction
            fn visit_i64<E>(self, _: i64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Nested)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Nested)
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(text.into()))
            }
            fn visit_str<E>(self, text: &str) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(text.to_owned().into()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar<'de>, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Nested)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::Nested)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// The keys and values of a line, in their order.
#[derive(Debug)]
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, Scalar<'a>)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::with_capacity(80);
                while let Some(key) = map.next_key::<Scalar<'de>>()? {
                    let value = map.next_value()?;
                    if let Scalar::Text(key) = key {
                        members.push((key, value));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl<'a> Members<'a> {
    /// Parses a line; `None`: it is no object.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    fn get(&self, key: &str) -> Option<&Scalar<'a>> {
        let found = self.0.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value)
    }

    /// Returns a text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Scalar::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns a number.
    pub(super) fn number(&self, key: &str) -> Option<u64> {
        match self.get(key)? {
            Scalar::Uint(n) => Some(*n),
            _ => None,
        }
    }

    pub(super) fn is_true(&self, key: &str) -> bool {
        self.get(key) == Some(&Scalar::Bool(true))
    }

    /// Puts the values of all keys that are known into a session. Returns the number of those that are not known; `None`: a
    /// value is none of its field.
    pub(super) fn fill(&self, draft: &mut Draft, clock: &Clock) -> Option<u64> {
        let mut unknown = 0;
        for (key, value) in &self.0 {
            match READERS.get(&**key) {
                Some(Reader { kind, read }) => read(draft, value_of(value, *kind)?)?,
                None if matches!(&**key, "event" | "time") => {}
                // fields that follow from others, and columns that only --columns prints
                None if FIELDS.iter().any(|f| f.json.unwrap_or(f.word) == key) => {}
                None => unknown += 1,
            }
        }
        self.fill_instants(draft, clock)?;
        Some(unknown)
    }

    /// Computes the session's instants. Where a line of `-o json` has no more exact figures, those in µs count.
    fn fill_instants(&self, draft: &mut Draft, clock: &Clock) -> Option<()> {
        let time: jiff::Timestamp = self.text("time")?.parse().ok()?;
        let end_ns = match draft.end_ns {
            Some(ns) => ns,
            None => clock.boot(time)?,
        };
        let session = &mut draft.session;
        let is_new = session.end_ns == 0;
        session.end_ns = end_ns;
        if let Some(ns) = draft.duration_ns {
            let from = end_ns.wrapping_sub(ns);
            session.established_ns = if draft.handshake_ns.is_some() {
                from
            } else {
                0
            };
            session.start_ns = from.wrapping_sub(draft.handshake_ns.unwrap_or(0));
        } else if is_new {
            let before = |at: u64, us: u64| at.saturating_sub(us.saturating_mul(1000));
            session.established_ns = before(end_ns, draft.duration_us);
            session.start_ns = before(session.established_ns, draft.connect_us);
        }
        Some(())
    }
}

struct Reader {
    kind: Option<FieldKind>,
    read: Read,
}

/// Readers of all keys that set something.
static READERS: LazyLock<FxHashMap<&'static str, Reader>> = LazyLock::new(|| {
    let of_json = FIELDS.iter().filter_map(|f| {
        let (kind, read) = (Some(f.kind), f.read?);
        Some((f.json?, Reader { kind, read }))
    });
    let besides = BESIDES.iter().map(|b| {
        let (kind, read) = (None, b.read);
        (b.key, Reader { kind, read })
    });
    of_json.chain(besides).collect()
});

fn value_of<'a>(scalar: &'a Scalar<'_>, kind: Option<FieldKind>) -> Option<Value<'a>> {
    Some(match scalar {
        Scalar::Null => Value::Missing,
        Scalar::Bool(b) => Value::Bool(*b),
        Scalar::Uint(n) => Value::Uint(*n),
        Scalar::Text(text) if kind == Some(FieldKind::Addr) => Value::Addr(text.parse().ok()?),
        Scalar::Text(text) => Value::Text(text),
        Scalar::Nested => return None,
    })
}
