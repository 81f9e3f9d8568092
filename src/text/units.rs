//! Numbers with units, sizes and times: one parser for filters, flags and the configuration.

use std::time::Duration;

use crate::text::sanitize::sanitize;

/// One second, ns.
pub const S: u64 = 1_000_000_000;

/// Names of a unit, in lower case, and its factor.
pub type Unit = (&'static [&'static str], u64);

pub const SIZES: &[Unit] = &[
    (&["b"], 1),
    (&["k", "kb"], 1_000),
    (&["m", "mb"], 1_000_000),
    (&["g", "gb"], 1_000_000_000),
    (&["t", "tb"], 1_000_000_000_000),
    (&["p", "pb"], 1_000_000_000_000_000),
    (&["e", "eb"], 1_000_000_000_000_000_000),
    (&["ki", "kib"], 1 << 10),
    (&["mi", "mib"], 1 << 20),
    (&["gi", "gib"], 1 << 30),
    (&["ti", "tib"], 1 << 40),
    (&["pi", "pib"], 1 << 50),
    (&["ei", "eib"], 1 << 60),
];

pub const TIMES: &[Unit] = &[
    (&["us", "µs", "μs"], 1), // the micro sign and the Greek letter: keyboards have either
    (&["ms"], 1_000),
    (&["s"], 1_000_000),
    (&["m", "min"], 60_000_000),
    (&["h"], 3_600_000_000),
    (&["d"], 86_400_000_000),
];

/// Reason that a number with units cannot be read.
pub enum Unscaled {
    /// Not a number; true if it may be the beginning of one.
    NotANumber(bool),
    NoUnit,
    /// Unknown unit; true if it may be the beginning of one.
    Unit(String, bool),
    /// Less than one of the smallest unit.
    Fraction,
    TooGreat,
}

impl Unscaled {
    /// Beginning of an error message that continues with the valid forms; empty if all it could do is repeat the unit.
    pub fn unit_hint(&self) -> String {
        match self {
            Unscaled::Unit(unit, _) => format!("unknown unit `{}`; ", sanitize(unit.trim())),
            _ => String::new(),
        }
    }
}

/// Parses numbers with units: `10MB`, `1.5s`, and the form that the table shows, `2m03s`. A bare number takes the
/// default unit; without a default, only 0 needs no unit.
pub fn scaled(text: &str, units: &[Unit], default: Option<u64>) -> Result<u64, Unscaled> {
    let mut rest = text;
    let mut sum = 0_u64;
    let mut last = u64::MAX;
    loop {
        let split = |text: &str, digit: bool| {
            text.find(|c: char| (c.is_ascii_digit() || c == '.') != digit)
                .unwrap_or(text.len())
        };
        let (digits, after) = rest.split_at(split(rest, true));
        let (unit, after) = after.split_at(split(after, false));
        let number = Decimal::read(digits)
            .ok_or_else(|| Unscaled::NotANumber(after.is_empty() && digits.ends_with('.')))?;
        let factor = if unit.is_empty() {
            let zero = number.digits == 0;
            match default.or(zero.then_some(1)) {
                Some(factor) if rest == text => factor,
                _ => return Err(Unscaled::NoUnit),
            }
        } else {
            let lower = unit.to_lowercase();
            let named = |(names, _): &&Unit| names.contains(&lower.as_str());
            let Some((_, factor)) = units.iter().find(named) else {
                let begins = |(names, _): &Unit| names.iter().any(|n| n.starts_with(&lower));
                return Err(Unscaled::Unit(unit.to_owned(), units.iter().any(begins)));
            };
            *factor
        };
        if factor >= last {
            return Err(Unscaled::NotANumber(false)); // 3s2m, 1k1k
        }
        last = factor;
        let part = number.times(factor)?;
        sum = sum.checked_add(part).ok_or(Unscaled::TooGreat)?;
        rest = after;
        if rest.is_empty() {
            return Ok(sum);
        }
    }
}

/// Decimal number: its digits without the point, and how many of them follow the point.
struct Decimal {
    digits: u128,
    decimals: u32,
}

impl Decimal {
    fn read(text: &str) -> Option<Decimal> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if whole.is_empty() && fraction.is_empty() || text.ends_with('.') || text.len() > 36 {
            return None;
        }
        Some(Decimal {
            digits: format!("{whole}{fraction}").parse().ok()?,
            decimals: fraction.len().try_into().ok()?,
        })
    }

    /// Multiplies and rounds down: nobody counts half bytes in 23.8MiB. An error only if nothing is left at all.
    fn times(&self, factor: u64) -> Result<u64, Unscaled> {
        let product = self
            .digits
            .checked_mul(factor.into())
            .ok_or(Unscaled::TooGreat)?
            / 10_u128.pow(self.decimals);
        if product == 0 && self.digits != 0 {
            return Err(Unscaled::Fraction);
        }
        u64::try_from(product).map_err(|_| Unscaled::TooGreat)
    }
}

/// Parses a time for flags and the configuration: what a filter takes (`10s`, `1m30s`, `1.5h`), or a bare number of
/// seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    const TAKES: &str = "must be a time like 10s, 1m30s or 500ms";
    const SECOND: u64 = 1_000_000;
    const CENTURY: u64 = 100 * 365 * 86_400 * SECOND;
    match scaled(text, TIMES, Some(SECOND)) {
        Ok(0) | Err(Unscaled::Fraction) => Err(format!("{TAKES}, more than zero")),
        Ok(us @ ..=CENTURY) => Ok(Duration::from_micros(us)),
        Ok(_) | Err(Unscaled::TooGreat) => Err("must be at most a hundred years".into()),
        Err(why) => Err(format!("{}{TAKES}", why.unit_hint())),
    }
}

