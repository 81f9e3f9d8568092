//! Themes: one row of [`THEMES`] each.
//!
//! Owns the styles and the choice of those that a terminal can show. Terminals with sixteen or eight colors get only
//! the first eight, which all of them have and their users chose to be readable; our own colors come from the 256
//! that every terminal with more than sixteen has.

use ratatui::style::{Color, Modifier, Style};

/// Styles of a theme. None is needed to understand the screen: everything that matters is also in words, so that
/// monochrome loses nothing.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// The default text and background.
    pub base: Style,
    /// Titles.
    pub title: Style,
    /// Numbers in the header.
    pub figure: Style,
    /// Secondary or inactive text.
    pub quiet: Style,
    /// The heading line.
    pub heading: Style,
    /// The heading of the sort column.
    pub heading_sorted: Style,
    /// Open sessions.
    pub open: Style,
    /// Sessions that have just closed.
    pub just_closed: Style,
    /// Sessions that closed a moment before.
    pub fading: Style,
    /// Closed sessions.
    pub closed: Style,
    /// The selected line.
    pub selected: Style,
    /// Keys in footer and help.
    pub key: Style,
    /// Warnings.
    pub warning: Style,
    /// Error messages.
    pub alarm_text: Style,
    /// The position of an error in typed text.
    pub wrong: Style,
    /// Alarms that must not be overlooked.
    pub alarm: Style,
}

/// The steps in which the line of a session goes from open to closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Open,
    JustClosed,
    Fading,
    Closed,
}

/// One row of [`THEMES`].
#[derive(Debug)]
pub struct NamedTheme {
    /// Its name on the command line and in the configuration.
    pub name: &'static str,
    pub help: &'static str,
    /// For terminals with eight colors.
    pub eight: &'static Theme,
    /// For terminals with 256.
    pub many: &'static Theme,
}

