//! Moments as people write them: `03:12`, `2026-11-30 03:12:04`, `2026-11-30T03:12:04Z`.

use std::ops::Range;
use std::time::Duration;

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

use crate::text::units;

/// A moment, as far as its text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    At(Timestamp),
    /// Local date and time.
    Local(DateTime),
    /// Local time of a day that is to be found.
    TimeOfDay(Time),
    /// So long after the beginning.
    After(Duration),
}

impl std::fmt::Display for Moment {
    /// Writes it as it can be read again.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Moment::At(at) => at.fmt(f),
            Moment::Local(local) => local.fmt(f),
            Moment::TimeOfDay(time) => time.fmt(f),
            Moment::After(time) => write!(f, "+{}", units::duration_text(*time)),
        }
    }
}

/// Parses a moment.
///
/// # Errors
/// A text that says how to write one.
pub fn moment(text: &str) -> Result<Moment, String> {
    let text = text.trim();
    if let Some(time) = text.strip_prefix('+') {
        let wrong = |_| "must be a time after the beginning like +90s or +1h30m".to_owned();
        return units::duration(time).map(Moment::After).map_err(wrong);
    }
    if let Ok(at) = text.parse() {
        return Ok(Moment::At(at));
    }
    // before a time of day, for which a text with a date passes too
    if let Ok(local) = text.parse() {
        return Ok(Moment::Local(local));
    }
    let time = text.parse().map(Moment::TimeOfDay);
    time.map_err(|_| {
        "must be a time like 03:12, 2026-11-30T03:12:04, 2026-11-30T03:12:04Z or +5m".into()
    })
}

impl Moment {
    /// Returns the moment. A time of day is the first one that is not before the minute of `first`.
    pub fn from(self, first: Timestamp, zone: &TimeZone) -> Timestamp {
        let at = |local: DateTime| local.to_zoned(zone.clone()).map(|at: Zoned| at.timestamp());
        match self {
            Moment::At(at) => at,
            Moment::Local(local) => at(local).unwrap_or(first),
            Moment::After(time) => first.checked_add(time).unwrap_or(Timestamp::MAX),
            Moment::TimeOfDay(time) => {
                let day = first.to_zoned(zone.clone()).date();
                let today = at(day.to_datetime(time)).unwrap_or(first);
                let tomorrow = || at(day.saturating_add(1.day()).to_datetime(time));
                let minute = first.as_second() - first.as_second().rem_euclid(60);
                match today.as_second() >= minute {
                    true => today,
                    false => tomorrow().unwrap_or(first),
                }
            }
        }
    }
}

/// Parses a moment of the past as seen from `now`: what [`moment`] takes, `now` or nothing, `-5m`, `yesterday 03:12`. A time of
/// day is the last one that is not after now.
///
/// # Errors
/// The position of the error, and how to write a moment.
pub fn looking_back(
    text: &str,
    now: Timestamp,
    zone: &TimeZone,
) -> Result<Timestamp, (Range<usize>, String)> {
    let trimmed = text.trim();
    let from = text.len() - text.trim_start().len();
    let place = from..from + trimmed.len();
    if trimmed.is_empty() || trimmed == "now" {
        return Ok(now);
    }
    if let Some(ago) = trimmed.strip_prefix('-') {
        let ago = units::duration(ago.trim_start());
        let at = ago.map_err(|_| "must be a time ago like -5m, -90s or -1h30m".to_owned());
        let at = at.and_then(|ago| {
            let at = now.checked_sub(ago);
            at.map_err(|_| "is before all time".to_owned())
        });
        return at.map_err(|wrong| (place, wrong));
    }
    let today = now.to_zoned(zone.clone()).date();
    let (day, rest) = match trimmed.split_once(char::is_whitespace) {
        Some(("yesterday", rest)) => (Some(today.saturating_sub(1.day())), rest.trim_start()),
        Some(("today", rest)) => (Some(today), rest.trim_start()),
        _ => (None, trimmed),
    };
    let at = |local: DateTime| local.to_zoned(zone.clone()).map(|at: Zoned| at.timestamp());
    let wrong = || {
        let rest = place.end - rest.len()..place.end;
        (
            rest,
            "must be a time like 03:12, 03:12:40, -5m or yesterday 03:12".to_owned(),
        )
    };
    match (moment(rest), day) {
        (Ok(Moment::TimeOfDay(time)), Some(day)) => at(day.to_datetime(time)).map_err(|_| wrong()),
        (Ok(Moment::TimeOfDay(time)), None) => {
            let of = |day: jiff::civil::Date| at(day.to_datetime(time)).map_err(|_| wrong());
            match of(today)? {
                at if at <= now => Ok(at),
                _ => of(today.saturating_sub(1.day())),
            }
        }
        (Ok(moment @ (Moment::At(_) | Moment::Local(_))), None) => Ok(moment.from(now, zone)),
        _ => Err(wrong()),
    }
}

