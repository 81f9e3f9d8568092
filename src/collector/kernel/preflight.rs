//! Checks before loading: turns what is missing on this host into one error that can be acted on.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::host::proc::Process;

/// Oldest kernel with socket storage (5.11) and cookies (5.12) in tracing programs.
const OLDEST: (u32, u32) = (5, 12);

/// Reason that no session can be seen on this host.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum StartError {
    /// Kernel too old.
    #[error(
        "Linux {0} is too old: tcplife needs 5.12 or later, which has socket storage and cookies for BPF tracing programs. Boot a newer kernel"
    )]
    OldKernel(String),
    /// Kernel without type information.
    #[error(
        "the kernel's type information, /sys/kernel/btf/vmlinux, is missing: tcplife needs a kernel built with CONFIG_DEBUG_INFO_BTF=y (and /sys mounted)"
    )]
    NoBtf,
    /// The kernel's type information cannot be read.
    #[error("cannot read the kernel's type information, /sys/kernel/btf/vmlinux: {0}")]
    UnreadableBtf(String),
    /// Neither root nor the capabilities.
    #[error(
        "loading BPF programs needs root or the {missing}. Run `sudo tcplife`, or once `sudo setcap cap_bpf,cap_perfmon+ep $(command -v tcplife)`. `tcplife --demo` shows a recorded host without"
    )]
    NoCapability {
        /// Missing capabilities, and what they are.
        missing: String,
    },
    /// A root, or a user who could not become a full one, as in a container.
    #[error(
        "loading BPF programs needs the {missing}, which even root does not have here. Start the container with --cap-add=BPF --cap-add=PERFMON (Kubernetes: securityContext.capabilities.add), or run tcplife on the host"
    )]
    NoCapabilityForRoot {
        /// Missing capabilities, and what they are.
        missing: String,
    },
    /// Root of a user namespace.
    #[error(
        "loading BPF programs needs capabilities in the host's user namespace, and this is another user namespace, such as that of a rootless container. Run tcplife outside of it, on the host"
    )]
    UserNamespace,
    /// Too few descriptors.
    #[error(
        "up to {DESCRIPTORS} open files are needed, and the limit is {0} (ulimit -n). Raise the limit"
    )]
    FewDescriptors(u64),
    /// Kernel lockdown stricter than these programs can live with.
    #[error(
        "kernel lockdown is in mode `confidentiality`, which forbids every BPF program that reads kernel memory. tcplife works in mode `integrity` (kernel command line: lockdown=integrity)"
    )]
    LockedDown,
    /// All checks passed, and the kernel refused all the same.
    #[error("{doing} failed: {error}{detail}")]
    Refused {
        /// The attempted operation.
        doing: &'static str,
        /// The kernel's error.
        error: String,
        /// Messages of libbpf.
        detail: String,
    },
}

/// Maximum number of descriptors in use, with some to spare: programs, maps, links, the terminal, queries for names, an
/// export.
const DESCRIPTORS: u64 = 64;
/// Inode number of the host's user namespace: a constant of the kernel (PROC_USER_INIT_INO).
const HOST_USER_NAMESPACE: u64 = 0xEFFF_FFFD;
/// The kernel's type information.
pub const BTF: &str = "/sys/kernel/btf/vmlinux";

/// Facts about the host that the checks need.
#[derive(Debug)]
pub struct Requirements {
    /// Release of the kernel.
    pub release: String,
    /// Result of the check of the kernel's type information.
    btf: Result<(), StartError>,
    /// Effective capabilities of this process.
    capabilities: u64,
    /// Capabilities that it can have at most.
    bounding: u64,
    is_root: bool,
    in_user_namespace: bool,
    /// Maximum number of descriptors.
    pub descriptors: u64,
    /// /sys/kernel/security/lockdown, empty if there is none.
    pub lockdown: String,
}

impl Requirements {
    /// Reads the facts, and raises the limit of descriptors.
    pub fn gather() -> Self {
        // without /proc, assume that all are present: loading fails if they are not
        let status = Process::own().status();
        let namespace = Process::own().user_namespace_inode();
        Requirements {
            release: rustix::system::uname()
                .release()
                .to_string_lossy()
                .into_owned(),
            btf: check_btf(Path::new(BTF)),
            capabilities: status.capabilities.unwrap_or(u64::MAX),
            bounding: status.bounding.unwrap_or(u64::MAX),
            is_root: rustix::process::geteuid().is_root(),
            in_user_namespace: namespace.is_some_and(|inode| inode != HOST_USER_NAMESPACE),
            descriptors: raise_descriptor_limit(),
            lockdown: fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default(),
        }
    }

