//! The real program on the real kernel, with sessions of our own: the rows it prints, what its filters match, and how
//! it exits.
#![expect(
    clippy::expect_used,
    reason = "a test that cannot go on should say so and fail"
)]

#[path = "../common"]
mod common {
    pub(crate) mod cgroups;
    pub(crate) mod confined;
    pub(crate) mod faults;
    pub(crate) mod inject;
    pub(crate) mod kept;
    pub(crate) mod link;
    pub(crate) mod loopback;
    pub(crate) mod netns;
    pub(crate) mod requirements;
    pub(crate) mod running;
}

mod bound_sockets;
mod confined;
mod containers;
mod drops;
mod exit;
mod filters;
mod findings;
mod findings_network;
mod healthy;
mod interfaces;
mod listeners;
mod missed;
mod namespaces;
mod open;
mod output;
mod pauses;
mod preexisting;
mod printed_rows;
mod puppet;
mod queries;
mod recording;
mod report;
mod report_in_browser;
mod segments;
mod services;
mod sharing;
mod snapshots;

use std::time::Duration;

/// A row is due within 100 ms on an idle machine; a test machine is busy.
const SOON: Duration = Duration::from_secs(2);
