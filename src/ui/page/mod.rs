//! Scrollable pages of text, as lines for a width: the detail of a session, the help and its questions.

pub mod detail;
pub mod help;
pub mod questions;