    /// Checks everything.
    ///
    /// # Errors
    /// The first that is missing, as of each of the following checks.
    pub fn check(&self) -> Result<(), StartError> {
        self.check_kernel()?;
        self.check_user_namespace()?;
        self.check_capabilities()?;
        self.check_lockdown()?;
        self.check_descriptors()?;
        self.check_types()
    }

    /// Checks the release of the kernel.
    ///
    /// # Errors
    /// If it is too old.
    pub fn check_kernel(&self) -> Result<(), StartError> {
        let mut numbers = self
            .release
            .split(|c: char| !c.is_ascii_digit())
            .map(|n| n.parse().unwrap_or(0));
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        match version < OLDEST {
            true => Err(StartError::OldKernel(self.release.clone())),
            false => Ok(()),
        }
    }

    /// Checks the user namespace.
    ///
    /// # Errors
    /// If it is not that of the host.
    pub fn check_user_namespace(&self) -> Result<(), StartError> {
        match self.in_user_namespace {
            true => Err(StartError::UserNamespace),
            false => Ok(()),
        }
    }

    /// Checks the capabilities.
    ///
    /// # Errors
    /// If one is missing.
    pub fn check_capabilities(&self) -> Result<(), StartError> {
        // include/uapi/linux/capability.h; CAP_SYS_ADMIN stands for both
        const CAP_SYS_ADMIN: u32 = 21;
        let is_in = |set: u64, bit: u32| set >> bit & 1 == 1 || set >> CAP_SYS_ADMIN & 1 == 1;
        let has = |bit: u32| is_in(self.capabilities, bit);
        let missing: Vec<&str> = [("CAP_PERFMON", 38), ("CAP_BPF", 39)]
            .iter()
            .filter(|c| !has(c.1))
            .map(|c| c.0)
            .collect();
        if !missing.is_empty() {
            let noun = match missing.len() {
                1 => "capability",
                _ => "capabilities",
            };
            let missing = format!("{noun} {}", missing.join(" and "));
            let can_have = |bit| is_in(self.bounding, bit);
            return Err(match self.is_root || !(can_have(38) && can_have(39)) {
                true => StartError::NoCapabilityForRoot { missing },
                false => StartError::NoCapability { missing },
            });
        }
        Ok(())
    }

    /// Checks the kernel's lockdown.
    ///
    /// # Errors
    /// If it forbids reading kernel memory.
    pub fn check_lockdown(&self) -> Result<(), StartError> {
        match self.lockdown.contains("[confidentiality]") {
            true => Err(StartError::LockedDown),
            false => Ok(()),
        }
    }

    /// Checks the limit of descriptors.
    ///
    /// # Errors
    /// If it is too low.
    pub fn check_descriptors(&self) -> Result<(), StartError> {
        match self.descriptors < DESCRIPTORS {
            true => Err(StartError::FewDescriptors(self.descriptors)),
            false => Ok(()),
        }
    }

    /// Checks the kernel's type information.
    ///
    /// # Errors
    /// If it is missing or damaged.
    pub fn check_types(&self) -> Result<(), StartError> {
        self.btf.clone()
    }
}

/// Raises the limit of descriptors as far as this process may, and returns it.
fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let _ = setrlimit(Resource::Nofile, raised);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Checks the header of the kernel's type information (Documentation/bpf/btf.rst): of a damaged one libbpf says only that
/// an argument is invalid.
fn check_btf(file: &Path) -> Result<(), StartError> {
    const MAGIC: u16 = 0xEB9F;
    let unreadable = |why: &dyn std::fmt::Display| StartError::UnreadableBtf(why.to_string());
    let size = match fs::metadata(file) {
        Ok(file) if file.is_file() => file.len(),
        Ok(_) => return Err(unreadable(&"it is not a regular file")),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(StartError::NoBtf),
        Err(e) => return Err(unreadable(&e)),
    };
    let mut header = [0; 24];
    match File::open(file).and_then(|mut file| file.read_exact(&mut header)) {
        Err(e) if e.kind() != io::ErrorKind::UnexpectedEof => return Err(unreadable(&e)),
        _ => {}
    }
    let number = |at: usize| {
        let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
        u64::from(u32::from_ne_bytes(bytes))
    };
    let magic = u16::from_ne_bytes([header[0], header[1]]);
    // the strings come last
    let is_whole = number(4) + number(16) + number(20) <= size;
    match magic == MAGIC && is_whole {
        true => Ok(()),
        false => Err(unreadable(&"it is damaged, or cut off")),
    }
}

