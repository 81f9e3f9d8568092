//! How figures read in a few characters: sizes, times, numbers of things.

use humansize::{DECIMAL, FormatSizeOptions, format_size};

/// Bytes in at most six characters: `0`, `999`, `1.2k`, `10.5M`.
pub fn bytes(n: u64) -> String {
    if n < 1000 {
        return n.to_string();
    }
    let options = FormatSizeOptions::from(DECIMAL)
        .decimal_places(1)
        .decimal_zeroes(1)
        .space_after_value(false);
    let mut text = format_size(n, options);
    text.truncate(text.len() - 1); // "1.2kB": the column says that these are bytes
    text
}

/// So many of something: `1 kind`, `2 kinds`.
pub fn number(n: u64, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        _ => format!("{n} {what}s"),
    }
}

/// A time in at most six characters: `0.23ms`, `91.8ms`, `3.07s`, `2m03s`, `4h07m`, `12d03h`.
pub fn micros(us: u64) -> String {
    const S: u64 = 1_000_000;
    match us {
        0..1_000 => format!("{us}µs"),
        1_000..100_000 => format!("{:.1}ms", us as f64 / 1e3),
        100_000..S => format!("{}ms", us / 1000),
        S..=59_999_999 => format!("{:.2}s", us as f64 / 1e6).replace("60.00s", "59.99s"),
        _ => {
            let s = us / S;
            match s {
                0..3600 => format!("{}m{:02}s", s / 60, s % 60),
                3600..86_400 => format!("{}h{:02}m", s / 3600, s / 60 % 60),
                _ => format!("{}d{:02}h", s / 86_400, s / 3600 % 24),
            }
        }
    }
}

/// A time in whole seconds: `0s`, `42s`, `2m03s`.
pub fn seconds(ns: u64) -> String {
    match ns / 1_000_000_000 {
        s @ ..60 => format!("{s}s"),
        s => micros(s * 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1.0k"),
            (51_712, "51.7k"),
            (999_949, "999.9k"),
            (5_000_000_000, "5.0G"),
            (u64::MAX, "18.4E"),
        ] {
            assert_eq!(bytes(n), text);
        }
    }

    #[test]
    fn times_are_short() {
        for (us, text) in [
            (0, "0µs"),
            (999, "999µs"),
            (1_234, "1.2ms"),
            (99_949, "99.9ms"),
            (457_520, "457ms"),
            (3_066_790, "3.07s"),
            (59_999_999, "59.99s"),
            (60_000_000, "1m00s"),
            (3_599_999_999, "59m59s"),
            (14_820_000_000, "4h07m"),
            (1_047_600_000_000, "12d03h"),
        ] {
            assert_eq!(micros(us), text);
            assert!(text.chars().count() <= 6, "{text}");
        }
    }
}
