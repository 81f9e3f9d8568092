//! Shows every TCP session of a Linux host: captured in the kernel, reported live or line by line.
//!
//! The binary calls [`main`]. `testing` alone exports what tests and benchmarks need.

mod cli;
mod collector;
mod doctor;
mod filter;
mod generate;
mod host;
mod model;
mod output;
mod run;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod text;
mod ui;

pub use run::main;
