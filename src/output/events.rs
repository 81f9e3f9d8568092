//! Events of sessions as JSON lines: `open` and `close` with all keys, `update` with those that have changed, and `gone`.
//!
//! Owns their encoding, for every output that has them, and for recordings. Which event a session gets, and when, is up to its caller.

use std::io;

use crate::model::batch::Clock;
use crate::model::fields::Value;
use crate::model::recording::{BESIDES, Besides, InUpdates};
use crate::model::session::Session;
use crate::output::columns::{ALL, LineColumn, LineValue, time_text};

/// Reason that a reader can forget a session without a `close`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoneCause {
    /// It no longer matches the filter, open or closed.
    Filter,
    /// It is no longer among the open sessions, and no record of its close came.
    Vanished,
}

impl GoneCause {
    fn name(self) -> &'static str {
        match self {
            GoneCause::Filter => "filter",
            GoneCause::Vanished => "vanished",
        }
    }
}

/// A session that a reader can forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// See [`Session::cookie`].
    pub cookie: u64,
    /// When it was found to be gone, ns of boot time.
    pub at_ns: u64,
    pub cause: GoneCause,
}

/// Encodes events, each as one line.
#[derive(Debug)]
pub struct Encoder {
    /// The columns, each with its key as it stands in a line: `,"comm":`.
    columns: Vec<(LineColumn, Box<[u8]>)>,
    /// Keys and values that lines of a recording have besides.
    besides: Vec<(&'static Besides, Box<[u8]>)>,
    time: TimeDigits,
    line: Vec<u8>,
}

/// Digits of the time of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TimeDigits {
    Micros,
    /// So that boot time follows from it.
    Nanos,
}

/// Returns a key as it stands in a line. Keys are plain words.
fn in_line(key: &str) -> Box<[u8]> {
    format!(",\"{key}\":").into_bytes().into()
}

impl Default for Encoder {
    fn default() -> Self {
        Encoder::of(&ALL)
    }
}

impl Encoder {
    /// Creates an encoder that knows only these columns.
    pub fn of(columns: &[LineColumn]) -> Self {
        Encoder {
            columns: columns.iter().map(|c| (*c, in_line(c.key()))).collect(),
            besides: Vec::new(),
            time: TimeDigits::Micros,
            line: Vec::new(),
        }
    }

    /// Creates an encoder for recordings: with all columns, and what sessions have besides.
    pub fn of_recordings() -> Self {
        let is_recorded = |column: &LineColumn| match column {
            LineColumn::Field(field) => field.is_recorded(),
            _ => true,
        };
        let recorded: Vec<_> = ALL.iter().copied().filter(is_recorded).collect();
        Encoder {
            besides: BESIDES.iter().map(|b| (b, in_line(b.key))).collect(),
            time: TimeDigits::Nanos,
            ..Encoder::of(&recorded)
        }
    }

    /// Encodes the whole session: its `close`, or while it is open its `open`.
    ///
    /// # Errors
    /// None in practice: a line is written into memory.
    pub fn row(&mut self, session: &Session, clock: &Clock) -> io::Result<&[u8]> {
        self.line.clear();
        for (column, key) in &self.columns {
            self.line.extend_from_slice(key);
            let value = match column {
                LineColumn::Time => LineValue::Text(self.time.text(session.end_ns, clock).into()),
                column => column.value(session, clock),
            };
            push(&mut self.line, &value)?;
        }
        for (besides, key) in &self.besides {
            let value = (besides.get)(session, clock);
            if value != Value::Missing {
                self.line.extend_from_slice(key);
                push(&mut self.line, &value.into())?;
            }
        }
        Ok(self.finish())
    }

