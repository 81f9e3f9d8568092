//! Scrollable pages of text, as lines for a width: the detail of a session and the help.

pub mod detail;
pub mod help;
