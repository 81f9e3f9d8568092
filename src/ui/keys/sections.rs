//! Where keys are explained together, in the help and in the documents: one row of [`HELP_SECTIONS`] is a part of both.

use crate::ui::action::Mode;
use crate::ui::keys::Key;
use crate::ui::keys::table::SCREENS;

/// Where keys are explained together: one row of [`HELP_SECTIONS`].
#[derive(Debug)]
pub struct HelpSection {
    /// The name of the part of the documents.
    #[cfg_attr(
        not(any(test, feature = "testing")),
        expect(dead_code, reason = "the test that writes the documents reads it")
    )]
    pub section: &'static str,
    /// The heading of the part of the help.
    pub heading: &'static str,
    /// The modes that it is about.
    pub modes: &'static [Mode],
    /// What is in force there too, and is explained elsewhere; none for the first place.
    besides: Option<Mode>,
}

impl HelpSection {
    /// True if the key is explained there.
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

/// Every place, in the order of the help.
pub static HELP_SECTIONS: &[HelpSection] = &[
    place("keys", "KEYS", &[Mode::Table], None),
    place(
        "talkers",
        "KEYS IN TOP TALKERS, in addition to those above",
        &[Mode::TopTalkers],
        Some(Mode::Table),
    ),
    place(
        "screens",
        "KEYS IN DISTRIBUTIONS, FAILURES AND SINCE THE BASELINE",
        SCREENS,
        Some(Mode::Table),
    ),
    place(
        "detail",
        "KEYS IN SESSION DETAILS",
        &[Mode::Detail],
        Some(Mode::Table),
    ),
    place(
        "columns",
        "KEYS IN THE COLUMN CHOOSER",
        &[Mode::Columns],
        Some(Mode::Table),
    ),
    place(
        "prompt",
        "KEYS IN THE FILTER PROMPT",
        &[Mode::Prompt],
        Some(Mode::Table),
    ),
    place(
        "export",
        "KEYS DURING AN EXPORT",
        &[Mode::FileName, Mode::Replace, Mode::Writing],
        Some(Mode::Prompt),
    ),
];

/// What it does, for the help.
pub static MOUSE: &[(&str, &str)] = &[
    ("click", "select; click again to open or to narrow the filter"),
    ("click a heading", "sort by that column; click again to reverse"),
    ("click a footer key", "same as pressing the key"),
    ("wheel", "scroll the pane under the pointer"),
    (
        "Shift and drag",
        "select text, in most terminals; with --no-mouse no Shift is needed",
    ),
];
