//! Lines of a recording: a session to a line of JSON and back.
//!
//! A line has the keys of `-o json`, and after them what a session has besides, so that every row of it can be written again.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};

use crate::model::batch::Clock;
use crate::model::fields::{
    Draft, FIELDS, Field, FieldKind, Read, Value, read_name, read_number, set,
};
use crate::model::session::{Session, WaitsFor};

/// A value that lines of `-o json` do not have.
struct Besides {
    key: &'static str,
    get: fn(&Session) -> Value<'_>,
    read: Read,
    /// It changes because time passes.
    is_time: bool,
}

/// Values after those of `-o json`. Instants are ns of boot time.
static BESIDES: &[Besides] = &[
    Besides {
        key: "start_ns",
        get: |s| Value::Uint(s.start_ns),
        read: |d, v| set(&mut d.session.start_ns, read_number(v)),
        is_time: false,
    },
    Besides {
        key: "established_ns",
        get: |s| some(s.established_ns),
        read: |d, v| set(&mut d.session.established_ns, read_number(v)),
        is_time: false,
    },
    Besides {
        key: "end_ns",
        get: |s| Value::Uint(s.end_ns),
        read: |d, v| set(&mut d.session.end_ns, read_number(v)),
        is_time: true,
    },
    Besides {
        key: "cgroup_id",
        get: |s| some(s.cgroup.id),
        read: |d, v| set(&mut d.cgroup_mut().id, read_number(v)),
        is_time: false,
    },
    Besides {
        key: "resp_last_us",
        get: |s| s.turns.peer.last_us().map_or(Value::Missing, Value::Uint),
        read: |d, v| read_number(v).map(|us| d.session.turns.peer.set_last_us(us)),
        is_time: false,
    },
    Besides {
        key: "ourresp_last_us",
        get: |s| s.turns.ours.last_us().map_or(Value::Missing, Value::Uint),
        read: |d, v| read_number(v).map(|us| d.session.turns.ours.set_last_us(us)),
        is_time: false,
    },
    Besides {
        key: "waits_for",
        get: |s| match s.waits_for {
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
        is_time: false,
    },
    Besides {
        key: "waiting_us",
        get: |s| some(s.waiting_us.into()),
        read: |d, v| set(&mut d.session.waiting_us, read_number(v)),
        is_time: true,
    },
];

fn some(n: u64) -> Value<'static> {
    match n {
        0 => Value::Missing,
        n => Value::Uint(n),
    }
}

/// True for fields that change because time passes.
fn is_time(field: &Field) -> bool {
    matches!(field.word, "duration" | "close")
}

/// Writes events of sessions as lines.
#[derive(Debug, Default)]
pub struct SessionLines {
    line: Vec<u8>,
}

impl SessionLines {
    /// Returns the line of an open session, in full.
    ///
    /// # Errors
    /// If a value cannot be written as JSON, which is a bug.
    pub fn open(&mut self, session: &Session, clock: &Clock) -> serde_json::Result<&[u8]> {
        self.full("open", session, clock)
    }

    /// Returns the line of a closed session.
    ///
    /// # Errors
    /// See [`SessionLines::open`].
    pub fn close(&mut self, session: &Session, clock: &Clock) -> serde_json::Result<&[u8]> {
        self.full("close", session, clock)
    }

    /// Returns the line of the values in which an open session differs from an earlier moment; `None`: only time has passed.
    ///
    /// # Errors
    /// See [`SessionLines::open`].
    pub fn update(
        &mut self,
        before: &Session,
        now: &Session,
        clock: &Clock,
    ) -> serde_json::Result<Option<&[u8]>> {
        let of_json = FIELDS.iter().filter_map(|field| {
            let (was, is) = ((field.get)(before), (field.get)(now));
            Some((field.json?, is, is_time(field))).filter(|_| was != is)
        });
        let besides = BESIDES.iter().filter_map(|besides| {
            let (was, is) = ((besides.get)(before), (besides.get)(now));
            Some((besides.key, is, besides.is_time)).filter(|_| was != is)
        });
        let changed: Vec<_> = of_json.chain(besides).collect();
        if changed.iter().all(|(_, _, is_time)| *is_time) {
            return Ok(None);
        }
        self.write(|map| {
            map.serialize_entry("event", "update")?;
            map.serialize_entry("time", &time(now, clock))?;
            map.serialize_entry("cookie", &now.cookie)?;
            let rest = changed.iter().filter(|(key, ..)| *key != "cookie");
            rest.into_iter()
                .try_for_each(|(key, value, _)| entry(map, key, *value))
        })
        .map(Some)
    }

