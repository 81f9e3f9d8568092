//! Sections of keys in the help and in the documentation.

use crate::ui::action::Mode;
use crate::ui::keys::KeyBinding;
use crate::ui::keys::table::SCREENS;

/// One row of [`HELP_SECTIONS`].
#[derive(Debug)]
pub struct HelpSection {
    /// Name of the section in the documentation.
    #[cfg_attr(
        not(any(test, feature = "testing")),
        expect(dead_code, reason = "the test that writes the documents reads it")
    )]
    pub section: &'static str,
    /// Heading in the help.
    pub heading: &'static str,
    /// Modes whose keys it explains.
    pub modes: &'static [Mode],
    /// A mode whose keys are active here too, but explained in another section.
    besides: Option<Mode>,
}

impl HelpSection {
    /// True if this section explains the key.
    pub fn lists(&self, key: &KeyBinding) -> bool {
        let elsewhere = self.besides.is_some_and(|m| key.is_in(m));
        !elsewhere && self.modes.iter().any(|m| key.is_in(*m))
    }
}

const fn section(
    section: &'static str,
    heading: &'static str,
    modes: &'static [Mode],
    besides: Option<Mode>,
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
    section("keys", "KEYS", &[Mode::Table], None),
    section(
        "talkers",
        "KEYS IN TOP TALKERS, in addition to those above",
        &[Mode::TopTalkers],
        Some(Mode::Table),
    ),
    section(
        "screens",
        "KEYS IN DISTRIBUTIONS, FAILURES AND BASELINE, besides ? d f m Space + -",
        SCREENS,
        Some(Mode::Table),
    ),
    section(
        "detail",
        "KEYS IN SESSION DETAILS",
        &[Mode::Detail],
        Some(Mode::Table),
    ),
    section(
        "columns",
        "KEYS IN THE COLUMN CHOOSER",
        &[Mode::Columns],
        Some(Mode::Table),
    ),
    section(
        "sort-menu",
        "KEYS IN THE SORT MENU, besides the letters of the columns",
        &[Mode::SortMenu],
        Some(Mode::Table),
    ),
    section(
        "prompt",
        "KEYS IN THE FILTER PROMPT",
        &[Mode::Prompt],
        Some(Mode::Table),
    ),
    section(
        "export",
        "KEYS DURING AN EXPORT",
        &[Mode::FileName, Mode::Replace, Mode::Writing],
        Some(Mode::Prompt),
    ),
];

/// Mouse actions and their descriptions for the help.
pub static MOUSE: &[(&str, &str)] = &[
    (
        "click",
        "select; click again to open or to narrow the filter",
    ),
    (
        "click a heading",
        "sort by that column; click again to reverse",
    ),
    ("click a footer key", "same as pressing the key"),
    ("wheel", "scroll the pane under the pointer"),
    (
        "Shift and drag",
        "select text, in most terminals; with --no-mouse no Shift is needed",
    ),
];
