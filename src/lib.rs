//! Every TCP session of a Linux host: captured in the kernel, shown live or line by line.
//!
//! The binary is a thin `main` over this library, so that tests and benchmarks reach every part.

mod bounded;
pub mod capture;
pub mod cgroup;
pub mod clean;
pub mod cli;
pub mod collector;
pub mod config;
pub mod fields;
pub mod filter;
pub mod histogram;
pub mod limits;
pub mod mark;
pub mod mounts;
mod near;
pub mod output;
pub mod process;
pub mod resolver;
#[doc(hidden)]
pub mod sample;
pub mod services;
pub mod session;
pub mod signals;
pub mod store;
pub mod talkers;
pub mod ui;
pub mod users;
