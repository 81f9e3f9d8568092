//! Sessions and everything derived from them, as pure code: no I/O, no terminal, no kernel.

pub mod aggregate;
pub mod baseline;
pub mod batch;
pub mod bottleneck;
pub mod capture_filter;
pub mod cgroup;
pub mod count;
pub mod failures;
pub mod fields;
pub mod findings;
pub mod histogram;
pub mod host_state;
pub mod interface;
pub mod listener;
pub mod local_pairs;
pub mod measures;
pub mod name_table;
pub mod packet_drop;
pub mod port_use;
pub mod recording;
pub mod session;
pub mod session_verdict;
pub mod shell_commands;
pub mod slow_signs;
pub mod store;
pub mod turns;