    /// Encodes the `update` of an open session since its previous event: the keys whose values differ. `None` if nothing
    /// has happened to it but that time has passed.
    ///
    /// Values that grow as time passes are in every update, so `before` need not have those of the previous event.
    ///
    /// # Errors
    /// None in practice: a line is written into memory.
    pub fn update(
        &mut self,
        before: &Session,
        now: &Session,
        clock: &Clock,
    ) -> io::Result<Option<&[u8]>> {
        self.begin("update", now.end_ns, now.cookie, clock)?;
        let mut has_changed = false;
        let fields = self
            .columns
            .iter()
            .filter_map(|(column, key)| match column {
                LineColumn::Field(field) if field.word != "cookie" => Some((column, *field, key)),
                _ => None,
            });
        for (column, field, key) in fields {
            let (old, new) = (column.value(before, clock), column.value(now, clock));
            let known = [&old, &new].map(|value| *value != LineValue::Missing);
            let only_grows = field.grows_with_time() && known == [true, true];
            has_changed |= old != new && !only_grows;
            if old != new || only_grows {
                self.line.extend_from_slice(key);
                push(&mut self.line, &new)?;
            }
        }
        let starts = [before, now].map(|s| (s.start_ns, s.established_ns));
        for (besides, key) in &self.besides {
            let (old, new) = ((besides.get)(before, clock), (besides.get)(now, clock));
            let known = [old, new].map(|value| value != Value::Missing);
            let only_grows = besides.in_updates == InUpdates::Growing && known == [true, true];
            let (is_written, is_change) = match besides.in_updates {
                InUpdates::Changed => (old != new, old != new),
                InUpdates::Growing => (old != new || only_grows, old != new && !only_grows),
                InUpdates::OtherStart => (starts[0] != starts[1], starts[0] != starts[1]),
                InUpdates::OfEvent => (known[1], false),
            };
            has_changed |= is_change;
            if is_written {
                self.line.extend_from_slice(key);
                push(&mut self.line, &new.into())?;
            }
        }
        Ok(if has_changed {
            Some(self.finish())
        } else {
            None
        })
    }

    /// Encodes that a session can be forgotten.
    ///
    /// # Errors
    /// None in practice: a line is written into memory.
    pub fn gone(&mut self, gone: &Gone, clock: &Clock) -> io::Result<&[u8]> {
        self.begin("gone", gone.at_ns, gone.cookie, clock)?;
        self.line.extend_from_slice(b",\"cause\":");
        push(&mut self.line, &LineValue::Text(gone.cause.name().into()))?;
        Ok(self.finish())
    }

    /// Begins a line with the keys that every event has, whatever columns were chosen.
    fn begin(&mut self, event: &str, at_ns: u64, cookie: u64, clock: &Clock) -> io::Result<()> {
        self.line.clear();
        let time = self.time.text(at_ns, clock);
        for (key, value) in [
            (&b",\"event\":"[..], LineValue::Text(event.into())),
            (b",\"time\":", LineValue::Text(time.into())),
            (b",\"cookie\":", LineValue::Uint(cookie)),
        ] {
            self.line.extend_from_slice(key);
            push(&mut self.line, &value)?;
        }
        Ok(())
    }

    /// Makes the keys and values an object, and a line.
    fn finish(&mut self) -> &[u8] {
        match self.line.first_mut() {
            // the comma before the first key
            Some(first) => *first = b'{',
            None => self.line.push(b'{'),
        }
        self.line.extend_from_slice(b"}\n");
        &self.line
    }
}

impl TimeDigits {
    fn text(self, at_ns: u64, clock: &Clock) -> String {
        match self {
            TimeDigits::Micros => time_text(at_ns, clock),
            TimeDigits::Nanos => format!("{:.9}", clock.wall(at_ns)),
        }
    }
}