impl PartialEq for NamedTheme {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Every theme, in the order in which a key cycles through them.
pub static THEMES: &[NamedTheme] = &[
    NamedTheme {
        name: "dark",
        help: "the terminal's own colors, on a dark background",
        eight: &DARK,
        many: &DARK,
    },
    NamedTheme {
        name: "light",
        help: "the terminal's own colors, on a light background",
        eight: &LIGHT,
        many: &LIGHT,
    },
    NamedTheme {
        name: "high-contrast",
        help: "white and yellow on black, whatever the terminal's background",
        eight: &HIGH_CONTRAST,
        many: &HIGH_CONTRAST_256,
    },
    NamedTheme {
        name: "colour-blind",
        help: "blue against orange and yellow, no red or green; on a dark background",
        eight: &COLOUR_BLIND,
        many: &COLOUR_BLIND_256,
    },
    NamedTheme {
        name: "monochrome",
        help: "no colors: bold, underlined and reversed",
        eight: &MONOCHROME,
        many: &MONOCHROME,
    },
];

const PLAIN: Style = Style::new();
const BOLD: Style = PLAIN.add_modifier(Modifier::BOLD);
const UNDERLINED: Style = PLAIN.add_modifier(Modifier::UNDERLINED);
const REVERSED: Style = PLAIN.add_modifier(Modifier::REVERSED);

/// Attributes only.
pub static MONOCHROME: Theme = Theme {
    base: PLAIN,
    title: BOLD,
    figure: BOLD,
    quiet: PLAIN,
    heading: UNDERLINED,
    heading_sorted: UNDERLINED.add_modifier(Modifier::BOLD),
    open: BOLD,
    just_closed: BOLD.add_modifier(Modifier::UNDERLINED),
    fading: UNDERLINED,
    closed: PLAIN,
    selected: REVERSED,
    key: BOLD,
    warning: PLAIN,
    alarm_text: BOLD,
    wrong: UNDERLINED.add_modifier(Modifier::BOLD),
    alarm: REVERSED.add_modifier(Modifier::BOLD),
};

/// The terminal's own colors, which its user chose to be readable on its background.
pub static DARK: Theme = Theme {
    base: PLAIN,
    title: BOLD.fg(Color::Cyan),
    figure: BOLD,
    quiet: PLAIN.fg(Color::Cyan),
    heading: PLAIN.fg(Color::Black).bg(Color::Green),
    heading_sorted: PLAIN.fg(Color::Black).bg(Color::Cyan),
    open: BOLD,
    just_closed: BOLD.fg(Color::Magenta),
    fading: PLAIN.fg(Color::Magenta),
    closed: PLAIN,
    selected: REVERSED,
    key: BOLD.fg(Color::Cyan),
    warning: PLAIN.fg(Color::Yellow),
    alarm_text: PLAIN.fg(Color::Red),
    wrong: BOLD.fg(Color::Red).add_modifier(Modifier::UNDERLINED),
    alarm: BOLD.fg(Color::Gray).bg(Color::Red),
};

/// Without cyan and yellow, which are unreadable on white. `Gray` is the white of the first eight.
pub static LIGHT: Theme = Theme {
    base: PLAIN,
    title: BOLD.fg(Color::Blue),
    figure: BOLD,
    quiet: PLAIN.fg(Color::Blue),
    heading: PLAIN.fg(Color::Gray).bg(Color::Blue),
    heading_sorted: PLAIN.fg(Color::Gray).bg(Color::Magenta),
    open: BOLD,
    just_closed: BOLD.fg(Color::Blue),
    fading: PLAIN.fg(Color::Blue),
    closed: PLAIN,
    selected: REVERSED,
    key: BOLD.fg(Color::Blue),
    warning: PLAIN.fg(Color::Magenta),
    alarm_text: PLAIN.fg(Color::Red),
    wrong: BOLD.fg(Color::Red).add_modifier(Modifier::UNDERLINED),
    alarm: BOLD.fg(Color::Gray).bg(Color::Red),
};

/// Two colors and a background; bold makes the first eight bright.
pub static HIGH_CONTRAST: Theme = high_contrast(Color::Black, Color::Gray, Color::Yellow);
static HIGH_CONTRAST_256: Theme =
    high_contrast(Color::Indexed(16), Color::Indexed(231), Color::Indexed(226));

const fn high_contrast(black: Color, white: Color, yellow: Color) -> Theme {
    let (white_on_black, black_on_white) = (BOLD.fg(white).bg(black), PLAIN.fg(black).bg(white));
    let yellow_on_black = BOLD.fg(yellow).bg(black);
    Theme {
        base: white_on_black,
        title: yellow_on_black,
        figure: white_on_black,
        quiet: white_on_black,
        heading: black_on_white,
        heading_sorted: PLAIN.fg(black).bg(yellow),
        open: yellow_on_black,
        just_closed: white_on_black.add_modifier(Modifier::UNDERLINED),
        fading: PLAIN.fg(white).bg(black).add_modifier(Modifier::UNDERLINED),
        closed: white_on_black,
        selected: black_on_white,
        key: yellow_on_black,
        warning: yellow_on_black,
        alarm_text: yellow_on_black.add_modifier(Modifier::UNDERLINED),
        wrong: yellow_on_black.add_modifier(Modifier::UNDERLINED),
        alarm: PLAIN.fg(black).bg(yellow),
    }
}

/// Sky blue, yellow and orange by Okabe and Ito, which everybody can tell apart (<https://jfly.uni-koeln.de/color/>),
/// or the nearest available colors.
pub static COLOUR_BLIND: Theme =
    color_blind(Color::Black, Color::Cyan, Color::Yellow, Color::Yellow);
static COLOUR_BLIND_256: Theme = color_blind(
    Color::Indexed(16),
    Color::Indexed(74),
    Color::Indexed(227),
    Color::Indexed(214),
);

const fn color_blind(black: Color, blue: Color, yellow: Color, orange: Color) -> Theme {
    Theme {
        base: PLAIN,
        title: BOLD.fg(blue),
        figure: BOLD,
        quiet: PLAIN.fg(blue),
        heading: PLAIN.fg(black).bg(blue),
        heading_sorted: PLAIN.fg(black).bg(yellow),
        open: BOLD,
        just_closed: BOLD.fg(blue),
        fading: PLAIN.fg(blue),
        closed: PLAIN,
        selected: REVERSED,
        key: BOLD.fg(blue),
        warning: PLAIN.fg(yellow),
        alarm_text: BOLD.fg(orange),
        wrong: BOLD.fg(orange).add_modifier(Modifier::UNDERLINED),
        alarm: BOLD.fg(black).bg(orange),
    }
}

impl Theme {
    /// Style of a line that is active or not, like that of an open or a closed session.
    pub fn row(&self, open: bool) -> Style {
        if open { self.open } else { self.closed }
    }

    /// Style of a session's line.
    pub fn line(&self, tone: Tone) -> Style {
        match tone {
            Tone::Open => self.open,
            Tone::JustClosed => self.just_closed,
            Tone::Fading => self.fading,
            Tone::Closed => self.closed,
        }
    }
}

pub fn by_name(name: &str) -> Option<&'static NamedTheme> {
    THEMES.iter().find(|t| t.name == name)
}

pub fn names() -> impl Iterator<Item = &'static str> {
    THEMES.iter().map(|t| t.name)
}

/// Environment variables that describe the terminal.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `NO_COLOR`: see <https://no-color.org>.
    pub no_color: String,
    /// `TERM`.
    pub term: String,
    /// `COLORTERM`: set by terminals that have more colors than their `TERM` says.
    pub colorterm: String,
    /// `COLORFGBG`: numbers of text and background, set by some terminals.
    pub colorfgbg: String,
}

impl Environment {
    /// Reads the environment of this process.
    pub fn read() -> Self {
        let get = |name| {
            let value = std::env::var_os(name).unwrap_or_default();
            value.to_string_lossy().into_owned()
        };
        Environment {
            no_color: get("NO_COLOR"),
            term: get("TERM"),
            colorterm: get("COLORTERM"),
            colorfgbg: get("COLORFGBG"),
        }
    }

