//! Compact formats of figures: sizes, times, counts.

use humansize::{BINARY, DECIMAL, format_size};

/// Formats bytes with their unit, a power of 1000: `0B`, `999B`, `1.2kB`, `10.5MB`.
pub fn size(n: u64) -> String {
    if n < 1000 {
        return in_powers_of_1000(n, 0);
    }
    // rounded here: the crate rounds after choosing the unit, and 999,950 B would become 1000.0kB
    let tenth = 10_u64.pow(n.ilog10() / 3 * 3 - 1);
    let rest = n % tenth;
    let up = if rest >= tenth / 2 { tenth } else { 0 };
    in_powers_of_1000((n - rest).saturating_add(up), 1)
}

/// Formats bytes per second: `0B/s`, `1.2kB/s`.
pub fn byte_rate(n: u64) -> String {
    format!("{}/s", size(n))
}

/// Formats bytes for a cell, without the `B`, in at most six characters: `0`, `999`, `1.2k`, `10.5M`.
pub fn bytes(n: u64) -> String {
    let mut text = size(n);
    text.pop();
    text
}

/// Formats bytes for a narrow cell, in at most five characters: `999`, `1.2k`, `51.7k`, `121k`.
pub fn narrow_bytes(n: u64) -> String {
    let text = bytes(n);
    if text.len() <= 5 {
        return text;
    }
    // three digits say enough; rounded to these first, so that nothing becomes 1000k
    let unit = 10_u64.pow(n.ilog10() / 3 * 3);
    let rounded = n.saturating_add(unit / 2) / unit * unit;
    match bytes(rounded).split_once('.') {
        Some((whole, rest)) if whole.len() > 2 => format!("{whole}{}", &rest[1..]),
        _ => bytes(rounded),
    }
}

/// Formats a round size without `.0`: `1B`, `20kB`, `1.5MB`.
pub fn round_size(n: u64) -> String {
    in_powers_of_1000(n, 0)
}

/// Formats a number with one decimal and its unit; a decimal of 0 is written with `zeroes` digits.
fn in_powers_of_1000(n: u64, zeroes: usize) -> String {
    let options = DECIMAL.space_after_value(false).decimal_places(1);
    format_size(n, options.decimal_zeroes(zeroes))
}

/// Formats bytes in powers of 1024, as one types them: `4Ki`, `16Mi`.
pub fn binary_size(n: u64) -> String {
    let text = format_size(n, BINARY.space_after_value(false));
    text.trim_end_matches('B').to_owned()
}

/// Formats a count with its noun: `1 kind`, `2 kinds`.
pub fn number(n: u64, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        _ => format!("{n} {what}s"),
    }
}

/// Formats the time since something in at most four characters: `now`, `12s`, `5m`, `3h`, `2d`.
pub fn ago(ns: u64) -> String {
    match ns / 1_000_000_000 {
        0 => "now".into(),
        s @ 1..60 => format!("{s}s"),
        s @ 60..3600 => format!("{}m", s / 60),
        s @ 3600..86_400 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86_400),
    }
}

/// Formats a number with commas between thousands.
pub fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a time in at most six characters: `230µs`, `91.8ms`, `3.07s`, `2m03s`, `4h07m`, `12d03h`, `214d`.
pub fn micros(us: u64) -> String {
    const S: u64 = 1_000_000;
    match us {
        0..1_000 => format!("{us}µs"),
        1_000..99_950 => format!("{:.1}ms", us as f64 / 1e3),
        99_950..S => format!("{}ms", (us / 1000).max(100)),
        S..=59_999_999 => format!("{:.2}s", us as f64 / 1e6).replace("60.00s", "59.99s"),
        _ => {
            let s = us / S;
            match s {
                0..3600 => format!("{}m{:02}s", s / 60, s % 60),
                3600..86_400 => format!("{}h{:02}m", s / 3600, s / 60 % 60),
                86_400..8_640_000 => format!("{}d{:02}h", s / 86_400, s / 3600 % 24),
                _ => format!("{}d", s / 86_400),
            }
        }
    }
}

/// Units of time in µs, the smallest first.
const TIME_UNITS: [(u64, &str); 6] = [
    (1, "µs"),
    (1_000, "ms"),
    (1_000_000, "s"),
    (60_000_000, "m"),
    (3_600_000_000, "h"),
    (86_400_000_000, "d"),
];

/// Formats a time for a cell of `width` characters, in coarser units where it has to be, rounded down: `27ms`, `8.0s`, `12m`,
/// `3h12m`. At least four characters are needed.
pub fn narrow_micros(us: u64, width: usize) -> String {
    let text = micros(us);
    let fits = |text: &String| text.chars().count() <= width;
    if fits(&text) {
        return text;
    }
    let tenths = |(unit, name): (u64, &str)| {
        let tenths = us / (unit / 10).max(1);
        format!("{}.{}{name}", tenths / 10, tenths % 10)
    };
    let at = TIME_UNITS
        .iter()
        .rposition(|(unit, _)| *unit <= us)
        .unwrap_or(0);
    let whole = |(unit, name): (u64, &str)| format!("{}{name}", us / unit);
    let units = TIME_UNITS[at..].iter();
    let mut forms = units.flat_map(|unit| [tenths(*unit), whole(*unit)]);
    forms.find(fits).unwrap_or_else(|| whole(TIME_UNITS[at]))
}