/// Appends a value.
fn push(line: &mut Vec<u8>, value: &LineValue<'_>) -> serde_json::Result<()> {
    match value {
        LineValue::Missing => serde_json::to_writer(line, &()),
        LineValue::Uint(n) => serde_json::to_writer(line, n),
        LineValue::Addr(addr) => serde_json::to_writer(line, addr),
        LineValue::Text(text) => serde_json::to_writer(line, text),
        LineValue::CommunityId(id) => serde_json::to_writer(line, &id.to_string()),
        LineValue::Bool(is) => serde_json::to_writer(line, is),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::model::fields::{FIELDS, FieldKind};
    use crate::model::session::{Age, State};
    use crate::output::Sink;
    use crate::output::csv::CsvColumns;
    use crate::output::names::Spelling;
    use crate::output::tests::golden_clock;
    use crate::output::text::TextColumns;
    use crate::testing::sample::{Numbers, any_life, any_session, closed_session};

    fn object(line: &[u8]) -> Map<String, Value> {
        let text = std::str::from_utf8(line).expect("UTF-8");
        let text = text.strip_suffix('\n').expect("a line");
        assert!(!text.contains('\n'), "{text}");
        match serde_json::from_str(text) {
            Ok(Value::Object(object)) => object,
            other => panic!("{other:?}: {text}"),
        }
    }

    fn grows(key: &str) -> bool {
        let field = FIELDS.iter().find(|f| f.json == Some(key));
        field.is_some_and(|f| f.grows_with_time())
    }

    proptest! {
        #[test]
        fn open_and_all_updates_together_are_the_close(seed in any::<u64>()) {
            let clock = golden_clock();
            let mut encoder = Encoder::default();
            let life = any_life(seed);
            let mut known = object(encoder.row(&life[0], &clock)?);
            prop_assert_eq!(known.len(), ALL.len());
            prop_assert_eq!(&known["event"], "open");
            for pair in life.windows(2) {
                let whole = object(encoder.row(&pair[1], &clock)?);
                let update = encoder.update(&pair[0], &pair[1], &clock)?.map(object);
                let has_update = update.is_some();
                for (key, value) in update.into_iter().flatten() {
                    let is_head = ["event", "time", "cookie"].contains(&&*key);
                    prop_assert!(is_head || grows(&key) || known[&key] != value, "{} again", key);
                    known.insert(key, value);
                }
                for (key, value) in &whole {
                    let may_differ = key == "event" || !has_update && (key == "time" || grows(key));
                    prop_assert!(may_differ || known[key] == *value, "{}", key);
                }
                prop_assert!(has_update || pair[1].is_open(), "a close is a change");
            }
            prop_assert_eq!(known["event"].as_str(), Some("update"));
        }

        #[test]
        fn rows_of_all_formats_have_the_same_values(seed in any::<u64>()) {
            let clock = golden_clock();
            let mut numbers = Numbers::from(seed);
            let state = State::ALL[numbers.below(State::ALL.len() as u64) as usize];
            let session = any_session(&mut numbers, seed, state);
            let json = object(Encoder::default().row(&session, &clock)?);

            let mut csv = Vec::new();
            let (exact, zone) = (Spelling::Exact, jiff::tz::TimeZone::UTC);
            let mut sink = CsvColumns::new(&mut csv, ALL.clone(), exact, Default::default(), zone.clone());
            sink.begin().and_then(|()| sink.session(&session, &clock)).and_then(|()| sink.flush())?;
            drop(sink);
            let mut reader = csv::Reader::from_reader(&*csv);
            let keys: Vec<_> = reader.headers().expect("keys").iter().map(str::to_owned).collect();
            let row = reader.records().next().expect("a row").expect("as many fields as keys");
            prop_assert_eq!(keys.len(), json.len());
            for (key, field) in keys.iter().zip(row.iter()) {
                let expected = match &json[key] {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                prop_assert_eq!(field, expected, "{}", key);
            }

            let mut text = Vec::new();
            let safe = Spelling::Safe;
            let mut sink = TextColumns::new(&mut text, ALL.clone(), false, safe, Default::default(), zone);
            sink.session(&session, &clock)?;
            let text = String::from_utf8(text).expect("UTF-8");
            let words: Vec<&str> = text.split_whitespace().collect();
            prop_assert_eq!(words.len(), json.len(), "{}", text);
            for (column, word) in ALL.iter().zip(words) {
                let is_time = matches!(column, LineColumn::Field(f) if f.kind == FieldKind::Micros);
                let is_bound = column.word() == "duration" && session.age == Age::LowerBound;
                let expected = match &json[column.key()] {
                    Value::Null => "-".to_owned(),
                    Value::String(text) => safe.in_text(text).into_owned(),
                    Value::Number(us) if is_time => {
                        let us = us.as_u64().expect("µs");
                        let bound = if is_bound { "+" } else { "" };
                        format!("{}.{:03}{bound}", us / 1000, us % 1000)
                    }
                    other => other.to_string(),
                };
                prop_assert_eq!(word, expected, "{}", column.word());
            }
        }
    }

    #[test]
    fn update_has_only_what_has_changed_and_how_old_it_is() {
        let clock = golden_clock();
        let before = Session {
            state: State::Established,
            srtt_us: 120,
            ..closed_session()
        };
        let mut now = Session {
            rx_bytes: 60_000,
            srtt_us: 0,
            ..before.clone()
        };
        now.end_ns += 1_000_000_000;
        let mut encoder = Encoder::default();
        let update = encoder.update(&before, &now, &clock).expect("memory");
        assert_eq!(
            Value::Object(object(update.expect("a change"))),
            json!({
                "event": "update", "time": "2026-01-02T23:39:39.000310Z", "cookie": 4097, "rx_bytes": 60_000,
                "duration_us": 1_000_260, "close_us": 30, "srtt_us": null,
            })
        );
        now = Session {
            end_ns: now.end_ns,
            ..before.clone()
        };
        assert_eq!(encoder.update(&before, &now, &clock).expect("memory"), None);
    }

    #[test]
    fn gone_says_which_session_and_why() {
        let gone = Gone {
            cookie: 7,
            at_ns: 1_000_000_000,
            cause: GoneCause::Vanished,
        };
        let mut encoder = Encoder::of(&[]);
        let line = encoder.gone(&gone, &golden_clock()).expect("memory");
        assert_eq!(
            Value::Object(object(line)),
            json!({"event": "gone", "time": "2026-01-02T23:39:38.000000Z", "cookie": 7, "cause": "vanished"})
        );
    }
}