    /// The default theme in this environment.
    fn theme(&self) -> Option<&'static NamedTheme> {
        // names of terminals without colors in terminfo
        let mono = self.term.starts_with("vt")
            || self.term.ends_with("-m")
            || self.term.ends_with("-mono");
        // 7 and 15 are the whites
        let light = matches!(self.colorfgbg.rsplit(';').next(), Some("7" | "15"));
        by_name(match () {
            () if mono => "monochrome",
            () if light => "light",
            () => "dark",
        })
    }

    fn has_256_colors(&self) -> bool {
        matches!(self.colorterm.as_str(), "truecolor" | "24bit")
            || ["256color", "direct"].iter().any(|s| self.term.contains(s))
    }
}

/// A theme as this terminal can show it.
#[derive(Clone, Copy, Debug)]
pub struct Appearance {
    pub theme: &'static NamedTheme,
    many: bool,
    /// The theme was changed with a key.
    pub is_turned: bool,
}

impl Default for Appearance {
    fn default() -> Self {
        Appearance {
            theme: &THEMES[0],
            many: false,
            is_turned: false,
        }
    }
}

impl Appearance {
    /// Chooses the theme of the command line, else monochrome if `NO_COLOR` is set, else the configured theme, else
    /// one for the terminal.
    pub fn new(
        flag: Option<&'static NamedTheme>,
        configured: Option<&'static NamedTheme>,
        environment: &Environment,
    ) -> Self {
        let no_color = || (!environment.no_color.is_empty()).then(|| by_name("monochrome"))?;
        let theme = flag
            .or_else(no_color)
            .or(configured)
            .or(environment.theme());
        Appearance {
            theme: theme.unwrap_or(&THEMES[0]),
            many: environment.has_256_colors(),
            is_turned: false,
        }
    }

    /// Styles that this terminal can show.
    pub fn styles(&self) -> &'static Theme {
        if self.many {
            self.theme.many
        } else {
            self.theme.eight
        }
    }

    /// Switches to the next theme.
    pub fn turn(&mut self) {
        let now = THEMES.iter().position(|t| t == self.theme);
        self.theme = &THEMES[now.map_or(0, |i| (i + 1) % THEMES.len())];
        self.is_turned = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn theme_name(flag: &str, configured: &str, environment: &Environment) -> &'static str {
        Appearance::new(by_name(flag), by_name(configured), environment)
            .theme
            .name
    }

    #[test]
    fn theme_flag_overrides_no_color_which_overrides_configuration() {
        let plain = Environment::default();
        let no_color = Environment {
            no_color: "1".into(),
            ..Environment::default()
        };
        assert_eq!(theme_name("", "", &plain), "dark");
        assert_eq!(theme_name("", "light", &plain), "light");
        assert_eq!(theme_name("colour-blind", "light", &plain), "colour-blind");
        assert_eq!(theme_name("", "light", &no_color), "monochrome");
        assert_eq!(theme_name("dark", "light", &no_color), "dark");
    }

    #[test]
    fn theme_and_color_count_follow_the_terminal() {
        for (term, colorterm, colorfgbg, name, many) in [
            ("xterm-256color", "", "", "dark", true),
            ("xterm", "truecolor", "", "dark", true),
            ("xterm", "", "15;0", "dark", false),
            ("linux", "", "", "dark", false),
            ("rxvt", "", "0;default;15", "light", false),
            ("vt220", "", "", "monochrome", false),
            ("xterm-mono", "", "", "monochrome", false),
        ] {
            let environment = Environment {
                term: term.into(),
                colorterm: colorterm.into(),
                colorfgbg: colorfgbg.into(),
                ..Environment::default()
            };
            let appearance = Appearance::new(None, None, &environment);
            assert_eq!(
                (appearance.theme.name, appearance.many),
                (name, many),
                "{term}"
            );
        }
    }

    #[test]
    fn themes_for_eight_colors_use_only_those() {
        for theme in THEMES {
            let t = theme.eight;
            for style in [
                t.base,
                t.title,
                t.figure,
                t.quiet,
                t.heading,
                t.heading_sorted,
                t.open,
                t.just_closed,
                t.fading,
                t.closed,
                t.selected,
                t.key,
                t.warning,
                t.alarm_text,
                t.wrong,
                t.alarm,
            ] {
                for color in [style.fg, style.bg].into_iter().flatten() {
                    use Color::*;
                    let first_eight = [Black, Red, Green, Yellow, Blue, Magenta, Cyan, Gray];
                    assert!(first_eight.contains(&color), "{}: {color}", theme.name);
                }
            }
        }
    }

    #[test]
    fn theme_names_are_unique_and_have_help() {
        for (i, a) in THEMES.iter().enumerate() {
            assert!(!a.help.is_empty() && a.name != "auto");
            assert!(THEMES[..i].iter().all(|b| b.name != a.name), "{}", a.name);
        }
    }
}
