//! The real dashboard on a real terminal: what a user sees of live sessions, what the keys do, and the state that the
//! terminal is left in, whatever happens.
#![expect(
    clippy::expect_used,
    reason = "a test that cannot go on should say so and fail"
)]

#[path = "../common"]
mod common {
    pub(crate) mod cgroups;
    pub(crate) mod confined;
    pub(crate) mod copies;
    pub(crate) mod documents;
    pub(crate) mod faults;
    pub(crate) mod inject;
    pub(crate) mod loopback;
    pub(crate) mod netns;
    pub(crate) mod pty;
    pub(crate) mod requirements;
}

mod background;
mod confined;
mod customization;
mod detail;
mod diagnosis;
mod exit;
mod export;
mod findings;
mod harness;
mod hidden;
mod input;
mod instants;
mod job_control;
mod listeners;
mod local_services;
mod mouse;
mod names;
mod namespaces;
mod past;
mod privileges;
mod refresh;
mod replay;
mod resize_storm;
mod screens;
mod slow;
mod table;
mod troubleshooting;
mod unusual_terminals;
mod way_back;