/// Formats a time so that [`duration`] reads it back, to the microsecond: `1m30s`, `1s500ms`.
pub fn duration_text(time: Duration) -> String {
    let mut rest = time.as_micros();
    let mut text = String::new();
    for (names, factor) in TIMES.iter().rev() {
        let factor = u128::from(*factor);
        if rest >= factor {
            text += &format!("{}{}", rest / factor, names[0]);
            rest %= factor;
        }
    }
    match text.is_empty() {
        true => "0s".into(),
        false => text,
    }
}

/// Parses the refresh interval. Its bounds: fast enough to be live, slow enough to be read.
pub fn interval(text: &str) -> Result<Duration, String> {
    let limits = Duration::from_millis(100)..=Duration::from_secs(3600);
    let time = duration(text)?;
    if limits.contains(&time) {
        Ok(time)
    } else {
        Err("must be a time from 100ms to 1h".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaled_accepts_times_and_sizes_as_the_table_shows_them() {
        for us in [
            1,
            999,
            1_200,
            91_800,
            457_000,
            3_070_000,
            123_000_000,
            14_820_000_000,
        ] {
            let text = crate::model::fields::micros(us);
            assert_eq!(scaled(&text, TIMES, None).ok(), Some(us), "{text}");
        }
        for n in [0, 999, 1_200, 51_700, 5_000_000_000] {
            for text in [
                crate::model::fields::bytes(n),
                crate::model::fields::size(n),
            ] {
                assert_eq!(scaled(&text, SIZES, Some(1)).ok(), Some(n), "{text}");
            }
        }
    }

    #[test]
    fn scaled_at_the_limits_of_64_bits_is_exact_or_rejected() {
        let size = |text: &str| scaled(text, SIZES, Some(1)).ok();
        assert_eq!(size("18446744073709551615"), Some(u64::MAX));
        assert_eq!(size("18446744073709551616"), None);
        assert_eq!(size("15.99EiB"), Some(18_435_214_858_663_483_146));
        assert_eq!(size("16EiB"), None);
        assert_eq!(size(&"9".repeat(40)), None);
        assert_eq!(size("0.0B"), Some(0));
        assert_eq!(size(".5k"), Some(500));
        assert_eq!(scaled("0", TIMES, None).ok(), Some(0));
        assert_eq!(scaled("1", TIMES, None).ok(), None);
    }

    /// Parses a filter's time into microseconds.
    fn filter_time(text: &str) -> Option<u64> {
        scaled(text, TIMES, None).ok()
    }

    #[test]
    fn duration_accepts_the_same_times_as_a_filter() {
        for (text, ms) in [
            ("10s", 10_000),
            ("10S", 10_000),
            ("1m30s", 90_000),
            ("1min30s", 90_000),
            ("2m03s", 123_000),
            ("500ms", 500),
            ("500000µs", 500),
            ("500000us", 500),
            ("1.5s", 1_500),
            (".5s", 500),
            ("1.5h", 5_400_000),
            ("1h", 3_600_000),
            ("2d", 172_800_000),
            ("1d12h30m15s500ms", 131_415_500),
        ] {
            let time = Duration::from_millis(ms);
            assert_eq!(duration(text), Ok(time), "{text}");
            assert_eq!(filter_time(text), Some(ms * 1000), "{text}");
            assert_eq!(duration(&duration_text(time)), Ok(time), "{text}");
        }
        // a bare number is seconds in a flag, and has no unit in a filter
        for (text, ms) in [("2", 2_000), ("0.5", 500), (".25", 250), ("1.5", 1_500)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
            assert_eq!(filter_time(text), None, "{text}");
        }
        for text in [
            "",
            "s",
            "soon",
            "-1s",
            "+1s",
            "nan",
            "inf",
            "1e3",
            "1s1m",
            "1s1s",
            "1m5",
            "1 s",
            "5x",
            "1,5s",
            "0x10",
            "1.s",
            "P1D",
            "10 seconds",
        ] {
            assert!(duration(text).is_err(), "{text}");
            assert_eq!(filter_time(text), None, "{text}");
        }
    }

    #[test]
    fn duration_errors_name_valid_times() {
        let error = |text| duration(text).expect_err(text);
        let takes = "must be a time like 10s, 1m30s or 500ms";
        assert_eq!(error("soon"), takes);
        assert_eq!(error("5sec"), format!("unknown unit `sec`; {takes}"));
        assert_eq!(error("1m 30s"), format!("unknown unit `m`; {takes}"));
        assert_eq!(error("5\u{1b}[2J"), format!("unknown unit `?[`; {takes}"));
        for nothing in ["0", "0s", "0.1us"] {
            assert_eq!(error(nothing), format!("{takes}, more than zero"));
        }
        for long in ["36501d", "9999999999999d", &"9".repeat(30)] {
            assert_eq!(error(long), "must be at most a hundred years");
        }
        assert_eq!(duration("36500d"), Ok(Duration::from_secs(36_500 * 86_400)));
    }

    #[test]
    fn spelled_times_have_no_empty_units() {
        for (ms, text) in [
            (0, "0s"),
            (500, "500ms"),
            (1_500, "1s500ms"),
            (90_000, "1m30s"),
            (86_400_000, "1d"),
        ] {
            assert_eq!(duration_text(Duration::from_millis(ms)), text);
        }
    }
}