/// Word after a time that the clock had several times, for the first of them.
pub const FIRST: &str = "first";

/// Takes that word from a text.
pub fn without_first(text: &str) -> Option<&str> {
    let before = text.trim_end().strip_suffix(FIRST)?;
    before.ends_with(char::is_whitespace).then_some(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_back_finds_the_last_such_moment() {
        let now: Timestamp = "2026-11-30T23:40:00Z".parse().expect("a time");
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        for (text, at) in [
            ("", "2026-11-30T23:40:00Z"),
            (" now ", "2026-11-30T23:40:00Z"),
            ("-5m", "2026-11-30T23:35:00Z"),
            ("-1h30m", "2026-11-30T22:10:00Z"),
            ("- 90", "2026-11-30T23:38:30Z"),
            // it is 00:40 there
            ("00:12", "2026-11-30T23:12:00Z"),
            ("00:41", "2026-11-29T23:41:00Z"),
            ("today 00:30:10", "2026-11-30T23:30:10Z"),
            ("yesterday  23:50", "2026-11-30T22:50:00Z"),
            ("2026-12-01 00:12", "2026-11-30T23:12:00Z"),
            ("2026-11-30T23:12:00Z", "2026-11-30T23:12:00Z"),
        ] {
            let found = looking_back(text, now, &zone).expect(text);
            assert_eq!(found.to_string(), at, "{text}");
        }
        for (text, span) in [
            ("x", 0..1),
            ("yesterday 25:00", 10..15),
            ("yesterday", 0..9),
            (" -5x", 1..4),
            ("yesterday 2026-11-30T23:12:00Z", 10..30),
        ] {
            let (wrong, _) = looking_back(text, now, &zone).expect_err(text);
            assert_eq!(wrong, span, "{text}");
        }
    }

    #[test]
    fn moment_of_any_form_is_found_in_a_recording() {
        let first: Timestamp = "2026-11-30T23:10:50Z".parse().expect("a time");
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        for (text, at) in [
            ("2026-11-30T23:12:04Z", "2026-11-30T23:12:04Z"),
            ("2026-12-01T00:12:04+01:00", "2026-11-30T23:12:04Z"),
            ("2026-12-01T00:12:04", "2026-11-30T23:12:04Z"),
            ("2026-12-01 00:12", "2026-11-30T23:12:00Z"),
            ("2026-11-29 00:12", "2026-11-28T23:12:00Z"),
            ("00:12", "2026-11-30T23:12:00Z"),
            ("00:12:04.5", "2026-11-30T23:12:04.5Z"),
            ("+90s", "2026-11-30T23:12:20Z"),
            ("+1h30m", "2026-12-01T00:40:50Z"),
            // the minute in which it begins
            ("00:10", "2026-11-30T23:10:00Z"),
            // the day has begun an hour before in this zone, so this is the next one
            ("00:09", "2026-12-01T23:09:00Z"),
        ] {
            let moment = moment(text).expect(text).from(first, &zone);
            assert_eq!(moment.to_string(), at, "{text}");
            let again = super::moment(text).expect(text).to_string();
            assert_eq!(super::moment(&again), super::moment(text), "{text}");
        }
        for text in [
            "",
            "now",
            "3",
            "25:00",
            "2026-13-01 00:00",
            "03:12pm",
            "+",
            "+5x",
        ] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