/// Checks the host before anything is loaded, because libbpf's messages about a failed load do not say what to do.
pub fn check() -> Result<(), StartError> {
    Requirements::gather().check()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Requirements {
        Requirements {
            release: "6.18.44-amd64".into(),
            btf: Ok(()),
            capabilities: 1 << 38 | 1 << 39,
            bounding: u64::MAX,
            is_root: false,
            in_user_namespace: false,
            descriptors: 1024,
            lockdown: "none [integrity] confidentiality\n".into(),
        }
    }

    #[test]
    fn preflight_two_capabilities_and_btf_are_enough() {
        assert_eq!(good().check(), Ok(()));
        assert_eq!(
            Requirements {
                capabilities: 1 << 21,
                ..good()
            }
            .check(),
            Ok(())
        );
        assert_eq!(
            Requirements {
                release: "5.12.0".into(),
                ..good()
            }
            .check(),
            Ok(())
        );
    }

    #[test]
    fn preflight_error_names_each_missing_requirement() {
        let says =
            |facts: Requirements| facts.check().expect_err("something is missing").to_string();
        assert!(
            says(Requirements {
                release: "5.10.0-33-cloud-amd64".into(),
                ..good()
            })
            .contains("Linux 5.10.0-33-cloud-amd64 is too old")
        );
        assert!(
            says(Requirements {
                release: "4.19".into(),
                ..good()
            })
            .contains("5.12 or later")
        );
        assert!(
            says(Requirements {
                btf: Err(StartError::NoBtf),
                ..good()
            })
            .contains("CONFIG_DEBUG_INFO_BTF")
        );
        assert!(
            says(Requirements {
                capabilities: 0,
                ..good()
            })
            .contains("the capabilities CAP_PERFMON and CAP_BPF.")
        );
        assert!(
            says(Requirements {
                capabilities: 1 << 39,
                ..good()
            })
            .contains("the capability CAP_PERFMON.")
        );
        let as_root = Requirements {
            is_root: true,
            capabilities: 0,
            ..good()
        };
        let without_bounding = Requirements {
            bounding: 0,
            capabilities: 0,
            ..good()
        };
        for facts in [as_root, without_bounding] {
            let text = says(facts);
            assert!(
                text.contains("--cap-add=BPF") && !text.contains("sudo"),
                "{text}"
            );
        }
        let in_user_namespace = Requirements {
            in_user_namespace: true,
            ..good()
        };
        assert!(says(in_user_namespace).contains("user namespace"));
        let few = Requirements {
            descriptors: 10,
            ..good()
        };
        assert!(says(few).contains("the limit is 10 (ulimit -n)"));
        let locked = Requirements {
            lockdown: "none integrity [confidentiality]".into(),
            ..good()
        };
        assert!(says(locked).contains("lockdown=integrity"));
    }

    #[test]
    fn btf_missing_unreadable_or_damaged_is_distinguished() {
        let folder = tempfile::tempdir().expect("a directory");
        let file = folder.path().join("vmlinux");
        assert_eq!(check_btf(&file), Err(StartError::NoBtf));
        assert!(check_btf(folder.path()).is_err_and(|e| e.to_string().contains("regular file")));
        let header = |magic: u16, strings: u32| {
            let lengths = [24, 0, 0, 0, strings].map(u32::to_ne_bytes).concat();
            [&magic.to_ne_bytes()[..], &[1, 0], &lengths].concat()
        };
        for (bytes, is_fine) in [
            (header(0xEB9F, 0), true),
            (header(0xEB9F, 1), false),
            (header(0xEB9E, 0), false),
            (header(0xEB9F, 0)[..10].to_vec(), false),
            (vec![], false),
        ] {
            fs::write(&file, &bytes).expect("a file");
            let checked = check_btf(&file);
            assert_eq!(checked.is_ok(), is_fine, "{bytes:?}");
            assert!(is_fine || checked.is_err_and(|e| e.to_string().contains("damaged")));
        }
    }
}
