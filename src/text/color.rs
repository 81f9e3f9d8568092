//! Colors in numbers, as people and terminals write them, and the contrast between them.

use std::fmt;

/// A color of sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

/// Steps of the color cube in the palette of 256.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The first color of the palette that is the same on all terminals; those before it are chosen by users.
const FIRST_FIXED: u8 = 16;

impl Rgb {
    /// Parses a color as X11 writes it and terminals report it: `rgb:ffff/ffff/ffff`, or `rgba:` with a fourth number, which
    /// does not matter. Each number has one to four hexadecimal digits.
    pub fn parse_x11(text: &str) -> Option<Self> {
        let (kind, numbers) = text.split_once(':')?;
        let count = match kind {
            "rgb" => 3,
            "rgba" => 4,
            _ => return None,
        };
        let parts: Vec<u8> = numbers.split('/').map(scaled).collect::<Option<_>>()?;
        match parts[..] {
            [red, green, blue, ..] if parts.len() == count => Some(Rgb(red, green, blue)),
            _ => None,
        }
    }

    /// The color of a number of the 256, if it is the same on all terminals.
    pub fn of_palette(number: u8) -> Option<Self> {
        let number = number.checked_sub(FIRST_FIXED)?;
        let step = |n: u8| STEPS[usize::from(n % 6)];
        Some(match number {
            0..216 => Rgb(step(number / 36), step(number / 6), step(number)),
            gray => {
                let gray = 8 + 10 * (gray - 216);
                Rgb(gray, gray, gray)
            }
        })
    }

    /// The number of the most similar color of the 256.
    pub fn nearest_of_palette(self) -> u8 {
        let distance = |number: &u8| {
            let other = Rgb::of_palette(*number).unwrap_or(self);
            let apart = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
            apart(self.0, other.0) + apart(self.1, other.1) + apart(self.2, other.2)
        };
        (FIRST_FIXED..=u8::MAX)
            .min_by_key(distance)
            .unwrap_or(FIRST_FIXED)
    }

    /// Relative luminance, from 0 for black to 1 for white (WCAG 2.2, <https://www.w3.org/TR/WCAG22/#dfn-relative-luminance>).
    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }

    /// Contrast ratio, from 1 to 21 (WCAG 2.2, <https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>).
    pub fn contrast(self, other: Rgb) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// True for a background on which black is more readable than white.
    pub fn is_light(self) -> bool {
        self.contrast(Rgb(0, 0, 0)) > self.contrast(Rgb(255, 255, 255))
    }
}

/// Scales one to four hexadecimal digits to 8 bits.
fn scaled(digits: &str) -> Option<u8> {
    let most = match digits.len() {
        length @ 1..=4 => (1 << (4 * length)) - 1,
        _ => return None,
    };
    // from_str_radix would take a sign
    let is_number = digits.bytes().all(|b| b.is_ascii_hexdigit());
    let number = u32::from_str_radix(digits, 16).ok().filter(|_| is_number)?;
    u8::try_from((number * 255 + most / 2) / most).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x11_color_of_any_depth_is_parsed() {
        for (text, color) in [
            ("rgb:ffff/ffff/ffff", Some("#ffffff")),
            ("rgb:ff/FF/ff", Some("#ffffff")),
            ("rgb:f/0/8", Some("#ff0088")),
            ("rgb:fff/000/800", Some("#ff0080")),
            ("rgb:0000/2b2b/3636", Some("#002b36")),
            ("rgba:ffff/0000/8080/cccc", Some("#ff0080")),
            ("rgb:ffff/ffff", None),
            ("rgb:ffff/ffff/ffff/ffff", None),
            ("rgba:ff/ff/ff", None),
            ("rgb:+f/ff/ff", None),
            ("rgb:fffff/ff/ff", None),
            ("rgb://", None),
            ("#ffffff", None),
            ("?", None),
            ("", None),
        ] {
            let parsed = Rgb::parse_x11(text).map(|c| c.to_string());
            assert_eq!(parsed.as_deref(), color, "{text}");
        }
    }

    #[test]
    fn contrast_is_that_of_the_recommendation() {
        let rounded = |a, b| {
            let contrast = Rgb::contrast(a, b);
            assert_eq!(contrast, b.contrast(a));
            format!("{contrast:.2}")
        };
        let white = Rgb(255, 255, 255);
        assert_eq!(rounded(Rgb(0, 0, 0), white), "21.00");
        assert_eq!(rounded(white, white), "1.00");
        // https://webaim.org/articles/contrast/
        assert_eq!(rounded(Rgb(0x77, 0x77, 0x77), white), "4.48");
        assert_eq!(rounded(Rgb(255, 0, 0), white), "4.00");
    }

    #[test]
    fn backgrounds_are_light_or_dark() {
        for (color, is_light) in [
            (Rgb(255, 255, 255), true),
            (Rgb(0xfd, 0xf6, 0xe3), true),
            (Rgb(0xdd, 0xdd, 0xdd), true),
            (Rgb(0, 0, 0), false),
            (Rgb(0x00, 0x2b, 0x36), false),
            (Rgb(0x30, 0x0a, 0x24), false),
        ] {
            assert_eq!(color.is_light(), is_light, "{color}");
        }
    }

    #[test]
    fn palette_numbers_and_colors_match() {
        assert_eq!(Rgb::of_palette(15), None);
        for (number, color) in [
            (16, "#000000"),
            (74, "#5fafd7"),
            (214, "#ffaf00"),
            (231, "#ffffff"),
            (232, "#080808"),
            (255, "#eeeeee"),
        ] {
            let of_number = Rgb::of_palette(number).expect("a fixed color");
            assert_eq!(of_number.to_string(), color);
            assert_eq!(of_number.nearest_of_palette(), number);
        }
        assert_eq!(Rgb(0xff, 0x54, 0x56).nearest_of_palette(), 203);
    }
}
