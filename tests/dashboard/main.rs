//! The real dashboard on a real terminal: what a user sees of live sessions, what the keys do, and the state that the
//! terminal is left in, whatever happens.
#![expect(
    clippy::expect_used,
    reason = "a test that cannot go on should say so and fail"
)]

#[path = "../common"]
mod common {
    pub(crate) mod host;
    pub(crate) mod net;
    pub(crate) mod pty;
}

mod appearance;
mod display;
mod exit;
mod export;
mod kinds;
mod live;
mod mouse;
mod names;
mod questions;
mod resize_storm;
mod screens;
mod slow;
mod table;
