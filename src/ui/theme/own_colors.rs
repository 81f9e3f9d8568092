//! Colors that the configuration gives to styles, instead of those of the theme.

use std::fmt;

use ratatui::style::{Color, Style};

use crate::text::color::Rgb;
use crate::ui::theme::{Environment, STYLES, Theme};

/// One row of [`STYLES`].
pub struct NamedStyle {
    /// Its name in the configuration.
    pub name: &'static str,
    pub help: &'static str,
    pub of: fn(&mut Theme) -> &mut Style,
}

impl fmt::Debug for NamedStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamedStyle({})", self.name)
    }
}

/// Names of the terminal's sixteen colors, in the order of their numbers.
pub const COLOR_NAMES: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "gray",
    "dark-gray",
    "light-red",
    "light-green",
    "light-yellow",
    "light-blue",
    "light-magenta",
    "light-cyan",
    "white",
];

/// Returns the color of a text: a name of [`COLOR_NAMES`], a number of the 256, or `#rrggbb`.
pub fn parse_color(text: &str) -> Option<Color> {
    // the library also takes `reset`, which is no color of the sixteen
    text.parse().ok().filter(|color| *color != Color::Reset)
}

/// The colors of one style.
#[derive(Clone, Debug)]
pub struct OwnColor {
    pub style: &'static NamedStyle,
    pub foreground: Color,
    pub background: Option<Color>,
    /// The text in the configuration.
    pub text: String,
}

impl PartialEq for OwnColor {
    fn eq(&self, other: &Self) -> bool {
        (self.style.name, &self.text) == (other.style.name, &other.text)
    }
}

/// An own color that is hard to read.
#[derive(Clone, Debug, PartialEq)]
pub struct Faint {
    name: &'static str,
    text: String,
    /// The background that it is hard to read on.
    background: Rgb,
    contrast: f64,
}

impl fmt::Display for Faint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Faint {
            name,
            text,
            background,
            contrast,
        } = self;
        write!(
            f,
            "{name} = {text} has contrast {contrast:.1} on {background}"
        )
    }
}

/// Minimum contrast of text that is large or in bold, as the recommendation has it: for less, there is a warning.
const LEAST_CONTRAST: f64 = 3.0;

/// Applies the colors to a theme, as far as the terminal has them.
pub fn apply(colors: &[OwnColor], theme: &mut Theme, environment: &Environment) {
    for own in colors {
        let style = (own.style.of)(theme);
        style.fg = available(own.foreground, environment).or(style.fg);
        style.bg = own
            .background
            .and_then(|color| available(color, environment))
            .or(style.bg);
    }
}

/// Returns the color as the terminal can show it; `None`: not at all.
fn available(color: Color, environment: &Environment) -> Option<Color> {
    match color {
        Color::Indexed(_) | Color::Rgb(..) if !environment.has_256_colors() => None,
        Color::Rgb(red, green, blue) if !environment.has_all_colors() => {
            Some(Color::Indexed(Rgb(red, green, blue).nearest_of_palette()))
        }
        color => Some(color),
    }
}

/// Returns the colors that are hard to read in this theme. Only colors with a known value are checked: the first sixteen
/// are chosen by the terminal's user. `terminal` is the terminal's background, if it is known.
pub fn faint(colors: &[OwnColor], mut theme: Theme, terminal: Option<Rgb>) -> Vec<Faint> {
    let base = theme.base;
    let judge = |own: &OwnColor| {
        let style = *(own.style.of)(&mut theme);
        let background = match style.bg.or(base.bg) {
            Some(color) => value(color)?,
            None => terminal?,
        };
        let contrast = value(style.fg?)?.contrast(background);
        (contrast < LEAST_CONTRAST).then(|| Faint {
            name: own.style.name,
            text: own.text.clone(),
            background,
            contrast,
        })
    };
    colors.iter().filter_map(judge).collect()
}

/// Returns the value of a color, if it is the same on all terminals.
fn value(color: Color) -> Option<Rgb> {
    match color {
        Color::Rgb(red, green, blue) => Some(Rgb(red, green, blue)),
        Color::Indexed(number) => Rgb::of_palette(number),
        _ => None,
    }
}

/// Returns the style of a name.
pub fn style_by_name(name: &str) -> Option<&'static NamedStyle> {
    STYLES.iter().find(|s| s.name == name)
}
