//! Gives up a thread's rights when everything that needs them is loaded: its user, its capabilities, files, system calls.
//!
//! The kernel keeps all of it for each thread, so every thread that exists enters the sandbox; those that are started later
//! are born in it. Files are opened by the [broker](crate::host::broker).

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::ValueEnum;
use rustix::thread::{
    CapabilitySet, SecureComputingMode, capabilities, no_new_privs, secure_computing_mode,
};

use crate::host::caller::Caller;
use crate::host::privileges::{Identity, give_up, may_change_user};
use crate::host::proc::{Process, group_that_sees_all};
use crate::host::users::name_of;

mod files;
mod system_calls;

/// How much must be given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Exit if anything that is given up by default cannot be
    Strict,
    /// Give up as much as this kernel allows
    #[default]
    Default,
    /// Keep all privileges; files are still opened with the rights of the caller only
    Off,
}

impl Mode {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Strict => "strict",
            Mode::Default => "default",
            Mode::Off => "off",
        }
    }
}

/// Plan of the rights that a thread gives up.
#[derive(Clone, Debug)]
pub struct Sandbox {
    mode: Mode,
    /// The user to become; `None`: the present one stays.
    user: Option<Identity>,
    /// The directories and files that may be read.
    readable: Vec<PathBuf>,
}

/// Restrictions of a thread, as the kernel reports them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InForce {
    pub mode: Mode,
    /// Effective user.
    pub uid: u32,
    /// Capabilities that it has or could take, as a mask.
    pub capabilities: u64,
    pub no_new_privs: bool,
    /// Version of Landlock's interface that is used, at most 4; 0: no Landlock.
    pub landlock: u8,
    /// A filter of system calls is in force.
    pub seccomp: bool,
    /// Capabilities of the process that reads names of containers, as a mask.
    pub container_names: u64,
}

impl Sandbox {
    /// Plans what to give up: the user becomes the caller, and root, who called nobody, becomes nobody.
    pub fn new(mode: Mode, caller: &Caller) -> Self {
        let is_root = rustix::process::geteuid().is_root();
        let (uid, gid) = match caller.identity.uid {
            0 => (Identity::NOBODY.uid, Identity::NOBODY.gid),
            uid => (uid, caller.identity.gid),
        };
        let identity = Identity {
            uid,
            gid,
            groups: group_that_sees_all(&Process::own().mounts())
                .into_iter()
                .collect(),
        };
        Sandbox {
            mode,
            user: is_root.then_some(identity),
            readable: files::readable(),
        }
    }

    /// Nothing is given up.
    #[cfg(any(test, feature = "testing"))]
    pub fn off() -> Self {
        Sandbox {
            mode: Mode::Off,
            user: None,
            readable: Vec::new(),
        }
    }

    /// Gives up everything, in the calling thread and those that it starts from now on, except the capabilities `kept`.
    ///
    /// # Errors
    /// If it must be given up and cannot be.
    pub fn enter(&self, kept: CapabilitySet) -> anyhow::Result<InForce> {
        if self.mode == Mode::Off {
            return Ok(self.in_force(0));
        }
        let is_strict = self.mode == Mode::Strict;
        // rules name files that the new user may not reach
        let rules = files::rules(&self.readable);
        let user = self.user.as_ref().filter(|_| may_change_user());
        if let (None, Some(user), true) = (user, &self.user, is_strict) {
            bail!(
                "cannot become uid {}: the capabilities CAP_SETUID and CAP_SETGID are missing{STRICT}",
                user.uid
            );
        }
        give_up(user, kept).context("cannot give up root's rights")?;
        let landlock = files::restrict(rules);
        let landlock = match landlock {
            Ok(version) => version,
            Err(e) if is_strict => {
                return Err(e.context(format!("cannot restrict access to files{STRICT}")));
            }
            Err(_) => 0,
        };
        match system_calls::restrict() {
            Err(e) if is_strict => {
                return Err(e.context(format!("cannot restrict the system calls{STRICT}")));
            }
            _ => {}
        }
        let in_force = self.in_force(landlock);
        if is_strict && in_force.capabilities != 0 {
            bail!(
                "this kernel, older than Linux 5.19, refuses the BPF iterators without CAP_BPF{STRICT}"
            );
        }
        Ok(in_force)
    }

