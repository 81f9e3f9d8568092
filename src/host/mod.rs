//! Access to this host apart from its sessions: processes, names, mounts, signals, the environment of tcplife.

pub mod bounded_file;
pub mod cgroup;
pub mod interfaces;
pub mod job;
pub mod proc;
pub mod process_info;
pub mod resolver;
pub mod services;
pub mod session_env;
pub mod signals;
pub mod thread;
pub mod time_zone;
pub mod users;
pub mod waker;