    /// Returns the line of a session that is no longer open, whose close was missed.
    ///
    /// # Errors
    /// See [`SessionLines::open`].
    pub fn gone(&mut self, cookie: u64, at_ns: u64, clock: &Clock) -> serde_json::Result<&[u8]> {
        self.write(|map| {
            map.serialize_entry("event", "gone")?;
            map.serialize_entry("time", &format!("{:.6}", clock.wall(at_ns)))?;
            map.serialize_entry("cookie", &cookie)
        })
    }

    fn full(&mut self, event: &str, s: &Session, clock: &Clock) -> serde_json::Result<&[u8]> {
        self.write(|map| {
            map.serialize_entry("event", event)?;
            map.serialize_entry("time", &time(s, clock))?;
            for field in FIELDS {
                if let Some(key) = field.json {
                    entry(map, key, (field.get)(s))?;
                }
            }
            for besides in BESIDES {
                match (besides.get)(s) {
                    Value::Missing => {}
                    value => entry(map, besides.key, value)?,
                }
            }
            Ok(())
        })
    }

    fn write(
        &mut self,
        fill: impl FnOnce(&mut Map<'_>) -> serde_json::Result<()>,
    ) -> serde_json::Result<&[u8]> {
        self.line.clear();
        write_line(&mut self.line, fill)?;
        Ok(&self.line)
    }
}

/// An object that is being written.
pub(super) type Map<'a> =
    serde_json::ser::Compound<'a, &'a mut Vec<u8>, serde_json::ser::CompactFormatter>;

/// Appends an object and the end of its line.
pub(super) fn write_line(
    line: &mut Vec<u8>,
    fill: impl FnOnce(&mut Map<'_>) -> serde_json::Result<()>,
) -> serde_json::Result<()> {
    {
        let mut serializer = serde_json::Serializer::new(&mut *line);
        let mut map = serializer.serialize_map(None)?;
        fill(&mut map)?;
        SerializeMap::end(map)?;
    }
    line.push(b'\n');
    Ok(())
}

fn entry(map: &mut Map<'_>, key: &str, value: Value<'_>) -> serde_json::Result<()> {
    match value {
        Value::Missing => map.serialize_entry(key, &()),
        Value::Uint(n) => map.serialize_entry(key, &n),
        Value::Addr(a) => map.serialize_entry(key, &a),
        Value::Text(t) => map.serialize_entry(key, t),
        Value::Bool(b) => map.serialize_entry(key, &b),
    }
}

fn time(session: &Session, clock: &Clock) -> String {
    format!("{:.6}", clock.wall(session.end_ns))
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
    pub(super) fn fill(&self, draft: &mut Draft) -> Option<u64> {
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
        if draft.session.end_ns == 0 {
            self.fill_instants(draft)?;
        }
        Some(unknown)
    }

    /// Computes the instants of a line of `-o json`, whose boot time is taken for that since 1970.
    fn fill_instants(&self, draft: &mut Draft) -> Option<()> {
        let time: jiff::Timestamp = self.text("time")?.parse().ok()?;
        let end_ns = u64::try_from(time.as_nanosecond()).ok()?;
        let before = |at: u64, us: u64| at.saturating_sub(us.saturating_mul(1000));
        let session = &mut draft.session;
        session.end_ns = end_ns;
        session.established_ns = before(end_ns, draft.duration_us);
        session.start_ns = before(session.established_ns, draft.connect_us);
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
