//! Pages of text that one scrolls through, line by line for a width: the detail of a session and the help.

pub mod detail;
pub mod help;