    /// Asks the kernel what this thread has given up.
    fn in_force(&self, landlock: u8) -> InForce {
        let held = capabilities(None).map(|sets| sets.effective | sets.permitted);
        let mode = secure_computing_mode();
        InForce {
            mode: self.mode,
            uid: rustix::process::geteuid().as_raw(),
            // without an answer nothing is known to be given up
            capabilities: held.map_or(u64::MAX, |held| held.bits()),
            no_new_privs: no_new_privs().unwrap_or(false),
            landlock,
            seccomp: mode.is_ok_and(|mode| mode == SecureComputingMode::Filter),
            container_names: 0,
        }
    }
}

/// Confines a child of one task: it becomes that user, if one is given, keeps of its capabilities only `kept`, and can read
/// only these directories.
///
/// # Errors
/// If rights cannot be given up, or, if `is_strict`, the rest cannot be put into force.
pub fn confine(
    user: Option<&Identity>,
    kept: CapabilitySet,
    readable: &[PathBuf],
    is_strict: bool,
) -> anyhow::Result<()> {
    let rules = files::rules(readable);
    give_up(user, kept).context("cannot give up root's rights")?;
    let is_limited = files::restrict(rules).map(|_| ());
    let results = [is_limited, system_calls::restrict()];
    match results.into_iter().find_map(Result::err) {
        Some(e) if is_strict => Err(e),
        _ => Ok(()),
    }
}

/// End of an error that another mode would not be.
const STRICT: &str = " (--sandbox strict; without it, tcplife runs with what cannot be given up)";

impl InForce {
    /// Combines it with another thread's: what one of them has kept, the process has.
    pub fn and(self, other: InForce) -> InForce {
        InForce {
            capabilities: self.capabilities | other.capabilities,
            no_new_privs: self.no_new_privs && other.no_new_privs,
            landlock: self.landlock.min(other.landlock),
            seccomp: self.seccomp && other.seccomp,
            ..self
        }
    }

    /// Names of the capabilities kept, as capabilities(7) spells them.
    pub fn capability_names(&self) -> Vec<String> {
        names_of(self.capabilities)
    }

    /// The same for the process that reads names of containers.
    pub fn container_capability_names(&self) -> Vec<String> {
        names_of(self.container_names)
    }

    /// Meaning of each of [`InForce::rows`].
    pub const MEANINGS: [&str; 6] = [
        "the user that tcplife has run as since its start; another process of it, tcplife-files, opens and writes files as the \
         user who started tcplife",
        "the capabilities that are left",
        "yes: executing a program cannot give it any privileges",
        "a version: this process can read only /proc, control groups and /etc, and write no file; from version 4 on, it can use \
         no TCP port. no: the kernel lacks Landlock (Linux 5.13) or does not enable it",
        "yes: starting programs, tracing processes, loading BPF programs and opening connections fail",
        "the capability of another process, tcplife-names, which reads names of containers and pods in files of their runtimes, \
         and with Landlock can read nothing else; it reads only runtimes whose directories existed when tcplife started. none: \
         it reads what its user may read",
    ];

    /// Restrictions and their state, in the order of [`InForce::MEANINGS`].
    pub fn rows(&self) -> [(&'static str, String); 6] {
        let yes = |is| if is { "yes" } else { "no" }.to_owned();
        let names = self.capability_names();
        let capabilities = match names.len() {
            0 => "none".to_owned(),
            1 => names.concat(),
            many => many.to_string(),
        };
        let for_containers = self.container_capability_names();
        let for_containers = match for_containers.len() {
            0 => "none".to_owned(),
            _ => for_containers.join(" "),
        };
        let landlock = match self.landlock {
            0 => "no".to_owned(),
            version => version.to_string(),
        };
        [
            ("user", user(self.uid)),
            ("capabilities", capabilities),
            ("no new privileges", yes(self.no_new_privs)),
            ("landlock", landlock),
            ("seccomp", yes(self.seccomp)),
            ("container names", for_containers),
        ]
    }
}

fn names_of(capabilities: u64) -> Vec<String> {
    let set = CapabilitySet::from_bits_truncate(capabilities);
    let names = set.iter_names().map(|(name, _)| format!("CAP_{name}"));
    names.collect()
}

fn user(uid: u32) -> String {
    name_of(uid).unwrap_or_else(|| uid.to_string())
}
