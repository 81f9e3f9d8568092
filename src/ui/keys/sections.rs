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

const fn place(
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
    place("keys", "KEYS", &[Mode::Table], None),
    place(
        "talkers",
        "KEYS IN A TALKER PANE, besides those above",
        &[Mode::TopTalkers],
        Some(Mode::Table),
    ),
    place(
        "screens",
        "KEYS IN DISTRIBUTIONS, FAILURES AND SINCE THE MARK",
        SCREENS,
        Some(Mode::Table),
    ),
    place(
        "detail",
        "KEYS IN A SESSION'S DETAIL",
        &[Mode::Detail],
        Some(Mode::Table),
    ),
    place(
        "columns",
        "KEYS WHILE CHOOSING COLUMNS",
        &[Mode::Columns],
        Some(Mode::Table),
    ),
    place(
        "prompt",
        "KEYS WHILE TYPING A FILTER",
        &[Mode::Prompt],
        Some(Mode::Table),
    ),
    place(
        "export",
        "KEYS WHILE EXPORTING",
        &[Mode::FileName, Mode::Replace, Mode::Writing],
        Some(Mode::Prompt),
    ),
];

/// Mouse actions and their descriptions for the help.
pub static MOUSE: &[(&str, &str)] = &[
    ("click", "select; once more: open it, or narrow to it"),
    ("click on a heading", "sort by it; again: invert"),
    ("click on a key below", "what the key does"),
    ("wheel", "scroll what is under the pointer"),
    (
        "Shift and the mouse",
        "the terminal's own selection, in most terminals; with --no-mouse it needs no Shift",
    ),
];
