//! Themes: one row of [`THEMES`] each.
//!
//! Owns the styles and the choice of those that a terminal can show. Terminals with sixteen or eight colors get only
//! the first eight, which all of them have and their users chose to be readable; our own colors come from the 256
//! that every terminal with more than sixteen has.

use ratatui::style::{Color, Modifier, Style};

use crate::text::color::Rgb;

pub mod own_colors;

use own_colors::{Faint, NamedStyle, OwnColor};

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

const fn style(
    name: &'static str,
    help: &'static str,
    of: fn(&mut Theme) -> &mut Style,
) -> NamedStyle {
    NamedStyle { name, help, of }
}

/// Every style of a theme, as the configuration names it.
pub static STYLES: &[NamedStyle] = &[
    style("base", "text without a style of its own", |t| &mut t.base),
    style("title", "titles", |t| &mut t.title),
    style("figure", "numbers in the header", |t| &mut t.figure),
    style("quiet", "secondary text", |t| &mut t.quiet),
    style("heading", "the heading line", |t| &mut t.heading),
    style("heading-sorted", "the heading of the sort column", |t| {
        &mut t.heading_sorted
    }),
    style("open", "open sessions", |t| &mut t.open),
    style("just-closed", "sessions that have just closed", |t| {
        &mut t.just_closed
    }),
    style("fading", "the same a moment later", |t| &mut t.fading),
    style("closed", "closed sessions", |t| &mut t.closed),
    style("selected", "the selected line", |t| &mut t.selected),
    style("key", "keys in footer and help", |t| &mut t.key),
    style("warning", "warnings", |t| &mut t.warning),
    style("alarm-text", "error messages", |t| &mut t.alarm_text),
    style("wrong", "the position of an error", |t| &mut t.wrong),
    style("alarm", "alarms in the header", |t| &mut t.alarm),
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

    /// The colors that the terminal has, in words.
    pub fn colors(&self) -> &'static str {
        match () {
            () if self.has_all_colors() => "all colors",
            () if self.has_256_colors() => "256 colors",
            () => "16 colors or fewer",
        }
    }

    fn has_256_colors(&self) -> bool {
        self.has_all_colors() || self.term.contains("256color")
    }

    fn has_all_colors(&self) -> bool {
        matches!(self.colorterm.as_str(), "truecolor" | "24bit") || self.term.contains("direct")
    }

    /// True if the terminal may tell its background. The Linux console cannot; with `NO_COLOR` it does not matter.
    fn may_tell_background(&self) -> bool {
        self.no_color.is_empty() && self.term != "linux"
    }
}

/// A theme as this terminal can show it, with the colors of the configuration.
#[derive(Clone, Debug)]
pub struct Appearance {
    pub theme: &'static NamedTheme,
    environment: Environment,
    colors: Vec<OwnColor>,
    /// The theme was chosen for the terminal: neither a flag nor the configuration names one.
    is_automatic: bool,
    /// The terminal's background, once it is known.
    background: Option<Rgb>,
    /// The theme was changed with a key.
    pub is_turned: bool,
}

