//! What is read of this machine besides its sessions: processes, names, mounts, signals, our own surroundings.

pub mod cgroup;
pub mod proc;
pub mod processes;
pub mod resolver;
pub mod services;
pub mod session_env;
pub mod signals;
pub mod users;
pub mod waker;
