//! Moments as people write them: `03:12`, `2026-11-30 03:12:04`, `2026-11-30T03:12:04Z`.

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

/// A moment, as far as its text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    At(Timestamp),
    /// Local date and time.
    Local(DateTime),
    /// Local time of a day that is to be found.
    TimeOfDay(Time),
}

/// Parses a moment.
///
/// # Errors
/// A text that says how to write one.
pub fn moment(text: &str) -> Result<Moment, String> {
    let text = text.trim();
    if let Ok(at) = text.parse() {
        return Ok(Moment::At(at));
    }
    if let Ok(time) = text.parse() {
        return Ok(Moment::TimeOfDay(time));
    }
    let local = text.parse().map(Moment::Local);
    local.map_err(|_| {
        "must be a time like 03:12, 2026-11-30T03:12:04 or 2026-11-30T03:12:04Z".into()
    })
}

impl Moment {
    /// Returns the moment. A time of day is the first one that is not before `first`.
    pub fn from(self, first: Timestamp, zone: &TimeZone) -> Timestamp {
        let at = |local: DateTime| local.to_zoned(zone.clone()).map(|at: Zoned| at.timestamp());
        match self {
            Moment::At(at) => at,
            Moment::Local(local) => at(local).unwrap_or(first),
            Moment::TimeOfDay(time) => {
                let day = first.to_zoned(zone.clone()).date();
                let today = at(day.to_datetime(time)).unwrap_or(first);
                let tomorrow = || at(day.saturating_add(1.day()).to_datetime(time));
                match today >= first {
                    true => today,
                    false => tomorrow().unwrap_or(first),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moment_of_any_form_is_found_in_a_recording() {
        let first: Timestamp = "2026-11-30T23:10:00Z".parse().expect("a time");
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        for (text, at) in [
            ("2026-11-30T23:12:04Z", "2026-11-30T23:12:04Z"),
            ("2026-12-01T00:12:04+01:00", "2026-11-30T23:12:04Z"),
            ("2026-12-01T00:12:04", "2026-11-30T23:12:04Z"),
            ("2026-12-01 00:12", "2026-11-30T23:12:00Z"),
            ("00:12", "2026-11-30T23:12:00Z"),
            ("00:12:04.5", "2026-11-30T23:12:04.5Z"),
            // the day has begun an hour before in this zone, so this is the next one
            ("00:09", "2026-12-01T23:09:00Z"),
        ] {
            let moment = moment(text).expect(text).from(first, &zone);
            assert_eq!(moment.to_string(), at, "{text}");
        }
        for text in ["", "now", "3", "25:00", "2026-13-01 00:00", "03:12pm"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
