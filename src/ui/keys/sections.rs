//! Sections of keys in the help and in the documentation.

use std::borrow::Cow;

use crate::ui::action::Mode;
use crate::ui::keys::KeyBinding;
use crate::ui::keys::table::SCREENS;
use crate::ui::keys::titles::TITLES;

/// One row of [`HELP_SECTIONS`].
#[derive(Debug)]
pub struct HelpSection {
    /// Name of the section.
    pub section: &'static str,
    /// Heading in the help.
    pub heading: &'static str,
    /// Modes whose keys it explains.
    pub modes: &'static [Mode],
    /// Modes whose keys are active here too, but explained in other sections.
    besides: &'static [Mode],
}

impl HelpSection {
    /// True if this section explains the key.
    pub fn lists(&self, key: &KeyBinding) -> bool {
        let elsewhere = self.besides.iter().any(|m| key.is_in(*m));
        !elsewhere && self.modes.iter().any(|m| key.is_in(*m))
    }

    /// Returns what the key does, after the names of its screens where it works only on some of those that the section is about.
    pub fn help_of(&self, key: &KeyBinding) -> Cow<'static, str> {
        let screens = TITLES.iter().filter(|t| self.modes.contains(&t.mode));
        let (there, elsewhere): (Vec<_>, Vec<_>) = screens.partition(|t| key.is_in(t.mode));
        if there.is_empty() || elsewhere.is_empty() {
            return Cow::Borrowed(key.help);
        }
        let names: Vec<&str> = there.iter().map(|t| t.name).collect();
        Cow::Owned(format!("{}: {}", names.join(", "), key.help))
    }
}

const fn section(
    section: &'static str,
    heading: &'static str,
    modes: &'static [Mode],
    besides: &'static [Mode],
) -> HelpSection {
    HelpSection {
        section,
        heading,
        modes,
        besides,
    }
}

/// Every section, in the order of the help.
pub static HELP_SECTIONS: &[HelpSection] = &[
    section("keys", "KEYS", &[Mode::Table], &[]),
    section(
        "talkers",
        "KEYS IN TOP TALKERS, in addition to those above",
        &[Mode::TopTalkers],
        &[Mode::Table],
    ),
    section(
        "screens",
        "KEYS IN CHARTS, FAILURES AND BASELINE, besides ? d f m ! v V Space + -",
        SCREENS,
        &[Mode::Table],
    ),
    section(
        "lines",
        "KEYS IN FINDINGS, LISTENERS, DROPS AND PORTS, besides ? d f m ! L D P v V Space + -",
        &[
            Mode::Findings,
            Mode::Listeners,
            Mode::Drops,
            Mode::Ports,
            Mode::LineSearch,
        ],
        &[Mode::Table, Mode::Prompt],
    ),
    section(
        "detail",
        "KEYS IN SESSION DETAILS",
        &[Mode::Detail],
        &[Mode::Table],
    ),
    section(
        "columns",
        "KEYS IN THE COLUMN CHOOSER",
        &[Mode::Columns],
        &[Mode::Table],
    ),
    section(
        "sort-menu",
        "KEYS IN THE SORT MENU, besides the letters of the columns",
        &[Mode::SortMenu],
        &[Mode::Table],
    ),
    section(
        "prompt",
        "KEYS IN THE FILTER PROMPT",
        &[Mode::Prompt],
        &[Mode::Table],
    ),
    section(
        "past-prompt",
        "KEYS WHILE A TIME OR A CONDITION IS TYPED",
        &[Mode::PastPrompt],
        &[Mode::Prompt],
    ),
    section(
        "command",
        "KEYS IN THE COMMAND LINE",
        &[Mode::Command],
        &[Mode::Prompt],
    ),
    section(
        "help",
        "KEYS IN THE HELP, and while a search is typed",
        &[Mode::Help, Mode::Search],
        &[Mode::Table, Mode::Prompt],
    ),
    section(
        "export",
        "KEYS DURING AN EXPORT AND AFTER A COPY",
        &[Mode::FileName, Mode::Replace, Mode::Writing, Mode::Copied],
        &[Mode::Prompt],
    ),
];

/// Mouse actions and their descriptions for the help.
pub static MOUSE: &[(&str, &str)] = &[
    (
        "click",
        "select; click again to open or to narrow the filter. In the session table, the first click also copies the cell, unless click-copies is false",
    ),
    (
        "click a heading",
        "sort by that column; click again to reverse",
    ),
    ("click a tab", "go to that screen"),
    (
        "click elsewhere",
        "a key in the footer or an entry of the sort menu: the same as its key; a line of the strip: its pane; a notice: remove it",
    ),
    ("wheel", "scroll the pane under the pointer"),
    (
        "Shift and drag",
        "select text, in most terminals; with --no-mouse no Shift is needed",
    ),
];
