//! Text, numbers and colors as people write them, independent of sessions.

pub mod color;
pub mod moment;
pub mod sanitize;
pub mod suggest;
pub mod units;
pub mod wrap;
