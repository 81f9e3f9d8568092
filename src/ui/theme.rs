//! What things look like: one row a theme.

use ratatui::style::{Color, Modifier, Style};

/// The styles of one theme. None is needed to understand the screen: what matters is also said in words, so that
/// monochrome loses nothing.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// Names of things.
    pub title: Style,
    /// Numbers in the header.
    pub figure: Style,
    /// Where nothing is happening.
    pub quiet: Style,
    /// The line of headings.
    pub heading: Style,
    /// The heading that is sorted by.
    pub heading_sorted: Style,
    /// Open sessions.
    pub open: Style,
    /// Finished sessions.
    pub finished: Style,
    /// The selected line.
    pub selected: Style,
    /// Keys in footer and help.
    pub key: Style,
    /// What one should look at.
    pub warning: Style,
    /// What went wrong.
    pub alarm_text: Style,
    /// The place of a mistake in what is being typed.
    pub wrong: Style,
    /// What must not be overlooked.
    pub alarm: Style,
}

const PLAIN: Style = Style::new();
const BOLD: Style = PLAIN.add_modifier(Modifier::BOLD);
const REVERSED: Style = PLAIN.add_modifier(Modifier::REVERSED);

/// Attributes only.
pub static MONOCHROME: Theme = Theme {
    title: BOLD,
    figure: BOLD,
    quiet: PLAIN,
    heading: PLAIN.add_modifier(Modifier::UNDERLINED),
    heading_sorted: PLAIN.add_modifier(Modifier::UNDERLINED.union(Modifier::BOLD)),
    open: BOLD,
    finished: PLAIN,
    selected: REVERSED,
    key: BOLD,
    warning: PLAIN,
    alarm_text: BOLD,
    wrong: PLAIN.add_modifier(Modifier::UNDERLINED.union(Modifier::BOLD)),
    alarm: PLAIN.add_modifier(Modifier::REVERSED.union(Modifier::BOLD)),
};

/// The terminal's own sixteen colours, which its user chose to be readable on its background.
pub static COLOUR: Theme = Theme {
    title: BOLD.fg(Color::Cyan),
    figure: BOLD,
    quiet: PLAIN.fg(Color::Cyan),
    heading: PLAIN.fg(Color::Black).bg(Color::Green),
    heading_sorted: PLAIN.fg(Color::Black).bg(Color::Cyan),
    open: BOLD,
    finished: PLAIN,
    selected: REVERSED,
    key: BOLD.fg(Color::Cyan),
    warning: PLAIN.fg(Color::Yellow),
    alarm_text: PLAIN.fg(Color::Red),
    wrong: BOLD.fg(Color::Red).add_modifier(Modifier::UNDERLINED),
    alarm: BOLD.fg(Color::White).bg(Color::Red),
};

impl Theme {
    /// The theme for this environment: <https://no-color.org>.
    pub fn for_environment(no_color: Option<&std::ffi::OsStr>) -> &'static Theme {
        if no_color.is_some_and(|v| !v.is_empty()) {
            &MONOCHROME
        } else {
            &COLOUR
        }
    }

    /// A session's line.
    pub fn row(&self, open: bool) -> Style {
        if open { self.open } else { self.finished }
    }
}