/// Formats a round time, as one would write it: `1µs`, `1.5ms`, `20s`, `2h`.
pub fn round_micros(us: u64) -> String {
    let fits = |unit: &&(u64, &str)| unit.0 <= us;
    let (unit, name) = TIME_UNITS.iter().rfind(fits).unwrap_or(&TIME_UNITS[0]);
    match us.is_multiple_of(*unit) {
        true => format!("{}{name}", us / unit),
        false => format!("{:.1}{name}", us as f64 / *unit as f64),
    }
}

/// Formats a time in whole seconds: `0s`, `42s`, `2m03s`.
pub fn seconds(ns: u64) -> String {
    match ns / 1_000_000_000 {
        s @ ..60 => format!("{s}s"),
        s => micros(s * 1_000_000),
    }
}

/// Formats a time in whole minutes, for figures that must not tick: `0m`, `42m`, `2h03m`, `5d07h`.
pub fn minutes(ns: u64) -> String {
    match ns / 60_000_000_000 {
        m @ ..60 => format!("{m}m"),
        m => micros(m * 60_000_000),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn grouped_number_has_thousands_separators() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (12_345, "12,345"),
            (1_000_000, "1,000,000"),
        ] {
            assert_eq!(grouped(n), text);
        }
    }

    #[test]
    fn sizes_are_formatted_with_short_units() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1.0k"),
            (51_712, "51.7k"),
            (999_949, "999.9k"),
            (999_950, "1.0M"),
            (999_999_999, "1.0G"),
            (5_000_000_000, "5.0G"),
            (u64::MAX, "18.4E"),
        ] {
            assert_eq!(bytes(n), text);
            assert_eq!(size(n), format!("{text}B"));
        }
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (99_949, "99.9k"),
            (120_000, "120k"),
            (120_600, "121k"),
            (999_499, "999k"),
            (999_500, "1.0M"),
        ] {
            assert_eq!(narrow_bytes(n), text);
        }
        for (us, text, narrower) in [
            (0, "0µs", "0µs"),
            (260, "260µs", "0ms"),
            (27_450, "27ms", "27ms"),
            (276_000, "276ms", "0.2s"),
            (8_049_000, "8.05s", "8.0s"),
            (27_990_000, "27.9s", "27s"),
            (723_000_000, "12.0m", "12m"),
            (11_580_000_000, "3h13m", "3.2h"),
            (49_000_000_000, "13.6h", "13h"),
            (1_000_000_000_000, "11.5d", "11d"),
            (20_000_000_000_000, "231d", "231d"),
        ] {
            assert_eq!(narrow_micros(us, 5), text);
            assert_eq!(narrow_micros(us, 4), narrower);
        }
        for (n, text) in [(0, "0B"), (1, "1B"), (1_500, "1.5kB"), (20_000, "20kB")] {
            assert_eq!(round_size(n), text);
        }
        for (n, text) in [(1 << 12, "4Ki"), (1 << 24, "16Mi"), (1 << 30, "1Gi")] {
            assert_eq!(binary_size(n), text);
        }
    }

    #[test]
    fn times_are_formatted_in_at_most_six_characters() {
        for (us, text) in [
            (0, "0µs"),
            (999, "999µs"),
            (1_234, "1.2ms"),
            (99_949, "99.9ms"),
            (99_950, "100ms"),
            (100_000, "100ms"),
            (457_520, "457ms"),
            (3_066_790, "3.07s"),
            (59_999_999, "59.99s"),
            (60_000_000, "1m00s"),
            (3_599_999_999, "59m59s"),
            (14_820_000_000, "4h07m"),
            (1_047_600_000_000, "12d03h"),
            (8_639_999_000_000, "99d23h"),
            (8_640_000_000_000, "100d"),
        ] {
            assert_eq!(micros(us), text);
            assert!(text.chars().count() <= 6, "{text}");
        }
    }

    proptest! {
        #[test]
        fn sizes_and_times_of_any_value_fit_six_characters(n in any::<u64>(), shift in 0..64_u32) {
            let n = n >> shift; // as many small numbers as large ones
            prop_assert!(bytes(n).len() <= 6, "{}", bytes(n));
            prop_assert!(narrow_bytes(n).len() <= 5, "{}", narrow_bytes(n));
            let longest = 99_999 * 86_400 * 1_000_000;
            let text = micros(n.min(longest));
            prop_assert!(text.chars().count() <= 6, "{text}");
        }
    }
}