impl Default for Appearance {
    fn default() -> Self {
        Appearance {
            theme: &THEMES[0],
            environment: Environment::default(),
            colors: Vec::new(),
            is_automatic: true,
            background: None,
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
        environment: Environment,
    ) -> Self {
        let no_color = || (!environment.no_color.is_empty()).then(|| by_name("monochrome"))?;
        let chosen = flag.or_else(no_color).or(configured);
        let theme = chosen.or(environment.theme());
        Appearance {
            theme: theme.unwrap_or(&THEMES[0]),
            environment,
            is_automatic: chosen.is_none(),
            ..Appearance::default()
        }
    }

    /// Sets the colors of the configuration.
    pub fn with_colors(self, colors: Vec<OwnColor>) -> Self {
        Appearance { colors, ..self }
    }

    /// True if the terminal's background matters, and the terminal may tell it.
    pub fn needs_background(&self) -> bool {
        let matters = self.is_automatic || !self.colors.is_empty();
        matters && !self.is_monochrome() && self.environment.may_tell_background()
    }

    /// Takes the terminal's background: the theme becomes a light or a dark one, unless one was chosen.
    pub fn set_background(&mut self, background: Rgb) {
        self.background = Some(background);
        if self.is_automatic && !self.is_turned && !self.is_monochrome() {
            let name = if background.is_light() {
                "light"
            } else {
                "dark"
            };
            self.theme = by_name(name).unwrap_or(self.theme);
        }
    }

    /// Styles that this terminal can show.
    pub fn styles(&self) -> Theme {
        let is_rich = self.environment.has_256_colors();
        let mut styles = if is_rich {
            *self.theme.many
        } else {
            *self.theme.eight
        };
        if !self.is_monochrome() {
            own_colors::apply(&self.colors, &mut styles, &self.environment);
        }
        styles
    }

    /// Colors of the configuration that are hard to read.
    pub fn faint(&self) -> Vec<Faint> {
        match self.is_monochrome() {
            true => Vec::new(),
            false => own_colors::faint(&self.colors, self.styles(), self.background),
        }
    }

    fn is_monochrome(&self) -> bool {
        self.theme.name == "monochrome"
    }

    /// Switches to the next theme.
    pub fn turn(&mut self) {
        self.theme = self.next_theme();
        self.is_turned = true;
    }

    /// The theme that follows.
    pub fn next_theme(&self) -> &'static NamedTheme {
        let now = THEMES.iter().position(|t| t == self.theme);
        &THEMES[now.map_or(0, |i| (i + 1) % THEMES.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn theme_name(flag: &str, configured: &str, environment: &Environment) -> &'static str {
        Appearance::new(by_name(flag), by_name(configured), environment.clone())
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
            let appearance = Appearance::new(None, None, environment.clone());
            assert_eq!(
                (appearance.theme.name, environment.has_256_colors()),
                (name, many),
                "{term}"
            );
        }
    }

    #[test]
    fn themes_for_eight_colors_use_only_those() {
        for theme in THEMES {
            let mut theme_of_eight = *theme.eight;
            for named in STYLES {
                let style = *(named.of)(&mut theme_of_eight);
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

    fn terminal(term: &str, no_color: &str) -> Environment {
        Environment {
            term: term.into(),
            no_color: no_color.into(),
            ..Environment::default()
        }
    }

    #[test]
    fn background_chooses_the_theme_unless_one_was_chosen() {
        let (white, black) = (Rgb(255, 255, 255), Rgb(0, 0, 0));
        for (configured, colorfgbg, background, name) in [
            ("", "", white, "light"),
            ("", "", black, "dark"),
            // the variable may be that of another terminal
            ("", "0;15", black, "dark"),
            ("dark", "", white, "dark"),
            ("colour-blind", "", white, "colour-blind"),
        ] {
            let environment = Environment {
                colorfgbg: colorfgbg.into(),
                ..terminal("xterm", "")
            };
            let mut appearance = Appearance::new(None, by_name(configured), environment);
            assert_eq!(appearance.needs_background(), configured.is_empty());
            appearance.set_background(background);
            assert_eq!(appearance.theme.name, name, "{configured} {background}");
        }
        let mut turned = Appearance::new(None, None, terminal("xterm", ""));
        turned.turn();
        turned.turn();
        turned.set_background(white);
        assert_eq!(turned.theme.name, "high-contrast");
    }

    #[test]
    fn background_is_not_needed_without_colors() {
        for (term, no_color) in [
            ("vt220", ""),
            ("xterm-mono", ""),
            ("linux", ""),
            ("xterm", "1"),
        ] {
            let environment = terminal(term, no_color);
            let appearance = Appearance::new(None, None, environment);
            assert!(!appearance.needs_background(), "{term} {no_color}");
        }
        let monochrome = Appearance::new(by_name("monochrome"), None, terminal("xterm", ""));
        assert!(!monochrome.needs_background());
    }

    fn own(name: &str, foreground: Color, background: Option<Color>) -> OwnColor {
        OwnColor {
            style: own_colors::style_by_name(name).expect("a style"),
            foreground,
            background,
            text: foreground.to_string(),
        }
    }

    #[test]
    fn own_colors_are_shown_as_the_terminal_has_them() {
        let red = Color::Rgb(255, 0x54, 0x56);
        let colors = vec![
            own("alarm", red, Some(Color::Indexed(16))),
            own("closed", Color::LightBlue, None),
        ];
        let (nearest, black) = (Color::Indexed(203), Color::Indexed(16));
        for (term, colorterm, theme, fg, bg) in [
            ("xterm", "truecolor", "", red, black),
            ("xterm-256color", "", "light", nearest, black),
            ("xterm", "", "", Color::Gray, Color::Red),
        ] {
            let environment = Environment {
                colorterm: colorterm.into(),
                ..terminal(term, "")
            };
            let appearance = Appearance::new(by_name(theme), None, environment);
            let styles = appearance.with_colors(colors.clone()).styles();
            let expected = (Some(fg), Some(bg));
            assert_eq!((styles.alarm.fg, styles.alarm.bg), expected, "{term}");
            assert!(styles.alarm.add_modifier.contains(Modifier::BOLD));
            assert_eq!(styles.closed.fg, Some(Color::LightBlue));
        }
        let mono = Appearance::new(by_name("monochrome"), None, terminal("xterm", ""));
        assert_eq!(mono.with_colors(colors).styles().closed.fg, None);
    }

    #[test]
    fn own_colors_hard_to_read_are_found_where_the_background_is_known() {
        let colors = vec![
            own("closed", Color::Rgb(0xee, 0xee, 0xee), None),
            own("key", Color::Indexed(16), None),
            // unknown values
            own("open", Color::White, None),
            own("warning", Color::Rgb(0xee, 0, 0), Some(Color::Red)),
            // its own background
            own("alarm", Color::Indexed(231), Some(Color::Indexed(230))),
        ];
        let environment = terminal("xterm-direct", "");
        let appearance = Appearance::new(None, None, environment);
        let mut appearance = appearance.with_colors(colors);
        assert!(appearance.needs_background());
        let texts =
            |a: &Appearance| -> Vec<String> { a.faint().iter().map(Faint::to_string).collect() };
        let alarm = "alarm = 231 has contrast 1.0 on #ffffd7";
        assert_eq!(texts(&appearance), [alarm]);
        appearance.set_background(Rgb(255, 255, 255));
        let closed = "closed = #EEEEEE has contrast 1.2 on #ffffff";
        assert_eq!(texts(&appearance), [closed, alarm]);
        appearance.set_background(Rgb(0, 0, 0));
        let key = "key = 16 has contrast 1.0 on #000000";
        assert_eq!(texts(&appearance), [key, alarm]);
        appearance.theme = by_name("monochrome").expect("a theme");
        assert_eq!(texts(&appearance), [""; 0]);
    }

    #[test]
    fn styles_are_named_once_each() {
        for (i, a) in STYLES.iter().enumerate() {
            assert!(STYLES[..i].iter().all(|b| b.name != a.name), "{}", a.name);
        }
    }
}
