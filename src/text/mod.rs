//! Text and numbers as people write them, independent of sessions.

pub mod sanitize;
pub mod suggest;
pub mod units;
