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

mod kinds;
mod leaving;
mod live;
mod looks;
mod mouse;
mod named;
mod questions;
mod screens;
mod seen;
mod shown;
mod slow;
mod storm;
mod taken;
