//! Access to this host apart from its sessions: processes, names, mounts, signals, the environment of tcplife.

pub mod bounded_file;
pub mod broker;
pub mod caller;
pub mod cgroup;
pub mod child;
pub mod containers;
pub mod interfaces;
pub mod job;
pub mod privileges;
pub mod proc;
pub mod process_info;
pub mod resolver;
pub mod sandbox;
pub mod services;
pub mod session_env;
pub mod signals;
pub mod thread;
pub mod time_zone;
pub mod users;
pub mod waker;
