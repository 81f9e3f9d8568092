//! Text and numbers as people write them; knows nothing of sessions.

pub mod sanitize;
pub mod suggest;
pub mod units;
