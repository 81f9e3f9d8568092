//! Parts of the dashboard's state, each with its data and how it changes.

pub mod baseline;
pub mod columns;
pub mod detail;
pub mod distributions;
pub mod export;
pub mod failures;
pub mod freeze;
pub mod help;
pub mod interval;
pub mod layers;
pub mod line;
pub mod list;
pub mod local_pairs;
pub mod names;
pub mod notice;
pub mod other_end;
pub mod prompt;
pub mod rows;
pub mod saved_lines;
pub mod screens;
pub mod self_traffic;
pub mod sort_menu;
pub mod session_history;
pub mod tally;
pub mod top_talkers;
pub mod view_filter;
